"""The portfolio and the parameters as they are read, against the contracts to the wei."""

import random
from typing import Any

import pytest

from plimsoll.margin import Formula, Portfolio, read_portfolio, read_risks
from plimsoll.margin.read import steady
from plimsoll.protocol import BackendError, Plimsoll
from plimsoll.reference.margin import IDENTITY, pack_rows
from plimsoll.reference.risk import CORRELATIONS
from tests.utils.deployed import DAY, STEWARD, WAD, Deployed, build

SIGMA, F, G, LAMBDA, DEPTH, C, PENALTY_CAP, SHARE, Z, KAPPA = range(10)


def trader(world: Deployed) -> int:
    return world.open("trader", 1)


def same_as_contract(plimsoll: Plimsoll, portfolio: Portfolio) -> None:
    """Equity and margin are the engine's, and every part is the risk model's."""
    health = plimsoll.health(portfolio.account)
    found = Formula.of(portfolio).margin(portfolio.notionals, portfolio.crowding)
    legs = [(m, x, portfolio.crowding[m]) for m, x in portfolio.notionals.items()]
    told = plimsoll.risk.breakdown(legs)
    assert (found.es, found.floor, found.gap, found.impact) == tuple(told[:4])
    assert (found.fixed, found.mm, found.surcharge, found.im) == tuple(told[4:])
    assert (found.mm, found.im) == (health.maintenance, health.initial)
    assert portfolio.equity == health.equity
    assert portfolio.initial_equity == health.initial_equity


def test_mrg_1_margin_is_the_contracts(world: Deployed) -> None:
    """Three legs, both directions, at prices with every digit."""
    account = trader(world)
    rng = random.Random(7)
    for _ in range(20):
        for market, start in (("BTC", 40_000), ("ETH", 2_500), ("DOGE", 0.4)):
            world.price(market, f"{start * rng.uniform(0.9, 1.1):.8f}")
        same_as_contract(world.plimsoll, read_portfolio(world.plimsoll, account))


def test_crowding_and_touched_legs(world: Deployed) -> None:
    """More than half of the cap open: the surcharge is the contract's too."""
    for pair in range(3):
        for name in (f"buyer{pair}", f"seller{pair}"):
            world.open(name, 3_000_000)
        world.trade(f"buyer{pair}", f"seller{pair}", "DOGE", 18_000_000)
    account = trader(world)
    world.price("BTC", 41_234)
    world.plimsoll.settle(account)
    found = read_portfolio(world.plimsoll, account)
    assert found.crowding[3] > WAD
    same_as_contract(world.plimsoll, found)


def test_dead_legs(world: Deployed) -> None:
    """A stale leg counts at its last good price."""
    account = trader(world)
    world.plimsoll.backend.advance(DAY + 1)
    world.price("BTC", 39_000)
    found = read_portfolio(world.plimsoll, account)
    assert [leg.status for leg in found.legs] == [0, 1, 1]
    same_as_contract(world.plimsoll, found)


def test_ended_book(world: Deployed) -> None:
    """Who is left with a claim of an ended book has no position; its equity is the engine's."""
    world.trade("trader", "maker", "ETH", 40)
    victim, winner = world.open("victim", 240), world.open("winner", 10**6)
    world.trade("victim", "winner", "ETH", 0.8)
    world.price("ETH", 2_150)
    world.plimsoll.resolve(victim, "ETH", trader(world), sender=STEWARD)
    world.price("ETH", 2_700)
    found = read_portfolio(world.plimsoll, winner)
    assert [(leg.is_live, leg.size) for leg in found.legs] == [(False, 0)]
    assert found.legs[0].pnl > 0
    same_as_contract(world.plimsoll, found)


@pytest.mark.parametrize("what", ["all", "correlations"])
def test_mrg_5_while_announced_changes_run(world: Deployed, what: str) -> None:
    """Before, on the way, and after: the model that is read gives what the chain gives, now and at
    every time to come."""
    account = trader(world)
    rows = [list(row) for row in IDENTITY]
    for (m, n), value in {(0, 1): 3_333, (0, 3): 9_000, (1, 3): 1_234}.items():
        rows[m][n] = rows[n][m] = value
    start = world.now() + DAY + 1_000
    end = start + 7_777
    world.risk.announce_correlations(pack_rows(rows), start, end, sender=STEWARD)
    if what == "all":
        changes = {(SIGMA, 0): 3 * 10**10, (SIGMA, 1): 2 * 10**10, (F, 0): 9 * 10**10}
        changes |= {(G, 3): 8 * 10**10 + 10**10, (LAMBDA, 1): 7 * 10**9, (DEPTH, 3): 40_000_001}
        changes |= {(C, 0): 1_999_999, (Z, 0): 35 * 10**17, (KAPPA, 0): 19 * 10**17}
        for (number, market), value in changes.items():
            world.risk.announce(number, market, value, start + number, end, sender=STEWARD)
    for wait in (0, DAY, 1_000, 1, 3_333, 4_442, 1, 1_000):
        world.wait(wait)
        risks = read_risks(world.plimsoll)
        found = read_portfolio(world.plimsoll, account, risks)
        same_as_contract(world.plimsoll, found)
        for later in (found.time, start + 5, start + 3_000, end - 1, end, end + DAY):
            if later >= found.time:
                told = tuple(world.plimsoll.lens.margin_at(account, later))
                assert risks.preview(found.notionals, later, found.crowding) == told
    assert (CORRELATIONS, 0) in risks.changes


def test_observed_volatility(world: Deployed) -> None:
    """Sigma above its floor, and a floor that has been announced to fall."""
    account = trader(world)
    world.announce(SIGMA, 0, 10**10, DAY, 3_600)
    world.wait(DAY + 1_800)
    same_as_contract(world.plimsoll, read_portfolio(world.plimsoll, account))
    assert read_risks(world.plimsoll).risks[0].sigma == 2 * 10**10


def test_mrg_1_diverged_legs() -> None:
    """Of two prices each leg is valued at the one that is better for the account, as the engine
    does: the long at the higher one, the short at the lower one."""
    world = build(governed=False)
    p = world.plimsoll
    world.open("trader", 100_000)
    world.open("maker", 10**7)
    world.trade("trader", "maker", "BTC", 5)
    world.trade("maker", "trader", "ETH", 40)
    for market, price in (("BTC", 40_000), ("ETH", 2_500)):
        other = p.backend.deploy(p.backend.artifact("MockAggregator"), 8, price * 10**8)
        proxy = p.backend.deploy(p.backend.artifact("FeedProxy"), other.address)
        p.oracle.set_reference(p.number(market), proxy.address, DAY, 10**7)
    for btc, eth in ((39_000, 2_400), (41_000, 2_600)):
        world.price("BTC", btc)
        world.price("ETH", eth)
        found = read_portfolio(p, trader(world))
        assert [leg.status for leg in found.legs] == [2, 2]
        assert found.legs[0].price == max(btc, 40_000) * WAD
        assert found.legs[1].price == min(eth, 2_500) * WAD
        same_as_contract(p, found)


def test_steady() -> None:
    """What a new block interrupts is read again, and given up in the end."""

    class Chain:
        number = 0

        def block_number(self) -> int:
            return self.number

    class Deployment:
        backend = Chain()

    interrupted = iter([True, False])

    def read() -> int:
        Chain.number += next(interrupted)
        return Chain.number

    deployment: Any = Deployment()
    assert steady(deployment, read) == 1

    def always() -> None:
        Chain.number += 1

    with pytest.raises(BackendError, match="a node that answers faster"):
        steady(deployment, always)


def test_liq_7_collateral_counts_as_in_the_engine(world: Deployed) -> None:
    """Two tokens, one priced by a market of the account's; a stale feed counts in E alone, and a
    day after its heartbeat in nothing."""
    p, account = world.plimsoll, trader(world)
    owner = p.owner_of(account)
    for name, units in (("WETH", 3 * WAD + 7), ("WBTC", 12_345_678)):
        p.mint_collateral(name, owner, units)
        p.approve_vault(name, sender=owner)
        p.deposit_collateral(account, name, units, sender=owner)
    world.price("ETH", "2481.12345678")
    found = read_portfolio(p, account)
    assert [(each.name, each.amount) for each in found.collateral] == [
        ("WETH", 3 * WAD + 7),
        ("WBTC", 12_345_678 * 10**10),
    ]
    assert found.worth == p.health(account).collateral > 0
    same_as_contract(p, found)
    p.oracle.checkpoint(0b11)
    p.backend.advance(170_000)
    world.price("BTC", 40_001)
    world.price("DOGE", "0.4")
    p.backend.advance(6_401)
    found = read_portfolio(p, account)
    assert [each.status for each in found.collateral] == [1, 0]
    assert found.collateral[0].worth == 0
    same_as_contract(p, found)
