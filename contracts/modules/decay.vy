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
# 2**64 * 2**(-1 / 3,600), rounded up, and its powers by squaring, each rounded up
FACTOR_0: constant(uint256) = 18_443_192_663_214_935_055
FACTOR_1: constant(uint256) = 18_439_641_936_446_208_054
FACTOR_2: constant(uint256) = 18_432_542_533_559_918_016
FACTOR_3: constant(uint256) = 18_418_351_926_707_879_687
FACTOR_4: constant(uint256) = 18_390_003_479_234_327_381
FACTOR_5: constant(uint256) = 18_333_437_413_936_097_058
FACTOR_6: constant(uint256) = 18_220_826_725_175_072_536
FACTOR_7: constant(uint256) = 17_997_676_187_312_704_964
FACTOR_8: constant(uint256) = 17_559_540_418_030_246_072
FACTOR_9: constant(uint256) = 16_715_007_182_860_137_500
FACTOR_10: constant(uint256) = 15_145_841_673_016_809_446
FACTOR_11: constant(uint256) = 12_435_610_266_368_382_873
FACTOR_12: constant(uint256) = 8_383_289_868_340_894_479
FACTOR_13: constant(uint256) = 3_809_861_986_256_429_491
FACTOR_14: constant(uint256) = 786_862_347_974_391_323
FACTOR_15: constant(uint256) = 33_564_316_401_082_023
FACTOR_16: constant(uint256) = 61_071_120_788_060
FACTOR_17: constant(uint256) = 202_186_456
ONE_LESS: constant(uint256) = 2**64 - 1


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
    # products < 2**128
    if n & 1 != 0:
        d = unsafe_add(unsafe_mul(d, FACTOR_0), ONE_LESS) >> 64
    if n & 2 != 0:
        d = unsafe_add(unsafe_mul(d, FACTOR_1), ONE_LESS) >> 64
    if n & 4 != 0:
        d = unsafe_add(unsafe_mul(d, FACTOR_2), ONE_LESS) >> 64
    if n & 8 != 0:
        d = unsafe_add(unsafe_mul(d, FACTOR_3), ONE_LESS) >> 64
    if n & 16 != 0:
        d = unsafe_add(unsafe_mul(d, FACTOR_4), ONE_LESS) >> 64
    if n & 32 != 0:
        d = unsafe_add(unsafe_mul(d, FACTOR_5), ONE_LESS) >> 64
    if n >= 64:
        if n & 64 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_6), ONE_LESS) >> 64
        if n & 128 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_7), ONE_LESS) >> 64
        if n & 256 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_8), ONE_LESS) >> 64
        if n & 512 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_9), ONE_LESS) >> 64
        if n & 1_024 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_10), ONE_LESS) >> 64
        if n & 2_048 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_11), ONE_LESS) >> 64
    if n >= 4_096:
        if n & 4_096 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_12), ONE_LESS) >> 64
        if n & 8_192 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_13), ONE_LESS) >> 64
        if n & 16_384 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_14), ONE_LESS) >> 64
        if n & 32_768 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_15), ONE_LESS) >> 64
        if n & 65_536 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_16), ONE_LESS) >> 64
        if n & 131_072 != 0:
            d = unsafe_add(unsafe_mul(d, FACTOR_17), ONE_LESS) >> 64
    return d
