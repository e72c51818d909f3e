"""`plimsoll margin`: an account's margin taken apart."""

from __future__ import annotations

from typing import Any

import click

from plimsoll.console import connected, emit, options, parse_account
from plimsoll.margin.analysis import analyse
from plimsoll.margin.read import read_portfolio, steady
from plimsoll.margin.report import as_data, tables


@click.command(name="margin")
@click.argument("account")
@options(sends=False)
def main(account: str, **where: Any) -> None:
    """Take the margin of ACCOUNT apart, and say what would move it.

    ACCOUNT is an id, or its owner's address with /INDEX behind it (0 if left out). Shown are the
    parts of the margin, what each position adds, what collateral counts for, the price of each leg
    at which the others fixed E = MM, and MM and IM as prices, volatility and correlations move.
    """
    with connected(where) as (plimsoll, _):
        wanted = parse_account(account)
        found = analyse(steady(plimsoll, lambda: read_portfolio(plimsoll, wanted)))
        emit(as_data(found, plimsoll.name), tables(found, plimsoll.name), where["json_file"])
