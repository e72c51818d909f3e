# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Portfolio margin
@license MIT
@notice The margin formula (docs/SPEC.md, section 3) and the parameter words it reads.
        One leg costs two words (the market's and the globals), each further leg two (the market's and its
        correlation row).
@dev Storage for what comes later, so that nothing here moves: scheduled changes and the volatility of a market
     live in words of their own, in modules of their own, e.g. `targets: uint256[16]` (laid out like
     `market_words`: the end values), `schedules: uint256[16]` (start 40 | end 40 | start volatility 48 | ...) and
     `volatilities: uint256[16]`. Bit m of `scheduled` in `global_word`, which is read anyway, says that market m
     has such a change running, so that a market without one never reads them; `seen` in `_evaluate` is the mask to
     test. `market_words` holds the start values until a change is folded in.
@custom:security A margin that is too low lets an account leave its loss to others; one that reverts stops its
        liquidation. The bounds that make the unsafe arithmetic safe: |x| <= 2**101 (asserted), sigma < 2**43,
        f, g, lambda <= 1e12 < 2**40, depth >= 1, c <= 1e11 < 2**37, z <= 10e18 < 2**64, kappa <= 10e18 < 2**64,
        crowding <= 2**80 (asserted), at most 8 legs, UNIT = 1e12 > 2**39:
        y <= 5 * 2**101 < 2**104; x * sigma < 2**144; S <= RHO * (8 * 2**104)**2 < 2**228; sqrt(S) < 2**114;
        z * sqrt(S) < 2**178; x * x * lambda < 2**242; impact of a leg < 2**142.3; MM < 2**146;
        (crowding - 1e18) * alone < 2**223; kappa * (MM + surcharge) < 2**64 * (2**146 + 2**167) < 2**232.
"""
from ..interfaces import IRiskModel
from . import correlation

uses: correlation

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

MASK_16: constant(uint256) = 2**16 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_48: constant(uint256) = 2**48 - 1
MASK_64: constant(uint256) = 2**64 - 1

# hot, one word a market; zero: never set
#   sigma 48 (UNIT) | f 40 << 48 (UNIT) | g 40 << 88 (UNIT) | lambda 40 << 128 (UNIT)
#   | depth 48 << 168 (whole quote) | c 40 << 216 (1e-6 quote)
market_words: uint256[16]
# hot, z 64 (WAD) | kappa 64 << 64 (WAD) | scheduled 16 << 128 (bit per market with a scheduled change, zero so far)
#   | 112 bits free
global_word: uint256
# cold, one word a market: penalty_cap 40 (UNIT) | share 48 << 40 (UNIT) | 168 bits free
limit_words: uint256[16]


@internal
def _set_market(market: uint256, p: IRiskModel.Params):
    """
    @notice Store a market's parameters. The caller has checked every range.
    """
    self.market_words[market] = (
        p.sigma | p.f << 48 | p.g << 88 | p.lambda_ << 128 | p.depth << 168 | p.c << 216
    )
    self.limit_words[market] = p.penalty_cap | p.share << 40


@internal
def _set_globals(z: uint256, kappa: uint256):
    """
    @notice Store the globals, both in WAD; the map of scheduled changes stays. The caller has checked the ranges.
    """
    self.global_word = z | kappa << 64 | (self.global_word >> 128) << 128


@internal
@view
def _params(market: uint256) -> IRiskModel.Params:
    """
    @notice A market's parameters; all zero when it was never set.
    """
    word: uint256 = self.market_words[market]
    limits: uint256 = self.limit_words[market]
    return IRiskModel.Params(
        sigma=word & MASK_48,
        f=(word >> 48) & MASK_40,
        g=(word >> 88) & MASK_40,
        lambda_=(word >> 128) & MASK_40,
        depth=(word >> 168) & MASK_48,
        c=word >> 216,
        penalty_cap=limits & MASK_40,
        share=limits >> 40,
    )


@internal
@view
def _globals() -> IRiskModel.Globals:
    word: uint256 = self.global_word
    return IRiskModel.Globals(
        z=word & MASK_64, kappa=(word >> 64) & MASK_64, scheduled=(word >> 128) & MASK_16
    )


@internal
@view
def _evaluate(legs: DynArray[IRiskModel.Leg, 8]) -> IRiskModel.Breakdown:
    """
    @notice The margin of a portfolio. Every division rounds up and is written out, (a + b - 1) / b: seven calls of
            a helper would cost as much as a tenth of the whole.
    """
    word: uint256 = self.global_word
    z: uint256 = word & MASK_64
    kappa: uint256 = (word >> 64) & MASK_64
    # markets met so far, bit per market
    seen: uint256 = 0
    # legs with x != 0: how many, the signed y of each, and by how much a row is shifted left to bring the rho of
    # its market to the top; the y not filled yet are zero and add nothing below
    count: uint256 = 0
    ys: int256[8] = empty(int256[8])
    shifts: uint256[8] = empty(uint256[8])
    # S of the formula
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
        assert leg.market < MARKETS, "risk: market out of range"
        bit: uint256 = 1 << leg.market
        assert seen & bit == 0, "risk: market repeated"
        seen |= bit
        word = self.market_words[leg.market]
        assert word != 0, "risk: market not set"
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

        signed: int256 = convert(y, int256)
        if leg.notional < 0:
            signed = unsafe_sub(0, signed)
        if count == 0:
            s = unsafe_mul(RHO, unsafe_mul(signed, signed))
        else:
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
    elif s > 0:
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
