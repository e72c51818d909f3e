"""What a tick did: for people as a table, for machines as JSON, for the demo as numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table

from plimsoll.keeper.decide import quote_text
from plimsoll.keeper.send import Outcome, Result
from plimsoll.keeper.types import Kind, Left, short

_COLOURS = {
    Outcome.DONE: "green",
    Outcome.PLANNED: "cyan",
    Outcome.MOOT: "dim",
    Outcome.REFUSED: "yellow",
    Outcome.FAILED: "bold red",
}


@dataclass
class TickReport:
    """Everything one tick saw and did.

    `results` are the actions in the order they were sent, `left` the accounts in trouble for which
    nothing (more) could be done, `problems` what is wrong with the order source. `time` is the
    chain's, `seconds` how long the tick took.
    """

    time: int = 0
    accounts: int = 0
    unhealthy: int = 0
    dry_run: bool = False
    seconds: float = 0.0
    results: list[Result] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count(self, kind: Kind | None = None, outcome: Outcome = Outcome.DONE) -> int:
        """How many actions of a kind (None: any) came to an outcome."""
        return sum(
            1 for r in self.results if r.outcome is outcome and kind in (None, r.action.kind)
        )

    @property
    def takeovers(self) -> int:
        """Slices taken over by the keeper's own account."""
        return self.count(Kind.TAKEOVER)

    @property
    def order_liquidations(self) -> int:
        """Slices closed against signed orders."""
        return self.count(Kind.ORDER)

    @property
    def resolved(self) -> int:
        """Legs of bankrupt accounts resolved."""
        return self.count(Kind.RESOLVE)

    @property
    def called(self) -> int:
        """Margin calls made."""
        return self.count(Kind.CALL)

    @property
    def settled(self) -> int:
        """Accounts settled."""
        return self.count(Kind.SETTLE)

    @property
    def sales(self) -> int:
        """Sales of collateral opened."""
        return self.count(Kind.OPEN_SALE)

    @property
    def bought(self) -> int:
        """Purchases of collateral."""
        return self.count(Kind.BUY)

    @property
    def seized(self) -> int:
        """Tokens seized from bankrupt accounts."""
        return self.count(Kind.SEIZE)

    @property
    def noted(self) -> int:
        """Accounts whose arrears were noted."""
        return self.count(Kind.NOTE)

    @property
    def cleared(self) -> int:
        """Accounts whose arrears were cleared."""
        return self.count(Kind.CLEAR)

    @property
    def spent(self) -> int:
        """What collateral was bought for, quote WAD."""
        return sum(r.spent for r in self.results)

    @property
    def failed(self) -> int:
        """Actions that failed."""
        return self.count(outcome=Outcome.FAILED)

    @property
    def rewards(self) -> int:
        """What the keeper was credited with, quote WAD."""
        return sum(r.reward for r in self.results)

    @property
    def gas(self) -> int:
        """Gas of all that was sent and went through."""
        return sum(r.gas for r in self.results)

    @property
    def ok(self) -> bool:
        """Nothing failed, and no account was left because all its choices were refused."""
        refused = {r.action.account for r in self.results if r.outcome is Outcome.REFUSED}
        return not self.failed and not any(left.account in refused for left in self.left)

    @property
    def is_idle(self) -> bool:
        """Nothing was done, and there was nothing to do."""
        return not (self.results or self.left or self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; amounts are WAD in decimal strings, accounts hex strings."""
        return {
            "time": self.time,
            "accounts": self.accounts,
            "unhealthy": self.unhealthy,
            "dry_run": self.dry_run,
            "ok": self.ok,
            "takeovers": self.takeovers,
            "order_liquidations": self.order_liquidations,
            "resolved": self.resolved,
            "called": self.called,
            "settled": self.settled,
            "sales": self.sales,
            "bought": self.bought,
            "seized": self.seized,
            "noted": self.noted,
            "cleared": self.cleared,
            "failed": self.failed,
            "rewards": str(self.rewards),
            "spent": str(self.spent),
            "gas": self.gas,
            "seconds": round(self.seconds, 4),
            "actions": [_row(result) for result in self.results],
            "left": [{"account": hex(e.account), "reason": e.reason} for e in self.left],
            "problems": self.problems,
        }

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict())

    def table(self) -> Table:
        """The actions, one line each."""
        table = Table(title=self.headline(), title_justify="left", expand=False)
        table.add_column("account", no_wrap=True)
        table.add_column("action", no_wrap=True)
        table.add_column("market", justify="right")
        table.add_column("size", justify="right", no_wrap=True)
        table.add_column("why", overflow="fold")
        table.add_column("outcome", overflow="fold")
        table.add_column("reward", justify="right", no_wrap=True)
        table.add_column("gas", justify="right", no_wrap=True)
        for result in self.results:
            action = result.action
            outcome = f"{result.outcome}: {result.detail}" if result.detail else result.outcome
            table.add_row(
                short(action.account) if action.account else "",
                action.kind,
                _market(action.kind, action.market),
                f"{action.size / 10**18:,.6g}" if action.size else "",
                escape(action.reason),
                f"[{_COLOURS[result.outcome]}]{escape(outcome)}[/]",
                quote_text(result.reward) if result.reward else "",
                f"{result.gas:,}" if result.gas else "",
            )
        for left in self.left:
            reason = escape(left.reason)
            table.add_row(short(left.account), "left", "", "", reason, "[yellow]left[/]", "", "")
        for problem in self.problems:
            table.add_row("", "orders", "", "", escape(problem), "[yellow]skipped[/]", "", "")
        return table

    def headline(self) -> str:
        """One line for people."""
        parts = [f"{self.accounts} accounts, {self.unhealthy} below margin"]
        counts = {
            "called": self.called,
            "by order": self.order_liquidations,
            "taken over": self.takeovers,
            "resolved": self.resolved,
            "settled": self.settled,
            "put up for sale": self.sales,
            "bought": self.bought,
            "seized": self.seized,
            "overdue noted": self.noted,
            "overdue cleared": self.cleared,
            "planned": self.count(outcome=Outcome.PLANNED),
            "refused": self.count(outcome=Outcome.REFUSED),
            "failed": self.failed,
            "left": len(self.left),
        }
        parts += [f"{number} {what}" for what, number in counts.items() if number]
        if self.rewards:
            parts.append(f"reward {quote_text(self.rewards)}")
        if self.spent:
            parts.append(f"spent {quote_text(self.spent)}")
        return ("dry run: " if self.dry_run else "") + ", ".join(parts)


def _market(kind: Kind, market: int) -> str:
    if market < 0:
        return ""
    if kind is Kind.CHECKPOINT:
        return ",".join(str(m) for m in range(16) if market >> m & 1)
    return str(market)


def _row(result: Result) -> dict[str, Any]:
    action = result.action
    return {
        "action": action.kind.value,
        "account": hex(action.account),
        "market": action.market,
        "size": str(action.size),
        "price": str(action.price),
        "order": "0x" + action.offer.order_hash.hex() if action.offer else None,
        "reason": action.reason,
        "outcome": result.outcome.value,
        "detail": result.detail,
        "token": action.token or None,
        "spent": str(result.spent),
        "reward": str(result.reward),
        "gas": result.gas,
        "transaction": result.txn_hash,
    }
