# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Portfolio margin
@license MIT
@notice The margin formula (docs/SPEC.md, section 3) and the parameter words it reads.
        One leg costs two words (the market's and the globals), each further leg two (the market's and its
        correlation row).
@dev The words hold what was before a change; announced changes are in `schedule.vy`. A bit in a word that is read
     anyway says that something is announced for what it holds, so that a portfolio for which nothing is announced
     reads nothing more (MRG-5).
@custom:security A margin that is too low lets an account leave its loss to others; one that reverts stops its
        liquidation. The bounds that make the unsafe arithmetic safe: |x| <= 2**101 (asserted), sigma < 2**43,
        f, g, lambda <= 1e12 < 2**40, depth >= 1, c <= 1e11 < 2**37, z <= 10e18 < 2**64, kappa <= 10e18 < 2**64,
        crowding <= 2**80 (asserted), at most 8 legs, UNIT = 1e12 > 2**39; values between two that are announced
        lie between them; a change of correlations lasts less than 2**24 s:
        y <= 5 * 2**101 < 2**104; x * sigma < 2**144; |S| <= RHO * (8 * 2**104)**2 < 2**228, between two matrices
        2**24 times that before it is divided; sqrt(S) < 2**114;
        z * sqrt(S) < 2**178; x * x * lambda < 2**242; impact of a leg < 2**142.3; MM < 2**146;
        (crowding - 1e18) * alone < 2**223; kappa * (MM + surcharge) < 2**64 * (2**146 + 2**167) < 2**232.
"""
from ..interfaces import IRiskModel
from . import correlation
from . import schedule

uses: correlation
uses: schedule

MARKETS: constant(uint256) = 16
WAD: constant(uint256) = 10**18
UNIT: constant(uint256) = 10**12
# correlation of one, 1e4
RHO: constant(int256) = 10**4
# z is in WAD and sqrt(RHO) is 100
ES_SCALE: constant(uint256) = 10**20
# depth is in whole quote, lambda in UNIT
IMPACT_SCALE: constant(uint256) = 10**30
# c is in 1e-6 quote
FIXED_SCALE: constant(uint256) = 10**12
NOTIONAL_MAX: constant(uint256) = 2**101
CROWDING_MAX: constant(uint256) = 2**80

# what may be announced, as in `announcements.vy`
SIGMA: constant(uint256) = 0
F: constant(uint256) = 1
C: constant(uint256) = 5
Z: constant(uint256) = 8
KAPPA: constant(uint256) = 9
CORRELATIONS: constant(uint256) = 10

# of `market_words`: a parameter of the hot word is announced
ANNOUNCED: constant(uint256) = 2**255
# of `global_word`
Z_ANNOUNCED: constant(uint256) = 2**128
KAPPA_ANNOUNCED: constant(uint256) = 2**129
RHO_ANNOUNCED: constant(uint256) = 2**130
# where f, g, lambda, depth and c stand in the hot word, a byte each from F on
SHIFTS: constant(uint256) = 48 << 8 | 88 << 16 | 128 << 24 | 168 << 32 | 216 << 40

MASK_8: constant(uint256) = 2**8 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_48: constant(uint256) = 2**48 - 1
MASK_64: constant(uint256) = 2**64 - 1

# hot, one word a market; zero: never set
#   sigma 48 (UNIT) | f 40 << 48 (UNIT) | g 40 << 88 (UNIT) | lambda 40 << 128 (UNIT)
#   | depth 48 << 168 (whole quote) | c 39 << 216 (1e-6 quote) | announced 1 << 255
market_words: uint256[16]
# hot, z 64 (WAD) | kappa 64 << 64 (WAD) | announced: z 1 << 128, kappa 1 << 129, correlations 1 << 130
#   | 125 bits free
global_word: uint256
# cold, one word a market: penalty_cap 48 (UNIT) | share 48 << 48 (UNIT) | floor of sigma 48 << 96 (UNIT)
#   | announced 8 << 144 (bit per parameter, the order of `schedule.changes`) | 104 bits free
limit_words: uint256[16]


@internal
def _set_market(market: uint256, p: IRiskModel.Params):
    """
    @notice Store a market's parameters; its sigma is the floor. The caller has checked every range.
    """
    self.market_words[market] = (
        p.sigma | p.f << 48 | p.g << 88 | p.lambda_ << 128 | p.depth << 168 | p.c << 216
    )
    self.limit_words[market] = p.penalty_cap | p.share << 48 | p.sigma << 96


@internal
def _set_globals(z: uint256, kappa: uint256):
    """
    @notice Store the globals, both in WAD; what is announced stays. The caller has checked the ranges.
    """
    self.global_word = z | kappa << 64 | (self.global_word >> 128) << 128


@internal
def _set_sigma(market: uint256, sigma: uint256):
    """
    @notice Store the volatility that holds from now on, UNIT. The caller has checked the range.
    """
    word: uint256 = self.market_words[market]
    if word & MASK_48 != sigma:
        self.market_words[market] = (word >> 48) << 48 | sigma


@internal
@view
def _base(what: uint256, market: uint256) -> uint256:
    """
    @notice The value of a parameter before what is announced for it; the floor for sigma. The caller has checked
            both.
    """
    if what >= Z:
        return (self.global_word >> (64 * (what - Z))) & MASK_64
    if what >= F and what <= C:
        return ((self.market_words[market] & ~ANNOUNCED) >> self._place(what)) & MASK_40
    return (self.limit_words[market] >> self._place(what)) & MASK_48


@internal
def _rebase(what: uint256, market: uint256, target: uint256):
    """
    @notice Store the value of a parameter. The caller has checked the range.
    """
    place: uint256 = 0
    if what >= Z:
        place = 64 * (what - Z)
        self.global_word = (self.global_word & ~(MASK_64 << place)) | target << place
        return
    place = self._place(what)
    if what >= F and what <= C:
        word: uint256 = self.market_words[market]
        self.market_words[market] = (word & ~(MASK_40 << place)) | target << place
        return
    self.limit_words[market] = (self.limit_words[market] & ~(MASK_48 << place)) | target << place
    if what == SIGMA:
        # sigma is above its floor or on it
        self._set_sigma(market, max(self.market_words[market] & MASK_48, target))


@internal
def _flag(what: uint256, market: uint256, announced: bool):
    """
    @notice Note that a parameter has an announced change, or has none any more.
    """
    bit: uint256 = 0
    if what >= Z:
        bit = Z_ANNOUNCED << (what - Z)
        self.global_word = self.global_word & ~bit
        if announced:
            self.global_word |= bit
        return
    bit = 1 << (144 + what)
    limits: uint256 = self.limit_words[market] & ~bit
    if announced:
        limits |= bit
    self.limit_words[market] = limits
    word: uint256 = self.market_words[market] & ~ANNOUNCED
    if (limits >> 144) & 63 != 0:
        word |= ANNOUNCED
    self.market_words[market] = word


@internal
@pure
def _place(what: uint256) -> uint256:
    # the cold word: penalty_cap (6), share (7) and the floor (0)
    if what == SIGMA:
        return 96
    if what > C:
        return 48 * (what - 6)
    return (SHIFTS >> (8 * what)) & MASK_8


@internal
@view
def _params(market: uint256, time: uint256) -> IRiskModel.Params:
    """
    @notice A market's parameters at a time; all zero when it was never set.
    """
    word: uint256 = self.market_words[market]
    if word >= ANNOUNCED:
        word = self._word(market, word, time)
    return IRiskModel.Params(
        sigma=word & MASK_48,
        f=(word >> 48) & MASK_40,
        g=(word >> 88) & MASK_40,
        lambda_=(word >> 128) & MASK_40,
        depth=(word >> 168) & MASK_48,
        c=word >> 216,
        penalty_cap=schedule._value(6, market, self._base(6, market), time),
        share=schedule._value(7, market, self._base(7, market), time),
    )


@internal
@view
def _floor(market: uint256, time: uint256) -> uint256:
    """
    @notice The floor of sigma at a time, UNIT.
    """
    return schedule._value(SIGMA, market, self._base(SIGMA, market), time)


@internal
@view
def _word(market: uint256, word: uint256, time: uint256) -> uint256:
    """
    @notice The hot word at a time, without the mark, of a market for which something is announced.
    """
    made: uint256 = word & ~ANNOUNCED
    limits: uint256 = self.limit_words[market]
    if (limits >> 144) & 1 != 0:
        made = (made >> 48) << 48 | max(
            made & MASK_48, schedule._value(SIGMA, market, (limits >> 96) & MASK_48, time)
        )
    for what: uint256 in range(F, C + 1):
        if (limits >> unsafe_add(144, what)) & 1 != 0:
            place: uint256 = (SHIFTS >> unsafe_mul(8, what)) & MASK_8
            made = (made & ~(MASK_40 << place)) | schedule._value(
                what, market, (made >> place) & MASK_40, time
            ) << place
    return made


@internal
@view
def _globals(time: uint256) -> (uint256, uint256):
    """
    @notice z and kappa at a time, WAD.
    """
    return (
        schedule._value(Z, 0, self._base(Z, 0), time),
        schedule._value(KAPPA, 0, self._base(KAPPA, 0), time),
    )


@internal
@view
def _scheduled() -> uint256:
    """
    @notice For what something is announced: bit per market, 16 z, 17 kappa, 18 correlations.
    """
    found: uint256 = (self.global_word >> 128) << 16
    for market: uint256 in range(MARKETS):
        if self.limit_words[market] >> 144 != 0:
            found |= 1 << market
    return found


@internal
@view
def _evaluate(legs: DynArray[IRiskModel.Leg, 8], time: uint256) -> IRiskModel.Breakdown:
    """
    @notice The margin of a portfolio at a time, by what is announced now. Every division rounds up and is written
            out, (a + b - 1) / b: seven calls of a helper would cost as much as a tenth of the whole.
    """
    word: uint256 = self.global_word
    z: uint256 = word & MASK_64
    # with the marks of what is announced above it
    kappa: uint256 = word >> 64
    blends: bool = False
    if kappa > MASK_64:
        blends = word & RHO_ANNOUNCED != 0
        z = schedule._value(Z, 0, z, time)
        kappa = schedule._value(KAPPA, 0, kappa & MASK_64, time)
    # markets not met so far, bit per market
    left: uint256 = 2**MARKETS - 1
    # legs with x != 0: how many, the signed y of each, and by how much a row is shifted left to bring the rho of
    # its market to the top; the y not filled yet are zero and add nothing below
    count: uint256 = 0
    ys: int256[8] = empty(int256[8])
    shifts: uint256[8] = empty(uint256[8])
    # S of the formula, at first without the square of the first leg: one leg alone needs no S
    s: int256 = 0
    # numerators of floor and gap, UNIT * WAD
    floors: uint256 = 0
    gaps: uint256 = 0
    impacts: uint256 = 0
    # in 1e-6 quote
    fixed: uint256 = 0
    surcharge: uint256 = 0
    y: uint256 = 0

    for leg: IRiskModel.Leg in legs:
        bit: uint256 = 1 << leg.market
        if left & bit == 0:
            assert leg.market < MARKETS, "risk: market out of range"
            raise "risk: market repeated"
        left ^= bit
        word = self.market_words[leg.market]
        # zero, or the mark of an announced change: one comparison for both
        if unsafe_sub(word, 1) >= ANNOUNCED - 1:
            assert word != 0, "risk: market not set"
            word = self._word(leg.market, word, time)
        # bits of the notional; below zero its magnitude, which is 2**255 and so refused for the smallest int256
        x: uint256 = convert(convert(leg.notional, bytes32), uint256)
        if leg.notional < 0:
            x = unsafe_sub(0, x)
        assert x <= NOTIONAL_MAX, "risk: notional too large"
        if x == 0:
            continue

        y = unsafe_div(unsafe_add(unsafe_mul(x, word & MASK_48), UNIT - 1), UNIT)
        floored: uint256 = unsafe_mul(x, (word >> 48) & MASK_40)
        floors = unsafe_add(floors, floored)
        gapped: uint256 = unsafe_mul(x, (word >> 88) & MASK_40)
        if gapped > gaps:
            gaps = gapped
        depth: uint256 = unsafe_mul((word >> 168) & MASK_48, IMPACT_SCALE)
        impact: uint256 = unsafe_div(
            unsafe_add(unsafe_mul(unsafe_mul(x, x), (word >> 128) & MASK_40), unsafe_sub(depth, 1)),
            depth,
        )
        impacts = unsafe_add(impacts, impact)
        fixed = unsafe_add(fixed, word >> 216)

        if leg.crowding != WAD:
            assert (
                leg.crowding > WAD and leg.crowding <= CROWDING_MAX
            ), "risk: crowding out of range"
            # MM of this leg alone: its S is RHO * y * y, the root of that 100 * y
            alone: uint256 = max(
                unsafe_div(unsafe_add(unsafe_mul(z, y), WAD - 1), WAD),
                unsafe_div(unsafe_add(max(floored, gapped), UNIT - 1), UNIT),
            )
            alone = unsafe_add(alone, unsafe_add(impact, unsafe_mul(word >> 216, FIXED_SCALE)))
            surcharge = unsafe_add(
                surcharge,
                unsafe_div(
                    unsafe_add(unsafe_mul(unsafe_sub(leg.crowding, WAD), alone), WAD - 1), WAD
                ),
            )
        # its bits: it is far below 2**255
        signed: int256 = convert(convert(y, bytes32), int256)
        if leg.notional < 0:
            signed = unsafe_sub(0, signed)
        if count != 0:
            row: int256 = correlation.rows[leg.market]
            # sum of rho * y over the legs before; the shifts right are arithmetic: they extend the sign of 16 bits
            cross: int256 = unsafe_add(
                unsafe_add(
                    unsafe_mul((row << shifts[0]) >> 240, ys[0]),
                    unsafe_mul((row << shifts[1]) >> 240, ys[1]),
                ),
                unsafe_mul((row << shifts[2]) >> 240, ys[2]),
            )
            if count > 3:
                cross = unsafe_add(
                    unsafe_add(
                        unsafe_add(cross, unsafe_mul((row << shifts[3]) >> 240, ys[3])),
                        unsafe_mul((row << shifts[4]) >> 240, ys[4]),
                    ),
                    unsafe_add(
                        unsafe_mul((row << shifts[5]) >> 240, ys[5]),
                        unsafe_mul((row << shifts[6]) >> 240, ys[6]),
                    ),
                )
            s = unsafe_add(
                s, unsafe_mul(signed, unsafe_add(unsafe_mul(RHO, signed), unsafe_mul(2, cross)))
            )
        ys[count] = signed
        shifts[count] = unsafe_sub(240, unsafe_mul(leg.market, 16))
        count = unsafe_add(count, 1)

    if count == 0:
        return empty(IRiskModel.Breakdown)
    es: uint256 = 0
    if count == 1:
        # the root of RHO * y * y is 100 * y: no search for it, and one factor of 100 less
        es = unsafe_div(unsafe_add(unsafe_mul(z, y), WAD - 1), WAD)
    else:
        s = unsafe_add(s, unsafe_mul(RHO, unsafe_mul(ys[0], ys[0])))
        if blends:
            # between the S of the old matrix and that of the new one: both matrices are positive semi-definite, so
            # is every mixture, and it is exact: no entry is rounded
            passed: uint256 = 0
            whole: uint256 = 0
            passed, whole = schedule._span(schedule._change(CORRELATIONS, 0), time)
            s = unsafe_mul(s, convert(unsafe_sub(whole, passed), int256))
            # the S of the new matrix, leg by leg, times its weight
            for i: uint256 in range(count, bound=8):
                cross: int256 = 0
                for j: uint256 in range(i, bound=8):
                    cross = unsafe_add(
                        cross,
                        unsafe_mul(
                            (
                                correlation.targets[unsafe_div(unsafe_sub(240, shifts[i]), 16)]
                                << shifts[j]
                            )
                            >> 240,
                            ys[j],
                        ),
                    )
                s = unsafe_add(
                    s,
                    unsafe_mul(
                        convert(passed, int256),
                        unsafe_mul(ys[i], unsafe_add(unsafe_mul(RHO, ys[i]), unsafe_mul(2, cross))),
                    ),
                )
            # a sum below zero stays there; rounds up
            if s > 0:
                s = unsafe_div(
                    unsafe_add(s, convert(unsafe_sub(whole, 1), int256)), convert(whole, int256)
                )
        if s > 0:
            square: uint256 = convert(s, uint256)
            root: uint256 = isqrt(square)
            if unsafe_mul(root, root) < square:
                root = unsafe_add(root, 1)
            es = unsafe_div(unsafe_add(unsafe_mul(z, root), ES_SCALE - 1), ES_SCALE)
    floors = unsafe_div(unsafe_add(floors, UNIT - 1), UNIT)
    gaps = unsafe_div(unsafe_add(gaps, UNIT - 1), UNIT)
    fixed = unsafe_mul(fixed, FIXED_SCALE)
    mm: uint256 = unsafe_add(max(es, max(floors, gaps)), unsafe_add(impacts, fixed))
    return IRiskModel.Breakdown(
        es=es,
        floor=floors,
        gap=gaps,
        impact=impacts,
        fixed=fixed,
        mm=mm,
        surcharge=surcharge,
        im=unsafe_div(unsafe_add(unsafe_mul(kappa, unsafe_add(mm, surcharge)), WAD - 1), WAD),
    )
