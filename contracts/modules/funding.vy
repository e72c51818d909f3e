# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Funding
@license MIT
@notice Payments between longs and shorts from the premium at which trades happen (LED-7).
@custom:security Both sides' K moves by the same f per unit with opposite signs, so nothing is made or lost. A fill moves the
        premium, and so all the funding that follows from it, by at most what its fees cost.
"""
from . import decay
from . import ledger
from . import refusal
from . import valuation

uses: ledger
uses: valuation

WAD: constant(uint256) = 10**18
K0_MAX: constant(int256) = 2**149
MASK_96: constant(uint256) = 2**96 - 1
MASK_32: constant(uint256) = 2**32 - 1
MINUTES: constant(uint256) = 2**18
# a premium is in 1e-10; at most 0.75 %
PREMIUM_UNIT: constant(int256) = 10**10
PREMIUM_MAX: constant(int256) = 75 * 10**6


@internal
@pure
def _premium(b: ledger.Book) -> int256:
    """
    @notice The market's premium, in 1e-10 of the price; longs pay a positive one.
    """
    return (convert(convert(b.tail, bytes32), int256) << 224) >> 224


@internal
@pure
def _with_premium(tail: uint256, premium: int256) -> uint256:
    return ((tail >> 32) << 32) | (convert(convert(premium, bytes32), uint256) & MASK_32)


@internal
@view
def _minutes(long_tail: uint256) -> uint256:
    """
    @notice Whole minutes since the last fold; the counter goes round in half a year, after which no premium is left anyway.
    """
    # modulo MINUTES, a power of two
    return unsafe_sub(unsafe_div(block.timestamp, 60), long_tail >> 6) & (MINUTES - 1)


@internal
@view
def _fold(b: ledger.Book) -> ledger.Book:
    """
    @notice The book with the funding of the minutes since the last fold paid; the caller writes it.
    """
    passed: uint256 = self._minutes(b.long_tail)
    if passed == 0:
        return b
    after: ledger.Book = b
    after.long_tail = (b.long_tail & 63) | ((unsafe_div(block.timestamp, 60) & (MINUTES - 1)) << 6)
    after.changed = 2
    premium: int256 = self._premium(b)
    if premium != 0:
        # toward zero; the half-life is six hours, 360 minutes of ten 3,600ths each
        left: int256 = unsafe_div(
            unsafe_mul(premium, convert(decay._decay(unsafe_mul(passed, 10)), int256)), 2**64
        )
        # toward zero; price <= 2**89, premium < 2**31
        f: int256 = unsafe_div(
            unsafe_mul(convert(b.price, int256), unsafe_sub(premium, left)), PREMIUM_UNIT
        )
        long_k0: int256 = unsafe_sub(b.long_k0, unsafe_mul(convert(b.long_a, int256), f))
        short_k0: int256 = unsafe_add(b.short_k0, unsafe_mul(convert(b.short_a, int256), f))
        # at the end of K's field nothing is paid any more
        if abs(long_k0) <= K0_MAX and abs(short_k0) <= K0_MAX:
            after.long_k0 = long_k0
            after.short_k0 = short_k0
        after.tail = self._with_premium(b.tail, left)
        after.changed = 1
    return after


@internal
@pure
def _observe(b: ledger.Book, oi: uint256, size: uint256, price: uint256, fees: uint256) -> uint256:
    """
    @notice The book's tail after a fill of `size` at `price`, away from the mark in `b`.
    @param oi The larger of the open interest before and after the fill.
    @param fees What both sides paid, quote WAD.
    """
    premium: int256 = self._premium(b)
    if oi == 0 or (premium == 0 and price == b.price):
        return b.tail
    # all toward zero; prices <= 2**96
    mark: int256 = convert(b.price, int256)
    deviation: int256 = unsafe_div(
        unsafe_mul(unsafe_sub(convert(price, int256), mark), PREMIUM_UNIT), mark
    )
    deviation = max(min(deviation, PREMIUM_MAX), -PREMIUM_MAX)
    step: int256 = unsafe_div(
        unsafe_mul(unsafe_sub(deviation, premium), convert(min(size, oi), int256)),
        convert(oi, int256),
    )
    # rounds down; fees < 2**104, oi * mark < 2**192
    bound: int256 = convert(unsafe_div(unsafe_mul(fees, 10**28), unsafe_mul(oi, b.price)), int256)
    return self._with_premium(b.tail, unsafe_add(premium, max(min(step, bound), -bound)))


@internal
def _accrue(market: uint256):
    """
    @notice Pay the funding of a market up to the minute.
    """
    if not ledger._is_listed(market):
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    quote: uint256 = valuation._quotes(1 << market)[market]
    if not valuation._fresh(quote):
        refusal._because(refusal.TRADING_NO_FRESH_PRICE)
    b: ledger.Book = self._fold(ledger._load_book(market, quote & MASK_96))
    if b.changed == 1:
        ledger._store_side(b, True)
        ledger._store_side(b, False)
        ledger._store_book(b)
