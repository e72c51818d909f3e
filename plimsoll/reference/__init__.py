"""The exact integer model of the engine: the rules of docs/SPEC.md in plain Python integers.

It is the oracle of the tests and is written to be read: no gas is saved, nothing is packed.
"""

from plimsoll.reference.errors import Refused
from plimsoll.reference.margin import Breakdown, Globals, Risk
from plimsoll.reference.model import Model
from plimsoll.reference.state import Config, Order, Reward, account_id

__all__ = [
    "Breakdown",
    "Config",
    "Globals",
    "Model",
    "Order",
    "Refused",
    "Reward",
    "Risk",
    "account_id",
]
