"""PriceOracle.average: the time-weighted price of the checkpoints (LIQ-9, SPEC section 5)"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evm import Chain, Handle, Revert, load
from plimsoll.reference import Model

WAD = 10**18
HOUR, SPAN, BUCKET, POINTS = 3_600, 900, 600, 8


@pytest.fixture
def sampled(chain: Chain, oracle: Handle, listing: Callable[..., Any]) -> Any:
    """Market 3 at 100, listed at the start of a clock's ten minutes; a sampler of it."""
    chain.set_time((chain.timestamp // BUCKET + 1) * BUCKET)
    listed = listing(3, answer=100 * 10**8)

    def sample(after: int, price: int) -> None:
        chain.mine(seconds=after)
        listed.aggregator.set_answer(price * 10**8)
        oracle.checkpoint(8)

    return sample


def average(oracle: Handle) -> tuple[int, int, int]:
    return tuple(oracle.average(3))  # type: ignore[return-value]


def test_average_default(chain: Chain, oracle: Handle, sampled: Any) -> None:
    """100 for 600 s, 130 for 300 s, 160 for 100 s until now."""
    start = chain.timestamp
    assert average(oracle) == (0, 0, start)
    sampled(600, 130)
    assert average(oracle) == (100 * WAD, 600, start)
    sampled(300, 160)
    chain.mine(seconds=100)
    assert average(oracle) == (WAD * (100 * 600 + 130 * 300 + 160 * 100) // 1_000, 1_000, start)


def test_average_of_the_last_hour(chain: Chain, oracle: Handle, sampled: Any) -> None:
    """Every ten minutes for half a day: an hour, never much more; what was before is forgotten."""
    for price in range(101, 173):
        sampled(BUCKET, price)
    now = chain.timestamp
    mean = sum(range(166, 172)) * WAD // 6
    assert average(oracle) == (mean, HOUR, now - HOUR)
    chain.mine(seconds=599)
    assert average(oracle) == ((mean * HOUR + 172 * WAD * 599) // 4_199, 4_199, now - HOUR)


def test_liq_9_a_late_sample_moves_nothing(chain: Chain, oracle: Handle, sampled: Any) -> None:
    """Even a price a thousand times as high counts only for the time after it."""
    for _ in range(8):
        sampled(BUCKET, 100)
    sampled(BUCKET - 1, 100_000)
    assert average(oracle)[0] == 100 * WAD
    chain.mine(seconds=1)
    price, covered, _ = average(oracle)
    assert price == (100 * WAD * (covered - 1) + 100_000 * WAD) // covered
    sampled(0, 100)
    chain.mine(seconds=500)
    assert average(oracle)[0] < 128 * WAD


def test_liq_9_what_nobody_samples_is_not_covered(
    chain: Chain, oracle: Handle, sampled: Any
) -> None:
    """A price counts for 900 s; the average tells since when, and how much of it."""
    start = chain.timestamp
    chain.mine(seconds=10 * HOUR)
    assert average(oracle) == (100 * WAD, SPAN, start)
    sampled(0, 200)
    assert average(oracle) == (100 * WAD, SPAN, start)
    chain.mine(seconds=SPAN)
    assert average(oracle) == (150 * WAD, 2 * SPAN, start)


def test_liq_9_many_samples_do_not_push_the_hour_out(
    chain: Chain, oracle: Handle, sampled: Any
) -> None:
    """One point each ten minutes, however often somebody samples."""
    for _ in range(8):
        sampled(BUCKET, 100)
    for _ in range(100):
        sampled(5, 100)
    _, covered, since = average(oracle)
    assert covered >= HOUR
    assert chain.timestamp - since == covered


def test_average_of_the_highest_price_for_longest(
    chain: Chain, oracle: Handle, listing: Callable[..., Any]
) -> None:
    """The sums are kept modulo 2**104 and 2**16; their differences are exact."""
    highest = 2**89 - 1
    listing(3, decimals=18, answer=highest, heartbeat=30 * 86_400, ceiling=89)
    for _ in range(300):
        chain.mine(seconds=SPAN)
        oracle.checkpoint(8)
    price, covered, since = average(oracle)
    assert (price, covered, chain.timestamp - since) == (highest, HOUR, HOUR)


def test_average_ends_with_the_feed(chain: Chain, oracle: Handle, listing: Any) -> None:
    """A feed that dies leaves the average of what was, and less and less of an hour back."""
    listed = listing(3, answer=100 * 10**8)
    listed.aggregator.set_mode(1)
    chain.mine(seconds=2 * HOUR)
    oracle.checkpoint(8)
    assert average(oracle)[:2] == (100 * WAD, SPAN)


@pytest.mark.parametrize("market", [0, 16, 2**256 - 1])
def test_average_reverts_no_feed(oracle: Handle, listing: Any, market: int) -> None:
    listing(3)
    with pytest.raises(Revert, match="oracle: no feed"):
        oracle.average(market)


@pytest.fixture(scope="module")
def fed() -> tuple[Handle, Handle]:
    """An oracle whose market 0 has a feed of 18 decimals that never gets old."""
    chain = Chain()
    oracle = chain.deploy(load("PriceOracle"))
    feed = chain.deploy(load("MockAggregator"), 18, WAD)
    return oracle, feed


@given(
    steps=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 1_300), st.integers(0, 20), st.sampled_from([599, 600, 900])),
            st.integers(1, 2**89 - 1),
            st.booleans(),
        ),
        max_size=40,
    )
)
@settings(max_examples=60, deadline=None)
def test_liq_9_the_average_is_the_models(
    fed: tuple[Handle, Handle], steps: list[tuple[int, int, bool]]
) -> None:
    """Whenever somebody samples, at whatever price."""
    oracle, feed = fed
    chain = oracle.chain
    with chain.anchor():
        model = Model("0x" + "01" * 20, time=chain.timestamp)
        model.set_answer(0, WAD, chain.timestamp)
        oracle.set_feed(0, feed, 30 * 86_400, 0, 89)
        model.set_feed("0x" + "01" * 20, 0, 30 * 86_400, 0, 89)
        for seconds, price, stored in steps:
            chain.mine(seconds=seconds)
            model.set_time(chain.timestamp)
            if stored:
                feed.set_answer(price)
                model.set_answer(0, price, chain.timestamp)
                oracle.checkpoint(1)
                model.checkpoint("0x" + "02" * 20, 1)
            told, known = oracle.average(0), model.average(0)
            assert tuple(told) == (known.price, known.covered, known.since)
