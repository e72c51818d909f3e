"""The cycle: funding, shortfalls, losers, winners, the fund, and a statement of what moved.

A market pays its winners from what its losers have paid, so losers come first: nobody is better or
worse off by the order in the end, but the more is there the more of the claims is paid today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.keeper.read import Reader
from plimsoll.keeper.types import FUND, Row, short
from plimsoll.protocol import Plimsoll, Receipt, Refused
from plimsoll.reference.numbers import (
    DECAY_ONE,
    RESERVE_DUST,
    Q,
    ceil_div,
    decay,
)
from plimsoll.reference.oracle import FRESH
from plimsoll.settlement.statement import MarketStatement, Overdue, Statement

_CASH_BIT, _CASH_MASK = 104, 2**104 - 1


@dataclass(frozen=True)
class _Open:
    """What the accounts of a settlement have in one market, marked."""

    claims: int = 0
    matured: int = 0
    arrears: int = 0


def held_back(pnl: int, fraction: int, elapsed: int) -> int:
    """The part of a recorded pnl that is not paid yet (LED-4): twice its reserve."""
    if pnl <= 0 or not fraction:
        return 0
    reserve = ceil_div(ceil_div(pnl * fraction, Q) * decay(elapsed), DECAY_ONE)
    return 0 if reserve <= RESERVE_DUST else min(pnl, 2 * reserve)


class Cycle:
    """One settlement of a deployment. Without a sender everything is read and nothing is sent."""

    def __init__(self, plimsoll: Plimsoll, sender: Any) -> None:
        """Nothing is read or sent yet."""
        self._p = plimsoll
        self._sender = sender
        self._reader = Reader(plimsoll)
        self._cash: dict[int, int] = {}
        self._frozen: dict[int, bool] = {}
        self._markets: dict[int, MarketStatement] = {}
        self._statement = Statement(0, 0)

    def run(self, accounts: Iterable[int], *, upkeep: bool = True) -> Statement:
        """Settle accounts; `upkeep` first pays every market's funding and what the fund owes."""
        p, backend = self._p, self._p.backend
        found = Statement(backend.now(), backend.block_number(), dry_run=self._sender is None)
        self._statement = found
        found.fund_before = p.fund_state()[0]
        views = {int(view.market): view for view in p.lens.markets()}
        for market, view in views.items():
            cash = int(view.state.cash)
            self._cash[market] = cash
            self._markets[market] = MarketStatement(market, int(view.price), int(view.status), cash)
        if upkeep:
            self._upkeep(views)

        wanted = list(dict.fromkeys(accounts))
        rows = [row for row in self._reader.rows(wanted) if row.held]
        found.flat = len(wanted) - len(rows)
        order = in_order(rows)
        for row in order:
            self._settle(row.account)
        found.settled = len(found.order)
        # the fund's own claims last: it is paid like any winner, and has no position to lose
        if upkeep and p.fund_state()[1] and FUND not in wanted:
            self._settle(FUND)
        self._pay_what_came_later(rows)
        self._close([*wanted, FUND])
        return found

    # ---- sending ---------------------------------------------------------------------------------

    def _upkeep(self, views: Mapping[int, Any]) -> None:
        for market, view in views.items():
            line, name = self._markets[market], self._p.name(market)
            if line.status == FRESH:
                done = self._send(f"accrue {name}", self._p.engine.accrue, market)
                line.accrued = "" if done or self._statement.dry_run else "refused"
            else:
                line.accrued = "no fresh price"
            state = view.state
            if state.shortfall and state.allowance and self._p.fund_state()[0]:
                before = self._cash[market]
                if self._send(f"cover {name}", self._p.engine.cover, market):
                    line.covered += self._cash[market] - before

    def _settle(self, account: int) -> bool:
        before = dict(self._cash)
        if account not in self._statement.order:
            self._statement.order.append(account)
        if not self._send(f"settle {short(account)}", self._p.engine.settle, account):
            return False
        for market, cash in self._cash.items():
            # a leg either owes or is owed, so one account moves a market's cash one way only
            if cash > before[market]:
                self._markets[market].received += cash - before[market]
            else:
                self._markets[market].paid += before[market] - cash
        return True

    def _send(self, what: str, method: Callable[..., Any], *args: Any) -> bool:
        if self._statement.dry_run:
            return False
        try:
            receipt: Receipt = method(*args, sender=self._sender)
        except Refused as refused:
            self._statement.problems.append(f"{what}: {refused.reason or 'no reason given'}")
            return False
        self._statement.gas += receipt.gas_used
        for log in receipt.events("BookUpdated", self._p.engine.address):
            self._cash[int(log.market)] = int(log.book) >> _CASH_BIT & _CASH_MASK
        return True

    def _pay_what_came_later(self, rows: Iterable[Row]) -> None:
        """An account with a loss in one market and a claim in another cannot come both first and
        last: settle those that something can be paid now, once more."""
        rows = list(rows)
        if self._statement.dry_run or not any(row.claims and row.arrears for row in rows):
            return
        for row in (row for row in rows if row.claims):
            legs = self._legs(row.account)
            if any(part.matured and self._cash[market] for market, part in legs.items()):
                self._settle(row.account)

    # ---- reading ---------------------------------------------------------------------------------

    def _close(self, accounts: Iterable[int]) -> None:
        """What is open once everything is paid that could be."""
        accounts = list(accounts)
        p, found = self._p, self._statement
        cash, found.fund_claims, found.shortfall = p.fund_state()
        found.fund_after = cash
        for account in dict.fromkeys(accounts):
            for market, part in self._legs(account).items():
                line = self._markets[market]
                line.claims += part.claims
                line.matured += part.matured
                line.arrears += part.arrears
        found.overdue = [
            Overdue(row.account, row.since, row.arrears, row.cash, row.collateral)
            for row in self._reader.rows(dict.fromkeys(accounts))
            if row.since
        ]
        for view in p.lens.markets():
            line = self._markets[int(view.market)]
            line.cash_after = int(view.state.cash)
            line.shortfall = int(view.state.shortfall)
        found.markets = [self._markets[market] for market in sorted(self._markets)]

    def _legs(self, account: int) -> dict[int, _Open]:
        held = int(self._p.engine.wallet(account).held)
        if not held:
            return {}
        found: dict[int, _Open] = {}
        now = self._p.backend.now()
        for leg in self._p.lens.positions(account):
            market, pnl = int(leg.market), int(leg.pnl)
            if pnl <= 0:
                found[market] = _Open(arrears=-pnl)
                continue
            # paid is at most what is recorded and has matured, from a market that is not frozen,
            # and of a live leg at a fresh price only
            matured = 0
            if self._is_payable(market, leg) and leg.recorded_pnl > 0:
                kept = self._p.position(account, market)
                recorded = min(pnl, int(leg.recorded_pnl))
                left = held_back(int(kept.pnl), int(kept.reserve), now - int(kept.time))
                matured = max(0, recorded - left)
            found[market] = _Open(claims=pnl, matured=matured)
        return found

    def _is_payable(self, market: int, leg: Any) -> bool:
        if leg.size:
            return int(leg.status) == FRESH
        if market not in self._frozen:
            self._frozen[market] = bool(self._p.engine.market_extra(market).frozen_until)
        return not self._frozen[market]


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Losers first, the largest loss first; then winners, the largest claim first."""
    return sorted(rows, key=lambda row: (net(row) >= 0, -abs(net(row)), row.account))


def net(row: Row) -> int:
    """What an account is owed less what it owes."""
    return row.claims - row.arrears


def settle_cycle(
    plimsoll: Plimsoll, sender: Any, accounts: Iterable[int], *, upkeep: bool = True
) -> Statement:
    """Settle accounts and return the statement; without a sender it is a dry run."""
    return Cycle(plimsoll, sender).run(accounts, upkeep=upkeep)
