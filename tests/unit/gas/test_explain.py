"""Reading a trace: which step's gas is for what."""

from types import SimpleNamespace
from typing import Any

import pytest

from plimsoll.gas.errors import RowError
from plimsoll.gas.explain import Line, explain, read_steps

ENGINE, OTHER = "0x" + "Aa" * 20, "0x" + "bB" * 20
PRECOMPILE = "0x" + "00" * 19 + "01"
CALLDATA = bytes(4) + b"\x01" * 6
INTRINSIC = 21_000 + 4 * 4 + 6 * 16


class FakeWords:
    """Names that tell what was asked."""

    def contract(self, address: str) -> str:
        return {ENGINE.lower(): "engine", OTHER.lower(): "other"}[address.lower()]

    def word(self, address: str, slot: int) -> str:
        return f"slot {slot}"

    def event(self, topic: int) -> str:
        return f"event {topic}"


def trace(*operations: tuple[Any, ...], refund: int = 0) -> list[dict[str, Any]]:
    """Make steps of (op, depth, gas left before, cost, stack); they share the last refund."""
    return [
        {"op": op, "depth": depth, "gas": gas, "gasCost": cost, "stack": stack, "refund": refund}
        for op, depth, gas, cost, stack in operations
    ]


def read(steps: list[dict[str, Any]], spent: int) -> dict[tuple[str, str], tuple[int, int]]:
    method = SimpleNamespace(contract=SimpleNamespace(address=ENGINE))
    call: Any = SimpleNamespace(method=method, calldata=lambda: CALLDATA)
    words: Any = FakeWords()
    lines = read_steps(call, steps, words, INTRINSIC + spent)
    assert sum(line.gas for line in lines) == INTRINSIC + spent
    return {
        (line.kind, line.what): (line.count, line.gas)
        for line in lines
        if line.kind != "transaction"
    }


def test_read_steps_counts_base_and_calldata():
    method = SimpleNamespace(contract=SimpleNamespace(address=ENGINE))
    call: Any = SimpleNamespace(method=method, calldata=lambda: CALLDATA)
    words: Any = FakeWords()
    lines = read_steps(call, trace(("STOP", 1, 100, 0, [])), words, INTRINSIC)
    assert lines[:2] == [
        Line("transaction", "base", 1, 21_000),
        Line("transaction", "calldata, 10 bytes, 4 of them zero", 1, 112),
    ]


def test_read_steps_tells_cold_from_warm_slots():
    steps = trace(
        ("SLOAD", 1, 9_000, 2_100, ["0x5"]),
        ("SLOAD", 1, 6_900, 100, ["0x5"]),
        ("STOP", 1, 6_800, 0, []),
    )
    assert read(steps, 2_200) == {
        ("cold slots", "engine: slot 5"): (1, 2_100),
        ("warm slots", "engine: slot 5"): (1, 100),
        ("execution", "engine"): (1, 0),
    }


@pytest.mark.parametrize(
    ("cost", "cold", "write", "told"),
    [
        (22_100, 2_100, 20_000, "new"),
        (20_000, None, 20_000, "new"),
        (5_000, 2_100, 2_900, "changed"),
        (2_900, None, 2_900, "changed"),
        (2_200, 2_100, 100, "again"),
        (100, None, 100, "again"),
    ],
)
def test_read_steps_splits_a_write(cost, cold, write, told):
    steps = trace(("SSTORE", 1, 90_000, cost, ["0x1", "0x5"]), ("STOP", 1, 90_000 - cost, 0, []))
    found = read(steps, cost)
    assert found[("writes", f"engine: slot 5 ({told})")] == (1, write)
    assert found.get(("cold slots", "engine: slot 5"), (0, None))[1] == cold


def test_read_steps_takes_a_call_apart():
    steps = trace(
        ("STATICCALL", 1, 10_000, 9_900, ["0x0", OTHER, "0x270f"]),
        ("SLOAD", 2, 7_000, 2_100, ["0x1"]),
        ("RETURN", 2, 4_900, 3, []),
        ("STOP", 1, 10_000 - 2_610 - 2_103, 0, []),
    )
    assert read(steps, 2_610 + 2_103) == {
        ("cold accounts", "other"): (1, 2_600),
        ("cold slots", "other: slot 1"): (1, 2_100),
        ("execution", "engine"): (2, 10),
        ("execution", "other"): (1, 3),
    }


def test_read_steps_counts_an_account_as_cold_once():
    steps = trace(
        ("CALL", 1, 10_000, 9_000, ["0x0", OTHER, "0x270f"]),
        ("STOP", 2, 7_000, 0, []),
        ("CALL", 1, 7_400, 6_000, ["0x0", OTHER, "0x270f"]),
        ("STOP", 2, 5_000, 0, []),
        ("STOP", 1, 7_300, 0, []),
    )
    found = read(steps, 2_700)
    assert found[("cold accounts", "other")] == (1, 2_600)
    assert found[("execution", "engine")] == (3, 100)


def test_read_steps_counts_an_account_looked_at_as_reached():
    steps = trace(
        ("EXTCODESIZE", 1, 10_000, 2_600, [OTHER]),
        ("CALL", 1, 7_400, 6_000, ["0x0", OTHER, "0x270f"]),
        ("STOP", 2, 5_000, 0, []),
        ("STOP", 1, 7_300, 0, []),
    )
    found = read(steps, 2_700)
    assert found[("cold accounts", "other")] == (1, 2_600)
    assert found[("execution", "engine")] == (2, 100)


def test_read_steps_keeps_the_storage_through_a_delegatecall():
    steps = trace(
        ("DELEGATECALL", 1, 10_000, 9_000, ["0x0", OTHER, "0x270f"]),
        ("SLOAD", 2, 7_000, 2_100, ["0x1"]),
        ("ADD", 2, 4_900, 3, []),
        ("STOP", 2, 4_897, 0, []),
        ("STOP", 1, 10_000 - 2_600 - 2_103, 0, []),
    )
    found = read(steps, 2_600 + 2_103)
    assert found[("cold slots", "engine: slot 1")] == (1, 2_100)
    assert found[("execution", "other")] == (2, 3)


def test_read_steps_names_precompiles_and_logs():
    steps = trace(
        ("STATICCALL", 1, 10_000, 3_100, ["0x0", PRECOMPILE, "0x270f"]),
        ("LOG1", 1, 6_900, 800, ["0x7", "0x20", "0x0"]),
        ("LOG0", 1, 6_100, 400, ["0x20", "0x0"]),
        ("STOP", 1, 5_700, 0, []),
    )
    assert read(steps, 4_300) == {
        ("precompiles", "ecrecover"): (1, 3_000),
        ("execution", "engine"): (2, 100),
        ("logs", "event 7"): (1, 800),
        ("logs", "LOG0"): (1, 400),
    }


def test_read_steps_takes_off_the_refund_up_to_a_fifth():
    steps = trace(
        ("SSTORE", 1, 9_000, 5_000, ["0x0", "0x5"]), ("STOP", 1, 4_000, 0, []), refund=4_800
    )
    assert read(steps, 200)[("refund", "for slots that were cleared")] == (1, -4_800)
    steps = trace(("STOP", 1, 4_000, 0, []), refund=4_800)
    most = INTRINSIC // 5
    assert read(steps, -most)[("refund", "for slots that were cleared")] == (1, -most)


def test_read_steps_refuses_a_sum_that_is_wrong():
    with pytest.raises(RowError, match="add up to 21112, the receipt says 21113"):
        read(trace(("STOP", 1, 100, 0, [])), 1)


def test_explain_unknown_row_names_the_rows():
    with pytest.raises(RowError, match="no row 'deposits'; the rows are: deposit_first"):
        explain(["deposits"])
