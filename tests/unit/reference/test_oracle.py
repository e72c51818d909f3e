"""ORC: the status of a feed, and which price counts."""

from typing import Any

import pytest

from plimsoll.reference import Refused
from plimsoll.reference.numbers import DAY, WAD
from plimsoll.reference.oracle import DIVERGED, FRESH, INVALID, STALE

OWNER = "0x" + "0a" * 20


@pytest.mark.parametrize(
    ("answer", "age", "status", "price"),
    [
        (120 * WAD, 0, FRESH, 120),
        (120 * WAD, 3_600, FRESH, 120),
        (120 * WAD, 3_601, STALE, 120),
        (120 * WAD, -1, INVALID, 100),
        (None, 0, INVALID, 100),
        (0, 0, INVALID, 100),
        (-WAD, 0, INVALID, 100),
        (2**80 + 1, 0, INVALID, 100),
    ],
)
def test_orc_status_and_last_good_price(
    world: Any, answer: int | None, age: int, status: int, price: int
) -> None:
    """STALE keeps its own answer, INVALID falls back to the checkpoint (100 at listing)."""
    world.model.set_answer(0, answer, world.model.time - age)
    assert world.model.status(0) == status
    assert world.model.price(0) == price * WAD


def test_orc_unfinished_round_is_invalid(world: Any) -> None:
    """`updatedAt` zero."""
    world.model.set_answer(0, 100 * WAD, 0)
    assert world.model.status(0) == INVALID


def test_checkpoint_stores_fresh_prices_of_the_mask_alone(world: Any) -> None:
    """A stale price is not stored, nor is one outside the mask."""
    model = world.model
    world.market(1)
    for market in (0, 1):
        world.answer(market, 110 * WAD)
    model.checkpoint(OWNER, 0b01)
    model.set_answer(0, 120 * WAD, model.time - 4_000)
    model.checkpoint(OWNER, 0b01)
    assert (model.feeds[0].stored, model.feeds[1].stored) == (110 * WAD, 100 * WAD)


def test_set_feed_reverts_out_of_range(world: Any) -> None:
    """Section 8, and a feed must be FRESH."""
    for rules in [(0, 0, 80), (30 * DAY + 1, 0, 80), (1, 10**12 + 1, 80), (1, 0, 90), (1, 0, 60)]:
        with pytest.raises(Refused):
            world.model.set_feed(OWNER, 0, *rules)
    with pytest.raises(Refused):
        world.model.set_feed("0x" + "01" * 20, 0, 3_600, 0, 80)


def test_led_9_a_ceiling_never_rises(world: Any) -> None:
    """80 at listing: 79 and 80 pass, then 80 is too much."""
    model = world.model
    with pytest.raises(Refused, match="ceiling"):
        model.set_feed(OWNER, 0, 3_600, 0, 81)
    model.set_feed(OWNER, 0, 3_600, 0, 80)
    model.set_feed(OWNER, 0, 3_600, 0, 79)
    with pytest.raises(Refused, match="ceiling"):
        model.set_feed(OWNER, 0, 3_600, 0, 80)


# -- ORC-1: a reference feed, the sequencer --------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "age", "status"),
    [
        (102 * WAD, 0, FRESH),
        (102 * WAD + 1, 0, DIVERGED),
        (102 * WAD + 1, 601, FRESH),
        (None, 0, FRESH),
        (2**80 + 1, 0, FRESH),
        (100 * WAD * 100 // 102, 0, DIVERGED),
        (100 * WAD * 100 // 102 + 1, 0, FRESH),
    ],
)
def test_orc_1_reference(world: Any, answer: int | None, age: int, status: int) -> None:
    """Diverged by more than 2 % of the smaller price; a reference that says nothing is left out."""
    model = world.model
    model.set_reference_answer(0, 100 * WAD, model.time)
    model.set_reference(OWNER, 0, 600, 2 * 10**7)
    model.set_reference_answer(0, answer, model.time - age)
    assert (model.status(0), model.price(0)) == (status, 100 * WAD)
    better = answer if status == DIVERGED and answer is not None else 100 * WAD
    assert model.judged_price(0, 1) == max(better, 100 * WAD)
    assert model.judged_price(0, -1) == min(better, 100 * WAD)
    model.set_answer(0, 100 * WAD, model.time - 3_601)
    assert model.status(0) == STALE


@pytest.mark.parametrize(
    ("answer", "age", "status"),
    [
        (0, 1_800, FRESH),
        (0, 1_799, STALE),
        (1, 9_999, STALE),
        (None, 9_999, STALE),
        (0, -1, STALE),
    ],
)
def test_orc_1_sequencer(world: Any, answer: int | None, age: int, status: int) -> None:
    """Down, or back for less than its grace: STALE, whatever the feeds say."""
    model = world.model
    model.set_sequencer_answer(0, model.time - 1_800)
    model.set_sequencer(OWNER, 1_800)
    model.set_sequencer_answer(answer, model.time - age)
    assert model.status(0) == status
    model.set_answer(0, None, 0)
    assert model.status(0) == INVALID


def test_set_reference_and_set_sequencer_revert(world: Any) -> None:
    """Section 8; a reference that is fresh and agrees, a sequencer that is up; the owner."""
    model = world.model
    model.set_reference_answer(0, 100 * WAD, model.time)
    model.set_sequencer_answer(0, model.time - 10)
    for call in (
        lambda: model.set_reference(OWNER, 0, 0, 1),
        lambda: model.set_reference(OWNER, 0, 30 * DAY + 1, 1),
        lambda: model.set_reference(OWNER, 0, 1, 10**9 + 1),
        lambda: model.set_reference(OWNER, 9, 1, 1),
        lambda: model.set_reference("0x" + "01" * 20, 0, 1, 1),
        lambda: model.set_sequencer(OWNER, DAY + 1),
        lambda: model.set_sequencer(OWNER, 11),
        lambda: model.set_sequencer("0x" + "01" * 20, 1),
    ):
        with pytest.raises(Refused):
            call()
    model.set_reference_answer(0, 101 * WAD, model.time)
    with pytest.raises(Refused):
        model.set_reference(OWNER, 0, 1, 10**7 - 1)
    model.set_reference(OWNER, 0, 1, 10**7)
    model.set_sequencer(OWNER, 10)
    assert model.status(0) == FRESH


def test_liq_9_average(world: Any) -> None:
    """100 for 600 s, then 130 for the 900 s that a price counts for at most."""
    model = world.model
    start = model.time
    for after, price in ((600, 130), (1_500, 500)):
        model.set_time(start + after)
        world.answer(0, price * WAD)
        model.checkpoint(OWNER, 1)
    average = model.average(0)
    assert (average.covered, average.since) == (1_500, start)
    assert average.price == (100 * 600 + 130 * 900) * WAD // 1_500
