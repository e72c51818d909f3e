"""Several markets on one clock."""

from pathlib import Path

import pytest

from plimsoll.prices import (
    Bar,
    EmptySelectionError,
    PriceError,
    Series,
    crash_of_2008,
    load,
    merge,
    parse_time,
)

ONE = 10**8


def series(name: str, *bars: tuple[int, int, int, int, int]) -> Series:
    made = tuple(Bar(t, o * ONE, h * ONE, low * ONE, c * ONE) for t, o, h, low, c in bars)
    return Series.regular(name, made, f"{name}.csv")


def test_few_bars_give_four_steps_each_in_an_order_fixed_by_a_rule() -> None:
    falling, rising = (6_000, 10, 12, 7, 8), (6_060, 8, 11, 6, 9)
    path = merge([series("A", falling, rising)])
    assert [step.time for step in path.steps] == [
        6_000, 6_020, 6_040, 6_059, 6_060, 6_080, 6_100, 6_119,
    ]  # fmt: skip
    # high first where it falls, low first where it rises
    assert [step.prices[0] // ONE for step in path.steps] == [10, 12, 7, 8, 8, 6, 11, 9]
    assert path.describe() == "A: open, low/high, close"


def test_many_bars_give_their_closes_when_they_are_over() -> None:
    path = merge([series("A", (6_000, 10, 12, 7, 8), (6_060, 8, 11, 6, 9))], max_bars_in_full=1)
    assert [(step.time, step.prices[0] // ONE) for step in path.steps] == [(6_060, 8), (6_120, 9)]
    assert path.close_only == (True,)
    assert "close only" in path.describe()


def test_the_clock_is_the_union_and_the_last_price_is_carried() -> None:
    a = series("A", (6_000, 1, 1, 1, 1), (6_060, 2, 2, 2, 2), (6_180, 4, 4, 4, 4))
    b = series("B", (6_090, 7, 7, 7, 7), (6_150, 9, 9, 9, 9))
    path = merge([a, b], max_bars_in_full=1)
    found = [(s.time, tuple(p // ONE for p in s.prices), s.updated) for s in path.steps]
    # before B's first price there is nothing to trade; A's last price is what it begins with
    assert path.waited == 2
    assert found == [
        (6_150, (2, 7), (True, True)),
        (6_210, (2, 9), (False, True)),
        (6_240, (4, 9), (True, False)),
    ]


def test_gaps_are_reported_and_weekends_are_none() -> None:
    path = merge([series("A", (6_000, 1, 1, 1, 1), (6_060, 1, 1, 1, 1), (6_300, 1, 1, 1, 1))])
    (gap,) = path.gaps
    assert (gap.market, gap.start, gap.end, gap.missing) == ("A", 6_060, 6_300, 3)
    day = 86_400
    bars = [(n * day, 1, 1, 1, 1) for n in (1, 2, 5, 6)]
    assert merge([series("B", *bars)]).gaps == ()


def test_selection_takes_the_start_and_leaves_the_end_out() -> None:
    a = series("A", (6_000, 1, 1, 1, 1), (6_060, 2, 2, 2, 2), (6_120, 3, 3, 3, 3))
    path = merge([a], start=6_060, end=6_120, max_bars_in_full=0)
    assert [step.prices[0] // ONE for step in path.steps] == [2]


def test_an_empty_selection_says_what_there_is() -> None:
    a = series("A", (6_000, 1, 1, 1, 1), (6_060, 2, 2, 2, 2))
    with pytest.raises(EmptySelectionError, match=r"A \(A\.csv\) has no prices from 2021-05-19"):
        merge([a], start=parse_time("2021-05-19"))
    with pytest.raises(EmptySelectionError, match="it has 1970-01-01 01:40 to 1970-01-01 01:41"):
        merge([a], end=100)


def test_no_market_at_all_is_refused() -> None:
    with pytest.raises(PriceError, match="no market"):
        merge([])


def test_the_default_is_the_autumn_of_2008() -> None:
    stocks, tech, oil = crash_of_2008()
    assert (stocks.name, tech.name, oil.name) == ("SP500", "NASDAQ", "WTI")
    assert len(stocks.bars) == len(tech.bars) == 106
    assert oil.close_only
    low = min(stocks.bars, key=lambda bar: bar.low)
    assert low.low == 74_102_002_000  # 21 November
    path = load()
    assert len(path.steps) == 421
    # oil is known at the close alone, and stands still meanwhile
    moves = [step for step in path.steps if step.updated[2]]
    assert all(step.time % 86_400 == 72_000 for step in moves)
    assert len(moves) == len(oil.bars)


def test_load_reads_files(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("timestamp,open,high,low,close\n6000,1,2,1,2\n6060,2,3,2,3\n")
    path = load({"X": file}, start=6_060)
    assert path.markets == ("X",)
    assert path.bars == (1,)
