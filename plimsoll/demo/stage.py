"""Where a demo happens: the chain in the process, or a node with a keeper of its own beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from plimsoll.demo.makers import Quotes
from plimsoll.demo.recording import Listener, Opened, RecordingBackend
from plimsoll.demo.setting import Setting
from plimsoll.evm import Chain, load_all
from plimsoll.keeper import Keeper, Policy, TickReport
from plimsoll.prices import TICK, Step
from plimsoll.protocol import Plimsoll, SignedOrder, deploy
from plimsoll.protocol.client import KINDS
from plimsoll.reference.numbers import SYNC_WAIT, WAD

#: Quote units of its wallet that the keeper spends on collateral, at most.
COLLATERAL_BUDGET = 2_000_000
#: Both kinds of liquidation have their turns; the keeper's own account steps in where orders fail.
POLICIES = {
    "orders": Policy(prefer="orders", passes=1, buy_collateral=COLLATERAL_BUDGET * WAD),
    "own": Policy(prefer="own", use_orders=False, passes=1, buy_collateral=COLLATERAL_BUDGET * WAD),
}

#: What a deployment is made of.
PARTS = {"MockAggregator", "FeedProxy"}.union(*KINDS.values())

World = tuple[int, int, Mapping[int, tuple[int | None, int]]]


class StageError(Exception):
    """The chain, or what runs beside it, does not do its part. The message says what to do next."""


class Stage(ABC):
    """A chain with people on it."""

    name: str
    #: who deploys, and sets everything up before the timelock owns it
    owner: str
    #: who announces changes of the risk parameters: the person of that name
    steward: str

    @abstractmethod
    def open(self, setting: Setting, time: int, listener: Listener, opened: Opened) -> Plimsoll:
        """Start the chain at `time` and deploy; `listener` gets every call from then on, `opened`
        the engine and the token as soon as they are there."""

    @abstractmethod
    def person(self, name: str) -> Any:
        """Return an account of the chain."""

    @abstractmethod
    def hire(self, keeper: Any, quotes: Quotes) -> None:
        """Start the keeper; it finds orders among the quotes."""

    @abstractmethod
    def move(self, step: Step, basefee: int) -> None:
        """Set clock, base fee and feeds to a step of the path."""

    @abstractmethod
    def tend(self) -> None:
        """Let the keeper synchronise the markets with the step's prices, and two blocks pass."""

    @abstractmethod
    def wait(self, seconds: int) -> None:
        """Let time pass; the feeds' answers grow older."""

    @abstractmethod
    def world(self) -> World:
        """Return time, base fee and the feeds' answers (WAD, time) as they are now."""

    @abstractmethod
    def keep(self, accounts: Sequence[int], prefer: str) -> TickReport | None:
        """Let the keeper work on these accounts; None where it is a process of its own."""

    @abstractmethod
    def sync(self) -> None:
        """Bring the listener up to date with what others have sent."""

    def again(self) -> bool:
        """Whether what was read may be half of a block that others made; then it has synced."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Stop what was started."""


class InProcess(Stage):
    """The embedded chain; the keeper works when it is told to."""

    name = "in-process"

    def __init__(self) -> None:
        """Make nothing yet but the deployer's address."""
        self.owner = str(Chain().default_sender.address)
        self.steward = str(Chain().account("steward").address)
        self.backend: RecordingBackend
        self.p: Plimsoll
        self._keeper: Keeper

    @property
    def chain(self) -> Chain:
        """The chain itself, for tests that break it."""
        return self.backend.chain

    def open(self, setting: Setting, time: int, listener: Listener, opened: Opened) -> Plimsoll:
        """Start a chain and deploy."""
        self.backend = RecordingBackend(listener, opened, Chain(timestamp=time))
        load_all(names=PARTS)  # on every core at once; one by one takes twice as long
        self.p = deploy(self.backend, setting.plan)
        return self.p

    def person(self, name: str) -> Any:
        """Return the chain's account of that name."""
        return self.backend.account(name)

    def hire(self, keeper: Any, quotes: Quotes) -> None:
        """Make the keeper."""
        self._keeper = Keeper(self.p, keeper, Orders(quotes), Policy())

    def move(self, step: Step, basefee: int) -> None:
        """Set clock, base fee and the feeds that have a new price."""
        self.backend.chain.set_time(max(step.time, self.backend.chain.timestamp))
        self.backend.chain.basefee = basefee
        for name, price, new in zip(self.p.markets, step.prices, step.updated, strict=True):
            if new:
                self.p.set_price(name, Decimal(price) / TICK)

    def tend(self) -> None:
        """A tick without accounts, then two blocks."""
        self._keeper.tick([])
        self.backend.chain.mine(SYNC_WAIT, seconds=0)

    def wait(self, seconds: int) -> None:
        """Go on by a block."""
        self.backend.advance(seconds)

    def world(self) -> World:
        """Return time, base fee and answers."""
        return self.backend.now(), self.backend.chain.basefee, self.backend.notes.prices()

    def keep(self, accounts: Sequence[int], prefer: str) -> TickReport:
        """Make one tick."""
        self._keeper.policy = POLICIES[prefer]
        return self._keeper.tick(accounts)

    def sync(self) -> None:
        """Nothing: the listener hears every call when it is made."""

    def close(self) -> None:
        """Nothing: the chain goes with its owner."""


class Orders:
    """The quotes of the running step, as the keeper's order source: read anew in every tick."""

    def __init__(self, quotes: Quotes) -> None:
        self._quotes = quotes

    def __iter__(self) -> Iterator[SignedOrder]:
        return self._quotes.public()
