"""Names for storage words: "the trader's account", not keccak(1, ...)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eth_utils.crypto import keccak

from plimsoll.evm.handle import EventDecoder
from plimsoll.gas.backend import Call
from plimsoll.gas.stage import MARKETS, Stage
from plimsoll.protocol.client import FUND, KINDS, account_id

_MAP = re.compile(r"^HashMap\[(\w+), (.+)\]$")
_ARRAY = re.compile(r"^\w+\[(\d+)\]$")
_EPOCHS = 3

Keys = Mapping[str, list[tuple[str, int]]]


class Words:
    """The names of a stage's contracts and of the storage words that a row may touch."""

    def __init__(self, stage: Stage, call: Call) -> None:
        """Work out the places of all words of the people and markets on the stage."""
        plimsoll = stage.plimsoll
        kept = plimsoll.record.contracts
        # a stage has no timelock
        self.contracts = {kept[key].address: KINDS[key][0] for key in KINDS if key in kept}
        for info in plimsoll.markets.values():
            self.contracts[info.feed.address] = f"feed proxy {info.number}"
            if info.aggregator is not None:
                self.contracts[info.aggregator.address] = f"aggregator {info.number}"
        for token in plimsoll.collateral.values():
            self.contracts[token.token.address] = f"collateral {token.name}"
        parts = (
            plimsoll.engine,
            plimsoll.token,
            plimsoll.oracle,
            plimsoll.risk,
            plimsoll.fund,
            plimsoll.vault,
        )
        decoders = [
            EventDecoder(entry) for part in parts for entry in part.abi if entry["type"] == "event"
        ]
        self._events = {int.from_bytes(decoder.key[0], "big"): decoder.name for decoder in decoders}
        self._names: dict[str, dict[int, str]] = {}
        known = _keys(stage, call)
        artifact = stage.backend.artifact
        for address, name in self.contracts.items():
            kinds = {"feed": "FeedProxy", "aggr": "MockAggregator", "coll": "TestToken"}
            kind = kinds.get(name[:4], name)
            layout = artifact(kind).layout.get("storage_layout", {})
            self._names[address] = dict(_words(layout, known))

    def contract(self, address: str) -> str:
        """Return the name of a contract; its address when it has none."""
        return self.contracts.get(address, address)

    def event(self, topic: int) -> str:
        """Return the name of an event by its first topic."""
        return self._events.get(topic, "an unknown event")

    def word(self, address: str, slot: int) -> str:
        """Return the name of a storage word."""
        return self._names.get(address, {}).get(slot, "a word")


def _keys(stage: Stage, call: Call) -> Keys:
    """Return the keys that maps may have here, by the type of the key."""
    people = [(name, who) for name, who in vars(stage).items() if hasattr(who, "sign_hash")]
    named = [(name.replace("_", " "), account_id(who)) for name, who in people]
    addresses = [(name.replace("_", " "), int(who.address, 16)) for name, who in people]
    plimsoll = stage.plimsoll
    addresses += [(key, int(kept.address, 16)) for key, kept in plimsoll.record.contracts.items()]
    orders = [
        ("the order", int.from_bytes(bytes(stage.engine.order_hash(arg)), "big"))
        for arg in call.args[:1]
        if isinstance(arg, tuple)
    ]
    listed = [("account", i) for arg in call.args if isinstance(arg, list) for i in arg]
    return {
        "uint256": [("the house", FUND), *named, *listed, *_closings()],
        "address": addresses,
        "bytes32": orders,
    }


def _closings() -> Iterator[tuple[str, int]]:
    for epoch in range(1, _EPOCHS + 1):
        for market in range(MARKETS):
            for side, is_long in (("short", 0), ("long", 1)):
                key = epoch << 8 | market << 1 | is_long
                yield f"market {market}, {side}, epoch {epoch}", key


def _words(layout: Mapping[str, Any], keys: Keys) -> Iterator[tuple[int, str]]:
    """Yield slot and name of every word of a storage layout; modules stand in nested tables."""
    for name, entry in layout.items():
        if not isinstance(entry.get("slot"), int):
            yield from _words(entry, keys)
            continue
        yield from _places(name, entry["slot"], entry["type"], (), keys)


def _places(
    name: str, slot: int, kind: str, path: tuple[str, ...], keys: Keys
) -> Iterator[tuple[int, str]]:
    found = _MAP.match(kind)
    if found:
        for title, key in keys.get(found[1], []):
            inner = keccak(slot.to_bytes(32, "big") + key.to_bytes(32, "big"))
            place = int.from_bytes(inner, "big")
            yield from _places(name, place, found[2], (*path, title), keys)
        return
    length = _ARRAY.match(kind)
    count = int(length[1]) if length else 1
    for at in range(count):
        index, part = _index(name, at) if length else ("", "")
        told = ", ".join((*path, index) if index else path)
        yield slot + at, f"{name}[{told}]{part}" if told else name


def _index(name: str, at: int) -> tuple[str, str]:
    """Return what stands in the brackets for an element, and behind them."""
    if name == "positions":
        return f"market {at // 2}", f".{('snap', 'profit')[at % 2]}"
    if name == "freezes":
        parts = ("until", "long", "short", "long_charge", "short_charge")
        return f"market {at // 5}", f".{parts[at % 5]}"
    if name == "books":
        return f"market {at // 4}", f".{('long', 'short', 'book', 'config')[at % 4]}"
    return str(at), ""
