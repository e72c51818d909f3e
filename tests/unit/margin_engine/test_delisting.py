"""announce_delisting, cancel_delisting, delist, delist_at (LIQ-9): what they refuse and emit.

How a book ends, is frozen and paid out is in tests/stateful/test_delisting.py, beside the model.
"""

import pytest
from engine_world import Config, World, reverts, wad

DAY, HOUR = 86_400, 3_600


def announce(world: World, market: int = 0, ahead: int = DAY) -> int:
    """The owner announces an end; its second."""
    time = world.chain.timestamp + ahead
    world.engine.announce_delisting(market, time, sender=world.owner)
    return time


def cover(world: World, until: int, market: int = 0) -> None:
    """Checkpoints every ten minutes of the last two hours."""
    world.chain.set_time(until - 2 * HOUR)
    while True:
        world.refresh(market)
        world.oracle.checkpoint(1 << market)
        left = until - world.chain.timestamp
        if left <= 0:
            return
        world.chain.set_time(world.chain.timestamp + min(600, left))


def test_announce_delisting_default(world: World) -> None:
    time = announce(world)
    assert tuple(world.engine.delisting_of(0)) == (time, False)
    assert world.state().config.reduce_only


def test_announce_delisting_emits(world: World) -> None:
    time = world.chain.timestamp + DAY
    receipt = world.engine.announce_delisting(0, time, sender=world.owner)
    assert receipt.event("DelistingUpdated").args == {"market": 0, "time": time, "done": False}


@pytest.mark.parametrize("market", [9, 15, 16, 2**256 - 1])
def test_announce_delisting_reverts_not_listed(world: World, market: int) -> None:
    with reverts("trading: market not listed"):
        announce(world, market)


def test_announce_delisting_reverts_twice(world: World) -> None:
    announce(world)
    with reverts("delisting: already announced"):
        announce(world, ahead=2 * DAY)


@pytest.mark.parametrize("ahead", [-1, 0, DAY - 1, 180 * DAY + 1])
def test_announce_delisting_reverts_time(world: World, ahead: int) -> None:
    with reverts("delisting: time out of range"):
        announce(world, ahead=ahead)


def test_cancel_delisting_default(world: World) -> None:
    """The market still only reduces, until it is configured anew."""
    announce(world)
    world.engine.cancel_delisting(0, sender=world.owner)
    assert tuple(world.engine.delisting_of(0)) == (0, False)
    assert world.state().config.reduce_only
    world.configure(reduce_only=False)
    assert not world.state().config.reduce_only


def test_cancel_delisting_reverts_not_announced(world: World) -> None:
    with reverts("delisting: not announced"):
        world.engine.cancel_delisting(0, sender=world.owner)


def test_set_market_reverts_market_is_delisted(world: World) -> None:
    announce(world)
    with reverts("listing: market is delisted"):
        world.configure(reduce_only=False)
    world.configure(reduce_only=True, taker_fee=600)


@pytest.mark.parametrize("market", [0, 9, 16, 2**256 - 1])
def test_delist_reverts_not_announced(world: World, market: int) -> None:
    with reverts("delisting: not announced"):
        world.engine.delist(market, sender=world.key("stranger"))


def test_delist_reverts_too_early(world: World) -> None:
    time = announce(world)
    world.chain.set_time(time - 1)
    with reverts("delisting: too early"):
        world.engine.delist(0, sender=world.key("stranger"))
    with reverts("delisting: too early"):
        world.engine.delist_at(0, wad(100), sender=world.owner)


def test_delist_reverts_no_fresh_price(world: World) -> None:
    world.chain.set_time(announce(world))
    with reverts("trading: no fresh price"):
        world.engine.delist(0, sender=world.key("stranger"))


def test_delist_reverts_hour_not_covered(world: World) -> None:
    world.chain.set_time(announce(world))
    world.refresh()
    with reverts("delisting: hour not covered"):
        world.engine.delist(0, sender=world.key("stranger"))


def test_delist_reverts_hour_long_ago(world: World) -> None:
    """An hour that was covered before the last one does not count."""
    time = announce(world)
    cover(world, time)
    world.chain.set_time(time + 3 * HOUR)
    world.refresh()
    with reverts("delisting: hour not covered"):
        world.engine.delist(0, sender=world.key("stranger"))


def test_delist_default(world: World) -> None:
    """By anyone; the book ends at the average and is frozen, once."""
    long, short = world.party("long", 1_000), world.party("short", 1_000)
    world.trade(long, short, wad(10))
    time = announce(world)
    cover(world, time)
    receipt = world.engine.delist(0, sender=world.key("stranger"))
    assert receipt.event("Delisted").args == {"market": 0, "price": wad(100)}
    assert tuple(world.engine.delisting_of(0)) == (time, True)
    assert world.state().oi == 0
    extra = world.engine.market_extra(0)
    assert (extra.left_long, extra.left_short) == (wad(10), wad(10))
    assert extra.frozen_until == world.chain.timestamp + DAY
    for call in (world.engine.delist, world.engine.cancel_delisting):
        with reverts("delisting: not announced"):
            call(0, sender=world.owner)
    with reverts("listing: market is listed"):
        world.list_market(0, Config())


def test_delist_at_reverts_feed_is_fresh(world: World) -> None:
    world.chain.set_time(announce(world))
    world.refresh()
    with reverts("delisting: feed is fresh"):
        world.engine.delist_at(0, wad(100), sender=world.owner)


@pytest.mark.parametrize("price", ["89.999999999999999999", "110.000000000000000001", "0"])
def test_delist_at_reverts_price(world: World, price: str) -> None:
    world.chain.set_time(announce(world))
    with reverts("delisting: price out of range"):
        world.engine.delist_at(0, wad(price), sender=world.owner)


@pytest.mark.parametrize("price", ["90", "100", "110"])
def test_delist_at_default(world: World, price: str) -> None:
    world.chain.set_time(announce(world))
    receipt = world.engine.delist_at(0, wad(price), sender=world.owner)
    assert receipt.event("Delisted").args["price"] == wad(price)
