# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Collateral vault
@license MIT
@notice Collateral other than the quote token (LIQ-7): what an account has of it, what it counts for, and its sale for quote
        cash in a liquidation. The engine asks `worth`; everything here that depends on an account asks the engine.
@custom:security Tokens held equal tokens owed, per token, but for what is sent in unasked. A sale pays at least what the
        engine counted, so it never lowers an account's equity. Nothing that is deposited, and no token or feed that fails,
        stands in the way of a resolve: a deposit must leave the account above its maintenance margin, and what a bankrupt
        account has goes to the fund without calling the token. Tokens that change balances by themselves, or take a
        fee, are not for this vault: the first breaks the equality, of the second a deposit is refused.
"""
from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from snekmate.auth import ownable
from .interfaces import IAggregatorV3
from .interfaces import ICollateralVault
from .interfaces import IEngine
from .interfaces import IMarginEngine
from .interfaces import IPriceOracle

implements: ICollateralVault

initializes: ownable

# renounce_ownership is left out: haircuts and caps need an owner
exports: (ownable.owner, ownable.transfer_ownership)

TOKENS: constant(uint256) = 8
WAD: constant(uint256) = 10**18
FUND: constant(uint256) = 1
DAY: constant(uint256) = 86_400
# 1e5
HAIRCUT_MIN: constant(uint256) = 5_000
HAIRCUT_MAX: constant(uint256) = 95_000
HAIRCUT_STEP: constant(uint256) = 10_000
HAIRCUT_UNIT: constant(uint256) = 10**5
# a haircut times a share of it
DISCOUNT_UNIT: constant(uint256) = 10**23
# of MM, WAD: below it an account's collateral is for sale at once
PSI: constant(int256) = 7 * 10**17
# for so long after its deadline a margin call stands, and a sale after its opening
VOID: constant(uint256) = 3_600
SALE: constant(uint256) = 600
PATIENCE: constant(uint256) = 3_600
# for so long noted arrears stand
NOTED: constant(uint256) = 2 * 86_400

FRESH: constant(uint256) = 0
STALE: constant(uint256) = 1
DIVERGED: constant(uint256) = 2
MASK_96: constant(uint256) = 2**96 - 1
MASK_24: constant(uint256) = 2**24 - 1
MASK_8: constant(uint256) = 2**8 - 1

ENGINE: immutable(IEngine)
ORACLE: immutable(IPriceOracle)
QUOTE: immutable(IERC20)
# quote WAD per unit of the quote token
QUOTE_SCALE: immutable(uint256)

# the listed tokens; a token's index never changes
listed: DynArray[address, TOKENS]
# token => its index plus one; zero: not listed
places: HashMap[address, uint256]
# market 8 | decimals 8 << 8 | haircut before 24 << 16, after 24 << 40 | start of its move 40 << 64
configs: uint256[TOKENS]
# WAD of the token, what all accounts may have by deposits
caps: uint256[TOKENS]
# token units of all accounts, the fund's too
totals: uint256[TOKENS]
# account => token units
units: HashMap[uint256, uint256[TOKENS]]
# account => bit per token that it has
pledged: HashMap[uint256, uint256]
# account => second at which its last sale was opened
sales: HashMap[uint256, uint256]


@deploy
def __init__(engine_: address):
    """
    @notice The deployer owns it; no token is listed.
    @param engine_ The engine, which is told of the vault by `set_vault`.
    """
    ownable.__init__()
    ENGINE = IEngine(engine_)
    token: address = empty(address)
    oracle: address = empty(address)
    risk: address = empty(address)
    fund: address = empty(address)
    vault: address = empty(address)
    token, oracle, risk, fund, vault = staticcall ENGINE.addresses()
    ORACLE = IPriceOracle(oracle)
    QUOTE = IERC20(token)
    QUOTE_SCALE = 10**convert(18 - staticcall IERC20Detailed(token).decimals(), uint256)


# ----------------------------------------------------------- administration


@external
def list_token(token: address, market: uint256, haircut: uint256, cap: uint256):
    """
    @notice Take a token as collateral from now on. For the owner.
    @param token ERC-20 with at most 18 decimals, without a fee on transfer, whose balances change by transfers alone.
    @param market The oracle's market that prices it; it need not be listed in the engine.
    @param haircut What its value is cut by, 1e5, 5,000 to 95,000, at least the move that the feed may make at once.
    @param cap What all accounts may have of it by deposits, WAD of the token.
    """
    ownable._check_owner()
    assert token != QUOTE.address, "vault: the quote token"
    assert self.places[token] == 0, "vault: token is listed"
    assert len(self.listed) < TOKENS, "vault: too many tokens"
    decimals: uint256 = convert(staticcall IERC20Detailed(token).decimals(), uint256)
    assert decimals <= 18, "vault: too many decimals"
    assert self._quote(market) >> 192 == FRESH, "vault: no fresh price"
    self._check_haircut(market, haircut)
    self._check_cap(market, cap)
    index: uint256 = len(self.listed)
    self.listed.append(token)
    self.places[token] = index + 1
    self.configs[index] = (
        market | decimals << 8 | haircut << 16 | haircut << 40 | block.timestamp << 64
    )
    self.caps[index] = cap
    log ICollateralVault.TokenListed(
        token=token, index=index, market=market, decimals=decimals, haircut=haircut, cap=cap
    )


@external
def set_cap(token: address, cap: uint256):
    """
    @notice Change what all accounts may have of a token by deposits; what they have stays. For the owner; the engine's guardian
            may lower it, to zero too.
    @param token The token.
    @param cap WAD of the token.
    """
    index: uint256 = self._index(token)
    if msg.sender != ownable.owner:
        assert msg.sender == staticcall ENGINE.guardian(), "vault: not owner nor guardian"
        assert cap <= self.caps[index], "vault: guardian only tightens"
    if cap != 0:
        self._check_cap(self.configs[index] & MASK_8, cap)
    self.caps[index] = cap
    log ICollateralVault.CapUpdated(token=token, cap=cap)


@external
def set_haircut(token: address, haircut: uint256):
    """
    @notice Move a token's haircut, linearly between a day and two days from now: nobody is surprised. For the owner.
    @param token The token.
    @param haircut 1e5, at most 10,000 from the one before.
    """
    ownable._check_owner()
    index: uint256 = self._index(token)
    word: uint256 = self.configs[index]
    before: uint256 = (word >> 40) & MASK_24
    start: uint256 = word >> 64
    assert (
        (word >> 16) & MASK_24 == before or block.timestamp >= start + DAY
    ), "vault: haircut is moving"
    self._check_haircut(word & MASK_8, haircut)
    assert (
        max(haircut, before) - min(haircut, before) <= HAIRCUT_STEP
    ), "vault: haircut step too large"
    start = block.timestamp + DAY
    self.configs[index] = (word & (2**16 - 1)) | before << 16 | haircut << 40 | start << 64
    log ICollateralVault.HaircutChanged(
        token=token, haircut_from=before, haircut_to=haircut, start=start, end=start + DAY
    )


@internal
@view
def _check_haircut(market: uint256, haircut: uint256):
    assert haircut >= HAIRCUT_MIN and haircut <= HAIRCUT_MAX, "vault: haircut out of range"
    # between a margin call and the sale the price may make the feed's jump
    assert haircut * 10**7 >= staticcall ORACLE.gap(market), "vault: haircut below the gap"


@internal
@view
def _check_cap(market: uint256, cap: uint256):
    # at the highest price the feed may name: no product overflows (LED-9)
    ceiling: uint256 = (staticcall ORACLE.feed(market)).ceiling
    assert cap >= 1 and cap < 2**160 and cap << ceiling <= WAD << 100, "vault: cap out of range"


# ------------------------------------------------------------------- owners


@external
def deposit(account: uint256, token: address, amount: uint256):
    """
    @notice Bring collateral, for the account's owner or operator. An account that holds anything must be above its maintenance
            margin with it.
    @param account The account.
    @param token A listed token.
    @param amount Token units, taken from the caller.
    """
    index: uint256 = self._index(token)
    owner: address = convert(account >> 96, address)
    assert owner != empty(address) and (
        msg.sender == owner or staticcall ENGINE.is_operator(owner, msg.sender)
    ), "vault: not your account"
    assert amount != 0, "vault: amount is zero"
    wallet: IMarginEngine.WalletState = staticcall ENGINE.wallet(account)
    assert not wallet.locked, "vault: account is locked"
    word: uint256 = self.configs[index]
    assert self._quote(word & MASK_8) >> 192 == FRESH, "vault: no fresh price"
    assert (
        amount < 2**160 and (self.totals[index] + amount) * self._scale(word) <= self.caps[index]
    ), "vault: above the cap"

    before: uint256 = staticcall IERC20(token).balanceOf(self)
    assert extcall IERC20(token).transferFrom(
        msg.sender, self, amount, default_return_value=True
    ), "vault: transfer failed"
    assert staticcall IERC20(token).balanceOf(self) == before + amount, "vault: token takes a fee"

    self.totals[index] += amount
    balance: uint256 = self.units[account][index] + amount
    self.units[account][index] = balance
    if self.pledged[account] == 0:
        extcall ENGINE.mark_collateral(account, True)
    self.pledged[account] |= 1 << index
    if wallet.held != 0:
        h: IMarginEngine.Health = staticcall ENGINE.health(account)
        assert h.equity >= convert(h.maintenance, int256), "vault: below maintenance margin"
    log ICollateralVault.CollateralDeposited(
        account=account, token=token, sender=msg.sender, amount=amount, balance=balance
    )


@external
def withdraw(account: uint256, token: address, amount: uint256, receiver: address):
    """
    @notice Take collateral out, for the account's owner. None leaves while the account has arrears; one with a live
            position keeps its initial margin. A flat account asks no oracle (LED-6).
    @param account The account.
    @param token The token.
    @param amount Token units.
    @param receiver Who gets them.
    """
    index: uint256 = self._index(token)
    assert (
        account >> 96 != 0 and msg.sender == convert(account >> 96, address)
    ), "vault: not your account"
    wallet: IMarginEngine.WalletState = staticcall ENGINE.wallet(account)
    assert not wallet.locked, "vault: account is locked"
    assert wallet.since == 0, "vault: account has arrears"
    balance: uint256 = self._lower(account, index, amount)
    if wallet.held != 0:
        h: IMarginEngine.Health = staticcall ENGINE.health(account)
        assert h.cash >= h.losses, "vault: account has arrears"
        if h.gross != 0 or h.blind != 0:
            assert h.blind == 0, "vault: a leg is not fresh"
            assert h.initial_equity >= convert(h.initial, int256), "vault: below initial margin"
    log ICollateralVault.CollateralWithdrawn(
        account=account, token=token, receiver=receiver, amount=amount, balance=balance
    )
    self._send(token, amount, receiver)


@external
def withdraw_fund(token: address, amount: uint256, receiver: address):
    """
    @notice Take out what the fund has got from bankrupt accounts, if nobody buys it. For the owner.
    @param token The token.
    @param amount Token units.
    @param receiver Who gets them.
    """
    ownable._check_owner()
    index: uint256 = self._index(token)
    balance: uint256 = self._lower(FUND, index, amount)
    log ICollateralVault.CollateralWithdrawn(
        account=FUND, token=token, receiver=receiver, amount=amount, balance=balance
    )
    self._send(token, amount, receiver)


# -------------------------------------------------------------- liquidation


@external
def open_sale(account: uint256):
    """
    @notice Start the clock of a sale: its discount grows, and ten minutes later what a bankrupt account still has may be
            seized. For anyone.
    @param account An account whose collateral is for sale because of its margin.
    """
    assert self.pledged[account] != 0 and account != FUND, "vault: nothing to sell"
    assert self._elapsed(account) == max_value(uint256), "vault: sale is open"
    h: IMarginEngine.Health = staticcall ENGINE.health(account)
    wallet: IMarginEngine.WalletState = staticcall ENGINE.wallet(account)
    assert self._is_liquidatable(h, wallet), "vault: not for sale"
    self.sales[account] = block.timestamp
    log ICollateralVault.SaleOpened(account=account, time=block.timestamp)


@external
def close_sale(account: uint256):
    """
    @notice End a sale whose account has recovered, so that the next one begins anew. For anyone.
    @param account An account whose collateral is not for sale because of its margin.
    """
    assert self._elapsed(account) != max_value(uint256), "vault: no sale is open"
    h: IMarginEngine.Health = staticcall ENGINE.health(account)
    wallet: IMarginEngine.WalletState = staticcall ENGINE.wallet(account)
    assert not self._is_liquidatable(h, wallet), "vault: still for sale"
    self.sales[account] = 0
    log ICollateralVault.SaleClosed(account=account)


@external
def buy(
    account: uint256, token: address, amount: uint256, limit: uint256, receiver: address
) -> uint256:
    """
    @notice Buy collateral that is for sale, at a discount that grows with the account's shortfall and with time; the quote cash
            pays its arrears, what is left stays in the account. For anyone.
    @param account The account; 1 for what the fund has got.
    @param token The token.
    @param amount Token units, at most what the account needs to sell.
    @param limit The most to pay, quote token units.
    @param receiver Who gets the tokens.
    @return What it cost, quote token units, taken from the caller.
    """
    index: uint256 = self._index(token)
    assert amount != 0, "vault: amount is zero"
    if account != FUND:
        extcall ENGINE.settle(account)
    need: uint256 = 0
    share: uint256 = 0
    need, share = self._terms(account)
    assert need != 0, "vault: not for sale"
    rate: uint256 = self._rate(index, share)
    assert amount <= self.units[account][index], "vault: above the balance"
    assert amount == 1 or (amount - 1) * rate // 10**41 < need, "vault: more than is needed"
    # rounds up, twice: against the buyer
    cost: uint256 = self._ceil_div(self._ceil_div(amount * rate, 10**41), QUOTE_SCALE)
    assert cost <= limit, "vault: above the limit"

    assert extcall QUOTE.transferFrom(
        msg.sender, self, cost, default_return_value=True
    ), "vault: transfer failed"
    assert extcall QUOTE.approve(
        ENGINE.address, cost, default_return_value=True
    ), "vault: transfer failed"
    extcall ENGINE.deposit(account, cost)
    balance: uint256 = self._lower(account, index, amount)
    if account != FUND:
        extcall ENGINE.settle(account)
    log ICollateralVault.CollateralSold(
        account=account,
        token=token,
        buyer=msg.sender,
        receiver=receiver,
        amount=amount,
        paid=cost,
        balance=balance,
    )
    self._send(token, amount, receiver)
    return cost


@external
def seize(account: uint256, token: address):
    """
    @notice Move what a bankrupt account has of a token to the fund, at value zero, when it is unsold ten minutes after its sale
            was opened. Neither token nor feed is asked, so none that fails can stop it. For anyone.
    @param account The account.
    @param token The token.
    """
    index: uint256 = self._index(token)
    h: IMarginEngine.Health = staticcall ENGINE.health(account)
    assert h.equity < 0 or (h.equity == 0 and h.gross != 0), "vault: account is solvent"
    elapsed: uint256 = self._elapsed(account)
    assert elapsed >= SALE and elapsed != max_value(uint256), "vault: sale is running"
    amount: uint256 = self.units[account][index]
    self._lower(account, index, amount)
    self.totals[index] += amount
    balance: uint256 = self.units[FUND][index] + amount
    self.units[FUND][index] = balance
    log ICollateralVault.CollateralSeized(
        account=account, token=token, amount=amount, balance=balance
    )


# -------------------------------------------------------------------- views


@external
@view
@reentrant
def engine() -> address:
    """
    @notice The engine this vault is for.
    @return Its address.
    """
    return ENGINE.address


@external
@view
@reentrant
def worth(account: uint256) -> (uint256, uint256):
    """
    @notice What an account's collateral counts for. Without the lock: the engine asks in the midst of calls of the vault, which
            writes what an account has before it calls.
    @param account The account.
    @return In its maintenance equity: at the last good price of a feed that is not fresh, for a day; quote WAD.
    @return In its initial equity: fresh feeds only.
    """
    rest: uint256 = self.pledged[account]
    if rest == 0 or account >> 96 == 0:
        return 0, 0
    mask: uint256 = 0
    for index: uint256 in range(TOKENS):
        if (rest >> index) & 1 == 1:
            mask |= 1 << (self.configs[index] & MASK_8)
    quotes: uint256[16] = staticcall ORACLE.quotes(mask)
    total: uint256 = 0
    counted: uint256 = 0
    for index: uint256 in range(TOKENS):
        if (rest >> index) & 1 == 1:
            word: uint256 = self.configs[index]
            market: uint256 = word & MASK_8
            # rounds down; see `_check_cap` for the bound
            haircut: uint256 = self._haircut(word)
            value: uint256 = (
                self.units[account][index]
                * self._scale(word)
                * self._price(market, quotes[market], haircut)
                * (HAIRCUT_UNIT - haircut) // 10**23
            )
            total += value
            if quotes[market] >> 192 == FRESH:
                counted += value
    return total, counted


@external
@view
def terms(account: uint256) -> (uint256, uint256):
    """
    @notice Whether an account's collateral is for sale, and how.
    @param account The account; 1 for the fund's.
    @return Quote WAD that may be raised; zero: it is not for sale.
    @return The discount as a share of the haircut, WAD.
    """
    return self._terms(account)


@external
@view
def cost(account: uint256, token: address, amount: uint256) -> uint256:
    """
    @notice What `buy` would take now from the buyer, as long as `amount` is not too much.
    @param account The account.
    @param token The token, its feed fresh or diverged.
    @param amount Token units.
    @return Quote token units.
    """
    need: uint256 = 0
    share: uint256 = 0
    need, share = self._terms(account)
    rate: uint256 = self._rate(self._index(token), share)
    assert amount < 2**96, "vault: above the balance"
    return self._ceil_div(self._ceil_div(amount * rate, 10**41), QUOTE_SCALE)


@external
@view
def balances(account: uint256) -> uint256[TOKENS]:
    """
    @notice What an account has.
    @param account The account; 1 for the fund's.
    @return Token units at each token's index.
    """
    return self.units[account]


@external
@view
def sale_opened(account: uint256) -> uint256:
    """
    @notice When an account's last sale was opened; it is void an hour later.
    @param account The account.
    @return Second; zero: never.
    """
    return self.sales[account]


@external
@view
def tokens() -> DynArray[address, TOKENS]:
    """
    @notice The listed tokens.
    @return Addresses, by index.
    """
    return self.listed


@external
@view
def token_state(token: address) -> ICollateralVault.TokenState:
    """
    @notice A token as it is listed.
    @param token The token.
    @return See `TokenState`.
    """
    index: uint256 = self._index(token)
    word: uint256 = self.configs[index]
    return ICollateralVault.TokenState(
        index=index,
        market=word & MASK_8,
        decimals=(word >> 8) & MASK_8,
        haircut=self._haircut(word),
        cap=self.caps[index],
        total=self.totals[index],
        haircut_from=(word >> 16) & MASK_24,
        haircut_to=(word >> 40) & MASK_24,
        start=word >> 64,
        end=(word >> 64) + DAY,
    )


# ---------------------------------------------------------------- internals


@internal
@pure
def _ceil_div(n: uint256, d: uint256) -> uint256:
    return (n + d - 1) // d


@internal
@view
def _index(token: address) -> uint256:
    place: uint256 = self.places[token]
    assert place != 0, "vault: token is not listed"
    return place - 1


@internal
@view
def _quote(market: uint256) -> uint256:
    """
    @notice A market's quote, see the oracle.
    """
    assert market < 16, "vault: no such market"
    return (staticcall ORACLE.quotes(1 << market))[market]


@internal
@view
def _price(market: uint256, quote: uint256, haircut: uint256) -> uint256:
    """
    @notice The price that collateral counts at, WAD: of two that disagree the better one, at most a haircut above its own; of
            a feed that has failed the last good one, for a day.
    """
    price: uint256 = quote & MASK_96
    status: uint256 = quote >> 192
    if status == FRESH:
        return price
    if status == DIVERGED:
        # a reference that lies must not make an account untouchable; rounds down
        most: uint256 = price + price * haircut // HAIRCUT_UNIT
        return max(price, min((quote >> 96) & MASK_96, most))
    last: uint256 = 0
    if status == STALE:
        # it answers, so its own time is known; nobody could have stored a checkpoint since
        feed: IPriceOracle.Feed = staticcall ORACLE.feed(market)
        round_id: uint80 = 0
        answer: int256 = 0
        started_at: uint256 = 0
        answered_in: uint80 = 0
        round_id, answer, started_at, last, answered_in = staticcall IAggregatorV3(
            feed.feed
        ).latestRoundData()
        last += feed.heartbeat
    else:
        last = (staticcall ORACLE.last_good(market)).time
    return price if block.timestamp <= last + DAY else 0


@internal
@pure
def _scale(word: uint256) -> uint256:
    """
    @notice WAD per unit of a token.
    """
    return 10**(18 - ((word >> 8) & MASK_8))


@internal
@view
def _haircut(word: uint256) -> uint256:
    """
    @notice A token's haircut of now, 1e5. Rounds up.
    """
    before: uint256 = (word >> 16) & MASK_24
    after: uint256 = (word >> 40) & MASK_24
    start: uint256 = word >> 64
    if block.timestamp <= start:
        return before
    passed: uint256 = block.timestamp - start
    if passed >= DAY:
        return after
    return self._ceil_div(before * (DAY - passed) + after * passed, DAY)


@internal
@view
def _rate(index: uint256, share: uint256) -> uint256:
    """
    @notice What a unit of a token is sold for at a share of its haircut, 1e-41 of a quote WAD.
    """
    word: uint256 = self.configs[index]
    market: uint256 = word & MASK_8
    quote: uint256 = self._quote(market)
    # FRESH and DIVERGED are even
    assert (quote >> 192) & 1 == 0, "vault: no fresh price"
    haircut: uint256 = self._haircut(word)
    return (
        self._scale(word) * self._price(market, quote, haircut) * (DISCOUNT_UNIT - haircut * share)
    )


@internal
@view
def _elapsed(account: uint256) -> uint256:
    """
    @notice Seconds since the account's sale was opened; the largest number: none, or void.
    """
    opened: uint256 = self.sales[account]
    if opened == 0 or block.timestamp > opened + VOID:
        return max_value(uint256)
    return block.timestamp - opened


@internal
@view
def _is_liquidatable(h: IMarginEngine.Health, wallet: IMarginEngine.WalletState) -> bool:
    """
    @notice Whether an account may be taken over now (LIQ-1), or is bankrupt.
    """
    maintenance: int256 = convert(h.maintenance, int256)
    if h.equity >= maintenance:
        return False
    return h.equity * convert(WAD, int256) < PSI * maintenance or (
        wallet.deadline != 0
        and block.timestamp >= wallet.deadline
        and block.timestamp <= wallet.deadline + VOID
    )


@internal
@view
def _terms(account: uint256) -> (uint256, uint256):
    """
    @notice What of an account's collateral is for sale, quote WAD, and the discount as a share of the haircut, WAD.
    """
    if account == FUND:
        return max_value(uint256), WAD
    h: IMarginEngine.Health = staticcall ENGINE.health(account)
    wallet: IMarginEngine.WalletState = staticcall ENGINE.wallet(account)
    wanted: uint256 = h.losses
    elapsed: uint256 = 0
    if self._is_liquidatable(h, wallet):
        # enough cash for the losses and for the penalties of a takeover
        wanted += h.maintenance
        elapsed = self._elapsed(account)
        if elapsed == max_value(uint256):
            elapsed = 0
    elif (
        wallet.since != 0
        and block.timestamp >= wallet.since + PATIENCE
        and block.timestamp <= wallet.since + NOTED
    ):
        elapsed = block.timestamp - wallet.since - PATIENCE
    else:
        return 0, 0
    short: uint256 = 0
    if h.equity <= 0:
        short = WAD
    elif convert(h.equity, uint256) < h.maintenance:
        short = (h.maintenance - convert(h.equity, uint256)) * WAD // h.maintenance
    return wanted - min(wanted, h.cash), min(WAD, short // 2 + min(elapsed, SALE) * WAD // SALE)


@internal
def _lower(account: uint256, index: uint256, amount: uint256) -> uint256:
    """
    @notice Take `amount` of what an account has; the engine is told of the last.
    @return What is left.
    """
    assert amount != 0, "vault: amount is zero"
    balance: uint256 = self.units[account][index]
    assert amount <= balance, "vault: above the balance"
    balance -= amount
    self.units[account][index] = balance
    self.totals[index] -= amount
    if balance == 0 and account != FUND:
        left: uint256 = self.pledged[account] & ~(1 << index)
        self.pledged[account] = left
        if left == 0:
            extcall ENGINE.mark_collateral(account, False)
    return balance


@internal
def _send(token: address, amount: uint256, receiver: address):
    assert receiver != empty(address) and receiver != self, "vault: bad receiver"
    assert extcall IERC20(token).transfer(
        receiver, amount, default_return_value=True
    ), "vault: transfer failed"
