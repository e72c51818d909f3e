"""`plimsoll announce` and `plimsoll notices`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from plimsoll.console import accounts_option, connected, emit, known_accounts, options
from plimsoll.margin.read import read_risks, steady
from plimsoll.notices.changes import NAMES, proposal, scheduled
from plimsoll.notices.effect import effects, read_subjects, with_change
from plimsoll.notices.report import (
    effect_tables,
    effects_data,
    notices_data,
    notices_table,
)
from plimsoll.notices.send import check, route_of, send


@click.command(name="announce")
@click.argument("what")
@click.argument("market")
@click.argument("value")
@click.option("--start", required=True, help="+26h from now, 2030-01-31T12:00 (UTC), or seconds.")
@click.option("--end", required=True, help="The same; +7d counts from the start.")
@accounts_option
@options(sends=True)
def announce_command(
    what: str,
    market: str,
    value: str,
    start: str,
    end: str,
    accounts_file: Path | None,
    **where: Any,
) -> None:
    """Announce a change of WHAT in MARKET to VALUE.

    WHAT is sigma (its floor), f, g, lambda, depth, c, penalty_cap or share of a market, or z or
    kappa with `all` for MARKET; VALUE is written as in a network file. The change is checked by the
    risk model, and the accounts it would put into a margin call are told, before it is sent: by the
    steward at once, by a proposer through the timelock. --dry-run sends nothing.
    """
    with connected(where) as (plimsoll, sender):
        change = proposal(plimsoll, what, market, value, start, end)
        route = route_of(plimsoll, sender)
        check(plimsoll, change, sender)
        before = steady(plimsoll, lambda: read_risks(plimsoll))
        after = with_change(before, change)
        subjects = read_subjects(plimsoll, known_accounts(plimsoll, accounts_file))
        found = effects(subjects, before, after)
        (notice,) = (
            each
            for each in scheduled(after, plimsoll.name)
            if (each.what, each.start) == (NAMES[change.what], change.start)
            and each.market in (plimsoll.name(change.market), "all")
        )
        sent = None if where["dry_run"] else send(plimsoll, change, sender)
        told = "nothing was sent" if sent is None else route.value
        if sent is not None and sent.operation:
            told += f"; id {sent.operation}"
        data = {
            "change": notices_data([notice])[0],
            "route": route.name.lower(),
            "sent": sent is not None,
            "transaction": sent.txn_hash if sent else None,
            "operation": sent.operation or None if sent else None,
            "effect": effects_data(found),
        }
        shown = [notices_table([notice], "change"), *effect_tables(found), told]
        emit(data, shown, where["json_file"])


@click.command(name="notices")
@accounts_option
@options(sends=False)
def notices_command(accounts_file: Path | None, **where: Any) -> None:
    """List the changes that are announced, and the accounts that they will put into a margin call.

    Margins are those at the times that matter from now to the last change's end, if prices,
    positions and volatility stay.
    """
    with connected(where) as (plimsoll, _):
        risks = steady(plimsoll, lambda: read_risks(plimsoll))
        notices = scheduled(risks, plimsoll.name)
        if not notices:
            emit({"notices": [], "effect": None}, ["nothing is announced"], where["json_file"])
            return
        subjects = read_subjects(plimsoll, known_accounts(plimsoll, accounts_file))
        found = effects(subjects, None, risks)
        data = {"notices": notices_data(notices), "effect": effects_data(found)}
        shown = [notices_table(notices, "announced"), *effect_tables(found)]
        emit(data, shown, where["json_file"])
