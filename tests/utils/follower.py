"""An indexer in twenty lines: the engine's storage words, from its events alone."""

from __future__ import annotations

from typing import Any

from plimsoll.evm import Receipt
from plimsoll.reference.numbers import FUND, TREASURY

SALT = (2**56 - 1) << 152


class Follower:
    """Words of accounts, legs and markets as the events tell them."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.wallets: dict[int, int] = {}
        self.legs: dict[tuple[int, int], tuple[int, int]] = {}  # (account, market): snap, profit
        self.sides: dict[tuple[int, bool], int] = {}
        self.books: dict[int, int] = {}
        self.configs: dict[int, int] = {}
        self.shortfalls: dict[int, int] = {}
        self.allowances: dict[int, int] = {}
        self.windows: dict[int, int] = {}
        self.debts: dict[int, int] = {}
        self.closing: dict[tuple[int, int, bool], int] = {}

    def take(self, receipt: Receipt) -> None:
        """Read the events of a transaction, in order."""
        for event in receipt.logs:
            if event.address == self.engine:
                self._read(event)

    def _read(self, event: Any) -> None:
        args = event.args
        market = args.get("market")
        if "wallet" in args:
            account = FUND if args["account"] == TREASURY else args["account"]
            self.wallets[account] = args["wallet"]
        if "house" in args:
            self.wallets[FUND] = args["house"]
        if "book" in args:
            self.books[market] = args["book"]
        if "allowance" in args:
            self.allowances[market] = args["allowance"]
        if event.name == "PositionUpdated":
            self.legs[args["account"], market] = args["snap"], args["profit"]
        elif event.name == "SideUpdated":
            self.sides[market, args["is_long"]] = args["side"]
        elif event.name == "ShortfallUpdated":
            self.shortfalls[market] = args["shortfall"]
        elif event.name == "MarketUpdated":
            self.configs[market] = args["config"]
        elif event.name == "OrdersCancelledBelow":
            word = self.wallets.get(args["account"], 0)
            self.wallets[args["account"]] = word & ~SALT | args["salt"] << 152
        elif event.name == "BookEnded":
            self.closing[market, args["epoch"], True] = args["long_k"]
            self.closing[market, args["epoch"], False] = args["short_k"]
        elif event.name == "ClosingCharged":
            self.closing[market, args["epoch"], args["is_long"]] = args["k"]
        elif event.name == "WindowUpdated":
            self.windows[market] = args["window"]
        elif event.name == "DebtUpdated":
            self.debts[args["account"]] = args["debt"]
