# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Liquidation
@license MIT
@notice Takeover of a slice by a liquidator's account (LIQ-2) or against a signed order (LIQ-3), after a margin call's
        cure window (LIQ-1) and within the market's window (LIQ-6).
@custom:security Health must rise, the penalty stays below what would empty the account and is never left as arrears, and
        nothing is sent to the liquidated owner.
"""
from ..interfaces import IMarginEngine
from . import accounts
from . import claims
from . import ledger
from . import margin_calls
from . import orders
from . import refusal
from . import rewards
from . import trading
from . import valuation

uses: accounts
uses: claims
uses: ledger
uses: orders
uses: rewards
uses: trading
uses: valuation

WAD: constant(uint256) = 10**18
MASK_104: constant(uint256) = 2**104 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_16: constant(uint256) = 2**16 - 1
TAU: constant(uint256) = 125 * 10**16
PSI: constant(uint256) = 7 * 10**17
WINDOW: constant(uint256) = 600
PENALTY_EQUITY_SHARE: constant(uint256) = 8 * 10**17
LIQUIDATOR_SHARE: constant(uint256) = 5 * 10**17
PROBE: constant(uint256) = 64
FUND: constant(uint256) = 1


# @notice The liquidated account as it stood before the slice.
struct Subject:
    account: uint256
    wallet: uint256
    # at the mark
    leg: ledger.Leg
    # at which it is judged and executed, WAD: the mark, or when DIVERGED the price that is better for the account
    price: uint256
    # E and MM, quote WAD; E > 0
    equity: uint256
    maintenance: uint256
    # penalty rate, WAD
    rate: uint256
    others: valuation.Legs


@internal
def _use_window(size: uint256, b: ledger.Book):
    """
    @notice Count a slice of a called account against the market's window (LIQ-6).
    """
    window: uint256 = ledger.windows[b.market]
    share: uint256 = window >> 144
    if share == 0:
        return
    start: uint256 = (window >> 104) & MASK_40
    taken: uint256 = window & MASK_104
    if block.timestamp - start >= WINDOW:
        start = block.timestamp
        taken = 0
    taken += size
    # both rounded down; twice the market's minimum is always left for
    if taken > max(
        b.oi * share // 16, unsafe_div(((b.config >> 96) & MASK_32) * (2 * 10**34), b.price)
    ):
        refusal._because(refusal.LIQUIDATION_WINDOW_IS_USED_UP)
    window = (share << 144) | (start << 104) | taken
    ledger.windows[b.market] = window
    log IMarginEngine.WindowUpdated(market=b.market, window=window)


@internal
def _subject(account: uint256, size: uint256, b: ledger.Book, quotes: uint256[16]) -> Subject:
    """
    @notice Load an account that may be liquidated, or revert with the reason why not.
    """
    s: Subject = empty(Subject)
    s.account = account
    s.wallet = ledger.wallets[account]
    s.leg = ledger._mark(account, b.market, b.price)
    s.price = b.price
    judged: int256 = s.leg.pnl
    if quotes[b.market] >> 192 != valuation.FRESH:
        s.price, judged = valuation._judge(account, b.market, s.leg.size, quotes[b.market])
    held: uint256 = (s.wallet >> 104) & MASK_16
    s.others = valuation._legs(account, held & ~(1 << b.market), quotes)
    if size == 0:
        refusal._because(refusal.LIQUIDATION_SIZE_IS_ZERO)
    if size > convert(abs(s.leg.size), uint256):
        refusal._because(refusal.LIQUIDATION_ABOVE_POSITION)
    worth: uint256 = 0
    ignored: uint256 = 0
    worth, ignored = valuation._collateral(account, s.wallet)
    equity: int256 = (
        convert((s.wallet & MASK_104) + s.others.gains + worth, int256)
        - convert(s.others.losses, int256)
        + judged
    )
    notional: int256 = ledger._notional(s.leg.size, s.price)
    s.maintenance, ignored = valuation._margin(s.others, b.market, notional, WAD)
    if equity >= convert(s.maintenance, int256):
        refusal._because(refusal.LIQUIDATION_ACCOUNT_IS_HEALTHY)
    if equity <= 0:
        refusal._because(refusal.LIQUIDATION_ACCOUNT_BANKRUPT)
    s.equity = convert(equity, uint256)
    if s.equity * WAD >= PSI * s.maintenance:
        margin_calls._check(s.wallet)
        self._use_window(size, b)
    # the rate grows with the shortfall; rounded down, so that the share of the equity below is never passed
    low: uint256 = ((b.config >> 184) & MASK_16) * 10**13
    high: uint256 = ((b.config >> 200) & MASK_16) * 10**13
    s.rate = low + unsafe_div((high - low) * (s.maintenance - s.equity), s.maintenance)
    gross: uint256 = s.others.gross + convert(abs(notional), uint256)
    s.rate = min(s.rate, unsafe_div(s.equity * PENALTY_EQUITY_SHARE, gross))
    return s


@internal
@view
def _slice(s: Subject, taken: uint256, b: ledger.Book) -> (uint256, uint256):
    """
    @notice Penalty of a slice and the maintenance margin after it, quote WAD.
    @dev The penalty is never more than a share of the equity in proportion to the margin that the slice frees, so that
         health rises with every slice that lowers the margin.
    """
    after: int256 = (
        s.leg.size - convert(taken, int256)
        if s.leg.size > 0
        else s.leg.size + convert(taken, int256)
    )
    maintenance: uint256 = 0
    ignored: uint256 = 0
    maintenance, ignored = valuation._margin(
        s.others, b.market, ledger._notional(after, s.price), WAD
    )
    if maintenance >= s.maintenance:
        return 0, maintenance
    # rounds up, against the account ...
    penalty: uint256 = ledger._ceil_div(taken * s.price * s.rate, WAD * WAD)
    # ... but down where its equity bounds it
    most: uint256 = (
        unsafe_div(s.equity * PENALTY_EQUITY_SHARE, WAD)
        * (s.maintenance - maintenance) // s.maintenance
    )
    return min(penalty, most), maintenance


@internal
@view
def _check_after(s: Subject, taken: uint256, equity: uint256, maintenance: uint256, b: ledger.Book):
    """
    @notice The slice was right: health has risen, and no more was taken than needed (LIQ-2).
    @param equity The account's equity after everything it was charged, a gain against the mark left out.
    @param maintenance Its maintenance margin after the slice.
    """
    whole: uint256 = convert(abs(s.leg.size), uint256)
    minimum: uint256 = ((b.config >> 96) & MASK_32) * 10**16
    if taken != whole and ledger._ceil_div(unsafe_mul(whole - taken, s.price), WAD) < minimum:
        refusal._because(refusal.LIQUIDATION_LEAVES_TOO_LITTLE)
    if maintenance != 0 and equity * s.maintenance <= s.equity * maintenance:
        refusal._because(refusal.LIQUIDATION_HEALTH_MUST_RISE)
    if equity * WAD > TAU * maintenance:
        if taken != whole:
            refusal._because(refusal.LIQUIDATION_SLICE_TOO_LARGE)
        # the whole may go if reaching TAU would leave less than the minimum size ...
        least: uint256 = ledger._ceil_div(minimum * WAD, s.price)
        if whole > least:
            penalty: uint256 = 0
            margin_then: uint256 = 0
            penalty, margin_then = self._slice(s, whole - least, b)
            if (s.equity - penalty) * WAD > TAU * margin_then:
                # ... or if no partial slice lowers the margin: it is convex in the slice, so a small one tells for all
                penalty, margin_then = self._slice(s, max(1, whole // PROBE), b)
                if margin_then < s.maintenance:
                    refusal._because(refusal.LIQUIDATION_SLICE_TOO_LARGE)


@internal
def _takeover(account: uint256, market: uint256, size: uint256, liquidator: uint256):
    """
    @notice The liquidator's account takes `size` at the mark.
    """
    if not accounts._acts_for(liquidator, msg.sender):
        refusal._because(refusal.LIQUIDATION_NOT_YOUR_ACCOUNT)
    self._seize(account, market, size, liquidator, 0, False, 0, False, empty(bytes32))


@internal
def _takeover_by_order(
    order: IMarginEngine.Order,
    signature: Bytes[65],
    account: uint256,
    size: uint256,
    keeper: uint256,
):
    """
    @notice Close a slice against a signed order at a price no worse for the account than a takeover now.
    """
    if keeper == account or keeper == order.account:
        refusal._because(refusal.LIQUIDATION_KEEPER_TAKES_PART)
    if accounts._owner_of(keeper) == empty(address):
        refusal._because(refusal.LIQUIDATION_KEEPER_HAS_NO_OWNER)
    order_hash: bytes32 = orders._take(order, signature, size)
    price: uint256 = order.price
    if price == 0:
        refusal._because(refusal.TRADING_PRICE_OUTSIDE_BAND)
    self._seize(
        account,
        convert(order.market, uint256),
        size,
        order.account,
        price,
        order.size > 0,
        keeper,
        order.reduce_only,
        order_hash,
    )


@internal
def _seize(
    account: uint256,
    market: uint256,
    size: uint256,
    target: uint256,
    price: uint256,
    buys: bool,
    keeper: uint256,
    reduce_only: bool,
    order_hash: bytes32,
):
    """
    @notice Move a slice from an account below its maintenance margin to `target`.
    @param price The order's price; 0: what the account is judged at, and `target` is the liquidator.
    """
    if account == target:
        refusal._because(refusal.LIQUIDATION_SAME_ACCOUNT)
    quotes: uint256[16] = trading._quotes(market, account, target)
    b: ledger.Book = trading._book_at_mark(market, quotes)
    s: Subject = self._subject(account, size, b, quotes)
    change: int256 = convert(size, int256) if s.leg.size < 0 else -convert(size, int256)
    side: trading.Side = empty(trading.Side)
    side.account = target
    side.change = -change
    side.liquidator = price == 0
    side.reduce_only = reduce_only
    penalty: uint256 = 0
    maintenance: uint256 = 0
    penalty, maintenance = self._slice(s, size, b)
    to_worker: uint256 = unsafe_div(penalty * LIQUIDATOR_SHARE, WAD)
    loss: uint256 = 0
    gain: uint256 = 0
    at: uint256 = s.price if price == 0 else price
    if at != b.price:
        # an order's price is bounded below, by the band
        slip: uint256 = unsafe_mul(size, max(at, b.price) - min(at, b.price))
        # a long sells: it loses below the mark; a short buys: it loses above
        if (at < b.price) == (s.leg.size > 0):
            loss = ledger._ceil_div(slip, WAD)
            side.gain = unsafe_div(slip, WAD)
        else:
            gain = unsafe_div(slip, WAD)
            side.loss = ledger._ceil_div(slip, WAD)
    if price != 0:
        if buys != (s.leg.size > 0):
            refusal._because(refusal.LIQUIDATION_ORDER_ON_WRONG_SIDE)
        trading._check_band(b, price)
        side.fee = trading._fee(b, size, price, 216)
        # the fund's part is not for sale: a loss comes out of what a liquidator would get; where the
        # reference feed's price is the better one for the account, only a takeover is
        if loss > to_worker or s.price != b.price:
            refusal._because(refusal.LIQUIDATION_WORSE_THAN_TAKEOVER)

    # the account's arrears come before everything else that its cash pays for
    cash: uint256 = s.wallet & MASK_104
    leg: ledger.Leg = ledger._with_gain(s.leg, convert(gain, int256))
    losses: uint256 = s.others.losses + trading._negative(leg.pnl)
    paid: uint256 = loss
    if leg.pnl < 0 and cash >= losses:
        arrears: uint256 = convert(-leg.pnl, uint256)
        paid += arrears
        cash = unsafe_sub(cash, arrears)
        losses = unsafe_sub(losses, arrears)
        leg.pnl = 0
    free: uint256 = cash - min(cash, losses)
    if loss > free:
        refusal._because(refusal.LIQUIDATION_LOSS_EXCEEDS_CASH)
    free -= loss
    cash -= loss
    penalty -= loss

    # to whoever did the work first, then to the fund; cash first, then claims in the same order
    if price != 0:
        to_worker = rewards._due(s.wallet, min(to_worker - loss, free))
        if to_worker != 0:
            s.wallet = rewards._stamp(s.wallet)
    to_fund: uint256 = penalty - to_worker
    cash_worker: uint256 = min(to_worker, free)
    cash_fund: uint256 = min(to_fund, free - cash_worker)
    leg.size += change
    ledger._store_leg(b, account, leg, ledger._with_cash(s.wallet, cash - cash_worker - cash_fund))
    if to_worker != cash_worker:
        to_worker = cash_worker + claims._assign(
            account, target, to_worker - cash_worker, quotes, 0
        )
    if to_fund != cash_fund:
        to_fund = cash_fund + claims._assign(account, FUND, to_fund - cash_fund, quotes, 0)
    equity: uint256 = s.equity - loss - to_worker - to_fund
    self._check_after(s, size, equity, maintenance, b)
    if s.wallet & ledger.DEADLINE != 0 and equity >= maintenance:
        # the margin call ends here (LIQ-1)
        ledger._set_wallet(account, ledger.wallets[account] & ~ledger.DEADLINE)

    if price == 0:
        side.credit = cash_worker
    else:
        ledger._credit(keeper, to_worker)
    done: trading.Done = trading._trade(b, side, quotes)
    book: uint256 = ledger._traded(
        b, done.long_change + max(s.leg.size + change, 0) - max(s.leg.size, 0), paid + done.paid
    )
    house: uint256 = trading._pay_house(cash_fund, done.fee)
    log IMarginEngine.TakenOver(
        account=account,
        target=target,
        order_hash=order_hash,
        keeper=keeper,
        market=market,
        size=change,
        price=price,
        to_worker=to_worker,
        to_fund=to_fund,
        house=house,
        book=book,
    )
