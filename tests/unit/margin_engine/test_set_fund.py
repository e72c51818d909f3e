"""set_fund: the contract that holds the fund's account; another one only while that is empty."""

import pytest
from engine_world import ZERO_ADDRESS, World, events, reverts

from plimsoll.evm import Handle


@pytest.fixture
def bare(world: World) -> Handle:
    """An engine without a fund."""
    return world.new_engine()


def test_set_fund_default(world: World, bare: Handle) -> None:
    assert bare.addresses()[3] == ZERO_ADDRESS
    fund = world.key("fund holder")
    bare.set_fund(fund, sender=world.owner)
    assert bare.addresses()[3] == fund.address


def test_set_fund_default_nobody_pays_in_before(world: World, bare: Handle) -> None:
    with reverts("custody: no such account"):
        bare.deposit(1, 1, sender=world.key("backer"))
    with reverts("custody: not the owner"):
        bare.withdraw(1, 1, world.owner, sender=world.owner)


def test_set_fund_emits_fund_updated(world: World, bare: Handle) -> None:
    fund = world.key("fund holder")
    receipt = bare.set_fund(fund, sender=world.owner)
    assert events(receipt) == ["FundUpdated"]
    assert receipt.event("FundUpdated").args == {"fund": fund.address}


def test_set_fund_reverts_stranger(world: World, bare: Handle) -> None:
    stranger = world.key("stranger")
    for engine in (bare, world.engine):
        with reverts("ownable: caller is not the owner"):
            engine.set_fund(stranger, sender=stranger)


def test_set_fund_default_another_one_while_it_is_empty(world: World, bare: Handle) -> None:
    """Also twice in one block; the first one loses its rights."""
    first, second = world.key("fund holder", 1), world.key("other holder")
    for fund in (first, second, first, second):
        bare.set_fund(fund, sender=world.owner)
    world.token.approve(bare, 1, sender=first)
    with reverts("custody: no such account"):
        bare.deposit(1, 1, sender=first)


def test_set_fund_reverts_fund_is_set(world: World, bare: Handle) -> None:
    """With a unit in the account nobody else gets it, not even its own holder again."""
    fund = world.key("fund holder", 1)
    bare.set_fund(fund, sender=world.owner)
    world.token.approve(bare, 1, sender=fund)
    bare.deposit(1, 1, sender=fund)
    for address in (fund, world.owner, ZERO_ADDRESS):
        with reverts("listing: fund is set"):
            bare.set_fund(address, sender=world.owner)
    bare.withdraw(1, 1, fund, sender=fund)
    bare.set_fund(world.key("other holder"), sender=world.owner)


def test_set_fund_reverts_fund_has_claims(tampered: World) -> None:
    """No cash, but a claim: it is not empty."""
    world = tampered
    slot = world.mapped("wallets", 1)
    world.chain.set_storage(world.engine, slot, 1 << 104)
    with reverts("listing: fund is set"):
        world.engine.set_fund(world.owner, sender=world.owner)
    # the treasury's cash in the same word does not count
    world.chain.set_storage(world.engine, slot, 1 << 152)
    world.engine.set_fund(world.owner, sender=world.owner)


def test_set_fund_reverts_fund_is_zero(world: World, bare: Handle) -> None:
    with reverts("listing: fund is zero"):
        bare.set_fund(ZERO_ADDRESS, sender=world.owner)
