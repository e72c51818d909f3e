"""Run the rows and gather the bytecode sizes: everything docs/gas.md is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from plimsoll.evm.artifacts import MAX_RUNTIME_SIZE, load_all, roots
from plimsoll.gas.backend import AnvilBackend
from plimsoll.gas.node import anvil, find_anvil
from plimsoll.gas.rows import ROWS, Row, find_row
from plimsoll.gas.stage import Stage

#: what the contracts are compiled for: the chain's rules here, and those that Ganache knows
EVM_VERSIONS = ("cancun", "shanghai")
#: what is deployed where code has a limit; the other build runs on local nodes that lift it
LIMITED = "cancun"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """The runtime of a root in bytes, by EVM version. `testing`: it is no part of the protocol."""

    name: str
    testing: bool
    bytes: dict[str, int]


@dataclass(frozen=True)
class Measured:
    """Row key -> gas, and the sizes. Keys that begin with "_" are steps of other rows."""

    gas: dict[str, int]
    sizes: list[Size] = field(default_factory=list)

    def exceeded(self) -> list[str]:
        """Say what is above its limit, one line each."""
        over = [
            f"{row.title}: {self.gas[row.key]:,} gas, the limit is {row.limit:,}"
            for row in ROWS.values()
            if row.limit is not None and self.gas.get(row.key, 0) > row.limit
        ]
        over += [
            f"{size.name}: {size.bytes[LIMITED]:,} bytes, the limit is {MAX_RUNTIME_SIZE:,}"
            for size in self.sizes
            if size.bytes[LIMITED] > MAX_RUNTIME_SIZE
        ]
        return over

    def above(self) -> list[Row]:
        """Return the rows whose gas is above their limit."""
        return [
            row
            for row in ROWS.values()
            if row.limit is not None and self.gas.get(row.key, 0) > row.limit
        ]


def measure_rows(
    stage: Stage, keys: Iterable[str] | None = None, say: Say | None = None
) -> dict[str, int]:
    """Return the gas of the rows (default: all), each measured on the stage as it was built.

    Raises Refused or a GasError when a row's preparation does not lead to its transaction.
    """
    wanted = [find_row(key) for key in (ROWS if keys is None else keys)]
    needed = dict.fromkeys(key for row in wanted for key in (row.steps or (row.key,)))
    gas: dict[str, int] = {}
    for number, row in enumerate(map(find_row, needed), 1):
        if say is not None:
            say(f"{row.title} ({number} of {len(needed)})")
        gas[row.key] = _measure(stage, row)
    for row in wanted:
        if row.steps:
            gas[row.key] = max(differences(row, gas))
    return gas


def _measure(stage: Stage, row: Row) -> int:
    if row.prepare is None:
        raise AssertionError("a row of differences is not run")
    with stage.undone():
        return stage.backend.gas_of(row.prepare(stage))


def differences(row: Row, gas: dict[str, int]) -> list[int]:
    """Return what each step of a row costs more than the one before it."""
    return [gas[after] - gas[before] for before, after in pairwise(row.steps)]


def sizes() -> list[Size]:
    """Return the sizes of all roots, those of the protocol first. Compiles what is missing."""
    compiled = {version: load_all(version) for version in EVM_VERSIONS}
    found = [
        Size(
            name,
            testing=path.parent.name == "testing",
            bytes={version: compiled[version][name].runtime_size for version in EVM_VERSIONS},
        )
        for name, path in roots().items()
    ]
    return sorted(found, key=lambda size: (size.testing, size.name))


def measure(say: Say | None = None) -> Measured:
    """Measure everything on an Anvil of one's own.

    Raises NodeError when there is none, ArtifactError when a contract does not compile.
    """
    find_anvil()  # before anything is compiled
    if say is not None:
        say("compiling")
    found = sizes()
    with anvil() as rpc:
        if say is not None:
            say("deploying")
        return Measured(measure_rows(Stage(AnvilBackend(rpc)), say=say), found)
