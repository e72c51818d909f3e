"""margin_at: the margin of an account at a time to come if prices stay (MRG-5)."""

from itertools import pairwise

import pytest

from plimsoll.evm import Revert

WAD = 10**18
DAY = 86_400
HOUR = 3_600
SIGMA, F, DEPTH, Z, KAPPA = 0, 1, 4, 8, 9


@pytest.fixture
def account(world, trader):
    """Long 3 in market 0, short 1 in market 2."""
    account = world.open_account(trader, 0, 10_000)
    world.trade(trader, account, 0, 3 * WAD)
    world.trade(trader, account, 2, -WAD)
    return account


def margins(world, account):
    health = world.engine.health(account)
    return health.maintenance, health.initial


def test_margin_at_default_now(world, account):
    """With nothing announced it is the engine's margin, whatever the time."""
    for ahead in (0, 1, DAY, 1_000 * DAY):
        found = world.lens.margin_at(account, world.chain.timestamp + ahead)
        assert tuple(found) == margins(world, account)


def test_margin_at_default_of_nothing(world, trader):
    assert tuple(world.lens.margin_at(world.open_account(trader, 0, 10), 2**40)) == (0, 0)


def test_mrg_5_margin_at_is_known_in_advance(world, account):
    """What was said at the announcement comes true to the wei, second for second."""
    risk, now = world.risk, world.chain.timestamp
    params = risk.params(0)
    start, end = now + DAY, now + 2 * DAY
    risk.announce(SIGMA, 0, params.sigma * 3 // 2, start, end)
    risk.announce(F, 2, params.f + 7, start + HOUR, end + 5 * HOUR)
    risk.announce(DEPTH, 0, params.depth // 2, start, end + HOUR)
    risk.announce(Z, 0, 35 * 10**17 + 1, start + 77, end)
    risk.announce(KAPPA, 0, 2 * WAD, start, start + HOUR)
    times = [start - 1, start, start + 1, start + 78, start + HOUR, end - 1, end, end + DAY]
    told = [tuple(world.lens.margin_at(account, time)) for time in times]
    assert told[0] == margins(world, account)
    assert told[-1][0] > told[0][0]
    for time, expected in zip(times, told, strict=True):
        world.chain.set_time(time)
        for feed in world.feeds:
            feed.set_answer(2_000 * 10**8)
        assert margins(world, account) == expected
    for what, market in ((SIGMA, 0), (F, 2), (DEPTH, 0), (Z, 0), (KAPPA, 0)):
        risk.fold(what, market)
        assert margins(world, account) == told[-1]


def test_mrg_5_margin_at_is_continuous(world, account):
    """From second to second the margin moves by the slope, and by roundings."""
    risk, now = world.risk, world.chain.timestamp
    start, end = now + DAY, now + DAY + HOUR
    risk.announce(SIGMA, 0, risk.params(0).sigma * 2, start, end)
    path = [world.lens.margin_at(account, time)[0] for time in range(start - 5, end + 5, 7)]
    steps = [late - early for early, late in pairwise(path)]
    assert min(steps) >= 0
    assert max(steps) <= 2 * (path[-1] - path[0]) * 7 // HOUR


def test_margin_at_reverts_time_has_passed(world, account):
    with pytest.raises(Revert, match="risk: time has passed"):
        world.lens.margin_at(account, world.chain.timestamp - 1)
