"""RiskModel.__init__"""

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert, load

WAD = 10**18


def test_deploy_default(risk: Handle, oracle: Handle, owner: Account) -> None:
    assert risk.owner() == owner.address
    assert risk.oracle() == oracle.address
    assert int(risk.steward(), 16) == int(risk.guardian(), 16) == 0
    assert tuple(risk.functions["globals"]()) == (3 * WAD, 13 * 10**17, 0)
    for m in range(16):
        for n in range(16):
            assert risk.correlation(m, n) == (10_000 if m == n else 0)


def test_deploy_emits_globals_updated(risk: Handle) -> None:
    event = risk.deployed.event("GlobalsUpdated")
    assert event.args == {"z": 3 * WAD, "kappa": 13 * 10**17}


@pytest.mark.parametrize(
    ("z", "kappa", "reason"),
    [
        (WAD - 1, 2 * WAD, "risk: z out of range"),
        (10 * WAD + 1, 2 * WAD, "risk: z out of range"),
        (3 * WAD, 125 * 10**16 - 1, "risk: kappa out of range"),
        (3 * WAD, 10 * WAD + 1, "risk: kappa out of range"),
    ],
)
def test_deploy_reverts_out_of_range(
    chain: Chain, oracle: Handle, z: int, kappa: int, reason: str
) -> None:
    with pytest.raises(Revert, match=reason):
        chain.deploy(load("RiskModel"), oracle, z, kappa)


def test_deploy_reverts_oracle_is_zero(chain: Chain) -> None:
    with pytest.raises(Revert, match="risk: oracle is zero"):
        chain.deploy(load("RiskModel"), "0x" + "00" * 20, 3 * WAD, 2 * WAD)


@pytest.mark.parametrize("fork", ["cancun", "shanghai"])
def test_deploy_fits(fork: str) -> None:
    """Both builds stay below EIP-170's limit."""
    assert load("RiskModel", fork).runtime_size < 24_576
