"""`plimsoll demo` as it is typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plimsoll.cli import main


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, ["demo", *args])


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    lines = ["timestamp,open,high,low,close"]
    price = 100.0
    for n in range(24):
        move = (1.5, -1.0, 0.5, -2.0)[n % 4] * (3 if n > 16 else 1)
        high, low = max(price, price + move) + 0.5, min(price, price + move) - 0.5
        lines.append(f"{1_600_000_000 + 60 * n},{price},{high},{low},{price + move}")
        price += move
    path = tmp_path / "coin.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_demo_writes_summary_trace_and_report(tmp_path: Path, bars: Path) -> None:
    out, summary, trace = tmp_path / "out", tmp_path / "a" / "s.json", tmp_path / "t.jsonl.gz"
    result = invoke(
        "--prices", f"COIN={bars}", "--accounts", "12", "--out", str(out),
        "--json", str(summary), "--trace", str(trace),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Solvent to the wei" in result.output
    found = json.loads(summary.read_text())
    assert found["markets"] == ["COIN"]
    assert found["steps"] == 96
    page = (out / "report.html").read_text()
    assert "Plimsoll demo" in page
    assert "<script src=" not in page  # nothing is fetched
    again = CliRunner().invoke(main, ["replay", str(trace), "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.output)["reference_mismatches"] == 0


def test_demo_ends_with_1_when_something_is_wrong(
    tmp_path: Path, bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a rule of the model that is not the contracts'
    monkeypatch.setattr("plimsoll.reference.trading.TREASURY_SHARE", 3 * 10**17)
    result = invoke("--prices", f"COIN={bars}", "--accounts", "12", "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "account treasury: cash" in result.output


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--start", "2030-01-01"], "has no prices from 2030-01-01 00:00"),
        (["--start", "soon"], "is no time"),
        (["--prices", "BTC"], "is not NAME=FILE"),
        (["--prices", "BTC=nowhere.csv"], "cannot be read"),
        (["--accounts", "3"], "is not from 12 to 2000"),
        (["--prices", "A=x.csv", "--prices", "A=y.csv"], "names A twice"),
        (["--network", "mainnet"], "is not one of"),
    ],
)
def test_demo_reverts_what_makes_no_sense(args: list[str], text: str) -> None:
    result = invoke(*args)
    assert result.exit_code != 0
    assert text in " ".join(result.output.split())
