"""Parameters that fit the prices, from the beginning of the path alone."""

import pytest

from plimsoll.demo.setting import setting_for
from plimsoll.prices import Bar, PriceError, PricePath, Series, load, merge
from plimsoll.protocol import PlanError

ONE = 10**8


def flat(name: str, price: int, bars: int = 40) -> Series:
    made = tuple(Bar(6_000 + 60 * n, price, price, price, price) for n in range(bars))
    return Series.regular(name, made, name)


def test_default_prices_make_a_plan() -> None:
    setting = setting_for(load())
    assert [market.name for market in setting.markets] == ["SP500", "NASDAQ", "WTI"]
    stocks, tech, oil = setting.markets
    assert oil.sigma > tech.sigma > stocks.sigma > 0.01
    assert setting.correlations[0, 1] > 0.5 > abs(setting.correlations[0, 2])
    assert setting.plan.markets["SP500"].feed.heartbeat >= 4 * 86_400  # over a long weekend


def test_what_comes_after_the_first_fifth_does_not_matter(autumn: PricePath) -> None:
    path = load()
    early = PricePath(**{**vars(path), "steps": path.steps[:421]})
    calm = [*path.steps[:200], *[path.steps[199]] * 221]
    later = PricePath(**{**vars(path), "steps": tuple(calm)})
    assert [m.sigma for m in setting_for(early).markets] == [
        m.sigma for m in setting_for(later).markets
    ]


@pytest.mark.parametrize("price", [ONE // 1_000, ONE, 10**6 * ONE, 10**8 * ONE])
def test_any_price_makes_a_plan_that_can_be_deployed(price: int) -> None:
    plan = setting_for(merge([flat("A", price)])).plan
    market = plan.markets["A"]
    assert market.problem_at(price * 10**10) is None
    assert market.buffer_at(price * 10**10) < plan.fund.units("seed")


def test_reverts_too_many_markets() -> None:
    with pytest.raises(PriceError, match="17 markets do not fit"):
        setting_for(merge([flat(f"M{n}", ONE) for n in range(17)]))


def test_sixteen_markets_fit() -> None:
    assert len(setting_for(merge([flat(f"M{n}", ONE) for n in range(16)])).plan.markets) == 16


def test_reverts_a_name_that_is_none() -> None:
    with pytest.raises(PlanError, match="1x"):
        setting_for(merge([flat("1x", ONE)]))


@pytest.mark.parametrize("price", [ONE // 1_000 - 1, 10**8 * ONE + 1])
def test_reverts_a_price_that_the_engine_has_no_room_for(price: int) -> None:
    with pytest.raises(PriceError, match="price a larger or smaller unit"):
        setting_for(merge([flat("A", price)]))
