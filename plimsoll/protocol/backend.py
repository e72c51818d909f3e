"""The two routes to a chain behind one interface.

`EvmBackend` is the chain in the process (plimsoll.evm); `ApeBackend` is whatever network ape is
connected to. Both deploy the same bytecode, that of `plimsoll.evm.load`. ape is imported only when
`ApeBackend` is asked for.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plimsoll.evm import Artifact, CallFailed, Chain, Halt, Handle, Revert, load
from plimsoll.evm import Receipt as EvmReceipt
from plimsoll.evm.handle import address_of
from plimsoll.protocol.contract import Contract, Log, Method, Receipt
from plimsoll.protocol.errors import BackendError, Refused

if TYPE_CHECKING:
    from plimsoll.protocol.ape_backend import ApeBackend

__all__ = ["ApeBackend", "Backend", "EvmBackend", "address_of"]

_BASEFEE, _PREVRANDAO = 0x48, 0x44


def __getattr__(name: str) -> Any:
    if name == "ApeBackend":
        from plimsoll.protocol.ape_backend import ApeBackend

        return ApeBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Backend(ABC):
    """A chain to deploy to and to call."""

    #: what the contracts are compiled for: "cancun", "shanghai"
    evm_version: str = "cancun"
    #: ecosystem, network and provider, for messages and file names
    network: str
    chain_id: int
    #: tells two chains with one id apart: the hash of block 0
    genesis: str
    #: whether the network is a test node: test tokens, mock feeds, made-up accounts and time travel
    is_local: bool

    @property
    @abstractmethod
    def deployer(self) -> Any:
        """The account that sends when nobody is named."""

    @abstractmethod
    def account(self, who: str | int) -> Any:
        """Return an account: on a local network a funded one (the same for the same name or
        number), else the keystore of that alias."""

    @abstractmethod
    def now(self) -> int:
        """Return the time of the latest block, seconds since 1970."""

    @abstractmethod
    def block_number(self) -> int:
        """Return the number of the latest block."""

    @abstractmethod
    def advance(self, seconds: int) -> None:
        """Let time pass on a local network. Raises BackendError elsewhere."""

    @abstractmethod
    def code(self, address: str) -> bytes:
        """Return the code at an address; empty when there is none."""

    @abstractmethod
    def next_address(self, sender: Any) -> str:
        """Return where the next contract that `sender` creates will be."""

    @abstractmethod
    def deploy(self, artifact: Artifact, *args: Any, sender: Any = None) -> Contract:
        """Create a contract. Raises Refused when its constructor reverts."""

    @abstractmethod
    def _handle(self, address: str, artifacts: tuple[Artifact, ...], label: str) -> Handle:
        """Make the codecs of a contract at an address."""

    @abstractmethod
    def transact(
        self, method: Method, args: tuple[Any, ...], *, sender: Any, value: int, gas: int | None
    ) -> Receipt:
        """Send a transaction. Raises Refused."""

    @abstractmethod
    def call(self, method: Method, args: tuple[Any, ...], *, sender: Any) -> Any:
        """Return what a function returns. Raises Refused."""

    def __init__(self) -> None:
        self._artifacts: dict[str, Artifact] = {}
        self._contracts: dict[tuple[str, ...], Contract] = {}

    def artifact(self, name: str) -> Artifact:
        """Return a contract compiled for this chain; read at most once in a backend's life."""
        if name not in self._artifacts:
            self._artifacts[name] = load(name, self.evm_version)
        return self._artifacts[name]

    def at(self, address: str, *artifacts: Artifact, label: str = "") -> Contract:
        """Return the contract at an address, with the functions of one or more artifacts.

        `label` is its name in messages; the default is the first artifact's name.
        """
        # making the codecs takes longer than most calls
        key = (address, label or artifacts[0].name, *(part.name for part in artifacts))
        if key not in self._contracts:
            self._contracts[key] = Contract(self, self._handle(address, artifacts, key[1]))
        return self._contracts[key]

    def runtime_of(self, artifact: Artifact, code: bytes) -> bytes | None:
        """Return the immutables' bytes behind an artifact's runtime, or None when the code is not
        the artifact's."""
        runtime = artifact.runtime
        if len(code) != artifact.runtime_size or code[: len(runtime)] != runtime:
            return None
        return code[len(runtime) :]


def _created(sender: str, nonce: int) -> str:
    """Return the address of a contract that an account creates (RLP of sender and nonce)."""
    raw = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    number = raw if len(raw) == 1 and raw[0] < 0x80 else bytes([0x80 + len(raw)]) + raw
    body = bytes([0x94]) + bytes.fromhex(sender[2:]) + number
    return str(to_checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:]))


class EvmBackend(Backend):
    """The chain in the process."""

    genesis = "in-process"
    network = "in-process"
    is_local = True

    def __init__(self, chain: Chain | None = None) -> None:
        """Take a chain, or make one. Contracts are compiled for the chain's rules."""
        super().__init__()
        self.chain = chain or Chain()
        self.chain_id = self.chain.chain_id
        self.evm_version = self.chain.fork.lower()
        self._count = itertools.count(1)

    @property
    def deployer(self) -> Any:
        """The chain's default sender."""
        return self.chain.default_sender

    def account(self, who: str | int) -> Any:
        """Return the chain's account of that name or number."""
        return self.chain.account(who)

    def now(self) -> int:
        """Return the chain's time."""
        return self.chain.timestamp

    def block_number(self) -> int:
        """Return the chain's block."""
        return self.chain.block_number

    def advance(self, seconds: int) -> None:
        """Go on by one block, `seconds` later."""
        self.chain.mine(1, seconds)

    def code(self, address: str) -> bytes:
        """Return the code at an address."""
        return self.chain.code(address)

    def next_address(self, sender: Any) -> str:
        """Return where the next contract that `sender` creates will be."""
        where = address_of(sender)
        # the chain has no public nonce: it only moves with deployments
        return _created(where, int(self.chain._evm.basic(where).nonce))

    def runtime_of(self, artifact: Artifact, code: bytes) -> bytes | None:
        """As the base does, but past the byte that the chain puts in BASEFEE's place."""
        size = len(artifact.runtime)
        restored = bytearray(code)
        for at, (want, have) in enumerate(zip(artifact.runtime, code, strict=False)):
            if want == _BASEFEE and have == _PREVRANDAO:
                restored[at] = want
        return super().runtime_of(artifact, bytes(restored[:size]) + code[size:])

    def deploy(self, artifact: Artifact, *args: Any, sender: Any = None) -> Contract:
        """Create a contract."""
        try:
            handle = self.chain.deploy(artifact, *args, sender=sender)
        except CallFailed as error:
            raise _refused(error) from error
        contract = Contract(self, handle)
        self._contracts[(contract.address, artifact.name, artifact.name)] = contract
        if handle.deployed is not None:
            contract.deployed = self._receipt(handle.deployed)
        return contract

    def _handle(self, address: str, artifacts: tuple[Artifact, ...], label: str) -> Handle:
        return self.chain.at(address, *artifacts, label=label)

    def transact(
        self, method: Method, args: tuple[Any, ...], *, sender: Any, value: int, gas: int | None
    ) -> Receipt:
        """Run a transaction; any address may send, keys are not asked for."""
        try:
            receipt = method.function.transact(*args, sender=sender, value=value, gas=gas)
        except CallFailed as error:
            raise _refused(error) from error
        return self._receipt(receipt)

    def call(self, method: Method, args: tuple[Any, ...], *, sender: Any) -> Any:
        """Run a call."""
        try:
            return method.function.call(*args, sender=sender)
        except CallFailed as error:
            raise _refused(error) from error

    def _receipt(self, receipt: EvmReceipt) -> Receipt:
        def decode() -> list[Log]:
            return [Log(e.name, e.address, e.args) for e in receipt.logs if e.name is not None]

        return Receipt(
            txn_hash=f"in-process-{next(self._count)}",
            gas_used=receipt.gas_used,
            block=receipt.block,
            timestamp=receipt.timestamp,
            decode=decode,
            value=receipt.value,
        )


def _refused(error: CallFailed) -> Refused | BackendError:
    if isinstance(error, Revert | Halt):
        return Refused(error.reason, contract=error.contract, function=error.function)
    return BackendError(str(error))
