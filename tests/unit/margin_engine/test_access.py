"""Who may call what: every state-changing function of every contract, and doors that are shut."""

from collections.abc import Iterator
from typing import Any

import pytest
from engine_world import (
    FUND,
    MARKETS,
    REWARD,
    RISK,
    TREASURY,
    Config,
    Order,
    World,
    reverts,
    wad,
)

from plimsoll.evm import Function, Handle, Revert, load
from plimsoll.evm.artifacts import contracts_folder, roots
from plimsoll.reference.margin import pack_rows

ANYONE = "anyone"
OWNER = "the contract's owner"
STEWARD = "owner or steward of the risk model"
GUARDIAN = "owner, steward or guardian of the risk model"
TAKER = "owner or operator of the taker's account; the order's maker by signature"
LIQUIDATOR = "owner or operator of the liquidator's account"
MAKER = "owner or operator of the maker's account"
HOLDER = "the account's owner; treasury: the engine's owner; fund: its contract"
SIGNED = "anyone, with the maker's signature"
SHARES = "anyone, with the holder's shares, allowance or signature"

#: contract -> state-changing function -> who may call it
ACCESS: dict[str, dict[str, str]] = {
    "MarginEngine": {
        "fill": TAKER,
        "takeover": LIQUIDATOR,
        "takeover_by_order": SIGNED,
        "cancel_order": MAKER,
        "cancel_below": MAKER,
    },
    "MarginEngineExt": {
        "deposit": ANYONE,
        "withdraw": HOLDER,
        "set_operator": ANYONE,
        "touch": ANYONE,
        "settle": ANYONE,
        "resolve": ANYONE,
        "cover": ANYONE,
    },
    "MarginEngineAdmin": {
        "list_market": OWNER,
        "set_market": OWNER,
        "set_allowance": OWNER,
        "set_reward": OWNER,
        "set_fund": OWNER,
        "transfer_ownership": OWNER,
    },
    "RiskModel": {
        "set_market": OWNER,
        "set_volatility": OWNER,
        "set_globals": OWNER,
        "set_correlations": OWNER,
        "set_steward": OWNER,
        "set_guardian": OWNER,
        "announce": STEWARD,
        "announce_correlations": STEWARD,
        "announce_volatility": STEWARD,
        "raise_kappa": STEWARD,
        "cancel": GUARDIAN,
        "fold": ANYONE,
        "observe": ANYONE,
        "transfer_ownership": OWNER,
    },
    "PriceOracle": {"checkpoint": ANYONE, "set_feed": OWNER, "transfer_ownership": OWNER},
    "InsuranceFund": {
        "deposit": ANYONE,
        "mint": ANYONE,
        "withdraw": SHARES,
        "redeem": SHARES,
        "transfer": SHARES,
        "transferFrom": SHARES,
        "approve": ANYONE,
        "permit": SHARES,
    },
    "MarginLens": {},
}


def changing(name: str) -> set[str]:
    """State-changing functions in a contract's ABI."""
    return {
        entry["name"]
        for entry in load(name).abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }


def test_access_list_is_complete() -> None:
    """A contract or a function that nobody has thought about fails here."""
    folder = contracts_folder()
    deployed = {name for name, path in roots(folder).items() if path.parent == folder}
    assert deployed == set(ACCESS)
    for name in deployed:
        assert changing(name) == set(ACCESS[name]), name


def test_access_no_function_is_payable() -> None:
    for name in ACCESS:
        for entry in load(name).abi:
            assert entry.get("stateMutability") != "payable", (name, entry.get("name"))


def owner_calls(world: World) -> Iterator[tuple[Function, tuple[Any, ...]]]:
    """Every function for owners only, with arguments that its owner gets through with."""
    identity = [[10_000 * (m == n) for n in range(16)] for m in range(16)]
    new = world.chain.account("new owner")
    handles = {
        "MarginEngineAdmin": world.engine,
        "RiskModel": world.risk,
        "PriceOracle": world.oracle,
    }
    arguments: dict[tuple[str, str], tuple[Any, ...]] = {
        ("MarginEngineAdmin", "list_market"): (MARKETS, Config(), 0),
        ("MarginEngineAdmin", "set_market"): (0, Config()),
        ("MarginEngineAdmin", "set_allowance"): (0, 0),
        ("MarginEngineAdmin", "set_reward"): (REWARD,),
        ("MarginEngineAdmin", "set_fund"): (new,),
        ("RiskModel", "set_market"): (15, RISK),
        ("RiskModel", "set_volatility"): (15, (0, 86_400, 3_600, 10**12, 10**11)),
        ("RiskModel", "set_globals"): (3 * 10**18, 2 * 10**18),
        ("RiskModel", "set_correlations"): (pack_rows(identity),),
        ("RiskModel", "set_steward"): (new,),
        ("RiskModel", "set_guardian"): (new,),
        ("PriceOracle", "set_feed"): (0, world.proxies[0], 60, 0, 78),
    }
    for name, functions in ACCESS.items():
        for function, who in functions.items():
            if who == OWNER:
                default = (new,) if function == "transfer_ownership" else None
                yield (
                    handles[name].functions[function],
                    arguments.get((name, function), default) or (),
                )


def test_access_owner_functions_refuse_strangers(world: World) -> None:
    """Nobody but the owner: not a trader, an operator of the owner, the backer, the deployer."""
    world.add_feed(MARKETS, 100)
    world.risk.set_market(MARKETS, RISK, sender=world.owner)
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=world.owner)
    callers = [world.key("stranger"), operator, world.key("backer"), world.chain.default_sender]
    count = 0
    for function, arguments in owner_calls(world):
        count += 1
        for caller in callers:
            with reverts("ownable: caller is not the owner"):
                function(*arguments, sender=caller)
        with world.anchor():
            if function.name == "set_fund":
                with reverts("listing: fund is set"):
                    function(*arguments, sender=world.owner)
            elif function.name == "set_globals":
                with reverts("risk: market is set"):
                    function(*arguments, sender=world.owner)
            else:
                function(*arguments, sender=world.owner)
    assert count == sum(list(each.values()).count(OWNER) for each in ACCESS.values()) == 15


def test_access_steward_and_guardian_have_narrow_roles(world: World) -> None:
    """The steward announces and cancels, the guardian cancels; neither does anything else."""
    risk, owner = world.risk, world.owner
    steward, guardian, stranger = (world.key(name) for name in ("steward", "guardian", "stranger"))
    risk.set_steward(steward, sender=owner)
    risk.set_guardian(guardian, sender=owner)
    start = world.chain.timestamp + 2 * 86_400
    identity = pack_rows([[10_000 * (m == n) for n in range(16)] for m in range(16)])
    calls: dict[str, tuple[Any, ...]] = {
        "announce": (1, 0, 5 * 10**10, start, start + 3_600),
        "announce_correlations": (identity, start, start + 3_600),
        "announce_volatility": (0, (0, 86_400, 3_600, 10**13 // 2, 10**11 * 2), start),
        "raise_kappa": (2 * 10**18,),
        "cancel": (1, 0),
    }
    assert set(calls) == {f for f, who in ACCESS["RiskModel"].items() if who in (STEWARD, GUARDIAN)}
    for name, arguments in calls.items():
        verb, refused = "announce", (stranger, guardian)
        if name == "cancel":
            verb, refused = "cancel", (stranger,)
        for caller in refused:
            with reverts(f"risk: caller may not {verb}"):
                risk.functions[name](*arguments, sender=caller)
        risk.functions[name](*arguments, sender=steward)
    risk.announce(*calls["announce"], sender=owner)
    risk.cancel(1, 0, sender=guardian)
    for caller in (steward, guardian):
        with reverts("ownable: caller is not the owner"):
            risk.set_steward(caller, sender=caller)


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
        "transfer_ownership": (trader.key,),
        "cancel_order": (order,),
    }
    for name in handle.functions:
        if name in everything:
            yield name, everything[name]


@pytest.mark.parametrize("code", ["extension", "admin"])
def test_access_code_contracts_do_not_touch_the_engine(world: World, code: str) -> None:
    """Called directly they have an empty ledger of their own and no power over the engine's."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(3))
    world.price(0, 99)
    world.token.mint(world.owner, 100)
    name = {"extension": "MarginEngineExt", "admin": "MarginEngineAdmin"}[code]
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
        assert len(todo) == len(ACCESS[name])
    # the code contract's ledger knows nobody
    if code == "extension":
        assert target.wallet(trader.id) == (0, 0, 0)


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
    for name, functions in ACCESS.items():
        handle = {"RiskModel": world.risk, "PriceOracle": world.oracle}.get(name, world.engine)
        if name in ("InsuranceFund", "MarginLens"):
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
    for target in (world.engine, world.extension, world.admin):
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
        assert world.engine.position(account, 0) == (0, 0, 0, 0, 0, 0)
