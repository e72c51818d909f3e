"""The markets of a demo: parameters that fit the prices, from the first fifth of the path alone.

What comes later is not looked at, so that a crash is a surprise to the margins as it was to
everybody. The rules are simple: volatility is the standard deviation of the market's own steps,
stretched over two steps and by a half; penalties, floor and gap follow from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from plimsoll.prices import TICK, PriceError, PricePath
from plimsoll.protocol import Plan, parse_plan
from plimsoll.reference.numbers import CONFIG, WAD

#: Of the path, for the estimates; at least this many of a market's steps are wanted.
WINDOW = 5
LEAST_STEPS = 12

STRETCH = 1.6 * math.sqrt(2)
Z = Decimal("2.5")
KAPPA = Decimal("1.5")
#: Share of an estimated correlation that is trusted.
TRUST = 0.9

#: Quote units: cap on open interest, depth of a book, cash of the fund, its allowance for a market.
OPEN_INTEREST = 60_000_000
DEPTH = 200_000_000
FUND = 100_000
ALLOWANCE = 20_000
DECIMALS = 6
FEED_DECIMALS = 8
#: A token that follows market 0 is taken as collateral (LIQ-7): its decimals, and quote units that
#: everybody together may bring.
TOKEN_DECIMALS = 18
COLLATERAL = 5_000_000

#: A size has at most 2**96 and a price 2**89 (LED-9): in units of 1e-8.
LEAST_PRICE, MOST_PRICE = 10**5, 10**16

#: Accounts 1 and 2 of the test mnemonic: who proposes to the timelock, and who may stop new risk.
GOVERNOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
WARDEN = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"

#: Of market 0's volatility: where the announced change of its floor goes, and over which part of
#: the path.
ANNOUNCED = Decimal("1.25")
ANNOUNCED_FROM, ANNOUNCED_TO = 0.1, 0.6

_DAY = 86_400


Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MarketSetting:
    """What the people of the demo know about a market, in floats; the engine has the plan's."""

    name: str
    sigma: float
    floor: float  # f
    spread: float  # of a quote, from the mark
    band: float


@dataclass(frozen=True)
class TokenSetting:
    """A collateral token: what prices it, WAD per unit, and its haircut (1e5), which stays."""

    name: str
    market: int
    scale: int
    haircut: int

    def worth(self, units: int, price: int) -> int:
        """What units count for in an account's equity at a price, WAD; rounded down (LIQ-7)."""
        return units * self.scale * price * (CONFIG - self.haircut) // (WAD * CONFIG)


@dataclass(frozen=True)
class Setting:
    """The plan to deploy and what goes with it."""

    plan: Plan
    markets: tuple[MarketSetting, ...]
    correlations: Floats  # markets x markets
    z: float
    kappa: float
    tokens: tuple[TokenSetting, ...]  # by their index in the vault


def setting_for(path: PricePath, steward: str | None = None) -> Setting:
    """Return the setting for a path; `steward` announces changes of the risk parameters.

    Raises PriceError where a path has too many markets.
    """
    if len(path.markets) > 16:
        raise PriceError(f"{len(path.markets)} markets do not fit an engine of 16; give fewer")
    for number, name in enumerate(path.markets):
        lowest = min(step.prices[number] for step in path.steps)
        highest = max(step.prices[number] for step in path.steps)
        if not LEAST_PRICE <= lowest <= highest <= MOST_PRICE:
            raise PriceError(
                f"{name} goes from {lowest / TICK:g} to {highest / TICK:g}; a market of the demo "
                f"holds {LEAST_PRICE / TICK:g} to {MOST_PRICE / TICK:g}: price a larger or smaller "
                "unit"
            )
    sigmas = [_sigma(path, market) for market in range(len(path.markets))]
    rho = _correlations(path)
    plan = parse_plan(
        {
            "version": 1,
            "token": {"test": {"decimals": DECIMALS}},
            "governance": {
                "delay": _DAY,
                "proposers": [GOVERNOR],
                "executors": ["anyone"],
                "guardian": WARDEN,
                **({"steward": steward} if steward else {}),
            },
            "risk": {"z": Z, "kappa": KAPPA},
            "markets": {
                name: _market(path, number, sigmas[number])
                for number, name in enumerate(path.markets)
            },
            "correlations": {
                one: {
                    other: Decimal(str(round(float(rho[m, n]), 2)))
                    for n, other in enumerate(path.markets)
                    if n > m and round(float(rho[m, n]), 2)
                }
                for m, one in enumerate(path.markets)
            },
            "collateral": {token_name(path): _token(path, sigmas[0])},
            "reward": {
                "minimum": 1,
                "cap": 50,
                "gas_units": 300_000,
                "premium": Decimal("0.1"),
                "native_price": 2_000,
                "interval": 3_600,
            },
            "fund": {"seed": FUND},
        },
        "the demo's plan",
    )
    settings = []
    for name, sigma in zip(path.markets, sigmas, strict=True):
        config = plan.markets[name].config
        settings.append(
            MarketSetting(
                name=name,
                sigma=float(sigma),
                floor=float(plan.markets[name].risk.f),
                spread=float(config.penalty_min) / 4,
                band=float(config.band),
            )
        )
    tokens = tuple(
        TokenSetting(name, plan.slot(name), 10 ** (18 - TOKEN_DECIMALS), token.units("haircut"))
        for name, token in plan.collateral.items()
    )
    return Setting(plan, tuple(settings), rho, float(Z), float(KAPPA), tokens)


def token_name(path: PricePath) -> str:
    """Return the collateral token's name: that of market 0 behind a t, for token."""
    return f"t{path.markets[0]}"[:24]


def _token(path: PricePath, sigma: Decimal) -> dict[str, object]:
    """A haircut of twice the volatility over the margin period, and of the feed's gap at least."""
    haircut = min(max(2 * sigma, Decimal("0.08")), Decimal("0.95")).quantize(Decimal("0.00001"))
    price = Decimal(path.steps[0].prices[0]) / TICK
    return {
        "token": {"test": {"decimals": TOKEN_DECIMALS}},
        "market": path.markets[0],
        "haircut": haircut,
        "cap": _rounded(Decimal(COLLATERAL) / price),
    }


def _market(path: PricePath, number: int, sigma: Decimal) -> dict[str, object]:
    price = Decimal(path.steps[0].prices[number]) / TICK
    penalty = min(max(sigma / 2, Decimal("0.002")), Decimal("0.1")).quantize(Decimal("0.0001"))
    heartbeat = min(max(2 * path.spacing[number], 3_600), 30 * _DAY)
    return {
        "number": number,
        "feed": {
            "mock": {"decimals": FEED_DECIMALS, "price": price},
            "heartbeat": heartbeat,
            "gap": penalty / 2,
        },
        "risk": {
            "sigma": sigma,
            "f": 2 * penalty,
            "g": penalty / 2,
            "lambda": 2 * penalty,
            "depth": DEPTH,
            "c": 1,
            "penalty_cap": penalty,
            "share": 1,
        },
        "config": {
            "oi_cap": _rounded(Decimal(OPEN_INTEREST) / price),
            "min_notional": 50,
            "max_notional": OPEN_INTEREST,
            "band": max(Decimal("0.02"), (2 * sigma).quantize(Decimal("0.001"))).min(
                Decimal("0.5")
            ),
            "penalty_min": (penalty / 4).quantize(Decimal("0.00001")),
            "penalty_max": penalty,
            "maker_fee": Decimal("0.0001"),
            "taker_fee": Decimal("0.0004"),
        },
        "allowance": ALLOWANCE,
    }


def _rounded(number: Decimal) -> Decimal:
    """Four significant digits, and no more than 18 decimals."""
    digits = min(18, 3 - number.adjusted())
    return number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def _returns(path: PricePath, market: int) -> list[tuple[int, float]]:
    """(step, log return) at the market's own updates in the first part of the path."""
    last = max(len(path.steps) // WINDOW, min(len(path.steps), 2 * LEAST_STEPS))
    own = [at for at in range(last) if path.steps[at].updated[market]]
    return [
        (b, math.log(path.steps[b].prices[market] / path.steps[a].prices[market]))
        for a, b in pairwise(own)
    ]


def _sigma(path: PricePath, market: int) -> Decimal:
    moves = [move for _, move in _returns(path, market)]
    spread = float(np.std(moves)) if len(moves) > 1 else 0.01
    return Decimal(str(round(min(max(STRETCH * spread, 0.004), 0.5), 4)))


def _correlations(path: PricePath) -> Floats:
    count = len(path.markets)
    rho = np.eye(count)
    moves = [dict(_returns(path, market)) for market in range(count)]
    for m in range(count):
        for n in range(m + 1, count):
            common = sorted(moves[m].keys() & moves[n].keys())
            one = [moves[m][at] for at in common]
            two = [moves[n][at] for at in common]
            if len(common) >= LEAST_STEPS and np.std(one) > 0 and np.std(two) > 0:
                rho[m, n] = rho[n, m] = np.clip(np.corrcoef(one, two)[0, 1], -1, 1)
    # pairs over different steps need not fit together: shrink until they do
    trust = TRUST
    while np.linalg.eigvalsh(trust * rho + (1 - trust) * np.eye(count))[0] < 0.02 and trust > 0:
        trust = max(0.0, trust - 0.1)
    return np.asarray(trust * rho + (1 - trust) * np.eye(count))
