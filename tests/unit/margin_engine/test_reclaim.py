"""Locked accounts: what a resolve leaves open, what it owes, and reclaim (LIQ-4)."""

import random

import pytest
from engine_world import (
    A_ONE,
    CURE,
    FREEZE,
    FUND,
    TREASURY,
    WAD,
    Party,
    World,
    events,
    of,
    reverts,
    unpack_call,
    wad,
)

DEBT = wad("70.75")


@pytest.fixture
def keeper(world: World) -> Party:
    return world.party("keeper")


@pytest.fixture
def locked(world: World, maker: Party, keeper: Party) -> Party:
    """Long 5 in market 1 at 106, no cash, no profit; it owes 70.75.

    Cash 200 - 0.75 and a claim of 30 were not enough for a loss of 300 in market 0: the fund had to
    pay 100.75 and has got the claim for 30 of it.
    """
    trader = world.party("trader", 200)
    world.trade(trader, maker, wad(10))
    world.trade(world.party("other long", 10_000), maker, wad(30))
    world.trade(trader, maker, wad(5), market=1)
    world.price(0, 70)
    world.price(1, 106)
    world.resolve(trader, keeper)
    assert (world.cash(trader), world.equity(trader)) == (0, 0)
    return trader


def owes(world: World, who: Party) -> tuple[bool, int]:
    """Whether an account is locked, and its debt."""
    wallet = world.engine.wallet(who.id)
    return wallet.locked, wallet.debt


def pays_in(world: World, who: Party, quote: int | str) -> None:
    """Somebody deposits for the account."""
    units = wad(quote) // world.scale
    world.engine.deposit(who.id, units, sender=world.key("donor", 1_000))


# -- the lock --------------------------------------------------------------------------------------


def test_liq_4_resolve_locks_what_it_leaves_open(world: World, locked: Party) -> None:
    """What others paid is the loss of 100.75 less the claim that went to the fund."""
    assert owes(world, locked) == (True, DEBT)
    assert world.recorded(FUND, 1) == wad(30)


def test_liq_4_resolve_emits_debt_updated(world: World, maker: Party, keeper: Party) -> None:
    trader = world.party("trader", 200)
    for market in range(2):
        world.trade(trader, maker, wad(10), market=market)
    world.price(0, 70)
    receipt = world.resolve(trader, keeper)
    debt = wad(300) - (wad(200) - wad(1))
    assert receipt.event("DebtUpdated").args == {"account": trader.id, "debt": debt}
    leg = of(receipt, "PositionUpdated", account=trader.id, market=0)
    assert unpack_call(leg.wallet) == (0, True)
    # the last leg: it is flat then, and free
    receipt = world.resolve(trader, keeper, market=1)
    assert receipt.event("DebtUpdated").args == {"account": trader.id, "debt": 0}
    assert owes(world, trader) == (False, 0)


def test_liq_4_a_flat_account_is_not_locked(world: World, maker: Party, keeper: Party) -> None:
    """One leg, one resolve: it owes nothing, and no event tells of a debt."""
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.price(0, 80)
    assert world.resolve(trader, keeper).events("DebtUpdated") == []
    assert owes(world, trader) == (False, 0)
    pays_in(world, trader, 5)
    world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)


def test_liq_4_who_owes_nothing_is_locked_until_reclaim(
    world: World, maker: Party, keeper: Party
) -> None:
    """E = 0 with two legs: the cash of 100.5 has just paid the loss of 5 at 79.9."""
    trader = world.party("trader", 101)
    for market in range(2):
        world.trade(trader, maker, wad(5), market=market)
    world.price(0, "79.9")
    assert world.equity(trader) == 0
    receipt = world.resolve(trader, keeper)
    assert (receipt.event("Resolved").paid, owes(world, trader)) == (0, (True, 0))
    assert receipt.events("DebtUpdated") == []
    receipt = world.engine.reclaim(trader.id)
    assert receipt.event("DebtUpdated").args == {"account": trader.id, "debt": 0}
    assert owes(world, trader) == (False, 0)


def test_liq_4_debt_adds_up(world: World, maker: Party, keeper: Party) -> None:
    """Three legs of 300 arrears each: every resolve but the last adds its part.

    Cash 600 - 1.5 = 598.5 pays 199.5 of each; 100.5 of each are the fund's.
    """
    trader = world.party("trader", 600)
    for market in range(3):
        world.trade(trader, maker, wad(10), market=market)
    for market in range(3):
        world.price(market, 70)
    world.resolve(trader, keeper, 0)
    assert owes(world, trader) == (True, wad("100.5"))
    world.resolve(trader, keeper, 1)
    assert owes(world, trader) == (True, wad(201))
    world.resolve(trader, keeper, 2)
    assert owes(world, trader) == (False, 0)


def test_liq_4_a_locked_account_cannot_trade(world: World, locked: Party, maker: Party) -> None:
    """Neither as taker nor as maker, in one market or another, not even to reduce, nor with fresh
    money; nor may it take over or make for one."""
    for money in ("0.01", 500):
        pays_in(world, locked, money)
        for market, size in ((1, WAD), (1, -WAD), (1, wad(-5)), (2, WAD)):
            with reverts("trading: account is locked"):
                world.trade(locked, maker, size, market=market)
            with reverts("trading: account is locked"):
                world.trade(maker, locked, -size, market=market)
    poor = world.party("poor", 100)
    world.trade(poor, maker, wad(10), market=2)
    world.price(2, 95)
    with reverts("trading: account is locked"):
        world.takeover(poor, WAD, locked, market=2)
    with reverts("trading: account is locked"):
        order = world.order(locked, WAD, market=2)
        world.takeover_by_order(order, poor, world.party("other keeper"))


def test_liq_4_a_locked_account_cannot_withdraw(world: World, locked: Party) -> None:
    """Whatever is paid in: anyone may, and only the lock's end gives it back."""
    pays_in(world, locked, 500)
    for amount in (1, 100 * world.unit, 500 * world.unit):
        with reverts("custody: account is locked"):
            world.engine.withdraw(locked.id, amount, locked.key, sender=locked.key)
    world.engine.reclaim(locked.id)
    world.engine.withdraw(locked.id, 1, locked.key, sender=locked.key)


def test_liq_4_a_locked_account_binds_no_other(world: World, locked: Party, maker: Party) -> None:
    """The same owner's next account trades and withdraws as ever."""
    other = world.party("trader", 1_000, index=1)
    assert other.id == locked.id + 1
    world.trade(other, maker, wad(1), market=1)
    cash = world.cash(other)
    world.engine.withdraw(other.id, 1, other.key, sender=other.key)
    assert (world.size(other, 1), cash - world.cash(other)) == (wad(1), world.scale)
    assert owes(world, other) == (False, 0)


def test_liq_4_a_locked_account_is_still_liquidated(world: World, locked: Party) -> None:
    """7 paid in, MM of 5 at 106 is 32.8: below 0.7; the whole goes, see LIQ-2 5a."""
    pays_in(world, locked, 7)
    world.takeover(locked, wad(5), world.party("liquidator", 1_000), market=1)
    assert owes(world, locked) == (True, DEBT)


# -- reclaim ---------------------------------------------------------------------------------------


def test_reclaim_default_takes_cash(world: World, locked: Party) -> None:
    """50 paid in: all of it is the fund's; 20.75 stay owed. Then 30: 9.25 are the owner's."""
    fund = world.cash(FUND)
    pays_in(world, locked, 50)
    world.engine.reclaim(locked.id, sender=world.key("stranger"))
    assert (world.cash(locked), world.cash(FUND) - fund) == (0, wad(50))
    assert owes(world, locked) == (True, wad("20.75"))
    pays_in(world, locked, 30)
    world.engine.reclaim(locked.id)
    assert (world.cash(locked), world.cash(FUND) - fund) == (wad("9.25"), DEBT)
    assert owes(world, locked) == (False, 0)
    assert world.size(locked, 1) == wad(5)


def test_reclaim_default_takes_claims(world: World, locked: Party) -> None:
    """At 110 the leg has a profit of 20 that has not matured: it goes as a claim, reserve and all.

    A second call has nothing to take.
    """
    world.price(1, 110)
    world.engine.reclaim(locked.id)
    assert owes(world, locked) == (True, DEBT - wad(20))
    assert (world.recorded(locked, 1), world.recorded(FUND, 1)) == (0, wad(50))
    leg = world.engine.position(FUND, 1)
    assert (leg.reserve, leg.time) == (2**40 - 1, world.chain.timestamp)
    with reverts("reclaim: nothing to do"):
        world.engine.reclaim(locked.id)


def test_reclaim_default_settles_first(world: World, locked: Party, maker: Party) -> None:
    """What has matured is paid in cash and goes as cash."""
    world.price(1, 110)
    world.engine.settle(maker.id)
    world.engine.touch(locked.id)
    world.matured(locked)
    fund = world.cash(FUND)
    world.engine.reclaim(locked.id)
    assert (world.cash(FUND) - fund, world.recorded(FUND, 1)) == (wad(20), wad(30))
    assert owes(world, locked) == (True, DEBT - wad(20))


def test_reclaim_default_unlocks_when_all_is_paid(world: World, locked: Party) -> None:
    """At 130 the profit is 120: 70.75 are the fund's, the rest is the owner's, who trades again."""
    world.price(1, 130)
    world.engine.reclaim(locked.id)
    assert owes(world, locked) == (False, 0)
    assert world.recorded(locked, 1) == wad(120) - DEBT
    pays_in(world, locked, 500)
    world.trade(locked, world.party("other side", 1_000), wad(-5), market=1)
    assert world.size(locked, 1) == 0


def test_reclaim_default_unlocks_who_is_flat(world: World, locked: Party) -> None:
    """What it cannot pay then is gone: nothing can appear any more."""
    pays_in(world, locked, 7)
    world.takeover(locked, wad(5), world.party("liquidator", 1_000), market=1)
    left, fund = world.cash(locked), world.cash(FUND)
    assert 0 < left < wad(2)
    world.engine.reclaim(locked.id)
    assert (world.cash(locked), world.cash(FUND) - fund) == (0, left)
    assert owes(world, locked) == (False, 0)


def test_reclaim_default_leaves_what_arrears_need(
    world: World, maker: Party, keeper: Party
) -> None:
    """Arrears in one leg and a claim in another: the fund gets E, and E is not negative then.

    Market 0 costs 300 of cash 300 - 1.5; market 2 at 90 costs 100 more. After the resolve of 0 both
    are short; at 145 in market 1 the claim of 450 is above the arrears that are left in market 2.
    """
    trader = world.party("trader", 300)
    for market in range(3):
        world.trade(trader, maker, wad(10), market=market)
    world.price(0, 70)
    world.price(2, 90)
    world.resolve(trader, keeper, 0)
    # 298.5 were shared 3 : 1
    arrears = wad(100) - wad("298.5") // 4
    debt = wad(300) - wad("298.5") * 3 // 4
    assert owes(world, trader) == (True, debt)
    assert world.recorded(trader, 2) == -arrears
    world.price(1, "105")
    world.engine.reclaim(trader.id)
    assert owes(world, trader) == (True, debt - (wad(50) - arrears))
    assert world.equity(trader) == 0
    assert (world.recorded(trader, 1), world.recorded(trader, 2)) == (arrears, -arrears)
    with reverts("reclaim: nothing to do"):
        world.engine.reclaim(trader.id)
    world.price(1, "145")
    world.engine.reclaim(trader.id)
    assert owes(world, trader) == (False, 0)
    # all it has lost is paid by it: 300 + 100 of 298.5 and 450
    assert world.equity(trader) == wad(450) - wad(400) + wad("298.5")


def test_reclaim_default_keeps_a_margin_call(world: World, locked: Party) -> None:
    """The settling inside it is no cure (LIQ-1), though E is above MM before and after."""
    pays_in(world, locked, 10)
    world.engine.call_margin(locked.id)
    deadline = world.deadline(locked)
    pays_in(world, locked, 500)
    world.engine.reclaim(locked.id)
    assert owes(world, locked) == (False, 0)
    assert world.equity(locked) > world.engine.health(locked.id).maintenance
    assert world.deadline(locked) == deadline == world.chain.timestamp + CURE
    world.engine.touch(locked.id)
    assert world.deadline(locked) == 0


def test_reclaim_default_with_a_dead_leg(world: World, locked: Party) -> None:
    """It counts at its last good price, but its claim cannot be taken; cash can."""
    world.price(1, 110)
    world.oracle.checkpoint(0b10)
    world.kill(1)
    with reverts("reclaim: nothing to do"):
        world.engine.reclaim(locked.id)
    pays_in(world, locked, 5)
    world.engine.reclaim(locked.id)
    assert owes(world, locked) == (True, DEBT - wad(5))


def test_reclaim_default_leaves_cash_for_an_unmarked_loss(world: World, locked: Party) -> None:
    """A dead leg's loss of 30 is not arrears yet: of 50 in cash 20 are beyond it."""
    world.price(1, 100)
    world.oracle.checkpoint(0b10)
    world.kill(1)
    pays_in(world, locked, 50)
    world.engine.reclaim(locked.id)
    assert (world.cash(locked), world.equity(locked)) == (wad(30), 0)
    assert owes(world, locked) == (True, DEBT - wad(20))
    with reverts("reclaim: nothing to do"):
        world.engine.reclaim(locked.id)


def test_reclaim_default_takes_claims_before_what_a_loss_needs(
    world: World, maker: Party, keeper: Party
) -> None:
    """Of cash 50 the dead leg's loss of 30 needs its part: 20 in cash, 21.5 of the claim of 40.

    Cash 260 - 1.5 was 41.5 short of the loss of 300 in market 0.
    """
    trader = world.party("trader", 260)
    for market in range(3):
        world.trade(trader, maker, wad(10), market=market)
    world.price(0, 70)
    world.resolve(trader, keeper)
    assert owes(world, trader) == (True, wad("41.5"))
    world.price(1, 97)
    world.oracle.checkpoint(0b10)
    world.kill(1)
    world.price(2, 104)
    pays_in(world, trader, 50)
    fund = world.cash(FUND)
    world.engine.reclaim(trader.id)
    assert owes(world, trader) == (False, 0)
    assert (world.cash(trader), world.cash(FUND) - fund) == (wad(30), wad(20))
    assert (world.recorded(trader, 2), world.recorded(FUND, 2)) == (wad("18.5"), wad("21.5"))


def test_reclaim_emits_everything(world: World, locked: Party) -> None:
    pays_in(world, locked, 50)
    receipt = world.engine.reclaim(locked.id)
    assert events(receipt) == [
        "PositionUpdated",
        "AccountUpdated",
        "AccountUpdated",
        "DebtUpdated",
    ]
    for account in (locked.id, FUND):
        of(receipt, "AccountUpdated", account=account)
    assert receipt.event("DebtUpdated").args == {"account": locked.id, "debt": wad("20.75")}
    pays_in(world, locked, 50)
    receipt = world.engine.reclaim(locked.id)
    freed = receipt.logs[-2]
    assert (freed.name, freed.args["account"]) == ("AccountUpdated", locked.id)
    assert unpack_call(freed.args["wallet"]) == (0, False)


def test_reclaim_reverts_account_is_not_locked(world: World, locked: Party, maker: Party) -> None:
    """Nobody else can be charged by it: not a debtor that is free again, nor the house."""
    world.price(1, 130)
    world.engine.reclaim(locked.id)
    for account in (locked.id, maker.id, world.party("nobody").id, 0, FUND, TREASURY, 3):
        with reverts("reclaim: account is not locked"):
            world.engine.reclaim(account)


def test_reclaim_reverts_house_with_a_rich_treasury(tampered: World) -> None:
    """In the fund's word the treasury's cash stands where an account's lock is."""
    world = tampered
    slot = world.mapped("wallets", FUND)
    word = world.chain.storage(world.engine, slot)
    world.chain.set_storage(world.engine, slot, word | 1 << 240)
    assert not world.engine.wallet(FUND).locked
    with reverts("reclaim: account is not locked"):
        world.engine.reclaim(FUND)


def test_reclaim_reverts_nothing_to_do(world: World, locked: Party) -> None:
    """Nothing has appeared: also when its leg loses again."""
    for price in (106, 100):
        world.price(1, price)
        with reverts("reclaim: nothing to do"):
            world.engine.reclaim(locked.id)


def test_liq_4_a_claim_in_a_frozen_market_keeps_the_lock(
    world: World, maker: Party, keeper: Party
) -> None:
    """It cannot be assigned before the thaw, and the owner shall not have it then (LED-8).

    Short 10 in market 0 with a profit of 150 when the book ends at 85; long 40 in market 1 with a
    loss of 600 of cash 400 - 0.2 - 2: 202.2 are missing, E = -52.2.
    """
    hedger, loser = world.party("hedger", 400), world.party("loser", 100)
    world.trade(loser, hedger, wad(10))
    world.trade(hedger, maker, wad(40), market=1)
    cash = wad(400) - wad("0.2") - wad(2)
    world.price(0, 85)
    world.resolve(loser, keeper)
    world.price(1, 85)
    missing = wad(600) - cash
    assert world.equity(hedger) == wad(150) - missing < 0
    event = world.resolve(hedger, keeper, 1).event("Resolved")
    assert (event.claims, event.paid) == (0, missing)
    assert owes(world, hedger) == (True, missing)
    with reverts("reclaim: nothing to do"):
        world.engine.reclaim(hedger.id)
    pays_in(world, hedger, 2)
    world.engine.reclaim(hedger.id)
    assert owes(world, hedger) == (True, missing - wad(2))
    world.chain.mine(seconds=FREEZE)
    world.engine.thaw(0)
    world.engine.reclaim(hedger.id)
    assert owes(world, hedger) == (False, 0)
    # flat now: the fund has all of the claim
    assert world.recorded(FUND, 0) == wad(150)
    assert world.engine.wallet(hedger.id).held == 0


@pytest.mark.parametrize("seed", range(6))
def test_liq_4_reclaim_gives_the_fund_the_debt_and_no_more(
    world: World, locked: Party, maker: Party, seed: int
) -> None:
    """Over random prices and deposits: the fund gets what the debt falls by, at most E."""
    draw = random.Random(seed)
    got, before = 0, world.cash(FUND) + world.recorded(FUND, 1)
    for _ in range(12):
        world.price(1, draw.randrange(90, 125))
        if draw.random() < 0.5:
            pays_in(world, locked, draw.randrange(1, 20))
        if draw.random() < 0.5:
            world.engine.settle(maker.id)
        wallet, equity = world.engine.wallet(locked.id), world.equity(locked)
        if not wallet.locked:
            break
        due = min(wallet.debt, max(0, equity))
        if due == 0:
            with reverts("reclaim: nothing to do"):
                world.engine.reclaim(locked.id)
            continue
        world.engine.reclaim(locked.id)
        got += due
        assert world.cash(FUND) + world.recorded(FUND, 1) - before == got
        assert owes(world, locked) == (due != wallet.debt, wallet.debt - due)
        assert 0 <= equity - due - world.equity(locked) <= 1
    assert 0 < got <= DEBT


# -- critical --------------------------------------------------------------------------------------


def test_liq_4_critical_is_closed_at_nobodys_cost(
    world: World, maker: Party, keeper: Party
) -> None:
    """At 90.3 E = 2.5 is below a tenth of MM = 55.18: closed against the shorts at the mark.

    Nobody is charged or rewarded, and a shortfall is not looked at; the account keeps its 2.5.
    """
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.trade(world.party("other long", 10_000), maker, wad(30))
    world.price(0, "90.3")
    fund, worth = world.cash(FUND), world.equity(maker)
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.size, event.price) == (wad(-10), wad("90.3"))
    assert (event.covered, event.paid, event.claims, event.charged) == (0, 0, 0, 0)
    assert (event.to_shortfall, event.reward) == (0, 0)
    assert (world.cash(keeper), world.cash(FUND)) == (0, fund)
    assert (world.cash(trader), world.engine.wallet(trader.id).held) == (wad("2.5"), 0)
    assert owes(world, trader) == (False, 0)
    assert world.engine.wallet(trader.id).rewarded_at == 0
    # a quarter of the shorts went with it, at the mark
    assert (world.state().short_a, world.state().oi) == (A_ONE * 3 // 4, wad(30))
    assert (world.size(maker), world.equity(maker)) == (wad(-30), worth)
    world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)


def test_liq_4_critical_leaves_a_shortfall_alone(tampered: World) -> None:
    """The fund pays in a resolve of a bankrupt, not here."""
    world = tampered
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, "90.3")
    for slot in (world.slot("shortfalls"), world.slot("total_shortfall")):
        world.chain.set_storage(world.engine, slot, wad(5))
    event = world.resolve(trader, world.party("keeper")).event("Resolved")
    assert (event.size, event.covered) == (wad(-10), 0)
    assert world.state().shortfall == wad(5)


def test_liq_4_critical_keeps_the_legs_pnl(world: World, maker: Party, keeper: Party) -> None:
    """A leg with profit of an account near its end: closed, and the profit stays its claim.

    Cash 101 - 0.5, long 5 in two markets: a profit of 25 and a loss of 123.5 leave E = 2; MM is 5 %
    of 901.5 and 2.
    """
    trader = world.party("trader", 101)
    for market in range(2):
        world.trade(trader, maker, wad(5), market=market)
    for market in range(2):
        world.trade(world.party("other long", 10_000), maker, wad(30), market=market)
    world.price(0, 105)
    world.price(1, "75.3")
    assert world.equity(trader) == wad("2")
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.size, event.reward, event.to_shortfall) == (wad(-5), 0, 0)
    assert (world.size(trader), world.recorded(trader)) == (0, wad(25))
    assert (world.size(trader, 1), world.equity(trader)) == (wad(5), wad(2))
    # it is not locked: its owner may still put in money and trade
    assert owes(world, trader) == (False, 0)
    pays_in(world, trader, 500)
    world.trade(trader, maker, wad(-5), market=1)


def test_liq_4_critical_needs_a_live_leg(world: World, maker: Party, keeper: Party) -> None:
    """In a market in which a critical account has nothing, or no position any more."""
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.price(0, "90.3")
    with reverts("resolve: account is solvent"):
        world.resolve(trader, keeper, market=1)
    world.resolve(trader, keeper)
    with reverts("resolve: account is solvent"):
        world.resolve(trader, keeper)


def test_liq_4_critical_of_a_locked_account_keeps_lock_and_debt(
    world: World, locked: Party, keeper: Party
) -> None:
    """Its last position goes; what it owes is asked for by reclaim."""
    pays_in(world, locked, 3)
    assert world.equity(locked) * 10 < world.engine.health(locked.id).maintenance
    world.resolve(locked, keeper, market=1)
    assert owes(world, locked) == (True, DEBT)
    world.engine.reclaim(locked.id)
    assert (owes(world, locked), world.cash(locked)) == ((False, 0), 0)


def test_liq_4_critical_needs_a_fresh_price(world: World, maker: Party, keeper: Party) -> None:
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.price(0, "90.3")
    world.spoil(0, "stale")
    with reverts("trading: no fresh price"):
        world.resolve(trader, keeper)
