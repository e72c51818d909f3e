"""Deploy the protocol, call it, sign its orders: the same in process and through ape.

`plan` reads a network file, `deploy` puts it on a chain and verifies it, `client.Plimsoll` is the
result with typed calls, `orders` are what makers sign. `backend` has the two routes.
"""

from __future__ import annotations

from plimsoll.protocol.backend import Backend, EvmBackend
from plimsoll.protocol.client import (
    Pledge,
    Plimsoll,
    account_id,
    connect,
    index_of,
    owner_of,
    wad,
)
from plimsoll.protocol.contract import Contract, Log, Receipt
from plimsoll.protocol.deploy import Deployment, deploy, verify
from plimsoll.protocol.errors import (
    BackendError,
    DeployError,
    OrderError,
    PlanError,
    ProtocolError,
    RecordError,
    Refused,
    VerifyError,
)
from plimsoll.protocol.orders import Domain, Order, SignedOrder, sign_order
from plimsoll.protocol.plan import Plan, load_plan, parse_plan
from plimsoll.protocol.record import Record

__all__ = [
    "Backend",
    "BackendError",
    "Contract",
    "DeployError",
    "Deployment",
    "Domain",
    "EvmBackend",
    "Log",
    "Order",
    "OrderError",
    "Plan",
    "PlanError",
    "Pledge",
    "Plimsoll",
    "ProtocolError",
    "Receipt",
    "Record",
    "RecordError",
    "Refused",
    "SignedOrder",
    "VerifyError",
    "account_id",
    "connect",
    "deploy",
    "index_of",
    "load_plan",
    "owner_of",
    "parse_plan",
    "sign_order",
    "verify",
    "wad",
]
