# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Schedule
@license MIT
@notice Announced changes of single values and where each of them is at a time (MRG-5). What may be announced is in
        `announcements.vy`; this is what the margin formula reads.
@custom:security A value that moves early or in a jump makes a healthy account liquidatable without notice. Nothing
        here writes. Bounds: every value < 2**64, end - start < 2**24: the products are below 2**88.
"""

# what may change; the eight first ones are a market's, and their order is that of the pending bits
SIGMA: constant(uint256) = 0
DEPTH: constant(uint256) = 4
PENALTY_CAP: constant(uint256) = 6
SHARE: constant(uint256) = 7

# index what * 16 + market (market 0 for what holds for all); zero: none
#   to 64 (unit of the value) | start 40 << 64 (seconds) | end 40 << 104 (seconds)
changes: uint256[176]


@internal
@view
def _change(what: uint256, market: uint256) -> uint256:
    """
    @notice The word of a change. The caller has checked both.
    """
    return self.changes[self._index(what, market)]


@internal
@pure
def _index(what: uint256, market: uint256) -> uint256:
    return unsafe_add(unsafe_mul(what, 16), market)


@internal
@pure
def _span(change: uint256, time: uint256) -> (uint256, uint256):
    """
    @notice How far a change is at a time, as a fraction: seconds since its start, and seconds from start to end,
            zero and one before the start, one and one from the end on.
    """
    start: uint256 = (change >> 64) & (2**40 - 1)
    end: uint256 = change >> 104
    if time <= start:
        return 0, 1
    if time >= end:
        return 1, 1
    return unsafe_sub(time, start), unsafe_sub(end, start)


@internal
@view
def _value(what: uint256, market: uint256, base: uint256, time: uint256) -> uint256:
    """
    @notice Where a value is at a time: on the straight line from `base` to its announced end.
            Rounds against the account: up, but down where a smaller value asks for more (the depth) or lets a
            listing ask for less (penalty_cap and share).
    """
    change: uint256 = self.changes[unsafe_add(unsafe_mul(what, 16), market)]
    # nothing is announced, or it has not started
    if change == 0 or time <= (change >> 64) & (2**40 - 1):
        return base
    if time >= change >> 104:
        return change & (2**64 - 1)
    passed: uint256 = unsafe_sub(time, (change >> 64) & (2**40 - 1))
    whole: uint256 = unsafe_sub(change >> 104, (change >> 64) & (2**40 - 1))
    # base * (whole - passed) + to * passed, over whole; both terms are positive
    total: uint256 = unsafe_add(
        unsafe_mul(base, unsafe_sub(whole, passed)), unsafe_mul(change & (2**64 - 1), passed)
    )
    if what == DEPTH or what == PENALTY_CAP or what == SHARE:
        return unsafe_div(total, whole)
    return unsafe_div(unsafe_add(total, unsafe_sub(whole, 1)), whole)
