"""Attacks found on paper that need other collateral (LIQ-7), a book that has ended (LED-8) or a
dead feed (ORC-2): contracts and reference model side by side, with their figures.

Prices begin at 30,000 in market 0 and near 17.12 in market 1, which also prices the first token (18
decimals, haircut 20 %); the quote token has 6 decimals.
"""

from collections.abc import Iterator

import pytest

from plimsoll.reference.numbers import HOUR, SALE, WAD
from tests.attacks.stage import PRICE, UNIT, Stage
from tests.utils import worlds
from tests.utils.twin import Twin

TOKEN = 0
#: market 1's price at the start
OTHER = 17 * WAD + 123_456_789
MANY = 10**30


@pytest.fixture(scope="module")
def built() -> Twin:
    return Twin(worlds.three_markets(6))


@pytest.fixture
def stage(built: Twin) -> Iterator[Stage]:
    yield Stage(built)
    built.check_everything()
    built.restart()


def pledge(stage: Stage, name: str, units: int) -> None:
    """An owner brings units of the token."""
    twin = stage.twin
    assert twin.vault_deposit(name, twin.account(name), TOKEN, units).accepted


def units_of(stage: Stage, account: int) -> int:
    """What an account has of the token."""
    return int(stage.twin.vault.balances(account)[TOKEN])


def fresh(stage: Stage, price: int = PRICE) -> None:
    """The feeds of both markets answer again."""
    stage.twin.set_price(0, price)
    stage.twin.set_price(1, OTHER)


def test_a_flat_account_with_arrears_and_collateral_pays_within_two_hours(stage: Stage) -> None:
    """He loses 3,000 with 300 of cash and 1,000 tokens worth 13,700, closes, and has nothing to
    fear from a margin call any more: MM is zero. His winner would wait for ever. An hour after
    his arrears are noted anybody buys for them, and he leaves with the rest, not before."""
    twin = stage.twin
    for name, cash in (("loser", 310), ("winner", 50_000), ("third", 50_000), ("buyer", 1)):
        stage.give(name, cash)
    pledge(stage, "loser", 1_000 * WAD)
    loser = twin.account("loser")
    stage.trade("loser", "winner", WAD // 10)
    stage.move(PRICE * 9 // 10)
    stage.move(PRICE * 8 // 10)
    stage.move(PRICE * 7 // 10)
    stage.move(PRICE * 6 // 10)
    twin.set_price(1, OTHER)
    stage.trade("third", "loser", WAD // 10)
    lost, worth = WAD * 1_200, 1_000 * WAD * OTHER * 8 // 10 // WAD
    now = stage.health("loser")
    assert (now.maintenance, now.losses) == (0, lost)
    assert now.equity == now.cash - lost + now.collateral
    assert 0 <= worth - now.collateral <= 1
    # neither cash nor collateral leaves
    assert not twin.vault_withdraw("loser", loser, TOKEN, 1, "loser").accepted
    assert not twin.withdraw("loser", loser, 1, "loser").accepted
    owed = lost - now.cash
    assert twin.note_arrears("anyone", loser).accepted
    assert not twin.buy("buyer", loser, TOKEN, WAD, MANY).accepted
    twin.pass_time(HOUR)
    fresh(stage, PRICE * 6 // 10)
    need, share = twin.vault.terms(loser)
    assert (need, share) == (owed, 0)
    amount = -(-owed * WAD // OTHER)
    assert not twin.buy("buyer", loser, TOKEN, amount + 2, MANY).accepted
    assert twin.buy("buyer", loser, TOKEN, amount, MANY).accepted
    assert stage.health("loser").losses == 0
    left = units_of(stage, loser)
    assert left == 1_000 * WAD - amount
    assert twin.vault_withdraw("loser", loser, TOKEN, left, "loser").accepted


def test_one_unit_of_collateral_before_each_resolve_is_refused(stage: Stage) -> None:
    """A bankrupt account's owner brings one unit of a token each time somebody would resolve it,
    which `resolve` would have to wait for. A deposit has to bring it above its margin: refused, and
    one that does is capital."""
    twin = stage.twin
    for name, cash in (("long", 2_600), ("short", 50_000)):
        stage.give(name, cash)
    keeper, long = stage.give("keeper", 1), twin.account("long")
    stage.trade("long", "short", WAD // 2)
    stage.move(PRICE * 9 // 10)
    stage.move(PRICE * 8 // 10)
    twin.set_price(1, OTHER)
    assert stage.health("long").equity < 0
    for units in (1, WAD, 10 * WAD):
        outcome = twin.vault_deposit("long", long, TOKEN, units)
        assert outcome.reason == "vault: below maintenance margin"
    assert twin.resolve("anyone", long, 0, keeper).accepted
    assert stage.health("long").gross == 0


def test_collateral_left_to_rot_holds_a_resolve_up_for_ten_minutes(stage: Stage) -> None:
    """Nobody buys what a bankrupt account has: ten minutes after its sale was opened it is the
    fund's, at value zero, and the account is resolved. Its owner cannot add to it meanwhile."""
    twin = stage.twin
    for name, cash in (("long", 1_000), ("short", 50_000)):
        stage.give(name, cash)
    keeper, long = stage.give("keeper", 1), twin.account("long")
    pledge(stage, "long", 200 * WAD)  # counts 2,739
    stage.trade("long", "short", WAD // 2)
    for part in (9, 8, 7):
        stage.move(PRICE * part // 10)
        twin.set_price(1, OTHER)
    assert stage.health("long").equity < 0
    assert twin.resolve("anyone", long, 0, keeper).reason == "resolve: collateral first"
    assert twin.open_sale("anyone", long).accepted
    assert twin.vault_deposit("long", long, TOKEN, WAD).reason == "vault: below maintenance margin"
    twin.pass_time(SALE - 1)
    fresh(stage, PRICE * 7 // 10)
    assert twin.seize("anyone", long, TOKEN).reason == "vault: sale is running"
    twin.pass_time(1)
    fresh(stage, PRICE * 7 // 10)
    assert twin.seize("anyone", long, TOKEN).accepted
    assert units_of(stage, 1) == 200 * WAD
    assert twin.resolve("anyone", long, 0, keeper).accepted
    # the fund sells it later, for cash that is the fund's
    cash = int(twin.engine.wallet(1).cash)
    assert twin.buy("buyer", 1, TOKEN, 200 * WAD, MANY).accepted
    got = int(twin.engine.wallet(1).cash) - cash
    assert 0 <= got - 200 * OTHER * 8 // 10 < WAD // UNIT


def test_a_market_is_resolved_while_another_leg_is_dead(stage: Stage) -> None:
    """Bankrupt by market 0 while the feed of market 1, where it has a profit, is dead: market 0 is
    resolved at once, the account stays locked with its dead leg, and what the leg turns out to be
    worth when its feed is back goes to the fund, up to what others paid, not to the owner."""
    twin = stage.twin
    for name, cash in (("long", 1_600), ("other", 50_000)):
        stage.give(name, cash)
    keeper, long = stage.give("keeper", 1), twin.account("long")
    stage.trade("long", "other", WAD // 4)
    stage.trade("long", "other", 50 * WAD, market=1)
    twin.break_feed(1, "reverts")
    twin.set_price(0, PRICE * 7 // 10)
    equity = stage.health("long").equity
    assert equity < 0
    fund = int(twin.engine.wallet(1).cash)
    assert twin.resolve("anyone", long, 0, keeper).accepted
    wallet = twin.engine.wallet(long)
    assert wallet.locked
    # the dead leg's cash part is paid first, the fund has the rest to get back
    assert wallet.debt == -equity
    assert not twin.withdraw("long", long, 1, "long").accepted
    twin.set_price(1, OTHER * 3)
    gained = stage.health("long").equity
    assert gained > wallet.debt
    spent = fund - int(twin.engine.wallet(1).cash)
    assert twin.reclaim("anyone", long).accepted
    state = twin.engine.fund_state()
    assert int(state[0]) + int(state[1]) - (fund - spent) == wallet.debt
    assert not twin.engine.wallet(long).locked
    assert 0 <= stage.health("long").equity - (gained - int(wallet.debt)) <= 2
