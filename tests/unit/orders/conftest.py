"""Makers who sign, and orders to sign."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from plimsoll.evm import Account, Chain
from plimsoll.protocol.orders import Domain, Order, SignedOrder, sign_order

WAD = 10**18
DOMAIN = Domain(31_337, "0x" + "ab" * 20)

Make = Callable[..., SignedOrder]


@pytest.fixture
def domain() -> Domain:
    return DOMAIN


@pytest.fixture(scope="session")
def people() -> Chain:
    return Chain()


@pytest.fixture
def maker(people: Chain) -> Account:
    return people.account("maker")


@pytest.fixture
def stranger(people: Chain) -> Account:
    return people.account("stranger")


@pytest.fixture
def make(maker: Account) -> Make:
    """Sign an order of the maker's (or of `by`'s account), by the key of `key`."""
    salts = itertools.count(1)

    def sign(by: Account = maker, key: Account | None = None, **fields: Any) -> SignedOrder:
        values: dict[str, Any] = {
            "account": int(by.address, 16) << 96,
            "market": 0,
            "size": WAD,
            "price": 100 * WAD,
            "expiry": 2**40,
            "salt": next(salts),
        }
        order = Order(**(values | fields))
        return sign_order(key or by, order, DOMAIN)

    return sign
