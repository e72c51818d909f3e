"""set_allowance: what the fund may pay for a market in a day (LIQ-4)."""

import pytest
from engine_world import (
    ALLOWANCE,
    MARKETS,
    MAX,
    Allowance,
    World,
    events,
    reverts,
    unpack_allowance,
    wad,
)


@pytest.fixture
def used(world: World) -> World:
    """Of 10,000 the market has used 50.5: a reward of 1/2,000 of 850 is below the minimum of 1."""
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 85)
    world.resolve(trader, world.party("keeper"))
    assert world.state().allowance == ALLOWANCE - wad("50.5")
    return world


def test_set_allowance_default_lower(world: World) -> None:
    world.engine.set_allowance(0, wad(7), sender=world.owner)
    assert (world.state().allowance, world.state().allowance_cap) == (wad(7), wad(7))


def test_set_allowance_default_higher_starts_with_what_was_left(used: World) -> None:
    """A higher cap gives nothing at once; it refills linearly over a day."""
    world = used
    world.engine.set_allowance(0, 2 * ALLOWANCE, sender=world.owner)
    left = ALLOWANCE - wad("50.5")
    assert world.state().allowance == left
    world.chain.mine(seconds=864)
    assert world.state().allowance == left + 2 * ALLOWANCE // 100
    world.chain.mine(seconds=86_400)
    assert world.state().allowance == 2 * ALLOWANCE


def test_set_allowance_default_refill_rounds_down(world: World) -> None:
    world.engine.set_allowance(0, 0, sender=world.owner)
    world.engine.set_allowance(0, 86_401, sender=world.owner)
    world.chain.mine(seconds=86_399)
    assert world.state().allowance == 86_401 * 86_399 // 86_400 == 86_399


def test_set_allowance_default_off_and_on_is_no_refill(used: World) -> None:
    world = used
    world.engine.set_allowance(0, 0, sender=world.owner)
    world.engine.set_allowance(0, ALLOWANCE, sender=world.owner)
    assert world.state().allowance == 0


def test_set_allowance_default_twice_in_a_block(used: World) -> None:
    for _ in range(2):
        used.engine.set_allowance(0, ALLOWANCE, sender=used.owner)
    assert used.state().allowance == ALLOWANCE - wad("50.5")


def test_set_allowance_emits_allowance_updated(used: World) -> None:
    receipt = used.engine.set_allowance(0, 2 * ALLOWANCE, sender=used.owner)
    assert events(receipt) == ["AllowanceUpdated"]
    event = receipt.event("AllowanceUpdated")
    assert event.market == 0
    assert unpack_allowance(event.allowance) == Allowance(
        2 * ALLOWANCE, ALLOWANCE - wad("50.5"), used.chain.timestamp
    )


def test_set_allowance_reverts_stranger(world: World) -> None:
    with reverts("ownable: caller is not the owner"):
        world.engine.set_allowance(0, 1, sender=world.key("stranger"))


@pytest.mark.parametrize("market", [MARKETS, 15, 16, 255, MAX])
def test_set_allowance_reverts_market_not_listed(world: World, market: int) -> None:
    with reverts("trading: market not listed"):
        world.engine.set_allowance(market, 1, sender=world.owner)


@pytest.mark.parametrize("cap", [2**103, MAX])
def test_set_allowance_reverts_allowance_out_of_range(world: World, cap: int) -> None:
    with reverts("listing: allowance out of range"):
        world.engine.set_allowance(0, cap, sender=world.owner)
    world.engine.set_allowance(0, 2**103 - 1, sender=world.owner)
