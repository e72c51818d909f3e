"""Maintenance margin of all accounts at once, in floats: for pictures, and to see from afar who may
need the keeper. The keeper itself asks the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plimsoll.demo.books import Marked
from plimsoll.demo.setting import Floats, Setting
from plimsoll.reference.margin import Risk
from plimsoll.reference.numbers import UNIT, WAD

#: An account is near when its equity is below its margin times this, floats being what they are.
NEAR = 1.000_001


class Margins:
    """The formula of docs/SPEC.md, section 3, with a setting's parameters."""

    def __init__(self, setting: Setting) -> None:
        """Take the parameters from the plan."""
        risks = [setting.plan.markets[market.name].risk for market in setting.markets]
        self._sigma = np.array([float(risk.sigma) for risk in risks])
        self._f = np.array([float(risk.f) for risk in risks])
        self._g = np.array([float(risk.g) for risk in risks])
        self._impact = np.array([float(risk.lambda_) / float(risk.depth) for risk in risks])
        self._c = np.array([float(risk.c) for risk in risks])
        # as the contracts have it: of the pairs in the plan, 1e4
        rho = np.array(setting.plan.matrix(), dtype=float) / 10**4
        count = len(risks)
        self._rho = rho[:count, :count]
        self._z = setting.z

    def follow(self, risks: Sequence[Risk]) -> None:
        """Take the parameters that hold now, by market; announced ones move (MRG-5)."""
        self._sigma = np.array([risk.sigma / UNIT for risk in risks])
        self._f = np.array([risk.f / UNIT for risk in risks])
        self._g = np.array([risk.g / UNIT for risk in risks])
        self._impact = np.array([risk.lam / UNIT / risk.depth for risk in risks])
        self._c = np.array([risk.c / 10**6 for risk in risks])

    def maintenance(self, notionals: Floats) -> Floats:
        """Maintenance margin of each row (account) of signed notionals (columns: markets)."""
        size = np.abs(notionals)
        own = notionals * self._sigma
        variance = np.einsum("am,mn,an->a", own, self._rho, own)
        shortfall = self._z * np.sqrt(np.maximum(variance, 0.0))
        floor = size @ self._f
        gap = (size * self._g).max(axis=1)
        fixed = (size > 0) @ self._c
        impact = (size * size) @ self._impact
        return np.asarray(np.maximum(shortfall, np.maximum(floor, gap)) + impact + fixed)


def arrays(
    marked: Mapping[int, Marked], accounts: Sequence[int], prices: Sequence[int]
) -> tuple[Floats, Floats]:
    """Return equity by account and notionals by account and market, in quote units."""
    equity = np.zeros(len(accounts))
    notionals = np.zeros((len(accounts), len(prices)))
    for row, account in enumerate(accounts):
        found = marked.get(account)
        if found is not None:
            equity[row] = found.equity / WAD
            for market, size in found.sizes.items():
                notionals[row, market] = size * prices[market] / WAD / WAD
    return equity, notionals


def near(equity: Floats, notionals: Floats, maintenance: Floats) -> list[int]:
    """Rows of the accounts that may be below their margin or bankrupt."""
    holds = np.abs(notionals).sum(axis=1) > 0
    found = np.flatnonzero((equity < NEAR * maintenance + 1e-6) & (holds | (equity < 0)))
    return [int(row) for row in found]
