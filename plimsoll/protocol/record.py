"""What a deployment has done so far: `deployments/<network>.json`.

The file is written whole after every step (a temporary file beside it, then one rename), so that
whatever interrupts a deployment leaves a record that the next run continues from.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.protocol.backend import Backend
from plimsoll.protocol.errors import RecordError

_VERSION = 1


@dataclass
class Deployed:
    """A contract of the deployment. `code_hash` is keccak of the artifact's runtime."""

    address: str
    artifact: str
    code_hash: str
    txn_hash: str
    block: int


@dataclass
class Done:
    """A call of the deployment; `txn_hash` is empty when the chain already was as wanted."""

    txn_hash: str
    block: int


@dataclass
class Pending:
    """A contract that is being created: where it will stand."""

    step: str
    address: str


@dataclass
class Record:
    """A deployment on one chain. `path` is None for one that is kept in memory only."""

    network: str
    chain_id: int
    genesis: str
    deployer: str
    evm_version: str
    #: the plan in the contracts' integers, see `Plan.resolved`
    plan: dict[str, Any]
    #: human keys, such as "engine" or "feed BTC"
    contracts: dict[str, Deployed] = field(default_factory=dict)
    steps: dict[str, Done] = field(default_factory=dict)
    pending: Pending | None = None
    complete: bool = False
    path: Path | None = field(default=None, compare=False)

    @classmethod
    def load(cls, path: Path | str) -> Record:
        """Read a record. Raises RecordError when it is missing or not one."""
        path = Path(path)
        try:
            data = json.loads(path.read_text())
        except FileNotFoundError:
            raise RecordError(
                f"there is no record {path}; deploy first: `ape run deploy --network ...`"
            ) from None
        except (OSError, ValueError) as error:
            raise RecordError(_unreadable(path, str(error))) from None
        try:
            return cls._from(data, path)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordError(_unreadable(path, f"{type(error).__name__}: {error}")) from None

    @classmethod
    def _from(cls, data: Any, path: Path) -> Record:
        if data["version"] != _VERSION:
            raise ValueError(f"version {data['version']!r} is not {_VERSION}")
        pending = data["pending"]
        record = cls(
            network=str(data["network"]),
            chain_id=int(data["chain_id"]),
            genesis=str(data["genesis"]),
            deployer=str(data["deployer"]),
            evm_version=str(data["evm_version"]),
            plan=dict(data["plan"]),
            contracts={name: Deployed(**kept) for name, kept in data["contracts"].items()},
            steps={name: Done(**kept) for name, kept in data["steps"].items()},
            pending=None if pending is None else Pending(**pending),
            complete=data["complete"] is True,
            path=path,
        )
        for name, contract in record.contracts.items():
            int(contract.address, 16)
            if len(contract.address) != 42:
                raise ValueError(f"the address of {name} is none")
        return record

    def save(self) -> None:
        """Write the record, all or nothing."""
        if self.path is None:
            return
        data = {"version": _VERSION, **asdict(self)}
        del data["path"]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}-")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(data, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o644)
            os.replace(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise

    def address(self, key: str) -> str | None:
        """Return a contract's address; a token that was there before is the plan's.

        Keys of collateral tokens are "collateral <name>".
        """
        if key in self.contracts:
            return self.contracts[key].address
        planned: Any = None
        if key == "token":
            planned = self.plan["token"]
        elif key.startswith("collateral "):
            planned = self.plan["collateral"].get(key.removeprefix("collateral "), {}).get("token")
        return planned if isinstance(planned, str) else None

    def check_chain(self, backend: Backend) -> None:
        """Raise RecordError unless every contract of the record stands on this chain."""
        name = self.path or "the record"
        if self.chain_id != backend.chain_id:
            raise RecordError(
                f"{name} is of chain {self.chain_id}, but {backend.network} is chain "
                f"{backend.chain_id}: choose the right --network, or another record"
            )
        if self.genesis != backend.genesis:
            raise RecordError(
                f"{name} is of another chain with the id {self.chain_id} (genesis "
                f"{self.genesis[:18]}, here it is {backend.genesis[:18]}); a local node starts a "
                "new chain each time. Delete the record, or pass --fresh to start anew"
            )
        if self.evm_version != backend.evm_version:
            raise RecordError(
                f"{name} was deployed for {self.evm_version}, this run compiles for "
                f"{backend.evm_version}: use the same version, or another record"
            )
        for key, contract in self.contracts.items():
            if not backend.code(contract.address):
                raise RecordError(
                    f"{name} names {contract.address} as {key}, but there is no code on "
                    f"{backend.network}: the record is of another chain, or was edited. Take the "
                    "right one, or delete it (or pass --fresh) to deploy anew"
                )

    def check_plan(self, plan: Mapping[str, Any]) -> None:
        """Raise RecordError unless the record was made with the same resolved plan."""
        changed = list(_changed(self.plan, json.loads(json.dumps(plan))))
        if changed:
            raise RecordError(
                f"{self.path or 'the record'} was made with another plan; these differ: "
                f"{', '.join(changed)}. Put the plan back, or deploy anew with another record; "
                "what is deployed is changed by its owner, not by deploying again"
            )

    def check_deployer(self, address: str) -> None:
        """Raise RecordError unless the same account continues an unfinished deployment."""
        if not self.complete and self.deployer != address:
            raise RecordError(
                f"{self.path or 'the record'} was begun by {self.deployer}, which owns what is "
                f"deployed so far; continue with that account, not with {address}"
            )


def _unreadable(path: Path, trouble: str) -> str:
    return (
        f"{path} is no deployment record ({trouble}); restore it from a copy, or delete it to "
        "deploy anew"
    )


def _changed(old: Any, new: Any, where: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _changed(old.get(key), new.get(key), f"{where}.{key}" if where else key)
    elif old != new:
        yield where
