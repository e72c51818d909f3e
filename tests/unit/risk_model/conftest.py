"""A risk model, and the margin formula once more, straight from SPEC section 3."""

from collections.abc import Callable
from math import isqrt
from typing import Any

import pytest

from plimsoll.evm import Account, Chain, Handle, load

WAD = 10**18
UNIT = 10**12
Z = 3 * WAD
KAPPA = 13 * 10**17

PARAMS = {
    "sigma": 5 * 10**10,
    "f": 2 * 10**10,
    "g": 10**10,
    "lambda_": 8 * 10**9,
    "depth": 10**7,
    "c": 5 * 10**6,
    "penalty_cap": 10**10,
    "share": 10**12,
}


def _up(a: int, b: int) -> int:
    return -(-a // b)


def _parts(
    legs: list[dict[str, int]], params: dict[int, dict[str, int]], rho: list[list[int]], z: int
) -> tuple[int, int, int, int, int]:
    y = {}
    for leg in legs:
        x = leg["notional"]
        size = _up(abs(x) * params[leg["market"]]["sigma"], UNIT)
        y[leg["market"]] = size if x > 0 else -size
    # the double sum over all ordered pairs, the diagonal being RHO
    s = max(0, sum(rho[m][n] * y[m] * y[n] for m in y for n in y))
    root = isqrt(s)
    root += root * root < s
    pairs = [(params[leg["market"]], abs(leg["notional"])) for leg in legs]
    return (
        _up(z * root, 100 * WAD),
        _up(sum(p["f"] * x for p, x in pairs), UNIT),
        _up(max((p["g"] * x for p, x in pairs), default=0), UNIT),
        sum(_up(x * x * p["lambda_"], p["depth"] * WAD * UNIT) for p, x in pairs),
        sum(p["c"] * 10**12 for p, x in pairs if x != 0),
    )


def _formula(
    legs: list[dict[str, int]],
    params: dict[int, dict[str, int]],
    rho: list[list[int]],
    z: int,
    kappa: int,
) -> tuple[int, ...]:
    es, floor, gap, impact, fixed = _parts(legs, params, rho, z)
    mm = max(es, floor, gap) + impact + fixed
    surcharge = 0
    for leg in legs:
        one = _parts([leg], params, rho, z)
        alone = max(one[:3]) + one[3] + one[4]
        surcharge += _up((leg["crowding"] - WAD) * alone, WAD)
    return es, floor, gap, impact, fixed, mm, surcharge, _up(kappa * (mm + surcharge), WAD)


@pytest.fixture(scope="session")
def formula() -> Callable[..., tuple[int, ...]]:
    """(legs, params by market, rho, z, kappa) -> the parts in the order of the struct."""
    return _formula


@pytest.fixture(scope="session")
def params_of() -> Callable[..., dict[str, int]]:
    """Parameters of an ordinary market, with changes."""

    def make(**changes: int) -> dict[str, int]:
        return PARAMS | changes

    return make


@pytest.fixture(scope="session")
def leg() -> Callable[..., dict[str, int]]:
    """A leg: market, notional in WAD, crowding in WAD."""

    def make(market: int, notional: int, crowding: int = WAD) -> dict[str, int]:
        return {"market": market, "notional": notional, "crowding": crowding}

    return make


@pytest.fixture(scope="session")
def identity() -> Callable[[], list[list[int]]]:
    """Makes an identity matrix that may be changed."""

    def make() -> list[list[int]]:
        return [[10_000 * (m == n) for n in range(16)] for m in range(16)]

    return make


@pytest.fixture
def oracle(chain: Chain, owner: Account) -> Handle:
    """An oracle without feeds."""
    return chain.deploy(load("PriceOracle"), sender=owner)


@pytest.fixture
def risk(chain: Chain, owner: Account, oracle: Handle) -> Handle:
    """z = 3, kappa = 1.3, no market set."""
    return chain.deploy(load("RiskModel"), oracle, Z, KAPPA, sender=owner)


@pytest.fixture
def set_risk(risk: Handle, owner: Account) -> Handle:
    """The same with ordinary parameters in all 16 markets."""
    for market in range(16):
        risk.set_market(market, PARAMS, sender=owner)
    return risk


@pytest.fixture
def feeds(chain: Chain, oracle: Handle, owner: Account) -> list[Handle]:
    """Feeds of markets 0 to 2 with 8 decimals, at 100; an answer lives for a day."""
    made = [chain.deploy(load("MockAggregator"), 8, 100 * 10**8) for _ in range(3)]
    for market, feed in enumerate(made):
        oracle.set_feed(market, feed, 86_400, PARAMS["g"], 78, sender=owner)
    return made


@pytest.fixture(scope="module")
def shared_risk() -> Any:
    """A risk model for properties, on a chain of its own whose default sender owns it."""
    chain = Chain()
    risk = chain.deploy(load("RiskModel"), chain.deploy(load("PriceOracle")), Z, KAPPA)
    for market in range(16):
        risk.set_market(market, PARAMS)
    return risk


@pytest.fixture(scope="module")
def blank_risk() -> Any:
    """The same without a market, so that any matrix may be set."""
    chain = Chain()
    return chain.deploy(load("RiskModel"), chain.deploy(load("PriceOracle")), Z, KAPPA)
