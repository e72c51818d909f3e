"""set_reward: how keepers are paid (LIQ-5)."""

from typing import Any

import pytest
from engine_world import MAX, REWARD, WAD, World, events, reverts, wad

FIELDS = ("minimum", "cap", "gas_units", "premium", "native_price", "interval")


def rule(**changes: int) -> tuple[int, ...]:
    """The world's rule with changes."""
    return tuple((dict(zip(FIELDS, REWARD, strict=True)) | changes).values())


def test_set_reward_default(world: World) -> None:
    new = (2 * WAD, 3 * WAD, 4, 5, 6 * WAD, 700)
    world.engine.set_reward(new, sender=world.owner)
    assert tuple(world.engine.reward_rule()) == new


@pytest.mark.parametrize(
    "changes",
    [
        {"minimum": 0, "cap": 0, "gas_units": 0, "premium": 0, "native_price": 0},
        {"minimum": (2**64 - 1) * 10**9, "cap": (2**64 - 1) * 10**9},
        {"gas_units": 2**24 - 1, "premium": 50_000, "native_price": (2**64 - 1) * 10**9},
        {"interval": 60},
        {"interval": 604_800},
    ],
)
def test_set_reward_default_at_the_ends_of_the_ranges(
    world: World, changes: dict[str, int]
) -> None:
    world.engine.set_reward(rule(**changes), sender=world.owner)
    assert tuple(world.engine.reward_rule()) == rule(**changes)


def test_set_reward_default_twice_in_a_block(world: World) -> None:
    for minimum in (1, 2):
        world.engine.set_reward(rule(minimum=minimum * WAD), sender=world.owner)
    assert world.engine.reward_rule().minimum == 2 * WAD


def test_set_reward_emits_reward_rule_updated(world: World) -> None:
    receipt = world.engine.set_reward(REWARD, sender=world.owner)
    assert events(receipt) == ["RewardRuleUpdated"]
    word = receipt.event("RewardRuleUpdated").rule
    fields: list[Any] = [
        (word >> at) & (2**width - 1)
        for at, width in ((0, 64), (64, 64), (128, 64), (192, 24), (216, 16), (232, 24))
    ]
    assert fields == [10**9, 50 * 10**9, 3_000 * 10**9, 300_000, 1_000, 3_600]


def test_set_reward_reverts_stranger(world: World) -> None:
    with reverts("ownable: caller is not the owner"):
        world.engine.set_reward(REWARD, sender=world.key("stranger"))


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("listing: reward out of range", {"minimum": wad(51)}),
        ("listing: reward out of range", {"cap": 0}),
        ("listing: reward out of range", {"cap": 2**64 * 10**9}),
        ("listing: reward out of range", {"cap": MAX}),
        ("listing: reward out of range", {"minimum": MAX}),
        ("listing: reward not in 1e9", {"minimum": WAD + 1}),
        ("listing: reward not in 1e9", {"cap": 50 * WAD + 1}),
        ("listing: native price off range", {"native_price": 1}),
        ("listing: native price off range", {"native_price": 2**64 * 10**9}),
        ("listing: gas out of range", {"gas_units": 2**24}),
        ("listing: gas out of range", {"gas_units": MAX}),
        ("listing: gas out of range", {"premium": 50_001}),
        ("listing: gas out of range", {"premium": MAX}),
        ("listing: interval out of range", {"interval": 0}),
        ("listing: interval out of range", {"interval": 59}),
        ("listing: interval out of range", {"interval": 604_801}),
        ("listing: interval out of range", {"interval": MAX}),
    ],
)
def test_set_reward_reverts_out_of_range(
    world: World, reason: str, changes: dict[str, int]
) -> None:
    with reverts(reason):
        world.engine.set_reward(rule(**changes), sender=world.owner)
