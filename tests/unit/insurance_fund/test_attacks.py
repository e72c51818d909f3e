"""The inflation of the first share, and gifts: who pays for them, in figures."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18


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
    world.engine.set_market(0, (*world.config[:7], 10_000, False))  # a fee of 1 %
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


