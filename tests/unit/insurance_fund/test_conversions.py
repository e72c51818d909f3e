"""LIQ-8: conversions, previews and maxima against plain Python, in each of the fund's states."""

import random

import pytest

WAD = 10**18


def crashed(world, allowance):
    """A loss of which the fund paid its allowance; beyond the bounded charge it is shortfall."""
    for market in range(2):
        world.engine.set_allowance(market, allowance * WAD)
    world.crash(to=100)


STATES = {
    "quiet": lambda world: None,
    "loss": lambda world: world.crash(),
    "shortfall": lambda world: crashed(world, 10),
    "claims": lambda world: world.assign_claims(),
}


def test_totals_default(any_world):
    world = any_world
    backer = world.actor("backer", 1_000)
    world.fund.deposit(1_000 * world.unit, backer, sender=backer)
    world.list_markets(1_000)
    assert world.fund.totalAssets() == world.books().cash // world.scale


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("decimals", [2, 6, 8, 18])
def test_conversions_default(make_world, decimals, state):
    world = make_world(decimals=decimals)
    backer = world.actor("backer", 1_000_000)
    world.fund.deposit(100_000 * world.unit, backer, sender=backer)
    world.list_markets(10_000)
    STATES[state](world)
    books, fund = world.books(), world.fund
    draw = random.Random(f"{decimals} {state}")
    amounts = [0, 1, 2, world.unit - 1, world.unit, books.cash // world.scale]
    amounts += [draw.randrange(10 ** draw.randrange(1, 30)) for _ in range(40)]
    for amount in amounts:
        assert fund.convertToShares(amount) == books.shares_for(amount)
        assert fund.previewDeposit(amount) == books.shares_for(amount)
        assert fund.previewMint(amount) == books.cost_of(amount)
        assert fund.previewWithdraw(amount) == books.shares_of(amount)
        assert fund.convertToAssets(amount) == books.worth_of(amount)
        assert fund.previewRedeem(amount) == books.worth_of(amount)
    assert fund.maxWithdraw(backer) == fund.maxRedeem(backer) == 0
    locked = world.ask(backer, fund.balanceOf(backer) - 12_345)
    assert world.books() == books
    assert fund.maxWithdraw(backer) == books.worth_of(locked)
    assert fund.maxRedeem(backer) == locked
    deposit_price, redemption_price = fund.share_prices()
    assert deposit_price == -(
        -WAD * (books.cash + books.claims + 10**12) // (books.supply + 10**12)
    )
    assert redemption_price == WAD * (books.free + 10**12) // (books.supply + 10**12)
    assert deposit_price >= redemption_price


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("seed", range(3))
def test_calls_do_what_previews_say(funded, backer, state, seed):
    """Random calls: each gives its preview, and none lowers what the others' shares are worth."""
    STATES[state](funded)
    fund, draw = funded.fund, random.Random(seed)
    other = funded.actor("late backer", 10**6)
    for _ in range(25):
        who = draw.choice([backer, other])
        if fund.maxRedeem(who) == 0 and fund.balanceOf(who) > 10**18:
            funded.ask(who, fund.balanceOf(who) // draw.randrange(1, 4))
        before = fund.share_prices()
        amount = draw.randrange(1, 10 ** draw.randrange(1, 12))
        shares = amount * funded.scale + draw.randrange(funded.scale)
        locked = fund.maxRedeem(who)
        match draw.choice(["deposit", "mint", "withdraw", "redeem"]):
            case "deposit" if fund.previewDeposit(amount) and amount <= funded.token.balanceOf(who):
                wanted = fund.previewDeposit(amount)
                assert fund.deposit(amount, who, sender=who).value == wanted
            case "mint" if fund.previewMint(shares) <= funded.token.balanceOf(who):
                wanted = fund.previewMint(shares)
                assert fund.mint(shares, who, sender=who).value == wanted
            case "withdraw" if amount <= fund.maxWithdraw(who):
                wanted = fund.previewWithdraw(amount)
                assert fund.withdraw(amount, who, who, sender=who).value == wanted <= locked
            case "redeem" if shares <= locked and fund.previewRedeem(shares):
                wanted = fund.previewRedeem(shares)
                assert fund.redeem(shares, who, who, sender=who).value == wanted
        after = fund.share_prices()
        # a redemption below the deposit price leaves the others more; nothing leaves them less
        assert after[0] >= before[0] - 1
        assert after[1] >= before[1] or funded.books().shortfall > 0
        assert funded.token.balanceOf(fund) == 0


def test_max_default(world, backer):
    fund = world.fund
    assert fund.maxDeposit(backer) == (2**103 - 1) // world.scale
    assert fund.maxMint(backer) == fund.maxDeposit(backer) * world.scale
    assert fund.maxWithdraw(backer) == fund.maxRedeem(backer) == 0
    fund.deposit(world.unit, backer, sender=backer)
    assert fund.maxDeposit(backer) == (2**103 - 1 - WAD) // world.scale
    assert fund.maxWithdraw(backer) == fund.maxRedeem(backer) == 0
    world.ask(backer)
    assert fund.maxWithdraw(backer) == world.unit
    assert fund.maxRedeem(backer) == WAD


def test_max_is_zero_for_nobody(world):
    assert world.fund.maxDeposit(bytes(20)) == world.fund.maxMint(bytes(20)) == 0


def test_max_redeem_is_zero_for_dust(world, backer):
    world.fund.mint(world.scale - 1, backer, sender=backer)
    world.fund.transfer(world.chain.account("heir"), world.scale // 2, sender=backer)
    world.ask(backer)
    assert world.fund.redeem_request(backer)[0] > 0
    assert world.fund.maxRedeem(backer) == 0
