"""Typed handles: a contract's functions as callables, its results and events as values.

Selectors and codecs are worked out once per ABI entry. Types without a dynamic part (integers,
addresses, bool, bytesN, structs and fixed arrays of them), dynamic arrays of these, and bytes are
coded here, word by word; the rest goes through eth_abi.

Values: integers are int (anything with `__index__` is accepted, bool and float are not), addresses
are checksummed strings (an Account, a Handle or 20 bytes are accepted too), bytesN and Bytes are
bytes, arrays come back as lists, structs and several named outputs as named tuples, several unnamed
outputs as a tuple. A struct is accepted as a tuple, a dict or a dataclass; extra keys and
attributes are refused, so that a typing error is not lost.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

if TYPE_CHECKING:
    from plimsoll.evm.artifacts import AbiEntry, Artifact
    from plimsoll.evm.chain import Chain

_INTEGER = re.compile(r"^(u?)int(\d+)$")
_FIXED_BYTES = re.compile(r"^bytes(\d+)$")
_ARRAY = re.compile(r"^(.*)\[(\d*)\]$")

_Encode = Callable[[Any], bytes]
_Decode = Callable[[bytes, int], Any]


class AbiError(Exception):
    """A value does not fit the type of the ABI, or no function does. The message says which one."""


def address_of(value: Any) -> str:
    """Return the checksummed address of an Account, a Handle, a hex string or 20 bytes.

    Raises AbiError when it is none of these.
    """
    if isinstance(value, str):
        return _checksum(value)
    if isinstance(value, bytes) and len(value) == 20:
        return _checksum("0x" + value.hex())
    known = getattr(value, "address", None)
    if isinstance(known, str):
        return known
    raise AbiError(f"{value!r} is no address; pass an Account, a Handle, a hex string or 20 bytes")


@lru_cache(maxsize=65_536)
def _checksum(text: str) -> str:
    if not is_address(text):
        raise AbiError(f"{text!r} is no address: 20 bytes in hex, and mixed case must checksum")
    return str(to_checksum_address(text))


@dataclasses.dataclass(frozen=True)
class _Type:
    """One ABI type. `size` is in bytes for a static type and None for a dynamic one.

    `encode` and `decode` are those of the value where it stands: for a dynamic type that is behind
    the offset that stands in its place. `is_own` is false where eth_abi has to do it all.
    """

    text: str
    size: int | None
    encode: _Encode
    decode: _Decode
    clean: Callable[[Any], Any]  # what a person passes -> what eth_abi takes
    wrap: Callable[[Any], Any]  # what eth_abi gives -> what a person gets
    is_own: bool = True


def _same(value: Any) -> Any:
    return value


def _type_of(entry: Mapping[str, Any]) -> _Type:
    text: str = entry["type"]
    if found := _ARRAY.match(text):
        return _array_type({**entry, "type": found[1]}, int(found[2]) if found[2] else None)
    if text == "tuple":
        return _struct_type(entry)
    if found := _INTEGER.match(text):
        return _integer_type(text, signed=not found[1], bits=int(found[2]))
    if found := _FIXED_BYTES.match(text):
        return _fixed_bytes_type(text, int(found[1]))
    if text == "address":
        return _Type(text, 32, _encode_address, _decode_address, address_of, _checksum)
    if text == "bool":
        return _Type(text, 32, _encode_bool, _decode_bool, _clean_bool, _same)
    if text == "bytes":
        return _Type(text, None, _encode_bytes, _decode_bytes, _clean_bytes, _same)
    if text == "string":
        return _dynamic(text, _clean_string, _same)
    raise AbiError(f"the type {text!r} is not supported by the handle")


def _dynamic(text: str, clean: Callable[[Any], Any], wrap: Callable[[Any], Any]) -> _Type:
    def encode(value: Any) -> bytes:
        return abi_encode([text], [clean(value)])

    def decode(data: bytes, at: int) -> Any:
        return wrap(abi_decode([text], data[at:])[0])

    return _Type(text, None, encode, decode, clean, wrap, is_own=False)


def _integer_type(text: str, *, signed: bool, bits: int) -> _Type:
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)

    def clean(value: Any) -> int:
        if isinstance(value, bool):
            raise AbiError(f"{value!r} is a bool where {text} is wanted; pass 0 or 1")
        try:
            number = operator.index(value)
        except TypeError:
            raise AbiError(f"{value!r} is no integer where {text} is wanted") from None
        if not low <= number <= high:
            raise AbiError(f"{number} is out of range for {text}")
        return number

    def encode(value: Any) -> bytes:
        return clean(value).to_bytes(32, "big", signed=signed)

    def decode(data: bytes, at: int) -> int:
        return int.from_bytes(data[at : at + 32], "big", signed=signed)

    return _Type(text, 32, encode, decode, clean, _same)


def _fixed_bytes_type(text: str, length: int) -> _Type:
    def clean(value: Any) -> bytes:
        if not isinstance(value, bytes | bytearray) or len(value) != length:
            raise AbiError(f"{value!r} is not {length} bytes where {text} is wanted")
        return bytes(value)

    def encode(value: Any) -> bytes:
        return clean(value).ljust(32, b"\0")

    def decode(data: bytes, at: int) -> bytes:
        return data[at : at + length]

    return _Type(text, 32, encode, decode, clean, _same)


def _clean_bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray):
        raise AbiError(f"{value!r} is not bytes")
    return bytes(value)


def _encode_bytes(value: Any) -> bytes:
    raw = _clean_bytes(value)
    return len(raw).to_bytes(32, "big") + raw + bytes(-len(raw) % 32)


def _decode_bytes(data: bytes, at: int) -> bytes:
    return data[at + 32 : _end_of(data, at, 1)]


def _end_of(data: bytes, at: int, step: int) -> int:
    """Return where the items of `step` bytes end whose count stands at a place. Raises AbiError."""
    end = at + 32 + step * int.from_bytes(data[at : at + 32], "big")
    if len(data) < max(end, at + 32):
        raise AbiError(f"malformed data: {len(data)} bytes end before an array does")
    return end


def _clean_string(value: Any) -> str:
    if not isinstance(value, str):
        raise AbiError(f"{value!r} is no string")
    return value


def _encode_address(value: Any) -> bytes:
    return bytes(12) + bytes.fromhex(address_of(value)[2:])


def _decode_address(data: bytes, at: int) -> str:
    return _checksum("0x" + data[at + 12 : at + 32].hex())


def _clean_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise AbiError(f"{value!r} is no bool")
    return value


def _encode_bool(value: Any) -> bytes:
    return int(_clean_bool(value)).to_bytes(32, "big")


def _decode_bool(data: bytes, at: int) -> bool:
    return data[at + 31] != 0


def _array_type(inner_entry: Mapping[str, Any], length: int | None) -> _Type:
    inner = _type_of(inner_entry)

    def check(values: Any) -> list[Any]:
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise AbiError(f"{values!r} is no sequence where {text} is wanted")
        items = list(values)
        if length is not None and len(items) != length:
            raise AbiError(f"{len(items)} items where {text} is wanted")
        return items

    def clean(values: Any) -> list[Any]:
        return [inner.clean(value) for value in check(values)]

    def wrap(values: Any) -> list[Any]:
        return [inner.wrap(value) for value in values]

    text = f"{inner.text}[{'' if length is None else length}]"
    if inner.size is None:
        return _dynamic(text, clean, wrap)
    step = inner.size
    if length is None:

        def encode_all(values: Any) -> bytes:
            items = check(values)
            return len(items).to_bytes(32, "big") + b"".join(map(inner.encode, items))

        def decode_all(data: bytes, at: int) -> list[Any]:
            return [inner.decode(data, i) for i in range(at + 32, _end_of(data, at, step), step)]

        return _Type(text, None, encode_all, decode_all, clean, wrap)

    def encode(values: Any) -> bytes:
        return b"".join(map(inner.encode, check(values)))

    def decode(data: bytes, at: int) -> list[Any]:
        return [inner.decode(data, at + step * i) for i in range(length)]

    return _Type(text, step * length, encode, decode, clean, wrap)


def _struct_type(entry: Mapping[str, Any]) -> _Type:
    parts = [_type_of(part) for part in entry["components"]]
    names = [part["name"] for part in entry["components"]]
    title = entry.get("name") or "Struct"
    text = f"({','.join(part.text for part in parts)})"
    make = _tuple_maker(title, names)

    def fields(value: Any) -> tuple[Any, ...]:
        return _fields(value, names, title)

    def clean(value: Any) -> tuple[Any, ...]:
        return tuple(p.clean(v) for p, v in zip(parts, fields(value), strict=True))

    def wrap(values: Any) -> Any:
        return make([p.wrap(v) for p, v in zip(parts, values, strict=True)])

    if any(part.size is None for part in parts):
        return _dynamic(text, clean, wrap)
    total, places = _places(parts)

    def encode(value: Any) -> bytes:
        return b"".join(p.encode(v) for p, v in zip(parts, fields(value), strict=True))

    def decode(data: bytes, at: int) -> Any:
        return make([p.decode(data, at + o) for p, o in zip(parts, places, strict=True)])

    return _Type(text, total, encode, decode, clean, wrap)


def _places(parts: list[_Type]) -> tuple[int, list[int]]:
    """Return the total size of types one behind the other, a dynamic one's being that of its
    offset, and the place of each."""
    at, places = 0, []
    for part in parts:
        places.append(at)
        at += 32 if part.size is None else part.size
    return at, places


def _fields(value: Any, names: list[str], title: str) -> tuple[Any, ...]:
    """Return the fields of a struct in order, from a dict, a dataclass or a sequence."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        if set(value) != set(names):
            raise AbiError(
                f"struct {title}: missing {sorted(set(names) - set(value))}, "
                f"unknown {sorted(set(value) - set(names))}"
            )
        return tuple(value[name] for name in names)
    if isinstance(value, tuple | list) and len(value) == len(names):
        return tuple(value)
    raise AbiError(f"struct {title} wants {', '.join(names)}; got {value!r}")


def _tuple_maker(title: str, names: list[str]) -> Callable[[list[Any]], Any]:
    if not names or not all(names):
        return tuple
    clean_title = "".join(c if c.isalnum() else "_" for c in title)
    if not clean_title.isidentifier():
        clean_title = "Struct"
    made: Any = namedtuple(clean_title, names, rename=True)  # type: ignore[misc]
    maker: Callable[[list[Any]], Any] = made._make
    return maker


class _Codec:
    """A list of ABI parameters: arguments of a function, its outputs, or the data of an event."""

    def __init__(self, entries: list[dict[str, Any]], title: str) -> None:
        self.types = [_type_of(entry) for entry in entries]
        self.names = [entry.get("name", "") for entry in entries]
        self.texts = [part.text for part in self.types]
        self._is_own = all(part.is_own for part in self.types)
        self.size, self._places = _places(self.types)
        self._make = _tuple_maker(title, self.names)

    def encode(self, values: tuple[Any, ...]) -> bytes:
        """Encode one value for each parameter; the count has been checked."""
        if self._is_own:
            heads, tails, at = [], [], self.size
            for part, value in zip(self.types, values, strict=True):
                raw = part.encode(value)
                if part.size is None:
                    heads.append(at.to_bytes(32, "big"))
                    tails.append(raw)
                    at += len(raw)
                else:
                    heads.append(raw)
            return b"".join(heads + tails)
        cleaned = [part.clean(v) for part, v in zip(self.types, values, strict=True)]
        return abi_encode(self.texts, cleaned)

    def values(self, data: bytes) -> list[Any]:
        """Decode; raises AbiError when `data` is too short or malformed."""
        if self._is_own:
            if len(data) < self.size:
                raise AbiError(f"{len(data)} bytes where {self.size} are wanted")
            return [
                part.decode(data, at if part.size else int.from_bytes(data[at : at + 32], "big"))
                for part, at in zip(self.types, self._places, strict=True)
            ]
        try:
            raw = abi_decode(self.texts, data)
        except DecodingError as error:
            raise AbiError(f"malformed data: {error}") from error
        return [part.wrap(v) for part, v in zip(self.types, raw, strict=True)]

    def decode(self, data: bytes) -> Any:
        """Decode to None, one value, a named tuple or a tuple."""
        values = self.values(data)
        if not values:
            return None
        return values[0] if len(values) == 1 else self._make(values)


@dataclasses.dataclass(frozen=True)
class Event:
    """One log. `name` is None and `args` is empty when no known ABI describes it.

    An indexed argument of a dynamic type is the 32-byte hash the log holds. `topics` and `data` are
    raw.
    """

    name: str | None
    address: str
    args: dict[str, Any]
    topics: tuple[bytes, ...]
    data: bytes

    def __getattr__(self, name: str) -> Any:
        """Return an argument of the event as an attribute."""
        args = self.__dict__.get("args", {})
        if name in args:
            return args[name]
        raise AttributeError(f"event {self.__dict__.get('name')} has no argument {name!r}")


class EventDecoder:
    """Decodes the logs of one event of an ABI."""

    def __init__(self, entry: AbiEntry) -> None:
        """Take an ABI entry of type "event"."""
        inputs = entry["inputs"]
        self.name: str = entry["name"]
        self.order = [part["name"] for part in inputs]
        self._indexed = [(part["name"], _type_of(part)) for part in inputs if part["indexed"]]
        plain = [part for part in inputs if not part["indexed"]]
        self._plain = _Codec(plain, self.name)
        signature = f"{self.name}({','.join(_type_of(part).text for part in inputs)})"
        #: first topic, and how many topics there are: what tells this event from others
        self.key = (keccak(text=signature), 1 + len(self._indexed))

    def decode(self, topics: tuple[bytes, ...], data: bytes) -> dict[str, Any]:
        """Return the arguments in the order of the declaration."""
        args = dict(zip(self._plain.names, self._plain.values(data), strict=True))
        for (name, kind), topic in zip(self._indexed, topics[1:], strict=True):
            args[name] = kind.decode(topic, 0) if kind.size == 32 else topic
        return {name: args[name] for name in self.order}


class Receipt:
    """What a transaction did.

    `value`: its decoded return (None when it has none). `gas_used`: gas after refunds, with the
    21,000 and the calldata; as on a network only when `metered` is true (see `Chain.metered`), else
    with everything warm. `gas_refunded`: what `gas_used` has already been lowered by. `block`,
    `timestamp`: where it stood.
    """

    __slots__ = (
        "_chain",
        "_logs",
        "_raw",
        "block",
        "gas_refunded",
        "gas_used",
        "metered",
        "timestamp",
        "value",
    )

    def __init__(
        self, chain: Chain, result: Any, *, gas_used: int, gas_refunded: int, metered: bool
    ) -> None:
        """Made by the chain; `result` is the EVM's own, whose logs are decoded when asked for."""
        self._chain = chain
        self._raw = result
        self._logs: list[Event] | None = None
        self.value: Any = None
        self.gas_used = gas_used
        self.gas_refunded = gas_refunded
        self.metered = metered
        self.block = chain.block_number
        self.timestamp = chain.timestamp

    @property
    def logs(self) -> list[Event]:
        """All logs in order, of all contracts; those no known ABI describes are raw."""
        if self._logs is None:
            self._logs = [self._chain.decode_log(log) for log in self._raw.logs]
        return self._logs

    def events(self, name: str, address: Any = None) -> list[Event]:
        """Return the logs of the event `name`, of one contract when `address` is given."""
        where = None if address is None else address_of(address)
        return [e for e in self.logs if e.name == name and where in (None, e.address)]

    def event(self, name: str, address: Any = None) -> Event:
        """Return the only event `name`; raises AbiError when there is none or more than one."""
        found = self.events(name, address)
        if len(found) != 1:
            seen = ", ".join(str(e.name) for e in self.logs) or "none"
            raise AbiError(f"{len(found)} events {name} where one is wanted; the logs are: {seen}")
        return found[0]

    def __repr__(self) -> str:
        return (
            f"Receipt(value={self.value!r}, gas_used={self.gas_used}, logs={len(self._raw.logs)})"
        )


class _Overload:
    """One ABI entry of a function."""

    __slots__ = ("inputs", "mutable", "outputs", "selector", "signature")

    def __init__(self, entry: AbiEntry) -> None:
        self.inputs = _Codec(entry["inputs"], entry["name"])
        self.outputs = _Codec(entry["outputs"], entry["name"])
        self.mutable = entry["stateMutability"] not in ("view", "pure")
        self.signature = f"{entry['name']}({','.join(self.inputs.texts)})"
        self.selector = keccak(text=self.signature)[:4]


class Function:
    """A function of a contract; the count of arguments chooses among Vyper's defaults."""

    def __init__(self, handle: Handle, name: str) -> None:
        """Made by the handle."""
        self.name = name
        self._handle = handle
        self._by_count: dict[int, _Overload] = {}

    def _add(self, entry: AbiEntry) -> None:
        overload = _Overload(entry)
        self._by_count.setdefault(len(overload.inputs.types), overload)

    @property
    def signatures(self) -> dict[int, str]:
        """Count of arguments -> signature, for every overload."""
        return {count: self._by_count[count].signature for count in sorted(self._by_count)}

    @property
    def selector(self) -> bytes:
        """The four bytes of the overload with the most arguments."""
        return self._by_count[max(self._by_count)].selector

    def __call__(
        self, *args: Any, sender: Any = None, value: int = 0, gas: int | None = None
    ) -> Any:
        """Transact and return the Receipt; call a view or pure function and return its value."""
        overload = self._pick(args)
        if overload.mutable:
            return self._run(overload, args, sender, value, gas, "transact")
        return self._run(overload, args, sender, value, gas, "static").value

    def transact(
        self, *args: Any, sender: Any = None, value: int = 0, gas: int | None = None
    ) -> Receipt:
        """Transact, also where the ABI says view; `value` is in wei. Raises Revert or Halt."""
        return self._run(self._pick(args), args, sender, value, gas, "transact")

    def call(self, *args: Any, sender: Any = None, value: int = 0, gas: int | None = None) -> Any:
        """Return what a call gives and leave no trace of it. Raises Revert or Halt."""
        return self.simulate(*args, sender=sender, value=value, gas=gas).value

    def simulate(
        self, *args: Any, sender: Any = None, value: int = 0, gas: int | None = None
    ) -> Receipt:
        """Like `call`, but return the Receipt, with gas and logs."""
        overload = self._pick(args)
        mode: Literal["simulate", "static"] = "simulate" if overload.mutable else "static"
        return self._run(overload, args, sender, value, gas, mode)

    def encode(self, *args: Any) -> bytes:
        """Return the calldata: selector and arguments."""
        overload = self._pick(args)
        return overload.selector + self._encoded(overload, args)

    def decode(self, data: bytes, count: int | None = None) -> Any:
        """Decode return data, of the overload with `count` arguments (default: the most)."""
        return self._by_count[max(self._by_count) if count is None else count].outputs.decode(data)

    def decode_args(self, calldata: bytes) -> dict[str, Any]:
        """Return the arguments by name of calldata that begins with a selector of this function."""
        for overload in self._by_count.values():
            if overload.selector == calldata[:4]:
                values = overload.inputs.values(calldata[4:])
                return dict(zip(overload.inputs.names, values, strict=True))
        raise AbiError(f"0x{calldata[:4].hex()} is no selector of {self._title}")

    @property
    def _title(self) -> str:
        return f"{self._handle.label}.{self.name}"

    def _pick(self, args: tuple[Any, ...]) -> _Overload:
        overload = self._by_count.get(len(args))
        if overload is None:
            known = " or ".join(self.signatures.values())
            raise AbiError(f"{self._title} got {len(args)} arguments; it is {known}")
        return overload

    def _encoded(self, overload: _Overload, args: tuple[Any, ...]) -> bytes:
        try:
            return overload.inputs.encode(args)
        except AbiError as error:
            raise AbiError(f"{self._handle.label}.{overload.signature}: {error}") from None

    def _run(
        self,
        overload: _Overload,
        args: tuple[Any, ...],
        sender: Any,
        value: int,
        gas: int | None,
        mode: Literal["transact", "simulate", "static"],
    ) -> Receipt:
        handle = self._handle
        data, receipt = handle.chain.execute(
            handle.address,
            overload.selector + self._encoded(overload, args),
            sender=sender,
            value=value,
            gas=gas,
            mode=mode,
            contract=handle.label,
            function=self.name,
        )
        if overload.outputs.types:
            try:
                receipt.value = overload.outputs.decode(data)
            except AbiError as error:
                raise AbiError(
                    f"{self._title} at {handle.address} returned {error}; "
                    "is the contract deployed there?"
                ) from None
        return receipt

    def __repr__(self) -> str:
        return f"<{self._title}: {'; '.join(self.signatures.values())}>"


class Handle:
    """A contract at an address.

    `handle.fn(...)` transacts, or calls when the function is view or pure; `handle.fn.call`,
    `.transact`, `.simulate` and `.encode` say which. `functions` has them all by name, also those
    whose name is taken by an attribute of the handle (`address`, `abi`, `label`, `chain`,
    `functions`, `deployed`, `code_size`).
    """

    def __init__(
        self, chain: Chain, address: Any, *abis: list[AbiEntry] | Artifact, label: str = ""
    ) -> None:
        """Take one or more ABIs or artifacts; entries of the earlier ones win, so that a root whose
        `__default__` forwards to a second contract carries the functions of both.

        `label` is the name in error messages; the default is the first artifact's name.
        """
        self.chain = chain
        self.address = address_of(address)
        self.functions: dict[str, Function] = {}
        self.abi: list[AbiEntry] = []
        for source in abis:
            if not isinstance(source, list):
                label = label or source.name
            self._merge(source if isinstance(source, list) else source.abi)
        self.label = label or "Contract"
        #: the receipt of the deployment, when this handle made it
        self.deployed: Receipt | None = None
        chain.learn_events(self.address, self.abi)

    def _merge(self, abi: list[AbiEntry]) -> None:
        for entry in abi:
            if entry in self.abi:
                continue
            self.abi.append(entry)
            if entry["type"] == "function":
                name = entry["name"]
                if name not in self.functions:
                    self.functions[name] = Function(self, name)
                    if not hasattr(type(self), name):
                        self.__dict__.setdefault(name, self.functions[name])
                self.functions[name]._add(entry)

    @property
    def code_size(self) -> int:
        """Bytes of code at the address; 0 when there is no contract."""
        return len(self.chain.code(self.address))

    def __getattr__(self, name: str) -> Function:
        known = ", ".join(sorted(self.__dict__.get("functions", {}))) or "none"
        raise AttributeError(
            f"{self.__dict__.get('label')} has no function {name!r}; it has {known}"
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Handle)
            and other.address == self.address
            and other.chain is self.chain
        )

    def __hash__(self) -> int:
        return hash(self.address)

    def __repr__(self) -> str:
        return f"<{self.label} at {self.address}>"
