"""call_margin: the warning an account gets before it may be taken over (LIQ-1)."""

import random
from collections.abc import Callable

import pytest
from engine_world import (
    CURE,
    FUND,
    SPOILED,
    TREASURY,
    VOID,
    WAD,
    Party,
    World,
    events,
    reverts,
    unpack_call,
    unpack_wallet,
    wad,
)


@pytest.fixture
def liquidator(world: World) -> Party:
    return world.party("liquidator", 1_000)


@pytest.fixture
def keeper(world: World) -> Party:
    return world.party("keeper")


def test_call_margin_default(world: World, trader: Party) -> None:
    """Anyone may; nothing of the account changes but its deadline."""
    before, leg = world.engine.wallet(trader.id), world.engine.position(trader.id, 0)
    world.engine.call_margin(trader.id, sender=world.key("stranger"))
    after = world.engine.wallet(trader.id)
    assert world.deadline(trader) == world.chain.timestamp + CURE
    assert tuple(after)[:3] == tuple(before)[:3]
    assert (after.locked, after.debt) == (False, 0)
    assert world.engine.position(trader.id, 0) == leg
    assert world.engine.min_salt(trader.id) == 0


def test_call_margin_default_by_the_owner(world: World, trader: Party) -> None:
    world.engine.call_margin(trader.id, sender=trader.key)
    assert world.deadline(trader) == world.chain.timestamp + CURE


def test_call_margin_default_at_the_border(world: World, trader: Party) -> None:
    """E = MM at 901.5 / 9.4 = 95.904255319...: refused above it, called below."""
    world.price(0, "95.90425532")
    with reverts("liquidation: account is healthy"):
        world.engine.call_margin(trader.id)
    world.price(0, "95.90425531")
    world.engine.call_margin(trader.id)


def test_call_margin_default_of_a_bankrupt(world: World, trader: Party) -> None:
    """Also a flat one, whose margin is zero; it changes nothing for the resolve."""
    world.price(0, 80)
    world.engine.call_margin(trader.id)
    gone = world.flat_and_bankrupt(1)
    world.engine.call_margin(gone.id)
    assert world.resolve(trader, gone).event("Resolved").size == wad(-10)


@pytest.mark.parametrize("what", SPOILED)
def test_call_margin_default_with_a_dead_feed(world: World, trader: Party, what: str) -> None:
    """The leg counts at its last good price."""
    world.oracle.checkpoint(1)
    world.spoil(0, what)
    world.engine.call_margin(trader.id)
    assert world.deadline(trader) == world.chain.timestamp + CURE


def test_call_margin_emits_margin_called(world: World, trader: Party) -> None:
    receipt = world.engine.call_margin(trader.id)
    assert events(receipt) == ["MarginCalled"]
    event = receipt.event("MarginCalled")
    assert event.account == trader.id
    assert event.deadline == world.chain.timestamp + CURE
    assert (event.equity, event.maintenance) == (wad("49.5"), wad(58))
    assert unpack_wallet(event.wallet) == (wad("99.5"), 1, 0, 0)
    assert unpack_call(event.wallet) == (event.deadline, False)


def test_call_margin_reverts_account_is_healthy(world: World, trader: Party, maker: Party) -> None:
    """Not below MM, flat, or without anything."""
    for account in (maker, world.party("flat", 5), world.party("nobody")):
        with reverts("liquidation: account is healthy"):
            world.engine.call_margin(account.id)
    world.price(0, 96)
    with reverts("liquidation: account is healthy"):
        world.engine.call_margin(trader.id)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3, 2**96 - 1])
def test_call_margin_reverts_no_such_account(world: World, account: int) -> None:
    with reverts("custody: no such account"):
        world.engine.call_margin(account)


def test_call_margin_reverts_already_called(world: World, trader: Party) -> None:
    """As long as the call stands: in its block, at its deadline, an hour after that; by anyone."""
    world.engine.call_margin(trader.id)
    deadline = world.deadline(trader)
    for time in (deadline - CURE, deadline - 1, deadline, deadline + 1, deadline + VOID):
        world.chain.set_time(time)
        for sender in (trader.key, world.key("stranger")):
            with reverts("margin call: already called"):
                world.engine.call_margin(trader.id, sender=sender)
        assert world.deadline(trader) == deadline
    world.chain.set_time(deadline + VOID + 1)
    world.engine.call_margin(trader.id)
    assert world.deadline(trader) == deadline + VOID + 1 + CURE


# -- what it is for --------------------------------------------------------------------------------


def seize(world: World, how: str, trader: Party, liquidator: Party, keeper: Party) -> None:
    """Take 1 of the trader over, one way or the other, as the account stands."""
    if how == "takeover":
        world.takeover(trader, WAD, liquidator, called=False)
    else:
        world.takeover_by_order(world.order(liquidator, WAD), trader, keeper, called=False)


WAYS = pytest.mark.parametrize("how", ["takeover", "takeover_by_order"])


@WAYS
def test_liq_1_takeover_needs_a_call(
    world: World, trader: Party, liquidator: Party, keeper: Party, how: str
) -> None:
    """E = 0.7 MM at 901.2 / 9.58 = 94.070981210...: from there on down nobody has to be called."""
    for price in (95, "94.07098122"):
        world.price(0, price)
        with reverts("liquidation: no margin call"):
            seize(world, how, trader, liquidator, keeper)
    world.price(0, "94.07098121")
    seize(world, how, trader, liquidator, keeper)
    assert world.deadline(trader) == 0


@WAYS
def test_liq_1_takeover_waits_for_the_deadline(
    world: World, trader: Party, liquidator: Party, keeper: Party, how: str
) -> None:
    """Refused until the second before it, allowed from then on for an hour, void after that."""
    world.engine.call_margin(trader.id)
    deadline = world.deadline(trader)
    for early in (deadline - CURE, deadline - 1):
        world.chain.set_time(early)
        with reverts("liquidation: cure window"):
            seize(world, how, trader, liquidator, keeper)
    for late in (deadline, deadline + VOID):
        with world.anchor():
            world.chain.set_time(late)
            world.refresh(0)
            seize(world, how, trader, liquidator, keeper)
            assert world.size(trader) == wad(9)
    world.chain.set_time(deadline + VOID + 1)
    world.refresh(0)
    with reverts("liquidation: no margin call"):
        seize(world, how, trader, liquidator, keeper)


@WAYS
def test_liq_1_below_psi_the_cure_window_does_not_hold(
    world: World, trader: Party, liquidator: Party, keeper: Party, how: str
) -> None:
    """At 93 E = 29.5 is 0.52 of MM = 56.8: at once, though its window runs."""
    world.engine.call_margin(trader.id)
    world.price(0, 93)
    seize(world, how, trader, liquidator, keeper)
    assert world.size(trader) == wad(9)
    assert world.deadline(trader) == world.chain.timestamp + CURE


Act = Callable[[World, Party, Party], object]

#: what anyone or the owner can do to a called account that stays below its maintenance margin
KEEPS: dict[str, Act] = {
    "deposit": lambda w, t, _: w.engine.deposit(t.id, w.unit, sender=w.key("donor", 1)),
    "owner's deposit": lambda w, t, _: w.engine.deposit(t.id, w.unit, sender=w.key("trader", 1)),
    "touch": lambda w, t, _: w.engine.touch(t.id, sender=t.key),
    "settle": lambda w, t, _: w.engine.settle(t.id, sender=t.key),
    "fill as taker": lambda w, t, m: w.trade(t, m, -WAD),
    "fill as maker": lambda w, t, m: w.trade(m, t, WAD),
    "cancel_below": lambda w, t, _: w.engine.cancel_below(t.id, 5, sender=t.key),
    "takeover": lambda w, t, _: w.takeover(t, WAD // 10, w.party("other", 1_000), called=False),
    "takeover_by_order": lambda w, t, _: w.takeover_by_order(
        w.order(w.party("other", 1_000), WAD // 5), t, w.party("some keeper"), called=False
    ),
    "deposit that would cure": lambda w, t, _: w.engine.deposit(
        t.id, 100 * w.unit, sender=w.key("trader", 100)
    ),
    "price that would cure": lambda w, _t, _m: w.price(0, 100),
}


@pytest.mark.parametrize("what", KEEPS)
def test_liq_1_deadline_is_moved_by_nobody(
    world: World, trader: Party, maker: Party, what: str
) -> None:
    """Not by what leaves the account below MM, nor by a cure that no touch has found."""
    world.engine.call_margin(trader.id)
    deadline = world.deadline(trader)
    world.chain.set_time(deadline)
    world.refresh(0)
    KEEPS[what](world, trader, maker)
    assert world.deadline(trader) == deadline


def test_liq_1_reward_keeps_the_deadline(world: World, trader: Party, maker: Party) -> None:
    """A reward's time is written into the same word."""
    world.engine.set_reward((10**12, WAD, 0, 0, 0, 60), sender=world.owner)
    world.called(trader)
    deadline, keeper = world.deadline(trader), world.party("keeper")
    order = world.order(maker, WAD // 5)
    assert world.takeover_by_order(order, trader, keeper).event("TakenOver").to_worker == 10**12
    assert world.engine.wallet(trader.id).rewarded_at == world.chain.timestamp
    assert world.deadline(trader) == deadline


def enrich(world: World, who: Party) -> None:
    """100 more for the account, from somebody."""
    world.engine.deposit(who.id, 100 * world.unit, sender=world.key("donor", 100))


def withdraws(world: World, trader: Party, _: Party) -> None:
    """With 149.5 of equity above the IM of 87 a withdrawal ends the call."""
    enrich(world, trader)
    world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)


def touches(world: World, trader: Party, _: Party) -> None:
    enrich(world, trader)
    world.engine.touch(trader.id)


def settles(world: World, trader: Party, _: Party) -> None:
    world.price(0, "95.90425532")
    world.engine.settle(trader.id)


def liquidates(world: World, trader: Party, _: Party) -> None:
    """As the liquidator of somebody else, where it needs its initial margin."""
    enrich(world, trader)
    poor = world.party("poor", 15)
    world.trade(poor, world.party("other", 1_000), -WAD)
    world.price(0, 108)
    world.takeover(poor, WAD, trader)


def makes(world: World, trader: Party, _: Party) -> None:
    """As the maker of an order that closes somebody else."""
    enrich(world, trader)
    poor = world.party("poor", 15)
    world.trade(poor, world.party("other", 1_000), -WAD)
    world.price(0, 108)
    world.takeover_by_order(world.order(trader, -WAD), poor, world.party("keeper"))


CURES: dict[str, Act] = {
    "touch": touches,
    "settle": settles,
    "withdraw": withdraws,
    "liquidator": liquidates,
    "liquidation's maker": makes,
    # 3 less: E = 49.36 of MM = 40.9
    "fill as taker": lambda w, t, m: w.trade(t, m, wad(-3)),
    "fill as maker": lambda w, t, m: w.trade(m, t, wad(3)),
    "takeover": lambda w, t, m: w.takeover(t, wad(3), w.party("other", 1_000), called=False),
    "takeover_by_order": lambda w, t, m: w.takeover_by_order(
        w.order(w.party("other", 1_000), wad(3)), t, m, called=False
    ),
}


@pytest.mark.parametrize("what", CURES)
def test_liq_1_deadline_is_cleared_by_a_cure(
    world: World, trader: Party, maker: Party, what: str
) -> None:
    """And then a takeover needs a new call."""
    world.engine.call_margin(trader.id)
    world.chain.mine(seconds=CURE)
    world.refresh(0)
    CURES[what](world, trader, maker)
    assert world.deadline(trader) == 0
    health = world.engine.health(trader.id)
    assert health.equity >= health.maintenance


def test_liq_1_a_cured_account_is_called_anew(
    world: World, trader: Party, liquidator: Party
) -> None:
    world.engine.call_margin(trader.id)
    world.chain.mine(seconds=CURE)
    world.price(0, 100)
    world.engine.touch(trader.id)
    world.price(0, 95)
    with reverts("liquidation: no margin call"):
        world.takeover(trader, WAD, liquidator, called=False)
    world.engine.call_margin(trader.id)
    assert world.deadline(trader) == world.chain.timestamp + CURE
    with reverts("liquidation: cure window"):
        world.takeover(trader, WAD, liquidator, called=False)


@pytest.mark.parametrize("seed", range(6))
def test_liq_1_property(world: World, trader: Party, liquidator: Party, seed: int) -> None:
    """Random prices, times, calls, touches and takeovers: always just what the rule says."""
    draw = random.Random(seed)
    deadline, told = 0, set()
    for _ in range(80):
        now = world.chain.timestamp
        health = world.engine.health(trader.id)
        called = health.equity < health.maintenance
        standing = deadline != 0 and now <= deadline + VOID
        act = draw.choice(("price", "time", "call", "touch", "takeover"))
        if act == "price":
            # E from 0.62 to 1.1 of MM
            world.price(0, f"{draw.uniform(93.5, 96.5):.8f}")
        elif act == "time":
            world.chain.mine(seconds=draw.choice((1, 299, 300, 3_600)))
            world.refresh(0)
        elif act == "touch":
            world.engine.touch(trader.id)
            deadline = deadline if called else 0
        elif act == "call" and not called and not standing:
            with reverts("liquidation: account is healthy"):
                world.engine.call_margin(trader.id)
        elif act == "call" and standing:
            with reverts("margin call: already called"):
                world.engine.call_margin(trader.id)
        elif act == "call":
            world.engine.call_margin(trader.id)
            deadline = now + CURE
        elif called:
            size, reason = 10**12, ""
            if 10 * health.equity >= 7 * health.maintenance:
                if not standing:
                    reason = "liquidation: no margin call"
                elif now < deadline:
                    reason = "liquidation: cure window"
            told.add(reason)
            if reason:
                with reverts(reason):
                    world.takeover(trader, size, liquidator, called=False)
            else:
                world.takeover(trader, size, liquidator, called=False)
                after = world.engine.health(trader.id)
                deadline = 0 if after.equity >= after.maintenance else deadline
        assert world.deadline(trader) == deadline
    assert len(told) > 1
