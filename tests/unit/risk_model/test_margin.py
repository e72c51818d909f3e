"""RiskModel.margin and RiskModel.breakdown (MRG-2, SPEC section 3)"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evm import Account, Chain, Handle, Revert
from plimsoll.reference import margin as reference
from plimsoll.reference.margin import pack_rows
from tests.utils.risk_words import write_correlations, write_globals, write_params

WAD = 10**18
UNIT = 10**12
LARGEST = 2**101
Legs = list[dict[str, int]]
Make = Callable[..., dict[str, int]]
Formula = Callable[..., tuple[int, ...]]

# the least margin at the least parameters and the most at the most are both in here
NOTIONALS = st.one_of(
    st.sampled_from([0, 1, -1, 2**100, -(2**100), LARGEST, -LARGEST, 10**12, 10**12 + 1]),
    st.integers(-LARGEST, LARGEST),
    st.integers(-(10**26), 10**26),
    st.integers(-(10**13), 10**13),
)
CROWDINGS = st.one_of(
    st.just(WAD), st.integers(WAD, 5 * WAD), st.sampled_from([WAD + 1, 2 * WAD, 2**80])
)


@st.composite
def market_params(draw: Any) -> dict[str, int]:
    """Any parameters that the setter takes; their ends more often than not."""

    def value(low: int, high: int) -> int:
        return int(draw(st.one_of(st.sampled_from([low, high]), st.integers(low, high))))

    cap = value(10**9, UNIT // 2)
    f = value(2 * cap, UNIT)
    lambda_ = value(0, UNIT)
    most = 10**13 if lambda_ == 0 else min(10**13, f * UNIT // lambda_)
    return {
        "sigma": value(10**9, 5 * UNIT),
        "f": f,
        "g": value(0, f - cap),
        "lambda_": lambda_,
        "depth": value(1, 10**12),
        "c": value(0, 10**11),
        "penalty_cap": cap,
        "share": value(1, most),
    }


@st.composite
def portfolios(draw: Any) -> tuple[Legs, dict[int, dict[str, int]]]:
    markets = draw(st.lists(st.integers(0, 15), min_size=1, max_size=8, unique=True))
    legs = [
        {"market": m, "notional": draw(NOTIONALS), "crowding": draw(CROWDINGS)} for m in markets
    ]
    return legs, {m: draw(market_params()) for m in markets}


@st.composite
def matrices(draw: Any) -> list[list[int]]:
    """Positive semi-definite: independent, all in step or opposed, or random factors."""
    kind = draw(st.sampled_from(["identity", "signs", "factors"]))
    if kind == "identity":
        return [[10_000 * (m == n) for n in range(16)] for m in range(16)]
    if kind == "signs":
        signs = draw(st.lists(st.sampled_from([-1, 1]), min_size=16, max_size=16))
        return [[10_000 * a * b for b in signs] for a in signs]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    factors = rng.normal(size=(16, draw(st.integers(1, 16))))
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    rounded = np.rint(factors @ factors.T * 0.998 * 10_000).astype(int)
    np.fill_diagonal(rounded, 10_000)
    matrix: list[list[int]] = rounded.tolist()
    return matrix


def test_margin_default(set_risk: Handle, leg: Make) -> None:
    """One position, by hand: 1,000,000 quote at sigma 5 %, z 3, impact 0.8 % of a tenth, c 5."""
    mm, im = set_risk.margin([leg(3, 10**6 * WAD)])
    assert mm == 150_000 * WAD + 800 * WAD + 5 * WAD
    assert im == mm * 13 // 10


def test_margin_default_two_legs(set_risk: Handle, leg: Make) -> None:
    """A right triangle: 30,000 and 40,000 of sigma make 50,000, three times."""
    legs = [leg(1, 600_000 * WAD), leg(2, -800_000 * WAD)]
    parts = set_risk.breakdown(legs)
    assert parts.es == 150_000 * WAD
    assert parts.floor == 28_000 * WAD
    assert parts.gap == 8_000 * WAD
    assert parts.fixed == 10 * WAD


def test_margin_default_no_legs(risk: Handle) -> None:
    assert tuple(risk.margin([])) == (0, 0)
    assert set(risk.breakdown([])) == {0}


def test_margin_default_of_nothing_is_nothing(set_risk: Handle, leg: Make) -> None:
    """The fixed cost is for positions only; MM is continuous but for it."""
    legs = [leg(m, 0) for m in range(8)]
    assert tuple(set_risk.margin(legs)) == (0, 0)
    one = set_risk.margin([leg(0, 0), leg(4, 10**20), leg(2, 0)])
    assert one == set_risk.margin([leg(4, 10**20)])


def test_margin_default_rounds_up(set_risk: Handle, leg: Make) -> None:
    """The smallest position costs one wei in every part."""
    parts = set_risk.breakdown([leg(0, 1)])
    assert (parts.es, parts.floor, parts.gap, parts.impact) == (3, 1, 1, 1)


@pytest.mark.parametrize("sign", [-1, 1])
def test_margin_default_floor_and_gap_rule(
    risk: Handle, owner: Account, leg: Make, params_of: Make, sign: int
) -> None:
    risk.set_market(0, params_of(sigma=10**9, c=0, lambda_=0), sender=owner)
    high = params_of(sigma=10**9, f=6 * 10**11, g=5 * 10**11, c=0, lambda_=0)
    risk.set_market(1, high, sender=owner)
    x = sign * 10**24
    assert risk.margin([leg(0, x)])[0] == 2 * 10**10 * 10**24 // UNIT
    assert risk.margin([leg(1, x)])[0] == 6 * 10**11 * 10**24 // UNIT
    assert risk.breakdown([leg(0, x), leg(1, -x)]).gap == 5 * 10**11 * 10**24 // UNIT


def test_margin_reverts_market_not_set(
    risk: Handle, owner: Account, leg: Make, params_of: Make
) -> None:
    with pytest.raises(Revert, match="risk: market not set"):
        risk.margin([leg(0, 10**18)])
    with pytest.raises(Revert, match="risk: market not set"):
        risk.margin([leg(0, 0)])
    risk.set_market(0, params_of(), sender=owner)
    with pytest.raises(Revert, match="risk: market not set"):
        risk.margin([leg(0, 10**18), leg(1, 10**18)])


@pytest.mark.parametrize("market", [16, 255, 2**256 - 1])
def test_margin_reverts_market_out_of_range(set_risk: Handle, leg: Make, market: int) -> None:
    with pytest.raises(Revert, match="risk: market out of range"):
        set_risk.margin([leg(market, 10**18)])


@pytest.mark.parametrize("notional", [LARGEST + 1, -LARGEST - 1, 2**255 - 1, -(2**255)])
def test_margin_reverts_notional_too_large(set_risk: Handle, leg: Make, notional: int) -> None:
    """LED-9: the bound on which the unchecked products rest."""
    with pytest.raises(Revert, match="risk: notional too large"):
        set_risk.margin([leg(0, 10**18), leg(1, notional)])


@pytest.mark.parametrize("crowding", [0, WAD - 1, 2**80 + 1, 2**256 - 1])
def test_margin_reverts_crowding_out_of_range(set_risk: Handle, leg: Make, crowding: int) -> None:
    with pytest.raises(Revert, match="risk: crowding out of range"):
        set_risk.margin([leg(0, 10**18, crowding)])


def test_margin_reverts_market_repeated(set_risk: Handle, leg: Make) -> None:
    with pytest.raises(Revert, match="risk: market repeated"):
        set_risk.margin([leg(3, 10**18), leg(1, 10**18), leg(3, -(10**18))])


def test_margin_reverts_nine_legs(set_risk: Handle, leg: Make) -> None:
    with pytest.raises(Revert):
        set_risk.margin([leg(m, 10**18) for m in range(9)])


@given(
    portfolio=portfolios(),
    rho=matrices(),
    z=st.one_of(st.sampled_from([WAD, 10 * WAD]), st.integers(WAD, 10 * WAD)),
    kappa=st.one_of(st.sampled_from([125 * 10**16, 10 * WAD]), st.integers(125 * 10**16, 10 * WAD)),
)
@settings(max_examples=150, deadline=None)
def test_margin_agrees_with_the_formula(
    shared_risk: Handle,
    formula: Formula,
    portfolio: tuple[Legs, dict[int, dict[str, int]]],
    rho: list[list[int]],
    z: int,
    kappa: int,
) -> None:
    """Every part, to the wei, over the whole of the ranges; and the reference model agrees."""
    legs, params = portfolio
    with shared_risk.chain.anchor():
        write_globals(shared_risk.chain, shared_risk, z, kappa)
        write_correlations(shared_risk.chain, shared_risk, rho)
        for market, values in params.items():
            write_params(shared_risk.chain, shared_risk, market, tuple(values.values()))
        parts = shared_risk.breakdown(legs)
        margin = shared_risk.margin(legs)
    assert tuple(parts) == formula(legs, params, rho, z, kappa)
    assert tuple(margin) == (parts.mm, parts.im)
    assert parts.mm < 2**146
    modelled = reference.breakdown(
        {leg["market"]: leg["notional"] for leg in legs},
        {m: reference.Risk(*[p[k] for k in p]) for m, p in params.items()},
        rho,
        reference.Globals(z, kappa),
        {leg["market"]: leg["crowding"] for leg in legs},
    )
    assert tuple(parts) == tuple(getattr(modelled, name) for name in parts._fields)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("crowding", [WAD, 2**80])
def test_margin_at_the_ends_of_all_ranges(
    risk: Handle,
    owner: Account,
    formula: Formula,
    identity: Callable[[], list[list[int]]],
    leg: Make,
    params_of: Make,
    sign: int,
    crowding: int,
) -> None:
    """Eight legs of the largest notional, all parameters at their ends: nothing wraps round."""
    highest = params_of(
        sigma=5 * UNIT, f=UNIT, g=UNIT // 2, lambda_=UNIT, depth=1, c=10**11, penalty_cap=UNIT // 2
    )
    rho = [[10_000] * 16 for _ in range(16)]
    risk.set_globals(10 * WAD, 10 * WAD, sender=owner)
    risk.set_correlations(pack_rows(rho), sender=owner)
    for market in range(8, 16):
        risk.set_market(market, highest, sender=owner)
    legs = [leg(m, sign * LARGEST, crowding) for m in range(8, 16)]
    expected = formula(legs, dict.fromkeys(range(16), highest), rho, 10 * WAD, 10 * WAD)
    assert tuple(risk.breakdown(legs)) == expected
    # and a perfect hedge of them: S is zero
    mixed = [leg(m, LARGEST * (-1) ** m, crowding) for m in range(8, 16)]
    assert risk.breakdown(mixed).es == 0
    assert tuple(risk.breakdown(mixed)) == formula(
        mixed, dict.fromkeys(range(16), highest), rho, 10 * WAD, 10 * WAD
    )
    write_correlations(risk.chain, risk, identity())
    assert risk.breakdown(mixed).es > 0


@given(
    notionals=st.dictionaries(
        st.integers(0, 15), st.integers(-(10**28), 10**28), min_size=2, max_size=8
    ),
    rho=matrices(),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_margin_is_subadditive_and_blind_to_order(
    shared_risk: Handle, leg: Make, notionals: dict[int, int], rho: list[list[int]], order: Any
) -> None:
    """MRG-2: merging never raises max(ES, floor, gap) above the sum (a wei of rounding a part)."""
    legs = [leg(m, x) for m, x in notionals.items()]
    with shared_risk.chain.anchor():
        write_correlations(shared_risk.chain, shared_risk, rho)
        whole = shared_risk.breakdown(legs)
        parts = [shared_risk.breakdown([one]) for one in legs]
        shuffled = list(legs)
        order.shuffle(shuffled)
        assert shared_risk.breakdown(shuffled) == whole
        flipped = [leg(m, -x) for m, x in notionals.items()]
        assert shared_risk.breakdown(flipped) == whole
    core = max(whole.es, whole.floor, whole.gap)
    assert core <= sum(max(p.es, p.floor, p.gap) for p in parts) + 4 * len(parts)
    assert whole.impact == sum(p.impact for p in parts)


@given(
    notional=st.integers(10**15, 10**28),
    first=st.integers(10**9, 5 * UNIT),
    second=st.integers(10**9, 5 * UNIT),
)
@settings(max_examples=40, deadline=None)
def test_margin_rises_with_sigma_alone(
    shared_risk: Handle, leg: Make, params_of: Make, notional: int, first: int, second: int
) -> None:
    """MRG-2: in an account of one position."""
    low, high = sorted((first, second))
    with shared_risk.chain.anchor():
        write_params(shared_risk.chain, shared_risk, 0, tuple(params_of(sigma=low).values()))
        before = shared_risk.margin([leg(0, notional)])
        write_params(shared_risk.chain, shared_risk, 0, tuple(params_of(sigma=high).values()))
        after = shared_risk.margin([leg(0, notional)])
    assert after[0] >= before[0]
    assert after[1] >= before[1]


def test_margin_gas(
    chain: Chain, set_risk: Handle, leg: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """One leg: 2 cold slots and 2,500 gas; each further one: 2 cold slots and 1,500 on average."""
    used = []
    with chain.metered():
        for count in range(9):
            legs = [leg(15 - m, (-1) ** m * 123_457 * 10**18) for m in range(count)]
            receipt = set_risk.margin.transact(legs)
            data = set_risk.margin.encode(legs)
            calldata = sum(16 if byte else 4 for byte in data)
            used.append(receipt.gas_used - 21_000 - calldata)
    with capsys.disabled():
        print(f"\nRiskModel.margin, 0 to 8 legs, all cold: {used}")
    assert used[1] < 4_200 + 2_500
    assert used[8] - used[1] < 7 * (4_200 + 1_500)
