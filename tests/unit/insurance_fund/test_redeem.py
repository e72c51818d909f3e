"""redeem: an amount of shares, the assets rounded down and never above cash less shortfall."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18


def test_redeem_default(any_world):
    world = any_world
    backer = world.actor("backer", 1_000)
    world.fund.deposit(1_000 * world.unit, backer, sender=backer)
    world.ask(backer)
    receipt = world.fund.redeem(1_000 * WAD, backer, backer, sender=backer)
    assert receipt.value == 1_000 * world.unit
    assert world.fund.totalSupply() == 0
    assert world.engine.fund_state() == (0, 0, 0)
    assert world.token.balanceOf(backer) == 1_000 * world.unit


def test_redeem_with_allowance(funded, backer):
    broker = funded.chain.account("broker")
    funded.ask(backer)
    funded.fund.approve(broker, WAD, sender=backer)
    funded.fund.redeem(WAD, broker, backer, sender=broker)
    assert funded.fund.allowance(backer, broker) == 0


def test_redeem_all_is_capped(funded, backer):
    """With shares below one the virtual assets would ask for more than there is."""
    funded.ask(backer)
    funded.crash(size=100, cash=50_000, to=1_400)
    free = funded.books().free
    supply = funded.fund.totalSupply()
    assert supply * (free + 10**12) // (supply + 10**12) > free
    assert funded.fund.redeem(supply, backer, backer, sender=backer).value == free // funded.scale
    assert funded.engine.fund_state()[0] < funded.scale


def test_redeem_emits_withdraw(world, backer):
    world.fund.deposit(10 * world.unit, backer, sender=backer)
    heir = world.chain.account("heir")
    world.ask(backer)
    receipt = world.fund.redeem(WAD, heir, backer, sender=backer)
    assert receipt.event("Withdraw", world.fund).args == {
        "sender": backer.address,
        "receiver": heir.address,
        "owner": backer.address,
        "assets": world.unit,
        "shares": WAD,
    }


def test_redeem_reverts_zero(funded, backer):
    funded.ask(backer)
    with pytest.raises(Revert) as failure:
        funded.fund.redeem(0, backer, backer, sender=backer)
    assert failure.value.reason == "fund: assets are zero"


def test_redeem_reverts_worth_nothing(funded, backer):
    """Shares worth less than a unit of the token are not burnt for nothing."""
    funded.ask(backer)
    with pytest.raises(Revert) as failure:
        funded.fund.redeem(funded.scale - 1, backer, backer, sender=backer)
    assert failure.value.reason == "fund: assets are zero"


def test_redeem_reverts_above_request(funded, backer):
    """Shares that were not asked for stay, however many there are."""
    asked = funded.ask(backer, 7 * WAD)
    for shares in (asked + 1, 2**256 - 1):
        with pytest.raises(Revert) as failure:
            funded.fund.redeem(shares, backer, backer, sender=backer)
        assert failure.value.reason == "fund: above request"


def test_redeem_reverts_without_allowance(funded, backer):
    stranger = funded.chain.account("stranger")
    funded.ask(backer)
    funded.fund.approve(stranger, WAD - 1, sender=backer)
    with pytest.raises(Revert) as failure:
        funded.fund.redeem(WAD, stranger, backer, sender=stranger)
    assert failure.value.reason == "erc20: insufficient allowance"


def test_redeem_needs_no_oracle(funded, backer):
    """LED-6: a dead feed does not hold the fund's cash."""
    funded.fund.request_redeem(WAD, backer, sender=backer)
    funded.chain.mine(1, 7 * 86_400)
    for feed in funded.feeds:
        feed.set_answer(0)
    had, worth = funded.token.balanceOf(backer), funded.fund.previewRedeem(WAD)
    assert worth > 0
    assert funded.fund.redeem(WAD, backer, backer, sender=backer).value == worth
    assert funded.token.balanceOf(backer) == had + worth


def test_redeem_in_parts(funded, backer):
    """What is left of a request stays in its window."""
    asked = funded.ask(backer, 10 * WAD)
    opens, closes = funded.fund.redeem_request(backer)[1:]
    funded.fund.redeem(3 * WAD, backer, backer, sender=backer)
    assert funded.fund.redeem_request(backer) == (asked - 3 * WAD, opens, closes)
    funded.fund.redeem(7 * WAD, backer, backer, sender=backer)
    assert funded.fund.redeem_request(backer) == (0, 0, 0)
    with pytest.raises(Revert) as failure:
        funded.fund.redeem(1, backer, backer, sender=backer)
    assert failure.value.reason == "fund: no request"


def test_liq_8_redeem_only_in_the_window(funded, backer):
    """The first and the last second of the day that begins when the notice is over."""
    fund = funded.fund
    opens = fund.request_redeem(10 * WAD, backer, sender=backer).value
    assert opens == funded.chain.timestamp + 7 * 86_400
    for time, reason in (
        (opens - 1, "fund: notice is running"),
        (opens, ""),
        (opens + 86_399, ""),
        (opens + 86_400, "fund: window closed, ask again"),
        (opens + 400 * 86_400, "fund: window closed, ask again"),
    ):
        funded.chain.set_time(time)
        most = (fund.maxRedeem(backer), fund.maxWithdraw(backer))
        for function in (fund.redeem, fund.withdraw):
            if reason:
                assert most == (0, 0)
                with pytest.raises(Revert) as failure:
                    function(1_000_000, backer, backer, sender=backer)
                assert failure.value.reason == reason
            else:
                assert min(most) > 0
                amount = WAD if function is fund.redeem else funded.unit // 2
                function(amount, backer, backer, sender=backer)
