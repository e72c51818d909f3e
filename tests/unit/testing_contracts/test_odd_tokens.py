"""FalseToken, LyingToken, SilentToken, FeeToken"""

from collections.abc import Callable

import pytest

from plimsoll.evm import Account, Handle, Revert

MAX = 2**256 - 1
Make = Callable[..., Handle]


@pytest.mark.parametrize(
    ("kind", "says", "logs"),
    [("FalseToken", False, "TransferRefused"), ("LyingToken", True, "Transfer")],
)
def test_transfer_moves_nothing(
    new_token: Make, holder: Account, receiver: Account, kind: str, says: bool, logs: str
) -> None:
    token = new_token(kind)
    token.approve(receiver.address, MAX, sender=holder)
    first = token.transfer(receiver.address, 10, sender=holder)
    second = token.transferFrom(holder.address, receiver.address, 10, sender=receiver)
    assert (first.value, second.value) == (says, says)
    assert token.balanceOf(holder.address) == 1_000
    assert token.balanceOf(receiver.address) == 0
    assert token.attempts() == 2
    assert first.event(logs).amount == 10


def test_silent_token_returns_nothing(
    chain: object, new_token: Make, holder: Account, receiver: Account
) -> None:
    token = new_token("SilentToken")
    token.approve(receiver.address, 30, sender=holder)
    assert token.transfer(receiver.address, 10, sender=holder).value is None
    assert token.transferFrom(holder.address, receiver.address, 30, sender=receiver).value is None
    assert token.balanceOf(receiver.address) == 40
    with pytest.raises(Revert, match="token: allowance too small"):
        token.transferFrom(holder.address, receiver.address, 1, sender=receiver)


def test_fee_token_keeps_a_part(new_token: Make, holder: Account, receiver: Account) -> None:
    token = new_token("FeeToken", 6, 250)
    token.transfer(receiver.address, 1_000, sender=holder)
    assert token.balanceOf(receiver.address) == 975
    assert token.balanceOf(token.address) == 25
    assert token.totalSupply() == 1_000
    token.approve(holder.address, MAX, sender=receiver)
    token.set_fee(0)
    token.transferFrom(receiver.address, holder.address, 975, sender=holder)
    assert token.balanceOf(holder.address) == 975


def test_fee_token_reverts_fee(new_token: Make) -> None:
    with pytest.raises(Revert, match="token: fee out of range"):
        new_token("FeeToken", 6, 10_001)
    token = new_token("FeeToken", 6, 10_000)
    with pytest.raises(Revert, match="token: fee out of range"):
        token.set_fee(10_001)
