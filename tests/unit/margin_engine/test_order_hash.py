"""order_hash: the EIP-712 digest, worked out on its own with keccak alone."""

from typing import Any

import pytest
from engine_world import MAX, Order, Party, World, wad
from eth_utils.crypto import keccak

TYPE = (
    b"Order(uint256 account,uint8 market,int256 size,uint256 price,uint256 expiry,uint256 salt,"
    b"bool reduceOnly,address taker)"
)
DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def word(value: Any) -> bytes:
    if isinstance(value, str):
        return bytes(12) + bytes.fromhex(value[2:])
    return (int(value) % 2**256).to_bytes(32, "big")


def expected(world: World, order: Order) -> bytes:
    domain = keccak(
        keccak(DOMAIN)
        + keccak(b"Plimsoll")
        + keccak(b"1")
        + word(world.chain.chain_id)
        + word(world.engine.address)
    )
    return bytes(keccak(b"\x19\x01" + domain + keccak(keccak(TYPE) + b"".join(map(word, order)))))


@pytest.mark.parametrize(
    "order",
    [
        Order(0, 0, 0, 0, 0, 0, False),
        Order(2**256 - 1, 255, 2**255 - 1, MAX, MAX, MAX, True, "0x" + "ff" * 20),
        Order(5, 3, -wad(7), wad(100), 1, 2, True),
        Order(5, 3, -(2**255), wad(100), 1, 2, False),
    ],
)
def test_order_hash_default(world: World, order: Order) -> None:
    assert world.digest(order) == expected(world, order)


def test_order_hash_default_each_field_counts(world: World) -> None:
    order = Order(5, 3, -wad(7), wad(100), 1, 2, True)
    changed = [order._replace(**{name: getattr(order, name) + 1}) for name in order._fields[:6]]
    changed.append(order._replace(reduce_only=False))
    changed.append(order._replace(taker="0x" + "00" * 19 + "01"))
    assert len({world.digest(each) for each in (order, *changed)}) == 9


def test_order_hash_default_another_engine(world: World, make_world: Any) -> None:
    """The same order has another digest on another engine."""
    order = Order(5, 3, -wad(7), wad(100))
    assert world.digest(order) != bytes(
        world.chain.at(
            world.chain.deploy(
                world.load("MarginEngine"), world.oracle, world.risk, world.extension
            ).address,
            *world.parts,
        ).order_hash(order)
    )


def test_order_hash_default_needs_no_account(world: World) -> None:
    stranger: Party = world.party("stranger")
    order = Order(stranger.id, 0, wad(1), wad(100))
    assert world.engine.order_hash(order) == world.engine.order_hash(order)
