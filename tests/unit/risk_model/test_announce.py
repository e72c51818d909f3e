"""RiskModel.announce, cancel, fold, raise_kappa, preview and pending (MRG-5)"""

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evm import Account, Chain, Handle, Revert
from plimsoll.reference.margin import pack_rows
from plimsoll.reference.risk import Settings

WAD = 10**18
UNIT = 10**12
HOUR = 3_600
DAY = 24 * HOUR
SIGMA, F, G, LAMBDA, DEPTH, C, PENALTY_CAP, SHARE, Z, KAPPA, CORRELATIONS, VOLATILITY = range(12)
NAMES = ("sigma", "f", "g", "lambda_", "depth", "c", "penalty_cap", "share")
OTHER = Settings(b=UNIT, tau=2 * DAY, period=2 * HOUR, cap=4 * UNIT, speed=2 * 10**11)

Make = Callable[..., dict[str, int]]


@pytest.fixture
def live(risk: Handle, feeds: list[Handle], owner: Account, params_of: Make) -> Handle:
    """Markets 0 and 1 are set; f has room above what MRG-6 asks."""
    for market in (0, 1):
        risk.set_market(market, params_of(f=4 * 10**10), sender=owner)
    return risk


@pytest.fixture
def announce(chain: Chain, live: Handle, owner: Account) -> Callable[..., Any]:
    """Announce as the owner, from a day ahead over ten hours unless told."""

    def run(
        what: int,
        target: int,
        market: int = 0,
        ahead: int = DAY,
        span: int = 10 * HOUR,
        sender: Account | None = None,
    ) -> Any:
        start = chain.timestamp + ahead
        return live.announce(what, market, target, start, start + span, sender=sender or owner)

    return run


def matrix(rho: int) -> list[int]:
    rows = [[10_000 * (m == n) for n in range(16)] for m in range(16)]
    rows[0][1] = rows[1][0] = rho
    return pack_rows(rows)


@pytest.mark.parametrize(
    ("what", "target"),
    [
        (SIGMA, 8 * 10**10),
        (F, 7 * 10**10),
        (G, 15 * 10**9),
        (LAMBDA, 4 * 10**9),
        (DEPTH, 15 * 10**6),
        (C, 10**7),
        (PENALTY_CAP, 2 * 10**10),
        (SHARE, 5 * 10**11),
    ],
)
def test_mrg_5_announce_default(
    chain: Chain, live: Handle, announce: Callable[..., Any], what: int, target: int
) -> None:
    """Old up to the start, halfway in the middle, there at the end; folding changes nothing."""
    name, before = NAMES[what], live.params(1)
    base = getattr(before, name)
    start = chain.timestamp + DAY
    event = announce(what, target, market=1).event("ChangeAnnounced")
    assert event.args == {
        "what": what,
        "market": 1,
        "target": target,
        "start": start,
        "end": start + 10 * HOUR,
    }
    assert tuple(live.pending(what, 1)) == (base, target, start, start + 10 * HOUR)
    assert live.functions["globals"]().scheduled == 2
    for time, expected in (
        (start, base),
        (start + 5 * HOUR, (base + target) // 2),
        (start + 10 * HOUR, target),
        (start + 9 * DAY, target),
    ):
        chain.set_time(time)
        assert live.params(1) == before._replace(**{name: expected})
    assert live.params(0) == before
    event = live.fold(what, 1).event("ChangeFolded")
    assert event.args == {"what": what, "market": 1, "target": target}
    assert live.params(1) == before._replace(**{name: target})
    assert tuple(live.pending(what, 1)) == (0, 0, 0, 0)
    assert live.functions["globals"]().scheduled == 0


def test_mrg_5_announce_default_globals(
    chain: Chain, live: Handle, announce: Callable[..., Any]
) -> None:
    start = chain.timestamp + DAY
    announce(Z, 4 * WAD)
    announce(KAPPA, 2 * WAD, span=5 * HOUR)
    assert live.functions["globals"]() == (3 * WAD, 13 * 10**17, 3 << 16)
    chain.set_time(start + 5 * HOUR)
    assert live.functions["globals"]() == (35 * 10**17, 2 * WAD, 3 << 16)
    live.fold(KAPPA, 0)
    with pytest.raises(Revert, match="risk: change has not ended"):
        live.fold(Z, 0)
    chain.mine(seconds=5 * HOUR)
    live.fold(Z, 0)
    assert live.functions["globals"]() == (4 * WAD, 2 * WAD, 0)


def test_mrg_5_announce_rounds_against_the_account(
    chain: Chain, live: Handle, announce: Callable[..., Any]
) -> None:
    """A third of the way of one unit: up, but the depth and the listing's limits down."""
    start = chain.timestamp + DAY
    before = live.params(0)
    for what in range(8):
        announce(what, getattr(before, NAMES[what]) + 1, span=3 * HOUR)
    chain.set_time(start + HOUR)
    now = live.params(0)
    for what in range(8):
        moved = 0 if what in (DEPTH, PENALTY_CAP, SHARE) else 1
        assert getattr(now, NAMES[what]) == getattr(before, NAMES[what]) + moved


def test_mrg_5_announce_folds_what_has_ended(
    chain: Chain, live: Handle, announce: Callable[..., Any]
) -> None:
    announce(F, 5 * 10**10)
    chain.mine(seconds=DAY + 10 * HOUR - 1)
    with pytest.raises(Revert, match="risk: change is pending"):
        announce(F, 6 * 10**10)
    chain.mine(seconds=1)
    receipt = announce(F, 10**11)
    assert receipt.event("ChangeFolded").target == 5 * 10**10
    assert live.pending(F, 0).base == 5 * 10**10


def test_mrg_5_announced_floor_lifts_sigma_and_leaves_it_there(
    chain: Chain, live: Handle, announce: Callable[..., Any], feeds: list[Handle]
) -> None:
    """Down the floor goes by announcement, sigma after it by observation within its limit."""
    announce(SIGMA, 10**11)
    chain.mine(seconds=2 * DAY)
    live.fold(SIGMA, 0)
    announce(SIGMA, 5 * 10**10)
    chain.mine(seconds=2 * DAY)
    assert live.volatility_of(0).floor == 5 * 10**10
    assert live.params(0).sigma == 10**11
    live.fold(SIGMA, 0)
    assert live.params(0).sigma == 10**11
    feeds[0].set_answer(100 * 10**8)
    live.observe(0)
    assert live.params(0).sigma == 10**11
    chain.mine(seconds=60)
    live.observe(0)
    # speed 0.25: 3.25/3.5, rounded up
    assert live.params(0).sigma == -(-(10**11) * 325 // 350)


# ---- nothing is early ----------------------------------------------------------------------------


@pytest.mark.parametrize("what", [SIGMA, F, G, LAMBDA, DEPTH, C, PENALTY_CAP, SHARE, Z, KAPPA])
def test_mrg_5_announce_reverts_lead_time_too_short(
    live: Handle, announce: Callable[..., Any], what: int
) -> None:
    now = live.params(0)
    target = (3 * WAD, 2 * WAD)[what - Z] if what >= Z else getattr(now, NAMES[what])
    for ahead in (DAY - 1, 0, -DAY):
        with pytest.raises(Revert, match="risk: lead time too short"):
            announce(what, target, ahead=ahead)
    announce(what, target, ahead=DAY)


def test_mrg_5_announce_reverts_times(
    chain: Chain, live: Handle, owner: Account, announce: Callable[..., Any]
) -> None:
    for span in (HOUR - 1, 0, -HOUR):
        with pytest.raises(Revert, match="risk: change too fast"):
            announce(F, 5 * 10**10, span=span)
    with pytest.raises(Revert, match="risk: end too far ahead"):
        announce(F, 5 * 10**10, span=179 * DAY + 1)
    with pytest.raises(Revert, match="risk: end too far ahead"):
        live.announce(F, 0, 5 * 10**10, 2**256 - HOUR - 1, 2**256 - 1, sender=owner)
    announce(F, 5 * 10**10, span=179 * DAY)
    for start in (2**256 - 1, 2**256 - HOUR):
        with pytest.raises(Revert, match=r"risk: (change too fast|end too far ahead)"):
            live.announce_volatility(0, astuple(OTHER), start, sender=owner)


@pytest.mark.parametrize(
    ("what", "targets", "refused"),
    [
        (SIGMA, (25 * 10**9, 10**11), (25 * 10**9 - 1, 10**11 + 1)),
        (G, (0, 2 * 10**10), (2 * 10**10 + 1,)),
        (LAMBDA, (0, 16 * 10**9), (16 * 10**9 + 1,)),
        (DEPTH, (5 * 10**6, 2 * 10**7), (5 * 10**6 - 1, 2 * 10**7 + 1)),
        (C, (0, 10**7), (10**7 + 1,)),
        (Z, (15 * 10**17, 6 * WAD), (15 * 10**17 - 1, 6 * WAD + 1)),
        (KAPPA, (125 * 10**16, 26 * 10**17), (26 * 10**17 + 1,)),
    ],
)
def test_mrg_5_announce_reverts_step_too_large(
    chain: Chain,
    live: Handle,
    oracle: Handle,
    feeds: list[Handle],
    owner: Account,
    announce: Callable[..., Any],
    what: int,
    targets: tuple[int, ...],
    refused: tuple[int, ...],
) -> None:
    """A factor of two, up or down; what may be zero takes small steps from there."""
    oracle.set_feed(0, feeds[0], 86_400, 0, 78, sender=owner)
    for target in refused:
        with pytest.raises(Revert, match="risk: step too large"):
            announce(what, target)
    for target in targets:
        with chain.anchor():
            announce(what, target)


def test_mrg_5_announce_reverts_g_below_the_feeds_gap(announce: Callable[..., Any]) -> None:
    with pytest.raises(Revert, match="risk: g below the feed's gap"):
        announce(G, 10**10 - 1)
    announce(G, 10**10)


@pytest.mark.parametrize("first", [PENALTY_CAP, F, G, LAMBDA, SHARE])
def test_mrg_6_announce_reverts_where_values_could_cross(
    chain: Chain, live: Handle, announce: Callable[..., Any], first: int
) -> None:
    """f = 4 %: what would hold at both ends is refused if it could fail between them."""
    if first == F:
        announce(F, 2 * 10**10)
        with pytest.raises(Revert, match="risk: f below twice the penalty"):
            announce(PENALTY_CAP, 10**10 + 1)
        announce(PENALTY_CAP, 10**10 // 2)
        return
    if first == PENALTY_CAP:
        announce(PENALTY_CAP, 2 * 10**10)
        with pytest.raises(Revert, match="risk: f below twice the penalty"):
            announce(F, 4 * 10**10 - 1)
        announce(F, 4 * 10**10)
    elif first == G:
        announce(G, 2 * 10**10)
        with pytest.raises(Revert, match="risk: f below gap and penalty"):
            announce(F, 3 * 10**10 - 1)
        announce(F, 3 * 10**10)
    else:
        # 0.016 of twice the depth is 3.2 %
        changes = [(LAMBDA, 16 * 10**9), (SHARE, 2 * 10**12)]
        for what, target in changes if first == LAMBDA else reversed(changes):
            announce(what, target)
        with pytest.raises(Revert, match="risk: f below impact at share"):
            announce(F, 32 * 10**9 - 1)
        announce(F, 32 * 10**9)


def test_mrg_6_limits_are_the_lowest_to_come(
    chain: Chain, live: Handle, announce: Callable[..., Any]
) -> None:
    """A listing is checked against what will hold, not against what is about to fall."""
    before = live.limits(0)
    announce(DEPTH, before.depth // 2)
    announce(SHARE, before.share * 2)
    assert live.limits(0) == before._replace(depth=before.depth // 2)
    chain.mine(seconds=2 * DAY)
    after = before._replace(depth=before.depth // 2, share=before.share * 2)
    assert live.limits(0) == after
    live.fold(DEPTH, 0)
    live.fold(SHARE, 0)
    assert live.limits(0) == after


def test_announce_reverts_out_of_range(announce: Callable[..., Any], live: Handle) -> None:
    for what, target, name in (
        (SIGMA, 5 * UNIT + 1, "sigma"),
        (F, UNIT + 1, "f"),
        (G, UNIT + 1, "g"),
        (LAMBDA, UNIT + 1, "lambda"),
        (DEPTH, 0, "depth"),
        (C, 10**11 + 1, "c"),
        (PENALTY_CAP, 10**9 - 1, "penalty cap"),
        (SHARE, 0, "share"),
        (Z, WAD - 1, "z"),
        (KAPPA, 125 * 10**16 - 1, "kappa"),
        (KAPPA, 2**256 - 1, "kappa"),
    ):
        with pytest.raises(Revert, match=f"risk: {name} out of range"):
            announce(what, target)


def test_announce_reverts_place(announce: Callable[..., Any], live: Handle) -> None:
    for what in (CORRELATIONS, VOLATILITY, 12, 2**256 - 1):
        with pytest.raises(Revert, match="risk: no such parameter"):
            announce(what, 1)
    for what, market in ((F, 16), (G, 16), (F, 2**256 - 1), (Z, 1), (KAPPA, 15)):
        with pytest.raises(Revert, match="risk: market out of range"):
            announce(what, 2 * WAD if what >= Z else 10**10, market=market)
    with pytest.raises(Revert, match="risk: market not set"):
        announce(F, 4 * 10**10, market=5)
    for what, market in ((12, 0), (2**256 - 1, 0)):
        with pytest.raises(Revert, match="risk: no such parameter"):
            live.pending(what, market)
    with pytest.raises(Revert, match="risk: market out of range"):
        live.pending(F, 16)
    for m, n in ((16, 0), (0, 16)):
        with pytest.raises(Revert, match="risk: market out of range"):
            live.pending_correlation(m, n)
    with pytest.raises(Revert, match="risk: market out of range"):
        live.pending_volatility(16)


# ---- who, and what cannot be undone --------------------------------------------------------------


def test_mrg_5_roles(
    chain: Chain, live: Handle, owner: Account, stranger: Account, announce: Callable[..., Any]
) -> None:
    steward, guardian = chain.account("steward"), chain.account("guardian")
    for who in (steward, guardian, stranger):
        with pytest.raises(Revert, match="risk: caller may not announce"):
            announce(F, 5 * 10**10, sender=who)
        for setter in (live.set_steward, live.set_guardian):
            with pytest.raises(Revert, match="ownable: caller is not the owner"):
                setter(who, sender=who)
    event = live.set_steward(steward, sender=owner).event("StewardUpdated")
    assert event.steward == live.steward() == steward.address
    event = live.set_guardian(guardian, sender=owner).event("GuardianUpdated")
    assert event.guardian == live.guardian() == guardian.address
    announce(F, 5 * 10**10, sender=steward)
    with pytest.raises(Revert, match="risk: caller may not cancel"):
        live.cancel(F, 0, sender=stranger)
    for who in (guardian, steward, owner):
        with chain.anchor():
            event = live.cancel(F, 0, sender=who).event("ChangeCancelled")
            assert event.args == {"what": F, "market": 0}
    live.set_steward("0x" + "00" * 20, sender=owner)
    with pytest.raises(Revert, match="risk: caller may not announce"):
        announce(G, 10**10, sender=steward)


def test_mrg_5_cancel_only_before_the_start(
    chain: Chain, live: Handle, owner: Account, announce: Callable[..., Any]
) -> None:
    before, start = live.params(0), chain.timestamp + DAY
    announce(F, 5 * 10**10)
    announce(C, 10**7)
    chain.set_time(start - 1)
    live.cancel(F, 0, sender=owner)
    assert tuple(live.pending(F, 0)) == (0, 0, 0, 0)
    for time in (start, start + 1, start + 10 * HOUR, start + DAY):
        chain.set_time(time)
        with pytest.raises(Revert, match="risk: change has started"):
            live.cancel(C, 0, sender=owner)
        assert live.params(0).f == before.f
    live.fold(C, 0)
    for what in (C, F):
        with pytest.raises(Revert, match="risk: nothing announced"):
            live.cancel(what, 0, sender=owner)
        with pytest.raises(Revert, match="risk: nothing announced"):
            live.fold(what, 0)


def test_mrg_5_raise_kappa(
    chain: Chain, live: Handle, owner: Account, announce: Callable[..., Any]
) -> None:
    legs = [(0, 10**24, WAD)]
    mm = live.margin(legs)[0]
    announce(Z, 3 * WAD + 1)
    event = live.raise_kappa(2 * WAD, sender=owner).event("GlobalsUpdated")
    assert event.args == {"z": 3 * WAD, "kappa": 2 * WAD}
    assert tuple(live.margin(legs)) == (mm, 2 * mm)
    assert live.functions["globals"]().scheduled == 1 << 16
    for kappa in (2 * WAD, WAD, 0):
        with pytest.raises(Revert, match="risk: kappa may only rise"):
            live.raise_kappa(kappa, sender=owner)
    with pytest.raises(Revert, match="risk: step too large"):
        live.raise_kappa(4 * WAD + 1, sender=owner)
    announce(KAPPA, 15 * 10**17)
    with pytest.raises(Revert, match="risk: change is pending"):
        live.raise_kappa(3 * WAD, sender=owner)
    live.cancel(KAPPA, 0, sender=owner)
    for kappa in (4 * WAD, 8 * WAD):
        live.raise_kappa(kappa, sender=owner)
    with pytest.raises(Revert, match="risk: kappa out of range"):
        live.raise_kappa(10 * WAD + 1, sender=owner)


# ---- correlations and settings -------------------------------------------------------------------


def test_mrg_5_announce_correlations(chain: Chain, live: Handle, owner: Account) -> None:
    """rho of two equal legs from 0 to 0.5 and back to the reader's eye: S goes in a line."""
    legs = [(0, 10**24, WAD), (1, 10**24, WAD)]
    start = chain.timestamp + DAY
    event = live.announce_correlations(matrix(5_000), start, start + 10 * HOUR, sender=owner)
    assert [row % 2**256 for row in event.event("CorrelationsAnnounced").rows] == [
        row % 2**256 for row in matrix(5_000)
    ]
    assert tuple(live.pending(CORRELATIONS, 0)) == (0, 0, start, start + 10 * HOUR)
    assert live.pending_correlation(1, 0) == 5_000
    y = 5 * 10**22
    for passed in (0, 1, 17, 5 * HOUR, 10 * HOUR - 1, 10 * HOUR, DAY):
        chain.set_time(start + passed)
        rho = 5_000 * min(passed, 10 * HOUR) / (10 * HOUR)
        assert live.correlation(0, 1) == int(rho)
        expected = 3 * y * (2 + 2 * rho / 10_000) ** 0.5
        assert live.breakdown(legs).es == pytest.approx(expected, rel=1e-14)
    told = live.margin(legs)
    event = live.fold(CORRELATIONS, 0).event("ChangeFolded")
    assert event.args == {"what": CORRELATIONS, "market": 0, "target": 0}
    assert live.margin(legs) == told
    assert live.correlation(0, 1) == live.pending_correlation(0, 1) == 5_000


def test_mrg_5_announce_correlations_reverts(chain: Chain, live: Handle, owner: Account) -> None:
    start = chain.timestamp + DAY
    end = start + HOUR
    with pytest.raises(Revert, match="risk: step too large"):
        live.announce_correlations(matrix(5_001), start, end, sender=owner)
    with pytest.raises(Revert, match="risk: step too large"):
        live.announce_correlations(matrix(-5_001), start, end, sender=owner)
    with pytest.raises(Revert, match="risk: lead time too short"):
        live.announce_correlations(matrix(5_000), start - 1, end, sender=owner)
    with pytest.raises(Revert, match="risk: change too fast"):
        live.announce_correlations(matrix(5_000), start, end - 1, sender=owner)
    broken = matrix(5_000)
    broken[0] += 1 << 32
    with pytest.raises(Revert, match="risk: matrix not symmetric"):
        live.announce_correlations(broken, start, end, sender=owner)
    live.announce_correlations(matrix(-5_000), start, end, sender=owner)
    with pytest.raises(Revert, match="risk: change is pending"):
        live.announce_correlations(matrix(0), start, end, sender=owner)
    # one that has ended is folded by the next, and the step counts from there
    chain.set_time(end)
    now = chain.timestamp + DAY
    with pytest.raises(Revert, match="risk: step too large"):
        live.announce_correlations(matrix(1), now, now + HOUR, sender=owner)
    live.announce_correlations(matrix(0), now, now + HOUR, sender=owner)
    assert live.correlation(0, 1) == -5_000


def test_mrg_5_announce_volatility(
    chain: Chain, live: Handle, owner: Account, feeds: list[Handle]
) -> None:
    start = chain.timestamp + DAY
    event = live.announce_volatility(0, astuple(OTHER), start, sender=owner).event(
        "VolatilityAnnounced"
    )
    assert (event.market, tuple(event.settings), event.start) == (0, astuple(OTHER), start)
    assert tuple(live.pending(VOLATILITY, 0)) == (0, 0, start, start)
    assert tuple(live.pending_volatility(0)) == astuple(OTHER)
    assert live.functions["globals"]().scheduled == 1
    with pytest.raises(Revert, match="risk: change is pending"):
        live.announce_volatility(0, astuple(OTHER), start, sender=owner)
    with pytest.raises(Revert, match="risk: change has not ended"):
        live.fold(VOLATILITY, 0)
    assert tuple(live.volatility_of(0).settings) == astuple(Settings())
    chain.set_time(start)
    assert tuple(live.volatility_of(0).settings) == astuple(OTHER)
    with pytest.raises(Revert, match="risk: change has started"):
        live.cancel(VOLATILITY, 0, sender=owner)
    with chain.anchor():
        event = live.fold(VOLATILITY, 0).event("VolatilityUpdated")
        assert tuple(event.settings) == astuple(OTHER)
    feeds[0].set_answer(100 * 10**8)
    live.observe(0)
    assert tuple(live.volatility_of(0).settings) == astuple(OTHER)
    assert tuple(live.pending(VOLATILITY, 0)) == (0, 0, 0, 0)
    assert set(live.pending_volatility(0)) == {0}


def test_mrg_5_announce_volatility_reverts(chain: Chain, live: Handle, owner: Account) -> None:
    start = chain.timestamp + DAY
    for name, target in (
        ("b", UNIT + 1),
        ("tau", 2 * DAY + 1),
        ("tau", DAY // 2 - 1),
        ("period", 2 * HOUR + 1),
        ("cap", 25 * 10**11 - 1),
        ("speed", 5 * 10**11 + 1),
    ):
        with pytest.raises(Revert, match="risk: step too large"):
            live.announce_volatility(0, vars(OTHER) | {name: target}, start, sender=owner)
    with pytest.raises(Revert, match="risk: lead time too short"):
        live.announce_volatility(0, astuple(OTHER), start - 1, sender=owner)
    with pytest.raises(Revert, match="risk: speed out of range"):
        live.announce_volatility(0, vars(OTHER) | {"speed": 0}, start, sender=owner)
    with pytest.raises(Revert, match="risk: market not set"):
        live.announce_volatility(5, astuple(OTHER), start, sender=owner)
    with pytest.raises(Revert, match="risk: market out of range"):
        live.announce_volatility(16, astuple(OTHER), start, sender=owner)
    live.announce_volatility(0, astuple(OTHER), start, sender=owner)
    live.cancel(VOLATILITY, 0, sender=owner)
    assert tuple(live.pending(VOLATILITY, 0)) == (0, 0, 0, 0)


def test_preview_reverts_time_has_passed(chain: Chain, live: Handle) -> None:
    with pytest.raises(Revert, match="risk: time has passed"):
        live.preview([(0, 10**24, WAD)], chain.timestamp - 1)


# ---- the margin as a function of time ------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_mrg_5_margin_is_continuous_and_known_in_advance(
    shared_risk: Handle, params_of: Make, data: st.DataObject
) -> None:
    """Several changes at once: no second moves the margin by more than their slopes allow."""
    risk, chain = shared_risk, shared_risk.chain
    legs = [
        (
            market,
            data.draw(st.integers(-(10**26), 10**26)),
            data.draw(st.sampled_from([WAD, 2 * WAD])),
        )
        for market in range(3)
    ]
    with chain.anchor():
        now = chain.timestamp
        moved = []
        for what, factors in (
            (SIGMA, (1, 4)),
            (LAMBDA, (1, 2)),
            (DEPTH, (1, 4)),
            (C, (1, 4)),
            (Z, (2, 4)),
        ):
            base = (3 * WAD) if what == Z else params_of()[NAMES[what]]
            target = base * data.draw(st.integers(*factors)) // 2
            start = now + data.draw(st.integers(DAY, 2 * DAY))
            end = start + data.draw(st.integers(HOUR, DAY))
            risk.announce(what, 0, target, start, end)
            moved.append((start, end))
        times = sorted(
            {time + k for pair in moved for time in pair for k in (-1, 0, 1)}
            | {data.draw(st.integers(now, now + 3 * DAY)) for _ in range(5)}
        )
        told = {time: tuple(risk.preview(legs, time)) for time in times}
        for time, margin in told.items():
            near = tuple(risk.preview(legs, time + 1))
            # four parameters at most double or halve within an hour: a second is a 3,600th of that
            assert abs(near[0] - margin[0]) <= margin[0] // 400 + 100
            assert abs(near[1] - margin[1]) <= margin[1] // 400 + 100
        for time in times:
            chain.set_time(time)
            assert tuple(risk.margin(legs)) == told[time]
