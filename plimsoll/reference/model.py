"""The whole engine as one object."""

from plimsoll.reference.admin import Admin
from plimsoll.reference.fund import Fund


class Model(Admin, Fund):
    """The exact reference model: external calls by their names, the caller's address first.

    It gets calls, times and prices and nothing else. A call against the rules raises `Refused`.
    """
