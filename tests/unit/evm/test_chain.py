"""Blocks, accounts, snapshots, errors and gas of the embedded chain."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.evm import CallFailed, Chain, Halt, Revert
from plimsoll.evm.chain import GENESIS_TIME, ChainError, SnapshotError

LIMIT = 10**30
ANVIL = Path(__file__).parents[3] / "node_modules" / ".bin" / "anvil"

Rpc = Callable[..., Any]


# -- blocks and accounts ---------------------------------------------------------------------------


def test_chain_surroundings(probe_artifact):
    chain = Chain(chain_id=84_532)
    probe = chain.deploy(probe_artifact, 3, LIMIT)
    trader = chain.account("trader")
    chain.mine(blocks=3, seconds=2)
    chain.set_time(GENESIS_TIME + 100)
    chain_id, timestamp, number, basefee, who = probe.surroundings(sender=trader)
    assert (chain_id, timestamp, number) == (84_532, GENESIS_TIME + 100, 5)
    assert basefee == chain.basefee
    assert who == trader.address


def test_basefee_is_what_contracts_see(chain, probe):
    assert probe.surroundings()[3] == 0
    chain.basefee = 7
    with chain.anchor():
        chain.basefee = 10**15
        assert probe.surroundings()[3] == 10**15
    assert (chain.basefee, probe.surroundings()[3]) == (7, 7)
    chain.mine()
    chain.compact()
    assert probe.surroundings()[3] == 7


def test_chain_time_does_not_go_back(chain):
    with pytest.raises(ChainError, match="before"):
        chain.set_time(chain.timestamp - 1)


def test_account_is_deterministic_and_funded(chain):
    trader = chain.account("trader")
    assert Chain().account("trader").address == trader.address
    assert chain.account(1) == chain.account("account-1")
    assert chain.account(1) != chain.account(2)
    assert chain.balance(trader) == 10**24


def test_account_made_inside_an_anchor_stays_funded(chain, probe):
    with chain.anchor():
        assert probe.pay(value=7, sender=chain.account("late")).value == 7
    assert chain.balance(chain.account("late")) == 10**24
    assert probe.pay(value=7, sender=chain.account("late")).value == 7


def test_account_signs_what_ecrecover_reads(chain, probe):
    trader = chain.account("trader")
    digest = bytes(range(32))
    signature = trader.sign_hash(digest)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    assert probe.signer(digest, signature[64], r, s) == trader.address


def test_pay_moves_ether(chain, probe):
    assert probe.pay(value=7).value == 7
    assert chain.balance(probe) == 7


# -- snapshots -------------------------------------------------------------------------------------


def test_revert_restores_state_block_and_time(chain, probe):
    before = (chain.block_number, chain.timestamp)
    snapshot = chain.snapshot()
    probe.store(8)
    chain.mine()
    chain.revert(snapshot)
    assert probe.number() == 3
    assert (chain.block_number, chain.timestamp) == before
    assert probe.surroundings()[1] == before[1]


def test_revert_closes_later_snapshots(chain, probe):
    first = chain.snapshot()
    probe.store(4)
    second = chain.snapshot()
    probe.store(5)
    chain.revert(first)
    assert probe.number() == 3
    with pytest.raises(SnapshotError, match="not open"):
        chain.revert(second)


def test_revert_many_times_leaves_no_depth(chain, probe):
    for _ in range(1_100):
        outer = chain.snapshot()
        chain.snapshot()
        chain.revert(outer)
    assert probe.store(4).value == 4


def test_release_keeps_the_state(chain, probe):
    for number in range(1_100):
        snapshot = chain.snapshot()
        probe.store(number)
        chain.release(snapshot)
    assert probe.number() == 1_099


def test_release_inside_an_outer_snapshot(chain, probe):
    outer = chain.snapshot()
    inner = chain.snapshot()
    probe.store(9)
    chain.release(inner)
    assert probe.number() == 9
    chain.revert(outer)
    assert probe.number() == 3


def test_anchor_undoes_on_errors_too(chain, probe):
    def trouble() -> None:
        with chain.anchor():
            probe.store(9)
            probe.store(LIMIT + 1)

    with pytest.raises(Revert):
        trouble()
    assert probe.number() == 3


def test_compact_keeps_the_state(chain, probe):
    trader = chain.account("trader")
    probe.store(9, sender=trader)
    chain.compact()
    chain.mine()
    assert (probe.number(), probe.numbers(trader)) == (9, 9)
    assert chain.balance(trader) == 10**24
    probe.store(10, sender=trader)
    chain.compact()
    assert (probe.number(), probe.numbers(trader)) == (10, 10)
    with chain.anchor(), pytest.raises(SnapshotError, match="closed"):
        chain.compact()


# -- storage and code ------------------------------------------------------------------------------


def test_storage_reads_and_writes_what_the_contract_sees(chain, probe, probe_artifact):
    slot = probe_artifact.layout["storage_layout"]["number"]["slot"]
    assert chain.storage(probe, slot) == 3
    with chain.anchor():
        chain.set_storage(probe, slot, 77)
        assert probe.number() == 77
        chain.set_storage(probe, slot, -1)
        assert probe.number() == 2**256 - 1
    assert probe.number() == 3


def test_set_storage_survives_compact(chain, probe, probe_artifact):
    slot = probe_artifact.layout["storage_layout"]["number"]["slot"]
    chain.compact()
    chain.set_storage(probe, slot, 77)
    chain.compact()
    assert probe.number() == 77


def test_set_code_keeps_storage(chain, probe, caller, probe_artifact):
    probe.pay(value=5)
    slot = probe_artifact.layout["storage_layout"]["number"]["slot"]
    chain.set_code(probe, chain.code(caller))
    assert chain.at(probe, caller.abi).name() == "caller"
    assert chain.storage(probe, slot) == 3
    assert chain.balance(probe) == 5


def test_code_size_is_what_eip_170_counts(probe, probe_artifact):
    assert probe.code_size == probe_artifact.runtime_size


def test_transient_storage_ends_with_the_transaction(probe):
    assert [probe.knock().value, probe.knock().value] == [0, 0]


# -- errors ----------------------------------------------------------------------------------------


def test_revert_has_reason_and_names(probe):
    with pytest.raises(Revert) as error:
        probe.store(LIMIT + 1)
    assert error.value.reason == "probe: above the limit"
    assert str(error.value) == "Probe.store reverted: probe: above the limit"
    assert error.value.gas_used > 21_000
    assert probe.number() == 3


def test_revert_without_reason(probe):
    with pytest.raises(Revert, match=r"Probe\.overflow reverted: no reason given") as error:
        probe.overflow()
    assert (error.value.reason, error.value.data) == ("", b"")


def test_revert_panic_and_custom_data():
    panic = Revert("C", "f", bytes.fromhex("4e487b71") + (0x11).to_bytes(32, "big"), 0)
    assert panic.reason == "panic 0x11"
    custom = Revert("C", "f", b"\x01\x02\x03\x04", 0)
    assert (custom.reason, "0x01020304" in str(custom)) == ("", True)


def test_revert_in_the_constructor(chain, probe_artifact):
    with pytest.raises(Revert, match=r"Probe\.__init__"):
        chain.deploy(probe_artifact, 3, LIMIT, value=1)


def test_halt_out_of_gas(probe):
    with pytest.raises(Halt, match=r"Probe.spin halted: OutOfGas.*raise gas="):
        probe.spin(gas=100_000)
    assert probe.number() == 3


def test_halt_static_call_that_writes(chain, probe):
    with pytest.raises(Halt, match="StateChangeDuringStaticCall"):
        chain.call(probe, probe.store.encode(4))


def test_call_failed_below_intrinsic_gas(probe):
    with pytest.raises(CallFailed, match="was not run"):
        probe.store(4, gas=20_000)


# -- gas -------------------------------------------------------------------------------------------


def test_gas_metered_is_cold_every_time(chain, probe):
    with chain.metered():
        first, second = probe.store(4), probe.store(5)
    again = probe.store(6)
    assert (first.metered, second.metered, again.metered) == (True, True, False)
    assert first.gas_used > second.gas_used  # the sender's slot was empty
    assert again.gas_used < second.gas_used
    with chain.metered():
        assert probe.store(7).gas_used == second.gas_used


def test_gas_metered_of_a_revert(chain, probe):
    with chain.metered(), pytest.raises(Revert) as error:
        probe.store(LIMIT + 1)
    assert error.value.gas_used > 21_000


@pytest.fixture
def rpc() -> Iterator[Rpc]:
    """A request to an Anvil of its own."""
    if not ANVIL.exists():
        pytest.skip("no Anvil; `make setup` with node installs it")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    node = subprocess.Popen(
        [ANVIL, "--port", str(port), "--hardfork", "cancun", "--silent"], stdout=subprocess.DEVNULL
    )

    def request(method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        call = urllib.request.Request(
            f"http://127.0.0.1:{port}", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(call, timeout=10) as answer:
            reply = json.load(answer)
        assert "error" not in reply, reply
        return reply["result"]

    deadline = time.monotonic() + 20
    while True:
        try:
            request("eth_chainId")
            break
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "Anvil does not answer"
            time.sleep(0.05)
    yield request
    node.terminate()
    node.wait(timeout=10)


def _receipt(rpc: Rpc, transaction: dict[str, str]) -> dict[str, Any]:
    sent = rpc("eth_sendTransaction", transaction)
    for _ in range(200):
        if receipt := rpc("eth_getTransactionReceipt", sent):
            return receipt
        time.sleep(0.02)
    raise AssertionError(f"no receipt of {sent}")


@pytest.mark.anvil
def test_gas_metered_equals_anvil(chain, rpc, probe_artifact, caller_artifact):
    sender = rpc("eth_accounts")[0]

    def send(data: bytes, to: str | None = None) -> dict[str, Any]:
        transaction = {"from": sender, "data": "0x" + data.hex(), "gas": hex(20_000_000)}
        return _receipt(rpc, transaction | ({"to": to} if to else {}))

    with chain.metered():
        probe = chain.deploy(probe_artifact, 3, LIMIT, sender=sender)
        caller = chain.deploy(caller_artifact, sender=sender)
        arguments = (3).to_bytes(32, "big") + LIMIT.to_bytes(32, "big")
        there = [send(probe_artifact.bytecode + arguments), send(caller_artifact.bytecode)]
        places = {probe: there[0]["contractAddress"], caller: there[1]["contractAddress"]}
        assert [int(receipt["gasUsed"], 16) for receipt in there] == [
            probe.deployed.gas_used,
            caller.deployed.gas_used,
        ]
        # the same addresses, so that the calldata costs the same
        assert [place.lower() for place in places.values()] == [
            handle.address.lower() for handle in places
        ]
        steps = [
            (probe.store, (4,)),
            (probe.store, (5,)),
            (probe.store, (5,)),
            (probe.clear, ()),
            (probe.clear, ()),
            (probe.store, (6, "a longer label here")),
            (caller.store, (probe, 7)),
            (caller.clear, (probe,)),
            (caller.store, (probe, 8)),
            (probe.count, (2,)),
            (probe.count, (2,)),
            (probe.knock, ()),
        ]
        for function, args in steps:
            here = function.transact(*args, sender=sender)
            receipt = send(function.encode(*args), places[function._handle])
            assert int(receipt["status"], 16) == 1
            assert (function.name, here.gas_used) == (function.name, int(receipt["gasUsed"], 16))
            assert len(here.logs) == len(receipt["logs"])
