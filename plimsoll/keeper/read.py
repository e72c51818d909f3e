"""From the contracts to what the decisions see: one place that knows the lens's structs.

Works on both routes of `plimsoll.protocol`, in process and through ape. Accounts come in pages, and
what seldom changes (the margin formula's parameters) is kept for a while.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from plimsoll.keeper.slices import RiskBook
from plimsoll.keeper.types import Holding, Leg, MarketExtra, MarketView, Pledge, Quote, Row, Sale
from plimsoll.protocol.backend import EvmBackend
from plimsoll.protocol.errors import BackendError
from plimsoll.reference.margin import Globals, Risk
from plimsoll.reference.numbers import MARKETS, RHO

#: Accounts in one call of the lens.
PAGE = 500
#: For how long (seconds on chain) the parameters of the margin formula are taken as known.
PARAMETERS_AGE = 3_600
#: Likewise funding, sync marks and freezes, where nothing is decided by them alone.
EXTRAS_AGE = 600

_FRESH, _DIVERGED = 0, 2
_MASK_96 = 2**96 - 1
_FIELDS = len(Row.__slots__)
_REFUSALS = {
    1: "not listed",
    2: "no position",
    3: "no fresh price",
    4: "the account is healthy",
    5: "the account is bankrupt",
    6: "no slice is allowed",
}


class Deployment(Protocol):
    """What the keeper needs of `plimsoll.protocol.Plimsoll`."""

    @property
    def backend(self) -> Any:
        """The chain: `now()`, `block_number()`, `code(address)`."""

    @property
    def engine(self) -> Any:
        """The engine."""

    @property
    def lens(self) -> Any:
        """The lens."""

    @property
    def oracle(self) -> Any:
        """The price oracle."""

    @property
    def risk(self) -> Any:
        """The risk model."""

    @property
    def vault(self) -> Any:
        """The collateral vault."""

    @property
    def token(self) -> Any:
        """The quote token."""

    @property
    def scale(self) -> int:
        """Quote WAD per unit of the quote token."""


class _RowCodec:
    """`lens.accounts` on the embedded chain, decoded here: the general codec takes as long as the
    EVM does, and a tick in which nothing happens is little else.

    The layout comes from the ABI; a lens whose rows begin otherwise is read the general way.
    """

    def __init__(self, lens: Any, chain: Any, signed: list[bool]) -> None:
        self._lens = lens
        self._chain = chain
        self._selector = bytes(lens.accounts.function.selector)
        self._signed = signed[:_FIELDS]
        self._size = 32 * len(signed)

    @classmethod
    def of(cls, plimsoll: Deployment) -> _RowCodec | None:
        """Return the codec, or None where the general way has to do."""
        if not isinstance(plimsoll.backend, EvmBackend):
            return None
        entries: list[dict[str, Any]] = plimsoll.lens.abi
        outputs: list[dict[str, Any]] = next(
            (e["outputs"] for e in entries if e.get("name") == "accounts"), []
        )
        fields = outputs[0].get("components", []) if outputs else []
        if [field["name"] for field in fields[:_FIELDS]] != list(Row.__slots__):
            return None
        if not all(re.fullmatch(r"u?int\d+|bool", field["type"]) for field in fields):
            return None
        signed = [field["type"].startswith("int") for field in fields]
        return cls(plimsoll.lens, plimsoll.backend.chain, signed)

    def read(self, accounts: list[int]) -> list[Row]:
        """Health of the accounts."""
        words = (32, len(accounts), *accounts)
        data = self._selector + b"".join([word.to_bytes(32, "big") for word in words])
        raw = self._chain.call(self._lens.address, data).value
        count = int.from_bytes(raw[32:64], "big")
        size, number = self._size, int.from_bytes
        if count != len(accounts) or len(raw) < 64 + count * size:
            raise BackendError(
                f"the lens at {self._lens.address} returned {len(raw)} bytes for {len(accounts)} "
                "accounts; was another version deployed there?"
            )
        places = [(32 * at, signed) for at, signed in enumerate(self._signed)]
        return [
            Row(*[number(raw[o + at : o + at + 32], "big", signed=sign) for at, sign in places])
            for o in range(64, 64 + count * size, size)
        ]


class Reader:
    """Reads rows, holdings, markets and quotes; answers the order book's questions."""

    def __init__(self, plimsoll: Deployment) -> None:
        """Take the deployment; nothing is read yet."""
        self._p = plimsoll
        self._rows = _RowCodec.of(plimsoll)
        self._risk: RiskBook | None = None
        self._risk_time = 0
        self._extras: dict[int, MarketExtra] = {}
        self._extras_time = 0

    def now(self) -> int:
        """The chain's time."""
        return int(self._p.backend.now())

    # ---- accounts --------------------------------------------------------------------------------

    def rows(self, accounts: Iterable[int]) -> list[Row]:
        """Health of the accounts, one call a page."""
        ids = list(accounts)
        found: list[Row] = []
        for at in range(0, len(ids), PAGE):
            page = ids[at : at + PAGE]
            if self._rows is not None:
                found += self._rows.read(page)
            else:
                found += [Row(*map(int, row[:_FIELDS])) for row in self._p.lens.accounts(page)]
        return found

    def row(self, account: int) -> Row:
        """Health of one account."""
        return self.rows([account])[0]

    def holding(self, row: Row) -> Holding:
        """The account with its legs."""
        if not row.held:
            return Holding(row, {})
        legs = {
            int(leg.market): Leg(
                market=leg.market,
                size=leg.size,
                pnl=leg.pnl,
                price=leg.price,
                is_fresh=leg.status == _FRESH,
                is_live=leg.live,
            )
            for leg in self._p.lens.positions(row.account)
        }
        return Holding(row, legs)

    def quotes(self, holding: Holding) -> dict[int, Quote]:
        """The largest takeover of every leg that has a position and a fresh price."""
        found: dict[int, Quote] = {}
        for market, leg in holding.legs.items():
            if leg.size and leg.is_fresh:
                quote = self._p.lens.takeover_quote(holding.row.account, market)
                found[market] = Quote(
                    market=market,
                    size=quote.size,
                    penalty=quote.penalty,
                    reward=quote.to_liquidator,
                    refusal=_REFUSALS.get(quote.reason, ""),
                )
        return found

    def sale(self, account: int) -> Sale:
        """What an account has pledged, and on what terms it is for sale."""
        vault = self._p.vault
        balances = [int(amount) for amount in vault.balances(account)]
        if not any(balances):
            return Sale((), 0, 0, 0)
        pledges = []
        for address, amount in zip(vault.tokens(), balances, strict=False):
            if amount:
                pledges.append(self._pledge(str(address), amount))
        need, share = vault.terms(account)
        opened = int(vault.sale_opened(account))
        return Sale(pledges, opened, int(need), int(share))

    def _pledge(self, token: str, amount: int) -> Pledge:
        state = self._p.vault.token_state(token)
        word = int(self._p.oracle.quotes(1 << state.market)[state.market])
        price, other, status = word & _MASK_96, (word >> 96) & _MASK_96, word >> 192
        # of two that disagree the better one, at most a haircut above its own
        most = price + price * int(state.haircut) // 10**5
        return Pledge(
            token=token,
            amount=amount,
            scale=int(10 ** (18 - state.decimals)),
            haircut=int(state.haircut),
            price=max(price, min(other, most)) if status == _DIVERGED else price,
            is_priced=status in (_FRESH, _DIVERGED),
        )

    def wallet_tokens(self, who: str) -> int:
        """What somebody has of the quote token, units."""
        return int(self._p.token.balanceOf(who))

    @property
    def scale(self) -> int:
        """Quote WAD per unit of the quote token."""
        return int(self._p.scale)

    # ---- markets ---------------------------------------------------------------------------------

    def markets(self, *, quick: bool = False) -> dict[int, MarketView]:
        """Every listed market; `quick`: what moves beside its ledger may be a few minutes old."""
        views = list(self._p.lens.markets())
        now = self.now()
        if not quick or not 0 <= now - self._extras_time < EXTRAS_AGE or not self._extras:
            extra = self._p.engine.market_extra
            self._extras = {int(view.market): _extra(extra(int(view.market))) for view in views}
            self._extras_time = now
        if self._risk is None or now - self._risk_time >= PARAMETERS_AGE:
            self._risk, self._risk_time = self._read_risk(views), now
        else:
            self._risk = RiskBook(_risks(views), self._risk.params, self._risk.rho)
        return {int(view.market): _market(view, self._extras.get(view.market)) for view in views}

    def risk(self) -> RiskBook:
        """The margin formula with the parameters of now (or of up to an hour ago)."""
        if self._risk is None:
            self.markets()
        assert self._risk is not None
        return self._risk

    def fund(self) -> tuple[int, int]:
        """Cash and claims of the fund."""
        cash, claims, _ = self._p.engine.fund_state()
        return int(cash), int(claims)

    def checkpoint_times(self, markets: Iterable[int]) -> dict[int, int]:
        """When the oracle last stored a price of each market."""
        return {market: int(self._p.oracle.last_good(market).time) for market in markets}

    def observed(self, market: int) -> tuple[int, bool]:
        """When a market was last observed, and whether its sigma follows its volatility."""
        found = self._p.risk.volatility_of(market)
        return int(found.time), bool(found.settings.b)

    def _read_risk(self, views: list[Any]) -> RiskBook:
        params = self._p.risk.globals()
        rho = [[RHO * (m == n) for n in range(MARKETS)] for m in range(MARKETS)]
        listed = [int(view.market) for view in views]
        for at, m in enumerate(listed):
            for n in listed[at + 1 :]:
                rho[m][n] = rho[n][m] = int(self._p.risk.correlation(m, n))
        return RiskBook(_risks(views), Globals(z=params.z, kappa=params.kappa), rho)

    # ---- orders (plimsoll.orders.OrderState) -----------------------------------------------------

    def filled(self, order_hash: bytes) -> int:
        """How much of an order is filled."""
        return int(self._p.engine.filled(order_hash))

    def min_salt(self, account: int) -> int:
        """The smallest valid salt of an account's orders."""
        return int(self._p.engine.min_salt(account))

    def is_operator(self, owner: str, operator: str) -> bool:
        """Whether `operator` may sign for the owner."""
        return bool(self._p.engine.is_operator(owner, operator))

    def has_code(self, owner: str) -> bool:
        """Whether the owner is a contract."""
        return bool(self._p.backend.code(owner))


def _extra(found: Any) -> MarketExtra:
    return MarketExtra(**{name: int(getattr(found, name)) for name in MarketExtra.__slots__})


def _market(view: Any, extra: MarketExtra | None) -> MarketView:
    state, config = view.state, view.state.config
    return MarketView(
        market=view.market,
        price=view.price,
        is_fresh=view.status == _FRESH,
        cash=state.cash,
        shortfall=state.shortfall,
        allowance=state.allowance,
        min_notional=config.min_notional,
        max_notional=config.max_notional,
        band=config.band,
        penalty_min=config.penalty_min,
        penalty_max=config.penalty_max,
        maker_fee=config.maker_fee,
        reduce_only=config.reduce_only,
        oi=state.oi,
        takeover_share=config.takeover_share,
        extra=extra,
    )


def _risks(views: Iterable[Any]) -> Mapping[int, Risk]:
    # the struct's fields stand in the order of `Risk`'s
    return {int(view.market): Risk(*view.params) for view in views}
