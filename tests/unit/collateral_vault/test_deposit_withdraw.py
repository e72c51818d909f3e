"""Collateral in and out, and what it counts for (MRG-1, LIQ-7)."""

import pytest
from engine_world import FUND, MAX, WAD, ZERO_ADDRESS, of, reverts
from vault_world import WBTC, WETH, VaultWorld

DAY = 86_400


def test_mrg_1_collateral_counts_with_its_haircut(world: VaultWorld) -> None:
    """1.5 WETH at 2,000 less 20 %, 0.01 WBTC at 40,000 less 10 %: 2,400 + 360."""
    who = world.party("pledger", 100)
    receipt = world.pledge(who, 15 * 10**17)
    event = of(receipt, "CollateralDeposited")
    assert (event.args["amount"], event.args["balance"]) == (15 * 10**17, 15 * 10**17)
    assert not world.engine.wallet(world.party("nobody").id).pledged
    assert world.engine.wallet(who.id).pledged
    world.pledge(who, 10**6, world.wbtc)
    health = world.engine.health(who.id)
    assert health.collateral == 2_760 * WAD
    assert health.equity == health.initial_equity == 2_860 * WAD
    assert world.vault.worth(who.id) == (2_760 * WAD, 2_760 * WAD)
    assert list(world.vault.balances(who.id))[:2] == [15 * 10**17, 10**6]


def test_value_rounds_down(world: VaultWorld) -> None:
    who = world.party("pledger", 0)
    world.price(WETH, "0.00000001")
    world.pledge(who, 10**10 + 1)
    # 80 % of 100.00000001 wei
    assert world.vault.worth(who.id) == (80, 80)


def test_mrg_1_new_risk_stands_on_collateral(world: VaultWorld) -> None:
    """IM of a notional of 1,000 is 91.5; cash is 1, the fee 0.5."""
    who, maker = world.party("pledger", 1), world.party("maker", 10_000)
    with reverts("trading: below initial margin"):
        world.trade(who, maker, 10 * WAD)
    world.pledge(who, 5 * 10**16)  # worth 80
    with reverts("trading: below initial margin"):
        world.trade(who, maker, 10 * WAD)
    world.pledge(who, 10**16)  # 96 in all
    world.trade(who, maker, 10 * WAD)
    assert world.engine.health(who.id).initial_equity == 96 * WAD + WAD // 2


@pytest.mark.parametrize("how", ["stale", "dead"])
def test_orc_2_a_failed_feed_adds_no_risk_and_liquidates_nobody(
    world: VaultWorld, how: str
) -> None:
    """The last good price counts for E for a day: of a late feed after its heartbeat, of one that
    fails after the last checkpoint; nothing for E_init."""
    who, maker = world.party("pledger", 50), world.party("maker", 10_000)
    world.pledge(who, WAD // 10)
    world.trade(who, maker, 5 * WAD)
    world.oracle.checkpoint(1 << WETH)
    stored = world.chain.timestamp
    world.spoil(WETH, how)
    assert world.vault.worth(who.id) == (160 * WAD, 0)
    before = world.engine.health(who.id)
    assert before.equity == 160 * WAD + before.cash
    assert before.initial_equity == before.cash
    with reverts("trading: below initial margin"):
        world.trade(who, maker, 10 * WAD)
    world.give(who, world.weth, WAD)
    with reverts("vault: no fresh price"):
        world.vault.deposit(who.id, world.weth, WAD, sender=who.key)
    world.trade(who, maker, -WAD)  # it may always reduce
    ends = stored + DAY
    if how == "stale":
        world.feeds[WETH].set_updated_at(stored)
        ends += 3_600
    world.chain.set_time(ends)
    assert world.vault.worth(who.id) == (160 * WAD, 0)
    world.chain.set_time(ends + 1)
    assert world.vault.worth(who.id) == (0, 0)


def test_orc_2_a_sequencer_that_was_down_for_a_day_costs_nobody_his_collateral(
    world: VaultWorld,
) -> None:
    """Nobody could store a checkpoint meanwhile, nor can in its grace: the feed's time counts."""
    uptime = world.chain.deploy(world.load("MockAggregator"), 0, 0)
    uptime.set_round(1, 0, world.chain.timestamp - 7_200, 1)
    world.oracle.set_sequencer(uptime, 3_600, sender=world.owner)
    who = world.party("pledger", 0)
    world.pledge(who, WAD)
    world.oracle.checkpoint(1 << WETH)
    world.chain.set_time(world.chain.timestamp + DAY + 1)
    world.refresh()
    uptime.set_round(2, 0, world.chain.timestamp, 2)
    assert world.oracle.quote(WETH)[1] == 1
    assert world.vault.worth(who.id) == (1_600 * WAD, 0)


def test_orc_2_unfresh_collateral_bounds_a_loss_off_the_mark(world: VaultWorld) -> None:
    """With collateral whose price is unknown a fill off the mark would be a withdrawal in disguise:
    at most `penalty_min`, 0.5 % of the notional, may be lost, as with a leg that is not fresh."""
    who, friend = world.party("pledger", 950), world.party("friend", 10_000)
    world.pledge(who, WAD)
    world.trade(who, friend, 100 * WAD)
    world.kill(WETH)
    with reverts("trading: loss with a stale leg"):
        world.trade(who, friend, -45 * WAD, price=98 * WAD)
    world.trade(who, friend, -45 * WAD, price=995 * WAD // 10)


def test_orc_2_of_two_prices_the_better_one_counts_and_adds_no_risk(world: VaultWorld) -> None:
    reference = world.chain.deploy(world.load("MockAggregator"), 8, 2_000 * 10**8)
    world.oracle.set_reference(WETH, reference, 3_600, 10**7, sender=world.owner)
    who = world.party("pledger", 0)
    world.pledge(who, WAD)
    reference.set_answer(2_200 * 10**8)
    assert world.vault.worth(who.id) == (1_760 * WAD, 0)
    # a reference that lies: at most a haircut above its own
    reference.set_answer(8_000 * 10**8)
    assert world.vault.worth(who.id) == (1_920 * WAD, 0)
    reference.set_answer(1_500 * 10**8)
    assert world.vault.worth(who.id) == (1_600 * WAD, 0)
    world.give(who, world.weth, WAD)
    with reverts("vault: no fresh price"):
        world.vault.deposit(who.id, world.weth, WAD, sender=who.key)


def test_deposit_is_refused(world: VaultWorld) -> None:
    who, stranger, operator = (world.party(n, 100) for n in ("pledger", "stranger", "operator"))
    for each in (who, stranger, operator):
        world.give(each, world.weth, 2_000 * WAD)
    vault = world.vault
    with reverts("vault: not your account"):
        vault.deposit(who.id, world.weth, WAD, sender=stranger.key)
    with reverts("vault: amount is zero"):
        vault.deposit(who.id, world.weth, 0, sender=who.key)
    with reverts("vault: token is not listed"):
        vault.deposit(who.id, world.token, 1, sender=who.key)
    for amount in (1_000 * WAD + 1, 2**160 - 1, 2**160, MAX):
        with reverts("vault: above the cap"):
            vault.deposit(who.id, world.weth, amount, sender=who.key)
    vault.deposit(who.id, world.weth, 999 * WAD, sender=who.key)
    world.engine.set_operator(operator.key, True, sender=who.key)
    vault.deposit(who.id, world.weth, WAD, sender=operator.key)
    with reverts("vault: above the cap"):
        vault.deposit(stranger.id, world.weth, 1, sender=stranger.key)


def test_liq_7_a_deposit_must_bring_the_account_above_its_margin(world: VaultWorld) -> None:
    """One unit of a token, or any that is too little, cannot stand before a resolve."""
    who, maker = world.party("poor", 100), world.party("maker", 10_000)
    world.trade(who, maker, 10 * WAD)
    world.price(0, 92)  # E = 19.5, MM = 56.2
    world.give(who, world.weth, WAD)
    for amount in (1, WAD // 100):
        with reverts("vault: below maintenance margin"):
            world.vault.deposit(who.id, world.weth, amount, sender=who.key)
    world.vault.deposit(who.id, world.weth, WAD // 40, sender=who.key)  # worth 40
    assert world.engine.health(who.id).equity == 59 * WAD + WAD // 2


def test_deposit_with_a_fee_or_a_failing_token(world: VaultWorld) -> None:
    who = world.party("pledger", 0)
    for kind, reason in (
        ("FeeToken", "vault: token takes a fee"),
        ("FalseToken", "vault: transfer failed"),
    ):
        args = (18, 100) if kind == "FeeToken" else (18,)
        token = world.chain.deploy(world.load(kind), *args)
        world.list_token(token)
        if kind == "FeeToken":
            token.mint(who.key, WAD)
            token.approve(world.vault, MAX, sender=who.key)
        with reverts(reason):
            world.vault.deposit(who.id, token, WAD, sender=who.key)


def test_a_token_that_returns_nothing(world: VaultWorld) -> None:
    who = world.party("pledger", 0)
    token = world.chain.deploy(world.load("SilentToken"), 18)
    world.list_token(token)
    token.mint(who.key, WAD)
    token.approve(world.vault, MAX, sender=who.key)
    world.vault.deposit(who.id, token, WAD, sender=who.key)
    assert world.vault.worth(who.id)[0] == 1_600 * WAD
    world.vault.withdraw(who.id, token, WAD, who.key, sender=who.key)
    assert token.balanceOf(who.key) == WAD


def test_withdraw(world: VaultWorld) -> None:
    who = world.party("pledger", 0)
    friend = world.key("friend")
    world.pledge(who, WAD)
    receipt = world.vault.withdraw(who.id, world.weth, WAD // 4, friend, sender=who.key)
    assert of(receipt, "CollateralWithdrawn").args["balance"] == WAD * 3 // 4
    assert world.weth.balanceOf(friend) == WAD // 4
    world.vault.withdraw(who.id, world.weth, WAD * 3 // 4, friend, sender=who.key)
    assert not world.engine.wallet(who.id).pledged


def test_withdraw_is_refused(world: VaultWorld) -> None:
    who, other = world.party("pledger", 0), world.party("other", 0)
    world.pledge(who, WAD)
    withdraw = world.vault.withdraw
    world.engine.set_operator(other.key, True, sender=who.key)
    with reverts("vault: not your account"):
        withdraw(who.id, world.weth, 1, other.key, sender=other.key)
    with reverts("vault: not your account"):
        withdraw(FUND, world.weth, 1, who.key, sender=who.key)
    with reverts("vault: amount is zero"):
        withdraw(who.id, world.weth, 0, who.key, sender=who.key)
    for amount in (WAD + 1, MAX):
        with reverts("vault: above the balance"):
            withdraw(who.id, world.weth, amount, who.key, sender=who.key)
    with reverts("vault: above the balance"):
        withdraw(who.id, world.wbtc, 1, who.key, sender=who.key)
    for receiver in (ZERO_ADDRESS, world.vault):
        with reverts("vault: bad receiver"):
            withdraw(who.id, world.weth, 1, receiver, sender=who.key)


def test_withdraw_keeps_the_initial_margin(world: VaultWorld) -> None:
    """IM is 91.5, cash 59.5: 32 have to stay, which are 0.02 WETH."""
    who, maker = world.party("pledger", 60), world.party("maker", 10_000)
    world.pledge(who, WAD)
    world.trade(who, maker, 10 * WAD)
    withdraw, most = world.vault.withdraw, WAD - 2 * 10**16
    with reverts("vault: below initial margin"):
        withdraw(who.id, world.weth, most + 1, who.key, sender=who.key)
    with world.anchor():
        world.spoil(0, "stale")
        with reverts("vault: a leg is not fresh"):
            withdraw(who.id, world.weth, 1, who.key, sender=who.key)
    withdraw(who.id, world.weth, most, who.key, sender=who.key)


def test_cash_keeps_what_losses_need(world: VaultWorld) -> None:
    """The margin may stand on collateral, losses stand on cash: 99.5 less a loss of 50."""
    who, maker = world.party("pledger", 100), world.party("maker", 10_000)
    world.pledge(who, WAD)
    world.trade(who, maker, 10 * WAD)
    world.price(0, 95)
    units = 49_500_000
    with reverts("custody: below initial margin"):
        world.engine.withdraw(who.id, units + 1, who.key, sender=who.key)
    world.engine.withdraw(who.id, units, who.key, sender=who.key)
    assert world.cash(who) == 50 * WAD
    with reverts("custody: below initial margin"):
        world.engine.withdraw(who.id, 1, who.key, sender=who.key)


def test_liq_7_no_collateral_leaves_while_there_are_arrears(world: VaultWorld) -> None:
    """Cash 9.5, a loss of 50: nothing leaves, flat or not, though E is far above."""
    who, maker = world.party("pledger", 10), world.party("maker", 10_000)
    world.pledge(who, WAD)
    world.trade(who, maker, 10 * WAD)
    world.price(0, 95)
    with reverts("vault: account has arrears"):
        world.vault.withdraw(who.id, world.weth, 1, who.key, sender=who.key)
    world.trade(who, maker, -10 * WAD)
    assert world.recorded(who) < 0
    with reverts("vault: account has arrears"):
        world.vault.withdraw(who.id, world.weth, 1, who.key, sender=who.key)
    world.engine.deposit(who.id, 100 * 10**6, sender=world.key("friend", 100))
    world.engine.settle(who.id)
    world.vault.withdraw(who.id, world.weth, WAD, who.key, sender=who.key)


def test_led_6_a_flat_account_asks_no_oracle(world: VaultWorld) -> None:
    who, maker = world.party("pledger", 1_000), world.party("maker", 10_000)
    world.pledge(who, WAD)
    world.pledge(who, 10**8, world.wbtc)
    world.trade(who, maker, 10 * WAD)
    world.trade(who, maker, -10 * WAD)
    for market in (0, WETH, WBTC):
        world.kill(market)
    world.vault.withdraw(who.id, world.weth, WAD, who.key, sender=who.key)
    world.vault.withdraw(who.id, world.wbtc, 10**8, who.key, sender=who.key)
    assert not any(world.vault.balances(who.id))


def test_a_margin_call_ends_by_collateral(world: VaultWorld) -> None:
    """LIQ-1: E = 49.5 against 57.1; the deposit is recorded by the next touch."""
    who, maker = world.party("called", 100), world.party("maker", 10_000)
    world.trade(who, maker, 10 * WAD)
    world.price(0, 95)
    world.engine.call_margin(who.id)
    assert world.deadline(who) > 0
    world.pledge(who, WAD // 100)
    world.engine.touch(who.id)
    assert world.deadline(who) == 0


def test_takeover_takes_collateral_into_account(world: VaultWorld) -> None:
    """With 1 WETH more the same account is healthy; below the margin its health rises with it."""
    who, maker = world.party("hit", 100), world.party("maker", 10_000)
    liquidator = world.party("liquidator", 10_000)
    world.trade(who, maker, 10 * WAD)
    world.pledge(who, WAD // 1_000)  # worth 1.6
    world.price(0, 93)  # E = 99.5 - 70 + 1.6 = 31.1, MM = 56.8
    with world.anchor():
        world.pledge(who, WAD)
        with reverts("liquidation: account is healthy"):
            world.takeover(who, WAD, liquidator)
    before = world.health(who)
    world.takeover(who, WAD, liquidator)
    assert world.health(who) > before


def test_donated_tokens_are_nobodys(built_vault: VaultWorld) -> None:
    with built_vault.anchor():
        who = built_vault.party("pledger", 0)
        built_vault.pledge(who, WAD)
        built_vault.weth.mint(built_vault.vault, 7)
        assert built_vault.untwinned({built_vault.weth.address: 7}) == []
        built_vault.vault.withdraw(who.id, built_vault.weth, WAD, who.key, sender=who.key)
        with reverts("vault: above the balance"):
            built_vault.vault.withdraw(who.id, built_vault.weth, 1, who.key, sender=who.key)
