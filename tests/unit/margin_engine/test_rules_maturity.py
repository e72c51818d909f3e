"""LED-4: a profit counts in equity at once, and is paid as it matures."""

from engine_world import BUFFER, FUND, Party, World, ceil_div, decay, wad

HOUR = 3_600
Q = 2**40 - 1


def winner(world: World) -> Party:
    """Long 5 from 100, now at 108: a profit of 40, for which the loser has brought the cash."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(5))
    world.price(0, 108)
    world.engine.settle(maker.id)
    assert world.state().cash == wad(40) + BUFFER
    return trader


def paid(world: World, trader: Party) -> int:
    """What a settlement pays."""
    cash = world.cash(trader)
    world.engine.settle(trader.id, sender=world.key("stranger"))
    return world.cash(trader) - cash


def test_led_4_nothing_is_paid_in_the_block_of_the_profit(world: World) -> None:
    """Settled twice, touched, by anyone: it is all reserve. It counts in E, not in E_init."""
    trader = winner(world)
    assert paid(world, trader) == 0
    world.engine.touch(trader.id)
    assert paid(world, trader) == 0
    leg = world.engine.position(trader.id, 0)
    assert (leg.pnl, leg.reserve, leg.time) == (wad(40), Q, world.chain.timestamp)
    health = world.engine.health(trader.id)
    assert health.equity - health.initial_equity == wad(40)


def test_led_4_nothing_is_paid_for_an_hour_then_half_of_the_rest(world: World) -> None:
    """20 of 40 after two hours, 30 after three; all of it when a millionth of a quote is left."""
    trader = winner(world)
    assert paid(world, trader) == 0
    reserve, so_far = wad(40), 0
    for total in (0, 20, 30, 35):
        world.chain.mine(seconds=HOUR)
        world.refresh(0)
        pnl = world.recorded(trader)
        reserve = ceil_div(reserve * decay(HOUR), 2**64)
        amount = paid(world, trader)
        # stored as a fraction of the pnl that was left, rounded up
        assert 0 <= pnl - min(pnl, 2 * reserve) - amount <= 8 * wad(40) // Q + 10
        so_far += amount
        assert 0 <= wad(total) - so_far <= 10**9
        assert world.recorded(trader) == wad(40) - so_far
    world.chain.mine(seconds=30 * HOUR)
    world.refresh(0)
    assert paid(world, trader) == wad(40) - so_far
    assert world.engine.position(trader.id, 0)[4:] == (0, wad(5), 0, 0)


def test_led_4_a_hundred_touches_are_as_one(world: World) -> None:
    """Each rounds up to a unit of 1/Q of the profit: nobody is paid more by them, or much less."""
    trader = winner(world)
    world.engine.touch(trader.id)
    with world.anchor():
        world.chain.mine(seconds=2 * HOUR)
        world.refresh(0)
        once = paid(world, trader)
    for _ in range(100):
        world.chain.mine(seconds=HOUR // 50)
        world.refresh(0)
        world.engine.touch(trader.id)
    often = paid(world, trader)
    assert 0 <= once - often <= 200 * (wad(40) // Q + 100)
    assert once == wad(40) - 2 * ceil_div(wad(40) * decay(2 * HOUR), 2**64)


def test_led_4_a_loss_eats_the_reserve_first(world: World) -> None:
    """An hour after 40 at 108 it is worth 20 at 104: the loss has eaten what held them back."""
    trader = winner(world)
    world.engine.touch(trader.id)
    world.chain.mine(seconds=HOUR)
    world.price(0, 104)
    assert 0 <= wad(20) - paid(world, trader) <= 10**6


def test_led_4_a_new_profit_starts_afresh_beside_what_has_matured(world: World) -> None:
    """Three hours after 40 at 108, of which 30 have matured, it is 60 at 112: the new 20 are not
    paid and hold back as much of the old."""
    trader = winner(world)
    world.engine.touch(trader.id)
    world.chain.mine(seconds=3 * HOUR)
    world.price(0, 112)
    assert 0 <= wad(10) - paid(world, trader) <= 10**6
    assert 0 <= world.recorded(trader) - wad(50) <= 10**6


def test_led_4_a_gain_against_the_mark_matures_too(world: World) -> None:
    """Bought 10 at 99 with the mark at 100: the 10 that the seller paid are not there to take."""
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(10), price=wad(99))
    assert world.recorded(trader) == wad(10)
    assert paid(world, trader) == 0
    # nor when the position is closed in the same block
    world.trade(trader, maker, wad(-10))
    assert paid(world, trader) == 0
    world.chain.mine(seconds=40 * HOUR)
    assert paid(world, trader) == wad(10)


def test_led_4_a_fill_stores_the_reserve_as_a_touch_does(world: World) -> None:
    """Growing or shrinking the position neither matures a profit nor puts one back."""
    trader = winner(world)
    world.engine.touch(trader.id)
    world.chain.mine(seconds=HOUR)
    world.refresh(0)
    with world.anchor():
        world.engine.touch(trader.id)
        touched = world.engine.position(trader.id, 0)
    for size in (2, -1, -4):
        with world.anchor():
            world.trade(trader, world.party("other", 1_000), wad(size))
            leg = world.engine.position(trader.id, 0)
            assert (leg.pnl, leg.reserve, leg.time) == (wad(40), touched.reserve, touched.time)


def test_led_4_the_fund_waits_for_an_assigned_claim_as_its_giver_did(world: World) -> None:
    """A claim of 10, half matured, goes to the fund with its reserve of 2.5."""
    trader, maker = world.party("trader", 100), world.party("maker", 10_000)
    for market in range(2):
        world.trade(trader, maker, wad(5), market=market)
    world.price(1, 102)
    world.engine.touch(trader.id)
    world.chain.mine(seconds=2 * HOUR)
    # what has matured is not there to be paid: the buffer is all the cash in market 1
    world.price(0, 70)
    world.refresh(1)
    world.resolve(trader, world.party("keeper"))
    cash, claim = world.cash(FUND), wad(10) - BUFFER
    assert world.recorded(FUND, 1) == claim
    world.engine.settle(maker.id)
    world.engine.settle(FUND)
    assert 0 <= wad(5) - BUFFER - (world.cash(FUND) - cash) <= 10**8
