"""Re-entry: from the quote token, and from a maker's ERC-1271 wallet."""

from collections.abc import Iterator
from typing import Any

import pytest
from engine_world import (
    FUND,
    MAX,
    NOTICE,
    REWARD,
    RISK,
    ZERO_ADDRESS,
    Config,
    Order,
    Party,
    World,
    reverts,
    wad,
)

from plimsoll.evm import Account, Handle, load

VIEWS = (
    "health",
    "wallet",
    "position",
    "fund_state",
    "market_state",
    "market_extra",
    "addresses",
    "order_hash",
)


@pytest.fixture(scope="module")
def built() -> World:
    """Market 0 is listed, market 1 has a feed; the token calls back."""
    world = World(kind="CallbackToken", markets=1)
    world.add_feed(1, 100)
    world.risk.set_market(1, RISK, sender=world.owner)
    return world


@pytest.fixture
def hooked(built: World) -> Iterator[World]:
    with built.anchor():
        yield built
        assert built.broken() == []


def calls(world: World, trader: Party, maker: Party) -> dict[str, tuple[Any, ...]]:
    """Arguments with which each state-changing function would do something."""
    order = Order(maker.id, 0, wad(-1), wad(100), salt=10**6)
    signature = world.sign(order)
    return {
        "fill": (order, signature, trader.id, wad(1)),
        "takeover": (trader.id, 0, 1, maker.id),
        "takeover_by_order": (order, signature, trader.id, wad(1), world.party("keeper").id),
        "cancel_order": (order,),
        "cancel_below": (trader.id, 5),
        "deposit": (trader.id, 1),
        "withdraw": (trader.id, 1, world.token),
        "set_operator": (world.token, True),
        "touch": (trader.id,),
        "settle": (trader.id,),
        "resolve": (trader.id, 0, maker.id),
        "cover": (0,),
        "set_vault": (world.token,),
        "note_arrears": (trader.id,),
        "clear_arrears": (trader.id,),
        "mark_collateral": (trader.id, True),
        "call_margin": (trader.id,),
        "reclaim": (trader.id,),
        "sync": (0,),
        "accrue": (0,),
        "thaw": (0,),
        "list_market": (1, Config(), 0),
        "set_market": (0, Config()),
        "set_allowance": (0, 1),
        "set_reward": (REWARD,),
        "set_fund": (world.token,),
        "set_guardian": (world.token,),
        "restrict_market": (0, 1, True),
        "announce_delisting": (0, world.chain.timestamp + 86_400),
        "cancel_delisting": (0,),
        "delist": (0,),
        "delist_at": (0, wad(100)),
        "transfer_ownership": (world.token,),
        "health": (trader.id,),
        "wallet": (trader.id,),
        "position": (trader.id, 0),
        "fund_state": (),
        "market_state": (0,),
        "market_extra": (0,),
        "addresses": (),
        "order_hash": (order,),
    }


def changing() -> set[str]:
    """All state-changing functions of the engine."""
    return {
        entry["name"]
        for part in ("", "Ext", "Settlement", "Liquidation", "Admin")
        for entry in load(f"MarginEngine{part}").abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }


def test_reentrancy_every_function_is_tried(hooked: World) -> None:
    trader, maker = hooked.party("trader"), hooked.party("maker")
    assert changing() | set(VIEWS) == set(calls(hooked, trader, maker))


@pytest.mark.parametrize("function", sorted(changing() | set(VIEWS)))
def test_reentrancy_from_the_token(hooked: World, function: str) -> None:
    """In the middle of a deposit, a withdrawal and a listing the lock refuses everything.

    The lock's revert has no reason, so an empty answer tells it from a refusal by a rule; outside
    of the engine the hook gets through. The outer call goes on as if nothing had happened.
    """
    world = hooked
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(3))
    arguments = calls(world, trader, maker)[function]
    data = world.engine.functions[function].encode(*arguments)
    world.token.mint(trader.key, 10)
    before = {who: world.engine.position(who.id, 0) for who in (trader, maker)}
    for outer in ("deposit", "withdraw", "list_market"):
        cash, owner = world.cash(trader), world.engine.owner()
        world.token.set_hook(world.engine, data)
        if outer == "deposit":
            world.engine.deposit(trader.id, 1, sender=trader.key)
        elif outer == "withdraw":
            world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)
        else:
            world.list_market(1)
        assert world.token.calls() == 1
        assert not world.token.succeeded()
        if function == "transfer_ownership":
            # snekmate's own function is outside of the lock; a token owns nothing
            assert b"ownable: caller is not the owner" in world.token.response()
        else:
            assert world.token.response() == b""
        change = {"deposit": 10**12, "withdraw": -(10**12)}.get(outer, 0)
        assert (world.cash(trader) - cash, world.engine.owner()) == (change, owner)
        assert not world.engine.is_operator(world.token, world.token)
        assert before == {who: world.engine.position(who.id, 0) for who in (trader, maker)}


def test_reentrancy_hook_gets_through_elsewhere(hooked: World) -> None:
    """The control: the same hook, pointed at another contract, succeeds."""
    world = hooked
    trader = world.party("trader", 1)
    world.token.mint(trader.key, 1)
    world.token.set_hook(world.oracle, world.oracle.checkpoint.encode(1))
    world.engine.deposit(trader.id, 1, sender=trader.key)
    assert world.token.succeeded()


def test_reentrancy_through_the_fund(hooked: World) -> None:
    """In the middle of a withdrawal the fund's shares cannot be priced or bought."""
    world = hooked
    trader = world.party("trader", 10)
    for data in (
        world.fund.deposit.encode(1, trader.key),
        world.fund.redeem.encode(1, trader.key, trader.key),
        world.fund.totalAssets.encode(),
        world.fund.share_prices.encode(),
    ):
        world.token.set_hook(world.fund, data)
        world.engine.withdraw(trader.id, 1, trader.key, sender=trader.key)
        assert world.token.calls() == 1
        assert not world.token.succeeded()


def test_reentrancy_in_a_redemption(hooked: World) -> None:
    """While the fund is being paid out, the engine is closed."""
    world = hooked
    trader = world.party("trader", 10)
    backer = world.chain.account("backer")
    world.fund.request_redeem(wad(10), backer, sender=backer)
    world.chain.mine(1, NOTICE)
    world.token.set_hook(world.engine, world.engine.settle.encode(FUND))
    world.fund.withdraw(world.unit, backer, backer, sender=backer)
    assert (world.token.calls(), world.token.succeeded()) == (1, False)
    assert world.cash(trader) == wad(10)


# -- ERC-1271 --------------------------------------------------------------------------------------


@pytest.fixture
def signer(world: World) -> Account:
    return world.key("wallet owner")


@pytest.fixture
def wallet(world: World, signer: Account) -> Handle:
    return world.chain.deploy(world.load("Wallet1271"), signer)


@pytest.fixture
def taker(world: World) -> Party:
    return world.party("taker", 1_000)


def wallet_account(world: World, wallet: Handle, cash: int = 1_000) -> int:
    """An account that the wallet owns."""
    account = int(wallet.address, 16) << 96
    world.parties[account] = None
    donor = world.key("donor", cash)
    world.engine.deposit(account, cash * world.unit, sender=donor)
    return account


def test_erc_1271_default(world: World, wallet: Handle, signer: Account, taker: Party) -> None:
    """The wallet's owner signs for the wallet; the wallet itself calls to cancel and withdraw."""
    account = wallet_account(world, wallet)
    order = Order(account, 0, wad(-2), wad(100), salt=1)
    world.fill(order, taker, wad(1), signature=signer.sign_hash(world.digest(order)))
    assert world.engine.position(account, 0).size == wad(-1)
    wallet.execute(world.engine, world.engine.cancel_order.encode(order), sender=signer)
    with reverts("orders: cancelled"):
        world.fill(order, taker, wad(1), signature=signer.sign_hash(world.digest(order)))
    data = world.engine.withdraw.encode(account, world.unit, signer)
    wallet.execute(world.engine, data, sender=signer)
    assert world.tokens(signer) == world.unit


def test_erc_1271_default_as_taker(world: World, wallet: Handle, signer: Account) -> None:
    account, maker = wallet_account(world, wallet), world.party("maker", 1_000)
    order = world.order(maker, wad(-1), taker=wallet.address)
    data = world.engine.fill.encode(order, world.sign(order), account, wad(1))
    wallet.execute(world.engine, data, sender=signer)
    assert world.engine.position(account, 0).size == wad(1)
    with reverts("trading: not your account"):
        world.engine.fill(order, world.sign(order), account, wad(1), sender=signer)


@pytest.mark.parametrize("mode", [1, 2])
def test_erc_1271_reverts_wallet_says_no(
    world: World, wallet: Handle, signer: Account, taker: Party, mode: int
) -> None:
    """A wallet that answers wrongly or reverts."""
    account = wallet_account(world, wallet)
    order = Order(account, 0, wad(-1), wad(100), salt=1)
    wallet.set_mode(mode)
    with reverts("orders: wrong signature"):
        world.fill(order, taker, signature=signer.sign_hash(world.digest(order)))


def test_erc_1271_reverts_wrong_signature(
    world: World, wallet: Handle, signer: Account, taker: Party
) -> None:
    """Others' signatures, and the key's own where the key is not the owner of the account."""
    account = wallet_account(world, wallet)
    order = Order(account, 0, wad(-1), wad(100), salt=1)
    good = signer.sign_hash(world.digest(order))
    for signature in (b"", bytes(65), good[:64], taker.key.sign_hash(world.digest(order))):
        with reverts("orders: wrong signature"):
            world.fill(order, taker, signature=signature)
    # a contract that is no wallet
    token_account = int(world.token.address, 16) << 96
    order = Order(token_account, 0, wad(-1), wad(100), salt=1)
    with reverts("orders: wrong signature"):
        world.fill(order, taker, signature=signer.sign_hash(world.digest(order)))


def test_erc_1271_default_no_long_answer_counts(world: World, taker: Party) -> None:
    """An account whose code answers with other than exactly the magic word."""
    liar = world.chain.deploy(world.load("BrokenAggregator"))
    account = wallet_account(world, liar)
    order = Order(account, 0, wad(-1), wad(100), salt=1)
    selector = bytes.fromhex("1626ba7e")
    magic = selector + bytes(28)
    for response in (
        b"",
        selector,
        magic[:31],
        magic[:31] + b"\1",
        bytes(32),
        bytes(28) + selector,
    ):
        liar.set_response(selector, response, False)
        with reverts("orders: wrong signature"):
            world.fill(order, taker, signature=b"")
    liar.set_response(selector, magic, True)
    with reverts("orders: wrong signature"):
        world.fill(order, taker, signature=b"")
    liar.set_response(selector, magic, False)
    world.fill(order, taker, signature=b"")
    assert world.engine.position(account, 0).size == wad(-1)


@pytest.mark.parametrize("function", sorted(changing()))
def test_erc_1271_reentrancy(
    world: World, wallet: Handle, signer: Account, taker: Party, function: str
) -> None:
    """A wallet asked for its signature calls back: nothing comes of it but the fill itself."""
    account = wallet_account(world, wallet)
    world.key("maker")
    arguments = calls(world, taker, world.party("maker", 1_000))[function]
    wallet.set_call(world.engine, world.engine.functions[function].encode(*arguments))
    wallet.set_mode(3)
    order = Order(account, 0, wad(-1), wad(100), salt=1)
    plain = World.fingerprint
    with world.anchor():
        wallet.set_mode(0)
        world.fill(order, taker, signature=signer.sign_hash(world.digest(order)))
        expected = plain(world)
    world.fill(order, taker, signature=signer.sign_hash(world.digest(order)))
    assert plain(world) == expected
    assert not wallet.reentered()


# -- EIP-7702 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["TestToken", "Wallet1271", "BrokenAggregator"])
def test_eip_7702_account_with_code_can_still_sign(world: World, taker: Party, code: str) -> None:
    """Code at an owner's address, of whatever kind, does not take its key away."""
    maker = world.party(f"delegated {code}", 1_000)
    arguments = {"TestToken": (6,), "Wallet1271": (taker.key,)}.get(code, ())
    model = world.chain.deploy(world.load(code), *arguments)
    world.chain.set_code(maker.key, world.chain.code(model))
    try:
        world.fill(world.order(maker, wad(-1)), taker)
        assert world.size(maker) == wad(-1)
        order = world.order(maker, wad(-1))
        if code == "Wallet1271":
            # the code's own key signs too: it is the account's code that says so
            world.fill(order, taker, signature=world.sign(order, taker.key))
        else:
            with reverts("orders: wrong signature"):
                world.fill(order, taker, signature=world.sign(order, taker.key))
    finally:
        world.chain.set_code(maker.key, b"")


def test_eip_7702_operator_with_code_can_still_sign(world: World, taker: Party) -> None:
    maker, operator = world.party("maker", 1_000), world.key("delegated operator")
    world.engine.set_operator(operator, True, sender=maker.key)
    world.chain.set_code(operator, world.chain.code(world.token))
    try:
        order = world.order(maker, wad(-1))
        world.fill(order, taker, signature=world.sign(order, operator))
        assert world.size(maker) == wad(-1)
    finally:
        world.chain.set_code(operator, b"")


def test_reentrancy_nobody_has_the_zero_address(world: World, taker: Party) -> None:
    order = Order(int(ZERO_ADDRESS, 16), 0, wad(1), wad(100), MAX, 2**60)
    for signature in (b"", bytes(65), b"\x1b" * 65):
        with reverts("orders: wrong signature"):
            world.fill(order, taker, signature=signature)
