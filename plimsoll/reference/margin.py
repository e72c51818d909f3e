"""The margin formula (SPEC section 3). Pure functions on signed notionals in WAD of the quote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from plimsoll.reference.numbers import MARKETS, RHO, UNIT, WAD, ceil_div, sgn, sqrt_up


@dataclass(frozen=True)
class Risk:
    """Risk parameters of one market."""

    sigma: int  # UNIT, volatility over the margin period
    f: int  # UNIT, floor
    g: int  # UNIT, gap
    lam: int  # UNIT, impact
    depth: int  # whole quote units
    c: int  # 1e-6 quote, fixed cost of closing a position
    penalty_cap: int  # UNIT
    share: int  # UNIT


@dataclass(frozen=True)
class Globals:
    """Risk parameters of the whole engine, both in WAD."""

    z: int
    kappa: int


@dataclass(frozen=True)
class Breakdown:
    """What a margin is made of, each in WAD of the quote."""

    es: int
    floor: int
    gap: int
    impact: int
    fixed: int
    mm: int
    surcharge: int
    im: int


Matrix = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Blend:
    """How far the correlations are on their way to another matrix (MRG-5)."""

    target: Matrix
    passed: int  # seconds
    whole: int  # seconds


IDENTITY: Matrix = tuple(tuple(RHO * (m == n) for n in range(MARKETS)) for m in range(MARKETS))


def notional(size: int, price: int) -> int:
    """x = sgn(size) * ceil(|size|*price/1e18): signed notional in WAD, away from zero."""
    return sgn(size) * ceil_div(abs(size) * price, WAD)


def squared_deviation(y: Mapping[int, int], rho: Matrix) -> int:
    """S before it is clamped: RHO times the variance of the signed amounts `y`."""
    legs = sorted(y)
    total = RHO * sum(y[m] ** 2 for m in legs)
    for i, m in enumerate(legs):
        for n in legs[i + 1 :]:
            total += 2 * rho[m][n] * y[m] * y[n]
    return total


def expected_shortfall(
    x: Mapping[int, int],
    risks: Mapping[int, Risk],
    rho: Matrix,
    z: int,
    blend: Blend | None = None,
) -> int:
    """ES = ceil(z * sqrt_up(S) / (100*1e18)); the 100 is the root of RHO."""
    y = {m: sgn(x[m]) * ceil_div(abs(x[m]) * risks[m].sigma, UNIT) for m in x if x[m] != 0}
    total = squared_deviation(y, rho)
    # one leg has no correlations
    if blend is not None and len(y) > 1:
        mixed = total * (blend.whole - blend.passed)
        mixed += squared_deviation(y, blend.target) * blend.passed
        total = ceil_div(mixed, blend.whole)
    return ceil_div(z * sqrt_up(max(0, total)), 100 * WAD)


def maintenance(
    x: Mapping[int, int],
    risks: Mapping[int, Risk],
    rho: Matrix,
    z: int,
    blend: Blend | None = None,
) -> tuple[int, int, int, int, int]:
    """(ES, floor, gap, impact, fixed cost) of the notionals `x`."""
    legs = [m for m in x if x[m] != 0]
    es = expected_shortfall(x, risks, rho, z, blend)
    floor = ceil_div(sum(risks[m].f * abs(x[m]) for m in legs), UNIT)
    gap = ceil_div(max((risks[m].g * abs(x[m]) for m in legs), default=0), UNIT)
    impact = sum(ceil_div(x[m] ** 2 * risks[m].lam, risks[m].depth * WAD * UNIT) for m in legs)
    fixed = sum(risks[m].c * 10**12 for m in legs)
    return es, floor, gap, impact, fixed


def breakdown(
    x: Mapping[int, int],
    risks: Mapping[int, Risk],
    rho: Matrix,
    params: Globals,
    crowding: Mapping[int, int] | None = None,
    blend: Blend | None = None,
) -> Breakdown:
    """Maintenance and initial margin with all their parts; `crowding` in WAD, 1e18 if not given."""
    es, floor, gap, impact, fixed = maintenance(x, risks, rho, params.z, blend)
    mm = max(es, floor, gap) + impact + fixed
    surcharge = 0
    for m, factor in (crowding or {}).items():
        if x.get(m, 0) != 0 and factor != WAD:
            one = maintenance({m: x[m]}, risks, rho, params.z)
            alone = max(one[0], one[1], one[2]) + one[3] + one[4]
            surcharge += ceil_div((factor - WAD) * alone, WAD)
    im = ceil_div(params.kappa * (mm + surcharge), WAD)
    return Breakdown(es, floor, gap, impact, fixed, mm, surcharge, im)


def is_semidefinite(matrix: Matrix) -> bool:
    """Whether a symmetric matrix has no negative eigenvalue: exact elimination in fractions."""
    rows = [[Fraction(value) for value in row] for row in matrix]
    size = len(rows)
    for k in range(size):
        pivot = rows[k][k]
        if pivot < 0:
            return False
        if pivot == 0:
            if any(rows[k][j] != 0 for j in range(k + 1, size)):
                return False
            continue
        for i in range(k + 1, size):
            ratio = rows[i][k] / pivot
            if ratio != 0:
                for j in range(k, size):
                    rows[i][j] -= ratio * rows[k][j]
    return True


def is_correlation(matrix: Matrix) -> bool:
    """MRG-3: 16 x 16, symmetric, diagonal RHO, entries within RHO, positive semi-definite."""
    span = range(MARKETS)
    return (
        len(matrix) == MARKETS
        and all(len(row) == MARKETS for row in matrix)
        and all(matrix[m][m] == RHO for m in span)
        and all(
            matrix[m][n] == matrix[n][m] and abs(matrix[m][n]) <= RHO for m in span for n in span
        )
        and is_semidefinite(matrix)
    )


def pack_rows(matrix: Matrix) -> list[int]:
    """Rows of a matrix as the risk model takes them: 16 x int16 as one int256, column n at 16*n."""
    words = [sum(entry % 2**16 << 16 * n for n, entry in enumerate(row)) for row in matrix]
    return [word - 2**256 if word >> 255 else word for word in words]


def unpack_rows(rows: Sequence[int]) -> Matrix:
    """The matrix of `pack_rows`."""
    return tuple(
        tuple((word >> 16 * n & 0xFFFF ^ 0x8000) - 0x8000 for n in range(MARKETS)) for word in rows
    )
