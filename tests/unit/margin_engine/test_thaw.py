"""Frozen books: what a resolve ends waits for a day, so that all losses are known; thaw (LED-8)."""

import itertools

import pytest
from engine_world import (
    A_ONE,
    FREEZE,
    FUND,
    MARKETS,
    MAX,
    WAD,
    Config,
    Party,
    World,
    events,
    of,
    reverts,
    wad,
)


class Story:
    """A book of 2,000 that ends at 80 with the resolve of a long of 1,998.2.

    In it are left: longs of 1 and 0.8 from 100, whose cash of 10.95 and 8.96 is short of their
    losses of 20 and 16 by 9.05 and 7.04; shorts of 1,200 and 800 with profits of 24,000 and 16,000.
    The fund has no allowance for the market any more.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.giant = world.party("giant", 39_000)
        self.first, self.second = world.party("first small", 11), world.party("second small", 9)
        self.large, self.lesser = world.party("large", 100_000), world.party("lesser", 100_000)
        self.keeper = world.party("keeper")
        world.trade(self.giant, self.large, wad(1_200))
        world.trade(self.giant, self.lesser, wad("798.2"))
        world.trade(self.first, self.lesser, wad(1))
        world.trade(self.second, self.lesser, wad("0.8"))
        world.price(0, 80)
        self.receipt = world.resolve(self.giant, self.keeper)
        self.start = world.chain.timestamp
        world.engine.set_allowance(0, 0, sender=world.owner)
        self.cash = {short: world.cash(short) for short in (self.large, self.lesser)}

    def thaw(self) -> None:
        """The day is over."""
        self.world.chain.set_time(self.start + FREEZE)
        self.world.engine.thaw(0)
        self.world.refresh()


@pytest.fixture
def story(world: World) -> Story:
    return Story(world)


# -- the freeze ------------------------------------------------------------------------------------


def test_led_8_a_resolve_that_ends_a_book_freezes_it(world: World, story: Story) -> None:
    """Kept: the long side less what was resolved, the whole other side."""
    extra, state = world.extra(), world.state()
    assert (extra.frozen_until, extra.frozen_epoch) == (story.start + FREEZE, 1)
    assert (extra.left_long, extra.left_short) == (wad("1.8"), wad(2_000))
    assert (state.oi, state.epoch) == (0, 2)
    event = story.receipt.event("FreezeUpdated")
    assert event.args == {
        "market": 0,
        "freeze": 1 << 40 | story.start + FREEZE,
        "long": A_ONE << 104 | wad("1.8"),
        "short": A_ONE << 104 | wad(2_000),
    }
    assert story.receipt.event("MarketUpdated").config >> 248 == 1 | 8


def test_led_8_a_trade_that_ends_a_book_freezes_nothing(world: World) -> None:
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(1))
    world.trade(trader, maker, wad(-1))
    assert world.extra().frozen_until == 0
    world.trade(trader, maker, wad(1))


def test_led_8_claims_wait(world: World, story: Story) -> None:
    """Touch and settle leave a leg of the frozen book as it is, matured or not; it counts in E."""
    world.chain.mine(seconds=FREEZE // 2)
    for short in (story.large, story.lesser):
        before, worth = world.engine.position(short.id, 0), world.equity(short)
        for act in (world.engine.touch, world.engine.settle, world.engine.settle):
            act(short.id)
        assert world.engine.position(short.id, 0) == before
        assert (before.size, before.pnl) == (0, 0)
        assert world.cash(short) == story.cash[short]
        assert world.equity(short) == worth
    assert world.equity(story.large) - story.cash[story.large] == wad(24_000)


def test_led_8_recorded_claims_wait_too(world: World) -> None:
    """A claim from before the end, in the same market, of somebody who had left it."""
    winner, maker = world.party("winner", 1_000), world.party("maker", 10_000)
    world.trade(winner, maker, wad(-10))
    world.price(0, 90)
    world.trade(winner, maker, wad(10))
    world.engine.settle(maker.id)  # pays its arrears of 100 into the market
    loser = world.party("loser", 100)
    world.trade(loser, maker, wad(10))
    world.price(0, 75)
    world.resolve(loser, world.party("keeper"))
    world.matured(winner)
    cash = world.cash(winner)
    world.engine.settle(winner.id)
    assert (world.cash(winner), world.recorded(winner)) == (cash, wad(100))
    world.chain.mine(seconds=FREEZE)
    world.engine.thaw(0)
    world.engine.settle(winner.id)
    assert (world.cash(winner), world.recorded(winner)) == (cash + wad(100), 0)


def test_led_8_recorded_arrears_are_paid(world: World) -> None:
    """Of a leg of the frozen book what was recorded before; the rest of its loss is not yet."""
    early = world.party("early", 1_000)
    world.trade(early, world.party("maker", 1_000), WAD // 5)
    world.price(0, 90)
    world.engine.touch(early.id)
    world.price(0, 100)
    story = Story(world)
    assert world.extra().left_long == wad(2)
    cash, basis = world.cash(early), world.engine.position(early.id, 0).basis
    assert (basis, world.recorded(early)) == (WAD // 5, wad(-2))
    world.engine.settle(early.id)
    assert (world.cash(early), world.recorded(early)) == (cash - wad(2), 0)
    assert world.engine.position(early.id, 0).basis == basis
    # from 100 to 80 it loses 4 in all
    assert world.equity(early) == cash - wad(4)
    story.thaw()
    world.engine.settle(early.id)
    assert (world.cash(early), world.engine.wallet(early.id).held) == (cash - wad(4), 0)


def test_led_8_nobody_opens_a_position(world: World, story: Story) -> None:
    """Until somebody thaws it, whatever the time; the other markets go on."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    for seconds in (0, FREEZE - 1, 1, FREEZE):
        world.chain.mine(seconds=seconds)
        world.price(0, 80)
        with reverts("trading: market is frozen"):
            world.trade(trader, maker, WAD)
    world.refresh(1)
    world.trade(trader, maker, WAD, market=1)
    world.engine.thaw(0)
    world.trade(trader, maker, WAD)


def test_led_8_who_is_in_it_trades_elsewhere(world: World, story: Story) -> None:
    """The claim counts in E, not for new risk."""
    maker = world.party("maker", 10_000)
    world.trade(story.large, maker, wad(10), market=1)
    health = world.engine.health(story.large.id)
    assert health.equity - health.initial_equity == wad(24_000)


def test_led_8_the_shortfall_is_paid_all_the_same(world: World) -> None:
    gone = world.flat_and_bankrupt()
    world.engine.set_allowance(0, 0, sender=world.owner)
    world.resolve(gone, world.party("keeper"))
    assert world.extra().frozen_until == world.chain.timestamp + FREEZE
    world.engine.set_allowance(0, wad(10), sender=world.owner)
    world.chain.mine(seconds=FREEZE // 10)
    assert world.engine.cover(0).value == wad(1)


# -- late losses -----------------------------------------------------------------------------------


def test_led_8_late_losses_are_charged_to_all_who_are_in_it(world: World, story: Story) -> None:
    """9.05 on 2,000 is 0.004525 a unit: 5.43 and 3.62, though one of them tried to be first."""
    world.engine.settle(story.large.id)
    receipt = world.resolve(story.first, story.keeper)
    event = receipt.event("Resolved")
    assert (event.size, event.paid, event.charged) == (0, 0, wad("9.05"))
    assert (event.to_shortfall, event.reward) == (0, 0)
    charged = receipt.event("ClosingCharged")
    k = -80 * 10**36 - 4_525 * 10**30
    assert charged.args == {"market": 0, "epoch": 1, "is_long": False, "k": k}
    assert world.engine.closing_k(0, 1, False) == k
    assert world.engine.closing_k(0, 1, True) == 80 * 10**36
    assert world.equity(story.large) == story.cash[story.large] + wad(24_000) - wad("5.43")
    assert world.equity(story.lesser) == story.cash[story.lesser] + wad(16_000) - wad("3.62")
    assert world.extra().left_long == wad("0.8")
    assert world.engine.wallet(story.first.id)[:2] == (0, 0)
    story.thaw()
    for short, profit in ((story.large, "23994.57"), (story.lesser, "15996.38")):
        world.engine.touch(short.id)
        assert (world.recorded(short), world.cash(short)) == (wad(profit), story.cash[short])


def test_led_8_the_accounts_own_cash_comes_first(world: World, story: Story) -> None:
    """It is marked and settled before others are asked: cash paid in lowers what they pay."""
    world.engine.deposit(story.first.id, 5 * world.unit, sender=world.key("donor", 5))
    event = world.resolve(story.first, story.keeper).event("Resolved")
    assert event.charged == wad("4.05")
    assert world.cash(story.first) == 0


def test_led_8_late_losses_of_who_is_not_flat_are_its_debt(world: World, story: Story) -> None:
    """With another position it is locked, and owes what the shorts were charged (LIQ-4).

    Its cash of 60.75 pays 15.1875 of arrears of 20 here, and the rest of those of 60 in market 1.
    """
    maker = world.party("maker", 1_000)
    world.engine.deposit(story.first.id, 50 * world.unit, sender=world.key("donor", 50))
    world.trade(story.first, maker, wad(4), market=1)
    world.price(1, 85)
    event = world.resolve(story.first, story.keeper).event("Resolved")
    assert event.charged == wad("4.8125")
    wallet = world.engine.wallet(story.first.id)
    assert (wallet.locked, wallet.debt) == (True, wad("4.8125"))
    assert world.equity(story.first) == wad("60.75") - wad("15.1875") - wad(60)


def test_led_8_who_is_solvent_is_not_resolved(world: World, story: Story) -> None:
    """With its loss paid in by a friend, and the refusal leaves it in the book."""
    world.engine.deposit(story.first.id, 10 * world.unit, sender=world.key("donor", 10))
    left = world.extra()
    with reverts("resolve: account is solvent"):
        world.resolve(story.first, story.keeper)
    assert world.extra() == left
    story.thaw()
    world.engine.settle(story.first.id)
    assert world.cash(story.first) == wad("0.95")


def test_led_8_the_fund_pays_first(world: World, story: Story) -> None:
    """Within its allowance: 5 of the 9.05, the rest is charged."""
    world.engine.set_allowance(0, wad(10), sender=world.owner)
    world.chain.mine(seconds=FREEZE // 2)
    event = world.resolve(story.first, story.keeper).event("Resolved")
    assert (event.paid, event.charged) == (wad(5), wad("4.05"))


ACTS = ("settle large", "settle lesser", "resolve first", "resolve second")


@pytest.mark.parametrize("order", list(itertools.permutations(ACTS))[::3])
def test_led_8_nobody_gains_by_being_first(
    world: World, story: Story, order: tuple[str, ...]
) -> None:
    """Whatever the order of settling and resolving: the shorts share 16.09 three to two.

    9.05 and 7.04 a unit of 2,000 are 0.008045; a wei of K each is rounded up.
    """
    for act in order:
        what, who = act.split()
        party: Party = getattr(story, who)
        if what == "settle":
            world.engine.settle(party.id)
        else:
            world.resolve(party, story.keeper)
    assert world.extra().left_long == 0
    story.thaw()
    for short, profit in ((story.large, "23990.346"), (story.lesser, "15993.564")):
        world.engine.touch(short.id)
        assert world.recorded(short) == wad(profit)
        world.matured(short)
        world.engine.settle(short.id)
        assert (world.cash(short), world.recorded(short)) == (story.cash[short] + wad(profit), 0)


def test_led_8_late_charges_have_a_bound(tampered: World) -> None:
    """Half the mark of each unit, 40, in all: of shorts of 0.2 that is 8, for both losses together.

    That so few are left of the other side is written past the rules.
    """
    world = tampered
    story = Story(world)
    world.chain.set_storage(world.engine, world.slot("freezes", 2), A_ONE << 104 | wad("0.2"))
    event = world.resolve(story.second, story.keeper).event("Resolved")
    assert (event.charged, event.to_shortfall) == (wad("7.04"), 0)
    event = world.resolve(story.first, story.keeper).event("Resolved")
    assert (event.charged, event.to_shortfall) == (wad("0.96"), wad("8.09"))
    assert world.engine.closing_k(0, 1, False) == -120 * 10**36
    assert world.state().shortfall == wad("8.09")


def test_led_8_nobody_left_to_charge(world: World) -> None:
    """The book's other side is gone: the loss becomes a shortfall."""
    trader = world.flat_and_bankrupt()
    extra = world.extra()
    assert (extra.left_long, extra.left_short) == (wad(10), 0)
    world.engine.set_allowance(0, 0, sender=world.owner)
    event = world.resolve(trader, world.party("keeper")).event("Resolved")
    assert (event.charged, event.to_shortfall) == (0, wad("23.5"))


def test_led_8_after_the_thaw_late_losses_are_shortfall(world: World, story: Story) -> None:
    """Claims may be paid then, so nobody is charged any more."""
    story.thaw()
    event = world.resolve(story.first, story.keeper).event("Resolved")
    assert (event.charged, event.to_shortfall) == (0, wad("9.05"))
    assert world.equity(story.large) == story.cash[story.large] + wad(24_000)


# -- thaw ------------------------------------------------------------------------------------------


def test_thaw_default(world: World, story: Story) -> None:
    """Anyone may; claims are paid as they mature from there on, and the market goes on."""
    world.chain.set_time(story.start + FREEZE)
    world.engine.thaw(0, sender=world.key("stranger"))
    extra = world.extra()
    assert (extra.frozen_until, extra.frozen_epoch) == (0, 0)
    assert (extra.left_long, extra.left_short) == (0, 0)
    world.engine.touch(story.large.id)
    # all of it is new to the record, so nothing of it has matured
    world.engine.settle(story.large.id)
    assert (world.cash(story.large), world.recorded(story.large)) == (
        story.cash[story.large],
        wad(24_000),
    )
    # half of it after two half-lives
    world.chain.mine(seconds=2 * 3_600)
    world.engine.settle(story.large.id)
    assert abs(world.cash(story.large) - story.cash[story.large] - wad(12_000)) < 10**9


def test_thaw_default_needs_no_oracle(world: World, story: Story) -> None:
    world.kill(0)
    world.chain.set_time(story.start + FREEZE)
    world.engine.thaw(0)
    assert world.extra().frozen_until == 0


def test_thaw_default_can_freeze_again(world: World, story: Story) -> None:
    """The second freeze has a day of its own and knows nothing of the first."""
    story.thaw()
    loser, maker = world.party("loser", 100), world.party("maker", 10_000)
    world.price(0, 100)
    world.trade(loser, maker, wad(10))
    world.price(0, 80)
    world.resolve(loser, story.keeper)
    extra = world.extra()
    assert (extra.frozen_until, extra.frozen_epoch) == (world.chain.timestamp + FREEZE, 2)
    assert (extra.left_long, extra.left_short) == (0, wad(10))
    # a leg of the book before it is not kept
    world.engine.touch(story.large.id)
    assert world.recorded(story.large) == wad(24_000)
    # but its claim waits, for it is in the same market
    world.matured(story.large)
    world.engine.settle(story.large.id)
    assert world.cash(story.large) == story.cash[story.large]


def test_thaw_emits_freeze_updated(world: World, story: Story) -> None:
    world.chain.set_time(story.start + FREEZE)
    receipt = world.engine.thaw(0)
    assert events(receipt) == ["MarketUpdated", "FreezeUpdated"]
    assert receipt.event("MarketUpdated").config >> 248 == 1
    assert of(receipt, "FreezeUpdated").args == {
        "market": 0,
        "freeze": 0,
        "long": 0,
        "short": 0,
    }


def test_thaw_reverts_too_early(world: World, story: Story) -> None:
    """Nobody, the owner neither, to the last second."""
    for time in (story.start, story.start + FREEZE - 1):
        world.chain.set_time(time)
        for sender in (world.owner, story.large.key):
            with reverts("thaw: too early"):
                world.engine.thaw(0, sender=sender)
    world.chain.set_time(story.start + FREEZE)
    world.engine.thaw(0)


def test_thaw_reverts_market_is_not_frozen(world: World, story: Story) -> None:
    """Never frozen, not listed, or thawed already."""
    story.thaw()
    for market in (0, 1, MARKETS, 15):
        with reverts("thaw: market is not frozen"):
            world.engine.thaw(market)


@pytest.mark.parametrize("market", [16, 255, 2**255, MAX])
def test_thaw_reverts_no_such_market(world: World, market: int) -> None:
    with reverts("thaw: market is not frozen"):
        world.engine.thaw(market)


def test_led_8_a_configuration_does_not_thaw(world: World, story: Story) -> None:
    """Neither the owner's nor the guardian's settings touch the freeze."""
    world.engine.set_market(0, Config(oi_cap=2 * 10**5 * WAD), sender=world.owner)
    world.engine.restrict_market(0, 1, True, sender=world.owner)
    world.engine.restrict_market(0, 0, False, sender=world.owner)
    assert world.extra().frozen_until == story.start + FREEZE
    with reverts("trading: market is frozen"):
        world.trade(story.large, story.lesser, WAD)
    with reverts("thaw: too early"):
        world.engine.thaw(0)


def test_led_8_no_claim_of_it_is_assigned(world: World, story: Story) -> None:
    """A resolve in another market leaves it where it is, and the account locked."""
    maker = world.party("maker", 100_000)
    world.trade(story.lesser, maker, wad(6_000), market=1)
    world.price(1, 70)
    event = world.resolve(story.lesser, story.keeper, 1).event("Resolved")
    assert event.claims == 0
    assert world.recorded(FUND) == 0
    assert world.engine.wallet(story.lesser.id).locked
