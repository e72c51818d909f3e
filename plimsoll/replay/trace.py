"""Trace files: one JSON line for every state-changing call, enough to replay a run without a chain.

    {"plimsoll_trace": 4, "owner": ..., "decimals": 6, "markets": ["BTC", ...]}
    {"call": "engine.fill", "sender": ..., "args": {...}, "time": ..., "block": ...,
     "basefee": ..., "prices": {"0": ["5e22 as digits", updated_at]}, "ok": true,
     "accounts": {"0x..": {"cash": ..., "legs": {"0": {"pnl": ..., "size": ..., ...}},
                           "units": {"1": ...}}},
     "markets": {"0": {"oi": ..., "cash": ..., ...}}}
    {"end": 1234}

`accounts` and `markets` are what the contracts said after the call, of all that it touched; a
refused call has `"ok": false` and its `reason`. Integers of 2**53 and more are strings of digits.
The last line counts the calls, so that a cut file is noticed.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from plimsoll.replay.calls import Call, is_known
from plimsoll.replay.state import AccountState, LegState, MarketState

VERSION = 4

_SAFE = 2**53
#: texts that are no integers
_TEXTS = frozenset(
    {
        *("sender", "signer", "taker", "receiver", "owner", "operator", "guardian", "steward"),
        *("fund", "vault", "token", "call", "reason", "feed"),
    }
)


class TraceError(Exception):
    """A trace cannot be used. `line` counts from 1."""

    def __init__(self, path: Path, line: int, trouble: str) -> None:
        self.path = path
        self.line = line
        super().__init__(f"{path}, line {line}: {trouble}. Make the trace anew with --trace.")


@dataclass(frozen=True)
class Header:
    """What a trace begins with: who owns the engine, the token's decimals, the markets' names."""

    owner: str
    decimals: int
    markets: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One call with what the contracts said afterwards; `line` is its place in the file."""

    line: int
    call: Call
    accounts: Mapping[int, AccountState]
    markets: Mapping[int, MarketState]


class TraceWriter:
    """Writes a trace; leaving the context writes its last line, unless an error is the reason."""

    def __init__(self, path: Path, header: Header) -> None:
        """Begin the file (compressed where its name ends in .gz)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        packed = path.suffix == ".gz"
        self._file: TextIO = gzip.open(path, "wt") if packed else path.open("w")  # noqa: SIM115
        self._calls = 0
        self._write(
            {
                "plimsoll_trace": VERSION,
                "owner": header.owner,
                "decimals": header.decimals,
                "markets": list(header.markets),
            }
        )

    def add(
        self,
        call: Call,
        accounts: Mapping[int, AccountState],
        markets: Mapping[int, MarketState],
    ) -> None:
        """Write one call and what it left behind."""
        line: dict[str, Any] = {
            "call": call.name,
            "sender": call.sender,
            "args": plain(call.args),
            "time": call.time,
            "block": call.block,
            "basefee": call.basefee,
            "prices": {str(m): plain(price) for m, price in call.prices.items()},
            "ok": call.accepted,
        }
        if call.accepted:
            line["accounts"] = {hex(who): _account(state) for who, state in accounts.items()}
            line["markets"] = {str(m): plain(state._asdict()) for m, state in markets.items()}
        else:
            line["reason"] = call.reason
        self._calls += 1
        self._write(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write({"end": self._calls})
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")


class TraceReader:
    """Reads a trace: `header`, then the entries by iteration. Raises TraceError."""

    def __init__(self, path: Path) -> None:
        """Open the file and read its first line."""
        self.path = path
        self._lines = _lines(path)
        first = next(self._lines, None)
        if first is None:
            raise TraceError(path, 1, "the file is empty")
        _, head = first
        if head.get("plimsoll_trace") != VERSION:
            raise TraceError(path, 1, f"this is no trace of version {VERSION}")
        try:
            markets = tuple(str(name) for name in head["markets"])
            self.header = Header(str(head["owner"]), int(head["decimals"]), markets)
        except (KeyError, TypeError, ValueError) as error:
            raise TraceError(path, 1, f"the header is malformed ({error!r})") from None

    def __iter__(self) -> Iterator[Entry]:
        count = 0
        line = 1
        ended = False
        for line, data in self._lines:
            if ended:
                raise TraceError(self.path, line, "there is more after the last line")
            if "end" in data:
                ended = True
                if data["end"] != count:
                    trouble = f"the trace should have {data['end']} calls and has {count}"
                    raise TraceError(self.path, line, trouble)
                continue
            count += 1
            yield self._entry(line, data)
        if not ended:
            raise TraceError(self.path, line, f"the trace is cut off after {count} calls")

    def _entry(self, line: int, data: dict[str, Any]) -> Entry:
        try:
            contract, _, function = str(data["call"]).partition(".")
            if not is_known(contract, function):
                raise TraceError(self.path, line, f"there is no call {data['call']!r}")
            call = Call(
                contract=contract,
                function=function,
                args=revived(data["args"]),
                sender=data["sender"],
                time=int(data["time"]),
                block=int(data["block"]),
                accepted=bool(data["ok"]),
                reason=data.get("reason", ""),
                basefee=int(data["basefee"]),
                prices={
                    int(m): (None if answer is None else int(answer), int(updated))
                    for m, (answer, updated) in data["prices"].items()
                },
            )
            accounts = {int(who, 16): _account_of(a) for who, a in data.get("accounts", {}).items()}
            markets = {
                int(m): MarketState(**{name: int(value) for name, value in state.items()})
                for m, state in data.get("markets", {}).items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"{type(error).__name__} {error}"
            raise TraceError(self.path, line, f"the line is malformed ({reason})") from None
        return Entry(line, call, accounts, markets)


def plain(value: Any) -> Any:
    """Return JSON for a value of a call: structs as objects, large integers as digits."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < _SAFE else str(value)
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def revived(value: Any, name: str = "") -> Any:
    """Return the value that `plain` made JSON of."""
    if isinstance(value, str):
        return value if name in _TEXTS else int(value)
    if isinstance(value, dict):
        return {key: revived(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [revived(part, name) for part in value]
    return value


def _account(state: AccountState) -> dict[str, Any]:
    legs = {str(market): plain(leg._asdict()) for market, leg in state.legs.items()}
    units = {str(token): plain(amount) for token, amount in state.units.items()}
    return {**plain(state._replace(legs={}, units={})._asdict()), "legs": legs, "units": units}


def _account_of(data: dict[str, Any]) -> AccountState:
    legs = {
        int(market): LegState(**{name: int(value) for name, value in leg.items()})
        for market, leg in data["legs"].items()
    }
    units = {int(token): int(amount) for token, amount in data["units"].items()}
    own = {name: int(value) for name, value in data.items() if name not in ("legs", "units")}
    return AccountState(**own, legs=legs, units=units)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    line = 0
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            for text in file:
                line += 1
                try:
                    data = json.loads(text)
                except ValueError:
                    cut = "" if text.endswith("\n") else "; the file ends in the middle of it"
                    raise TraceError(path, line, f"the line is no JSON{cut}") from None
                if not isinstance(data, dict):
                    raise TraceError(path, line, "the line is no object")
                yield line, data
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TraceError(path, line + 1, f"cannot be read ({reason})") from error
