# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Valuation
@license MIT
@notice What an account is worth and what margin it needs at the prices of now (MRG-1, ORC-2).
@custom:security Reads only. A wrong value here opens a withdrawal or closes a liquidation.
"""
from ..interfaces import ICollateralVault
from ..interfaces import IMarginEngine
from ..interfaces import IPriceOracle
from ..interfaces import IRiskModel
from . import ledger

uses: ledger

WAD: constant(uint256) = 10**18
MASK_96: constant(uint256) = 2**96 - 1
MASK_16: constant(uint256) = 2**16 - 1
MASK_104: constant(uint256) = 2**104 - 1
MARKETS: constant(uint256) = 16
MAX_HELD: constant(uint256) = 8

# status of a feed, the high part of a quote's word
FRESH: constant(uint256) = 0
DIVERGED: constant(uint256) = 2
STATUS_SHIFT: constant(uint256) = 192

ORACLE: immutable(IPriceOracle)
RISK: immutable(IRiskModel)


# @notice Legs of an account, but for one market that the caller handles itself.
struct Legs:
    # quote WAD: sum of positive pnl, sum of negative pnl's magnitude, sum of |notional|
    gains: uint256
    losses: uint256
    gross: uint256
    # bit per market: live without a fresh price
    blind: uint256
    # what the risk model asks for
    risk: DynArray[IRiskModel.Leg, MAX_HELD]


@deploy
def __init__(oracle: address, risk: address):
    ORACLE = IPriceOracle(oracle)
    RISK = IRiskModel(risk)


@internal
@view
def _quotes(mask: uint256) -> uint256[16]:
    """
    @notice Quotes of the markets in `mask`: status << 192 | other price << 96 | price, at the market's index.
    """
    if mask == 0:
        return empty(uint256[16])
    return staticcall ORACLE.quotes(mask)


@internal
@pure
def _price(quote: uint256) -> uint256:
    return quote & MASK_96


@internal
@pure
def _fresh(quote: uint256) -> bool:
    return quote >> STATUS_SHIFT == FRESH


@internal
@pure
def _tradable(quote: uint256) -> bool:
    """
    @notice Whether a position may be reduced or liquidated: FRESH or DIVERGED.
    """
    # of the statuses these two are even
    return (quote >> STATUS_SHIFT) & 1 == 0


@internal
@view
def _judge(account: uint256, market: uint256, size: int256, quote: uint256) -> (uint256, int256):
    """
    @notice Value a DIVERGED leg as its account is judged: at that of the two prices which is better for the account.
    @return That price and the leg's pnl at it.
    """
    price: uint256 = quote & MASK_96
    other: uint256 = (quote >> 96) & MASK_96
    if (other > price) == (size > 0):
        price = other
    same: int256 = 0
    pnl: int256 = 0
    same, pnl = ledger._value(account, market, price)
    return price, pnl


@internal
@view
def _legs(account: uint256, held: uint256, quotes: uint256[16]) -> Legs:
    """
    @notice Value the legs in `held`; nothing is written. A dead leg stands at its last good price, a DIVERGED one at
            the price that is better for the account.
    """
    legs: Legs = empty(Legs)
    rest: uint256 = held
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if rest & 1 == 1:
            quote: uint256 = quotes[market]
            price: uint256 = quote & MASK_96
            size: int256 = 0
            pnl: int256 = 0
            size, pnl = ledger._value(account, market, price)
            if quote >> STATUS_SHIFT == DIVERGED:
                price, pnl = self._judge(account, market, size, quote)
            if pnl >= 0:
                legs.gains = unsafe_add(legs.gains, convert(pnl, uint256))
            else:
                legs.losses = unsafe_add(legs.losses, convert(-pnl, uint256))
            if size != 0:
                notional: int256 = ledger._notional(size, price)
                legs.gross = unsafe_add(legs.gross, convert(abs(notional), uint256))
                # both sides hold the bucket; the leg's own has been read
                side: uint256 = unsafe_add(unsafe_mul(market, 4), 0 if size > 0 else 1)
                crowding: uint256 = ledger._crowding(ledger.books[side] >> 232)
                legs.risk.append(
                    IRiskModel.Leg(market=market, notional=notional, crowding=crowding)
                )
            if quote >> STATUS_SHIFT != FRESH and ledger._is_live(account, market):
                legs.blind |= 1 << market
        rest >>= 1
    return legs


@internal
@view
def _margin(legs: Legs, market: uint256, notional: int256, crowding: uint256) -> (uint256, uint256):
    """
    @notice Margin of the legs together with a leg of `notional` in `market`.
    @param crowding That market's, WAD; it bears on the initial margin alone.
    @return Maintenance and initial margin, quote WAD.
    """
    risk: DynArray[IRiskModel.Leg, MAX_HELD] = legs.risk
    if notional != 0:
        risk.append(IRiskModel.Leg(market=market, notional=notional, crowding=crowding))
    if len(risk) == 0:
        return 0, 0
    return staticcall RISK.margin(risk)


@internal
@view
def _collateral(account: uint256, wallet: uint256) -> (uint256, uint256):
    """
    @notice What an account's collateral counts for (LIQ-7).
    @param wallet The account's word.
    @return In its maintenance and in its initial equity, quote WAD.
    """
    # the fund's word has other bits there
    if wallet & ledger.PLEDGED == 0 or account >> 96 == 0:
        return 0, 0
    return staticcall ICollateralVault(ledger.vault).worth(account)


@internal
@view
def _health(account: uint256) -> IMarginEngine.Health:
    """
    @notice An account as a whole.
    """
    wallet: uint256 = ledger.wallets[account]
    held: uint256 = (wallet >> 104) & MASK_16
    quotes: uint256[16] = self._quotes(ledger._live(account, held))
    legs: Legs = self._legs(account, held, quotes)
    cash: uint256 = wallet & MASK_104
    maintenance: uint256 = 0
    initial: uint256 = 0
    maintenance, initial = self._margin(legs, 0, 0, WAD)
    worth: uint256 = 0
    counted: uint256 = 0
    worth, counted = self._collateral(account, wallet)
    conservative: int256 = convert(cash, int256) - convert(legs.losses, int256)
    return IMarginEngine.Health(
        cash=cash,
        held=held,
        equity=conservative + convert(legs.gains + worth, int256),
        initial_equity=conservative + convert(counted, int256),
        maintenance=maintenance,
        initial=initial,
        gross=legs.gross,
        blind=legs.blind,
        collateral=worth,
        losses=legs.losses,
    )
