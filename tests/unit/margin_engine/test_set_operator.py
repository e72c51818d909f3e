"""set_operator: who else may trade, cancel and liquidate for an owner's accounts."""

import pytest
from engine_world import ZERO_ADDRESS, Party, World, events, reverts, wad

from plimsoll.evm import Account


@pytest.fixture
def trader(world: World) -> Party:
    return world.party("trader", 1_000)


@pytest.fixture
def operator(world: World) -> Account:
    return world.key("operator")


def test_set_operator_default(world: World, trader: Party, operator: Account) -> None:
    assert not world.engine.is_operator(trader.key, operator)
    world.engine.set_operator(operator, True, sender=trader.key)
    assert world.engine.is_operator(trader.key, operator)
    assert not world.engine.is_operator(operator, trader.key)
    world.engine.set_operator(operator, False, sender=trader.key)
    assert not world.engine.is_operator(trader.key, operator)


def test_set_operator_default_trades_for_all_accounts(
    world: World, trader: Party, operator: Account
) -> None:
    other, maker = world.party("trader", 1_000, index=2**96 - 1), world.party("maker", 1_000)
    world.engine.set_operator(operator, True, sender=trader.key)
    for account in (trader, other):
        world.fill(world.order(maker, wad(-1)), account, sender=operator)
        assert world.size(account) == wad(1)


def test_set_operator_default_liquidates(world: World, trader: Party, operator: Account) -> None:
    poor = world.party("poor trader", 100)
    world.trade(poor, world.party("maker", 1_000), wad(10))
    world.price(0, 95)
    world.engine.set_operator(operator, True, sender=trader.key)
    world.takeover(poor, wad(3), trader, sender=operator)
    assert world.size(trader) == wad(3)


def test_set_operator_default_twice_in_a_block(
    world: World, trader: Party, operator: Account
) -> None:
    for _ in range(2):
        world.engine.set_operator(operator, True, sender=trader.key)
    assert world.engine.is_operator(trader.key, operator)


def test_set_operator_default_of_oneself(world: World, trader: Party) -> None:
    """An owner acts for the accounts whatever is set."""
    world.engine.set_operator(trader.key, False, sender=trader.key)
    world.trade(trader, world.party("maker", 1_000), wad(1))
    assert world.size(trader) == wad(1)


def test_set_operator_default_zero_address(world: World, trader: Party) -> None:
    """The zero address as operator opens nothing: what recovers to it is no signature."""
    world.engine.set_operator(ZERO_ADDRESS, True, sender=trader.key)
    order = world.order(trader, wad(1))
    for signature in (bytes(65), b"\xff" * 65, b"\x01" * 64 + b"\x1b"):
        with reverts("orders: wrong signature"):
            world.fill(order, world.party("taker", 1_000), signature=signature)


def test_set_operator_emits_operator_set(world: World, trader: Party, operator: Account) -> None:
    for approved in (True, False):
        receipt = world.engine.set_operator(operator, approved, sender=trader.key)
        assert events(receipt) == ["OperatorSet"]
        assert receipt.event("OperatorSet").args == {
            "owner": trader.address,
            "operator": operator.address,
            "approved": approved,
        }


def test_set_operator_reverts_what_it_may_not(
    world: World, trader: Party, operator: Account
) -> None:
    """No withdrawal, no operators of its own for the owner, no liquidation for others."""
    world.engine.set_operator(operator, True, sender=trader.key)
    with reverts("custody: not the owner"):
        world.engine.withdraw(trader.id, 1, operator, sender=operator)
    second = world.key("second operator")
    world.engine.set_operator(second, True, sender=operator)
    with reverts("trading: not your account"):
        world.fill(world.order(world.party("maker", 1_000), wad(-1)), trader, sender=second)
