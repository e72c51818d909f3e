# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Delisting
@license MIT
@notice Winding a market down at a final price after notice (LIQ-9): the time-weighted oracle price of the last hour, or with a
        dead feed a price near the last good one.
@custom:security The owner fixes the time, a day ahead at least, never the price of a live feed; anyone carries it out. The book
        ends frozen, so that losses are met before gains are paid.
"""
from ..interfaces import IMarginEngine
from ..interfaces import IPriceOracle
from . import freezes
from . import funding
from . import ledger
from . import refusal
from . import valuation

uses: freezes
uses: ledger
uses: valuation

MASK_40: constant(uint256) = 2**40 - 1
MASK_96: constant(uint256) = 2**96 - 1
REDUCE_ONLY: constant(uint256) = 2 << 248
DONE: constant(uint256) = 1 << 40
NOTICE: constant(uint256) = 86_400
HORIZON: constant(uint256) = 180 * 86_400
# seconds that the average has to cover, and its window's greatest length
COVERED: constant(uint256) = 3_600
SPAN: constant(uint256) = 7_200
# a dead feed's final price is within a tenth of the last good one
PRICE_SHARE: constant(uint256) = 10


@internal
def _announce(market: uint256, time: uint256):
    """
    @notice Fix when a market ends; from now on it only reduces.
    """
    if not ledger._is_listed(market):
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    if ledger.delistings[market] != 0:
        refusal._because(refusal.DELISTING_ALREADY_ANNOUNCED)
    if time < block.timestamp + NOTICE or time > block.timestamp + HORIZON:
        refusal._because(refusal.DELISTING_TIME_OUT_OF_RANGE)
    self._set(market, time)
    config: uint256 = ledger.books[market * 4 + 3] | REDUCE_ONLY
    ledger.books[market * 4 + 3] = config
    log IMarginEngine.MarketUpdated(market=market, config=config)


@internal
def _cancel(market: uint256):
    """
    @notice Take an announcement back; that the market only reduces stays until it is configured anew.
    """
    if ledger.delistings[market] == 0 or ledger.delistings[market] & DONE != 0:
        refusal._because(refusal.DELISTING_NOT_ANNOUNCED)
    self._set(market, 0)


@internal
def _delist(market: uint256):
    """
    @notice End a market whose time has come, at its average over the last hour.
    """
    self._check_due(market)
    if not valuation._fresh(valuation._quotes(1 << market)[market]):
        refusal._because(refusal.TRADING_NO_FRESH_PRICE)
    average: IPriceOracle.Average = staticcall valuation.ORACLE.average(market)
    if average.covered < COVERED or block.timestamp - average.since > SPAN:
        refusal._because(refusal.DELISTING_HOUR_NOT_COVERED)
    self._end(market, average.price)


@internal
def _delist_at(market: uint256, price: uint256):
    """
    @notice End a market whose time has come and whose feed is dead, at a price near the last good one.
    """
    self._check_due(market)
    quote: uint256 = valuation._quotes(1 << market)[market]
    if valuation._fresh(quote):
        refusal._because(refusal.DELISTING_FEED_IS_FRESH)
    last: uint256 = quote & MASK_96
    gap: uint256 = max(price, last) - min(price, last)
    if price > MASK_96 or gap > last // PRICE_SHARE:
        refusal._because(refusal.DELISTING_PRICE_OUT_OF_RANGE)
    self._end(market, price)


@internal
@view
def _check_due(market: uint256):
    if market >= 16 or ledger.delistings[market] == 0 or ledger.delistings[market] & DONE != 0:
        refusal._because(refusal.DELISTING_NOT_ANNOUNCED)
    if block.timestamp < ledger.delistings[market]:
        refusal._because(refusal.DELISTING_TOO_EARLY)


@internal
def _end(market: uint256, price: uint256):
    """
    @notice Close every position at `price` and leave the book frozen (LED-8).
    """
    self._set(market, ledger.delistings[market] | DONE)
    b: ledger.Book = funding._fold(ledger._load_book(market, price))
    if b.oi != 0:
        freezes._freeze(b, b.oi, b.oi)
        b = ledger._end(b)
        ledger._store_side(b, True)
        ledger._store_side(b, False)
        ledger._store_book(b)
    log IMarginEngine.Delisted(market=market, price=price)


@internal
def _set(market: uint256, word: uint256):
    ledger.delistings[market] = word
    log IMarginEngine.DelistingUpdated(market=market, time=word & MASK_40, done=word & DONE != 0)
