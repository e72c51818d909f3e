# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Synchronisation
@license MIT
@notice The mark up to which bankrupt accounts are taken to be resolved (TRD-4): after a large move risk may grow only once
        somebody has called `sync` and two blocks have passed.
@custom:security It only makes fills that add risk wait; reductions, takeovers and resolve never do.
"""
from . import ledger
from . import refusal
from . import valuation

uses: ledger
uses: valuation

UNIT: constant(uint256) = 10**12
# the width is in 0.2 %
SYNC_STEPS: constant(uint256) = 500
MASK_96: constant(uint256) = 2**96 - 1


@internal
@pure
def _is_out(b: ledger.Book) -> bool:
    """
    @notice Whether the mark is further than the width from the one last synchronised.
    """
    # exponent 7 | mantissa 11 << 7; price and mark < 2**96
    code: uint256 = b.short_tail >> 6
    synced: uint256 = (code >> 7) << (code & 127)
    gap: uint256 = unsafe_sub(max(b.price, synced), min(b.price, synced))
    return unsafe_mul(gap, SYNC_STEPS) > unsafe_mul((b.tail >> 32) & 255, synced)


@internal
@view
def _has_waited(wait: uint256) -> bool:
    """
    @notice Whether two blocks have passed since a large move was synchronised, counted modulo 255.
    """
    return (block.number % 255 + 256 - wait) % 255 >= 2


@internal
@view
def _marked(b: ledger.Book) -> ledger.Book:
    """
    @notice The book synchronised at its mark, with half the floor of now as its width; the caller writes it.
    """
    exponent: uint256 = 0
    rest: uint256 = b.price >> 11
    # at most 79 rounds: prices are below 2**90
    for _: uint256 in range(85):
        if rest == 0:
            break
        rest >>= 1
        exponent += 1
    after: ledger.Book = b
    after.short_tail = (b.short_tail & 63) | ((exponent | (b.price >> exponent) << 7) << 6)
    f: uint256 = (staticcall valuation.RISK.params(b.market)).f
    # rounds up; f <= UNIT, so at most 250
    width: uint256 = ledger._ceil_div(f * SYNC_STEPS, 2 * UNIT)
    after.tail = (b.tail & ~(convert(255, uint256) << 32)) | (width << 32)
    return after


@internal
def _sync(market: uint256):
    """
    @notice Take the mark of now for synchronised; after a large move risk has to wait for two blocks more.
    """
    if not ledger._is_listed(market):
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    quote: uint256 = valuation._quotes(1 << market)[market]
    if not valuation._fresh(quote):
        refusal._because(refusal.TRADING_NO_FRESH_PRICE)
    b: ledger.Book = ledger._load_book(market, quote & MASK_96)
    if self._is_out(b):
        b.tail = (b.tail & (2**40 - 1)) | ((block.number % 255 + 1) << 40)
    b = self._marked(b)
    ledger._store_side(b, False)
    ledger._store_book(b)
