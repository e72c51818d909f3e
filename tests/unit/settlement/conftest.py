"""Losers, winners, one with both, a day of funding and feeds that move."""

from collections.abc import Iterator

import pytest

from tests.utils.deployed import Deployed, build, put_back


@pytest.fixture(scope="package")
def built() -> Deployed:
    world = build()
    for name, quote in (("bull", 100_000), ("bear", 100_000), ("mixed", 100_000), ("idle", 10)):
        world.open(name, quote)
    world.trade("bull", "bear", "BTC", 5)
    world.trade("mixed", "bear", "ETH", 40)
    world.trade("bull", "mixed", "DOGE", 50_000)
    return world


@pytest.fixture
def world(built: Deployed) -> Iterator[Deployed]:
    with put_back(built) as world:
        yield world
