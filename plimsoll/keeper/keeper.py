"""The tick: read, decide, send, and again for what the sending changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from plimsoll.keeper import decide
from plimsoll.keeper.read import Deployment, Reader
from plimsoll.keeper.report import TickReport
from plimsoll.keeper.send import Outcome, Result, Sender
from plimsoll.keeper.types import (
    FUND,
    Action,
    Holding,
    Kind,
    Left,
    MarketView,
    Plan,
    Policy,
    Quote,
    Row,
    Sale,
    World,
)
from plimsoll.keeper.watch import Watcher
from plimsoll.orders.book import Offer, OrderBook, OrderSourceError, Source, as_book
from plimsoll.protocol.backend import address_of
from plimsoll.protocol.orders import ZERO_ADDRESS, Domain

log = logging.getLogger("plimsoll.keeper")

#: So many orders whose signature the engine refused are remembered.
_MOST_BAD = 10_000


class KeeperError(Exception):
    """The keeper cannot work as it was set up. The message says what to do next."""


class Keeper:
    """A keeper over one deployment.

    `account` sends (an account of `plimsoll.evm` in process, of ape elsewhere); None makes every
    tick a dry run. `order_source` is a folder, a board's URL, an iterable of signed orders (looked
    at anew in every tick that needs it), an `OrderBook`, or None. `watcher` finds the accounts when
    a tick is not given them.
    """

    def __init__(
        self,
        plimsoll: Deployment,
        account: Any,
        order_source: OrderBook | Source | Path = None,
        policy: Policy | None = None,
        *,
        watcher: Watcher | None = None,
        dry_run: bool = False,
    ) -> None:
        """Set up; nothing is read or sent yet."""
        self.policy = policy or Policy()
        self.dry_run = dry_run or account is None
        self.address = ZERO_ADDRESS if account is None else address_of(account)
        #: the engine account that takes over and is credited with rewards
        self.account_id = int(self.address, 16) << 96 | self.policy.account_index
        self.reader = Reader(plimsoll)
        self.sender = Sender(plimsoll, account, self.account_id)
        domain = Domain(int(plimsoll.backend.chain_id), str(plimsoll.engine.address))
        self.book = as_book(order_source, domain, self.reader)
        self.watcher = watcher
        self._settled_at: dict[int, int] = {}
        self._reclaimed_at: dict[int, int] = {}
        self._arrears_at: dict[int, int] = {}
        #: what collateral was bought for since the keeper began, quote WAD
        self.spent = 0
        self._observed: dict[int, tuple[int, bool]] = {}
        self._tended_at: int | None = None
        self._chores_at: int | None = None
        self._bad_orders: dict[bytes, None] = {}

    def tick(self, accounts: Iterable[int] | None = None) -> TickReport:
        """Look at the accounts (None: all that the watcher knows) and do what is to be done.

        What a contract or the network refuses is in the report; an error while reading is raised.
        """
        ids = self._accounts(accounts)
        tick = _Tick(self, ids)
        tick.run()
        return tick.report

    def _accounts(self, accounts: Iterable[int] | None) -> list[int]:
        if accounts is not None:
            return list(dict.fromkeys(accounts))
        if self.watcher is None:
            raise KeeperError(
                "nobody says which accounts there are: give tick() a list, or the keeper a watcher"
            )
        self.watcher.advance()
        return sorted(self.watcher.accounts)


class _Tick:
    """One tick: what has been read in it, and what must not be tried again."""

    def __init__(self, keeper: Keeper, ids: list[int]) -> None:
        self.keeper = keeper
        self.policy = keeper.policy
        self.reader = keeper.reader
        self.book = keeper.book
        self.ids = ids
        self.now = keeper.reader.now()
        self.report = TickReport(time=self.now, accounts=len(ids), dry_run=keeper.dry_run)
        self.tried: set[tuple[Any, ...]] = set()
        self.left: dict[int, Left] = {}
        self._markets: dict[int, MarketView] | None = None
        self._holdings: dict[int, Holding] = {}
        self._maker_rows: dict[int, Row] = {}
        self._book_read = False
        self._sent = False  # whether anything was done since the rows were read

    def run(self) -> None:
        """Upkeep, waterfall, settlement, chores."""
        started = time.perf_counter()
        self._upkeep()
        rows = self.reader.rows(self.ids)
        rows = self._waterfall(rows)
        self._settle(rows)
        self._reclaim(rows)
        self._arrears(rows)
        self._chores()
        self.report.left = list(self.left.values())
        self.report.seconds = time.perf_counter() - started

    # ---- liquidation -----------------------------------------------------------------------------

    def _waterfall(self, rows: list[Row]) -> list[Row]:
        """Work through the accounts in trouble; return the rows as they are then.

        A resolve may charge others, and a takeover moves risk, so that the accounts are read again
        until nothing is found that was not tried.
        """
        for number in range(self.policy.passes):
            bad = [row for row in decide.trouble(rows) if row.account not in self.left]
            if number == 0:
                self.report.unhealthy = len(bad)
            if not bad:
                break
            if number == 0 and self._pay_funding():
                rows = self.reader.rows(self.ids)
                bad = decide.trouble(rows)
            before = len(self.report.results)
            for row in bad:
                self._work(row)
            if self.keeper.dry_run or len(self.report.results) == before:
                break
            self._forget_state()
            rows = self.reader.rows(self.ids)
            self._sent = False
        return rows

    def _work(self, row: Row) -> None:
        """Do what can be done for one account, step by step: every step changes the next."""
        account, idle = row.account, 0
        for number in range(self.policy.steps_per_account):
            if number or self._sent:
                row = self.reader.row(account)
            if not row.is_bankrupt and not row.is_liquidatable:
                return
            plan = self._plan(row)
            if self.keeper.dry_run:
                self.report.results += [Result(a, Outcome.PLANNED) for a in plan.actions]
            if self.keeper.dry_run or not plan.actions:
                self._leave(plan.left)
                return
            result = self._send(plan.actions[0])
            if result.outcome is not Outcome.DONE or result.action.kind is Kind.SETTLE:
                self.tried.add(result.action.key)
                idle += 1
        steps = self.policy.steps_per_account
        self._leave([Left(account, f"after {steps} steps ({idle} in vain) the next tick goes on")])

    def _leave(self, left: Iterable[Left]) -> None:
        for entry in left:
            self.left[entry.account] = entry
            log.info("%s", entry)

    def _plan(self, row: Row) -> Plan:
        pledged = self._plan_pledged(row)
        if pledged.actions or pledged.left:
            return pledged
        subject = self.reader.holding(row)
        if row.is_bankrupt:
            return decide.plan_bankrupt(subject, self.policy, self.tried)
        call = decide.plan_call(row, self.now, self.tried)
        if call is not None:
            return call
        quotes = self.reader.quotes(subject)
        return decide.plan_liquidation(
            subject, quotes, self._world(subject, quotes), self.policy, self.tried
        )

    def _plan_pledged(self, row: Row) -> Plan:
        """What is to be done with an account's collateral before the account itself."""
        if not row.pledged:
            return Plan()
        sale = self.reader.sale(row.account)
        plan = decide.plan_sale(row, sale, self.now, self.tried)
        if plan.actions and plan.actions[0].kind is Kind.OPEN_SALE:
            return plan
        bought = self._plan_purchases(row, sale)
        return bought if bought.actions else plan

    def _plan_purchases(self, row: Row, sale: Sale) -> Plan:
        budget = self._budget()
        if not budget:
            return Plan()
        last = self.keeper._settled_at.get(row.account)
        return decide.plan_purchases(
            row,
            sale,
            budget,
            self.reader.scale,
            self.policy,
            self.tried,
            settled=last is not None and 0 <= self.now - last < min(self.policy.settle_every, 600),
        )

    def _budget(self) -> int:
        """What may still be spent on collateral, quote token units: of the operator's budget, and
        of what the wallet has."""
        left = self.policy.buy_collateral - self.keeper.spent
        if left <= 0:
            return 0
        return min(left // self.reader.scale, self.reader.wallet_tokens(self.keeper.address))

    def _world(self, subject: Holding, quotes: Mapping[int, Quote]) -> World:
        offers: dict[tuple[int, bool], list[Offer]] = {}
        makers: dict[int, Holding] = {}
        if self.policy.use_orders:
            for market, quote in quotes.items():
                if quote.size:
                    side = (market, subject.legs[market].size > 0)
                    offers[side] = self._offers(*side, subject.row.account)
                    makers.update((o.account, self._holding(o.account)) for o in offers[side])
        keeper = self._holding(self.keeper.account_id) if self.policy.use_own else None
        return World(
            markets=self._market_views(),
            risk=self.reader.risk(),
            now=self.now,
            keeper=keeper,
            offers=offers,
            makers=makers,
        )

    def _offers(self, market: int, buys: bool, account: int) -> list[Offer]:
        """Usable orders of a side, of makers that have something to trade with."""
        self._read_book()
        unknown = [m for m in self.book.makers(market, buys) if m not in self._maker_rows]
        self._maker_rows.update((row.account, row) for row in self.reader.rows(unknown))

        def accept(maker: int) -> bool:
            row = self._maker_rows.get(maker)
            return maker != account and row is not None and row.initial_equity > 0

        return list(
            self.book.offers(
                market,
                buys,
                self.now,
                sender=self.keeper.address,
                avoid=self.keeper._bad_orders,
                accept=accept,
            )
        )

    def _read_book(self) -> None:
        if self._book_read:
            return
        self._book_read = True
        try:
            self.book.refresh()
        except OrderSourceError as error:
            self.report.problems.append(str(error))
            log.error("orders: %s", error)  # noqa: TRY400, told in full
        for problem in self.book.problems:
            self.report.problems.append(f"{problem.name}: {problem.reason}")

    def _holding(self, account: int) -> Holding:
        if account not in self._holdings:
            self._holdings[account] = self.reader.holding(self.reader.row(account))
        return self._holdings[account]

    def _market_views(self) -> dict[int, MarketView]:
        if self._markets is None:
            self._markets = self.reader.markets()
        return self._markets

    # ---- upkeep, settlement and chores -----------------------------------------------------------

    def _upkeep(self) -> None:
        """Tend the markets, once at any time of the chain."""
        keeper = self.keeper
        if not self.policy.upkeep or keeper._tended_at == self.now:
            return
        keeper._tended_at = self.now
        views = self.reader.markets(quick=True)
        for market in views:
            # what somebody else has observed meanwhile is seen when it would be due
            last, _ = keeper._observed.get(market, (0, False))
            if self.now - last >= self.policy.observe_every:
                keeper._observed[market] = self.reader.observed(market)
        plan = decide.plan_observations(views, keeper._observed, self.now, self.policy)
        for result in self._do(plan):
            _, follows = keeper._observed[result.action.market]
            keeper._observed[result.action.market] = self.now, follows
        if decide.plan_upkeep(views, self.now, self.policy).actions:
            # somebody else may have done it since
            views = self._market_views()
            if self._do(decide.plan_upkeep(views, self.now, self.policy)):
                self._forget_state()

    def _pay_funding(self) -> bool:
        """Pay what a takeover would pay first; return whether there was any."""
        if not self.policy.upkeep:
            return False
        plan = decide.plan_upkeep(self._market_views(), self.now, self.policy, urgent=True)
        if not self._do(plan):
            return False
        self._forget_state()
        return True

    def _reclaim(self, rows: Iterable[Row]) -> None:
        keeper = self.keeper
        keeper._reclaimed_at = {
            account: at
            for account, at in keeper._reclaimed_at.items()
            if 0 <= self.now - at < self.policy.settle_every
        }
        plan = decide.plan_reclaims(rows, keeper._reclaimed_at, self.policy)
        for result in self._do(plan):
            keeper._reclaimed_at[result.action.account] = self.now

    def _arrears(self, rows: Iterable[Row]) -> None:
        """Note and clear arrears; buy from accounts that are for sale for them."""
        keeper = self.keeper
        keeper._arrears_at = {
            account: at
            for account, at in keeper._arrears_at.items()
            if 0 <= self.now - at < self.policy.settle_every
        }
        rows = [row for row in rows if row.since or row.unpaid]
        if self._sent and rows:
            # what was settled meanwhile owes less
            rows = self.reader.rows([row.account for row in rows])
        plan = decide.plan_arrears(rows, keeper._arrears_at, self.now, self.policy)
        for result in self._do(plan):
            keeper._arrears_at[result.action.account] = self.now
        for row in rows:
            if row.pledged and row.is_overdue(self.now):
                self._buy(row.account)

    def _buy(self, account: int) -> None:
        """Buy what an account, or the fund, has for sale, as far as the budget reaches."""
        for _ in range(self.policy.steps_per_account):
            if not self._budget():
                return
            sale = self.reader.sale(account)
            if not sale.pledges:
                return
            plan = self._plan_purchases(self.reader.row(account), sale)
            if not plan.actions:
                return
            result = self._send(plan.actions[0])
            if result.outcome is not Outcome.DONE or result.action.kind is Kind.SETTLE:
                self.tried.add(result.action.key)
            if result.outcome is Outcome.PLANNED:
                return

    def _do(self, plan: Plan) -> list[Result]:
        """Send every action of a plan; return what became of those that were sent."""
        results = [self._send(action) for action in plan.actions]
        return [result for result in results if result.outcome is not Outcome.PLANNED]

    def _settle(self, rows: Iterable[Row]) -> None:
        keeper = self.keeper
        chosen = decide.to_settle(rows, keeper._settled_at, self.now, self.policy)
        if chosen:
            for action in decide.plan_settlement(chosen, self._market_views()).actions:
                if self._send(action).outcome is not Outcome.PLANNED:
                    keeper._settled_at[action.account] = self.now

    def _chores(self) -> None:
        keeper = self.keeper
        last = keeper._chores_at
        worked = any(r.outcome is Outcome.DONE for r in self.report.results)
        if not worked and last is not None and 0 <= self.now - last < self.policy.chores_every:
            return
        keeper._chores_at = self.now
        if worked:
            self._forget_state()
        views = self._market_views()
        times = self.reader.checkpoint_times(m for m, view in views.items() if view.is_fresh)
        cash, claims = self.reader.fund()
        plan = decide.plan_chores(views, times, cash, claims, self.now, self.policy)
        for action in plan.actions:
            self._send(action)
        self._buy(FUND)

    # ---- effects ---------------------------------------------------------------------------------

    def _send(self, action: Action) -> Result:
        if self.keeper.dry_run:
            result = Result(action, Outcome.PLANNED)
        else:
            result = self.keeper.sender.send(action)
            self._sent |= result.outcome is Outcome.DONE
            self._learn(result)
        self.report.results.append(result)
        return result

    def _learn(self, result: Result) -> None:
        """Forget what the action has changed, and remember what will not work again."""
        self.keeper.spent += result.spent
        if result.action.kind is Kind.SETTLE and result.outcome is Outcome.DONE:
            self.keeper._settled_at[result.action.account] = self.now
        offer = result.action.offer
        if offer is not None:
            self.book.used(offer.order_hash)
            self._holdings.pop(offer.account, None)
            if result.detail == "orders: wrong signature":
                bad = self.keeper._bad_orders
                bad[offer.order_hash] = None
                if len(bad) > _MOST_BAD:
                    del bad[next(iter(bad))]
        if result.outcome is Outcome.DONE and result.action.kind in (Kind.ORDER, Kind.TAKEOVER):
            self._markets = None  # open interest and window have changed
        if result.action.kind is Kind.RESOLVE:
            self._holdings.clear()  # others may have been charged
        else:
            self._holdings.pop(result.action.account, None)
            self._holdings.pop(self.keeper.account_id, None)

    def _forget_state(self) -> None:
        self._markets = None
        self._holdings.clear()
        self._maker_rows.clear()
