"""The vault: collateral other than the quote token (SPEC section 6, LIQ-7)."""

from plimsoll.reference.errors import require
from plimsoll.reference.ledger import Standing, is_at_once, is_bankrupt
from plimsoll.reference.liquidation import Liquidation
from plimsoll.reference.numbers import (
    CONFIG,
    DAY,
    FUND,
    HAIRCUT_MAX,
    HAIRCUT_MIN,
    HAIRCUT_STEP,
    PATIENCE,
    SALE,
    TOKENS,
    VOID,
    WAD,
    ceil_div,
    floor_div,
)
from plimsoll.reference.state import Token, call, to_address

NO_BOUND = 2**256 - 1  # the need of the fund's account
HAIRCUT_TO_UNIT = 10**7
PRICE_UNIT = WAD * CONFIG * WAD  # of amount * price * (1 - haircut * share)


class Vault(Liquidation):
    """Collateral comes in, is sold in a liquidation, and leaves.

    A token's transfer succeeds here: how much of it anybody has outside the vault is not known.
    """

    # ---- calls -------------------------------------------------------------------------------

    @call
    def set_vault(self, sender: str, vault: str) -> None:
        """The address of the vault, once."""
        self.require_admin(sender)
        require(self.vault == 0, "vault is set")
        require(to_address(vault) != 0, "vault is zero")
        self.vault = to_address(vault)

    @call
    def list_token(
        self, sender: str, token: str, decimals: int, market: int, haircut: int, cap: int
    ) -> None:
        """Take a token with so many `decimals`, priced by a market's feed; `cap` in WAD of it."""
        self.require_admin(sender)
        address = to_address(token)
        require(address != self.quote, "token is the quote token")
        require(address not in self.collateral, "token is listed")
        require(len(self.collateral) < TOKENS, "too many tokens")
        require(0 <= decimals <= 18, "decimals out of range")
        self.fresh_price(market)
        made = Token(self.journal, len(self.collateral), market, decimals, cap, haircut, haircut)
        self._check_haircut(made, haircut)
        self._check_cap(made, cap)
        self.collateral[address] = made

    @call
    def set_cap(self, sender: str, token: str, cap: int) -> None:
        """Another cap on deposits, in WAD of the token, or none at all; the guardian lowers it."""
        record, who = self.token(token), to_address(sender)
        require(who in (self.owner, self.guardian), "caller is neither owner nor guardian")
        require(who == self.owner or cap <= record.cap, "cap rises")
        if cap != 0:
            self._check_cap(record, cap)
        record.cap = cap

    @call
    def set_haircut(self, sender: str, token: str, haircut: int) -> None:
        """Announce another haircut (1e5): a day from now it begins to move, for a day."""
        self.require_admin(sender)
        record = self.token(token)
        moves = record.haircut_from != record.haircut_to and self.time < record.end
        require(not moves, "haircut moves")
        self._check_haircut(record, haircut)
        old = record.haircut_to
        require(abs(haircut - old) <= HAIRCUT_STEP, "step too large")
        record.haircut_from, record.haircut_to = old, haircut
        record.start, record.end = self.time + DAY, self.time + 2 * DAY

    @call
    def vault_deposit(self, sender: str, account: int, token: str, amount: int) -> None:
        """Put `amount` (token units) into an account, by its owner or operator."""
        self.require_control(sender, account)
        record = self.token(token)
        self.require_unlocked(account)
        require(self.vault != 0, "the engine has no vault")
        require(amount > 0, "nothing to deposit")
        self.fresh_price(record.market)
        require((self.total_units(token) + amount) * record.scale <= record.cap, "cap")
        self._add_units(account, token, amount)
        record.held += amount
        now = self.standing(account)
        healthy = now.equity >= now.margin.mm
        require(healthy or not self.held(account), "below maintenance margin")

    @call
    def vault_withdraw(
        self, sender: str, account: int, token: str, amount: int, receiver: str
    ) -> None:
        """Take `amount` (token units) out of an account, by its owner, to `receiver`."""
        owner = account >> 96
        require(owner != 0 and to_address(sender) == owner, "caller does not own the account")
        record = self.token(token)
        self.require_unlocked(account)
        require(not self.account(account).overdue, "arrears are noted")
        self._take_units(account, token, amount)
        record.held -= amount
        if not self.held(account):
            return
        now = self.standing(account)
        require(self.account(account).cash >= now.arrears, "account has arrears")
        if now.sizes:
            require(not now.blind, "a feed is not fresh")
            require(now.initial_equity >= now.margin.im, "below initial margin")

    @call
    def open_sale(self, sender: str, account: int) -> None:
        """Begin the sale of an account's collateral, which is for sale by its margin; anyone."""
        require(self.is_pledged(account), "account has no collateral")
        require(self.is_for_sale(account, self.standing(account)), "account is not for sale")
        require(not self.has_sale(account), "a sale is open")
        self.sales[account] = self.time

    @call
    def close_sale(self, sender: str, account: int) -> None:
        """End the sale of an account that has recovered; anyone."""
        require(self.has_sale(account), "no sale is open")
        require(not self.is_for_sale(account, self.standing(account)), "account is for sale")
        del self.sales[account]

    @call
    def buy(
        self, sender: str, account: int, token: str, amount: int, limit: int, receiver: str
    ) -> int:
        """Buy `amount` (token units) of an account's collateral; what is paid, in units of the
        quote token and at most `limit`, is returned. Anyone."""
        record = self.token(token)
        if account != FUND:
            self.settle(sender, account)
        need, share = self.terms(account)
        require(need > 0, "account is not for sale")
        require(self.is_tradable(record.market), "feed is not fresh")
        self._take_units(account, token, amount)
        record.held -= amount
        # the last unit may bring more than the need, no other one
        needed = floor_div(self._price_of(record, amount - 1, share), PRICE_UNIT) < need
        require(amount == 1 or needed, "more than is needed")
        price = ceil_div(self._price_of(record, amount, share), PRICE_UNIT)
        paid = ceil_div(price, self.scale)
        require(paid <= limit, "price above the limit")
        self.tokens += paid
        self.account(account).cash += paid * self.scale
        if account != FUND:
            self.settle(sender, account)
        return paid

    @call
    def seize(self, sender: str, account: int, token: str) -> None:
        """All units of a bankrupt account that nobody has bought go to the fund's."""
        self.token(token)
        require(is_bankrupt(self.standing(account)), "account is not bankrupt")
        unsold = self.has_sale(account) and self.time - self.sales[account] >= SALE
        require(unsold, "sale goes on")
        amount = self.units_of(account, token)
        self._take_units(account, token, amount)
        self._add_units(FUND, token, amount)

    @call
    def withdraw_fund(self, sender: str, token: str, amount: int, receiver: str) -> None:
        """The owner takes collateral of the fund's account out."""
        self.require_admin(sender)
        self._take_units(FUND, token, amount)
        self.token(token).held -= amount

    # ---- questions ---------------------------------------------------------------------------

    def total_units(self, token: str) -> int:
        """Token units of all accounts together."""
        address = to_address(token)
        return sum(units for (_, of), units in self.units.items() if of == address)

    def has_sale(self, account: int) -> bool:
        """Whether the sale that was opened last is valid."""
        return account in self.sales and self.time <= self.sales[account] + VOID

    def is_for_sale(self, account: int, now: Standing) -> bool:
        """Whether an account's collateral is for sale because of its margin."""
        if now.equity >= now.margin.mm:
            return False
        deadline = self.account(account).deadline
        return is_at_once(now) or (deadline != 0 and deadline <= self.time <= deadline + VOID)

    def terms(self, account: int) -> tuple[int, int]:
        """How much cash a sale may bring (WAD, 0: not for sale), and the share k of the haircut
        that a buyer does not pay (WAD)."""
        if account == FUND:
            return NO_BOUND, WAD
        record, now, mm = self.account(account), self.standing(account), self.margin(account)[0]
        elapsed = 0
        if self.is_for_sale(account, now):
            need = now.arrears + mm - record.cash
            if self.has_sale(account):
                elapsed = self.time - self.sales[account]
        elif record.overdue and PATIENCE <= self.time - record.since <= 2 * DAY:
            need = now.arrears - record.cash
            elapsed = self.time - record.since - PATIENCE
        else:
            return 0, 0
        if need <= 0:
            return 0, 0
        short = 0
        if now.equity < mm:
            short = floor_div((mm - now.equity) * WAD, mm) if now.equity > 0 else WAD
        waited = floor_div(min(elapsed, SALE) * WAD, SALE)
        return need, min(WAD, floor_div(short, 2) + waited)

    # ---- steps -------------------------------------------------------------------------------

    def _price_of(self, token: Token, amount: int, share: int) -> int:
        """What `amount` (token units) cost less a share of the haircut; 1/PRICE_UNIT WAD, exact."""
        kept = CONFIG * WAD - self.haircut(token) * share
        return amount * token.scale * self.collateral_price(token) * kept

    def _add_units(self, account: int, token: str, amount: int) -> None:
        key = (account, to_address(token))
        self.units[key] = self.units.get(key, 0) + amount

    def _take_units(self, account: int, token: str, amount: int) -> None:
        """Lower an account's units by `amount`, which is not zero and there."""
        self.token(token)
        require(amount > 0, "nothing to move")
        require(amount <= self.units_of(account, token), "more than is there")
        self._add_units(account, token, -amount)

    def _check_haircut(self, token: Token, haircut: int) -> None:
        gap = self.feeds[token.market].gap
        require(HAIRCUT_MIN <= haircut <= HAIRCUT_MAX, "haircut out of range")
        require(haircut * HAIRCUT_TO_UNIT >= gap, "haircut below the feed's gap")

    def _check_cap(self, token: Token, cap: int) -> None:
        """LED-9: a cap keeps every value within its field."""
        ceiling = self.feeds[token.market].ceiling
        require(cap >= 1 and cap * 2**ceiling <= 2**100 * WAD, "cap out of range")
