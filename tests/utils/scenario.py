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
from plimsoll.reference.numbers import DAY, FUND, TREASURY, WAD, ceil_div, sgn
from plimsoll.reference.risk import FIELDS, HOUR, Z
from tests.utils.twin import Outcome, Twin

T = TypeVar("T")

TRADERS = tuple(f"trader-{i}" for i in range(6))
LIQUIDATORS = ("liquidator-0", "liquidator-1")
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
        "close": 10,
        "move_price": 8,
        "aim_price": 14,
        "feed": 3,
        "pass_time": 4,
        "deposit": 5,
        "withdraw": 5,
        "touch": 2,
        "settle": 6,
        "takeover": 18,
        "takeover_by_order": 16,
        "resolve": 18,
        "cover": 4,
        "fund": 5,
        "cancel": 2,
        "operator": 1,
        "administer": 2,
        "risk": 3,
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
        self.open: list[tuple[Order, str]] = []
        self.traders = [twin.account(name) for name in TRADERS]
        self.liquidators = [twin.account(name) for name in LIQUIDATORS]
        self.everybody = self.traders + self.liquidators
        for account in self.traders:
            twin.deposit("owner", account, self.wealth)
        for account in self.liquidators:
            twin.deposit("owner", account, 10 * self.wealth)

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

    def _chance(self, choice: Choice, percent: int) -> bool:
        return choice.number(1, 100) <= percent

    def _market(self, choice: Choice) -> int:
        return choice.number(0, self.twin.count - 1)

    def _in_band(self, wanted: str) -> list[int]:
        return [account for account in self.everybody if self.model.band(account) == wanted]

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
            if now.initial_equity - now.margin.im > self.twin.world.wealth * WAD // 20:
                room.append(account)
        return room

    # -- actions -----------------------------------------------------------------------------------

    def fill(self, choice: Choice) -> None:
        """A trade that tends to open or grow positions."""
        market = self._market(choice)
        room = self._with_room()
        taker = choice.pick(room or self.traders)
        if self.open and choice.number(0, 9) == 0:  # again what was filled before
            order, by = choice.pick(self.open)
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
        standings = {a: self.model.standing(a) for a in holders}
        tight = [a for a in holders if standings[a].equity < 4 * standings[a].margin.mm]
        account = choice.pick(tight or holders)
        now = standings[account]
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

    def refresh(self) -> None:
        """Every feed answers again, what it did before."""
        for market in range(self.twin.count):
            if not self.model.is_fresh(market):
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
        """An account that may be liquidated, or if there is none one that holds something."""
        weak = self._in_band("liquidatable")
        if not weak or choice.number(0, 19) == 0:
            self.aim_price(choice, (95, 80, 60, 30, 10, 2))
            weak = self._in_band("liquidatable")
            if not weak and choice.number(0, 5) == 0:
                weak = [a for a in self.everybody if self.model.positions(a)]
        if not weak:
            return None
        account = choice.pick(weak)
        sizes = self.model.positions(account)
        if not sizes:
            return None
        market = choice.pick(sorted(sizes))
        return account, market, sizes[market]

    def _slice(self, choice: Choice, account: int, market: int, size: int) -> int:
        """A slice: a part, the whole, what leaves the least, the most that is allowed, nonsense."""
        kind, whole = choice.number(0, 11), abs(size)
        if kind < 5:
            return whole * choice.pick((1, 3, 10, 20, 50, 80)) // 100
        if kind < 7:
            return whole
        if kind < 9:
            most = self.model.largest_slice(account, market)
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
        """One market of a bankrupt account."""
        broke = self._in_band("bankrupt")
        if not broke:
            self.aim_price(choice, (-1, -10, -40, -100, -300))
            broke = self._in_band("bankrupt")
            if not broke:
                if choice.number(0, 5):
                    return
                broke = [choice.pick(self.everybody)]
        account = choice.pick(broke)
        held = self.model.held(account) or list(range(self.twin.count))
        market = choice.pick(held) if choice.number(0, 19) else self._market(choice)
        keeper = choice.pick(self.liquidators)
        if choice.number(0, 29) == 0:
            keeper = choice.pick((account, FUND))
        self._count("resolve", self.twin.resolve("keeper", account, market, keeper))

    def cover(self, choice: Choice) -> None:
        """The fund pays a shortfall."""
        short = [m for m in range(self.twin.count) if self.model.markets[m].shortfall]
        market = choice.pick(short) if short else self._market(choice)
        self._count("cover", self.twin.cover("stranger", market))

    def fund(self, choice: Choice) -> None:
        """In and out of the insurance fund, all four ways."""
        who = choice.pick(("backer", "backer", "second backer"))
        holder = int(self.twin.actor(who).address, 16)
        shares = self.model.shares.get(holder, 0)
        kind = choice.number(0, 6)
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
            amount = choice.pick((1, free // 3, free + 1))
            self._count("fund withdraw", self.twin.fund_withdraw(who, amount, "receiver"))

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
    kinds = [kind for kind, weight in Scenario.WEIGHTS.items() for _ in range(weight)]
    for number in range(steps):
        if number % episode == 0:
            scenario.twin.restart()
            scenario.begin()
        scenario.step(choice, kinds)
        if not all(scenario.model.is_fresh(m) for m in range(scenario.twin.count)) and (
            random.random() < 0.15
        ):
            scenario.refresh()
        if number % look == look - 1:
            scenario.twin.check_everything()
        if watch is not None:
            watch(number)
