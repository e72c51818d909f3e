"""`plimsoll settle`: settle some accounts, or all of them with a statement."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from plimsoll.console import (
    accounts_option,
    connected,
    emit,
    known_accounts,
    options,
    parse_account,
)
from plimsoll.settlement.cycle import settle_cycle
from plimsoll.settlement.statement import Statement, as_data, tables


@click.command(name="settle")
@click.argument("accounts", nargs=-1)
@click.option("--cycle", is_flag=True, help="Every account, after funding and shortfalls.")
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder in which a cycle keeps its statement.  [default: settlements beside the record]",
)
@accounts_option
@options(sends=True)
def main(
    accounts: tuple[str, ...],
    cycle: bool,
    store: Path | None,
    accounts_file: Path | None,
    **where: Any,
) -> None:
    """Settle ACCOUNTS, or with --cycle all of them.

    The daily settlement: the funding of every market with a fresh price is paid up to the minute,
    the fund pays what it owes, then every account is marked and settled, losers first, winners
    after them, the fund last. The statement tells per market what was paid and what is open, and
    is kept as JSON. Exit code 1: a call was refused.
    """
    if bool(accounts or accounts_file) == cycle and not (cycle and accounts_file):
        raise click.UsageError("name accounts to settle, or --cycle for all of them, not both")
    with connected(where) as (plimsoll, sender):
        if accounts:
            wanted = [parse_account(text) for text in accounts]
        else:
            wanted = known_accounts(plimsoll, accounts_file)
        found = settle_cycle(plimsoll, None if where["dry_run"] else sender, wanted, upkeep=cycle)
        data = as_data(found, plimsoll.name)
        if cycle and not found.dry_run:
            path = plimsoll.record.path
            beside = (path.parent if path else Path()) / "settlements"
            data["file"] = str(keep(found, data, store or beside, plimsoll.record.network))
        emit(data, tables(found, plimsoll.name), where["json_file"])
    if not found.ok:
        raise SystemExit(1)


def keep(found: Statement, data: dict[str, Any], folder: Path, network: str) -> Path:
    """Write a statement under the time and block of its settlement, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    name = network.replace(":", "-")
    file = folder / f"{name}-{found.time}-{found.block}.json"
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(data, indent=2) + "\n")
    os.replace(temporary, file)
    return file
