"""What a settlement did: per market and in all, for people and for machines. Amounts in WAD."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table

from plimsoll.console import significant, when
from plimsoll.keeper.decide import quote_text
from plimsoll.keeper.types import short
from plimsoll.reference.numbers import PATIENCE

_STATUS = ("fresh", "stale", "diverged", "invalid")


@dataclass
class MarketStatement:
    """A market over a settlement.

    `received` are the arrears that accounts paid into it, `paid` the claims it paid, `covered` what
    the fund paid of its shortfall: `cash_after = cash_before + received + covered - paid`, if
    nobody else traded meanwhile. Open claims and arrears are those of the accounts of the
    settlement and the fund's, marked; `matured` is the part of the claims that could be paid now.
    """

    market: int
    price: int
    status: int
    cash_before: int
    cash_after: int = 0
    received: int = 0
    paid: int = 0
    covered: int = 0
    claims: int = 0
    matured: int = 0
    arrears: int = 0
    shortfall: int = 0
    accrued: str = ""  # why it was not, empty when it was


@dataclass(frozen=True)
class Overdue:
    """An account whose noted arrears its cash has not paid (LIQ-7)."""

    account: int
    since: int
    arrears: int
    cash: int
    collateral: int  # what it counts for


@dataclass
class Statement:
    """A whole settlement. `settled` counts accounts, `flat` those that held nothing; `problems`
    are the calls that were refused."""

    time: int
    block: int
    settled: int = 0
    flat: int = 0
    gas: int = 0
    dry_run: bool = False
    fund_before: int = 0
    fund_after: int = 0
    fund_claims: int = 0
    shortfall: int = 0
    markets: list[MarketStatement] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    overdue: list[Overdue] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing that should have gone through was refused."""
        return not self.problems


def as_data(found: Statement, name: Callable[[int], str]) -> dict[str, Any]:
    """Plain JSON; amounts and prices are WAD in decimal strings, accounts hex strings."""
    return {
        "time": found.time,
        "block": found.block,
        "ok": found.ok,
        "dry_run": found.dry_run,
        "settled": found.settled,
        "flat": found.flat,
        "gas": found.gas,
        "fund": {
            "cash_before": str(found.fund_before),
            "cash_after": str(found.fund_after),
            "claims": str(found.fund_claims),
            "shortfall": str(found.shortfall),
        },
        "markets": [
            {
                "market": name(each.market),
                "number": each.market,
                "price": str(each.price),
                "feed": _STATUS[each.status],
                "accrued": not each.accrued,
                "cash_before": str(each.cash_before),
                "received": str(each.received),
                "covered": str(each.covered),
                "paid": str(each.paid),
                "cash_after": str(each.cash_after),
                "claims_open": str(each.claims),
                "claims_matured": str(each.matured),
                "arrears_open": str(each.arrears),
                "shortfall": str(each.shortfall),
            }
            for each in found.markets
        ],
        "overdue": [
            {
                "account": hex(each.account),
                "since": each.since,
                "for_sale_from": each.since + PATIENCE,
                "arrears": str(each.arrears),
                "cash": str(each.cash),
                "collateral_counts": str(each.collateral),
            }
            for each in found.overdue
        ],
        "order": [hex(account) for account in found.order],
        "problems": found.problems,
    }


def tables(found: Statement, name: Callable[[int], str]) -> Iterable[Table]:
    """The statement for people."""
    head = "dry run of a settlement" if found.dry_run else "settlement"
    title = f"{head}, {when(found.time)}, block {found.block}"
    table = Table(title=title, title_justify="left")
    table.add_column("market")
    for label in (
        "price",
        "received",
        "covered",
        "paid",
        "cash",
        "claims open",
        "matured",
        "arrears open",
        "shortfall",
    ):
        table.add_column(label, justify="right", no_wrap=True)
    for each in found.markets:
        mark = "" if each.status == 0 else f" ({_STATUS[each.status]})"
        amounts = (
            each.received,
            each.covered,
            each.paid,
            each.cash_after,
            each.claims,
            each.matured,
            each.arrears,
            each.shortfall,
        )
        table.add_row(
            name(each.market) + mark, significant(each.price), *(quote_text(n) for n in amounts)
        )
    yield table
    rest = Table(show_header=False, box=None)
    rest.add_column()
    rest.add_column(overflow="fold")
    rest.add_row("accounts", f"{found.settled} settled, {found.flat} hold nothing")
    if found.dry_run:
        rest.add_row("order", ", ".join(short(account) for account in found.order))
    rest.add_row(
        "fund",
        f"{quote_text(found.fund_before)} before, {quote_text(found.fund_after)} after, claims "
        f"{quote_text(found.fund_claims)}, shortfall {quote_text(found.shortfall)}",
    )
    for late in found.overdue:
        rest.add_row(
            "overdue",
            f"{short(late.account)} since {when(late.since)}: owes {quote_text(late.arrears)}, "
            f"cash {quote_text(late.cash)}, collateral counts {quote_text(late.collateral)}",
        )
    if found.gas:
        rest.add_row("gas", f"{found.gas:,}")
    for problem in found.problems:
        rest.add_row("[yellow]refused[/]", escape(problem))
    yield rest
