# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Orders
@license MIT
@notice EIP-712 orders: hash, signer, what is filled, what is cancelled (TRD-1).
@custom:security A forged or replayed order lets a stranger trade for an account. The hash covers every field, the chain
        and the engine; a fill is counted before anything else is written.
"""
from snekmate.utils import eip712_domain_separator
from snekmate.utils import signature_checker
from ..interfaces import IMarginEngine
from . import accounts
from . import ledger
from . import refusal

uses: accounts
uses: ledger
uses: eip712_domain_separator

ORDER_TYPE_HASH: constant(bytes32) = keccak256(
    "Order(uint256 account,uint8 market,int256 size,uint256 price,uint256 expiry,uint256 salt,bool reduceOnly,address taker)"
)
# half the order of secp256k1: a signature has one valid form only (EIP-2)
S_MAX: constant(uint256) = (
    57_896_044_618_658_097_711_785_492_504_343_953_926_418_782_139_537_452_191_302_581_570_759_080_747_168
)
MASK_56: constant(uint256) = 2**56 - 1
# sizes above this never enter a product (LED-9)
SIZE_MAX: constant(int256) = 2**96


@internal
@view
def _hash(order: IMarginEngine.Order) -> bytes32:
    return eip712_domain_separator._hash_typed_data_v4(
        keccak256(abi_encode(ORDER_TYPE_HASH, order))
    )


@internal
@view
def _check_signature(order: IMarginEngine.Order, order_hash: bytes32, signature: Bytes[65]):
    """
    @notice The owner's or an operator's key first, so that an owner with EIP-7702 code can sign; then ERC-1271.
    """
    if len(signature) == 65:
        s: uint256 = extract32(signature, 32, output_type=uint256)
        if s <= S_MAX:
            signer: address = ecrecover(
                order_hash,
                convert(slice(signature, 64, 1), uint256),
                extract32(signature, 0, output_type=uint256),
                s,
            )
            if signer != empty(address) and accounts._acts_for(order.account, signer):
                return
    owner: address = accounts._owner_of(order.account)
    if owner == empty(address) or not signature_checker._is_valid_ERC1271_signature_now(
        owner, order_hash, signature
    ):
        refusal._because(refusal.ORDERS_WRONG_SIGNATURE)


@internal
def _take(order: IMarginEngine.Order, signature: Bytes[65], size: uint256) -> bytes32:
    """
    @notice Check an order and count `size` of it as filled.
    @return The order's hash.
    """
    if block.timestamp > order.expiry:
        refusal._because(refusal.ORDERS_EXPIRED)
    if order.taker != empty(address) and order.taker != msg.sender:
        refusal._because(refusal.ORDERS_WRONG_TAKER)
    if order.salt < (ledger.wallets[order.account] >> 152) & MASK_56:
        refusal._because(refusal.ORDERS_CANCELLED)
    order_hash: bytes32 = self._hash(order)
    filled: uint256 = ledger.filled[order_hash]
    if filled == max_value(uint256):
        refusal._because(refusal.ORDERS_CANCELLED)
    if size == 0:
        refusal._because(refusal.ORDERS_SIZE_IS_ZERO)
    if order.size > SIZE_MAX or order.size < -SIZE_MAX:
        refusal._because(refusal.ORDERS_SIZE_OUT_OF_RANGE)
    limit: uint256 = convert(abs(order.size), uint256)
    # what is filled is never above the order's size
    if size > limit - filled:
        refusal._because(refusal.ORDERS_OVERFILLED)
    self._check_signature(order, order_hash, signature)
    ledger.filled[order_hash] = filled + size
    return order_hash


@internal
def _cancel(order: IMarginEngine.Order):
    if not accounts._acts_for(order.account, msg.sender):
        refusal._because(refusal.ORDERS_NOT_YOURS)
    order_hash: bytes32 = self._hash(order)
    ledger.filled[order_hash] = max_value(uint256)
    log IMarginEngine.OrderCancelled(account=order.account, order_hash=order_hash)


@internal
def _cancel_below(account: uint256, salt: uint256):
    if not accounts._acts_for(account, msg.sender):
        refusal._because(refusal.ORDERS_NOT_YOURS)
    wallet: uint256 = ledger.wallets[account]
    if salt <= (wallet >> 152) & MASK_56 or salt > MASK_56:
        refusal._because(refusal.ORDERS_SALT_NOT_RAISED)
    ledger.wallets[account] = (wallet & ~(MASK_56 << 152)) | (salt << 152)
    log IMarginEngine.OrdersCancelledBelow(account=account, salt=salt)
