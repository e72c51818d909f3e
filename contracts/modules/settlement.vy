# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Settlement
@license MIT
@notice Marking accounts, paying claims and arrears (LED-3), and the allowance of the fund (LIQ-4).
@custom:security Anyone may call for anyone: an account can lose nothing here but its own arrears.
"""
from ..interfaces import IMarginEngine
from . import claims
from . import ledger
from . import valuation

uses: claims
uses: ledger
uses: valuation

MASK_104: constant(uint256) = 2**104 - 1
MASK_16: constant(uint256) = 2**16 - 1
LIMIT_103: constant(uint256) = 2**103
MARKETS: constant(uint256) = 16
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
@view
def _is_account(account: uint256) -> bool:
    return account >> 96 != 0 or account == FUND


@internal
def _touch(account: uint256, quotes: uint256[16]) -> (uint256, uint256[16], uint256):
    """
    @notice Mark every leg that can be marked.
    @return Bitmap of legs that may be paid, arrears by market (quote WAD), their sum.
    """
    payable_legs: uint256 = 0
    arrears: uint256[16] = empty(uint256[16])
    total: uint256 = 0
    rest: uint256 = (ledger.wallets[account] >> 104) & MASK_16
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if rest & 1 == 1:
            pnl: int256 = 0
            payable_now: bool = False
            pnl, payable_now = claims._touch_leg(account, market, quotes[market])
            if not payable_now:
                pnl = convert(convert(ledger.positions[account][market * 2 + 1], bytes32), int256) >> 152
            elif pnl > 0:
                payable_legs |= 1 << market
            if pnl < 0:
                arrears[market] = convert(-pnl, uint256)
                total += convert(-pnl, uint256)
        rest >>= 1
    return payable_legs, arrears, total


@internal
def _move_cash(account: uint256, market: uint256, amount: uint256, to_account: bool):
    """
    @notice Pay a claim from the market's cash, or arrears into it. LED-5 holds for any amount.
    """
    wallet: uint256 = ledger.wallets[account]
    b: ledger.Book = ledger._load_book(market, 0)
    cash: uint256 = wallet & MASK_104
    if to_account:
        ledger.wallets[account] = ledger._with_cash(wallet, cash + amount)
        ledger._store_book(market, b.oi, b.cash - amount)
        ledger._add_pnl(account, market, -convert(amount, int256))
    else:
        ledger.wallets[account] = ledger._with_cash(wallet, cash - amount)
        ledger._store_book(market, b.oi, b.cash + amount)
        ledger._add_pnl(account, market, convert(amount, int256))


@internal
def _settle(account: uint256, quotes: uint256[16]):
    """
    @notice Touch, then claims from the markets' cash, then arrears from the account's (LED-3).
    """
    claims_map: uint256 = 0
    arrears: uint256[16] = empty(uint256[16])
    owed: uint256 = 0
    claims_map, arrears, owed = self._touch(account, quotes)
    for market: uint256 in range(MARKETS):
        if claims_map == 0:
            break
        if claims_map & 1 == 1:
            claim: uint256 = convert(
                convert(convert(ledger.positions[account][market * 2 + 1], bytes32), int256) >> 152, uint256
            )
            amount: uint256 = min(claim, (ledger.books[market * 4 + 2] >> 104) & MASK_104)
            if amount != 0:
                self._move_cash(account, market, amount, True)
        claims_map >>= 1
    if owed == 0:
        return
    cash: uint256 = ledger.wallets[account] & MASK_104
    covered: bool = cash >= owed
    for market: uint256 in range(MARKETS):
        if owed == 0 or cash == 0:
            break
        due: uint256 = arrears[market]
        if due != 0:
            # short of cash: pro rata, rounded down; the last one gets what is left
            amount: uint256 = due if covered else unsafe_div(cash * due, owed)
            if amount != 0:
                self._move_cash(account, market, amount, False)
            cash -= amount
            owed -= due


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
def _draw(market: uint256, amount: uint256):
    """
    @notice Take a payment of the fund from its cash and the market's allowance; both were checked to reach.
    """
    allowance: uint256 = self._allowance(market) - amount
    ledger.allowances[market] = (
        (ledger.allowances[market] & MASK_104) | (allowance << 104) | (block.timestamp << 208)
    )
    wallet: uint256 = ledger.wallets[FUND]
    ledger._set_wallet(FUND, ledger._with_cash(wallet, (wallet & MASK_104) - amount))
    log IMarginEngine.AllowanceUpdated(market=market, allowance=ledger.allowances[market])


@internal
@view
def _fund_can_pay(market: uint256) -> uint256:
    return min(ledger.wallets[FUND] & MASK_104, self._allowance(market))


@internal
def _set_shortfall(market: uint256, shortfall: uint256):
    before: uint256 = ledger.shortfalls[market]
    ledger.shortfalls[market] = shortfall
    ledger.total_shortfall = ledger.total_shortfall + shortfall - before
    log IMarginEngine.ShortfallUpdated(market=market, shortfall=shortfall)


@internal
def _cover(market: uint256) -> uint256:
    """
    @notice The fund pays a market's shortfall as far as cash and allowance reach.
    @return What it paid, quote WAD.
    """
    shortfall: uint256 = ledger.shortfalls[market]
    if shortfall == 0:
        return 0
    paid: uint256 = min(shortfall, self._fund_can_pay(market))
    if paid != 0:
        self._draw(market, paid)
        self._set_shortfall(market, shortfall - paid)
        b: ledger.Book = ledger._load_book(market, 0)
        ledger._store_book(market, b.oi, b.cash + paid)
        log IMarginEngine.ShortfallCovered(market=market, paid=paid)
    return paid
