# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Risk model
@license MIT
@notice Portfolio margin for up to 8 of 16 markets: expected shortfall with correlations, a floor, an allowed gap,
        market impact and a fixed cost of closing (docs/SPEC.md, sections 3 and 8). It holds parameters only, no
        money and no positions; the margin engine asks it on every trade and liquidation.
@custom:security The owner (governance behind a delay) sets every parameter at once, within ranges: a parameter
        that is too high makes healthy accounts liquidatable, one that is too low lets losses reach the fund. Anyone
        may read. It calls no other contract. `margin` reverts on a market never set, on |notional| > 2**101 and on
        crowding out of range: the engine's bounds (LED-9) keep it from all three.
"""
from snekmate.auth import ownable
from .interfaces import IRiskModel
from .modules import correlation as correlations
from .modules import portfolio_margin

implements: IRiskModel

initializes: ownable
initializes: correlations
initializes: portfolio_margin[correlation := correlations]

# renounce_ownership is left out on purpose: parameters without an owner could never follow the market
exports: (ownable.owner, ownable.transfer_ownership)

MARKETS: constant(uint256) = 16
UNIT: constant(uint256) = 10**12


@deploy
def __init__(z: uint256, kappa: uint256):
    """
    @notice The deployer owns it; correlations start as the identity, no market is set.
    @param z Expected shortfall in standard deviations, WAD, 1e18 to 10e18.
    @param kappa Initial margin over maintenance margin, WAD, 1.25e18 to 10e18.
    """
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
    b: IRiskModel.Breakdown = portfolio_margin._evaluate(legs)
    return b.mm, b.im


@external
@view
def breakdown(legs: DynArray[IRiskModel.Leg, 8]) -> IRiskModel.Breakdown:
    """
    @notice Margin of a portfolio with its parts.
    @param legs As in `margin`.
    @return Every part in quote WAD.
    """
    return portfolio_margin._evaluate(legs)


@external
@view
def params(market: uint256) -> IRiskModel.Params:
    """
    @notice Parameters of a market.
    @param market 0 to 15.
    @return All zero when the market was never set; units as in the struct.
    """
    assert market < MARKETS, "risk: market out of range"
    return portfolio_margin._params(market)


@external
@view
def limits(market: uint256) -> IRiskModel.Limits:
    """
    @notice What a listing is checked against (MRG-6).
    @param market 0 to 15.
    @return All zero when the market was never set, which no listing passes; units as in the struct.
    """
    assert market < MARKETS, "risk: market out of range"
    p: IRiskModel.Params = portfolio_margin._params(market)
    return IRiskModel.Limits(penalty_cap=p.penalty_cap, share=p.share, depth=p.depth, g=p.g)


@external
@view
def globals() -> IRiskModel.Globals:
    """
    @notice Parameters that hold for all markets.
    @return z and kappa in WAD, and the map of scheduled changes.
    """
    return portfolio_margin._globals()


@external
@view
def correlation(m: uint256, n: uint256) -> int256:
    """
    @notice Correlation of two markets.
    @param m 0 to 15.
    @param n 0 to 15.
    @return In RHO (1e4), -10,000 to 10,000.
    """
    assert m < MARKETS and n < MARKETS, "risk: market out of range"
    return correlations._correlation(m, n)


@external
def set_market(market: uint256, new_params: IRiskModel.Params):
    """
    @notice Set a market's parameters, by the owner.
    @param market 0 to 15.
    @param new_params Units as in the struct, ranges as in docs/SPEC.md, section 8.
    """
    ownable._check_owner()
    assert market < MARKETS, "risk: market out of range"
    p: IRiskModel.Params = new_params
    assert p.sigma >= 10**9 and p.sigma <= 5 * 10**12, "risk: sigma out of range"
    assert p.f >= 10**9 and p.f <= UNIT, "risk: f out of range"
    assert p.g <= UNIT, "risk: g out of range"
    assert p.lambda_ <= UNIT, "risk: lambda out of range"
    assert p.depth >= 1 and p.depth <= 10**12, "risk: depth out of range"
    assert p.c <= 10**11, "risk: c out of range"
    assert (
        p.penalty_cap >= 10**9 and p.penalty_cap <= 5 * 10**11
    ), "risk: penalty cap out of range"
    assert p.share >= 1 and p.share <= 10**13, "risk: share out of range"
    # MRG-6; the last one is f >= lambda * share / UNIT without rounding
    assert p.f >= 2 * p.penalty_cap, "risk: f below twice the penalty"
    assert p.f >= p.g + p.penalty_cap, "risk: f below gap and penalty"
    assert p.f * UNIT >= p.lambda_ * p.share, "risk: f below impact at share"
    portfolio_margin._set_market(market, p)
    log IRiskModel.MarketUpdated(market=market, params=p)


@external
def set_globals(z: uint256, kappa: uint256):
    """
    @notice Set what holds for all markets, by the owner.
    @param z Expected shortfall in standard deviations, WAD, 1e18 to 10e18.
    @param kappa Initial margin over maintenance margin, WAD, 1.25e18 to 10e18.
    """
    ownable._check_owner()
    self._set_globals(z, kappa)


@external
def set_correlations(matrix: int16[16][16]):
    """
    @notice Set the correlation matrix as a whole, by the owner (MRG-3).
    @param matrix Row m, column n in RHO (1e4); symmetric, diagonal 10,000, positive semi-definite.
    """
    ownable._check_owner()
    packed: int256[16] = correlations._pack(matrix)
    correlations._set(packed)
    log IRiskModel.CorrelationsUpdated(rows=packed)


@internal
def _set_globals(z: uint256, kappa: uint256):
    assert z >= 10**18 and z <= 10 * 10**18, "risk: z out of range"
    assert kappa >= 125 * 10**16 and kappa <= 10 * 10**18, "risk: kappa out of range"
    portfolio_margin._set_globals(z, kappa)
    log IRiskModel.GlobalsUpdated(z=z, kappa=kappa)
