"""A new series: below a millionth a share, a million old shares are one new one (LIQ-8)."""

import pytest

from plimsoll.evm import Revert
from tests.utils.twin import slot_of

WAD = 10**18
VIRTUAL = 10**12
DAY = 86_400


def wipe_out(world):
    """A loss of about 1,000 takes a fund of up to 900 to nothing, a day after the last one."""
    if world.engine.market_extra(0).frozen_until:
        world.wait(DAY)
        world.engine.thaw(0)
    world.price(0, 2_000)
    trader = world.open_account("trader", 1_000)
    world.open_account("counterparty", 1_000)
    keeper = int(world.actor("keeper").address, 16) << 96
    world.trade("trader", "counterparty", 0, 2 * WAD)
    world.price(0, 1_000)
    world.engine.resolve(trader, 0, keeper)
    assert world.engine.fund_state() == (0, 0, 0)


@pytest.fixture
def wiped(world, backer):
    """The backer's 100 are gone, 25 shares and 7 wei of them were asked for."""
    world.fund.deposit(100 * world.unit, backer, sender=backer)
    world.fund.request_redeem(25 * WAD + 7, backer, sender=backer)
    world.list_markets(10_000)
    world.open_account("counterparty", 1_000_000)
    wipe_out(world)
    return world


def test_series_default(wiped, backer):
    """100 shares become 0.0001; 50,000 come in and stay with who brought them."""
    fund, late = wiped.fund, wiped.actor("late backer", 50_000)
    assert (fund.series(), fund.totalSupply()) == (0, 100 * WAD)
    shares = fund.deposit(50_000 * wiped.unit, late, sender=late).value
    assert shares == 50_000 * WAD * (10**14 + VIRTUAL) // VIRTUAL
    assert (fund.series(), fund.totalSupply()) == (1, 10**14 + shares)
    # rounded down, each on its own
    assert fund.balanceOf(backer) == 75 * 10**12 - 1
    assert fund.redeem_request(backer)[0] == 25 * 10**12
    assert fund.balanceOf(fund) == 25 * 10**12
    # to the unit; the old shares have less than one
    assert fund.convertToAssets(shares) == 50_000_000_000
    assert fund.convertToAssets(10**14) == 0


def test_series_previews_count_with_it(wiped, backer):
    fund, late = wiped.fund, wiped.actor("late backer", 50_000)
    assert fund.maxDeposit(late) == (2**103 - 1) // wiped.scale
    assert fund.maxMint(late) == fund.previewDeposit(fund.maxDeposit(late))
    wanted = fund.previewDeposit(9 * wiped.unit)
    cost = fund.previewMint(WAD)
    assert fund.share_prices()[0] == -(-WAD * VIRTUAL // (10**14 + VIRTUAL))
    with wiped.chain.anchor():
        assert fund.mint(WAD, late, sender=late).value == cost
        assert fund.series() == 1
    assert fund.deposit(9 * wiped.unit, late, sender=late).value == wanted


def test_series_emits_series_started(wiped, backer):
    fund, late = wiped.fund, wiped.actor("late backer", 50_000)
    receipt = fund.deposit(wiped.unit, late, sender=late)
    assert receipt.event("SeriesStarted").args == {"series": 1, "supply": 10**14}
    assert fund.deposit(wiped.unit, late, sender=late).events("SeriesStarted") == []


def test_series_starts_only_below_a_millionth(world, backer):
    """0.0001 less and more than a millionth of 100,000 shares in the fund: 0.1."""
    fund, engine = world.fund, world.engine
    fund.deposit(100_000 * world.unit, backer, sender=backer)
    word = world.chain.storage(engine, wallet_slot(world))
    edge = -(-(100_000 * WAD + VIRTUAL) // 10**6) - VIRTUAL
    for cash, series in ((edge - 1, 1), (edge, 0)):
        with world.chain.anchor():
            changed = word >> 104 << 104 | cash
            world.chain.set_storage(engine, wallet_slot(world), changed)
            assert engine.fund_state()[0] == cash
            fund.deposit(1, backer, sender=backer)
            assert fund.series() == series


def wallet_slot(world):
    """Where the fund's word is."""
    layout = world.load("MarginEngine").layout["storage_layout"]["ledger"]
    return slot_of(layout["wallets"]["slot"], 1)


def test_series_transfers_and_events_stay_right(wiped, backer):
    """Whoever adds up the transfers has every balance once its holder has moved."""
    fund, heir = wiped.fund, wiped.chain.account("heir")
    late = wiped.actor("late backer", 50_000)
    fund.deposit(wiped.unit, late, sender=late)
    receipt = fund.transfer(heir, 10**12, sender=backer)
    counted, moved = receipt.events("Transfer")
    assert counted.args == {
        "sender": backer.address,
        "receiver": "0x" + "00" * 20,
        "value": 75 * WAD - 7 - (75 * 10**12 - 1),
    }
    assert moved.value == 10**12
    assert fund.balanceOf(backer) == 74 * 10**12 - 1
    assert fund.balanceOf(heir) == 10**12
    # a second one counts nothing
    assert len(fund.transfer(heir, 1, sender=backer).events("Transfer")) == 1
    fund.approve(heir, 5, sender=backer)
    fund.transferFrom(backer, heir, 5, sender=heir)
    assert fund.balanceOf(heir) == 10**12 + 6
    # what was asked for comes back in the new count
    assert fund.cancel_request(sender=backer).value == 25 * 10**12
    assert fund.balanceOf(fund) == 0


def test_series_old_shares_cannot_be_moved_in_the_old_count(wiped, backer):
    fund, heir = wiped.fund, wiped.chain.account("heir")
    late = wiped.actor("late backer", 50_000)
    fund.deposit(wiped.unit, late, sender=late)
    fund.cancel_request(sender=backer)
    had = fund.balanceOf(backer)
    assert had == 10**14 - 1
    for amount in (had + 1, 75 * WAD):
        for function, whom in ((fund.transfer, heir), (fund.request_redeem, backer)):
            args = (whom, amount) if function is fund.transfer else (amount, whom)
            with pytest.raises(Revert) as failure:
                function(*args, sender=backer)
            assert failure.value.reason == "erc20: transfer amount exceeds balance"


def test_series_voids_no_money(wiped, backer):
    """Newcomers hold shares of about 2e-2 and less; a loss and new money leave them what is left.

    The second newcomer's deposit starts a series each time it has to, and takes nothing from the
    first: that is why old shares are counted anew and not voided.
    """
    fund, unit = wiped.fund, wiped.unit
    first, second = wiped.actor("first", 10_000), wiped.actor("second", 10_000)
    fund.deposit(700 * unit, first, sender=first)
    for _ in range(6):
        wipe_out(wiped)
        fund.deposit(700 * unit, first, sender=first)
    series = fund.series()
    assert series >= 4
    before = fund.convertToAssets(fund.balanceOf(first))
    assert before == 700 * unit
    fund.deposit(5_000 * unit, second, sender=second)
    assert abs(fund.convertToAssets(fund.balanceOf(first)) - before) <= 1
    assert fund.convertToAssets(fund.balanceOf(second)) in (5_000 * unit - 1, 5_000 * unit)


def test_series_of_a_holder_who_slept_through_many(wiped, backer):
    """The lazy count is the same as counting at every start, down to nothing."""
    fund, late = wiped.fund, wiped.actor("late backer", 50_000)
    seen = set()
    for _ in range(14):
        fund.deposit(100 * wiped.unit, late, sender=late)
        series = fund.series()
        seen.add(series)
        assert fund.balanceOf(backer) == (75 * WAD - 7) // 10 ** (6 * series)
        assert fund.redeem_request(backer)[0] == (25 * WAD + 7) // 10 ** (6 * series)
        held = [fund.balanceOf(who) for who in (backer, late, fund)]
        assert sum(held) <= fund.totalSupply() <= sum(held) + 3
        wipe_out(wiped)
    assert max(seen) > 8
    # a request of nothing is none
    fund.deposit(100 * wiped.unit, late, sender=late)
    with pytest.raises(Revert) as failure:
        fund.cancel_request(sender=backer)
    assert failure.value.reason == "fund: no request"
    fund.transfer(backer, 5, sender=late)
    fund.request_redeem(5, backer, sender=backer)
    assert fund.redeem_request(backer)[0] == 5


def test_series_request_across_a_start_is_paid(wiped, backer):
    """Fees make the old shares worth something; a window that opens afterwards pays in new ones."""
    fund, late = wiped.fund, wiped.actor("late backer", 50_000)
    fund.deposit(wiped.unit, late, sender=late)
    wiped.open_account("buyer", 1_000_000)
    wiped.trade("buyer", "counterparty", 1, 100 * WAD)
    wiped.wait(7 * DAY)
    # 160 of fees and 1 on about 1.01e20 of shares, 25e12 of them the request's
    worth = wiped.books().worth_of(25 * 10**12)
    assert worth == 39
    assert fund.maxRedeem(backer) == 25 * 10**12
    assert fund.redeem(25 * 10**12, backer, backer, sender=backer).value == worth
    assert fund.balanceOf(fund) == 0
