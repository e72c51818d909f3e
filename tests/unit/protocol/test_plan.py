"""Network files: exact conversion, and an error that names the field for whatever is wrong."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from plimsoll.protocol import PlanError, load_plan
from plimsoll.protocol.plan import Fixed

WAD = 10**18
LOCAL = Path(__file__).parents[3] / "deployments" / "local.yaml"
PLEDGE = {"token": {"test": {"decimals": 8}}, "market": "BTC", "haircut": 0.08, "cap": 1_000}


@pytest.mark.parametrize(
    ("places", "value", "units"),
    [
        (12, "0.02", 2 * 10**10),
        (12, "0.000000000001", 1),
        (18, "0.1", 10**17),
        (18, 0.1, 10**17),
        (
            18,
            Decimal("1234567890123456789012345.123456789012345678"),
            1234567890123456789012345123456789012345678,
        ),
        (0, "1e9", 10**9),
        (6, 3, 3 * 10**6),
    ],
)
def test_fixed_is_exact(places: int, value: Any, units: int) -> None:
    kind = Fixed(places)
    assert kind.units(kind.read(value)) == units


@pytest.mark.parametrize("value", ["0.0000000000001", "nan", "inf", "two", True, None, [], "-1"])
def test_fixed_refuses(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        Fixed(12).read(value)


def test_fixed_names_its_range_and_grain() -> None:
    with pytest.raises(ValueError, match=re.escape("choose 0.001 to 5 (a fraction)")):
        Fixed(12, 10**9, 5 * 10**12, unit="a fraction").read("6")
    with pytest.raises(ValueError, match=re.escape("0.123 is not a multiple of 0.01")):
        Fixed(18, step=10**16).read("0.123")


def test_local_plan() -> None:
    plan = load_plan(LOCAL)
    assert list(plan.markets) == ["BTC", "ETH", "LINK", "DOGE"]
    btc = plan.markets["BTC"]
    assert btc.risk.chain() == {
        "sigma": 2 * 10**10,
        "f": 6 * 10**10,
        "g": 4 * 10**10,
        "lambda_": 10**10,
        "depth": 200_000_000,
        "c": 10**6,
        "penalty_cap": 2 * 10**10,
        "share": 2 * 10**12,
    }
    assert btc.config.chain()["oi_cap"] == 8_000 * WAD
    assert btc.config.chain()["penalty_max"] == 1_500
    assert plan.reward.chain()["premium"] == 1_000
    assert plan.matrix()[0][1] == plan.matrix()[1][0] == 8_000
    assert plan.matrix()[15][15] == 10_000
    assert [plan.slot(name) for name in ("WETH", "WBTC")] == [1, 0]


@pytest.mark.parametrize("market", ["BTC", "ETH", "LINK", "DOGE"])
def test_computed_ceiling_obeys_led_9(market: str) -> None:
    found = load_plan(LOCAL).markets[market]
    assert found.feed.ceiling is None
    assert found.config.units("oi_cap") << found.ceiling <= WAD << 100
    assert found.feed.mock is not None
    assert found.feed.mock.units("price") * 100 < 1 << found.ceiling


WRONG = [
    ("markets.BTC.risk.sigma", 6, "markets.BTC.risk.sigma: 6 is out of range; choose 0.001 to 5"),
    ("markets.BTC.risk.sigma", "lots", "markets.BTC.risk.sigma: 'lots' is no number"),
    ("markets.BTC.risk.sigma", None, "markets.BTC.risk.sigma: is missing; add it"),
    ("markets.BTC.risk.lamda", 1, "markets.BTC.risk.lamda: is no field"),
    ("markets.BTC.risk.penalty_cap", 0.04, "f 0.06 is below twice penalty_cap 0.04 (MRG-6)"),
    ("markets.BTC.risk.g", 0.05, "f 0.06 is below g + penalty_cap 0.07 (MRG-6)"),
    ("markets.BTC.risk.share", 7, "f 0.06 is below lambda * share 0.07 (MRG-6)"),
    ("markets.BTC.risk.depth", 0.5, "markets.BTC.risk.depth: 0.5 is not a multiple of 1"),
    ("markets.BTC.feed.gap", 0.05, "feed.gap 0.05 is above risk.g 0.04 (MRG-6)"),
    ("markets.BTC.feed.gap", "0.0000000001", "markets.BTC.feed.gap"),
    ("markets.BTC.feed.heartbeat", 0, "markets.BTC.feed.heartbeat"),
    ("markets.BTC.feed.address", "0x" + "11" * 20, "give either address or mock, not both"),
    ("markets.BTC.feed.mock", None, "give either address or mock, not both and not none"),
    ("markets.BTC.feed.mock.price", "0.000000001", "markets.BTC.feed.mock"),
    ("markets.BTC.feed.ceiling", 89, "above 2**100 quote WAD (LED-9)"),
    ("markets.BTC.feed.ceiling", 75, "reaches the ceiling of 75 bits"),
    ("markets.BTC.config.oi_cap", 11_000, "config.oi_cap is worth 440000000"),
    ("markets.BTC.config.penalty_max", 0.03, "above risk.penalty_cap 0.02 (MRG-6)"),
    ("markets.BTC.config.penalty_min", 0.018, "penalty_min 0.018 is above penalty_max"),
    ("markets.BTC.config.min_notional", 0.001, "markets.BTC.config.min_notional"),
    ("markets.BTC.config.max_notional", 5, "min_notional 10 is above max_notional"),
    ("markets.BTC.config.maker_fee", 0.02, "markets.BTC.config.maker_fee"),
    ("markets.BTC.config.reduce_only", "perhaps", "markets.BTC.config.reduce_only"),
    ("markets.BTC.number", 16, "markets.BTC.number"),
    ("markets.BTC.number", 3, "markets.DOGE.number 3 is BTC's already"),
    ("markets.BTC.allowance", -1, "markets.BTC.allowance"),
    ("correlations.BTC.DOGE", 1.1, "correlations.BTC.DOGE"),
    ("correlations.BTC.ETH", 0.5, "correlations.BTC.ETH: ETH is not among the markets (BTC, DOGE)"),
    ("correlations.BTC.BTC", 1, "correlations.BTC.BTC: is one by nature"),
    ("correlations.DOGE", {"BTC": 0.5}, "correlations.DOGE.BTC: stands there twice"),
    ("token.address", "0x" + "11" * 20, "give either address or test"),
    ("token.test.decimals", 1, "token.test.decimals"),
    ("governance.guardian", "0x" + "00" * 20, "governance.guardian: the zero address holds"),
    ("governance.guardian", "me", "governance.guardian: 'me' is no address"),
    (
        "governance.steward",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C9",
        "governance.steward: '0x70997970C51812dc3A010C7d01b50e0d17dc79C9' has a typing error: its "
        "capital letters do not checksum",
    ),
    ("governance.delay", 86_399, "delay 86399 is shorter than the day's notice"),
    ("governance.delay", -1, "governance.delay"),
    ("governance.delay", 30 * 86_400 + 1, "governance.delay"),
    ("governance.delay", None, "governance.delay: is missing"),
    ("governance.proposers", [], "governance.proposers"),
    ("governance.proposers", ["anyone"], "governance.proposers.0: 'anyone' is no address"),
    ("governance.proposers", ["0x" + "11" * 20] * 2, "proposers: an address stands there twice"),
    ("governance.executors", [], "governance.executors"),
    ("governance.executors", ["0x" + "00" * 20], "governance.executors.0: the zero address holds"),
    ("governance.executors", ["anyone", "anyone"], "executors: an address stands there twice"),
    ("governance.admin", "0x" + "11" * 20, "governance.admin: is no field"),
    ("owner", "0x" + "11" * 20, "owner: is no field"),
    ("collateral.WETH.haircut", 0.04, "collateral.WETH.haircut: 0.04 is out of range; choose 0.05"),
    ("collateral.WETH.haircut", 0.96, "collateral.WETH.haircut: 0.96 is out of range"),
    ("collateral.WETH.haircut", "0.100001", "haircut: 0.100001 is not a multiple of 0.00001"),
    ("collateral.WETH.haircut", None, "collateral.WETH.haircut: is missing"),
    ("collateral.WETH.feed.gap", 0.11, "haircut 0.1 is below the gap 0.11 of its feed (LIQ-7)"),
    ("collateral.WBTC.market", "ETH", "WBTC.market: ETH is not among the markets (BTC, DOGE)"),
    ("collateral.WBTC.market", None, "give either market or feed, not both and not none"),
    ("collateral.WETH.market", "BTC", "give either market or feed, not both and not none"),
    ("collateral.WBTC.number", 4, "number is the oracle's slot of a feed of its own"),
    ("collateral.WETH.number", None, "number is the oracle's slot of a feed of its own"),
    ("collateral.WETH.number", 3, "collateral.WETH.number 3 is DOGE's already"),
    ("collateral.WETH.number", 16, "collateral.WETH.number"),
    ("collateral.WETH.cap", 0, "collateral.WETH.cap: 0 is out of range"),
    ("collateral.WBTC.cap", 10**6, "collateral.WBTC: cap 1000000 at its feed's ceiling of 83 bits"),
    ("collateral.WETH.feed.ceiling", 71, "WETH: the price 2500 reaches the ceiling of 71 bits"),
    ("collateral.WETH.feed.ceiling", 89, "above 2**100 quote WAD (LED-9): lower the cap"),
    ("collateral.WETH.token.address", "0x" + "11" * 20, "give either address or test, not both"),
    ("collateral.WETH.token.test", None, "give either address or test, not both and not none"),
    ("collateral.WETH.token.test.decimals", 19, "collateral.WETH.token.test.decimals"),
    ("collateral.WETH.cut", 0.1, "collateral.WETH.cut: is no field"),
    ("risk.kappa", 1.2, "risk.kappa: 1.2 is out of range; choose 1.25 to 10"),
    ("reward.minimum", 60, "minimum 60 is above cap 50"),
    ("reward.interval", 59, "reward.interval"),
    ("fund.seed", 0, "fund.seed"),
    ("fund.symbol", "FUNDS!", "fund.symbol"),
    ("fund.notice", 3_599, "fund.notice"),
    ("fund.notice", 5_184_001, "fund.notice"),
    ("version", 2, "version"),
]


@pytest.mark.parametrize(("path", "value", "told"), WRONG, ids=[f"{w[0]}={w[1]}" for w in WRONG])
def test_wrong_value_names_the_field(make_plan: Any, path: str, value: Any, told: str) -> None:
    with pytest.raises(PlanError, match=re.escape(told)):
        make_plan({path: value})


def test_liq_7_haircut_covers_the_gap_of_the_markets_feed(make_plan: Any) -> None:
    """DOGE's feed may differ by 9 % from answer to answer."""
    make_plan({"collateral.WBTC": {**PLEDGE, "market": "DOGE", "haircut": 0.09}})
    told = "collateral.WBTC: haircut 0.08999 is below the gap 0.09 of its feed (LIQ-7)"
    with pytest.raises(PlanError, match=re.escape(told)):
        make_plan({"collateral.WBTC": {**PLEDGE, "market": "DOGE", "haircut": 0.08999}})


def test_collateral_names_and_addresses_stand_once(make_plan: Any) -> None:
    with pytest.raises(PlanError, match=re.escape("collateral.BTC: a market has that name")):
        make_plan({"collateral.BTC": PLEDGE})
    one, other = "0x" + "11" * 20, "0x" + "22" * 20
    token = {"token": {"address": one}}
    twice = {"collateral.C0": {**PLEDGE, **token}, "collateral.C1": {**PLEDGE, **token}}
    with pytest.raises(
        PlanError, match=r"collateral\.C1\.token\.address is that of collateral\.C0"
    ):
        make_plan(twice)
    with pytest.raises(PlanError, match=r"C0\.token\.address is that of the quote token"):
        make_plan({"token": {"address": one}, "collateral.C0": {**PLEDGE, **token}})
    assert make_plan({"token": {"address": other}, "collateral.C0": {**PLEDGE, **token}})


def test_at_most_eight_collateral_tokens(make_plan: Any) -> None:
    tokens = {f"C{number}": PLEDGE for number in range(9)}
    with pytest.raises(PlanError, match="collateral: Dictionary should have at most 8 items"):
        make_plan({"collateral": tokens})
    del tokens["C8"]
    assert len(make_plan({"collateral": tokens}).resolved()["collateral"]) == 8


@pytest.mark.parametrize("change", [{"collateral": {}}, {"collateral": None}])
def test_collateral_may_be_left_out(make_plan: Any, change: dict[str, Any]) -> None:
    assert make_plan(change).resolved()["collateral"] == {}


def test_collateral_resolved(make_plan: Any) -> None:
    """WETH has a feed of its own: its ceiling leaves room for sixteen times the cap."""
    found = make_plan().resolved()["collateral"]
    assert found["WBTC"] == {
        "token": {"decimals": 8},
        "market": 0,
        "haircut": 8_000,
        "cap": 1_000 * WAD,
    }
    assert found["WETH"]["market"] == 1
    assert found["WETH"]["feed"] == {"decimals": 8, "answer": 2_500 * 10**8}
    ceiling = found["WETH"]["ceiling"]
    cap = found["WETH"]["cap"]
    assert 16 * cap << ceiling <= WAD << 100 < 32 * cap << ceiling


def test_all_problems_at_once(make_plan: Any) -> None:
    with pytest.raises(PlanError) as caught:
        make_plan({"markets.BTC.risk.sigma": 6, "markets.DOGE.risk.sigma": 7, "risk.z": 0})
    assert len(caught.value.problems) == 3
    assert "plan.yaml cannot be used" in str(caught.value)


def test_impossible_correlations(local_data: dict[str, Any], make_plan: Any) -> None:
    """MRG-3: two markets that move with a third move with each other."""
    third = {**local_data["markets"]["BTC"], "number": 7}
    with pytest.raises(PlanError, match="not positive semi-definite"):
        make_plan(
            {
                "markets.ETH": third,
                "correlations": {"BTC": {"DOGE": 0.9, "ETH": 0.9}, "ETH": {"DOGE": -0.9}},
            }
        )
    make_plan({"markets.ETH": third, "correlations": {"BTC": {"ETH": 1}}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "is not readable as YAML"),
        ("- 1", "holds no mapping"),
        ("a: 1\nb: 2\na: 3", "line 3: 'a' stands there twice"),
        ("version: 1", "token: is missing"),
    ],
)
def test_load_refuses(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text)
    with pytest.raises(PlanError, match=re.escape(told)):
        load_plan(path)


def test_load_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="there is no such file"):
        load_plan(tmp_path / "net.yaml")


def test_numbers_of_a_file_stay_exact(tmp_path: Path) -> None:
    """A binary float would have turned it into 123456789012345680."""
    path = tmp_path / "net.yaml"
    path.write_text(LOCAL.read_text().replace("cap: 50 ", "cap: 1_234.567890123 "))
    assert load_plan(path).reward.units("cap") == 1_234_567_890_123 * 10**9


def test_unquoted_address_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(LOCAL.read_text().replace('"0x7099', "0x7099").replace('dc79C8"', "dc79C8"))
    assert load_plan(path).governance == load_plan(LOCAL).governance


def test_resolved_is_plain_and_equal_for_equal_plans(make_plan: Any) -> None:
    assert make_plan().resolved() == make_plan({"markets.BTC.risk.sigma": "0.020"}).resolved()
    assert make_plan().resolved() != make_plan({"markets.BTC.risk.sigma": "0.021"}).resolved()


def test_local_only_fields(make_plan: Any) -> None:
    assert make_plan().local_only() == [
        "token.test",
        "markets.BTC.feed.mock",
        "markets.DOGE.feed.mock",
        "collateral.WETH.token.test",
        "collateral.WETH.feed.mock",
        "collateral.WBTC.token.test",
    ]
    assert "governance (left out)" in make_plan({"governance": None}).local_only()
    assert "governance.test" in make_plan({"governance.test": True}).local_only()


def test_mrg_5_delay_of_a_test_network(make_plan: Any) -> None:
    """A local test network says so to have less than a day's notice."""
    changes = {"governance.test": True, "governance.delay": 0}
    governance = make_plan(changes).governance
    assert governance is not None
    assert governance.delay == 0


def test_governance_resolved(make_plan: Any) -> None:
    """Left out, nobody has the role; `anyone` is the zero address."""
    changes = {"governance.guardian": None, "governance.steward": None}
    found = make_plan(changes).resolved()["governance"]
    assert found["guardian"] == found["steward"] == found["executors"][0] == "0x" + "00" * 20
    assert found["delay"] == 86_400
