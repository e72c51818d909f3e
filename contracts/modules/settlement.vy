# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Settlement
@license MIT
@notice Marking accounts, paying claims and arrears (LED-3), and the allowance of the fund (LIQ-4).
@custom:security Anyone may call for anyone: an account can lose nothing here but its own arrears.
"""
from ..interfaces import IMarginEngine
from . import ledger
from . import margin_calls
from . import refusal
from . import valuation

uses: ledger
uses: margin_calls
uses: valuation

MASK_104: constant(uint256) = 2**104 - 1
MASK_16: constant(uint256) = 2**16 - 1
MARKETS: constant(uint256) = 16
NO_MARKET: constant(uint256) = 16
FUND: constant(uint256) = 1
DAY: constant(uint256) = 86_400


@internal
@view
def _account_quotes(account: uint256) -> uint256[16]:
    """
    @notice Quotes of the markets in which the account is live; a flat account asks no oracle.
    """
    return valuation._quotes(ledger._live(account, (ledger.wallets[account] >> 104) & MASK_16))


@internal
def _touch(account: uint256, quotes: uint256[16]):
    """
    @notice Mark every leg that can be marked.
    """
    rest: uint256 = (ledger.wallets[account] >> 104) & MASK_16
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if rest & 1 == 1:
            if self._can_mark(account, market, quotes[market]):
                price: uint256 = valuation._price(quotes[market])
                ledger._store_leg(
                    ledger._load_book(market, price),
                    account,
                    ledger._mark(account, market, price),
                    ledger.wallets[account],
                )
        rest >>= 1
    margin_calls._clear_if_cured(account, quotes)


@internal
@view
def _can_mark(account: uint256, market: uint256, quote: uint256) -> bool:
    """
    @notice A live leg needs a fresh price; one of a frozen book waits.
    """
    if ledger._is_live(account, market):
        return valuation._fresh(quote)
    return not ledger._is_kept(account, market)


@internal
def _settle(
    account: uint256, quotes: uint256[16], focus: uint256
) -> (uint256, uint256, ledger.Leg):
    """
    @notice Mark what can be marked, then claims from the markets' cash, then arrears from the account's (LED-3).
            No events: the caller logs what it returns.
    @param focus A market whose leg the caller will write itself; NO_MARKET: none.
    @return Bitmaps of the legs that were held and of the markets whose cash changed; the leg in `focus`, settled but
            not written.
    """
    wallet: uint256 = ledger.wallets[account]
    held: uint256 = (wallet >> 104) & MASK_16
    cash: uint256 = wallet & MASK_104
    legs: ledger.Leg[16] = empty(ledger.Leg[16])
    # cash of the markets after this call, and which of them it changes
    backing: uint256[16] = empty(uint256[16])
    changed: uint256 = 0
    # live legs without a fresh price and legs of a frozen book: their snap is left alone
    dead: uint256 = 0
    owed: uint256 = 0
    rest: uint256 = held
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if rest & 1 == 1:
            leg: ledger.Leg = empty(ledger.Leg)
            if not self._can_mark(account, market, quotes[market]):
                dead |= 1 << market
                leg.pnl = ledger._recorded_pnl(account, market)
            else:
                leg = ledger._mark(account, market, valuation._price(quotes[market]))
                if leg.pnl > 0 and (leg.size != 0 or not ledger._is_frozen(market)):
                    b: uint256 = ledger._cash_of(market)
                    # as much again as has not matured stays: nothing is paid in a profit's first half-life (LED-4)
                    claim: uint256 = convert(leg.pnl, uint256)
                    amount: uint256 = min(claim - min(claim, 2 * leg.reserve), b)
                    if amount != 0:
                        changed |= 1 << market
                        backing[market] = b - amount
                        cash += amount
                        leg.pnl -= convert(amount, int256)
            if leg.pnl < 0:
                owed += convert(-leg.pnl, uint256)
            legs[market] = leg
        rest >>= 1

    covered: bool = cash >= owed
    rest = held
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if rest & 1 == 1:
            leg: ledger.Leg = legs[market]
            if leg.pnl < 0:
                arrears: uint256 = convert(-leg.pnl, uint256)
                # short of cash: pro rata, rounded down; the last one gets what is left
                amount: uint256 = arrears if covered else unsafe_div(cash * arrears, owed)
                if amount != 0:
                    changed |= 1 << market
                    backing[market] = ledger._cash_of(market) + amount
                    cash -= amount
                    leg.pnl += convert(amount, int256)
                owed -= arrears
                legs[market] = leg
            if market != focus:
                snap: uint256 = 0
                profit: uint256 = 0
                if (dead >> market) & 1 == 1:
                    snap = ledger.positions[account][market * 2]
                    profit = ledger._pack_profit(
                        convert(
                            convert(ledger.positions[account][market * 2 + 1], bytes32), int256
                        ),
                        leg.pnl,
                    )
                else:
                    snap, profit = ledger._pack_leg(
                        ledger._load_book(market, valuation._price(quotes[market])), leg
                    )
                ledger.positions[account][market * 2] = snap
                ledger.positions[account][market * 2 + 1] = profit
                wallet = ledger._with_held(wallet, market, snap != 0 or leg.pnl != 0)
            if (changed >> market) & 1 == 1:
                ledger._write_cash(market, backing[market])
        rest >>= 1
    ledger.wallets[account] = ledger._with_cash(wallet, cash)
    return held, changed, legs[focus] if focus != NO_MARKET else empty(ledger.Leg)


@internal
def _log(account: uint256, held: uint256, changed: uint256):
    """
    @notice Events for an account's legs and for markets' books, once each.
    """
    wallet: uint256 = ledger.wallets[account]
    rest: uint256 = held | changed
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if (held >> market) & 1 == 1:
            ledger._log_leg(account, market, wallet)
        if (changed >> market) & 1 == 1:
            log IMarginEngine.BookUpdated(market=market, book=ledger.books[market * 4 + 2])
        rest &= ~(1 << market)


# ---------------------------------------------------------------- allowance


@internal
@view
def _allowance(market: uint256) -> uint256:
    """
    @notice What the fund may pay for a market now, quote WAD: a bucket that refills over a day.
    """
    word: uint256 = ledger.allowances[market]
    cap: uint256 = word & MASK_104
    # rounds down
    refill: uint256 = cap * (block.timestamp - (word >> 208)) // DAY
    return min(cap, ((word >> 104) & MASK_104) + refill)


@internal
def _draw(market: uint256, amount: uint256, allowance: uint256) -> uint256:
    """
    @notice Take a payment of the fund from its cash and the market's allowance; both were checked to reach.
    @param allowance What the allowance is now.
    @return The fund's word.
    """
    ledger.allowances[market] = (
        (ledger.allowances[market] & MASK_104)
        | ((allowance - amount) << 104)
        | (block.timestamp << 208)
    )
    house: uint256 = ledger.wallets[FUND]
    house = ledger._with_cash(house, (house & MASK_104) - amount)
    ledger.wallets[FUND] = house
    return house


@internal
def _change_shortfall(market: uint256, more: uint256, less: uint256):
    shortfall: uint256 = ledger.shortfalls[market] + more - less
    ledger.shortfalls[market] = shortfall
    ledger.total_shortfall = ledger.total_shortfall + more - less
    log IMarginEngine.ShortfallUpdated(market=market, shortfall=shortfall)


@internal
def _cover(market: uint256) -> uint256:
    """
    @notice The fund pays a market's shortfall as far as cash and allowance reach.
    @return What it paid, quote WAD.
    """
    allowance: uint256 = self._allowance(market)
    paid: uint256 = min(ledger.shortfalls[market], min(ledger.wallets[FUND] & MASK_104, allowance))
    if paid == 0:
        refusal._because(refusal.COVER_NOTHING_TO_PAY)
    house: uint256 = self._draw(market, paid, allowance)
    log IMarginEngine.AccountUpdated(account=FUND, wallet=house)
    self._change_shortfall(market, 0, paid)
    ledger._write_cash(market, ledger._cash_of(market) + paid)
    log IMarginEngine.BookUpdated(market=market, book=ledger.books[market * 4 + 2])
    log IMarginEngine.ShortfallCovered(
        market=market, paid=paid, allowance=ledger.allowances[market]
    )
    return paid
