"""Takeover, takeover by order, resolve and cover (SPEC section 6)."""

from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.reference.errors import Refused, require
from plimsoll.reference.ledger import Standing, is_bankrupt, is_critical, reduces
from plimsoll.reference.margin import notional
from plimsoll.reference.numbers import (
    A_MIN,
    BASEFEE_MAX,
    CHARGE_SHARE,
    CONFIG_TO_WAD,
    CURE,
    DAY,
    FUND,
    K0_MAX,
    LIQUIDATOR_SHARE,
    MAX_HELD,
    PENALTY_EQUITY_SHARE,
    PROBE,
    PSI,
    REWARD_SHARE,
    TAU,
    VOID,
    WAD,
    WINDOW,
    WINDOW_UNIT,
    ceil_div,
    floor_div,
    sgn,
)
from plimsoll.reference.state import Leg, Market, Order, call, owner_of
from plimsoll.reference.trading import Trading


@dataclass(frozen=True)
class Case:
    """An account in the zone 0 < E < MM, about to lose a slice of one position."""

    account: int
    market: int
    price: int  # WAD: the mark, or when DIVERGED the price that is better for the account
    size: int  # WAD, signed live size of the leg
    equity: int  # WAD
    mm: int  # WAD
    notionals: dict[int, int]  # WAD
    rate: int  # WAD, the penalty rate d

    @property
    def is_at_once(self) -> bool:
        """LIQ-1: whether too little is left for a cure window."""
        return self.equity * WAD < PSI * self.mm

    def penalty(self, q: int, mm: int) -> int:
        """LIQ-2 step 1: the penalty of a slice `q` that leaves the margin `mm`, all in WAD."""
        if mm >= self.mm:
            return 0
        asked = ceil_div(q * self.price * self.rate, WAD * WAD)
        share = floor_div(self.equity * PENALTY_EQUITY_SHARE, WAD)
        return min(asked, floor_div(share * (self.mm - mm), self.mm))


class Liquidation(Trading):
    """The default waterfall."""

    # ---- calls -------------------------------------------------------------------------------

    @call
    def takeover(self, sender: str, account: int, market: int, size: int, liquidator: int) -> None:
        """LIQ-2: `liquidator` takes a slice `size` (WAD) of a position at the mark."""
        self.require_control(sender, liquidator)
        require(account != liquidator, "accounts are one")
        self.require_unlocked(liquidator)
        pot = self.require_listed(market)
        mark = self.tradable_price(market)
        self.fold_funding(market, mark)
        case = self.case(account, market)
        require(0 < size <= abs(case.size), "slice out of range")
        self.check_call(case)
        self.use_window(case, size)

        change = sgn(case.size) * size  # of the liquidator
        leg = self.leg(account, market)
        self.mark(market, leg, mark)
        if case.price != mark:  # the judged price is better for the account
            self.gain(leg, floor_div(size * abs(case.price - mark), WAD))
        self.pay_arrears(account, market)
        self.store(leg)

        penalty = self.penalty(case, size)
        for_liquidator = floor_div(penalty * LIQUIDATOR_SHARE, WAD)
        for_fund = penalty - for_liquidator
        cash_liquidator = self.pay_free_cash(account, liquidator, for_liquidator, market)
        cash_fund = self.pay_free_cash(account, FUND, for_fund, market)
        charged = cash_liquidator + cash_fund
        whole = size == abs(case.size)
        charged += self.assign_claims(
            account, liquidator, for_liquidator - cash_liquidator, gone=market if whole else None
        )
        charged += self.assign_claims(
            account, FUND, for_fund - cash_fund, gone=market if whole else None
        )

        # the liquidator may pay its arrears with what it has just got
        leg = self.leg(liquidator, market)
        self.mark(market, leg, mark)
        if case.price != mark:
            self.pay_loss(liquidator, market, size, case.price, mark)
        self.pay_arrears(liquidator, market)
        self.store(leg)
        held_size = leg.basis
        self.move_sizes(market, {account: -change, liquidator: change}, mark, liquidated=account)
        self.check_slice(case, size, case.equity - charged)
        self.end_call(case, size, case.equity - charged)
        self.check_liquidator(liquidator, market, reduces(held_size, held_size + change))
        self.end_or_start_afresh(market, mark)
        self.count_crowd(pot)

    @call
    def takeover_by_order(
        self, sender: str, order: Order, signer: str | None, account: int, size: int, keeper: int
    ) -> None:
        """LIQ-3: a slice `size` (WAD) goes to the maker of an order, at the order's price."""
        maker, market = order.account, order.market
        require(account != maker, "accounts are one")
        require(owner_of(keeper) != 0, "keeper account has no owner")
        require(keeper not in (account, maker), "keeper account takes part in the trade")
        self.require_unlocked(maker)
        pot = self.require_listed(market)
        mark = self.tradable_price(market)
        self.fold_funding(market, mark)
        case = self.case(account, market)
        require(0 < size <= abs(case.size), "slice out of range")
        self.check_call(case)
        require(sgn(order.size) == sgn(case.size), "order is on the wrong side")
        self.use_order(sender, order, signer, size, mark)
        self.use_window(case, size)

        change = sgn(order.size) * size  # of the maker
        leg, record = self.leg(account, market), self.account(account)
        for who in (maker, account):
            self.mark(market, self.leg(who, market), mark)
        before = self.standing(maker, market)
        self.share_fees(self.trade_cash(maker, order, change, mark, pot.rules.maker_fee))

        # the account sells if it is long: a lower price than the mark is worse for it
        worse = (order.price - mark) * sgn(case.size) < 0
        distance = size * abs(order.price - mark)
        loss = ceil_div(distance, WAD) if worse else 0
        gain = 0 if worse else floor_div(distance, WAD)
        self.gain(leg, gain)
        self.pay_arrears(account, market)
        self.store(leg)

        penalty = self.penalty(case, size)
        share = floor_div(penalty * LIQUIDATOR_SHARE, WAD)
        require(loss <= share, "loss above the liquidator's part of the penalty")
        require(case.price == mark, "the account is judged at a better price than the mark")
        require(loss <= self.free_cash(account, market), "cash does not reach for the loss")
        record.cash -= loss
        pot.b += loss
        reward = self.reward_due(account, min(share - loss, self.free_cash(account, market)))
        if reward > 0:
            self.pay_free_cash(account, keeper, reward, market)
            record.rewarded_at = self.time
        for_fund = penalty - loss - reward
        charged = self.pay_free_cash(account, FUND, for_fund, market)
        gone = market if size == abs(case.size) else None
        charged += self.assign_claims(account, FUND, for_fund - charged, gone=gone)

        self.move_sizes(
            market, {maker: change, account: -change}, mark, capped=True, liquidated=account
        )
        self.check_slice(case, size, case.equity - loss - reward - charged)
        self.end_call(case, size, case.equity - loss - reward - charged)
        self.check_trader(maker, market, before, order.reduce_only)
        self.end_or_start_afresh(market, mark)
        self.count_crowd(pot)

    @call
    def call_margin(self, sender: str, account: int) -> None:
        """LIQ-1: begin the cure window of an account below its maintenance margin; anyone."""
        now, record = self.standing(account), self.account(account)
        require(now.equity < now.margin.mm, "account is not below its maintenance margin")
        stands = record.deadline != 0 and self.time <= record.deadline + VOID
        require(not stands, "a margin call stands")
        record.deadline = self.time + CURE

    @call
    def resolve(self, sender: str, account: int, market: int, keeper: int) -> None:
        """LIQ-4: settle a bankrupt account's loss in one market and close its position there; or
        close a critical account's position."""
        require(owner_of(keeper) != 0, "keeper account has no owner")
        require(keeper != account, "keeper account is the bankrupt one")
        pot = self.require_listed(market)
        leg = self.leg(account, market)
        if self.is_live(market, leg):
            require(self.is_fresh(market), "feed is not fresh")
        mark = self.price(market)
        # 1
        ended = self.take_out_of_frozen_book(market, leg)
        self.settle_account(account)
        # 2
        now = self.standing(account)
        size, owed = leg.basis, max(0, -leg.pnl)
        if not is_bankrupt(now):
            require(is_critical(now) and size != 0, "account is not bankrupt")
            self.close(pot, size, mark)
            self.snap(market, leg, 0, mark)
            return
        require(not self.is_pledged(account), "account has collateral")
        require(owed > 0 or size != 0, "nothing to resolve")
        # 3
        self.pay_shortfall(pot)
        # 4
        gains = sum(max(0, value) for value in now.values.values())  # this leg's is 0 if it owes
        part = floor_div(gains * owed, now.arrears) if owed > 0 else 0
        claims = self.assign_claims(account, FUND, part, skip=market)
        # 5
        paid = self.draw_fund(pot, owed)
        pot.b += paid
        backed = min(owed - paid, max(0, claims - paid))
        pot.shortfall += backed
        rest = owed - paid - backed
        # 6, 7
        if owed > 0:
            leg.pnl = 0
        if size != 0:
            self.charge(pot, -sgn(size), rest, mark)
            self.close(pot, size, mark)
            self.snap(market, leg, 0, mark)
        elif ended != 0:
            self.charge_frozen_book(pot, -ended, rest)
        else:
            pot.shortfall += rest
        # 8
        value = floor_div(abs(size) * mark, WAD * REWARD_SHARE)
        budget = min(self.account(FUND).cash, self.allowance(pot), value)
        reward = self.reward_due(account, budget)
        if reward > 0:
            self.draw_fund(pot, reward)
            self.account(keeper).cash += reward
            self.account(account).rewarded_at = self.time
        # 9
        record = self.account(account)
        record.locked = self.is_tied(account, now, skip=market)
        record.debt = record.debt + max(0, owed - claims) if record.locked else 0

    @call
    def reclaim(self, sender: str, account: int) -> None:
        """LIQ-4: the fund takes what a locked account has, up to what others paid for it."""
        record = self.account(account)
        require(record.locked, "account is not locked")
        self.settle_account(account)
        due = min(record.debt, max(0, self.standing(account).equity))
        taken = self.pay_free_cash(account, FUND, due)
        taken += self.assign_claims(account, FUND, due - taken)
        record.debt -= taken
        if record.debt == 0 or not self.is_tied(account, self.standing(account)):
            record.locked = False
            record.debt = 0
        require(taken > 0 or not record.locked, "nothing to reclaim")

    @call
    def note_arrears(self, sender: str, account: int) -> None:
        """LIQ-7: write down since when an account owes what it cannot pay; anyone."""
        record = self.account(account)
        stands = record.overdue and self.time <= record.since + 2 * DAY
        require(not stands, "arrears are noted")
        self.settle(sender, account)
        require(self.recorded_arrears(account) > 0, "no arrears")
        record.overdue = True
        record.since = self.time

    @call
    def clear_arrears(self, sender: str, account: int) -> None:
        """LIQ-7: arrears of a day go to the shortfall, claims of equal value to the fund."""
        record = self.account(account)
        age = self.time - record.since
        require(record.overdue and DAY <= age <= 2 * DAY, "arrears are not a day old")
        self.require_unlocked(account)
        self.settle(sender, account)
        require(self.standing(account).equity >= 0, "account is bankrupt")
        moved = self.assign_claims(account, FUND, self.recorded_arrears(account))
        require(moved > 0, "no claims")
        for market in self.held(account):
            leg = self.leg(account, market)
            paid = min(moved, max(0, -leg.pnl))
            leg.pnl += paid
            self.markets[market].shortfall += paid
            moved -= paid
        self.end_overdue(account)

    @call
    def cover(self, sender: str, market: int) -> None:
        """LIQ-4 step 3 alone: the fund pays a market's shortfall."""
        require(self.pay_shortfall(self.require_listed(market)) > 0, "nothing to pay")

    # ---- takeover ----------------------------------------------------------------------------

    def case(self, account: int, market: int) -> Case:
        """The account's case; refused unless 0 < E < MM and there is a position."""
        now = self.standing(account)
        equity, mm = now.equity, now.margin.mm
        require(0 < equity < mm, "account is not liquidatable")
        require(now.sizes.get(market, 0) != 0, "no position")
        rules = self.markets[market].rules
        low, high = rules.penalty_min * CONFIG_TO_WAD, rules.penalty_max * CONFIG_TO_WAD
        rate = low + floor_div((high - low) * (mm - equity), mm)
        gross = sum(abs(x) for x in now.notionals.values())
        rate = min(rate, floor_div(PENALTY_EQUITY_SHARE * equity, gross))
        size = now.sizes[market]
        price = self.judged_price(market, size)
        return Case(account, market, price, size, equity, mm, now.notionals, rate)

    def check_call(self, case: Case) -> None:
        """LIQ-1: the cure window is over, or too little is left to wait for it."""
        if case.is_at_once:
            return
        deadline = self.account(case.account).deadline
        called = deadline != 0 and self.time <= deadline + VOID
        require(called, "no margin call")
        require(deadline <= self.time, "cure window")

    def use_window(self, case: Case, q: int) -> None:
        """LIQ-6: takeovers of accounts that are not far below are few in a window."""
        record = self.markets[case.market]
        if case.is_at_once or record.rules.takeover_share == 0:
            return
        require(q <= self.window_room(case.market), "too much in this window")
        if self.time - record.window_start >= WINDOW:
            record.window_start = self.time
            record.window_taken = 0
        record.window_taken += q

    def window_room(self, market: int) -> int:
        """LIQ-6: what may still be taken over in the window of now, in WAD."""
        record = self.markets[market]
        least = floor_div(2 * record.rules.min_notional * WAD, self.price(market))
        most = max(floor_div(record.oi * record.rules.takeover_share, WINDOW_UNIT), least)
        is_over = self.time - record.window_start >= WINDOW
        return max(0, most - (0 if is_over else record.window_taken))

    def mm_with(self, case: Case, size: int) -> int:
        """MM if the leg had the absolute size `size` (WAD)."""
        x = sgn(case.size) * notional(size, case.price)
        return self.margin_of({**case.notionals, case.market: x}).mm

    def penalty(self, case: Case, q: int) -> int:
        """LIQ-2 step 1: the penalty of a slice `q` (WAD), in WAD."""
        return case.penalty(q, self.mm_with(case, abs(case.size) - q))

    def check_slice(self, case: Case, q: int, equity: int) -> None:
        """LIQ-2 step 5: what a slice `q` may do to the account, left with `equity` (WAD)."""
        rules = self.markets[case.market].rules
        left = abs(case.size) - q
        mm = self.mm_with(case, left)
        x = notional(left, case.price)
        require(left == 0 or x >= rules.min_notional, "position below the minimum")
        require(mm == 0 or equity * case.mm > case.equity * mm, "health does not rise")
        if equity * WAD <= TAU * mm:
            return
        require(left == 0, "slice too large")
        # a: even the largest slice that leaves a position stays within TAU
        most = abs(case.size) - ceil_div(rules.min_notional * WAD, case.price)
        if most <= 0:
            return
        mm_most = self.mm_with(case, abs(case.size) - most)
        if (case.equity - case.penalty(most, mm_most)) * WAD <= TAU * mm_most:
            return
        # b: a small slice does not lower the margin
        probe = max(1, floor_div(abs(case.size), PROBE))
        stuck = self.mm_with(case, abs(case.size) - probe) >= case.mm
        require(stuck, "whole position not allowed")

    def end_call(self, case: Case, q: int, equity: int) -> None:
        """LIQ-1: a slice `q` that leaves `equity` (WAD) of at least MM ends a margin call."""
        self.clear_deadline(case.account, equity, self.mm_with(case, abs(case.size) - q))

    def check_liquidator(self, liquidator: int, market: int, smaller: bool) -> None:
        """LIQ-2 step 6."""
        now = self.standing(liquidator, market)
        require(now.initial_equity >= now.margin.im, "liquidator below initial margin")
        self.account(liquidator).deadline = 0
        require(len(self.held(liquidator)) <= MAX_HELD, "too many markets")
        if not smaller:
            x = abs(now.notionals.get(market, 0))
            require(x <= self.markets[market].rules.max_notional, "position above the maximum")
            require(not now.blind - {market}, "another feed is not fresh")

    def free_cash(self, account: int, traded: int | None = None) -> int:
        """Cash beyond all arrears, in WAD."""
        return max(0, self.account(account).cash - self.arrears(account, traded))

    def pay_free_cash(
        self, payer: int, receiver: int, amount: int, traded: int | None = None
    ) -> int:
        """Pay from free cash as far as it reaches; what was paid is returned."""
        paid = min(amount, self.free_cash(payer, traded))
        self.account(payer).cash -= paid
        self.account(receiver).cash += paid
        return paid

    def assign_claims(
        self,
        account: int,
        receiver: int,
        amount: int,
        skip: int | None = None,
        gone: int | None = None,
    ) -> int:
        """Move payable claims up to `amount` (WAD), ascending; what was moved is returned.

        A leg is marked only if it gives something; its part of the reserve goes with the claim.
        The leg of the market `gone` has just been taken whole: what is left of it has no size.
        """
        missing = amount
        for market in self.held(account):
            leg = self.leg(account, market)
            payable = market == gone or self.is_payable(market, leg)
            if missing == 0 or market == skip or not payable:
                continue
            if self.value(market, leg, gone) > 0:
                self.mark(market, leg, self.price(market))
                moved = min(leg.pnl, missing)
                reserve = self.reserve(leg)
                with_it = ceil_div(reserve * moved, leg.pnl)
                leg.pnl -= moved
                leg.opened = reserve - with_it
                self.store(leg)
                self.receive(self.leg(receiver, market), moved, with_it)
                missing -= moved
        return amount - missing

    def receive(self, leg: Leg, amount: int, reserve: int) -> None:
        """Add a claim of `amount` with its `reserve` (WAD) to a leg, which is not marked."""
        self.open(leg)
        kept = self.reserve(leg) + reserve
        leg.pnl += amount
        leg.opened = min(kept, max(0, leg.pnl))
        self.store(leg)

    def largest_slice(self, account: int, market: int) -> int:
        """The largest slice (WAD) that a takeover may take by LIQ-2 step 5; 0 if there is none."""
        try:
            self.tradable_price(market)
            case = self.case(account, market)
        except Refused:
            return 0
        whole = abs(case.size)
        if self.slice_allowed(case, whole):
            return whole
        # the margin is convex in the slice: down to its least, then up again
        least = self.least_margin_slice(case)
        kept = ceil_div(self.markets[market].rules.min_notional * WAD, case.price)
        if self.is_within_tau(case, least):
            found = self.bisect(least, whole - kept, lambda q: self.is_healthier(case, q))
        else:
            found = self.bisect(0, least, lambda q: self.is_within_tau(case, q))
        return found if found > 0 and self.slice_allowed(case, found) else 0

    def least_margin_slice(self, case: Case) -> int:
        """The slice (WAD) of those that leave the minimum size after which MM is least."""
        whole = abs(case.size)
        kept = ceil_div(self.markets[case.market].rules.min_notional * WAD, case.price)
        low, high = 0, max(0, whole - kept)
        while high - low > 2:
            third = (high - low) // 3
            left, right = low + third, high - third
            if self.mm_with(case, whole - left) <= self.mm_with(case, whole - right):
                high = right
            else:
                low = left
        return min(range(low, high + 1), key=lambda q: self.mm_with(case, whole - q))

    def is_within_tau(self, case: Case, q: int) -> bool:
        """Whether a slice `q` (WAD) leaves a health of at most TAU."""
        equity = case.equity - self.charge_for(case, q)
        return equity * WAD <= TAU * self.mm_with(case, abs(case.size) - q)

    def is_healthier(self, case: Case, q: int) -> bool:
        """Whether health rises with a slice `q` (WAD)."""
        equity = case.equity - self.charge_for(case, q)
        return equity * case.mm > case.equity * self.mm_with(case, abs(case.size) - q)

    @staticmethod
    def bisect(low: int, high: int, holds: Callable[[int], bool]) -> int:
        """The largest number in [low, high] for which `holds`, if it holds for `low` and once."""
        while low < high:
            middle = (low + high + 1) // 2
            if holds(middle):
                low = middle
            else:
                high = middle - 1
        return low

    def slice_allowed(self, case: Case, q: int) -> bool:
        """Whether step 5 lets a slice `q` (WAD) pass."""
        try:
            self.check_slice(case, q, case.equity - self.charge_for(case, q))
        except Refused:
            return False
        return True

    def charge_for(self, case: Case, q: int) -> int:
        """The penalty that a takeover of `q` (WAD) would really charge."""
        record, mark = self.account(case.account), self.price(case.market)
        gain = floor_div(q * abs(case.price - mark), WAD)
        claims = arrears = 0
        for market in self.held(case.account):
            leg = record.legs[market]
            value = self.value(market, leg, case.market)
            value += gain if market == case.market else 0
            arrears += max(0, -value)
            gone = market == case.market and q == abs(case.size)
            if gone or self.is_payable(market, leg):
                claims += max(0, value)
        return min(self.penalty(case, q), max(0, record.cash - arrears) + claims)

    # ---- fund and rewards --------------------------------------------------------------------

    def allowance(self, pot: Market) -> int:
        """What the fund may pay for a market now, in WAD."""
        refilled = floor_div(pot.allowance_cap * (self.time - pot.available_at), DAY)
        return min(pot.allowance_cap, pot.available + refilled)

    def draw_fund(self, pot: Market, amount: int) -> int:
        """Take up to `amount` (WAD) from the fund's cash within the market's allowance."""
        fund, available = self.account(FUND), self.allowance(pot)
        paid = min(amount, fund.cash, available)
        if paid > 0:
            fund.cash -= paid
            pot.available = available - paid
            pot.available_at = self.time
        return paid

    def pay_shortfall(self, pot: Market) -> int:
        """LIQ-4 step 3."""
        paid = self.draw_fund(pot, pot.shortfall)
        if paid > 0:
            pot.shortfall -= paid
            pot.b += paid
        return paid

    def reward_formula(self) -> int:
        """LIQ-5, in WAD."""
        rules = self.reward
        basefee = min(self.basefee, BASEFEE_MAX)
        cost = rules.gas_units * basefee * rules.native_price * (10**4 + rules.premium)
        return min(max(rules.minimum, floor_div(cost, WAD * 10**4)), rules.cap)

    def reward_due(self, account: int, budget: int) -> int:
        """LIQ-5: what is paid out of `budget`, in WAD; 0 in the interval or below the minimum."""
        last = self.account(account).rewarded_at
        if last != 0 and self.time - last < self.reward.interval:
            return 0
        reward = min(self.reward_formula(), budget)
        return reward if reward >= self.reward.minimum else 0

    # ---- resolve -----------------------------------------------------------------------------

    def is_tied(self, account: int, now: Standing, skip: int | None = None) -> bool:
        """LIQ-4 step 9: whether something of the account is still open, other than in `skip`: a
        live leg, arrears, or a claim that a frozen market holds back."""
        for market, value in now.values.items():
            if market != skip and (
                market in now.sizes or value < 0 or (value > 0 and self.is_frozen(market))
            ):
                return True
        return False

    def take_out_of_frozen_book(self, market: int, leg: Leg) -> int:
        """LED-8: mark a leg of the frozen book at its closing K; its side's sign, or 0 if the leg
        is not of that book."""
        if not self.is_of_frozen_book(market, leg):
            return 0
        frozen, sign = self.markets[market].frozen, sgn(leg.basis)
        size = floor_div(abs(leg.basis) * frozen.a[sign], leg.a_snap)
        frozen.left[sign] -= min(size, frozen.left[sign])
        self.mark(market, leg, self.price(market))
        self.store(leg)
        return sign

    def charge_frozen_book(self, pot: Market, sign: int, rest: int) -> None:
        """LED-8: charge `rest` (WAD) to the frozen side `sign`, by what waits there."""
        frozen = pot.frozen
        a, left = frozen.a[sign], frozen.left[sign]
        if left == 0:
            pot.shortfall += rest
            return
        offset = ceil_div(rest * WAD * a, left)
        most = floor_div(a * frozen.mark, CHARGE_SHARE) - frozen.charged[sign]
        if offset > most:
            offset = most
            pot.shortfall += rest - floor_div(offset * left, WAD * a)
        frozen.charged[sign] += offset
        pot.closing[sign, frozen.epoch] -= offset

    def charge(self, pot: Market, sign: int, rest: int, mark: int) -> None:
        """LIQ-4 step 6: charge `rest` (WAD) to the side `sign` by exposure."""
        side = pot.side(sign)
        offset = ceil_div(rest * WAD * side.a, pot.oi)
        most = floor_div(side.a * mark, CHARGE_SHARE)
        if offset > most:
            offset = most
            pot.shortfall += rest - floor_div(offset * pot.oi, WAD * side.a)
        side.k0 -= offset

    def close(self, pot: Market, size: int, mark: int) -> None:
        """LIQ-4 step 7: close `size` (WAD, signed) at the mark against the whole other side."""
        side = pot.side(-sgn(size))
        oi = pot.oi - abs(size)
        a = floor_div(side.a * oi, pot.oi)
        k0 = side.k0 + side.sign * (side.a - a) * mark  # K(mark) is unchanged
        if a < A_MIN or abs(k0) > K0_MAX:
            self.freeze_book(pot, mark, sgn(size), abs(size))
        else:
            pot.oi = oi
            side.a = a
            side.k0 = k0
