"""`plimsoll announce` and `plimsoll notices`: what they take, print, send and refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from plimsoll.governance import Governor
from plimsoll.notices import cli
from tests.utils.deployed import DAY, PROPOSER, STEWARD, Deployed, connection

Run = Callable[..., Result]
SOON = ("--start", "+25h", "--end", "+2h")


@pytest.fixture
def run(world: Deployed, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(cli, "connected", connection(world))
    monkeypatch.setattr(cli, "known_accounts", lambda *_: sorted(world.accounts))

    def invoke(command: str, *arguments: str) -> Result:
        return CliRunner().invoke(getattr(cli, f"{command}_command"), list(arguments))

    return invoke


def test_announce_and_list(world: Deployed, run: Run) -> None:
    """The steward's goes out at once, and is in the contract and in the list."""
    assert run("notices").output == "nothing is announced\n"
    done = run("announce", "f", "BTC", "0.11", *SOON, "--account", STEWARD)
    assert done.exit_code == 0, done.output
    assert "put into a margin call" in done.output
    assert "1 would be called" in done.output
    assert done.output.endswith("announced\n")
    change = world.risk.pending(1, 0)
    start = change.start
    assert (change.base, change.target, change.end) == (6 * 10**10, 11 * 10**10, start + 7_200)
    assert 0 <= world.now() + 25 * 3_600 - start <= 24
    listed = run("notices")
    for text in ("f", "BTC", "0.06", "0.11", "waiting", "put into a margin call"):
        assert text in listed.output
    data = json.loads(run("notices", "--json", "-").output)
    assert data["notices"][0]["target"] == "0.11"
    (called,) = data["effect"]["called"]
    assert int(called["missing"]) == int(called["maintenance"]) - int(called["equity"])


def test_dry_run_sends_nothing(world: Deployed, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "change.json"
    done = run("announce", "c", "ETH", "2", *SOON, "--dry-run", "--json", str(file))
    assert done.exit_code == 0, done.output
    assert done.output.endswith("nothing was sent\n")
    data = json.loads(file.read_text())
    assert (data["sent"], data["route"], data["operation"]) == (False, "direct", None)
    assert data["change"]["base"] == "1"
    assert data["effect"]["called"] == []
    assert world.risk.pending(5, 1).start == 0


def test_mrg_5_a_proposer_goes_through_the_timelock(world: Deployed, run: Run) -> None:
    """A day for the timelock and a day of notice: earlier is refused before it is sent, later is
    scheduled and ends in the contract."""
    soon = run("announce", "kappa", "all", "1.6", *SOON, "--account", PROPOSER)
    assert soon.exit_code == 1
    assert f"let it start {2 * DAY} s from now or later" in soon.output
    later = ("--start", "+49h", "--end", "+2h", "--account", PROPOSER, "--json", "-")
    done = run("announce", "kappa", "all", "1.6", *later)
    data = json.loads(done.output)
    assert (data["route"], data["sent"]) == ("timelock", True)
    world.wait(DAY)
    governor = Governor(world.plimsoll)
    arguments = (9, 0, 16 * 10**17, data["change"]["start"], data["change"]["end"])
    operation = governor.operation("risk", "announce", arguments)
    assert "0x" + operation.id.hex() == data["operation"]
    governor.execute(operation, sender=PROPOSER)
    assert world.risk.pending(9, 0).target == 16 * 10**17


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("f", "BTC", "0.2", *SOON), "risk: step too large"),
        (("f", "BTC", "0.07", "--start", "+23h", "--end", "+2h"), "risk: lead time too short"),
        (("g", "BTC", "0.03", *SOON), "risk: g below the feed's gap"),
        (("f", "XRP", "0.07", *SOON), "no market 'XRP'"),
        (("f", "BTC", "0.07", "--start", "soon", "--end", "+2h"), "'soon' is no time"),
    ],
)
def test_refused_before_it_is_sent(
    world: Deployed, run: Run, arguments: tuple[str, ...], told: str
) -> None:
    block = world.plimsoll.backend.block_number()
    done = run("announce", *arguments, "--account", STEWARD)
    assert done.exit_code == 1
    assert told in done.output
    assert world.plimsoll.backend.block_number() == block


def test_a_stranger_may_not(run: Run) -> None:
    done = run("announce", "f", "BTC", "0.07", *SOON, "--account", "0x" + "77" * 20)
    assert done.exit_code == 1
    assert "is neither the steward" in done.output


def test_account_is_asked_for() -> None:
    arguments: Any = ["f", "BTC", "0.07", *SOON]
    done = CliRunner().invoke(cli.announce_command, arguments)
    assert done.exit_code == 2
    assert "name the account that sends (--account), or add --dry-run" in done.output
