"""What can go wrong between a plan and a running protocol. Every message says what to do next."""

from __future__ import annotations

from collections.abc import Sequence


class ProtocolError(Exception):
    """Base of everything this package raises on purpose."""


class PlanError(ProtocolError):
    """A network file is wrong; `problems` has one line for each fault, beginning with the field."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.source = source
        self.problems = list(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{source} cannot be used; correct these and run again:\n{lines}")


class RecordError(ProtocolError):
    """A deployment record is unreadable or belongs to another chain or another plan."""


class DeployError(ProtocolError):
    """A step of a deployment could not be done; what was done before it stands in the record."""


class VerifyError(ProtocolError):
    """What stands on the chain is not what the plan says; `differences` has one line for each."""

    def __init__(self, differences: Sequence[str]) -> None:
        self.differences = list(differences)
        lines = "\n".join(f"  {line}" for line in self.differences)
        super().__init__(
            f"the deployment differs from its plan in {len(self.differences)} places:\n{lines}\n"
            "Somebody changed it after it was deployed, or the plan was edited: bring the plan up "
            "to date, or have the owner set the values back. Do not send users there before both "
            "agree."
        )


class BackendError(ProtocolError):
    """The network was asked for something it cannot do."""


class OrderError(ProtocolError):
    """An order or its file is malformed."""


class Refused(ProtocolError):  # noqa: N818, the contract said no; nothing broke
    """A contract reverted.

    `reason` is the reason it gave, "panic 0x11" for a compiler's check that says so, or "" when
    there was none. `contract` and `function` name what was called.
    """

    def __init__(self, reason: str, *, contract: str = "", function: str = "") -> None:
        self.reason = reason
        self.contract = contract
        self.function = function
        where = f"{contract}.{function}" if function else contract or "the contract"
        super().__init__(f"{where} refused: {reason or 'no reason given'}")
