"""The run's conscience: each call goes to the reference model too, and after each step both are
compared, and the identities are checked on the chain's words.

The model gets calls, times and prices. What the contracts say goes into `Books` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plimsoll.demo.books import Books, Marked, Reader
from plimsoll.demo.recording import touched
from plimsoll.demo.setting import TokenSetting
from plimsoll.protocol.contract import Receipt
from plimsoll.reference import Model, Refused
from plimsoll.reference.numbers import (
    DECAY_ONE,
    FUND,
    MINUTE,
    MINUTES,
    PREMIUM_PACE,
    PREMIUM_UNIT,
    TREASURY,
    WAD,
    decay,
    trunc_div,
)
from plimsoll.replay import (
    Call,
    TraceWriter,
    account_differences,
    account_text,
    apply,
    market_differences,
    model_account,
    model_market,
    set_world,
)

#: Calls that fold a market's funding first.
FOLDING = ("fill", "takeover", "takeover_by_order", "accrue")

#: Differences that are kept word for word.
MOST_KEPT = 50


class Tally:
    """Counts over the whole run, from the contracts' events."""

    def __init__(self) -> None:
        self.calls = 0
        self.refused: dict[str, int] = {}  # reason -> how often
        self.fills = 0
        self.takeovers = 0
        self.order_liquidations = 0
        self.resolved = 0
        self.books_ended = 0
        self.keeper_rewards = 0  # LIQ-5, WAD
        self.liquidator_shares = 0  # of the penalties, WAD
        self.charged_to_others = 0  # WAD
        self.fund_received = 0  # WAD
        self.fund_paid = 0  # WAD
        self.margin_calls = 0
        self.cured = 0  # calls whose account was above its margin again by its owner's doing
        self.recovered = 0  # calls that ended otherwise without a takeover
        self.called_takeovers = 0  # slices of accounts whose cure window had passed
        self.funding_paid = 0  # between the sides, WAD
        self.sales_opened = 0
        self.arrears_noted = 0
        self.arrears_cleared = 0  # what became claims of the fund, WAD
        self.seized = 0  # tokens of bankrupt accounts that became the fund's
        self.done: dict[str, int] = {}  # accepted calls by name


class Liquidation:
    """One liquidation, for the report."""

    __slots__ = ("account", "kind", "market", "price", "size", "time")

    def __init__(
        self, time: int, kind: str, account: int, market: int, size: int, price: int
    ) -> None:
        self.time = time
        self.kind = kind  # takeover, order, sale (of collateral), resolve
        self.account = account
        self.market = market
        self.size = size
        self.price = price  # the mark


class Sold:
    """Collateral that was sold, for the report; amounts in WAD."""

    __slots__ = ("account", "amount", "buyer", "kept", "paid", "price", "time", "token")

    def __init__(
        self,
        time: int,
        account: int,
        token: TokenSetting,
        price: int,
        units: tuple[int, int],
        paid: int,
        buyer: str,
    ) -> None:
        self.time = time
        self.account = account
        self.token = token
        self.price = price
        self.amount = units[0] * token.scale
        self.kept = units[1] * token.scale  # what the account has left of the token
        self.paid = paid
        self.buyer = buyer

    @property
    def value(self) -> int:
        """What it would be at the price, quote WAD."""
        return self.amount * self.price // WAD

    @property
    def discount(self) -> float:
        """How far below the price it went, a fraction."""
        return 1 - self.paid / self.value if self.value else 0.0


class Auditor:
    """Takes every call of a run in order."""

    def __init__(self, owner: str, decimals: int, time: int) -> None:
        self.model = Model(owner, decimals=decimals, time=time)
        self.tally = Tally()
        self.liquidations: list[Liquidation] = []
        self.sold: list[Sold] = []
        self.called: list[int] = []  # accounts, in the order of their margin calls
        self._standing: dict[int, bool] = {}  # called account -> whether it was taken over since
        self.books: Books | None = None
        self.trace: TraceWriter | None = None
        self.identity_checks = 0
        self.identity_violations = 0
        self.reference_mismatches = 0
        self.details: list[str] = []
        self._reader: Reader | None = None
        self._accounts: set[int] = {FUND, TREASURY}
        self._markets: set[int] = set()
        self._fund_cash = 0
        self._looked: tuple[int, tuple[dict[int, Marked], list[str]]] | None = None
        self._scale = 10 ** (18 - decimals)
        self._tokens: dict[str, TokenSetting] = {}  # by address

    def watch_vault(
        self, vault: Any, tokens: Sequence[Any], settings: Sequence[TokenSetting]
    ) -> None:
        """Read from now on what accounts have in the vault, too. Nobody has anything there yet."""
        assert self._reader is not None
        self._reader.watch_vault(vault, tokens)
        self._opened().tokens = settings
        found = zip(tokens, settings, strict=True)
        self._tokens = {token.address: setting for token, setting in found}

    def watch(self, reader: Reader, markets: Sequence[int]) -> None:
        """Begin to read the chain; what was called before is compared at the first step."""
        self._reader = reader
        self.books = Books(reader, markets)
        self._markets = set(markets)
        self._fund_cash = reader.cash(FUND)

    def begin(self) -> int:
        """The story begins: count what the fund gets and pays from here on; return its cash."""
        self.tally.fund_received = self.tally.fund_paid = 0
        return self._fund_cash

    # ---- calls -----------------------------------------------------------------------------------

    def take(self, call: Call, receipt: Receipt | None) -> None:
        """Give the model a call that the chain has taken or refused (`receipt` None)."""
        self.tally.calls += 1
        funding = self._funding(call)
        refusal = self._to_model(call)
        self.tally.funding_paid += 0 if refusal else funding
        if call.accepted and refusal:
            self._mismatch(f"{call.name}: the contract took it, the model refuses: {refusal}")
        elif not call.accepted and not refusal:
            self._mismatch(f"{call.name}: the contract refused ({call.reason}), the model took it")
        if not call.accepted:
            self.tally.refused[call.reason] = self.tally.refused.get(call.reason, 0) + 1
        logs = receipt.logs if receipt is not None else []
        accounts, markets = touched(call, logs)
        self._accounts |= accounts
        self._markets |= markets
        if call.accepted:
            self.tally.done[call.name] = self.tally.done.get(call.name, 0) + 1
            self._count(call, logs)
            self._follow_calls(call)
        if self.trace is not None:
            self._write(call, accounts, markets)

    def _to_model(self, call: Call) -> str:
        set_world(self.model, call)
        try:
            apply(self.model, call)
        except Refused as refused:
            return refused.reason or "no reason"
        return ""

    def _funding(self, call: Call) -> int:
        """What the fold that begins a call will move between the sides (LED-7), WAD."""
        market = call.args.get("order", call.args).get("market")
        if not call.accepted or call.function not in FOLDING or market is None:
            return 0
        set_world(self.model, call)
        book, mark = self.model.markets[market], call.prices[market][0] or 0
        minutes = (call.time // MINUTE - book.folded) % MINUTES
        left = trunc_div(book.premium * decay(PREMIUM_PACE * minutes), DECAY_ONE)
        per_unit = trunc_div(mark * (book.premium - left), PREMIUM_UNIT)
        return int(book.oi * abs(per_unit) // WAD)

    def _follow_calls(self, call: Call) -> None:
        """See which margin calls a call has ended, and how."""
        for account in [who for who in self._standing if not self.model.account(who).deadline]:
            taken_over = self._standing.pop(account)
            if not taken_over:
                owner = int(call.sender, 16) == account >> 96
                self.tally.cured += owner
                self.tally.recovered += not owner

    def _write(self, call: Call, accounts: set[int], markets: set[int]) -> None:
        reader, trace = self._reader, self.trace
        if trace is None:
            return
        if reader is None or not call.accepted:  # before the engine can be asked
            trace.add(call, {}, {})
            return
        who, where = sorted(accounts | {FUND, TREASURY}), sorted(markets)
        trace.add(
            call,
            dict(zip(who, reader.accounts(who), strict=True)),
            dict(zip(where, reader.markets(where), strict=True)),
        )

    def _count(self, call: Call, logs: Sequence[Any]) -> None:
        tally = self.tally
        for log in logs:
            if log.name == "Filled":
                tally.fills += 1
            elif log.name == "TakenOver":
                by_order = log["price"] != 0
                if by_order:
                    tally.order_liquidations += 1
                    tally.keeper_rewards += log["to_worker"]
                else:
                    tally.takeovers += 1
                    tally.liquidator_shares += log["to_worker"]
                self._liquidated(call, "order" if by_order else "takeover", log)
                account = int(log["account"])
                if account in self._standing:
                    self._standing[account] = True
                    tally.called_takeovers += 1
            elif log.name == "MarginCalled":
                tally.margin_calls += 1
                self.called.append(int(log["account"]))
                self._standing[int(log["account"])] = False
            elif log.name == "Resolved":
                tally.resolved += 1
                tally.keeper_rewards += log["reward"]
                tally.charged_to_others += log["charged"]
                self._liquidated(call, "resolve", log)
            elif log.name == "BookEnded":
                tally.books_ended += 1
            elif log.name == "SaleOpened":
                tally.sales_opened += 1
            elif log.name == "ArrearsNoted":
                tally.arrears_noted += 1
            elif log.name == "ArrearsCleared":
                tally.arrears_cleared += log["amount"]
            elif log.name == "CollateralSeized":
                tally.seized += 1
            elif log.name == "CollateralSold":
                self._sale(call, log)
        if self._reader is not None:
            cash = self._reader.cash(FUND)
            change, self._fund_cash = cash - self._fund_cash, cash
            if change > 0:
                tally.fund_received += change
            else:
                tally.fund_paid -= change

    def _sale(self, call: Call, log: Any) -> None:
        token = self._tokens[str(log["token"])]
        mark = call.prices[token.market][0] or 0
        units = int(log["amount"]), int(log["balance"])
        paid = int(log["paid"]) * self._scale
        account = int(log["account"])
        sold = Sold(call.time, account, token, mark, units, paid, str(log["buyer"]))
        self.sold.append(sold)
        self.liquidations.append(
            Liquidation(call.time, "sale", account, token.market, sold.amount, mark)
        )

    def _liquidated(self, call: Call, kind: str, log: Any) -> None:
        market = int(log["market"])
        mark = call.prices[market][0] or 0
        self.liquidations.append(
            Liquidation(call.time, kind, int(log["account"]), market, abs(log["size"]), mark)
        )

    # ---- steps -----------------------------------------------------------------------------------

    def set_world(
        self, time: int, basefee: int, prices: Mapping[int, tuple[int | None, int]]
    ) -> None:
        """Give the model the time and the feeds' answers (WAD, time) of what follows."""
        self.model.set_time(time)
        self.model.set_basefee(basefee)
        for market, (answer, updated_at) in prices.items():
            self.model.set_answer(market, answer, updated_at)

    def look(self, prices: Sequence[int]) -> dict[int, Marked]:
        """Read what was touched so far and return all accounts marked; compares nothing."""
        books = self._opened()
        books.read(self._accounts, books.markets)
        self._looked = self.tally.calls, books.evaluate(prices)
        return self._looked[1][0]

    def end_of_step(
        self, prices: Sequence[int], *, full: bool, again: Callable[[], bool] = lambda: False
    ) -> dict[int, Marked]:
        """Compare what the step touched (`full`: everything) and check the identities.

        Returns all accounts marked at `prices` (WAD by market). Where somebody else may be sending
        at the same time, `again` says whether what was read may be half of a block, and to read
        once more; it has brought this auditor up to date then.
        """
        while True:
            marked, different, wrong = self._examine(prices, full=full)
            if not (different or wrong) or not again():
                break
        for text in different:
            self._mismatch(text)
        self.identity_violations += len(wrong)
        self._keep(f"identity: {text}" for text in wrong)
        self.identity_checks += self._opened().checks + full
        self._accounts = {FUND, TREASURY}
        self._markets = set()
        self._looked = None
        return marked

    def _examine(
        self, prices: Sequence[int], *, full: bool
    ) -> tuple[dict[int, Marked], list[str], list[str]]:
        """Return all accounts marked, what differs, and what is broken of LED-5."""
        books = self._opened()
        different: list[str] = []
        # nothing was called since the last look: it has seen what there is to see
        looked = self._looked if self._looked and self._looked[0] == self.tally.calls else None
        if full:
            looked = None
            books.read(self._accounts - set(books.accounts), ())
            strays = [who for who in books.read_all() if who not in self._accounts]
            different += [f"account {account_text(who)} changed without an event" for who in strays]
            accounts = set(books.accounts) | set(self.model.accounts)
        else:
            if looked is None:
                books.read(self._accounts, books.markets)
            accounts = self._accounts
        books.read([who for who in accounts if who not in books.accounts], ())
        for who in sorted(accounts):
            state = books.accounts[who]
            for text in account_differences(state, model_account(self.model, who)):
                different.append(f"account {account_text(who)}: {text}")
        for market, book in books.markets.items():
            for text in market_differences(book, model_market(self.model, market)):
                different.append(f"market {market}: {text}")
        marked, wrong = looked[1] if looked else books.evaluate(prices)
        if full:
            wrong = [*wrong, *(f"model: {text}" for text in self.model.identities())]
        return marked, different, wrong

    def _opened(self) -> Books:
        if self.books is None:
            raise RuntimeError("watch() comes first")
        return self.books

    def _mismatch(self, text: str) -> None:
        self.reference_mismatches += 1
        self._keep([text])

    def _keep(self, texts: Any) -> None:
        for text in texts:
            if len(self.details) < MOST_KEPT:
                self.details.append(f"{self.model.time}: {text}")


def quote(amount: int) -> float:
    """An amount in WAD as a float, for pictures and tables only."""
    return amount / WAD
