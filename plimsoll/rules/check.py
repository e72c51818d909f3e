"""Run the test of each rule against contracts in which the rule's decisive line is disabled.

A rule is held when its test passes on the project's contracts and fails on the patched ones by an
assertion, by a refusal that is missing or by one that should not be there. A test that fails in any
other way, or does not get as far as its body, proves nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from plimsoll.evm.artifacts import CompileError, load, load_all, load_patched
from plimsoll.rules.patches import PatchError, function_text, plant, roots_of
from plimsoll.rules.table import PROJECT, Rule, RulesError

#: seconds after which a test that does not end is given up
TIMEOUT = 300

#: what a test raises that finds a wrong value, misses a refusal, or meets one it did not expect
_PROOFS = frozenset({"AssertionError", "Mismatch", "Failed", "Revert"})


class Status(StrEnum):
    """What came out for a rule. Only the first two are as they should be."""

    HELD = "held"
    NOT_BUILT = "not built"
    NOT_HELD = "not held"
    NO_PATCH = "no patch"
    BAD_PATCH = "bad patch"
    BAD_TEST = "bad test"
    PROVES_NOTHING = "proves nothing"


@dataclass(frozen=True)
class Result:
    """A rule, what came out, why in words, and the seconds it took with its patch."""

    rule: Rule
    status: Status
    detail: str
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nobody has to do anything about the rule."""
        return self.status in (Status.HELD, Status.NOT_BUILT)


@dataclass(frozen=True)
class Case:
    """A test case of a run: "passed", "failed" (in its body), "error" (outside) or "skipped"."""

    test: str
    outcome: str
    message: str = ""


class NoAnswerError(RulesError):
    """pytest did not end, or left no report."""


def check(
    rules: Sequence[Rule],
    workers: int = 2,
    say: Callable[[Result], None] = lambda _: None,
    project: Path = PROJECT,
) -> list[Result]:
    """Check rules, `workers` at once; `say` hears of each result as it comes.

    Results are in the order of `rules`. Raises CompileError when the project's own contracts do
    not compile, and NoAnswerError when the run without patches does not end.
    """
    results: dict[str, Result] = {}

    def tell(result: Result) -> None:
        results[result.rule.id] = result
        say(result)

    nodes: dict[str, str] = {}
    for rule in rules:
        if not rule.built:
            tell(Result(rule, Status.NOT_BUILT, "the table names neither code nor test"))
            continue
        try:
            nodes[rule.id] = rule.node()
        except RulesError as error:
            tell(Result(rule, Status.BAD_TEST, str(error)))
            continue
        if not rule.patch.is_file():
            wanted = f"tests/rules/{rule.id}.patch, which disables {rule.function} of {rule.file}"
            tell(Result(rule, Status.NO_PATCH, f"write {wanted}"))
    left = [rule for rule in rules if rule.id not in results]
    if left:
        load_all(contracts_dir=project / "contracts")
        cases = run([nodes[rule.id] for rule in left], project, None)
        for rule in left:
            if reason := not_sound(_of(cases, rule.test)):
                tell(Result(rule, Status.BAD_TEST, reason))
        left = [rule for rule in left if rule.id not in results]
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        for result in pool.map(lambda rule: try_patch(rule, nodes[rule.id]), left):
            tell(result)
    return [results[rule.id] for rule in rules]


def try_patch(rule: Rule, node: str) -> Result:
    """Return whether the rule's test fails, as it should, with the rule's patch."""
    start = time.monotonic()
    status, detail = _try_patch(rule, node)
    return Result(rule, status, detail, time.monotonic() - start)


def _try_patch(rule: Rule, node: str) -> tuple[Status, str]:
    with tempfile.TemporaryDirectory(prefix="plimsoll-rules-") as folder:
        try:
            contracts = plant(rule.patch, Path(folder), rule.project)
            _check_aim(rule, contracts)
            for name in roots_of(rule.patch):
                own = load(name, contracts_dir=rule.project / "contracts")
                if load_patched(name, contracts).bytecode == own.bytecode:
                    return Status.BAD_PATCH, f"it does not change {name}, which its head names"
        except (RulesError, CompileError) as error:
            return Status.BAD_PATCH, str(error)
        try:
            # the first failure decides; what is patched is broken, and would go on breaking
            return judge(run([node], rule.project, contracts, "-x"))
        except NoAnswerError as error:
            return Status.PROVES_NOTHING, str(error)


def _check_aim(rule: Rule, contracts: Path) -> None:
    """Refuse a patch that leaves the function alone that the table names."""
    before = function_text(rule.project / "contracts" / rule.file, rule.function)
    if function_text(contracts / rule.file, rule.function) == before:
        raise PatchError(
            f"{rule.patch.name} leaves {rule.function} of {rule.file} as it is: patch what the "
            "table names, or name in the table what decides"
        )


def run(nodes: Sequence[str], project: Path, contracts: Path | None, *options: str) -> list[Case]:
    """Run tests in a process of their own, on patched `contracts` or on the project's.

    Raises NoAnswerError when there is no report within TIMEOUT seconds.
    """
    with tempfile.TemporaryDirectory(prefix="plimsoll-rules-") as folder:
        report = Path(folder) / "report.xml"
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        env.pop("PLIMSOLL_CONTRACTS", None)
        if contracts is not None:
            env["PLIMSOLL_CONTRACTS"] = str(contracts)
        # examples that fail here must not come back in the suite
        env["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
        command += [f"--junitxml={report}", *options, *dict.fromkeys(nodes)]
        try:
            done = subprocess.run(
                command,
                cwd=project,
                env=env,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NoAnswerError(f"the test did not end within {TIMEOUT} s") from None
        if not report.is_file():
            raise NoAnswerError(f"pytest left no report:\n{(done.stderr or done.stdout).strip()}")
        return read_report(report.read_text())


def read_report(text: str) -> list[Case]:
    """Return the cases of a JUnit report. A test that fails in its body and outside is two."""
    cases = []
    for node in ET.fromstring(text).iter("testcase"):
        test = node.get("name", "")
        told = [child for child in node if child.tag in ("failure", "error", "skipped")]
        for child in told:
            outcome = {"failure": "failed"}.get(child.tag, child.tag)
            cases.append(Case(test, outcome, child.get("message") or (child.text or "")))
        if not told:
            cases.append(Case(test, "passed"))
    return cases


def _of(cases: Iterable[Case], test: str) -> list[Case]:
    """The cases of a test and of its parameters, and what belongs to no test."""
    return [case for case in cases if case.test.split("[")[0] == test or case.outcome == "error"]


def not_sound(cases: Sequence[Case]) -> str:
    """Return why the test of a rule cannot be used, though nothing is patched; "" if it can."""
    for case in cases:
        if case.outcome != "passed":
            return f"{case.outcome} without a patch: {case.test}: {_first_line(case.message)}"
    return "" if cases else "pytest did not run it"


def judge(cases: Sequence[Case]) -> tuple[Status, str]:
    """Return what the cases of a test on patched contracts say about its rule."""
    failed = [case for case in cases if case.outcome == "failed"]
    for case in failed:
        if raised(case.message) not in _PROOFS:
            return Status.PROVES_NOTHING, f"it fails by {_first_line(case.message)}"
    if failed:
        return Status.HELD, f"{failed[0].test}: {_first_line(failed[0].message)}"
    for case in cases:
        if case.outcome != "passed":
            told = {"error": "an error outside the test's body"}.get(case.outcome, case.outcome)
            return Status.PROVES_NOTHING, f"{told}: {_first_line(case.message)}"
    if not cases:
        return Status.PROVES_NOTHING, "pytest did not run it"
    return Status.NOT_HELD, "the test passes with the patch"


def raised(message: str) -> str:
    """Return the class of what was raised, without its module, from a report's message."""
    if message.startswith("assert "):  # pytest leaves out the class of a plain assertion
        return "AssertionError"
    found = re.match(r"[\w.]+", message)
    return found[0].rpartition(".")[2] if found else ""


def _first_line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[0] if lines else "nothing said"
