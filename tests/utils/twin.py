"""The contracts and the reference model side by side.

`Twin` gives both the same calls, times and prices and compares after each call: whether it was
taken, every account, every market, the tokens, the fund's shares, all to the wei. It also checks
LED-5 on the chain's numbers alone. The model never gets a number that came out of a contract.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coincurve
from eth_utils.crypto import keccak

from plimsoll.evm import Account, Chain, Handle, Receipt, Revert, load
from plimsoll.protocol.orders import Domain
from plimsoll.protocol.orders import Order as SignableOrder
from plimsoll.reference import Config, Model, Order, Refused, Reward, Risk
from plimsoll.reference.margin import pack_rows
from plimsoll.reference.numbers import CANCELLED, FUND, TREASURY, WAD
from plimsoll.reference.state import Market
from tests.utils.follower import Follower

NO_SIGNATURE = bytes(65)
ENGINE_ROOTS = (
    "MarginEngine",
    "MarginEngineExt",
    "MarginEngineSettlement",
    "MarginEngineLiquidation",
    "MarginEngineAdmin",
)
Matrix = Sequence[Sequence[int]]
Leg = tuple[int, int, int, int, int, int, int]
#: what writes words that a market's cached state does not watch: windows, frozen books, closing K
WATERFALL = frozenset({"takeover", "takeover_by_order", "resolve", "thaw", "delist", "delist_at"})
EXTRA = (  # what `market_extra` returns
    *("premium", "folded", "bucket", "sync mark", "width", "wait"),
    *("window taken", "window start", "frozen until", "frozen epoch", "left long", "left short"),
)


class Mismatch(AssertionError):  # noqa: N818, it is read as "a mismatch was found"
    """The contracts and the model differ, or an identity is broken. `trace` leads to it."""

    def __init__(self, step: str, differences: Sequence[str], trace: list[Any]) -> None:
        self.differences = list(differences)
        self.trace = trace
        super().__init__(f"after {step}: " + "; ".join(self.differences))


@dataclass(frozen=True)
class Listing:
    """A market to list. Prices in WAD; the feed's answers have `decimals`."""

    price: int
    risk: Risk
    config: Config
    decimals: int = 8
    heartbeat: int = 3_600
    ceiling: int = 80
    allowance: int = 10_000 * WAD
    divergence: int = 0  # 1e-9, of a reference feed of 18 decimals; 0: the market has none


@dataclass(frozen=True)
class Pledge:
    """A collateral token to list in the vault, priced by a market of the world."""

    market: int
    decimals: int
    haircut: int  # 1e5
    cap: int  # WAD


@dataclass(frozen=True)
class World:
    """What a twin is set up with."""

    listings: Sequence[Listing]
    matrix: Matrix | None = None
    z: int = 3 * WAD
    kappa: int = 3 * WAD // 2
    reward: Reward = Reward(300_000, 3_000 * WAD, 1_000, WAD, 50 * WAD, 600)  # noqa: RUF009
    decimals: int = 6
    fund: int = 1_000_000  # whole quote that the backer brings
    wealth: int = 20_000  # whole quote that a trader of a scenario begins with
    grace: int = 0  # seconds, of a sequencer feed; 0: there is none
    notice: int = 7_200  # seconds from a request to redeem to its window
    pledges: Sequence[Pledge] = ()


@dataclass
class Wallet:
    """An account as the engine's views tell it: cash, held markets, time of the last reward,
    deadline, lock, debt, whether it has collateral, since when arrears are noted, and per market
    (pnl, basis, A_snap, K_snap, epoch, reserve fraction, time); the size is compared now and
    then."""

    cash: int
    held: int
    rewarded_at: int
    deadline: int
    locked: bool
    debt: int
    pledged: bool
    since: int
    legs: list[Leg]


@dataclass(frozen=True)
class Outcome:
    """How a call ended: the receipt, or the contract's and the model's reasons for a refusal."""

    receipt: Receipt | None
    value: Any = None
    reason: str = ""
    model_reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether both took it."""
        return self.receipt is not None


def slot_of(slot: int, *keys: int) -> int:
    """The storage slot of an entry of a (nested) mapping."""
    for key in keys:
        slot = int.from_bytes(keccak(slot.to_bytes(32, "big") + key.to_bytes(32, "big")), "big")
    return slot


class Twin:
    """Contracts on a chain of their own and a model. Actors are named; account ids are integers.

    Every method that is a step is kept in `trace` as (name, arguments), so that `replay` on another
    twin of the same world does the same.
    """

    def __init__(
        self,
        world: World,
        *,
        contracts_dir: Path | None = None,
        artifacts: Callable[[str], Any] | None = None,
        fork: str = "CANCUN",
        follow: bool = False,
    ) -> None:
        """Deploy. `artifacts` gives the compiled root of a name; by default those of
        `contracts_dir`, by default the project's own. With `follow`, what the events tell is
        compared with the storage as well."""
        self.world = world
        self.count = len(world.listings)
        self._load = artifacts or (lambda name: load(name, fork.lower(), contracts_dir))
        self.chain = Chain(fork=fork)
        self.calls: Counter[str] = Counter()
        self.trace: list[tuple[str, tuple[Any, ...]]] = []
        self.accounts: list[int] = [FUND, TREASURY]
        self.holders: list[str] = []
        self._slots: dict[int, tuple[int, ...]] = {}
        self._vault_slots: dict[int, tuple[int, int]] = {}
        self._actors: dict[str, Account] = {}
        self._keys: dict[str, coincurve.PrivateKey] = {}
        self._wallets: dict[int, tuple[tuple[int, ...], Wallet]] = {}
        self._markets: dict[int, tuple[tuple[int, ...], Any]] = {}
        self._closing: dict[tuple[int, int, bool], int] = {}
        self._digests: dict[Order, bytes] = {}
        self.follow = follow
        self._deploy()
        self._base = self._remember()

    # -- set-up ------------------------------------------------------------------------------------

    def _deploy(self) -> None:
        chain, world = self.chain, self.world
        self.owner = chain.account("owner")
        self.owner_address = self.owner.address

        def create(name: str, *args: Any) -> Handle:
            return chain.deploy(self._load(name), *args, sender=self.owner)

        self.token = create("TestToken", world.decimals)
        self.oracle = create("PriceOracle")
        self.risk = create("RiskModel", self.oracle, world.z, world.kappa)
        parts = (self.token, world.decimals, self.oracle, self.risk)
        admin = create("MarginEngineAdmin", *parts)
        liquidation = create("MarginEngineLiquidation", self.oracle, self.risk, admin)
        settlement = create("MarginEngineSettlement", self.oracle, self.risk, liquidation)
        extension = create("MarginEngineExt", *parts, settlement)
        root = create("MarginEngine", self.oracle, self.risk, extension)
        self.engine = chain.at(root.address, *[self._load(name) for name in ENGINE_ROOTS])
        self.fund = create("InsuranceFund", self.engine, "Fund", "FND", world.notice)
        self.vault = create("CollateralVault", self.engine)
        self.pledges = [create("TestToken", pledge.decimals) for pledge in world.pledges]
        self.follower = Follower(self.engine.address)
        self.domain = Domain(chain.chain_id, self.engine.address)
        layout = self._load("MarginEngine").layout["storage_layout"]["ledger"]
        self._at = {name: entry["slot"] for name, entry in layout.items()}
        balances = self._load("TestToken").layout["storage_layout"]["balanceOf"]["slot"]
        self._tokens_at = slot_of(balances, int(self.engine.address, 16))
        self._pledges_at = slot_of(balances, int(self.vault.address, 16))
        layout = self._load("CollateralVault").layout["storage_layout"]
        self._vault_at = {name: layout[name]["slot"] for name in ("units", "totals", "sales")}

        self.model = Model(
            self.owner_address,
            decimals=world.decimals,
            time=chain.timestamp,
            notice=world.notice,
        )
        self.feeds = [
            create("MockAggregator", listing.decimals, self._answer(listing, listing.price))
            for listing in world.listings
        ]
        self._tell_time()
        for market, listing in enumerate(world.listings):
            self.model.set_answer(market, self._on_grid(market, listing.price), chain.timestamp)
        self.references = {
            market: create("MockAggregator", 18, 1)
            for market, listing in enumerate(world.listings)
            if listing.divergence
        }
        self.ratios = dict.fromkeys(self.references, 10**9)
        self.uptime = create("MockAggregator", 0, 0)
        self.actor("backer")
        self.set_globals(world.z, world.kappa)
        self.set_fund()
        self.fund_deposit("backer", world.fund * 10**world.decimals, "backer")
        if world.matrix is not None:
            self.set_correlations(world.matrix)
        for market, listing in enumerate(world.listings):
            self.set_feed(market, listing.heartbeat, listing.risk.g, listing.ceiling)
            if listing.divergence:
                self.diverge(market, 10**9)
                self.set_reference(market, listing.heartbeat, listing.divergence)
            self.set_risk(market, listing.risk)
            self.list_market(market, listing.config, listing.allowance)
        self.model.quote = int(self.token.address, 16)
        self.set_vault()
        for token in range(len(world.pledges)):
            self.list_token(token)
        self.set_reward(world.reward)
        if world.grace:
            self.set_uptime("up")
            self.set_sequencer(world.grace)
        refused = [name for name in self.calls if name.endswith("refused")]
        if refused:
            raise ValueError(f"the world cannot be set up: {refused}")
        self.check_everything()

    def _remember(self) -> tuple[Any, ...]:
        return (
            self.chain.snapshot(),
            self.model.copy(),
            dict(self._actors),
            copy.deepcopy(self.follower),
            list(self.accounts),
            list(self.holders),
            dict(self._wallets),
            dict(self._markets),
            dict(self.ratios),
        )

    def restart(self) -> None:
        """Go back to the state after the set-up; counters go on."""
        snapshot, self.model, self._actors, self.follower, *kept = self._base
        self.accounts, self.holders, self._wallets, self._markets, self.ratios = kept
        self.chain.revert(snapshot)
        self._closing.clear()
        self._digests.clear()
        self.trace = []
        self._base = self._remember()

    def replay(self, trace: Sequence[tuple[str, tuple[Any, ...]]]) -> None:
        """Take the steps of another twin's trace."""
        for name, args in trace:
            getattr(self, name)(*args)

    # -- actors ------------------------------------------------------------------------------------

    def actor(self, name: str) -> Account:
        """The actor of this name, with tokens and approvals."""
        if name not in self._actors:
            who = self.chain.account(name)
            self._actors[name] = who
            self._keys[name] = coincurve.PrivateKey(bytes(who.key.key))
            self.token.mint(who, 2**160, sender=who)
            for spender in (self.engine, self.fund, self.vault):
                self.token.approve(spender, 2**256 - 1, sender=who)
            for token in self.pledges:
                token.mint(who, 2**160, sender=who)
                token.approve(self.vault, 2**256 - 1, sender=who)
        return self._actors[name]

    def account(self, name: str, index: int = 0) -> int:
        """The id of an actor's account."""
        account = int(self.actor(name).address, 16) << 96 | index
        self._know(account)
        return account

    def name_of(self, account: int) -> str:
        """The actor who owns an account."""
        return next(
            name for name, who in self._actors.items() if int(who.address, 16) == account >> 96
        )

    def _know(self, account: int) -> None:
        if account not in self.accounts:
            self.accounts.append(account)

    # -- time and prices ---------------------------------------------------------------------------

    def _answer(self, listing: Listing, price: int) -> int:
        return price // int(10 ** (18 - listing.decimals))

    def _on_grid(self, market: int, price: int) -> int:
        step = int(10 ** (18 - self.world.listings[market].decimals))
        return price // step * step

    def pass_time(self, seconds: int) -> None:
        """Go on by one block."""
        self.trace.append(("pass_time", (seconds,)))
        self.chain.mine(seconds=seconds)
        self._tell_time()

    def pass_blocks(self, blocks: int) -> None:
        """Go on by blocks of one moment."""
        self.trace.append(("pass_blocks", (blocks,)))
        self.chain.mine(blocks, seconds=0)
        self._tell_time()

    def _tell_time(self) -> None:
        self.model.set_time(self.chain.timestamp)
        self.model.set_block(self.chain.block_number)

    def set_basefee(self, wei: int) -> None:
        """The base fee of the blocks from now on."""
        self.trace.append(("set_basefee", (wei,)))
        self.chain.basefee = wei
        self.model.set_basefee(wei)

    def set_price(self, market: int, price: int, age: int = 0) -> None:
        """The feed answers `price` (WAD, rounded down to its decimals), `age` seconds old."""
        self.trace.append(("set_price", (market, price, age)))
        feed, listing = self.feeds[market], self.world.listings[market]
        feed.set_mode(0)
        feed.set_answer(self._answer(listing, price))
        time = self.chain.timestamp - age
        if age:
            feed.set_updated_at(time)
        self.model.set_answer(market, self._on_grid(market, price), time)
        if market in self.references:
            self._answer_reference(market, self._on_grid(market, price))

    def diverge(self, market: int, ratio: int) -> None:
        """The reference feed answers `ratio` (1e-9) times what the feed does, from now on."""
        self.trace.append(("diverge", (market, ratio)))
        self.ratios[market] = ratio
        answer = self.model.feeds[market].answer
        self._answer_reference(market, answer if answer is not None and answer > 0 else 0)

    def _answer_reference(self, market: int, price: int) -> None:
        answer = price * self.ratios[market] // 10**9
        self.references[market].set_answer(answer)
        self.model.set_reference_answer(market, answer, self.chain.timestamp)

    def break_reference(self, market: int, how: str) -> None:
        """The reference feed is of no use, until the next price: it reverts or is old."""
        self.trace.append(("break_reference", (market, how)))
        feed, now = self.references[market], self.chain.timestamp
        if how == "old":
            then = now - self.world.listings[market].heartbeat - 1
            feed.set_updated_at(then)
            self.model.set_reference_answer(market, self.model.references[market].answer, then)
        else:
            feed.set_answer(-1)
            self.model.set_reference_answer(market, None, now)

    def set_uptime(self, what: str) -> None:
        """What the sequencer's feed says: it is up, has been back for a second, is down, fails."""
        self.trace.append(("set_uptime", (what,)))
        now = self.chain.timestamp
        answer, since = {
            "up": (0, now - 100_000),
            "back": (0, now - 1),
            "down": (1, now - 100_000),
            "nonsense": (0, now + 1),
            "fails": (0, now - 100_000),
        }[what]
        self.uptime.set_mode(1 if what == "fails" else 0)
        self.uptime.set_round(1, answer, since, 1)
        self.model.set_sequencer_answer(None if what == "fails" else answer, since)

    def break_feed(self, market: int, how: str) -> None:
        """The feed is of no use: it reverts, answers too little, nothing, below zero, in an
        unfinished round or from nowhere in time."""
        self.trace.append(("break_feed", (market, how)))
        feed, now = self.feeds[market], self.chain.timestamp
        wrong: int | None = None
        if how == "reverts":
            feed.set_mode(1)
        elif how == "short":
            feed.set_mode(2)
        elif how in ("zero", "negative"):
            wrong = 0 if how == "zero" else -1
            feed.set_mode(0)
            feed.set_answer(wrong)
        elif how == "unfinished":
            feed.set_round(7, self._answer(self.world.listings[market], WAD), now, 6)
        else:
            raise ValueError(f"no such way to break a feed: {how}")
        self.model.set_answer(market, wrong, now)

    def checkpoint(self, who: str, mask: int) -> Outcome:
        """Store the prices of the feeds that are FRESH."""
        return self._do(
            "checkpoint",
            (who, mask),
            lambda: self.oracle.checkpoint(mask, sender=self.actor(who)),
            lambda: self.model.checkpoint(self._sender(who), mask),
        )

    # -- administration ----------------------------------------------------------------------------

    def set_feed(self, market: int, heartbeat: int, gap: int, ceiling: int) -> Outcome:
        """Give a market its feed."""
        feed = self.feeds[market]
        return self._do(
            "set_feed",
            (market, heartbeat, gap, ceiling),
            lambda: self.oracle.set_feed(market, feed, heartbeat, gap, ceiling, sender=self.owner),
            lambda: self.model.set_feed(self.owner_address, market, heartbeat, gap, ceiling),
        )

    def set_reference(self, market: int, heartbeat: int, divergence: int) -> Outcome:
        """Give a market a reference feed; all zero takes it away."""
        feed = self.references[market].address if heartbeat else "0x" + "00" * 20
        return self._do(
            "set_reference",
            (market, heartbeat, divergence),
            lambda: self.oracle.set_reference(
                market, feed, heartbeat, divergence, sender=self.owner
            ),
            lambda: self.model.set_reference(self.owner_address, market, heartbeat, divergence),
        )

    def set_sequencer(self, grace: int) -> Outcome:
        """Name the sequencer's feed; zero takes it away."""
        feed = self.uptime.address if grace else "0x" + "00" * 20
        return self._do(
            "set_sequencer",
            (grace,),
            lambda: self.oracle.set_sequencer(feed, grace, sender=self.owner),
            lambda: self.model.set_sequencer(self.owner_address, grace),
        )

    def set_risk(self, market: int, risk: Risk) -> Outcome:
        """Risk parameters of a market."""
        params = (
            *(risk.sigma, risk.f, risk.g, risk.lam),
            *(risk.depth, risk.c, risk.penalty_cap, risk.share),
        )
        return self._do(
            "set_risk",
            (market, risk),
            lambda: self.risk.set_market(market, params, sender=self.owner),
            lambda: self.model.set_risk(self.owner_address, market, risk),
        )

    def set_correlations(self, matrix: Matrix) -> Outcome:
        """The whole matrix."""
        return self._do(
            "set_correlations",
            (matrix,),
            lambda: self.risk.set_correlations(pack_rows(matrix), sender=self.owner),
            lambda: self.model.set_correlations(self.owner_address, matrix),
        )

    def observe(self, who: str, market: int) -> Outcome:
        """Fold the price into the volatility."""
        return self._do(
            "observe",
            (who, market),
            lambda: self.risk.observe(market, sender=self.actor(who)),
            lambda: self.model.observe(self._sender(who), market),
        )

    def announce(self, what: int, market: int, value: int, start: int, end: int) -> Outcome:
        """Announce a change of a risk parameter, as the owner."""
        args = (what, market, value, start, end)
        return self._do(
            "announce",
            args,
            lambda: self.risk.announce(*args, sender=self.owner),
            lambda: self.model.announce(self.owner_address, *args),
        )

    def cancel_change(self, what: int, market: int) -> Outcome:
        """Drop an announced change, as the owner."""
        return self._do(
            "cancel_change",
            (what, market),
            lambda: self.risk.cancel(what, market, sender=self.owner),
            lambda: self.model.cancel(self.owner_address, what, market),
        )

    def fold(self, who: str, what: int, market: int) -> Outcome:
        """Store the end of an announced change."""
        return self._do(
            "fold",
            (who, what, market),
            lambda: self.risk.fold(what, market, sender=self.actor(who)),
            lambda: self.model.fold(self._sender(who), what, market),
        )

    def set_globals(self, z: int, kappa: int) -> Outcome:
        """z and kappa."""
        return self._do(
            "set_globals",
            (z, kappa),
            lambda: self.risk.set_globals(z, kappa, sender=self.owner),
            lambda: self.model.set_globals(self.owner_address, z, kappa),
        )

    def set_fund(self) -> Outcome:
        """Name the fund contract."""
        return self._do(
            "set_fund",
            (),
            lambda: self.engine.set_fund(self.fund, sender=self.owner),
            lambda: self.model.set_fund(self.owner_address, self.fund.address),
        )

    def list_market(self, market: int, config: Config, allowance: int) -> Outcome:
        """Open a market."""
        return self._do(
            "list_market",
            (market, config, allowance),
            lambda: self.engine.list_market(market, _config(config), allowance, sender=self.owner),
            lambda: self.model.list_market(self.owner_address, market, config, allowance),
        )

    def set_market(self, market: int, config: Config) -> Outcome:
        """New configuration of a market."""
        return self._do(
            "set_market",
            (market, config),
            lambda: self.engine.set_market(market, _config(config), sender=self.owner),
            lambda: self.model.set_market(self.owner_address, market, config),
        )

    def set_guardian(self, who: str) -> Outcome:
        """Name the guardian."""
        return self._do(
            "set_guardian",
            (who,),
            lambda: self.engine.set_guardian(self.actor(who), sender=self.owner),
            lambda: self.model.set_guardian(self.owner_address, self._sender(who)),
        )

    def restrict_market(self, who: str, market: int, halvings: int, reduce_only: bool) -> Outcome:
        """Tighten what may be opened in a market, or take it back."""
        return self._do(
            "restrict_market",
            (who, market, halvings, reduce_only),
            lambda: self.engine.restrict_market(
                market, halvings, reduce_only, sender=self.actor(who)
            ),
            lambda: self.model.restrict_market(self._sender(who), market, halvings, reduce_only),
        )

    def announce_delisting(self, market: int, time: int) -> Outcome:
        """The owner fixes when a market ends."""
        return self._do(
            "announce_delisting",
            (market, time),
            lambda: self.engine.announce_delisting(market, time, sender=self.owner),
            lambda: self.model.announce_delisting(self.owner_address, market, time),
        )

    def cancel_delisting(self, market: int) -> Outcome:
        """The owner takes it back."""
        return self._do(
            "cancel_delisting",
            (market,),
            lambda: self.engine.cancel_delisting(market, sender=self.owner),
            lambda: self.model.cancel_delisting(self.owner_address, market),
        )

    def delist(self, who: str, market: int) -> Outcome:
        """Anyone ends a market whose time has come."""
        return self._do(
            "delist",
            (who, market),
            lambda: self.engine.delist(market, sender=self.actor(who)),
            lambda: self.model.delist(self._sender(who), market),
        )

    def delist_at(self, market: int, price: int) -> Outcome:
        """The owner ends one whose feed is dead."""
        return self._do(
            "delist_at",
            (market, price),
            lambda: self.engine.delist_at(market, price, sender=self.owner),
            lambda: self.model.delist_at(self.owner_address, market, price),
        )

    def set_allowance(self, market: int, cap: int) -> Outcome:
        """New size of a market's allowance."""
        return self._do(
            "set_allowance",
            (market, cap),
            lambda: self.engine.set_allowance(market, cap, sender=self.owner),
            lambda: self.model.set_allowance(self.owner_address, market, cap),
        )

    def set_reward(self, reward: Reward) -> Outcome:
        """New rule for the keepers' rewards."""
        rule = (
            *(reward.minimum, reward.cap, reward.gas_units),
            *(reward.premium, reward.native_price, reward.interval),
        )
        return self._do(
            "set_reward",
            (reward,),
            lambda: self.engine.set_reward(rule, sender=self.owner),
            lambda: self.model.set_reward(self.owner_address, reward),
        )

    # -- cash --------------------------------------------------------------------------------------

    def deposit(self, who: str, account: int, amount: int) -> Outcome:
        """Token units into an account."""
        self._know(account)
        return self._do(
            "deposit",
            (who, account, amount),
            lambda: self.engine.deposit(account, amount, sender=self.actor(who)),
            lambda: self.model.deposit(self._sender(who), account, amount),
        )

    def withdraw(self, who: str, account: int, amount: int, receiver: str) -> Outcome:
        """Token units out of an account."""
        to = self.actor(receiver)
        return self._do(
            "withdraw",
            (who, account, amount, receiver),
            lambda: self.engine.withdraw(account, amount, to, sender=self.actor(who)),
            lambda: self.model.withdraw(self._sender(who), account, amount, to.address),
        )

    def touch(self, who: str, account: int) -> Outcome:
        """Mark an account."""
        return self._do(
            "touch",
            (who, account),
            lambda: self.engine.touch(account, sender=self.actor(who)),
            lambda: self.model.touch(self._sender(who), account),
        )

    def settle(self, who: str, account: int) -> Outcome:
        """Mark an account, pay its claims and arrears."""
        return self._do(
            "settle",
            (who, account),
            lambda: self.engine.settle(account, sender=self.actor(who)),
            lambda: self.model.settle(self._sender(who), account),
        )

    # -- anybody's ---------------------------------------------------------------------------------

    def accrue(self, who: str, market: int) -> Outcome:
        """Fold a market's premium."""
        return self._do(
            "accrue",
            (who, market),
            lambda: self.engine.accrue(market, sender=self.actor(who)),
            lambda: self.model.accrue(self._sender(who), market),
        )

    def sync(self, who: str, market: int) -> Outcome:
        """Tell a market where its price is."""
        return self._do(
            "sync",
            (who, market),
            lambda: self.engine.sync(market, sender=self.actor(who)),
            lambda: self.model.sync(self._sender(who), market),
        )

    def thaw(self, who: str, market: int) -> Outcome:
        """Let the claims of an ended book be paid."""
        return self._do(
            "thaw",
            (who, market),
            lambda: self.engine.thaw(market, sender=self.actor(who)),
            lambda: self.model.thaw(self._sender(who), market),
        )

    # -- trading -----------------------------------------------------------------------------------

    def set_operator(self, who: str, operator: str, approved: bool) -> Outcome:
        """Let somebody trade for an owner."""
        to = self.actor(operator).address
        return self._do(
            "set_operator",
            (who, operator, approved),
            lambda: self.engine.set_operator(to, approved, sender=self.actor(who)),
            lambda: self.model.set_operator(self._sender(who), to, approved),
        )

    def fill(self, who: str, order: Order, signer: str | None, account: int, size: int) -> Outcome:
        """Fill an order that `signer` signed (None: nobody)."""
        signature = self._signature(order, signer)
        return self._do(
            "fill",
            (who, order, signer, account, size),
            lambda: self.engine.fill(
                _order(order), signature, account, size, sender=self.actor(who)
            ),
            lambda: self.model.fill(self._sender(who), order, self._signer(signer), account, size),
            order,
        )

    def cancel_order(self, who: str, order: Order) -> Outcome:
        """Make an order void."""
        return self._do(
            "cancel_order",
            (who, order),
            lambda: self.engine.cancel_order(_order(order), sender=self.actor(who)),
            lambda: self.model.cancel_order(self._sender(who), order),
            order,
        )

    def cancel_below(self, who: str, account: int, salt: int) -> Outcome:
        """Make all orders below a salt void."""
        return self._do(
            "cancel_below",
            (who, account, salt),
            lambda: self.engine.cancel_below(account, salt, sender=self.actor(who)),
            lambda: self.model.cancel_below(self._sender(who), account, salt),
        )

    def _signature(self, order: Order, signer: str | None) -> bytes:
        if signer is None:
            return NO_SIGNATURE
        self.actor(signer)
        raw = self._keys[signer].sign_recoverable(self.digest(order), hasher=None)
        return raw[:64] + bytes([raw[64] + 27])

    def digest(self, order: Order) -> bytes:
        """What the maker signs."""
        if order not in self._digests:
            self._digests[order] = SignableOrder(*_order(order)).digest(self.domain)
        return self._digests[order]

    def _signer(self, signer: str | None) -> str | None:
        return None if signer is None else self.actor(signer).address

    # -- the waterfall -----------------------------------------------------------------------------

    def takeover(self, who: str, account: int, market: int, size: int, liquidator: int) -> Outcome:
        """A slice to a liquidator's account."""
        return self._do(
            "takeover",
            (who, account, market, size, liquidator),
            lambda: self.engine.takeover(account, market, size, liquidator, sender=self.actor(who)),
            lambda: self.model.takeover(self._sender(who), account, market, size, liquidator),
        )

    def takeover_by_order(
        self, who: str, order: Order, signer: str | None, account: int, size: int, keeper: int
    ) -> Outcome:
        """A slice to a maker."""
        signature = self._signature(order, signer)
        return self._do(
            "takeover_by_order",
            (who, order, signer, account, size, keeper),
            lambda: self.engine.takeover_by_order(
                _order(order), signature, account, size, keeper, sender=self.actor(who)
            ),
            lambda: self.model.takeover_by_order(
                self._sender(who), order, self._signer(signer), account, size, keeper
            ),
            order,
        )

    def resolve(self, who: str, account: int, market: int, keeper: int) -> Outcome:
        """One market of a bankrupt account."""
        return self._do(
            "resolve",
            (who, account, market, keeper),
            lambda: self.engine.resolve(account, market, keeper, sender=self.actor(who)),
            lambda: self.model.resolve(self._sender(who), account, market, keeper),
        )

    def call_margin(self, who: str, account: int) -> Outcome:
        """Begin an account's cure window."""
        return self._do(
            "call_margin",
            (who, account),
            lambda: self.engine.call_margin(account, sender=self.actor(who)),
            lambda: self.model.call_margin(self._sender(who), account),
        )

    def reclaim(self, who: str, account: int) -> Outcome:
        """The fund takes what a locked account has."""
        return self._do(
            "reclaim",
            (who, account),
            lambda: self.engine.reclaim(account, sender=self.actor(who)),
            lambda: self.model.reclaim(self._sender(who), account),
        )

    def cover(self, who: str, market: int) -> Outcome:
        """The fund pays a market's shortfall."""
        return self._do(
            "cover",
            (who, market),
            lambda: self.engine.cover(market, sender=self.actor(who)),
            lambda: self.model.cover(self._sender(who), market),
        )

    # -- collateral --------------------------------------------------------------------------------

    def set_vault(self) -> Outcome:
        """Name the vault."""
        return self._do(
            "set_vault",
            (),
            lambda: self.engine.set_vault(self.vault, sender=self.owner),
            lambda: self.model.set_vault(self.owner_address, self.vault.address),
        )

    def list_token(self, token: int) -> Outcome:
        """Take a token of the world as collateral."""
        pledge, address = self.world.pledges[token], self.pledges[token].address
        terms = (pledge.market, pledge.haircut, pledge.cap)
        return self._do(
            "list_token",
            (token,),
            lambda: self.vault.list_token(address, *terms, sender=self.owner),
            lambda: self.model.list_token(self.owner_address, address, pledge.decimals, *terms),
        )

    def set_cap(self, who: str, token: int, cap: int) -> Outcome:
        """How much of a token may be deposited."""
        address = self.pledges[token].address
        return self._do(
            "set_cap",
            (who, token, cap),
            lambda: self.vault.set_cap(address, cap, sender=self.actor(who)),
            lambda: self.model.set_cap(self._sender(who), address, cap),
        )

    def set_haircut(self, who: str, token: int, haircut: int) -> Outcome:
        """Announce another haircut."""
        address = self.pledges[token].address
        return self._do(
            "set_haircut",
            (who, token, haircut),
            lambda: self.vault.set_haircut(address, haircut, sender=self.actor(who)),
            lambda: self.model.set_haircut(self._sender(who), address, haircut),
        )

    def vault_deposit(self, who: str, account: int, token: int, amount: int) -> Outcome:
        """Units of a token into an account."""
        self._know(account)
        args = (account, self.pledges[token].address, amount)
        return self._do(
            "vault_deposit",
            (who, account, token, amount),
            lambda: self.vault.deposit(*args, sender=self.actor(who)),
            lambda: self.model.vault_deposit(self._sender(who), *args),
        )

    def vault_withdraw(
        self, who: str, account: int, token: int, amount: int, receiver: str
    ) -> Outcome:
        """Units of a token out of an account."""
        args = (account, self.pledges[token].address, amount, self.actor(receiver).address)
        return self._do(
            "vault_withdraw",
            (who, account, token, amount, receiver),
            lambda: self.vault.withdraw(*args, sender=self.actor(who)),
            lambda: self.model.vault_withdraw(self._sender(who), *args),
        )

    def open_sale(self, who: str, account: int) -> Outcome:
        """The clock of a sale starts."""
        return self._do(
            "open_sale",
            (who, account),
            lambda: self.vault.open_sale(account, sender=self.actor(who)),
            lambda: self.model.open_sale(self._sender(who), account),
        )

    def close_sale(self, who: str, account: int) -> Outcome:
        """The clock of a sale ends; its account has recovered."""
        return self._do(
            "close_sale",
            (who, account),
            lambda: self.vault.close_sale(account, sender=self.actor(who)),
            lambda: self.model.close_sale(self._sender(who), account),
        )

    def buy(self, who: str, account: int, token: int, amount: int, limit: int) -> Outcome:
        """Somebody buys an account's collateral."""
        me = self.actor(who).address
        args = (account, self.pledges[token].address, amount, limit, me)
        return self._do(
            "buy",
            (who, account, token, amount, limit),
            lambda: self.vault.buy(*args, sender=self.actor(who)),
            lambda: self.model.buy(me, *args),
        )

    def seize(self, who: str, account: int, token: int) -> Outcome:
        """A bankrupt account's units of a token go to the fund's."""
        args = (account, self.pledges[token].address)
        return self._do(
            "seize",
            (who, account, token),
            lambda: self.vault.seize(*args, sender=self.actor(who)),
            lambda: self.model.seize(self._sender(who), *args),
        )

    def withdraw_fund(self, who: str, token: int, amount: int, receiver: str) -> Outcome:
        """What the fund has seized is taken out."""
        args = (self.pledges[token].address, amount, self.actor(receiver).address)
        return self._do(
            "withdraw_fund",
            (who, token, amount, receiver),
            lambda: self.vault.withdraw_fund(*args, sender=self.actor(who)),
            lambda: self.model.withdraw_fund(self._sender(who), *args),
        )

    def note_arrears(self, who: str, account: int) -> Outcome:
        """Since when an account owes what its cash does not reach for."""
        return self._do(
            "note_arrears",
            (who, account),
            lambda: self.engine.note_arrears(account, sender=self.actor(who)),
            lambda: self.model.note_arrears(self._sender(who), account),
        )

    def clear_arrears(self, who: str, account: int) -> Outcome:
        """Arrears of a day go to the shortfall, claims to the fund."""
        return self._do(
            "clear_arrears",
            (who, account),
            lambda: self.engine.clear_arrears(account, sender=self.actor(who)),
            lambda: self.model.clear_arrears(self._sender(who), account),
        )

    # -- the fund ----------------------------------------------------------------------------------

    def fund_deposit(self, who: str, assets: int, receiver: str) -> Outcome:
        """Token units for shares."""
        to = self._holder(receiver)
        return self._do(
            "fund_deposit",
            (who, assets, receiver),
            lambda: self.fund.deposit(assets, to, sender=self.actor(who)),
            lambda: self.model.fund_deposit(self._sender(who), assets, to.address),
        )

    def fund_mint(self, who: str, shares: int, receiver: str) -> Outcome:
        """Shares for token units."""
        to = self._holder(receiver)
        return self._do(
            "fund_mint",
            (who, shares, receiver),
            lambda: self.fund.mint(shares, to, sender=self.actor(who)),
            lambda: self.model.fund_mint(self._sender(who), shares, to.address),
        )

    def fund_request(self, who: str, shares: int) -> Outcome:
        """Ask to redeem shares."""
        me = self._holder(who)
        return self._do(
            "fund_request",
            (who, shares),
            lambda: self.fund.request_redeem(shares, me, sender=me),
            lambda: self.model.fund_request(me.address, shares, me.address),
        )

    def fund_cancel(self, who: str) -> Outcome:
        """Give a request up."""
        me = self._holder(who)
        return self._do(
            "fund_cancel",
            (who,),
            lambda: self.fund.cancel_request(sender=me),
            lambda: self.model.fund_cancel(me.address),
        )

    def fund_withdraw(self, who: str, assets: int, receiver: str) -> Outcome:
        """Token units back, for shares."""
        to, me = self.actor(receiver), self._holder(who)
        return self._do(
            "fund_withdraw",
            (who, assets, receiver),
            lambda: self.fund.withdraw(assets, to, me, sender=me),
            lambda: self.model.fund_withdraw(me.address, assets, to.address, me.address),
        )

    def fund_redeem(self, who: str, shares: int, receiver: str) -> Outcome:
        """Shares back, for token units."""
        to, me = self.actor(receiver), self._holder(who)
        return self._do(
            "fund_redeem",
            (who, shares, receiver),
            lambda: self.fund.redeem(shares, to, me, sender=me),
            lambda: self.model.fund_redeem(me.address, shares, to.address, me.address),
        )

    def _holder(self, name: str) -> Account:
        if name not in self.holders:
            self.holders.append(name)
        return self.actor(name)

    # -- a step ------------------------------------------------------------------------------------

    def _sender(self, who: str) -> str:
        return self.actor(who).address

    def _do(
        self,
        name: str,
        args: tuple[Any, ...],
        on_chain: Callable[[], Receipt],
        in_model: Callable[[], Any],
        order: Order | None = None,
    ) -> Outcome:
        self.trace.append((name, args))
        wrong: list[str] = []
        receipt, value, reason, model_reason = None, None, "", ""
        try:
            receipt = on_chain()
        except Revert as revert:
            reason = revert.reason
            if not reason:
                wrong.append(f"{name} reverted without a reason")
        try:
            value = in_model()
        except Refused as refused:
            model_reason = refused.reason or "no reason"
        if receipt is None and not model_reason:
            wrong.append(f"the contract refused it ({reason}), the model took it")
        elif receipt is not None and model_reason:
            wrong.append(f"the contract took it, the model refused it ({model_reason})")
        elif receipt is not None and value is not None and receipt.value != value:
            wrong.append(f"the contract returned {receipt.value}, the model {value}")
        if name in WATERFALL:
            self._markets.clear()
            self._closing.clear()
        if self.follow and receipt is not None:
            self.follower.take(receipt)
            wrong += self._events()
        if name.startswith("fund_") or name == "set_fund":
            wrong += self._shares()
        if name == "cancel_below":
            wrong += self._health(args[1])
        if order is not None:
            wrong += self._filled(order)
        wrong += self.compare()
        if wrong:
            raise Mismatch(f"step {len(self.trace)}, {name}{args}", wrong, list(self.trace))
        self.calls[name if receipt is not None else f"{name} refused"] += 1
        return Outcome(receipt, value, reason, model_reason)

    # -- comparing ---------------------------------------------------------------------------------

    def compare(self) -> list[str]:
        """What differs between chain and model, and what is broken of LED-5 on the chain."""
        wrong: list[str] = []
        wallets = [self.wallet(account) for account in self.accounts]
        for account, wallet in zip(self.accounts, wallets, strict=True):
            wrong += self._compare_account(account, wallet)
        for market in range(self.count):
            wrong += self._compare_market(market)
        tokens = self.chain.storage(self.token, self._tokens_at)
        if tokens != self.model.tokens:
            wrong.append(f"the engine has {tokens} tokens, in the model {self.model.tokens}")
        return wrong + self._identities(tokens, wallets) + self._collateral(wallets)

    def check_everything(self) -> None:
        """Compare with nothing kept from before, and the views that no step looks at."""
        self._wallets.clear()
        self._markets.clear()
        wrong = self.compare() + self._shares() + self._quotes() + self._tokens()
        for account in self.accounts:
            wrong += self._health(account)
        wrong += [f"model: {text}" for text in self.model.identities()]
        if wrong:
            raise Mismatch("a look at everything", wrong, list(self.trace))

    def _words(self, account: int) -> tuple[int, ...]:
        slots = self._slots.get(account)
        if slots is None:
            wallet = FUND if account == TREASURY else account
            legs = slot_of(self._at["positions"], account)
            slots = (
                slot_of(self._at["wallets"], wallet),
                *((legs + i) % 2**256 for i in range(2 * self.count)),
            )
            self._slots[account] = slots
        read, where = self.chain._evm.storage, self.engine.address
        return tuple([read(where, slot) for slot in slots])

    def wallet(self, account: int) -> Wallet:
        """The account as the views tell it; asked again only about words that have changed."""
        words = self._words(account)
        known = self._wallets.get(account)
        # a debt and a note's time stand apart from the words
        if known is not None and known[0] == words and not (known[1].locked or known[1].since):
            return known[1]
        engine = self.engine
        before, old = known or (words, None)
        facts: tuple[int, int, int, int, bool, int, bool, int]
        if old is None or old.locked or old.since or before[0] != words[0]:
            facts = engine.wallet(account)
        else:
            facts = (
                *(old.cash, old.held, old.rewarded_at, old.deadline),
                *(old.locked, old.debt, old.pledged, old.since),
            )
        legs = []
        for market in range(self.count):
            pair = slice(1 + 2 * market, 3 + 2 * market)
            if old is not None and before[pair] == words[pair]:
                legs.append(old.legs[market])
            else:
                p = engine.position(account, market)
                legs.append((p.pnl, p.basis, p.a_snap, p.k_snap, p.epoch, p.reserve, p.time))
        found = Wallet(*facts, legs)
        self._wallets[account] = (words, found)
        return found

    def _compare_account(self, account: int, chain: Wallet) -> list[str]:
        record = self.model.account(account)
        wrong: list[str] = []

        def differ(what: str, here: Any, there: Any) -> None:
            if here != there:
                wrong.append(f"account {self._title(account)}: {what} is {here}, model {there}")

        differ("cash", chain.cash, record.cash)
        held = 0
        for market, leg in enumerate(chain.legs):
            known = record.legs.get(market)
            other = (
                (
                    *(known.pnl, known.basis, known.a_snap, known.k_snap, known.epoch),
                    *(known.fraction, known.time),
                )
                if known is not None
                else (0,) * 7
            )
            if other[0] or other[1]:
                held |= 1 << market
            differ(f"leg {market} (pnl, basis, A, K, epoch, reserve, time)", leg, other)
        differ("held", chain.held, held)
        differ("last reward", chain.rewarded_at, record.rewarded_at)
        differ("deadline", chain.deadline, record.deadline)
        differ("locked", chain.locked, record.locked)
        differ("debt", chain.debt, record.debt)
        pledged = account > TREASURY and self.model.is_pledged(account)
        differ("pledged", chain.pledged, pledged)
        differ("since", chain.since, record.since)
        return wrong

    def _title(self, account: int) -> str:
        if account <= TREASURY:
            return "FUND" if account == FUND else "TREASURY"
        return f"{self.name_of(account)}/{account % 2**96}"

    def market(self, market: int) -> Any:
        """The engine's `market_state`; asked again only when a word or the time has changed."""
        return self._market(market)[0]

    def _market(self, market: int) -> tuple[Any, tuple[int, ...]]:
        """`market_state` and `market_extra`."""
        read, where, at = self.chain._evm.storage, self.engine.address, self._at
        first = at["books"] + 4 * market
        words = (
            *[read(where, first + i) for i in range(4)],
            read(where, at["shortfalls"] + market),
            read(where, at["allowances"] + market),
            read(where, at["windows"] + market),
            self.chain.timestamp,
        )
        known = self._markets.get(market)
        if known is None or known[0] != words:
            state, extra = self.engine.market_state(market), self.engine.market_extra(market)
            self._markets[market] = (words, (state, tuple(int(value) for value in extra)))
        found: tuple[Any, tuple[int, ...]] = self._markets[market][1]
        return found

    def _compare_market(self, market: int) -> list[str]:
        (chain, extra), record = self._market(market), self.model.markets[market]
        if not record.listed:
            return []
        long, short = record.long, record.short
        pairs = {
            "long A": (chain.long_a, long.a),
            "long K0": (chain.long_k0, long.k0),
            "short A": (chain.short_a, short.a),
            "short K0": (chain.short_k0, short.k0),
            "long epoch": (chain.epoch, long.epoch),
            "short epoch": (chain.epoch, short.epoch),
            "OI": (chain.oi, record.oi),
            "B": (chain.cash, record.b),
            "shortfall": (chain.shortfall, record.shortfall),
            "allowance": (chain.allowance, self.model.allowance(record)),
            "allowance cap": (chain.allowance_cap, record.allowance_cap),
            "config": (tuple(chain.config), _config(record.rules)),
        }
        told, known = (dict(zip(EXTRA, values, strict=True)) for values in (extra, _extra(record)))
        if record.premium == 0:  # then nothing depends on when it was folded
            told["folded"] = known["folded"]
        if not record.frozen.until:
            told["frozen epoch"] = known["frozen epoch"]
        pairs |= {what: (told[what], known[what]) for what in EXTRA}
        if record.frozen.until:
            epoch = record.frozen.epoch
            for sign, name in ((1, "long"), (-1, "short")):
                k = self._closing_k(market, epoch, sign > 0)
                pairs[f"closing K of the {name} side"] = (k, record.closing[sign, epoch])
        return [
            f"market {market}: {what} is {here}, model {there}"
            for what, (here, there) in pairs.items()
            if here != there
        ]

    def _collateral(self, wallets: Sequence[Wallet]) -> list[str]:
        """What the vault has: against the model, and LED-5's twin on the chain's numbers alone."""
        count, model = len(self.pledges), self.model
        if not count:
            return []
        read, where, at = self.chain._evm.storage, self.vault.address, self._vault_at
        wrong: list[str] = []
        sums = [0] * count
        for account, wallet in zip(self.accounts, wallets, strict=True):
            first, opened_at = self._units_of(account)
            units = [read(where, first + token) for token in range(count)]
            known = [model.units.get((account, int(t.address, 16)), 0) for t in self.pledges]
            if units != known:
                wrong.append(f"account {self._title(account)}: units {units}, model {known}")
            if account > TREASURY and wallet.pledged != any(units):
                wrong.append(
                    f"account {self._title(account)}: pledged is {wallet.pledged}: {units}"
                )
            opened = read(where, opened_at)
            if opened != model.sales.get(account, 0):
                told = model.sales.get(account, 0)
                wrong.append(f"account {self._title(account)}: sale of {opened}, model {told}")
            sums = [total + more for total, more in zip(sums, units, strict=True)]
        for token, total in enumerate(sums):
            held = read(self.pledges[token].address, self._pledges_at)
            kept = read(where, at["totals"] + token)
            if not held == kept == total:
                wrong.append(f"token {token}: {held} held, total {kept}, accounts {total}")
        return wrong

    def _units_of(self, account: int) -> tuple[int, int]:
        """Where the vault has an account's units, and the time of its sale."""
        if account not in self._vault_slots:
            self._vault_slots[account] = (
                slot_of(self._vault_at["units"], account),
                slot_of(self._vault_at["sales"], account),
            )
        return self._vault_slots[account]

    def _tokens(self) -> list[str]:
        """The vault's views."""
        model, wrong = self.model, []
        for token in self.pledges:
            here, record = self.vault.token_state(token), model.token(token.address)
            pairs = {
                "index": (here.index, record.index),
                "market": (here.market, record.market),
                "decimals": (here.decimals, record.decimals),
                "haircut": (here.haircut, model.haircut(record)),
                "cap": (here.cap, record.cap),
                "total": (here.total, model.total_units(token.address)),
                "haircuts": (
                    (here.haircut_from, here.haircut_to),
                    (record.haircut_from, record.haircut_to),
                ),
            }
            if here.haircut_from != here.haircut_to:
                pairs["move"] = ((here.start, here.end), (record.start, record.end))
            wrong += [
                f"token {record.index}: {what} is {a}, model {b}"
                for what, (a, b) in pairs.items()
                if a != b
            ]
        for account in self.accounts:
            units = [model.units_of(account, token.address) for token in self.pledges]
            need, share = self.vault.terms(account)
            terms = (need, share if need else 0)
            views = {
                "balances": (list(self.vault.balances(account))[: len(units)], units),
                "worth": (tuple(self.vault.worth(account)), model.worth(account)),
                "terms": (terms, model.terms(account)),
                "sale": (self.vault.sale_opened(account), model.sales.get(account, 0)),
            }
            wrong += [
                f"account {self._title(account)}: {what} is {a}, model {b}"
                for what, (a, b) in views.items()
                if a != b
            ]
        if list(self.vault.tokens()) != [token.address for token in self.pledges]:
            wrong.append(f"the vault's tokens are {self.vault.tokens()}")
        return wrong

    def _events(self) -> list[str]:
        """What an indexer would have wrong."""
        seen, wrong = self.follower, []
        pairs: dict[str, tuple[Any, Any]] = {}
        for account in self.accounts:
            wallet, *legs = self._words(account)
            house = FUND if account == TREASURY else account
            pairs[f"wallet of {account}"] = (seen.wallets.get(house, 0), wallet)
            for market in range(self.count if account != TREASURY else 0):
                words = (legs[2 * market], legs[2 * market + 1])
                pairs[f"leg {market} of {account}"] = (
                    seen.legs.get((account, market), (0, 0)),
                    words,
                )
        read, where, at = self.chain._evm.storage, self.engine.address, self._at
        for market in range(self.count):
            first = at["books"] + 4 * market
            told = (
                seen.sides.get((market, True), 0),
                seen.sides.get((market, False), 0),
                seen.books.get(market, 0),
                seen.configs.get(market, 0),
                seen.shortfalls.get(market, 0),
                seen.allowances.get(market, 0),
                seen.windows.get(market, 0),
            )
            kept = (
                *[read(where, first + i) for i in range(4)],
                read(where, at["shortfalls"] + market),
                read(where, at["allowances"] + market),
                read(where, at["windows"] + market),
            )
            pairs[f"market {market}"] = (told, kept)
        for account, debt in seen.debts.items():
            pairs[f"debt of {account}"] = (debt, self.engine.wallet(account).debt)
        for key, k in seen.closing.items():
            pairs[f"closing K {key}"] = (k, self._closing_k(*key))
        for what, (here, there) in pairs.items():
            if here != there:
                wrong.append(f"by the events {what} is {here}, in storage {there}")
        return wrong

    def _filled(self, order: Order) -> list[str]:
        here = self.engine.filled(self.digest(order))
        there = self.model.filled.get(order, 0)
        if here == there:
            return []
        kept = "cancelled" if there == CANCELLED else there
        return [f"filled is {here}, model {kept}"]

    def _shares(self) -> list[str]:
        model = self.model
        pairs: dict[str, tuple[Any, Any]] = {
            "supply": (self.fund.totalSupply(), model.share_supply),
            "series": (self.fund.series(), model.series),
        }
        for name in self.holders:
            who = self.actor(name).address
            pairs[f"shares of {name}"] = (
                self.fund.balanceOf(who),
                model.shares.get(int(who, 16), 0),
            )
            pairs[f"request of {name}"] = (
                self.fund.redeem_request(who),
                model.redeem_request(who),
            )
        cash, claims, shortfall = self.engine.fund_state()
        fund = model.account(FUND)
        pairs["fund's cash"] = (cash, fund.cash)
        pairs["fund's claims"] = (claims, sum(leg.pnl for leg in fund.legs.values()))
        pairs["total shortfall"] = (shortfall, sum(m.shortfall for m in model.markets))
        return [
            f"{what} is {here}, model {there}"
            for what, (here, there) in pairs.items()
            if here != there
        ]

    def _quotes(self) -> list[str]:
        """Prices, statuses and averages."""
        words = self.oracle.quotes((1 << self.count) - 1)
        wrong = []
        for market in range(self.count):
            status = self.model.status(market)
            other = self.model.reference_price(market) if status in (0, 2) else None
            price = self.model.price(market)
            word = status << 192 | (price if other is None else other) << 96 | price
            if words[market] != word:
                wrong.append(f"quote {market} is {words[market]:x}, model {word:x}")
            average = self.model.average(market)
            told = tuple(self.oracle.average(market))
            if told != (average.price, average.covered, average.since):
                wrong.append(f"average {market} is {told}, model {average}")
        return wrong

    def _health(self, account: int) -> list[str]:
        if account == TREASURY:
            return []
        here, now = self.engine.health(account), self.model.standing(account)
        blind = sum(1 << m for m in now.blind)
        pairs = {
            "equity": (here.equity, now.equity),
            "initial equity": (here.initial_equity, now.initial_equity),
            "MM": (here.maintenance, now.margin.mm),
            "IM": (here.initial, now.margin.im),
            "gross": (here.gross, sum(abs(x) for x in now.notionals.values())),
            "blind": (here.blind, blind),
            "collateral": (here.collateral, now.worth),
            "losses": (here.losses, now.arrears),
        }
        if account != FUND:
            pairs["smallest salt"] = (
                self.engine.min_salt(account),
                self.model.min_salt.get(account, 0),
            )
        for market in range(self.count):
            size = self.engine.position(account, market).size
            pairs[f"size {market}"] = (size, now.sizes.get(market, 0))
        return [
            f"account {self._title(account)}: {what} is {a}, model {b}"
            for what, (a, b) in pairs.items()
            if a != b
        ]

    # -- LED-5 on the chain's numbers --------------------------------------------------------------

    def _identities(self, tokens: int, wallets: Sequence[Wallet]) -> list[str]:
        wrong: list[str] = []
        states = [self.market(market) for market in range(self.count)]
        cash, backing = sum(w.cash for w in wallets), sum(s.cash for s in states)
        held = tokens * 10 ** (18 - self.world.decimals)
        if held != cash + backing:
            wrong.append(f"LED-5: tokens {held}, cash {cash} and B {backing}")
        for market, state in enumerate(states):
            legs = [w.legs[market] for w in wallets if any(w.legs[market])]
            mark = self.model.price(market)
            for price in (mark, mark // 2, 2 * mark):
                owed, longs, shorts = 0, 0, 0
                for leg in legs:
                    size, pnl = self._marked(market, state, leg, price)
                    owed += pnl
                    longs += max(size, 0)
                    shorts += max(-size, 0)
                dust = state.cash + state.shortfall - owed
                if dust < 0:
                    wrong.append(f"LED-5: market {market} at {price}: dust {dust}")
                if max(longs, shorts) > state.oi:
                    wrong.append(f"market {market}: sizes {longs}, {shorts} above OI {state.oi}")
        return wrong

    def _marked(self, market: int, state: Any, leg: Leg, price: int) -> tuple[int, int]:
        pnl, basis, a_snap, k_snap, epoch, *_ = leg
        if basis == 0:
            return 0, pnl
        is_long = basis > 0
        if epoch == state.epoch:
            a = state.long_a if is_long else state.short_a
            k = state.long_k0 + a * price if is_long else state.short_k0 - a * price
            size = abs(basis) * a // a_snap * (1 if is_long else -1)
        else:
            size, k = 0, self._closing_k(market, epoch, is_long)
        return size, pnl + abs(basis) * (k - k_snap) // (a_snap * WAD)

    def _closing_k(self, market: int, epoch: int, is_long: bool) -> int:
        key = (market, epoch, is_long)
        if key not in self._closing:
            self._closing[key] = self.engine.closing_k(*key)
        return self._closing[key]


def _extra(record: Market) -> tuple[int, ...]:
    """What `market_extra` should return."""
    frozen = record.frozen
    left = (frozen.left[1], frozen.left[-1]) if frozen.until else (0, 0)
    return (
        *(record.premium, record.folded, record.bucket),
        *(record.sync_mark, record.width, record.wait),
        *(record.window_taken, record.window_start, frozen.until, frozen.epoch, *left),
    )


def _order(order: Order) -> tuple[Any, ...]:
    return (
        *(order.account, order.market, order.size, order.price),
        *(order.expiry, order.salt, order.reduce_only, order.taker),
    )


def _config(config: Config) -> tuple[Any, ...]:
    return (
        *(config.oi_cap, config.min_notional, config.max_notional, config.band),
        *(config.penalty_min, config.penalty_max, config.maker_fee, config.taker_fee),
        *(config.reduce_only, config.takeover_share),
    )
