"""An engine whose fund is under test: tokens of any kind, fees, and real losses by a crash."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from plimsoll.evm import Account, Artifact, Chain, Handle, load

WAD = 10**18
VIRTUAL = 10**12
NOTICE = 7 * 86_400
START_PRICE = 2_000
MARKETS = 2
# sigma, f, g, lambda, depth, c, penalty_cap, share
RISK = (2 * 10**10, 5 * 10**10, 2 * 10**10, 10**10, 10**9, 10**6, 2 * 10**10, 5 * 10**12)
# oi_cap, min and max notional, band, penalty_min, penalty_max, maker_fee, taker_fee, reduce_only,
# takeover_share
CONFIG = (10**20, 10 * WAD, 10**8 * WAD, 2_000, 500, 1_500, 0, 1_000, False, 0)


def account_id(owner: Account, index: int = 0) -> int:
    """The account `index` of an owner."""
    return int(owner.address, 16) << 96 | index


def ceil_div(n: int, d: int) -> int:
    """n / d, rounded up."""
    return -(-n // d)


@dataclass(frozen=True)
class Books:
    """LIQ-8 in plain integers, on its own: what the fund's conversions have to give."""

    cash: int  # WAD
    claims: int  # WAD
    shortfall: int  # WAD
    supply: int
    scale: int

    @property
    def free(self) -> int:
        return max(0, self.cash - self.shortfall)

    def shares_for(self, assets: int) -> int:
        """Shares that a deposit makes: rounded down."""
        full = self.cash + self.claims
        return assets * self.scale * (self.supply + VIRTUAL) // (full + VIRTUAL)

    def cost_of(self, shares: int) -> int:
        """Token units that shares cost: rounded up, to wad and to units."""
        full = self.cash + self.claims
        return ceil_div(ceil_div(shares * (full + VIRTUAL), self.supply + VIRTUAL), self.scale)

    def worth_of(self, shares: int) -> int:
        """Token units that shares bring: rounded down, to wad and to units."""
        wad = shares * (self.free + VIRTUAL) // (self.supply + VIRTUAL)
        return min(wad, self.free) // self.scale

    def shares_of(self, assets: int) -> int:
        """Shares that a withdrawal burns: rounded up."""
        return ceil_div(assets * self.scale * (self.supply + VIRTUAL), self.free + VIRTUAL)


@dataclass
class World:
    """Everything deployed around one quote token. Amounts in whole quote unless said."""

    decimals: int = 6
    kind: str = "TestToken"
    token_args: tuple[int, ...] = ()
    fork: str = "cancun"  # what the contracts are compiled for
    chain: Chain = field(default_factory=Chain)
    salt: int = 0

    def __post_init__(self) -> None:
        chain = self.chain
        self.unit = 10**self.decimals
        self.config = CONFIG
        self.scale = 10 ** (18 - self.decimals)
        self.token = chain.deploy(self.load(self.kind), self.decimals, *self.token_args)
        self.oracle = chain.deploy(self.load("PriceOracle"))
        self.risk = chain.deploy(self.load("RiskModel"), self.oracle, 3 * WAD, 3 * WAD // 2)
        self.engine = self.new_engine(self.token, self.decimals)
        self.fund = self.new_fund(self.engine)
        self.engine.set_fund(self.fund)
        self.feeds: list[Handle] = []
        self.prices: dict[int, int] = {}
        for market in range(MARKETS):
            self.feeds.append(chain.deploy(self.load("MockAggregator"), 8, START_PRICE * 10**8))
            self.oracle.set_feed(market, self.feeds[market], 3_600, 10**10, 78)
            self.risk.set_market(market, RISK)
        # so that figures in the tests are those of the losses alone
        self.engine.set_reward((0, 0, 0, 0, 0, 3_600))

    def load(self, name: str) -> Artifact:
        """A contract, compiled for the fork."""
        return load(name, self.fork)

    def new_engine(self, token: Handle, decimals: int) -> Handle:
        """Another engine on the same oracle and risk model."""
        common = (token, decimals, self.oracle, self.risk)
        admin = self.chain.deploy(self.load("MarginEngineAdmin"), *common)
        behind = self.chain.deploy(
            self.load("MarginEngineLiquidation"), self.oracle, self.risk, admin
        )
        behind = self.chain.deploy(
            self.load("MarginEngineSettlement"), self.oracle, self.risk, behind
        )
        extension = self.chain.deploy(self.load("MarginEngineExt"), *common, behind)
        root = self.chain.deploy(self.load("MarginEngine"), self.oracle, self.risk, extension)
        parts = (
            self.load(f"MarginEngine{part}")
            for part in ("", "Ext", "Settlement", "Liquidation", "Admin")
        )
        return self.chain.at(root.address, *parts)

    def new_fund(self, engine: Handle) -> Handle:
        """A fund over an engine that does not know it yet."""
        return self.chain.deploy(
            self.load("InsuranceFund"), engine, "Plimsoll fund", "pFUND", NOTICE
        )

    def actor(self, name: str, quote: int = 0) -> Account:
        """An actor with tokens that the engine and the fund may take."""
        who = self.chain.account(name)
        self.token.mint(who, quote * self.unit)
        self.token.approve(self.engine, 2**256 - 1, sender=who)
        self.token.approve(self.fund, 2**256 - 1, sender=who)
        return who

    def books(self) -> Books:
        """What the fund's conversions have to stand on now."""
        return Books(*self.engine.fund_state(), self.fund.totalSupply(), self.scale)

    def list_markets(self, allowance: int) -> None:
        """List all markets; the fund gives their buffers and may pay `allowance` a day for each."""
        for market in range(MARKETS):
            self.engine.list_market(market, CONFIG, allowance * WAD)

    def price(self, market: int, price: int) -> None:
        """The feed of `market` answers `price` from now on."""
        self.prices[market] = price
        self.feeds[market].set_answer(price * 10**8)

    def wait(self, seconds: int) -> None:
        """Let time pass; the feeds answer what they did."""
        self.chain.mine(1, seconds)
        for market in range(MARKETS):
            self.price(market, self.prices.get(market, START_PRICE))

    def ask(self, who: Account, shares: int | None = None) -> int:
        """Ask to redeem shares, all there are by default, and wait for the window."""
        wanted = self.fund.balanceOf(who) if shares is None else shares
        self.fund.request_redeem(wanted, who, sender=who)
        self.wait(NOTICE)
        return int(wanted)

    def open_account(self, name: str, quote: int) -> int:
        """The first account of a new actor, with cash."""
        owner = self.actor(name, quote)
        self.engine.deposit(account_id(owner), quote * self.unit, sender=owner)
        return account_id(owner)

    def trade(self, buyer: str, seller: str, market: int, size: int) -> None:
        """The buyer takes `size` (WAD) from the seller's order at the mark and pays the fee."""
        self.salt += 1
        maker, taker = self.chain.account(seller), self.chain.account(buyer)
        mark = self.oracle.quote(market)[0]
        order = (account_id(maker), market, -size, mark, 2**40, self.salt, False, bytes(20))
        signature = maker.sign_hash(self.engine.order_hash(order))
        self.engine.fill(order, signature, account_id(taker), size, sender=taker)

    def crash(self, size: int = 2, cash: int = 1_000, to: int = 1_000) -> int:
        """A trader's long of `size` in market 0 goes bankrupt at the price `to` and is resolved.

        Returns what the fund paid, in WAD.
        """
        trader = self.open_account("trader", cash)
        self.open_account("counterparty", 1_000_000)
        keeper = account_id(self.actor("keeper"))
        self.trade("trader", "counterparty", 0, size * WAD)
        self.price(0, to)
        resolved = self.engine.resolve(trader, 0, keeper).event("Resolved")
        return int(resolved.paid)

    def assign_claims(self) -> int:
        """A bankrupt account's profit of 300 in market 1 goes to the fund for arrears in market 0.

        Returns who has to pay it.
        """
        trader = self.open_account("trader", 1_000)
        counterparty = self.open_account("counterparty", 1_000_000)
        self.trade("trader", "counterparty", 0, 2 * WAD)
        self.trade("trader", "counterparty", 1, WAD)
        self.price(0, 900)
        self.price(1, 2_300)
        self.engine.resolve(trader, 0, account_id(self.actor("keeper")))
        return counterparty


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World


@pytest.fixture(params=[2, 6, 8, 18])
def any_world(request: pytest.FixtureRequest) -> World:
    """A world without depositors, for each number of decimals."""
    return World(decimals=request.param)


@pytest.fixture
def world() -> World:
    """A world of 6 decimals without depositors."""
    return World()


@pytest.fixture
def backer(world: World) -> Account:
    return world.actor("backer", 1_000_000)


@pytest.fixture
def funded(world: World, backer: Account) -> World:
    """The backer has put 100,000 in; the markets are listed, with an allowance of 10,000 each."""
    world.fund.deposit(100_000 * world.unit, backer, sender=backer)
    world.list_markets(10_000)
    return world
