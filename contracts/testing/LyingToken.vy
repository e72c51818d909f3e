# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Lying token for tests
@license MIT
@notice A token whose transfers return true, log what a transfer logs, and move nothing.
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

# transfers asked for so far
attempts: public(uint256)


@deploy
def __init__(decimals_: uint8):
    """
    @notice Nobody has any yet.
    @param decimals_ 2 to 18.
    """
    token.__init__(decimals_)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    """
    @notice Move nothing.
    @param receiver Who gets them.
    @param amount Token units.
    @return Always true.
    """
    self.attempts += 1
    log token.Transfer(sender=msg.sender, receiver=receiver, amount=amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    """
    @notice Move nothing.
    @param sender The owner.
    @param receiver Who gets them.
    @param amount Token units.
    @return Always true.
    """
    self.attempts += 1
    log token.Transfer(sender=sender, receiver=receiver, amount=amount)
    return True
