"""Operations of the timelock: encoded by name from the address book, scheduled, found again.

What was scheduled is read from the timelock's own events, so that whoever executes or cancels needs
nothing but the operation's id. Amounts and times are the contracts' integers and seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak

from plimsoll.evm.handle import AbiError, address_of
from plimsoll.protocol.client import KINDS, Plimsoll
from plimsoll.protocol.contract import Contract, Log, Method, Receipt
from plimsoll.protocol.errors import ProtocolError

#: bytes of calldata that the timelock takes
PAYLOAD_MAX = 1_024
_NOTHING = bytes(32)
_EVENTS = ("CallScheduled", "CallSalt")

Logs = Callable[[], Iterable[Log]]


class GovernanceError(ProtocolError):
    """An operation cannot be made, found or sent. The message says what to do."""


class State(enum.Enum):
    """Where an operation stands; the values are the timelock's, but for CANCELLED."""

    UNKNOWN = 1
    WAITING = 2
    READY = 4
    DONE = 8
    CANCELLED = 0


@dataclass(frozen=True)
class Call:
    """One call of an operation. `amount` is wei that go with it."""

    target: str
    payload: bytes
    amount: int = 0


@dataclass(frozen=True)
class Operation:
    """What the timelock is to do: one call, or several at once; `batch` is how it was hashed."""

    calls: tuple[Call, ...]
    predecessor: bytes = _NOTHING
    salt: bytes = _NOTHING
    batch: bool = False

    @property
    def id(self) -> bytes:
        """The timelock's `hash_operation` or `hash_operation_batch`."""
        rest = (self.predecessor, self.salt)
        if self.batch:
            columns = (
                [call.target for call in self.calls],
                [call.amount for call in self.calls],
                [call.payload for call in self.calls],
            )
            kinds = ["address[]", "uint256[]", "bytes[]", "bytes32", "bytes32"]
            return bytes(keccak(abi_encode(kinds, [*columns, *rest])))
        call = self.calls[0]
        kinds = ["address", "uint256", "bytes", "bytes32", "bytes32"]
        return bytes(keccak(abi_encode(kinds, [call.target, call.amount, call.payload, *rest])))


@dataclass(frozen=True)
class Scheduled:
    """An operation on the chain. `due` is when it can be executed, seconds since 1970; 0 when it
    is done, cancelled or was never scheduled."""

    operation: Operation
    state: State
    due: int

    @property
    def id(self) -> str:
        """The operation's id in hex."""
        return "0x" + self.operation.id.hex()


class Governor:
    """The timelock of a deployment."""

    def __init__(self, plimsoll: Plimsoll, logs: Logs | None = None) -> None:
        """`logs` gives the timelock's events so far (`log_fetch`); by default those of the
        operations that this object sent. Raises GovernanceError where there is no timelock."""
        if plimsoll.timelock is None:
            raise GovernanceError(
                "this deployment has no timelock: its plan has no governance, and the deployer "
                "owns everything; call the contracts as the deployer"
            )
        self.plimsoll = plimsoll
        self.timelock: Contract = plimsoll.timelock
        self._journal: list[Log] = []
        self._logs: Logs = (lambda: self._journal) if logs is None else logs

    # -- making operations -------------------------------------------------------------------------

    def operation(
        self,
        contract: str,
        function: str,
        args: Sequence[Any],
        *,
        salt: bytes = _NOTHING,
        predecessor: bytes = _NOTHING,
    ) -> Operation:
        """Return the operation that calls a function of a contract of the address book.

        Raises GovernanceError when there is no such function or the arguments do not fit.
        """
        method = self.method(contract, function)
        try:
            payload = method.encode(*args)
        except AbiError as error:
            raise GovernanceError(
                f"{contract}.{function} does not take these arguments: {error}. It takes "
                f"{signature_of(method)}"
            ) from None
        if len(payload) > PAYLOAD_MAX:
            raise GovernanceError(
                f"{contract}.{function} takes {len(payload)} bytes of calldata, and the timelock "
                f"holds {PAYLOAD_MAX}; use a function that changes less at once"
            )
        call = Call(method.contract.address, payload)
        return Operation((call,), predecessor=predecessor, salt=salt)

    def method(self, contract: str, function: str) -> Method:
        """Return a state-changing function by its names. Raises GovernanceError."""
        found = getattr(self.plimsoll, contract, None) if contract in KINDS else None
        if not isinstance(found, Contract):
            raise GovernanceError(
                f"there is no contract {contract!r}; there are {', '.join(KINDS)}"
            )
        known = sorted(name for name, method in found.methods.items() if method.mutable)
        if function not in known:
            raise GovernanceError(
                f"{contract} has no function {function!r} that changes anything; it has "
                f"{', '.join(known)}"
            )
        return found.methods[function]

    # -- sending -----------------------------------------------------------------------------------

    def schedule(self, operation: Operation, *, sender: Any, delay: int | None = None) -> Receipt:
        """Schedule an operation; `delay` is the timelock's when left out. Raises GovernanceError
        or Refused."""
        self._require_role("PROPOSER_ROLE", sender, "schedule")
        least = int(self.timelock.get_minimum_delay())
        if delay is not None and delay < least:
            raise GovernanceError(f"a delay of {delay} s is below the timelock's {least} s")
        if self.state(operation) is not State.UNKNOWN:
            raise GovernanceError(
                f"the operation 0x{operation.id.hex()} was scheduled before and is "
                f"{self.state(operation).name.lower()}; give it another salt to do it again"
            )
        wait = least if delay is None else delay
        if operation.batch:
            sent = self.timelock.schedule_batch(*_arguments(operation), wait, sender=sender)
        else:
            sent = self.timelock.schedule(*_arguments(operation), wait, sender=sender)
        self._journal += [log for log in sent.logs if log.name in _EVENTS]
        return _receipt(sent)

    def execute(self, operation: Operation, *, sender: Any) -> Receipt:
        """Make an operation's calls. Raises GovernanceError or, with the called contract's reason,
        Refused."""
        if not self.timelock.hasRole(self.timelock.EXECUTOR_ROLE(), "0x" + "00" * 20):
            self._require_role("EXECUTOR_ROLE", sender, "execute")
        state = self.state(operation)
        if state is State.WAITING:
            due, now = self.due(operation), self.plimsoll.backend.now()
            raise GovernanceError(
                f"the operation is due at {due}, in {due - now} s; execute it then"
            )
        if state is not State.READY:
            raise GovernanceError(
                f"the operation is {state.name.lower()}; only one that is scheduled and due can be "
                "executed (`plimsoll governance list`)"
            )
        if operation.batch:
            return _receipt(self.timelock.execute_batch(*_arguments(operation), sender=sender))
        return _receipt(self.timelock.execute(*_arguments(operation), sender=sender))

    def cancel(self, operation: Operation, *, sender: Any) -> Receipt:
        """Take an operation back that is not done. Raises GovernanceError or Refused."""
        self._require_role("CANCELLER_ROLE", sender, "cancel")
        state = self.state(operation)
        if state not in (State.WAITING, State.READY):
            raise GovernanceError(
                f"the operation is {state.name.lower()}; only one that is scheduled and not yet "
                "executed can be cancelled"
            )
        return _receipt(self.timelock.cancel(operation.id, sender=sender))

    def _require_role(self, role: str, sender: Any, what: str) -> None:
        who = address_of(sender)
        if not self.timelock.hasRole(self.timelock.methods[role](), who):
            raise GovernanceError(
                f"{who} may not {what}: it has no {role} in the timelock; send from an account "
                "that has (the plan's governance names them)"
            )

    # -- what there is -----------------------------------------------------------------------------

    def state(self, operation: Operation) -> State:
        """Return where an operation stands; one that was cancelled is UNKNOWN to the timelock."""
        return State(int(self.timelock.get_operation_state(operation.id)))

    def due(self, operation: Operation) -> int:
        """Return when a pending operation can be executed, seconds since 1970; else 0."""
        stamp = int(self.timelock.get_timestamp(operation.id))
        return stamp if stamp > State.UNKNOWN.value else 0

    def operations(self) -> list[Scheduled]:
        """Return everything that was ever scheduled, oldest first."""
        calls: dict[bytes, dict[int, Log]] = {}
        salts: dict[bytes, bytes] = {}
        for log in self._logs():
            if log.name == "CallScheduled":
                calls.setdefault(bytes(log["id"]), {})[int(log["index"])] = log
            elif log.name == "CallSalt":
                salts[bytes(log["id"])] = bytes(log["salt"])
        return [self._found(key, found, salts.get(key, _NOTHING)) for key, found in calls.items()]

    def _found(self, key: bytes, logs: dict[int, Log], salt: bytes) -> Scheduled:
        calls = tuple(
            Call(address_of(log["target"]), bytes(log["payload"]), int(log["amount"]))
            for _, log in sorted(logs.items())
        )
        before = bytes(logs[0]["predecessor"])
        operation = Operation(calls, before, salt)
        if operation.id != key:
            operation = Operation(calls, before, salt, batch=True)
        if operation.id != key:
            raise GovernanceError(f"the events of operation 0x{key.hex()} do not give its id")
        state = self.state(operation)
        if state is State.UNKNOWN:  # it was scheduled, so it was taken back
            state = State.CANCELLED
        return Scheduled(operation, state, self.due(operation))

    def find(self, text: str) -> Scheduled:
        """Return an operation by its id, or by the first digits of it. Raises GovernanceError."""
        wanted = text.lower().removeprefix("0x")
        found = [each for each in self.operations() if each.id[2:].startswith(wanted)]
        if len(found) != 1 or not wanted:
            raise GovernanceError(
                f"{len(found)} operations begin with {text}; see `plimsoll governance list`"
            )
        return found[0]

    def describe(self, call: Call) -> str:
        """Return a call as people write it: `engine.set_guardian(guardian=0x...)`."""
        for key in KINDS:
            contract = getattr(self.plimsoll, key)
            if contract is None or contract.address != call.target:
                continue
            for method in contract.methods.values():
                if method.function.selector == call.payload[:4]:
                    named = method.function.decode_args(call.payload)
                    told = ", ".join(f"{name}={_told(value)}" for name, value in named.items())
                    return f"{key}.{method.name}({told})"
        return f"{call.target} 0x{call.payload.hex()}"


def signature_of(method: Method) -> str:
    """Return a function's arguments with their types, structs field by field."""
    for entry in method.contract.abi:
        if entry.get("name") == method.name and entry["type"] == "function":
            return f"({', '.join(_typed(part) for part in entry['inputs'])})"
    raise AssertionError(f"{method} is not in its contract's ABI")


def _typed(part: dict[str, Any]) -> str:
    kind = part["type"]
    if kind.startswith("tuple"):
        inner = ", ".join(_typed(field) for field in part["components"])
        kind = f"{{{inner}}}{kind.removeprefix('tuple')}"
    return f"{part['name']}: {kind}"


def _told(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value)


def _arguments(operation: Operation) -> tuple[Any, ...]:
    if operation.batch:
        return (
            [call.target for call in operation.calls],
            [call.amount for call in operation.calls],
            [call.payload for call in operation.calls],
            operation.predecessor,
            operation.salt,
        )
    call = operation.calls[0]
    return (call.target, call.amount, call.payload, operation.predecessor, operation.salt)


def _receipt(receipt: Any) -> Receipt:
    if not isinstance(receipt, Receipt):
        raise TypeError("the ABI calls this a view; a transaction was expected")
    return receipt


def log_fetch(plimsoll: Plimsoll, span: int = 10_000) -> Logs:
    """Return what reads the timelock's events through ape's provider, `span` blocks a query."""
    backend: Any = plimsoll.backend
    timelock = plimsoll.timelock
    if timelock is None:
        raise GovernanceError("this deployment has no timelock")
    first = plimsoll.record.contracts["timelock"].block

    def fetch() -> Iterable[Log]:
        last = backend.block_number()
        for start in range(first, last + 1, span):
            query = {
                "address": timelock.address,
                "fromBlock": start,
                "toBlock": min(start + span - 1, last),
            }
            for raw in backend.logs(query):
                log = backend.decode_log(raw)
                if log is not None:
                    yield log

    return fetch
