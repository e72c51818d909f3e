"""Orders: digests equal the engine's, JSON there and back, malformed ones refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from eip712.messages import hash_message

from plimsoll.protocol import (
    Domain,
    EvmBackend,
    Order,
    OrderError,
    Plimsoll,
    SignedOrder,
    account_id,
    sign_order,
)

WAD = 10**18
TAKER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def maker(backend: EvmBackend) -> Any:
    return backend.account("maker")


@pytest.fixture
def order(maker: Any) -> Order:
    return Order(account_id(maker, 5), 1, -3 * WAD, 2_000 * WAD, 2**40, 77, True, TAKER)


CASES = [
    {},
    {
        "size": 1,
        "price": 0,
        "expiry": 0,
        "salt": 0,
        "reduce_only": False,
        "taker": "0x" + "00" * 20,
    },
    {"account": 2**256 - 1, "market": 255, "size": -(2**255), "price": 2**256 - 1},
    {"size": 2**255 - 1, "expiry": 2**256 - 1, "salt": 2**256 - 1},
]


@pytest.mark.parametrize("changes", CASES)
def test_digest_is_the_engines(plimsoll: Plimsoll, order: Order, changes: dict[str, Any]) -> None:
    changed = Order(**{**order.__dict__, **changes})
    digest = changed.digest(plimsoll.domain)
    assert digest == plimsoll.order_hash(changed)
    assert digest == bytes(hash_message(changed.message(plimsoll.domain)))


def test_digest_depends_on_chain_and_engine(order: Order) -> None:
    here = Domain(1, TAKER)
    assert len({order.digest(d) for d in (here, Domain(2, TAKER), Domain(1, order.maker))}) == 3


def test_sign_and_recover(maker: Any, order: Order) -> None:
    domain = Domain(31_337, TAKER)
    signed = sign_order(maker, order, domain)
    assert signed.signer(domain) == maker.address == order.maker
    assert signed.signer(Domain(1, TAKER)) != maker.address
    assert maker.sign_typed(order.typed(domain)) == signed.signature


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(65), bytes(64) + b"\x1b"])
def test_signer_of_no_keys_signature(order: Order, signature: bytes) -> None:
    assert SignedOrder(order, signature).signer(Domain(1, TAKER)) is None


def test_sign_declined(order: Order) -> None:
    class Wallet:
        def sign_message(self, message: Any) -> None:
            return None

    with pytest.raises(OrderError, match="did not sign; unlock it"):
        sign_order(Wallet(), order, Domain(1, TAKER))


def test_json_there_and_back(maker: Any, order: Order) -> None:
    signed = sign_order(maker, order, Domain(1, TAKER))
    assert SignedOrder.from_json(signed.to_json()) == signed
    assert json.loads(signed.to_json())["order"]["account"] == str(order.account)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("market", 256, "order.market: 256 does not fit 8 bits"),
        ("market", -1, "order.market: -1 does not fit 8 bits"),
        ("size", 0, "order.size: is zero"),
        ("size", 2**255, "order.size"),
        ("price", 1.5, "order.price: 1.5 is no integer"),
        ("salt", True, "order.salt: True is no integer"),
        ("reduce_only", 1, "order.reduce_only: 1 is neither true nor false"),
        ("taker", "0x12", "order.taker: '0x12' is no address"),
        ("taker", TAKER[:-1] + "9", "order.taker"),
    ],
)
def test_order_refuses(order: Order, field: str, value: Any, told: str) -> None:
    with pytest.raises(OrderError, match=re.escape(told)):
        Order(**{**order.__dict__, field: value})


def test_signature_too_long(order: Order) -> None:
    with pytest.raises(OrderError, match="at most 65 bytes"):
        SignedOrder(order, bytes(66))


def _spoilt(signed: SignedOrder, what: str) -> Any:
    data = signed.to_dict()
    match what:
        case "extra":
            data["order"]["leverage"] = "5"
        case "missing":
            del data["order"]["salt"]
        case "hex number":
            data["order"]["size"] = "0x10"
        case "float":
            data["order"]["size"] = 1.0
        case "huge":
            data["order"]["size"] = "9" * 5_000
        case "list":
            data["order"] = []
        case "envelope":
            data["more"] = 1
        case "signature":
            data["signature"] = "0xzz"
        case "prefix":
            data["signature"] = data["signature"][2:]
        case "not an object":
            return [1]
    return data


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("extra", "order: has no field leverage"),
        ("missing", "order: lacks salt"),
        ("hex number", "order.size: '0x10' is no integer"),
        ("float", "order.size: 1.0 is no integer"),
        ("huge", "order.size"),
        ("list", "order: is no object"),
        ("envelope", "an object with `order` and `signature` alone"),
        ("signature", "signature: is no hex string"),
        ("prefix", "signature: is no hex string beginning with 0x"),
        ("not an object", "an object with"),
    ],
)
def test_json_refuses(maker: Any, order: Order, what: str, told: str) -> None:
    signed = sign_order(maker, order, Domain(1, TAKER))
    with pytest.raises(OrderError, match=re.escape(told)):
        SignedOrder.from_json(json.dumps(_spoilt(signed, what)))


def test_read_names_the_file(tmp_path: Path, maker: Any, order: Order) -> None:
    path = tmp_path / "bid.json"
    with pytest.raises(OrderError, match=r"bid\.json"):
        SignedOrder.read(path)
    path.write_text("{")
    with pytest.raises(OrderError, match=r"bid\.json: is no JSON"):
        SignedOrder.read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(OrderError, match=r"bid\.json"):
        SignedOrder.read(path)
    signed = sign_order(maker, order, Domain(1, TAKER))
    path.write_text(signed.to_json())
    assert SignedOrder.read(path) == signed
