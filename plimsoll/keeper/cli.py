"""`plimsoll keeper`: one tick or one after every block."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from plimsoll.console import (
    WAD,
    account_option,
    deployment_option,
    dry_run_option,
    network_option,
    node_option,
    require_account,
    together,
)
from plimsoll.keeper.connect import ConnectionFailed, make_watcher, network, open_deployment
from plimsoll.keeper.connect import record_path as default_record
from plimsoll.keeper.keeper import Keeper
from plimsoll.keeper.report import TickReport
from plimsoll.keeper.types import Policy
from plimsoll.keeper.watch import WatchError
from plimsoll.orders.book import OrderSourceError
from plimsoll.protocol.errors import ProtocolError
from plimsoll.reference.numbers import CONFIG

log = logging.getLogger("plimsoll.keeper")

_LONGEST_PAUSE = 60.0


def loop(
    tick: Callable[[], TickReport],
    head: Callable[[], int],
    emit: Callable[[TickReport], None],
    stop: threading.Event,
    poll: float,
) -> None:
    """Tick once for every new block until `stop` is set; pause longer after each error in a row.

    A tick that is running ends before the loop does.
    """
    last: int | None = None
    errors = 0
    while not stop.is_set():
        try:
            block = head()
            if block == last:
                stop.wait(poll)
                continue
            report = tick()
            last, errors = block, 0
        except Exception as error:
            errors += 1
            pause = min(_LONGEST_PAUSE, max(poll, 0.5) * 2**errors)
            log.error("%s: %s; next try in %.0f s", type(error).__name__, error, pause)  # noqa: TRY400
            log.debug("in full", exc_info=True)
            stop.wait(pause)
            continue
        emit(report)


#: what `plimsoll keeper` and `ape run keeper` share
options = together(
    click.option(
        "--once/--watch",
        "once",
        default=True,
        help="One tick and an exit code, or one tick a block until stopped.",
    ),
    deployment_option,
    account_option(0),
    click.option(
        "--orders",
        metavar="FOLDER|URL",
        help="Signed orders: a folder of JSON files, or an order board.",
    ),
    click.option(
        "--prefer",
        type=click.Choice(["orders", "own"]),
        default="orders",
        show_default=True,
        help="What comes first: signed orders, or the keeper's own account.",
    ),
    click.option("--own/--no-own", default=True, help="Whether to take over itself."),
    click.option(
        "--upkeep/--no-upkeep",
        default=True,
        help="Whether to synchronise, accrue, observe and thaw markets.",
    ),
    click.option("--settle/--no-settle", default=True, help="Whether to settle accounts."),
    click.option(
        "--settle-above",
        type=click.IntRange(min=0),
        default=100,
        show_default=True,
        help="Least arrears or claims worth a settlement, whole quote.",
    ),
    click.option(
        "--headroom",
        type=click.IntRange(0, 100_000),
        default=1_000,
        show_default=True,
        help="Margin the own account keeps above its initial margin, 1e-4 of it.",
    ),
    click.option(
        "--buy-collateral",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Most that the wallet spends on collateral for sale, whole quote.",
    ),
    click.option(
        "--min-discount",
        type=click.FloatRange(0, 1),
        default=0.01,
        show_default=True,
        help="Least discount at which it buys collateral, a fraction of the price.",
    ),
    click.option(
        "--index",
        type=click.IntRange(min=0, max=2**96 - 2),
        default=0,
        show_default=True,
        help="Which of the account's engine accounts takes over and is paid.",
    ),
    click.option(
        "--cursor",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File that remembers the accounts over restarts.",
    ),
    click.option(
        "--span",
        type=click.IntRange(min=1),
        default=2_000,
        show_default=True,
        help="Most blocks in one query for logs.",
    ),
    click.option(
        "--poll",
        type=click.FloatRange(min=0.05),
        default=1.0,
        show_default=True,
        help="Seconds between two looks for a new block.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one line of JSON a tick."),
    dry_run_option,
    click.option("--verbose", is_flag=True, help="Log what is tried and left."),
)


@click.command(name="keeper")
@network_option
@node_option
@options
def main(choice: str, node: str | None, **chosen: Any) -> None:
    """Liquidate, resolve and settle what the engine allows anyone to.

    Accounts come from the engine's events, worst first. Accounts below their maintenance margin are
    called and, when that is due, closed against signed orders (no capital needed) or taken over by
    the keeper's own account, bankrupt ones are resolved, losers are settled before winners.
    Collateral of such accounts is put up for sale, and bought if --buy-collateral says so. Exit
    code 1: something failed.
    """
    require_account(chosen["account"], chosen["dry_run"])
    with network(choice, node):
        run(choice, **chosen)


def run(
    choice: str,
    *,
    once: bool,
    deployment: Path | None,
    account: str | None,
    orders: str | None,
    prefer: str,
    own: bool,
    upkeep: bool,
    settle: bool,
    settle_above: int,
    headroom: int,
    buy_collateral: int,
    min_discount: float,
    index: int,
    cursor: Path | None,
    span: int,
    poll: float,
    as_json: bool,
    dry_run: bool,
    verbose: bool,
) -> None:
    """Run on the network that ape is connected to."""
    _logging(verbose)
    require_account(account, dry_run)
    plimsoll, sender = open_deployment(deployment or default_record(choice), account)
    policy = Policy(
        prefer=prefer,
        use_own=own,
        upkeep=upkeep,
        settle=settle,
        settle_above=settle_above * WAD,
        headroom=headroom,
        buy_collateral=buy_collateral * WAD,
        min_discount=round(min_discount * CONFIG),
        account_index=index,
    )
    try:
        keeper = Keeper(
            plimsoll,
            sender,
            orders,
            policy,
            watcher=make_watcher(plimsoll, cursor, span),
            dry_run=dry_run,
        )
    except (OrderSourceError, WatchError) as error:
        raise ConnectionFailed(str(error)) from None
    emit = _emitter(as_json, quiet=not once)
    if once:
        try:
            report = keeper.tick()
        except (ProtocolError, OSError) as error:
            raise ConnectionFailed(f"the tick could not read the chain: {error}") from None
        emit(report)
        raise SystemExit(0 if report.ok else 1)
    stop = threading.Event()
    _stop_on_signals(stop)
    loop(keeper.tick, plimsoll.backend.block_number, emit, stop, poll)


def _emitter(as_json: bool, *, quiet: bool) -> Callable[[TickReport], None]:
    console = Console()

    def emit(report: TickReport) -> None:
        if as_json:
            click.echo(report.to_json())
        elif not report.is_idle:
            console.print(report.table())
        elif not quiet:
            console.print(report.headline())

    return emit


def _stop_on_signals(stop: threading.Event) -> None:
    """The first signal lets the running tick end; a second one of the same kind does not wait."""

    def handle(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def _logging(verbose: bool) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    log.setLevel(logging.DEBUG if verbose else logging.WARNING)
