"""Drift, April 2026: the administration lists something worthless and lifts the limits.

What happened. With the administrator's key in the wrong hands, a worthless token was made
collateral and the limits were lifted in the same transactions, without delay; about 280 m left
against it.

Here (MRG-5, MRG-6). The owner is a timelock: with a proposer's key in the wrong hands everything
is announced a day ahead, and who sees it closes and leaves. There is no other collateral. What the
owner can list is bounded by ranges and by checks on chain: no size above the depth he states, no
penalty above half the floor, no margin below one standard deviation, no initial margin below 1.25.
With everything at its end, a feed of his own and a price that he moves a thousandfold, what he
takes is his own stake and the fund's money as far as the allowance he set; 280 m of traders' cash,
in whatever market, stay.
"""

from typing import Any

import pytest
from engine_world import FUND, MARKETS, MAX, RISK, Config, Party, World, reverts, wad

from plimsoll.evm import load
from tests.utils.risk_words import write_globals

TRADERS = 280 * 10**6


@pytest.fixture
def world() -> World:
    """Market 0 is real, with trades; 280 m of cash, 4 m in the fund."""
    world = World(markets=1, backing=4 * 10**6)
    trader, maker = world.party("trader", TRADERS // 2), world.party("maker", TRADERS // 2)
    world.trade(trader, maker, wad(1_000))
    return world


RISK_FIELDS = ("sigma", "f", "g", "lambda", "depth", "c", "penalty_cap", "share")


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("risk: sigma out of range", {"sigma": 0}),
        ("risk: f out of range", {"f": 0}),
        ("risk: f below twice the penalty", {"penalty_cap": 25 * 10**9 + 1}),
        ("risk: f below gap and penalty", {"g": 3 * 10**10 + 1}),
        ("risk: f below impact at share", {"lambda": 10**10 + 1}),
        ("risk: depth out of range", {"depth": 10**12 + 1}),
        ("risk: depth out of range", {"depth": 0}),
        ("risk: share out of range", {"share": 10**13 + 1}),
        ("risk: c out of range", {"c": 10**11 + 1}),
    ],
)
def test_drift_risk_parameters_have_ranges(
    world: World, reason: str, changes: dict[str, int]
) -> None:
    values = dict(zip(RISK_FIELDS, RISK, strict=True)) | changes
    with reverts(reason):
        world.risk.set_market(MARKETS, tuple(values.values()), sender=world.owner)


def test_drift_margins_cannot_be_lifted(world: World) -> None:
    for z, kappa, reason in (
        (10**18 - 1, 2 * 10**18, "risk: z out of range"),
        (3 * 10**18, 125 * 10**16 - 1, "risk: kappa out of range"),
        (0, 0, "risk: z out of range"),
    ):
        with reverts(reason):
            world.chain.deploy(load("RiskModel"), world.oracle, z, kappa)
    with reverts("risk: market is set"):
        world.risk.set_globals(3 * 10**18, 2 * 10**18, sender=world.owner)
    with reverts("risk: market is set"):
        world.risk.set_market(0, RISK, sender=world.owner)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("listing: oi cap out of range", {"oi_cap": 2**96}),
        ("listing: max notional off range", {"max_notional": 10**31}),
        ("listing: band out of range", {"band": 50_001}),
        ("listing: penalty above risk cap", {"penalty_max": 50_000}),
        ("listing: fee out of range", {"taker_fee": 10_001}),
    ],
)
def test_drift_limits_have_ranges(world: World, reason: str, changes: dict[str, Any]) -> None:
    with reverts(reason):
        world.configure(**changes)


def test_drift_a_worthless_market_is_bounded_by_its_stated_depth(world: World) -> None:
    """A feed says 1,000 for nothing; a depth of 1 m allows an open interest of 5 m and no more."""
    worthless(world, 1_000, depth=10**6)
    low_penalty = Config(oi_cap=wad(5_000), penalty_min=1, penalty_max=100)
    with reverts("listing: oi cap above depth"):
        world.list_market(1, low_penalty._replace(oi_cap=wad(5_001)))
    world.list_market(1, low_penalty)


def worthless(world: World, price: int, depth: int) -> None:
    """A market of the wrong hands' own, with a feed that they move."""
    world.add_feed(1, price)
    risk = (10**9, 4 * 10**9, 2 * 10**9, 0, depth, 0, 2 * 10**9, 5 * 10**12)
    with reverts("listing: feed's gap above risk's"):
        world.risk.set_market(1, risk, sender=world.owner)
        world.list_market(1, Config(oi_cap=wad(1), penalty_min=1, penalty_max=100))
    # the feed's allowed gap is set anew, to nothing
    world.oracle.set_feed(1, world.proxies[1], 3_600, 0, 78, sender=world.owner)


def test_drift_everything_at_its_end_takes_the_fund_at_most(world: World) -> None:
    """z 1, kappa 1.25, sigma 0.1 %, depth 1e12, an allowance without end, a price up 1,000 times.

    Stake 2 m in two accounts, long and short of 100 m quote at 100; at 100,000 the winner is owed
    99.9 billion. Out come the stake and the fund's 4 m; the 280 m are there for their owners.
    """
    hands = world.owner
    worthless(world, 100, depth=10**12)
    write_globals(world.chain, world.risk, 10**18, 125 * 10**16)
    config = Config(
        oi_cap=wad(10**6),
        max_notional=10**30,
        penalty_min=0,
        penalty_max=1,
        maker_fee=0,
        taker_fee=0,
    )
    fund = world.cash(FUND)
    world.list_market(1, config)
    world.engine.set_allowance(1, 2**103 - 1, sender=hands)
    world.chain.mine(seconds=86_400)
    world.refresh(0, 1)
    long, short = world.party("hands", 10**6), world.party("hands", 10**6, index=1)
    world.trade(long, short, wad(10**6), market=1)
    world.price(1, 100_000)
    world.engine.settle(short.id)
    event = world.resolve(short, world.party("hands", 0, index=2), market=1).event("Resolved")
    assert event.paid <= fund
    world.engine.settle(long.id)
    got = drained(world, long) + drained(world, short)
    assert got <= wad(2 * 10**6) + fund
    assert world.cash(FUND) <= 10**12
    # the others: the real market is untouched, and every unit of theirs can leave
    trader, maker = (
        next(p for p in world.parties.values() if p and p.key.name == name)
        for name in ("trader", "maker")
    )
    world.trade(trader, maker, wad(-1_000))
    paid = sum(drained(world, who) for who in (trader, maker))
    assert paid >= wad(TRADERS) - wad(140) - 2 * 10**12
    assert world.broken() == []


def test_drift_the_wrong_hands_wait_a_day_and_traders_leave(world: World) -> None:
    """MRG-5: a proposer's key, and the guardian's with it, move nothing for 86,400 s. Meanwhile the
    traders reduce and take out all but fees and what the price took, and the guardian cannot keep
    them; when the operation is due there is nothing to take but the fund."""
    hands, executor = world.key("wrong hands"), world.key("executor")
    timelock = world.chain.deploy(world.load("Timelock"), 86_400, [hands], [executor])
    world.engine.set_guardian(hands, sender=world.owner)
    world.engine.transfer_ownership(timelock, sender=world.owner)
    payload = world.engine.functions["set_allowance"].encode(0, 2**103 - 1)
    operation = (world.engine, 0, payload, bytes(32), bytes(32))
    with reverts("timelock_controller: insufficient delay"):
        timelock.schedule(*operation, 86_399, sender=hands)
    timelock.schedule(*operation, 86_400, sender=hands)
    world.engine.restrict_market(0, 15, True, sender=hands)
    for call in (
        lambda: world.engine.set_allowance(0, MAX, sender=hands),
        lambda: world.engine.set_fund(hands, sender=hands),
        lambda: world.engine.transfer_ownership(hands, sender=hands),
    ):
        with reverts("ownable: caller is not the owner"):
            call()
    world.chain.mine(seconds=86_399 - 12)
    with reverts("timelock_controller: operation is not ready"):
        timelock.execute(*operation, sender=executor)
    world.refresh()
    trader, maker = (
        next(p for p in world.parties.values() if p and p.key.name == name)
        for name in ("trader", "maker")
    )
    world.trade(trader, maker, wad(-1_000))
    # 100,000 quote twice at 0.07 %, and below a token unit each
    assert (
        sum(drained(world, who) for who in (trader, maker)) >= wad(TRADERS) - wad(140) - 2 * 10**12
    )
    world.chain.mine(seconds=13)
    timelock.execute(*operation, sender=executor)
    assert world.state(0).allowance_cap == 2**103 - 1


def drained(world: World, who: Party) -> int:
    """Withdraw all cash of a flat account, WAD."""
    world.engine.settle(who.id)
    units = world.cash(who) // world.scale
    if units:
        world.engine.withdraw(who.id, units, who.key, sender=who.key)
    return units * world.scale


def test_drift_strangers_are_no_administrators(world: World) -> None:
    stranger = world.key("stranger")
    for call in (
        lambda: world.engine.set_allowance(0, MAX, sender=stranger),
        lambda: world.engine.list_market(1, Config(), 0, sender=stranger),
        lambda: world.risk.set_market(1, RISK, sender=stranger),
        lambda: world.oracle.set_feed(1, world.proxies[0], 60, 0, 78, sender=stranger),
    ):
        with reverts("ownable: caller is not the owner"):
            call()
