"""Compile the project's contracts and keep the results on disk.

A root is a `.vy` file directly in `contracts/` or in `contracts/testing/`; its name is the file's
stem. Every root is compiled by itself (`vyper -O gas`, legacy pipeline), and only when it is asked
for, so that a root in the middle of an edit breaks nothing but itself. The cache key covers every
`.vy` and `.vyi` below the contracts folder, the versions of vyper and snekmate and the settings: a
changed module recompiles the contracts that import it.

With PLIMSOLL_CONTRACTS set, the roots of the folder that it names stand in for the project's roots
of the same name: that is how a test meets patched contracts (`plimsoll.rules`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: One function, event or error of a contract, as vyper prints it.
AbiEntry = dict[str, Any]

#: EIP-170: what a network refuses to deploy beyond, in bytes.
MAX_RUNTIME_SIZE = 24_576

_PROJECT = Path(__file__).resolve().parents[2]
_FORMAT = 1
_OUTPUTS = ("abi", "bytecode", "bytecode_runtime", "layout")
#: vyper in a process that ends before its garbage matters: without collecting it is a ninth faster
_COMPILER = (
    "import gc, runpy; gc.disable(); "
    "runpy.run_module('vyper.cli.vyper_compile', run_name='__main__', alter_sys=True)"
)
_KEPT_PER_NAME = 8
# of patched roots, one root may have a dozen patches
_KEPT_PATCHED = 64


class ArtifactError(Exception):
    """A contract cannot be compiled or found. The message says what to do next."""


class SourcesMissingError(ArtifactError):
    """There is no contracts folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"no contracts in {folder}: plimsoll compiles its contracts from the source tree. "
            "Run it from a checkout (`make setup` installs it editable) or pass contracts_dir."
        )


class UnknownContractError(ArtifactError):
    """No root of this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no contract {name!r}; the roots are: {', '.join(known) or 'none'}")


class CompileError(ArtifactError):
    """vyper refused a root; `output` is what it printed."""

    def __init__(self, name: str, path: Path, output: str) -> None:
        self.output = output
        super().__init__(f"{name} ({path.name}) does not compile; fix what vyper says:\n{output}")


@dataclass(frozen=True)
class Artifact:
    """What a compiled root is.

    `abi` has the entries of the contract and of the module events it emits. `bytecode` creates the
    contract (constructor arguments go behind it). `runtime` is its code without the immutables'
    data; `runtime_size` is what EIP-170 counts: code and immutables, in bytes. `layout` is vyper's
    storage, transient and code layout.
    """

    name: str
    abi: list[AbiEntry]
    bytecode: bytes
    runtime: bytes
    runtime_size: int
    layout: dict[str, Any]
    evm_version: str


def contracts_folder(contracts_dir: Path | str | None = None) -> Path:
    """Return the folder of the sources: the one given, or the project's own.

    Raises SourcesMissingError when it does not exist.
    """
    folder = Path(contracts_dir).resolve() if contracts_dir else _PROJECT / "contracts"
    if not folder.is_dir():
        raise SourcesMissingError(folder)
    return folder


def roots(contracts_dir: Path | str | None = None) -> dict[str, Path]:
    """Return name -> source of every root, sorted by name.

    Raises ArtifactError when two roots have the same name.
    """
    folder = contracts_folder(contracts_dir)
    found: dict[str, Path] = {}
    for path in sorted([*folder.glob("*.vy"), *(folder / "testing").glob("*.vy")]):
        if path.stem in found:
            raise ArtifactError(f"two roots are called {path.stem}; rename one of them")
        found[path.stem] = path
    return dict(sorted(found.items()))


def load(
    name: str, evm_version: str = "cancun", contracts_dir: Path | str | None = None
) -> Artifact:
    """Return the root `name`, compiled for `evm_version` ("cancun", "shanghai", ...).

    Compiles when the cache has nothing for the sources as they are now. Safe from several processes
    at once. A root of the project's own folder comes from PLIMSOLL_CONTRACTS if it is there. Raises
    UnknownContractError, CompileError or SourcesMissingError.
    """
    patched = None if contracts_dir else os.environ.get("PLIMSOLL_CONTRACTS")
    if patched and name in roots(patched):
        return load_patched(name, patched, evm_version)
    return _find(name, contracts_folder(contracts_dir), evm_version, cache_folder(), _KEPT_PER_NAME)


def load_patched(name: str, contracts_dir: Path | str, evm_version: str = "cancun") -> Artifact:
    """Return the root `name` of a patched copy of the contracts.

    Kept apart, so that patches do not push the project's own artifacts out of the cache. Raises as
    `load` does.
    """
    folder = contracts_folder(contracts_dir)
    return _find(name, folder, evm_version, cache_folder() / "patched", _KEPT_PATCHED)


def _find(name: str, folder: Path, evm_version: str, kept: Path, most: int) -> Artifact:
    known = roots(folder)
    if name not in known:
        raise UnknownContractError(name, list(known))
    key = _source_key(folder, evm_version)
    return _load(name, known[name], folder, evm_version, key, kept, most)


def load_all(
    evm_version: str = "cancun",
    contracts_dir: Path | str | None = None,
    names: Iterable[str] | None = None,
) -> dict[str, Artifact]:
    """Return name -> artifact of every root, or of those named; compiles what is missing, one
    process per core.

    Raises the first root's error, after the others have been compiled and cached.
    """
    wanted = roots(contracts_dir) if names is None else sorted(names)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        jobs = {name: pool.submit(load, name, evm_version, contracts_dir) for name in wanted}
    return {name: job.result() for name, job in jobs.items()}


def cache_folder() -> Path:
    """Return where artifacts are kept: PLIMSOLL_CACHE, or `.build/` of the project."""
    return Path(os.environ.get("PLIMSOLL_CACHE") or _PROJECT / ".build") / "artifacts"


@cache
def _load(
    name: str, path: Path, folder: Path, evm_version: str, key: str, kept: Path, most: int
) -> Artifact:
    target = kept / f"{name}-{evm_version}-{key[:20]}.json"
    if not target.exists():
        kept.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_suffix(".lock")):
            if not target.exists():
                compiled = _compile(name, path, folder, evm_version)
                if (
                    _source_key(folder, evm_version) != key
                ):  # edited meanwhile: right, but for no key
                    return _artifact(name, evm_version, compiled)
                _write(target, compiled)
                _prune(kept, f"{name}-{evm_version}-*.json", most)
    return _artifact(name, evm_version, json.loads(target.read_text()))


def _artifact(name: str, evm_version: str, kept: dict[str, Any]) -> Artifact:
    runtime = bytes.fromhex(kept["bytecode_runtime"][2:])
    return Artifact(
        name=name,
        abi=kept["abi"],
        bytecode=bytes.fromhex(kept["bytecode"][2:]),
        runtime=runtime,
        runtime_size=len(runtime) + _code_bytes(kept["layout"].get("code_layout", {})),
        layout=kept["layout"],
        evm_version=evm_version,
    )


def _code_bytes(layout: dict[str, Any]) -> int:
    """Sum the bytes of the immutables; a module's stand in a nested table."""
    if isinstance(layout.get("length"), int) and isinstance(layout.get("offset"), int):
        return int(layout["length"])
    return sum(_code_bytes(entry) for entry in layout.values() if isinstance(entry, dict))


def _compile(name: str, path: Path, folder: Path, evm_version: str) -> dict[str, Any]:
    command = [sys.executable, "-c", _COMPILER]
    for place in (*_library_folders(), folder):  # the last one is searched first
        command += ["-p", str(place)]
    command += ["-O", "gas", "--evm-version", evm_version, "-f", ",".join(_OUTPUTS), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != len(_OUTPUTS):
        raise CompileError(name, path, (done.stderr or done.stdout).strip())
    out = dict(zip(_OUTPUTS, lines, strict=True))
    return {
        "abi": json.loads(out["abi"]),
        "bytecode": out["bytecode"],
        "bytecode_runtime": out["bytecode_runtime"],
        "layout": json.loads(out["layout"]),
    }


def _library_folders() -> list[Path]:
    spec = importlib.util.find_spec("snekmate")
    if spec is None or not spec.submodule_search_locations:
        return []
    return [Path(next(iter(spec.submodule_search_locations))).parent]


@cache
def _tool_versions() -> str:
    return ",".join(f"{tool}=={importlib.metadata.version(tool)}" for tool in ("vyper", "snekmate"))


def _source_key(folder: Path, evm_version: str) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {_tool_versions()} gas {evm_version}".encode())
    for path in sorted([*folder.rglob("*.vy"), *folder.rglob("*.vyi")]):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _write(target: Path, content: dict[str, Any]) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _prune(folder: Path, pattern: str, most: int) -> None:
    """Drop all but the newest artifacts of one root, with their locks."""
    dated = []
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            dated.append((path.stat().st_mtime, path))
    for _, path in sorted(dated)[:-most]:
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes and threads (each call opens the file anew)."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
