"""What the commands that read a deployment share: connection, accounts, output.

An amount is printed for people with two decimals of the quote; in JSON every amount is the
contracts' integer (WAD) as text, so that no reader rounds it.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console, RenderableType

from plimsoll.keeper.connect import (
    ConnectionFailed,
    make_watcher,
    network,
    open_deployment,
    record_path,
)
from plimsoll.protocol import Plimsoll, ProtocolError, account_id
from plimsoll.protocol.addresses import checked_address

WAD = 10**18

_Command = TypeVar("_Command", bound=Callable[..., Any])
#: an owner's address, and which of his accounts
_OWNED = re.compile(r"(0x[0-9a-fA-F]{40})(?:[/:](\d+))?")
#: widths at which a pipe or a file gets its tables; a terminal has its own
_WIDTH = 120


network_option = click.option(
    "--network",
    "choice",
    default="ethereum:local:foundry",
    show_default=True,
    help="Network as ape names it: ecosystem:network:provider.",
)
node_option = click.option(
    "--node", metavar="URL", help="Local node that runs already; without it ape starts one."
)
deployment_option = click.option(
    "--deployment",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Record of the deployment.  [default: deployments/NETWORK.json]",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Check and print, send nothing.")
json_option = click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write JSON to a file; - prints it in place of the tables.",
)


def account_option(example: int) -> Callable[[_Command], _Command]:
    """The option that names the sender; `example` is a test account that may be one."""
    return click.option(
        "--account",
        metavar="ALIAS",
        help=f"Account in ape's keystore that sends; TEST::{example} on a local network.",
    )


def together(
    *options: Callable[[_Command], _Command],
) -> Callable[[_Command], _Command]:
    """Several options as one decorator, in the order in which the help shows them."""

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def options(*, sends: bool) -> Callable[[_Command], _Command]:
    """Add the options of a connection and of the output; `sends` adds those of a sender."""
    shared = (network_option, node_option, deployment_option, json_option)
    return together(*shared, *((account_option(3), dry_run_option) if sends else ()))


def accounts_option(command: _Command) -> _Command:
    """Add the option that names the accounts to look at."""
    return click.option(
        "--accounts",
        "accounts_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Accounts, one a line, or a JSON list.  [default: all that the engine's events name]",
    )(command)


def require_account(account: str | None, dry_run: bool) -> None:
    """Raise click's UsageError where something is to be sent and nobody is named who sends."""
    if account is None and not dry_run:
        raise click.UsageError("name the account that sends (--account), or add --dry-run")


@contextlib.contextmanager
def connected(where: Mapping[str, Any]) -> Iterator[tuple[Plimsoll, Any]]:
    """Connect as the options say; what is refused, or wrong, becomes one message."""
    if "account" in where:
        require_account(where["account"], where["dry_run"])
    with network(where["choice"], where["node"]):
        plimsoll, sender = open_deployment(
            where["deployment"] or record_path(where["choice"]), where.get("account")
        )
        with one_message():
            yield plimsoll, sender


@contextlib.contextmanager
def one_message() -> Iterator[None]:
    """Turn what the tools raise on purpose, and a lost connection, into a click message."""
    try:
        yield
    except (ProtocolError, OSError, ValueError) as error:
        raise ConnectionFailed(str(error)) from None


def parse_account(text: str) -> int:
    """Return the id of an account: the id itself, or its owner's address with `/index` behind it
    (0 if left out). Raises ValueError."""
    text = text.strip()
    if found := _OWNED.fullmatch(text):
        return account_id(checked_address(found[1]), int(found[2] or 0))
    try:
        account = int(text, 0)
    except ValueError:
        account = 0
    if not 0 < account < 2**256:
        raise ValueError(
            f"{text!r} is no account: write its id, or its owner's address and /INDEX behind it"
        )
    return account


def read_accounts(file: Path) -> list[int]:
    """Return the accounts of a file, one a line or a JSON list. Raises ValueError."""
    text = file.read_text()
    try:
        if text.lstrip().startswith("["):
            entries = [str(entry) for entry in json.loads(text)]
        else:
            lines = (line.split("#")[0].strip() for line in text.splitlines())
            entries = [line for line in lines if line]
        return list(dict.fromkeys(parse_account(entry) for entry in entries))
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None


def known_accounts(plimsoll: Plimsoll, file: Path | None) -> list[int]:
    """Return the accounts of the file, else all that the engine's events name, in order."""
    return read_accounts(file) if file is not None else sorted(make_watcher(plimsoll).advance())


def emit(data: Mapping[str, Any], shown: Iterable[RenderableType], json_file: str | None) -> None:
    """Print `shown` for people; write `data` to the file, or print only it for `-`."""
    text = json.dumps(data, indent=2)
    if json_file == "-":
        click.echo(text)
        return
    if json_file is not None:
        Path(json_file).write_text(text + "\n")
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    for each in shown:
        console.print(each)


def when(time: int) -> str:
    """A second of the chain for people; empty for none."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC" if time else ""


def significant(amount: int, digits: int = 8) -> str:
    """A price or a size in WAD for people: so many significant digits."""
    return f"{amount / WAD:,.{digits}g}"
