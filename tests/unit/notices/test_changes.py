"""Parameters, values and times as people write them."""

from datetime import UTC, datetime

import pytest

from plimsoll.margin import read_risks
from plimsoll.notices import Proposal, proposal, scheduled
from plimsoll.notices.changes import parse_time, parse_value, value_text
from plimsoll.reference.margin import IDENTITY, pack_rows
from plimsoll.reference.risk import Settings
from tests.utils.deployed import DAY, STEWARD, WAD, Deployed


@pytest.mark.parametrize(
    ("what", "text", "value"),
    [
        ("sigma", "0.025", 25 * 10**9),
        ("f", "1e-3", 10**9),
        ("depth", "200_000_000", 2 * 10**8),
        ("c", "1.5", 1_500_000),
        ("share", "2", 2 * 10**12),
        ("kappa", "1.5", 15 * 10**17),
    ],
)
def test_values(what: str, text: str, value: int) -> None:
    assert parse_value(what, text) == value
    number = ["sigma", "f", "g", "lambda", "depth", "c", "penalty_cap", "share", "z", "kappa"]
    assert parse_value(what, value_text(number.index(what), value)) == value


@pytest.mark.parametrize("text", ["1.5", "-1", "nan", "inf"])
def test_no_depth(text: str) -> None:
    with pytest.raises(ValueError, match="is no value of depth: it counts in steps of 1"):
        parse_value("depth", text)


def test_no_number() -> None:
    with pytest.raises(ValueError, match="'two' is no number"):
        parse_value("f", "two")


def test_times() -> None:
    noon = int(datetime(2030, 1, 31, 12, tzinfo=UTC).timestamp())
    assert parse_time("+26h", 100) == 100 + 26 * 3_600
    assert [parse_time(f"+2{unit}", 0) for unit in "smhd"] == [2, 120, 7_200, 2 * DAY]
    assert parse_time("2030-01-31T12:00", 100) == noon
    assert parse_time("2030-01-31T13:00+01:00", 100) == noon
    assert parse_time(str(noon), 100) == noon
    with pytest.raises(ValueError, match="'tomorrow' is no time: write \\+26h"):
        parse_time("tomorrow", 0)


def test_proposal(world: Deployed) -> None:
    found = proposal(world.plimsoll, "g", "DOGE", "0.08", "+25h", "+2h")
    start = world.now() + 25 * 3_600
    assert found == Proposal(2, 3, 8 * 10**10, start, start + 7_200)
    assert proposal(world.plimsoll, "z", "all", "3.5", "5", "6") == Proposal(
        8, 0, 35 * 10**17, 5, 6
    )
    assert proposal(world.plimsoll, "f", "1", "0.1", "5", "6").market == 1


@pytest.mark.parametrize(
    ("what", "market", "told"),
    [
        ("vol", "BTC", "there is no parameter 'vol'; there are sigma, f, g"),
        ("z", "BTC", "z holds for every market: write all"),
        ("f", "all", "f is of one market"),
        ("f", "XRP", "no market 'XRP'; there are BTC, ETH, DOGE"),
    ],
)
def test_no_proposal(world: Deployed, what: str, market: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        proposal(world.plimsoll, what, market, "1", "+25h", "+2h")


def test_what_is_scheduled(world: Deployed) -> None:
    """Every kind of change, before, on the way and after, with the contract's own values."""
    start = world.now() + DAY
    world.risk.announce(1, 0, 8 * 10**10, start, start + 4_000, sender=STEWARD)
    world.risk.announce(8, 0, 4 * WAD, start + 1, start + 4_000, sender=STEWARD)
    rows = [list(row) for row in IDENTITY]
    rows[0][1] = rows[1][0] = 7_000
    rows[0][3] = rows[3][0] = rows[1][3] = rows[3][1] = 5_500
    world.risk.announce_correlations(pack_rows(rows), start + 2, start + 4_002, sender=STEWARD)
    settings = (10**12, DAY, 3_600, 5 * 10**12, 25 * 10**10)
    world.risk.announce_volatility(1, settings, start + 3, sender=STEWARD)

    def found() -> list[tuple[str, ...]]:
        notices = scheduled(read_risks(world.plimsoll), world.plimsoll.name)
        return [(n.what, n.market, n.base, n.now, n.target, n.state) for n in notices]

    told = f"b {10**12}, tau {DAY}, period 3600, cap {5 * 10**12}, speed {25 * 10**10}"
    assert Settings(*settings).period == 3_600
    assert found() == [
        ("f", "BTC", "0.06", "0.06", "0.08", "waiting"),
        ("z", "all", "3", "3", "4", "waiting"),
        ("correlation", "BTC/ETH", "0.8", "0.8000", "0.7", "waiting"),
        ("volatility", "ETH", "", "", told, "waiting"),
    ]
    world.wait(DAY + 2_002)
    middle = found()
    assert [each[-1] for each in middle] == ["moving", "moving", "moving", "ended"]
    assert middle[0][3] == value_text(1, world.risk.params(0).f)
    assert middle[1][3] == value_text(8, world.risk.globals().z)
    assert middle[2][2:5] == ("0.8", "0.7500", "0.7")
    world.wait(2_000)
    assert [each[-1] for each in found()] == ["ended"] * 4
    assert found()[0][3] == "0.08"
    assert found()[2][:5] == ("correlations", "all", "", "", "as they are")
    for what, market in ((1, 0), (8, 0), (10, 0), (11, 1)):
        world.risk.fold(what, market, sender=STEWARD)
    assert found() == []
