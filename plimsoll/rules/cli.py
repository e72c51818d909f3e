"""`plimsoll rules`: list the rules of the specification, and check that each is held."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from plimsoll.evm.artifacts import ArtifactError
from plimsoll.rules.check import Result, check
from plimsoll.rules.report import results_json, results_table, rules_json, rules_table
from plimsoll.rules.table import RulesError, read_rules, select

# of a pipe or a file; a terminal has its own
_WIDTH = 150


class CheckFailed(click.ClickException):
    """The rules could not be checked; the message says what to do."""


@click.group(name="rules")
def main() -> None:
    """Rules of docs/SPEC.md: where each is held, and whether its test fails without it."""


@main.command(name="list")
@click.argument("rules", metavar="[RULE]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(rules: tuple[str, ...], as_json: bool) -> None:
    """List rules with their code, test and patch."""
    with _failing():
        chosen = select(read_rules(), rules)
        _print(rules_json(chosen) if as_json else rules_table(chosen))


@main.command(name="check")
@click.argument("rules", metavar="[RULE]...", nargs=-1)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many rules to check at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check_command(ctx: click.Context, rules: tuple[str, ...], workers: int, as_json: bool) -> None:
    """Disable the decisive line of each RULE (all of them by default) and run its test.

    A rule is held when the test passes without the patch and fails with it. Exit 1 when one is not.
    """
    start = time.monotonic()
    with _failing():
        results = check(select(read_rules(), rules), workers, _say)
    took = time.monotonic() - start
    _print(results_json(results, took) if as_json else results_table(results))
    if not as_json:
        click.echo(f"{took:.0f} s")
    ctx.exit(0 if all(result.good for result in results) else 1)


def _say(result: Result) -> None:
    """One line for each result as it comes; the table follows at the end."""
    click.echo(f"{result.rule.id}: {result.status}", err=True)


def _print(shown: Table | dict[str, Any]) -> None:
    if isinstance(shown, dict):
        click.echo(json.dumps(shown, indent=2))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(shown)


@contextmanager
def _failing() -> Iterator[None]:
    """Turn what the tools raise on purpose into one message."""
    try:
        yield
    except (RulesError, ArtifactError) as error:
        raise CheckFailed(str(error)) from None
