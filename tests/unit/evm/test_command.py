"""`plimsoll compile`."""

from typing import Any

import pytest
from click.testing import CliRunner

from plimsoll.evm import command as module
from plimsoll.evm.artifacts import ArtifactError, cache_folder, roots


def test_says_what_is_there() -> None:
    """Every root, from the cache the other tests use."""
    result = CliRunner().invoke(module.command)
    assert result.exit_code == 0
    assert result.output.startswith(f"{len(roots())} contracts for cancun in {cache_folder()}, ")


def test_a_contract_that_does_not_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ArtifactError("Ledger does not compile; fix what vyper says")

    monkeypatch.setattr(module, "load_all", fail)
    result = CliRunner().invoke(module.command)
    assert result.exit_code == 1
    assert "fix what vyper says" in result.output


def test_another_fork_is_refused() -> None:
    result = CliRunner().invoke(module.command, ["--evm-version", "paris"])
    assert result.exit_code == 2
