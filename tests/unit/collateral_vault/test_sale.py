"""Collateral is sold: to whom, when, for how much (LIQ-7)."""

from fractions import Fraction

from engine_world import FUND, MAX, WAD, ZERO_ADDRESS, Party, of, reverts
from hypothesis import given, settings
from hypothesis import strategies as st
from vault_world import WETH, VaultWorld

from plimsoll.evm import Revert
from tests.utils.twin import slot_of

DAY, HOUR, SALE = 86_400, 3_600, 600
VOID = HOUR
UNIT = 10**6


def called(world: VaultWorld) -> Party:
    """Cash 9.5, loss 70, 0.0625 WETH worth 100: E = 39.5, MM = 56.8: below 0.7 of it."""
    who, maker = world.party("seller", 10), world.party("maker", 10_000)
    world.pledge(who, WAD // 16)
    world.trade(who, maker, 10 * WAD)
    world.price(0, 93)
    assert world.equity(who) == 39 * WAD + WAD // 2
    return who


def bankrupt(world: VaultWorld) -> Party:
    """The same with a loss of 120: E = -10.5."""
    who = called(world)
    world.price(0, 88)
    assert world.equity(who) == -10 * WAD - WAD // 2
    return who


def overdue(world: VaultWorld) -> Party:
    """Flat, rich in collateral, with arrears 60.535 that its cash, all gone, did not pay."""
    who, maker = world.party("debtor", 10), world.party("maker", 10_000)
    world.pledge(who, WAD)
    world.trade(who, maker, 10 * WAD)
    world.price(0, 93)
    world.trade(who, maker, -10 * WAD)
    world.engine.note_arrears(who.id)
    return who


def test_liq_7_sold_at_a_discount_for_what_is_needed(world: VaultWorld) -> None:
    """short = 1 - 39.5/56.8 = 0.3046, half of it of a haircut of 20 %: 3.046 % off at once."""
    who, buyer = called(world), world.buyer()
    short = WAD * (56 * WAD + 8 * WAD // 10 - 39 * WAD - WAD // 2) // (56 * WAD + 8 * WAD // 10)
    need, share = world.vault.terms(who.id)
    assert need == (70 + 56) * WAD + 8 * WAD // 10 - 9 * WAD - WAD // 2
    assert share == short // 2
    amount = WAD // 20
    price = Fraction(2_000 * (10**23 - 20_000 * share), 10**23)
    cost = -(-amount * price * UNIT // WAD)
    assert world.vault.cost(who.id, world.weth, amount) == cost
    equity, cash = world.equity(who), world.cash(who)
    with reverts("vault: above the limit"):
        world.vault.buy(who.id, world.weth, amount, cost - 1, buyer, sender=buyer)
    receipt = world.vault.buy(who.id, world.weth, amount, cost, buyer, sender=buyer)
    event = of(receipt, "CollateralSold")
    assert (event.args["amount"], event.args["paid"]) == (amount, cost)
    assert event.args["balance"] == WAD // 16 - amount
    assert world.weth.balanceOf(buyer) == amount
    # the cash has paid the arrears, what is left is the account's
    assert world.cash(who) == cash + cost * world.scale - 70 * WAD
    assert world.recorded(who) == 0
    # 80 % of its price was counted, 96.95 % came
    assert world.equity(who) > equity


def test_liq_7_discount_grows_with_time_up_to_the_haircut(world: VaultWorld) -> None:
    who = called(world)
    at_once = world.vault.terms(who.id)[1]
    world.vault.open_sale(who.id)
    began = world.chain.timestamp
    assert world.vault.sale_opened(who.id) == began
    for seconds in (60, 300, 500):
        world.chain.set_time(began + seconds)
        assert world.vault.terms(who.id)[1] == at_once + seconds * WAD // SALE
    world.chain.set_time(began + SALE)
    assert world.vault.terms(who.id)[1] == WAD
    world.refresh()
    assert world.vault.cost(who.id, world.weth, WAD // 100) == 16 * UNIT
    # void after an hour: the clock starts again
    world.chain.set_time(began + HOUR + 1)
    assert world.vault.terms(who.id)[1] == at_once
    world.refresh()
    world.vault.open_sale(who.id)


def test_open_sale_is_refused(world: VaultWorld) -> None:
    who, maker = world.party("safe", 100), world.party("other", 10_000)
    with reverts("vault: nothing to sell"):
        world.vault.open_sale(who.id)
    with reverts("vault: nothing to sell"):
        world.vault.open_sale(FUND)
    world.pledge(who, WAD // 1_000)
    world.trade(who, maker, 10 * WAD)
    with reverts("vault: not for sale"):
        world.vault.open_sale(who.id)
    world.price(0, 95)  # E = 51.1, MM = 58: called, not to be sold yet
    world.engine.call_margin(who.id)
    with reverts("vault: not for sale"):
        world.vault.open_sale(who.id)
    assert world.vault.terms(who.id) == (0, 0)
    world.chain.set_time(world.chain.timestamp + 300)
    world.refresh()
    receipt = world.vault.open_sale(who.id)
    assert of(receipt, "SaleOpened").args["time"] == world.chain.timestamp
    with reverts("vault: sale is open"):
        world.vault.open_sale(who.id)
    # nobody sells for an hour after a call is void
    world.chain.set_time(world.chain.timestamp + HOUR + 1)
    assert world.vault.terms(who.id) == (0, 0)


def test_close_sale(world: VaultWorld) -> None:
    """A sale whose account has recovered ends, so that the next one has its ten minutes."""
    who = called(world)
    with reverts("vault: no sale is open"):
        world.vault.close_sale(who.id)
    world.vault.open_sale(who.id)
    with reverts("vault: still for sale"):
        world.vault.close_sale(who.id)
    world.price(0, 100)
    receipt = world.vault.close_sale(who.id)
    assert of(receipt, "SaleClosed").args["account"] == who.id
    assert world.vault.sale_opened(who.id) == 0
    with reverts("vault: no sale is open"):
        world.vault.close_sale(who.id)
    world.chain.set_time(world.chain.timestamp + SALE)
    world.refresh()
    world.price(0, 88)
    with reverts("vault: sale is running"):
        world.vault.seize(who.id, world.weth)
    world.vault.open_sale(who.id)
    world.chain.set_time(world.chain.timestamp + VOID + 1)
    with reverts("vault: no sale is open"):
        world.vault.close_sale(who.id)


def test_buy_is_refused(world: VaultWorld) -> None:
    who, buyer = called(world), world.buyer(1)
    buy = world.vault.buy
    with reverts("vault: token is not listed"):
        buy(who.id, world.token, 1, MAX, buyer, sender=buyer)
    with reverts("vault: amount is zero"):
        buy(who.id, world.weth, 0, MAX, buyer, sender=buyer)
    for amount in (WAD // 16 + 1, MAX):
        with reverts("vault: above the balance"):
            buy(who.id, world.weth, amount, MAX, buyer, sender=buyer)
    for receiver in (ZERO_ADDRESS, world.vault):
        with reverts("vault: bad receiver"):
            buy(who.id, world.weth, 1, MAX, receiver, sender=buyer)
    with reverts("token: balance too small"):
        buy(who.id, world.weth, WAD // 20, MAX, buyer, sender=buyer)
    safe = world.party("safe", 0)
    world.pledge(safe, WAD)
    with reverts("vault: not for sale"):
        buy(safe.id, world.weth, 1, MAX, buyer, sender=buyer)
    world.kill(WETH)
    with reverts("vault: no fresh price"):
        buy(who.id, world.weth, 1, MAX, buyer, sender=buyer)


def test_a_quote_token_that_returns_false(world: VaultWorld) -> None:
    """The quote token refuses: nothing is sold."""
    other = VaultWorld(kind="FalseToken", markets=9, backing=0, prices=(100,) * 7 + (40_000, 2_000))
    who = other.party("pledger")
    other.pledge(who, WAD)
    other.weth.mint(other.vault, WAD)  # the fund has some, past the rules
    place = int(other.load("CollateralVault").layout["storage_layout"]["units"]["slot"])
    slot = slot_of(place, FUND)
    other.chain.set_storage(other.vault, slot, WAD)
    with reverts("vault: transfer failed"):
        other.vault.buy(FUND, other.weth, 1, MAX, who.key, sender=who.key)


def test_no_more_is_sold_than_needed(world: VaultWorld) -> None:
    """One unit of the token less has to cost less than the need. Cash 8, a loss of 600, 0.45 WETH
    worth 720: E = 128, MM = 205, the need 797 of 866 that all of it would bring."""
    who, maker = world.party("seller", 10), world.party("maker", 10_000)
    world.pledge(who, 45 * WAD // 100)
    world.trade(who, maker, 40 * WAD)
    world.price(0, 85)
    need, share = world.vault.terms(who.id)
    assert need == 797 * WAD
    most = int(-(-Fraction(need) // Fraction(2_000 * (10**23 - 20_000 * share), 10**23)))
    buyer = world.buyer()
    with reverts("vault: more than is needed"):
        world.vault.buy(who.id, world.weth, most + 2, MAX, buyer, sender=buyer)
    world.vault.buy(who.id, world.weth, most, MAX, buyer, sender=buyer)
    assert world.has(who) == 45 * WAD // 100 - most
    assert world.cash(who) >= 205 * WAD
    assert world.equity(who) > 128 * WAD


@settings(max_examples=60, deadline=None)
@given(
    price=st.integers(8_700, 9_350),
    weth=st.integers(1_600 * 10**8, 2_100 * 10**8),
    amount=st.integers(1, WAD // 16),
    seconds=st.integers(0, 3_599),
)
def test_liq_7_a_sale_never_lowers_equity(
    built_vault: VaultWorld, price: int, weth: int, amount: int, seconds: int
) -> None:
    """Whatever the prices between call and sale, the amount and the time."""
    world = built_vault
    with world.anchor():
        who, buyer = called(world), world.buyer()
        world.price(0, Fraction(price, 100))
        world.feeds[WETH].set_answer(weth)
        if world.vault.terms(who.id)[0] and seconds:
            world.vault.open_sale(who.id)
            world.chain.set_time(world.chain.timestamp + seconds)
            world.refresh()
        world.engine.settle(who.id)
        before = world.equity(who)
        need = world.vault.terms(who.id)[0]
        try:
            world.vault.buy(who.id, world.weth, amount, MAX, buyer, sender=buyer)
            refused = ""
        except Revert as error:
            refused = error.reason
        assert refused in ("", "vault: not for sale", "vault: more than is needed")
        assert (refused == "vault: not for sale") == (need == 0)
        assert world.equity(who) >= before
        assert world.broken() == []
        assert world.untwinned() == []


def test_orc_2_a_disputed_price_sells_at_the_better_one(world: VaultWorld) -> None:
    reference = world.chain.deploy(world.load("MockAggregator"), 8, 2_000 * 10**8)
    world.oracle.set_reference(WETH, reference, 3_600, 10**7, sender=world.owner)
    who = called(world)
    with world.anchor():
        reference.set_answer(1_500 * 10**8)
        cost = world.vault.cost(who.id, world.weth, 10**12)
    reference.set_answer(2_040 * 10**8)  # E = 41.5 by it
    assert world.vault.terms(who.id)[0] == 0  # 0.7 of MM is 39.76
    reference.set_answer(1_500 * 10**8)
    assert world.vault.cost(who.id, world.weth, 10**12) == cost == 1_940


def test_seize_from_a_bankrupt_account_after_ten_minutes(world: VaultWorld) -> None:
    who, keeper = bankrupt(world), world.party("keeper")
    seize = world.vault.seize
    with reverts("vault: sale is running"):
        seize(who.id, world.weth)
    with reverts("resolve: collateral first"):
        world.resolve(who, keeper)
    world.vault.open_sale(who.id)
    began = world.chain.timestamp
    world.chain.set_time(began + SALE - 1)
    with reverts("vault: sale is running"):
        seize(who.id, world.weth)
    world.chain.set_time(began + SALE)
    world.refresh()
    with reverts("vault: amount is zero"):
        seize(who.id, world.wbtc)
    receipt = seize(who.id, world.weth)
    event = of(receipt, "CollateralSeized")
    assert (event.args["amount"], event.args["balance"]) == (WAD // 16, WAD // 16)
    assert (world.has(who), world.has(FUND)) == (0, WAD // 16)
    assert not world.engine.wallet(who.id).pledged
    # at value zero: the fund's books do not know it
    assert world.engine.health(FUND).collateral == 0
    world.resolve(who, keeper)
    assert world.size(who) == 0


def test_seize_needs_a_running_sale(world: VaultWorld) -> None:
    """A sale that was opened more than an hour ago is void, and its ten minutes with it."""
    who = bankrupt(world)
    world.vault.open_sale(who.id)
    world.chain.set_time(world.chain.timestamp + HOUR + 1)
    world.refresh()
    with reverts("vault: sale is running"):
        world.vault.seize(who.id, world.weth)


def test_seize_from_the_solvent_is_refused(world: VaultWorld) -> None:
    who = called(world)
    world.vault.open_sale(who.id)
    world.chain.set_time(world.chain.timestamp + SALE)
    world.refresh()
    for account in (who.id, FUND):
        with reverts("vault: account is solvent"):
            world.vault.seize(account, world.weth)


def test_liq_7_a_failed_feed_or_token_does_not_block_a_resolve(world: VaultWorld) -> None:
    """Neither is asked: ten minutes after the sale was opened it goes, as any other does. A feed
    that is late for a minute costs nobody his collateral."""
    who, keeper = bankrupt(world), world.party("keeper")
    world.kill(WETH)
    world.vault.open_sale(who.id)
    with reverts("vault: sale is running"):
        world.vault.seize(who.id, world.weth)
    world.chain.set_time(world.chain.timestamp + SALE)
    world.refresh(0)
    world.vault.seize(who.id, world.weth)
    world.resolve(who, keeper)
    assert world.size(who) == 0


def test_a_critical_account_is_closed_with_its_collateral(world: VaultWorld) -> None:
    """E = 4.5 of MM 53.8: its position goes, its collateral stays, nobody pays."""
    who, keeper = called(world), world.party("keeper")
    world.price(0, Fraction(895, 10))
    assert world.equity(who) == 4 * WAD + WAD // 2
    world.resolve(who, keeper)
    assert world.size(who) == 0
    assert world.has(who) == WAD // 16
    assert world.equity(who) == 4 * WAD + WAD // 2


def test_a_locked_account_takes_no_collateral(world: VaultWorld) -> None:
    who, maker, keeper = (
        world.party("locked", 100),
        world.party("maker", 10_000),
        world.party("keeper"),
    )
    for market in (0, 1):
        world.trade(who, maker, 4 * WAD, market=market)
    world.price(0, 70)
    world.resolve(who, keeper)
    assert world.engine.wallet(who.id).locked
    world.give(who, world.weth, WAD)
    with reverts("vault: account is locked"):
        world.vault.deposit(who.id, world.weth, WAD, sender=who.key)
    with reverts("vault: account is locked"):
        world.vault.withdraw(who.id, world.weth, WAD, who.key, sender=who.key)


def test_liq_8_the_funds_collateral_is_sold_for_the_fund(world: VaultWorld) -> None:
    who, buyer = bankrupt(world), world.buyer()
    world.vault.open_sale(who.id)
    world.chain.set_time(world.chain.timestamp + SALE)
    world.refresh()
    world.vault.seize(who.id, world.weth)
    world.kill(WETH)
    with reverts("vault: no fresh price"):
        world.vault.buy(FUND, world.weth, 1, MAX, buyer, sender=buyer)
    world.feeds[WETH].set_mode(0)
    world.refresh()
    assert world.vault.terms(FUND) == (MAX, WAD)
    cash = world.cash(FUND)
    world.vault.buy(FUND, world.weth, WAD // 20, MAX, buyer, sender=buyer)
    assert world.cash(FUND) == cash + 80 * WAD
    with reverts("ownable: caller is not the owner"):
        world.vault.withdraw_fund(world.weth, 1, buyer, sender=buyer)
    left = WAD // 16 - WAD // 20
    world.vault.withdraw_fund(world.weth, left, buyer, sender=world.owner)
    assert world.weth.balanceOf(buyer) == WAD // 16
    with reverts("custody: no such account"):
        world.engine.deposit(FUND, 1, sender=buyer)


def test_liq_7_overdue_arrears_are_sold_for_whatever_the_health(world: VaultWorld) -> None:
    """After an hour, up to the arrears, at a discount that begins at zero."""
    who, buyer = overdue(world), world.buyer()
    assert world.engine.health(who.id).maintenance == 0
    since = world.chain.timestamp
    assert world.engine.wallet(who.id).since == since
    world.chain.set_time(since + HOUR - 1)
    assert world.vault.terms(who.id) == (0, 0)
    world.chain.set_time(since + HOUR)
    world.refresh()
    owed = -world.recorded(who)
    assert world.vault.terms(who.id) == (owed, 0)
    with reverts("vault: not for sale"):
        world.vault.open_sale(who.id)
    with reverts("vault: account has arrears"):
        world.vault.withdraw(who.id, world.weth, 1, who.key, sender=who.key)
    most = int(-(-Fraction(owed) // 2_000))
    with reverts("vault: more than is needed"):
        world.vault.buy(who.id, world.weth, most + 1, MAX, buyer, sender=buyer)
    world.vault.buy(who.id, world.weth, most, MAX, buyer, sender=buyer)
    assert world.recorded(who) == 0
    assert world.engine.wallet(who.id).since == 0
    world.vault.withdraw(who.id, world.weth, WAD - most, who.key, sender=who.key)


def test_overdue_discount_grows_to_the_haircut(world: VaultWorld) -> None:
    who = overdue(world)
    since = world.chain.timestamp
    for seconds in (1, 300, 600, DAY):
        world.chain.set_time(since + HOUR + seconds)
        world.refresh()
        assert world.vault.terms(who.id)[1] == min(WAD, seconds * WAD // SALE)
