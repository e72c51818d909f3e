"""The operations of the gas table. A row prepares the stage and returns the transaction to measure.

Rows do not see each other: each begins on the stage as it was built. Rows named in `PEERS` stand
beside the figures of other protocols and have a limit; rows that begin with "_" are only there to
be subtracted from each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plimsoll.evm import Account
from plimsoll.gas.backend import Call
from plimsoll.gas.errors import RowError
from plimsoll.gas.stage import MARKETS, PRICE, UNITS, Stage
from plimsoll.protocol.client import account_id, wad

Prepare = Callable[[Stage], Call]

#: how many accounts the lens is asked for, and how many where its steps are looked at
ACCOUNTS, ACCOUNTS_TRACED = 500, 5

#: seconds: LIQ-1's cure window, LED-4's half-life, LED-8's freeze
CURE, HALF_LIFE, DAY = 300, 3_600, 86_400


@dataclass(frozen=True)
class Row:
    """An operation. `limit` is what its gas must be at most; None: no limit is set.

    A row without `prepare` is the dearest of the differences between the rows in `steps`, each less
    the one before it. `traced` stands for `prepare` where a trace of it would be too long.
    """

    key: str
    title: str
    prepare: Prepare | None = None
    steps: tuple[str, ...] = ()
    limit: int | None = None
    traced: Prepare | None = None


@dataclass(frozen=True)
class Peer:
    """A row beside the figures of other protocols, as PEERS.md gives them."""

    key: str
    floor: str
    dydx: str
    derive: str
    perennial: str
    limit: int


ROWS: dict[str, Row] = {}


def _row(key: str, title: str, limit: int | None = None) -> Callable[[Prepare], Prepare]:
    def add(prepare: Prepare) -> Prepare:
        ROWS[key] = Row(key, title, prepare, limit=limit)
        return prepare

    return add


# ------------------------------------------------------------------------------------- custody


@_row("deposit_first", "deposit, first", 73_000)
def _deposit_first(s: Stage) -> Call:
    return s.do("deposit", account_id(s.newcomer), 1_000 * UNITS, sender=s.newcomer)


@_row("deposit_repeat", "deposit, repeat", 55_000)
def _deposit_repeat(s: Stage) -> Call:
    return s.do("deposit", account_id(s.taker), 1_000 * UNITS, sender=s.taker)


@_row("withdraw_flat", "withdraw, no position", 53_000)
def _withdraw_flat(s: Stage) -> Call:
    return s.do("withdraw", account_id(s.taker), 1_000 * UNITS, s.taker.address, sender=s.taker)


@_row("withdraw_position", "withdraw, with position (one market, price moved)", 95_000)
def _withdraw_position(s: Stage) -> Call:
    s.short(s.taker, 1)
    s.price(0, 2_003)
    s.fold()
    return _withdraw_flat(s)


# ------------------------------------------------------------------------------------- trading


@_row("trade_first", "trade, taker sends, 1 signed order: first positions", 235_000)
def _trade_first(s: Stage) -> Call:
    s.fold()
    return s.fill(s.order(s.maker, 0, 5, 2_001), s.taker, 1)


@_row("trade_new", "trade, existing positions, price moved, new order", 167_000)
def _trade_new(s: Stage) -> Call:
    _trade_first(s).send()
    s.price(0, 2_003)
    s.fold()
    return s.fill(s.order(s.maker, 0, 5, 2_001), s.taker, 1)


@_row("trade_same", "trade, existing positions, price moved, same order", 147_000)
def _trade_same(s: Stage) -> Call:
    return _trade_with(s, 0)


def _trade_with(s: Stage, markets: int) -> Call:
    """The same trade by a taker who holds `markets` more markets, in which the prices moved too."""
    order = s.order(s.maker, 0, 5, 2_001)
    s.fill(order, s.taker, 1).send()
    for market in range(1, markets + 1):
        aside = s.order(s.maker_aside, market, 1 if market % 2 else -1, PRICE)
        s.fill(aside, s.taker, 1).send()
        s.price(market, 2_003)
    s.price(0, 2_003)
    s.fold()
    return s.fill(order, s.taker, 1)


def _with_markets(markets: int) -> Prepare:
    return lambda s: _trade_with(s, markets)


for _count in range(MARKETS):
    _key = f"_trade_{_count}"
    ROWS[_key] = Row(_key, f"trade, same order, taker holds {_count} more", _with_markets(_count))
ROWS["further_market"] = Row(
    "further_market",
    "each further market in the account (the dearest of the 2nd to the 8th, cold)",
    steps=tuple(f"_trade_{count}" for count in range(MARKETS)),
    limit=36_000,
)


def _trade_after_a_minute(s: Stage) -> Call:
    call = _trade_same(s)
    s.backend.advance(60)
    return call


ROWS["_trade_after_a_minute"] = Row(
    "_trade_after_a_minute", "trade, same order, a minute of funding due", _trade_after_a_minute
)
ROWS["fold"] = Row(
    "fold",
    "what the fold of a minute adds to a fill (one fill in a minute pays it)",
    steps=("trade_same", "_trade_after_a_minute"),
)


# --------------------------------------------------------------------------------- liquidation


def _below_psi(s: Stage) -> None:
    """The price rises until the trader may be taken over at once: equity below 0.7 MM."""
    s.short(s.trader, 4)
    s.price(0, 2_190)


@_row("takeover_held", "takeover, partial, liquidator has a position in the market", 142_000)
def _takeover_held(s: Stage) -> Call:
    s.short(s.liquidator, 1)
    _below_psi(s)
    s.fold()
    return s.takeover("0.5")


@_row("takeover_open", "takeover, partial, liquidator opens one (two new slots)", 172_000)
def _takeover_open(s: Stage) -> Call:
    _below_psi(s)
    s.fold()
    return s.takeover("0.5")


def _below_margin(s: Stage) -> None:
    """The price rises until the trader may be called, and no further."""
    s.short(s.trader, 4)
    s.price(0, 2_150)


def _call(s: Stage) -> Call:
    return s.do("call_margin", account_id(s.trader), sender=s.keeper)


@_row("takeover_called", "takeover of a called account, the market's window runs")
def _takeover_called(s: Stage) -> Call:
    _below_margin(s)
    _call(s).send()
    s.backend.advance(CURE)
    s.fold()
    # the window runs: its word is there
    s.takeover("0.25").send()
    s.fold()
    return s.takeover("0.5")


@_row("call_margin", "call_margin, 1 market")
def _call_margin(s: Stage) -> Call:
    _below_margin(s)
    return _call(s)


def _bankrupt(s: Stage, market: int = 0) -> None:
    s.short(s.trader, 4, market)
    s.price(market, 2_300)


@_row("resolve", "deleverage / resolve a bankrupt account, 1 market: the fund pays", 115_000)
def _resolve(s: Stage) -> Call:
    _bankrupt(s)
    return s.resolve()


@_row("resolve_charged", "resolve, the fund may not pay: the other side is charged", 115_000)
def _resolve_charged(s: Stage) -> Call:
    _bankrupt(s)
    s.do("set_allowance", 0, 0, sender=s.owner).send()
    return s.resolve()


@_row("resolve_ends_book", "resolve that ends the book")
def _resolve_ends_book(s: Stage) -> Call:
    _bankrupt(s, 1)
    return s.resolve(1)


@_row("takeover_by_order", "takeover by order: a signed order takes the slice, keeper is rewarded")
def _takeover_by_order(s: Stage) -> Call:
    _below_psi(s)
    order = s.order(s.maker, 0, -2, 2_191)
    s.fold()
    return s.do(
        "takeover_by_order",
        order.order.as_tuple(),
        order.signature,
        account_id(s.trader),
        wad("0.5"),
        account_id(s.keeper),
        sender=s.keeper,
    )


@_row("cover", "cover: the fund pays a part of a market's shortfall")
def _cover(s: Stage) -> Call:
    # the loss is above what one resolve may charge to the other side
    _bankrupt(s, 1)
    s.price(1, 9_000)
    s.do("set_allowance", 1, 0, sender=s.owner).send()
    s.resolve(1).send()
    s.do("set_allowance", 1, wad(100), sender=s.owner).send()
    s.backend.advance(3_600)
    return s.do("cover", 1, sender=s.keeper)


@_row("reclaim", "reclaim: a locked account pays back what others paid")
def _reclaim(s: Stage) -> Call:
    s.short(s.trader, 1, 1)
    _bankrupt(s)
    s.resolve().send()
    s.do("deposit", account_id(s.trader), 1_000 * UNITS, sender=s.backer).send()
    return s.do("reclaim", account_id(s.trader), sender=s.keeper)


@_row("thaw", "thaw: the claims of a book that a resolve has ended may be paid")
def _thaw(s: Stage) -> Call:
    _resolve_ends_book(s).send()
    s.backend.advance(DAY)
    return s.do("thaw", 1, sender=s.keeper)


# ---------------------------------------------------------------------------------- settlement


@_row("touch", "touch, 1 market")
def _touch(s: Stage) -> Call:
    s.short(s.taker, 1)
    s.price(0, 2_003)
    return s.do("touch", account_id(s.taker), sender=s.keeper)


@_row("touch_reserve", "touch, 1 market: an older profit matures, a new one starts")
def _touch_reserve(s: Stage) -> Call:
    _matures_for(s, HALF_LIFE)
    return s.do("touch", account_id(s.maker), sender=s.keeper)


@_row("settle_arrears", "settle, 1 market: arrears are paid")
def _settle_arrears(s: Stage) -> Call:
    s.short(s.taker, 1)
    s.price(0, 2_003)
    return s.do("settle", account_id(s.taker), sender=s.keeper)


def _matures_for(s: Stage, seconds: int) -> None:
    """The maker's profit is marked and waits, backed with cash; then the price rises a little."""
    _settle_arrears(s).send()
    s.do("touch", account_id(s.maker), sender=s.keeper).send()
    s.backend.advance(seconds)
    s.price(0, 2_004)


@_row("settle_reserve", "settle, 1 market: what has matured of a claim is paid, the rest waits")
def _settle_reserve(s: Stage) -> Call:
    _matures_for(s, 2 * HALF_LIFE)
    return s.do("settle", account_id(s.maker), sender=s.keeper)


@_row("settle_claim", "settle, 1 market: a claim that has matured is paid")
def _settle_claim(s: Stage) -> Call:
    _settle_arrears(s).send()
    s.do("touch", account_id(s.maker), sender=s.keeper).send()
    # 40 half-lives, then a price that is neither stale nor another one
    s.backend.advance(40 * HALF_LIFE)
    s.price(0, 2_003)
    return s.do("settle", account_id(s.maker), sender=s.keeper)


# ------------------------------------------------------------------------------------- upkeep


@_row("accrue", "accrue: the funding of a minute")
def _accrue(s: Stage) -> Call:
    s.fold()
    s.backend.advance(60)
    return s.do("accrue", 0, sender=s.keeper)


@_row("sync", "sync, after a large move")
def _sync(s: Stage) -> Call:
    s.price(0, 2_150)
    return s.do("sync", 0, sender=s.keeper)


# -------------------------------------------------------------------------------------- orders


@_row("cancel_order", "cancel_order")
def _cancel_order(s: Stage) -> Call:
    order = s.order(s.maker, 0, 5, PRICE)
    return s.do("cancel_order", order.order.as_tuple(), sender=s.maker)


@_row("cancel_below", "cancel_below")
def _cancel_below(s: Stage) -> Call:
    return s.do("cancel_below", account_id(s.maker), 1_000, sender=s.maker)


# ---------------------------------------------------------------------------------- collateral

#: the token of the plan, at the price of market 0 less a tenth
_TOKEN = "C0"


def _vault(s: Stage, function: str, *args: Any, sender: Account) -> Call:
    return s.call(s.plimsoll.vault, function, *args, sender=sender)


def _pledge(s: Stage, amount: str) -> Call:
    """The trader brings an amount of the token."""
    p, units = s.plimsoll, s.plimsoll.to_collateral_units(_TOKEN, amount)
    p.mint_collateral(_TOKEN, s.trader, 2 * units)
    p.approve_vault(_TOKEN, sender=s.trader)
    token = p.collateral_token(_TOKEN).token.address
    return _vault(s, "deposit", account_id(s.trader), token, units, sender=s.trader)


def _pledged(s: Stage, amount: str, price: int) -> None:
    """The trader, with some collateral, is short in market 1, which rises."""
    _pledge(s, amount).send()
    s.short(s.trader, 4, 1)
    s.price(1, price)


def _on_sale(s: Stage, price: int, seconds: int) -> None:
    """A sale of 0.05 of the token has been open for so long."""
    _pledged(s, "0.05", price)
    _vault(s, "open_sale", account_id(s.trader), sender=s.keeper).send()
    s.backend.advance(seconds)
    s.price(0, PRICE)
    s.price(1, price)


@_row("pledge", "vault: deposit by an account with a position")
def _pledge_row(s: Stage) -> Call:
    s.short(s.trader, 1)
    return _pledge(s, "0.05")


@_row("unpledge", "vault: withdraw a part of it, no position")
def _unpledge(s: Stage) -> Call:
    _pledge(s, "1").send()
    token = s.plimsoll.collateral_token(_TOKEN).token.address
    who = account_id(s.trader)
    return _vault(s, "withdraw", who, token, 10**17, s.trader.address, sender=s.trader)


@_row("trade_pledged", "trade, same order, the taker's margin stands on collateral")
def _trade_pledged(s: Stage) -> Call:
    _pledge(s, "10").send()
    order = s.order(s.maker, 0, 20, PRICE)
    s.fill(order, s.trader, 7).send()
    return s.fill(order, s.trader, 1)


@_row("takeover_pledged", "takeover, partial, of an account with collateral")
def _takeover_pledged(s: Stage) -> Call:
    _pledge(s, "0.05").send()
    _below_psi(s)
    s.price(0, 2_215)
    s.fold()
    return s.takeover("0.5")


@_row("open_sale", "vault: open_sale")
def _open_sale(s: Stage) -> Call:
    _pledged(s, "0.05", 2_220)
    return _vault(s, "open_sale", account_id(s.trader), sender=s.keeper)


@_row("buy", "vault: buy a part of what is for sale")
def _buy(s: Stage) -> Call:
    _on_sale(s, 2_220, 60)
    s.plimsoll.approve_vault(sender=s.backer)
    token = s.plimsoll.collateral_token(_TOKEN).token.address
    what = (account_id(s.trader), token, 10**16, 100 * UNITS, s.backer.address)
    return _vault(s, "buy", *what, sender=s.backer)


@_row("seize", "vault: seize what a bankrupt account has of a token")
def _seize(s: Stage) -> Call:
    _on_sale(s, 2_300, 600)
    token = s.plimsoll.collateral_token(_TOKEN).token.address
    return _vault(s, "seize", account_id(s.trader), token, sender=s.keeper)


def _owing(s: Stage) -> Call:
    """The trader's cash does not reach for what it owes in market 1; its collateral would."""
    _pledged(s, "1", 2_300)
    return s.do("note_arrears", account_id(s.trader), sender=s.keeper)


@_row("note_arrears", "note_arrears, 1 market")
def _note_arrears(s: Stage) -> Call:
    return _owing(s)


@_row("clear_arrears", "clear_arrears: a claim in a second market goes for them")
def _clear_arrears(s: Stage) -> Call:
    s.fill(s.order(s.maker, 2, -1, PRICE), s.trader, 1).send()
    s.price(2, 2_600)
    _owing(s).send()
    s.backend.advance(DAY)
    for market, price in enumerate((PRICE, 2_300, 2_600)):
        s.price(market, price)
    return s.do("clear_arrears", account_id(s.trader), sender=s.keeper)


# --------------------------------------------------------------------------------------- house


def _backed(s: Stage) -> None:
    fund, token = s.plimsoll.fund, s.plimsoll.token
    s.call(token, "approve", fund.address, 2**256 - 1, sender=s.backer).send()
    s.call(fund, "deposit", 1_000 * UNITS, s.backer.address, sender=s.backer).send()


@_row("fund_deposit", "fund: deposit by a holder of shares")
def _fund_deposit(s: Stage) -> Call:
    _backed(s)
    return s.call(s.plimsoll.fund, "deposit", 500 * UNITS, s.backer.address, sender=s.backer)


@_row("fund_request", "fund: ask to redeem a part of the shares")
def _fund_request(s: Stage) -> Call:
    _backed(s)
    who = s.backer.address
    return s.call(s.plimsoll.fund, "request_redeem", wad(800), who, sender=s.backer)


@_row("fund_redeem", "fund: redeem a part of a request")
def _fund_redeem(s: Stage) -> Call:
    _fund_request(s).send()
    s.backend.advance(s.plan.fund.notice)
    who = s.backer.address
    return s.call(s.plimsoll.fund, "redeem", wad(500), who, who, sender=s.backer)


@_row("list_market", "list_market")
def _list_market(s: Stage) -> Call:
    # made by somebody who has sent nothing yet, so that the addresses are the same on every chain
    builder = s.backend.account("builder")
    aggregator = s.backend.deploy(
        s.backend.artifact("MockAggregator"), 8, PRICE * 10**8, sender=builder
    )
    feed = s.backend.deploy(s.backend.artifact("FeedProxy"), aggregator.address, sender=builder)
    like = s.plan.markets["M0"]
    oracle, risk = s.plimsoll.oracle, s.plimsoll.risk
    setting = (like.feed.heartbeat, like.feed.units("gap"), like.ceiling)
    s.call(oracle, "set_feed", MARKETS, feed.address, *setting, sender=s.owner).send()
    s.call(risk, "set_market", MARKETS, like.risk.chain(), sender=s.owner).send()
    allowance = like.units("allowance")
    return s.do("list_market", MARKETS, like.config.chain(), allowance, sender=s.owner)


@_row("restrict_market", "restrict_market by the guardian")
def _restrict_market(s: Stage) -> Call:
    s.do("set_guardian", s.keeper.address, sender=s.owner).send()
    return s.do("restrict_market", 0, 1, True, sender=s.keeper)


@_row("checkpoint", "oracle: checkpoint of 1 market")
def _checkpoint(s: Stage) -> Call:
    return s.call(s.plimsoll.oracle, "checkpoint", 1, sender=s.keeper)


@_row("observe", "risk: observe, two hours after the last one, price moved")
def _observe(s: Stage) -> Call:
    risk = s.plimsoll.risk
    s.call(risk, "observe", 0, sender=s.keeper).send()
    s.backend.advance(7_200)
    s.price(0, PRICE * 102 // 100)
    return s.call(risk, "observe", 0, sender=s.keeper)


@_row("announce", "risk: announce another f for a market")
def _announce(s: Stage) -> Call:
    risk, start = s.plimsoll.risk, s.backend.now() + 2 * 86_400
    f = risk.params(0).f * 11 // 10
    return s.call(risk, "announce", 1, 0, f, start, start + 86_400, sender=s.owner)


def _lens(accounts: int) -> Prepare:
    def prepare(s: Stage) -> Call:
        pool = s.actor("pool", 0)
        whale = s.actor("whale", 10_000_000)
        ids = [account_id(pool, index) for index in range(accounts)]
        orders = [s.order(whale, market, accounts, PRICE) for market in (0, 1)]
        s.backend.many([s.do("deposit", account, 1_000 * UNITS, sender=pool) for account in ids])
        s.backend.many(
            [s.fill(order, pool, 1, index) for order in orders for index in range(accounts)]
        )
        s.price(0, 2_003)
        s.price(1, 1_997)
        return s.call(s.plimsoll.lens, "accounts", ids, sender=s.keeper)

    return prepare


ROWS["lens"] = Row(
    "lens",
    f"lens.accounts: {ACCOUNTS} accounts with 2 positions each",
    _lens(ACCOUNTS),
    limit=30_000_000,
    traced=_lens(ACCOUNTS_TRACED),
)


# ------------------------------------------------------------------------------------- peers

_TAKEOVER = (
    "50,220",
    "157,789 (direct) / 271,179 (through its proxy with insurance fee)",
    "703,045 (bid)",
    "607,985 + 382,965",
)

#: the rows of PEERS.md: floor, dYdX Perpetual v1, Derive v2, Perennial v2, limit
PEERS: tuple[Peer, ...] = (
    Peer("deposit_first", "63,583", "145,135", "236,503", "492,676", 73_000),
    Peer("deposit_repeat", "46,483", "110,819", "142,455", "394,302", 55_000),
    Peer("withdraw_flat", "44,133", "110,423", "171,977", "-", 53_000),
    Peer("withdraw_position", "60,211", "115,381", "315,714", "395,223", 95_000),
    Peer("trade_first", "112,569", "176,302", "-", "1,013,291", 235_000),
    Peer("trade_new", "78,369", "186,218", "1,089,427 (2 orders)", "927,473", 167_000),
    Peer("trade_same", "61,269", "169,313", "1,089,427 (2 orders)", "927,473", 147_000),
    Peer("takeover_held", *_TAKEOVER, 142_000),
    Peer("takeover_open", *_TAKEOVER, 172_000),
    Peer("resolve", "-", "157,692", "824,379", "-", 115_000),
    Peer("further_market", "-", "one market only", "33 scenarios", "one market only", 36_000),
)


def find_row(key: str) -> Row:
    """Return a row by its key. Raises RowError that names them all."""
    if key not in ROWS:
        raise RowError(f"there is no row {key!r}; the rows are: {', '.join(ROWS)}")
    return ROWS[key]
