"""The plan of a network: what to deploy there and with which parameters.

People write it as YAML in human units (`deployments/<network>.yaml`): fractions as decimals, money
in quote units, sizes in base units. Everything is read as `Decimal` and turned into the contracts'
integers exactly; a value that does not fit its scale is refused, never rounded. The ranges and the
checks between parameters are those of docs/SPEC.md, sections 3, 7 and 8, so that a mistake shows
before the first transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml  # type: ignore[import-untyped]
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from plimsoll.protocol.addresses import ZERO_ADDRESS, checked_address
from plimsoll.protocol.errors import PlanError

_T = TypeVar("_T")

WAD = 10**18
UNIT = 10**12
RHO = 10**4
MARKETS = 16
CEILING_MAX = 89
#: largest size at the highest price a feed may name: 2**100 quote WAD (LED-9)
_EXPOSURE = WAD << 100
#: by this many bits a cap on open interest may still be raised under a ceiling that was computed
_ROOM = 4
#: notice of every governed change, seconds (MRG-5)
MIN_LEAD = 86_400
#: longest delay that the timelock takes, seconds
DELAY_MAX = 30 * 86_400
#: range of a haircut, 1e5, and how many collateral tokens there may be (LIQ-7)
HAIRCUT_MIN, HAIRCUT_MAX = 5_000, 95_000
TOKENS = 8
#: stands for the zero address among the executors
ANYONE = "anyone"


@dataclass(frozen=True)
class Fixed:
    """A decimal that the contracts hold as an integer of `places` decimals.

    `low` and `high` are its range and `step` its grain, all in integers; `unit` is for messages.
    """

    places: int
    low: int = 0
    high: int | None = None
    step: int = 1
    unit: str = ""

    def read(self, value: Any) -> Decimal:
        """Return the value as a Decimal that fits. Raises ValueError."""
        number = _decimal(value)
        self.units(number)
        return number

    def units(self, number: Decimal) -> int:
        """Return the integer. Raises ValueError when it is not one, or out of range."""
        exact = Fraction(number) * 10**self.places
        if exact.denominator != 1 or exact.numerator % self.step:
            grain = _human(self.step, self.places)
            raise ValueError(f"{number} is not a multiple of {grain}; round it yourself")
        units: int = exact.numerator
        if units < self.low or (self.high is not None and units > self.high):
            high = "" if self.high is None else f" to {_human(self.high, self.places)}"
            unit = f" ({self.unit})" if self.unit else ""
            low = _human(self.low, self.places)
            raise ValueError(f"{number} is out of range; choose {low}{high or ' or more'}{unit}")
        return units

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic read the field through `read`."""
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.to_string_ser_schema()
        )


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{value!r} is no number; write it in digits")  # noqa: TRY004
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number; write it in digits") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not finite; write a number")
    return number


def _human(units: int, places: int) -> str:
    whole, part = divmod(units, 10**places)
    text = f"{whole}.{part:0{places}d}".rstrip("0") if part else str(whole)
    return f"-{_human(-units, places)}" if units < 0 else text


def _address(value: str) -> str:
    address = checked_address(value)
    if address == ZERO_ADDRESS:
        raise ValueError("the zero address holds nothing; name a real one")
    return address


Address = Annotated[str, AfterValidator(_address)]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,23}$")]


class _Model(BaseModel):
    """Frozen, no unknown fields; `units` gives a field as the contracts hold it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def units(self, field: str) -> int:
        """Return a fixed-point field as the contracts' integer."""
        for part in type(self).model_fields[field].metadata:
            if isinstance(part, Fixed):
                return part.units(getattr(self, field))
        return int(getattr(self, field))

    def chain(self) -> dict[str, Any]:
        """Return all fields as the contracts hold them, by the struct's names."""
        fields = type(self).model_fields
        return {
            name: (value if isinstance(value := getattr(self, name), bool) else self.units(name))
            for name in fields
        }


class TestToken(_Model):
    """A token that anyone may mint, for local networks."""

    decimals: Annotated[int, Field(ge=2, le=18)]


class Token(_Model):
    """The quote token: one that exists, or a test token to deploy."""

    address: Address | None = None
    test: TestToken | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Token:
        if (self.address is None) == (self.test is None):
            raise ValueError("give either address or test, not both and not none")
        return self


class MockFeed(_Model):
    """A feed that anyone may set, for local networks."""

    decimals: Annotated[int, Field(ge=0, le=18)] = 8
    #: quote per base
    price: Annotated[Decimal, Fixed(18, low=1, high=2**CEILING_MAX, unit="quote per base")]

    @model_validator(mode="after")
    def _fits(self) -> MockFeed:
        Fixed(self.decimals, low=1).units(self.price)
        return self

    def answer(self, price: Decimal | None = None) -> int:
        """Return a price (default: the first one) as the feed's answer."""
        return Fixed(self.decimals, low=1).units(self.price if price is None else price)


class Feed(_Model):
    """Where a market's price comes from."""

    address: Address | None = None
    mock: MockFeed | None = None
    #: seconds an answer stays fresh
    heartbeat: Annotated[int, Field(ge=1, le=30 * 86_400)]
    #: fraction by which two answers may differ
    gap: Annotated[Decimal, Fixed(12, high=UNIT, step=10**3, unit="a fraction")]
    #: bits of the highest valid price, WAD; computed from the cap on open interest when left out
    ceiling: Annotated[int, Field(ge=1, le=CEILING_MAX)] | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Feed:
        if (self.address is None) == (self.mock is None):
            raise ValueError("give either address or mock, not both and not none")
        return self

    def resolved(self) -> Any:
        """Return its address, or what its mock starts with."""
        mock = self.mock
        if mock is None:
            return self.address
        return {"decimals": mock.decimals, "answer": mock.answer()}


class RiskParams(_Model):
    """Margin parameters of a market (docs/SPEC.md, section 3)."""

    #: volatility over the margin period, a fraction
    sigma: Annotated[Decimal, Fixed(12, 10**9, 5 * UNIT, unit="a fraction")]
    #: floor of the maintenance margin, a fraction of the notional
    f: Annotated[Decimal, Fixed(12, 10**9, UNIT, unit="a fraction")]
    #: move that one leg alone must cover, a fraction of the notional
    g: Annotated[Decimal, Fixed(12, 0, UNIT, unit="a fraction")]
    #: cost of closing a position as large as the depth, a fraction
    lambda_: Annotated[Decimal, Fixed(12, 0, UNIT, unit="a fraction"), Field(alias="lambda")]
    #: size of the market's book, quote
    depth: Annotated[Decimal, Fixed(0, 1, 10**12, unit="whole quote")]
    #: fixed cost of closing a position, quote
    c: Annotated[Decimal, Fixed(6, 0, 10**11, unit="quote")]
    #: largest liquidation penalty a listing may ask for, a fraction
    penalty_cap: Annotated[Decimal, Fixed(12, 10**9, UNIT // 2, unit="a fraction")]
    #: largest open interest as a share of the depth
    share: Annotated[Decimal, Fixed(12, 1, 10**13, unit="a multiple of the depth")]

    @model_validator(mode="after")
    def _mrg_6(self) -> RiskParams:
        if self.f < 2 * self.penalty_cap:
            raise ValueError(f"f {self.f} is below twice penalty_cap {self.penalty_cap} (MRG-6)")
        if self.f < self.g + self.penalty_cap:
            raise ValueError(
                f"f {self.f} is below g + penalty_cap {self.g + self.penalty_cap} (MRG-6)"
            )
        if Fraction(self.f) < Fraction(self.lambda_) * Fraction(self.share):
            raise ValueError(
                f"f {self.f} is below lambda * share {self.lambda_ * self.share} (MRG-6)"
            )
        return self


class Config(_Model):
    """Trading limits of a market (docs/SPEC.md, section 7)."""

    #: largest open interest, base units
    oi_cap: Annotated[Decimal, Fixed(18, 1, 2**96 - 1, unit="base units")]
    #: smallest and largest notional of a position, quote
    min_notional: Annotated[
        Decimal, Fixed(18, 10**16, (2**32 - 1) * 10**16, step=10**16, unit="quote")
    ]
    max_notional: Annotated[Decimal, Fixed(18, WAD, 10**30, step=WAD, unit="whole quote")]
    #: distance of a fill's price from the mark, a fraction
    band: Annotated[Decimal, Fixed(5, 1, 50_000, unit="a fraction")]
    #: liquidation penalty of a small and of a full shortfall, a fraction
    penalty_min: Annotated[Decimal, Fixed(5, 0, 50_000, unit="a fraction")]
    penalty_max: Annotated[Decimal, Fixed(5, 1, 50_000, unit="a fraction")]
    #: fees, a fraction of the notional
    maker_fee: Annotated[Decimal, Fixed(6, 0, 10_000, unit="a fraction")]
    taker_fee: Annotated[Decimal, Fixed(6, 0, 10_000, unit="a fraction")]
    reduce_only: bool = False
    #: most of the open interest that called accounts lose in ten minutes, 16ths; 0: no limit
    takeover_share: Annotated[int, Field(ge=0, le=15)] = 4

    @model_validator(mode="after")
    def _ordered(self) -> Config:
        if self.penalty_min > self.penalty_max:
            raise ValueError(f"penalty_min {self.penalty_min} is above penalty_max")
        if self.min_notional > self.max_notional:
            raise ValueError(f"min_notional {self.min_notional} is above max_notional")
        return self


class Market(_Model):
    """One market."""

    number: Annotated[int, Field(ge=0, lt=MARKETS)]
    feed: Feed
    risk: RiskParams
    config: Config
    #: what the fund may pay for it in a day, quote
    allowance: Annotated[Decimal, Fixed(18, 0, 2**103 - 1, unit="quote")]

    @model_validator(mode="after")
    def _mrg_6(self) -> Market:
        if self.feed.gap > self.risk.g:
            raise ValueError(f"feed.gap {self.feed.gap} is above risk.g {self.risk.g} (MRG-6)")
        if self.config.penalty_max > self.risk.penalty_cap:
            raise ValueError(
                f"config.penalty_max {self.config.penalty_max} is above risk.penalty_cap "
                f"{self.risk.penalty_cap} (MRG-6)"
            )
        if self.config.units("oi_cap") << self.ceiling > _EXPOSURE:
            raise ValueError(
                f"config.oi_cap {self.config.oi_cap} at the ceiling of {self.ceiling} bits is "
                "above 2**100 quote WAD (LED-9): lower one of them"
            )
        if self.feed.mock is not None:
            problem = self.problem_at(self.feed.mock.units("price"))
            if problem:
                raise ValueError(problem)
        return self

    @property
    def ceiling(self) -> int:
        """Bits of the highest valid price: as given, or the highest at which the cap on open
        interest may still grow sixteenfold (LED-9)."""
        if self.feed.ceiling is not None:
            return self.feed.ceiling
        room = _EXPOSURE // (self.config.units("oi_cap") << _ROOM)
        return min(CEILING_MAX, max(room.bit_length() - 1, 1))

    def problem_at(self, price: int) -> str | None:
        """Say what keeps the market from being listed at a price (WAD), or None."""
        if price >= 1 << self.ceiling:
            return (
                f"the price {_human(price, 18)} reaches the ceiling of {self.ceiling} bits, "
                f"{_human(1 << self.ceiling, 18)}: raise feed.ceiling or lower config.oi_cap"
            )
        if not self.config.reduce_only:
            worth = self.config.units("oi_cap") * price
            limit = self.risk.units("share") * self.risk.units("depth") * (WAD * WAD // UNIT)
            if worth > limit:
                return (
                    f"config.oi_cap is worth {_human(worth, 36)} at this price, above "
                    f"risk.share * risk.depth {_human(limit, 36)} (MRG-6): lower it or raise those"
                )
        return None

    def buffer_at(self, price: int) -> int:
        """Return the dust buffer that listing at a price (WAD) takes from the fund, quote WAD."""
        return max(-(-self.config.units("oi_cap") * price // 10**28), -(-price // 10**6))


class CollateralToken(_Model):
    """A collateral token: one that exists, or a test token to deploy."""

    address: Address | None = None
    test: TestToken | None = None

    @model_validator(mode="after")
    def _one_of(self) -> CollateralToken:
        if (self.address is None) == (self.test is None):
            raise ValueError("give either address or test, not both and not none")
        return self


class Collateral(_Model):
    """A token that the vault takes beside the quote token (docs/SPEC.md, LIQ-7).

    Its price is that of a market (`market`), or of a feed of its own (`feed`) in a slot of the
    oracle that no market has (`number`).
    """

    token: CollateralToken
    market: str | None = None
    number: Annotated[int, Field(ge=0, lt=MARKETS)] | None = None
    feed: Feed | None = None
    #: what its value is cut by, a fraction; the feed's gap at least
    haircut: Annotated[
        Decimal, Fixed(5, HAIRCUT_MIN, HAIRCUT_MAX, unit="a fraction; LIQ-7 sets the range")
    ]
    #: what all accounts together may bring, tokens
    cap: Annotated[Decimal, Fixed(18, 1, 2**160 - 1, unit="tokens")]

    @model_validator(mode="after")
    def _priced_once(self) -> Collateral:
        if (self.market is None) == (self.feed is None):
            raise ValueError("give either market or feed, not both and not none")
        if (self.number is None) != (self.feed is None):
            raise ValueError("number is the oracle's slot of a feed of its own: give both or none")
        if self.feed is not None:
            problem = self.problem_under(self.feed.gap, self.ceiling)
            mock = self.feed.mock
            if problem is None and mock is not None:
                problem = self.problem_at(mock.units("price"))
            if problem:
                raise ValueError(problem)
        return self

    @property
    def ceiling(self) -> int:
        """Bits of the highest valid price of a feed of its own: as given, or the highest at which
        the cap may still grow sixteenfold (LED-9)."""
        if self.feed is not None and self.feed.ceiling is not None:
            return self.feed.ceiling
        room = _EXPOSURE // (self.units("cap") << _ROOM)
        return min(CEILING_MAX, max(room.bit_length() - 1, 1))

    def problem_under(self, gap: Decimal, ceiling: int) -> str | None:
        """Say what keeps it from being listed with such a feed, or None."""
        if self.haircut < gap:
            return (
                f"haircut {self.haircut} is below the gap {gap} of its feed (LIQ-7): the price may "
                "make that move at once; raise the haircut"
            )
        if self.units("cap") << ceiling > _EXPOSURE:
            return (
                f"cap {self.cap} at its feed's ceiling of {ceiling} bits is above 2**100 quote WAD "
                "(LED-9): lower the cap"
            )
        return None

    def problem_at(self, price: int) -> str | None:
        """Say what is wrong with the first price (WAD) of a feed of its own, or None."""
        if price >= 1 << self.ceiling:
            return (
                f"the price {_human(price, 18)} reaches the ceiling of {self.ceiling} bits, "
                f"{_human(1 << self.ceiling, 18)}: raise feed.ceiling or lower the cap"
            )
        return None


class Globals(_Model):
    """Margin parameters of all markets."""

    #: expected shortfall in standard deviations
    z: Annotated[Decimal, Fixed(18, WAD, 10 * WAD)]
    #: initial margin over maintenance margin
    kappa: Annotated[Decimal, Fixed(18, 125 * 10**16, 10 * WAD)]


class Reward(_Model):
    """How keepers are paid (LIQ-5)."""

    #: least and most a keeper gets, quote
    minimum: Annotated[Decimal, Fixed(18, 0, (2**64 - 1) * 10**9, step=10**9, unit="quote")]
    cap: Annotated[Decimal, Fixed(18, 0, (2**64 - 1) * 10**9, step=10**9, unit="quote")]
    gas_units: Annotated[int, Field(ge=0, lt=2**24)]
    #: on top of what the gas costs, a fraction
    premium: Annotated[Decimal, Fixed(4, 0, 50_000, unit="a fraction")]
    #: quote per native token
    native_price: Annotated[Decimal, Fixed(18, 0, (2**64 - 1) * 10**9, step=10**9, unit="quote")]
    #: seconds between two rewards for one account
    interval: Annotated[int, Field(ge=60, le=604_800)]

    @model_validator(mode="after")
    def _ordered(self) -> Reward:
        if self.minimum > self.cap:
            raise ValueError(f"minimum {self.minimum} is above cap {self.cap}")
        return self


class Fund(_Model):
    """The insurance fund at the start."""

    #: name and symbol of its shares
    name: Annotated[str, Field(min_length=1, max_length=25, pattern=r"^[ -~]+$")] = (
        "Plimsoll Insurance Fund"
    )
    symbol: Annotated[str, Field(min_length=1, max_length=5, pattern=r"^[ -~]+$")] = "plF"
    #: seconds from a request to redeem to its window of a day (LIQ-8)
    notice: Annotated[int, Field(ge=3_600, le=5_184_000)] = 604_800
    #: what the deployer pays in, quote; it must reach for the markets' dust buffers
    seed: Annotated[Decimal, Fixed(18, 1, 2**103 - 1, unit="quote")]


def _executor(value: str) -> str:
    return ZERO_ADDRESS if value == ANYONE else _address(value)


class Governance(_Model):
    """Who may change the protocol once it is deployed; the deployer may not.

    Owner of everything is a timelock. `guardian` and `steward` act at once, but can only tighten
    what may be opened, and announce parameters within the rules' bounds (MRG-5).
    """

    #: seconds between scheduling an owner's call and making it
    delay: Annotated[int, Field(ge=0, le=DELAY_MAX)]
    #: whether it is a local test network, where the delay may be shorter than the notice of MRG-5
    test: bool = False
    #: who schedules and cancels
    proposers: Annotated[tuple[Address, ...], Field(min_length=1, max_length=16)]
    #: who executes what is due; `anyone` is the zero address
    executors: Annotated[
        tuple[Annotated[str, AfterValidator(_executor)], ...], Field(min_length=1, max_length=16)
    ]
    guardian: Address | None = None
    steward: Address | None = None

    @model_validator(mode="after")
    def _sound(self) -> Governance:
        if self.delay < MIN_LEAD and not self.test:
            raise ValueError(
                f"delay {self.delay} is shorter than the day's notice that every change needs, "
                f"{MIN_LEAD} (MRG-5); a local test network may have it with `test: true`"
            )
        for field, named in (("proposers", self.proposers), ("executors", self.executors)):
            if len(set(named)) != len(named):
                raise ValueError(f"{field}: an address stands there twice; keep one")
        return self

    def resolved(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "delay": self.delay,
            "proposers": list(self.proposers),
            "executors": list(self.executors),
            "guardian": self.guardian or ZERO_ADDRESS,
            "steward": self.steward or ZERO_ADDRESS,
        }

    def named(self) -> Iterator[tuple[str, str]]:
        """Yield field and address of everybody who gets a role."""
        yield from (("proposers", who) for who in self.proposers)
        yield from (("executors", who) for who in self.executors if who != ZERO_ADDRESS)
        if self.guardian is not None:
            yield "guardian", self.guardian
        if self.steward is not None:
            yield "steward", self.steward


_Rho = Annotated[Decimal, Fixed(4, -RHO, RHO, unit="a correlation")]


class Plan(_Model):
    """Everything that a deployment needs to know."""

    version: Literal[1] = 1
    token: Token
    #: who governs; left out (local networks only), the deployer keeps everything
    governance: Governance | None = None
    risk: Globals
    markets: Annotated[dict[_Name, Market], Field(min_length=1, max_length=MARKETS)]
    #: name -> name -> correlation; each pair once, pairs left out are zero
    correlations: dict[str, dict[str, _Rho]] = Field(default_factory=dict)
    #: what the vault takes beside the quote token, by name; may be empty
    collateral: Annotated[dict[_Name, Collateral], Field(max_length=TOKENS)] = Field(
        default_factory=dict
    )
    reward: Reward
    fund: Fund

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        numbers: dict[int, str] = {}
        for name, market in self.markets.items():
            other = numbers.setdefault(market.number, name)
            if other != name:
                raise ValueError(f"markets.{name}.number {market.number} is {other}'s already")
        self._check_collateral(numbers)
        if not _is_psd(self.matrix()):
            raise ValueError(
                "correlations: no portfolio could have them, the matrix is not positive "
                "semi-definite (MRG-3); bring the entries closer to zero"
            )
        return self

    def _check_collateral(self, numbers: dict[int, str]) -> None:
        addresses = {self.token.address: "the quote token"} if self.token.address else {}
        for name, token in self.collateral.items():
            where = f"collateral.{name}"
            if name in self.markets:
                raise ValueError(f"{where}: a market has that name; give the token another one")
            address = token.token.address
            if address is not None and addresses.setdefault(address, where) != where:
                raise ValueError(f"{where}.token.address is that of {addresses[address]}")
            if token.number is not None:
                other = numbers.setdefault(token.number, name)
                if other != name:
                    raise ValueError(f"{where}.number {token.number} is {other}'s already")
            if token.market is None:
                continue
            if token.market not in self.markets:
                raise ValueError(
                    f"{where}.market: {token.market} is not among the markets "
                    f"({', '.join(self.markets)})"
                )
            market = self.markets[token.market]
            problem = token.problem_under(market.feed.gap, market.ceiling)
            if problem:
                raise ValueError(f"{where}: {problem}")

    def slot(self, name: str) -> int:
        """Return the oracle's market that prices a collateral token."""
        token = self.collateral[name]
        if token.number is not None:
            return token.number
        return self.markets[_given(token.market)].number

    def matrix(self) -> list[list[int]]:
        """Return the correlation matrix of all 16 markets in RHO. Raises ValueError."""
        rows = [[RHO if m == n else 0 for n in range(MARKETS)] for m in range(MARKETS)]
        seen: set[frozenset[str]] = set()
        kind = Fixed(4, -RHO, RHO)
        for one, others in self.correlations.items():
            for other, rho in others.items():
                for name in (one, other):
                    if name not in self.markets:
                        raise ValueError(
                            f"correlations.{one}.{other}: {name} is not among the markets "
                            f"({', '.join(self.markets)})"
                        )
                pair = frozenset((one, other))
                if len(pair) == 1:
                    raise ValueError(f"correlations.{one}.{other}: is one by nature; take it out")
                if pair in seen:
                    raise ValueError(f"correlations.{one}.{other}: stands there twice; keep one")
                seen.add(pair)
                m, n = self.markets[one].number, self.markets[other].number
                rows[m][n] = rows[n][m] = kind.units(rho)
        return rows

    def resolved(self) -> dict[str, Any]:
        """Return the plan in the contracts' integers, as plain JSON; two plans that deploy the same
        are equal here."""
        markets = {
            name: {
                "number": market.number,
                "feed": market.feed.resolved(),
                "heartbeat": market.feed.heartbeat,
                "gap": market.feed.units("gap"),
                "ceiling": market.ceiling,
                "risk": market.risk.chain(),
                "config": market.config.chain(),
                "allowance": market.units("allowance"),
            }
            for name, market in self.markets.items()
        }
        return {
            "token": self.token.address or {"decimals": _given(self.token.test).decimals},
            "governance": None if self.governance is None else self.governance.resolved(),
            "risk": self.risk.chain(),
            "markets": markets,
            "collateral": {name: self._resolved(name) for name in self.collateral},
            "correlations": self.matrix(),
            "reward": self.reward.chain(),
            "fund": {
                "name": self.fund.name,
                "symbol": self.fund.symbol,
                "notice": self.fund.notice,
                "seed": self.fund.units("seed"),
            },
        }

    def _resolved(self, name: str) -> dict[str, Any]:
        token = self.collateral[name]
        found = {
            "token": token.token.address or {"decimals": _given(token.token.test).decimals},
            "market": self.slot(name),
            "haircut": token.units("haircut"),
            "cap": token.units("cap"),
        }
        if token.feed is not None:
            found |= {
                "feed": token.feed.resolved(),
                "heartbeat": token.feed.heartbeat,
                "gap": token.feed.units("gap"),
                "ceiling": token.ceiling,
            }
        return found

    def local_only(self) -> list[str]:
        """Name the fields that only a local network may have."""
        found = [] if self.token.test is None else ["token.test"]
        found += [f"markets.{n}.feed.mock" for n, m in self.markets.items() if m.feed.mock]
        for name, token in self.collateral.items():
            found += [f"collateral.{name}.token.test"] if token.token.test else []
            found += [f"collateral.{name}.feed.mock"] if token.feed and token.feed.mock else []
        if self.governance is None:
            found.append("governance (left out)")
        elif self.governance.test:
            found.append("governance.test")
        return found


def _given(value: _T | None) -> _T:
    if value is None:
        raise AssertionError("checked when the plan was read")
    return value


def _is_psd(matrix: list[list[int]]) -> bool:
    """Whether a symmetric matrix is positive semi-definite: exact elimination in fractions."""
    size = len(matrix)
    rows = [[Fraction(entry) for entry in row] for row in matrix]
    for k in range(size):
        pivot = rows[k][k]
        if pivot < 0:
            return False
        if pivot == 0:
            if any(rows[i][k] for i in range(k + 1, size)):
                return False
            continue
        for i in range(k + 1, size):
            factor = rows[i][k] / pivot
            if factor:
                for j in range(k + 1, size):
                    rows[i][j] -= factor * rows[k][j]
    return True


# ---------------------------------------------------------------------------------------- reading


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML whose decimals stay decimals and whose keys stand once."""


def _yaml_decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal:
    return _decimal(str(loader.construct_scalar(node)).replace("_", ""))


def _yaml_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise ValueError(
                f"line {key_node.start_mark.line + 1}: {key!r} stands there twice; keep one"
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _yaml_text(loader: _Loader, node: yaml.ScalarNode) -> Any:
    """Keep 0x... as text: YAML would read an address as a number."""
    text = str(loader.construct_scalar(node))
    return text if text.lower().startswith("0x") else loader.construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:float", _yaml_decimal)
_Loader.add_constructor("tag:yaml.org,2002:int", _yaml_text)
_Loader.add_constructor("tag:yaml.org,2002:map", _yaml_mapping)


def parse_plan(data: Mapping[str, Any], source: str = "the plan") -> Plan:
    """Return the plan in a mapping. Raises PlanError that names every wrong field."""
    try:
        return Plan.model_validate(dict(data))
    except ValidationError as error:
        raise PlanError(source, list(_problems(error))) from None


def load_plan(path: Path | str) -> Plan:
    """Return the plan in a YAML file. Raises PlanError that names every wrong field."""
    path = Path(path)
    if not path.is_file():
        raise PlanError(
            str(path), ["there is no such file; copy deployments/local.yaml and adapt it"]
        )
    try:
        data = yaml.load(path.read_text(), Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise PlanError(str(path), [f"is not readable as YAML: {error}"]) from None
    if not isinstance(data, dict):
        raise PlanError(str(path), ["holds no mapping; see deployments/local.yaml for the fields"])
    return parse_plan(data, path.name)


def _problems(error: ValidationError) -> Iterable[str]:
    hints = {
        "missing": "is missing; add it, deployments/local.yaml shows all fields",
        "extra_forbidden": "is no field; take it out or correct its name",
    }
    for found in error.errors():
        where = ".".join(str(part) for part in found["loc"])
        text = hints.get(found["type"], found["msg"].removeprefix("Value error, "))
        given = found.get("input")
        if found["type"] not in (*hints, "value_error") and isinstance(given, str | int | float):
            text = f"{text} (it says {given!r})"
        yield f"{where}: {text}" if where else text
