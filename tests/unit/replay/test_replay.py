"""A trace against the reference model: clean as recorded, and any change is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from plimsoll.cli import main
from plimsoll.replay import TraceError, replay

Lines = list[dict[str, Any]]
Changed = Callable[[Callable[[Lines], None]], Path]


def nth(lines: Lines, call: str, n: int = 3) -> dict[str, Any]:
    return [line for line in lines if line.get("call") == call and line["ok"]][n]


def test_replay_default(trace: Path) -> None:
    report = replay(trace)
    assert report.details == []
    assert report.clean
    assert report.calls > 50
    assert report.identity_checks > 0


def cash_of_an_account(lines: Lines) -> None:
    accounts = nth(lines, "engine.fill")["accounts"]
    account = max(accounts)
    accounts[account]["cash"] = str(int(accounts[account]["cash"]) + 1)


def a_size(lines: Lines) -> None:
    account = max(nth(lines, "engine.fill")["accounts"].values(), key=lambda a: len(a["legs"]))
    leg = next(iter(account["legs"].values()))
    leg["size"] = str(int(leg["size"]) - 1)


def a_market(lines: Lines) -> None:
    market = next(iter(nth(lines, "engine.fill")["markets"].values()))
    market["oi"] = str(int(market["oi"]) + 1)


def an_argument(lines: Lines) -> None:
    line = nth(lines, "engine.deposit")
    line["args"]["amount"] += 1


def a_price(lines: Lines) -> None:
    for line in lines[lines.index(nth(lines, "engine.fill")) :]:
        for price in line.get("prices", {}).values():
            price[0] = str(int(price[0]) + 10**10)


def the_signer(lines: Lines) -> None:
    nth(lines, "engine.fill")["args"]["signer"] = None


def whether_it_was_taken(lines: Lines) -> None:
    line = nth(lines, "engine.fill")
    line.update(ok=False, reason="told so", accounts={}, markets={})


@pytest.mark.parametrize(
    "change",
    [
        cash_of_an_account,
        a_size,
        a_market,
        an_argument,
        a_price,
        the_signer,
        whether_it_was_taken,
    ],
)
def test_a_changed_line_is_found(changed: Changed, change: Callable[[Lines], None]) -> None:
    report = replay(changed(change))
    assert report.reference_mismatches > 0
    assert report.first.startswith("line ")


def test_a_missing_call_is_found(changed: Changed) -> None:
    def drop(lines: Lines) -> None:
        lines.remove(nth(lines, "engine.fill"))
        lines[-1]["end"] -= 1

    assert replay(changed(drop)).reference_mismatches > 0


def test_tokens_that_do_not_add_up_are_an_identity_violation(changed: Changed) -> None:
    def more(lines: Lines) -> None:
        for line in lines:
            for account in line.get("accounts", {}).values():
                if len(account["legs"]) > 1:
                    account["cash"] = str(int(account["cash"]) + 10**18)

    report = replay(changed(more))
    assert report.reference_mismatches > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: lines.clear(), "is no trace|no JSON|empty"),
        (lambda lines: lines[0].update(plimsoll_trace=9), "line 1: this is no trace of version 4"),
        (lambda lines: lines[0].pop("decimals"), "line 1: the header is malformed"),
        (lambda lines: lines.pop(), "the trace is cut off after"),
        (lambda lines: lines.pop(20), "the trace should have"),
        (lambda lines: lines[20].pop("time"), "line 21: the line is malformed"),
        (lambda lines: lines[20].update(args=5), "line 21"),
        (lambda lines: lines[20].update(call="engine.steal"), "line 21: there is no call"),
        (lambda lines: lines[20].update(prices={"x": 1}), "line 21: the line is malformed"),
        (lambda lines: lines.append(lines[1]), "there is more after the last line"),
    ],
)
def test_reverts_a_malformed_trace_with_its_line(
    changed: Changed, change: Callable[[Lines], None], text: str
) -> None:
    with pytest.raises(TraceError, match=text):
        replay(changed(change))


def test_reverts_a_line_cut_in_the_middle(trace: Path, tmp_path: Path) -> None:
    text = trace.read_text()
    file = tmp_path / "cut.jsonl"
    file.write_text(text[: len(text) // 2])
    line = file.read_text().count("\n") + 1
    with pytest.raises(TraceError, match=f"line {line}: the line is no JSON; the file ends"):
        replay(file)


def test_reverts_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        replay(tmp_path / "none.jsonl")


def test_command_prints_what_was_found(trace: Path, changed: Changed) -> None:
    fine = CliRunner().invoke(main, ["replay", str(trace)])
    assert fine.exit_code == 0
    assert "reference_mismatches  0" in fine.output
    bad = CliRunner().invoke(main, ["replay", str(changed(cash_of_an_account))])
    assert bad.exit_code == 1
    assert "first: line " in bad.output
    cut = CliRunner().invoke(main, ["replay", str(changed(lambda lines: lines.pop()))])  # type: ignore[arg-type,return-value]
    assert cut.exit_code == 1
    assert "cut off" in cut.output
