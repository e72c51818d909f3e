"""A trace of a small demo, and a way to write a changed copy of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plimsoll.demo.run import Options, run
from plimsoll.demo.stage import InProcess
from plimsoll.prices import load, parse_time

Change = Callable[[list[dict[str, Any]]], None]


@pytest.fixture(scope="session")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = load(start=parse_time("2008-10-06"), end=parse_time("2008-10-11"))
    file = tmp_path_factory.mktemp("replay") / "trace.jsonl"
    run(path, Options(accounts=14, seed=5, trace=file), InProcess())
    return file


@pytest.fixture
def changed(trace: Path, tmp_path: Path) -> Callable[[Change], Path]:
    """Write a copy of the trace whose lines went through a function."""

    def write(change: Change) -> Path:
        lines = [json.loads(line) for line in trace.read_text().splitlines()]
        change(lines)
        file = tmp_path / "changed.jsonl"
        file.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
        return file

    return write
