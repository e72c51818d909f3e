# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Trading
@license MIT
@notice One side of a trade, with the check that follows it (TRD-2, TRD-3), and fills of signed orders.
@custom:security Every call that lowers an account's equity ends in the check of `_trade`. A loss against the mark is paid
        in cash at once, so that no unpaid profit leaves through a friend's order.
"""
from ..interfaces import IMarginEngine
from . import accounts
from . import funding
from . import ledger
from . import orders
from . import refusal
from . import synchronisation
from . import valuation

uses: accounts
uses: ledger
uses: orders
uses: valuation

WAD: constant(uint256) = 10**18
MASK_104: constant(uint256) = 2**104 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_16: constant(uint256) = 2**16 - 1
LIMIT_103: constant(uint256) = 2**103
MAX_HELD: constant(uint256) = 8
BAND_UNIT: constant(uint256) = 10**5
FEE_UNIT: constant(uint256) = 10**6
TREASURY_SHARE: constant(uint256) = 2 * 10**17
FUND: constant(uint256) = 1
# the owner's and the guardian's
REDUCE_ONLY_FLAGS: constant(uint256) = 2 | 4
EPOCH_MAX: constant(uint256) = 2**20 - 1


# @notice What one side of a trade is to do.
struct Side:
    account: uint256
    # signed change of size, WAD
    change: int256
    # against the mark, quote WAD: one of the two is zero
    gain: uint256
    loss: uint256
    # quote WAD
    fee: uint256
    # cash it brings along, quote WAD: the liquidator's part of a penalty
    credit: uint256
    # may only reduce (an order's wish)
    reduce_only: bool
    # the liquidator's side: initial margin always, no minimum, allowed where a market is reduce-only
    liquidator: bool
    # the market has to be synchronised before this side may grow
    waits: bool


# @notice What one side did to the market and the house.
struct Done:
    long_change: int256
    # cash paid into the market, quote WAD
    paid: uint256
    # quote WAD
    fee: uint256


@internal
@pure
def _negative(pnl: int256) -> uint256:
    return convert(-pnl, uint256) if pnl < 0 else 0


@internal
def _trade(b: ledger.Book, side: Side, quotes: uint256[16]) -> Done:
    """
    @notice Mark the account's leg, change it, pay loss, fee and the leg's arrears, write it, check the account.
    """
    wallet: uint256 = ledger.wallets[side.account]
    if wallet & ledger.LOCKED != 0:
        refusal._because(refusal.TRADING_ACCOUNT_IS_LOCKED)
    bit: uint256 = 1 << b.market
    held: uint256 = (wallet >> 104) & MASK_16
    leg: ledger.Leg = empty(ledger.Leg)
    if held & bit != 0:
        leg = ledger._mark(side.account, b.market, b.price)
    size: int256 = leg.size
    pnl: int256 = leg.pnl
    others: valuation.Legs = empty(valuation.Legs)
    if held & ~bit != 0:
        others = valuation._legs(side.account, held & ~bit, quotes)
    # LED-9: sizes are below 2**104, sums of cash and pnl below 2**200, margins below 2**150
    after: int256 = unsafe_add(size, side.change)
    reduces: bool = abs(after) < abs(size) and (after == 0 or (after > 0) == (size > 0))

    cash: uint256 = unsafe_add(wallet & MASK_104, side.credit)
    if cash < side.loss:
        refusal._because(refusal.TRADING_LOSS_EXCEEDS_CASH)
    left: uint256 = unsafe_sub(cash, side.loss)
    done: Done = Done(
        long_change=unsafe_sub(max(after, 0), max(size, 0)), paid=side.loss, fee=side.fee
    )
    if reduces:
        # the two sides' sizes differ by rounding after a resolve: what is left over of a last position is dropped
        if convert(abs(after), uint256) < ledger._dust(b.config):
            after = 0
        # an account without cash can still reduce
        done.fee = min(side.fee, left)
    if left < done.fee:
        refusal._because(refusal.TRADING_FEE_EXCEEDS_CASH)
    left = unsafe_sub(left, done.fee)
    if side.gain != 0:
        leg = ledger._with_gain(leg, convert(side.gain, int256))
    pnl_after: int256 = leg.pnl
    losses: uint256 = unsafe_add(others.losses, self._negative(pnl_after))
    if pnl_after < 0 and left >= losses:
        arrears: uint256 = convert(-pnl_after, uint256)
        left = unsafe_sub(left, arrears)
        losses = unsafe_sub(losses, arrears)
        done.paid = unsafe_add(done.paid, arrears)
        pnl_after = 0
    # with a leg or collateral whose price is unknown, a fill off the mark would be a withdrawal in disguise
    if side.loss != 0:
        if side.loss * BAND_UNIT * WAD > convert(abs(side.change), uint256) * b.price * (
            (b.config >> 184) & MASK_16
        ):
            known: uint256 = 0
            fresh: uint256 = 0
            known, fresh = valuation._collateral(side.account, wallet)
            if others.blind != 0 or known != fresh:
                refusal._because(refusal.TRADING_LOSS_WITH_A_STALE_LEG)
    if not reduces:
        if side.reduce_only:
            refusal._because(refusal.TRADING_ORDER_ONLY_REDUCES)
        if others.blind != 0:
            refusal._because(refusal.TRADING_A_LEG_IS_NOT_FRESH)
        if not side.liquidator:
            # a position holds 20 bits of epoch; a market that ended as often takes no new ones
            if b.epoch >= EPOCH_MAX:
                refusal._because(refusal.TRADING_MARKET_IS_WORN_OUT)
            if (b.config >> 248) & REDUCE_ONLY_FLAGS != 0:
                refusal._because(refusal.TRADING_MARKET_ONLY_REDUCES)
            if side.waits:
                refusal._because(refusal.TRADING_MARKET_OUT_OF_SYNC)
        if (b.config >> 248) & ledger.FROZEN_FLAG != 0:
            refusal._because(refusal.TRADING_MARKET_IS_FROZEN)
    if side.liquidator or (held & bit == 0 and not reduces):
        # what is held afterwards: a takeover may close the liquidator's own leg while it brings claims in another
        stays: bool = after != 0 or pnl_after != 0
        if ledger._count((held & ~bit) | (bit if stays else 0)) > MAX_HELD:
            refusal._because(refusal.TRADING_TOO_MANY_MARKETS)
    notional: int256 = ledger._notional(after, b.price)
    if after != 0:
        size_quote: uint256 = convert(abs(notional), uint256)
        # what the guardian tightens stops new risk, never a liquidation
        halvings: uint256 = 0
        if not side.liquidator:
            if size_quote < unsafe_mul((b.config >> 96) & MASK_32, 10**16):
                refusal._because(refusal.TRADING_BELOW_MINIMUM)
            halvings = b.config >> 252
        if not reduces and size_quote > unsafe_mul((b.config >> 128) & MASK_40, WAD) >> halvings:
            refusal._because(refusal.TRADING_ABOVE_MAXIMUM)
    maintenance: uint256 = 0
    initial: uint256 = 0
    crowding: uint256 = ledger._crowding(b.long_tail)
    maintenance, initial = valuation._margin(others, b.market, notional, crowding)
    cured: bool = True
    needed: uint256 = unsafe_add(losses, initial)
    if left < needed:
        # what collateral adds is asked for only where cash does not do (LIQ-7)
        worth: uint256 = 0
        counted: uint256 = 0
        worth, counted = valuation._collateral(side.account, wallet)
        if left + counted < needed:
            if not reduces or side.liquidator:
                refusal._because(refusal.TRADING_BELOW_INITIAL_MARGIN)
            gains: uint256 = others.gains + self._positive(pnl_after) + worth
            equity: int256 = convert(left + gains, int256) - convert(losses, int256)
            if equity < 0:
                refusal._because(refusal.TRADING_EQUITY_BELOW_ZERO)
            equity_before: int256 = (
                convert(cash + others.gains + worth, int256) - convert(others.losses, int256) + pnl
            )
            maintenance_before: uint256 = 0
            maintenance_before, initial = valuation._margin(
                others, b.market, ledger._notional(size, b.price), WAD
            )
            if equity * convert(maintenance_before, int256) < equity_before * convert(
                maintenance, int256
            ):
                refusal._because(refusal.TRADING_HEALTH_FALLS)
            cured = equity >= convert(maintenance, int256)
    if cured:
        # a margin call ends here (LIQ-1)
        wallet &= ~ledger.DEADLINE
    leg.size = after
    leg.pnl = pnl_after
    ledger._store_leg(b, side.account, leg, ledger._with_cash(wallet, left))
    return done


@internal
@pure
def _positive(pnl: int256) -> uint256:
    return convert(pnl, uint256) if pnl > 0 else 0


@internal
@view
def _quotes(market: uint256, first: uint256, second: uint256) -> uint256[16]:
    """
    @notice Quotes of a market and of all that two accounts hold; read once for both.
    """
    if market >= 16:
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    held: uint256 = (ledger.wallets[first] | ledger.wallets[second]) >> 104
    return valuation._quotes((1 << market) | (held & MASK_16))


@internal
def _book_at_mark(market: uint256, quotes: uint256[16]) -> ledger.Book:
    """
    @notice The market of a trade, which needs a price, with the funding of the past minutes paid; a DIVERGED one does for who
            reduces or is liquidated.
    """
    b: ledger.Book = ledger._load_book(market, quotes[market] & MASK_96)
    b.config = ledger.books[market * 4 + 3]
    if b.config == 0:
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    if not valuation._tradable(quotes[market]):
        refusal._because(refusal.TRADING_NO_FRESH_PRICE)
    if funding._minutes(b.long_tail) != 0:
        b = funding._fold(b)
        if b.changed == 1:
            # legs are marked from storage
            ledger._store_side(b, True)
            ledger._store_side(b, False)
            b.changed = 0
    return b


@internal
@view
def _check_band(b: ledger.Book, price: uint256):
    gap: uint256 = unsafe_sub(max(price, b.price), min(price, b.price))
    # below 2**96, both sides of the comparison are below 2**113
    if price > MASK_96 or unsafe_mul(gap, BAND_UNIT) > unsafe_mul(
        (b.config >> 168) & MASK_16, b.price
    ):
        refusal._because(refusal.TRADING_PRICE_OUTSIDE_BAND)


@internal
@pure
def _fee(b: ledger.Book, size: uint256, price: uint256, rate_at: uint256) -> uint256:
    # rounds up: against the payer; size and price <= 2**96
    return ledger._ceil_div(
        unsafe_mul(unsafe_mul(size, price), (b.config >> rate_at) & MASK_16), WAD * FEE_UNIT
    )


@internal
def _pay_house(to_fund: uint256, fees: uint256) -> uint256:
    """
    @notice Credit the fund with `to_fund` and its share of `fees`, the treasury with the rest; one word holds both.
    @return That word.
    """
    wallet: uint256 = ledger.wallets[FUND]
    if to_fund | fees != 0:
        # rounds down: the fund gets the rest
        # both come out of accounts' cash: below 2**105
        cut: uint256 = unsafe_div(unsafe_mul(fees, TREASURY_SHARE), WAD)
        cash: uint256 = unsafe_sub(unsafe_add(unsafe_add(wallet & MASK_104, to_fund), fees), cut)
        if cash >= LIMIT_103 or unsafe_add(wallet >> 152, cut) >= LIMIT_103:
            refusal._because(refusal.LEDGER_CASH_OUT_OF_RANGE)
        wallet = (unsafe_add(wallet, cut << 152) & ~MASK_104) | cash
        ledger.wallets[FUND] = wallet
    return wallet


@internal
def _fill(order: IMarginEngine.Order, signature: Bytes[65], account: uint256, size: uint256):
    """
    @notice Fill `size` of a signed order against `account`, at the order's price.
    """
    if not accounts._acts_for(account, msg.sender):
        refusal._because(refusal.TRADING_NOT_YOUR_ACCOUNT)
    if account == order.account:
        refusal._because(refusal.TRADING_ORDER_IS_YOUR_OWN)
    order_hash: bytes32 = orders._take(order, signature, size)
    market: uint256 = convert(order.market, uint256)
    quotes: uint256[16] = self._quotes(market, account, order.account)
    b: ledger.Book = self._book_at_mark(market, quotes)
    # at a disputed price positions are closed, not opened: DIVERGED and REDUCE_ONLY_FLAG are both 2
    b.config |= (quotes[market] >> 192) << 248
    self._check_band(b, order.price)
    waits: bool = synchronisation._is_out(b)
    wait: uint256 = b.tail >> 40
    if wait != 0 and not waits:
        if synchronisation._has_waited(wait):
            b.tail &= 2**40 - 1
        else:
            waits = True
    buys: bool = order.size > 0
    change: int256 = convert(size, int256)
    if not buys:
        change = -change
    # against the mark: the loser pays the ceiling, the winner gets the floor
    slip: uint256 = size * unsafe_sub(max(order.price, b.price), min(order.price, b.price))
    gain: uint256 = unsafe_div(slip, WAD)
    loss: uint256 = ledger._ceil_div(slip, WAD)
    maker: Side = Side(
        account=order.account,
        change=change,
        gain=gain,
        loss=0,
        fee=self._fee(b, size, order.price, 216),
        credit=0,
        reduce_only=order.reduce_only,
        liquidator=False,
        waits=waits,
    )
    taker: Side = Side(
        account=account,
        change=-change,
        gain=gain,
        loss=0,
        fee=self._fee(b, size, order.price, 232),
        credit=0,
        reduce_only=False,
        liquidator=False,
        waits=waits,
    )
    if buys == (order.price > b.price):
        maker.gain = 0
        maker.loss = loss
    else:
        taker.gain = 0
        taker.loss = loss
    done: Done = self._trade(b, maker, quotes)
    done_taker: Done = self._trade(b, taker, quotes)

    long_change: int256 = done.long_change + done_taker.long_change
    # OI is never below either side's sum, so this cannot fail
    oi: uint256 = convert(convert(b.oi, int256) + max(long_change, 0), uint256)
    b.tail = funding._observe(b, oi, size, order.price, done.fee + done_taker.fee)
    book: uint256 = ledger._traded(b, long_change, done.paid + done_taker.paid)
    self._check_cap(b, long_change)
    house: uint256 = self._pay_house(0, done.fee + done_taker.fee)
    log IMarginEngine.Filled(
        maker=order.account,
        taker=account,
        order_hash=order_hash,
        market=market,
        size=change,
        price=order.price,
        house=house,
        book=book,
    )


@internal
@view
def _check_cap(b: ledger.Book, long_change: int256):
    if long_change > 0:
        if b.oi + convert(long_change, uint256) > (b.config & MASK_96) >> (b.config >> 252):
            refusal._because(refusal.TRADING_OPEN_INTEREST_CAP)
