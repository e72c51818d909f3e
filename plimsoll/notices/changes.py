"""Parameters by name, their values and times as people write them, and what is announced."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from plimsoll.protocol import Plimsoll
from plimsoll.reference.margin import Matrix
from plimsoll.reference.numbers import RHO, UNIT, WAD
from plimsoll.reference.risk import CORRELATIONS, FIELDS, KAPPA, SIGMA, VOLATILITY, Change, Risks, Z

#: parameters as network files name them, at their numbers, with the contract's integer for 1
PARAMETERS: dict[str, int] = {
    "sigma": UNIT,
    "f": UNIT,
    "g": UNIT,
    "lambda": UNIT,
    "depth": 1,
    "c": 10**6,
    "penalty_cap": UNIT,
    "share": UNIT,
    "z": WAD,
    "kappa": WAD,
}
NAMES = (*PARAMETERS, "correlations", "volatility")
#: what stands for a market where a parameter holds for all of them
EVERYWHERE = "all"

_SPAN = re.compile(r"\+(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class Proposal:
    """A change to announce: of `what` in `market` to `value` (the contract's integers), on a line
    from `start` to `end` (seconds)."""

    what: int
    market: int
    value: int
    start: int
    end: int

    @property
    def arguments(self) -> tuple[int, int, int, int, int]:
        """Of the risk model's `announce`."""
        return (self.what, self.market, self.value, self.start, self.end)


@dataclass(frozen=True)
class Notice:
    """An announced change that is not folded. Values as people write them; `state` is waiting,
    moving or ended."""

    what: str
    market: str
    base: str
    now: str
    target: str
    start: int
    end: int
    state: str


def proposal(
    plimsoll: Plimsoll, what: str, market: str, value: str, start: str, end: str
) -> Proposal:
    """Return a change from a command line. `start` may count from now, `end` from the start.

    Raises ValueError that says what can be written.
    """
    if what not in PARAMETERS:
        raise ValueError(f"there is no parameter {what!r}; there are {', '.join(PARAMETERS)}")
    number = list(PARAMETERS).index(what)
    if (number >= Z) != (market == EVERYWHERE):
        held = f"holds for every market: write {EVERYWHERE}" if number >= Z else "is of one market"
        raise ValueError(f"{what} {held}")
    place = 0 if number >= Z else market_number(plimsoll, market)
    first = parse_time(start, plimsoll.backend.now())
    last = parse_time(end, first)
    return Proposal(number, place, parse_value(what, value), first, last)


def market_number(plimsoll: Plimsoll, market: str) -> int:
    """Return the number of a market by its name or number. Raises ValueError."""
    return plimsoll.number(int(market) if market.isdecimal() else market)


def parse_value(what: str, text: str) -> int:
    """Return a value in the contract's integer, exactly. Raises ValueError."""
    try:
        scaled = Decimal(text.replace("_", "")) * PARAMETERS[what]
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    if not scaled.is_finite() or scaled < 0 or scaled != scaled.to_integral_value():
        raise ValueError(
            f"{text} is no value of {what}: it counts in steps of {_decimal(1, PARAMETERS[what])}"
        )
    return int(scaled)


def parse_time(text: str, since: int) -> int:
    """Return a second: `+26h` (s, m, h, d) counts from `since`; else a UTC time as in
    2030-01-31T12:00, or seconds since 1970. Raises ValueError."""
    if found := _SPAN.fullmatch(text):
        return since + int(found[1]) * _SECONDS[found[2]]
    if text.isdecimal():
        return int(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write +26h, 2030-01-31T12:00 (UTC) or seconds since 1970"
        ) from None
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())


def value_text(what: int, value: int) -> str:
    """A value as people write it."""
    return _decimal(value, list(PARAMETERS.values())[what])


def _decimal(value: int, unit: int) -> str:
    return f"{(Decimal(value) / unit).normalize():f}"


def value_at(risks: Risks, what: int, market: int, time: int) -> int:
    """Where a parameter is at a time by what is announced; of sigma, its floor."""
    return risks.line(what, market, base_of(risks, what, market), time)


def base_of(risks: Risks, what: int, market: int) -> int:
    """A parameter as it is stored."""
    if what >= Z:
        return risks.globals.z if what == Z else risks.globals.kappa
    if what == SIGMA:
        return int(risks.floors[market])
    return int(getattr(risks.risks[market], FIELDS[what]))


def scheduled(risks: Risks, name: Callable[[int], str]) -> list[Notice]:
    """Return what is announced, the first to start first."""
    found = [notice for key in risks.changes for notice in _notices(risks, key, name)]
    return sorted(found, key=lambda each: (each.start, each.what, each.market))


def _notices(risks: Risks, key: tuple[int, int], name: Callable[[int], str]) -> Iterator[Notice]:
    what, market = key
    change, now = risks.changes[key], risks.time
    state = "waiting" if now < change.start else "moving" if now < change.end else "ended"
    times = (change.start, change.end, state)
    if what <= KAPPA:
        where = EVERYWHERE if what >= Z else name(market)
        values = (base_of(risks, what, market), value_at(risks, what, market, now), change.value)
        base, current, target = (value_text(what, value) for value in values)
        yield Notice(NAMES[what], where, base, current, target, *times)
    elif what == CORRELATIONS:
        found = list(_pairs(risks, change, times, name))
        # one that has ended is in the matrix already, and where it came from is in nothing
        yield from found or [Notice("correlations", EVERYWHERE, "", "", "as they are", *times)]
    elif what == VOLATILITY:
        # the settings that hold are not among what is read: they bear on no margin before `observe`
        told = ", ".join(f"{field} {value}" for field, value in asdict(change.value).items())
        yield Notice("volatility", name(market), "", "", told, *times)


def _pairs(
    risks: Risks, change: Change, times: tuple[int, int, str], name: Callable[[int], str]
) -> Iterator[Notice]:
    whole = change.end - change.start
    passed = min(max(risks.time - change.start, 0), whole)
    target: Matrix = change.value  # type: ignore[assignment]
    for m, n in itertools.combinations(sorted(risks.risks), 2):
        old, new = risks.rho[m][n], target[m][n]
        if old != new:
            middle = Decimal(old * (whole - passed) + new * passed) / whole / RHO
            told = (_decimal(old, RHO), f"{middle:.4f}", _decimal(new, RHO))
            yield Notice("correlation", f"{name(m)}/{name(n)}", *told, *times)
