# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Claims
@license MIT
@notice Moving unpaid profit, with its reserve (LED-4), from one account to another.
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
            if (
                valuation._fresh(quote)
                if ledger._is_live(source, market)
                else not ledger._is_frozen(market)
            ):
                price: uint256 = quote & MASK_96
                leg: ledger.Leg = ledger._mark(source, market, price)
                if leg.pnl > 0:
                    part: uint256 = min(convert(leg.pnl, uint256), left)
                    reserve: uint256 = ledger._part_of_reserve(leg, part)
                    leg.pnl = unsafe_sub(leg.pnl, convert(part, int256))
                    leg.reserve = unsafe_sub(leg.reserve, reserve)
                    ledger._store_leg(
                        ledger._load_book(market, price), source, leg, ledger.wallets[source]
                    )
                    ledger._add_claim(target, market, part, reserve)
                    left = unsafe_sub(left, part)
        rest >>= 1
    return unsafe_sub(amount, left)
