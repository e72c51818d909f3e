"""`plimsoll settle`: the daily settlement of all accounts, and its statement per market."""

from __future__ import annotations

from plimsoll.settlement.cycle import Cycle, settle_cycle
from plimsoll.settlement.statement import MarketStatement, Statement

__all__ = ["Cycle", "MarketStatement", "Statement", "settle_cycle"]
