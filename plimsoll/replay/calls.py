"""State-changing calls as data, and how the reference model takes each of them.

A call names the contract's role and function and has its arguments by name, as the ABI has them,
with two differences: where the contract gets a signature, the call has the `signer` that it proves,
and the listing of a collateral token has the token's own `decimals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.reference import Config, Model, Order, Reward, Risk
from plimsoll.reference.margin import unpack_rows
from plimsoll.reference.risk import Settings


class UnknownCallError(Exception):
    """The model knows no such call, or not with these arguments."""


@dataclass(frozen=True)
class Call:
    """One state-changing call.

    `accepted` is whether the contract took it; `reason` is why not. `prices` are the feeds' answers
    at that moment: market -> (WAD, or None for a feed that fails; when it was updated).
    """

    contract: str  # engine, fund, vault, risk or oracle
    function: str
    args: Mapping[str, Any]
    sender: str
    time: int
    accepted: bool = True
    reason: str = ""
    basefee: int = 0
    block: int = 0
    prices: Mapping[int, tuple[int | None, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Contract and function."""
        return f"{self.contract}.{self.function}"


def order_of(args: Mapping[str, Any]) -> Order:
    """Return the model's order of an order's fields."""
    return Order(
        account=args["account"],
        market=args["market"],
        size=args["size"],
        price=args["price"],
        expiry=args["expiry"],
        salt=args["salt"],
        reduce_only=args["reduce_only"],
        taker=args["taker"],
    )


def _config(args: Mapping[str, Any]) -> Config:
    return Config(**args["config"])


def _risk(args: Mapping[str, Any]) -> Risk:
    params = dict(args["new_params"])
    return Risk(lam=params.pop("lambda_"), **params)


_Apply = Callable[[Model, str, Mapping[str, Any]], Any]

_APPLY: dict[tuple[str, str], _Apply] = {
    ("engine", "deposit"): lambda m, s, a: m.deposit(s, a["account"], a["amount"]),
    ("engine", "withdraw"): lambda m, s, a: m.withdraw(s, a["account"], a["amount"], a["receiver"]),
    ("engine", "set_operator"): lambda m, s, a: m.set_operator(s, a["operator"], a["approved"]),
    ("engine", "touch"): lambda m, s, a: m.touch(s, a["account"]),
    ("engine", "settle"): lambda m, s, a: m.settle(s, a["account"]),
    ("engine", "accrue"): lambda m, s, a: m.accrue(s, a["market"]),
    ("engine", "sync"): lambda m, s, a: m.sync(s, a["market"]),
    ("engine", "thaw"): lambda m, s, a: m.thaw(s, a["market"]),
    ("engine", "call_margin"): lambda m, s, a: m.call_margin(s, a["account"]),
    ("engine", "reclaim"): lambda m, s, a: m.reclaim(s, a["account"]),
    ("engine", "fill"): lambda m, s, a: m.fill(
        s, order_of(a["order"]), a["signer"], a["account"], a["size"]
    ),
    ("engine", "cancel_order"): lambda m, s, a: m.cancel_order(s, order_of(a["order"])),
    ("engine", "cancel_below"): lambda m, s, a: m.cancel_below(s, a["account"], a["salt"]),
    ("engine", "takeover"): lambda m, s, a: m.takeover(
        s, a["account"], a["market"], a["size"], a["liquidator"]
    ),
    ("engine", "takeover_by_order"): lambda m, s, a: m.takeover_by_order(
        s, order_of(a["order"]), a["signer"], a["account"], a["size"], a["keeper"]
    ),
    ("engine", "resolve"): lambda m, s, a: m.resolve(s, a["account"], a["market"], a["keeper"]),
    ("engine", "cover"): lambda m, s, a: m.cover(s, a["market"]),
    ("engine", "list_market"): lambda m, s, a: m.list_market(
        s, a["market"], _config(a), a["allowance_cap"]
    ),
    ("engine", "set_market"): lambda m, s, a: m.set_market(s, a["market"], _config(a)),
    ("engine", "set_allowance"): lambda m, s, a: m.set_allowance(s, a["market"], a["cap"]),
    ("engine", "set_reward"): lambda m, s, a: m.set_reward(s, Reward(**a["rule"])),
    ("engine", "set_fund"): lambda m, s, a: m.set_fund(s, a["fund"]),
    ("engine", "set_guardian"): lambda m, s, a: m.set_guardian(s, a["guardian"]),
    ("engine", "set_vault"): lambda m, s, a: m.set_vault(s, a["vault"]),
    ("engine", "note_arrears"): lambda m, s, a: m.note_arrears(s, a["account"]),
    ("engine", "clear_arrears"): lambda m, s, a: m.clear_arrears(s, a["account"]),
    ("engine", "restrict_market"): lambda m, s, a: m.restrict_market(
        s, a["market"], a["halvings"], a["reduce_only"]
    ),
    ("fund", "deposit"): lambda m, s, a: m.fund_deposit(s, a["assets"], a["receiver"]),
    ("fund", "mint"): lambda m, s, a: m.fund_mint(s, a["shares"], a["receiver"]),
    ("fund", "withdraw"): lambda m, s, a: m.fund_withdraw(
        s, a["assets"], a["receiver"], a["owner"]
    ),
    ("fund", "redeem"): lambda m, s, a: m.fund_redeem(s, a["shares"], a["receiver"], a["owner"]),
    ("fund", "request_redeem"): lambda m, s, a: m.fund_request(s, a["shares"], a["owner"]),
    ("fund", "cancel_request"): lambda m, s, a: m.fund_cancel(s),
    ("vault", "list_token"): lambda m, s, a: m.list_token(
        s, a["token"], a["decimals"], a["market"], a["haircut"], a["cap"]
    ),
    ("vault", "set_cap"): lambda m, s, a: m.set_cap(s, a["token"], a["cap"]),
    ("vault", "set_haircut"): lambda m, s, a: m.set_haircut(s, a["token"], a["haircut"]),
    ("vault", "deposit"): lambda m, s, a: m.vault_deposit(s, a["account"], a["token"], a["amount"]),
    ("vault", "withdraw"): lambda m, s, a: m.vault_withdraw(
        s, a["account"], a["token"], a["amount"], a["receiver"]
    ),
    ("vault", "open_sale"): lambda m, s, a: m.open_sale(s, a["account"]),
    ("vault", "close_sale"): lambda m, s, a: m.close_sale(s, a["account"]),
    ("vault", "buy"): lambda m, s, a: m.buy(
        s, a["account"], a["token"], a["amount"], a["limit"], a["receiver"]
    ),
    ("vault", "seize"): lambda m, s, a: m.seize(s, a["account"], a["token"]),
    ("vault", "withdraw_fund"): lambda m, s, a: m.withdraw_fund(
        s, a["token"], a["amount"], a["receiver"]
    ),
    ("risk", "set_market"): lambda m, s, a: m.set_risk(s, a["market"], _risk(a)),
    ("risk", "set_volatility"): lambda m, s, a: m.set_volatility(
        s, a["market"], Settings(**a["new_settings"])
    ),
    ("risk", "set_correlations"): lambda m, s, a: m.set_correlations(s, unpack_rows(a["rows"])),
    ("risk", "observe"): lambda m, s, a: m.observe(s, a["market"]),
    ("risk", "announce"): lambda m, s, a: m.announce(
        s, a["what"], a["market"], a["target"], a["start"], a["end"]
    ),
    ("risk", "announce_correlations"): lambda m, s, a: m.announce_correlations(
        s, unpack_rows(a["rows"]), a["start"], a["end"]
    ),
    ("risk", "announce_volatility"): lambda m, s, a: m.announce_volatility(
        s, a["market"], Settings(**a["new_settings"]), a["start"]
    ),
    ("risk", "cancel"): lambda m, s, a: m.cancel(s, a["what"], a["market"]),
    ("risk", "fold"): lambda m, s, a: m.fold(s, a["what"], a["market"]),
    ("risk", "raise_kappa"): lambda m, s, a: m.raise_kappa(s, a["kappa"]),
    ("risk", "set_steward"): lambda m, s, a: m.set_steward(s, a["steward"]),
    ("risk", "set_guardian"): lambda m, s, a: m.set_guardian(s, a["guardian"]),
    ("risk", "set_globals"): lambda m, s, a: m.set_globals(s, a["z"], a["kappa"]),
    ("oracle", "set_feed"): lambda m, s, a: m.set_feed(
        s, a["market"], a["heartbeat"], a["gap"], a["ceiling"]
    ),
    ("oracle", "checkpoint"): lambda m, s, a: m.checkpoint(s, a["mask"]),
}


def is_known(contract: str, function: str) -> bool:
    """Whether the model takes this call."""
    return (contract, function) in _APPLY


def set_world(model: Model, call: Call) -> None:
    """Give the model the time, block number, base fee and prices of a call."""
    model.set_time(call.time)
    model.set_block(call.block)
    model.set_basefee(call.basefee)
    for market, (answer, updated_at) in call.prices.items():
        model.set_answer(market, answer, updated_at)


def apply(model: Model, call: Call) -> None:
    """Give the model a call, in the world as it is set.

    Raises Refused when the rules are against it, UnknownCallError when the call makes no sense.
    """
    function = _APPLY.get((call.contract, call.function))
    if function is None:
        raise UnknownCallError(f"the model knows no call {call.name}")
    try:
        function(model, call.sender, call.args)
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__} {error}"
        raise UnknownCallError(f"{call.name} does not fit the model: {reason}") from error
