"""What stands on the chain before a row begins: the protocol, eight markets, a few people.

The plan is the gas table's own, so that a change of `deployments/` does not move a figure. All
markets have one price and the same parameters; prices move while rows are prepared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from plimsoll.evm import Account
from plimsoll.gas.backend import BLOCK_TIME, Call, GasBackend
from plimsoll.gas.errors import RowError
from plimsoll.protocol.client import account_id, wad
from plimsoll.protocol.contract import Contract
from plimsoll.protocol.deploy import deploy
from plimsoll.protocol.orders import Order, SignedOrder
from plimsoll.protocol.plan import Plan, parse_plan

#: markets that are listed; one more has a feed and risk parameters and is listed by a row
MARKETS = 8
PRICE = 2_000
#: token units of a quote
UNITS = 10**6
#: an expiry far away: 6 bytes
EXPIRY = 2**40

_MINUTE = 60

_FEED = {"mock": {"decimals": 8, "price": PRICE}, "heartbeat": 86_400, "gap": "0.01"}
_RISK = {
    "sigma": "0.02",
    "f": "0.05",
    "g": "0.02",
    "lambda": "0.01",
    "depth": 1_000_000_000,
    "c": 1,
    "penalty_cap": "0.02",
    "share": 5,
}
_CONFIG = {
    "oi_cap": 1_000_000,
    "min_notional": 10,
    "max_notional": 100_000_000,
    "band": "0.02",
    "penalty_min": "0.005",
    "penalty_max": "0.015",
    "maker_fee": "0.0002",
    "taker_fee": "0.0005",
    # 16ths of the open interest a window
    "takeover_share": 4,
}
_REWARD = {
    "minimum": 1,
    "cap": 50,
    "gas_units": 300_000,
    "premium": "0.1",
    "native_price": 3_000,
    "interval": 3_600,
}
#: a collateral token at the price of market 0
_COLLATERAL = {
    "token": {"test": {"decimals": 18}},
    "market": "M0",
    "haircut": "0.1",
    "cap": 1_000_000,
}
_RHO = "0.5"
_TOKENS = 10**9 * UNITS


def plan() -> Plan:
    """Return the plan of the gas table."""
    names = [f"M{number}" for number in range(MARKETS)]
    return parse_plan(
        {
            "token": {"test": {"decimals": 6}},
            "risk": {"z": 3, "kappa": "1.5"},
            "markets": {
                name: {
                    "number": number,
                    "feed": _FEED,
                    "risk": _RISK,
                    "config": _CONFIG,
                    "allowance": 1_000_000,
                }
                for number, name in enumerate(names)
            },
            "correlations": {
                name: dict.fromkeys(names[number + 1 :], _RHO)
                for number, name in enumerate(names[:-1])
            },
            "collateral": {"C0": _COLLATERAL},
            "reward": _REWARD,
            "fund": {"seed": 1_000_000},
        },
        "the gas table's plan",
    )


class Stage:
    """The protocol and the people of the gas table, on either chain.

    `crowd_long` and `crowd_short` hold ten units against each other in market 0, so that no row
    finds or leaves the book empty unless it says so; they traded off the mark, so that there is a
    premium. Everybody named in `__init__` has tokens, has
    allowed the engine to take them, and has an account of some size; nobody else has a position.
    """

    def __init__(self, backend: GasBackend) -> None:
        """Deploy and prepare; some 150 transactions."""
        self.backend = backend
        self.plan = plan()
        self.plimsoll = deploy(backend, self.plan)
        self.owner: Account = backend.deployer
        self.engine: Contract = self.plimsoll.engine
        self._salt = 0
        self.maker = self.actor("maker", 100_000)
        self.maker_aside = self.actor("maker aside", 100_000)
        self.taker = self.actor("taker", 10_000)
        self.trader = self.actor("trader", 1_000)
        self.liquidator = self.actor("liquidator", 10_000)
        self.keeper = self.actor("keeper", 10)
        self.newcomer = self.actor("newcomer", 0)
        self.backer = self.actor("backer", 0)
        crowd_long = self.actor("crowd long", 100_000)
        crowd_short = self.actor("crowd short", 100_000)
        self.fill(self.order(crowd_long, 0, 10, PRICE + 1), crowd_short, 10).send()

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Take back what happens inside, salts included."""
        snapshot, salt = self.backend.snapshot(), self._salt
        try:
            yield
        finally:
            self.backend.revert(snapshot)
            self._salt = salt

    # -- people ------------------------------------------------------------------------------------

    def actor(self, name: str, quote: int) -> Account:
        """Return an account with tokens and `quote` in its first engine account."""
        who: Account = self.backend.account(name)
        self.plimsoll.mint(who, _TOKENS)
        self.plimsoll.approve(sender=who)
        if quote:
            self.plimsoll.deposit(account_id(who), quote * UNITS, sender=who)
        return who

    def call(self, contract: Contract, function: str, *args: Any, sender: Account) -> Call:
        """Return a transaction that is not sent yet."""
        return Call(contract.methods[function], args, sender)

    def do(self, function: str, *args: Any, sender: Account) -> Call:
        """Return a transaction to the engine that is not sent yet."""
        return self.call(self.engine, function, *args, sender=sender)

    # -- prices and trades -------------------------------------------------------------------------

    def price(self, market: int, price: int) -> None:
        """Set the price of a market, quote per base."""
        self.plimsoll.set_price(market, price)

    def fold(self, market: int = 0) -> None:
        """Pay a market's funding in the first block of a minute: the next one has no fold due.

        The premium decays with a half-life of hours, so there is still one.
        """
        self.backend.advance(_MINUTE - (self.backend.now() + BLOCK_TIME) % _MINUTE)
        self.do("accrue", market, sender=self.keeper).send()
        if self.engine.market_extra(market).premium == 0:
            raise RowError(f"market {market} has no premium; its rows are for a live funding")

    def order(
        self, maker: Account, market: int, size: int | str, price: int | str, *, index: int = 0
    ) -> SignedOrder:
        """Return a signed order that nobody has filled."""
        self._salt += 1
        order = Order(
            account=account_id(maker, index),
            market=market,
            size=wad(size),
            price=wad(price),
            expiry=EXPIRY,
            salt=self._salt,
        )
        return self.plimsoll.sign(maker, order)

    def fill(self, signed: SignedOrder, taker: Account, size: int | str, index: int = 0) -> Call:
        """Return the fill of a part of an order."""
        return self.do(
            "fill",
            signed.order.as_tuple(),
            signed.signature,
            account_id(taker, index),
            wad(size),
            sender=taker,
        )

    def short(self, trader: Account, size: int | str, market: int = 0, price: int = PRICE) -> None:
        """Sell `size` to the maker at the mark."""
        self.fill(self.order(self.maker, market, size, price), trader, size).send()

    # -- liquidation -------------------------------------------------------------------------------

    def takeover(self, size: int | str) -> Call:
        """Return the liquidator's takeover of a part of the trader's position in market 0."""
        return self.do(
            "takeover",
            account_id(self.trader),
            0,
            wad(size),
            account_id(self.liquidator),
            sender=self.liquidator,
        )

    def resolve(self, market: int = 0) -> Call:
        """Return the keeper's resolve of the trader's leg in a market."""
        return self.do(
            "resolve", account_id(self.trader), market, account_id(self.keeper), sender=self.keeper
        )
