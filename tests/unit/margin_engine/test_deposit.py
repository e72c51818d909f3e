"""deposit: quote tokens into an account (LED-5)."""

from collections.abc import Callable

import pytest
from engine_world import (
    FUND,
    MAX,
    TREASURY,
    WAD,
    Party,
    World,
    events,
    reverts,
    unpack_wallet,
    wad,
)


@pytest.fixture
def trader(world: World) -> Party:
    return world.party("trader", 100)


def test_deposit_default(world: World, trader: Party) -> None:
    world.token.mint(trader.key, 50 * world.unit)
    engine = world.tokens(world.engine)
    world.engine.deposit(trader.id, 50 * world.unit, sender=trader.key)
    assert world.cash(trader) == wad(150)
    assert world.tokens(trader.key) == 0
    assert world.tokens(world.engine) - engine == 50 * world.unit


@pytest.mark.parametrize("decimals", [2, 6, 8, 18])
def test_deposit_default_decimals(make_world: Callable[..., World], decimals: int) -> None:
    """One token unit is 10**(18 - decimals) wei of cash."""
    world = make_world(decimals=decimals, markets=0, backing=0)
    trader = world.party("trader")
    world.token.mint(trader.key, 1)
    world.engine.deposit(trader.id, 1, sender=trader.key)
    assert world.cash(trader) == 10 ** (18 - decimals)
    world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)
    assert (world.cash(trader), world.tokens(trader.key)) == (0, 1)


def test_deposit_default_by_anyone(world: World, trader: Party) -> None:
    donor = world.key("donor", 1)
    world.engine.deposit(trader.id, world.unit, sender=donor)
    assert world.cash(trader) == wad(101)


def test_deposit_default_into_any_index(world: World) -> None:
    last = world.party("trader", 1, index=2**96 - 1)
    assert world.cash(last) == WAD


def test_deposit_default_twice_in_a_block(world: World, trader: Party) -> None:
    world.token.mint(trader.key, 2)
    for _ in range(2):
        world.engine.deposit(trader.id, 1, sender=trader.key)
    assert world.cash(trader) == wad(100) + 2 * 10**12


def test_deposit_default_with_a_bankrupt_account(world: World) -> None:
    """Nothing is asked of the account or of an oracle."""
    trader, maker = world.party("trader", 100), world.party("maker", 1_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 50)
    world.kill(0)
    world.engine.deposit(trader.id, world.unit, sender=world.key("donor", 1))
    assert world.cash(trader) == wad("100.5")


def test_deposit_default_silent_token(make_world: Callable[..., World]) -> None:
    """A token that returns nothing, like USDT."""
    world = make_world(kind="SilentToken", markets=1)
    trader = world.party("trader", 5)
    world.engine.withdraw(trader.id, 2 * world.unit, trader.key, sender=trader.key)
    assert (world.cash(trader), world.tokens(trader.key)) == (wad(3), 2 * world.unit)
    assert world.broken() == []


def test_deposit_emits_deposited(world: World, trader: Party) -> None:
    donor = world.key("donor", 7)
    receipt = world.engine.deposit(trader.id, 7 * world.unit, sender=donor)
    assert events(receipt) == ["Deposited"]
    event = receipt.event("Deposited")
    assert (event.account, event.sender) == (trader.id, donor.address)
    assert event.amount == 7 * world.unit
    assert unpack_wallet(event.wallet) == (wad(107), 0, 0, 0)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3, 2**96 - 1])
def test_deposit_reverts_no_such_account(world: World, account: int) -> None:
    donor = world.key("donor", 1)
    for caller in (donor, world.owner):
        with reverts("custody: no such account"):
            world.engine.deposit(account, 1, sender=caller)


def test_deposit_reverts_treasury_even_for_the_fund(make_world: Callable[..., World]) -> None:
    """Who holds the fund's account may pay into it, and into no other house account."""
    world = make_world(markets=0, backing=0)
    engine, holder = world.new_engine(), world.chain.account("fund holder")
    engine.set_fund(holder, sender=world.owner)
    world.token.mint(holder, 10)
    world.token.approve(engine, MAX, sender=holder)
    engine.deposit(FUND, 1, sender=holder)
    for account in (0, TREASURY, 3):
        with reverts("custody: no such account"):
            engine.deposit(account, 1, sender=holder)


def test_deposit_reverts_amount_is_zero(world: World, trader: Party) -> None:
    with reverts("custody: amount is zero"):
        world.engine.deposit(trader.id, 0, sender=trader.key)


@pytest.mark.parametrize("amount", [2**103, 2**255, MAX])
def test_deposit_reverts_cash_out_of_range(world: World, trader: Party, amount: int) -> None:
    with reverts("ledger: cash out of range"):
        world.engine.deposit(trader.id, amount, sender=trader.key)


def test_deposit_reverts_cash_out_of_range_at_the_limit(make_world: Callable[..., World]) -> None:
    """2**103 - 1 wei and no more, at once or in parts."""
    world = make_world(decimals=18, markets=0, backing=0)
    trader = world.party("trader")
    world.token.mint(trader.key, 2**103)
    with world.chain.anchor():
        world.engine.deposit(trader.id, 2**103 - 1, sender=trader.key)
        assert world.cash(trader) == 2**103 - 1
        with reverts("ledger: cash out of range"):
            world.engine.deposit(trader.id, 1, sender=trader.key)
    with reverts("ledger: cash out of range"):
        world.engine.deposit(trader.id, 2**103, sender=trader.key)


def test_deposit_reverts_without_tokens(world: World, trader: Party) -> None:
    with reverts("token: balance too small"):
        world.engine.deposit(trader.id, 1, sender=trader.key)


def test_deposit_reverts_without_allowance(world: World, trader: Party) -> None:
    poor = world.chain.account("no allowance")
    world.token.mint(poor, 1)
    with reverts("token: allowance too small"):
        world.engine.deposit(trader.id, 1, sender=poor)


def test_deposit_reverts_transfer_failed(make_world: Callable[..., World]) -> None:
    """A token that says no instead of reverting."""
    world = make_world(kind="FalseToken", markets=0, backing=0)
    trader = world.party("trader")
    world.token.mint(trader.key, 1)
    with reverts("custody: transfer failed"):
        world.engine.deposit(trader.id, 1, sender=trader.key)
    assert world.cash(trader) == 0


def test_deposit_reverts_in_the_name_of_another(world: World, trader: Party) -> None:
    """Tokens are the caller's own; an approval by somebody else is of no use to a stranger."""
    world.token.mint(trader.key, world.unit)
    stranger = world.key("stranger")
    with reverts("token: balance too small"):
        world.engine.deposit(world.party("stranger").id, 1, sender=stranger)
