"""TestToken"""

from collections.abc import Callable

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert, load

MAX = 2**256 - 1
Make = Callable[..., Handle]


@pytest.mark.parametrize("decimals", [2, 6, 8, 18])
def test_token_default(new_token: Make, holder: Account, receiver: Account, decimals: int) -> None:
    token = new_token("TestToken", decimals)
    assert (token.decimals(), token.name(), token.symbol()) == (decimals, "Test Token", "TEST")
    assert token.transfer(receiver.address, 400, sender=holder).value is True
    assert token.balanceOf(holder.address) == 600
    assert token.balanceOf(receiver.address) == 400
    assert token.totalSupply() == 1_000


def test_transfer_default_to_oneself(new_token: Make, holder: Account) -> None:
    token = new_token()
    token.transfer(holder.address, 1_000, sender=holder)
    assert token.balanceOf(holder.address) == 1_000


def test_transfer_emits_transfer(new_token: Make, holder: Account, receiver: Account) -> None:
    event = new_token().transfer(receiver.address, 7, sender=holder).event("Transfer")
    assert event.args == {"sender": holder.address, "receiver": receiver.address, "amount": 7}


def test_transfer_from_default(new_token: Make, holder: Account, receiver: Account) -> None:
    token = new_token()
    token.approve(receiver.address, 500, sender=holder)
    token.transferFrom(holder.address, receiver.address, 200, sender=receiver)
    assert token.allowance(holder.address, receiver.address) == 300
    assert token.balanceOf(receiver.address) == 200


def test_transfer_from_default_infinite_allowance(
    new_token: Make, holder: Account, receiver: Account
) -> None:
    token = new_token()
    token.approve(receiver.address, MAX, sender=holder)
    token.transferFrom(holder.address, receiver.address, 200, sender=receiver)
    assert token.allowance(holder.address, receiver.address) == MAX


def test_transfer_reverts_balance(new_token: Make, holder: Account, receiver: Account) -> None:
    token = new_token()
    with pytest.raises(Revert, match="token: balance too small"):
        token.transfer(receiver.address, 1_001, sender=holder)


def test_transfer_from_reverts_allowance(
    new_token: Make, holder: Account, receiver: Account
) -> None:
    token = new_token()
    token.approve(receiver.address, 5, sender=holder)
    with pytest.raises(Revert, match="token: allowance too small"):
        token.transferFrom(holder.address, receiver.address, 6, sender=receiver)


def test_mint_reverts_overflow(new_token: Make, holder: Account) -> None:
    with pytest.raises(Revert):
        new_token().mint(holder.address, MAX)


@pytest.mark.parametrize("decimals", [0, 1, 19, 255])
def test_deploy_reverts_decimals(chain: Chain, decimals: int) -> None:
    with pytest.raises(Revert, match="token: decimals out of range"):
        chain.deploy(load("TestToken"), decimals)
