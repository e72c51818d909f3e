"""The route through ape: any network it is connected to.

Contracts are deployed through ape (its account, its `ContractContainer`, its fees and
confirmations). Calls are encoded and decoded by the codecs of `plimsoll.evm`, so that both routes
take and give the same values; ape sends them. To an Anvil on the local network goes the same,
signed by the same accounts of ape's, without the many requests and waits that ape puts around it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import ape
from ape.api.accounts import TestAccountAPI
from ape.contracts import ContractContainer
from ape.exceptions import (
    ApeException,
    ContractLogicError,
    OutOfGasError,
    TransactionError,
)
from eth_utils.crypto import keccak
from ethpm_types import ContractType
from requests.exceptions import RequestException

from plimsoll.evm import Artifact, Chain, Handle
from plimsoll.evm.artifacts import AbiEntry
from plimsoll.evm.handle import AbiError, EventDecoder
from plimsoll.protocol.addresses import ZERO_ADDRESS
from plimsoll.protocol.backend import Backend, _created, address_of
from plimsoll.protocol.contract import Contract, Log, Method, Receipt
from plimsoll.protocol.errors import BackendError, Refused
from plimsoll.protocol.rpc import Rpc, RpcError

#: what an account that is made on a local network starts with, wei
_ETHER = 10**18
_PURSE = 1_000 * _ETHER
#: how nodes say that a call reverted
_REVERTED = re.compile(
    r"(?:execution reverted|VM Exception while processing transaction: revert)"
    r"(?:,.*|:? (?P<reason>.*)|:?)$",
    re.DOTALL,
)
#: where the indices of named test accounts begin in the mnemonic
_NAMED = 1_000

#: on an Anvil: the least highest price of gas, wei, because the next block's may be far above the
#: last one's, and how long to wait before a receipt is asked for again, seconds
_PRICE, _PAUSE = 200 * 10**9, 0.002


class ApeRefused(Refused, ContractLogicError):  # noqa: N818
    """A revert on a network: `Refused` here, `ContractLogicError` for `ape.reverts`."""

    def __init__(self, reason: str, *, contract: str, function: str, cause: Exception) -> None:
        ContractLogicError.__init__(self, reason or None, base_err=cause, set_ape_traceback=False)
        self.reason = reason
        self.contract = contract
        self.function = function

    def __str__(self) -> str:
        """Say who refused what."""
        return f"{self.contract}.{self.function} refused: {self.reason or 'no reason given'}"


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


class ApeBackend(Backend):
    """The network ape is connected to: inside `ape run --network ...`, or inside
    `with ape.networks.parse_network_choice(...)`."""

    def __init__(self, deployer: Any = None, *, evm_version: str = "cancun") -> None:
        """`deployer` is the account that sends when nobody is named; on a local network it
        defaults to the first test account. Raises BackendError when ape is not connected."""
        super().__init__()
        provider = ape.networks.active_provider
        if provider is None:
            raise BackendError(
                "ape is not connected to a network; run inside `ape run --network ...` or "
                "`with ape.networks.parse_network_choice(...)`"
            )
        self.provider = provider
        self.evm_version = evm_version
        self.network = str(provider.network_choice)
        self.chain_id = int(provider.chain_id)
        self.genesis = "0x" + bytes(provider.get_block(0).hash).hex()
        self.is_local = bool(provider.network.is_dev)
        self._rpc = _straight_to(provider) if self.is_local else None
        self._deployer = deployer
        self._events = _Events()
        self._accounts: dict[int, Any] = {}

    # -- accounts ----------------------------------------------------------------------------------

    @property
    def deployer(self) -> Any:
        """The default sender. Raises BackendError on a live network when none was given."""
        if self._deployer is None:
            if not self.is_local:
                raise BackendError(f"name an account that sends on {self.network} (--account)")
            self._deployer = self.account(0)
        return self._deployer

    def account(self, who: str | int) -> Any:
        """Return a test account on a local network, else the keystore of that alias.

        A number is the index in the test mnemonic; a name stands for an index of its own, the same
        in every process.
        """
        if not self.is_local:
            return self.keystore(str(who))
        index = who if isinstance(who, int) else _NAMED + _number(who)
        if index not in self._accounts:
            manager = ape.accounts.test_accounts
            # ape hands out only those of its number_of_accounts by index
            container = manager.containers["test"]
            if index < container.number_of_accounts:
                account = manager[index]
            else:
                account = container.generate_account(index=index)
            if account.balance < _PURSE // 100:
                self._fund(account)
            self._accounts[index] = account
        return self._accounts[index]

    def keystore(self, alias: str) -> Any:
        """Return the account of a keystore. Raises BackendError when there is none."""
        try:
            return ape.accounts.load(alias)
        except KeyError:
            raise BackendError(
                f"there is no account {alias!r}; see `ape accounts list`, or make it with "
                f"`ape accounts generate {alias}`"
            ) from None

    def _fund(self, account: Any) -> None:
        try:
            self.provider.set_balance(account.address, _PURSE)
        except NotImplementedError:
            self.account(0).transfer(account, _PURSE // 100)

    def _sender(self, sender: Any) -> Any:
        """Return an ape account: as given, or by its address (a local node impersonates it)."""
        if sender is None:
            return self.deployer
        if hasattr(sender, "call") and hasattr(sender, "address"):
            return sender
        address = address_of(sender)
        try:
            return ape.accounts[address]
        except (KeyError, IndexError):
            raise BackendError(f"{address} is no account of yours; import its keystore") from None

    # -- chain -------------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the time of the latest block."""
        if self._rpc is not None:
            return int(self._rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        return int(self.provider.get_block("latest").timestamp)

    def block_number(self) -> int:
        """Return the number of the latest block."""
        if self._rpc is not None:
            return int(self._rpc("eth_blockNumber"), 16)
        return int(self.provider.get_block("latest").number)

    def advance(self, seconds: int) -> None:
        """Mine a block that is `seconds` later."""
        if not self.is_local:
            raise BackendError(f"time on {self.network} goes by itself; wait {seconds} s")
        try:
            self.provider.set_timestamp(self.now() + seconds)
            self.provider.mine(1)
        except NotImplementedError:  # a node that ape knows no commands of
            self.provider.make_request("evm_increaseTime", [seconds])
            self.provider.make_request("evm_mine", [])

    def code(self, address: str) -> bytes:
        """Return the code at an address."""
        return bytes(self.provider.get_code(address_of(address)))

    def next_address(self, sender: Any) -> str:
        """Return where the next contract that `sender` creates will be."""
        account = self._sender(sender)
        return _created(address_of(account), int(account.nonce))

    # -- contracts ---------------------------------------------------------------------------------

    def deploy(self, artifact: Artifact, *args: Any, sender: Any = None) -> Contract:
        """Create a contract through ape's account."""
        kind = ContractType.model_validate(
            {
                "contractName": artifact.name,
                "abi": artifact.abi,
                "deploymentBytecode": {"bytecode": "0x" + artifact.bytecode.hex()},
                "runtimeBytecode": {"bytecode": "0x" + artifact.runtime.hex()},
            }
        )
        values = [address_of(arg) if isinstance(arg, Contract) else arg for arg in args]
        account, container = self._sender(sender), ContractContainer(kind)
        if self._rpc is not None and isinstance(account, TestAccountAPI):
            data = bytes(container(*values).data)
            where, receipt = self._send(self._rpc, artifact.name, "__init__", account, "", data, 0)
            contract = self.at(where, artifact)
            contract.deployed = receipt
            return contract
        try:
            made = account.deploy(container, *values)
        except (ApeException, RequestException) as error:
            raise _refused(error, artifact.name, "__init__") from error
        contract = self.at(str(made.address), artifact)
        contract.deployed = self._receipt(made.creation_metadata.receipt)
        return contract

    def _handle(self, address: str, artifacts: tuple[Artifact, ...], label: str) -> Handle:
        return Handle(cast(Chain, self._events), address, *artifacts, label=label)

    def transact(
        self, method: Method, args: tuple[Any, ...], *, sender: Any, value: int, gas: int | None
    ) -> Receipt:
        """Send a transaction through ape's account and wait for its receipt.

        What would be refused is not sent: on a live network ape estimates its gas, on a local one,
        where ape does not, it is tried as a call.
        """
        account = self._sender(sender)
        data = method.encode(*args)
        where = method.contract.address
        if self._rpc is not None and isinstance(account, TestAccountAPI):
            return self._send(
                self._rpc, method.contract.label, method.name, account, where, data, value, gas
            )[1]
        if self.is_local:
            self._query(method, data, address_of(account), value, "pending")
        options: dict[str, Any] = {} if gas is None else {"gas_limit": gas}
        txn = self._txn(where, data, address_of(account), value, **options)
        try:
            return self._receipt(account.call(txn))
        except (ApeException, RequestException) as error:
            raise _refused(error, method.contract.label, method.name) from error

    def call(self, method: Method, args: tuple[Any, ...], *, sender: Any) -> Any:
        """Make an eth_call at the latest block."""
        caller = ZERO_ADDRESS if sender is None else address_of(sender)
        data = self._query(method, method.encode(*args), caller, 0, "latest")
        try:
            return method.function.decode(data, len(args))
        except AbiError as error:
            raise BackendError(
                f"{method.contract.label}.{method.name} at {method.contract.address} returned "
                f"{error}; is the contract deployed on {self.network}?"
            ) from None

    def _query(self, method: Method, data: bytes, sender: str, value: int, block: str) -> bytes:
        try:
            if self.provider.name == "test":  # takes no plain request
                caller = "" if sender == ZERO_ADDRESS else sender
                txn = self._txn(method.contract.address, data, caller, value)
                return bytes(self.provider.send_call(txn, block_id=block, skip_trace=True))
            # without a TransactionAPI, for which ape asks the node for nonce, fees and gas limit
            request = _request(method.contract.address, sender, data, value)
            if self._rpc is not None:
                return bytes_of(self._rpc("eth_call", request, block))
            return bytes_of(self.provider.make_request("eth_call", [request, block]))
        except (ApeException, RequestException, RpcError) as error:
            raise _refused(error, method.contract.label, method.name) from error

    def _txn(self, receiver: str, data: bytes, sender: str, value: int, **options: Any) -> Any:
        if sender:
            options["sender"] = sender
        if receiver:
            options["receiver"] = receiver
        return self.provider.network.ecosystem.create_transaction(
            chain_id=self.chain_id, data=data, value=value, **options
        )

    def _send(
        self,
        rpc: Rpc,
        label: str,
        function: str,
        account: TestAccountAPI,
        receiver: str,
        data: bytes,
        value: int,
        gas: int | None = None,
    ) -> tuple[str, Receipt]:
        """Try a transaction as a call, have its account sign it, send it and wait for its block;
        return where a contract was made, and the receipt. Raises Refused or BackendError."""
        sender = address_of(account)
        request = _request(receiver, sender, data, value)
        try:
            _, nonce, head = rpc.many(
                [
                    ("eth_call", [request, "pending"]),
                    ("eth_getTransactionCount", [sender, "pending"]),
                    ("eth_getBlockByNumber", ["latest", False]),
                ]
            )
            txn = self._txn(
                receiver,
                data,
                sender,
                value,
                type=2,
                nonce=int(nonce, 16),
                gas_limit=int(head["gasLimit"], 16) if gas is None else gas,
                max_fee=max(_PRICE, 2 * int(head["baseFeePerGas"], 16)),
                max_priority_fee=0,
            )
            signed = account.sign_transaction(txn)
            if signed is None:
                raise BackendError(f"{sender} has not signed {label}.{function}")
            raw = "0x" + bytes(signed.serialize_transaction()).hex()
            found = self._mined(rpc, rpc("eth_sendRawTransaction", raw))
            if int(found["status"], 16) == 0:  # what it was tried on is not what it was mined on
                rpc("eth_call", request, found["blockNumber"])
                raise ApeRefused("", contract=label, function=function, cause=BackendError(raw))
        except (ApeException, RpcError) as error:
            raise _refused(error, label, function) from error
        return str(found["contractAddress"] or ""), self._receipt_of(rpc, found)

    def _mined(self, rpc: Rpc, txn_hash: str) -> dict[str, Any]:
        """Return a transaction's receipt; the node has it a moment after it took the transaction.
        Raises BackendError when no block comes."""
        patience = float(self.provider.network.transaction_acceptance_timeout)
        give_up = time.monotonic() + patience
        while True:
            found: dict[str, Any] | None = rpc("eth_getTransactionReceipt", txn_hash)
            if found is not None:
                return found
            if time.monotonic() > give_up:
                raise BackendError(
                    f"{txn_hash} is in no block after {patience:.0f} s; does {self.network} mine?"
                )
            time.sleep(_PAUSE)

    def _receipt_of(self, rpc: Rpc, found: dict[str, Any]) -> Receipt:
        def decode() -> list[Log]:
            return [log for log in map(self.decode_log, found["logs"]) if log is not None]

        block = rpc("eth_getBlockByHash", found["blockHash"], False)
        return Receipt(
            txn_hash=found["transactionHash"],
            gas_used=int(found["gasUsed"], 16),
            block=int(found["blockNumber"], 16),
            timestamp=int(block["timestamp"], 16),
            decode=decode,
        )

    def _receipt(self, receipt: Any) -> Receipt:
        def decode() -> list[Log]:
            return [log for log in map(self.decode_log, receipt.logs) if log is not None]

        return Receipt(
            txn_hash=str(receipt.txn_hash),
            gas_used=int(receipt.gas_used),
            block=int(receipt.block_number),
            timestamp=int(receipt.timestamp),
            decode=decode,
        )

    def logs(self, query: Mapping[str, Any]) -> Sequence[Any]:
        """Return the node's logs of a query, whose blocks are numbers; `bytes_of` reads their
        topics and data."""
        if self._rpc is None:
            return cast(Sequence[Any], self.provider.web3.eth.get_logs(cast(Any, query)))
        told = {
            name: hex(value) if isinstance(value, int) else value for name, value in query.items()
        }
        return cast(Sequence[Any], self._rpc("eth_getLogs", told))

    def decode_log(self, log: Any) -> Log | None:
        """Return a node's log of an event that a known ABI describes; of others None."""
        topics = tuple(bytes_of(topic) for topic in log["topics"])
        decoder = self._events.decoders.get((topics[0], len(topics))) if topics else None
        if decoder is None:
            return None
        try:
            args = decoder.decode(topics, bytes_of(log["data"]))
        except AbiError:
            return None
        return Log(decoder.name, address_of(log["address"]), args)


def _straight_to(provider: Any) -> Rpc | None:
    """The line to an Anvil; None for other nodes, which get everything the way ape has it."""
    if provider.name != "foundry":
        return None
    try:
        return Rpc(str(provider.http_uri))
    except ValueError:
        return None


def _request(receiver: str, sender: str, data: bytes, value: int) -> dict[str, str]:
    request = {"from": sender, "data": "0x" + data.hex()}
    if receiver:
        request["to"] = receiver
    if value:
        request["value"] = hex(value)
    return request


def _number(name: str) -> int:
    return int.from_bytes(keccak(text=name)[:3], "big")


def bytes_of(value: Any) -> bytes:
    """Return what a node or web3 has as hex, or as bytes already."""
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def _refused(error: Exception, contract: str, function: str) -> Exception:
    if isinstance(error, OutOfGasError):
        return ApeRefused("out of gas", contract=contract, function=function, cause=error)
    reason = _reason(error)
    if reason is None:
        return BackendError(f"{contract}.{function} did not get through: {error}")
    return ApeRefused(reason, contract=contract, function=function, cause=error)


def _reason(error: Exception) -> str | None:
    """Return the reason of a revert, "" when it has none, None when it is no revert.

    ape's node provider keeps only what stands behind the last colon of a reason, and knows no
    revert of Ganache's: the node's own words are looked for in what the error was made from.
    """
    cause: BaseException | None = error
    for _ in range(8):
        if cause is None:
            break
        for part in cause.args:
            found = _REVERTED.search(part) if isinstance(part, str) else None
            if found:
                return (found["reason"] or "").strip()
        cause = getattr(cause, "base_err", None) or cause.__cause__
    if not isinstance(error, ContractLogicError):
        return None
    told = error.revert_message
    return "" if told in (None, TransactionError.DEFAULT_MESSAGE) else str(told)
