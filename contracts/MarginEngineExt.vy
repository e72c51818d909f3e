# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Margin engine, second code contract
@license MIT
@notice Custody, settlement, resolve and the views of accounts. `MarginEngine` runs this code on its own storage and this
        contract forwards in turn to `MarginEngineLiquidation`; called directly it has an empty ledger of its own and no power
        over the engine's.
@custom:security Shares the storage layout of `MarginEngine`: same modules, same order. A test compares them.
"""
from snekmate.auth import ownable

from .interfaces import IMarginEngine
from .modules import accounts
from .modules import bankruptcy
from .modules import claims
from .modules import custody
from .modules import ledger
from .modules import refusal
from .modules import rewards
from .modules import settlement
from .modules import valuation

initializes: ownable
initializes: ledger
initializes: valuation[ledger := ledger]
initializes: accounts[ledger := ledger]
initializes: rewards[ledger := ledger]
initializes: claims[ledger := ledger]
initializes: settlement[ledger := ledger, valuation := valuation]
initializes: bankruptcy[claims := claims, ledger := ledger, rewards := rewards, settlement := settlement, valuation := valuation]
initializes: custody[ledger := ledger, ownable := ownable, valuation := valuation]


FUND: constant(uint256) = 1
TREASURY: constant(uint256) = 2
MASK_104: constant(uint256) = 2**104 - 1
MASK_60: constant(uint256) = 2**60 - 1
MASK_20: constant(uint256) = 2**20 - 1
MASK_16: constant(uint256) = 2**16 - 1


# the third code contract
LIQUIDATION: immutable(address)

# most that a forwarded call may return, bytes
MAX_RETURN: constant(uint256) = 2_048


@deploy
def __init__(token: address, decimals: uint8, oracle: address, risk: address, liquidation: address):
    """
    @param token The quote token.
    @param decimals Its decimals, 2 to 18.
    @param oracle The price oracle.
    @param risk The risk model.
    @param liquidation The third code contract, built for the same oracle and risk model.
    """
    if not liquidation.is_contract:
        refusal._because("engine: third code is missing")
    LIQUIDATION = liquidation
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


# --------------------------------------------------------------- settlement


@external
def touch(account: uint256):
    """
    @notice Mark every leg of an account that has a fresh price; anyone may, for anyone.
    @param account The account.
    """
    settlement._touch(account, settlement._account_quotes(account))


@external
def settle(account: uint256):
    """
    @notice Mark an account, pay its claims from the markets' cash, then its arrears from its own (LED-3).
    @param account The account; anyone may, for anyone.
    """
    held: uint256 = 0
    changed: uint256 = 0
    size: int256 = 0
    pnl: int256 = 0
    held, changed, size, pnl = settlement._settle(account, settlement._account_quotes(account), 0)
    settlement._log(account, held, changed)


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
def cover(market: uint256) -> uint256:
    """
    @notice Let the fund pay a market's shortfall as far as its cash and the market's allowance reach.
    @param market The market.
    @return What it paid, quote WAD.
    """
    if not ledger._is_listed(market):
        refusal._because("trading: market not listed")
    return settlement._cover(market)


# -------------------------------------------------------------------- views


@external
@view
def health(account: uint256) -> IMarginEngine.Health:
    """
    @notice Equity and margin of an account at the prices of now; dead legs at their last good price.
    @param account The account.
    @return See `Health`.
    """
    return valuation._health(account)


@external
@view
def wallet(account: uint256) -> (uint256, uint256, uint256):
    """
    @notice An account's own word.
    @param account The account.
    @return Cash (quote WAD), bitmap of markets held, time of the last reward.
    """
    if account == TREASURY:
        return ledger.wallets[FUND] >> 152, 0, 0
    word: uint256 = ledger.wallets[account]
    rewarded: uint256 = 0 if account == FUND else (word >> 120) & (2**32 - 1)
    return word & MASK_104, (word >> 104) & MASK_16, rewarded


@external
@view
def position(account: uint256, market: uint256) -> IMarginEngine.PositionState:
    """
    @notice A leg as it is recorded, with its live size.
    @param account The account.
    @param market The market, 0 to 15.
    @return See `PositionState`.
    """
    snap: uint256 = ledger.positions[account][market * 2]
    profit: int256 = convert(convert(ledger.positions[account][market * 2 + 1], bytes32), int256)
    size: int256 = 0
    ignored: int256 = 0
    # the size does not depend on the price
    size, ignored = ledger._value(account, market, 0)
    return IMarginEngine.PositionState(
        basis=(convert(convert(snap, bytes32), int256) << 152) >> 152,
        a_snap=(snap >> 104) & MASK_60,
        k_snap=(profit << 104) >> 104,
        epoch=(snap >> 164) & MASK_20,
        pnl=profit >> 152,
        size=size,
    )


@external
@view
def fund_state() -> (uint256, uint256, uint256):
    """
    @notice What the insurance fund's shares stand on.
    @return Cash, claims, and what it owes to all markets' shortfalls; quote WAD.
    """
    word: uint256 = ledger.wallets[FUND]
    claims_sum: uint256 = 0
    for market: uint256 in range(16):
        if (word >> (104 + market)) & 1 == 1:
            claims_sum += convert(
                convert(convert(ledger.positions[FUND][market * 2 + 1], bytes32), int256) >> 152, uint256
            )
    return word & MASK_104, claims_sum, ledger.total_shortfall


@external
@view
def filled(order_hash: bytes32) -> uint256:
    """
    @notice How much of an order is filled.
    @param order_hash Its digest.
    @return Size, WAD; 2**256 - 1 when cancelled.
    """
    return ledger.filled[order_hash]


@external
@view
def min_salt(account: uint256) -> uint256:
    """
    @notice The smallest salt of an account's orders that is valid.
    @param account The account.
    @return The salt.
    """
    return (ledger.wallets[account] >> 152) & (2**56 - 1)


@external
@view
def is_operator(owner: address, operator: address) -> bool:
    """
    @notice Whether `operator` may trade for the owner's accounts.
    @param owner The owner.
    @param operator The operator.
    @return Whether it may.
    """
    return ledger.operators[owner][operator]


@external
@reentrant
@raw_return
def __default__() -> Bytes[MAX_RETURN]:
    """
    @notice Everything else is the third code contract's or the fourth's; their functions take the lock themselves.
    """
    return raw_call(LIQUIDATION, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)
