"""The one way in which the reference model says no."""


class Refused(Exception):  # noqa: N818 - named for what it is: a call that the rules refuse
    """A call is against the rules; it has left the state as it was.

    `reason` is for people: the contracts have texts of their own.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def require(condition: bool, reason: str) -> None:
    """Refuse the running call unless `condition` holds."""
    if not condition:
        raise Refused(reason)
