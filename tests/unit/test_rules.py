"""docs/SPEC.md, section 11: every rule of the design has code and a test that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: rules of a family
RULES = {"LED": 9, "MRG": 7, "TRD": 4, "ORC": 3, "LIQ": 9}
#: named in the head of the specification as not there yet
MISSING: set[str] = set()
ROW = re.compile(r"^\| ([A-Z]{3}-\d+) \| (?:`(\S+)` `(\w+)`|not built) \| (?:`(\w+)`|-) \|$", re.M)


def rows() -> dict[str, tuple[str, str, str]]:
    """Rule -> file, function and test, empty where it is not built."""
    page = (ROOT / "docs" / "SPEC.md").read_text()
    section = page[page.index("## 11. Where each rule is held") :]
    return {rule: (file, function, test) for rule, file, function, test in ROW.findall(section)}


def test_rules_are_all_there() -> None:
    wanted = {f"{family}-{n}" for family, count in RULES.items() for n in range(1, count + 1)}
    assert set(rows()) == wanted
    assert {rule for rule, (file, _, _) in rows().items() if not file} == MISSING
    page = (ROOT / "docs" / "SPEC.md").read_text()
    head = page[: page.index("## 1. Numbers")]
    assert set(re.findall(r"[A-Z]{3}-\d+", head)) == MISSING


@pytest.mark.parametrize("rule", sorted(set(rows()) - MISSING))
def test_rule_has_code_and_test(rule: str) -> None:
    file, function, test = rows()[rule]
    code = (ROOT / "contracts" / file).read_text()
    assert re.search(rf"^def {function}\(", code, re.M), f"{file} has no {function}"
    assert test.startswith(f"test_{rule.lower().replace('-', '_')}_")
    found = [
        path
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(rf"^def {test}\(", path.read_text(), re.M)
    ]
    assert found, f"there is no {test}"
