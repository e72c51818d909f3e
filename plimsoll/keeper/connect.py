"""To a network: which provider, which deployment, which account, and where the accounts are read.

ape is imported when a connection is made, not before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plimsoll.evm.handle import EventDecoder
from plimsoll.keeper.watch import EVENTS, Fetch, Watcher
from plimsoll.protocol.client import Plimsoll, connect
from plimsoll.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from plimsoll.protocol.ape_backend import ApeBackend

#: An ape test account: TEST::0, TEST::1, ...
_TEST = "TEST::"


class ConnectionFailed(click.ClickException):
    """The network, the deployment or the account cannot be used; the message says what to do."""


def record_path(network: str) -> Path:
    """Return where `deploy` leaves the record of a network: `ethereum:local:foundry` -> local."""
    parts = network.split(":")
    return Path("deployments") / f"{parts[1] if len(parts) > 1 else parts[0]}.json"


def load_account(backend: ApeBackend, alias: str) -> Any:
    """Return the account of an alias in ape's keystore, or a test account (TEST::0) locally.

    It signs by itself from now on: a keystore asks for its passphrase once, here.
    """
    import ape

    if alias.startswith(_TEST):
        if not backend.is_local:
            raise ConnectionFailed(f"{alias} exists on local networks only; name a keystore")
        number = alias.removeprefix(_TEST)
        if not number.isdecimal():
            raise ConnectionFailed(f"{alias} is no test account; write {_TEST}0")
        return backend.account(int(number))
    try:
        account = ape.accounts.load(alias)
    except KeyError:
        raise ConnectionFailed(
            f"there is no account {alias!r}; see `ape accounts list`, or import one with "
            f"`ape accounts import {alias}`"
        ) from None
    if hasattr(account, "set_autosign"):
        account.set_autosign(True)
    return account


@contextlib.contextmanager
def network(choice: str, node: str | None = None) -> Iterator[None]:
    """Connect ape to a network for the length of the block.

    `node` is the address of a node that runs already, for a provider (foundry) that would start
    one.
    """
    import ape
    from ape.exceptions import ApeException
    from ape.logging import logger

    logger.set_level("WARNING")  # the report says what was sent
    settings = {"host": node} if node else None
    try:
        provider = ape.networks.parse_network_choice(choice, provider_settings=settings)
        provider.__enter__()
    except (ApeException, OSError) as error:
        raise ConnectionFailed(
            f"cannot connect to {choice}: {error}. `ape networks list` has the networks; a local "
            "node that runs already is named by --node http://127.0.0.1:8545"
        ) from None
    try:
        yield
    finally:
        provider.__exit__(None, None, None)


def open_deployment(deployment: Path, alias: str | None) -> tuple[Plimsoll, Any]:
    """Return the deployment on the network ape is connected to, and the account (None: none)."""
    from plimsoll.protocol.ape_backend import ApeBackend

    try:
        backend = ApeBackend()
        account = load_account(backend, alias) if alias else None
        return connect(backend, deployment), account
    except ProtocolError as error:
        raise ConnectionFailed(str(error)) from None


def log_fetch(plimsoll: Plimsoll) -> Fetch:
    """Return what reads the accounts out of the engine's logs, through ape's provider."""
    from plimsoll.protocol.ape_backend import bytes_of

    backend: Any = plimsoll.backend
    # the accounts are the first indexed arguments of each of these events
    indexed: dict[bytes, int] = {}
    for entry in plimsoll.engine.abi:
        if entry["type"] == "event" and entry["name"] in EVENTS:
            indexed[EventDecoder(entry).key[0]] = len(EVENTS[entry["name"]])
    query = {
        "address": plimsoll.engine.address,
        "topics": [["0x" + topic.hex() for topic in indexed]],
    }

    def fetch(first: int, last: int) -> Iterator[int]:
        for found in backend.logs({**query, "fromBlock": first, "toBlock": last}):
            topics = [bytes_of(topic) for topic in found["topics"]]
            for topic in topics[1 : 1 + indexed[topics[0]]]:
                yield int.from_bytes(topic, "big")

    return fetch


def make_watcher(plimsoll: Plimsoll, file: Path | None = None, span: int = 2_000) -> Watcher:
    """Return a watcher that begins at the engine's deployment."""
    return Watcher(
        log_fetch(plimsoll),
        plimsoll.backend.block_number,
        start=plimsoll.record.contracts["engine"].block,
        span=span,
        file=file,
        identity=f"{plimsoll.backend.chain_id}:{plimsoll.engine.address}",
    )
