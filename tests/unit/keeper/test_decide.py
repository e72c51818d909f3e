"""Decisions are pure: rows, legs, quotes and orders in, ordered actions with reasons out."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from plimsoll.keeper import decide
from plimsoll.keeper.slices import Case, RiskBook, largest, maker_capacity, own_capacity
from plimsoll.keeper.types import (
    FUND,
    Holding,
    Kind,
    Leg,
    MarketExtra,
    MarketView,
    Plan,
    Pledge,
    Policy,
    Quote,
    Row,
    Sale,
    World,
    short,
)
from plimsoll.orders.book import Offer
from plimsoll.reference.margin import Globals, Risk, notional
from plimsoll.reference.numbers import sync_code

WAD = 10**18
PRICE = 100 * WAD
RISK = Risk(
    sigma=2 * 10**10,
    f=5 * 10**10,
    g=2 * 10**10,
    lam=0,
    depth=10**9,
    c=0,
    penalty_cap=2 * 10**10,
    share=10**12,
)
BOOK = RiskBook(dict.fromkeys(range(16), RISK), Globals(z=3 * WAD, kappa=15 * 10**17))
MARKET = MarketView(
    market=0,
    price=PRICE,
    is_fresh=True,
    cash=0,
    shortfall=0,
    allowance=0,
    min_notional=10 * WAD,
    max_notional=10**7 * WAD,
    band=2_000,
    penalty_min=500,
    penalty_max=1_500,
    maker_fee=0,
    reduce_only=False,
)
TRADER, MAKER, OTHER, KEEPER = (n << 96 for n in (0xA1, 0xB2, 0xC3, 0xD4))
POLICY = Policy()


def leg(market: int = 0, size: int = 0, pnl: int = 0, **more: Any) -> Leg:
    """Whole units of size and quote."""
    values = {"price": PRICE, "is_fresh": True, "is_live": size != 0} | more
    return Leg(market=market, size=size * WAD, pnl=pnl * WAD, **values)


def holding(account: int, cash: int, *legs: Leg) -> Holding:
    """An account with the row that the engine would tell for these legs."""
    found = {entry.market: entry for entry in legs}
    x = {m: notional(entry.size, entry.price) for m, entry in found.items() if entry.size}
    mm, im = BOOK.margin(x)
    losses = sum(max(0, -entry.pnl) for entry in legs)
    gains = sum(max(0, entry.pnl) for entry in legs)
    row = Row(
        account=account,
        cash=cash * WAD,
        held=sum(1 << m for m in found),
        equity=cash * WAD - losses + gains,
        initial_equity=cash * WAD - losses,
        maintenance=mm,
        initial=im,
        gross=sum(map(abs, x.values())),
        blind=sum(1 << m for m, e in found.items() if e.size and not e.is_fresh),
        losses=losses,
    )
    return Holding(row, found)


def row(account: int = TRADER, equity: int = 0, maintenance: int = 0, **more: int) -> Row:
    values = {"cash": 0, "held": 1, "initial_equity": equity, "initial": 0, "gross": maintenance}
    values |= {"blind": 0} | more
    # no collateral unless a test says so: the losses are what initial equity is short of cash
    values.setdefault("losses", values["cash"] - values["initial_equity"])
    return Row(account=account, equity=equity, maintenance=maintenance, **values)


def offer(price: float, size: int = 10**6, maker: int = MAKER, **more: Any) -> Offer:
    values: dict[str, Any] = {"market": 0, "buys": True} | more
    digest = f"{maker}-{price}-{size}-{values}".encode()
    return Offer(
        order_hash=digest,
        account=maker,
        size=size * WAD,
        price=int(price * 10) * WAD // 10,
        **values,
    )


def world(*offers: Offer, makers: Any = (), keeper: Holding | None = None, **more: Any) -> World:
    sides: dict[tuple[int, bool], list[Offer]] = {}
    for entry in offers:
        sides.setdefault((entry.market, entry.buys), []).append(entry)
    views = {m: dataclasses.replace(MARKET, market=m, **more) for m in range(4)}
    return World(views, BOOK, 0, keeper, sides, {maker.row.account: maker for maker in makers})


def quoted(subject: Holding, market: int = 0) -> dict[int, Quote]:
    """The largest slice, by the case's own arithmetic (the lens is compared elsewhere)."""
    case = Case(subject, dataclasses.replace(MARKET, market=market), BOOK)
    size = case.slice_at(case.whole, case.price)
    return {market: Quote(market, size, case.penalty(size), case.penalty(size) // 2)}


#: long 100 at 100: notional 10,000, MM 600 (3 sigma), E 450
SICK = holding(TRADER, 450, leg(size=100))
RICH = holding(MAKER, 10**6)
RICH_KEEPER = holding(KEEPER, 10**6)


# ---- ranking -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ([], []),
        ([row(1, 100, 50)], []),
        ([row(1, 50, 50)], []),
        ([row(1, 0, 0, gross=0)], []),
        ([row(1, 40, 50), row(2, 10, 50), row(3, 20, 50)], [2, 3, 1]),
        ([row(1, 1, 50), row(2, -1, 0, gross=0), row(3, 0, 50)], [2, 3, 1]),
        ([row(1, -5, 50), row(2, -50, 50)], [2, 1]),
        # equal health: the smaller id, whatever the size
        ([row(2, 1, 2), row(1, 10**30, 2 * 10**30)], [1, 2]),
        # too close for floating point
        ([row(1, 10**20 + 1, 2 * 10**20), row(2, 10**20, 2 * 10**20)], [2, 1]),
    ],
)
def test_trouble_is_ranked_worst_first(rows: list[Row], order: list[int]) -> None:
    assert [found.account for found in decide.trouble(rows)] == order


# ---- bankrupt ------------------------------------------------------------------------------------


def test_bankrupt_losing_legs_first() -> None:
    subject = holding(
        TRADER, 0, leg(0, 5, pnl=10), leg(1, 5, pnl=-50), leg(2, 0, pnl=-90), leg(3, 0, pnl=20)
    )
    plan = decide.plan_bankrupt(subject, POLICY)
    assert [(a.kind, a.market) for a in plan.actions] == [
        (Kind.RESOLVE, 2),
        (Kind.RESOLVE, 1),
        (Kind.RESOLVE, 0),
    ]
    assert "owes 90.00 in market 2" in plan.actions[0].reason
    assert not plan.left


def test_bankrupt_with_a_dead_feed() -> None:
    subject = holding(TRADER, 5, leg(0, 5, pnl=-50, is_fresh=False))
    plan = decide.plan_bankrupt(subject, POLICY)
    assert not plan.actions
    assert "market 0 has no fresh price" in plan.left[0].reason


def test_arrears_without_a_position_need_no_feed() -> None:
    subject = holding(TRADER, 0, leg(0, 0, pnl=-50, is_fresh=False))
    assert decide.plan_bankrupt(subject, POLICY).actions[0].kind is Kind.RESOLVE


def test_a_refused_resolve_is_not_planned_again() -> None:
    subject = holding(TRADER, 0, leg(0, 5, pnl=-50), leg(1, 5))
    first = decide.plan_bankrupt(subject, POLICY).actions[0]
    plan = decide.plan_bankrupt(subject, POLICY, {first.key})
    assert [a.market for a in plan.actions] == [1]
    both = {first.key, plan.actions[0].key}
    assert "every resolve was refused" in decide.plan_bankrupt(subject, POLICY, both).left[0].reason


# ---- below maintenance margin --------------------------------------------------------------------


def plan(subject: Holding, seen: World, policy: Policy = POLICY, tried: Any = ()) -> Plan:
    return decide.plan_liquidation(subject, quoted(subject), seen, policy, tried)


def test_the_case_is_what_the_tests_think() -> None:
    assert SICK.row.maintenance == 600 * WAD
    assert SICK.row.is_liquidatable


def test_orders_first_then_own_account() -> None:
    found = plan(SICK, world(offer(100, 5), makers=[RICH], keeper=RICH_KEEPER)).actions
    assert [a.kind for a in found] == [Kind.ORDER, Kind.TAKEOVER]
    assert found[0].size == 5 * WAD
    assert found[0].size + found[1].size <= quoted(SICK)[0].size
    assert "an order buys at 100.00" in found[0].reason


def test_own_account_first() -> None:
    seen = world(offer(100, 5), makers=[RICH], keeper=RICH_KEEPER)
    found = plan(SICK, seen, Policy(prefer="own")).actions
    assert [a.kind for a in found] == [Kind.TAKEOVER]
    most = quoted(SICK)[0].size
    # a little less than the most: a stranger's wei must not refuse it
    assert found[0].size == most - most // 1_000


@pytest.mark.parametrize(
    ("switch", "kind"), [("use_own", Kind.ORDER), ("use_orders", Kind.TAKEOVER)]
)
def test_a_source_can_be_switched_off(switch: str, kind: Kind) -> None:
    seen = world(offer(100, 5), makers=[RICH], keeper=RICH_KEEPER)
    found = plan(SICK, seen, Policy(**{switch: False})).actions  # type: ignore[arg-type]
    assert [a.kind for a in found] == [kind]


def test_no_worse_than_a_takeover() -> None:
    case = Case(SICK, MARKET, BOOK)
    limit = (PRICE - PRICE * case.rate // WAD) // WAD  # the last whole price that is good enough
    good, bad = offer(limit + 1), offer(limit - 1)
    assert plan(SICK, world(good, makers=[RICH])).actions
    assert not plan(SICK, world(bad, makers=[RICH])).actions


@pytest.mark.parametrize(
    ("offers", "makers"),
    [
        ([offer(100)], []),  # nobody knows the maker
        ([offer(100, maker=TRADER)], [SICK]),  # its own
        ([offer(97)], [RICH]),  # out of the band of 2 %
        ([offer(100)], [holding(MAKER, 0)]),  # no margin
        ([offer(100, reduce_only=True)], [RICH]),  # has nothing to reduce
        ([offer(100, 0)], [RICH]),  # nothing left
    ],
)
def test_orders_that_are_passed_over(offers: list[Offer], makers: list[Holding]) -> None:
    found = plan(SICK, world(*offers, makers=makers))
    assert not found.actions
    assert "no" in found.left[0].reason


def test_dust_orders_are_passed_over() -> None:
    dust = dataclasses.replace(offer(100), size=WAD // 1_000)
    (found,) = plan(SICK, world(dust, offer(99.8), makers=[RICH])).actions
    assert found.size > WAD
    assert not plan(SICK, world(dust, makers=[RICH])).actions


def test_a_reduce_only_order_closes_its_makers_position_at_most() -> None:
    maker = holding(MAKER, 10**4, leg(size=-3))
    found = plan(SICK, world(offer(100, reduce_only=True), makers=[maker])).actions
    assert [a.size for a in found] == [3 * WAD]


def test_a_reduce_only_market_takes_reducing_orders_only() -> None:
    seen = world(offer(100), makers=[RICH], reduce_only=True)
    assert not plan(SICK, seen).actions
    maker = holding(MAKER, 10**4, leg(size=-3))
    assert plan(SICK, world(offer(100), makers=[maker], reduce_only=True)).actions


def test_a_refused_order_gives_way_to_the_next() -> None:
    first, second = offer(101), offer(100, maker=OTHER)
    seen = world(first, second, makers=[RICH, holding(OTHER, 10**6)])
    best = plan(SICK, seen).actions[0]
    assert best.offer is first
    assert plan(SICK, seen, tried={best.key}).actions[0].offer is second


def test_no_capital_no_orders() -> None:
    for keeper in (None, holding(KEEPER, 0)):
        found = plan(SICK, world(keeper=keeper))
        assert not found.actions
        assert "no cash of its own" in found.left[0].reason


def test_own_slice_stays_within_margin_and_headroom() -> None:
    keeper = holding(KEEPER, 100)
    (found,) = plan(SICK, world(keeper=keeper)).actions
    taken = notional(found.size, PRICE)
    assert BOOK.margin({0: taken})[1] * 11 <= 100 * WAD * 10
    assert BOOK.margin({0: taken + WAD})[1] * 11 > 100 * WAD * 10


def test_a_keeper_that_is_hedged_by_the_slice_takes_it_all() -> None:
    keeper = holding(KEEPER, 950, leg(size=-100))
    assert keeper.row.initial_equity * 10 > keeper.row.initial * 10
    (found,) = plan(SICK, world(keeper=keeper)).actions
    most = quoted(SICK)[0].size
    assert found.size == most - most // 1_000


def test_the_keepers_own_account_is_not_its_own_liquidator() -> None:
    found = plan(SICK, world(keeper=SICK))
    assert "keeper's own account" in found.left[0].reason


def test_a_keeper_with_a_dead_leg_only_reduces() -> None:
    keeper = holding(KEEPER, 10**6, leg(1, 1, is_fresh=False))
    assert not plan(SICK, world(keeper=keeper)).actions
    hedged = holding(KEEPER, 10**6, leg(1, 1, is_fresh=False), leg(0, -500))
    assert plan(SICK, world(keeper=hedged)).actions


def test_claims_are_settled_when_free_cash_does_not_pay_for_an_order() -> None:
    subject = holding(TRADER, 0, leg(0, 100), leg(1, 0, pnl=450))
    found = plan(subject, world(offer(99.8), makers=[RICH])).actions
    assert [a.kind for a in found] == [Kind.SETTLE]
    after = plan(subject, world(offer(99.8), makers=[RICH]), tried={found[0].key})
    assert not after.actions


def test_dead_oracle() -> None:
    subject = holding(TRADER, 450, leg(size=100, is_fresh=False))
    found = decide.plan_liquidation(subject, {}, world(keeper=RICH_KEEPER), POLICY)
    assert not found.actions
    assert "market 0 has no fresh price" in found.left[0].reason


def test_the_lens_says_why_there_is_no_slice() -> None:
    quotes = {0: Quote(0, 0, refusal="no slice is allowed")}
    found = decide.plan_liquidation(SICK, quotes, world(keeper=RICH_KEEPER), POLICY)
    assert "market 0: no slice is allowed" in found.left[0].reason


def test_the_leg_that_frees_most_margin_comes_first() -> None:
    subject = holding(TRADER, 700, leg(0, 20), leg(1, 100))
    quotes = {0: Quote(0, 20 * WAD), 1: Quote(1, 30 * WAD)}
    found = decide.plan_liquidation(subject, quotes, world(keeper=RICH_KEEPER), POLICY).actions
    assert [a.market for a in found] == [1, 0]


# ---- slices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, 1, 2, 7, 99, 100])
def test_largest(most: int) -> None:
    assert largest(100, lambda q: q <= most) == most


@pytest.mark.parametrize("price", [99, 100, 102])
def test_the_largest_slice_is_the_largest(price: int) -> None:
    case = Case(SICK, MARKET, BOOK)
    q = case.slice_at(case.whole, price * WAD)
    assert 0 < q < case.whole
    assert case.allows(q, price * WAD)
    assert not case.allows(q + 1, price * WAD)


def test_a_loss_is_covered_by_the_penalty_and_paid_by_free_cash() -> None:
    case = Case(SICK, MARKET, BOOK)
    price = 99_500 * WAD // 1_000
    q = case.affordable(case.whole, price)
    assert case.slip(q, price)[0] <= min(case.free, case.penalty(q))
    assert case.affordable(case.whole, 98 * WAD) == 0


def test_maker_pays_its_loss_and_fee_from_cash() -> None:
    market = dataclasses.replace(MARKET, maker_fee=10_000)  # 1 %
    maker = holding(MAKER, 100)
    q = maker_capacity(maker, market, offer(102), 10**4 * WAD, BOOK)
    # margin 9 %, loss 2 %, fee 1.02 %
    assert 100 * WAD * 100 // 1203 // 100 * 99 < q < 100 * WAD * 100 // 1200 // 100 * 101


def test_maker_without_margin_may_reduce() -> None:
    maker = holding(MAKER, 10, leg(size=-100, pnl=0))
    assert maker.row.initial_equity < maker.row.initial
    assert maker_capacity(maker, MARKET, offer(100), 40 * WAD, BOOK) == 40 * WAD
    assert maker_capacity(maker, MARKET, offer(100, buys=False), 40 * WAD, BOOK) == 0


def test_positions_have_a_maximum() -> None:
    small = dataclasses.replace(MARKET, max_notional=500 * WAD)
    assert own_capacity(RICH_KEEPER, small, 100 * WAD, BOOK, 0) == 5 * WAD
    assert maker_capacity(RICH, small, offer(100), 100 * WAD, BOOK) == 5 * WAD


def test_eight_markets_are_the_most() -> None:
    full = holding(KEEPER, 10**6, *(leg(m, 1) for m in range(1, 9)))
    assert own_capacity(full, MARKET, 10 * WAD, BOOK, 0) == 0
    assert own_capacity(full, dataclasses.replace(MARKET, market=3), 10 * WAD, BOOK, 0) == 10 * WAD


# ---- settlement and chores -----------------------------------------------------------------------


def owing(account: int, arrears: int, claims: int = 0, cash: int = 100, **more: int) -> Row:
    return row(
        account,
        equity=(cash - arrears + claims) * WAD,
        cash=cash * WAD,
        initial_equity=(cash - arrears) * WAD,
        **more,
    )


def test_losers_are_settled_before_winners() -> None:
    rows = [owing(1, 0, 500), owing(2, 200, cash=300), owing(3, 250, cash=300), owing(4, 0, 600)]
    chosen = decide.to_settle(rows, {}, 0, POLICY)
    found = decide.plan_settlement(chosen, {0: MARKET}).actions
    assert [a.account for a in found] == [3, 2, 4, 1]
    assert found[0].reason == "owes 250.00"
    assert found[-1].reason == "is owed 500.00"


def test_a_winner_waits_for_cash_in_its_market() -> None:
    rows = [owing(1, 0, 500)]
    assert not decide.plan_settlement(rows, {0: MARKET}).actions
    funded = dataclasses.replace(MARKET, cash=1)
    assert decide.plan_settlement(rows, {0: funded}).actions
    elsewhere = dataclasses.replace(MARKET, market=1, cash=1)
    assert not decide.plan_settlement(rows, {0: MARKET, 1: elsewhere}).actions


@pytest.mark.parametrize(
    ("entry", "chosen"),
    [
        (owing(1, 0, 0), False),
        (owing(1, 99, 0, cash=150), False),  # below settle_above
        (owing(1, 100, 0, cash=150), True),
        (owing(1, 100, 0, cash=201), False),  # below settle_share
        (owing(1, 150, 0, cash=100, blind=1), False),  # nothing can be marked
        (owing(1, 500, 0, cash=0), False),  # nothing to pay with (bankrupt)
        (owing(1, 150, 100, cash=100), True),
    ],
)
def test_who_is_settled(entry: Row, chosen: bool) -> None:
    assert bool(decide.to_settle([entry], {}, 0, POLICY)) is chosen


def test_settlement_has_an_interval() -> None:
    entry = owing(1, 150)
    late = owing(1, 80, cash=100)
    assert not late.is_bankrupt
    loser, winner = [owing(1, 500, 0, cash=501)], [owing(1, 0, 500)]
    assert not decide.to_settle(loser, {1: 1_000}, 1_599, POLICY)
    assert decide.to_settle(loser, {1: 1_000}, 1_600, POLICY)
    # nothing of a new claim is paid for an hour (LED-4): to settle every ten minutes is waste
    assert not decide.to_settle(winner, {1: 1_000}, 4_599, POLICY)
    assert decide.to_settle(winner, {1: 1_000}, 4_600, POLICY)
    assert not decide.to_settle([entry], {}, 0, Policy(settle=False))


# ---- calls, locks, upkeep ------------------------------------------------------------------------


def test_liq_1_called_before_a_takeover() -> None:
    called = decide.plan_call(SICK.row, 1_000)
    assert called is not None
    assert [a.kind for a in called.actions] == [Kind.CALL]
    refused = decide.plan_call(SICK.row, 1_000, {called.actions[0].key})
    assert refused is not None
    assert "the margin call was refused" in refused.left[0].reason


@pytest.mark.parametrize(
    ("equity", "deadline", "now", "due"),
    [
        (69, 0, 1_000, True),  # below PSI: at once
        (70, 0, 1_000, False),
        (70, 1_001, 1_000, False),
        (70, 1_000, 1_000, True),
        (70, 1_000, 4_600, True),
        (70, 1_000, 4_601, False),  # void
    ],
)
def test_liq_1_when_a_takeover_is_due(equity: int, deadline: int, now: int, due: bool) -> None:
    entry = row(equity=equity, maintenance=100, deadline=deadline)
    assert entry.is_due(now) is due
    assert (decide.plan_call(entry, now) is None) is due


def test_liq_1_a_void_call_is_made_again() -> None:
    found = decide.plan_call(row(equity=80, maintenance=100, deadline=1_000), 4_601)
    assert found is not None
    assert [a.kind for a in found.actions] == [Kind.CALL]


def test_liq_4_a_critical_account_is_closed_when_nobody_takes_it() -> None:
    critical = holding(TRADER, 50, leg(0, 100))
    assert critical.row.is_critical
    found = plan(critical, world())
    assert [(a.kind, a.market) for a in found.actions] == [(Kind.RESOLVE, 0)]
    assert found.actions[0].key[0] is Kind.RESOLVE
    assert plan(critical, world(keeper=RICH_KEEPER)).actions[0].kind is Kind.TAKEOVER


@pytest.mark.parametrize(
    ("entry", "chosen"),
    [
        (row(1, 50, locked=1, debt=20), True),
        (row(1, 50, locked=0), False),
        (row(1, -50, 10, locked=1, debt=20), False),
        (row(1, 0, 0, locked=1, debt=20, gross=0), True),  # flat: it is set free
        (row(1, -5, 10, locked=1, debt=0), True),
    ],
)
def test_liq_4_who_is_reclaimed(entry: Row, chosen: bool) -> None:
    assert bool(decide.plan_reclaims([entry], {}, POLICY).actions) is chosen
    assert not decide.plan_reclaims([entry], {1: 5}, POLICY).actions


def tended(price: int = 100, oi: int = 1_000, **more: Any) -> MarketView:
    values: dict[str, int] = {"premium": 0, "folded": 0, "width": 13, "frozen_until": 0}
    values |= {"sync_mark": sync_code(PRICE), "window_taken": 0, "window_start": 0} | more
    return dataclasses.replace(
        MARKET, price=price * WAD, oi=oi * WAD, extra=MarketExtra(**values), takeover_share=4
    )


def upkeep(view: MarketView, now: int, **more: Any) -> list[Kind]:
    return [a.kind for a in decide.plan_upkeep({0: view}, now, POLICY, **more).actions]


def test_trd_4_a_mark_outside_its_width_is_synchronised() -> None:
    """The width is 2.6 %."""
    assert upkeep(tended(102), 0) == upkeep(tended(98), 0) == []
    assert upkeep(tended(103), 0) == upkeep(tended(97), 0) == [Kind.SYNC]
    dead = dataclasses.replace(tended(103), is_fresh=False)
    assert upkeep(dead, 0) == []


def test_led_7_funding_is_accrued_when_it_is_worth_it() -> None:
    """Half of a premium of 0.2 % on 100,000 quote leaves in six hours: 100 quote."""
    view = tended(premium=2 * 10**7)
    assert view.funding_due(21_600) // WAD in (99, 100)
    assert upkeep(view, 18_000) == []
    assert upkeep(view, 21_720) == [Kind.ACCRUE]
    assert upkeep(view, 60, urgent=True) == [Kind.ACCRUE]
    assert upkeep(view, 59, urgent=True) == []


def test_led_8_a_frozen_market_is_thawed_after_its_day() -> None:
    assert upkeep(tended(frozen_until=1_000), 999) == []
    assert upkeep(tended(frozen_until=1_000), 1_000) == [Kind.THAW]


def test_liq_6_the_window_bounds_a_slice() -> None:
    """A quarter of an open interest of 1,000 in ten minutes."""
    assert tended(window_taken=200 * WAD, window_start=500).window_room(1_099) == 50 * WAD
    assert tended(window_taken=200 * WAD, window_start=500).window_room(1_100) == 250 * WAD
    assert dataclasses.replace(tended(), takeover_share=0).window_room(0) is None
    used = world(keeper=RICH_KEEPER)
    view = tended(window_taken=250 * WAD, window_start=0)
    found = plan(SICK, dataclasses.replace(used, markets={0: view}))
    assert not found.actions
    assert "window of takeovers in market 0 is used up" in found.left[0].reason


def test_mrg_4_observed_hourly_where_sigma_follows_and_daily_elsewhere() -> None:
    views = {m: dataclasses.replace(MARKET, market=m) for m in range(2)}

    def due(now: int) -> list[int]:
        seen = {0: (0, True), 1: (0, False)}
        return [a.market for a in decide.plan_observations(views, seen, now, POLICY).actions]

    assert (due(3_599), due(3_600), due(86_400)) == ([], [0], [0, 1])


def test_chores() -> None:
    short_one = dataclasses.replace(MARKET, cash=5, shortfall=10, allowance=10)
    views = {
        0: short_one,
        1: dataclasses.replace(short_one, market=1, allowance=0),
        2: dataclasses.replace(MARKET, market=2, is_fresh=False),
    }
    seen = decide.plan_chores(views, {0: 0, 1: 3_000, 2: 0}, 7, 200 * WAD, 4_000, POLICY).actions
    assert [(a.kind, a.account, a.market) for a in seen] == [
        (Kind.SETTLE, FUND, -1),
        (Kind.COVER, 0, 0),
        (Kind.CHECKPOINT, 0, 0b001),
    ]
    assert not decide.plan_chores(views, {0: 4_000, 1: 4_000}, 0, 0, 4_000, POLICY).actions


# ---- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00"), (1, "0.00"), (1_234_567 * WAD + WAD // 2, "1,234,567.50"), (-WAD, "-1.00")],
)
def test_amounts_in_words(amount: int, text: str) -> None:
    assert decide.quote_text(amount) == text


def test_accounts_in_words() -> None:
    assert short(FUND) == "fund"
    assert short((0xABCD << 144 | 0x1234) << 96 | 7) == "0xabcd..1234/7"


def test_a_policy_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="prefer"):
        Policy(prefer="luck")
    with pytest.raises(ValueError, match="at least 1"):
        Policy(passes=0)


# ---- collateral (LIQ-7) --------------------------------------------------------------------------

NOW = 10**6
TOKEN, OTHER_TOKEN = "0x" + "11" * 20, "0x" + "22" * 20
SCALE = 10**12


def pledge(amount: int = 10, haircut: int = 10_000, **more: Any) -> Pledge:
    """Whole tokens of 18 decimals at 100."""
    values: dict[str, Any] = {"token": TOKEN, "scale": 1, "price": PRICE, "is_priced": True} | more
    return Pledge(amount=amount * WAD, haircut=haircut, **values)


def sale(*pledges: Pledge, opened: int = 0, need: int = 0, share: int = WAD) -> Sale:
    return Sale(pledges or (pledge(),), opened, need, share)


def pledged(equity: int, maintenance: int = 100, **more: int) -> Row:
    values = {"pledged": 1, "gross": 1_000, "losses": 0} | more
    return row(TRADER, equity * WAD, maintenance * WAD, **values)


def kinds(plan: Plan) -> list[Kind]:
    return [action.kind for action in plan.actions]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pledged(100), []),  # healthy
        (pledged(99), []),  # not called
        (pledged(70, deadline=NOW + 1), []),  # its cure window runs
        (pledged(70, deadline=NOW), [Kind.OPEN_SALE]),
        (pledged(70, deadline=NOW - 3_601), []),  # a void call
        (pledged(69), [Kind.OPEN_SALE]),
        (pledged(69, pledged=0), []),
        (pledged(-1), [Kind.OPEN_SALE]),
        (pledged(-1, 0, gross=0), [Kind.OPEN_SALE]),
    ],
)
def test_liq_7_sale_is_opened_when_it_is_due(subject: Row, expected: list[Kind]) -> None:
    found = decide.plan_sale(subject, sale(), NOW)
    assert kinds(found) == expected
    again = decide.plan_sale(subject, sale(), NOW, {action.key for action in found.actions})
    assert not again.actions


@pytest.mark.parametrize(
    ("opened", "expected"),
    [
        (NOW - 3_601, [Kind.OPEN_SALE]),  # void
        (NOW - 3_600, []),
        (NOW, []),
    ],
)
def test_liq_7_valid_sale_is_not_opened_again(opened: int, expected: list[Kind]) -> None:
    assert kinds(decide.plan_sale(pledged(50), sale(opened=opened), NOW)) == expected


@pytest.mark.parametrize(
    ("equity", "opened", "is_priced", "expected"),
    [
        (-1, NOW - 599, True, []),
        (-1, NOW - 600, True, [Kind.SEIZE]),
        (-1, NOW - 3_600, True, [Kind.SEIZE]),
        (-1, NOW - 3_601, True, [Kind.OPEN_SALE]),  # void: the sale begins again
        (-1, NOW, False, []),  # a failed feed changes nothing: it may be back
        (-1, NOW - 600, False, [Kind.SEIZE]),
        (0, NOW - 600, True, [Kind.SEIZE]),  # E = 0 with a position is bankrupt
        (1, NOW - 600, True, []),
        (1, NOW, False, []),
    ],
)
def test_liq_7_seizure_of_a_bankrupt_accounts_collateral(
    equity: int, opened: int, is_priced: bool, expected: list[Kind]
) -> None:
    found = decide.plan_sale(pledged(equity), sale(pledge(is_priced=is_priced), opened=opened), NOW)
    assert kinds(found) == expected


def test_liq_7_seizure_takes_every_token_whole() -> None:
    pledges = (pledge(3), pledge(5, token=OTHER_TOKEN))
    found = decide.plan_sale(pledged(-1), sale(*pledges, opened=NOW - 600), NOW)
    assert [(a.token, a.units) for a in found.actions] == [(TOKEN, 3 * WAD), (OTHER_TOKEN, 5 * WAD)]
    assert all("nobody bought it" in action.reason for action in found.actions)


def test_liq_7_bankrupt_account_waits_for_its_sale() -> None:
    found = decide.plan_sale(pledged(-1), sale(opened=NOW - 10), NOW)
    assert [left.reason for left in found.left] == [
        "bankrupt, E -1.00: its collateral is for sale for 590 s more"
    ]
    tried = {action.key for action in decide.plan_sale(pledged(-1), sale(), NOW).actions}
    stuck = decide.plan_sale(pledged(-1), sale(), NOW, tried)
    assert "could not be seized" in stuck.left[0].reason


def buy(budget: int, found: Sale, subject: Row | None = None, **policy: Any) -> Plan:
    """Quote tokens of six decimals."""
    subject = subject or pledged(50, collateral=50 * WAD)
    chosen = Policy(buy_collateral=1, **policy)
    return decide.plan_purchases(subject, found, budget * 10**6, SCALE, chosen)


def test_liq_7_purchase_up_to_the_need() -> None:
    """At 100 less 10 % a need of 450 takes five tokens, and the wei that rounds up."""
    (action,) = buy(10**6, sale(need=450 * WAD)).actions
    assert (action.kind, action.units, action.limit) == (Kind.BUY, 5 * WAD, 450 * 10**6)
    assert "10.00 % below the price" in action.reason
    (action,) = buy(10**6, sale(need=450 * WAD + 1)).actions
    assert (action.units - 5 * WAD, action.limit) == (1, 450 * 10**6 + 1)


def test_liq_7_purchase_of_all_there_is() -> None:
    (action,) = buy(10**6, sale(need=10**9 * WAD)).actions
    assert (action.units, action.limit) == (10 * WAD, 900 * 10**6)


def test_liq_7_purchase_within_the_budget() -> None:
    (action,) = buy(90, sale(need=10**9 * WAD)).actions
    assert (action.units, action.limit) == (WAD, 90 * 10**6)
    assert not buy(0, sale(need=10**9 * WAD)).actions


def test_liq_7_nothing_is_bought_that_is_not_for_sale() -> None:
    assert not buy(10**6, sale(need=0)).actions
    assert not buy(10**6, sale(pledge(is_priced=False), need=10**9 * WAD)).actions


@pytest.mark.parametrize(("share", "least", "buys"), [(10, 1_000, 1), (9, 1_000, 0), (0, 0, 1)])
def test_liq_7_least_discount(share: int, least: int, buys: int) -> None:
    """A haircut of 10 %, of which so many hundredths are the discount."""
    found = sale(need=10**9 * WAD, share=share * WAD // 100)
    assert len(buy(10**6, found, min_discount=least).actions) == buys


def test_liq_7_deepest_discount_first() -> None:
    found = sale(pledge(), pledge(haircut=20_000, token=OTHER_TOKEN), need=10**9 * WAD)
    assert buy(10**6, found).actions[0].token == OTHER_TOKEN


def test_liq_7_claims_are_paid_before_a_purchase() -> None:
    """They lower the need: what was decided before would be more than is needed. Once settled, what
    may have matured since is left to the claims."""
    subject = pledged(50, losses=0, cash=10 * WAD)  # claims of 40
    found = buy(10**6, sale(need=450 * WAD), subject)
    assert kinds(found) == [Kind.SETTLE]
    tried = {action.key for action in found.actions}
    args = (subject, sale(need=450 * WAD), 10**12, SCALE, Policy(buy_collateral=1))
    for again in (
        decide.plan_purchases(*args, tried),
        decide.plan_purchases(*args, settled=True),
    ):
        (action,) = again.actions
        # the last unit may pass the need, and the cost rounds up
        assert (action.kind, action.limit) == (Kind.BUY, 445 * 10**6 + 1)
    assert not buy(10**6, sale(need=450 * WAD, share=0), subject).actions
    # a need that the claims may pay
    args = (subject, sale(need=5 * WAD), 10**12, SCALE, Policy(buy_collateral=1))
    assert not decide.plan_purchases(*args, settled=True).actions


def test_liq_7_no_purchase_of_next_to_nothing() -> None:
    """Less than the smallest slice, unless it is all there is."""
    assert not buy(10**6, sale(need=9 * WAD)).actions
    assert buy(10**6, sale(need=10 * WAD)).actions
    (action,) = buy(10**6, sale(pledge(0), pledge(1, scale=1, price=WAD), need=WAD)).actions
    assert action.units == WAD


def test_liq_7_collateral_of_the_fund() -> None:
    """The fund's account has claims of its own; nobody has to settle it first."""
    subject = dataclasses.replace(pledged(50, cash=20 * WAD), account=FUND)
    (action,) = buy(10**6, sale(need=2**256 - 1), subject).actions
    assert (action.kind, action.units) == (Kind.BUY, 10 * WAD)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pledged(50, losses=150 * WAD, cash=50 * WAD), [Kind.NOTE]),
        (pledged(50, losses=149 * WAD, cash=50 * WAD), []),  # less than settle_above
        (pledged(50, losses=150 * WAD, cash=50 * WAD, blind=1), []),  # nothing would be recorded
        (pledged(50, losses=150 * WAD, cash=50 * WAD, locked=1), []),
        (pledged(-1, losses=150 * WAD, cash=50 * WAD), []),  # is resolved
        (pledged(50, losses=150 * WAD, cash=50 * WAD, since=NOW), []),
        (pledged(500, losses=150 * WAD, cash=50 * WAD, since=NOW - 86_400), [Kind.CLEAR]),
        (pledged(500, losses=150 * WAD, cash=50 * WAD, since=NOW - 86_399), []),
        (
            pledged(50, losses=150 * WAD, cash=50 * WAD, since=NOW - 86_400, collateral=150 * WAD),
            [],  # nothing but collateral: it is sold
        ),
    ],
)
def test_liq_7_arrears_are_noted_and_cleared(subject: Row, expected: list[Kind]) -> None:
    found = decide.plan_arrears([subject], {}, NOW, POLICY)
    assert kinds(found) == expected
    assert not decide.plan_arrears([subject], {TRADER: NOW}, NOW, POLICY).actions


def test_liq_7_collateral_is_no_claim() -> None:
    """E = cash - losses + claims + collateral."""
    subject = pledged(100, cash=80 * WAD, losses=30 * WAD, collateral=40 * WAD)
    assert (subject.arrears, subject.claims, subject.unpaid) == (30 * WAD, 10 * WAD, 0)


def test_liq_7_takeover_waits_where_nothing_but_collateral_could_pay() -> None:
    pays = dataclasses.replace(SICK.row, cash=0, pledged=1, collateral=SICK.row.equity)
    subject = Holding(pays, SICK.legs)
    found = decide.plan_liquidation(
        subject, quoted(subject), world(keeper=RICH_KEEPER), Policy(use_orders=False)
    )
    assert not found.actions
    assert "nothing but collateral" in found.left[0].reason


def test_policy_refuses_a_negative_budget() -> None:
    with pytest.raises(ValueError, match="buy_collateral"):
        Policy(buy_collateral=-1)
    with pytest.raises(ValueError, match="min_discount"):
        Policy(min_discount=100_001)
