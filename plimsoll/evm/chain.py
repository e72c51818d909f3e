"""A chain in the process, on pyrevm: blocks, accounts, snapshots, calls.

What pyrevm 0.3.7 does, found by trying, and what `Chain` makes of it:

- It keeps one journal open for ever. Addresses and slots touched once stay warm and a slot's
  "original" value never moves on, so that plain `gas_used` is not a network's: it has the 21,000,
  the calldata and the refunds, but no cold access (EIP-2929) and the wrong store prices (EIP-2200).
  Inside `Chain.metered()` each transaction runs a second time on a copy whose accesses are all
  cold, and the receipt has that gas; a test compares it with Anvil.
- Transient storage would outlive the transaction; it is cleared before each one.
- Its BASEFEE is 0 whatever the block says, so `deploy` puts PREVRANDAO in its place (same size,
  same gas), which can be set: `Chain.basefee` works, `block.prevrandao` in a contract gives the
  base fee, and the code on this chain differs in those bytes. tx.gasprice is 0.
- A call does not raise the sender's nonce, a deployment does. Nobody needs ether to call.
- The code it gives back is padded with 33 zero bytes once it has run; `code` takes them off.
- Revert data stands only in the error's text. A revert by the compiler's own checks (overflow,
  bounds, calldata, unknown selector) is empty in Vyper.
- Reverting to a snapshot with later ones still open would leave the call depth raised by each of
  them, until calls fail with CallTooDeep at 1024; `revert` closes the later ones first. At most
  1,000 may be open.
- Code and balances set from outside stand beside the journal: `revert` does not take them back.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import pyrevm
from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError
from eth_account import Account as EthAccount
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.crypto import keccak
from pyrevm import BlockEnv, CfgEnv, Env

from plimsoll.evm.artifacts import AbiEntry, Artifact
from plimsoll.evm.handle import (
    AbiError,
    Event,
    EventDecoder,
    Handle,
    Receipt,
    _Codec,
    address_of,
)

#: Where a fresh chain stands: seconds since 1970, and blocks.
GENESIS_TIME = 1_750_000_000
GENESIS_BLOCK = 1

#: What an account starts with, in wei.
ALLOWANCE = 10**24

_GAS_LIMIT = 30_000_000
_MAX_SNAPSHOTS = 1_000
#: older forks are for local nodes, where EIP-170 can be lifted: code without transient storage is
#: larger
_CODE_LIMITS = {"SHANGHAI": 49_152}
_PADDING = 33
_BASEFEE, _PREVRANDAO, _PUSH0 = 0x48, 0x44, 0x5F
_COMMON_REVERT = bytes.fromhex("5b5f80fd")
_NO_CODE_HASH = keccak(b"")
_account_info: Any = pyrevm.AccountInfo  # its stub leaves the balance out
_ERROR = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")

_REVERTED = re.compile(r"^Revert \{ gas_used: (\d+), output: 0x([0-9a-fA-F]*) \}$")
_HALTED = re.compile(r"^Halt \{ reason: (.*), gas_used: (\d+) \}$", re.DOTALL)

# the journal, as pyrevm prints it: the only way to a contract's storage that does not ask slot by
# slot
_ACCOUNT = re.compile(
    r"(0x[0-9a-f]{40}): Account \{ info: AccountInfo \{.*?\}, "
    r"storage: \{(.*?)\}, status: AccountStatus\(",
    re.DOTALL,
)
_SLOT = re.compile(
    r"(\d+): StorageSlot \{ previous_or_original_value: \d+, present_value: (\d+) \}"
)


class ChainError(Exception):
    """The chain was asked for something it cannot do. The message says what to do next."""


class CallFailed(ChainError):  # noqa: N818, it is the family of Revert and Halt
    """A call or a deployment did not succeed; its state changes are gone.

    `contract` and `function` name what was called, `gas_used` is what it cost until then.
    """

    def __init__(self, message: str, *, contract: str, function: str, gas_used: int) -> None:
        self.contract = contract
        self.function = function
        self.gas_used = gas_used
        super().__init__(message)


class Revert(CallFailed):
    """The contract reverted.

    `reason` is the decoded Error(string), "panic 0x11", or ""; `data` is raw.
    """

    def __init__(self, contract: str, function: str, data: bytes, gas_used: int) -> None:
        self.data = data
        self.reason = _reason(data)
        told = self.reason
        if not told:
            told = (
                f"custom data 0x{data.hex()}"
                if data
                else (
                    "no reason given; in Vyper this is an overflow, a bound, a failed conversion, "
                    "an argument out of its type's range or an unknown selector"
                )
            )
        super().__init__(
            f"{contract}.{function} reverted: {told}",
            contract=contract,
            function=function,
            gas_used=gas_used,
        )


class Halt(CallFailed):
    """The EVM stopped without a revert; `reason` is its word, as in "OutOfGas(Basic)"."""

    def __init__(self, contract: str, function: str, reason: str, gas_used: int) -> None:
        self.reason = reason
        hint = (
            "raise gas= or look for an unbounded loop"
            if "OutOfGas" in reason
            else "all its gas is gone"
        )
        super().__init__(
            f"{contract}.{function} halted: {reason}; {hint}",
            contract=contract,
            function=function,
            gas_used=gas_used,
        )


class SnapshotError(ChainError):
    """A snapshot is closed already, or there are too many."""

    def __init__(self, trouble: str) -> None:
        super().__init__(f"{trouble}; a snapshot serves once, and reverting closes all later ones")


@dataclass(frozen=True)
class Account:
    """An account with a key that anyone can derive from its name: for tests and demos only."""

    name: str
    address: str
    key: LocalAccount

    def sign_hash(self, digest: bytes) -> bytes:
        """Return the 65-byte signature (r, s, v with v 27 or 28) of a 32-byte digest."""
        return bytes(self.key.unsafe_sign_hash(Hash32(digest)).signature)

    def sign_typed(self, message: dict[str, Any]) -> bytes:
        """Return the 65-byte signature of a full EIP-712 message.

        `message` has the keys types, primaryType, domain and message.
        """
        return bytes(self.key.sign_typed_data(full_message=message).signature)

    def __repr__(self) -> str:
        return f"<{self.name} {self.address}>"


@lru_cache(maxsize=4_096)
def _derive(name: str) -> Account:
    key: LocalAccount = EthAccount.from_key(keccak(text=f"plimsoll account {name}"))
    return Account(name=name, address=str(key.address), key=key)


def _reason(data: bytes) -> str:
    try:
        if data[:4] == _ERROR:
            return str(abi_decode(["string"], data[4:])[0])
        if data[:4] == _PANIC:
            return f"panic {abi_decode(['uint256'], data[4:])[0]:#04x}"
    except DecodingError:
        return ""
    return ""


def _info(known: Any, code: bytes) -> Any:
    """Return what `known` is, with other code (to pyrevm, none is not the same as empty)."""
    more = {"code": code} if code else {}
    return _account_info(balance=known.balance, nonce=known.nonce, **more)


@lru_cache(maxsize=256)
def _creation(bytecode: bytes, runtime: bytes) -> bytes:
    """Return creation code whose runtime reads the base fee where this chain can put one.

    BASEFEE and PREVRANDAO have one byte and two gas each. Vyper's code ends with the common revert;
    what follows are jump tables, which are left alone.
    """
    code = bytearray(runtime)
    end = runtime.rfind(_COMMON_REVERT)
    at = 0
    while at < end:
        if code[at] == _BASEFEE:
            code[at] = _PREVRANDAO
        at += 1 + (code[at] - _PUSH0 if _PUSH0 < code[at] <= _PUSH0 + 32 else 0)
    return bytecode.replace(runtime, bytes(code))


@dataclass(frozen=True)
class _Snapshot:
    checkpoint: Any
    block_number: int
    timestamp: int
    basefee: int


class Chain:
    """An EVM with blocks that move only when told to.

    `chain_id` is what contracts see. `fork` is the EVM's rules ("CANCUN", "SHANGHAI"). Every
    transaction runs in the current block; `mine` or `set_time` goes on to another.
    """

    def __init__(
        self,
        chain_id: int = 31_337,
        *,
        timestamp: int = GENESIS_TIME,
        fork: str = "CANCUN",
        gas_limit: int = _GAS_LIMIT,
    ) -> None:
        self.chain_id = chain_id
        self.fork = fork
        self.gas_limit = gas_limit
        self.block_number = GENESIS_BLOCK
        self.timestamp = timestamp
        self._basefee = 0
        self._evm = self._fresh()
        self._snapshots: list[tuple[int, _Snapshot]] = []
        self._next_snapshot = 1
        self._metered = False
        self._codes: dict[bytes, bytes] = {_NO_CODE_HASH: b""}
        self._settled: dict[str, dict[int, int]] = {}
        self._accounts: dict[str, Account] = {}
        self._events_at: dict[str, dict[tuple[bytes, int], EventDecoder]] = {}
        self._events: dict[tuple[bytes, int], EventDecoder] = {}
        self.default_sender = self.account(0)

    # -- accounts ----------------------------------------------------------------------------------

    def account(self, name: str | int) -> Account:
        """Return the account `name`, made and funded on first use; n stands for "account-n".

        The same name gives the same key on every chain.
        """
        title = f"account-{name}" if isinstance(name, int) else name
        if title not in self._accounts:
            account = _derive(title)
            self._accounts[title] = account
            # into the database, so that reverting to before the first use leaves the account funded
            self._evm.insert_account_info(account.address, _account_info(balance=ALLOWANCE))
        return self._accounts[title]

    def balance(self, who: Any) -> int:
        """Return the ether of an account, in wei."""
        return int(self._evm.get_balance(address_of(who)))

    def set_balance(self, who: Any, wei: int) -> None:
        """Set the ether of an account. `revert` may not take it back."""
        self._evm.set_balance(address_of(who), wei)

    # -- blocks ------------------------------------------------------------------------------------

    @property
    def basefee(self) -> int:
        """What deployed contracts see as block.basefee, in wei; 0 at first. Set it to change it."""
        return self._basefee

    @basefee.setter
    def basefee(self, wei: int) -> None:
        self._basefee = wei
        self._evm.set_block_env(self._block())

    def mine(self, blocks: int = 1, seconds: int = 12) -> None:
        """Go on by `blocks` blocks that are `seconds` apart each; 0 seconds is allowed."""
        if blocks < 1 or seconds < 0:
            raise ChainError("mine takes at least one block and no negative time")
        self._to(self.block_number + blocks, self.timestamp + blocks * seconds)

    def set_time(self, timestamp: int) -> None:
        """Go on by one block, to `timestamp` (seconds since 1970), which may not be in the past."""
        if timestamp < self.timestamp:
            raise ChainError(
                f"{timestamp} is before {self.timestamp}; time only goes on, or use anchor()"
            )
        self._to(self.block_number + 1, timestamp)

    def _to(self, block_number: int, timestamp: int) -> None:
        self.block_number = block_number
        self.timestamp = timestamp
        self._evm.set_block_env(self._block())

    def _block(self) -> BlockEnv:
        return BlockEnv(
            number=self.block_number,
            timestamp=self.timestamp,
            gas_limit=self.gas_limit,
            prevrandao=self._basefee.to_bytes(32, "big"),
        )

    def _fresh(self) -> Any:
        cfg = CfgEnv(chain_id=self.chain_id, limit_contract_code_size=_CODE_LIMITS.get(self.fork))
        env = Env(cfg=cfg, block=self._block())
        return pyrevm.EVM(env=env, gas_limit=self.gas_limit, spec_id=self.fork)

    # -- snapshots ---------------------------------------------------------------------------------

    def snapshot(self) -> int:
        """Remember state, block and time; return the id for `revert` or `release`."""
        if len(self._snapshots) >= _MAX_SNAPSHOTS:
            raise SnapshotError(f"{_MAX_SNAPSHOTS} snapshots are open, release some")
        number = self._next_snapshot
        self._next_snapshot += 1
        kept = _Snapshot(self._evm.snapshot(), self.block_number, self.timestamp, self._basefee)
        self._snapshots.append((number, kept))
        return number

    def revert(self, snapshot: int) -> None:
        """Go back to a snapshot; it and all later ones are closed."""
        at = self._position(snapshot)
        first = self._snapshots[at][1]
        while len(self._snapshots) > at:
            self._evm.revert(self._snapshots.pop()[1].checkpoint)
        if (first.block_number, first.timestamp, first.basefee) != (
            self.block_number,
            self.timestamp,
            self._basefee,
        ):
            self._basefee = first.basefee
            self._to(first.block_number, first.timestamp)

    def release(self, snapshot: int) -> None:
        """Close a snapshot and all later ones, and keep the state as it is."""
        at = self._position(snapshot)
        while len(self._snapshots) > at:
            self._snapshots.pop()
            self._evm.commit()

    @contextlib.contextmanager
    def anchor(self) -> Iterator[None]:
        """Undo on leaving whatever happened inside, errors or not."""
        snapshot = self.snapshot()
        try:
            yield
        finally:
            if any(number == snapshot for number, _ in self._snapshots):
                self.revert(snapshot)

    def _position(self, snapshot: int) -> int:
        for at, (number, _) in enumerate(self._snapshots):
            if number == snapshot:
                return at
        raise SnapshotError(f"snapshot {snapshot} is not open")

    # -- contracts ---------------------------------------------------------------------------------

    def at(self, address: Any, *abis: Artifact | list[AbiEntry], label: str = "") -> Handle:
        """Return a handle for an address, with the ABIs of one or more artifacts."""
        return Handle(self, address, *abis, label=label)

    def deploy(
        self, artifact: Artifact, *args: Any, sender: Any = None, value: int = 0, label: str = ""
    ) -> Handle:
        """Create a contract and return its handle; `deployed` has the receipt.

        Raises Revert or Halt (the function's name is `__init__`), AbiError for wrong constructor
        arguments.
        """
        name = label or artifact.name
        inputs: list[dict[str, Any]] = next(
            (entry["inputs"] for entry in artifact.abi if entry["type"] == "constructor"), []
        )
        if len(args) != len(inputs):
            wanted = ", ".join(f"{part['type']} {part['name']}" for part in inputs) or "none"
            raise AbiError(f"{name}.__init__ got {len(args)} arguments; it wants {wanted}")
        code = _creation(artifact.bytecode, artifact.runtime) + _Codec(inputs, name).encode(args)
        caller = self.default_sender.address if sender is None else address_of(sender)
        metered = self._measure_deploy(caller, code, value) if self._metered else None
        self._evm.reset_transient_storage()
        try:
            address = self._evm.deploy(caller, code, value=value)
        except RuntimeError as error:
            raise _failure(error, name, "__init__") from None
        handle = Handle(self, address, artifact, label=label)
        handle.deployed = self._receipt(metered)
        return handle

    def code(self, address: Any) -> bytes:
        """Return the code at an address; empty when there is none."""
        return self._code(self._evm.basic(address_of(address)))

    def _code(self, info: Any) -> bytes:
        """Return an account's code without the padding that pyrevm adds when it analyses it."""
        known = self._codes.get(info.code_hash)
        if known is None:
            known = bytes(info.code or b"")
            if keccak(known) != info.code_hash:
                known = known[:-_PADDING]
            self._codes[info.code_hash] = known
        return known

    def set_code(self, address: Any, code: bytes) -> None:
        """Put runtime code at an address, keeping storage and ether; not undone by `revert`."""
        where = address_of(address)
        self._evm.insert_account_info(where, _info(self._evm.basic(where), code))

    def storage(self, address: Any, slot: int) -> int:
        """Return a storage word as an unsigned integer."""
        return int(self._evm.storage(address_of(address), slot))

    def set_storage(self, address: Any, slot: int, value: int) -> None:
        """Write a storage word, a negative one in two's complement; `revert` undoes it."""
        where = address_of(address)
        self._evm.storage(where, slot)  # loads the account, so that the write goes into the journal
        self._evm.insert_account_storage(where, slot, value % 2**256)

    # -- execution ---------------------------------------------------------------------------------

    def transact(
        self,
        to: Any,
        data: bytes = b"",
        *,
        sender: Any = None,
        value: int = 0,
        gas: int | None = None,
    ) -> Receipt:
        """Send raw calldata; the receipt's `value` is the raw return. Raises Revert or Halt."""
        return self._raw(to, data, sender, value, gas, "transact")

    def call(
        self, to: Any, data: bytes = b"", *, sender: Any = None, gas: int | None = None
    ) -> Receipt:
        """Make a static call with raw calldata; the receipt's `value` is the raw return.

        Raises Revert, or Halt when the contract tries to change state.
        """
        return self._raw(to, data, sender, 0, gas, "static")

    def _raw(
        self,
        to: Any,
        data: bytes,
        sender: Any,
        value: int,
        gas: int | None,
        mode: Literal["transact", "simulate", "static"],
    ) -> Receipt:
        where = address_of(to)
        returned, receipt = self.execute(
            where,
            data,
            sender=sender,
            value=value,
            gas=gas,
            mode=mode,
            contract=where,
            function=f"0x{data[:4].hex()}",
        )
        receipt.value = returned
        return receipt

    def execute(
        self,
        to: str,
        data: bytes,
        *,
        sender: Any,
        value: int,
        gas: int | None,
        mode: Literal["transact", "simulate", "static"],
        contract: str,
        function: str,
    ) -> tuple[bytes, Receipt]:
        """Run calldata; return the raw result and the receipt. Handles and raw calls share it.

        `simulate` takes back what it did, `static` forbids to change state. `contract` and
        `function` are names for the error's message.
        """
        caller = self.default_sender.address if sender is None else address_of(sender)
        evm = self._evm
        metered = None
        if self._metered:
            metered = self._measure_call(caller, to, data, value, gas, mode == "static")
        evm.reset_transient_storage()
        undo = evm.snapshot() if mode == "simulate" else None
        try:
            returned = evm.message_call(
                caller, to, calldata=data, value=value, gas=gas, is_static=mode == "static"
            )
        except RuntimeError as error:
            raise _failure(error, contract, function, metered) from None
        else:
            return returned, self._receipt(metered)
        finally:
            if undo is not None:
                evm.revert(undo)

    def _receipt(self, metered: tuple[int, int] | None) -> Receipt:
        result = self._evm.result
        used, refunded = metered or (result.gas_used, result.gas_refunded)
        return Receipt(
            self, result, gas_used=used, gas_refunded=refunded, metered=metered is not None
        )

    # -- gas as on a network -----------------------------------------------------------------------

    @contextlib.contextmanager
    def metered(self) -> Iterator[None]:
        """Give the receipts made inside the gas a network would charge.

        Costs about a millisecond for each hundred slots and transactions since the last `compact`,
        which this calls on entry when no snapshot is open.
        """
        if not self._snapshots:
            self.compact()
        before, self._metered = self._metered, True
        try:
            yield
        finally:
            self._metered = before

    def compact(self) -> None:
        """Start a new journal from the state as it is; for runs of millions of transactions.

        Raises SnapshotError when a snapshot is open.
        """
        if self._snapshots:
            raise SnapshotError("compact() needs all snapshots closed")
        state = self._state()
        self._evm = self._copy(state)
        self._settled = state

    def _measure_call(
        self, caller: str, to: str, data: bytes, value: int, gas: int | None, static: bool
    ) -> tuple[int, int]:
        twin = self._copy(self._state())
        try:
            twin.message_call(caller, to, calldata=data, value=value, gas=gas, is_static=static)
        except RuntimeError as error:
            return _failure(error, "", "").gas_used, 0
        return twin.result.gas_used, twin.result.gas_refunded

    def _measure_deploy(self, caller: str, code: bytes, value: int) -> tuple[int, int]:
        twin = self._copy(self._state())
        try:
            twin.deploy(caller, code, value=value)
        except RuntimeError as error:
            return _failure(error, "", "").gas_used, 0
        return twin.result.gas_used, twin.result.gas_refunded

    def _state(self) -> dict[str, dict[int, int]]:
        """Return address -> slot -> word, of every slot that was ever touched."""
        state = {address: dict(slots) for address, slots in self._settled.items()}
        text = self._evm.journal_str
        text = text[: text.index("transient_storage: {")]
        for found in _ACCOUNT.finditer(text):
            slots = state.setdefault(address_of(found[1]), {})
            slots.update((int(slot), int(word)) for slot, word in _SLOT.findall(found[2]))
        return state

    def _copy(self, state: dict[str, dict[int, int]]) -> Any:
        """Return an EVM with the same accounts and storage, in which nothing has been touched."""
        twin = self._fresh()
        for address in {*state, *self._evm.db_accounts}:
            known = self._evm.basic(address)
            # what is inserted lands in the database; reverting takes it off the journal, where it
            # would be warm
            undo = twin.snapshot()
            twin.insert_account_info(address, _info(known, self._code(known)))
            twin.revert(undo)
            for slot, word in state.get(address, {}).items():
                if word:
                    undo = twin.snapshot()
                    twin.insert_account_storage(address, slot, word)
                    twin.revert(undo)
        return twin

    # -- events ------------------------------------------------------------------------------------

    def learn_events(self, address: str, abi: list[AbiEntry]) -> None:
        """Know the events of an ABI from now on: for this address first, and for any other."""
        here = self._events_at.setdefault(address, {})
        for entry in abi:
            if entry["type"] == "event" and not entry.get("anonymous"):
                decoder = EventDecoder(entry)
                here[decoder.key] = decoder
                self._events.setdefault(decoder.key, decoder)

    def decode_log(self, log: Any) -> Event:
        """Decode one log of pyrevm's result; name None when it cannot be."""
        topics, data = log.data
        topics = tuple(bytes(topic) for topic in topics)
        address = address_of(log.address)
        key = (topics[0], len(topics)) if topics else (b"", 0)
        decoder = self._events_at.get(address, {}).get(key) or self._events.get(key)
        if decoder is not None:
            with contextlib.suppress(AbiError):
                args = decoder.decode(topics, bytes(data))
                return Event(decoder.name, address, args, topics, bytes(data))
        return Event(None, address, {}, topics, bytes(data))


def _failure(
    error: RuntimeError, contract: str, function: str, metered: tuple[int, int] | None = None
) -> CallFailed:
    """Read pyrevm's error text."""
    text = str(error)
    if found := _REVERTED.match(text):
        used = metered[0] if metered else int(found[1])
        return Revert(contract, function, bytes.fromhex(found[2]), used)
    if found := _HALTED.match(text):
        used = metered[0] if metered else int(found[2])
        return Halt(contract, function, found[1], used)
    return CallFailed(
        f"{contract}.{function} was not run: {text[:300]}",
        contract=contract,
        function=function,
        gas_used=0,
    )
