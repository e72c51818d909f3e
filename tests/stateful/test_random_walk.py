"""Contracts and model side by side over long random walks: equal to the wei after every call.

`Twin` compares and checks LED-5 on the chain's own numbers, `Scenario` chooses what happens.
"""

from collections.abc import Callable

import pytest

from plimsoll.evm import load
from tests.utils import worlds
from tests.utils.scenario import Scenario, walk
from tests.utils.twin import Twin, World

#: what the walks of the default suite have to do at the very least
AT_LEAST = {
    "fill": 250,
    "close": 80,
    "deposit": 100,
    "withdraw": 20,
    "touch": 30,
    "settle": 120,
    "takeover": 50,
    "takeover of the whole": 2,
    "takeover without a penalty": 5,
    "takeover by order": 30,
    "resolve": 120,
    "resolve: covered": 5,
    "resolve: paid": 60,
    "resolve: claims": 3,
    "resolve: charged": 40,
    "resolve: to_shortfall": 8,
    "resolve: reward": 30,
    "resolve: no position": 1,
    "book ended": 50,
    "cover": 8,
    "fund deposit": 20,
    "fund mint": 10,
    "fund redeem": 8,
    "fund withdraw": 3,
    "cancel order": 15,
    "cancel below": 10,
    "set market": 15,
    "set allowance": 3,
    "set risk": 3,
    "set operator": 10,
    "checkpoint": 5,
    "price aimed": 300,
    "price moved": 100,
    "feed broken": 10,
    "feed old": 10,
    "time passed": 50,
}


def test_led_5_default_walk() -> None:
    """Three markets, a token of 6 decimals; everything that can happen does."""
    scenario = Scenario(Twin(worlds.three_markets(6)))
    walk(scenario, seed=1, steps=3_000)
    missed = {
        what: (scenario.done[what], least)
        for what, least in AT_LEAST.items()
        if scenario.done[what] < least
    }
    assert missed == {}


@pytest.mark.parametrize(
    ("world", "decimals", "steps"),
    [
        (worlds.three_markets, 18, 1_200),
        (worlds.three_markets, 2, 400),
        (worlds.extremes, 18, 700),
        (worlds.extremes, 6, 400),
        (worlds.ten_markets, 8, 500),
    ],
)
def test_led_5_walks_in_other_worlds(
    world: Callable[[int], World], decimals: int, steps: int
) -> None:
    """Other tokens; prices and sizes at the ends of their fields; ten markets."""
    scenario = Scenario(Twin(world(decimals)))
    walk(scenario, seed=2, steps=steps)
    for what in ("fill", "takeover", "resolve", "settle", "book ended"):
        assert scenario.done[what] > 0, what


def test_led_5_walk_of_the_shanghai_build() -> None:
    """The other build, with its lock in storage: the same results."""
    twin = Twin(
        worlds.three_markets(6), artifacts=lambda name: load(name, "shanghai"), fork="SHANGHAI"
    )
    scenario = Scenario(twin)
    walk(scenario, seed=3, steps=300)
    assert scenario.done["fill"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
@pytest.mark.parametrize(
    ("world", "decimals"),
    [
        (worlds.three_markets, 6),
        (worlds.three_markets, 18),
        (worlds.extremes, 18),
        (worlds.ten_markets, 6),
    ],
)
def test_led_5_long_walks(world: Callable[[int], World], decimals: int, seed: int) -> None:
    """Five thousand steps each."""
    walk(Scenario(Twin(world(decimals))), seed=seed, steps=5_000)
