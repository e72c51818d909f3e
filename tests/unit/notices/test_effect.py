"""What a change would do to accounts, against what it does on the chain."""

from plimsoll.margin import read_risks
from plimsoll.notices import Proposal, effects, read_subjects, with_change
from plimsoll.notices.effect import Effect, times_of
from tests.utils.deployed import DAY, PRICES, STEWARD, Deployed

NOW = {**PRICES, "BTC": 39_000}


def account(world: Deployed, name: str) -> int:
    return world.plimsoll.account_id(world.plimsoll.backend.account(name))


def told(world: Deployed, change: Proposal) -> dict[int, Effect]:
    before = read_risks(world.plimsoll)
    subjects = read_subjects(world.plimsoll, sorted(world.accounts))
    found = effects(subjects, before, with_change(before, change))
    return {each.account: each for each in found}


def test_mrg_5_who_is_called_is_called_on_chain(world: Deployed) -> None:
    """BTC's f from 6 % to 11 %: the tight account has 2,980 of equity for 39,000 of notional and
    will need 4,290; what it will lack is what the chain says when the change has ended."""
    start = world.now() + DAY
    change = Proposal(1, 0, 11 * 10**10, start, start + 7_200)
    found = told(world, change)
    tight, spare = found[account(world, "tight")], found[account(world, "spare")]
    assert set(found) == {account(world, name) for name in ("tight", "spare", "maker")}
    assert (tight.is_called, spare.is_called) == (True, False)
    assert spare.missing == 0
    assert tight.time == change.end
    assert tight.now == tight.without == world.plimsoll.health(tight.account).maintenance
    world.risk.announce(*change.arguments, sender=STEWARD)
    world.wait(DAY + 7_200, NOW)
    for each in found.values():
        health = world.plimsoll.health(each.account)
        assert health.maintenance == each.maintenance
        assert health.equity == each.equity
        assert (health.equity < health.maintenance) is each.is_called
    health = world.plimsoll.health(tight.account)
    assert tight.missing == health.maintenance - health.equity
    world.plimsoll.engine.call_margin(tight.account)


def test_a_change_that_lowers_the_margin(world: Deployed) -> None:
    """More depth: nobody needs more, and the largest margin is that of now."""
    start = world.now() + DAY
    for each in told(world, Proposal(4, 0, 3 * 10**8, start, start + 7_200)).values():
        assert each.maintenance == each.now == each.without
        assert each.time == world.now()
        assert not each.is_called


def test_only_what_this_change_does(world: Deployed) -> None:
    """What another announcement does already is not told of this one."""
    start = world.now() + DAY
    world.risk.announce(1, 0, 11 * 10**10, start, start + 7_200, sender=STEWARD)
    other = told(world, Proposal(5, 0, 2 * 10**6, start, start + 7_200))
    tight = other[account(world, "tight")]
    assert tight.without > tight.equity
    assert tight.is_below_already
    assert not tight.is_called
    assert tight.maintenance > tight.without > tight.now
    # all that is announced together, against the margin of now
    risks = read_risks(world.plimsoll)
    subjects = read_subjects(world.plimsoll, sorted(world.accounts))
    found = {each.account: each for each in effects(subjects, None, risks)}
    assert found[tight.account].is_called
    assert found[tight.account].without == tight.now
    assert found[tight.account].maintenance == tight.without


def test_an_ended_change_makes_room(world: Deployed) -> None:
    """What has ended and is not folded counts as it stands; a new change starts from there."""
    start = world.now() + DAY
    world.risk.announce(1, 0, 8 * 10**10, start, start + 7_200, sender=STEWARD)
    world.wait(2 * DAY, NOW)
    start = world.now() + DAY
    change = Proposal(1, 0, 9 * 10**10, start, start + 7_200)
    found = told(world, change)
    world.risk.announce(*change.arguments, sender=STEWARD)
    world.wait(2 * DAY, NOW)
    for each in found.values():
        assert world.plimsoll.health(each.account).maintenance == each.maintenance


def test_times(world: Deployed) -> None:
    """Now, the turns, and three times between each two."""
    now = world.now()
    risks = with_change(read_risks(world.plimsoll), Proposal(1, 0, 1, now + 400, now + 800))
    assert times_of(risks) == [now + at for at in range(0, 801, 100)]


def test_dead_feed_is_no_obstacle(world: Deployed) -> None:
    """Accounts are valued at the last good price, as in the engine."""
    world.plimsoll.backend.advance(2 * DAY)
    risks = read_risks(world.plimsoll)
    for each in read_subjects(world.plimsoll, sorted(world.accounts)):
        health = world.plimsoll.health(each.account)
        margin = risks.margin_at(each.notionals, risks.time, each.crowding)
        assert (each.equity, margin.mm) == (health.equity, health.maintenance)
