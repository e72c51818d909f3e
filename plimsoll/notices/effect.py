"""What changes of parameters do to accounts: their margins at every time that matters, exactly.

Prices, positions and cash are those of now, and so is the volatility, but where an announced floor
lifts it: what is told is what the change alone does.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plimsoll.keeper.read import Reader
from plimsoll.margin.read import crowding_of, judged_price
from plimsoll.notices.changes import Proposal
from plimsoll.protocol import Plimsoll
from plimsoll.reference.margin import notional
from plimsoll.reference.risk import Change, Risks

#: times that are looked at between two at which a change starts or ends
_BETWEEN = 3
_NOBODY = "0x" + "00" * 20


@dataclass(frozen=True)
class Subject:
    """An account with positions: equity (WAD), signed notionals and crowding by market."""

    account: int
    equity: int
    notionals: dict[int, int]
    crowding: dict[int, int]


@dataclass(frozen=True)
class Effect:
    """What changes do to an account, WAD. `without` is the largest maintenance margin it would have
    if they were not made, `maintenance` the largest one with them, which it has at `time`."""

    account: int
    equity: int
    now: int
    without: int
    maintenance: int
    time: int

    @property
    def is_called(self) -> bool:
        """Whether the changes, and nothing else, put it below its maintenance margin."""
        return self.without <= self.equity < self.maintenance

    @property
    def is_below_already(self) -> bool:
        """Whether it is, or would be, below its margin without them."""
        return self.equity < self.without

    @property
    def missing(self) -> int:
        """By how much its equity is below the margin that it will need; 0 when it is not."""
        return max(0, self.maintenance - self.equity)


def read_subjects(plimsoll: Plimsoll, accounts: Iterable[int]) -> list[Subject]:
    """Return those of the accounts that have a position, as the engine values them now."""
    rows = [row for row in Reader(plimsoll).rows(accounts) if row.gross]
    if not rows:
        return []
    held = functools.reduce(operator.or_, (row.held for row in rows))
    quotes = [int(word) for word in plimsoll.oracle.quotes(held)]
    crowding: dict[int, int] = {}
    found = []
    for row in rows:
        notionals = {}
        for leg in plimsoll.lens.positions(row.account):
            market, size = int(leg.market), int(leg.size)
            if not size:
                continue
            notionals[market] = notional(size, judged_price(quotes[market], size)[0])
            if market not in crowding:
                crowding[market] = crowding_of(int(plimsoll.engine.market_extra(market).bucket))
        factors = {market: crowding[market] for market in notionals}
        found.append(Subject(row.account, row.equity, notionals, factors))
    return found


def with_change(risks: Risks, change: Proposal) -> Risks:
    """The parameters with one more change announced; one that has ended makes room for it."""
    made = risks.copy()
    key = (change.what, change.market)
    if key in made.changes and made.time >= made.changes[key].end:
        made.fold(_NOBODY, *key)
    made.changes[key] = Change(change.value, change.start, change.end)
    return made


def times_of(risks: Risks) -> list[int]:
    """Now, every start and end still to come, and some times between any two of them."""
    turns = {risks.time}
    for change in risks.changes.values():
        turns |= {time for time in (change.start, change.end) if time > risks.time}
    ordered = sorted(turns)
    for first, last in itertools.pairwise(ordered):
        step = (last - first) // (_BETWEEN + 1)
        turns |= {first + step * at for at in range(1, _BETWEEN + 1)}
    return sorted(turns)


def effects(subjects: Sequence[Subject], before: Risks | None, after: Risks) -> list[Effect]:
    """Return what the changes in `after` that are not in `before` do, the most called first.

    With None for `before` it is what all of `after` does to the margin of now.
    """
    known, coming = times_of(before) if before else [], times_of(after)
    found = []
    for each in subjects:
        now = _margin(each, after, after.time)
        without = max((_margin(each, before, time) for time in known if before), default=now)
        margins = [(_margin(each, after, time), time) for time in coming]
        most, time = max(margins, key=lambda pair: (pair[0], -pair[1]))
        found.append(Effect(each.account, each.equity, now, without, most, time))
    return sorted(found, key=lambda each: (-each.missing, each.account))


def _margin(subject: Subject, risks: Risks, time: int) -> int:
    return risks.margin_at(subject.notionals, time, subject.crowding).mm
