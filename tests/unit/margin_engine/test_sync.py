"""sync: after a large move risk grows once the mark is synchronised and two blocks are over."""

import pytest
from engine_world import MARKETS, MAX, RISK, Party, World, events, reverts, wad

OUT = "trading: market out of sync"


@pytest.fixture
def trader(world: World, maker: Party) -> Party:
    """Long 10 in market 0 from 100 with 199.5 of cash."""
    trader = world.party("trader", 200)
    world.trade(trader, maker, wad(10))
    return trader


def code_of(price: int) -> int:
    """The eleven highest bits of a price, and where they stand (SPEC, TRD-4)."""
    e = max(0, price.bit_length() - 11)
    return e | (price >> e) << 7


def cut(price: int) -> int:
    """The mark that is kept of a price."""
    code = code_of(price)
    return (code >> 7) << (code & 127)


def test_trd_4_growing_needs_a_sync_and_two_blocks(
    world: World, trader: Party, maker: Party
) -> None:
    """f is 5 %, so that 3 % are a large move. Time is not what counts, blocks are."""
    world.price(0, 103, sync=False)
    for taker, size in ((trader, wad(1)), (maker, wad(-1))):
        with reverts(OUT):
            world.trade(taker, world.party("fresh", 10_000), size)
    world.engine.sync(0, sender=world.key("stranger"))
    block = world.chain.block_number
    for passed in (0, 1):
        assert world.chain.block_number == block + passed
        with reverts(OUT):
            world.trade(trader, maker, wad(1))
        world.chain.mine(1, 0)
    assert world.extra().wait == block % 255 + 1
    world.trade(trader, maker, wad(1))
    # who has waited once need not again
    assert world.extra().wait == 0
    world.trade(trader, maker, wad(1))


def test_trd_4_both_sides_wait(world: World, trader: Party, maker: Party) -> None:
    """A maker who grows waits although the taker reduces, and the other way round."""
    world.price(0, 103, sync=False)
    fresh = world.party("fresh", 10_000)
    with reverts(OUT):
        world.fill(world.order(fresh, wad(1)), trader)
    with reverts(OUT):
        world.fill(world.order(trader, wad(-1)), fresh)
    world.fill(world.order(maker, wad(1)), trader)


def test_trd_4_reductions_takeovers_and_resolve_do_not_wait(
    world: World, trader: Party, maker: Party
) -> None:
    """At 84 the trader has 39.5 of an MM of 51.4; at 79 he is bankrupt. Nobody calls sync."""
    liquidator, keeper = world.party("liquidator", 10_000), world.party("keeper")
    world.price(0, 84, sync=False)
    for size in (-1, -1):
        world.trade(trader, maker, wad(size))
    world.takeover(trader, wad(2), liquidator)
    world.price(0, 70, sync=False)
    world.resolve(trader, keeper)
    assert (world.size(trader), world.size(liquidator)) == (0, wad(2))
    # while nobody grows, not even the liquidator in a fill
    with reverts(OUT):
        world.trade(liquidator, maker, wad(1))


def test_trd_4_a_takeover_by_order_does_not_wait(world: World, trader: Party, maker: Party) -> None:
    """The order's maker grows, and still does not wait."""
    world.price(0, 84, sync=False)
    buyer = world.party("buyer", 10_000)
    world.takeover_by_order(world.order(buyer, wad(2)), trader, world.party("keeper"))
    assert world.size(buyer) == wad(2)


def test_trd_4_half_of_f_and_not_a_unit_more(world: World, trader: Party, maker: Party) -> None:
    """f = 5 % gives a width of 13/500 of the mark, which is 100 cut to eleven bits."""
    mark = cut(wad(100))
    assert wad("99.9") < mark <= wad(100)
    assert (world.extra().sync_mark, world.extra().width) == (code_of(wad(100)), 13)
    for way in (1, -1):
        # of a feed with 8 decimals the last price within, and the next one
        within = (mark + way * mark * 13 // 500) // 10**10 + (way < 0)
        for price, goes in ((within, True), (within + way, False)):
            world.feeds[0].set_answer(price)
            with world.anchor():
                if goes:
                    world.trade(trader, maker, wad("0.1"))
                    continue
                with reverts(OUT):
                    world.trade(trader, maker, wad("0.1"))


def test_trd_4_a_sync_within_the_width_makes_nobody_wait(
    world: World, trader: Party, maker: Party
) -> None:
    """It moves the mark: a slow walk never waits if somebody calls along the way."""
    for price in ("101.5", "103", "104.5", "106"):
        world.price(0, price, sync=False)
        world.engine.sync(0)
        assert world.extra().sync_mark == code_of(wad(price))
        assert world.extra().wait == 0
        world.trade(trader, maker, wad("0.1"))


def test_trd_4_a_sync_within_the_width_does_not_end_a_wait(
    world: World, trader: Party, maker: Party
) -> None:
    """Calling it again neither ends the wait nor makes it longer; another large move does."""
    world.price(0, 103, sync=False)
    world.engine.sync(0)
    wait = world.extra().wait
    for _ in range(2):
        world.engine.sync(0)
        assert world.extra().wait == wait
        with reverts(OUT):
            world.trade(trader, maker, wad(1))
        world.chain.mine(1, 0)
    with world.anchor():
        world.trade(trader, maker, wad(1))
    world.price(0, 107, sync=False)
    world.engine.sync(0)
    assert world.extra().wait == world.chain.block_number % 255 + 1
    with reverts(OUT):
        world.trade(trader, maker, wad(1))


@pytest.mark.parametrize("rest", [252, 253, 254, 0, 1])
def test_trd_4_the_count_of_blocks_goes_round(
    world: World, trader: Party, maker: Party, rest: int
) -> None:
    """Blocks are counted modulo 255, beside a zero that says that nobody waits."""
    world.chain.mine((rest - world.chain.block_number) % 255 or 255, 0)
    world.price(0, 103, sync=False)
    world.engine.sync(0)
    assert world.extra().wait == rest + 1
    for _ in range(2):
        with reverts(OUT):
            world.trade(trader, maker, wad(1))
        world.chain.mine(1, 0)
    world.trade(trader, maker, wad(1))


def test_trd_4_the_width_follows_f(world: World) -> None:
    """Half of f in steps of 0.2 %, rounded up, as it is when sync is called."""
    for f, width in ((5 * 10**10, 13), (4 * 10**10, 10), (40_000_000_001, 11), (10**12, 250)):
        world.set_risk((RISK[0], f, *RISK[2:]))
        world.engine.sync(0)
        assert world.extra().width == width


def test_sync_emits_side_and_book_updated(world: World, trader: Party) -> None:
    """The mark stands on the short side, width and wait in the book; nothing else moves."""
    before = world.fingerprint()[:9]
    world.price(0, 103, sync=False)
    receipt = world.engine.sync(0)
    assert events(receipt) == ["SideUpdated", "BookUpdated"]
    side, book = receipt.event("SideUpdated"), receipt.event("BookUpdated")
    assert (side.market, side.is_long, side.side >> 238) == (0, False, code_of(wad(103)))
    assert (book.market, book.book >> 240) == (0, 13 | world.extra().wait << 8)
    assert world.fingerprint()[:9] == before


@pytest.mark.parametrize("market", [MARKETS, 15, 16, MAX])
def test_sync_reverts_market_not_listed(world: World, market: int) -> None:
    with reverts("trading: market not listed"):
        world.engine.sync(market)


@pytest.mark.parametrize("what", ["stale", "dead", "zero"])
def test_sync_reverts_no_fresh_price(world: World, what: str) -> None:
    world.spoil(0, what)
    with reverts("trading: no fresh price"):
        world.engine.sync(0)
