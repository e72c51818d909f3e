"""Tokens of any kind, and who uses them."""

from collections.abc import Callable
from typing import Any

import pytest

from plimsoll.evm import Account, Chain, Handle, load


@pytest.fixture
def holder(chain: Chain) -> Account:
    return chain.account("holder")


@pytest.fixture
def receiver(chain: Chain) -> Account:
    return chain.account("receiver")


@pytest.fixture
def new_token(chain: Chain, holder: Account) -> Callable[..., Handle]:
    """Makes a token of a kind; the holder has 1,000 units."""

    def make(kind: str = "TestToken", decimals: int = 6, *more: Any) -> Handle:
        token = chain.deploy(load(kind), decimals, *more)
        token.mint(holder.address, 1_000)
        return token

    return make
