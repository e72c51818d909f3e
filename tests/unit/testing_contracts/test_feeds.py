"""MockAggregator, FeedProxy, BrokenAggregator"""

import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak

from plimsoll.evm import Account, Chain, Handle, Revert, load

LATEST = keccak(text="latestRoundData()")[:4]
ROUND = ["uint80", "int256", "uint256", "uint256", "uint80"]


@pytest.fixture
def aggregator(chain: Chain) -> Handle:
    return chain.deploy(load("MockAggregator"), 8, 123)


@pytest.fixture
def proxy(chain: Chain, aggregator: Handle) -> Handle:
    return chain.deploy(load("FeedProxy"), aggregator.address)


def raw(chain: Chain, feed: Handle) -> bytes:
    return bytes(chain.call(feed.address, LATEST).value)


def test_aggregator_default(chain: Chain, aggregator: Handle, proxy: Handle) -> None:
    now = chain.timestamp
    assert decode(ROUND, raw(chain, aggregator)) == (1, 123, now, now, 1)
    assert tuple(proxy.latestRoundData()) == (1, 123, now, now, 1)
    assert aggregator.decimals() == proxy.decimals() == 8


def test_aggregator_set_answer_is_a_new_round(
    chain: Chain, aggregator: Handle, proxy: Handle
) -> None:
    chain.mine()
    aggregator.set_answer(-5)
    assert tuple(proxy.latestRoundData()) == (2, -5, chain.timestamp, chain.timestamp, 2)
    assert aggregator.answer() == -5


def test_aggregator_setters(chain: Chain, aggregator: Handle, proxy: Handle) -> None:
    now = chain.timestamp
    aggregator.set_updated_at(77)
    assert tuple(proxy.latestRoundData()) == (1, 123, now, 77, 1)
    aggregator.set_answered_in_round(0)
    assert tuple(proxy.latestRoundData()) == (1, 123, now, 77, 0)
    largest = 2**80 - 1
    aggregator.set_round(largest, 9, 55, largest - 1)
    assert tuple(proxy.latestRoundData()) == (largest, 9, 55, 55, largest - 1)


def test_aggregator_modes(chain: Chain, aggregator: Handle, proxy: Handle) -> None:
    before = raw(chain, aggregator)
    aggregator.set_mode(1)
    with pytest.raises(Revert, match="aggregator: told to revert"):
        proxy.latestRoundData()
    aggregator.set_mode(2)
    assert raw(chain, aggregator) == before[:64]
    with pytest.raises(Revert):
        proxy.latestRoundData()
    aggregator.set_mode(0)
    assert raw(chain, aggregator) == before


def test_aggregator_keeps_its_mode(chain: Chain, aggregator: Handle) -> None:
    aggregator.set_mode(2)
    aggregator.set_answer(9)
    aggregator.set_answered_in_round(1)
    aggregator.set_round(5, 6, 7, 8)
    assert len(raw(chain, aggregator)) == 64


def test_aggregator_reverts(aggregator: Handle) -> None:
    with pytest.raises(Revert, match="aggregator: unknown mode"):
        aggregator.set_mode(3)
    with pytest.raises(Revert, match="aggregator: time too large"):
        aggregator.set_updated_at(2**128)
    with pytest.raises(Revert, match="aggregator: time too large"):
        aggregator.set_round(1, 1, 2**128, 1)


def test_proxy_set_aggregator(chain: Chain, proxy: Handle) -> None:
    other = chain.deploy(load("MockAggregator"), 18, 5)
    proxy.set_aggregator(other.address)
    assert proxy.aggregator() == other.address
    assert proxy.decimals() == 18


def test_broken_aggregator(chain: Chain, stranger: Account) -> None:
    feed = chain.deploy(load("BrokenAggregator"))
    assert raw(chain, feed) == b""
    feed.set_response(LATEST, b"\x01\x02\x03", False)
    assert raw(chain, feed) == b"\x01\x02\x03"
    feed.set_response(LATEST, b"\x09" * 320, True)
    with pytest.raises(Revert) as caught:
        raw(chain, feed)
    assert caught.value.data == b"\x09" * 320
