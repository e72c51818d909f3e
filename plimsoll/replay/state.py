"""What accounts and markets look like from outside, in one form for chain, model and trace.

Integers are the ledger's own: WAD, K in 1e36, `A` in 1e18. A leg that is not held (no position, no
pnl) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from plimsoll.reference import Model
from plimsoll.reference.numbers import FUND, MARKETS, TOKENS


class LegState(NamedTuple):
    """One leg as it is recorded; `size` is its live size, `reserve` the part of pnl that had not
    matured at `time` (LED-4)."""

    pnl: int
    size: int
    basis: int
    a_snap: int
    k_snap: int
    epoch: int
    reserve: int
    time: int


class AccountState(NamedTuple):
    """One account as it is recorded."""

    cash: int
    rewarded_at: int
    deadline: int
    locked: int  # 0 or 1
    debt: int
    pledged: int  # 0 or 1: it has collateral; 0 for the fund
    since: int  # when its arrears were noted, or 0
    legs: Mapping[int, LegState]
    units: Mapping[int, int] = MappingProxyType({})  # of collateral, by the token's index


class MarketState(NamedTuple):
    """One market as it is recorded; `allowance` is what the fund may pay for it now.

    `folded` is 0 where there is no premium, and what is left of a frozen book is 0 without one.
    """

    oi: int
    cash: int
    shortfall: int
    allowance: int
    long_a: int
    long_k0: int
    short_a: int
    short_k0: int
    epoch: int
    premium: int
    folded: int
    bucket: int
    sync_mark: int
    width: int
    wait: int
    window_taken: int
    window_start: int
    frozen_until: int
    left_long: int
    left_short: int


EMPTY_LEG = LegState(0, 0, 0, 0, 0, 0, 0, 0)
EMPTY_ACCOUNT = AccountState(0, 0, 0, 0, 0, 0, 0, {})


def model_account(model: Model, account: int) -> AccountState:
    """Return an account as the reference model has it."""
    record = model.accounts.get(account)
    if record is None:
        return EMPTY_ACCOUNT
    legs = {}
    for market, leg in record.legs.items():
        if leg.basis or leg.pnl:
            size = model.live_size(market, leg)
            legs[market] = LegState(
                pnl=leg.pnl,
                size=size,
                basis=leg.basis,
                a_snap=leg.a_snap,
                k_snap=leg.k_snap,
                epoch=leg.epoch,
                reserve=leg.fraction,
                time=leg.time,
            )
    return AccountState(
        cash=record.cash,
        rewarded_at=record.rewarded_at,
        deadline=record.deadline,
        locked=int(record.locked),
        debt=record.debt,
        pledged=int(account != FUND and model.is_pledged(account)),
        since=record.since,
        legs=legs,
        units=model_units(model, account),
    )


def model_units(model: Model, account: int) -> dict[int, int]:
    """Return an account's units of collateral as the reference model has them, zeros left out."""
    units = {
        token.index: model.units.get((account, address), 0)
        for address, token in model.collateral.items()
    }
    return {index: amount for index, amount in units.items() if amount}


def model_market(model: Model, market: int) -> MarketState:
    """Return a market as the reference model has it."""
    record = model.markets[market]
    long, short, frozen = record.long, record.short, record.frozen
    left = frozen.left if frozen.until else {}
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
        premium=record.premium,
        folded=record.folded if record.premium else 0,
        bucket=record.bucket,
        sync_mark=record.sync_mark,
        width=record.width,
        wait=record.wait,
        window_taken=record.window_taken,
        window_start=record.window_start,
        frozen_until=frozen.until,
        left_long=left.get(1, 0),
        left_short=left.get(-1, 0),
    )


def account_differences(expected: AccountState, model: AccountState) -> Iterator[str]:
    """Yield what differs, one line for each value: first the expected one, then the model's."""
    if expected == model:
        return
    for name in ("cash", "rewarded_at", "deadline", "locked", "debt", "pledged", "since"):
        one, two = getattr(expected, name), getattr(model, name)
        if one != two:
            yield f"{name} {one}, model {two}"
    for market in range(MARKETS):
        legs = expected.legs.get(market, EMPTY_LEG), model.legs.get(market, EMPTY_LEG)
        for name, one, two in zip(LegState._fields, *legs, strict=True):
            if one != two:
                yield f"market {market} {name} {one}, model {two}"
    for token in range(TOKENS):
        one, two = expected.units.get(token, 0), model.units.get(token, 0)
        if one != two:
            yield f"token {token} units {one}, model {two}"


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
