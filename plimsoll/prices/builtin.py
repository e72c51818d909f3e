"""The prices that come with the project: the autumn of 2008, from the data of the `arch` package.

The files are read where they are; importing `arch` itself would take seconds.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
from datetime import UTC, datetime
from pathlib import Path

from plimsoll.prices.bars import Bar, PriceError, Series, parse_price

#: market -> data set of arch.data
MARKETS = {"SP500": "sp500", "NASDAQ": "nasdaq", "WTI": "wti"}
FIRST, LAST = datetime(2008, 8, 1, tzinfo=UTC), datetime(2008, 12, 31, tzinfo=UTC)

#: Open, two extremes and close of a day, in seconds after midnight UTC: 13:30 to 20:00, New York's
#: hours in summer, kept all autumn.
TICKS = (48_600, 56_400, 64_200, 72_000)
DAY = 86_400


class DataMissingError(PriceError):
    """The package with the default prices is not there."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the default prices ({what}) are not installed; run `make setup`, or give files of "
            "your own with --prices NAME=FILE"
        )


def crash_of_2008() -> list[Series]:
    """Return S&P 500 and Nasdaq (open, low, high, close) and WTI crude (close), August to December
    2008.
    """
    return [_series(name, data_set) for name, data_set in MARKETS.items()]


def _series(name: str, data_set: str) -> Series:
    bars: list[Bar] = []
    with gzip.open(_file(data_set), "rt", newline="") as file:
        for row in csv.DictReader(file):
            day = datetime.strptime(row["Date"], "%m/%d/%Y").replace(tzinfo=UTC)
            if not FIRST <= day <= LAST:
                continue
            if "DCOILWTICO" in row:
                if row["DCOILWTICO"] != ".":  # a holiday has none
                    price = parse_price(row["DCOILWTICO"])
                    bars.append(Bar(int(day.timestamp()), price, price, price, price))
            else:
                parts = [parse_price(row[part]) for part in ("Open", "High", "Low", "Close")]
                bars.append(Bar(int(day.timestamp()), *parts))
    source = f"arch.data.{data_set}"
    return Series(name, tuple(bars), DAY, TICKS, source, close_only=data_set == "wti")


def _file(data_set: str) -> Path:
    spec = importlib.util.find_spec("arch")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / data_set / f"{data_set}.csv.gz"
        if path.is_file():
            return path
    raise DataMissingError(f"arch.data.{data_set}")
