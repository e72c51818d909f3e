"""Every reason with which a contract reverts is named by a test of its contract."""

import re
from pathlib import Path

import pytest

from plimsoll.evm.artifacts import contracts_folder

TESTS = Path(__file__).parents[2]
REASON = re.compile(r'"([a-z]+(?: [a-z]+)*: [^"\n]+)"')

#: where the tests of a prefix are
FOLDERS = {
    "fund": "unit/insurance_fund",
    "lens": "unit/margin_lens",
    "oracle": "unit/price_oracle",
    "risk": "unit/risk_model",
    "timelock": "unit/governance",
    "arrears": "unit/collateral_vault",
    "collateral": "unit/collateral_vault",
    "vault": "unit/collateral_vault",
    "aggregator": "unit/testing_contracts",
    "token": "unit/testing_contracts",
    "wallet": "unit/testing_contracts",
}
#: from snekmate's ownable, which the owner functions stand on
IMPORTED = ("ownable: caller is not the owner", "ownable: new owner is the zero address")
#: would take a token whose approval fails after its transfer worked; there is none in testing/
UNREACHED = ("fund: approve failed",)
#: the two places that revert for others, with a reason they are given or ask for
PASSED_ON = ("raise reason", "raise staticcall Reasons(self).reason(code)")


def reasons() -> dict[str, str]:
    """Reason -> source file, of all contracts."""
    found = {}
    folder = contracts_folder()
    for path in sorted(folder.rglob("*.vy")):
        for line in path.read_text().splitlines():
            code = line.split("#")[0]
            for reason in REASON.findall(code):
                found[reason] = path.relative_to(folder).as_posix()
    for reason in UNREACHED:
        del found[reason]  # fails when it is gone from the contracts
    return found | dict.fromkeys(IMPORTED, "snekmate")


def named(folder: Path) -> str:
    """All test code of a folder but this file."""
    return "\n".join(
        path.read_text()
        for path in sorted(folder.glob("test_*.py"))
        if path.name != "test_reasons.py"
    )


@pytest.mark.parametrize(("reason", "source"), sorted(reasons().items()))
def test_reason_is_named_by_a_test(reason: str, source: str) -> None:
    folder = FOLDERS.get(reason.split(":")[0], "unit/margin_engine")
    # what the engine refuses because of collateral is tried with a vault
    places = [folder] if folder != "unit/margin_engine" else [folder, "unit/collateral_vault"]
    assert any(f'"{reason}"' in named(TESTS / place) for place in places), (
        f"no test in {folder} names the reason {reason!r} of {source}; write one that gets there"
    )


def test_reasons_fit() -> None:
    """At most 32 bytes, so that the engine's helper takes them."""
    assert max(len(reason) for reason in reasons()) <= 40
    engine = [r for r, source in reasons().items() if source.startswith(("modules", "Margin"))]
    assert len(engine) > 90
    assert [reason for reason in engine if len(reason) > 32] == []


def test_reasons_have_no_assert_without_one() -> None:
    """No bare assert or raise in what is deployed."""
    bare = []
    folder = contracts_folder()
    for path in (*folder.glob("*.vy"), *folder.glob("modules/*.vy")):
        text = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
        text = re.sub(r"#.*", "", text)
        for found in re.finditer(r"^ +(assert|raise)\b", text, re.MULTILINE):
            # the statement: until its brackets are closed at the end of a line
            statement, depth = "", 0
            for line in text[found.start() :].splitlines():
                statement += line
                depth += line.count("(") - line.count(")")
                if depth == 0:
                    break
            if '"' not in statement and not statement.strip().startswith(PASSED_ON):
                bare.append(f"{path.name}: {statement.strip()}")
    assert bare == []
