"""cancel_below: all orders with a smaller salt void (TRD-1)."""

import pytest
from engine_world import FUND, MAX, TREASURY, Party, World, events, reverts, wad


@pytest.fixture
def maker(world: World) -> Party:
    return world.party("maker", 1_000)


def test_cancel_below_default(world: World, maker: Party) -> None:
    world.engine.cancel_below(maker.id, 10, sender=maker.key)
    assert world.engine.min_salt(maker.id) == 10
    taker = world.party("taker", 1_000)
    with reverts("orders: cancelled"):
        world.fill(world.order(maker, wad(1), salt=9), taker)
    world.fill(world.order(maker, wad(1), salt=10), taker)


def test_cancel_below_default_one_account_only(world: World, maker: Party) -> None:
    other = world.party("maker", 1_000, index=1)
    world.engine.cancel_below(maker.id, 10, sender=maker.key)
    assert world.engine.min_salt(other.id) == 0
    world.fill(world.order(other, wad(1), salt=0), world.party("taker", 1_000))


def test_cancel_below_default_largest(world: World, maker: Party) -> None:
    """The word's other fields stay as they are."""
    before = world.engine.wallet(maker.id)
    world.engine.cancel_below(maker.id, 2**56 - 1, sender=maker.key)
    assert world.engine.min_salt(maker.id) == 2**56 - 1
    assert world.engine.wallet(maker.id) == before


def test_cancel_below_default_survives_everything(world: World, maker: Party) -> None:
    """Fills, deposits, withdrawals and settlement leave the salt in the account's word."""
    world.engine.cancel_below(maker.id, 7, sender=maker.key)
    taker = world.party("taker", 1_000)
    world.fill(world.order(maker, wad(1), salt=7), taker)
    world.price(0, 101)
    world.engine.settle(maker.id)
    world.engine.touch(maker.id)
    world.engine.deposit(maker.id, 0 + 1, sender=world.key("donor", 1))
    world.engine.withdraw(maker.id, 1, maker.key, sender=maker.key)
    assert world.engine.min_salt(maker.id) == 7


def test_cancel_below_default_by_operator(world: World, maker: Party) -> None:
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=maker.key)
    world.engine.cancel_below(maker.id, 3, sender=operator)
    assert world.engine.min_salt(maker.id) == 3


def test_cancel_below_emits_orders_cancelled_below(world: World, maker: Party) -> None:
    receipt = world.engine.cancel_below(maker.id, 10, sender=maker.key)
    assert events(receipt) == ["OrdersCancelledBelow"]
    assert receipt.event("OrdersCancelledBelow").args == {"account": maker.id, "salt": 10}


@pytest.mark.parametrize("salt", [0, 9, 10, 2**56, MAX])
def test_cancel_below_reverts_salt_not_raised(world: World, maker: Party, salt: int) -> None:
    """Also the second of two equal calls in one block."""
    world.engine.cancel_below(maker.id, 10, sender=maker.key)
    with reverts("orders: salt not raised"):
        world.engine.cancel_below(maker.id, salt, sender=maker.key)


def test_cancel_below_reverts_not_yours(world: World, maker: Party) -> None:
    for caller in (world.key("stranger"), world.owner):
        with reverts("orders: not yours"):
            world.engine.cancel_below(maker.id, 10, sender=caller)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3])
def test_cancel_below_reverts_house_account(world: World, account: int) -> None:
    """In the fund's word the treasury's cash stands where others have their salt."""
    world.trade(world.party("taker", 1_000), world.party("maker", 1_000), wad(1))
    with reverts("orders: not yours"):
        world.engine.cancel_below(account, 10, sender=world.owner)
