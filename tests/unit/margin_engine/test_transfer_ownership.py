"""transfer_ownership: who may list, set and take the treasury's cash."""

from engine_world import REWARD, TREASURY, ZERO_ADDRESS, World, events, reverts, wad


def test_transfer_ownership_default(world: World) -> None:
    new = world.key("new owner")
    world.engine.transfer_ownership(new, sender=world.owner)
    assert world.engine.owner() == new.address
    world.engine.set_reward(REWARD, sender=new)
    with reverts("ownable: caller is not the owner"):
        world.engine.set_reward(REWARD, sender=world.owner)


def test_transfer_ownership_default_takes_the_treasury_along(world: World) -> None:
    world.trade(world.party("taker", 1_000), world.party("maker", 1_000), wad(10))
    new = world.key("new owner")
    world.engine.transfer_ownership(new, sender=world.owner)
    with reverts("ownable: caller is not the owner"):
        world.engine.withdraw(TREASURY, 1, world.owner, sender=world.owner)
    world.engine.withdraw(TREASURY, 1, new, sender=new)


def test_transfer_ownership_default_leaves_the_codes_alone(world: World) -> None:
    """The engine's owner is in the engine's storage, not in that of the code contracts."""
    world.engine.transfer_ownership(world.key("new owner"), sender=world.owner)
    assert world.admin.owner() == world.owner.address


def test_transfer_ownership_default_twice_in_a_block(world: World) -> None:
    for _ in range(2):
        world.engine.transfer_ownership(world.owner, sender=world.owner)
    assert world.engine.owner() == world.owner.address


def test_transfer_ownership_emits_ownership_transferred(world: World) -> None:
    new = world.key("new owner")
    receipt = world.engine.transfer_ownership(new, sender=world.owner)
    assert events(receipt) == ["OwnershipTransferred"]
    assert receipt.event("OwnershipTransferred").args == {
        "previous_owner": world.owner.address,
        "new_owner": new.address,
    }


def test_transfer_ownership_reverts_stranger(world: World) -> None:
    stranger = world.key("stranger")
    with reverts("ownable: caller is not the owner"):
        world.engine.transfer_ownership(stranger, sender=stranger)


def test_transfer_ownership_reverts_zero(world: World) -> None:
    with reverts("ownable: new owner is the zero address"):
        world.engine.transfer_ownership(ZERO_ADDRESS, sender=world.owner)


def test_transfer_ownership_leaves_out_renounce(world: World) -> None:
    assert "renounce_ownership" not in world.engine.functions
    with reverts(""):
        world.chain.transact(world.engine, bytes.fromhex("89dea1c5"), sender=world.owner)
