# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Custody
@license MIT
@notice The quote token on its way in and out (LED-5, LED-6).
@custom:security Balances are kept inside and never read from the token. State is written before the token is called; the
        roots hold a lock over every call.
"""
from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from snekmate.auth import ownable
from ..interfaces import IMarginEngine
from . import accounts
from . import ledger
from . import refusal
from . import valuation

uses: ledger
uses: ownable
uses: valuation

WAD: constant(uint256) = 10**18
MASK_104: constant(uint256) = 2**104 - 1
MASK_16: constant(uint256) = 2**16 - 1
LIMIT_103: constant(uint256) = 2**103
FUND: constant(uint256) = 1
TREASURY: constant(uint256) = 2

TOKEN: immutable(IERC20)
# quote WAD per unit of the token
SCALE: immutable(uint256)


@deploy
def __init__(token: address, decimals: uint8):
    assert decimals >= 2 and decimals <= 18, "custody: decimals not 2 to 18"
    assert staticcall IERC20Detailed(token).decimals() == decimals, "custody: decimals differ"
    TOKEN = IERC20(token)
    SCALE = 10**convert(18 - decimals, uint256)


@internal
def _deposit(account: uint256, amount: uint256):
    """
    @notice Take `amount` token units from the caller for an account with an owner; the fund's from its contract only.
    """
    if account >> 96 == 0:
        # the vault brings what the fund's collateral was sold for
        if account != FUND or (msg.sender != ledger.fund and msg.sender != ledger.vault):
            refusal._because(refusal.CUSTODY_NO_SUCH_ACCOUNT)
    if amount == 0:
        refusal._because(refusal.CUSTODY_AMOUNT_IS_ZERO)
    if amount >= LIMIT_103:
        refusal._because(refusal.LEDGER_CASH_OUT_OF_RANGE)
    wallet: uint256 = ledger.wallets[account]
    wallet = ledger._with_cash(wallet, (wallet & MASK_104) + amount * SCALE)
    ledger.wallets[account] = wallet
    if not extcall TOKEN.transferFrom(msg.sender, self, amount, default_return_value=True):
        refusal._because(refusal.CUSTODY_TRANSFER_FAILED)
    log IMarginEngine.Deposited(account=account, sender=msg.sender, amount=amount, wallet=wallet)


@internal
def _withdraw(account: uint256, amount: uint256, receiver: address):
    """
    @notice Send `amount` token units to `receiver`, for the account's owner.
    """
    if amount == 0:
        refusal._because(refusal.CUSTODY_AMOUNT_IS_ZERO)
    if receiver == empty(address) or receiver == self:
        refusal._because(refusal.CUSTODY_BAD_RECEIVER)
    if amount >= LIMIT_103:
        refusal._because(refusal.CUSTODY_ABOVE_CASH)
    wad: uint256 = amount * SCALE
    wallet: uint256 = 0
    if account == TREASURY:
        ownable._check_owner()
        wallet = ledger.wallets[FUND]
        if wad > wallet >> 152:
            refusal._because(refusal.CUSTODY_ABOVE_CASH)
        wallet -= wad << 152
        ledger.wallets[FUND] = wallet
    else:
        if account == FUND:
            if msg.sender != ledger.fund:
                refusal._because(refusal.CUSTODY_NOT_THE_OWNER)
        else:
            if msg.sender != accounts._owner_of(account) or account >> 96 == 0:
                refusal._because(refusal.CUSTODY_NOT_THE_OWNER)
            if ledger.wallets[account] & ledger.LOCKED != 0:
                refusal._because(refusal.CUSTODY_ACCOUNT_IS_LOCKED)
        wallet = ledger.wallets[account]
        cash: uint256 = wallet & MASK_104
        if wad > cash:
            refusal._because(refusal.CUSTODY_ABOVE_CASH)
        held: uint256 = (wallet >> 104) & MASK_16
        if held != 0 and account != FUND:
            # a flat account asks no oracle (LED-6)
            live: uint256 = ledger._live(account, held)
            legs: valuation.Legs = valuation._legs(account, held, valuation._quotes(live))
            if legs.blind != 0:
                refusal._because(refusal.CUSTODY_A_LEG_IS_NOT_FRESH)
            maintenance: uint256 = 0
            initial: uint256 = 0
            maintenance, initial = valuation._margin(legs, 0, 0, WAD)
            needed: uint256 = wad + legs.losses + initial
            if cash < needed:
                # margin may stand on collateral, losses stand on cash (LIQ-7)
                worth: uint256 = 0
                counted: uint256 = 0
                worth, counted = valuation._collateral(account, wallet)
                if cash < wad + legs.losses or cash + counted < needed:
                    refusal._because(refusal.CUSTODY_BELOW_INITIAL_MARGIN)
            if live != 0:
                # well above the maintenance margin: a margin call ends here (LIQ-1)
                wallet &= ~ledger.DEADLINE
        wallet = ledger._with_cash(wallet, cash - wad)
        ledger.wallets[account] = wallet
    log IMarginEngine.Withdrawn(account=account, receiver=receiver, amount=amount, wallet=wallet)
    if not extcall TOKEN.transfer(receiver, amount, default_return_value=True):
        refusal._because(refusal.CUSTODY_TRANSFER_FAILED)


@internal
def _probe(amount: uint256):
    """
    @notice Refuse a token that takes a fee or lies: a transfer to oneself must leave the balance as it is.
    @param amount Token units that the engine has.
    """
    before: uint256 = staticcall TOKEN.balanceOf(self)
    if before < amount:
        refusal._because(refusal.LISTING_TOKEN_LIES)
    if not extcall TOKEN.transfer(self, amount, default_return_value=True):
        refusal._because(refusal.LISTING_TOKEN_REFUSES)
    if staticcall TOKEN.balanceOf(self) != before:
        refusal._because(refusal.LISTING_TOKEN_TAKES_A_FEE)
