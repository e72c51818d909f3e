"""An engine for every test, built once and put back after each; every test ends in LED-5."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from engine_world import Party, World, wad


@pytest.fixture(scope="session")
def built_engine() -> World:
    return World()


@pytest.fixture
def world(built_engine: World) -> Iterator[World]:
    """The engine with nine markets at 100; LED-5 is checked when the test is over."""
    with built_engine.anchor():
        yield built_engine
        assert built_engine.broken() == []


@pytest.fixture
def tampered(built_engine: World) -> Iterator[World]:
    """The same for tests that write storage past the rules: no check at the end."""
    with built_engine.anchor():
        yield built_engine


@pytest.fixture
def make_world() -> Callable[..., World]:
    """A world of one's own: other tokens, other markets."""
    return World


@pytest.fixture
def maker(world: World) -> Party:
    return world.party("maker", 10_000)


@pytest.fixture
def trader(world: World, maker: Party) -> Party:
    """Long 10 from 100 with cash 99.5; at 95 E = 49.5 is 0.85 of MM = 6 % of 950 + 1 = 58."""
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.price(0, 95)
    return trader
