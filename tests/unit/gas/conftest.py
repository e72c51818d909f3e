"""Figures that nobody measured."""

import pytest

from plimsoll.gas.explain import Explanation, Line
from plimsoll.gas.measure import Measured, Size
from plimsoll.gas.rows import ROWS


@pytest.fixture
def measured() -> Measured:
    """Every row a thousand below its limit, each further market dearer by 30,000."""
    gas = {row.key: (row.limit or 50_000) - 1_000 for row in ROWS.values()}
    gas.update({key: 30_000 * at for at, key in enumerate(ROWS["further_market"].steps)})
    gas["further_market"] = 30_000
    sizes = [
        Size("MarginEngine", testing=False, bytes={"cancun": 24_000, "shanghai": 24_576}),
        Size("TestToken", testing=True, bytes={"cancun": 1_500, "shanghai": 1_600}),
    ]
    return Measured(gas, sizes)


@pytest.fixture
def explanation() -> Explanation:
    lines = [
        Line("transaction", "base", 1, 21_000),
        Line("cold slots", "MarginEngine: wallets[trader]", 1, 2_100),
        Line("cold slots", "MarginEngine: wallets[keeper]", 1, 2_100),
        Line("execution", "MarginEngine", 500, 1_800),
    ]
    return Explanation(ROWS["takeover_open"], "takeover, opens one", 27_000, lines)
