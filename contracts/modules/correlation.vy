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
def _pack(matrix: int16[16][16]) -> int256[16]:
    """
    @notice Rows of a matrix as they are stored; every entry is checked against its range.
    """
    packed: int256[16] = empty(int256[16])
    for m: uint256 in range(MARKETS):
        word: uint256 = 0
        for n: uint256 in range(MARKETS):
            rho: int256 = convert(matrix[m][n], int256)
            assert rho >= -RHO and rho <= RHO, "risk: rho out of range"
            # two's complement in 16 bits
            word |= (convert(rho + 65_536, uint256) % 65_536) << (16 * n)
        packed[m] = convert(convert(word, bytes32), int256)
    return packed


@internal
@pure
def _entry(row: int256, n: uint256) -> int256:
    """
    @notice Column n of a row, in RHO. The caller has checked n.
    """
    # int256 shifts right arithmetically: this extends the sign of the 16 bits
    return (row << (240 - 16 * n)) >> 240


@internal
def _set(packed: int256[16]):
    """
    @notice Check and store a whole matrix, rows as from `_pack`.
    """
    for m: uint256 in range(MARKETS):
        assert self._entry(packed[m], m) == RHO, "risk: diagonal is not one"
        for n: uint256 in range(m, bound=16):
            assert (
                self._entry(packed[m], n) == self._entry(packed[n], m)
            ), "risk: matrix not symmetric"
    assert self._is_psd(packed), "risk: matrix is not psd"
    self.rows = packed


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
