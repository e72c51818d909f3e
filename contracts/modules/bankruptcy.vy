# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Bankruptcy
@license MIT
@notice Resolving a bankrupt account, one market a call (LIQ-4), and ending a book (LED-8).
@custom:security What others are charged is at most the loss plus dust. Nobody chooses who pays: the fund, the shortfall,
        then the whole other side by size.
"""
from ..interfaces import IMarginEngine
from . import accounts
from . import claims
from . import ledger
from . import refusal
from . import rewards
from . import settlement
from . import valuation

uses: claims
uses: ledger
uses: rewards
uses: settlement
uses: valuation

WAD: constant(uint256) = 10**18
MASK_104: constant(uint256) = 2**104 - 1
MASK_16: constant(uint256) = 2**16 - 1
A_ONE: constant(uint256) = 10**18
A_MIN: constant(uint256) = 10**12
K0_MAX: constant(int256) = 2**149
CHARGE_SHARE: constant(uint256) = 2
FUND: constant(uint256) = 1


# @notice How the arrears of one leg were met, quote WAD.
struct Loss:
    paid: uint256
    claims: uint256
    charged: uint256
    to_shortfall: uint256


@internal
def _resolve(account: uint256, market: uint256, keeper: uint256):
    """
    @notice Meet the arrears of one leg of a bankrupt account and close its position at the mark.
    """
    if market >= 16 or ledger.books[market * 4 + 3] == 0:
        refusal._because("trading: market not listed")
    if keeper == account or accounts._owner_of(keeper) == empty(address):
        refusal._because("resolve: keeper unfit")
    quotes: uint256[16] = settlement._account_quotes(account)
    settlement._settle(account, quotes)
    size: int256 = 0
    pnl: int256 = 0
    price: uint256 = valuation._price(quotes[market])
    size, pnl = ledger._value(account, market, price)
    if size != 0 and not valuation._fresh(quotes[market]):
        refusal._because("trading: no fresh price")
    wallet: uint256 = ledger.wallets[account]
    legs: valuation.Legs = valuation._legs(account, (wallet >> 104) & MASK_16, quotes)
    worth: uint256 = (wallet & MASK_104) + legs.gains
    if worth >= legs.losses and (worth != legs.losses or legs.gross == 0):
        refusal._because("resolve: account is solvent")
    if pnl >= 0 and size == 0:
        refusal._because("resolve: nothing to do")

    settlement._cover(market)
    loss: Loss = empty(Loss)
    if pnl < 0:
        arrears: uint256 = convert(-pnl, uint256)
        loss.claims = claims._assign(account, FUND, arrears, quotes, 1 << market)
        loss.paid = min(arrears, settlement._fund_can_pay(market))
        if loss.paid != 0:
            settlement._draw(market, loss.paid)
        left: uint256 = arrears - loss.paid
        # claims worth more than the fund paid stand against a shortfall, not against others
        if loss.claims > loss.paid:
            loss.to_shortfall = min(left, loss.claims - loss.paid)
        left -= loss.to_shortfall
        if size == 0:
            loss.to_shortfall += left
        else:
            loss.charged = left
        pnl = 0
    b: ledger.Book = ledger._load_book(market, price)
    b.cash += loss.paid
    if size != 0:
        excess: uint256 = 0
        b, excess = self._close(b, size, loss.charged)
        loss.charged -= excess
        loss.to_shortfall += excess
        ledger._store_sides(b)
    ledger._store_book(market, b.oi, b.cash)
    if loss.to_shortfall != 0:
        settlement._set_shortfall(market, ledger.shortfalls[market] + loss.to_shortfall)
    reward: uint256 = min(rewards._wanted(wallet), settlement._fund_can_pay(market))
    wallet = ledger.wallets[account]
    if reward != 0:
        wallet = rewards._stamp(wallet)
        settlement._draw(market, reward)
        ledger._credit(keeper, reward)
    ledger._store_leg(b, account, 0, pnl, wallet)
    log IMarginEngine.Resolved(
        account=account,
        market=market,
        keeper=keeper,
        size=-size,
        price=price,
        paid=loss.paid,
        claims=loss.claims,
        charged=loss.charged,
        to_shortfall=loss.to_shortfall,
        reward=reward,
    )


@internal
def _close(b: ledger.Book, size: int256, missing: uint256) -> (ledger.Book, uint256):
    """
    @notice Charge `missing` to the other side by size, then close `size` against it at the mark.
    @return The book after it, and the part of `missing` that was above the bound.
    """
    after: ledger.Book = b
    hits_long: bool = size < 0
    a: uint256 = b.long_a if hits_long else b.short_a
    excess: uint256 = 0
    charge: uint256 = 0
    if missing != 0:
        # rounds up: against those who are charged; missing < 2**103, A < 2**60
        charge = ledger._ceil_div(missing * (WAD * a), b.oi)
        most: uint256 = unsafe_div(a * b.price, CHARGE_SHARE)
        if charge > most:
            charge = most
            excess = missing - unsafe_div(charge * b.oi, WAD * a)
    oi: uint256 = b.oi - convert(abs(size), uint256)
    a_after: uint256 = unsafe_div(a * oi, b.oi)
    # K at the mark stays what it is after the charge
    step: int256 = convert((a - a_after) * b.price, int256)
    k0: int256 = 0
    if hits_long:
        after.long_k0 -= convert(charge, int256)
        k0 = after.long_k0 + step
    else:
        after.short_k0 -= convert(charge, int256)
        k0 = after.short_k0 - step
    if a_after < A_MIN or abs(k0) > K0_MAX:
        return self._end(after), excess
    after.oi = oi
    if hits_long:
        after.long_a = a_after
        after.long_k0 = k0
    else:
        after.short_a = a_after
        after.short_k0 = k0
    return after, excess


@internal
def _end(b: ledger.Book) -> ledger.Book:
    """
    @notice Close the whole book at its mark: both epochs end (LED-8).
    @return The book afresh.
    """
    long_k: int256 = b.long_k0 + convert(b.long_a * b.price, int256)
    short_k: int256 = b.short_k0 - convert(b.short_a * b.price, int256)
    ledger.closing_k[(b.epoch << 8) | (b.market << 1) | 1] = long_k
    ledger.closing_k[(b.epoch << 8) | (b.market << 1)] = short_k
    log IMarginEngine.BookEnded(market=b.market, epoch=b.epoch, long_k=long_k, short_k=short_k)
    after: ledger.Book = b
    after.epoch += 1
    after.long_a = A_ONE
    after.short_a = A_ONE
    after.long_k0 = 0
    after.short_k0 = 0
    after.oi = 0
    return after
