"""Random actions on a twin, biased towards what is rare by chance: crashes, liquidations, ends.

What an action does is chosen by a `Choice`: a seeded generator or Hypothesis. The model is asked
what would be interesting next; nothing that a contract says has a part in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, ClassVar, Protocol, TypeVar

from plimsoll.reference import Order
from plimsoll.reference.numbers import (
    CURE,
    DAY,
    FUND,
    HAIRCUT_STEP,
    PATIENCE,
    SALE,
    TREASURY,
    VOID,
    WAD,
    ceil_div,
    sgn,
)
from plimsoll.reference.oracle import DIVERGED, INVALID, STALE
from plimsoll.reference.risk import FIELDS, HOUR, Z
from tests.utils.twin import Outcome, Twin

T = TypeVar("T")

TRADERS = tuple(f"trader-{i}" for i in range(6))
LIQUIDATORS = ("liquidator-0", "liquidator-1")
WEAK = ("called", "liquidatable", "critical")
AIMS = (140, 110, 95, 80, 60, 30, 5, 0, -20, -60)
BROKEN = ("reverts", "short", "zero", "negative", "unfinished")


class Choice(Protocol):
    """Where an action's choices come from."""

    def number(self, low: int, high: int) -> int:
        """An integer in [low, high]."""

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""


class RandomChoice:
    """A seeded generator."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def number(self, low: int, high: int) -> int:
        """An integer in [low, high], often near an end."""
        return self.random.randint(low, high)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self.random.choice(options)


class Scenario:
    """A few traders and liquidators in the markets of a twin. `done` counts what happened."""

    #: every kind of action and how often it is tried in a random walk
    WEIGHTS: ClassVar[dict[str, int]] = {
        "fill": 20,
        "close": 14,
        "move_price": 8,
        "aim_price": 14,
        "feed": 3,
        "diverge": 4,
        "disputed_takeover": 4,
        "outage": 1,
        "pass_time": 4,
        "deposit": 5,
        "withdraw": 5,
        "touch": 2,
        "settle": 6,
        "takeover": 18,
        "takeover_by_order": 16,
        "call_margin": 4,
        "resolve": 18,
        "reclaim": 4,
        "freeze_book": 4,
        "pledge": 4,
        "unpledge": 3,
        "sale": 8,
        "seize": 4,
        "arrears": 5,
        "unpaid_claim": 3,
        "fund_collateral": 3,
        "vault_rules": 2,
        "cover": 4,
        "accrue": 2,
        "sync": 2,
        "thaw": 5,
        "fund": 6,
        "cancel": 2,
        "operator": 1,
        "administer": 2,
        "guard": 1,
        "risk": 4,
    }

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.done: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.begin()

    def begin(self) -> None:
        """The start of an episode: everybody has some cash."""
        twin = self.twin
        self.salt = 1_000
        self.giants = 0
        self.open: list[tuple[Order, str]] = []
        self.traders = [twin.account(name) for name in TRADERS]
        self.liquidators = [twin.account(name) for name in LIQUIDATORS]
        self.everybody = self.traders + self.liquidators
        for account in self.traders:
            twin.deposit("owner", account, self.wealth)
        for account in self.liquidators:
            twin.deposit("owner", account, 10 * self.wealth)
        twin.set_guardian("guardian")
        for number, account in enumerate(self.traders[: len(twin.pledges)]):  # collateral as well
            units = self._units_worth(number, twin.world.wealth * WAD)
            twin.vault_deposit(self._name(account), account, number, units)

    @property
    def wealth(self) -> int:
        """What a trader begins with, in token units."""
        return int(self.twin.world.wealth * 10**self.twin.world.decimals)

    @property
    def model(self) -> Any:
        """The reference model."""
        return self.twin.model

    def step(self, choice: Choice, kinds: Sequence[str]) -> None:
        """One action out of `kinds`."""
        getattr(self, choice.pick(kinds))(choice)

    # -- counting ----------------------------------------------------------------------------------

    def _count(self, name: str, outcome: Outcome) -> bool:
        if outcome.receipt is None:
            self.done[f"{name} refused"] += 1
            self.reasons[f"{name}: {outcome.reason}"] += 1
            return False
        self.done[name] += 1
        for event in outcome.receipt.logs:
            if event.name == "BookEnded":
                self.done["book ended"] += 1
            disputed = event.name in ("Filled", "TakenOver") and (
                self.model.status(event.market) == DIVERGED
            )
            if disputed:
                self.done[f"{name}, diverged"] += 1
                judged = self.model.judged_price(event.market, -event.size)
                if event.name == "TakenOver" and judged != self.model.price(event.market):
                    self.done[f"{name}, judged by the reference"] += 1
            if event.name == "SeriesStarted":
                self.done["fund: new series"] += 1
            elif event.name == "TakenOver" and event.to_worker == 0:
                self.done["takeover without a reward"] += 1
            elif event.name == "Resolved":
                for what in ("covered", "paid", "claims", "charged", "to_shortfall", "reward"):
                    if event.args[what]:
                        self.done[f"resolve: {what}"] += 1
                if event.size == 0:
                    self.done["resolve: no position"] += 1
        return True

    # -- choosing ----------------------------------------------------------------------------------

    def _market(self, choice: Choice) -> int:
        return choice.number(0, self.twin.count - 1)

    def _in_band(self, *wanted: str) -> list[int]:
        return [account for account in self.everybody if self.model.band(account) in wanted]

    def _frozen(self) -> list[int]:
        return [m for m in range(self.twin.count) if self.model.is_frozen(m)]

    def _open_market(self, choice: Choice) -> int:
        """A market; mostly one that is not frozen, and mostly ready for new positions (TRD-4)."""
        frozen = self._frozen()
        market = self._market(choice)
        if market in frozen and choice.number(0, 19):
            open_ones = [m for m in range(self.twin.count) if m not in frozen]
            if not open_ones:
                self._thaw(choice, market)
            else:
                market = choice.pick(open_ones)
        self._ready(choice, market)
        return market

    def _ready(self, choice: Choice, market: int) -> None:
        """Sync and wait where it is needed; now and then one of both is forgotten."""
        model = self.model
        if not model.is_fresh(market):
            return
        record = model.markets[market]
        moved = model.is_out_of_sync(record, model.price(market))
        if moved and choice.number(0, 19):
            self._count("sync", self.twin.sync("stranger", market))
        if model.markets[market].wait and choice.number(0, 19):
            self.twin.pass_blocks(choice.pick((2, 2, 2, 1, 3)))

    def _pass(self, seconds: int) -> None:
        """Time goes by and the feeds that are fresh keep up."""
        fresh = [m for m in range(self.twin.count) if self.model.is_fresh(m)]
        self.twin.pass_time(seconds)
        for market in fresh:
            self._set_price(market, self.model.price(market))

    def _name(self, account: int) -> str:
        return self.twin.name_of(account)

    def _sender(self, choice: Choice, account: int) -> str:
        """Nearly always the owner."""
        return self._name(account) if choice.number(0, 39) else "stranger"

    def _price(self, choice: Choice, market: int) -> int:
        """The mark, or near it; sometimes outside the band."""
        mark = self.model.price(market)
        band = self.model.markets[market].rules.band
        kind = choice.number(0, 9)
        if kind < 2:
            return int(mark)
        if kind == 2:
            edge = mark * band // 10**5
            return int(mark + choice.pick((-1, 1)) * (edge + choice.number(0, 1)))
        part = band // 4 if kind < 7 else band + 50
        return int(mark + mark * choice.number(-part, part) // 10**5)

    def _order(
        self, choice: Choice, account: int, market: int, size: int
    ) -> tuple[Order, str | None]:
        """A new order of an account, and who signs it."""
        self.salt += 1
        order = Order(
            account,
            market,
            size,
            self._price(choice, market),
            self.model.time + 10**6,
            self.salt,
        )
        kind = choice.number(0, 59)
        signer: str | None = self._name(account)
        if kind == 0:
            order = replace(order, reduce_only=True)
        elif kind == 1:
            order = replace(order, expiry=self.model.time - 1)
        elif kind == 2:
            order = replace(order, salt=choice.number(0, 2_000))
        elif kind == 3:
            signer = choice.pick(("stranger", None))
        elif kind == 4:
            order = replace(order, taker=self.twin.actor(choice.pick(TRADERS)).address)
        elif kind == 5:
            signer = "operator"
        return order, signer

    def _size_for(self, choice: Choice, account: int, market: int) -> int:
        """A size that uses a part of what the account's equity carries; sometimes too much."""
        now = self.model.standing(account)
        risk = self.model.risk_at(market, self.model.time)
        params = self.model.globals_at(self.model.time)
        rate = max(risk.sigma * params.z // WAD, risk.f)
        room = now.initial_equity - now.margin.im
        percent = choice.pick((5, 30, 60, 85, 90, 95, 100, 110))
        value = room * WAD // params.kappa * 10**12 // rate * percent // 100
        rules = self.model.markets[market].rules
        least = rules.min_notional
        value = min(max(value, least + choice.number(-1, 1) * 10**12), rules.max_notional * 2)
        size = value * WAD // self.model.price(market)
        if choice.number(0, 9):  # mostly what the market has room for
            size = min(size, max(1, rules.oi_cap - self.model.markets[market].oi))
        return max(1, int(size) + choice.number(-1, 1))

    def _with_room(self) -> list[int]:
        """The accounts that can open something."""
        room = []
        for account in self.everybody:
            now = self.model.standing(account)
            if self.model.account(account).locked:
                continue
            if now.initial_equity - now.margin.im > self.twin.world.wealth * WAD // 20:
                room.append(account)
        return room

    # -- actions -----------------------------------------------------------------------------------

    def fill(self, choice: Choice) -> None:
        """A trade that tends to open or grow positions."""
        market = self._open_market(choice)
        room = self._with_room()
        taker = choice.pick(room or self.traders)
        if self.open and choice.number(0, 9) == 0:  # again what was filled before
            order, by = choice.pick(self.open)
            self._ready(choice, order.market)
            left = abs(order.size) - self.model.filled.get(order, 0)
            size = max(1, choice.pick((left, left // 2, left // 2, left + 1)))
            self._fill(choice, order, by, taker, size)
            return
        makers = [a for a in room if a != taker]
        maker = choice.pick(makers if makers and choice.number(0, 39) else self.everybody)
        size = min(self._size_for(choice, who, market) for who in (maker, taker))
        side = choice.pick((-1, 1))
        order, signer = self._order(choice, maker, market, side * size)
        part = choice.pick((size, size, size, size // 2)) + (choice.number(0, 39) == 0)
        if self._fill(choice, order, signer, taker, part) and signer is not None:
            self.open = [*self.open[-20:], (order, signer)]

    def _fill(
        self, choice: Choice, order: Order, signer: str | None, taker: int, size: int
    ) -> bool:
        outcome = self.twin.fill(self._sender(choice, taker), order, signer, taker, size)
        return self._count("fill", outcome)

    def close(self, choice: Choice) -> None:
        """A trade that reduces at least one position."""
        market = self._market(choice)
        sizes = {a: self.model.positions(a).get(market, 0) for a in self.everybody}
        holders = [a for a, size in sizes.items() if size]
        if choice.number(0, 9):
            holders = [a for a in holders if not self.model.account(a).locked]
        if len(holders) < 2:
            self.fill(choice)
            return
        first = choice.pick(holders)
        others = [a for a in holders if sizes[a] * sizes[first] < 0]
        second = choice.pick(others or [a for a in holders if a != first])
        whole = min(abs(sizes[first]), abs(sizes[second]))
        size = choice.pick(
            (abs(sizes[first]), abs(sizes[second]), whole, whole // 2, whole // 3, whole + 1)
        )
        order, signer = self._order(choice, first, market, -sgn(sizes[first]) * max(1, size))
        outcome = self.twin.fill(self._sender(choice, second), order, signer, second, size)
        self._count("close", outcome)

    def _set_price(self, market: int, price: int, age: int = 0) -> None:
        listing = self.twin.world.listings[market]
        most = min(listing.price * 30, 2**listing.ceiling)
        self.twin.set_price(market, min(max(price, listing.price // 30), most), age)

    def move_price(self, choice: Choice) -> None:
        """A small move of some market, sometimes a crash or a pump."""
        market = self._market(choice)
        low, high = choice.pick(((990, 1_010), (960, 1_040), (850, 1_150), (400, 2_000)))
        self._set_price(market, self.model.price(market) * choice.number(low, high) // 1_000)
        self.done["price moved"] += 1

    def aim_price(self, choice: Choice, percents: Sequence[int] = AIMS) -> None:
        """A move that brings some account below its margin, or to about nothing and beyond.

        `percents` are the healths to choose from.
        """
        holders = [a for a in self.traders if self.model.positions(a)]
        if not holders:
            self.fill(choice)
            return
        if choice.number(0, 2) == 0:  # rather who has collateral
            holders = [a for a in holders if self.model.is_pledged(a)] or holders
        standings = {a: self.model.standing(a) for a in holders}
        tight = [a for a in holders if standings[a].equity < 4 * standings[a].margin.mm]
        self._aim(choice, choice.pick(tight or holders), percents)

    def _aim(self, choice: Choice, account: int, percents: Sequence[int]) -> None:
        """Move a price so that an account has about one of these healths."""
        now = self.model.standing(account)
        if not now.sizes:
            return
        market = choice.pick(sorted(now.sizes))
        size = now.sizes[market]
        if size == 0:
            return
        percent = choice.pick(percents)
        change = (now.margin.mm * percent // 100 - now.equity) * WAD // size
        self._set_price(market, self.model.price(market) + change)
        self.done["price aimed"] += 1

    def feed(self, choice: Choice) -> None:
        """A feed dies or comes back; or all come back and are stored."""
        market, kind = self._market(choice), choice.number(0, 5)
        if kind == 0:
            self.twin.break_feed(market, choice.pick(BROKEN))
            self.done["feed broken"] += 1
        elif kind == 1:
            age = self.model.feeds[market].heartbeat + choice.number(0, 2)
            self._set_price(market, self.model.price(market), age)
            self.done["feed old"] += 1
        else:
            self.refresh()
            if kind == 5:
                self._count("checkpoint", self.twin.checkpoint("stranger", choice.number(0, 7)))

    def diverge(self, choice: Choice) -> None:
        """A reference feed says something else, fails, or agrees again."""
        if not self.twin.references:
            return
        market = choice.pick(sorted(self.twin.references))
        kind = choice.number(0, 7)
        if kind == 0:
            self.twin.break_reference(market, choice.pick(("old", "negative")))
            self.done["reference broken"] += 1
        elif kind < 3:
            self.twin.diverge(market, 10**9)
            self.done["reference agrees"] += 1
        else:
            limit = self.model.references[market].divergence
            percent = choice.pick((95, 100, 101, 105, 150, 400, 900))
            off = limit * percent // 100 + choice.number(-1, 1)
            # of the smaller price: the feed's or the reference's
            ratio = choice.pick((10**9 + off, 10**18 // (10**9 + off)))
            self.twin.diverge(market, ratio)
            self.done["diverged" if self.model.status(market) == DIVERGED else "differs"] += 1

    def disputed_takeover(self, choice: Choice) -> None:
        """A weak account, a reference feed that is kinder to it, and a liquidator."""
        holders = {
            a: sorted(set(self.model.positions(a)) & set(self.twin.references))
            for a in self.traders
        }
        accounts = [a for a, markets in holders.items() if markets]
        if not accounts:
            return
        account = choice.pick(accounts)
        market = choice.pick(holders[account])
        size = self.model.positions(account)[market]
        if size == 0:
            return
        off = self.model.references[market].divergence * choice.pick((101, 110, 150)) // 100
        self.twin.diverge(market, 10**9 + off if size > 0 else 10**18 // (10**9 + off))
        now = self.model.standing(account)
        change = (now.margin.mm * choice.pick((95, 80, 60, 30)) // 100 - now.equity) * WAD // size
        self._set_price(market, self.model.price(market) + change)
        liquidator = choice.pick(self.liquidators)
        q = self._slice(choice, account, market, size)
        who = self._name(liquidator)
        self._count("takeover", self.twin.takeover(who, account, market, q, liquidator))

    def agree(self) -> None:
        """Every reference feed says what the market's own does."""
        for market, ratio in self.twin.ratios.items():
            if ratio != 10**9:
                self.twin.diverge(market, 10**9)
        self.done["references agree"] += 1

    def outage(self, choice: Choice) -> None:
        """The sequencer goes down or comes back."""
        if self.model.sequencer.set:
            what = choice.pick(("up", "back", "down", "nonsense", "fails"))
            self.twin.set_uptime(what)
            self.done[f"sequencer {what}"] += 1

    def refresh(self) -> None:
        """Every feed answers again, what it did before."""
        if not self.model.is_up():
            self.twin.set_uptime("up")
        for market in range(self.twin.count):
            if not self.model.is_tradable(market):
                self._set_price(market, self.model.price(market))
        self.done["feeds fresh"] += 1

    def pass_time(self, choice: Choice) -> None:
        """Seconds, minutes or a part of a day; mostly the feeds keep up."""
        self.twin.pass_time(choice.pick((0, 12, 60, 600, 3_700, 40_000)))
        self.twin.set_basefee(choice.pick((0, 10**9, 30 * 10**9, 10**14, 10**16)))
        if choice.number(0, 3):
            for market in range(self.twin.count):
                self._set_price(market, self.model.price(market))
        self.done["time passed"] += 1

    def deposit(self, choice: Choice) -> None:
        """Cash for a trader, rather a poor one; sometimes for a house account."""
        least = self.twin.world.wealth * WAD // 20
        poor = [a for a in self.traders if self.model.account(a).cash < least]
        account = choice.pick(poor or self.traders)
        if choice.number(0, 19) == 0:
            account = choice.pick((FUND, TREASURY, 3))
        amount = self.wealth * choice.pick((0, 1, 4, 4, 8)) // 4 + choice.number(0, 1)
        who = choice.pick((*TRADERS, "stranger"))
        self._count("deposit", self.twin.deposit(who, account, amount))

    def withdraw(self, choice: Choice) -> None:
        """Some or all of an account's cash; or what leaves exactly the initial margin."""
        account = choice.pick(self.traders)
        scale = self.model.scale
        cash = self.model.account(account).cash // scale
        now = self.model.standing(account)
        edge = max(0, now.initial_equity - now.margin.im) // scale
        amount = choice.pick((1, cash // 3, cash, cash + 1, edge, edge + 1))
        who = self._sender(choice, account)
        if choice.number(0, 29) == 0:
            account, who = TREASURY, choice.pick(("owner", "stranger"))
            amount = self.model.account(TREASURY).cash // scale // 2
        self._count("withdraw", self.twin.withdraw(who, account, amount, "receiver"))

    def touch(self, choice: Choice) -> None:
        """Mark an account."""
        account = choice.pick((*self.everybody, FUND, TREASURY))
        self._count("touch", self.twin.touch("stranger", account))

    def settle(self, choice: Choice) -> None:
        """Settle an account."""
        account = choice.pick((*self.everybody, FUND, FUND))
        self._count("settle", self.twin.settle("stranger", account))

    def _victim(self, choice: Choice) -> tuple[int, int, int] | None:
        """An account that may be liquidated, or if there is none one that holds something.

        Where a margin call is due, it is mostly made and its cure window mostly goes by.
        """
        weak = self._in_band(*WEAK)
        if not weak or choice.number(0, 19) == 0:
            self.aim_price(choice, (95, 80, 60, 60, 50, 30, 12, 2))
            weak = self._in_band(*WEAK)
            if not weak and choice.number(0, 5) == 0:
                weak = [a for a in self.everybody if self.model.positions(a)]
        if not weak:
            return None
        account = choice.pick(weak)
        # a resolve may leave a live leg with a size of zero
        sizes = {m: size for m, size in self.model.positions(account).items() if size}
        if not sizes:
            return None
        market = choice.pick(sorted(sizes))
        if self.model.band(account) == "called" and choice.number(0, 7):
            self._call(choice, account)
            if choice.number(0, 5) == 0:  # a price gap in the meantime
                self.move_price(choice)
        return account, market, sizes[market]

    def _call(self, choice: Choice, account: int) -> None:
        """A margin call where none stands; its cure window mostly goes by."""
        record, now = self.model.account(account), self.model.time
        if not record.deadline or now > record.deadline + VOID:
            self._count("call margin", self.twin.call_margin("stranger", account))
        wait = self.model.account(account).deadline - self.model.time
        if wait > 0 and choice.number(0, 15):
            self._pass(wait - (choice.number(0, 19) == 0))

    def _slice(self, choice: Choice, account: int, market: int, size: int) -> int:
        """A slice: a part, the whole, what leaves the least, the most that is allowed, nonsense."""
        kind, whole = choice.number(0, 11), abs(size)
        if kind < 5:
            return whole * choice.pick((1, 3, 10, 20, 50, 80)) // 100
        if kind < 7:
            return whole
        if kind < 9:
            most = self.model.largest_slice(account, market)
            if most and choice.number(0, 1) and self.model.band(account) == "called":
                most = min(most, self.model.window_room(market))
            return int(most) + (choice.number(0, 1) if most else 1)
        least = self.model.markets[market].rules.min_notional * WAD
        kept = ceil_div(least, self.model.price(market))
        return (
            max(0, whole - kept + choice.number(-1, 1))
            if kind == 9
            else choice.pick((1, whole + 1, whole // 7, 0))
        )

    def takeover(self, choice: Choice) -> None:
        """A slice of a weak account goes to a liquidator."""
        found = self._victim(choice)
        if found is None:
            return
        account, market, size = found
        q = self._slice(choice, account, market, size)
        pool = self.liquidators if choice.number(0, 3) else self.everybody
        if choice.number(0, 19):
            pool = self._with_room() or pool
        liquidator = choice.pick([a for a in pool if a != account] or pool)
        who = self._sender(choice, liquidator)
        outcome = self.twin.takeover(who, account, market, q, liquidator)
        if self._count("takeover", outcome) and q == abs(size):
            self.done["takeover of the whole"] += 1

    def takeover_by_order(self, choice: Choice) -> None:
        """A slice of a weak account goes to a maker."""
        found = self._victim(choice)
        if found is None:
            return
        account, market, size = found
        q = self._slice(choice, account, market, size)
        opposite = [a for a in self.everybody if self.model.positions(a).get(market, 0) * size < 0]
        pools = [self.liquidators, self.everybody, opposite or self.everybody]
        pool = choice.pick(pools)
        if choice.number(0, 9):
            pool = [a for a in pool if not self.model.account(a).locked] or pool
        maker = choice.pick([a for a in pool if a != account] or pool)
        order, signer = self._order(choice, maker, market, sgn(size) * max(1, q))
        if choice.number(0, 2):  # near the mark, where the loss stays within the penalty
            mark = self.model.price(market)
            order = replace(order, price=mark + mark * choice.number(-20, 20) // 10_000)
        if choice.number(0, 19) == 0:
            order = replace(order, size=-order.size)
        others = [a for a in self.everybody if a not in (account, maker)]
        keeper = choice.pick(others if choice.number(0, 29) else self.everybody)
        outcome = self.twin.takeover_by_order("keeper", order, signer, account, q, keeper)
        self._count("takeover by order", outcome)

    def resolve(self, choice: Choice) -> None:
        """One market of a bankrupt account, sometimes of a critical one."""
        broke = self._in_band("bankrupt")
        if choice.number(0, 4) == 0:
            broke = self._in_band("critical") or broke
        if not broke:
            self.aim_price(choice, (5, -1, -10, -40, -100, -300))
            broke = self._in_band("bankrupt", "critical")
            if not broke:
                if choice.number(0, 5):
                    return
                broke = [choice.pick(self.everybody)]
        if choice.number(0, 9):  # what has collateral waits for its sale
            broke = [a for a in broke if not self.model.is_pledged(a)] or broke
        account = choice.pick(broke)
        held = self.model.held(account) or list(range(self.twin.count))
        market = choice.pick(held) if choice.number(0, 19) else self._market(choice)
        keeper = choice.pick([a for a in self.liquidators if a != account])
        if choice.number(0, 29) == 0:
            keeper = choice.pick((account, FUND))
        self._resolve(account, market, keeper)

    def _resolve(self, account: int, market: int, keeper: int) -> None:
        band = self.model.band(account)
        waits = market in self._frozen()
        closing = dict(self.model.markets[market].closing)
        if self._count("resolve", self.twin.resolve("keeper", account, market, keeper)):
            self.done["resolve: critical"] += band == "critical"
            self.done["account locked"] += self.model.account(account).locked
            now = self.model.markets[market].closing
            self.done["frozen book charged"] += waits and now != closing

    def call_margin(self, choice: Choice) -> None:
        """A margin call, mostly where one is due; sometimes time goes on to where it is void."""
        called = self._in_band(*WEAK, "bankrupt")
        if not called:
            self.aim_price(choice, (95, 80, 75))
            called = self._in_band(*WEAK)
        pool = called if called and choice.number(0, 5) else self.everybody
        account = choice.pick(pool)
        if self.model.account(account).deadline and choice.number(0, 2) == 0:
            self._pass(choice.pick((CURE, CURE + VOID, CURE + VOID + 1)))
        self._count("call margin", self.twin.call_margin("stranger", account))

    def reclaim(self, choice: Choice) -> None:
        """What others paid for a locked account; mostly after a price has turned for it."""
        locked = [a for a in self.everybody if self.model.account(a).locked]
        if not locked and choice.number(0, 5):
            return
        account = choice.pick(locked or self.everybody)
        if locked and choice.number(0, 2):
            if choice.number(0, 1):
                self.refresh()
            self._raise_equity(choice, account)
        self._count("reclaim", self.twin.reclaim("stranger", account))

    def _raise_equity(self, choice: Choice, account: int) -> None:
        """A price turns for an account, or somebody deposits for it."""
        sizes = self.model.positions(account)
        if sizes and choice.number(0, 3):
            market = choice.pick(sorted(sizes))
            up = choice.pick((110, 150)) if sizes[market] > 0 else choice.pick((90, 60))
            self._set_price(market, self.model.price(market) * up // 100)
        else:
            self._count("deposit", self.twin.deposit("stranger", account, self.wealth // 10))

    def accrue(self, choice: Choice) -> None:
        """A market's funding, mostly some minutes after the last time."""
        if choice.number(0, 3):
            self._pass(choice.pick((30, 60, 3_600, 30_000)))
        market = self._market(choice)
        moved = self.model.markets[market].premium
        if self._count("accrue", self.twin.accrue("stranger", market)):
            self.done["funding paid"] += moved != self.model.markets[market].premium

    def sync(self, choice: Choice) -> None:
        """A market learns its price."""
        self._count("sync", self.twin.sync("stranger", self._market(choice)))

    def freeze_book(self, choice: Choice) -> None:
        """A giant and two poor accounts on one side of an empty market, a price at which all three
        are bankrupt, and the giant resolved: the book ends while others' losses wait in it."""
        model, twin = self.model, self.twin
        markets = [m for m in self._open_markets() if model.markets[m].oi == 0]
        if not markets:
            self.fill(choice)
            return
        market, side = choice.pick(markets), choice.pick((-1, 1))
        self._ready(choice, market)
        price, least = model.price(market), model.markets[market].rules.min_notional
        self.giants += 1
        loss = 0
        losers = []
        for name, value in (("giant", 2_600 * least), ("poor-0", least), ("poor-1", least)):
            size = ceil_div((value + value // 50) * WAD, price)
            x = ceil_div(size * price, WAD)
            needed = model.margin_of({market: x}).im * 103 // 100 + x // 100
            loss = max(loss, needed * 105 // 100 * WAD // x)
            account, other = twin.account(name, self.giants), twin.account("whale", self.giants)
            self._count("deposit", twin.deposit("owner", account, needed // model.scale + 1))
            self._count("deposit", twin.deposit("owner", other, 9 * needed // model.scale + 1))
            self.salt += 1
            order = Order(account, market, side * size, price, model.time + 10**6, self.salt)
            if self._count("fill", twin.fill("whale", order, name, other, size)):
                losers.append(account)
        self.everybody = [*self.everybody, *losers]
        if side > 0 and loss >= WAD * 9 // 10:
            return
        self._set_price(market, price - side * (price * loss // WAD))
        for account in losers:
            if model.band(account) == "bankrupt" and choice.number(0, 3):
                self._resolve(account, market, choice.pick(self.liquidators))

    def _open_markets(self) -> list[int]:
        """Markets in which anybody may open a position."""
        model = self.model
        return [
            m
            for m in range(self.twin.count)
            if model.is_fresh(m)
            and not model.is_frozen(m)
            and not model.markets[m].rules.reduce_only
        ]

    def thaw(self, choice: Choice) -> None:
        """A frozen book, mostly when its time is over and its losses are charged."""
        frozen = self._frozen()
        if not frozen and choice.number(0, 5):
            return
        self._thaw(choice, choice.pick(frozen) if frozen else self._market(choice))

    def _thaw(self, choice: Choice, market: int) -> None:
        wait = self.model.markets[market].frozen.until - self.model.time
        if wait > 0 and choice.number(0, 3):
            if choice.number(0, 4):
                self._resolve_waiting(market)
            self._pass(wait - (choice.number(0, 19) == 0))
        self._count("thaw", self.twin.thaw("stranger", market))

    def _resolve_waiting(self, market: int) -> None:
        """Bankrupt accounts whose losses wait in a frozen book."""
        for account in self._in_band("bankrupt"):
            leg = self.model.leg(account, market)
            if self.model.is_of_frozen_book(market, leg):
                self._resolve(account, market, self.liquidators[account == self.liquidators[0]])

    def _token(self, choice: Choice, account: int | None = None) -> int:
        """A token; if an account is given, mostly one that it has."""
        tokens = range(len(self.twin.pledges))
        owned = [] if account is None else [t for t in tokens if self._units(account, t)]
        return choice.pick(owned if owned and choice.number(0, 19) else list(tokens))

    def _units(self, account: int, token: int) -> int:
        return int(self.model.units_of(account, self.twin.pledges[token].address))

    def _listed(self, token: int) -> Any:
        """The model's record of a token."""
        return self.model.token(self.twin.pledges[token].address)

    def _units_worth(self, token: int, value: int) -> int:
        """Token units that cost about `value` (WAD of the quote)."""
        record = self._listed(token)
        return value * WAD // (self.model.price(record.market) * record.scale) or 1

    def _pledged(self) -> list[int]:
        return [account for account in self.everybody if self.model.is_pledged(account)]

    def pledge(self, choice: Choice) -> None:
        """Collateral for an account; sometimes nothing, or beyond the cap, or for the house."""
        if not self.twin.pledges:
            return
        token, account = self._token(choice), choice.pick(self.traders)
        if choice.number(0, 19) == 0:
            account = choice.pick((FUND, TREASURY, 3, self.liquidators[0]))
        record = self._listed(token)
        value = self.twin.world.wealth * WAD * choice.pick((1, 1, 2, 4, 8)) // 4
        amount = self._units_worth(token, value)
        if choice.number(0, 11) == 0:
            address = self.twin.pledges[token].address
            room = max(0, record.cap // record.scale - self.model.total_units(address))
            amount = choice.pick((0, 1, room + 1))
        who = self._name(account) if account > 3 else "stranger"
        who = choice.pick((who,) * 18 + ("operator", "stranger"))
        self._count("pledge", self.twin.vault_deposit(who, account, token, amount))

    def unpledge(self, choice: Choice) -> None:
        """Some or all of an account's collateral; or what leaves exactly the initial margin."""
        if not self.twin.pledges:
            return
        account = choice.pick(self._pledged() or self.traders)
        token = self._token(choice, account)
        record, now = self._listed(token), self.model.standing(account)
        units, kept = self._units(account, token), 10**5 - self.model.haircut(record)
        free = max(0, now.initial_equity - now.margin.im)
        edge = free * WAD * 10**5 // (record.scale * self.model.price(record.market) * kept)
        amount = choice.pick((1, units // 3, units, units + 1, min(edge, units), edge + 1))
        who = self._sender(choice, account)
        outcome = self.twin.vault_withdraw(who, account, token, amount, "receiver")
        self._count("unpledge", outcome)

    def sale(self, choice: Choice) -> None:
        """The collateral of a weak account is put up for sale, and a part of it is bought."""
        account = self._seller(choice)
        if account is None:
            self.pledge(choice)
            return
        if not self.model.has_sale(account) and choice.number(0, 2):
            self._count("open sale", self.twin.open_sale("stranger", account))
        if choice.number(0, 2) == 0:
            self._pass(choice.pick((12, 60, 300, SALE, VOID + 1)))
        for _ in range(choice.number(1, 2)):
            self._buy(choice, account)

    def _seller(self, choice: Choice) -> int | None:
        """An account with collateral that is for sale, mostly; prices turn if there is none."""
        pledged = self._pledged()
        if not pledged:
            return None
        for_sale = [a for a in pledged if self.model.terms(a)[0]]
        if not for_sale or choice.number(0, 9) == 0:
            account = choice.pick([a for a in pledged if self.model.positions(a)] or pledged)
            self._aim(choice, account, (95, 75, 60, 40, 20, 5, -10))
            if self.model.band(account) == "called" and choice.number(0, 3):
                self._call(choice, account)
            for_sale = [a for a in pledged if self.model.terms(a)[0]]
        return choice.pick(for_sale if for_sale and choice.number(0, 19) else pledged)

    def _buy(self, choice: Choice, account: int) -> None:
        """A part of what is for sale, up to what is needed and a unit more; or nonsense."""
        model, token = self.model, self._token(choice, account)
        record, units = self._listed(token), self._units(account, token)
        if record.market in self.twin.references and choice.number(0, 9) == 0:
            off = model.references[record.market].divergence * choice.pick((101, 150)) // 100
            self.twin.diverge(record.market, choice.pick((10**9 + off, 10**18 // (10**9 + off))))
        need, share = model.terms(account)
        rate = record.scale * model.collateral_price(record)
        rate *= 10**23 - model.haircut(record) * share
        most = ceil_div(need * 10**41, rate) if rate else 0
        some = min(most, units)
        amount = choice.pick((1, some // 7, some // 2, some, some, min(most + 1, units), units))
        if choice.number(0, 39) == 0:
            amount = choice.pick((0, units + 1))
        cost = ceil_div(ceil_div(amount * rate, 10**41), model.scale)
        limit = choice.pick((cost,) * 9 + (cost * 2, max(0, cost - 1)))
        if account == FUND:
            kind = "of the fund"
        elif model.is_for_sale(account, model.standing(account)):
            kind = "by margin"
        else:
            kind = "of arrears"
        diverged = model.status(record.market) == DIVERGED
        if self._count("buy", self.twin.buy("keeper", account, token, amount, limit)):
            self.done[f"buy {kind}"] += 1
            self.done["buy, diverged"] += diverged

    def seize(self, choice: Choice) -> None:
        """A bankrupt account's collateral that nobody buys, or nobody can; then a resolve."""
        pledged = self._pledged()
        if not pledged:
            self.pledge(choice)
            return
        broke = [a for a in pledged if self.model.band(a) == "bankrupt"]
        for _ in range(2):  # what it has may be worth more at the price it needs
            if broke:
                break
            account = choice.pick([a for a in pledged if self.model.positions(a)] or pledged)
            self._aim(choice, account, (-1, -10, -60))
            broke = [a for a in pledged if self.model.band(a) == "bankrupt"]
        account = choice.pick(broke or pledged)
        kind = choice.number(0, 9)
        if not self.model.has_sale(account):
            self._count("open sale", self.twin.open_sale("stranger", account))
        if kind == 9:
            if choice.number(0, 3):  # it recovers
                self.twin.deposit("stranger", account, 4 * self.wealth)
            self._count("close sale", self.twin.close_sale("stranger", account))
        elif choice.number(0, 9):
            self._pass(SALE - (choice.number(0, 9) == 0))
        if kind < 3:
            self._kill_feed(choice, self._listed(self._token(choice, account)).market)
        for token in range(len(self.twin.pledges)):
            if self._units(account, token) or choice.number(0, 9) == 0:
                dead = not self.model.is_tradable(self._listed(token).market)
                if self._count("seize", self.twin.seize("stranger", account, token)):
                    self.done["seize: dead feed"] += dead
        held = self.model.held(account)
        if held and not self.model.is_pledged(account) and choice.number(0, 1):
            keeper = self.liquidators[account == self.liquidators[0]]
            self._resolve(account, choice.pick(held), keeper)

    def _kill_feed(self, choice: Choice, market: int) -> None:
        """A market's feed fails or is old."""
        if choice.number(0, 1):
            self.twin.break_feed(market, choice.pick(BROKEN))
            self.done["feed broken"] += 1
        else:
            age = self.model.feeds[market].heartbeat + 1
            self._set_price(market, self.model.price(market), age)
            self.done["feed old"] += 1

    def arrears(self, choice: Choice) -> None:
        """Arrears are noted; after an hour collateral is sold for them, after a day claims go."""
        model = self.model
        overdue = [a for a in self.everybody if model.account(a).overdue]
        if not overdue or choice.number(0, 2) == 0:
            account = self._debtor(choice)
            if not self._count("note arrears", self.twin.note_arrears("stranger", account)):
                return
        else:
            several = [a for a in overdue if len(model.positions(a)) > 1]
            account = choice.pick(several if several and choice.number(0, 2) else overdue)
        age = model.time - model.account(account).since
        if choice.number(0, 1):
            if choice.number(0, 4):
                self._pass(max(0, PATIENCE - age - (choice.number(0, 9) == 0)))
            if model.is_pledged(account):
                self._buy(choice, account)
        else:
            if choice.number(0, 4):
                self._pass(max(0, DAY - age - (choice.number(0, 9) == 0)))
            self._favour(choice, account)
            self._count("clear arrears", self.twin.clear_arrears("stranger", account))

    def unpaid_claim(self, choice: Choice) -> None:
        """An account that loses more than its cash in one market and gains in another: a day later
        its claim goes for its arrears."""
        model, twin, markets = self.model, self.twin, self._open_markets()
        if len(markets) < 2:
            self.arrears(choice)
            return
        losing = choice.pick(markets)
        winning = choice.pick([m for m in markets if m != losing])
        self.giants += 1
        account, other = twin.account("debtor", self.giants), twin.account("whale", self.giants)
        sizes = {}
        for market in (losing, winning):
            self._ready(choice, market)
            price, least = model.price(market), model.markets[market].rules.min_notional
            size = ceil_div(8 * least * WAD, price) * choice.pick((-1, 1))
            needed = model.margin_of({market: 8 * least}).im * 115 // 100
            self._count("deposit", twin.deposit("owner", account, needed // model.scale + 1))
            self._count("deposit", twin.deposit("owner", other, 9 * needed // model.scale + 1))
            self.salt += 1
            order = Order(account, market, size, price, model.time + 10**6, self.salt)
            if self._count("fill", twin.fill("whale", order, "debtor", other, abs(size))):
                sizes[market] = size
        self.everybody = [*self.everybody, account]
        if len(sizes) < 2:
            return
        cash = model.account(account).cash
        for market, percent in ((losing, -choice.pick((103, 130))), (winning, 120)):
            change = cash * percent // 100 * WAD // sizes[market]
            self._set_price(market, model.price(market) + change)
        if self._count("note arrears", twin.note_arrears("stranger", account)):
            self._pass(DAY - (choice.number(0, 9) == 0))
            self._favour(choice, account)
            self._count("clear arrears", twin.clear_arrears("stranger", account))

    def _favour(self, choice: Choice, account: int) -> None:
        """A price turns for an account with arrears elsewhere: a claim that nobody pays yet."""
        record, sizes = self.model.account(account), self.model.positions(account)
        markets = [m for m, s in sorted(sizes.items()) if s and record.legs[m].pnl >= 0]
        if markets and choice.number(0, 4):
            market = choice.pick(markets)
            gain = self.model.recorded_arrears(account) * choice.pick((30, 90, 150)) // 100
            change = gain * WAD // sizes[market]
            self._set_price(market, self.model.price(market) + change)

    def _debtor(self, choice: Choice) -> int:
        """An account with arrears, mostly; if there is none a price turns against an account, and
        another one for it if it has a second position."""
        model = self.model
        owing = [a for a in self.everybody if model.recorded_arrears(a)]
        owing = [a for a in owing if not model.account(a).overdue] or owing
        if owing and choice.number(0, 2):
            several = [a for a in owing if len(model.positions(a)) > 1]
            return choice.pick(several or owing)
        sizes = {a: {m: s for m, s in model.positions(a).items() if s} for a in self.everybody}
        several = [a for a in self.everybody if len(sizes[a]) > 1]
        pledged = [a for a in self._pledged() if sizes[a]]
        account = choice.pick((several if choice.number(0, 2) else pledged) or self.everybody)
        markets = sorted(sizes[account])
        if markets:
            losing, now = choice.pick(markets), model.standing(account)
            loss = max(0, model.account(account).cash - now.arrears)
            loss += self.twin.world.wealth * WAD // 20
            for market in markets:
                change = loss * WAD // sizes[account][market]
                change = -change if market == losing else change
                self._set_price(market, model.price(market) + change)
        return account

    def fund_collateral(self, choice: Choice) -> None:
        """What the fund has seized is bought, or taken out."""
        if not self.twin.pledges:
            return
        if not self.model.is_pledged(FUND) and choice.number(0, 5):
            self.seize(choice)
            return
        if choice.number(0, 2):
            self._buy(choice, FUND)
            return
        token = self._token(choice, FUND)
        units = self._units(FUND, token)
        amount = choice.pick((units, units // 3, units // 3, units + 1))
        who = choice.pick(("owner", "owner", "owner", "stranger"))
        outcome = self.twin.withdraw_fund(who, token, amount, "receiver")
        self._count("withdraw fund", outcome)

    def vault_rules(self, choice: Choice) -> None:
        """Another cap or haircut; mostly the cap is soon taken back."""
        if not self.twin.pledges:
            return
        token = self._token(choice)
        record = self._listed(token)
        who = choice.pick(("owner", "owner", "owner", "guardian", "stranger"))
        if choice.number(0, 1):
            step = choice.pick((-HAIRCUT_STEP - 1, -HAIRCUT_STEP, -777, 0, 5_000, HAIRCUT_STEP))
            outcome = self.twin.set_haircut(who, token, max(0, record.haircut_to + step))
            if self._count("set haircut", outcome) and choice.number(0, 1):
                self._pass(DAY + choice.number(0, DAY))
            return
        most = self.twin.world.pledges[token].cap
        cap = choice.pick((0, 1, record.cap // 2, record.cap + 1, most, 2 * most))
        if self._count("set cap", self.twin.set_cap(who, token, cap)) and choice.number(0, 3):
            self._count("set cap", self.twin.set_cap("owner", token, most))

    def cover(self, choice: Choice) -> None:
        """The fund pays a shortfall."""
        short = [m for m in range(self.twin.count) if self.model.markets[m].shortfall]
        market = choice.pick(short) if short else self._market(choice)
        self._count("cover", self.twin.cover("stranger", market))

    def fund(self, choice: Choice) -> None:
        """In and out of the insurance fund, all four ways, with the requests that it takes."""
        who = choice.pick(("backer", "backer", "second backer"))
        address = self.twin.actor(who).address
        shares, opens, closes = self.model.redeem_request(address)
        kind = choice.number(0, 7)
        if kind > 3:
            if (shares == 0 or self.model.time >= closes) and choice.number(0, 9):
                self._request(choice, who, address)
                shares, opens, closes = self.model.redeem_request(address)
            elif choice.number(0, 4) == 0:
                self._count("fund cancel", self.twin.fund_cancel(who))
            if shares and self.model.time < opens and choice.number(0, 4):
                times = (opens, opens, opens, opens + 7, opens - 1, closes - 1, closes)
                self._wait_until(choice.pick(times))
        if kind < 3:
            amount = choice.pick((0, 1, self.wealth // 4, self.wealth))
            self._count("fund deposit", self.twin.fund_deposit(who, amount, who))
        elif kind == 3:
            worth = self.model.deposit_worth() + 10**12
            value = choice.pick((1, self.twin.world.wealth * WAD // 20))
            minted = value * (self.model.share_supply + 10**12) // worth
            self._count("fund mint", self.twin.fund_mint(who, minted, who))
        elif kind < 6:
            amount = choice.pick((shares // 3, shares // 7, shares, shares + 1))
            self._count("fund redeem", self.twin.fund_redeem(who, amount, "receiver"))
        else:
            free = self.model.redemption_worth() // self.model.scale
            worth = free * shares // max(1, self.model.share_supply)
            amount = choice.pick((1, worth // 3, worth, free + 1))
            self._count("fund withdraw", self.twin.fund_withdraw(who, amount, "receiver"))

    def _request(self, choice: Choice, who: str, address: str) -> None:
        """A holder asks to redeem."""
        shares = self.model.shares.get(int(address, 16), 0)
        amount = choice.pick((shares // 3, shares // 3, shares // 9, shares, shares + 1))
        self._count("fund request", self.twin.fund_request(who, amount))

    def _wait_until(self, time: int) -> None:
        """Wait for a window to open or close; the feeds keep up."""
        self.twin.pass_time(max(0, time - self.model.time))
        for market in range(self.twin.count):
            self._set_price(market, self.model.price(market))
        self.done["waited for a window"] += 1

    def cancel(self, choice: Choice) -> None:
        """An order, or all below a salt."""
        account = choice.pick(self.traders)
        who = self._sender(choice, account)
        if choice.number(0, 1) and self.open:
            order, _ = choice.pick(self.open)
            who = self._sender(choice, order.account)
            self._count("cancel order", self.twin.cancel_order(who, order))
            return
        salt = choice.pick((self.salt - 5, self.salt, 0, 2**56))
        self._count("cancel below", self.twin.cancel_below(who, account, salt))

    def operator(self, choice: Choice) -> None:
        """A trader trusts the operator, or no longer."""
        approved = bool(choice.number(0, 2))
        outcome = self.twin.set_operator(choice.pick(TRADERS), "operator", approved)
        self._count("set operator", outcome)

    def administer(self, choice: Choice) -> None:
        """A market only reduces or trades again; other fees, another allowance."""
        market, kind = self._market(choice), choice.number(0, 5)
        rules = self.model.markets[market].rules
        listing = self.twin.world.listings[market]
        if kind < 3:
            # never for long: else nothing would be opened any more
            changed = replace(rules, reduce_only=not rules.reduce_only and choice.number(0, 1) == 0)
        elif kind == 3:
            changed = replace(rules, maker_fee=choice.pick((0, 37)), taker_fee=choice.pick((0, 99)))
        elif kind == 5:
            cap = listing.config.oi_cap * choice.pick((3, 4, 5)) // 4
            changed = replace(rules, oi_cap=min(cap, 2**96 - 1))
        else:
            cap = choice.pick((0, listing.allowance // 2, listing.allowance))
            self._count("set allowance", self.twin.set_allowance(market, cap))
            return
        self._count("set market", self.twin.set_market(market, changed))

    def guard(self, choice: Choice) -> None:
        """The guardian tightens a market or tries to loosen it; the owner takes most of it back."""
        market = self._market(choice)
        who = choice.pick(("guardian", "guardian", "owner", "stranger"))
        halvings, reduce_only = choice.pick((0, 1, 2, 4, 15, 16)), choice.number(0, 3) == 0
        outcome = self.twin.restrict_market(who, market, halvings, reduce_only)
        self._count("restrict", outcome)
        # never for long: else nothing would be opened any more
        if outcome.receipt is not None and choice.number(0, 3):
            self._count("loosen", self.twin.restrict_market("owner", market, 0, False))

    def risk(self, choice: Choice) -> None:
        """The price is observed; a parameter is announced, cancelled or folded."""
        market, kind = self._market(choice), choice.number(0, 3)
        what = choice.pick((0, 1, 3, 4, 5, 8, 9))
        place = market if what < Z else 0
        if kind == 0:
            self._count("observe", self.twin.observe(choice.pick(TRADERS), market))
        elif kind == 1:
            now = self.model.time
            start = now + DAY + choice.pick((-1, 0, 0, HOUR))
            value = self._announced(choice, what, place)
            end = start + choice.pick((HOUR - 1, HOUR, HOUR, DAY))
            self._count("announce", self.twin.announce(what, place, value, start, end))
        else:
            pending = sorted(self.model.changes) or [(what, place)]
            found = choice.pick(pending)
            if kind == 2:
                self._count("cancel change", self.twin.cancel_change(*found))
            else:
                change = self.model.changes.get(found)
                if change is not None and choice.number(0, 1):
                    self.twin.pass_time(max(1, change.end - self.model.time))
                self._count("fold", self.twin.fold(choice.pick(TRADERS), *found))

    def _announced(self, choice: Choice, what: int, market: int) -> int:
        """A value that may be announced, near the one that holds."""
        now = self.model.time
        params = self.model.globals_at(now)
        if what >= Z:
            value = (params.z, params.kappa)[what - Z]
        else:
            value = getattr(self.model.risk_at(market, now), FIELDS[what])
        return int(value * choice.pick((80, 95, 105, 130)) // 100)


def walk(
    scenario: Scenario,
    seed: int,
    steps: int,
    *,
    episode: int = 250,
    look: int = 50,
    watch: Callable[[int], None] | None = None,
) -> None:
    """A seeded random walk of `steps` actions in episodes; every `look` actions everything is
    compared anew, with nothing kept."""
    random = Random(seed)
    choice = RandomChoice(random)
    kinds = [kind for kind, weight in scenario.WEIGHTS.items() for _ in range(weight)]
    for number in range(steps):
        if number % episode == 0:
            scenario.twin.restart()
            scenario.begin()
        scenario.step(choice, kinds)
        statuses = {scenario.model.status(m) for m in range(scenario.twin.count)}
        if statuses & {STALE, INVALID} and random.random() < 0.15:
            scenario.refresh()
        if DIVERGED in statuses and random.random() < 0.05:
            scenario.agree()
        if number % look == look - 1:
            scenario.twin.check_everything()
        if watch is not None:
            watch(number)
