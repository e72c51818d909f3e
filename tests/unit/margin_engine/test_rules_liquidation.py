"""LIQ: takeovers, resolves, rewards; by hand, and as properties over random portfolios."""

import random
from dataclasses import dataclass
from fractions import Fraction

import pytest
from engine_world import (
    ALLOWANCE,
    BUFFER,
    FUND,
    TAU,
    TREASURY,
    WAD,
    Party,
    World,
    ceil_div,
    reverts,
    wad,
)

from plimsoll.evm import Revert

SHARE = 8 * 10**17  # of the equity that penalties may take
PROBE = 64


def long_at(world: World, price: int | str, cash: int = 100, size: int = 10) -> Party:
    """Long `size` (10) from 100 with `cash` less 0.05 % of it, now at `price`."""
    trader, maker = world.party("trader", cash), world.party("maker", 1_000 * size)
    world.trade(trader, maker, wad(size))
    world.price(0, price)
    return trader


# -- LIQ-2 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "rate"),
    [
        # E = 99.5 - 10 * (100 - p), MM = 0.6 p + 1
        ("95.9", 5 * 10**15 + 10**16 * wad("0.04") // wad("58.54")),
        ("95", 5 * 10**15 + 10**16 * wad("8.5") // wad(58)),
        ("92", 5 * 10**15 + 10**16 * wad("36.7") // wad("56.2")),
        # 0.5 % + 1 % * 50.14 / 55.12 = 1.41 % would be above 0.8 * 5 / 902 = 0.4435 %
        ("90.55", wad(4) // 1 * 10**18 // wad("905.5")),
    ],
)
def test_liq_2_rate_grows_with_the_shortfall(world: World, price: str, rate: int) -> None:
    """0.5 % at MM to 1.5 % at zero, never more than 0.8 of E / sum |x|.

    In the last row the margin that 0.2 of 10 free is the tighter bound: 1 of the MM is fixed.
    """
    trader, liquidator = long_at(world, price), world.party("liquidator", 1_000)
    health = world.engine.health(trader.id)
    event = world.takeover(trader, wad("0.2"), liquidator).event("TakenOver")
    freed = health.maintenance - world.engine.health(trader.id).maintenance
    expected = min(
        ceil_div(wad("0.2") * world.mark(0) * rate, WAD * WAD),
        health.equity * SHARE // WAD * freed // health.maintenance,
    )
    assert event.to_worker + event.to_fund == expected
    assert event.to_worker == expected // 2


def test_liq_2_penalty_is_bounded_by_the_margin_that_is_freed(world: World) -> None:
    """A hedge near its kink: the slice frees little, and the penalty follows that.

    Long 40 at 80.5 and short 24.8 at 100, correlation 1: ES = 30 % of 740 = 222, floor 4 % of 5700
    = 228 = MM. Of the short 0.199: ES 227.97, so 0.03 is freed. E = 1000 - 3.24 - 780 = 216.76;
    the penalty is 0.8 * 216.76 * 0.03 / 228, a fifth of what the rate would give.
    """
    risk = (10**11, 4 * 10**10, 10**10, 0, 10**9, 0, 2 * 10**10, 5 * 10**12)
    for market in range(2):
        world.set_risk(risk, market)
    world.correlate(10_000, 0, 1)
    trader, maker = world.party("hedger", 1_000), world.party("maker", 100_000)
    for _ in range(4):
        world.trade(trader, maker, wad("-6.2"), market=1)
        world.trade(trader, maker, wad(10))
    world.price(0, "80.5")
    health = world.engine.health(trader.id)
    assert (health.equity, health.maintenance) == (wad("216.76"), wad(228))
    liquidator = world.party("liquidator", 10_000)
    event = world.takeover(trader, wad("0.199"), liquidator, market=1).event("TakenOver")
    assert event.to_worker + event.to_fund == wad("173.408") * wad("0.03") // wad(228)
    assert world.health(trader) > Fraction(health.equity, health.maintenance)


def test_liq_2_whole_where_no_part_raises_health(world: World) -> None:
    """A hedge frees its fixed cost of 1000 when it goes as a whole, and nothing before.

    Long 40 at 43 against 1 short at 100, correlation 1: MM = 30 % of 1620 + 2000 = 2486; with half
    of the hedge 2501, without it 30 % of 1720 + 1000 = 1516. E = 4757.95 - 2280 = 2477.95 is above
    1.25 of that: the whole may go though, because what is left at the minimum size is within it.
    """
    risk = (10**11, 4 * 10**10, 10**10, 0, 10**9, 10**9, 2 * 10**10, 5 * 10**12)
    for market in range(2):
        world.set_risk(risk, market)
    world.correlate(10_000, 0, 1)
    trader, maker = world.party("hedger", 4_760), world.party("maker", 100_000)
    world.trade(trader, maker, wad(-1), market=1)
    world.trade(trader, maker, wad(40))
    world.price(0, 43)
    health = world.engine.health(trader.id)
    assert (health.equity, health.maintenance) == (wad("2477.95"), wad(2_486))
    liquidator = world.party("liquidator", 10_000)
    with reverts("liquidation: health must rise"):
        world.takeover(trader, wad("0.5"), liquidator, market=1)
    world.takeover(trader, wad(1), liquidator, market=1)
    assert world.size(trader, 1) == 0
    assert world.engine.health(trader.id).maintenance == wad(1_516)


def sink(world: World, account: Party, draw: random.Random, markets: int) -> bool:
    """Move the prices against an account until 0 < E < MM; whether that came about."""
    prices, step = [100.0] * markets, 1.0
    sizes = [world.size(account, market) for market in range(markets)]
    for _ in range(200):
        moved = []
        for market in range(markets):
            bias = 0.004 * (sizes[market] < 0) - 0.004 * (sizes[market] > 0)
            moved.append(prices[market] * (1 + step * (draw.uniform(-0.01, 0.01) + bias)))
            world.price(market, f"{moved[market]:.8f}")
        health = world.engine.health(account.id)
        if 0 < health.equity < health.maintenance:
            return True
        if health.equity <= 0:
            step /= 2
        else:
            prices = moved
    return False


def portfolio(world: World, draw: random.Random) -> Party:
    """One to three legs with leverage, correlated one way or another, about to be liquidated."""
    legs = draw.choice((1, 2, 2, 3))
    risk = (
        draw.randrange(10**10, 10**11),
        4 * 10**10,
        draw.choice((10**10, 2 * 10**10)),
        draw.choice((0, 10**9, 10**10)),
        draw.choice((10**4, 10**9)),
        draw.choice((0, 10**6, 5 * 10**7)),
        2 * 10**10,
        10**12,
    )
    for market in range(3):
        world.set_risk(risk, market)
        world.configure(market, oi_cap=wad(90), penalty_min=draw.randrange(0, 500))
    world.correlate(draw.choice((0, 5_000, 9_500, 10_000)), *range(legs))
    account, maker = world.party("account", 10_000), world.party("maker", 10**6)
    for market in draw.sample(range(legs), legs):
        size = draw.choice((-1, 1)) * draw.randrange(WAD // 5, 60 * WAD)
        world.trade(account, maker, size, market)
    initial = world.engine.health(account.id).initial
    spare = (world.cash(account) - initial) * 999 // 1000
    if spare // 10**12 > 0:
        units = spare // 10**12
        world.engine.withdraw(account.id, units, account.key, sender=account.key)
    return account


@dataclass
class Case:
    """An account with 0 < E < MM and one of its legs, before a slice is taken of it."""

    world: World
    account: Party
    market: int

    def __post_init__(self) -> None:
        world = self.world
        self.sizes = {m: world.size(self.account, m) for m in range(3)}
        self.whole = abs(self.sizes[self.market])
        self.mark = world.mark(self.market)
        self.config = world.state(self.market).config
        health = world.engine.health(self.account.id)
        self.equity, self.maintenance = health.equity, health.maintenance
        low, high = self.config.penalty_min * 10**13, self.config.penalty_max * 10**13
        self.rate = min(
            low + (high - low) * (self.maintenance - self.equity) // self.maintenance,
            SHARE * self.equity // health.gross,
        )

    def margin(self, taken: int) -> int:
        """MM with the slice gone, by the risk model itself."""
        legs = []
        for market, size in self.sizes.items():
            left = abs(size) - (taken if market == self.market else 0)
            x = ceil_div(left * self.world.mark(market), WAD)
            if x:
                legs.append((market, x if size > 0 else -x, WAD))
        return int(self.world.risk.margin(legs)[0]) if legs else 0

    def penalty(self, taken: int) -> int:
        """LIQ-2 step 1."""
        freed = self.maintenance - self.margin(taken)
        asked = ceil_div(taken * self.mark * self.rate, WAD * WAD)
        return max(0, min(asked, self.equity * SHARE // WAD * freed // self.maintenance))

    def whole_may_go(self) -> bool:
        """LIQ-2 5a or 5b."""
        least = ceil_div(self.config.min_notional * WAD, self.mark)
        most = self.whole - least
        if most <= 0 or (self.equity - self.penalty(most)) * WAD <= TAU * self.margin(most) * WAD:
            return True
        return self.margin(max(1, self.whole // PROBE)) >= self.maintenance


@pytest.mark.parametrize("seed", range(36))
def test_liq_2_properties(world: World, seed: int) -> None:
    """Every slice that the engine lets pass, of a random portfolio, holds against the rules."""
    draw = random.Random(seed)
    account = portfolio(world, draw)
    liquidator = world.party("liquidator", 10**6)
    assert sink(world, account, draw, 3)
    passed = 0
    for _ in range(24):
        case = Case(world, account, draw.randrange(3))
        if not case.whole:
            continue
        share = case.whole // draw.choice((64, 16, 4, 3, 2, 1, 1))
        size = max(1, share - draw.choice((0, 0, 1, draw.randrange(share + 1))))
        with world.anchor():
            passed += check_slice(case, liquidator, size)
    assert passed


def check_slice(case: Case, liquidator: Party, size: int) -> bool:
    """Take a slice if it is allowed: health rises, the penalty is bounded, nothing grows,

    and more than 1.25 of the margin is left only by a whole position that had to go as a whole.
    """
    world, account, market = case.world, case.account, case.market
    try:
        event = world.takeover(account, size, liquidator, market).event("TakenOver")
    except Revert as failure:
        if not failure.reason:
            raise
        return False
    after = world.engine.health(account.id)
    charged = event.to_worker + event.to_fund
    # what it lost is what was charged, up to the floor of each mark
    assert 0 <= case.equity - charged - after.equity <= 2
    assert charged <= case.penalty(size)
    assert charged <= ceil_div(size * case.mark * case.rate, WAD * WAD)
    assert charged * 10 <= case.equity * 8
    # health has risen
    assert after.maintenance == case.margin(size)
    if after.maintenance:
        assert after.equity * case.maintenance > case.equity * after.maintenance
    # nothing grew
    left = {m: abs(world.size(account, m)) for m in range(3)}
    assert left == {m: abs(s) - size * (m == market) for m, s in case.sizes.items()}
    # not more than needed
    if after.maintenance and Fraction(after.equity, after.maintenance) > TAU:
        assert left[market] == 0
        assert case.whole_may_go()
    minimum = case.config.min_notional
    assert left[market] == 0 or ceil_div(left[market] * case.mark, WAD) >= minimum
    assert world.broken() == []
    return True


# -- LIQ-3 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_liq_3_is_no_worse_than_a_takeover(world: World, seed: int) -> None:
    """Whatever the order's price, the account's whole cost is at most a takeover's penalty.

    Half of it is not for sale: maker and keeper together have at most the liquidator's part.
    """
    draw = random.Random(seed)
    trader, keeper = long_at(world, "94.2"), world.party("keeper")
    buyer = world.party("buyer", 10_000)
    world.engine.set_reward((0, 10 * WAD, 0, 0, 0, 60), sender=world.owner)
    closed = 0
    for _ in range(12):
        size = draw.randrange(WAD // 2, 3 * WAD)
        price = world.mark(0) + draw.randrange(-2 * WAD // 5, WAD // 5)
        with world.anchor():
            liquidator = world.party("liquidator", 1_000)
            event = world.takeover(trader, size, liquidator).event("TakenOver")
            by_takeover = world.equity(trader)
            penalty = event.to_worker + event.to_fund
        with world.anchor():
            order = world.order(buyer, size, price)
            try:
                event = world.takeover_by_order(order, trader, keeper).event("TakenOver")
            except Revert as failure:
                assert failure.reason == "liquidation: worse than takeover"  # noqa: PT017
                assert size * (world.mark(0) - price) > penalty // 2 * WAD
                continue
            closed += 1
            assert world.equity(trader) >= by_takeover - 1
            loss = ceil_div(max(0, size * (world.mark(0) - price)), WAD)
            assert loss + event.to_worker <= penalty // 2
            assert loss + event.to_worker + event.to_fund == penalty
    assert closed


# -- LIQ-4 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_liq_4_others_are_charged_the_loss_and_no_more(world: World, seed: int) -> None:
    """Loss = fund + shortfall + charge; the charge goes to the other side by size, up to dust."""
    draw = random.Random(seed)
    gambler = world.party("gambler", 400)
    others = [world.party(f"other {i}", 10**5) for i in range(draw.randrange(1, 6))]
    sign = draw.choice((-1, 1))
    for other in others:
        part = 40 * WAD // len(others) - draw.randrange(10**15)
        world.trade(gambler, other, sign * part)
        world.trade(world.party("bystander", 10**5), other, sign * draw.randrange(WAD, 30 * WAD))
    world.price(0, f"{100 - sign * draw.uniform(11, 60):.8f}")
    world.engine.set_allowance(0, draw.choice((0, wad(30), ALLOWANCE)), sender=world.owner)
    world.engine.touch(gambler.id)
    owed = -world.recorded(gambler) - world.cash(gambler)
    assert owed > 0
    sizes = [abs(world.size(other)) for other in others]
    before = [world.equity(other) for other in others]
    interest = world.state().oi
    event = world.resolve(gambler, world.party("keeper")).event("Resolved")
    assert event.paid + event.charged + event.to_shortfall == owed
    lost = [old - world.equity(other) for old, other in zip(before, others, strict=True)]
    assert all(each >= 0 for each in lost)
    assert sum(lost) <= event.charged + 2 * len(others)
    for each, size in zip(lost, sizes, strict=True):
        assert abs(each - event.charged * size // interest) <= 2
    # and what is closed of them is what was open of the bankrupt
    closed = sum(sizes) - sum(abs(world.size(other)) for other in others)
    assert 0 <= closed - abs(event.size) <= 2 * len(others) + interest // 10**18


def test_liq_4_the_fund_first_then_others(world: World) -> None:
    """Arrears 50.5: allowance 20 from the fund, 30.5 to a short of 10, 3.05 a unit."""
    trader = long_at(world, 85)
    maker = next(p for p in world.parties.values() if p and p.key.name == "maker")
    world.trade(world.party("other", 10_000), maker, wad(10))
    world.engine.set_allowance(0, wad(20), sender=world.owner)
    before = world.equity(maker)
    event = world.resolve(trader, world.party("keeper")).event("Resolved")
    assert (event.paid, event.charged) == (wad(20), wad("30.5"))
    assert before - world.equity(maker) == wad("30.5")


def test_liq_4_arrears_are_shared_pro_rata(world: World) -> None:
    """Cash 199.25 on arrears of 250 and 150 (R = 400): 124.53125 and 74.71875.

    So 125.46875 and 75.28125 are missing, whichever market is resolved first.
    """
    trader, maker = world.party("trader", 200), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(5), market=1)
    world.price(0, 75)
    world.price(1, 70)
    keeper = world.party("keeper")
    for first in (0, 1):
        with world.anchor():
            paid = {
                market: world.resolve(trader, keeper, market).event("Resolved").paid
                for market in (first, 1 - first)
            }
            assert paid == {0: wad("125.46875"), 1: wad("75.28125")}


def test_liq_4_allowance_refills_over_a_day(world: World) -> None:
    """1,000 a day; 499.7 used; after a quarter of a day 750.3, after a day full, never above."""
    world.engine.set_allowance(0, wad(1_000), sender=world.owner)
    world.engine.set_reward((wad("0.2"), WAD, 0, 0, 0, 3_600), sender=world.owner)
    trader = long_at(world, 40, cash=101)
    world.resolve(trader, world.party("keeper"))
    # loss 600 - 100.5, and the reward of 0.2, a 2,000th of 10 * 40
    assert world.state().allowance == wad("500.3")
    world.chain.mine(seconds=21_600)
    assert world.state().allowance == wad("750.3")
    world.chain.mine(seconds=86_400)
    assert world.state().allowance == wad(1_000)


# -- LIQ-5 -----------------------------------------------------------------------------------------


def test_liq_5_oscillating_around_the_margin_pays_once(world: World) -> None:
    """Ten liquidations by order of one account within an hour: one reward, of 0.003.

    The profit of each recovery counts for new risk only when it has matured (LED-4, MRG-1).
    """
    world.engine.set_reward((wad("0.003"), 50 * WAD, 0, 0, 0, 3_600), sender=world.owner)
    trader, keeper = long_at(world, 85, cash=200), world.party("keeper")
    buyer = world.party("buyer", 10_000)
    world.trade(buyer, world.party("seller", 10_000), wad(1))
    for _ in range(10):
        world.takeover_by_order(world.order(buyer, wad("0.1")), trader, keeper)
        world.price(0, 100)
        world.engine.touch(trader.id)
        world.matured(trader)
        world.engine.settle(trader.id)
        world.trade(trader, buyer, wad("0.1"))
        world.price(0, 85)
        world.chain.mine(seconds=60)
        assert world.cash(keeper) == wad("0.003")


@pytest.mark.parametrize(
    ("basefee", "reward"),
    [
        (0, WAD),
        # 300,000 gas * 1 gwei * 3,000 * 1.1 = 0.99, below the minimum
        (10**9, WAD),
        (20 * 10**9, wad("19.8")),
        (100 * 10**9, 50 * WAD),
        (10**30, 50 * WAD),
    ],
)
def test_liq_5_formula(world: World, basefee: int, reward: int) -> None:
    """Long 2,000 at 85: a 2,000th of its notional is 85, above the rule's cap."""
    trader = long_at(world, 85, cash=25_000, size=2_000)
    world.chain.basefee = basefee
    keeper = world.party("keeper")
    assert world.resolve(trader, keeper).event("Resolved").reward == reward
    assert world.cash(keeper) == reward


def test_liq_5_a_reward_is_what_was_charged(world: World) -> None:
    """Allowance 50.5 + 0.3: the loss is paid, 0.3 is below the minimum of 0.4: no reward at all."""
    trader = long_at(world, 85)
    world.engine.set_reward((wad("0.4"), WAD, 0, 0, 0, 3_600), sender=world.owner)
    with world.anchor():
        world.engine.set_allowance(0, wad("50.9"), sender=world.owner)
        assert world.resolve(trader, world.party("keeper")).event("Resolved").reward == wad("0.4")
    world.engine.set_allowance(0, wad("50.8"), sender=world.owner)
    fund = world.cash(FUND)
    event = world.resolve(trader, world.party("keeper")).event("Resolved")
    assert (event.paid, event.reward) == (wad("50.5"), 0)
    assert fund - world.cash(FUND) == wad("50.5")
    assert world.engine.wallet(trader.id)[2] == 0


def test_liq_5_interval(world: World) -> None:
    """The second resolve of an account pays nothing within the hour, and again at the hour.

    A 2,000th of 80 at 70 is 2.8, above the minimum of 1.
    """
    trader, maker = world.party("trader", 4_000), world.party("maker", 10_000)
    for market in range(3):
        world.trade(trader, maker, wad(80), market=market)
    for market in range(3):
        world.price(market, 70)
    keeper = world.party("keeper")
    assert world.resolve(trader, keeper, 0).event("Resolved").reward == WAD
    world.chain.mine(seconds=3_599)
    assert world.resolve(trader, keeper, 1).event("Resolved").reward == 0
    world.chain.mine(seconds=1)
    world.refresh(2)
    assert world.resolve(trader, keeper, 2).event("Resolved").reward == WAD


# -- LIQ-6 -----------------------------------------------------------------------------------------


def test_liq_6_the_fund_never_holds_a_position(world: World) -> None:
    """After takeovers, closings by order and resolves the house has cash and claims, no size."""
    trader, buyer = long_at(world, 95), world.party("buyer", 1_000)
    keeper = world.party("keeper")
    world.takeover(trader, wad(1), buyer)
    world.takeover_by_order(world.order(buyer, wad(1)), trader, keeper)
    world.price(0, 80)
    world.resolve(trader, keeper)
    for account in (FUND, TREASURY, 0, 3):
        for market in range(16):
            position = world.engine.position(account, market)
            assert (position.basis, position.size) == (0, 0)
    assert world.engine.health(FUND).gross == 0


def test_liq_6_no_liquidation_moves_tokens(world: World) -> None:
    """Nothing is sent to anyone, so no address that the token has blocked can be in the way."""
    trader, buyer = long_at(world, 95), world.party("buyer", 1_000)
    keeper, tokens = world.party("keeper"), world.tokens(world.engine)
    receipts = [
        world.takeover(trader, wad(1), buyer),
        world.takeover_by_order(world.order(buyer, wad(1)), trader, keeper),
    ]
    world.price(0, 80)
    receipts.append(world.resolve(trader, keeper))
    for receipt in receipts:
        assert receipt.events("Transfer") == []
    assert world.tokens(world.engine) == tokens
    assert BUFFER > 0


def crowd(world: World, share: int, longs: int = 3) -> list[Party]:
    """Longs of 10 from 100 with cash 99.5, of an open interest of 40, at 95: E = 49.5, MM = 58."""
    maker = world.party("maker", 100_000)
    called = [world.party(f"long {i}", 100) for i in range(longs)]
    for each in called:
        world.trade(each, maker, wad(10))
    world.trade(world.party("rich long", 10_000), maker, wad(40 - 10 * longs))
    world.configure(takeover_share=share)
    world.price(0, 95)
    return called


def test_liq_6_window_is_used_up_and_starts_again(world: World) -> None:
    """2/16 of 40 is 5: 3 of one account and 2 of another, not a wei more for 600 s."""
    first, second, third = crowd(world, share=2)
    liquidator, keeper = world.party("liquidator", 10_000), world.party("keeper")
    start = world.chain.timestamp
    receipt = world.takeover(first, wad(3), liquidator)
    assert receipt.event("WindowUpdated").args == {
        "market": 0,
        "window": 2 << 144 | start << 104 | wad(3),
    }
    world.chain.mine(seconds=100)
    with reverts("liquidation: window is used up"):
        world.takeover(second, wad(2) + 1, liquidator)
    world.takeover_by_order(world.order(liquidator, wad(2)), second, keeper)
    assert (world.extra().window_taken, world.extra().window_start) == (wad(5), start)
    for seconds in (0, 499):
        world.chain.set_time(start + 100 + seconds)
        with reverts("liquidation: window is used up"):
            world.takeover(third, 1, liquidator)
        order = world.order(liquidator, 1)
        with reverts("liquidation: window is used up"):
            world.takeover_by_order(order, third, keeper)
    world.chain.set_time(start + 600)
    world.takeover(third, wad(3), liquidator)
    assert (world.extra().window_taken, world.extra().window_start) == (wad(3), start + 600)


def test_liq_6_window_counts_the_interest_before_the_trade(world: World) -> None:
    """2/16 of 40 are 5; a short that takes 3 lowers the interest to 37, and what may go with it."""
    first, second, _ = crowd(world, share=2)
    short = next(p for p in world.parties.values() if p and p.key.name == "maker")
    world.takeover(first, wad(3), short)
    assert world.state().oi == wad(37)
    # floor(37 * 2 / 16) = 4.625
    with reverts("liquidation: window is used up"):
        world.takeover(second, wad("1.625") + 1, short)
    world.takeover(second, wad("1.625"), short)


@pytest.mark.parametrize("share", [0, 2])
def test_liq_6_window_is_not_for_who_needs_no_call(world: World, share: int) -> None:
    """Below 0.7 of MM nothing is read or written; nor without a share, whoever it is."""
    first, second, third = crowd(world, share)
    liquidator = world.party("liquidator", 10_000)
    world.takeover(first, wad(3), liquidator)
    world.takeover(second, wad(2), liquidator)
    before = world.extra()
    assert before.window_taken == (wad(5) if share else 0)
    assert (before.window_start != 0) == (share != 0)
    world.price(0, 94)
    receipt = world.takeover(third, wad(4), liquidator, called=False)
    assert receipt.events("WindowUpdated") == []
    assert world.extra().window_taken == before.window_taken
    assert world.extra().window_start == before.window_start


def test_liq_6_window_leaves_twice_the_minimum(world: World) -> None:
    """1/16 of 10 is 0.625; twice a minimum of 100 quote is 2.105... at 95, rounded down."""
    trader, liquidator = long_at(world, 95), world.party("liquidator", 1_000)
    world.configure(takeover_share=1, min_notional=100 * WAD)
    most = 200 * WAD * WAD // wad(95)
    with reverts("liquidation: window is used up"):
        world.takeover(trader, most + 1, liquidator)
    world.takeover(trader, most, liquidator)
    assert world.extra().window_taken == most


def test_liq_6_window_is_kept_by_a_new_configuration(world: World) -> None:
    """What was taken counts on with another share; a share is at most 15."""
    first, second, _ = crowd(world, share=2)
    liquidator = world.party("liquidator", 10_000)
    world.takeover(first, wad(3), liquidator)
    world.configure(takeover_share=1)  # 2.5
    with reverts("liquidation: window is used up"):
        world.takeover(second, 1, liquidator)
    world.configure(takeover_share=15)
    assert world.extra().window_taken == wad(3)
    world.takeover(second, wad(3), liquidator)
    assert world.extra().window_taken == wad(6)
    with reverts("listing: takeover share too high"):
        world.configure(takeover_share=16)


@pytest.mark.parametrize("seed", range(4))
def test_liq_6_window_property(world: World, seed: int) -> None:
    """At random times and sizes: refused just where a count of one's own says so."""
    draw = random.Random(seed)
    share = draw.randrange(1, 4)
    accounts = crowd(world, share)
    liquidator = world.party("liquidator", 10_000)
    start = taken = refused = passed = 0
    for _ in range(40):
        world.chain.mine(seconds=draw.choice((0, 1, 60, 299)))
        world.refresh(0)
        account = draw.choice(accounts)
        if world.health(account) >= 1:
            continue
        world.called(account)
        size = draw.randrange(1, 3 * WAD // 2)
        now, interest = world.chain.timestamp, world.state().oi
        if now - start >= 600:
            start, taken = now, 0
        most = max(interest * share // 16, 20 * WAD * WAD // wad(95))
        if taken + size > most:
            with reverts("liquidation: window is used up"):
                world.takeover(account, size, liquidator)
            refused += 1
        else:
            world.takeover(account, size, liquidator)
            taken += size
            passed += 1
            assert (world.extra().window_taken, world.extra().window_start) == (taken, start)
    assert passed
    assert refused
