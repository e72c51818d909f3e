"""Prices (SPEC section 5)."""

from plimsoll.reference.errors import require
from plimsoll.reference.numbers import DAY, GAP_STEP, MARKETS, MAX_CEILING, UNIT
from plimsoll.reference.state import State, call

FRESH, STALE, DIVERGED, INVALID = 0, 1, 2, 3


class Oracle(State):
    """Feeds as the engine sees them."""

    def set_time(self, time: int) -> None:
        """The time of the next calls, in seconds."""
        self.time = time

    def set_basefee(self, basefee: int) -> None:
        """The block's base fee, in wei."""
        self.basefee = basefee

    def set_answer(self, market: int, answer: int | None, updated_at: int) -> None:
        """What the market's feed answers from now on, in WAD; None for a feed that fails."""
        feed = self.feeds[market]
        feed.answer = answer
        feed.updated_at = updated_at

    def status(self, market: int) -> int:
        """FRESH, STALE or INVALID."""
        feed = self.feeds[market]
        if not feed.set or feed.answer is None or not 0 < feed.answer <= 2**feed.ceiling:
            return INVALID
        if feed.updated_at == 0 or feed.updated_at > self.time:
            return INVALID
        return STALE if self.time - feed.updated_at > feed.heartbeat else FRESH

    def is_fresh(self, market: int) -> bool:
        """Whether the market may be traded and marked."""
        return self.status(market) == FRESH

    def price(self, market: int) -> int:
        """The mark if FRESH, else the last good price: own answer if STALE, else the stored one."""
        feed = self.feeds[market]
        if self.status(market) == INVALID or feed.answer is None:
            return feed.stored
        return feed.answer

    def fresh_price(self, market: int) -> int:
        """The mark of a market whose feed must be FRESH."""
        require(self.is_fresh(market), "feed is not fresh")
        return self.price(market)

    @call
    def set_feed(self, sender: str, market: int, heartbeat: int, gap: int, ceiling: int) -> None:
        """Give a market its feed, with the answer set before; it must be FRESH."""
        self.require_admin(sender)
        require(0 <= market < MARKETS, "no such market")
        require(1 <= heartbeat <= 30 * DAY, "heartbeat out of range")
        require(0 <= gap <= UNIT and gap % GAP_STEP == 0, "gap out of range")
        require(0 <= ceiling <= MAX_CEILING, "ceiling out of range")
        feed = self.feeds[market]
        require(not feed.set or ceiling <= feed.ceiling, "ceiling may not rise")
        feed.set = True
        feed.heartbeat = heartbeat
        feed.gap = gap
        feed.ceiling = ceiling
        feed.stored = self.fresh_price(market)

    @call
    def checkpoint(self, sender: str, mask: int) -> None:
        """Store the price of every FRESH feed in the bitmap `mask`; anyone may call."""
        for market in range(MARKETS):
            if mask >> market & 1 and self.is_fresh(market):
                self.feeds[market].stored = self.price(market)
