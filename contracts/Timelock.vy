# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Timelock
@license MIT
@notice Owner of the engine, the risk model and the oracle: what an owner may do waits here, in public, for at least the
        delay (MRG-5). Proposers schedule and cancel, executors execute what is due (the zero address among them: anyone),
        the timelock itself grants and revokes roles. Operations are snekmate's `timelock_controller`.
@custom:security Whoever executes chooses when, after the delay, and for as long as nobody cancels. The delay can be made
        longer and shorter again, never shorter than it was at deployment, so that no operation opens a way around it; no
        role is left with the deployer. Without the lock, as snekmate has it: an operation that is entered again is not
        ready any more and reverts.
"""
from snekmate.auth import access_control
from snekmate.governance import timelock_controller

initializes: access_control
initializes: timelock_controller[access_control := access_control]

# update_delay has bounds here; the receivers of tokens are left out: nothing of value is meant to lie here but the
# fund's first shares
exports: (
    access_control.DEFAULT_ADMIN_ROLE,
    access_control.getRoleAdmin,
    access_control.grantRole,
    access_control.hasRole,
    access_control.renounceRole,
    access_control.revokeRole,
    access_control.set_role_admin,
    timelock_controller.CANCELLER_ROLE,
    timelock_controller.EXECUTOR_ROLE,
    timelock_controller.PROPOSER_ROLE,
    timelock_controller.cancel,
    timelock_controller.execute,
    timelock_controller.execute_batch,
    timelock_controller.get_minimum_delay,
    timelock_controller.get_operation_state,
    timelock_controller.get_timestamp,
    timelock_controller.hash_operation,
    timelock_controller.hash_operation_batch,
    timelock_controller.is_operation,
    timelock_controller.is_operation_done,
    timelock_controller.is_operation_pending,
    timelock_controller.is_operation_ready,
    timelock_controller.schedule,
    timelock_controller.schedule_batch,
)

MAX_MEMBERS: constant(uint256) = 16
# seconds; a longer delay than this would lock up what it is to protect
MAX_DELAY: constant(uint256) = 30 * 86_400

# seconds; the delay may never be shorter
FLOOR: immutable(uint256)


@deploy
def __init__(
    minimum_delay: uint256,
    proposers: DynArray[address, MAX_MEMBERS],
    executors: DynArray[address, MAX_MEMBERS],
):
    """
    @param minimum_delay Seconds between scheduling and executing, now and as the least ever, at most 30 days.
    @param proposers Who schedules and cancels.
    @param executors Who executes; the zero address among them: anyone.
    """
    assert minimum_delay <= MAX_DELAY, "timelock: delay out of range"
    assert len(proposers) != 0, "timelock: nobody proposes"
    assert len(executors) != 0, "timelock: nobody executes"
    FLOOR = minimum_delay
    access_control.__init__()
    # no admin: it takes the deployer's admin role away, and the timelock keeps its own
    timelock_controller.__init__(minimum_delay, proposers, executors, empty(address))


@external
def update_delay(new_delay: uint256):
    """
    @notice Change the delay for operations scheduled from now on; for the timelock itself, through an operation.
    @param new_delay Seconds, not below that of the deployment and at most 30 days.
    """
    assert msg.sender == self, "timelock: caller is not itself"
    assert new_delay >= FLOOR and new_delay <= MAX_DELAY, "timelock: delay out of range"
    log timelock_controller.MinimumDelayChange(
        old_duration=timelock_controller.get_minimum_delay, new_duration=new_delay
    )
    timelock_controller.get_minimum_delay = new_delay


@external
@view
def shortest_delay() -> uint256:
    """
    @notice The delay of the deployment, below which it can never be set.
    @return Seconds.
    """
    return FLOOR
