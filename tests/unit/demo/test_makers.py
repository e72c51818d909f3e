"""Quotes around the oracle, and traders who are the same for the same seed."""

from random import Random

import pytest

from plimsoll.demo.makers import INVENTORY, Maker, Quotes
from plimsoll.demo.setting import Setting, setting_for
from plimsoll.demo.traders import STYLES, Mind
from plimsoll.prices import PricePath
from plimsoll.protocol import Order, SignedOrder
from plimsoll.reference.numbers import WAD

PRICES = [1_000 * WAD, 2_000 * WAD, 50 * WAD]


@pytest.fixture(scope="module")
def setting(autumn: PricePath) -> Setting:
    return setting_for(autumn)


def quotes(setting: Setting, signed: list[Order]) -> Quotes:
    makers = [Maker(f"key {n}", (n + 1) << 96, 1 + n / 10) for n in range(3)]

    def sign(signer: object, order: Order) -> SignedOrder:
        signed.append(order)
        return SignedOrder(order, bytes(65))

    return Quotes(makers, setting, sign)


def test_quotes_stand_around_the_mark_the_best_first(setting: Setting) -> None:
    found = quotes(setting, [])
    found.renew(PRICES, PRICES, 10**9, {})
    bids = [one.order for one in found.best(0, buys=True)]
    asks = [one.order for one in found.best(0, buys=False)]
    assert len(bids) == len(asks) == 3
    assert [order.price for order in bids] == sorted((o.price for o in bids), reverse=True)
    assert [order.price for order in asks] == sorted(o.price for o in asks)
    assert bids[0].price < PRICES[0] < asks[0].price
    assert all(order.size > 0 for order in bids)
    assert all(order.size < 0 for order in asks)


def test_quotes_are_signed_once_and_anew_each_step(setting: Setting) -> None:
    signed: list[Order] = []
    found = quotes(setting, signed)
    found.renew(PRICES, PRICES, 10**9, {})
    assert list(found.best(1, buys=True)) == list(found.best(1, buys=True))
    assert len(signed) == 3
    found.renew(PRICES, PRICES, 10**9, {})
    list(found.best(1, buys=True))
    assert len({order.salt for order in signed}) == len(signed) == 6


def test_a_run_drives_quotes_away_and_never_out_of_the_band(setting: Setting) -> None:
    found = quotes(setting, [])
    found.renew(PRICES, PRICES, 10**9, {})
    calm = next(iter(found.best(0, buys=True))).order.price
    found.renew(PRICES, [price * 2 for price in PRICES], 10**9, {})
    wild = next(iter(found.best(0, buys=True))).order.price
    assert wild < calm
    assert 1 - wild / PRICES[0] <= setting.markets[0].band


def test_a_full_maker_quotes_only_what_reduces(setting: Setting) -> None:
    found = quotes(setting, [])
    full = {1 << 96: {0: 1.1 * INVENTORY}}
    found.renew(PRICES, PRICES, 10**9, full)
    assert 1 << 96 not in [one.order.account for one in found.best(0, buys=True)]
    assert 1 << 96 in [one.order.account for one in found.best(0, buys=False)]


def test_what_was_filled_is_gone(setting: Setting) -> None:
    found = quotes(setting, [])
    found.renew(PRICES, PRICES, 10**9, {})
    order = next(iter(found.best(0, buys=True))).order
    found.filled(order, order.size // 3)
    assert found.open_size(order) == order.size - order.size // 3


def test_the_same_seed_makes_the_same_traders(setting: Setting) -> None:
    def recruit(seed: str) -> list[object]:
        mind = Mind(Random(seed), setting, 1.0, 100)
        mind.recruit([(f"key {n}", n << 96) for n in range(50)])
        return [(t.style, t.cushion, t.deposit, t.legs, t.starts) for t in mind.traders]

    assert recruit("a") == recruit("a")
    assert recruit("a") != recruit("b")
    assert {row[0] for row in recruit("a")} == set(STYLES)  # type: ignore[index]


def test_hedged_traders_are_long_and_short_in_what_moves_together(setting: Setting) -> None:
    mind = Mind(Random("x"), setting, 1.0, 100)
    for trader in mind.recruit([(f"key {n}", n << 96) for n in range(60)]):
        if trader.style == "hedged":
            one, other = trader.legs
            assert one.weight * other.weight < 0
            assert one.market != other.market


def test_a_trader_opens_with_its_cushion(setting: Setting) -> None:
    mind = Mind(Random("x"), setting, 1.0, 100)
    for trader in mind.recruit([(f"key {n}", n << 96) for n in range(30)]):
        (deposit, *trades) = mind.wishes(trader, 0.0, 0.0, {})
        assert (deposit.kind, deposit.amount) == ("deposit", trader.deposit)
        assert {wish.market for wish in trades} == {leg.market for leg in trader.legs}
