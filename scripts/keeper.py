"""`ape run keeper`: the keeper of `plimsoll keeper`, on the network that ape is told."""

from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand

from plimsoll.keeper.cli import options, run


@click.command(cls=ConnectedProviderCommand)
@options
def cli(**chosen: Any) -> None:
    """Liquidate, resolve and settle; see `plimsoll keeper --help`."""
    run(str(ape.networks.active_provider.network_choice), **chosen)
