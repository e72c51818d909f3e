"""Units, constants and divisions that say which way they round (SPEC section 1)."""

from math import isqrt

WAD = 10**18
UNIT = 10**12  # fractions of the risk model
RHO = 10**4  # correlations
CONFIG = 10**5  # band and penalties of a market
EPOCH_MAX = 2**20 - 1  # a market that ended this often takes no new positions
CONFIG_TO_WAD = 10**13
FEE = 10**6  # fee rates

FUND = 1
TREASURY = 2
MARKETS = 16
MAX_HELD = 8

A_ONE = 10**18
A_MIN = 10**15
K0_MAX = 2**149
FIELD = 2**103  # cash, |pnl|, |basis|, OI and B stay below it (LED-9)
MAX_FILL = 2**96
MAX_CEILING = 89

TAU = 125 * 10**16
PENALTY_EQUITY_SHARE = 8 * 10**17
LIQUIDATOR_SHARE = 5 * 10**17
TREASURY_SHARE = 2 * 10**17
CHARGE_SHARE = 2
PROBE = 64
DAY = 86_400
BASEFEE_MAX = 10**15
GAP_STEP = 10**3  # granularity of a feed's allowed gap
SERIES_STEP = 10**6  # old shares in one of the next series; it starts below one over this (LIQ-8)
NOTICE = 7 * DAY  # from a request to its window, unless a fund is made with another one (LIQ-8)
WINDOW = DAY  # in which a request may be redeemed (LIQ-8)
NANO = 10**9  # granularity of the reward's amounts
VIRTUAL = 10**12  # virtual shares and assets of the fund (LIQ-8)
SHARES_MAX = 2**147  # shares of the fund that one call may make
CANCELLED = 2**256 - 1
SALT_BITS = 56
DUST_SHARE = 10**16  # a position below 1/DUST_SHARE of the open-interest cap is dust (LED-8)


def floor_div(a: int, b: int) -> int:
    """a/b toward minus infinity; b > 0."""
    return a // b


def ceil_div(a: int, b: int) -> int:
    """a/b toward plus infinity; b > 0."""
    return -(-a // b)


def sgn(a: int) -> int:
    """-1, 0 or 1."""
    return (a > 0) - (a < 0)


def sqrt_up(a: int) -> int:
    """The smallest r with r*r >= a; a >= 0."""
    root = isqrt(a)
    return root if root * root == a else root + 1
