"""The main job in full: on 2008, on May 2021, and on Anvil with the keeper as its own process."""

import json
import os
import shutil
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
ANVIL = ROOT / "node_modules" / ".bin" / "anvil"
COINS = ("btc", "eth", "link", "doge")

pytestmark = pytest.mark.slow


def demo(folder: Path, *args: str) -> tuple[dict[str, Any], float]:
    """Run `plimsoll demo` as a process; return its summary and its seconds."""
    code = "from plimsoll.cli import main; main()"
    summary = folder / "summary.json"
    command = [sys.executable, "-c", code, "demo", "--out", str(folder), "--json", str(summary)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    began = time.monotonic()
    done = subprocess.run(
        [*command, *args],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(summary.read_text()), time.monotonic() - began


def check(found: dict[str, Any], folder: Path) -> None:
    """What issues A and B ask of every run."""
    assert found["identity_violations"] == 0, found["details"]
    assert found["reference_mismatches"] == 0, found["details"]
    counts = ("fills", "takeovers", "order_liquidations", "resolved", "margin_calls", "cured")
    for name in (*counts, "called_takeovers", "syncs", "announcements", "announcements_ended"):
        assert found[name] > 0, name
    assert Decimal(found["funding_paid"]) > 0
    sold = found["collateral"]
    assert sold["sold"] > 0
    assert Decimal(sold["paid"]) < Decimal(sold["value"])
    page = (folder / "report.html").read_text()
    assert "<script src=" not in page
    assert "Collateral sold" in page


def replayed(trace: Path) -> dict[str, Any]:
    code = "from plimsoll.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "replay", str(trace), "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_default_prices(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl.gz"
    found, seconds = demo(tmp_path, "--trace", str(trace))
    check(found, tmp_path)
    assert found["markets"] == ["SP500", "NASDAQ", "WTI"]
    assert found["steps"] == 421
    # a bound for a loaded machine; the target is a minute on two free cores
    assert seconds < 240
    report = replayed(trace)
    assert report["calls"] == found["calls"]
    assert report["identity_violations"] == report["reference_mismatches"] == 0


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")
def test_may_2021(tmp_path: Path) -> None:
    files = {
        coin: DATA / f"{coin}_usdt_spot_binance_1m_2021-04-20_2021-05-20.csv.gz" for coin in COINS
    }
    prices = [
        part for coin, file in files.items() for part in ("--prices", f"{coin.upper()}={file}")
    ]
    window = ["--start", "2021-05-19", "--end", "2021-05-20", "--accounts", "200"]
    found, seconds = demo(tmp_path, *prices, *window)
    check(found, tmp_path)
    assert (found["steps"], found["accounts"]) == (1_440, 200)
    assert seconds < 240


@pytest.mark.anvil
@pytest.mark.skipif(
    not ANVIL.exists() or shutil.which("node") is None, reason="the npm packages are missing"
)
def test_anvil(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    found, seconds = demo(tmp_path, "--network", "anvil", "--trace", str(trace))
    check(found, tmp_path)
    assert found["network"] == "anvil"
    assert seconds < 600
    report = replayed(trace)
    assert report["identity_violations"] == report["reference_mismatches"] == 0
