"""Deploy a plan, step by step, so that it can be interrupted and run again.

Every step is recorded when it is done. A step that is not recorded first looks whether the chain is
already as it wants it: what was sent but never recorded is found, not sent twice; a contract whose
creation was interrupted is looked for at the address it was announced for. The last steps hand
everything over to the timelock; at the end everything is read back and compared with the plan, the
deployer's lack of any role among it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from plimsoll.evm import Artifact
from plimsoll.protocol.addresses import ZERO_ADDRESS
from plimsoll.protocol.backend import Backend, address_of
from plimsoll.protocol.client import KINDS, Plimsoll
from plimsoll.protocol.contract import Contract, Receipt
from plimsoll.protocol.errors import (
    BackendError,
    DeployError,
    PlanError,
    Refused,
    VerifyError,
)
from plimsoll.protocol.plan import MARKETS, WAD, Collateral, Feed, Market, Plan
from plimsoll.protocol.record import Deployed, Done, Pending, Record
from plimsoll.reference.margin import pack_rows

Say = Callable[[str], None]

#: the contracts that have an owner; that of the code contracts behind the engine rules nothing but
#: an empty ledger, and the deployer does not keep it either
_OWNED = ("oracle", "risk", "vault", "admin", "liquidation", "settlement", "extension", "engine")
#: (contract, role) that act at once, in the contracts that know them
_ROLES = (("engine", "guardian"), ("risk", "guardian"), ("risk", "steward"))
_TIMELOCK_ROLES = ("DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE")


@dataclass(frozen=True)
class Step:
    """One thing to do. `artifact` is set for the creation of a contract, whose constructor gets
    what `args` returns; else `done` says whether the chain is as wanted, and `run` makes it so, as
    the owner of the contract `owner_of` where it is set."""

    name: str
    artifact: str | None = None
    args: Callable[[], tuple[Any, ...]] = tuple
    done: Callable[[], bool] = bool
    run: Callable[[], Receipt | None] = lambda: None
    owner_of: str = ""


class Deployment:
    """A plan on its way to a chain. `sent` counts the transactions of this run."""

    def __init__(
        self,
        backend: Backend,
        plan: Plan,
        record: Record | Path | str | None = None,
        *,
        sender: Any = None,
        say: Say | None = None,
    ) -> None:
        """Read the record, if there is one, and check that it fits chain, plan and sender.

        `record` is the file to write; None keeps the record in memory. `sender` deploys, by default
        the backend's own account. Raises PlanError or RecordError.
        """
        self.backend = backend
        self.plan = plan
        self.sender = backend.deployer if sender is None else sender
        self.sender_address = address_of(self.sender)
        self.sent = 0
        self._say = say or (lambda _: None)
        local = plan.local_only()
        if local and not backend.is_local:
            raise PlanError(
                "the plan",
                [f"{field}: is for local networks, not for {backend.network}" for field in local],
            )
        held = [] if plan.governance is None else list(plan.governance.named())
        mine = dict.fromkeys(field for field, who in held if who == self.sender_address)
        if mine:
            raise PlanError(
                "the plan",
                [
                    f"governance.{field}: {self.sender_address} deploys, and is to hold nothing "
                    "afterwards; name another account, or deploy with another one"
                    for field in mine
                ],
            )
        self.record = self._open(record)

    @property
    def owner(self) -> str:
        """Who owns the contracts in the end. Raises AssertionError before it is deployed."""
        return self.sender_address if self.plan.governance is None else self._address("timelock")

    def _open(self, record: Record | Path | str | None) -> Record:
        resolved = self.plan.resolved()
        if isinstance(record, Path | str) and Path(record).exists():
            record = Record.load(record)
        if isinstance(record, Record):
            record.check_chain(self.backend)
            record.check_plan(resolved)
            record.check_deployer(self.sender_address)
            return record
        return Record(
            network=self.backend.network,
            chain_id=self.backend.chain_id,
            genesis=self.backend.genesis,
            deployer=self.sender_address,
            evm_version=self.backend.evm_version,
            plan=resolved,
            path=None if record is None else Path(record),
        )

    # -- running -----------------------------------------------------------------------------------

    def run(self) -> Plimsoll:
        """Do what is left to do, verify everything, return the protocol.

        Raises DeployError when a step is refused, VerifyError when the chain differs from the plan.
        """
        left = self.check()
        if left:
            self._say(f"deploying to {self.backend.network}: {len(left)} steps")
        for number, step in enumerate(left, 1):
            told = self._perform(step)
            self._say(f"[{number}/{len(left)}] {step.name}: {told}")
        plimsoll = Plimsoll(self.backend, self.record)
        self._say("reading everything back")
        differences = differences_of(plimsoll, self.plan)
        if differences:
            raise VerifyError(differences)
        if not self.record.complete:
            self.record.complete = True
            self.record.save()
        self._say(
            f"done: {self.sent} transactions sent; verified"
            if self.sent
            else "nothing to do: everything is deployed as planned; no transaction was sent"
        )
        return plimsoll

    def check(self) -> list[Step]:
        """Return the steps that are left, after looking for what would be refused; send nothing.

        Raises PlanError or DeployError.
        """
        left = self.left()
        if left:
            self._preflight()
        return left

    def left(self) -> list[Step]:
        """Return the steps that the record does not have."""
        done = {*self.record.contracts, *self.record.steps}
        return [step for step in self.steps() if step.name not in done]

    def _perform(self, step: Step) -> str:
        try:
            if step.artifact is not None:
                return self._create(step.name, self.backend.artifact(step.artifact), step)
            if step.done():
                self._finish(step.name, None)
                return "is so already"
            self._require_owner(step)
            receipt = step.run()
        except Refused as error:
            raise DeployError(
                f"step {step.name!r} was refused: {error}. What was done before stands in the "
                "record: remove the cause and run it again"
            ) from error
        except BackendError as error:
            raise DeployError(
                f"step {step.name!r} did not get through: {error}. Run it again; what was sent "
                "will be found"
            ) from error
        self.sent += receipt is not None
        self._finish(step.name, receipt)
        return "done" if receipt is None else receipt.txn_hash

    def _require_owner(self, step: Step) -> None:
        if not step.owner_of:
            return
        owner = self._at(step.owner_of).owner()
        if owner != self.sender_address:
            raise DeployError(
                f"step {step.name!r} is a call for the owner of {step.owner_of}, which is {owner}, "
                f"not {self.sender_address}; nothing was sent. It was handed over before the "
                "record says so: put the whole record back, or let the owner make the call "
                "(`plimsoll governance schedule` where it is the timelock)"
            )

    def _finish(self, name: str, receipt: Receipt | None) -> None:
        block = self.backend.block_number() if receipt is None else receipt.block
        self.record.steps[name] = Done(receipt.txn_hash if receipt else "", block)
        self.record.save()

    def _create(self, name: str, artifact: Artifact, step: Step) -> str:
        pending = self.record.pending
        address, txn_hash, block, told = "", "", self.backend.block_number(), "found"
        if pending is not None and pending.step == name:
            code = self.backend.code(pending.address)
            if self.backend.runtime_of(artifact, code) is not None:
                address = pending.address
        if not address:
            self.record.pending = Pending(name, self.backend.next_address(self.sender))
            self.record.save()
            made = self.backend.deploy(artifact, *step.args(), sender=self.sender)
            self.sent += 1
            address, told = made.address, made.address
            if made.deployed is not None:
                txn_hash, block = made.deployed.txn_hash, made.deployed.block
        self.record.contracts[name] = Deployed(
            address=address,
            artifact=artifact.name,
            code_hash="0x" + keccak(artifact.runtime).hex(),
            txn_hash=txn_hash,
            block=block,
        )
        self.record.pending = None
        self.record.save()
        return told

    # -- what there is to do -----------------------------------------------------------------------

    def steps(self) -> Iterator[Step]:
        """Yield every step of the plan in order; the names are the record's keys."""
        plan = self.plan
        test = plan.token.test
        if test is not None:
            yield Step("token", "TestToken", lambda: (test.decimals,))
        for name, market in plan.markets.items():
            if market.feed.mock is not None:
                yield from self._mock_feed(name, market.feed)
        for name, token in plan.collateral.items():
            if token.token.test is not None:
                yield self._test_token(name, token.token.test.decimals)
            if token.feed is not None and token.feed.mock is not None:
                yield from self._mock_feed(name, token.feed)
        yield Step("oracle", "PriceOracle")
        yield Step(
            "risk",
            "RiskModel",
            lambda: (self._address("oracle"), plan.risk.units("z"), plan.risk.units("kappa")),
        )
        yield Step("admin", "MarginEngineAdmin", self._parts)
        yield Step(
            "liquidation",
            "MarginEngineLiquidation",
            lambda: (self._address("oracle"), self._address("risk"), self._address("admin")),
        )
        yield Step(
            "settlement",
            "MarginEngineSettlement",
            lambda: (self._address("oracle"), self._address("risk"), self._address("liquidation")),
        )
        yield Step(
            "extension",
            "MarginEngineExt",
            lambda: (*self._parts(), self._address("settlement")),
        )
        yield Step(
            "engine",
            "MarginEngine",
            lambda: (self._address("oracle"), self._address("risk"), self._address("extension")),
        )
        yield Step(
            "fund",
            "InsuranceFund",
            lambda: (
                self._address("engine"),
                plan.fund.name,
                plan.fund.symbol,
                plan.fund.notice,
            ),
        )
        yield Step("vault", "CollateralVault", lambda: (self._address("engine"),))
        yield Step("lens", "MarginLens", lambda: (self._address("engine"),))
        governance = plan.governance
        if governance is not None:
            yield Step(
                "timelock",
                "Timelock",
                lambda: (
                    governance.delay,
                    list(governance.proposers),
                    list(governance.executors),
                ),
            )
        # between markets that are set correlations change by announcement only
        yield self._set_correlations()
        for name, market in plan.markets.items():
            yield self._set_feed(name, market.number, market.feed, market.ceiling)
            yield self._set_risk(name, market)
        for name, token in plan.collateral.items():
            if token.feed is not None:
                yield self._set_feed(name, plan.slot(name), token.feed, token.ceiling)
        yield self._set_fund()
        yield self._set_vault()
        yield from self._seed()
        for name, market in plan.markets.items():
            yield self._list(name, market)
        for name, token in plan.collateral.items():
            yield self._list_token(name, token)
        yield self._set_reward()
        if governance is not None:
            for key, role in _ROLES:
                yield from self._set_role(key, role, getattr(governance, role))
            for key in _OWNED:
                yield self._transfer(key)

    def _parts(self) -> tuple[Any, ...]:
        """What the engine's second and fifth code contracts are built for."""
        return (
            self._address("token"),
            self._decimals(),
            self._address("oracle"),
            self._address("risk"),
        )

    @staticmethod
    def _test_token(name: str, decimals: int) -> Step:
        return Step(f"collateral {name}", "TestToken", lambda: (decimals,))

    def _mock_feed(self, name: str, feed: Feed) -> Iterator[Step]:
        mock = feed.mock
        if mock is None:
            return
        aggregator = f"aggregator {name}"
        yield Step(aggregator, "MockAggregator", lambda: (mock.decimals, mock.answer()))
        yield Step(f"feed {name}", "FeedProxy", lambda: (self._address(aggregator),))

    def _set_feed(self, name: str, number: int, feed: Feed, ceiling: int) -> Step:
        def wanted() -> tuple[Any, ...]:
            where = feed.address or self._address(f"feed {name}")
            return (where, feed.heartbeat, feed.units("gap"), ceiling)

        def done() -> bool:
            try:
                return _feed_of(self._at("oracle").feed(number)) == wanted()
            except Refused:
                return False

        def run() -> Receipt:
            self._freshen(name, feed)
            return self._send("oracle", "set_feed", number, *wanted())

        return Step(f"set feed {name}", done=done, run=run, owner_of="oracle")

    def _set_risk(self, name: str, market: Market) -> Step:
        wanted = market.risk.chain()
        return Step(
            f"set risk {name}",
            done=lambda: _same(_params_of(self._at("risk"), market.number), wanted),
            run=lambda: self._send("risk", "set_market", market.number, wanted),
            owner_of="risk",
        )

    def _set_correlations(self) -> Step:
        matrix = self.plan.matrix()
        return Step(
            "set correlations",
            done=lambda: not list(_wrong_correlations(self._at("risk"), self.plan)),
            run=lambda: self._send("risk", "set_correlations", pack_rows(matrix)),
            owner_of="risk",
        )

    def _set_fund(self) -> Step:
        return Step(
            "set fund",
            done=lambda: self._at("engine").addresses()[3] == self._address("fund"),
            run=lambda: self._send("engine", "set_fund", self._address("fund")),
            owner_of="engine",
        )

    def _set_vault(self) -> Step:
        return Step(
            "set vault",
            done=lambda: self._at("engine").addresses()[4] == self._address("vault"),
            run=lambda: self._send("engine", "set_vault", self._address("vault")),
            owner_of="engine",
        )

    def _seed(self) -> Iterator[Step]:
        me = self.sender_address
        wanted = self.plan.fund.units("seed")

        def seeded() -> bool:
            # the first share costs one quote; a stranger's earlier deposit changes that by dust
            held: int = self._at("fund").balanceOf(self.owner)
            return held * 100 >= wanted * 99

        if self.plan.token.test is not None:
            yield Step(
                "mint seed",
                done=lambda: seeded() or self._at("token").balanceOf(me) >= self._seed_units(),
                run=lambda: self._send("token", "mint", me, self._seed_units()),
            )
        yield Step(
            "approve seed",
            done=lambda: (
                seeded()
                or self._at("token").allowance(me, self._address("fund")) >= self._seed_units()
            ),
            run=lambda: self._send("token", "approve", self._address("fund"), self._seed_units()),
        )
        yield Step(
            "seed fund",
            done=seeded,
            run=lambda: self._send("fund", "deposit", self._seed_units(), self.owner),
        )

    def _list(self, name: str, market: Market) -> Step:
        def run() -> Receipt:
            self._freshen(name, market.feed)
            return self._send(
                "engine",
                "list_market",
                market.number,
                market.config.chain(),
                market.units("allowance"),
            )

        return Step(
            f"list {name}",
            done=lambda: self._at("engine").market_state(market.number).long_a != 0,
            run=run,
            owner_of="engine",
        )

    def _list_token(self, name: str, token: Collateral) -> Step:
        key = f"collateral {name}"

        def run() -> Receipt:
            if token.market is not None:
                self._freshen(token.market, self.plan.markets[token.market].feed)
            elif token.feed is not None:
                self._freshen(name, token.feed)
            return self._send(
                "vault",
                "list_token",
                self._address(key),
                self.plan.slot(name),
                token.units("haircut"),
                token.units("cap"),
            )

        return Step(
            f"list {key}",
            done=lambda: self._address(key) in self._at("vault").tokens(),
            run=run,
            owner_of="vault",
        )

    def _set_reward(self) -> Step:
        wanted = self.plan.reward.chain()
        return Step(
            "set reward",
            done=lambda: _same(self._at("engine").reward_rule(), wanted),
            run=lambda: self._send("engine", "set_reward", wanted),
            owner_of="engine",
        )

    def _set_role(self, key: str, role: str, who: str | None) -> Iterator[Step]:
        parts = [self.backend.artifact(name) for name in KINDS[key]]
        if who is not None and _has(parts, f"set_{role}"):
            yield Step(
                f"set {role} of {key}",
                done=lambda: self._at(key).methods[role]() == who,
                run=lambda: self._send(key, f"set_{role}", who),
                owner_of=key,
            )

    def _transfer(self, key: str) -> Step:
        return Step(
            f"transfer {key}",
            done=lambda: self._at(key).owner() == self.owner,
            run=lambda: self._send(key, "transfer_ownership", self.owner),
            owner_of=key,
        )

    # -- helpers -----------------------------------------------------------------------------------

    def _address(self, key: str) -> str:
        address = self.record.address(key)
        if address is None:
            raise AssertionError(f"{key} is used before it is deployed")
        return address

    def _at(self, key: str) -> Contract:
        kinds = {"feed": "FeedProxy", "aggregator": "MockAggregator", "collateral": "TestToken"}
        names = KINDS[key] if key in KINDS else (kinds[key.split()[0]],)
        parts = [self.backend.artifact(name) for name in names]
        label = "" if key in KINDS else key
        return self.backend.at(self._address(key), *parts, label=label)

    def _send(self, key: str, function: str, *args: Any) -> Receipt:
        return self._at(key).methods[function].transact(*args, sender=self.sender)

    def _decimals(self) -> int:
        test = self.plan.token.test
        return test.decimals if test is not None else int(self._at("token").decimals())

    def _seed_units(self) -> int:
        scale = 10 ** (18 - self._decimals())
        return int(self.plan.fund.units("seed") // scale)

    def _freshen(self, name: str, feed: Feed) -> None:
        """Let a mock feed answer anew when it went stale while the deployment was interrupted."""
        mock = feed.mock
        if mock is None:
            return
        updated = self._at(f"feed {name}").latestRoundData()[3]
        if self.backend.now() - updated > feed.heartbeat // 2:
            self._send(f"aggregator {name}", "set_answer", mock.answer())
            self.sent += 1

    def _preflight(self) -> None:
        """Find what would be refused before anything is sent. Raises PlanError or DeployError."""
        problems: list[str] = []
        if self.plan.token.address is not None:
            problems += self._token_problems(self.plan.token.address)
        if not problems:
            decimals = self._decimals_planned()
            if self.plan.fund.units("seed") % 10 ** (18 - decimals):
                problems.append(
                    f"fund.seed: {self.plan.fund.seed} is no whole number of token units; the "
                    f"token has {decimals} decimals"
                )
        buffers = 0
        for name, market in self.plan.markets.items():
            try:
                price = self._first_price(market.feed)
            except (Refused, BackendError) as error:
                problems.append(f"markets.{name}.feed.address: is no Chainlink feed here: {error}")
                continue
            problem = market.problem_at(price)
            if problem:
                problems.append(f"markets.{name}: {problem}")
            buffers += market.buffer_at(price)
        for name, token in self.plan.collateral.items():
            problems += self._collateral_problems(name, token)
        if self.plan.fund.units("seed") < buffers:
            problems.append(
                f"fund.seed: {self.plan.fund.seed} is below the markets' dust buffers, "
                f"{buffers / WAD:.6f} quote together; seed more"
            )
        if problems:
            raise PlanError("the plan", problems)
        if self.plan.token.address is not None and "seed fund" not in self.record.steps:
            have = self._at("token").balanceOf(self.sender_address)
            if not self._has_shares() and have < self._seed_units():
                raise DeployError(
                    f"the fund's seed is {self._seed_units()} token units, but "
                    f"{self.sender_address} has {have}: send it the rest, or lower fund.seed"
                )

    def _has_shares(self) -> bool:
        wanted = {"fund"} if self.plan.governance is None else {"fund", "timelock"}
        if not wanted <= {*self.record.contracts}:
            return False
        return bool(self._at("fund").balanceOf(self.owner))

    def _decimals_planned(self) -> int:
        test = self.plan.token.test
        return test.decimals if test is not None else self._decimals()

    def _token_problems(self, address: str) -> list[str]:
        if not self.backend.code(address):
            return [f"token.address: no contract stands at {address} on {self.backend.network}"]
        try:
            decimals = self._at("token").decimals()
        except (Refused, BackendError):
            return [f"token.address: {address} does not tell its decimals; it is no ERC-20 token"]
        if not 2 <= decimals <= 18:
            return [f"token.address: has {decimals} decimals; the engine takes 2 to 18"]
        return []

    def _collateral_problems(self, name: str, token: Collateral) -> list[str]:
        where, problems = f"collateral.{name}", []
        address = token.token.address
        if address is not None:
            told = f"{where}.token.address: {address}"
            if not self.backend.code(address):
                problems.append(f"{told}: no contract stands there on {self.backend.network}")
            else:
                try:
                    decimals = self._at(f"collateral {name}").decimals()
                except (Refused, BackendError):
                    problems.append(f"{told} does not tell its decimals; it is no ERC-20 token")
                else:
                    if decimals > 18:
                        problems.append(f"{told} has {decimals} decimals; the vault takes up to 18")
        if token.feed is not None:
            try:
                problem = token.problem_at(self._first_price(token.feed))
            except (Refused, BackendError) as error:
                problem = f"feed.address: is no Chainlink feed here: {error}"
            if problem:
                problems.append(f"{where}: {problem}")
        return problems

    def _first_price(self, planned: Feed) -> int:
        if planned.mock is not None:
            return planned.mock.units("price")
        address = str(planned.address)
        if not self.backend.code(address):
            raise BackendError(f"no contract stands at {address}")
        feed = self.backend.at(address, self.backend.artifact("FeedProxy"), label="feed")
        answer: int = feed.latestRoundData()[1]
        decimals: int = feed.decimals()
        if answer <= 0 or decimals > 18:
            raise BackendError(f"it answers {answer} with {decimals} decimals")
        price: int = answer * 10 ** (18 - decimals)
        return price


# ------------------------------------------------------------------------------------ reading back


def differences_of(plimsoll: Plimsoll, plan: Plan) -> list[str]:
    """Read everything back and return one line for each thing that is not as planned."""
    deployer, timelock = plimsoll.record.deployer, plimsoll.timelock
    owner = deployer if timelock is None else timelock.address
    return [
        *_wrong_code(plimsoll, plan),
        *_wrong_wiring(plimsoll, plan),
        *_wrong_markets(plimsoll, plan),
        *_wrong_correlations(plimsoll.risk, plan),
        *_wrong_collateral(plimsoll, plan),
        *_differ("risk.globals", plimsoll.risk.globals(), plan.risk.chain()),
        *_differ("engine.reward_rule", plimsoll.engine.reward_rule(), plan.reward.chain()),
        *(
            f"{key}.owner is {found}, the plan says {owner}"
            for key in _OWNED
            if (found := getattr(plimsoll, key).owner()) != owner
        ),
        *_wrong_roles(plimsoll, plan),
    ]


def verify(plimsoll: Plimsoll, plan: Plan) -> None:
    """Raise VerifyError unless the deployment is what the plan says."""
    differences = differences_of(plimsoll, plan)
    if differences:
        raise VerifyError(differences)


def _wrong_roles(plimsoll: Plimsoll, plan: Plan) -> Iterator[str]:
    """Roles that are not as planned; the deployer's are not planned."""
    governance, timelock = plan.governance, plimsoll.timelock
    if governance is None or timelock is None:
        return
    deployer = plimsoll.record.deployer
    for name, wanted in (
        ("get_minimum_delay", governance.delay),
        ("shortest_delay", governance.delay),
    ):
        found = timelock.methods[name]()
        if found != wanted:
            yield f"timelock.{name} is {found}, the plan says {wanted}"
    members = {
        "DEFAULT_ADMIN_ROLE": {timelock.address},
        "PROPOSER_ROLE": {*governance.proposers},
        "CANCELLER_ROLE": {*governance.proposers},
        "EXECUTOR_ROLE": {*governance.executors},
    }
    known = {deployer, ZERO_ADDRESS}.union(
        *members.values(), (who for _, who in governance.named())
    )
    for name in _TIMELOCK_ROLES:
        role = timelock.methods[name]()
        if any(timelock.getRoleAdmin(role)):
            yield f"timelock.{name} is granted by another role than the timelock's own"
        for who in sorted(known):
            if timelock.hasRole(role, who) != (who in members[name]):
                told = "is missing" if who in members[name] else "is not in the plan"
                yield f"timelock.{name} of {_named(who, deployer)} {told}"
    for key, role in _ROLES:
        contract = getattr(plimsoll, key)
        if f"set_{role}" in contract.methods:
            holder, planned = contract.methods[role](), getattr(governance, role) or ZERO_ADDRESS
            if holder != planned:
                yield f"{key}.{role} is {_named(holder, deployer)}, the plan says {planned}"
    if plimsoll.engine.is_operator(timelock.address, deployer):
        yield f"engine: {_named(deployer, deployer)} is an operator of the timelock's"


def _named(who: str, deployer: str) -> str:
    return f"the deployer {who}" if who == deployer else who


def _has(artifacts: list[Artifact], function: str) -> bool:
    return any(entry.get("name") == function for part in artifacts for entry in part.abi)


def _wrong_code(plimsoll: Plimsoll, plan: Plan) -> Iterator[str]:
    backend, record = plimsoll.backend, plimsoll.record
    addresses = {key: int(kept.address, 16) for key, kept in record.contracts.items()}
    token = int(plimsoll.token.address, 16)
    core = {"valuation.ORACLE": addresses["oracle"], "valuation.RISK": addresses["risk"]}
    wanted = {
        "engine": {**core, "EXTENSION": addresses["extension"]},
        "extension": {
            **core,
            "custody.TOKEN": token,
            "custody.SCALE": plimsoll.scale,
            "SETTLEMENT": addresses["settlement"],
        },
        "settlement": {**core, "LIQUIDATION": addresses["liquidation"]},
        "liquidation": {**core, "ADMIN": addresses["admin"]},
        "admin": {**core, "custody.TOKEN": token, "custody.SCALE": plimsoll.scale},
        "fund": {
            "ENGINE": addresses["engine"],
            "TOKEN": token,
            "SCALE": plimsoll.scale,
            "NOTICE": plan.fund.notice,
        },
        "vault": {
            "ENGINE": addresses["engine"],
            "ORACLE": addresses["oracle"],
            "QUOTE": token,
            "QUOTE_SCALE": plimsoll.scale,
        },
        "lens": {
            "ENGINE": addresses["engine"],
            "ORACLE": addresses["oracle"],
            "RISK": addresses["risk"],
            "TOKEN": token,
        },
    }
    for key, kept in record.contracts.items():
        artifact = backend.artifact(kept.artifact)
        immutables = backend.runtime_of(artifact, backend.code(kept.address))
        if immutables is None:
            same = kept.code_hash == "0x" + keccak(artifact.runtime).hex()
            why = (
                "the record names a wrong address"
                if same
                else "the sources changed since; check out the version that was deployed"
            )
            yield f"{key}: the code at {kept.address} is not {kept.artifact}'s: {why}"
            continue
        for path, value in wanted.get(key, {}).items():
            found = _immutable(artifact, immutables, path)
            if found != value:
                yield f"{key}: immutable {path} is {found:#x}, it should be {value:#x}"


def _immutable(artifact: Artifact, data: bytes, path: str) -> int:
    entry: Any = artifact.layout["code_layout"]
    for part in path.split("."):
        entry = entry[part]
    return int.from_bytes(data[entry["offset"] : entry["offset"] + 32], "big")


def _wrong_wiring(plimsoll: Plimsoll, plan: Plan) -> Iterator[str]:
    wanted = tuple(
        part.address
        for part in (
            plimsoll.token,
            plimsoll.oracle,
            plimsoll.risk,
            plimsoll.fund,
            plimsoll.vault,
        )
    )
    found = tuple(plimsoll.engine.addresses())
    names = ("token", "oracle", "risk", "fund", "vault")
    for name, have, want in zip(names, found, wanted, strict=True):
        if have != want:
            yield f"engine.addresses: {name} is {have}, it should be {want}"
    for name, have, want in (
        ("fund.engine", plimsoll.fund.engine(), plimsoll.engine.address),
        ("vault.engine", plimsoll.vault.engine(), plimsoll.engine.address),
        ("fund.asset", plimsoll.fund.asset(), plimsoll.token.address),
        ("fund.name", plimsoll.fund.methods["name"](), plan.fund.name),
        ("fund.symbol", plimsoll.fund.symbol(), plan.fund.symbol),
    ):
        if have != want:
            yield f"{name} is {have}, it should be {want}"
    for market in plimsoll.priced.values():
        if market.aggregator is not None:
            have = market.feed.aggregator()
            if have != market.aggregator.address:
                yield f"feed {market.name}: its aggregator is {have}, not the mock"


def _wrong_markets(plimsoll: Plimsoll, plan: Plan) -> Iterator[str]:
    engine, oracle, risk = plimsoll.engine, plimsoll.oracle, plimsoll.risk
    for name, market in plan.markets.items():
        where = f"markets.{name}"
        state = engine.market_state(market.number)
        if state.long_a == 0:
            yield f"{where}: is not listed"
            continue
        yield from _differ(f"{where}.config", state.config, market.config.chain())
        if state.allowance_cap != market.units("allowance"):
            yield (
                f"{where}.allowance is {state.allowance_cap}, the plan says "
                f"{market.units('allowance')}"
            )
        yield from _differ(f"{where}.risk", _params_of(risk, market.number), market.risk.chain())
        feed = _feed_of(oracle.feed(market.number))
        wanted = (
            plimsoll.markets[name].feed.address,
            market.feed.heartbeat,
            market.feed.units("gap"),
            market.ceiling,
        )
        if feed != wanted:
            yield f"{where}.feed is {feed}, the plan says {wanted}"
    planned = {market.number for market in plan.markets.values()}
    for number in set(range(MARKETS)) - planned:
        if engine.market_state(number).long_a != 0:
            yield f"market {number} is listed, the plan has none of that number"


def _wrong_collateral(plimsoll: Plimsoll, plan: Plan) -> Iterator[str]:
    vault = plimsoll.vault
    listed = list(vault.tokens())
    planned = [plimsoll.collateral[name].token.address for name in plan.collateral]
    for name, token in plan.collateral.items():
        where, info = f"collateral.{name}", plimsoll.collateral[name]
        if info.token.address not in listed:
            yield f"{where}: is not listed"
            continue
        # a haircut that moves is what it moves to
        state = vault.token_state(info.token.address)
        for field, found, wanted in (
            ("index", state.index, planned.index(info.token.address)),
            ("market", state.market, plan.slot(name)),
            ("decimals", state.decimals, info.decimals),
            ("haircut", state.haircut_to, token.units("haircut")),
            ("cap", state.cap, token.units("cap")),
        ):
            if found != wanted:
                yield f"{where}.{field} is {found}, the plan says {wanted}"
        if token.feed is not None:
            feed = _feed_of(plimsoll.oracle.feed(plan.slot(name)))
            planned_feed = (
                plimsoll.priced[name].feed.address,
                token.feed.heartbeat,
                token.feed.units("gap"),
                token.ceiling,
            )
            if feed != planned_feed:
                yield f"{where}.feed is {feed}, the plan says {planned_feed}"
    for address in listed:
        if address not in planned:
            yield f"collateral: {address} is listed, the plan has no such token"


def _wrong_correlations(risk: Contract, plan: Plan) -> Iterator[str]:
    matrix = plan.matrix()
    names = sorted((market.number, name) for name, market in plan.markets.items())
    for at, (m, one) in enumerate(names):
        for n, other in names[at + 1 :]:
            found = risk.correlation(m, n)
            if found != matrix[m][n]:
                yield f"correlations.{one}.{other} is {found}, the plan says {matrix[m][n]}"


def _params_of(risk: Contract, market: int) -> Any:
    """Return a market's parameters with the floor of its sigma, which observations do not move."""
    return risk.params(market)._replace(sigma=risk.volatility_of(market).floor)


def _feed_of(feed: Any) -> tuple[Any, ...]:
    return (feed.feed, feed.heartbeat, feed.gap, feed.ceiling)


def _same(struct: Any, wanted: dict[str, Any]) -> bool:
    return all(getattr(struct, name) == value for name, value in wanted.items())


def _differ(where: str, struct: Any, wanted: dict[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        found = getattr(struct, name)
        if found != value:
            yield f"{where}.{name} is {found}, the plan says {value}"


def deploy(
    backend: Backend,
    plan: Plan,
    record: Record | Path | str | None = None,
    *,
    sender: Any = None,
    say: Say | None = None,
) -> Plimsoll:
    """Deploy a plan, or what is left of it, verify it, and return the protocol.

    `record` is the file to continue from and to write; None keeps it in memory. `sender` deploys,
    by default the backend's own account. `say` gets a line for each step. Raises PlanError,
    RecordError, DeployError or VerifyError; each says what to do.
    """
    return Deployment(backend, plan, record, sender=sender, say=say).run()
