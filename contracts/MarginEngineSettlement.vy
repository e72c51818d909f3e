# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Margin engine, third code contract
@license MIT
@notice Settlement, margin calls, upkeep of markets, cancelling of orders and the views of accounts. Reached through
        `MarginEngine` and `MarginEngineExt`, on the engine's storage, and forwards in turn to `MarginEngineLiquidation`; called directly it has
        an empty ledger of its own and no power over the engine's.
@custom:security Whatever moves money here is for anyone, and costs an account nothing but what it owes. Shares the
        storage layout of `MarginEngine`: same modules, same order. A test compares them.
"""
from snekmate.auth import ownable
from snekmate.utils import eip712_domain_separator

from .interfaces import IMarginEngine
from .modules import accounts
from .modules import arrears
from .modules import claims
from .modules import freezes
from .modules import funding
from .modules import ledger
from .modules import locks
from .modules import margin_calls
from .modules import orders
from .modules import refusal
from .modules import settlement
from .modules import synchronisation
from .modules import valuation

initializes: ownable
initializes: ledger
initializes: eip712_domain_separator
initializes: valuation[ledger := ledger]
initializes: accounts[ledger := ledger]
initializes: orders[accounts := accounts, ledger := ledger, eip712_domain_separator := eip712_domain_separator]
initializes: claims[ledger := ledger]
initializes: freezes[ledger := ledger]
initializes: funding[ledger := ledger, valuation := valuation]
initializes: margin_calls[ledger := ledger, valuation := valuation]
initializes: synchronisation[ledger := ledger, valuation := valuation]
initializes: settlement[ledger := ledger, margin_calls := margin_calls, valuation := valuation]
initializes: arrears[claims := claims, ledger := ledger, margin_calls := margin_calls, settlement := settlement]
initializes: locks[claims := claims, ledger := ledger, settlement := settlement, valuation := valuation]

FUND: constant(uint256) = 1
TREASURY: constant(uint256) = 2
MASK_104: constant(uint256) = 2**104 - 1
MASK_60: constant(uint256) = 2**60 - 1
MASK_20: constant(uint256) = 2**20 - 1
MASK_16: constant(uint256) = 2**16 - 1

# the fourth code contract
LIQUIDATION: immutable(address)

# most that a forwarded call may return, bytes
MAX_RETURN: constant(uint256) = 2_048


@deploy
def __init__(oracle: address, risk: address, liquidation: address):
    """
    @param oracle The price oracle.
    @param risk The risk model.
    @param liquidation The fourth code contract, built for the same two.
    """
    assert liquidation.is_contract, "engine: fourth code is missing"
    LIQUIDATION = liquidation
    ownable.__init__()
    eip712_domain_separator.__init__("Plimsoll", "1")
    valuation.__init__(oracle, risk)


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
    @notice Mark an account, pay what has matured of its claims from the markets' cash, then its arrears from its own
            (LED-3, LED-4).
    @param account The account; anyone may, for anyone.
    """
    arrears._settle(account)


@external
def note_arrears(account: uint256):
    """
    @notice Note that an account has arrears which its cash does not pay; an hour later its collateral may be sold for them,
            whatever its health (LIQ-7).
    @param account The account; anyone may do it.
    """
    arrears._note(account)


@external
def clear_arrears(account: uint256):
    """
    @notice Let the markets' shortfalls take over arrears noted a day ago, against claims of the account that go to the
            fund (LIQ-7).
    @param account The account; anyone may do it.
    """
    arrears._clear(account)


@external
def mark_collateral(account: uint256, has: bool):
    """
    @notice Record whether an account has collateral. For the vault.
    @param account The account.
    @param has Whether it has any.
    """
    if msg.sender != ledger.vault:
        refusal._because(refusal.COLLATERAL_NOT_THE_VAULT)
    wallet: uint256 = ledger.wallets[account] & ~ledger.PLEDGED
    ledger._set_wallet(account, wallet | ledger.PLEDGED if has else wallet)


@external
def cover(market: uint256) -> uint256:
    """
    @notice Let the fund pay a market's shortfall as far as its cash and the market's allowance reach.
    @param market The market.
    @return What it paid, quote WAD.
    """
    if not ledger._is_listed(market):
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    return settlement._cover(market)


@external
def call_margin(account: uint256):
    """
    @notice Call an account below its maintenance margin; after the cure window it may be taken over (LIQ-1).
    @param account The account; anyone may call it.
    """
    margin_calls._call(account)


@external
def reclaim(account: uint256):
    """
    @notice Give the fund what has appeared in an account that a resolve has locked, up to what others paid for it; an account
            that is flat, or has paid all of it back, is free again (LIQ-4).
    @param account The account; anyone may do it.
    """
    locks._reclaim(account)


@external
def sync(market: uint256):
    """
    @notice Synchronise a market with its mark, so that after a large move risk may grow again two blocks later (TRD-4).
    @param market The market; anyone may do it.
    """
    synchronisation._sync(market)


@external
def accrue(market: uint256):
    """
    @notice Pay a market's funding up to the minute; trades do it on their own (LED-7).
    @param market The market; anyone may do it.
    """
    funding._accrue(market)


@external
def thaw(market: uint256):
    """
    @notice Let claims of a market be paid again, a day after a resolve has ended its book (LED-8).
    @param market The market; anyone may do it.
    """
    freezes._thaw(market)


# ------------------------------------------------------------------- orders


@external
def cancel_order(order: IMarginEngine.Order):
    """
    @notice Make an order void; for the maker's owner or operator.
    @param order The order.
    """
    orders._cancel(order)


@external
def cancel_below(account: uint256, salt: uint256):
    """
    @notice Make all orders of an account with a smaller salt void; for its owner or operator.
    @param account The maker's account.
    @param salt The smallest salt that stays valid; it can only be raised.
    """
    orders._cancel_below(account, salt)


@external
@view
def order_hash(order: IMarginEngine.Order) -> bytes32:
    """
    @notice The EIP-712 digest of an order, which its maker signs.
    @param order The order.
    @return The digest.
    """
    return orders._hash(order)


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
def wallet(account: uint256) -> IMarginEngine.WalletState:
    """
    @notice An account's own word, and what a locked one owes.
    @param account The account.
    @return See `WalletState`.
    """
    if account == TREASURY:
        return IMarginEngine.WalletState(
            cash=ledger.wallets[FUND] >> 152,
            held=0,
            rewarded_at=0,
            deadline=0,
            locked=False,
            debt=0,
            pledged=False,
            since=0,
        )
    word: uint256 = ledger.wallets[account]
    # the fund's word has other bits above
    rest: uint256 = 0 if account == FUND else word
    # only a locked account owes anything
    debt: uint256 = 0
    if rest & ledger.LOCKED != 0:
        debt = ledger.debts[account]
    return IMarginEngine.WalletState(
        cash=word & MASK_104,
        held=(word >> 104) & MASK_16,
        rewarded_at=(rest >> 120) & (2**32 - 1),
        deadline=(rest >> 208) & (2**32 - 1),
        locked=rest & ledger.LOCKED != 0,
        debt=debt,
        pledged=rest & ledger.PLEDGED != 0,
        since=ledger.since[account] if rest & ledger.OVERDUE != 0 else 0,
    )


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
        reserve=snap >> 216,
        time=(snap >> 184) & (2**32 - 1),
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
    @notice Everything else is the code contracts' behind it; their functions take the lock themselves.
    """
    return raw_call(LIQUIDATION, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)
