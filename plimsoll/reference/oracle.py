"""Prices (SPEC section 5)."""

from dataclasses import dataclass

from plimsoll.reference.errors import require
from plimsoll.reference.numbers import (
    BUCKET,
    DAY,
    DIVERGENCE,
    GAP_STEP,
    GRACE_MAX,
    HOUR,
    MARKETS,
    MAX_CEILING,
    POINTS,
    SAMPLE_SPAN,
    UNIT,
    floor_div,
)
from plimsoll.reference.state import State, call

FRESH, STALE, DIVERGED, INVALID = 0, 1, 2, 3


@dataclass(frozen=True)
class Average:
    """A time-weighted price (LIQ-9)."""

    price: int  # WAD; 0 when no time is covered
    covered: int  # seconds that count
    since: int  # second at which the window begins


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

    def set_reference_answer(self, market: int, answer: int | None, updated_at: int) -> None:
        """What the market's reference feed answers from now on, as in `set_answer`."""
        reference = self.references[market]
        reference.answer = answer
        reference.updated_at = updated_at

    def set_sequencer_answer(self, answer: int | None, since: int) -> None:
        """What the sequencer's feed answers from now on: 0 for up, and since when."""
        self.sequencer.answer = answer
        self.sequencer.since = since

    # ---- status ------------------------------------------------------------------------------

    def answer_status(
        self, market: int, answer: int | None, updated_at: int, heartbeat: int
    ) -> int:
        """FRESH, STALE or INVALID: what an answer is by itself."""
        if answer is None or not 0 < answer <= 2 ** self.feeds[market].ceiling:
            return INVALID
        if updated_at == 0 or updated_at > self.time:
            return INVALID
        return STALE if self.time - updated_at > heartbeat else FRESH

    def is_up(self) -> bool:
        """Whether there is no sequencer that is down, or came back less than its grace ago."""
        uptime = self.sequencer
        if not uptime.set:
            return True
        if uptime.answer != 0 or not 0 < uptime.since <= self.time:
            return False
        return self.time - uptime.since >= uptime.grace

    def reference_price(self, market: int) -> int | None:
        """The reference feed's price, in WAD, if there is one and it is FRESH."""
        reference = self.references[market]
        answer, updated_at = reference.answer, reference.updated_at
        if not reference.set:
            return None
        status = self.answer_status(market, answer, updated_at, reference.heartbeat)
        return answer if status == FRESH else None

    def status(self, market: int) -> int:
        """FRESH, STALE, DIVERGED or INVALID."""
        feed = self.feeds[market]
        if not feed.set:
            return INVALID
        status = self.answer_status(market, feed.answer, feed.updated_at, feed.heartbeat)
        if status != FRESH or feed.answer is None:
            return status
        if not self.is_up():
            return STALE
        other = self.reference_price(market)
        if other is not None:
            low, high = sorted((feed.answer, other))
            if (high - low) * DIVERGENCE > self.references[market].divergence * low:
                return DIVERGED
        return FRESH

    def is_fresh(self, market: int) -> bool:
        """Whether risk may be opened, and positions marked outside of trades."""
        return self.status(market) == FRESH

    def is_tradable(self, market: int) -> bool:
        """Whether positions may be reduced and liquidated."""
        return self.status(market) in (FRESH, DIVERGED)

    # ---- prices ------------------------------------------------------------------------------

    def price(self, market: int) -> int:
        """The mark if FRESH or DIVERGED, else the last good price: own answer if STALE, else the
        stored one."""
        feed = self.feeds[market]
        if self.status(market) == INVALID or feed.answer is None:
            return feed.stored
        return feed.answer

    def judged_price(self, market: int, size: int) -> int:
        """The price at which who holds `size` is judged: when DIVERGED, the better one for him."""
        price = self.price(market)
        other = self.reference_price(market)
        if self.status(market) != DIVERGED or other is None:
            return price
        return max(price, other) if size > 0 else min(price, other)

    def fresh_price(self, market: int) -> int:
        """The mark of a market that must be FRESH."""
        require(self.is_fresh(market), "feed is not fresh")
        return self.price(market)

    def tradable_price(self, market: int) -> int:
        """The mark of a market that must be FRESH or DIVERGED."""
        require(self.is_tradable(market), "feed is not fresh")
        return self.price(market)

    def average(self, market: int) -> Average:
        """LIQ-9: the time-weighted price of at least the last hour, from the checkpoints."""
        samples = self.feeds[market].checkpoints
        # what each checkpoint's price counts for: (time, price, seconds)
        ends = [time for time, _ in samples[1:]] + [self.time]
        runs = [
            (time, price, min(end - time, SAMPLE_SPAN))
            for (time, price), end in zip(samples, ends, strict=True)
        ]
        points = [
            time
            for i, (time, _) in enumerate(samples)
            if i == 0 or time // BUCKET != samples[i - 1][0] // BUCKET
        ]
        found = Average(0, 0, 0)
        for since in reversed(points[-POINTS:]):
            window = [(price, seconds) for time, price, seconds in runs if time >= since]
            covered = sum(seconds for _, seconds in window)
            total = sum(price * seconds for price, seconds in window)
            found = Average(floor_div(total, covered) if covered else 0, covered, since)
            if covered >= HOUR:
                break
        return found

    # ---- calls -------------------------------------------------------------------------------

    @call
    def set_feed(self, sender: str, market: int, heartbeat: int, gap: int, ceiling: int) -> None:
        """Give a market its feed, with the answer set before; the market must be FRESH with it."""
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
        self.store_price(market, self.fresh_price(market))

    @call
    def set_reference(self, sender: str, market: int, heartbeat: int, divergence: int) -> None:
        """Give a market a reference feed, with the answer set before; all zero takes it away."""
        self.require_admin(sender)
        require(0 <= market < MARKETS and self.feeds[market].set, "no such market")
        reference = self.references[market]
        if heartbeat == 0 and divergence == 0:
            reference.set = False
            return
        require(1 <= heartbeat <= 30 * DAY, "heartbeat out of range")
        require(1 <= divergence <= DIVERGENCE, "divergence out of range")
        reference.set = True
        reference.heartbeat = heartbeat
        reference.divergence = divergence
        require(self.reference_price(market) is not None, "reference is not fresh")
        require(self.status(market) != DIVERGED, "reference diverges")

    @call
    def set_sequencer(self, sender: str, grace: int) -> None:
        """Name the sequencer's feed, with the answer set before; zero takes it away."""
        self.require_admin(sender)
        if grace == 0:
            self.sequencer.set = False
            return
        require(1 <= grace <= GRACE_MAX, "grace out of range")
        self.sequencer.set = True
        self.sequencer.grace = grace
        require(self.is_up(), "sequencer is not up")

    @call
    def checkpoint(self, sender: str, mask: int) -> None:
        """Store the price of every FRESH feed in the bitmap `mask`; anyone may call."""
        for market in range(MARKETS):
            if mask >> market & 1 and self.is_fresh(market):
                self.store_price(market, self.price(market))

    def store_price(self, market: int, price: int) -> None:
        """A price to fall back on, and a sample of the average."""
        feed = self.feeds[market]
        feed.stored = price
        feed.checkpoints = (*feed.checkpoints, (self.time, price))
