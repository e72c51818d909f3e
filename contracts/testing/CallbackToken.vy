# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Callback token for tests
@license MIT
@notice A token that calls a hook in the middle of a transfer, when the balances have moved and the transfer has not
        returned: for tests of re-entrancy.
@custom:security For tests only: anyone mints. It calls whatever it is told to, without a lock on purpose.
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

# what the hook calls
target: public(address)
# with which calldata
data: public(Bytes[4096])
# transfers left until the hook fires, and none when zero
countdown: public(uint256)
# how often the hook has fired
calls: public(uint256)
# whether its last call succeeded
succeeded: public(bool)
# what its last call returned or reverted with, the first bytes of it
response: public(Bytes[320])


@deploy
def __init__(decimals_: uint8):
    """
    @notice Nobody has any yet.
    @param decimals_ 2 to 18.
    """
    token.__init__(decimals_)


@external
def set_hook(target: address, data: Bytes[4096], countdown: uint256 = 1):
    """
    @notice Arm the hook: it fires once, in transfer number `countdown` from now. What it did before is forgotten.
    @param target What it calls.
    @param data With which calldata.
    @param countdown 1 for the next transfer, 0 to disarm.
    """
    self.target = target
    self.data = data
    self.countdown = countdown
    self.calls = 0
    self.succeeded = False
    self.response = b""


@external
def transfer(receiver: address, amount: uint256) -> bool:
    """
    @notice Move the caller's tokens, then call the hook.
    @param receiver Who gets them.
    @param amount Token units.
    @return Always true.
    """
    token._move(msg.sender, receiver, amount)
    self._hook()
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    """
    @notice Move tokens of an owner who allowed it, then call the hook.
    @param sender The owner.
    @param receiver Who gets them.
    @param amount Token units.
    @return Always true.
    """
    token._spend(sender, amount)
    token._move(sender, receiver, amount)
    self._hook()
    return True


@internal
def _hook():
    """
    @notice Call the hook when it is due; it is disarmed first, so that it does not call itself for ever.
    """
    left: uint256 = self.countdown
    if left == 0:
        return
    self.countdown = left - 1
    if left > 1:
        return
    success: bool = False
    response: Bytes[320] = b""
    success, response = raw_call(self.target, self.data, max_outsize=320, revert_on_failure=False)
    self.calls += 1
    self.succeeded = success
    self.response = response
