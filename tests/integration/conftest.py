"""Nodes and networks for the tests that need them; each is stopped whatever happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINARIES = ROOT / "node_modules" / ".bin"
MNEMONIC = "test test test test test test test test test test test junk"


def node_binary(name: str) -> Path:
    """The path of a node from the npm packages; skips the test when it is not installed."""
    found = BINARIES / name
    if not found.exists() or shutil.which("node") is None:
        pytest.skip(f"{name} is missing: run `npm ci`")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(*command: str | Path, port: int, seconds: float = 30) -> Iterator[str]:
    """Run a node until the block ends; the address is given once it listens."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, cwd=ROOT
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
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def anvil_url() -> Iterator[str]:
    """The address of an Anvil of this module's own."""
    port = free_port()
    binary = node_binary("anvil")
    with running(binary, "--host", "127.0.0.1", "--port", str(port), "--silent", port=port) as url:
        yield url


@pytest.fixture(scope="session")
def paths() -> dict[str, str]:
    """An environment in which ape finds the compiler and the nodes."""
    import sys

    places = [str(Path(sys.executable).parent), str(BINARIES), os.environ.get("PATH", "")]
    environment = {**os.environ, "PATH": os.pathsep.join(places)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
