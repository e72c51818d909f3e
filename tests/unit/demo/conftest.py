"""A short demo: the five weeks into the worst days of October 2008, few accounts; run once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plimsoll.demo.run import Options, Outcome, run
from plimsoll.demo.stage import InProcess
from plimsoll.demo.summary import summary
from plimsoll.prices import PricePath, load, parse_time

ACCOUNTS, SEED = 20, 9


@dataclass(frozen=True)
class ShortRun:
    outcome: Outcome
    found: dict[str, Any]
    trace: Path
    accounts: int


@pytest.fixture(scope="session")
def autumn() -> PricePath:
    return load(start=parse_time("2008-09-02"), end=parse_time("2008-10-11"))


@pytest.fixture(scope="session")
def short_run(autumn: PricePath, tmp_path_factory: pytest.TempPathFactory) -> ShortRun:
    trace = tmp_path_factory.mktemp("demo") / "trace.jsonl"
    outcome = run(autumn, Options(accounts=ACCOUNTS, seed=SEED, trace=trace), InProcess())
    return ShortRun(outcome, summary(outcome), trace, ACCOUNTS)
