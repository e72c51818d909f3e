"""ORC: the status of a feed, and which price counts."""

from typing import Any

import pytest

from plimsoll.reference import Refused
from plimsoll.reference.numbers import DAY, WAD
from plimsoll.reference.oracle import FRESH, INVALID, STALE

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
