"""A collateral token that calls back: no call gets into the vault, and the engine sees the books as
they will be."""

from typing import Any

from engine_world import FUND, MAX, WAD, Party
from vault_world import WETH, VaultWorld

from plimsoll.evm import Handle


def pledged(world: VaultWorld) -> tuple[Party, Handle]:
    """An account with one unit of a token that calls back."""
    token = world.chain.deploy(world.load("CallbackToken"), 18)
    world.list_token(token)
    who = world.party("pledger", 0)
    token.mint(who.key, 2 * WAD)
    token.approve(world.vault, MAX, sender=who.key)
    world.vault.deposit(who.id, token, WAD, sender=who.key)
    return who, token


def calls(world: VaultWorld, who: Party, token: Handle) -> dict[str, tuple[Any, ...]]:
    """Arguments for every state-changing function."""
    return {
        "list_token": (world.token, WETH, 20_000, WAD),
        "set_cap": (token, 1),
        "set_haircut": (token, 25_000),
        "deposit": (who.id, token, 1),
        "withdraw": (who.id, token, 1, who.key),
        "withdraw_fund": (token, 1, who.key),
        "open_sale": (who.id,),
        "close_sale": (who.id,),
        "buy": (FUND, token, 1, 1, who.key),
        "seize": (who.id, token),
        "transfer_ownership": (who.key,),
    }


def changing(world: VaultWorld) -> set[str]:
    """The vault's state-changing functions."""
    abi = world.load("CollateralVault").abi
    return {
        entry["name"]
        for entry in abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }


def test_nothing_gets_into_the_vault(world: VaultWorld) -> None:
    who, token = pledged(world)
    wanted = calls(world, who, token)
    assert set(wanted) == changing(world)
    for name, args in wanted.items():
        data = getattr(world.vault, name).encode(*args)
        for act in ("deposit", "withdraw"):
            with world.anchor():
                # everything the call itself would need: the hook is the vault's owner
                world.vault.transfer_ownership(token, sender=world.owner)
                token.set_hook(world.vault, data)
                if act == "deposit":
                    world.vault.deposit(who.id, token, WAD // 2, sender=who.key)
                else:
                    world.vault.withdraw(who.id, token, WAD // 2, who.key, sender=who.key)
                # the library's own function has no lock; it moves no tokens
                got_in = name == "transfer_ownership"
                assert (token.calls(), token.succeeded(), token.response()) == (1, got_in, b""), (
                    name
                )
                assert world.untwinned() == []


def test_the_engine_sees_the_books_as_they_will_be(world: VaultWorld) -> None:
    """In the middle of a withdrawal the collateral is gone, in that of a deposit not there yet."""
    who, token = pledged(world)
    data = world.engine.health.encode(who.id)
    for act, collateral in (("withdraw", 0), ("deposit", 0)):
        token.set_hook(world.engine, data)
        if act == "withdraw":
            world.vault.withdraw(who.id, token, WAD, who.key, sender=who.key)
        else:
            world.vault.deposit(who.id, token, WAD, sender=who.key)
        assert token.succeeded()
        words = token.response()
        assert int.from_bytes(words[8 * 32 : 9 * 32]) == collateral
        assert len(words) == 10 * 32  # `collateral` is the ninth of ten
