# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Locks
@license MIT
@notice An account that a resolve has left open: it stays locked until it is flat, and equity that appears meanwhile goes to
        the fund, up to what others paid for it (LIQ-4).
@custom:security Only a locked account is ever charged here, and never more than it owes.
"""
from ..interfaces import IMarginEngine
from . import claims
from . import ledger
from . import refusal
from . import settlement
from . import valuation

uses: claims
uses: ledger
uses: settlement
uses: valuation

MARKETS: constant(uint256) = 16
MASK_104: constant(uint256) = 2**104 - 1
MASK_16: constant(uint256) = 2**16 - 1
FUND: constant(uint256) = 1


@internal
def _lock(account: uint256, wallet: uint256, others_paid: uint256, is_open: bool) -> uint256:
    """
    @notice An account that is not flat after a resolve stays locked, and owes what others paid for it (LIQ-4).
    @return Its word.
    """
    if is_open:
        if others_paid != 0:
            self._set_debt(account, ledger.debts[account] + others_paid)
        return wallet | ledger.LOCKED
    if wallet & ledger.LOCKED != 0:
        self._set_debt(account, 0)
    return wallet & ~ledger.LOCKED


@internal
@view
def _is_tied(account: uint256, held: uint256, gains: uint256) -> bool:
    """
    @notice Whether an account without arrears still has a live position, or a claim that a frozen market holds back.
    @param gains The sum of its claims in `held`, quote WAD.
    """
    if ledger._live(account, held) != 0:
        return True
    if gains != 0:
        for market: uint256 in range(MARKETS):
            if (held >> market) & 1 == 1 and ledger._is_frozen(market):
                size: int256 = 0
                pnl: int256 = 0
                size, pnl = ledger._value(account, market, 0)
                if pnl > 0:
                    return True
    return False


@internal
def _set_debt(account: uint256, debt: uint256):
    ledger.debts[account] = debt
    log IMarginEngine.DebtUpdated(account=account, debt=debt)


@internal
def _reclaim(account: uint256):
    """
    @notice Give the fund what has appeared in a locked account, up to what others paid for it (LIQ-4).
    """
    if ledger.wallets[account] & ledger.LOCKED == 0 or account == FUND:
        refusal._because(refusal.RECLAIM_ACCOUNT_IS_NOT_LOCKED)
    quotes: uint256[16] = settlement._account_quotes(account)
    held: uint256 = 0
    changed: uint256 = 0
    ignored: ledger.Leg = empty(ledger.Leg)
    held, changed, ignored = settlement._settle(account, quotes, settlement.NO_MARKET)
    settlement._log(account, held, changed)
    wallet: uint256 = ledger.wallets[account]
    held = (wallet >> 104) & MASK_16
    legs: valuation.Legs = valuation._legs(account, held, quotes)
    cash: uint256 = wallet & MASK_104
    debt: uint256 = ledger.debts[account]
    assets: uint256 = cash + legs.gains
    due: uint256 = min(debt, assets - min(assets, legs.losses))
    paid: uint256 = min(due, cash - min(cash, legs.losses))
    if paid != 0:
        ledger._set_wallet(account, wallet - paid)
        ledger._credit(FUND, paid)
    if paid != due:
        paid += claims._assign(account, FUND, due - paid, quotes, 0)
    debt -= paid
    frees: bool = debt == 0 or (legs.losses == 0 and not self._is_tied(account, held, legs.gains))
    if frees:
        debt = 0
        ledger._set_wallet(account, ledger.wallets[account] & ~ledger.LOCKED)
    elif paid == 0:
        refusal._because(refusal.RECLAIM_NOTHING_TO_DO)
    self._set_debt(account, debt)
