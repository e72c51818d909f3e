"""LIQ-1, LIQ-6, TRD-4 and crowding: what waits, for how long, and for whom. Market 0 is at 100."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.reference import Refused, account_id
from plimsoll.reference.numbers import CURE, MARKETS, VOID, WAD, WINDOW, sync_code, sync_price

STRANGER = "0x" + "77" * 20
OWNER = "0x" + "0a" * 20
WEAK, SELLER, HELPER, SECOND = 1, 2, 3, 4


def address(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


def take(world: Any, account: int, size: int) -> None:
    world.model.takeover(address(HELPER), account, 0, size, account_id(address(HELPER)))


@pytest.fixture
def weak(world: Any) -> int:
    """Long 10 from 100 with 400 quote; at 70 it has E = 100 and MM = 105.000049. OI is 40."""
    account: int = world.actor(WEAK, 400)
    for number in (SELLER, HELPER, SECOND):
        world.actor(number, 10_000)
    world.trade(WEAK, SELLER, 10 * WAD)
    world.trade(SECOND, SELLER, 30 * WAD)
    world.answer(0, 70 * WAD)
    return account


# ---- LIQ-1 -------------------------------------------------------------------------------------


def test_liq_1_bands(world: Any, weak: int) -> None:
    """E = 10*p - 600, MM = 1.5*p, IM = 3*p: each band has its stretch of prices."""
    for price, band in (
        (86, "healthy"),
        (85, "warned"),
        (70, "called"),
        (66, "liquidatable"),
        (61, "liquidatable"),
        (609, "critical"),
        (60, "bankrupt"),
    ):
        world.answer(0, price * WAD if price < 100 else price * WAD // 10)
        assert world.model.band(weak) == band, price


def test_liq_1_a_takeover_waits_for_the_cure_window(world: Any, weak: int) -> None:
    """No call, no takeover; then 300 s; then 3,600 s in which it stands; then a new call."""
    model = world.model
    began = model.time
    with pytest.raises(Refused, match="no margin call"):
        take(world, weak, WAD)
    model.call_margin(STRANGER, weak)
    assert model.account(weak).deadline == began + CURE
    for passed, reason in ((CURE - 1, "cure window"), (CURE + VOID + 1, "no margin call")):
        model.set_time(began + passed)
        world.pass_time(0)
        with pytest.raises(Refused, match=reason):
            take(world, weak, WAD)
    for passed in (CURE, CURE + VOID):
        early = model.copy()
        early.set_time(began + passed)
        early.set_answer(0, 70 * WAD, early.time)
        early.takeover(address(HELPER), weak, 0, WAD, account_id(address(HELPER)))
    model.call_margin(STRANGER, weak)
    assert model.account(weak).deadline == model.time + CURE


def test_liq_1_below_psi_nobody_waits(world: Any, weak: int) -> None:
    """At 67.1 E = 71 of MM = 100.65, 0.705; at 66.9 69 of 100.35, 0.688."""
    world.answer(0, 671 * WAD // 10)
    with pytest.raises(Refused, match="no margin call"):
        take(world, weak, WAD)
    world.answer(0, 669 * WAD // 10)
    take(world, weak, WAD)


def test_liq_1_call_margin_reverts(world: Any, weak: int) -> None:
    """Above MM; and while a call stands, which is until VOID after its deadline."""
    model = world.model
    with pytest.raises(Refused, match="not below"):
        model.call_margin(STRANGER, account_id(address(SECOND)))
    model.call_margin(STRANGER, weak)
    world.pass_time(CURE + VOID)
    with pytest.raises(Refused, match="stands"):
        model.call_margin(STRANGER, weak)
    world.pass_time(1)
    model.call_margin(STRANGER, weak)


def test_liq_1_call_margin_of_a_dead_leg(world: Any, weak: int) -> None:
    """A feed that is stale is valued at its last good price."""
    world.model.set_answer(0, 70 * WAD, world.model.time - 4_000)
    world.model.call_margin(STRANGER, weak)
    assert world.model.account(weak).deadline == world.model.time + CURE


@pytest.mark.parametrize("way", ["touch", "settle", "fill", "takeover", "withdraw", "liquidate"])
def test_liq_1_the_deadline_is_cleared_when_the_margin_is_back(
    world: Any, weak: int, way: str
) -> None:
    """By each call that records it, and by none of them while E < MM."""
    model, owner = world.model, address(WEAK)
    model.call_margin(STRANGER, weak)
    model.touch(STRANGER, weak)
    model.settle(STRANGER, weak)
    assert model.account(weak).deadline != 0
    if way == "takeover":  # with 2.4 units less E = 100 is above MM = 80
        world.pass_time(CURE)
        take(world, weak, 2 * WAD)
        assert model.account(weak).deadline == 0
        return
    model.deposit(STRANGER, weak, 1_000 * 10**6)
    assert model.account(weak).deadline != 0
    if way == "touch":
        model.touch(STRANGER, weak)
    elif way == "settle":
        model.settle(STRANGER, weak)
    elif way == "fill":
        world.trade(WEAK, SELLER, -WAD)
    elif way == "withdraw":
        model.withdraw(owner, weak, 1, owner)
    else:  # as the liquidator of another
        other = world.actor(5, 320)
        world.trade(5, SELLER, 10 * WAD)
        world.answer(0, 42 * WAD)
        model.takeover(owner, other, 0, WAD, weak)
    assert model.account(weak).deadline == 0


def test_liq_1_a_reduction_below_the_margin_does_not_clear(world: Any, weak: int) -> None:
    """0.1 of 10 units at 70: E = 100 against MM = 103.95."""
    world.model.call_margin(STRANGER, weak)
    world.trade(WEAK, SELLER, -WAD // 10)
    assert world.model.account(weak).deadline != 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_liq_1_nobody_moves_a_deadline_but_by_curing(new_world: Any, seed: int) -> None:
    """Random calls of the owner and of others: a deadline that stands stays as it is, or it is 0
    and E >= MM has been recorded."""
    random, world = Random(seed), new_world()
    world.market()
    model = world.model
    weak = world.actor(WEAK, 400)
    for number in (SELLER, HELPER, SECOND):
        world.actor(number, 10_000)
    world.trade(WEAK, SELLER, 10 * WAD)
    world.trade(SECOND, SELLER, 30 * WAD)
    world.answer(0, 70 * WAD)
    model.call_margin(STRANGER, weak)
    calls = [
        lambda: model.call_margin(random.choice((STRANGER, address(WEAK))), weak),
        lambda: model.touch(STRANGER, weak),
        lambda: model.settle(STRANGER, weak),
        lambda: model.accrue(STRANGER, 0),
        lambda: model.sync(STRANGER, 0),
        lambda: model.deposit(STRANGER, weak, random.choice((1, 3 * 10**6, 40 * 10**6))),
        lambda: model.withdraw(address(WEAK), weak, 1, STRANGER),
        lambda: world.trade(WEAK, SELLER, random.choice((-1, 1)) * WAD // 2),
        lambda: world.trade(SELLER, WEAK, random.choice((-1, 1)) * WAD // 2),
        lambda: take(world, weak, random.choice((1, WAD // 4, WAD))),
        lambda: model.resolve(STRANGER, weak, 0, account_id(address(HELPER))),
        lambda: model.reclaim(STRANGER, weak),
        lambda: world.answer(0, random.choice((66, 68, 70, 72, 60)) * WAD),
        lambda: world.pass_time(random.choice((1, 100, 400))),
    ]
    for _ in range(60):
        deadline = model.account(weak).deadline
        stands = deadline != 0 and model.time <= deadline + VOID
        try:
            random.choice(calls)()
        except Refused:
            continue
        after = model.account(weak).deadline
        if stands and after != deadline:
            now = model.standing(weak)
            assert after == 0
            assert now.equity + 10 >= now.margin.mm  # a takeover's marking rounds by some wei
        elif after != deadline:
            assert after in (0, model.time + CURE)


# ---- LIQ-6 -------------------------------------------------------------------------------------


def share(world: Any, sixteenths: int, market: int = 0) -> None:
    """What of a market's open interest called accounts may lose in a window."""
    rules = world.model.markets[market].rules
    world.model.set_market(OWNER, market, replace(rules, takeover_share=sixteenths))


def test_liq_6_a_window_has_room_for_its_share(world: Any, weak: int) -> None:
    """OI is 50, of which 1/16 are 3.125 units, in slices that health allows.

    With 55 there is room for 3.4375; 10 minutes later all of it is there again.
    """
    model = world.model
    share(world, 1)
    world.call(weak)
    deep = world.actor(5, 400)
    world.answer(0, 100 * WAD)
    world.trade(5, SELLER, 10 * WAD)
    world.answer(0, 70 * WAD)
    assert model.markets[0].oi == 50 * WAD
    world.call(deep)
    take(world, weak, 15 * WAD // 10)
    take(world, deep, 15 * WAD // 10)
    start = model.time
    assert (model.markets[0].window_taken, model.markets[0].window_start) == (3 * WAD, start)
    third = world.actor(6, 150)
    world.answer(0, 74 * WAD)
    world.trade(6, SELLER, 5 * WAD)
    world.answer(0, 51 * WAD)
    model.deposit(STRANGER, third, 1)
    assert model.band(third) == "called"
    world.call(third)
    with pytest.raises(Refused, match="window"):
        take(world, third, WAD)
    world.pass_time(WINDOW - CURE - 1)
    with pytest.raises(Refused, match="window"):
        take(world, third, WAD)
    world.pass_time(1)
    take(world, third, WAD)
    assert (model.markets[0].window_taken, model.markets[0].window_start) == (WAD, start + WINDOW)


def test_liq_6_two_minimum_positions_fit_whatever_the_open_interest(new_world: Any) -> None:
    """Minimum 350 quote at 70: 10 units fit into the window where OI/16 is 0.625."""
    world = new_world()
    world.market(min_notional=350 * WAD, takeover_share=1)
    weak = world.actor(WEAK, 400)
    for number in (SELLER, HELPER):
        world.actor(number, 10_000)
    world.trade(WEAK, SELLER, 10 * WAD)
    world.answer(0, 70 * WAD)
    world.call(weak)
    assert world.model.window_room(0) == 10 * WAD
    take(world, weak, 2 * WAD)
    assert world.model.window_room(0) == 8 * WAD


def test_liq_6_below_psi_no_window_is_read_or_written(world: Any, weak: int) -> None:
    """At 61 E = 10 of MM = 91.5: 7 of 10 units in two slices, while 1/16 of OI is 2.5."""
    share(world, 1)
    world.answer(0, 61 * WAD)
    for size in (5, 2):
        take(world, weak, size * WAD)
    market = world.model.markets[0]
    assert (market.window_taken, market.window_start) == (0, 0)


# ---- TRD-4 -------------------------------------------------------------------------------------


@given(price=st.integers(1, 2**90 - 1))
def test_trd_4_the_mark_keeps_eleven_bits(price: int) -> None:
    """Cut, not rounded: less than 1/1,024 below the price, and a code of 18 bits."""
    code = sync_code(price)
    assert 0 < code < 2**18
    assert sync_price(code) <= price
    assert (price - sync_price(code)) * 1_024 < price
    assert sync_price(sync_code(sync_price(code))) == sync_price(code)


def fill(world: Any, size: int) -> None:
    """A fill that does not sync first."""
    order = world.order(SECOND, size, world.model.price(0))
    seller = account_id(address(SELLER))
    world.model.fill(address(SELLER), order, address(SECOND), seller, abs(size))


def test_trd_4_growing_waits_for_a_sync_and_two_blocks(world: Any, weak: int) -> None:
    """f = 2 %, so the width is 1 %: 5/500. The mark of 100 is kept as 99.9; at 70 it is far off."""
    model, market = world.model, world.model.markets[0]
    assert market.width == 5
    assert 99 * WAD < sync_price(market.sync_mark) <= 100 * WAD
    with pytest.raises(Refused, match="out of sync"):
        fill(world, WAD)
    model.set_block(253)
    model.sync(STRANGER, 0)
    assert market.wait == 254
    for block in (253, 254):
        model.set_block(block)
        with pytest.raises(Refused, match="waits"):
            fill(world, WAD)
    model.set_block(255)  # 1 modulo 255, two blocks later
    fill(world, WAD)
    assert market.wait == 0


def test_trd_4_reducing_liquidation_and_resolve_do_not_wait(world: Any, weak: int) -> None:
    model = world.model
    fill(world, -WAD)
    world.call(weak)
    take(world, weak, WAD)
    helper = account_id(address(HELPER))
    assert [model.positions(who) for who in (weak, helper)] == [{0: 9 * WAD}, {0: WAD}]
    world.answer(0, 55 * WAD)
    model.resolve(STRANGER, weak, 0, helper)
    assert model.positions(weak).get(0, 0) == 0


def test_trd_4_small_moves_need_no_sync_and_a_sync_in_sync_no_wait(world: Any) -> None:
    """One per cent of the mark and no more; a sync moves the mark along without a wait."""
    model, market = world.model, world.model.markets[0]
    for number in (SELLER, SECOND):
        world.actor(number, 10_000)
    mark = sync_price(market.sync_mark)
    world.answer(0, mark + mark // 100)
    fill(world, WAD)
    world.answer(0, mark + mark // 100 + 1)
    with pytest.raises(Refused, match="out of sync"):
        fill(world, WAD)
    world.answer(0, mark + mark // 100)
    model.sync(STRANGER, 0)
    assert market.wait == 0
    world.answer(0, mark + mark // 60)
    fill(world, WAD)


def test_trd_4_sync_reverts_without_a_market_or_a_fresh_feed(world: Any) -> None:
    model = world.model
    for market in (1, MARKETS):
        with pytest.raises(Refused, match="listed"):
            model.sync(STRANGER, market)
    model.set_answer(0, None, model.time)
    with pytest.raises(Refused, match="fresh"):
        model.sync(STRANGER, 0)


# ---- crowding ----------------------------------------------------------------------------------


def test_mrg_5_crowding_raises_im_and_leaves_mm(new_world: Any) -> None:
    """A cap of 40 units: up to 20 nothing; at 30, half way to the cap, bucket 32: IM is 1.5 times;
    at the cap bucket 63. The fill itself is judged by the bucket before it."""
    world = new_world()
    world.market(oi_cap=40 * WAD)
    model, market = world.model, world.model.markets[0]
    accounts = [world.actor(number, 10_000) for number in (SECOND, SELLER)]
    for size, bucket in ((20, 0), (10, 32), (10, 63), (-25, 0)):
        world.trade(SECOND, SELLER, size * WAD)
        assert market.bucket == bucket
        for account in accounts:
            mm, im = model.margin(account)
            assert im == -(-2 * (mm * 64 + bucket * mm) // 64)
    world.trade(SECOND, SELLER, 15 * WAD)
    rules = market.rules
    model.set_market(OWNER, 0, type(rules)(**{**vars(rules), "oi_cap": 10 * WAD}))
    assert market.bucket == 63
