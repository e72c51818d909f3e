"""Longs with little and with much to spare, and their maker."""

from collections.abc import Iterator

import pytest

from tests.utils.deployed import Deployed, build, put_back


@pytest.fixture(scope="package")
def built() -> Deployed:
    world = build()
    world.open("maker", 10**7)
    for name, quote in (("tight", 4_000), ("spare", 50_000), ("idle", 100)):
        world.open(name, quote)
    for name in ("tight", "spare"):
        world.trade(name, "maker", "BTC", 1)
    world.price("BTC", 39_000)
    return world


@pytest.fixture
def world(built: Deployed) -> Iterator[Deployed]:
    with put_back(built) as world:
        yield world
