# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Margin engine, second code contract
@license MIT
@notice Custody and resolve. `MarginEngine` runs this code on its own storage and this contract forwards in turn to
        `MarginEngineSettlement`; called directly it has an empty ledger of its own and no power over the engine's.
@custom:security Shares the storage layout of `MarginEngine`: same modules, same order. A test compares them.
"""
from snekmate.auth import ownable

from .interfaces import IMarginEngine
from .modules import accounts
from .modules import bankruptcy
from .modules import claims
from .modules import custody
from .modules import freezes
from .modules import ledger
from .modules import locks
from .modules import margin_calls
from .modules import rewards
from .modules import settlement
from .modules import valuation

initializes: ownable
initializes: ledger
initializes: valuation[ledger := ledger]
initializes: accounts[ledger := ledger]
initializes: rewards[ledger := ledger]
initializes: claims[ledger := ledger]
initializes: margin_calls[ledger := ledger, valuation := valuation]
initializes: settlement[ledger := ledger, margin_calls := margin_calls, valuation := valuation]
initializes: freezes[ledger := ledger]
initializes: locks[claims := claims, ledger := ledger, settlement := settlement, valuation := valuation]
initializes: bankruptcy[
    claims := claims,
    freezes := freezes, ledger := ledger, locks := locks, rewards := rewards, settlement := settlement, valuation := valuation
]
initializes: custody[ledger := ledger, ownable := ownable, valuation := valuation]


# the third code contract
SETTLEMENT: immutable(address)

# most that a forwarded call may return, bytes
MAX_RETURN: constant(uint256) = 2_048


@deploy
def __init__(token: address, decimals: uint8, oracle: address, risk: address, settlement_code: address):
    """
    @param token The quote token.
    @param decimals Its decimals, 2 to 18.
    @param oracle The price oracle.
    @param risk The risk model.
    @param settlement_code The third code contract, built for the same oracle and risk model.
    """
    assert settlement_code.is_contract, "engine: third code is missing"
    SETTLEMENT = settlement_code
    ownable.__init__()
    valuation.__init__(oracle, risk)
    custody.__init__(token, decimals)


# ------------------------------------------------------------------ custody


@external
def deposit(account: uint256, amount: uint256):
    """
    @notice Pay quote tokens into an account; anyone may, for any account with an owner.
    @param account The account to credit.
    @param amount Token units, taken from the caller.
    """
    custody._deposit(account, amount)


@external
def withdraw(account: uint256, amount: uint256, receiver: address):
    """
    @notice Take cash out; for the account's owner. A flat account needs no oracle (LED-6), one with a live position
            keeps its initial margin.
    @param account The account.
    @param amount Token units.
    @param receiver Who gets them.
    """
    custody._withdraw(account, amount, receiver)


@external
def set_operator(operator: address, approved: bool):
    """
    @notice Let `operator` trade, liquidate and cancel for all the caller's accounts; never withdraw.
    @param operator Who.
    @param approved Whether from now on.
    """
    accounts._set_operator(operator, approved)


# ---------------------------------------------------------------- waterfall


@external
def resolve(account: uint256, market: uint256, keeper: uint256):
    """
    @notice Meet the arrears of one leg of a bankrupt account and close its position at the mark (LIQ-4).
    @param account The bankrupt account.
    @param market The market of the leg.
    @param keeper The account that is credited with the reward.
    """
    bankruptcy._resolve(account, market, keeper)


@external
@reentrant
@raw_return
def __default__() -> Bytes[MAX_RETURN]:
    """
    @notice Everything else is the third code contract's or the fourth's; their functions take the lock themselves.
    """
    return raw_call(SETTLEMENT, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)
