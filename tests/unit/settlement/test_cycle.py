"""The settlement: its order, what it pays, and a statement that adds up to the wei."""

from typing import Any

from plimsoll.keeper.types import Row
from plimsoll.protocol import Order, Refused, owner_of
from plimsoll.reference.numbers import Q
from plimsoll.settlement import Statement, settle_cycle
from plimsoll.settlement.cycle import held_back, in_order
from tests.utils.deployed import DAY, PRICES, WAD, Deployed, build

ANYONE = "0x" + "77" * 20
DOWN = {**PRICES, "BTC": 36_000, "ETH": 2_700}


def account(world: Deployed, name: str) -> int:
    return world.plimsoll.account_id(world.plimsoll.backend.account(name))


def cycle(world: Deployed) -> Statement:
    return settle_cycle(world.plimsoll, ANYONE, sorted(world.accounts))


def total(world: Deployed) -> int:
    """Cash of all accounts and markets: settling moves it and makes none."""
    p = world.plimsoll
    accounts = sum(p.wallet(each)[0] for each in (*world.accounts, 1, 2))
    return accounts + sum(p.market_state(market).cash for market in p.markets)


def row(number: int, cash: int, initial: int, equity: int) -> Row:
    return Row(number, cash, 1, equity, initial, 0, 0, 0, 0, losses=cash - initial)


def test_losers_first() -> None:
    """By the net of claims and arrears: the largest loss first, then the largest claim; who owes
    nothing on balance is a winner."""
    rows = [row(5, 100, 100, 130), row(6, 100, 20, 20), row(7, 100, 90, 100), row(8, 50, 49, 49)]
    assert [each.account for each in in_order(rows)] == [6, 8, 5, 7]


def test_led_3_a_day_settled(world: Deployed) -> None:
    """The bull has lost 5 x 4,000, ETH's long gained 40 x 200 which the bear owes. A day after the
    profit was marked nearly all of it is paid, and the market's line says so."""
    world.wait(60, DOWN)
    first = cycle(world)
    assert first.ok
    bull, bear, mixed = (account(world, name) for name in ("bull", "bear", "mixed"))
    assert first.order[0] == bull
    assert set(first.order) == {bull, bear, mixed}
    assert first.flat == 1
    btc = first.markets[0]
    assert btc.received == 20_000 * WAD
    # what is marked for the first time is in the reserve whole
    assert (btc.paid, btc.matured, btc.claims) == (0, 0, 20_000 * WAD)
    assert btc.cash_after - btc.cash_before == 20_000 * WAD

    world.wait(DAY, DOWN)
    before, cash = total(world), world.plimsoll.wallet(bear)[0]
    second = cycle(world)
    btc = second.markets[0]
    assert btc.received == 0
    # 24 half-lives: of one part in 2**24 twice as much is held back
    assert 0 < 20_000 * WAD - btc.paid < 20_000 * WAD // 2**22
    assert btc.claims == 20_000 * WAD - btc.paid
    assert world.plimsoll.wallet(bear)[0] - cash == btc.paid
    assert total(world) == before


def test_statement_adds_up(world: Deployed) -> None:
    """Every market: cash before, plus received and covered, less paid, is cash after; claims,
    arrears and shortfall are the lens's."""
    p = world.plimsoll
    world.wait(60, DOWN)
    for _ in range(3):
        found = cycle(world)
        for line in found.markets:
            moved = line.received + line.covered - line.paid
            assert line.cash_before + moved == line.cash_after
            assert line.cash_after == p.market_state(line.market).cash
            legs = [
                leg.pnl
                for each in (*world.accounts, 1)
                for leg in p.lens.positions(each)
                if leg.market == line.market
            ]
            assert line.claims == sum(pnl for pnl in legs if pnl > 0)
            assert line.arrears == -sum(pnl for pnl in legs if pnl < 0)
            assert line.shortfall == p.market_state(line.market).shortfall
        world.wait(7_200, {**DOWN, "ETH": 2_600})


def test_funding_is_paid_up(world: Deployed) -> None:
    """The cycle accrues: K of the market moves, and its minute is that of now."""
    p = world.plimsoll
    maker, taker = p.backend.account("bull"), p.backend.account("bear")
    order = Order(account(world, "bull"), 0, WAD, 40_400 * WAD, 2**40, 99)
    p.fill(p.sign(maker, order), account(world, "bear"), WAD, sender=taker)
    assert p.engine.market_extra(0).premium > 0
    before = p.market_state("BTC").long_k0
    world.wait(3_600)
    assert cycle(world).markets[0].accrued == ""
    assert p.market_state("BTC").long_k0 < before
    assert p.engine.market_extra(0).folded == world.now() // 60 % 2**18


def test_dead_feed(world: Deployed) -> None:
    """A market without a fresh price is left alone and told so; the others are settled."""
    world.wait(DAY + 1, {"BTC": 36_000, "ETH": 2_700})
    found = cycle(world)
    assert found.ok
    assert [line.accrued for line in found.markets] == ["", "", "no fresh price"]
    assert found.markets[0].received > 0
    assert found.markets[2].received == 0


def test_liq_4_shortfall_is_covered() -> None:
    """A resolve that the fund may pay nothing for leaves what its claims stand for in the
    shortfall; the cycle has the fund pay it before anybody is settled."""
    world = build(governed=False)
    p = world.plimsoll
    world.open("bear", 100_000)
    world.open("poor", 700)
    world.trade("poor", "bear", "BTC", 0.1)
    world.trade("poor", "bear", "ETH", 1)
    p.engine.set_allowance(0, 0)
    world.price("BTC", 30_000)
    world.price("ETH", 2_600)
    p.resolve(account(world, "poor"), "BTC", account(world, "bear"), sender=ANYONE)
    shortfall = p.market_state("BTC").shortfall
    assert shortfall > 0
    p.engine.set_allowance(0, 10**24)
    world.wait(DAY, {"BTC": 30_000, "ETH": 2_600})
    claims = p.fund_state()[1]
    found = cycle(world)
    line = found.markets[0]
    assert (line.covered, line.shortfall) == (shortfall, 0)
    assert found.order[-1] == 1
    assert found.fund_after == found.fund_before - shortfall + claims - found.fund_claims


def test_mixed_account_is_paid_in_the_same_cycle(world: Deployed) -> None:
    """Who loses in one market and is owed in another comes early, before the market he is owed by
    has its cash; he is settled once more and gets it in the same cycle."""
    world.wait(60, {**PRICES, "ETH": 2_600, "DOGE": "0.5"})
    mixed, bear = account(world, "mixed"), account(world, "bear")
    for each in (mixed, account(world, "bull")):
        world.plimsoll.touch(each)
    world.wait(DAY, {**PRICES, "ETH": 2_600, "DOGE": "0.5"})
    found = cycle(world)
    # mixed: owed 4,000 in ETH by the bear, owes 5,000 in DOGE: nets to a loss of 1,000
    assert found.order.index(bear) < found.order.index(mixed)
    assert found.markets[1].matured == 0
    assert found.markets[1].paid > 3_999 * WAD


def test_refusals_are_told(world: Deployed) -> None:
    """A market that cannot be accrued does not stop the rest."""
    real = world.plimsoll.engine.methods["settle"]

    class Broken:
        def __call__(self, number: int, **more: Any) -> Any:
            if number == account(world, "bull"):
                raise Refused("settlement: out of order")
            return real(number, **more)

    world.plimsoll.engine.__dict__["settle"] = Broken()
    try:
        found = cycle(world)
    finally:
        world.plimsoll.engine.__dict__["settle"] = real
    assert not found.ok
    assert found.problems[0].endswith("settlement: out of order")
    assert account(world, "bear") in found.order


def test_dry_run_sends_nothing(world: Deployed) -> None:
    world.wait(60, DOWN)
    block = world.plimsoll.backend.block_number()
    found = settle_cycle(world.plimsoll, None, sorted(world.accounts))
    assert found.dry_run
    assert found.gas == 0
    assert found.order[0] == account(world, "bull")
    assert world.plimsoll.backend.block_number() == block
    assert found.markets[0].arrears == 20_000 * WAD


def test_led_4_held_back() -> None:
    """Nothing after an hour, half after two, nothing below a millionth, nothing of a loss."""
    assert held_back(8 * WAD, Q, 0) == 8 * WAD
    # rounded up at every step of the decay
    assert 0 <= held_back(8 * WAD, Q, 7_200) - 4 * WAD < 2_000
    assert held_back(8 * WAD, Q, 3_600) == 8 * WAD
    assert abs(held_back(8 * WAD, Q // 2, 3_600) - 4 * WAD) < 10**8
    assert held_back(10**12, Q, 0) == 0
    assert held_back(-WAD, Q, 0) == 0
    assert held_back(WAD, 0, 0) == 0


def test_owner_is_of_no_account(world: Deployed) -> None:
    """An account nobody has used is flat."""
    stranger = world.plimsoll.account_id(owner_of(account(world, "bull")), 9)
    found = settle_cycle(world.plimsoll, ANYONE, [stranger], upkeep=False)
    assert (found.settled, found.flat, found.order) == (0, 1, [])
