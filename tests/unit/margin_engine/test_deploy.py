"""Deployment: what the constructors refuse, the sizes, the one layout of five code contracts."""

from collections.abc import Callable
from typing import Any

import pytest
from engine_world import ZERO_ADDRESS, Party, World, events, reverts, wad

from plimsoll.evm import Chain, load

CODES = (
    "MarginEngine",
    "MarginEngineExt",
    "MarginEngineSettlement",
    "MarginEngineLiquidation",
    "MarginEngineAdmin",
)
MAX_SIZE = 24_576


def flat(layout: dict[str, Any], prefix: str = "") -> dict[str, tuple[int, str]]:
    """Variable -> slot and type, of a storage layout with its modules' tables."""
    found: dict[str, tuple[int, str]] = {}
    for name, entry in layout.items():
        if isinstance(entry.get("slot"), int):
            found[prefix + name] = (entry["slot"], entry["type"])
        else:
            found |= flat(entry, f"{prefix}{name}.")
    return found


def test_deploy_fits() -> None:
    """In the build for public chains; the one for shanghai is for nodes that lift the bound."""
    for name in CODES:
        assert load(name).runtime_size <= MAX_SIZE, name


@pytest.mark.parametrize("fork", ["cancun", "shanghai"])
def test_deploy_default_layouts_agree(fork: str) -> None:
    """Whatever two of the codes both have lies in the same place, and so does the lock."""
    layouts = [flat(load(name, fork).layout["storage_layout"]) for name in CODES]
    for one in layouts:
        for other in layouts:
            for name in one.keys() & other.keys():
                assert one[name] == other[name], name
            # nor does one code use a slot for something else than another
            taken = {slot: name for name, (slot, _) in other.items()}
            for name, (slot, _) in one.items():
                assert taken.get(slot, name) == name
    transient = [load(name, fork).layout.get("transient_storage_layout") for name in CODES]
    assert all(one == transient[0] for one in transient)


def test_deploy_default_owner_is_the_deployer(world: World) -> None:
    assert world.engine.owner() == world.owner.address


def test_deploy_emits_ownership_transferred(world: World) -> None:
    root = world.chain.deploy(
        world.load("MarginEngine"), world.oracle, world.risk, world.extension, sender=world.owner
    )
    event = root.deployed.event("OwnershipTransferred")
    assert event.args == {"previous_owner": ZERO_ADDRESS, "new_owner": world.owner.address}


def test_deploy_reverts_extension_has_no_code(world: World) -> None:
    for nobody in (ZERO_ADDRESS, world.key("stranger")):
        with reverts("engine: extension has no code"):
            world.chain.deploy(world.load("MarginEngine"), world.oracle, world.risk, nobody)


def test_deploy_reverts_admin_has_no_code(world: World) -> None:
    for nobody in (ZERO_ADDRESS, world.key("stranger")):
        with reverts("engine: admin has no code"):
            world.chain.deploy(
                world.load("MarginEngineLiquidation"), world.oracle, world.risk, nobody
            )


def test_deploy_reverts_fourth_code_is_missing(world: World) -> None:
    for nobody in (ZERO_ADDRESS, world.key("stranger")):
        with reverts("engine: fourth code is missing"):
            world.chain.deploy(
                world.load("MarginEngineSettlement"), world.oracle, world.risk, nobody
            )


def test_deploy_reverts_third_code_is_missing(world: World) -> None:
    for nobody in (ZERO_ADDRESS, world.key("stranger")):
        with reverts("engine: third code is missing"):
            world.chain.deploy(world.load("MarginEngineExt"), *world.common, nobody)


@pytest.mark.parametrize("decimals", [0, 1, 19, 255])
def test_deploy_reverts_decimals(world: World, decimals: int) -> None:
    common = (world.token, decimals, world.oracle, world.risk)
    with reverts("custody: decimals not 2 to 18"):
        world.chain.deploy(world.load("MarginEngineAdmin"), *common)
    with reverts("custody: decimals not 2 to 18"):
        world.chain.deploy(world.load("MarginEngineExt"), *common, world.settlement)


def test_deploy_reverts_decimals_differ(world: World) -> None:
    common = (world.token, 18, world.oracle, world.risk)
    with reverts("custody: decimals differ"):
        world.chain.deploy(world.load("MarginEngineAdmin"), *common)
    with reverts("custody: decimals differ"):
        world.chain.deploy(world.load("MarginEngineExt"), *common, world.settlement)


def test_deploy_reverts_token_without_code(world: World) -> None:
    common = (world.key("stranger"), 6, world.oracle, world.risk)
    with reverts(""):
        world.chain.deploy(world.load("MarginEngineAdmin"), *common)


def test_deploy_default_shanghai(make_world: Callable[..., World]) -> None:
    """The same sources with the lock in storage, on a chain that lifts EIP-170's bound."""
    world = make_world(fork="shanghai", markets=1, chain=Chain(fork="SHANGHAI"))
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    receipt = world.trade(trader, maker, wad(10))
    assert events(receipt) == ["PositionUpdated", "PositionUpdated", "Filled"]
    world.price(0, 85)
    world.engine.settle(trader.id)
    world.engine.withdraw(trader.id, world.unit, trader.key, sender=trader.key)
    assert world.cash(trader) == wad("848.5")
    assert world.broken() == []


def test_deploy_default_decimals(make_world: Callable[..., World]) -> None:
    """A trade and a settlement in every number of decimals leave the books whole."""
    for decimals in (2, 6, 8, 18):
        world = make_world(decimals=decimals, markets=1)
        trader: Party = world.party("trader", 1_000)
        maker = world.party("maker", 1_000)
        world.trade(trader, maker, wad(3), price=wad(101))
        world.price(0, "97.12345678")
        world.engine.settle(trader.id)
        world.engine.settle(maker.id)
        assert world.broken() == [], decimals
