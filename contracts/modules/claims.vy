# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Claims
@license MIT
@notice Marking legs in storage and moving unpaid profit from one account to another.
@custom:security Moves pnl between accounts inside one market, so LED-5 holds whatever the amount.
"""
from . import ledger
from . import valuation

uses: ledger

MASK_96: constant(uint256) = 2**96 - 1
MASK_16: constant(uint256) = 2**16 - 1
MARKETS: constant(uint256) = 16


@internal
def _touch_leg(account: uint256, market: uint256, quote: uint256) -> (int256, bool):
    """
    @notice Mark one held leg in storage unless it is live without a fresh price.
    @return Its recorded pnl, and whether that may be paid or assigned.
    """
    size: int256 = 0
    pnl: int256 = 0
    snap: uint256 = ledger.positions[account][market * 2]
    if snap == 0:
        size, pnl = ledger._value(account, market, 0)
        return pnl, True
    if not valuation._fresh(quote) and ledger._is_live(account, market):
        return 0, False
    price: uint256 = quote & MASK_96
    size, pnl = ledger._value(account, market, price)
    ledger._store_leg(ledger._load_book(market, price), account, size, pnl, ledger.wallets[account])
    return pnl, True


@internal
def _assign(
    source: uint256, target: uint256, amount: uint256, quotes: uint256[16], skip: uint256
) -> uint256:
    """
    @notice Move up to `amount` of the source's claims to the target, lowest market first.
    @param skip Bitmap of markets to leave out.
    @return What was moved.
    """
    left: uint256 = amount
    rest: uint256 = ((ledger.wallets[source] >> 104) & MASK_16) & ~skip
    for market: uint256 in range(MARKETS):
        if rest == 0 or left == 0:
            break
        if rest & 1 == 1:
            pnl: int256 = 0
            payable_now: bool = False
            pnl, payable_now = self._touch_leg(source, market, quotes[market])
            if payable_now and pnl > 0:
                part: uint256 = min(convert(pnl, uint256), left)
                ledger._add_pnl(source, market, -convert(part, int256))
                ledger._add_pnl(target, market, convert(part, int256))
                left = unsafe_sub(left, part)
        rest >>= 1
    return unsafe_sub(amount, left)
