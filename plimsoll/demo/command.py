"""`plimsoll demo`: the main job on real prices."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from plimsoll.demo.audit import Auditor
from plimsoll.prices import PriceError, PricePath, load, parse_time

#: Network -> how many accounts there are when nobody says, and about how many fills.
SIZES = {"in-process": (100, 1_500), "anvil": (40, 600)}


class _Moment(click.ParamType):
    """A date or unix seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return unix seconds."""
        if isinstance(value, int):
            return value
        try:
            return parse_time(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _PriceFile(click.ParamType):
    """NAME=FILE."""

    name = "name=file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        """Return the market's name and its file."""
        if isinstance(value, tuple):
            return value
        name, sign, file = str(value).partition("=")
        if not sign or not name or not file:
            self.fail(f"{value!r} is not NAME=FILE, as in BTC=btc.csv.gz", param, ctx)
        return name, Path(file)


@click.command(name="demo")
@click.option(
    "--prices",
    "files",
    multiple=True,
    type=_PriceFile(),
    help="A market and its bars: CSV or CSV.gz with timestamp, open, high, low, close. Repeatable. "
    "Without any: S&P 500, Nasdaq and WTI, August to December 2008.",
)
@click.option("--start", type=_Moment(), help="First moment: a date, or unix seconds (UTC).")
@click.option("--end", type=_Moment(), help="First moment no longer wanted.")
@click.option(
    "--accounts",
    type=int,
    help="Accounts, makers and keeper among them.  [default: 100; 40 on anvil]",
)
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same run.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the summary.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    help="Write every call, for `plimsoll replay`; compressed where the name ends in .gz.",
)
@click.option(
    "--out",
    default=Path("out/demo"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the report.",
)
@click.option(
    "--network",
    default="in-process",
    show_default=True,
    type=click.Choice(list(SIZES)),
    help="Where it runs; anvil needs the npm packages (`make setup`).",
)
def command(
    files: tuple[tuple[str, Path], ...],
    start: int | None,
    end: int | None,
    accounts: int | None,
    seed: int,
    json_file: Path | None,
    trace: Path | None,
    out: Path,
    network: str,
) -> None:
    """Deploy, trade, crash, liquidate, settle, prove solvent: the whole engine on real prices.

    After every step the identities are checked on the chain and everything is compared with the
    reference model; ends with 1 when anything does not add up.
    """
    from plimsoll.demo.report import write_report
    from plimsoll.demo.run import DemoError, Options, run
    from plimsoll.demo.stage import StageError
    from plimsoll.demo.summary import summary, table
    from plimsoll.protocol import ProtocolError

    # the keeper tells what it does; here its actions are counted instead
    logging.getLogger("plimsoll").addHandler(logging.NullHandler())
    console = Console()
    try:
        path = load(_by_name(files), start=start, end=end)
        some, fills = SIZES[network]
        options = Options(some if accounts is None else accounts, seed, trace, fills)
        stage = _stage(network)
        with _Bar(console, path) as bar:
            outcome = run(path, options, stage, bar.update)
    except (PriceError, DemoError, StageError, ProtocolError, OSError) as error:
        raise click.ClickException(str(error)) from error
    found = summary(outcome)
    report = write_report(outcome, found, out / "report.html")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(found, indent=2) + "\n")
    console.print(table(found))
    console.print(f"report: {report}", style="dim", highlight=False, soft_wrap=True)
    if found["identity_violations"] or found["reference_mismatches"]:
        raise SystemExit(1)


def _by_name(files: tuple[tuple[str, Path], ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name, file in files:
        if name in found:
            raise PriceError(f"--prices names {name} twice; give each market one file")
        found[name] = file
    return found


def _stage(network: str) -> Any:
    if network == "anvil":
        from plimsoll.demo.anvil import Anvil

        return Anvil()
    from plimsoll.demo.stage import InProcess

    return InProcess()


class _Bar:
    """A progress bar with what has happened so far."""

    def __init__(self, console: Console, path: PricePath) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}", style="dim"),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("deploying", total=len(path.steps), told="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, done: int, auditor: Auditor) -> None:
        """Show the number of steps done."""
        tally = auditor.tally
        wrong = auditor.identity_violations + auditor.reference_mismatches
        told = (
            f"fills {tally.fills}, takeovers {tally.takeovers}, "
            f"by order {tally.order_liquidations}, resolved {tally.resolved}"
        )
        self._progress.update(
            self._task,
            completed=done,
            description="trading" if not wrong else "[red]trading",
            told=told + (f", [red]{wrong} faults[/]" if wrong else ""),
        )
