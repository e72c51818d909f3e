"""`plimsoll gas`: what it prints, when it fails."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plimsoll.gas import cli
from plimsoll.gas.errors import NodeError
from plimsoll.gas.measure import Measured
from plimsoll.gas.node import find_anvil
from plimsoll.gas.page import render

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, measured: Measured) -> Run:
    """Run the command on figures that nobody measured."""

    def call(*arguments: object, figures: Measured = measured) -> Result:
        monkeypatch.setattr(cli, "_make", lambda say: (figures, render(figures)))
        return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def page(tmp_path: Path, measured: Measured) -> Path:
    file = tmp_path / "gas.md"
    file.write_text(render(measured))
    return file


def dearer(measured: Measured, **gas: int) -> Measured:
    return dataclasses.replace(measured, gas={**measured.gas, **gas})


def test_gas_prints_the_tables(run):
    done = run()
    assert done.exit_code == 0
    assert "beside other protocols" in done.output
    assert "2 orders" in done.output
    assert "MarginEngine" in done.output


def test_check_same(run, page):
    done = run("--check", page)
    assert done.exit_code == 0
    assert "up to date" in done.output


def test_check_differs_says_old_new_and_what_to_do(run, page, measured):
    done = run("--check", page, figures=dearer(measured, touch=50_001))
    assert done.exit_code == 1
    assert "touch, 1 market [Plimsoll]: 49,000 -> 50,001" in done.output
    assert "make gas-update" in done.output
    assert page.read_text() == render(measured)


def test_check_fails_above_a_limit_even_when_the_page_says_so(run, page, measured):
    above = dearer(measured, deposit_first=73_001)
    page.write_text(render(above))
    done = run("--check", page, figures=above)
    assert done.exit_code == 1
    assert "above its limit: deposit, first: 73,001 gas" in done.output
    assert "--explain" in done.output


def test_check_without_a_page_says_how_to_make_it(run, tmp_path):
    done = run("--check", tmp_path / "none.md")
    assert done.exit_code == 1
    assert "make gas-update" in done.output


def test_write(run, page, measured):
    new = dearer(measured, touch=50_001)
    done = run("--write", page, figures=new)
    assert done.exit_code == 0
    assert page.read_text() == render(new)


def test_json_is_all_of_the_output(run):
    done = run("--json")
    assert json.loads(done.stdout)["rows"]["touch"]["gas"] == 49_000


def test_explain_prints_every_line(monkeypatch, explanation):
    monkeypatch.setattr(cli, "explain", lambda keys: [explanation])
    done = CliRunner().invoke(cli.main, ["--explain", "takeover_open"])
    assert done.exit_code == 0
    # square brackets are no markup
    assert "MarginEngine: wallets[trader]" in done.output
    assert "27,000" in done.output
    told = CliRunner().invoke(cli.main, ["--explain", "takeover_open", "--json"]).output
    assert json.loads(told)["lines"][0] == {
        "kind": "transaction",
        "what": "base",
        "times": 1,
        "gas": 21_000,
    }


def test_explain_unknown_row():
    done = CliRunner().invoke(cli.main, ["--explain", "nothing"])
    assert done.exit_code == 1
    assert "the rows are: deposit_first" in done.output


# -- Anvil is missing ------------------------------------------------------------------------------


def test_find_anvil_missing_says_make_setup(tmp_path):
    with pytest.raises(NodeError, match="run `make setup`"):
        find_anvil(tmp_path)


def test_find_anvil_without_node_says_so(tmp_path, monkeypatch):
    program = tmp_path / "node_modules" / ".bin" / "anvil"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NodeError, match="node, which is not on PATH"):
        find_anvil(tmp_path)


def test_gas_without_anvil_fails_with_one_line(monkeypatch):
    def missing(say: object) -> None:
        raise NodeError("Anvil is missing: run `make setup`")

    monkeypatch.setattr(cli, "measure", missing)
    done = CliRunner().invoke(cli.main, [])
    assert done.exit_code == 1
    assert done.output.strip() == "Error: Anvil is missing: run `make setup`"
