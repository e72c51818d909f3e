"""The shares as a token: transfer, allowance, permit."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18


def test_transfer_default(funded, backer):
    heir = funded.chain.account("heir")
    funded.fund.transfer(heir, WAD, sender=backer)
    funded.ask(heir)
    funded.fund.redeem(WAD, heir, heir, sender=heir)
    assert funded.token.balanceOf(heir) == 999_999  # the dust buffers cost less than a unit


def test_transfer_emits_transfer(funded, backer):
    heir = funded.chain.account("heir")
    event = funded.fund.transfer(heir, 5, sender=backer).event("Transfer")
    assert event.args == {"sender": backer.address, "receiver": heir.address, "value": 5}


def test_transfer_from_default(funded, backer):
    broker = funded.chain.account("broker")
    funded.fund.approve(broker, 7, sender=backer)
    funded.fund.transferFrom(backer, broker, 5, sender=broker)
    assert funded.fund.balanceOf(broker) == 5
    assert funded.fund.allowance(backer, broker) == 2


def test_transfer_reverts_above_balance(funded, backer):
    with pytest.raises(Revert) as failure:
        funded.fund.transfer(backer, 10**30, sender=backer)
    assert failure.value.reason == "erc20: transfer amount exceeds balance"


def permit(world, owner, spender, value, deadline):
    message = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Permit": [
                {"name": "owner", "type": "address"},
                {"name": "spender", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ],
        },
        "primaryType": "Permit",
        "domain": {
            "name": "Plimsoll fund",
            "version": "1",
            "chainId": world.chain.chain_id,
            "verifyingContract": world.fund.address,
        },
        "message": {
            "owner": owner.address,
            "spender": spender.address,
            "value": value,
            "nonce": world.fund.nonces(owner),
            "deadline": deadline,
        },
    }
    signature = owner.sign_typed(message)
    return signature[64], signature[:32], signature[32:64]


def test_permit_default(funded, backer):
    broker = funded.chain.account("broker")
    v, r, s = permit(funded, backer, broker, WAD, 2**40)
    funded.fund.permit(backer, broker, WAD, 2**40, v, r, s, sender=broker)
    funded.ask(backer)
    funded.fund.redeem(WAD, broker, backer, sender=broker)
    assert funded.fund.nonces(backer) == 1


def test_permit_reverts_expired(funded, backer):
    broker = funded.chain.account("broker")
    v, r, s = permit(funded, backer, broker, WAD, 1)
    with pytest.raises(Revert) as failure:
        funded.fund.permit(backer, broker, WAD, 1, v, r, s, sender=broker)
    assert failure.value.reason == "erc20: expired deadline"
