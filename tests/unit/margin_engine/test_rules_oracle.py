"""ORC-2: what each action needs, cell by cell, with a stale and with a dead feed; ORC-3."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from engine_world import SPOILED, WAD, Party, World, reverts, wad

LOST = ("stale", "dead")


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
    if action == "withdraw":  # its arrears are paid first, with the claim that has matured
        world.matured(saver)
        actions["settle"]()
    who = bankrupt if action == "resolve" else saver
    before = world.cash(who)
    actions[action]()
    change = world.cash(who) - before
    if action == "resolve":  # it pays what it has
        assert (change, world.recorded(who, 2)) == (-wad("91.5"), 0)
    elif action == "settle":  # nothing has matured: the arrears take all the cash
        assert (change, world.recorded(who)) == (-wad("149.0375"), wad("149.0375") - wad(175))
    else:
        unit = world.scale
        assert change == {"deposit": unit, "withdraw": -74_000_000 * unit, "touch": 0}[action]


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
    world.matured(trader)
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


# -- DIVERGED (ORC-1, ORC-2) -----------------------------------------------------------------------


def dispute(world: World, market: int, price: int | str, limit: int = 2 * 10**7) -> None:
    """Give a market a reference feed that agrees, then says `price`; at 2 % it is DIVERGED."""
    feed = world.chain.deploy(world.load("MockAggregator"), 8, world.feeds[market].answer())
    world.oracle.set_reference(market, feed, 3_600, limit, sender=world.owner)
    feed.set_answer(int(Fraction(price) * 10**8))


def test_orc_2_diverged_markets_only_reduce(world: World, trader: Party, maker: Party) -> None:
    """No growing, opening or flipping there, for neither side; reducing goes, at the mark."""
    order = world.order(maker, wad(4))
    dispute(world, 0, 103)
    for size in (1, -12):
        with reverts("trading: market only reduces"):
            world.trade(trader, maker, wad(size))
    with reverts("trading: market only reduces"):
        world.trade(trader, world.party("fresh", 1_000), wad(-1))
    world.fill(order, trader, wad(2))
    assert world.size(trader) == wad(8)
    assert world.recorded(trader) == 0
    with reverts("trading: price outside band"):
        world.trade(trader, maker, wad(-1), price=wad(106))


def test_orc_2_adding_risk_elsewhere_needs_every_leg_undisputed(
    world: World, trader: Party, maker: Party
) -> None:
    dispute(world, 1, 97)
    for market in (0, 2):
        with reverts("trading: a leg is not fresh"):
            world.trade(trader, maker, wad(1), market=market)
    with reverts("custody: a leg is not fresh"):
        world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)
    world.trade(trader, maker, wad(-1))


def test_orc_2_diverged_within_the_limit_is_fresh(
    world: World, trader: Party, maker: Party
) -> None:
    dispute(world, 0, 102)
    world.trade(trader, maker, wad(1))
    assert world.size(trader) == wad(11)


def test_orc_2_no_claim_is_paid_at_a_disputed_price(
    world: World, trader: Party, maker: Party
) -> None:
    """Settle and touch leave the leg alone, the winner's and the loser's."""
    world.price(0, 110)
    dispute(world, 0, 110)
    world.price(0, 120)
    for who in (trader, maker):
        before = world.cash(who)
        world.engine.touch(who.id)
        world.engine.settle(who.id)
        assert (world.cash(who), world.recorded(who)) == (before, 0)


def test_orc_2_liquidation_is_judged_at_the_better_price(world: World, sinking: Party) -> None:
    """At 93 it is below its margin; while another feed says 97 it is not, at 90 it is again."""
    liquidator = world.party("liquidator", 1_000)
    dispute(world, 0, 97)
    assert world.equity(sinking) == wad("89.45")
    with reverts("liquidation: account is healthy"):
        world.takeover(sinking, wad(1), liquidator)
    dispute(world, 0, 90)
    assert world.equity(sinking) == wad("49.45")
    world.takeover(sinking, wad(1), liquidator)
    assert world.cash(liquidator) > wad(1_000)


def test_orc_2_a_short_is_judged_at_the_lower_price(world: World) -> None:
    """The mirror image: short 10 from 100, at 107 and 103."""
    trader = world.party("trader", 120)
    world.trade(trader, world.party("other", 10_000), wad(-10))
    world.price(0, 107)
    before = world.engine.health(trader.id)
    assert before.equity < before.maintenance
    dispute(world, 0, 103)
    assert world.equity(trader) == before.equity + wad(40)
    with reverts("liquidation: account is healthy"):
        world.takeover(trader, wad(1), world.party("liquidator", 1_000))


def test_orc_2_a_slice_moves_at_the_better_price(world: World, sinking: Party) -> None:
    """Mark 91, the other feed 93. The liquidator pays 2 a unit in cash and is marked at 91."""
    liquidator = world.party("liquidator", 1_000)
    world.price(0, 91)
    dispute(world, 0, 93)
    assert world.equity(sinking) == wad("49.45")
    event = world.takeover(sinking, wad(2), liquidator).event("TakenOver")
    assert world.cash(liquidator) == wad(1_000) - wad(4) + event.to_worker
    assert world.size(liquidator) == wad(2)
    # judged at 93, it has lost the penalty and nothing else
    assert world.equity(sinking) == wad("49.45") - event.to_worker - event.to_fund
    # no price but the mark was written: 20 of loss became 18 by the order's price, 2 a unit
    assert world.recorded(sinking) == 0
    assert world.cash(sinking) == wad("119.45") - wad(90) + wad(4) - event.to_worker - event.to_fund


def test_orc_2_an_order_executes_where_the_mark_is_the_better_price(
    world: World, sinking: Party
) -> None:
    buyer, keeper = world.party("buyer", 1_000), world.party("keeper")
    dispute(world, 0, 90)
    world.takeover_by_order(world.order(buyer, wad(1)), sinking, keeper)
    assert world.size(buyer) == wad(1)
    world.price(0, 91)
    dispute(world, 0, 93)
    for price in (91, "92.8"):
        with reverts("liquidation: worse than takeover"):
            world.takeover_by_order(world.order(buyer, wad(1), price=wad(price)), sinking, keeper)


def test_orc_2_a_worthless_accomplice_cannot_take_a_disputed_loss(
    world: World, sinking: Party
) -> None:
    """Who takes the slice pays the difference in cash, and then meets his margin at the mark."""
    poor, accomplice = world.party("poor", 2), world.party("accomplice", "20.5")
    world.trade(accomplice, world.party("fourth maker", 1_000), wad(1))
    world.price(0, 91)
    dispute(world, 0, 93)
    with reverts("trading: loss exceeds cash"):
        world.takeover(sinking, wad(2), poor)
    # the cash is there, and at 93 the margin too; at 91 his own long from 100 has lost too much
    health = world.engine.health(accomplice.id)
    assert health.cash > wad(4)
    with reverts("trading: below initial margin"):
        world.takeover(sinking, wad(2), accomplice)


def test_orc_2_no_takeover_at_a_disputed_loss_with_a_dead_leg(
    world: World, sinking: Party, maker: Party
) -> None:
    """Who reduces may have a dead leg, but then may not pay away cash for a friend."""
    world.trade(maker, world.party("third maker", 1_000), wad(1), market=2)
    world.price(0, 91)
    dispute(world, 0, 93)
    world.kill(2)
    with reverts("trading: loss with a stale leg"):
        world.takeover(sinking, wad(1), maker)


def test_orc_2_resolve_waits_for_the_dispute(world: World, sinking: Party) -> None:
    """Bankrupt at 85 whatever the other feed says; the leg in market 1 at the better price."""
    keeper = world.party("keeper")
    world.price(0, 85)
    dispute(world, 0, 80)
    with reverts("trading: no fresh price"):
        world.resolve(sinking, keeper)
    world.refresh(0)
    dispute(world, 1, 130)
    with reverts("trading: no fresh price"):
        world.resolve(sinking, keeper, market=1)
    world.oracle.set_reference(0, "0x" + "00" * 20, 0, 0, sender=world.owner)
    # -30.55 with market 1 at 100, -0.55 at 130, more than nothing at 131
    world.resolve(sinking, keeper)
    assert world.size(sinking, 1) == WAD


def test_orc_2_a_disputed_leg_may_make_an_account_solvent(world: World, sinking: Party) -> None:
    """Equity -30.55 and a price of 136 instead of 100: 5.45 stand above a tenth of MM.

    ES = 3 * sqrt((2 % of 850)^2 + (2 % of 136)^2) = 51.651, MM = 53.651. At 135 there are 4.45:
    the account is critical, and its position is closed while nobody pays for it.
    """
    world.price(0, 85)
    with world.anchor():
        dispute(world, 1, 136)
        with reverts("resolve: account is solvent"):
            world.resolve(sinking, world.party("keeper"))
    dispute(world, 1, 135)
    event = world.resolve(sinking, world.party("keeper")).event("Resolved")
    assert (event.paid, event.claims, event.charged) == (0, 0, 0)
    assert (world.size(sinking, 0), world.size(sinking, 1)) == (0, WAD)


# -- the sequencer (ORC-1) -------------------------------------------------------------------------


def test_orc_1_nothing_that_needs_a_price_goes_while_the_sequencer_is_down(
    world: World, trader: Party, sinking: Party, maker: Party
) -> None:
    uptime = world.chain.deploy(world.load("MockAggregator"), 0, 0)
    world.chain.mine(seconds=1_800)
    world.refresh()
    world.oracle.set_sequencer(uptime, 1_800, sender=world.owner)
    uptime.set_answer(1)
    liquidator, keeper = world.party("liquidator", 1_000), world.party("keeper")
    calls: dict[str, Callable[[], object]] = {
        "trading: no fresh price": lambda: world.trade(trader, maker, wad(-1)),
        "custody: a leg is not fresh": lambda: world.engine.withdraw(
            trader.id, 1, trader.key, sender=trader.key
        ),
    }
    for reason, act in calls.items():
        with reverts(reason):
            act()
    with reverts("trading: no fresh price"):
        world.takeover(sinking, wad(1), liquidator)
    with reverts("trading: no fresh price"):
        world.resolve(sinking, keeper)
    world.engine.settle(trader.id)
    world.engine.withdraw(liquidator.id, 1, liquidator.key, sender=liquidator.key)
    # back, and then up for its grace
    uptime.set_answer(0)
    with reverts("trading: no fresh price"):
        world.takeover(sinking, wad(1), liquidator)
    world.chain.mine(seconds=1_800)
    world.refresh()
    world.takeover(sinking, wad(1), liquidator)
