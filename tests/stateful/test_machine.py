"""A Hypothesis state machine over contracts and model side by side.

Every rule is an action of `Scenario`; the twin compares after each call and everything is looked at
anew after each step. When it fails, Hypothesis prints the shortest sequence of actions it found.
"""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, TypeVar

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.utils import worlds
from tests.utils.scenario import Scenario
from tests.utils.twin import Twin

T = TypeVar("T")


class DataChoice:
    """Choices drawn from Hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def number(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return self.data.draw(st.integers(low, high)) if low < high else low

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.number(0, len(options) - 1)]


@cache
def twin_of(decimals: int) -> Twin:
    """Deployed once; each example goes back to the start."""
    return Twin(worlds.three_markets(decimals))


class Machine(RuleBasedStateMachine):
    """Deposits, trades, prices, time, settlement, liquidation, bankruptcy, fund, administration."""

    decimals: ClassVar[int]
    scenario: Scenario

    @initialize(data=st.data())
    def start(self, data: st.DataObject) -> None:
        """Some positions, so that an example need not begin with them."""
        twin = twin_of(self.decimals)
        twin.restart()
        self.scenario = Scenario(twin)
        for _ in range(data.draw(st.integers(2, 6))):
            self.scenario.fill(DataChoice(data))

    def teardown(self) -> None:
        """Tell Hypothesis what happened."""
        if hasattr(self, "scenario"):
            for name, times in self.scenario.done.items():
                event(name, payload=min(times, 3))

    @invariant()
    def everything_agrees(self) -> None:
        """LED-5 and the model, with nothing kept from before."""
        if hasattr(self, "scenario"):
            self.scenario.twin.check_everything()

    @rule(data=st.data())
    def fill(self, data: st.DataObject) -> None:
        """TRD-2."""
        self.scenario.fill(DataChoice(data))

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """TRD-2, LED-8."""
        self.scenario.close(DataChoice(data))

    @rule(data=st.data(), aimed=st.booleans())
    def move_price(self, data: st.DataObject, aimed: bool) -> None:
        """Small moves, crashes, pumps; aimed at somebody's margin or not."""
        action = self.scenario.aim_price if aimed else self.scenario.move_price
        action(DataChoice(data))

    @rule(data=st.data())
    def feed(self, data: st.DataObject) -> None:
        """ORC-2, ORC-3."""
        self.scenario.feed(DataChoice(data))

    @rule(data=st.data(), kind=st.integers(0, 2))
    def dispute(self, data: st.DataObject, kind: int) -> None:
        """ORC-1, ORC-2: the sequencer, a reference feed, a takeover at its price."""
        scenario = self.scenario
        actions = (scenario.outage, scenario.diverge, scenario.disputed_takeover)
        actions[kind](DataChoice(data))

    @rule(data=st.data())
    def pass_time(self, data: st.DataObject) -> None:
        """Blocks, and another base fee."""
        self.scenario.pass_time(DataChoice(data))

    @rule(data=st.data(), inward=st.booleans())
    def cash(self, data: st.DataObject, inward: bool) -> None:
        """LED-6."""
        (self.scenario.deposit if inward else self.scenario.withdraw)(DataChoice(data))

    @rule(data=st.data(), wholly=st.booleans())
    def settle(self, data: st.DataObject, wholly: bool) -> None:
        """LED-3."""
        (self.scenario.settle if wholly else self.scenario.touch)(DataChoice(data))

    @rule(data=st.data())
    def takeover(self, data: st.DataObject) -> None:
        """LIQ-2."""
        self.scenario.takeover(DataChoice(data))

    @rule(data=st.data())
    def takeover_by_order(self, data: st.DataObject) -> None:
        """LIQ-3."""
        self.scenario.takeover_by_order(DataChoice(data))

    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        """LIQ-4."""
        self.scenario.resolve(DataChoice(data))

    @rule(data=st.data())
    def call_margin(self, data: st.DataObject) -> None:
        """LIQ-1."""
        self.scenario.call_margin(DataChoice(data))

    @rule(data=st.data())
    def reclaim(self, data: st.DataObject) -> None:
        """LIQ-4's lock."""
        self.scenario.reclaim(DataChoice(data))

    @rule(data=st.data(), thawing=st.booleans())
    def freeze(self, data: st.DataObject, thawing: bool) -> None:
        """LED-8's frozen book."""
        (self.scenario.thaw if thawing else self.scenario.freeze_book)(DataChoice(data))

    @rule(data=st.data(), funding=st.booleans())
    def follow_price(self, data: st.DataObject, funding: bool) -> None:
        """LED-7, TRD-4."""
        (self.scenario.accrue if funding else self.scenario.sync)(DataChoice(data))

    @rule(data=st.data(), covering=st.booleans())
    def fund(self, data: st.DataObject, covering: bool) -> None:
        """LIQ-8, and LIQ-4 step 3 alone."""
        (self.scenario.cover if covering else self.scenario.fund)(DataChoice(data))

    @rule(data=st.data(), inward=st.booleans())
    def collateral(self, data: st.DataObject, inward: bool) -> None:
        """LIQ-7: in and out."""
        (self.scenario.pledge if inward else self.scenario.unpledge)(DataChoice(data))

    @rule(data=st.data(), kind=st.integers(0, 2))
    def sell_collateral(self, data: st.DataObject, kind: int) -> None:
        """LIQ-7: sales, seizures, what becomes of what the fund has seized."""
        scenario = self.scenario
        (scenario.sale, scenario.seize, scenario.fund_collateral)[kind](DataChoice(data))

    @rule(data=st.data(), made=st.booleans())
    def arrears(self, data: st.DataObject, made: bool) -> None:
        """LIQ-7's arrears, with a claim made for them or not."""
        (self.scenario.unpaid_claim if made else self.scenario.arrears)(DataChoice(data))

    @rule(data=st.data(), kind=st.integers(0, 3))
    def rule_book(self, data: st.DataObject, kind: int) -> None:
        """TRD-1's cancellations and operators, the owner's calls."""
        scenario = self.scenario
        actions = (
            *(scenario.cancel, scenario.operator),
            *(scenario.administer, scenario.vault_rules),
        )
        actions[kind](DataChoice(data))


class SixDecimals(Machine):
    """A token of 6 decimals."""

    decimals = 6


class EighteenDecimals(Machine):
    """A token of 18 decimals."""

    decimals = 18


SETTINGS = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestSixDecimals = SixDecimals.TestCase
TestSixDecimals.settings = SETTINGS
TestEighteenDecimals = EighteenDecimals.TestCase
TestEighteenDecimals.settings = SETTINGS
