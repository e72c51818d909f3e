"""Fixtures of the embedded chain's own tests."""

from pathlib import Path

import pytest

from plimsoll.evm import Artifact, Chain, Handle, load

CONTRACTS = Path(__file__).parent / "contracts"
LIMIT = 10**30


@pytest.fixture(scope="session")
def probe_artifact() -> Artifact:
    return load("Probe", contracts_dir=CONTRACTS)


@pytest.fixture(scope="session")
def caller_artifact() -> Artifact:
    return load("Caller", contracts_dir=CONTRACTS)


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def probe(chain: Chain, probe_artifact: Artifact) -> Handle:
    return chain.deploy(probe_artifact, 3, LIMIT)


@pytest.fixture
def caller(chain: Chain, caller_artifact: Artifact) -> Handle:
    return chain.deploy(caller_artifact)
