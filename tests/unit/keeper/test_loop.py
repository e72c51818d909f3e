"""The loop of `--watch`, what a tick prints, and the command line's refusals."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from plimsoll.cli import main
from plimsoll.keeper import Action, Kind, Left, Outcome, Result, TickReport
from plimsoll.keeper.cli import loop
from plimsoll.keeper.connect import record_path

WAD = 10**18


def report(*results: Result, left: tuple[Left, ...] = ()) -> TickReport:
    return TickReport(time=5, accounts=3, results=list(results), left=list(left))


def result(outcome: Outcome, account: int = 7, **more: int) -> Result:
    action = Action(Kind.TAKEOVER, account, "because [of] it", market=1, size=WAD)
    return Result(action, outcome, "said [no]", **more)


class Stop(threading.Event):
    """An event that notes the pauses and is set after some of them."""

    def __init__(self, pauses: int) -> None:
        super().__init__()
        self.left = pauses
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        self.left -= 1
        if self.left <= 0:
            self.set()
        return True


def run(heads: list[int | Exception], tick: Callable[[], TickReport], pauses: int) -> Stop:
    stop = Stop(pauses)
    told = iter(heads)

    def head() -> int:
        value = next(told)
        if isinstance(value, Exception):
            raise value
        return value

    loop(tick, head, lambda _: None, stop, 1.0)
    return stop


def test_one_tick_for_each_new_block() -> None:
    ticks = []
    run([1, 1, 2, 2, 2], lambda: ticks.append(1) or report(), 3)  # type: ignore[func-returns-value]
    assert len(ticks) == 2


def test_errors_make_the_pauses_longer_and_success_short_again() -> None:
    down = [ConnectionError("down")] * 8
    stop = run([*down, 1, ConnectionError("down")], report, 9)
    assert stop.pauses == [2, 4, 8, 16, 32, 60, 60, 60, 2]


def test_a_tick_that_raises_is_tried_again_on_the_same_block() -> None:
    ticks = []

    def tick() -> TickReport:
        ticks.append(1)
        if len(ticks) == 1:
            raise TimeoutError("slow node")
        return report()

    run([1, 1, 1], tick, 2)
    assert len(ticks) == 2


def test_a_stop_before_the_first_look() -> None:
    stop = threading.Event()
    stop.set()
    done: list[str] = []
    loop(
        lambda: done.append("tick") or report(),  # type: ignore[func-returns-value]
        lambda: done.append("look") or 1,  # type: ignore[func-returns-value]
        lambda _: done.append("told"),
        stop,
        1.0,
    )
    assert done == []


@pytest.mark.parametrize(
    ("what", "ok"),
    [
        (report(), True),
        (report(result(Outcome.DONE)), True),
        (report(result(Outcome.MOOT)), True),
        (report(result(Outcome.FAILED)), False),
        (report(result(Outcome.REFUSED)), True),  # another choice worked
        (report(result(Outcome.REFUSED), left=(Left(7, "nothing"),)), False),
        (report(result(Outcome.REFUSED), left=(Left(8, "nothing"),)), True),
        (report(left=(Left(8, "no capital"),)), True),
    ],
)
def test_when_a_tick_is_well(what: TickReport, ok: bool) -> None:
    assert what.ok is ok


def test_json_is_one_line_and_keeps_large_numbers() -> None:
    text = report(result(Outcome.DONE, 2**250, reward=3 * WAD, gas=100)).to_json()
    told = json.loads(text)
    assert "\n" not in text
    assert told["rewards"] == "3000000000000000000"
    assert int(told["actions"][0]["account"], 16) == 2**250
    assert (told["takeovers"], told["gas"], told["ok"]) == (1, 100, True)


def test_the_table_shows_brackets_as_they_are() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report(result(Outcome.FAILED), left=(Left(8, "[odd]"),)).table())
    text = console.export_text()
    assert "because [of] it" in text
    assert "said [no]" in text
    assert "[odd]" in text
    assert "1 failed, 1 left" in text


def test_liq_7_what_was_done_with_collateral_is_told() -> None:
    """In the headline, and in JSON with what was spent."""
    kinds = (Kind.OPEN_SALE, Kind.SEIZE, Kind.NOTE, Kind.CLEAR)
    done = [Result(Action(kind, 7, "due"), Outcome.DONE) for kind in kinds]
    bought = Action(Kind.BUY, 7, "cheap", token="0xc0", units=5)
    found = report(*done, Result(bought, Outcome.DONE, spent=90 * WAD))
    for text in ("1 put up for sale", "1 bought", "1 seized", "1 overdue noted", "spent 90.00"):
        assert text in found.headline()
    told = json.loads(found.to_json())
    assert (told["sales"], told["bought"], told["seized"]) == (1, 1, 1)
    assert (told["noted"], told["cleared"], told["spent"]) == (1, 1, str(90 * WAD))
    assert told["actions"][-1]["token"] == "0xc0"
    assert told["actions"][-1]["spent"] == str(90 * WAD)
    assert told["actions"][0]["token"] is None


@pytest.mark.parametrize("option", [("--buy-collateral", "-1"), ("--min-discount", "1.5")])
def test_liq_7_options_out_of_range(option: tuple[str, str]) -> None:
    done = CliRunner().invoke(main, ["keeper", "--once", *option, "--dry-run"])
    assert done.exit_code == 2
    assert "is not in the range" in done.output


@pytest.mark.parametrize(
    ("network", "name"),
    [("ethereum:local:foundry", "local"), ("ethereum:sepolia:node", "sepolia"), ("base", "base")],
)
def test_where_the_record_is(network: str, name: str) -> None:
    assert record_path(network) == Path("deployments") / f"{name}.json"


def test_the_command_is_in_the_table() -> None:
    done = CliRunner().invoke(main, ["keeper", "--help"])
    assert done.exit_code == 0
    assert "--dry-run" in done.output
    assert "--once" in done.output


def test_an_account_is_wanted_before_anything_is_connected() -> None:
    done = CliRunner().invoke(main, ["keeper", "--once"])
    assert done.exit_code == 2
    assert "--account" in done.output
