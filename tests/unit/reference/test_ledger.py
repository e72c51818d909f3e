"""LED: marking, settlement, cash in and out, in worked figures. Market 0 stands at 100 quote."""

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.reference import Config, Refused, Risk
from plimsoll.reference.numbers import A_ONE, FUND, TREASURY, WAD

STRANGER = "0x" + "77" * 20
FUND_CONTRACT = "0x" + "0f" * 20
OWNER = "0x" + "0a" * 20
BUYER, SELLER, THIRD = 1, 2, 3
RISK = Risk(5 * 10**10, 2 * 10**10, 10**10, 10**10, 10**8, 0, 10**10, 10**12)
CONFIG = Config(10**22, 10 * WAD, 10**7 * WAD, 5_000, 200, 1_000, 0, 0)


def address(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


@pytest.fixture
def pair(world: Any) -> tuple[int, int]:
    """The buyer is long 10 against the seller, 1,000 quote of cash each."""
    accounts = world.actor(BUYER, 1_000), world.actor(SELLER, 1_000)
    world.trade(BUYER, SELLER, 10 * WAD)
    return accounts


def leg(world: Any, account: int, market: int = 0) -> tuple[int, ...]:
    return world.model.account_view(account)[1][market]


def test_led_1_a_price_move_writes_nothing(world: Any, pair: tuple[int, int]) -> None:
    """Long 10 from 100 to 103: equity 1,030 and 970, recorded pnl still 0."""
    world.answer(0, 103 * WAD)
    assert [world.model.equity(a) for a in pair] == [1_030 * WAD, 970 * WAD]
    assert leg(world, pair[0]) == (0, 10 * WAD, A_ONE, A_ONE * 100 * WAD, 1)


def test_led_2_touch_marks(world: Any, pair: tuple[int, int]) -> None:
    """The profit of 30 and the loss of 30 are recorded, the legs snapped at 103."""
    world.answer(0, 103 * WAD)
    for account in pair:
        world.model.touch(STRANGER, account)
    k = A_ONE * 103 * WAD
    assert leg(world, pair[0]) == (30 * WAD, 10 * WAD, A_ONE, k, 1)
    assert leg(world, pair[1]) == (-30 * WAD, -10 * WAD, A_ONE, -k, 1)


def test_led_2_touch_leaves_a_live_leg_without_a_fresh_feed(
    world: Any, pair: tuple[int, int]
) -> None:
    """Stale: nothing is recorded, but the leg is valued at its own last answer."""
    world.model.set_answer(0, 103 * WAD, world.model.time - 4_000)
    world.model.touch(STRANGER, pair[0])
    assert leg(world, pair[0])[0] == 0
    assert world.model.equity(pair[0]) == 1_030 * WAD


def test_led_3_settle_pays_claims_as_far_as_the_market_has_cash(
    world: Any, pair: tuple[int, int]
) -> None:
    """B holds a buffer of 1e-4 quote: the matured claim of 30 gets that, later the rest."""
    model, (buyer, seller) = world.model, pair
    buffer = model.markets[0].b
    assert buffer == 10**14
    world.answer(0, 103 * WAD)
    model.touch(STRANGER, buyer)
    world.mature()
    model.settle(STRANGER, buyer)
    assert model.account_view(buyer)[0] == 1_000 * WAD + buffer
    assert leg(world, buyer)[0] == 30 * WAD - buffer
    model.settle(STRANGER, seller)
    model.settle(STRANGER, buyer)
    assert (model.account_view(buyer)[0], leg(world, buyer)[0]) == (1_030 * WAD, 0)
    assert model.markets[0].b == buffer


def test_led_3_settle_shares_short_cash_pro_rata(world: Any) -> None:
    """Arrears 400 and 800, cash 601: floor(601*400/1,200) = 200 1/3, then the 400 2/3 left."""
    model = world.model
    world.market(1)
    account = world.actor(BUYER, 601)
    world.actor(SELLER, 10_000)
    world.trade(BUYER, SELLER, 10 * WAD, market=0)
    world.trade(BUYER, SELLER, 10 * WAD, market=1)
    world.answer(0, 60 * WAD)
    world.answer(1, 20 * WAD)
    model.settle(STRANGER, account)
    first = 601 * WAD * 400 // 1_200
    assert model.account_view(account)[0] == 0
    assert leg(world, account, 0)[0] == first - 400 * WAD
    assert leg(world, account, 1)[0] == 601 * WAD - first - 800 * WAD
    assert model.identities() == []


def test_led_6_withdraw_flat(world: Any, pair: tuple[int, int]) -> None:
    """Closed with a loss of 30, paid at once: 970 can go, with a dead feed; a wei more cannot."""
    model, (buyer, _) = world.model, pair
    world.answer(0, 97 * WAD)
    world.trade(BUYER, SELLER, -10 * WAD)
    model.set_answer(0, None, model.time)
    with pytest.raises(Refused):
        model.withdraw(address(BUYER), buyer, 970 * 10**6 + 1, address(BUYER))
    model.withdraw(address(BUYER), buyer, 970 * 10**6, address(BUYER))
    assert model.account_view(buyer)[0] == 0


def test_withdraw_with_a_position_needs_initial_margin(world: Any, pair: tuple[int, int]) -> None:
    """MM = 150.0001, IM = 300.0002: of 1,000 at most 699.9998 go, whatever the profit."""
    model, (buyer, _) = world.model, pair
    assert model.margin(buyer) == (150 * WAD + 10**14, 300 * WAD + 2 * 10**14)
    with pytest.raises(Refused):
        model.withdraw(address(BUYER), buyer, 699_999_801, address(BUYER))
    model.set_answer(0, 100 * WAD, model.time - 4_000)
    with pytest.raises(Refused, match="fresh"):
        model.withdraw(address(BUYER), buyer, 1, address(BUYER))
    model.set_answer(0, 100 * WAD, model.time)
    model.withdraw(address(BUYER), buyer, 699_999_800, address(BUYER))


def test_withdraw_reverts_for_a_stranger_and_an_operator(world: Any, pair: tuple[int, int]) -> None:
    """Operators trade, they do not withdraw."""
    world.model.set_operator(address(BUYER), STRANGER, True)
    with pytest.raises(Refused):
        world.model.withdraw(STRANGER, pair[0], 1, STRANGER)


def test_deposit_to_house_accounts(world: Any) -> None:
    """The fund's account takes deposits from the fund contract, the treasury none."""
    model = world.model
    for sender, account in [(STRANGER, FUND), (FUND_CONTRACT, TREASURY), (STRANGER, 7)]:
        with pytest.raises(Refused):
            model.deposit(sender, account, 1)
    model.deposit(FUND_CONTRACT.upper().replace("X", "x"), FUND, 1)


def test_led_8_an_empty_market_starts_afresh(world: Any, pair: tuple[int, int]) -> None:
    """Both close: OI 0, multipliers fresh, epochs as they were."""
    world.trade(BUYER, SELLER, -10 * WAD)
    assert world.model.market_view(0)[0] == 0
    assert world.model.market_view(0)[3:] == (A_ONE, 0, 1, A_ONE, 0, 1)


def test_led_8_a_reduction_to_dust_closes(new_world: Any) -> None:
    """A cap of 2**96 makes about 7.9e12 wei of size dust; the minimum position is 1e20 wei here.

    The buyer's reduction to one wei less than that closes the position, OI keeps what was dropped,
    and so the book ends. One more wei would be a position below the minimum.
    """
    world = new_world()
    price = 10**14  # 2**60 is above it, and 2**96 units of size stay in the field
    world.model.set_answer(0, price, world.model.time)
    world.model.set_feed(OWNER, 0, 3_600, 0, 60)
    world.model.set_risk(OWNER, 0, RISK)
    config = replace(CONFIG, oi_cap=2**96 - 1, min_notional=10**16, max_notional=10**18 * 10**7)
    world.model.list_market(OWNER, 0, config, 0)
    model, buyer = world.model, world.actor(BUYER, 1_000)
    world.actor(SELLER, 1_000)
    dust = (2**96 - 1) // 10**16
    assert model.dust_size(0) == dust
    world.trade(BUYER, SELLER, 1_000 * WAD)
    with pytest.raises(Refused, match="minimum"):
        world.trade(BUYER, SELLER, dust - 1_000 * WAD)
    world.trade(BUYER, SELLER, dust - 1 - 1_000 * WAD)
    assert leg(world, buyer) == (0, 0, 0, 0, 0)
    assert model.market_view(0)[0] == 0
    assert model.market_view(0)[3:] == (A_ONE, 0, 2, A_ONE, 0, 2)
    assert model.identities() == []


def test_led_9_deposit_bound(world: Any) -> None:
    """Cash stays below 2**103; a refused deposit changes nothing."""
    account = world.actor(THIRD)
    tokens = world.model.tokens
    with pytest.raises(Refused):
        world.model.deposit(STRANGER, account, 2**103 // 10**12 + 1)
    world.model.deposit(STRANGER, account, (2**103 - 1) // 10**12)
    assert world.model.tokens == tokens + (2**103 - 1) // 10**12
