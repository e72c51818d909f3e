"""Nodes and networks for the tests that need them; each is stopped whatever happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINARIES = ROOT / "node_modules" / ".bin"


class Nodes:
    """Finds and runs the nodes of the npm packages."""

    mnemonic = "test test test test test test test test test test test junk"

    @staticmethod
    def binary(name: str) -> Path:
        """The path of a node; skips the test when it is not installed."""
        found = BINARIES / name
        if not found.exists() or shutil.which("node") is None:
            pytest.skip(f"{name} is missing: run `npm ci`")
        return found

    @staticmethod
    def free_port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    @contextlib.contextmanager
    def anvil(self) -> Iterator[str]:
        """Run an Anvil until the block ends; its address."""
        port = self.free_port()
        options = ("--host", "127.0.0.1", "--port", str(port), "--silent")
        with _running(self.binary("anvil"), *options, port=port) as url:
            yield url

    @contextlib.contextmanager
    def ganache(self, chain_id: int) -> Iterator[str]:
        """Run a Ganache until the block ends; its address."""
        port = self.free_port()
        options = (
            *("--wallet.mnemonic", self.mnemonic, "--chain.chainId", str(chain_id)),
            *("--server.host", "127.0.0.1", "--server.port", str(port), "--logging.quiet"),
            # the build for it is larger than the one with transient storage
            *("--chain.allowUnlimitedContractSize", "true"),
        )
        with _running(self.binary("ganache"), *options, port=port, seconds=60) as url:
            yield url


@contextlib.contextmanager
def _running(*command: str | Path, port: int, seconds: float = 30) -> Iterator[str]:
    """Run a node until the block ends; the address is given once it listens."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            else:
                output.seek(0)
                pytest.fail(f"{command[0]} does not listen:\n{output.read().decode()[-2_000:]}")
            yield f"http://127.0.0.1:{port}"
        finally:
            # npm's command is a wrapper: the node itself is a child of it, in the same group
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="session")
def nodes() -> Nodes:
    return Nodes()


@pytest.fixture(scope="module")
def anvil_url(nodes: Nodes) -> Iterator[str]:
    """The address of an Anvil of this module's own."""
    with nodes.anvil() as url:
        yield url


@pytest.fixture(scope="session")
def paths() -> dict[str, str]:
    """An environment in which ape finds the compiler and the nodes."""
    places = [str(Path(sys.executable).parent), str(BINARIES), os.environ.get("PATH", "")]
    environment = {**os.environ, "PATH": os.pathsep.join(places)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
