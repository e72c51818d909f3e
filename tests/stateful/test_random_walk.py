"""Contracts and model side by side over long random walks: equal to the wei after every call.

`Twin` compares and checks LED-5 on the chain's own numbers, `Scenario` chooses what happens.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest

from plimsoll.evm import load
from tests.utils import worlds
from tests.utils.scenario import Scenario, walk
from tests.utils.twin import Twin, World

#: what the walks of the default suite have to do at the very least
AT_LEAST = {
    "fill": 150,
    "close": 35,
    "deposit": 45,
    "withdraw": 14,
    "touch": 18,
    "settle": 55,
    "takeover": 25,
    "takeover of the whole": 1,
    "takeover without a reward": 5,
    "takeover by order": 15,
    "resolve": 75,
    "resolve: covered": 1,
    "resolve: paid": 45,
    "resolve: claims": 1,
    "resolve: charged": 35,
    "resolve: to_shortfall": 5,
    "resolve: reward": 25,
    "resolve: critical": 6,
    "account locked": 10,
    "reclaim": 5,
    "book ended": 35,
    "frozen book charged": 3,
    "thaw": 25,
    "call margin": 25,
    "sync": 100,
    "accrue": 15,
    "funding paid": 4,
    "cover": 1,
    "pledge": 25,
    "unpledge": 8,
    "open sale": 12,
    "close sale": 1,
    "buy by margin": 12,
    "buy of arrears": 2,
    "buy of the fund": 3,
    "buy, diverged": 1,
    "seize": 10,
    "seize: dead feed": 2,
    "note arrears": 15,
    "clear arrears": 2,
    "set cap": 5,
    "set haircut": 3,
    "withdraw fund": 2,
    "fund deposit": 18,
    "fund mint": 5,
    "fund redeem": 4,
    "fund withdraw": 2,
    "fund request": 10,
    "fund cancel": 1,
    "waited for a window": 10,
    "cancel order": 5,
    "cancel below": 4,
    "set market": 13,
    "set allowance": 2,
    "observe": 5,
    "announce": 4,
    "cancel change": 1,
    "fold": 1,
    "set operator": 9,
    "checkpoint": 5,
    "price aimed": 350,
    "price moved": 75,
    "feed broken": 5,
    "diverged": 20,
    "references agree": 8,
    "reference broken": 3,
    "close, diverged": 1,
    "takeover, judged by the reference": 8,
    "sequencer down": 1,
    "feed old": 3,
    "time passed": 30,
}


class BackersScenario(Scenario):
    """More in and out of the fund than trading."""

    WEIGHTS: ClassVar[dict[str, int]] = {**Scenario.WEIGHTS, "fund": 50}


def test_led_5_default_walk() -> None:
    """Three markets, a token of 6 decimals; everything that can happen does."""
    scenario = Scenario(Twin(worlds.three_markets(6)))
    walk(scenario, seed=21, steps=4_000)
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


def test_liq_8_walk_of_a_poor_fund() -> None:
    """A fund that losses wipe out again and again: its shares are counted anew, requests too."""
    scenario = BackersScenario(Twin(replace(worlds.three_markets(6), fund=300)))
    walk(scenario, seed=1, steps=1_500, episode=500)
    for what in ("deposit", "mint", "request", "cancel", "redeem", "withdraw"):
        assert scenario.done[f"fund {what}"] > 2, what
    assert scenario.done["fund: new series"] > 1


def test_events_tell_every_word() -> None:
    """An indexer that reads events alone has every account, leg and market as in storage."""
    twin = Twin(worlds.three_markets(6), follow=True)
    scenario = Scenario(twin)
    walk(scenario, seed=1, steps=700)
    for what in ("fill", "takeover", "resolve", "resolve: claims", "settle", "book ended", "cover"):
        assert scenario.done[what] > 0, what
    for what in ("pledge", "buy", "seize", "note arrears"):
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
