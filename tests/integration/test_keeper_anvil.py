"""`plimsoll keeper` as a process of its own against a node: events, a board, signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.orders import Board
from plimsoll.protocol import Order, Plimsoll, deploy, load_plan, sign_order

ROOT = Path(__file__).parents[2]
ANVIL = ROOT / "node_modules" / ".bin" / "anvil"
WAD = 10**18
BTC = 0

pytestmark = [
    pytest.mark.anvil,
    pytest.mark.slow,
    pytest.mark.skipif(
        not ANVIL.exists() or shutil.which("node") is None, reason="the npm packages are missing"
    ),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    """The address of a running node."""
    port = free_port()
    process = subprocess.Popen(
        [ANVIL, "--port", str(port), "--silent"], stdout=subprocess.DEVNULL, cwd=ROOT
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("anvil does not listen after 10 s")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deployment") / "local.json"


@pytest.fixture(scope="module")
def plimsoll(node: str, record: Path) -> Iterator[Plimsoll]:
    import ape

    from plimsoll.protocol.backend import ApeBackend

    with ape.networks.parse_network_choice(
        "ethereum:local:foundry", provider_settings={"host": node}
    ):
        plan = load_plan(ROOT / "deployments" / "local.yaml")
        yield deploy(ApeBackend(), plan, record)


def actor(plimsoll: Plimsoll, index: int, quote: int) -> tuple[Any, int]:
    """A test account with `quote` in its first engine account."""
    who = plimsoll.backend.account(index)
    account = plimsoll.account_id(who)
    if quote:
        plimsoll.mint(who, plimsoll.to_token_units(quote))
        plimsoll.approve(sender=who)
        plimsoll.deposit(account, plimsoll.to_token_units(quote), sender=who)
    return who, account


def order(plimsoll: Plimsoll, maker: int, size: int, price: int, salt: int) -> Any:
    who = plimsoll.backend.account(maker)
    fields = Order(plimsoll.account_id(who), BTC, size, price * WAD, 2**40, salt)
    return sign_order(who, fields, plimsoll.domain)


def keeper(node: str, record: Path, *more: str) -> list[str]:
    code = "from plimsoll.cli import main; main()"
    words = ["keeper", "--node", node, "--deployment", str(record), "--account", "TEST::5"]
    return [sys.executable, "-c", code, *words, "--json", *more]


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def once(node: str, record: Path, *more: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        keeper(node, record, "--once", *more),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_once_then_watch(plimsoll: Plimsoll, node: str, record: Path, tmp_path: Path) -> None:
    trader, account = actor(plimsoll, 6, 4_500)
    actor(plimsoll, 7, 10**6)
    actor(plimsoll, 8, 10**6)
    sell = order(plimsoll, 7, -WAD, 40_000, 1)
    plimsoll.fill(sell, account, WAD, sender=trader)

    cursor = str(tmp_path / "cursor.json")
    code, told = once(node, record, "--cursor", cursor, "--dry-run")
    assert (code, told["accounts"], told["unhealthy"]) == (0, 3, 0)

    with Board(tmp_path / "orders", plimsoll.domain) as board:
        # below maintenance margin: closed against an order from the board
        plimsoll.set_price(BTC, 37_600)
        code, told = once(node, record, "--cursor", cursor, "--orders", board.url)
        assert (code, told["unhealthy"], told["order_liquidations"]) == (0, 1, 0), told
        assert plimsoll.engine.wallet(account).deadline > 0
        # called, and the cure window is over
        plimsoll.backend.advance(300)
        plimsoll.set_price(BTC, 37_600)
        board.post(order(plimsoll, 8, WAD, 37_590, 2).to_json().encode(), False)
        code, told = once(node, record, "--cursor", cursor, "--orders", board.url)
        assert (code, told["unhealthy"], told["order_liquidations"]) == (0, 1, 1), told
        assert told["actions"][0]["transaction"].startswith("0x")
        assert plimsoll.health(account).equity >= plimsoll.health(account).maintenance

        # bankrupt: resolved by the one that watches
        words = keeper(node, record, "--watch", "--poll", "0.1", "--orders", board.url)
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
        )
        try:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            assert first["unhealthy"] == 0
            plimsoll.set_price(BTC, 20_000)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                told = json.loads(process.stdout.readline())
                if told["resolved"]:
                    break
            assert told["resolved"] == 1
            assert plimsoll.wallet(account)[1] == 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
            process.wait()


def test_no_such_account(plimsoll: Plimsoll, node: str, record: Path) -> None:
    words = [*keeper(node, record, "--once")]
    words[words.index("TEST::5")] = "nobody-of-this-name"
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=ROOT, env=environment(), check=False
    )
    assert done.returncode == 1
    assert "ape accounts import" in done.stderr
