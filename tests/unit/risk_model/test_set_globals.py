"""RiskModel.set_globals and RiskModel.globals (SPEC section 8)"""

from collections.abc import Callable

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert

WAD = 10**18


@pytest.mark.parametrize(
    ("z", "kappa"), [(WAD, 125 * 10**16), (10 * WAD, 10 * WAD), (2 * WAD + 1, 3 * WAD + 7)]
)
def test_set_globals_default(risk: Handle, owner: Account, z: int, kappa: int) -> None:
    risk.set_globals(z, kappa, sender=owner)
    assert tuple(risk.functions["globals"]()) == (z, kappa, 0)


def test_mrg_5_set_globals_reverts_once_a_market_is_set(
    risk: Handle, owner: Account, params_of: Callable[..., dict[str, int]]
) -> None:
    risk.set_market(15, params_of(), sender=owner)
    with pytest.raises(Revert, match="risk: market is set"):
        risk.set_globals(2 * WAD, 2 * WAD, sender=owner)


def test_mrg_5_set_globals_reverts_while_a_change_is_announced(
    chain: Chain, risk: Handle, owner: Account
) -> None:
    start = chain.timestamp + 86_400
    risk.announce(9, 0, 2 * WAD, start, start + 3_600, sender=owner)
    with pytest.raises(Revert, match="risk: change is pending"):
        risk.set_globals(2 * WAD, 2 * WAD, sender=owner)


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
