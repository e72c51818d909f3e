"""The table of docs/SPEC.md, section 11: for each rule its code and its test, and its patch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

_HEADING = "## 11. Where each rule is held"
_ROW = re.compile(r"\| ([A-Z]{3}-\d+) \| (?:`(\S+)` `(\w+)` \| `(test_\w+)`|not built \| -) \|")
# what runs on the reference model alone says nothing about a contract
_MODEL_TESTS = Path("tests/unit/reference")


class RulesError(Exception):
    """The rules cannot be checked as they stand. The message says what to mend."""


class UnknownRuleError(RulesError):
    """The table has no such rule."""

    def __init__(self, rule: str, known: list[str]) -> None:
        super().__init__(f"the table has no rule {rule!r}; it has: {', '.join(known)}")


@dataclass(frozen=True)
class Rule:
    """A row of the table. `file` is below contracts/; the three are empty where it is not built."""

    id: str
    file: str
    function: str
    test: str
    project: Path = PROJECT

    @property
    def built(self) -> bool:
        """Whether the table names code and test."""
        return bool(self.file)

    @property
    def patch(self) -> Path:
        """The patch that disables the rule's decisive line; it may be missing."""
        return self.project / "tests" / "rules" / f"{self.id}.patch"

    def test_file(self) -> Path:
        """Return the file that has the rule's test, relative to the project.

        Raises RulesError unless exactly one file that runs contracts has it.
        """
        found = [
            path.relative_to(self.project)
            for path in sorted((self.project / "tests").rglob("test_*.py"))
            if re.search(rf"^def {self.test}\(", path.read_text(), re.MULTILINE)
        ]
        on_chain = [path for path in found if not path.is_relative_to(_MODEL_TESTS)]
        if len(on_chain) == 1:
            return on_chain[0]
        if on_chain:
            places = ", ".join(str(path) for path in on_chain)
            raise RulesError(f"{self.test} is in several files, rename all but one: {places}")
        if found:
            raise RulesError(f"{self.test} runs on the reference model alone: name another test")
        raise RulesError(f"there is no {self.test}")

    def node(self) -> str:
        """Return the test as pytest names it. Raises RulesError as `test_file` does."""
        return f"{self.test_file().as_posix()}::{self.test}"


def read_rules(project: Path = PROJECT) -> list[Rule]:
    """Return the rules of the specification's table, in its order.

    Raises RulesError without such a table, for a row that cannot be read, or one that is repeated.
    """
    page = project / "docs" / "SPEC.md"
    try:
        text = page.read_text()
    except OSError:
        raise RulesError(f"there is no {page}: run this from a checkout") from None
    if _HEADING not in text:
        raise RulesError(f'{page} has no section "{_HEADING}"')
    rules = []
    for line in re.findall(r"^\| *[A-Z]{3}-\d+\b.*$", text[text.index(_HEADING) :], re.MULTILINE):
        row = _ROW.fullmatch(line)
        if row is None:
            raise RulesError(f"a row must be `| rule | `file` `function` | `test` |`: {line}")
        rule, file, function, test = row.groups(default="")
        rules.append(Rule(rule, file, function, test, project))
    ids = [rule.id for rule in rules]
    if repeated := {rule for rule in ids if ids.count(rule) > 1}:
        raise RulesError(f"in the table twice: {', '.join(sorted(repeated))}")
    if not rules:
        raise RulesError(f"the table of {page} has no row")
    return rules


def select(rules: list[Rule], wanted: tuple[str, ...]) -> list[Rule]:
    """Return the rules with these ids (any case), all of them for none. Raises UnknownRuleError."""
    by_id = {rule.id: rule for rule in rules}
    for name in wanted:
        if name.upper() not in by_id:
            raise UnknownRuleError(name, list(by_id))
    chosen = {name.upper() for name in wanted}
    return [rule for rule in rules if not chosen or rule.id in chosen]
