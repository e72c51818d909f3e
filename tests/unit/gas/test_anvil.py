"""The rows on a real node: the same as in the process, the same again, explained to the unit."""

from collections.abc import Iterator

import pytest

from plimsoll.gas.backend import AnvilBackend, ProcessBackend
from plimsoll.gas.errors import NodeError
from plimsoll.gas.explain import explain
from plimsoll.gas.measure import measure_rows
from plimsoll.gas.node import anvil, find_anvil
from plimsoll.gas.rows import ROWS, find_row
from plimsoll.gas.stage import Stage
from plimsoll.protocol.errors import Refused

#: one of each kind: a new word, two signatures' worth of words, claims, refunds, a creation, a view
KEYS = (
    "deposit_first",
    "trade_new",
    "takeover_open",
    "takeover_called",
    "takeover_by_order",
    "reclaim",
    "resolve_ends_book",
    "cover",
    "fund_redeem",
    "list_market",
)


def _missing() -> str:
    try:
        find_anvil()
    except NodeError as error:
        return str(error)
    return ""


pytestmark = [
    pytest.mark.anvil,
    pytest.mark.skipif(bool(_missing()), reason=_missing() or "Anvil is there"),
]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The stage on a node."""
    with anvil() as rpc:
        yield Stage(AnvilBackend(rpc))


def test_metered_chain_agrees_with_anvil(stage):
    on_anvil = measure_rows(stage, KEYS)
    assert measure_rows(Stage(ProcessBackend()), KEYS) == on_anvil


def test_rows_do_not_see_each_other(stage):
    forwards = measure_rows(stage, KEYS)
    assert measure_rows(stage, reversed(KEYS)) == forwards


def test_row_that_is_refused_says_why(stage):
    with stage.undone(), pytest.raises(Refused) as refused:
        stage.resolve().send()
    assert refused.value.reason == "resolve: account is solvent"


def test_explanations_add_up():
    keys = ("takeover_by_order", "resolve_ends_book", "further_market", "lens")
    found = explain(keys)
    assert [explanation.row for explanation in found] == [ROWS[key] for key in keys]
    for explanation in found:
        assert sum(line.gas for line in explanation.lines) == explanation.gas
        assert not [line for line in explanation.lines if line.what.endswith("a word")]
    kinds = [{line.kind: line.gas for line in explanation.kinds()} for explanation in found]
    assert kinds[0]["precompiles"] == 3_000
    assert kinds[1]["refund"] < 0
    # prices of another feed, but no other transaction
    assert "transaction" not in kinds[2]
    assert find_row("lens").traced is not None
