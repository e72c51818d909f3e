"""RiskModel.transfer_ownership, and what is left out beside it"""

import pytest

from plimsoll.evm import Account, Handle, Revert


def test_transfer_ownership_default(risk: Handle, owner: Account, stranger: Account) -> None:
    risk.transfer_ownership(stranger.address, sender=owner)
    assert risk.owner() == stranger.address
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        risk.set_globals(2 * 10**18, 2 * 10**18, sender=owner)
    risk.set_globals(2 * 10**18, 2 * 10**18, sender=stranger)


def test_transfer_ownership_reverts_stranger(risk: Handle, stranger: Account) -> None:
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        risk.transfer_ownership(stranger.address, sender=stranger)


def test_transfer_ownership_leaves_out_renounce(risk: Handle) -> None:
    assert "renounce_ownership" not in risk.functions
