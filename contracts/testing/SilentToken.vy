# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Silent token for tests
@license MIT
@notice A token whose transfers return nothing, as USDT's do on Ethereum.
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


@deploy
def __init__(decimals_: uint8):
    """
    @notice Nobody has any yet.
    @param decimals_ 2 to 18.
    """
    token.__init__(decimals_)


@external
def transfer(receiver: address, amount: uint256):
    """
    @notice Move the caller's tokens.
    @param receiver Who gets them.
    @param amount Token units.
    """
    token._move(msg.sender, receiver, amount)


@external
def transferFrom(sender: address, receiver: address, amount: uint256):
    """
    @notice Move tokens of an owner who allowed it.
    @param sender The owner.
    @param receiver Who gets them.
    @param amount Token units.
    """
    token._spend(sender, amount)
    token._move(sender, receiver, amount)
