"""list_token, set_cap, set_haircut, withdraw_fund, set_vault: who may, and the ranges."""

import pytest
from engine_world import FUND, WAD, ZERO_ADDRESS, Party, World, reverts
from vault_world import CAP, HAIRCUT, WBTC, WETH, VaultWorld

from plimsoll.evm import Handle

DAY = 86_400


def new_token(world: VaultWorld, decimals: int = 6) -> Handle:
    """A token that is not listed yet."""
    return world.chain.deploy(world.load("TestToken"), decimals)


def test_listed_tokens(world: VaultWorld) -> None:
    assert world.vault.tokens() == [world.weth.address, world.wbtc.address]
    state = world.vault.token_state(world.wbtc)
    assert (state.index, state.market, state.decimals) == (1, WBTC, 8)
    assert (state.haircut, state.cap, state.total) == (10_000, CAP, 0)
    assert world.vault.engine() == world.engine.address
    assert world.engine.addresses()[4] == world.vault.address


def test_list_token_is_refused(world: VaultWorld) -> None:
    vault, owner = world.vault, world.owner
    token = new_token(world)
    with reverts("ownable: caller is not the owner"):
        vault.list_token(token, WETH, HAIRCUT, CAP, sender=world.key("anyone"))
    with reverts("vault: the quote token"):
        vault.list_token(world.token, WETH, HAIRCUT, CAP, sender=owner)
    with reverts("vault: token is listed"):
        vault.list_token(world.weth, WETH, HAIRCUT, CAP, sender=owner)
    with reverts("vault: no such market"):
        vault.list_token(token, 16, HAIRCUT, CAP, sender=owner)
    with reverts("oracle: no feed"):
        vault.list_token(token, 15, HAIRCUT, CAP, sender=owner)
    for haircut in (0, 4_999, 95_001, 100_000):
        with reverts("vault: haircut out of range"):
            vault.list_token(token, WETH, haircut, CAP, sender=owner)
    # the ceiling is 2**78: 2**22 tokens are the most
    for cap in (0, 2**22 * WAD + 1, 2**256 - 1):
        with reverts("vault: cap out of range"):
            vault.list_token(token, WETH, HAIRCUT, cap, sender=owner)
    world.kill(WETH)
    with reverts("vault: no fresh price"):
        vault.list_token(token, WETH, HAIRCUT, CAP, sender=owner)


def test_list_token_at_the_ends_of_the_ranges(world: VaultWorld) -> None:
    for haircut, cap in ((5_000, 1), (95_000, 2**22 * WAD)):
        token = new_token(world)
        world.list_token(token, WETH, haircut, cap)
        assert world.vault.token_state(token).haircut == haircut
        assert world.vault.token_state(token).cap == cap


def test_haircut_covers_the_feeds_gap(world: VaultWorld) -> None:
    """Between a margin call and the sale the price may make the feed's jump."""
    world.oracle.set_feed(WETH, world.proxies[WETH], 3_600, 15 * 10**10, 78, sender=world.owner)
    with reverts("vault: haircut below the gap"):
        world.list_token(new_token(world), WETH, 14_999)
    world.list_token(new_token(world), WETH, 15_000)


def test_eight_tokens(world: VaultWorld) -> None:
    for _ in range(6):
        world.list_token(new_token(world))
    with reverts("vault: too many tokens"):
        world.list_token(new_token(world))


def test_too_many_decimals(world: VaultWorld) -> None:
    """A token whose `decimals` says 24: the aggregator of a feed has such a function, too."""
    odd = world.chain.deploy(world.load("MockAggregator"), 24, 1)
    with reverts("vault: too many decimals"):
        world.list_token(odd)


def test_set_cap(world: VaultWorld) -> None:
    guardian, anyone = world.key("guardian"), world.key("anyone")
    world.engine.set_guardian(guardian, sender=world.owner)
    vault = world.vault
    with reverts("vault: not owner nor guardian"):
        vault.set_cap(world.weth, 1, sender=anyone)
    vault.set_cap(world.weth, CAP - 1, sender=guardian)
    with reverts("vault: guardian only tightens"):
        vault.set_cap(world.weth, CAP, sender=guardian)
    vault.set_cap(world.weth, 0, sender=guardian)
    who = world.party("late", 10)
    world.give(who, world.weth, WAD)
    with reverts("vault: above the cap"):
        vault.deposit(who.id, world.weth, 1, sender=who.key)
    vault.set_cap(world.weth, 1, sender=world.owner)
    vault.deposit(who.id, world.weth, 1, sender=who.key)
    with reverts("vault: above the cap"):
        vault.deposit(who.id, world.weth, 1, sender=who.key)
    with reverts("vault: cap out of range"):
        vault.set_cap(world.weth, 2**22 * WAD + 1, sender=world.owner)
    with reverts("vault: token is not listed"):
        vault.set_cap(world.token, 1, sender=world.owner)


def test_a_lower_cap_takes_nothing_from_those_who_are_in(world: VaultWorld) -> None:
    who = world.party("early", 0)
    world.pledge(who, 5 * WAD)
    world.vault.set_cap(world.weth, WAD, sender=world.owner)
    assert world.engine.health(who.id).collateral == 8_000 * WAD
    world.vault.withdraw(who.id, world.weth, 5 * WAD, who.key, sender=who.key)


def test_mrg_5_a_haircut_moves_between_a_day_and_two_from_now(world: VaultWorld) -> None:
    """20 % to 25 %: nothing for a day, then 5 points in a day, rounded up."""
    who = world.party("pledger", 0)
    world.pledge(who, WAD)
    vault = world.vault
    with reverts("ownable: caller is not the owner"):
        vault.set_haircut(world.weth, 25_000, sender=who.key)
    vault.set_haircut(world.weth, 25_000, sender=world.owner)
    began = world.chain.timestamp
    state = vault.token_state(world.weth)
    assert (state.haircut_from, state.haircut_to) == (20_000, 25_000)
    assert (state.start, state.end) == (began + DAY, began + 2 * DAY)
    with reverts("vault: haircut is moving"):
        vault.set_haircut(world.weth, 20_000, sender=world.owner)
    for after, haircut in ((DAY, 20_000), (DAY + 1, 20_001), (DAY * 3 // 2, 22_500)):
        world.chain.set_time(began + after)
        assert vault.token_state(world.weth).haircut == haircut
    world.chain.set_time(began + 2 * DAY - 1)
    with reverts("vault: haircut is moving"):
        vault.set_haircut(world.weth, 20_000, sender=world.owner)
    world.chain.set_time(began + 2 * DAY)
    world.refresh()
    assert vault.worth(who.id) == (1_500 * WAD, 1_500 * WAD)
    vault.set_haircut(world.weth, 15_000, sender=world.owner)
    assert vault.token_state(world.weth).haircut == 25_000


def test_set_haircut_is_refused(world: VaultWorld) -> None:
    for haircut in (9_999, 30_001):
        with reverts("vault: haircut step too large"):
            world.vault.set_haircut(world.weth, haircut, sender=world.owner)
    for haircut in (4_999, 95_001):
        with reverts("vault: haircut out of range"):
            world.vault.set_haircut(world.weth, haircut, sender=world.owner)


def test_set_vault_once(world: VaultWorld) -> None:
    with reverts("ownable: caller is not the owner"):
        world.engine.set_vault(world.vault, sender=world.key("anyone"))
    with reverts("listing: vault is set"):
        world.engine.set_vault(world.vault, sender=world.owner)
    bare = World(markets=0, backing=0)
    for other in (ZERO_ADDRESS, bare.key("somebody").address):
        with reverts("listing: not this engine's vault"):
            bare.engine.set_vault(other, sender=bare.owner)
    strange = bare.chain.deploy(bare.load("CollateralVault"), bare.new_engine(), sender=bare.owner)
    with reverts("listing: not this engine's vault"):
        bare.engine.set_vault(strange, sender=bare.owner)
    vault = bare.chain.deploy(bare.load("CollateralVault"), bare.engine, sender=bare.owner)
    receipt = bare.engine.set_vault(vault, sender=bare.owner)
    assert [event.args["vault"] for event in receipt.events("VaultUpdated")] == [vault.address]


def test_mark_collateral_is_the_vaults(world: VaultWorld) -> None:
    who = world.party("cheat", 100)
    for sender in (who.key, world.owner):
        with reverts("collateral: not the vault"):
            world.engine.mark_collateral(who.id, True, sender=sender)


@pytest.mark.parametrize("account", [FUND, 2, 2**96 - 1])
def test_house_accounts_take_no_collateral(world: VaultWorld, account: int) -> None:
    who = world.party("generous", 0)
    world.give(who, world.weth, WAD)
    with reverts("vault: not your account"):
        world.vault.deposit(account, world.weth, WAD, sender=who.key)


def test_transfer_ownership(world: VaultWorld) -> None:
    heir: Party = world.party("heir")
    with reverts("ownable: caller is not the owner"):
        world.vault.transfer_ownership(heir.key, sender=heir.key)
    with reverts("ownable: new owner is the zero address"):
        world.vault.transfer_ownership(ZERO_ADDRESS, sender=world.owner)
    world.vault.transfer_ownership(heir.key, sender=world.owner)
    assert world.vault.owner() == heir.address
