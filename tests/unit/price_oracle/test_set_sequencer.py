"""PriceOracle.set_sequencer and PriceOracle.sequencer_feed (ORC-1, SPEC sections 5 and 8)"""

from collections.abc import Callable
from typing import Any

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert, load

FRESH, STALE, DIVERGED, INVALID = range(4)
WAD = 10**18
DAY = 86_400
GRACE = 1_800
ZERO = "0x" + "00" * 20
PRICE = 50_000 * WAD


@pytest.fixture
def uptime(chain: Chain) -> Handle:
    """A sequencer's feed: up for a day."""
    feed = chain.deploy(load("MockAggregator"), 0, 0)
    feed.set_round(1, 0, chain.timestamp - DAY, 1)
    return feed


@pytest.fixture
def watched(oracle: Handle, owner: Account, listed: Any, uptime: Handle) -> Handle:
    """The sequencer's feed, set."""
    oracle.set_sequencer(uptime, GRACE, sender=owner)
    return uptime


def test_set_sequencer_default(oracle: Handle, owner: Account, listed: Any, uptime: Handle) -> None:
    assert tuple(oracle.sequencer_feed()) == (ZERO, 0, False)
    oracle.set_sequencer(uptime, GRACE, sender=owner)
    assert tuple(oracle.sequencer_feed()) == (uptime.address, GRACE, False)
    assert tuple(oracle.quote(3)) == (PRICE, FRESH)
    uptime.set_answer(1)
    assert tuple(oracle.sequencer_feed()) == (uptime.address, GRACE, True)
    assert oracle.quotes(8)[3] == STALE << 192 | PRICE << 96 | PRICE
    oracle.set_sequencer(ZERO, 0, sender=owner)
    assert tuple(oracle.sequencer_feed()) == (ZERO, 0, False)
    assert tuple(oracle.quote(3)) == (PRICE, FRESH)


def test_set_sequencer_holds_for_every_market(
    oracle: Handle, owner: Account, watched: Handle, listing: Callable[..., Any]
) -> None:
    """Those that get their feed afterwards too, and those that get another one."""
    listing(7)
    oracle.set_feed(3, listing(8).proxy, 60, 0, 80, sender=owner)
    watched.set_answer(1)
    words = oracle.quotes(1 << 3 | 1 << 7 | 1 << 8)
    assert [words[m] >> 192 for m in (3, 7, 8)] == [STALE] * 3
    with pytest.raises(Revert, match="oracle: feed is not fresh"):
        listing(9)


def test_set_sequencer_emits_sequencer_updated(
    oracle: Handle, owner: Account, uptime: Handle
) -> None:
    event = oracle.set_sequencer(uptime, GRACE, sender=owner).event("SequencerUpdated")
    assert event.args == {"feed": uptime.address, "grace": GRACE}
    event = oracle.set_sequencer(ZERO, 0, sender=owner).event("SequencerUpdated")
    assert event.args == {"feed": ZERO, "grace": 0}


def test_set_sequencer_reverts(
    chain: Chain, oracle: Handle, owner: Account, stranger: Account, uptime: Handle
) -> None:
    for grace in (0, DAY + 1, 2**256 - 1):
        with pytest.raises(Revert, match="oracle: grace out of range"):
            oracle.set_sequencer(uptime, grace, sender=owner)
    with pytest.raises(Revert, match="oracle: sequencer is zero"):
        oracle.set_sequencer(ZERO, 1, sender=owner)
    with pytest.raises(Revert, match="oracle: sequencer is not up"):
        oracle.set_sequencer(stranger.address, GRACE, sender=owner)
    uptime.set_answer(1)
    with pytest.raises(Revert, match="oracle: sequencer is not up"):
        oracle.set_sequencer(uptime, GRACE, sender=owner)
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        oracle.set_sequencer(uptime, GRACE, sender=stranger)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda u, now: u.set_round(2, 1, now - DAY, 2),
        lambda u, now: u.set_round(2, 2, now - DAY, 2),
        lambda u, now: u.set_round(2, -1, now - DAY, 2),
        lambda u, now: u.set_round(2, 0, now, 2),
        lambda u, now: u.set_round(2, 0, now - GRACE + 1, 2),
        lambda u, now: u.set_round(2, 0, now + 1, 2),
        lambda u, now: u.set_round(2, 0, 0, 2),
        lambda u, now: u.set_mode(1),
        lambda u, now: u.set_mode(2),
        lambda u, now: u.chain.set_code(u.address, b""),
    ],
    ids=[
        "down",
        "nonsense",
        "negative",
        "just back",
        "in its grace",
        "future",
        "never",
        "reverts",
        "short",
        "no code",
    ],
)
def test_orc_1_nothing_is_fresh_while_the_sequencer_is_not_up(
    chain: Chain, oracle: Handle, listed: Any, watched: Handle, spoil: Callable[..., Any]
) -> None:
    """The last good price is the feed's own answer; no checkpoint is stored."""
    listed.aggregator.set_answer(49_000 * 10**8)
    spoil(watched, chain.timestamp)
    assert tuple(oracle.quote(3)) == (49_000 * WAD, STALE)
    assert oracle.checkpoint(8).events("CheckpointStored") == []
    listed.aggregator.set_mode(1)
    assert tuple(oracle.quote(3)) == (PRICE, INVALID)


def test_orc_1_the_grace_ends(chain: Chain, oracle: Handle, listed: Any, watched: Handle) -> None:
    watched.set_answer(0)
    back = chain.timestamp
    chain.set_time(back + GRACE - 1)
    assert oracle.quote(3)[1] == STALE
    chain.set_time(back + GRACE)
    assert oracle.quote(3)[1] == FRESH


def test_orc_1_a_sequencer_that_is_down_hides_no_invalid_feed_and_no_divergence(
    oracle: Handle,
    owner: Account,
    listed: Any,
    watched: Handle,
    new_feed: Callable[..., tuple[Handle, Handle]],
) -> None:
    """A diverged market is STALE meanwhile, and diverged again afterwards."""
    other, proxy = new_feed(18, PRICE)
    oracle.set_reference(3, proxy, 3_600, 10**7, sender=owner)
    other.set_answer(2 * PRICE)
    assert oracle.quotes(8)[3] == DIVERGED << 192 | 2 * PRICE << 96 | PRICE
    watched.set_mode(1)
    assert oracle.quotes(8)[3] == STALE << 192 | PRICE << 96 | PRICE
    watched.set_mode(0)
    assert oracle.quote(3)[1] == DIVERGED


def test_quotes_asks_the_sequencer_once(
    chain: Chain, oracle: Handle, owner: Account, listing: Callable[..., Any], uptime: Handle
) -> None:
    """A further market costs but a few instructions more with a sequencer than without."""
    for market in (0, 1):
        listing(market)

    def gas(mask: int) -> int:
        with chain.metered():
            return int(oracle.quotes.transact(mask).gas_used)

    before = gas(0b11) - gas(0b01)
    oracle.set_sequencer(uptime, GRACE, sender=owner)
    assert gas(0b11) - gas(0b01) - before < 300
