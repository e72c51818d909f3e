"""LIQ-4's lock, debt and critical close, and LED-8's frozen book. Market 0 stands at 100 quote."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from plimsoll.reference import Refused, Risk, account_id
from plimsoll.reference.numbers import A_ONE, FREEZE, FUND, WAD

OWNER = "0x" + "0a" * 20
STRANGER = "0x" + "77" * 20
WEAK, SELLER, HELPER, KEEPER, SECOND = 1, 2, 3, 4, 5
GIANT, POOR, POORER, SHORT, DEALER = 11, 12, 13, 14, 15
RISK = Risk(5 * 10**10, 2 * 10**10, 0, 0, 10**12, 0, 5 * 10**9, 10**13)


def address(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


def accounts(*numbers: int) -> list[int]:
    return [account_id(address(number)) for number in numbers]


# ---- critical close ----------------------------------------------------------------------------


@pytest.fixture
def critical(world: Any) -> int:
    """Long 10 from 100 with 400 quote beside a long of 30; at 60.5 it has E = 5 of MM = 90.75."""
    account: int = world.actor(WEAK, 400)
    for number in (SELLER, HELPER, SECOND):
        world.actor(number, 10_000)
    world.trade(WEAK, SELLER, 10 * WAD)
    world.trade(SECOND, SELLER, 30 * WAD)
    world.answer(0, 605 * WAD // 10)
    return account


def test_liq_4_a_critical_position_closes_and_nobody_pays(world: Any, critical: int) -> None:
    """The short of 40 becomes one of 30 at the same K; the account keeps 5, the fund its cash."""
    model, keeper = world.model, accounts(KEEPER)[0]
    seller, second = accounts(SELLER, SECOND)
    fund = model.account(FUND).cash
    equities = [model.equity(account) for account in (critical, seller, second)]
    model.resolve(STRANGER, critical, 0, keeper)
    assert model.positions(critical) == {}
    assert model.account(critical).cash == 5 * WAD
    assert [model.equity(account) for account in (critical, seller, second)] == equities
    assert (model.positions(seller), model.market_view(0)[0]) == ({0: -30 * WAD}, 30 * WAD)
    assert model.account(FUND).cash == fund
    assert (model.account(keeper).cash, model.account(critical).locked) == (0, False)
    assert model.identities() == []
    model.withdraw(address(WEAK), critical, 5 * 10**6, STRANGER)


def test_liq_4_a_critical_close_keeps_a_claim_and_its_reserve(world: Any) -> None:
    """Long 10 in both markets with 700; + 300 here, - 985 there: E = 15 of about 195 + 2.25.

    The winning leg closes: its claim of 300 stays, with all of its reserve.
    """
    model = world.model
    world.market(1)
    weak = world.actor(WEAK, 700)
    world.actor(SELLER, 100_000)
    for market in (0, 1):
        world.trade(WEAK, SELLER, 10 * WAD, market=market)
    world.answer(0, 130 * WAD)
    world.answer(1, 15 * WAD // 10)
    assert model.band(weak) == "critical"
    model.resolve(STRANGER, weak, 0, accounts(KEEPER)[0])
    leg = model.leg(weak, 0)
    assert (leg.basis, leg.pnl, model.reserve(leg)) == (0, 300 * WAD, 300 * WAD)
    assert model.identities() == []


def test_liq_4_a_critical_close_needs_a_position_there(world: Any, critical: int) -> None:
    """A market without one; and at 60.95, health 0.104, nothing is critical."""
    world.market(1)
    with pytest.raises(Refused, match="bankrupt"):
        world.model.resolve(STRANGER, critical, 1, accounts(KEEPER)[0])
    world.answer(0, 6095 * WAD // 100)
    with pytest.raises(Refused, match="bankrupt"):
        world.model.resolve(STRANGER, critical, 0, accounts(KEEPER)[0])


def test_liq_5_the_reward_of_a_resolve_is_a_share_of_what_it_closes(world: Any) -> None:
    """1/2,000 of 10 * 55 is 0.275: below the minimum of 1 nothing, with one of 0.2 all of it."""
    model = world.model
    weak = world.actor(WEAK, 400)
    for number in (SELLER, SECOND):
        world.actor(number, 10_000)
    world.trade(WEAK, SELLER, 10 * WAD)
    world.trade(SECOND, SELLER, 30 * WAD)
    world.answer(0, 55 * WAD)
    model.set_basefee(10**12)
    keeper = accounts(KEEPER)[0]
    early = model.copy()
    early.resolve(STRANGER, weak, 0, keeper)
    assert early.account(keeper).cash == 0
    model.set_reward(OWNER, replace(model.reward, minimum=WAD // 5))
    model.resolve(STRANGER, weak, 0, keeper)
    assert model.account(keeper).cash == 275 * WAD // 1_000


# ---- lock --------------------------------------------------------------------------------------


@pytest.fixture
def locked(world: Any) -> int:
    """Cash 620, long 10 in two markets: - 890 in market 1, where the fund has paid 270; - 50 in
    market 0, so that the account stays locked with that debt."""
    world.market(1)
    weak: int = world.actor(WEAK, 620)
    world.actor(SELLER, 100_000)
    world.actor(SECOND, 100_000)
    for market in (0, 1):
        world.trade(WEAK, SELLER, 10 * WAD, market=market)
        world.trade(SECOND, SELLER, 30 * WAD, market=market)
    world.model.settle(STRANGER, weak)
    world.answer(1, 11 * WAD)
    world.model.settle(STRANGER, weak)
    world.answer(0, 95 * WAD)
    world.model.resolve(STRANGER, weak, 1, accounts(KEEPER)[0])
    return weak


def test_liq_4_an_account_is_locked_until_it_is_flat(world: Any, locked: int) -> None:
    """Locked with 270 after the first resolve, free of lock and debt after the last."""
    model = world.model
    assert (model.account(locked).locked, model.account(locked).debt) == (True, 270 * WAD)
    model.resolve(STRANGER, locked, 0, accounts(KEEPER)[0])
    assert (model.account(locked).locked, model.account(locked).debt) == (False, 0)
    assert model.identities() == []


def test_liq_4_a_locked_account_neither_trades_nor_pays_out(world: Any, locked: int) -> None:
    """As taker, maker, liquidator and maker of a takeover's order; a deposit still comes in."""
    model, owner, helper = world.model, address(WEAK), account_id(address(HELPER))
    model.deposit(STRANGER, locked, 50_000 * 10**6)
    world.actor(HELPER, 300)
    world.answer(0, 100 * WAD)
    world.trade(HELPER, SECOND, 9 * WAD)
    world.answer(0, 75 * WAD)
    order = world.order(WEAK, WAD, 75 * WAD)
    calls = [
        lambda: world.trade(WEAK, SELLER, -WAD),
        lambda: world.trade(SELLER, WEAK, WAD),
        lambda: model.takeover(owner, helper, 0, WAD, locked),
        lambda: model.takeover_by_order(
            STRANGER, order, owner, helper, WAD, account_id(address(KEEPER))
        ),
        lambda: model.withdraw(owner, locked, 1, STRANGER),
    ]
    for each in calls:
        with pytest.raises(Refused, match="account is locked"):
            each()
    model.reclaim(STRANGER, locked)
    assert (model.account(locked).locked, model.account(locked).debt) == (False, 0)
    model.withdraw(owner, locked, 1, STRANGER)


def test_liq_4_reclaim_takes_cash_first_then_claims(world: Any, locked: int) -> None:
    """Market 0 goes to 110 and 15 are deposited: a claim of 100 and cash; the debt is 270.

    Cash beyond arrears and the claim go to the fund, 155 stay owed and the account stays locked.
    """
    model = world.model
    fund = model.account(FUND).cash
    world.answer(0, 110 * WAD)
    model.deposit(STRANGER, locked, 15 * 10**6)
    cash = model.account(locked).cash
    assert cash == 15 * WAD
    model.reclaim(STRANGER, locked)
    assert model.account(FUND).cash - fund == 15 * WAD
    assert model.leg(FUND, 0).pnl == 100 * WAD
    assert model.equity(locked) == 0
    assert (model.account(locked).locked, model.account(locked).debt) == (True, 155 * WAD)
    with pytest.raises(Refused, match="nothing to reclaim"):
        model.reclaim(STRANGER, locked)
    assert model.identities() == []


def test_liq_4_reclaim_leaves_what_is_beyond_the_debt(world: Any, locked: int) -> None:
    """1,000 deposited, the price of market 0 back at 100: 270 for the fund, 730 stay."""
    model = world.model
    world.answer(0, 100 * WAD)
    model.deposit(STRANGER, locked, 1_000 * 10**6)
    model.reclaim(STRANGER, locked)
    assert model.equity(locked) == 730 * WAD
    assert (model.account(locked).locked, model.account(locked).debt) == (False, 0)


def test_liq_4_reclaim_reverts_unless_locked(world: Any) -> None:
    with pytest.raises(Refused, match="not locked"):
        world.model.reclaim(STRANGER, world.actor(WEAK, 100))


# ---- frozen book -------------------------------------------------------------------------------


@pytest.fixture
def ending(new_world: Any) -> Any:
    """Longs: a giant of 10,000 units, poor ones of 2 and 3; all with 40 quote a unit, against two
    shorts of 9,000 and 1,005. At 58 each long lacks 2 a unit; nothing comes from the fund.

    The giant is resolved: 10,000 of 10,005 units go, so that the book ends. It lacked 20,000, which
    were charged to the shorts, 10,005 units of them, before the end.
    """
    world = new_world()
    world.market(risk=RISK, oi_cap=10**24, max_notional=10**30, penalty_max=500, allowance=0)
    for number, size in ((GIANT, 10_000), (POOR, 2), (POORER, 3)):
        world.actor(number, 40 * size)
    for number in (SHORT, DEALER):
        world.actor(number, 10**6)
    world.trade(GIANT, SHORT, 9_000 * WAD)
    world.trade(GIANT, DEALER, 1_000 * WAD)
    world.trade(POOR, DEALER, 2 * WAD)
    world.trade(POORER, DEALER, 3 * WAD)
    world.answer(0, 58 * WAD)
    world.model.resolve(STRANGER, accounts(GIANT)[0], 0, accounts(KEEPER)[0])
    return world


def test_led_8_a_book_that_resolve_ends_is_frozen(ending: Any) -> None:
    """5 units of the longs and all 10,005 of the shorts wait; sizes are 0, values are kept."""
    model = ending.model
    frozen = model.markets[0].frozen
    assert (frozen.until, frozen.epoch) == (model.time + FREEZE, 1)
    assert (frozen.left[1], frozen.left[-1]) == (5 * WAD, 10_005 * WAD)
    assert (frozen.a[1], frozen.a[-1], frozen.mark) == (A_ONE, A_ONE, 58 * WAD)
    poor, short = accounts(POOR, SHORT)
    assert model.positions(poor) == model.positions(short) == {}
    assert model.equity(poor) == -4 * WAD
    charged = 20_000 * WAD * 9_000 // 10_005
    assert abs(model.equity(short) - (10**6 + 42 * 9_000) * WAD + charged) < 10**6
    assert model.identities() == []


def test_led_8_while_frozen_nothing_is_paid_opened_or_marked(ending: Any) -> None:
    model = ending.model
    short = accounts(SHORT)[0]
    before = (model.account(short).cash, model.account_view(short)[1][0])
    for call in (model.touch, model.settle):
        call(STRANGER, short)
    assert (model.account(short).cash, model.account_view(short)[1][0]) == before
    ending.answer(0, 100 * WAD)
    with pytest.raises(Refused, match="frozen"):
        ending.trade(SHORT, DEALER, WAD)
    for seconds, reason in ((0, "stays"), (FREEZE - 1, "stays")):
        ending.pass_time(seconds)
        with pytest.raises(Refused, match=reason):
            model.thaw(STRANGER, 0)
    ending.pass_time(1)
    with pytest.raises(Refused, match="frozen"):
        ending.trade(SHORT, DEALER, WAD)
    model.thaw(STRANGER, 0)
    with pytest.raises(Refused, match="not frozen"):
        model.thaw(STRANGER, 0)
    ending.trade(SHORT, DEALER, WAD)
    assert model.leg(short, 0).pnl > 350_000 * WAD
    assert model.identities() == []


def test_led_8_what_a_frozen_loser_lacks_is_charged_to_the_other_side(ending: Any) -> None:
    """The poor one lacks 4: 4/10,005 a unit of the shorts' closing K; nothing to the shortfall."""
    model = ending.model
    poor, short, dealer, keeper = accounts(POOR, SHORT, DEALER, KEEPER)
    before = [model.equity(account) for account in (short, dealer)]
    model.resolve(STRANGER, poor, 0, keeper)
    paid = [b - model.equity(a) for a, b in zip((short, dealer), before, strict=True)]
    assert abs(paid[0] - 4 * WAD * 9_000 // 10_005) < 10**6
    assert 0 <= sum(paid) - 4 * WAD < 10**6
    assert (model.equity(poor), model.markets[0].shortfall) == (0, 0)
    assert model.markets[0].frozen.left[1] == 3 * WAD
    assert model.account(keeper).cash == 0
    with pytest.raises(Refused, match="bankrupt"):
        model.resolve(STRANGER, poor, 0, keeper)
    assert model.identities() == []


def test_led_8_a_freeze_charges_at_most_half_the_mark(ending: Any) -> None:
    """The poorer one lacks half of the mark and a little for each of 10,005 units: the rest is
    shortfall, and so is all that the poor one lacks afterwards."""
    model = ending.model
    poor, poorer, keeper = accounts(POOR, POORER, KEEPER)
    more = 29 * 10_005 * WAD + WAD
    model.leg(poorer, 0).pnl = 6 * WAD - more
    model.resolve(STRANGER, poorer, 0, keeper)
    assert model.markets[0].frozen.charged[-1] == 29 * WAD * A_ONE
    assert model.markets[0].shortfall == WAD
    model.resolve(STRANGER, poor, 0, keeper)
    assert model.markets[0].shortfall == 5 * WAD


def test_led_8_claims_are_the_same_whoever_comes_first(ending: Any) -> None:
    """The losers in any order, touches and settlements in between, the winners in any order: after
    the thaw each short has the same, but for the wei that a charge is rounded up by."""
    found = []
    for order in permutations((POOR, POORER, SHORT, DEALER)):
        model = ending.model.copy()
        for account, who in zip(accounts(*order), order, strict=True):
            model.settle(STRANGER, account)
            if who in (POOR, POORER):
                model.resolve(STRANGER, account, 0, accounts(KEEPER)[0])
            else:
                model.touch(STRANGER, account)
        model.set_time(model.time + FREEZE)
        model.thaw(STRANGER, 0)
        for number in order:
            model.touch(STRANGER, *accounts(number))
        assert model.markets[0].shortfall == 0
        found.append([model.equity(account) for account in accounts(SHORT, DEALER)])
        assert model.identities() == []
    for equities in zip(*found, strict=True):
        assert max(equities) - min(equities) < 10**5


def test_led_8_a_claim_in_a_frozen_market_keeps_its_account_locked(ending: Any) -> None:
    """The dealer has a claim of about 40,000 here and lacks more in another market: others pay, the
    claim cannot move, and when the market thaws it is the fund's."""
    world, model = ending, ending.model
    world.market(1, allowance=10**6 * WAD)
    dealer, keeper = accounts(DEALER, KEEPER)
    claim = model.equity(dealer) - model.account(dealer).cash
    assert 38_000 * WAD < claim < 42_000 * WAD
    world.actor(SECOND, 10**7)
    world.trade(SECOND, DEALER, 10_000 * WAD, market=1)
    world.answer(1, 210 * WAD)
    model.resolve(STRANGER, dealer, 1, keeper)
    debt = model.account(dealer).debt
    assert model.account(dealer).locked
    assert debt == 100_000 * WAD
    world.pass_time(FREEZE)
    model.thaw(STRANGER, 0)
    model.reclaim(STRANGER, dealer)
    assert (model.account(dealer).locked, model.equity(dealer)) == (False, 0)
    assert model.leg(FUND, 0).pnl + model.account(FUND).cash >= claim
    assert model.identities() == []
