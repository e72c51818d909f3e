"""JELLY on Hyperliquid, March 2025: a position is left to the backstop vault while spot is pumped.

What happened. One trader sold 430 m JELLY at 0.0095 (4.1 m) from one account and bought 2.6 m from
two others, took margin out of the short so that it was liquidated, and the vault that backs every
market took the short over. Then spot was pumped to 0.05: the vault's loss grew to over 12 m while
its shared collateral kept it from being closed; the market was delisted at a price that was
chosen.

Here (LIQ-6, LIQ-4). The fund never holds a position. Margin does not leave below IM. When nobody
takes the short over and it is bankrupt, it is closed against the other side at the mark, at once,
and the trader's own longs are that other side. The fund's loss is what it pays in the resolve, at
most the market's allowance, and no price later changes it. The market's cap is more than twice the
position, so that crowding (MRG-5) asks for nothing; with a cap just above it the short cannot be
built.
"""

import pytest
from engine_world import FUND, WAD, Config, Party, World, reverts, wad

UNITS = 430 * 10**6
ALLOWANCE = wad(200_000)
#: sigma 5 %: IM is 22.5 % of the position
RISK = (5 * 10**10, 5 * 10**10, 2 * 10**10, 0, 2 * 10**6, 0, 2 * 10**10, 5 * 10**12)
CONFIG = Config(oi_cap=wad(900 * 10**6), max_notional=wad(10**7), maker_fee=0, taker_fee=0)


@pytest.fixture
def world() -> World:
    return World(
        markets=1,
        prices=("0.0095",),
        risks={0: RISK},
        configs={0: CONFIG},
        ceilings={0: 65},
        allowance=ALLOWANCE,
        backing=10**7,
    )


def setting(world: World) -> tuple[Party, list[Party]]:
    """Short 430 m from one account; 270 m of it from his own longs, 160 m from a bystander."""
    short = world.party("attacker", 1_000_000)
    longs = [world.party("attacker", 700_000, index=i) for i in (1, 2)]
    longs.append(world.party("bystander", 700_000))
    for long, millions in zip(longs, (160, 110, 160), strict=True):
        world.trade(short, long, -wad(millions * 10**6))
    assert world.size(short) == -wad(UNITS)
    return short, longs


def test_jelly_margin_does_not_leave(world: World) -> None:
    """IM of 4.085 m is 919,125; of 1 m of cash 80,875 may go and not a unit more."""
    short, _ = setting(world)
    with reverts("custody: below initial margin"):
        world.engine.withdraw(short.id, 80_875 * world.unit + 1, short.key, sender=short.key)
    world.engine.withdraw(short.id, 80_875 * world.unit, short.key, sender=short.key)


def test_jelly_crowding_stops_the_short_before_the_cap(world: World) -> None:
    """MRG-5: 430 m of a cap of 450 m; after 320 m the bucket is floor(190 * 64 / 450) = 27.

    270 m more would need 4.085 m * 22.5 % * (1 + 27/64) = 1,306,881 of initial margin, he has 1 m.
    """
    world.configure(oi_cap=wad(450 * 10**6))
    short, long = world.party("attacker", 1_000_000), world.party("attacker", 1_500_000, index=1)
    world.trade(short, long, -wad(320 * 10**6))
    assert world.extra().bucket == 27
    with reverts("trading: below initial margin"):
        world.trade(short, long, -wad(110 * 10**6))
    assert world.state().oi == wad(320 * 10**6)


def test_jelly_the_fund_takes_no_position(world: World) -> None:
    """The short is bankrupt at 0.0125, is closed against the longs, and the pump to 0.05 is theirs.

    Loss 430 m * 0.003 = 1.29 m, cash 1 m: the fund pays 0.2 m, 0.09 m is charged to the longs.
    At 0.05 the fund has what it had after the resolve, to the wei.
    """
    short, longs = setting(world)
    world.price(0, "0.0125")
    fund = world.cash(FUND)
    worth = [world.equity(long) for long in longs]
    event = world.resolve(short, world.party("keeper")).event("Resolved")
    assert event.size == wad(UNITS)
    assert (event.paid, event.charged, event.to_shortfall) == (ALLOWANCE, wad(90_000), 0)
    assert fund - world.cash(FUND) == ALLOWANCE
    assert world.engine.health(FUND).gross == 0
    lost = [old - world.equity(long) for old, long in zip(worth, longs, strict=True)]
    # 0.09 m over 430 m units comes out rounded up by less than a unit of K
    assert all(
        0 <= part - wad(90_000) * m // 430 <= WAD // 10**6
        for part, m in zip(lost, (160, 110, 160), strict=True)
    )
    after = world.cash(FUND), world.engine.fund_state()
    for price in ("0.02", "0.05"):
        world.price(0, price)
        for long in longs:
            world.engine.settle(long.id)
        assert (world.cash(FUND), world.engine.fund_state()) == after
    for market in range(16):
        assert world.engine.position(FUND, market).size == 0
    assert world.broken() == []


def test_jelly_nobody_can_hand_the_fund_a_position(world: World) -> None:
    """Not as liquidator, not as the maker of an order, not as a keeper."""
    short, longs = setting(world)
    world.price(0, "0.0117")
    health = world.engine.health(short.id)
    assert 0 < health.equity < health.maintenance
    for caller in (short.key, longs[0].key, world.owner, world.chain.account("backer")):
        with reverts("liquidation: not your account"):
            world.engine.takeover(short.id, 0, wad(10**6), FUND, sender=caller)
    order = world.order(longs[0], wad(-(10**6)))._replace(account=FUND)
    for signature in (b"", bytes(65), longs[0].key.sign_hash(world.digest(order))):
        with reverts("orders: wrong signature"):
            world.engine.takeover_by_order(
                order, signature, short.id, wad(10**6), longs[1].id, sender=short.key
            )


def test_jelly_the_attacker_gains_at_most_the_funds_payment(world: World) -> None:
    """All his accounts together, settled and withdrawn after the pump: stake, the bystander's

    counterparts and 0.2 m of the fund; the bystander lost no more than its part of the charge.
    """
    short, longs = setting(world)
    mine, bystander = longs[:2], longs[2]
    stake = wad(1_000_000 + 1_400_000)
    world.price(0, "0.0125")
    won = world.equity(bystander) - wad(700_000)
    event = world.resolve(short, world.party("attacker", 0, index=9)).event("Resolved")
    world.price(0, "0.05")
    for long in longs:
        world.engine.settle(long.id)
    total = sum(world.equity(who) for who in (short, *mine))
    total += world.cash(world.party("attacker", 0, index=9))
    assert total - stake <= event.paid + event.reward - won + event.charged * 160 // 430 + WAD
    assert total - stake <= ALLOWANCE
    assert world.equity(bystander) >= wad(700_000) + won - event.charged * 160 // 430 - WAD
