"""takeover_by_order: a slice closed against a signed order, for a reward (LIQ-3)."""

import pytest
from engine_world import (
    BUFFER,
    FUND,
    MARKETS,
    MAX,
    SPOILED,
    TREASURY,
    WAD,
    Order,
    Party,
    World,
    ceil_div,
    events,
    of,
    reverts,
    unpack_book,
    unpack_call,
    unpack_house,
    unpack_wallet,
    wad,
)

RATE = 6_465_517_241_379_310  # see test_takeover.py
PENALTY = 285 * RATE  # of 3 at 95: 1.84267241379310335
PART = PENALTY // 2  # what a liquidator would get of it: what maker and keeper may share
REWARD = WAD // 4  # the minimum, since the base fee is 0


@pytest.fixture(autouse=True)
def _small_reward(world: World) -> None:
    rule = (REWARD, 50 * WAD, 300_000, 1_000, 3_000 * WAD, 3_600)
    world.engine.set_reward(rule, sender=world.owner)


@pytest.fixture
def buyer(world: World) -> Party:
    return world.party("buyer", 1_000)


@pytest.fixture
def keeper(world: World) -> Party:
    """No cash at all."""
    return world.party("keeper")


def test_takeover_by_order_default(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    """At the mark: no loss, reward 0.25 (the minimum), the rest of the penalty to the fund.

    The buyer pays its maker's fee 0.057, of which the treasury has a fifth.
    """
    fund, treasury = world.cash(FUND), world.cash(TREASURY)
    world.takeover_by_order(world.order(buyer, wad(3)), trader, keeper)
    assert world.cash(keeper) == REWARD
    assert world.cash(trader) == wad("49.5") - PENALTY
    assert world.cash(buyer) == wad(1_000) - wad("0.057")
    assert world.cash(TREASURY) - treasury == wad("0.0114")
    assert world.cash(FUND) - fund == PENALTY - REWARD + wad("0.0456")
    assert (world.size(trader), world.size(buyer)) == (wad(7), wad(3))
    assert world.engine.wallet(trader.id)[2] == world.chain.timestamp


def test_takeover_by_order_default_worse_price(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    """At 94.8 the account loses 0.6 to the buyer; of the half of 0.92 there is 0.32 for the keeper.

    The reward is 0.25, the fund has the rest. The account's whole cost is the penalty.
    """
    fund = world.cash(FUND)
    order = world.order(buyer, wad(3), wad("94.8"))
    event = world.takeover_by_order(order, trader, keeper).event("TakenOver")
    assert (event.to_worker, event.to_fund) == (REWARD, PENALTY - wad("0.6") - REWARD)
    assert world.cash(keeper) == REWARD
    assert world.cash(trader) == wad("49.5") - PENALTY
    # the buyer's gain is a claim, the market has the cash for it
    assert world.recorded(buyer) == wad("0.6")
    assert world.state().cash == wad("50.6") + BUFFER
    assert world.cash(FUND) - fund == PENALTY - wad("0.6") - REWARD + wad("0.05688") * 4 // 5


def test_takeover_by_order_default_nothing_below_the_minimum_reward(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    """At 94.7 the loss is 0.9 of 0.92: 0.02 is no reward, and the account's clock does not start.

    Nor is there one for a slice of nothing.
    """
    for size, price in ((wad(3), wad("94.7")), (10**6, wad(95))):
        with world.chain.anchor():
            order = world.order(buyer, wad(3), price)
            world.trade(buyer, world.party("seller", 1_000), wad(1))
            event = world.takeover_by_order(order, trader, keeper, size).event("TakenOver")
            assert (event.to_worker, world.cash(keeper)) == (0, 0)
            assert world.engine.wallet(trader.id)[2] == 0


def test_takeover_by_order_default_better_price(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    """At 95.5 the buyer pays 1.5 more than the mark, which stays with the account."""
    world.takeover_by_order(world.order(buyer, wad(3), wad("95.5")), trader, keeper)
    # arrears 50 - 1.5 of the account, the loss of 1.5 from the buyer: B has 50 either way
    assert world.cash(trader) == wad(51) - PENALTY
    assert world.recorded(trader) == 0
    assert world.cash(buyer) == wad(1_000) - wad("1.5") - wad("0.0573")
    assert world.state().cash == wad(50) + BUFFER


def test_takeover_by_order_default_of_a_short(world: World, maker: Party, keeper: Party) -> None:
    """Short 10 from 100 at 104: a seller at 104.1 closes 2, loss 0.2; penalty 208 * rate, 1.168."""
    short, seller = world.party("short trader", 100), world.party("seller", 1_000)
    world.trade(short, maker, wad(-10))
    world.price(0, 104)
    rate = 5 * 10**15 + 10**16 * (wad("63.4") - wad("59.5")) // wad("63.4")
    world.takeover_by_order(world.order(seller, wad(-2), wad("104.1")), short, keeper)
    assert (world.size(short), world.size(seller)) == (wad(-8), wad(-2))
    assert world.cash(short) == wad("59.5") - 208 * rate
    assert world.cash(keeper) == REWARD


def test_takeover_by_order_default_no_second_reward_within_the_interval(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    order = world.order(buyer, wad(3))
    world.takeover_by_order(order, trader, keeper, wad(1))
    assert world.cash(keeper) == REWARD
    world.chain.mine(seconds=3_599)
    world.takeover_by_order(order, trader, keeper, wad(1))
    assert world.cash(keeper) == REWARD
    world.chain.mine(seconds=1)
    world.price(0, "94.5")
    later = world.order(buyer, wad(1))
    world.takeover_by_order(later, trader, keeper)
    assert world.cash(keeper) == 2 * REWARD


def test_takeover_by_order_default_keeper_is_any_account(
    world: World, trader: Party, buyer: Party
) -> None:
    """Whoever calls names who is paid."""
    friend = world.party("friend", index=77)
    world.takeover_by_order(
        world.order(buyer, wad(3)), trader, friend, sender=world.key("stranger")
    )
    assert world.cash(friend) == REWARD


def test_takeover_by_order_default_penalty_in_claims(
    world: World, buyer: Party, keeper: Party
) -> None:
    """Without free cash the keeper gets nothing, the fund its part in claims of market 1."""
    trader, maker = world.party("claimant", 200), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(5), market=1)
    world.price(0, 78)
    world.price(1, 110)
    rate = 5 * 10**15 + 10**16 * (wad("68.5") - wad("29.25")) // wad("68.5")
    penalty = ceil_div(wad(2) * wad(78) * rate, WAD * WAD)
    world.takeover_by_order(world.order(buyer, wad(2)), trader, keeper)
    assert (world.cash(keeper), world.recorded(keeper, 1)) == (0, 0)
    assert world.recorded(FUND, 1) == penalty
    # nothing was charged as a reward, so the clock has not started
    assert world.engine.wallet(trader.id)[2] == 0


def test_takeover_by_order_default_counts_the_order(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    order = world.order(buyer, wad(2))
    world.takeover_by_order(order, trader, keeper, wad(1))
    assert world.engine.filled(world.digest(order)) == wad(1)
    world.fill(order, world.party("other", 1_000), wad(1))
    with reverts("orders: overfilled"):
        world.takeover_by_order(order, trader, keeper, 1)


def test_takeover_by_order_default_twice_in_a_block(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    order = world.order(buyer, wad(2))
    for _ in range(2):
        world.takeover_by_order(order, trader, keeper, wad(1))
    assert world.size(trader) == wad(8)


def test_takeover_by_order_emits_taken_over(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    fund, treasury = world.cash(FUND), world.cash(TREASURY)
    order = world.order(buyer, wad(3))
    receipt = world.takeover_by_order(order, trader, keeper)
    assert events(receipt) == [
        "PositionUpdated",
        "AccountUpdated",
        "AccountUpdated",
        "PositionUpdated",
        "TakenOver",
    ]
    event = receipt.event("TakenOver")
    assert (event.account, event.target, event.keeper) == (trader.id, buyer.id, keeper.id)
    assert event.order_hash == world.digest(order)
    assert (event.market, event.size, event.price) == (0, wad(-3), wad(95))
    assert (event.to_worker, event.to_fund) == (REWARD, PENALTY - REWARD)
    assert unpack_house(event.house) == (
        fund + PENALTY - REWARD + wad("0.0456"),
        0,
        treasury + wad("0.0114"),
    )
    assert unpack_book(event.book) == (wad(10), wad(50) + BUFFER)
    paid = of(receipt, "AccountUpdated", account=keeper.id)
    assert unpack_wallet(paid.wallet) == (REWARD, 0, 0, 0)
    cured = of(receipt, "AccountUpdated", account=trader.id)
    assert unpack_wallet(cured.wallet).cash == wad("49.5") - PENALTY
    assert unpack_call(cured.wallet) == (0, False)
    leg = of(receipt, "PositionUpdated", account=trader.id)
    assert unpack_wallet(leg.wallet).rewarded_at == world.chain.timestamp


# -- reverts ---------------------------------------------------------------------------------------


def test_takeover_by_order_reverts_keeper_takes_part(
    world: World, trader: Party, buyer: Party
) -> None:
    order = world.order(buyer, wad(3))
    for keeper in (trader, buyer):
        with reverts("liquidation: keeper takes part"):
            world.takeover_by_order(order, trader, keeper)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3])
def test_takeover_by_order_reverts_keeper_has_no_owner(
    world: World, trader: Party, buyer: Party, account: int
) -> None:
    order = world.order(buyer, wad(3))
    with reverts("liquidation: keeper has no owner"):
        world.engine.takeover_by_order(order, world.sign(order), trader.id, wad(3), account)


def test_takeover_by_order_reverts_same_account(world: World, trader: Party, keeper: Party) -> None:
    """An account cannot be closed against its own order."""
    with reverts("liquidation: same account"):
        world.takeover_by_order(world.order(trader, wad(3)), trader, keeper)


def test_takeover_by_order_reverts_order_on_wrong_side(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    with reverts("liquidation: order on wrong side"):
        world.takeover_by_order(world.order(buyer, wad(-3)), trader, keeper)


def test_takeover_by_order_reverts_worse_than_takeover(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    """Of 3 the loss may be half the penalty, 0.307 a unit; a wei of price more is too much."""
    worst = wad(95) - PART // 3
    with reverts("liquidation: worse than takeover"):
        world.takeover_by_order(world.order(buyer, wad(3), worst - 1), trader, keeper)
    event = world.takeover_by_order(world.order(buyer, wad(3), worst), trader, keeper)
    assert event.event("TakenOver").to_worker == 0


def test_takeover_by_order_reverts_loss_exceeds_cash(
    world: World, buyer: Party, keeper: Party
) -> None:
    """Arrears are above the cash: there is none free for a loss, though E = 29.25."""
    trader, maker = world.party("claimant", 200), world.party("maker", 10_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(5), market=1)
    world.price(0, 78)
    world.price(1, 110)
    with reverts("liquidation: loss exceeds cash"):
        world.takeover_by_order(world.order(buyer, wad(2), wad("77.99")), trader, keeper)
    world.takeover_by_order(world.order(buyer, wad(2), wad("78.01")), trader, keeper)


@pytest.mark.parametrize("price", [0, 1, wad("93.1") - 1, wad("96.9") + 1, 2**96, MAX])
def test_takeover_by_order_reverts_price_outside_band(
    world: World, trader: Party, buyer: Party, keeper: Party, price: int
) -> None:
    with reverts("trading: price outside band"):
        world.takeover_by_order(world.order(buyer, wad(3), price), trader, keeper)


def test_takeover_by_order_reverts_wrong_signature(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    order = world.order(buyer, wad(3))
    stranger = world.sign(order, world.key("stranger"))
    for signature in (b"", bytes(65), world.sign(order)[:64], stranger):
        with reverts("orders: wrong signature"):
            world.takeover_by_order(order, trader, keeper, signature=signature)


def test_takeover_by_order_reverts_orders_rules(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    """Expired, cancelled, cancelled below, another's, overfilled, of no size."""
    order = world.order(buyer, wad(3))
    cases: list[tuple[str, Order, int]] = [
        ("orders: expired", order._replace(expiry=world.chain.timestamp - 1), wad(3)),
        ("orders: wrong taker", order._replace(taker=buyer.address), wad(3)),
        ("orders: overfilled", order, wad(3) + 1),
        ("orders: overfilled", order, MAX),
        ("orders: size is zero", order, 0),
        ("orders: size out of range", order._replace(size=2**96 + 1), wad(3)),
    ]
    for reason, each, size in cases:
        with reverts(reason):
            world.takeover_by_order(each, trader, keeper, size)
    world.engine.cancel_order(order, sender=buyer.key)
    with reverts("orders: cancelled"):
        world.takeover_by_order(order, trader, keeper)
    later = world.order(buyer, wad(3))
    world.engine.cancel_below(buyer.id, later.salt + 1, sender=buyer.key)
    with reverts("orders: cancelled"):
        world.takeover_by_order(later, trader, keeper)


def test_takeover_by_order_default_named_taker_is_the_caller(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    order = world.order(buyer, wad(3), taker=keeper.address)
    with reverts("orders: wrong taker"):
        world.takeover_by_order(order, trader, keeper, sender=world.key("stranger"))
    world.takeover_by_order(order, trader, keeper)


def test_takeover_by_order_reverts_above_position(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    with reverts("liquidation: above position"):
        world.takeover_by_order(world.order(buyer, wad(11)), trader, keeper)


def test_takeover_by_order_reverts_account_is_healthy(
    world: World, trader: Party, maker: Party, buyer: Party, keeper: Party
) -> None:
    world.price(0, 96)
    with reverts("liquidation: account is healthy"):
        world.takeover_by_order(world.order(buyer, wad(3)), trader, keeper)


def test_takeover_by_order_reverts_account_bankrupt(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    world.price(0, 90)
    with reverts("liquidation: account bankrupt"):
        world.takeover_by_order(world.order(buyer, wad(3)), trader, keeper)


def test_takeover_by_order_reverts_slice(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    """The account's rules are those of a takeover."""
    with reverts("liquidation: slice too large"):
        world.takeover_by_order(world.order(buyer, wad(4)), trader, keeper)
    with reverts("liquidation: slice too large"):
        world.takeover_by_order(world.order(buyer, wad(10)), trader, keeper)
    with reverts("liquidation: leaves too little"):
        world.takeover_by_order(world.order(buyer, wad("9.9")), trader, keeper)


def test_takeover_by_order_reverts_health_must_rise(
    world: World, buyer: Party, keeper: Party
) -> None:
    """A hedge may not be closed, at any price: the margin rises with it."""
    hedger = world.hedged()
    for price in (wad(100), wad(98)):  # 98 is a gain for the short
        with reverts("liquidation: health must rise"):
            world.takeover_by_order(world.order(buyer, wad(-1), price, market=1), hedger, keeper)


@pytest.mark.parametrize("what", SPOILED)
def test_takeover_by_order_reverts_no_fresh_price(
    world: World, trader: Party, buyer: Party, keeper: Party, what: str
) -> None:
    order = world.order(buyer, wad(3))
    world.spoil(0, what)
    with reverts("trading: no fresh price"):
        world.takeover_by_order(order, trader, keeper)


def test_takeover_by_order_reverts_market_not_listed(
    world: World, trader: Party, buyer: Party, keeper: Party
) -> None:
    world.add_feed(MARKETS, 100)
    for market in (MARKETS, 16, 255):
        order = Order(buyer.id, market, wad(3), wad(95), salt=1)
        with reverts("trading: market not listed"):
            world.takeover_by_order(order, trader, keeper)


def test_takeover_by_order_reverts_makers_rules(
    world: World, trader: Party, maker: Party, keeper: Party
) -> None:
    """The maker's side is that of a fill: fee, minimum, margin, freshness, what only reduces."""
    poor = world.party("poor buyer", "0.05")
    with reverts("trading: fee exceeds cash"):
        world.takeover_by_order(world.order(poor, wad(3)), trader, keeper)
    poor = world.party("poor buyer", 1)
    with reverts("trading: loss exceeds cash"):
        world.takeover_by_order(world.order(poor, wad(3), wad("95.5")), trader, keeper)
    with reverts("trading: below initial margin"):
        world.takeover_by_order(world.order(poor, wad(3)), trader, keeper)
    rich = world.party("rich buyer", 10_000)
    with reverts("trading: below minimum"):
        world.takeover_by_order(world.order(rich, wad("0.1")), trader, keeper)
    with reverts("trading: order only reduces"):
        world.takeover_by_order(world.order(rich, wad(3), reduce_only=True), trader, keeper)
    world.configure(reduce_only=True)
    with reverts("trading: market only reduces"):
        world.takeover_by_order(world.order(rich, wad(3)), trader, keeper)
    # the short that reduces may
    world.takeover_by_order(world.order(maker, wad(1)), trader, keeper)
    world.configure(reduce_only=False)
    world.trade(rich, maker, wad(1), market=1)
    world.kill(1)
    with reverts("trading: a leg is not fresh"):
        world.takeover_by_order(world.order(rich, wad(1)), trader, keeper)


def test_takeover_by_order_reverts_maker_above_maximum(
    world: World, trader: Party, keeper: Party
) -> None:
    whale, other = world.party("whale", 10**6), world.party("other whale", 10**6)
    world.trade(whale, other, wad(10_526))
    with reverts("trading: above maximum"):
        world.takeover_by_order(world.order(whale, wad(1)), trader, keeper)


def test_takeover_by_order_reverts_maker_too_many_markets(
    world: World, trader: Party, keeper: Party
) -> None:
    wide = world.party("wide buyer", 10_000)
    for market in range(1, 9):
        world.trade(wide, world.party("maker", 1_000, index=market), wad(1), market=market)
    with reverts("trading: too many markets"):
        world.takeover_by_order(world.order(wide, wad(1)), trader, keeper)


def test_takeover_by_order_reverts_maker_that_reduces(
    world: World, trader: Party, keeper: Party
) -> None:
    """A maker that reduces needs equity and health that does not fall."""
    world.price(0, 100)
    hedger, other = world.party("hedged maker", 155), world.party("counterparty", 1_000)
    world.trade(hedger, other, wad(-10))
    world.trade(hedger, other, wad(10), market=1)
    world.price(0, 95)
    world.price(1, 79)
    # cash 154, profit 50, arrears 210
    assert world.equity(hedger) == wad(-6)
    with reverts("trading: equity below zero"):
        world.takeover_by_order(world.order(hedger, wad(1)), trader, keeper)
    # at 80 E = 4, MM = 89.5; 1 bought 1.9 above the mark with the fee 0.01938: E' = 2.08 of 84.75
    world.price(1, 80)
    with reverts("trading: health falls"):
        world.takeover_by_order(world.order(hedger, wad(1), wad("96.9")), trader, keeper)
    world.takeover_by_order(world.order(hedger, wad(1)), trader, keeper)
