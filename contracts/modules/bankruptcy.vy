# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Bankruptcy
@license MIT
@notice Resolving a bankrupt account, one market a call (LIQ-4), the lock until it is flat, and the freeze of a book that
        ends by it (LED-8).
@custom:security What others are charged is at most the loss plus dust. Nobody chooses who pays: the fund, the shortfall,
        then the whole other side by size.
"""
from ..interfaces import IMarginEngine
from . import accounts
from . import claims
from . import freezes
from . import ledger
from . import locks
from . import refusal
from . import rewards
from . import settlement
from . import valuation

uses: claims
uses: freezes
uses: ledger
uses: locks
uses: rewards
uses: settlement
uses: valuation

WAD: constant(uint256) = 10**18
MASK_104: constant(uint256) = 2**104 - 1
MASK_16: constant(uint256) = 2**16 - 1
A_MIN: constant(uint256) = 10**15
K0_MAX: constant(int256) = 2**149
CHARGE_SHARE: constant(uint256) = 2
FUND: constant(uint256) = 1
# a tenth of the maintenance margin
CRITICAL: constant(uint256) = 10
# a resolve's reward is at most this part of the notional it closes
REWARD_SHARE: constant(uint256) = 2_000


# @notice How the arrears of one leg were met, quote WAD.
struct Loss:
    # by the fund: the market's older shortfall, these arrears, the keeper's reward
    covered: uint256
    paid: uint256
    reward: uint256
    # the account's claims that went to the fund
    claims: uint256
    # to the other side, and what nobody pays yet
    charged: uint256
    to_shortfall: uint256


@internal
def _resolve(account: uint256, market: uint256, keeper: uint256):
    """
    @notice Meet the arrears of one leg of a bankrupt account and close its position at the mark.
    """
    if not ledger._is_listed(market):
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    if keeper == account or accounts._owner_of(keeper) == empty(address):
        refusal._because(refusal.RESOLVE_KEEPER_UNFIT)
    quotes: uint256[16] = valuation._quotes((ledger.wallets[account] >> 104) & MASK_16)
    price: uint256 = valuation._price(quotes[market])
    if not valuation._fresh(quotes[market]) and ledger._is_live(account, market):
        refusal._because(refusal.TRADING_NO_FRESH_PRICE)
    # a leg of a frozen book is taken out of it first, so that the account's own cash pays before others
    kept: bool = not ledger._is_live(account, market) and ledger._is_kept(account, market)
    ended: int256 = 0
    if kept:
        ended = freezes._leave(account, market)
    held: uint256 = 0
    changed: uint256 = 0
    leg: ledger.Leg = empty(ledger.Leg)
    held, changed, leg = settlement._settle(account, quotes, market)
    wallet: uint256 = ledger.wallets[account]
    held_others: uint256 = ((wallet >> 104) & MASK_16) & ~(1 << market)
    others: valuation.Legs = valuation._legs(account, held_others, quotes)
    b: ledger.Book = ledger._load_book(market, price)
    equity: int256 = (
        convert((wallet & MASK_104) + others.gains, int256)
        - convert(others.losses, int256)
        + leg.pnl
    )
    worth: uint256 = 0
    ignored: uint256 = 0
    worth, ignored = valuation._collateral(account, wallet)
    equity += convert(worth, int256)
    size: int256 = leg.size
    loss: Loss = empty(Loss)
    house: uint256 = 0
    if equity > 0 or (equity == 0 and others.gross == 0 and size == 0):
        if size == 0 or not self._is_critical(others, equity, market, size, price):
            refusal._because(refusal.RESOLVE_ACCOUNT_IS_SOLVENT)
        # nobody pays anything: the position is closed before it can cost others (LIQ-4)
        self._close_and_store(b, size)
    else:
        if leg.pnl >= 0 and size == 0:
            refusal._because(refusal.RESOLVE_NOTHING_TO_DO)
        # sold, or the fund's by now (LIQ-7)
        if wallet & ledger.PLEDGED != 0:
            refusal._because(refusal.RESOLVE_COLLATERAL_FIRST)
        allowance: uint256 = settlement._allowance(market)
        left: uint256 = min(ledger.wallets[FUND] & MASK_104, allowance)
        shortfall: uint256 = ledger.shortfalls[market]
        loss.covered = min(shortfall, left)
        left -= loss.covered
        others_paid: uint256 = 0
        if leg.pnl < 0:
            missing: uint256 = convert(-leg.pnl, uint256)
            leg.pnl = 0
            # this market's part of the claims, so that nobody chooses which market they stand for; rounds down
            if others.gains != 0:
                loss.claims = claims._assign(
                    account,
                    FUND,
                    others.gains * missing // (others.losses + missing),
                    quotes,
                    1 << market,
                )
            others_paid = missing - min(missing, loss.claims)
            loss.paid = min(missing, left)
            left -= loss.paid
            missing -= loss.paid
            # claims worth more than the fund paid stand against a shortfall, not against others
            if loss.claims > loss.paid:
                loss.to_shortfall = min(missing, loss.claims - loss.paid)
                missing -= loss.to_shortfall
            if missing != 0:
                excess: uint256 = missing
                if size != 0:
                    b, excess = self._charge(b, size < 0, missing)
                elif kept:
                    excess = freezes._charge(market, ended < 0, missing)
                loss.charged = missing - excess
                loss.to_shortfall += excess
        b.cash += loss.covered + loss.paid
        if size != 0:
            self._close_and_store(b, size)
        else:
            ledger._store_book(b)
        if loss.to_shortfall != loss.covered:
            settlement._change_shortfall(market, loss.to_shortfall, loss.covered)

        wallet = locks._lock(
            account,
            ledger.wallets[account],
            others_paid,
            others.losses != 0 or locks._is_tied(account, held_others, others.gains),
        )
        if size != 0:
            # rounds down; what is closed has to be worth the reward, or accounts would be made for it
            most: uint256 = convert(abs(size), uint256) * price // (WAD * REWARD_SHARE)
            loss.reward = rewards._due(wallet, min(left, most))
        if loss.reward != 0:
            wallet = rewards._stamp(wallet)
            ledger._credit(keeper, loss.reward)
        if loss.covered + loss.paid + loss.reward != 0:
            house = settlement._draw(market, loss.covered + loss.paid + loss.reward, allowance)
    if house == 0:
        house = ledger.wallets[FUND]
    leg.size = 0
    ledger._store_leg(b, account, leg, wallet)
    settlement._log(account, held & ~(1 << market), changed & ~(1 << market))
    log IMarginEngine.Resolved(
        account=account,
        market=market,
        keeper=keeper,
        size=-size,
        price=price,
        covered=loss.covered,
        paid=loss.paid,
        claims=loss.claims,
        charged=loss.charged,
        to_shortfall=loss.to_shortfall,
        reward=loss.reward,
        house=house,
        allowance=ledger.allowances[market],
    )


@internal
@view
def _is_critical(
    others: valuation.Legs, equity: int256, market: uint256, size: int256, price: uint256
) -> bool:
    """
    @notice Whether a solvent account is so near bankruptcy that a position may go against the other side (LIQ-4).
    """
    maintenance: uint256 = 0
    ignored: uint256 = 0
    maintenance, ignored = valuation._margin(others, market, ledger._notional(size, price), WAD)
    return convert(equity, uint256) * CRITICAL < maintenance


@internal
def _charge(b: ledger.Book, hits_long: bool, missing: uint256) -> (ledger.Book, uint256):
    """
    @notice Charge `missing` to one side by size.
    @return The book after it, and the part of `missing` that was above the bound.
    """
    after: ledger.Book = b
    a: uint256 = b.long_a if hits_long else b.short_a
    excess: uint256 = 0
    # rounds up: against those who are charged; missing < 2**103, A < 2**60
    charge: uint256 = ledger._ceil_div(missing * (WAD * a), b.oi)
    most: uint256 = unsafe_div(a * b.price, CHARGE_SHARE)
    if charge > most:
        charge = most
        excess = missing - unsafe_div(charge * b.oi, WAD * a)
    if hits_long:
        after.long_k0 -= convert(charge, int256)
    else:
        after.short_k0 -= convert(charge, int256)
    return after, excess


@internal
def _close_and_store(b: ledger.Book, size: int256):
    """
    @notice Close `size` against the whole other side at the mark, and write the book.
    """
    after: ledger.Book = self._close(b, size)
    ledger._store_side(after, size < 0)
    if after.changed != 0:
        ledger._store_side(after, size > 0)
    ledger._store_book(after)


@internal
def _close(b: ledger.Book, size: int256) -> ledger.Book:
    after: ledger.Book = b
    hits_long: bool = size < 0
    a: uint256 = b.long_a if hits_long else b.short_a
    oi: uint256 = b.oi - convert(abs(size), uint256)
    a_after: uint256 = unsafe_div(a * oi, b.oi)
    # K at the mark stays what it is
    step: int256 = convert((a - a_after) * b.price, int256)
    k0: int256 = b.long_k0 + step if hits_long else b.short_k0 - step
    if a_after < A_MIN or abs(k0) > K0_MAX:
        # the other side ends as large as it was
        freezes._freeze(b, b.oi if hits_long else oi, oi if hits_long else b.oi)
        return ledger._end(b)
    after.oi = oi
    if hits_long:
        after.long_a = a_after
        after.long_k0 = k0
    else:
        after.short_a = a_after
        after.short_k0 = k0
    return after
