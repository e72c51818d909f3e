"""Listing, parameters and their ranges (SPEC sections 3, 7 and 8)."""

from dataclasses import replace

from plimsoll.reference.errors import require
from plimsoll.reference.liquidation import Liquidation
from plimsoll.reference.numbers import (
    AVERAGE_SPAN,
    CONFIG,
    DAY,
    DELISTING_HORIZON,
    FINAL_SHARE,
    FUND,
    HALVINGS_MAX,
    HOUR,
    MARKETS,
    MINUTE,
    MINUTES,
    NANO,
    UNIT,
    WAD,
    ceil_div,
    floor_div,
)
from plimsoll.reference.risk import DEPTH, PENALTY_CAP, SHARE, G
from plimsoll.reference.state import Config, Market, Reward, call, to_address


def require_range(name: str, low: int, value: int, high: int) -> None:
    """Refuse a value outside its range, ends included."""
    require(low <= value <= high, f"{name} out of range")


class Admin(Liquidation):
    """What the engine's owner may do, and its guardian."""

    @call
    def list_market(self, sender: str, market: int, config: Config, allowance_cap: int) -> None:
        """Open a market; its dust buffer comes from the fund's cash."""
        self.require_admin(sender)
        require(0 <= market < MARKETS and not self.markets[market].listed, "no free slot")
        price = self.fresh_price(market)
        require(price < 2 ** self.feeds[market].ceiling, "price at the ceiling")
        require(allowance_cap >= 0, "allowance out of range")
        self._check_config(market, config, price)
        record, fund = self.markets[market], self.account(FUND)
        buffer = max(ceil_div(config.oi_cap * price, 10**28), ceil_div(price, 10**6))
        require(buffer <= fund.cash, "fund cannot pay the dust buffer")
        fund.cash -= buffer
        record.b += buffer
        record.listed = True
        record.config = config
        record.allowance_cap = record.available = allowance_cap
        record.available_at = self.time
        record.folded = self.time // MINUTE % MINUTES
        self.note_price(market, price)

    @call
    def set_market(self, sender: str, market: int, config: Config) -> None:
        """New configuration of a listed market."""
        self.require_admin(sender)
        record, price = self.require_listed(market), self.price(market)
        require(record.ends_at == 0 or config.reduce_only, "what ends opens no more")
        self._check_config(market, config, price)
        had, needs = (ceil_div(cap * price, 10**28) for cap in (record.rules.oi_cap, config.oi_cap))
        if needs > had:
            fund = self.account(FUND)
            require(needs - had <= fund.cash, "fund cannot pay the dust buffer")
            fund.cash -= needs - had
            record.b += needs - had
        record.config = config
        self.count_crowd(record)

    @call
    def set_allowance(self, sender: str, market: int, cap: int) -> None:
        """New size of the fund's allowance bucket, in WAD."""
        self.require_admin(sender)
        record = self.require_listed(market)
        require(cap >= 0, "allowance out of range")
        record.available = min(self.allowance(record), cap)
        record.available_at = self.time
        record.allowance_cap = cap

    @call
    def set_reward(self, sender: str, reward: Reward) -> None:
        """New parameters of the keeper's reward."""
        self.require_admin(sender)
        require(reward.minimum <= reward.cap, "minimum above cap")
        for name in ("minimum", "cap", "native_price"):
            value = getattr(reward, name)
            require_range(name, 0, value, (2**64 - 1) * NANO)
            require(value % NANO == 0, f"{name} is not a multiple of 1e9")
        require_range("gas_units", 0, reward.gas_units, 2**24 - 1)
        require_range("premium", 0, reward.premium, 50_000)
        require_range("interval", 60, reward.interval, 7 * DAY)
        self.reward = reward

    @call
    def set_fund(self, sender: str, fund: str) -> None:
        """The address of the fund contract; another one only while the fund's account is empty."""
        self.require_admin(sender)
        account = self.account(FUND)
        require(self.fund == 0 or (account.cash == 0 and not self.held(FUND)), "fund is set")
        require(to_address(fund) != 0, "fund is zero")
        self.fund = to_address(fund)

    @call
    def set_guardian(self, sender: str, guardian: str) -> None:
        """Who may restrict markets; zero: nobody."""
        self.require_admin(sender)
        self.guardian = to_address(guardian)

    @call
    def restrict_market(self, sender: str, market: int, halvings: int, reduce_only: bool) -> None:
        """MRG-5: what tightens only new risk is immediate; the guardian takes nothing back."""
        who, record = to_address(sender), self.require_listed(market)
        require(who in (self.owner, self.guardian), "caller is neither owner nor guardian")
        require_range("halvings", 0, halvings, HALVINGS_MAX)
        if who != self.owner:
            require(halvings >= record.halvings, "fewer halvings")
            require(reduce_only or not record.stopped, "no longer reduce-only")
        record.halvings, record.stopped = halvings, reduce_only

    @call
    def announce_delisting(self, sender: str, market: int, time: int) -> None:
        """LIQ-9: when a market ends; from now on it only reduces."""
        self.require_admin(sender)
        record = self.require_listed(market)
        require(record.ends_at == 0, "an end is announced")
        require_range("time", self.time + DAY, time, self.time + DELISTING_HORIZON)
        record.ends_at = time
        record.config = replace(record.rules, reduce_only=True)

    @call
    def cancel_delisting(self, sender: str, market: int) -> None:
        """LIQ-9: the end is taken back; the market still only reduces."""
        self.require_admin(sender)
        record = self.require_listed(market)
        require(record.ends_at != 0 and not record.delisted, "no end is announced")
        record.ends_at = 0

    @call
    def delist(self, sender: str, market: int) -> None:
        """LIQ-9: end a market at its average over the last hour; anyone."""
        record = self._due(market)
        self.fresh_price(market)
        average = self.average(market)
        covered = average.covered >= HOUR and self.time - average.since <= AVERAGE_SPAN
        require(covered, "the last hour is not covered")
        self._delist(record, market, average.price)

    @call
    def delist_at(self, sender: str, market: int, price: int) -> None:
        """LIQ-9: end a market whose feed is not fresh at a price near the last good one."""
        self.require_admin(sender)
        record, last = self._due(market), self.price(market)
        require(not self.is_fresh(market), "feed is fresh")
        require(abs(price - last) <= floor_div(last, FINAL_SHARE), "price out of range")
        self._delist(record, market, price)

    def _due(self, market: int) -> Market:
        record = self.require_listed(market)
        require(record.ends_at != 0 and not record.delisted, "no end is announced")
        require(self.time >= record.ends_at, "too early")
        return record

    def _delist(self, record: Market, market: int, price: int) -> None:
        """Close every position at `price`; the book is frozen (LED-8)."""
        record.delisted = True
        self.fold_funding(market, price)
        if record.oi != 0:
            self.freeze_book(record, price)

    def _check_config(self, market: int, config: Config, price: int) -> None:
        """Ranges of a configuration; the listing checks against risk and feed (MRG-6, LED-9)."""
        require_range("oi_cap", 1, config.oi_cap, 2**96 - 1)
        require_range("min_notional", 10**16, config.min_notional, 429 * 10**23)
        require_range("max_notional", 10**18, config.max_notional, 10**30)
        require(config.min_notional <= config.max_notional, "min_notional above max_notional")
        require(config.min_notional % 10**16 == 0, "min_notional is not a multiple of 1e16")
        require(config.max_notional % 10**18 == 0, "max_notional is not a multiple of 1e18")
        require_range("band", 1, config.band, CONFIG // 2)
        require_range("penalty_max", 1, config.penalty_max, CONFIG // 2)
        require_range("penalty_min", 0, config.penalty_min, config.penalty_max)
        require_range("maker_fee", 0, config.maker_fee, 10**4)
        require_range("taker_fee", 0, config.taker_fee, 10**4)
        feed = self.feeds[market]
        require(config.oi_cap * 2**feed.ceiling <= 2**100 * WAD, "oi_cap above the field")
        require(market in self.risks, "no risk parameters")
        share, depth = self.span(SHARE, market)[0], self.span(DEPTH, market)[0]
        require(
            config.penalty_max * 10**7 <= self.span(PENALTY_CAP, market)[0], "penalty above its cap"
        )
        if not config.reduce_only:
            cap_value = config.oi_cap * price * UNIT
            most = share * depth * WAD * WAD
            require(cap_value <= most, "oi_cap above the depth's share")
        require(feed.gap <= self.span(G, market)[0], "feed's gap above g")
