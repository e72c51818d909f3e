"""set_market: another configuration for a listed market (MRG-6)."""

from typing import Any

import pytest
from engine_world import (
    BUFFER,
    FUND,
    MARKETS,
    MAX,
    RISK,
    SPOILED,
    Config,
    World,
    events,
    reverts,
    unpack_book,
    unpack_house,
    wad,
)

# the same as in test_list_market.py
BAD_CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("listing: oi cap out of range", {"oi_cap": 0}),
    ("listing: oi cap out of range", {"oi_cap": 2**96}),
    ("listing: oi cap out of range", {"oi_cap": (10**18 << 22) + 1}),
    ("listing: min notional off range", {"min_notional": 10**16 - 1}),
    ("listing: min notional off range", {"min_notional": 10**16 + 1}),
    ("listing: min notional off range", {"min_notional": 2**32 * 10**16, "max_notional": 10**30}),
    ("listing: max notional off range", {"max_notional": wad(9)}),
    ("listing: max notional off range", {"max_notional": wad(10) + 1}),
    ("listing: max notional off range", {"max_notional": 10**30 + wad(1)}),
    ("listing: band out of range", {"band": 0}),
    ("listing: band out of range", {"band": 50_001}),
    ("listing: penalty out of range", {"penalty_min": 0, "penalty_max": 0}),
    ("listing: penalty out of range", {"penalty_max": 50_001}),
    ("listing: penalty out of range", {"penalty_min": 1_501}),
    ("listing: takeover share too high", {"takeover_share": 16}),
    ("listing: takeover share too high", {"takeover_share": MAX}),
    ("listing: fee out of range", {"maker_fee": 10_001}),
    ("listing: fee out of range", {"taker_fee": 10_001}),
    ("listing: penalty above risk cap", {"penalty_max": 2_001}),
]


def test_set_market_default(world: World) -> None:
    config = Config(wad(7), wad(1), wad(8), 9, 10, 11, 12, 13, True)
    before = world.state()
    world.engine.set_market(0, config, sender=world.owner)
    after = world.state()
    assert tuple(after.config) == config
    assert tuple(after)[:-1] == tuple(before)[:-1]
    assert tuple(world.state(1).config) == Config()


def test_set_market_default_twice_in_a_block(world: World) -> None:
    for fee in (1, 2):
        world.configure(taker_fee=fee)
    assert world.state().config.taker_fee == 2


@pytest.mark.parametrize("what", SPOILED)
def test_set_market_default_with_a_dead_feed(world: World, what: str) -> None:
    """A dead feed does not keep the owner from winding a market down."""
    world.spoil(0, what)
    world.configure(reduce_only=True)
    assert world.state().config.reduce_only


def test_set_market_default_only_reduces_above_the_depth(world: World) -> None:
    """The price rose, so that the cap is above the depth: it can be set to reduce only."""
    risk = (*RISK[:4], 2 * 10**6, *RISK[5:])
    world.set_risk(risk)
    world.price(0, 101)
    with reverts("listing: oi cap above depth"):
        world.configure()
    world.configure(reduce_only=True)
    with reverts("listing: oi cap above depth"):
        world.configure(reduce_only=False)
    world.configure(reduce_only=False, oi_cap=wad(99_000))


def test_set_market_emits_market_updated(world: World) -> None:
    config = Config(oi_cap=wad(7), maker_fee=3, takeover_share=9)
    receipt = world.engine.set_market(0, config, sender=world.owner)
    assert events(receipt) == ["MarketUpdated", "WindowUpdated"]
    assert receipt.event("WindowUpdated").args == {"market": 0, "window": 9 << 144}
    event = receipt.event("MarketUpdated")
    assert event.market == 0
    word = event.config
    assert word & (2**96 - 1) == wad(7)
    assert (word >> 96) & (2**32 - 1) == 1_000
    assert (word >> 128) & (2**40 - 1) == 10**6
    assert [(word >> at) & 0xFFFF for at in (168, 184, 200, 216, 232)] == [
        2_000,
        500,
        1_500,
        3,
        500,
    ]
    assert word >> 248 == 1


def test_set_market_default_higher_cap_adds_to_the_buffer(world: World) -> None:
    """From 1e5 to 3e5 at 100: 2e-3 more from the fund; a lower cap gives nothing back."""
    fund, backing = world.cash(FUND), world.state().cash
    world.configure(oi_cap=wad(3 * 10**5))
    assert fund - world.cash(FUND) == 2 * BUFFER == world.state().cash - backing
    world.configure(oi_cap=wad(1))
    assert world.cash(FUND) == fund - 2 * BUFFER


def test_set_market_emits_account_and_book_updated(world: World) -> None:
    """With a higher cap the fund's word and the market's book."""
    world.trade(world.party("taker", 1_000), world.party("maker", 1_000), wad(3))
    fund = world.cash(FUND)
    receipt = world.engine.set_market(0, Config(oi_cap=wad(2 * 10**5)), sender=world.owner)
    assert sorted(events(receipt, "WindowUpdated")) == [
        "AccountUpdated",
        "BookUpdated",
        "MarketUpdated",
    ]
    account = receipt.event("AccountUpdated")
    assert (account.account, unpack_house(account.wallet).fund) == (FUND, fund - BUFFER)
    book = receipt.event("BookUpdated")
    assert (book.market, unpack_book(book.book)) == (0, (wad(3), 2 * BUFFER))


def test_set_market_reverts_fund_below_buffer(tampered: World) -> None:
    world = tampered
    world.set_cash(FUND, BUFFER - 1)
    with reverts("listing: fund below buffer"):
        world.configure(oi_cap=wad(2 * 10**5))
    world.configure(oi_cap=wad(2 * 10**5) - 10**19)


def test_set_market_reverts_stranger(world: World) -> None:
    with reverts("ownable: caller is not the owner"):
        world.engine.set_market(0, Config(), sender=world.key("stranger"))


@pytest.mark.parametrize("market", [MARKETS, 15, 16, 255, MAX])
def test_set_market_reverts_market_not_listed(world: World, market: int) -> None:
    with reverts("trading: market not listed"):
        world.engine.set_market(market, Config(), sender=world.owner)


@pytest.mark.parametrize(("reason", "changes"), BAD_CONFIGS)
def test_set_market_reverts_config(world: World, reason: str, changes: dict[str, Any]) -> None:
    with reverts(reason):
        world.configure(**changes)


def test_set_market_reverts_feeds_gap_above_risks(world: World) -> None:
    """The feed was set to a wider gap meanwhile."""
    world.oracle.set_feed(0, world.proxies[0], 3_600, 21 * 10**9, 78, sender=world.owner)
    with reverts("listing: feed's gap above risk's"):
        world.configure()
