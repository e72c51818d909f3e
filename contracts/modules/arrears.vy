# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Arrears
@license MIT
@notice Arrears that an account's cash does not reach for: noted by anyone, then its collateral is sold for them whatever its
        health, and after a day its claims go for them (LIQ-7).
@custom:security Without it an account that is well collateralised, or that holds claims nobody pays, could owe the winners of
        a market for ever. It takes from an account no more than it owes.
"""
from ..interfaces import IMarginEngine
from . import claims
from . import ledger
from . import margin_calls
from . import refusal
from . import settlement

uses: claims
uses: ledger
uses: margin_calls
uses: settlement

MARKETS: constant(uint256) = 16
MASK_16: constant(uint256) = 2**16 - 1
FUND: constant(uint256) = 1
DAY: constant(uint256) = 86_400
# a note stands for so long
VOID: constant(uint256) = 2 * 86_400


@internal
def _settle(account: uint256) -> uint256[16]:
    """
    @notice Settle an account, with events; what was noted ends with its last arrears.
    @return The quotes of its markets.
    """
    held: uint256 = 0
    changed: uint256 = 0
    ignored: ledger.Leg = empty(ledger.Leg)
    quotes: uint256[16] = settlement._account_quotes(account)
    held, changed, ignored = settlement._settle(account, quotes, settlement.NO_MARKET)
    settlement._log(account, held, changed)
    margin_calls._clear_if_cured(account, quotes)
    self._end_if_paid(account)
    return quotes


@internal
def _end_if_paid(account: uint256):
    wallet: uint256 = ledger.wallets[account]
    # the fund's word has other bits there
    if account != FUND and wallet & ledger.OVERDUE != 0 and self._owed(account) == 0:
        ledger._set_wallet(account, wallet & ~ledger.OVERDUE)


@internal
@view
def _owed(account: uint256) -> uint256:
    """
    @notice The sum of an account's recorded arrears, quote WAD.
    """
    owed: uint256 = 0
    rest: uint256 = (ledger.wallets[account] >> 104) & MASK_16
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if rest & 1 == 1:
            pnl: int256 = ledger._recorded_pnl(account, market)
            if pnl < 0:
                owed += convert(-pnl, uint256)
        rest >>= 1
    return owed


@internal
def _note(account: uint256):
    """
    @notice Note that an account has arrears which its cash does not pay.
    """
    if account >> 96 == 0:
        refusal._because(refusal.CUSTODY_NO_SUCH_ACCOUNT)
    self._settle(account)
    if self._owed(account) == 0:
        refusal._because(refusal.ARREARS_NONE)
    wallet: uint256 = ledger.wallets[account]
    # one that is old may be of arrears that were paid long ago
    if wallet & ledger.OVERDUE != 0 and block.timestamp <= ledger.since[account] + VOID:
        refusal._because(refusal.ARREARS_ALREADY_NOTED)
    wallet |= ledger.OVERDUE
    ledger.wallets[account] = wallet
    ledger.since[account] = block.timestamp
    log IMarginEngine.ArrearsNoted(account=account, since=block.timestamp, wallet=wallet)


@internal
def _clear(account: uint256):
    """
    @notice Arrears noted a day ago go to the markets' shortfalls, against claims of equal value that go to the fund.
    """
    wallet: uint256 = ledger.wallets[account]
    if account >> 96 == 0:
        refusal._because(refusal.CUSTODY_NO_SUCH_ACCOUNT)
    if wallet & ledger.LOCKED != 0:
        refusal._because(refusal.CUSTODY_ACCOUNT_IS_LOCKED)
    since: uint256 = ledger.since[account]
    if (
        wallet & ledger.OVERDUE == 0
        or block.timestamp < since + DAY
        or block.timestamp > since + VOID
    ):
        refusal._because(refusal.ARREARS_NOT_FOR_A_DAY)
    quotes: uint256[16] = self._settle(account)
    equity: int256 = 0
    ignored: uint256 = 0
    equity, ignored = margin_calls._standing(account, quotes)
    # a resolve gives each market its part of the claims (LIQ-4)
    if equity < 0:
        refusal._because(refusal.LIQUIDATION_ACCOUNT_BANKRUPT)
    left: uint256 = claims._assign(account, FUND, self._owed(account), quotes, 0)
    if left == 0:
        refusal._because(refusal.ARREARS_NO_CLAIMS)
    log IMarginEngine.ArrearsCleared(account=account, amount=left)
    for market: uint256 in range(MARKETS):
        if left == 0:
            break
        pnl: int256 = ledger._recorded_pnl(account, market)
        if pnl < 0:
            part: uint256 = min(convert(-pnl, uint256), left)
            left -= part
            ledger._add_claim(account, market, part, 0)
            settlement._change_shortfall(market, part, 0)
    self._end_if_paid(account)
