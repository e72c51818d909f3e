"""`plimsoll margin`: what it takes, prints and refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plimsoll.margin import cli
from plimsoll.protocol import owner_of
from tests.utils.deployed import WAD, Deployed, connection

Run = Callable[..., Result]


@pytest.fixture
def run(world: Deployed, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(cli, "connected", connection(world))
    return lambda *arguments: CliRunner().invoke(cli.main, list(arguments))


def test_tables(world: Deployed, run: Run) -> None:
    account = world.open("trader", 1)
    done = run(hex(account))
    assert done.exit_code == 0, done.output
    for text in ("expected shortfall", "crowding surcharge", "if all prices move", "BTC", "DOGE"):
        assert text in done.output
    assert "100 % of the way to 1" in done.output
    assert "below 2" in done.output


def test_json_is_the_engines(world: Deployed, run: Run, tmp_path: Path) -> None:
    """To a file beside the tables, or alone; an owner's address is its first account."""
    account = world.open("trader", 1)
    file = tmp_path / "margin.json"
    assert "positions" in run(str(account), "--json", str(file)).output
    done = run(owner_of(account), "--json", "-")
    data = json.loads(done.output)
    assert data == json.loads(file.read_text())
    health = world.plimsoll.health(account)
    assert int(data["margin"]["maintenance"]) == health.maintenance
    assert int(data["margin"]["initial"]) == health.initial
    assert int(data["equity"]) == health.equity
    assert data["margin_call"] == {"state": "none", "deadline": None, "void_after": None}
    assert [each["market"] for each in data["positions"]] == ["BTC", "ETH", "DOGE"]
    assert data["positions"][0]["liquidation_below"].isdecimal()


def test_liq_7_collateral(world: Deployed, run: Run) -> None:
    """Half a WBTC: 20,000, of which 8 % do not count; its price has a liquidation price of its own
    that the long in BTC shares."""
    account, p = world.open("trader", 1), world.plimsoll
    owner = p.owner_of(account)
    p.mint_collateral("WBTC", owner, 5 * 10**7)
    p.approve_vault("WBTC", sender=owner)
    p.deposit_collateral(account, "WBTC", 5 * 10**7, sender=owner)
    told = run(hex(account)).output
    for text in ("collateral counts", "18,400.00", "WBTC", "20,000.00", "8 %"):
        assert text in told
    data = json.loads(run(hex(account), "--json", "-").output)
    (found,) = data["collateral"]
    assert (found["token"], found["amount"], found["haircut"]) == ("WBTC", str(WAD // 2), 0.08)
    assert found["counts"] == found["counts_initially"] == data["collateral_counts"]
    assert int(found["counts"]) == p.health(account).collateral == 18_400 * WAD
    assert found["liquidation_below"] == data["positions"][0]["liquidation_below"]
    assert int(data["equity"]) == p.health(account).equity
    assert (data["overdue_since"], data["sale"]) == (None, None)


def test_liq_7_sale(world: Deployed, run: Run) -> None:
    """Arrears noted an hour and five minutes ago: half of the haircut is the discount."""
    account, p = world.open("pledger", 100), world.plimsoll
    owner = p.owner_of(account)
    p.mint_collateral("WBTC", owner, 10**7)
    p.approve_vault("WBTC", sender=owner)
    p.deposit_collateral(account, "WBTC", 10**7, sender=owner)
    world.trade("pledger", "maker", "DOGE", 10_000)
    world.price("DOGE", "0.36")
    p.note_arrears(account)
    since = world.now()
    world.wait(3_900, {"BTC": 40_000, "ETH": 2_500, "DOGE": "0.36"})
    data = json.loads(run(hex(account), "--json", "-").output)
    assert data["overdue_since"] == since
    assert data["sale"]["discount_share"] == str(WAD // 2)
    told = run(hex(account)).output
    assert "up to 4.00 % below the price" in told
    assert "arrears overdue" in told


def test_an_account_without_positions(world: Deployed, run: Run) -> None:
    done = run(owner_of(world.open("idle", 5)) + "/0")
    assert done.exit_code == 0
    assert "healthy" in done.output
    assert "positions" not in done.output
    assert (
        json.loads(run(owner_of(world.open("idle", 5)) + "/1", "--json", "-").output)["cash"] == "0"
    )


@pytest.mark.parametrize("text", ["trader", "0", "-0x5", "0x" + "f" * 65, "0x12zz"])
def test_no_account(run: Run, text: str) -> None:
    done = run("--", text)
    assert done.exit_code == 1
    assert "is no account: write its id" in done.output
