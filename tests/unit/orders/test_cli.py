"""`plimsoll orders`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plimsoll.cli import main
from plimsoll.protocol.orders import Domain


@pytest.fixture
def run(domain: Domain, tmp_path: Path):
    where = ["--engine", domain.engine, "--chain-id", str(domain.chain_id)]

    def invoke(command: str, *args: object, place: bool = True) -> Result:
        words = ["orders", command, *map(str, args), *(where if place else [])]
        return CliRunner().invoke(main, words)

    return invoke


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_add_list_prune(run, make, tmp_path: Path) -> None:
    store = tmp_path / "store"
    good = write(tmp_path / "good.json", make().to_json())
    soon = make(expiry=2_000_000_000, market=1)
    added = run("add", good, write(tmp_path / "soon.json", soon.to_json()), "--store", store)
    assert added.exit_code == 0
    assert "added (verified)" in added.output
    assert "was there" in run("add", good, "--store", store).output
    table = run("list", "--store", store)
    assert "2 orders" in table.output
    told = json.loads(run("list", "--store", store, "--json", "--market", 1).output)
    assert len(told["orders"]) == 1
    assert told["orders"][0]["verified"] is True
    write(store / "old.json", make(expiry=5).to_json())
    write(store / "junk.json", "{")
    dry = run("prune", "--store", store, "--dry-run")
    assert "old.json expired (kept)" in dry.output
    assert (store / "old.json").exists()
    done = run("prune", "--store", store)
    assert "2 orders stay" in done.output
    assert "left junk.json" in done.output
    assert not (store / "old.json").exists()


def test_add_refuses(run, make, stranger, tmp_path: Path) -> None:
    files = {
        "expired": make(expiry=5).to_json(),
        "forged": make(key=stranger).to_json(),
        "junk": "{",
    }
    for name, text in files.items():
        done = run("add", write(tmp_path / f"{name}.json", text), "--store", tmp_path / "store")
        assert done.exit_code == 1
    forged = tmp_path / "forged.json"
    assert run("add", forged, "--store", tmp_path / "store", "--unverified").exit_code == 0
    assert run("add", tmp_path / "none.json", "--store", tmp_path / "store").exit_code == 1


def test_which_engine(run, tmp_path: Path) -> None:
    done = run("list", "--store", tmp_path, "--deployment", tmp_path / "no.json", place=False)
    assert done.exit_code == 1
    assert "--engine and --chain-id" in done.output
    half = run("list", "--store", tmp_path, "--engine", "0x" + "ab" * 20, place=False)
    assert half.exit_code == 2
    bad = run("list", "--store", tmp_path, "--engine", "0x1", "--chain-id", 1, place=False)
    assert bad.exit_code == 2
    assert run("list", "--store", tmp_path, "--account", "x").exit_code == 2
    assert run("list", "--store", tmp_path / "nowhere").exit_code == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_until_stopped(domain: Domain, tmp_path: Path, number: int, make) -> None:
    words = ["orders", "serve", "--port", "0", "--store", str(tmp_path), "--engine"]
    words += [domain.engine, "--chain-id", str(domain.chain_id)]
    command = [sys.executable, "-c", "from plimsoll.cli import main; main()", *words]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split(" at ")[1].strip()
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert json.load(answer)["total"] == 0
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
