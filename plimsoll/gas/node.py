"""An Anvil of one's own: started on a free port of the loopback interface, ended on leaving."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from plimsoll.evm.chain import GENESIS_TIME
from plimsoll.gas.errors import NodeError
from plimsoll.protocol.rpc import Rpc

#: the version that the figures of the peers and ours were measured with
VERSION = "1.7.1"
HARDFORK = "cancun"
CHAIN_ID = 31_337
BLOCK_GAS_LIMIT = 60_000_000

_PROJECT = Path(__file__).resolve().parents[2]
_MNEMONIC = "test test test test test test test test test test test junk"
_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_PATIENCE = 30.0


def find_anvil(project: Path = _PROJECT) -> Path:
    """Return the program. Raises NodeError when it is not installed."""
    program = project / "node_modules" / ".bin" / "anvil"
    if not program.exists():
        raise NodeError("Anvil is missing: run `make setup` (it needs Node 20 or later)")
    if shutil.which("node") is None:
        raise NodeError("Anvil needs node, which is not on PATH: install Node 20 or later")
    return program


@contextlib.contextmanager
def anvil(*, tracing: bool = False) -> Iterator[Rpc]:
    """Run a node with nothing left to chance: rules, time, keys; blocks are made when asked for.

    With `tracing` it keeps every step of every transaction. Raises NodeError when it does not
    start.
    """
    command = [str(find_anvil()), "--host", "127.0.0.1", "--port", "0", "--no-mining"]
    command += ["--hardfork", HARDFORK, "--chain-id", str(CHAIN_ID), "--accounts", "1"]
    command += ["--mnemonic", _MNEMONIC, "--timestamp", str(GENESIS_TIME)]
    command += ["--gas-limit", str(BLOCK_GAS_LIMIT), "--order", "fifo"]
    if tracing:
        command.append("--steps-tracing")
    with tempfile.TemporaryDirectory(prefix="plimsoll-gas-") as folder:
        output = Path(folder) / "anvil.log"
        with output.open("w") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, text=True
            )
        try:
            rpc = Rpc(f"http://127.0.0.1:{_port(process, output)}")
            try:
                _check_version(rpc)
                yield rpc
            finally:
                rpc.close()
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: subprocess.Popen[str], output: Path) -> int:
    """Wait until the node says where it listens."""
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up:
        ended = process.poll() is not None
        text = output.read_text()
        found = _LISTENING.search(text)
        if found:
            return int(found[1])
        if ended:
            raise NodeError(
                f"anvil ended before it listened; run `make setup` again. It said:\n{text.strip()}"
            )
        time.sleep(0.02)
    raise NodeError(f"anvil does not listen after {_PATIENCE:.0f} s; end other work and try again")


def _check_version(rpc: Rpc) -> None:
    told = str(rpc("web3_clientVersion"))
    if f"v{VERSION}" not in told:
        raise NodeError(f"the gas table is made with Anvil {VERSION}, this is {told}: `npm ci`")
