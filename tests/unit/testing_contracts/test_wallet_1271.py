"""Wallet1271"""

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert, load

MAGIC = bytes.fromhex("1626ba7e")
REFUSED = bytes.fromhex("ffffffff")
DIGEST = b"\x17" * 32


@pytest.fixture
def wallet(chain: Chain, owner: Account) -> Handle:
    return chain.deploy(load("Wallet1271"), owner.address)


@pytest.fixture
def token(chain: Chain) -> Handle:
    return chain.deploy(load("TestToken"), 6)


def ask(wallet: Handle, signature: bytes) -> bytes:
    """As a contract does: statically."""
    data = wallet.isValidSignature.encode(DIGEST, signature)
    return bytes(wallet.chain.call(wallet.address, data).value[:4])


def test_is_valid_signature_default(wallet: Handle, owner: Account) -> None:
    assert wallet.owner() == owner.address
    assert ask(wallet, owner.sign_hash(DIGEST)) == MAGIC


def test_is_valid_signature_refuses(wallet: Handle, owner: Account, stranger: Account) -> None:
    good = owner.sign_hash(DIGEST)
    assert ask(wallet, stranger.sign_hash(DIGEST)) == REFUSED
    assert ask(wallet, owner.sign_hash(b"\x18" * 32)) == REFUSED
    for signature in (b"", good[:64], good + b"\x00", b"\x00" * 65, good[:64] + b"\x00"):
        assert ask(wallet, signature) == REFUSED


def test_is_valid_signature_modes(wallet: Handle, owner: Account) -> None:
    good = owner.sign_hash(DIGEST)
    wallet.set_mode(1)
    assert ask(wallet, good) == REFUSED
    wallet.set_mode(2)
    with pytest.raises(Revert, match="wallet: told to revert"):
        ask(wallet, good)
    wallet.set_mode(0)
    assert ask(wallet, good) == MAGIC
    with pytest.raises(Revert, match="wallet: unknown mode"):
        wallet.set_mode(4)


def test_is_valid_signature_tries_to_reenter(wallet: Handle, token: Handle, owner: Account) -> None:
    """In vain when it is asked statically; with success, and a record of it, when it is not."""
    good = owner.sign_hash(DIGEST)
    wallet.set_mode(3)
    wallet.set_call(token.address, token.mint.encode(wallet.address, 5))
    assert ask(wallet, good) == MAGIC
    assert wallet.reentered() is False
    assert wallet.isValidSignature(DIGEST, good).value == MAGIC
    assert wallet.reentered() is True
    assert token.balanceOf(wallet.address) == 5


def test_execute_default(wallet: Handle, token: Handle, owner: Account, stranger: Account) -> None:
    token.mint(wallet.address, 9)
    receipt = wallet.execute(
        token.address, token.transfer.encode(stranger.address, 4), sender=owner
    )
    assert receipt.value == (1).to_bytes(32, "big")
    assert token.balanceOf(stranger.address) == 4
    assert wallet.executed() == 1


def test_execute_default_with_ether(
    chain: Chain, wallet: Handle, owner: Account, stranger: Account
) -> None:
    before = chain.balance(stranger)
    wallet.execute(stranger.address, b"", 7, sender=owner, value=7)
    assert chain.balance(stranger) == before + 7


def test_execute_reverts_with_the_targets_reason(
    wallet: Handle, token: Handle, owner: Account, stranger: Account
) -> None:
    with pytest.raises(Revert, match="token: balance too small"):
        wallet.execute(token.address, token.transfer.encode(stranger.address, 4), sender=owner)


def test_execute_reverts_stranger(wallet: Handle, token: Handle, stranger: Account) -> None:
    with pytest.raises(Revert, match="wallet: caller is not the owner"):
        wallet.execute(token.address, b"", sender=stranger)
