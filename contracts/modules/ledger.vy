# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Ledger
@license MIT
@notice All storage of the engine, packed by hand (LED-9), and the arithmetic of
        marking a position (LED-1, LED-2) and of its reserve (LED-4). Amounts are WAD (1e18), K is 1e36.
@custom:security Whatever writes here moves money. The bounds that make the products below safe:
        |basis|, OI < 2**103; A <= 1e18 < 2**60; |K0| <= 2**149; price <= 2**89, so |K| < 2**151
        and |basis| * |K - K_snap| < 2**103 * 2**152 = 2**255.
"""
from ..interfaces import IMarginEngine
from . import decay
from . import refusal

MARKETS: constant(uint256) = 16
WAD: constant(uint256) = 10**18
A_ONE: constant(uint256) = 10**18

MASK_184: constant(uint256) = 2**184 - 1
MASK_104: constant(uint256) = 2**104 - 1
MASK_152: constant(uint256) = 2**152 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_60: constant(uint256) = 2**60 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_20: constant(uint256) = 2**20 - 1
LIMIT_103: constant(uint256) = 2**103
# a reserve is stored as a fraction of pnl in units of one over this
RESERVE_UNIT: constant(uint256) = 2**40 - 1
# 1e-6 quote, WAD: what is left of a reserve then counts as matured
RESERVE_DUST: constant(uint256) = 10**12
FROZEN_FLAG: constant(uint256) = 8
# wallet bits
DEADLINE: constant(uint256) = (2**32 - 1) << 208
LOCKED: constant(uint256) = 1 << 240
# it has collateral in the vault; it has noted arrears (LIQ-7)
PLEDGED: constant(uint256) = 1 << 241
OVERDUE: constant(uint256) = 1 << 242

# account id => cash 104 | held markets 16 << 104 | last reward's time 32 << 120 | smallest valid salt 56 << 152
#   | margin call's deadline 32 << 208 | locked 1 << 240 | pledged 1 << 241 | overdue 1 << 242.
# The fund's word instead: cash 104 | held 16 << 104 | the treasury's cash 104 << 152 (one word, one write a fee).
wallets: HashMap[uint256, uint256]
# account id => two words a market:
#   snap   = basis int104 | A_snap 60 << 104 | epoch 20 << 164 | reserve's time 32 << 184 | reserve 40 << 216 (of pnl)
#   profit = K_snap int152 | pnl int104 << 152
positions: HashMap[uint256, uint256[32]]
# four words a market:
#   long, short = K0 int152 | A 60 << 152 | epoch 20 << 212 | tail 24 << 232
#       tail of long: crowding bucket 6 | minute of the last fold 18 << 6; of short: the bucket 6 | sync mark 18 << 6
#   book        = OI 104 | cash B 104 << 104 | tail 48 << 208: premium int32 | width 8 << 32 | wait 8 << 40
#   config      = oi_cap 96 | min notional 32 << 96 (1e16) | max notional 40 << 128 (1e18) | band 16 << 168 (1e5)
#                 | penalty min 16 << 184, max 16 << 200 (1e5) | maker fee 16 << 216, taker fee 16 << 232 (1e6) | flags 4 << 248
#                 | guardian's halvings 4 << 252; flags: 1 listed, 2 reduce-only, 4 the guardian's reduce-only, 8 frozen
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
# the contract that holds other collateral; zero: there is none (LIQ-7)
vault: address
# second at which an overdue account's arrears were noted
since: HashMap[uint256, uint256]
# what others paid for a locked account, quote WAD
debts: HashMap[uint256, uint256]
# takeovers of called accounts in the running window: size 104 | start 40 << 104 | share of the open interest 8 << 144 (16ths)
windows: uint256[16]
# five words a market whose book a resolve or a delisting has ended (LED-8):
#   until 40 | epoch 20 << 40; of the long and of the short side: size left 104 | A 60 << 104; what K of the long and of the
#   short side may still be charged, 1e36
freezes: uint256[80]
# a market's end: time 40 | done 1 << 40; zero: none announced (LIQ-9)
delistings: uint256[16]
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
    # the rest of the three words
    long_tail: uint256
    short_tail: uint256
    tail: uint256
    # 1: the sides' words have changed; 2: their minute is newer than in storage
    changed: uint256
    # the configuration word; loaded by those who need it
    config: uint256


# @notice A leg marked at a price.
struct Leg:
    # WAD, signed
    size: int256
    # quote WAD, signed
    pnl: int256
    # the part of it that is still maturing, quote WAD; twice as much is held back (LED-4)
    reserve: uint256


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
    # market < 16 where an array's bound is checked
    at: uint256 = unsafe_mul(market, 4)
    long: uint256 = self.books[at]
    short: uint256 = self.books[unsafe_add(at, 1)]
    book: uint256 = self.books[unsafe_add(at, 2)]
    return Book(
        market=market,
        price=price,
        long_a=(long >> 152) & MASK_60,
        long_k0=(convert(convert(long, bytes32), int256) << 104) >> 104,
        short_a=(short >> 152) & MASK_60,
        short_k0=(convert(convert(short, bytes32), int256) << 104) >> 104,
        epoch=(long >> 212) & MASK_20,
        oi=book & MASK_104,
        cash=(book >> 104) & MASK_104,
        long_tail=long >> 232,
        short_tail=short >> 232,
        tail=book >> 208,
        changed=0,
        config=0,
    )


@internal
def _store_side(b: Book, is_long: bool):
    k0: int256 = b.long_k0 if is_long else b.short_k0
    a: uint256 = b.long_a if is_long else b.short_a
    tail: uint256 = b.long_tail if is_long else b.short_tail
    side: uint256 = (
        (tail << 232)
        | (b.epoch << 212)
        | (a << 152)
        | (convert(convert(k0, bytes32), uint256) & MASK_152)
    )
    self.books[b.market * 4 if is_long else b.market * 4 + 1] = side
    log IMarginEngine.SideUpdated(market=b.market, is_long=is_long, side=side)


@internal
def _write_book(market: uint256, oi: uint256, cash: uint256, tail: uint256) -> uint256:
    """
    @notice Write a market's book; no event.
    @return The word written.
    """
    if oi >= LIMIT_103 or cash >= LIMIT_103:
        refusal._because(refusal.LEDGER_MARKET_OUT_OF_RANGE)
    book: uint256 = (tail << 208) | (cash << 104) | oi
    self.books[unsafe_add(unsafe_mul(market, 4), 2)] = book
    return book


@internal
def _store_book(b: Book):
    log IMarginEngine.BookUpdated(
        market=b.market, book=self._write_book(b.market, b.oi, b.cash, b.tail)
    )


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
        refusal._because(refusal.LEDGER_MARKET_OUT_OF_RANGE)
    self.books[market * 4 + 2] = (cash << 104) | (self.books[market * 4 + 2] & ~(MASK_104 << 104))


@internal
@pure
def _dust(config: uint256) -> uint256:
    """
    @notice Size below which a position is rounding, not a position (LED-8): 1e-16 of the open-interest cap.
    """
    return max(1, (config & MASK_96) // 10**16)


@internal
@pure
def _bucket(oi: uint256, config: uint256) -> uint256:
    """
    @notice How crowded a market is, in 64ths (MRG-5): 0 up to half the open-interest cap, 63 at the cap. Rounds down.
    """
    cap: uint256 = config & MASK_96
    # oi < 2**104
    twice: uint256 = unsafe_mul(oi, 2)
    if twice <= cap:
        return 0
    return min(63, unsafe_div(unsafe_mul(unsafe_sub(twice, cap), 64), cap))


@internal
@pure
def _crowding(tail: uint256) -> uint256:
    """
    @notice The crowding, WAD, of the market whose side has this tail.
    """
    return unsafe_add(WAD, unsafe_mul(tail & 63, WAD // 64))


@internal
@pure
def _crowded(b: Book) -> Book:
    """
    @notice The book with the bucket that its open interest asks for; the caller writes it.
    """
    after: Book = b
    bucket: uint256 = self._bucket(b.oi, b.config)
    if bucket != b.long_tail & 63:
        after.long_tail = (b.long_tail & ~convert(63, uint256)) | bucket
        after.short_tail = (b.short_tail & ~convert(63, uint256)) | bucket
        after.changed = 1
    return after


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
        elif b.long_a != A_ONE or b.short_a != A_ONE or b.long_k0 != 0 or b.short_k0 != 0:
            after.changed = 1
        after.oi = 0
        after.long_a = A_ONE
        after.short_a = A_ONE
        after.long_k0 = 0
        after.short_k0 = 0
        after.tail = (b.tail >> 32) << 32
    if self._bucket(after.oi, b.config) != after.long_tail & 63:
        after = self._crowded(after)
    # the minute counts only beside a premium
    if after.changed == 1 or (after.changed == 2 and after.tail & MASK_32 != 0):
        self._store_side(after, True)
        self._store_side(after, False)
    return self._write_book(b.market, after.oi, b.cash + cash_in, after.tail)


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
    after.tail = (b.tail >> 32) << 32
    after.changed = 1
    return after


# ---------------------------------------------------------------- positions


@internal
@view
def _measure(market: uint256, snap: uint256, profit: int256, price: uint256) -> (int256, int256):
    """
    @notice Live size and unmarked profit of a leg's two words at `price` (LED-2), or at the closing K of its ended epoch.
    @return Size (WAD, signed) and profit since the snapshot (WAD, signed).
    """
    a_snap: uint256 = (snap >> 104) & MASK_60
    if a_snap == 0:
        return 0, 0
    basis: int256 = (convert(convert(snap, bytes32), int256) << 152) >> 152
    epoch: uint256 = (snap >> 164) & MASK_20
    is_long: bool = basis > 0
    side: uint256 = self.books[unsafe_add(unsafe_mul(market, 4), 0 if is_long else 1)]
    size: int256 = 0
    k: int256 = 0
    if epoch == (side >> 212) & MASK_20:
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
    return size, self._floor_div(moved, convert(unsafe_mul(a_snap, WAD), int256))


@internal
@view
def _value(account: uint256, market: uint256, price: uint256) -> (int256, int256):
    """
    @notice Live size and pnl of a leg marked at `price`.
    @return Size (WAD, signed) and pnl (WAD, signed).
    """
    at: uint256 = unsafe_mul(market, 2)
    snap: uint256 = self.positions[account][at]
    profit: int256 = convert(convert(self.positions[account][unsafe_add(at, 1)], bytes32), int256)
    size: int256 = 0
    moved: int256 = 0
    size, moved = self._measure(market, snap, profit, price)
    return size, unsafe_add(profit >> 152, moved)


@internal
@view
def _mark(account: uint256, market: uint256, price: uint256) -> Leg:
    """
    @notice A leg marked at `price`, with the part of its pnl that has not matured (LED-4).
    """
    at: uint256 = unsafe_mul(market, 2)
    snap: uint256 = self.positions[account][at]
    profit: int256 = convert(convert(self.positions[account][unsafe_add(at, 1)], bytes32), int256)
    leg: Leg = Leg(size=0, pnl=profit >> 152, reserve=0)
    moved: int256 = 0
    leg.size, moved = self._measure(market, snap, profit, price)
    if snap >> 216 != 0:
        leg.reserve = self._unmatured(snap, leg.pnl)
    return self._with_gain(leg, moved)


@internal
@view
def _unmatured(snap: uint256, pnl: int256) -> uint256:
    """
    @notice What of a recorded pnl has not matured by now; pnl > 0 wherever there is a reserve. Rounds up.
    """
    # pnl * fraction < 2**143, reserve * decay < 2**168
    reserve: uint256 = self._ceil_div(unsafe_mul(convert(pnl, uint256), snap >> 216), RESERVE_UNIT)
    age: uint256 = block.timestamp - ((snap >> 184) & MASK_32)
    if age != 0:
        reserve = unsafe_add(unsafe_mul(reserve, decay._decay(age)), 2**64 - 1) >> 64
    return reserve if reserve > RESERVE_DUST else 0


@internal
@pure
def _with_gain(leg: Leg, gain: int256) -> Leg:
    """
    @notice A profit starts in the reserve, a loss eats the reserve first (LED-4).
    """
    if gain == 0:
        return leg
    after: Leg = leg
    after.pnl = unsafe_add(leg.pnl, gain)
    reserve: int256 = unsafe_add(convert(leg.reserve, int256), gain)
    if reserve <= 0 or after.pnl <= 0:
        after.reserve = 0
    else:
        after.reserve = convert(min(reserve, after.pnl), uint256)
    return after


@internal
@pure
def _part_of_reserve(leg: Leg, part: uint256) -> uint256:
    """
    @notice What of the reserve goes with `part` of a claim. Rounds up.
    """
    if leg.reserve == 0:
        return 0
    return self._ceil_div(unsafe_mul(leg.reserve, part), convert(leg.pnl, uint256))


@internal
@view
def _is_live(account: uint256, market: uint256) -> bool:
    """
    @notice Whether the leg has a position in the running epoch (one whose price matters).
    """
    snap: uint256 = self.positions[account][unsafe_mul(market, 2)]
    return (
        (snap >> 104) & MASK_60 != 0
        and (snap >> 164) & MASK_20 == (self.books[unsafe_mul(market, 4)] >> 212) & MASK_20
    )


@internal
@view
def _is_frozen(market: uint256) -> bool:
    """
    @notice Whether a resolve has ended the market's book and its claims wait (LED-8).
    """
    return (self.books[market * 4 + 3] >> 248) & FROZEN_FLAG != 0


@internal
@view
def _is_kept(account: uint256, market: uint256) -> bool:
    """
    @notice Whether the leg belongs to a frozen book: it is valued, but neither marked nor paid. Not asked of a live leg.
    """
    snap: uint256 = self.positions[account][market * 2]
    return (
        (snap >> 104) & MASK_60 != 0
        and self._is_frozen(market)
        and (snap >> 164) & MASK_20 == (self.freezes[market * 5] >> 40) & MASK_20
    )


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
@view
def _pack_leg(b: Book, leg: Leg) -> (uint256, uint256):
    """
    @notice The two words of a leg re-snapped at the book's mark; in normal form.
    """
    snap: uint256 = 0
    k: int256 = 0
    # |K| < 2**151, see the head of this file
    if leg.size > 0:
        snap = (b.epoch << 164) | (b.long_a << 104) | convert(leg.size, uint256)
        k = unsafe_add(b.long_k0, convert(unsafe_mul(b.long_a, b.price), int256))
    elif leg.size < 0:
        snap = (
            (b.epoch << 164)
            | (b.short_a << 104)
            | (convert(convert(leg.size, bytes32), uint256) & MASK_104)
        )
        k = unsafe_sub(b.short_k0, convert(unsafe_mul(b.short_a, b.price), int256))
    return snap | self._pack_reserve(leg.pnl, leg.reserve), self._pack_profit(k, leg.pnl)


@internal
@view
def _pack_reserve(pnl: int256, reserve: uint256) -> uint256:
    """
    @notice The reserve as a fraction of pnl, with the time of now, where they stand in a snap. Rounds up.
    """
    if reserve == 0:
        return 0
    # reserve <= pnl < 2**103
    fraction: uint256 = self._ceil_div(unsafe_mul(reserve, RESERVE_UNIT), convert(pnl, uint256))
    return (fraction << 216) | (block.timestamp << 184)


@internal
@view
def _pack_profit(k: int256, pnl: int256) -> uint256:
    # of k the low 152 bits count
    if (pnl << 152) >> 152 != pnl:
        refusal._because(refusal.LEDGER_PNL_OUT_OF_RANGE)
    return convert(convert(pnl << 152, bytes32), uint256) | (
        convert(convert(k, bytes32), uint256) & MASK_152
    )


@internal
@pure
def _with_held(wallet: uint256, market: uint256, holds: bool) -> uint256:
    bit: uint256 = 1 << (market + 104)
    return wallet | bit if holds else wallet & ~bit


@internal
def _store_leg(b: Book, account: uint256, leg: Leg, wallet: uint256):
    """
    @notice Write a leg re-snapped at the book's mark, and its account's word with the held bit set right.
    @param wallet The account's word, with the cash it shall have.
    """
    snap: uint256 = 0
    profit: uint256 = 0
    snap, profit = self._pack_leg(b, leg)
    after: uint256 = self._with_held(wallet, b.market, snap != 0 or leg.pnl != 0)
    at: uint256 = unsafe_mul(b.market, 2)
    self.positions[account][at] = snap
    self.positions[account][unsafe_add(at, 1)] = profit
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
def _add_claim(account: uint256, market: uint256, amount: uint256, reserve: uint256):
    """
    @notice Add a claim to the recorded pnl of a leg, with the part of it that has not matured; its position stays.
    """
    at: uint256 = market * 2
    snap: uint256 = self.positions[account][at]
    word: int256 = convert(convert(self.positions[account][at + 1], bytes32), int256)
    leg: Leg = Leg(size=0, pnl=word >> 152, reserve=0)
    if snap >> 216 != 0:
        leg.reserve = self._unmatured(snap, leg.pnl)
    leg.pnl += convert(amount, int256)
    leg.reserve = min(leg.reserve + reserve, convert(max(leg.pnl, 0), uint256))
    snap = (snap & MASK_184) | self._pack_reserve(leg.pnl, leg.reserve)
    self.positions[account][at] = snap
    self.positions[account][at + 1] = self._pack_profit(word, leg.pnl)
    wallet: uint256 = self._with_held(self.wallets[account], market, leg.pnl != 0 or snap != 0)
    self.wallets[account] = wallet
    self._log_leg(account, market, wallet)


# ----------------------------------------------------------------- accounts


@internal
@view
def _with_cash(wallet: uint256, cash: uint256) -> uint256:
    if cash >= LIMIT_103:
        refusal._because(refusal.LEDGER_CASH_OUT_OF_RANGE)
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
