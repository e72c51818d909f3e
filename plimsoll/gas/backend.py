"""The two chains that rows are measured on: Anvil, and the chain in the process.

Both have the same accounts (keys from names), the same addresses, the same times and the same base
fee, so that a row is the same bytes on both: one transaction a block, 12 s apart.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from plimsoll.evm import Account, Artifact, Chain, Handle
from plimsoll.evm.artifacts import AbiEntry
from plimsoll.evm.chain import ALLOWANCE, _derive, _reason
from plimsoll.evm.handle import AbiError, EventDecoder, _Codec
from plimsoll.gas.node import BLOCK_GAS_LIMIT, CHAIN_ID, HARDFORK
from plimsoll.protocol.backend import Backend, EvmBackend, _created, address_of
from plimsoll.protocol.contract import Contract, Log, Method, Receipt
from plimsoll.protocol.errors import BackendError, Refused
from plimsoll.protocol.rpc import Rpc, RpcError

#: seconds from block to block, and what a block asks for a unit of gas, in wei
BLOCK_TIME = 12
BASE_FEE = 10**9

_GAS = 30_000_000
_MANY_GAS = 500_000
_MANY_PER_BLOCK = 100


@dataclass(frozen=True)
class Call:
    """One transaction that is not sent yet."""

    method: Method
    args: tuple[Any, ...]
    sender: Account

    def send(self) -> Receipt:
        """Send it. Raises Refused."""
        return self.method.transact(*self.args, sender=self.sender)

    def calldata(self) -> bytes:
        """Return selector and arguments."""
        return self.method.encode(*self.args)


class GasBackend(Backend):
    """A chain that can go back and that knows what a transaction costs."""

    is_local = True

    @abstractmethod
    def snapshot(self) -> Any:
        """Remember everything; what this returns serves once."""

    @abstractmethod
    def revert(self, snapshot: Any) -> None:
        """Go back to a snapshot."""

    @abstractmethod
    def many(self, calls: Sequence[Call]) -> None:
        """Send cheap transactions, a hundred in a block: for preparations of many accounts."""

    @abstractmethod
    def gas_of(self, call: Call) -> int:
        """Send a transaction and return what its receipt says: `gasUsed`."""


class ProcessBackend(EvmBackend, GasBackend):
    """The chain in the process. `gas_of` runs the transaction on a cold copy (Chain.metered)."""

    def __init__(self) -> None:
        """Make a chain of its own."""
        chain = Chain(CHAIN_ID, fork=HARDFORK.upper(), gas_limit=BLOCK_GAS_LIMIT)
        chain.basefee = BASE_FEE
        super().__init__(chain)
        self._same_block = False

    def deploy(self, artifact: Artifact, *args: Any, sender: Any = None) -> Contract:
        """Create a contract in a block of its own."""
        self.chain.mine(1, BLOCK_TIME)
        return super().deploy(artifact, *args, sender=sender)

    def transact(
        self, method: Method, args: tuple[Any, ...], *, sender: Any, value: int, gas: int | None
    ) -> Receipt:
        """Run a transaction in a block of its own."""
        if not self._same_block:
            self.chain.mine(1, BLOCK_TIME)
        return super().transact(method, args, sender=sender, value=value, gas=gas)

    def advance(self, seconds: int) -> None:
        """Let time pass, in a block more."""
        self.chain.mine(1, seconds)

    def snapshot(self) -> int:
        """Remember everything."""
        return self.chain.snapshot()

    def revert(self, snapshot: Any) -> None:
        """Go back to a snapshot."""
        self.chain.revert(snapshot)

    def many(self, calls: Sequence[Call]) -> None:
        """Run the transactions, a hundred in a block."""
        for number, call in enumerate(calls):
            self._same_block = number % _MANY_PER_BLOCK != 0
            try:
                call.send()
            finally:
                self._same_block = False

    def gas_of(self, call: Call) -> int:
        """Run a transaction and return its gas as a network would count it."""
        with self.chain.metered():
            return call.send().gas_used


class _Events:
    """What a handle needs of a chain here: somewhere to leave its events."""

    def __init__(self) -> None:
        self.decoders: dict[tuple[bytes, int], EventDecoder] = {}

    def learn_events(self, address: str, abi: list[AbiEntry]) -> None:
        """Know the events of an ABI from now on."""
        for entry in abi:
            if entry["type"] == "event" and not entry.get("anonymous"):
                decoder = EventDecoder(entry)
                self.decoders.setdefault(decoder.key, decoder)


class AnvilBackend(GasBackend):
    """A node of one's own through raw JSON-RPC. It mines when told to: see `node.anvil`."""

    evm_version = HARDFORK
    network = "anvil"

    def __init__(self, rpc: Rpc) -> None:
        """Take a node that nobody else uses."""
        super().__init__()
        self.rpc = rpc
        self.chain_id = int(rpc("eth_chainId"), 16)
        self.genesis = str(rpc("eth_getBlockByNumber", "0x0", False)["hash"])
        self._events = _Events()
        self._accounts: dict[str, Account] = {}
        self._nonces: dict[str, int] = {}
        self._read_head()

    def _read_head(self) -> None:
        head = self.rpc("eth_getBlockByNumber", "latest", False)
        self._time = int(head["timestamp"], 16)
        self._number = int(head["number"], 16)

    # -- accounts ----------------------------------------------------------------------------------

    @property
    def deployer(self) -> Account:
        """The same account as on the chain in the process."""
        return self.account(0)

    def account(self, who: str | int) -> Account:
        """Return the account of a name, funded on first use; the same key as in the process."""
        title = f"account-{who}" if isinstance(who, int) else who
        if title not in self._accounts:
            account = _derive(title)
            self.rpc("anvil_setBalance", account.address, hex(ALLOWANCE))
            self._accounts[title] = account
        return self._accounts[title]

    def _nonce(self, account: Account) -> int:
        if account.address not in self._nonces:
            told = self.rpc("eth_getTransactionCount", account.address, "latest")
            self._nonces[account.address] = int(told, 16)
        return self._nonces[account.address]

    # -- chain -------------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the time of the latest block."""
        return self._time

    def block_number(self) -> int:
        """Return the number of the latest block."""
        return self._number

    def advance(self, seconds: int) -> None:
        """Mine an empty block that is `seconds` later."""
        self._mine(seconds)

    def code(self, address: str) -> bytes:
        """Return the code at an address."""
        return bytes.fromhex(self.rpc("eth_getCode", address_of(address), "latest")[2:])

    def next_address(self, sender: Any) -> str:
        """Return where the next contract that `sender` creates will be."""
        return _created(address_of(sender), self._nonce(sender))

    def snapshot(self) -> tuple[str, tuple[str, ...]]:
        """Remember everything."""
        return str(self.rpc("evm_snapshot")), tuple(self._accounts)

    def revert(self, snapshot: Any) -> None:
        """Go back to a snapshot; accounts made since are forgotten with their ether."""
        number, known = snapshot
        if self.rpc("evm_revert", number) is not True:
            raise BackendError(f"anvil has no snapshot {number}; a snapshot serves once")
        self._accounts = {title: self._accounts[title] for title in known}
        self._nonces.clear()
        self._read_head()

    def _mine(self, seconds: int = BLOCK_TIME) -> None:
        self.rpc("evm_setNextBlockTimestamp", hex(self._time + seconds))
        self.rpc("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE))
        self.rpc("evm_mine")
        self._time += seconds
        self._number += 1

    def _send(self, account: Account, to: str | None, data: bytes, value: int, gas: int) -> str:
        nonce = self._nonce(account)
        txn: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": nonce,
            "gas": gas,
            "gasPrice": 2 * BASE_FEE,
            "value": value,
            "data": data,
            "to": to or b"",
        }
        raw = bytes(account.key.sign_transaction(txn).raw_transaction)
        txn_hash = str(self.rpc("eth_sendRawTransaction", "0x" + raw.hex()))
        self._nonces[account.address] = nonce + 1
        return txn_hash

    def _receipt_of(self, txn_hash: str) -> dict[str, Any]:
        # mining has returned, so the receipt is there or never will be
        found = self.rpc("eth_getTransactionReceipt", txn_hash)
        if found is None:
            raise BackendError(f"anvil left the transaction {txn_hash} out of its block")
        return cast(dict[str, Any], found)

    # -- contracts ---------------------------------------------------------------------------------

    def deploy(self, artifact: Artifact, *args: Any, sender: Any = None) -> Contract:
        """Create a contract in a block of its own."""
        inputs: list[dict[str, Any]] = next(
            (entry["inputs"] for entry in artifact.abi if entry["type"] == "constructor"), []
        )
        data = artifact.bytecode + _Codec(inputs, artifact.name).encode(args)
        account = self.deployer if sender is None else sender
        txn_hash = self._send(account, None, data, 0, _GAS)
        self._mine()
        kept = self._receipt_of(txn_hash)
        if int(kept["status"], 16) != 1:
            raise Refused("", contract=artifact.name, function="__init__")
        contract = self.at(kept["contractAddress"], artifact)
        contract.deployed = self._receipt(kept)
        return contract

    def _handle(self, address: str, artifacts: tuple[Artifact, ...], label: str) -> Handle:
        return Handle(cast(Chain, self._events), address, *artifacts, label=label)

    def transact(
        self, method: Method, args: tuple[Any, ...], *, sender: Any, value: int, gas: int | None
    ) -> Receipt:
        """Send a signed transaction, mine a block with it alone, return its receipt."""
        account = self.deployer if sender is None else sender
        data, to = method.encode(*args), method.contract.address
        txn_hash = self._send(account, to, data, value, _GAS if gas is None else gas)
        self._mine()
        return self._checked(txn_hash, method, account, data)

    def _checked(self, txn_hash: str, method: Method, account: Account, data: bytes) -> Receipt:
        kept = self._receipt_of(txn_hash)
        if int(kept["status"], 16) != 1:
            # the receipt does not say why; the call on the block's own state mostly does
            with contextlib.suppress(BackendError):
                self._query(method, data, account)
            raise Refused("", contract=method.contract.label, function=method.name)
        return self._receipt(kept)

    def call(self, method: Method, args: tuple[Any, ...], *, sender: Any) -> Any:
        """Make an eth_call at the latest block."""
        data = self._query(method, method.encode(*args), sender)
        try:
            return method.function.decode(data, len(args))
        except AbiError as error:
            raise BackendError(
                f"{method.contract.label}.{method.name} returned {error}; is it deployed?"
            ) from None

    def _query(self, method: Method, data: bytes, sender: Any) -> bytes:
        txn = {"to": method.contract.address, "data": "0x" + data.hex()}
        if sender is not None:
            txn["from"] = address_of(sender)
        try:
            told = self.rpc("eth_call", txn, "latest")
        except RpcError as error:
            if "revert" not in error.told:
                raise BackendError(str(error)) from error
            raise Refused(
                _reason(error.data), contract=method.contract.label, function=method.name
            ) from error
        return bytes.fromhex(told[2:])

    def many(self, calls: Sequence[Call]) -> None:
        """Send the transactions, a hundred in a block."""
        for start in range(0, len(calls), _MANY_PER_BLOCK):
            part = calls[start : start + _MANY_PER_BLOCK]
            for call in part:
                to = call.method.contract.address
                self._send(call.sender, to, call.calldata(), 0, _MANY_GAS)
            self._mine()
            kept = self.rpc("eth_getBlockReceipts", hex(self._number))
            if len(kept) != len(part) or any(int(r["status"], 16) != 1 for r in kept):
                raise BackendError(f"{part[0].method} and others did not all succeed in a block")

    def steps(self, call: Call) -> tuple[int, list[dict[str, Any]]]:
        """Send a transaction and return its receipt's gasUsed and its steps, on a tracing node."""
        receipt = call.send()
        options = {"disableStorage": True, "enableMemory": False, "enableReturnData": False}
        trace = self.rpc("debug_traceTransaction", receipt.txn_hash, options)
        return receipt.gas_used, list(trace["structLogs"])

    def gas_of(self, call: Call) -> int:
        """Send a transaction and return its receipt's gasUsed."""
        return call.send().gas_used

    def _receipt(self, kept: dict[str, Any]) -> Receipt:
        def decode() -> list[Log]:
            return [log for log in map(self._log, kept["logs"]) if log is not None]

        return Receipt(
            txn_hash=str(kept["transactionHash"]),
            gas_used=int(kept["gasUsed"], 16),
            block=int(kept["blockNumber"], 16),
            timestamp=self._time,
            decode=decode,
        )

    def _log(self, log: dict[str, Any]) -> Log | None:
        topics = tuple(bytes.fromhex(topic[2:]) for topic in log["topics"])
        decoder = self._events.decoders.get((topics[0], len(topics))) if topics else None
        if decoder is None:
            return None
        args = decoder.decode(topics, bytes.fromhex(log["data"][2:]))
        return Log(decoder.name, address_of(log["address"]), args)
