"""positions: an account's legs, marked as the engine marks them."""

import random

import pytest

WAD = 10**18


def check(world, account):
    """The legs have to add up to the engine's own figures."""
    views, health = world.lens.positions(account), world.engine.health(account)
    assert [view.market for view in views] == [m for m in range(16) if health.held >> m & 1]
    assert health.cash + sum(view.pnl for view in views) == health.equity
    assert health.cash + sum(min(0, view.pnl) for view in views) == health.initial_equity
    assert sum(abs(view.notional) for view in views) == health.gross
    for view in views:
        recorded = world.engine.position(account, view.market)
        assert (view.size, view.recorded_pnl) == (recorded.size, recorded.pnl)
        assert (view.price, view.status) == world.oracle.quote(view.market)
    return views


def test_positions_default(world, trader):
    account = world.open_account(trader, 0, 10_000)
    world.trade(trader, account, 0, 3 * WAD)
    world.trade(trader, account, 2, -WAD)
    world.price(0, 2_010)
    world.price(2, 2_005)
    first, second = check(world, account)
    assert (first.market, first.live, first.size, first.pnl) == (0, True, 3 * WAD, 30 * WAD)
    assert first.notional == 6_030 * WAD
    assert (second.market, second.size, second.pnl) == (2, -WAD, -5 * WAD)
    assert second.notional == -2_005 * WAD


def test_positions_none(world, trader):
    assert world.lens.positions(world.open_account(trader, 0, 10)) == []


def test_positions_after_touch_and_close(world, trader):
    """A recorded profit without a position: no price matters any more."""
    account = world.open_account(trader, 0, 10_000)
    world.trade(trader, account, 0, 3 * WAD)
    world.price(0, 2_010)
    world.engine.touch(account)
    check(world, account)
    world.trade(trader, account, 0, -3 * WAD)
    (view,) = check(world, account)
    assert (view.live, view.size, view.notional) == (False, 0, 0)
    assert view.pnl == view.recorded_pnl == 30 * WAD


def test_positions_dead_feed(world, trader):
    """A dead leg is valued at its last good price."""
    account = world.open_account(trader, 0, 10_000)
    world.trade(trader, account, 0, WAD)
    world.price(0, 1_990)
    world.oracle.checkpoint(1)
    world.feeds[0].set_answer(0)
    (view,) = check(world, account)
    assert (view.status, view.price, view.pnl) == (3, 1_990 * WAD, -10 * WAD)


@pytest.mark.parametrize("side", [1, -1])
def test_positions_after_deleveraging(world, trader, side):
    """The other side of a resolve is smaller and charged; an ended book stands at its closing K."""
    world.engine.set_allowance(0, 0)
    winner = world.open_account(trader, 1, 100_000)
    loser_owner = world.actor("loser", 1_000)
    loser = world.open_account(loser_owner, 0, 1_000)
    world.trade(trader, winner, 0, side * 2 * WAD)
    world.trade(loser_owner, loser, 0, -side * 2 * WAD)
    world.price(0, 2_000 + side * 700)
    world.engine.resolve(loser, 0, world.maker_account)
    for account in (winner, world.maker_account):
        check(world, account)
    assert abs(world.engine.position(winner, 0).size) < 2 * WAD


def test_positions_of_an_ended_book(world, trader):
    """The last one resolved takes the whole other side with it: the epoch ends."""
    world.engine.set_allowance(0, 0)
    loser = world.open_account(trader, 0, 1_000)
    world.trade(trader, loser, 0, 2 * WAD)
    world.price(0, 1_300)
    world.engine.resolve(loser, 0, world.actor_account("keeper"))
    assert world.engine.market_state(0).epoch == 2
    world.price(0, 1_000)
    (view,) = check(world, world.maker_account)
    assert (view.live, view.size, view.notional) == (False, 0, 0)
    # what the loser had after a fee of 2; the rest of 1,400 was charged to the maker
    assert view.pnl == 998 * WAD


@pytest.mark.parametrize("seed", range(5))
def test_positions_random(world, trader, seed):
    draw = random.Random(seed)
    accounts = [world.open_account(trader, index, 50_000) for index in range(3)]
    for _ in range(30):
        market = draw.randrange(4)
        world.price(market, 2_000 + draw.randrange(-10, 10))
        size = draw.choice([-1, 1]) * draw.randrange(WAD // 10, 5 * WAD)
        account = draw.choice(accounts)
        after = abs(world.engine.position(account, market).size + size)
        if after >= WAD // 10:
            world.trade(trader, account, market, size)
        if draw.random() < 0.2:
            world.engine.settle(account)
        check(world, account)
