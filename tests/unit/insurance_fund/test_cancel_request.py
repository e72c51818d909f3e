"""cancel_request: the shares of a request come back, at any time, to their holder alone."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18
DAY = 86_400


@pytest.mark.parametrize("wait", [0, 7 * DAY - 1, 7 * DAY, 8 * DAY - 1, 8 * DAY, 500 * DAY])
def test_cancel_request_default(funded, backer, wait):
    fund = funded.fund
    fund.request_redeem(70_000 * WAD, backer, sender=backer)
    funded.chain.mine(1, wait)
    assert fund.cancel_request(sender=backer).value == 70_000 * WAD
    assert fund.redeem_request(backer) == (0, 0, 0)
    assert fund.balanceOf(backer) == fund.totalSupply() == 100_000 * WAD
    assert fund.balanceOf(fund) == 0
    # the notice begins anew
    assert fund.request_redeem(WAD, backer, sender=backer).value == funded.chain.timestamp + 7 * DAY


def test_cancel_request_gives_back_what_is_left(funded, backer):
    funded.ask(backer, 10 * WAD)
    funded.fund.redeem(4 * WAD, backer, backer, sender=backer)
    assert funded.fund.cancel_request(sender=backer).value == 6 * WAD


def test_cancel_request_emits_request_cancelled(funded, backer):
    funded.fund.request_redeem(WAD, backer, sender=backer)
    receipt = funded.fund.cancel_request(sender=backer)
    assert receipt.event("RequestCancelled").args == {"owner": backer.address, "shares": WAD}
    moved = receipt.event("Transfer", funded.fund)
    assert (moved.sender, moved.receiver) == (funded.fund.address, backer.address)


def test_cancel_request_reverts_without_request(funded, backer):
    """Twice, or by somebody else, even if he was allowed every share."""
    broker, fund = funded.chain.account("broker"), funded.fund
    fund.approve(broker, 2**256 - 1, sender=backer)
    fund.request_redeem(WAD, backer, sender=backer)
    with pytest.raises(Revert) as failure:
        fund.cancel_request(sender=broker)
    assert failure.value.reason == "fund: no request"
    fund.cancel_request(sender=backer)
    with pytest.raises(Revert) as failure:
        fund.cancel_request(sender=backer)
    assert failure.value.reason == "fund: no request"
    with pytest.raises(Revert) as failure:
        fund.withdraw(1, backer, backer, sender=backer)
    assert failure.value.reason == "fund: no request"
