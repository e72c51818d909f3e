"""deposit: tokens in, shares at the price of cash and claims."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18


def test_deposit_default(any_world):
    world = any_world
    backer = world.actor("backer", 1_000)
    receipt = world.fund.deposit(1_000 * world.unit, backer, sender=backer)
    assert receipt.value == 1_000 * WAD
    assert world.fund.balanceOf(backer) == world.fund.totalSupply() == 1_000 * WAD
    assert world.engine.fund_state() == (1_000 * WAD, 0, 0)
    assert world.token.balanceOf(world.engine) == 1_000 * world.unit
    assert world.token.balanceOf(world.fund) == 0
    assert world.token.allowance(world.fund, world.engine) == 0
    assert world.fund.totalAssets() == 1_000 * world.unit


def test_deposit_second_pays_the_same_price(any_world):
    world = any_world
    first, second = world.actor("backer", 1_000), world.actor("late backer", 1_000)
    world.fund.deposit(1_000 * world.unit, first, sender=first)
    assert world.fund.deposit(7, second, sender=second).value == 7 * world.scale


def test_deposit_to_somebody_else(world, backer):
    heir = world.chain.account("heir")
    world.fund.deposit(world.unit, heir, sender=backer)
    assert world.fund.balanceOf(heir) == WAD
    assert world.fund.balanceOf(backer) == 0


def test_deposit_silent_token(make_world):
    world = make_world(kind="SilentToken")
    backer = world.actor("backer", 5)
    assert world.fund.deposit(5 * world.unit, backer, sender=backer).value == 5 * WAD
    world.ask(backer)
    world.fund.redeem(5 * WAD, backer, backer, sender=backer)
    assert world.token.balanceOf(backer) == 5 * world.unit


def test_deposit_emits_deposit(world, backer):
    heir = world.chain.account("heir")
    receipt = world.fund.deposit(3 * world.unit, heir, sender=backer)
    event = receipt.event("Deposit", world.fund)
    assert event.args == {
        "sender": backer.address,
        "owner": heir.address,
        "assets": 3 * world.unit,
        "shares": 3 * WAD,
    }
    minted = receipt.event("Transfer", world.fund)
    assert (int(minted.sender, 16), minted.receiver, minted.value) == (0, heir.address, 3 * WAD)
    assert receipt.event("Deposited", world.engine).account == 1


def test_deposit_reverts_zero(world, backer):
    with pytest.raises(Revert) as failure:
        world.fund.deposit(0, backer, sender=backer)
    assert failure.value.reason == "fund: assets are zero"


def test_deposit_reverts_no_shares(make_world):
    """A wei that buys less than one share is refused, not swallowed."""
    world = make_world(decimals=18)
    backer = world.actor("backer", 1_000)
    world.fund.deposit(WAD, backer, sender=backer)
    world.list_markets(1_000)
    world.open_account("buyer", 1_000_000)
    world.open_account("seller", 1_000_000)
    world.trade("buyer", "seller", 0, WAD)  # 1.6 of fee on 1 of cash: shares are dearer than 1
    assert world.fund.previewDeposit(1) == 0
    with pytest.raises(Revert) as failure:
        world.fund.deposit(1, backer, sender=backer)
    assert failure.value.reason == "fund: shares are zero"


def test_deposit_reverts_without_allowance(world, backer):
    world.token.approve(world.fund, world.unit - 1, sender=backer)
    with pytest.raises(Revert) as failure:
        world.fund.deposit(world.unit, backer, sender=backer)
    assert failure.value.reason == "token: allowance too small"


def test_deposit_reverts_receiver_zero(world, backer):
    with pytest.raises(Revert) as failure:
        world.fund.deposit(world.unit, bytes(20), sender=backer)
    assert failure.value.reason == "erc20: mint to the zero address"


def test_deposit_reverts_above_maximum(world, backer):
    most = world.fund.maxDeposit(backer)
    world.token.mint(backer, 2 * most)
    for assets in (most + 1, 2**255):
        with pytest.raises(Revert) as failure:
            world.fund.deposit(assets, backer, sender=backer)
        assert failure.value.reason == "fund: above maximum"
    world.fund.deposit(most, backer, sender=backer)


def test_deposit_reverts_another_fund(world, backer):
    stranger = world.new_fund(world.engine)
    world.token.approve(stranger, 2**256 - 1, sender=backer)
    assert stranger.maxDeposit(backer) == stranger.maxMint(backer) == 0
    with pytest.raises(Revert) as failure:
        stranger.deposit(world.unit, backer, sender=backer)
    assert failure.value.reason == "custody: no such account"


@pytest.mark.parametrize(
    ("kind", "args", "reason"),
    [
        ("FeeToken", (100,), "fund: token takes a fee"),
        ("LyingToken", (), "fund: token takes a fee"),
        ("FalseToken", (), "fund: transfer failed"),
    ],
)
def test_deposit_reverts_bad_token(make_world, kind, args, reason):
    world = make_world(kind=kind, token_args=args)
    backer = world.actor("backer", 100)
    with pytest.raises(Revert) as failure:
        world.fund.deposit(world.unit, backer, sender=backer)
    assert failure.value.reason == reason


@pytest.mark.parametrize(("kind", "args"), [("FeeToken", (100,)), ("LyingToken", ())])
def test_deposit_reverts_bad_token_with_gifts(make_world, kind, args):
    """Tokens that somebody left in the fund do not hide the fee or the lie."""
    world = make_world(kind=kind, token_args=args)
    backer = world.actor("backer", 100)
    world.token.mint(world.fund, 10 * world.unit)
    with pytest.raises(Revert) as failure:
        world.fund.deposit(world.unit, backer, sender=backer)
    assert failure.value.reason == "fund: token takes a fee"


def test_deposit_fee_token_without_fee(make_world):
    world = make_world(kind="FeeToken", token_args=(0,))
    backer = world.actor("backer", 100)
    assert world.fund.deposit(world.unit, backer, sender=backer).value == WAD
    world.token.set_fee(1)
    with pytest.raises(Revert) as failure:
        world.fund.deposit(world.unit, backer, sender=backer)
    assert failure.value.reason == "fund: token takes a fee"


@pytest.mark.parametrize("countdown", [1, 2])
@pytest.mark.parametrize("function", ["deposit", "redeem", "withdraw", "share_prices"])
def test_deposit_reverts_reentered(make_world, countdown, function):
    """Neither while the tokens come in nor while they go on can the fund be entered or read."""
    world = make_world(kind="CallbackToken")
    backer = world.actor("backer", 100)
    world.fund.deposit(world.unit, backer, sender=backer)
    world.ask(backer)
    world.fund.approve(world.token, 2**256 - 1, sender=backer)
    args = {"deposit": (1, backer), "share_prices": ()}.get(function, (1, backer, backer))
    world.token.set_hook(world.fund, getattr(world.fund, function).encode(*args), countdown)
    world.fund.deposit(world.unit, backer, sender=backer)
    assert world.token.calls() == 1
    assert not world.token.succeeded()
    assert world.token.response() == b""
    assert world.fund.balanceOf(backer) == world.fund.balanceOf(world.fund) == WAD
