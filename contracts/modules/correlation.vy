# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Correlations
@license MIT
@notice The correlation matrix of the markets, one storage word a row, and the check that it is one (MRG-3).
        Entries are integers in RHO (1e4).
@custom:security A matrix that is not positive semi-definite lets some portfolio look riskless. The check is an
        LDL decomposition in integers at scale 1e36; what it lets through is bounded, see `_is_psd`.
"""

from . import refusal_text

MARKETS: constant(uint256) = 16
# correlation of one, 1e4
RHO: constant(int256) = 10**4
# from RHO to the scale of the decomposition, 1e36
LIFT: constant(int256) = 10**32
# a pivot of at most 1e-16 counts as zero, 1e36
PIVOT_TOLERANCE: constant(int256) = 10**20
# below a zero pivot the column may hold at most 1e-8, 1e36
COLUMN_TOLERANCE: constant(int256) = 10**28

# row m of the matrix: 16 x int16 in RHO, column n at bit 16 * n; the diagonal is stored too
rows: int256[16]
# an announced matrix, laid out alike; of no meaning while none is announced
targets: int256[16]


@deploy
def __init__():
    for market: uint256 in range(MARKETS):
        self.rows[market] = convert(
            convert(convert(RHO, uint256) << (16 * market), bytes32), int256
        )


@internal
@view
def _correlation(m: uint256, n: uint256) -> int256:
    """
    @notice One entry, in RHO. The caller has checked m and n.
    """
    return self._entry(self.rows[m], n)


@internal
@pure
def _entry(row: int256, n: uint256) -> int256:
    """
    @notice Column n of a row, in RHO. The caller has checked n.
    """
    # int256 shifts right arithmetically: this extends the sign of the 16 bits
    return (row << unsafe_sub(240, unsafe_mul(16, n))) >> 240


@internal
@pure
def _check(packed: int256[16]):
    """
    @notice Whether a whole matrix, laid out like `rows`, is one of correlations.
    """
    for m: uint256 in range(MARKETS):
        if self._entry(packed[m], m) != RHO:
            refusal_text._because("risk: diagonal is not one")
        for n: uint256 in range(m, bound=16):
            rho: int256 = self._entry(packed[n], m)
            if rho < -RHO or rho > RHO:
                refusal_text._because("risk: rho out of range")
            if self._entry(packed[m], n) != rho:
                refusal_text._because("risk: matrix not symmetric")
    if not self._is_psd(packed):
        refusal_text._because("risk: matrix is not psd")


@internal
@pure
def _is_psd(packed: int256[16]) -> bool:
    """
    @notice Whether a symmetric matrix with unit diagonal and |entries| <= 1 is positive semi-definite.
    @dev Elimination column by column: `s` holds the Schur complement (lower triangle), 1e36.

         Error. Each step rounds each entry once, by less than 1e-36, so the result is the exact elimination of a
         matrix whose entries differ from the given ones by at most 15e-36, however small the pivots are. A pivot
         in [-1e-16, 1e-16] is dropped together with its column, each entry of which is at most 1e-8. So whatever
         is accepted has no eigenvalue below -(15 * 1e-8 + 1e-16 + 16 * 15e-36) > -1.6e-7, far under the grid of
         the entries (1e-4: rounding the entries of a true correlation matrix alone moves its eigenvalues by up to
         16 * 0.5e-4). The margin formula clamps what remains at zero.

         The other way: in a positive semi-definite matrix a pivot d has a column of entries <= sqrt(d), so one
         that is dropped passes (sqrt(1e-16) = 1e-8). An exact zero pivot comes out as at most about
         2.4e-34 * (1 + 16 / smallest eigenvalue of the block before it), within 1e-16 for eigenvalues down to
         1e-16: a singular matrix, such as one with rho = 1 between two markets, passes.

         Bounds. Every diagonal entry stays in [-1e-16, 1], checked after each step, so no step moves another
         entry by more than 1 + 1e-16: |entries| < 17e36 and their products < 289e72 < 2**255.
    """
    s: int256[16][16] = empty(int256[16][16])
    for i: uint256 in range(MARKETS):
        for j: uint256 in range(i + 1, bound=16):
            s[i][j] = unsafe_mul(self._entry(packed[i], j), LIFT)
    for k: uint256 in range(MARKETS):
        pivot: int256 = s[k][k]
        if pivot <= PIVOT_TOLERANCE:
            # not below -PIVOT_TOLERANCE: checked when it was updated
            for i: uint256 in range(k + 1, MARKETS, bound=16):
                if abs(s[i][k]) > COLUMN_TOLERANCE:
                    return False
            continue
        for i: uint256 in range(k + 1, MARKETS, bound=16):
            factor: int256 = s[i][k]
            if factor == 0:
                continue
            for j: uint256 in range(k + 1, i + 1, bound=16):
                # toward zero; the error analysis above holds for any rounding
                s[i][j] = unsafe_sub(s[i][j], unsafe_div(unsafe_mul(factor, s[j][k]), pivot))
            if s[i][i] < -PIVOT_TOLERANCE:
                return False
    return True
