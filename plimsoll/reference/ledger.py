"""Accounts, positions and settlement (SPEC section 2)."""

from dataclasses import dataclass

from plimsoll.reference.errors import require
from plimsoll.reference.margin import Breakdown, notional
from plimsoll.reference.numbers import (
    A_ONE,
    DUST_SHARE,
    FUND,
    MARKETS,
    TREASURY,
    WAD,
    floor_div,
    sgn,
)
from plimsoll.reference.risk import Risks
from plimsoll.reference.state import Leg, Market, call, owner_of, to_address

LegView = tuple[int, int, int, int, int]


def reduces(old: int, new: int) -> bool:
    """Whether |size| falls without a flip."""
    return abs(new) < abs(old) and new * old >= 0


@dataclass(frozen=True)
class Standing:
    """An account marked at the current prices; a dead leg at its last good price (MRG-1)."""

    equity: int  # WAD
    initial_equity: int  # WAD, without any positive pnl
    arrears: int  # WAD, R: the sum of all negative pnl, as a positive number
    sizes: dict[int, int]  # WAD, of the live legs
    notionals: dict[int, int]  # WAD
    all_fresh: bool  # every live leg has a FRESH feed
    margin: Breakdown


class Ledger(Risks):
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

    def value(self, market: int, leg: Leg) -> int:
        """The leg's pnl marked at the current (or last good) price; nothing is written."""
        return leg.pnl + self.unmarked(market, leg, self.price(market))

    def mark(self, market: int, leg: Leg, price: int) -> None:
        """LED-2: book the unmarked profit and snap the leg at `price` (an ended leg ends)."""
        size = self.live_size(market, leg)
        profit = self.unmarked(market, leg, price)
        if profit != 0:
            leg.pnl += profit
        self.snap(market, leg, size, price)

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
        """LED-3: a claim may be paid or assigned if its leg has no live size or a FRESH feed."""
        return not self.is_live(market, leg) or self.is_fresh(market)

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

    # ---- one account -------------------------------------------------------------------------

    def arrears(self, account: int) -> int:
        """R: the sum of -pnl over the legs with a negative marked pnl."""
        legs = self.account(account).legs
        return sum(max(0, -self.value(m, legs[m])) for m in self.held(account))

    def standing(self, account: int) -> Standing:
        """The account marked at the current prices."""
        record = self.account(account)
        equity = initial = record.cash
        arrears = 0
        sizes: dict[int, int] = {}
        all_fresh = True
        for market in self.held(account):
            leg = record.legs[market]
            value = self.value(market, leg)
            equity += value
            initial += min(0, value)
            arrears += max(0, -value)
            if self.is_live(market, leg):
                sizes[market] = self.live_size(market, leg)
                all_fresh = all_fresh and self.is_fresh(market)
        x = {m: notional(size, self.price(m)) for m, size in sizes.items()}
        return Standing(equity, initial, arrears, sizes, x, all_fresh, self.margin_of(x))

    def margin_of(self, notionals: dict[int, int]) -> Breakdown:
        """The margin of notionals under the current parameters."""
        return self.margin_at(notionals, self.time)

    def pay_arrears(self, account: int, market: int) -> None:
        """Fill step 5: the leg's arrears in full if cash reaches for all arrears, else nothing."""
        record = self.account(account)
        leg = self.leg(account, market)
        if leg.pnl < 0 and record.cash >= self.arrears(account):
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
        record = self.account(account)
        now = self.standing(account)
        if not now.sizes:
            require(wad <= record.cash - now.arrears, "cash owed or not there")
        else:
            require(now.all_fresh, "a feed is not fresh")
            require(wad <= record.cash, "cash not there")
            require(now.initial_equity - wad >= now.margin.im, "below initial margin")
        self.tokens -= amount
        record.cash -= wad

    @call
    def touch(self, sender: str, account: int) -> None:
        """Mark every leg that can be marked; anyone for anyone."""
        for market in self.held(account):
            leg = self.leg(account, market)
            if not self.is_live(market, leg) or self.is_fresh(market):
                self.mark(market, leg, self.price(market))

    @call
    def settle(self, sender: str, account: int) -> None:
        """LED-3: touch, then claims are paid, then arrears; anyone for anyone."""
        self.touch(sender, account)
        record = self.account(account)
        for market in self.held(account):
            leg, pot = self.leg(account, market), self.markets[market]
            if leg.pnl > 0 and self.is_payable(market, leg):
                paid = min(leg.pnl, pot.b)
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
        """healthy, warned, liquidatable or bankrupt."""
        now = self.standing(account)
        if now.equity < 0 or (now.equity == 0 and now.sizes):
            return "bankrupt"
        if now.equity < now.margin.mm:
            return "liquidatable"
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
        return wrong
