"""Attacks found on paper, each with its figures: contracts and reference model side by side.

Prices in market 0 begin at 30,000; the token has 6 decimals.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from plimsoll.reference.numbers import CURE, DAY, HOUR, WAD, WINDOW
from tests.attacks.stage import PRICE, Stage
from tests.utils import worlds
from tests.utils.twin import Twin


@pytest.fixture(scope="module")
def built() -> Twin:
    return Twin(worlds.three_markets(6))


@pytest.fixture
def stage(built: Twin) -> Iterator[Stage]:
    yield Stage(built)
    built.check_everything()
    built.restart()


def test_leaving_into_resting_orders_waits_for_resolve(stage: Stage) -> None:
    """A short sees that a long is bankrupt by 1,000 more than the fund may pay; he would leave into
    a resting bid and let others be charged. The bid's maker would grow: it waits for `sync` and two
    blocks, and anybody resolves meanwhile. The charge reaches him."""
    twin = stage.twin
    assert twin.set_allowance(0, 0).accepted
    for name, cash in (("long", 2_600), ("short", 20_000), ("bidder", 50_000)):
        stage.give(name, cash)
    keeper = stage.give("keeper", 1)
    stage.trade("long", "short", WAD // 2)
    bid = stage.order("bidder", WAD // 2, 24_100 * WAD)
    twin.set_price(0, 24_000 * WAD)
    assert stage.health("long").equity < 0
    outcome = stage.fill(bid, "bidder", "short")
    # he would add to his short; leaving means buying: from a resting offer
    assert not outcome.accepted
    offer = stage.order("bidder", -WAD // 2, 24_000 * WAD)
    assert stage.fill(offer, "bidder", "short").reason == "trading: market out of sync"
    assert twin.sync("short", 0).accepted
    assert stage.fill(offer, "bidder", "short").reason == "trading: market out of sync"
    missing = -stage.health("long").equity
    before = stage.health("short").equity
    assert twin.resolve("anyone", twin.account("long"), 0, keeper).accepted
    charged = before - stage.health("short").equity
    assert missing <= charged <= missing + 2


def test_one_wei_of_collateral_does_not_stop_a_resolve(stage: Stage) -> None:
    """A friend pays one unit of the token in before each resolve. E stays below zero, or is far
    below a tenth of MM: the position is closed either way."""
    twin = stage.twin
    for name, cash in (("long", 2_600), ("short", 50_000)):
        stage.give(name, cash)
    keeper = stage.give("keeper", 1)
    long = twin.account("long")
    stage.trade("long", "short", WAD // 2)
    # E is zero at the price at which the loss is all the cash
    broke = PRICE - 2 * stage.cash("long")
    stage.move(broke // 10**10 * 10**10)
    assert 0 <= stage.health("long").equity < 10**14
    for _ in range(3):
        assert twin.deposit("friend", long, 1).accepted
    assert 0 < stage.health("long").equity < stage.health("long").maintenance // 10
    assert twin.resolve("anyone", long, 0, keeper).accepted
    assert stage.health("long").gross == 0
    assert stage.cash("keeper") == WAD  # a critical close pays nobody
    assert twin.engine.market_state(0).shortfall == 0


def test_liquidating_oneself_to_use_up_the_window(stage: Stage) -> None:
    """An attacker lets his own small account be called and taken over by a friend, so that the
    window of ten minutes is used up when his large one is due. It holds for as long as the large
    account has 0.7 of its margin, and for ten minutes at most."""
    twin = stage.twin
    rules = twin.model.markets[0].rules
    assert twin.set_market(0, replace(rules, takeover_share=2)).accepted
    for name, cash in (("big", 4_200), ("small", 350), ("other", 90_000), ("friend", 50_000)):
        stage.give(name, cash)
    stage.trade("big", "other", WAD)
    stage.trade("small", "other", WAD // 12)
    low = PRICE
    while any(
        stage.health(name).equity >= stage.health(name).maintenance for name in ("big", "small")
    ):
        low -= 50 * WAD
        stage.move(low)
    big, small, friend = (twin.account(name) for name in ("big", "small", "friend"))
    for account in (big, small):
        assert twin.call_margin("anyone", account).accepted
    twin.pass_time(CURE)
    twin.set_price(0, low)
    for name in ("big", "small"):
        now = stage.health(name)
        assert 7 * now.maintenance <= 10 * now.equity < 10 * now.maintenance
    # an eighth of the open interest is 0.135; the small account's slices use most of it
    used = 0
    for size in (WAD // 15, WAD // 30, WAD // 60, WAD // 120):
        if twin.takeover("friend", small, 0, size, friend).accepted:
            used += size
    assert used > 0
    slice_ = WAD // 8
    outcome = twin.takeover("friend", big, 0, slice_, friend)
    assert outcome.reason == "liquidation: window is used up"
    # ten minutes later it goes
    twin.pass_time(WINDOW)
    twin.set_price(0, low)
    with_time = twin.takeover("friend", big, 0, slice_, friend)
    assert with_time.reason != "liquidation: window is used up"


def test_funding_moved_by_self_fills_costs_more_than_it_brings(stage: Stage) -> None:
    """An attacker who is short fills himself at the top of the band to make longs pay. All the
    funding that follows is at most the fees of the fill, and he gets his share of it only."""
    twin = stage.twin
    for name, cash in (("long", 60_000), ("attacker", 60_000), ("puppet", 60_000)):
        stage.give(name, cash)
    stage.trade("long", "attacker", WAD)
    fees_before = twin.engine.wallet(1).cash + twin.engine.wallet(2).cash
    pumped = stage.order("attacker", -WAD // 2, PRICE * 101 // 100)
    assert stage.fill(pumped, "attacker", "puppet").accepted
    fees = twin.engine.wallet(1).cash + twin.engine.wallet(2).cash - fees_before
    premium = twin.engine.market_extra(0).premium
    assert premium > 0
    everything = premium * PRICE * twin.engine.market_state(0).oi // (10**10 * WAD)
    assert 0 < everything <= fees
    equity = stage.health("long").equity
    for _ in range(60):
        twin.pass_time(HOUR)
        twin.set_price(0, PRICE)
        twin.accrue("anyone", 0)
    assert 0 <= twin.engine.market_extra(0).premium < premium // 1_000
    assert 0 < equity - stage.health("long").equity <= everything


def test_splitting_a_position_saves_no_more_than_the_impact(stage: Stage) -> None:
    """MRG-6: at the largest size a market may have, the floor covers the impact, so that sixteen
    accounts with a sixteenth each need at least the floor's part of what one needs."""
    twin = stage.twin
    for market in range(3):
        risk = twin.risk.params(market)
        assert risk.f * 10**12 >= risk.lambda_ * risk.share
        price = twin.model.price(market)
        cap = twin.model.markets[market].rules.oi_cap
        x = cap * price // WAD

        def mm(notional: int, market: int = market) -> int:
            return int(twin.risk.margin([(market, notional, WAD)])[0])

        whole, parts = mm(x), 16 * mm(x // 16)
        assert parts <= whole + 16 * risk.c * 10**12
        floor = risk.f * x // 10**12
        assert whole - parts <= floor
        assert parts >= floor


def ended(stage: Stage, order: tuple[str, ...]) -> dict[str, int]:
    """A book that a resolve ends, with three winners and a second loser; the winners are settled in
    `order` when it may be paid. Cash that each has gained, WAD."""
    twin = stage.twin
    assert twin.set_allowance(0, 0).accepted
    brought = {"whale": 14_000, "small": 100, "first": 40_000, "second": 40_000, "third": 40_000}
    for name, cash in brought.items():
        stage.give(name, cash)
    keeper = stage.give("keeper", 1)
    for name, size in (("first", WAD), ("second", WAD), ("third", WAD // 2)):
        stage.trade("whale", name, size)
    stage.trade("small", "third", WAD // 500)
    before = {name: stage.cash(name) for name in order}
    for part in (95, 90, 85, 80):
        stage.move(PRICE * part // 100)
    low = twin.model.price(0)
    epoch = twin.engine.market_state(0).epoch
    whale = twin.account("whale")
    missing = -stage.health("whale").equity
    assert missing > 900 * WAD
    assert twin.resolve("anyone", whale, 0, keeper).accepted
    assert twin.engine.market_state(0).epoch == epoch + 1
    # whoever is first gets nothing: for a day no claim is paid
    for name in order:
        assert twin.settle("anyone", twin.account(name)).accepted
        assert stage.cash(name) == before[name]
    twin.pass_time(DAY)
    assert twin.thaw("anyone", 0).accepted
    assert twin.settle("anyone", twin.account("small")).accepted
    for _ in range(2):
        for name in order:
            assert twin.settle("anyone", twin.account(name)).accepted
        twin.pass_time(60 * HOUR)
        twin.set_price(0, low)
    gained = {name: stage.cash(name) - before[name] for name in order}
    size = 5 * WAD // 2 + WAD // 500
    won = (PRICE - low) * size // WAD
    assert 0 <= won - missing - sum(gained.values()) <= 10**9
    return gained


def test_the_last_winners_of_an_ended_book_are_paid_as_the_first(stage: Stage) -> None:
    """A long of 2.5 is bankrupt by more than 900 and the fund may pay nothing. Its resolve ends the
    book: what is missing is charged by size, and then it is all the same who settles first."""
    names = ("first", "second", "third")
    one = ended(stage, names)
    stage.twin.check_everything()
    stage.twin.restart()
    other = ended(stage, names[::-1])
    assert all(abs(one[name] - other[name]) <= 10**9 for name in names)
    assert abs(one["first"] - one["second"]) <= 10**9
    assert one["third"] > one["first"] // 2 > 0
