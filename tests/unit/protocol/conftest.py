"""A small plan to change, and the chain in the process to put it on."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from plimsoll.protocol import EvmBackend, Plan, Plimsoll, deploy, parse_plan

LOCAL = Path(__file__).parents[3] / "deployments" / "local.yaml"
ETH_FEED = {"mock": {"decimals": 8, "price": 2500}, "heartbeat": 86_400, "gap": 0.05}
MAKE_PLAN = Callable[..., Plan]


def change(data: dict[str, Any], path: str, value: Any) -> None:
    """Set `a.b.c` in nested mappings; None takes the entry out."""
    *parents, last = path.split(".")
    for key in parents:
        data = data[key]
    if value is None:
        del data[last]
    else:
        data[last] = value


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="session")
def local_data() -> dict[str, Any]:
    """The plan of local networks with two of its markets."""
    data: dict[str, Any] = yaml.safe_load(LOCAL.read_text())
    data["markets"] = {name: data["markets"][name] for name in ("BTC", "DOGE")}
    data["correlations"] = {"BTC": {"DOGE": 0.55}}
    # as many as it has markets, one of them with a feed of its own
    weth = data["collateral"]["WETH"]
    del weth["market"]
    weth |= {"number": 1, "feed": ETH_FEED}
    return data


@pytest.fixture
def make_plan(local_data: dict[str, Any]) -> MAKE_PLAN:
    """Make the small plan with changes: `make_plan({"markets.BTC.risk.f": 0.5})`."""

    def make(changes: dict[str, Any] | None = None) -> Plan:
        data = copy.deepcopy(local_data)
        for path, value in (changes or {}).items():
            change(data, path, value)
        return parse_plan(data, "plan.yaml")

    return make


@pytest.fixture
def backend() -> EvmBackend:
    return EvmBackend()


@pytest.fixture
def plimsoll(backend: EvmBackend, make_plan: MAKE_PLAN) -> Plimsoll:
    """A protocol that is deployed."""
    return deploy(backend, make_plan())
