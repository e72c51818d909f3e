# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Claims
@license MIT
@notice Moving unpaid profit from one account to another.
@custom:security Moves pnl between accounts inside one market, so LED-5 holds whatever the amount.
"""
from . import ledger
from . import valuation

uses: ledger

MASK_96: constant(uint256) = 2**96 - 1
MASK_16: constant(uint256) = 2**16 - 1
MARKETS: constant(uint256) = 16


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
            quote: uint256 = quotes[market]
            if valuation._fresh(quote) or not ledger._is_live(source, market):
                price: uint256 = quote & MASK_96
                size: int256 = 0
                pnl: int256 = 0
                size, pnl = ledger._value(source, market, price)
                if pnl > 0:
                    part: uint256 = min(convert(pnl, uint256), left)
                    change: int256 = convert(part, int256)
                    ledger._store_leg(
                        ledger._load_book(market, price),
                        source,
                        size,
                        pnl - change,
                        ledger.wallets[source],
                    )
                    ledger._add_pnl(target, market, change)
                    left = unsafe_sub(left, part)
        rest >>= 1
    return unsafe_sub(amount, left)
