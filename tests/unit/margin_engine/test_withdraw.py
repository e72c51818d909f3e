"""withdraw: quote tokens out of an account, by its owner (LED-6)."""

from collections.abc import Callable

import pytest
from engine_world import (
    FUND,
    MAX,
    NOTICE,
    SPOILED,
    TREASURY,
    ZERO_ADDRESS,
    Party,
    World,
    events,
    reverts,
    unpack_house,
    unpack_wallet,
    wad,
)


@pytest.fixture
def trader(world: World) -> Party:
    return world.party("trader", 1_000)


@pytest.fixture
def maker(world: World) -> Party:
    return world.party("maker", 1_000)


def take(world: World, who: Party, amount: int) -> None:
    """`amount` in token units, to the owner."""
    world.engine.withdraw(who.id, amount, who.key, sender=who.key)


def test_withdraw_default(world: World, trader: Party) -> None:
    receiver = world.chain.account("receiver")
    world.engine.withdraw(trader.id, 400 * world.unit, receiver, sender=trader.key)
    assert world.cash(trader) == wad(600)
    assert world.tokens(receiver) == 400 * world.unit


def test_withdraw_default_twice_in_a_block(world: World, trader: Party) -> None:
    for _ in range(2):
        take(world, trader, 500 * world.unit)
    assert world.cash(trader) == 0


def test_withdraw_default_with_a_position(world: World, trader: Party, maker: Party) -> None:
    """Cash 999.5, IM 91.5: 908 may go and not a unit more."""
    world.trade(trader, maker, wad(10))
    with reverts("custody: below initial margin"):
        take(world, trader, 908 * world.unit + 1)
    take(world, trader, 908 * world.unit)
    assert world.cash(trader) == wad("91.5")


def test_withdraw_default_profit_does_not_count(world: World, trader: Party, maker: Party) -> None:
    """At 110: profit 100, IM 1.5 * 67 = 100.5; of cash 999.5 899 may go. A loss counts in full."""
    world.trade(trader, maker, wad(10))
    world.price(0, 110)
    with world.chain.anchor():
        take(world, trader, 899 * world.unit)
    with reverts("custody: below initial margin"):
        take(world, trader, 899 * world.unit + 1)
    # at 90: loss 100, IM 1.5 * 55 = 82.5: 817
    world.price(0, 90)
    with reverts("custody: below initial margin"):
        take(world, trader, 817 * world.unit + 1)
    take(world, trader, 817 * world.unit)
    # it writes nothing but cash
    assert world.recorded(trader) == 0


def test_withdraw_default_flat_with_arrears(world: World) -> None:
    """Cash 249.0375, arrears 175, a claim of 100: 74.0375 may go, whatever the oracle says."""
    trader = world.flat_with_arrears()
    world.engine.deposit(trader.id, 100 * world.unit, sender=world.key("donor", 100))
    for market in range(2):
        world.kill(market)
    with reverts("custody: below initial margin"):
        take(world, trader, 74_037_500 + 1)
    take(world, trader, 74_037_500)
    assert world.cash(trader) == wad(175)


@pytest.mark.parametrize("what", SPOILED)
def test_withdraw_default_flat_needs_no_oracle(
    world: World, trader: Party, maker: Party, what: str
) -> None:
    """LED-6: traded once, flat again; all feeds are spoilt."""
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(-10))
    for market in range(world.markets):
        world.spoil(market, what)
    take(world, trader, 999_000_000)
    assert world.cash(trader) == 0


def test_withdraw_default_treasury(world: World, trader: Party, maker: Party) -> None:
    """Fees 0.5 and 0.2 of 1000, a fifth of them: 0.14, for the engine's owner."""
    world.trade(trader, maker, wad(10))
    receiver = world.chain.account("receiver")
    world.engine.withdraw(TREASURY, 140_000, receiver, sender=world.owner)
    assert (world.cash(TREASURY), world.tokens(receiver)) == (0, 140_000)
    with reverts("custody: above cash"):
        world.engine.withdraw(TREASURY, 1, receiver, sender=world.owner)


def test_withdraw_default_fund_by_its_contract(world: World) -> None:
    """The fund's contract gets its cash out through redemptions."""
    before = world.cash(FUND)
    backer = world.chain.account("backer")
    world.fund.request_redeem(wad(2_000), backer, sender=backer)
    world.chain.mine(1, NOTICE)
    world.fund.withdraw(1_000 * world.unit, backer, backer, sender=backer)
    assert before - world.cash(FUND) == wad(1_000)
    assert world.tokens(backer) == 1_000 * world.unit


def test_withdraw_emits_withdrawn(world: World, trader: Party) -> None:
    receiver = world.chain.account("receiver")
    receipt = world.engine.withdraw(trader.id, 400 * world.unit, receiver, sender=trader.key)
    assert events(receipt) == ["Withdrawn"]
    event = receipt.event("Withdrawn")
    assert (event.account, event.receiver) == (trader.id, receiver.address)
    assert event.amount == 400 * world.unit
    assert unpack_wallet(event.wallet) == (wad(600), 0, 0, 0)


def test_withdraw_emits_withdrawn_treasury(world: World, trader: Party, maker: Party) -> None:
    """The treasury's cash is in the fund's word, which the event shows."""
    world.trade(trader, maker, wad(10))
    receipt = world.engine.withdraw(TREASURY, 40_000, world.owner, sender=world.owner)
    event = receipt.event("Withdrawn")
    assert (event.account, event.amount) == (TREASURY, 40_000)
    assert unpack_house(event.wallet) == (world.cash(FUND), 0, wad("0.1"))


def test_withdraw_reverts_not_the_owner(world: World, trader: Party) -> None:
    for caller in (world.key("stranger"), world.owner):
        with reverts("custody: not the owner"):
            world.engine.withdraw(trader.id, 1, caller, sender=caller)


def test_withdraw_reverts_operator(world: World, trader: Party) -> None:
    """An operator trades, cancels and liquidates, and takes nothing out."""
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=trader.key)
    for receiver in (operator, trader.key):
        with reverts("custody: not the owner"):
            world.engine.withdraw(trader.id, 1, receiver, sender=operator)


@pytest.mark.parametrize("account", [0, FUND, 3, 2**96 - 1])
def test_withdraw_reverts_house_account(world: World, account: int) -> None:
    for caller in (world.owner, world.key("stranger"), world.chain.account("backer")):
        with reverts("custody: not the owner"):
            world.engine.withdraw(account, 1, caller, sender=caller)


def test_withdraw_reverts_treasury_for_a_stranger(world: World) -> None:
    stranger = world.key("stranger")
    with reverts("ownable: caller is not the owner"):
        world.engine.withdraw(TREASURY, 1, stranger, sender=stranger)


def test_withdraw_reverts_amount_is_zero(world: World, trader: Party) -> None:
    with reverts("custody: amount is zero"):
        take(world, trader, 0)


def test_withdraw_reverts_bad_receiver(world: World, trader: Party) -> None:
    for receiver in (ZERO_ADDRESS, world.engine):
        with reverts("custody: bad receiver"):
            world.engine.withdraw(trader.id, 1, receiver, sender=trader.key)


@pytest.mark.parametrize("amount", [10**9 + 1, 2**103 - 1, 2**103, 2**255, MAX])
def test_withdraw_reverts_above_cash(world: World, trader: Party, amount: int) -> None:
    with reverts("custody: above cash"):
        take(world, trader, amount)


def test_withdraw_reverts_above_cash_of_the_treasury(world: World) -> None:
    for amount in (1, MAX):
        with reverts("custody: above cash"):
            world.engine.withdraw(TREASURY, amount, world.owner, sender=world.owner)


@pytest.mark.parametrize("what", SPOILED)
def test_withdraw_reverts_a_leg_is_not_fresh(
    world: World, trader: Party, maker: Party, what: str
) -> None:
    world.trade(trader, maker, wad(1))
    world.spoil(0, what)
    with reverts("custody: a leg is not fresh"):
        take(world, trader, 1)


def test_withdraw_reverts_transfer_failed(make_world: Callable[..., World]) -> None:
    world = make_world(kind="FalseToken", markets=0, backing=0)
    trader = world.party("trader")
    world.set_cash(trader.id, wad(1))
    with reverts("custody: transfer failed"):
        take(world, trader, 1)
    assert world.cash(trader) == wad(1)


def test_withdraw_reverts_tokens_not_there(make_world: Callable[..., World]) -> None:
    """A token that lied at deposit: nobody is paid with what is not there, the books stay."""
    world = make_world(kind="FeeToken", token_args=(100,), markets=0, backing=0)
    trader = world.party("trader", 100)
    assert world.tokens(world.engine) == 99 * world.unit
    with reverts("token: balance too small"):
        take(world, trader, 100 * world.unit)
    assert world.cash(trader) == wad(100)
