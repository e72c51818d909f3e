"""The views: accounts, positions, markets, orders, addresses."""

import pytest
from engine_world import (
    A_ONE,
    ALLOWANCE,
    BUFFER,
    FREEZE,
    FUND,
    MARKETS,
    MAX,
    REWARD,
    TREASURY,
    ZERO_ADDRESS,
    Config,
    World,
    reverts,
    wad,
)


def test_health_default(world: World) -> None:
    """Long 10 at 110 from 100, short 5 at 105 from 100 in market 1; cash 1000 - 0.75.

    E = 999.25 + 100 - 25, E_init without the 100; gross 1100 + 525; ES 6 % of
    sqrt(1100**2 + 525**2) = 73.13 < floor 81.25; MM = 83.25, IM = 124.875.
    """
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(10))
    world.trade(trader, maker, wad(-5), market=1)
    world.price(0, 110)
    world.price(1, 105)
    health = world.engine.health(trader.id)
    assert health._asdict() == {
        "cash": wad("999.25"),
        "held": 0b11,
        "equity": wad("1074.25"),
        "initial_equity": wad("974.25"),
        "maintenance": wad("83.25"),
        "initial": wad("124.875"),
        "gross": wad(1_625),
        "blind": 0,
        "collateral": 0,
        "losses": wad(25),
    }
    world.kill(1)
    world.chain.mine(seconds=3_601)
    assert world.engine.health(trader.id).blind == 0b11


def test_health_default_of_nobody(world: World) -> None:
    for account in (0, FUND, 3, MAX):
        health = world.engine.health(account)
        assert (health.maintenance, health.initial, health.gross, health.blind) == (0, 0, 0, 0)
        assert health.equity == world.cash(account)


def test_health_default_flat_asks_no_oracle(world: World) -> None:
    trader = world.flat_with_arrears()
    for market in range(world.markets):
        world.kill(market)
    health = world.engine.health(trader.id)
    assert health.equity == wad("74.0375")
    assert health.initial_equity == wad("149.0375") - wad(175)


def test_wallet_default(world: World) -> None:
    trader = world.party("trader", 7)
    assert world.engine.wallet(trader.id) == (wad(7), 0, 0, 0, False, 0, False, 0)
    world.engine.cancel_below(trader.id, 2**56 - 1, sender=trader.key)
    assert world.engine.wallet(trader.id) == (wad(7), 0, 0, 0, False, 0, False, 0)
    assert world.engine.wallet(FUND)[0] == wad(10**6) - MARKETS * BUFFER
    assert world.engine.wallet(TREASURY) == (0, 0, 0, 0, False, 0, False, 0)
    assert world.engine.wallet(3) == (0, 0, 0, 0, False, 0, False, 0)


def test_wallet_default_house_is_one_word(world: World) -> None:
    """Fund and treasury share a word; neither shows the other's part."""
    fund = world.cash(FUND)
    world.trade(world.party("taker", 1_000), world.party("maker", 1_000), wad(10))
    assert world.engine.wallet(FUND) == (fund + wad("0.56"), 0, 0, 0, False, 0, False, 0)
    assert world.engine.wallet(TREASURY) == (wad("0.14"), 0, 0, 0, False, 0, False, 0)


def test_position_default(world: World) -> None:
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(10))
    assert world.engine.position(trader.id, 0)._asdict() == {
        "basis": wad(10),
        "a_snap": A_ONE,
        "k_snap": 10**38,
        "epoch": 1,
        "pnl": 0,
        "size": wad(10),
        "reserve": 0,
        "time": 0,
    }
    assert world.engine.position(maker.id, 0).size == wad(-10)
    assert world.engine.position(trader.id, 15) == (0, 0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("market", [16, MAX])
def test_position_reverts_market(world: World, market: int) -> None:
    with reverts(""):
        world.engine.position(world.party("trader").id, market)


def test_market_extra_default(world: World) -> None:
    """A market as listed at 100: in sync at 100 cut to eleven bits, half of f = 5 % wide."""
    mark = 56 | wad(100) >> 56 << 7
    # the minute of the last fold counts only beside a premium
    assert world.extra()._replace(folded=0) == (0, 0, 0, mark, 13, 0, 0, 0, 0, 0, 0, 0)
    assert world.extra(15) == (0,) * 12


def test_market_extra_default_frozen(world: World) -> None:
    """A resolve ends the book at 80: frozen for a day; of two sides of 10 the loser's is gone."""
    trader, maker = world.party("trader", 100), world.party("maker", 1_000)
    world.trade(trader, maker, wad(10))
    world.price(0, 80)
    world.resolve(trader, world.party("keeper"))
    extra = world.extra()
    assert (extra.frozen_until, extra.frozen_epoch) == (world.chain.timestamp + FREEZE, 1)
    assert (extra.left_long, extra.left_short) == (0, wad(10))


def test_fund_state_default(world: World) -> None:
    assert world.engine.fund_state() == (wad(10**6) - MARKETS * BUFFER, 0, 0)


def test_filled_default(world: World) -> None:
    taker, maker = world.party("taker", 1_000), world.party("maker", 1_000)
    order = world.order(maker, wad(-3))
    assert world.engine.filled(world.digest(order)) == 0
    world.fill(order, taker, wad(1))
    assert world.engine.filled(world.digest(order)) == wad(1)
    world.engine.cancel_order(order, sender=maker.key)
    assert world.engine.filled(world.digest(order)) == MAX


def test_min_salt_default(world: World) -> None:
    trader = world.party("trader")
    assert world.engine.min_salt(trader.id) == 0
    world.engine.cancel_below(trader.id, 2**56 - 1, sender=trader.key)
    assert world.engine.min_salt(trader.id) == 2**56 - 1


def test_is_operator_default(world: World) -> None:
    trader, operator = world.party("trader"), world.key("operator")
    assert not world.engine.is_operator(trader.key, operator)
    world.engine.set_operator(operator, True, sender=trader.key)
    assert world.engine.is_operator(trader.key, operator)


def test_market_state_default(world: World) -> None:
    assert world.state()._asdict() == {
        "long_a": A_ONE,
        "long_k0": 0,
        "short_a": A_ONE,
        "short_k0": 0,
        "epoch": 1,
        "oi": 0,
        "cash": BUFFER,
        "shortfall": 0,
        "allowance": ALLOWANCE,
        "allowance_cap": ALLOWANCE,
        "config": Config(),
    }


def test_market_state_default_not_listed(world: World) -> None:
    state = world.state(15)
    assert not any(state[:-1])
    assert not any(state.config)


@pytest.mark.parametrize("market", [16, MAX])
def test_market_state_reverts_market(world: World, market: int) -> None:
    with reverts(""):
        world.state(market)


def test_closing_k_default(world: World) -> None:
    assert world.engine.closing_k(0, 1, True) == 0
    gone = world.flat_and_bankrupt(market=3)
    assert world.engine.closing_k(3, 1, True) == wad("88.5") * A_ONE
    assert world.engine.closing_k(3, 1, False) == -wad("88.5") * A_ONE
    assert world.engine.closing_k(3, 2, True) == 0
    assert gone


def test_reward_rule_default(world: World) -> None:
    assert tuple(world.engine.reward_rule()) == REWARD


def test_addresses_default(world: World) -> None:
    expected = (world.token, world.oracle, world.risk, world.fund)
    # the vault is named later (tests/unit/collateral_vault)
    assert world.engine.addresses() == (*(each.address for each in expected), ZERO_ADDRESS)


def test_owner_default(world: World) -> None:
    assert world.engine.owner() == world.owner.address
