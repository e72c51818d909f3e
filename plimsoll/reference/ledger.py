"""Accounts, positions and settlement (SPEC section 2)."""

from dataclasses import dataclass

from plimsoll.reference.collateral import Collateral
from plimsoll.reference.errors import Refused, require
from plimsoll.reference.margin import Breakdown, notional
from plimsoll.reference.numbers import (
    A_ONE,
    BUCKETS,
    CHARGE_SHARE,
    CRITICAL,
    DECAY_ONE,
    DUST_SHARE,
    FREEZE,
    FUND,
    K0_MAX,
    MARKETS,
    MINUTE,
    MINUTES,
    PREMIUM_MAX,
    PREMIUM_PACE,
    PREMIUM_UNIT,
    PSI,
    RESERVE_DUST,
    TREASURY,
    WAD,
    Q,
    ceil_div,
    clamp,
    decay,
    floor_div,
    sgn,
    trunc_div,
)
from plimsoll.reference.state import Leg, Market, call, owner_of, to_address

LegView = tuple[int, int, int, int, int]


def reduces(old: int, new: int) -> bool:
    """Whether |size| falls without a flip."""
    return abs(new) < abs(old) and new * old >= 0


@dataclass(frozen=True)
class Standing:
    """An account marked at the current prices; a dead leg at its last good price (MRG-1), a
    DIVERGED one at the price that is better for the account."""

    equity: int  # WAD
    initial_equity: int  # WAD, without any positive pnl or collateral whose price is not fresh
    arrears: int  # WAD, R: the sum of all negative pnl, as a positive number
    values: dict[int, int]  # WAD, marked pnl of the held legs
    sizes: dict[int, int]  # WAD, of the live legs
    notionals: dict[int, int]  # WAD
    blind: frozenset[int]  # markets of live legs that are not FRESH
    margin: Breakdown
    worth: int  # WAD, of the collateral in `equity`
    counted: int  # WAD, of the collateral in `initial_equity`


def is_bankrupt(now: Standing) -> bool:
    """Nothing is left for what may still be lost."""
    return now.equity < 0 or (now.equity == 0 and bool(now.sizes))


def is_critical(now: Standing) -> bool:
    """So little is left that a takeover pays too little."""
    return now.equity * WAD < CRITICAL * now.margin.mm


def is_at_once(now: Standing) -> bool:
    """LIQ-1: too little is left for a cure window."""
    return now.equity * WAD < PSI * now.margin.mm


class Ledger(Collateral):
    """Cash, positions, marking, settlement, and the questions about them."""

    # ---- one leg -----------------------------------------------------------------------------

    def is_live(self, market: int, leg: Leg) -> bool:
        """Whether a leg has a position in the current epoch of its side."""
        return leg.basis != 0 and leg.epoch == self.markets[market].side(leg.basis).epoch

    def live_size(self, market: int, leg: Leg) -> int:
        """LED-2: the signed size, toward zero; 0 in an ended epoch."""
        if not self.is_live(market, leg):
            return 0
        a = self.markets[market].side(leg.basis).a
        return sgn(leg.basis) * floor_div(abs(leg.basis) * a, leg.a_snap)

    def unmarked(self, market: int, leg: Leg, price: int) -> int:
        """LED-2: profit since the snapshot, rounded down; an ended leg's at its closing K."""
        if leg.basis == 0:
            return 0
        record = self.markets[market]
        side = record.side(leg.basis)
        live = self.is_live(market, leg)
        k = side.k(price) if live else record.closing[side.sign, leg.epoch]
        return floor_div(abs(leg.basis) * (k - leg.k_snap), leg.a_snap * WAD)

    def value(self, market: int, leg: Leg, traded: int | None = None) -> int:
        """The leg's pnl as its account is judged, in the `traded` market at the mark; nothing is
        written."""
        return leg.pnl + self.unmarked(market, leg, self.value_price(market, leg, traded))

    def value_price(self, market: int, leg: Leg, traded: int | None = None) -> int:
        """The price that a leg is valued at."""
        if market == traded:
            return self.price(market)
        return self.judged_price(market, self.live_size(market, leg))

    def mark(self, market: int, leg: Leg, price: int) -> None:
        """LED-2: book the unmarked profit and snap the leg at `price` (an ended leg ends).

        The leg is open afterwards.
        """
        size = self.live_size(market, leg)
        self.gain(leg, self.unmarked(market, leg, price))
        self.snap(market, leg, size, price)

    # LED-4: a step opens a leg, works with its exact reserve, and stores it. Only then the reserve
    # is rounded, so that it matters how often a leg is stored, but not what is done in between.

    def reserve(self, leg: Leg) -> int:
        """R: the part of a leg's pnl that has not matured, in WAD."""
        if leg.opened is not None:
            return leg.opened
        if leg.pnl <= 0 or leg.fraction == 0:
            return 0
        recorded = ceil_div(leg.pnl * leg.fraction, Q)
        left = ceil_div(recorded * decay(self.time - leg.time), DECAY_ONE)
        return left if left > RESERVE_DUST else 0

    def open(self, leg: Leg) -> None:
        """Begin to work on a leg."""
        leg.opened = self.reserve(leg)

    def gain(self, leg: Leg, profit: int) -> None:
        """Add new profit (WAD) to an open leg's reserve, or let a loss eat it first."""
        reserve = self.reserve(leg)
        leg.pnl += profit
        leg.opened = min(max(0, reserve + profit), max(0, leg.pnl))

    def store(self, leg: Leg) -> None:
        """Record the reserve of an open leg as a fraction, rounded up."""
        reserve = self.reserve(leg)
        leg.opened = None
        kept = leg.pnl > 0 and reserve > 0
        leg.fraction = ceil_div(reserve * Q, leg.pnl) if kept else 0
        leg.time = self.time if kept else 0

    def snap(self, market: int, leg: Leg, size: int, price: int) -> None:
        """Give a marked leg a size, in normal form."""
        if size == 0:
            leg.basis = leg.a_snap = leg.k_snap = leg.epoch = 0
            return
        side = self.markets[market].side(size)
        leg.basis = size
        leg.a_snap = side.a
        leg.k_snap = side.k(price)
        leg.epoch = side.epoch

    def is_payable(self, market: int, leg: Leg) -> bool:
        """LED-3: a claim may be paid or assigned if its leg has no live size or a FRESH feed, and
        its market is not frozen."""
        if self.is_frozen(market):
            return False
        return not self.is_live(market, leg) or self.is_fresh(market)

    def is_frozen(self, market: int) -> bool:
        """LED-8: whether no claim of the market is paid, because its book has just ended."""
        return self.markets[market].frozen.until != 0

    def is_of_frozen_book(self, market: int, leg: Leg) -> bool:
        """LED-8: whether the leg waits, unmarked, for what the frozen book is charged."""
        frozen = self.markets[market].frozen
        return frozen.until != 0 and leg.basis != 0 and leg.epoch == frozen.epoch

    def change_size(
        self, account: int, market: int, change: int, price: int, *, drop_dust: bool
    ) -> int:
        """Add to the size of a marked leg; the change of its long part is returned.

        LED-8: with `drop_dust`, what a reduction leaves below the dust is dropped; the change is
        what it would be without.
        """
        leg = self.leg(account, market)
        old, new = leg.basis, leg.basis + change
        dropped = drop_dust and reduces(old, new) and abs(new) < self.dust_size(market)
        self.snap(market, leg, 0 if dropped else new, price)
        return max(0, new) - max(0, old)

    # ---- one market --------------------------------------------------------------------------

    def dust_size(self, market: int) -> int:
        """LED-8: the size below which a position is rounding."""
        return max(1, floor_div(self.markets[market].rules.oi_cap, DUST_SHARE))

    def end_or_start_afresh(self, market: int, price: int) -> None:
        """LED-8, after a trade: with OI 0 the multipliers start afresh, epochs stay; with less than
        the dust the book ends."""
        record = self.markets[market]
        if record.oi == 0:
            record.premium = 0
            for side in (record.long, record.short):
                side.a = A_ONE
                side.k0 = 0
        elif record.oi < self.dust_size(market):
            self.end_book(record, price)

    def end_book(self, record: Market, price: int) -> None:
        """LED-8: every position of the market closes at `price`."""
        for side in (record.long, record.short):
            record.closing[side.sign, side.epoch] = side.k(price)
            side.epoch += 1
            side.a = A_ONE
            side.k0 = 0
        record.oi = 0
        record.premium = 0

    def freeze_book(self, record: Market, price: int, sign: int = 0, size: int = 0) -> None:
        """LED-8: end the book at `price`, because a position `size` (WAD, absolute) of the side
        `sign` was resolved or the market delisted; keep what is needed to charge losses to it."""
        frozen = record.frozen
        for side in (record.long, record.short):
            frozen.a[side.sign] = side.a
            frozen.left[side.sign] = record.oi - (size if side.sign == sign else 0)
            frozen.charged[side.sign] = 0
        frozen.epoch = record.long.epoch
        frozen.mark = price
        frozen.until = self.time + FREEZE
        self.end_book(record, price)

    # ---- the market beside its book ----------------------------------------------------------

    def fold_funding(self, market: int, price: int) -> None:
        """LED-7: pay at `price` what has left the premium since the last fold."""
        record, minute = self.markets[market], self.time // MINUTE
        passed = (minute - record.folded) % MINUTES
        if passed == 0:
            return
        premium = trunc_div(record.premium * decay(PREMIUM_PACE * passed), DECAY_ONE)
        per_unit = trunc_div(price * (record.premium - premium), PREMIUM_UNIT)
        long_k0 = record.long.k0 - record.long.a * per_unit
        short_k0 = record.short.k0 + record.short.a * per_unit
        if max(abs(long_k0), abs(short_k0)) <= K0_MAX:
            record.long.k0 = long_k0
            record.short.k0 = short_k0
        record.premium = premium
        record.folded = minute % MINUTES

    def move_premium(
        self, record: Market, size: int, price: int, mark: int, fees: int, oi: int
    ) -> None:
        """LED-7: what a fill of `size` at `price` for `fees` (WAD) does to the premium, with the
        larger open interest before and after it."""
        if oi == 0:
            return
        deviation = clamp(trunc_div((price - mark) * PREMIUM_UNIT, mark), PREMIUM_MAX)
        step = trunc_div((deviation - record.premium) * min(size, oi), oi)
        bound = floor_div(fees * PREMIUM_UNIT * WAD, oi * mark)
        record.premium += clamp(step, bound)

    def count_crowd(self, record: Market) -> None:
        """MRG-5: record how crowded the market is, at the end of a call."""
        cap = record.rules.oi_cap
        over = max(0, 2 * record.oi - cap)
        record.bucket = min(BUCKETS - 1, floor_div(over * BUCKETS, cap))

    # ---- one account -------------------------------------------------------------------------

    def arrears(self, account: int, traded: int | None = None) -> int:
        """R: the sum of -pnl over the legs with a negative marked pnl."""
        legs = self.account(account).legs
        return sum(max(0, -self.value(m, legs[m], traded)) for m in self.held(account))

    def recorded_arrears(self, account: int) -> int:
        """The sum of -pnl over the legs with a negative recorded pnl, in WAD."""
        return sum(max(0, -leg.pnl) for leg in self.account(account).legs.values())

    def end_overdue(self, account: int) -> None:
        """LIQ-7: what was noted ends with the last arrears."""
        record = self.account(account)
        if record.overdue and self.recorded_arrears(account) == 0:
            record.overdue = False
            record.since = 0

    def standing(self, account: int, traded: int | None = None) -> Standing:
        """The account as it is judged, its leg in the `traded` market at the mark."""
        record = self.account(account)
        worth, counted = self.worth(account)
        equity, initial = record.cash + worth, record.cash + counted
        arrears = 0
        values: dict[int, int] = {}
        sizes: dict[int, int] = {}
        x: dict[int, int] = {}
        for market in self.held(account):
            leg = record.legs[market]
            value = self.value(market, leg, traded)
            values[market] = value
            equity += value
            initial += min(0, value)
            arrears += max(0, -value)
            if self.is_live(market, leg):
                sizes[market] = self.live_size(market, leg)
                x[market] = notional(sizes[market], self.value_price(market, leg, traded))
        blind = frozenset(m for m in sizes if not self.is_fresh(m))
        margin = self.margin_of(x)
        return Standing(equity, initial, arrears, values, sizes, x, blind, margin, worth, counted)

    def margin_of(self, notionals: dict[int, int]) -> Breakdown:
        """The margin of notionals under the current parameters."""
        crowding = {m: WAD + self.markets[m].bucket * WAD // BUCKETS for m in notionals}
        return self.margin_at(notionals, self.time, crowding)

    def clear_deadline(self, account: int, equity: int, mm: int) -> None:
        """LIQ-1: a margin call ends when `equity` of at least `mm` is recorded."""
        record = self.account(account)
        if record.deadline != 0 and equity >= mm:
            record.deadline = 0

    def require_unlocked(self, account: int) -> None:
        """LIQ-4: an account for which others have paid neither trades nor pays out."""
        require(not self.account(account).locked, "account is locked")

    def pay_arrears(self, account: int, market: int) -> None:
        """Fill step 5: the leg's arrears in full if cash reaches for all arrears, else nothing."""
        record = self.account(account)
        leg = self.leg(account, market)
        if leg.pnl < 0 and record.cash >= self.arrears(account, market):
            self.pay_leg(account, market, -leg.pnl)

    def pay_leg(self, account: int, market: int, paid: int) -> None:
        """Pay `paid` of a leg's arrears from cash into the market."""
        self.account(account).cash -= paid
        self.leg(account, market).pnl += paid
        self.markets[market].b += paid

    # ---- calls -------------------------------------------------------------------------------

    @call
    def deposit(self, sender: str, account: int, amount: int) -> None:
        """Put `amount` (token units) into an account; anyone for anyone."""
        require(amount > 0, "nothing to deposit")
        require(account != TREASURY, "the treasury takes no deposits")
        if account == FUND:
            require(self.fund != 0 and to_address(sender) == self.fund, "only the fund contract")
        else:
            require(owner_of(account) != 0, "account has no owner")
        self.tokens += amount
        self.account(account).cash += amount * self.scale

    @call
    def withdraw(self, sender: str, account: int, amount: int, receiver: str) -> None:
        """LED-6: take `amount` (token units) out of an account, to `receiver`."""
        require(amount > 0, "nothing to withdraw")
        house = {FUND: self.fund, TREASURY: self.owner}
        allowed = house.get(account, owner_of(account))
        require(allowed != 0 and to_address(sender) == allowed, "caller does not own the account")
        wad = amount * self.scale
        now = self.standing(account)
        self.check_withdrawal(account, wad, now)
        self.tokens -= amount
        self.account(account).cash -= wad
        if now.sizes:
            self.account(account).deadline = 0

    def check_withdrawal(self, account: int, wad: int, now: Standing) -> None:
        """Whether the account, as it stands, can do without `wad` of its cash."""
        self.require_unlocked(account)
        cash = self.account(account).cash
        if not now.sizes:
            require(wad <= cash - now.arrears, "cash owed or not there")
        else:
            require(not now.blind, "a feed is not fresh")
            require(wad <= cash, "cash not there")
            require(cash - now.arrears - wad >= 0, "cash owed")
            require(now.initial_equity - wad >= now.margin.im, "below initial margin")

    @call
    def touch(self, sender: str, account: int) -> None:
        """Mark every leg that can be marked; anyone for anyone."""
        for market in self.markable(account):
            leg = self.leg(account, market)
            self.mark(market, leg, self.price(market))
            self.store(leg)
        now = self.standing(account)
        self.clear_deadline(account, now.equity, now.margin.mm)

    @call
    def settle(self, sender: str, account: int) -> None:
        """LED-3: touch, then claims are paid, then arrears; anyone for anyone."""
        self.settle_account(account)
        now = self.standing(account)
        self.clear_deadline(account, now.equity, now.margin.mm)
        self.end_overdue(account)

    @call
    def accrue(self, sender: str, market: int) -> None:
        """LED-7: fold a market's premium; anyone may call."""
        self.require_listed(market)
        self.fold_funding(market, self.fresh_price(market))

    @call
    def thaw(self, sender: str, market: int) -> None:
        """LED-8: let the claims of an ended book be paid; anyone may call, when it is time."""
        frozen = self.require_listed(market).frozen
        require(frozen.until != 0, "market is not frozen")
        require(self.time >= frozen.until, "market stays frozen")
        frozen.until = 0

    # ---- settlement --------------------------------------------------------------------------

    def markable(self, account: int) -> list[int]:
        """The held markets whose legs a touch marks and stores, ascending."""
        legs = self.account(account).legs
        return [
            m
            for m in self.held(account)
            if not self.is_of_frozen_book(m, legs[m])
            and (not self.is_live(m, legs[m]) or self.is_fresh(m))
        ]

    def settle_account(self, account: int) -> None:
        """LED-3 in full; no deadline is cleared. Each leg that is marked is stored once."""
        record, marked = self.account(account), self.markable(account)
        for market in marked:
            self.mark(market, self.leg(account, market), self.price(market))
        for market in self.held(account):
            leg, pot = self.leg(account, market), self.markets[market]
            if leg.pnl > 0 and self.is_payable(market, leg):
                paid = min(max(0, leg.pnl - 2 * self.reserve(leg)), pot.b)
                leg.pnl -= paid
                pot.b -= paid
                record.cash += paid
        owing = {m: -leg.pnl for m, leg in sorted(record.legs.items()) if leg.pnl < 0}
        total, cash = sum(owing.values()), record.cash
        if cash >= total:
            for market, owed in owing.items():
                self.pay_leg(account, market, owed)
        else:
            for market, owed in owing.items():
                paid = floor_div(cash * owed, total)
                self.pay_leg(account, market, paid)
                cash -= paid
                total -= owed
        for market in marked:
            self.store(self.leg(account, market))

    # ---- questions ---------------------------------------------------------------------------

    def equity(self, account: int) -> int:
        """E, in WAD (MRG-1)."""
        return self.standing(account).equity

    def initial_equity(self, account: int) -> int:
        """E without positive pnl, in WAD (MRG-1)."""
        return self.standing(account).initial_equity

    def margin(self, account: int) -> tuple[int, int]:
        """(MM, IM), in WAD."""
        margin = self.standing(account).margin
        return margin.mm, margin.im

    def health(self, account: int) -> int | None:
        """E/MM in WAD, rounded down; None where MM is 0."""
        now = self.standing(account)
        return floor_div(now.equity * WAD, now.margin.mm) if now.margin.mm else None

    def band(self, account: int) -> str:
        """healthy, warned, called, liquidatable, critical or bankrupt."""
        now = self.standing(account)
        if is_bankrupt(now):
            return "bankrupt"
        if is_critical(now):
            return "critical"
        if is_at_once(now):
            return "liquidatable"
        if now.equity < now.margin.mm:
            return "called"
        return "healthy" if now.equity >= now.margin.im else "warned"

    def positions(self, account: int) -> dict[int, int]:
        """Signed live sizes by market."""
        return self.standing(account).sizes

    def account_view(self, account: int) -> tuple[int, tuple[LegView, ...]]:
        """(cash, per market (recorded pnl, basis, A_snap, K_snap, epoch))."""
        legs = [self.leg(account, market) for market in range(MARKETS)]
        return self.account(account).cash, tuple(
            (leg.pnl, leg.basis, leg.a_snap, leg.k_snap, leg.epoch) for leg in legs
        )

    def market_view(self, market: int) -> tuple[int, ...]:
        """(OI, B, shortfall, then A, K0, epoch of the long and of the short side)."""
        record = self.markets[market]
        long, short = record.long, record.short
        ledger = (record.oi, record.b, record.shortfall)
        return (*ledger, long.a, long.k0, long.epoch, short.a, short.k0, short.epoch)

    def dust(self, market: int, price: int) -> int:
        """LED-5: B + shortfall - sum(pnl), all positions of the market marked at `price`."""
        record = self.markets[market]
        owed = 0
        for account in self.accounts.values():
            leg = account.legs.get(market)
            if leg is not None:
                owed += leg.pnl + self.unmarked(market, leg, price)
        return record.b + record.shortfall - owed

    def identities(self, token_balance: int | None = None) -> list[str]:
        """What is broken of LED-5, at the current prices; `token_balance` in token units."""
        tokens = self.tokens if token_balance is None else token_balance
        cash = sum(account.cash for account in self.accounts.values())
        pots = sum(market.b for market in self.markets)
        wrong: list[str] = []
        if tokens * self.scale < cash + pots:
            wrong.append(f"tokens {tokens * self.scale} < cash {cash} + B {pots}")
        if token_balance is None and tokens * self.scale != cash + pots:
            wrong.append(f"tokens {tokens * self.scale} != cash {cash} + B {pots}")
        wrong += [f"cash of {who} is negative" for who, a in self.accounts.items() if a.cash < 0]
        for m, record in enumerate(self.markets):
            if not record.listed:
                continue
            legs = [a.legs[m] for a in self.accounts.values() if m in a.legs]
            sizes = [self.live_size(m, leg) for leg in legs]
            for sign, name in ((1, "long"), (-1, "short")):
                total = sum(abs(size) for size in sizes if size * sign > 0)
                if total > record.oi:
                    wrong.append(f"market {m}: {name} sizes {total} > OI {record.oi}")
            if min(record.b, record.shortfall, record.oi) < 0:
                wrong.append(f"market {m}: negative B, shortfall or OI")
            dust = self.dust(m, self.price(m))
            if dust < 0:
                wrong.append(f"market {m}: dust {dust}")
            if self.is_frozen(m):
                wrong += self._broken_freeze(m, legs)
        for who in self.accounts:
            wrong += self._broken_account(who)
        for address, token in self.collateral.items():
            pledged = [units for (_, of), units in self.units.items() if of == address]
            if token.held != sum(pledged) or min(pledged, default=0) < 0:
                wrong.append(f"the vault has {token.held} of {address:#x} for units {pledged}")
        return wrong

    def _broken_freeze(self, market: int, legs: list[Leg]) -> list[str]:
        """LED-8: what is wrong in a frozen market."""
        record, wrong = self.markets[market], []
        frozen = record.frozen
        if record.oi != 0 or any(self.is_live(market, leg) for leg in legs):
            wrong.append(f"market {market} is frozen and has positions")
        for sign, left in frozen.left.items():
            waiting = [
                floor_div(abs(leg.basis) * frozen.a[sign], leg.a_snap)
                for leg in legs
                if self.is_of_frozen_book(market, leg) and leg.basis * sign > 0
            ]
            if sum(waiting) > left:
                wrong.append(f"market {market}: {sum(waiting)} wait in a frozen book of {left}")
            if frozen.charged[sign] > frozen.a[sign] * frozen.mark // CHARGE_SHARE:
                wrong.append(f"market {market}: a frozen book is charged too much")
        return wrong

    def _broken_account(self, account: int) -> list[str]:
        """LED-4 for its legs; LED-6 if it is flat and without arrears; LIQ-4's lock; LIQ-7."""
        record, wrong = self.account(account), []
        for market, leg in record.legs.items():
            has_reserve = leg.fraction != 0
            if leg.opened is not None or not 0 <= self.reserve(leg) <= max(0, leg.pnl):
                wrong.append(f"account {account:#x}, market {market}: reserve outside pnl")
            if has_reserve and not (0 < leg.fraction <= Q and 0 < leg.time <= self.time):
                wrong.append(f"account {account:#x}, market {market}: reserve out of its field")
            if not has_reserve and leg.time != 0:
                wrong.append(f"account {account:#x}, market {market}: time without a reserve")
        if record.debt < 0 or (record.debt > 0 and not record.locked):
            wrong.append(f"account {account:#x}: debt {record.debt} and no lock")
        if record.locked and self.is_pledged(account):
            wrong.append(f"account {account:#x} is locked and has collateral")
        if record.overdue != (record.since != 0):
            wrong.append(f"account {account:#x}: overdue since {record.since}")
        if record.locked or record.cash == 0:
            return wrong
        now = self.standing(account)
        if not now.sizes and now.arrears == 0:
            try:
                self.check_withdrawal(account, record.cash, now)
            except Refused as refused:
                wrong.append(f"account {account:#x} is flat and cannot leave: {refused}")
        return wrong
