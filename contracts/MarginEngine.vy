# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Margin engine
@license MIT
@notice Clearing of perpetual futures: signed orders, takeovers, and everything in `MarginEngineExt`, which this
        contract runs on its own storage. Users see one address and one ABI. Amounts are WAD (1e18) unless said.
@custom:security Holds all quote tokens. The code it forwards to is fixed at deployment and shares the storage layout,
        which a test compares. Whoever may call what stands in `SECURITY.md`.
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

# the second code contract
EXTENSION: immutable(address)

# most that a forwarded call may return, bytes
MAX_RETURN: constant(uint256) = 2_048


@deploy
def __init__(oracle: address, risk: address, extension: address):
    """
    @param oracle The price oracle.
    @param risk The risk model.
    @param extension The second code contract, built for the same token, oracle and risk model.
    """
    assert extension.is_contract, "engine: extension has no code"
    ownable.__init__()
    eip712_domain_separator.__init__("Plimsoll", "1")
    valuation.__init__(oracle, risk)
    EXTENSION = extension


@external
def fill(order: IMarginEngine.Order, signature: Bytes[65], account: uint256, size: uint256):
    """
    @notice Trade `size` with the maker of a signed order, at the order's price (TRD-1, TRD-2).
    @param order The maker's order.
    @param signature Its signature: 65 bytes r, s, v, or what the maker's ERC-1271 wallet takes.
    @param account The taker's account; the caller owns it or is approved by its owner.
    @param size How much of the order to fill, base units, WAD.
    """
    trading._fill(order, signature, account, size)


@external
def takeover(account: uint256, market: uint256, size: uint256, liquidator: uint256):
    """
    @notice Take `size` of an account below its maintenance margin into one's own account, at the mark (LIQ-2).
    @param account The account that is liquidated.
    @param market The market of the slice.
    @param size Size of the slice, base units, WAD.
    @param liquidator The account that takes it; the caller owns it or is approved by its owner.
    """
    liquidation._takeover(account, market, size, liquidator)


@external
@reentrant
@raw_return
def __default__() -> Bytes[MAX_RETURN]:
    """
    @notice Everything else is the extension's; its functions take the lock themselves.
    """
    return raw_call(EXTENSION, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)
