"""The demo on Anvil: a node, ape's accounts and transactions, and `plimsoll keeper --watch` beside
it as a process of its own.

Nobody tells here what was called: the blocks do. After every step the new ones are read, their
transactions decoded, and each call goes to the auditor with its block's time and base fee, whoever
sent it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from plimsoll.demo.books import account_state, held_markets, market_state, may_have_units
from plimsoll.demo.makers import Quotes
from plimsoll.demo.recording import ROLES, Listener, Notes, Opened
from plimsoll.demo.setting import Setting
from plimsoll.demo.stage import COLLATERAL_BUDGET, PARTS, Stage, StageError, World
from plimsoll.evm import load_all
from plimsoll.evm.handle import EventDecoder, address_of
from plimsoll.keeper import TickReport
from plimsoll.orders import OrderStore
from plimsoll.prices import TICK, Step
from plimsoll.protocol import Contract, Log, Plimsoll, Receipt, deploy
from plimsoll.protocol.rpc import Rpc, RpcError
from plimsoll.reference.numbers import SYNC_WAIT
from plimsoll.replay import AccountState, Call, MarketState, is_known

#: The first account of the test mnemonic that Anvil and ape share: it deploys.
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
#: The keeper and the steward are these accounts of the mnemonic.
KEEPER, STEWARD = 5, 3
#: And this one publishes prices.
PUBLISHER = 6

#: How long the node may take to listen and the keeper to have looked at the latest block, seconds.
START, PATIENCE = 30.0, 240.0

#: Gas of a feed's new answer, and what is paid for a unit of it at most, wei.
_FEED_GAS, _MOST_FEE = 200_000, 200 * 10**9

_PROJECT = Path(__file__).resolve().parents[2]


class RpcReader:
    """The engine's views at one block, many in a request."""

    def __init__(self, rpc: Rpc, engine: Contract, token: Contract, scale: int) -> None:
        """Read from the latest block until `block` says another one."""
        self._rpc = rpc
        self._engine = engine
        self._token = token
        self._scale = scale
        self._vault: Contract | None = None
        self._tokens: Sequence[Contract] = ()
        self.block = "latest"

    def _views(self, contract: Contract, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Return what views say."""
        requests = []
        for name, args in calls:
            data = contract.methods[name].encode(*args)
            request = {"to": contract.address, "data": "0x" + data.hex()}
            requests.append(("eth_call", [request, self.block]))
        return [
            contract.methods[name].function.decode(bytes.fromhex(raw[2:]), len(args))
            for raw, (name, args) in zip(self._rpc.many(requests), calls, strict=True)
        ]

    def accounts(self, accounts: Sequence[int]) -> list[AccountState]:
        """Return accounts."""
        wallets = self._views(self._engine, [("wallet", (account,)) for account in accounts])
        legs = [
            ("position", (account, market))
            for account, wallet in zip(accounts, wallets, strict=True)
            for market in held_markets(wallet[1])
        ]
        positions = iter(self._views(self._engine, legs))
        found = zip(accounts, wallets, strict=True)
        pledged = [who for who, wallet in found if self._vault and may_have_units(who, wallet)]
        balances: dict[int, list[int]] = {}
        if self._vault is not None and pledged:
            asked = self._views(self._vault, [("balances", (who,)) for who in pledged])
            balances = dict(zip(pledged, asked, strict=True))
        return [
            account_state(
                wallet, [next(positions) for _ in held_markets(wallet[1])], balances.get(who, ())
            )
            for who, wallet in zip(accounts, wallets, strict=True)
        ]

    def watch_vault(self, vault: Contract, tokens: Sequence[Contract]) -> None:
        """Read from now on what accounts have in the vault, too."""
        self._vault, self._tokens = vault, tokens

    def vault_balances(self) -> list[int]:
        """Return the vault's balance of each of its tokens, units."""
        if self._vault is None:
            return []
        asked = [("balanceOf", (self._vault.address,))]
        return [int(self._views(token, asked)[0]) for token in self._tokens]

    def cash(self, account: int) -> int:
        """Return an account's cash."""
        return int(self._views(self._engine, [("wallet", (account,))])[0][0])

    def markets(self, markets: Sequence[int]) -> list[MarketState]:
        """Return markets."""
        names = ("market_state", "market_extra")
        found = self._views(self._engine, [(name, (m,)) for m in markets for name in names])
        return [market_state(*pair) for pair in zip(found[::2], found[1::2], strict=True)]

    def closing_k(self, market: int, epoch: int, is_long: bool) -> int:
        """Return the K at which an ended epoch closed."""
        return int(self._views(self._engine, [("closing_k", (market, epoch, is_long))])[0])

    def token_balance(self) -> int:
        """Return the engine's balance of the quote token, in WAD."""
        found = self._views(self._token, [("balanceOf", (self._engine.address,))])[0]
        return int(found) * self._scale


class Follower:
    """Reads blocks and tells the listener what was called."""

    def __init__(self, rpc: Rpc, listener: Listener, chain_id: int) -> None:
        """Begin with the first block; `adopt` says which contracts matter."""
        self._rpc = rpc
        self._listener = listener
        self.notes = Notes()
        self.notes.chain_id = chain_id
        self.next_block = 1
        self.time = 0
        self.basefee = 0
        self._contracts: dict[str, tuple[str, Contract]] = {}
        self._made: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self._decoders: dict[tuple[bytes, int], EventDecoder] = {}
        self.reader: RpcReader | None = None
        self.opened: Callable[[], None] = lambda: None

    def adopt(self, role: str, contract: Contract) -> None:
        """Follow a contract; `role` is its role in calls, or "feed"."""
        self._contracts[contract.address] = (role, contract)
        for entry in contract.abi:
            if entry["type"] == "event":
                decoder = EventDecoder(entry)
                self._decoders.setdefault(decoder.key, decoder)

    def made(self, address: str, artifact: str, args: tuple[Any, ...]) -> None:
        """Say what a creation in the blocks to come is."""
        self._made[address] = (artifact, args)

    def catch_up(self) -> None:
        """Read every block up to the latest."""
        head = int(self._rpc("eth_blockNumber"), 16)
        while self.next_block <= head:
            numbers = range(self.next_block, min(head, self.next_block + 49) + 1)
            calls: list[tuple[str, Sequence[Any]]] = []
            for number in numbers:
                calls.append(("eth_getBlockByNumber", [hex(number), True]))
                calls.append(("eth_getBlockReceipts", [hex(number)]))
            found = self._rpc.many(calls)
            for number, block, receipts in zip(numbers, found[::2], found[1::2], strict=True):
                self._block(number, block, receipts)
                self.next_block = number + 1

    def _block(self, number: int, block: dict[str, Any], receipts: list[dict[str, Any]]) -> None:
        self.time = int(block["timestamp"], 16)
        self.basefee = int(block["baseFeePerGas"], 16)
        if self.reader is not None:
            self.reader.block = hex(number)
        for sent, receipt in zip(block["transactions"], receipts, strict=True):
            if sent["to"] is None:
                self._creation(address_of(receipt["contractAddress"]), sent)
            else:
                self._call(sent, receipt)

    def _creation(self, address: str, sent: dict[str, Any]) -> None:
        artifact, args = self._made.get(address, ("", ()))
        self.notes.deployed(artifact, address, args, self.time)
        if artifact == "MarginEngine":
            self.opened()
        elif artifact == "RiskModel":  # its constructor takes the globals
            told = {"z": int(args[1]), "kappa": int(args[2])}
            self._listener(
                Call("risk", "set_globals", told, address_of(sent["from"]), self.time), None
            )

    def _call(self, sent: dict[str, Any], receipt: dict[str, Any]) -> None:
        role, contract = self._contracts.get(address_of(sent["to"]), ("", None))
        if contract is None:
            return
        data = bytes.fromhex(sent["input"][2:])
        method = next(
            (m for m in contract.methods.values() if m.function.selector == data[:4]), None
        )
        if method is None:
            return
        accepted = int(receipt["status"], 16) == 1
        values = tuple(method.function.decode_args(data).values())
        if role == "feed":
            if accepted and method.name == "set_answer":
                feed = self.notes.feeds[contract.address]
                feed.answer, feed.updated_at = int(values[0]), self.time
            return
        if not is_known(role, method.name):
            return
        named = self.notes.args_of(method, values)
        if (role, method.name) == ("oracle", "set_feed"):
            self.notes.listed(named["market"], named["feed"])
        call = Call(
            contract=role,
            function=method.name,
            args=named,
            sender=address_of(sent["from"]),
            time=self.time,
            accepted=accepted,
            reason="" if accepted else "reverted in its block",
            basefee=self.basefee,
            block=int(receipt["blockNumber"], 16),
            prices=self.notes.prices(),
        )
        logs = [log for log in map(self._log, receipt["logs"]) if log is not None]
        told = Receipt(
            txn_hash=sent["hash"],
            gas_used=int(receipt["gasUsed"], 16),
            block=int(receipt["blockNumber"], 16),
            timestamp=self.time,
            decode=lambda: logs,
        )
        self._listener(call, told if accepted else None)

    def _log(self, log: dict[str, Any]) -> Log | None:
        topics = tuple(bytes.fromhex(topic[2:]) for topic in log["topics"])
        decoder = self._decoders.get((topics[0], len(topics))) if topics else None
        if decoder is None:
            return None
        args = decoder.decode(topics, bytes.fromhex(log["data"][2:]))
        return Log(decoder.name, address_of(log["address"]), args)


class KeeperProcess:
    """`plimsoll keeper --watch` and what it says."""

    def __init__(self, url: str, record: Path, orders: Path, log: Path) -> None:
        """Start it."""
        code = "from plimsoll.cli import main; main()"
        command = [
            *(sys.executable, "-c", code, "keeper", "--watch", "--json", "--node", url),
            *("--deployment", str(record), "--account", f"TEST::{KEEPER}"),
            *("--orders", str(orders), "--poll", "0.05"),
            *("--buy-collateral", str(COLLATERAL_BUDGET)),
        ]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=_PROJECT,
                env={**os.environ, "PATH": path},
            )
        self._reports: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with contextlib.suppress(ValueError):
                self._reports.put(json.loads(line))
        self._reports.put(None)

    def wait_for(self, now: Callable[[], int]) -> int:
        """Wait until a tick has seen the latest block and found nothing more to do; return how many
        accounts it had to leave. `now` gives the latest block's time. Raises StageError."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                report = self._reports.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise StageError(
                    f"the keeper has not caught up in {PATIENCE:.0f} s: {self._last_words()}"
                ) from None
            if report is None:
                raise StageError(f"the keeper has stopped: {self._last_words()}")
            busy = any(action["outcome"] == "done" for action in report["actions"])
            if not busy and report["time"] >= now():
                return len(report["left"])

    def _last_words(self) -> str:
        lines = self._log.read_text().strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def stop(self) -> None:
        """End it: asked first, then not asked."""
        _stop(self._process)


class Anvil(Stage):
    """A node of the demo's own on a free port."""

    name = "anvil"
    owner = OWNER
    steward = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"

    def __init__(self) -> None:
        """Start nothing yet."""
        self._stack = contextlib.ExitStack()
        self.p: Plimsoll
        self.backend: Any
        self._rpc: Rpc
        self._follower: Follower
        self._store: OrderStore
        self._quotes: Quotes
        self._keeper: KeeperProcess
        self._folder: Path
        self._publisher = ""
        self._url = ""

    def open(self, setting: Setting, time: int, listener: Listener, opened: Opened) -> Plimsoll:
        """Start the node, connect ape, deploy, and tell what was called meanwhile."""
        from plimsoll.keeper.connect import network
        from plimsoll.protocol.ape_backend import ApeBackend

        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._start_node(time)
        self._rpc = Rpc(self._url, timeout=PATIENCE)
        self._rpc("anvil_setBlockTimestampInterval", 1)
        self._publisher = self._rpc("eth_accounts")[PUBLISHER]
        self._stack.enter_context(network("ethereum:local:foundry", self._url))
        self.backend = ApeBackend()
        if self.backend.deployer.address != self.owner:
            raise StageError("ape's test mnemonic is not Anvil's; remove it from ape's settings")
        load_all(names=PARTS)
        self.p = deploy(self.backend, setting.plan, self._folder / "record.json")
        self._follow(setting, listener, opened)
        return self.p

    def _start_node(self, time: int) -> None:
        binary = _PROJECT / "node_modules" / ".bin" / "anvil"
        found = str(binary) if binary.exists() else shutil.which("anvil")
        if found is None:
            raise StageError("anvil is not installed; run `make setup` with Node 20 or later there")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        command = [found, "--host", "127.0.0.1", "--port", str(port), "--silent"]
        command += ["--timestamp", str(time), "--hardfork", "cancun", "--accounts", "10"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(_stop, process)
        _wait_for(process, port)
        self._url = f"http://127.0.0.1:{port}"

    def _follow(self, setting: Setting, listener: Listener, opened: Opened) -> None:
        p = self.p
        self._follower = Follower(self._rpc, listener, self.backend.chain_id)
        for contract in (p.engine, p.fund, p.vault, p.risk, p.oracle):
            self._follower.adopt(ROLES[contract.label], contract)
        self._follower.notes.engine = p.engine.address
        for name, info in p.markets.items():
            mock, feed = setting.plan.markets[name].feed.mock, info.aggregator
            if mock is None or feed is None:
                raise StageError(f"the feed of {name} is no mock")
            self._follower.adopt("feed", feed)
            answer = (mock.decimals, mock.answer())
            self._follower.made(feed.address, "MockAggregator", answer)
            self._follower.made(info.feed.address, "FeedProxy", (feed.address,))
        for known in p.collateral.values():
            self._follower.made(known.token.address, "TestToken", (known.decimals,))
        params = setting.plan.risk
        made = (p.oracle.address, params.units("z"), params.units("kappa"))
        self._follower.made(p.risk.address, "RiskModel", made)
        reader = self._follower.reader = RpcReader(self._rpc, p.engine, p.token, p.scale)
        # nothing is read from the engine before the block that creates it
        self._follower.made(p.engine.address, "MarginEngine", ())
        self._follower.opened = lambda: opened(p.engine, p.token, reader)
        self.sync()

    def person(self, name: str) -> Any:
        """Return an account of the test mnemonic."""
        return self.backend.account({"keeper": KEEPER, "steward": STEWARD}.get(name, name))

    def hire(self, keeper: Any, quotes: Quotes) -> None:
        """Start the keeper's process over a folder of orders."""
        self._quotes = quotes
        folder = self._folder / "orders"
        self._store = OrderStore(folder, self.p.domain, create=True)
        record, log = self._folder / "record.json", self._folder / "keeper.log"
        self._keeper = KeeperProcess(self._url, record, folder, log)
        self._stack.callback(self._keeper.stop)
        self._keeper.wait_for(self._now)

    def move(self, step: Step, basefee: int) -> None:
        """Set clock, base fee and the feeds that have a new price."""
        self._go_to(step.time)
        self._rpc("anvil_setNextBlockBaseFeePerGas", hex(basefee))
        if not any(step.updated):
            self._rpc("evm_mine")
        # anybody may set these feeds, and the node signs for its own accounts
        for name, price, new in zip(self.p.markets, step.prices, step.updated, strict=True):
            feed = self.p.markets[name].aggregator
            if new and feed is not None:
                answer = price * 10 ** self.p.markets[name].feed_decimals // TICK
                data = "0x" + feed.methods["set_answer"].encode(answer).hex()
                request = {"from": self._publisher, "to": feed.address, "data": data}
                # the node would estimate both, by the last block's base fee and not by this one's
                limits = {"gas": hex(_FEED_GAS), "maxFeePerGas": hex(_MOST_FEE)}
                self._rpc("eth_sendTransaction", {**request, **limits})

    def tend(self) -> None:
        """Wait until the keeper has seen the prices, then let two blocks pass."""
        self._keeper.wait_for(self._now)
        for _ in range(SYNC_WAIT):
            self._rpc("evm_mine")

    def wait(self, seconds: int) -> None:
        """Mine a block so much later."""
        self._go_to(self._now() + seconds)
        self._rpc("evm_mine")

    def world(self) -> World:
        """Return time, base fee and answers."""
        follower = self._follower
        return follower.time, follower.basefee, follower.notes.prices()

    def keep(self, accounts: Sequence[int], prefer: str) -> TickReport | None:
        """Show the keeper the orders of the step and wait until it is done with them."""
        del accounts, prefer  # the process finds the accounts itself and has one policy
        for entry in list(self._store.files()):
            Path(entry.path).unlink(missing_ok=True)
        for signed in self._quotes.public():
            self._store.add(signed)
        self._rpc("evm_mine")
        self._keeper.wait_for(self._now)
        self.sync()
        return None

    def sync(self) -> None:
        """Read the blocks since the last time."""
        self._follower.catch_up()

    def again(self) -> bool:
        """Wait a moment and read the blocks that have come; the keeper may be at work."""
        time.sleep(0.2)
        self.sync()
        return True

    def _go_to(self, time: int) -> None:
        """Let the next block be at a time, or as soon after the last one as can be."""
        while True:
            now = self._now()
            try:
                self._rpc("evm_setNextBlockTimestamp", max(time, now + 1))
            except RpcError:
                if self._now() == now:  # else the keeper has made a block meanwhile
                    raise
            else:
                return

    def _now(self) -> int:
        return int(self._rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def close(self) -> None:
        """Stop keeper, connection and node."""
        self._stack.close()


def _stop(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[Any], port: int) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StageError(
                f"anvil ended with code {process.returncode}; run it by hand to see why"
            )
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise StageError(f"anvil does not listen after {START:.0f} s")
