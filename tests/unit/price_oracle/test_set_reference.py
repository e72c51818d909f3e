"""PriceOracle.set_reference, PriceOracle.reference and DIVERGED (ORC-1, SPEC sections 5 and 8)"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evm import Account, Chain, Halt, Handle, Revert, load

FRESH, STALE, DIVERGED, INVALID = range(4)
WAD = 10**18
DAY = 86_400
ZERO = "0x" + "00" * 20
PRICE = 50_000 * WAD
#: 2 %
LIMIT = 2 * 10**7
Feeds = Callable[..., tuple[Handle, Handle]]


@pytest.fixture
def reference(oracle: Handle, owner: Account, listed: Any, new_feed: Feeds) -> Handle:
    """Market 3 with a reference feed of 18 decimals that agrees; its aggregator."""
    aggregator, proxy = new_feed(18, PRICE)
    oracle.set_reference(3, proxy, 600, LIMIT, sender=owner)
    return aggregator


def word(price: int, status: int, other: int) -> int:
    return status << 192 | other << 96 | price


def test_set_reference_default(
    oracle: Handle, owner: Account, listed: Any, new_feed: Feeds
) -> None:
    assert tuple(oracle.reference(3)) == (ZERO, 0, 0, 0)
    aggregator, proxy = new_feed(18, 50_500 * WAD)
    oracle.set_reference(3, proxy, 600, LIMIT, sender=owner)
    assert tuple(oracle.reference(3)) == (proxy.address, 18, 600, LIMIT)
    assert oracle.quotes(8)[3] == word(PRICE, FRESH, 50_500 * WAD)
    aggregator.set_answer(51_500 * WAD)
    assert oracle.quotes(8)[3] == word(PRICE, DIVERGED, 51_500 * WAD)
    assert tuple(oracle.quote(3)) == (PRICE, DIVERGED)


def test_set_reference_removes(oracle: Handle, owner: Account, reference: Handle) -> None:
    reference.set_answer(WAD)
    oracle.set_reference(3, ZERO, 0, 0, sender=owner)
    assert tuple(oracle.reference(3)) == (ZERO, 0, 0, 0)
    assert oracle.quotes(8)[3] == word(PRICE, FRESH, PRICE)


def test_set_reference_emits_reference_updated(
    oracle: Handle, owner: Account, listed: Any, new_feed: Feeds
) -> None:
    _, proxy = new_feed(18, PRICE)
    event = oracle.set_reference(3, proxy, 60, 1, sender=owner).event("ReferenceUpdated")
    assert event.args == {
        "market": 3,
        "feed": proxy.address,
        "decimals": 18,
        "heartbeat": 60,
        "divergence": 1,
    }
    event = oracle.set_reference(3, ZERO, 0, 0, sender=owner).event("ReferenceUpdated")
    assert (event.feed, event.decimals, event.heartbeat, event.divergence) == (ZERO, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"market": 16}, "oracle: market out of range"),
        ({"market": 2**256 - 1}, "oracle: market out of range"),
        ({"market": 4}, "oracle: no feed"),
        ({"feed": ZERO}, "oracle: reference is zero"),
        ({"feed": ZERO, "heartbeat": 0}, "oracle: reference is zero"),
        ({"feed": ZERO, "divergence": 0}, "oracle: reference is zero"),
        ({"heartbeat": 0}, "oracle: heartbeat out of range"),
        ({"heartbeat": 30 * DAY + 1}, "oracle: heartbeat out of range"),
        ({"divergence": 0}, "oracle: divergence out of range"),
        ({"divergence": 10**9 + 1}, "oracle: divergence out of range"),
    ],
)
def test_set_reference_reverts_out_of_range(
    oracle: Handle,
    owner: Account,
    listed: Any,
    new_feed: Feeds,
    change: dict[str, Any],
    reason: str,
) -> None:
    _, proxy = new_feed(18, PRICE)
    wanted = {"market": 3, "feed": proxy.address, "heartbeat": 60, "divergence": LIMIT}
    with pytest.raises(Revert, match=reason):
        oracle.set_reference(*(wanted | change).values(), sender=owner)


def test_set_reference_reverts_the_market_s_own_feed(
    oracle: Handle, owner: Account, listed: Any, new_feed: Feeds
) -> None:
    """One feed cannot vouch for itself, whichever is set last."""
    with pytest.raises(Revert, match="oracle: reference is the feed"):
        oracle.set_reference(3, listed.proxy, 60, LIMIT, sender=owner)
    _, proxy = new_feed(18, PRICE)
    oracle.set_reference(3, proxy, 60, LIMIT, sender=owner)
    with pytest.raises(Revert, match="oracle: reference is the feed"):
        oracle.set_feed(3, proxy, 60, 0, 80, sender=owner)


def test_set_reference_reverts_not_fresh(
    chain: Chain, oracle: Handle, owner: Account, stranger: Account, listed: Any, new_feed: Feeds
) -> None:
    aggregator, proxy = new_feed(18, PRICE)
    for spoil in (
        lambda: aggregator.set_answer(0),
        lambda: aggregator.set_answer(2**80 + 1),
        lambda: aggregator.set_round(2, PRICE, chain.timestamp - 61, 2),
        lambda: aggregator.set_round(2, PRICE, chain.timestamp, 1),
        lambda: aggregator.set_mode(2),
    ):
        spoil()
        with pytest.raises(Revert, match="oracle: reference is not fresh"):
            oracle.set_reference(3, proxy, 60, LIMIT, sender=owner)
    with pytest.raises(Revert, match="oracle: reference is not fresh"):
        oracle.set_reference(3, stranger.address, 60, LIMIT, sender=owner)


def test_set_reference_reverts_decimals(
    oracle: Handle, owner: Account, listed: Any, new_feed: Feeds
) -> None:
    _, proxy = new_feed(19, PRICE * 10)
    with pytest.raises(Revert, match="oracle: decimals out of range"):
        oracle.set_reference(3, proxy, 60, LIMIT, sender=owner)


def test_set_reference_reverts_diverges(
    oracle: Handle, owner: Account, listed: Any, new_feed: Feeds
) -> None:
    """The feed of something else would freeze the market at once."""
    aggregator, proxy = new_feed(18, PRICE + PRICE // 50 + 1)
    with pytest.raises(Revert, match="oracle: reference diverges"):
        oracle.set_reference(3, proxy, 60, LIMIT, sender=owner)
    assert tuple(oracle.reference(3)) == (ZERO, 0, 0, 0)
    aggregator.set_answer(PRICE + PRICE // 50)
    oracle.set_reference(3, proxy, 60, LIMIT, sender=owner)


def test_set_reference_reverts_stranger(
    oracle: Handle, stranger: Account, listed: Any, new_feed: Feeds
) -> None:
    _, proxy = new_feed(18, PRICE)
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        oracle.set_reference(3, proxy, 60, LIMIT, sender=stranger)


@pytest.mark.parametrize("market", [4, 16, 2**256 - 1])
def test_reference_reverts_no_feed(oracle: Handle, listed: Any, market: int) -> None:
    with pytest.raises(Revert, match="oracle: no feed"):
        oracle.reference(market)


# -- ORC-1: what a reference does ------------------------------------------------------------------


@given(
    own=st.one_of(st.integers(1, 2**80 // 10**10), st.integers(1, 10**4)),
    ratio=st.one_of(st.integers(900_000_000, 1_100_000_000), st.integers(1, 10**12)),
    nudge=st.integers(-2, 2),
    limit=st.one_of(st.integers(1, 10**9), st.just(LIMIT)),
)
@settings(max_examples=200, deadline=None)
def test_orc_1_diverged_by_more_than_the_limit_of_the_smaller_price(
    pair: tuple[Handle, Handle, Handle, Handle], own: int, ratio: int, nudge: int, limit: int
) -> None:
    """Exact at the edge, whichever price is higher."""
    oracle, feed, other_feed, proxy = pair
    price = own * 10**10
    other = max(1, min(price * ratio // 10**9 + nudge, 2**80))
    with oracle.chain.anchor():
        oracle.set_reference(0, ZERO, 0, 0)
        feed.set_answer(own)
        other_feed.set_answer(price)
        oracle.set_reference(0, proxy, 60, limit)
        other_feed.set_answer(other)
        status = DIVERGED if abs(price - other) * 10**9 > limit * min(price, other) else FRESH
        assert oracle.quotes(1)[0] == word(price, status, other)


@pytest.fixture(scope="module")
def pair() -> tuple[Handle, Handle, Handle, Handle]:
    """An oracle, the feed of market 0, an aggregator of 18 decimals and the proxy before it."""
    chain = Chain()
    oracle = chain.deploy(load("PriceOracle"))
    feed = chain.deploy(load("MockAggregator"), 8, 10**8)
    oracle.set_feed(0, feed, 3_600, 0, 80)
    other = chain.deploy(load("MockAggregator"), 18, WAD)
    return oracle, feed, other, chain.deploy(load("FeedProxy"), other)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a, now: a.set_answer(0),
        lambda a, now: a.set_answer(-1),
        lambda a, now: a.set_answer(2**80 + 1),
        lambda a, now: a.set_round(7, WAD, now - 601, 7),
        lambda a, now: a.set_round(7, WAD, now + 1, 7),
        lambda a, now: a.set_round(7, WAD, now, 6),
        lambda a, now: a.set_mode(1),
        lambda a, now: a.set_mode(2),
    ],
    ids=["zero", "negative", "ceiling", "stale", "future", "unfinished", "reverts", "short"],
)
def test_orc_1_a_reference_that_fails_is_left_out(
    chain: Chain, oracle: Handle, reference: Handle, spoil: Callable[..., Any]
) -> None:
    """It said something else before; failing it cannot freeze the market."""
    reference.set_answer(WAD)
    assert oracle.quote(3)[1] == DIVERGED
    spoil(reference, chain.timestamp)
    assert oracle.quotes(8)[3] == word(PRICE, FRESH, PRICE)


def test_orc_1_a_reference_with_other_decimals_is_left_out(
    oracle: Handle, owner: Account, listed: Any, new_feed: Feeds
) -> None:
    _, proxy = new_feed(18, PRICE)
    oracle.set_reference(3, proxy, 600, LIMIT, sender=owner)
    other, _ = new_feed(8, 1)
    proxy.set_aggregator(other)
    assert oracle.quotes(8)[3] == word(PRICE, FRESH, PRICE)


def test_orc_1_a_fresh_reference_does_not_stand_in_for_the_feed(
    chain: Chain, oracle: Handle, listed: Any, reference: Handle
) -> None:
    """STALE and INVALID stay what they are, at the last good price."""
    listed.aggregator.set_updated_at(chain.timestamp - 3_601)
    reference.set_answer(WAD)
    assert oracle.quotes(8)[3] == word(PRICE, STALE, PRICE)
    listed.aggregator.set_mode(1)
    assert oracle.quotes(8)[3] == word(PRICE, INVALID, PRICE)


def test_orc_1_a_diverged_price_is_no_checkpoint(
    chain: Chain, oracle: Handle, owner: Account, listed: Any, reference: Handle
) -> None:
    """Nor a first price of a new feed; a feed that agrees may replace one that does not."""
    chain.mine()
    listed.aggregator.set_answer(40_000 * 10**8)
    assert oracle.checkpoint(8).events("CheckpointStored") == []
    assert oracle.last_good(3).price == PRICE
    with pytest.raises(Revert, match="oracle: feed is not fresh"):
        oracle.set_feed(3, listed.proxy, 60, 0, 80, sender=owner)
    reference.set_answer(40_100 * WAD)
    oracle.set_feed(3, listed.proxy, 60, 0, 80, sender=owner)
    assert oracle.last_good(3).price == 40_000 * WAD
    assert oracle.reference(3).heartbeat == 600


def test_orc_1_a_lowered_ceiling_holds_for_the_reference(
    oracle: Handle, owner: Account, listed: Any, reference: Handle
) -> None:
    """A reference price above it is left out."""
    reference.set_answer(2**78)
    assert oracle.quote(3)[1] == DIVERGED
    oracle.set_reference(3, ZERO, 0, 0, sender=owner)
    oracle.set_feed(3, listed.proxy, 3_600, 0, 77, sender=owner)
    reference.set_answer(PRICE)
    proxy = oracle.chain.deploy(load("FeedProxy"), reference)
    oracle.set_reference(3, proxy, 600, LIMIT, sender=owner)
    reference.set_answer(2**77 + 1)
    assert oracle.quote(3)[1] == FRESH


def test_orc_1_a_caller_short_of_gas_cannot_hide_a_divergence(
    chain: Chain, oracle: Handle, reference: Handle
) -> None:
    """With too little gas for the reference's read, `quotes` as a whole fails."""
    reference.set_answer(WAD)
    whole = oracle.quotes(8)[3]
    told = set()
    for gas in range(24_000, 60_000, 250):
        try:
            told.add(oracle.quotes(8, gas=gas)[3])
        except (Halt, Revert):
            continue
    assert told == {whole}
