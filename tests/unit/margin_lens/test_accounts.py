"""accounts: the health of many accounts in one call."""

import pytest

from plimsoll.evm import Account, Revert, load

WAD = 10**18
FIELDS = [
    "cash",
    "held",
    "equity",
    "initial_equity",
    "maintenance",
    "initial",
    "gross",
    "blind",
    "collateral",
    "losses",
]


def band(health) -> int:
    """The bands of LIQ, on their own."""
    if health.equity < 0 or (health.equity == 0 and health.gross):
        return 4
    if 10 * health.equity < health.maintenance:
        return 3
    if health.equity < health.maintenance:
        return 2
    return 1 if health.equity < health.initial else 0


def test_accounts_default(world, trader):
    ids = [world.open_account(trader, index, 1_000 + index) for index in range(5)]
    for index, account in enumerate(ids):
        world.trade(trader, account, index % 4, (index + 1) * WAD)
        world.trade(trader, account, (index + 1) % 4, -WAD)
    world.price(0, 1_900)
    world.price(1, 2_100)
    order = [ids[3], ids[0], ids[3], 1, 2, ids[4]]
    views = world.lens.accounts(order)
    assert [view.account for view in views] == order
    for view in views:
        health = world.engine.health(view.account)
        assert [getattr(view, name) for name in FIELDS] == [
            getattr(health, name) for name in FIELDS
        ]
        assert view.band == band(health)


def test_accounts_none(world):
    assert world.lens.accounts([]) == []


def test_accounts_unknown(world, trader: Account):
    (view,) = world.lens.accounts([int(trader.address, 16) << 96 | 77])
    assert view[1:] == (0,) * 16


def test_accounts_bands(world, trader):
    """Down through all the bands: 1,000 of cash under a long of 5 at 2,000, IM 7.5 %, MM 5 %."""
    account = world.open_account(trader, 0, 1_000)
    world.trade(trader, account, 0, 5 * WAD)
    seen = []
    for price in range(2_000, 1_780, -1):
        world.price(0, price)
        (view,) = world.lens.accounts([account])
        assert view.band == band(world.engine.health(account))
        if view.band not in seen:
            seen.append(view.band)
    assert seen == [0, 1, 2, 3, 4]


def test_accounts_flat_is_healthy(world, trader):
    account = world.open_account(trader, 0, 0)
    assert world.lens.accounts([account])[0].band == 0


def test_accounts_with_equity_zero_and_a_position_is_bankrupt(world, trader):
    account = world.open_account(trader, 0, 1_005)
    world.trade(trader, account, 0, 5 * WAD)  # a fee of 5
    world.price(0, 1_800)
    (view,) = world.lens.accounts([account])
    assert (view.equity, view.band) == (0, 4)
    world.price(0, 1_800.00000001)
    (view,) = world.lens.accounts([account])
    assert (view.equity, view.band) == (5 * 10**10, 3)


def test_accounts_blind(world, trader):
    account = world.open_account(trader, 0, 10_000)
    world.trade(trader, account, 1, WAD)
    world.trade(trader, account, 2, WAD)
    world.chain.mine(1, 3_601)
    world.price(2, 2_000)
    (view,) = world.lens.accounts([account])
    assert view.blind == 0b10


def test_accounts_of_500_fit_in_a_block(world, trader):
    """500 accounts with two positions each, in one call of a cold chain below 30 M gas."""
    ids = [world.open_account(trader, index, 1_000) for index in range(500)]
    for index, account in enumerate(ids):
        world.trade(trader, account, index % 4, WAD)
        world.trade(trader, account, (index + 1) % 4, -WAD)
    with world.chain.metered():
        receipt = world.lens.accounts.simulate(ids)
    assert [view.account for view in receipt.value] == ids
    assert all(view.held.bit_count() == 2 for view in receipt.value)
    # 18.1 M when this was written, the calldata's 0.2 M and the 21,000 in it
    assert receipt.gas_used < 21_000_000


def test_accounts_reverts_above_512(world):
    with pytest.raises(Revert):
        world.lens.accounts([1] * 513)


@pytest.mark.parametrize("fork", ["cancun", "shanghai"])
def test_size_is_below_eip_170(fork):
    assert load("MarginLens", fork).runtime_size <= 24_576


def test_liq_7_accounts_tell_collateral_and_overdue_arrears(world, trader):
    """2 at 2,000 count for 3,600: in the equity, beside the losses, and as a bit of its own."""
    account = world.open_account(trader, 0, 100)
    assert world.lens.accounts([account])[0][10:] == (0, 0, False, 0, False, 0, 0)
    world.pledge(trader, account, 2 * WAD)
    world.trade(trader, account, 0, 5 * WAD)  # a fee of 5
    world.price(0, 1_900)
    (view,) = world.lens.accounts([account])
    assert (view.collateral, view.losses, view.cash) == (3_600 * WAD, 500 * WAD, 95 * WAD)
    assert view.equity == view.initial_equity == (95 + 3_600 - 500) * WAD
    assert (view.pledged, view.since) == (True, 0)
    world.engine.note_arrears(account)
    (view,) = world.lens.accounts([account])
    assert (view.cash, view.losses) == (0, 405 * WAD)
    assert view.since == world.engine.wallet(account).since == world.chain.timestamp
    assert view.band == band(world.engine.health(account)) == 0
