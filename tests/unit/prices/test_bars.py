"""Reading price files: every bad row is refused with its place."""

import gzip
from pathlib import Path

import pytest

from plimsoll.prices import PriceFileError, PriceRowError, parse_time, read_csv
from plimsoll.prices.bars import parse_price

HEADER = "timestamp,open,high,low,close,volume\n"
GOOD = "1600000000,10,12,9,11.5,3\n1600000060,11.5,13,11,12,3\n"


def write(folder: Path, text: str, name: str = "btc.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_read_default(tmp_path: Path) -> None:
    series = read_csv("BTC", write(tmp_path, HEADER + GOOD))
    assert series.name == "BTC"
    assert series.interval == 60
    assert [bar.time for bar in series.bars] == [1_600_000_000, 1_600_000_060]
    assert series.bars[0][1:] == (10 * 10**8, 12 * 10**8, 9 * 10**8, 115 * 10**7)


def test_read_gzip_and_other_columns_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "btc.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("Close,volume,LOW,high,open,timestamp\n11.5,3,9,12,10,2020-09-13\n")
    bar = read_csv("BTC", path).bars[0]
    assert bar.time == 1_599_955_200
    assert (bar.open, bar.close) == (10 * 10**8, 115 * 10**7)


@pytest.mark.parametrize(
    ("row", "trouble"),
    [
        ("1600000120,10,12,9,eleven,3", "'eleven' is no price"),
        ("1600000120,10,12,9,,3", "is no price"),
        ("1600000120,10,12,9,nan,3", "not above zero"),
        ("1600000120,10,12,-9,11,3", "not above zero"),
        ("1600000120,0,12,0,11,3", "not above zero"),
        ("1600000120,1e-9,12,1e-9,11,3", "outside"),
        ("1600000120,10,10.5,9,11,3", "not between low and high"),
        ("1600000120,10,12,10.5,11,3", "not between low and high"),
        ("1600000060,10,12,9,11,3", "is not after the row before it"),
        ("1600000000,10,12,9,11,3", "is not after the row before it"),
        ("1600000120000,10,12,9,11,3", "milliseconds"),
        ("yesterday,10,12,9,11,3", "is no time"),
        ("-5,10,12,9,11,3", "not after 1970"),
        ("1600000120,10,12,9", "4 cells where the header has 6"),
    ],
)
def test_read_refuses_a_bad_row_with_file_and_line(tmp_path: Path, row: str, trouble: str) -> None:
    path = write(tmp_path, HEADER + GOOD + row + "\n")
    with pytest.raises(PriceRowError, match=trouble) as caught:
        read_csv("BTC", path)
    assert caught.value.line == 4
    assert f"{path}, line 4" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "line 1 has no column timestamp"),
        ("time,open,high,low,close\n", "line 1 has no column timestamp"),
        (HEADER, "has no rows"),
    ],
)
def test_read_refuses_a_file(tmp_path: Path, text: str, trouble: str) -> None:
    with pytest.raises(PriceFileError, match=trouble):
        read_csv("BTC", write(tmp_path, text))


def test_read_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match="No such file"):
        read_csv("BTC", tmp_path / "none.csv")
    with pytest.raises(PriceFileError, match="cannot be read"):
        read_csv("BTC", write(tmp_path, HEADER, "plain.csv.gz"))
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(PriceFileError, match="is not text"):
        read_csv("BTC", binary)


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "btc.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(HEADER + GOOD * 1)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(PriceFileError, match="cannot be read"):
        read_csv("BTC", path)


def test_parse_price_is_exact_or_rounds_to_a_hundred_millionth() -> None:
    assert parse_price("0.47649") == 47_649_000
    assert parse_price("1260.310059") == 126_031_005_900
    assert parse_price("1.123456785") == 112_345_678
    assert parse_price("1e3") == 10**11
    assert parse_price("7.") == 7 * 10**8


def test_parse_time_takes_dates_moments_and_seconds() -> None:
    assert parse_time("2021-05-19") == 1_621_382_400
    assert parse_time("2021-05-19T12:30") == 1_621_382_400 + 45_000
    assert parse_time("2021-05-19T12:30:00+02:00") == 1_621_382_400 + 37_800
    assert parse_time("1621382400") == 1_621_382_400
