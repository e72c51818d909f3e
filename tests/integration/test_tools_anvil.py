"""`plimsoll margin`, `announce`, `notices` and `settle` as people run them, on Anvil."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from plimsoll.protocol import Record, account_id

pytestmark = pytest.mark.anvil

ROOT = Path(__file__).parents[2]
# TEST::3 is the steward of deployments/local.yaml
STEWARD = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_tools_on_a_node(anvil_url: str, paths: dict[str, str], tmp_path: Path) -> None:
    record = tmp_path / "local.json"
    network = ("--network", "ethereum:local:foundry")
    host = {**paths, "APE_FOUNDRY_HOST": anvil_url}
    made = run(host, "ape", "run", "deploy", *network, "--record", str(record))
    assert made.returncode == 0, made.stderr
    assert Record.load(record).complete
    where = ("--deployment", str(record), "--node", anvil_url)

    account = hex(account_id(STEWARD))
    margin = run(paths, "plimsoll", "margin", account, *where, "--json", "-")
    assert margin.returncode == 0, margin.stderr
    assert json.loads(margin.stdout)["band"] == "healthy"

    change = ("sigma", "BTC", "0.025", "--start", "+26h", "--end", "+1d")
    sent = run(paths, "plimsoll", "announce", *change, *where, "--account", "TEST::3")
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout.endswith("announced\n")
    listed = run(paths, "plimsoll", "notices", *where, "--json", "-")
    assert listed.returncode == 0, listed.stderr
    (notice,) = json.loads(listed.stdout)["notices"]
    assert (notice["what"], notice["base"], notice["target"]) == ("sigma", "0.02", "0.025")

    settled = run(paths, "plimsoll", "settle", "--cycle", *where, "--account", "TEST::4")
    assert settled.returncode == 0, settled.stderr
    assert "claims open" in settled.stdout
    (kept,) = (tmp_path / "settlements").iterdir()
    assert json.loads(kept.read_text())["ok"] is True
