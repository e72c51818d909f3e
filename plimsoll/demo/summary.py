"""What a run was, as JSON and as a table."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from plimsoll.demo.audit import Sold
from plimsoll.demo.run import Outcome
from plimsoll.reference.numbers import FUND, WAD
from plimsoll.settlement.statement import as_data


def amount(wad: int) -> str:
    """An amount in WAD as a decimal string of quote units, exact."""
    text = f"{Decimal(wad).scaleb(-18):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def summary(outcome: Outcome) -> dict[str, Any]:
    """The JSON summary; amounts are decimal strings of quote units, in `settlements` of WAD, as
    `plimsoll settle --cycle` has them."""
    auditor, tally = outcome.auditor, outcome.auditor.tally
    books = auditor.books
    assert books is not None
    path = outcome.path
    return {
        "network": outcome.network,
        "markets": list(path.markets),
        "prices": {
            "from": _moment(path.steps[0].time),
            "to": _moment(path.steps[-1].time),
            "bars": dict(zip(path.markets, path.bars, strict=True)),
            "used": path.describe(),
            "gaps": [
                {
                    "market": gap.market,
                    "from": _moment(gap.start),
                    "to": _moment(gap.end),
                    "missing_bars": gap.missing,
                }
                for gap in path.gaps
            ],
        },
        "seed": outcome.options.seed,
        "accounts": len(outcome.accounts),
        "steps": len(path.steps),
        "calls": tally.calls,
        "refused": dict(sorted(tally.refused.items())),
        "orders": outcome.orders,
        "fills": tally.fills,
        "takeovers": tally.takeovers,
        "order_liquidations": tally.order_liquidations,
        "resolved": tally.resolved,
        "books_ended": tally.books_ended,
        "margin_calls": tally.margin_calls,
        "cured": tally.cured,
        "recovered": tally.recovered,
        "called_takeovers": tally.called_takeovers,
        "funding_paid": amount(tally.funding_paid),
        "syncs": tally.done.get("engine.sync", 0),
        "accruals": tally.done.get("engine.accrue", 0),
        "observations": tally.done.get("risk.observe", 0),
        "announcements": tally.done.get("risk.announce", 0),
        "announcements_ended": tally.done.get("risk.fold", 0),
        "reclaims": tally.done.get("engine.reclaim", 0),
        "thaws": tally.done.get("engine.thaw", 0),
        "collateral": {
            "sales_opened": tally.sales_opened,
            "sold": len(outcome.sold),
            "value": amount(sum(one.value for one in outcome.sold)),
            "paid": amount(sum(one.paid for one in outcome.sold)),
            "seized": tally.seized,
            "arrears_noted": tally.arrears_noted,
            "arrears_cleared": amount(tally.arrears_cleared),
            "sales": [_sold(outcome, one) for one in outcome.sold],
        },
        "keeper_rewards": amount(tally.keeper_rewards),
        "liquidator_shares": amount(tally.liquidator_shares),
        "fund": {
            "start": amount(outcome.fund_start),
            "received": amount(tally.fund_received),
            "paid": amount(tally.fund_paid),
            "end": amount(books.accounts[FUND].cash),
        },
        "charged_to_others": amount(tally.charged_to_others),
        "uncovered": amount(sum(book.shortfall for book in books.markets.values())),
        "left_for_a_step": outcome.left,
        "identity_checks": auditor.identity_checks,
        "identity_violations": auditor.identity_violations,
        "reference_mismatches": auditor.reference_mismatches,
        "details": auditor.details,
        "token_balance": amount(outcome.token_balance),
        "sum_cash": amount(sum(state.cash for state in books.accounts.values())),
        "sum_backing": amount(sum(book.cash for book in books.markets.values())),
        "settlements": [as_data(one, path.markets.__getitem__) for one in outcome.statements],
        "seconds": round(outcome.seconds, 2),
    }


def _sold(outcome: Outcome, one: Sold) -> dict[str, Any]:
    """One purchase of collateral: what was sold at which discount, and what its owner kept."""
    return {
        "time": _moment(one.time),
        "account": outcome.names.get(one.account, hex(one.account)),
        "token": one.token.name,
        "amount": amount(one.amount),
        "price": amount(one.price),
        "paid": amount(one.paid),
        "discount": round(one.discount, 6),
        "kept": amount(one.kept),
        "kept_value": amount(one.kept * one.price // WAD),
    }


def discount(found: dict[str, Any]) -> str:
    """How far below its price the collateral of a summary went, on average, in percent."""
    value = Decimal(found["collateral"]["value"])
    return f"{100 * (1 - Decimal(found['collateral']['paid']) / value):.1f} %" if value else "0 %"


def table(found: dict[str, Any]) -> Group:
    """The summary for a terminal."""
    clean = not found["identity_violations"] and not found["reference_mismatches"]
    rows: list[tuple[str, str, str]] = [
        ("network", found["network"], f"{found['accounts']} accounts, seed {found['seed']}"),
        ("markets", ", ".join(found["markets"]), found["prices"]["used"]),
        (
            "prices",
            f"{found['steps']:,} steps",
            f"{found['prices']['from']} to {found['prices']['to']}{_gaps(found)}",
        ),
        ("", "", ""),
        ("calls", f"{found['calls']:,}", f"{sum(found['refused'].values()):,} of them refused"),
        ("fills", f"{found['fills']:,}", f"against {found['orders']:,} quotes"),
        (
            "margin calls",
            f"{found['margin_calls']:,}",
            f"{found['cured']:,} cured by the owner, {found['recovered']:,} by the market; "
            f"{found['called_takeovers']:,} takeovers when the cure window had passed",
        ),
        (
            "takeovers",
            f"{found['takeovers']:,}",
            f"liquidators got {_money(found['liquidator_shares'])}",
        ),
        (
            "order liquidations",
            f"{found['order_liquidations']:,}",
            f"keeper rewards {_money(found['keeper_rewards'])}",
        ),
        (
            "resolved",
            f"{found['resolved']:,}",
            f"charged to others {_money(found['charged_to_others'])}, "
            f"uncovered {_money(found['uncovered'])}",
        ),
        (
            "collateral sold",
            f"{found['collateral']['sold']:,}",
            f"worth {_money(found['collateral']['value'])} for "
            f"{_money(found['collateral']['paid'])}, {discount(found)} below the price; "
            f"{found['collateral']['arrears_noted']:,} overdue, "
            f"{found['collateral']['seized']:,} seized",
        ),
        (
            "funding",
            _money(found["funding_paid"]),
            f"between longs and shorts; {found['accruals']:,} accruals, "
            f"{found['syncs']:,} syncs, {found['observations']:,} observations",
        ),
        (
            "settlements",
            f"{len(found['settlements']):,}",
            f"of everybody: {_sum(found, 'received')} received from losers, "
            f"{_sum(found, 'paid')} paid to winners",
        ),
        (
            "announcements",
            f"{found['announcements']:,}",
            f"{found['announcements_ended']:,} reached their end",
        ),
        (
            "fund",
            _money(found["fund"]["end"]),
            f"from {_money(found['fund']['start'])}, received {_money(found['fund']['received'])}, "
            f"paid {_money(found['fund']['paid'])}",
        ),
        ("", "", ""),
        (
            "tokens",
            _money(found["token_balance"]),
            f"accounts' cash {_money(found['sum_cash'])} + markets' cash "
            f"{_money(found['sum_backing'])}",
        ),
        ("identity checks", f"{found['identity_checks']:,}", "LED-5, on the chain's own words"),
        ("identity violations", f"{found['identity_violations']:,}", ""),
        ("reference mismatches", f"{found['reference_mismatches']:,}", "to the wei"),
    ]
    shown = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(justify="right", no_wrap=True)
    shown.add_column(style="dim")
    for name, value, remark in rows:
        counts = name in ("identity violations", "reference mismatches")
        colour = ("green" if value == "0" else "bold red") if counts else ""
        shown.add_row(name, Text(value, style=colour), remark)
    verdict = (
        Text(f"\nSolvent to the wei after every step. {found['seconds']} s", style="green")
        if clean
        else Text("\nSomething does not add up:", style="bold red")
    )
    faults = [Text(f"  {text}", style="red") for text in found["details"][:10]]
    return Group(shown, *map(statement, found["settlements"]), verdict, *faults)


#: Column of a statement -> its name in the JSON.
COLUMNS = {
    "received": "received",
    "covered": "covered",
    "paid": "paid",
    "cash": "cash_after",
    "claims open": "claims_open",
    "matured": "claims_matured",
}


def statement(one: dict[str, Any]) -> Table:
    """The statement of a settlement, narrow; the report has all of it."""
    title = f"\nsettlement of {_moment(one['time'])}, {one['settled']:,} accounts"
    shown = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left")
    shown.add_column("market", style="bold", no_wrap=True)
    for name in COLUMNS:
        shown.add_column(name, justify="right", no_wrap=True)
    for line in one["markets"]:
        amounts = (_money(amount(int(line[key]))) for key in COLUMNS.values())
        shown.add_row(line["market"], *amounts)
    return shown


def _gaps(found: dict[str, Any]) -> str:
    gaps = found["prices"]["gaps"]
    if not gaps:
        return ""
    missing = sum(gap["missing_bars"] for gap in gaps)
    return f"; {len(gaps)} gaps, {missing:,} bars missing"


def _sum(found: dict[str, Any], name: str) -> str:
    """A column of all settlements' statements."""
    lines = (line for one in found["settlements"] for line in one["markets"])
    return _money(amount(sum(int(line[name]) for line in lines)))


def _money(text: str) -> str:
    return f"{Decimal(text):,.2f}"


def _moment(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
