# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Volatility
@license MIT
@notice The volatility of a market as its oracle shows it (MRG-4): an average of squared log returns, weighted by
        time, and the hourly limit within which sigma follows it. Definitions are in docs/SPEC.md, section 3.
@custom:security Whoever chooses when to observe chooses which prices count: an average over a real path, never
        anything between two observed prices. The limit bounds what that can do to sigma in an hour, up and down.
        Nothing here can overflow: prices < 2**96, so |ln| <= 67 (1e27: < 2**96); its square at 1e30 < 2**112.1 and
        over 60 seconds at least < 2**107; elapsed seconds < 2**40, weights <= 1e27 < 2**90, so
        weight * variance * elapsed < 2**237; variance * period < 2**129; b * root < 2**44 * 2**65.
"""
from ..interfaces import IRiskModel
from . import refusal_text

UNIT: constant(uint256) = 10**12
# scale of logarithms and weights
FINE: constant(uint256) = 10**27
# ln 2, 1e27, rounded down
LN_2: constant(uint256) = 693_147_180_559_945_309_417_232_121
# 2**-90 is below 1e-27
HALVINGS: constant(uint256) = 90
# square of a logarithm to the scale of the variance, 1e30
SQUARE_SCALE: constant(uint256) = 10**24
# root of the variance's scale
ROOT_SCALE: constant(uint256) = 10**15

MIN_INTERVAL: constant(uint256) = 60
HOUR: constant(uint256) = 3_600

MASK_32: constant(uint256) = 2**32 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_48: constant(uint256) = 2**48 - 1
MASK_96: constant(uint256) = 2**96 - 1

# of a market without settings: sigma goes to its floor, by at most a quarter an hour
#   b 0 | tau one day | period one hour | cap 5e12 | speed 0.25e12, as in `settings`
DEFAULTS: constant(uint256) = (
    86_400 << 48 | 3_600 << 80 | 5 * 10**12 << 112 | 25 * 10**10 << 160
)

# one word a market; zero: never observed
#   price 96 (WAD) | time 40 << 96 (seconds) | variance 112 << 136 (1e30, per second)
observations: uint256[16]
# one word a market: sigma at the start of the running hour 48 (UNIT) | its time 40 << 48 (seconds)
anchors: uint256[16]
# one word a market; zero: the defaults
#   b 48 (UNIT) | tau 32 << 48 (s) | period 32 << 80 (s) | cap 48 << 112 (UNIT) | speed 48 << 160 (UNIT an hour)
settings: uint256[16]
# one word a market; zero: none. The announced settings, laid out alike | start 40 << 208 (seconds)
announced: uint256[16]


@internal
@view
def _word(market: uint256, time: uint256) -> uint256:
    """
    @notice The settings that hold at a time, packed.
    """
    following: uint256 = self.announced[market]
    if following != 0 and time >= following >> 208:
        return following & (2**208 - 1)
    word: uint256 = self.settings[market]
    if word == 0:
        return DEFAULTS
    return word


@internal
@pure
def _pack(s: IRiskModel.Settings) -> uint256:
    """
    @notice Settings as they are stored; every value is checked against its range. Never zero.
    """
    if s.b > 10 * UNIT:
        refusal_text._because("risk: b out of range")
    if s.tau < HOUR or s.tau > 90 * 86_400:
        refusal_text._because("risk: tau out of range")
    if s.period < 60 or s.period > 30 * 86_400:
        refusal_text._because("risk: period out of range")
    if s.cap < 10**9 or s.cap > 5 * UNIT:
        refusal_text._because("risk: cap out of range")
    if s.speed < 10**9 or s.speed > UNIT:
        refusal_text._because("risk: speed out of range")
    return s.b | s.tau << 48 | s.period << 80 | s.cap << 112 | s.speed << 160


@internal
@pure
def _unpack(word: uint256) -> IRiskModel.Settings:
    return IRiskModel.Settings(
        b=word & MASK_48,
        tau=(word >> 48) & MASK_32,
        period=(word >> 80) & MASK_32,
        cap=(word >> 112) & MASK_48,
        speed=(word >> 160) & MASK_48,
    )


@internal
def _observe(market: uint256, price: uint256, sigma: uint256, lowest: uint256) -> uint256:
    """
    @notice Fold a price into the variance and move sigma.
    @param price WAD, fresh.
    @param sigma What holds now, UNIT, at least `lowest`.
    @param lowest Of now, UNIT.
    @return The sigma that holds from now on.
    """
    if self.announced[market] != 0 and block.timestamp >= self.announced[market] >> 208:
        self._apply(market)
    before: uint256 = self.observations[market]
    if before == 0:
        self.observations[market] = price | block.timestamp << 96
        self.anchors[market] = sigma | block.timestamp << 48
        log IRiskModel.Observed(market=market, price=price, variance=0, sigma=sigma)
        return sigma
    elapsed: uint256 = unsafe_sub(block.timestamp, (before >> 96) & MASK_40)
    # so that calls in one block, or in a row, add nothing
    if elapsed < MIN_INTERVAL:
        refusal_text._because("risk: observed too recently")
    s: IRiskModel.Settings = self._unpack(self._word(market, block.timestamp))
    variance: uint256 = self._average(
        before >> 136, before & MASK_96, price, elapsed, self._decay(elapsed, s.tau)
    )
    self.observations[market] = price | block.timestamp << 96 | variance << 136

    anchor: uint256 = self.anchors[market]
    if block.timestamp > unsafe_add(anchor >> 48, HOUR):
        anchor = sigma | block.timestamp << 48
        self.anchors[market] = anchor
    moved: uint256 = self._limited(
        anchor & MASK_48, min(self._sigma(variance, s.b, s.period), s.cap), s.speed, lowest
    )
    log IRiskModel.Observed(market=market, price=price, variance=variance, sigma=moved)
    return moved


@internal
def _apply(market: uint256):
    """
    @notice Put announced settings, whose time has come, in the place of the old ones.
    """
    word: uint256 = self.announced[market] & (2**208 - 1)
    self.settings[market] = word
    self.announced[market] = 0
    log IRiskModel.VolatilityUpdated(market=market, settings=self._unpack(word))


@internal
@pure
def _average(
    variance: uint256, old: uint256, price: uint256, elapsed: uint256, weight: uint256
) -> uint256:
    """
    @notice weight * variance + (1 - weight) * ln(price/old)**2 / elapsed, 1e30 per second.
    """
    r: uint256 = self._log(price, old)
    # rounds up, both times: a higher variance asks for more
    square: uint256 = self._ceil_div(unsafe_mul(r, r), SQUARE_SCALE)
    return self._ceil_div(
        unsafe_add(
            unsafe_mul(unsafe_mul(weight, variance), elapsed),
            unsafe_mul(unsafe_sub(FINE, weight), square),
        ),
        unsafe_mul(FINE, elapsed),
    )


@internal
@pure
def _sigma(variance: uint256, b: uint256, period: uint256) -> uint256:
    """
    @notice b * sqrt(variance * period) in UNIT, rounded up.
    """
    square: uint256 = unsafe_mul(variance, period)
    root: uint256 = isqrt(square)
    if unsafe_mul(root, root) < square:
        root = unsafe_add(root, 1)
    return self._ceil_div(unsafe_mul(b, root), ROOT_SCALE)


@internal
@pure
def _limited(anchor: uint256, target: uint256, speed: uint256, lowest: uint256) -> uint256:
    """
    @notice The sigma nearest to the target that the hourly limit allows, and the floor if that is higher.
    @dev With L = speed / UNIT: within an anchor's time sigma stays between anchor / w and anchor * w,
         w = (3 + 2L) / (3 + L), both rounded inward. An anchor lasts more than an hour, so an hour meets two at most,
         and the second one lies within the first one's bounds: from the lowest sigma of the first to the highest of
         the second it is w**3 at most, and w**3 <= 1 + L, since (1 + L)(3 + L)**3 - (3 + 2L)**3 = 2L**3 + L**4.
    """
    narrow: uint256 = unsafe_add(3 * UNIT, speed)
    wide: uint256 = unsafe_add(narrow, speed)
    low: uint256 = self._ceil_div(unsafe_mul(anchor, narrow), wide)
    high: uint256 = unsafe_div(unsafe_mul(anchor, wide), narrow)
    return max(lowest, max(low, min(target, high)))


@internal
@pure
def _log(a: uint256, b: uint256) -> uint256:
    """
    @notice |ln(a/b)| at 1e27, for a and b from 1 to 2**96.
    @dev a/b is halved into [1, 2]; then ln(q) = 2 * (z + z**3/3 + z**5/5 + ...), z = (q - 1)/(q + 1) <= 1/3. Every
         division rounds down: the result is too small by at most 1e-25.
    """
    high: uint256 = max(a, b)
    low: uint256 = min(a, b)
    total: uint256 = 0
    for _: uint256 in range(96):
        if high <= unsafe_mul(2, low):
            break
        low = unsafe_mul(2, low)
        total = unsafe_add(total, LN_2)
    term: uint256 = unsafe_div(unsafe_mul(unsafe_sub(high, low), FINE), unsafe_add(high, low))
    square: uint256 = unsafe_div(unsafe_mul(term, term), FINE)
    # 1/3 * 1/9**29 is below 1e-27
    for n: uint256 in range(30):
        if term == 0:
            break
        total = unsafe_add(total, unsafe_mul(2, unsafe_div(term, unsafe_add(unsafe_mul(2, n), 1))))
        term = unsafe_div(unsafe_mul(term, square), FINE)
    return total


@internal
@pure
def _decay(elapsed: uint256, tau: uint256) -> uint256:
    """
    @notice exp(-elapsed/tau) at 1e27.
    @dev 2**-k * exp(-f) with f < ln 2, by the series of the exponential. Every division rounds down: the result is
         off by at most 1e-25.
    """
    x: uint256 = unsafe_div(unsafe_mul(elapsed, FINE), tau)
    halvings: uint256 = unsafe_div(x, LN_2)
    if halvings >= HALVINGS:
        return 0
    f: uint256 = x % LN_2
    plus: uint256 = 0
    minus: uint256 = 0
    term: uint256 = FINE
    # f**n / n! is below 1e-27 from n = 25 on
    for n: uint256 in range(30):
        if term == 0:
            break
        if n & 1 == 0:
            plus = unsafe_add(plus, term)
        else:
            minus = unsafe_add(minus, term)
        term = unsafe_div(unsafe_mul(term, f), unsafe_mul(unsafe_add(n, 1), FINE))
    return unsafe_sub(plus, minus) >> halvings


@internal
@pure
def _ceil_div(a: uint256, b: uint256) -> uint256:
    # rounds up; b > 0, a + b in range
    return unsafe_div(unsafe_add(a, unsafe_sub(b, 1)), b)
