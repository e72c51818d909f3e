"""Every state-changing call of a run as data, in the order in which the chain took them.

`RecordingBackend` tells a listener about each transaction, whoever sent it: the harness, the
traders or the keeper. Deployments and prices are noted on the way, because the
reference model gets prices and times and never asks a contract for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.demo.books import Reader
from plimsoll.evm import Artifact
from plimsoll.evm.handle import address_of
from plimsoll.protocol import Domain, EvmBackend, Order, Refused, SignedOrder
from plimsoll.protocol.client import KINDS
from plimsoll.protocol.contract import Contract, Log, Method, Receipt
from plimsoll.replay import Call, is_known

#: A contract's label -> its role in calls.
ROLES = {
    "MarginEngine": "engine",
    "InsuranceFund": "fund",
    "RiskModel": "risk",
    "PriceOracle": "oracle",
    "CollateralVault": "vault",
}

#: Events -> their arguments that name an account whose words may have changed.
ACCOUNTS: dict[str, tuple[str, ...]] = {
    "Deposited": ("account",),
    "Withdrawn": ("account",),
    "PositionUpdated": ("account",),
    "AccountUpdated": ("account",),
    "MarginCalled": ("account",),
    "DebtUpdated": ("account",),
    "ArrearsNoted": ("account",),
    "ArrearsCleared": ("account",),
    "Filled": ("maker", "taker"),
    "TakenOver": ("account", "target", "keeper"),
    "Resolved": ("account", "keeper"),
}

#: Arguments that name an account.
NAMES = ("account", "liquidator", "keeper")

Listener = Callable[[Call, Receipt | None], None]
Opened = Callable[[Contract, Contract, Reader | None], None]


@dataclass
class FeedState:
    """A mock feed as the harness set it."""

    decimals: int
    answer: int
    updated_at: int

    @property
    def price(self) -> tuple[int, int]:
        """The answer in WAD and when it was given."""
        return self.answer * 10 ** (18 - self.decimals), self.updated_at


class Notes:
    """What is known about a deployment's contracts while its calls go by."""

    def __init__(self) -> None:
        self.feeds: dict[str, FeedState] = {}  # by address
        self._behind: dict[str, str] = {}  # proxy -> feed
        self._feed_of: dict[int, str] = {}  # market -> feed
        self._decimals: dict[str, int] = {}  # token -> its decimals
        self._signers: dict[SignedOrder, str | None] = {}
        self.engine = ""
        self.chain_id = 0

    def deployed(self, name: str, address: str, args: tuple[Any, ...], now: int) -> None:
        """Note a new contract."""
        if name == "MockAggregator":
            self.feeds[address] = FeedState(int(args[0]), int(args[1]), now)
        elif name == "FeedProxy":
            self._behind[address] = address_of(args[0])
        elif name == "TestToken":
            self._decimals[address] = int(args[0])

    def listed(self, market: int, feed: str) -> None:
        """Note a market's feed."""
        address = address_of(feed)
        self._feed_of[market] = self._behind.get(address, address)

    def prices(self) -> dict[int, tuple[int | None, int]]:
        """Every market's answer in WAD and its time."""
        return {market: self.feeds[feed].price for market, feed in self._feed_of.items()}

    def args_of(self, method: Method, values: tuple[Any, ...]) -> dict[str, Any]:
        """The arguments of a call by name; the signer in place of a signature."""
        entry = next(
            entry
            for entry in method.contract.abi
            if entry.get("name") == method.name and len(entry["inputs"]) == len(values)
        )
        named = {
            part["name"]: _named(part, value)
            for part, value in zip(entry["inputs"], values, strict=True)
        }
        if method.name == "list_token":  # the vault asks the token
            named["decimals"] = self._decimals[named["token"]]
        if "signature" in named:
            signed = SignedOrder(Order(**named["order"]), bytes(named.pop("signature")))
            if signed not in self._signers:
                self._signers[signed] = signed.signer(Domain(self.chain_id, self.engine))
            named["signer"] = self._signers[signed]
        return named


class RecordingBackend(EvmBackend):
    """The chain in the process, with a listener."""

    def __init__(self, listener: Listener, opened: Opened, *args: Any) -> None:
        """`listener` gets a call and its receipt (None when the contract refused); `opened` gets
        the engine and the token when the engine is there, and a reader where the chain has one."""
        super().__init__(*args)
        self.listener = listener
        self.opened = opened
        self._token: Contract | None = None
        self.notes = Notes()
        self.notes.chain_id = self.chain_id

    def deploy(self, artifact: Artifact, *args: Any, sender: Any = None) -> Contract:
        """Create a contract and note what it is."""
        contract = super().deploy(artifact, *args, sender=sender)
        self.notes.deployed(artifact.name, contract.address, args, self.now())
        if artifact.name == "RiskModel":  # its constructor takes the globals
            told = {"z": int(args[1]), "kappa": int(args[2])}
            sender = address_of(self.deployer if sender is None else sender)
            self.listener(Call("risk", "set_globals", told, sender, self.now()), None)
        elif artifact.name == "TestToken":  # the first one is the quote token
            self._token = self._token or contract
        elif artifact.name == "MarginEngine" and self._token is not None:
            parts = [self.artifact(name) for name in KINDS["engine"]]
            self.opened(self.at(contract.address, *parts), self._token, None)
        return contract

    def transact(
        self, method: Method, args: tuple[Any, ...], *, sender: Any, value: int, gas: int | None
    ) -> Receipt:
        """Send a transaction and tell the listener."""
        contract = method.contract
        role = ROLES.get(contract.label)
        feed = self.notes.feeds.get(contract.address)
        if role is None or not is_known(role, method.name):
            receipt = super().transact(method, args, sender=sender, value=value, gas=gas)
            if feed is not None and method.name == "set_answer":
                feed.answer, feed.updated_at = int(args[0]), receipt.timestamp
            return receipt
        if role == "engine":
            self.notes.engine = contract.address
        named = self.notes.args_of(method, args)
        if (role, method.name) == ("oracle", "set_feed"):
            self.notes.listed(named["market"], named["feed"])
        told: dict[str, Any] = {
            "contract": role,
            "function": method.name,
            "args": named,
            "sender": address_of(self.deployer if sender is None else sender),
            "time": self.now(),
            "block": self.block_number(),
            "basefee": self.chain.basefee,
            "prices": self.notes.prices(),
        }
        try:
            receipt = super().transact(method, args, sender=sender, value=value, gas=gas)
        except Refused as refused:
            self.listener(Call(**told, accepted=False, reason=refused.reason), None)
            raise
        self.listener(Call(**told), receipt)
        return receipt


def touched(call: Call, logs: Iterable[Log]) -> tuple[set[int], set[int]]:
    """Return the accounts and markets that a call names or its events say it changed."""
    accounts: set[int] = set()
    markets: set[int] = set()
    if call.contract not in ("engine", "fund", "vault"):
        return accounts, markets
    if call.contract != "fund":
        accounts.update(int(call.args[name]) for name in NAMES if name in call.args)
        markets.update([int(call.args["market"])] if "market" in call.args else [])
    order = call.args.get("order")
    if order:
        accounts.add(int(order["account"]))
        markets.add(int(order["market"]))
    for log in logs:
        accounts.update(int(log[name]) for name in ACCOUNTS.get(log.name, ()))
        if "market" in log:
            markets.add(int(log["market"]))
    accounts.discard(0)
    return accounts, markets


def _named(part: dict[str, Any], value: Any) -> Any:
    """A struct's fields by name; addresses as text."""
    if part["type"] == "tuple":
        if isinstance(value, Mapping):
            value = [value[inner["name"]] for inner in part["components"]]
        return {
            inner["name"]: _named(inner, field)
            for inner, field in zip(part["components"], value, strict=True)
        }
    if part["type"] == "address":
        return address_of(value)
    if isinstance(value, tuple):
        return list(value)
    return value
