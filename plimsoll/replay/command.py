"""`plimsoll replay`: check a trace against the reference model, without a chain."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from plimsoll.replay.run import ReplayReport, replay
from plimsoll.replay.trace import TraceError


@click.command(name="replay")
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(trace: Path, as_json: bool) -> None:
    """Feed TRACE to the reference model and compare every account and market after every call.

    TRACE is what `plimsoll demo --trace FILE` wrote. Ends with 1 when anything differs.
    """
    try:
        report = replay(trace)
    except TraceError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(asdict(report), indent=2) if as_json else _text(report))
    if not report.clean:
        raise SystemExit(1)


def _text(report: ReplayReport) -> str:
    lines = [
        f"calls                 {report.calls:,}",
        f"accounts              {report.accounts:,}",
        f"comparisons           {report.comparisons:,}",
        f"identity_checks       {report.identity_checks:,}",
        f"identity_violations   {report.identity_violations:,}",
        f"reference_mismatches  {report.reference_mismatches:,}",
        f"seconds               {report.seconds}",
    ]
    if report.first:
        lines += ["", f"first: {report.first}"]
        lines += [f"       {text}" for text in report.details[1:]]
    return "\n".join(lines)
