"""Mango Markets, October 2022: both sides in a thin market, a pump, unrealised profit taken out.

What happened. One owner put 5 m into each of two accounts, sold 483 m MNGO perpetuals from one to
the other at 0.0382 (18.45 m), pumped the spot price to 0.91 within minutes and borrowed 114 m
against the long's unrealised profit of 421 m. What he left behind were two accounts in ruins.

Here (MRG-1, MRG-6, LED-4). Unpaid profit is no initial equity: the long's free cash is its own 5 m,
less margin. Of what the short loses the long is paid what has matured, nothing in the first hour,
and what it is paid is margin first: a price that is back within the hour leaves both accounts what
he brought, less the fee. A resolve of the whole market ends and freezes it for a day (LED-8). What
the long is paid then comes out of the short's 5 m and of the fund, as far as the market's allowance
of the day reaches (0.25 m here): the owner gets back at most his stake of 10 m, less fees, plus
that. 114 m of other people's cash beside him stay to the last wei.
"""

import pytest
from engine_world import FUND, WAD, Config, Party, World, reverts, wad

UNITS = wad(483 * 10**6)
BEFORE, AFTER = "0.0382", "0.91"
STAKE = wad(10 * 10**6)
#: the fee of the one fill, 0.05 % of 18.4506 m
FEE = wad("9225.3")
#: after as many seconds all claims have matured; longer than the day that a market is frozen
MATURE = 60 * 3_600
ALLOWANCE = wad(250_000)
#: sigma 5 %, f 5 %, g 2 %, no impact, depth 4 m, share 5: IM is 22.5 % of the position
LAX = (5 * 10**10, 5 * 10**10, 2 * 10**10, 0, 4 * 10**6, 0, 2 * 10**10, 5 * 10**12)
CONFIG = Config(oi_cap=wad(500 * 10**6), max_notional=wad(10**9), min_notional=wad(10), maker_fee=0)


@pytest.fixture
def world() -> World:
    """A market as careless as it was, and 114 m of others' cash."""
    world = World(
        markets=1,
        prices=(BEFORE,),
        risks={0: LAX},
        configs={0: CONFIG},
        ceilings={0: 68},
        allowance=ALLOWANCE,
        backing=5 * 10**6,
    )
    world.party("lenders", 114 * 10**6)
    return world


def attack(world: World) -> tuple[Party, Party]:
    """Both sides are open, the price is pumped 24 times."""
    long, short = world.party("attacker", 5 * 10**6), world.party("attacker", 5 * 10**6, index=1)
    world.trade(long, short, UNITS)
    world.price(0, AFTER)
    return long, short


def taken(world: World, *parties: Party) -> int:
    """Withdraw whatever goes, WAD; halving the sum where it is too much."""
    total = 0
    for who in parties:
        step = 10**9 * world.unit
        while step:
            try:
                world.engine.withdraw(who.id, step, who.key, sender=who.key)
                total += step * world.scale
            except Exception:  # noqa: BLE001, any refusal is one
                step //= 2
    return total


def test_mango_listing_refuses_the_size(world: World) -> None:
    """MRG-6: with the depth that the market really had (0.1 m) 500 m units cannot be listed."""
    honest = (*LAX[:4], 10**5, *LAX[5:])
    world.set_risk(honest)
    with reverts("listing: oi cap above depth"):
        world.configure()
    # 0.5 m quote of open interest is what goes: 13 m units
    world.configure(oi_cap=wad(13 * 10**6))


def test_mango_unrealised_profit_is_no_collateral(world: World) -> None:
    """Profit 483 m * 0.8718 = 421.0794 m; its margin alone is above the long's cash now."""
    long, _ = attack(world)
    health = world.engine.health(long.id)
    assert health.equity - health.initial_equity == wad(483 * 10**6) * 8_718 // 10_000
    assert health.initial_equity < wad(5 * 10**6)
    assert taken(world, long) == 0
    with reverts("trading: below initial margin"):
        world.trade(long, world.party("seller", 10**6), wad(1_000))


def test_mango_attacker_gains_nothing_but_the_allowance(world: World) -> None:
    """Settle, resolve, settle again: out come at most 10 m less fees, and the fund's 0.25 m.

    The book ends by the resolve: the long's own 5 m may go at once, its claims after the thaw.
    """
    long, short = attack(world)
    fund, keeper = world.cash(FUND), world.party("keeper")
    for who in (short, long):
        world.engine.settle(who.id)
    got = taken(world, long, short)
    event = world.resolve(short, keeper).event("Resolved")
    assert event.paid + event.reward <= ALLOWANCE
    # what is missing is the attacker's own: charged to his long, the rest unpaid
    assert event.paid + event.charged + event.to_shortfall > wad(400 * 10**6)
    world.engine.settle(long.id)
    got += taken(world, long, short)
    assert wad(5 * 10**6) - FEE - WAD < got <= wad(5 * 10**6) - FEE
    world.chain.mine(1, MATURE)
    world.price(0, AFTER)
    world.engine.thaw(0)
    for _ in range(2):
        world.engine.settle(long.id)
    got += taken(world, long, short)
    assert fund - world.cash(FUND) <= ALLOWANCE
    assert got <= STAKE + event.paid - FEE + 2 * WAD
    assert got > wad(9 * 10**6)
    # day after day the fund pays the shortfall as far as the allowance reaches, and no further
    world.chain.mine(seconds=86_400)
    paid = world.engine.cover(0).value
    assert paid <= ALLOWANCE
    world.engine.settle(long.id)
    assert got + taken(world, long, short) <= STAKE + event.paid + paid


def test_mango_the_others_are_whole(world: World) -> None:
    """All 114 m leave afterwards."""
    long, short = attack(world)
    world.engine.settle(short.id)
    world.resolve(short, world.party("keeper"))
    world.engine.settle(long.id)
    taken(world, long, short)
    lenders = world.chain.account("lenders")
    account = int(lenders.address, 16) << 96
    world.engine.withdraw(account, 114 * 10**6 * world.unit, lenders, sender=lenders)
    assert world.broken() == []


@pytest.mark.parametrize("minutes", [1, 30, 60])
def test_led_4_mango_back_within_the_half_life_he_leaves_with_what_he_brought(
    world: World, minutes: int
) -> None:
    """The pump is settled every minute, then the price is back: 10 m less the fee of 9,225.30.

    Nothing of the long's 421 m is paid within the hour, not even the 5 m that the short had, and
    98.9 m of initial margin keep its own cash in: nothing leaves while the price is up.
    """
    long, short = attack(world)
    fund = world.cash(FUND)
    for _ in range(minutes):
        for who in (short, long):
            world.engine.settle(who.id)
        world.chain.mine(1, 60)
    world.price(0, AFTER)
    world.engine.settle(long.id)
    assert world.cash(short) == 0
    assert world.cash(long) <= wad(5 * 10**6)
    assert taken(world, long, short) == 0
    world.price(0, BEFORE)
    for _ in range(2):
        for who in (long, short):
            world.engine.settle(who.id)
        if world.size(short) != 0:
            world.trade(short, long, UNITS)
        world.chain.mine(1, MATURE)
        world.price(0, BEFORE)
    total = taken(world, long, short)
    assert total <= STAKE - FEE
    assert world.cash(FUND) <= fund + FEE
    assert world.broken() == []
