"""`plimsoll rules`: what it prints and how it ends."""

import json

import pytest
from click.testing import CliRunner

from plimsoll.rules import cli
from plimsoll.rules.check import Result, Status
from plimsoll.rules.table import read_rules


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Status]:
    """What the check finds of each rule; all are held but for those in here."""
    statuses: dict[str, Status] = {}

    def check(rules, workers, say):
        results = [
            Result(rule, statuses.get(rule.id, Status.HELD), f"[told of {rule.id}]", 1.26)
            for rule in rules
        ]
        for result in results:
            say(result)
        assert workers == 2
        return results

    monkeypatch.setattr(cli, "check", check)
    return statuses


def test_list() -> None:
    done = CliRunner(mix_stderr=False).invoke(cli.main, ["list", "LED-9", "liq-8"])
    assert done.exit_code == 0
    for told in ("modules/listing.vy", "_check_limits", "tests/rules/LIQ-8.patch"):
        assert told in done.output
    assert "TRD-1" not in done.output


def test_list_json() -> None:
    done = CliRunner(mix_stderr=False).invoke(cli.main, ["list", "--json"])
    rules = {row["rule"]: row for row in json.loads(done.output)["rules"]}
    assert list(rules) == [rule.id for rule in read_rules()]
    assert rules["TRD-3"] == {
        "rule": "TRD-3",
        "file": "contracts/modules/trading.vy",
        "function": "_check_cap",
        "test": "tests/unit/margin_engine/test_rules_margin.py::test_trd_3_caps",
        "patch": "tests/rules/TRD-3.patch",
        "roots": ["MarginEngine"],
    }


def test_check_default(found: dict[str, Status]) -> None:
    done = CliRunner(mix_stderr=False).invoke(cli.main, ["check", "LED-1", "LED-2"])
    assert done.exit_code == 0
    assert "LED-1: held" in done.stderr
    assert "2 of 2 rules are held" in done.stdout
    assert "[told of LED-1]" in done.stdout


@pytest.mark.parametrize("status", [s for s in Status if s not in (Status.HELD, Status.NOT_BUILT)])
def test_check_fails(found: dict[str, Status], status: Status) -> None:
    found["LED-2"] = status
    done = CliRunner(mix_stderr=False).invoke(cli.main, ["check", "LED-1", "LED-2", "--json"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["held"] is False
    assert [(row["rule"], row["status"], row["seconds"]) for row in told["rules"]] == [
        ("LED-1", "held", 1.3),
        ("LED-2", status, 1.3),
    ]


def test_check_leaves_out_what_is_not_built(found: dict[str, Status]) -> None:
    found["LED-2"] = Status.NOT_BUILT
    done = CliRunner(mix_stderr=False).invoke(cli.main, ["check", "LED-1", "LED-2"])
    assert done.exit_code == 0
    assert "1 of 2 rules are held" in done.stdout


@pytest.mark.parametrize("command", ["list", "check"])
def test_unknown_rule(command: str) -> None:
    done = CliRunner(mix_stderr=False).invoke(cli.main, [command, "LED-99"])
    assert done.exit_code == 1
    assert "the table has no rule 'LED-99'; it has: LED-1" in done.stderr


@pytest.mark.slow
def test_every_rule_is_held() -> None:
    """The whole check, without a patch and with each of them."""
    done = CliRunner(mix_stderr=False).invoke(cli.main, ["check", "--json"])
    told = json.loads(done.stdout)
    assert [row for row in told["rules"] if row["status"] not in ("held", "not built")] == []
    assert (done.exit_code, told["held"]) == (0, True)
