"""Where the rules are tight: accounts and books at the edge of what they can carry.

The tests named `known_limit` say what the rules do not do yet; SPEC section 10 names each.
"""

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.reference import Config, Refused, Risk
from plimsoll.reference.numbers import A_MIN, A_ONE, FUND, MARKETS, WAD

OWNER = "0x" + "0a" * 20
STRANGER = "0x" + "77" * 20
DEALER, SOUND, GIANT, KEEPER, HELPER, WEAK = 1, 2, 3, 4, 5, 6
RISK = Risk(5 * 10**10, 2 * 10**10, 0, 0, 10**12, 0, 5 * 10**9, 10**13)
CONFIG = Config(10**24, WAD, 10**30, 50_000, 200, 500, 0, 0)


def address(number: int) -> str:
    return f"0x{number + 0x1000:040x}"


def test_led_5_dust_survives_small_resolves_at_a_small_multiplier(new_world: Any) -> None:
    """One giant resolve brings the shorts' A to 1.5e15, then 300 resolves of one unit each.

    Each floor of A takes up to 7e-16 of the shorts' size away, the dust buffer is 1e-10 of the
    cap's notional. With books that ended at 1e12 only, the buffer did not last. The market is
    nearly full, so that IM is nearly twice as high.
    """
    world = new_world()
    world.market(risk=RISK, config=CONFIG)
    model, keeper = world.model, world.actor(KEEPER)
    for number in (DEALER, SOUND):
        world.actor(number, 10**10)
    giant = world.actor(GIANT, 40 * 10**6)
    left = 1_500 * WAD
    world.trade(GIANT, DEALER, 10**24 - left)
    world.trade(SOUND, DEALER, left)
    world.answer(0, 55 * WAD)
    model.resolve(STRANGER, giant, 0, keeper)
    assert A_MIN < model.markets[0].short.a < 2 * A_MIN
    world.answer(0, 100 * WAD)
    world.trade(SOUND, DEALER, 10**24 - 10**20 - model.markets[0].oi)
    for number in range(100, 400):
        broke = world.actor(number, 61)
        world.trade(number, DEALER, WAD)
        world.answer(0, 30 * WAD)
        model.resolve(STRANGER, broke, 0, keeper)
        world.answer(0, 100 * WAD)
    world.answer(0, 400 * WAD)
    assert model.identities() == []


def test_led_8_after_a_resolve_everybody_can_close(world: Any) -> None:
    """Long 7 is resolved out of 30 against shorts of 17 and 13: A = floor(1e18 * 23/30).

    The longs have 23 units, the shorts some wei less. The last long would keep those wei, which is
    below the minimum size; they are dropped, OI keeps them, and so the book ends.
    """
    model, broke = world.model, world.actor(WEAK, 220)
    for number in (DEALER, SOUND, HELPER):
        world.actor(number, 100_000)
    world.trade(WEAK, DEALER, 7 * WAD)
    world.trade(SOUND, DEALER, 10 * WAD)
    world.trade(SOUND, HELPER, 13 * WAD)
    world.answer(0, 60 * WAD)
    model.resolve(STRANGER, broke, 0, world.actor(KEEPER))
    assert model.positions(world.actor(SOUND)) == {0: 23 * WAD}
    for short in (DEALER, HELPER):
        size = model.positions(world.actor(short))[0]
        world.trade(short, SOUND, -size)
    assert model.positions(world.actor(SOUND)) == {}
    assert model.market_view(0)[0] == 0
    assert model.market_view(0)[3:] == (A_ONE, 0, 2, A_ONE, 0, 2)
    assert model.identities() == []


def liquidate(world: Any, account: int) -> None:
    """Take over the largest slice that is allowed, until none is."""
    model, helper = world.model, world.actor(HELPER)
    for _ in range(100):
        slices = {m: model.largest_slice(account, m) for m in model.positions(account)}
        market = max(slices, key=lambda m: slices[m], default=None)
        if market is None or slices[market] == 0:
            return
        model.takeover(address(HELPER), account, market, slices[market], helper)


def hedged(world: Any, first: Risk, second: Risk, rho: int, cash: int, value: int) -> int:
    """Long in market 0 and short in market 1 of `value` quote each, with `cash` in token units.

    They are opened while margins are at their lowest, then the risk parameters are set.
    """
    model = world.model
    calm = Risk(10**9, 2 * 10**9, 0, 0, 10**12, 0, 10**9, 10**13)
    rows = [[10_000 * (m == n) for n in range(MARKETS)] for m in range(MARKETS)]
    rows[0][1] = rows[1][0] = rho
    model.set_correlations(OWNER, rows)
    model.set_globals(OWNER, 3 * WAD, 125 * 10**16)
    config = replace(CONFIG, penalty_min=50, penalty_max=50)
    for market in (0, 1):
        world.market(market, risk=calm, config=config)
    weak = world.actor(WEAK)
    model.deposit(STRANGER, weak, cash)
    for number in (DEALER, HELPER):
        world.actor(number, 10**7)
    world.trade(WEAK, DEALER, value * WAD // 100, market=0)
    world.trade(WEAK, DEALER, -value * WAD // 100, market=1)
    for market, risk in enumerate((first, second)):
        model.risks[market] = risk
        model.floors[market] = risk.sigma
        model.set_market(OWNER, market, replace(config, penalty_min=200, penalty_max=500))
    return weak


def test_liq_2_known_limit_a_hedged_pair_of_the_minimum_size(new_world: Any) -> None:
    """Long and short of 1 quote with correlation 1: ES = 0, floor = MM = 0.04, E = 0.02.

    A part would leave less than the minimum; the whole of one leg leaves ES = 15 % of 1. So the
    pair waits until it is bankrupt or its owner deposits.
    """
    risk = Risk(5 * 10**10, 2 * 10**10, 0, 0, 10**12, 0, 5 * 10**9, 10**13)
    world = new_world()
    weak = hedged(world, risk, risk, 10_000, 20_000, 1)
    model, helper = world.model, world.actor(HELPER)
    assert model.band(weak) == "liquidatable"
    for market, size in model.positions(weak).items():
        assert model.largest_slice(weak, market) == 0
        for part, reason in ((abs(size) // 2, "minimum"), (abs(size), "health")):
            with pytest.raises(Refused, match=reason):
                model.takeover(address(HELPER), weak, market, part, helper)
    with pytest.raises(Refused, match="health"):  # nor does the owner get out of one leg alone
        world.trade(WEAK, DEALER, -WAD // 100, market=0)
    model.deposit(STRANGER, weak, 10**6)
    world.trade(WEAK, DEALER, -WAD // 100, market=0)
    world.trade(WEAK, DEALER, WAD // 100, market=1)
    assert model.positions(weak) == {}


def test_liq_2_an_account_at_the_kink_of_es_and_floor_can_be_liquidated(new_world: Any) -> None:
    """Long 100,000 (f 5 %, z*sigma 8 %), short 100,000 (f 1 %, z*sigma 12.08 %), rho 0.9, E = 600.

    floor = 6,000, ES = 5,996. Less of the long leg raises ES, for it hedges the short leg; less of
    the short leg lowers MM by 1 % of the slice, a sixth of MM for the whole leg. A penalty of
    0.24 % of the slice would take 0.4 of E for the whole leg, and health would fall either way; but
    no more is charged than 0.8 of E in proportion to the margin that is freed.
    """
    long = Risk(8 * 10**10 // 3, 5 * 10**10, 0, 0, 10**12, 0, 5 * 10**9, 10**13)
    short = Risk(40_260_000_000, 10**10, 0, 0, 10**12, 0, 5 * 10**9, 10**13)
    world = new_world()
    weak = hedged(world, long, short, 9_000, 600 * 10**6, 100_000)
    assert world.model.band(weak) == "liquidatable"
    liquidate(world, weak)
    assert world.model.band(weak) != "liquidatable"


def test_liq_4_equity_beside_a_dead_leg_goes_to_those_who_paid(world: Any) -> None:
    """Cash 600, arrears of 890 in market 1, a profit of 200 in market 0, whose feed is stale.

    E = -90. The claim of 200 is not payable: the fund pays 290 and the account is locked with that
    debt. When the feed is back at 115, the claim of 150 is the fund's: 140 stay open.
    """
    model = world.model
    world.market(1)
    broke = world.actor(WEAK, 600)
    world.actor(DEALER, 100_000)
    for market in (0, 1):
        world.trade(WEAK, DEALER, 10 * WAD, market=market)
    model.set_answer(0, 120 * WAD, model.time - 4_000)
    world.answer(1, 11 * WAD)
    assert model.equity(broke) == -90 * WAD
    before = model.account(FUND).cash
    model.resolve(STRANGER, broke, 1, world.actor(KEEPER))
    assert (model.account(broke).locked, model.account(broke).debt) == (True, 290 * WAD)
    assert model.equity(broke) == 200 * WAD
    with pytest.raises(Refused, match="locked"):
        model.withdraw(address(WEAK), broke, 1, address(WEAK))
    with pytest.raises(Refused, match="nothing to reclaim"):
        model.reclaim(STRANGER, broke)
    world.answer(0, 115 * WAD)
    with pytest.raises(Refused, match="locked"):
        world.trade(WEAK, DEALER, -WAD)
    model.reclaim(STRANGER, broke)
    assert model.equity(broke) == 0
    assert model.account(broke).debt == 140 * WAD
    reward = model.account(world.actor(KEEPER)).cash
    assert model.deposit_worth() == before - 140 * WAD - reward
    assert model.identities() == []
