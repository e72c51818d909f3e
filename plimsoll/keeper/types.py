"""What a keeper sees, and what it may do about it. Amounts are integers in WAD (1e18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from plimsoll.keeper.slices import RiskBook
from plimsoll.orders.book import Offer
from plimsoll.reference.numbers import (
    CONFIG,
    CRITICAL,
    DAY,
    DECAY_ONE,
    MINUTE,
    MINUTES,
    PATIENCE,
    PREMIUM_PACE,
    PREMIUM_UNIT,
    PSI,
    SALE,
    VOID,
    WAD,
    WIDTH_UNIT,
    WINDOW,
    WINDOW_UNIT,
    decay,
    sync_price,
    trunc_div,
)

#: LIQ-7: a haircut times a share of it (WAD)
DISCOUNT_UNIT = CONFIG * WAD
#: an amount (WAD) times a price (WAD) times what a discount leaves of its unit, to quote WAD
RATE_UNIT = WAD * DISCOUNT_UNIT

#: The fund's account: it has claims like any other and is settled like any other.
FUND = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One account's health at the prices of now; dead legs at their last good price."""

    account: int
    cash: int
    held: int  # bitmap of markets
    equity: int
    initial_equity: int
    maintenance: int
    initial: int
    gross: int  # sum of |notional|
    blind: int  # bitmap: live legs without a fresh price
    collateral: int = 0  # what its collateral counts for in `equity`
    losses: int = 0  # sum of negative pnl, its magnitude
    deadline: int = 0  # of its margin call, seconds; 0: none (LIQ-1)
    locked: int = 0  # whether a resolve has locked it (LIQ-4)
    debt: int = 0  # what others paid for it
    pledged: int = 0  # whether it has collateral (LIQ-7)
    since: int = 0  # when its arrears were noted; 0: they are not

    @property
    def arrears(self) -> int:
        """What the account owes to its markets."""
        return self.losses

    @property
    def claims(self) -> int:
        """What its markets owe to the account."""
        return self.equity - self.collateral - self.cash + self.losses

    @property
    def unpaid(self) -> int:
        """What it owes beyond its cash."""
        return max(0, self.losses - self.cash)

    @property
    def is_bankrupt(self) -> bool:
        """E < 0, or E = 0 with a live position."""
        return self.equity < 0 or (self.equity == 0 and self.gross > 0)

    @property
    def is_liquidatable(self) -> bool:
        """0 < E < MM."""
        return 0 < self.equity < self.maintenance

    @property
    def is_critical(self) -> bool:
        """0 <= E < 0.1 MM: a resolve may close its positions (LIQ-4)."""
        return self.equity >= 0 and self.equity * WAD < CRITICAL * self.maintenance

    def is_called(self, now: int) -> bool:
        """Whether a margin call stands; a void one does not."""
        return self.deadline > 0 and now <= self.deadline + VOID

    def is_due(self, now: int) -> bool:
        """Whether it may be taken over now, as far as calls go (LIQ-1)."""
        at_once = self.equity * WAD < PSI * self.maintenance
        return at_once or (self.is_called(now) and self.deadline <= now)

    def is_for_sale(self, now: int) -> bool:
        """Whether what it has pledged is for sale because of its margin (LIQ-7)."""
        below = self.equity < self.maintenance or self.equity < 0
        return bool(self.pledged) and below and self.is_due(now)

    def is_overdue(self, now: int) -> bool:
        """Whether it is for sale because of arrears that were noted long ago."""
        return self.since > 0 and PATIENCE <= now - self.since <= 2 * DAY

    @property
    def health(self) -> Fraction | None:
        """E / MM; None without a margin."""
        return Fraction(self.equity, self.maintenance) if self.maintenance else None


@dataclass(frozen=True, slots=True)
class Leg:
    """An account's part in one market, marked at `price`."""

    market: int
    size: int  # live, signed
    pnl: int  # marked
    price: int
    is_fresh: bool
    is_live: bool = True  # whether it has a position in the running epoch

    @property
    def is_payable(self) -> bool:
        """Whether a claim of this leg may be paid or assigned."""
        return self.is_fresh or not self.is_live


@dataclass(frozen=True, slots=True)
class Holding:
    """An account with its legs."""

    row: Row
    legs: Mapping[int, Leg]


@dataclass(frozen=True, slots=True)
class Pledge:
    """What an account has of a collateral token."""

    token: str  # address
    amount: int  # token units
    scale: int  # WAD per unit
    haircut: int  # 1e5, of now
    price: int  # that it is sold at, quote WAD
    is_priced: bool  # FRESH or DIVERGED: it can be bought
    name: str = ""

    def rate(self, share: int) -> int:
        """What a unit is sold for at a share of the haircut, 1e-41 of a quote WAD."""
        return self.scale * self.price * (DISCOUNT_UNIT - self.haircut * share)


@dataclass(frozen=True, slots=True)
class Sale:
    """What an account has pledged, and on what terms it is for sale (LIQ-7)."""

    pledges: Sequence[Pledge]
    opened: int  # second at which its last sale was opened; 0: never
    need: int  # quote WAD that may be raised; 0: it is not for sale
    share: int  # the discount as a share of the haircut, WAD

    def runs(self, now: int) -> bool:
        """Whether the sale that was opened last is still valid."""
        return self.opened > 0 and now <= self.opened + VOID

    def is_over(self, now: int) -> bool:
        """Whether what is left may be seized from a bankrupt account."""
        return self.runs(now) and now - self.opened >= SALE


@dataclass(frozen=True, slots=True)
class Quote:
    """What a takeover in one market would be: the largest allowed slice and what it pays."""

    market: int
    size: int  # 0: none is allowed
    penalty: int = 0
    reward: int = 0  # the liquidator's part
    refusal: str = ""  # why none is allowed


@dataclass(frozen=True, slots=True)
class MarketExtra:
    """What moves beside a market's ledger; as in the engine's struct."""

    premium: int
    folded: int
    sync_mark: int
    width: int
    window_taken: int
    window_start: int
    frozen_until: int  # 0: not frozen


@dataclass(frozen=True, slots=True)
class MarketView:
    """A market with its price and its configuration."""

    market: int
    price: int
    is_fresh: bool
    cash: int
    shortfall: int
    allowance: int
    min_notional: int
    max_notional: int
    band: int  # 1e5
    penalty_min: int  # 1e5
    penalty_max: int  # 1e5
    maker_fee: int  # 1e6
    reduce_only: bool
    oi: int = 0  # WAD, size
    takeover_share: int = 0  # 16ths of OI; 0: no limit (LIQ-6)
    extra: MarketExtra | None = None  # None: not asked for

    def is_out_of_sync(self) -> bool:
        """Whether the mark has left the width, so that new risk has to wait (TRD-4)."""
        if self.extra is None:
            return False
        known = sync_price(self.extra.sync_mark)
        return abs(self.price - known) * WIDTH_UNIT > self.extra.width * known

    def funding_due(self, now: int) -> int:
        """What an accrual would move between the sides, quote WAD (LED-7)."""
        if self.extra is None or self.extra.premium == 0:
            return 0
        premium, minutes = self.extra.premium, (now // MINUTE - self.extra.folded) % MINUTES
        left = trunc_div(premium * decay(PREMIUM_PACE * minutes), DECAY_ONE)
        per_unit = trunc_div(self.price * (premium - left), PREMIUM_UNIT)
        return self.oi * abs(per_unit) // WAD

    def window_room(self, now: int) -> int | None:
        """What called accounts may still lose in the running window, size; None: no limit."""
        if self.takeover_share == 0 or self.extra is None:
            return None
        runs = now - self.extra.window_start < WINDOW
        taken = self.extra.window_taken if runs else 0
        most = max(
            self.oi * self.takeover_share // WINDOW_UNIT, 2 * self.min_notional * WAD // self.price
        )
        return max(0, most - taken)


def short(account: int) -> str:
    """An account's name for people: the ends of its owner's address and its index."""
    if account >> 96 == 0:
        return {1: "fund", 2: "treasury"}.get(account, str(account))
    owner = f"{account >> 96:040x}"
    index = account & (2**96 - 1)
    return f"0x{owner[:4]}..{owner[-4:]}" + (f"/{index}" if index else "")


class Kind(StrEnum):
    """What a keeper can do."""

    CALL = "margin call"
    RESOLVE = "resolve"
    ORDER = "takeover by order"
    TAKEOVER = "takeover"
    SETTLE = "settle"
    RECLAIM = "reclaim"
    OPEN_SALE = "open sale"
    BUY = "buy collateral"
    SEIZE = "seize"
    NOTE = "note arrears"
    CLEAR = "clear arrears"
    COVER = "cover"
    SYNC = "sync"
    ACCRUE = "accrue"
    OBSERVE = "observe"
    THAW = "thaw"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Action:
    """One call, and why. `market` is a bitmap for a checkpoint and -1 where none is meant.

    `token` (an address) and `units` are collateral, `limit` the most to pay, quote token units.
    """

    kind: Kind
    account: int
    reason: str
    market: int = -1
    size: int = 0
    price: int = 0
    offer: Offer | None = None
    token: str = ""
    units: int = 0
    limit: int = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells this choice from others: a refused one is not tried again in the tick."""
        order = self.offer and self.offer.order_hash
        return (self.kind, self.account, self.market, order, self.token)


@dataclass(frozen=True, slots=True)
class Left:
    """An account in trouble for which nothing can be done now, and why."""

    account: int
    reason: str

    def __str__(self) -> str:
        """The account's short name and the reason."""
        return f"{short(self.account)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Plan:
    """An ordered list of choices, best first, and what has to be left."""

    actions: Sequence[Action] = ()
    left: Sequence[Left] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """How the keeper chooses.

    `prefer`: "orders" closes against signed orders first and takes the rest itself, "own" the other
    way round. `headroom` is in 1e4: the keeper's initial equity stays above its initial margin by
    this share of the margin. A position is taken over in slices of at least `minimum_slice` (quote)
    unless the whole is smaller. An account is settled when its arrears or claims are at least
    `settle_above` (quote) and at least `settle_share` (1e4) of its cash: a loser at most once in
    `settle_every` seconds, a winner, whose claims have to mature, once in `pay_every`. Shortfalls,
    the fund and checkpoints are looked at every `chores_every` seconds. With `upkeep` marks are
    synchronised, frozen markets thawed, funding is accrued once `settle_above` of it is due, and
    volatility observed every `observe_every` seconds where sigma follows it, once a day elsewhere.

    Collateral: sales are opened, arrears of at least `settle_above` noted and cleared, and what a
    bankrupt account still has is seized, all without money. `buy_collateral` is what the keeper may
    spend of its wallet's quote tokens in all (quote WAD; 0: it never buys), at discounts of at
    least `min_discount` (1e5).
    """

    prefer: str = "orders"
    use_own: bool = True
    use_orders: bool = True
    headroom: int = 1_000
    minimum_slice: int = 10 * 10**18
    orders_per_leg: int = 8
    steps_per_account: int = 24
    passes: int = 3
    upkeep: bool = True
    settle: bool = True
    settle_above: int = 100 * 10**18
    settle_share: int = 5_000
    settle_every: int = 600
    pay_every: int = 3_600
    observe_every: int = 3_600
    chores_every: int = 600
    checkpoint_age: int = 3_600
    account_index: int = 0
    buy_collateral: int = 0
    min_discount: int = 1_000

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.prefer not in ("orders", "own"):
            raise ValueError(f"prefer is {self.prefer!r}; it is 'orders' or 'own'")
        if self.steps_per_account < 1 or self.passes < 1:
            raise ValueError("steps_per_account and passes are at least 1")
        if self.buy_collateral < 0 or not 0 <= self.min_discount <= CONFIG:
            raise ValueError("buy_collateral is at least 0, min_discount between 0 and 1e5")


@dataclass(frozen=True, slots=True)
class World:
    """What a decision about one account needs besides the account itself.

    `offers` are the usable orders by (market, whether they buy), best price first. `makers` are the
    accounts behind them. `keeper` is None when the keeper has no account in the engine.
    """

    markets: Mapping[int, MarketView]
    risk: RiskBook
    now: int = 0
    keeper: Holding | None = None
    offers: Mapping[tuple[int, bool], Sequence[Offer]] = field(default_factory=dict)
    makers: Mapping[int, Holding] = field(default_factory=dict)
