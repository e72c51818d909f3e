"""withdraw: an amount of assets, the shares rounded up; the engine sends."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18


def test_withdraw_default(any_world):
    world = any_world
    backer = world.actor("backer", 1_000)
    world.fund.deposit(1_000 * world.unit, backer, sender=backer)
    world.ask(backer)
    receipt = world.fund.withdraw(400 * world.unit, backer, backer, sender=backer)
    assert receipt.value == 400 * WAD
    assert world.fund.redeem_request(backer)[0] == world.fund.totalSupply() == 600 * WAD
    assert world.engine.fund_state() == (600 * WAD, 0, 0)
    assert world.token.balanceOf(backer) == 400 * world.unit
    assert world.token.balanceOf(world.fund) == 0


def test_withdraw_to_a_receiver(funded, backer):
    heir = funded.chain.account("heir")
    funded.ask(backer)
    funded.fund.withdraw(funded.unit, heir, backer, sender=backer)
    assert funded.token.balanceOf(heir) == funded.unit


def test_withdraw_with_allowance(funded, backer):
    broker = funded.chain.account("broker")
    funded.ask(backer)
    shares = funded.fund.previewWithdraw(funded.unit)
    funded.fund.approve(broker, shares, sender=backer)
    funded.fund.withdraw(funded.unit, broker, backer, sender=broker)
    assert funded.token.balanceOf(broker) == funded.unit
    assert funded.fund.allowance(backer, broker) == 0


def test_withdraw_takes_the_maximum(funded, backer):
    funded.ask(backer)
    funded.crash()
    most = funded.fund.maxWithdraw(backer)
    shares = funded.fund.withdraw(most, backer, backer, sender=backer).value
    assert shares <= 100_000 * WAD
    assert funded.fund.maxWithdraw(backer) == 0


def test_withdraw_emits_withdraw(world, backer):
    world.fund.deposit(10 * world.unit, backer, sender=backer)
    broker, heir = world.chain.account("broker"), world.chain.account("heir")
    world.fund.approve(broker, 2**256 - 1, sender=backer)
    world.ask(backer)
    receipt = world.fund.withdraw(3 * world.unit, heir, backer, sender=broker)
    assert receipt.event("Withdraw", world.fund).args == {
        "sender": broker.address,
        "receiver": heir.address,
        "owner": backer.address,
        "assets": 3 * world.unit,
        "shares": 3 * WAD,
    }
    burnt = receipt.event("Transfer", world.fund)
    assert (burnt.sender, int(burnt.receiver, 16)) == (world.fund.address, 0)
    assert burnt.value == 3 * WAD
    assert receipt.event("Withdrawn", world.engine).receiver == heir.address


def test_withdraw_reverts_zero(funded, backer):
    funded.ask(backer)
    with pytest.raises(Revert) as failure:
        funded.fund.withdraw(0, backer, backer, sender=backer)
    assert failure.value.reason == "fund: assets are zero"


def test_withdraw_reverts_above_request(funded, backer):
    other = funded.actor("late backer", 100_000)
    funded.fund.deposit(100_000 * funded.unit, other, sender=other)
    funded.ask(backer)
    most = funded.fund.maxWithdraw(backer)
    with pytest.raises(Revert) as failure:
        funded.fund.withdraw(most + 1, backer, backer, sender=backer)
    assert failure.value.reason == "fund: above request"


def test_withdraw_reverts_above_free_cash(funded, backer):
    funded.ask(backer)
    for assets in (funded.fund.totalAssets() + 1, 2**256 - 1):
        with pytest.raises(Revert) as failure:
            funded.fund.withdraw(assets, backer, backer, sender=backer)
        assert failure.value.reason == "fund: above free cash"


def test_withdraw_reverts_without_allowance(funded, backer):
    stranger = funded.chain.account("stranger")
    funded.ask(backer)
    with pytest.raises(Revert) as failure:
        funded.fund.withdraw(funded.unit, stranger, backer, sender=stranger)
    assert failure.value.reason == "erc20: insufficient allowance"


def test_withdraw_reverts_bad_receiver(funded, backer):
    funded.ask(backer)
    for receiver in (bytes(20), funded.engine):
        with pytest.raises(Revert) as failure:
            funded.fund.withdraw(funded.unit, receiver, backer, sender=backer)
        assert failure.value.reason == "custody: bad receiver"


def test_withdraw_reverts_reentered(make_world):
    world = make_world(kind="CallbackToken")
    backer = world.actor("backer", 100)
    world.fund.deposit(2 * world.unit, backer, sender=backer)
    world.ask(backer)
    world.fund.approve(world.token, 2**256 - 1, sender=backer)
    hook = world.fund.withdraw.encode(world.unit, backer, backer)
    world.token.set_hook(world.fund, hook)
    world.fund.withdraw(world.unit, backer, backer, sender=backer)
    assert world.token.calls() == 1
    assert not world.token.succeeded()
    assert world.token.response() == b""
    assert world.fund.redeem_request(backer)[0] == WAD
