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
        self.rate = self._rate(subject.row.gross)

    def _rate(self, gross: int) -> int:
        low, high = (
            self.market.penalty_min * CONFIG_TO_WAD,
            self.market.penalty_max * CONFIG_TO_WAD,
        )
        rate = low + (high - low) * (self.maintenance - self.equity) // self.maintenance
        return min(rate, PENALTY_EQUITY_SHARE * self.equity // gross)

    def penalty(self, q: int) -> int:
        """The penalty of a slice."""
        asked = ceil_div(q * self.price * self.rate, WAD * WAD)
        return min(asked, self.equity * PENALTY_EQUITY_SHARE // WAD)

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
        """E after a slice at `price` and all it is charged."""
        gain = self.slip(q, price)[1]
        charged = min(self.penalty(q), self.free_after(gain) + self.claims)
        return self.equity + gain - charged

    def allows(self, q: int, equity: int) -> bool:
        """LIQ-2 step 5 for a slice that leaves the account with `equity`."""
        rest = self.whole - q
        mm = self.maintenance_with(rest)
        if rest and notional(rest, self.price) < self.market.min_notional:
            return False
        if mm and equity * self.maintenance <= self.equity * mm:
            return False
        if equity * WAD <= TAU * mm:
            return True
        if rest:
            return False
        most = self.whole - self._least()
        if most <= 0 or self._probe(most)[0] * WAD <= TAU * self._probe(most)[1]:
            return True
        equity_then, mm_then = self._probe(max(1, self.whole // PROBE))
        return equity_then * self.maintenance <= self.equity * mm_then

    def slice_at(self, limit: int, price: int) -> int:
        """The largest slice up to `limit` that may go at `price`; 0 when none may."""
        if limit <= 0:
            return 0
        if self.allows(limit, self.equity_after(limit, price)):
            return limit
        top = min(limit, self.whole - self._least())
        q = largest(
            top,
            lambda q: (
                self.equity_after(q, price) * WAD <= TAU * self.maintenance_with(self.whole - q)
            ),
        )
        return q if q and self.allows(q, self.equity_after(q, price)) else 0

    def affordable(self, limit: int, price: int) -> int:
        """The largest slice whose loss against the mark the account's free cash pays."""
        per_unit = self.slip(WAD, price)[0]
        if per_unit == 0:
            return limit
        free = self.free_after(0)
        return largest(limit, lambda q: self.slip(q, price)[0] <= min(free, self.penalty(q)))

    def _least(self) -> int:
        return ceil_div(self.market.min_notional * WAD, self.price)

    def _probe(self, q: int) -> tuple[int, int]:
        return self.equity - self.penalty(q), self.maintenance_with(self.whole - q)


def is_worse_than_takeover(case: Case, price: int) -> bool:
    """Whether an order at `price` costs the account more than the penalty would."""
    # by the unit; a wei more, because a slice's penalty rounds up
    return case.slip(WAD, price)[0] > case.price * case.rate // WAD + 1


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
