"""What losses, fees, claims and a wipe-out do to the shares (LIQ-8)."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18
#: seconds after which all of a profit has matured (LED-4)
MATURE = 144_000


def test_share_price_after_a_loss(funded, backer):
    """1,004 lost and 3.2 of fees gained by a fund of 100,000: each share falls by 1.0008 %."""
    cash = funded.engine.fund_state()[0]
    # bought 2 at 2,000 with 1,000 less a fee of 4; at 1,000 the account owes 2,000
    assert funded.crash() == 1_004 * WAD
    # the buffers, 2,000 * 1e-6 each, and four fifths of the fee
    assert cash == 99_999_996 * WAD // 1_000
    left = cash - 1_004 * WAD + 32 * WAD // 10
    assert funded.engine.fund_state() == (left, 0, 0)
    price = funded.fund.share_prices()[1]
    assert price == WAD * (left + 10**12) // (100_000 * WAD + 10**12)
    assert 989_991 * 10**12 < price < 989_992 * 10**12
    # whoever comes afterwards pays the lower price, and takes nothing from those who bore the loss
    late = funded.actor("late backer", 1_000)
    worth = funded.fund.convertToAssets(funded.fund.balanceOf(backer))
    assert funded.fund.deposit(1_000 * funded.unit, late, sender=late).value > 1_010 * WAD
    assert funded.fund.convertToAssets(funded.fund.balanceOf(late)) in (999_999_999, 10**9)
    assert funded.fund.convertToAssets(funded.fund.balanceOf(backer)) >= worth


def test_share_price_after_fees(funded, backer):
    funded.open_account("buyer", 1_000_000)
    funded.open_account("seller", 1_000_000)
    cash = funded.engine.fund_state()[0]
    before = funded.fund.share_prices()[1]
    funded.trade("buyer", "seller", 0, 100 * WAD)
    # 0.1 % of 200,000 is 200, four fifths of it the fund's
    assert funded.engine.fund_state()[0] == cash + 160 * WAD
    gain = funded.fund.share_prices()[1] - before
    assert abs(gain - 160 * WAD // 100_000) <= 10**6
    worth = funded.fund.convertToAssets(funded.fund.balanceOf(backer))
    assert worth in (100_159_995_999, 100_159_996_000)


def test_share_price_with_shortfall(funded, backer):
    """What the fund owes lowers redemptions at once, and deposits when it is paid."""
    funded.engine.set_allowance(0, 10 * WAD)
    assert funded.crash(to=100) == 10 * WAD
    books = funded.books()
    # owed 3,804 - 996 ... of 2,804 the fund pays 10, the other side 1/2 mark on 2, the rest is owed
    assert books.shortfall == 2_694 * WAD
    deposit_price, redemption_price = funded.fund.share_prices()
    assert deposit_price > redemption_price
    shares = funded.fund.balanceOf(backer)
    assert funded.fund.convertToAssets(shares) == (books.cash - books.shortfall) // funded.scale
    # a deposit in between is priced without the shortfall: a round trip costs, and the others gain
    late = funded.actor("late backer", 10_000)
    shares = funded.fund.deposit(10_000 * funded.unit, late, sender=late).value
    assert funded.fund.previewRedeem(shares) < 10_000 * funded.unit
    # covering lowers the cash, not what a redemption gets
    funded.engine.set_allowance(0, 10_000 * WAD)
    funded.chain.mine(1, 86_400)
    before = funded.fund.share_prices()
    funded.engine.cover(0)
    after = funded.fund.share_prices()
    assert funded.engine.fund_state()[2] == 0
    assert after[1] == before[1]
    assert after[0] - after[1] in (0, 1)


def test_share_price_with_claims(funded, backer):
    """Claims make deposits dearer, not redemptions; collecting them closes the gap."""
    counterparty = funded.assign_claims()
    cash, claims, _ = funded.engine.fund_state()
    assert claims == 300 * WAD
    books = funded.books()
    assert funded.fund.previewDeposit(10**9) == books.shares_for(10**9)
    assert funded.fund.convertToAssets(funded.fund.balanceOf(backer)) == cash // funded.scale
    before = funded.fund.share_prices()
    assert before[0] > before[1]
    funded.engine.settle(counterparty)  # who lost pays market 1
    funded.wait(MATURE)
    funded.engine.settle(1)
    after = funded.fund.share_prices()
    assert funded.engine.fund_state()[:2] == (cash + claims, 0)
    assert after[0] == before[0]
    assert after[1] > before[1]


def wiped_out(world, backer):
    """A fund of 100 that a loss of about 1,000 takes to nothing."""
    world.fund.deposit(100 * world.unit, backer, sender=backer)
    world.list_markets(10_000)
    trader = world.open_account("trader", 1_000)
    world.open_account("counterparty", 1_000_000)
    keeper = int(world.actor("keeper").address, 16) << 96
    world.trade("trader", "counterparty", 0, 2 * WAD)
    world.price(0, 1_000)
    world.engine.resolve(trader, 0, keeper)
    assert world.engine.fund_state()[:2] == (0, 0)


def test_wipe_out_leaves_worthless_shares(world, backer):
    wiped_out(world, backer)
    shares = world.ask(backer)
    assert shares == 100 * WAD
    assert world.fund.totalAssets() == 0
    assert world.fund.convertToAssets(shares) == world.fund.maxWithdraw(backer) == 0
    assert world.fund.maxRedeem(backer) == 0
    assert world.fund.share_prices()[1] == WAD * 10**12 // (shares + 10**12)
    with pytest.raises(Revert) as failure:
        world.fund.redeem(shares, backer, backer, sender=backer)
    assert failure.value.reason == "fund: assets are zero"
    with pytest.raises(Revert) as failure:
        world.fund.withdraw(1, backer, backer, sender=backer)
    assert failure.value.reason == "fund: above free cash"


def test_wipe_out_lets_the_owner_name_a_new_fund(world, backer):
    """With nothing in its account the old fund is replaced, and new money is worth itself."""
    wiped_out(world, backer)
    fresh = world.new_fund(world.engine)
    world.engine.set_fund(fresh)
    late = world.actor("late backer", 50_000)
    assets = 50_000 * world.unit
    world.token.approve(fresh, assets, sender=late)
    fresh.deposit(assets, late, sender=late)
    assert fresh.previewRedeem(fresh.balanceOf(late)) >= assets - 1
    with pytest.raises(Revert) as failure:
        world.engine.set_fund(world.fund)
    assert failure.value.reason == "listing: fund is set"


def test_wipe_out_then_fees_are_the_old_holders(world, backer):
    wiped_out(world, backer)
    world.open_account("buyer", 1_000_000)
    world.trade("buyer", "counterparty", 1, 100 * WAD)
    assert world.engine.fund_state()[0] == 160 * WAD
    worth = world.fund.convertToAssets(world.fund.balanceOf(backer))
    assert worth in (159_999_999, 160_000_000)
