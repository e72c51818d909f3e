"""LIQ-4: a locked account's owner neither trades nor withdraws."""

import pytest
from engine_world import Party, World, reverts, wad


@pytest.fixture
def maker(world: World) -> Party:
    return world.party("maker", 10_000)


@pytest.fixture
def locked(world: World, maker: Party) -> Party:
    """Long 10 in market 0 and 1 in market 1 from 100, cash 104.45; at 85 the first is resolved.

    What is missing of its loss of 150, 45.55, others have paid; the leg in market 1 stays.
    """
    locked = world.party("locked", 105)
    world.trade(locked, maker, wad(10))
    world.trade(locked, maker, wad(1), market=1)
    world.price(0, 85)
    world.resolve(locked, world.party("keeper"))
    wallet = world.engine.wallet(locked.id)
    assert (wallet.cash, wallet.locked, wallet.debt) == (0, True, wad("45.55"))
    return locked


def test_locked_reverts_fill(world: World, locked: Party, maker: Party) -> None:
    """As taker and as maker, in one market or another, a reduction too, even with fresh money."""
    world.engine.deposit(locked.id, 1_000 * world.unit, sender=world.key("donor", 1_000))
    for market, size in ((1, 1), (1, -1), (2, 1)):
        with reverts("trading: account is locked"):
            world.trade(locked, maker, wad(size), market=market)
        with reverts("trading: account is locked"):
            world.trade(maker, locked, wad(size), market=market)


def test_locked_reverts_takeovers_part(world: World, locked: Party, maker: Party) -> None:
    """It takes no slice of another, neither itself nor by its order."""
    world.engine.deposit(locked.id, 1_000 * world.unit, sender=world.key("donor", 1_000))
    weak = world.party("weak", 200)
    world.trade(weak, maker, wad(10), market=2)
    world.price(2, 84)
    with reverts("trading: account is locked"):
        world.takeover(weak, wad(1), locked, market=2)
    order = world.order(locked, wad(1), market=2)
    with reverts("trading: account is locked"):
        world.takeover_by_order(order, weak, world.party("keeper"))


def test_locked_reverts_withdraw(world: World, locked: Party) -> None:
    """Not a unit, by the owner or an operator's account; the deposit was his choice."""
    world.engine.deposit(locked.id, 1_000 * world.unit, sender=world.key("donor", 1_000))
    for amount in (1, 100 * world.unit, 1_000 * world.unit):
        with reverts("custody: account is locked"):
            world.engine.withdraw(locked.id, amount, locked.key, sender=locked.key)


def test_locked_only_the_account(world: World, locked: Party, maker: Party) -> None:
    """The same owner's next account trades and withdraws as ever."""
    other = world.party("locked", 1_000, index=1)
    world.trade(other, maker, wad(1), market=1)
    world.engine.withdraw(other.id, 1, other.key, sender=other.key)
    assert not world.engine.wallet(other.id).locked
