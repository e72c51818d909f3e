# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Ledger probe
@license MIT
@notice Opens the arithmetic and the packing of `modules/ledger.vy` to a test, which puts this file beside the engine.
@custom:security For tests only: anyone writes its ledger.
"""
from .modules import ledger

initializes: ledger


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
@pure
def with_cash(wallet: uint256, cash: uint256) -> uint256:
    """
    @notice `_with_cash`.
    """
    return ledger._with_cash(wallet, cash)


@external
@pure
def pack_profit(k: int256, pnl: int256) -> uint256:
    """
    @notice `_pack_profit`.
    """
    return ledger._pack_profit(k, pnl)


@external
@pure
def pack_leg(b: ledger.Book, size: int256, pnl: int256) -> (uint256, uint256):
    """
    @notice `_pack_leg`.
    """
    return ledger._pack_leg(b, size, pnl)


@external
def store(b: ledger.Book, account: uint256, size: int256, pnl: int256):
    """
    @notice Write both sides of a market and a leg in it.
    """
    ledger._store_side(b, True)
    ledger._store_side(b, False)
    ledger._store_book(b.market, b.oi, b.cash)
    ledger._store_leg(b, account, size, pnl, 0)


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
def recorded_pnl(account: uint256, market: uint256) -> int256:
    """
    @notice `_recorded_pnl`.
    """
    return ledger._recorded_pnl(account, market)
