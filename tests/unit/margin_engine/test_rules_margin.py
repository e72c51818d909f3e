"""MRG and TRD through the engine, each worked by hand."""

from engine_world import (
    FUND,
    RISK,
    TREASURY,
    Config,
    Party,
    World,
    ceil_div,
    reverts,
    wad,
)

from plimsoll.reference.margin import pack_rows


def test_mrg_1_initial_equity_leaves_out_profit(world: World) -> None:
    """Cash 999.4; +300 in market 0, -40 in 1, 0 in 2: E = 1259.4 and E_init = 959.4."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 10_000)
    for market in range(3):
        world.trade(trader, maker, wad(4), market=market)
    world.price(0, 175)
    world.price(1, 90)
    health = world.engine.health(trader.id)
    assert (health.equity, health.initial_equity) == (wad("1259.4"), wad("959.4"))


def test_mrg_1_unpaid_profit_funds_no_new_risk(world: World) -> None:
    """Cash 92 - 0.5, long 10 from 100 at 200: profit 1000, IM of 10 is 181.5. Not a unit more.

    When the loser has settled, the claim has matured and is paid, 1091.5 of cash carry 48 more.
    """
    trader, maker = world.party("trader", 92), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 200)
    with reverts("trading: below initial margin"):
        world.trade(trader, maker, wad("0.1"))
    with reverts("custody: below initial margin"):
        world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)
    world.engine.settle(maker.id)
    world.engine.settle(trader.id)
    assert world.cash(trader) == wad("91.5")
    world.matured(trader)
    world.engine.settle(trader.id)
    assert world.cash(trader) == wad("1091.5")
    world.trade(trader, maker, wad(48))


def test_mrg_1_a_dead_leg_counts_at_its_last_good_price(world: World) -> None:
    """Long 10 from 100; the feed said 90, which was stored, then 80, then it died."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 90)
    world.oracle.checkpoint(1)
    world.price(0, 80)
    assert world.equity(trader) == wad("799.5")
    world.kill(0)
    assert world.equity(trader) == wad("899.5")
    # a stale one counts at its own last answer
    world.feeds[0].set_mode(0)
    world.chain.mine(seconds=3_601)
    assert world.equity(trader) == wad("799.5")
    assert world.engine.health(trader.id).blind == 1


def test_mrg_2_a_hedge_lowers_the_margin(world: World) -> None:
    """Long and short 1000 quote, sigma 10 %, f 4 %: ES = 3 * 10 % * 1000 * sqrt(2 - 2 rho).

    rho 0: 424.27, rho 1: 0 (the floor of 80 holds), rho -1: 600; + 2 for closing.
    """
    risk = (10**11, 4 * 10**10, 10**10, 0, 10**9, 10**6, 2 * 10**10, 5 * 10**12)
    for market in range(2):
        world.set_risk(risk, market)
    trader, maker = world.party("trader", 10_000), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(-10), market=1)
    expected = {10_000: wad(82), -10_000: wad(602), 5_000: wad(302)}
    for rho, margin in expected.items():
        world.correlate(rho, 0, 1)
        assert world.engine.health(trader.id).maintenance == margin
    world.correlate(0)
    # 300 * sqrt(2), rounded up
    assert world.engine.health(trader.id).maintenance == 424_264_068_711_928_514_641 + wad(2)


def test_mrg_3_a_matrix_that_is_none_is_refused(world: World) -> None:
    """Three markets at -0.5001 to each other: the smallest eigenvalue is -0.0002."""
    start = world.chain.timestamp + 86_400
    for rho in (-5_001, -5_000):
        matrix = [[10_000 * (m == n) for n in range(16)] for m in range(16)]
        for m, n in ((0, 1), (0, 2), (1, 2)):
            matrix[m][n] = matrix[n][m] = rho
        rows = pack_rows(matrix)
        if rho == -5_000:
            world.risk.announce_correlations(rows, start, start + 3_600, sender=world.owner)
            continue
        with reverts("risk: matrix is not psd"):
            world.risk.set_correlations(rows, sender=world.owner)
        with reverts("risk: matrix is not psd"):
            world.risk.announce_correlations(rows, start, start + 3_600, sender=world.owner)


def test_mrg_6_listing_checks(world: World) -> None:
    """Penalty within the risk model's cap, the cap within the depth, the feed's gap within g."""
    with reverts("listing: penalty above risk cap"):
        world.configure(penalty_max=2_001)
    world.set_risk((*RISK[:4], 2 * 10**6, *RISK[5:]))
    world.configure()
    with reverts("listing: oi cap above depth"):
        world.configure(oi_cap=Config().oi_cap + 1)
    world.set_risk((*RISK[:2], 10**9, *RISK[3:]))
    with reverts("listing: feed's gap above risk's"):
        world.configure()


def bucket(oi: int, cap: int) -> int:
    """MRG-5: 64ths of the upper half of the cap that are in use."""
    return min(63, max(0, 2 * oi - cap) * 64 // cap)


def test_mrg_5_crowding_raises_the_initial_margin(world: World) -> None:
    """Cap 100: up to 50 nothing, from there by 1/64 of MM alone for each 0.78 more; MM stays.

    It is recorded after a trade, for the next one, and falls as positions close.
    """
    world.configure(oi_cap=wad(100))
    trader, maker = world.party("trader", 10_000), world.party("maker", 10_000)
    steps = (50, "0.5", "0.28125", "24.21875", 25, -40, "-20", 20, "20")
    seen = []
    for step in steps:
        world.trade(trader, maker, wad(step))
        oi = world.state().oi
        seen.append(world.extra().bucket)
        assert seen[-1] == bucket(oi, wad(100))
        crowding = 10**18 + seen[-1] * 10**18 // 64
        for who in (trader, maker):
            health = world.engine.health(who.id)
            alone = oi * 6 + wad(1)
            assert health.maintenance == alone
            surcharge = ceil_div((crowding - 10**18) * alone, 10**18)
            assert health.initial == ceil_div(3 * (alone + surcharge), 2)
    assert seen == [0, 0, 1, 32, 63, 12, 0, 12, 38]


def test_mrg_5_crowding_asks_for_more_of_new_risk_only(world: World) -> None:
    """At three quarters of the cap IM is half as much again: 1014.75 for 75, not 676.5.

    What carried 75 when there was room does not carry one more now, nor does it leave; nobody is
    called for it, and who reduces is not asked.
    """
    world.configure(oi_cap=wad(100))
    trader, maker = world.party("trader", 700), world.party("maker", 10_000)
    world.trade(trader, maker, wad(75))
    assert world.extra().bucket == 32
    # MM = 451, cash 700 - 3.75
    assert world.engine.health(trader.id).initial == wad("1014.75")
    with reverts("trading: below initial margin"):
        world.trade(trader, maker, wad("0.1"))
    with reverts("custody: below initial margin"):
        world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)
    with reverts("liquidation: account is healthy"):
        world.engine.call_margin(trader.id)
    world.trade(trader, maker, wad(-40))
    assert world.extra().bucket == 0
    world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)


def test_mrg_5_crowding_follows_the_owners_cap(world: World) -> None:
    """A new cap counts at once; the guardian's halvings of it do not count."""
    trader, maker = world.party("trader", 10_000), world.party("maker", 10_000)
    world.trade(trader, maker, wad(75))
    assert world.extra().bucket == 0
    world.configure(oi_cap=wad(100))
    assert world.extra().bucket == 32
    world.engine.restrict_market(0, 3, False, sender=world.owner)
    assert world.extra().bucket == 32
    world.configure(oi_cap=wad(75))
    assert world.extra().bucket == 63
    world.configure(oi_cap=wad(150))
    assert world.extra().bucket == 0


def test_mrg_7_a_subaccounts_loss_reaches_no_other(world: World) -> None:
    """The same owner's second account is bankrupt by 50.5 and resolved; the first keeps 500.

    There is no reward: 1/2,000 of the 850 that are closed is below the minimum of 1.
    """
    first, second = world.party("trader", 500), world.party("trader", 100, index=1)
    maker = world.party("maker", 10_000)
    world.trade(second, maker, wad(10))
    world.price(0, 85)
    fund = world.cash(FUND)
    world.resolve(second, world.party("keeper"))
    assert fund - world.cash(FUND) == wad("50.5")
    assert world.cash(first) == wad(500)
    assert world.engine.health(first.id).maintenance == 0
    world.engine.withdraw(first.id, 500 * world.unit, first.key, sender=first.key)


def test_mrg_7_an_id_is_owner_and_index(world: World) -> None:
    """owner << 96 | index: indices up to 2**96 - 1, and nobody else's id is near."""
    last = world.party("trader", 5, index=2**96 - 1)
    assert last.id == (int(last.address, 16) << 96) + 2**96 - 1
    with reverts("custody: not the owner"):
        world.engine.withdraw(last.id + 1, 1, last.key, sender=last.key)
    world.engine.withdraw(last.id, 1, last.key, sender=last.key)


# -- TRD -------------------------------------------------------------------------------------------


def test_trd_1_any_taker_fills_up_to_the_size(world: World) -> None:
    """An order of 3 is filled by three takers, 1.5, 1 and 0.5; then it is done."""
    maker = world.party("maker", 1_000)
    order = world.order(maker, wad(3))
    takers = [world.party(f"taker {i}", 1_000) for i in range(3)]
    for taker, size in zip(takers, (wad("1.5"), wad(1), wad("0.5")), strict=True):
        world.fill(order, taker, size)
    assert world.size(maker) == wad(3)
    with reverts("orders: overfilled"):
        world.fill(order, takers[0], 1)


def test_trd_2_a_loss_against_the_mark_is_paid_in_cash(world: World) -> None:
    """A friend's order 2 % above the mark: 100 * 2 = 200 leave the buyer's cash, not a claim.

    The seller has a claim of 200 and the market the cash: together they have what they had.
    """
    buyer, friend = world.party("buyer", 3_000), world.party("friend", 3_000)
    world.trade(buyer, friend, wad(100), price=wad(102))
    assert world.cash(buyer) == wad(3_000) - wad(200) - wad("5.1")
    assert world.recorded(friend) == wad(200)
    assert world.recorded(buyer) == 0
    total = world.equity(buyer) + world.equity(friend)
    assert total == wad(6_000) - wad("5.1") - wad("2.04")


def test_trd_2_profit_does_not_leave_through_a_friend(world: World) -> None:
    """Profit 1000 unpaid and no free cash: selling 2 % below the mark needs cash for the loss."""
    trader, maker = world.party("trader", 92), world.party("maker", 10_000)
    friend = world.party("friend", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 200)
    world.trade(trader, friend, wad(-10), price=wad(196))  # 40 of its 91.5
    assert world.cash(trader) == wad("91.5") - wad(40) - wad("0.98")
    again = world.party("trader", 92, index=1)
    world.price(0, 100)
    world.trade(again, maker, wad(10))
    world.price(0, 600)
    # 2 % of 6000 is 120, above its cash of 91.5
    with reverts("trading: loss exceeds cash"):
        world.trade(again, friend, wad(-10), price=wad(588))


def test_trd_2_reduces_below_initial_margin(world: World) -> None:
    """E = 49.5 of MM 58: it may reduce, not grow, and not flip."""
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 95)
    for size in (wad(1), wad(-25)):
        with reverts("trading: below initial margin"):
            world.trade(trader, maker, size)
    world.trade(trader, maker, wad(-4))
    # 49.5 - 4 * 95 * 0.05 % = 49.31 of MM 35.2
    health = world.engine.health(trader.id)
    assert (health.equity, health.maintenance) == (wad("49.31"), wad("35.2"))
    world.trade(trader, maker, wad(-6))
    assert world.size(trader) == 0


def test_trd_3_fees_by_fixed_shares(world: World) -> None:
    """30 at 100: taker 1.5, maker 0.6; of 2.1 the treasury has 0.42, the fund 1.68."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    fund, treasury = world.cash(FUND), world.cash(TREASURY)
    world.trade(trader, maker, wad(30))
    assert (world.cash(trader), world.cash(maker)) == (wad("998.5"), wad("999.4"))
    assert world.cash(TREASURY) - treasury == wad("0.42")
    assert world.cash(FUND) - fund == wad("1.68")


def test_trd_3_fees_round_against_the_payer_and_for_the_fund(world: World) -> None:
    """Size 0.1 + 1 wei: fees of 0.005 + 1 wei and 0.002 + 1 wei; a fifth of the sum is floored."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    fund = world.cash(FUND)
    world.trade(trader, maker, wad("0.1") + 1)
    fees = wad("0.007") + 2
    assert 2 * wad(1_000) - world.cash(trader) - world.cash(maker) == fees
    assert world.cash(TREASURY) == fees // 5 == wad("0.0014")
    assert world.cash(FUND) - fund == fees - fees // 5


def test_trd_3_caps(world: World) -> None:
    """Open interest 100,000 units at most, a position 10 to 1,000,000 quote."""
    traders: list[Party] = [world.party(f"trader {i}", 10**6) for i in range(11)]
    makers = [world.party(f"maker {i}", 10**6) for i in range(11)]
    for i in range(10):
        world.trade(traders[i], makers[i], wad(10_000))
    with reverts("trading: open interest cap"):
        world.trade(traders[10], makers[10], wad("0.1"))
    world.trade(traders[9], makers[9], wad(-1))
    world.trade(traders[10], makers[10], wad(1))
