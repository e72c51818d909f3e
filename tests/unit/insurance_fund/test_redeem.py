"""redeem: an amount of shares, the assets rounded down and never above cash less shortfall."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18


def test_redeem_default(any_world):
    world = any_world
    backer = world.actor("backer", 1_000)
    world.fund.deposit(1_000 * world.unit, backer, sender=backer)
    receipt = world.fund.redeem(1_000 * WAD, backer, backer, sender=backer)
    assert receipt.value == 1_000 * world.unit
    assert world.fund.totalSupply() == 0
    assert world.engine.fund_state() == (0, 0, 0)
    assert world.token.balanceOf(backer) == 1_000 * world.unit


def test_redeem_with_allowance(funded, backer):
    broker = funded.chain.account("broker")
    funded.fund.approve(broker, WAD, sender=backer)
    funded.fund.redeem(WAD, broker, backer, sender=broker)
    assert funded.fund.allowance(backer, broker) == 0


def test_redeem_all_is_capped(funded, backer):
    """With shares below one the virtual assets would ask for more than there is."""
    funded.crash(size=100, cash=50_000, to=1_400)
    free = funded.books().free
    supply = funded.fund.totalSupply()
    assert supply * (free + 10**12) // (supply + 10**12) > free
    assert funded.fund.redeem(supply, backer, backer, sender=backer).value == free // funded.scale
    assert funded.engine.fund_state()[0] < funded.scale


def test_redeem_emits_withdraw(world, backer):
    world.fund.deposit(10 * world.unit, backer, sender=backer)
    heir = world.chain.account("heir")
    receipt = world.fund.redeem(WAD, heir, backer, sender=backer)
    assert receipt.event("Withdraw", world.fund).args == {
        "sender": backer.address,
        "receiver": heir.address,
        "owner": backer.address,
        "assets": world.unit,
        "shares": WAD,
    }


def test_redeem_reverts_zero(funded, backer):
    with pytest.raises(Revert) as failure:
        funded.fund.redeem(0, backer, backer, sender=backer)
    assert failure.value.reason == "fund: assets are zero"


def test_redeem_reverts_worth_nothing(funded, backer):
    """Shares worth less than a unit of the token are not burnt for nothing."""
    with pytest.raises(Revert) as failure:
        funded.fund.redeem(funded.scale - 1, backer, backer, sender=backer)
    assert failure.value.reason == "fund: assets are zero"


def test_redeem_reverts_above_balance(funded, backer):
    for shares in (funded.fund.balanceOf(backer) + 1, 2**256 - 1):
        with pytest.raises(Revert) as failure:
            funded.fund.redeem(shares, backer, backer, sender=backer)
        assert failure.value.reason == "fund: above balance"


def test_redeem_reverts_without_allowance(funded, backer):
    stranger = funded.chain.account("stranger")
    funded.fund.approve(stranger, WAD - 1, sender=backer)
    with pytest.raises(Revert) as failure:
        funded.fund.redeem(WAD, stranger, backer, sender=stranger)
    assert failure.value.reason == "erc20: insufficient allowance"


def test_redeem_needs_no_oracle(funded, backer):
    """LED-6: a dead feed does not hold the fund's cash."""
    funded.chain.mine(1, 10 * 86_400)
    for feed in funded.feeds:
        feed.set_answer(0)
    funded.fund.redeem(WAD, backer, backer, sender=backer)
