"""`ape run deploy --network <ecosystem>:<network>:<provider>`: deploy the plan of a network.

Reads `deployments/<network>.yaml`, writes `deployments/<network>.json`. Safe to run again: what is
done stays done, and at the end everything is read back from the chain. `ethereum:local:foundry`
starts an Anvil of its own, which ends with the run; to use one that is running, set
APE_FOUNDRY_HOST to its address.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand
from ape.logging import LogLevel, logger

from plimsoll.protocol import Deployment, ProtocolError, Record, RecordError, load_plan
from plimsoll.protocol.backend import ApeBackend

FOLDER = Path(__file__).resolve().parents[1] / "deployments"


def _name(provider: Any) -> str:
    """Return the stem of a network's files; Ethereum's own networks go without its name."""
    network, ecosystem = provider.network.name, provider.network.ecosystem.name
    return network if ecosystem == "ethereum" else f"{ecosystem}-{network}"


def _is_own(provider: Any) -> bool:
    """Whether the chain began with this run, so that no earlier record can be of it."""
    return bool(
        provider.network.is_dev
        and (provider.name == "test" or getattr(provider, "process", None) is not None)
    )


def _put_aside(record: Path, why: str) -> None:
    aside = record.with_name(f"{record.name}.bak")
    record.replace(aside)
    click.echo(f"{record.name} {why}; kept as {aside.name}")


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--account", help="Keystore alias that deploys; on local networks the first test account."
)
@click.option(
    "--plan",
    "plan_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Plan to deploy; default deployments/<network>.yaml.",
)
@click.option(
    "--record",
    "record_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Record to continue and to write; default deployments/<network>.json.",
)
@click.option("--evm-version", default="cancun", show_default=True, help="Rules to compile for.")
@click.option("--dry-run", is_flag=True, help="Check and list the steps; send and write nothing.")
@click.option("--fresh", is_flag=True, help="Put an earlier record aside and deploy anew.")
def cli(
    provider: Any,
    account: str | None,
    plan_path: Path | None,
    record_path: Path | None,
    evm_version: str,
    dry_run: bool,
    fresh: bool,
) -> None:
    """Deploy the plan of a network, verify it, record it."""
    with logger.at_level(LogLevel.WARNING):
        try:
            _run(provider, account, plan_path, record_path, evm_version, dry_run, fresh)
        except ProtocolError as error:
            raise click.ClickException(str(error)) from error


def _run(
    provider: Any,
    account: str | None,
    plan_path: Path | None,
    record_path: Path | None,
    evm_version: str,
    dry_run: bool,
    fresh: bool,
) -> None:
    name = _name(provider)
    plan = load_plan(plan_path or FOLDER / f"{name}.yaml")
    target = record_path or FOLDER / f"{name}.json"
    backend = ApeBackend(evm_version=evm_version)
    sender = None
    if account is not None:
        sender = _account(backend, account)

    record: Path | None = target
    if target.exists():
        if fresh:
            stale = "was put aside as told"
        elif _is_own(provider) and _is_of_another_chain(target, backend):
            stale = "was of a chain that ended with its node"
        else:
            stale = ""
        if stale and dry_run:
            record = None
        elif stale:
            _put_aside(target, stale)

    deployment = Deployment(backend, plan, record, sender=sender, say=click.echo)
    if dry_run:
        left = deployment.check()
        for number, step in enumerate(left, 1):
            click.echo(f"{number:3d} {step.name}")
        click.echo(
            f"{len(left)} steps would be done on {backend.network} by "
            f"{deployment.sender_address}; nothing was sent"
        )
        return
    plimsoll = deployment.run()
    for key in ("engine", "oracle", "risk", "fund", "vault", "lens", "token", "timelock"):
        contract = getattr(plimsoll, key)
        if contract is not None:
            click.echo(f"{key:8} {contract.address}")
    for name, info in plimsoll.collateral.items():
        click.echo(f"{name:8} {info.token.address}")
    click.echo(f"recorded in {target.name}")


def _account(backend: ApeBackend, alias: str) -> Any:
    """Return a test account by its number, or a keystore by its alias."""
    if backend.is_local and alias.removeprefix("TEST::").isdecimal():
        return backend.account(int(alias.removeprefix("TEST::")))
    return backend.keystore(alias)


def _is_of_another_chain(path: Path, backend: ApeBackend) -> bool:
    try:
        return Record.load(path).genesis != backend.genesis
    except RecordError:
        return False
