"""`plimsoll governance`: owner's calls through the timelock, from one command line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from plimsoll.console import (
    account_option,
    connected,
    deployment_option,
    dry_run_option,
    network_option,
    node_option,
    together,
    when,
)
from plimsoll.governance.timelock import (
    GovernanceError,
    Governor,
    Operation,
    Scheduled,
    State,
    log_fetch,
    signature_of,
)
from plimsoll.protocol import BackendError, Plimsoll, Refused
from plimsoll.protocol.addresses import checked_address
from plimsoll.protocol.client import KINDS

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_reads = together(network_option, node_option, deployment_option, _json)
_sends = together(_reads, account_option(1), dry_run_option)


@click.group(name="governance")
def main() -> None:
    """Owner's calls: schedule them in the timelock, wait, execute them.

    The owner of engine, risk model, oracle and vault is the timelock. Proposers schedule and
    cancel, executors execute what is due; every operation has an id.
    """


@main.command(name="schedule")
@click.argument("contract")
@click.argument("function")
@click.argument("args", nargs=-1)
@click.option("--delay", type=click.IntRange(min=0), help="Seconds; default: the timelock's least.")
@click.option("--salt", type=int, default=0, help="Another number for doing the same call again.")
@click.option("--after", metavar="ID", help="Operation that has to be executed before.")
@_sends
def schedule_command(
    contract: str,
    function: str,
    args: tuple[str, ...],
    delay: int | None,
    salt: int,
    after: str | None,
    **where: Any,
) -> None:
    """Schedule CONTRACT.FUNCTION(ARGS).

    CONTRACT is a name of the address book (engine, risk, oracle, fund, timelock, ...). Numbers are
    the contracts' integers, `_` between digits is allowed; structs and lists are JSON; an address
    may be a name of the address book. Write `--` before a negative number.
    """
    with _connected(where) as (governor, sender):
        schedule(governor, sender, contract, function, args, delay, salt, after, where)


@main.command(name="execute")
@click.argument("operation")
@_sends
def execute_command(operation: str, **where: Any) -> None:
    """Execute the operation with this id (its first digits do), once it is due."""
    with _connected(where) as (governor, sender):
        act(governor, sender, operation, "execute", where)


@main.command(name="cancel")
@click.argument("operation")
@_sends
def cancel_command(operation: str, **where: Any) -> None:
    """Cancel the operation with this id (its first digits do)."""
    with _connected(where) as (governor, sender):
        act(governor, sender, operation, "cancel", where)


@main.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Done and cancelled ones too.")
@_reads
def list_command(everything: bool, **where: Any) -> None:
    """List what is scheduled: id, when it can be executed, and its calls."""
    with _connected(where) as (governor, _):
        show(governor, everything, as_json=where["as_json"])


@contextlib.contextmanager
def _connected(where: Mapping[str, Any]) -> Iterator[tuple[Governor, Any]]:
    """Connect; refusals become one message."""
    with connected(where) as (plimsoll, sender):
        yield Governor(plimsoll, log_fetch(plimsoll)), sender


# ------------------------------------------------------------------------------- what they do


def schedule(
    governor: Governor,
    sender: Any,
    contract: str,
    function: str,
    texts: Sequence[str],
    delay: int | None,
    salt: int,
    after: str | None,
    where: Mapping[str, Any],
) -> None:
    """Schedule a call and print its id. Raises GovernanceError or Refused."""
    before = bytes(32) if after is None else governor.find(after).operation.id
    operation = governor.operation(
        contract,
        function,
        arguments(governor, contract, function, texts),
        salt=salt.to_bytes(32, "big", signed=True),
        predecessor=before,
    )
    _warn(governor, operation)
    if not where["dry_run"]:
        governor.schedule(operation, sender=sender, delay=delay)
    _print(governor, _now(governor, operation), "scheduled", where)


def act(governor: Governor, sender: Any, text: str, what: str, where: Mapping[str, Any]) -> None:
    """Execute or cancel an operation and print it. Raises GovernanceError or Refused."""
    operation = governor.find(text).operation
    if not where["dry_run"]:
        send = {"execute": governor.execute, "cancel": governor.cancel}[what]
        send(operation, sender=sender)
    told = {"execute": "executed", "cancel": "cancelled"}[what]
    _print(governor, governor.find(text), told, where)


def show(governor: Governor, everything: bool, *, as_json: bool) -> None:
    """Print what is scheduled."""
    pending = (State.WAITING, State.READY)
    found = [each for each in governor.operations() if everything or each.state in pending]
    if as_json:
        click.echo(json.dumps([_data(governor, each) for each in found], indent=2))
        return
    if not found:
        click.echo("nothing is scheduled")
        return
    # an id is to be copied: no table, which would break it
    for each in found:
        due = f", due {when(each.due)}" if each.due else ""
        click.echo(f"{each.id}  {each.state.name.lower()}{due}")
        for call in each.operation.calls:
            click.echo(f"    {governor.describe(call)}")


def _now(governor: Governor, operation: Operation) -> Scheduled:
    return Scheduled(operation, governor.state(operation), governor.due(operation))


def _warn(governor: Governor, operation: Operation) -> None:
    """Say on stderr when the call would be refused now; it may still be right when it is due."""
    for call in operation.calls:
        for key in KINDS:
            contract = getattr(governor.plimsoll, key)
            if contract is None or contract.address != call.target:
                continue
            for method in contract.methods.values():
                if method.function.selector == call.payload[:4]:
                    values = method.function.decode_args(call.payload).values()
                    # a chain that lets no contract call from outside cannot tell
                    with contextlib.suppress(BackendError):
                        try:
                            method.call(*values, sender=governor.timelock.address)
                        except Refused as refused:
                            click.echo(f"at present it would be refused: {refused}", err=True)


def _print(governor: Governor, scheduled: Scheduled, what: str, where: Mapping[str, Any]) -> None:
    if where["as_json"]:
        data = {"sent": not where["dry_run"], **_data(governor, scheduled)}
        click.echo(json.dumps(data, indent=2))
        return
    for call in scheduled.operation.calls:
        click.echo(governor.describe(call))
    click.echo(f"id    {scheduled.id}")
    if scheduled.due:
        click.echo(f"due   {when(scheduled.due)}")
    click.echo("nothing was sent" if where["dry_run"] else what)


def _data(governor: Governor, scheduled: Scheduled) -> dict[str, Any]:
    return {
        "id": scheduled.id,
        "state": scheduled.state.name.lower(),
        "due": scheduled.due,
        "predecessor": "0x" + scheduled.operation.predecessor.hex(),
        "salt": "0x" + scheduled.operation.salt.hex(),
        "calls": [
            {
                "target": call.target,
                "amount": call.amount,
                "payload": "0x" + call.payload.hex(),
                "text": governor.describe(call),
            }
            for call in scheduled.operation.calls
        ],
    }


# ---------------------------------------------------------------------------------- arguments


def arguments(governor: Governor, contract: str, function: str, texts: Sequence[str]) -> list[Any]:
    """Return a function's arguments as people write them, as values of its types.

    Raises GovernanceError that names the argument.
    """
    method = governor.method(contract, function)
    entries = [
        entry
        for entry in method.contract.abi
        if entry.get("name") == function and entry["type"] == "function"
    ]
    for entry in entries:
        if len(entry["inputs"]) == len(texts):
            return [
                _value(governor.plimsoll, part, text, part["name"])
                for part, text in zip(entry["inputs"], texts, strict=True)
            ]
    raise GovernanceError(
        f"{contract}.{function} does not take {len(texts)} arguments; it takes "
        f"{signature_of(method)}"
    )


def _value(plimsoll: Plimsoll, part: Mapping[str, Any], given: Any, where: str) -> Any:
    kind = part["type"]
    try:
        if kind.endswith("]") or kind == "tuple":
            data = json.loads(given) if isinstance(given, str) else given
            if kind.endswith("]"):
                inner = {**part, "type": kind[: kind.rindex("[")]}
                return [
                    _value(plimsoll, inner, each, f"{where}[{at}]") for at, each in enumerate(data)
                ]
            return _struct(plimsoll, part, data, where)
        return _scalar(plimsoll, kind, given)
    except (ValueError, TypeError, KeyError) as error:
        raise GovernanceError(f"the argument {where} ({kind}): {error}") from None


def _struct(plimsoll: Plimsoll, part: Mapping[str, Any], data: Any, where: str) -> Any:
    names = [field["name"] for field in part["components"]]
    if not isinstance(data, dict) or set(data) != set(names):
        raise GovernanceError(f"the argument {where} is JSON with exactly {', '.join(names)}")
    return {
        field["name"]: _value(plimsoll, field, data[field["name"]], f"{where}.{field['name']}")
        for field in part["components"]
    }


def _scalar(plimsoll: Plimsoll, kind: str, given: Any) -> Any:
    if kind == "bool":
        if given not in ("true", "false") and not isinstance(given, bool):
            raise ValueError(f"{given!r} is neither true nor false")
        return given in ("true", True)
    if kind == "address":
        if given in KINDS and getattr(plimsoll, given) is not None:
            return getattr(plimsoll, given).address
        return checked_address(given)
    if kind.startswith("bytes"):
        return bytes.fromhex(str(given).removeprefix("0x"))
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise ValueError(f"{given!r} is no integer")  # noqa: TRY004
    return int(given, 0) if isinstance(given, str) else given
