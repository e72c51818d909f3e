"""RiskModel.observe (MRG-4)"""

import csv
import gzip
import math
import os
import random
from collections.abc import Callable
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evm import Account, Chain, Handle, Revert, load
from plimsoll.reference.risk import FINE, Settings, average, decay, limited, log_ratio

WAD = 10**18
UNIT = 10**12
HOUR = 3_600
DAY = 24 * HOUR
FLOOR = 5 * 10**10
SETTINGS = Settings(b=UNIT, tau=DAY, period=DAY, cap=UNIT, speed=3 * 10**11)

Make = Callable[..., dict[str, int]]


@pytest.fixture
def live(risk: Handle, feeds: list[Handle], owner: Account, params_of: Make) -> Handle:
    """Market 0 follows its volatility, market 1 has no settings; both stand at 100."""
    risk.set_volatility(0, astuple(SETTINGS), sender=owner)
    for market in (0, 1):
        risk.set_market(market, params_of(), sender=owner)
    return risk


def test_mrg_4_observe_first_only_stores_the_price(
    chain: Chain, live: Handle, stranger: Account
) -> None:
    event = live.observe(0, sender=stranger).event("Observed")
    assert event.args == {"market": 0, "price": 100 * WAD, "variance": 0, "sigma": FLOOR}
    found = live.volatility_of(0)
    assert (found.price, found.time, found.variance) == (100 * WAD, chain.timestamp, 0)
    assert (found.floor, found.sigma, found.anchor) == (FLOOR, FLOOR, FLOOR)
    assert tuple(found.settings) == astuple(SETTINGS)


def test_mrg_4_observe_by_hand(chain: Chain, live: Handle, feeds: list[Handle]) -> None:
    """+10 % in an hour, tau a day: (1 - e**(-1/24)) * ln(1.1)**2 / 3600 = 1.0298e-7 a second.

    Over a day that is 9.43 %, but sigma moves by a factor of 3.6/3.3 while one anchor stands.
    """
    live.observe(0)
    chain.mine(seconds=HOUR)
    feeds[0].set_answer(110 * 10**8)
    event = live.observe(0).event("Observed")
    expected = -math.expm1(-1 / 24) * math.log(1.1) ** 2 / 3_600
    assert event.variance / 1e30 == pytest.approx(expected, rel=1e-12)
    assert math.sqrt(expected * DAY) == pytest.approx(0.0943, abs=1e-4)
    assert event.sigma == FLOOR * 36 // 33
    # a minute later the anchor is more than an hour old
    chain.mine(seconds=60)
    event = live.observe(0).event("Observed")
    assert event.sigma == (FLOOR * 36 // 33) * 36 // 33
    assert live.params(0).sigma == event.sigma
    assert live.volatility_of(0).anchor == FLOOR * 36 // 33


def test_mrg_4_observe_moves_the_margin(chain: Chain, live: Handle, feeds: list[Handle]) -> None:
    """z 3 * sigma: the expected shortfall of 1000 quote follows."""
    live.observe(0)
    chain.mine(seconds=HOUR)
    feeds[0].set_answer(300 * 10**8)
    live.observe(0)
    sigma = live.params(0).sigma
    assert sigma > FLOOR
    assert live.breakdown([(0, 1_000 * WAD, WAD)]).es == 3_000 * WAD * sigma // UNIT


def test_mrg_4_observe_goes_back_to_its_floor(
    chain: Chain, live: Handle, feeds: list[Handle]
) -> None:
    live.observe(0)
    chain.mine(seconds=HOUR)
    feeds[0].set_answer(300 * 10**8)
    live.observe(0)
    high = live.params(0).sigma
    for _ in range(60):
        chain.mine(seconds=DAY)
        feeds[0].set_answer(300 * 10**8)
        live.observe(0)
    assert live.params(0).sigma == FLOOR < high


def test_mrg_4_observe_without_settings_stays_at_its_floor(
    chain: Chain, live: Handle, feeds: list[Handle]
) -> None:
    live.observe(1)
    for answer in (900, 1, 10**5):
        chain.mine(seconds=HOUR + 1)
        feeds[1].set_answer(answer * 10**8)
        live.observe(1)
    assert live.params(1).sigma == FLOOR
    assert live.volatility_of(1).variance > 0


@pytest.mark.parametrize("wait", [0, 1, 59])
def test_mrg_4_observe_reverts_observed_too_recently(
    chain: Chain, live: Handle, feeds: list[Handle], wait: int
) -> None:
    """Neither calls in one block nor a price that swings within one count."""
    live.observe(0)
    before = live.volatility_of(0)
    if wait:
        chain.mine(seconds=wait)
    for answer in (200, 50, 100):
        feeds[0].set_answer(answer * 10**8)
        with pytest.raises(Revert, match="risk: observed too recently"):
            live.observe(0)
    assert live.volatility_of(0) == before
    chain.mine(seconds=60 - wait)
    live.observe(0)
    # the swing left nothing: the price of now is the one of before
    assert live.volatility_of(0).variance == 0


@pytest.mark.parametrize("how", ["stale", "reverts", "zero"])
def test_mrg_4_observe_reverts_feed_is_not_fresh(
    chain: Chain, live: Handle, feeds: list[Handle], how: str
) -> None:
    live.observe(0)
    chain.mine(seconds=DAY + 1 if how == "stale" else HOUR)
    if how == "reverts":
        feeds[0].set_mode(1)
    elif how == "zero":
        feeds[0].set_answer(0)
    with pytest.raises(Revert, match="risk: feed is not fresh"):
        live.observe(0)
    # when it is back the whole time counts, and nothing explodes
    feeds[0].set_mode(0)
    chain.mine(seconds=300 * DAY)
    feeds[0].set_answer(10**5 * 10**8)
    event = live.observe(0).event("Observed")
    elapsed = (DAY + 1 if how == "stale" else HOUR) + 300 * DAY
    expected = math.log(1_000) ** 2 / elapsed
    assert event.variance / 1e30 == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("market", [16, 2**256 - 1])
def test_observe_reverts_market_out_of_range(live: Handle, market: int) -> None:
    with pytest.raises(Revert, match="risk: market out of range"):
        live.observe(market)
    with pytest.raises(Revert, match="risk: market out of range"):
        live.volatility_of(market)


def test_observe_reverts_market_not_set(live: Handle) -> None:
    with pytest.raises(Revert, match="risk: market not set"):
        live.observe(2)


# ---- settings ------------------------------------------------------------------------------------


def test_set_volatility_emits_volatility_updated(risk: Handle, owner: Account) -> None:
    event = risk.set_volatility(4, astuple(SETTINGS), sender=owner).event("VolatilityUpdated")
    assert (event.market, tuple(event.settings)) == (4, astuple(SETTINGS))


def test_set_volatility_reverts(
    risk: Handle, owner: Account, stranger: Account, params_of: Make
) -> None:
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        risk.set_volatility(4, astuple(SETTINGS), sender=stranger)
    with pytest.raises(Revert, match="risk: market out of range"):
        risk.set_volatility(16, astuple(SETTINGS), sender=owner)
    risk.set_market(4, params_of(), sender=owner)
    with pytest.raises(Revert, match="risk: market is set"):
        risk.set_volatility(4, astuple(SETTINGS), sender=owner)


@pytest.mark.parametrize(
    ("name", "low", "high", "reason"),
    [
        ("b", 0, 10 * UNIT, "risk: b out of range"),
        ("tau", HOUR, 90 * DAY, "risk: tau out of range"),
        ("period", 60, 30 * DAY, "risk: period out of range"),
        ("cap", 10**9, 5 * UNIT, "risk: cap out of range"),
        ("speed", 10**9, UNIT, "risk: speed out of range"),
    ],
)
def test_set_volatility_reverts_out_of_range(
    risk: Handle, owner: Account, name: str, low: int, high: int, reason: str
) -> None:
    for good in (low, high):
        risk.set_volatility(0, vars(SETTINGS) | {name: good}, sender=owner)
    for bad in (low - 1, high + 1, 2**256 - 1):
        if bad >= 0:
            with pytest.raises(Revert, match=reason):
                risk.set_volatility(0, vars(SETTINGS) | {name: bad}, sender=owner)


# ---- numbers -------------------------------------------------------------------------------------


@given(st.integers(1, 2**90), st.integers(1, 2**90))
@settings(max_examples=500, deadline=None)
def test_log_ratio_is_the_logarithm(a: int, b: int) -> None:
    found = log_ratio(a, b)
    assert found == log_ratio(b, a)
    expected = abs(math.log(a) - math.log(b))
    assert found / FINE == pytest.approx(expected, rel=1e-12, abs=1e-13)


@given(st.integers(1, 10**18), st.floats(-0.3, 0.3))
@settings(max_examples=500, deadline=None)
def test_log_ratio_of_near_prices(a: int, move: float) -> None:
    """Small moves keep their digits: against log1p of the exact relative move."""
    a *= 10**9
    b = a + int(a * move)
    exact = abs(math.log1p((b - a) / a))
    assert log_ratio(b, a) / FINE == pytest.approx(exact, rel=1e-14, abs=1e-24)


@given(st.integers(60, 2**40), st.integers(HOUR, 90 * DAY))
@settings(max_examples=500, deadline=None)
def test_decay_is_the_exponential(elapsed: int, tau: int) -> None:
    found = decay(elapsed, tau)
    assert 0 <= found <= FINE
    assert found / FINE == pytest.approx(math.exp(-elapsed / tau), rel=1e-11, abs=1e-26)


@given(
    start=st.integers(10**9, 5 * UNIT),
    speed=st.integers(10**9, UNIT),
    calls=st.lists(
        st.tuples(
            st.one_of(st.sampled_from([1, 60, HOUR - 1, HOUR, HOUR + 1]), st.integers(1, 3 * HOUR)),
            st.one_of(st.sampled_from([10**9, 5 * UNIT]), st.integers(10**9, 5 * UNIT)),
        ),
        min_size=1,
        max_size=40,
    ),
)
@settings(max_examples=400, deadline=None)
def test_mrg_4_hourly_limit_holds_for_any_calls(
    start: int, speed: int, calls: list[tuple[int, int]]
) -> None:
    """Up by at most 1 + L and down by at most 1/(1 + L) within any hour, ends included."""
    now, anchor, since, sigma = 0, start, 0, start
    path = [(now, sigma)]
    for wait, target in calls:
        now += wait
        if now > since + HOUR:
            anchor, since = sigma, now
        sigma = limited(anchor, target, speed, 0)
        path.append((now, sigma))
    for i, (first, early) in enumerate(path):
        # what held at a moment before a call holds until the call
        until = path[i + 1][0] if i + 1 < len(path) else first
        for second, late in path[i:]:
            if second - until <= HOUR:
                assert late * UNIT <= early * (UNIT + speed)
                assert early * UNIT <= late * (UNIT + speed)


def test_mrg_4_hourly_limit_on_chain(chain: Chain, live: Handle, feeds: list[Handle]) -> None:
    """A hundred calls at the worst: 30 % in any hour, and it does get far."""
    live.observe(0)
    path = [(chain.timestamp, live.params(0).sigma)]
    draw = random.Random(3)
    for step in range(120):
        chain.mine(seconds=draw.choice((60, 600, HOUR, HOUR + 1)))
        wild = step < 60
        feeds[0].set_answer((100 + 900 * (step % 2) * wild) * 10**8)
        live.observe(0)
        path.append((chain.timestamp, live.params(0).sigma))
    for i, (first, early) in enumerate(path):
        for second, late in path[i:]:
            if second - first <= HOUR:
                assert max(late, early) * 10 <= min(late, early) * 13
    assert max(sigma for _, sigma in path) > 4 * FLOOR


# ---- the same series in float64 ------------------------------------------------------------------


def float_average(series: list[tuple[int, int]], tau: int) -> list[float]:
    """The average of SPEC section 3 in float64."""
    found, variance = [], 0.0
    for (t0, p0), (t1, p1) in pairwise(series):
        r, elapsed = math.log(p1 / p0), t1 - t0
        w = math.exp(-elapsed / tau)
        variance = w * variance + (1 - w) * r * r / elapsed
        found.append(variance)
    return found


def agree(series: list[tuple[int, int]], tau: int) -> float:
    """The largest relative distance of the exact average from the one in float64."""
    worst, variance = 0.0, 0
    for expected, ((t0, p0), (t1, p1)) in zip(
        float_average(series, tau), pairwise(series), strict=True
    ):
        variance = average(variance, p0, p1, t1 - t0, tau)
        if expected > 0:
            worst = max(worst, abs(variance / 1e30 - expected) / expected)
    return worst


def synthetic(count: int) -> list[tuple[int, int]]:
    """Jumps, still hours, gaps; prices on a grid of 1e-8."""
    draw, now, price = random.Random(11), 1_600_000_000, 20_000.0
    series = []
    for _ in range(count):
        series.append((now, round(price * 10**8) * 10**10))
        now += draw.choice((60, 600, HOUR, HOUR, HOUR, HOUR, 33 * HOUR))
        price *= math.exp(draw.choice((0, 1e-6, 0.005, 0.005, 0.1)) * draw.gauss(0, 1))
    return series


def bars(name: str) -> list[tuple[int, int]]:
    """Closes of a file in the data folder, at the end of their bars; empty when it is not there."""
    folder = os.environ.get("PLIMSOLL_DATA", "")
    path = Path(folder) / name if folder else Path(__file__).parents[4] / "shared" / "data" / name
    if not path.exists():
        return []
    with gzip.open(path, "rt") as file:
        return [
            (int(row["timestamp"]) + HOUR, round(float(row["close"]) * 10**8) * 10**10)
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("tau", [6 * HOUR, DAY, 30 * DAY])
def test_mrg_4_average_agrees_with_float64(tau: int) -> None:
    assert agree(synthetic(5_000), tau) < 1e-9


@pytest.mark.parametrize(
    "name", ["btc_usdt_perp_binance_1h.csv.gz", "btc_usdt_spot_binance_1h.csv.gz"]
)
def test_mrg_4_average_agrees_with_float64_on_hourly_bitcoin(name: str) -> None:
    """The whole file, 6.7 years of hours and more."""
    series = bars(name)
    if not series:
        pytest.skip(f"{name} is not here; set PLIMSOLL_DATA to the folder that has it")
    assert len(series) > 50_000
    assert agree(series, DAY) < 1e-9


def test_mrg_4_contract_agrees_with_the_average_on_real_prices() -> None:
    """300 hours through the contract, equal to the unit, and so within 1e-9 of float64."""
    series = (bars("btc_usdt_perp_binance_1h.csv.gz") or synthetic(400))[1_000:1_300]
    series = series or synthetic(300)
    chain = Chain()
    feed: Any = chain.deploy(load("MockAggregator"), 8, series[0][1] // 10**10)
    oracle = chain.deploy(load("PriceOracle"))
    oracle.set_feed(0, feed, 30 * DAY, 0, 86)
    risk = chain.deploy(load("RiskModel"), oracle, 3 * WAD, 2 * WAD)
    risk.set_volatility(0, astuple(SETTINGS))
    risk.set_market(0, (FLOOR, 4 * 10**10, 0, 0, 10**6, 0, 10**10, 10**12))
    risk.observe(0)
    variance = 0
    for (t0, p0), (t1, p1) in pairwise(series):
        chain.mine(seconds=t1 - t0)
        feed.set_answer(p1 // 10**10)
        variance = average(variance, p0, p1, t1 - t0, DAY)
        assert risk.observe(0).event("Observed").variance == variance
    assert variance / 1e30 == pytest.approx(float_average(series, DAY)[-1], rel=1e-9)
