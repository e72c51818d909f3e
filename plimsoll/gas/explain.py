"""Where the gas of a row goes, line by line: what a trace of it on Anvil says.

The lines add up to the receipt's gas, or RowError is raised. (pyrevm can trace too, but takes 4 ms
a step, because it prints through Python.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from plimsoll.gas.backend import AnvilBackend, Call
from plimsoll.gas.errors import RowError
from plimsoll.gas.measure import Say, differences, measure_rows
from plimsoll.gas.node import anvil
from plimsoll.gas.rows import ACCOUNTS_TRACED, Row, find_row
from plimsoll.gas.stage import Stage
from plimsoll.gas.words import Words

#: one step of debug_traceTransaction
Step = dict[str, Any]

BASE = 21_000
_ZERO, _NONZERO = 4, 16
_COLD_SLOT, _WARM, _COLD_ACCOUNT = 2_100, 100, 2_600
_CALLS = ("CALL", "STATICCALL", "DELEGATECALL", "CALLCODE")
_LOOKS = ("EXTCODESIZE", "EXTCODEHASH", "EXTCODECOPY", "BALANCE")
_PRECOMPILES = {1: "ecrecover", 2: "sha256", 3: "ripemd160", 4: "identity"}
_REFUND_SHARE = 5

#: the kinds of lines, in the order they are printed
KINDS = (
    "transaction",
    "cold accounts",
    "cold slots",
    "warm slots",
    "writes",
    "logs",
    "precompiles",
    "execution",
    "refund",
)


@dataclass(frozen=True)
class Line:
    """One line: `count` times something of a kind, for `gas` together (a refund is negative)."""

    kind: str
    what: str
    count: int
    gas: int


@dataclass(frozen=True)
class Explanation:
    """A row's lines; they add up to `gas`."""

    row: Row
    title: str
    gas: int
    lines: list[Line]

    def kinds(self) -> list[Line]:
        """Return the sum of each kind."""
        return [
            Line(kind, "", sum(n.count for n in lines), sum(n.gas for n in lines))
            for kind in KINDS
            if (lines := [line for line in self.lines if line.kind == kind])
        ]


class _Ledger:
    """Counts gas by kind and by what it was for."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], list[int]] = {}

    def add(self, kind: str, what: str, gas: int, count: int = 1) -> None:
        """Count some gas."""
        kept = self._kept.setdefault((kind, what), [0, 0])
        kept[0] += count
        kept[1] += gas

    def lines(self) -> list[Line]:
        """Return the lines: by kind, the dearest first."""
        found = [Line(kind, what, *kept) for (kind, what), kept in self._kept.items() if any(kept)]
        return sorted(found, key=lambda line: (KINDS.index(line.kind), -line.gas))


def explain(keys: Iterable[str], say: Say | None = None) -> list[Explanation]:
    """Say where the gas of rows goes; of a row of differences, where the dearest one does.

    Raises RowError for an unknown row, NodeError when there is no Anvil.
    """
    rows = [find_row(key) for key in keys]
    if not rows:
        return []
    with anvil(tracing=True) as rpc:
        backend = AnvilBackend(rpc)
        stage = Stage(backend)
        found = []
        for row in rows:
            if say is not None:
                say(f"where the gas of {row.key} goes")
            found.append(_explain(stage, backend, row))
        return found


def _explain(stage: Stage, backend: AnvilBackend, row: Row) -> Explanation:
    if not row.steps:
        gas, lines = _trace(stage, backend, row)
        title = row.title
        if row.traced is not None:
            title += f" (here {ACCOUNTS_TRACED} accounts only)"
        return Explanation(row, title, gas, lines)
    found = differences(row, measure_rows(stage, row.steps))
    at = found.index(max(found))
    before, after = (find_row(step) for step in row.steps[at : at + 2])
    ledger = _Ledger()
    for step, sign in ((after, 1), (before, -1)):
        for line in _trace(stage, backend, step)[1]:
            ledger.add(line.kind, line.what, sign * line.gas, sign * line.count)
    title = f"{row.title}: what {after.title!r} costs more than {before.title!r}"
    return Explanation(row, title, found[at], ledger.lines())


def _trace(stage: Stage, backend: AnvilBackend, row: Row) -> tuple[int, list[Line]]:
    prepare = row.traced or row.prepare
    if prepare is None:
        raise AssertionError("a row of differences is not run")
    with stage.undone():
        call = prepare(stage)
        words = Words(stage, call)
        gas, steps = backend.steps(call)
    return gas, read_steps(call, steps, words, gas)


def read_steps(call: Call, steps: Sequence[Step], words: Words, gas: int) -> list[Line]:
    """Return the lines of a transaction. Raises RowError when they do not add up to `gas`."""
    ledger = _Ledger()
    data = call.calldata()
    zeros = data.count(0)
    ledger.add("transaction", "base", BASE)
    what = f"calldata, {len(data)} bytes, {zeros} of them zero"
    ledger.add("transaction", what, _ZERO * zeros + _NONZERO * (len(data) - zeros))
    _Reader(call.method.contract.address, steps, words, ledger).read()
    spent = sum(line.gas for line in ledger.lines())
    refund = min(int(steps[-1].get("refund", 0)), spent // _REFUND_SHARE)
    ledger.add("refund", "for slots that were cleared", -refund, int(refund > 0))
    if spent - refund != gas:
        raise RowError(
            f"the lines of {call.method} add up to {spent - refund}, the receipt says {gas}: "
            "plimsoll/gas/explain.py misses an instruction; the table itself is right"
        )
    return ledger.lines()


@dataclass(frozen=True)
class _Frame:
    """A call that is running: whose code, and whose storage."""

    code: str
    storage: str


class _Reader:
    """Goes through a trace and puts every step's gas into a ledger."""

    def __init__(self, to: str, steps: Sequence[Step], words: Words, ledger: _Ledger) -> None:
        self._words = words
        self._steps = steps
        self._ledger = ledger
        self._gas = [int(step["gas"]) for step in steps]
        self._cost = [int(step["gasCost"]) for step in steps]
        self._frames = [_Frame(to, to)]
        self._reached = {to}

    def read(self) -> None:
        """Read all of it."""
        after = self._next_at_same_depth()
        for at, step in enumerate(self._steps):
            del self._frames[step["depth"] :]
            operation = step["op"]
            if operation in _CALLS:
                self._call(at, step, after[at])
            elif operation == "SLOAD":
                self._load(step, self._cost[at])
            elif operation == "SSTORE":
                self._store(step, self._cost[at])
            elif operation in _LOOKS and self._cost[at] == _COLD_ACCOUNT:
                self._look(step)
            elif operation.startswith("LOG"):
                self._log(step, self._cost[at])
            else:
                self._execution(self._cost[at])

    def _next_at_same_depth(self) -> list[int | None]:
        found: list[int | None] = [None] * len(self._steps)
        latest: dict[int, int] = {}
        for at in range(len(self._steps) - 1, -1, -1):
            depth = self._steps[at]["depth"]
            latest = {known: where for known, where in latest.items() if known <= depth}
            found[at] = latest.get(depth)
            latest[depth] = at
        return found

    def _execution(self, gas: int) -> None:
        self._ledger.add("execution", self._words.contract(self._frames[-1].code), gas)

    def _look(self, step: Step) -> None:
        target = _address(step["stack"][-1])
        self._reached.add(target)
        self._ledger.add("cold accounts", self._words.contract(target), _COLD_ACCOUNT)

    def _call(self, at: int, step: Step, after: int | None) -> None:
        if after is None:
            raise RowError("a call that nothing follows: the row's transaction reverted")
        number = int(step["stack"][-2], 16)
        target = _address(step["stack"][-2])
        own = self._gas[at] - self._gas[after]
        if self._steps[at + 1]["depth"] > step["depth"]:
            own -= self._gas[at + 1] - (self._gas[after - 1] - self._cost[after - 1])
            here = self._frames[-1]
            kept = here.storage if step["op"] == "DELEGATECALL" else target
            self._frames.append(_Frame(target, kept))
        elif number in _PRECOMPILES:
            self._ledger.add("precompiles", _PRECOMPILES[number], own - _WARM)
            own = _WARM
        if target not in self._reached and number not in _PRECOMPILES:
            self._reached.add(target)
            self._ledger.add("cold accounts", self._words.contract(target), _COLD_ACCOUNT)
            own -= _COLD_ACCOUNT
        # what is left is the price of a warm call and of memory for what comes back
        caller = self._frames[step["depth"] - 1]
        self._ledger.add("execution", self._words.contract(caller.code), own)

    def _name(self, slot: str) -> str:
        where = self._frames[-1].storage
        return f"{self._words.contract(where)}: {self._words.word(where, int(slot, 16))}"

    def _load(self, step: Step, gas: int) -> None:
        kind = "cold slots" if gas == _COLD_SLOT else "warm slots"
        self._ledger.add(kind, self._name(step["stack"][-1]), gas)

    def _store(self, step: Step, gas: int) -> None:
        name = self._name(step["stack"][-1])
        if gas in (22_100, 5_000, 2_200):  # not read before it is written
            self._ledger.add("cold slots", name, _COLD_SLOT)
            gas -= _COLD_SLOT
        told = {20_000: "new", 2_900: "changed"}.get(gas, "again")
        self._ledger.add("writes", f"{name} ({told})", gas)

    def _log(self, step: Step, gas: int) -> None:
        name = "LOG0"
        if step["op"] != name:
            name = self._words.event(int(step["stack"][-3], 16))
        self._ledger.add("logs", name, gas)


def _address(word: str) -> str:
    return str(to_checksum_address((int(word, 16) % 2**160).to_bytes(20, "big")))
