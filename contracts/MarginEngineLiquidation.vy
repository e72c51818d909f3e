# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Margin engine, fourth code contract
@license MIT
@notice Liquidation against signed orders. Reached through the three before it, on the engine's storage, and forwards in turn
        to `MarginEngineAdmin`; called directly it has an empty ledger of its own and no power over the
        engine's.
@custom:security Shares the storage layout of `MarginEngine`: same modules, same order. A test compares them.
"""
from snekmate.auth import ownable
from snekmate.utils import eip712_domain_separator

from .interfaces import IMarginEngine
from .modules import accounts
from .modules import claims
from .modules import funding
from .modules import ledger
from .modules import liquidation
from .modules import margin_calls
from .modules import orders
from .modules import rewards
from .modules import synchronisation
from .modules import trading
from .modules import valuation

initializes: ownable
initializes: ledger
initializes: eip712_domain_separator
initializes: valuation[ledger := ledger]
initializes: accounts[ledger := ledger]
initializes: orders[accounts := accounts, ledger := ledger, eip712_domain_separator := eip712_domain_separator]
initializes: rewards[ledger := ledger]
initializes: claims[ledger := ledger]
initializes: funding[ledger := ledger, valuation := valuation]
initializes: margin_calls[ledger := ledger, valuation := valuation]
initializes: synchronisation[ledger := ledger, valuation := valuation]
initializes: trading[accounts := accounts, ledger := ledger, orders := orders, valuation := valuation]
initializes: liquidation[
    accounts := accounts,
    claims := claims, ledger := ledger, orders := orders, rewards := rewards, trading := trading, valuation := valuation
]

# the fifth code contract
ADMIN: immutable(address)

# most that a forwarded call may return, bytes
MAX_RETURN: constant(uint256) = 2_048


@deploy
def __init__(oracle: address, risk: address, admin: address):
    """
    @param oracle The price oracle.
    @param risk The risk model.
    @param admin The fifth code contract, built for the same two.
    """
    assert admin.is_contract, "engine: admin has no code"
    ADMIN = admin
    ownable.__init__()
    eip712_domain_separator.__init__("Plimsoll", "1")
    valuation.__init__(oracle, risk)


@external
def takeover_by_order(
    order: IMarginEngine.Order, signature: Bytes[65], account: uint256, size: uint256, keeper: uint256
):
    """
    @notice Close a slice of an account below its maintenance margin against a signed order (LIQ-3).
    @param order A third party's order on the side that takes the slice.
    @param signature Its signature.
    @param account The account that is liquidated.
    @param size Size of the slice, base units, WAD.
    @param keeper The account that is credited with the reward.
    """
    liquidation._takeover_by_order(order, signature, account, size, keeper)


@external
@reentrant
@raw_return
def __default__() -> Bytes[MAX_RETURN]:
    """
    @notice Everything else is the fifth code contract's; its functions take the lock themselves.
    """
    return raw_call(ADMIN, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)
