# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Freezes
@license MIT
@notice A book that a resolve or a delisting has ended: for a day no claim in it is paid while losses are still charged to its other side
        through the closing K, so that nobody gains by being first (LED-8).
@custom:security What is charged is at most the loss plus dust, and at most half the mark per unit in all.
"""
from ..interfaces import IMarginEngine
from . import ledger
from . import refusal

uses: ledger

WAD: constant(uint256) = 10**18
MASK_104: constant(uint256) = 2**104 - 1
MASK_60: constant(uint256) = 2**60 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_20: constant(uint256) = 2**20 - 1
CHARGE_SHARE: constant(uint256) = 2
FREEZE: constant(uint256) = 86_400


@internal
def _leave(account: uint256, market: uint256) -> int256:
    """
    @notice Mark a leg of a frozen book at its closing K, and take it out of what is left of its side.
    @return Its basis.
    """
    snap: uint256 = ledger.positions[account][market * 2]
    basis: int256 = (convert(convert(snap, bytes32), int256) << 152) >> 152
    long_or_short: uint256 = 1 if basis > 0 else 2
    at: uint256 = market * 5 + long_or_short
    side: uint256 = ledger.freezes[at]
    # rounds down
    size: uint256 = (convert(abs(basis), uint256) * (side >> 104) // ((snap >> 104) & MASK_60))
    ledger.freezes[at] = side - min(size, side & MASK_104)
    ledger._store_leg(
        ledger._load_book(market, 0),
        account,
        ledger._mark(account, market, 0),
        ledger.wallets[account],
    )
    self._log(market)
    return basis


@internal
def _charge(market: uint256, hits_long: bool, missing: uint256) -> uint256:
    """
    @notice Charge `missing` to those of one side of a frozen book who are still in it, through its closing K.
    @return The part that was above the bound, or all where nobody is left.
    """
    long_or_short: uint256 = 1 if hits_long else 2
    side: uint256 = ledger.freezes[market * 5 + long_or_short]
    left: uint256 = side & MASK_104
    if left == 0:
        return missing
    scale: uint256 = WAD * (side >> 104)
    at: uint256 = market * 5 + 2 + long_or_short
    room: uint256 = ledger.freezes[at]
    excess: uint256 = 0
    # rounds up: against those who are charged
    charge: uint256 = ledger._ceil_div(missing * scale, left)
    if charge > room:
        charge = room
        excess = missing - unsafe_div(charge * left, scale)
    ledger.freezes[at] = room - charge
    epoch: uint256 = (ledger.freezes[market * 5] >> 40) & MASK_20
    key: uint256 = (epoch << 8) | (market << 1) | convert(hits_long, uint256)
    k: int256 = ledger.closing_k[key] - convert(charge, int256)
    ledger.closing_k[key] = k
    log IMarginEngine.ClosingCharged(market=market, epoch=epoch, is_long=hits_long, k=k)
    return excess


@internal
def _freeze(b: ledger.Book, long: uint256, short: uint256):
    """
    @notice Remember a book that is about to end: for a day nobody is paid before all losses are known.
    @param long Size that is left on the long side, WAD.
    @param short On the short side.
    """
    at: uint256 = b.market * 5
    ledger.freezes[at] = (b.epoch << 40) | (block.timestamp + FREEZE)
    ledger.freezes[at + 1] = (b.long_a << 104) | long
    ledger.freezes[at + 2] = (b.short_a << 104) | short
    ledger.freezes[at + 3] = b.long_a * b.price // CHARGE_SHARE
    ledger.freezes[at + 4] = b.short_a * b.price // CHARGE_SHARE
    self._set_frozen(b.market, True)
    self._log(b.market)


@internal
def _thaw(market: uint256):
    """
    @notice Let a frozen market go on once its day is over.
    """
    if market >= 16 or not ledger._is_frozen(market):
        refusal._because(refusal.THAW_MARKET_IS_NOT_FROZEN)
    if block.timestamp < ledger.freezes[market * 5] & MASK_40:
        refusal._because(refusal.THAW_TOO_EARLY)
    for i: uint256 in range(5):
        ledger.freezes[market * 5 + i] = 0
    self._set_frozen(market, False)
    self._log(market)


@internal
def _set_frozen(market: uint256, frozen: bool):
    config: uint256 = ledger.books[market * 4 + 3]
    bit: uint256 = ledger.FROZEN_FLAG << 248
    config = config | bit if frozen else config & ~bit
    ledger.books[market * 4 + 3] = config
    log IMarginEngine.MarketUpdated(market=market, config=config)


@internal
def _log(market: uint256):
    at: uint256 = market * 5
    log IMarginEngine.FreezeUpdated(
        market=market,
        freeze=ledger.freezes[at],
        long=ledger.freezes[at + 1],
        short=ledger.freezes[at + 2],
    )
