"""Orders and fills (SPEC section 4)."""

from plimsoll.reference.errors import require
from plimsoll.reference.ledger import Ledger, Standing, reduces
from plimsoll.reference.numbers import (
    BLOCKS,
    CANCELLED,
    CONFIG,
    EPOCH_MAX,
    FEE,
    FUND,
    MAX_FILL,
    MAX_HELD,
    SALT_BITS,
    SYNC_WAIT,
    TREASURY,
    TREASURY_SHARE,
    UNIT,
    WAD,
    WIDTH_UNIT,
    ceil_div,
    floor_div,
    sgn,
    sync_code,
    sync_price,
)
from plimsoll.reference.state import Market, Order, call, to_address


class Trading(Ledger):
    """Orders, operators, fills."""

    # ---- calls -------------------------------------------------------------------------------

    @call
    def set_operator(self, sender: str, operator: str, approved: bool) -> None:
        """Let somebody act for all accounts of the sender, or no longer."""
        self.operators[to_address(sender), to_address(operator)] = approved

    @call
    def cancel_order(self, sender: str, order: Order) -> None:
        """TRD-1: no further fill of this order."""
        self.require_control(sender, order.account)
        self.filled[order] = CANCELLED

    @call
    def cancel_below(self, sender: str, account: int, salt: int) -> None:
        """TRD-1: no further fill of any order with a salt below `salt`."""
        self.require_control(sender, account)
        require(salt > self.min_salt.get(account, 0), "salt does not rise")
        require(salt < 2**SALT_BITS, "salt out of range")
        self.min_salt[account] = salt

    @call
    def fill(self, sender: str, order: Order, signer: str | None, account: int, size: int) -> None:
        """TRD-2: `account` takes `size` (WAD) of a maker's order at its price."""
        self.require_control(sender, account)
        require(account != order.account, "maker and taker are one account")
        market = self.require_listed(order.market)
        mark = self.tradable_price(order.market)
        self.use_order(sender, order, signer, size, mark)
        self.end_wait(order.market, mark)
        require(not self.is_frozen(order.market), "market is frozen")

        maker, taker = order.account, account
        change = sgn(order.size) * size
        rules, oi = market.rules, market.oi
        self.fold_funding(order.market, mark)
        for who in (maker, taker):
            self.require_unlocked(who)
            self.mark(order.market, self.leg(who, order.market), mark)
        before = {who: self.standing(who, order.market) for who in (maker, taker)}
        closing = not self.is_fresh(order.market)  # as in a market that only reduces
        fees = self.trade_cash(maker, order, change, mark, rules.maker_fee)
        fees += self.trade_cash(taker, order, -change, mark, rules.taker_fee)
        self.share_fees(fees)
        self.move_sizes(order.market, {maker: change, taker: -change}, mark, capped=True)
        smaller = self.check_trader(
            maker, order.market, before[maker], order.reduce_only or closing
        )
        smaller &= self.check_trader(taker, order.market, before[taker], closing)
        if not smaller:
            self.check_sync(order.market, mark)
        self.move_premium(market, size, order.price, mark, fees, max(oi, market.oi))
        self.end_or_start_afresh(order.market, mark)
        self.count_crowd(market)

    @call
    def sync(self, sender: str, market: int) -> None:
        """TRD-4: the mark of now is the one from which the next large move counts; anyone."""
        record, price = self.require_listed(market), self.fresh_price(market)
        if self.is_out_of_sync(record, price):
            record.wait = self.block % BLOCKS + 1
        self.note_price(market, price)

    # ---- steps -------------------------------------------------------------------------------

    def require_control(self, sender: str, account: int) -> None:
        """The sender is the account's owner or an operator of the owner's."""
        controls = self.is_owner_or_operator(to_address(sender), account)
        require(controls, "caller does not act for the account")

    def use_order(
        self, sender: str, order: Order, signer: str | None, size: int, mark: int
    ) -> None:
        """The order is valid for this caller, size and mark (step 1); its filled size grows."""
        known = signer is not None and self.is_owner_or_operator(to_address(signer), order.account)
        require(known, "signature is not the account's")
        require(self.time <= order.expiry, "order has expired")
        require(order.salt >= self.min_salt.get(order.account, 0), "order is cancelled")
        require(to_address(order.taker) in (0, to_address(sender)), "order is for another taker")
        filled = self.filled.get(order, 0)
        require(0 < size <= abs(order.size) - filled, "size is not open in the order")
        require(abs(order.size) <= MAX_FILL, "size out of bounds")
        band = self.markets[order.market].rules.band
        require(abs(order.price - mark) * CONFIG <= band * mark, "price outside the band")
        self.filled[order] = filled + size

    def trade_cash(self, account: int, order: Order, change: int, mark: int, rate: int) -> int:
        """Steps 3 to 5 for one account whose traded leg is marked: loss or gain, fee, arrears.

        The fee taken from its cash is returned.
        """
        record, leg = self.account(account), self.leg(account, order.market)
        size, price = abs(change), order.price
        if (price > mark and change > 0) or (price < mark and change < 0):
            self.pay_loss(account, order.market, size, price, mark)
        else:
            self.gain(leg, floor_div(size * abs(price - mark), WAD))

        fee = ceil_div(size * price * rate, WAD * FEE)
        if reduces(leg.basis, leg.basis + change):
            fee = min(fee, record.cash)
        require(fee <= record.cash, "cash does not reach for the fee")
        record.cash -= fee
        self.pay_arrears(account, order.market)
        self.store(leg)
        return fee

    def pay_loss(self, account: int, market: int, size: int, price: int, mark: int) -> None:
        """Step 3 for who loses by a price other than the mark."""
        record, pot = self.account(account), self.markets[market]
        loss = ceil_div(size * abs(price - mark), WAD)
        bearable = loss * CONFIG * WAD <= size * mark * pot.rules.penalty_min
        others = self.standing(account, market).blind - {market}
        worth, counted = self.worth(account)
        require(bearable or (not others and worth == counted), "loss while a feed is not fresh")
        require(loss <= record.cash, "cash does not reach for the loss")
        record.cash -= loss
        pot.b += loss

    def share_fees(self, fees: int) -> None:
        """Step 4: what a fill's fees are together goes to the treasury and the fund."""
        to_treasury = floor_div(fees * TREASURY_SHARE, WAD)
        self.account(TREASURY).cash += to_treasury
        self.account(FUND).cash += fees - to_treasury

    def move_sizes(
        self,
        market: int,
        changes: dict[int, int],
        mark: int,
        *,
        capped: bool = False,
        liquidated: int | None = None,
    ) -> None:
        """Step 6: new sizes and open interest; what is then left is judged after the checks.

        Dust is dropped for all but the `liquidated` account.
        """
        record = self.markets[market]
        old = record.oi
        record.oi += sum(
            self.change_size(who, market, by, mark, drop_dust=who != liquidated)
            for who, by in changes.items()
        )
        if capped and record.oi > old:
            require(
                record.oi <= record.rules.oi_cap >> record.halvings, "open interest above its cap"
            )

    def check_trader(
        self, account: int, market: int, before: Standing, order_reduces_only: bool
    ) -> bool:
        """Steps 7 to 9 for one account; whether it reduced is returned."""
        rules = self.markets[market].rules
        now = self.standing(account, market)
        x = abs(now.notionals.get(market, 0))
        smaller = reduces(before.sizes.get(market, 0), now.sizes.get(market, 0))
        require(x == 0 or x >= rules.min_notional, "position below the minimum")
        if not smaller:
            most = rules.max_notional >> self.markets[market].halvings
            require(x <= most, "position above the maximum")
            require(not now.blind - {market}, "another feed is not fresh")
            stopped = rules.reduce_only or self.markets[market].stopped
            require(not stopped, "market is reduce-only")
            require(not order_reduces_only, "order is reduce-only")
            require(len(self.held(account)) <= MAX_HELD, "too many markets")
            require(self.markets[market].long.epoch < EPOCH_MAX, "market is worn out")
        self.clear_deadline(account, now.equity, now.margin.mm)
        if now.initial_equity >= now.margin.im:
            self.account(account).deadline = 0
            return smaller
        require(smaller, "below initial margin")
        require(now.equity >= 0, "bankrupt")
        no_worse = now.equity * before.margin.mm >= before.equity * now.margin.mm
        require(no_worse, "health falls")
        return smaller

    def end_wait(self, market: int, mark: int) -> None:
        """TRD-4: a fill in sync, two blocks after a large move was synchronised, ends the wait."""
        record = self.markets[market]
        waited = (self.block % BLOCKS + 1 - record.wait) % BLOCKS
        if not self.is_out_of_sync(record, mark) and waited >= SYNC_WAIT:
            record.wait = 0

    def check_sync(self, market: int, mark: int) -> None:
        """TRD-4 for a fill in which an account does not reduce."""
        record = self.markets[market]
        require(not self.is_out_of_sync(record, mark), "market is out of sync")
        require(record.wait == 0, "market waits after a sync")

    def is_out_of_sync(self, record: Market, price: int) -> bool:
        """TRD-4: whether the mark has moved further than the width since the last sync."""
        known = sync_price(record.sync_mark)
        return abs(price - known) * WIDTH_UNIT > record.width * known

    def note_price(self, market: int, price: int) -> None:
        """TRD-4: take over a sync mark, and half of the floor `f` of now as its width."""
        record = self.markets[market]
        record.sync_mark = sync_code(price)
        record.width = ceil_div(self.risk_at(market, self.time).f * WIDTH_UNIT, 2 * UNIT)
