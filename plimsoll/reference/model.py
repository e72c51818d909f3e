"""The whole engine as one object."""

from plimsoll.reference.admin import Admin
from plimsoll.reference.fund import Fund
from plimsoll.reference.vault import Vault


class Model(Admin, Fund, Vault):
    """The exact reference model: external calls by their names, the caller's address first.

    It gets calls, times and prices and nothing else. A call against the rules raises `Refused`.
    """
