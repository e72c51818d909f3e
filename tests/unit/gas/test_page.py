"""docs/gas.md: what stands on it, and what a comparison says."""

import dataclasses
import json

import pytest

from plimsoll.gas.measure import Measured
from plimsoll.gas.page import compare, render, to_json
from plimsoll.gas.rows import PEERS, ROWS


def with_gas(measured: Measured, **gas: int) -> Measured:
    return dataclasses.replace(measured, gas={**measured.gas, **gas})


# -- rows ------------------------------------------------------------------------------------------


def test_peers_have_the_limits_of_their_rows():
    assert {peer.key: peer.limit for peer in PEERS} == {
        peer.key: ROWS[peer.key].limit for peer in PEERS
    }


def test_every_row_has_a_preparation_or_steps():
    for row in ROWS.values():
        assert (row.prepare is None) == bool(row.steps)
        assert all(step in ROWS for step in row.steps)


# -- the page --------------------------------------------------------------------------------------


def test_render_has_every_row_once(measured):
    page = render(measured)
    for row in ROWS.values():
        assert page.count(f"| `{row.key}` |") == (0 if row.key.startswith("_") else 1)


def test_render_marks_what_is_above_its_limit(measured):
    limit = ROWS["deposit_first"].limit
    at_limit = render(with_gas(measured, deposit_first=limit))
    assert f"| 73,000 | {limit:,} | yes |" in at_limit
    above = render(with_gas(measured, deposit_first=limit + 1))
    assert f"| 73,000 | {limit + 1:,} | **no** |" in above


def test_render_leaves_the_mark_out_where_there_is_no_limit(measured):
    assert "| cancel_order | `cancel_order` |  | 49,000 |  |" in render(measured)


def test_render_says_which_takeover_has_which_limit(measured):
    page = " ".join(render(measured).split())
    assert "opening costs 2 x 17,100 = 34,200 more, and the limits are 30,000 apart" in page
    # the other reading is not kept from the reader
    assert "without a position, at 171,000, is 29,000 above 142,000" in page


def test_render_tells_the_room_that_is_left(measured):
    page = render(measured)
    assert "| contract | cancun | room left | shanghai |" in page
    assert "| `MarginEngine` | 24,000 | 576 | 24,576 |" in page
    assert page.index("`MarginEngine` | 24") < page.index("for tests only")
    assert page.index("for tests only") < page.index("`TestToken` | 1,500")


def test_render_tells_the_steps_of_each_further_market(measured):
    assert "30,000, 30,000, 30,000" in " ".join(render(measured).split())


def test_render_explains_what_it_is_given(measured, explanation):
    assert "Where the gas goes" not in render(measured)
    page = render(measured, [explanation])
    assert "27,000 gas, 145,000 below 172,000: transaction 21,000, cold slots 4,200" in page
    assert "| cold slots | MarginEngine: wallets[keeper] | 1 | 2,100 |" in page


# -- limits ----------------------------------------------------------------------------------------


def test_exceeded_is_empty_within_limits(measured):
    assert measured.exceeded() == []


def test_exceeded_leaves_out_what_runs_without_a_limit(measured):
    measured.sizes[0].bytes["shanghai"] = 24_577
    assert measured.exceeded() == []
    assert "| `MarginEngine` | 24,000 | 576 | 24,577 |" in render(measured)


def test_exceeded_names_rows_and_sizes(measured):
    measured.sizes[0].bytes["cancun"] = 24_577
    found = with_gas(measured, trade_new=167_001)
    assert found.exceeded() == [
        "trade, existing positions, price moved, new order: 167,001 gas, the limit is 167,000",
        "MarginEngine: 24,577 bytes, the limit is 24,576",
    ]
    assert [row.key for row in found.above()] == ["trade_new"]


# -- comparing -------------------------------------------------------------------------------------


def test_compare_same(measured, explanation):
    page = render(measured, [explanation])
    assert compare(page, page) == []


def test_compare_names_row_column_old_and_new(measured):
    kept = render(measured)
    measured.sizes[1].bytes["cancun"] = 1_501
    assert compare(kept, render(with_gas(measured, cover=50_001))) == [
        f"{ROWS['cover'].title} [Plimsoll]: 49,000 -> 50,001",
        "`TestToken` [cancun]: 1,500 -> 1,501",
        "`TestToken` [cancun, room left]: 23,076 -> 23,075",
    ]


def test_compare_names_rows_that_came_or_went(measured):
    kept = render(measured)
    made = render(dataclasses.replace(measured, sizes=measured.sizes[:1]))
    assert "`TestToken` [cancun]: 1,500 -> nothing" in compare(kept, made)
    assert "`TestToken` [cancun]: nothing -> 1,500" in compare(made, kept)


def test_compare_leaves_explanations_out_while_tables_differ(measured, explanation):
    dearer = dataclasses.replace(explanation, gas=27_001)
    kept = render(measured, [explanation])
    assert compare(kept, render(with_gas(measured, cover=50_001), [dearer])) == [
        f"{ROWS['cover'].title} [Plimsoll]: 49,000 -> 50,001"
    ]
    assert compare(kept, render(measured, [dearer])) == [
        "takeover, opens one: **all** [gas]: 27,000 -> 27,001"
    ]


def test_compare_shows_text_that_differs(measured):
    page = render(measured)
    edited = page.replace("Do not edit.", "Do edit.")
    found = compare(edited, page)
    assert len(found) == 2
    assert "Do edit." in found[0]
    assert "Do not edit." in found[1]


def test_compare_sees_a_changed_line_end(measured):
    page = render(measured)
    assert compare(page + "\n", page) != []


# -- JSON ------------------------------------------------------------------------------------------


def test_to_json_is_plain_and_whole(measured):
    told = json.loads(json.dumps(to_json(with_gas(measured, resolve=115_001))))
    assert told["rows"]["resolve"] == {
        "title": ROWS["resolve"].title,
        "gas": 115_001,
        "limit": 115_000,
        "within": False,
    }
    assert told["further_market"] == [30_000] * 7
    assert told["sizes"]["MarginEngine"]["cancun"] == {"bytes": 24_000, "room": 576}
    assert told["sizes"]["MarginEngine"]["shanghai"] == {"bytes": 24_576}
    assert len(told["exceeded"]) == 1
    assert not any(key.startswith("_") for key in told["rows"])


@pytest.mark.parametrize("key", ["takeover_held", "takeover_open"])
def test_takeovers_stand_beside_the_same_peers(key):
    peer = next(peer for peer in PEERS if peer.key == key)
    assert (peer.floor, peer.derive) == ("50,220", "703,045 (bid)")
