"""MRG-5 in the model: what tightens only new risk is immediate, what loosens is the owner's."""

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.reference import Refused
from plimsoll.reference.numbers import WAD

OWNER = "0x" + "0a" * 20
GUARDIAN = "0x" + "99" * 20
STRANGER = "0x" + "77" * 20
MAKER, TAKER, LIQUIDATOR = 1, 2, 3


@pytest.fixture
def guarded(world: Any) -> Any:
    world.model.set_guardian(OWNER, GUARDIAN)
    for number in (MAKER, TAKER, LIQUIDATOR):
        world.actor(number, 1_000_000)
    return world


def test_mrg_5_halvings_bound_open_interest_and_notional(guarded: Any) -> None:
    model = guarded.model
    rules = model.markets[0].rules
    # a cap of 8 halved twice, then a maximum of 800 quote halved twice
    model.set_market(OWNER, 0, replace(rules, oi_cap=8 * WAD))
    model.restrict_market(GUARDIAN, 0, 2, False)
    with pytest.raises(Refused, match="open interest above its cap"):
        guarded.trade(MAKER, TAKER, 2 * WAD + 1)
    guarded.trade(MAKER, TAKER, WAD)
    model.set_market(OWNER, 0, replace(rules, max_notional=800 * WAD))
    assert (model.markets[0].halvings, model.markets[0].stopped) == (2, False)
    with pytest.raises(Refused, match="position above the maximum"):
        guarded.trade(MAKER, TAKER, WAD + 1)
    guarded.trade(MAKER, TAKER, WAD)


def test_mrg_5_stopped_market_reduces(guarded: Any) -> None:
    guarded.trade(MAKER, TAKER, 3 * WAD)
    guarded.model.restrict_market(GUARDIAN, 0, 0, True)
    with pytest.raises(Refused, match="market is reduce-only"):
        guarded.trade(MAKER, TAKER, WAD)
    guarded.trade(TAKER, MAKER, 3 * WAD)
    assert guarded.model.markets[0].oi == 0


def test_mrg_5_guardian_takes_nothing_back(guarded: Any) -> None:
    model = guarded.model
    model.restrict_market(GUARDIAN, 0, 3, True)
    for halvings, reduce_only in ((2, True), (3, False), (0, False)):
        with pytest.raises(Refused):
            model.restrict_market(GUARDIAN, 0, halvings, reduce_only)
    assert (model.markets[0].halvings, model.markets[0].stopped) == (3, True)
    model.restrict_market(OWNER, 0, 0, False)
    assert (model.markets[0].halvings, model.markets[0].stopped) == (0, False)


@pytest.mark.parametrize(
    ("sender", "market", "halvings"),
    [(STRANGER, 0, 1), (GUARDIAN, 1, 1), (GUARDIAN, 0, 16), (GUARDIAN, 0, -1), (OWNER, 0, 16)],
)
def test_restrict_market_refused(guarded: Any, sender: str, market: int, halvings: int) -> None:
    with pytest.raises(Refused):
        guarded.model.restrict_market(sender, market, halvings, False)


def test_set_guardian_refused(guarded: Any) -> None:
    with pytest.raises(Refused, match="not the engine's owner"):
        guarded.model.set_guardian(GUARDIAN, STRANGER)
