"""`plimsoll announce` and `plimsoll notices`: changes of risk parameters (MRG-5), proposed and
scheduled, and the accounts that they would put into a margin call.

`changes` names parameters and reads and writes their values as people do, `effect` is the margin
of all accounts under them, `send` proposes, `report` prints, `cli` has the two commands.
"""

from __future__ import annotations

from plimsoll.notices.changes import Notice, Proposal, proposal, scheduled
from plimsoll.notices.effect import Effect, Subject, effects, read_subjects, with_change
from plimsoll.notices.send import Route, check, route_of, send

__all__ = [
    "Effect",
    "Notice",
    "Proposal",
    "Route",
    "Subject",
    "check",
    "effects",
    "proposal",
    "read_subjects",
    "route_of",
    "scheduled",
    "send",
    "with_change",
]
