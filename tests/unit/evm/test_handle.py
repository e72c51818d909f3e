"""Arguments, results, overloads and events of a handle."""

import time
from dataclasses import dataclass

import numpy as np
import pytest
from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evm import Chain, Handle, Revert
from plimsoll.evm.handle import AbiError, _Codec, address_of

OWNER = "0x52908400098527886E0F7030069857D2E4169EE7"


@dataclass
class Point:
    x: int
    y: int
    owner: str


def test_call_transact_and_simulate(probe):
    assert probe.store.call(9) == 9
    assert probe.number() == 3
    simulated = probe.store.simulate(9)
    assert (simulated.value, simulated.event("Stored").number, probe.number()) == (9, 9, 3)
    assert probe.store(9).value == 9
    assert probe.number() == 9
    assert probe.number.transact().value == 9


def test_call_reverts(probe):
    with pytest.raises(Revert, match="above the limit"):
        probe.store.call(2**255)


def test_overloads_by_count(probe):
    assert probe.store(1).event("Stored").offset == -3
    assert probe.store(1, "x", -(2**127)).event("Stored").offset == -(2**127)
    assert len(probe.store.signatures) == 3
    assert probe.store.encode(1)[:4] == keccak(text="store(uint256)")[:4]
    assert probe.store.decode_args(probe.store.encode(1, "x")) == {"number": 1, "label": "x"}
    with pytest.raises(AbiError, match="got 4 arguments"):
        probe.store(1, "x", 1, 1)


def test_struct_forms(probe):
    wanted = (5, -6, OWNER)
    forms = [wanted, list(wanted), {"y": -6, "x": 5, "owner": OWNER}, Point(5, -6, OWNER)]
    for form in forms:
        found = probe.mirror(form)
        assert found == wanted
        assert (found.x, found.y, found.owner) == wanted
    assert probe.mirror(found) == wanted


def test_struct_refuses_wrong_fields(probe):
    with pytest.raises(AbiError, match=r"missing \['owner'\], unknown \['ower'\]"):
        probe.mirror({"x": 1, "y": 1, "ower": OWNER})


def test_struct_nested_and_dynamic(probe):
    found = probe.mirror_named({"point": Point(5, -6, OWNER), "title": "here"})
    assert (found.point.y, found.point.owner, found.title) == (-6, OWNER, "here")
    points = probe.mirror_points([Point(i, -i, OWNER) for i in range(3)])
    assert [point.y for point in points] == [0, -1, -2]
    assert probe.mirror_points([]) == []


def test_values_of_every_kind(probe):
    values = (-128, True, bytes(range(32)), b"\x01\x02\x03\x04", [-1, 0, 32_767], b"tail")
    assert probe.mirror_all(*values) == values


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (0, 128),
        (0, True),
        (0, 1.0),
        (1, 1),
        (2, b"short"),
        (3, "text"),
        (4, [1, 2]),
        (4, [1, 2, 2**15]),
    ],
)
def test_values_refused(probe, place, wrong):
    values = [-128, True, bytes(32), bytes(4), [1, 2, 3], b""]
    values[place] = wrong
    with pytest.raises(AbiError, match=r"Probe\.mirror_all"):
        probe.mirror_all(*values)


def test_integers_of_numpy_are_integers(probe):
    assert probe.store(np.int64(12)).value == 12


def test_addresses_in_all_forms(chain, probe):
    trader = chain.account("trader")
    probe.store(5, sender=trader)
    forms = [trader, trader.address, trader.address.lower(), bytes.fromhex(trader.address[2:])]
    assert [probe.numbers(form) for form in forms] == [5, 5, 5, 5]
    assert address_of(probe) == probe.address
    with pytest.raises(AbiError, match="no address"):
        probe.numbers("0x1234")


def test_events_decoded(chain, probe):
    trader = chain.account("trader")
    receipt = probe.store(5, "label", 7, sender=trader)
    event = receipt.event("Stored")
    assert list(event.args) == ["who", "label", "number", "offset"]
    assert (event.who, event.number, event.offset) == (trader.address, 5, 7)
    assert event.label == keccak(text="label")
    assert event.address == probe.address
    assert receipt.events("Other") == []
    with pytest.raises(AttributeError, match="no argument"):
        event.nothing  # noqa: B018
    with pytest.raises(AbiError, match="the logs are: Stored"):
        receipt.event("Other")


def test_events_of_modules_and_other_contracts(probe, caller):
    assert probe.count(2).event("Counted").total == 2
    receipt = caller.store(probe, 6)
    assert [event.name for event in receipt.logs] == ["Called", "Stored"]
    assert receipt.events("Stored", probe)[0].who == caller.address
    assert receipt.events("Stored", caller) == []


def test_events_stay_readable_after_later_transactions(probe):
    receipts = [probe.store(number) for number in range(5)]
    assert [receipt.event("Stored").number for receipt in receipts] == [0, 1, 2, 3, 4]


def test_events_unknown_are_raw(probe_artifact, caller_artifact):
    chain = Chain()
    caller = chain.deploy(caller_artifact)
    bare = [entry for entry in probe_artifact.abi if entry["type"] != "event"]
    probe = Handle(chain, chain.deploy(caller_artifact), bare)
    chain.set_code(probe, probe_artifact.runtime + (10**30).to_bytes(32, "big"))
    log = caller.store(probe, 4).logs[1]
    assert (log.name, log.args, log.address) == (None, {}, probe.address)
    assert int.from_bytes(log.data[:32], "big") == 4


def test_merged_abi_at_one_address(chain, probe, probe_artifact, caller_artifact):
    both = chain.at(probe, probe_artifact, caller_artifact)
    assert both.label == "Probe"
    assert both.number() == 3
    assert both.store.signatures == {
        1: "store(uint256)",
        2: "store(uint256,string)",  # the root's own entry wins over store(address,uint256)
        3: "store(uint256,string,int128)",
    }
    assert both.name.encode() == keccak(text="name()")[:4]


def test_unknown_function_lists_the_known(probe):
    with pytest.raises(AttributeError, match=r"Probe has no function 'sture'; it has .*store"):
        probe.sture()


def test_no_contract_there(chain, probe_artifact):
    nowhere = chain.at(OWNER, probe_artifact)
    with pytest.raises(AbiError, match="is the contract deployed there"):
        nowhere.number()
    assert nowhere.code_size == 0


def test_deploy_wrong_arguments(chain, probe_artifact):
    with pytest.raises(AbiError, match="uint256 number, uint256 limit"):
        chain.deploy(probe_artifact, 1)


@pytest.mark.slow
def test_ten_thousand_calls_a_second(chain, probe):
    trader = chain.account("trader")
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        for number in range(5_000):
            probe.store(number, sender=trader)
            probe.number()
        best = max(best, 10_000 / (time.perf_counter() - start))
    assert best > 10_000


INTEGERS = st.integers(-(2**255), 2**255 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).map(address_of)


@given(
    points=st.lists(st.tuples(INTEGERS, INTEGERS, ADDRESSES), max_size=5),
    words=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=3),
    tail=st.binary(max_size=70),
    number=st.integers(0, 255),
    cut=st.integers(1, 64),
)
def test_codec_of_arrays_and_bytes_is_that_of_eth_abi(points, words, tail, number, cut):
    """Offsets and lengths as eth_abi writes and reads them; what is cut off is noticed."""
    point = [
        {"name": n, "type": t} for n, t in zip("xyo", ("int256", "int256", "address"), strict=True)
    ]
    codec = _Codec(
        [
            {"name": "points", "type": "tuple[]", "components": point},
            {"name": "number", "type": "uint8"},
            {"name": "words", "type": "bool[2][]"},
            {"name": "tail", "type": "bytes"},
        ],
        "probe",
    )
    values = (points, number, [list(pair) for pair in words], tail)
    raw = abi_encode(["(int256,int256,address)[]", "uint8", "bool[2][]", "bytes"], values)
    assert codec.encode(values) == raw
    assert [tuple(point) for point in codec.values(raw)[0]] == points
    assert tuple(codec.values(raw)[1:]) == values[1:]
    with pytest.raises(AbiError, match="end before an array does"):
        codec.values(raw[: -32 - cut])


@pytest.mark.parametrize("place", [0, 32])
def test_codec_of_arrays_with_wild_offsets_and_lengths(place):
    codec = _Codec([{"name": "numbers", "type": "uint256[]"}], "probe")
    raw = bytearray(abi_encode(["uint256[]"], [[1, 2, 3]]))
    for wild in (2**256 - 1, 2**255, 2**64, len(raw)):
        raw[place : place + 32] = wild.to_bytes(32, "big")
        with pytest.raises(AbiError, match="end before an array does"):
            codec.values(bytes(raw))
