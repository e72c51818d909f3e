"""An analysis for people and for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from rich.table import Table

from plimsoll.console import significant, when
from plimsoll.keeper.decide import quote_text
from plimsoll.keeper.types import short
from plimsoll.margin.analysis import Analysis, LiquidationPrices, Scenario
from plimsoll.margin.read import Portfolio
from plimsoll.reference.numbers import CONFIG, VOID, WAD

Names = Callable[[int], str]
_STATUS = ("fresh", "stale", "diverged", "invalid")


def tables(found: Analysis, name: Names) -> Iterable[Table]:
    """The tables of the command; `name` names a market."""
    yield _account(found)
    if found.portfolio.collateral:
        yield _collateral(found)
    if not found.parts.mm:
        return
    yield _margin(found)
    yield _positions(found, name)
    yield _sensitivity(
        "all prices", (_shift(row.percent) for row in found.prices), found.prices, equity=True
    )
    yield _sensitivity(
        "every sigma", (f"x{row.percent / 100:g}" for row in found.sigmas), found.sigmas
    )
    if len(found.contributions) > 1:
        steps = (_step(row.percent) for row in found.correlations)
        yield _sensitivity("all correlations", steps, found.correlations)


def _account(found: Analysis) -> Table:
    portfolio, parts = found.portfolio, found.parts
    table = _plain(f"account {short(portfolio.account)}  {hex(portfolio.account)}")
    table.add_row("band", found.band)
    table.add_row("health E/MM", health_text(found.health))
    table.add_row("cash", quote_text(portfolio.cash))
    if portfolio.collateral:
        table.add_row("collateral counts", quote_text(portfolio.worth))
    table.add_row("equity E", quote_text(portfolio.equity))
    table.add_row("initial equity", quote_text(portfolio.initial_equity))
    table.add_row("maintenance MM", quote_text(parts.mm))
    table.add_row("initial IM", quote_text(parts.im))
    if portfolio.deadline:
        table.add_row("margin call", f"{found.call}, deadline {when(portfolio.deadline)}")
    if portfolio.since:
        table.add_row("arrears overdue", f"noted {when(portfolio.since)}")
    if portfolio.need:
        table.add_row("for sale", sale_text(portfolio))
    if portfolio.locked:
        table.add_row("locked", f"owes the fund {quote_text(portfolio.debt)}")
    return table


def sale_text(portfolio: Portfolio) -> str:
    """What of the collateral may be bought now, and how far below its price at most."""
    most = max((each.haircut for each in portfolio.collateral), default=0)
    off = most * portfolio.share * 10**4 // (CONFIG * WAD)
    return f"for {quote_text(portfolio.need)}, up to {off / 100:.2f} % below the price"


def _collateral(found: Analysis) -> Table:
    table = Table(title="collateral", title_justify="left")
    table.add_column("token")
    for label in ("amount", "price", "value", "haircut", "counts", "liquidation"):
        table.add_column(label, justify="right")
    table.add_column("feed")
    limits = {each.market: each for each in found.liquidation}
    for each in found.portfolio.collateral:
        reached = limits.get(each.market)
        table.add_row(
            each.name,
            significant(each.amount),
            significant(each.price),
            quote_text(each.value),
            f"{each.haircut * 100 / CONFIG:g} %",
            quote_text(each.worth),
            liquidation_text(reached) if reached and found.parts.mm else "",
            _STATUS[each.status],
        )
    return table


def _margin(found: Analysis) -> Table:
    parts = found.parts
    table = _plain("margin")
    largest = max(parts.es, parts.floor, parts.gap)
    for label, amount in (
        ("expected shortfall", parts.es),
        ("floor", parts.floor),
        ("gap", parts.gap),
    ):
        table.add_row(label, quote_text(amount) + ("  counts" if amount == largest else ""))
    table.add_row("+ impact", quote_text(parts.impact))
    table.add_row("+ fixed", quote_text(parts.fixed))
    table.add_row("= MM", quote_text(parts.mm))
    table.add_row("crowding surcharge", quote_text(parts.surcharge))
    table.add_row("IM", quote_text(parts.im))
    return table


def _positions(found: Analysis, name: Names) -> Table:
    table = Table(title="positions", title_justify="left")
    table.add_column("market")
    for label in ("size", "price", "pnl", "notional", "adds to MM", "adds to IM", "liquidation"):
        table.add_column(label, justify="right")
    table.add_column("feed")
    added = {each.market: each for each in found.contributions}
    limits = {each.market: each for each in found.liquidation}
    for leg in found.portfolio.legs:
        if not leg.size:
            table.add_row(name(leg.market), "0", "", quote_text(leg.pnl), "", "", "", "", "ended")
            continue
        part = added[leg.market]
        table.add_row(
            name(leg.market),
            significant(leg.size),
            significant(leg.price),
            quote_text(leg.pnl),
            quote_text(leg.notional_at(leg.price)),
            quote_text(part.maintenance),
            quote_text(part.initial),
            liquidation_text(limits[leg.market]),
            _STATUS[leg.status],
        )
    return table


def _sensitivity(
    what: str, labels: Iterable[str], rows: Iterable[Scenario], *, equity: bool = False
) -> Table:
    table = Table(title=f"if {what} move", title_justify="left")
    table.add_column(what)
    if equity:
        table.add_column("E", justify="right")
    for label in ("MM", "IM", "E/MM"):
        table.add_column(label, justify="right")
    for label, row in zip(labels, rows, strict=True):
        first = [quote_text(row.equity)] if equity else []
        rest = (quote_text(row.maintenance), quote_text(row.initial), health_text(row.health))
        table.add_row(label, *first, *rest)
    return table


def _plain(title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    return table


def _shift(percent: int) -> str:
    return f"{percent:+d} %" if percent else "now"


def _step(percent: int) -> str:
    if not percent:
        return "now"
    return f"{abs(percent)} % of the way to {1 if percent > 0 else 0}"


def health_text(health: Fraction | None) -> str:
    """E / MM with three decimals, rounded down."""
    return "" if health is None else f"{health.numerator * 1000 // health.denominator / 1000:.3f}"


def liquidation_text(found: LiquidationPrices) -> str:
    """The prices at which a leg alone brings E to MM."""
    if not found.is_reachable:
        return "no price"
    ends = []
    if found.below is not None:
        ends.append(f"below {significant(found.below)}")
    if found.above is not None:
        ends.append(f"above {significant(found.above)}")
    return " or ".join(ends) or "none"


# ---- JSON ---------------------------------------------------------------------------------------


def as_data(found: Analysis, name: Names) -> dict[str, Any]:
    """Plain JSON; amounts, prices and sizes are WAD in decimal strings, times in seconds."""
    portfolio, parts = found.portfolio, found.parts
    added = {each.market: each for each in found.contributions}
    limits = {each.market: each for each in found.liquidation}
    return {
        "account": hex(portfolio.account),
        "time": portfolio.time,
        "band": found.band,
        "health": _ratio(found.health),
        "cash": str(portfolio.cash),
        "collateral_counts": str(portfolio.worth),
        "equity": str(portfolio.equity),
        "initial_equity": str(portfolio.initial_equity),
        "margin": {
            "expected_shortfall": str(parts.es),
            "floor": str(parts.floor),
            "gap": str(parts.gap),
            "impact": str(parts.impact),
            "fixed": str(parts.fixed),
            "maintenance": str(parts.mm),
            "surcharge": str(parts.surcharge),
            "initial": str(parts.im),
        },
        "margin_call": {
            "state": found.call,
            "deadline": portfolio.deadline or None,
            "void_after": portfolio.deadline + VOID if portfolio.deadline else None,
        },
        "overdue_since": portfolio.since or None,
        "sale": {"need": str(portfolio.need), "discount_share": str(portfolio.share)}
        if portfolio.need
        else None,
        "locked": portfolio.locked,
        "debt": str(portfolio.debt),
        "collateral": [
            {
                "token": each.name,
                "number": each.market,
                "amount": str(each.amount),
                "price": str(each.price),
                "feed": _STATUS[each.status],
                "haircut": each.haircut / CONFIG,
                "value": str(each.value),
                "counts": str(each.worth),
                "counts_initially": str(each.counted),
                **(_limits(limits[each.market]) if each.market in limits else {}),
            }
            for each in portfolio.collateral
        ],
        "positions": [
            {
                "market": name(leg.market),
                "number": leg.market,
                "size": str(leg.size),
                "price": str(leg.price),
                "feed": _STATUS[leg.status],
                "pnl": str(leg.pnl),
                "notional": str(leg.notional_at(leg.price)),
                **(
                    {
                        "maintenance_added": str(added[leg.market].maintenance),
                        "initial_added": str(added[leg.market].initial),
                        **_limits(limits[leg.market]),
                    }
                    if leg.size
                    else {}
                ),
            }
            for leg in portfolio.legs
        ],
        "sensitivity": {
            "prices": [_scenario(row) for row in found.prices],
            "sigma": [_scenario(row) for row in found.sigmas],
            "correlations": [_scenario(row) for row in found.correlations],
        },
    }


def _limits(found: LiquidationPrices) -> dict[str, Any]:
    return {
        "liquidation_below": _text(found.below),
        "liquidation_above": _text(found.above),
        "can_reach_margin": found.is_reachable,
    }


def _scenario(row: Scenario) -> dict[str, Any]:
    return {
        "percent": row.percent,
        "equity": str(row.equity),
        "maintenance": str(row.maintenance),
        "initial": str(row.initial),
        "health": _ratio(row.health),
    }


def _ratio(health: Fraction | None) -> float | None:
    return None if health is None else float(health)


def _text(price: int | None) -> str | None:
    return None if price is None else str(price)
