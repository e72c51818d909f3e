"""request_redeem: shares are locked until their window, and bear what all others bear (LIQ-8)."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18
DAY = 86_400


def test_request_redeem_default(funded, backer):
    fund = funded.fund
    opens = fund.request_redeem(30 * WAD, backer, sender=backer).value
    assert opens == funded.chain.timestamp + 7 * DAY
    assert fund.redeem_request(backer) == (30 * WAD, opens, opens + DAY)
    assert fund.balanceOf(backer) == 99_970 * WAD
    assert fund.balanceOf(fund) == 30 * WAD
    assert fund.totalSupply() == 100_000 * WAD
    assert fund.maxRedeem(backer) == fund.maxWithdraw(backer) == 0


def test_request_redeem_changes_no_price(funded, backer):
    before = (funded.books(), funded.fund.share_prices())
    funded.fund.request_redeem(30_000 * WAD, backer, sender=backer)
    assert (funded.books(), funded.fund.share_prices()) == before


def test_request_redeem_with_allowance(funded, backer):
    broker, fund = funded.chain.account("broker"), funded.fund
    fund.approve(broker, 5 * WAD, sender=backer)
    fund.request_redeem(3 * WAD, backer, sender=broker)
    assert fund.allowance(backer, broker) == 2 * WAD
    assert fund.redeem_request(backer)[0] == 3 * WAD
    assert fund.redeem_request(broker) == (0, 0, 0)


def test_request_redeem_emits_redeem_requested(funded, backer):
    broker = funded.chain.account("broker")
    funded.fund.approve(broker, WAD, sender=backer)
    receipt = funded.fund.request_redeem(WAD, backer, sender=broker)
    assert receipt.event("RedeemRequested", funded.fund).args == {
        "owner": backer.address,
        "sender": broker.address,
        "shares": WAD,
        "opens_at": receipt.value,
    }
    moved = receipt.event("Transfer", funded.fund)
    assert (moved.sender, moved.receiver) == (backer.address, funded.fund.address)


def test_request_redeem_reverts_zero(funded, backer):
    with pytest.raises(Revert) as failure:
        funded.fund.request_redeem(0, backer, sender=backer)
    assert failure.value.reason == "fund: shares are zero"


def test_request_redeem_reverts_above_balance(funded, backer):
    for shares in (funded.fund.balanceOf(backer) + 1, 2**256 - 1):
        with pytest.raises(Revert) as failure:
            funded.fund.request_redeem(shares, backer, sender=backer)
        assert failure.value.reason == "erc20: transfer amount exceeds balance"


def test_request_redeem_reverts_without_allowance(funded, backer):
    stranger = funded.chain.account("stranger")
    with pytest.raises(Revert) as failure:
        funded.fund.request_redeem(1, backer, sender=stranger)
    assert failure.value.reason == "erc20: insufficient allowance"


def test_request_redeem_reverts_while_one_is_open(funded, backer):
    """Neither the holder nor whom he allowed a share moves the window of an open request."""
    broker, fund = funded.chain.account("broker"), funded.fund
    fund.approve(broker, 2**256 - 1, sender=backer)
    opens = fund.request_redeem(WAD, backer, sender=backer).value
    for time in (funded.chain.timestamp, opens - 1, opens, opens + DAY - 1):
        funded.chain.set_time(time)
        for who in (backer, broker):
            with pytest.raises(Revert) as failure:
                fund.request_redeem(1, backer, sender=who)
            assert failure.value.reason == "fund: request is open"
    assert fund.redeem_request(backer) == (WAD, opens, opens + DAY)


def test_request_redeem_gives_an_expired_one_back(funded, backer):
    fund = funded.fund
    first = fund.request_redeem(99_999 * WAD, backer, sender=backer).value
    funded.chain.set_time(first + DAY)
    assert fund.redeem_request(backer) == (99_999 * WAD, first, first + DAY)
    receipt = fund.request_redeem(100_000 * WAD, backer, sender=backer)
    assert receipt.event("RequestCancelled").args == {
        "owner": backer.address,
        "shares": 99_999 * WAD,
    }
    assert fund.redeem_request(backer)[:2] == (100_000 * WAD, first + 8 * DAY)
    assert fund.balanceOf(backer) == 0


def test_request_redeem_locks_the_shares(funded, backer):
    """They cannot be sold meanwhile, neither by the holder nor out of the fund."""
    fund, heir = funded.fund, funded.chain.account("heir")
    fund.request_redeem(99_999 * WAD, backer, sender=backer)
    with pytest.raises(Revert) as failure:
        fund.transfer(heir, WAD + 1, sender=backer)
    assert failure.value.reason == "erc20: transfer amount exceeds balance"
    with pytest.raises(Revert) as failure:
        fund.transferFrom(fund, heir, 1, sender=backer)
    assert failure.value.reason == "erc20: insufficient allowance"
    fund.transfer(heir, WAD, sender=backer)


def test_request_redeem_keeps_holders_apart(funded, backer):
    fund, late = funded.fund, funded.actor("late backer", 1_000)
    fund.deposit(1_000 * funded.unit, late, sender=late)
    fund.request_redeem(50_000 * WAD, backer, sender=backer)
    fund.request_redeem(100 * WAD, late, sender=late)
    funded.wait(7 * DAY)
    with pytest.raises(Revert) as failure:
        fund.redeem(100 * WAD + 1, late, late, sender=late)
    assert failure.value.reason == "fund: above request"
    with pytest.raises(Revert) as failure:
        fund.redeem(1 * WAD, late, backer, sender=late)
    assert failure.value.reason == "erc20: insufficient allowance"
    fund.redeem(100 * WAD, late, late, sender=late)
    assert fund.redeem_request(backer)[0] == fund.balanceOf(fund) == 50_000 * WAD


@pytest.mark.parametrize("asked", [0, 1, 40_000, 99_999])
def test_liq_8_request_bears_losses_like_other_shares(funded, backer, asked):
    """1,004 are lost in the notice: locked or not, a share is worth the same, and is paid so."""
    if asked:
        funded.fund.request_redeem(asked * WAD, backer, sender=backer)
    funded.wait(7 * DAY - 10)
    assert funded.crash() == 1_004 * WAD
    price = funded.fund.share_prices()[1]
    assert 989_991 * 10**12 < price < 989_992 * 10**12
    if asked:
        funded.chain.mine(1, 10)
        paid = funded.fund.redeem(asked * WAD, backer, backer, sender=backer).value
        assert paid in (asked * price // 10**12, asked * price // 10**12 + 1)


def test_liq_8_request_shares_in_gains(funded, backer):
    """200 of fees, four fifths the fund's, are the locked shares' as well: 0.16 % for them."""
    funded.fund.request_redeem(100_000 * WAD, backer, sender=backer)
    funded.wait(7 * DAY)
    funded.open_account("buyer", 1_000_000)
    funded.open_account("seller", 1_000_000)
    funded.trade("buyer", "seller", 0, 100 * WAD)
    paid = funded.fund.redeem(100_000 * WAD, backer, backer, sender=backer).value
    assert paid in (100_159_995_999, 100_159_996_000)
