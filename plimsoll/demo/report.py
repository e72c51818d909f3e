"""The report: one HTML file that needs nothing else, not even a network.

From top to bottom: prices with every liquidation on them, liquidations over time, equity and margin
of the accounts that fared worst, the fund, each market's cash against its claims, and the
statements of daily settlements.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
from plotly.subplots import make_subplots

from plimsoll.demo.audit import Liquidation
from plimsoll.demo.run import Outcome
from plimsoll.demo.setting import Floats
from plimsoll.demo.summary import discount
from plimsoll.reference.numbers import WAD

#: Colours that stay apart for colour-blind readers too (Okabe and Ito).
MARKETS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#5E4FA2", "#444444", "#56B4E9")
KINDS = {
    "order": ("closed against an order", "#56B4E9", "circle"),
    "takeover": ("taken over", "#E69F00", "diamond"),
    "sale": ("collateral sold", "#5E4FA2", "square"),
    "resolve": ("resolved (bankrupt)", "#C2185B", "x"),
}
EQUITY, MARGIN, CASH, CLAIMS, SHORT = "#0072B2", "#D55E00", "#009E73", "#444444", "#C2185B"

#: Accounts shown, and marks of one kind on the price chart.
WORST = 6
MOST_MARKS = 250
BINS = 90
#: Rows of the table of sales.
MOST_SALES = 12

_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Plimsoll demo</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ margin: 0; background: #f6f7f9; color: #1c2430; font: 15px/1.45 {font}; }}
main {{ max-width: 1240px; margin: 0 auto; padding: 28px 24px 40px; }}
h1 {{ font-size: 26px; margin: 0 0 2px; }}
h2 {{ font-size: 17px; margin: 0; }}
p {{ margin: 2px 0 10px; color: #55606f; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 10px;
  margin: 18px 0; }}
.card {{ background: #fff; border: 1px solid #e1e5ea; border-radius: 8px; padding: 10px 14px; }}
.card b {{ display: block; font-size: 21px; font-variant-numeric: tabular-nums; }}
.card span {{ color: #55606f; font-size: 13px; }}
.good b {{ color: #0a7a3f; }} .bad b {{ color: #c62828; }}
section {{ background: #fff; border: 1px solid #e1e5ea; border-radius: 8px; margin: 14px 0;
  padding: 14px 16px 6px; }}
table {{ border-collapse: collapse; width: 100%; margin: 0 0 14px; font-size: 14px;
  font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; padding: 6px 0; color: #55606f; }}
caption b {{ color: #1c2430; }}
th, td {{ text-align: right; padding: 5px 8px; border-bottom: 1px solid #eceff3;
  white-space: nowrap; }}
th {{ font-weight: 600; color: #55606f; }}
th:first-child, td:first-child {{ text-align: left; padding-left: 0; }}
.wide {{ overflow-x: auto; }}
footer {{ color: #55606f; font-size: 13px; }}
</style></head><body><main>
<h1>Plimsoll demo</h1>
<p>{subtitle}</p>
<div class="cards">{cards}</div>
{sections}
<footer>{footer}</footer>
</main></body></html>
"""


def write_report(outcome: Outcome, found: dict[str, Any], path: Path) -> Path:
    """Write the report of a run and its summary; return the path."""
    charts = [
        (
            "Prices and liquidations",
            "Prices as an index, the first step being 100. A mark is a liquidated slice; "
            f"the {MOST_MARKS} largest of each kind are shown.",
            _prices(outcome),
        ),
        ("Liquidations over time", "Slices by kind.", _counts(outcome)),
        (
            "The accounts that fared worst",
            "Equity and maintenance margin, in quote units; where the lines meet the keeper steps "
            "in.",
            _worst(outcome),
        ),
        (
            "Insurance fund",
            "Cash of the fund, and what it owes to the markets' winners (shortfall), in quote "
            "units.",
            _fund(outcome),
        ),
        (
            "Cash against claims",
            "What each market has in cash and what it owes to its winners at the prices of the "
            "moment, in quote units. The difference is with losers who have not settled yet.",
            _cash(outcome),
        ),
    ]
    sections = []
    for number, (title, text, figure) in enumerate(charts):
        body = pio.to_html(
            figure,
            include_plotlyjs=number == 0,
            full_html=False,
            config={
                "displaylogo": False,
                "responsive": True,
                "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
            },
            div_id=f"chart-{number}",
        )
        sections.append(f"<section><h2>{title}</h2><p>{text}</p>{body}</section>")
    sections.insert(3, _sold(found))
    sections.append(_settlements(found))
    prices = found["prices"]
    subtitle = (
        f"{', '.join(found['markets'])}, {prices['from']} to {prices['to']} UTC, "
        f"{found['steps']:,} steps ({prices['used']}), {found['accounts']} accounts, "
        f"seed {found['seed']}, {found['network']}"
    )
    page = _PAGE.format(
        font=_FONT,
        subtitle=html.escape(subtitle),
        cards="".join(_cards(found)),
        sections="".join(sections),
        footer=html.escape(_footer(found)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def _cards(found: dict[str, Any]) -> list[str]:
    wrong = found["identity_violations"] + found["reference_mismatches"]
    verdict = "good" if not wrong else "bad"
    rows = [
        (verdict, f"{wrong}", f"faults in {found['identity_checks']:,} identity checks"),
        ("", f"{found['fills']:,}", "fills"),
        ("", f"{found['margin_calls']:,}", f"margin calls, {found['cured']:,} cured"),
        ("", f"{found['order_liquidations']:,}", "closed against orders"),
        ("", f"{found['takeovers']:,}", "taken over"),
        (
            "",
            f"{found['collateral']['sold']:,}",
            f"sales of collateral, {discount(found)} below the price",
        ),
        ("", f"{found['resolved']:,}", "resolved"),
        ("", _short(found["charged_to_others"]), "charged to others"),
        ("", _short(found["funding_paid"]), "funding paid"),
        ("", _short(found["fund"]["end"]), f"in the fund, from {_short(found['fund']['start'])}"),
        ("", _short(found["uncovered"]), "uncovered"),
    ]
    card = '<div class="card {}"><b>{}</b><span>{}</span></div>'
    return [card.format(kind, html.escape(value), html.escape(text)) for kind, value, text in rows]


def _sold(found: dict[str, Any]) -> str:
    """The collateral that was sold, as a table: the largest sales."""
    sales = sorted(found["collateral"]["sales"], key=lambda one: -Decimal(one["paid"]))
    shown = sorted(sales[:MOST_SALES], key=lambda one: one["time"])
    text = (
        "Collateral of accounts below their margin, or whose arrears were noted an hour ago, is "
        "for sale; the discount grows with the shortfall and with time, and is never above the "
        "haircut. The buyer's cash pays the arrears; what was not needed stays the owner's."
    )
    if len(sales) > len(shown):
        text += f" The {len(shown)} largest of {len(sales)} sales are shown."
    titles = ("", "account", "sold", "price", "paid", "discount", "left to the owner")
    head = "".join(f"<th>{title}</th>" for title in titles)
    rows = []
    for one in shown:
        cells = (
            one["time"],
            one["account"],
            f"{_short(one['amount'], 3)} {one['token']}",
            _short(one["price"], 2),
            _short(one["paid"], 2),
            f"{100 * one['discount']:.1f} %",
            f"{_short(one['kept'], 3)} {one['token']} (worth {_short(one['kept_value'])})",
        )
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    body = f"<table><tr>{head}</tr>{''.join(rows)}</table>" if rows else "<p>None was sold.</p>"
    return f"<section><h2>Collateral sold</h2><p>{text}</p>{body}</section>"


#: Column of a statement -> its name in the JSON.
COLUMNS = {
    "price": "price",
    "received": "received",
    "covered": "covered",
    "paid": "paid",
    "cash": "cash_after",
    "claims open": "claims_open",
    "matured": "claims_matured",
    "arrears open": "arrears_open",
    "shortfall": "shortfall",
}


def _settlements(found: dict[str, Any]) -> str:
    """The statements of the daily settlements as tables."""
    body = "".join(_statement(one) for one in found["settlements"])
    return (
        "<section><h2>Daily settlements</h2><p>Everybody is settled at the end of a day, losers "
        "first: what each market received from them and from the fund (covered) and paid to its "
        "winners, and what is open afterwards. A profit is paid when it has matured and its market "
        f'has cash. In quote units.</p><div class="wide">{body}</div></section>'
    )


def _statement(one: dict[str, Any]) -> str:
    fund = one["fund"]
    head = (
        f"<b>{_times([one['time']])[0]:%d %b %Y, %H:%M} UTC</b>, block {one['block']:,}: "
        f"{one['settled']:,} accounts settled, {one['flat']:,} hold nothing; fund "
        f"{_wad(fund['cash_before'])} before, {_wad(fund['cash_after'])} after"
    )
    titles = "".join(f"<th>{title}</th>" for title in ("market", *COLUMNS))
    rows = "".join(
        f"<tr><td>{html.escape(line['market'])}</td>"
        + "".join(f"<td>{_wad(line[key])}</td>" for key in COLUMNS.values())
        + "</tr>"
        for line in one["markets"]
    )
    return f"<table><caption>{head}</caption><tr>{titles}</tr>{rows}</table>"


def _wad(text: str) -> str:
    return _short(str(Decimal(text).scaleb(-18)), 2)


def _footer(found: dict[str, Any]) -> str:
    return (
        f"Tokens {_short(found['token_balance'], 2)} = accounts' cash "
        f"{_short(found['sum_cash'], 2)} + markets' cash {_short(found['sum_backing'], 2)} at the "
        "end, after everybody was settled and whoever was flat had withdrawn. "
        f"Keeper rewards {_short(found['keeper_rewards'], 2)}, liquidators' shares "
        f"{_short(found['liquidator_shares'], 2)}, all in quote units."
    )


def _short(text: str, places: int = 0) -> str:
    return f"{Decimal(text):,.{places}f}"


# ---- charts --------------------------------------------------------------------------------------


def _times(seconds: Sequence[int]) -> list[datetime]:
    return [datetime.fromtimestamp(second, UTC).replace(tzinfo=None) for second in seconds]


def _short_times(outcome: Outcome) -> str:
    """How to write a moment in a narrow chart."""
    span = outcome.path.steps[-1].time - outcome.path.steps[0].time
    return "%d %b" if span > 3 * 86_400 else "%H:%M"


def _layout(figure: go.Figure, height: int, *, rows: int = 1) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 62 if rows > 1 else 44, "b": 40},
        font={"family": _FONT, "size": 13, "color": "#1c2430"},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.04 if rows > 1 else 1.02, "x": 0},
        hovermode="x unified" if rows == 1 else "closest",
        hoverlabel={"bgcolor": "#ffffff", "font": {"color": "#1c2430"}},
    )
    figure.update_xaxes(showgrid=True, gridcolor="#eceff3")
    figure.update_yaxes(showgrid=True, gridcolor="#eceff3", zerolinecolor="#9aa4b1")
    return figure


def _index(outcome: Outcome, market: int, price: float) -> float:
    return 100 * price / outcome.path.steps[0].prices[market]


def _prices(outcome: Outcome) -> go.Figure:
    figure = go.Figure()
    steps = outcome.path.steps
    times = _times([step.time for step in steps])
    for market, name in enumerate(outcome.path.markets):
        figure.add_scatter(
            x=times,
            y=[round(_index(outcome, market, step.prices[market]), 3) for step in steps],
            customdata=[step.prices[market] / 1e8 for step in steps],
            name=name,
            mode="lines",
            line={"color": MARKETS[market % len(MARKETS)], "width": 1.8},
            hovertemplate="%{y:.1f} (%{customdata:,.6~g})",
        )
    for kind, (label, colour, symbol) in KINDS.items():
        found = [one for one in outcome.liquidations if one.kind == kind]
        found.sort(key=_notional, reverse=True)
        found = sorted(found[:MOST_MARKS], key=lambda one: one.time)
        figure.add_scatter(
            x=_times([one.time for one in found]),
            y=[_index(outcome, one.market, one.price / 10**10) for one in found],
            name=label,
            mode="markers",
            marker={
                "color": colour,
                "symbol": symbol,
                "size": [_mark(_notional(one)) for one in found],
                "opacity": 0.8,
                "line": {"color": "#ffffff", "width": 0.6},
            },
            text=[_told(outcome, one) for one in found],
            hovertemplate="%{text}",
        )
    _layout(figure, 470)
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(title="index, first step = 100")
    return figure


def _notional(one: Liquidation) -> float:
    return one.size * one.price / WAD / WAD


def _mark(notional: float) -> float:
    return float(np.clip(4 + 2.2 * np.log10(max(notional, 1) / 500), 5, 14))


def _told(outcome: Outcome, one: Liquidation) -> str:
    name = outcome.names.get(one.account, hex(one.account))
    market = outcome.path.markets[one.market]
    label = KINDS[one.kind][0]
    return f"{html.escape(name)}: {_notional(one):,.0f} quote of {market} {label}"


def _counts(outcome: Outcome) -> go.Figure:
    figure = go.Figure()
    steps = outcome.path.steps
    first, last = steps[0].time, steps[-1].time
    edges = np.linspace(first, last + 1, min(BINS, len(steps)) + 1)
    middles = _times([int(second) for second in (edges[:-1] + edges[1:]) / 2])
    for kind, (label, colour, _) in KINDS.items():
        times = [one.time for one in outcome.liquidations if one.kind == kind]
        counts, _ = np.histogram(times, edges)
        figure.add_bar(
            x=middles,
            y=counts.tolist(),
            name=label,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="%{y}",
        )
    _layout(figure, 300)
    figure.update_layout(barmode="stack", bargap=0.08)
    figure.update_yaxes(title="slices")
    return figure


def _worst(outcome: Outcome) -> go.Figure:
    chosen = worst_accounts(outcome)
    titles = [outcome.names[outcome.accounts[column]] for column in chosen]
    columns = 3 if len(chosen) > 2 else max(1, len(chosen))
    rows = max(1, -(-len(chosen) // columns))
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=titles,
        vertical_spacing=0.14,
        horizontal_spacing=0.06,
    )
    times = _times([step.time for step in outcome.path.steps])
    at = {step.time: number for number, step in enumerate(outcome.path.steps)}
    for place, column in enumerate(chosen):
        where = {"row": place // columns + 1, "col": place % columns + 1}
        lines = (
            ("equity", outcome.equity[:, column], EQUITY, "solid"),
            ("maintenance margin", outcome.maintenance[:, column], MARGIN, "dot"),
        )
        for name, values, colour, dash in lines:
            figure.add_scatter(
                x=times,
                y=_begun(values, outcome.equity[:, column]),
                name=name,
                legendgroup=name,
                showlegend=place == 0,
                mode="lines",
                line={"color": colour, "width": 1.6, "dash": dash},
                hovertemplate="%{y:,.0f}",
                **where,
            )
        account = outcome.accounts[column]
        for kind, (label, colour, symbol) in KINDS.items():
            mine = [x for x in outcome.liquidations if x.account == account and x.kind == kind]
            mine = [one for one in mine if one.time in at]
            moments: list[datetime | None] = [*_times([one.time for one in mine])]
            heights: list[float | None] = [
                float(outcome.equity[at[one.time], column]) for one in mine
            ]
            if not mine:  # an empty series would have no place in the legend
                moments, heights = [None], [None]
            figure.add_scatter(
                x=moments,
                y=heights,
                name=label,
                legendgroup=label,
                showlegend=place == 0,
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 8, "line": {"width": 0}},
                text=[_told(outcome, one) for one in mine],
                hovertemplate="%{text}",
                **where,
            )
    _layout(figure, 120 + 270 * rows, rows=2)
    figure.update_layout(legend={"y": 1.02 + 0.06 * 2 / rows})
    figure.update_annotations(font={"size": 13})
    figure.update_xaxes(nticks=4, tickformat=_short_times(outcome))
    return figure


def worst_accounts(outcome: Outcome, most: int = WORST) -> list[int]:
    """Return the columns of the accounts whose equity fell furthest below its margin, the worst
    first; what is compared is the deepest point in units of the largest equity it ever had."""
    held = outcome.maintenance > 0
    gap = np.where(held, outcome.equity - outcome.maintenance, np.inf).min(axis=0)
    score = gap / np.maximum(outcome.equity.max(axis=0), 1.0)
    order = [int(column) for column in np.argsort(score, kind="stable")]
    return [column for column in order if np.isfinite(score[column])][:most]


def _begun(values: Floats, equity: Floats) -> list[float | None]:
    """Values of an account from its first deposit on."""
    first = int(np.argmax(equity != 0))
    return [None] * first + [round(float(value), 2) for value in values[first:]]


def _fund(outcome: Outcome) -> go.Figure:
    figure = go.Figure()
    times = _times([sample.time for sample in outcome.samples])
    figure.add_scatter(
        x=times,
        y=[round(sample.fund, 2) for sample in outcome.samples],
        name="cash of the fund",
        mode="lines",
        line={"color": CASH, "width": 2},
        fill="tozeroy",
        fillcolor="rgba(0,158,115,0.12)",
        hovertemplate="%{y:,.0f}",
    )
    figure.add_scatter(
        x=times,
        y=[round(sample.shortfall, 2) for sample in outcome.samples],
        name="shortfall of all markets",
        mode="lines",
        line={"color": SHORT, "width": 1.8, "dash": "dot"},
        hovertemplate="%{y:,.0f}",
    )
    _layout(figure, 320)
    figure.update_yaxes(title="quote units", rangemode="tozero", tickformat=",~s")
    return figure


def _cash(outcome: Outcome) -> go.Figure:
    names = outcome.path.markets
    columns = min(2, len(names)) if len(names) != 3 else 3
    rows = -(-len(names) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=list(names),
        vertical_spacing=0.16 if rows < 3 else 0.08,
        horizontal_spacing=0.07,
    )
    times = _times([sample.time for sample in outcome.samples])
    for market in range(len(names)):
        where = {"row": market // columns + 1, "col": market % columns + 1}
        figure.add_scatter(
            x=times,
            y=[round(sample.claims[market], 2) for sample in outcome.samples],
            name="claims of winners",
            legendgroup="claims",
            showlegend=market == 0,
            mode="lines",
            line={"color": CLAIMS, "width": 1.4},
            hovertemplate="%{y:,.0f}",
            **where,
        )
        figure.add_scatter(
            x=times,
            y=[round(sample.backing[market], 2) for sample in outcome.samples],
            name="cash of the market",
            legendgroup="cash",
            showlegend=market == 0,
            mode="lines",
            line={"color": CASH, "width": 1.4},
            fill="tozeroy",
            fillcolor="rgba(0,158,115,0.25)",
            hovertemplate="%{y:,.0f}",
            **where,
        )
    _layout(figure, 110 + 230 * rows, rows=2)
    figure.update_layout(legend={"y": 1.02 + 0.1 / rows}, hovermode="x unified")
    figure.update_yaxes(rangemode="tozero", tickformat=",~s")
    figure.update_xaxes(nticks=4, tickformat=_short_times(outcome))
    return figure
