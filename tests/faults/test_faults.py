"""The harness can fail: each planted fault is caught by the walk that the sound contracts pass.

A fault is a patch on contracts/; its head says what it does and which roots are built with it. The
other roots are the project's own. A patch that does not apply is a failure.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from plimsoll.evm import Artifact, load
from tests.utils import worlds
from tests.utils.scenario import Scenario, walk
from tests.utils.twin import ENGINE_ROOTS, Mismatch, Twin

PROJECT = Path(__file__).parents[2]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
STEPS = 900


def selection(artifacts: dict[str, Artifact]) -> None:
    """The walk of the default suite, its beginning, with some roots replaced."""
    twin = Twin(worlds.three_markets(6), artifacts=lambda name: artifacts.get(name) or load(name))
    walk(Scenario(twin), seed=1, steps=STEPS)


def roots_of(patch: Path) -> list[str]:
    """The roots that the head of a patch names."""
    found = re.search(r"^Roots: (.*)$", patch.read_text(), re.MULTILINE)
    assert found is not None, f"{patch.name} has no line `Roots:`"
    roots = found[1].split(", ")
    assert set(roots) <= set(ENGINE_ROOTS)
    return roots


def plant(patch: Path, folder: Path) -> Path:
    """A copy of contracts/ with a patch applied."""
    shutil.copytree(PROJECT / "contracts", folder / "contracts")
    done = subprocess.run(
        ["git", "apply", "--verbose", str(patch)],
        cwd=folder,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{patch.name} does not apply; make it anew:\n{done.stderr}"
    assert "Applied patch" in done.stderr, done.stderr
    return folder / "contracts"


def test_there_are_ten_faults() -> None:
    """The ten that the plan asks for."""
    assert [path.name[:3] for path in PATCHES] == [f"{number:02d}-" for number in range(1, 11)]


def test_the_sound_contracts_pass() -> None:
    """The same walk, without a fault."""
    selection({})


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.stem)
def test_a_planted_fault_is_caught(
    patch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contracts and model differ, or an identity breaks, on the chain's own numbers."""
    folder = plant(patch, tmp_path)
    with monkeypatch.context() as patched:
        # a cache of its own, so that faults do not push out the project's artifacts
        kept = Path(os.environ.get("PLIMSOLL_CACHE") or PROJECT / ".build")
        patched.setenv("PLIMSOLL_CACHE", str(kept / "faults" / patch.stem))
        faulty = {name: load(name, contracts_dir=folder) for name in roots_of(patch)}
    for name, artifact in faulty.items():
        assert artifact.bytecode != load(name).bytecode, f"{patch.name} does not touch {name}"
    with pytest.raises(Mismatch):
        selection(faulty)
