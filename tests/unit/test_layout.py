"""LED-9: one storage layout in five code contracts, code below EIP-170's bound, and the compiled
arithmetic and packing against Python on the ends of every field, in both builds."""

import itertools
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from plimsoll.evm import Artifact, Chain, Handle, Revert, load, load_all
from plimsoll.evm.artifacts import MAX_RUNTIME_SIZE, roots

PROJECT = Path(__file__).parents[2]
BUILDS = ("cancun", "shanghai")
ENGINE = (
    "MarginEngine",
    "MarginEngineExt",
    "MarginEngineSettlement",
    "MarginEngineLiquidation",
    "MarginEngineAdmin",
)
WAD = 10**18
A_ONE, A_MIN = 10**18, 10**15
LIMIT = 2**103
Q = 2**40 - 1
K_LIMIT = 2**151
ACCOUNT = 2**255 + 5


class Leg(NamedTuple):
    """The ledger's `Leg`."""

    size: int = 0
    pnl: int = 0
    reserve: int = 0


class Book(NamedTuple):
    """The ledger's `Book`."""

    market: int = 3
    price: int = 100 * WAD
    long_a: int = A_ONE
    long_k0: int = 0
    short_a: int = A_ONE
    short_k0: int = 0
    epoch: int = 1
    oi: int = 0
    cash: int = 0
    long_tail: int = 0
    short_tail: int = 0
    tail: int = 0
    changed: int = 0
    config: int = 0


@pytest.fixture(scope="module", params=BUILDS)
def build(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def artifacts(build: str) -> dict[str, Artifact]:
    return load_all(build)


@pytest.fixture(scope="module")
def probe(build: str, tmp_path_factory: pytest.TempPathFactory) -> Handle:
    """The ledger's internals, compiled beside the engine."""
    folder = tmp_path_factory.mktemp(build) / "contracts"
    shutil.copytree(PROJECT / "contracts", folder)
    shutil.copy(Path(__file__).parent / "contracts" / "LedgerProbe.vy", folder)
    return Chain(fork=build.upper()).deploy(load("LedgerProbe", build, folder))


# ---- layout and size -----------------------------------------------------------------------------


def slots(artifact: Artifact) -> dict[str, Any]:
    """module.name -> (type, slot, slots), without the code's own immutables."""
    return {
        f"{module}.{name}": (entry["type"], entry["slot"], entry["n_slots"])
        for module, entries in artifact.layout["storage_layout"].items()
        for name, entry in (entries.items() if "slot" not in entries else [("", entries)])
    }


def test_led_9_the_code_contracts_share_one_layout(artifacts: dict[str, Artifact]) -> None:
    """Same names, same types, same slots: what one writes the others read."""
    first, *others = (artifacts[name] for name in ENGINE)
    for other in others:
        assert slots(other) == slots(first), other.name
        assert other.layout.get("transient_storage_layout") == first.layout.get(
            "transient_storage_layout"
        )
    assert "ledger.wallets" in slots(first)


def test_led_9_no_two_variables_share_a_slot(artifacts: dict[str, Artifact]) -> None:
    """The slots of a contract follow each other without an overlap."""
    taken = sorted((slot, count) for _, slot, count in slots(artifacts["MarginEngine"]).values())
    for (slot, count), (following, _) in itertools.pairwise(taken):
        assert slot + count <= following


@pytest.mark.parametrize("name", sorted(roots()))
def test_eip_170(name: str) -> None:
    """Code and immutables of every root are at most 24,576 bytes in the build for public chains.

    The one for shanghai is larger; it is for local nodes, which lift the bound.
    """
    assert 0 < load(name, "cancun").runtime_size <= MAX_RUNTIME_SIZE


# ---- arithmetic ----------------------------------------------------------------------------------


def around(*centres: int) -> list[int]:
    """Each number, its neighbours, and all of them negative."""
    near = {c + d for c in centres for d in (-1, 0, 1)}
    return sorted(near | {-n for n in near})


def test_floor_div(probe: Handle) -> None:
    """Toward minus infinity, whatever the sign."""
    tops = [n for n in around(0, 7, WAD, LIMIT, 2**254) if -(2**255) < n < 2**255]
    tops += [2**255 - 1, -(2**255)]
    for n, d in itertools.product(tops, (1, 2, 3, 7, WAD, 2**60 * WAD, 2**255 - 1)):
        assert probe.floor_div(n, d) == n // d, (n, d)


def test_ceil_div(probe: Handle) -> None:
    """Toward plus infinity; n + d below 2**256 is the caller's business."""
    tops = [n for n in around(0, 7, WAD, LIMIT, 2**255) if n >= 0]
    for n, d in itertools.product(tops, (1, 2, 3, 7, WAD, 2**60 * WAD, 2**254)):
        assert probe.ceil_div(n, d) == -(-n // d), (n, d)


def test_notional(probe: Handle) -> None:
    """Signed, away from zero."""
    for size in around(0, 1, WAD, 2**96, LIMIT - 2):
        for price in (1, 2, WAD - 1, WAD, WAD + 1, 2**89 - 1, 2**89, 2**96 - 1):
            x = -(-abs(size) * price // WAD)
            assert probe.notional(size, price) == (x if size >= 0 else -x), (size, price)


def test_count(probe: Handle) -> None:
    """Set bits of sixteen."""
    for held in [*range(300), *(2**16 - 1 - i for i in range(300)), 0b0101010101010101]:
        assert probe.count(held) == held.bit_count()


def test_dust(probe: Handle) -> None:
    """1e-16 of the lowest 96 bits, at least 1."""
    for cap in (1, 10**16 - 1, 10**16, 2 * 10**16 - 1, 2**96 - 1):
        for rest in (0, 2**160 - 1):
            assert probe.dust(rest << 96 | cap) == max(1, cap // 10**16)


def test_mrg_5_bucket(probe: Handle) -> None:
    """64ths of the upper half of the open-interest cap; never more than 63."""
    for cap in (1, 2, 3, 64, 10**20 + 7, 2**96 - 1):
        for oi in {0, 1, cap // 2, cap // 2 + 1, cap * 3 // 4, cap - 1, cap, 2 * cap, LIMIT - 1}:
            expected = min(63, max(0, 2 * oi - cap) * 64 // cap)
            assert probe.bucket(oi, 2**160 - 1 << 96 | cap) == expected, (oi, cap)


# ---- reserves (LED-4) ----------------------------------------------------------------------------


def test_led_4_with_gain(probe: Handle) -> None:
    """R = min(max(0, R + u), max(0, pnl + u)): profit goes into it first, loss comes out first."""
    for pnl, reserve, gain in itertools.product(
        (-(LIMIT // 2), -7, 0, 1, 7, LIMIT // 2), (0, 1, 5, 7, LIMIT // 2), around(0, 7, LIMIT // 3)
    ):
        if reserve > max(0, pnl):
            continue
        after = min(max(0, reserve + gain), max(0, pnl + gain))
        leg = probe.with_gain(Leg(-3, pnl, reserve), gain)
        assert tuple(leg) == (-3, pnl + gain, after), (pnl, reserve, gain)


def test_led_4_part_of_reserve(probe: Handle) -> None:
    """The part of a claim takes its part of the reserve along, rounded up."""
    for pnl, reserve, part in itertools.product((1, 7, 10**20, LIMIT - 1), repeat=3):
        if max(reserve, part) > pnl:
            continue
        expected = -(-reserve * part // pnl)
        assert probe.part_of_reserve(Leg(0, pnl, reserve), part) == expected
        assert probe.part_of_reserve(Leg(0, pnl, 0), part) == 0


def test_led_4_unmatured(probe: Handle) -> None:
    """What is stored is never less than the reserve was, and decays to half in an hour."""
    now = probe.chain.timestamp
    for pnl, reserve in ((10**12 + 1,) * 2, (10**20, 1), (10**20, 3 * 10**19), (LIMIT - 1,) * 2):
        fraction = -(-reserve * Q // pnl)
        kept = -(-pnl * fraction // Q)
        assert reserve <= kept <= min(pnl, reserve + pnl // Q + 1)
        # all that is not above 1e-6 quote counts as matured
        assert probe.unmatured(fraction << 216 | now << 184, pnl) == (kept if kept > 10**12 else 0)
        for hours in (1, 3, 39):
            since = now - 3_600 * hours
            later = probe.unmatured(fraction << 216 | since << 184, pnl)
            exact = kept >> hours
            assert later == 0 if exact < 10**12 else exact <= later <= exact + kept // 2**53 + 2
        assert probe.unmatured(fraction << 216 | now - 144_000 << 184, pnl) == 0


def test_led_4_add_claim(probe: Handle) -> None:
    """A claim with its reserve joins what is recorded; losses eat it, a position stays."""
    account, now = ACCOUNT + 1, probe.chain.timestamp
    for pnl, reserve, amount, new in (
        (0, 0, 10**20, 10**20),
        (10**20, 10**20, 10**20, 0),
        (-(10**20), 0, 3 * 10**19, 3 * 10**19),
        (-(10**20), 0, 10**20, 10**20),
        (-(10**20), 0, 3 * 10**20, 3 * 10**20),
    ):
        for size in (0, -(10**18)):
            with probe.chain.anchor():
                probe.store(Book(), account, Leg(size, pnl, reserve))
                probe.add_claim(account, 3, amount, new)
                leg = Leg(*probe.mark(account, 3, 100 * WAD))
                kept = min(reserve + new, max(0, pnl + amount))
                assert leg[:2] == (size, pnl + amount)
                assert kept <= leg.reserve <= kept + leg.pnl // Q + 1 if kept else leg.reserve == 0
    assert now == probe.chain.timestamp


# ---- packing -------------------------------------------------------------------------------------


def signed(word: int, bits: int) -> int:
    """The low bits of a word in two's complement."""
    low = word % 2**bits
    return int(low - 2**bits if low >= 2 ** (bits - 1) else low)


def test_pack_profit(probe: Handle) -> None:
    """K in 152 bits, pnl in 104, each with its own sign."""
    for k, pnl in itertools.product(
        [n for n in around(0, WAD, K_LIMIT - 1) if abs(n) < K_LIMIT],
        [*[n for n in around(0, WAD, LIMIT - 1) if abs(n) < LIMIT], -LIMIT],
    ):
        word = probe.pack_profit(k, pnl)
        assert (signed(word, 152), signed(word >> 152, 104)) == (k, pnl)


@pytest.mark.parametrize("pnl", [LIMIT, -LIMIT - 1, 2**255 - 1, -(2**255), 2**104, -(2**104)])
def test_pack_profit_reverts_out_of_range(probe: Handle, pnl: int) -> None:
    """Nothing is cut off."""
    with pytest.raises(Revert, match="ledger: pnl out of range"):
        probe.pack_profit(0, pnl)


@pytest.mark.parametrize("k0", [0, 1, -1, 2**149, -(2**149)])
@pytest.mark.parametrize("price", [1, 100 * WAD, 2**89])
def test_pack_leg(probe: Handle, k0: int, price: int) -> None:
    """basis, A, epoch and K of the leg's own side; normal form at size 0."""
    book = Book(price=price, long_a=A_ONE, long_k0=k0, short_a=A_MIN, short_k0=-k0, epoch=2**20 - 1)
    for size in around(0, 1, LIMIT - 2):
        snap, profit = probe.pack_leg(book, Leg(size, -size))
        assert signed(profit >> 152, 104) == -size
        if size < 0:
            # with a reserve, rounded up, the time of now stands beside it
            part, _ = probe.pack_leg(book, Leg(size, -size, -(size // 3)))
            assert part % 2**184 == snap
            assert (part >> 184) % 2**32 == probe.chain.timestamp
            assert part >> 216 == -(size // 3 * Q // -size)
        if size == 0:
            assert (snap, profit % 2**152) == (0, 0)
            continue
        a = A_ONE if size > 0 else A_MIN
        k = k0 + A_ONE * price if size > 0 else -k0 - A_MIN * price
        assert signed(snap, 104) == size
        assert (snap >> 104) % 2**60 == a
        assert snap >> 164 == 2**20 - 1  # no reserve, no time
        assert signed(profit, 152) == k


def test_wallet_words(probe: Handle) -> None:
    """Cash and the held bits leave the rest of the word alone."""
    rest = 2**256 - 1
    for cash in (0, 1, LIMIT - 1):
        assert probe.with_cash(rest, cash) == rest - (2**104 - 1) + cash
        assert probe.with_cash(0, cash) == cash
    with pytest.raises(Revert, match="ledger: cash out of range"):
        probe.with_cash(0, LIMIT)
    for market in range(16):
        assert probe.with_held(0, market, True) == 1 << 104 + market
        assert probe.with_held(rest, market, False) == rest - (1 << 104 + market)


def test_books_and_legs_come_back_as_written(probe: Handle) -> None:
    """LED-2: size toward zero, profit rounded down, at the ends of A, K, price and size."""
    rows = itertools.product(
        (LIMIT - 1, -LIMIT + 1, 10**18 + 1, -(10**18) - 1, 1, -1),  # size
        (0, -(LIMIT // 2), LIMIT // 2),  # pnl
        ((A_ONE, A_ONE), (A_ONE, A_MIN), (A_MIN + 1, A_MIN), (A_ONE - 1, A_ONE // 3)),
        (0, 2**148, -(2**148)),  # K0
    )
    tails = (2**24 - 1, 2**24 - 1, 2**48 - 1)
    for size, pnl, (before, after), k0 in rows:
        price, later = 90 * WAD, 90 * WAD + 7
        old = Book(3, price, before, k0, before, k0, 7, LIMIT - 1, LIMIT - 1, *tails)
        probe.store(old, ACCOUNT, Leg(size, pnl, max(0, pnl)))
        new = Book(3, later, after, k0 + 5, after, k0 - 5, 7, LIMIT - 1, LIMIT - 1, *tails)
        probe.set_sides(new)
        assert tuple(probe.load(3, later)) == tuple(new)
        assert probe.recorded_pnl(ACCOUNT, 3) == pnl
        sign = 1 if size > 0 else -1
        k_then = k0 + sign * before * price
        k_now = k0 + 5 * sign + sign * after * later
        expected = pnl + abs(size) * (k_now - k_then) // (before * WAD)
        live = sign * (abs(size) * after // before)
        assert tuple(probe.value(ACCOUNT, 3, later)) == (live, expected)
        reserve = min(max(0, max(0, pnl) + expected - pnl), max(0, expected))
        assert tuple(probe.mark(ACCOUNT, 3, later)) == (live, expected, reserve)
