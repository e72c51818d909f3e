"""set_guardian: who may restrict markets at once (MRG-5)."""

import pytest
from engine_world import ZERO_ADDRESS, World, events, reverts


def test_set_guardian_default(world: World) -> None:
    """There is none at first; another one takes over, zero takes it away."""
    assert world.engine.guardian() == ZERO_ADDRESS
    for who in (world.key("guardian").address, world.key("next guardian").address, ZERO_ADDRESS):
        world.engine.set_guardian(who, sender=world.owner)
        assert world.engine.guardian() == who


def test_set_guardian_default_the_former_one_has_no_power(world: World) -> None:
    former, guardian = world.key("former guardian"), world.key("guardian")
    world.engine.set_guardian(former, sender=world.owner)
    world.engine.set_guardian(guardian, sender=world.owner)
    with reverts("listing: not owner nor guardian"):
        world.engine.restrict_market(0, 1, False, sender=former)
    world.engine.restrict_market(0, 1, False, sender=guardian)


def test_set_guardian_emits_guardian_updated(world: World) -> None:
    guardian = world.key("guardian")
    receipt = world.engine.set_guardian(guardian, sender=world.owner)
    assert events(receipt) == ["GuardianUpdated"]
    assert receipt.event("GuardianUpdated").args == {"guardian": guardian.address}


@pytest.mark.parametrize("who", ["stranger", "guardian"])
def test_set_guardian_reverts_all_but_the_owner(world: World, who: str) -> None:
    """The guardian appoints nobody."""
    world.engine.set_guardian(world.key("guardian"), sender=world.owner)
    with reverts("ownable: caller is not the owner"):
        world.engine.set_guardian(world.key("stranger"), sender=world.key(who))
