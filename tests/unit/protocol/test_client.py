"""The deployed protocol: names, units, typed calls, receipts, refusals."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from plimsoll.protocol import (
    BackendError,
    EvmBackend,
    Order,
    Plimsoll,
    Record,
    RecordError,
    Refused,
    account_id,
    connect,
    deploy,
    index_of,
    owner_of,
    wad,
)

WAD = 10**18
UNITS = 10**6
DEADLINE = 2**40


@pytest.fixture
def trader(backend: EvmBackend, plimsoll: Plimsoll) -> Any:
    return funded(backend, plimsoll, "trader")


@pytest.fixture
def maker(backend: EvmBackend, plimsoll: Plimsoll) -> Any:
    return funded(backend, plimsoll, "maker")


def funded(backend: EvmBackend, plimsoll: Plimsoll, name: str) -> Any:
    """An account with 100,000 quote in the engine."""
    account = backend.account(name)
    plimsoll.mint(account, 10**6 * UNITS)
    plimsoll.approve(sender=account)
    plimsoll.deposit(account_id(account), 10**5 * UNITS, sender=account)
    return account


def test_account_ids(backend: EvmBackend) -> None:
    owner = backend.account("owner")
    account = account_id(owner, 7)
    assert account == int(owner.address, 16) << 96 | 7
    assert owner_of(account) == owner.address
    assert index_of(account) == 7
    assert owner_of(1) == "0x" + "00" * 20
    with pytest.raises(ValueError, match="does not fit 96 bits"):
        account_id(owner, 2**96)


def test_units(plimsoll: Plimsoll) -> None:
    assert wad("1.5") == 15 * 10**17
    assert plimsoll.to_token_units(Decimal("1.000001")) == 1_000_001
    with pytest.raises(ValueError, match="more than 6 decimals"):
        plimsoll.to_token_units("0.0000001")
    assert (plimsoll.decimals, plimsoll.scale) == (6, 10**12)


def test_names(plimsoll: Plimsoll) -> None:
    assert plimsoll.number("DOGE") == plimsoll.number(3) == 3
    assert plimsoll.name(3) == "DOGE"
    assert plimsoll.name(9) == "9"
    with pytest.raises(ValueError, match="no market 'ETH'; there are BTC, DOGE"):
        plimsoll.number("ETH")
    assert set(plimsoll.feeds) == {"BTC", "DOGE", "WETH"}
    with pytest.raises(ValueError, match="no collateral token 'BTC'; there are WETH, WBTC"):
        plimsoll.collateral_token("BTC")


def test_set_price(plimsoll: Plimsoll) -> None:
    plimsoll.set_price("DOGE", "0.25")
    assert plimsoll.price("DOGE") == (WAD // 4, 0)
    plimsoll.set_price(0, Decimal(41_000))
    assert plimsoll.price(0) == (41_000 * WAD, 0)
    with pytest.raises(ValueError, match="more than 8 decimals"):
        plimsoll.set_price("DOGE", "0.000000001")


def test_trade_and_liquidate(
    backend: EvmBackend, plimsoll: Plimsoll, trader: Any, maker: Any
) -> None:
    mine, theirs = account_id(trader, 1), account_id(maker)
    plimsoll.deposit(mine, 5_000 * UNITS, sender=trader)
    order = Order(theirs, 0, -2 * WAD, 40_000 * WAD, DEADLINE, 1)
    signed = plimsoll.sign(maker, order)
    receipt = plimsoll.fill(signed, mine, WAD, sender=trader)
    filled = receipt.event("Filled")
    assert (filled.maker, filled["taker"], filled.size) == (theirs, mine, -WAD)
    assert dict(filled)["order_hash"] == order.digest(plimsoll.domain)
    assert plimsoll.filled(order) == plimsoll.filled(order.digest(plimsoll.domain)) == WAD
    assert plimsoll.position(mine, "BTC").size == WAD
    assert plimsoll.market_state("BTC").oi == WAD

    plimsoll.set_price("BTC", 37_100)
    health = plimsoll.health(mine)
    assert 0 < health.equity < health.maintenance
    worker = account_id(trader)
    receipt = plimsoll.call_margin(mine, sender=trader)
    assert receipt.event("MarginCalled").account == mine
    backend.advance(300)
    plimsoll.set_price("BTC", 37_100)
    plimsoll.takeover(mine, "BTC", WAD // 20, worker, sender=trader)
    bid = plimsoll.sign(maker, Order(theirs, 0, WAD, 37_100 * WAD, DEADLINE, 2))
    receipt = plimsoll.takeover_by_order(bid, mine, WAD // 20, worker, sender=trader)
    assert receipt.event("TakenOver", plimsoll.engine.address).keeper == worker

    plimsoll.set_price("BTC", 34_000)
    receipt = plimsoll.resolve(mine, "BTC", worker, sender=trader)
    assert receipt.event("Resolved").account == mine
    assert plimsoll.position(mine, "BTC").size == 0
    plimsoll.touch(theirs)
    backend.advance(150_000)  # the claim matures
    plimsoll.set_price("BTC", 34_000)
    plimsoll.settle(theirs)
    assert plimsoll.wallet(theirs)[0] > 10**5 * WAD
    assert [a.account for a in plimsoll.accounts([mine, theirs, worker], page=2)] == [
        mine,
        theirs,
        worker,
    ]
    paid = plimsoll.withdraw(worker, 10 * UNITS, sender=trader)
    assert paid.event("Withdrawn").receiver == trader.address


def test_liq_7_deposit_value_and_withdrawal(plimsoll: Plimsoll, trader: Any) -> None:
    """2 WETH at 2,500 and 10 % off, and 0.5 WBTC at 40,000 and 8 % off."""
    mine = account_id(trader)
    for name, amount in (("WETH", 2), ("WBTC", "0.5")):
        units = plimsoll.to_collateral_units(name, amount)
        plimsoll.mint_collateral(name, trader, units)
        plimsoll.approve_vault(name, sender=trader)
        receipt = plimsoll.deposit_collateral(mine, name, units, sender=trader)
        assert receipt.event("CollateralDeposited").balance == units
    weth, wbtc = plimsoll.collateral_of(mine)
    assert (weth.name, weth.amount, weth.worth) == ("WETH", 2 * WAD, 4_500 * WAD)
    assert (wbtc.name, wbtc.amount, wbtc.worth) == ("WBTC", 5 * 10**7, 18_400 * WAD)
    assert (weth.price, weth.status, weth.haircut) == (2_500 * WAD, 0, 10_000)
    health = plimsoll.health(mine)
    assert health.collateral == weth.worth + wbtc.worth == health.equity - health.cash
    assert plimsoll.vault.worth(mine) == (health.collateral, health.collateral)
    plimsoll.withdraw_collateral(mine, "WETH", WAD, sender=trader)
    plimsoll.withdraw_collateral(mine, "WETH", WAD, sender=trader, receiver=plimsoll.fund.address)
    token = plimsoll.collateral["WETH"].token
    assert token.balanceOf(trader.address) == token.balanceOf(plimsoll.fund.address) == WAD
    assert [pledge.name for pledge in plimsoll.collateral_of(mine)] == ["WBTC"]


def test_liq_7_collateral_of_a_stale_feed(
    backend: EvmBackend, plimsoll: Plimsoll, trader: Any
) -> None:
    """As the vault has it: the last good price until a day after its heartbeat, then nothing."""
    mine = account_id(trader)
    plimsoll.mint_collateral("WETH", trader, WAD)
    plimsoll.approve_vault("WETH", sender=trader)
    plimsoll.deposit_collateral(mine, "WETH", WAD, sender=trader)
    backend.advance(80_000)
    plimsoll.oracle.checkpoint(1 << 1)
    for wait, status, worth in ((0, 0, 2_250), (80_000, 1, 2_250), (20_000, 1, 0)):
        backend.advance(wait)
        (pledge,) = plimsoll.collateral_of(mine)
        assert (pledge.status, pledge.worth) == (status, worth * WAD)
        assert plimsoll.vault.worth(mine)[0] == pledge.worth


def test_liq_7_sale_and_arrears(
    backend: EvmBackend, plimsoll: Plimsoll, trader: Any, maker: Any
) -> None:
    """The owner's margin stands on WETH: when it falls, somebody buys it at a discount."""
    mine, theirs = account_id(trader, 1), account_id(maker)
    plimsoll.mint_collateral("WETH", trader, 2 * WAD)
    plimsoll.approve_vault("WETH", sender=trader)
    plimsoll.deposit_collateral(mine, "WETH", 2 * WAD, sender=trader)
    order = plimsoll.sign(maker, Order(theirs, 0, -WAD, 40_000 * WAD, DEADLINE, 1))
    plimsoll.deposit(mine, 500 * UNITS, sender=trader)
    plimsoll.fill(order, mine, WAD, sender=trader)
    assert plimsoll.sale_terms(mine) == (0, 0)
    plimsoll.set_price("BTC", 36_500)
    with pytest.raises(Refused, match="arrears: not noted for a day"):
        plimsoll.clear_arrears(mine)
    plimsoll.note_arrears(mine)
    assert plimsoll.engine.wallet(mine).since == backend.now()
    need, share = plimsoll.sale_terms(mine)
    assert need > 3_000 * WAD
    assert 0 < share < WAD
    opened = plimsoll.open_sale(mine).event("SaleOpened")
    assert (opened.account, opened.time) == (mine, backend.now())
    cost = plimsoll.collateral_cost(mine, "WETH", WAD)
    assert 2_250 * UNITS < cost < 2_500 * UNITS
    buyer = backend.account("buyer")
    plimsoll.mint(buyer, cost)
    plimsoll.approve_vault(sender=buyer)
    with pytest.raises(Refused, match="vault: above the limit"):
        plimsoll.buy_collateral(mine, "WETH", WAD, cost - 1, sender=buyer)
    sold = plimsoll.buy_collateral(mine, "WETH", WAD, cost, sender=buyer)
    assert sold.event("CollateralSold").paid == cost
    assert plimsoll.collateral["WETH"].token.balanceOf(buyer.address) == WAD
    plimsoll.set_price("BTC", 33_000)
    with pytest.raises(Refused, match="resolve: collateral first"):
        plimsoll.resolve(mine, "BTC", account_id(buyer), sender=buyer)
    backend.advance(600)
    plimsoll.set_price("BTC", 33_000)
    plimsoll.set_price("WETH", 2_500)
    seized = plimsoll.seize(mine, "WETH").event("CollateralSeized")
    assert (seized.amount, plimsoll.collateral_of(mine)) == (WAD, [])
    assert plimsoll.collateral_of(1)[0].amount == WAD
    plimsoll.resolve(mine, "BTC", account_id(buyer), sender=buyer)


def test_cancel(plimsoll: Plimsoll, trader: Any, maker: Any) -> None:
    order = Order(account_id(maker), 0, WAD, 40_000 * WAD, DEADLINE, 5)
    plimsoll.cancel_order(order, sender=maker)
    assert plimsoll.filled(order) == 2**256 - 1
    plimsoll.cancel_below(account_id(maker), 9, sender=maker)
    assert plimsoll.min_salt(account_id(maker)) == 9
    plimsoll.set_operator(trader, sender=maker)
    assert plimsoll.engine.is_operator(maker.address, trader.address)
    with pytest.raises(Refused, match="cover: nothing to pay"):
        plimsoll.cover("BTC")


def test_refused_names_contract_and_reason(plimsoll: Plimsoll, trader: Any, maker: Any) -> None:
    with pytest.raises(Refused) as caught:
        plimsoll.withdraw(account_id(trader), UNITS, sender=maker)
    assert caught.value.reason == "custody: not the owner"
    assert str(caught.value) == "MarginEngine.withdraw refused: custody: not the owner"
    with pytest.raises(Refused) as caught:
        plimsoll.engine.withdraw.call(account_id(trader), 0, trader.address, sender=trader)
    assert caught.value.reason == "custody: amount is zero"
    with pytest.raises(Refused, match="no reason given") as caught:
        plimsoll.engine.position(1, 2**255)
    assert caught.value.reason == ""


def test_call_leaves_no_trace(plimsoll: Plimsoll, trader: Any) -> None:
    before = plimsoll.wallet(account_id(trader))
    plimsoll.engine.deposit.call(account_id(trader), UNITS, sender=trader)
    assert plimsoll.wallet(account_id(trader)) == before
    assert plimsoll.token.balanceOf.transact(trader.address).value == 9 * 10**5 * UNITS


def test_receipt(backend: EvmBackend, plimsoll: Plimsoll, trader: Any) -> None:
    receipt = plimsoll.deposit(account_id(trader), UNITS, sender=trader)
    assert [log.name for log in receipt.logs] == ["Transfer", "Deposited"]
    assert receipt.events("Deposited", plimsoll.token.address) == []
    assert receipt.gas_used > 21_000
    assert (receipt.block, receipt.timestamp) == (backend.block_number(), backend.now())
    assert receipt.txn_hash != plimsoll.deposit(account_id(trader), 1, sender=trader).txn_hash
    with pytest.raises(BackendError, match="0 events Filled where one is wanted"):
        receipt.event("Filled")
    with pytest.raises(AttributeError, match="no argument 'price'"):
        _ = receipt.event("Deposited").price


def test_unknown_function(plimsoll: Plimsoll) -> None:
    with pytest.raises(AttributeError, match="MarginEngine has no function 'withdrew'"):
        plimsoll.engine.withdrew(1)


def test_time(backend: EvmBackend, plimsoll: Plimsoll) -> None:
    before = backend.now()
    backend.advance(86_401)
    assert backend.now() == before + 86_401
    assert plimsoll.price("BTC")[1] == 1


def test_connect(backend: EvmBackend, make_plan: Any, tmp_path: Path) -> None:
    path = tmp_path / "local.json"
    with pytest.raises(RecordError, match="deploy first"):
        connect(backend, path)
    deployed = deploy(backend, make_plan(), path)
    found = connect(backend, str(path))
    assert found.engine == deployed.engine
    assert found.markets == deployed.markets
    record = Record.load(path)
    record.complete = False
    with pytest.raises(RecordError, match="unfinished"):
        connect(backend, record)
    record.complete = True
    del record.contracts["lens"]
    with pytest.raises(RecordError, match="has no lens yet"):
        connect(backend, record)


def test_real_feed_is_not_set(backend: EvmBackend, plimsoll: Plimsoll, make_plan: Any) -> None:
    feed = plimsoll.markets["BTC"].feed.address
    plan = make_plan({"markets.BTC.feed.mock": None, "markets.BTC.feed.address": feed})
    other = deploy(backend, plan)
    assert other.feeds["BTC"].decimals() == 8
    with pytest.raises(BackendError, match=re.escape("the feed of BTC is a real one")):
        other.set_price("BTC", 1)
