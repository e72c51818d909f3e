"""The watcher: bounded ranges, a cursor that never skips, gaps, rollbacks, restarts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from plimsoll.keeper.watch import Watcher, WatchError, accounts_in


class Logs:
    """Blocks with accounts; notes the ranges it was asked for."""

    def __init__(self, blocks: dict[int, list[int]], head: int, most: int = 10**9) -> None:
        self.blocks = blocks
        self.at = head
        self.most = most
        self.asked: list[tuple[int, int]] = []
        self.down = False

    def fetch(self, first: int, last: int) -> Iterable[int]:
        self.asked.append((first, last))
        if self.down:
            raise ConnectionError("down")
        if last - first + 1 > self.most:
            raise ValueError("too many blocks")
        return [a for b in range(first, last + 1) for a in self.blocks.get(b, [])]

    def head(self) -> int:
        return self.at


def test_backfill_in_bounded_ranges() -> None:
    logs = Logs({5: [10], 17: [11, 10], 30: [12]}, head=30)
    watcher = Watcher(logs.fetch, logs.head, start=5, span=10, overlap=0)
    assert watcher.advance() == {10, 11, 12}
    assert logs.asked == [(5, 14), (15, 24), (25, 30)]
    assert watcher.cursor == 31


def test_a_look_begins_before_the_cursor() -> None:
    logs = Logs({20: [10]}, head=20)
    watcher = Watcher(logs.fetch, logs.head, overlap=5)
    watcher.advance()
    logs.blocks[18] = [11]  # a reorganisation
    logs.at = 21
    assert watcher.advance() == {11}


def test_a_gap_is_read_when_the_node_is_back() -> None:
    logs = Logs({5: [10], 25: [11]}, head=10)
    watcher = Watcher(logs.fetch, logs.head, overlap=0)
    watcher.advance()
    logs.down, logs.at = True, 30
    with pytest.raises(ConnectionError):
        watcher.advance()
    assert watcher.cursor == 11
    logs.down = False
    assert watcher.advance() == {11}


def test_smaller_ranges_when_the_provider_refuses() -> None:
    logs = Logs({b: [100 + b] for b in range(0, 100, 10)}, head=99, most=7)
    watcher = Watcher(logs.fetch, logs.head, span=64, overlap=0)
    assert len(watcher.advance()) == 10


def test_another_chain_after_a_rollback() -> None:
    logs = Logs({50: [10]}, head=60)
    watcher = Watcher(logs.fetch, logs.head, overlap=4)
    watcher.advance()
    logs.at, logs.blocks = 20, {18: [11]}
    assert watcher.advance() == {11}
    assert watcher.cursor == 21


def test_house_accounts_are_left_out() -> None:
    logs = Logs({1: [1, 2, 3]}, head=1)
    watcher = Watcher(logs.fetch, logs.head)
    assert watcher.advance() == {3}


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "cursor.json"
    logs = Logs({5: [2**250]}, head=1_000)
    Watcher(logs.fetch, logs.head, file=file, identity="1:0xE").advance()
    logs.asked.clear()
    again = Watcher(logs.fetch, logs.head, file=file, identity="1:0xE")
    assert again.accounts == {2**250}
    again.advance()
    assert logs.asked == [(989, 1_000)]


def test_a_cursor_of_another_engine(tmp_path: Path) -> None:
    file = tmp_path / "cursor.json"
    logs = Logs({}, head=1)
    Watcher(logs.fetch, logs.head, file=file, identity="1:0xE").advance()
    with pytest.raises(WatchError, match="belongs to 1:0xE"):
        Watcher(logs.fetch, logs.head, file=file, identity="2:0xE")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", json.dumps({"engine": "", "next_block": "x"})]
)
def test_a_damaged_cursor(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cursor.json"
    file.write_text(text)
    with pytest.raises(WatchError, match="delete it"):
        Watcher(lambda a, b: [], lambda: 0, file=file)


def test_events_that_name_accounts() -> None:
    assert accounts_in("Deposited", {"account": 7, "amount": 1}) == [7]
    assert accounts_in("Filled", {"maker": 8, "taker": 9}) == [8, 9]
    assert accounts_in("SideUpdated", {"market": 1}) == []
    assert accounts_in(None, {}) == []
