# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Keeper rewards
@license MIT
@notice What a keeper is paid for a liquidation by order or a resolve (LIQ-5).
@custom:security A reward is at most what was charged for it and comes at most once per account and interval, so that
        going back and forth around the margin cannot drain anyone.
"""
from . import ledger

uses: ledger

MASK_64: constant(uint256) = 2**64 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_24: constant(uint256) = 2**24 - 1
MASK_16: constant(uint256) = 2**16 - 1
NANO: constant(uint256) = 10**9


@internal
@view
def _wanted(wallet: uint256) -> uint256:
    """
    @notice The reward by the formula; zero while the account's interval runs.
    @param wallet The word of the account that is liquidated.
    """
    rule: uint256 = ledger.reward_rule
    last: uint256 = (wallet >> 120) & MASK_32
    if last != 0 and block.timestamp < last + ((rule >> 232) & MASK_24):
        return 0
    native_price: uint256 = ((rule >> 128) & MASK_64) * NANO
    # a base fee above this changes nothing: the cap has long been reached
    base_fee: uint256 = min(block.basefee, 10**15)
    cost: uint256 = (
        ((rule >> 192) & MASK_24)
        * base_fee
        * native_price
        * (10_000 + ((rule >> 216) & MASK_16)) // 10**22
    )
    return min(max((rule & MASK_64) * NANO, cost), ((rule >> 64) & MASK_64) * NANO)


@internal
@view
def _due(wallet: uint256, budget: uint256) -> uint256:
    """
    @notice What is paid: the reward as far as `budget` reaches, and nothing below the rule's minimum, so that a slice of
            nothing cannot use up the interval.
    """
    reward: uint256 = min(self._wanted(wallet), budget)
    return reward if reward >= (ledger.reward_rule & MASK_64) * NANO else 0


@internal
@view
def _stamp(wallet: uint256) -> uint256:
    """
    @notice The account's word with the time of its last reward set to now.
    """
    return (wallet & ~(MASK_32 << 120)) | (block.timestamp << 120)
