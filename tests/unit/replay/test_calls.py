"""The calls that no demo makes often, in traces made with the model alone: no chain is needed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plimsoll.reference import Model, Refused, Reward, account_id
from plimsoll.reference.numbers import (
    CURE,
    DAY,
    FREEZE,
    FUND,
    MARKETS,
    PATIENCE,
    SALE,
    TREASURY,
    WAD,
)
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
GEM, VAULT = "0x" + "6e" * 20, "0x" + "ee" * 20
UNITS = 10**6


class Recorder:
    """A model and the trace of what it is told."""

    def __init__(self, writer: TraceWriter) -> None:
        self.model = Model(OWNER, decimals=6, time=0)
        self.writer = writer
        self.time, self.block, self.salt = 1_700_000_000, 7, 0
        self.price = self.other = 100 * WAD
        self.accounts: set[int] = {FUND, TREASURY}

    def __call__(self, name: str, sender: str, **args: Any) -> bool:
        """Make a call; whether the rules are for it."""
        contract, _, function = name.partition(".")
        answers = {0: self.price, 1: self.other, 5: 2_000 * WAD}
        prices = {market: (answer, self.time) for market, answer in answers.items()}
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
        markets = {
            m: model_market(self.model, m) for m in (0, 1) if self.model.markets[m].listed or m == 0
        }
        accounts = {who: model_account(self.model, who) for who in self.accounts}
        self.writer.add(call, accounts, markets)
        return True

    def set_up(self, markets: tuple[int, ...] = (0,)) -> None:
        """Markets at 100 quote, 310 quote for the weak account, much for the others."""
        self("engine.set_fund", OWNER, fund=FUND_CONTRACT)
        self("engine.set_reward", OWNER, rule=vars(Reward(0, 0, 0, 0, 0, 60)))
        self("fund.deposit", BACKER, assets=1_000 * UNITS, receiver=BACKER)
        risk = {"sigma": 5 * 10**10, "f": 2 * 10**10, "g": 10**10, "lambda_": 10**10}
        risk |= {"depth": 10**8, "c": 0, "penalty_cap": 10**10, "share": 10**12}
        config = {"oi_cap": 10**22, "min_notional": 10 * WAD, "max_notional": 10**7 * WAD}
        config |= {"band": 5_000, "penalty_min": 200, "penalty_max": 1_000}
        config |= {"maker_fee": 0, "taker_fee": 1_000, "reduce_only": False}
        for market in markets:
            self("oracle.set_feed", OWNER, market=market, heartbeat=3_600, gap=0, ceiling=80)
            self("risk.set_market", OWNER, market=market, new_params=risk)
            self("engine.list_market", OWNER, market=market, config=config, allowance_cap=0)
        for sender, amount in ((WEAK, 310), (DEALER, 10**5)):
            self("engine.deposit", sender, account=account_id(sender), amount=amount * UNITS)

    def trade(self, size: int, price: int | None = None, market: int = 0) -> bool:
        """The weak account's size changes by `size`, the dealer takes the other side."""
        self.salt += 1
        order: dict[str, Any] = {"account": account_id(WEAK), "market": market, "size": size}
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


def pledge_story(record: Recorder) -> None:
    """0.25 GEM beside 310 quote: sold for arrears and of a bankrupt account; the rest is seized,
    sold by the fund and taken out. Its cap and its haircut change."""
    record.set_up()
    weak, gem = account_id(WEAK), {"token": GEM}
    some: dict[str, Any] = {"account": weak, "token": GEM}
    assert record("oracle.set_feed", OWNER, market=5, heartbeat=3_600, gap=0, ceiling=80)
    assert record("engine.set_vault", OWNER, vault=VAULT)
    listing = {"decimals": 8, "market": 5, "haircut": 20_000, "cap": 100 * WAD}
    assert record("vault.list_token", OWNER, **gem, **listing)
    assert record("vault.set_cap", OWNER, **gem, cap=10 * WAD)
    assert record("vault.set_haircut", OWNER, **gem, haircut=15_000)
    assert not record("vault.deposit", WEAK, **some, amount=11 * 10**8)
    assert record("vault.deposit", WEAK, **some, amount=3 * 10**7)
    assert record.trade(10 * WAD)
    assert record("vault.withdraw", WEAK, **some, amount=5 * 10**6, receiver=WEAK)
    record.price = 65 * WAD
    assert record("engine.note_arrears", STRANGER, account=weak)
    record.time += PATIENCE
    offer = {"amount": 10**6, "limit": 10**30, "receiver": DEALER}
    assert record("vault.buy", DEALER, **some, **offer)
    record.time += DAY
    assert not record("engine.clear_arrears", STRANGER, account=weak)
    record.price = 25 * WAD
    args = {"account": weak, "market": 0, "keeper": account_id(KEEPER)}
    assert not record("engine.resolve", STRANGER, **args)
    assert record("vault.open_sale", STRANGER, account=weak)
    assert record("vault.buy", DEALER, **some, **offer)
    record.time += SALE
    assert record("vault.seize", STRANGER, **some)
    assert record("engine.resolve", STRANGER, **args)
    assert record("vault.buy", DEALER, account=FUND, token=GEM, **offer)
    assert record("vault.withdraw_fund", OWNER, **gem, amount=22 * 10**6, receiver=OWNER)


def claims_story(record: Recorder) -> None:
    """A claim of 100 that market 1 cannot pay, arrears of 40 in market 0: after a day the fund has
    as much of the claim and market 0 a shortfall."""
    record.set_up(markets=(0, 1))
    weak = account_id(WEAK)
    for market in (0, 1):
        assert record.trade(5 * WAD, market=market)
    record.price, record.other = 30 * WAD, 120 * WAD
    assert record("engine.note_arrears", STRANGER, account=weak)
    record.time += DAY
    assert record("engine.clear_arrears", STRANGER, account=weak)
    assert not record("engine.clear_arrears", STRANGER, account=weak)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    file = tmp_path / "trace.jsonl"
    with TraceWriter(file, Header(OWNER, 6, ("COIN",))) as writer:
        story(Recorder(writer))
    return file


@pytest.mark.parametrize(("story", "calls"), [(pledge_story, 27), (claims_story, 16)])
def test_liq_7_replay_of_collateral(tmp_path: Path, story: Story, calls: int) -> None:
    """Clean as recorded; other units of an account, or another amount, are found."""
    file = tmp_path / "trace.jsonl"
    with TraceWriter(file, Header(OWNER, 6, ("COIN",))) as writer:
        story(Recorder(writer))
    report = replay(file)
    assert (report.details, report.calls) == ([], calls)


def test_liq_7_units_are_compared(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    with TraceWriter(file, Header(OWNER, 6, ("COIN",))) as writer:
        pledge_story(Recorder(writer))
    weak = hex(account_id(WEAK))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    accounts = next(line for line in lines if line.get("call") == "vault.withdraw")["accounts"]
    assert accounts[weak]["units"] == {"0": 25 * 10**6}
    accounts[weak]["units"]["0"] += 1
    report = replay(changed(file, "vault.withdraw", accounts=accounts))
    assert "token 0 units 25000001, model 25000000" in report.first


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
    ("name", "args"),
    [
        ("engine.accrue", {"market": MARKETS}),
        ("engine.sync", {"market": MARKETS}),
        ("engine.thaw", {"market": MARKETS}),
        ("engine.call_margin", {"account": 3}),
        ("engine.reclaim", {"account": 3}),
        ("engine.set_vault", {"vault": VAULT}),
        ("engine.note_arrears", {"account": 3}),
        ("engine.clear_arrears", {"account": 3}),
        ("vault.list_token", {"token": GEM, "decimals": 8, "market": 0, "haircut": 0, "cap": 0}),
        ("vault.set_cap", {"token": GEM, "cap": 1}),
        ("vault.set_haircut", {"token": GEM, "haircut": 5_000}),
        ("vault.deposit", {"account": 3, "token": GEM, "amount": 1}),
        ("vault.withdraw", {"account": 3, "token": GEM, "amount": 1, "receiver": GEM}),
        ("vault.open_sale", {"account": 3}),
        ("vault.buy", {"account": 1, "token": GEM, "amount": 1, "limit": 1, "receiver": GEM}),
        ("vault.seize", {"account": 3, "token": GEM}),
        ("vault.withdraw_fund", {"token": GEM, "amount": 1, "receiver": GEM}),
    ],
)
def test_each_new_call_reaches_the_model(name: str, args: dict[str, Any]) -> None:
    """Known, refused by the rules when it makes no sense, and unknown without its argument."""
    model = Model(OWNER)
    contract, _, function = name.partition(".")
    call = Call(contract, function, args, STRANGER, 1_700_000_000)
    assert is_known(contract, function)
    with pytest.raises(Refused):
        apply(model, call)
    with pytest.raises(UnknownCallError):
        apply(model, replace(call, args={}))
