"""PriceOracle.transfer_ownership, and what is left out beside it"""

import pytest

from plimsoll.evm import Account, Handle, Revert, load


def test_transfer_ownership_default(oracle: Handle, owner: Account, stranger: Account) -> None:
    assert oracle.owner() == owner.address
    oracle.transfer_ownership(stranger.address, sender=owner)
    assert oracle.owner() == stranger.address


def test_transfer_ownership_reverts_stranger(oracle: Handle, stranger: Account) -> None:
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        oracle.transfer_ownership(stranger.address, sender=stranger)


def test_transfer_ownership_leaves_out_renounce(oracle: Handle) -> None:
    assert "renounce_ownership" not in oracle.functions


@pytest.mark.parametrize("fork", ["cancun", "shanghai"])
def test_deploy_fits(fork: str) -> None:
    """Both builds stay below EIP-170's limit."""
    assert load("PriceOracle", fork).runtime_size < 24_576
