"""fund: the house accounts and the shares."""

from plimsoll.evm import load

WAD = 10**18


def test_fund_default(world, trader):
    account = world.open_account(trader, 0, 10_000)
    world.trade(trader, account, 0, WAD)
    view = world.lens.fund()
    cash, claims, shortfall = world.engine.fund_state()
    assert view.fund == world.fund.address
    assert (view.cash, view.claims, view.shortfall, view.free) == (cash, claims, shortfall, cash)
    # fees of 0.07 % on 2,000, a fifth of them the treasury's
    assert view.treasury == world.engine.wallet(2)[0] == 28 * WAD // 100
    assert view.supply == world.fund.totalSupply()


def test_fund_with_shortfall_and_claims(world, trader):
    world.engine.set_allowance(0, 10 * WAD)
    account = world.open_account(trader, 0, 1_000)
    world.trade(trader, account, 0, 2 * WAD)
    world.trade(trader, account, 1, WAD)
    world.price(0, 100)
    world.price(1, 2_200)
    world.engine.resolve(account, 0, world.maker_account)
    view = world.lens.fund()
    assert (view.cash, view.claims, view.shortfall) == world.engine.fund_state()
    assert view.claims > 0
    assert view.shortfall > 0
    assert view.free == view.cash - view.shortfall


def test_fund_without_one(world):
    engine = world.new_engine()
    lens = world.chain.deploy(load("MarginLens"), engine)
    assert int(lens.fund().fund, 16) == 0
    assert lens.fund()[1:] == (0,) * 6
    # an account without code as the fund
    holder = world.chain.account("holder")
    engine.set_fund(holder)
    assert lens.fund().fund == holder.address
    assert lens.fund().supply == 0
    assert lens.markets() == []
