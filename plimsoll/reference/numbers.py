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
HALVINGS_MAX = 15  # of a market's caps on new risk

TAU = 125 * 10**16
PENALTY_EQUITY_SHARE = 8 * 10**17
LIQUIDATOR_SHARE = 5 * 10**17
TREASURY_SHARE = 2 * 10**17
CHARGE_SHARE = 2
PROBE = 64
DAY = 86_400
DELISTING_HORIZON = 180 * DAY  # a market's end is announced for at most this far ahead (LIQ-9)
AVERAGE_SPAN = 7_200  # seconds that the average of a final price may reach back
FINAL_SHARE = 10  # the final price of a dead feed is within one over this of the last good one
BASEFEE_MAX = 10**15
GAP_STEP = 10**3  # granularity of a feed's allowed gap
DIVERGENCE = 10**9  # unit of a reference feed's largest divergence
GRACE_MAX = DAY  # of a sequencer feed
SAMPLE_SPAN = 900  # a checkpoint's price counts for at most this long in an average
BUCKET = 600  # the first checkpoint in each is a point of the averages
POINTS = 8  # of them are kept
HOUR = 3_600
SERIES_STEP = 10**6  # old shares in one of the next series; it starts below one over this (LIQ-8)
NOTICE = 7 * DAY  # from a request to its window, unless a fund is made with another one (LIQ-8)
REDEEM_WINDOW = DAY  # in which a request may be redeemed (LIQ-8)
NANO = 10**9  # granularity of the reward's amounts
VIRTUAL = 10**12  # virtual shares and assets of the fund (LIQ-8)
SHARES_MAX = 2**147  # shares of the fund that one call may make
CANCELLED = 2**256 - 1
SALT_BITS = 56
DUST_SHARE = 10**16  # a position below 1/DUST_SHARE of the open-interest cap is dust (LED-8)

Q = 2**40 - 1  # unit of a reserve as a fraction of pnl (LED-4)
RESERVE_DUST = 10**12  # WAD, a reserve of at most this has matured
HALF_LIFE = 3_600  # seconds, of a reserve
FORGOTTEN = 144_000  # seconds, after 40 half-lives nothing is left
DECAY_ONE = 2**64
DECAY_SECOND = 18_443_192_663_214_935_055  # 2**64 * 2**(-1/3600), rounded up
PREMIUM_UNIT = 10**10
PREMIUM_MAX = 75 * 10**6
MINUTE = 60  # seconds, a premium is folded once in it
PREMIUM_PACE = 10  # a premium decays in a minute as a reserve does in so many seconds
MINUTES = 2**18  # minutes are counted modulo this
BUCKETS = 64  # steps of crowding (MRG-5)
SYNC_BITS = 11  # of a price, kept as the sync mark (TRD-4)
SYNC_EXPONENT_BITS = 7
WIDTH_UNIT = 500  # the width is in 1/500
BLOCKS = 255  # block numbers are counted modulo this, plus one
SYNC_WAIT = 2  # blocks
CURE = 300  # seconds
VOID = 3_600  # seconds
PSI = 7 * 10**17
CRITICAL = 10**17
WINDOW = 600  # seconds
WINDOW_UNIT = 16  # a market's share of takeovers is in parts of this
REWARD_SHARE = 2_000
FREEZE = 86_400  # seconds
TOKENS = 8  # collateral tokens in a vault (LIQ-7)
SALE = 600  # seconds, over it the discount of a sale grows
PATIENCE = 3_600  # seconds, arrears older than it let collateral be sold
HAIRCUT_MIN, HAIRCUT_MAX = 5_000, 95_000  # CONFIG
HAIRCUT_STEP = 10_000  # CONFIG, a haircut changes by at most this at a time


def floor_div(a: int, b: int) -> int:
    """a/b toward minus infinity; b > 0."""
    return a // b


def ceil_div(a: int, b: int) -> int:
    """a/b toward plus infinity; b > 0."""
    return -(-a // b)


def trunc_div(a: int, b: int) -> int:
    """a/b toward zero; b > 0."""
    return sgn(a) * (abs(a) // b)


def clamp(a: int, most: int) -> int:
    """`a` within -most and most."""
    return max(-most, min(a, most))


def sgn(a: int) -> int:
    """-1, 0 or 1."""
    return (a > 0) - (a < 0)


def sqrt_up(a: int) -> int:
    """The smallest r with r*r >= a; a >= 0."""
    root = isqrt(a)
    return root if root * root == a else root + 1


def decay(seconds: int) -> int:
    """2**64 * 2**(-seconds/3600) by repeated squaring, rounded up; 0 after 40 half-lives."""
    if seconds >= FORGOTTEN:
        return 0
    left, power = DECAY_ONE, DECAY_SECOND
    while seconds:
        if seconds & 1:
            left = ceil_div(left * power, DECAY_ONE)
        power = ceil_div(power * power, DECAY_ONE)
        seconds >>= 1
    return left


def sync_code(price: int) -> int:
    """TRD-4: a price cut to its 11 highest bits: the exponent in the low 7 bits, then those."""
    exponent = max(0, price.bit_length() - SYNC_BITS)
    return exponent | price >> exponent << SYNC_EXPONENT_BITS


def sync_price(code: int) -> int:
    """The price that a code stands for."""
    exponent = code & (1 << SYNC_EXPONENT_BITS) - 1
    return code >> SYNC_EXPONENT_BITS << exponent
