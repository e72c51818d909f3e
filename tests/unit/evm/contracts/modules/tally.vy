# pragma version 0.4.3
# @notice A module with an event of its own, to see that the root's ABI carries it.

event Counted:
    total: uint256


total: public(uint256)


@internal
def _count(by: uint256):
    self.total += by
    log Counted(total=self.total)
