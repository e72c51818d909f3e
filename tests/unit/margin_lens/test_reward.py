"""reward: what a keeper would get, at a base fee of its choice (LIQ-5)."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18
GWEI = 10**9
INTERVAL = 3_600


def formula(basefee: int) -> int:
    """LIQ-5 with the rule of these tests: 300,000 gas, 3,000 a native token, 10 % on top."""
    cost = 300_000 * basefee * 3_000 * WAD * 11_000 // (WAD * 10**4)
    return min(max(WAD, cost), 50 * WAD)


@pytest.mark.parametrize("basefee", [0, 1, GWEI, 20 * GWEI, 40 * GWEI, 60 * GWEI, 10**15, 10**18])
def test_reward_formula(world, trader, basefee):
    """With a position of 100,000, of which 1/2,000 is the rule's cap."""
    account = world.open_account(trader, 0, 10_000)
    world.trade(trader, account, 0, 50 * WAD)
    reward = world.lens.reward(account, 0, basefee)
    assert reward.wanted == reward.by_order == reward.by_resolve == formula(basefee)
    assert reward.due_at == 0


def test_reward_default(world, trader, liquidator):
    """What a liquidation by order really pays, then nothing until the interval is over."""
    world.chain.basefee = 20 * GWEI
    account = world.open_account(trader, 0, 4_000)
    world.trade(trader, account, 0, 20 * WAD)
    world.price(0, 1_880)
    size = world.lens.takeover_quote(account, 0).size
    world.called(account)
    keeper = world.open_account(liquidator, 0, 0)
    order = (world.maker_account, 0, size, 1_880 * WAD, 2**40, 9_999, False, bytes(20))
    signature = world.maker.sign_hash(world.engine.order_hash(order))
    wanted = world.lens.reward(account, 0, 20 * GWEI)
    assert wanted.by_order == formula(20 * GWEI)
    event = world.engine.takeover_by_order(order, signature, account, size, keeper).event(
        "TakenOver"
    )
    assert event.to_worker == wanted.by_order == world.engine.wallet(keeper)[0]
    now = world.chain.timestamp
    later = world.lens.reward(account, 0, 20 * GWEI)
    assert later == (0, now + INTERVAL, 0, 0)
    world.chain.set_time(now + INTERVAL - 1)
    assert world.lens.reward(account, 0, 20 * GWEI).wanted == 0
    world.chain.set_time(now + INTERVAL)
    assert world.lens.reward(account, 0, 20 * GWEI).wanted == formula(20 * GWEI)


def test_reward_by_order_within_free_cash(world, trader):
    account = world.open_account(trader, 0, 201)
    world.trade(trader, account, 0, WAD)  # a fee of 1
    world.price(0, 1_810)
    reward = world.lens.reward(account, 0, 40 * GWEI)
    assert (reward.wanted, reward.by_order) == (formula(40 * GWEI), 10 * WAD)
    world.price(0, 1_700)
    assert world.lens.reward(account, 0, 40 * GWEI).by_order == 0


def test_liq_7_collateral_pays_no_reward_by_order(world, trader):
    """A reward comes out of cash beyond the losses: 8 of it, whatever else the account has."""
    account = world.open_account(trader, 0, 109)
    world.pledge(trader, account, 2 * WAD)
    world.trade(trader, account, 0, WAD)  # a fee of 1
    world.price(0, 1_900)
    assert world.lens.reward(account, 0, 40 * GWEI).by_order == 8 * WAD
    world.price(0, 1_800)
    assert world.lens.reward(account, 0, 40 * GWEI).by_order == 0


@pytest.mark.parametrize(
    ("size", "budget"), [(30, 24 * WAD), (20, 16 * WAD), (2, 16 * WAD // 10), (1, 0)]
)
def test_reward_by_resolve_default(world, trader, liquidator, size, budget):
    """By the formula 19.8, within 1/2,000 of the notional at 1,600; 0.8 is below the minimum."""
    world.chain.basefee = 20 * GWEI
    account = world.open_account(trader, 0, 301 * size)
    world.trade(trader, account, 0, size * WAD)
    world.price(0, 1_600)
    keeper = world.open_account(liquidator, 0, 0)
    wanted = world.lens.reward(account, 0, 20 * GWEI).by_resolve
    assert wanted == min(formula(20 * GWEI), budget)
    world.engine.resolve(account, 0, keeper)
    assert world.engine.wallet(keeper)[0] == wanted


def test_reward_by_resolve_within_allowance(world, trader):
    world.engine.set_allowance(0, 3 * WAD)
    account = world.open_account(trader, 0, 10_000)
    for market in (0, 1):
        world.trade(trader, account, market, 20 * WAD)
    reward = world.lens.reward(account, 0, 20 * GWEI)
    assert reward.by_resolve == 3 * WAD < reward.by_order
    assert world.lens.reward(account, 1, 20 * GWEI).by_resolve == formula(20 * GWEI)


def test_reward_reverts_market(world, trader):
    with pytest.raises(Revert) as failure:
        world.lens.reward(world.open_account(trader, 0, 1), 16, 0)
    assert failure.value.reason == "lens: market out of range"
