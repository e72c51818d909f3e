"""takeover_quote: the largest slice, held against the engine itself (LIQ-2)."""

import contextlib
import random

import pytest

from plimsoll.evm import Revert, load
from tests.utils.risk_words import write_correlations, write_params

WAD = 10**18
ALLOWED, NOT_LISTED, NO_POSITION, NOT_FRESH, HEALTHY, BANKRUPT, NO_SLICE = range(7)
FEES = (200, 500)


@pytest.fixture
def taker(world, liquidator):
    return world.open_account(liquidator, 0, 10**7)


def correlate(world, rho: int) -> None:
    """The same correlation (1e4) between any two of the first four markets."""
    matrix = [
        [10_000 if m == n else rho if max(m, n) < 4 else 0 for n in range(16)] for m in range(16)
    ]
    write_correlations(world.chain, world.risk, matrix)


def configure(world, minimum: int, low: int, high: int) -> None:
    """Minimum notional (whole quote) and penalty rates (1e5) of all markets."""
    for market in range(4):
        config = (10**24, minimum * WAD, 10**8 * WAD, 2_000, low, high, *FEES, False, 0)
        world.engine.set_market(market, config)


def sink(world, account: int, draw: random.Random) -> None:
    """Move the prices against the account until 0 < E < MM; a step too far is taken back."""
    prices, step = [2_000.0] * 4, 1.0
    sizes = [world.engine.position(account, market).size for market in range(4)]
    while True:
        moved = []
        for market in range(4):
            bias = 0.004 * (sizes[market] < 0) - 0.004 * (sizes[market] > 0)
            moved.append(prices[market] * (1 + step * (draw.uniform(-0.01, 0.01) + bias)))
            world.price(market, moved[market])
        health = world.engine.health(account)
        if 0 < health.equity < health.maintenance:
            return
        if health.equity <= 0:
            step /= 2
        else:
            prices = moved


def check_allowed(world, quote, account, market, liquidator, taker) -> None:
    """The engine takes exactly this slice, and pays exactly what the quote says."""
    with world.chain.anchor():
        cash = world.engine.wallet(taker)[0]
        event = world.engine.takeover(account, market, quote.size, taker, sender=liquidator).event(
            "TakenOver"
        )
        assert (event.to_worker, event.to_fund) == (quote.to_liquidator, quote.to_fund)
        assert world.engine.wallet(taker)[0] == cash + quote.cash_to_liquidator
        health = world.engine.health(account)
        assert health.equity == quote.equity_after
        assert health.maintenance == quote.maintenance_after


def check_largest(world, quote, account, market, liquidator, taker, draw) -> set[str]:
    """Nothing larger goes through; the reasons are returned."""
    whole = abs(world.engine.position(account, market).size)
    larger = [quote.size + step for step in (1, 2, 10**6, 10**12)]
    larger += [quote.size * 1_001 // 1_000, whole]
    if quote.size < whole:
        larger += [draw.randint(quote.size + 1, whole) for _ in range(8)]
    reasons = set()
    for size in larger:
        if quote.size < size <= whole:
            reason = world.allowed(account, market, size, liquidator, taker)
            assert reason, f"{size} is allowed, {quote.size} was said to be the largest"
            reasons.add(reason)
    return reasons


@pytest.mark.parametrize("seed", range(30))
def test_takeover_quote_random(world, trader, liquidator, taker, seed):
    """One to four legs, hedged or not, many minima, rates, correlations; one feed may be stale."""
    draw = random.Random(seed)
    correlate(world, draw.choice([0, 5_000, 9_000, 9_900]))
    low = draw.choice([100, 500, 1_500])
    minimum = draw.choice([10, 100, 500, 1_500, 3_000])
    configure(world, minimum, low, max(low, draw.choice([500, 1_500, 2_000])))
    account = world.open_account(trader, seed, draw.choice([1_000, 3_000, 10_000]))
    while not world.engine.health(account).gross:
        sign = draw.choice([1, -1])
        for market in draw.sample(range(4), draw.randint(1, 4)):
            size = sign * draw.randint(1, 40) * WAD // draw.choice([1, 2, 7])
            sign = draw.choice([-sign, -sign, sign])
            if abs(size) * 2_000 >= minimum * WAD:
                with contextlib.suppress(Revert):  # below initial margin: one leg less
                    world.trade(trader, account, market, size)
    sink(world, account, draw)
    if draw.random() < 0.15:
        prices = [world.oracle.quote(market)[0] / WAD for market in range(4)]
        world.chain.mine(1, 3_601)
        stale = draw.randrange(4)
        for market in range(4):
            if market != stale:
                world.price(market, prices[market])
    world.called(account)
    for market in range(4):
        quote = world.lens.takeover_quote(account, market)
        size = abs(world.engine.position(account, market).size)
        if quote.reason == ALLOWED:
            assert quote.whole == (quote.size == size)
            check_allowed(world, quote, account, market, liquidator, taker)
            check_largest(world, quote, account, market, liquidator, taker, draw)
            continue
        assert quote.size == quote.to_liquidator == quote.to_fund == 0
        if size:
            tried = [size, max(1, size // 64), *(draw.randint(1, size) for _ in range(8))]
            for slice_ in tried:
                assert world.allowed(account, market, slice_, liquidator, taker)


def test_takeover_quote_partial(world, trader, liquidator, taker):
    """A long of 20 just below MM: the slice ends at TAU, and a wei more is refused for it."""
    account = world.open_account(trader, 0, 4_000)
    world.trade(trader, account, 0, 20 * WAD)
    world.price(0, 1_880)
    world.called(account)
    quote = world.lens.takeover_quote(account, 0)
    assert (quote.reason, quote.whole, quote.price) == (ALLOWED, False, 1_880 * WAD)
    assert 0 < quote.size < 20 * WAD
    health = world.engine.health(account)
    assert (quote.equity, quote.maintenance) == (health.equity, health.maintenance)
    # at TAU but for the last wei
    assert 0 <= 1.25 * quote.maintenance_after - quote.equity_after < 10**6
    # the rate between 0.5 % and 1.5 %, by the shortfall
    gap = health.maintenance - health.equity
    assert quote.rate == 5 * 10**15 + 10**16 * gap // health.maintenance
    assert quote.penalty == -(-quote.size * quote.price * quote.rate // 10**36)
    assert quote.to_liquidator == quote.penalty // 2
    assert quote.to_liquidator + quote.to_fund == quote.penalty
    check_allowed(world, quote, account, 0, liquidator, taker)
    reasons = check_largest(world, quote, account, 0, liquidator, taker, random.Random(1))
    assert reasons == {"liquidation: slice too large"}


def test_takeover_quote_whole_small_position(world, trader, liquidator, taker):
    """5a: reaching TAU would leave less than the minimum, so that all of it may go."""
    configure(world, 1_500, 500, 1_500)
    account = world.open_account(trader, 0, 200)
    world.trade(trader, account, 0, WAD)
    world.price(0, 1_850)
    world.called(account)
    quote = world.lens.takeover_quote(account, 0)
    assert (quote.reason, quote.whole, quote.size) == (ALLOWED, True, WAD)
    assert quote.maintenance_after == 0
    check_allowed(world, quote, account, 0, liquidator, taker)


def test_takeover_quote_hedge_is_bounded_by_health(world, trader, liquidator, taker):
    """Past the slice that leaves the best hedge health falls: TAU forbids the middle alone.

    The hedge itself may not be taken at all: any slice of it raises the margin.
    """
    correlate(world, 9_500)
    account = world.open_account(trader, 0, 4_000)
    world.trade(trader, account, 0, 5 * WAD)
    world.trade(trader, account, 1, -10 * WAD)
    world.trade(trader, account, 0, 10 * WAD)
    for market in (0, 1):  # rougher seas: ES is far above the floor now
        risk = world.risk.params(market)._replace(sigma=11 * 10**10)
        write_params(world.chain, world.risk, market, risk)
    health = world.engine.health(account)
    assert 0 < health.equity < health.maintenance
    world.called(account)
    quote = world.lens.takeover_quote(account, 0)
    assert (quote.reason, quote.whole) == (ALLOWED, False)
    check_allowed(world, quote, account, 0, liquidator, taker)
    draw = random.Random(3)
    reasons = check_largest(world, quote, account, 0, liquidator, taker, draw)
    assert reasons == {"liquidation: health must rise"}
    said = [
        world.allowed(account, 0, quote.size * part // 32, liquidator, taker)
        for part in range(1, 33)
    ]
    middle = said.index("liquidation: slice too large")
    assert said[0] == said[-1] == ""
    assert 0 < middle < 31
    assert world.lens.takeover_quote(account, 1).reason == NO_SLICE
    assert world.allowed(account, 1, WAD // 100, liquidator, taker)


def test_takeover_quote_paid_by_claims(world, trader, liquidator, taker):
    """Without free cash the liquidator is paid in the account's claims."""
    account = world.open_account(trader, 0, 1_500)
    world.trade(trader, account, 0, 4 * WAD)
    world.trade(trader, account, 1, 4 * WAD)
    world.price(0, 1_610)
    world.price(1, 2_110)
    health = world.engine.health(account)
    assert health.initial_equity < 0 < health.equity < health.maintenance
    world.called(account)
    for market in (0, 1):
        quote = world.lens.takeover_quote(account, market)
        assert quote.reason == ALLOWED
        assert quote.cash_to_liquidator == 0 < quote.to_liquidator
        check_allowed(world, quote, account, market, liquidator, taker)


def test_takeover_quote_reason_not_listed(world, trader):
    account = world.open_account(trader, 0, 1_000)
    quote = world.lens.takeover_quote(account, 9)
    assert quote == (NOT_LISTED, 0, False, *(0,) * 10)


def test_takeover_quote_reason_no_position(world, trader):
    account = world.open_account(trader, 0, 1_000)
    world.trade(trader, account, 0, WAD)
    quote = world.lens.takeover_quote(account, 1)
    assert (quote.reason, quote.size, quote.price) == (NO_POSITION, 0, 2_000 * WAD)


def test_takeover_quote_reason_not_fresh(world, trader):
    account = world.open_account(trader, 0, 300)
    world.trade(trader, account, 0, WAD)
    world.price(0, 1_750)
    world.chain.mine(1, 3_601)
    quote = world.lens.takeover_quote(account, 0)
    assert (quote.reason, quote.size) == (NOT_FRESH, 0)
    assert 0 < quote.equity < quote.maintenance


def test_takeover_quote_reason_healthy(world, trader):
    account = world.open_account(trader, 0, 300)
    world.trade(trader, account, 0, WAD)
    assert world.lens.takeover_quote(account, 0).reason == HEALTHY


def test_takeover_quote_reason_bankrupt(world, trader):
    account = world.open_account(trader, 0, 301)
    world.trade(trader, account, 0, WAD)  # a fee of 1
    world.price(0, 1_700)
    quote = world.lens.takeover_quote(account, 0)
    assert (quote.reason, quote.equity) == (BANKRUPT, 0)
    world.price(0, 1_600)
    assert world.lens.takeover_quote(account, 0).reason == BANKRUPT


def test_takeover_quote_reverts_market(world, trader):
    with pytest.raises(Revert) as failure:
        world.lens.takeover_quote(world.open_account(trader, 0, 1), 16)
    assert failure.value.reason == "lens: market out of range"


def test_takeover_quote_gas(world, trader, taker):
    """The search stays far below what a node gives an `eth_call`."""
    account = world.open_account(trader, 0, 10_000)
    for market in range(4):
        world.trade(trader, account, market, 15 * WAD)
    for market in range(4):
        world.price(market, 1_880)
    with world.chain.metered():
        receipt = world.lens.takeover_quote.simulate(account, 0)
    assert receipt.value.reason == ALLOWED
    # 0.9 M when this was written
    assert receipt.gas_used < 2_000_000


def dispute(world, market: int, percent: float) -> int:
    """Another feed says `percent` more than the market's own; its price (WAD)."""
    answer = world.feeds[market].answer()
    feed = world.chain.deploy(load("MockAggregator"), 8, answer)
    world.oracle.set_reference(market, feed, 3_600, 10**6)
    feed.set_answer(round(answer * (1 + percent / 100)))
    return feed.answer() * 10**10


@pytest.mark.parametrize("seed", range(20))
def test_takeover_quote_disputed(world, trader, liquidator, taker, seed):
    """ORC-2: judged and executed at the better price; the liquidator pays the difference."""
    draw = random.Random(seed)
    configure(world, draw.choice([10, 1_500]), 500, 1_500)
    account = world.open_account(trader, seed, draw.choice([1_000, 3_000, 10_000]))
    while not world.engine.health(account).gross:
        sign = draw.choice([1, -1])
        for market in draw.sample(range(4), draw.randint(1, 3)):
            with contextlib.suppress(Revert):  # below initial margin: one leg less
                world.trade(trader, account, market, sign * draw.randint(1, 40) * WAD)
    sink(world, account, draw)
    others = {}
    for market in draw.sample(range(4), draw.randint(1, 4)):
        others[market] = dispute(world, market, draw.choice([-2, -0.5, 0.5, 0.2]))
    if world.engine.health(account).equity >= world.engine.health(account).maintenance:
        quote = world.lens.takeover_quote(account, 0)
        assert quote.reason in (HEALTHY, NO_POSITION)
        assert not world.lens.accounts([account])[0].band >= 2
    world.called(account)
    for market in range(4):
        size = world.engine.position(account, market).size
        mark, _ = world.oracle.quote(market)
        quote = world.lens.takeover_quote(account, market)
        if quote.reason != ALLOWED:
            for slice_ in (
                [abs(size), *(draw.randint(1, abs(size)) for _ in range(6))] if size else []
            ):
                assert world.allowed(account, market, slice_, liquidator, taker)
            continue
        prices = (mark, others.get(market, mark))
        assert quote.price == (max(prices) if size > 0 else min(prices))
        check_largest(world, quote, account, market, liquidator, taker, draw)
        with world.chain.anchor():
            cash = world.engine.wallet(taker)[0]
            event = world.engine.takeover(
                account, market, quote.size, taker, sender=liquidator
            ).event("TakenOver")
            assert (event.to_worker, event.to_fund) == (quote.to_liquidator, quote.to_fund)
            lost = -(-quote.size * abs(quote.price - mark) // WAD)
            assert world.engine.wallet(taker)[0] == cash + quote.cash_to_liquidator - lost
            health = world.engine.health(account)
            # marked at one price and judged at another: a wei for each rounding
            assert abs(health.equity - quote.equity_after) <= 3
            assert health.maintenance == quote.maintenance_after
