"""Market makers: signed orders around the oracle, new ones at every step.

A quote stands half a spread from the mark and moves away as prices run: a maker that was hit by the
last step wants more for the next. Orders are made for every step; the signature is put under an
order when somebody wants to use it, as a maker's server does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.demo.setting import Setting
from plimsoll.protocol import Order, SignedOrder
from plimsoll.reference.numbers import WAD

#: Quote units of one order.
ORDER_NOTIONAL = 400_000
#: Share of the last move that a quote keeps away from the mark.
FEAR = 0.2
#: Part of the band that a quote uses at most.
BAND_SHARE = 0.8


@dataclass(frozen=True)
class Maker:
    """Somebody who quotes: the account in the engine and the key that signs for it."""

    signer: Any
    account: int
    eagerness: float  # 1 quotes the plain spread, 2 twice as far


class Quotes:
    """All orders of the running step."""

    def __init__(
        self, makers: Sequence[Maker], setting: Setting, sign: Callable[[Any, Order], SignedOrder]
    ) -> None:
        """`sign` puts a signer's signature under an order."""
        self._makers = makers
        self._setting = setting
        self._sign = sign
        self._orders: dict[tuple[int, bool], list[tuple[Any, Order]]] = {}
        self._signed: dict[int, SignedOrder] = {}
        self._filled: dict[int, int] = {}
        self._salt = 0
        self.made = 0

    def renew(self, prices: Sequence[int], before: Sequence[int], expiry: int) -> None:
        """Forget the last step's orders and quote around `prices` (WAD by market)."""
        self._orders.clear()
        self._signed.clear()
        self._filled.clear()
        for number in range(len(self._setting.markets)):
            move = abs(prices[number] / before[number] - 1)
            for buys in (True, False):
                self._orders[number, buys] = [
                    (maker.signer, self._order(maker, number, prices[number], move, buys, expiry))
                    for maker in self._makers
                ]
                # the best price first
                self._orders[number, buys].sort(key=lambda made: made[1].price, reverse=buys)
                self.made += len(self._makers)

    def _order(
        self, maker: Maker, number: int, price: int, move: float, buys: bool, expiry: int
    ) -> Order:
        market = self._setting.markets[number]
        away = min(maker.eagerness * market.spread + FEAR * move, BAND_SHARE * market.band)
        distance = price * int(away * 10**9) // 10**9
        limit = price - distance if buys else price + distance
        limit = limit // 10**10 * 10**10 or price  # on a grid of 1e-8, as people quote
        size = ORDER_NOTIONAL * WAD * WAD // price
        self._salt += 1
        return Order(
            account=maker.account,
            market=number,
            size=size if buys else -size,
            price=limit,
            expiry=expiry,
            salt=self._salt,
        )

    def best(self, market: int, buys: bool) -> Iterable[SignedOrder]:
        """Yield a market's orders on one side, signed, the best price first."""
        for signer, order in self._orders.get((market, buys), ()):
            yield self.signed(signer, order)

    def signed(self, signer: Any, order: Order) -> SignedOrder:
        """Return an order with its signature."""
        if order.salt not in self._signed:
            self._signed[order.salt] = self._sign(signer, order)
        return self._signed[order.salt]

    def open_size(self, order: Order) -> int:
        """What traders have left of an order of this step."""
        return abs(order.size) - self._filled.get(order.salt, 0)

    def filled(self, order: Order, size: int) -> None:
        """Note a trader's fill."""
        self._filled[order.salt] = self._filled.get(order.salt, 0) + size

    def all(self) -> list[SignedOrder]:
        """Return every order of the step, signed."""
        return [signed for market, buys in self._orders for signed in self.best(market, buys)]
