"""Other risk parameters in a set-up, at once: the words of a risk model written past its rules.

A market that is set changes by announcement, a day ahead (MRG-5). A test that only needs a market
to be rougher than it was when positions were opened writes the words.
"""

from collections.abc import Sequence
from typing import Any

from plimsoll.evm import Chain, load


def _slots() -> Any:
    return load("RiskModel").layout["storage_layout"]


def write_params(chain: Chain, risk: Any, market: int, params: Sequence[int]) -> None:
    """A market's parameters in the order of the struct; sigma is the floor too."""
    sigma, f, g, lam, depth, c, penalty_cap, share = params
    slots = _slots()["portfolio_margin"]
    hot = sigma | f << 48 | g << 88 | lam << 128 | depth << 168 | c << 216
    chain.set_storage(risk.address, slots["market_words"]["slot"] + market, hot)
    cold = penalty_cap | share << 48 | sigma << 96
    chain.set_storage(risk.address, slots["limit_words"]["slot"] + market, cold)


def write_globals(chain: Chain, risk: Any, z: int, kappa: int) -> None:
    """z and kappa in WAD, with nothing announced for them."""
    slot = _slots()["portfolio_margin"]["global_word"]["slot"]
    chain.set_storage(risk.address, slot, z | kappa << 64)


def write_correlations(chain: Chain, risk: Any, matrix: Sequence[Sequence[int]]) -> None:
    """A matrix in RHO."""
    slot = _slots()["correlations"]["rows"]["slot"]
    for m, row in enumerate(matrix):
        word = sum(entry % 2**16 << 16 * n for n, entry in enumerate(row))
        chain.set_storage(risk.address, slot + m, word)
