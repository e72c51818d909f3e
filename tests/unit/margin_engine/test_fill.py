"""fill: a signed order against the caller's account (TRD-1 to TRD-3)."""

from collections.abc import Iterator
from typing import Any

import pytest
from engine_world import (
    A_ONE,
    BUFFER,
    FAR,
    FUND,
    MARKETS,
    MAX,
    SPOILED,
    TREASURY,
    WAD,
    ZERO_ADDRESS,
    Leg,
    Order,
    Party,
    World,
    events,
    of,
    reverts,
    unpack_book,
    unpack_house,
    unpack_leg,
    unpack_wallet,
    wad,
)

SECP256K1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def taker(world: World) -> Party:
    return world.party("taker", 1_000)


@pytest.fixture
def maker(world: World) -> Party:
    return world.party("maker", 1_000)


def test_fill_default(world: World, taker: Party, maker: Party) -> None:
    """The maker sells 10 at 101, the mark is 100.

    Loss of the buyer 10 * 1 = 10, in cash; the seller's profit 10 is a claim. Fees of 1,010:
    taker 0.505, maker 0.202, together 0.707, of which the treasury has 0.1414.
    """
    fund = world.cash(FUND)
    world.fill(world.order(maker, wad(-10), wad(101)), taker)
    assert world.cash(taker) == wad("989.495")
    assert world.cash(maker) == wad("999.798")
    assert (world.recorded(taker), world.recorded(maker)) == (0, wad(10))
    assert (world.size(taker), world.size(maker)) == (wad(10), wad(-10))
    assert world.cash(TREASURY) == wad("0.1414")
    assert world.cash(FUND) - fund == wad("0.5656")
    assert (world.state().oi, world.state().cash) == (wad(10), wad(10) + BUFFER)


def test_fill_default_maker_buys_below_the_mark(world: World, taker: Party, maker: Party) -> None:
    """Below the mark the seller loses, here the taker: 10 * 0.5 = 5. Fees of 995: 0.4975, 0.199."""
    world.fill(world.order(maker, wad(10), wad("99.5")), taker)
    assert world.cash(taker) == wad("994.5025")
    assert world.cash(maker) == wad("999.801")
    assert (world.recorded(taker), world.recorded(maker)) == (0, wad(5))


def test_fill_default_rounds_against_the_payers(world: World, taker: Party, maker: Party) -> None:
    """Size 1 + 1e-18 at 100 + 1e-18: the slip is (1e18 + 1) / 1e18 wei, so 2 wei or 1 wei.

    Fees of 1e38 + 101e18 + 1: taker ceil(.../1e24 * 500), one wei above 0.05, maker the same.
    """
    size = WAD + 1
    world.fill(world.order(maker, -size, wad(100) + 1), taker)
    assert world.cash(taker) == wad(1_000) - 2 - wad("0.05") - 1
    assert world.cash(maker) == wad(1_000) - wad("0.02") - 1
    assert world.recorded(maker) == 1
    # treasury: a fifth of 0.07 + 2 wei, rounded down
    assert world.cash(TREASURY) == wad("0.014")


def test_fill_default_in_parts(world: World, taker: Party, maker: Party) -> None:
    order = world.order(maker, wad(-10))
    world.fill(order, taker, wad(4))
    assert world.engine.filled(world.digest(order)) == wad(4)
    world.fill(order, taker, wad(6))
    assert world.engine.filled(world.digest(order)) == wad(10)
    with reverts("orders: overfilled"):
        world.fill(order, taker, 1)


def test_fill_default_pays_arrears_of_the_traded_leg(
    world: World, taker: Party, maker: Party
) -> None:
    """Long 10 from 100, mark 95: arrears 50 are paid by the next fill, the maker's claim is not.

    The taker buys 1 more at 95: cash 1000 - 0.5 - 50 - 0.0475.
    """
    world.trade(taker, maker, wad(10))
    world.price(0, 95)
    world.trade(taker, maker, wad(1))
    assert world.cash(taker) == wad("949.4525")
    assert world.recorded(taker) == 0
    assert world.recorded(maker) == wad(50)
    assert world.state().cash == wad(50) + BUFFER


def test_fill_default_arrears_wait_when_cash_does_not_reach(world: World, maker: Party) -> None:
    """Cash 149.25, long 5 in three markets; a claim of 10 in the third pays for nothing.

    Arrears 75 in market 1; with 74 in market 0 (mark 85.2) R = 149 and a reduction of 1 there
    pays its fee 0.0426 and the 74. With 75 (mark 85) R = 150 is above the cash: nothing is paid.
    """
    taker = world.party("poor taker", 150)
    for market in range(3):
        world.trade(taker, maker, wad(5), market=market)
    world.price(1, 85)
    world.price(2, 102)
    world.price(0, "85.2")
    with world.chain.anchor():
        world.trade(taker, maker, wad(-1))
        assert (world.cash(taker), world.recorded(taker)) == (wad("75.2074"), 0)
    world.price(0, 85)
    world.trade(taker, maker, wad(-1))
    assert (world.cash(taker), world.recorded(taker)) == (wad("149.2075"), wad(-75))


def test_fill_default_flips(world: World, taker: Party, maker: Party) -> None:
    """Long 10 to short 5 in one fill; OI falls from 10 to 5."""
    world.trade(taker, maker, wad(10))
    world.trade(taker, maker, wad(-15))
    assert (world.size(taker), world.size(maker)) == (wad(-5), wad(5))
    assert world.state().oi == wad(5)


def test_fill_default_last_one_starts_afresh(world: World, taker: Party, maker: Party) -> None:
    world.trade(taker, maker, wad(10))
    world.trade(taker, maker, wad(-10))
    state = world.state()
    assert (state.oi, state.long_a, state.long_k0, state.epoch) == (0, A_ONE, 0, 1)
    assert world.engine.wallet(taker.id)[1] == 0


def test_fill_default_by_the_named_taker(world: World, taker: Party, maker: Party) -> None:
    world.fill(world.order(maker, wad(-1), taker=taker.address), taker)
    assert world.size(taker) == wad(1)


def test_fill_default_by_an_operator(world: World, taker: Party, maker: Party) -> None:
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=taker.key)
    world.fill(world.order(maker, wad(-1)), taker, sender=operator)
    assert world.size(taker) == wad(1)


def test_fill_default_signed_by_an_operator(world: World, taker: Party, maker: Party) -> None:
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=maker.key)
    order = world.order(maker, wad(-1))
    world.fill(order, taker, signature=world.sign(order, operator))
    assert world.size(maker) == wad(-1)


def test_fill_default_at_the_last_second(world: World, taker: Party, maker: Party) -> None:
    order = world.order(maker, wad(-1), expiry=world.chain.timestamp)
    world.fill(order, taker)
    assert world.size(taker) == wad(1)


def test_fill_default_two_subaccounts_of_one_owner(world: World, taker: Party) -> None:
    other = world.party("taker", 1_000, index=7)
    world.trade(taker, other, wad(1))
    assert (world.size(taker), world.size(other)) == (wad(1), wad(-1))


def test_fill_default_same_order_twice_in_a_block(world: World, taker: Party, maker: Party) -> None:
    block = world.chain.block_number
    order = world.order(maker, wad(-2))
    for _ in range(2):
        world.fill(order, taker, wad(1))
    assert (world.chain.block_number, world.size(taker)) == (block, wad(2))


def test_fill_default_as_large_as_everything_allows(world: World) -> None:
    """Size 2**96 - 1 in one fill, at the smallest price a feed of 8 decimals has (LED-9)."""
    world.price(0, "0.00000001")
    world.oracle.set_feed(0, world.proxies[0], 3_600, 10**10, 63, sender=world.owner)
    world.configure(oi_cap=2**96 - 1, max_notional=10**30, min_notional=10**16)
    taker, maker = world.party("whale", 10**6), world.party("other whale", 10**6)
    world.trade(taker, maker, 2**96 - 1)
    assert world.size(taker) == 2**96 - 1
    world.trade(taker, maker, -(2**96 - 1))
    assert world.state().oi == 0


def test_fill_emits_filled(world: World, taker: Party, maker: Party) -> None:
    """Off the mark the premium moves, and the sides keep the minute of it."""
    order = world.order(maker, wad(-10), wad(101))
    fund = world.cash(FUND)
    receipt = world.fill(order, taker)
    positions, sides = ["PositionUpdated"] * 2, ["SideUpdated"] * 2
    assert events(receipt) == [*positions, *sides, "Filled"]
    filled = receipt.event("Filled")
    assert (filled.maker, filled.taker) == (maker.id, taker.id)
    assert filled.order_hash == world.digest(order)
    assert (filled.market, filled.size, filled.price) == (0, wad(-10), wad(101))
    assert unpack_house(filled.house) == (fund + wad("0.5656"), 0, wad("0.1414"))
    assert unpack_book(filled.book) == (wad(10), wad(10) + BUFFER)


def test_fill_emits_position_updated(world: World, taker: Party, maker: Party) -> None:
    """Both legs, complete: K is A * p on the long and -A * p on the short side."""
    receipt = world.fill(world.order(maker, wad(-10), wad(101)), taker)
    long = of(receipt, "PositionUpdated", account=taker.id)
    assert long.market == 0
    assert unpack_leg(long.snap, long.profit) == Leg(wad(10), A_ONE, 1, 10**38, 0)
    assert unpack_wallet(long.wallet) == (wad("989.495"), 1, 0, 0)
    short = of(receipt, "PositionUpdated", account=maker.id)
    assert unpack_leg(short.snap, short.profit) == Leg(wad(-10), A_ONE, 1, -(10**38), wad(10))
    assert unpack_wallet(short.wallet) == (wad("999.798"), 1, 0, 0)


# -- who may ---------------------------------------------------------------------------------------


def test_fill_reverts_not_your_account(world: World, taker: Party, maker: Party) -> None:
    order = world.order(maker, wad(-1))
    with reverts("trading: not your account"):
        world.fill(order, taker, sender=world.key("stranger"))
    with reverts("trading: not your account"):
        world.fill(order, taker, sender=maker.key)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3, 2**96 - 1])
def test_fill_reverts_house_account(world: World, maker: Party, account: int) -> None:
    """Nobody acts for an account without an owner, whoever calls."""
    order = world.order(maker, wad(-1))
    signature = world.sign(order)
    for caller in (world.owner, maker.key, world.key("stranger")):
        with reverts("trading: not your account"):
            world.engine.fill(order, signature, account, wad(1), sender=caller)


@pytest.mark.parametrize("account", [0, FUND, TREASURY, 3])
@pytest.mark.parametrize("signature", [b"", bytes(65), b"\x01" * 65, b"\xff" * 65])
def test_fill_reverts_order_of_a_house_account(
    world: World, taker: Party, account: int, signature: bytes
) -> None:
    """Garbage recovers to the zero address, which owns no account."""
    order = Order(account, 0, wad(1), wad(100), salt=2**60)
    with reverts("orders: wrong signature"):
        world.fill(order, taker, signature=signature)


def test_fill_reverts_order_is_your_own(world: World, taker: Party) -> None:
    with reverts("trading: order is your own"):
        world.fill(world.order(taker, wad(1)), taker)


def test_fill_reverts_wrong_taker(world: World, taker: Party, maker: Party) -> None:
    """The taker of an order is the caller, not the account's owner."""
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=taker.key)
    order = world.order(maker, wad(-1), taker=taker.address)
    with reverts("orders: wrong taker"):
        world.fill(order, taker, sender=operator)


# -- the order -------------------------------------------------------------------------------------


def bad_signatures(world: World, order: Order, maker: Party) -> Iterator[tuple[str, bytes]]:
    good = world.sign(order)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    yield "empty", b""
    yield "one byte", b"\x1b"
    yield "64 bytes, EIP-2098", r + (s | (v - 27) << 255).to_bytes(32, "big")
    yield "garbage", b"\xa5" * 65
    yield "zero", bytes(65)
    yield "v of 0", good[:64] + bytes([v - 27])
    yield "other v", good[:64] + bytes([55 - v])
    yield "high s", r + (SECP256K1 - s).to_bytes(32, "big") + bytes([55 - v])
    yield "stranger's", world.sign(order, world.key("stranger"))
    yield "another order's", world.sign(order._replace(salt=order.salt + 1))
    yield "of the bare struct", maker.key.sign_hash(bytes(32))


def test_fill_reverts_wrong_signature(world: World, taker: Party, maker: Party) -> None:
    order = world.order(maker, wad(-1))
    for what, signature in bad_signatures(world, order, maker):
        with reverts("orders: wrong signature"):
            world.fill(order, taker, signature=signature)
        assert world.engine.filled(world.digest(order)) == 0, what
    with reverts(""):  # 66 bytes do not fit the argument
        world.fill(order, taker, signature=world.sign(order) + b"\0")
    world.fill(order, taker)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", 5),
        ("market", 1),
        ("size", wad(-2)),
        ("price", wad(100) - 1),
        ("expiry", FAR + 1),
        ("salt", 10**6),
        ("reduce_only", True),
        ("taker", "taker"),
    ],
)
def test_fill_reverts_changed_field(
    world: World, taker: Party, maker: Party, field: str, value: Any
) -> None:
    """The signature covers every field."""
    order = world.order(maker, wad(-1))
    signature = world.sign(order)
    if field == "account":
        value = world.party("maker", 1_000, index=5).id
    if field == "taker":
        value = taker.address
    with reverts("orders: wrong signature"):
        world.fill(order._replace(**{field: value}), taker, wad(1), signature=signature)


@pytest.mark.parametrize("what", ["chain", "engine", "name", "version"])
def test_fill_reverts_other_domain(world: World, taker: Party, maker: Party, what: str) -> None:
    order = world.order(maker, wad(-1))
    domain = {
        "name": "Plimsoll",
        "version": "1",
        "chainId": world.chain.chain_id,
        "verifyingContract": world.engine.address,
    }
    assert maker.key.sign_typed(typed(order, domain)) == world.sign(order)
    domain |= {
        "chain": {"chainId": 1},
        "engine": {"verifyingContract": world.extension.address},
        "name": {"name": "Plimsol"},
        "version": {"version": "2"},
    }[what]
    with reverts("orders: wrong signature"):
        world.fill(order, taker, signature=maker.key.sign_typed(typed(order, domain)))


def typed(order: Order, domain: dict[str, Any]) -> dict[str, Any]:
    """The full EIP-712 message of an order, written on its own."""
    fields = [
        ("account", "uint256"),
        ("market", "uint8"),
        ("size", "int256"),
        ("price", "uint256"),
        ("expiry", "uint256"),
        ("salt", "uint256"),
        ("reduceOnly", "bool"),
        ("taker", "address"),
    ]
    kinds = {"name": "string", "version": "string", "chainId": "uint256"}
    return {
        "types": {
            "EIP712Domain": [{"name": key, "type": kinds.get(key, "address")} for key in domain],
            "Order": [{"name": name, "type": kind} for name, kind in fields],
        },
        "primaryType": "Order",
        "domain": domain,
        "message": dict(zip([name for name, _ in fields], order, strict=True)),
    }


def test_fill_reverts_operator_no_more(world: World, taker: Party, maker: Party) -> None:
    """Taking the operator's rights away makes what it signed void."""
    operator = world.key("operator")
    world.engine.set_operator(operator, True, sender=maker.key)
    order = world.order(maker, wad(-2))
    signature = world.sign(order, operator)
    world.fill(order, taker, wad(1), signature=signature)
    world.engine.set_operator(operator, False, sender=maker.key)
    with reverts("orders: wrong signature"):
        world.fill(order, taker, wad(1), signature=signature)


def test_fill_reverts_replayed(world: World, taker: Party, maker: Party) -> None:
    order = world.order(maker, wad(-1))
    world.fill(order, taker)
    with reverts("orders: overfilled"):
        world.fill(order, taker)


def test_fill_reverts_expired(world: World, taker: Party, maker: Party) -> None:
    order = world.order(maker, wad(-1), expiry=world.chain.timestamp + 10)
    world.chain.mine(seconds=11)
    with reverts("orders: expired"):
        world.fill(order, taker)
    with reverts("orders: expired"):
        world.fill(world.order(maker, wad(-1), expiry=0), taker)


def test_fill_reverts_cancelled(world: World, taker: Party, maker: Party) -> None:
    order = world.order(maker, wad(-1))
    world.engine.cancel_order(order, sender=maker.key)
    with reverts("orders: cancelled"):
        world.fill(order, taker)


def test_fill_reverts_cancelled_below(world: World, taker: Party, maker: Party) -> None:
    world.engine.cancel_below(maker.id, 500, sender=maker.key)
    with reverts("orders: cancelled"):
        world.fill(world.order(maker, wad(-1), salt=499), taker)
    world.fill(world.order(maker, wad(-1), salt=500), taker)
    world.fill(world.order(maker, wad(-1), salt=MAX), taker)


def test_fill_reverts_size_is_zero(world: World, taker: Party, maker: Party) -> None:
    with reverts("orders: size is zero"):
        world.fill(world.order(maker, wad(-1)), taker, 0)
    with reverts("orders: size is zero"):
        world.fill(world.order(maker, 0), taker, 0)


@pytest.mark.parametrize("size", [wad(1) + 1, 2**96, 2**96 + 1, 2**255, MAX])
def test_fill_reverts_overfilled(world: World, taker: Party, maker: Party, size: int) -> None:
    with reverts("orders: overfilled"):
        world.fill(world.order(maker, wad(-1)), taker, size)


def test_fill_reverts_overfilled_order_of_nothing(world: World, taker: Party, maker: Party) -> None:
    with reverts("orders: overfilled"):
        world.fill(world.order(maker, 0), taker, 1)


@pytest.mark.parametrize("size", [2**96 + 1, -(2**96) - 1, 2**255 - 1, -(2**255)])
def test_fill_reverts_size_out_of_range(
    world: World, taker: Party, maker: Party, size: int
) -> None:
    with reverts("orders: size out of range"):
        world.fill(world.order(maker, size), taker, wad(1))


@pytest.mark.parametrize("size", [2**96, -(2**96)])
def test_fill_default_order_of_the_largest_size(
    world: World, taker: Party, maker: Party, size: int
) -> None:
    order = world.order(maker, size)
    world.fill(order, taker, wad(1))
    with reverts("trading: fee exceeds cash"):
        world.fill(order, taker, 2**96 - wad(1))


# -- the market ------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", [16, 17, 255])
def test_fill_reverts_market_above_fifteen(
    world: World, taker: Party, maker: Party, market: int
) -> None:
    order = Order(maker.id, market, wad(-1), wad(100), salt=1)
    with reverts("trading: market not listed"):
        world.fill(order, taker)


def test_fill_reverts_market_not_listed(world: World, taker: Party, maker: Party) -> None:
    order = Order(maker.id, MARKETS, wad(-1), wad(100), salt=1)
    with reverts("oracle: no feed"):
        world.fill(order, taker)
    world.add_feed(MARKETS, 100)
    with reverts("trading: market not listed"):
        world.fill(order, taker)


@pytest.mark.parametrize("what", SPOILED)
def test_fill_reverts_no_fresh_price(world: World, taker: Party, maker: Party, what: str) -> None:
    """No trade without a fresh price, not even one that reduces."""
    world.trade(taker, maker, wad(2))
    order, size = world.order(maker, wad(-1)), wad(1)
    closing = world.order(maker, wad(1))
    world.spoil(0, what)
    for each in (order, closing):
        with reverts("trading: no fresh price"):
            world.fill(each, taker, size)


@pytest.mark.parametrize("price", [0, 1, wad(98) - 1, wad(102) + 1, 2**96, 2**128, MAX])
@pytest.mark.parametrize("size", [wad(1), wad(-1)])
def test_fill_reverts_price_outside_band(
    world: World, taker: Party, maker: Party, price: int, size: int
) -> None:
    with reverts("trading: price outside band"):
        world.fill(world.order(maker, size, price), taker)


@pytest.mark.parametrize("price", [wad(98), wad(102)])
@pytest.mark.parametrize("size", [wad(1), wad(-1)])
def test_fill_default_at_the_edge_of_the_band(
    world: World, taker: Party, maker: Party, price: int, size: int
) -> None:
    world.fill(world.order(maker, size, price), taker)
    assert (world.size(maker), world.size(taker)) == (size, -size)


def test_fill_reverts_open_interest_cap(world: World, taker: Party, maker: Party) -> None:
    """Up to the cap and not a wei further; what does not raise OI passes at the cap."""
    world.trade(taker, maker, wad(10))
    world.configure(oi_cap=wad(10))
    with reverts("trading: open interest cap"):
        world.trade(taker, maker, wad(1))
    other = world.party("other", 1_000)
    world.trade(other, taker, wad(10))  # the long changes hands
    assert world.size(other) == wad(10)


# -- the accounts ----------------------------------------------------------------------------------


def test_fill_reverts_loss_exceeds_cash(world: World, maker: Party) -> None:
    """10 bought 1 above the mark cost 10; a wei of cash less is too little."""
    poor = world.party("poor taker", "9.999999")
    with reverts("trading: loss exceeds cash"):
        world.trade(poor, maker, wad(10), price=wad(101))


def test_fill_reverts_fee_exceeds_cash(world: World, maker: Party) -> None:
    """The same with the loss paid and the fee of 0.505 not in cash."""
    poor = world.party("poor taker", "10.504999")
    with reverts("trading: fee exceeds cash"):
        world.trade(poor, maker, wad(10), price=wad(101))


def test_fill_default_reduces_without_cash_for_the_fee(world: World, maker: Party) -> None:
    """Cash 100, long 10; at 90.5 all cash is arrears' and 95 is missing 5: E = 5 - fee 0.5.

    Settled, cash is 4.5 of 99.5; the market takes it, a reduction pays the fee as far as it goes.
    """
    poor = world.party("poor taker", 100)
    world.trade(poor, maker, wad(10))
    world.price(0, "90.05")  # arrears 99.5 eat the cash of 99.5 exactly
    world.engine.settle(poor.id)
    assert (world.cash(poor), world.recorded(poor)) == (0, 0)
    fees = world.cash(FUND) + world.cash(TREASURY)
    world.trade(poor, maker, wad(-5))
    # of the two fees only the maker's 450.25 * 0.02 % was there
    assert world.cash(FUND) + world.cash(TREASURY) - fees == wad("0.09005")
    assert world.size(poor) == wad(5)


def test_fill_reverts_order_only_reduces(world: World, taker: Party, maker: Party) -> None:
    with reverts("trading: order only reduces"):
        world.fill(world.order(maker, wad(-1), reduce_only=True), taker)
    world.trade(taker, maker, wad(2))
    with reverts("trading: order only reduces"):
        world.fill(world.order(maker, wad(-1), reduce_only=True), taker)
    # nor may it flip
    with reverts("trading: order only reduces"):
        world.fill(world.order(maker, wad(3), reduce_only=True), taker)
    world.fill(world.order(maker, wad(2), reduce_only=True), taker)
    assert world.size(maker) == 0


def test_fill_reverts_market_only_reduces(world: World, taker: Party, maker: Party) -> None:
    world.trade(taker, maker, wad(2))
    world.configure(reduce_only=True)
    with reverts("trading: market only reduces"):
        world.trade(taker, maker, wad(1))
    with reverts("trading: market only reduces"):
        world.trade(taker, maker, wad(-3))
    world.trade(taker, maker, wad(-2))
    assert world.state().oi == 0


def test_fill_reverts_a_leg_is_not_fresh(world: World, taker: Party, maker: Party) -> None:
    """A dead leg blocks what adds risk, of either account, and nothing else."""
    world.trade(taker, maker, wad(2))
    other = world.party("other", 1_000)
    world.trade(other, maker, wad(2), market=1)
    world.kill(1)
    # the maker's leg in market 1 is dead
    with reverts("trading: a leg is not fresh"):
        world.trade(taker, maker, wad(1))
    world.trade(taker, maker, wad(-1))
    # as taker too
    with reverts("trading: a leg is not fresh"):
        world.trade(other, taker, wad(1))


def test_fill_reverts_loss_with_a_stale_leg(world: World, taker: Party, maker: Party) -> None:
    """With a dead leg elsewhere a fill may lose penalty_min, 0.5 % of its notional, and no more."""
    world.trade(taker, maker, wad(2))
    world.trade(taker, world.party("other", 1_000), wad(2), market=1)
    world.kill(1)
    with reverts("trading: loss with a stale leg"):
        world.trade(taker, maker, wad(-1), price=wad("99.5") - 1)
    with world.anchor():
        world.trade(taker, maker, wad(-1), price=wad("99.5"))
    # the same for a maker; a gain is no loss
    with reverts("trading: loss with a stale leg"):
        world.fill(world.order(taker, wad(-1), wad(99)), maker)
    world.fill(world.order(taker, wad(-1), wad(101)), maker)
    assert world.size(taker) == wad(1)


def set_epoch(world: World, market: int, epoch: int) -> None:
    """Write the epoch of both sides."""
    for side in range(2):
        slot = world.slot("books", market * 4 + side)
        word = world.chain.storage(world.engine, slot)
        kept = word & ~((2**20 - 1) << 212)
        world.chain.set_storage(world.engine, slot, kept | epoch << 212)


def test_fill_reverts_market_is_worn_out(tampered: World) -> None:
    """A book that ended 2**20 - 2 times takes no new positions."""
    world = tampered
    taker, maker = world.party("taker", 1_000), world.party("maker", 1_000)
    set_epoch(world, 0, 2**20 - 1)
    with reverts("trading: market is worn out"):
        world.trade(taker, maker, wad(1))
    set_epoch(world, 0, 2**20 - 2)
    world.trade(taker, maker, wad(1))
    world.price(0, 99)
    world.trade(taker, maker, wad(-1))
    assert world.cash(taker) < wad(1_000)


def test_fill_reverts_too_many_markets(world: World) -> None:
    """Eight markets and not a ninth; adding to one of the eight is fine."""
    taker, maker = world.party("taker", 10_000), world.party("maker", 10_000)
    makers = [maker] * 8 + [world.party("fresh maker", 10_000)]
    for market in range(8):
        world.trade(taker, makers[market], wad(1), market=market)
    with reverts("trading: too many markets"):
        world.trade(taker, makers[8], wad(1), market=8)
    world.trade(taker, maker, wad(1), market=7)
    world.trade(taker, maker, wad(-1), market=0)
    world.trade(taker, makers[8], wad(1), market=8)
    # market 0 is flat and settled, 8 is new
    assert world.engine.wallet(taker.id)[1] == 0b1_1111_1110


def test_fill_reverts_too_many_markets_with_a_claim(world: World) -> None:
    """An unpaid claim counts as a market held."""
    taker, maker = world.party("taker", 10_000), world.party("maker", 10_000)
    world.trade(taker, maker, wad(1))
    world.price(0, 110)
    world.trade(taker, maker, wad(-1))
    assert (world.size(taker), world.recorded(taker)) == (0, wad(10))
    for market in range(1, 8):
        world.trade(taker, maker, wad(1), market=market)
    fresh = world.party("fresh maker", 10_000)
    with reverts("trading: too many markets"):
        world.trade(taker, fresh, wad(1), market=8)
    world.matured(taker)
    world.engine.settle(taker.id)  # B has the maker's 10
    world.trade(taker, fresh, wad(1), market=8)


@pytest.mark.parametrize("size", [1, wad("0.1") - 1])
def test_fill_reverts_below_minimum(world: World, taker: Party, maker: Party, size: int) -> None:
    """The minimum is 10 quote: 0.1 at 100."""
    with reverts("trading: below minimum"):
        world.trade(taker, maker, size)


def test_fill_reverts_below_minimum_left(world: World, taker: Party, maker: Party) -> None:
    """A reduction may not leave less than the minimum either; to zero it may go."""
    world.trade(taker, maker, wad("0.1"))
    with reverts("trading: below minimum"):
        world.trade(taker, maker, -1)
    world.trade(taker, maker, wad("-0.1"))
    assert world.state().oi == 0


def test_fill_reverts_above_maximum(world: World) -> None:
    """The maximum is 1,000,000 quote: 10,000 at 100."""
    taker, maker = world.party("taker", 10**6), world.party("maker", 10**6)
    with reverts("trading: above maximum"):
        world.trade(taker, maker, wad(10_000) + 1)
    world.trade(taker, maker, wad(10_000))
    world.price(0, 110)
    # above it now; a reduction that stays above passes
    world.trade(taker, maker, wad(-1))
    assert world.size(taker) == wad(9_999)


def test_fill_reverts_below_initial_margin(world: World, maker: Party) -> None:
    """IM of 10 at 100 is 1.5 * (6 % of 1000 + 1) = 91.5, and the fee is 0.5: 92 and no less."""
    poor = world.party("poor taker", "91.999999")
    with reverts("trading: below initial margin"):
        world.trade(poor, maker, wad(10))
    enough = world.party("exact taker", 92)
    world.trade(enough, maker, wad(10))


def test_fill_reverts_below_initial_margin_maker(world: World, taker: Party) -> None:
    """The maker's fee is 0.2: 91.7."""
    poor = world.party("poor maker", "91.699999")
    with reverts("trading: below initial margin"):
        world.trade(taker, poor, wad(10))
    world.trade(taker, world.party("exact maker", "91.7"), wad(10))


def test_fill_reverts_equity_below_zero(world: World, taker: Party, maker: Party) -> None:
    """Cash 92 - 0.5, long 10; at 90 it is 8.5 short: it may not even reduce."""
    poor = world.party("poor taker", 92)
    world.trade(poor, maker, wad(10))
    world.price(0, 90)
    assert world.equity(poor) == wad("-8.5")
    with reverts("trading: equity below zero"):
        world.trade(poor, maker, wad(-5))


def test_fill_reverts_health_falls(world: World, maker: Party) -> None:
    """Long 100 at 91: E = 1000 - 5 - 900 = 95, MM = 547; half is sold 2 % below the mark.

    Loss 50 * 1.82 = 91, fee 50 * 89.18 * 0.05 % = 2.2295: E' = 1.7705, MM' = 274: it falls.
    """
    taker, maker = world.party("poor taker", 1_000), world.party("rich maker", 10_000)
    world.trade(taker, maker, wad(100))
    world.price(0, 91)
    assert world.equity(taker) == wad(95)
    with reverts("trading: health falls"):
        world.trade(taker, maker, wad(-50), price=wad("89.18"))
    # at the mark it rises: fee 2.275 against half of the margin
    world.trade(taker, maker, wad(-50))
    assert world.equity(taker) == wad("92.725")


def test_fill_reverts_house_cash_out_of_range(tampered: World) -> None:
    world = tampered
    taker, maker = world.party("taker", 1_000), world.party("maker", 1_000)
    world.set_cash(FUND, 2**103 - 1)
    with reverts("ledger: cash out of range"):
        world.trade(taker, maker, wad(1))
    world.set_cash(FUND, 0)
    slot = world.mapped("wallets", FUND)
    world.chain.set_storage(world.engine, slot, (2**103 - 1) << 152)
    with reverts("ledger: cash out of range"):
        world.trade(taker, maker, wad(1))


def test_fill_reverts_market_out_of_range(tampered: World) -> None:
    """B near its bound: a loss against the mark would pass it."""
    world = tampered
    taker, maker = world.party("taker", 1_000), world.party("maker", 1_000)
    world.set_backing(0, 2**103 - wad(1))
    world.trade(taker, maker, wad("0.5"), price=wad(101))
    with reverts("ledger: market out of range"):
        world.trade(taker, maker, wad("0.5"), price=wad(101))


def test_fill_reverts_pnl_out_of_range(tampered: World) -> None:
    """A recorded claim near 2**103: the next profit would pass it."""
    world = tampered
    taker, maker = world.party("taker", 1_000), world.party("maker", 1_000)
    world.trade(taker, maker, wad(1))
    word = world.chain.storage(world.engine, world.mapped("positions", maker.id) + 1)
    rest = word & (2**152 - 1)
    world.chain.set_storage(
        world.engine, world.mapped("positions", maker.id) + 1, (2**103 - 1) << 152 | rest
    )
    with reverts("ledger: pnl out of range"):
        world.trade(taker, maker, wad(1), price=wad(101))


def test_fill_reverts_ether(world: World, taker: Party, maker: Party) -> None:
    order = world.order(maker, wad(-1))
    with reverts(""):
        world.engine.fill(order, world.sign(order), taker.id, wad(1), sender=taker.key, value=1)
    assert order.taker == ZERO_ADDRESS
