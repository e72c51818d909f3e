"""`plimsoll orders`: a board, and the folder behind it."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from eth_utils.address import is_address, to_checksum_address
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from plimsoll.orders.board import Board, BoardError, is_loopback
from plimsoll.orders.book import OrderBook, OrderSourceError
from plimsoll.orders.store import OrderStore, StoreError, Verdict, check
from plimsoll.protocol.errors import OrderError, RecordError
from plimsoll.protocol.orders import Domain, SignedOrder
from plimsoll.protocol.record import Record

_Command = TypeVar("_Command", bound=Callable[..., Any])
_WAD = 10**18


def _where(command: _Command) -> _Command:
    """Add the options that say for which engine the orders are."""
    shared: list[Callable[[_Command], _Command]] = [
        click.option(
            "--deployment",
            type=click.Path(dir_okay=False, path_type=Path),
            default=Path("deployments/local.json"),
            show_default=True,
            help="Record of the deployment whose orders these are.",
        ),
        click.option("--engine", help="Address of the engine, instead of --deployment."),
        click.option("--chain-id", type=click.IntRange(min=1), help="With --engine: the chain."),
    ]
    for option in reversed(shared):
        command = option(command)
    return command


def _domain(deployment: Path, engine: str | None, chain_id: int | None) -> Domain:
    if (engine is None) != (chain_id is None):
        raise click.UsageError("--engine and --chain-id go together")
    if engine is not None and chain_id is not None:
        if not is_address(engine):
            raise click.UsageError(f"{engine!r} is no address: 20 bytes in hex")
        return Domain(chain_id, str(to_checksum_address(engine)))
    try:
        record = Record.load(deployment)
        return Domain(record.chain_id, record.contracts["engine"].address)
    except RecordError as error:
        raise click.ClickException(f"{error}\nOr give --engine and --chain-id.") from None
    except KeyError:
        raise click.ClickException(
            f"{deployment} has no engine yet; end the deployment first, or give --engine"
        ) from None


_store = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder of signed orders, one JSON file each.",
)


@click.group(name="orders")
def main() -> None:
    """Signed orders for the keeper: a folder of files, and a small board in front of it."""


@main.command()
@_store
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8_650, show_default=True, type=click.IntRange(0, 65_535))
@click.option(
    "--clock",
    type=click.Choice(["system", "none"]),
    default="system",
    show_default=True,
    help="What expiries are held against; none for a chain with a time of its own.",
)
@_where
def serve(
    store: Path,
    host: str,
    port: int,
    clock: str,
    deployment: Path,
    engine: str | None,
    chain_id: int | None,
) -> None:
    """Serve a folder of orders over HTTP on this machine until stopped."""
    if not is_loopback(host):
        click.secho(
            f"warning: {host} is reached from other machines. The board has neither accounts nor "
            "TLS: anyone there can post, read and fill its places. Put it behind a proxy that has.",
            fg="red",
            err=True,
        )
    system: Callable[[], int] = lambda: int(time.time())  # noqa: E731, one of two clocks
    try:
        board = Board(
            store,
            _domain(deployment, engine, chain_id),
            host=host,
            port=port,
            clock=system if clock == "system" else None,
            allow_remote=True,
        )
    except BoardError as error:
        raise click.ClickException(str(error)) from None
    for problem in board.problems:
        click.echo(f"skipped {problem.name}: {problem.reason}", err=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    board.start()
    click.echo(f"{len(board)} orders at {board.url}/orders")
    sys.stdout.flush()
    stop.wait()
    board.stop()


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_store
@click.option("--unverified", is_flag=True, help="Take a smart wallet's or operator's signature.")
@_where
def add(
    files: tuple[Path, ...],
    store: Path,
    unverified: bool,
    deployment: Path,
    engine: str | None,
    chain_id: int | None,
) -> None:
    """Check signed orders and put them into a folder."""
    domain = _domain(deployment, engine, chain_id)
    target = OrderStore(store, domain, create=True)
    failed = False
    for file in files:
        try:
            signed = SignedOrder.read(file)
            verdict = check(signed, domain, int(time.time()))
            if verdict is Verdict.UNVERIFIED and not unverified:
                raise OrderError(  # noqa: TRY301, one way out for all that is wrong
                    f"{file.name}: the signature is not of {signed.order.maker}'s key for this "
                    "engine and chain; sign it again, or add --unverified for a smart wallet or "
                    "an operator"
                )
        except OrderError as error:
            click.echo(str(error), err=True)
            failed = True
            continue
        path, new = target.add(signed)
        click.echo(f"{path.name} {'added' if new else 'was there'} ({verdict})")
    raise SystemExit(1 if failed else 0)


@main.command(name="list")
@click.option("--store", "source", required=True, metavar="DIR|URL", help="Folder or board.")
@click.option("--market", type=click.IntRange(0, 15), help="Only this market.")
@click.option("--account", help="Only this account id, decimal or hex.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_where
def show(
    source: str,
    market: int | None,
    account: str | None,
    as_json: bool,
    deployment: Path,
    engine: str | None,
    chain_id: int | None,
) -> None:
    """List the orders of a folder or a board, by market and side, best price first."""
    domain = _domain(deployment, engine, chain_id)
    try:
        number = int(account, 0) if account else None
    except ValueError:
        raise click.UsageError(f"--account {account!r} is no number") from None
    book = _open(source, domain)
    entries = book.entries(market, number)
    if as_json:
        rows = [
            {
                "hash": "0x" + entry.order_hash.hex(),
                "verified": book.verdict(entry) is Verdict.VERIFIED,
                **entry.signed.to_dict(),
            }
            for entry in entries
        ]
        problems = [{"name": p.name, "reason": p.reason} for p in book.problems]
        click.echo(json.dumps({"orders": rows, "problems": problems}))
        return
    table = Table(title=f"{len(entries)} orders", title_justify="left")
    for column in ("market", "side", "price", "size", "maker", "expires", "signature", "hash"):
        table.add_column(column, no_wrap=True)
    for entry in entries:
        order = entry.signed.order
        table.add_row(
            str(order.market),
            "buy" if order.size > 0 else "sell",
            f"{order.price / _WAD:,.6g}",
            f"{abs(order.size) / _WAD:,.6g}",
            f"{order.maker[:8]}..{order.maker[-4:]}",
            _date(order.expiry),
            str(book.verdict(entry)),
            "0x" + entry.order_hash.hex()[:8],
        )
    console = Console()
    console.print(table)
    for problem in book.problems:
        console.print(f"[yellow]skipped {escape(problem.name)}: {escape(problem.reason)}[/]")


@main.command()
@_store
@click.option("--network", help="Ask the engine there as well: drop what is filled or cancelled.")
@click.option("--dry-run", is_flag=True, help="Say what would be dropped, and drop nothing.")
@_where
def prune(
    store: Path,
    network: str | None,
    dry_run: bool,
    deployment: Path,
    engine: str | None,
    chain_id: int | None,
) -> None:
    """Drop the orders of a folder that cannot be filled any more."""
    domain = _domain(deployment, engine, chain_id)
    target = _folder(store, domain)
    if network is None:
        _prune(target, OrderBook(target, domain), int(time.time()), dry_run)
        return
    from plimsoll.keeper.connect import network as connected
    from plimsoll.keeper.connect import open_deployment
    from plimsoll.keeper.read import Reader

    with connected(network):
        reader = Reader(open_deployment(deployment, None)[0])
        _prune(target, OrderBook(target, domain, reader), reader.now(), dry_run)


def _prune(store: OrderStore, book: OrderBook, now: int, dry_run: bool) -> None:
    try:
        book.refresh()
    except OrderSourceError as error:
        raise click.ClickException(str(error)) from None
    dead = {entry.order_hash: reason for entry, reason in book.dead(now)}
    stored, problems = store.read()
    dropped = 0
    for item in stored:
        reason = dead.get(item.signed.order.digest(store.domain))
        if reason:
            dropped += 1
            click.echo(f"{item.path.name} {reason}{' (kept)' if dry_run else ''}")
            if not dry_run:
                item.path.unlink(missing_ok=True)
    for problem in problems:
        click.echo(f"left {problem.name}: {problem.reason}", err=True)
    click.echo(f"{len(stored) - dropped} orders stay")


def _folder(store: Path, domain: Domain) -> OrderStore:
    try:
        return OrderStore(store, domain)
    except StoreError as error:
        raise click.ClickException(str(error)) from None


def _open(source: str, domain: Domain) -> OrderBook:
    try:
        book = OrderBook(source if "://" in source else _folder(Path(source), domain), domain)
        book.refresh()
    except OrderSourceError as error:
        raise click.ClickException(str(error)) from None
    return book


def _date(expiry: int) -> str:
    try:
        return datetime.fromtimestamp(expiry, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "never"
