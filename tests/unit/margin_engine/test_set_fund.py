"""set_fund: the contract that holds the fund's account, once."""

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


def test_set_fund_reverts_fund_is_set(world: World, bare: Handle) -> None:
    """Also the second of two equal calls in one block, and with the zero address."""
    fund = world.key("fund holder")
    bare.set_fund(fund, sender=world.owner)
    for address in (fund, world.owner, ZERO_ADDRESS):
        with reverts("listing: fund is set"):
            bare.set_fund(address, sender=world.owner)


def test_set_fund_reverts_fund_is_zero(world: World, bare: Handle) -> None:
    with reverts("listing: fund is zero"):
        bare.set_fund(ZERO_ADDRESS, sender=world.owner)
