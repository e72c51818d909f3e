"""`plimsoll compile`: bring every contract into the cache of artifacts, on all cores.

Whatever needs a contract compiles it when it is missing; with this it has been done before, as part
of `make setup`.
"""

from __future__ import annotations

import time

import click

from plimsoll.evm.artifacts import ArtifactError, cache_folder, load_all


@click.command()
@click.option(
    "--evm-version",
    type=click.Choice(["cancun", "shanghai"]),
    default="cancun",
    show_default=True,
    help="The fork to build for.",
)
def command(evm_version: str) -> None:
    """Compile all contracts; what is in the cache as its sources are now is left alone."""
    start = time.monotonic()
    try:
        artifacts = load_all(evm_version)
    except ArtifactError as error:
        raise click.ClickException(str(error)) from None
    took = time.monotonic() - start
    click.echo(f"{len(artifacts)} contracts for {evm_version} in {cache_folder()}, {took:.1f} s")
