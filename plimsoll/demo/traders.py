"""Who trades in a demo, and what they do: people with different leverage, direction and hedges.

All choices come from one seeded generator and from what the chain says of an account, so that a run
with the same prices and seed is the same run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from plimsoll.demo.setting import Setting

#: style -> (share of the traders, least and most equity over initial margin when opening)
STYLES: dict[str, tuple[float, float, float]] = {
    "bold": (0.30, 1.03, 1.4),  # one market, close to the limit
    "steady": (0.22, 1.8, 4.0),  # one or two markets
    "hedged": (0.20, 1.1, 2.0),  # long one market against another
    "spread": (0.16, 1.4, 3.0),  # small positions in several
    "careful": (0.12, 5.0, 12.0),  # little leverage
}
#: Share of the traders who are long when they have a choice.
LONG = 0.62
#: Quote units of a trader's first deposit, least and most (log-uniform).
LEAST_DEPOSIT, MOST_DEPOSIT = 2_000, 60_000
#: Below this share of the first deposit a trader without positions pays in again.
RUINED = 0.3

#: Of those who get a margin call: who pays in, and who trades some of the position away. The others
#: hope.
PAY_IN, CUT = 0.35, 0.3
#: What is paid in: up to this many maintenance margins.
PAID_TO = 1.4

#: One trader in so many brings collateral (LIQ-7), and this part of every deposit as tokens.
PLEDGES_EVERY, PLEDGED = 5, 0.7

#: Share of the liquidated who close what is left of their positions.
CAPITULATE = 0.6


@dataclass(frozen=True)
class Leg:
    """What a trader wants in one market: signed share of the equity at leverage one."""

    market: int
    weight: float


@dataclass
class Trader:
    """One trader; `cushion` is the equity over initial margin it opens with."""

    signer: Any
    account: int
    style: str
    cushion: float
    deposit: int  # quote units
    legs: tuple[Leg, ...]
    starts: int  # step of the first trade
    lives: int = 0
    retired: bool = False
    pledges: bool = False  # brings collateral beside cash


@dataclass(frozen=True)
class Wish:
    """One thing a trader does in a step. `size` is a signed change in quote units (trade)."""

    kind: str  # trade, deposit, settle, touch, withdraw
    market: int = -1
    amount: float = 0.0
    closes: bool = False  # trade: the whole position, whatever its size


@dataclass
class Mind:
    """Decides for all traders."""

    random: Random
    setting: Setting
    rate: float  # wishes per step
    steps: int
    traders: list[Trader] = field(default_factory=list)

    def recruit(self, signers: Sequence[tuple[Any, int]]) -> list[Trader]:
        """Make a trader of each signer and account."""
        styles = _shares([share for share, _, _ in STYLES.values()], len(signers))
        names = [name for name, count in zip(STYLES, styles, strict=True) for _ in range(count)]
        self.random.shuffle(names)
        for number, ((signer, account), style) in enumerate(zip(signers, names, strict=True)):
            _, least, most = STYLES[style]
            span = math.log(MOST_DEPOSIT / LEAST_DEPOSIT)
            self.traders.append(
                Trader(
                    signer=signer,
                    account=account,
                    style=style,
                    cushion=self.random.uniform(least, most),
                    deposit=int(LEAST_DEPOSIT * math.exp(self.random.uniform(0, span))),
                    legs=self._legs(style),
                    starts=int(self.steps * 0.35 * self.random.random()),
                    pledges=number % PLEDGES_EVERY == 2,
                )
            )
        return self.traders

    def _legs(self, style: str) -> tuple[Leg, ...]:
        markets = list(range(len(self.setting.markets)))
        self.random.shuffle(markets)
        side = 1.0 if self.random.random() < LONG else -1.0
        if style == "hedged" and len(markets) > 1:
            return Leg(markets[0], side), Leg(self._partner(markets[0], markets), -side)
        if style == "spread":
            count = min(len(markets), 2 + self.random.randrange(3))
            return tuple(
                Leg(m, (1.0 if self.random.random() < LONG else -1.0) * self.random.uniform(0.5, 1))
                for m in markets[:count]
            )
        if style == "steady" and len(markets) > 1 and self.random.random() < 0.5:
            return Leg(markets[0], side), Leg(markets[1], side * 0.6)
        return (Leg(markets[0], side),)

    def _partner(self, market: int, markets: Sequence[int]) -> int:
        """The market that moves most with another one."""
        rho = self.setting.correlations
        return max((m for m in markets if m != market), key=lambda m: float(rho[market, m]))

    def acting(self, step: int) -> list[Trader]:
        """Who does something in a step: who starts now, and some of the others."""
        ready = [t for t in self.traders if t.starts < step and not t.retired]
        count = min(len(ready), _poisson(self.random, self.rate))
        chosen = self.random.sample(ready, count)
        return [t for t in self.traders if t.starts == step] + chosen

    def gives_up(self, trader: Trader, positions: Mapping[int, float]) -> list[Wish]:
        """What a trader does after a liquidation: most have had enough and close what is left."""
        if not positions or self.random.random() > CAPITULATE:
            return []
        return [Wish("trade", m, -x, closes=True) for m, x in sorted(positions.items())]

    def answers(
        self,
        trader: Trader,
        equity: float,
        maintenance: float,
        positions: Mapping[int, float],
    ) -> list[Wish]:
        """What a trader does about a margin call, within its cure window."""
        choice = self.random.random()
        if choice < PAY_IN:  # a deposit says nothing about the margin, a touch does
            missing = max(1.0, PAID_TO * maintenance - equity)
            return [Wish("deposit", amount=missing + 1), Wish("touch")]
        if choice < PAY_IN + CUT:
            part = self.random.uniform(0.4, 0.7)
            return [Wish("trade", m, -x * part) for m, x in sorted(positions.items())]
        return []

    def wishes(
        self,
        trader: Trader,
        equity: float,
        cash: float,
        positions: Mapping[int, float],
    ) -> list[Wish]:
        """What a trader does now; amounts in quote units, positions are signed notionals."""
        if not positions:
            if equity < RUINED * trader.deposit:
                if trader.lives >= 3:
                    trader.retired = True
                    return [Wish("settle")] if equity > 0 else []
                trader.lives += 1
                trader.legs = self._legs(trader.style)
                return [Wish("deposit", amount=trader.deposit), *self._open(trader, equity)]
            return self._open(trader, equity)
        choice = self.random.random()
        if choice < 0.40:
            return self._adjust(trader, equity, positions)
        if choice < 0.62:  # take something off
            market = self.random.choice(sorted(positions))
            part = self.random.uniform(0.2, 0.7)
            return [Wish("trade", market, -positions[market] * part)]
        if choice < 0.76:  # out of everything, perhaps in again on the other side
            if self.random.random() < 0.4:
                trader.legs = self._legs(trader.style)
            closing = [Wish("trade", m, -x, closes=True) for m, x in sorted(positions.items())]
            return [*closing, Wish("settle")]
        if choice < 0.88:
            return [Wish("settle")]
        if choice < 0.94:
            return [Wish("withdraw", amount=cash * self.random.uniform(0.02, 0.15))]
        return [Wish("deposit", amount=trader.deposit * self.random.uniform(0.1, 0.4))]

    def _open(self, trader: Trader, equity: float) -> list[Wish]:
        worth = equity if equity >= RUINED * trader.deposit else equity + trader.deposit
        target = self.notionals(trader, worth)
        return [Wish("trade", market, amount) for market, amount in target.items()]

    def _adjust(self, trader: Trader, equity: float, positions: Mapping[int, float]) -> list[Wish]:
        """Back to the leverage the trader likes: the bold grow with their profit."""
        wishes = []
        for market, amount in self.notionals(trader, max(equity, 0.0)).items():
            change = amount - positions.get(market, 0.0)
            if abs(change) > 0.05 * abs(amount):
                wishes.append(Wish("trade", market, change))
        # what shrinks first frees margin for the rest
        return sorted(wishes, key=lambda w: abs(positions.get(w.market, 0.0) + w.amount) > 0.0)

    def notionals(self, trader: Trader, equity: float) -> dict[int, float]:
        """Signed notionals by market that a trader wants with this equity."""
        need = self._initial(trader.legs)
        scale = equity / (need * trader.cushion + 0.002 * len(trader.legs))
        return {leg.market: leg.weight * scale for leg in trader.legs}

    def _initial(self, legs: Sequence[Leg]) -> float:
        """Initial margin of the legs at equity one, about as the engine has it."""
        markets = self.setting.markets
        own = [leg.weight * markets[leg.market].sigma for leg in legs]
        variance = sum(
            one * two * float(self.setting.correlations[a.market, b.market])
            for one, a in zip(own, legs, strict=True)
            for two, b in zip(own, legs, strict=True)
        )
        floor = sum(abs(leg.weight) * markets[leg.market].floor for leg in legs)
        return self.setting.kappa * max(self.setting.z * math.sqrt(max(variance, 0.0)), floor)


def _shares(shares: Sequence[float], count: int) -> list[int]:
    """Split a count by shares; the largest remainders get what is left."""
    exact = [share * count for share in shares]
    parts = [int(part) for part in exact]
    order = sorted(range(len(shares)), key=lambda at: exact[at] - parts[at], reverse=True)
    for at in order[: count - sum(parts)]:
        parts[at] += 1
    return parts


def _poisson(random: Random, rate: float) -> int:
    """A Poisson number (Knuth); rates here are small."""
    limit, count, product = math.exp(-rate), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count
