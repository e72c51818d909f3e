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
A_MIN: constant(uint256) = 10**15
K0_MAX: constant(int256) = 2**149
CHARGE_SHARE: constant(uint256) = 2
FUND: constant(uint256) = 1


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
        refusal._because("trading: market not listed")
    if keeper == account or accounts._owner_of(keeper) == empty(address):
        refusal._because("resolve: keeper unfit")
    quotes: uint256[16] = valuation._quotes((ledger.wallets[account] >> 104) & MASK_16)
    price: uint256 = valuation._price(quotes[market])
    if not valuation._fresh(quotes[market]) and ledger._is_live(account, market):
        refusal._because("trading: no fresh price")
    held: uint256 = 0
    changed: uint256 = 0
    size: int256 = 0
    pnl: int256 = 0
    held, changed, size, pnl = settlement._settle(account, quotes, market)
    wallet: uint256 = ledger.wallets[account]
    others: valuation.Legs = valuation._legs(
        account, ((wallet >> 104) & MASK_16) & ~(1 << market), quotes
    )
    equity: int256 = (
        convert((wallet & MASK_104) + others.gains, int256) - convert(others.losses, int256) + pnl
    )
    if equity > 0 or (equity == 0 and others.gross == 0 and size == 0):
        refusal._because("resolve: account is solvent")
    if pnl >= 0 and size == 0:
        refusal._because("resolve: nothing to do")

    loss: Loss = empty(Loss)
    allowance: uint256 = settlement._allowance(market)
    left: uint256 = min(ledger.wallets[FUND] & MASK_104, allowance)
    shortfall: uint256 = ledger.shortfalls[market]
    loss.covered = min(shortfall, left)
    left -= loss.covered
    if pnl < 0:
        missing: uint256 = convert(-pnl, uint256)
        pnl = 0
        # this market's part of the claims, so that nobody chooses which market they stand for; rounds down
        if others.gains != 0:
            loss.claims = claims._assign(
                account,
                FUND,
                others.gains * missing // (others.losses + missing),
                quotes,
                1 << market,
            )
        loss.paid = min(missing, left)
        left -= loss.paid
        missing -= loss.paid
        # claims worth more than the fund paid stand against a shortfall, not against others
        if loss.claims > loss.paid:
            loss.to_shortfall = min(missing, loss.claims - loss.paid)
            missing -= loss.to_shortfall
        if size == 0:
            loss.to_shortfall += missing
        else:
            loss.charged = missing
    b: ledger.Book = ledger._load_book(market, price)
    b.cash += loss.covered + loss.paid
    if size != 0:
        epoch: uint256 = b.epoch
        excess: uint256 = 0
        b, excess = self._close(b, size, loss.charged)
        loss.charged -= excess
        loss.to_shortfall += excess
        ledger._store_side(b, size < 0)
        if b.epoch != epoch:
            ledger._store_side(b, size > 0)
    ledger._store_book(market, b.oi, b.cash)
    if loss.to_shortfall != loss.covered:
        settlement._change_shortfall(market, loss.to_shortfall, loss.covered)

    wallet = ledger.wallets[account]
    loss.reward = rewards._due(wallet, left)
    if loss.reward != 0:
        wallet = rewards._stamp(wallet)
        ledger._credit(keeper, loss.reward)
    house: uint256 = ledger.wallets[FUND]
    if loss.covered + loss.paid + loss.reward != 0:
        house = settlement._draw(market, loss.covered + loss.paid + loss.reward, allowance)
    ledger._store_leg(b, account, 0, pnl, wallet)
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
        return ledger._end(after), excess
    after.oi = oi
    if hits_long:
        after.long_a = a_after
        after.long_k0 = k0
    else:
        after.short_a = a_after
        after.short_k0 = k0
    return after, excess
