"""The order book: sources, priority, what is dropped."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from plimsoll.orders import OrderBook, OrderSourceError, OrderStore, as_book
from plimsoll.protocol.orders import Domain, SignedOrder

WAD = 10**18


@dataclass
class State:
    """What an engine would say."""

    fills: dict[bytes, int] = field(default_factory=dict)
    salts: dict[int, int] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    wallets: set[str] = field(default_factory=set)
    asked: int = 0

    def filled(self, order_hash: bytes) -> int:
        self.asked += 1
        return self.fills.get(order_hash, 0)

    def min_salt(self, account: int) -> int:
        self.asked += 1
        return self.salts.get(account, 0)

    def is_operator(self, owner: str, operator: str) -> bool:
        return (owner, operator) in self.operators

    def has_code(self, owner: str) -> bool:
        return owner in self.wallets


def book_of(domain: Domain, state: State | None, *orders: SignedOrder) -> OrderBook:
    book = OrderBook(list(orders), domain, state)
    book.refresh()
    return book


def prices(book: OrderBook, market: int = 0, buys: bool = True, **more) -> list[int]:
    return [offer.price // WAD for offer in book.offers(market, buys, 0, **more)]


def test_price_then_time(make, domain: Domain) -> None:
    orders = [make(price=p * WAD) for p in (99, 101, 100, 101)]
    book = book_of(domain, State(), *orders)
    offers = book.offers(0, True, 0)
    assert [o.price // WAD for o in offers] == [101, 101, 100, 99]
    assert offers[0].signed is orders[1]
    assert offers[1].signed is orders[3]


def test_sellers_lowest_first(make, domain: Domain) -> None:
    orders = [make(price=p * WAD, size=-WAD) for p in (99, 101, 100)]
    book = book_of(domain, State(), *orders)
    assert prices(book, buys=False) == [99, 100, 101]
    assert prices(book) == []


def test_markets_are_apart(make, domain: Domain) -> None:
    book = book_of(domain, State(), make(market=3), make(market=4))
    assert len(book.offers(3, True, 0)) == 1
    assert len(book.entries()) == len(book) == 2
    assert [e.signed.order.market for e in book.entries(market=4)] == [4]


def test_what_is_left(make, domain: Domain) -> None:
    signed = make(size=5 * WAD)
    state = State({signed.order.digest(domain): 2 * WAD})
    (offer,) = book_of(domain, state, signed).offers(0, True, 0)
    assert offer.size == 3 * WAD
    assert offer.buys


def test_dropped_by_the_engine(make, domain: Domain) -> None:
    filled, cancelled, good = make(salt=50), make(salt=51), make(salt=52)
    old, expired = make(salt=3), make(salt=53, expiry=9)
    fills = {
        filled.order.digest(domain): WAD,
        cancelled.order.digest(domain): 2**256 - 1,
    }
    state = State(fills, {good.order.account: 4})
    book = book_of(domain, state, filled, cancelled, old, expired, good)
    assert [o.signed for o in book.offers(0, True, 10)] == [good]
    reasons = {entry.signed: reason for entry, reason in book.dead(10)}
    assert reasons == {
        filled: "filled",
        cancelled: "cancelled",
        old: "cancelled",
        expired: "expired",
    }


def test_the_last_second_counts(make, domain: Domain) -> None:
    book = book_of(domain, State(), make(expiry=10))
    assert book.offers(0, True, 10)
    assert not book.offers(0, True, 11)


def test_for_one_taker(make, domain: Domain, stranger) -> None:
    book = book_of(domain, State(), make(taker=stranger.address))
    assert not book.offers(0, True, 0)
    assert book.offers(0, True, 0, sender=stranger.address)


def test_signatures(make, maker, stranger, domain: Domain) -> None:
    state = State()
    book = book_of(domain, state, make(key=stranger))
    assert not book.offers(0, True, 0)
    state.operators.add((maker.address, stranger.address))
    assert book.offers(0, True, 0)
    state.operators.clear()
    state.wallets.add(maker.address)
    assert book.offers(0, True, 0)


def test_no_maker_stands_before_all_others(make, stranger, domain: Domain) -> None:
    crowd = [make(price=200 * WAD) for _ in range(10)]
    other = make(by=stranger, price=100 * WAD)
    book = book_of(domain, State(), *crowd, other)
    assert prices(book, limit=5) == [200] * 4 + [100]
    assert prices(book, accept=lambda account: account == other.order.account) == [100]
    assert book.makers(0, True) == [crowd[0].order.account, other.order.account]


def test_avoided_orders(make, domain: Domain) -> None:
    signed = make()
    assert not book_of(domain, State(), signed).offers(
        0, True, 0, avoid={signed.order.digest(domain)}
    )


def test_the_engine_is_asked_once_a_refresh(make, domain: Domain) -> None:
    signed, state = make(), State()
    book = book_of(domain, state, signed)
    for _ in range(3):
        book.offers(0, True, 0)
    assert state.asked == 2
    state.fills[signed.order.digest(domain)] = WAD // 4
    assert book.offers(0, True, 0)[0].size == WAD
    book.used(signed.order.digest(domain))
    assert book.offers(0, True, 0)[0].size == 3 * WAD // 4


def test_the_same_order_twice(make, stranger, domain: Domain) -> None:
    signed = make()
    forged = SignedOrder(signed.order, make(key=stranger).signature)
    book = book_of(domain, State(), forged, signed, signed)
    assert len(book) == 1
    assert book.offers(0, True, 0)[0].signed is signed


def test_a_list_is_looked_at_anew(make, domain: Domain) -> None:
    orders = [make()]
    book = OrderBook(orders, domain, State())
    book.refresh()
    orders.append(make())
    assert len(book) == 1
    book.refresh()
    assert len(book) == 2


def test_a_folder_with_junk(tmp_path: Path, make, domain: Domain) -> None:
    store = OrderStore(tmp_path, domain)
    late, early = make(), make()
    for signed, when in ((late, 2_000), (early, 1_000)):
        path, _ = store.add(signed)
        os.utime(path, (when, when))
    (tmp_path / "junk.json").write_text("{")
    book = OrderBook(tmp_path, domain, State())
    book.refresh()
    assert [o.signed for o in book.offers(0, True, 0)] == [early, late]
    assert [problem.name for problem in book.problems] == ["junk.json"]
    (tmp_path / "junk.json").write_text(make().to_json())
    store.remove(early.order.digest(domain))
    book.refresh()
    assert (len(book), book.problems) == (2, [])


def test_a_folder_that_is_gone(tmp_path: Path, make, domain: Domain) -> None:
    folder = tmp_path / "orders"
    store = OrderStore(folder, domain, create=True)
    store.add(make())
    book = OrderBook(folder, domain)
    book.refresh()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(OrderSourceError, match="cannot be read"):
        book.refresh()
    assert len(book) == 0


def test_sources_that_make_no_sense(tmp_path: Path, domain: Domain) -> None:
    with pytest.raises(OrderSourceError, match="no address of a board"):
        OrderBook("ftp://127.0.0.1", domain)
    with pytest.raises(OrderSourceError, match="no such folder"):
        as_book(str(tmp_path / "nowhere"), domain)
    book = OrderBook("http://127.0.0.1:1", domain)
    with pytest.raises(OrderSourceError, match="does not answer"):
        book.refresh()


def test_as_book(make, domain: Domain) -> None:
    state = State()
    assert len(as_book(None, domain, state)) == 0
    book = OrderBook([make()], domain)
    assert as_book(book, domain, state) is book
    assert book.state is state
