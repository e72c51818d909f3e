"""Governance through the timelock: owner's calls are scheduled, wait, and are executed.

`timelock` encodes operations and reads where they stand, `cli` is `plimsoll governance`.
"""

from plimsoll.governance.timelock import (
    Call,
    GovernanceError,
    Governor,
    Operation,
    Scheduled,
    State,
    log_fetch,
)

__all__ = [
    "Call",
    "GovernanceError",
    "Governor",
    "Operation",
    "Scheduled",
    "State",
    "log_fetch",
]
