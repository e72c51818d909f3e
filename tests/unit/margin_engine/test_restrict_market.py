"""restrict_market: what stops new risk is immediate, what loosens waits for the owner (MRG-5)."""

from typing import Any

import pytest
from engine_world import (
    MARKETS,
    MAX,
    SPOILED,
    WAD,
    Config,
    Party,
    World,
    events,
    reverts,
    unpack_book,
    wad,
)

from plimsoll.evm import Account


@pytest.fixture
def guardian(world: World) -> Account:
    who = world.key("guardian")
    world.engine.set_guardian(who, sender=world.owner)
    return who


@pytest.fixture
def maker(world: World) -> Party:
    return world.party("maker", 1_000_000)


@pytest.fixture
def taker(world: World) -> Party:
    return world.party("taker", 1_000_000)


def test_restrict_market_default(world: World, guardian: Account) -> None:
    """The configuration stays the owner's; the other markets are as they were."""
    before = tuple(world.state())
    for halvings, reduce_only in ((0, False), (1, False), (1, True), (15, True)):
        world.engine.restrict_market(0, halvings, reduce_only, sender=guardian)
        assert tuple(world.engine.restriction(0)) == (halvings, reduce_only)
    assert tuple(world.state()) == before
    assert tuple(world.engine.restriction(1)) == (0, False)


def test_restrict_market_emits_market_updated(world: World, guardian: Account) -> None:
    receipt = world.engine.restrict_market(0, 5, True, sender=guardian)
    assert events(receipt) == ["MarketUpdated"]
    event = receipt.event("MarketUpdated")
    assert (event.market, event.config >> 248) == (0, 5 << 4 | 4 | 1)
    assert event.config & (2**96 - 1) == Config().oi_cap


@pytest.mark.parametrize("halvings", [1, 2, 15])
def test_restrict_market_default_halves_the_open_interest_cap(
    world: World, guardian: Account, maker: Party, taker: Party, halvings: int
) -> None:
    """Exactly up to cap / 2**halvings, rounded down."""
    world.configure(oi_cap=wad(8) + 5, max_notional=10**30)
    world.engine.restrict_market(0, halvings, False, sender=guardian)
    world.configure(min_notional=10**16)
    # the maximum is out of the way: 1e30 / 2**15 is above what is traded
    most = (wad(8) + 5) >> halvings
    with reverts("trading: open interest cap"):
        world.trade(taker, maker, most + 1)
    world.trade(taker, maker, most)
    with reverts("trading: open interest cap"):
        world.trade(taker, maker, 10**15)


def test_restrict_market_default_halves_the_maximum(
    world: World, guardian: Account, maker: Party, taker: Party
) -> None:
    """1000 at 100 becomes 250: a size of 2.5."""
    world.configure(max_notional=wad(1_000))
    world.engine.restrict_market(0, 2, False, sender=guardian)
    with reverts("trading: above maximum"):
        world.trade(taker, maker, wad("2.5") + 1)
    world.trade(taker, maker, wad("2.5"))


def test_restrict_market_default_reduce_only(
    world: World, guardian: Account, maker: Party, taker: Party
) -> None:
    world.trade(taker, maker, wad(3))
    world.engine.restrict_market(0, 0, True, sender=guardian)
    with reverts("trading: market only reduces"):
        world.trade(taker, maker, wad(1))
    world.trade(taker, maker, wad(-3))
    assert world.state().oi == 0


@pytest.mark.parametrize("what", SPOILED)
def test_restrict_market_default_asks_no_oracle(world: World, guardian: Account, what: str) -> None:
    world.spoil(0, what)
    world.engine.restrict_market(0, 1, True, sender=guardian)
    assert tuple(world.engine.restriction(0)) == (1, True)


def test_restrict_market_default_above_the_depth(world: World, guardian: Account) -> None:
    """The price rose, so that no owner's call would pass the listing check."""
    world.price(0, 100_000)
    with reverts("listing: oi cap above depth"):
        world.configure()
    world.engine.restrict_market(0, 1, False, sender=guardian)
    assert tuple(world.engine.restriction(0)) == (1, False)


# ---- what it must not touch ----------------------------------------------------------------------


def worst(world: World, guardian: Account) -> None:
    """All that a guardian can do in market 0."""
    world.engine.restrict_market(0, 15, True, sender=guardian)


def test_restrict_market_leaves_margins_and_withdrawals(
    world: World, guardian: Account, maker: Party, taker: Party
) -> None:
    """MRG-5: nobody's margin moves, and what could be withdrawn still can."""
    world.trade(taker, maker, wad(30))
    before = [tuple(world.engine.health(who.id)) for who in (taker, maker)]
    health = world.engine.health(taker.id)
    free = (health.initial_equity - health.initial) // world.scale
    worst(world, guardian)
    assert [tuple(world.engine.health(who.id)) for who in (taker, maker)] == before
    world.engine.withdraw(taker.id, free, taker.key, sender=taker.key)


def test_restrict_market_leaves_takeovers(world: World, guardian: Account, maker: Party) -> None:
    """LIQ-2: the liquidator's own maximum is the owner's."""
    trader = world.party("trader", 200)
    world.trade(trader, maker, wad(20))
    world.price(0, 95)
    worst(world, guardian)
    liquidator = world.party("liquidator", 10_000)
    # 6 at 95 is far above 1e6 / 2**15
    world.takeover(trader, wad(6), liquidator)
    assert world.size(liquidator) == wad(6)


def test_restrict_market_leaves_takeovers_by_a_reducing_order(
    world: World, guardian: Account, maker: Party
) -> None:
    trader, keeper = world.party("trader", 200), world.party("keeper")
    world.trade(trader, maker, wad(20))
    world.price(0, 95)
    worst(world, guardian)
    world.takeover_by_order(world.order(maker, wad(6)), trader, keeper)
    assert world.size(trader) == wad(14)


def test_restrict_market_leaves_resolve_and_the_last_pair(
    world: World, guardian: Account, maker: Party
) -> None:
    """LED-8: after a resolve the sizes differ by rounding; the last pair closes all the same, for
    what counts as dust follows the owner's cap."""
    victim, other = world.party("victim", 1_000), world.party("other", 100_000)
    world.trade(victim, maker, wad(33))
    world.trade(other, maker, wad("7.123456789012345678"))
    worst(world, guardian)
    world.price(0, 69)
    world.resolve(victim, world.party("keeper"))
    left = [abs(world.size(who)) for who in (other, maker)]
    assert left[0] != left[1]
    world.trade(maker, other, min(left))
    assert world.state().oi == 0
    assert (world.size(maker), world.size(other)) == (0, 0)


def test_restrict_market_leaves_the_fund_and_the_books(
    world: World, guardian: Account, maker: Party, taker: Party
) -> None:
    world.trade(taker, maker, wad(3))
    before = world.fingerprint()
    receipt = world.engine.restrict_market(0, 15, True, sender=guardian)
    assert world.fingerprint() == before
    assert unpack_book(world.chain.storage(world.engine, world.slot("books", 2)))[0] == wad(3)
    assert receipt.event("MarketUpdated").market == 0


# ---- who, and which way --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "wish"),
    [
        ((3, False), (2, False)),
        ((3, False), (0, True)),
        ((0, True), (0, False)),
        ((0, True), (15, False)),
        ((15, True), (14, True)),
    ],
)
def test_restrict_market_reverts_guardian_only_tightens(
    world: World, guardian: Account, was: Any, wish: Any
) -> None:
    world.engine.restrict_market(0, *was, sender=guardian)
    with reverts("listing: guardian only tightens"):
        world.engine.restrict_market(0, *wish, sender=guardian)
    world.engine.restrict_market(0, *was, sender=guardian)
    world.engine.restrict_market(0, *wish, sender=world.owner)
    assert tuple(world.engine.restriction(0)) == wish


def test_restrict_market_default_outlives_the_owners_configuration(
    world: World, guardian: Account
) -> None:
    """An owner's call that was announced before does not undo what the guardian did since."""
    world.engine.restrict_market(0, 4, True, sender=guardian)
    config = Config(oi_cap=wad(7) // WAD * WAD, taker_fee=1)
    world.engine.set_market(0, config, sender=world.owner)
    assert tuple(world.state().config) == config
    assert tuple(world.engine.restriction(0)) == (4, True)


def test_restrict_market_default_owner_without_a_guardian(world: World) -> None:
    for wish in ((4, True), (0, False)):
        world.engine.restrict_market(0, *wish, sender=world.owner)
        assert tuple(world.engine.restriction(0)) == wish


@pytest.mark.parametrize("appointed", [True, False])
def test_restrict_market_reverts_stranger(world: World, appointed: bool) -> None:
    if appointed:
        world.engine.set_guardian(world.key("guardian"), sender=world.owner)
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=world.owner)
    for who in (world.key("stranger"), operator, world.chain.default_sender):
        with reverts("listing: not owner nor guardian"):
            world.engine.restrict_market(0, 15, True, sender=who)


@pytest.mark.parametrize("market", [MARKETS, 15, 16, 255, MAX])
def test_restrict_market_reverts_market_not_listed(
    world: World, guardian: Account, market: int
) -> None:
    with reverts("trading: market not listed"):
        world.engine.restrict_market(market, 1, False, sender=guardian)


@pytest.mark.parametrize("halvings", [16, 255, 256, MAX])
def test_restrict_market_reverts_halvings(world: World, guardian: Account, halvings: int) -> None:
    for who in (guardian, world.owner):
        with reverts("listing: halvings out of range"):
            world.engine.restrict_market(0, halvings, False, sender=who)
