"""What the commands print: rules with their code, test and patch, and what a check found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from plimsoll.rules.check import Result, Status
from plimsoll.rules.patches import roots_of
from plimsoll.rules.table import Rule, RulesError

_STYLES = {Status.HELD: "green", Status.NOT_BUILT: "yellow"}
#: characters of a detail that the table shows of a rule that is held
_SHORT = 100


def rules_table(rules: Sequence[Rule]) -> Table:
    """Return rule, code, test and patch."""
    table = Table(title="Where each rule is held")
    for title in ("rule", "code", "test", "patch"):
        table.add_column(title, overflow="fold")
    for rule in rules:
        code = f"{rule.file} {rule.function}" if rule.built else "not built"
        table.add_row(rule.id, code, _test(rule), patch_name(rule))
    return table


def rules_json(rules: Sequence[Rule]) -> dict[str, Any]:
    """Return the same as data."""
    return {"rules": [_row(rule) for rule in rules]}


def results_table(results: Sequence[Result]) -> Table:
    """Return what a check found, why, and the seconds."""
    held = sum(result.status is Status.HELD for result in results)
    table = Table(title=f"{held} of {len(results)} rules are held")
    table.add_column("rule")
    table.add_column("result")
    table.add_column("seconds", justify="right")
    table.add_column("with its patch the test says", overflow="fold")
    for result in results:
        detail = result.detail
        if result.good and len(detail) > _SHORT:
            detail = detail[: _SHORT - 3] + "..."
        table.add_row(
            result.rule.id,
            f"[{_STYLES.get(result.status, 'red')}]{result.status}[/]",
            f"{result.seconds:.0f}",
            escape(detail),
        )
    return table


def results_json(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """Return the same as data."""
    return {
        "held": all(result.good for result in results),
        "seconds": round(seconds, 1),
        "rules": [
            {
                **_row(result.rule),
                "status": str(result.status),
                "detail": result.detail,
                "seconds": round(result.seconds, 1),
            }
            for result in results
        ],
    }


def patch_name(rule: Rule) -> str:
    """Return the patch's name, or what is wrong with there being none."""
    if rule.patch.is_file():
        return rule.patch.relative_to(rule.project).as_posix()
    return "missing" if rule.built else ""


def _test(rule: Rule) -> str:
    if not rule.built:
        return ""
    try:
        return rule.node()
    except RulesError as error:
        return str(error)


def _roots(rule: Rule) -> list[str] | None:
    try:
        return roots_of(rule.patch) if rule.patch.is_file() else None
    except RulesError:
        return None


def _row(rule: Rule) -> dict[str, Any]:
    built = rule.built
    return {
        "rule": rule.id,
        "file": f"contracts/{rule.file}" if built else None,
        "function": rule.function or None,
        "test": _test(rule) or None,
        "patch": patch_name(rule) if rule.patch.is_file() else None,
        "roots": _roots(rule),
    }
