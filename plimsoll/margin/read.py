"""An account and the parameters of its margin, read from a deployment by typed calls.

What is read is the state, never a margin: the numbers are made by the reference model from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from plimsoll.protocol import BackendError, Plimsoll
from plimsoll.reference.margin import (
    IDENTITY,
    Blend,
    Globals,
    Matrix,
    Risk,
    expected_shortfall,
    notional,
)
from plimsoll.reference.numbers import BUCKETS, CONFIG, MARKETS, RHO, WAD, floor_div, sgn
from plimsoll.reference.oracle import DIVERGED, FRESH
from plimsoll.reference.risk import (
    CORRELATIONS,
    FIELDS,
    KAPPA,
    RHO_STEP,
    SIGMA,
    VOLATILITY,
    Change,
    Risks,
    Settings,
    Z,
)

_T = TypeVar("_T")
_NOBODY = "0x" + "00" * 20
_PRICE_BITS = 96
#: bits of `globals().scheduled` above those of the markets
_Z_BIT, _KAPPA_BIT, _CORRELATIONS_BIT = 16, 17, 18
#: a probe of two such legs tells every correlation apart: the risk model takes up to 2**101
_PROBE = 2**101
#: how often a reading is tried again when a block came in between
_TRIES = 5


@dataclass(frozen=True)
class Leg:
    """An account's part in one market. Sizes, prices and pnl in WAD, K and K0 scaled by 1e36.

    `price` is what the engine values it at: the mark, the last good price of a dead feed, of a
    DIVERGED one the price better for the account (MRG-1). A leg that is not live has no size.
    """

    market: int
    is_live: bool
    size: int
    price: int
    status: int
    recorded: int
    basis: int = 0
    a_snap: int = WAD
    k_snap: int = 0
    a: int = WAD
    k0: int = 0
    ceiling: int = 0

    def k_at(self, price: int) -> int:
        """K of the leg's side (LED-1); of an ended epoch the closing K, whatever the price."""
        return self.k0 + sgn(self.basis) * self.a * price if self.is_live else self.k0

    def pnl_at(self, price: int) -> int:
        """Marked pnl at a price (LED-2); unmarked profit rounds down."""
        if not self.basis:
            return self.recorded
        unmarked = abs(self.basis) * (self.k_at(price) - self.k_snap)
        return self.recorded + floor_div(unmarked, self.a_snap * WAD)

    def notional_at(self, price: int) -> int:
        """Signed notional at a price, away from zero."""
        return notional(self.size, price)

    @property
    def pnl(self) -> int:
        """Marked pnl."""
        return self.pnl_at(self.price)


@dataclass(frozen=True)
class Collateral:
    """What an account has of a collateral token (LIQ-7): `amount` and `price` in WAD, haircut 1e5.

    `market` is the oracle's that prices it; the price is zero where its feed failed a day ago.
    """

    name: str
    market: int
    amount: int
    price: int
    status: int
    haircut: int
    ceiling: int

    def worth_at(self, price: int) -> int:
        """What it counts for in E at a price, rounded down; nothing where its feed is too old."""
        return self.amount * price * (CONFIG - self.haircut) // (WAD * CONFIG) if self.price else 0

    @property
    def value(self) -> int:
        """What it is worth at its price, before the haircut."""
        return self.amount * self.price // WAD

    @property
    def worth(self) -> int:
        """What it counts for in E."""
        return self.worth_at(self.price)

    @property
    def counted(self) -> int:
        """What it counts for in E_init: fresh prices only."""
        return self.worth if self.status == FRESH else 0


@dataclass(frozen=True)
class Portfolio:
    """An account at one time, with what its margin depends on. `crowding` in WAD by market.

    `since` is when its arrears were noted (0: they are not); `need` is what its collateral may be
    sold for now and `share` the discount's share of the haircut, WAD.
    """

    account: int
    time: int
    cash: int
    deadline: int
    locked: bool
    debt: int
    legs: tuple[Leg, ...]
    crowding: dict[int, int]
    risks: Risks
    collateral: tuple[Collateral, ...] = ()
    since: int = 0
    need: int = 0
    share: int = 0

    def at(self, prices: dict[int, int]) -> Portfolio:
        """The account with other prices of some markets."""
        legs = tuple(replace(leg, price=prices.get(leg.market, leg.price)) for leg in self.legs)
        collateral = tuple(
            replace(each, price=prices.get(each.market, each.price)) if each.price else each
            for each in self.collateral
        )
        return replace(self, legs=legs, collateral=collateral)

    @property
    def notionals(self) -> dict[int, int]:
        """Signed notional by market."""
        return {leg.market: leg.notional_at(leg.price) for leg in self.legs if leg.size}

    @property
    def equity(self) -> int:
        """E (MRG-1)."""
        return self.cash + sum(leg.pnl for leg in self.legs) + self.worth

    @property
    def initial_equity(self) -> int:
        """E_init (MRG-1)."""
        counted = sum(each.counted for each in self.collateral)
        return self.cash + sum(min(0, leg.pnl) for leg in self.legs) + counted

    @property
    def worth(self) -> int:
        """What its collateral counts for in E."""
        return sum(each.worth for each in self.collateral)


def steady(plimsoll: Plimsoll, read: Callable[[], _T]) -> _T:
    """Return what `read` reads, all of it in one block.

    Raises BackendError when a new block comes in the middle of it every time.
    """
    for _ in range(_TRIES):
        before = plimsoll.backend.block_number()
        found = read()
        if plimsoll.backend.block_number() == before:
            return found
    raise BackendError(
        f"a new block came while reading, {_TRIES} times in a row; use a node that answers faster"
    )


# ---- the risk model -----------------------------------------------------------------------------


def read_risks(plimsoll: Plimsoll) -> Risks:
    """Return the reference model's risk model in the state of the deployment's: parameters of every
    listed market, what is announced, and the chain's time."""
    model = Risks(_NOBODY, time=plimsoll.backend.now())
    params = plimsoll.risk.globals()
    scheduled = int(params.scheduled)
    for view in plimsoll.lens.markets():
        market = int(view.market)
        # the struct's fields stand in the order of `Risk`'s; sigma is the one that margins follow:
        # what a floor has lifted stays lifted, and a floor that falls lets sigma where it is
        risk = Risk(*(int(value) for value in view.params))
        model.floors[market] = int(plimsoll.risk.volatility_of(market).floor)
        if scheduled >> market & 1:
            for what, name in enumerate(FIELDS):
                if change := _pending(plimsoll, what, market):
                    base, model.changes[what, market] = change
                    if what == SIGMA:
                        model.floors[market] = base
                    else:
                        risk = replace(risk, **{name: base})
            _read_settings(plimsoll, model, market)
        model.risks[market] = risk
    z, kappa = int(params.z), int(params.kappa)
    if scheduled >> _Z_BIT & 1 and (change := _pending(plimsoll, Z, 0)):
        z, model.changes[Z, 0] = change
    if scheduled >> _KAPPA_BIT & 1 and (change := _pending(plimsoll, KAPPA, 0)):
        kappa, model.changes[KAPPA, 0] = change
    model.globals = Globals(z, kappa)
    _read_correlations(plimsoll, model, bool(scheduled >> _CORRELATIONS_BIT & 1))
    return model


def _pending(plimsoll: Plimsoll, what: int, market: int) -> tuple[int, Change] | None:
    change = plimsoll.risk.pending(what, market)
    if not change.start:
        return None
    return int(change.base), Change(int(change.target), int(change.start), int(change.end))


def _read_settings(plimsoll: Plimsoll, model: Risks, market: int) -> None:
    change = plimsoll.risk.pending(VOLATILITY, market)
    if change.start:
        settings = Settings(*(int(value) for value in plimsoll.risk.pending_volatility(market)))
        model.changes[VOLATILITY, market] = Change(settings, int(change.start), int(change.start))


def _read_correlations(plimsoll: Plimsoll, model: Risks, is_announced: bool) -> None:
    """The matrix, and the one it goes to. On its way the contract tells only rounded values, and
    the matrix it came from has to be found from margins."""
    pairs = _pairs(model.risks)
    now = {pair: int(plimsoll.risk.correlation(*pair)) for pair in pairs}
    model.rho = matrix(now)
    if not is_announced:
        return
    change = plimsoll.risk.pending(CORRELATIONS, 0)
    start, end = int(change.start), int(change.end)
    target = {pair: int(plimsoll.risk.pending_correlation(*pair)) for pair in pairs}
    model.changes[CORRELATIONS, 0] = Change(matrix(target), start, end)
    if model.time >= end:
        model.rho = matrix(target)  # where it started is no longer in anything
    elif model.time > start:
        blend = Blend(matrix(target), model.time - start, end - start)
        model.rho = matrix({p: _base(plimsoll, model, p, target[p], blend) for p in pairs})


def _base(
    plimsoll: Plimsoll, model: Risks, pair: tuple[int, int], target: int, blend: Blend
) -> int:
    """The correlation that a moving one came from: the one with which the formula gives the
    expected shortfall that the contract gives for two large legs."""
    wanted = int(plimsoll.risk.breakdown([(m, _PROBE, WAD) for m in pair]).es)
    x = dict.fromkeys(pair, _PROBE)
    risks = {m: model.risk_at(m, model.time) for m in pair}
    z = model.globals_at(model.time).z
    low, high = max(-RHO, target - RHO_STEP), min(RHO, target + RHO_STEP)
    while low < high:
        middle = (low + high) // 2
        if expected_shortfall(x, risks, matrix({pair: middle}), z, blend) < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def _pairs(markets: Iterable[int]) -> list[tuple[int, int]]:
    known = sorted(markets)
    return [(m, n) for at, m in enumerate(known) for n in known[at + 1 :]]


def matrix(entries: dict[tuple[int, int], int]) -> Matrix:
    """The matrix with these entries, each given once; the rest is the identity's."""
    rows = [list(row) for row in IDENTITY]
    for (m, n), value in entries.items():
        rows[m][n] = rows[n][m] = value
    return tuple(tuple(row) for row in rows)


# ---- an account ---------------------------------------------------------------------------------


def read_portfolio(plimsoll: Plimsoll, account: int, risks: Risks | None = None) -> Portfolio:
    """Return an account as it is recorded, with the prices that the engine values it at."""
    wallet = plimsoll.engine.wallet(account)
    held = [market for market in range(MARKETS) if int(wallet.held) >> market & 1]
    quotes = plimsoll.oracle.quotes(int(wallet.held)) if held else [0] * MARKETS
    legs = tuple(_leg(plimsoll, account, market, int(quotes[market])) for market in held)
    crowding = {
        leg.market: crowding_of(int(plimsoll.engine.market_extra(leg.market).bucket))
        for leg in legs
        if leg.size
    }
    collateral: tuple[Collateral, ...] = ()
    need = share = 0
    if wallet.pledged:
        collateral = _collateral(plimsoll, account)
        need, share = plimsoll.sale_terms(account)
    return Portfolio(
        account=account,
        time=plimsoll.backend.now(),
        cash=int(wallet.cash),
        deadline=int(wallet.deadline),
        locked=bool(wallet.locked),
        debt=int(wallet.debt),
        legs=legs,
        crowding=crowding,
        risks=read_risks(plimsoll) if risks is None else risks,
        collateral=collateral,
        since=int(wallet.since),
        need=need,
        share=share,
    )


def _collateral(plimsoll: Plimsoll, account: int) -> tuple[Collateral, ...]:
    return tuple(
        Collateral(
            name=each.name,
            market=each.slot,
            amount=each.amount * 10 ** (18 - each.decimals),
            price=each.price,
            status=each.status,
            haircut=each.haircut,
            ceiling=2 ** int(plimsoll.oracle.feed(each.slot).ceiling),
        )
        for each in plimsoll.collateral_of(account)
    )


def crowding_of(bucket: int) -> int:
    """Crowding in WAD (SPEC section 3)."""
    return WAD + bucket * WAD // BUCKETS


def judged_price(quote: int, size: int) -> tuple[int, int]:
    """Price that a leg is valued at, and status, out of the oracle's word: of a DIVERGED market the
    price that is better for the account."""
    mask = 2**_PRICE_BITS - 1
    price, other, status = quote & mask, quote >> _PRICE_BITS & mask, quote >> 2 * _PRICE_BITS
    if status == DIVERGED and size:
        price = max(price, other) if size > 0 else min(price, other)
    return price, status


def _leg(plimsoll: Plimsoll, account: int, market: int, quote: int) -> Leg:
    p: Any = plimsoll.engine.position(account, market)
    basis, size, recorded = int(p.basis), int(p.size), int(p.pnl)
    price, status = judged_price(quote, size)
    if not basis:
        return Leg(market, False, 0, price, status, recorded)
    state: Any = plimsoll.engine.market_state(market)
    is_live, is_long = int(p.epoch) == int(state.epoch), basis > 0
    if is_live:
        k0 = int(state.long_k0 if is_long else state.short_k0)
    else:
        k0 = int(plimsoll.engine.closing_k(market, int(p.epoch), is_long))
    return Leg(
        market=market,
        is_live=is_live,
        size=size,
        price=price,
        status=status,
        recorded=recorded,
        basis=basis,
        a_snap=int(p.a_snap),
        k_snap=int(p.k_snap),
        a=int(state.long_a if is_long else state.short_a),
        k0=k0,
        ceiling=2 ** int(plimsoll.oracle.feed(market).ceiling),
    )
