"""CallbackToken"""

from collections.abc import Callable

import pytest

from plimsoll.evm import Account, Handle

Make = Callable[..., Handle]


@pytest.fixture
def token(new_token: Make) -> Handle:
    return new_token("CallbackToken")


def test_hook_default_unset(token: Handle, holder: Account, receiver: Account) -> None:
    token.transfer(receiver.address, 10, sender=holder)
    assert token.calls() == 0
    assert token.balanceOf(receiver.address) == 10


def test_hook_default_fires_once(token: Handle, holder: Account, receiver: Account) -> None:
    token.set_hook(token.address, token.mint.encode(receiver.address, 5))
    token.transfer(receiver.address, 10, sender=holder)
    token.transfer(receiver.address, 10, sender=holder)
    assert (token.calls(), token.succeeded()) == (1, True)
    assert token.balanceOf(receiver.address) == 25


def test_hook_default_fires_in_transfer_from(
    token: Handle, holder: Account, receiver: Account
) -> None:
    token.approve(receiver.address, 10, sender=holder)
    token.set_hook(token.address, token.balanceOf.encode(receiver.address))
    token.transferFrom(holder.address, receiver.address, 10, sender=receiver)
    # the balances have moved when it fires
    assert token.response() == (10).to_bytes(32, "big")


def test_hook_default_waits(token: Handle, holder: Account, receiver: Account) -> None:
    token.set_hook(token.address, token.mint.encode(receiver.address, 5), 3)
    for expected in (0, 0, 1, 1):
        token.transfer(receiver.address, 1, sender=holder)
        assert token.calls() == expected


def test_hook_records_a_failure(token: Handle, holder: Account, receiver: Account) -> None:
    """The transfer goes on; what the target said is kept."""
    token.set_hook(token.address, token.transfer.encode(receiver.address, 1))
    token.transfer(receiver.address, 10, sender=holder)
    assert (token.calls(), token.succeeded()) == (1, False)
    assert b"token: balance too small" in token.response()
    assert token.balanceOf(receiver.address) == 10
    token.set_hook(token.address, b"", 0)
    assert (token.calls(), token.succeeded(), token.response()) == (0, False, b"")


def test_hook_does_not_call_itself_for_ever(
    token: Handle, holder: Account, receiver: Account
) -> None:
    token.mint(token.address, 100)
    token.set_hook(token.address, token.transfer.encode(receiver.address, 1))
    token.transfer(receiver.address, 10, sender=holder)
    assert token.calls() == 1
    assert token.balanceOf(receiver.address) == 11
