"""Feed a trace to the reference model and compare everything after every call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from plimsoll.reference import Model, Refused
from plimsoll.reference.numbers import FUND, TREASURY
from plimsoll.replay.calls import UnknownCallError, apply, set_world
from plimsoll.replay.state import (
    EMPTY_ACCOUNT,
    AccountState,
    MarketState,
    account_differences,
    account_text,
    market_differences,
    model_account,
    model_market,
)
from plimsoll.replay.trace import Entry, TraceError, TraceReader

#: Identities are checked in full this often; every call is too slow and the last one is included.
IDENTITY_EVERY = 50

#: How many mismatches are kept word for word.
MOST_KEPT = 20


@dataclass
class ReplayReport:
    """What a replay found. A mismatch counts a call that disagrees, or a value that does."""

    calls: int = 0
    accounts: int = 0
    comparisons: int = 0
    identity_checks: int = 0
    identity_violations: int = 0
    reference_mismatches: int = 0
    first: str = ""
    details: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.identity_violations and not self.reference_mismatches

    def note(self, entry: Entry, text: str) -> None:
        """Keep what was found, the first one apart."""
        text = f"line {entry.line}, {entry.call.name}: {text}"
        self.first = self.first or text
        if len(self.details) < MOST_KEPT:
            self.details.append(text)


class _Replay:
    """The model beside what the trace says each account and market is."""

    def __init__(self, reader: TraceReader) -> None:
        header = reader.header
        self.model = Model(header.owner, decimals=header.decimals, time=0)
        self.accounts: dict[int, AccountState] = {FUND: EMPTY_ACCOUNT, TREASURY: EMPTY_ACCOUNT}
        self.markets: dict[int, MarketState] = {}
        self.report = ReplayReport()

    def take(self, entry: Entry) -> None:
        set_world(self.model, entry.call)
        refusal = ""
        try:
            apply(self.model, entry.call)
        except Refused as refused:
            refusal = refused.reason
        self.report.calls += 1
        if entry.call.accepted and refusal:
            self._mismatch(entry, f"the contract took it, the model refuses: {refusal}")
        elif not entry.call.accepted and not refusal:
            self._mismatch(entry, f"the contract refused ({entry.call.reason}), the model takes it")
        self.accounts.update(entry.accounts)
        self.markets.update(entry.markets)
        self._compare(entry)

    def _compare(self, entry: Entry) -> None:
        """Compare every account and every market; a live size is compared where the line has it."""
        for who, expected in self.accounts.items():
            self.report.comparisons += 1
            got = model_account(self.model, who)
            if expected == got:
                continue
            self.accounts[who] = got  # each difference is told once
            if who not in entry.accounts and _recorded(expected) == _recorded(got):
                continue
            for text in account_differences(expected, got):
                self._mismatch(entry, f"account {account_text(who)}: {text}")
        for market, state in self.markets.items():
            self.report.comparisons += 1
            model = model_market(self.model, market)
            if market not in entry.markets:  # the allowance refills with time
                model = model._replace(allowance=state.allowance)
            if model != state:
                for text in market_differences(state, model):
                    self._mismatch(entry, f"market {market}: {text}")
                self.markets[market] = model
        extra = self.model.accounts.keys() - self.accounts.keys()
        for who in extra:
            got = model_account(self.model, who)
            if got != EMPTY_ACCOUNT:
                self._mismatch(entry, f"account {account_text(who)}: only the model has it")
            self.accounts[who] = got

    def identities(self, entry: Entry) -> None:
        self.report.identity_checks += 1
        for text in self.model.identities():
            self.report.identity_violations += 1
            self.report.note(entry, f"identity: {text}")
        # the same sums over what the trace says
        tokens = self.model.tokens * self.model.scale
        cash = sum(state.cash for state in self.accounts.values())
        backing = sum(state.cash for state in self.markets.values())
        if tokens != cash + backing:
            self.report.identity_violations += 1
            self.report.note(entry, f"identity: tokens {tokens}, cash {cash} + B {backing}")

    def _mismatch(self, entry: Entry, text: str) -> None:
        self.report.reference_mismatches += 1
        self.report.note(entry, text)


def _recorded(state: AccountState) -> object:
    """A state without live sizes, which a resolve changes for accounts it does not touch."""
    legs = {market: leg._replace(size=0) for market, leg in state.legs.items()}
    return state._replace(legs=legs)


def replay(path: Path, progress: Callable[[int], None] | None = None) -> ReplayReport:
    """Replay a trace file; `progress` gets the number of calls done so far.

    Raises TraceError when the file is malformed.
    """
    began = time.monotonic()
    reader = TraceReader(path)
    run = _Replay(reader)
    last: Entry | None = None
    for entry in reader:
        try:
            run.take(entry)
        except UnknownCallError as error:
            raise TraceError(path, entry.line, str(error)) from None
        last = entry
        if run.report.calls % IDENTITY_EVERY == 0:
            run.identities(entry)
            if progress:
                progress(run.report.calls)
    if last is not None:
        run.identities(last)
    run.report.accounts = len(run.accounts)
    run.report.seconds = round(time.monotonic() - began, 2)
    return run.report
