"""Owner's calls through the timelock (MRG-5): never early, never by somebody else, never unseen."""

import re
from typing import Any

import pytest

from plimsoll.evm import Chain, Revert, load
from plimsoll.governance import Call, GovernanceError, Governor, Operation, State
from plimsoll.protocol import Order, Plimsoll, Refused
from plimsoll.protocol.addresses import ZERO_ADDRESS

DAY = 86_400
WAD = 10**18
# the roles of deployments/local.yaml
PROPOSER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
GUARDIAN = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
STEWARD = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"


def pass_time(plimsoll: Plimsoll, seconds: int) -> None:
    """Time goes on and the feed answers again."""
    plimsoll.backend.advance(seconds)
    plimsoll.set_price("BTC", 40_000)


def run(governor: Governor, operation: Operation) -> None:
    """Schedule, wait, execute."""
    governor.schedule(operation, sender=PROPOSER)
    pass_time(governor.plimsoll, DAY)
    governor.execute(operation, sender=PROPOSER)


# ---- operations ----------------------------------------------------------------------------------


def test_id_is_the_timelocks(governor: Governor) -> None:
    """Single and batch, with and without salt and predecessor."""
    timelock = governor.timelock
    calls = (
        Call(governor.plimsoll.engine.address, b"\x12\x34\x56\x78" + bytes(64)),
        Call(governor.plimsoll.risk.address, b"", 5),
        Call(governor.plimsoll.fund.address, b"\x01" * 1_024),
    )
    for before, salt in ((bytes(32), bytes(32)), (b"\x01" * 32, b"\x02" * 32)):
        for call in calls:
            arguments = (call.target, call.amount, call.payload, before, salt)
            assert Operation((call,), before, salt).id == timelock.hash_operation(*arguments)
        columns = (
            [call.target for call in calls],
            [call.amount for call in calls],
            [call.payload for call in calls],
        )
        wanted = timelock.hash_operation_batch(*columns, before, salt)
        assert Operation(calls, before, salt, batch=True).id == wanted


def test_mrg_5_owners_call_waits_a_day(plimsoll: Plimsoll, governor: Governor) -> None:
    operation = governor.operation("engine", "set_guardian", (STEWARD,))
    assert governor.state(operation) is State.UNKNOWN
    governor.schedule(operation, sender=PROPOSER)
    due = governor.due(operation)
    assert due == plimsoll.backend.now() + DAY
    plimsoll.backend.advance(DAY - 1)
    assert governor.state(operation) is State.WAITING
    with pytest.raises(GovernanceError, match=f"due at {due}, in 1 s"):
        governor.execute(operation, sender=PROPOSER)
    call = operation.calls[0]
    with pytest.raises(Refused, match="operation is not ready"):
        governor.timelock.execute(
            call.target, 0, call.payload, bytes(32), bytes(32), sender=PROPOSER
        )
    plimsoll.backend.advance(1)
    assert governor.state(operation) is State.READY
    governor.execute(operation, sender="0x" + "77" * 20)  # anyone
    assert governor.state(operation) is State.DONE
    assert plimsoll.engine.guardian() == STEWARD


def test_done_is_done(governor: Governor) -> None:
    """Executing twice, cancelling what is done, scheduling it again without another salt."""
    operation = governor.operation("engine", "set_guardian", (STEWARD,))
    run(governor, operation)
    with pytest.raises(GovernanceError, match="the operation is done; only one that is scheduled"):
        governor.execute(operation, sender=PROPOSER)
    with pytest.raises(GovernanceError, match="the operation is done; only one"):
        governor.cancel(operation, sender=PROPOSER)
    with pytest.raises(GovernanceError, match="is done; give it another salt"):
        governor.schedule(operation, sender=PROPOSER)
    again = governor.operation("engine", "set_guardian", (STEWARD,), salt=b"\x01" * 32)
    governor.schedule(again, sender=PROPOSER)
    assert [each.state for each in governor.operations()] == [State.DONE, State.WAITING]


def test_cancel(plimsoll: Plimsoll, governor: Governor) -> None:
    operation = governor.operation("engine", "set_guardian", (STEWARD,))
    governor.schedule(operation, sender=PROPOSER)
    governor.cancel(operation, sender=PROPOSER)
    plimsoll.backend.advance(DAY)
    with pytest.raises(GovernanceError, match="the operation is unknown"):
        governor.execute(operation, sender=PROPOSER)
    assert [each.state for each in governor.operations()] == [State.CANCELLED]
    assert plimsoll.engine.guardian() == GUARDIAN


def test_predecessor_comes_first(governor: Governor) -> None:
    first = governor.operation("engine", "set_guardian", (STEWARD,))
    second = governor.operation("engine", "set_allowance", (0, 5), predecessor=first.id)
    for each in (second, first):
        governor.schedule(each, sender=PROPOSER)
    governor.plimsoll.backend.advance(DAY)
    with pytest.raises(Refused, match="missing dependency"):
        governor.execute(second, sender=PROPOSER)
    for each in (first, second):
        governor.execute(each, sender=PROPOSER)


def test_batch(plimsoll: Plimsoll, governor: Governor) -> None:
    """Several calls at once, found again from the events; all of them or none."""
    parts = (
        governor.operation("engine", "set_guardian", (STEWARD,)),
        governor.operation("engine", "set_allowance", (0, 5)),
    )
    both = Operation(tuple(part.calls[0] for part in parts), salt=b"\x05" * 32, batch=True)
    governor.schedule(both, sender=PROPOSER)
    found = governor.find("0x" + both.id.hex()[:8])
    assert found.operation == both
    plimsoll.backend.advance(DAY)
    governor.execute(found.operation, sender=PROPOSER)
    assert plimsoll.engine.guardian() == STEWARD
    assert plimsoll.market_state("BTC").allowance_cap == 5


def test_refusal_of_the_called_contract(plimsoll: Plimsoll, governor: Governor) -> None:
    """It says why, and the operation stays due."""
    operation = governor.operation("engine", "set_fund", (STEWARD,))
    governor.schedule(operation, sender=PROPOSER)
    plimsoll.backend.advance(DAY)
    with pytest.raises(Refused, match="listing: fund is set"):
        governor.execute(operation, sender=PROPOSER)
    assert governor.state(operation) is State.READY


def test_describe(plimsoll: Plimsoll, governor: Governor) -> None:
    call = governor.operation("engine", "restrict_market", (0, 3, True)).calls[0]
    told = governor.describe(call)
    assert told == "engine.restrict_market(market=0, halvings=3, reduce_only=True)"
    stranger = Call(PROPOSER, b"\x01\x02\x03\x04")
    assert governor.describe(stranger) == f"{PROPOSER} 0x01020304"


@pytest.mark.parametrize(
    ("contract", "function", "args", "told"),
    [
        ("engin", "set_fund", (), "there is no contract 'engin'; there are token, oracle"),
        ("admin_", "set_fund", (), "there is no contract 'admin_'"),
        ("engine", "set_fnd", (), "engine has no function 'set_fnd' that changes anything; it has"),
        ("engine", "owner", (), "engine has no function 'owner' that changes anything"),
        ("engine", "set_fund", (), "It takes (fund: address)"),
        ("engine", "set_fund", (5,), "engine.set_fund does not take these arguments"),
    ],
)
def test_operation_errors(
    governor: Governor, contract: str, function: str, args: Any, told: str
) -> None:
    with pytest.raises(GovernanceError, match=re.escape(told)):
        governor.operation(contract, function, args)


def test_payload_above_what_the_timelock_takes(governor: Governor) -> None:
    """An operation that schedules one of the largest: 1,024 bytes with six words around them."""
    arguments = (governor.timelock.address, 0, bytes(1_024), bytes(32), bytes(32), DAY)
    payload = governor.plimsoll.timelock.schedule.encode(*arguments)
    assert len(payload) > 1_024
    with pytest.raises(
        GovernanceError, match=f"{len(payload)} bytes of calldata, and the timelock"
    ):
        governor.operation("timelock", "schedule", arguments)
    with pytest.raises(Refused):
        governor.timelock.schedule(
            governor.timelock.address, 0, payload, bytes(32), bytes(32), DAY, sender=PROPOSER
        )


def test_without_a_timelock(ungoverned: Plimsoll) -> None:
    with pytest.raises(GovernanceError, match="this deployment has no timelock"):
        Governor(ungoverned)


# ---- who -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [GUARDIAN, STEWARD, "0x" + "77" * 20, "deployer"])
def test_only_proposers_schedule_and_cancel(
    plimsoll: Plimsoll, governor: Governor, who: str
) -> None:
    """Not the guardian, the steward, the deployer, nor a stranger; said before anything is sent,
    and refused by the timelock."""
    sender = plimsoll.record.deployer if who == "deployer" else who
    operation = governor.operation("engine", "set_guardian", (sender,))
    with pytest.raises(GovernanceError, match="may not schedule: it has no PROPOSER_ROLE"):
        governor.schedule(operation, sender=sender)
    call = operation.calls[0]
    with pytest.raises(Refused, match="account is missing role"):
        governor.timelock.schedule(
            call.target, 0, call.payload, bytes(32), bytes(32), DAY, sender=sender
        )
    governor.schedule(operation, sender=PROPOSER)
    with pytest.raises(GovernanceError, match="may not cancel: it has no CANCELLER_ROLE"):
        governor.cancel(operation, sender=sender)
    with pytest.raises(Refused, match="account is missing role"):
        governor.timelock.cancel(operation.id, sender=sender)


def test_delay_too_short(governor: Governor) -> None:
    operation = governor.operation("engine", "set_guardian", (STEWARD,))
    with pytest.raises(GovernanceError, match="a delay of 5 s is below the timelock's 86400 s"):
        governor.schedule(operation, sender=PROPOSER, delay=5)
    governor.schedule(operation, sender=PROPOSER, delay=2 * DAY)
    assert governor.due(operation) == governor.plimsoll.backend.now() + 2 * DAY


def test_liq_7_vault_is_governed_by_operations(plimsoll: Plimsoll, governor: Governor) -> None:
    """A haircut through the timelock: its day's delay, then a day's notice and a day to move. The
    guardian may lower a cap at once, and never raise it."""
    token, now = plimsoll.collateral["WBTC"].token.address, plimsoll.backend.now
    for who in (plimsoll.record.deployer, PROPOSER, GUARDIAN):
        with pytest.raises(Refused, match="caller is not the owner"):
            plimsoll.vault.set_haircut(token, 10_000, sender=who)
    run(governor, governor.operation("vault", "set_haircut", (token, 10_000)))
    start = now() + DAY
    state = plimsoll.vault.token_state(token)
    assert (state.haircut, state.haircut_to, state.start) == (8_000, 10_000, start)
    plimsoll.backend.advance(DAY + DAY // 2)
    assert plimsoll.vault.token_state(token).haircut == 9_000
    plimsoll.vault.set_cap(token, 0, sender=GUARDIAN)
    with pytest.raises(Refused, match="vault: guardian only tightens"):
        plimsoll.vault.set_cap(token, 1, sender=GUARDIAN)
    with pytest.raises(Refused, match="vault: not owner nor guardian"):
        plimsoll.vault.set_cap(token, 0, sender=PROPOSER)


def test_treasury_is_withdrawn_by_an_operation(plimsoll: Plimsoll, governor: Governor) -> None:
    """Its owner is the engine's owner, the timelock: a fifth of the fees, to whom it says."""
    backend = plimsoll.backend
    maker, taker = backend.account("maker"), backend.account("taker")
    for who in (maker, taker):
        plimsoll.mint(who, 10**12)
        plimsoll.approve(sender=who)
        plimsoll.deposit(plimsoll.account_id(who), 10**12, sender=who)
    order = Order(
        account=plimsoll.account_id(maker),
        market=0,
        size=10 * WAD,
        price=40_000 * WAD,
        expiry=2**40,
        salt=1,
    )
    signed = plimsoll.sign(maker, order)
    plimsoll.fill(signed, plimsoll.account_id(taker), 10 * WAD, sender=taker)
    treasury = plimsoll.wallet(2)[0]
    # 0.02 % and 0.05 % of 400,000, a fifth of it
    assert treasury == 56 * WAD
    receiver = backend.account("receiver").address
    for who in (plimsoll.record.deployer, PROPOSER, GUARDIAN):
        with pytest.raises(Refused, match="caller is not the owner"):
            plimsoll.engine.withdraw(2, 1, receiver, sender=who)
    run(governor, governor.operation("engine", "withdraw", (2, 56 * 10**6, receiver)))
    assert plimsoll.token.balanceOf(receiver) == 56 * 10**6
    assert plimsoll.wallet(2)[0] == 0


def test_guardian_is_undone_by_the_timelock_only(plimsoll: Plimsoll, governor: Governor) -> None:
    plimsoll.engine.restrict_market(0, 15, True, sender=GUARDIAN)
    with pytest.raises(Refused, match="listing: guardian only tightens"):
        plimsoll.engine.restrict_market(0, 0, False, sender=GUARDIAN)
    run(governor, governor.operation("engine", "restrict_market", (0, 0, False)))
    assert tuple(plimsoll.engine.restriction(0)) == (0, False)


# ---- the contract itself -------------------------------------------------------------------------


def deploy_timelock(*args: Any) -> Any:
    return Chain().deploy(load("Timelock"), *args)


def test_deploy_roles() -> None:
    """The deployer has none, the timelock administers itself."""
    timelock = deploy_timelock(DAY, [PROPOSER, GUARDIAN], [STEWARD])
    members = {
        "PROPOSER_ROLE": {PROPOSER, GUARDIAN},
        "CANCELLER_ROLE": {PROPOSER, GUARDIAN},
        "EXECUTOR_ROLE": {STEWARD},
        "DEFAULT_ADMIN_ROLE": {timelock.address},
    }
    everybody = (
        *(PROPOSER, GUARDIAN, STEWARD, ZERO_ADDRESS, timelock.address),
        timelock.chain.default_sender.address,
    )
    for role, wanted in members.items():
        key = timelock.functions[role]()
        assert {who for who in everybody if timelock.hasRole(key, who)} == wanted
        assert timelock.getRoleAdmin(key) == bytes(32)
    assert timelock.get_minimum_delay() == timelock.shortest_delay() == DAY


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((30 * DAY + 1, [PROPOSER], [PROPOSER]), "timelock: delay out of range"),
        ((2**256 - 1, [PROPOSER], [PROPOSER]), "timelock: delay out of range"),
        ((DAY, [], [PROPOSER]), "timelock: nobody proposes"),
        ((DAY, [PROPOSER], []), "timelock: nobody executes"),
    ],
)
def test_deploy_reverts(args: Any, reason: str) -> None:
    with pytest.raises(Revert) as failure:
        deploy_timelock(*args)
    assert failure.value.reason == reason


@pytest.mark.parametrize("delay", [0, DAY - 1, 30 * DAY + 1, 2**256 - 1])
def test_mrg_5_update_delay_reverts_out_of_range(governor: Governor, delay: int) -> None:
    """No operation, however long it was announced, opens a way to make later ones early; nor locks
    everything up for ever."""
    operation = governor.operation("timelock", "update_delay", (delay,))
    governor.schedule(operation, sender=PROPOSER)
    governor.plimsoll.backend.advance(DAY)
    with pytest.raises(Refused) as refused:
        governor.execute(operation, sender=PROPOSER)
    assert refused.value.reason == "timelock: delay out of range"


def test_update_delay_longer_and_back(governor: Governor) -> None:
    run(governor, governor.operation("timelock", "update_delay", (30 * DAY,)))
    assert governor.timelock.get_minimum_delay() == 30 * DAY
    back = governor.operation("timelock", "update_delay", (DAY,))
    governor.schedule(back, sender=PROPOSER)
    governor.plimsoll.backend.advance(DAY)
    assert governor.state(back) is State.WAITING
    governor.plimsoll.backend.advance(29 * DAY)
    receipt = governor.execute(back, sender=PROPOSER)
    assert governor.timelock.get_minimum_delay() == governor.timelock.shortest_delay() == DAY
    change = receipt.event("MinimumDelayChange")
    assert (change.old_duration, change.new_duration) == (30 * DAY, DAY)


@pytest.mark.parametrize("who", [PROPOSER, GUARDIAN, "0x" + "77" * 20])
def test_update_delay_reverts_all_but_itself(governor: Governor, who: str) -> None:
    with pytest.raises(Refused) as refused:
        governor.timelock.update_delay(2 * DAY, sender=who)
    assert refused.value.reason == "timelock: caller is not itself"


def test_mrg_5_new_roles_wait_too(plimsoll: Plimsoll, governor: Governor) -> None:
    """An administrator whom an operation appoints can appoint proposers at once, but what they
    schedule still waits."""
    admin = plimsoll.backend.account("new administrator").address
    role = governor.timelock.DEFAULT_ADMIN_ROLE()
    run(governor, governor.operation("timelock", "grantRole", (role, admin)))
    proposes = governor.timelock.PROPOSER_ROLE()
    governor.timelock.grantRole(proposes, admin, sender=admin)
    operation = governor.operation("engine", "set_guardian", (admin,))
    call = operation.calls[0]
    with pytest.raises(Refused, match="insufficient delay"):
        governor.timelock.schedule(
            call.target, 0, call.payload, bytes(32), bytes(32), DAY - 1, sender=admin
        )
    governor.schedule(operation, sender=admin)
    assert governor.state(operation) is State.WAITING
