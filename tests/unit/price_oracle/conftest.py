"""An oracle, feeds in front of it, and shorthand for both."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from plimsoll.evm import Account, Chain, Handle, load

HEARTBEAT = 3_600
GAP = 10**10
CEILING = 80


@dataclass(frozen=True)
class Listed:
    """A market with a feed: the aggregator says what, the proxy stands in front of it."""

    market: int
    aggregator: Handle
    proxy: Handle


@pytest.fixture
def oracle(chain: Chain, owner: Account) -> Handle:
    """An oracle without feeds."""
    return chain.deploy(load("PriceOracle"), sender=owner)


@pytest.fixture
def new_feed(chain: Chain) -> Callable[..., tuple[Handle, Handle]]:
    """Makes an aggregator of some decimals and answer, and a proxy."""

    def make(decimals: int = 8, answer: int = 50_000 * 10**8) -> tuple[Handle, Handle]:
        aggregator = chain.deploy(load("MockAggregator"), decimals, answer)
        return aggregator, chain.deploy(load("FeedProxy"), aggregator.address)

    return make


@pytest.fixture
def listing(
    oracle: Handle, owner: Account, new_feed: Callable[..., tuple[Handle, Handle]]
) -> Callable[..., Listed]:
    """Gives a market a feed."""

    def make(
        market: int = 0,
        decimals: int = 8,
        answer: int = 50_000 * 10**8,
        heartbeat: int = HEARTBEAT,
        gap: int = GAP,
        ceiling: int = CEILING,
    ) -> Listed:
        aggregator, proxy = new_feed(decimals, answer)
        oracle.set_feed(market, proxy.address, heartbeat, gap, ceiling, sender=owner)
        return Listed(market, aggregator, proxy)

    return make


@pytest.fixture
def listed(listing: Callable[..., Listed]) -> Listed:
    """Market 3 at 50,000 with 8 decimals."""
    return listing(3)
