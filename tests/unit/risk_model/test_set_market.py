"""RiskModel.set_market, RiskModel.params and RiskModel.limits (MRG-6, SPEC section 8)"""

from collections.abc import Callable

import pytest

from plimsoll.evm import Account, Chain, Handle, Revert, load

UNIT = 10**12
Make = Callable[..., dict[str, int]]

LOWEST = {
    "sigma": 10**9,
    "f": 2 * 10**9,
    "g": 0,
    "lambda_": 0,
    "depth": 1,
    "c": 0,
    "penalty_cap": 10**9,
    "share": 1,
}
HIGHEST = {
    "sigma": 5 * UNIT,
    "f": UNIT,
    "g": UNIT // 2,
    "lambda_": UNIT,
    "depth": 10**12,
    "c": 10**11,
    "penalty_cap": UNIT // 2,
    "share": UNIT,
}


@pytest.mark.parametrize("market", [0, 7, 15])
@pytest.mark.parametrize("wanted", [LOWEST, HIGHEST], ids=["lowest", "highest"])
def test_set_market_default(
    risk: Handle, owner: Account, market: int, wanted: dict[str, int]
) -> None:
    risk.set_market(market, wanted, sender=owner)
    assert risk.params(market)._asdict() == wanted
    limits = risk.limits(market)
    assert limits._asdict() == {k: wanted[k] for k in ("penalty_cap", "share", "depth", "g")}
    for other in {0, 7, 15} - {market}:
        assert set(risk.params(other)) == {0}
        assert set(risk.limits(other)) == {0}


def test_set_market_packs_one_hot_and_one_cold_word(
    chain: Chain, risk: Handle, owner: Account, params_of: Make
) -> None:
    """LED-9: the layout that the comments promise."""
    p = params_of()
    risk.set_market(5, p, sender=owner)
    layout = load("RiskModel").layout["storage_layout"]["portfolio_margin"]
    hot = chain.storage(risk, layout["market_words"]["slot"] + 5)
    cold = chain.storage(risk, layout["limit_words"]["slot"] + 5)
    assert hot == (
        p["sigma"]
        | p["f"] << 48
        | p["g"] << 88
        | p["lambda_"] << 128
        | p["depth"] << 168
        | p["c"] << 216
    )
    assert cold == p["penalty_cap"] | p["share"] << 48 | p["sigma"] << 96


def test_mrg_5_set_market_reverts_market_is_set(
    risk: Handle, owner: Account, params_of: Make
) -> None:
    """A market is set once: what changes later is announced."""
    risk.set_market(2, HIGHEST, sender=owner)
    for again in (params_of(), HIGHEST):
        with pytest.raises(Revert, match="risk: market is set"):
            risk.set_market(2, again, sender=owner)
    assert risk.params(2)._asdict() == HIGHEST


def test_set_market_emits_market_updated(risk: Handle, owner: Account, params_of: Make) -> None:
    event = risk.set_market(4, params_of(), sender=owner).event("MarketUpdated")
    assert event.market == 4
    assert event.params._asdict() == params_of()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sigma": 10**9 - 1}, "risk: sigma out of range"),
        ({"sigma": 5 * UNIT + 1}, "risk: sigma out of range"),
        ({"f": 10**9 - 1}, "risk: f out of range"),
        ({"f": UNIT + 1}, "risk: f out of range"),
        ({"g": UNIT + 1}, "risk: g out of range"),
        ({"lambda_": UNIT + 1}, "risk: lambda out of range"),
        ({"depth": 0}, "risk: depth out of range"),
        ({"depth": 10**12 + 1}, "risk: depth out of range"),
        ({"c": 10**11 + 1}, "risk: c out of range"),
        ({"penalty_cap": 10**9 - 1}, "risk: penalty cap out of range"),
        ({"penalty_cap": UNIT // 2 + 1, "f": UNIT}, "risk: penalty cap out of range"),
        ({"share": 0}, "risk: share out of range"),
        ({"share": 10**13 + 1}, "risk: share out of range"),
        ({"f": 2 * 10**10 - 1}, "risk: f below twice the penalty"),
        ({"g": 10**10 + 1}, "risk: f below gap and penalty"),
        # lambda * share / UNIT is the smallest step above f
        ({"lambda_": 2 * 10**10 + 1}, "risk: f below impact at share"),
        ({"lambda_": 2 * 10**9, "share": 10**13}, None),
        ({"lambda_": 2 * 10**9 + 1, "share": 10**13}, "risk: f below impact at share"),
        ({"sigma": 2**256 - 1}, "risk: sigma out of range"),
        ({"share": 2**256 - 1}, "risk: share out of range"),
    ],
)
def test_set_market_reverts_out_of_range(
    risk: Handle, owner: Account, params_of: Make, change: dict[str, int], reason: str | None
) -> None:
    if reason is None:
        risk.set_market(0, params_of(**change), sender=owner)
        return
    with pytest.raises(Revert, match=reason):
        risk.set_market(0, params_of(**change), sender=owner)


@pytest.mark.parametrize("market", [16, 2**256 - 1])
def test_set_market_reverts_market_out_of_range(
    risk: Handle, owner: Account, params_of: Make, market: int
) -> None:
    with pytest.raises(Revert, match="risk: market out of range"):
        risk.set_market(market, params_of(), sender=owner)
    with pytest.raises(Revert, match="risk: market out of range"):
        risk.params(market)
    with pytest.raises(Revert, match="risk: market out of range"):
        risk.limits(market)


def test_set_market_reverts_stranger(risk: Handle, stranger: Account, params_of: Make) -> None:
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        risk.set_market(0, params_of(), sender=stranger)
