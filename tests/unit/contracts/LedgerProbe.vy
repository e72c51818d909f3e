# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Ledger probe
@license MIT
@notice Opens the arithmetic and the packing of `modules/ledger.vy` to a test, which puts this file beside the engine.
@custom:security For tests only: anyone writes its ledger.
"""
from .modules import ledger
from .modules import reasons

initializes: ledger


@external
@pure
def reason(code: uint256) -> String[32]:
    """
    @notice What `refusal.vy` asks the running contract for.
    """
    return reasons._text(code)


@external
@pure
def floor_div(n: int256, d: int256) -> int256:
    """
    @notice `_floor_div`.
    """
    return ledger._floor_div(n, d)


@external
@pure
def ceil_div(n: uint256, d: uint256) -> uint256:
    """
    @notice `_ceil_div`.
    """
    return ledger._ceil_div(n, d)


@external
@pure
def notional(size: int256, price: uint256) -> int256:
    """
    @notice `_notional`.
    """
    return ledger._notional(size, price)


@external
@pure
def count(held: uint256) -> uint256:
    """
    @notice `_count`.
    """
    return ledger._count(held)


@external
@pure
def dust(config: uint256) -> uint256:
    """
    @notice `_dust`.
    """
    return ledger._dust(config)


@external
@pure
def with_held(wallet: uint256, market: uint256, holds: bool) -> uint256:
    """
    @notice `_with_held`.
    """
    return ledger._with_held(wallet, market, holds)


@external
@view
def with_cash(wallet: uint256, cash: uint256) -> uint256:
    """
    @notice `_with_cash`.
    """
    return ledger._with_cash(wallet, cash)


@external
@pure
def bucket(oi: uint256, config: uint256) -> uint256:
    """
    @notice `_bucket`.
    """
    return ledger._bucket(oi, config)


@external
@pure
def with_gain(leg: ledger.Leg, gain: int256) -> ledger.Leg:
    """
    @notice `_with_gain`.
    """
    return ledger._with_gain(leg, gain)


@external
@pure
def part_of_reserve(leg: ledger.Leg, part: uint256) -> uint256:
    """
    @notice `_part_of_reserve`.
    """
    return ledger._part_of_reserve(leg, part)


@external
@view
def unmatured(snap: uint256, pnl: int256) -> uint256:
    """
    @notice `_unmatured`.
    """
    return ledger._unmatured(snap, pnl)


@external
@view
def pack_profit(k: int256, pnl: int256) -> uint256:
    """
    @notice `_pack_profit`.
    """
    return ledger._pack_profit(k, pnl)


@external
@view
def pack_leg(b: ledger.Book, leg: ledger.Leg) -> (uint256, uint256):
    """
    @notice `_pack_leg`.
    """
    return ledger._pack_leg(b, leg)


@external
def store(b: ledger.Book, account: uint256, leg: ledger.Leg):
    """
    @notice Write both sides of a market and a leg in it.
    """
    ledger._store_side(b, True)
    ledger._store_side(b, False)
    ledger._store_book(b)
    ledger._store_leg(b, account, leg, 0)


@external
def add_claim(account: uint256, market: uint256, amount: uint256, reserve: uint256):
    """
    @notice `_add_claim`.
    """
    ledger._add_claim(account, market, amount, reserve)


@external
def set_sides(b: ledger.Book):
    """
    @notice Write both sides of a market.
    """
    ledger._store_side(b, True)
    ledger._store_side(b, False)


@external
@view
def load(market: uint256, price: uint256) -> ledger.Book:
    """
    @notice `_load_book`.
    """
    return ledger._load_book(market, price)


@external
@view
def value(account: uint256, market: uint256, price: uint256) -> (int256, int256):
    """
    @notice `_value`.
    """
    return ledger._value(account, market, price)


@external
@view
def mark(account: uint256, market: uint256, price: uint256) -> ledger.Leg:
    """
    @notice `_mark`.
    """
    return ledger._mark(account, market, price)


@external
@view
def recorded_pnl(account: uint256, market: uint256) -> int256:
    """
    @notice `_recorded_pnl`.
    """
    return ledger._recorded_pnl(account, market)
