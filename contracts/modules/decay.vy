# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Decay
@license MIT
@notice An exponential decay in integers: what is left after so many 3,600ths of a half-life (docs/SPEC.md, section 1).
@dev Powers of one factor by repeated squaring, every product rounded up: the result is above the exact one by less than
     1e-14 of itself, so that splitting an interval changes next to nothing, and never in favour of whom the rest is kept
     from.
"""

# 40 half-lives
NOTHING_LEFT: constant(uint256) = 144_000
# 2**64 * 2**(-1 / 3,600), rounded up
FACTOR: constant(uint256) = 18_443_192_663_214_935_055


@internal
@pure
def _decay(n: uint256) -> uint256:
    """
    @param n 3,600ths of a half-life.
    @return 2**64 * 2**(-n / 3,600); 0 from 40 half-lives on.
    """
    if n >= NOTHING_LEFT:
        return 0
    d: uint256 = 2**64
    power: uint256 = FACTOR
    rest: uint256 = n
    for _: uint256 in range(18):
        if rest == 0:
            break
        # products < 2**128
        if rest & 1 == 1:
            d = unsafe_add(unsafe_mul(d, power), 2**64 - 1) >> 64
        power = unsafe_add(unsafe_mul(power, power), 2**64 - 1) >> 64
        rest >>= 1
    return d
