"""Orders: what a maker signs, how it travels, how its digest is made (TRD-1).

Sizes and prices are WAD integers. In JSON every integer is a decimal string: a 256-bit number does
not survive JavaScript. The digest is computed here, without a node, and equals the engine's
`order_hash`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from eip712.messages import EIP712Message
from eth_abi.abi import encode as abi_encode
from eth_account import Account as EthAccount
from eth_keys.exceptions import BadSignature
from eth_pydantic_types import abi
from eth_typing import Hash32
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plimsoll.protocol.addresses import ZERO_ADDRESS, checked_address
from plimsoll.protocol.errors import OrderError

__all__ = ["ORDER_TYPE", "ZERO_ADDRESS", "Domain", "Order", "SignedOrder", "sign_order"]

ORDER_TYPE = (
    "Order(uint256 account,uint8 market,int256 size,uint256 price,uint256 expiry,uint256 salt,"
    "bool reduceOnly,address taker)"
)
_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_NAME, _VERSION = "Plimsoll", "1"
_ORDER_TYPE_HASH = keccak(text=ORDER_TYPE)

#: a signed order is an object in an object; a few more, so that a wrong field can be named
_MAX_BRACKETS = 8
#: field -> bits and sign of its integer
_INTEGERS = {
    "account": (256, False),
    "market": (8, False),
    "size": (256, True),
    "price": (256, False),
    "expiry": (256, False),
    "salt": (256, False),
}


@dataclasses.dataclass(frozen=True)
class Domain:
    """Where an order is valid: one engine on one chain."""

    chain_id: int
    engine: str

    @property
    def separator(self) -> bytes:
        """The EIP-712 domain separator."""
        return _separator(self.chain_id, self.engine)


@lru_cache(maxsize=64)
def _separator(chain_id: int, engine: str) -> bytes:
    return keccak(
        abi_encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=_DOMAIN_TYPE),
                keccak(text=_NAME),
                keccak(text=_VERSION),
                chain_id,
                engine,
            ],
        )
    )


@dataclasses.dataclass(frozen=True)
class Order:
    """An order as the engine's struct has it.

    `account` is the maker's account id, `size` and `price` are WAD (a positive size buys), `expiry`
    is the last second at which it may be filled, `taker` who may fill it (zero: anyone).
    Raises OrderError when a field does not fit.
    """

    account: int
    market: int
    size: int
    price: int
    expiry: int
    salt: int
    reduce_only: bool = False
    taker: str = ZERO_ADDRESS

    def __post_init__(self) -> None:
        """Check every field's type and range."""
        for name, (bits, signed) in _INTEGERS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise OrderError(f"order.{name}: {value!r} is no integer; give a WAD or a count")
            low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
            if not low <= value < high:
                raise OrderError(f"order.{name}: {value} does not fit {bits} bits")
        if self.size == 0:
            raise OrderError("order.size: is zero; positive buys, negative sells")
        if not isinstance(self.reduce_only, bool):
            raise OrderError(f"order.reduce_only: {self.reduce_only!r} is neither true nor false")
        try:
            object.__setattr__(self, "taker", checked_address(self.taker))
        except ValueError as error:
            raise OrderError(f"order.taker: {error}; leave it out for anyone") from None

    @property
    def maker(self) -> str:
        """The address that owns the maker's account."""
        return str(to_checksum_address((self.account >> 96).to_bytes(20, "big")))

    def as_tuple(self) -> tuple[int, int, int, int, int, int, bool, str]:
        """Return the fields in the struct's order."""
        return (
            self.account,
            self.market,
            self.size,
            self.price,
            self.expiry,
            self.salt,
            self.reduce_only,
            self.taker,
        )

    def digest(self, domain: Domain) -> bytes:
        """Return the 32 bytes that the maker signs; the engine's `order_hash`."""
        words = [
            (int(value, 16) if isinstance(value, str) else int(value)) % 2**256
            for value in self.as_tuple()
        ]
        body = keccak(_ORDER_TYPE_HASH + b"".join([word.to_bytes(32, "big") for word in words]))
        return keccak(b"\x19\x01" + domain.separator + body)

    def message(self, domain: Domain) -> EIP712Message:
        """Return the typed message for a wallet: `ape_account.sign_message(order.message(...))`."""
        return _message(self, domain)

    def typed(self, domain: Domain) -> dict[str, Any]:
        """Return the full EIP-712 message as plain JSON, as `eth_signTypedData_v4` takes it."""
        return {
            "types": {
                "EIP712Domain": _fields(_DOMAIN_TYPE),
                "Order": _fields(ORDER_TYPE),
            },
            "primaryType": "Order",
            "domain": {
                "name": _NAME,
                "version": _VERSION,
                "chainId": domain.chain_id,
                "verifyingContract": domain.engine,
            },
            "message": dict(
                zip([f["name"] for f in _fields(ORDER_TYPE)], self.as_tuple(), strict=True)
            ),
        }


def _fields(signature: str) -> list[dict[str, str]]:
    inner = signature[signature.index("(") + 1 : -1]
    return [
        {"type": kind, "name": name} for kind, name in (part.split() for part in inner.split(","))
    ]


@lru_cache(maxsize=1)
def _message_type() -> type[EIP712Message]:
    # in a function, because its name has to be that of the class above
    class Order(EIP712Message):
        """The class's name is the primary type, its fields the type's."""

        account: abi.uint256
        market: abi.uint8
        size: abi.int256
        price: abi.uint256
        expiry: abi.uint256
        salt: abi.uint256
        reduceOnly: abi.bool  # noqa: N815, the name in the signed type
        taker: abi.address

    return Order


def _message(order: Order, domain: Domain) -> EIP712Message:
    kind = _message_type()
    values = dict(zip(kind.model_fields, order.as_tuple(), strict=True))
    where = {
        "eip712_name": _NAME,
        "eip712_version": _VERSION,
        "eip712_chainId": domain.chain_id,
        "eip712_verifyingContract": domain.engine,
    }
    return kind.model_validate({**values, **where})


@dataclasses.dataclass(frozen=True)
class SignedOrder:
    """An order with its maker's signature: 65 bytes r, s, v, or what an ERC-1271 wallet takes."""

    order: Order
    signature: bytes

    def __post_init__(self) -> None:
        """Refuse a signature that the engine's argument does not hold."""
        if not isinstance(self.signature, bytes) or len(self.signature) > 65:
            raise OrderError("signature: is not at most 65 bytes; sign the order anew")

    def signer(self, domain: Domain) -> str | None:
        """Return the address whose key signed, or None when it is no key's signature."""
        if len(self.signature) != 65 or self.signature[64] not in (27, 28):
            return None
        try:
            found = EthAccount._recover_hash(
                Hash32(self.order.digest(domain)), signature=self.signature
            )
        except (BadSignature, ValueError):
            return None
        return str(found)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        order = dataclasses.asdict(self.order)
        order.update({name: str(order[name]) for name in _INTEGERS})
        return {"order": order, "signature": "0x" + self.signature.hex()}

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, data: Any) -> SignedOrder:
        """Return the order in plain JSON. Raises OrderError that names what is wrong."""
        if not isinstance(data, Mapping) or set(data) != {"order", "signature"}:
            raise OrderError("a signed order is an object with `order` and `signature` alone")
        order, signature = data["order"], data["signature"]
        if not isinstance(order, Mapping):
            raise OrderError("order: is no object")
        known = {field.name: field for field in dataclasses.fields(Order)}
        unknown = sorted(str(name) for name in set(order) - set(known))
        if unknown:
            raise OrderError(f"order: has no field {', '.join(unknown)}; take it out")
        missing = [name for name in _INTEGERS if name not in order]
        if missing:
            raise OrderError(f"order: lacks {', '.join(missing)}")
        values: dict[str, Any] = {name: _integer(name, order[name]) for name in _INTEGERS}
        values.update((name, order[name]) for name in ("reduce_only", "taker") if name in order)
        if not isinstance(signature, str) or not signature.startswith("0x"):
            raise OrderError("signature: is no hex string beginning with 0x")
        try:
            raw = bytes.fromhex(signature[2:])
        except ValueError:
            raise OrderError("signature: is no hex string; sign the order anew") from None
        return cls(Order(**values), raw)

    @classmethod
    def from_json(cls, text: str) -> SignedOrder:
        """Return the order in a JSON text. Raises OrderError."""
        # the parser's own bound on depth moves with the interpreter's recursion limit
        if text.count("[") + text.count("{") > _MAX_BRACKETS:
            raise OrderError("is nested too deeply")
        try:
            data = json.loads(text)
        except ValueError as error:
            raise OrderError(f"is no JSON: {error}") from None
        return cls.from_dict(data)

    @classmethod
    def read(cls, path: Path | str) -> SignedOrder:
        """Return the order in a file. Raises OrderError that names the file."""
        path = Path(path)
        try:
            return cls.from_json(path.read_text())
        except (OSError, UnicodeDecodeError, OrderError) as error:
            raise OrderError(f"{path.name}: {error}") from None


def _integer(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise OrderError(f"order.{name}: {value!r} is no integer; write it in decimal digits")
    if isinstance(value, str) and not value.lstrip("-").isdecimal():
        raise OrderError(f"order.{name}: {value!r} is no integer; write it in decimal digits")
    try:
        return int(value)
    except ValueError:
        raise OrderError(f"order.{name}: is no integer; write it in decimal digits") from None


def sign_order(account: Any, order: Order, domain: Domain) -> SignedOrder:
    """Return the order signed by an account of either route: one with `sign_hash` (plimsoll.evm) or
    one with `sign_message` (ape). Raises OrderError when the account declines.
    """
    if hasattr(account, "sign_hash"):
        return SignedOrder(order, bytes(account.sign_hash(order.digest(domain))))
    signature = account.sign_message(order.message(domain))
    if signature is None:
        raise OrderError(f"{account} did not sign; unlock it or answer yes when it asks")
    return SignedOrder(order, bytes(signature.encode_rsv()))
