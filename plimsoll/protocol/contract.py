"""Contracts, receipts and logs that look the same on both routes.

`contract.fn(*args)` reads a view; `contract.fn(*args, sender=account)` sends a transaction and
returns its `Receipt`; `contract.fn.call(*args, sender=account)` says what a transaction would
return. Structs come back as named tuples. A revert is `Refused` with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from plimsoll.evm import Function, Handle
from plimsoll.protocol.errors import BackendError

if TYPE_CHECKING:
    from plimsoll.protocol.backend import Backend


class Log(Mapping[str, Any]):
    """One event: its arguments by name, as items and as attributes; `name`, `address`."""

    __slots__ = ("address", "args", "name")

    def __init__(self, name: str, address: str, args: dict[str, Any]) -> None:
        self.name = name
        self.address = address
        self.args = args

    def __getitem__(self, key: str) -> Any:
        return self.args[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.args)

    def __len__(self) -> int:
        return len(self.args)

    def __getattr__(self, name: str) -> Any:
        """Return an argument of the event as an attribute."""
        if name in Log.__slots__ or name not in self.args:
            raise AttributeError(f"no argument {name!r} in this event")
        return self.args[name]

    def __repr__(self) -> str:
        told = ", ".join(f"{key}={value!r}" for key, value in self.args.items())
        return f"{self.name}({told})"


class Receipt:
    """What a transaction did.

    `value` is what the function returned, where the route knows it (in process), else None.
    """

    def __init__(
        self,
        *,
        txn_hash: str,
        gas_used: int,
        block: int,
        timestamp: int,
        decode: Callable[[], list[Log]],
        value: Any = None,
    ) -> None:
        """Made by a backend; `decode` gives the known logs, when somebody asks for them."""
        self.txn_hash = txn_hash
        self.gas_used = gas_used
        self.block = block
        self.timestamp = timestamp
        self.value = value
        self._decode = decode
        self._logs: list[Log] | None = None

    @property
    def logs(self) -> list[Log]:
        """The logs of events that a known ABI describes, in order, of all contracts."""
        if self._logs is None:
            self._logs = self._decode()
        return self._logs

    def events(self, name: str, address: str | None = None) -> list[Log]:
        """Return the logs of an event, of one contract when `address` is given."""
        return [e for e in self.logs if e.name == name and address in (None, e.address)]

    def event(self, name: str, address: str | None = None) -> Log:
        """Return the only log of an event. Raises BackendError when there is not exactly one."""
        found = self.events(name, address)
        if len(found) != 1:
            seen = ", ".join(e.name for e in self.logs) or "none"
            raise BackendError(
                f"{len(found)} events {name} where one is wanted; the logs are: {seen}"
            )
        return found[0]

    def __repr__(self) -> str:
        return f"Receipt({self.txn_hash}, gas_used={self.gas_used})"


class Method:
    """A function of a contract."""

    __slots__ = ("contract", "function", "mutable", "name")

    def __init__(self, contract: Contract, function: Function, *, mutable: bool) -> None:
        """Made by the contract."""
        self.contract = contract
        self.function = function
        self.name = function.name
        self.mutable = mutable

    def __call__(
        self, *args: Any, sender: Any = None, value: int = 0, gas: int | None = None
    ) -> Any:
        """Send a transaction and return its Receipt; of a view, return the value.

        A transaction without `sender` comes from the backend's default account. Raises Refused.
        """
        if self.mutable:
            return self.transact(*args, sender=sender, value=value, gas=gas)
        return self.call(*args, sender=sender)

    def transact(
        self, *args: Any, sender: Any = None, value: int = 0, gas: int | None = None
    ) -> Receipt:
        """Send a transaction, also to a view. Raises Refused."""
        backend = self.contract.backend
        return backend.transact(self, args, sender=sender, value=value, gas=gas)

    def call(self, *args: Any, sender: Any = None) -> Any:
        """Return what the function would return, and change nothing. Raises Refused."""
        return self.contract.backend.call(self, args, sender=sender)

    def encode(self, *args: Any) -> bytes:
        """Return the calldata."""
        return self.function.encode(*args)

    def __repr__(self) -> str:
        return f"<{self.contract.label}.{self.name}>"


class Contract:
    """A contract at an address, on either route.

    `handle` has its ABI and codecs; in process it is the chain's own handle. `deployed` is the
    receipt of its creation, when this process made it.
    """

    def __init__(self, backend: Backend, handle: Handle) -> None:
        """Made by the backend: see `Backend.at` and `Backend.deploy`."""
        self.backend = backend
        self.handle = handle
        self.address = handle.address
        self.label = handle.label
        self.deployed: Receipt | None = None
        views = {
            entry["name"]
            for entry in handle.abi
            if entry["type"] == "function" and entry["stateMutability"] in ("view", "pure")
        }
        self.methods = {
            name: Method(self, function, mutable=name not in views)
            for name, function in handle.functions.items()
        }
        self.__dict__.update({n: m for n, m in self.methods.items() if n not in self.__dict__})

    @property
    def abi(self) -> list[dict[str, Any]]:
        """The ABI: the engine's is that of all its code contracts."""
        return self.handle.abi

    def __getattr__(self, name: str) -> Method:
        known = ", ".join(sorted(self.__dict__.get("methods", {}))) or "none"
        raise AttributeError(
            f"{self.__dict__.get('label')} has no function {name!r}; it has {known}"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contract) and (other.address, other.backend) == (
            self.address,
            self.backend,
        )

    def __hash__(self) -> int:
        return hash(self.address)

    def __repr__(self) -> str:
        return f"<{self.label} at {self.address}>"
