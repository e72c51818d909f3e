"""Liquidation prices, contributions and the sensitivity table against the contracts."""

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.margin import Analysis, Formula, analyse, liquidation_prices, read_portfolio
from plimsoll.margin.analysis import (
    AT_ONCE,
    BANKRUPT,
    CALLED,
    CORRELATION_STEPS,
    CRITICALLY_LOW,
    HEALTHY,
    WARNED,
    band_of,
    call_of,
)
from tests.utils.deployed import WAD, Deployed


@pytest.fixture
def found(world: Deployed) -> Analysis:
    return analyse(read_portfolio(world.plimsoll, world.open("trader", 1)))


def excess(found: Analysis, market: int, price: int) -> int:
    """E - MM with one leg at another price."""
    moved = found.portfolio.at({market: price})
    formula = Formula.of(found.portfolio)
    return moved.equity - formula.margin(moved.notionals, moved.crowding).mm


def test_liquidation_prices_are_the_last_ones(found: Analysis) -> None:
    """At the price E >= MM, a wei further it is not."""
    bounds = 0
    for each in found.liquidation:
        if each.below is not None:
            bounds += 1
            assert excess(found, each.market, each.below) >= 0
            assert excess(found, each.market, each.below - 1) < 0
        if each.above is not None:
            bounds += 1
            assert excess(found, each.market, each.above) >= 0
            assert excess(found, each.market, each.above + 1) < 0
    assert bounds >= 2
    assert {each.market for each in found.liquidation} == {0, 1, 3}


def test_liquidation_price_is_the_engines(world: Deployed, found: Analysis) -> None:
    """A feed has 8 decimals: one step above the long's price the account keeps its margin, at the
    next one below it does not, by the engine's own view."""
    account = found.portfolio.account
    below = next(each.below for each in found.liquidation if each.market == 0)
    assert below is not None
    step = 10**10
    for answer, keeps in ((-(-below // step), True), (below // step - (below % step == 0), False)):
        world.plimsoll.markets["BTC"].aggregator.set_answer(answer)  # type: ignore[union-attr]
        health = world.plimsoll.health(account)
        assert (health.equity >= health.maintenance) is keeps


def test_no_liquidation_price(world: Deployed) -> None:
    """A long with more cash than its notional can fall to nothing and keep its margin."""
    rich = world.open("rich", 1_000_000)
    world.trade("rich", "maker", "ETH", 10)
    (prices,) = analyse(read_portfolio(world.plimsoll, rich)).liquidation
    assert prices.below is None
    assert prices.is_reachable


def test_below_the_margin_already(world: Deployed) -> None:
    """The price that brings a losing long back is above the price of now."""
    poor = world.open("poor", 2_000)
    world.trade("poor", "maker", "ETH", 6)
    world.price("ETH", 2_300)
    found = analyse(read_portfolio(world.plimsoll, poor))
    assert found.portfolio.equity < found.parts.mm
    (prices,) = found.liquidation
    assert prices.below is not None
    assert prices.below > 2_300 * WAD
    assert excess(found, 1, prices.below) >= 0 > excess(found, 1, prices.below - 1)


def test_unreachable(found: Analysis) -> None:
    """An account whose loss elsewhere no price of a small leg makes good."""
    broke = replace(found.portfolio, cash=0)
    legs = tuple(leg if leg.market != 0 else replace(leg, recorded=-(10**30)) for leg in broke.legs)
    broke = replace(broke, legs=legs)
    short = liquidation_prices(broke, Formula.of(broke), 1)
    assert (short.below, short.above, short.is_reachable) == (None, None, False)


def test_contributions(world: Deployed, found: Analysis) -> None:
    """MM with a position less MM of the contract without it."""
    x, crowding = found.portfolio.notionals, found.portfolio.crowding
    for each in found.contributions:
        rest = [(m, value, crowding[m]) for m, value in x.items() if m != each.market]
        mm, im = world.risk.margin(rest)
        assert (each.maintenance, each.initial) == (found.parts.mm - mm, found.parts.im - im)


def test_prices_in_the_table(world: Deployed, found: Analysis) -> None:
    """The rows are what the engine says once the feeds have moved so far."""
    for row in found.prices:
        for market, price in (("BTC", 40_000), ("ETH", 2_500), ("DOGE", 0.4)):
            world.price(market, f"{price * (100 + row.percent) / 100:.6f}")
        health = world.plimsoll.health(found.portfolio.account)
        told = (health.equity, health.maintenance, health.initial)
        assert (row.equity, row.maintenance, row.initial) == told


def test_sigma_and_correlations_in_the_table(world: Deployed) -> None:
    """Two longs: more sigma and more correlation, more margin, and equity stays; the middle rows
    are the present; on the way to 0 the legs end up independent."""
    bull = world.open("bull", 200_000)
    for market, size in (("BTC", 5), ("ETH", 80), ("DOGE", 100)):
        world.trade("bull", "maker", market, size)
    found = analyse(read_portfolio(world.plimsoll, bull))
    parts = found.parts
    assert all(row.equity == found.portfolio.equity for row in (*found.sigmas, *found.correlations))
    margins = [row.maintenance for row in found.sigmas]
    assert margins == sorted(margins)
    assert margins[-1] > margins[0]
    now = {row.percent: row for row in found.sigmas}[100]
    assert (now.maintenance, now.initial) == (parts.mm, parts.im)
    rows = {row.percent: row for row in found.correlations}
    assert tuple(rows) == CORRELATION_STEPS
    assert (rows[0].maintenance, rows[0].initial) == (parts.mm, parts.im)
    sides = [row.maintenance for row in found.correlations]
    assert sides == sorted(sides)
    formula = Formula.of(found.portfolio)
    apart = formula.with_correlations(-100)
    assert all(apart.rho[m][n] == (10_000 if m == n else 0) for m in range(16) for n in range(16))
    assert formula.with_correlations(100).rho[0][3] == 10_000
    assert formula.with_correlations(50).rho[0][1] == 9_000


@pytest.mark.parametrize(
    ("equity", "band"),
    [
        (1_500, HEALTHY),
        (1_499, WARNED),
        (1_000, WARNED),
        (999, CALLED),
        (700, CALLED),
        (699, AT_ONCE),
        (100, AT_ONCE),
        (99, CRITICALLY_LOW),
        (1, CRITICALLY_LOW),
        (0, BANKRUPT),
        (-1, BANKRUPT),
    ],
)
def test_bands(equity: int, band: str) -> None:
    """SPEC section 6, at the ends."""
    assert band_of(equity, 1_000, 1_500, has_position=True) == band


def test_band_of_an_empty_account() -> None:
    assert band_of(0, 0, 0, has_position=False) == HEALTHY


def test_liq_1_margin_call(world: Deployed) -> None:
    """As the deadline passes: cure window, an hour of takeovers, then it has lapsed."""
    poor = world.open("poor", 2_000)
    world.trade("poor", "maker", "ETH", 6)
    assert analyse(read_portfolio(world.plimsoll, poor)).call == "none"
    world.price("ETH", 2_310)
    world.plimsoll.engine.call_margin(poor)
    states: list[Any] = []
    for wait in (0, 299, 1, 3_600, 1):
        world.plimsoll.backend.advance(wait) if wait else None
        found = analyse(read_portfolio(world.plimsoll, poor))
        states.append(found.call)
        assert call_of(found.portfolio.deadline, found.portfolio.time) == found.call
    assert states[0] == "cure window"
    assert states[-1] == "lapsed"
    assert "open to takeovers" in states


def pledge(world: Deployed, account: int, name: str, units: int) -> None:
    p, owner = world.plimsoll, world.plimsoll.owner_of(account)
    p.mint_collateral(name, owner, units)
    p.approve_vault(name, sender=owner)
    p.deposit_collateral(account, name, units, sender=owner)


def test_liq_7_liquidation_price_moves_with_the_collateral(
    world: Deployed, found: Analysis
) -> None:
    """A long in BTC with BTC as collateral: more equity, but it falls with the price. The bounds
    are the last prices with E >= MM, and not those of the account without it."""
    account = found.portfolio.account
    pledge(world, account, "WBTC", 5 * 10**7)
    after = analyse(read_portfolio(world.plimsoll, account))
    assert after.portfolio.equity - found.portfolio.equity == 18_400 * WAD
    before = next(each.below for each in found.liquidation if each.market == 0)
    below = next(each.below for each in after.liquidation if each.market == 0)
    assert before is not None
    assert below is not None
    assert below < before
    assert excess(after, 0, below) >= 0 > excess(after, 0, below - 1)
    step = 10**10
    for answer, keeps in ((-(-below // step), True), (below // step - (below % step == 0), False)):
        world.plimsoll.markets["BTC"].aggregator.set_answer(answer)  # type: ignore[union-attr]
        health = world.plimsoll.health(account)
        assert (health.equity >= health.maintenance) == keeps


def test_liq_7_collateral_without_a_position_in_its_market(world: Deployed) -> None:
    """Its price has a bound as well, and all prices at once move it."""
    account = world.open("pledger", 100)
    pledge(world, account, "WBTC", 10**7)
    world.trade("pledger", "maker", "DOGE", 10_000)
    found = analyse(read_portfolio(world.plimsoll, account))
    assert [each.market for each in found.liquidation] == [3, 0]
    below = found.liquidation[1].below
    assert below is not None
    assert found.liquidation[1].above is None
    assert excess(found, 0, below) >= 0 > excess(found, 0, below - 1)
    fallen = next(row for row in found.prices if row.percent == -20)
    world.price("DOGE", "0.32")
    world.price("BTC", 32_000)
    assert fallen.equity == world.plimsoll.health(account).equity


def test_liq_7_sale_and_overdue_arrears(world: Deployed) -> None:
    account = world.open("pledger", 100)
    pledge(world, account, "WBTC", 10**7)
    world.trade("pledger", "maker", "DOGE", 10_000)
    assert read_portfolio(world.plimsoll, account).since == 0
    world.price("DOGE", "0.36")
    world.plimsoll.note_arrears(account)
    since = world.now()
    world.wait(3_600 + 300, {"BTC": 40_000, "ETH": 2_500, "DOGE": "0.36"})
    found = read_portfolio(world.plimsoll, account)
    assert found.since == since
    assert found.need == sum(-leg.pnl for leg in found.legs) - found.cash
    assert found.share == WAD // 2
