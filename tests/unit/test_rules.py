"""docs/SPEC.md, section 11: every rule of the design has code, a test and a patch that exist."""

import re

import pytest

from plimsoll.rules.patches import function_text, plant, roots_of
from plimsoll.rules.table import PROJECT, Rule, read_rules

#: rules of a family
RULES = {"LED": 9, "MRG": 7, "TRD": 4, "ORC": 3, "LIQ": 9}
#: named in the head of the specification as not there yet
MISSING: set[str] = set()
BUILT = [rule for rule in read_rules() if rule.id not in MISSING]

each_rule = pytest.mark.parametrize("rule", BUILT, ids=lambda rule: rule.id)


def test_rules_are_all_there() -> None:
    wanted = {f"{family}-{n}" for family, count in RULES.items() for n in range(1, count + 1)}
    assert {rule.id for rule in read_rules()} == wanted
    assert {rule.id for rule in read_rules() if not rule.built} == MISSING
    page = (PROJECT / "docs" / "SPEC.md").read_text()
    head = page[: page.index("## 1. Numbers")]
    assert set(re.findall(r"[A-Z]{3}-\d+", head)) == MISSING


@each_rule
def test_rule_has_code_and_test(rule: Rule) -> None:
    """The test is one that runs the contracts, and the only one of its name."""
    assert function_text(PROJECT / "contracts" / rule.file, rule.function)
    assert rule.test.startswith(f"test_{rule.id.lower().replace('-', '_')}_")
    assert (PROJECT / rule.test_file()).is_file()


@each_rule
def test_rule_has_a_patch(rule: Rule, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It applies, and changes the function of the table; `plimsoll rules check` runs the test."""
    assert rule.patch.is_file(), f"write {rule.patch.name}"
    contracts = plant(rule.patch, tmp_path_factory.mktemp(rule.id))
    own = function_text(PROJECT / "contracts" / rule.file, rule.function)
    assert function_text(contracts / rule.file, rule.function) != own
    head = rule.patch.read_text().split("\nRoots: ")[0]
    assert len(head) > 40, f"{rule.patch.name} does not say what goes wrong"


def test_every_patch_has_a_rule() -> None:
    """A patch of a rule that was renamed would be checked by nobody."""
    found = {path.stem for path in (PROJECT / "tests" / "rules").glob("*.patch")}
    assert found == {rule.id for rule in BUILT}


def test_patches_differ() -> None:
    """No line stands for two rules."""
    texts = [rule.patch.read_text().split("\n--- ")[1] for rule in BUILT]
    assert len(set(texts)) == len(BUILT)
    assert all(roots_of(rule.patch) for rule in BUILT)
