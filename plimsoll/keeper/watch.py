"""Which accounts exist: read from the engine's events, from its deployment on, in bounded ranges.

The cursor moves only past ranges that were read in full, and each look begins a few blocks before
it, so that a gap, a dropped connection or a short reorganisation loses no account. An account never
leaves the set: one that is empty costs a row in a page of the lens, no more.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

#: Events that name an account which may hold a position, and their arguments that do.
EVENTS: dict[str, tuple[str, ...]] = {
    "Deposited": ("account",),
    "PositionUpdated": ("account",),
    "Filled": ("maker", "taker"),
}

#: The house accounts hold no position.
_HOUSE = 2


class WatchError(Exception):
    """The events cannot be read, or a cursor file is of no use. The message says what to do."""


#: (first block, last block) -> the accounts that the events of these blocks name
Fetch = Callable[[int, int], Iterable[int]]


def accounts_in(name: str | None, args: Any) -> list[int]:
    """Return the accounts that an event names."""
    return [int(args[field]) for field in EVENTS.get(name or "", ()) if field in args]


class Watcher:
    """The set of known accounts, brought up to date by `advance`."""

    def __init__(
        self,
        fetch: Fetch,
        head: Callable[[], int],
        *,
        start: int = 0,
        span: int = 2_000,
        overlap: int = 12,
        file: Path | None = None,
        identity: str = "",
    ) -> None:
        """Begin at block `start`.

        `span` is the most blocks a query asks for. `file` keeps the cursor over restarts; only the
        engine that `identity` names may use it again.
        """
        self._fetch = fetch
        self._head = head
        self._start = start
        self._span = span
        self._most = span
        self._overlap = overlap
        self._file = file
        self._identity = identity
        self.cursor = start  # the first block not yet read
        self.accounts: set[int] = set()
        if file is not None and file.exists():
            self._load(file)

    def advance(self) -> set[int]:
        """Read what is new and return the accounts that were not known before.

        Raises what `fetch` raises once a range of a single block fails; what was read stays read.
        """
        head = self._head()
        if head + 1 < self.cursor:  # another chain, or a rollback further than the overlap
            self.cursor = max(self._start, head + 1 - self._overlap)
        fresh: set[int] = set()
        at = max(self._start, self.cursor - self._overlap)
        while at <= head:
            last = min(head, at + self._span - 1)
            try:
                found = set(self._fetch(at, last))
            except Exception:
                if self._span == 1:
                    raise
                self._span = max(1, self._span // 4)  # a provider that gives fewer logs at once
                continue
            new = {account for account in found if account > _HOUSE} - self.accounts
            self.accounts |= new
            fresh |= new
            at = self.cursor = last + 1
            self._span = min(self._most, self._span * 2)
        if self._file is not None:
            self._save(self._file)
        return fresh

    def _load(self, file: Path) -> None:
        try:
            kept = json.loads(file.read_text())
            identity, cursor = kept["engine"], int(kept["next_block"])
            accounts = {int(text, 16) for text in kept["accounts"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WatchError(
                f"the cursor file {file.name} is unreadable ({error}); delete it, the accounts are "
                "then read from the deployment's block on"
            ) from None
        if identity != self._identity:
            raise WatchError(
                f"the cursor file {file.name} belongs to {identity}, not to {self._identity}; "
                "give each deployment a file of its own"
            )
        self.cursor, self.accounts = cursor, accounts

    def _save(self, file: Path) -> None:
        content = {
            "engine": self._identity,
            "next_block": self.cursor,
            "accounts": [hex(account) for account in sorted(self.accounts)],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".tmp-")
        with os.fdopen(handle, "w") as out:
            json.dump(content, out)
        os.replace(temporary, file)
