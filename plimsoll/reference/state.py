"""What the model remembers, and how a refused call is undone.

Every write to a `Record` or a `Table` is noted in the journal of the running call. A call that is
refused puts the noted values back, newest first, so that it has changed nothing.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from plimsoll.reference.errors import require
from plimsoll.reference.margin import IDENTITY, Globals, Matrix
from plimsoll.reference.numbers import A_ONE, FIELD, MARKETS, NOTICE, WAD

MISSING = object()
BOUNDED = frozenset({"cash", "pnl", "basis", "oi", "b"})  # names under LED-9's common bound


class Journal:
    """The values that the running call has overwritten, newest last."""

    def __init__(self) -> None:
        self.entries: list[tuple[dict[Any, Any], Any, Any]] = []
        self.running = False

    def undo(self) -> None:
        """Put every noted value back."""
        for target, key, old in reversed(self.entries):
            if old is MISSING:
                dict.__delitem__(target, key)
            else:
                dict.__setitem__(target, key, old)

    def check_bounds(self) -> None:
        """LED-9: what was written fits its field."""
        for target, key, _ in self.entries:
            if key in BOUNDED:
                require(abs(target[key]) < FIELD, f"{key} out of bounds")


class Record:
    """An object whose attributes are journaled; the first one set must be `journal`."""

    def __setattr__(self, name: str, value: Any) -> None:
        known = self.__dict__
        if name in known:
            known["journal"].entries.append((known, name, known[name]))
        known[name] = value


class Table(dict[Any, Any]):
    """A dictionary whose entries are journaled."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal

    def __setitem__(self, key: Any, value: Any) -> None:
        self.journal.entries.append((self, key, self.get(key, MISSING)))
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self.journal.entries.append((self, key, self[key]))
        super().__delitem__(key)


def to_address(text: str) -> int:
    """An address as a number, so that the case of its letters does not matter."""
    return int(text, 16)


def account_id(owner: str, index: int = 0) -> int:
    """`owner << 96 | index` (MRG-7)."""
    return to_address(owner) << 96 | index


def owner_of(account: int) -> int:
    """The owner's address as a number; 0 for the house accounts."""
    return account >> 96


@dataclass(frozen=True)
class Order:
    """A signed order (section 4). Size signed, in WAD; price in WAD; taker zero for anyone."""

    account: int
    market: int
    size: int
    price: int
    expiry: int
    salt: int
    reduce_only: bool = False
    taker: str = "0x" + "00" * 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "taker", self.taker.lower())


@dataclass(frozen=True)
class Config:
    """Configuration of a market (section 7)."""

    oi_cap: int  # WAD, size
    min_notional: int  # WAD, quote
    max_notional: int  # WAD, quote
    band: int  # 1e5
    penalty_min: int  # 1e5
    penalty_max: int  # 1e5
    maker_fee: int  # 1e6
    taker_fee: int  # 1e6
    reduce_only: bool = False
    takeover_share: int = 0  # 16ths of the open interest; 0: no limit (LIQ-6)


@dataclass(frozen=True)
class Reward:
    """Parameters of the keeper's reward (LIQ-5)."""

    gas_units: int
    native_price: int  # WAD, quote per native coin
    premium: int  # 1e4
    minimum: int  # WAD
    cap: int  # WAD
    interval: int  # seconds


@dataclass(eq=False)
class Feed(Record):
    """A price feed: its rules, what it answers now, and the stored price (section 5)."""

    journal: Journal
    set: bool = False
    heartbeat: int = 0  # seconds
    gap: int = 0  # UNIT
    ceiling: int = 0  # a price is at most 2**ceiling
    stored: int = 0  # WAD, the checkpoint
    answer: int | None = None  # WAD; None: the call fails
    updated_at: int = 0
    checkpoints: tuple[tuple[int, int], ...] = ()  # (time, price), oldest first


@dataclass(eq=False)
class Reference(Record):
    """What a market's feed is compared with (ORC-1)."""

    journal: Journal
    set: bool = False
    heartbeat: int = 0  # seconds
    divergence: int = 0  # 1e-9
    answer: int | None = None  # WAD; None: the call fails
    updated_at: int = 0


@dataclass(eq=False)
class Sequencer(Record):
    """The uptime feed of the chain's sequencer (ORC-1)."""

    journal: Journal
    set: bool = False
    grace: int = 0  # seconds
    answer: int | None = None  # 0: up; None: the call fails
    since: int = 0


@dataclass(eq=False)
class Account(Record):
    """Cash of an account (WAD) and what the waterfall knows of it."""

    journal: Journal
    cash: int = 0
    rewarded_at: int = 0
    deadline: int = 0  # LIQ-1, seconds; 0: no margin call
    locked: bool = False  # LIQ-4
    debt: int = 0  # WAD, what others paid for it
    overdue: bool = False  # LIQ-7, arrears are noted
    since: int = 0  # seconds, when they were; 0 unless overdue
    legs: dict[int, "Leg"] = field(default_factory=dict)


@dataclass(eq=False)
class Leg(Record):
    """An account's part in one market (LED-2): basis and pnl in WAD, K scaled by 1e36."""

    journal: Journal
    basis: int = 0
    a_snap: int = 0
    k_snap: int = 0
    epoch: int = 0
    pnl: int = 0
    fraction: int = 0  # LED-4: the reserve at `time` in units of pnl/Q
    time: int = 0
    opened: int | None = None  # WAD, the exact reserve while a step works on the leg


@dataclass(eq=False)
class Token(Record):
    """A collateral token of the vault (LIQ-7)."""

    journal: Journal
    index: int
    market: int  # whose feed prices it
    decimals: int
    cap: int  # WAD of the token, for the units of all accounts
    haircut_from: int  # CONFIG, up to `start`
    haircut_to: int  # CONFIG, from `end` on
    start: int = 0  # seconds
    end: int = 0  # seconds
    held: int = 0  # by the vault, in token units

    @property
    def scale(self) -> int:
        """WAD in a token unit."""
        return int(10 ** (18 - self.decimals))


@dataclass(eq=False)
class Side(Record):
    """One side of a market: `sign` is 1 for the long side, -1 for the short side."""

    journal: Journal
    sign: int
    a: int = A_ONE
    k0: int = 0
    epoch: int = 1

    def k(self, price: int) -> int:
        """LED-1: K(p), scaled by 1e36."""
        return self.k0 + self.sign * self.a * price


@dataclass(eq=False)
class Frozen(Record):
    """The book that a resolve ended last (LED-8); `until` is 0 when nothing is frozen.

    What is kept per side is in a table by the side's sign.
    """

    journal: Journal
    a: Table  # A as it was
    left: Table  # WAD, size that has not been resolved
    charged: Table  # K charged since the end, scaled by 1e36
    until: int = 0
    epoch: int = 0
    mark: int = 0  # WAD, at which the book ended


@dataclass(eq=False)
class Market(Record):
    """The ledger of a market and the fund's allowance for it."""

    journal: Journal
    long: Side
    short: Side
    closing: Table  # (sign, epoch) -> K at which an ended book closed
    frozen: "Frozen"
    listed: bool = False
    config: Config | None = None
    oi: int = 0  # WAD, size
    b: int = 0  # WAD, cash
    shortfall: int = 0  # WAD
    allowance_cap: int = 0  # WAD
    available: int = 0  # WAD, at the time `available_at`
    available_at: int = 0
    ends_at: int = 0  # LIQ-9, seconds; 0: no delisting is announced
    delisted: bool = False
    halvings: int = 0  # of the caps on new risk, by the guardian
    stopped: bool = False  # reduce-only by the guardian
    premium: int = 0  # LED-7, 1/PREMIUM_UNIT; positive: longs pay
    folded: int = 0  # minute of the last fold, modulo MINUTES
    bucket: int = 0  # crowding, 0 to 63
    sync_mark: int = 0  # TRD-4, a code (`sync_code`)
    width: int = 0  # 1/WIDTH_UNIT
    wait: int = 0  # block of the sync that waits, modulo BLOCKS, plus one; 0: none
    window_taken: int = 0  # LIQ-6, WAD, size
    window_start: int = 0

    def side(self, sign: int) -> Side:
        """The side that a size of this sign is on."""
        return self.long if sign > 0 else self.short

    @property
    def rules(self) -> Config:
        """The configuration; only a listed market has one."""
        require(self.config is not None, "market is not listed")
        return cast(Config, self.config)


class State(Record):
    """Everything the model knows. Addresses are kept as numbers."""

    def __init__(
        self, owner: str, decimals: int = 6, time: int = 1_700_000_000, notice: int = NOTICE
    ) -> None:
        if not 2 <= decimals <= 18:
            raise ValueError("a quote token has 2 to 18 decimals")
        self.journal = Journal()
        self.owner = to_address(owner)
        self.scale = 10 ** (18 - decimals)
        self.time = time
        self.block = 0
        self.basefee = 0
        self.tokens = 0  # held by the engine, in token units
        self.accounts: dict[int, Account] = {}
        self.markets = [self._market() for _ in range(MARKETS)]
        self.feeds = [Feed(self.journal) for _ in range(MARKETS)]
        self.references = [Reference(self.journal) for _ in range(MARKETS)]
        self.sequencer = Sequencer(self.journal)
        self.filled = Table(self.journal)  # order -> size filled
        self.min_salt = Table(self.journal)  # account -> salt
        self.operators = Table(self.journal)  # (owner, operator) -> approved
        self.risks = Table(self.journal)  # market -> Risk, its sigma the effective one
        self.floors = Table(self.journal)  # market -> floor of sigma, UNIT
        self.settings = Table(self.journal)  # market -> Settings of its volatility
        self.observations = Table(self.journal)  # market -> Observation
        self.changes = Table(self.journal)  # (what, market) -> Change that is announced
        self.steward = 0
        self.guardian = 0
        self.rho: Matrix = IDENTITY
        self.globals = Globals(z=3 * WAD, kappa=2 * WAD)
        self.reward = Reward(0, 0, 0, 0, 0, 0)
        self.fund = 0  # address of the fund contract
        self.guardian = 0  # 0: nobody
        self.shares = Table(self.journal)  # holder -> shares of the fund
        self.share_supply = 0
        self.requests = Table(self.journal)  # holder -> (locked shares, time its window opens)
        self.notice = notice  # seconds
        self.series = 0  # how many times the shares were counted anew
        self.quote = 0  # address of the quote token
        self.vault = 0  # address of the vault; 0: none
        self.collateral = Table(self.journal)  # token -> Token, in the order of their listing
        self.units = Table(self.journal)  # (account, token) -> token units in the vault
        self.sales = Table(self.journal)  # account -> time at which its sale was opened

    def copy(self) -> Self:
        """An independent model in the same state; not within a call."""
        self.journal.entries.clear()
        made = deepcopy(self)
        made.journal.entries.clear()
        return made

    def _market(self) -> Market:
        journal = self.journal
        frozen = Frozen(journal, Table(journal), Table(journal), Table(journal))
        return Market(journal, Side(journal, 1), Side(journal, -1), Table(journal), frozen)

    def set_block(self, number: int) -> None:
        """The number of the block of the next calls."""
        self.block = number

    def account(self, account: int) -> Account:
        """The record of an account, empty if it was never seen."""
        if account not in self.accounts:
            self.accounts[account] = Account(self.journal)
        return self.accounts[account]

    def leg(self, account: int, market: int) -> Leg:
        """The record of an account in a market, empty if it was never seen."""
        legs = self.account(account).legs
        if market not in legs:
            legs[market] = Leg(self.journal)
        return legs[market]

    def held(self, account: int) -> list[int]:
        """The markets in which an account has a position or a pnl, ascending."""
        legs = self.account(account).legs
        return sorted(m for m, leg in legs.items() if leg.basis != 0 or leg.pnl != 0)

    def is_owner_or_operator(self, who: int, account: int) -> bool:
        """Whether `who` acts for `account`; nobody does for the house accounts."""
        owner = owner_of(account)
        if owner == 0:
            return False
        return who == owner or bool(self.operators.get((owner, who), False))

    def require_admin(self, sender: str) -> None:
        """The call is for the engine's owner only."""
        require(to_address(sender) == self.owner, "caller is not the engine's owner")

    def require_listed(self, market: int) -> Market:
        """The record of a listed market."""
        require(0 <= market < MARKETS and self.markets[market].listed, "market is not listed")
        return self.markets[market]


P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=State)


def call(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Make a method an external call: all of it happens, or nothing."""

    @wraps(method)
    def run(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        journal = self.journal
        if journal.running:  # a call within a call, as resolve settles
            return method(self, *args, **kwargs)
        journal.entries.clear()
        journal.running = True
        try:
            result = method(self, *args, **kwargs)
            journal.check_bounds()
        except BaseException:
            journal.undo()
            raise
        finally:
            journal.running = False
            journal.entries.clear()
        return result

    return cast(Callable[Concatenate[S, P], R], run)
