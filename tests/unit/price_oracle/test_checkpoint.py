"""PriceOracle.checkpoint and PriceOracle.last_good (SPEC section 5)"""

from collections.abc import Callable
from typing import Any

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert

WAD = 10**18


def test_checkpoint_default(chain: Chain, oracle: Handle, stranger: Account, listed: Any) -> None:
    chain.mine()
    listed.aggregator.set_answer(48_000 * 10**8)
    oracle.checkpoint(1 << 3, sender=stranger)
    assert tuple(oracle.last_good(3)) == (48_000 * WAD, chain.timestamp)
    listed.aggregator.set_mode(1)
    assert tuple(oracle.quote(3)) == (48_000 * WAD, 3)


def test_checkpoint_default_empty_mask(oracle: Handle) -> None:
    assert oracle.checkpoint(0).logs == []


def test_checkpoint_skips_what_is_not_fresh(
    chain: Chain, oracle: Handle, listing: Callable[..., Any]
) -> None:
    stale = listing(0, answer=10**8, heartbeat=10)
    invalid = listing(1, answer=10**8)
    listing(15, answer=10**8)
    before = chain.timestamp
    stale.aggregator.set_answer(2 * 10**8)
    chain.mine(1, 12)
    invalid.aggregator.set_answer(0)
    receipt = oracle.checkpoint(0x8003)
    assert [event.market for event in receipt.events("CheckpointStored")] == [15]
    assert tuple(oracle.last_good(0)) == (WAD, before)
    assert tuple(oracle.last_good(1)) == (WAD, before)
    assert tuple(oracle.last_good(15)) == (WAD, chain.timestamp)


def test_checkpoint_emits_checkpoint_stored(oracle: Handle, listing: Callable[..., Any]) -> None:
    listing(2, answer=10**8)
    listing(4, answer=3 * 10**8)
    stored = oracle.checkpoint(0b10100).events("CheckpointStored")
    assert [event.args for event in stored] == [
        {"market": 2, "price": WAD},
        {"market": 4, "price": 3 * WAD},
    ]


@pytest.mark.parametrize("mask", [1, 0b1001, 1 << 16, 2**256 - 1])
def test_checkpoint_reverts_no_feed(oracle: Handle, listed: Any, mask: int) -> None:
    with pytest.raises(Revert, match="oracle: no feed"):
        oracle.checkpoint(mask)


def test_last_good_default_without_feed(oracle: Handle) -> None:
    assert tuple(oracle.last_good(15)) == (0, 0)


def test_last_good_reverts_no_feed(oracle: Handle) -> None:
    with pytest.raises(Revert, match="oracle: no feed"):
        oracle.last_good(16)
