"""Risk parameters over time: volatility and announcements (SPEC section 3, MRG-4 and MRG-5)."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace

from plimsoll.reference.errors import require
from plimsoll.reference.margin import Blend, Breakdown, Globals, Risk, breakdown, is_correlation
from plimsoll.reference.numbers import DAY, MARKETS, RHO, UNIT, WAD, ceil_div, floor_div, sqrt_up
from plimsoll.reference.oracle import Oracle
from plimsoll.reference.state import call, to_address

FINE = 10**27  # scale of logarithms and weights
LN2 = 693147180559945309417232121
HOUR = 3_600
MIN_INTERVAL = 60  # seconds between two observations
MIN_LEAD = DAY
MIN_DURATION = HOUR
MAX_AHEAD = 180 * DAY
RHO_STEP = RHO // 2

SIGMA, F, G, LAMBDA, DEPTH, C, PENALTY_CAP, SHARE, Z, KAPPA, CORRELATIONS, VOLATILITY = range(12)
# the field of `Risk` that each of the first eight stands for
FIELDS = ("sigma", "f", "g", "lam", "depth", "c", "penalty_cap", "share")
RANGES = (
    (10**9, 5 * UNIT),
    (10**9, UNIT),
    (0, UNIT),
    (0, UNIT),
    (1, 10**12),
    (0, 10**11),
    (10**9, UNIT // 2),
    (1, 10**13),
    (WAD, 10 * WAD),
    (125 * 10**16, 10 * WAD),
)
# a step below this is allowed whatever its ratio
LEAST = {G: 10**10, LAMBDA: 10**10, C: 10**7}


@dataclass(frozen=True)
class Settings:
    """What sigma of a market follows."""

    b: int = 0  # UNIT, share of the observed volatility that counts
    tau: int = DAY  # seconds
    period: int = HOUR  # seconds
    cap: int = 5 * UNIT  # UNIT
    speed: int = UNIT // 4  # UNIT, most that sigma moves in an hour


@dataclass(frozen=True)
class Observation:
    """The last observed price of a market, and what was learned up to it."""

    price: int  # WAD
    time: int
    variance: int  # 1e30, per second
    anchor: int  # UNIT
    anchor_time: int


@dataclass(frozen=True)
class Change:
    """An announced change; the base is what the state holds."""

    value: object  # int, matrix or Settings
    start: int
    end: int


def log_ratio(a: int, b: int) -> int:
    """|ln(a/b)| at 1e27."""
    high, low, doublings = max(a, b), min(a, b), 0
    while high > 2 * low:
        low *= 2
        doublings += 1
    z = floor_div((high - low) * FINE, high + low)
    q = floor_div(z * z, FINE)
    total, term, k = 0, z, 0
    while term > 0:
        total += floor_div(term, 2 * k + 1)
        term = floor_div(term * q, FINE)
        k += 1
    return doublings * LN2 + 2 * total


def decay(elapsed: int, tau: int) -> int:
    """exp(-elapsed/tau) at 1e27."""
    x = floor_div(elapsed * FINE, tau)
    halvings, f = divmod(x, LN2)
    if halvings >= 90:
        return 0
    total, term, k = 0, FINE, 0
    while term > 0:
        total += -term if k % 2 else term
        k += 1
        term = floor_div(term * f, k * FINE)
    return floor_div(total, 2**halvings)


def average(variance: int, old: int, new: int, elapsed: int, tau: int) -> int:
    """The variance per second (1e30) after a price `elapsed` seconds later."""
    w, r = decay(elapsed, tau), log_ratio(new, old)
    square = ceil_div(r * r, 10**24)
    return ceil_div(w * variance * elapsed + (FINE - w) * square, FINE * elapsed)


def observed_sigma(variance: int, settings: Settings) -> int:
    """What a variance stands for over the margin period, in UNIT, capped."""
    root = sqrt_up(variance * settings.period)
    return min(ceil_div(settings.b * root, 10**15), settings.cap)


def limited(anchor: int, target: int, speed: int, floor: int) -> int:
    """The sigma nearest to the target within the hourly limit; the floor if that is higher."""
    narrow, wide = 3 * UNIT + speed, 3 * UNIT + 2 * speed
    low, high = ceil_div(anchor * narrow, wide), floor_div(anchor * wide, narrow)
    return max(floor, low, min(target, high))


def check_step(old: int, new: int, least: int = 0) -> None:
    """A step is at most a factor of two, or ends and starts below `least`."""
    high = max(old, new)
    require(high <= 2 * min(old, new) or high <= least, "step too large")


def check_range(what: int, value: int) -> None:
    """Ranges of section 8."""
    low, high = RANGES[what]
    name = FIELDS[what] if what < Z else ("z", "kappa")[what - Z]
    require(low <= value <= high, f"{name} out of range")


def check_settings(settings: Settings) -> None:
    """Ranges of section 8."""
    bounds = ((0, 10 * UNIT), (HOUR, 90 * DAY), (60, 30 * DAY), (10**9, 5 * UNIT), (10**9, UNIT))
    for place, value, (low, high) in zip(fields(settings), astuple(settings), bounds, strict=True):
        require(low <= value <= high, f"{place.name} out of range")


class Risks(Oracle):
    """The risk model: parameters, what is announced for them, and the volatility.

    `risks` holds a market's parameters with the effective sigma as last stored, `floors` its floor.
    """

    # ---- what holds at a time ----------------------------------------------------------------

    def line(self, what: int, market: int, base: int, time: int) -> int:
        """Where a value is at a time."""
        change = self.changes.get((what, market))
        if change is None or time <= change.start:
            return base
        if time >= change.end:
            return int(change.value)
        whole = change.end - change.start
        total = base * (change.end - time) + change.value * (time - change.start)
        down = what in (DEPTH, PENALTY_CAP, SHARE)
        return floor_div(total, whole) if down else ceil_div(total, whole)

    def floor_at(self, market: int, time: int) -> int:
        """The floor of a market's sigma."""
        return self.line(SIGMA, market, self.floors[market], time)

    def risk_at(self, market: int, time: int) -> Risk:
        """A market's parameters; sigma is the one that margins use."""
        risk: Risk = self.risks[market]
        if not any((what, market) in self.changes for what in range(Z)):
            return risk
        moved = {
            name: self.line(what, market, getattr(risk, name), time)
            for what, name in enumerate(FIELDS)
            if what != SIGMA
        }
        return replace(risk, sigma=max(risk.sigma, self.floor_at(market, time)), **moved)

    def globals_at(self, time: int) -> Globals:
        """z and kappa."""
        now = self.globals
        return Globals(self.line(Z, 0, now.z, time), self.line(KAPPA, 0, now.kappa, time))

    def settings_at(self, market: int, time: int) -> Settings:
        """What a market's sigma follows."""
        change = self.changes.get((VOLATILITY, market))
        if change is not None and time >= change.start:
            return change.value  # type: ignore[no-any-return]
        return self.settings.get(market, Settings())  # type: ignore[no-any-return]

    def margin_at(
        self, x: dict[int, int], time: int, crowding: dict[int, int] | None = None
    ) -> Breakdown:
        """The margin of notionals at a time, by what is announced now."""
        if not self.changes:
            return breakdown(x, self.risks, self.rho, self.globals, crowding)
        risks = {m: self.risk_at(m, time) for m in x}
        change = self.changes.get((CORRELATIONS, 0))
        blend = None
        if change is not None:
            passed = min(max(time, change.start), change.end) - change.start
            blend = Blend(change.value, passed, change.end - change.start)
        return breakdown(x, risks, self.rho, self.globals_at(time), crowding, blend)

    def preview(
        self, x: dict[int, int], time: int, crowding: dict[int, int] | None = None
    ) -> tuple[int, int]:
        """(MM, IM) of notionals at a time to come."""
        require(time >= self.time, "time has passed")
        found = self.margin_at(x, time, crowding)
        return found.mm, found.im

    def span(self, what: int, market: int) -> tuple[int, int]:
        """The lowest and the highest that a value is from now on by what is announced."""
        name = FIELDS[what]
        base = self.floors[market] if what == SIGMA else getattr(self.risks[market], name)
        change = self.changes.get((what, market))
        if change is None:
            return base, base
        if self.time >= change.end:
            return change.value, change.value
        return min(base, change.value), max(base, change.value)

    # ---- calls -------------------------------------------------------------------------------

    def _require_announcer(self, sender: str) -> None:
        require(to_address(sender) in (self.owner, self.steward or self.owner), "may not announce")

    @call
    def set_steward(self, sender: str, who: str) -> None:
        """Who may announce and cancel besides the owner."""
        self.require_admin(sender)
        self.steward = to_address(who)

    @call
    def set_guardian(self, sender: str, who: str) -> None:
        """Who may cancel besides the owner and the steward."""
        self.require_admin(sender)
        self.guardian = to_address(who)

    @call
    def set_risk(self, sender: str, market: int, risk: Risk) -> None:
        """The parameters of a market that has none; its sigma is the floor (MRG-6)."""
        self.require_admin(sender)
        require(0 <= market < MARKETS, "no such market")
        require(market not in self.risks, "market is set")
        for what, value in enumerate(astuple(risk)):
            check_range(what, value)
        self.risks[market] = risk
        self.floors[market] = risk.sigma
        self._check_listing_rules(market)

    @call
    def set_volatility(self, sender: str, market: int, settings: Settings) -> None:
        """What sigma of a market follows, before the market is set."""
        self.require_admin(sender)
        require(0 <= market < MARKETS, "no such market")
        require(market not in self.risks, "market is set")
        check_settings(settings)
        self.settings[market] = settings

    @call
    def set_globals(self, sender: str, z: int, kappa: int) -> None:
        """z and kappa, in WAD, before the first market is set."""
        self.require_admin(sender)
        require(not self.risks, "a market is set")
        require(not self.changes, "a change is pending")
        check_range(Z, z)
        check_range(KAPPA, kappa)
        self.globals = Globals(z, kappa)

    @call
    def set_correlations(self, sender: str, matrix: Sequence[Sequence[int]]) -> None:
        """The whole matrix in RHO; what is between markets that are set stays (MRG-3)."""
        self.require_admin(sender)
        require((CORRELATIONS, 0) not in self.changes, "a change is pending")
        require(is_correlation(matrix), "not a correlation matrix")
        known = list(self.risks)
        same = all(matrix[m][n] == self.rho[m][n] for m in known for n in known)
        require(same, "correlations of markets that are set")
        self.rho = tuple(tuple(row) for row in matrix)

    @call
    def raise_kappa(self, sender: str, kappa: int) -> None:
        """More initial margin, at once."""
        self._require_announcer(sender)
        require((KAPPA, 0) not in self.changes, "a change is pending")
        require(kappa > self.globals.kappa, "kappa may only rise")
        check_step(self.globals.kappa, kappa)
        check_range(KAPPA, kappa)
        self.globals = Globals(self.globals.z, kappa)

    @call
    def announce(
        self, sender: str, what: int, market: int, value: int, start: int, end: int
    ) -> None:
        """A change of one value."""
        self._require_announcer(sender)
        require(0 <= what <= KAPPA, "no such parameter")
        self._require_place(what, market)
        if what == G:
            require(self.feeds[market].set, "no feed")
            require(value >= self.feeds[market].gap, "g below the feed's gap")
        check_range(what, value)
        self._check_times(start, end)
        self._clear(what, market)
        if what >= Z:
            old = (self.globals.z, self.globals.kappa)[what - Z]
        else:
            old = self.span(what, market)[0]
        check_step(old, value, LEAST.get(what, 0))
        self.changes[what, market] = Change(value, start, end)
        if what < Z:
            self._check_listing_rules(market)

    @call
    def announce_correlations(
        self, sender: str, matrix: Sequence[Sequence[int]], start: int, end: int
    ) -> None:
        """Another matrix."""
        self._require_announcer(sender)
        self._check_times(start, end)
        self._clear(CORRELATIONS, 0)
        require(is_correlation(matrix), "not a correlation matrix")
        span = range(MARKETS)
        step = max(abs(matrix[m][n] - self.rho[m][n]) for m in span for n in span)
        require(step <= RHO_STEP, "step too large")
        self.changes[CORRELATIONS, 0] = Change(tuple(tuple(row) for row in matrix), start, end)

    @call
    def announce_volatility(self, sender: str, market: int, settings: Settings, start: int) -> None:
        """Other settings of a market's volatility."""
        self._require_announcer(sender)
        self._require_place(VOLATILITY, market)
        self._check_times(start, start + MIN_DURATION)
        check_settings(settings)
        self._clear(VOLATILITY, market)
        now = self.settings_at(market, self.time)
        for place, old, new in zip(fields(now), astuple(now), astuple(settings), strict=True):
            check_step(old, new, UNIT if place.name == "b" else 0)
        self.changes[VOLATILITY, market] = Change(settings, start, start)

    @call
    def cancel(self, sender: str, what: int, market: int) -> None:
        """Drop what has not started."""
        who = to_address(sender)
        require(who in {self.owner, self.steward, self.guardian} - {0}, "may not cancel")
        change = self.changes.get((what, market))
        require(change is not None, "nothing announced")
        require(self.time < change.start, "change has started")  # type: ignore[union-attr]
        del self.changes[what, market]

    @call
    def fold(self, sender: str, what: int, market: int) -> None:
        """Store the end of what has ended; anyone may call."""
        change = self.changes.get((what, market))
        require(change is not None, "nothing announced")
        require(self.time >= change.end, "change has not ended")  # type: ignore[union-attr]
        self._fold(what, market)

    @call
    def observe(self, sender: str, market: int) -> None:
        """Fold the price into the volatility and move sigma; anyone may call (MRG-4)."""
        require(market in self.risks, "market is not set")
        price, now = self.fresh_price(market), self.time
        floor = self.floor_at(market, now)
        sigma = max(self.risks[market].sigma, floor)
        change = self.changes.get((VOLATILITY, market))
        if change is not None and now >= change.start:
            self._fold(VOLATILITY, market)
        last = self.observations.get(market)
        if last is None:
            found = Observation(price, now, 0, sigma, now)
        else:
            elapsed = now - last.time
            require(elapsed >= MIN_INTERVAL, "observed too recently")
            settings = self.settings_at(market, now)
            variance = average(last.variance, last.price, price, elapsed, settings.tau)
            anchor, since = last.anchor, last.anchor_time
            if now > since + HOUR:
                anchor, since = sigma, now
            sigma = limited(anchor, observed_sigma(variance, settings), settings.speed, floor)
            found = Observation(price, now, variance, anchor, since)
        self.observations[market] = found
        self.risks[market] = replace(self.risks[market], sigma=sigma)

    # ---- parts -------------------------------------------------------------------------------

    def _require_place(self, what: int, market: int) -> None:
        require(0 <= market < MARKETS, "no such market")
        if what in (Z, KAPPA):
            require(market == 0, "no such market")
        else:
            require(market in self.risks, "market is not set")

    def _check_times(self, start: int, end: int) -> None:
        require(start >= self.time + MIN_LEAD, "lead time too short")
        require(end <= self.time + MAX_AHEAD, "end too far ahead")
        require(end - start >= MIN_DURATION, "change too fast")

    def _clear(self, what: int, market: int) -> None:
        """Fold what has ended; refuse while something has not."""
        change = self.changes.get((what, market))
        if change is not None:
            require(self.time >= change.end, "a change is pending")
            self._fold(what, market)

    def _fold(self, what: int, market: int) -> None:
        value = self.changes[what, market].value
        del self.changes[what, market]
        if what == SIGMA:
            self.floors[market] = value
            risk = self.risks[market]
            self.risks[market] = replace(risk, sigma=max(risk.sigma, value))
        elif what < Z:
            self.risks[market] = replace(self.risks[market], **{FIELDS[what]: value})
        elif what == Z:
            self.globals = Globals(value, self.globals.kappa)
        elif what == KAPPA:
            self.globals = Globals(self.globals.z, value)
        elif what == CORRELATIONS:
            self.rho = value
        else:
            self.settings[market] = value

    def _check_listing_rules(self, market: int) -> None:
        """MRG-6, every value at its worst from now on."""
        f = self.span(F, market)[0]
        g, lam = self.span(G, market)[1], self.span(LAMBDA, market)[1]
        penalty, share = self.span(PENALTY_CAP, market)[1], self.span(SHARE, market)[1]
        require(f >= 2 * penalty, "f below two penalties")
        require(f >= g + penalty, "f below gap and penalty")
        require(f * UNIT >= lam * share, "f below the impact of the share")
