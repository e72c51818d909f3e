"""TRD: orders and fills in worked figures. Market 0 stands at 100 quote."""

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.reference import Refused, account_id
from plimsoll.reference.numbers import FUND, TREASURY, WAD

OWNER = "0x" + "0a" * 20
STRANGER = "0x" + "77" * 20
MAKER, TAKER = 1, 2


def address(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


@pytest.fixture
def pair(world: Any) -> tuple[int, int]:
    """Maker and taker with 1,000 quote each."""
    return world.actor(MAKER, 1_000), world.actor(TAKER, 1_000)


def take(world: Any, order: Any, size: int, signer: str | None = address(MAKER)) -> None:
    world.model.fill(address(TAKER), order, signer, account_id(address(TAKER)), size)


def test_fill_default(new_world: Any) -> None:
    """The maker buys 10 at 101, mark 100, fees 0.02 % and 0.05 %.

    The maker pays its loss of 10 and 0.202, the taker pays 0.505 and has a claim of 10.
    Treasury: 20 % of each fee, 0.0404 + 0.101; the rest is the fund's.
    """
    world = new_world()
    world.market(maker_fee=200, taker_fee=500)
    model = world.model
    maker, taker = world.actor(MAKER, 1_000), world.actor(TAKER, 1_000)
    fund, pot = model.account(FUND).cash, model.markets[0].b
    world.trade(MAKER, TAKER, 10 * WAD, 101 * WAD)
    assert model.account(maker).cash == 1_000 * WAD - 10 * WAD - 202 * 10**15
    assert model.account(taker).cash == 1_000 * WAD - 505 * 10**15
    assert model.account_view(taker)[1][0][:2] == (10 * WAD, -10 * WAD)
    assert model.account(TREASURY).cash == 1_414 * 10**14
    assert model.account(FUND).cash - fund == 5_656 * 10**14
    assert model.markets[0].b - pot == 10 * WAD
    assert model.market_view(0)[0] == 10 * WAD
    assert model.identities() == []


def test_fill_rounds_the_treasury_share_once(new_world: Any) -> None:
    """Fees of 14 and 14 wei: 20 % of 28, rounded down, is 5; of each alone it would be 2."""
    world = new_world()
    world.market(maker_fee=1, taker_fee=1, min_notional=10**16)
    model = world.model
    for who in (MAKER, TAKER):
        world.actor(who, 1_000)
    world.trade(MAKER, TAKER, 10 * WAD)
    before = model.account(TREASURY).cash
    assert before == 2 * 10**15 * 2 // 10
    world.trade(MAKER, TAKER, 131_072)  # 131,072 * 100 / 1e6, rounded up
    assert model.account(TREASURY).cash - before == 5


def test_fill_reverts_outside_the_band(world: Any, pair: tuple[int, int]) -> None:
    """Band 5 %: 105 and 95 pass, a wei beyond does not."""
    for price in (105 * WAD + 1, 95 * WAD - 1):
        with pytest.raises(Refused, match="band"):
            world.trade(MAKER, TAKER, WAD, price)
    world.trade(MAKER, TAKER, WAD, 105 * WAD)
    world.trade(MAKER, TAKER, WAD, 95 * WAD)


def test_fill_needs_initial_margin_of_both(world: Any, pair: tuple[int, int]) -> None:
    """IM of 33.33 units is just below 1,000 (30 a unit and a little impact), of 33.4 above."""
    with pytest.raises(Refused, match="initial margin"):
        world.trade(MAKER, TAKER, 334 * WAD // 10)
    world.trade(MAKER, TAKER, 333 * WAD // 10)


def test_fill_unpaid_profit_is_no_margin(world: Any, pair: tuple[int, int]) -> None:
    """MRG-1: with a claim of 500 the maker still has 1,000 for new risk."""
    world.trade(MAKER, TAKER, 20 * WAD)
    world.answer(0, 125 * WAD)
    world.actor(3, 10_000)
    assert world.model.equity(pair[0]) == 1_500 * WAD
    with pytest.raises(Refused, match="initial margin"):
        world.trade(MAKER, 3, 8 * WAD)  # 28 units at 125: IM above 1,050


def test_fill_below_initial_margin_may_reduce(world: Any, pair: tuple[int, int]) -> None:
    """Long 30 at 100 with 1,000; at 80 equity is 400, IM 720: reducing works, growing does not."""
    world.trade(MAKER, TAKER, 30 * WAD)
    world.answer(0, 80 * WAD)
    world.actor(3, 10_000)
    with pytest.raises(Refused):
        world.trade(MAKER, 3, WAD)
    with pytest.raises(Refused):
        world.trade(MAKER, 3, -59 * WAD)  # smaller, but a flip: short 29 needs 696
    world.trade(MAKER, 3, -10 * WAD)
    assert world.model.positions(pair[0]) == {0: 20 * WAD}
    assert world.model.account(pair[0]).cash == 400 * WAD  # the loss of 600 was paid


def test_fill_a_reduction_pays_fees_as_far_as_there_is_cash(new_world: Any) -> None:
    """TRD-3: closing 10 at 70 would cost 1 % = 7; about 1 of cash is there, and is all taken.

    Closing half is refused: the fee would leave E = 0 against half of MM, and health would fall.
    """
    world = new_world()
    world.market(maker_fee=0, taker_fee=0)
    model = world.model
    maker, _ = world.actor(MAKER, 304), world.actor(TAKER, 10_000)
    world.trade(MAKER, TAKER, 10 * WAD)
    rules = model.markets[0].rules
    model.withdraw(address(MAKER), maker, 3_999_000, address(MAKER))
    model.set_market(OWNER, 0, replace(rules, maker_fee=10_000))
    world.answer(0, 70 * WAD + 4 * 10**14)
    model.settle(STRANGER, maker)
    left = model.account(maker).cash
    assert 0 < left < 2 * WAD
    with pytest.raises(Refused, match="health"):
        world.trade(MAKER, TAKER, -5 * WAD)
    world.trade(MAKER, TAKER, -10 * WAD)
    assert model.account(maker).cash == 0


def test_fill_order_rules(world: Any, pair: tuple[int, int]) -> None:
    """Signature, expiry, salt, taker, open size, market: each is checked."""
    model = world.model
    good = world.order(MAKER, 10 * WAD, 100 * WAD)
    bad = [
        (good, None, WAD),
        (good, STRANGER, WAD),
        (replace(good, expiry=model.time - 1), address(MAKER), WAD),
        (replace(good, taker=STRANGER), address(MAKER), WAD),
        (replace(good, market=1), address(MAKER), WAD),
        (replace(good, account=FUND), "0x" + "00" * 20, WAD),
        (good, address(MAKER), 10 * WAD + 1),
        (good, address(MAKER), 0),
        (replace(good, reduce_only=True), address(MAKER), WAD),
    ]
    for order, signer, size in bad:
        with pytest.raises(Refused):
            take(world, order, size, signer)
    take(world, good, 4 * WAD)
    with pytest.raises(Refused):
        take(world, good, 7 * WAD)
    take(world, replace(good, taker=address(TAKER).upper().replace("X", "x"), salt=9), WAD)
    model.set_operator(address(MAKER), STRANGER, True)
    take(world, good, 6 * WAD, STRANGER)


def test_cancel_order_and_below(world: Any, pair: tuple[int, int]) -> None:
    """TRD-1: one order, or all below a salt; a salt only rises; strangers cannot."""
    model = world.model
    one, two = (world.order(MAKER, WAD, 100 * WAD) for _ in range(2))
    with pytest.raises(Refused):
        model.cancel_order(STRANGER, one)
    model.cancel_order(address(MAKER), one)
    with pytest.raises(Refused):
        take(world, one, WAD)
    model.cancel_below(address(MAKER), pair[0], two.salt + 1)
    with pytest.raises(Refused, match="cancelled"):
        take(world, two, WAD)
    for salt in (two.salt + 1, 2**56):
        with pytest.raises(Refused, match="salt"):
            model.cancel_below(address(MAKER), pair[0], salt)
    model.cancel_below(address(MAKER), pair[0], 2**56 - 1)


def test_fill_open_interest_cap(new_world: Any) -> None:
    """12 units of cap: 10 and 2 fit, no more; closing is free."""
    world = new_world()
    world.market(oi_cap=12 * WAD, min_notional=WAD)
    for who in (MAKER, TAKER):
        world.actor(who, 1_000)
    world.trade(MAKER, TAKER, 10 * WAD)
    with pytest.raises(Refused, match="cap"):
        world.trade(MAKER, TAKER, 2 * WAD + 1)
    world.trade(MAKER, TAKER, 2 * WAD)
    world.trade(MAKER, TAKER, -12 * WAD)


def test_fill_reduce_only_market_and_dead_other_leg(world: Any, pair: tuple[int, int]) -> None:
    """A dead leg elsewhere blocks what grows, not what reduces; so does a reduce-only market."""
    model = world.model
    world.market(1)
    for market in (0, 1):
        world.trade(MAKER, TAKER, 10 * WAD, market=market)
    model.set_answer(1, None, model.time)
    with pytest.raises(Refused, match="fresh"):
        world.trade(MAKER, TAKER, WAD)
    world.trade(MAKER, TAKER, -WAD)
    world.answer(1, 100 * WAD)
    model.set_market(OWNER, 0, replace(model.markets[0].rules, reduce_only=True))
    with pytest.raises(Refused, match="reduce-only"):
        world.trade(MAKER, TAKER, WAD)
    world.trade(MAKER, TAKER, -WAD)


def test_fill_at_most_eight_markets(new_world: Any) -> None:
    """MAX_HELD: the ninth market is refused, a second trade in the eighth is not."""
    world = new_world()
    for market in range(9):
        world.market(market)
    for who in (MAKER, TAKER):
        world.actor(who, 10_000)
    for market in range(8):
        world.trade(MAKER, TAKER, WAD, market=market)
    with pytest.raises(Refused, match="markets"):
        world.trade(MAKER, TAKER, WAD, market=8)
    world.trade(MAKER, TAKER, WAD, market=7)
