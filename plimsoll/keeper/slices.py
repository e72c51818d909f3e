"""How much: the arithmetic of a slice, on the same exact margin formula as the engine's.

A slice that is a little wrong is refused by the engine and costs a try, so that everything here is
a forecast; it is exact as long as the prices are those it was made with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.reference.margin import IDENTITY, Globals, Matrix, Risk, breakdown, notional
from plimsoll.reference.numbers import (
    CONFIG,
    CONFIG_TO_WAD,
    FEE,
    MAX_HELD,
    PENALTY_EQUITY_SHARE,
    PROBE,
    TAU,
    WAD,
    ceil_div,
    sgn,
)

if TYPE_CHECKING:
    from plimsoll.keeper.types import Holding, MarketView
    from plimsoll.orders.book import Offer


@dataclass(frozen=True, slots=True)
class RiskBook:
    """The parameters of the margin formula."""

    risks: Mapping[int, Risk]
    params: Globals
    rho: Matrix = IDENTITY

    def margin(self, notionals: Mapping[int, int]) -> tuple[int, int]:
        """Maintenance and initial margin."""
        known = {m: x for m, x in notionals.items() if x}
        if not known:
            return 0, 0
        found = breakdown(known, self.risks, self.rho, self.params)
        return found.mm, found.im


def notionals_of(holding: Holding) -> dict[int, int]:
    """Signed notional of every live leg."""
    return {m: notional(leg.size, leg.price) for m, leg in holding.legs.items() if leg.size}


def reduces(before: int, after: int) -> bool:
    """Whether |size| falls without a flip."""
    return abs(after) < abs(before) and after * before >= 0


def largest(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest q in 0..limit that fits, for a rule that holds up to some size and not above."""
    if limit <= 0 or fits(limit):
        return max(0, limit)
    low, high = 0, limit - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


class Case:
    """An account with 0 < E < MM about to lose a slice of its leg in one market (LIQ-2)."""

    def __init__(self, subject: Holding, market: MarketView, risk: RiskBook) -> None:
        """Take the account, the market and the margin formula."""
        leg = subject.legs[market.market]
        self.risk = risk
        self.market = market
        self.price = leg.price
        self.size = leg.size
        self.whole = abs(leg.size)
        self.equity = subject.row.equity
        self.maintenance = subject.row.maintenance
        self.free = max(0, subject.row.cash - subject.row.arrears)
        self.losses_elsewhere = sum(
            max(0, -other.pnl) for m, other in subject.legs.items() if m != market.market
        )
        self.cash = subject.row.cash
        self.pnl = leg.pnl
        self.claims = sum(max(0, x.pnl) for x in subject.legs.values() if x.is_payable)
        self.others = notionals_of(subject)
        del self.others[market.market]
        self._slices: dict[int, tuple[int, int, bool]] = {}
        self.rate = self._rate(subject.row.gross)

    def _rate(self, gross: int) -> int:
        low, high = (
            self.market.penalty_min * CONFIG_TO_WAD,
            self.market.penalty_max * CONFIG_TO_WAD,
        )
        rate = low + (high - low) * (self.maintenance - self.equity) // self.maintenance
        return min(rate, PENALTY_EQUITY_SHARE * self.equity // gross)

    def penalty(self, q: int) -> int:
        """The penalty of a slice: by its rate, and by the margin that it frees."""
        return self._slice(q)[0]

    def maintenance_with(self, size: int) -> int:
        """MM if the leg had the unsigned size `size`."""
        x = notional(sgn(self.size) * size, self.price)
        return self.risk.margin({**self.others, self.market.market: x})[0]

    def slip(self, q: int, price: int) -> tuple[int, int]:
        """(loss, gain) of the account when `q` goes at `price` instead of the mark."""
        distance = q * abs(price - self.price)
        if (price - self.price) * sgn(self.size) < 0:
            return ceil_div(distance, WAD), 0
        return 0, distance // WAD

    def free_after(self, gain: int) -> int:
        """Free cash when the traded leg has gained `gain` (cash beyond all arrears)."""
        return max(0, self.cash - self.losses_elsewhere - max(0, -(self.pnl + gain)))

    def equity_after(self, q: int, price: int) -> int:
        """E after a slice at `price` and all it is charged; a gain does not count (LIQ-3)."""
        gain = self.slip(q, price)[1]
        return self.equity - min(self.penalty(q), self.free_after(gain) + self.claims)

    def allows(self, q: int, price: int) -> bool:
        """Whether LIQ-2 step 5 lets a slice `q` at `price` pass."""
        rest = self.whole - q
        if rest and notional(rest, self.price) < self.market.min_notional:
            return False
        heals, within, _ = self._test(q, price)
        if not heals or within or rest:
            return heals and within
        most = self.whole - ceil_div(self.market.min_notional * WAD, self.price)
        if most <= 0:
            return True
        penalty, mm, _ = self._slice(most)
        if (self.equity - penalty) * WAD <= TAU * mm:
            return True
        return self._slice(max(1, self.whole // PROBE))[1] >= self.maintenance

    def slice_at(self, limit: int, price: int) -> int:
        """The largest slice up to `limit` that may go at `price`; 0 when none may.

        Searched as the lens does: health as a function of the slice rises, then may fall (a hedge),
        and TAU is passed once where the penalty follows its rate, and once where it follows the
        freed margin. What is returned was tested.
        """
        if limit <= 0 or self.allows(limit, price):
            return max(0, limit)
        rest = (self.market.min_notional - 1) * WAD // self.price + 1
        most = min(limit, self.whole - rest)
        if most <= 0 or self.allows(most, price):
            return max(0, most)
        _, within, bounded = self._test(most, price)
        low, high = 0, most
        if within:
            low = most // 2
            while low and not self._test(low, price)[0]:
                low, high = low // 2, low
            low = _last(low, high, lambda q: self._test(q, price)[0])
        else:
            if bounded:
                turn = _last(0, most, lambda q: not self._test(q, price)[2])
                if self._test(turn, price)[1]:
                    low = turn
                else:
                    high = turn
            low = _last(low, high, lambda q: self._test(q, price)[1])
        return low if low and self.allows(low, price) else 0

    def affordable(self, limit: int, price: int) -> int:
        """The largest slice whose loss half the penalty covers and free cash pays (LIQ-3)."""
        if self.slip(WAD, price)[0] == 0:
            return limit
        free = self.free_after(0)
        return largest(limit, lambda q: self.slip(q, price)[0] <= min(free, self.penalty(q) // 2))

    def _test(self, q: int, price: int) -> tuple[bool, bool, bool]:
        """Whether health rises, whether it stays within TAU, whether the penalty is bounded."""
        _, mm, bounded = self._slice(q)
        equity = self.equity_after(q, price)
        heals = mm == 0 or equity * self.maintenance > self.equity * mm
        return heals, equity * WAD <= TAU * mm, bounded

    def _slice(self, q: int) -> tuple[int, int, bool]:
        """Penalty of a slice, MM after it, and whether the freed margin bounds the penalty."""
        if q not in self._slices:
            mm = self.maintenance_with(self.whole - q)
            if mm >= self.maintenance:
                self._slices[q] = (0, mm, True)
            else:
                asked = ceil_div(q * self.price * self.rate, WAD * WAD)
                share = self.equity * PENALTY_EQUITY_SHARE // WAD
                most = share * (self.maintenance - mm) // self.maintenance
                self._slices[q] = (min(asked, most), mm, asked > most)
        return self._slices[q]


def _last(yes: int, no: int, holds: Callable[[int], bool]) -> int:
    """The last number with a property that `yes` has, `no` has not, and that changes once."""
    while no - yes > 1:
        middle = (yes + no) // 2
        if holds(middle):
            yes = middle
        else:
            no = middle
    return yes


def is_worse_than_takeover(case: Case, price: int) -> bool:
    """Whether an order at `price` costs the account more than half the penalty (LIQ-3)."""
    # by the unit; a wei more, because a slice's penalty rounds up
    return case.slip(WAD, price)[0] > case.price * case.rate // (2 * WAD) + 1


def in_band(market: MarketView, price: int) -> bool:
    """Whether a fill at `price` is near enough to the mark (TRD-2)."""
    return abs(price - market.price) * CONFIG <= market.band * market.price


def own_capacity(
    keeper: Holding, market: MarketView, change: int, risk: RiskBook, headroom: int
) -> int:
    """How much of a signed `change` the keeper's account may take at the mark (LIQ-2 step 6).

    `headroom` is in 1e4 of the initial margin. The liquidator's part of the penalty is left out, so
    that the account has it on top.
    """
    leg = keeper.legs.get(market.market)
    size = leg.size if leg else 0
    others = notionals_of(keeper)
    others.pop(market.market, None)
    limit, direction = abs(change), sgn(change)

    def fits(q: int) -> bool:
        after = size + direction * q
        x = notional(after, market.price)
        if not reduces(size, after) and abs(x) > market.max_notional:
            return False
        margin = risk.margin({**others, market.market: x})[1]
        return keeper.row.initial_equity >= ceil_div(margin * (10**4 + headroom), 10**4)

    q = largest(limit, fits)
    after = size + direction * q
    if q and not reduces(size, after):
        if _blind_elsewhere(keeper, market.market):
            return 0
        if _held_with(keeper, market.market) > MAX_HELD:
            return 0
    return q if q and fits(q) else 0


def maker_capacity(
    maker: Holding, market: MarketView, offer: Offer, limit: int, risk: RiskBook
) -> int:
    """How much of an order, up to `limit`, its maker's account may fill now (TRD-2)."""
    leg = maker.legs.get(market.market)
    size, pnl = (leg.size, leg.pnl) if leg else (0, 0)
    others = notionals_of(maker)
    others.pop(market.market, None)
    losses = sum(max(0, -x.pnl) for m, x in maker.legs.items() if m != market.market)
    gains = sum(max(0, x.pnl) for m, x in maker.legs.items() if m != market.market)
    before_mm, before_equity = maker.row.maintenance, maker.row.equity
    direction = 1 if offer.buys else -1

    def solvent(q: int) -> bool:
        after = size + direction * q
        distance = q * abs(offer.price - market.price)
        loses = offer.buys == (offer.price > market.price)
        cash = maker.row.cash - (ceil_div(distance, WAD) if loses else 0)
        if cash < 0:
            return False
        fee = ceil_div(q * offer.price * market.maker_fee, WAD * FEE)
        if reduces(size, after):
            fee = min(fee, cash)
        cash -= fee
        if cash < 0:
            return False
        own = pnl + (0 if loses else distance // WAD)
        mm, im = risk.margin({**others, market.market: notional(after, market.price)})
        arrears = losses + max(0, -own)
        if cash - arrears >= im:
            return True
        if not reduces(size, after):
            return False
        equity = cash - arrears + gains + max(0, own)
        return equity >= 0 and equity * before_mm >= before_equity * mm

    def allowed(q: int) -> bool:
        after = size + direction * q
        x = abs(notional(after, market.price))
        if after and x < market.min_notional:
            return False
        if reduces(size, after):
            return True
        return not (
            x > market.max_notional
            or offer.reduce_only
            or market.reduce_only
            or _blind_elsewhere(maker, market.market)
            or _held_with(maker, market.market) > MAX_HELD
        )

    if offer.reduce_only or market.reduce_only:
        # it may close its position but neither grow nor flip it
        limit = min(limit, abs(size)) if size * direction < 0 else 0
    else:
        limit = _within_maximum(limit, size, direction, market)
    q = largest(limit, solvent)
    return q if q and solvent(q) and allowed(q) else 0


def _within_maximum(limit: int, size: int, direction: int, market: MarketView) -> int:
    """Cut `limit` so that the position it leads to is not above the market's maximum."""
    most = market.max_notional * WAD // market.price
    if reduces(size, size + direction * limit):
        return limit
    return max(0, min(limit, most - size * direction))


def _blind_elsewhere(holding: Holding, market: int) -> bool:
    return bool(holding.row.blind & ~(1 << market))


def _held_with(holding: Holding, market: int) -> int:
    return (holding.row.held | 1 << market).bit_count()
