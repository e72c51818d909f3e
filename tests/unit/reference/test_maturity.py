"""LED-4: how profit matures, in worked figures and against a float exponential."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.reference.numbers import (
    DECAY_ONE,
    DECAY_SECOND,
    FORGOTTEN,
    FUND,
    HALF_LIFE,
    RESERVE_DUST,
    WAD,
    Q,
    decay,
)

STRANGER = "0x" + "77" * 20
BUYER, SELLER, THIRD = 1, 2, 3
BACKER = "0x" + "bb" * 20


def reserve(world: Any, account: int, market: int = 0) -> int:
    return int(world.model.reserve(world.model.leg(account, market)))


@pytest.fixture
def buyer(world: Any) -> int:
    """Long 10 from 100 against the seller; the price is 130."""
    account: int = world.actor(BUYER, 10_000)
    world.actor(SELLER, 10_000)
    world.trade(BUYER, SELLER, 10 * WAD)
    world.answer(0, 130 * WAD)
    return account


# ---- decay -------------------------------------------------------------------------------------


def test_led_4_decay_second_is_the_exact_root_rounded_up() -> None:
    """T**3600 >= 2**(64*3600 - 1) > (T - 1)**3600, in whole numbers."""
    exact = 1 << (64 * HALF_LIFE - 1)
    assert (DECAY_SECOND - 1) ** HALF_LIFE < exact <= DECAY_SECOND**HALF_LIFE


def test_led_4_decay_in_figures() -> None:
    """All of it at once, half after an hour and a little (rounded up), nothing after 40 hours."""
    assert decay(0) == DECAY_ONE
    assert decay(1) == DECAY_SECOND
    square = -(-DECAY_SECOND * DECAY_SECOND // DECAY_ONE)
    assert decay(3) == -(-DECAY_SECOND * square // DECAY_ONE)
    assert 0 <= decay(HALF_LIFE) - DECAY_ONE // 2 <= 2 * HALF_LIFE
    assert 0 < decay(FORGOTTEN - 1) < 2**25
    assert decay(FORGOTTEN) == decay(2**40) == 0


@given(seconds=st.integers(0, FORGOTTEN - 1))
def test_led_4_decay_agrees_with_the_exponential(seconds: int) -> None:
    """Within 1e-12 and the 18 units that rounding up may add; it never rises with time."""
    exact = 2.0 ** (64 - seconds / HALF_LIFE)
    assert exact * (1 - 1e-12) <= decay(seconds) <= exact * (1 + 1e-12) + 18
    assert decay(seconds + 1) <= decay(seconds)


@given(one=st.integers(0, 90_000), two=st.integers(0, 90_000))
def test_led_4_decay_in_two_steps(one: int, two: int) -> None:
    """decay(a)*decay(b) is decay(a + b), but for what was rounded up."""
    twice = -(-decay(one) * decay(two) // DECAY_ONE)
    assert abs(twice - decay(one + two)) <= 40 or one + two >= FORGOTTEN


# ---- one leg -----------------------------------------------------------------------------------


def test_led_4_new_profit_starts_in_the_reserve(world: Any, buyer: int) -> None:
    """300 of profit: nothing can be paid, nor after an hour. After two 150, after three 225."""
    model = world.model
    model.settle(STRANGER, buyer)
    assert (model.leg(buyer, 0).pnl, reserve(world, buyer)) == (300 * WAD, 300 * WAD)
    assert (model.leg(buyer, 0).fraction, model.leg(buyer, 0).time) == (Q, model.time)
    model.settle(STRANGER, world.actor(SELLER))
    for matured in (0, 150, 225):
        world.pass_time(HALF_LIFE)
        model.settle(STRANGER, buyer)
        paid = model.account(buyer).cash - 10_000 * WAD
        assert 0 <= matured * WAD - paid < 10**9
        assert model.leg(buyer, 0).pnl == 300 * WAD - paid
        assert model.equity(buyer) == 10_300 * WAD
    assert model.identities() == []


def test_led_4_a_payment_leaves_the_reserve(world: Any, buyer: int) -> None:
    """Of 300 with 75 in the reserve 150 are paid: half of what is left is reserve."""
    model = world.model
    model.settle(STRANGER, world.actor(SELLER))
    model.touch(STRANGER, buyer)
    world.pass_time(2 * HALF_LIFE)
    before = reserve(world, buyer)
    assert 0 <= before - 75 * WAD < 10**9
    model.settle(STRANGER, buyer)
    # stored as a fraction, rounded up
    assert 0 <= reserve(world, buyer) - before < 10**9
    assert model.leg(buyer, 0).pnl == 2 * before
    assert model.leg(buyer, 0).fraction == Q // 2 + 1


def test_led_4_losses_eat_the_reserve_first(world: Any, buyer: int) -> None:
    """Reserve 150 of 300; a loss of 100 leaves 50 of 200, one of 80 more none of 120."""
    model = world.model
    model.touch(STRANGER, buyer)
    world.pass_time(HALF_LIFE)
    for price, pnl, kept in ((120, 200, 50), (112, 120, 0)):
        world.answer(0, price * WAD)
        model.touch(STRANGER, buyer)
        assert model.leg(buyer, 0).pnl == pnl * WAD
        assert 0 <= reserve(world, buyer) - kept * WAD < 10**9
    assert (model.leg(buyer, 0).fraction, model.leg(buyer, 0).time) == (0, 0)


def test_led_4_profit_after_a_loss_is_reserve_as_far_as_it_is_a_claim(
    world: Any, buyer: int
) -> None:
    """Recorded pnl -50, then a profit of 80: a claim of 30, all of it reserve."""
    model = world.model
    model.leg(buyer, 0).pnl = -380 * WAD  # + 300 unmarked
    model.touch(STRANGER, buyer)
    assert (model.leg(buyer, 0).pnl, reserve(world, buyer)) == (-80 * WAD, 0)
    world.answer(0, 141 * WAD)
    model.touch(STRANGER, buyer)
    assert (model.leg(buyer, 0).pnl, reserve(world, buyer)) == (30 * WAD, 30 * WAD)


def test_led_4_a_gain_against_the_mark_starts_in_the_reserve(world: Any) -> None:
    """The seller at 101 against a mark of 100 has a claim of 10 and cannot take it at once."""
    model = world.model
    world.actor(BUYER, 10_000)
    seller = world.actor(SELLER, 10_000)
    world.trade(BUYER, SELLER, 10 * WAD, 101 * WAD)
    assert (model.leg(seller, 0).pnl, reserve(world, seller)) == (10 * WAD, 10 * WAD)
    model.settle(STRANGER, seller)
    assert model.account(seller).cash == 10_000 * WAD


def test_led_4_a_reserve_of_dust_has_matured(world: Any, buyer: int) -> None:
    """300 is above 1e-6 for 28.1 half-lives."""
    model = world.model
    model.touch(STRANGER, buyer)
    world.pass_time(28 * HALF_LIFE)
    assert reserve(world, buyer) > RESERVE_DUST
    world.pass_time(HALF_LIFE)
    assert reserve(world, buyer) == 0


def test_led_4_a_claim_moves_with_its_part_of_the_reserve(world: Any, buyer: int) -> None:
    """300 with a reserve of 150; a third of it goes with 50, to one who has 60 with 60."""
    model, fund = world.model, FUND
    model.touch(STRANGER, buyer)
    world.pass_time(HALF_LIFE)
    receiver = model.leg(fund, 0)
    receiver.pnl = 60 * WAD
    receiver.opened = 60 * WAD
    model.store(receiver)
    assert model.assign_claims(buyer, fund, 100 * WAD) == 100 * WAD
    assert (model.leg(buyer, 0).pnl, receiver.pnl) == (200 * WAD, 160 * WAD)
    assert abs(reserve(world, buyer) - 100 * WAD) < 10**9
    assert abs(reserve(world, fund) - 110 * WAD) < 10**9


# ---- the number of touches ---------------------------------------------------------------------


@given(
    seconds=st.integers(0, FORGOTTEN),
    cuts=st.lists(st.integers(0, FORGOTTEN), max_size=100),
    pnl=st.integers(10**13, 2**90),
    fraction=st.integers(1, Q),
)
def test_led_4_the_number_of_touches_does_not_matter(
    new_world: Any, seconds: int, cuts: list[int], pnl: int, fraction: int
) -> None:
    """One against up to 100 touches: each adds at most 2 wei and 1/Q of the pnl to the reserve.

    Without a touch the reserve may round to nothing one touch earlier or later, at the dust.
    """
    kept = []
    for times in ([], sorted(cut for cut in cuts if cut < seconds)):
        model = new_world().model
        began, leg = model.time, model.leg(FUND, 0)
        leg.pnl, leg.fraction, leg.time = pnl, fraction, began
        for time in times:
            model.set_time(began + time)
            model.touch(STRANGER, FUND)
        model.set_time(began + seconds)
        kept.append(model.reserve(leg))
        assert leg.pnl == pnl
    once, often = kept
    rounding = (len(cuts) + 1) * (2 + pnl // Q + 1) + pnl * 2_000 // 2**64
    assert once - RESERVE_DUST <= often <= once + rounding + RESERVE_DUST


def test_led_4_a_price_that_comes_back_within_the_half_life_pays_nothing(new_world: Any) -> None:
    """Long 50 against an honest seller; the price doubles, and is back within half an hour.

    At each stop the buyer settles both and withdraws what it may. If profit were paid at once, it
    would take 12,000 of its 10,000 and leave 2,000 of arrears; so it leaves with what it brought.
    """
    for seed in range(20):
        random, world = Random(seed), new_world()
        world.market()
        model = world.model
        buyer, seller = (world.actor(who, 10_000) for who in (BUYER, SELLER))
        owner = f"0x{buyer >> 96:040x}"
        world.trade(BUYER, SELLER, 50 * WAD)
        for percent in (120, 160, 200, 150, 100):
            world.answer(0, percent * WAD)
            for account in random.sample((buyer, seller), 2):
                model.settle(STRANGER, account)
            now = model.standing(buyer)
            room = min(model.account(buyer).cash, now.initial_equity - now.margin.im)
            if room >= model.scale:
                model.withdraw(owner, buyer, room // model.scale, owner)
            world.pass_time(random.randrange(450))
        world.trade(BUYER, SELLER, -50 * WAD)
        for account in (seller, buyer):
            model.settle(STRANGER, account)
        assert 0 <= model.equity(buyer) <= 10_000 * WAD
        assert 0 <= 10_000 * WAD - model.equity(seller) <= 10**6
        assert model.identities() == []
