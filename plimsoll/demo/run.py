"""The main job: deploy, trade, crash, liquidate, settle, prove solvent.

Every step of the price path goes the same way: the clock and the feeds move, makers quote, traders
act, the keeper works, everything is checked. The stage (in process, or Anvil) is where it happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from plimsoll.demo.audit import Auditor, Liquidation, Sold
from plimsoll.demo.books import EngineReader, Marked, Reader
from plimsoll.demo.makers import Maker, Quotes
from plimsoll.demo.margins import Margins, arrays, near
from plimsoll.demo.setting import (
    ANNOUNCED,
    ANNOUNCED_FROM,
    ANNOUNCED_TO,
    DECIMALS,
    Floats,
    Setting,
    setting_for,
)
from plimsoll.demo.stage import Stage
from plimsoll.demo.traders import PLEDGED, Mind, Trader, Wish
from plimsoll.prices import PricePath, Step
from plimsoll.protocol import Contract, Plimsoll, Refused
from plimsoll.reference.numbers import CONFIG, CURE, DAY, FORGOTTEN, FUND, TREASURY, WAD
from plimsoll.reference.risk import SIGMA
from plimsoll.replay import Header, TraceWriter
from plimsoll.settlement import Statement, settle_cycle

#: Quote units: what a maker and the keeper begin with.
MAKER_CASH = 4_000_000
KEEPER_CASH = 1_500_000
#: One maker for so many accounts, and at least three.
ACCOUNTS_PER_MAKER = 40
LEAST_MAKERS = 3
LEAST_ACCOUNTS = 12
MOST_ACCOUNTS = 2_000

#: A full comparison reads about this many accounts over a whole run.
FULL_READS = 12_000
#: The keeper looks at all accounts this often over a run; at those near their margin always.
ROUNDS = 60
#: Daily settlements of everybody: one at the end, the others at the ends of days before.
SETTLEMENTS = 3
#: Points of a curve in the report.
SAMPLES = 420

_UNIT = 10**DECIMALS
#: The world begins so long before the first price: what is announced then may begin with it.
_WORLD_BEFORE = 25 * 3_600
#: Left of a step after a cure window, seconds.
_ROOM = 120
#: Until every claim has matured (LED-4), and a frozen book has thawed (LED-8).
_MATURED = FORGOTTEN + 3_600


class DemoError(Exception):
    """The demo cannot run as asked. The message says what to do next."""


@dataclass(frozen=True)
class Options:
    """What the user chose."""

    accounts: int = 100
    seed: int = 1
    trace: Path | None = None
    fills: int = 1_500  # about so many make a story; a long path has more


@dataclass(frozen=True)
class Sample:
    """What the report shows of a moment; amounts in quote units."""

    step: int
    time: int
    fund: float
    backing: tuple[float, ...]  # B by market
    claims: tuple[float, ...]  # sum of positive marked pnl by market
    shortfall: float


@dataclass
class Outcome:
    """What a run was."""

    network: str
    path: PricePath
    setting: Setting
    options: Options
    auditor: Auditor
    seconds: float
    accounts: list[int]
    names: dict[int, str]
    fund_start: int  # WAD
    equity: Floats  # steps x accounts, quote units, before the keeper works
    maintenance: Floats  # steps x accounts, likewise
    samples: list[Sample]
    orders: int
    missed: int  # accounts that the keeper found and the estimate had not
    left: int  # accounts in trouble for which nothing could be done in a step, over all steps
    token_balance: int  # WAD, of the engine at the end
    liquidations: list[Liquidation] = field(default_factory=list)
    sold: list[Sold] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)  # of the daily settlements


Progress = Callable[[int, Auditor], None]


def run(
    path: PricePath, options: Options, stage: Stage, progress: Progress | None = None
) -> Outcome:
    """Run the demo on a stage; `progress` gets the number of steps done.

    Raises DemoError for options that make no sense.
    """
    if not LEAST_ACCOUNTS <= options.accounts <= MOST_ACCOUNTS:
        raise DemoError(
            f"--accounts {options.accounts} is not from {LEAST_ACCOUNTS} to {MOST_ACCOUNTS}"
        )
    if len(path.steps) < 2:
        raise DemoError("the prices have a single step; choose a longer stretch")
    began = time.monotonic()
    demo = _Demo(path, options, stage)
    try:
        demo.open()
        for number in range(len(path.steps)):
            demo.step(number)
            if progress:
                progress(number + 1, demo.auditor)
        demo.settle_all()
    except BaseException as error:
        demo.close(error)
        raise
    demo.close(None)
    return demo.outcome(time.monotonic() - began)


def settlements(path: PricePath) -> list[int]:
    """Return the steps after which everybody is settled: the last ones of some days (UTC), spread
    over the path; the end itself has a settlement anyway."""
    days = [step.time // DAY for step in path.steps]
    ends = [at for at, (day, after) in enumerate(pairwise(days)) if day != after]
    parts = range(1, SETTLEMENTS) if ends else ()
    return sorted({ends[len(ends) * part // SETTLEMENTS] for part in parts})


class _Demo:
    """One run."""

    def __init__(self, path: PricePath, options: Options, stage: Stage) -> None:
        self.path = path
        self.options = options
        self.stage = stage
        self.setting = setting_for(path, stage.steward)
        self.random = Random(f"plimsoll demo {options.seed}")
        self.margins = Margins(self.setting)
        first = path.steps[0]
        self.auditor = Auditor(stage.owner, DECIMALS, first.time - _WORLD_BEFORE)
        self.trace: TraceWriter | None = None
        self.quotes: Quotes
        self.mind: Mind
        self.p: Plimsoll
        self.ids: list[int] = []
        self.names: dict[int, str] = {}
        self.marked: dict[int, Marked] = {}
        self.samples: list[Sample] = []
        self.statements: list[Statement] = []
        self.settlements = settlements(path)
        self.fund_start = 0
        self.missed = 0
        self.left = 0
        self.token_balance = 0
        steps = len(path.steps)
        self.equity = np.zeros((steps, options.accounts))
        self.maintenance = np.zeros((steps, options.accounts))
        self.full_every = max(1, steps * options.accounts // FULL_READS)
        self.round_every = max(1, steps // ROUNDS)
        self.sample_every = max(1, steps // SAMPLES)
        self._told = 0  # liquidations that traders have heard of
        self._answered = 0  # margin calls likewise
        self._announced_end = 0

    # ---- before ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Deploy, make the accounts, pay in what makers and keeper need."""
        first = self.path.steps[0]
        if self.options.trace is not None:
            header = Header(self.stage.owner, DECIMALS, self.path.markets)
            self.trace = self.auditor.trace = TraceWriter(self.options.trace, header)
        before = first.time - _WORLD_BEFORE
        self.p = self.stage.open(self.setting, before, self.auditor.take, self._watch)
        tokens = [self.p.collateral[token.name].token for token in self.setting.tokens]
        self.auditor.watch_vault(self.p.vault, tokens, self.setting.tokens)
        self._people()
        self._announce()
        self.fund_start = self.auditor.begin()

    def _watch(self, engine: Contract, token: Contract, reader: Reader | None) -> None:
        found = reader or EngineReader(engine, token, 10 ** (18 - DECIMALS))
        self.auditor.watch(found, range(len(self.path.markets)))

    def _people(self) -> None:
        count = max(LEAST_MAKERS, self.options.accounts // ACCOUNTS_PER_MAKER)
        makers = []
        for number in range(count):
            signer, account = self._join(f"maker {number + 1}", MAKER_CASH)
            makers.append(Maker(signer, account, eagerness=1 + 0.1 * number))
        keeper, self.keeper = self._join("keeper", KEEPER_CASH)
        traders = [
            self._join(f"trader {number + 1}", 0)
            for number in range(self.options.accounts - count - 1)
        ]
        self.quotes = Quotes(makers, self.setting, self.p.sign)
        steps = len(self.path.steps)
        rate = min(6.0, max(0.4, self.options.fills / 2 / steps))
        self.mind = Mind(self.random, self.setting, rate, steps)
        self._traders = {t.account: t for t in self.mind.recruit(traders)}
        for trader in self._traders.values():
            self.names[trader.account] += f" ({trader.style})"
            if trader.pledges:
                for token in self.setting.tokens:
                    self.p.mint_collateral(token.name, trader.signer, 10**27 // token.scale)
                    self.p.approve_vault(token.name, sender=trader.signer)
        # what the keeper has taken over is sold by somebody it has approved, with a key of his own
        self.desk = self.stage.person("keeper's desk")
        self.p.set_operator(self.desk, sender=keeper)
        self.stage.hire(keeper, self.quotes)

    def _announce(self) -> None:
        """Announce that market 0's volatility will be taken for higher, bit by bit (MRG-5)."""
        first, last = self.path.steps[0].time, self.path.steps[-1].time
        now = self.p.backend.now()
        start = max(now + DAY + 60, first + int(ANNOUNCED_FROM * (last - first)))
        end = max(start + 3_600, first + int(ANNOUNCED_TO * (last - first)))
        self._announced_end = min(end, now + 179 * DAY)
        sigma = self.setting.plan.markets[self.path.markets[0]].risk.chain()["sigma"]
        target = int(sigma * ANNOUNCED)
        steward = self.stage.person("steward")
        self.p.risk.announce(SIGMA, 0, target, start, self._announced_end, sender=steward)

    def _fold(self) -> None:
        """Store what was announced once it has reached its end; no margin moves by it."""
        if self._announced_end and self.p.backend.now() >= self._announced_end:
            self._announced_end = 0
            self._try(lambda: self.p.risk.fold(SIGMA, 0))

    def _join(self, name: str, cash: int) -> tuple[Any, int]:
        signer = self.stage.person(name)
        account = self.p.account_id(signer)
        self.p.mint(signer, 10**9 * _UNIT)
        self.p.approve(sender=signer)
        if cash:
            self._deposit(signer, account, cash)
        self.ids.append(account)
        self.names[account] = name
        return signer, account

    @property
    def books(self) -> Any:
        """The chain's words."""
        return self.auditor.books

    # ---- one step --------------------------------------------------------------------------------

    def step(self, number: int) -> None:
        """Go through one step of the path."""
        step = self.path.steps[number]
        before = self.path.steps[max(0, number - 1)]
        basefee = int(10**9 * self.random.uniform(5, 60))
        self.stage.move(step, basefee)
        self._sync()
        prices = [price * 10**10 for price in step.prices]
        model = self.auditor.model
        markets = range(len(prices))
        if any(model.is_out_of_sync(model.markets[m], prices[m]) for m in markets):
            self.stage.tend()
            self._sync()
        self._fold()
        self.margins.follow([model.risk_at(m, model.time) for m in markets])
        inventory = {who: self._notionals(who, prices) for who in self.quotes.accounts}
        self.quotes.renew(prices, [p * 10**10 for p in before.prices], step.time, inventory)
        self._unload()
        done = len(self.auditor.liquidations)
        hit = {one.account for one in self.auditor.liquidations[self._told :]}
        self._told = done
        for trader in self.mind.traders:
            if trader.account in hit:
                self._act(trader, prices, hit=True)
        for trader in self.mind.acting(number):
            if trader.account not in hit:
                self._act(trader, prices)
        self._keep(number, prices)
        if number in self.settlements:
            self._cycle()
        self._record(number, step, prices)

    def _notionals(self, account: int, prices: Sequence[int]) -> dict[int, float]:
        """Signed notionals in quote units."""
        sizes = self.books.marked(account, prices).sizes
        return {market: size * prices[market] / WAD / WAD for market, size in sizes.items()}

    def _sync(self) -> None:
        """Let the auditor know what others have sent, and what time it is."""
        self.stage.sync()
        self.auditor.set_world(*self.stage.world())

    def _check(self, prices: Sequence[int], *, full: bool) -> dict[int, Marked]:
        tries = 5

        def again() -> bool:
            nonlocal tries
            tries -= 1
            repeat = tries > 0 and self.stage.again()
            if repeat:
                self.auditor.set_world(*self.stage.world())
            return repeat

        return self.auditor.end_of_step(prices, full=full, again=again)

    def _act(self, trader: Trader, prices: Sequence[int], *, hit: bool = False) -> None:
        now = self.books.marked(trader.account, prices)
        state = self.books.accounts.get(trader.account)
        cash = state.cash / WAD if state else 0.0
        positions = self._notionals(trader.account, prices)
        if hit:
            wishes = self.mind.gives_up(trader, positions)
        else:
            wishes = self.mind.wishes(trader, now.equity / WAD, cash, positions)
        for wish in wishes:
            self._grant(trader, wish, now, prices)

    def _grant(self, trader: Trader, wish: Wish, now: Marked, prices: Sequence[int]) -> None:
        if wish.kind == "trade":
            size = int(wish.amount * 10**6) * 10**12 * WAD // prices[wish.market]
            if wish.closes:
                size = -now.sizes.get(wish.market, 0)
            self._trade(trader.signer, trader.account, wish.market, size)
        elif wish.kind == "deposit":
            self._bring(trader, wish.amount, prices)
        elif wish.kind == "settle":
            self._try(lambda: self.p.settle(trader.account, sender=trader.signer))
        elif wish.kind == "touch":
            self._try(lambda: self.p.touch(trader.account, sender=trader.signer))
        elif wish.kind == "withdraw" and wish.amount >= 1:
            units = int(wish.amount) * _UNIT
            self._try(lambda: self.p.withdraw(trader.account, units, sender=trader.signer))

    def _bring(self, trader: Trader, amount: float, prices: Sequence[int]) -> None:
        """Pay in so much, a part of it in tokens that count for as much where the trader has any.

        Cash first: an account must be above its margin when collateral comes.
        """
        part = PLEDGED if trader.pledges else 0.0
        self._deposit(trader.signer, trader.account, int(amount * (1 - part)))
        for token in self.setting.tokens if part else ():
            worth = int(amount * part / len(self.setting.tokens)) * WAD
            units = (
                worth
                * WAD
                * CONFIG
                // (prices[token.market] * token.scale * (CONFIG - token.haircut))
            )
            if units:
                self._try(
                    lambda token=token, units=units: self.p.deposit_collateral(  # type: ignore[misc]
                        trader.account, token.name, units, sender=trader.signer
                    )
                )

    def _deposit(self, signer: Any, account: int, quote_units: int) -> None:
        if quote_units > 0:
            self.p.deposit(account, quote_units * _UNIT, sender=signer)

    def _trade(self, signer: Any, account: int, market: int, size: int) -> None:
        """Fill makers' orders, the best price first, until `size` (WAD, signed) is done."""
        left, tries = abs(size), 2
        for signed in self.quotes.best(market, buys=size < 0):
            if left == 0 or tries == 0:
                return
            order = signed.order
            part = min(left, self.quotes.open_size(order))
            if part == 0:
                continue

            def fill(signed: Any = signed, part: int = part) -> None:
                self.p.fill(signed, account, part, sender=signer)

            if self._try(fill):
                self.quotes.filled(order, part)
                left -= part
            else:
                tries -= 1

    def _try(self, act: Callable[[], object]) -> bool:
        """Do what the contracts may refuse; the auditor has seen either."""
        try:
            act()
        except Refused:
            return False
        return True

    def _unload(self) -> None:
        """The keeper's desk trades away what it has taken over, as far as the quotes reach."""
        state = self.books.accounts.get(self.keeper)
        if state is None:
            return
        for market, leg in sorted(state.legs.items()):
            if leg.size:
                self._trade(self.desk, self.keeper, market, -leg.size)

    # ---- keeper ----------------------------------------------------------------------------------

    def _keep(self, number: int, prices: Sequence[int]) -> None:
        """Let the keeper work; who is called may answer, and where the step is long enough the cure
        window passes in it."""
        self._work(number, prices, first=True)
        if self._answer(prices) and self._has_room(number):
            self.stage.wait(CURE)
            self._sync()
            self._work(number, prices)

    def _has_room(self, number: int) -> bool:
        """Whether a cure window passes before the next step."""
        rest = self.path.steps[number + 1 : number + 2]
        return not rest or rest[0].time - self.p.backend.now() >= CURE + _ROOM

    def _answer(self, prices: Sequence[int]) -> bool:
        """Let the called traders do what they do about it; return whether anybody was called."""
        called = self.auditor.called[self._answered :]
        self._answered = len(self.auditor.called)
        if called:
            self._sync()
            marked = self.auditor.look(prices)
        for account in called:
            trader = self._traders.get(account)
            if trader is not None:
                now = marked[account]
                positions = self._notionals(account, prices)
                equity, notionals = arrays(marked, [account], prices)
                need = float(self.margins.maintenance(notionals)[0])
                wishes = self.mind.answers(trader, float(equity[0]), need, positions)
                for wish in wishes:
                    self._grant(trader, wish, now, prices)
        return bool(called)

    def _work(self, number: int, prices: Sequence[int], *, first: bool = False) -> None:
        """Let the keeper work until nobody is left whom it has not looked at."""
        prefer = "own" if number % 2 else "orders"
        everybody = first and number % self.round_every == 0
        seen: set[int] = set()
        for turn in range(3):
            self._sync()
            self.marked = self.auditor.look(prices)
            equity, notionals = arrays(self.marked, self.ids, prices)
            maintenance = self.margins.maintenance(notionals)
            if first and turn == 0:  # as the keeper finds them
                self.equity[number], self.maintenance[number] = equity, maintenance
            chosen = [self.ids[row] for row in near(equity, notionals, maintenance)]
            chosen += [who for who in self.ids if who not in chosen and self._owes(who)]
            todo = self.ids if everybody else [who for who in chosen if who not in seen]
            if not todo:
                break
            report = self.stage.keep(todo, prefer)
            if report is not None:
                self.left += len(report.left)
                if everybody:
                    self.missed += max(0, report.unhealthy - len(chosen))
            seen |= set(todo)
            everybody = False

    def _owes(self, account: int) -> bool:
        """Whether an account with collateral owes more than its cash: it may have to sell."""
        now = self.marked.get(account)
        return now is not None and bool(now.collateral) and now.arrears > self._cash(account)

    def _cash(self, account: int) -> int:
        return int(self.books.accounts[account].cash)

    # ---- afterwards ------------------------------------------------------------------------------

    def _cycle(self) -> None:
        """Settle everybody as `plimsoll settle --cycle` does, and keep the statement."""
        clerk = self.stage.person("clerk")
        self.statements.append(settle_cycle(self.p, clerk, self.ids))
        self._sync()

    def _record(self, number: int, step: Step, prices: Sequence[int]) -> None:
        last = number == len(self.path.steps) - 1
        self._sync()
        full = last or number % self.full_every == self.full_every - 1
        self.marked = self._check(prices, full=full)
        if last or number % self.sample_every == 0:
            self._sample(number, step, prices)

    def _sample(self, number: int, step: Step, prices: Sequence[int]) -> None:
        books = self.books
        claims = books.claims(self.marked, prices)
        self.samples.append(
            Sample(
                step=number,
                time=step.time,
                fund=books.accounts[FUND].cash / WAD,
                backing=tuple(books.markets[m].cash / WAD for m in sorted(books.markets)),
                claims=tuple(claims[m] / WAD for m in sorted(claims)),
                shortfall=sum(book.shortfall for book in books.markets.values()) / WAD,
            )
        )

    def settle_all(self) -> None:
        """The last day's settlement; then settle every account, losers before winners, when all
        claims have matured, and let the fund cover what it can."""
        prices = [price * 10**10 for price in self.path.steps[-1].prices]
        self._cycle()
        self.stage.wait(_MATURED)
        last = self.path.steps[-1]
        fresh = Step(last.time, last.prices, (True,) * len(last.prices))
        self.stage.move(fresh, 10**9)  # the same prices, given anew
        self._sync()
        self._fold()
        for market in sorted(self.books.markets):
            if self.books.markets[market].frozen_until:
                self._try(lambda market=market: self.p.thaw(market))  # type: ignore[misc]
        self.auditor.look(prices)
        self._settle_once()
        for account in self.ids:
            if self.books.accounts[account].locked:
                self._try(lambda account=account: self.p.reclaim(account))  # type: ignore[misc]
        for market in sorted(self.books.markets):
            if self.books.markets[market].shortfall:
                self._try(lambda market=market: self.p.cover(market))  # type: ignore[misc]
        for account in self.ids:  # who is flat takes everything home: no oracle, no margin
            if not self.marked[account].sizes and account in self._traders:
                units = self.books.reader.cash(account) // self.p.scale
                if units:
                    self._withdraw(account, units)
                self._take_home(account)
        self._sync()
        self.marked = self._check(prices, full=True)
        self.token_balance = self.books.reader.token_balance()
        self._sample(len(self.path.steps) - 1, self.path.steps[-1], prices)

    def _settle_once(self) -> None:
        order = sorted(self.ids, key=lambda who: (-self.marked[who].arrears, who))
        for account in [*order, FUND]:
            self._try(lambda account=account: self.p.settle(account))  # type: ignore[misc]

    def _withdraw(self, account: int, units: int) -> None:
        signer = self._traders[account].signer
        self._try(lambda: self.p.withdraw(account, units, sender=signer))

    def _take_home(self, account: int) -> None:
        """Withdraw all collateral; nothing leaves while there are arrears."""
        signer, has = self._traders[account].signer, self.books.accounts[account].units
        for at, units in has.items():
            name = self.setting.tokens[at].name
            self._try(
                lambda name=name, units=units: self.p.withdraw_collateral(  # type: ignore[misc]
                    account, name, units, sender=signer
                )
            )

    def close(self, error: BaseException | None) -> None:
        """End the stage; the trace ends with its last line unless an error is the reason."""
        if self.trace is not None:
            self.trace.__exit__(type(error) if error else None, error, None)
            self.trace = self.auditor.trace = None
        self.stage.close()

    def outcome(self, seconds: float) -> Outcome:
        """Return what the run was."""
        self.names[FUND], self.names[TREASURY] = "fund", "treasury"
        return Outcome(
            network=self.stage.name,
            path=self.path,
            setting=self.setting,
            options=self.options,
            auditor=self.auditor,
            seconds=seconds,
            accounts=self.ids,
            names=self.names,
            fund_start=self.fund_start,
            equity=self.equity,
            maintenance=self.maintenance,
            samples=self.samples,
            orders=self.quotes.per_step * len(self.path.steps),
            missed=self.missed,
            left=self.left,
            token_balance=self.token_balance,
            liquidations=self.auditor.liquidations,
            sold=self.auditor.sold,
            statements=self.statements,
        )
