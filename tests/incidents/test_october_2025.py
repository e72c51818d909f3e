"""10 October 2025: a crash in minutes, tens of thousands liquidated, deleveraging beyond the need.

What happened. BTC fell from about 122,000 to 102,000. On one venue 63,637 accounts were liquidated
and 34,983 positions of winners were closed within 12 minutes; what was taken from winners was 45
to 51.7 m above the losses that had to be met.

Here (LIQ-4). Two hundred longs of 5 to 15 times leverage, makers short; the price falls in twelve
steps to 102,000, nobody takes over or quotes, and after every step all bankrupt accounts are
resolved, in any order. Summed over everything, what others are charged is at most the losses that
fund and accounts did not meet, plus dust of a wei a resolve and leg; what is closed of the
winners' positions is what the bankrupt held, to rounding. So the haircut beyond the need, 45 m
then, is below a millionth of a dollar.
"""

import random

import pytest
from engine_world import FUND, WAD, Config, Party, World, wad

from plimsoll.evm import Revert

#: sigma 1 %, f 4 %, g 1 %: IM is 6 %
RISK = (10**10, 4 * 10**10, 10**10, 0, 10**9, 0, 2 * 10**10, 5 * 10**12)
CONFIG = Config(
    oi_cap=wad(10_000), min_notional=wad(10), max_notional=wad(10**8), maker_fee=0, taker_fee=0
)
ACCOUNTS = 200
PATH = (122_000, 120_500, 119_000, 117_000, 115_500, 113_000, 111_000, 108_500, 106_000, 103_500)


def crash(allowance: int, seed: int) -> tuple[World, list[Party], list[Party]]:
    """The world before it: 200 longs, five makers short."""
    world = World(
        markets=1,
        prices=(PATH[0],),
        risks={0: RISK},
        configs={0: CONFIG},
        allowance=wad(allowance),
        backing=10**7,
    )
    draw = random.Random(seed)
    makers = [world.party(f"maker {i}", 10**8) for i in range(5)]
    longs = []
    for i in range(ACCOUNTS):
        cash = draw.randrange(1_000, 50_000)
        long = world.party("long", cash, index=i)
        leverage = draw.uniform(5, 15)
        world.trade(long, draw.choice(makers), int(cash * leverage / PATH[0] * 10**9) * 10**9)
        longs.append(long)
    return world, longs, makers


@pytest.mark.parametrize(("allowance", "seed"), [(10**6, 1), (100_000, 2), (0, 3)])
def test_october_others_pay_the_need_and_no_more(allowance: int, seed: int) -> None:
    world, longs, makers = crash(allowance, seed)
    draw = random.Random(seed)
    keeper = world.party("keeper")
    fund = world.cash(FUND)
    resolved = charged = owed = closed = paid = 0
    haircut = 0
    for price in (*PATH, 102_000):
        world.price(0, price)
        draw.shuffle(longs)
        before = sum(world.equity(maker) for maker in makers)
        spent = 0
        for long in longs:
            health = world.engine.health(long.id)
            if health.equity > 0 or health.gross == 0:
                continue
            with world.anchor():
                world.engine.settle(long.id)
                missing = -world.recorded(long)
            event = world.resolve(long, keeper).event("Resolved")
            assert event.paid + event.charged + event.to_shortfall == missing
            resolved += 1
            spent += event.charged
            owed += missing
            paid += event.paid
            closed += -event.size
        charged += spent
        haircut += before - sum(world.equity(maker) for maker in makers)
    assert resolved > ACCOUNTS // 2
    # the haircut is the loss that was left, and the dust of as many roundings as there were
    assert charged <= owed - paid
    assert abs(haircut - charged) <= WAD // 10**6
    # what was closed of the winners is what the bankrupt held
    shorts = -sum(world.size(maker) for maker in makers)
    longs_left = sum(world.size(long) for long in longs)
    assert 0 <= longs_left - shorts <= 10**7
    assert world.state().oi == longs_left
    assert closed > 0
    assert fund - world.cash(FUND) <= wad(allowance)
    assert world.broken() == []


def test_october_the_order_of_resolves_does_not_matter() -> None:
    """Two orders of the same fifty resolves: each maker has the same to 1e-9 quote."""
    world, longs, makers = crash(0, 5)
    world.price(0, 108_000)
    bankrupt = []
    for long in longs:
        health = world.engine.health(long.id)
        if health.equity <= 0 and health.gross:
            bankrupt.append(long)
    bankrupt = bankrupt[:50]
    assert len(bankrupt) == 50
    keeper = world.party("keeper")
    results = []
    for order in (bankrupt, bankrupt[::-1]):
        with world.anchor():
            for long in order:
                world.resolve(long, keeper)
            results.append([(world.equity(maker), world.size(maker)) for maker in makers])
    for one, other in zip(*results, strict=True):
        assert abs(one[0] - other[0]) <= 10**9 * 10_000
        assert abs(one[1] - other[1]) <= 10**6


def test_october_a_stranger_chooses_no_victim() -> None:
    """The charge goes over the whole other side by size: makers of 2 to 1 pay 2 to 1."""
    world, longs, _ = crash(0, 7)
    big, small = world.party("big short", 10**7), world.party("small short", 10**7)
    world.price(0, PATH[0])
    buyer = world.party("new long", 10**7)
    world.trade(buyer, big, wad(20))
    world.trade(buyer, small, wad(10))
    world.price(0, 105_000)
    before = world.equity(big), world.equity(small)
    keeper = world.party("keeper")
    for long in longs:
        try:
            world.resolve(long, keeper)
        except Revert as failure:
            assert failure.reason == "resolve: account is solvent"  # noqa: PT017
    lost = before[0] - world.equity(big), before[1] - world.equity(small)
    assert lost[1] > 0
    assert abs(lost[0] - 2 * lost[1]) <= ACCOUNTS * 4 * WAD // 10**15
