"""`plimsoll settle`: what it takes, prints, keeps and refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plimsoll.protocol import Refused, owner_of
from plimsoll.settlement import cli
from tests.utils.deployed import PRICES, WAD, Deployed, connection

Run = Callable[..., Result]
ANYONE = "0x" + "77" * 20


@pytest.fixture
def run(world: Deployed, monkeypatch: pytest.MonkeyPatch) -> Run:
    real = cli.known_accounts
    monkeypatch.setattr(cli, "connected", connection(world))
    monkeypatch.setattr(
        cli,
        "known_accounts",
        lambda p, file: real(p, file) if file is not None else sorted(world.accounts),
    )
    world.wait(60, {**PRICES, "BTC": 36_000})
    return lambda *arguments: CliRunner().invoke(cli.main, list(arguments))


def test_cycle(run: Run, tmp_path: Path) -> None:
    """The statement is printed and kept; the file is what JSON says."""
    done = run("--cycle", "--account", ANYONE, "--store", str(tmp_path))
    assert done.exit_code == 0, done.output
    for text in ("BTC", "20,000.00", "claims open", "3 settled, 1 hold nothing"):
        assert text in done.output
    (file,) = tmp_path.iterdir()
    data = json.loads(file.read_text())
    assert data["ok"] is True
    assert data["markets"][0]["received"] == str(20_000 * WAD)
    assert file.name.endswith(f"-{data['time']}-{data['block']}.json")


def test_json(run: Run, tmp_path: Path) -> None:
    done = run("--cycle", "--account", ANYONE, "--store", str(tmp_path), "--json", "-")
    data = json.loads(done.output)
    assert len(data["order"]) == 3
    assert json.loads(Path(data["file"]).read_text())["markets"] == data["markets"]


def test_liq_7_overdue_accounts_are_named(world: Deployed, run: Run, tmp_path: Path) -> None:
    """Noted, and its cash does not pay: the statement says what it owes and what it has."""
    account, p = world.open("pledger", 100), world.plimsoll
    owner = p.owner_of(account)
    p.mint_collateral("WETH", owner, WAD)
    p.approve_vault("WETH", sender=owner)
    p.deposit_collateral(account, "WETH", WAD, sender=owner)
    world.trade("pledger", "bear", "DOGE", 10_000)
    world.price("DOGE", "0.36")
    done = run("--cycle", "--account", ANYONE, "--store", str(tmp_path), "--json", "-")
    assert json.loads(done.output)["overdue"] == []
    p.note_arrears(account)
    (late,) = json.loads(run(hex(account), "--account", ANYONE, "--json", "-").output)["overdue"]
    assert late["account"] == hex(account)
    assert late["since"] == world.now()
    assert late["for_sale_from"] == late["since"] + 3_600
    assert late["collateral_counts"] == str(2_250 * WAD)
    assert int(late["arrears"]) > 300 * WAD
    assert late["cash"] == "0"
    assert "collateral counts 2,250.00" in run(hex(account), "--account", ANYONE).output


def test_some_accounts(world: Deployed, run: Run, tmp_path: Path) -> None:
    """By name or from a file; no upkeep, and no statement is kept."""
    bull = sorted(world.accounts, key=lambda each: world.plimsoll.health(each).equity)[1]
    done = run(hex(bull), "--account", ANYONE, "--json", "-")
    data = json.loads(done.output)
    assert data["order"] == [hex(bull)]
    assert "file" not in data
    file = tmp_path / "accounts.txt"
    file.write_text(f"# those of today\n{owner_of(bull)}/0  # the bull\n\n{hex(bull)}\n")
    done = run("--accounts", str(file), "--account", ANYONE, "--json", "-")
    assert json.loads(done.output)["order"] == [hex(bull)]
    file.write_text(json.dumps([hex(bull)]))
    done = run("--accounts", str(file), "--dry-run")
    assert "dry run of a settlement" in done.output
    file.write_text("nobody\n")
    done = run("--accounts", str(file), "--dry-run")
    assert "accounts.txt: 'nobody' is no account" in done.output


@pytest.mark.parametrize("arguments", [("--dry-run",), ("--cycle", "0x5", "--dry-run")])
def test_accounts_or_cycle(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert "name accounts to settle, or --cycle for all of them, not both" in done.output


def test_a_refusal_ends_with_1(
    world: Deployed, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Refused("settlement: no")

    monkeypatch.setitem(world.plimsoll.engine.__dict__, "settle", refuse)
    done = run("--cycle", "--account", ANYONE, "--store", str(tmp_path))
    assert done.exit_code == 1
    assert "refused" in done.output
    assert "settlement: no" in done.output


def test_account_is_asked_for() -> None:
    done = CliRunner().invoke(cli.main, ["--cycle"])
    assert done.exit_code == 2
    assert "name the account that sends (--account), or add --dry-run" in done.output
