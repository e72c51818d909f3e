# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Margin lens
@license MIT
@notice Batch views of one margin engine for keepers and screens: hundreds of accounts in one `eth_call`. It reads the
        engine's public views, the price oracle and the risk model, and keeps nothing.
@custom:security Has no storage, no money and no rights; nothing on chain trusts it. A wrong answer costs a keeper a
        transaction that reverts. Anyone may call. The views are meant for `eth_call`: a search takes a million gas.
"""
from ethereum.ercs import IERC20

from .interfaces import IEngine
from .interfaces import IMarginEngine
from .interfaces import IMarginLens
from .interfaces import IPriceOracle
from .interfaces import IRiskModel

implements: IMarginLens

MARKETS: constant(uint256) = 16
MAX_HELD: constant(uint256) = 8
MAX_ACCOUNTS: constant(uint256) = 512
TREASURY: constant(uint256) = 2
WAD: constant(uint256) = 10**18
MASK_96: constant(uint256) = 2**96 - 1
FRESH: constant(uint256) = 0
DIVERGED: constant(uint256) = 2
TAU: constant(uint256) = 125 * 10**16
PENALTY_EQUITY_SHARE: constant(uint256) = 8 * 10**17
LIQUIDATOR_SHARE: constant(uint256) = 5 * 10**17
PROBE: constant(uint256) = 64
# a configured fraction (1e5) to WAD
RATE_SCALE: constant(uint256) = 10**13
# |size| < 2**103
SIZE_BITS: constant(uint256) = 104
# what a search follows
HEALS: constant(uint256) = 0
WITHIN: constant(uint256) = 1
FOLLOWS_RATE: constant(uint256) = 2

HEALTHY: constant(uint256) = 0
WARNED: constant(uint256) = 1
LIQUIDATABLE: constant(uint256) = 2
CRITICAL: constant(uint256) = 3
BANKRUPT: constant(uint256) = 4

REASON_NONE: constant(uint256) = 0
REASON_NOT_LISTED: constant(uint256) = 1
REASON_NO_POSITION: constant(uint256) = 2
REASON_NOT_FRESH: constant(uint256) = 3
REASON_HEALTHY: constant(uint256) = 4
REASON_BANKRUPT: constant(uint256) = 5
REASON_NO_SLICE: constant(uint256) = 6

# the engine, and the contracts it works with
ENGINE: immutable(IEngine)
ORACLE: immutable(IPriceOracle)
RISK: immutable(IRiskModel)
TOKEN: immutable(address)


# @notice A leg that may be taken over, as the engine's checks see it (LIQ-2). Quote WAD unless said.
struct Subject:
    # index of the leg in `legs`
    at: uint256
    legs: DynArray[IRiskModel.Leg, MAX_HELD]
    # size, signed
    size: int256
    # at which it is judged: the mark, or when DIVERGED the price that is better for the account
    price: uint256
    # a unit's gain against the mark at that price, and the leg's pnl at the mark
    gain: uint256
    pnl: int256
    # whether the leg's own claim can be assigned while a position is left
    fresh: bool
    # E and MM, with 0 < E < MM
    equity: uint256
    maintenance: uint256
    # penalty rate, WAD
    rate: uint256
    # cash, what other legs owe, and claims of theirs that can be assigned
    cash: uint256
    owed: uint256
    claims: uint256
    minimum: uint256


@deploy
def __init__(engine_: address):
    """
    @param engine_ The engine; its oracle and risk model are asked for here, once.
    """
    ENGINE = IEngine(engine_)
    token: address = empty(address)
    oracle: address = empty(address)
    risk: address = empty(address)
    fund: address = empty(address)
    vault: address = empty(address)
    token, oracle, risk, fund, vault = staticcall ENGINE.addresses()
    TOKEN = token
    ORACLE = IPriceOracle(oracle)
    RISK = IRiskModel(risk)


# ------------------------------------------------------------------- accounts


@external
@view
def accounts(
    ids: DynArray[uint256, MAX_ACCOUNTS]
) -> DynArray[IMarginLens.AccountHealth, MAX_ACCOUNTS]:
    """
    @notice Health of many accounts at the prices of now, in the order given; about 40,000 gas each with two positions.
    @param ids Account ids; an unknown one comes back with nothing in it.
    @return See `AccountHealth`, quote WAD.
    """
    result: DynArray[IMarginLens.AccountHealth, MAX_ACCOUNTS] = []
    for id: uint256 in ids:
        h: IMarginEngine.Health = staticcall ENGINE.health(id)
        w: IMarginEngine.WalletState = staticcall ENGINE.wallet(id)
        result.append(
            IMarginLens.AccountHealth(
                account=id,
                cash=h.cash,
                held=h.held,
                equity=h.equity,
                initial_equity=h.initial_equity,
                maintenance=h.maintenance,
                initial=h.initial,
                gross=h.gross,
                blind=h.blind,
                collateral=h.collateral,
                losses=h.losses,
                deadline=w.deadline,
                locked=w.locked,
                debt=w.debt,
                pledged=w.pledged,
                since=w.since,
                band=self._band(h),
            )
        )
    return result


@external
@view
def positions(account: uint256) -> DynArray[IMarginLens.LegView, MARKETS]:
    """
    @notice Legs of an account in ascending market order, marked for valuation as in the engine's `health`.
    @param account The account; the fund's has claims without positions.
    @return See `LegView`.
    """
    return self._legs(account, (staticcall ENGINE.wallet(account)).held)


@external
@view
def margin_at(account: uint256, time: uint256) -> (uint256, uint256):
    """
    @notice Margin of an account at a time to come if prices and positions stay, by what is announced now (MRG-5).
            The volatility of now is kept, but where an announced floor lifts it; `observe` may move it meanwhile,
            within its hourly limit.
    @param account The account; a dead leg counts at its last good price.
    @param time Seconds, now or later.
    @return Maintenance margin in quote WAD.
    @return Initial margin in quote WAD; with the crowding of now.
    """
    legs: DynArray[IRiskModel.Leg, MAX_HELD] = []
    held: uint256 = (staticcall ENGINE.wallet(account)).held
    views: DynArray[IMarginLens.LegView, MARKETS] = self._legs(account, held)
    for view: IMarginLens.LegView in views:
        # an account with an owner has positions in eight markets at most, the house accounts in none
        if view.live:
            bucket: uint256 = (staticcall ENGINE.market_extra(view.market)).bucket
            legs.append(
                IRiskModel.Leg(
                    market=view.market, notional=view.notional, crowding=WAD + bucket * (WAD // 64)
                )
            )
    return staticcall RISK.preview(legs, time)


@external
@view
def reward(account: uint256, market: uint256, basefee: uint256) -> IMarginLens.RewardQuote:
    """
    @notice What a keeper would be credited with for liquidating an account now (LIQ-5).
    @param account The account that is liquidated.
    @param market The market of a resolve, 0 to 15.
    @param basefee Base fee of the block the keeper aims at, wei; an `eth_call` has none.
    @return See `RewardQuote`, quote WAD.
    """
    assert market < MARKETS, "lens: market out of range"
    rule: IMarginEngine.RewardRule = staticcall ENGINE.reward_rule()
    last: uint256 = (staticcall ENGINE.wallet(account)).rewarded_at
    r: IMarginLens.RewardQuote = empty(IMarginLens.RewardQuote)
    if last != 0:
        r.due_at = last + rule.interval
    if block.timestamp >= r.due_at:
        # rounds down, once; the engine looks at no base fee above 1e15
        cost: uint256 = (
            rule.gas_units * min(basefee, 10**15) * rule.native_price * (10_000 + rule.premium)
        ) // 10**22
        r.wanted = min(max(rule.minimum, cost), rule.cap)
    # free cash: beyond all losses
    h: IMarginEngine.Health = staticcall ENGINE.health(account)
    r.by_order = min(r.wanted, h.cash - min(h.cash, h.losses))
    fund_cash: uint256 = (staticcall ENGINE.fund_state())[0]
    # what a resolve closes has to be worth the reward; rounds down
    worth: uint256 = (
        convert(abs((staticcall ENGINE.position(account, market)).size), uint256)
        * ((staticcall ORACLE.quotes(1 << market))[market] & MASK_96) // (2_000 * WAD)
    )
    budget: uint256 = min(fund_cash, (staticcall ENGINE.market_state(market)).allowance)
    r.by_resolve = min(r.wanted, min(budget, worth))
    # a budget below the rule's minimum pays nothing
    if r.by_order < rule.minimum:
        r.by_order = 0
    if r.by_resolve < rule.minimum:
        r.by_resolve = 0
    return r


# ----------------------------------------------------------- markets and fund


@external
@view
def markets() -> DynArray[IMarginLens.MarketView, MARKETS]:
    """
    @notice All listed markets in ascending order.
    @return See `MarketView`.
    """
    result: DynArray[IMarginLens.MarketView, MARKETS] = []
    for market: uint256 in range(MARKETS):
        state: IMarginEngine.MarketState = staticcall ENGINE.market_state(market)
        if state.config.oi_cap != 0:
            price: uint256 = 0
            status: uint256 = 0
            price, status = staticcall ORACLE.quote(market)
            result.append(
                IMarginLens.MarketView(
                    market=market,
                    price=price,
                    status=status,
                    state=state,
                    params=staticcall RISK.params(market),
                )
            )
    return result


@external
@view
def fund() -> IMarginLens.FundView:
    """
    @notice What stands behind all markets.
    @return See `FundView`, quote WAD.
    """
    v: IMarginLens.FundView = empty(IMarginLens.FundView)
    v.fund = (staticcall ENGINE.addresses())[3]
    v.cash, v.claims, v.shortfall = staticcall ENGINE.fund_state()
    v.free = v.cash - min(v.cash, v.shortfall)
    v.treasury = (staticcall ENGINE.wallet(TREASURY)).cash
    if v.fund.is_contract:
        v.supply = staticcall IERC20(v.fund).totalSupply()
    return v


# ------------------------------------------------------------------- takeover


@external
@view
def takeover_quote(account: uint256, market: uint256) -> IMarginLens.TakeoverQuote:
    """
    @notice The largest slice of a leg that the engine lets a liquidator take now (LIQ-2), and what it brings. The
            liquidator's own side (initial margin, caps, fresh legs) is not looked at.
    @dev Searched on the engine's own conditions. Health as a function of the slice rises, then may fall (a hedge);
         every size returned was tested. It is the largest one when all the account's claims can be assigned; when a
         stale leg holds some back and they are needed for the penalty, a larger one may exist.
    @param account The account below its maintenance margin.
    @param market The market, 0 to 15.
    @return See `TakeoverQuote`.
    """
    assert market < MARKETS, "lens: market out of range"
    q: IMarginLens.TakeoverQuote = empty(IMarginLens.TakeoverQuote)
    config: IMarginEngine.MarketConfig = (staticcall ENGINE.market_state(market)).config
    if config.oi_cap == 0:
        q.reason = REASON_NOT_LISTED
        return q
    status: uint256 = 0
    q.price, status = staticcall ORACLE.quote(market)
    h: IMarginEngine.Health = staticcall ENGINE.health(account)
    q.equity = h.equity
    q.maintenance = h.maintenance
    s: Subject = self._subject(account, market, h)
    if s.size == 0:
        q.reason = REASON_NO_POSITION
    elif status != FRESH and status != DIVERGED:
        q.reason = REASON_NOT_FRESH
    elif h.equity >= convert(h.maintenance, int256):
        q.reason = REASON_HEALTHY
    elif h.equity <= 0:
        q.reason = REASON_BANKRUPT
    if q.reason != REASON_NONE:
        return q

    q.price = s.price
    s.equity = convert(h.equity, uint256)
    s.maintenance = h.maintenance
    s.minimum = config.min_notional
    # both roundings down, as in the engine
    low: uint256 = config.penalty_min * RATE_SCALE
    s.rate = (
        low + (config.penalty_max * RATE_SCALE - low) * (s.maintenance - s.equity) // s.maintenance
    )
    s.rate = min(s.rate, s.equity * PENALTY_EQUITY_SHARE // h.gross)
    q.rate = s.rate
    q.size = self._largest(s)
    if q.size == 0:
        q.reason = REASON_NO_SLICE
        return q
    q.whole = q.size == convert(abs(s.size), uint256)
    bounded: bool = False
    q.penalty, q.maintenance_after, bounded = self._slice(s, q.size)
    wanted: uint256 = q.penalty * LIQUIDATOR_SHARE // WAD
    free: uint256 = 0
    claims: uint256 = 0
    free, claims = self._means(s, q.size)
    q.cash_to_liquidator = min(wanted, free)
    q.to_liquidator = min(wanted, free + claims)
    q.to_fund = min(q.penalty - wanted, free + claims - q.to_liquidator)
    q.equity_after = h.equity - convert(q.to_liquidator + q.to_fund, int256)
    return q


@internal
@view
def _subject(account: uint256, market: uint256, h: IMarginEngine.Health) -> Subject:
    """
    @notice The account's legs as the takeover of one of them sees them; size zero when there is no such leg.
    """
    s: Subject = empty(Subject)
    s.cash = h.cash
    if h.held == 0:
        return s
    quotes: uint256[16] = staticcall ORACLE.quotes(h.held)
    for m: uint256 in range(MARKETS):
        if (h.held >> m) & 1 == 0:
            continue
        leg: IMarginLens.LegView = self._leg(account, m, quotes[m])
        pnl: int256 = leg.pnl
        price: uint256 = leg.price
        if leg.status == DIVERGED and leg.live:
            other: uint256 = (quotes[m] >> 96) & MASK_96
            if (other > price) == (leg.size > 0):
                price = other
                leg = self._leg(account, m, (quotes[m] & ~MASK_96) | price)
        if leg.size != 0:
            if m == market:
                s.at = len(s.legs)
            s.legs.append(IRiskModel.Leg(market=m, notional=leg.notional, crowding=WAD))
        # payable: without a live position, or at a fresh price
        assignable: bool = not leg.live or leg.status == FRESH
        if m == market:
            s.size = leg.size
            s.price = price
            s.gain = max(price, quotes[m] & MASK_96) - min(price, quotes[m] & MASK_96)
            s.pnl = pnl
            s.fresh = assignable
        elif leg.pnl < 0:
            s.owed += convert(-leg.pnl, uint256)
        elif assignable:
            s.claims += convert(leg.pnl, uint256)
    return s


@internal
@pure
def _means(s: Subject, taken: uint256) -> (uint256, uint256):
    """
    @notice Free cash and claims that can be assigned when `taken` goes; at a price better than the mark it earns first.
    """
    # rounds down, as in the engine
    pnl: int256 = s.pnl + convert(taken * s.gain // WAD, int256)
    owed: uint256 = s.owed + self._positive(-pnl)
    claims: uint256 = s.claims
    if s.fresh or taken == convert(abs(s.size), uint256):
        claims += self._positive(pnl)
    return s.cash - min(s.cash, owed), claims


@internal
@view
def _largest(s: Subject) -> uint256:
    """
    @notice The largest slice the engine would let pass, zero when there is none.
    """
    whole: uint256 = convert(abs(s.size), uint256)
    least: uint256 = self._ceil_div(s.minimum * WAD, s.price)
    heals: bool = False
    within: bool = False
    bounded: bool = False
    heals, within, bounded = self._test(s, whole)
    if heals and (within or self._whole_goes(s, whole, least)):
        return whole
    # smallest rest whose notional, rounded up, reaches the minimum: it is above (minimum - 1) / price
    rest: uint256 = (s.minimum - 1) * WAD // s.price + 1
    if whole <= rest:
        return 0
    most: uint256 = whole - rest
    heals, within, bounded = self._test(s, most)
    if heals and within:
        return most
    low: uint256 = 0
    high: uint256 = most
    if within:
        # `most` leaves more margin than before: MM is convex in the slice, so halving finds one that does not
        low = most // 2
        for _: uint256 in range(SIZE_BITS):
            if low == 0:
                return 0
            heals, within, bounded = self._test(s, low)
            if heals:
                break
            high = low
            low //= 2
        low = self._last(s, low, high, HEALS)
    else:
        # TAU is passed once where the penalty follows its rate, and once where it follows the freed margin
        if bounded:
            turn: uint256 = self._last(s, 0, most, FOLLOWS_RATE)
            heals, within, bounded = self._test(s, turn)
            if within:
                low = turn
            else:
                high = turn
        low = self._last(s, low, high, WITHIN)
    if low == 0:
        return 0
    heals, within, bounded = self._test(s, low)
    return low if heals and within else 0


@internal
@view
def _last(s: Subject, yes: uint256, no: uint256, what: uint256) -> uint256:
    """
    @notice The last slice with a property that `yes` has, `no` has not, and which changes once in between.
    """
    low: uint256 = yes
    high: uint256 = no
    for _: uint256 in range(SIZE_BITS):
        if high - low <= 1:
            break
        middle: uint256 = (low + high) // 2
        heals: bool = False
        within: bool = False
        bounded: bool = False
        heals, within, bounded = self._test(s, middle)
        holds: bool = within
        if what == HEALS:
            holds = heals
        elif what == FOLLOWS_RATE:
            holds = not bounded
        if holds:
            low = middle
        else:
            high = middle
    return low


@internal
@view
def _whole_goes(s: Subject, whole: uint256, least: uint256) -> bool:
    """
    @notice Whether the whole position may go though that lifts health above TAU (LIQ-2, 5a and 5b).
    """
    if whole <= least:
        return True
    penalty: uint256 = 0
    maintenance: uint256 = 0
    bounded: bool = False
    penalty, maintenance, bounded = self._slice(s, whole - least)
    if (s.equity - penalty) * WAD <= TAU * maintenance:
        return True
    penalty, maintenance, bounded = self._slice(s, max(1, whole // PROBE))
    return maintenance >= s.maintenance


@internal
@view
def _test(s: Subject, taken: uint256) -> (bool, bool, bool):
    """
    @notice Whether a takeover of `taken` raises health, whether it leaves it at or below TAU, and whether its penalty
            is bounded by the equity.
    """
    penalty: uint256 = 0
    maintenance: uint256 = 0
    bounded: bool = False
    penalty, maintenance, bounded = self._slice(s, taken)
    free: uint256 = 0
    claims: uint256 = 0
    free, claims = self._means(s, taken)
    equity: uint256 = s.equity - min(penalty, free + claims)
    return (
        maintenance == 0 or equity * s.maintenance > s.equity * maintenance,
        equity * WAD <= TAU * maintenance,
        bounded,
    )


@internal
@view
def _slice(s: Subject, taken: uint256) -> (uint256, uint256, bool):
    """
    @notice Penalty of a slice, the maintenance margin after it by the risk model itself, and whether the penalty is
            bounded by the equity in proportion to the freed margin.
    """
    left: uint256 = convert(abs(s.size), uint256) - taken
    legs: DynArray[IRiskModel.Leg, MAX_HELD] = []
    for i: uint256 in range(len(s.legs), bound=MAX_HELD):
        leg: IRiskModel.Leg = s.legs[i]
        if i == s.at:
            if left == 0:
                continue
            leg.notional = self._notional(
                convert(left, int256) if s.size > 0 else -convert(left, int256), s.price
            )
        legs.append(leg)
    maintenance: uint256 = 0
    if len(legs) != 0:
        maintenance = (staticcall RISK.margin(legs))[0]
    if maintenance >= s.maintenance:
        return 0, maintenance, True
    # rounds up, against the account; the bound rounds down, both times
    penalty: uint256 = self._ceil_div(taken * s.price * s.rate, WAD * WAD)
    most: uint256 = (
        s.equity * PENALTY_EQUITY_SHARE // WAD * (s.maintenance - maintenance) // s.maintenance
    )
    return min(penalty, most), maintenance, penalty > most


# ----------------------------------------------------------------------- legs


@internal
@view
def _legs(account: uint256, held: uint256) -> DynArray[IMarginLens.LegView, MARKETS]:
    """
    @notice The legs in `held`, marked.
    """
    legs: DynArray[IMarginLens.LegView, MARKETS] = []
    if held == 0:
        return legs
    quotes: uint256[16] = staticcall ORACLE.quotes(held)
    rest: uint256 = held
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if rest & 1 == 1:
            legs.append(self._leg(account, market, quotes[market]))
        rest >>= 1
    return legs


@internal
@view
def _leg(account: uint256, market: uint256, quote: uint256) -> IMarginLens.LegView:
    """
    @notice One leg, marked (LED-2).
    """
    p: IMarginEngine.PositionState = staticcall ENGINE.position(account, market)
    price: uint256 = quote & MASK_96
    v: IMarginLens.LegView = IMarginLens.LegView(
        market=market,
        live=False,
        size=p.size,
        recorded_pnl=p.pnl,
        pnl=p.pnl,
        notional=self._notional(p.size, price),
        price=price,
        status=quote >> 192,
    )
    if p.basis == 0:
        return v
    is_long: bool = p.basis > 0
    m: IMarginEngine.MarketState = staticcall ENGINE.market_state(market)
    v.live = p.epoch == m.epoch
    k: int256 = 0
    if not v.live:
        k = staticcall ENGINE.closing_k(market, p.epoch, is_long)
    elif is_long:
        k = m.long_k0 + convert(m.long_a * price, int256)
    else:
        k = m.short_k0 - convert(m.short_a * price, int256)
    v.pnl += self._floor_div(abs(p.basis) * (k - p.k_snap), convert(p.a_snap * WAD, int256))
    return v


# -------------------------------------------------------------------- numbers


@internal
@pure
def _band(h: IMarginEngine.Health) -> uint256:
    # a live position has a notional of at least one
    if h.equity < 0 or (h.equity == 0 and h.gross != 0):
        return BANKRUPT
    equity: uint256 = convert(h.equity, uint256)
    if equity * 10 < h.maintenance:
        return CRITICAL
    if equity < h.maintenance:
        return LIQUIDATABLE
    if equity < h.initial:
        return WARNED
    return HEALTHY


@internal
@pure
def _positive(n: int256) -> uint256:
    return convert(n, uint256) if n > 0 else 0


@internal
@pure
def _notional(size: int256, price: uint256) -> int256:
    # signed, magnitude rounded up: against the account
    n: int256 = convert(self._ceil_div(convert(abs(size), uint256) * price, WAD), int256)
    return n if size >= 0 else -n


@internal
@pure
def _floor_div(n: int256, d: int256) -> int256:
    # rounds toward minus infinity; d > 0
    quotient: int256 = n // d
    if n % d < 0:
        return quotient - 1
    return quotient


@internal
@pure
def _ceil_div(n: uint256, d: uint256) -> uint256:
    # rounds up; d > 0
    return n // d + convert(n % d != 0, uint256)
