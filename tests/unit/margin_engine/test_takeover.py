"""takeover: a slice of an account below its maintenance margin, at the mark (LIQ-2)."""

import pytest
from engine_world import (
    BUFFER,
    FUND,
    MARKETS,
    MAX,
    SPOILED,
    TREASURY,
    WAD,
    Party,
    World,
    ceil_div,
    events,
    of,
    reverts,
    unpack_book,
    unpack_call,
    unpack_house,
    unpack_leg,
    unpack_wallet,
    wad,
)

# 0.5 % + 1 % * (58 - 49.5) / 58, rounded down: the rate at 95 of the trader below
RATE = 6_465_517_241_379_310


@pytest.fixture
def liquidator(world: World) -> Party:
    return world.party("liquidator", 1_000)


def test_takeover_default(world: World, trader: Party, maker: Party, liquidator: Party) -> None:
    """A slice of 3, 285 quote: penalty 285 * rate = 1.84267241379310335, half of it each.

    Arrears of 50 are paid first: cash 99.5 - 50 - penalty. OI stays 10.
    """
    fund = world.cash(FUND)
    penalty = 285 * RATE
    assert penalty == 1_842_672_413_793_103_350
    world.takeover(trader, wad(3), liquidator)
    assert world.size(trader) == wad(7)
    assert world.size(liquidator) == wad(3)
    assert (world.cash(trader), world.recorded(trader)) == (wad("49.5") - penalty, 0)
    assert world.cash(liquidator) == wad(1_000) + penalty // 2
    assert world.cash(FUND) == fund + penalty // 2
    assert (world.state().oi, world.state().cash) == (wad(10), wad(50) + BUFFER)
    # health rose: 47.657 / 40.9 against 49.5 / 58
    assert world.engine.health(trader.id).maintenance == wad("40.9")


def test_takeover_default_of_a_short(world: World, maker: Party, liquidator: Party) -> None:
    """Short 10 from 100, cash 99.5; at 104 E = 59.5, MM = 63.4; 2 taken, 208 quote."""
    short = world.party("short trader", 100)
    world.trade(short, maker, wad(-10))
    world.price(0, 104)
    rate = 5 * 10**15 + 10**16 * (wad("63.4") - wad("59.5")) // wad("63.4")
    world.takeover(short, wad(2), liquidator)
    assert (world.size(short), world.size(liquidator)) == (wad(-8), wad(-2))
    penalty = 208 * rate
    assert world.cash(short) == wad("59.5") - penalty
    # the fund has the odd wei
    assert world.cash(liquidator) == wad(1_000) + penalty // 2
    assert world.state().oi == wad(10)


def test_takeover_default_reduces_the_liquidator(world: World, trader: Party, maker: Party) -> None:
    """The maker, short 10, takes 3 of the long: OI falls to 7."""
    world.takeover(trader, wad(3), maker)
    assert world.size(maker) == wad(-7)
    assert world.state().oi == wad(7)


def test_takeover_default_in_a_market_that_only_reduces(
    world: World, trader: Party, liquidator: Party
) -> None:
    world.configure(reduce_only=True)
    world.takeover(trader, wad(3), liquidator)
    assert world.size(liquidator) == wad(3)


def test_takeover_default_above_the_open_interest_cap(
    world: World, trader: Party, liquidator: Party
) -> None:
    """No cap check: the interest changes hands."""
    world.configure(oi_cap=wad(1))
    world.takeover(trader, wad(3), liquidator)
    assert world.size(liquidator) == wad(3)


def test_takeover_default_below_the_minimum_for_the_liquidator(
    world: World, trader: Party, liquidator: Party
) -> None:
    """A small slice is fine, the minimum is asked of the account only."""
    world.takeover(trader, 1, liquidator)
    assert world.size(liquidator) == 1


def test_takeover_default_twice_in_a_block(world: World, trader: Party, liquidator: Party) -> None:
    for _ in range(2):
        world.takeover(trader, wad(1), liquidator)
    assert world.size(trader) == wad(8)


def test_takeover_default_by_operator(world: World, trader: Party, liquidator: Party) -> None:
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=liquidator.key)
    world.takeover(trader, wad(3), liquidator, sender=operator)
    assert world.size(liquidator) == wad(3)


def test_takeover_default_penalty_in_claims(world: World, liquidator: Party) -> None:
    """Free cash 0: the penalty is assigned from the claim in market 1, first the liquidator's part.

    Cash 200 - 0.5 - 0.25 = 199.25; long 10 in 0 and 5 in 1, both from 100. Market 0 falls to 78
    (arrears 220, more than the cash), market 1 rises to 110 (claim 50). E = 199.25 - 220 + 50 =
    29.25; ES = 6 % of sqrt(780**2 + 550**2) = 57.26 < floor 5 % of 1330 = 66.5; MM = 68.5.
    """
    trader, maker = world.party("claimant", 200), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(5), market=1)
    world.price(0, 78)
    world.price(1, 110)
    health = world.engine.health(trader.id)
    assert (health.equity, health.maintenance) == (wad("29.25"), wad("68.5"))
    rate = 5 * 10**15 + 10**16 * (wad("68.5") - wad("29.25")) // wad("68.5")
    penalty = ceil_div(wad(2) * wad(78) * rate, WAD * WAD)
    fund, cash = world.cash(FUND), world.cash(liquidator)
    event = world.takeover(trader, wad(2), liquidator).event("TakenOver")
    assert (event.to_worker, event.to_fund) == (penalty // 2, penalty - penalty // 2)
    assert world.recorded(trader, 1) == wad(50) - penalty
    assert world.recorded(liquidator, 1) == penalty // 2
    assert world.recorded(FUND, 1) == penalty - penalty // 2
    # no cash moved, and the arrears stand
    assert (world.cash(FUND), world.cash(liquidator)) == (fund, cash)
    assert (world.cash(trader), world.recorded(trader, 0)) == (wad("199.25"), wad(-220))
    assert world.engine.wallet(FUND)[1] == 0b10


def test_takeover_default_penalty_in_the_traded_legs_own_claim(
    world: World, liquidator: Party
) -> None:
    """The only claim is that of the leg which is taken: it moves within the market.

    Cash 154 - 1; long 10 in 0 at 105 (claim 50) and 10 in 1 at 80 (arrears 200): E = 3, MM = 5 % of
    1850 + 2 = 94.5. Of 1 at 105 the penalty is bounded by the margin that is freed, 5.25:
    0.8 * 3 * 5.25 / 94.5 = 0.1333...
    """
    trader, maker = world.party("claimant", 154), world.party("maker", 10_000)
    for market in range(2):
        world.trade(trader, maker, wad(10), market=market)
    world.price(0, 105)
    world.price(1, 80)
    health = world.engine.health(trader.id)
    assert (health.equity, health.maintenance) == (wad(3), wad("94.5"))
    penalty = wad("2.4") * wad("5.25") // wad("94.5")
    event = world.takeover(trader, wad(1), liquidator).event("TakenOver")
    assert (event.to_worker, event.to_fund) == (penalty // 2, penalty - penalty // 2)
    assert world.recorded(trader) == wad(50) - penalty
    assert world.recorded(liquidator) == penalty // 2
    assert world.recorded(FUND) == penalty - penalty // 2
    assert (world.size(trader), world.size(liquidator)) == (wad(9), wad(1))
    assert world.cash(liquidator) == wad(1_000)


def test_takeover_default_penalty_without_cash_or_claims(world: World, liquidator: Party) -> None:
    """The same with the claim behind a dead feed: it cannot be assigned, so nothing is charged."""
    trader, maker = world.party("claimant", 200), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(5), market=1)
    world.price(0, 78)
    world.price(1, 110)
    world.oracle.checkpoint(2)
    world.kill(1)
    assert world.equity(trader) == wad("29.25")
    event = world.takeover(trader, wad(2), liquidator).event("TakenOver")
    assert (event.to_worker, event.to_fund) == (0, 0)
    assert world.equity(trader) == wad("29.25")


def test_takeover_default_whole_below_the_minimum(
    world: World, maker: Party, liquidator: Party
) -> None:
    """LIQ-2 5a: long 0.1, 9 quote at 90, less than the minimum of 10: the whole goes.

    Cash 2.5 - 0.005 - 1: E = 1.495 < MM = 1.54. Its health is unbounded then.
    """
    trader = world.party("small trader", "2.5")
    world.trade(trader, maker, wad("0.1"))
    world.price(0, 90)
    assert world.engine.health(trader.id).maintenance == wad("1.54")
    world.takeover(trader, wad("0.1"), liquidator)
    assert (world.size(trader), world.engine.wallet(trader.id)[1]) == (0, 0)


def test_takeover_default_house_word(world: World, trader: Party, liquidator: Party) -> None:
    """The treasury has nothing of a penalty."""
    treasury = world.cash(TREASURY)
    world.takeover(trader, wad(3), liquidator)
    assert world.cash(TREASURY) == treasury


def test_takeover_emits_taken_over(world: World, trader: Party, liquidator: Party) -> None:
    """The second event of the account is the end of its margin call (LIQ-1)."""
    fund, treasury = world.cash(FUND), world.cash(TREASURY)
    receipt = world.takeover(trader, wad(3), liquidator)
    assert events(receipt) == ["PositionUpdated", "AccountUpdated", "PositionUpdated", "TakenOver"]
    cured = receipt.event("AccountUpdated")
    assert cured.account == trader.id
    assert unpack_wallet(cured.wallet) == (wad("49.5") - 285 * RATE, 1, 0, 0)
    assert unpack_call(cured.wallet) == (0, False)
    event = receipt.event("TakenOver")
    half = 285 * RATE // 2
    assert (event.account, event.target) == (trader.id, liquidator.id)
    assert (event.order_hash, event.keeper) == (bytes(32), 0)
    assert (event.market, event.size, event.price) == (0, wad(-3), 0)
    assert (event.to_worker, event.to_fund) == (half, half)
    assert unpack_house(event.house) == (fund + half, 0, treasury)
    assert unpack_book(event.book) == (wad(10), wad(50) + BUFFER)


def test_takeover_emits_position_updated(world: World, trader: Party, liquidator: Party) -> None:
    receipt = world.takeover(trader, wad(3), liquidator)
    leg = of(receipt, "PositionUpdated", account=trader.id)
    assert unpack_leg(leg.snap, leg.profit)[:3] == (wad(7), 10**18, 1)
    assert unpack_leg(leg.snap, leg.profit)[3:] == (95 * 10**36, 0)
    assert unpack_wallet(leg.wallet) == (wad("49.5") - 285 * RATE, 1, 0, 0)
    leg = of(receipt, "PositionUpdated", account=liquidator.id)
    assert unpack_leg(leg.snap, leg.profit)[:3] == (wad(3), 10**18, 1)
    assert unpack_wallet(leg.wallet) == (wad(1_000) + 285 * RATE // 2, 1, 0, 0)


# -- reverts ---------------------------------------------------------------------------------------


def test_takeover_reverts_not_your_account(world: World, trader: Party, liquidator: Party) -> None:
    """A stranger cannot make another account take a slice; nor can the account's own owner."""
    for caller in (world.key("stranger"), trader.key, world.owner):
        with reverts("liquidation: not your account"):
            world.takeover(trader, wad(3), liquidator, sender=caller)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3])
def test_takeover_reverts_house_liquidator(world: World, trader: Party, account: int) -> None:
    """The house never holds a position."""
    for caller in (world.owner, world.key("stranger"), world.chain.account("backer")):
        with reverts("liquidation: not your account"):
            world.engine.takeover(trader.id, 0, wad(3), account, sender=caller)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3])
def test_takeover_reverts_house_account(
    world: World, trader: Party, liquidator: Party, account: int
) -> None:
    with reverts("liquidation: above position"):
        world.engine.takeover(account, 0, 1, liquidator.id, sender=liquidator.key)


def test_takeover_reverts_same_account(world: World, trader: Party) -> None:
    with reverts("liquidation: same account"):
        world.takeover(trader, wad(3), trader)


def test_takeover_reverts_size_is_zero(world: World, trader: Party, liquidator: Party) -> None:
    with reverts("liquidation: size is zero"):
        world.takeover(trader, 0, liquidator)


@pytest.mark.parametrize("size", [wad(10) + 1, 2**96, 2**128, 2**255, MAX])
def test_takeover_reverts_above_position(
    world: World, trader: Party, liquidator: Party, size: int
) -> None:
    with reverts("liquidation: above position"):
        world.takeover(trader, size, liquidator)


def test_takeover_reverts_above_position_elsewhere(
    world: World, trader: Party, liquidator: Party
) -> None:
    with reverts("liquidation: above position"):
        world.takeover(trader, 1, liquidator, market=1)


def test_takeover_reverts_account_is_healthy(
    world: World, trader: Party, maker: Party, liquidator: Party
) -> None:
    """E = MM is healthy: at 95.96 E = 59.1; at E = 58.6 and 96 * ... the border is tried exactly.

    E = 99.5 - 10 * (100 - p), MM = 0.6 * p + 1: equal at p = 901.5 / 9.4 = 95.9042553...
    """
    world.price(0, "95.90425532")
    health = world.engine.health(trader.id)
    assert 0 <= health.equity - health.maintenance < 10**12
    with reverts("liquidation: account is healthy"):
        world.takeover(trader, wad(3), liquidator)
    with reverts("liquidation: account is healthy"):
        world.takeover(maker, wad(1), liquidator)
    world.price(0, "95.90425531")
    # now the smallest slices are allowed
    world.takeover(trader, WAD // 10**6, liquidator)


def test_takeover_reverts_account_bankrupt(world: World, trader: Party, liquidator: Party) -> None:
    """E = 0 at 90.05 and below it: that is the resolve's."""
    for price in ("90.05", 90, 1):
        world.price(0, price)
        with reverts("liquidation: account bankrupt"):
            world.takeover(trader, wad(3), liquidator)


def test_takeover_reverts_leaves_too_little(world: World, trader: Party, liquidator: Party) -> None:
    """Of 10 at 95 all but 0.1, 9.5 quote, which is below the minimum of 10."""
    with reverts("liquidation: leaves too little"):
        world.takeover(trader, wad("9.9"), liquidator)


def test_takeover_reverts_slice_too_large(world: World, trader: Party, liquidator: Party) -> None:
    """E' <= 1.25 MM': with q units E' = 49.5 - 95 rate q and MM' = 58 - 5.7 q.

    23 >= q * (7.125 - 95 rate) at the most: q = 3.532..., up to the rounding of the last wei.
    """
    most = wad(23) * 10**18 // (wad("7.125") - 95 * RATE)
    with reverts("liquidation: slice too large"):
        world.takeover(trader, most + 10, liquidator)
    with world.chain.anchor():
        world.takeover(trader, most - 10, liquidator)
        assert 1.2499 < world.health(trader) <= 1.25
    # nor the whole: a part would do
    with reverts("liquidation: slice too large"):
        world.takeover(trader, wad(10), liquidator)


def test_takeover_reverts_health_must_rise(world: World, liquidator: Party) -> None:
    """A slice of a hedge raises the margin from 650, so neither a part nor the whole may go."""
    hedger = world.hedged()
    health = world.engine.health(hedger.id)
    assert (health.equity, health.maintenance) == (wad("622.5"), wad(650))
    for size in (1, wad(1), wad(10)):
        with reverts("liquidation: health must rise"):
            world.takeover(hedger, size, liquidator, market=1)
    world.takeover(hedger, wad(1), liquidator)


@pytest.mark.parametrize("what", SPOILED)
def test_takeover_reverts_no_fresh_price(
    world: World, trader: Party, liquidator: Party, what: str
) -> None:
    world.spoil(0, what)
    with reverts("trading: no fresh price"):
        world.takeover(trader, wad(3), liquidator)


@pytest.mark.parametrize("market", [16, 255, 2**255, MAX])
def test_takeover_reverts_market_above_fifteen(
    world: World, trader: Party, liquidator: Party, market: int
) -> None:
    with reverts("trading: market not listed"):
        world.takeover(trader, wad(3), liquidator, market=market)


def test_takeover_reverts_market_not_listed(world: World, trader: Party, liquidator: Party) -> None:
    with reverts("oracle: no feed"):
        world.takeover(trader, wad(3), liquidator, market=MARKETS)
    world.add_feed(MARKETS, 100)
    with reverts("trading: market not listed"):
        world.takeover(trader, wad(3), liquidator, market=MARKETS)


def test_takeover_reverts_liquidator_below_initial_margin(world: World, trader: Party) -> None:
    """3 at 95 need IM = 1.5 * (17.1 + 1) = 27.15; the part of the penalty counts, 0.92."""
    half = 285 * RATE // 2
    needed = wad("27.15") - half
    poor = world.party("poor liquidator")
    units = needed // 10**12  # token units, one too few
    world.engine.deposit(poor.id, units, sender=world.key("donor", 100))
    with reverts("trading: below initial margin"):
        world.takeover(trader, wad(3), poor)
    world.engine.deposit(poor.id, 1, sender=world.key("donor"))
    world.takeover(trader, wad(3), poor)


def test_takeover_reverts_liquidator_below_initial_margin_though_it_reduces(
    world: World, trader: Party, maker: Party
) -> None:
    """A liquidator meets its initial margin whatever it does; a trader need not.

    Short 10 in 0, long 1 in 1, cash 104.45. Market 1 at 80: E_init = 84.45, IM about 88.8.
    """
    world.price(0, 100)
    short = world.party("short liquidator", 105)
    world.trade(short, maker, wad(-10))
    world.trade(short, maker, wad(1), market=1)
    world.price(0, 95)
    world.price(1, 80)
    with reverts("trading: below initial margin"):
        world.takeover(trader, wad("0.1"), short)
    world.trade(short, maker, wad(1))  # as a trader it may


def test_takeover_reverts_liquidator_above_maximum(
    world: World, trader: Party, maker: Party
) -> None:
    whale = world.party("whale", 10**6)
    world.trade(whale, world.party("other whale", 10**6), wad(10_000))
    with reverts("trading: above maximum"):
        # 10,526.4 * 95 is above a million with the slice
        world.trade(whale, world.party("other whale", 10**6), wad("526.4"))
    world.trade(whale, world.party("other whale"), wad("526"))
    with reverts("trading: above maximum"):
        world.takeover(trader, wad(3), whale)


def test_takeover_reverts_liquidator_too_many_markets(world: World, trader: Party) -> None:
    liquidator, maker = world.party("wide liquidator", 10_000), world.party("maker", 10_000)
    for market in range(1, 9):
        world.trade(liquidator, maker_of(world, market), wad(1), market=market)
    with reverts("trading: too many markets"):
        world.takeover(trader, wad(3), liquidator)
    assert maker


def maker_of(world: World, market: int) -> Party:
    """A maker for this market alone."""
    return world.party("maker", 1_000, index=market)


def test_takeover_reverts_too_many_markets_by_claims(world: World) -> None:
    """Claims that come with the penalty count too, also for a liquidator that reduces (LIQ-2 6).

    The account's claim is in market 8; the liquidator holds markets 0 to 7 and is short in 0.
    """
    trader, maker = world.party("claimant", 200), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker_of(world, 8), wad(5), market=8)
    liquidator = world.party("wide liquidator", 10_000)
    for market in range(8):
        world.trade(liquidator, maker_of(world, market), wad(-3), market=market)
    world.price(0, 78)
    world.price(8, 110)
    with reverts("trading: too many markets"):
        world.takeover(trader, wad(2), liquidator)


def test_takeover_counts_markets_held_afterwards(world: World) -> None:
    """It closes the leg in market 0 and brings a claim in market 8: eight before and after."""
    trader, maker = world.party("claimant", 200), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker_of(world, 8), wad(5), market=8)
    liquidator = world.party("wide liquidator", 10_000)
    for market in range(1, 8):
        world.trade(liquidator, maker_of(world, market), wad(-3), market=market)
    world.price(0, 78)
    world.price(8, 110)
    world.trade(liquidator, maker, wad(-2))
    assert world.engine.wallet(liquidator.id)[1] == 0b0_1111_1111
    world.takeover(trader, wad(2), liquidator)
    assert world.engine.wallet(liquidator.id)[1] == 0b1_1111_1110


def test_takeover_reverts_liquidators_leg_not_fresh(
    world: World, trader: Party, maker: Party, liquidator: Party
) -> None:
    world.trade(liquidator, maker, wad(1), market=1)
    world.kill(1)
    with reverts("trading: a leg is not fresh"):
        world.takeover(trader, wad(3), liquidator)
    # one that reduces may have a dead leg, the account may have one in any case
    world.takeover(trader, wad(3), maker)


def test_takeover_reverts_house_cash_out_of_range(
    tampered: World,
) -> None:
    world = tampered
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 95)
    world.set_cash(FUND, 2**103 - 1)
    with reverts("ledger: cash out of range"):
        world.takeover(trader, wad(3), maker)


def test_takeover_reverts_market_out_of_range(tampered: World) -> None:
    world = tampered
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 95)
    world.set_backing(0, 2**103 - 1)
    with reverts("ledger: market out of range"):
        world.takeover(trader, wad(3), maker)
