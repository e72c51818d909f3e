"""Divisions and roots: the direction of rounding is the point."""

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.reference.numbers import ceil_div, floor_div, sgn, sqrt_up


@given(a=st.integers(-(10**30), 10**30), b=st.integers(1, 10**12))
def test_divisions_round_as_named(a: int, b: int) -> None:
    """floor(a/b) <= a/b <= ceil(a/b), less than one apart."""
    assert floor_div(a, b) * b <= a < (floor_div(a, b) + 1) * b
    assert (ceil_div(a, b) - 1) * b < a <= ceil_div(a, b) * b


def test_divisions_of_negative_numbers() -> None:
    """-7/2 = -3.5: floor -4, ceil -3."""
    assert (floor_div(-7, 2), ceil_div(-7, 2), sgn(-7), sgn(0)) == (-4, -3, -1, 0)


@given(a=st.integers(0, 10**60))
def test_sqrt_up_is_the_smallest_upper_root(a: int) -> None:
    """r*r >= a and (r-1)*(r-1) < a."""
    root = sqrt_up(a)
    assert root * root >= a
    assert a == 0 or (root - 1) ** 2 < a
