"""LIQ-9: a market is wound down, with a live and with a dead feed; contracts beside the model."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from plimsoll.reference import Order
from plimsoll.reference.numbers import DAY, FREEZE, FUND, HOUR, WAD
from tests.utils import worlds
from tests.utils.twin import Twin

UNIT = 10**6
TRADERS = ("long", "short", "poor", "taker")
PRICE = 30_000 * WAD


@pytest.fixture(scope="module")
def built() -> Twin:
    """A market with a long, a short, a poor short and his counterparty; the poor one has 1,000."""
    twin = Twin(worlds.three_markets(6))
    for name in TRADERS:
        cash = 1_500 if name == "poor" else 50_000
        twin.deposit(name, twin.account(name), cash * UNIT)
    trade(twin, "long", "short", WAD)
    trade(twin, "taker", "poor", WAD // 4)
    return twin


@pytest.fixture
def twin(built: Twin) -> Iterator[Twin]:
    snapshot, model = built.chain.snapshot(), built.model.copy()
    accounts = list(built.accounts)
    yield built
    built.chain.revert(snapshot)
    built.model = model
    built.accounts = accounts
    built._wallets.clear()
    built._markets.clear()
    built._closing.clear()


def trade(twin: Twin, buyer: str, seller: str, size: int) -> None:
    """The buyer takes the seller's order at the mark."""
    now = twin.model
    order = Order(
        twin.account(seller), 0, -size, now.price(0), now.time + HOUR, len(twin.trace), False
    )
    assert twin.fill(buyer, order, seller, twin.account(buyer), size).accepted


def announce(twin: Twin) -> int:
    """An end a day ahead; its second."""
    time = twin.model.time + DAY
    assert twin.announce_delisting(0, time).accepted
    return time


def wait(twin: Twin, until: int, price: int) -> None:
    """Let time pass, with the feed answering `price`, and a checkpoint every ten minutes of the
    last two hours."""
    twin.pass_time(max(1, until - 2 * HOUR - twin.model.time))
    while twin.model.time < until:
        twin.set_price(0, price)
        twin.checkpoint("keeper", 1)
        twin.pass_time(min(600, until - twin.model.time))
    twin.set_price(0, price)


def wind_up(twin: Twin) -> None:
    """Resolve who is bankrupt, thaw, let everything mature, settle losers first, withdraw."""
    for name in TRADERS:
        twin.resolve("keeper", twin.account(name), 0, twin.account("keeper"))
    assert not twin.thaw("keeper", 0).accepted
    twin.pass_time(FREEZE)
    assert twin.thaw("keeper", 0).accepted
    for _ in range(2):
        for account in sorted(twin.accounts, key=lambda a: a in (FUND,)):
            if account > FUND + 1 or account == FUND:
                twin.settle("keeper", account)
        twin.pass_time(41 * HOUR)
    for name in TRADERS:
        account = twin.account(name)
        twin.settle("keeper", account)
        twin.reclaim("keeper", account)
        wallet = twin.engine.wallet(account)
        assert wallet.held == 0, name
        if wallet.cash >= 10**12:
            assert twin.withdraw(name, account, wallet.cash // 10**12, name).accepted, name
    twin.check_everything()
    assert twin.model.markets[0].oi == 0


@pytest.mark.parametrize("to", [24_000, 30_000, 36_000])
def test_liq_9_delisted_at_the_average_everyone_is_paid(twin: Twin, to: int) -> None:
    """A loss of the poor one beyond his cash is met by the fund, then by the longs, by size; then
    all claims are paid: nobody is left with a position, a claim or arrears, and all withdraw."""
    time = announce(twin)
    assert not twin.delist("anyone", 0).accepted  # too early
    wait(twin, time, to * WAD)
    assert twin.delist("anyone", 0).accepted
    assert twin.engine.delisting_of(0) == (time, True)
    assert not twin.delist("anyone", 0).accepted  # once
    # before the day is over no claim is paid
    before = twin.engine.wallet(twin.account("short")).cash
    twin.settle("keeper", twin.account("short"))
    assert twin.engine.wallet(twin.account("short")).cash <= before
    wind_up(twin)
    cash = {name: twin.token.balanceOf(twin.actor(name)) for name in TRADERS}
    assert min(cash.values()) > 0


def test_liq_9_average_cannot_be_moved_by_a_last_price(twin: Twin) -> None:
    """The final price is that of the hour, not of the last second."""
    time = announce(twin)
    wait(twin, time, PRICE)
    twin.set_price(0, PRICE // 2)
    twin.checkpoint("manipulator", 1)
    receipt = twin.delist("manipulator", 0).receipt
    assert receipt is not None
    assert receipt.event("Delisted").args["price"] == PRICE


def test_liq_9_needs_the_hour_covered(twin: Twin) -> None:
    """Without checkpoints there is no average; anyone may make them, then it goes on."""
    time = announce(twin)
    twin.pass_time(time - twin.model.time)
    twin.set_price(0, PRICE)
    outcome = twin.delist("anyone", 0)
    assert outcome.reason == "delisting: hour not covered"
    wait(twin, twin.model.time + 2 * HOUR, PRICE)
    assert twin.delist("anyone", 0).accepted


def test_liq_9_only_reduces_once_announced(twin: Twin) -> None:
    """From the announcement on; the owner may take it back and open the market again."""
    announce(twin)
    now = twin.model
    order = Order(twin.account("short"), 0, -WAD // 10, now.price(0), now.time + HOUR, 99, False)
    outcome = twin.fill("long", order, "short", twin.account("long"), WAD // 10)
    assert outcome.reason == "trading: market only reduces"
    rules = now.markets[0].rules

    opened = replace(rules, reduce_only=False)
    assert twin.set_market(0, opened).reason == "listing: market is delisted"
    assert twin.announce_delisting(0, now.time + 2 * DAY).reason == "delisting: already announced"
    assert twin.cancel_delisting(0).accepted
    assert twin.cancel_delisting(0).reason == "delisting: not announced"
    assert twin.set_market(0, opened).accepted
    assert twin.fill("long", order, "short", twin.account("long"), WAD // 10).accepted


@pytest.mark.parametrize("ahead", [0, DAY - 1, 180 * DAY + 1])
def test_liq_9_notice(twin: Twin, ahead: int) -> None:
    """A day at least, half a year at most."""
    outcome = twin.announce_delisting(0, twin.model.time + ahead)
    assert outcome.reason == "delisting: time out of range"


@pytest.mark.parametrize(("share", "taken"), [(0, True), (10, True), (-10, True), (11, False)])
def test_liq_9_dead_feed(twin: Twin, share: int, taken: bool) -> None:
    """The owner's price is within a tenth of the last good one, and everyone is paid."""
    time = announce(twin)
    twin.pass_time(time - 1 - twin.model.time)
    assert twin.delist_at(0, PRICE).reason == "delisting: too early"
    twin.pass_time(1)
    twin.set_price(0, PRICE)
    assert twin.delist_at(0, PRICE).reason == "delisting: feed is fresh"
    twin.checkpoint("keeper", 1)
    twin.break_feed(0, "reverts")
    assert twin.delist("anyone", 0).reason == "trading: no fresh price"
    outcome = twin.delist_at(0, PRICE * (100 + share) // 100)
    assert outcome.accepted == taken
    if not taken:
        assert outcome.reason == "delisting: price out of range"
        return
    wind_up(twin)


def test_liq_9_empty_market(twin: Twin) -> None:
    """Without positions nothing is frozen."""
    trade(twin, "short", "long", WAD)
    trade(twin, "poor", "taker", WAD // 4)
    time = announce(twin)
    wait(twin, time, PRICE)
    assert twin.delist("anyone", 0).accepted
    assert twin.engine.market_extra(0).frozen_until == 0
