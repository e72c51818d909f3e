"""settle: claims from the markets' cash, then arrears from the account's (LED-3)."""

import pytest
from engine_world import (
    BUFFER,
    FUND,
    SPOILED,
    TREASURY,
    Leg,
    Party,
    World,
    events,
    of,
    reverts,
    unpack_book,
    unpack_leg,
    unpack_wallet,
    wad,
)


@pytest.fixture
def trader(world: World, maker: Party) -> Party:
    """Cash 99.5, long 5 in markets 0 and 1 from 100."""
    trader = world.party("trader", 100)
    for market in range(2):
        world.trade(trader, maker, wad(5), market=market)
    return trader


def test_settle_default_loss(world: World, trader: Party) -> None:
    world.price(0, 96)
    world.engine.settle(trader.id, sender=world.key("stranger"))
    assert (world.cash(trader), world.recorded(trader)) == (wad("79.5"), 0)
    assert world.state().cash == wad(20) + BUFFER


def test_settle_default_claim_as_far_as_there_is_cash(
    world: World, trader: Party, maker: Party
) -> None:
    """The short side's 20: first the buffer is all there is, after the loser settled the rest."""
    world.price(0, 96)
    cash = world.cash(maker)
    world.engine.touch(maker.id)
    world.matured(maker)
    world.engine.settle(maker.id)
    assert (world.cash(maker), world.recorded(maker)) == (cash + BUFFER, wad(20) - BUFFER)
    assert world.state().cash == 0
    world.engine.settle(trader.id)
    world.engine.settle(maker.id)
    assert (world.cash(maker), world.recorded(maker)) == (cash + wad(20), 0)
    assert world.state().cash == BUFFER


def test_settle_default_arrears_pro_rata(world: World, trader: Party) -> None:
    """Arrears 60 and 80, cash 99.5: the first gets floor(99.5 * 60 / 140), the last the rest."""
    world.price(0, 88)
    world.price(1, 84)
    world.engine.settle(trader.id)
    first = wad("99.5") * 60 // 140
    assert first == 42_642_857_142_857_142_857
    assert world.cash(trader) == 0
    assert world.recorded(trader, 0) == first - wad(60)
    assert world.recorded(trader, 1) == wad("99.5") - first - wad(80)


def test_settle_default_pro_rata_over_three(world: World, trader: Party, maker: Party) -> None:
    """The share is of what is left each time: rounding never takes a wei too much."""
    world.engine.deposit(trader.id, 100 * world.unit, sender=world.key("donor", 100))
    world.trade(trader, maker, wad(5), market=2)
    for market, price in enumerate((90, 80, 70)):
        world.price(market, price)
    # cash 199.25, arrears 50, 100, 150
    world.engine.settle(trader.id)
    left, owed = wad("199.25"), wad(300)
    for market, arrears in enumerate((wad(50), wad(100), wad(150))):
        paid = left * arrears // owed
        assert world.recorded(trader, market) == paid - arrears
        left, owed = left - paid, owed - arrears
    assert left == 0 == world.cash(trader)


def test_settle_default_claims_pay_arrears(world: World, trader: Party, maker: Party) -> None:
    """A claim that is paid counts for the arrears of the same call."""
    world.price(0, 130)
    world.engine.settle(maker.id)  # brings 150 into market 0
    world.price(1, 75)
    world.engine.touch(trader.id)
    world.matured(trader)
    world.engine.settle(trader.id)
    # cash 99.5 + 150 - 125
    assert world.cash(trader) == wad("124.5")
    assert (world.recorded(trader, 0), world.recorded(trader, 1)) == (0, 0)


@pytest.mark.parametrize("what", SPOILED)
def test_settle_default_dead_leg(world: World, trader: Party, maker: Party, what: str) -> None:
    """What a dead leg has on record as a loss is paid, a claim of it is not; it is not marked."""
    world.price(0, 96)
    world.price(1, 103)
    world.engine.touch(trader.id)
    world.price(0, 120)
    for market in range(2):
        world.spoil(market, what)
    k_snap = world.engine.position(trader.id, 0).k_snap
    world.engine.settle(trader.id)
    assert (world.cash(trader), world.recorded(trader, 0)) == (wad("79.5"), 0)
    assert world.engine.position(trader.id, 0).k_snap == k_snap == 96 * 10**36
    assert world.recorded(trader, 1) == wad(15)
    assert world.size(trader, 0) == wad(5)


def test_settle_default_flat_needs_no_oracle(world: World) -> None:
    """Cash 149.0375, a claim of 100, arrears 175, and no oracle is asked."""
    trader = world.flat_with_arrears()
    world.matured(trader)
    for market in range(world.markets):
        world.kill(market)
    world.engine.settle(trader.id)
    assert world.engine.wallet(trader.id) == (wad("74.0375"), 0, 0, 0, False, 0, False, 0)


def test_settle_default_twice_in_a_block(world: World, trader: Party) -> None:
    world.price(0, 96)
    world.engine.settle(trader.id)
    before = world.fingerprint()
    world.engine.settle(trader.id)
    assert world.fingerprint() == before


def test_settle_default_fund(world: World, trader: Party, maker: Party) -> None:
    """The fund's claims are paid like others', by anyone's call."""
    story = assigned(world, trader, maker)
    cash = world.cash(FUND)
    assert world.engine.wallet(FUND)[1] == 0b10
    world.engine.settle(maker.id)
    # it matures like others' too: nothing of it has
    world.engine.settle(FUND, sender=world.key("stranger"))
    assert (world.cash(FUND), world.recorded(FUND, 1)) == (cash, story)
    world.matured(FUND)
    world.engine.settle(FUND, sender=world.key("stranger"))
    assert world.cash(FUND) == cash + story
    assert world.engine.wallet(FUND)[1] == 0
    assert world.engine.fund_state()[1] == 0


def assigned(world: World, trader: Party, maker: Party) -> int:
    """The trader is bankrupt with a claim of 10 in market 1, which goes to the fund."""
    world.price(0, 70)
    world.price(1, 102)
    event = world.resolve(trader, world.party("keeper")).event("Resolved")
    # nothing of it was paid to the trader before: none of it had matured
    assert event.claims == wad(10) == world.recorded(FUND, 1)
    assert world.engine.position(FUND, 1).reserve == 2**40 - 1
    return int(event.claims)


@pytest.mark.parametrize("account", [0, TREASURY, 3, 2**256 - 1])
def test_settle_default_nobody(world: World, trader: Party, account: int) -> None:
    before = world.fingerprint()
    assert events(world.engine.settle(account)) == []
    assert world.fingerprint() == before


def test_settle_emits_everything(world: World, trader: Party) -> None:
    """One event a leg with the words as they are afterwards, one a book that changed."""
    world.price(0, 96)
    receipt = world.engine.settle(trader.id)
    assert events(receipt) == ["PositionUpdated", "BookUpdated", "PositionUpdated"]
    leg = of(receipt, "PositionUpdated", market=0)
    assert leg.account == trader.id
    assert unpack_leg(leg.snap, leg.profit) == Leg(wad(5), 10**18, 1, 96 * 10**36, 0)
    assert unpack_wallet(leg.wallet) == (wad("79.5"), 3, 0, 0)
    book = receipt.event("BookUpdated")
    assert book.market == 0
    assert unpack_book(book.book) == (wad(5), wad(20) + BUFFER)


def test_settle_reverts_market_out_of_range(tampered: World) -> None:
    world = tampered
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(5))
    world.set_backing(0, 2**103 - 1)
    world.price(0, 99)
    with reverts("ledger: market out of range"):
        world.engine.settle(trader.id)


def test_settle_reverts_cash_out_of_range(tampered: World) -> None:
    world = tampered
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(5))
    world.set_backing(0, wad(100))
    world.set_cash(trader.id, 2**103 - 1)
    world.price(0, 101)
    world.engine.touch(trader.id)
    world.matured(trader)
    with reverts("ledger: cash out of range"):
        world.engine.settle(trader.id)
