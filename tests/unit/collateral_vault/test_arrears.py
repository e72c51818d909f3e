"""note_arrears and clear_arrears: nobody owes the winners of a market for ever (LIQ-7)."""

from engine_world import BUFFER, FUND, WAD, Party, of, reverts
from vault_world import VaultWorld

DAY = 86_400
CASH, ARREARS, CLAIM = 149 * WAD + 375 * WAD // 10_000, 175 * WAD, 100 * WAD


def pool(world: VaultWorld) -> Party:
    """A flat account with cash 149.0375, arrears 175 in market 0, a claim of 100 in market 1, whose
    loser has not paid: the market has its buffer alone.

    Cash 150, fees 0.5 for 5 at 100 in both. At 65 and 120 it closes for 0.1625 and 0.3.
    """
    who, rich = world.party("debtor", 150), world.party("rich", 10_000)
    thin = world.party("thin", 60)
    world.trade(who, rich, 5 * WAD)
    world.trade(who, thin, 5 * WAD, market=1)
    world.price(0, 65)
    world.price(1, 120)
    for market in range(2):
        world.trade(who, rich, -5 * WAD, market=market)
    assert (world.cash(who), world.recorded(who), world.recorded(who, 1)) == (CASH, -ARREARS, CLAIM)
    return who


def test_note_arrears(world: VaultWorld) -> None:
    who = pool(world)
    receipt = world.engine.note_arrears(who.id)
    event = of(receipt, "ArrearsNoted")
    assert event.args["since"] == world.chain.timestamp
    state = world.engine.wallet(who.id)
    assert (state.cash, state.since) == (0, world.chain.timestamp)
    # settling paid what the cash reached for
    assert world.recorded(who) == CASH - ARREARS
    assert state.pledged is False


def test_note_arrears_is_refused(world: VaultWorld) -> None:
    rich = world.party("rich", 100)
    with reverts("arrears: there are none"):
        world.engine.note_arrears(rich.id)
    for account in (FUND, 2, 5):
        with reverts("custody: no such account"):
            world.engine.note_arrears(account)
        with reverts("custody: no such account"):
            world.engine.clear_arrears(account)
    who = pool(world)
    world.engine.note_arrears(who.id)
    since = world.chain.timestamp
    world.chain.set_time(since + 5)
    with reverts("arrears: already noted"):
        world.engine.note_arrears(who.id)
    assert world.engine.wallet(who.id).since == since


def test_a_settle_without_arrears_left_ends_it(world: VaultWorld) -> None:
    who = pool(world)
    world.engine.note_arrears(who.id)
    world.engine.deposit(who.id, 10 * 10**6, sender=world.key("friend", 100))
    world.engine.settle(who.id)
    assert world.engine.wallet(who.id).since != 0
    world.engine.deposit(who.id, 90 * 10**6, sender=world.key("friend", 100))
    world.engine.touch(who.id)
    assert world.engine.wallet(who.id).since != 0
    world.engine.settle(who.id)
    assert world.engine.wallet(who.id).since == 0


def test_liq_7_after_a_day_claims_go_for_arrears(world: VaultWorld) -> None:
    """25.9625 of arrears in market 0 less the 0.001 that market 1's buffer pays become the
    shortfall, against as much of the claim in market 1, which is the fund's now."""
    who = pool(world)
    world.engine.note_arrears(who.id)
    since = world.chain.timestamp
    owed = ARREARS - CASH - BUFFER
    world.chain.set_time(since + DAY - 1)
    with reverts("arrears: not noted for a day"):
        world.engine.clear_arrears(who.id)
    world.chain.set_time(since + DAY)
    receipt = world.engine.clear_arrears(who.id)
    assert of(receipt, "ArrearsCleared").args["amount"] == owed
    assert world.recorded(who) == 0
    assert world.recorded(who, 1) == CLAIM - BUFFER - owed
    assert world.recorded(FUND, 1) == owed
    assert world.state(0).shortfall == owed
    assert world.engine.wallet(who.id).since == 0
    assert world.engine.wallet(who.id).held == 2
    with reverts("arrears: not noted for a day"):
        world.engine.clear_arrears(who.id)


def test_a_note_is_void_after_two_days(world: VaultWorld) -> None:
    """It may be of arrears that were paid long ago: neither sale nor claims rest on it, and it may
    be taken anew."""
    who = pool(world)
    world.engine.note_arrears(who.id)
    since = world.chain.timestamp
    world.pledge(who, WAD)
    world.chain.set_time(since + 2 * DAY)
    world.refresh()
    assert world.vault.terms(who.id)[0] > 0
    with reverts("arrears: already noted"):
        world.engine.note_arrears(who.id)
    world.chain.set_time(since + 2 * DAY + 1)
    world.refresh()
    assert world.vault.terms(who.id) == (0, 0)
    with reverts("arrears: not noted for a day"):
        world.engine.clear_arrears(who.id)
    world.engine.note_arrears(who.id)
    assert world.engine.wallet(who.id).since == world.chain.timestamp


def test_clear_arrears_of_the_bankrupt_is_refused(world: VaultWorld) -> None:
    """Cash 94.5, a loss of 200, a claim of 100: its resolve gives each market its part of them."""
    who, rich = world.party("debtor", 95), world.party("rich", 10_000)
    world.trade(who, rich, 5 * WAD)
    world.trade(who, world.party("thin", 60), 5 * WAD, market=1)
    world.price(0, 60)
    world.price(1, 120)
    assert world.equity(who) == -5 * WAD - WAD // 2
    world.engine.note_arrears(who.id)
    world.chain.set_time(world.chain.timestamp + DAY)
    world.refresh()
    with reverts("liquidation: account bankrupt"):
        world.engine.clear_arrears(who.id)


def test_clear_arrears_without_claims(world: VaultWorld) -> None:
    """Collateral alone: it is sold, nothing goes to the shortfall."""
    who, maker = world.party("debtor", 10), world.party("maker", 10_000)
    world.pledge(who, WAD)
    world.trade(who, maker, 10 * WAD)
    world.price(0, 93)
    world.trade(who, maker, -10 * WAD)
    world.engine.note_arrears(who.id)
    world.chain.set_time(world.chain.timestamp + DAY)
    with reverts("arrears: no claims"):
        world.engine.clear_arrears(who.id)


def test_clear_arrears_of_a_locked_account(world: VaultWorld) -> None:
    who, maker, keeper = world.party("hit", 60), world.party("maker", 10_000), world.party("keeper")
    for market in (0, 1):
        world.trade(who, maker, 3 * WAD, market=market)
    world.price(0, 75)
    world.engine.note_arrears(who.id)
    world.resolve(who, keeper)
    assert world.engine.wallet(who.id).locked
    world.chain.set_time(world.chain.timestamp + DAY)
    with reverts("custody: account is locked"):
        world.engine.clear_arrears(who.id)
