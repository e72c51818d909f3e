# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Risk model
@license MIT
@notice Portfolio margin for up to 8 of 16 markets: expected shortfall with correlations, a floor, an allowed gap,
        market impact and a fixed cost of closing (docs/SPEC.md, sections 3 and 8). It holds parameters only, no
        money and no positions; the margin engine asks it on every trade and liquidation.
@custom:security A parameter that is too high makes healthy accounts liquidatable, one that is too low lets losses
        reach the fund. The owner (governance behind a delay) sets a market's parameters once; from then on they
        change by announcement only, by the owner or the steward, a day ahead and in bounded steps (MRG-5); the
        guardian may cancel what has not started. Anyone may observe a price (MRG-4), which moves sigma within its
        hourly limit, and fold what has ended, which moves nothing. Anyone may read. It calls the price oracle in
        `observe` and when g is announced, and no other contract. `margin` reverts on a market never set, on
        |notional| > 2**101 and on crowding out of range: the engine's bounds (LED-9) keep it from all three.
"""
from snekmate.auth import ownable
from .interfaces import IPriceOracle
from .interfaces import IRiskModel
from .modules import announcements
from .modules import correlation as correlations
from .modules import portfolio_margin
from .modules import refusal_text
from .modules import schedule
from .modules import volatility

implements: IRiskModel

initializes: ownable
initializes: schedule
initializes: correlations
initializes: volatility
initializes: portfolio_margin[correlation := correlations, schedule := schedule]
initializes: announcements[
    correlation := correlations,
    portfolio_margin := portfolio_margin,
    schedule := schedule,
    volatility := volatility,
]

# renounce_ownership is left out on purpose: parameters without an owner could never follow the market
exports: (ownable.owner, ownable.transfer_ownership)

MARKETS: constant(uint256) = 16
FRESH: constant(uint256) = 0
MASK_40: constant(uint256) = 2**40 - 1
MASK_48: constant(uint256) = 2**48 - 1

# where prices come from
ORACLE: immutable(IPriceOracle)

# may announce and cancel; zero: nobody
steward: public(address)
# may cancel; zero: nobody
guardian: public(address)


@deploy
def __init__(oracle_: address, z: uint256, kappa: uint256):
    """
    @notice The deployer owns it; correlations start as the identity, no market is set, no steward, no guardian.
    @param oracle_ The price oracle, for good.
    @param z Expected shortfall in standard deviations, WAD, 1e18 to 10e18.
    @param kappa Initial margin over maintenance margin, WAD, 1.25e18 to 10e18.
    """
    if oracle_ == empty(address):
        refusal_text._because("risk: oracle is zero")
    ORACLE = IPriceOracle(oracle_)
    ownable.__init__()
    correlations.__init__()
    self._set_globals(z, kappa)


@external
@view
@reentrant
def margin(legs: DynArray[IRiskModel.Leg, 8]) -> (uint256, uint256):
    """
    @notice Margin of a portfolio. Without the lock: it reads parameters, which no call here leaves half set.
    @param legs One leg a market, in any order; notional in signed quote WAD, crowding in WAD.
    @return Maintenance margin in quote WAD, below 2**146.
    @return Initial margin in quote WAD, below 2**150 without crowding.
    """
    b: IRiskModel.Breakdown = portfolio_margin._evaluate(legs, block.timestamp)
    return b.mm, b.im


@external
@view
def preview(legs: DynArray[IRiskModel.Leg, 8], time: uint256) -> (uint256, uint256):
    """
    @notice Margin of a portfolio at a time to come, by what is announced, with the sigma of now where no floor lifts
            it (MRG-5).
    @param legs As in `margin`.
    @param time Seconds, now or later.
    @return Maintenance margin in quote WAD.
    @return Initial margin in quote WAD.
    """
    if time < block.timestamp:
        refusal_text._because("risk: time has passed")
    b: IRiskModel.Breakdown = portfolio_margin._evaluate(legs, time)
    return b.mm, b.im


@external
@view
def breakdown(legs: DynArray[IRiskModel.Leg, 8]) -> IRiskModel.Breakdown:
    """
    @notice Margin of a portfolio with its parts.
    @param legs As in `margin`.
    @return Every part in quote WAD.
    """
    return portfolio_margin._evaluate(legs, block.timestamp)


@external
@view
def oracle() -> address:
    """
    @return The price oracle.
    """
    return ORACLE.address


@external
@view
def params(market: uint256) -> IRiskModel.Params:
    """
    @notice Parameters of a market as they are now; its sigma is the one that margins follow.
    @param market 0 to 15.
    @return All zero when the market was never set; units as in the struct.
    """
    if market >= MARKETS:
        refusal_text._because("risk: market out of range")
    return portfolio_margin._params(market, block.timestamp)


@external
@view
def limits(market: uint256) -> IRiskModel.Limits:
    """
    @notice What a listing is checked against (MRG-6).
    @param market 0 to 15.
    @return The lowest each of them will be from now on by what is announced; all zero when the market was never set,
            which no listing passes; units as in the struct.
    """
    if market >= MARKETS:
        refusal_text._because("risk: market out of range")
    return IRiskModel.Limits(
        penalty_cap=announcements._range(announcements.PENALTY_CAP, market)[0],
        share=announcements._range(announcements.SHARE, market)[0],
        depth=announcements._range(announcements.DEPTH, market)[0],
        g=announcements._range(announcements.G, market)[0],
    )


@external
@view
def globals() -> IRiskModel.Globals:
    """
    @notice Parameters that hold for all markets, as they are now.
    @return z and kappa in WAD, and the map of what is announced and not folded.
    """
    z: uint256 = 0
    kappa: uint256 = 0
    z, kappa = portfolio_margin._globals(block.timestamp)
    found: uint256 = portfolio_margin._scheduled()
    for market: uint256 in range(MARKETS):
        if volatility.announced[market] != 0:
            found |= 1 << market
    return IRiskModel.Globals(z=z, kappa=kappa, scheduled=found)


@external
@view
def correlation(m: uint256, n: uint256) -> int256:
    """
    @notice Correlation of two markets as it is now.
    @param m 0 to 15.
    @param n 0 to 15.
    @return In RHO (1e4), -10,000 to 10,000; while it changes rounded toward zero, which the margin is not.
    """
    if m >= MARKETS or n >= MARKETS:
        refusal_text._because("risk: market out of range")
    passed: uint256 = 0
    whole: uint256 = 0
    passed, whole = schedule._span(
        schedule._change(announcements.CORRELATIONS, 0), block.timestamp
    )
    rho: int256 = correlations._correlation(m, n)
    if schedule._change(announcements.CORRELATIONS, 0) == 0 or passed == 0:
        return rho
    target: int256 = correlations._entry(correlations.targets[m], n)
    # toward zero
    return (
        rho * convert(whole - passed, int256) + target * convert(passed, int256)
    ) // convert(whole, int256)


@external
@view
def volatility_of(market: uint256) -> IRiskModel.Volatility:
    """
    @notice What sigma of a market follows, and from what (MRG-4).
    @param market 0 to 15.
    @return Units as in the struct; a variance, a price and an anchor of zero when it was never observed.
    """
    if market >= MARKETS:
        refusal_text._because("risk: market out of range")
    observed: uint256 = volatility.observations[market]
    return IRiskModel.Volatility(
        floor=portfolio_margin._floor(market, block.timestamp),
        sigma=portfolio_margin._params(market, block.timestamp).sigma,
        price=observed & (2**96 - 1),
        time=(observed >> 96) & MASK_40,
        variance=observed >> 136,
        anchor=volatility.anchors[market] & MASK_48,
        anchor_time=volatility.anchors[market] >> 48,
        settings=volatility._unpack(volatility._word(market, block.timestamp)),
    )


@external
@view
def pending(what: uint256, market: uint256) -> IRiskModel.Change:
    """
    @notice An announced change that has not been folded.
    @param what 0 to 11, as in the interface's head.
    @param market 0 to 15; 0 for what holds for all.
    @return All zero when there is none. Values of a whole matrix are zero: see `pending_correlation`; those of the
            volatility settings too: see `pending_volatility`.
    """
    start: uint256 = 0
    end: uint256 = 0
    start, end = announcements._pending(what, market)
    change: IRiskModel.Change = IRiskModel.Change(base=0, target=0, start=start, end=end)
    if start != 0 and what <= announcements.KAPPA:
        change.base = portfolio_margin._base(what, market)
        change.target = schedule._change(what, market) & (2**64 - 1)
    return change


@external
@view
def pending_correlation(m: uint256, n: uint256) -> int256:
    """
    @notice Where the correlation of two markets goes.
    @param m 0 to 15.
    @param n 0 to 15.
    @return In RHO (1e4); the one that holds when none is announced.
    """
    if m >= MARKETS or n >= MARKETS:
        refusal_text._because("risk: market out of range")
    if schedule._change(announcements.CORRELATIONS, 0) == 0:
        return correlations._correlation(m, n)
    return correlations._entry(correlations.targets[m], n)


@external
@view
def pending_volatility(market: uint256) -> IRiskModel.Settings:
    """
    @notice What sigma of a market is to follow.
    @param market 0 to 15.
    @return Units as in the struct; all zero when nothing is announced.
    """
    if market >= MARKETS:
        refusal_text._because("risk: market out of range")
    return volatility._unpack(volatility.announced[market] & (2**208 - 1))


@external
def observe(market: uint256):
    """
    @notice Fold the oracle's price into the volatility of a market and move its sigma, by anyone (MRG-4). The first
            one only stores the price.
    @param market 0 to 15, set, its feed FRESH, and last observed a minute ago or more.
    """
    if market >= MARKETS:
        refusal_text._because("risk: market out of range")
    word: uint256 = portfolio_margin.market_words[market]
    if word == 0:
        refusal_text._because("risk: market not set")
    price: uint256 = 0
    status: uint256 = 0
    price, status = staticcall ORACLE.quote(market)
    if status != FRESH:
        refusal_text._because("risk: feed is not fresh")
    lowest: uint256 = portfolio_margin._floor(market, block.timestamp)
    sigma: uint256 = max(word & MASK_48, lowest)
    portfolio_margin._set_sigma(market, volatility._observe(market, price, sigma, lowest))


@external
def announce(what: uint256, market: uint256, target: uint256, start: uint256, end: uint256):
    """
    @notice Announce a change of one value, by the owner or the steward (MRG-5).
    @param what 0 to 9, as in the interface's head.
    @param market 0 to 15, set; 0 for z and kappa.
    @param target Where it goes, in the parameter's unit and range; at most a factor of two from now.
    @param start Second from which it moves, a day from now at least.
    @param end Second at which it is there, an hour after the start at least, 180 days from now at most.
    """
    self._check_announcer()
    if what == announcements.G and market < MARKETS:
        # the gap that the feed is allowed stays covered
        if target < staticcall ORACLE.gap(market):
            refusal_text._because("risk: g below the feed's gap")
    announcements._announce(what, market, target, start, end)


@external
def announce_correlations(rows: int256[16], start: uint256, end: uint256):
    """
    @notice Announce another correlation matrix as a whole, by the owner or the steward (MRG-3, MRG-5).
    @param rows As in `set_correlations`; no entry moves by more than 5,000.
    @param start As in `announce`.
    @param end As in `announce`.
    """
    self._check_announcer()
    announcements._announce_correlations(rows, start, end)


@external
def announce_volatility(market: uint256, new_settings: IRiskModel.Settings, start: uint256):
    """
    @notice Announce what sigma of a market is to follow, by the owner or the steward (MRG-4, MRG-5).
    @param market 0 to 15, set.
    @param new_settings Units as in the struct; each at most a factor of two from now.
    @param start Second from which it holds, a day from now at least.
    """
    self._check_announcer()
    announcements._announce_volatility(market, new_settings, start)


@external
def cancel(what: uint256, market: uint256):
    """
    @notice Drop an announced change before it starts, by the owner, the steward or the guardian.
    @param what 0 to 11, as in the interface's head.
    @param market 0 to 15; 0 for what holds for all.
    """
    if msg.sender != ownable.owner and msg.sender != self.steward and msg.sender != self.guardian:
        refusal_text._because("risk: caller may not cancel")
    announcements._cancel(what, market)


@external
def fold(what: uint256, market: uint256):
    """
    @notice Store the end value of a change that has ended, by anyone: no value changes, reading it costs less.
    @param what 0 to 11, as in the interface's head.
    @param market 0 to 15; 0 for what holds for all.
    """
    announcements._finish(what, market)


@external
def raise_kappa(kappa: uint256):
    """
    @notice Ask for more initial margin at once, by the owner or the steward: it tightens new risk only. The way down
            is announced.
    @param kappa WAD, above what holds now, at most twice that and 10e18.
    """
    self._check_announcer()
    if schedule._change(announcements.KAPPA, 0) != 0:
        refusal_text._because("risk: change is pending")
    now: uint256 = portfolio_margin._base(announcements.KAPPA, 0)
    if kappa <= now:
        refusal_text._because("risk: kappa may only rise")
    announcements._check_step(now, kappa, 0)
    self._set_globals(portfolio_margin._base(announcements.Z, 0), kappa)


@external
def set_market(market: uint256, new_params: IRiskModel.Params):
    """
    @notice Set the parameters of a market that has none yet, by the owner. Later they are announced.
    @param market 0 to 15.
    @param new_params Units as in the struct, ranges as in docs/SPEC.md, section 8; sigma is the floor of sigma.
    """
    ownable._check_owner()
    self._check_unset(market)
    p: IRiskModel.Params = new_params
    announcements._check_range(announcements.SIGMA, p.sigma)
    announcements._check_range(announcements.F, p.f)
    announcements._check_range(announcements.G, p.g)
    announcements._check_range(announcements.IMPACT, p.lambda_)
    announcements._check_range(announcements.DEPTH, p.depth)
    announcements._check_range(announcements.C, p.c)
    announcements._check_range(announcements.PENALTY_CAP, p.penalty_cap)
    announcements._check_range(announcements.SHARE, p.share)
    portfolio_margin._set_market(market, p)
    announcements._check_listing_rules(market)
    log IRiskModel.MarketUpdated(market=market, params=p)


@external
def set_volatility(market: uint256, new_settings: IRiskModel.Settings):
    """
    @notice Set what sigma of a market follows before the market is set, by the owner. Later it is announced.
    @param market 0 to 15.
    @param new_settings Units as in the struct, ranges as in docs/SPEC.md, section 8.
    """
    ownable._check_owner()
    self._check_unset(market)
    volatility.settings[market] = volatility._pack(new_settings)
    log IRiskModel.VolatilityUpdated(market=market, settings=new_settings)


@external
def set_globals(z: uint256, kappa: uint256):
    """
    @notice Set what holds for all markets, by the owner, before the first market is set. Later it is announced.
    @param z Expected shortfall in standard deviations, WAD, 1e18 to 10e18.
    @param kappa Initial margin over maintenance margin, WAD, 1.25e18 to 10e18.
    """
    ownable._check_owner()
    for market: uint256 in range(MARKETS):
        self._check_unset(market)
    if portfolio_margin._scheduled() != 0:
        refusal_text._because("risk: change is pending")
    self._set_globals(z, kappa)


@external
def set_correlations(rows: int256[16]):
    """
    @notice Set the correlations of markets that are not set yet, by the owner (MRG-3). Those between two markets that
            are set stay as they are: these are announced.
    @param rows Row m has 16 x int16 in RHO (1e4), column n at bit 16 * n; symmetric, diagonal 10,000, positive
           semi-definite.
    """
    ownable._check_owner()
    if schedule._change(announcements.CORRELATIONS, 0) != 0:
        refusal_text._because("risk: change is pending")
    correlations._check(rows)
    # the markets that are set, 16 bits each where a row has them
    known: uint256 = 0
    for market: uint256 in range(MARKETS):
        if portfolio_margin.market_words[market] != 0:
            known |= 65_535 << (16 * market)
    for market: uint256 in range(MARKETS):
        if known >> (16 * market) & 1 == 1:
            moved: uint256 = convert(convert(rows[market], bytes32), uint256) ^ convert(
                convert(correlations.rows[market], bytes32), uint256
            )
            if moved & known != 0:
                refusal_text._because("risk: rho of set markets")
    correlations.rows = rows
    log IRiskModel.CorrelationsUpdated(rows=rows)


@external
def set_steward(steward: address):
    """
    @notice Choose who may announce and cancel besides the owner, by the owner.
    @param steward Zero for nobody.
    """
    ownable._check_owner()
    self.steward = steward
    log IRiskModel.StewardUpdated(steward=steward)


@external
def set_guardian(guardian: address):
    """
    @notice Choose who may cancel besides the owner and the steward, by the owner.
    @param guardian Zero for nobody.
    """
    ownable._check_owner()
    self.guardian = guardian
    log IRiskModel.GuardianUpdated(guardian=guardian)


@internal
def _set_globals(z: uint256, kappa: uint256):
    announcements._check_range(announcements.Z, z)
    announcements._check_range(announcements.KAPPA, kappa)
    portfolio_margin._set_globals(z, kappa)
    log IRiskModel.GlobalsUpdated(z=z, kappa=kappa)


@internal
@view
def _check_announcer():
    if msg.sender != ownable.owner and msg.sender != self.steward:
        refusal_text._because("risk: caller may not announce")


@internal
@view
def _check_unset(market: uint256):
    if market >= MARKETS:
        refusal_text._because("risk: market out of range")
    if portfolio_margin.market_words[market] != 0:
        refusal_text._because("risk: market is set")
