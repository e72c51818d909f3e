"""Compiling and caching."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plimsoll.evm import artifacts
from plimsoll.evm.artifacts import (
    CompileError,
    SourcesMissingError,
    UnknownContractError,
    load,
    load_all,
    load_patched,
    roots,
)

SOURCES = Path(__file__).parent / "contracts"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the test contracts with a cache of its own."""
    monkeypatch.setenv("PLIMSOLL_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(SOURCES, tmp_path / "contracts"))


def kept() -> list[str]:
    return sorted(path.name for path in artifacts.cache_folder().glob("*.json"))


def test_roots_leave_out_modules(sources):
    assert list(roots(sources)) == ["Caller", "Probe"]


def test_roots_has_the_testing_folder(sources):
    (sources / "testing").mkdir()
    (sources / "Caller.vy").rename(sources / "testing" / "Caller.vy")
    assert load("Caller", contracts_dir=sources).name == "Caller"


def test_load_default(sources):
    probe = load("Probe", contracts_dir=sources)
    assert {"store", "total"} <= {entry.get("name") for entry in probe.abi}
    assert "Counted" in {entry.get("name") for entry in probe.abi}
    assert probe.runtime in probe.bytecode
    assert probe.runtime_size == len(probe.runtime) + 32  # LIMIT


def test_load_compiles_once(sources, monkeypatch):
    first = load("Probe", contracts_dir=sources)
    monkeypatch.setattr(artifacts, "_compile", lambda *_: pytest.fail("compiled again"))
    artifacts._load.cache_clear()
    assert load("Probe", contracts_dir=sources) == first


def test_load_follows_a_changed_module(sources):
    before = load("Probe", contracts_dir=sources)
    module = sources / "modules" / "tally.vy"
    module.write_text(module.read_text().replace("+= by", "+= 2 * by"))
    assert load("Probe", contracts_dir=sources).bytecode != before.bytecode


def test_load_shanghai_has_no_transient_storage(sources):
    path = sources / "Caller.vy"
    assert load("Caller", "shanghai", sources).evm_version == "shanghai"
    assert len(kept()) == 1
    assert path.exists()
    with pytest.raises(CompileError, match="Probe"):
        load("Probe", "shanghai", sources)


def test_load_reverts_broken_root_only_when_asked(sources):
    (sources / "Caller.vy").write_text("# pragma version 0.4.3\n\nx: uint257\n")
    assert load("Probe", contracts_dir=sources).name == "Probe"
    with pytest.raises(CompileError, match=r"Caller \(Caller.vy\) does not compile") as error:
        load("Caller", contracts_dir=sources)
    assert "uint257" in error.value.output


def test_load_all_compiles_the_others_of_a_broken_root(sources):
    (sources / "Caller.vy").write_text("# pragma version 0.4.3\n\nx: uint257\n")
    with pytest.raises(CompileError):
        load_all(contracts_dir=sources)
    assert [name.split("-")[0] for name in kept()] == ["Probe"]


def test_load_all_default(sources):
    assert list(load_all(contracts_dir=sources)) == ["Caller", "Probe"]


def test_load_all_of_some_names(sources):
    assert list(load_all(contracts_dir=sources, names={"Probe"})) == ["Probe"]


def test_load_unknown_name(sources):
    with pytest.raises(UnknownContractError, match="Caller, Probe"):
        load("Nobody", contracts_dir=sources)


def test_load_missing_folder(tmp_path):
    with pytest.raises(SourcesMissingError, match="checkout"):
        load("Probe", contracts_dir=tmp_path / "nowhere")


def test_load_from_threads_at_once_compiles_once(sources, monkeypatch):
    calls = []
    compile_it = artifacts._compile
    monkeypatch.setattr(artifacts, "_compile", lambda *a: calls.append(a[0]) or compile_it(*a))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: load("Caller", contracts_dir=sources), range(4)))
    assert calls == ["Caller"]
    assert len({artifact.bytecode for artifact in found}) == 1


def test_load_from_processes_at_once(sources):
    code = (
        "import sys; from plimsoll.evm import load; "
        "print(len(load('Probe', contracts_dir=sys.argv[1]).bytecode))"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, sources], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    sizes = {run.communicate()[0] for run in runs}
    assert len(sizes) == 1
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert len(kept()) == 1


def test_cache_keeps_a_few_of_each_root(sources, monkeypatch):
    compiled = artifacts._compile("Caller", sources / "Caller.vy", sources, "cancun")
    monkeypatch.setattr(artifacts, "_compile", lambda *_: compiled)
    path = sources / "Caller.vy"
    text = path.read_text()
    for number in range(artifacts._KEPT_PER_NAME + 2):
        path.write_text(f"{text}# {number}\n")
        load("Caller", contracts_dir=sources)
    assert len(kept()) == artifacts._KEPT_PER_NAME


def test_cache_keeps_patched_roots_apart(sources, monkeypatch):
    """Dozens of patches of one root leave the project's own artifact where it is."""
    compiled = artifacts._compile("Caller", sources / "Caller.vy", sources, "cancun")
    monkeypatch.setattr(artifacts, "_compile", lambda *_: compiled)
    load("Caller", contracts_dir=sources)
    own = kept()
    path = sources / "Caller.vy"
    text = path.read_text()
    for number in range(artifacts._KEPT_PATCHED + 2):
        path.write_text(f"{text}# {number}\n")
        load_patched("Caller", sources)
    assert kept() == own
    patched = artifacts.cache_folder() / "patched"
    for suffix in ("json", "lock"):
        assert len(list(patched.glob(f"*.{suffix}"))) == artifacts._KEPT_PATCHED
    with pytest.raises(UnknownContractError, match="Caller, Probe"):
        load_patched("Nobody", sources)


def test_contracts_variable_replaces_roots_of_its_name(sources, tmp_path, monkeypatch):
    """Only those of the project's folder; the rest of it stays, and so does a folder asked for."""
    monkeypatch.setattr(artifacts, "_PROJECT", tmp_path)
    own = {name: load(name).bytecode for name in ("Caller", "Probe")}
    patched = tmp_path / "patched" / "contracts"
    shutil.copytree(sources, patched)
    (patched / "Caller.vy").unlink()
    probe = patched / "Probe.vy"
    probe.write_text(probe.read_text() + "\n\n@external\ndef added():\n    pass\n")
    monkeypatch.setenv("PLIMSOLL_CONTRACTS", str(patched))
    assert load("Caller").bytecode == own["Caller"]
    assert load("Probe").bytecode == load_patched("Probe", patched).bytecode != own["Probe"]
    assert load("Probe", contracts_dir=sources).bytecode == own["Probe"]
    assert {name: each.bytecode for name, each in load_all().items()} == {
        "Caller": own["Caller"],
        "Probe": load("Probe").bytecode,
    }
    assert len(kept()) == 2


def test_contracts_variable_reverts_missing_folder(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("PLIMSOLL_CONTRACTS", str(tmp_path / "nowhere"))
    with pytest.raises(SourcesMissingError, match="nowhere"):
        load("Probe")


def test_snekmate_is_found(sources):
    (sources / "Owned.vy").write_text(
        "# pragma version 0.4.3\nfrom snekmate.auth import ownable\n\n"
        "initializes: ownable\nexports: ownable.owner\n\n"
        "@deploy\ndef __init__():\n    ownable.__init__()\n"
    )
    assert load("Owned", contracts_dir=sources).runtime_size > 0
