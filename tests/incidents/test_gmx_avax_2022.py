"""GMX on Avalanche, September 2022: fills at the oracle's price without impact, the price moved.

What happened. Positions of 4 to 5 m in AVAX were opened at the oracle's price of 18 without any
price impact, the price was moved about 1 % on the exchanges behind the oracle, the positions were
closed at the new price, again without impact, five times over: 0.4 to 0.57 m from the pool.

Here (TRD-2's band, TRD-3's caps, MRG impact). There is no pool: whoever fills has signed a price,
the fund is never a counterparty, a fill is within the band of the oracle, and what can be opened
is limited by caps that follow the market's depth and by a margin that grows with the square of the
size. What the attacker wins he wins from makers that quoted him, within the open-interest cap;
fund, treasury and bystanders lose nothing in five rounds.
"""

import pytest
from engine_world import FUND, TREASURY, WAD, Config, World, reverts, wad

#: depth 1 m, lambda 5 %, share 1: sigma 2 %, f 5 %
RISK = (2 * 10**10, 5 * 10**10, 2 * 10**10, 5 * 10**10, 10**6, 0, 2 * 10**10, 10**12)
#: 1 m quote of open interest at 18 is 55,555 AVAX; 0.6 m in one position
CONFIG = Config(
    oi_cap=wad(55_555), max_notional=wad(600_000), band=100, maker_fee=200, taker_fee=500
)


@pytest.fixture
def world() -> World:
    return World(markets=1, prices=(18,), risks={0: RISK}, configs={0: CONFIG}, backing=10**6)


def test_gmx_the_size_is_refused(world: World) -> None:
    """5 m at 18 are 277,777 AVAX: above the maximum and the cap, and a listing gets 1 m at most."""
    attacker, maker = world.party("attacker", 10**7), world.party("maker", 10**7)
    with reverts("trading: above maximum"):
        world.trade(attacker, maker, wad(277_777))
    world.configure(max_notional=wad(10**7))
    with reverts("trading: open interest cap"):
        world.trade(attacker, maker, wad(277_777))
    with reverts("listing: oi cap above depth"):
        world.configure(oi_cap=wad(277_777))


def test_gmx_impact_is_in_the_margin(world: World) -> None:
    """x = 500,000 at depth 1 m: impact 5 % * x * x / depth = 12,500 beside 6 % of x, 30,000.

    Of ten times the size it would be 1.25 m beside 300,000: margin above a quarter of the position.
    """
    attacker, maker = world.party("attacker", 10**6), world.party("maker", 10**6)
    world.trade(attacker, maker, wad(500_000) // 18)
    margin = world.engine.health(attacker.id).maintenance
    assert abs(margin - wad(42_500)) < WAD
    assert world.risk.margin([(0, wad(5 * 10**6), WAD)])[0] == wad(1_550_000)


def test_gmx_no_fill_away_from_the_oracle(world: World) -> None:
    """Band 0.1 %: the price before the move is no price after it, for either side."""
    attacker, maker = world.party("attacker", 10**6), world.party("maker", 10**6)
    old = world.mark(0)
    world.price(0, "18.18")
    for size in (wad(1_000), wad(-1_000)):
        with reverts("trading: price outside band"):
            world.trade(attacker, maker, size, price=old)


def test_gmx_five_rounds_cost_nobody_but_who_quoted(world: World) -> None:
    """27,777 AVAX (0.5 m) long at 18, sold at 18.18, five times, with makers that quote the mark.

    Each round makes 27,777 * 0.18 = 4,999.86 less 0.05 % of 0.5 m twice, 502.49, from the makers:
    22,486.87 in five. The fund has gained its share of the fees, the bystander has what it had.
    """
    attacker, bystander = world.party("attacker", 10**6), world.party("bystander", 12_345)
    makers = [world.party(f"maker {i}", 10**6) for i in range(2)]
    before = world.equity(attacker)
    quoted = sum(world.equity(maker) for maker in makers)
    house = world.cash(FUND) + world.cash(TREASURY)
    size = wad(27_777)
    for _ in range(5):
        world.price(0, 18)
        world.trade(attacker, makers[0], size)
        world.price(0, "18.18")
        world.trade(attacker, makers[1], -size)
        # the second maker is long now; it gets rid of it at the mark
        world.trade(makers[0], makers[1], size)
        for who in (attacker, *makers):
            world.engine.settle(who.id)
    gained = world.equity(attacker) - before
    fees = 5 * size * 500 * (wad(18) + wad("18.18")) // (10**6 * WAD)
    assert gained == 5 * 27_777 * wad("0.18") - fees == wad("22486.87035")
    lost = quoted - sum(world.equity(maker) for maker in makers)
    earned = world.cash(FUND) + world.cash(TREASURY) - house
    assert lost == gained + earned
    assert earned > 0
    assert world.equity(bystander) == wad(12_345)
    assert world.broken() == []


def test_gmx_a_maker_that_quotes_a_spread_loses_nothing(world: World) -> None:
    """The band leaves room for 0.1 % a side, so a quote above the mark is possible at any time."""
    attacker, maker = world.party("attacker", 10**6), world.party("maker", 10**6)
    world.trade(attacker, maker, wad(1_000), price=wad("18.018"))
    assert world.equity(maker) > wad(10**6)
