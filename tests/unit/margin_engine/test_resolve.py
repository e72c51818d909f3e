"""resolve: meet the arrears of one leg of a bankrupt account, close its position (LIQ-4)."""

import pytest
from engine_world import (
    A_ONE,
    ALLOWANCE,
    BUFFER,
    FREEZE,
    FUND,
    MARKETS,
    MAX,
    SPOILED,
    TREASURY,
    WAD,
    Allowance,
    Leg,
    Party,
    Side,
    World,
    ceil_div,
    events,
    of,
    reverts,
    unpack_allowance,
    unpack_book,
    unpack_house,
    unpack_leg,
    unpack_side,
    unpack_wallet,
    wad,
)

REWARD = WAD // 4  # the minimum, since the base fee is 0; 10 at 85 bear 0.425 at most


@pytest.fixture(autouse=True)
def _small_reward(request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(
        "tampered" if "tampered" in request.fixturenames else "world"
    )
    rule = (REWARD, 50 * WAD, 300_000, 1_000, 3_000 * WAD, 3_600)
    world.engine.set_reward(rule, sender=world.owner)


@pytest.fixture
def trader(world: World, maker: Party) -> Party:
    """Long 10 of an open interest of 40, cash 99.5; at 85 its loss is 150: E = -50.5."""
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.trade(world.party("other long", 10_000), maker, wad(30))
    world.price(0, 85)
    return trader


@pytest.fixture
def keeper(world: World) -> Party:
    return world.party("keeper")


def test_resolve_default(world: World, trader: Party, maker: Party, keeper: Party) -> None:
    """The account pays 99.5, the fund 50.5 and the reward of 0.25; the shorts keep all they won.

    A of the short side falls to 3/4, K0 so that K at 85 stays: -(1/4) * 85.
    """
    fund = world.cash(FUND)
    world.resolve(trader, keeper)
    assert world.engine.wallet(trader.id) == (0, 0, world.chain.timestamp, 0, False, 0, False, 0)
    assert world.engine.position(trader.id, 0) == (0, 0, 0, 0, 0, 0, 0, 0)
    assert fund - world.cash(FUND) == wad("50.75")
    assert world.cash(keeper) == REWARD
    state = world.state()
    assert (state.oi, state.cash) == (wad(30), wad(150) + BUFFER)
    assert (state.shortfall, state.allowance) == (0, ALLOWANCE - wad("50.75"))
    assert (state.short_a, state.short_k0) == (75 * 10**16, -(25 * 10**16) * wad(85))
    assert (state.long_a, state.long_k0) == (A_ONE, 0)
    assert world.size(maker) == wad(-30)
    assert world.equity(maker) == wad(10_000) - wad("0.8") + wad(600)


def test_resolve_default_charged_to_the_other_side(
    world: World, trader: Party, maker: Party, keeper: Party
) -> None:
    """Without an allowance 50.5 is charged to shorts of 40: 1.2625 a unit, K0 -1.2625e36."""
    world.engine.set_allowance(0, 0, sender=world.owner)
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.paid, event.charged, event.to_shortfall) == (0, wad("50.5"), 0)
    assert event.reward == 0
    per_unit = 12_625 * 10**32
    assert world.state().short_k0 == -per_unit - 25 * 10**16 * wad(85)
    # the maker's 600 less all of it
    assert world.equity(maker) == wad(10_000) - wad("0.8") + wad(600) - wad("50.5")


def test_resolve_default_charge_rounds_up(
    world: World, trader: Party, maker: Party, keeper: Party
) -> None:
    """With 30 more shorts 50.5 / 70 a unit is not even; at most a wei a leg is too much."""
    world.price(0, 100)
    third, fourth = world.party("third", 10_000), world.party("fourth", 10_000)
    world.trade(third, fourth, wad(30))
    world.price(0, 85)
    world.engine.set_allowance(0, 0, sender=world.owner)
    before = world.equity(maker) + world.equity(fourth)
    world.resolve(trader, keeper)
    assert world.state().short_k0 == (
        -ceil_div(wad("50.5") * WAD * A_ONE, wad(70)) - (A_ONE - A_ONE * 60 // 70) * wad(85)
    )
    charged = before - world.equity(maker) - world.equity(fourth)
    assert 0 <= charged - wad("50.5") <= 2


def test_resolve_default_part_of_the_allowance(world: World, trader: Party, keeper: Party) -> None:
    """Allowance 20: all of it goes into the loss, nothing is left for a reward; 30.5 is charged."""
    world.engine.set_allowance(0, wad(20), sender=world.owner)
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.paid, event.charged, event.reward) == (wad(20), wad("30.5"), 0)
    assert world.state().allowance == 0
    assert world.engine.wallet(trader.id)[2] == 0


def test_resolve_default_charge_is_bounded(world: World, keeper: Party) -> None:
    """At 10 a lone long 10 has lost 900 - 99.5; half the mark of 10 units, 50, may be charged.

    The rest of 750.5 becomes the market's shortfall. The book ends, nobody is long any more.
    """
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.engine.set_allowance(0, 0, sender=world.owner)
    world.price(0, 10)
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.charged, event.to_shortfall) == (wad(50), wad("750.5"))
    assert world.state().shortfall == wad("750.5")
    assert world.engine.fund_state()[2] == wad("750.5")
    # the winner is owed 900 - 50; the market has 99.5 and its buffer
    assert world.value(maker.id, 0, 0) == (0, wad(850))


def test_resolve_default_older_shortfall_first(world: World, maker: Party, keeper: Party) -> None:
    """A shortfall of 23.5 from before; the allowance of 60 covers it, then 36.5 of the 50.5.

    The first resolve ended the book, so the market is frozen for a day (LED-8).
    """
    gone = world.flat_and_bankrupt()
    world.engine.set_allowance(0, 0, sender=world.owner)
    event = world.resolve(gone, keeper).event("Resolved")
    owed = event.to_shortfall
    assert owed == wad("23.5") == world.state().shortfall
    world.chain.mine(seconds=FREEZE)
    world.engine.thaw(0)
    trader = world.party("trader", 100)
    world.price(0, 100)
    world.trade(trader, maker, wad(10))
    world.trade(world.party("other long", 10_000), maker, wad(30))
    world.price(0, 85)
    world.engine.set_allowance(0, wad(60), sender=world.owner)
    with world.chain.anchor():  # a new cap has nothing of the old one left
        assert world.state().allowance == 0
    world.chain.mine(seconds=86_400)
    world.refresh()
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.covered, event.paid) == (owed, wad(60) - owed)
    assert event.charged == wad("50.5") - event.paid
    assert (world.state().shortfall, event.reward) == (0, 0)


def test_resolve_default_claims_go_to_the_fund(world: World, maker: Party, keeper: Party) -> None:
    """Claim of 30 in market 1: the fund pays all arrears and has the claim for it.

    Cash 200 - 0.75; long 10 in 0 at 70 (loss 300), 5 in 1 at 106 (claim 30, of which the buffer is
    paid in cash, since it has matured). Arrears 300 - 199.25 - 0.001 = 100.749.
    """
    trader = two_legs(world, maker)
    event = world.resolve(trader, keeper).event("Resolved")
    assert event.claims == wad(30) - BUFFER == world.recorded(FUND, 1)
    assert event.paid == wad("100.749")
    assert (event.charged, event.to_shortfall) == (0, 0)
    # its leg in market 1 is still open, without profit
    assert (world.size(trader, 1), world.recorded(trader, 1)) == (wad(5), 0)


def two_legs(world: World, maker: Party, *, matured: bool = True) -> Party:
    """See the test above."""
    trader = world.party("trader", 200)
    world.trade(trader, maker, wad(10))
    world.trade(world.party("other long", 10_000), maker, wad(30))
    world.trade(trader, maker, wad(5), market=1)
    world.price(0, 70)
    world.price(1, 106)
    assert world.equity(trader) == wad("-70.75")
    if matured:
        world.engine.touch(trader.id)
        world.matured(trader)
    return trader


def test_resolve_default_claims_that_have_not_matured(
    world: World, maker: Party, keeper: Party
) -> None:
    """Nothing of the claim is paid, so all of it goes to the fund, reserve and all (LED-4)."""
    trader = two_legs(world, maker, matured=False)
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.claims, event.paid) == (wad(30), wad("100.75"))
    assert world.recorded(FUND, 1) == wad(30)
    leg = world.engine.position(FUND, 1)
    assert (leg.reserve, leg.time) == (2**40 - 1, world.chain.timestamp)


def test_resolve_default_claims_beyond_what_the_fund_paid(
    world: World, maker: Party, keeper: Party
) -> None:
    """Allowance 20: of arrears 100.749 the fund pays 20; its claim of 29.999 is worth 9.999 more.

    That part is shortfall (the fund owes it), not charged to others; the rest of 70.75 is.
    """
    world.engine.set_allowance(0, wad(20), sender=world.owner)
    trader = two_legs(world, maker)
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.paid, event.to_shortfall) == (wad(20), wad("9.999"))
    assert event.charged == wad("70.75")


def test_resolve_default_claims_pro_rata(world: World, maker: Party, keeper: Party) -> None:
    """Each market gets its part of the claims, whichever is resolved first.

    Cash 298.5 + 0.001 of a claim of 120; arrears 400 in market 0, 100 in 2. After settlement
    a0 = 400 - 4/5 of 298.501 = 161.1992, a2 = 40.2998; of the claim 4/5 goes, then the rest.
    """
    trader = world.party("trader", 300)
    for market in range(3):
        world.trade(trader, maker, wad(10), market=market)
    world.price(0, 60)
    world.price(1, 112)
    world.price(2, 90)
    world.engine.touch(trader.id)
    world.matured(trader)
    order = (0, 2), (2, 0)
    for one, other in order:
        with world.anchor():
            first = world.resolve(trader, keeper, market=one).event("Resolved")
            second = world.resolve(trader, keeper, market=other).event("Resolved")
            part = {0: wad("95.9992"), 2: wad("23.9998")}
            assert (first.claims, second.claims) == (part[one], part[other])
            owed = {0: wad("161.1992"), 2: wad("40.2998")}
            assert (first.paid, second.paid) == (owed[one], owed[other])


def test_resolve_default_no_position_left(world: World, keeper: Party) -> None:
    """Arrears of a book that ended: what the fund does not pay is shortfall, nobody is charged."""
    trader = world.flat_and_bankrupt()
    world.engine.set_allowance(0, 0, sender=world.owner)
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.size, event.charged, event.to_shortfall) == (0, 0, wad("23.5"))
    assert world.engine.wallet(trader.id)[:2] == (0, 0)


def test_resolve_default_no_position_left_needs_no_price(world: World, keeper: Party) -> None:
    trader = world.flat_and_bankrupt()
    world.kill(0)
    event = world.resolve(trader, keeper).event("Resolved")
    assert event.paid == wad("23.5")


def test_resolve_default_ends_the_book(world: World, maker: Party, keeper: Party) -> None:
    """The last long is closed: both epochs end at the mark, the winner's claim stays.

    It waits for a day (LED-8), and is paid as it matures after that (LED-4).
    """
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.price(0, 85)
    world.resolve(trader, keeper)
    state = world.state()
    assert (state.oi, state.epoch, state.short_a, state.short_k0) == (0, 2, A_ONE, 0)
    assert world.engine.closing_k(0, 1, True) == 85 * 10**36
    assert world.engine.closing_k(0, 1, False) == -85 * 10**36
    assert world.size(maker) == 0
    world.price(0, 50)  # what the price does now does not matter
    world.engine.settle(maker.id)
    assert world.cash(maker) == wad(10_000) - wad("0.2")
    world.chain.mine(seconds=FREEZE)
    world.engine.thaw(0)
    world.engine.touch(maker.id)
    assert (world.cash(maker), world.recorded(maker)) == (wad(10_000) - wad("0.2"), wad(150))
    world.matured(maker)
    world.engine.settle(maker.id)
    assert world.cash(maker) == wad(10_000) - wad("0.2") + wad(150)


def test_resolve_default_with_equity_zero(world: World, maker: Party, keeper: Party) -> None:
    """E = 0 with a position is bankrupt: it closes, and nobody pays anything but the reward."""
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.price(0, "90.05")
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.paid, event.charged, event.reward) == (0, 0, REWARD)


def test_resolve_default_with_another_leg_dead(world: World, maker: Party, keeper: Party) -> None:
    """The dead leg counts at its last good price; its claim cannot be taken."""
    trader = two_legs(world, maker)
    world.oracle.checkpoint(0b10)
    world.kill(1)
    event = world.resolve(trader, keeper).event("Resolved")
    # the buffer of market 1 was not paid either: 300 - 199.25
    assert (event.claims, event.paid) == (0, wad("100.75"))
    with reverts("trading: no fresh price"):
        world.resolve(trader, keeper, market=1)


def test_resolve_default_reward_formula(world: World, trader: Party, keeper: Party) -> None:
    """300,000 gas at 0.3 gwei and 3,000 a native token and 10 %: 0.297."""
    world.chain.basefee = 3 * 10**8
    event = world.resolve(trader, keeper).event("Resolved")
    assert event.reward == wad("0.297") == world.cash(keeper)


def test_resolve_default_reward_is_bounded_by_what_is_closed(
    world: World, trader: Party, keeper: Party
) -> None:
    """At 20 gwei the formula gives 19.8; a 2,000th of 10 * 85 is 0.425."""
    world.chain.basefee = 20 * 10**9
    event = world.resolve(trader, keeper).event("Resolved")
    assert event.reward == wad("0.425") == world.cash(keeper)


def test_resolve_default_no_reward_below_the_minimum(
    world: World, trader: Party, keeper: Party
) -> None:
    """With a minimum of a wei's step above 0.425 nothing is paid, and the clock does not start."""
    rule = (wad("0.425") + 10**9, 50 * WAD, 300_000, 1_000, 3_000 * WAD, 3_600)
    world.engine.set_reward(rule, sender=world.owner)
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.reward, world.cash(keeper)) == (0, 0)
    assert world.engine.wallet(trader.id).rewarded_at == 0


def test_resolve_default_no_reward_without_a_position(world: World, keeper: Party) -> None:
    trader = world.flat_and_bankrupt()
    event = world.resolve(trader, keeper).event("Resolved")
    assert (event.size, event.paid, event.reward) == (0, wad("23.5"), 0)


def test_resolve_default_twice_in_a_block(world: World, maker: Party, keeper: Party) -> None:
    """Two legs of one account in one block: one reward. A third time there is nothing."""
    trader = world.party("trader", 200)
    for market in range(2):
        world.trade(trader, maker, wad(10), market=market)
    for market in range(2):
        world.price(market, 80)
    assert world.resolve(trader, keeper).event("Resolved").reward == REWARD
    assert world.resolve(trader, keeper, market=1).event("Resolved").reward == 0
    assert world.cash(keeper) == REWARD
    with reverts("resolve: account is solvent"):
        world.resolve(trader, keeper)


def test_resolve_emits_resolved(world: World, trader: Party, keeper: Party) -> None:
    fund, treasury = world.cash(FUND), world.cash(TREASURY)
    receipt = world.resolve(trader, keeper)
    assert events(receipt) == [
        "SideUpdated",
        "BookUpdated",
        "AccountUpdated",
        "PositionUpdated",
        "Resolved",
    ]
    event = receipt.event("Resolved")
    assert (event.account, event.market, event.keeper) == (trader.id, 0, keeper.id)
    assert (event.size, event.price) == (wad(-10), wad(85))
    assert (event.covered, event.paid, event.claims) == (0, wad("50.5"), 0)
    assert (event.charged, event.to_shortfall, event.reward) == (0, 0, REWARD)
    assert unpack_house(event.house) == (fund - wad("50.75"), 0, treasury)
    assert unpack_allowance(event.allowance) == Allowance(
        ALLOWANCE, ALLOWANCE - wad("50.75"), world.chain.timestamp
    )
    side = receipt.event("SideUpdated")
    assert (side.market, side.is_long) == (0, False)
    assert unpack_side(side.side) == Side(-(25 * 10**16) * wad(85), 75 * 10**16, 1)
    book = receipt.event("BookUpdated")
    assert (book.market, unpack_book(book.book)) == (0, (wad(30), wad(150) + BUFFER))
    paid = receipt.event("AccountUpdated")
    assert (paid.account, unpack_wallet(paid.wallet)) == (keeper.id, (REWARD, 0, 0, 0))
    leg = receipt.event("PositionUpdated")
    assert (leg.account, leg.market) == (trader.id, 0)
    assert unpack_leg(leg.snap, leg.profit)[:3] == (0, 0, 0)
    assert unpack_leg(leg.snap, leg.profit).pnl == 0
    assert unpack_wallet(leg.wallet) == (0, 0, world.chain.timestamp, 0)


def test_resolve_emits_leg_in_normal_form(world: World, trader: Party, keeper: Party) -> None:
    """A leg without size and pnl is all zero in the event, as it is in storage."""
    leg = world.resolve(trader, keeper).event("PositionUpdated")
    assert unpack_leg(leg.snap, leg.profit) == Leg(0, 0, 0, 0, 0)


def test_resolve_emits_book_ended(world: World, maker: Party, keeper: Party) -> None:
    trader = world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    world.price(0, 85)
    receipt = world.resolve(trader, keeper)
    event = receipt.event("BookEnded")
    assert event.args == {
        "market": 0,
        "epoch": 1,
        "long_k": 85 * 10**36,
        "short_k": -85 * 10**36,
    }
    for is_long in (True, False):
        side = of(receipt, "SideUpdated", is_long=is_long)
        assert unpack_side(side.side) == Side(0, A_ONE, 2)


def test_resolve_emits_shortfall_updated(world: World, keeper: Party) -> None:
    trader = world.flat_and_bankrupt()
    world.engine.set_allowance(0, 0, sender=world.owner)
    receipt = world.resolve(trader, keeper)
    assert receipt.event("ShortfallUpdated").args == {"market": 0, "shortfall": wad("23.5")}


# -- reverts ---------------------------------------------------------------------------------------


def test_resolve_reverts_account_is_solvent(
    world: World, trader: Party, maker: Party, keeper: Party
) -> None:
    """A tenth of MM is solvent; so is whoever has nothing at all.

    10 * E = MM where 995 - 100 * (100 - p) = 0.6 p + 1: p = 9006 / 99.4 = 90.603621730...; below
    it the position is closed as critical, for which nobody pays. Without a position a wei will do.
    """
    world.price(0, "90.60362174")
    with reverts("resolve: account is solvent"):
        world.resolve(trader, keeper)
    world.price(0, "90.60362173")
    with world.anchor():
        assert world.resolve(trader, keeper).event("Resolved").size == wad(-10)
    flat = world.flat_with_arrears()
    with reverts("resolve: account is solvent"):
        world.resolve(flat, keeper)
    with reverts("resolve: account is solvent"):
        world.resolve(maker, keeper)
    with reverts("resolve: account is solvent"):
        world.resolve(world.party("nobody"), keeper)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3])
def test_resolve_reverts_house_account(world: World, keeper: Party, account: int) -> None:
    with reverts("resolve: account is solvent"):
        world.engine.resolve(account, 0, keeper.id)


def test_resolve_reverts_house_account_with_claims(
    world: World, maker: Party, keeper: Party
) -> None:
    """The fund with claims and no cash left is not bankrupt either."""
    world.resolve(two_legs(world, maker), keeper)
    assert world.recorded(FUND, 1) > 0
    with reverts("resolve: account is solvent"):
        world.engine.resolve(FUND, 1, keeper.id)


def test_resolve_reverts_nothing_to_do(world: World, trader: Party, keeper: Party) -> None:
    """A bankrupt account in a market in which it has nothing."""
    with reverts("resolve: nothing to do"):
        world.resolve(trader, keeper, market=1)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3])
def test_resolve_reverts_keeper_unfit(world: World, trader: Party, account: int) -> None:
    for keeper in (account, trader.id):
        with reverts("resolve: keeper unfit"):
            world.engine.resolve(trader.id, 0, keeper)


@pytest.mark.parametrize("market", [MARKETS, 15, 16, 255, MAX])
def test_resolve_reverts_market_not_listed(
    world: World, trader: Party, keeper: Party, market: int
) -> None:
    with reverts("trading: market not listed"):
        world.resolve(trader, keeper, market=market)


@pytest.mark.parametrize("what", SPOILED)
def test_resolve_reverts_no_fresh_price(
    world: World, trader: Party, keeper: Party, what: str
) -> None:
    world.spoil(0, what)
    with reverts("trading: no fresh price"):
        world.resolve(trader, keeper)


def test_resolve_reverts_pnl_out_of_range(tampered: World) -> None:
    """The fund's claim near its bound: nothing more fits."""
    world = tampered
    maker, keeper = world.party("maker", 10_000), world.party("keeper")
    trader = two_legs(world, maker)
    slot = world.mapped("positions", FUND) + 3
    world.chain.set_storage(world.engine, slot, (2**103 - 1) << 152)
    with reverts("ledger: pnl out of range"):
        world.resolve(trader, keeper)


def test_resolve_reverts_out_of_range(tampered: World) -> None:
    """A market's cash, or the keeper's, near its bound."""
    world = tampered
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 85)
    keeper = world.party("keeper")
    with world.chain.anchor():
        world.set_cash(keeper.id, 2**103 - 1)
        with reverts("ledger: cash out of range"):
            world.resolve(trader, keeper)
    world.set_backing(0, 2**103 - wad(100))
    with reverts("ledger: market out of range"):
        world.resolve(trader, keeper)
