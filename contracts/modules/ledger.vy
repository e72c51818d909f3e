# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Ledger
@license MIT
@notice All storage of the engine, packed by hand (LED-9), and the arithmetic of
        marking a position (LED-1, LED-2). Amounts are WAD (1e18), K is 1e36.
@custom:security Whatever writes here moves money. The bounds that make the products below safe:
        |basis|, OI < 2**103; A <= 1e18 < 2**60; |K0| <= 2**149; price <= 2**89, so |K| < 2**151
        and |basis| * |K - K_snap| < 2**103 * 2**152 = 2**255.
"""
from ..interfaces import IMarginEngine
from . import refusal

MARKETS: constant(uint256) = 16
MAX_HELD: constant(uint256) = 8
FUND: constant(uint256) = 1
TREASURY: constant(uint256) = 2
WAD: constant(uint256) = 10**18
A_ONE: constant(uint256) = 10**18
A_MIN: constant(uint256) = 10**15
K0_MAX: constant(int256) = 2**149

MASK_104: constant(uint256) = 2**104 - 1
MASK_152: constant(uint256) = 2**152 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_60: constant(uint256) = 2**60 - 1
MASK_20: constant(uint256) = 2**20 - 1
MASK_16: constant(uint256) = 2**16 - 1
LIMIT_103: constant(uint256) = 2**103

# account id => cash 104 | held markets 16 << 104 | last reward's time 32 << 120 | smallest valid salt 56 << 152
#   (48 bits free for a margin call's deadline and flags).
# The fund's word instead: cash 104 | held 16 << 104 | the treasury's cash 104 << 152 (one word, one write a fee).
wallets: HashMap[uint256, uint256]
# account id => two words a market:
#   snap   = basis int104 | A_snap 60 << 104 | epoch 20 << 164 (72 bits free for time and reserve)
#   profit = K_snap int152 | pnl int104 << 152
positions: HashMap[uint256, uint256[32]]
# four words a market:
#   long, short = K0 int152 | A 60 << 152 | epoch 20 << 212
#   book        = OI 104 | cash B 104 << 104 (48 bits free for premium and time)
#   config      = oi_cap 96 | min notional 32 << 96 (1e16) | max notional 40 << 128 (1e18) | band 16 << 168 (1e5)
#                 | penalty min 16 << 184, max 16 << 200 (1e5) | maker fee 16 << 216, taker fee 16 << 232 (1e6) | flags 4 << 248
#                 | guardian's halvings 4 << 252; flags: 1 listed, 2 reduce-only, 4 the guardian's reduce-only (8 is free)
books: uint256[64]
# epoch << 8 | market << 1 | is_long => K at which that side's epoch closed, 1e36
closing_k: HashMap[uint256, int256]
# quote WAD the fund owes a market's winners
shortfalls: uint256[16]
# quote WAD, sum of the above
total_shortfall: uint256
# what the fund may pay: cap 104 | available 104 << 104 | time 32 << 208
allowances: uint256[16]
# LIQ-5: minimum 64, cap 64 << 64 (1e9) | native price 64 << 128 (1e9) | gas units 24 << 192 | premium 16 << 216 (1e4) | interval 24 << 232
reward_rule: uint256
# the contract that holds the fund's account
fund: address
# who may stop new risk at once; zero: nobody
guardian: address
# order hash => size filled, WAD; 2**256 - 1: cancelled
filled: HashMap[bytes32, uint256]
# owner => operator => may trade for all the owner's accounts
operators: HashMap[address, HashMap[address, bool]]


# @notice One market as a call sees it: marked once, passed in memory.
struct Book:
    market: uint256
    # mark, WAD; 0 where the caller has none
    price: uint256
    long_a: uint256
    long_k0: int256
    short_a: uint256
    short_k0: int256
    epoch: uint256
    # size, WAD
    oi: uint256
    # quote, WAD
    cash: uint256
    # the configuration word; loaded by those who need it
    config: uint256


# ------------------------------------------------------------------ numbers


@internal
@pure
def _floor_div(n: int256, d: int256) -> int256:
    # rounds toward minus infinity; d > 0
    q: int256 = unsafe_div(n, d)
    if n < 0 and unsafe_mul(q, d) != n:
        return unsafe_sub(q, 1)
    return q


@internal
@pure
def _ceil_div(n: uint256, d: uint256) -> uint256:
    # rounds up; d > 0, n + d < 2**256
    return unsafe_div(unsafe_sub(unsafe_add(n, d), 1), d)


@internal
@pure
def _notional(size: int256, price: uint256) -> int256:
    # signed, magnitude rounded up: against the account. |size| < 2**103, price < 2**96
    n: int256 = convert(self._ceil_div(unsafe_mul(convert(abs(size), uint256), price), WAD), int256)
    return n if size >= 0 else -n


# -------------------------------------------------------------------- books


@internal
@view
def _is_listed(market: uint256) -> bool:
    return market < MARKETS and self.books[market * 4] != 0


@internal
@view
def _load_book(market: uint256, price: uint256) -> Book:
    at: uint256 = market * 4
    long: uint256 = self.books[at]
    short: uint256 = self.books[at + 1]
    book: uint256 = self.books[at + 2]
    return Book(
        market=market,
        price=price,
        long_a=(long >> 152) & MASK_60,
        long_k0=(convert(convert(long, bytes32), int256) << 104) >> 104,
        short_a=(short >> 152) & MASK_60,
        short_k0=(convert(convert(short, bytes32), int256) << 104) >> 104,
        epoch=long >> 212,
        oi=book & MASK_104,
        cash=(book >> 104) & MASK_104,
        config=0,
    )


@internal
def _store_side(b: Book, is_long: bool):
    k0: int256 = b.long_k0 if is_long else b.short_k0
    a: uint256 = b.long_a if is_long else b.short_a
    side: uint256 = (
        (b.epoch << 212) | (a << 152) | (convert(convert(k0, bytes32), uint256) & MASK_152)
    )
    self.books[b.market * 4 if is_long else b.market * 4 + 1] = side
    log IMarginEngine.SideUpdated(market=b.market, is_long=is_long, side=side)


@internal
def _write_book(market: uint256, oi: uint256, cash: uint256) -> uint256:
    """
    @notice Write a market's open interest and cash; no event.
    @return The word written.
    """
    if oi >= LIMIT_103 or cash >= LIMIT_103:
        refusal._because("ledger: market out of range")
    book: uint256 = (cash << 104) | oi
    self.books[market * 4 + 2] = book
    return book


@internal
def _store_book(market: uint256, oi: uint256, cash: uint256):
    log IMarginEngine.BookUpdated(market=market, book=self._write_book(market, oi, cash))


@internal
@view
def _cash_of(market: uint256) -> uint256:
    return (self.books[market * 4 + 2] >> 104) & MASK_104


@internal
def _write_cash(market: uint256, cash: uint256):
    """
    @notice Write a market's cash B; no event.
    """
    if cash >= LIMIT_103:
        refusal._because("ledger: market out of range")
    self.books[market * 4 + 2] = (cash << 104) | (self.books[market * 4 + 2] & MASK_104)


@internal
@pure
def _dust(config: uint256) -> uint256:
    """
    @notice Size below which a position is rounding, not a position (LED-8): 1e-16 of the open-interest cap.
    """
    return max(1, (config & MASK_96) // 10**16)


@internal
def _traded(b: Book, long_change: int256, cash_in: uint256) -> uint256:
    """
    @notice Write the book after a trade; with the last position gone both sides start afresh (LED-8).
    @return The book's word, for the caller's event.
    """
    after: Book = b
    # OI is never below either side's sum, so this cannot fail
    after.oi = convert(convert(b.oi, int256) + long_change, uint256)
    if after.oi < self._dust(b.config):
        if after.oi != 0:
            after = self._end(after)
        after.oi = 0
        after.long_a = A_ONE
        after.short_a = A_ONE
        after.long_k0 = 0
        after.short_k0 = 0
        if (
            b.long_a != A_ONE
            or b.short_a != A_ONE
            or b.long_k0 != 0
            or b.short_k0 != 0
            or after.epoch != b.epoch
        ):
            self._store_side(after, True)
            self._store_side(after, False)
    return self._write_book(b.market, after.oi, b.cash + cash_in)


@internal
def _end(b: Book) -> Book:
    """
    @notice Close the whole book at its mark: both epochs end (LED-8).
    @return The book afresh; the caller writes it.
    """
    long_k: int256 = b.long_k0 + convert(b.long_a * b.price, int256)
    short_k: int256 = b.short_k0 - convert(b.short_a * b.price, int256)
    self.closing_k[(b.epoch << 8) | (b.market << 1) | 1] = long_k
    self.closing_k[(b.epoch << 8) | (b.market << 1)] = short_k
    log IMarginEngine.BookEnded(market=b.market, epoch=b.epoch, long_k=long_k, short_k=short_k)
    after: Book = b
    after.epoch += 1
    after.long_a = A_ONE
    after.short_a = A_ONE
    after.long_k0 = 0
    after.short_k0 = 0
    after.oi = 0
    return after


# ---------------------------------------------------------------- positions


@internal
@view
def _value(account: uint256, market: uint256, price: uint256) -> (int256, int256):
    """
    @notice Live size and pnl of a leg marked at `price` (LED-2), or at the closing K of its ended epoch.
    @return Size (WAD, signed) and pnl (WAD, signed).
    """
    snap: uint256 = self.positions[account][market * 2]
    profit: int256 = convert(convert(self.positions[account][market * 2 + 1], bytes32), int256)
    pnl: int256 = profit >> 152
    if snap == 0:
        return 0, pnl
    basis: int256 = (convert(convert(snap, bytes32), int256) << 152) >> 152
    a_snap: uint256 = (snap >> 104) & MASK_60
    epoch: uint256 = (snap >> 164) & MASK_20
    is_long: bool = basis > 0
    side: uint256 = self.books[market * 4 if is_long else market * 4 + 1]
    size: int256 = 0
    k: int256 = 0
    if epoch == side >> 212:
        a: uint256 = (side >> 152) & MASK_60
        k = (convert(convert(side, bytes32), int256) << 104) >> 104
        move: int256 = convert(unsafe_mul(a, price), int256)
        k = unsafe_add(k, move) if is_long else unsafe_sub(k, move)
        # toward zero
        size = unsafe_div(unsafe_mul(basis, convert(a, int256)), convert(a_snap, int256))
    else:
        k = self.closing_k[(epoch << 8) | (market << 1) | convert(is_long, uint256)]
    # floor: against the account
    magnitude: int256 = basis if is_long else -basis
    moved: int256 = unsafe_mul(magnitude, unsafe_sub(k, (profit << 104) >> 104))
    return size, unsafe_add(pnl, self._floor_div(moved, convert(unsafe_mul(a_snap, WAD), int256)))


@internal
@view
def _is_live(account: uint256, market: uint256) -> bool:
    """
    @notice Whether the leg has a position in the running epoch (one whose price matters).
    """
    snap: uint256 = self.positions[account][market * 2]
    return snap != 0 and (snap >> 164) & MASK_20 == self.books[market * 4] >> 212


@internal
@view
def _live(account: uint256, held: uint256) -> uint256:
    """
    @notice Bitmap of the markets in `held` in which the account has a live position.
    """
    live: uint256 = 0
    rest: uint256 = held
    for market: uint256 in range(MARKETS):
        if rest == 0:
            break
        if rest & 1 == 1 and self._is_live(account, market):
            live |= 1 << market
        rest >>= 1
    return live


@internal
@pure
def _pack_leg(b: Book, size: int256, pnl: int256) -> (uint256, uint256):
    """
    @notice The two words of a leg re-snapped at the book's mark; in normal form.
    """
    snap: uint256 = 0
    k: int256 = 0
    # |K| < 2**151, see the head of this file
    if size > 0:
        snap = (b.epoch << 164) | (b.long_a << 104) | convert(size, uint256)
        k = unsafe_add(b.long_k0, convert(unsafe_mul(b.long_a, b.price), int256))
    elif size < 0:
        snap = (
            (b.epoch << 164)
            | (b.short_a << 104)
            | (convert(convert(size, bytes32), uint256) & MASK_104)
        )
        k = unsafe_sub(b.short_k0, convert(unsafe_mul(b.short_a, b.price), int256))
    return snap, self._pack_profit(k, pnl)


@internal
@pure
def _pack_profit(k: int256, pnl: int256) -> uint256:
    # of k the low 152 bits count
    if (pnl << 152) >> 152 != pnl:
        refusal._because("ledger: pnl out of range")
    return convert(convert(pnl << 152, bytes32), uint256) | (
        convert(convert(k, bytes32), uint256) & MASK_152
    )


@internal
@pure
def _with_held(wallet: uint256, market: uint256, holds: bool) -> uint256:
    bit: uint256 = 1 << (market + 104)
    return wallet | bit if holds else wallet & ~bit


@internal
def _store_leg(b: Book, account: uint256, size: int256, pnl: int256, wallet: uint256):
    """
    @notice Write a leg re-snapped at the book's mark, and its account's word with the held bit set right.
    @param wallet The account's word, with the cash it shall have.
    """
    snap: uint256 = 0
    profit: uint256 = 0
    snap, profit = self._pack_leg(b, size, pnl)
    after: uint256 = self._with_held(wallet, b.market, snap != 0 or pnl != 0)
    self.positions[account][b.market * 2] = snap
    self.positions[account][b.market * 2 + 1] = profit
    self.wallets[account] = after
    log IMarginEngine.PositionUpdated(
        account=account, market=b.market, snap=snap, profit=profit, wallet=after
    )


@internal
def _log_leg(account: uint256, market: uint256, wallet: uint256):
    log IMarginEngine.PositionUpdated(
        account=account,
        market=market,
        snap=self.positions[account][market * 2],
        profit=self.positions[account][market * 2 + 1],
        wallet=wallet,
    )


@internal
@view
def _recorded_pnl(account: uint256, market: uint256) -> int256:
    return convert(convert(self.positions[account][market * 2 + 1], bytes32), int256) >> 152


@internal
def _add_pnl(account: uint256, market: uint256, change: int256):
    """
    @notice Add to the recorded pnl of a leg, leaving its snap alone.
    """
    at: uint256 = market * 2 + 1
    word: int256 = convert(convert(self.positions[account][at], bytes32), int256)
    pnl: int256 = (word >> 152) + change
    self.positions[account][at] = self._pack_profit(word, pnl)
    wallet: uint256 = self._with_held(
        self.wallets[account], market, pnl != 0 or self.positions[account][market * 2] != 0
    )
    self.wallets[account] = wallet
    self._log_leg(account, market, wallet)


# ----------------------------------------------------------------- accounts


@internal
@pure
def _with_cash(wallet: uint256, cash: uint256) -> uint256:
    if cash >= LIMIT_103:
        refusal._because("ledger: cash out of range")
    return ((wallet >> 104) << 104) | cash


@internal
def _set_wallet(account: uint256, wallet: uint256):
    self.wallets[account] = wallet
    log IMarginEngine.AccountUpdated(account=account, wallet=wallet)


@internal
def _credit(account: uint256, amount: uint256):
    """
    @notice Add cash to an account's word.
    """
    if amount != 0:
        wallet: uint256 = self.wallets[account]
        self._set_wallet(account, self._with_cash(wallet, (wallet & MASK_104) + amount))


@internal
@pure
def _count(held: uint256) -> uint256:
    """
    @notice Number of set bits among the lowest sixteen.
    """
    x: uint256 = held - ((held >> 1) & 21_845)
    x = (x & 13_107) + ((x >> 2) & 13_107)
    x = (x + (x >> 4)) & 3_855
    return (x + (x >> 8)) & 31
