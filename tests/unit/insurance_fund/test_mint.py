"""mint: an amount of shares, the assets rounded up."""

import pytest

from plimsoll.evm import Revert

WAD = 10**18


def test_mint_default(any_world):
    world = any_world
    backer = world.actor("backer", 1_000)
    receipt = world.fund.mint(7 * WAD, backer, sender=backer)
    assert receipt.value == 7 * world.unit
    assert world.fund.balanceOf(backer) == 7 * WAD
    assert world.engine.fund_state() == (7 * WAD, 0, 0)


def test_mint_rounds_up(any_world):
    world = any_world
    backer = world.actor("backer", 1_000)
    assert world.fund.mint(1, backer, sender=backer).value == 1
    assert world.fund.balanceOf(backer) == 1
    assert world.token.balanceOf(world.engine) == 1


def test_mint_emits_deposit(world, backer):
    heir = world.chain.account("heir")
    event = world.fund.mint(WAD, heir, sender=backer).event("Deposit", world.fund)
    assert event.args == {
        "sender": backer.address,
        "owner": heir.address,
        "assets": world.unit,
        "shares": WAD,
    }


def test_mint_reverts_zero(world, backer):
    with pytest.raises(Revert) as failure:
        world.fund.mint(0, backer, sender=backer)
    assert failure.value.reason == "fund: assets are zero"


def test_mint_reverts_above_maximum(world, backer):
    for shares in (2**147 + 1, 2**256 - 1):
        with pytest.raises(Revert) as failure:
            world.fund.mint(shares, backer, sender=backer)
        assert failure.value.reason == "fund: above maximum"


def test_mint_max_default(world, backer):
    world.token.mint(backer, 2**103)
    shares = world.fund.maxMint(backer)
    world.fund.mint(shares, backer, sender=backer)
    assert world.fund.maxMint(backer) == world.fund.maxDeposit(backer) == 0


def test_mint_reverts_above_the_engines_cash(world, backer):
    world.token.mint(backer, 2**104)
    with pytest.raises(Revert) as failure:
        world.fund.mint(world.fund.maxMint(backer) + world.scale, backer, sender=backer)
    assert failure.value.reason == "ledger: cash out of range"
