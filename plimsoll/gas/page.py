"""docs/gas.md: written from what was measured, compared to the byte."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from plimsoll.evm.artifacts import MAX_RUNTIME_SIZE
from plimsoll.gas.explain import Explanation
from plimsoll.gas.measure import EVM_VERSIONS, LIMITED, Measured, differences
from plimsoll.gas.node import HARDFORK, VERSION
from plimsoll.gas.rows import PEERS, ROWS

UPDATE = "make gas-update"

#: explained on the page whether or not they are above their limits
ALWAYS_EXPLAINED = ("takeover_open",)

_WIDTH = 120
_NEW_SLOT, _CHANGED_SLOT = 22_100, 5_000
_HEADING = re.compile(r"^#+ (.*)$")
_NUMBER = re.compile(r"^\**-?[\d,]+\**$")
_ROOM = "room left"

_SETTING = f"""
    Gas is receipt `gasUsed` on Anvil {VERSION} at hardfork {HARDFORK}: the 21,000 base, the
    calldata and the refunds are in it. One transaction a block, 12 s apart, base fee 1 gwei; a
    minimal ERC-20 with infinite allowance; a Chainlink-shaped feed (proxy and aggregator, four
    slots read). Keys, salts and times are fixed, so that every run gives the same numbers. Unless
    a row says so, accounts trade in one market, the price has moved since they last did, and others
    hold positions on both sides. Funding is live: the market has a premium, and every fill moves
    it. A market's funding is folded once a minute, by whatever trades first in it; the rows of
    section 1 are those of a later transaction in the minute, and the row `fold` says what the first
    one pays more.
"""
_CALLS = """
    The account that is taken over in section 1 is below 0.7 of its maintenance margin, where nobody
    has to call it (LIQ-1) and no window is counted (LIQ-6). `takeover_called` is the same takeover
    as `takeover_held` of an account that has been called, in a market whose window runs.
"""
_SOURCES = """
    dYdX Perpetual v1 is `87f2263` with real oracle and funding, Derive v2 `7736900`, Perennial v2
    `9978056`. The floor is the sum of what cannot be avoided: base, calldata, token transfer, feed
    read, signature check, minimal slots.
"""
_LENS = """
    The lens is a view: its figure is that of the same call sent as a transaction, 21,000 and
    calldata included, which is what an `eth_call` has to allow for.
"""
_FREE = """
    Rows without a limit are there so that a change shows.
"""


# -------------------------------------------------------------------------------------- writing


def render(measured: Measured, explained: Sequence[Explanation] = ()) -> str:
    """Return the page."""
    parts = [
        "# Gas and bytecode sizes\n",
        _prose(
            f"Made by `{UPDATE}`; `make gas` measures again and fails when anything differs or is "
            "above its limit. Do not edit. `plimsoll gas --explain ROW` says where the gas of a "
            "row goes, storage word by storage word."
        ),
        _prose(_SETTING),
        "## 1. Beside other protocols\n",
        _prose(_SOURCES),
        _peers(measured),
        _takeovers(measured),
        _further(measured),
        "## 2. Further operations\n",
        _others(measured),
        _prose(_FREE + _LENS),
        _prose(_CALLS),
        "## 3. Bytecode sizes\n",
        _prose(
            "Runtime code with immutables, in bytes, built with `-O gas`. A network takes "
            f"{MAX_RUNTIME_SIZE:,} (EIP-170), which holds for the {LIMITED} build, the one that is "
            "deployed. The other one is for information: it runs on local nodes only, which lift "
            "the limit."
        ),
        _sizes(measured),
    ]
    if explained:
        parts.append("## 4. Where the gas goes\n")
        parts += [_explanation(found) for found in explained]
    return "\n".join(parts)


def _prose(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    kept = [list(head), *map(list, rows)]
    rights = set(right)
    rule = ["---:" if at in rights else "---" for at in range(len(head))]
    lines = [kept[0], rule, *kept[1:]]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _mark(gas: int, limit: int | None) -> str:
    if limit is None:
        return ""
    return "yes" if gas <= limit else "**no**"


def _peers(measured: Measured) -> str:
    head = ("operation", "`ROW`", "floor", "dYdX v1", "Derive v2", "Perennial v2", "limit")
    rows = []
    for peer in PEERS:
        gas = measured.gas[peer.key]
        rows.append(
            (
                ROWS[peer.key].title,
                f"`{peer.key}`",
                peer.floor,
                peer.dydx,
                peer.derive,
                peer.perennial,
                f"{peer.limit:,}",
                f"{gas:,}",
                _mark(gas, peer.limit),
            )
        )
    return _table((*head, "Plimsoll", "within"), rows, right=(6, 7))


def _takeovers(measured: Measured) -> str:
    held, opened = measured.gas["takeover_held"], measured.gas["takeover_open"]
    each = _NEW_SLOT - _CHANGED_SLOT
    return _prose(
        f"""
        Takeover: the design has "142,000 without, 172,000 with a position of the liquidator in the
        market". Here the takeover that opens a position for the liquidator is held against 172,000,
        the one into a position that is there already against 142,000. Only so do the limits make
        sense: a position is two storage words; a word that is new costs {_NEW_SLOT:,}, one that is
        changed {_CHANGED_SLOT:,}, both with the first access; so opening costs
        2 x {each:,} = {2 * each:,} more, and the limits are 30,000 apart. Measured: {opened:,} and
        {held:,}, {opened - held:,} apart (a position that is there has to be marked). By the other
        reading a liquidator without a position, at {opened:,}, is {_against(opened, 142_000)}, and
        one with a position, at {held:,}, {_against(held, 172_000)}. Section 4 has the first of them
        line by line.
        """
    )


def _against(gas: int, limit: int) -> str:
    if gas <= limit:
        return f"{limit - gas:,} below {limit:,}"
    return f"{gas - limit:,} above {limit:,}"


def _further(measured: Measured) -> str:
    told = ", ".join(f"{gas:,}" for gas in differences(ROWS["further_market"], measured.gas))
    return _prose(
        f"""
        Each further market: a fill by a taker who holds k + 1 markets less the same fill with k.
        The 2nd to the 8th market cost {told}. The limit is 36,000, the stretch 32,000.
        """
    )


def _others(measured: Measured) -> str:
    peers = {peer.key for peer in PEERS}
    rows = []
    for row in ROWS.values():
        if row.key in peers or row.key.startswith("_"):
            continue
        gas = measured.gas[row.key]
        limit = f"{row.limit:,}" if row.limit is not None else ""
        rows.append((row.title, f"`{row.key}`", limit, f"{gas:,}", _mark(gas, row.limit)))
    return _table(("operation", "`ROW`", "limit", "Plimsoll", "within"), rows, right=(2, 3))


def _sizes(measured: Measured) -> str:
    parts = []
    for testing in (False, True):
        rows = []
        for size in measured.sizes:
            if size.testing == testing:
                cells = [f"`{size.name}`"]
                for version in EVM_VERSIONS:
                    length = size.bytes[version]
                    cells.append(f"{length:,}")
                    if version == LIMITED:
                        cells.append(f"{MAX_RUNTIME_SIZE - length:,}")
                rows.append(cells)
        if rows:
            title = "for tests only" if testing else "contract"
            head = [title]
            for version in EVM_VERSIONS:
                head += [version, _ROOM] if version == LIMITED else [version]
            parts.append(_table(head, rows, right=range(1, len(head))))
    return "\n".join(parts)


def _explanation(found: Explanation) -> str:
    limit = found.row.limit
    told = f"{found.gas:,} gas"
    if limit is not None and found.row.traced is None:
        told += f", {_against(found.gas, limit)}"
    summary = ", ".join(f"{line.kind} {line.gas:,}" for line in found.kinds())
    rows = [(line.kind, line.what, f"{line.count:,}", f"{line.gas:,}") for line in found.lines]
    rows.append(("**all**", "", "", f"**{found.gas:,}**"))
    return "\n".join(
        (
            f"### {found.title}\n",
            _prose(f"{told}: {summary}. Execution is counted in instructions."),
            _table(("kind", "what", "times", "gas"), rows, right=(2, 3)),
        )
    )


# ------------------------------------------------------------------------------------ comparing


def compare(kept: str, made: str) -> list[str]:
    """Say what differs between the page that is kept and the one that was made, one line each.

    Figures come as row, column, old -> new, those of the explanations only when no other differs;
    text that differs otherwise as lines of a diff.
    """
    if kept == made:
        return []
    for explained in (False, True):
        old, new = _figures(kept, explained), _figures(made, explained)
        found = [
            f"{row} [{column}]: {old.get((row, column), 'nothing')} -> "
            f"{new.get((row, column), 'nothing')}"
            for row, column in {**old, **new}
            if old.get((row, column)) != new.get((row, column))
        ]
        if found:
            return found
    lines = difflib.unified_diff(kept.splitlines(), made.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _figures(text: str, explained: bool) -> dict[tuple[str, str], str]:
    """Return (row, column) -> cell for every number in the tables, or in the explanations' ones."""
    found: dict[tuple[str, str], str] = {}
    for heading, head, cells in _rows(text):
        if (head[0] == "kind") != explained:
            continue
        row = f"{heading}: {cells[0]} {cells[1]}" if explained else cells[0]
        for at, cell in enumerate(cells):
            column = f"{head[at - 1]}, {head[at]}" if head[at] == _ROOM else head[at]
            if _NUMBER.match(cell):
                found[row.strip(), column] = cell.strip("*")
    return found


def _rows(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield heading, head and cells of every row of every table."""
    heading, head = "", list[str]()
    for line in text.splitlines():
        if told := _HEADING.match(line):
            heading = told[1]
        if not line.startswith("|"):
            head = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not head:
            head = cells
        elif not cells[0].startswith("---") and len(cells) == len(head):
            yield heading, head, cells


# ----------------------------------------------------------------------------------------- JSON


def to_json(measured: Measured) -> dict[str, Any]:
    """Return everything measured as plain JSON."""
    return {
        "rows": {
            row.key: {
                "title": row.title,
                "gas": measured.gas[row.key],
                "limit": row.limit,
                "within": row.limit is None or measured.gas[row.key] <= row.limit,
            }
            for row in ROWS.values()
            if not row.key.startswith("_")
        },
        "further_market": differences(ROWS["further_market"], measured.gas),
        "sizes": {
            size.name: {
                "testing": size.testing,
                **{
                    version: {"bytes": length}
                    | ({"room": MAX_RUNTIME_SIZE - length} if version == LIMITED else {})
                    for version, length in size.bytes.items()
                },
            }
            for size in measured.sizes
        },
        "exceeded": measured.exceeded(),
    }
