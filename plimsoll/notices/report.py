"""Changes and what they do, for people and for machines. Amounts in JSON are WAD as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from plimsoll.console import when
from plimsoll.keeper.decide import quote_text
from plimsoll.keeper.types import short
from plimsoll.notices.changes import Notice
from plimsoll.notices.effect import Effect


def notices_table(found: Sequence[Notice], title: str) -> Table:
    """What is announced."""
    table = Table(title=title, title_justify="left")
    for label in ("what", "market"):
        table.add_column(label)
    for label in ("from", "now", "to"):
        table.add_column(label, justify="right", overflow="fold")
    for label in ("starts", "ends", ""):
        table.add_column(label)
    for each in found:
        table.add_row(
            each.what,
            each.market,
            each.base,
            each.now,
            each.target,
            when(each.start),
            when(each.end),
            each.state,
        )
    return table


def effect_tables(found: Sequence[Effect]) -> Iterable[Table | str]:
    """The accounts in trouble, and how many are not."""
    called = [each for each in found if each.is_called]
    below = [each for each in found if each.is_below_already]
    more = sum(1 for each in found if each.maintenance > each.without)
    yield (
        f"{len(found)} accounts with positions: {more} need more margin, {len(called)} would be "
        f"called, {len(below)} are below their margin without it"
    )
    if not called:
        return
    table = Table(title="put into a margin call", title_justify="left")
    table.add_column("account", no_wrap=True)
    for label in ("equity", "MM now", "MM without", "MM with", "missing"):
        table.add_column(label, justify="right", no_wrap=True)
    table.add_column("largest at")
    for each in called:
        amounts = (each.equity, each.now, each.without, each.maintenance, each.missing)
        table.add_row(
            short(each.account), *(quote_text(amount) for amount in amounts), when(each.time)
        )
    yield table


def notices_data(found: Iterable[Notice]) -> list[dict[str, Any]]:
    """Plain JSON; values as people write them."""
    return [asdict(each) for each in found]


def effects_data(found: Sequence[Effect]) -> dict[str, Any]:
    """Plain JSON; accounts hex strings, `missing` is what the account lacks."""
    return {
        "accounts": len(found),
        "called": [_effect(each) for each in found if each.is_called],
        "below_already": [_effect(each) for each in found if each.is_below_already],
    }


def _effect(each: Effect) -> dict[str, Any]:
    return {
        "account": hex(each.account),
        "equity": str(each.equity),
        "maintenance_now": str(each.now),
        "maintenance_without": str(each.without),
        "maintenance": str(each.maintenance),
        "missing": str(each.missing),
        "time": each.time,
    }
