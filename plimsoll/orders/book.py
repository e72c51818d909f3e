"""Which orders a keeper can use: read from a folder, a board or a list, in price-time order."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from plimsoll.orders.store import OrderStore, Problem, StoreError, Verdict
from plimsoll.protocol.errors import OrderError
from plimsoll.protocol.orders import ZERO_ADDRESS, Domain, SignedOrder

CANCELLED = 2**256 - 1
_MAX_ANSWER = 32 * 2**20
_TIMEOUT = 5.0
_PAGE = 1_000
_PROBLEMS = 100


class OrderSourceError(Exception):
    """Orders cannot be read from where they should be. The message says what to do next."""


class OrderState(Protocol):
    """What the engine knows of orders."""

    def filled(self, order_hash: bytes) -> int:
        """How much is filled; 2**256 - 1 when cancelled."""

    def min_salt(self, account: int) -> int:
        """The smallest valid salt of an account's orders."""

    def is_operator(self, owner: str, operator: str) -> bool:
        """Whether `operator` may sign for the owner's accounts."""

    def has_code(self, owner: str) -> bool:
        """Whether an owner is a contract (a smart wallet)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is left of a signed order; `signed` is what goes to the engine."""

    order_hash: bytes
    account: int
    market: int
    buys: bool
    size: int  # left, WAD, unsigned
    price: int  # WAD
    reduce_only: bool = False
    signed: SignedOrder | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An order with its digest and when it came (for priority only)."""

    signed: SignedOrder
    order_hash: bytes
    received: int


Source = OrderStore | str | Iterable[SignedOrder] | None


class OrderBook:
    """Orders by market and side, best price first, earlier first among equals.

    `source` is a folder (Path or OrderStore), a board's URL, or an iterable of signed orders, which
    is looked at anew with every `refresh`. `state` answers what the engine knows; without it
    nothing is dropped but what has expired.
    """

    def __init__(
        self, source: Source | Path, domain: Domain, state: OrderState | None = None
    ) -> None:
        """Take the source; nothing is read before `refresh`."""
        if isinstance(source, Path):
            source = OrderStore(source, domain)
        if isinstance(source, str):
            _check_url(source)
        self.source: Source = source
        self.domain = domain
        self.state = state
        #: files or entries that are no orders, as of the last refresh
        self.problems: list[Problem] = []
        self._known: dict[SignedOrder, bytes] = {}
        self._signers: dict[SignedOrder, str | None] = {}
        self._files: dict[str, tuple[int, int, SignedOrder | OrderError]] = {}
        self._sides: dict[tuple[int, bool], list[Entry]] = {}
        self._filled: dict[bytes, int] = {}
        self._salts: dict[int, int] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many orders the last refresh found."""
        return self._count

    # ---- reading ---------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the source again and forget what the engine has said.

        Raises OrderSourceError when the source as a whole cannot be read; the book is empty then.
        """
        self.forget()
        self._sides, self._count, self.problems = {}, 0, []
        entries: dict[bytes, Entry] = {}
        known: dict[SignedOrder, bytes] = {}
        for signed, received in self._read():
            digest = known[signed] = self._known.get(signed) or signed.order.digest(self.domain)
            entry = Entry(signed, digest, received)
            held = entries.get(digest)
            # the same order twice: the one with the owner's signature, else the earlier one
            if held is None or self._better(entry, held):
                entries[digest] = entry
        self._known = known
        self._signers = {signed: who for signed, who in self._signers.items() if signed in known}
        for entry in entries.values():
            order = entry.signed.order
            self._sides.setdefault((order.market, order.size > 0), []).append(entry)
        for (_, buys), side in self._sides.items():
            side.sort(
                key=lambda e: (
                    -e.signed.order.price if buys else e.signed.order.price,
                    e.received,
                    e.order_hash,
                )
            )
        self._count = len(entries)

    def _better(self, one: Entry, other: Entry) -> bool:
        doubts = [self.verdict(entry) is Verdict.UNVERIFIED for entry in (one, other)]
        return (doubts[0], one.received) < (doubts[1], other.received)

    def signer(self, entry: Entry) -> str | None:
        """Return whose key signed an order, None when it is no key's signature."""
        if entry.signed not in self._signers:
            self._signers[entry.signed] = entry.signed.signer(self.domain)
        return self._signers[entry.signed]

    def verdict(self, entry: Entry) -> Verdict:
        """Say whether the key of the account's owner signed."""
        signed = self.signer(entry) == entry.signed.order.maker
        return Verdict.VERIFIED if signed else Verdict.UNVERIFIED

    def forget(self) -> None:
        """Ask the engine anew from now on."""
        self._filled.clear()
        self._salts.clear()

    def used(self, order_hash: bytes) -> None:
        """An order was filled just now: ask anew how much of it is left."""
        self._filled.pop(order_hash, None)

    def _read(self) -> Iterable[tuple[SignedOrder, int]]:
        source = self.source
        if source is None:
            return []
        if isinstance(source, OrderStore):
            return self._read_folder(source)
        if isinstance(source, str):
            return self._read_board(source)
        return [(signed, place) for place, signed in enumerate(source)]

    def _read_folder(self, store: OrderStore) -> list[tuple[SignedOrder, int]]:
        found: list[tuple[SignedOrder, int]] = []
        files: dict[str, tuple[int, int, SignedOrder | OrderError]] = {}
        try:
            entries = list(store.files())
        except OSError as error:
            raise OrderSourceError(
                f"the folder of orders cannot be read ({error.strerror}); bring it back, or start "
                "without --orders"
            ) from None
        for entry in entries:
            try:
                status = entry.stat()
            except OSError:
                continue  # gone meanwhile
            stamp = (status.st_mtime_ns, status.st_size)
            kept = self._files.get(entry.name)
            if kept and kept[:2] == stamp:
                what = kept[2]
            else:
                try:
                    what = store.read_file(Path(entry.path), status.st_size)
                except OrderError as error:
                    what = error
            files[entry.name] = (*stamp, what)
            if isinstance(what, OrderError):
                self._report(entry.name, str(what))
            else:
                found.append((what, status.st_mtime_ns))
        self._files = files
        return found

    def _read_board(self, url: str) -> list[tuple[SignedOrder, int]]:
        found: list[tuple[SignedOrder, int]] = []
        offset: int | None = 0
        while offset is not None:
            page = _get(f"{url.rstrip('/')}/orders?limit={_PAGE}&offset={offset}", url)
            rows = page.get("orders") if isinstance(page, dict) else None
            if not isinstance(rows, list):
                raise OrderSourceError(
                    f"{url} answers something that is no list of orders; is it an order board?"
                )
            for row in rows:
                try:
                    signed = SignedOrder.from_dict(
                        {"order": row["order"], "signature": row["signature"]}
                    )
                    found.append((signed, int(row["received"])))
                except (OrderError, KeyError, TypeError, ValueError) as error:
                    self._report(str(row.get("hash") if isinstance(row, dict) else row)[:66], error)
            after = page.get("next")
            offset = after if isinstance(after, int) and rows and after > offset else None
        return found

    def _report(self, name: str, reason: object) -> None:
        if len(self.problems) < _PROBLEMS:
            self.problems.append(Problem(name, str(reason)))

    # ---- asking ----------------------------------------------------------------------------------

    def entries(self, market: int | None = None, account: int | None = None) -> list[Entry]:
        """Return what the last refresh found, by market, buying side first, in priority."""
        found = []
        for (number, _), side in sorted(self._sides.items(), key=lambda i: (i[0][0], not i[0][1])):
            if market in (None, number):
                found += [e for e in side if account in (None, e.signed.order.account)]
        return found

    def why_dead(self, entry: Entry, now: int) -> str | None:
        """Say why an order can not be filled any more, or None."""
        order = entry.signed.order
        if order.expiry < now:
            return "expired"
        if self.state is None:
            return None
        if order.salt < self._min_salt(order.account):
            return "cancelled"
        filled = self._filled_of(entry.order_hash)
        if filled == CANCELLED:
            return "cancelled"
        if filled >= abs(order.size):
            return "filled"
        return None

    def makers(self, market: int, buys: bool, most: int = 500) -> list[int]:
        """Return the first `most` accounts of a side, the one with the best price first."""
        found: dict[int, None] = {}
        for entry in self._sides.get((market, buys), ()):
            found.setdefault(entry.signed.order.account)
            if len(found) == most:
                break
        return list(found)

    def offers(
        self,
        market: int,
        buys: bool,
        now: int,
        *,
        sender: str = ZERO_ADDRESS,
        limit: int = 16,
        per_maker: int = 4,
        avoid: Collection[bytes] = (),
        accept: Callable[[int], bool] = lambda account: True,
    ) -> Sequence[Offer]:
        """Return the first `limit` orders of a side that `sender` may use now, best first.

        Digests in `avoid` and accounts that `accept` declines are left out, and so is what one
        maker has beyond `per_maker` orders, so that no maker stands in front of all others. The
        engine is asked only about orders that are reached.
        """
        found: list[Offer] = []
        places: Counter[int] = Counter()
        for entry in self._sides.get((market, buys), ()):
            order = entry.signed.order
            if len(found) >= limit:
                break
            if entry.order_hash in avoid or places[order.account] >= per_maker:
                continue
            if order.taker not in (ZERO_ADDRESS, sender) or not accept(order.account):
                continue
            if self.why_dead(entry, now) or not self._may_sign(entry):
                continue
            places[order.account] += 1
            found.append(
                Offer(
                    order_hash=entry.order_hash,
                    account=order.account,
                    market=order.market,
                    buys=buys,
                    size=abs(order.size) - self._filled_of(entry.order_hash),
                    price=order.price,
                    reduce_only=order.reduce_only,
                    signed=entry.signed,
                )
            )
        return found

    def dead(self, now: int) -> list[tuple[Entry, str]]:
        """Return every order that can not be filled any more, with the reason."""
        found = []
        for entry in self.entries():
            reason = self.why_dead(entry, now)
            if reason:
                found.append((entry, reason))
        return found

    def _filled_of(self, digest: bytes) -> int:
        if self.state is None:
            return 0
        if digest not in self._filled:
            self._filled[digest] = self.state.filled(digest)
        return self._filled[digest]

    def _min_salt(self, account: int) -> int:
        if self.state is None:
            return 0
        if account not in self._salts:
            self._salts[account] = self.state.min_salt(account)
        return self._salts[account]

    def _may_sign(self, entry: Entry) -> bool:
        """Whether the signature may be good: the owner's, an operator's, or a smart wallet's."""
        if self.state is None or self.verdict(entry) is Verdict.VERIFIED:
            return True
        signer = self.signer(entry)
        if signer and self.state.is_operator(entry.signed.order.maker, signer):
            return True
        # a smart wallet says so itself, when the engine asks it
        return self.state.has_code(entry.signed.order.maker)


def _check_url(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise OrderSourceError(
            f"{url!r} is no address of a board; write http://127.0.0.1:PORT, or give a folder"
        )


#: no proxy: a board is on this machine or on a network the operator named
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(address: str, url: str) -> Any:
    try:
        with _opener.open(address, timeout=_TIMEOUT) as answer:
            raw = answer.read(_MAX_ANSWER + 1)
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise OrderSourceError(
            f"the board at {url} does not answer ({error}); start it with `plimsoll orders serve`"
        ) from None
    if len(raw) > _MAX_ANSWER:
        raise OrderSourceError(f"the board at {url} answers more than {_MAX_ANSWER:,} bytes")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise OrderSourceError(f"{url} answers no JSON; is it an order board?") from None


def as_book(
    source: OrderBook | Source | Path, domain: Domain, state: OrderState | None = None
) -> OrderBook:
    """Return a book over any source; a book is taken as it is, and given the state it lacks."""
    if isinstance(source, OrderBook):
        if source.state is None:
            source.state = state
        return source
    if isinstance(source, str) and "://" not in source:
        source = Path(source)
    try:
        return OrderBook(source, domain, state)
    except StoreError as error:
        raise OrderSourceError(str(error)) from None
