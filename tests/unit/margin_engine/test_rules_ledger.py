"""LED: the ledger's rules, each worked by hand to the wei."""

import random
from fractions import Fraction

import pytest
from engine_world import (
    A_ONE,
    BUFFER,
    FREEZE,
    FUND,
    RISK,
    TREASURY,
    WAD,
    Party,
    World,
    ceil_div,
    reverts,
    wad,
)

from plimsoll.evm import Revert


def half_resolved(world: World) -> tuple[Party, Party]:
    """Longs of 10 and 20 against a short of 30; the long of 10 is resolved at 85.

    A of the short side is floor(2e18 / 3), its K0 -(1e18 - A) * 85e18.
    """
    bankrupt, other = world.party("bankrupt", 100), world.party("other long", 10_000)
    short = world.party("short", 10_000)
    world.trade(bankrupt, short, wad(10))
    world.trade(other, short, wad(20))
    world.price(0, 85)
    world.resolve(bankrupt, world.party("keeper"))
    return other, short


def test_led_1_a_price_move_writes_nothing(world: World) -> None:
    """K_long(p) = A * p and K_short(p) = -A * p at first; the marks move, the storage does not.

    Long 10 from 100: 105.5 makes 55, 99.99 makes -0.1; the short has the opposite.
    """
    long, short = world.party("long", 1_000), world.party("short", 1_000)
    world.trade(long, short, wad(10))
    assert world.engine.position(long.id, 0).k_snap == 10**18 * wad(100)
    assert world.engine.position(short.id, 0).k_snap == -(10**18) * wad(100)
    before, cash = world.fingerprint(), (world.cash(long), world.cash(short))
    for price, profit in (("105.5", wad(55)), ("99.99", wad("-0.1"))):
        world.price(0, price, sync=False)
        assert world.fingerprint() == before
        assert world.equity(long) - cash[0] == profit == cash[1] - world.equity(short)


def test_led_1_k_at_the_mark_survives_a_resolve(world: World) -> None:
    """A 2/3, K0 -(1/3) * 85: K at 85 is -85e36 as before, at 84 it is -85e36 + A * 1e18."""
    half_resolved(world)
    state = world.state()
    a = 2 * 10**18 // 3
    assert (state.short_a, state.short_k0) == (a, -(A_ONE - a) * wad(85))
    assert state.short_k0 - state.short_a * wad(85) == -A_ONE * wad(85)


def test_led_2_size_and_profit_after_a_resolve(world: World) -> None:
    """Size 30 * 666666666666666666 / 1e18 = 19.99999999999999998, toward zero.

    At 84: 30 * (K(84) + 100e36) / 1e36 = 450 + 30 * 0.666666666666666666 = 469.99999999999999998.
    """
    _, short = half_resolved(world)
    world.price(0, 84)
    assert world.size(short) == -19_999_999_999_999_999_980
    assert world.equity(short) - world.cash(short) == 469_999_999_999_999_999_980
    world.engine.touch(short.id)
    leg = world.engine.position(short.id, 0)
    assert (leg.basis, leg.a_snap) == (-19_999_999_999_999_999_980, 2 * 10**18 // 3)
    assert leg.k_snap == world.state().short_k0 - leg.a_snap * wad(84)
    assert leg.pnl == 469_999_999_999_999_999_980
    # the long side is as it was
    assert (world.state().long_a, world.state().oi) == (A_ONE, wad(20))


def test_led_2_profit_is_floored(world: World) -> None:
    """1 / 3 of 1e-8 a unit: 333333333333333333 units at +1e-8 make 3333333333.33..., floored.

    On the other side -3333333333.33... becomes ...334: the wei between them is dust.
    """
    long, short = world.party("long", 1_000), world.party("short", 1_000)
    world.trade(long, short, 333_333_333_333_333_333)
    world.price(0, "100.00000001")
    for who in (long, short):
        world.engine.touch(who.id)
    assert world.recorded(long) == 3_333_333_333
    assert world.recorded(short) == -3_333_333_334


def test_led_2_an_ended_epoch_stands_at_its_closing_k(world: World) -> None:
    """A lone long 10 is resolved at 85: the short of 10 made 150, whatever the price does later.

    For a day the book is frozen; after that a new position may stand beside the ended one.
    """
    bankrupt, short = world.party("bankrupt", 100), world.party("short", 1_000)
    world.trade(bankrupt, short, wad(10))
    world.price(0, 85)
    world.resolve(bankrupt, world.party("keeper"))
    for price in (1, 1_000):
        world.price(0, price)
        assert world.size(short) == 0
        assert world.equity(short) - world.cash(short) == wad(150)
    world.price(0, 50)
    with reverts("trading: market is frozen"):
        world.trade(short, world.party("other", 1_000), wad(2))
    # a new position beside it: the leg is marked first
    world.chain.mine(seconds=FREEZE)
    world.refresh(0)
    world.engine.thaw(0)
    world.trade(short, world.party("other", 1_000), wad(2))
    leg = world.engine.position(short.id, 0)
    assert (leg.basis, leg.epoch, leg.pnl) == (wad(2), 2, wad(150))


def test_led_3_claims_then_arrears(world: World) -> None:
    """Cash 99.5; claim 40 in market 0, where the buffer and 24 are; arrears 60 in market 1.

    24.001 are paid to the account, then 60 by it: cash 63.501, the claim is 15.999.
    """
    trader, other = world.party("trader", 100), world.party("other", 10_000)
    first = world.party("first short", 1_000)
    world.trade(trader, first, wad(3))
    world.trade(trader, other, wad(2))
    world.trade(trader, other, wad(5), market=1)
    world.price(0, 108)
    world.price(1, 88)
    world.engine.settle(first.id)
    assert world.state().cash == wad(24) + BUFFER
    world.engine.touch(trader.id)
    world.matured(trader)
    world.engine.settle(trader.id)
    assert world.cash(trader) == wad("63.501")
    assert (world.recorded(trader, 0), world.recorded(trader, 1)) == (wad("15.999"), 0)


def test_led_3_never_costs_more_than_arrears(world: World) -> None:
    """Settling an account a hundred times at every price changes nothing of its equity."""
    trader, other = world.party("trader", 1_000), world.party("other", 10_000)
    world.trade(trader, other, wad(7))
    draw = random.Random(3)
    for _ in range(100):
        world.price(0, draw.randrange(95, 106))
        equity = world.equity(trader), world.equity(other)
        world.engine.settle(draw.choice((trader, other)).id)
        assert (world.equity(trader), world.equity(other)) == equity


def test_led_3_short_cash_is_shared_pro_rata(world: World) -> None:
    """Cash 199.25 on arrears of 250 and 150: 124.53125 and 74.71875, to the last wei.

    So 125.46875 and 75.28125 stay owed, and the markets have what was paid.
    """
    trader, maker = world.party("trader", 200), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(5), market=1)
    world.price(0, 75)
    world.price(1, 70)
    world.engine.settle(trader.id)
    assert world.cash(trader) == 0
    assert world.recorded(trader, 0) == -wad("125.46875")
    assert world.recorded(trader, 1) == -wad("75.28125")
    assert world.state(0).cash == wad("124.53125") + BUFFER
    assert world.state(1).cash == wad("74.71875") + BUFFER


def test_led_5_tokens_sent_unasked_are_nobodys(tampered: World) -> None:
    """The balance is above the books then, by exactly the gift; all else stays."""
    world = tampered
    trader = world.party("trader", 100)
    world.token.mint(world.engine, 12_345)
    assert world.broken(given=12_345) == []
    assert world.cash(trader) == wad(100)
    with reverts("custody: above cash"):
        world.engine.withdraw(trader.id, 100 * world.unit + 1, trader.key, sender=trader.key)


def test_led_5_buffer_is_the_dust_of_an_empty_market(world: World) -> None:
    """B + shortfall = sum(pnl) + dust with dust = the buffer, while nothing was rounded."""
    long, short = world.party("long", 1_000), world.party("short", 1_000)
    world.trade(long, short, wad(10), price=wad("100.5"))
    world.price(0, 97)
    for who in (long, short):
        world.engine.touch(who.id)
    state = world.state()
    assert state.cash + state.shortfall - world.recorded(long) - world.recorded(short) == BUFFER


@pytest.mark.parametrize("seed", range(4))
def test_led_5_holds_after_every_call_of_a_story(world: World, seed: int) -> None:
    """Random trades, prices, settlements, liquidations and resolves of eight accounts."""
    draw = random.Random(seed)
    world.correlate(5_000, 0, 1, 2)
    who = [world.party(f"actor {i}", draw.randrange(50, 3_000)) for i in range(8)]
    keeper, rich = world.party("keeper"), world.party("rich", 100_000)
    prices = [100.0] * 3
    done: dict[str, int] = {}
    for _ in range(120):
        market, one, other = draw.randrange(3), draw.choice(who), draw.choice([*who, rich])
        action = draw.choice(
            ("trade", "trade", "price", "settle", "touch", "takeover", "resolve", "cover")
        )
        try:
            if action == "trade" and one != other:
                size = draw.randrange(-20 * WAD, 20 * WAD)
                off = world.mark(market) * draw.randrange(980, 1_020) // 1_000
                world.trade(one, other, size, market, off)
            elif action == "price":
                prices[market] *= 1 + draw.uniform(-0.12, 0.12)
                world.price(market, f"{prices[market]:.8f}")
            elif action in ("settle", "touch"):
                world.engine.functions[action](draw.choice((one.id, FUND)))
            elif action == "takeover":
                size = abs(world.size(one, market)) // draw.choice((1, 2, 5, 64))
                world.takeover(one, size, rich, market)
            elif action == "resolve":
                world.resolve(one, keeper, market)
            elif action == "cover":
                world.engine.cover(market)
        except Revert as failure:
            if not failure.reason:  # an overflow or a bound
                raise
            continue
        done[action] = done.get(action, 0) + 1
        assert world.broken() == []
    assert done["trade"] > 10


def test_led_6_cash_of_a_flat_account_is_its_owners(world: World) -> None:
    """Crashes, resolves, shortfalls and a dead oracle around it: 123.456789 in, 123.456789 out."""
    saver = world.party("saver", "123.456789")
    world.flat_and_bankrupt()
    half_resolved_again(world)
    for market in range(world.markets):
        world.kill(market)
    for call in ("touch", "settle"):
        world.engine.functions[call](saver.id, sender=world.key("stranger"))
    for reason, attempt in (
        ("resolve: account is solvent", lambda: world.resolve(saver, world.party("keeper"))),
        ("orders: not yours", lambda: world.engine.cancel_below(saver.id, 5)),
        ("custody: not the owner", lambda: world.engine.withdraw(saver.id, 1, world.owner)),
    ):
        with reverts(reason):
            attempt()
    assert world.cash(saver) == wad("123.456789")
    world.engine.withdraw(saver.id, 123_456_789, saver.key, sender=saver.key)
    assert world.tokens(saver.key) == 123_456_789


def test_led_6_a_flat_account_leaves_what_it_owes(world: World) -> None:
    """A claim of 150, arrears of 200, which 99.025 of cash could not pay; then 110 are deposited.

    With every feed dead the owner gets 209.025 - 200 out, and not a unit more.
    """
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    for market in range(2):
        world.trade(trader, maker, wad(5), market=market)
    world.price(0, 130)
    world.price(1, 60)
    for market in range(2):
        world.trade(trader, maker, wad(-5), market=market)
    assert (world.recorded(trader, 0), world.recorded(trader, 1)) == (wad(150), wad(-200))
    world.engine.deposit(trader.id, 110 * world.unit, sender=world.key("donor", 110))
    assert world.cash(trader) == wad("209.025")
    for market in range(world.markets):
        world.kill(market)
    most = int(Fraction("9.025") * world.unit)
    with reverts("custody: below initial margin"):
        world.engine.withdraw(trader.id, most + 1, trader.key, sender=trader.key)
    world.engine.withdraw(trader.id, most, trader.key, sender=trader.key)
    assert world.cash(trader) == wad(200)


def half_resolved_again(world: World) -> None:
    """Another market's crash, with nothing from the fund."""
    world.engine.set_allowance(1, 0, sender=world.owner)
    bankrupt, short = world.party("second bankrupt", 100), world.party("second short", 10_000)
    world.trade(bankrupt, short, wad(10), market=1)
    world.price(1, 10)
    world.resolve(bankrupt, world.party("keeper"), market=1)
    assert world.state(1).shortfall > 0


def test_led_8_a_book_ends_below_a_min(world: World) -> None:
    """A long of 1001 against 1 other: A = 1/1002 is below 1e15 and the book ends at 85.

    The short of 1002 from 100 has made 15 a unit: 15,030, as has whoever is still long lost 15.
    """
    whale, other = world.party("whale", 10_000), world.party("other long", 1_000)
    short = world.party("short", 100_000)
    world.trade(whale, short, wad(1_001))
    world.trade(other, short, wad(1))
    world.price(0, 85)
    receipt = world.resolve(whale, world.party("keeper"))
    assert receipt.events("BookEnded")
    state = world.state()
    assert (state.epoch, state.oi, state.short_a, state.long_a) == (2, 0, A_ONE, A_ONE)
    assert world.value(short.id, 0, 0) == (0, wad(15_030))
    assert world.value(other.id, 0, 0) == (0, wad(-15))


def test_led_8_a_book_goes_on_at_a_min(world: World) -> None:
    """1/1000 is A_MIN exactly: it does not end."""
    whale, other = world.party("whale", 10_000), world.party("other long", 1_000)
    short = world.party("short", 100_000)
    world.trade(whale, short, wad(999))
    world.trade(other, short, wad(1))
    world.price(0, 85)
    assert not world.resolve(whale, world.party("keeper")).events("BookEnded")
    assert (world.state().epoch, world.state().short_a) == (1, 10**15)
    assert world.size(short) == wad(-1)


def test_led_8_a_book_ends_when_k0_would_leave_its_field(world: World) -> None:
    """|K0| above 2**149 after a close: reached with storage alone, the mark's bound forbids it."""
    bankrupt, other = world.party("bankrupt", 100), world.party("other long", 10_000)
    short = world.party("short", 10_000)
    world.trade(bankrupt, short, wad(10))
    world.trade(other, short, wad(20))
    world.price(0, 85)
    shift = 2**149 - 10**37  # the close would lower K0 by (1/3) * 85e36
    slot = world.slot("books", 1)
    word = world.chain.storage(world.engine, slot)
    world.chain.set_storage(world.engine, slot, word & ~(2**152 - 1) | ((-shift) % 2**152))
    profit = world.mapped("positions", short.id) + 1
    k_snap = (-shift - 10**38) % 2**152
    world.chain.set_storage(world.engine, profit, k_snap)
    assert world.equity(short) == world.cash(short) + wad(450)
    receipt = world.resolve(bankrupt, world.party("keeper"))
    assert receipt.event("BookEnded").short_k == -shift - 85 * 10**36
    assert world.value(short.id, 0, 0) == (0, wad(450))


def test_led_8_an_empty_market_starts_afresh(world: World) -> None:
    """A is 3/4 after a resolve of 10 of 40; when the last pair closes A and K0 start anew."""
    bankrupt, other = world.party("bankrupt", 100), world.party("other long", 10_000)
    short = world.party("short", 10_000)
    world.trade(bankrupt, short, wad(10))
    world.trade(other, short, wad(30))
    world.price(0, 85)
    world.resolve(bankrupt, world.party("keeper"))
    assert (world.state().short_a, world.state().epoch) == (75 * 10**16, 1)
    receipt = world.trade(other, short, wad(-30))
    assert len(receipt.events("SideUpdated")) == 2
    state = world.state()
    assert (state.oi, state.short_a, state.short_k0, state.epoch) == (0, A_ONE, 0, 1)


def test_led_8_the_last_pair_closes_though_rounding_parted_it(world: World) -> None:
    """After A = 2/3 the short is 20 wei smaller than the long of 20: what is left is dropped."""
    other, short = half_resolved(world)
    world.trade(other, short, world.size(short))
    state = world.state()
    assert (state.oi, state.short_a, state.short_k0, state.epoch) == (0, A_ONE, 0, 2)
    assert (world.size(other), world.size(short)) == (0, 0)


def test_led_8_dust_is_dropped_by_who_reduces(world: World) -> None:
    """dust = 1e5 * 1e18 / 1e16 = 1e7 wei of size. 10 - 1e7 + 1 wei are sold: 1e7 - 1 is nothing.

    The open interest counts as if it were kept, is below the dust, and the book ends at 100.
    """
    long, short = world.party("long", 1_000), world.party("short", 1_000)
    world.trade(long, short, wad(10))
    receipt = world.trade(long, short, -(wad(10) - 10**7 + 1))
    assert receipt.events("BookEnded")
    assert (world.size(long), world.size(short), world.state().oi) == (0, 0, 0)
    assert world.state().epoch == 2
    # exactly the dust is a position, and below the minimum
    world.trade(long, short, wad(10))
    with reverts("trading: below minimum"):
        world.trade(long, short, -(wad(10) - 10**7))


def test_led_9_everything_at_its_largest(world: World) -> None:
    """oi_cap * 2**ceiling = 2**100 * 1e18, not a wei more: open all, crash, resolve: no overflow.

    2**22 units at 302,231 quote, 1.27e12 quote, in two positions below the maximum of 1e12.
    """
    top = 302_231
    world.set_risk((*RISK[:4], 10**12, *RISK[5:]))
    world.price(0, top)
    with reverts("listing: oi cap out of range"):
        world.configure(oi_cap=wad(2**22) + 1, max_notional=10**30)
    world.configure(oi_cap=wad(2**22), max_notional=10**30)
    longs = [world.party(f"whale {i}", 2 * 10**11) for i in range(2)]
    shorts = [world.party(f"bear {i}", 5 * 10**12) for i in range(2)]
    for long, short in zip(longs, shorts, strict=True):
        world.trade(long, short, wad(2**21))
    world.engine.set_allowance(0, 0, sender=world.owner)
    world.price(0, "0.00000001")
    keeper = world.party("keeper")
    assert world.broken() == []
    first = world.resolve(longs[0], keeper).event("Resolved")
    assert first.charged + first.to_shortfall > 10**29
    second = world.resolve(longs[1], keeper)
    assert second.events("BookEnded")
    for short in shorts:
        world.engine.settle(short.id)
    assert world.broken() == []


def test_led_9_everything_at_its_largest_upwards(world: World) -> None:
    """The same for shorts: from 1e-8 to the ceiling."""
    world.set_risk((*RISK[:4], 10**12, *RISK[5:]))
    world.configure(oi_cap=wad(2**22), min_notional=10**16, max_notional=10**30)
    world.price(0, "0.00001")
    short, long = world.party("bear", 100), world.party("bull", 100)
    world.trade(long, short, wad(2**22))
    world.price(0, "302231.45490365")
    assert world.oracle.quote(0)[1] == 0
    world.engine.set_allowance(0, 0, sender=world.owner)
    event = world.resolve(short, world.party("keeper")).event("Resolved")
    # 302,231 a unit is missing, half of it may be charged
    assert event.charged > 0 < event.to_shortfall
    world.engine.settle(long.id)


def test_led_9_a_price_above_the_ceiling_is_none(world: World) -> None:
    """The ceiling is 2**78: a price above it is INVALID, so nothing trades at it."""
    world.price(0, "302231.45490366")
    assert world.oracle.quote(0)[1] == 3
    maker = world.party("maker", 1_000)
    with reverts("trading: no fresh price"):
        world.trade(world.party("taker", 1_000), maker, wad(1))


def test_led_2_the_oi_is_never_below_a_side(world: World) -> None:
    """Resolves of odd sizes: the short side's sizes fall behind the open interest, never above."""
    short = world.party("short", 10**6)
    longs = [world.party(f"long {i}", 100) for i in range(6)]
    stayer = world.party("stayer", 10**5)
    world.trade(stayer, short, 13 * WAD + 7)
    for i, long in enumerate(longs):
        world.trade(long, short, 5 * WAD + 1 + i * 10**9)
    world.price(0, 70)
    keeper = world.party("keeper")
    for long in longs:
        world.resolve(long, keeper)
        state = world.state()
        assert state.oi >= -world.size(short)
        assert state.oi + world.size(short) <= ceil_div(state.oi, state.short_a) * 10
    assert world.state().oi == 13 * WAD + 7
    assert world.cash(TREASURY) > 0
