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
from . import ledger
from . import orders
from . import refusal
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
REDUCE_ONLY_FLAG: constant(uint256) = 2
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
    bit: uint256 = 1 << b.market
    held: uint256 = (wallet >> 104) & MASK_16
    size: int256 = 0
    pnl: int256 = 0
    if held & bit != 0:
        size, pnl = ledger._value(side.account, b.market, b.price)
    others: valuation.Legs = empty(valuation.Legs)
    if held & ~bit != 0:
        others = valuation._legs(side.account, held & ~bit, quotes)
    after: int256 = size + side.change
    reduces: bool = abs(after) < abs(size) and (after == 0 or (after > 0) == (size > 0))

    cash: uint256 = (wallet & MASK_104) + side.credit
    if cash < side.loss:
        refusal._because("trading: loss exceeds cash")
    left: uint256 = unsafe_sub(cash, side.loss)
    done: Done = Done(long_change=max(after, 0) - max(size, 0), paid=side.loss, fee=side.fee)
    if reduces:
        # the two sides' sizes differ by rounding after a resolve: what is left over of a last position is dropped
        if convert(abs(after), uint256) < ledger._dust(b.config):
            after = 0
        # an account without cash can still reduce
        done.fee = min(side.fee, left)
    if left < done.fee:
        refusal._because("trading: fee exceeds cash")
    left = unsafe_sub(left, done.fee)
    pnl_after: int256 = pnl + convert(side.gain, int256)
    losses: uint256 = others.losses + self._negative(pnl_after)
    if pnl_after < 0 and left >= losses:
        arrears: uint256 = convert(-pnl_after, uint256)
        left = unsafe_sub(left, arrears)
        losses = unsafe_sub(losses, arrears)
        done.paid += arrears
        pnl_after = 0
    # with a leg whose price is unknown, a fill off the mark would be a withdrawal in disguise
    if others.blind != 0 and side.loss * BAND_UNIT * WAD > convert(
        abs(side.change), uint256
    ) * b.price * ((b.config >> 184) & MASK_16):
        refusal._because("trading: loss with a stale leg")
    if not reduces:
        if side.reduce_only:
            refusal._because("trading: order only reduces")
        if others.blind != 0:
            refusal._because("trading: a leg is not fresh")
        # a position holds 20 bits of epoch; a market that ended as often takes no new ones
        if b.epoch >= EPOCH_MAX and not side.liquidator:
            refusal._because("trading: market is worn out")
        if not side.liquidator and (b.config >> 248) & REDUCE_ONLY_FLAG != 0:
            refusal._because("trading: market only reduces")
    if side.liquidator or (held & bit == 0 and not reduces):
        # what is held afterwards: a takeover may close the liquidator's own leg while it brings claims in another
        stays: bool = after != 0 or pnl_after != 0
        if ledger._count((held & ~bit) | (bit if stays else 0)) > MAX_HELD:
            refusal._because("trading: too many markets")
    notional: int256 = ledger._notional(after, b.price)
    if after != 0:
        size_quote: uint256 = convert(abs(notional), uint256)
        if not side.liquidator and size_quote < ((b.config >> 96) & MASK_32) * 10**16:
            refusal._because("trading: below minimum")
        if not reduces and size_quote > ((b.config >> 128) & MASK_40) * WAD:
            refusal._because("trading: above maximum")
    maintenance: uint256 = 0
    initial: uint256 = 0
    maintenance, initial = valuation._margin(others, b.market, notional)
    if left < losses + initial:
        if not reduces or side.liquidator:
            refusal._because("trading: below initial margin")
        gains: uint256 = others.gains + self._positive(pnl_after)
        equity: int256 = convert(left + gains, int256) - convert(losses, int256)
        if equity < 0:
            refusal._because("trading: equity below zero")
        equity_before: int256 = (
            convert(cash + others.gains, int256) - convert(others.losses, int256) + pnl
        )
        maintenance_before: uint256 = 0
        maintenance_before, initial = valuation._margin(
            others, b.market, ledger._notional(size, b.price)
        )
        if equity * convert(maintenance_before, int256) < equity_before * convert(
            maintenance, int256
        ):
            refusal._because("trading: health falls")
    ledger._store_leg(b, side.account, after, pnl_after, ledger._with_cash(wallet, left))
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
        refusal._because("trading: market not listed")
    held: uint256 = (ledger.wallets[first] | ledger.wallets[second]) >> 104
    return valuation._quotes((1 << market) | (held & MASK_16))


@internal
@view
def _book_at_mark(market: uint256, quotes: uint256[16]) -> ledger.Book:
    """
    @notice The market of a trade, which needs a price; a DIVERGED one does for who reduces or is liquidated.
    """
    b: ledger.Book = ledger._load_book(market, quotes[market] & MASK_96)
    b.config = ledger.books[market * 4 + 3]
    if b.config == 0:
        refusal._because("trading: market not listed")
    if not valuation._tradable(quotes[market]):
        refusal._because("trading: no fresh price")
    return b


@internal
@pure
def _check_band(b: ledger.Book, price: uint256):
    gap: uint256 = max(price, b.price) - min(price, b.price)
    if price > MASK_96 or gap * BAND_UNIT > ((b.config >> 168) & MASK_16) * b.price:
        refusal._because("trading: price outside band")


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
        cut: uint256 = unsafe_div(fees * TREASURY_SHARE, WAD)
        cash: uint256 = (wallet & MASK_104) + to_fund + fees - cut
        if cash >= LIMIT_103 or (wallet >> 152) + cut >= LIMIT_103:
            refusal._because("ledger: cash out of range")
        wallet = ((wallet + (cut << 152)) & ~MASK_104) | cash
        ledger.wallets[FUND] = wallet
    return wallet


@internal
def _fill(order: IMarginEngine.Order, signature: Bytes[65], account: uint256, size: uint256):
    """
    @notice Fill `size` of a signed order against `account`, at the order's price.
    """
    if not accounts._acts_for(account, msg.sender):
        refusal._because("trading: not your account")
    if account == order.account:
        refusal._because("trading: order is your own")
    order_hash: bytes32 = orders._take(order, signature, size)
    market: uint256 = convert(order.market, uint256)
    quotes: uint256[16] = self._quotes(market, account, order.account)
    b: ledger.Book = self._book_at_mark(market, quotes)
    # at a disputed price positions are closed, not opened: DIVERGED and REDUCE_ONLY_FLAG are both 2
    b.config |= (quotes[market] >> 192) << 248
    self._check_band(b, order.price)

    buys: bool = order.size > 0
    change: int256 = convert(size, int256)
    if not buys:
        change = -change
    # against the mark: the loser pays the ceiling, the winner gets the floor
    slip: uint256 = size * (max(order.price, b.price) - min(order.price, b.price))
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
@pure
def _check_cap(b: ledger.Book, long_change: int256):
    if long_change > 0:
        if b.oi + convert(long_change, uint256) > b.config & MASK_96:
            refusal._because("trading: open interest cap")
