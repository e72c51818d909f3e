"""Effects: one action becomes one call, what it did a result. Nothing is decided here."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plimsoll.keeper.read import Deployment
from plimsoll.keeper.types import Action, Kind
from plimsoll.protocol.backend import address_of
from plimsoll.protocol.errors import ProtocolError, Refused

log = logging.getLogger("plimsoll.keeper")

#: The state has moved on since it was read: the work is done, or not needed any more.
_MOOT = frozenset(
    {
        "arrears: already noted",
        "arrears: no claims",
        "arrears: not noted for a day",
        "arrears: there are none",
        "cover: nothing to pay",
        "liquidation: account bankrupt",
        "liquidation: account is healthy",
        "margin call: already called",
        "orders: cancelled",
        "orders: expired",
        "orders: overfilled",
        "reclaim: account is not locked",
        "reclaim: nothing to do",
        "resolve: account is solvent",
        "resolve: nothing to do",
        "thaw: market is not frozen",
        # somebody else was first, or the price has moved
        "vault: above the balance",
        "vault: above the limit",
        "vault: account is solvent",
        "vault: amount is zero",
        "vault: more than is needed",
        "vault: not for sale",
        "vault: nothing to sell",
        "vault: sale is open",
        "vault: sale is running",
    }
)


class Outcome(StrEnum):
    """What became of an action."""

    DONE = "done"
    PLANNED = "planned"  # a dry run
    MOOT = "moot"  # not needed any more
    REFUSED = "refused"  # this choice does not work, another may
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """An action and what became of it; `reward` and `spent` in quote WAD, `gas` in units."""

    action: Action
    outcome: Outcome
    detail: str = ""
    gas: int = 0
    reward: int = 0
    txn_hash: str = ""
    spent: int = 0


class Sender:
    """Sends with one account, and names where rewards go."""

    def __init__(self, plimsoll: Deployment, account: Any, keeper: int) -> None:
        """`keeper` is the engine account of `account`: it takes over, and it is credited."""
        self._p = plimsoll
        self._account = account
        self.keeper = keeper

    def send(self, action: Action) -> Result:
        """Send one action and wait for it. Never raises for what the network or a contract did."""
        try:
            receipt = self._call(action)
        except Refused as error:
            outcome = _judge(action, error.reason)
            log.log(
                logging.ERROR if outcome is Outcome.FAILED else logging.INFO,
                "%s: %s (%s)",
                action.kind,
                error,
                action.reason,
            )
            return Result(action, outcome, error.reason or "reverted without a reason")
        except ProtocolError as error:
            log.error("%s: %s (%s)", action.kind, error, action.reason)  # noqa: TRY400, told in full
            return Result(action, Outcome.FAILED, str(error))
        except Exception as error:
            # a provider's, a wallet's, a connection's: whatever it is, the others go on
            log.exception("%s was not sent (%s)", action.kind, action.reason)
            return Result(action, Outcome.FAILED, f"{type(error).__name__}: {error}")
        return Result(
            action,
            Outcome.DONE,
            gas=int(receipt.gas_used),
            reward=_reward(action, receipt),
            txn_hash=str(receipt.txn_hash),
            spent=self._spent(action, receipt),
        )

    def _call(self, action: Action) -> Any:
        engine, sender = self._p.engine, self._account
        match action.kind:
            case Kind.RESOLVE:
                return engine.resolve(
                    action.account, action.market, self._credited(action), sender=sender
                )
            case Kind.TAKEOVER:
                return engine.takeover(
                    action.account, action.market, action.size, self.keeper, sender=sender
                )
            case Kind.ORDER:
                offer = action.offer
                if offer is None or offer.signed is None:
                    raise ProtocolError("the action has no signed order; refresh the order book")
                return engine.takeover_by_order(
                    offer.signed.order.as_tuple(),
                    offer.signed.signature,
                    action.account,
                    action.size,
                    self._credited(action),
                    sender=sender,
                )
            case Kind.SETTLE:
                return engine.settle(action.account, sender=sender)
            case Kind.CALL:
                return engine.call_margin(action.account, sender=sender)
            case Kind.RECLAIM:
                return engine.reclaim(action.account, sender=sender)
            case Kind.OPEN_SALE:
                return self._p.vault.open_sale(action.account, sender=sender)
            case Kind.BUY:
                return self._buy(action)
            case Kind.SEIZE:
                return self._p.vault.seize(action.account, action.token, sender=sender)
            case Kind.NOTE:
                return engine.note_arrears(action.account, sender=sender)
            case Kind.CLEAR:
                return engine.clear_arrears(action.account, sender=sender)
            case Kind.SYNC:
                return engine.sync(action.market, sender=sender)
            case Kind.ACCRUE:
                return engine.accrue(action.market, sender=sender)
            case Kind.THAW:
                return engine.thaw(action.market, sender=sender)
            case Kind.OBSERVE:
                return self._p.risk.observe(action.market, sender=sender)
            case Kind.COVER:
                return engine.cover(action.market, sender=sender)
            case Kind.CHECKPOINT:
                return self._p.oracle.checkpoint(action.market, sender=sender)

    def _buy(self, action: Action) -> Any:
        """Buy collateral; the vault may take what it costs at most, and no more afterwards."""
        vault, token, sender = self._p.vault, self._p.token, self._account
        who = address_of(sender)
        if int(token.allowance(who, vault.address)) < action.limit:
            token.approve(vault.address, action.limit, sender=sender)
        return vault.buy(
            action.account, action.token, action.units, action.limit, who, sender=sender
        )

    def _spent(self, action: Action, receipt: Any) -> int:
        if action.kind is not Kind.BUY:
            return 0
        paid = sum(int(event["paid"]) for event in receipt.events("CollateralSold"))
        return paid * self._p.scale

    def _credited(self, action: Action) -> int:
        """Who gets the reward: the keeper, or its next account where it takes part itself."""
        parts = {action.account, action.offer.account if action.offer else 0}
        account = self.keeper
        while account in parts:
            account += 1
        return account


def _judge(action: Action, reason: str) -> Outcome:
    if reason in _MOOT:
        return Outcome.MOOT
    if action.kind in (Kind.ORDER, Kind.TAKEOVER, Kind.BUY):
        return Outcome.REFUSED
    return Outcome.FAILED


def _reward(action: Action, receipt: Any) -> int:
    """What the keeper got, as the events say."""
    if action.kind in (Kind.ORDER, Kind.TAKEOVER):
        return sum(int(event["to_worker"]) for event in receipt.events("TakenOver"))
    if action.kind is Kind.RESOLVE:
        return sum(int(event["reward"]) for event in receipt.events("Resolved"))
    return 0
