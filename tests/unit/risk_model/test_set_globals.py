"""RiskModel.set_globals and RiskModel.globals (SPEC section 8)"""

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert, load

WAD = 10**18


@pytest.mark.parametrize(
    ("z", "kappa"), [(WAD, 125 * 10**16), (10 * WAD, 10 * WAD), (2 * WAD + 1, 3 * WAD + 7)]
)
def test_set_globals_default(risk: Handle, owner: Account, z: int, kappa: int) -> None:
    risk.set_globals(z, kappa, sender=owner)
    assert tuple(risk.functions["globals"]()) == (z, kappa, 0)


def test_set_globals_keeps_the_map_of_scheduled_changes(
    chain: Chain, risk: Handle, owner: Account
) -> None:
    """Bits 128 to 143 of the word are announcements' and survive."""
    slot = load("RiskModel").layout["storage_layout"]["portfolio_margin"]["global_word"]["slot"]
    word = chain.storage(risk, slot)
    assert word == 3 * WAD | 13 * 10**17 << 64
    chain.set_storage(risk, slot, word | 0x8001 << 128)
    risk.set_globals(2 * WAD, 2 * WAD, sender=owner)
    assert tuple(risk.functions["globals"]()) == (2 * WAD, 2 * WAD, 0x8001)


def test_set_globals_emits_globals_updated(risk: Handle, owner: Account) -> None:
    event = risk.set_globals(2 * WAD, 4 * WAD, sender=owner).event("GlobalsUpdated")
    assert event.args == {"z": 2 * WAD, "kappa": 4 * WAD}


@pytest.mark.parametrize(
    ("z", "kappa", "reason"),
    [
        (WAD - 1, 2 * WAD, "risk: z out of range"),
        (10 * WAD + 1, 2 * WAD, "risk: z out of range"),
        (3 * WAD, 125 * 10**16 - 1, "risk: kappa out of range"),
        (3 * WAD, 10 * WAD + 1, "risk: kappa out of range"),
    ],
)
def test_set_globals_reverts_out_of_range(
    risk: Handle, owner: Account, z: int, kappa: int, reason: str
) -> None:
    with pytest.raises(Revert, match=reason):
        risk.set_globals(z, kappa, sender=owner)


def test_set_globals_reverts_stranger(risk: Handle, stranger: Account) -> None:
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        risk.set_globals(2 * WAD, 2 * WAD, sender=stranger)
