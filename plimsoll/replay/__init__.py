"""Traces of a run, and replaying one against the reference model."""

from plimsoll.replay.calls import Call, UnknownCallError, apply, is_known, set_world
from plimsoll.replay.run import ReplayReport, replay
from plimsoll.replay.state import (
    EMPTY_ACCOUNT,
    AccountState,
    LegState,
    MarketState,
    account_differences,
    account_text,
    market_differences,
    model_account,
    model_market,
)
from plimsoll.replay.trace import Header, TraceError, TraceReader, TraceWriter

__all__ = [
    "EMPTY_ACCOUNT",
    "AccountState",
    "Call",
    "Header",
    "LegState",
    "MarketState",
    "ReplayReport",
    "TraceError",
    "TraceReader",
    "TraceWriter",
    "UnknownCallError",
    "account_differences",
    "account_text",
    "apply",
    "is_known",
    "market_differences",
    "model_account",
    "model_market",
    "replay",
    "set_world",
]
