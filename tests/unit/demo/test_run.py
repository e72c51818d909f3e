"""The main job on a few days: sound, complete, the same every time."""

from decimal import Decimal
from typing import Any

import pytest

from plimsoll.demo.audit import Auditor
from plimsoll.demo.run import DemoError, Options, run, settlements
from plimsoll.demo.stage import InProcess
from plimsoll.demo.summary import summary
from plimsoll.evm import load as load_artifact
from plimsoll.prices import PricePath, Step
from plimsoll.replay import replay

KEYS = {
    "network",
    "markets",
    "accounts",
    "steps",
    "fills",
    "takeovers",
    "order_liquidations",
    "resolved",
    "keeper_rewards",
    "fund",
    "margin_calls",
    "cured",
    "called_takeovers",
    "funding_paid",
    "syncs",
    "announcements",
    "announcements_ended",
    "settlements",
    "charged_to_others",
    "uncovered",
    "identity_checks",
    "identity_violations",
    "reference_mismatches",
    "token_balance",
    "sum_cash",
    "sum_backing",
    "seconds",
}


def test_summary_has_its_keys_and_nothing_is_wrong(short_run: Any) -> None:
    found = short_run.found
    assert set(found) >= KEYS
    assert set(found["fund"]) == {"start", "received", "paid", "end"}
    assert found["details"] == []
    assert found["identity_violations"] == 0
    assert found["reference_mismatches"] == 0
    assert found["identity_checks"] > found["steps"]
    assert (found["network"], found["accounts"]) == ("in-process", short_run.accounts)
    assert found["fills"] > 20
    assert found["takeovers"] + found["order_liquidations"] > 0
    assert found["margin_calls"] >= found["cured"] + found["recovered"]
    assert found["announcements"] == found["announcements_ended"] == 1
    assert Decimal(found["funding_paid"]) > 0


def test_summary_adds_up(short_run: Any) -> None:
    found = short_run.found
    tokens, cash, backing = (
        Decimal(found[name]) for name in ("token_balance", "sum_cash", "sum_backing")
    )
    assert tokens == cash + backing
    fund = {name: Decimal(value) for name, value in found["fund"].items()}
    assert fund["end"] == fund["start"] + fund["received"] - fund["paid"]


def test_liq_7_collateral_was_sold_below_its_price_and_never_below_the_haircut(
    short_run: Any,
) -> None:
    """Somebody's arrears or margin made a sale; what the owner kept and the discount are told."""
    found = short_run.found["collateral"]
    assert found["sold"] == len(found["sales"]) > 0
    haircut = short_run.outcome.setting.tokens[0].haircut / 10**5
    for sale in found["sales"]:
        assert 0 < sale["discount"] <= haircut + 1e-6
        assert Decimal(sale["kept"]) >= 0
        assert "trader" in sale["account"]
    assert sum(Decimal(sale["paid"]) for sale in found["sales"]) == Decimal(found["paid"])
    assert any(Decimal(sale["kept"]) > 0 for sale in found["sales"])
    assert found["arrears_noted"] > 0


def test_the_settlements_statements_add_up(short_run: Any) -> None:
    """Two at the ends of days on the way and one at the end; the keeper has no part in them."""
    found = short_run.found["settlements"]
    assert len(found) == 3
    times = [one["time"] for one in found]
    assert times == sorted(times)
    assert [one["problems"] for one in found] == [[], [], []]
    for one in found:
        assert 0 < one["settled"] <= short_run.accounts
        assert [line["market"] for line in one["markets"]] == short_run.found["markets"]
        for line in one["markets"]:
            moved = int(line["received"]) + int(line["covered"]) - int(line["paid"])
            assert int(line["cash_after"]) == int(line["cash_before"]) + moved
            assert int(line["arrears_open"]) == int(line["shortfall"]) == 0
    lines = [line for one in found for line in one["markets"]]
    assert sum(int(line["received"]) for line in lines) > 0
    assert sum(int(line["paid"]) for line in lines) > 0


@pytest.mark.parametrize("days", [1, 2, 3, 9])
def test_settlements_are_at_the_ends_of_days(days: int) -> None:
    """Spread over the path, never at its end, where everybody is settled anyway."""
    steps = tuple(
        Step(86_400 * (at // 4) + 21_600 * (at % 4), (1,), (True,)) for at in range(4 * days)
    )
    found = settlements(PricePath(("A",), steps, (4 * days,), (False,), (21_600,), (), 0))
    assert found == {1: [], 2: [3], 3: [3, 7], 9: [11, 23]}[days]


def test_the_keeper_finds_nobody_whom_the_estimate_has_missed(short_run: Any) -> None:
    assert short_run.outcome.missed == 0


def test_the_same_seed_makes_the_same_run(short_run: Any, autumn: PricePath) -> None:
    options = Options(accounts=short_run.accounts, seed=short_run.outcome.options.seed)
    again = summary(run(autumn, options, InProcess()))
    assert {**again, "seconds": 0} == {**short_run.found, "seconds": 0}


def test_another_seed_makes_another_run(short_run: Any, autumn: PricePath) -> None:
    few = PricePath(**{**vars(autumn), "steps": autumn.steps[:6]})
    one, two = (summary(run(few, Options(accounts=12, seed=seed), InProcess())) for seed in (1, 2))
    assert one["sum_cash"] != two["sum_cash"]


def test_its_trace_replays_clean(short_run: Any) -> None:
    report = replay(short_run.trace)
    assert report.details == []
    assert report.clean
    assert report.calls == short_run.found["calls"]
    # the risk model's constructor is the one call that is none
    assert report.accounts == short_run.accounts + 2


@pytest.mark.parametrize("accounts", [0, 11, 2_001])
def test_reverts_too_few_or_too_many_accounts(autumn: PricePath, accounts: int) -> None:
    with pytest.raises(DemoError, match="is not from 12 to 2000"):
        run(autumn, Options(accounts=accounts), InProcess())


def test_reverts_a_single_step(autumn: PricePath) -> None:
    single = PricePath(**{**vars(autumn), "steps": autumn.steps[:1]})
    with pytest.raises(DemoError, match="single step"):
        run(single, Options(accounts=12), InProcess())


@pytest.mark.parametrize("what", ["cash", "position", "market", "collateral"])
def test_a_corrupted_storage_word_is_noticed(autumn: PricePath, what: str) -> None:
    """One bit of one word, flipped behind the contracts' back in the middle of the run."""
    stage = InProcess()
    few = PricePath(**{**vars(autumn), "steps": autumn.steps[:20]})
    clean: list[int] = []

    def flip(done: int, auditor: Auditor) -> None:
        if done != 10:
            return
        clean.append(auditor.identity_violations + auditor.reference_mismatches)
        engine = stage.p.engine.address
        layout = load_artifact("MarginEngine").layout["storage_layout"]["ledger"]
        books = auditor.books
        assert books is not None
        account = max(books.accounts, key=lambda who: len(books.accounts[who].legs))
        if what == "cash":
            slot = mapping_slot(layout["wallets"]["slot"], account)
        elif what == "position":
            market = min(books.accounts[account].legs)
            slot = mapping_slot(layout["positions"]["slot"], account) + 2 * market
        elif what == "collateral":
            engine = stage.p.vault.address
            layout = load_artifact("CollateralVault").layout["storage_layout"]
            account = next(who for who, state in books.accounts.items() if state.units)
            slot = mapping_slot(layout["units"]["slot"], account)
        else:
            slot = layout["books"]["slot"] + 2
        word = stage.chain.storage(engine, slot)
        assert word != 0
        stage.chain.set_storage(engine, slot, word ^ (1 << 40))

    outcome = run(few, Options(accounts=12, seed=3), stage, flip)
    assert clean == [0]
    auditor = outcome.auditor
    assert auditor.identity_violations + auditor.reference_mismatches > 0
    assert auditor.details


def mapping_slot(slot: int, key: int) -> int:
    """Where Vyper keeps the value of a key: the hash of the map's slot and the key."""
    from eth_utils.crypto import keccak

    return int.from_bytes(keccak(slot.to_bytes(32, "big") + key.to_bytes(32, "big")), "big")
