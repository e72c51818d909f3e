"""`ape run deploy`, as people call it: with a node of its own, and with one that is running."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from plimsoll.protocol import Record

ROOT = Path(__file__).parents[2]
ANVIL = ROOT / "node_modules" / ".bin" / "anvil"

pytestmark = [
    pytest.mark.anvil,
    pytest.mark.skipif(
        not ANVIL.exists() or shutil.which("node") is None, reason="anvil is missing: run `npm ci`"
    ),
]


def deploy(
    environment: dict[str, str], record: Path, *options: str, url: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the script; it writes to a record of the test's own."""
    extra = {"APE_FOUNDRY_HOST": url} if url else {}
    return subprocess.run(
        [
            *("ape", "run", "deploy", "--network", "ethereum:local:foundry"),
            *("--record", str(record), *options),
        ],
        env={**environment, **extra},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def governance(
    environment: dict[str, str], record: Path, *arguments: str, url: str
) -> subprocess.CompletedProcess[str]:
    """Run `plimsoll governance` on the deployment of a record."""
    where = ("--deployment", str(record), "--node", url)
    return subprocess.run(
        ["plimsoll", "governance", *arguments, *where],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def pass_time(url: str, seconds: int) -> None:
    """Let time go by on a node."""
    for method, parameters in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        request = urllib.request.Request(
            url, data=body.encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert "error" not in json.load(answer)


def test_running_node(anvil_url: str, paths: dict[str, str], tmp_path: Path) -> None:
    record = tmp_path / "local.json"

    tried = deploy(paths, record, "--dry-run", url=anvil_url)
    assert tried.returncode == 0, tried.stderr
    assert "steps would be done on ethereum:local:foundry" in tried.stdout
    assert not record.exists()

    first = deploy(paths, record, url=anvil_url)
    assert first.returncode == 0, first.stderr
    assert "transactions sent; verified" in first.stdout
    assert Record.load(record).complete
    before = record.read_bytes()

    second = deploy(paths, record, url=anvil_url)
    assert second.returncode == 0, second.stderr
    assert "nothing to do: everything is deployed as planned" in second.stdout
    assert record.read_bytes() == before

    # TEST::1 is the proposer of deployments/local.yaml, TEST::2 is none, anyone executes
    call = ("schedule", "engine", "set_allowance", "0", "5_000", "--json", "--account")
    refused = governance(paths, record, *call, "TEST::2", url=anvil_url)
    assert refused.returncode == 1
    assert "may not schedule: it has no PROPOSER_ROLE" in refused.stderr
    sent = governance(paths, record, *call, "TEST::1", url=anvil_url)
    assert sent.returncode == 0, sent.stderr
    operation = json.loads(sent.stdout)
    assert operation["state"] == "waiting"
    listed = governance(paths, record, "list", url=anvil_url)
    assert listed.stdout.startswith(f"{operation['id']}  waiting, due ")
    assert "engine.set_allowance(market=0, cap=5000)" in listed.stdout
    pass_time(anvil_url, 86_400)
    done = governance(
        paths, record, "execute", operation["id"], "--account", "TEST::2", url=anvil_url
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("executed\n")
    told = governance(paths, record, "list", "--all", "--json", url=anvil_url)
    assert [each["state"] for each in json.loads(told.stdout)] == ["done"]

    changed = deploy(paths, record, url=anvil_url)
    assert changed.returncode == 1
    assert "markets.BTC.allowance is 5000" in changed.stderr


@pytest.mark.slow
def test_fresh(anvil_url: str, paths: dict[str, str], tmp_path: Path) -> None:
    record = tmp_path / "local.json"
    assert deploy(paths, record, url=anvil_url).returncode == 0
    engine = Record.load(record).contracts["engine"].address
    fresh = deploy(paths, record, "--fresh", "--account", "4", url=anvil_url)
    assert fresh.returncode == 0, fresh.stderr
    assert Record.load(record).contracts["engine"].address != engine
    assert json.loads((tmp_path / "local.json.bak").read_text())["complete"]


@pytest.mark.slow
def test_own_node_replaces_the_record_of_a_dead_one(paths: dict[str, str], tmp_path: Path) -> None:
    record = tmp_path / "local.json"
    first = deploy(paths, record)
    assert first.returncode == 0, first.stderr
    genesis = Record.load(record).genesis
    second = deploy(paths, record)
    assert second.returncode == 0, second.stderr
    assert "was of a chain that ended with its node; kept as local.json.bak" in second.stdout
    assert Record.load(record).genesis != genesis


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(
            ("--account", "nobody"), "there is no account 'nobody'", marks=pytest.mark.slow
        ),
        (("--plan", "deployments/mars.yaml"), "there is no such file; copy deployments/local.yaml"),
    ],
)
def test_errors_are_one_message(
    anvil_url: str, paths: dict[str, str], tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    done = deploy(paths, tmp_path / "local.json", *options, url=anvil_url)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_record_of_another_node(anvil_url: str, paths: dict[str, str], tmp_path: Path) -> None:
    record = tmp_path / "local.json"
    assert deploy(paths, record).returncode == 0
    done = deploy(paths, record, url=anvil_url)
    assert done.returncode == 1
    assert "is of another chain with the id 31337" in done.stderr
    assert "--fresh" in done.stderr
