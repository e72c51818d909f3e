"""cover: the fund pays a market's shortfall (LIQ-4 step 3)."""

import pytest
from engine_world import (
    ALLOWANCE,
    BUFFER,
    FUND,
    MARKETS,
    MAX,
    Allowance,
    Party,
    World,
    events,
    reverts,
    unpack_allowance,
    unpack_book,
    unpack_house,
    wad,
)


@pytest.fixture
def owing(world: World) -> World:
    """Market 0 has a shortfall of 23.5; its allowance has been taken away and is full again."""
    gone = world.flat_and_bankrupt()
    world.engine.set_allowance(0, 0, sender=world.owner)
    world.resolve(gone, world.party("keeper"))
    world.engine.set_allowance(0, ALLOWANCE, sender=world.owner)
    world.chain.mine(seconds=86_400)
    world.refresh()
    assert world.state().shortfall == wad("23.5")
    return world


def test_cover_default(owing: World) -> None:
    world = owing
    fund, backing = world.cash(FUND), world.state().cash
    receipt = world.engine.cover(0, sender=world.key("stranger"))
    assert receipt.value == wad("23.5")
    assert fund - world.cash(FUND) == wad("23.5") == world.state().cash - backing
    assert (world.state().shortfall, world.engine.fund_state()[2]) == (0, 0)
    assert world.state().allowance == ALLOWANCE - wad("23.5")


def test_cover_default_as_far_as_the_allowance(owing: World) -> None:
    world = owing
    world.engine.set_allowance(0, wad(10), sender=world.owner)
    assert world.engine.cover(0).value == wad(10)
    assert world.state().shortfall == wad("13.5")
    with reverts("cover: nothing to pay"):
        world.engine.cover(0)
    world.chain.mine(seconds=8_640)  # a tenth of a day: 1 more
    assert world.engine.cover(0).value == wad(1)
    world.chain.mine(seconds=10**7)
    assert world.engine.cover(0).value == wad(10)


def test_cover_default_as_far_as_the_cash(tampered: World) -> None:
    world = tampered
    gone = world.flat_and_bankrupt()
    world.engine.set_allowance(0, 0, sender=world.owner)
    world.resolve(gone, world.party("keeper"))
    world.engine.set_allowance(0, ALLOWANCE, sender=world.owner)
    world.chain.mine(seconds=86_400)
    world.set_cash(FUND, wad(5))
    assert world.engine.cover(0).value == wad(5)
    with reverts("cover: nothing to pay"):
        world.engine.cover(0)


def test_cover_default_needs_no_oracle(owing: World) -> None:
    owing.kill(0)
    assert owing.engine.cover(0).value == wad("23.5")


def test_cover_emits_everything(owing: World) -> None:
    world = owing
    fund, treasury, state = world.cash(FUND), world.cash(2), world.state()
    receipt = world.engine.cover(0)
    assert events(receipt) == [
        "AccountUpdated",
        "ShortfallUpdated",
        "BookUpdated",
        "ShortfallCovered",
    ]
    account = receipt.event("AccountUpdated")
    assert account.account == FUND
    assert unpack_house(account.wallet) == (fund - wad("23.5"), 0, treasury)
    assert receipt.event("ShortfallUpdated").args == {"market": 0, "shortfall": 0}
    book = receipt.event("BookUpdated")
    assert (book.market, unpack_book(book.book)) == (0, (0, state.cash + wad("23.5")))
    assert state.cash >= BUFFER
    event = receipt.event("ShortfallCovered")
    assert (event.market, event.paid) == (0, wad("23.5"))
    assert unpack_allowance(event.allowance) == Allowance(
        ALLOWANCE, ALLOWANCE - wad("23.5"), world.chain.timestamp
    )


def test_cover_reverts_nothing_to_pay(owing: World) -> None:
    """Without a shortfall, and the second time in one block."""
    with reverts("cover: nothing to pay"):
        owing.engine.cover(1)
    owing.engine.cover(0)
    with reverts("cover: nothing to pay"):
        owing.engine.cover(0)


@pytest.mark.parametrize("market", [MARKETS, 15, 16, 255, MAX])
def test_cover_reverts_market_not_listed(world: World, market: int) -> None:
    with reverts("trading: market not listed"):
        world.engine.cover(market)


def test_cover_reverts_market_out_of_range(tampered: World) -> None:
    world = tampered
    keeper: Party = world.party("keeper")
    gone = world.flat_and_bankrupt()
    world.engine.set_allowance(0, 0, sender=world.owner)
    world.resolve(gone, keeper)
    world.engine.set_allowance(0, ALLOWANCE, sender=world.owner)
    world.chain.mine(seconds=86_400)
    world.set_backing(0, 2**103 - 1)
    with reverts("ledger: market out of range"):
        world.engine.cover(0)
