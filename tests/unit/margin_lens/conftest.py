"""An engine with its fund, its lens and listed markets; shorthand for prices, orders and trades."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from eth_utils.crypto import keccak

from plimsoll.evm import Account, Chain, Handle, load

WAD = 10**18
UNITS = 10**6  # token units in a quote token of 6 decimals
FUND, TREASURY = 1, 2
MARKETS = 4
START_PRICE = 2_000
# sigma, f, g, lambda, depth, c, penalty_cap, share
RISK = (2 * 10**10, 5 * 10**10, 2 * 10**10, 10**10, 10**9, 10**6, 2 * 10**10, 5 * 10**12)
# oi_cap, min and max notional, band, penalty_min and _max, maker_fee, taker_fee, reduce_only,
# takeover_share
CONFIG = (10**24, 10 * WAD, 10**8 * WAD, 2_000, 500, 1_500, 200, 500, False, 0)
NOTICE = 7 * 86_400
# minimum, cap, gas_units, premium, native_price, interval
REWARD = (WAD, 50 * WAD, 300_000, 1_000, 3_000 * WAD, 3_600)


def account_id(owner: Account, index: int = 0) -> int:
    """The account `index` of an owner."""
    return int(owner.address, 16) << 96 | index


@dataclass
class World:
    """Everything deployed, on one chain."""

    chain: Chain = field(default_factory=Chain)
    salt: int = 0

    def __post_init__(self) -> None:
        chain = self.chain
        self.token = chain.deploy(load("TestToken"), 6)
        self.oracle = chain.deploy(load("PriceOracle"))
        self.risk = chain.deploy(load("RiskModel"), self.oracle, 3 * WAD, 3 * WAD // 2)
        self.engine = self.new_engine()
        self.fund = chain.deploy(
            load("InsuranceFund"), self.engine, "Plimsoll fund", "pFUND", NOTICE
        )
        self.engine.set_fund(self.fund)
        self.lens = chain.deploy(load("MarginLens"), self.engine)
        self.feeds: list[Handle] = []
        for market in range(MARKETS):
            feed = chain.deploy(load("MockAggregator"), 8, START_PRICE * 10**8)
            proxy = chain.deploy(load("FeedProxy"), feed)
            self.feeds.append(feed)
            self.oracle.set_feed(market, proxy, 3_600, 10**10, 78)
            self.risk.set_market(market, RISK)
        self.backer = self.actor("backer", 1_000_000)
        self.token.approve(self.fund, 2**256 - 1, sender=self.backer)
        self.fund.deposit(1_000_000 * UNITS, self.backer, sender=self.backer)
        for market in range(MARKETS):
            self.engine.list_market(market, CONFIG, 10**6 * WAD)
        self.engine.set_reward(REWARD)
        self.maker = self.actor("maker", 10**9)
        self.maker_account = self.open_account(self.maker, 0, 10**8)

    def new_engine(self) -> Handle:
        """An engine of its five code contracts: one address, one ABI."""
        chain, common = self.chain, (self.token, 6, self.oracle, self.risk)
        admin = chain.deploy(load("MarginEngineAdmin"), *common)
        behind = chain.deploy(load("MarginEngineLiquidation"), self.oracle, self.risk, admin)
        behind = chain.deploy(load("MarginEngineSettlement"), self.oracle, self.risk, behind)
        extension = chain.deploy(load("MarginEngineExt"), *common, behind)
        root = chain.deploy(load("MarginEngine"), self.oracle, self.risk, extension)
        return chain.at(
            root.address,
            *(
                load(f"MarginEngine{part}")
                for part in ("", "Ext", "Settlement", "Liquidation", "Admin")
            ),
        )

    def actor(self, name: str, quote: int = 0) -> Account:
        """An actor with tokens that the engine may take."""
        who = self.chain.account(name)
        self.token.mint(who, quote * UNITS)
        self.token.approve(self.engine, 2**256 - 1, sender=who)
        return who

    def open_account(self, owner: Account, index: int, quote: int) -> int:
        """An account with `quote` whole quote units of cash."""
        account = account_id(owner, index)
        if quote:
            self.engine.deposit(account, quote * UNITS, sender=owner)
        return account

    def pledge(self, owner: Account, account: int, units: int) -> Handle:
        """A vault with a token at market 1's price and a tenth off; the account has some."""
        vault = self.chain.deploy(load("CollateralVault"), self.engine)
        self.engine.set_vault(vault)
        token = self.chain.deploy(load("TestToken"), 18)
        vault.list_token(token, 1, 10_000, 10**6 * WAD)
        token.mint(owner, units)
        token.approve(vault, units, sender=owner)
        vault.deposit(account, token, units, sender=owner)
        return vault

    def actor_account(self, name: str) -> int:
        """The first account of an actor, without cash."""
        return account_id(self.chain.account(name))

    def price(self, market: int, price: float) -> None:
        """The feed of `market` answers `price` (whole quote) from now on."""
        self.feeds[market].set_answer(round(price * 10**8))

    def trade(
        self, owner: Account, account: int, market: int, size: int, price: int | None = None
    ) -> None:
        """The account trades `size` (WAD, signed) with the maker, at the mark or at `price`."""
        self.salt += 1
        mark = self.oracle.quote(market)[0] if price is None else price
        order = (self.maker_account, market, -size, mark, 2**40, self.salt, False, bytes(20))
        signature = self.maker.sign_hash(self.engine.order_hash(order))
        self.engine.fill(order, signature, account, abs(size), sender=owner)

    def called(self, account: int) -> None:
        """The account was called and its cure window is over (LIQ-1), past the rules."""
        base = load("MarginEngine").layout["storage_layout"]["ledger"]["wallets"]["slot"]
        slot = int.from_bytes(keccak(base.to_bytes(32, "big") + account.to_bytes(32, "big")), "big")
        word = self.chain.storage(self.engine, slot) & ~((2**32 - 1) << 208)
        self.chain.set_storage(self.engine, slot, word | self.chain.timestamp << 208)

    def allowed(self, account: int, market: int, size: int, owner: Account, taker: int) -> str:
        """What the engine says to a takeover; "" when it goes through. Nothing stays."""
        try:
            self.engine.takeover.call(account, market, size, taker, sender=owner)
        except Exception as error:  # noqa: BLE001, the reason is what is asked for
            return getattr(error, "reason", repr(error))
        return ""


@pytest.fixture(scope="package")
def built() -> World:
    return World()


@pytest.fixture
def world(built: World) -> Iterator[World]:
    salt = built.salt
    with built.chain.anchor():
        yield built
    built.salt = salt


@pytest.fixture
def trader(world: World) -> Account:
    return world.actor("trader", 10**7)


@pytest.fixture
def liquidator(world: World) -> Account:
    return world.actor("liquidator", 10**8)
