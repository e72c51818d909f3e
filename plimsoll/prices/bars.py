"""Bars of one market, and reading them from CSV files without letting a bad row through."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

#: Prices are integers in units of 1e-8.
TICK = 10**8

#: What a file must have; further columns are left alone.
COLUMNS = ("timestamp", "open", "high", "low", "close")

_LATEST = 32_503_680_000  # the year 3000: what is later was meant in milliseconds
_LOWEST, _HIGHEST = 100, 10**20  # of a price, in units of 1e-8


class PriceError(Exception):
    """Prices cannot be used. The message says what to do next."""


class PriceFileError(PriceError):
    """A price file cannot be read as a whole."""

    def __init__(self, path: Path, trouble: str) -> None:
        super().__init__(
            f"{path}: {trouble}. A price file is CSV or CSV.gz with one header line and the "
            f"columns {', '.join(COLUMNS)}; the timestamp is unix seconds or a date."
        )


class PriceRowError(PriceError):
    """A row of a price file is wrong; `line` counts from 1 and the header is line 1."""

    def __init__(self, path: Path, line: int, trouble: str) -> None:
        self.path = path
        self.line = line
        super().__init__(f"{path}, line {line}: {trouble}; correct or remove the line")


class Bar(NamedTuple):
    """One bar. `time` is when it opens, unix seconds; prices in units of 1e-8."""

    time: int
    open: int
    high: int
    low: int
    close: int


@dataclass(frozen=True)
class Series:
    """The bars of one market, ascending in time.

    `ticks` are the seconds after a bar's opening at which its open, first extreme, second extreme
    and close are known. `close_only`: nothing but the close is known.
    """

    name: str
    bars: tuple[Bar, ...]
    interval: int  # seconds
    ticks: tuple[int, int, int, int]
    source: str
    close_only: bool = False

    @classmethod
    def regular(cls, name: str, bars: tuple[Bar, ...], source: str) -> Series:
        """A series whose interval is the smallest distance of two bars (one bar: an hour)."""
        interval = min((b.time - a.time for a, b in pairwise(bars)), default=3600)
        ticks = (0, interval // 3, 2 * interval // 3, max(interval - 1, 2 * interval // 3))
        return cls(name, bars, interval, ticks, source)


def parse_time(text: str) -> int:
    """Return unix seconds of unix seconds, a date or a date and time (UTC unless it says other).

    Raises ValueError with a reason.
    """
    text = text.strip()
    if text.lstrip("-").isdigit():
        seconds = int(text)
        if seconds > _LATEST:
            raise ValueError(f"time {text} is after the year 3000; milliseconds? divide by 1000")
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"{text!r} is no time; use unix seconds, 2021-05-19 or 2021-05-19T12:30"
            ) from None
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if seconds <= 0:
        raise ValueError(f"time {text} is not after 1970")
    return seconds


def parse_price(text: str | None) -> int:
    """Return a price in units of 1e-8, rounded to the nearest. Raises ValueError with a reason."""
    # plain digits are most of a file and Decimal is slow
    whole, _, rest = (text or "").partition(".")
    if whole.isdecimal() and whole.isascii() and len(rest) <= 8 and (rest + "0").isdecimal():
        units = int(whole + rest.ljust(8, "0"))
        if _LOWEST <= units <= _HIGHEST:
            return units
    try:
        price = Decimal(text or "")
    except InvalidOperation:
        raise ValueError(f"{text!r} is no price") from None
    if not price.is_finite() or price <= 0:
        raise ValueError(f"price {text} is not above zero")
    if not _LOWEST <= price * TICK <= _HIGHEST:
        raise ValueError(f"price {text} is outside 0.000001 to 1e12")
    return int((price * TICK).to_integral_value())


def read_csv(name: str, path: Path) -> Series:
    """Read the bars of market `name` from a CSV or CSV.gz file.

    Raises PriceFileError or PriceRowError; no row is skipped.
    """
    bars: list[Bar] = []
    try:
        for line, row in _rows(path):
            bar = _bar(path, line, row)
            if bars and bar.time <= bars[-1].time:
                raise PriceRowError(path, line, f"time {bar.time} is not after the row before it")
            bars.append(bar)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PriceFileError(path, f"cannot be read ({reason})") from error
    except UnicodeDecodeError as error:
        raise PriceFileError(path, "is not text") from error
    if not bars:
        raise PriceFileError(path, "has no rows")
    return Series.regular(name, tuple(bars), path.name)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and the cells of `COLUMNS` of every line below the header."""
    packed = path.suffix == ".gz"
    with gzip.open(path, "rt", newline="") if packed else path.open(newline="") as file:
        reader = csv.reader(file)
        header = [column.strip().lower() for column in next(reader, [])]
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise PriceFileError(path, f"line 1 has no column {', '.join(missing)}")
        places = [header.index(column) for column in COLUMNS]
        width = len(header)
        try:
            for cells in reader:
                if cells:
                    if len(cells) != width:
                        trouble = f"{len(cells)} cells where the header has {width}"
                        raise PriceRowError(path, reader.line_num, trouble)
                    yield reader.line_num, [cells[place] for place in places]
        except csv.Error as error:
            raise PriceRowError(path, reader.line_num, str(error)) from error


def _bar(path: Path, line: int, cells: list[str]) -> Bar:
    try:
        bar = Bar(parse_time(cells[0]), *map(parse_price, cells[1:]))
    except ValueError as error:
        raise PriceRowError(path, line, str(error)) from None
    if bar.low > min(bar.open, bar.close) or bar.high < max(bar.open, bar.close):
        raise PriceRowError(path, line, "open and close are not between low and high")
    return bar
