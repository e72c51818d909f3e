"""markets: all listed markets with price, state and parameters."""

FRESH, STALE, INVALID = 0, 1, 3
WAD = 10**18


def test_markets_default(world, trader):
    account = world.open_account(trader, 0, 10_000)
    world.trade(trader, account, 2, 3 * WAD)
    world.price(2, 2_010)
    views = world.lens.markets()
    assert [view.market for view in views] == [0, 1, 2, 3]
    for view in views:
        assert view.state == world.engine.market_state(view.market)
        assert view.params == world.risk.params(view.market)
        assert (view.price, view.status) == world.oracle.quote(view.market)
    assert views[2].price == 2_010 * WAD
    assert views[2].state.oi == 3 * WAD


def test_markets_status(world):
    world.oracle.checkpoint(0b1111)
    world.chain.mine(1, 3_601)
    world.price(0, 2_100)
    world.feeds[1].set_answer(0)
    views = world.lens.markets()
    assert [view.status for view in views] == [FRESH, INVALID, STALE, STALE]
    assert [view.price // WAD for view in views] == [2_100, 2_000, 2_000, 2_000]


def test_markets_leaves_out_what_is_not_listed(world):
    """A feed and risk parameters alone do not make a market."""
    feed = world.feeds[0]
    world.oracle.set_feed(9, feed, 3_600, 10**10, 78)
    world.risk.set_market(9, world.risk.params(0))
    assert len(world.lens.markets()) == 4
    world.engine.list_market(9, world.engine.market_state(0).config, WAD)
    assert [view.market for view in world.lens.markets()] == [0, 1, 2, 3, 9]
