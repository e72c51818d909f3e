"""What a new fund is, and that nobody has a privilege in it."""

import pytest

from plimsoll.evm import Chain, Revert, load

PRIVILEGED = (
    "owner",
    "transfer_ownership",
    "renounce_ownership",
    "is_minter",
    "set_minter",
    "burn",
    "burn_from",
)


def test_init_default(any_world):
    fund = any_world.fund
    assert fund.engine() == any_world.engine.address
    assert fund.asset() == any_world.token.address
    assert (fund.name(), fund.symbol(), fund.decimals()) == ("Plimsoll fund", "pFUND", 18)
    assert fund.totalSupply() == 0
    assert fund.totalAssets() == 0
    assert fund.share_prices() == (10**18, 10**18)
    assert fund.notice() == 7 * 86_400
    assert fund.series() == 0


def test_init_leaves_nobody_in_charge(world):
    names = {entry["name"] for entry in load("InsuranceFund").abi if entry["type"] == "function"}
    assert not names & set(PRIVILEGED)
    # the module's storage too: the deployer is neither owner nor minter
    layout = load("InsuranceFund").layout["storage_layout"]
    assert world.chain.storage(world.fund, layout["ownable"]["owner"]["slot"]) == 0
    changes = world.fund.deployed.events("RoleMinterChanged")
    assert [change.status for change in changes] == [True, False]
    # the only mint there is takes the asset for it
    assert sum(entry.get("name") == "mint" for entry in load("InsuranceFund").abi) == 1


@pytest.mark.parametrize("decimals", [0, 1, 19])
def test_init_reverts_decimals(world, decimals):
    # anything that answers decimals() will do for a token here; the engine looks once, when it is
    # deployed, so the answer changes between the two
    token = world.chain.deploy(load("MockAggregator"), 6, 1)
    engine = world.new_engine(token, 6)
    other = world.chain.deploy(load("MockAggregator"), decimals, 1)
    world.chain.set_code(token.address, world.chain.code(other.address))
    with pytest.raises(Revert) as failure:
        world.new_fund(engine)
    assert failure.value.reason == "fund: decimals not 2 to 18"


@pytest.mark.parametrize("notice", [0, 3_599, 60 * 86_400 + 1, 2**256 - 1])
def test_init_reverts_notice(world, notice):
    with pytest.raises(Revert) as failure:
        world.chain.deploy(load("InsuranceFund"), world.engine, "Fund", "FND", notice)
    assert failure.value.reason == "fund: notice not 1 h to 60 days"


@pytest.mark.parametrize("notice", [3_600, 60 * 86_400])
def test_init_takes_the_ends_of_the_range(world, notice):
    fund = world.chain.deploy(load("InsuranceFund"), world.engine, "Fund", "FND", notice)
    assert fund.notice() == notice


@pytest.mark.parametrize("fork", ["cancun", "shanghai"])
def test_size_is_below_eip_170(fork):
    assert load("InsuranceFund", fork).runtime_size <= 24_576


def test_shanghai_default(make_world):
    """The same fund built for and run under shanghai's rules."""
    world = make_world(chain=Chain(fork="SHANGHAI"), fork="shanghai")
    backer = world.actor("backer", 10)
    world.fund.deposit(10 * world.unit, backer, sender=backer)
    world.ask(backer)
    world.fund.redeem(10**19, backer, backer, sender=backer)
    assert world.token.balanceOf(backer) == 10 * world.unit
