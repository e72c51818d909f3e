"""The inflation of the first share, and gifts: who pays for them, in figures."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18
#: seconds after which all of a profit has matured (LED-4)
MATURE = 144_000
VIRTUAL = 10**12
DAY = 86_400


@pytest.mark.parametrize("gift", [1, 1_000, 1_000_000])
def test_donation_changes_no_price(any_world, gift):
    """Tokens sent to the fund or to the engine are in nobody's books."""
    world = any_world
    backer, donor = world.actor("backer", 1_000), world.actor("donor", 2 * gift)
    world.fund.deposit(1_000 * world.unit, backer, sender=backer)
    before = (world.books(), world.fund.share_prices(), world.fund.totalAssets())
    world.token.transfer(world.fund, gift * world.unit, sender=donor)
    world.token.transfer(world.engine, gift * world.unit, sender=donor)
    assert (world.books(), world.fund.share_prices(), world.fund.totalAssets()) == before
    # nor do they come out with a redemption or go in with a deposit
    world.ask(backer)
    world.fund.redeem(1_000 * WAD, backer, backer, sender=backer)
    assert world.token.balanceOf(backer) == 1_000 * world.unit
    assert world.token.balanceOf(world.fund) == gift * world.unit


def test_donation_cannot_go_through_the_engine(world, backer):
    """The only way to raise the fund's cash by hand is the fund's own deposit."""
    with pytest.raises(Revert) as failure:
        world.engine.deposit(1, world.unit, sender=backer)
    assert failure.value.reason == "custody: no such account"


def test_first_depositor_gains_nothing_by_a_gift(any_world):
    """One unit in, a large gift, and the victim's shares would round to nothing: not here."""
    world = any_world
    attacker, victim = world.actor("attacker", 20_000), world.actor("victim", 10_000)
    world.fund.deposit(1, attacker, sender=attacker)
    world.token.transfer(world.fund, 10_000 * world.unit, sender=attacker)
    world.token.transfer(world.engine, 9_000 * world.unit, sender=attacker)
    shares = world.fund.deposit(10_000 * world.unit, victim, sender=victim).value
    assert shares == 10_000 * WAD
    attackers = world.fund.balanceOf(attacker)
    world.fund.request_redeem(attackers, attacker, sender=attacker)
    world.ask(victim)
    world.fund.redeem(shares, victim, victim, sender=victim)
    assert world.token.balanceOf(victim) == 10_000 * world.unit
    world.fund.redeem(attackers, attacker, attacker, sender=attacker)
    # the attacker is short of the whole gift
    assert world.token.balanceOf(attacker) == 1_000 * world.unit


@pytest.mark.parametrize(("decimals", "gets_back"), [(2, 6_399), (6, 3_200), (8, 63), (18, 0)])
def test_first_depositor_loses_by_inflating_with_fees(make_world, decimals, gets_back):
    """Fees do raise the price: 8,000 of them, paid by the attacker, on one unit of shares.

    The treasury keeps a fifth, so 6,400 reach the fund. The virtual shares beside the attacker's
    keep what the attacker hopes for, and the victim's rounding loss is below a share.
    """
    world = make_world(decimals=decimals)
    attacker = world.actor("attacker", 1_000)
    # the first unit; with 2 decimals it is dearer than the virtual shares, with 18 it is nothing
    world.fund.deposit(1, attacker, sender=attacker)
    founder = world.actor("founder", 1)  # somebody has to bring the dust buffers
    world.fund.deposit(world.unit // 10, founder, sender=founder)
    world.list_markets(1_000)
    world.ask(founder)
    world.fund.redeem(world.fund.maxRedeem(founder), founder, founder, sender=founder)
    world.engine.set_market(0, (*world.config[:7], 10_000, False, 0))  # a fee of 1 %
    world.open_account("attacker", 1_000_000)
    world.open_account("attacker's other", 1_000_000)
    for _ in range(2):  # 100 at 2,000, to and fro: 2,000 of fee each
        world.trade("attacker", "attacker's other", 0, 100 * WAD)
        world.trade("attacker's other", "attacker", 0, 100 * WAD)
    victim = world.actor("victim", 10_000)
    assets = 10_000 * world.unit
    shares = world.fund.deposit(assets, victim, sender=victim).value
    victims_loss = assets - world.fund.previewRedeem(shares)
    attackers_gain = world.fund.previewRedeem(world.fund.balanceOf(attacker))
    assert victims_loss <= 1 if decimals < 18 else victims_loss < 2 * 10**9
    # of 8,000; the treasury has 1,600 of it, the virtual shares and the other holders the rest
    assert attackers_gain // world.unit == gets_back


def test_deposit_just_before_claims_are_settled_skims_nothing(funded, backer):
    """300 of claims wait; 100,000 come in, the claims are settled, and the visitor wants out.

    At a price of cash alone the visitor would have half of the claims, 150. The price counts them:
    the visitor pays for 300 and is never above what was brought; and there is no way out before the
    notice is over. In the same block nothing of them is paid at all: they mature in 40 hours.
    """
    counterparty = funded.assign_claims()
    cash, claims, _ = funded.engine.fund_state()
    assert claims == 300 * WAD
    visitor, fund = funded.actor("visitor", 100_000), funded.fund
    backers = fund.convertToAssets(fund.balanceOf(backer)) + claims // funded.scale
    shares = fund.deposit(100_000 * funded.unit, visitor, sender=visitor).value
    assert shares == funded.books().supply - 100_000 * WAD
    deposit_price = fund.share_prices()[0]
    funded.engine.settle(counterparty)
    funded.engine.settle(1)
    assert funded.engine.fund_state() == (cash + 100_000 * WAD, claims, 0)
    funded.wait(MATURE)
    funded.engine.settle(1)
    assert funded.engine.fund_state() == (cash + claims + 100_000 * WAD, 0, 0)
    assert fund.share_prices()[0] == deposit_price
    assert fund.convertToAssets(shares) in (99_999_999_999, 100_000_000_000)
    assert abs(fund.convertToAssets(fund.balanceOf(backer)) - backers) <= 1
    for function in (fund.redeem, fund.withdraw):
        with pytest.raises(Revert) as failure:
            function(1_000_000, visitor, visitor, sender=visitor)
        assert failure.value.reason == "fund: no request"
    funded.ask(visitor)
    fund.redeem(shares, visitor, visitor, sender=visitor)
    assert funded.token.balanceOf(visitor) in (99_999_999_999, 100_000_000_000)


def test_deposit_just_before_a_loss_bears_it(funded, backer):
    """Half of 1,004 less 3.2 of fees: who came in the same block loses as much as who was there."""
    visitor, fund = funded.actor("visitor", 100_000), funded.fund
    fund.deposit(100_000 * funded.unit, visitor, sender=visitor)
    assert funded.crash() == 1_004 * WAD
    visitors, backers = (fund.convertToAssets(fund.balanceOf(who)) for who in (visitor, backer))
    assert visitors == 99_499_599_989
    # the backer had paid the dust buffers before, 0.004
    assert backers == 99_499_596_010


def test_deposit_while_shortfall_is_open_pays_for_it(world, backer):
    """A fund of 1,000 that owes 2,694: 10,000 that come in pay most of what is owed.

    The two prices tell it beforehand, to the unit; the old shares, worth nothing, get 754 by it.
    """
    world.fund.deposit(1_000 * world.unit, backer, sender=backer)
    world.list_markets(10)
    assert world.crash(to=100) == 10 * WAD
    cash, _, shortfall = world.engine.fund_state()
    assert shortfall == 2_694 * WAD > cash
    visitor, fund = world.actor("visitor", 10_000), world.fund
    assert fund.maxDeposit(visitor) > 10_000 * world.unit
    brought = 10_000 * world.unit
    shares = fund.previewDeposit(brought)
    free = (cash + 10_000 * WAD - shortfall) // 10**12
    told = free * shares // (shares + 1_000 * WAD)
    fund.deposit(brought, visitor, sender=visitor)
    assert abs(fund.convertToAssets(shares) - told) <= 1
    assert told // world.unit == 7_549
    assert fund.convertToAssets(1_000 * WAD) // world.unit == 749
    # paying it moves nothing any more
    world.engine.set_allowance(0, 10_000 * WAD)
    world.wait(DAY)
    world.engine.cover(0)
    assert abs(fund.convertToAssets(shares) - told) <= 1


@pytest.mark.parametrize(
    ("days", "saved"),
    [(0, False), (6, False), (7, True), (8, False)],
)
def test_redeem_before_a_resolve_needs_an_open_window(funded, backer, days, saved):
    """A loss of 1,004 is seen coming, 200,000 in the fund: the leaver's half of it is 500.

    Only with a window that happens to be open the leaver gets away and leaves it to the backer;
    with a request in its notice, or one that expired, it is borne.
    """
    leaver, fund = funded.actor("leaver", 100_000), funded.fund
    shares = fund.deposit(100_000 * funded.unit, leaver, sender=leaver).value
    fund.request_redeem(shares, leaver, sender=leaver)
    if days:
        funded.wait(days * DAY)
    if saved:
        fund.redeem(shares, leaver, leaver, sender=leaver)
    else:
        with pytest.raises(Revert) as failure:
            fund.redeem(shares, leaver, leaver, sender=leaver)
        assert failure.value.reason in (
            "fund: notice is running",
            "fund: window closed, ask again",
        )
    assert funded.crash() == 1_004 * WAD
    locked = fund.redeem_request(leaver)[0]
    worth = funded.token.balanceOf(leaver) + fund.convertToAssets(locked)
    lost = 100_000 * funded.unit - worth
    assert lost == (1 if saved else 500_400_011)


def test_requests_in_turn_keep_an_eighth_in_a_window(world, backer):
    """Eight accounts, one asks each day and again when its window closes: 1/8 can always leave.

    That is the most that a notice of seven days lets a holder do; the loss that is seen coming
    stays with the other seven eighths.
    """
    fund = world.fund
    names = [f"account {i}" for i in range(8)]
    holders = [world.actor(name, 1_000) for name in names]
    for who in holders:
        fund.deposit(1_000 * world.unit, who, sender=who)
    most = 0
    for day in range(30):
        who = holders[day % 8]
        fund.request_redeem(1_000 * WAD, who, sender=who)
        claimable = [fund.maxRedeem(who) for who in holders]
        most = max(most, sum(claimable))
        if day >= 7:
            assert sum(claimable) == 1_000 * WAD
        # cancelling and asking again opens nothing sooner
        other = holders[(day + 4) % 8]
        if fund.redeem_request(other)[0] and day % 3 == 0:
            with world.chain.anchor():
                fund.cancel_request(sender=other)
                fund.request_redeem(1_000 * WAD, other, sender=other)
                assert fund.maxRedeem(other) == 0
        world.chain.mine(1, DAY)
    assert most == fund.totalSupply() // 8


def test_wipe_out_then_new_money_is_not_the_old_holders(world, backer):
    """A fund of 100 is wiped out; of 50,000 that come next the old shares have a unit at most."""
    world.fund.deposit(100 * world.unit, backer, sender=backer)
    world.list_markets(10_000)
    world.crash()
    assert world.engine.fund_state() == (0, 0, 0)
    late, fund = world.actor("late backer", 50_000), world.fund
    fund.deposit(50_000 * world.unit, late, sender=late)
    assert fund.convertToAssets(fund.balanceOf(backer)) <= 1
    assert 50_000 * world.unit - fund.convertToAssets(fund.balanceOf(late)) <= 2
    # nor can they be blown up: the supply is bounded by the worth
    books = world.books()
    assert books.supply + VIRTUAL <= 10**6 * (books.cash + VIRTUAL)


def test_request_for_somebody_else_cannot_hold_the_rest_up(funded, backer):
    """A broker with an allowance of 3 wei asks for one of them; the holder ends that for good."""
    broker, fund = funded.chain.account("broker"), funded.fund
    fund.approve(broker, 3, sender=backer)
    fund.request_redeem(1, backer, sender=broker)
    with pytest.raises(Revert) as failure:
        fund.request_redeem(WAD, backer, sender=backer)
    assert failure.value.reason == "fund: request is open"
    fund.approve(broker, 0, sender=backer)
    fund.cancel_request(sender=backer)
    fund.request_redeem(100_000 * WAD, backer, sender=backer)
    with pytest.raises(Revert) as failure:
        fund.request_redeem(1, backer, sender=broker)
    assert failure.value.reason == "erc20: insufficient allowance"
    funded.wait(7 * DAY)
    fund.redeem(100_000 * WAD, backer, backer, sender=backer)
