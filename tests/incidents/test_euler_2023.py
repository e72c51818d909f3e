"""Euler Finance, March 2023: equity given away without a health check, then self-liquidation.

What happened. With 30 m of borrowed cash the attacker built a tenfold position, gave 100 m of
collateral to the reserves in a call that had no health check, and liquidated himself from a second
account at the largest discount (20 %), which paid more than the position was worth: 197 m.

Here (TRD-2, LIQ-2). Every call that lowers an account's equity ends in a check, so none of them
makes it liquidatable; and a takeover's penalty is at most 0.8 of E in proportion, half of it the
fund's. So moving value between one's own accounts costs fees and the fund's half, always: the
accounts together have less afterwards, at any price that stands still.
"""

import random

import pytest
from engine_world import FUND, TREASURY, Config, Party, World, reverts, wad

from plimsoll.evm import Revert

MILLION = 10**6
CONFIG = Config(oi_cap=wad(10**7), max_notional=wad(10**9), penalty_min=500, penalty_max=2_000)


@pytest.fixture
def world() -> World:
    return World(markets=1, configs={0: CONFIG}, ceilings={0: 70}, backing=10**7)


def wealth(world: World, *parties: Party) -> int:
    """What the attacker's accounts are worth together, WAD."""
    return sum(world.equity(who) for who in parties)


def test_euler_no_call_gives_away_what_the_margin_needs(world: World) -> None:
    """30 m, long 200 m: IM 18 m + 1.5, so at most 12 m less the fee may leave; by any door.

    By withdrawal; by a loss of 2 % against a friend's order (up to 4 m for what reduces, and only
    while health does not fall); not at all by an order of its own that a friend fills.
    """
    victim, friend = world.party("attacker", 30 * MILLION), world.party("friend", 60 * MILLION)
    world.trade(victim, friend, wad(2 * MILLION))
    most = 12 * MILLION * world.unit - 1_500_000 - 100_000 * world.unit
    with reverts("custody: below initial margin"):
        world.engine.withdraw(victim.id, most + 1, victim.key, sender=victim.key)
    world.engine.withdraw(victim.id, most, victim.key, sender=victim.key)
    # at the margin: a fill that grows and loses is refused, as taker and as maker
    for price in (98, 102):
        size = wad(100_000) if price > 100 else wad(-100_000)
        grows = size > 0
        if grows:
            with reverts("trading: below initial margin"):
                world.trade(victim, friend, size, price=wad(price))
        with reverts("trading: below initial margin"):
            world.fill(world.order(victim, wad(100_000), wad(102)), friend)
    # giving away 2 % of half the position while reducing raises health: 16 m of 9 m, not a theft
    world.trade(victim, friend, wad(-MILLION), price=wad(98))
    health = world.engine.health(victim.id)
    assert health.equity > health.initial


def test_euler_nothing_is_given_away_below_the_margin(world: World) -> None:
    """Deep below MM a loss against the mark lowers health more than the slice raises it: refused.

    Long 200 m with 18.1 m; at 91.5 E = 1.1 m of MM 10.98 m. An eighth sold 2 % below the mark costs
    0.4575 m and the fee, a third of E, and frees an eighth of the margin.
    """
    victim, friend = world.party("attacker", 18_200_000), world.party("friend", 60 * MILLION)
    world.trade(victim, friend, wad(2 * MILLION))
    world.price(0, "91.5")
    health = world.engine.health(victim.id)
    assert 0 < health.equity < health.maintenance
    with reverts("trading: health falls"):
        world.trade(victim, friend, wad(-MILLION // 4), price=wad("89.67"))


def test_euler_self_liquidation_costs_the_funds_half(world: World) -> None:
    """At 94 the attacker takes over his own account, slice by slice, at ever larger penalties.

    What his accounts lose together is what fund and treasury gain, and it is more than zero.
    """
    victim, friend = world.party("attacker", 18_200_000), world.party("friend", 60 * MILLION)
    second = world.party("attacker", 30 * MILLION, index=1)
    world.trade(victim, friend, wad(2 * MILLION))
    world.price(0, 94)
    fund, treasury = world.cash(FUND), world.cash(TREASURY)
    before = wealth(world, victim, second, friend)
    taken = 0
    for price in (94, "93.5", 93, "92.5"):
        world.price(0, price)
        for share in (64, 16, 8, 4, 2):
            try:
                event = world.takeover(victim, world.size(victim) // share, second)
            except Revert:
                continue
            taken += event.event("TakenOver").to_worker + event.event("TakenOver").to_fund
        now = wealth(world, victim, second, friend)
        lost = world.cash(FUND) + world.cash(TREASURY) - fund - treasury
        assert abs(before - now - lost) <= 10**6  # a wei for each mark that was rounded
        assert lost * 2 >= taken > 0
    assert world.equity(victim) > 0
    assert world.broken() == []


@pytest.mark.parametrize("seed", range(6))
def test_euler_no_way_round_pays_at_a_price_that_stands_still(world: World, seed: int) -> None:
    """Any row of trades off the mark, takeovers, closings by order, settlements, withdrawals and

    deposits among one's own three accounts at one price: they never have more than before.
    """
    draw = random.Random(seed)
    mine = [world.party("attacker", MILLION * draw.randrange(1, 20), index=i) for i in range(3)]
    keeper = world.party("attacker", 0, index=9)
    outsider = world.party("outsider", 60 * MILLION)
    world.trade(mine[0], outsider, wad(draw.choice((-1, 1)) * world.cash(mine[0]) // wad(12)))
    move = 1 if world.size(mine[0]) < 0 else -1
    world.price(0, 100 + move * draw.randrange(4, 8))
    everyone = (*mine, keeper)
    before = wealth(world, *everyone)
    for _ in range(80):
        one, other = draw.sample(mine, 2)
        mark = world.mark(0)
        size = draw.randrange(wad(1), wad(200_000))
        price = mark * draw.randrange(980, 1_021) // 1_000
        try:
            match draw.randrange(5):
                case 0 | 1:
                    world.trade(one, other, draw.choice((-1, 1)) * size, price=price)
                case 2:
                    whole = abs(world.size(one))
                    world.takeover(one, whole // draw.choice((1, 2, 8, 64)), other)
                case 3:
                    sign = 1 if world.size(one) > 0 else -1
                    order = world.order(other, sign * (abs(world.size(one)) // 16), price)
                    world.takeover_by_order(order, one, keeper)
                case 4:
                    world.engine.settle(one.id)
        except Revert as failure:
            if not failure.reason:
                raise
        assert wealth(world, *everyone) <= before
    assert world.broken() == []
