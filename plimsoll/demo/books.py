"""The ledger as the contracts tell it: read what was touched, remember the rest, check LED-5.

The rules of marking stand here once more, on what was read from the chain, so that the identities
are checked on the chain's own words and not on the reference model's. A full reading now and then
finds what changed without an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from plimsoll.demo.setting import TokenSetting
from plimsoll.reference.numbers import FUND, MARKETS, TREASURY, WAD
from plimsoll.replay import EMPTY_ACCOUNT, AccountState, LegState, MarketState


class Reader(Protocol):
    """Where the words come from: one chain, at the state after a call or a step."""

    def accounts(self, accounts: Sequence[int]) -> list[AccountState]:
        """Return accounts."""

    def cash(self, account: int) -> int:
        """Return an account's cash."""

    def markets(self, markets: Sequence[int]) -> list[MarketState]:
        """Return markets."""

    def closing_k(self, market: int, epoch: int, is_long: bool) -> int:
        """Return the K at which an ended epoch closed."""

    def token_balance(self) -> int:
        """Return the engine's balance of the quote token, in WAD."""

    def watch_vault(self, vault: Any, tokens: Sequence[Any]) -> None:
        """Read from now on what accounts have in the vault, too; `tokens` are its tokens."""

    def vault_balances(self) -> list[int]:
        """Return the vault's balance of each of its tokens, units."""


def held_markets(bitmap: int) -> list[int]:
    """The markets in an account's bitmap."""
    return [market for market in range(MARKETS) if bitmap >> market & 1]


def account_state(
    wallet: Any, positions: Sequence[Any], balances: Sequence[int] = ()
) -> AccountState:
    """Return the state in what `wallet`, `position` of the held markets and the vault's `balances`
    say."""
    legs = {
        market: LegState(**{name: int(getattr(leg, name)) for name in LegState._fields})
        for market, leg in zip(held_markets(wallet.held), positions, strict=True)
    }
    names = [name for name in AccountState._fields if name not in ("legs", "units")]
    own = {name: int(getattr(wallet, name)) for name in names}
    units = {index: int(amount) for index, amount in enumerate(balances) if amount}
    return AccountState(**own, legs=legs, units=units)


def may_have_units(account: int, wallet: Any) -> bool:
    """Whether the vault has to be asked: the engine says who has collateral, not so of the fund."""
    return bool(wallet.pledged) or account == FUND


def market_state(m: Any, extra: Any) -> MarketState:
    """Return the state in what `market_state` and `market_extra` say."""
    return MarketState(
        oi=m.oi,
        cash=m.cash,
        shortfall=m.shortfall,
        allowance=m.allowance,
        long_a=m.long_a,
        long_k0=m.long_k0,
        short_a=m.short_a,
        short_k0=m.short_k0,
        epoch=m.epoch,
        premium=extra.premium,
        folded=extra.folded if extra.premium else 0,
        bucket=extra.bucket,
        sync_mark=extra.sync_mark,
        width=extra.width,
        wait=extra.wait,
        window_taken=extra.window_taken,
        window_start=extra.window_start,
        frozen_until=extra.frozen_until,
        left_long=extra.left_long,
        left_short=extra.left_short,
    )


class EngineReader:
    """Reads through the engine's views."""

    def __init__(self, engine: Any, token: Any, scale: int) -> None:
        self._engine = engine
        self._token = token
        self._scale = scale
        self._vault: Any = None
        self._tokens: Sequence[Any] = ()

    def accounts(self, accounts: Sequence[int]) -> list[AccountState]:
        """Return accounts."""
        return [self._account(account) for account in accounts]

    def _account(self, account: int) -> AccountState:
        wallet = self._engine.wallet(account)
        balances: Sequence[int] = ()
        if self._vault is not None and may_have_units(account, wallet):
            balances = self._vault.balances(account)
        if not wallet[1]:
            return account_state(wallet, [], balances)
        held = held_markets(wallet[1])
        return account_state(wallet, [self._engine.position(account, m) for m in held], balances)

    def watch_vault(self, vault: Any, tokens: Sequence[Any]) -> None:
        """Read from now on what accounts have in the vault, too."""
        self._vault, self._tokens = vault, tokens

    def vault_balances(self) -> list[int]:
        """Return the vault's balance of each of its tokens, units."""
        return [int(token.balanceOf(self._vault.address)) for token in self._tokens]

    def cash(self, account: int) -> int:
        """Return an account's cash."""
        return int(self._engine.wallet(account)[0])

    def markets(self, markets: Sequence[int]) -> list[MarketState]:
        """Return markets."""
        engine = self._engine
        return [market_state(engine.market_state(m), engine.market_extra(m)) for m in markets]

    def closing_k(self, market: int, epoch: int, is_long: bool) -> int:
        """Return the K at which an ended epoch closed."""
        return int(self._engine.closing_k(market, epoch, is_long))

    def token_balance(self) -> int:
        """Return the engine's balance of the quote token, in WAD."""
        return int(self._token.balanceOf(self._engine.address)) * self._scale


class Marked(NamedTuple):
    """An account at some prices, all legs marked."""

    equity: int
    arrears: int  # sum of negative pnl, positive
    sizes: dict[int, int]  # live legs
    collateral: int = 0  # what it counts for in the equity


class Books:
    """All accounts and markets as last read."""

    def __init__(self, reader: Reader, markets: Sequence[int]) -> None:
        """Begin with the house accounts and the listed markets."""
        self.reader = reader
        self.accounts: dict[int, AccountState] = {FUND: EMPTY_ACCOUNT, TREASURY: EMPTY_ACCOUNT}
        self.markets: dict[int, MarketState] = {}
        self.tokens: Sequence[TokenSetting] = ()
        self.read((), markets)
        self._closing: dict[tuple[int, int, bool], int] = {}

    def read(self, accounts: Iterable[int], markets: Iterable[int]) -> None:
        """Read these anew."""
        who, where = sorted(accounts), sorted(markets)
        self.accounts.update(zip(who, self.reader.accounts(who), strict=True))
        self.markets.update(zip(where, self.reader.markets(where), strict=True))

    def read_all(self) -> list[int]:
        """Read everything anew; return the accounts that were not as remembered."""
        known = dict(self.accounts)
        self.read(known, self.markets)
        return [who for who in known if _recorded(self.accounts[who]) != _recorded(known[who])]

    def leg_value(self, market: int, leg: LegState, price: int) -> tuple[int, int]:
        """Return live size and marked pnl (LED-1, LED-2)."""
        if leg.basis == 0:
            return 0, leg.pnl
        book = self.markets[market]
        is_long = leg.basis > 0
        if leg.epoch == book.epoch:
            if is_long:
                a, k = book.long_a, book.long_k0 + book.long_a * price
            else:
                a, k = book.short_a, book.short_k0 - book.short_a * price
            size = abs(leg.basis) * a // leg.a_snap
            size = size if is_long else -size
        else:
            size, k = 0, self._closing_k(market, leg.epoch, is_long)
        return size, leg.pnl + abs(leg.basis) * (k - leg.k_snap) // (leg.a_snap * WAD)

    def worth(self, account: int, state: AccountState, prices: Sequence[int]) -> int:
        """Return what an account's collateral counts for at the prices, WAD."""
        if not state.units or account == FUND:
            return 0
        tokens = self.tokens
        return sum(tokens[at].worth(n, prices[tokens[at].market]) for at, n in state.units.items())

    def marked(self, account: int, prices: Sequence[int]) -> Marked:
        """Return an account marked at the prices (WAD by market)."""
        state = self.accounts.get(account, EMPTY_ACCOUNT)
        collateral = self.worth(account, state, prices)
        equity, arrears = state.cash + collateral, 0
        sizes: dict[int, int] = {}
        for market, leg in state.legs.items():
            size, pnl = self.leg_value(market, leg, prices[market])
            equity += pnl
            if pnl < 0:
                arrears -= pnl
            if size:
                sizes[market] = size
        return Marked(equity, arrears, sizes, collateral)

    def evaluate(self, prices: Sequence[int]) -> tuple[dict[int, Marked], list[str]]:
        """Mark every account; return them with what is broken of LED-5 (empty: nothing)."""
        found: dict[int, Marked] = {}
        owed = dict.fromkeys(self.markets, 0)
        longs = dict.fromkeys(self.markets, 0)
        shorts = dict.fromkeys(self.markets, 0)
        cash = 0
        pledged = [0] * len(self.tokens)
        for account, state in self.accounts.items():
            cash += state.cash
            for at, amount in state.units.items():
                pledged[at] += amount
            collateral = self.worth(account, state, prices)
            if not state.legs:
                found[account] = Marked(state.cash + collateral, 0, {}, collateral)
                continue
            equity, arrears = state.cash + collateral, 0
            sizes: dict[int, int] = {}
            for market, leg in state.legs.items():
                size, pnl = self.leg_value(market, leg, prices[market])
                equity += pnl
                owed[market] += pnl
                if pnl < 0:
                    arrears -= pnl
                if size > 0:
                    sizes[market] = size
                    longs[market] += size
                elif size < 0:
                    sizes[market] = size
                    shorts[market] -= size
            found[account] = Marked(equity, arrears, sizes, collateral)
        wrong: list[str] = []
        backing = sum(book.cash for book in self.markets.values())
        balance = self.reader.token_balance()
        if balance != cash + backing:  # nobody sends tokens unasked in a demo
            wrong.append(f"token balance {balance}, cash {cash} + B {backing}")
        if self.tokens:
            in_vault = self.reader.vault_balances()
            for token, has, owed_units in zip(self.tokens, in_vault, pledged, strict=True):
                if has != owed_units:
                    wrong.append(f"vault has {has} of {token.name}, accounts have {owed_units}")
        for market, book in self.markets.items():
            dust = book.cash + book.shortfall - owed[market]
            if dust < 0:
                wrong.append(f"market {market}: B + shortfall - sum of pnl = {dust}")
            if max(longs[market], shorts[market]) > book.oi:
                wrong.append(
                    f"market {market}: long {longs[market]}, short {shorts[market]}, OI {book.oi}"
                )
        return found, wrong

    @property
    def checks(self) -> int:
        """How many identities `evaluate` checks."""
        return 1 + 2 * len(self.markets) + len(self.tokens)

    def claims(self, marked: dict[int, Marked], prices: Sequence[int]) -> dict[int, int]:
        """Sum of positive marked pnl by market."""
        total = dict.fromkeys(self.markets, 0)
        for account in marked:
            for market, leg in self.accounts[account].legs.items():
                total[market] += max(0, self.leg_value(market, leg, prices[market])[1])
        return total

    def _closing_k(self, market: int, epoch: int, is_long: bool) -> int:
        key = (market, epoch, is_long)
        if key not in self._closing:
            self._closing[key] = self.reader.closing_k(*key)
        return self._closing[key]


def _recorded(state: AccountState) -> object:
    """A state without live sizes, which a resolve changes for accounts it does not touch."""
    return state._replace(legs={m: leg._replace(size=0) for m, leg in state.legs.items()})
