"""LED-7: the premium, its bounds, and what is paid for it. Market 0 stands at 100 quote."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.reference import Refused, account_id
from plimsoll.reference.numbers import (
    DECAY_ONE,
    K0_MAX,
    MARKETS,
    PREMIUM_MAX,
    PREMIUM_UNIT,
    WAD,
    decay,
)

STRANGER = "0x" + "77" * 20
BUYER, SELLER, THIRD, FOURTH = 1, 2, 3, 4
HOUR = 3_600


def address(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


@pytest.fixture
def funded(new_world: Any) -> Any:
    """Fees of 1 % a side; 10 units bought at 102, mark 100: the premium is 0.75 %, its bound.

    min(q, o)/o = 1 and dev = 2 % is cut to 0.75 %; the fees are 2.04 % of the notional, so
    that their bound on the step is wider.
    """
    world = new_world()
    world.market(maker_fee=10_000, taker_fee=10_000)
    for who in (BUYER, SELLER, THIRD, FOURTH):
        world.actor(who, 10_000)
    world.trade(BUYER, SELLER, 10 * WAD, 102 * WAD)
    return world


def test_led_7_premium_of_the_first_fill(funded: Any) -> None:
    assert funded.model.markets[0].premium == PREMIUM_MAX == 75 * 10**6


def test_led_7_a_fill_is_weighted_by_its_size(funded: Any) -> None:
    """1 of 11 units at 99: dev = -0.75 %, a step of (-0.75 % - 0.75 %)/11, toward zero."""
    model = funded.model
    funded.trade(THIRD, FOURTH, WAD, 99 * WAD)
    assert model.markets[0].oi == 11 * WAD
    assert model.markets[0].premium == PREMIUM_MAX - 150 * 10**6 // 11


def test_led_7_a_step_is_bounded_by_the_fees(new_world: Any) -> None:
    """Fees of 0.01 % of the notional together move the premium by at most 0.01 %; none by none."""
    for fee, most in ((50, 10**6), (0, 0)):
        world = new_world()
        world.market(maker_fee=fee, taker_fee=fee)
        for who in (BUYER, SELLER):
            world.actor(who, 10_000)
        world.trade(BUYER, SELLER, 10 * WAD, 99 * WAD)
        assert world.model.markets[0].premium == -most * 99 // 100


def test_led_7_funding_in_figures(funded: Any) -> None:
    """Six hours, one half-life of the premium: 0.375 % of 100 a unit, 3.75 for 10 units."""
    model = funded.model
    accounts = [account_id(address(who)) for who in (BUYER, SELLER)]
    before = [model.equity(account) for account in accounts]
    funded.pass_time(6 * HOUR)
    assert [model.equity(account) for account in accounts] == before
    model.accrue(STRANGER, 0)
    left = PREMIUM_MAX * decay(6 * HOUR // 6) // DECAY_ONE
    assert model.markets[0].premium == left
    assert abs(left - PREMIUM_MAX // 2) <= 1
    paid = (PREMIUM_MAX - left) * 100 * WAD // PREMIUM_UNIT * 10
    assert abs(paid - 375 * WAD // 100) < WAD // 10**6
    assert [model.equity(account) for account in accounts] == [before[0] - paid, before[1] + paid]
    assert model.identities() == []


def test_led_7_the_clock_is_in_minutes_and_does_not_go_twice(funded: Any) -> None:
    """Within a minute nothing is folded; the next minute is folded once, whoever asks how often."""
    model = funded.model
    model.set_time(model.time // 60 * 60)
    funded.pass_time(60)
    model.accrue(STRANGER, 0)
    premium, k0 = model.markets[0].premium, model.markets[0].long.k0
    funded.pass_time(59)
    model.accrue(STRANGER, 0)
    assert (model.markets[0].premium, model.markets[0].long.k0) == (premium, k0)
    funded.pass_time(1)
    for _ in range(2):
        model.accrue(STRANGER, 0)
        assert model.markets[0].premium == premium * decay(10) // DECAY_ONE


def test_led_7_accrue_reverts_without_a_market_or_a_fresh_feed(funded: Any) -> None:
    model = funded.model
    for market in (1, MARKETS):
        with pytest.raises(Refused, match="listed"):
            model.accrue(STRANGER, market)
    model.set_answer(0, None, model.time)
    with pytest.raises(Refused, match="fresh"):
        model.accrue(STRANGER, 0)


def test_led_7_offsets_at_their_end_are_left_alone(funded: Any) -> None:
    """The premium goes down all the same: what cannot be paid is not paid later either."""
    model = funded.model
    model.markets[0].short.k0 = K0_MAX
    long_k0 = model.markets[0].long.k0
    funded.pass_time(HOUR)
    model.accrue(STRANGER, 0)
    assert (model.markets[0].long.k0, model.markets[0].short.k0) == (long_k0, K0_MAX)
    assert model.markets[0].premium < PREMIUM_MAX


def test_led_7_an_empty_market_has_no_premium(funded: Any) -> None:
    funded.trade(BUYER, SELLER, -10 * WAD, 102 * WAD)
    assert (funded.model.markets[0].oi, funded.model.markets[0].premium) == (0, 0)


def test_led_7_a_wash_trade_of_one_wei_moves_nothing(funded: Any) -> None:
    """The fees of one wei, one wei a side, over 1,000 of notional are 1e-21: the bound is 0."""
    model = funded.model
    funded.trade(BUYER, SELLER, -1, 98 * WAD)
    assert model.markets[0].premium == PREMIUM_MAX


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_led_7_funding_is_what_left_the_premium(new_world: Any, seed: int) -> None:
    """Fills at any price, minutes and hours, one fixed mark: after each fold the longs have lost
    OI times what left the premium, the shorts have won it, but for a wei a leg.

    And a fill changes premium*OI*mark, which is all the funding that will ever follow, by at most
    its fees, where it leaves OI as it was.
    """
    random, world = Random(seed), new_world()
    world.market(maker_fee=random.choice((0, 50, 5_000)), taker_fee=random.choice((0, 400)))
    model, market = world.model, world.model.markets[0]
    accounts = {who: world.actor(who, 10_000) for who in (BUYER, SELLER, THIRD, FOURTH)}
    for _ in range(30):
        if random.random() < 0.5:
            oi, premium, fees = market.oi, market.premium, house_cash(model)
            maker, taker = random.sample(sorted(accounts), 2)
            size, price = random.randint(-20, 20) * WAD // 3 or WAD, random.randint(96, 104) * WAD
            minutes = model.time // 60
            try:
                world.trade(maker, taker, size, price)
            except Refused:
                continue
            assert abs(market.premium) <= PREMIUM_MAX
            if oi == market.oi and market.folded == minutes % 2**18 and premium == market.premium:
                continue
            if oi == market.oi and market.oi > 0:
                folded = model.time // 60 != minutes
                moved = abs(market.premium - premium) * oi * 100
                assert folded or moved <= (house_cash(model) - fees) * PREMIUM_UNIT
        else:
            world.pass_time(random.choice((0, 61, 4_000, 50_000)))
            for account in accounts.values():
                model.touch(STRANGER, account)
            equities = {a: model.equity(a) for a in accounts.values()}
            sizes = {a: model.positions(a).get(0, 0) for a in accounts.values()}
            premium = market.premium
            model.accrue(STRANGER, 0)
            a_unit = abs(premium - market.premium) * 100 * WAD // PREMIUM_UNIT
            a_unit = a_unit if premium > 0 else -a_unit
            for account, size in sizes.items():
                won = model.equity(account) - equities[account]
                assert abs(won + size * a_unit // WAD) <= 1
        assert model.identities() == []


def house_cash(model: Any) -> int:
    return int(model.account(1).cash + model.account(2).cash)
