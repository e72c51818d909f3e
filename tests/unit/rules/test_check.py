"""A rule is held only by a test that fails, in its body and for the right reason, without it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_project import ADD, CONTRACT, ENDINGS, VIEW

from plimsoll.rules import check as check_module
from plimsoll.rules.check import (
    Case,
    Result,
    Status,
    check,
    judge,
    not_sound,
    raised,
    read_report,
    run,
)
from plimsoll.rules.report import results_json
from plimsoll.rules.table import Rule, RulesError, UnknownRuleError, read_rules, select

AddRule = Callable[..., None]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all tests here, so that the small contract is compiled once a patch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLIMSOLL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_check_default(project: Path, add_rule: AddRule) -> None:
    """One test that finds the wrong value, and one that does not look."""
    add_rule("LED-1", "test_value", ADD)
    add_rule("LED-2", "test_asleep", ADD)
    heard: list[Result] = []
    held, missed = check(read_rules(project), say=heard.append, project=project)
    assert (held.rule.id, held.status, held.good) == ("LED-1", Status.HELD, True)
    assert held.detail == "test_value: assert 1 == 2"
    assert (missed.rule.id, missed.status, missed.good) == ("LED-2", Status.NOT_HELD, False)
    assert missed.detail == "the test passes with the patch"
    assert sorted(heard, key=lambda result: result.rule.id) == [held, missed]


def test_check_what_is_missing(project: Path, add_rule: AddRule) -> None:
    """No patch, no test, no such root, a patch that is too old or aims elsewhere, a failing test.

    A rule that the table itself calls unbuilt is nobody's fault.
    """
    add_rule("LED-1", "test_value")
    add_rule("LED-2", "test_nowhere", ADD)
    add_rule("LED-3", "test_value", ("    self.total += amounts", "    pass"))
    add_rule("LED-4", "test_value", VIEW)
    add_rule("LED-5", "test_broken", ADD)
    add_rule("LED-6", "test_value", ADD, root="Bax")
    add_rule("LED-7", "test_value", ADD, root="Box, Other")
    (project / "contracts" / "Other.vy").write_text(CONTRACT)
    add_rule("LED-8", "test_value", (ADD[0], "    self.totals += amount"))
    add_rule("LED-9", "test_value", ADD, function="_gone")
    with (project / "docs" / "SPEC.md").open("a") as page:
        page.write("| LIQ-7 | not built | - |\n")
    add_rule("MRG-1", "test_value", ADD)
    headless = project / "tests" / "rules" / "MRG-1.patch"
    headless.write_text(headless.read_text().replace("Roots: Box", ""))
    results = check(read_rules(project), project=project)
    found = {result.rule.id: (result.status, result.detail) for result in results}
    wanted = {
        "LED-1": (Status.NO_PATCH, "write tests/rules/LED-1.patch, which disables _add of Box.vy"),
        "LED-2": (Status.BAD_TEST, "there is no test_nowhere"),
        "LED-3": (Status.BAD_PATCH, "LED-3.patch does not apply. Make it anew"),
        "LED-4": (Status.BAD_PATCH, "LED-4.patch leaves _add of Box.vy as it is"),
        "LED-5": (Status.BAD_TEST, "failed without a patch: test_broken: assert 0 == 1"),
        "LED-6": (Status.BAD_PATCH, "LED-6.patch names roots that there are not: Bax"),
        "LED-7": (Status.BAD_PATCH, "it does not change Other, which its head names"),
        "LED-8": (Status.BAD_PATCH, "Box (Box.vy) does not compile"),
        "LED-9": (Status.BAD_PATCH, "Box.vy has no function _gone"),
        "LIQ-7": (Status.NOT_BUILT, "the table names neither code nor test"),
        "MRG-1": (Status.BAD_PATCH, "MRG-1.patch has no line `Roots:`"),
    }
    assert {rule: status for rule, (status, _) in found.items()} == {
        rule: status for rule, (status, _) in wanted.items()
    }
    for rule, (_, detail) in wanted.items():
        assert found[rule][1].startswith(detail)
    assert [result.good for result in results] == [result.rule.id == "LIQ-7" for result in results]
    # what cannot be read does not keep the rest from being printed
    assert results_json(results, 1.0)["rules"][-1]["roots"] is None


def test_check_of_a_test_that_does_not_end(
    project: Path, add_rule: AddRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_rule("LED-1", "test_value", ADD)
    (rule,) = read_rules(project)
    monkeypatch.setattr(check_module, "TIMEOUT", 0.01)
    result = check_module.try_patch(rule, rule.node())
    assert (result.status, result.detail) == (
        Status.PROVES_NOTHING,
        "the test did not end within 0.01 s",
    )


def test_run_and_judge(project: Path) -> None:
    """Every way in which a test can end, as pytest reports it."""
    (project / "tests" / "test_endings.py").write_text(ENDINGS)
    cases = run(["tests/test_endings.py"], project, None)
    outside = "an error outside the test's body: failed on "
    wanted = {
        "passes": (Status.NOT_HELD, "the test passes with the patch"),
        "asserts": (Status.HELD, "test_asserts: AssertionError: told"),
        "misses_a_refusal": (Status.HELD, "test_misses_a_refusal[False]: Failed: DID NOT RAISE"),
        "meets_a_refusal": (Status.HELD, "test_meets_a_refusal: plimsoll.evm.chain.Revert: Box"),
        "asserts_and_is_broken_after": (Status.HELD, "test_asserts_and_is_broken_after: assert 1"),
        "broken_before": (Status.PROVES_NOTHING, f"{outside}setup"),
        "broken_after": (Status.PROVES_NOTHING, f"{outside}teardown"),
        "no_such_fixture": (Status.PROVES_NOTHING, f"{outside}setup"),
        "otherwise": (Status.PROVES_NOTHING, "it fails by KeyError: 'key'"),
        "halts": (Status.PROVES_NOTHING, "it fails by plimsoll.evm.chain.CallFailed: told"),
        "skipped": (Status.PROVES_NOTHING, "skipped: no node"),
    }
    for name, (status, told) in wanted.items():
        mine = [case for case in cases if case.test.split("[")[0] == f"test_{name}"]
        assert judge(mine)[0] is status, name
        assert judge(mine)[1].startswith(told)
        assert (not_sound(mine) == "") == (name in ("passes",)), name


def test_run_reverts_no_report(project: Path) -> None:
    with pytest.raises(RulesError, match="pytest left no report"):
        run(["--no-such-option"], project, None)


def test_run_of_a_test_that_cannot_be_imported(project: Path) -> None:
    """It belongs to no test, and still proves nothing."""
    (project / "tests" / "test_box.py").write_text(
        "import nowhere_at_all\n\n\ndef test_value(): ...\n"
    )
    cases = run(["tests/test_box.py::test_value"], project, None)
    assert judge(cases)[0] is Status.PROVES_NOTHING
    assert not_sound(cases)


REPORT = """<testsuites><testsuite>
<testcase name="test_a[1]"/>
<testcase name="test_a[2]"><failure message="{message}">trace</failure></testcase>
<testcase name="test_a[2]"><error message="failed on teardown">trace</error></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("assert 1 == 2", Status.HELD),
        ("AssertionError: told&#10;assert 1 == 2", Status.HELD),
        ("Failed: DID NOT RAISE &lt;class 'plimsoll.evm.chain.Revert'&gt;", Status.HELD),
        ("plimsoll.evm.chain.Revert: MarginEngine.fill reverted: x", Status.HELD),
        ("tests.utils.twin.Mismatch: after fill: x", Status.HELD),
        ("plimsoll.evm.chain.Halt: OutOfGas", Status.PROVES_NOTHING),
        ("plimsoll.evm.artifacts.CompileError: x", Status.PROVES_NOTHING),
        ("ModuleNotFoundError: No module named 'x'", Status.PROVES_NOTHING),
        ("hypothesis.errors.Flaky: x", Status.PROVES_NOTHING),
        ("", Status.PROVES_NOTHING),
    ],
)
def test_judge_by_what_was_raised(message: str, status: Status) -> None:
    """In one of two cases is enough; an error after the failure does not unmake it."""
    cases = read_report(REPORT.format(message=message))
    assert [case.outcome for case in cases] == ["passed", "failed", "error"]
    assert judge(cases)[0] is status


@pytest.mark.parametrize(
    ("cases", "status"),
    [
        ([], Status.PROVES_NOTHING),
        ([Case("test_a", "passed")], Status.NOT_HELD),
        ([Case("test_a", "skipped", "no node")], Status.PROVES_NOTHING),
        # an identity that breaks after a test that noticed nothing
        ([Case("test_a", "passed"), Case("test_a", "error", "teardown")], Status.PROVES_NOTHING),
        ([Case("test_a", "failed", "assert x"), Case("test_b", "failed", "OSError")], None),
    ],
)
def test_judge_without_a_proof(cases: list[Case], status: Status | None) -> None:
    assert judge(cases)[0] is (status or Status.PROVES_NOTHING)


def test_raised() -> None:
    assert raised("assert 1 == 2") == "AssertionError"
    assert raised("a.b.Revert: told") == "Revert"
    assert raised("Failed") == "Failed"
    assert raised("?") == ""


def test_not_sound() -> None:
    assert not_sound([Case("test_a", "passed")]) == ""
    assert not_sound([]) == "pytest did not run it"
    skipped = not_sound([Case("test_a", "passed"), Case("test_a[1]", "skipped", "no node")])
    assert skipped == "skipped without a patch: test_a[1]: no node"


# -- the table -------------------------------------------------------------------------------------


def test_select(project: Path, add_rule: AddRule) -> None:
    for number in (1, 2, 3):
        add_rule(f"LED-{number}", "test_value")
    rules = read_rules(project)
    assert select(rules, ()) == rules
    assert [rule.id for rule in select(rules, ("led-3", "LED-1"))] == ["LED-1", "LED-3"]
    with pytest.raises(UnknownRuleError, match="no rule 'LED-4'; it has: LED-1, LED-2, LED-3"):
        select(rules, ("LED-4",))


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (None, "run this from a checkout"),
        ("# Nothing", "has no section"),
        ("## 11. Where each rule is held\n", "has no row"),
        ("## 11. Where each rule is held\n| LED-1 | `Box.vy` | `test_value` |\n", "a row must be"),
        ("## 11. Where each rule is held\n| LED-1 | not built | `test_value` |\n", "a row must be"),
        (
            "## 11. Where each rule is held\n" + 2 * "| LED-1 | not built | - |\n",
            "in the table twice: LED-1",
        ),
    ],
)
def test_read_rules_reverts(tmp_path: Path, page: str | None, told: str) -> None:
    if page is not None:
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "SPEC.md").write_text(page)
    with pytest.raises(RulesError, match=told):
        read_rules(tmp_path)


def test_test_file_is_one_that_runs_contracts(project: Path) -> None:
    """Not a test of the reference model alone, and one only."""
    rule = Rule("LED-1", "Box.vy", "_add", "test_twice", project)
    model = project / "tests" / "unit" / "reference"
    model.mkdir(parents=True)
    (model / "test_model.py").write_text("def test_twice(): ...\n")
    with pytest.raises(RulesError, match="runs on the reference model alone"):
        rule.test_file()
    for name in ("test_one.py", "test_two.py"):
        (project / "tests" / name).write_text("def test_twice(): ...\n")
        if name == "test_one.py":
            assert rule.node() == "tests/test_one.py::test_twice"
    with pytest.raises(RulesError, match="in several files"):
        rule.test_file()
