"""A small world around the reference model: funded actors, listed markets, shorthand for trades."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from plimsoll.reference import Config, Model, Order, Reward, Risk, account_id
from plimsoll.reference.numbers import WAD

OWNER = "0x" + "0a" * 20
FUND_CONTRACT = "0x" + "0f" * 20
BACKER = "0x" + "bb" * 20
STRANGER = "0x" + "77" * 20
UNITS = 10**6  # token units in a quote token of 6 decimals

RISK = Risk(
    sigma=5 * 10**10,  # 5 %
    f=2 * 10**10,  # 2 %
    g=10**10,  # 1 %
    lam=10**10,
    depth=10**8,
    c=0,
    penalty_cap=10**10,  # 1 %
    share=10**12,
)
CONFIG = Config(
    oi_cap=10**22,
    min_notional=10 * WAD,
    max_notional=10**7 * WAD,
    band=5_000,
    penalty_min=200,
    penalty_max=1_000,
    maker_fee=0,
    taker_fee=0,
)


def address(number: int) -> str:
    """The address of the actor with this number."""
    return f"0x{number + 0x1000:040x}"


@dataclass
class World:
    """A model with a funded fund; time stands still, so that every answered price is FRESH."""

    model: Model = field(default_factory=lambda: Model(OWNER, decimals=6))
    salt: int = 0

    def __post_init__(self) -> None:
        model = self.model
        model.set_fund(OWNER, FUND_CONTRACT)
        model.set_globals(OWNER, 3 * WAD, 2 * WAD)
        model.set_reward(OWNER, Reward(300_000, 3_000 * WAD, 1_000, WAD, 50 * WAD, 60))
        model.fund_deposit(BACKER, 1_000_000 * UNITS, BACKER)

    def answer(self, market: int, price: int) -> None:
        """The feed of `market` answers `price` (WAD) from now on."""
        self.model.set_answer(market, price, self.model.time)

    def wait_for_window(self, holder: str) -> None:
        """Let time pass until a request may be redeemed; the feeds answer what they did."""
        model = self.model
        opens = model.redeem_request(holder)[1]
        marks = {m: model.price(m) for m, feed in enumerate(model.feeds) if feed.set}
        model.set_time(max(model.time, opens))
        for market, price in marks.items():
            self.answer(market, price)

    def market(
        self,
        market: int = 0,
        price: int = 100 * WAD,
        risk: Risk = RISK,
        config: Config = CONFIG,
        allowance: int = 10_000 * WAD,
        **changes: int,
    ) -> None:
        """List a market."""
        self.answer(market, price)
        self.model.set_feed(OWNER, market, 3_600, 0, 80)
        self.model.set_risk(OWNER, market, risk)
        self.model.list_market(OWNER, market, replace(config, **changes), allowance)

    def actor(self, number: int, quote: int = 0) -> int:
        """The first account of an actor, with `quote` whole quote units of cash added."""
        account = account_id(address(number))
        if quote:
            self.model.deposit(address(number), account, quote * UNITS)
        return account

    def order(
        self, maker: int, size: int, price: int, market: int = 0, *, reduce_only: bool = False
    ) -> Order:
        """An order of an actor's first account."""
        self.salt += 1
        expiry = self.model.time + 10**9
        account = account_id(address(maker))
        return Order(account, market, size, price, expiry, self.salt, reduce_only)

    def pass_blocks(self, blocks: int) -> None:
        """Blocks go by, time does not."""
        self.model.set_block(self.model.block + blocks)

    def pass_time(self, seconds: int) -> None:
        """Time goes by, and every feed that answers answers anew."""
        model = self.model
        model.set_time(model.time + seconds)
        for market, feed in enumerate(model.feeds):
            if feed.answer is not None:
                model.set_answer(market, feed.answer, model.time)

    def sync(self, market: int = 0) -> None:
        """The market is synchronised and has waited (TRD-4)."""
        self.model.sync(STRANGER, market)
        self.pass_blocks(2)

    def mature(self) -> None:
        """Time in which every reserve goes below the dust: 40 half-lives."""
        self.pass_time(144_000)

    def call(self, account: int) -> None:
        """A margin call, and its cure window goes by (LIQ-1)."""
        self.model.call_margin(STRANGER, account)
        self.pass_time(300)

    def trade(
        self, maker: int, taker: int, size: int, price: int | None = None, market: int = 0
    ) -> None:
        """The maker's size changes by `size` (WAD), the taker's by the opposite, in sync."""
        if self.model.is_fresh(market):
            self.sync(market)
        at = self.model.price(market) if price is None else price
        order = self.order(maker, size, at, market)
        account = account_id(address(taker))
        self.model.fill(address(taker), order, address(maker), account, abs(size))


@pytest.fixture(scope="session")
def new_world() -> Callable[[], World]:
    """Makes a world; a factory, so that properties can make one per example."""
    return World


@pytest.fixture
def world() -> World:
    """A world with market 0 at 100 quote."""
    made = World()
    made.market()
    return made
