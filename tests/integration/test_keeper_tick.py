"""Whole ticks on the embedded chain: what the keeper does to real contracts."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from plimsoll.evm import Account, Chain
from plimsoll.keeper import Keeper, KeeperError, Kind, Outcome, Policy, decide
from plimsoll.keeper.slices import Case, own_capacity
from plimsoll.protocol import (
    Domain,
    EvmBackend,
    Order,
    Refused,
    SignedOrder,
    deploy,
    parse_plan,
    sign_order,
)
from plimsoll.reference.numbers import CURE, FORGOTTEN, VOID, WINDOW
from tests.utils.risk_words import write_correlations

WAD = 10**18
UNITS = 10**6
MARKETS = 3
PRICE = 2_000
MARKET = {
    "feed": {"mock": {"decimals": 8, "price": PRICE}, "heartbeat": 3_600, "gap": "0.01"},
    "risk": {
        "sigma": "0.02",
        "f": "0.05",
        "g": "0.02",
        "lambda": "0.01",
        "depth": 10**9,
        "c": 1,
        "penalty_cap": "0.02",
        "share": 5,
    },
    "config": {
        "oi_cap": 10**6,
        "min_notional": 10,
        "max_notional": 10**8,
        "band": "0.02",
        "penalty_min": "0.005",
        "penalty_max": "0.015",
        "maker_fee": "0.0002",
        "taker_fee": "0.0005",
    },
    "allowance": 10**6,
}
PLAN = {
    "token": {"test": {"decimals": 6}},
    "risk": {"z": 3, "kappa": "1.5"},
    "markets": {f"M{m}": {"number": m, **MARKET} for m in range(MARKETS)},
    "reward": {
        "minimum": 1,
        "cap": 50,
        "gas_units": 300_000,
        "premium": "0.1",
        "native_price": 3_000,
        "interval": 3_600,
    },
    "fund": {"seed": 10**6},
    # follows market 1
    "collateral": {
        "C0": {"token": {"test": {"decimals": 18}}, "market": "M1", "haircut": "0.1", "cap": 10**6}
    },
}
#: upkeep, settlement and chores have tests of their own
QUIET = Policy(upkeep=False, settle=False, chores_every=10**9, checkpoint_age=10**12)


def account_id(account: Account, index: int = 0) -> int:
    return int(account.address, 16) << 96 | index


@dataclass
class World:
    """An engine with three markets at 2,000, a funded fund and actors by role."""

    chain: Chain
    plimsoll: Any
    feeds: list[Any]
    salt: int = 0
    orders: list[SignedOrder] = field(default_factory=list)

    @property
    def engine(self) -> Any:
        return self.plimsoll.engine

    def actor(self, name: str, quote: int = 0) -> int:
        """The account of an actor, with `quote` paid in."""
        who = self.chain.account(name)
        if quote:
            self.plimsoll.token.mint(who.address, quote * UNITS)
            self.plimsoll.token.approve(self.engine.address, 2**256 - 1, sender=who)
            self.engine.deposit(account_id(who), quote * UNITS, sender=who)
        return account_id(who)

    def price(self, market: int, price: float) -> None:
        self.feeds[market].set_answer(int(price * 10**8))

    def sync(self) -> None:
        """New risk may be taken at the prices of now (TRD-4)."""
        for market in range(MARKETS):
            self.engine.sync(market)
        self.chain.mine(2, seconds=0)

    def call(self, account: int) -> None:
        """The account's cure window has passed, if a takeover needs that (LIQ-1)."""
        row = self.health(account)
        if 7 * row.maintenance <= 10 * row.equity < 10 * row.maintenance:
            self.engine.call_margin(account)
            self.chain.mine(1, CURE)

    def mature(self) -> None:
        """All profit that is recorded now has matured (LED-4); the prices are as they were."""
        prices = [self.plimsoll.oracle.quote(market)[0] / WAD for market in range(MARKETS)]
        self.chain.mine(1, FORGOTTEN)
        for market, price in enumerate(prices):
            self.price(market, price)

    def order(self, maker: str, market: int, size: float, price: float, **more: Any) -> SignedOrder:
        who = self.chain.account(maker)
        self.salt += 1
        order = Order(
            account=account_id(who),
            market=market,
            size=int(size * WAD),
            price=int(price * WAD),
            expiry=more.pop("expiry", 2**40),
            salt=more.pop("salt", self.salt),
            **more,
        )
        domain = Domain(self.chain.chain_id, self.engine.address)
        return sign_order(who, order, domain)

    def trade(self, long: str, short: str, market: int, size: float, price: float = PRICE) -> None:
        """`long` buys from `short` at `price`."""
        signed = self.order(short, market, -size, price)
        buyer = self.chain.account(long)
        self.engine.fill(
            signed.order.as_tuple(),
            signed.signature,
            account_id(buyer),
            int(size * WAD),
            sender=buyer,
        )

    def keeper(self, *orders: SignedOrder, policy: Policy = QUIET, **more: Any) -> Keeper:
        return Keeper(self.plimsoll, self.chain.account("keeper"), list(orders), policy, **more)

    def health(self, account: int) -> Any:
        return self.engine.health(account)

    def identities(self) -> None:
        """LED-5 for the tokens: nothing has leaked."""
        held = self.plimsoll.token.balanceOf(self.engine.address) * 10**12
        cash = sum(self.engine.wallet(a)[0] for a in self.accounts())
        backing = sum(self.engine.market_state(m).cash for m in range(MARKETS))
        assert held >= cash + backing

    def accounts(self) -> list[int]:
        names = ("trader", "rival", "maker", "poor", "keeper", "winner")
        return [1, 2, *(account_id(self.chain.account(name)) for name in names)]


@pytest.fixture(scope="module")
def base() -> World:
    backend = EvmBackend(Chain())
    plimsoll = deploy(backend, parse_plan(PLAN))
    return World(backend.chain, plimsoll, [plimsoll.feeds[f"M{m}"] for m in range(MARKETS)])


@pytest.fixture
def world(base: World) -> Any:
    with base.chain.anchor():
        yield World(base.chain, base.plimsoll, base.feeds)


@pytest.fixture
def crash(world: World) -> Callable[..., int]:
    """A trader long 10 in market 0 with little margin; the price falls to where E/MM is given.

    Its margin call, where one is needed, has come and its cure window passed.
    """

    def make(
        *,
        health: float,
        quote: int = 2_000,
        size: float = 10,
        markets: int = 1,
        called: bool = True,
    ) -> int:
        trader = world.actor("trader", quote)
        world.actor("rival", 1_000_000)
        for market in range(markets):
            world.trade("trader", "rival", market, size / markets)
        price = float(PRICE)
        while True:
            row = world.health(trader)
            if row.maintenance == 0 or row.equity < health * row.maintenance:
                world.sync()
                if called:
                    world.call(trader)
                return trader
            price -= 1
            for market in range(markets):
                world.price(market, price)

    return make


def test_healthy_accounts_are_left_alone(world: World) -> None:
    trader = world.actor("trader", 10_000)
    rival = world.actor("rival", 10_000)
    world.trade("trader", "rival", 0, 1)
    report = world.keeper().tick([trader, rival])
    assert (report.accounts, report.unhealthy, report.results, report.left) == (2, 0, [], [])
    assert report.ok


def test_no_accounts(world: World) -> None:
    assert world.keeper().tick([]).ok


def test_takeover_with_the_keepers_own_account(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    keeper = world.actor("keeper", 100_000)
    report = world.keeper().tick([trader, keeper])
    assert report.takeovers == 1
    assert report.order_liquidations == 0
    assert report.failed == 0
    row = world.health(trader)
    assert row.maintenance <= row.equity
    assert 4 * row.equity <= 5 * row.maintenance
    assert world.engine.position(keeper, 0).size == report.results[0].action.size > 0
    assert report.rewards > 0
    assert report.gas > 0
    assert report.left == []
    world.identities()


def test_takeover_by_order_needs_no_capital(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    maker = world.actor("maker", 100_000)
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    good = world.order("maker", 0, 10, mark - 1)
    report = world.keeper(good).tick([trader, maker])
    assert report.order_liquidations == 1
    assert report.takeovers == 0
    keeper = account_id(world.chain.account("keeper"))
    assert world.engine.wallet(keeper)[0] == report.rewards == WAD
    row = world.health(trader)
    assert row.equity >= row.maintenance
    assert world.engine.position(maker, 0).size > 0


def test_the_best_order_is_used_first(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    world.actor("maker", 100_000)
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    orders = [world.order("maker", 0, 10, mark + d) for d in (-3, 0, -1)]
    report = world.keeper(*orders).tick([trader])
    assert report.results[0].action.price == int(mark * WAD)
    assert report.results[0].outcome is Outcome.DONE


def test_an_order_above_the_mark_goes_through_at_once(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    world.actor("maker", 1_000_000)
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    report = world.keeper(world.order("maker", 0, 10, mark * 1.015)).tick([trader])
    assert [r.outcome for r in report.results] == [Outcome.DONE]
    assert world.health(trader).equity > world.health(trader).maintenance


def test_several_small_orders_and_the_rest_by_own_account(world: World, crash: Any) -> None:
    trader = crash(health=0.3)
    world.actor("maker", 1_000_000)
    keeper = world.actor("keeper", 1_000_000)
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    orders = [world.order("maker", 0, 1, mark - step / 2) for step in range(3)]
    report = world.keeper(*orders).tick([trader, keeper])
    assert report.order_liquidations == 3
    assert report.takeovers == 1
    assert report.failed == 0
    row = world.health(trader)
    assert row.equity >= row.maintenance


def test_own_account_first_when_it_is_preferred(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    world.actor("maker", 1_000_000)
    world.actor("keeper", 1_000_000)
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    policy = Policy(prefer="own", upkeep=False, settle=False, checkpoint_age=10**12)
    report = world.keeper(world.order("maker", 0, 10, mark), policy=policy).tick([trader])
    assert (report.takeovers, report.order_liquidations) == (1, 0)


def test_a_small_keeper_takes_what_its_margin_allows(world: World, crash: Any) -> None:
    trader = crash(health=0.5)
    keeper = world.actor("keeper", 300)
    report = world.keeper().tick([trader])
    assert report.takeovers >= 1
    assert report.failed == 0
    assert world.health(keeper).initial_equity >= world.health(keeper).initial
    assert report.left[0].account == trader
    assert "the keeper's margin does not reach" in report.left[0].reason


def test_no_capital_and_no_order(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    report = world.keeper().tick([trader])
    assert report.results == []
    assert "no usable order in market 0" in report.left[0].reason
    assert "no cash of its own" in report.left[0].reason
    assert report.ok


def test_a_makers_margin_limits_its_order(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    world.actor("maker", 100_000)
    poor = world.actor("poor", 20)
    broke = world.actor("winner")
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    prices = (("winner", mark + 1), ("poor", mark), ("maker", mark - 1))
    orders = [world.order(maker, 0, 10, price) for maker, price in prices]
    report = world.keeper(*orders).tick([trader])
    assert [r.outcome for r in report.results] == [Outcome.DONE] * 2
    assert [r.action.price for r in report.results] == [int(p * WAD) for _, p in prices[1:]]
    row = world.health(poor)
    assert 0 < row.initial <= row.initial_equity < row.initial + WAD // 100
    assert world.health(broke).held == 0


@pytest.mark.parametrize(
    "spoil",
    ["expired", "cancelled", "cancelled below", "filled", "for another", "wrong side", "band"],
)
def test_orders_that_cannot_be_used_are_not_tried(world: World, crash: Any, spoil: str) -> None:
    trader = crash(health=0.9)
    maker = world.actor("maker", 100_000)
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    who = world.chain.account("maker")
    more: dict[str, Any] = {}
    if spoil == "expired":
        more["expiry"] = world.chain.timestamp - 1
    if spoil == "for another":
        more["taker"] = who.address
    size = -10 if spoil == "wrong side" else 0.5 if spoil == "filled" else 10
    price = mark * 1.1 if spoil == "band" else mark
    signed = world.order("maker", 0, size, price, **more)
    if spoil == "cancelled":
        world.engine.cancel_order(signed.order.as_tuple(), sender=who)
    if spoil == "cancelled below":
        world.engine.cancel_below(maker, signed.order.salt + 1, sender=who)
    if spoil == "filled":
        rival = world.chain.account("rival")
        world.engine.fill(
            signed.order.as_tuple(), signed.signature, account_id(rival), WAD // 2, sender=rival
        )
    report = world.keeper(signed).tick([trader])
    assert report.results == []
    assert report.left


def test_a_forged_order_is_not_tried(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    world.actor("maker", 100_000)
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    forged = SignedOrder(world.order("maker", 0, 10, mark).order, b"\x01" * 65)
    report = world.keeper(forged).tick([trader])
    assert report.results == []


def test_an_operators_order_is_used(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    world.actor("maker", 100_000)
    mark = world.plimsoll.oracle.quote(0)[0] / WAD
    operator = world.chain.account("operator")
    world.engine.set_operator(operator, True, sender=world.chain.account("maker"))
    order = world.order("maker", 0, 10, mark).order
    signed = sign_order(operator, order, Domain(world.chain.chain_id, world.engine.address))
    report = world.keeper(signed).tick([trader])
    assert report.order_liquidations == 1


def test_a_short_is_liquidated_too(world: World) -> None:
    trader = world.actor("trader", 2_000)
    world.actor("rival", 1_000_000)
    world.trade("rival", "trader", 0, 10)
    world.price(0, 2_110)
    world.sync()
    world.call(trader)
    maker = world.actor("maker", 100_000)
    world.actor("keeper", 100_000)
    report = world.keeper(world.order("maker", 0, -2, 2_111)).tick([trader])
    assert report.order_liquidations == 1
    assert report.takeovers == 1
    assert world.engine.position(maker, 0).size == -2 * WAD
    # a quarter of the open interest of 10 goes in one window (LIQ-6), the rest in the next
    assert world.engine.market_extra(0).window_taken == 25 * WAD // 10
    assert "window of takeovers in market 0 is used up" in report.left[0].reason
    world.chain.mine(1, WINDOW)
    report = world.keeper().tick([trader])
    assert report.takeovers == 1
    row = world.health(trader)
    assert row.equity >= row.maintenance


def test_a_bankrupt_account_is_resolved(world: World, crash: Any) -> None:
    trader = crash(health=-0.2)
    report = world.keeper().tick([trader])
    assert report.resolved == 1
    assert world.health(trader).held == 0
    assert report.rewards == WAD
    assert report.left == []
    world.identities()


def test_several_markets_losing_legs_first(world: World) -> None:
    trader = world.actor("trader", 3_300)
    world.actor("rival", 1_000_000)
    for market in range(3):
        world.trade("trader", "rival", market, 5)
    world.price(0, 1_900)
    world.price(1, 1_400)
    world.price(2, 2_020)
    report = world.keeper().tick([trader])
    done = [r.action for r in report.results]
    assert [a.kind for a in done] == [Kind.RESOLVE] * 3
    assert [a.market for a in done] == [1, 0, 2]
    assert world.health(trader).gross == 0


def test_several_legs_until_healthy(world: World, crash: Any) -> None:
    trader = crash(health=0.2, quote=5_000, size=30, markets=3)
    world.actor("keeper", 1_000_000)
    report = world.keeper().tick([trader])
    assert report.takeovers >= 1
    assert report.failed == 0
    row = world.health(trader)
    assert row.equity >= row.maintenance


def test_the_worst_comes_first(world: World) -> None:
    names = ["trader", "poor", "winner"]
    world.actor("rival", 1_000_000)
    accounts = []
    for name, quote in zip(names, (2_050, 1_950, 2_150), strict=True):
        accounts.append(world.actor(name, quote))
        world.trade(name, "rival", 0, 10)
    world.price(0, 1_800)
    accounts.append(account_id(world.chain.account("winner")))
    world.actor("keeper", 1_000_000)
    report = world.keeper().tick(accounts)
    assert [r.action.kind for r in report.results] == [Kind.RESOLVE, Kind.TAKEOVER, Kind.TAKEOVER]
    assert [r.action.account for r in report.results] == [accounts[1], accounts[0], accounts[2]]


def test_a_dead_oracle_blocks_its_market_only(world: World) -> None:
    trader = world.actor("trader", 3_300)
    world.actor("rival", 1_000_000)
    world.trade("trader", "rival", 0, 10)
    world.trade("trader", "rival", 1, 10)
    world.chain.mine(1, 4_000)
    world.price(1, 1_800)
    keeper = world.actor("keeper", 100_000)
    report = world.keeper().tick([trader])
    # E is 0.68 of MM; without the leg in market 1 it is 0.9, and the other leg waits for its call
    assert [(r.action.kind, r.action.market, r.outcome) for r in report.results] == [
        (Kind.TAKEOVER, 1, Outcome.DONE),
        (Kind.CALL, -1, Outcome.DONE),
    ]
    assert report.takeovers == 1
    assert world.health(keeper).held == 0b10


def test_a_dead_oracle_leaves_its_leg_of_a_bankrupt_account(world: World) -> None:
    trader = world.actor("trader", 3_300)
    world.actor("rival", 1_000_000)
    world.trade("trader", "rival", 0, 10)
    world.trade("trader", "rival", 1, 10)
    world.chain.mine(1, 4_000)
    world.price(1, 1_500)
    report = world.keeper().tick([trader])
    assert [(r.action.kind, r.action.market) for r in report.results] == [(Kind.RESOLVE, 1)]
    assert "market 0 has no fresh price" in report.left[0].reason
    world.price(0, 2_000)
    report = world.keeper().tick([trader])
    assert [(r.action.kind, r.action.market) for r in report.results] == [(Kind.RESOLVE, 0)]
    assert world.health(trader).held == 0


def test_one_failing_action_does_not_stop_the_others(
    world: World, crash: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = crash(health=-0.2)
    other = world.actor("poor", 1_000)
    world.price(0, PRICE)
    world.sync()
    world.trade("poor", "rival", 0, 5)
    world.price(0, 1_700)
    keeper = world.keeper()
    real = keeper.sender._call

    def broken(action: Any) -> Any:
        if action.account == trader:
            raise ConnectionError("the node went away")
        return real(action)

    monkeypatch.setattr(keeper.sender, "_call", broken)
    report = keeper.tick([trader, other])
    assert report.failed == 1
    assert report.resolved == 1
    assert not report.ok
    assert world.health(other).held == 0
    assert "the node went away" in next(
        r.detail for r in report.results if r.outcome is Outcome.FAILED
    )


def test_liq_1_a_call_then_a_takeover_when_it_is_due(world: World, crash: Any) -> None:
    trader = crash(health=0.9, called=False)
    world.actor("keeper", 100_000)
    keeper = world.keeper()
    report = keeper.tick([trader])
    assert [(r.action.kind, r.outcome) for r in report.results] == [(Kind.CALL, Outcome.DONE)]
    assert report.called == 1
    assert "300 s of its cure window are left" in report.left[0].reason
    assert report.ok
    world.chain.mine(1, CURE - 1)
    report = keeper.tick([trader])
    assert report.results == []
    assert "1 s of its cure window are left" in report.left[0].reason
    world.chain.mine(1, 1)
    assert keeper.tick([trader]).takeovers == 1


def test_liq_1_a_void_call_is_made_again(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    world.actor("keeper", 100_000)
    world.chain.mine(1, VOID)
    world.price(0, world.plimsoll.oracle.quote(0)[0] / WAD)
    assert world.keeper(dry_run=True).tick([trader]).results[0].action.kind is Kind.TAKEOVER
    world.chain.mine(1, 1)
    report = world.keeper().tick([trader])
    assert [r.action.kind for r in report.results] == [Kind.CALL]


def test_liq_1_below_psi_nobody_is_called(world: World, crash: Any) -> None:
    trader = crash(health=0.69)
    world.actor("keeper", 100_000)
    report = world.keeper().tick([trader])
    assert {r.action.kind for r in report.results} == {Kind.TAKEOVER}


def test_liq_4_a_critical_account_that_nobody_takes_is_closed(world: World, crash: Any) -> None:
    trader = crash(health=0.09)
    report = world.keeper().tick([trader])
    assert [(r.action.kind, r.outcome) for r in report.results] == [(Kind.RESOLVE, Outcome.DONE)]
    assert "critical" in report.results[0].action.reason
    assert world.health(trader).gross == 0
    assert world.health(trader).equity > 0


def test_liq_4_what_appears_in_a_locked_account_is_reclaimed(world: World) -> None:
    """Resolved in one market at a loss that others bear, it wins in the other: the fund gets it."""
    trader = world.actor("trader", 3_300)
    world.actor("rival", 1_000_000)
    for market in (0, 1):
        world.trade("trader", "rival", market, 10)
    world.price(0, 1_600)
    keeper = account_id(world.chain.account("keeper"))
    world.engine.resolve(trader, 0, keeper)
    wallet = world.engine.wallet(trader)
    assert wallet.locked
    assert wallet.debt > 0
    world.price(1, 2_300)
    before = world.engine.fund_state()
    report = world.keeper().tick([trader])
    assert [(r.action.kind, r.outcome) for r in report.results] == [(Kind.RECLAIM, Outcome.DONE)]
    assert sum(world.engine.fund_state()[:2]) - sum(before[:2]) == wallet.debt
    assert not world.engine.wallet(trader).locked
    assert world.keeper().tick([trader]).results == []


def test_upkeep_synchronises_observes_and_accrues_when_it_is_worth_it(world: World) -> None:
    for name in ("trader", "rival"):
        world.actor(name, 1_000_000)
    keeper = world.keeper(policy=Policy(settle=False, chores_every=10**9, checkpoint_age=10**12))
    assert {r.action.kind for r in keeper.tick([]).results} == {Kind.OBSERVE}
    # 1 % above the mark for 2,000,000 quote: the fees of 1,414 bound the premium
    world.trade("trader", "rival", 0, 1_000, PRICE * 1.01)
    world.chain.mine(1, 600)
    assert keeper.tick([]).results == []  # about 25 are due, less than a hundred
    world.chain.mine(1, 2_990)
    world.price(0, PRICE * 1.03)
    world.price(1, PRICE)
    report = keeper.tick([])
    assert [(r.action.kind, r.action.market) for r in report.results] == [
        (Kind.SYNC, 0),
        (Kind.ACCRUE, 0),
    ]
    due = report.results[-1].action.reason
    paid = -world.engine.market_state(0).long_k0 * 1_000 // WAD
    assert f"funding of {paid // WAD:,}." in due
    world.chain.mine(2, seconds=0)
    world.trade("trader", "rival", 0, 1, PRICE * 1.03)
    assert keeper.tick([]).results == []


def test_winners_are_paid_after_losers(world: World) -> None:
    loser = world.actor("trader", 5_000)
    winner = world.actor("winner", 5_000)
    world.trade("trader", "winner", 0, 20)
    world.price(0, 1_850)
    policy = Policy(checkpoint_age=10**12)
    keeper = world.keeper(policy=policy)
    report = keeper.tick([winner, loser])
    settled = [r.action.account for r in report.results if r.action.kind is Kind.SETTLE]
    assert settled == [loser, winner]
    # the profit of 3,000 is new: nothing of it has matured (LED-4)
    assert world.engine.wallet(winner)[0] < 5_000 * WAD
    world.mature()
    report = keeper.tick([winner, loser])
    settled = [r.action.account for r in report.results if r.action.kind is Kind.SETTLE]
    assert settled == [winner]
    assert world.engine.wallet(winner)[0] >= 7_900 * WAD
    again = world.keeper(policy=policy)
    assert again.tick([winner, loser]).settled == 0


def test_old_prices_are_stored(world: World) -> None:
    policy = Policy(upkeep=False, settle=False, checkpoint_age=3_600)
    keeper = world.keeper(policy=policy)
    assert keeper.tick([]).results == []
    world.chain.mine(1, 4_000)
    world.price(0, 2_001)  # the other feeds are stale now
    report = keeper.tick([])
    assert [(r.action.kind, r.action.market) for r in report.results] == [(Kind.CHECKPOINT, 0b001)]
    assert world.plimsoll.oracle.last_good(0).price == 2_001 * WAD
    assert keeper.tick([]).results == []


def test_the_fund_collects_its_claims_and_covers_shortfalls(world: World) -> None:
    world.engine.set_allowance(0, 0)
    trader = world.actor("trader", 3_500)
    rival = world.actor("rival", 50_000)
    for market in (0, 1):
        world.trade("trader", "rival", market, 10)
    world.price(0, 1_300)
    world.price(1, 2_200)  # the trader's claim, for which market 1 has no cash yet
    keeper = world.keeper(policy=QUIET)
    report = keeper.tick([trader, rival])
    assert report.resolved == 2
    assert world.engine.fund_state()[1] > 0
    shortfall = world.engine.market_state(0).shortfall
    assert shortfall > 0

    world.engine.set_allowance(0, 10**6 * WAD)
    # both books have ended with the trader's positions: nothing in them is paid for a day (LED-8)
    world.mature()
    thawing = Policy(settle=False, checkpoint_age=10**12)
    report = world.keeper(policy=thawing).tick([])
    done = [(r.action.kind, r.action.market) for r in report.results if r.outcome is Outcome.DONE]
    assert [market for kind, market in done if kind is Kind.THAW] == [0, 1]
    assert done[-1] == (Kind.COVER, 0)
    world.engine.settle(rival)  # brings market 1 its cash
    policy = Policy(upkeep=False, checkpoint_age=10**12)
    report = world.keeper(policy=policy).tick([])
    assert [(r.action.kind, r.outcome) for r in report.results] == [(Kind.SETTLE, Outcome.DONE)]
    assert world.engine.fund_state()[1] == 0
    assert world.engine.market_state(0).shortfall < shortfall


def test_a_dry_run_sends_nothing(world: World, crash: Any) -> None:
    trader = crash(health=0.9)
    world.actor("keeper", 100_000)
    before = world.health(trader)
    report = world.keeper(dry_run=True).tick([trader])
    assert [r.outcome for r in report.results] == [Outcome.PLANNED]
    assert world.health(trader) == before


def test_without_an_account_every_tick_is_a_dry_run(world: World, crash: Any) -> None:
    trader = crash(health=-0.2)
    report = Keeper(world.plimsoll, None, None, QUIET).tick([trader])
    assert [r.outcome for r in report.results] == [Outcome.PLANNED]


def test_no_list_and_no_watcher(world: World) -> None:
    with pytest.raises(KeeperError, match="give tick"):
        world.keeper().tick()


def test_the_keepers_own_account_in_trouble(world: World) -> None:
    keeper = world.actor("keeper", 2_000)
    world.actor("rival", 1_000_000)
    world.trade("keeper", "rival", 0, 10)
    world.price(0, 1_700)
    report = world.keeper().tick([keeper])
    assert report.resolved == 1
    assert world.engine.wallet(keeper + 1)[0] == report.rewards > 0


@pytest.mark.parametrize("health", [0.95, 0.6, 0.3, 0.05])
@pytest.mark.parametrize("markets", [1, 3])
def test_the_slices_are_the_lenss(world: World, crash: Any, health: float, markets: int) -> None:
    """The keeper's arithmetic and the contracts' are written apart and agree to the wei."""
    trader = crash(health=health, quote=5_500, size=30, markets=markets)
    reader = world.keeper().reader
    subject = reader.holding(reader.row(trader))
    views, risk = reader.markets(), reader.risk()
    for market, quote in reader.quotes(subject).items():
        case = Case(subject, views[market], risk)
        told = world.plimsoll.lens.takeover_quote(trader, market)
        assert case.rate == told.rate
        assert case.slice_at(case.whole, case.price) == quote.size > 0
        assert case.penalty(quote.size) == quote.penalty
        assert case.maintenance_with(case.whole - quote.size) == told.maintenance_after
        assert case.equity_after(quote.size, case.price) == told.equity_after


@pytest.mark.parametrize("seed", range(12))
def test_hedged_slices_are_the_lenss_and_the_engine_takes_them(world: World, seed: int) -> None:
    draw = random.Random(seed)
    rho = [[10**4 * (m == n) for n in range(16)] for m in range(16)]
    rho[0][1] = rho[1][0] = 9_000
    write_correlations(world.chain, world.plimsoll.risk, rho)
    trader = world.actor("trader", draw.randint(100, 600))
    world.actor("rival", 10**7)
    for market in range(MARKETS):
        size = draw.choice((0.1, 1, 5, 20)) * draw.uniform(0.5, 1)
        pair = ("trader", "rival") if market != 1 else ("rival", "trader")
        for part in (1, 0.3, 0.1, 0.03):
            with contextlib.suppress(Refused):
                world.trade(*pair, market, size * part)
                break
    for _ in range(2_000):
        row = world.health(trader)
        if 0 < row.equity < row.maintenance:
            break
        market = draw.randrange(MARKETS)
        price = world.plimsoll.oracle.quote(market)[0] / WAD
        # against the trader while it is healthy, for it once it is bankrupt
        up = (world.engine.position(trader, market).size > 0) == (row.equity <= 0)
        world.price(market, price * (1.001 if up else 0.9993))
    else:
        pytest.fail(f"never in between: {row}")
    keeper = world.keeper()
    world.actor("keeper", 10**7)
    subject = keeper.reader.holding(keeper.reader.row(trader))
    views, risk = keeper.reader.markets(), keeper.reader.risk()
    for market, quote in keeper.reader.quotes(subject).items():
        case = Case(subject, views[market], risk)
        assert case.slice_at(case.whole, case.price) == quote.size
    report = keeper.tick([trader])
    assert {r.outcome for r in report.results} <= {Outcome.DONE}
    row = world.health(trader)
    assert row.equity >= row.maintenance or report.left


def test_own_capacity_is_the_engines(world: World, crash: Any) -> None:
    """One wei more than the keeper thinks its margin allows is refused."""
    trader = crash(health=0.3)
    keeper = world.actor("keeper", 300)
    reader = world.keeper().reader
    views, risk = reader.markets(), reader.risk()
    held = reader.holding(reader.row(keeper))
    q = own_capacity(held, views[0], 10 * WAD, risk, 0)
    assert 0 < q < 10 * WAD
    who = world.chain.account("keeper")
    # the liquidator's part of the penalty comes on top: without it the bound would be exact
    with pytest.raises(Refused, match="below initial margin"):
        world.engine.takeover(trader, 0, q * 11 // 10, keeper, sender=who)
    world.engine.takeover(trader, 0, q, keeper, sender=who)


def test_an_idle_tick_is_one_call_and_quick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [world.actor(f"trader {n}", 100 + n) for n in range(200)]
    keeper = world.keeper()
    keeper.tick(accounts)
    spent: list[float] = []
    real = world.chain.execute

    def timed(*args: Any, **more: Any) -> Any:
        started = time.perf_counter()
        try:
            return real(*args, **more)
        finally:
            spent.append(time.perf_counter() - started)

    monkeypatch.setattr(world.chain, "execute", timed)
    rest = []
    for _ in range(10):
        spent.clear()
        started = time.perf_counter()
        keeper.tick(accounts)
        rest.append(time.perf_counter() - started - sum(spent))
        assert len(spent) == 1
    assert min(rest) < 0.01


def test_rows_are_the_same_either_way(world: World, crash: Any) -> None:
    accounts = [crash(health=-0.5), account_id(world.chain.account("rival")), 1, 2, 3]
    reader = world.keeper().reader
    assert reader._rows is not None
    quick = reader.rows(accounts)
    reader._rows = None
    assert reader.rows(accounts) == quick
    assert quick[0].equity < 0
    assert quick[0].is_bankrupt


def test_pages(world: World) -> None:
    accounts = [n << 96 for n in range(1, 1_202)]
    rows = world.keeper().reader.rows(accounts)
    assert [row.account for row in rows] == accounts


# ---- collateral (LIQ-7) --------------------------------------------------------------------------


def pledge(world: World, name: str, tokens: float) -> None:
    """The actor's account has so much more of C0."""
    who, units = world.chain.account(name), int(tokens * WAD)
    world.plimsoll.mint_collateral("C0", who, units)
    world.plimsoll.approve_vault("C0", sender=who)
    world.plimsoll.deposit_collateral(account_id(who), "C0", units, sender=who)


def wait(world: World, seconds: int, *prices: float) -> None:
    """Time goes on, and the feeds answer again."""
    world.chain.mine(1, seconds)
    for market, price in enumerate(prices):
        world.price(market, price)


def buyer(world: World, quote: int, **more: Any) -> Keeper:
    """A keeper with so much in its wallet, all of which it may spend on collateral."""
    who = world.chain.account("keeper")
    world.plimsoll.token.mint(who.address, quote * UNITS)
    policy = Policy(
        upkeep=False,
        settle=False,
        chores_every=10**9,
        checkpoint_age=10**12,
        buy_collateral=quote * WAD,
        **more,
    )
    return world.keeper(policy=policy)


@pytest.fixture
def pledged(world: World) -> int:
    """Long 10 of market 0 on 500 of cash and two C0, which count for 3,600."""
    trader = world.actor("trader", 500)
    world.actor("rival", 1_000_000)
    pledge(world, "trader", 2)
    world.trade("trader", "rival", 0, 10)
    assert world.health(trader).collateral == 3_600 * WAD
    return trader


def called(world: World, trader: int) -> None:
    """At 1,678 it is below its margin; its cure window has passed."""
    world.price(0, 1_678)
    world.sync()
    world.call(trader)
    row = world.health(trader)
    assert 7 * row.maintenance < 10 * row.equity < 10 * row.maintenance
    wait(world, 0, 1_678, PRICE, PRICE)


def test_liq_7_collateral_is_put_up_and_bought_when_the_discount_is_worth_it(
    world: World, pledged: int
) -> None:
    """The discount begins below the 1 % that the keeper wants, and grows with time. What is bought
    brings the account above its margin; the rest stays the owner's."""
    called(world, pledged)
    keeper = buyer(world, 10_000)
    report = keeper.tick([pledged])
    # it owes more than its cash, too
    assert [r.action.kind for r in report.results] == [Kind.OPEN_SALE, Kind.NOTE]
    assert (report.sales, report.noted, report.bought) == (1, 1, 0)
    assert keeper.tick([pledged]).results == []  # open already
    wait(world, 120, 1_678, PRICE, PRICE)
    before = world.health(pledged)
    report = keeper.tick([pledged])
    assert (report.bought, report.failed) == (1, 0)
    row = world.health(pledged)
    assert row.equity >= row.maintenance
    assert row.equity > before.equity
    token = world.plimsoll.collateral["C0"].token
    who = world.chain.account("keeper").address
    bought = token.balanceOf(who)
    (left,) = world.plimsoll.collateral_of(pledged)
    assert bought + left.amount == 2 * WAD
    assert left.amount > 0
    spent = 10_000 * WAD - world.plimsoll.token.balanceOf(who) * 10**12
    assert report.spent == keeper.spent == spent
    assert spent < bought * PRICE * 99 // 100
    assert world.plimsoll.token.allowance(who, world.plimsoll.vault.address) == 0
    assert keeper.tick([pledged]).results == []


def test_liq_7_no_budget_no_purchase(world: World, pledged: int) -> None:
    """A keeper that was given no budget opens the sale and spends nothing."""
    called(world, pledged)
    who = world.chain.account("keeper").address
    world.plimsoll.token.mint(who, 10_000 * UNITS)
    keeper = world.keeper()
    for _ in range(3):
        assert keeper.tick([pledged]).bought == 0
        wait(world, 300, 1_678, PRICE, PRICE)
    assert world.plimsoll.token.balanceOf(who) == 10_000 * UNITS
    assert keeper.spent == 0


def test_liq_7_budget_is_for_the_keepers_life(world: World, pledged: int) -> None:
    called(world, pledged)
    keeper = buyer(world, 300)
    keeper.tick([pledged])
    world.plimsoll.token.mint(world.chain.account("keeper").address, 10_000 * UNITS)
    for _ in range(3):
        wait(world, 300, 1_678, PRICE, PRICE)
        keeper.tick([pledged])
    assert 299 * WAD < keeper.spent <= 300 * WAD


def test_liq_7_somebody_else_bought_first(
    world: World, pledged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the keeper saw is gone when it sends: nothing failed, and it goes on."""
    called(world, pledged)
    keeper = buyer(world, 10_000)
    keeper.tick([pledged])
    wait(world, 300, 1_678, PRICE, PRICE)
    seen = keeper.reader.sale(pledged)
    rival = world.chain.account("rival")
    world.plimsoll.token.mint(rival.address, 10_000 * UNITS)
    world.plimsoll.approve_vault(sender=rival)
    units = seen.pledges[0].amount // 2
    world.plimsoll.buy_collateral(pledged, "C0", units, 10_000 * UNITS, sender=rival)
    monkeypatch.setattr(keeper.reader, "sale", lambda account: seen)
    report = keeper.tick([pledged])
    assert {r.outcome for r in report.results if r.action.kind is Kind.BUY} <= {Outcome.MOOT}
    assert report.ok
    result = keeper.sender.send(
        decide.plan_purchases(
            keeper.reader.row(pledged), seen, 10_000 * UNITS, 10**12, keeper.policy
        ).actions[0]
    )
    assert result.outcome is Outcome.MOOT
    assert result.detail.startswith("vault: ")


def test_liq_7_seized_before_it_is_resolved_and_bought_of_the_fund(
    world: World, pledged: int
) -> None:
    world.price(0, 1_560)
    keeper = world.keeper()
    report = keeper.tick([pledged])
    assert [r.action.kind for r in report.results] == [Kind.OPEN_SALE]
    assert report.left[0].reason.endswith("its collateral is for sale for 600 s more")
    assert report.ok
    wait(world, 599, 1_560, PRICE, PRICE)
    assert keeper.tick([pledged]).results == []
    wait(world, 1, 1_560, PRICE, PRICE)
    report = keeper.tick([pledged])
    assert [(r.action.kind, r.outcome) for r in report.results] == [
        (Kind.SEIZE, Outcome.DONE),
        (Kind.RESOLVE, Outcome.DONE),
    ]
    assert (report.seized, report.resolved) == (1, 1)
    assert world.plimsoll.collateral_of(1)[0].amount == 2 * WAD
    # it is anybody's for the price less the haircut
    cash = world.engine.fund_state()[0]
    report = buyer(world, 10_000).tick([])
    assert (report.bought, report.spent) == (1, 3_600 * WAD)
    assert world.engine.fund_state()[0] - cash == 3_600 * WAD
    assert world.plimsoll.collateral_of(1) == []


def test_liq_7_bankrupt_accounts_collateral_without_a_price_is_seized_in_its_time(
    world: World, pledged: int
) -> None:
    """Nobody can buy it; ten minutes after its sale was opened it goes all the same."""
    world.chain.mine(1, 3_601)
    world.price(0, 1_560)
    keeper = world.keeper()
    report = keeper.tick([pledged])
    assert [r.action.kind for r in report.results] == [Kind.OPEN_SALE]
    assert [left.account for left in report.left] == [pledged]
    world.chain.mine(1, 600)
    world.price(0, 1_560)
    report = keeper.tick([pledged])
    assert [r.action.kind for r in report.results][-2:] == [Kind.SEIZE, Kind.RESOLVE]
    assert {r.outcome for r in report.results} == {Outcome.DONE}


def test_liq_7_overdue_arrears_are_noted_sold_for_and_paid(world: World) -> None:
    """The account is well above its margin, but its cash does not pay what it owes."""
    trader = world.actor("trader", 110)
    world.actor("rival", 1_000_000)
    pledge(world, "trader", 1)
    world.trade("trader", "rival", 0, 10)  # a fee of 10
    world.price(0, PRICE - 30)
    policy = Policy(upkeep=False, chores_every=10**9, checkpoint_age=10**12)
    report = world.keeper(policy=policy).tick([trader])
    assert [r.action.kind for r in report.results] == [Kind.SETTLE, Kind.NOTE]
    assert report.noted == 1
    assert world.engine.wallet(trader).since == world.chain.timestamp
    wait(world, 3_599, PRICE - 30, PRICE, PRICE)
    keeper = buyer(world, 10_000)
    assert keeper.tick([trader]).results == []
    wait(world, 61, PRICE - 30, PRICE, PRICE)
    report = keeper.tick([trader])
    assert (report.bought, report.failed) == (1, 0)
    assert 200 * WAD <= report.spent <= 200 * WAD + 10**12
    wallet = world.engine.wallet(trader)
    assert (wallet.since, wallet.cash) == (0, report.spent - 200 * WAD)
    assert keeper.tick([trader]).results == []


def test_liq_7_overdue_arrears_are_cleared_against_claims(world: World) -> None:
    """It owes in one market and is owed in the other, where nobody pays: after a day the fund has
    the claim, and pays the shortfall that took the place of the arrears."""
    trader = world.actor("trader", 3_300)
    world.actor("rival", 1_000_000)
    for market in (0, 1):
        world.trade("trader", "rival", market, 10)
    world.price(0, 1_600)
    world.price(1, 2_450)
    keeper = world.keeper(policy=Policy(upkeep=False, chores_every=10**9, checkpoint_age=10**12))
    report = keeper.tick([trader])
    assert [r.action.kind for r in report.results] == [Kind.SETTLE, Kind.NOTE]
    arrears = -world.engine.position(trader, 0).pnl
    assert arrears > 700 * WAD
    cash, claims, _ = world.engine.fund_state()
    wait(world, 86_400, 1_600, 2_450, PRICE)
    report = keeper.tick([trader])
    assert (report.cleared, report.failed) == (1, 0)
    # the dust buffer of market 1 has paid a little of the claim in cash
    cleared = world.engine.fund_state()[1] - claims
    assert arrears - WAD < cleared <= arrears
    # the same tick lets the fund pay the shortfall
    assert cash - world.engine.fund_state()[0] == cleared
    assert world.engine.position(trader, 0).pnl == 0
    assert world.engine.wallet(trader).since == 0
    assert keeper.tick([trader]).results == []
