"""The risk model beside the reference model on random walks (MRG-3 to MRG-6): equal to the unit."""

import random
from collections import Counter
from dataclasses import astuple, replace
from typing import Any

import pytest

from plimsoll.evm import Chain, Revert, load
from plimsoll.reference import Model, Refused
from plimsoll.reference.margin import IDENTITY, Matrix, Risk, is_correlation, pack_rows
from plimsoll.reference.risk import (
    CORRELATIONS,
    FIELDS,
    KAPPA,
    LEAST,
    RANGES,
    VOLATILITY,
    Settings,
    Z,
)

WAD = 10**18
UNIT = 10**12
HOUR = 3_600
DAY = 24 * HOUR
MARKETS = 3

START = Risk(
    sigma=5 * 10**10,
    f=6 * 10**10,
    g=10**10,
    lam=8 * 10**9,
    depth=10**7,
    c=5 * 10**6,
    penalty_cap=10**10,
    share=10**12,
)
SETTINGS = Settings(b=2 * UNIT, tau=6 * HOUR, period=DAY, cap=UNIT, speed=2 * 10**11)


class Pair:
    """A risk model on a chain and the reference model, given the same calls."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        chain = self.chain = Chain()
        self.actors = [chain.account(name) for name in ("owner", "steward", "guardian", "stranger")]
        owner = self.owner = self.actors[0]
        self.oracle = chain.deploy(load("PriceOracle"), sender=owner)
        self.risk = chain.deploy(load("RiskModel"), self.oracle, 3 * WAD, 13 * 10**17, sender=owner)
        self.model = Model(owner.address, time=chain.timestamp)
        self.feeds = [chain.deploy(load("MockAggregator"), 18, 100 * WAD) for _ in range(MARKETS)]
        self.prices = [100 * WAD] * MARKETS
        for market, feed in enumerate(self.feeds):
            self.model.set_answer(market, 100 * WAD, chain.timestamp)
            self.oracle.set_feed(market, feed, 2 * DAY, 0, 78, sender=owner)
            self.model.set_feed(owner.address, market, 2 * DAY, 0, 78)
        self.matrix = self.some_matrix(IDENTITY)
        self.both("set_globals", (0,), 3 * WAD, 13 * 10**17)
        self.both("set_correlations", (0,), self.matrix)
        for market in range(MARKETS):
            if market:
                self.both("set_volatility", (0,), market, SETTINGS)
            self.both("set_risk", (0,), market, START)
        self.both("set_steward", (0,), self.actors[1].address)
        self.both("set_guardian", (0,), self.actors[2].address)
        assert self.counts["refused"] == 0

    def both(self, name: str, who: tuple[int, ...], *args: Any) -> bool:
        """The same call on both sides; what one refuses the other one refuses."""
        sender = self.actors[self.random.choice(who)]
        on_chain = [self.on_chain(arg) for arg in args]
        function = getattr(self.risk, {"set_risk": "set_market"}.get(name, name))
        try:
            getattr(self.model, name)(sender.address, *args)
        except Refused:
            with pytest.raises(Revert):
                function(*on_chain, sender=sender)
            self.counts["refused"] += 1
            self.counts[f"{name} refused"] += 1
            return False
        function(*on_chain, sender=sender)
        self.counts[name] += 1
        return True

    @staticmethod
    def on_chain(arg: Any) -> Any:
        if isinstance(arg, Risk | Settings):
            return astuple(arg)
        return pack_rows(arg) if isinstance(arg, tuple) else arg

    def some_matrix(self, near: Matrix) -> Matrix:
        """Entries between the markets in use move, by a step that may be too large."""
        while True:
            rows = [list(row) for row in near]
            for m in range(MARKETS):
                for n in range(m):
                    move = self.random.randint(-5_100, 5_100) if self.random.random() < 0.6 else 0
                    rows[m][n] = rows[n][m] = max(-10_000, min(10_000, near[m][n] + move))
            if is_correlation(rows):
                return tuple(tuple(row) for row in rows)

    def pass_time(self, seconds: int) -> None:
        self.chain.mine(seconds=seconds)
        self.model.set_time(self.chain.timestamp)

    def move(self) -> None:
        for market, feed in enumerate(self.feeds):
            if self.random.random() < 0.7:
                factor = self.random.lognormvariate(0, self.random.choice((1e-9, 0.01, 0.2, 2)))
                price = int(self.prices[market] * factor)
                self.prices[market] = max(1, min(2**77, price))
            feed.set_answer(self.prices[market])
            self.model.set_answer(market, self.prices[market], self.chain.timestamp)

    def times(self) -> tuple[int, int]:
        now, r = self.chain.timestamp, self.random
        start = now + r.choice((DAY, DAY + 1, 2 * DAY, DAY + r.randrange(DAY), DAY - 1))
        span = r.choice((HOUR, 5 * HOUR, DAY, r.randrange(1, 10 * DAY), HOUR - 1))
        return start, start + span

    def value(self, what: int, market: int) -> int:
        """A value within the allowed step, and now and then just outside."""
        r = self.random
        low, high = RANGES[what]
        if what >= Z:
            now = astuple(self.model.globals_at(self.model.time))[what - Z]
        elif what == 0:
            now = self.model.floor_at(market, self.model.time)
        else:
            now = getattr(self.model.risk_at(market, self.model.time), FIELDS[what])
        least = LEAST.get(what, 0)
        upper = max(2 * now, least)
        lower = 0 if now <= least else -(-now // 2)
        chosen = r.choice((lower, upper, r.randint(lower, upper), r.randint(lower, upper)))
        return max(low, min(high, chosen)) + r.choice((0, 0, 0, 0, 1, -1))

    def step(self) -> None:
        r = self.random
        market = r.randrange(MARKETS)
        kind = r.randrange(12)
        if kind < 4:
            self.pass_time(r.choice((1, 30, 60, 600, HOUR, HOUR, HOUR + 1, 7 * HOUR, DAY)))
            if r.random() < 0.8:
                self.move()
            if r.random() < 0.7:
                self.both("observe", (3,), market)
        elif kind < 6:
            self.both("observe", (0, 3), market)
        elif kind < 9:
            what = r.choice((*range(10), 1, 4, 5))
            place = market if what < Z else r.choice((0, 0, 0, market))
            start, end = self.times()
            who = (0, 1, 1, 1, 2, 3) if r.random() < 0.2 else (0, 1)
            value = max(0, self.value(what, market))
            self.both("announce", who, what, place, value, start, end)
        elif kind == 9:
            if r.random() < 0.5:
                self.both(
                    "announce_correlations", (1,), self.some_matrix(self.model.rho), *self.times()
                )
            else:
                now = self.model.settings_at(market, self.model.time)
                changed = replace(
                    now,
                    b=r.choice((0, UNIT, now.b // 2 + 1, 2 * now.b)),
                    tau=r.choice((now.tau, now.tau * 2, now.tau // 2)),
                    speed=r.choice((now.speed, now.speed * 2, now.speed // 2 + 1)),
                )
                self.both("announce_volatility", (1,), market, changed, self.times()[0])
        elif kind == 10:
            what = r.choice((*range(12), CORRELATIONS, VOLATILITY))
            place = market if what < Z or what == VOLATILITY else 0
            self.both("cancel", (0, 1, 2, 2, 3), what, place)
        else:
            for what, place in list(self.model.changes) or [(0, 0)]:
                self.both("fold", (3,), what, place)
            if r.random() < 0.1:
                kappa = self.value(KAPPA, 0)
                self.both("raise_kappa", (0, 1, 3), kappa)

    def portfolio(self) -> dict[int, int]:
        r = self.random
        held = r.sample(range(MARKETS), r.randint(1, MARKETS))
        return {m: r.choice((1, -1)) * r.randrange(1, 10 ** r.randint(2, 27)) for m in held}

    def compare(self) -> None:
        model, risk, r = self.model, self.risk, self.random
        now = model.time
        for m in range(MARKETS):
            expected = model.risk_at(m, now)
            assert tuple(risk.params(m)) == astuple(expected)
            limits = [model.span(what, m)[0] for what in (6, 7, 4, 2)]
            assert list(risk.limits(m)) == limits
            seen = model.observations.get(m)
            found = risk.volatility_of(m)
            assert (found.floor, found.sigma) == (model.floor_at(m, now), expected.sigma)
            assert tuple(found.settings) == astuple(model.settings_at(m, now))
            told = (found.price, found.time, found.variance, found.anchor, found.anchor_time)
            assert told == (astuple(seen) if seen else (0, 0, 0, 0, 0))
        got = risk.functions["globals"]()
        assert (got.z, got.kappa) == astuple(model.globals_at(now))
        scheduled = 0
        for what, m in model.changes:
            scheduled |= 1 << (m if what < Z or what == VOLATILITY else what + 8)
        assert got.scheduled == scheduled
        for _ in range(2):
            x = self.portfolio()
            crowding = {m: r.choice((WAD, WAD + WAD // 64, 2 * WAD)) for m in x}
            legs = [(m, x[m], crowding[m]) for m in x]
            here = model.margin_at(x, now, crowding)
            assert tuple(risk.breakdown(legs)) == astuple(here)
            assert tuple(risk.margin(legs)) == (here.mm, here.im)
            later = now + r.choice((0, 1, DAY, r.randrange(20 * DAY)))
            assert tuple(risk.preview(legs, later)) == model.preview(x, later, crowding)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
            self.compare()


def walk(seed: int, steps: int) -> None:
    """Compare after every step, and see that there was something to compare."""
    pair = Pair(seed)
    pair.run(steps)
    for name in ("observe", "announce", "fold", "cancel"):
        assert pair.counts[name] > 0
        assert pair.counts[f"{name} refused"] > 0


@pytest.mark.parametrize("seed", range(3))
def test_mrg_5_walk_agrees_with_the_reference_model(seed: int) -> None:
    walk(seed, 250)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_mrg_5_long_walk_agrees_with_the_reference_model(seed: int) -> None:
    walk(seed, 1_000)
