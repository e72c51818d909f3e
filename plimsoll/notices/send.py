"""An announcement on its way: by the steward at once, or by the owner through the timelock."""

from __future__ import annotations

import contextlib
import enum
from dataclasses import dataclass
from typing import Any

from plimsoll.governance import Governor
from plimsoll.governance.timelock import GovernanceError
from plimsoll.notices.changes import Proposal
from plimsoll.protocol import BackendError, Plimsoll, ProtocolError
from plimsoll.protocol.addresses import ZERO_ADDRESS
from plimsoll.protocol.backend import address_of
from plimsoll.reference.risk import MIN_LEAD


class Route(enum.Enum):
    """How an announcement gets to the risk model."""

    DIRECT = "announced"
    TIMELOCK = "scheduled in the timelock"


class AnnounceError(ProtocolError):
    """A change cannot be announced; the message says what to do."""


@dataclass(frozen=True)
class Sent:
    """What was sent: the transaction, and the operation's id if it went to the timelock."""

    txn_hash: str
    operation: str = ""


def route_of(plimsoll: Plimsoll, sender: Any) -> Route:
    """Return how an account can announce; nobody stands for the steward.

    Raises AnnounceError for an account that cannot.
    """
    if sender is None:
        return Route.DIRECT
    who = address_of(sender)
    if who in (plimsoll.risk.steward(), plimsoll.risk.owner()):
        return Route.DIRECT
    timelock = plimsoll.timelock
    if timelock is not None and timelock.hasRole(timelock.PROPOSER_ROLE(), who):
        return Route.TIMELOCK
    raise AnnounceError(
        f"{who} may not announce: it is neither the steward ({plimsoll.risk.steward()}) nor one "
        "of the timelock's proposers; send from an account that is"
    )


def check(plimsoll: Plimsoll, change: Proposal, sender: Any) -> None:
    """Ask the risk model whether it would take the change. Raises Refused with its reason, or
    AnnounceError when the timelock would be too late."""
    risk, route = plimsoll.risk, route_of(plimsoll, sender)
    if route is Route.TIMELOCK and plimsoll.timelock is not None:
        delay, now = int(plimsoll.timelock.get_minimum_delay()), plimsoll.backend.now()
        if change.start < now + delay + MIN_LEAD:
            raise AnnounceError(
                f"the timelock can announce in {delay} s at the earliest, and a change starts "
                f"{MIN_LEAD} s after that: let it start {delay + MIN_LEAD} s from now or later, or "
                "send as the steward"
            )
    steward = str(risk.steward())
    who = risk.owner() if steward == ZERO_ADDRESS else steward
    # a chain that lets no contract call from outside cannot tell
    with contextlib.suppress(BackendError):
        risk.announce.call(*change.arguments, sender=who)


def send(plimsoll: Plimsoll, change: Proposal, sender: Any) -> Sent:
    """Announce, or schedule the announcement. Raises Refused, AnnounceError or GovernanceError."""
    if route_of(plimsoll, sender) is Route.DIRECT:
        receipt = plimsoll.risk.announce.transact(*change.arguments, sender=sender)
        return Sent(receipt.txn_hash)
    governor = Governor(plimsoll)
    operation = governor.operation("risk", "announce", change.arguments)
    try:
        receipt = governor.schedule(operation, sender=sender)
    except GovernanceError as error:
        raise AnnounceError(str(error)) from None
    return Sent(receipt.txn_hash, "0x" + operation.id.hex())
