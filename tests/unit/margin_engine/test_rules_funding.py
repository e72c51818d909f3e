"""LED-7: longs and shorts pay each other what trades were off the mark, at most the fees."""

import random

import pytest
from engine_world import (
    A_ONE,
    FUND,
    MARKETS,
    MAX,
    TREASURY,
    Party,
    World,
    decay,
    events,
    reverts,
    wad,
)

UNIT = 10**10
MOST = 75 * 10**6
MINUTE = 60


def trunc(n: int, d: int) -> int:
    """n / d toward zero."""
    return abs(n) // d * (1 if n >= 0 else -1)


def folded(premium: int, minutes: int) -> int:
    """What is left of a premium after so many minutes."""
    return trunc(premium * decay(10 * minutes), 2**64)


@pytest.fixture
def long(world: World) -> Party:
    return world.party("long", 1_000)


@pytest.fixture
def short(world: World) -> Party:
    return world.party("short", 1_000)


@pytest.fixture
def rich(world: World, long: Party, short: Party) -> World:
    """Long 10 bought at 101 with the mark at 100, in the first second of a minute."""
    world.chain.mine(seconds=MINUTE - world.chain.timestamp % MINUTE)
    world.refresh(0)
    world.trade(long, short, wad(10), price=wad(101))
    return world


def fees(world: World) -> int:
    """What the house has, WAD."""
    return world.cash(FUND) + world.cash(TREASURY)


def test_led_7_the_first_fill_moves_the_premium_by_its_fees(rich: World) -> None:
    """1 % off is above 0.75 %, but 0.07 % of 1010 in fees move it by 0.0707 % of 1000 at most."""
    assert rich.extra().premium == 7_070_000


def test_led_7_without_fees_no_premium(world: World, long: Party, short: Party) -> None:
    """Whoever trades with himself for nothing moves nothing."""
    world.configure(maker_fee=0, taker_fee=0)
    for _ in range(5):
        world.trade(long, short, wad(1), price=wad(101))
    assert world.extra().premium == 0


def test_led_7_a_premium_is_bounded(world: World, long: Party, short: Party) -> None:
    """With the highest fees, 1 % each, it is the deviation, and 0.75 % at most."""
    world.configure(maker_fee=10_000, taker_fee=10_000)
    with world.anchor():
        world.trade(long, short, wad(1), price=wad("100.5"))
        assert world.extra().premium == 50 * 10**6
    with world.anchor():
        world.trade(long, short, wad(1), price=wad("98.5"))
        assert world.extra().premium == -MOST
    world.trade(long, short, wad(1), price=wad(102))
    assert world.extra().premium == MOST
    # a fill at the mark pulls it back by its share of the open interest: a fifth of it
    world.trade(long, world.party("other", 1_000), wad("0.25"))
    assert world.extra().premium == MOST - MOST // 5


def test_led_7_a_fills_premium_is_within_its_fees(world: World) -> None:
    """Fills of every size and price: |step| * OI * mark never exceeds what both sides paid."""
    parties = [world.party(f"trader {i}", 10**5) for i in range(4)]
    draw, moved = random.Random(7), 0
    for _ in range(60):
        taker, maker = draw.sample(parties, 2)
        size, price = draw.randint(1, 500), draw.randint(9_800, 10_200)
        before, oi, had = world.extra().premium, world.state().oi, fees(world)
        world.trade(taker, maker, wad(size) * draw.choice((1, -1)) // 10, price=wad(price) // 100)
        after, most = world.extra().premium, max(oi, world.state().oi)
        assert abs(after) <= MOST
        assert abs(after - before) * most * wad(100) <= (fees(world) - had) * 10**28
        moved += after != before
    assert moved > 50


def test_led_7_funding_is_zero_sum(rich: World, long: Party, short: Party) -> None:
    """After ten minutes longs owe what shorts have, to the wei; no cash moves."""
    world, left = rich, folded(7_070_000, 10)
    world.chain.mine(seconds=10 * MINUTE)
    backing, house = world.state().cash, fees(world)
    equity = world.equity(long), world.equity(short)
    world.engine.accrue(0, sender=world.key("stranger"))
    f = wad(100) * (7_070_000 - left) // UNIT
    assert f > 0
    assert world.extra().premium == left
    assert (world.state().long_k0, world.state().short_k0) == (-A_ONE * f, A_ONE * f)
    assert (world.equity(long), world.equity(short)) == (equity[0] - 10 * f, equity[1] + 10 * f)
    assert (world.state().cash, fees(world)) == (backing, house)


def test_led_7_a_negative_premium_is_paid_by_shorts(
    world: World, long: Party, short: Party
) -> None:
    world.trade(long, short, wad(10), price=wad(99))
    assert world.extra().premium < 0
    equity = world.equity(long), world.equity(short)
    world.chain.mine(seconds=30 * MINUTE)
    world.engine.accrue(0)
    gain = world.equity(long) - equity[0]
    assert gain > 0
    assert world.equity(short) == equity[1] - gain


def test_led_7_accrue_twice_in_a_minute(rich: World) -> None:
    """The second one finds nothing: no event, no change, up to the last second of the minute."""
    world = rich
    world.chain.mine(seconds=3 * MINUTE)
    assert "SideUpdated" in events(world.engine.accrue(0))
    for seconds in (0, MINUTE - 1):
        world.chain.mine(seconds=seconds)
        before = world.fingerprint(), tuple(world.extra())
        assert events(world.engine.accrue(0)) == []
        assert (world.fingerprint(), tuple(world.extra())) == before
    world.chain.mine(seconds=1)
    assert "SideUpdated" in events(world.engine.accrue(0))


def test_led_7_whoever_calls_whenever_the_sum_is_the_same(rich: World, long: Party) -> None:
    """Sixty folds of a minute or one of an hour: what leaves the premium is what is paid."""
    world, equity = rich, rich.equity(long)
    with world.anchor():
        world.chain.mine(seconds=60 * MINUTE)
        world.engine.accrue(0)
        once, rest = equity - world.equity(long), world.extra().premium
    premium, charged = 7_070_000, 0
    for _ in range(60):
        world.chain.mine(seconds=MINUTE)
        world.engine.accrue(0)
        left = folded(premium, 1)
        charged += 10 * (wad(100) * (premium - left) // UNIT)
        premium = left
    assert world.extra().premium == premium
    assert equity - world.equity(long) == charged
    assert charged + 10 * wad(100) * premium // UNIT == once + 10 * wad(100) * rest // UNIT
    assert 0 <= rest - premium <= 60


def test_led_7_nobody_is_charged_for_the_time_before_he_came(rich: World, long: Party) -> None:
    """A fill folds first: an hour of premium is the old positions', whether or not it accrued."""
    world, late = rich, rich.party("late", 1_000)
    world.chain.mine(seconds=60 * MINUTE)
    equity = world.equity(long)
    world.trade(late, world.party("other", 1_000), wad(10))
    assert world.value(late.id, 0, wad(100)) == (wad(10), 0)
    f = wad(100) * (7_070_000 - folded(7_070_000, 60)) // UNIT
    assert world.equity(long) == equity - 10 * f
    # and nobody is charged again for a minute that was folded
    world.engine.accrue(0)
    assert world.equity(long) == equity - 10 * f
    assert world.value(late.id, 0, wad(100)) == (wad(10), 0)


def test_led_7_all_that_ever_follows_is_within_the_fees(rich: World, long: Party) -> None:
    """Weeks later the premium is gone, and the longs have paid at most the fill's 0.707."""
    world, equity = rich, rich.equity(long)
    for _ in range(4):
        world.chain.mine(seconds=7 * 86_400)
        world.refresh(0)
        world.engine.accrue(0)
    assert world.extra().premium == 0
    assert wad("0.706") < equity - world.equity(long) <= wad("0.707")


def test_led_7_a_market_that_empties_has_no_premium(rich: World, long: Party, short: Party) -> None:
    rich.trade(long, short, wad(-10), price=wad("100.5"))
    assert rich.extra().premium == 0
    assert (rich.state().long_k0, rich.state().short_k0) == (0, 0)


def test_accrue_default_without_a_premium(world: World, long: Party, short: Party) -> None:
    """Nothing to pay: whatever the minute, nothing is written."""
    world.trade(long, short, wad(10))
    for _ in range(3):
        assert events(world.engine.accrue(0)) == []
        world.chain.mine(seconds=MINUTE)


@pytest.mark.parametrize("market", [MARKETS, 15, 16, MAX])
def test_accrue_reverts_market_not_listed(world: World, market: int) -> None:
    with reverts("trading: market not listed"):
        world.engine.accrue(market)


@pytest.mark.parametrize("what", ["stale", "dead", "zero"])
def test_accrue_reverts_no_fresh_price(rich: World, what: str) -> None:
    """What is due waits; with the price it is paid."""
    world = rich
    world.chain.mine(seconds=MINUTE)
    with world.anchor():
        world.spoil(0, what)
        with reverts("trading: no fresh price"):
            world.engine.accrue(0)
    world.engine.accrue(0)
    assert world.extra().premium == folded(7_070_000, 1)
