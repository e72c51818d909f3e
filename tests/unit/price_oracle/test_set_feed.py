"""PriceOracle.set_feed, PriceOracle.feed and PriceOracle.gap (SPEC sections 5 and 8)"""

from collections.abc import Callable
from typing import Any

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert, load

WAD = 10**18
DAY = 86_400
Feeds = Callable[..., tuple[Handle, Handle]]


@pytest.mark.parametrize("market", [0, 9, 15])
@pytest.mark.parametrize(
    ("heartbeat", "gap", "ceiling"),
    [(1, 0, 76), (30 * DAY, 10**12, 89), (3_600, 12_345_000, 80)],
)
def test_set_feed_default(
    oracle: Handle,
    owner: Account,
    new_feed: Feeds,
    market: int,
    heartbeat: int,
    gap: int,
    ceiling: int,
) -> None:
    _, proxy = new_feed()
    oracle.set_feed(market, proxy.address, heartbeat, gap, ceiling, sender=owner)
    assert tuple(oracle.feed(market)) == (proxy.address, 8, heartbeat, gap, ceiling)
    assert oracle.gap(market) == gap


def test_set_feed_packs_one_hot_and_one_cold_word(
    chain: Chain, oracle: Handle, listed: Any
) -> None:
    """LED-9: the layout that the comments promise."""
    layout = load("PriceOracle").layout["storage_layout"]
    assert chain.storage(oracle, layout["configs"]["slot"] + 3) == (
        int(listed.proxy.address, 16) | 8 << 160 | 3_600 << 168 | 10**7 << 192 | 80 << 224
    )
    assert chain.storage(oracle, layout["checkpoints"]["slot"] + 3) == (
        50_000 * WAD | chain.timestamp << 96 | 1 << 144
    )
    assert chain.storage(oracle, layout["points"]["slot"] + 3 * 8 + 1) == chain.timestamp << 120


def test_set_feed_stores_the_first_checkpoint(chain: Chain, oracle: Handle, listed: Any) -> None:
    assert tuple(oracle.last_good(3)) == (50_000 * WAD, chain.timestamp)


def test_set_feed_replaces(
    chain: Chain, oracle: Handle, owner: Account, listed: Any, new_feed: Feeds
) -> None:
    """Another feed, of other decimals; the checkpoint follows."""
    chain.mine()
    _, proxy = new_feed(18, 7 * WAD)
    oracle.set_feed(3, proxy.address, 60, 0, 70, sender=owner)
    assert tuple(oracle.quote(3)) == (7 * WAD, 0)
    assert tuple(oracle.last_good(3)) == (7 * WAD, chain.timestamp)


def test_set_feed_emits_feed_updated_and_checkpoint_stored(
    oracle: Handle, owner: Account, new_feed: Feeds
) -> None:
    _, proxy = new_feed()
    receipt = oracle.set_feed(5, proxy.address, 3_600, 10**9, 80, sender=owner)
    assert receipt.event("FeedUpdated").args == {
        "market": 5,
        "feed": proxy.address,
        "decimals": 8,
        "heartbeat": 3_600,
        "gap": 10**9,
        "ceiling": 80,
    }
    assert receipt.event("CheckpointStored").args == {"market": 5, "price": 50_000 * WAD}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"market": 16}, "oracle: market out of range"),
        ({"market": 2**256 - 1}, "oracle: market out of range"),
        ({"feed": "0x" + "00" * 20}, "oracle: feed is zero"),
        ({"heartbeat": 0}, "oracle: heartbeat out of range"),
        ({"heartbeat": 30 * DAY + 1}, "oracle: heartbeat out of range"),
        ({"gap": 10**12 + 1_000}, "oracle: gap out of range"),
        ({"gap": 999}, "oracle: gap out of range"),
        ({"ceiling": 90}, "oracle: ceiling out of range"),
        ({"ceiling": 2**256 - 1}, "oracle: ceiling out of range"),
    ],
)
def test_set_feed_reverts_out_of_range(
    oracle: Handle, owner: Account, new_feed: Feeds, change: dict[str, Any], reason: str
) -> None:
    _, proxy = new_feed()
    wanted = {"market": 0, "feed": proxy.address, "heartbeat": 60, "gap": 0, "ceiling": 80}
    with pytest.raises(Revert, match=reason):
        oracle.set_feed(*(wanted | change).values(), sender=owner)


def test_set_feed_reverts_price_at_the_ceiling(
    oracle: Handle, owner: Account, new_feed: Feeds
) -> None:
    _, at = new_feed(18, 2**80)
    with pytest.raises(Revert, match="oracle: price at the ceiling"):
        oracle.set_feed(0, at.address, 60, 0, 80, sender=owner)
    _, below = new_feed(18, 2**80 - 1)
    oracle.set_feed(0, below.address, 60, 0, 80, sender=owner)
    _, above = new_feed(18, 2**80 + 1)
    with pytest.raises(Revert, match="oracle: feed is not fresh"):
        oracle.set_feed(1, above.address, 60, 0, 80, sender=owner)


def test_set_feed_reverts_decimals(oracle: Handle, owner: Account, new_feed: Feeds) -> None:
    _, proxy = new_feed(19, 10**19)
    with pytest.raises(Revert, match="oracle: decimals out of range"):
        oracle.set_feed(0, proxy.address, 60, 0, 80, sender=owner)


def test_set_feed_reverts_not_fresh(
    chain: Chain, oracle: Handle, owner: Account, stranger: Account, new_feed: Feeds
) -> None:
    aggregator, proxy = new_feed()
    aggregator.set_answer(0)
    with pytest.raises(Revert, match="oracle: feed is not fresh"):
        oracle.set_feed(0, proxy.address, 60, 0, 80, sender=owner)
    aggregator.set_answer(10**8)
    chain.mine(1, 61)
    with pytest.raises(Revert, match="oracle: feed is not fresh"):
        oracle.set_feed(0, proxy.address, 60, 0, 80, sender=owner)
    # no code, and a contract that is no feed
    for address in (stranger.address, oracle.address):
        with pytest.raises(Revert, match="oracle: feed is not fresh"):
            oracle.set_feed(0, address, 60, 0, 80, sender=owner)


def test_set_feed_reverts_when_the_ceiling_rises(
    oracle: Handle, owner: Account, listed: Any
) -> None:
    """LED-9: a listing's bound on sizes rests on the ceiling it saw."""
    with pytest.raises(Revert, match="oracle: ceiling may not rise"):
        oracle.set_feed(3, listed.proxy.address, 60, 0, 81, sender=owner)
    oracle.set_feed(3, listed.proxy.address, 60, 0, 79, sender=owner)
    with pytest.raises(Revert, match="oracle: ceiling may not rise"):
        oracle.set_feed(3, listed.proxy.address, 60, 0, 80, sender=owner)


def test_set_feed_reverts_stranger(oracle: Handle, stranger: Account, new_feed: Feeds) -> None:
    _, proxy = new_feed()
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        oracle.set_feed(0, proxy.address, 60, 0, 80, sender=stranger)


@pytest.mark.parametrize("market", [0, 15, 16, 2**256 - 1])
def test_feed_and_gap_revert_no_feed(oracle: Handle, listed: Any, market: int) -> None:
    with pytest.raises(Revert, match="oracle: no feed"):
        oracle.feed(market)
    with pytest.raises(Revert, match="oracle: no feed"):
        oracle.gap(market)
