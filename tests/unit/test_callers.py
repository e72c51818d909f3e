"""Who may call what: the table is whole, SECURITY.md says the same, everybody else is refused."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any, NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent / "margin_engine"))

from engine_world import (
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

from plimsoll.evm import Account, Function, Handle, load
from plimsoll.evm.artifacts import contracts_folder, roots
from plimsoll.reference.margin import pack_rows
from plimsoll.reference.risk import Settings
from tests.utils.callers import (
    ANNOUNCES,
    CALLERS,
    CANCELS,
    GUARDIAN,
    LOWERS,
    OPEN,
    OWNER,
    PAYABLE,
    UNSET,
    changing,
)

SECURITY = Path(__file__).parents[2] / "SECURITY.md"
#: how SECURITY.md names the contracts; the engine is one address of five code contracts
NAMES = {
    "engine": (
        "MarginEngine",
        "MarginEngineExt",
        "MarginEngineSettlement",
        "MarginEngineLiquidation",
        "MarginEngineAdmin",
    ),
    "risk model": ("RiskModel",),
    "oracle": ("PriceOracle",),
    "insurance fund": ("InsuranceFund",),
    "vault": ("CollateralVault",),
    "timelock": ("Timelock",),
    "lens": ("MarginLens",),
}
DAY = 86_400
#: bytes of calldata that the timelock holds
PAYLOAD_MAX = 1_024
#: a market that the risk model does not know
BLANK = MARKETS + 1
F = 1
VOLATILITY = Settings(b=10**12)
STRANGER, STEWARD, WARDEN = "stranger", "steward", "guardian"


# ---- the table -----------------------------------------------------------------------------------


def test_table_is_complete() -> None:
    """A contract or a function that nobody has thought about fails here."""
    folder = contracts_folder()
    deployed = {name for name, path in roots(folder).items() if path.parent == folder}
    assert deployed == set(CALLERS)
    for name in deployed:
        assert changing(name) == set(CALLERS[name]), name


def test_no_other_function_is_payable() -> None:
    payable = {
        (name, entry.get("name", entry["type"]))
        for name in CALLERS
        for entry in load(name).abi
        if entry.get("stateMutability") == "payable"
    }
    assert payable == PAYABLE


def told() -> dict[str, dict[str, str]]:
    """The table of SECURITY.md: contract -> function -> who."""
    found: dict[str, dict[str, str]] = {}
    contract = ""
    text = SECURITY.read_text().split("## Who may call what")[1].split("\n## ")[0]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] == "contract" or set(cells[0]) == {"-"}:
            continue
        assert len(cells) == 3, line
        contract = cells[0] or contract
        functions = re.findall(r"`(\w+)`", cells[1])
        assert re.sub(r"`\w+`|[, ]|none", "", cells[1]) == "", line
        rows = found.setdefault(contract, {})
        for function in functions:
            assert function not in rows, f"{contract}.{function} stands there twice"
            rows[function] = cells[2]
    return found


def test_security_md_says_the_same() -> None:
    wanted: dict[str, dict[str, str]] = {}
    for name, parts in NAMES.items():
        wanted[name] = {}
        for part in parts:
            wanted[name] |= CALLERS[part]
    assert sorted(part for parts in NAMES.values() for part in parts) == sorted(CALLERS)
    assert told() == wanted


def size_of(entry: dict[str, Any]) -> int:
    """Bytes of a static type in calldata. Raises ValueError for a dynamic one."""
    kind: str = entry["type"]
    if found := re.fullmatch(r"(.*)\[(\d*)\]", kind):
        if not found[2]:
            raise ValueError(kind)
        return int(found[2]) * size_of({**entry, "type": found[1]})
    if kind == "tuple":
        return sum(size_of(part) for part in entry["components"])
    if kind in ("bytes", "string"):
        raise ValueError(kind)
    return 32


def test_owners_calls_fit_the_timelock() -> None:
    """An owner's function with more calldata than an operation holds is nobody's any more."""
    longer = set()
    for name, functions in CALLERS.items():
        for entry in load(name).abi:
            if functions.get(entry.get("name", "")) in (OWNER, UNSET, *ALLOWED):
                size = 4 + sum(size_of(part) for part in entry["inputs"])
                if size > PAYLOAD_MAX:
                    longer.add((name, entry["name"]))
    assert longer == set()


# ---- the refusals --------------------------------------------------------------------------------


class Cast(NamedTuple):
    """Everything deployed, with everybody who has a role, and an account with a position."""

    world: World
    timelock: Handle
    vault: Handle
    token: Handle  # that it takes

    def handle(self, contract: str) -> Handle:
        """The contract under whose address a function is called."""
        world = self.world
        known = {
            "RiskModel": world.risk,
            "PriceOracle": world.oracle,
            "InsuranceFund": world.fund,
            "Timelock": self.timelock,
            "CollateralVault": self.vault,
        }
        return known.get(contract, world.engine)

    def key(self, name: str) -> Account:
        return self.world.chain.account(name)


@pytest.fixture(scope="module")
def built() -> Cast:
    world = World(markets=2)
    key = world.key
    for contract in (world.engine, world.risk):
        for role in (WARDEN, STEWARD):
            if f"set_{role}" in contract.functions:
                contract.functions[f"set_{role}"](key(role), sender=world.owner)
    world.engine.set_operator(key("owner's operator"), True, sender=world.owner)
    timelock = world.chain.deploy(load("Timelock"), DAY, [key("proposer")], [key("executor")])
    vault = world.chain.deploy(load("CollateralVault"), world.engine, sender=world.owner)
    token = world.chain.deploy(load("TestToken"), 18)
    vault.list_token(token, 0, 20_000, wad(1), sender=world.owner)
    maker, trader = world.party("maker", 10_000), world.party("trader", 100)
    world.trade(trader, maker, wad(10))
    return Cast(world, timelock, vault, token)


@pytest.fixture
def cast(built: Cast) -> Iterator[Cast]:
    with built.world.anchor():
        yield built


def _order(cast: Cast) -> Order:
    return cast.world.order(cast.world.party("maker"), wad(1))


def _signed(cast: Cast) -> tuple[Any, ...]:
    order = _order(cast)
    return (order, cast.world.sign(order), cast.world.party("taker").id, wad(1))


def _identity(_: Cast) -> tuple[Any, ...]:
    return (pack_rows([[10_000 * (m == n) for n in range(16)] for m in range(16)]),)


def _change(cast: Cast) -> tuple[Any, ...]:
    """A higher f of market 0, in time."""
    start = cast.world.chain.timestamp + 2 * DAY
    return (F, 0, RISK[1] + 10**10, start, start + DAY)


def _matrix_change(cast: Cast) -> tuple[Any, ...]:
    start = cast.world.chain.timestamp + 2 * DAY
    return (*_identity(cast), start, start + DAY)


def _settings_change(cast: Cast) -> tuple[Any, ...]:
    return (0, astuple(VOLATILITY), cast.world.chain.timestamp + 2 * DAY)


def _announced(cast: Cast) -> tuple[Any, ...]:
    """What there is to cancel: the change above, announced."""
    cast.world.risk.announce(*_change(cast), sender=cast.world.owner)
    return (F, 0)


def _reference(cast: Cast) -> tuple[Any, ...]:
    feed = cast.world.chain.deploy(load("MockAggregator"), 8, 100 * 10**8)
    return (0, feed, 3_600, 10**7)


def _sequencer(cast: Cast) -> tuple[Any, ...]:
    """A sequencer that has been up for a day."""
    feed = cast.world.chain.deploy(load("MockAggregator"), 0, 0)
    feed.set_round(1, 0, cast.world.chain.timestamp - DAY, 1)
    return (feed, 1_800)


def _ending(cast: Cast) -> int:
    """A market whose end is announced."""
    world = cast.world
    world.engine.announce_delisting(0, world.chain.timestamp + DAY, sender=world.owner)
    return 0


def _ended(cast: Cast) -> int:
    """A market whose time has come; its feed has been silent since."""
    market = _ending(cast)
    cast.world.chain.set_time(cast.world.chain.timestamp + DAY)
    return market


def _new_token(cast: Cast) -> tuple[Any, ...]:
    return (cast.world.chain.deploy(load("TestToken"), 8), 0, 20_000, wad(1))


def _call(cast: Cast) -> tuple[Any, ...]:
    return (cast.world.engine, 0, b"", bytes(32), bytes(32))


def _batch(cast: Cast) -> tuple[Any, ...]:
    return ([cast.world.engine], [0], [b""], bytes(32), bytes(32))


NOT_OWNER = "ownable: caller is not the owner"
NOT_ANNOUNCER = "risk: caller may not announce"
NO_ROLE = "access_control: account is missing role"
#: (contract, function) -> arguments, and the reason with which others are refused
REFUSALS: dict[tuple[str, str], tuple[Callable[[Cast], tuple[Any, ...]], str]] = {
    ("MarginEngine", "fill"): (_signed, "trading: not your account"),
    ("MarginEngine", "takeover"): (
        lambda c: (c.world.party("trader").id, 0, 1, c.world.party("maker").id),
        "liquidation: not your account",
    ),
    ("MarginEngineSettlement", "cancel_order"): (lambda c: (_order(c),), "orders: not yours"),
    ("MarginEngineSettlement", "cancel_below"): (
        lambda c: (c.world.party("maker").id, 9),
        "orders: not yours",
    ),
    ("MarginEngineExt", "withdraw"): (
        lambda c: (c.world.party("maker").id, 1, c.key(STRANGER)),
        "custody: not the owner",
    ),
    ("MarginEngineAdmin", "list_market"): (lambda _: (MARKETS, Config(), 0), NOT_OWNER),
    ("MarginEngineAdmin", "set_market"): (lambda _: (0, Config()), NOT_OWNER),
    ("MarginEngineAdmin", "set_allowance"): (lambda _: (0, 0), NOT_OWNER),
    ("MarginEngineAdmin", "set_reward"): (lambda _: (REWARD,), NOT_OWNER),
    ("MarginEngineAdmin", "set_fund"): (lambda c: (c.key("new fund"),), NOT_OWNER),
    ("MarginEngineSettlement", "mark_collateral"): (
        lambda c: (c.world.party("maker").id, True),
        "collateral: not the vault",
    ),
    ("MarginEngineAdmin", "set_vault"): (lambda c: (c.vault,), NOT_OWNER),
    ("MarginEngineAdmin", "set_guardian"): (lambda c: (c.key(STRANGER),), NOT_OWNER),
    ("MarginEngineAdmin", "restrict_market"): (
        lambda _: (0, 1, True),
        "listing: not owner nor guardian",
    ),
    ("MarginEngineAdmin", "announce_delisting"): (
        lambda c: (0, c.world.chain.timestamp + DAY),
        NOT_OWNER,
    ),
    ("MarginEngineAdmin", "cancel_delisting"): (lambda c: (_ending(c),), NOT_OWNER),
    ("MarginEngineAdmin", "delist_at"): (lambda c: (_ended(c), wad(100)), NOT_OWNER),
    ("MarginEngineAdmin", "transfer_ownership"): (lambda c: (c.key("heir"),), NOT_OWNER),
    ("RiskModel", "set_steward"): (lambda c: (c.key(STRANGER),), NOT_OWNER),
    ("RiskModel", "set_guardian"): (lambda c: (c.key(STRANGER),), NOT_OWNER),
    ("RiskModel", "set_market"): (lambda _: (BLANK, RISK), NOT_OWNER),
    ("RiskModel", "set_volatility"): (lambda _: (BLANK, astuple(VOLATILITY)), NOT_OWNER),
    ("RiskModel", "set_globals"): (lambda _: (wad(3), wad(2)), NOT_OWNER),
    ("RiskModel", "set_correlations"): (_identity, NOT_OWNER),
    ("RiskModel", "announce"): (_change, NOT_ANNOUNCER),
    ("RiskModel", "announce_correlations"): (_matrix_change, NOT_ANNOUNCER),
    ("RiskModel", "announce_volatility"): (_settings_change, NOT_ANNOUNCER),
    ("RiskModel", "raise_kappa"): (lambda _: (wad(2),), NOT_ANNOUNCER),
    ("RiskModel", "cancel"): (_announced, "risk: caller may not cancel"),
    ("RiskModel", "transfer_ownership"): (lambda c: (c.key("heir"),), NOT_OWNER),
    ("PriceOracle", "set_feed"): (lambda c: (0, c.world.proxies[0], 60, 0, 78), NOT_OWNER),
    ("PriceOracle", "set_reference"): (_reference, NOT_OWNER),
    ("PriceOracle", "set_sequencer"): (_sequencer, NOT_OWNER),
    ("PriceOracle", "transfer_ownership"): (lambda c: (c.key("heir"),), NOT_OWNER),
    ("CollateralVault", "deposit"): (
        lambda c: (c.world.party("maker").id, c.token, 1),
        "vault: not your account",
    ),
    ("CollateralVault", "withdraw"): (
        lambda c: (c.world.party("maker").id, c.token, 1, c.key(STRANGER)),
        "vault: not your account",
    ),
    ("CollateralVault", "list_token"): (_new_token, NOT_OWNER),
    ("CollateralVault", "set_haircut"): (lambda c: (c.token, 21_000), NOT_OWNER),
    ("CollateralVault", "set_cap"): (lambda c: (c.token, 0), "vault: not owner nor guardian"),
    ("CollateralVault", "withdraw_fund"): (lambda c: (c.token, 1, c.key("heir")), NOT_OWNER),
    ("CollateralVault", "transfer_ownership"): (lambda c: (c.key("heir"),), NOT_OWNER),
    ("Timelock", "schedule"): (lambda c: (*_call(c), DAY), NO_ROLE),
    ("Timelock", "schedule_batch"): (lambda c: (*_batch(c), DAY), NO_ROLE),
    ("Timelock", "cancel"): (lambda _: (bytes(32),), NO_ROLE),
    ("Timelock", "execute"): (_call, NO_ROLE),
    ("Timelock", "execute_batch"): (_batch, NO_ROLE),
    ("Timelock", "update_delay"): (lambda _: (DAY,), "timelock: caller is not itself"),
    ("Timelock", "grantRole"): (lambda c: (bytes(32), c.key(STRANGER)), NO_ROLE),
    ("Timelock", "revokeRole"): (lambda c: (bytes(32), c.key("proposer")), NO_ROLE),
    ("Timelock", "set_role_admin"): (lambda _: (bytes(32), b"\x01" * 32), NO_ROLE),
    ("Timelock", "renounceRole"): (
        lambda c: (c.timelock.PROPOSER_ROLE(), c.key("proposer")),
        "access_control: can only renounce roles for itself",
    ),
}
#: the guardian gets through, and the steward where a function names him
ALLOWED = {
    GUARDIAN: (WARDEN,),
    LOWERS: (WARDEN,),
    ANNOUNCES: (STEWARD,),
    CANCELS: (STEWARD, WARDEN),
}
#: what those who may are refused in this world, for its state: what is set once is set
SET_ONCE = {
    ("MarginEngineAdmin", "set_fund"): "listing: fund is set",
    ("RiskModel", "set_globals"): "risk: market is set",
    ("CollateralVault", "withdraw_fund"): "vault: above the balance",
}
#: who has a role somewhere, or had one, or looks like one
EVERYBODY = (STRANGER, WARDEN, STEWARD, "owner's operator", "backer", "trader", "deployer")
RESTRICTED = [
    (contract, function)
    for contract, functions in CALLERS.items()
    for function, who in functions.items()
    if who not in OPEN
]


def test_every_restricted_function_has_a_refusal() -> None:
    assert set(REFUSALS) == set(RESTRICTED)


def function_of(cast: Cast, contract: str, function: str) -> Function:
    return cast.handle(contract).functions[function]


@pytest.mark.parametrize(("contract", "function"), RESTRICTED)
def test_refused(cast: Cast, contract: str, function: str) -> None:
    """A stranger, guardian, steward, somebody's operator, a backer, a trader, the deployer."""
    arguments, reason = REFUSALS[contract, function]
    who = CALLERS[contract][function]
    call, given = function_of(cast, contract, function), arguments(cast)
    others = [name for name in EVERYBODY if name not in ALLOWED.get(who, ())]
    for name in others:
        sender = cast.world.chain.default_sender if name == "deployer" else cast.key(name)
        with reverts(reason):
            call(*given, sender=sender)
    if contract == "Timelock":
        # nor those with the timelock's other roles, but for proposers who cancel too
        roles = {"schedule": "proposer", "schedule_batch": "proposer", "cancel": "proposer"}
        roles |= {"execute": "executor", "execute_batch": "executor", "renounceRole": "proposer"}
        for name in {"proposer", "executor"} - {roles.get(function, "")}:
            with reverts(reason):
                call(*given, sender=cast.key(name))


@pytest.mark.parametrize(
    ("contract", "function"),
    [each for each in RESTRICTED if CALLERS[each[0]][each[1]] in (OWNER, UNSET, *ALLOWED)],
)
def test_taken_from_those_who_may(cast: Cast, contract: str, function: str) -> None:
    """With the same arguments, so that the refusals above are for who called."""
    world = cast.world
    world.add_feed(MARKETS, 100)
    world.risk.set_market(MARKETS, RISK, sender=world.owner)
    arguments, _ = REFUSALS[contract, function]
    call, given = function_of(cast, contract, function), arguments(cast)
    names = ("owner", *ALLOWED.get(CALLERS[contract][function], ()))
    for name in names:
        with world.anchor():
            if reason := SET_ONCE.get((contract, function)):
                with reverts(reason):
                    call(*given, sender=cast.key(name))
            else:
                call(*given, sender=cast.key(name))


def test_refused_treasury(cast: Cast) -> None:
    """Its account has no owner: it is the engine's owner who withdraws."""
    for name in EVERYBODY:
        sender = cast.world.chain.default_sender if name == "deployer" else cast.key(name)
        with reverts(NOT_OWNER):
            cast.world.engine.withdraw(TREASURY, 1, sender, sender=sender)


def test_timelock_executor_may_be_anyone(cast: Cast) -> None:
    timelock = cast.world.chain.deploy(
        load("Timelock"), 0, [cast.key("proposer")], ["0x" + "00" * 20]
    )
    arguments = (cast.key("heir"), 0, b"", bytes(32), bytes(32))
    timelock.schedule(*arguments, 0, sender=cast.key("proposer"))
    timelock.execute(*arguments, sender=cast.key(STRANGER))
    assert timelock.get_timestamp(timelock.hash_operation(*arguments)) == 1
