"""cancel_order: one order void (TRD-1)."""

import pytest
from engine_world import FUND, MAX, TREASURY, Order, Party, World, events, reverts, wad


@pytest.fixture
def maker(world: World) -> Party:
    return world.party("maker", 1_000)


def test_cancel_order_default(world: World, maker: Party) -> None:
    order = world.order(maker, wad(1))
    other = world.order(maker, wad(1))
    world.engine.cancel_order(order, sender=maker.key)
    assert world.engine.filled(world.digest(order)) == MAX
    taker = world.party("taker", 1_000)
    with reverts("orders: cancelled"):
        world.fill(order, taker)
    world.fill(other, taker)


def test_cancel_order_default_half_filled(world: World, maker: Party) -> None:
    order, taker = world.order(maker, wad(2)), world.party("taker", 1_000)
    world.fill(order, taker, wad(1))
    world.engine.cancel_order(order, sender=maker.key)
    with reverts("orders: cancelled"):
        world.fill(order, taker, wad(1))


def test_cancel_order_default_by_operator(world: World, maker: Party) -> None:
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=maker.key)
    order = world.order(maker, wad(1))
    world.engine.cancel_order(order, sender=operator)
    assert world.engine.filled(world.digest(order)) == MAX


def test_cancel_order_default_twice_in_a_block(world: World, maker: Party) -> None:
    """The second one changes nothing and does not revert."""
    order = world.order(maker, wad(1))
    for _ in range(2):
        world.engine.cancel_order(order, sender=maker.key)
    assert world.engine.filled(world.digest(order)) == MAX


def test_cancel_order_default_nonsense(world: World, maker: Party) -> None:
    """Whatever was signed can be made void, also what could never be filled."""
    order = Order(maker.id, 255, -(2**255), MAX, MAX, MAX, True, maker.address)
    world.engine.cancel_order(order, sender=maker.key)
    assert world.engine.filled(world.digest(order)) == MAX


def test_cancel_order_emits_order_cancelled(world: World, maker: Party) -> None:
    order = world.order(maker, wad(1))
    receipt = world.engine.cancel_order(order, sender=maker.key)
    assert events(receipt) == ["OrderCancelled"]
    assert receipt.event("OrderCancelled").args == {
        "account": maker.id,
        "order_hash": world.digest(order),
    }


def test_cancel_order_reverts_not_yours(world: World, maker: Party) -> None:
    order = world.order(maker, wad(1))
    with reverts("orders: not yours"):
        world.engine.cancel_order(order, sender=world.key("stranger"))
    with reverts("orders: not yours"):
        world.engine.cancel_order(order, sender=world.owner)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3])
def test_cancel_order_reverts_house_account(world: World, account: int) -> None:
    with reverts("orders: not yours"):
        world.engine.cancel_order(Order(account, 0, wad(1), wad(100)), sender=world.owner)
