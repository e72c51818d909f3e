"""A protocol with one market on the chain in the process, governed as the local plan says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from plimsoll.governance import Governor
from plimsoll.protocol import EvmBackend, Plimsoll, deploy, parse_plan

LOCAL = Path(__file__).parents[3] / "deployments" / "local.yaml"


def small_plan() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(LOCAL.read_text())
    data["markets"] = {"BTC": data["markets"]["BTC"]}
    data["correlations"] = {}
    del data["collateral"]["WETH"]  # priced by ETH
    return data


@pytest.fixture(scope="session")
def built() -> Plimsoll:
    return deploy(EvmBackend(), parse_plan(small_plan()))


@pytest.fixture
def ungoverned() -> Plimsoll:
    """A deployment whose deployer kept everything."""
    data = small_plan()
    del data["governance"]
    return deploy(EvmBackend(), parse_plan(data))


@pytest.fixture
def plimsoll(built: Plimsoll) -> Any:
    """The same for every test, put back after each."""
    with built.backend.chain.anchor():
        yield built


@pytest.fixture
def governor(plimsoll: Plimsoll) -> Governor:
    return Governor(plimsoll)
