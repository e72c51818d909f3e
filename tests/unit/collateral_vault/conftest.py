"""A world with a vault for every test, built once and put back after each.

Every test ends in LED-5 and in its twin: per token, what the vault has is what accounts are owed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "margin_engine"))
sys.path.insert(0, str(Path(__file__).parent))

from vault_world import VaultWorld


@pytest.fixture(scope="session")
def built_vault() -> VaultWorld:
    return VaultWorld(prices=(100,) * 7 + (40_000, 2_000))


@pytest.fixture
def world(built_vault: VaultWorld) -> Iterator[VaultWorld]:
    """Nine markets, two tokens; LED-5 and its twin are checked when the test is over."""
    with built_vault.anchor():
        yield built_vault
        assert built_vault.broken() == []
        assert built_vault.untwinned() == []
