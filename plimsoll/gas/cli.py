"""`plimsoll gas`: measure, print, compare with docs/gas.md or write it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from plimsoll.evm.artifacts import MAX_RUNTIME_SIZE, ArtifactError
from plimsoll.gas.errors import GasError
from plimsoll.gas.explain import Explanation, explain
from plimsoll.gas.measure import EVM_VERSIONS, LIMITED, Measured, Say, measure
from plimsoll.gas.page import ALWAYS_EXPLAINED, UPDATE, compare, render, to_json
from plimsoll.gas.rows import PEERS, ROWS
from plimsoll.protocol.errors import ProtocolError

_WIDTH = 150


class GasFailed(click.ClickException):
    """The gas could not be measured; the message says what to do."""


@click.command()
@click.option(
    "--check",
    "check_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare with this page; exit 1 when it differs or a limit is exceeded.",
)
@click.option(
    "--write",
    "write_file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write the page.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything measured as JSON.")
@click.option(
    "--explain", "row", metavar="ROW", help="Say where the gas of a row goes, and no more."
)
def main(check_file: Path | None, write_file: Path | None, as_json: bool, row: str | None) -> None:
    """Measure every operation on an Anvil of one's own, and the contracts' sizes.

    Prints the figures beside those of other protocols. ROW is a key of docs/gas.md, such as
    trade_new.
    """
    if row is not None:
        with _failing():
            _print_explanation(explain([row])[0], as_json)
        return
    if check_file is not None and not check_file.is_file():
        raise GasFailed(f"there is no {check_file}; write it with `{UPDATE}`")
    console = Console(stderr=True)
    with _failing(), console.status("measuring") as status:
        measured, page = _make(lambda text: status.update(f"measuring: {text}"))
    if as_json:
        click.echo(json.dumps(to_json(measured), indent=2))
    else:
        _print_tables(measured)
    if write_file is not None:
        write_file.write_text(page, encoding="utf-8")
        click.echo(f"wrote {write_file}", err=True)
    for line in measured.exceeded():
        click.echo(f"above its limit: {line}", err=True)
    if check_file is not None:
        _check(check_file, page, measured)


def _make(say: Say) -> tuple[Measured, str]:
    measured = measure(say)
    keys = [row.key for row in measured.above()]
    keys += [key for key in ALWAYS_EXPLAINED if key not in keys]
    return measured, render(measured, explain(keys, say))


def _check(file: Path, page: str, measured: Measured) -> None:
    differs = compare(file.read_text(encoding="utf-8"), page)
    for line in differs:
        click.echo(line, err=True)
    if differs:
        raise GasFailed(f"{file} differs, see above; if that is right, `{UPDATE}` writes it anew")
    if measured.exceeded():
        raise GasFailed("a limit is exceeded, see above; `plimsoll gas --explain ROW` says why")
    click.echo(f"{file} is up to date and every limit is kept", err=True)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (GasError, ArtifactError, ProtocolError) as error:
        raise GasFailed(str(error)) from error


# -------------------------------------------------------------------------------------- printing


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    return console


def _print_tables(measured: Measured) -> None:
    console = _console()
    peers = Table(title="gas, beside other protocols")
    for name in ("operation", "floor", "dYdX v1", "Derive v2", "Perennial v2"):
        peers.add_column(name)
    peers.add_column("limit", justify="right")
    peers.add_column("Plimsoll", justify="right")
    for peer in PEERS:
        gas = measured.gas[peer.key]
        row = ROWS[peer.key]
        told = (row.title, peer.floor, peer.dydx, peer.derive, peer.perennial)
        peers.add_row(*told, f"{peer.limit:,}", _figure(gas, peer.limit))
    console.print(peers)
    others = Table(title="gas, further operations")
    others.add_column("operation")
    others.add_column("limit", justify="right")
    others.add_column("Plimsoll", justify="right")
    for row in ROWS.values():
        if row.key.startswith("_") or row.key in {peer.key for peer in PEERS}:
            continue
        limit = "" if row.limit is None else f"{row.limit:,}"
        others.add_row(row.title, limit, _figure(measured.gas[row.key], row.limit))
    console.print(others)
    sizes = Table(title=f"runtime sizes, {MAX_RUNTIME_SIZE:,} bytes at most")
    sizes.add_column("contract")
    for version in EVM_VERSIONS:
        sizes.add_column(version, justify="right")
        if version == LIMITED:
            sizes.add_column("room left", justify="right")
    for size in measured.sizes:
        if size.testing:
            continue
        cells = []
        for version in EVM_VERSIONS:
            length = size.bytes[version]
            if version == LIMITED:
                cells += [_figure(length, MAX_RUNTIME_SIZE), f"{MAX_RUNTIME_SIZE - length:,}"]
            else:
                cells.append(f"{length:,}")
        sizes.add_row(size.name, *cells)
    console.print(sizes)


def _figure(value: int, limit: int | None) -> str:
    return f"{value:,}" if limit is None or value <= limit else f"[bold red]{value:,}[/]"


def _print_explanation(found: Explanation, as_json: bool) -> None:
    if as_json:
        lines = [
            {"kind": line.kind, "what": line.what, "times": line.count, "gas": line.gas}
            for line in found.lines
        ]
        told = {"row": found.row.key, "title": found.title, "gas": found.gas, "lines": lines}
        click.echo(json.dumps(told, indent=2))
        return
    table = Table(title=found.title)
    table.add_column("kind")
    table.add_column("what")
    table.add_column("times", justify="right")
    table.add_column("gas", justify="right")
    for kind in found.kinds():
        for line in found.lines:
            if line.kind == kind.kind:
                table.add_row(line.kind, escape(line.what), f"{line.count:,}", f"{line.gas:,}")
        table.add_row("", "", "", f"[bold]{kind.gas:,}[/]", end_section=True)
    limit = ""
    if found.row.limit is not None and found.row.traced is None:
        limit = f"of at most {found.row.limit:,}"
    table.add_row("[bold]all[/]", limit, "", f"[bold]{found.gas:,}[/]")
    _console().print(table)
