"""RiskModel.set_correlations and RiskModel.correlation (MRG-3)"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plimsoll.evm import Account, Chain, Handle, Revert, load
from plimsoll.reference.margin import is_semidefinite, pack_rows

Matrix = list[list[int]]
NOT_PSD = "risk: matrix is not psd"

# what the contract promises: nothing below this eigenvalue is accepted
LOWEST_EIGENVALUE = -1.6e-7


def accepted(risk: Handle, matrix: Matrix) -> bool:
    try:
        risk.set_correlations.call(pack_rows(matrix))
    except Revert as error:
        if error.reason != NOT_PSD:
            raise
        return False
    return True


def lowest_eigenvalue(matrix: Matrix) -> float:
    return float(np.linalg.eigvalsh(np.array(matrix) / 10_000).min())


def spread(base: Matrix, places: list[int], signs: list[int]) -> Matrix:
    """Markets that are copies or mirror images of a few: singular, and definite as the few are."""
    return [
        [signs[m] * signs[n] * base[places[m]][places[n]] for n in range(16)] for m in range(16)
    ]


def factor_matrix(seed: int, rank: int, shrink: float) -> Matrix:
    """Random factors, rounded to the grid; shrinking makes up for the rounding."""
    factors = np.random.default_rng(seed).normal(size=(16, rank))
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    rounded = np.rint(factors @ factors.T * (1 - shrink) * 10_000).astype(int)
    np.fill_diagonal(rounded, 10_000)
    matrix: Matrix = rounded.tolist()
    return matrix


def test_set_correlations_default(
    chain: Chain, risk: Handle, owner: Account, identity: Callable[[], Matrix]
) -> None:
    matrix = identity()
    matrix[0][1] = matrix[1][0] = 9_999
    matrix[3][15] = matrix[15][3] = -4_321
    matrix[14][15] = matrix[15][14] = 1
    risk.set_correlations(pack_rows(matrix), sender=owner)
    for m in range(16):
        for n in range(16):
            assert risk.correlation(m, n) == matrix[m][n]
    slot = load("RiskModel").layout["storage_layout"]["correlations"]["rows"]["slot"]
    for m in range(16):
        word = sum(matrix[m][n] % 2**16 << 16 * n for n in range(16))
        assert chain.storage(risk, slot + m) == word


def test_set_correlations_emits_correlations_updated(
    risk: Handle, owner: Account, identity: Callable[[], Matrix]
) -> None:
    matrix = identity()
    matrix[2][5] = matrix[5][2] = -3_000
    event = risk.set_correlations(pack_rows(matrix), sender=owner).event("CorrelationsUpdated")
    words = [sum(row[n] % 2**16 << 16 * n for n in range(16)) for row in matrix]
    assert [row % 2**256 for row in event.rows] == words


def test_mrg_5_set_correlations_reverts_rho_of_set_markets(
    risk: Handle, owner: Account, identity: Callable[[], Matrix], params_of: Callable[..., Any]
) -> None:
    """Between markets that are set correlations are announced; those of a new market are free."""
    matrix = identity()
    matrix[3][7] = matrix[7][3] = 4_000
    matrix[3][3] = 10_000
    risk.set_correlations(pack_rows(matrix), sender=owner)
    for market in (3, 7, 15):
        risk.set_market(market, params_of(), sender=owner)
    matrix[3][8] = matrix[8][3] = -2_000
    matrix[0][1] = matrix[1][0] = 2_000
    risk.set_correlations(pack_rows(matrix), sender=owner)
    assert (risk.correlation(3, 8), risk.correlation(1, 0)) == (-2_000, 2_000)
    for m, n, rho in ((3, 7, 4_001), (3, 7, 0), (15, 3, 1), (7, 15, -1)):
        changed = [list(row) for row in matrix]
        changed[m][n] = changed[n][m] = rho
        with pytest.raises(Revert, match="risk: rho of set markets"):
            risk.set_correlations(pack_rows(changed), sender=owner)


def test_mrg_5_set_correlations_reverts_while_one_is_announced(
    chain: Chain, risk: Handle, owner: Account, identity: Callable[[], Matrix]
) -> None:
    rows, start = pack_rows(identity()), chain.timestamp + 86_400
    risk.announce_correlations(rows, start, start + 3_600, sender=owner)
    with pytest.raises(Revert, match="risk: change is pending"):
        risk.set_correlations(rows, sender=owner)
    risk.cancel(10, 0, sender=owner)
    risk.set_correlations(rows, sender=owner)


def test_set_correlations_reverts_stranger(
    risk: Handle, stranger: Account, identity: Callable[[], Matrix]
) -> None:
    with pytest.raises(Revert, match="ownable: caller is not the owner"):
        risk.set_correlations(pack_rows(identity()), sender=stranger)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({(0, 1): 1}, "risk: matrix not symmetric"),
        ({(15, 14): -1}, "risk: matrix not symmetric"),
        ({(0, 15): 5, (15, 0): -5}, "risk: matrix not symmetric"),
        ({(3, 3): 9_999}, "risk: diagonal is not one"),
        ({(3, 3): -10_000}, "risk: diagonal is not one"),
        ({(15, 15): 0}, "risk: diagonal is not one"),
        ({(3, 3): 10_001}, "risk: diagonal is not one"),
        ({(4, 9): 10_001, (9, 4): 10_001}, "risk: rho out of range"),
        ({(4, 9): -10_001, (9, 4): -10_001}, "risk: rho out of range"),
        ({(4, 9): -32_768, (9, 4): -32_768}, "risk: rho out of range"),
        # three markets cannot all be opposites
        (dict.fromkeys([(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)], -10_000), NOT_PSD),
        # -1/2 is the most for three; the smallest step beyond is an eigenvalue of -2e-4
        (dict.fromkeys([(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)], -5_001), NOT_PSD),
        (
            dict.fromkeys([(13, 14), (14, 13), (13, 15), (15, 13), (14, 15), (15, 14)], -5_001),
            NOT_PSD,
        ),
        # two markets are the same, yet a third moves with one of them only (eigenvalue about -5e-9)
        ({(0, 1): 10_000, (1, 0): 10_000, (0, 2): 1, (2, 0): 1}, NOT_PSD),
        ({(0, 1): 10_000, (1, 0): 10_000, (0, 15): 1, (15, 0): 1}, NOT_PSD),
    ],
)
def test_set_correlations_reverts(
    risk: Handle,
    owner: Account,
    identity: Callable[[], Matrix],
    changes: dict[tuple[int, int], int],
    reason: str,
) -> None:
    matrix = identity()
    for (m, n), rho in changes.items():
        matrix[m][n] = rho
    with pytest.raises(Revert, match=reason):
        risk.set_correlations(pack_rows(matrix), sender=owner)


SIXTEENTH = [[10_000 if m == n else -666 for n in range(16)] for m in range(16)]
TOO_MUCH = [[10_000 if m == n else -667 for n in range(16)] for m in range(16)]


def test_set_correlations_accepts_singular(
    blank_risk: Handle, identity: Callable[[], Matrix]
) -> None:
    """Matrices whose smallest eigenvalue is exactly zero."""
    assert accepted(blank_risk, [[10_000] * 16 for _ in range(16)])
    halves = [[10_000 if m % 2 == n % 2 else -10_000 for n in range(16)] for m in range(16)]
    assert accepted(blank_risk, halves)
    triple = identity()
    for m, n in [(0, 1), (0, 2), (1, 2)]:
        triple[m][n] = triple[n][m] = -5_000
    assert accepted(blank_risk, triple)
    pythagoras = identity()
    for m, n, rho in [(0, 1, 6_000), (0, 2, 8_000), (4, 5, -2_800), (4, 6, 9_600)]:
        pythagoras[m][n] = pythagoras[n][m] = rho
    assert accepted(blank_risk, pythagoras)
    # all equally negative: -1/15 is the most
    assert accepted(blank_risk, SIXTEENTH)
    assert lowest_eigenvalue(SIXTEENTH) < 1.1e-3
    assert not accepted(blank_risk, TOO_MUCH)
    assert lowest_eigenvalue(TOO_MUCH) > -1e-3


@given(
    seed=st.integers(0, 2**32 - 1),
    kinds=st.integers(1, 5),
    places=st.lists(st.integers(0, 4), min_size=16, max_size=16),
    signs=st.lists(st.sampled_from([-1, 1]), min_size=16, max_size=16),
)
@settings(max_examples=60, deadline=None)
def test_set_correlations_accepts_copies(
    blank_risk: Handle, seed: int, kinds: int, places: list[int], signs: list[int]
) -> None:
    """Any positive semi-definite matrix, blown up to a singular one."""
    base = factor_matrix(seed, 4, 0.002)
    matrix = spread(base, [place % kinds for place in places], signs)
    assert is_semidefinite(matrix)
    assert accepted(blank_risk, matrix)


@given(
    seed=st.integers(0, 2**32 - 1),
    rank=st.integers(1, 16),
    shrink=st.sampled_from([0.0, 1e-5, 5e-5, 1e-4, 2e-4, 1e-3, 0.05]),
)
@example(seed=0, rank=1, shrink=0.0)
@settings(max_examples=120, deadline=None)
def test_set_correlations_agrees_with_eigenvalues(
    blank_risk: Handle, seed: int, rank: int, shrink: float
) -> None:
    """Rounded low-rank matrices lie on both sides of the border and near to it."""
    matrix = factor_matrix(seed, rank, shrink)
    taken = accepted(blank_risk, matrix)
    lowest = lowest_eigenvalue(matrix)
    if lowest > 1e-12:
        assert taken
    if lowest < LOWEST_EIGENVALUE:
        assert not taken
    if is_semidefinite(matrix):
        assert taken


@given(
    entries=st.lists(st.integers(-10_000, 10_000), min_size=120, max_size=120),
    scale=st.sampled_from([1, 5, 8, 12, 20]),
)
@settings(max_examples=120, deadline=None)
def test_set_correlations_agrees_on_random_matrices(
    blank_risk: Handle, entries: list[int], scale: int
) -> None:
    """Symmetric matrices without structure: definite when small, wildly indefinite when large."""
    rest = iter(entries)
    matrix = [[10_000] * 16 for _ in range(16)]
    for m in range(16):
        for n in range(m):
            matrix[m][n] = matrix[n][m] = int(next(rest) / scale)
    lowest = lowest_eigenvalue(matrix)
    taken = accepted(blank_risk, matrix)
    assert taken == is_semidefinite(matrix) or LOWEST_EIGENVALUE < lowest < 0


@given(
    places=st.permutations(list(range(16))),
    signs=st.lists(st.sampled_from([-1, 1]), min_size=16, max_size=16),
    kinds=st.integers(1, 15),
    rho=st.sampled_from([1, -1, 3, 100, -9_999, 9_999]),
)
@settings(max_examples=60, deadline=None)
def test_set_correlations_refuses_a_broken_copy(
    blank_risk: Handle, places: list[int], signs: list[int], kinds: int, rho: int
) -> None:
    """Two markets are copies, and a third tells them apart: a zero pivot, a column that is not."""
    base = [[10_000 * (m == n) for n in range(16)] for m in range(16)]
    matrix = spread(base, [place % kinds for place in places], signs)
    m = next(m for m in range(16) for n in range(m) if matrix[m][n] != 0)
    third = next((k for k in range(16) if matrix[m][k] == 0), None)
    if third is None:  # all are copies of one
        return
    matrix[m][third] = matrix[third][m] = rho
    assert not accepted(blank_risk, matrix)


def test_set_correlations_gas(
    chain: Chain, risk: Handle, owner: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dense matrix that changes every row fits in a block many times over."""
    matrix = factor_matrix(1, 16, 0.01)
    with chain.metered():
        used = risk.set_correlations(pack_rows(matrix), sender=owner).gas_used
    with capsys.disabled():
        print(f"\nRiskModel.set_correlations: {used:,} gas")
    assert used < 1_000_000


@pytest.mark.parametrize(("m", "n"), [(16, 0), (0, 16), (2**256 - 1, 0)])
def test_correlation_reverts_market_out_of_range(risk: Handle, m: int, n: int) -> None:
    with pytest.raises(Revert, match="risk: market out of range"):
        risk.correlation(m, n)
