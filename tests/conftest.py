"""Fixtures every test may use."""

import pytest

from plimsoll.evm import Account, Chain


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def owner(chain: Chain) -> Account:
    return chain.account("owner")


@pytest.fixture
def stranger(chain: Chain) -> Account:
    return chain.account("stranger")
