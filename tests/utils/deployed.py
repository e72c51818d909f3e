"""A deployment of three markets of the local plan on the chain in the process, with traders: what
the tools that read a deployment are tested on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from plimsoll.keeper.connect import ConnectionFailed
from plimsoll.protocol import (
    EvmBackend,
    Order,
    Plimsoll,
    ProtocolError,
    account_id,
    deploy,
    parse_plan,
)

LOCAL = Path(__file__).parents[2] / "deployments" / "local.yaml"
WAD = 10**18
UNITS = 10**6
DAY = 86_400
# the roles of deployments/local.yaml
PROPOSER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
STEWARD = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
PRICES = {"BTC": 40_000, "ETH": 2_500, "DOGE": "0.4"}
EXPIRY = 2**40


@dataclass
class Deployed:
    """The deployment with its actors by role; accounts are known as the events would tell them."""

    plimsoll: Plimsoll
    salt: int = 0
    accounts: set[int] = field(default_factory=set)

    @property
    def risk(self) -> Any:
        return self.plimsoll.risk

    def now(self) -> int:
        return self.plimsoll.backend.now()

    def open(self, name: str, quote: int) -> int:
        """An actor's account with so much more quote in it."""
        who = self.plimsoll.backend.account(name)
        self.plimsoll.mint(who, quote * UNITS)
        self.plimsoll.approve(sender=who)
        self.plimsoll.deposit(account_id(who), quote * UNITS, sender=who)
        self.accounts.add(account_id(who))
        return account_id(who)

    def trade(self, buyer: str, seller: str, market: str, size: float) -> None:
        """The buyer takes the seller's order at the mark."""
        maker, taker = (self.plimsoll.backend.account(name) for name in (seller, buyer))
        price, _ = self.plimsoll.price(market)
        amount = round(size * 10**6) * 10**12
        self.salt += 1
        number = self.plimsoll.number(market)
        order = Order(account_id(maker), number, -amount, price, EXPIRY, self.salt)
        self.plimsoll.fill(
            self.plimsoll.sign(maker, order), account_id(taker), amount, sender=taker
        )

    def price(self, market: str, price: Any) -> None:
        self.plimsoll.set_price(market, price)

    def wait(self, seconds: int, prices: Mapping[str, Any] = PRICES) -> None:
        """Time goes on and every feed answers again."""
        self.plimsoll.backend.advance(seconds)
        for market, price in prices.items():
            self.plimsoll.set_price(market, price)

    def announce(self, what: int, market: int, value: int, start: int, end: int) -> None:
        """The steward announces; `start` from now and `end` from the start, seconds."""
        first = self.now() + start
        self.risk.announce(what, market, value, first, first + end, sender=STEWARD)


def build(*, governed: bool = True) -> Deployed:
    data: dict[str, Any] = yaml.safe_load(LOCAL.read_text())
    data["markets"] = {name: data["markets"][name] for name in PRICES}
    data["correlations"] = {"BTC": {"ETH": 0.8, "DOGE": 0.55}, "ETH": {"DOGE": 0.55}}
    if not governed:
        del data["governance"]
    return Deployed(deploy(EvmBackend(), parse_plan(data)))


@contextmanager
def put_back(world: Deployed) -> Iterator[Deployed]:
    """The same world for the next test."""
    salt, accounts = world.salt, set(world.accounts)
    with world.plimsoll.backend.chain.anchor():
        yield world
    world.salt, world.accounts = salt, accounts


def connection(world: Deployed) -> Callable[[Mapping[str, Any]], Any]:
    """What stands in for `plimsoll.console.connected`: an alias is its address."""

    @contextmanager
    def connected(where: Mapping[str, Any]) -> Iterator[tuple[Plimsoll, Any]]:
        try:
            yield world.plimsoll, where.get("account")
        except (ProtocolError, OSError, ValueError) as error:
            raise ConnectionFailed(str(error)) from None

    return connected
