"""MRG: the margin formula in worked figures, and what MRG-2 says of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.reference.margin import (
    IDENTITY,
    Breakdown,
    Globals,
    Matrix,
    Risk,
    breakdown,
    expected_shortfall,
    is_correlation,
    notional,
)
from plimsoll.reference.numbers import MARKETS, RHO, UNIT, WAD

PARAMS = Globals(z=3 * WAD, kappa=2 * WAD)
RISK = Risk(5 * 10**10, 2 * 10**10, 10**10, 10**10, 10**8, 10**6, 10**10, 10**12)
RISKS = dict.fromkeys(range(MARKETS), RISK)
WEI = 20  # what the roundings of up to 16 legs may add up to


def factor_matrix(loadings: list[int]) -> Matrix:
    """Correlations l_m*l_n of one common factor, loadings in percent: always semi-definite."""
    span = range(MARKETS)
    return [[RHO if m == n else loadings[m] * loadings[n] for n in span] for m in span]


matrices = st.lists(st.integers(-100, 100), min_size=MARKETS, max_size=MARKETS).map(factor_matrix)
amounts = st.integers(-(10**8) * WAD, 10**8 * WAD)
books = st.dictionaries(st.integers(0, MARKETS - 1), amounts, max_size=8)
risk_sets = st.lists(
    st.builds(
        lambda sigma, f: replace(RISK, sigma=sigma, f=f),
        st.integers(10**9, 5 * UNIT),
        st.integers(2 * 10**10, UNIT),
    ),
    min_size=MARKETS,
    max_size=MARKETS,
).map(lambda rows: dict(enumerate(rows)))


def core(margin: Breakdown) -> int:
    """The part of MM that MRG-2 calls subadditive."""
    return max(margin.es, margin.floor, margin.gap)


def test_mrg_one_leg_default() -> None:
    """10 units at 100 quote: x = 1,000.

    ES = 3 * 5 % * 1,000 = 150; floor = 2 % = 20; gap = 1 % = 10; impact = 1,000^2 / 1e8 * 1 % =
    0.0001; c = 1; MM = 150 + 0.0001 + 1; IM = 2 * MM.
    """
    x = {0: notional(10 * WAD, 100 * WAD)}
    margin = breakdown(x, RISKS, IDENTITY, PARAMS)
    mm = 151 * WAD + 10**14
    assert margin == Breakdown(150 * WAD, 20 * WAD, 10 * WAD, 10**14, WAD, mm, 0, 2 * mm)


def test_mrg_two_legs_default() -> None:
    """Longs of 300 and 400 without correlation: y = 15 and 20, root 25, ES = 75.

    With correlation 1 the roots add: ES = 3 * 35 = 105. With one short: ES = 3 * 5 = 15.
    floor = 2 % of 700 = 14, gap = 1 % of 400 = 4.
    """
    x = {3: 300 * WAD, 5: 400 * WAD}
    margin = breakdown(x, RISKS, IDENTITY, PARAMS)
    assert (margin.es, margin.floor, margin.gap) == (75 * WAD, 14 * WAD, 4 * WAD)
    one = factor_matrix([100] * MARKETS)
    assert breakdown(x, RISKS, one, PARAMS).es == 105 * WAD
    assert breakdown({3: -300 * WAD, 5: 400 * WAD}, RISKS, one, PARAMS).es == 15 * WAD


def test_mrg_crowding_raises_the_initial_margin_alone() -> None:
    """Crowding 1.5 on the one leg: surcharge = half of MM; IM = 2 * 1.5 * MM."""
    x = {0: 1_000 * WAD}
    margin = breakdown(x, RISKS, IDENTITY, PARAMS, {0: 15 * WAD // 10})
    assert margin.surcharge * 2 == margin.mm
    assert margin.im == 3 * margin.mm


def test_mrg_no_legs_no_margin() -> None:
    """No legs: MM = IM = 0."""
    margin = breakdown({0: 0}, RISKS, IDENTITY, PARAMS)
    assert (margin.mm, margin.im) == (0, 0)


def test_notional_rounds_away_from_zero() -> None:
    """1 wei of size at 1 wei of price is one wei of notional, on either side."""
    assert (notional(1, 1), notional(-1, 1), notional(0, WAD)) == (1, -1, 0)


@given(size=st.integers(1, 10**8), loading=st.integers(1, 100), part=st.integers(1, 100))
def test_mrg_2_a_hedge_lowers_es(size: int, loading: int, part: int) -> None:
    """A short of up to rho times the long, in a market of correlation rho > 0, lowers ES."""
    rho = factor_matrix([100, loading] + [0] * 14)
    hedge = size * WAD * loading * part // 10**4
    naked = expected_shortfall({0: size * WAD}, RISKS, rho, PARAMS.z)
    hedged = expected_shortfall({0: size * WAD, 1: -hedge}, RISKS, rho, PARAMS.z)
    assert hedged <= naked + WEI


@given(first=books, second=books, rho=matrices, risks=risk_sets)
def test_mrg_2_merging_is_subadditive(
    first: dict[int, int], second: dict[int, int], rho: Matrix, risks: dict[int, Risk]
) -> None:
    """max(ES, floor, gap) of two books together is at most the sum, but for wei of rounding."""
    both = {m: first.get(m, 0) + second.get(m, 0) for m in {*first, *second}}
    parts = [core(breakdown(x, risks, rho, PARAMS)) for x in (first, second)]
    assert core(breakdown(both, risks, rho, PARAMS)) <= sum(parts) + WEI


@given(book=books, factor=st.integers(2, 50), rho=matrices, risks=risk_sets)
def test_mrg_2_scaling(
    book: dict[int, int], factor: int, rho: Matrix, risks: dict[int, Risk]
) -> None:
    """k times the book has k times max(ES, floor, gap), but for k times the rounding."""
    one = core(breakdown(book, risks, rho, PARAMS))
    many = core(breakdown({m: x * factor for m, x in book.items()}, risks, rho, PARAMS))
    assert abs(many - factor * one) <= factor * WEI * 3


@given(book=books, percent=st.integers(100, 300), rho=matrices, risks=risk_sets)
def test_mrg_2_a_common_rise_of_sigma_never_lowers_mm(
    book: dict[int, int], percent: int, rho: Matrix, risks: dict[int, Risk]
) -> None:
    """All sigmas up together: MM up, but for the truncation of each sigma to UNIT."""
    whole = {m: replace(r, sigma=r.sigma // 100 * 100) for m, r in risks.items()}
    raised = {m: replace(r, sigma=r.sigma // 100 * percent) for m, r in whole.items()}
    low = breakdown(book, whole, rho, PARAMS).mm
    assert breakdown(book, raised, rho, PARAMS).mm >= low - 3 * WEI


@given(size=amounts, sigma=st.integers(10**9, 4 * UNIT), more=st.integers(0, UNIT))
def test_mrg_2_one_position_is_monotonic_in_sigma(size: int, sigma: int, more: int) -> None:
    """With one position MM never falls as its sigma rises."""
    mm = [
        breakdown({0: size}, {0: replace(RISK, sigma=s)}, IDENTITY, PARAMS).mm
        for s in (sigma, sigma + more)
    ]
    assert mm[0] <= mm[1]


@given(book=books, market=st.integers(0, MARKETS - 1), step=st.integers(1, WAD), rho=matrices)
def test_mrg_2_continuous(book: dict[int, int], market: int, step: int, rho: Matrix) -> None:
    """A step of the notional moves MM - c by at most the steepest slope.

    Slopes: ES z*sigma = 15 %, floor 2 %, gap 1 %, impact 2 * 1e8 / 1e8 * 1 % = 2 % (plus step^2).
    """
    moved = {**book, market: book.get(market, 0) + step}
    low, high = (breakdown(x, RISKS, rho, PARAMS) for x in (book, moved))
    assert abs((high.mm - high.fixed) - (low.mm - low.fixed)) <= step * 20 // 100 + WEI


def test_mrg_3_correlations() -> None:
    """Unit matrix and all ones pass; asymmetry, a wrong diagonal and a negative root fail.

    Three markets pairwise at -0.51 have the eigenvalue 1 - 2*0.51 < 0; at -0.5 it is exactly 0.
    """

    def changed(*cells: tuple[int, int, int]) -> list[list[int]]:
        rows = [list(row) for row in IDENTITY]
        for m, n, value in cells:
            rows[m][n] = value
        return rows

    def triangle(value: int) -> list[list[int]]:
        pairs = [(m, n) for m in range(3) for n in range(3) if m != n]
        return changed(*((m, n, value) for m, n in pairs))

    assert is_correlation(IDENTITY)
    assert is_correlation(factor_matrix([100] * MARKETS))
    assert is_correlation(triangle(-5_000))
    assert not is_correlation(triangle(-5_100))
    assert not is_correlation(changed((0, 1, 5)))
    assert not is_correlation(changed((0, 0, 9_999)))
    assert not is_correlation(changed((0, 1, 10_001), (1, 0, 10_001)))
    assert not is_correlation(IDENTITY[:15])


@pytest.mark.parametrize("rows", [1, 2])
def test_mrg_3_a_zero_pivot_needs_a_zero_row(rows: int) -> None:
    """Markets 0 and 1 move as one, so they must have one correlation with market 2."""
    matrix = [list(row) for row in IDENTITY]
    matrix[0][1] = matrix[1][0] = RHO
    for m in range(rows):
        matrix[m][2] = matrix[2][m] = 5_000
    assert is_correlation(matrix) == (rows == 2)
