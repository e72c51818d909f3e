"""A twin and short words for what people do with it."""

from typing import Any

from plimsoll.reference import Order
from plimsoll.reference.numbers import HOUR, WAD
from tests.utils.twin import Outcome, Twin

UNIT = 10**6
PRICE = 30_000 * WAD


class Stage:
    """A twin and short words for what people do with it."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def give(self, name: str, cash: int) -> int:
        """Deposit whole quote; the account."""
        account = self.twin.account(name)
        assert self.twin.deposit(name, account, cash * UNIT).accepted
        return account

    def cash(self, name: str) -> int:
        """Cash of an actor's account, WAD."""
        return int(self.twin.engine.wallet(self.twin.account(name)).cash)

    def order(self, maker: str, size: int, price: int | None = None, market: int = 0) -> Order:
        """An order at the mark or at `price`."""
        now = self.twin.model
        at = now.price(market) if price is None else price
        salt = len(self.twin.trace)
        return Order(self.twin.account(maker), market, size, at, now.time + HOUR, salt, False)

    def fill(self, order: Order, maker: str, taker: str, size: int | None = None) -> Outcome:
        """The taker takes it."""
        amount = abs(order.size) if size is None else size
        return self.twin.fill(taker, order, maker, self.twin.account(taker), amount)

    def trade(self, buyer: str, seller: str, size: int, market: int = 0) -> None:
        """At the mark."""
        assert self.fill(self.order(seller, -size, market=market), seller, buyer).accepted

    def move(self, price: int, market: int = 0) -> None:
        """A new price, synchronised, two blocks later."""
        self.twin.set_price(market, price)
        assert self.twin.sync("anyone", market).accepted
        self.twin.pass_blocks(2)

    def health(self, name: str) -> Any:
        """The engine's view."""
        return self.twin.engine.health(self.twin.account(name))
