"""LIQ: takeover, takeover by order, resolve and cover in worked figures.

Market 0 stands at 100 quote; an account long 10 with 400 quote has MM = 1.5 * price + impact.
"""

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.reference import Config, Refused, Reward, account_id
from plimsoll.reference.numbers import A_ONE, DAY, FREEZE, FUND, WAD

OWNER = "0x" + "0a" * 20
STRANGER = "0x" + "77" * 20
BACKER = "0x" + "bb" * 20
WEAK, SELLER, HELPER, KEEPER, SECOND = 1, 2, 3, 4, 5


def address(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


def accounts(*numbers: int) -> list[int]:
    return [account_id(address(number)) for number in numbers]


@pytest.fixture
def weak(world: Any) -> int:
    """Long 10 from 100 with 400 quote; at 70 it has E = 100 and MM = 105.000049.

    It was called and has not cured. Somebody else is long 90, so that a window has room for 10.
    """
    account = world.actor(WEAK, 400)
    for number in (SELLER, HELPER, SECOND):
        world.actor(number, 10_000)
    world.trade(WEAK, SELLER, 10 * WAD)
    world.trade(SECOND, SELLER, 90 * WAD)
    world.answer(0, 70 * WAD)
    world.call(account)
    return account


def take(world: Any, account: int, size: int, number: int = HELPER) -> None:
    world.model.takeover(address(number), account, 0, size, account_id(address(number)))


def by_order(world: Any, account: int, order: Any, size: int) -> None:
    world.model.takeover_by_order(
        STRANGER, order, address(HELPER), account, size, account_id(address(KEEPER))
    )


# ---- takeover ----------------------------------------------------------------------------------


def test_takeover_default(world: Any, weak: int) -> None:
    """2 of 10 units at 70 with E = 100, MM = 105.000049.

    d = 0.2 % + floor(0.8 % * 5.000049 / 105.000049), penalty = 140 * d, half of it to the helper.
    The loss of 300 is paid at once, so that the cash is 100 - penalty.
    """
    model = world.model
    fund, helper = model.account(FUND).cash, accounts(HELPER)[0]
    mm = 105 * WAD + 49 * 10**12
    assert model.margin(weak)[0] == mm
    rate = 2 * 10**15 + 8 * 10**15 * (mm - 100 * WAD) // mm
    penalty = 140 * rate
    take(world, weak, 2 * WAD)
    assert model.account(weak).cash == 100 * WAD - penalty
    assert model.account(helper).cash == 10_000 * WAD + penalty // 2
    assert model.account(FUND).cash - fund == penalty - penalty // 2
    assert (model.positions(weak), model.positions(helper)) == ({0: 8 * WAD}, {0: 2 * WAD})
    assert model.market_view(0)[0] == 100 * WAD
    assert model.identities() == []


def test_takeover_reverts_unless_liquidatable(world: Any, weak: int) -> None:
    """Health 1 or more, E <= 0, a slice out of range, oneself, a stranger, a dead feed."""
    for price in (75, 60, 55):
        world.answer(0, price * WAD)
        with pytest.raises(Refused, match="liquidatable"):
            take(world, weak, WAD)
    world.answer(0, 70 * WAD)
    for size in (0, 10 * WAD + 1):
        with pytest.raises(Refused, match="range"):
            take(world, weak, size)
    with pytest.raises(Refused):
        take(world, weak, WAD, WEAK)
    with pytest.raises(Refused):
        world.model.takeover(STRANGER, weak, 0, WAD, accounts(HELPER)[0])
    world.model.set_answer(0, None, world.model.time)
    with pytest.raises(Refused, match="fresh"):
        take(world, weak, WAD)


def test_takeover_largest_slice_is_exact(world: Any, weak: int) -> None:
    """TAU: the bisected slice passes, one wei more does not; about 2.4 units."""
    q = world.model.largest_slice(weak, 0)
    assert 24 * WAD // 10 < q < 25 * WAD // 10
    with pytest.raises(Refused, match="too large"):
        take(world, weak, q + 1)
    with pytest.raises(Refused, match="whole"):
        take(world, weak, 10 * WAD)
    take(world, weak, q)


def test_takeover_whole_below_the_minimum_size(new_world: Any) -> None:
    """Minimum 600 quote: with 8.6 of 10 units left health is within TAU, so all may go."""
    world = new_world()
    world.market(min_notional=600 * WAD)
    weak = world.actor(WEAK, 400)
    for number in (SELLER, HELPER):
        world.actor(number, 10_000)
    world.trade(WEAK, SELLER, 10 * WAD)
    world.answer(0, 70 * WAD)
    world.call(weak)
    assert world.model.largest_slice(weak, 0) == 10 * WAD
    with pytest.raises(Refused, match="minimum"):
        take(world, weak, 2 * WAD)
    take(world, weak, 10 * WAD)
    assert world.model.positions(weak) == {}


def test_takeover_penalty_is_at_most_its_share_of_equity(world: Any, weak: int) -> None:
    """At 60.1 equity is 1: d = 0.8 * 1 / 601 is less than 0.2 %; half the position costs 0.4."""
    world.answer(0, 601 * WAD // 10)
    take(world, weak, 5 * WAD)
    left = world.model.equity(weak)
    assert 6 * WAD // 10 - 1_000 <= left <= 6 * WAD // 10 + 1_000


def test_takeover_assigns_claims_when_cash_is_owed(world: Any) -> None:
    """Cash 700 is owed for arrears of 990 elsewhere: the penalty moves the claim of 500."""
    model = world.model
    world.market(1)
    weak = world.actor(WEAK, 700)
    for number in (SELLER, HELPER):
        world.actor(number, 20_000)
    for market in (0, 1):
        world.trade(WEAK, SELLER, 10 * WAD, market=market)
    world.answer(0, 150 * WAD)  # + 500
    world.answer(1, WAD)  # - 990: E = 210, MM = 225
    assert model.band(weak) == "called"
    world.call(weak)
    take(world, weak, WAD)
    helper = accounts(HELPER)[0]
    moved = [model.account_view(who)[1][0][0] for who in (helper, FUND)]
    assert 0 < moved[0] <= moved[1] <= moved[0] + 1
    assert model.account(weak).cash == 700 * WAD
    assert model.account_view(weak)[1][0][0] == 500 * WAD - sum(moved)
    assert model.identities() == []


# ---- takeover by order -------------------------------------------------------------------------


def test_takeover_by_order_default(world: Any, weak: int) -> None:
    """2 units sold at 69.95, mark 70: the account loses 0.1, the maker gains a claim of 0.1.

    Half of the penalty of 140 * d, about 0.143, less 0.1 is below the minimum reward of 1: the
    keeper gets nothing and the interval does not start; the rest of the penalty goes to the fund.
    """
    model = world.model
    model.set_basefee(0)
    rate = 2 * 10**15 + 8 * 10**15 * (5 * WAD + 49 * 10**12) // (105 * WAD + 49 * 10**12)
    by_order(world, weak, world.order(HELPER, 2 * WAD, 6995 * WAD // 100), 2 * WAD)
    helper, keeper = accounts(HELPER, KEEPER)
    assert model.account(weak).cash == 100 * WAD - 140 * rate
    assert model.account(keeper).cash == 0
    assert model.account_view(helper)[1][0][:2] == (WAD // 10, 2 * WAD)
    assert model.account(weak).rewarded_at == 0
    assert model.identities() == []


def test_takeover_by_order_at_a_better_price(world: Any, weak: int) -> None:
    """Half a unit sold 1 above the mark: a gain of 0.5; no second reward in the interval."""
    model = world.model
    by_order(world, weak, world.order(HELPER, WAD, 70 * WAD), WAD)
    cash = model.account(accounts(KEEPER)[0]).cash
    world.answer(0, 65 * WAD)  # less than 0.7 of MM: at once
    before = model.equity(weak)
    by_order(world, weak, world.order(HELPER, WAD // 2, 66 * WAD), WAD // 2)
    assert model.account(accounts(KEEPER)[0]).cash == cash
    assert model.equity(weak) > before
    assert model.identities() == []


def test_takeover_by_order_reverts(world: Any, weak: int) -> None:
    """The wrong side, a loss above the penalty (0.3 against about 0.167), bad keepers."""
    with pytest.raises(Refused, match="side"):
        by_order(world, weak, world.order(HELPER, -WAD, 70 * WAD), WAD)
    with pytest.raises(Refused, match="penalty"):
        by_order(world, weak, world.order(HELPER, WAD, 697 * WAD // 10), WAD)
    order = world.order(HELPER, WAD, 70 * WAD)
    for keeper in (weak, accounts(HELPER)[0], FUND):
        with pytest.raises(Refused, match="keeper"):
            world.model.takeover_by_order(STRANGER, order, address(HELPER), weak, WAD, keeper)


# ---- resolve -----------------------------------------------------------------------------------


def lose(world: Any, price: int, others: int) -> int:
    """Long 10 with 310 quote, next to a sound long of `others` units, at a new price."""
    broke = world.actor(WEAK, 310)
    for number in (SELLER, SECOND):
        world.actor(number, 100_000)
    world.trade(WEAK, SELLER, 10 * WAD)
    if others:
        world.trade(SECOND, SELLER, others * WAD)
    world.answer(0, price * WAD)
    return broke


def test_resolve_charges_what_the_fund_does_not_pay(new_world: Any) -> None:
    """310 of cash against a loss of 400: the fund's allowance pays 50, the shorts 40.

    40 over an open interest of 40 is 1 a unit: the short of 40 has 1,600 - 40. A falls by a
    quarter: its size is 30. The allowance is used up, so the keeper gets nothing.
    """
    world = new_world()
    world.market(allowance=50 * WAD)
    model, broke = world.model, lose(world, 60, 30)
    seller, keeper = accounts(SELLER, KEEPER)
    model.resolve(STRANGER, broke, 0, keeper)
    assert model.equity(seller) == 100_000 * WAD + 1_560 * WAD
    assert model.positions(seller) == {0: -30 * WAD}
    assert model.market_view(0)[0] == 30 * WAD
    assert model.markets[0].short.a == 75 * A_ONE // 100
    assert model.account_view(broke) == (0, ((0, 0, 0, 0, 0),) * 16)
    assert model.account(keeper).cash == 0
    assert model.identities() == []


def test_resolve_of_all_open_interest_ends_the_book(new_world: Any) -> None:
    """Without other longs both epochs end at 60 (less the charge of 4 a unit), and OI is 0."""
    world = new_world()
    world.market(allowance=50 * WAD)
    model, broke = world.model, lose(world, 60, 0)
    seller, keeper = accounts(SELLER, KEEPER)
    model.resolve(STRANGER, broke, 0, keeper)
    assert model.market_view(0)[0] == 0
    assert model.market_view(0)[3:] == (A_ONE, 0, 2, A_ONE, 0, 2)
    assert model.positions(seller) == {}
    world.pass_time(FREEZE)
    model.thaw(STRANGER, 0)
    model.touch(STRANGER, seller)
    world.mature()
    model.settle(STRANGER, seller)
    assert model.account(seller).cash == 100_000 * WAD + 360 * WAD
    assert model.identities() == []


def test_resolve_pays_the_keeper_from_the_fund(world: Any) -> None:
    """Loss of 90 in full from the fund, then the minimum reward of 0.25 (base fee 0)."""
    model, broke = world.model, lose(world, 60, 30)
    model.set_reward(OWNER, replace(model.reward, minimum=WAD // 4))
    fund = model.account(FUND).cash
    keeper = accounts(KEEPER)[0]
    model.resolve(STRANGER, broke, 0, keeper)
    assert fund - model.account(FUND).cash == 90 * WAD + WAD // 4
    assert model.account(keeper).cash == WAD // 4
    assert model.equity(accounts(SELLER)[0]) == 101_600 * WAD


def test_resolve_charge_is_cut_at_half_the_mark(new_world: Any) -> None:
    """At 8 the loss of 610 is 61 a unit of OI: 4 a unit are charged, 570 are shortfall."""
    world = new_world()
    world.market(allowance=0)
    model, broke = world.model, lose(world, 8, 0)
    model.resolve(STRANGER, broke, 0, accounts(KEEPER)[0])
    assert model.markets[0].shortfall == 570 * WAD
    assert model.equity(accounts(SELLER)[0]) == 100_000 * WAD + 880 * WAD
    assert model.identities() == []


def test_resolve_takes_claims_for_what_the_fund_pays(world: Any) -> None:
    """Claim of 200 in market 0 that has not matured, arrears of 890 in market 1, cash 600.

    All but 290 of the arrears are paid; the fund takes the claim of 200 with its reserve and pays
    the 290. 90 were paid by others, and the other leg is live: the account is locked.
    """
    model = world.model
    world.market(1)
    broke = world.actor(WEAK, 600)
    world.actor(SELLER, 100_000)
    for market in (0, 1):
        world.trade(WEAK, SELLER, 10 * WAD, market=market)
    world.answer(0, 120 * WAD)
    world.answer(1, 11 * WAD)
    fund = model.account(FUND).cash
    model.resolve(STRANGER, broke, 1, accounts(KEEPER)[0])
    assert model.account_view(FUND)[1][0][0] == 200 * WAD
    assert model.reserve(model.leg(FUND, 0)) == 200 * WAD
    assert fund - model.account(FUND).cash == 290 * WAD
    assert (model.account(broke).locked, model.account(broke).debt) == (True, 90 * WAD)
    assert model.positions(broke) == {0: 10 * WAD}
    assert model.identities() == []


def test_resolve_reverts(world: Any) -> None:
    """Not bankrupt, a keeper without owner, a market without arrears or position, a dead feed."""
    model, broke = world.model, lose(world, 71, 30)
    world.market(1)
    keeper = accounts(KEEPER)[0]
    with pytest.raises(Refused, match="bankrupt"):
        model.resolve(STRANGER, broke, 0, keeper)
    world.answer(0, 60 * WAD)
    for market, receiver in ((1, keeper), (0, FUND), (0, broke), (2, keeper)):
        with pytest.raises(Refused):
            model.resolve(STRANGER, broke, market, receiver)
    model.set_answer(0, 60 * WAD, model.time - 4_000)
    with pytest.raises(Refused, match="fresh"):
        model.resolve(STRANGER, broke, 0, keeper)


def test_cover_and_the_allowance_bucket(new_world: Any) -> None:
    """Shortfall 570, bucket of 0 raised to 100: empty, half full after 12 hours, then full."""
    world = new_world()
    world.market(allowance=0)
    model, broke = world.model, lose(world, 8, 0)
    model.resolve(STRANGER, broke, 0, accounts(KEEPER)[0])
    model.set_allowance(OWNER, 0, 100 * WAD)
    with pytest.raises(Refused, match="nothing"):
        model.cover(STRANGER, 0)
    model.set_time(model.time + DAY // 2)
    model.cover(STRANGER, 0)
    assert model.markets[0].shortfall == 520 * WAD
    model.set_time(model.time + 10 * DAY)
    model.cover(STRANGER, 0)
    assert model.markets[0].shortfall == 420 * WAD
    assert model.identities() == []


def test_liq_5_reward_formula(world: Any) -> None:
    """300,000 gas * 20 gwei * 3,000 quote * 1.1 = 19.8; capped at 50; base fee at 1e15 wei."""
    model = world.model
    model.set_basefee(20 * 10**9)
    assert model.reward_formula() == 198 * WAD // 10
    model.set_basefee(10**30)
    assert model.reward_formula() == 50 * WAD
    model.set_basefee(0)
    assert model.reward_formula() == WAD


# ---- listing and shares ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"oi_cap": 2**96 + 1},
        {"min_notional": 10 * WAD + 1},
        {"max_notional": 10 * WAD - 1},
        {"band": 50_001},
        {"penalty_max": 1_001},
        {"penalty_min": 1_001},
        {"maker_fee": 10_001},
        {"oi_cap": 10**24 + 1},
    ],
)
def test_set_market_reverts_out_of_range(world: Any, change: dict[str, int]) -> None:
    """Section 8, and MRG-6: depth 1e8 times share 1 carries at most 1e6 units at 100."""
    rules: Config = world.model.markets[0].rules
    with pytest.raises(Refused):
        world.model.set_market(OWNER, 0, Config(**{**rules.__dict__, **change}))


def test_mrg_6_a_reduce_only_market_may_outgrow_its_depth(world: Any) -> None:
    """The cap of 1e22 units at 100 is all that depth and share carry; at 101 it is too much."""
    model = world.model
    rules: Config = replace(model.markets[0].rules, oi_cap=10**24)
    model.set_market(OWNER, 0, rules)
    world.answer(0, 101 * WAD)
    with pytest.raises(Refused, match="depth"):
        model.set_market(OWNER, 0, rules)
    model.set_market(OWNER, 0, replace(rules, reduce_only=True))


@pytest.mark.parametrize(
    "change",
    [
        {"gas_units": 2**24},
        {"native_price": 1},
        {"native_price": 2**64 * 10**9},
        {"premium": 50_001},
        {"minimum": 51 * WAD},
        {"minimum": WAD + 1},
        {"cap": 2**64 * 10**9},
        {"interval": 59},
        {"interval": 7 * DAY + 1},
    ],
)
def test_set_reward_reverts_out_of_range(world: Any, change: dict[str, int]) -> None:
    """Section 8: each value one beyond its end, or off its step."""
    model = world.model
    good = Reward(2**24 - 1, (2**64 - 1) * 10**9, 50_000, WAD, 50 * WAD, 7 * DAY)
    model.set_reward(OWNER, good)
    with pytest.raises(Refused):
        model.set_reward(OWNER, replace(good, **change))


def test_liq_8_fund_shares(world: Any) -> None:
    """1,000,000 in, 0.0001 spent on the buffer of market 0: a share is worth 0.9999999999.

    With a claim of 100 and a shortfall of 300, deposits are priced at 100 above the cash and
    redemptions at 300 below it, and a round trip loses.
    """
    model = world.model
    cash = model.account(FUND).cash
    assert cash == 10**6 * WAD - 10**14
    assert model.share_supply == 10**6 * WAD
    model.leg(FUND, 0).pnl = 100 * WAD
    model.markets[0].shortfall = 300 * WAD
    assert model.deposit_worth() == cash + 100 * WAD
    assert model.redemption_worth() == cash - 300 * WAD
    shares = model.fund_deposit(STRANGER, 1_000 * 10**6, STRANGER)
    assert shares == 1_000 * WAD * (10**6 * WAD + 10**12) // (cash + 100 * WAD + 10**12)
    with pytest.raises(Refused):
        model.fund_redeem(STRANGER, shares, STRANGER, STRANGER)
    model.fund_request(STRANGER, shares, STRANGER)
    world.wait_for_window(STRANGER)
    assets = model.fund_redeem(STRANGER, shares, STRANGER, STRANGER)
    assert 999 * 10**6 < assets < 1_000 * 10**6
    with pytest.raises(Refused):
        model.fund_redeem(STRANGER, 1, STRANGER, BACKER)


def test_liq_8_mint_and_withdraw_round_against_the_caller(world: Any) -> None:
    """What is minted costs at least its worth, what is withdrawn burns at least its worth."""
    model = world.model
    paid = model.fund_mint(STRANGER, 7 * WAD + 1, STRANGER)
    assert paid == 7 * 10**6
    model.fund_request(STRANGER, 7 * WAD + 1, STRANGER)
    world.wait_for_window(STRANGER)
    burned = model.fund_withdraw(STRANGER, paid - 1, STRANGER, STRANGER)
    assert 0 < burned <= 7 * WAD + 1
    assert model.identities() == []


def test_liq_8_request_bears_losses_and_expires(world: Any) -> None:
    """Half is asked for; a loss of a tenth before the window is the requester's as well."""
    model = world.model
    assert model.fund_request(BACKER, 500_000 * WAD, BACKER) == model.time + 7 * 86_400
    assert model.shares[int(BACKER, 16)] == 500_000 * WAD
    with pytest.raises(Refused):  # one at a time
        model.fund_request(BACKER, WAD, BACKER)
    with pytest.raises(Refused):  # and nobody else's
        model.fund_request(STRANGER, WAD, BACKER)
    model.account(FUND).cash = 900_000 * WAD
    world.wait_for_window(BACKER)
    paid = model.fund_redeem(BACKER, 250_000 * WAD, BACKER, BACKER)
    assert paid in (225_000 * 10**6 - 1, 225_000 * 10**6)
    model.set_time(model.time + 86_400)
    with pytest.raises(Refused):
        model.fund_redeem(BACKER, 1, BACKER, BACKER)
    # the expired part comes back with the next request
    model.fund_request(BACKER, 750_000 * WAD, BACKER)
    assert model.shares[int(BACKER, 16)] == 0
    assert model.fund_cancel(BACKER) == 750_000 * WAD
    with pytest.raises(Refused):
        model.fund_cancel(BACKER)


def test_liq_8_new_series(world: Any) -> None:
    """A loss of all but 0.4 of 1,000,000: a share is worth 4e-7, and 1e6 of them become one.

    The worth of the old shares stays, 0.4, and so does their part of what comes in; requests are
    counted anew like balances.
    """
    model = world.model
    model.fund_request(BACKER, 250_000 * WAD + 7, BACKER)
    model.account(FUND).cash = 4 * WAD // 10
    shares = model.fund_deposit(STRANGER, 1_000 * 10**6, STRANGER)
    assert (model.series, model.share_supply - shares) == (1, WAD)
    assert model.redeem_request(BACKER)[0] == WAD // 4
    assert model.shares[int(BACKER, 16)] == 3 * WAD // 4 - 1
    assert shares == 1_000 * WAD * (WAD + 10**12) // (4 * WAD // 10 + 10**12)
    world.wait_for_window(BACKER)
    assert model.fund_redeem(BACKER, WAD // 4, BACKER, BACKER) == 100_000
