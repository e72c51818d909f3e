"""`plimsoll margin`: what an account's margin is made of, and what would move it.

`read` takes an account and the parameters from a deployment, `analysis` is arithmetic on the
reference model's formula, `report` prints, `cli` is the command.
"""

from __future__ import annotations

from plimsoll.margin.analysis import Analysis, Formula, analyse, liquidation_prices
from plimsoll.margin.read import Leg, Portfolio, read_portfolio, read_risks

__all__ = [
    "Analysis",
    "Formula",
    "Leg",
    "Portfolio",
    "analyse",
    "liquidation_prices",
    "read_portfolio",
    "read_risks",
]
