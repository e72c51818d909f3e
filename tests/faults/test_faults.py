"""The harness can fail: each planted fault is caught by the walk that the sound contracts pass.

A fault is a patch on contracts/; its head says what it does and which roots are built with it. The
other roots are the project's own. A patch that does not apply is a failure.
"""

from pathlib import Path

import pytest

from plimsoll.evm import Artifact, load
from plimsoll.evm.artifacts import load_patched
from plimsoll.rules.patches import plant, roots_of
from tests.utils import worlds
from tests.utils.scenario import Scenario, walk
from tests.utils.twin import ENGINE_ROOTS, Mismatch, Twin

PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
STEPS = 900


def selection(artifacts: dict[str, Artifact]) -> None:
    """The walk of the default suite, its beginning, with some roots replaced."""
    twin = Twin(worlds.three_markets(6), artifacts=lambda name: artifacts.get(name) or load(name))
    walk(Scenario(twin), seed=1, steps=STEPS)


def test_there_are_ten_faults() -> None:
    """The ten that the plan asks for."""
    assert [path.name[:3] for path in PATCHES] == [f"{number:02d}-" for number in range(1, 11)]


def test_the_sound_contracts_pass() -> None:
    """The same walk, without a fault."""
    selection({})


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.stem)
def test_a_planted_fault_is_caught(patch: Path, tmp_path: Path) -> None:
    """Contracts and model differ, or an identity breaks, on the chain's own numbers."""
    contracts = plant(patch, tmp_path)
    assert set(roots_of(patch)) <= set(ENGINE_ROOTS)
    faulty = {name: load_patched(name, contracts) for name in roots_of(patch)}
    for name, artifact in faulty.items():
        assert artifact.bytecode != load(name).bytecode, f"{patch.name} does not touch {name}"
    with pytest.raises(Mismatch):
        selection(faulty)
