"""touch: mark every leg that has a fresh price (LED-2)."""

import pytest
from engine_world import (
    A_ONE,
    FREEZE,
    FUND,
    SPOILED,
    TREASURY,
    Leg,
    Party,
    World,
    events,
    of,
    reverts,
    unpack_leg,
    unpack_wallet,
    wad,
)


@pytest.fixture
def trader(world: World) -> Party:
    """Long 10 in markets 0 and 1 from 100."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(10), market=1)
    return trader


def test_touch_default(world: World, trader: Party) -> None:
    world.price(0, 90)
    world.price(1, "110.5")
    backing, cash = world.state().cash, world.cash(trader)
    world.engine.touch(trader.id, sender=world.key("stranger"))
    assert (world.recorded(trader, 0), world.recorded(trader, 1)) == (wad(-100), wad(105))
    # nothing is paid
    assert (world.state().cash, world.cash(trader)) == (backing, cash)
    assert world.engine.position(trader.id, 0).k_snap == 90 * 10**36


def test_touch_default_twice_in_a_block(world: World, trader: Party) -> None:
    world.price(0, 90)
    for _ in range(2):
        world.engine.touch(trader.id)
    assert world.recorded(trader, 0) == wad(-100)


@pytest.mark.parametrize("what", SPOILED)
def test_touch_default_leaves_a_dead_leg(world: World, trader: Party, what: str) -> None:
    before = world.engine.position(trader.id, 0)
    world.price(1, 105)
    world.price(0, 90)
    world.spoil(0, what)
    world.engine.touch(trader.id)
    assert world.engine.position(trader.id, 0) == before
    assert world.recorded(trader, 1) == wad(50)


def test_touch_default_ended_leg_needs_no_price(world: World) -> None:
    """The book ends at 80; what a winner has there is recorded with the feed dead.

    Not while the book is frozen: then the leg stays as it is. All of it is new profit.
    """
    winner, _ = ended(world)
    world.kill(0)
    kept = world.engine.position(winner.id, 0)
    world.engine.touch(winner.id)
    assert world.engine.position(winner.id, 0) == kept
    assert world.equity(winner) - world.cash(winner) == wad(200)
    world.chain.mine(seconds=FREEZE)
    world.engine.thaw(0)
    world.engine.touch(winner.id)
    leg = (0, 0, 0, 0, wad(200), 0, 2**40 - 1, world.chain.timestamp)
    assert world.engine.position(winner.id, 0) == leg
    assert world.engine.wallet(winner.id)[1] == 1


def ended(world: World) -> tuple[Party, Party]:
    """A long of 10 from 100 with cash 99.5 and the short against it; resolved at 80, alone."""
    loser, winner = world.party("loser", 100), world.party("winner", 1_000)
    world.trade(loser, winner, wad(10))
    world.price(0, 80)
    world.resolve(loser, world.party("keeper"))
    return winner, loser


def test_touch_default_drops_an_ended_leg_without_profit(world: World, trader: Party) -> None:
    """A leg with size 0 and pnl 0 is not held any more."""
    world.engine.touch(trader.id)
    flat = world.party("flat", 10)
    world.engine.touch(flat.id)
    assert world.engine.wallet(flat.id) == (wad(10), 0, 0, 0, False, 0, False, 0)
    # entered at the mark at which the book then ends
    gambler, other = world.party("gambler", 100), world.party("other", 1_000)
    world.trade(gambler, other, wad(10), market=2)
    world.price(2, 80)
    late = world.party("late", 1_000)
    world.trade(late, other, wad(-10), market=2)
    world.resolve(gambler, world.party("keeper"), market=2)
    world.engine.touch(late.id)
    assert world.engine.wallet(late.id)[1] == 1 << 2
    world.chain.mine(seconds=FREEZE)
    world.engine.thaw(2)
    world.engine.touch(late.id)
    assert world.engine.wallet(late.id)[1] == 0


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3, 2**256 - 1])
def test_touch_default_nobody(world: World, account: int) -> None:
    """Nothing is there to mark, nothing happens."""
    before = world.fingerprint()
    assert events(world.engine.touch(account)) == []
    assert world.fingerprint() == before


def test_touch_emits_position_updated(world: World, trader: Party) -> None:
    world.price(0, 90)
    receipt = world.engine.touch(trader.id)
    assert events(receipt) == ["PositionUpdated", "PositionUpdated"]
    event = of(receipt, "PositionUpdated", market=0)
    assert event.account == trader.id
    leg = unpack_leg(event.snap, event.profit)
    assert leg == Leg(wad(10), A_ONE, 1, 90 * 10**36, wad(-100))
    assert unpack_wallet(event.wallet) == (wad(999), 3, 0, 0)


def test_touch_reverts_pnl_out_of_range(tampered: World) -> None:
    world = tampered
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(10))
    slot = world.mapped("positions", trader.id) + 1
    word = world.chain.storage(world.engine, slot)
    world.chain.set_storage(world.engine, slot, (2**103 - 1) << 152 | word & (2**152 - 1))
    world.price(0, 101)
    with reverts("ledger: pnl out of range"):
        world.engine.touch(trader.id)
