"""Doors that are shut; who may call what stands in `tests/unit/test_callers.py`."""

from collections.abc import Iterator
from typing import Any

import pytest
from engine_world import (
    FUND,
    TREASURY,
    Config,
    Order,
    World,
    reverts,
    wad,
)

from plimsoll.evm import Handle, Revert, load
from tests.utils.callers import CALLERS


def direct(world: World, handle: Handle) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Calls of a code contract at its own address, by its own owner."""
    trader = world.party("trader")
    order = Order(trader.id, 0, wad(1), wad(100))
    everything: dict[str, tuple[Any, ...]] = {
        "deposit": (trader.id, 5),
        "withdraw": (trader.id, 5, world.owner),
        "set_operator": (world.owner, True),
        "touch": (trader.id,),
        "settle": (trader.id,),
        "resolve": (trader.id, 0, world.party("keeper").id),
        "cover": (0,),
        "list_market": (0, Config(), 0),
        "set_market": (0, Config(reduce_only=True)),
        "set_allowance": (0, 1),
        "set_reward": ((0, 0, 0, 0, 0, 60),),
        "set_fund": (world.owner,),
        "set_guardian": (world.owner,),
        "restrict_market": (0, 15, True),
        "announce_delisting": (0, world.chain.timestamp + 86_400),
        "cancel_delisting": (0,),
        "delist": (0,),
        "delist_at": (0, wad(100)),
        "transfer_ownership": (trader.key,),
        "set_vault": (world.owner,),
        "note_arrears": (trader.id,),
        "clear_arrears": (trader.id,),
        "mark_collateral": (trader.id, True),
        "call_margin": (trader.id,),
        "reclaim": (trader.id,),
        "sync": (0,),
        "accrue": (0,),
        "thaw": (0,),
        "cancel_order": (order,),
        "cancel_below": (trader.id, 7),
        "takeover_by_order": (order, b"", trader.id, wad(1), world.party("keeper").id),
    }
    for name in handle.functions:
        if name in everything:
            yield name, everything[name]


@pytest.mark.parametrize("code", ["extension", "settlement", "liquidation", "admin"])
def test_access_code_contracts_do_not_touch_the_engine(world: World, code: str) -> None:
    """Called directly they have an empty ledger of their own and no power over the engine's."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(3))
    world.price(0, 99)
    world.token.mint(world.owner, 100)
    name = {
        "extension": "MarginEngineExt",
        "settlement": "MarginEngineSettlement",
        "liquidation": "MarginEngineLiquidation",
        "admin": "MarginEngineAdmin",
    }[code]
    target = world.chain.at(getattr(world, code).address, load(name))
    world.token.approve(target, 2**256 - 1, sender=world.owner)
    todo = list(direct(world, target))
    before = world.fingerprint()
    with world.anchor():
        for function, arguments in todo:
            try:
                target.functions[function](*arguments, sender=world.owner)
            except Revert:
                continue
            finally:
                assert world.fingerprint() == before, function
        assert len(todo) == len(CALLERS[name])
    # the code contract's ledger knows nobody
    if code in ("extension", "settlement"):
        own = world.chain.at(target.address, *world.parts)
        assert own.wallet(trader.id) == (0, 0, 0, 0, False, 0, False, 0)


def test_access_deposit_into_a_code_contract_is_lost_to_nobody_else(world: World) -> None:
    """Its own ledger keeps it: the owner of the account gets it out again."""
    trader = world.party("trader")
    target = world.chain.at(world.extension.address, load("MarginEngineExt"))
    world.token.mint(trader.key, 5)
    world.token.approve(target, 5, sender=trader.key)
    target.deposit(trader.id, 5, sender=trader.key)
    assert world.cash(trader) == 0
    target.withdraw(trader.id, 5, trader.key, sender=trader.key)
    assert world.tokens(trader.key) == 5


def test_access_ether_is_refused(world: World) -> None:
    """By every function, by nothing at all, and by whatever the engine does not know."""
    for name, functions in CALLERS.items():
        handle = {"RiskModel": world.risk, "PriceOracle": world.oracle}.get(name, world.engine)
        if name in ("CollateralVault", "InsuranceFund", "MarginLens", "Timelock"):
            continue
        for entry in load(name).abi:
            if entry["type"] != "function":
                continue
            selector = handle.functions[entry["name"]].selector
            with reverts(""):
                world.chain.transact(handle, selector + bytes(1_024), value=1)
        assert functions
    for data in (b"", b"\x01", b"\xde\xad\xbe\xef"):
        for value in (0, 1):
            with reverts(""):
                world.chain.transact(world.engine, data, value=value)
    assert world.chain.balance(world.engine) == 0


@pytest.mark.parametrize("length", [0, 1, 3, 4, 36, 100])
def test_access_unknown_selector_reverts(world: World, length: int) -> None:
    for target in (world.engine, world.extension, world.settlement, world.liquidation, world.admin):
        with reverts(""):
            world.chain.transact(target, b"\xfe" * length)


def test_access_house_accounts(world: World) -> None:
    """Ids without an owner: nothing trades, withdraws, deposits, cancels or is liquidated there."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(3))
    order = world.order(maker, wad(-1))
    signature = world.sign(order)
    for account in (FUND, TREASURY, 3, 4, 2**95, 2**96 - 1):
        before = world.fingerprint()
        for caller in (world.key("stranger"), trader.key):
            with reverts("trading: not your account"):
                world.engine.fill(order, signature, account, wad(1), sender=caller)
            with reverts("custody: no such account"):
                world.engine.deposit(account, 1, sender=caller)
            with reverts("orders: not yours"):
                world.engine.cancel_below(account, 1, sender=caller)
            with reverts("orders: not yours"):
                world.engine.cancel_order(Order(account, 0, 1, 1), sender=caller)
            with reverts("liquidation: not your account"):
                world.engine.takeover(trader.id, 0, 1, account, sender=caller)
            with reverts("liquidation: above position"):
                world.engine.takeover(account, 0, 1, trader.id, sender=trader.key)
            reason = "custody: not the owner"
            if account == TREASURY:
                reason = "ownable: caller is not the owner"
            with reverts(reason):
                world.engine.withdraw(account, 1, caller, sender=caller)
        assert world.fingerprint() == before
    for account in range(6):
        assert world.engine.position(account, 0) == (0, 0, 0, 0, 0, 0, 0, 0)
