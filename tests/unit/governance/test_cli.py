"""`plimsoll governance` on the chain in the process: what it takes, prints and refuses."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from click.testing import CliRunner, Result

from plimsoll.governance import Governor, State, cli
from plimsoll.keeper.connect import ConnectionFailed
from plimsoll.protocol import Plimsoll, ProtocolError

DAY = 86_400
WAD = 10**18
# the roles of deployments/local.yaml
PROPOSER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
STEWARD = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"

Run = Callable[..., Result]


@pytest.fixture
def run(governor: Governor, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command line; the account's alias is its address."""

    @contextlib.contextmanager
    def connected(where: Mapping[str, Any]) -> Iterator[tuple[Governor, Any]]:
        try:
            yield governor, where.get("account")
        except ProtocolError as error:
            raise ConnectionFailed(str(error)) from None

    monkeypatch.setattr(cli, "_connected", connected)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli.main, list(arguments))

    return invoke


def test_schedule_list_execute(plimsoll: Plimsoll, governor: Governor, run: Run) -> None:
    assert run("list").output == "nothing is scheduled\n"
    done = run("schedule", "engine", "set_guardian", STEWARD, "--account", PROPOSER)
    assert done.exit_code == 0, done.output
    told = done.output.splitlines()
    assert told[0] == f"engine.set_guardian(guardian={STEWARD})"
    operation = governor.operations()[0]
    assert told[1] == f"id    {operation.id}"
    assert told[2].startswith("due   ")
    assert told[3] == "scheduled"
    listed = run("list").output
    assert operation.id in listed
    assert "waiting" in listed

    early = run("execute", operation.id[:10], "--account", PROPOSER)
    assert early.exit_code == 1
    assert f"due at {operation.due}, in {DAY} s; execute it then" in early.output
    plimsoll.backend.advance(DAY)
    assert "ready" in run("list").output
    done = run("execute", operation.id[:10], "--account", "0x" + "77" * 20)
    assert done.output.splitlines()[-1] == "executed"
    assert plimsoll.engine.guardian() == STEWARD
    assert run("list").output == "nothing is scheduled\n"
    assert "done" in run("list", "--all").output


def test_cancel(governor: Governor, run: Run) -> None:
    run("schedule", "engine", "set_guardian", STEWARD, "--account", PROPOSER)
    operation = governor.operations()[0]
    refused = run("cancel", operation.id, "--account", STEWARD)
    assert refused.exit_code == 1
    assert "may not cancel: it has no CANCELLER_ROLE" in refused.output
    assert run("cancel", operation.id, "--account", PROPOSER).output.endswith("cancelled\n")
    assert governor.operations()[0].state is State.CANCELLED


def test_structs_names_and_underscores(governor: Governor, run: Run) -> None:
    """A configuration as JSON; amounts as text, since JSON's numbers are not exact everywhere."""
    config = {
        "oi_cap": str(7_000 * WAD),
        "min_notional": 10 * WAD,
        "max_notional": f"{50_000_000 * WAD:_}",
        "band": 2_000,
        "penalty_min": 500,
        "penalty_max": 1_500,
        "maker_fee": 200,
        "taker_fee": 500,
        "reduce_only": True,
        "takeover_share": 4,
    }
    text = json.dumps(config)
    done = run("schedule", "engine", "set_market", "0", text, "--account", PROPOSER, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.output)
    assert data["sent"] is True
    assert data["state"] == "waiting"
    wanted = governor.plimsoll.market_state("BTC").config._replace(
        oi_cap=7_000 * WAD, reduce_only=True
    )
    operation = governor.operation("engine", "set_market", (0, wanted))
    assert data["calls"][0]["payload"] == "0x" + operation.calls[0].payload.hex()
    done = run("schedule", "engine", "transfer_ownership", "timelock", "--account", PROPOSER)
    assert governor.timelock.address in done.output


def test_dry_run_sends_nothing(governor: Governor, run: Run) -> None:
    done = run("schedule", "engine", "set_guardian", STEWARD, "--dry-run", "--account", PROPOSER)
    assert done.output.endswith("nothing was sent\n")
    assert governor.operations() == []


def test_salt_and_after(governor: Governor, run: Run) -> None:
    run("schedule", "engine", "set_guardian", STEWARD, "--account", PROPOSER)
    first = governor.operations()[0]
    again = run("schedule", "engine", "set_guardian", STEWARD, "--account", PROPOSER)
    assert "was scheduled before and is waiting; give it another salt" in again.output
    more = ("--salt", "1", "--after", first.id, "--delay", str(2 * DAY), "--json")
    done = run("schedule", "engine", "set_guardian", STEWARD, "--account", PROPOSER, *more)
    data = json.loads(done.output)
    assert int(data["salt"], 16) == 1
    assert data["predecessor"] == first.id
    assert data["due"] == first.due + DAY
    listed = json.loads(run("list", "--json").output)
    assert [each["id"] for each in listed] == [first.id, data["id"]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("engine", "set_guardian"), "does not take 0 arguments; it takes (guardian: address)"),
        (("engine", "set_guardian", "me"), "the argument guardian (address): 'me' is no address"),
        (("engine", "set_allowance", "0", "1.5"), "the argument cap (uint256): invalid literal"),
        (
            ("engine", "restrict_market", "0", "1", "yes"),
            "the argument reduce_only (bool): 'yes' is neither true nor false",
        ),
        (("engine", "set_market", "0", "{}"), "the argument config is JSON with exactly oi_cap"),
        (("engine", "set_market", "0", "{"), "the argument config (tuple): "),
        (("engin", "set_market"), "there is no contract 'engin'"),
        (("engine", "set_allowance", "0", "-1"), "does not take these arguments"),
    ],
)
def test_schedule_errors(run: Run, arguments: tuple[str, ...], told: str) -> None:
    done = run("schedule", "--account", PROPOSER, "--", *arguments)
    assert done.exit_code == 1
    assert told in done.output


def test_unknown_operation(run: Run) -> None:
    done = run("execute", "0xdead", "--account", PROPOSER)
    assert done.exit_code == 1
    assert "0 operations begin with 0xdead; see `plimsoll governance list`" in done.output


def test_account_is_asked_for() -> None:
    done = CliRunner().invoke(cli.main, ["schedule", "engine", "set_guardian", STEWARD])
    assert done.exit_code == 2
    assert "name the account that sends (--account), or add --dry-run" in done.output
