# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Fee token for tests
@license MIT
@notice A token that keeps a part of every transfer: the receiver gets less than was sent.
@custom:security For tests only: anyone mints.
"""
import TestToken as token

initializes: token

# transfer and transferFrom are this contract's own
exports: (
    token.allowance,
    token.approve,
    token.balanceOf,
    token.decimals,
    token.mint,
    token.name,
    token.symbol,
    token.totalSupply,
)

# part of a transfer that is kept, 1e4
fee: public(uint256)


@deploy
def __init__(decimals_: uint8, fee: uint256):
    """
    @notice Nobody has any yet.
    @param decimals_ 2 to 18.
    @param fee Part of a transfer that is kept, 1e4, at most 10,000.
    """
    token.__init__(decimals_)
    self._set_fee(fee)


@external
def set_fee(fee: uint256):
    """
    @notice Change the part that is kept, by anyone.
    @param fee 1e4, at most 10,000.
    """
    self._set_fee(fee)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    """
    @notice Move the caller's tokens, less the fee.
    @param receiver Who gets them.
    @param amount Token units.
    @return Always true.
    """
    self._send(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    """
    @notice Move tokens of an owner who allowed it, less the fee.
    @param sender The owner.
    @param receiver Who gets them.
    @param amount Token units.
    @return Always true.
    """
    token._spend(sender, amount)
    self._send(sender, receiver, amount)
    return True


@internal
def _set_fee(fee: uint256):
    assert fee <= 10_000, "token: fee out of range"
    self.fee = fee


@internal
def _send(sender: address, receiver: address, amount: uint256):
    # rounds down, against the token, which keeps it itself
    kept: uint256 = amount * self.fee // 10_000
    token._move(sender, receiver, amount - kept)
    token._move(sender, self, kept)
