"""What accounts and markets look like from outside, in one form for chain, model and trace.

Integers are the ledger's own: WAD, K in 1e36, `A` in 1e18. A leg that is not held (no position, no
pnl) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from plimsoll.reference import Model
from plimsoll.reference.numbers import MARKETS


class LegState(NamedTuple):
    """One leg as it is recorded; `size` is its live size."""

    pnl: int
    size: int
    basis: int
    a_snap: int
    k_snap: int
    epoch: int


class AccountState(NamedTuple):
    """One account as it is recorded."""

    cash: int
    rewarded_at: int
    legs: Mapping[int, LegState]


class MarketState(NamedTuple):
    """One market as it is recorded; `allowance` is what the fund may pay for it now."""

    oi: int
    cash: int
    shortfall: int
    allowance: int
    long_a: int
    long_k0: int
    short_a: int
    short_k0: int
    epoch: int


EMPTY_ACCOUNT = AccountState(0, 0, {})


def model_account(model: Model, account: int) -> AccountState:
    """Return an account as the reference model has it."""
    record = model.accounts.get(account)
    if record is None:
        return EMPTY_ACCOUNT
    legs = {}
    for market, leg in record.legs.items():
        if leg.basis or leg.pnl:
            size = model.live_size(market, leg)
            legs[market] = LegState(leg.pnl, size, leg.basis, leg.a_snap, leg.k_snap, leg.epoch)
    return AccountState(record.cash, record.rewarded_at, legs)


def model_market(model: Model, market: int) -> MarketState:
    """Return a market as the reference model has it."""
    record = model.markets[market]
    long, short = record.long, record.short
    return MarketState(
        oi=record.oi,
        cash=record.b,
        shortfall=record.shortfall,
        allowance=model.allowance(record),
        long_a=long.a,
        long_k0=long.k0,
        short_a=short.a,
        short_k0=short.k0,
        epoch=long.epoch,
    )


def account_differences(expected: AccountState, model: AccountState) -> Iterator[str]:
    """Yield what differs, one line for each value: first the expected one, then the model's."""
    if expected == model:
        return
    for name in ("cash", "rewarded_at"):
        one, two = getattr(expected, name), getattr(model, name)
        if one != two:
            yield f"{name} {one}, model {two}"
    nothing = LegState(0, 0, 0, 0, 0, 0)
    for market in range(MARKETS):
        legs = expected.legs.get(market, nothing), model.legs.get(market, nothing)
        for name, one, two in zip(LegState._fields, *legs, strict=True):
            if one != two:
                yield f"market {market} {name} {one}, model {two}"


def market_differences(expected: MarketState, model: MarketState) -> Iterator[str]:
    """Yield what differs, one line for each value: first the expected one, then the model's."""
    for name, one, two in zip(MarketState._fields, expected, model, strict=True):
        if one != two:
            yield f"{name} {one}, model {two}"


def account_text(account: int) -> str:
    """An account id for people: the owner's first and last digits and the index."""
    if account in (1, 2):
        return ("fund", "treasury")[account - 1]
    owner = f"0x{account >> 96:040x}"
    return f"{owner[:8]}..{owner[-4:]}/{account & (2**96 - 1)}"
