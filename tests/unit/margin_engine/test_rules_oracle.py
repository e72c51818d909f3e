"""ORC-2: what each action needs, cell by cell, with a stale and with a dead feed; ORC-3."""

from collections.abc import Callable

import pytest
from engine_world import SPOILED, WAD, Party, World, reverts, wad

LOST = ("stale", "dead")


@pytest.fixture
def maker(world: World) -> Party:
    return world.party("maker", 10_000)


@pytest.fixture
def trader(world: World, maker: Party) -> Party:
    """Long 10 in market 0 and 1 in market 1, both from 100, with cash 1000 - 0.55."""
    trader = world.party("trader", 1_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, world.party("other maker", 1_000), wad(1), market=1)
    return trader


@pytest.fixture
def sinking(world: World, maker: Party) -> Party:
    """The same with cash 120 - 0.55; at 93 E = 49.45 of MM about 58.5."""
    trader = world.party("sinking trader", 120)
    world.trade(trader, maker, wad(10))
    world.trade(trader, world.party("other maker", 1_000), wad(1), market=1)
    world.price(0, 93)
    world.oracle.checkpoint(3)
    health = world.engine.health(trader.id)
    assert 0 < health.equity < health.maintenance
    return trader


# the traded leg, or another leg of the account, has no fresh price: open or grow ------------------


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize(
    ("market", "size"), [(0, 1), (2, 1), (0, -12)], ids=["grow", "open", "flip"]
)
def test_orc_2_adding_risk_needs_every_leg_fresh(
    world: World, trader: Party, maker: Party, what: str, market: int, size: int
) -> None:
    order = world.order(maker, wad(-size), market=market)
    world.spoil(1, what)
    with reverts("trading: a leg is not fresh"):
        world.fill(order, trader)
    world.refresh(1)
    world.feeds[1].set_mode(0)
    world.spoil(market, what)
    with reverts("trading: no fresh price"):
        world.fill(order, trader)


@pytest.mark.parametrize("what", LOST)
def test_orc_2_adding_risk_as_maker_too(
    world: World, trader: Party, maker: Party, what: str
) -> None:
    """The maker's legs count as the taker's do; a third account's do not."""
    fresh = world.party("fresh", 1_000)
    world.spoil(1, what)
    with reverts("trading: a leg is not fresh"):
        world.trade(fresh, trader, wad(-1))
    world.trade(fresh, maker, wad(1))


# withdraw with a live position --------------------------------------------------------------------


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("market", [0, 1])
def test_orc_2_withdrawing_with_a_position_needs_every_leg_fresh(
    world: World, trader: Party, what: str, market: int
) -> None:
    world.spoil(market, what)
    with reverts("custody: a leg is not fresh"):
        world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)


# the liquidator's side ----------------------------------------------------------------------------


@pytest.mark.parametrize("what", LOST)
def test_orc_2_a_liquidator_that_grows_needs_every_leg_fresh(
    world: World, sinking: Party, what: str
) -> None:
    liquidator = world.party("liquidator", 1_000)
    world.trade(liquidator, world.party("third maker", 1_000), wad(1), market=2)
    world.spoil(2, what)
    with reverts("trading: a leg is not fresh"):
        world.takeover(sinking, wad(1), liquidator)


@pytest.mark.parametrize("what", LOST)
def test_orc_2_a_liquidator_that_reduces_does_not(
    world: World, sinking: Party, maker: Party, what: str
) -> None:
    world.trade(maker, world.party("third maker", 1_000), wad(1), market=2)
    world.spoil(2, what)
    world.takeover(sinking, wad(1), maker)
    assert world.size(sinking) == wad(9)


# reduce, liquidate either way, resolve: the traded market fresh, others at their last good price --


@pytest.mark.parametrize("what", LOST)
def test_orc_2_reducing_needs_the_traded_leg_only(
    world: World, trader: Party, maker: Party, what: str
) -> None:
    order = world.order(maker, wad(4))
    world.spoil(1, what)
    world.fill(order, trader, wad(2))
    assert world.size(trader) == wad(8)
    world.spoil(0, what)
    with reverts("trading: no fresh price"):
        world.fill(order, trader, wad(2))


@pytest.mark.parametrize("what", LOST)
def test_orc_2_takeover_needs_the_traded_leg_only(world: World, sinking: Party, what: str) -> None:
    liquidator = world.party("liquidator", 1_000)
    world.spoil(1, what)
    world.takeover(sinking, wad(1), liquidator)
    with reverts("trading: no fresh price"):
        world.takeover(sinking, wad("0.5"), liquidator, market=1)
    world.spoil(0, what)
    with reverts("trading: no fresh price"):
        world.takeover(sinking, wad(1), liquidator)


@pytest.mark.parametrize("what", LOST)
def test_orc_2_takeover_by_order_needs_the_traded_leg_only(
    world: World, sinking: Party, what: str
) -> None:
    buyer, keeper = world.party("buyer", 1_000), world.party("keeper")
    order = world.order(buyer, wad(2))
    world.spoil(1, what)
    world.takeover_by_order(order, sinking, keeper, wad(1))
    world.spoil(0, what)
    with reverts("trading: no fresh price"):
        world.takeover_by_order(order, sinking, keeper, wad(1))


@pytest.mark.parametrize("what", LOST)
def test_orc_2_resolving_a_live_leg_needs_that_leg_only(
    world: World, sinking: Party, what: str
) -> None:
    """At 85: 119.45 - 150 = -30.55, the leg in market 1 at its last good price of 100."""
    world.price(0, 85)
    world.spoil(1, what)
    keeper = world.party("keeper")
    with reverts("trading: no fresh price"):
        world.resolve(sinking, keeper, market=1)
    event = world.resolve(sinking, keeper).event("Resolved")
    assert event.paid == wad("30.55")
    assert world.size(sinking, 1) == WAD


@pytest.mark.parametrize("what", LOST)
def test_orc_2_resolving_a_dead_leg_is_refused(world: World, sinking: Party, what: str) -> None:
    world.price(0, 85)
    world.spoil(0, what)
    with reverts("trading: no fresh price"):
        world.resolve(sinking, world.party("keeper"))


# nothing needed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("action", ["deposit", "withdraw", "settle", "touch", "resolve"])
def test_orc_2_flat_accounts_need_nothing(world: World, what: str, action: str) -> None:
    """Every feed is gone: deposit, withdraw flat, settle or touch flat, resolve arrears alone."""
    saver = world.flat_with_arrears()
    bankrupt = world.flat_and_bankrupt(market=2)
    keeper, donor = world.party("keeper"), world.key("donor", 1_000)
    for market in range(world.markets):
        world.spoil(market, what)
    take = world.engine.withdraw
    actions: dict[str, Callable[[], object]] = {
        "deposit": lambda: world.engine.deposit(saver.id, 1, sender=donor),
        "withdraw": lambda: take(saver.id, 74_000_000, saver.key, sender=saver.key),
        "settle": lambda: world.engine.settle(saver.id),
        "touch": lambda: world.engine.touch(saver.id),
        "resolve": lambda: world.resolve(bankrupt, keeper, market=2),
    }
    if action == "withdraw":  # its arrears are paid first
        actions["settle"]()
    actions[action]()


@pytest.mark.parametrize("what", LOST)
def test_orc_2_deposit_and_settle_with_a_dead_position(
    world: World, trader: Party, what: str
) -> None:
    """A deposit is always taken; settle and touch do what can be done."""
    world.price(1, 90)
    world.spoil(0, what)
    world.engine.deposit(trader.id, 1, sender=world.key("donor", 1))
    world.engine.touch(trader.id)
    assert world.recorded(trader, 1) == wad(-10)
    world.engine.settle(trader.id)
    assert world.recorded(trader, 1) == 0


# the dead leg itself ------------------------------------------------------------------------------


@pytest.mark.parametrize("what", LOST)
def test_orc_2_one_dead_feed_leaves_other_markets_alone(
    world: World, trader: Party, maker: Party, what: str
) -> None:
    """Accounts without a leg there trade, withdraw and are liquidated as ever."""
    other = world.party("other", 1_000)
    world.spoil(1, what)
    world.trade(other, maker, wad(3))
    world.engine.withdraw(other.id, 1, other.key, sender=other.key)
    world.price(0, 101)
    world.engine.settle(maker.id)
    assert world.cash(maker) < wad(10_000)


def test_orc_2_a_dead_legs_claim_waits(world: World, maker: Party) -> None:
    """A profit behind a dead feed is neither paid nor assigned; it counts in E, not in E_init."""
    trader = world.party("trader", 1_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 110)
    world.oracle.checkpoint(1)
    world.engine.touch(trader.id)
    world.engine.settle(maker.id)
    world.kill(0)
    world.engine.settle(trader.id)
    assert (world.cash(trader), world.recorded(trader)) == (wad("999.5"), wad(100))
    health = world.engine.health(trader.id)
    assert (health.equity, health.initial_equity) == (wad("1099.5"), wad("999.5"))
    world.feeds[0].set_mode(0)
    world.engine.settle(trader.id)
    assert world.cash(trader) == wad("1099.5")


# -- ORC-3 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [each for each in SPOILED if each != "stale"])
def test_orc_3_a_bad_answer_is_refused(world: World, maker: Party, what: str) -> None:
    """Zero, negative, from the future, of an unfinished round, with other decimals, none at all:

    INVALID, the price is the checkpoint's, and nothing is marked at what the feed said.
    """
    trader = world.party("trader", 400)
    world.trade(trader, maker, wad(10))
    world.trade(trader, world.party("other maker", 1_000), wad(1), market=1)
    world.oracle.checkpoint(1)
    world.price(0, 50)
    world.spoil(0, what)
    assert world.oracle.quote(0) == (wad(100), 3)
    assert world.equity(trader) == wad("399.45")
    world.engine.touch(trader.id)
    world.engine.settle(trader.id)
    assert world.recorded(trader) == 0
    with reverts("trading: no fresh price"):
        world.trade(trader, maker, wad(-1))
    # at 50 it would be bankrupt; its other leg cannot be taken for that
    with reverts("liquidation: account is healthy"):
        world.takeover(trader, WAD, world.party("liquidator", 1_000), market=1)
    with reverts("resolve: account is solvent"):
        world.resolve(trader, world.party("keeper"), market=1)


def test_orc_3_a_later_good_answer_heals_it(world: World, maker: Party) -> None:
    world.spoil(0, "negative")
    world.price(0, 101)
    world.trade(world.party("trader", 1_000), maker, wad(1))
    assert world.mark(0) == wad(101)
