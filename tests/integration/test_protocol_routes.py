"""One story on every route: in process, Anvil and Ganache through ape, ape's own network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.protocol import (
    Backend,
    Deployment,
    EvmBackend,
    Order,
    Plan,
    Plimsoll,
    Refused,
    SignedOrder,
    account_id,
    connect,
    deploy,
    load_plan,
)

ROOT = Path(__file__).parents[2]
WAD = 10**18
UNITS = 10**6
SOMEBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture(scope="module")
def plan() -> Plan:
    whole = load_plan(ROOT / "deployments" / "local.yaml")
    markets = {name: whole.markets[name] for name in ("BTC", "ETH")}
    return whole.model_copy(
        update={
            "markets": markets,
            "correlations": {"BTC": {"ETH": whole.correlations["BTC"]["ETH"]}},
        }
    )


@contextlib.contextmanager
def _ape(choice: str, evm_version: str = "cancun", **settings: Any) -> Iterator[Backend]:
    import ape

    from plimsoll.protocol.backend import ApeBackend

    with ape.networks.parse_network_choice(choice, provider_settings=settings):
        yield ApeBackend(evm_version=evm_version)


@contextlib.contextmanager
def _in_process(nodes: Any) -> Iterator[Backend]:
    yield EvmBackend()


@contextlib.contextmanager
def _ape_test(nodes: Any) -> Iterator[Backend]:
    with _ape("ethereum:local:test") as backend:
        yield backend


@contextlib.contextmanager
def _anvil(nodes: Any) -> Iterator[Backend]:
    with nodes.anvil() as url, _ape("ethereum:local:foundry", host=url) as backend:
        yield backend


@contextlib.contextmanager
def _ganache(nodes: Any) -> Iterator[Backend]:
    """Ganache knows no rules after shanghai; to ape it is a node like any other, chain 1337."""
    with (
        pytest.MonkeyPatch.context() as patch,
        nodes.ganache(1_337) as url,
        _ape(f"ethereum:local:{url}", "shanghai") as backend,
    ):
        # ape traces every transaction for its debug logs; a trace takes Ganache 15 seconds
        patch.setattr("ape_ethereum.provider._post_send_transaction", lambda *_: None)
        yield backend


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_in_process, id="in-process"),
        pytest.param(_ape_test, id="ape-test"),
        pytest.param(_anvil, id="anvil", marks=pytest.mark.anvil),
        pytest.param(_ganache, id="ganache", marks=[pytest.mark.anvil, pytest.mark.slow]),
    ],
)
def backend(request: pytest.FixtureRequest, nodes: Any) -> Iterator[Backend]:
    with request.param(nodes) as found:
        yield found


@pytest.fixture(scope="module")
def record(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(backend.genesis[:12]) / "local.json"


@pytest.fixture(scope="module")
def plimsoll(backend: Backend, plan: Plan, record: Path) -> Plimsoll:
    return deploy(backend, plan, record)


@pytest.fixture(scope="module")
def maker(backend: Backend, plimsoll: Plimsoll) -> Any:
    return funded(backend, plimsoll, "maker", 10**5)


@pytest.fixture(scope="module")
def keeper(backend: Backend, plimsoll: Plimsoll) -> Any:
    return funded(backend, plimsoll, "keeper", 10**5)


@pytest.fixture(scope="module")
def trader(backend: Backend, plimsoll: Plimsoll) -> Any:
    return funded(backend, plimsoll, "trader", 5_000)


def funded(backend: Backend, plimsoll: Plimsoll, name: str, quote: int) -> Any:
    """An account of that name with so much quote in the engine."""
    account = backend.account(name)
    plimsoll.mint(account, quote * UNITS)
    plimsoll.approve(sender=account)
    plimsoll.deposit(account_id(account), quote * UNITS, sender=account)
    return account


_salt = iter(range(1, 1_000))


def quote(plimsoll: Plimsoll, maker: Any, size: int, price: int, **changes: Any) -> SignedOrder:
    """An order of the maker for BTC."""
    fields = {
        "account": account_id(maker),
        "market": 0,
        "size": size,
        "price": price * WAD,
        "expiry": plimsoll.backend.now() + 3_600,
        "salt": next(_salt),
    }
    return plimsoll.sign(maker, Order(**{**fields, **changes}))


def long_of(plimsoll: Plimsoll, maker: Any, keeper: Any) -> int:
    """The keeper's account, with a position in BTC."""
    account = account_id(keeper)
    if plimsoll.engine.position(account, 0).size == 0:
        # after a large move risk grows two blocks after the market is synchronised
        plimsoll.sync("BTC", sender=keeper)
        for _ in range(2):
            plimsoll.backend.advance(1)
        signed = quote(plimsoll, maker, -WAD // 10, plimsoll.price("BTC")[0] // WAD)
        plimsoll.fill(signed, account, WAD // 10, sender=keeper)
    return account


def identities(plimsoll: Plimsoll, accounts: list[int]) -> None:
    """LED-5: the token balance covers all cash, and each market's cash its claims."""
    cash = sum(plimsoll.wallet(account)[0] for account in [1, 2, *accounts])
    backing = sum(plimsoll.market_state(name).cash for name in plimsoll.markets)
    held = plimsoll.token.balanceOf(plimsoll.engine.address) * plimsoll.scale
    assert held >= cash + backing


def test_second_run_sends_nothing(
    backend: Backend, plan: Plan, plimsoll: Plimsoll, record: Path
) -> None:
    before = record.read_bytes()
    again = Deployment(backend, plan, record)
    again.run()
    assert again.sent == 0
    assert record.read_bytes() == before
    assert connect(backend, record).engine.address == plimsoll.engine.address


def test_digest(plimsoll: Plimsoll, maker: Any) -> None:
    signed = quote(plimsoll, maker, -WAD, 40_000, reduce_only=True, taker=SOMEBODY)
    assert plimsoll.order_hash(signed.order) == signed.order.digest(plimsoll.domain)
    assert signed.signer(plimsoll.domain) == maker.address == signed.order.maker


def test_trade_liquidate_resolve(plimsoll: Plimsoll, maker: Any, trader: Any, keeper: Any) -> None:
    mine, theirs, worker = account_id(trader), account_id(maker), account_id(keeper)
    accounts = [mine, theirs, worker]
    signed = quote(plimsoll, maker, -2 * WAD, 40_000)
    receipt = plimsoll.fill(signed, mine, WAD, sender=trader)
    filled = receipt.event("Filled")
    assert (filled.maker, filled.taker, filled.size, filled.price) == (
        theirs,
        mine,
        -WAD,
        40_000 * WAD,
    )
    assert receipt.gas_used > 21_000
    assert plimsoll.filled(signed.order) == WAD
    health = plimsoll.health(mine)
    assert health.equity == 5_000 * WAD - 20 * WAD
    assert (health.gross, health.blind) == (40_000 * WAD, 0)

    plimsoll.set_price("BTC", 37_100)
    called = plimsoll.call_margin(mine, sender=keeper)
    assert called.event("MarginCalled").account == mine
    plimsoll.backend.advance(300)
    plimsoll.set_price("BTC", 37_100)
    with pytest.raises(Refused, match="liquidation: window is used up"):
        plimsoll.takeover(mine, "BTC", WAD // 2, worker, sender=keeper)
    taken = plimsoll.takeover(mine, "BTC", WAD // 20, worker, sender=keeper)
    assert taken.event("TakenOver").size == -WAD // 20
    bid = quote(plimsoll, maker, WAD, 37_100)
    plimsoll.takeover_by_order(bid, mine, WAD // 20, worker, sender=keeper)
    identities(plimsoll, accounts)

    plimsoll.set_price("BTC", 34_000)
    assert plimsoll.health(mine).equity < 0
    for account in (mine, theirs):
        plimsoll.settle(account, sender=keeper)
    resolved = plimsoll.resolve(mine, "BTC", worker, sender=keeper).event("Resolved")
    assert (resolved.account, resolved.keeper) == (mine, worker)
    assert resolved.paid > 0
    assert plimsoll.position(mine, "BTC").size == 0
    assert plimsoll.wallet(mine)[0] == 0
    plimsoll.settle(theirs, sender=keeper)
    identities(plimsoll, accounts)
    found = plimsoll.accounts(accounts, page=2)
    assert [entry.account for entry in found] == accounts
    assert found[1].cash == plimsoll.wallet(theirs)[0]


def test_liq_7_collateral(plimsoll: Plimsoll, keeper: Any) -> None:
    """Brought, told with its price and haircut, and taken home."""
    mine = account_id(keeper, 5)
    units = plimsoll.to_collateral_units("WBTC", "0.25")
    plimsoll.mint_collateral("WBTC", keeper, units)
    plimsoll.approve_vault("WBTC", sender=keeper)
    brought = plimsoll.deposit_collateral(mine, "WBTC", units, sender=keeper)
    assert brought.event("CollateralDeposited").balance == units == 25 * 10**6
    (pledge,) = plimsoll.collateral_of(mine)
    price = plimsoll.price("BTC")[0]
    assert (pledge.name, pledge.amount, pledge.price, pledge.haircut) == (
        "WBTC",
        units,
        price,
        8_000,
    )
    assert pledge.worth == plimsoll.health(mine).collateral == price * 23 // 100
    assert plimsoll.sale_terms(mine) == (0, 0)
    gone = plimsoll.withdraw_collateral(mine, "WBTC", units, sender=keeper)
    assert gone.event("CollateralWithdrawn").balance == 0
    assert plimsoll.collateral["WBTC"].token.balanceOf(keeper.address) == units


REFUSALS = {
    "custody: above cash": lambda p, maker, keeper: p.withdraw(
        account_id(keeper), 10**9 * UNITS, sender=keeper
    ),
    "custody: not the owner": lambda p, maker, keeper: p.withdraw(
        account_id(maker), UNITS, sender=keeper
    ),
    "orders: expired": lambda p, maker, keeper: p.fill(
        quote(p, maker, WAD, 34_000, expiry=1), account_id(keeper), WAD, sender=keeper
    ),
    "orders: wrong signature": lambda p, maker, keeper: p.fill(
        SignedOrder(quote(p, maker, WAD, 34_000).order, bytes(65)),
        account_id(keeper),
        WAD,
        sender=keeper,
    ),
    "orders: overfilled": lambda p, maker, keeper: p.fill(
        quote(p, maker, WAD, 34_000), account_id(keeper), 2 * WAD, sender=keeper
    ),
    "liquidation: account is healthy": lambda p, maker, keeper: p.takeover(
        long_of(p, maker, keeper), "BTC", 1, account_id(keeper, 1), sender=keeper
    ),
    "resolve: account is solvent": lambda p, maker, keeper: p.resolve(
        account_id(maker), "BTC", account_id(keeper), sender=keeper
    ),
    "cover: nothing to pay": lambda p, maker, keeper: p.cover("BTC", sender=keeper),
    "ownable: caller is not the owner": lambda p, maker, keeper: p.engine.set_allowance(
        0, 1, sender=keeper
    ),
    "vault: not your account": lambda p, maker, keeper: p.deposit_collateral(
        account_id(maker), "WETH", 1, sender=keeper
    ),
    "vault: nothing to sell": lambda p, maker, keeper: p.open_sale(
        account_id(maker), sender=keeper
    ),
    "vault: not for sale": lambda p, maker, keeper: p.buy_collateral(
        account_id(maker), "WETH", 1, 1, sender=keeper
    ),
    "vault: account is solvent": lambda p, maker, keeper: p.seize(
        account_id(maker), "WETH", sender=keeper
    ),
    "arrears: there are none": lambda p, maker, keeper: p.note_arrears(
        account_id(maker), sender=keeper
    ),
    "arrears: not noted for a day": lambda p, maker, keeper: p.clear_arrears(
        account_id(maker), sender=keeper
    ),
    "oracle: no feed": lambda p, maker, keeper: p.oracle.checkpoint(1 << 9, sender=keeper),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_reverts(plimsoll: Plimsoll, maker: Any, keeper: Any, reason: str) -> None:
    """The whole reason comes through on every route, from all five code contracts."""
    with pytest.raises(Refused) as caught:
        REFUSALS[reason](plimsoll, maker, keeper)
    assert caught.value.reason == reason


def test_ape_reverts(plimsoll: Plimsoll, maker: Any, keeper: Any) -> None:
    """`ape.reverts` takes the same errors."""
    if isinstance(plimsoll.backend, EvmBackend):
        pytest.skip("ape has no part in this route")
    import ape

    with ape.reverts("custody: above cash"):
        plimsoll.withdraw(account_id(keeper), 10**9 * UNITS, sender=keeper)
    with ape.reverts("orders: expired"):
        REFUSALS["orders: expired"](plimsoll, maker, keeper)


def test_named_account_is_the_same_everywhere(backend: Backend, maker: Any) -> None:
    assert backend.account("maker").address == maker.address
    assert backend.account("another").address != maker.address


def test_time(backend: Backend, plimsoll: Plimsoll) -> None:
    """Last, because the feeds are stale afterwards."""
    assert plimsoll.price("ETH") == (2_500 * WAD, 0)
    before = backend.now()
    backend.advance(86_500)
    assert backend.now() >= before + 86_500
    assert plimsoll.price("ETH") == (2_500 * WAD, 1)
