"""What a margin is made of and what would move it: integers, on the reference model's formula.

Everything here is pure: a portfolio in, numbers out. Amounts and prices are WAD.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from plimsoll.margin.read import Leg, Portfolio
from plimsoll.reference.margin import Blend, Breakdown, Globals, Matrix, Risk, breakdown
from plimsoll.reference.numbers import (
    CRITICAL,
    MARKETS,
    PSI,
    RHO,
    VOID,
    WAD,
    ceil_div,
    floor_div,
    trunc_div,
)
from plimsoll.reference.risk import CORRELATIONS

#: shifts of all prices at once, percent
PRICE_SHIFTS = (-20, -15, -10, -5, -2, 0, 2, 5, 10, 15, 20)
#: factors of every sigma, percent
SIGMA_FACTORS = (50, 75, 100, 125, 150, 200)
#: how far the correlations go toward 1 (positive) or toward 0 (negative), percent of the way
CORRELATION_STEPS = (-100, -75, -50, -25, 0, 25, 50, 75, 100)

HEALTHY, WARNED, CALLED = "healthy", "warned", "called"
AT_ONCE, CRITICALLY_LOW, BANKRUPT = "liquidatable at once", "critical", "bankrupt"


@dataclass(frozen=True)
class Formula:
    """The margin formula with its parameters at one time."""

    risks: Mapping[int, Risk]
    rho: Matrix
    params: Globals
    blend: Blend | None = None

    @classmethod
    def of(cls, portfolio: Portfolio) -> Formula:
        """The formula at the portfolio's time, for the markets in which it has a position."""
        model, now = portfolio.risks, portfolio.time
        risks = {m: model.risk_at(m, now) for m in portfolio.notionals}
        change, blend = model.changes.get((CORRELATIONS, 0)), None
        if change is not None:
            passed = min(max(now, change.start), change.end) - change.start
            blend = Blend(change.value, passed, change.end - change.start)
        return cls(risks, model.rho, model.globals_at(now), blend)

    def margin(self, x: Mapping[int, int], crowding: Mapping[int, int]) -> Breakdown:
        """The margin of signed notionals."""
        return breakdown(x, self.risks, self.rho, self.params, crowding, self.blend)

    def with_sigma(self, percent: int) -> Formula:
        """Every sigma times a factor, rounded up."""
        risks = {
            m: replace(risk, sigma=ceil_div(risk.sigma * percent, 100))
            for m, risk in self.risks.items()
        }
        return replace(self, risks=risks)

    def with_correlations(self, percent: int) -> Formula:
        """Every correlation so far on its way to 1, or if negative to 0, rounded toward zero."""
        goal = RHO if percent > 0 else 0

        def moved(matrix: Matrix) -> Matrix:
            span = range(MARKETS)
            return tuple(
                tuple(
                    matrix[m][n]
                    if m == n
                    else trunc_div(matrix[m][n] * (100 - abs(percent)) + goal * abs(percent), 100)
                    for n in span
                )
                for m in span
            )

        blend = self.blend
        if blend is not None:
            blend = replace(blend, target=moved(blend.target))
        return replace(self, rho=moved(self.rho), blend=blend)


@dataclass(frozen=True)
class Contribution:
    """A position's part: the margin with it less the margin without it. A hedge's is negative."""

    market: int
    maintenance: int
    initial: int


@dataclass(frozen=True)
class LiquidationPrices:
    """Prices of one market between which E >= MM with all others fixed, both inclusive; None where
    there is no bound, and both None when no price of this market alone brings E to MM."""

    market: int
    below: int | None
    above: int | None
    is_reachable: bool = True


@dataclass(frozen=True)
class Scenario:
    """A row of the sensitivity table; `percent` is the shift, the factor or the step."""

    percent: int
    equity: int
    maintenance: int
    initial: int

    @property
    def health(self) -> Fraction | None:
        """E / MM; None without a margin."""
        return Fraction(self.equity, self.maintenance) if self.maintenance else None


@dataclass(frozen=True)
class Analysis:
    """Everything that `plimsoll margin` tells."""

    portfolio: Portfolio
    parts: Breakdown
    band: str
    call: str
    contributions: tuple[Contribution, ...]
    #: by market with a position, or with collateral that it prices
    liquidation: tuple[LiquidationPrices, ...]
    prices: tuple[Scenario, ...]
    sigmas: tuple[Scenario, ...]
    correlations: tuple[Scenario, ...]

    @property
    def health(self) -> Fraction | None:
        """E / MM; None without a margin."""
        return Fraction(self.portfolio.equity, self.parts.mm) if self.parts.mm else None


def band_of(equity: int, maintenance: int, initial: int, *, has_position: bool) -> str:
    """The band of an account (SPEC section 6)."""
    if equity < 0 or (equity == 0 and has_position):
        return BANKRUPT
    if equity * WAD < CRITICAL * maintenance:
        return CRITICALLY_LOW
    if equity * WAD < PSI * maintenance:
        return AT_ONCE
    if equity < maintenance:
        return CALLED
    return HEALTHY if equity >= initial else WARNED


def call_of(deadline: int, now: int) -> str:
    """Where a margin call stands (LIQ-1): "none", "cure window", "open to takeovers", "lapsed"."""
    if not deadline:
        return "none"
    if now < deadline:
        return "cure window"
    return "open to takeovers" if now <= deadline + VOID else "lapsed"


def analyse(portfolio: Portfolio) -> Analysis:
    """Return an account's margin taken apart."""
    formula = Formula.of(portfolio)
    x, crowding = portfolio.notionals, portfolio.crowding
    parts = formula.margin(x, crowding)
    legs = [leg for leg in portfolio.legs if leg.size]
    return Analysis(
        portfolio=portfolio,
        parts=parts,
        band=band_of(portfolio.equity, parts.mm, parts.im, has_position=bool(x)),
        call=call_of(portfolio.deadline, portfolio.time),
        contributions=tuple(_contribution(formula, x, crowding, parts, leg) for leg in legs),
        liquidation=tuple(
            liquidation_prices(portfolio, formula, market) for market in _priced(portfolio)
        ),
        prices=tuple(_shifted(portfolio, formula, percent) for percent in PRICE_SHIFTS),
        sigmas=tuple(
            _scenario(portfolio, formula.with_sigma(percent), percent) for percent in SIGMA_FACTORS
        ),
        correlations=tuple(
            _scenario(portfolio, formula.with_correlations(percent), percent)
            for percent in CORRELATION_STEPS
        ),
    )


def _priced(portfolio: Portfolio) -> dict[int, int]:
    """Market -> price of everything whose price moves the account: positions first."""
    prices = {leg.market: leg.price for leg in portfolio.legs if leg.size}
    for each in portfolio.collateral:
        if each.price:
            prices.setdefault(each.market, each.price)
    return prices


def _contribution(
    formula: Formula,
    x: Mapping[int, int],
    crowding: Mapping[int, int],
    whole: Breakdown,
    leg: Leg,
) -> Contribution:
    rest = formula.margin({m: value for m, value in x.items() if m != leg.market}, crowding)
    return Contribution(leg.market, whole.mm - rest.mm, whole.im - rest.im)


def _scenario(portfolio: Portfolio, formula: Formula, percent: int) -> Scenario:
    found = formula.margin(portfolio.notionals, portfolio.crowding)
    return Scenario(percent, portfolio.equity, found.mm, found.im)


def _shifted(portfolio: Portfolio, formula: Formula, percent: int) -> Scenario:
    """All prices of positions and collateral times 1 + percent/100, rounded down; what has ended
    stays. A market whose feeds disagree has one price then."""
    if not percent:
        return _scenario(portfolio, formula, percent)
    prices = {
        market: floor_div(price * (100 + percent), 100)
        for market, price in _priced(portfolio).items()
    }
    return _scenario(portfolio.at(prices), formula, percent)


# ---- liquidation prices -------------------------------------------------------------------------


def liquidation_prices(portfolio: Portfolio, formula: Formula, market: int) -> LiquidationPrices:
    """Return between which prices of a market, the others fixed, the account keeps E >= MM.

    Equity is linear in the price, collateral that this market prices with it, and the maintenance
    margin convex, so that the prices with E >= MM are one interval: from a price in it each end is
    found by bisection. An account that is below its margin looks for the price where E - MM is
    largest first.
    """
    legs = [leg for leg in portfolio.legs if leg.market == market and leg.size]
    pledged = [each for each in portfolio.collateral if each.market == market]
    # an ended part in this market stays as it is
    moving = sum(leg.pnl for leg in legs) + sum(each.worth for each in pledged)
    rest = portfolio.equity - moving
    others = {m: x for m, x in portfolio.notionals.items() if m != market}

    def excess(price: int) -> int:
        x = others | {leg.market: leg.notional_at(price) for leg in legs}
        gained = sum(leg.pnl_at(price) for leg in legs)
        gained += sum(each.worth_at(price) for each in pledged)
        return rest + gained - formula.margin(x, portfolio.crowding).mm

    inside = _priced(portfolio)[market]
    ceilings = [leg.ceiling for leg in legs] + [each.ceiling for each in pledged]
    lowest, highest = 1, max(*ceilings, inside)
    if excess(inside) < 0:
        inside = _peak(excess, lowest, highest)
        if excess(inside) < 0:
            return LiquidationPrices(market, None, None, is_reachable=False)
    below = None if excess(lowest) >= 0 else _last(excess, inside, lowest)
    above = None if excess(highest) >= 0 else _last(excess, inside, highest)
    return LiquidationPrices(market, below, above)


def _last(excess: Callable[[int], int], inside: int, outside: int) -> int:
    """The last price toward `outside` at which the excess is not negative."""
    while abs(inside - outside) > 1:
        middle = (inside + outside) // 2
        if excess(middle) >= 0:
            inside = middle
        else:
            outside = middle
    return inside


def _peak(excess: Callable[[int], int], low: int, high: int) -> int:
    """Where a concave function is largest."""
    while high - low > 2:
        third = (high - low) // 3
        left, right = low + third, high - third
        if excess(left) < excess(right):
            low = left
        else:
            high = right
    return max(range(low, high + 1), key=excess)
