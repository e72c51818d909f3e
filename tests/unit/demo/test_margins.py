"""The estimate of who is near the margin is the engine's formula, in floats."""

from random import Random

import numpy as np

from plimsoll.demo.books import Marked
from plimsoll.demo.margins import Margins, arrays, near
from plimsoll.demo.setting import setting_for
from plimsoll.prices import PricePath
from plimsoll.reference.margin import Globals, Risk, breakdown
from plimsoll.reference.numbers import WAD


def test_estimate_agrees_with_the_exact_formula(autumn: PricePath) -> None:
    setting = setting_for(autumn)
    risks = {
        number: Risk(**{("lam" if k == "lambda_" else k): v for k, v in m.risk.chain().items()})
        for number, m in enumerate(setting.plan.markets.values())
    }
    params = Globals(**setting.plan.risk.chain())
    random = Random(1)
    rows = [
        [random.choice([0, 1, -1]) * random.uniform(100, 10**6) for _ in risks] for _ in range(200)
    ]
    found = Margins(setting).maintenance(np.array(rows))
    for row, estimate in zip(rows, found, strict=True):
        exact = breakdown(
            {m: int(x * WAD) for m, x in enumerate(row)}, risks, setting.plan.matrix(), params
        )
        assert abs(estimate - exact.mm / WAD) <= 1e-9 * max(1.0, estimate)


def test_near_finds_the_bankrupt_and_those_below_and_leaves_the_flat() -> None:
    equity = np.array([5.0, -1.0, 10.0, 0.0, 0.0])
    notionals = np.array([[100.0], [0.0], [100.0], [0.0], [1.0]])
    maintenance = np.array([6.0, 0.0, 9.0, 0.0, 0.1])
    assert near(equity, notionals, maintenance) == [0, 1, 4]


def test_arrays_are_in_quote_units() -> None:
    marked = {7: Marked(3 * WAD, 0, {1: -2 * WAD})}
    equity, notionals = arrays(marked, [7, 8], [WAD, 5 * WAD])
    assert equity.tolist() == [3.0, 0.0]
    assert notionals.tolist() == [[0.0, -10.0], [0.0, 0.0]]
