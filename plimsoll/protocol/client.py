"""A deployed protocol: its contracts, names for its markets and accounts, typed calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from plimsoll.protocol.backend import Backend, address_of
from plimsoll.protocol.contract import Contract, Receipt
from plimsoll.protocol.errors import BackendError, RecordError
from plimsoll.protocol.orders import Domain, Order, SignedOrder, sign_order
from plimsoll.protocol.record import Record

WAD = 10**18
FUND, TREASURY = 1, 2
#: status of a feed
FRESH, STALE, DIVERGED, INVALID = 0, 1, 2, 3
_UNLIMITED = 2**256 - 1
_MASK_96 = 2**96 - 1
_DAY = 86_400
#: key in the record -> the artifacts whose functions the contract has
KINDS: dict[str, tuple[str, ...]] = {
    "token": ("TestToken",),
    "oracle": ("PriceOracle",),
    "risk": ("RiskModel",),
    "admin": ("MarginEngineAdmin",),
    "liquidation": ("MarginEngineLiquidation", "MarginEngineAdmin"),
    "settlement": ("MarginEngineSettlement", "MarginEngineLiquidation", "MarginEngineAdmin"),
    "extension": (
        "MarginEngineExt",
        "MarginEngineSettlement",
        "MarginEngineLiquidation",
        "MarginEngineAdmin",
    ),
    "engine": (
        "MarginEngine",
        "MarginEngineExt",
        "MarginEngineSettlement",
        "MarginEngineLiquidation",
        "MarginEngineAdmin",
    ),
    "fund": ("InsuranceFund",),
    "vault": ("CollateralVault",),
    "lens": ("MarginLens",),
    "timelock": ("Timelock",),
}


def account_id(owner: Any, index: int = 0) -> int:
    """Return the id of an account (MRG-7); `owner` is an account, a contract or an address."""
    if not 0 <= index < 2**96:
        raise ValueError(f"index {index} does not fit 96 bits")
    return (int(address_of(owner), 16) << 96) | index


def owner_of(account: int) -> str:
    """Return the address that owns an account; the house accounts' is zero."""
    return str(to_checksum_address((account >> 96).to_bytes(20, "big")))


def index_of(account: int) -> int:
    """Return the index of an account among its owner's."""
    return account & (2**96 - 1)


def wad(amount: Decimal | int | str) -> int:
    """Return a human amount as WAD. Raises ValueError when it has more than 18 decimals."""
    return _scaled(amount, 18)


def _scaled(amount: Decimal | int | str, places: int) -> int:
    exact = Fraction(Decimal(amount)) * 10**places
    if exact.denominator != 1:
        raise ValueError(f"{amount} has more than {places} decimals; round it first")
    return int(exact)


@dataclass(frozen=True)
class MarketInfo:
    """A market of the deployment. `feed` is what the oracle reads; `aggregator` is the mock behind
    it on a local network, whose price anyone sets."""

    name: str
    number: int
    feed: Contract
    aggregator: Contract | None
    feed_decimals: int


@dataclass(frozen=True)
class CollateralInfo:
    """A collateral token of the deployment. `slot` is the oracle's market that prices it."""

    name: str
    token: Contract
    decimals: int
    slot: int


@dataclass(frozen=True)
class Pledge:
    """What an account has of a collateral token: token units, the token's price (quote WAD), the
    status of its feed, its haircut of now (1e5), and what it counts for (quote WAD)."""

    name: str
    amount: int
    decimals: int
    slot: int
    price: int
    status: int
    haircut: int
    worth: int


class Plimsoll:
    """The contracts of one deployment. `engine` has the functions of all five code
    contracts behind its address.

    Accounts are ids (`account_id(owner, index)`), markets and collateral tokens are names (markets
    numbers too), amounts are what the contracts take: token units in deposit and withdraw and of
    collateral, WAD elsewhere. `sender` is an account
    of the backend. Every call raises Refused when the contract does.
    """

    def __init__(self, backend: Backend, record: Record) -> None:
        """Use `connect` or `deploy`, which check the record against the chain."""
        self.backend = backend
        self.record = record
        self.token = self._contract("token")
        self.oracle = self._contract("oracle")
        self.risk = self._contract("risk")
        self.admin = self._contract("admin")
        self.liquidation = self._contract("liquidation")
        self.settlement = self._contract("settlement")
        self.extension = self._contract("extension")
        self.engine = self._contract("engine")
        self.fund = self._contract("fund")
        self.vault = self._contract("vault")
        self.lens = self._contract("lens")
        #: owner of the others; None where the deployer kept them (a local network)
        self.timelock = self._contract("timelock") if "timelock" in record.contracts else None
        self.markets = {
            name: self._market(name, kept) for name, kept in record.plan["markets"].items()
        }
        self._numbers = {market.number: name for name, market in self.markets.items()}
        planned = record.plan["collateral"]
        self.collateral = {name: self._collateral(name, kept) for name, kept in planned.items()}
        #: everything that has a price: the markets, and collateral with a feed of its own
        self.priced = self.markets | {
            name: self._market(name, {**kept, "number": kept["market"]})
            for name, kept in planned.items()
            if "feed" in kept
        }

    def _contract(self, key: str) -> Contract:
        address = self.record.address(key)
        if address is None:
            raise RecordError(
                f"the record has no {key} yet: the deployment is unfinished; run it again with the "
                "same plan and account"
            )
        parts = [self.backend.artifact(name) for name in KINDS[key]]
        return self.backend.at(address, *parts, label=parts[0].name)

    def _market(self, name: str, kept: dict[str, Any]) -> MarketInfo:
        backend, mock = self.backend, isinstance(kept["feed"], dict)
        where = str(self.record.address(f"feed {name}")) if mock else kept["feed"]
        feed = backend.at(where, backend.artifact("FeedProxy"), label=f"feed {name}")
        if not mock:
            return MarketInfo(name, int(kept["number"]), feed, None, int(feed.decimals()))
        aggregator = backend.at(
            str(self.record.address(f"aggregator {name}")),
            backend.artifact("MockAggregator"),
            label=f"aggregator {name}",
        )
        return MarketInfo(
            name, int(kept["number"]), feed, aggregator, int(kept["feed"]["decimals"])
        )

    def _collateral(self, name: str, kept: dict[str, Any]) -> CollateralInfo:
        address = self.record.address(f"collateral {name}")
        artifact = self.backend.artifact("TestToken")
        token = self.backend.at(str(address), artifact, label=name)
        given = kept["token"]
        decimals = given["decimals"] if isinstance(given, dict) else token.decimals()
        return CollateralInfo(name, token, int(decimals), int(kept["market"]))

    @property
    def owned(self) -> tuple[Contract, ...]:
        """The contracts that have an owner."""
        engine = (self.admin, self.liquidation, self.settlement, self.extension, self.engine)
        return (self.oracle, self.risk, self.vault, *engine)

    # -- names -------------------------------------------------------------------------------------

    @property
    def feeds(self) -> dict[str, Contract]:
        """Name of what has a price -> what sets it on a local network, else what tells it."""
        return {name: market.aggregator or market.feed for name, market in self.priced.items()}

    @cached_property
    def decimals(self) -> int:
        """Decimals of the quote token."""
        return int(self.token.decimals())

    @property
    def scale(self) -> int:
        """Quote WAD in a unit of the token."""
        return int(10 ** (18 - self.decimals))

    @property
    def domain(self) -> Domain:
        """Where this engine's orders are valid."""
        return Domain(self.backend.chain_id, self.engine.address)

    def number(self, market: str | int) -> int:
        """Return a market's number. Raises ValueError for an unknown name."""
        if isinstance(market, int):
            return market
        if market not in self.markets:
            raise ValueError(f"no market {market!r}; there are {', '.join(self.markets)}")
        return self.markets[market].number

    def name(self, number: int) -> str:
        """Return a market's name; its number as text when the plan has none."""
        return str(self._numbers.get(number, number))

    def account_id(self, owner: Any, index: int = 0) -> int:
        """Return the id of an owner's account."""
        return account_id(owner, index)

    def owner_of(self, account: int) -> str:
        """Return the address that owns an account."""
        return owner_of(account)

    def collateral_token(self, name: str) -> CollateralInfo:
        """Return a collateral token. Raises ValueError for an unknown name."""
        if name not in self.collateral:
            known = ", ".join(self.collateral) or "none"
            raise ValueError(f"no collateral token {name!r}; there are {known}")
        return self.collateral[name]

    def to_collateral_units(self, name: str, amount: Decimal | int | str) -> int:
        """Return an amount of a collateral token, as people write it, in its units; exact or
        ValueError."""
        return _scaled(amount, self.collateral_token(name).decimals)

    def to_token_units(self, quote: Decimal | int | str) -> int:
        """Return an amount of quote, as people write it, in token units; exact or ValueError."""
        return _scaled(quote, self.decimals)

    # -- test money and prices ---------------------------------------------------------------------

    def mint(self, receiver: Any, amount: int) -> Receipt:
        """Make token units on a local network."""
        return _receipt(self.token.mint(address_of(receiver), amount))

    def mint_collateral(self, name: str, receiver: Any, amount: int) -> Receipt:
        """Make units of a collateral token on a local network."""
        return _receipt(self.collateral_token(name).token.mint(address_of(receiver), amount))

    def approve(self, *, sender: Any, amount: int = _UNLIMITED) -> Receipt:
        """Let the engine take the sender's tokens."""
        return _receipt(self.token.approve(self.engine.address, amount, sender=sender))

    def approve_vault(
        self, name: str | None = None, *, sender: Any, amount: int = _UNLIMITED
    ) -> Receipt:
        """Let the vault take the sender's units of a collateral token; without a name, the quote
        tokens that collateral is bought with."""
        token = self.token if name is None else self.collateral_token(name).token
        return _receipt(token.approve(self.vault.address, amount, sender=sender))

    def set_price(
        self, market: str | int, price: Decimal | int | str, *, sender: Any = None
    ) -> Receipt:
        """Set a mock feed, quote per base; the feed's own decimals must hold it."""
        found = self.priced.get(str(market))
        info = found or self.markets[self.name(self.number(market))]
        if info.aggregator is None:
            raise BackendError(f"the feed of {info.name} is a real one; nobody sets its price")
        answer = _scaled(price, info.feed_decimals)
        return _receipt(info.aggregator.set_answer(answer, sender=sender))

    # -- custody and settlement --------------------------------------------------------------------

    def deposit(self, account: int, amount: int, *, sender: Any) -> Receipt:
        """Pay token units into an account; the sender has approved the engine."""
        return _receipt(self.engine.deposit(account, amount, sender=sender))

    def withdraw(self, account: int, amount: int, *, sender: Any, receiver: Any = None) -> Receipt:
        """Take token units out, to the owner unless `receiver` says otherwise."""
        to = owner_of(account) if receiver is None else address_of(receiver)
        return _receipt(self.engine.withdraw(account, amount, to, sender=sender))

    def deposit_collateral(self, account: int, name: str, amount: int, *, sender: Any) -> Receipt:
        """Bring collateral, as the owner or an operator; the sender has approved the vault."""
        token = self.collateral_token(name).token.address
        return _receipt(self.vault.deposit(account, token, amount, sender=sender))

    def withdraw_collateral(
        self, account: int, name: str, amount: int, *, sender: Any, receiver: Any = None
    ) -> Receipt:
        """Take collateral out, to the owner unless `receiver` says otherwise."""
        to = owner_of(account) if receiver is None else address_of(receiver)
        token = self.collateral_token(name).token.address
        return _receipt(self.vault.withdraw(account, token, amount, to, sender=sender))

    def set_operator(self, operator: Any, approved: bool = True, *, sender: Any) -> Receipt:
        """Let somebody trade for all the sender's accounts, or no longer."""
        return _receipt(self.engine.set_operator(address_of(operator), approved, sender=sender))

    def touch(self, account: int, *, sender: Any = None) -> Receipt:
        """Mark an account's legs."""
        return _receipt(self.engine.touch(account, sender=sender))

    def settle(self, account: int, *, sender: Any = None) -> Receipt:
        """Mark an account, pay its claims, then its arrears."""
        return _receipt(self.engine.settle(account, sender=sender))

    def cover(self, market: str | int, *, sender: Any = None) -> Receipt:
        """Let the fund pay a market's shortfall."""
        return _receipt(self.engine.cover(self.number(market), sender=sender))

    # -- upkeep, for anyone ------------------------------------------------------------------------

    def sync(self, market: str | int, *, sender: Any = None) -> Receipt:
        """Take the mark for synchronised; two blocks later risk may grow again (TRD-4)."""
        return _receipt(self.engine.sync(self.number(market), sender=sender))

    def accrue(self, market: str | int, *, sender: Any = None) -> Receipt:
        """Pay a market's funding up to the minute (LED-7)."""
        return _receipt(self.engine.accrue(self.number(market), sender=sender))

    def thaw(self, market: str | int, *, sender: Any = None) -> Receipt:
        """Let the claims of a frozen market be paid again, a day after its book ended (LED-8)."""
        return _receipt(self.engine.thaw(self.number(market), sender=sender))

    def observe(self, market: str | int, *, sender: Any = None) -> Receipt:
        """Take a market's price into the average of its volatility (MRG-4)."""
        return _receipt(self.risk.observe(self.number(market), sender=sender))

    # -- orders ------------------------------------------------------------------------------------

    def sign(self, signer: Any, order: Order) -> SignedOrder:
        """Return an order signed by an account of the backend."""
        return sign_order(signer, order, self.domain)

    def fill(self, signed: SignedOrder, account: int, size: int, *, sender: Any) -> Receipt:
        """Trade `size` (WAD) of an order; `account` is the taker's."""
        return _receipt(
            self.engine.fill(
                signed.order.as_tuple(), signed.signature, account, size, sender=sender
            )
        )

    def cancel_order(self, order: Order, *, sender: Any) -> Receipt:
        """Make an order void."""
        return _receipt(self.engine.cancel_order(order.as_tuple(), sender=sender))

    def cancel_below(self, account: int, salt: int, *, sender: Any) -> Receipt:
        """Make all orders of an account with a smaller salt void."""
        return _receipt(self.engine.cancel_below(account, salt, sender=sender))

    def order_hash(self, order: Order) -> bytes:
        """Return the engine's digest; `order.digest(domain)` gives it without a call."""
        return bytes(self.engine.order_hash(order.as_tuple()))

    def filled(self, order: Order | bytes) -> int:
        """Return how much of an order is filled, WAD; 2**256 - 1 when it is cancelled."""
        digest = order if isinstance(order, bytes) else order.digest(self.domain)
        return int(self.engine.filled(digest))

    def min_salt(self, account: int) -> int:
        """Return the smallest salt of an account's orders that is valid."""
        return int(self.engine.min_salt(account))

    # -- liquidation -------------------------------------------------------------------------------

    def call_margin(self, account: int, *, sender: Any = None) -> Receipt:
        """Call an account below its maintenance margin; its cure window begins (LIQ-1)."""
        return _receipt(self.engine.call_margin(account, sender=sender))

    def reclaim(self, account: int, *, sender: Any = None) -> Receipt:
        """Give the fund what has appeared in an account that a resolve has locked (LIQ-4)."""
        return _receipt(self.engine.reclaim(account, sender=sender))

    def takeover(
        self, account: int, market: str | int, size: int, liquidator: int, *, sender: Any
    ) -> Receipt:
        """Take a slice of an account below its maintenance margin into one's own (LIQ-2)."""
        return _receipt(
            self.engine.takeover(account, self.number(market), size, liquidator, sender=sender)
        )

    def takeover_by_order(
        self, signed: SignedOrder, account: int, size: int, keeper: int, *, sender: Any
    ) -> Receipt:
        """Close a slice of such an account against an order; `keeper` gets the reward (LIQ-3)."""
        return _receipt(
            self.engine.takeover_by_order(
                signed.order.as_tuple(), signed.signature, account, size, keeper, sender=sender
            )
        )

    def resolve(self, account: int, market: str | int, keeper: int, *, sender: Any) -> Receipt:
        """Close a leg of a bankrupt account (LIQ-4)."""
        return _receipt(self.engine.resolve(account, self.number(market), keeper, sender=sender))

    # -- other collateral (LIQ-7) ------------------------------------------------------------------

    def open_sale(self, account: int, *, sender: Any = None) -> Receipt:
        """Start the clock of the sale of what an account has pledged."""
        return _receipt(self.vault.open_sale(account, sender=sender))

    def close_sale(self, account: int, *, sender: Any = None) -> Receipt:
        """End the sale of an account that has recovered."""
        return _receipt(self.vault.close_sale(account, sender=sender))

    def buy_collateral(
        self,
        account: int,
        name: str,
        amount: int,
        limit: int,
        *,
        sender: Any,
        receiver: Any = None,
    ) -> Receipt:
        """Buy units that are for sale, for `limit` quote token units at most; account FUND has
        what was seized. The sender has approved the vault (`approve_vault()`)."""
        to = address_of(sender if receiver is None else receiver)
        token = self.collateral_token(name).token.address
        return _receipt(self.vault.buy(account, token, amount, limit, to, sender=sender))

    def seize(self, account: int, name: str, *, sender: Any = None) -> Receipt:
        """Move what a bankrupt account has of a token to the fund, so that it can be resolved."""
        token = self.collateral_token(name).token.address
        return _receipt(self.vault.seize(account, token, sender=sender))

    def note_arrears(self, account: int, *, sender: Any = None) -> Receipt:
        """Note arrears that an account's cash does not pay; an hour later it is for sale."""
        return _receipt(self.engine.note_arrears(account, sender=sender))

    def clear_arrears(self, account: int, *, sender: Any = None) -> Receipt:
        """Turn arrears that were noted a day ago into claims of the fund."""
        return _receipt(self.engine.clear_arrears(account, sender=sender))

    def sale_terms(self, account: int) -> tuple[int, int]:
        """Return what may be raised (quote WAD; zero: nothing is for sale), and the discount as a
        share of the haircut (WAD)."""
        need, share = self.vault.terms(account)
        return int(need), int(share)

    def collateral_cost(self, account: int, name: str, amount: int) -> int:
        """Return what buying so much would cost now, quote token units."""
        token = self.collateral_token(name).token.address
        return int(self.vault.cost(account, token, amount))

    def collateral_of(self, account: int) -> list[Pledge]:
        """Return what an account has pledged, token by token; the sum of `worth` is what it counts
        for in the account's equity (the fund's counts for nothing there). A token that was listed
        later than the deployment is named by its address."""
        names = {info.token.address: info.name for info in self.collateral.values()}
        balances = self.vault.balances(account)
        found = []
        for token, amount in zip(self.vault.tokens(), map(int, balances), strict=False):
            if amount == 0:
                continue
            state = self.vault.token_state(token)
            price, status = self._collateral_price(int(state.market), int(state.haircut))
            scale = 10 ** (18 - int(state.decimals))
            found.append(
                Pledge(
                    name=names.get(str(token), str(token)),
                    amount=amount,
                    decimals=int(state.decimals),
                    slot=int(state.market),
                    price=price,
                    status=status,
                    haircut=int(state.haircut),
                    # rounds down, as in the vault
                    worth=amount * scale * price * (10**5 - int(state.haircut)) // 10**23,
                )
            )
        return found

    def _collateral_price(self, slot: int, haircut: int) -> tuple[int, int]:
        """Return the price that collateral counts at, and the status of its feed: of two that
        disagree the better one, at most a haircut above its own; of a feed that is late the last
        good one until a day after its heartbeat, of one that failed until a day after the last
        checkpoint."""
        word = int(self.oracle.quotes(1 << slot)[slot])
        price, other, status = word & _MASK_96, (word >> 96) & _MASK_96, word >> 192
        if status == DIVERGED:
            price = max(price, min(other, price + price * haircut // 10**5))
        elif status == STALE:
            feed = self.oracle.feed(slot)
            kind = self.backend.artifact("FeedProxy")
            told = self.backend.at(str(feed.feed), kind, label=f"feed {slot}").latestRoundData()
            if self.backend.now() > int(told[3]) + int(feed.heartbeat) + _DAY:
                price = 0
        elif status != FRESH and self.backend.now() > self.oracle.last_good(slot).time + _DAY:
            price = 0
        return price, status

    # -- views -------------------------------------------------------------------------------------

    def health(self, account: int) -> Any:
        """Return equity and margin of an account at the prices of now (struct `Health`)."""
        return self.engine.health(account)

    def wallet(self, account: int) -> tuple[int, int, int]:
        """Return cash (quote WAD), bitmap of markets held, time of the last reward."""
        cash, held, rewarded, *_ = self.engine.wallet(account)
        return int(cash), int(held), int(rewarded)

    def position(self, account: int, market: str | int) -> Any:
        """Return a leg as it is recorded, with its live size (struct `PositionState`)."""
        return self.engine.position(account, self.number(market))

    def market_extra(self, market: str | int) -> Any:
        """Return funding, crowding, synchronisation, window and freeze of a market (struct
        `MarketExtra`)."""
        return self.engine.market_extra(self.number(market))

    def market_state(self, market: str | int) -> Any:
        """Return a market as it is recorded (struct `MarketState`)."""
        return self.engine.market_state(self.number(market))

    def fund_state(self) -> tuple[int, int, int]:
        """Return the fund's cash, its claims, and all markets' shortfall; quote WAD."""
        cash, claims, shortfall = self.engine.fund_state()
        return int(cash), int(claims), int(shortfall)

    def price(self, market: str | int) -> tuple[int, int]:
        """Return a market's price (WAD) and the status of its feed."""
        price, status = self.oracle.quote(self.number(market))
        return int(price), int(status)

    def accounts(self, ids: Iterable[int], *, page: int = 250) -> list[Any]:
        """Return the health of many accounts through the lens, `page` of them in a call."""
        wanted = list(ids)
        found: list[Any] = []
        for start in range(0, len(wanted), page):
            found += self.lens.accounts(wanted[start : start + page])
        return found

    def __repr__(self) -> str:
        return f"<Plimsoll on {self.backend.network}, engine {self.engine.address}>"


def _receipt(receipt: Any) -> Receipt:
    if not isinstance(receipt, Receipt):
        raise BackendError("the ABI calls this a view; a transaction was expected")
    return receipt


def connect(backend: Backend, record: Record | Path | str) -> Plimsoll:
    """Return the protocol of a record, after checking that it stands on the backend's chain.

    Raises RecordError when it does not, or when the deployment is unfinished.
    """
    if not isinstance(record, Record):
        record = Record.load(record)
    if not record.complete:
        raise RecordError(
            f"{record.path or 'the record'} is of an unfinished deployment; run it again with the "
            "same plan and account"
        )
    record.check_chain(backend)
    return Plimsoll(backend, record)
