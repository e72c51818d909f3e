# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Margin calls
@license MIT
@notice The warning an account gets before it may be taken over, and its end (LIQ-1).
@custom:security A deadline is set once and then moved by nobody; it goes only when the account is found above its
        maintenance margin, or stands an hour past itself.
"""
from ..interfaces import IMarginEngine
from . import ledger
from . import refusal
from . import valuation

uses: ledger
uses: valuation

WAD: constant(uint256) = 10**18
MASK_104: constant(uint256) = 2**104 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_16: constant(uint256) = 2**16 - 1
FUND: constant(uint256) = 1
CURE: constant(uint256) = 300
VOID: constant(uint256) = 3_600


@internal
@view
def _standing(account: uint256, quotes: uint256[16]) -> (int256, uint256):
    """
    @notice Equity and maintenance margin of an account, dead legs at their last good price.
    """
    wallet: uint256 = ledger.wallets[account]
    legs: valuation.Legs = valuation._legs(account, (wallet >> 104) & MASK_16, quotes)
    maintenance: uint256 = 0
    ignored: uint256 = 0
    maintenance, ignored = valuation._margin(legs, 0, 0, WAD)
    worth: uint256 = 0
    worth, ignored = valuation._collateral(account, wallet)
    return (
        convert((wallet & MASK_104) + legs.gains + worth, int256) - convert(legs.losses, int256),
        maintenance,
    )


@internal
def _call(account: uint256):
    """
    @notice Call an account below its maintenance margin: from the deadline on it may be taken over.
    """
    wallet: uint256 = ledger.wallets[account]
    if account >> 96 == 0:
        refusal._because(refusal.CUSTODY_NO_SUCH_ACCOUNT)
    deadline: uint256 = (wallet >> 208) & MASK_32
    if deadline != 0 and block.timestamp <= deadline + VOID:
        refusal._because(refusal.MARGIN_CALL_ALREADY_CALLED)
    equity: int256 = 0
    maintenance: uint256 = 0
    quotes: uint256[16] = valuation._quotes(ledger._live(account, (wallet >> 104) & MASK_16))
    equity, maintenance = self._standing(account, quotes)
    if equity >= convert(maintenance, int256):
        refusal._because(refusal.LIQUIDATION_ACCOUNT_IS_HEALTHY)
    deadline = block.timestamp + CURE
    wallet = (wallet & ~ledger.DEADLINE) | (deadline << 208)
    ledger.wallets[account] = wallet
    log IMarginEngine.MarginCalled(
        account=account,
        deadline=deadline,
        equity=equity,
        maintenance=maintenance,
        wallet=wallet,
    )


@internal
@view
def _check(wallet: uint256):
    """
    @notice Refuse the takeover of an account that has not been called, or whose cure window runs.
    """
    deadline: uint256 = (wallet >> 208) & MASK_32
    if deadline == 0 or block.timestamp > deadline + VOID:
        refusal._because(refusal.LIQUIDATION_NO_MARGIN_CALL)
    if block.timestamp < deadline:
        refusal._because(refusal.LIQUIDATION_CURE_WINDOW)


@internal
def _clear_if_cured(account: uint256, quotes: uint256[16]):
    """
    @notice End the call of an account that is found above its maintenance margin.
    """
    wallet: uint256 = ledger.wallets[account]
    # the fund's word has other bits there
    if account != FUND and wallet & ledger.DEADLINE != 0:
        equity: int256 = 0
        maintenance: uint256 = 0
        equity, maintenance = self._standing(account, quotes)
        if equity >= convert(maintenance, int256):
            ledger._set_wallet(account, wallet & ~ledger.DEADLINE)
