"""Deploying in process: complete, verified, repeatable, resumable after any interruption."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.evm import Chain, load
from plimsoll.governance import Governor
from plimsoll.protocol import (
    DeployError,
    Deployment,
    EvmBackend,
    PlanError,
    Plimsoll,
    Record,
    RecordError,
    Refused,
    VerifyError,
    connect,
    deploy,
    verify,
)
from plimsoll.protocol.addresses import checked_address
from tests.utils.risk_words import write_correlations, write_globals, write_params

WAD = 10**18
DAY = 86_400
# the roles of deployments/local.yaml
PROPOSER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
GUARDIAN = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


class Cut(Exception):  # noqa: N818
    """The process ends here."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nested" / "local.json"


def snapshot_of(plimsoll: Plimsoll) -> dict[str, Any]:
    """What two deployments of one plan must have in common."""
    engine = plimsoll.engine
    return {
        "markets": {name: plimsoll.market_state(name)[:-1] for name in plimsoll.markets},
        "fund": plimsoll.fund_state(),
        "shares": plimsoll.fund.balanceOf(engine.owner()),
        "reward": engine.reward_rule(),
        "kept": [
            part.label for part in plimsoll.owned if part.owner() != plimsoll.timelock.address
        ],
        "guardian": engine.guardian(),
        "delay": plimsoll.timelock.get_minimum_delay(),
        "collateral": [
            plimsoll.vault.token_state(info.token.address)[:6]
            for info in plimsoll.collateral.values()
        ],
        "vault": plimsoll.engine.addresses()[4] == plimsoll.vault.address,
        "held": plimsoll.token.balanceOf(engine.address),
    }


def test_default(backend: EvmBackend, make_plan: Any, path: Path) -> None:
    plan = make_plan()
    plimsoll = deploy(backend, plan, path)
    verify(plimsoll, plan)
    timelock = plimsoll.timelock.address
    assert plimsoll.engine.owner() == plimsoll.risk.owner() == plimsoll.oracle.owner() == timelock
    assert plimsoll.extension.owner() == plimsoll.admin.owner() == timelock
    assert plimsoll.vault.owner() == timelock
    assert plimsoll.engine.addresses()[4] == plimsoll.vault.address
    assert plimsoll.vault.tokens() == [c.token.address for c in plimsoll.collateral.values()]
    assert plimsoll.engine.guardian() == GUARDIAN
    cash, claims, shortfall = plimsoll.fund_state()
    buffers = sum(plimsoll.market_state(name).cash for name in plimsoll.markets)
    assert cash + buffers == plan.fund.units("seed")
    assert claims == shortfall == 0
    assert plimsoll.fund.balanceOf(timelock) == plan.fund.units("seed")
    assert plimsoll.token.balanceOf(plimsoll.engine.address) * plimsoll.scale == cash + buffers
    record = Record.load(path)
    assert record.complete
    assert record.pending is None
    assert record == plimsoll.record
    assert plimsoll.risk.correlation(0, 3) == 5_500
    assert path.stat().st_mode & 0o777 == 0o644


def test_second_run_sends_nothing(backend: EvmBackend, make_plan: Any, path: Path) -> None:
    deploy(backend, make_plan(), path)
    before = path.read_bytes()
    nonce = backend.next_address(backend.deployer)
    told: list[str] = []
    again = Deployment(backend, make_plan(), path, say=told.append)
    again.run()
    assert again.sent == 0
    assert told[-1] == "nothing to do: everything is deployed as planned; no transaction was sent"
    assert path.read_bytes() == before
    assert backend.next_address(backend.deployer) == nonce


def test_without_governance_the_deployer_keeps_it(backend: EvmBackend, make_plan: Any) -> None:
    plimsoll = deploy(backend, make_plan({"governance": None}))
    assert plimsoll.engine.owner() == backend.deployer.address
    assert plimsoll.timelock is None
    again = Deployment(backend, make_plan({"governance": None}), plimsoll.record)
    again.run()
    assert again.sent == 0


def test_check_sends_and_writes_nothing(backend: EvmBackend, make_plan: Any, path: Path) -> None:
    nonce = backend.next_address(backend.deployer)
    deployment = Deployment(backend, make_plan(), path)
    left = [step.name for step in deployment.check()]
    assert left[:3] == ["token", "aggregator BTC", "feed BTC"]
    assert left[-1] == "transfer engine"
    assert not path.exists()
    assert backend.next_address(backend.deployer) == nonce


# ------------------------------------------------------------------------------------ interruption


@pytest.fixture
def one_market(make_plan: Any) -> Any:
    """The smallest plan; it has every kind of step."""
    changes = {"markets.DOGE": None, "correlations.BTC": None, "collateral.WBTC": None}
    return make_plan(changes)


def test_interrupted_after_every_step_continues(one_market: Any, tmp_path: Path) -> None:
    plan = one_market
    whole = Deployment(EvmBackend(), plan)
    expected = snapshot_of(whole.run())
    steps = [step.name for step in whole.steps()]
    for at in range(len(steps)):
        backend, path = EvmBackend(), tmp_path / f"{at}.json"

        def cut(line: str, at: int = at) -> None:
            if line.startswith(f"[{at + 1}/"):
                raise Cut

        first = Deployment(backend, plan, path, say=cut)
        with pytest.raises(Cut):
            first.run()
        second = Deployment(backend, plan, path)
        assert [step.name for step in second.left()] == steps[at + 1 :]
        assert snapshot_of(second.run()) == expected
        assert first.sent + second.sent == whole.sent, steps[at]


def test_interrupted_before_every_record_continues(
    one_market: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step whose result never reached the record is found on the chain, not done again."""
    plan = one_market
    whole = Deployment(EvmBackend(), plan)
    expected = snapshot_of(whole.run())
    real = Record.save
    last = 0
    for at in range(1, 1_000):
        backend, path = EvmBackend(), tmp_path / f"{at}.json"
        calls = 0

        def save(record: Record, at: int = at) -> None:
            nonlocal calls
            calls += 1
            if calls == at:
                raise Cut
            real(record)

        monkeypatch.setattr(Record, "save", save)
        first = Deployment(backend, plan, path)
        try:
            first.run()
        except Cut:
            last = at
        else:
            break
        monkeypatch.setattr(Record, "save", real)
        second = Deployment(backend, plan, path)
        assert snapshot_of(second.run()) == expected
        assert first.sent + second.sent == whole.sent, at
    assert last > len(list(whole.steps()))


def test_refused_step_continues_when_the_cause_is_gone(
    backend: EvmBackend, make_plan: Any, path: Path
) -> None:
    plan = make_plan()

    def halt(line: str) -> None:
        if "oracle" in line:
            raise Cut

    with pytest.raises(Cut):
        Deployment(backend, plan, path, say=halt).run()
    record = Record.load(path)
    aggregator = backend.at(
        record.contracts["aggregator BTC"].address, load("MockAggregator"), label="mock"
    )
    aggregator.set_answer(0)
    with pytest.raises(DeployError, match=r"step 'set feed BTC' was refused: .*feed is not fresh"):
        deploy(backend, plan, path)
    aggregator.set_answer(40_000 * 10**8)
    deploy(backend, plan, path)


def test_stale_mock_feeds_answer_anew(backend: EvmBackend, make_plan: Any, path: Path) -> None:
    def halt(line: str) -> None:
        if "seed fund" in line:
            raise Cut

    with pytest.raises(Cut):
        Deployment(backend, make_plan(), path, say=halt).run()
    backend.advance(2 * 86_400)
    plimsoll = deploy(backend, make_plan(), path)
    assert plimsoll.price("BTC") == (40_000 * WAD, 0)


def test_other_account_may_not_continue(backend: EvmBackend, make_plan: Any, path: Path) -> None:
    def halt(line: str) -> None:
        if "[5/" in line:
            raise Cut

    with pytest.raises(Cut):
        Deployment(backend, make_plan(), path, say=halt).run()
    other = backend.account("other")
    with pytest.raises(RecordError, match="continue with that account"):
        deploy(backend, make_plan(), path, sender=other)


def test_sender_deploys(backend: EvmBackend, make_plan: Any) -> None:
    sender = backend.account("release manager")
    assert deploy(backend, make_plan(), sender=sender).record.deployer == sender.address


# ---------------------------------------------------------------------------------- the handover


def test_deployer_holds_nothing(backend: EvmBackend, plimsoll: Plimsoll) -> None:
    """Every role there is, asked one by one; and no owner's call of his gets through."""
    deployer, timelock = backend.deployer.address, plimsoll.timelock
    assert timelock is not None
    assert deployer not in {part.owner() for part in plimsoll.owned}
    assert deployer != plimsoll.engine.guardian()
    for role in ("DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"):
        assert not timelock.hasRole(timelock.methods[role](), deployer)
    assert not plimsoll.engine.is_operator(timelock.address, deployer)
    assert plimsoll.fund.balanceOf(deployer) == 0
    assert plimsoll.token.allowance(deployer, plimsoll.fund.address) == 0
    for part in plimsoll.owned:
        with pytest.raises(Refused, match="caller is not the owner"):
            part.transfer_ownership(deployer)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("proposers", lambda who: [PROPOSER, who]),
        ("executors", lambda who: [who]),
        ("guardian", lambda who: who),
        ("steward", lambda who: who),
    ],
)
def test_deployer_may_not_be_named(
    backend: EvmBackend, make_plan: Any, path: Path, field: str, value: Any
) -> None:
    deployer = backend.deployer.address
    plan = make_plan({f"governance.{field}": value(deployer)})
    with pytest.raises(PlanError) as caught:
        deploy(backend, plan, path)
    assert caught.value.problems == [
        f"governance.{field}: {deployer} deploys, and is to hold nothing afterwards; name another "
        "account, or deploy with another one"
    ]
    assert not path.exists()
    deploy(backend, plan, path, sender=backend.account("release manager"))


def test_short_delay_on_a_live_network(live: Live, make_plan: Any) -> None:
    """MRG-5: what calls itself a test network is refused elsewhere."""
    changes = {**live_changes(live), "governance.test": True, "governance.delay": 60}
    with pytest.raises(PlanError) as caught:
        deploy(live, make_plan(changes))
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["governance.test"]


@pytest.mark.parametrize("cut_at", ["transfer risk", "transfer extension", "transfer engine"])
def test_interrupted_between_transfers_continues(
    backend: EvmBackend,
    make_plan: Any,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cut_at: str,
) -> None:
    """The transfer is on the chain, the record does not have it."""
    real = Deployment._finish

    def finish(self: Deployment, name: str, receipt: Any) -> None:
        if name == cut_at:
            raise Cut
        real(self, name, receipt)

    monkeypatch.setattr(Deployment, "_finish", finish)
    with pytest.raises(Cut):
        deploy(backend, make_plan(), path)
    monkeypatch.setattr(Deployment, "_finish", real)
    assert cut_at not in Record.load(path).steps
    again = Deployment(backend, make_plan(), path)
    again.run()
    assert again.sent == {"transfer risk": 6, "transfer extension": 1, "transfer engine": 0}[cut_at]


def test_no_owners_call_after_the_handover(backend: EvmBackend, make_plan: Any, path: Path) -> None:
    """A record that lost steps, and a parameter that governance has changed since: nothing is sent,
    and the message says whose call it is."""
    plimsoll = deploy(backend, make_plan(), path)
    assert plimsoll.timelock is not None
    with impersonated(plimsoll) as owner:
        rule = plimsoll.engine.reward_rule()
        plimsoll.engine.set_reward(rule._replace(interval=60), sender=owner)
    data = json.loads(path.read_text())
    data["complete"] = False
    for name in ("set feed BTC", "set reward", "transfer engine"):
        del data["steps"][name]
    path.write_text(json.dumps(data))
    again = Deployment(backend, make_plan(), path)
    told = rf"step 'set reward' is a call for the owner of engine, which is {owner}.*nothing was"
    with pytest.raises(DeployError, match=told):
        again.run()
    assert again.sent == 0
    with impersonated(plimsoll) as owner:
        plimsoll.engine.set_reward(rule, sender=owner)
    again = Deployment(backend, make_plan(), path)
    again.run()
    assert again.sent == 0


# ------------------------------------------------------------------------------- records that lie


@pytest.fixture
def finished(backend: EvmBackend, make_plan: Any, path: Path) -> dict[str, Any]:
    deploy(backend, make_plan(), path)
    data: dict[str, Any] = json.loads(path.read_text())
    return data


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1}', "null", "\x00"]
)
def test_unreadable_record(backend: EvmBackend, make_plan: Any, path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(RecordError, match=r"is no deployment record .* delete it to deploy anew"):
        deploy(backend, make_plan(), path)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("chain_id", 1, "is of chain 1, but in-process is chain 31337"),
        ("genesis", "0x12", "is of another chain with the id 31337"),
        ("evm_version", "shanghai", "was deployed for shanghai"),
        ("contracts", {"engine": {"address": "0x12"}}, "is no deployment record"),
        ("contracts", [], "is no deployment record"),
        ("pending", 5, "is no deployment record"),
    ],
)
def test_record_of_something_else(
    backend: EvmBackend,
    make_plan: Any,
    path: Path,
    finished: dict[str, Any],
    key: str,
    value: Any,
    told: str,
) -> None:
    path.write_text(json.dumps({**finished, key: value}))
    with pytest.raises(RecordError, match=re.escape(told)):
        deploy(backend, make_plan(), path)


def test_record_without_code(make_plan: Any, path: Path, finished: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match=r"as token, but there is no code .* to deploy anew"):
        deploy(EvmBackend(), make_plan(), path)
    with pytest.raises(RecordError, match="there is no code"):
        connect(EvmBackend(), path)


def test_record_of_another_plan(
    backend: EvmBackend, make_plan: Any, path: Path, finished: dict[str, Any]
) -> None:
    with pytest.raises(RecordError, match=r"these differ: markets\.BTC\.risk\.sigma, risk\.z\."):
        deploy(backend, make_plan({"markets.BTC.risk.sigma": 0.03, "risk.z": 2}), path)


def test_record_that_names_the_wrong_contract(
    backend: EvmBackend, make_plan: Any, path: Path, finished: dict[str, Any]
) -> None:
    contracts = finished["contracts"]
    contracts["lens"]["address"] = contracts["token"]["address"]
    path.write_text(json.dumps(finished))
    with pytest.raises(VerifyError, match=r"lens: the code at .* is not MarginLens's"):
        deploy(backend, make_plan(), path)


def test_pending_address_with_foreign_code_is_not_adopted(
    backend: EvmBackend, make_plan: Any, path: Path
) -> None:
    def halt(line: str) -> None:
        if "oracle" in line:
            raise Cut

    with pytest.raises(Cut):
        Deployment(backend, make_plan(), path, say=halt).run()
    data = json.loads(path.read_text())
    token = data["contracts"]["token"]["address"]
    data["pending"] = {"step": "risk", "address": token}
    path.write_text(json.dumps(data))
    assert deploy(backend, make_plan(), path).risk.address != token


# -------------------------------------------------------------------------------- what is verified


IN_TIMELOCK = (
    "delay",
    "proposer gone",
    "role's admin",
    "deployer as PROPOSER_ROLE",
    "deployer as CANCELLER_ROLE",
    "deployer as EXECUTOR_ROLE",
    "deployer as DEFAULT_ADMIN_ROLE",
)


@contextlib.contextmanager
def impersonated(plimsoll: Plimsoll) -> Iterator[str]:
    """Let the timelock send transactions by itself, as a node can; no contract may otherwise."""
    assert plimsoll.timelock is not None
    chain, address = plimsoll.backend.chain, plimsoll.timelock.address
    code = chain.code(address)
    chain.set_code(address, b"")
    yield address
    chain.set_code(address, code)


def through_timelock(plimsoll: Plimsoll, function: str, *args: Any) -> None:
    """Let the timelock change itself."""
    governor = Governor(plimsoll)
    operation = governor.operation("timelock", function, args)
    governor.schedule(operation, sender=PROPOSER)
    plimsoll.backend.advance(DAY)
    governor.execute(operation, sender=PROPOSER)


def _changed(plimsoll: Plimsoll, what: str) -> str:
    """Change one thing that the plan says, and return what the verification should name."""
    if what in IN_TIMELOCK:
        return _changed_roles(plimsoll, what)
    with impersonated(plimsoll) as owner:
        return _changed_parameters(plimsoll, what, owner)


def _changed_roles(plimsoll: Plimsoll, what: str) -> str:
    timelock, deployer = plimsoll.timelock, plimsoll.record.deployer
    assert timelock is not None
    proposes = timelock.PROPOSER_ROLE()
    match what:
        case "delay":
            through_timelock(plimsoll, "update_delay", 2 * DAY)
            return f"timelock.get_minimum_delay is {2 * DAY}, the plan says {DAY}"
        case "proposer gone":
            through_timelock(plimsoll, "revokeRole", proposes, PROPOSER)
            return f"timelock.PROPOSER_ROLE of {PROPOSER} is missing"
        case "role's admin":
            through_timelock(plimsoll, "set_role_admin", proposes, b"\x01" * 32)
            return "timelock.PROPOSER_ROLE is granted by another role than the timelock's own"
    role = what.removeprefix("deployer as ")
    through_timelock(plimsoll, "grantRole", timelock.methods[role](), deployer)
    return f"timelock.{role} of the deployer {deployer} is not in the plan"


def _changed_parameters(plimsoll: Plimsoll, what: str, owner: str) -> str:
    engine, oracle, risk = plimsoll.engine, plimsoll.oracle, plimsoll.risk
    match what:
        case "config":
            config = plimsoll.market_state("BTC").config
            engine.set_market(0, config._replace(taker_fee=900), sender=owner)
            return "markets.BTC.config.taker_fee is 900, the plan says 500"
        case "allowance":
            engine.set_allowance(0, WAD, sender=owner)
            return "markets.BTC.allowance is"
        case "risk":
            write_params(plimsoll.backend.chain, risk, 3, risk.params(3)._replace(sigma=10**11))
            return "markets.DOGE.risk.sigma is 100000000000, the plan says 50000000000"
        case "globals":
            write_globals(plimsoll.backend.chain, risk, 2 * WAD, 2 * WAD)
            return "risk.globals.z is"
        case "correlations":
            matrix = [[10_000 * (m == n) for n in range(16)] for m in range(16)]
            write_correlations(plimsoll.backend.chain, risk, matrix)
            return "correlations.BTC.DOGE is 0, the plan says 5500"
        case "feed":
            feed = oracle.feed(0)
            oracle.set_feed(0, feed.feed, 3_600, feed.gap, feed.ceiling, sender=owner)
            return "markets.BTC.feed is"
        case "reward":
            rule = engine.reward_rule()
            engine.set_reward(rule._replace(interval=60), sender=owner)
            return "engine.reward_rule.interval is 60, the plan says 3600"
        case "owner":
            engine.transfer_ownership(plimsoll.fund.address, sender=owner)
            return f"engine.owner is {plimsoll.fund.address}, the plan says {owner}"
        case "guardian":
            engine.set_guardian(plimsoll.fund.address, sender=owner)
            return f"engine.guardian is {plimsoll.fund.address}, the plan says {GUARDIAN}"
        case "deployer as guardian":
            engine.set_guardian(plimsoll.record.deployer, sender=owner)
            return "engine.guardian is the deployer"
        case "operator":
            engine.set_operator(plimsoll.record.deployer, True, sender=owner)
            return "is an operator of the timelock's"
        case "aggregator":
            plimsoll.markets["BTC"].feed.set_aggregator(plimsoll.token.address)
            return "feed BTC: its aggregator is"
        case "haircut":
            # it moves later; it counts as what it moves to
            token = plimsoll.collateral["WETH"].token.address
            plimsoll.vault.set_haircut(token, 15_000, sender=owner)
            return "collateral.WETH.haircut is 15000, the plan says 10000"
        case "cap":
            token = plimsoll.collateral["WBTC"].token.address
            plimsoll.vault.set_cap(token, WAD, sender=owner)
            return f"collateral.WBTC.cap is {WAD}, the plan says {1_000 * WAD}"
        case "collateral's feed":
            feed = oracle.feed(1)
            oracle.set_feed(1, feed.feed, 3_600, feed.gap, feed.ceiling, sender=owner)
            return "collateral.WETH.feed is"
        case "token":
            other = plimsoll.backend.deploy(load("TestToken"), 6).address
            plimsoll.vault.list_token(other, 0, 10_000, WAD, sender=owner)
            return f"collateral: {other} is listed, the plan has no such token"
        case "vault's owner":
            plimsoll.vault.transfer_ownership(plimsoll.fund.address, sender=owner)
            return f"vault.owner is {plimsoll.fund.address}, the plan says {owner}"
        case "market":
            oracle.set_feed(9, plimsoll.markets["BTC"].feed.address, 60, 0, 83, sender=owner)
            risk.set_market(9, risk.params(0), sender=owner)
            engine.list_market(9, plimsoll.market_state("BTC").config, 0, sender=owner)
            return "market 9 is listed, the plan has none of that number"
    raise AssertionError(what)


@pytest.mark.parametrize(
    "what",
    [
        "config",
        "allowance",
        "risk",
        "globals",
        "correlations",
        "feed",
        "reward",
        "owner",
        "guardian",
        "deployer as guardian",
        "operator",
        "aggregator",
        "haircut",
        "cap",
        "collateral's feed",
        "token",
        "vault's owner",
        "market",
        *IN_TIMELOCK,
    ],
)
def test_verification_names_what_was_changed(
    backend: EvmBackend, make_plan: Any, plimsoll: Plimsoll, what: str
) -> None:
    told = _changed(plimsoll, what)
    with pytest.raises(VerifyError, match=re.escape(told)) as caught:
        deploy(backend, make_plan(), plimsoll.record)
    assert len(caught.value.differences) == (2 if what == "globals" else 1)


def test_verification_sees_changed_code(
    backend: EvmBackend, make_plan: Any, plimsoll: Plimsoll
) -> None:
    code = bytearray(backend.code(plimsoll.risk.address))
    code[100] ^= 1
    backend.chain.set_code(plimsoll.risk.address, bytes(code))
    with pytest.raises(VerifyError, match=r"risk: the code at .* is not RiskModel's"):
        verify(plimsoll, make_plan())


def test_verification_sees_changed_immutable(
    backend: EvmBackend, make_plan: Any, plimsoll: Plimsoll
) -> None:
    """The root's own oracle has no getter: it is read from the code."""
    code = backend.code(plimsoll.engine.address)
    oracle = bytes.fromhex(plimsoll.oracle.address[2:])
    other = bytes.fromhex(plimsoll.token.address[2:])
    at = code.rindex(oracle)
    backend.chain.set_code(plimsoll.engine.address, code[:at] + other + code[at + 20 :])
    with pytest.raises(VerifyError, match=r"engine: immutable valuation\.ORACLE is"):
        verify(plimsoll, make_plan())


# ----------------------------------------------------------------- plans that the chain contradicts


class Live(EvmBackend):
    """The chain in the process, taken for a live network."""

    is_local = False
    network = "ethereum:mainnet:node"


@pytest.fixture
def live() -> Live:
    return Live()


def live_changes(live: Live, **amounts: int) -> dict[str, Any]:
    """A plan with a real token and a real feed."""
    token = live.deploy(load("TestToken"), amounts.get("decimals", 6))
    token.mint(live.deployer.address, amounts.get("balance", 10**13))
    feeds = {}
    for name, answer in (("BTC", 40_000 * 10**8), ("DOGE", 4 * 10**7)):
        mock = live.deploy(load("MockAggregator"), 8, amounts.get(name, answer))
        feeds[name] = live.deploy(load("FeedProxy"), mock).address
    return {
        "token": {"address": token.address},
        "markets.BTC.feed.mock": None,
        "markets.BTC.feed.address": feeds["BTC"],
        "collateral": {},
        "markets.DOGE.feed.mock": None,
        "markets.DOGE.feed.address": feeds["DOGE"],
    }


def test_live_network(live: Live, make_plan: Any, path: Path) -> None:
    changes = live_changes(live)
    plimsoll = deploy(live, make_plan(changes), path)
    assert plimsoll.token.address == changes["token"]["address"]
    assert plimsoll.markets["BTC"].aggregator is None
    assert plimsoll.price("BTC") == (40_000 * WAD, 0)
    again = Deployment(live, make_plan(changes), path)
    again.run()
    assert again.sent == 0
    assert connect(live, path).token.address == plimsoll.token.address


def test_live_network_refuses_test_parts(live: Live, make_plan: Any) -> None:
    with pytest.raises(PlanError) as caught:
        deploy(live, make_plan({"governance": None}))
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "token.test",
        "markets.BTC.feed.mock",
        "markets.DOGE.feed.mock",
        "collateral.WETH.token.test",
        "collateral.WETH.feed.mock",
        "collateral.WBTC.token.test",
        "governance (left out)",
    ]


@pytest.mark.parametrize(
    ("amounts", "error", "told"),
    [
        ({"balance": 10**9}, DeployError, "has 1000000000: send it the rest, or lower fund.seed"),
        ({"BTC": 10**14}, PlanError, "markets.BTC: config.oi_cap is worth 8000000000 "),
        ({"BTC": 10**20}, PlanError, "markets.BTC: the price 1000000000000 reaches the ceiling"),
        ({"BTC": 0}, PlanError, "markets.BTC.feed.address: is no Chainlink feed here"),
    ],
)
def test_live_preflight(
    live: Live, make_plan: Any, amounts: dict[str, int], error: type[Exception], told: str
) -> None:
    plan = make_plan(live_changes(live, **amounts))
    nonce = live.next_address(live.deployer)
    with pytest.raises(error, match=re.escape(told)):
        deploy(live, plan)
    assert live.next_address(live.deployer) == nonce


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"token": {"address": PROPOSER}}, "token.address: no contract stands at"),
        ({"markets.BTC.feed.address": PROPOSER}, "markets.BTC.feed.address: is no Chainlink feed"),
    ],
)
def test_live_addresses(live: Live, make_plan: Any, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(PlanError, match=re.escape(told)):
        deploy(live, make_plan({**live_changes(live), **changes}))


def live_collateral(live: Live, answer: int = 2_500 * 10**8, decimals: int = 8) -> dict[str, Any]:
    """A real token with a real feed of its own."""
    mock = live.deploy(load("MockAggregator"), 8, answer)
    feed = live.deploy(load("FeedProxy"), mock).address
    return {
        "token": {"address": live.deploy(load("TestToken"), decimals).address},
        "number": 9,
        "feed": {"address": feed, "heartbeat": 3_600, "gap": 0.05, "ceiling": 80},
        "haircut": 0.1,
        "cap": 1_000,
    }


def test_live_collateral(live: Live, make_plan: Any, path: Path) -> None:
    token = live_collateral(live)
    plan = make_plan({**live_changes(live), "collateral": {"WETH": token}})
    plimsoll = deploy(live, plan, path)
    assert plimsoll.vault.tokens() == [token["token"]["address"]]
    assert plimsoll.collateral["WETH"].decimals == 8
    assert plimsoll.oracle.quote(9) == (2_500 * WAD, 0)
    again = Deployment(live, plan, path)
    again.run()
    assert again.sent == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"token": {"address": PROPOSER}}, f"token.address: {PROPOSER}: no contract stands there"),
        ({"feed": {"address": PROPOSER}}, "WETH: feed.address: is no Chainlink feed here"),
        ({"feed": {"ceiling": 71}}, "WETH: the price 2500 reaches the ceiling of 71 bits"),
    ],
)
def test_live_collateral_preflight(
    live: Live, make_plan: Any, change: dict[str, Any], told: str
) -> None:
    token = live_collateral(live)
    for field, value in change.items():
        token[field] |= value
    plan = make_plan({**live_changes(live), "collateral": {"WETH": token}})
    nonce = live.next_address(live.deployer)
    with pytest.raises(PlanError, match=re.escape(told)):
        deploy(live, plan)
    assert live.next_address(live.deployer) == nonce


def test_collateral_that_is_no_token(live: Live, make_plan: Any) -> None:
    token = live_collateral(live)
    token["token"]["address"] = live.deploy(load("PriceOracle")).address
    with pytest.raises(PlanError, match=r"collateral\.WETH\.token\.address: .* is no ERC-20 token"):
        deploy(live, make_plan({**live_changes(live), "collateral": {"WETH": token}}))


def test_token_that_is_none(live: Live, make_plan: Any) -> None:
    changes = live_changes(live)
    changes["token"] = {"address": live.deploy(load("PriceOracle")).address}
    with pytest.raises(PlanError, match="does not tell its decimals"):
        deploy(live, make_plan(changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fund.seed": "1000000.0000001"}, "is no whole number of token units"),
        ({"fund.seed": "0.000001"}, "is below the markets' dust buffers"),
    ],
)
def test_seed(backend: EvmBackend, make_plan: Any, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(PlanError, match=re.escape(told)):
        deploy(backend, make_plan(changes))


@pytest.mark.parametrize("decimals", [2, 6, 8, 18])
def test_token_decimals(backend: EvmBackend, make_plan: Any, decimals: int) -> None:
    plimsoll = deploy(backend, make_plan({"token.test.decimals": decimals}))
    assert plimsoll.decimals == decimals
    assert plimsoll.to_token_units("1.25") == 125 * 10 ** (decimals - 2)


def test_shanghai(make_plan: Any) -> None:
    plan = make_plan()
    plimsoll = deploy(EvmBackend(Chain(fork="SHANGHAI")), plan)
    assert plimsoll.record.evm_version == "shanghai"
    assert load("MarginEngine", "shanghai").runtime != load("MarginEngine").runtime


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "0x12",
        PROPOSER[2:],
        PROPOSER + "0",
        PROPOSER[:-1] + "g",
        PROPOSER[:-1] + "9",
        None,
    ],
)
def test_checked_address_refuses(text: Any) -> None:
    with pytest.raises(ValueError, match=r"no address|typing error"):
        checked_address(text)


def test_checked_address() -> None:
    for text in (PROPOSER, PROPOSER.lower(), "0x" + PROPOSER[2:].upper()):
        assert checked_address(text) == PROPOSER
