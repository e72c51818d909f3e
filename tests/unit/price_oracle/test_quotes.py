"""PriceOracle.quotes and PriceOracle.quote (ORC-1, ORC-3, SPEC section 5)"""

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evm import Account, Chain, Handle, Revert, load

FRESH, STALE, INVALID = 0, 1, 3
WAD = 10**18
PRICE = 50_000 * WAD
LATEST = keccak(text="latestRoundData()")[:4]
DECIMALS = keccak(text="decimals()")[:4]


def word(price: int, status: int = FRESH) -> int:
    return status << 192 | price << 96 | price


def test_quotes_default(oracle: Handle, listed: Any) -> None:
    words = oracle.quotes(1 << 3)
    assert list(words) == [word(PRICE) if m == 3 else 0 for m in range(16)]
    assert tuple(oracle.quote(3)) == (PRICE, FRESH)


def test_quotes_default_empty_mask(oracle: Handle) -> None:
    assert list(oracle.quotes(0)) == [0] * 16


def test_quotes_default_every_market(oracle: Handle, listing: Callable[..., Any]) -> None:
    """The index of a bit is found without a search; each one is right, alone and in any company."""
    for market in range(16):
        listing(market, answer=(market + 1) * 10**8)
    prices = [word((market + 1) * WAD) for market in range(16)]
    for mask in [*(1 << m for m in range(16)), 0xFFFF, 0x8001, 0x5555, 0xAAAA, 0x00FF, 0x7FFE]:
        expected = [price if mask >> m & 1 else 0 for m, price in enumerate(prices)]
        assert list(oracle.quotes(mask)) == expected


@pytest.mark.parametrize("decimals", range(19))
def test_quotes_scales_every_decimals(
    oracle: Handle, listing: Callable[..., Any], decimals: int
) -> None:
    listing(1, decimals=decimals, answer=1_234 * 10**decimals)
    assert tuple(oracle.quote(1)) == (1_234 * WAD, FRESH)


def test_quotes_keeps_the_last_wei_of_18_decimals(
    oracle: Handle, listing: Callable[..., Any]
) -> None:
    listing(1, decimals=18, answer=1)
    assert tuple(oracle.quote(1)) == (1, FRESH)


def test_quotes_is_stale_after_the_heartbeat(chain: Chain, oracle: Handle, listed: Any) -> None:
    """STALE keeps the feed's own answer, not the checkpoint."""
    listed.aggregator.set_answer(51_000 * 10**8)
    updated = chain.timestamp
    chain.set_time(updated + 3_600)
    assert tuple(oracle.quote(3)) == (51_000 * WAD, FRESH)
    chain.set_time(updated + 3_601)
    assert tuple(oracle.quote(3)) == (51_000 * WAD, STALE)
    assert oracle.quotes(1 << 3)[3] == word(51_000 * WAD, STALE)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a, now: a.set_answer(0),
        lambda a, now: a.set_answer(-1),
        lambda a, now: a.set_answer(-(2**255)),
        lambda a, now: a.set_answer(2**255 - 1),
        lambda a, now: a.set_updated_at(0),
        lambda a, now: a.set_updated_at(now + 1),
        lambda a, now: a.set_updated_at(2**128 - 1),
        lambda a, now: a.set_answered_in_round(0),
        lambda a, now: a.set_round(7, 10**8, now, 6),
        lambda a, now: a.set_mode(1),
    ],
    ids=[
        "zero",
        "negative",
        "most negative",
        "largest",
        "never updated",
        "from the future",
        "far future",
        "unfinished round",
        "older round",
        "reverts",
    ],
)
@pytest.mark.parametrize("later", [0, 10_000])
def test_quotes_is_invalid(
    chain: Chain, oracle: Handle, listed: Any, spoil: Callable[..., Any], later: int
) -> None:
    """INVALID beats STALE and falls back on the checkpoint; the other markets do not notice."""
    listed.aggregator.set_answer(49_000 * 10**8)
    spoil(listed.aggregator, chain.timestamp + later)
    if later:
        chain.set_time(chain.timestamp + later)
    assert tuple(oracle.quote(3)) == (PRICE, INVALID)
    assert oracle.quotes(1 << 3)[3] == word(PRICE, INVALID)


def test_quotes_takes_a_later_round(chain: Chain, oracle: Handle, listed: Any) -> None:
    """answeredInRound above roundId is not below it."""
    listed.aggregator.set_round(7, 10**8, chain.timestamp, 8)
    assert tuple(oracle.quote(3)) == (WAD, FRESH)
    listed.aggregator.set_round(2**80 - 1, 10**8, chain.timestamp, 2**80 - 1)
    assert tuple(oracle.quote(3)) == (WAD, FRESH)


@pytest.mark.parametrize("decimals", [8, 18])
def test_quotes_ceiling(oracle: Handle, listing: Callable[..., Any], decimals: int) -> None:
    """A price at 2**ceiling is the last valid one."""
    unit = 10 ** (18 - decimals)
    listed = listing(2, decimals=decimals, answer=10**decimals, ceiling=80)
    highest = 2**80 // unit
    listed.aggregator.set_answer(highest)
    assert tuple(oracle.quote(2)) == (highest * unit, FRESH)
    listed.aggregator.set_answer(highest + 1)
    assert tuple(oracle.quote(2)) == (WAD, INVALID)


def test_quotes_is_invalid_with_other_decimals(
    oracle: Handle, listed: Any, new_feed: Callable[..., tuple[Handle, Handle]]
) -> None:
    """ORC-3: an upgrade behind the proxy that changes the scale is noticed at the next read."""
    other, _ = new_feed(decimals=18, answer=PRICE)
    listed.proxy.set_aggregator(other.address)
    assert tuple(oracle.quote(3)) == (PRICE, INVALID)
    listed.proxy.set_aggregator(listed.aggregator.address)
    assert tuple(oracle.quote(3)) == (PRICE, FRESH)


def test_quotes_is_invalid_without_code(oracle: Handle, listed: Any, stranger: Account) -> None:
    listed.proxy.set_aggregator(stranger.address)
    assert tuple(oracle.quote(3)) == (PRICE, INVALID)
    listed.proxy.set_aggregator("0x" + "00" * 20)
    assert tuple(oracle.quote(3)) == (PRICE, INVALID)


def test_quotes_is_invalid_when_the_feed_loses_its_code(
    chain: Chain, oracle: Handle, listed: Any
) -> None:
    chain.set_code(listed.proxy.address, b"")
    assert tuple(oracle.quote(3)) == (PRICE, INVALID)


def test_quotes_is_invalid_when_the_answer_is_short(
    oracle: Handle, owner: Account, new_feed: Callable[..., tuple[Handle, Handle]]
) -> None:
    aggregator, _ = new_feed()
    oracle.set_feed(0, aggregator.address, 3_600, 0, 80, sender=owner)
    aggregator.set_mode(2)
    assert tuple(oracle.quote(0)) == (PRICE, INVALID)
    aggregator.set_mode(0)
    assert tuple(oracle.quote(0)) == (PRICE, FRESH)


def test_quotes_one_dead_feed_leaves_the_others(
    oracle: Handle, listing: Callable[..., Any]
) -> None:
    """ORC-2"""
    listing(1, answer=10**8)
    dead = listing(2, answer=2 * 10**8)
    listing(3, answer=3 * 10**8)
    dead.aggregator.set_mode(1)
    words = oracle.quotes(0b1110)
    assert words[1:4] == [word(WAD), word(2 * WAD, INVALID), word(3 * WAD)]


@pytest.mark.parametrize("mask", [1, 1 << 15, 0b1001, 1 << 16, 1 << 16 | 0b1000, 2**256 - 1])
def test_quotes_reverts_no_feed(oracle: Handle, listed: Any, mask: int) -> None:
    with pytest.raises(Revert, match="oracle: no feed"):
        oracle.quotes(mask)


@pytest.mark.parametrize("market", [0, 15, 16, 2**256 - 1])
def test_quote_reverts_no_feed(oracle: Handle, listed: Any, market: int) -> None:
    with pytest.raises(Revert, match="oracle: no feed"):
        oracle.quote(market)


# -- whatever a feed says --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken() -> tuple[Handle, Handle]:
    """An oracle whose market 0 is at 50,000, ceiling 80; its feed can be made to say anything."""
    chain = Chain()
    oracle = chain.deploy(load("PriceOracle"))
    feed = chain.deploy(load("BrokenAggregator"))
    good = encode(["uint256"] * 5, [1, 50_000 * 10**8, 1, chain.timestamp, 1])
    feed.set_response(LATEST, good, False)
    feed.set_response(DECIMALS, encode(["uint8"], [8]), False)
    oracle.set_feed(0, feed.address, 3_600, 0, 80)
    return oracle, feed


def expected_quote(now: int, data: bytes, decimals: bytes, fails: bool) -> tuple[int, int]:
    """SPEC section 5, from the raw answers of a feed of 8 decimals."""
    invalid = (PRICE, INVALID)
    if fails or len(data) < 160 or len(decimals) < 32 or int.from_bytes(decimals[:32], "big") != 8:
        return invalid
    round_id, answer, _, updated, answered = (
        int.from_bytes(data[at : at + 32], "big", signed=at == 32) for at in range(0, 160, 32)
    )
    if answer <= 0 or updated == 0 or updated > now or answered < round_id or answered >= 2**80:
        return invalid
    price = answer * 10**10
    if price > 2**80:
        return invalid
    return price, STALE if now - updated > 3_600 else FRESH


NOW = Chain().timestamp
WORDS = st.one_of(st.integers(0, 3), st.integers(0, 2**256 - 1), st.just(2**80), st.just(2**80 - 1))
ANSWERS = st.one_of(
    st.integers(0, 2**80 // 10**10 + 5),
    st.just(2**80 // 10**10),
    st.integers(-(2**255), 2**255 - 1),
)
TIMES = st.one_of(st.integers(NOW - 3_605, NOW + 2), st.just(0), WORDS)
ROUNDS = st.builds(
    lambda a, b, c, d, e: encode(
        ["uint256", "int256", "uint256", "uint256", "uint256"], [a, b, c, d, e]
    ),
    WORDS,
    ANSWERS,
    WORDS,
    TIMES,
    WORDS,
)
SHORTER = st.builds(lambda data, cut: data[:cut], ROUNDS, st.integers(0, 160))
LONGER = st.builds(lambda data, more: data + more, ROUNDS, st.binary(max_size=160))


@given(
    data=st.one_of(ROUNDS, SHORTER, LONGER, st.binary(max_size=320)),
    decimals=st.one_of(
        st.just(encode(["uint256"], [8])),
        st.builds(lambda n: encode(["uint256"], [n]), WORDS),
        st.binary(max_size=64),
    ),
    fails=st.sampled_from([False, False, False, True]),
    decimals_fail=st.sampled_from([False, False, False, True]),
)
@settings(max_examples=400, deadline=None)
def test_quotes_never_reverts(
    broken: tuple[Handle, Handle], data: bytes, decimals: bytes, fails: bool, decimals_fail: bool
) -> None:
    """Any bytes from a feed give the status the rules say, and no revert."""
    oracle, feed = broken
    with oracle.chain.anchor():
        feed.set_response(LATEST, data, fails)
        feed.set_response(DECIMALS, decimals, decimals_fail)
        quote = tuple(oracle.quote(0))
        assert oracle.quotes(1)[0] == word(*quote)
    assert quote == expected_quote(NOW, data, decimals, fails or decimals_fail)


def test_quotes_gas(
    chain: Chain, oracle: Handle, listed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """One cold market in 20,000, its two cold addresses and five cold slots included."""
    with chain.metered():
        receipt = oracle.quotes.transact(1 << 3)
    calldata = sum(16 if byte else 4 for byte in oracle.quotes.encode(1 << 3))
    used = receipt.gas_used - 21_000 - calldata
    with capsys.disabled():
        print(f"\nPriceOracle.quotes, one market, all cold: {used:,} gas")
    assert used <= 20_000
