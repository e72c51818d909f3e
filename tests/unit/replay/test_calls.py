"""The calls that no demo makes often, in traces made with the model alone: no chain is needed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plimsoll.reference import Model, Refused, Reward, account_id
from plimsoll.reference.numbers import CURE, FREEZE, MARKETS, TREASURY, WAD
from plimsoll.replay import (
    Call,
    Header,
    TraceWriter,
    UnknownCallError,
    apply,
    is_known,
    model_account,
    model_market,
    replay,
    set_world,
)

OWNER, FUND_CONTRACT, BACKER, STRANGER = ("0x" + digits * 20 for digits in ("0a", "0f", "bb", "77"))
WEAK, DEALER, KEEPER = ("0x" + digits * 20 for digits in ("01", "02", "03"))
UNITS = 10**6


class Recorder:
    """A model and the trace of what it is told."""

    def __init__(self, writer: TraceWriter) -> None:
        self.model = Model(OWNER, decimals=6, time=0)
        self.writer = writer
        self.time, self.block, self.salt = 1_700_000_000, 7, 0
        self.price = 100 * WAD
        self.accounts: set[int] = {1, TREASURY}

    def __call__(self, name: str, sender: str, **args: Any) -> bool:
        """Make a call; whether the rules are for it."""
        contract, _, function = name.partition(".")
        prices = {0: (self.price, self.time)}
        call = Call(contract, function, args, sender, self.time, block=self.block, prices=prices)
        set_world(self.model, call)
        named = [args.get(key) for key in ("account", "keeper", "liquidator")]
        self.accounts |= {who for who in named if isinstance(who, int)}
        self.accounts |= {args["order"]["account"]} if "order" in args else set()
        try:
            apply(self.model, call)
        except Refused as refused:
            self.writer.add(replace(call, accepted=False, reason=refused.reason), {}, {})
            return False
        markets = {0: model_market(self.model, 0)}
        accounts = {who: model_account(self.model, who) for who in self.accounts}
        self.writer.add(call, accounts, markets)
        return True

    def set_up(self) -> None:
        """A market at 100 quote, 310 quote for the weak account, much for the others."""
        self("engine.set_fund", OWNER, fund=FUND_CONTRACT)
        self("engine.set_reward", OWNER, rule=vars(Reward(0, 0, 0, 0, 0, 60)))
        self("fund.deposit", BACKER, assets=1_000 * UNITS, receiver=BACKER)
        self("oracle.set_feed", OWNER, market=0, heartbeat=3_600, gap=0, ceiling=80)
        risk = {"sigma": 5 * 10**10, "f": 2 * 10**10, "g": 10**10, "lambda_": 10**10}
        risk |= {"depth": 10**8, "c": 0, "penalty_cap": 10**10, "share": 10**12}
        self("risk.set_market", OWNER, market=0, new_params=risk)
        config = {"oi_cap": 10**22, "min_notional": 10 * WAD, "max_notional": 10**7 * WAD}
        config |= {"band": 5_000, "penalty_min": 200, "penalty_max": 1_000}
        config |= {"maker_fee": 0, "taker_fee": 1_000, "reduce_only": False}
        self("engine.list_market", OWNER, market=0, config=config, allowance_cap=0)
        for sender, amount in ((WEAK, 310), (DEALER, 10**5)):
            self("engine.deposit", sender, account=account_id(sender), amount=amount * UNITS)

    def trade(self, size: int, price: int | None = None) -> bool:
        """The weak account's size changes by `size`, the dealer takes the other side."""
        self.salt += 1
        order: dict[str, Any] = {"account": account_id(WEAK), "market": 0, "size": size}
        order |= {"price": price or self.price, "expiry": 2**40, "salt": self.salt}
        order |= {"reduce_only": False, "taker": "0x" + "00" * 20}
        args = {"order": order, "signer": WEAK, "account": account_id(DEALER), "size": abs(size)}
        return self("engine.fill", DEALER, **args)


Story = Callable[[Recorder], None]


def story(record: Recorder) -> None:
    """Funding, a sync, a margin call, a book that ends, and a thaw."""
    record.set_up()
    assert record.trade(6 * WAD, 101 * WAD)
    record.time += 120
    assert record("engine.accrue", STRANGER, market=0)
    record.price = 98 * WAD
    assert not record.trade(WAD)
    assert record("engine.sync", STRANGER, market=0)
    record.block += 1
    assert not record.trade(WAD)
    record.block += 1
    assert record.trade(3 * WAD)
    record.price = 76 * WAD
    assert record("engine.call_margin", STRANGER, account=account_id(WEAK))
    record.time += CURE
    slice_ = {"account": account_id(WEAK), "market": 0, "size": WAD // 10}
    assert record("engine.takeover", DEALER, **slice_, liquidator=account_id(DEALER))
    record.price = 60 * WAD
    args = {"account": account_id(WEAK), "market": 0, "keeper": account_id(KEEPER)}
    assert record("engine.resolve", STRANGER, **args)
    assert not record("engine.thaw", STRANGER, market=0)
    assert not record("engine.reclaim", STRANGER, account=account_id(WEAK))
    record.time += FREEZE
    assert record("engine.thaw", STRANGER, market=0)
    assert record("engine.settle", STRANGER, account=account_id(DEALER))


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    file = tmp_path / "trace.jsonl"
    with TraceWriter(file, Header(OWNER, 6, ("COIN",))) as writer:
        story(Recorder(writer))
    return file


def changed(trace: Path, call: str, **values: Any) -> Path:
    """The trace with other values in the last line of a call."""
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    [line for line in lines if line.get("call") == call][-1].update(values)
    trace.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return trace


def test_replay_of_funding_sync_call_and_freeze(trace: Path) -> None:
    report = replay(trace)
    assert report.details == []
    assert report.clean
    assert report.calls == 21


def test_trd_4_the_block_is_an_input(trace: Path) -> None:
    """The fill after the sync would be a block early."""
    report = replay(changed(trace, "engine.fill", block=8))
    assert "waits after a sync" in report.first


@pytest.mark.parametrize(
    ("call", "time"),
    [("engine.takeover", 1_700_000_400), ("engine.thaw", 1_700_000_500)],
)
def test_liq_1_led_8_the_time_is_an_input(trace: Path, call: str, time: int) -> None:
    """The takeover would be in the cure window, the thaw before the end of the freeze."""
    assert f"{call}: the contract took it" in replay(changed(trace, call, time=time)).first


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("accrue", {"market": MARKETS}),
        ("sync", {"market": MARKETS}),
        ("thaw", {"market": MARKETS}),
        ("call_margin", {"account": 3}),
        ("reclaim", {"account": 3}),
    ],
)
def test_each_new_call_reaches_the_model(function: str, args: dict[str, int]) -> None:
    """Known, refused by the rules when it makes no sense, and unknown without its argument."""
    model = Model(OWNER)
    call = Call("engine", function, args, STRANGER, 1_700_000_000)
    assert is_known("engine", function)
    with pytest.raises(Refused):
        apply(model, call)
    with pytest.raises(UnknownCallError):
        apply(model, replace(call, args={}))
