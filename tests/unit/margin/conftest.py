"""A long and a short with three legs each, and a small account."""

from collections.abc import Iterator

import pytest

from tests.utils.deployed import Deployed, build, put_back


@pytest.fixture(scope="package")
def built() -> Deployed:
    world = build()
    world.open("trader", 100_000)
    world.open("maker", 10**7)
    world.trade("trader", "maker", "BTC", 5)
    world.trade("maker", "trader", "ETH", 40)
    world.trade("trader", "maker", "DOGE", 100_000)
    return world


@pytest.fixture
def world(built: Deployed) -> Iterator[Deployed]:
    with put_back(built) as world:
        yield world
