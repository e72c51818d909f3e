"""LIQ-7: other collateral. Market 0 is at 100 with MM = 15 % and IM = 30 % of a notional, exactly.

A GEM (18 decimals) is 2,000 quote with a haircut of 20 %, so it counts for 1,600; a BIT (8
decimals) is 50,000 with 50 %.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.reference import Model, Refused, Risk, account_id
from plimsoll.reference.numbers import DAY, FUND, PATIENCE, SALE, TREASURY, VOID, WAD

OWNER = "0x" + "0a" * 20
STRANGER = "0x" + "77" * 20
GUARDIAN = "0x" + "99" * 20
OPERATOR = "0x" + "88" * 20
VAULT = "0x" + "ee" * 20
QUOTE = "0x" + "cc" * 20
GEM, BIT, ODD = ("0x" + digits * 20 for digits in ("6e", "b1", "0d"))
GEM_MARKET, BIT_MARKET = 5, 6
WEAK, SELLER, HELPER, KEEPER = 1, 2, 3, 4
RISK = Risk(5 * 10**10, 2 * 10**10, 10**10, 0, 10**8, 0, 10**10, 10**12)
UNITS = 10**6
NO_LIMIT = 2**256 - 1


def address(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


def account_of(number: int) -> int:
    return account_id(address(number))


def add_vault(world: Any) -> None:
    """The vault with both tokens; their markets have feeds and are not listed in the engine."""
    model = world.model
    model.set_vault(OWNER, VAULT)
    for market, price in ((GEM_MARKET, 2_000 * WAD), (BIT_MARKET, 50_000 * WAD)):
        world.answer(market, price)
        model.set_feed(OWNER, market, 3_600, 0, 80)
    model.list_token(OWNER, GEM, 18, GEM_MARKET, 20_000, 1_000 * WAD)
    model.list_token(OWNER, BIT, 8, BIT_MARKET, 50_000, 10 * WAD)


@pytest.fixture
def vaulted(new_world: Callable[[], Any]) -> Any:
    """A world with market 0 and the vault."""
    world = new_world()
    world.market(risk=RISK)
    add_vault(world)
    return world


@pytest.fixture
def weak(vaulted: Any) -> int:
    """Cash 45 and a quarter of a GEM (400), long 10 from 100: E = 10*p - 555, MM = 1.5*p."""
    account: int = vaulted.actor(WEAK, 45)
    for number in (SELLER, HELPER):
        vaulted.actor(number, 100_000)
    vaulted.model.vault_deposit(address(WEAK), account, GEM, WAD // 4)
    vaulted.trade(WEAK, SELLER, 10 * WAD)
    vaulted.trade(HELPER, SELLER, 30 * WAD)
    return account


def buy(world: Any, account: int, amount: int, token: str = GEM, limit: int = NO_LIMIT) -> int:
    paid: int = world.model.buy(STRANGER, account, token, amount, limit, STRANGER)
    return paid


def refused(reason: str, call: Callable[..., Any], *args: Any) -> None:
    with pytest.raises(Refused, match=reason):
        call(*args)


# ---- value -------------------------------------------------------------------------------------


def test_liq_7_worth_of_two_tokens(vaulted: Any) -> None:
    """A quarter of a GEM is 500 less 100; 0.01 BIT are 10**6 units, 500 less 250."""
    model, account = vaulted.model, vaulted.actor(WEAK, 7)
    model.vault_deposit(address(WEAK), account, GEM, WAD // 4)
    model.vault_deposit(address(WEAK), account, BIT, 10**6)
    assert model.worth(account) == (650 * WAD, 650 * WAD)
    assert model.equity(account) == model.initial_equity(account) == 657 * WAD
    assert model.identities() == []


def test_liq_7_worth_rounds_down_per_token(vaulted: Any) -> None:
    """3 wei of GEM at 1.25 quote less 20 % are 3; at 1.24 they are 2.976."""
    model, account = vaulted.model, vaulted.actor(WEAK)
    model.vault_deposit(address(WEAK), account, GEM, 3)
    for price, worth in ((125, 3), (124, 2)):
        vaulted.answer(GEM_MARKET, price * WAD // 100)
        assert model.worth(account) == (worth, worth)


@pytest.mark.parametrize(("other", "worth"), [(2_200, 440), (1_800, 400)])
def test_liq_7_a_diverged_price_is_the_better_one(
    vaulted: Any, weak: int, other: int, worth: int
) -> None:
    """The reference says 2,200 or 1,800; neither adds to what new risk may stand on."""
    model = vaulted.model
    model.set_reference_answer(GEM_MARKET, 2_000 * WAD, model.time)
    model.set_reference(OWNER, GEM_MARKET, 3_600, 10**7)
    model.set_reference_answer(GEM_MARKET, other * WAD, model.time)
    assert model.worth(weak) == (worth * WAD, 0)


@pytest.mark.parametrize("answer", [2_500 * WAD, None])
def test_liq_7_a_dead_feed_counts_for_a_day(vaulted: Any, weak: int, answer: int | None) -> None:
    """Its own answer of 2,500 when it is old, the stored 2,000 when it fails; for a day after its
    heartbeat or the last checkpoint, and never for new risk."""
    model, began = vaulted.model, vaulted.model.time
    worth = 500 * WAD if answer else 400 * WAD
    ends = began + DAY if answer is None else began + 3_600 + DAY
    model.set_time(ends)
    model.set_answer(GEM_MARKET, answer, began)
    assert model.worth(weak) == (worth, 0)
    model.set_time(ends + 1)
    assert model.worth(weak) == (0, 0)
    model.set_answer(GEM_MARKET, 2_000 * WAD, model.time)
    assert model.worth(weak) == (400 * WAD, 400 * WAD)


def test_liq_7_a_checkpoint_begins_another_day(vaulted: Any, weak: int) -> None:
    model = vaulted.model
    vaulted.pass_time(DAY // 2)
    model.checkpoint(STRANGER, 1 << GEM_MARKET)
    model.set_answer(GEM_MARKET, None, 0)
    model.set_time(model.time + DAY)
    assert model.worth(weak)[0] == 400 * WAD


def test_mrg_1_margin_stands_on_collateral(vaulted: Any, weak: int) -> None:
    """Long 10 needs 300 at first: 45 of cash and 400. More is refused when the feed is old."""
    model = vaulted.model
    assert model.margin(weak) == (150 * WAD, 300 * WAD)
    assert model.initial_equity(weak) == 445 * WAD
    vaulted.trade(WEAK, SELLER, WAD)
    model.set_answer(GEM_MARKET, 2_000 * WAD, model.time - 3_601)
    refused("below initial margin", vaulted.trade, WEAK, SELLER, WAD)
    vaulted.trade(WEAK, SELLER, -WAD)


def test_liq_7_the_house_has_none_that_counts(vaulted: Any, weak: int) -> None:
    """What was seized is in the fund's account, at value zero."""
    model = vaulted.model
    vaulted.answer(0, 55 * WAD)
    model.set_answer(GEM_MARKET, None, 0)
    vaulted.model.set_time(model.time + DAY + 1)
    vaulted.answer(0, 55 * WAD)
    equity = model.equity(FUND)
    model.open_sale(STRANGER, weak)
    vaulted.pass_time(SALE)
    model.seize(STRANGER, weak, GEM)
    assert (model.units_of(FUND, GEM), model.units_of(weak, GEM)) == (WAD // 4, 0)
    vaulted.answer(GEM_MARKET, 2_000 * WAD)
    assert model.equity(FUND) == equity
    assert model.worth(FUND) == model.worth(TREASURY) == (0, 0)


# ---- deposit and withdraw ----------------------------------------------------------------------


def test_liq_7_deposit_reverts(vaulted: Any) -> None:
    model, account = vaulted.model, vaulted.actor(WEAK)
    me = address(WEAK)
    refused("does not act", model.vault_deposit, STRANGER, account, GEM, 1)
    refused("does not act", model.vault_deposit, STRANGER, FUND, GEM, 1)
    refused("not listed", model.vault_deposit, me, account, ODD, 1)
    refused("nothing to deposit", model.vault_deposit, me, account, GEM, 0)
    refused("cap", model.vault_deposit, me, account, GEM, 1_000 * WAD + 1)
    refused("cap", model.vault_deposit, me, account, BIT, 10**9 + 1)
    model.vault_deposit(me, account, BIT, 10**9)
    refused("cap", model.vault_deposit, me, account, BIT, 1)
    model.set_operator(me, OPERATOR, True)
    model.vault_deposit(OPERATOR, account, GEM, 1)
    vaulted.model.set_answer(GEM_MARKET, 2_000 * WAD, model.time - 3_601)
    refused("not fresh", model.vault_deposit, me, account, GEM, 1)
    assert model.units_of(account, GEM) == 1


def test_liq_7_without_a_vault_nothing_comes_in(new_world: Callable[[], Any]) -> None:
    model = new_world().model
    refused("not listed", model.vault_deposit, address(WEAK), account_of(WEAK), GEM, 1)
    refused("vault is zero", model.set_vault, OWNER, "0x00")
    refused("owner", model.set_vault, STRANGER, VAULT)
    model.set_answer(GEM_MARKET, 2_000 * WAD, model.time)
    model.set_feed(OWNER, GEM_MARKET, 3_600, 0, 80)
    model.list_token(OWNER, GEM, 18, GEM_MARKET, 20_000, WAD)
    refused("no vault", model.vault_deposit, address(WEAK), account_of(WEAK), GEM, 1)
    model.set_vault(OWNER, VAULT)
    refused("vault is set", model.set_vault, OWNER, VAULT)
    model.vault_deposit(address(WEAK), account_of(WEAK), GEM, 1)


def test_liq_7_a_deposit_must_bring_the_margin_back(vaulted: Any, weak: int) -> None:
    """At 55 E = -5 of MM = 82.5: 87.5 are missing, 0.0546875 GEM; one wei less is refused."""
    model, me = vaulted.model, address(WEAK)
    vaulted.answer(0, 55 * WAD)
    missing = 546_875 * 10**11
    refused("below maintenance", model.vault_deposit, me, weak, GEM, missing - 1)
    model.vault_deposit(me, weak, GEM, missing)
    assert model.equity(weak) == model.margin(weak)[0] == 82_500 * 10**15


def test_liq_7_a_deposit_into_a_locked_account_reverts(vaulted: Any, weak: int) -> None:
    vaulted.model.account(weak).locked = True
    refused("locked", vaulted.model.vault_deposit, address(WEAK), weak, GEM, 1)
    refused("locked", vaulted.model.vault_withdraw, address(WEAK), weak, GEM, 1, STRANGER)


def test_liq_7_withdraw_keeps_the_initial_margin(vaulted: Any, weak: int) -> None:
    """E_init = 445 of IM = 300: 145 may go, 0.090625 GEM."""
    model, me = vaulted.model, address(WEAK)
    most = 90_625 * 10**12
    refused("initial margin", model.vault_withdraw, me, weak, GEM, most + 1, STRANGER)
    refused("own", model.vault_withdraw, STRANGER, weak, GEM, 1, STRANGER)
    refused("own", model.vault_withdraw, OWNER, FUND, GEM, 1, STRANGER)
    refused("nothing", model.vault_withdraw, me, weak, GEM, 0, STRANGER)
    refused("more than is there", model.vault_withdraw, me, weak, BIT, 1, STRANGER)
    refused("not listed", model.vault_withdraw, me, weak, ODD, 1, STRANGER)
    model.set_operator(me, OPERATOR, True)
    refused("own", model.vault_withdraw, OPERATOR, weak, GEM, 1, STRANGER)
    model.vault_withdraw(me, weak, GEM, most, STRANGER)
    assert model.initial_equity(weak) == 300 * WAD
    assert model.identities() == []


def test_liq_7_withdraw_needs_fresh_legs(vaulted: Any, weak: int) -> None:
    model = vaulted.model
    model.set_answer(0, 100 * WAD, model.time - 3_601)
    refused("not fresh", model.vault_withdraw, address(WEAK), weak, GEM, 1, STRANGER)


def test_liq_7_no_collateral_leaves_while_there_are_arrears(vaulted: Any, weak: int) -> None:
    """At 95 L = 50 and cash is 45, whatever the margin is; with 5 more some may go."""
    model, me = vaulted.model, address(WEAK)
    vaulted.answer(0, 95 * WAD)
    assert model.initial_equity(weak) > model.margin(weak)[1] + WAD
    refused("has arrears", model.vault_withdraw, me, weak, GEM, 1, STRANGER)
    model.deposit(STRANGER, weak, 5 * UNITS)
    model.vault_withdraw(me, weak, GEM, 1, STRANGER)


def test_liq_7_no_collateral_leaves_while_arrears_are_noted(vaulted: Any, weak: int) -> None:
    """Noted at 95; at 100 there are none any more, and a settle finds it out."""
    model, me = vaulted.model, address(WEAK)
    vaulted.answer(0, 95 * WAD)
    model.note_arrears(STRANGER, weak)
    model.deposit(STRANGER, weak, 5 * UNITS)
    refused("noted", model.vault_withdraw, me, weak, GEM, 1, STRANGER)
    model.settle(STRANGER, weak)
    model.vault_withdraw(me, weak, GEM, 1, STRANGER)


def test_led_6_a_flat_account_asks_no_oracle(vaulted: Any) -> None:
    """Every feed is dead, and all of it leaves."""
    model, account = vaulted.model, vaulted.actor(WEAK)
    model.vault_deposit(address(WEAK), account, GEM, 5)
    for market in (0, GEM_MARKET):
        model.set_answer(market, None, 0)
    model.vault_withdraw(address(WEAK), account, GEM, 5, STRANGER)
    assert not model.is_pledged(account)


def test_liq_7_cash_leaves_beside_collateral(vaulted: Any, weak: int) -> None:
    """At 97 L = 30 of cash 45: 15 may go, though E_init is 124 above IM."""
    model, me = vaulted.model, address(WEAK)
    vaulted.answer(0, 97 * WAD)
    assert model.initial_equity(weak) - model.margin(weak)[1] == 124 * WAD
    refused("owed", model.withdraw, me, weak, 15 * UNITS + 1, STRANGER)
    model.withdraw(me, weak, 15 * UNITS, STRANGER)


# ---- sale --------------------------------------------------------------------------------------


def test_liq_7_a_healthy_account_is_not_for_sale(vaulted: Any, weak: int) -> None:
    model = vaulted.model
    assert model.terms(weak) == (0, 0)
    refused("not for sale", buy, vaulted, weak, 1)
    refused("not for sale", model.open_sale, STRANGER, weak)
    refused("no collateral", model.open_sale, STRANGER, account_of(SELLER))
    assert model.terms(TREASURY) == (0, 0)


def test_liq_7_below_psi_it_is_for_sale_at_once(vaulted: Any, weak: int) -> None:
    """At 60 E = 45 of MM = 90, L = 400: 400 + 90 - 45 may be raised. Half is missing, so k is a
    quarter and the price 1,900: 0.2 GEM bring 380, which pay the arrears of 355; E gains 60."""
    model = vaulted.model
    vaulted.answer(0, 60 * WAD)
    assert model.terms(weak) == (445 * WAD, WAD // 4)
    tokens = model.tokens
    assert buy(vaulted, weak, WAD // 5) == 380 * UNITS
    assert model.tokens - tokens == 380 * UNITS
    assert (model.account(weak).cash, model.recorded_arrears(weak)) == (25 * WAD, 0)
    assert model.equity(weak) == 105 * WAD
    assert model.units_of(weak, GEM) == WAD // 20
    assert model.terms(weak) == (0, 0)
    assert model.identities() == []


def test_liq_7_the_discount_grows_with_time(vaulted: Any, weak: int) -> None:
    """From a quarter of the haircut to all of it in 600 s; an hour after its opening it is void."""
    model = vaulted.model
    vaulted.answer(0, 60 * WAD)
    model.open_sale(STRANGER, weak)
    refused("open", model.open_sale, STRANGER, weak)
    began = model.time
    for passed, share in (
        (0, 25 * 10**16),
        (300, 75 * 10**16),
        (301, 25 * 10**16 + 301 * WAD // SALE),
        (450, WAD),
        (VOID, WAD),
        (VOID + 1, 25 * 10**16),
    ):
        vaulted.pass_time(began + passed - model.time)
        assert model.terms(weak) == (445 * WAD, share), passed
    model.open_sale(STRANGER, weak)
    assert model.terms(weak) == (445 * WAD, 25 * 10**16)


def test_liq_7_a_called_account_is_for_sale_after_its_deadline(vaulted: Any, weak: int) -> None:
    """At 63 E = 75 of MM = 94.5, 0.79: L + MM - cash is 419.5, and 19.5/94.5 are missing."""
    model = vaulted.model
    vaulted.answer(0, 63 * WAD)
    assert model.terms(weak) == (0, 0)
    model.call_margin(STRANGER, weak)
    began, share = model.time, 195 * WAD // 945 // 2
    expected = ((299, False), (300, True), (300 + VOID, True), (300 + VOID + 1, False))
    for passed, is_for_sale in expected:
        vaulted.pass_time(began + passed - model.time)
        assert model.terms(weak) == ((4_195 * WAD // 10, share) if is_for_sale else (0, 0)), passed


def test_liq_7_of_a_bankrupt_account_half_the_haircut_goes_at_once(vaulted: Any, weak: int) -> None:
    """E = -5; and flat with arrears, where MM is 0."""
    model = vaulted.model
    vaulted.answer(0, 55 * WAD)
    assert model.terms(weak) == (4_875 * WAD // 10, WAD // 2)
    leg = model.leg(weak, 0)
    leg.basis = leg.a_snap = leg.k_snap = leg.epoch = 0
    leg.pnl = -500 * WAD
    assert model.margin(weak) == (0, 0)
    assert model.terms(weak) == (455 * WAD, WAD // 2)


def test_liq_7_buy_reverts(vaulted: Any, weak: int) -> None:
    """At 60 GEM are sold for 1,900: 445/1,900 of them, rounded up, are the most."""
    model = vaulted.model
    vaulted.answer(0, 60 * WAD)
    most = -(-445 * WAD // 1_900)
    refused("nothing", buy, vaulted, weak, 0)
    refused("not listed", buy, vaulted, weak, 1, ODD)
    refused("more than is there", buy, vaulted, weak, 1, BIT)
    refused("more than is there", buy, vaulted, weak, WAD // 4 + 1)
    refused("more than is needed", buy, vaulted, weak, most + 1)
    refused("above the limit", buy, vaulted, weak, most, GEM, 445 * UNITS)
    early = model.copy()
    early.set_answer(GEM_MARKET, 2_000 * WAD, early.time - 3_601)
    refused("not fresh", early.buy, STRANGER, weak, GEM, 1, NO_LIMIT, STRANGER)
    assert buy(vaulted, weak, most, GEM, 445 * UNITS + 1) == 445 * UNITS + 1


def test_liq_7_one_unit_may_always_be_bought(vaulted: Any, weak: int) -> None:
    """A token without decimals: one of 2,000 for arrears of 5, not two; the rest stays as cash."""
    model = vaulted.model
    model.list_token(OWNER, ODD, 0, GEM_MARKET, 20_000, 2 * WAD)
    model.vault_deposit(address(WEAK), weak, ODD, 2)
    vaulted.answer(0, 95 * WAD)
    model.note_arrears(STRANGER, weak)
    vaulted.pass_time(PATIENCE)
    assert model.terms(weak) == (5 * WAD, 0)
    refused("more than is needed", buy, vaulted, weak, 2, ODD)
    assert buy(vaulted, weak, 1, ODD) == 2_000 * UNITS
    assert (model.account(weak).cash, model.units_of(weak, ODD)) == (1_995 * WAD, 1)
    refused("not for sale", buy, vaulted, weak, 1, ODD)


def test_liq_7_a_diverged_token_is_sold_at_the_better_price(vaulted: Any, weak: int) -> None:
    """A reference of 2,200 lifts E at 58 from 25 to 65 of 87, so that 22/87 are missing."""
    model = vaulted.model
    model.set_reference_answer(GEM_MARKET, 2_000 * WAD, model.time)
    model.set_reference(OWNER, GEM_MARKET, 3_600, 10**7)
    model.set_reference_answer(GEM_MARKET, 2_200 * WAD, model.time)
    vaulted.answer(0, 58 * WAD)
    model.call_margin(STRANGER, weak)
    vaulted.pass_time(300)
    model.set_reference_answer(GEM_MARKET, 2_200 * WAD, model.time)
    share = 22 * WAD // 87 // 2
    assert model.terms(weak) == (462 * WAD, share)
    exact = WAD // 10 * 2_200 * WAD * (10**23 - 20_000 * share)
    assert buy(vaulted, weak, WAD // 10) == -(-exact // 10**53)


def test_liq_7_a_sale_ends_a_margin_call(vaulted: Any, weak: int) -> None:
    """At 60 E is 45; 380 bring it to 105 of 90, which the settling records."""
    model = vaulted.model
    vaulted.answer(0, 60 * WAD)
    model.call_margin(STRANGER, weak)
    buy(vaulted, weak, WAD // 5)
    assert model.account(weak).deadline == 0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 10**6),
    st.integers(5_000, 95_000),
    st.integers(20, 99),
    st.integers(0, 700),
    st.integers(1, 10**18),
    st.integers(0, 10**18),
    st.sampled_from((2, 6, 18)),
    st.sampled_from((0, 8, 18)),
)
def test_liq_7_a_sale_never_lowers_equity(
    new_world: Callable[[], Any],
    price: int,
    haircut: int,
    mark: int,
    waited: int,
    part: int,
    odd: int,
    quote_decimals: int,
    decimals: int,
) -> None:
    """Any price, haircut, time and amount, in tokens of any decimals; the buyer pays no more than
    the price without a discount, rounded up."""
    world = new_world()
    world.model = Model(OWNER, decimals=quote_decimals)
    world.__post_init__()
    world.model.fund_deposit(STRANGER, 10**3 * 10**quote_decimals, STRANGER)
    world.market(risk=RISK)
    model, account, me = world.model, account_of(WEAK), address(WEAK)
    model.set_vault(OWNER, VAULT)
    model.set_answer(GEM_MARKET, price * WAD + odd, model.time)
    model.set_feed(OWNER, GEM_MARKET, 3_600, 0, 80)
    model.list_token(OWNER, GEM, decimals, GEM_MARKET, haircut, 10**6 * WAD)
    model.deposit(me, account, 10 * 10**quote_decimals)
    model.deposit(STRANGER, account_of(SELLER), 10**6 * 10**quote_decimals)
    unit = 10 ** (18 - decimals) * (price * WAD + odd)  # 1e36
    kept = 1_000 * WAD * WAD * 10**5 // (unit * (10**5 - haircut)) + 1
    model.vault_deposit(me, account, GEM, kept)
    world.trade(WEAK, SELLER, 10 * WAD)
    world.answer(0, mark * WAD)
    if model.terms(account) != (0, 0):
        model.open_sale(STRANGER, account)
    elif model.account(account).cash < model.standing(account).arrears:
        model.note_arrears(STRANGER, account)
        world.pass_time(PATIENCE)
    world.pass_time(waited)
    model.settle(STRANGER, account)
    need, share = model.terms(account)
    if need == 0:
        return
    rate = 10 ** (18 - decimals) * (price * WAD + odd) * (10**23 - haircut * share)
    most = min(kept, -(-need * 10**41 // rate))
    amount = max(1, most * part // 10**18)
    before = model.equity(account)
    paid = model.buy(STRANGER, account, GEM, amount, NO_LIMIT, STRANGER)
    assert model.equity(account) >= before
    dear = -(-amount * unit // 10**18)
    assert 0 < paid <= -(-dear // 10 ** (18 - quote_decimals))
    assert model.identities() == []


# ---- arrears -----------------------------------------------------------------------------------


def test_liq_7_arrears_are_noted_once(vaulted: Any, weak: int) -> None:
    """At 95 the loss of 50 takes the cash of 45: 5 are left. With cash there are none."""
    model = vaulted.model
    refused("no arrears", model.note_arrears, STRANGER, weak)
    vaulted.answer(0, 95 * WAD)
    model.note_arrears(STRANGER, weak)
    record = model.account(weak)
    assert (record.cash, record.overdue, record.since) == (0, True, model.time)
    assert model.recorded_arrears(weak) == 5 * WAD
    refused("noted", model.note_arrears, STRANGER, weak)
    vaulted.pass_time(60)
    model.settle(STRANGER, weak)
    assert record.since == model.time - 60
    model.deposit(STRANGER, weak, 5 * UNITS)
    model.touch(STRANGER, weak)
    assert record.overdue
    model.settle(STRANGER, weak)
    assert (record.overdue, record.since) == (False, 0)


def test_liq_7_overdue_arrears_are_paid_whatever_the_health(vaulted: Any, weak: int) -> None:
    """At 95 E = 395 of IM = 285. An hour after the note 5 quote of GEM are for sale, first at their
    price, 0.0025 GEM; 300 s later for 90 %, 0.0027777... GEM."""
    model = vaulted.model
    vaulted.answer(0, 95 * WAD)
    model.note_arrears(STRANGER, weak)
    vaulted.pass_time(PATIENCE - 1)
    assert model.terms(weak) == (0, 0)
    vaulted.pass_time(1)
    assert model.band(weak) == "healthy"
    assert model.terms(weak) == (5 * WAD, 0)
    refused("not for sale", model.open_sale, STRANGER, weak)
    refused("more than is needed", buy, vaulted, weak, WAD // 400 + 1)
    late = vaulted.model.copy()
    assert buy(vaulted, weak, WAD // 400) == 5 * UNITS
    assert (model.recorded_arrears(weak), model.account(weak).overdue) == (0, False)
    refused("not for sale", buy, vaulted, weak, 1)

    vaulted.model = late
    vaulted.pass_time(SALE // 2)
    assert late.terms(weak) == (5 * WAD, WAD // 2)
    amount = -(-5 * WAD // 1_800)
    refused("more than is needed", buy, vaulted, weak, amount + 1)
    assert buy(vaulted, weak, amount) == 5 * UNITS + 1
    assert late.account(weak).overdue is False


def test_liq_7_margin_comes_before_patience(vaulted: Any, weak: int) -> None:
    """Overdue for two hours and below PSI: the need is that of the margin, and no sale is open."""
    model = vaulted.model
    vaulted.answer(0, 95 * WAD)
    model.note_arrears(STRANGER, weak)
    vaulted.pass_time(2 * PATIENCE)
    assert model.terms(weak) == (5 * WAD, WAD)
    vaulted.answer(0, 60 * WAD)
    assert model.terms(weak) == (445 * WAD, WAD // 4)


def test_liq_7_overdue_in_the_cure_window(vaulted: Any, weak: int) -> None:
    """Below MM and not for sale by its margin: the arrears are, with the part of the discount that
    the missing 19.5/94.5 give."""
    model = vaulted.model
    vaulted.answer(0, 95 * WAD)
    model.note_arrears(STRANGER, weak)
    vaulted.pass_time(PATIENCE)
    vaulted.answer(0, 63 * WAD)
    assert model.terms(weak) == (325 * WAD, 195 * WAD // 945 // 2)


@pytest.fixture
def owing(vaulted: Any) -> int:
    """Long 10 in markets 0 and 1 with 100 quote and a GEM: 30 up here, 40 down there. The fund has
    no cash in market 0 to pay the claim of 300 with, so that 300 of arrears are left there."""
    vaulted.market(1, risk=RISK)
    account: int = vaulted.actor(WEAK, 100)
    vaulted.actor(SELLER, 100_000)
    vaulted.model.vault_deposit(address(WEAK), account, GEM, WAD)
    for market in (0, 1):
        vaulted.trade(WEAK, SELLER, 10 * WAD, market=market)
    vaulted.answer(0, 130 * WAD)
    vaulted.answer(1, 60 * WAD)
    vaulted.model.note_arrears(STRANGER, account)
    return account


def test_liq_7_after_a_day_claims_go_for_arrears(vaulted: Any, owing: int) -> None:
    """The claim of 300, less the dust in B that is paid out, goes to the fund, and as much of the
    arrears to the shortfall of market 1. E stays, and so does LED-5."""
    model = vaulted.model
    arrears = model.recorded_arrears(owing)
    assert 299 * WAD < arrears <= 300 * WAD
    vaulted.pass_time(DAY - 1)
    refused("day old", model.clear_arrears, STRANGER, owing)
    vaulted.pass_time(1)
    equity, pots = model.equity(owing), [model.markets[m].b for m in (0, 1)]
    model.clear_arrears(STRANGER, owing)
    moved = model.leg(FUND, 0).pnl
    left = arrears - (300 * WAD - moved)  # what B paid of the claim went for arrears first
    assert moved == left == model.markets[1].shortfall
    assert (model.recorded_arrears(owing), model.account(owing).overdue) == (0, False)
    assert model.leg(owing, 0).pnl == 300 * WAD - moved - pots[0]
    assert model.equity(owing) == equity
    assert model.positions(owing) == {0: 10 * WAD, 1: 10 * WAD}
    assert model.identities() == []


def test_liq_7_clear_arrears_takes_no_more_than_the_claims(vaulted: Any, owing: int) -> None:
    """At 110 the claim is 100: 200 stay owed, and noted since when they were."""
    model = vaulted.model
    since = model.account(owing).since
    vaulted.pass_time(DAY)
    vaulted.answer(0, 110 * WAD)
    model.clear_arrears(STRANGER, owing)
    assert model.recorded_arrears(owing) == 200 * WAD
    assert model.leg(owing, 0).pnl == 0
    assert (model.account(owing).overdue, model.account(owing).since) == (True, since)
    refused("no claims", model.clear_arrears, STRANGER, owing)
    assert model.identities() == []


def test_liq_7_clear_arrears_reverts(vaulted: Any, owing: int) -> None:
    """Never noted; locked; paid in the meantime."""
    model = vaulted.model
    refused("day old", model.clear_arrears, STRANGER, account_of(SELLER))
    vaulted.pass_time(DAY)
    early = model.copy()
    early.account(owing).locked = True
    refused("locked", early.clear_arrears, STRANGER, owing)
    model.deposit(STRANGER, owing, 300 * UNITS)
    refused("no claims", model.clear_arrears, STRANGER, owing)
    model.settle(STRANGER, owing)
    refused("day old", model.clear_arrears, STRANGER, owing)


def test_liq_7_claims_go_for_the_arrears_of_the_lowest_market_first(vaulted: Any) -> None:
    """Arrears of 100 and 200 in markets 1 and 2, a claim of 150 in market 0 whose reserve goes with
    it: 100 and 50 become shortfalls. Collateral worth 1,600 keeps E above zero; bankrupt accounts
    are resolved, which gives each market its part."""
    model, account = vaulted.model, vaulted.actor(WEAK)
    model.vault_deposit(address(WEAK), account, GEM, WAD)
    vaulted.market(1, risk=RISK)
    vaulted.market(2, risk=RISK)
    for market, pnl in ((0, 150 * WAD), (1, -100 * WAD), (2, -200 * WAD)):
        model.leg(account, market).pnl = pnl
        model.markets[market].b = 0
    model.note_arrears(STRANGER, account)
    vaulted.pass_time(DAY)
    poor = model.copy()
    poor.set_answer(GEM_MARKET, WAD, poor.time)
    refused("bankrupt", poor.clear_arrears, STRANGER, account)
    model.clear_arrears(STRANGER, account)
    assert [model.leg(account, m).pnl for m in range(3)] == [0, 0, -150 * WAD]
    assert [model.markets[m].shortfall for m in range(3)] == [0, 100 * WAD, 50 * WAD]
    assert model.leg(FUND, 0).pnl == 150 * WAD


# ---- bankrupt accounts -------------------------------------------------------------------------


def test_liq_7_seize_then_resolve(vaulted: Any, weak: int) -> None:
    """At 55 E = -5. Nobody buys for ten minutes: the GEM go to the fund, and the loss of 405 that
    cash does not reach for is the fund's."""
    model, keeper = vaulted.model, account_of(KEEPER)
    vaulted.answer(0, 55 * WAD)
    refused("collateral", model.resolve, STRANGER, weak, 0, keeper)
    refused("sale goes on", model.seize, STRANGER, weak, GEM)
    model.open_sale(STRANGER, weak)
    vaulted.pass_time(SALE - 1)
    refused("sale goes on", model.seize, STRANGER, weak, GEM)
    refused("collateral", model.resolve, STRANGER, weak, 0, keeper)
    vaulted.pass_time(1)
    refused("nothing", model.seize, STRANGER, weak, BIT)
    refused("not listed", model.seize, STRANGER, weak, ODD)
    model.seize(STRANGER, weak, GEM)
    assert (model.units_of(FUND, GEM), model.is_pledged(weak)) == (WAD // 4, False)
    fund = model.account(FUND).cash
    model.resolve(STRANGER, weak, 0, keeper)
    assert fund - model.account(FUND).cash >= 405 * WAD
    assert model.positions(weak) == {}
    assert model.identities() == []


def test_liq_7_a_dead_token_is_seized_after_its_sale(vaulted: Any, weak: int) -> None:
    """Stale or failed: ten minutes after its sale was opened, not before; so is the other token."""
    model = vaulted.model
    model.vault_deposit(address(WEAK), weak, BIT, 1)
    vaulted.answer(0, 54 * WAD)
    model.open_sale(STRANGER, weak)
    for answer, updated_at in ((None, 0), (2_000 * WAD, model.time - 3_601)):
        other = model.copy()
        other.set_answer(GEM_MARKET, answer, updated_at)
        refused("sale goes on", other.seize, STRANGER, weak, GEM)
        other.set_time(model.time + SALE)
        other.seize(STRANGER, weak, GEM)
        refused("collateral", other.resolve, STRANGER, weak, 0, account_of(KEEPER))
        other.seize(STRANGER, weak, BIT)


def test_liq_7_close_sale(vaulted: Any, weak: int) -> None:
    """Of an account that is not for sale by its margin any more; the next one begins anew."""
    model = vaulted.model
    vaulted.answer(0, 54 * WAD)
    refused("no sale", model.close_sale, STRANGER, weak)
    model.open_sale(STRANGER, weak)
    refused("is for sale", model.close_sale, STRANGER, weak)
    vaulted.answer(0, 100 * WAD)
    model.close_sale(STRANGER, weak)
    refused("no sale", model.close_sale, STRANGER, weak)
    assert not model.has_sale(weak)


def test_liq_7_seize_needs_a_bankrupt_account(vaulted: Any, weak: int) -> None:
    """At 56 E = 5, at 55.5 it is 0 with a position."""
    model = vaulted.model
    vaulted.answer(0, 56 * WAD)
    model.open_sale(STRANGER, weak)
    vaulted.pass_time(SALE)
    refused("not bankrupt", model.seize, STRANGER, weak, GEM)
    refused("not bankrupt", model.seize, STRANGER, FUND, GEM)
    vaulted.answer(0, 555 * WAD // 10)
    assert model.equity(weak) == 0
    model.seize(STRANGER, weak, GEM)


def test_liq_7_a_sale_that_is_void_does_not_let_seize(vaulted: Any, weak: int) -> None:
    model = vaulted.model
    vaulted.answer(0, 55 * WAD)
    model.open_sale(STRANGER, weak)
    vaulted.pass_time(VOID + 1)
    refused("sale goes on", model.seize, STRANGER, weak, GEM)
    model.open_sale(STRANGER, weak)
    vaulted.pass_time(VOID)
    model.seize(STRANGER, weak, GEM)


def test_liq_7_a_critical_close_does_not_ask(vaulted: Any, weak: int) -> None:
    """At 56 E = 5 of MM = 84: the position closes and the collateral stays."""
    model = vaulted.model
    vaulted.answer(0, 56 * WAD)
    model.resolve(STRANGER, weak, 0, account_of(KEEPER))
    assert model.positions(weak) == {}
    assert (model.equity(weak), model.units_of(weak, GEM)) == (5 * WAD, WAD // 4)


def test_liq_7_the_funds_collateral_is_for_sale(vaulted: Any, weak: int) -> None:
    """At the whole haircut, to anyone, as much as one likes; or the owner takes it out."""
    model = vaulted.model
    vaulted.answer(0, 55 * WAD)
    model.open_sale(STRANGER, weak)
    vaulted.pass_time(SALE)
    model.seize(STRANGER, weak, GEM)
    fund = model.account(FUND).cash
    assert buy(vaulted, FUND, WAD // 5) == 320 * UNITS
    assert model.account(FUND).cash - fund == 320 * WAD
    refused("owner", model.withdraw_fund, STRANGER, GEM, 1, STRANGER)
    refused("more than is there", model.withdraw_fund, OWNER, GEM, WAD // 20 + 1, STRANGER)
    refused("nothing", model.withdraw_fund, OWNER, GEM, 0, STRANGER)
    refused("not listed", model.withdraw_fund, OWNER, ODD, 1, STRANGER)
    model.withdraw_fund(OWNER, GEM, WAD // 20, STRANGER)
    assert model.total_units(GEM) == 0
    assert model.identities() == []


def test_liq_7_a_takeover_is_judged_with_collateral(vaulted: Any, weak: int) -> None:
    """At 60 E = 45 of 90 and no cash is free: a slice of 2 costs the account nothing, and health
    rises from 45/90 to 45/72."""
    model = vaulted.model
    vaulted.answer(0, 60 * WAD)
    helper = account_of(HELPER)
    model.takeover(address(HELPER), weak, 0, 2 * WAD, helper)
    assert (model.equity(weak), model.margin(weak)[0]) == (45 * WAD, 72 * WAD)
    assert model.band(weak) == "liquidatable"


# ---- listing -----------------------------------------------------------------------------------


def test_liq_7_list_token_reverts(vaulted: Any) -> None:
    model = vaulted.model
    model.quote = int(QUOTE, 16)
    fine = (18, GEM_MARKET, 20_000, WAD)
    refused("owner", model.list_token, STRANGER, ODD, *fine)
    refused("quote token", model.list_token, OWNER, QUOTE, *fine)
    refused("listed", model.list_token, OWNER, GEM, *fine)
    refused("decimals", model.list_token, OWNER, ODD, 19, *fine[1:])
    refused("not fresh", model.list_token, OWNER, ODD, 18, 9, 20_000, WAD)
    for haircut in (4_999, 95_001):
        refused("out of range", model.list_token, OWNER, ODD, 18, GEM_MARKET, haircut, WAD)
    most = 2**20 * WAD  # the ceiling is 2**80
    for cap in (0, most + 1):
        refused("cap out of range", model.list_token, OWNER, ODD, 18, GEM_MARKET, 20_000, cap)
    model.feeds[GEM_MARKET].gap = 2 * 10**11 + 10**3
    refused("gap", model.list_token, OWNER, ODD, *fine)
    for number in range(6):
        model.list_token(OWNER, address(number), 18, GEM_MARKET, 95_000, most)
    refused("too many", model.list_token, OWNER, ODD, 18, GEM_MARKET, 95_000, 1)


def test_liq_7_a_haircut_moves_from_one_day_to_two(vaulted: Any, weak: int) -> None:
    """From 20 % to 30 %: a second after a day it is rounded up by nearly one step."""
    model, token = vaulted.model, vaulted.model.token(GEM)
    refused("owner", model.set_haircut, STRANGER, GEM, 30_000)
    refused("not listed", model.set_haircut, OWNER, ODD, 30_000)
    refused("step", model.set_haircut, OWNER, GEM, 30_001)
    refused("step", model.set_haircut, OWNER, GEM, 9_999)
    refused("out of range", model.set_haircut, OWNER, GEM, 4_999)
    model.set_haircut(OWNER, GEM, 30_000)
    began = model.time
    for passed, haircut in (
        (0, 20_000),
        (DAY, 20_000),
        (DAY + 1, 20_001),
        (DAY + 43_200, 25_000),
        (2 * DAY - 1, 30_000),
        (2 * DAY, 30_000),
    ):
        vaulted.pass_time(began + passed - model.time)
        assert model.haircut(token) == haircut, passed
        if passed == DAY + 43_200:
            assert model.worth(weak) == (375 * WAD, 375 * WAD)
        if passed < 2 * DAY:
            refused("moves", model.set_haircut, OWNER, GEM, 25_000)
    model.set_haircut(OWNER, GEM, 20_000)
    vaulted.pass_time(DAY + 1)
    assert model.haircut(token) == 30_000
    vaulted.pass_time(9)
    assert model.haircut(token) == 29_999


def test_liq_7_set_haircut_is_not_below_the_gap(vaulted: Any) -> None:
    vaulted.model.feeds[GEM_MARKET].gap = 15 * 10**10
    refused("gap", vaulted.model.set_haircut, OWNER, GEM, 14_999)
    vaulted.model.set_haircut(OWNER, GEM, 15_000)


def test_liq_7_the_cap_bounds_deposits_only(vaulted: Any, weak: int) -> None:
    """The guardian lowers it, to zero too; what is in stays and counts."""
    model = vaulted.model
    model.set_guardian(OWNER, GUARDIAN)
    refused("neither", model.set_cap, STRANGER, GEM, 1)
    refused("rises", model.set_cap, GUARDIAN, GEM, 1_000 * WAD + 1)
    refused("out of range", model.set_cap, OWNER, GEM, 2**20 * WAD + 1)
    refused("not listed", model.set_cap, OWNER, ODD, 1)
    model.set_cap(GUARDIAN, GEM, 0)
    refused("cap", model.vault_deposit, address(WEAK), weak, GEM, 1)
    assert model.worth(weak)[0] == 400 * WAD
    model.set_cap(OWNER, GEM, WAD // 4 + 1)
    model.vault_deposit(address(WEAK), weak, GEM, 1)
    refused("cap", model.vault_deposit, address(WEAK), weak, GEM, 1)


def test_liq_7_the_funds_units_count_for_the_cap(vaulted: Any, weak: int) -> None:
    model = vaulted.model
    vaulted.answer(0, 55 * WAD)
    model.set_answer(GEM_MARKET, None, 0)
    model.open_sale(STRANGER, weak)
    vaulted.pass_time(SALE)
    model.seize(STRANGER, weak, GEM)
    vaulted.answer(GEM_MARKET, 2_000 * WAD)
    model.set_cap(OWNER, GEM, WAD // 4)
    seller = account_of(SELLER)
    refused("cap", model.vault_deposit, address(SELLER), seller, GEM, 1)
