"""Market makers: signed orders around the oracle, new ones at every step.

A quote stands a little off the mark and moves away as prices run: a maker that was hit by the
last step wants more for the next. Inventory pushes the quotes against itself, and beyond a limit a
maker quotes only what reduces it. An order is written and signed when somebody asks for it, as a
maker's server does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from plimsoll.demo.setting import Setting
from plimsoll.protocol import Order, SignedOrder
from plimsoll.reference.numbers import WAD

#: Quote units of one order.
ORDER_NOTIONAL = 400_000
#: Share of the last move that a quote keeps away from the mark.
FEAR = 0.05
#: Quote units of inventory in one market at which a maker stops growing it.
INVENTORY = 1_200_000
#: Part of the band that a quote uses at most.
BAND_SHARE = 0.8
#: Orders of one side that makers show to keepers.
PUBLIC = 2
#: How long an order is good, seconds.
LIFE = 86_400

_GRID = 10**10  # prices are quoted with eight decimals


@dataclass(frozen=True)
class Maker:
    """Somebody who quotes: the account in the engine and the key that signs for it."""

    signer: Any
    account: int
    eagerness: float  # 1 quotes the plain spread, 2 twice as far


class Quotes:
    """All orders of the running step: every maker's bid and offer in every market."""

    def __init__(
        self, makers: Sequence[Maker], setting: Setting, sign: Callable[[Any, Order], SignedOrder]
    ) -> None:
        """`sign` puts a signer's signature under an order."""
        self._makers = sorted(makers, key=lambda maker: maker.eagerness)
        self._setting = setting
        self._sign = sign
        self._signed: dict[tuple[int, bool, int], SignedOrder] = {}
        self._filled: dict[int, int] = {}  # salt -> size
        self._prices: Sequence[int] = ()
        self._before: Sequence[int] = ()
        self._expiry = 0
        self._first_salt = 0
        self._inventory: Mapping[int, Mapping[int, float]] = {}

    @property
    def per_step(self) -> int:
        """How many orders stand at a time."""
        return 2 * len(self._makers) * len(self._setting.markets)

    @property
    def accounts(self) -> list[int]:
        """The makers' accounts."""
        return [maker.account for maker in self._makers]

    def renew(
        self,
        prices: Sequence[int],
        before: Sequence[int],
        time: int,
        inventory: Mapping[int, Mapping[int, float]],
    ) -> None:
        """Quote around `prices` (WAD by market), which were `before` a step ago, from now on.

        `inventory` is account -> market -> signed notional in quote units.
        """
        self._inventory = inventory
        self._signed.clear()
        self._filled.clear()
        self._prices, self._before = prices, before
        self._expiry = time + LIFE
        self._first_salt += self.per_step

    def best(self, market: int, buys: bool) -> Iterator[SignedOrder]:
        """Yield a market's orders on one side, signed, the best price first."""
        ranks = [rank for rank in range(len(self._makers)) if self._quotes(market, buys, rank)]
        for rank in sorted(ranks, key=lambda rank: self._away(market, buys, rank)):
            yield self._at(market, buys, rank)

    def public(self) -> Iterator[SignedOrder]:
        """Yield what a keeper sees of the step: each side's best orders, signed."""
        for market in range(len(self._setting.markets)):
            for buys in (True, False):
                yield from islice(self.best(market, buys), PUBLIC)

    def open_size(self, order: Order) -> int:
        """What traders have left of an order of this step."""
        return abs(order.size) - self._filled.get(order.salt, 0)

    def filled(self, order: Order, size: int) -> None:
        """Note a trader's fill."""
        self._filled[order.salt] = self._filled.get(order.salt, 0) + size

    def _at(self, market: int, buys: bool, rank: int) -> SignedOrder:
        key = (market, buys, rank)
        if key not in self._signed:
            self._signed[key] = self._sign(self._makers[rank].signer, self._order(*key))
        return self._signed[key]

    def _held(self, market: int, rank: int) -> float:
        """Inventory of a maker as a share of the limit."""
        held = self._inventory.get(self._makers[rank].account, {})
        return held.get(market, 0.0) / INVENTORY

    def _quotes(self, market: int, buys: bool, rank: int) -> bool:
        return self._held(market, rank) * (1 if buys else -1) < 1

    def _away(self, market: int, buys: bool, rank: int) -> float:
        """Distance of a quote from the mark, as a share of it."""
        setting = self._setting.markets[market]
        move = abs(self._prices[market] / self._before[market] - 1)
        lean = 1 + 0.6 * self._held(market, rank) * (1 if buys else -1)
        away = self._makers[rank].eagerness * max(lean, 0.2) * setting.spread + FEAR * move
        return min(away, BAND_SHARE * setting.band)

    def _order(self, market: int, buys: bool, rank: int) -> Order:
        price = self._prices[market]
        distance = price * int(self._away(market, buys, rank) * 10**9) // 10**9
        limit = (price - distance if buys else price + distance) // _GRID * _GRID
        size = ORDER_NOTIONAL * WAD * WAD // price
        return Order(
            account=self._makers[rank].account,
            market=market,
            size=size if buys else -size,
            price=limit or price,
            expiry=self._expiry,
            salt=self._first_salt + (2 * market + buys) * len(self._makers) + rank,
        )
