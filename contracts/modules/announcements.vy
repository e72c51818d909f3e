# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Announcements
@license MIT
@notice How a risk parameter of a market that has been set, or of all markets, changes (MRG-5): it is announced a day
        ahead at least, moves in a straight line from its start to its end, by a bounded step, and stands then until
        the next one. One change a parameter at a time.
@custom:security Whoever may announce can raise the margin of others by bounded steps that all of them see a day
        ahead. A change that has started can be neither stopped nor replaced: either would be a jump. What is written
        here has no effect before the start that it names.
"""
from ..interfaces import IRiskModel
from . import correlation
from . import portfolio_margin
from . import refusal_text
from . import schedule
from . import volatility

uses: correlation
uses: portfolio_margin
uses: schedule
uses: volatility

MARKETS: constant(uint256) = 16
WAD: constant(uint256) = 10**18
UNIT: constant(uint256) = 10**12

# seconds from an announcement to its start, at least
MIN_LEAD: constant(uint256) = 86_400
# seconds from start to end, at least: what a margin can move in a second is bounded
MIN_DURATION: constant(uint256) = 3_600
# seconds from an announcement to its end, at most; below 2**24
MAX_AHEAD: constant(uint256) = 180 * 86_400
# largest step of a correlation, 1e4
RHO_STEP: constant(int256) = 5_000

# what may change; the index of `schedule.changes` is what * 16 + market
SIGMA: constant(uint256) = 0
F: constant(uint256) = 1
G: constant(uint256) = 2
IMPACT: constant(uint256) = 3
DEPTH: constant(uint256) = 4
C: constant(uint256) = 5
PENALTY_CAP: constant(uint256) = 6
SHARE: constant(uint256) = 7
Z: constant(uint256) = 8
KAPPA: constant(uint256) = 9
CORRELATIONS: constant(uint256) = 10
VOLATILITY: constant(uint256) = 11


@internal
def _announce(what: uint256, market: uint256, target: uint256, start: uint256, end: uint256):
    """
    @notice Announce a change of one value. The caller of the contract has been checked.
    """
    if what > KAPPA:
        refusal_text._because("risk: no such parameter")
    self._check_market(what, market)
    self._check_range(what, target)
    self._check_times(start, end)
    change: uint256 = schedule._change(what, market)
    if change != 0 and block.timestamp >= change >> 104:
        self._fold(what, market)
        change = 0
    if change != 0:
        refusal_text._because("risk: change is pending")
    # from a value that may be zero a step of the size that makes no difference is allowed
    least: uint256 = 0
    if what == G or what == IMPACT:
        least = 10**10
    elif what == C:
        least = 10**7
    self._check_step(portfolio_margin._base(what, market), target, least)
    schedule.changes[schedule._index(what, market)] = target | start << 64 | end << 104
    portfolio_margin._flag(what, market, True)
    if what < Z:
        self._check_listing_rules(market)
    log IRiskModel.ChangeAnnounced(what=what, market=market, target=target, start=start, end=end)


@internal
def _announce_correlations(packed: int256[16], start: uint256, end: uint256):
    """
    @notice Announce a whole matrix. The caller of the contract has been checked.
    """
    self._check_times(start, end)
    change: uint256 = schedule._change(CORRELATIONS, 0)
    if change != 0 and block.timestamp >= change >> 104:
        self._fold(CORRELATIONS, 0)
        change = 0
    if change != 0:
        refusal_text._because("risk: change is pending")
    correlation._check(packed)
    for m: uint256 in range(MARKETS):
        for n: uint256 in range(m, bound=16):
            step: int256 = correlation._entry(packed[m], n) - correlation._correlation(m, n)
            if abs(step) > RHO_STEP:
                refusal_text._because("risk: step too large")
    correlation.targets = packed
    schedule.changes[160] = start << 64 | end << 104
    portfolio_margin._flag(CORRELATIONS, 0, True)
    log IRiskModel.CorrelationsAnnounced(rows=packed, start=start, end=end)


@internal
def _announce_volatility(market: uint256, s: IRiskModel.Settings, start: uint256):
    """
    @notice Announce what sigma follows. It takes effect at once at its start: sigma itself moves within the hourly
            limit. The caller of the contract has been checked.
    """
    self._check_market(VOLATILITY, market)
    self._check_times(start, unsafe_add(start, MIN_DURATION))
    packed: uint256 = volatility._pack(s)
    pending: uint256 = volatility.announced[market]
    if pending != 0 and block.timestamp >= pending >> 208:
        volatility._apply(market)
        pending = 0
    if pending != 0:
        refusal_text._because("risk: change is pending")
    now: IRiskModel.Settings = volatility._unpack(volatility._word(market, block.timestamp))
    self._check_step(now.b, s.b, UNIT)
    self._check_step(now.tau, s.tau, 0)
    self._check_step(now.period, s.period, 0)
    self._check_step(now.cap, s.cap, 0)
    self._check_step(now.speed, s.speed, 0)
    volatility.announced[market] = packed | start << 208
    log IRiskModel.VolatilityAnnounced(market=market, settings=s, start=start)


@internal
def _cancel(what: uint256, market: uint256):
    """
    @notice Drop a change that has not started. The caller of the contract has been checked.
    """
    if block.timestamp >= self._times(what, market)[0]:
        refusal_text._because("risk: change has started")
    if what == VOLATILITY:
        volatility.announced[market] = 0
    else:
        schedule.changes[schedule._index(what, market)] = 0
        portfolio_margin._flag(what, market, False)
    log IRiskModel.ChangeCancelled(what=what, market=market)


@internal
def _finish(what: uint256, market: uint256):
    """
    @notice Store the end value of a change that has ended. Nothing changes by it but where the value stands.
    """
    if block.timestamp < self._times(what, market)[1]:
        refusal_text._because("risk: change has not ended")
    if what == VOLATILITY:
        volatility._apply(market)
    else:
        self._fold(what, market)


@internal
def _fold(what: uint256, market: uint256):
    """
    @notice Put the end value of a change in the place of its base. The caller has checked that it has ended.
    """
    target: uint256 = schedule._change(what, market) & (2**64 - 1)
    schedule.changes[schedule._index(what, market)] = 0
    if what == CORRELATIONS:
        correlation.rows = correlation.targets
    else:
        portfolio_margin._rebase(what, market, target)
    portfolio_margin._flag(what, market, False)
    log IRiskModel.ChangeFolded(what=what, market=market, target=target)


@internal
@view
def _times(what: uint256, market: uint256) -> (uint256, uint256):
    """
    @notice Start and end of what is announced.
    """
    start: uint256 = 0
    end: uint256 = 0
    start, end = self._pending(what, market)
    if start == 0:
        refusal_text._because("risk: nothing announced")
    return start, end


@internal
@view
def _pending(what: uint256, market: uint256) -> (uint256, uint256):
    """
    @notice Start and end of what is announced; zero when nothing is.
    """
    if what > VOLATILITY:
        refusal_text._because("risk: no such parameter")
    if market >= MARKETS:
        refusal_text._because("risk: market out of range")
    if what == VOLATILITY:
        start: uint256 = volatility.announced[market] >> 208
        return start, start
    change: uint256 = schedule._change(what, market)
    return (change >> 64) & (2**40 - 1), change >> 104


@internal
@view
def _range(what: uint256, market: uint256) -> (uint256, uint256):
    """
    @notice The lowest and the highest that a value of a market can be from now until what is announced has ended.
    """
    base: uint256 = portfolio_margin._base(what, market)
    change: uint256 = schedule._change(what, market)
    if change == 0:
        return base, base
    target: uint256 = change & (2**64 - 1)
    if block.timestamp >= change >> 104:
        return target, target
    return min(base, target), max(base, target)


@internal
@view
def _check_listing_rules(market: uint256):
    """
    @notice MRG-6, with each value at its worst between now and the end of what is announced, so that it holds at
            every time whichever way the values cross.
    """
    f: uint256 = self._range(F, market)[0]
    penalty: uint256 = self._range(PENALTY_CAP, market)[1]
    if f < 2 * penalty:
        refusal_text._because("risk: f below twice the penalty")
    if f < self._range(G, market)[1] + penalty:
        refusal_text._because("risk: f below gap and penalty")
    # f >= lambda * share / UNIT without rounding
    if f * UNIT < self._range(IMPACT, market)[1] * self._range(SHARE, market)[1]:
        refusal_text._because("risk: f below impact at share")


@internal
@view
def _check_market(what: uint256, market: uint256):
    # z and kappa belong to no market: one name for each, not sixteen
    if market >= MARKETS:
        refusal_text._because("risk: market out of range")
    if what == Z or what == KAPPA:
        if market != 0:
            refusal_text._because("risk: market out of range")
    else:
        if portfolio_margin.market_words[market] == 0:
            refusal_text._because("risk: market not set")


@internal
@view
def _check_times(start: uint256, end: uint256):
    if start < block.timestamp + MIN_LEAD:
        refusal_text._because("risk: lead time too short")
    if end > block.timestamp + MAX_AHEAD:
        refusal_text._because("risk: end too far ahead")
    if start > end or end - start < MIN_DURATION:
        refusal_text._because("risk: change too fast")


@internal
@pure
def _check_step(old: uint256, new: uint256, least: uint256):
    """
    @notice A step is at most a factor of two, up or down, or lies below `least`.
    """
    high: uint256 = max(old, new)
    if high > 2 * min(old, new) and high > least:
        refusal_text._because("risk: step too large")


@internal
@pure
def _check_range(what: uint256, target: uint256):
    """
    @notice Ranges of docs/SPEC.md, section 8.
    """
    if what == SIGMA:
        if target < 10**9 or target > 5 * UNIT:
            refusal_text._because("risk: sigma out of range")
    elif what == F:
        if target < 10**9 or target > UNIT:
            refusal_text._because("risk: f out of range")
    elif what == G:
        if target > UNIT:
            refusal_text._because("risk: g out of range")
    elif what == IMPACT:
        if target > UNIT:
            refusal_text._because("risk: lambda out of range")
    elif what == DEPTH:
        if target < 1 or target > 10**12:
            refusal_text._because("risk: depth out of range")
    elif what == C:
        if target > 10**11:
            refusal_text._because("risk: c out of range")
    elif what == PENALTY_CAP:
        if target < 10**9 or target > 5 * 10**11:
            refusal_text._because("risk: penalty cap out of range")
    elif what == SHARE:
        if target < 1 or target > 10**13:
            refusal_text._because("risk: share out of range")
    elif what == Z:
        if target < WAD or target > 10 * WAD:
            refusal_text._because("risk: z out of range")
    else:
        if target < 125 * 10**16 or target > 10 * WAD:
            refusal_text._because("risk: kappa out of range")
