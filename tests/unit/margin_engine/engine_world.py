"""A whole engine with figures that a person can work with, and the ledger's identities in Python.

At the default parameters and a price of 100, a position of notional x alone has
MM = 6 % of x + 1 and IM = 9 % of x + 1.5; a fill costs its maker 0.02 % and its taker 0.05 %.
The tests of `tests/incidents` use it too.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from plimsoll.evm import Account, Artifact, Chain, Event, Handle, Receipt, Revert, load
from tests.utils.risk_words import write_correlations, write_params

WAD = 10**18
UNIT = 10**12
MAX = 2**256 - 1
FUND, TREASURY = 1, 2
MARKETS = 9
A_ONE = 10**18
CURE, VOID = 300, 3_600  # a margin call's cure window; how long it stands after it
PSI = Fraction(7, 10)  # below this share of MM nobody has to be called
FREEZE = 86_400
TAU = Fraction(5, 4)
ZERO_ADDRESS = "0x" + "00" * 20
FAR = 2**40

# sigma 2 %, f 5 %, g 2 %, lambda 0, depth 1e9, c 1, penalty_cap 2 %, share 5
RISK = (2 * 10**10, 5 * 10**10, 2 * 10**10, 0, 10**9, 10**6, 2 * 10**10, 5 * 10**12)
# minimum 1, cap 50, gas_units, premium 10 %, native_price 3,000, interval 1 h
REWARD = (WAD, 50 * WAD, 300_000, 1_000, 3_000 * WAD, 3_600)
NOTICE = 7 * 86_400
Z, KAPPA = 3 * WAD, 3 * WAD // 2
ALLOWANCE = 10_000 * WAD
# buffer of a market at 100: 1e-10 of 1e5 * 100
BUFFER = 10**15


# ways in which a feed is not fresh, see `World.spoil`
SPOILED = ("stale", "zero", "negative", "future", "unfinished", "never", "decimals", "dead")


class Config(NamedTuple):
    """A market's configuration as `list_market` takes it."""

    oi_cap: int = 10**5 * WAD
    min_notional: int = 10 * WAD
    max_notional: int = 10**6 * WAD
    band: int = 2_000  # 2 %
    penalty_min: int = 500  # 0.5 %
    penalty_max: int = 1_500  # 1.5 %
    maker_fee: int = 200  # 0.02 %
    taker_fee: int = 500  # 0.05 %
    reduce_only: bool = False
    takeover_share: int = 0  # no limit


class Order(NamedTuple):
    """An order as the engine takes it."""

    account: int
    market: int
    size: int
    price: int
    expiry: int = FAR
    salt: int = 0
    reduce_only: bool = False
    taker: str = ZERO_ADDRESS


@dataclass(frozen=True)
class Party:
    """An account of the engine with the key of its owner."""

    key: Account
    index: int = 0

    @property
    def id(self) -> int:
        """The account's id."""
        return int(self.key.address, 16) << 96 | self.index

    @property
    def address(self) -> str:
        """The owner's address."""
        return self.key.address


@contextmanager
def reverts(reason: str) -> Iterator[None]:
    """What happens inside reverts with exactly this reason; "" is a check of the compiler."""
    with pytest.raises(Revert) as failure:
        yield
    assert failure.value.reason == reason, f"{failure.value.reason!r}, not {reason!r}"


def wad(amount: int | str | Fraction) -> int:
    """Whole quote or base units in WAD, exactly; takes "0.7"."""
    scaled = Fraction(amount) * WAD
    assert scaled.denominator == 1, f"{amount} has more than 18 decimals"
    return int(scaled)


def ceil_div(n: int, d: int) -> int:
    """n / d rounded toward plus infinity."""
    return -(-n // d)


def decay(n: int) -> int:
    """`decay(n)` of SPEC section 1, straight from its text."""
    if n >= 144_000:
        return 0
    d, t = 2**64, 18443192663214935055
    while n:
        if n & 1:
            d = ceil_div(d * t, 2**64)
        t = ceil_div(t * t, 2**64)
        n >>= 1
    return d


def signed(word: int, bits: int) -> int:
    """The lowest `bits` of a word as a signed number."""
    low = word & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


class Wallet(NamedTuple):
    """An account's word, unpacked."""

    cash: int
    held: int
    rewarded_at: int
    min_salt: int


def unpack_wallet(word: int) -> Wallet:
    """Unpack an account's word."""
    return Wallet(
        word & (2**104 - 1),
        (word >> 104) & 0xFFFF,
        (word >> 120) & (2**32 - 1),
        (word >> 152) & (2**56 - 1),
    )


class Call(NamedTuple):
    """The upper part of an account's word, unpacked: margin call (LIQ-1) and lock (LIQ-4)."""

    deadline: int
    locked: bool


def unpack_call(word: int) -> Call:
    """Unpack an account's margin call and lock."""
    return Call((word >> 208) & (2**32 - 1), word >> 240 == 1)


class House(NamedTuple):
    """The fund's word, unpacked."""

    fund: int
    held: int
    treasury: int


def unpack_house(word: int) -> House:
    """Unpack the fund's word, which holds the treasury's cash too."""
    return House(word & (2**104 - 1), (word >> 104) & 0xFFFF, word >> 152)


class Leg(NamedTuple):
    """The two words of a position, unpacked."""

    basis: int
    a_snap: int
    epoch: int
    k_snap: int
    pnl: int


def unpack_leg(snap: int, profit: int) -> Leg:
    """Unpack a position."""
    return Leg(
        signed(snap, 104),
        (snap >> 104) & (2**60 - 1),
        (snap >> 164) & (2**20 - 1),
        signed(profit, 152),
        signed(profit >> 152, 104),
    )


class Book(NamedTuple):
    """A market's book word, unpacked."""

    oi: int
    cash: int


def unpack_book(word: int) -> Book:
    """Unpack a market's book."""
    return Book(word & (2**104 - 1), (word >> 104) & (2**104 - 1))


class Side(NamedTuple):
    """A side's word, unpacked."""

    k0: int
    a: int
    epoch: int


def unpack_side(word: int) -> Side:
    """Unpack one side of a market."""
    return Side(signed(word, 152), (word >> 152) & (2**60 - 1), (word >> 212) & (2**20 - 1))


class Allowance(NamedTuple):
    """A market's allowance word, unpacked."""

    cap: int
    available: int
    time: int


def unpack_allowance(word: int) -> Allowance:
    """Unpack an allowance."""
    return Allowance(word & (2**104 - 1), (word >> 104) & (2**104 - 1), word >> 208)


@dataclass
class World:
    """Everything deployed around one quote token, on a chain of its own."""

    decimals: int = 6
    kind: str = "TestToken"
    token_args: tuple[int, ...] = ()
    markets: int = MARKETS
    backing: int = 1_000_000  # whole quote that the backer has put into the fund
    fork: str = "cancun"
    prices: tuple[int | str, ...] = ()  # of the markets in order; 100 where there is none
    risks: dict[int, tuple[int, ...]] = field(default_factory=dict)
    configs: dict[int, Config] = field(default_factory=dict)
    ceilings: dict[int, int] = field(default_factory=dict)  # bits; 78 where there is none
    allowance: int = ALLOWANCE
    chain: Chain = field(default_factory=Chain)
    salt: int = 0
    parties: dict[int, Party | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chain = self.chain
        self.owner = chain.account("owner")
        self.unit = 10**self.decimals
        self.scale = 10 ** (18 - self.decimals)
        self.token = chain.deploy(self.load(self.kind), self.decimals, *self.token_args)
        self.oracle = chain.deploy(self.load("PriceOracle"), sender=self.owner)
        self.risk = chain.deploy(self.load("RiskModel"), self.oracle, Z, KAPPA, sender=self.owner)
        self.engine = self.new_engine()
        self.fund = chain.deploy(
            self.load("InsuranceFund"), self.engine, "Plimsoll fund", "pFUND", NOTICE
        )
        self.engine.set_fund(self.fund, sender=self.owner)
        self.engine.set_reward(REWARD, sender=self.owner)
        self.feeds: list[Handle] = []
        self.proxies: list[Handle] = []
        for market in range(self.markets):
            start = self.prices[market] if market < len(self.prices) else 100
            self.add_feed(market, start)
            self.risk.set_market(market, self.risks.get(market, RISK), sender=self.owner)
        if self.backing:
            self.back(self.backing)
            for market in range(self.markets):
                self.list_market(market, self.configs.get(market, Config()))

    @contextmanager
    def anchor(self) -> Iterator["World"]:
        """Undo on leaving whatever happened inside, on the chain and here."""
        kept = {
            name: copy(value) if isinstance(value, list | dict) else value
            for name, value in vars(self).items()
        }
        with self.chain.anchor():
            yield self
        vars(self).update(kept)

    # -- deployment --------------------------------------------------------------------------------

    @property
    def common(self) -> tuple[Any, ...]:
        """What the second and the fifth code contract are built for."""
        return (self.token, self.decimals, self.oracle, self.risk)

    @property
    def parts(self) -> tuple[Artifact, ...]:
        """The five code contracts."""
        return tuple(
            self.load(f"MarginEngine{part}")
            for part in ("", "Ext", "Settlement", "Liquidation", "Admin")
        )

    def new_engine(self) -> Handle:
        """An engine of its five code contracts: one address, one ABI."""
        deploy, owner = self.chain.deploy, self.owner
        self.admin = deploy(self.load("MarginEngineAdmin"), *self.common, sender=owner)
        self.liquidation = deploy(
            self.load("MarginEngineLiquidation"), self.oracle, self.risk, self.admin, sender=owner
        )
        self.settlement = deploy(
            self.load("MarginEngineSettlement"),
            self.oracle,
            self.risk,
            self.liquidation,
            sender=owner,
        )
        self.extension = deploy(
            self.load("MarginEngineExt"), *self.common, self.settlement, sender=owner
        )
        root = deploy(
            self.load("MarginEngine"), self.oracle, self.risk, self.extension, sender=owner
        )
        return self.chain.at(root.address, *self.parts)

    def load(self, name: str) -> Artifact:
        """A contract, compiled for the fork."""
        return load(name, self.fork)

    def add_feed(self, market: int, price: int | str, heartbeat: int = 3_600) -> None:
        """Give a market a feed of 8 decimals behind a proxy."""
        answer = int(Fraction(price) * 10**8)
        self.feeds.append(self.chain.deploy(self.load("MockAggregator"), 8, answer))
        self.proxies.append(self.chain.deploy(self.load("FeedProxy"), self.feeds[-1]))
        ceiling = self.ceilings.get(market, 78)
        self.oracle.set_feed(
            market, self.proxies[-1], heartbeat, 10**10, ceiling, sender=self.owner
        )

    def back(self, quote: int) -> Account:
        """The backer puts `quote` whole units into the fund."""
        backer = self.key("backer", quote)
        self.token.approve(self.fund, MAX, sender=backer)
        self.fund.deposit(quote * self.unit, backer, sender=backer)
        return backer

    def list_market(self, market: int, config: Config | None = None) -> Receipt:
        """List a market as its owner."""
        config = Config() if config is None else config
        receipt: Receipt = self.engine.list_market(
            market, config, self.allowance, sender=self.owner
        )
        return receipt

    def configure(self, market: int = 0, **changes: Any) -> None:
        """Change a market's configuration as its owner."""
        now = Config(*self.engine.market_state(market).config)
        self.engine.set_market(market, now._replace(**changes), sender=self.owner)

    def set_risk(self, params: Sequence[int], market: int = 0) -> None:
        """Other risk parameters of a market, without the announcement they would take."""
        write_params(self.chain, self.risk, market, params)

    def correlate(self, rho: int, *markets: int) -> None:
        """The same correlation (1e4) between any two of these markets, zero elsewhere."""
        matrix = [
            [10_000 if m == n else rho if m in markets and n in markets else 0 for n in range(16)]
            for m in range(16)
        ]
        write_correlations(self.chain, self.risk, matrix)

    # -- actors ------------------------------------------------------------------------------------

    def key(self, name: str, quote: int = 0) -> Account:
        """An actor with `quote` whole units more, which the engine may take."""
        who = self.chain.account(name)
        if quote:
            self.token.mint(who, quote * self.unit)
        self.token.approve(self.engine, MAX, sender=who)
        return who

    def party(self, name: str, cash: int | str = 0, index: int = 0) -> Party:
        """An account of an actor, with `cash` (whole quote) paid in."""
        who = Party(self.key(name), index)
        self.parties[who.id] = who
        if units := int(Fraction(cash) * self.unit):
            self.token.mint(who.key, units)
            self.engine.deposit(who.id, units, sender=who.key)
        return who

    # -- prices ------------------------------------------------------------------------------------

    def price(self, market: int, price: int | str | Fraction, *, sync: bool = True) -> None:
        """The feed answers `price` (whole quote, at most 8 decimals) from now on.

        A listed market is synchronised and two blocks pass in no time, so that risk may grow at
        the new price at once (TRD-4), unless `sync` is False.
        """
        self.feeds[market].set_answer(int(Fraction(price) * 10**8))
        if sync and self.state(market).config.oi_cap and self.oracle.quote(market)[1] == 0:
            self.engine.sync(market)
            self.chain.mine(2, 0)

    def refresh(self, *markets: int) -> None:
        """The feeds answer again what they did last; all of them when none is named."""
        for market in markets or range(self.markets):
            self.feeds[market].set_answer(self.feeds[market].answer())

    def kill(self, market: int) -> None:
        """The feed fails from now on: INVALID."""
        self.feeds[market].set_mode(1)

    def mark(self, market: int) -> int:
        """The oracle's price, WAD."""
        return int(self.oracle.quote(market)[0])

    def spoil(self, market: int, what: str) -> None:
        """Make a feed not fresh in one of the ways there are."""
        feed, now = self.feeds[market], self.chain.timestamp
        answer = feed.answer()
        if what == "stale":
            feed.set_updated_at(now - 3_601)
        elif what == "zero":
            feed.set_answer(0)
        elif what == "negative":
            feed.set_answer(-answer)
        elif what == "future":
            feed.set_updated_at(now + 1)
        elif what == "unfinished":
            feed.set_round(9, answer, now, 8)
        elif what == "never":
            feed.set_updated_at(0)
        elif what == "decimals":
            other = self.chain.deploy(self.load("MockAggregator"), 18, answer * 10**10)
            self.proxies[market].set_aggregator(other)
        else:
            self.kill(market)

    # -- orders and trades -------------------------------------------------------------------------

    def order(
        self, maker: Party, size: int, price: int | None = None, market: int = 0, **changes: Any
    ) -> Order:
        """An order of a maker at the mark or at `price` (WAD), with a salt of its own."""
        self.salt += 1
        at = self.mark(market) if price is None else price
        return Order(maker.id, market, size, at, salt=self.salt)._replace(**changes)

    def digest(self, order: Order) -> bytes:
        """What is signed."""
        return bytes(self.engine.order_hash(order))

    def sign(self, order: Order, by: Party | Account | None = None) -> bytes:
        """The signature of the order's maker, or of somebody else."""
        who = self.parties[order.account] if by is None else by
        assert who is not None
        key = who.key if isinstance(who, Party) else who
        return key.sign_hash(self.digest(order))

    def fill(
        self,
        order: Order,
        taker: Party,
        size: int | None = None,
        *,
        signature: bytes | None = None,
        sender: Any = None,
    ) -> Receipt:
        """Fill an order, by the taker's owner unless `sender` is given."""
        receipt: Receipt = self.engine.fill(
            order,
            self.sign(order) if signature is None else signature,
            taker.id,
            abs(order.size) if size is None else size,
            sender=taker.key if sender is None else sender,
        )
        return receipt

    def trade(
        self, taker: Party, maker: Party, size: int, market: int = 0, price: int | None = None
    ) -> Receipt:
        """The taker's size changes by `size` (WAD), the maker's by the opposite."""
        return self.fill(self.order(maker, -size, price, market), taker)

    def takeover(
        self,
        account: Party,
        size: int,
        liquidator: Party,
        market: int = 0,
        sender: Any = None,
        *,
        called: bool = True,
    ) -> Receipt:
        """A liquidator takes a slice; who needs a margin call has had one, unless told not."""
        if called:
            self._called_where_needed(account)
        receipt: Receipt = self.engine.takeover(
            account.id,
            market,
            size,
            liquidator.id,
            sender=liquidator.key if sender is None else sender,
        )
        return receipt

    def takeover_by_order(
        self,
        order: Order,
        account: Party,
        keeper: Party,
        size: int | None = None,
        *,
        signature: bytes | None = None,
        sender: Any = None,
        called: bool = True,
    ) -> Receipt:
        """A keeper closes a slice against an order; called first as in `takeover`."""
        if called:
            self._called_where_needed(account)
        receipt: Receipt = self.engine.takeover_by_order(
            order,
            self.sign(order) if signature is None else signature,
            account.id,
            abs(order.size) if size is None else size,
            keeper.id,
            sender=keeper.key if sender is None else sender,
        )
        return receipt

    def resolve(
        self, account: Party, keeper: Party, market: int = 0, sender: Any = None
    ) -> Receipt:
        """Resolve one leg of a bankrupt account."""
        receipt: Receipt = self.engine.resolve(
            account.id, market, keeper.id, sender=keeper.key if sender is None else sender
        )
        return receipt

    def _called_where_needed(self, who: Party) -> None:
        health = self.engine.health(who.id)
        if (
            PSI * health.maintenance <= health.equity < health.maintenance
            and self.engine.wallet(who.id).deadline == 0
        ):
            self.called(who)

    # -- stories -----------------------------------------------------------------------------------

    def flat_with_arrears(self) -> Party:
        """A flat account with cash 149.0375, arrears 175 in market 0, a claim of 100 in market 1.

        Cash 150, fees 0.5 for 5 at 100 in both. Market 0 falls to 65, market 1 rises to 120: E is
        74.5. Closing market 0 costs 0.1625 and pays no arrears, since cash is below 175; closing
        market 1 costs 0.3 and leaves its profit a claim.
        """
        trader, maker = self.party("poor trader", 150), self.party("other side", 10_000)
        for market in range(2):
            self.trade(trader, maker, 5 * WAD, market=market)
        self.price(0, 65)
        self.price(1, 120)
        for market in range(2):
            self.trade(trader, maker, -5 * WAD, market=market)
        return trader

    def flat_and_bankrupt(self, market: int = 0) -> Party:
        """A flat account whose arrears 115 in a book that ended are above its cash of 91.5.

        Long 10 from 100 with cash 92 - 0.5. At 80 the short side changes hands; its new owner, with
        cash 80 - 0.4, is bankrupt at 88.5 (loss 85) and resolved, which ends the book. The fund
        pays what is missing of its arrears, 5.4.
        """
        trader, short = self.party("bankrupt trader", 92), self.party("first short", 1_000)
        late, keeper = self.party("late short", 80), self.party("some keeper")
        self.trade(trader, short, 10 * WAD, market=market)
        self.price(market, 80)
        self.trade(late, short, -10 * WAD, market=market)
        self.price(market, "88.5")
        self.resolve(late, keeper, market)
        assert self.engine.position(trader.id, market).size == 0
        return trader

    def hedged(self, fixed: int = 10**6) -> Party:
        """Long 40 in market 0 against short 10 in market 1 at 100, correlation 1; `fixed` is c.

        ES = 30 % of the difference, above the floor of 4 %. At 79 cash 1462.5 leaves E = 622.5, and
        MM = 30 % of 2160 + 2 = 650. Each unit less of the hedge raises MM by 30.
        """
        risk = (10**11, 4 * 10**10, 10**10, 0, 10**9, fixed, 2 * 10**10, 5 * 10**12)
        for market in range(2):
            self.set_risk(risk, market)
        self.correlate(10_000, 0, 1)
        hedger, maker = self.party("hedger", 1_465), self.party("other side", 100_000)
        self.trade(hedger, maker, -10 * WAD, market=1)
        self.trade(hedger, maker, 40 * WAD)
        self.price(0, 79)
        return hedger

    def called(self, who: Party) -> None:
        """The account was called and its cure window is over, past the rules and without time."""
        slot = self.mapped("wallets", who.id)
        word = self.chain.storage(self.engine, slot) & ~((2**32 - 1) << 208)
        self.chain.set_storage(self.engine, slot, word | self.chain.timestamp << 208)

    def matured(self, who: Party | int) -> None:
        """All recorded claims of an account have matured, past the rules and in no time."""
        account = who.id if isinstance(who, Party) else who
        for market in range(16):
            slot = self.mapped("positions", account) + 2 * market
            word = self.chain.storage(self.engine, slot)
            self.chain.set_storage(self.engine, slot, word & (2**184 - 1))

    # -- what the books say ------------------------------------------------------------------------

    def cash(self, who: Party | int) -> int:
        """Cash of an account, WAD."""
        return int(self.engine.wallet(who.id if isinstance(who, Party) else who)[0])

    def size(self, who: Party, market: int = 0) -> int:
        """Live size of a position, WAD."""
        return int(self.engine.position(who.id, market).size)

    def recorded(self, who: Party | int, market: int = 0) -> int:
        """Pnl of a leg as it is recorded, WAD."""
        account = who.id if isinstance(who, Party) else who
        return int(self.engine.position(account, market).pnl)

    def equity(self, who: Party) -> int:
        """Equity at the prices of now, WAD."""
        return int(self.engine.health(who.id).equity)

    def state(self, market: int = 0) -> Any:
        """A market as it is recorded."""
        return self.engine.market_state(market)

    def extra(self, market: int = 0) -> Any:
        """What moves beside a market's ledger."""
        return self.engine.market_extra(market)

    def deadline(self, who: Party) -> int:
        """The deadline of an account's margin call; 0: none."""
        return int(self.engine.wallet(who.id).deadline)

    def health(self, who: Party) -> Fraction:
        """E / MM."""
        now = self.engine.health(who.id)
        return Fraction(now.equity, now.maintenance)

    def tokens(self, who: Any) -> int:
        """Token units outside the engine."""
        return int(self.token.balanceOf(who))

    def slot(self, variable: str, at: int = 0) -> int:
        """Storage slot of a variable of the ledger; `at` words further."""
        layout = self.load("MarginEngine").layout["storage_layout"]["ledger"]
        return int(layout[variable]["slot"]) + at

    def mapped(self, variable: str, key: int) -> int:
        """Storage slot of the entry of a mapping of the ledger."""
        from eth_utils.crypto import keccak

        return int.from_bytes(
            keccak(self.slot(variable).to_bytes(32, "big") + key.to_bytes(32, "big")), "big"
        )

    def set_cash(self, account: int, cash: int) -> None:
        """Put a number where an account's cash is, past all rules."""
        slot = self.mapped("wallets", account)
        word = self.chain.storage(self.engine, slot)
        self.chain.set_storage(self.engine, slot, (word >> 104) << 104 | cash)

    def set_backing(self, market: int, cash: int) -> None:
        """Put a number where a market's cash is, past all rules."""
        slot = self.slot("books", market * 4 + 2)
        word = self.chain.storage(self.engine, slot)
        kept = word & ~((2**104 - 1) << 104)
        self.chain.set_storage(self.engine, slot, kept | cash << 104)

    def fingerprint(self) -> tuple[Any, ...]:
        """Everything the engine's views tell about all known accounts and markets."""
        ids = (FUND, TREASURY, *self.parties)
        return (
            self.tokens(self.engine),
            self.engine.owner(),
            tuple(self.engine.addresses()),
            tuple(self.engine.reward_rule()),
            tuple(self.engine.fund_state()),
            tuple(tuple(self.engine.wallet(account)) for account in ids),
            tuple(self.engine.min_salt(account) for account in self.parties),
            tuple(
                tuple(self.engine.position(account, market))
                for account in ids
                for market in range(16)
            ),
            tuple(tuple(self.engine.market_state(market)) for market in range(16)),
            tuple(tuple(self.engine.market_extra(market)) for market in range(16)),
        )

    # -- identities (LED-5) ------------------------------------------------------------------------

    def value(self, account: int, market: int, price: int) -> tuple[int, int]:
        """LED-2 on its own: live size, and pnl marked at `price` (WAD)."""
        leg, state = self.engine.position(account, market), self.engine.market_state(market)
        return self._valued(market, leg, state, price)

    def _valued(self, market: int, leg: Any, state: Any, price: int) -> tuple[int, int]:
        if leg.basis == 0:
            return 0, leg.pnl
        is_long = leg.basis > 0
        a, k = state.short_a, state.short_k0 - state.short_a * price
        if is_long:
            a, k = state.long_a, state.long_k0 + state.long_a * price
        size = abs(leg.basis) * a // leg.a_snap
        if leg.epoch != state.epoch:
            size, k = 0, self.engine.closing_k(market, leg.epoch, is_long)
        profit = abs(leg.basis) * (k - leg.k_snap) // (leg.a_snap * WAD)
        return (size if is_long else -size), leg.pnl + profit

    def broken(self, given: int = 0) -> list[str]:
        """What is broken of LED-5; `given` token units were sent to the engine unasked."""
        wrong = []
        ids = [FUND, *self.parties]
        wallets = {account: self.engine.wallet(account) for account in (*ids, TREASURY)}
        cash = sum(wallet[0] for wallet in wallets.values())
        backing = shortfalls = 0
        for market in range(16):
            state = self.engine.market_state(market)
            backing += state.cash
            shortfalls += state.shortfall
            holders = [account for account in ids if (wallets[account][1] >> market) & 1]
            if not holders:
                continue
            legs = {account: self.engine.position(account, market) for account in ids}
            for account, leg in legs.items():
                if (account in holders) != (leg.basis != 0 or leg.pnl != 0):
                    wrong.append(f"account {account:#x}: held is wrong, market {market} {leg}")
                if leg.basis == 0 and any((leg.a_snap, leg.k_snap, leg.epoch)):
                    wrong.append(f"account {account:#x}: not in normal form, market {market}")
                if (leg.reserve == 0) != (leg.time == 0) or (leg.reserve != 0 and leg.pnl <= 0):
                    wrong.append(f"account {account:#x}: reserve of nothing, market {market}")
            mark = self.mark(market)
            for price in (mark, mark // 2, mark * 2):
                values = [self._valued(market, legs[who], state, price) for who in holders]
                dust = state.cash + state.shortfall - sum(pnl for _, pnl in values)
                if dust < 0:
                    wrong.append(f"market {market} at {price}: dust {dust}")
                longs = sum(size for size, _ in values if size > 0)
                shorts = -sum(size for size, _ in values if size < 0)
                if max(longs, shorts) > state.oi:
                    wrong.append(f"market {market}: long {longs}, short {shorts}, OI {state.oi}")
        tokens = (self.tokens(self.engine) - given) * self.scale
        if tokens != cash + backing:
            wrong.append(f"tokens {tokens} != cash {cash} + backing {backing}")
        if shortfalls != self.engine.fund_state()[2]:
            wrong.append(f"shortfalls {shortfalls} != total {self.engine.fund_state()[2]}")
        return wrong


def events(receipt: Receipt, *without: str) -> list[str]:
    """Names of the events of a receipt in order, but for those of the token."""
    return [str(e.name) for e in receipt.logs if e.name not in {"Transfer", "Approval", *without}]


def of(receipt: Receipt, name: str, **fields: Any) -> Event:
    """The only event `name` whose fields have these values."""
    found = [e for e in receipt.events(name) if all(e.args[key] == fields[key] for key in fields)]
    assert len(found) == 1, f"{len(found)} events {name} with {fields}"
    return found[0]
