"""list_market: a market, its checks against risk model, oracle and token, its buffer (MRG-6)."""

from collections.abc import Callable
from typing import Any

import pytest
from engine_world import (
    A_ONE,
    ALLOWANCE,
    BUFFER,
    FUND,
    MARKETS,
    MAX,
    RISK,
    SPOILED,
    Allowance,
    Config,
    Side,
    World,
    events,
    of,
    reverts,
    unpack_allowance,
    unpack_book,
    unpack_house,
    unpack_side,
    wad,
)

#: every way in which a configuration is out of range; shared with set_market
BAD_CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("listing: oi cap out of range", {"oi_cap": 0}),
    ("listing: oi cap out of range", {"oi_cap": 2**96}),
    ("listing: oi cap out of range", {"oi_cap": MAX}),
    ("listing: min notional off range", {"min_notional": 0}),
    ("listing: min notional off range", {"min_notional": 10**16 - 1}),
    ("listing: min notional off range", {"min_notional": 10**16 + 1}),
    ("listing: min notional off range", {"min_notional": 2**32 * 10**16, "max_notional": 10**30}),
    ("listing: min notional off range", {"min_notional": MAX}),
    ("listing: max notional off range", {"max_notional": 0}),
    ("listing: max notional off range", {"max_notional": wad(9)}),
    ("listing: max notional off range", {"max_notional": wad(10) + 1}),
    ("listing: max notional off range", {"max_notional": 10**30 + wad(1)}),
    ("listing: max notional off range", {"max_notional": MAX}),
    ("listing: band out of range", {"band": 0}),
    ("listing: band out of range", {"band": 50_001}),
    ("listing: band out of range", {"band": MAX}),
    ("listing: penalty out of range", {"penalty_min": 0, "penalty_max": 0}),
    ("listing: penalty out of range", {"penalty_max": 50_001}),
    ("listing: penalty out of range", {"penalty_max": MAX}),
    ("listing: penalty out of range", {"penalty_min": 1_501}),
    ("listing: takeover share too high", {"takeover_share": 16}),
    ("listing: takeover share too high", {"takeover_share": MAX}),
    ("listing: fee out of range", {"maker_fee": 10_001}),
    ("listing: fee out of range", {"taker_fee": 10_001}),
    ("listing: fee out of range", {"taker_fee": MAX}),
    # MRG-6 and LED-9
    ("listing: penalty above risk cap", {"penalty_max": 2_001}),
    ("listing: oi cap out of range", {"oi_cap": (10**18 << 22) + 1}),
]


@pytest.fixture
def new(world: World) -> int:
    """A market with feed and risk parameters that is not listed."""
    world.add_feed(MARKETS, 100)
    world.risk.set_market(MARKETS, RISK, sender=world.owner)
    return MARKETS


def test_list_market_default(world: World, new: int) -> None:
    fund = world.cash(FUND)
    world.list_market(new)
    state = world.state(new)
    assert (state.long_a, state.short_a, state.long_k0, state.short_k0) == (A_ONE, A_ONE, 0, 0)
    assert (state.epoch, state.oi, state.cash, state.shortfall) == (1, 0, BUFFER, 0)
    assert (state.allowance, state.allowance_cap) == (ALLOWANCE, ALLOWANCE)
    assert tuple(state.config) == Config()
    assert fund - world.cash(FUND) == BUFFER


@pytest.mark.parametrize(
    ("oi_cap", "buffer"),
    [
        (10**5 * 10**18, 10**15),  # 1e-10 of 1e7
        (10**18, 10**14),  # a millionth of a unit's price is more than 1e-10 of 100
        (1, 10**14),
        (10**22 * 3 + 1, 3 * 10**14 + 1),  # rounded up
    ],
)
def test_list_market_default_buffer(world: World, new: int, oi_cap: int, buffer: int) -> None:
    world.list_market(new, Config(oi_cap=oi_cap))
    assert world.state(new).cash == buffer


@pytest.mark.parametrize(
    "changes",
    [
        {"oi_cap": 1},
        {"oi_cap": 10**18 << 22},
        {"min_notional": 10**16},
        {"min_notional": (2**32 - 1) * 10**16, "max_notional": 10**30},
        {"min_notional": wad(10), "max_notional": wad(10)},
        {"band": 1},
        {"band": 50_000},
        {"penalty_min": 0, "penalty_max": 1},
        {"penalty_min": 2_000, "penalty_max": 2_000},
        {"maker_fee": 0, "taker_fee": 10_000},
        {"maker_fee": 10_000, "taker_fee": 0},
        {"reduce_only": True},
    ],
)
def test_list_market_default_at_the_ends_of_the_ranges(
    world: World, new: int, changes: dict[str, Any]
) -> None:
    config = Config()._replace(**changes)
    world.list_market(new, config)
    assert tuple(world.state(new).config) == config


@pytest.mark.parametrize("market", [0, 15])
def test_list_market_default_first_and_last(make_world: Callable[..., World], market: int) -> None:
    world = make_world(markets=0, backing=0)
    world.back(1_000)
    feed = world.chain.deploy(world.load("MockAggregator"), 8, 100 * 10**8)
    world.oracle.set_feed(market, feed, 3_600, 10**10, 78, sender=world.owner)
    world.risk.set_market(market, RISK, sender=world.owner)
    world.list_market(market)
    assert world.state(market).epoch == 1


def test_list_market_default_sixteen(make_world: Callable[..., World]) -> None:
    world = make_world(markets=16)
    assert [world.state(market).cash for market in range(16)] == [BUFFER] * 16
    assert world.broken() == []


def test_list_market_default_opens_trading(world: World, new: int) -> None:
    world.list_market(new)
    world.trade(world.party("taker", 1_000), world.party("maker", 1_000), wad(1), market=new)
    assert world.state(new).oi == wad(1)


def test_list_market_default_allowance_zero(world: World, new: int) -> None:
    world.engine.list_market(new, Config(), 0, sender=world.owner)
    assert world.state(new).allowance == 0


def test_list_market_emits_everything(world: World, new: int) -> None:
    fund = world.cash(FUND)
    config = Config(reduce_only=True, takeover_share=15)
    receipt = world.list_market(new, config)
    assert events(receipt) == [
        "AccountUpdated",
        "SideUpdated",
        "SideUpdated",
        "BookUpdated",
        "MarketUpdated",
        "WindowUpdated",
        "AllowanceUpdated",
        "MarketListed",
    ]
    account = receipt.event("AccountUpdated")
    assert (account.account, unpack_house(account.wallet)[0]) == (FUND, fund - BUFFER)
    for is_long in (True, False):
        side = of(receipt, "SideUpdated", is_long=is_long)
        assert (side.market, unpack_side(side.side)) == (new, Side(0, A_ONE, 1))
    book = receipt.event("BookUpdated")
    assert (book.market, unpack_book(book.book)) == (new, (0, BUFFER))
    assert receipt.event("MarketUpdated").args == {"market": new, "config": packed(config)}
    window = receipt.event("WindowUpdated")
    assert window.args == {"market": new, "window": 15 << 144}
    allowance = receipt.event("AllowanceUpdated")
    assert allowance.market == new
    assert unpack_allowance(allowance.allowance) == Allowance(
        ALLOWANCE, ALLOWANCE, world.chain.timestamp
    )
    listed = receipt.event("MarketListed")
    assert (listed.market, listed.price, listed.buffer) == (new, wad(100), BUFFER)


def packed(config: Config) -> int:
    """The configuration word of SPEC section 9."""
    return (
        config.oi_cap
        | config.min_notional // 10**16 << 96
        | config.max_notional // 10**18 << 128
        | config.band << 168
        | config.penalty_min << 184
        | config.penalty_max << 200
        | config.maker_fee << 216
        | config.taker_fee << 232
        | (3 if config.reduce_only else 1) << 248
    )


# -- reverts ---------------------------------------------------------------------------------------


def test_list_market_reverts_stranger(world: World, new: int) -> None:
    for caller in (world.key("stranger"), world.chain.account("backer")):
        with reverts("ownable: caller is not the owner"):
            world.engine.list_market(new, Config(), 0, sender=caller)


@pytest.mark.parametrize("market", [16, 17, 255, MAX])
def test_list_market_reverts_market_above_fifteen(world: World, market: int) -> None:
    with reverts("listing: market above fifteen"):
        world.list_market(market)


def test_list_market_reverts_market_is_listed(world: World, new: int) -> None:
    """Also the second of two equal calls in one block, and one that only reduces."""
    world.list_market(new, Config(reduce_only=True))
    for market in (0, new):
        with reverts("listing: market is listed"):
            world.list_market(market)


def test_list_market_reverts_no_feed(world: World) -> None:
    with reverts("oracle: no feed"):
        world.list_market(MARKETS)


@pytest.mark.parametrize("what", SPOILED)
def test_list_market_reverts_no_fresh_price(world: World, new: int, what: str) -> None:
    world.spoil(new, what)
    with reverts("trading: no fresh price"):
        world.list_market(new)


@pytest.mark.parametrize(("reason", "changes"), BAD_CONFIGS)
def test_list_market_reverts_config(
    world: World, new: int, reason: str, changes: dict[str, Any]
) -> None:
    with reverts(reason):
        world.list_market(new, Config()._replace(**changes))


def test_list_market_reverts_no_risk_parameters(world: World) -> None:
    """All limits are zero then, which no penalty passes."""
    world.add_feed(MARKETS, 100)
    with reverts("listing: penalty above risk cap"):
        world.list_market(MARKETS)


def test_list_market_reverts_oi_cap_above_depth(world: World, new: int) -> None:
    """share 5 of depth 2,000,000 quote: an OI of 100,000 at 100, and not a wei more."""
    risk = (*RISK[:4], 2 * 10**6, *RISK[5:])
    world.set_risk(risk, new)
    with reverts("listing: oi cap above depth"):
        world.list_market(new, Config(oi_cap=wad(10**5) + 1))
    with world.chain.anchor():
        world.list_market(new, Config(oi_cap=wad(10**5) + 1, reduce_only=True))
    world.list_market(new, Config(oi_cap=wad(10**5)))


def test_list_market_reverts_feeds_gap_above_risks(world: World, new: int) -> None:
    """The feed may jump 1 %; g must cover that."""
    risk = (*RISK[:2], 10**10 - 1, *RISK[3:])
    world.set_risk(risk, new)
    with reverts("listing: feed's gap above risk's"):
        world.list_market(new)


def test_list_market_reverts_allowance_out_of_range(world: World, new: int) -> None:
    for cap in (2**103, MAX):
        with reverts("listing: allowance out of range"):
            world.engine.list_market(new, Config(), cap, sender=world.owner)
    world.engine.list_market(new, Config(), 2**103 - 1, sender=world.owner)


def test_list_market_reverts_fund_below_buffer(make_world: Callable[..., World]) -> None:
    """The fund has 0.0009, the buffer is 0.001."""
    world = make_world(markets=1, backing=0)
    with reverts("listing: fund below buffer"):
        world.list_market(0)
    backer = world.key("backer", 1)
    world.token.approve(world.fund, MAX, sender=backer)
    world.fund.deposit(999, backer, sender=backer)
    with reverts("listing: fund below buffer"):
        world.list_market(0)
    world.fund.deposit(1, backer, sender=backer)
    world.list_market(0)
    assert world.cash(FUND) == 0


def listing_world(make_world: Callable[..., World], kind: str, *args: int) -> World:
    """A market to list in a token of this kind; the fund's books say 1 quote."""
    world = make_world(kind=kind, token_args=args, markets=1, backing=0)
    world.set_cash(FUND, wad(1))
    return world


def test_list_market_reverts_token_takes_a_fee(make_world: Callable[..., World]) -> None:
    world = listing_world(make_world, "FeeToken", 100)
    world.token.mint(world.engine, world.unit)
    with reverts("listing: token takes a fee"):
        world.list_market(0)
    world.token.set_fee(0)
    world.list_market(0)


def test_list_market_reverts_token_lies(make_world: Callable[..., World]) -> None:
    """A token that took nothing at the deposit: the engine has less than its books say."""
    world = make_world(kind="LyingToken", markets=1, backing=0)
    backer = world.party("backer", 5)
    assert (world.cash(backer), world.tokens(world.engine)) == (wad(5), 0)
    world.set_cash(FUND, wad(1))
    with reverts("listing: token lies"):
        world.list_market(0)


def test_list_market_reverts_token_refuses(make_world: Callable[..., World]) -> None:
    world = listing_world(make_world, "FalseToken")
    world.token.mint(world.engine, world.unit)
    with reverts("listing: token refuses"):
        world.list_market(0)


def test_list_market_default_silent_token(make_world: Callable[..., World]) -> None:
    world = make_world(kind="SilentToken", markets=1)
    assert world.state().epoch == 1
