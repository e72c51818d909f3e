"""Worlds for twins: which markets there are and how much everybody has."""

from dataclasses import replace

from plimsoll.reference import Config, Risk
from plimsoll.reference.numbers import MARKETS, WAD
from tests.utils.twin import Listing, Matrix, Pledge, World

RISK = Risk(
    sigma=3 * 10**10,
    f=4 * 10**10,
    g=2 * 10**10,
    lam=10**10,
    depth=2 * 10**7,
    c=0,
    penalty_cap=2 * 10**10,
    share=2 * 10**12,
)
CONFIG = Config(
    oi_cap=100 * WAD,
    min_notional=50 * WAD,
    max_notional=10**6 * WAD,
    band=3_000,
    penalty_min=300,
    penalty_max=1_500,
    maker_fee=100,
    taker_fee=400,
)


def correlations(rho: int, count: int) -> Matrix:
    """A matrix in which the first `count` markets have `rho` (1e4) with each other."""
    return tuple(
        tuple(10_000 if m == n else (rho if max(m, n) < count else 0) for n in range(MARKETS))
        for m in range(MARKETS)
    )


def three_markets(decimals: int = 6) -> World:
    """Three correlated markets of very different prices, two of them with a reference feed, with a
    fund that crashes can exhaust, behind a sequencer."""
    first = Listing(30_000 * WAD, RISK, CONFIG, allowance=20_000 * WAD, divergence=2 * 10**7)
    second = Listing(
        17 * WAD + 123_456_789,
        replace(RISK, sigma=5 * 10**10, f=6 * 10**10, c=3 * 10**6, g=3 * 10**10),
        replace(CONFIG, oi_cap=30_000 * WAD, min_notional=20 * WAD, maker_fee=0),
        decimals=18,
        allowance=5_000 * WAD,
        divergence=10**8,
    )
    third = Listing(
        WAD // 13,
        replace(RISK, sigma=8 * 10**10, f=10**11, lam=3 * 10**10, depth=10**6),
        replace(
            CONFIG,
            oi_cap=2 * 10**7 * WAD,
            min_notional=10 * WAD,
            penalty_max=2_000,
            takeover_share=6,
        ),
        ceiling=70,
        allowance=2_000 * WAD,
    )
    return World(
        (first, second, third),
        correlations(7_000, 3),
        decimals=decimals,
        fund=50_000,
        grace=1_800,
        pledges=(
            Pledge(market=1, decimals=18, haircut=20_000, cap=2**20 * WAD),
            Pledge(market=2, decimals=8, haircut=50_000, cap=2**30 * WAD),
        ),
    )


def extremes(decimals: int = 18) -> World:
    """LED-9: the highest price and the largest size that may be listed, and fortunes near the end
    of their field; the second pair is fully correlated."""
    deep = replace(RISK, depth=10**12, share=10**13, lam=10**9)
    rich = replace(CONFIG, min_notional=10**16, max_notional=10**30, penalty_min=1_000)
    dear = Listing(
        2**88 + 12_345,
        deep,
        replace(rich, oi_cap=2**11 * WAD),
        decimals=18,
        ceiling=89,
        allowance=2**100,
    )
    cheap = Listing(
        10**12 + 1,
        replace(deep, depth=10**6),
        replace(rich, oi_cap=2**96 - 1, penalty_max=2_000),
        decimals=18,
        ceiling=50,
        allowance=10**5 * WAD,
    )
    worn = Listing(
        2**60 + 1,
        replace(deep, c=10**11, sigma=2 * 10**11, f=10**12, penalty_cap=5 * 10**11, g=10**11),
        replace(rich, oi_cap=2**94, penalty_max=50_000, maker_fee=10_000, band=50_000),
        decimals=18,
        ceiling=65,
        allowance=2**102,
    )
    return World(
        (dear, cheap, worn),
        correlations(10_000, 3),
        z=10 * WAD,
        kappa=125 * WAD // 100,
        decimals=decimals,
        fund=10**11,
        wealth=10**11,
        pledges=(
            Pledge(market=0, decimals=18, haircut=5_000, cap=2**11 * WAD),
            Pledge(market=2, decimals=2, haircut=95_000, cap=2**35 * WAD),
        ),
    )


def ten_markets(decimals: int = 6) -> World:
    """More markets than an account may hold."""
    listings = [
        Listing(
            (m + 1) * 10 * WAD,
            replace(RISK, sigma=(m + 1) * 10**10, c=10**6 * (m % 2), f=6 * 10**10),
            replace(CONFIG, oi_cap=20_000 * WAD // (m + 1), min_notional=10 * WAD),
            allowance=500 * WAD,
        )
        for m in range(10)
    ]
    pledges = (
        Pledge(market=3, decimals=8, haircut=10_000, cap=10**6 * WAD),
        Pledge(market=9, decimals=18, haircut=30_000, cap=10**6 * WAD),
    )
    return World(
        tuple(listings), correlations(5_000, 10), decimals=decimals, fund=20_000, pledges=pledges
    )
