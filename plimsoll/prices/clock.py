"""Several markets on one clock: the union of their times, each keeping its last known price.

A bar gives four steps: its open, its two extremes and its close. Which extreme comes first is a
fixed rule: a bar that closes below its open has its high first, any other its low. With more than
`MAX_BARS_IN_FULL` bars in a market only the closes are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from plimsoll.prices.bars import Bar, PriceError, Series, read_csv
from plimsoll.prices.builtin import crash_of_2008

#: A market with more bars in the selection than this gives its closes only.
MAX_BARS_IN_FULL = 400

_DAY = 86_400


class EmptySelectionError(PriceError):
    """Nothing is left of a market between start and end."""

    def __init__(self, series: Series, start: int | None, end: int | None) -> None:
        window = f"{_day(start) or 'its first bar'} to {_day(end) or 'its last bar'}"
        super().__init__(
            f"{series.name} ({series.source}) has no prices from {window}; it has "
            f"{_day(series.bars[0].time)} to {_day(series.bars[-1].time)}. "
            "Change --start and --end; the end itself is left out."
        )


@dataclass(frozen=True)
class Gap:
    """A stretch without bars in one market; prices stood still meanwhile."""

    market: str
    start: int  # the last bar before it, unix seconds
    end: int  # the first bar after it
    missing: int  # bars


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a path. `prices` in units of 1e-8 by market; `updated`: which are new now."""

    time: int
    prices: tuple[int, ...]
    updated: tuple[bool, ...]


@dataclass(frozen=True)
class PricePath:
    """What a run goes through."""

    markets: tuple[str, ...]
    steps: tuple[Step, ...]
    bars: tuple[int, ...]  # in the selection, by market
    close_only: tuple[bool, ...]  # by market
    spacing: tuple[int, ...]  # the 99th percentile of the time between two prices, by market
    gaps: tuple[Gap, ...]
    waited: int  # steps left out because not every market had a price yet

    def describe(self) -> str:
        """Which steps the bars gave, for people."""
        parts = []
        for kind, text in ((False, "open, low/high, close"), (True, "close only")):
            names = [
                n for n, only in zip(self.markets, self.close_only, strict=True) if only == kind
            ]
            if names:
                parts.append(f"{', '.join(names)}: {text}")
        return "; ".join(parts)


def load(
    files: Mapping[str, Path] | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
) -> PricePath:
    """Return the path of the files (market -> file), or of the autumn of 2008 without any.

    `start` is the first and `end` the first no longer wanted second. Raises PriceError.
    """
    read = [read_csv(name, path) for name, path in (files or {}).items()]
    return merge(read or crash_of_2008(), start=start, end=end)


def merge(
    series: Sequence[Series],
    *,
    start: int | None = None,
    end: int | None = None,
    max_bars_in_full: int = MAX_BARS_IN_FULL,
) -> PricePath:
    """Put markets on one clock. Raises EmptySelectionError where a market has nothing in it."""
    if not series:
        raise PriceError("there is no market; give at least one price file")
    chosen = [_select(one, start, end) for one in series]
    full = all(len(one.bars) <= max_bars_in_full for one in chosen)
    close_only = tuple(one.close_only or not full for one in chosen)
    ticks = [dict(_ticks(one, only)) for one, only in zip(chosen, close_only, strict=True)]
    begin = max(min(one) for one in ticks)
    times = sorted(set().union(*ticks))
    last = [0] * len(chosen)
    steps: list[Step] = []
    waited = 0
    for time in times:
        updated = tuple(time in one for one in ticks)
        last = [one.get(time, known) for one, known in zip(ticks, last, strict=True)]
        if time < begin:
            waited += 1
            continue
        if not steps:  # a feed's first answer is the last known one
            updated = (True,) * len(chosen)
        steps.append(Step(time, tuple(last), updated))
    return PricePath(
        markets=tuple(one.name for one in chosen),
        steps=tuple(steps),
        bars=tuple(len(one.bars) for one in chosen),
        close_only=close_only,
        spacing=tuple(_spacing(sorted(one), s) for one, s in zip(ticks, chosen, strict=True)),
        gaps=tuple(gap for one in chosen for gap in _gaps(one)),
        waited=waited,
    )


def _select(series: Series, start: int | None, end: int | None) -> Series:
    bars = tuple(
        bar
        for bar in series.bars
        if (start is None or bar.time >= start) and (end is None or bar.time < end)
    )
    if not bars:
        raise EmptySelectionError(series, start, end)
    return replace(series, bars=bars)


def _ticks(series: Series, close_only: bool) -> Iterable[tuple[int, int]]:
    """Yield time and price of a series; the close of a regular bar is known when it is over."""
    for bar in series.bars:
        if not close_only:
            for at, price in zip(series.ticks, _walk(bar), strict=True):
                yield bar.time + at, price
        elif series.close_only:
            yield bar.time + series.ticks[3], bar.close
        else:
            yield bar.time + series.interval, bar.close


def _walk(bar: Bar) -> tuple[int, int, int, int]:
    if bar.close < bar.open:
        return bar.open, bar.high, bar.low, bar.close
    return bar.open, bar.low, bar.high, bar.close


def _spacing(times: list[int], series: Series) -> int:
    distances = sorted(b - a for a, b in pairwise(times))
    return distances[len(distances) * 99 // 100] if distances else series.interval


def _gaps(series: Series) -> Iterable[Gap]:
    # from a day on, weekends and holidays are no gaps
    allowed = max(3 * series.interval // 2, 4 * _DAY if series.interval >= _DAY else 0)
    for before, after in pairwise(series.bars):
        distance = after.time - before.time
        if distance > allowed:
            missing = distance // series.interval - 1
            yield Gap(series.name, before.time, after.time, missing)


def _day(time: int | None) -> str:
    if time is None:
        return ""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
