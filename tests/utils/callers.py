"""Who may call what: every external state-changing function of every contract that is deployed.

`tests/unit/test_callers.py` compares the table with the ABIs and with `SECURITY.md`, and calls what
is not for everybody as those who may not.
"""

from plimsoll.evm import load

ANYONE = "anyone"
#: not restricted by who calls, but by what he shows: the contract's own tests have these
SIGNED = "anyone, with the maker's signature"
SHARES = "anyone, with the holder's shares, allowance or signature"
REQUESTER = "the holder whose request it is"
OPEN = (ANYONE, SIGNED, SHARES, REQUESTER)

OWNER = "the owner"
GUARDIAN = "the owner; the guardian only to tighten"
LOWERS = "the owner; the guardian only to lower it"
UNSET = "the owner, for markets that are not set yet"
ANNOUNCES = "the owner or the steward"
CANCELS = "the owner, the steward or the guardian, before the change starts"
TAKER = "owner or operator of the taker's account, with the maker's signature"
LIQUIDATOR = "owner or operator of the liquidator's account"
MAKER = "owner or operator of the maker's account"
PLEDGER = "owner or operator of the account"
WITHDRAWER = "the account's owner"
THE_VAULT = "the vault"
HOLDER = "the account's owner; the fund's account: its contract; the treasury's: the engine's owner"
PROPOSER = "a proposer"
EXECUTOR = "an executor, or anyone where the zero address is one"
CANCELLER = "a canceller; proposers are at deployment"
ITSELF = "the timelock itself, through an operation"
MEMBER = "who has the role, for himself"

#: contract -> state-changing function -> who may call it
CALLERS: dict[str, dict[str, str]] = {
    "MarginEngine": {
        "fill": TAKER,
        "takeover": LIQUIDATOR,
    },
    "MarginEngineExt": {
        "deposit": ANYONE,
        "withdraw": HOLDER,
        "set_operator": ANYONE,
        "resolve": ANYONE,
    },
    "MarginEngineSettlement": {
        "touch": ANYONE,
        "settle": ANYONE,
        "cover": ANYONE,
        "call_margin": ANYONE,
        "reclaim": ANYONE,
        "note_arrears": ANYONE,
        "clear_arrears": ANYONE,
        "mark_collateral": THE_VAULT,
        "sync": ANYONE,
        "accrue": ANYONE,
        "thaw": ANYONE,
        "cancel_order": MAKER,
        "cancel_below": MAKER,
    },
    "MarginEngineLiquidation": {"takeover_by_order": SIGNED},
    "MarginEngineAdmin": {
        "list_market": OWNER,
        "set_market": OWNER,
        "set_allowance": OWNER,
        "set_reward": OWNER,
        "set_fund": OWNER,
        "set_vault": OWNER,
        "set_guardian": OWNER,
        "announce_delisting": OWNER,
        "cancel_delisting": OWNER,
        "delist": ANYONE,
        "delist_at": OWNER,
        "restrict_market": GUARDIAN,
        "transfer_ownership": OWNER,
    },
    "RiskModel": {
        "set_steward": OWNER,
        "set_guardian": OWNER,
        "set_market": UNSET,
        "set_volatility": UNSET,
        "set_globals": UNSET,
        "set_correlations": UNSET,
        "announce": ANNOUNCES,
        "announce_correlations": ANNOUNCES,
        "announce_volatility": ANNOUNCES,
        "raise_kappa": ANNOUNCES,
        "cancel": CANCELS,
        "observe": ANYONE,
        "fold": ANYONE,
        "transfer_ownership": OWNER,
    },
    "PriceOracle": {
        "checkpoint": ANYONE,
        "set_feed": OWNER,
        "set_reference": OWNER,
        "set_sequencer": OWNER,
        "transfer_ownership": OWNER,
    },
    "InsuranceFund": {
        "deposit": ANYONE,
        "mint": ANYONE,
        "request_redeem": SHARES,
        "cancel_request": REQUESTER,
        "withdraw": SHARES,
        "redeem": SHARES,
        "transfer": SHARES,
        "transferFrom": SHARES,
        "approve": ANYONE,
        "permit": SHARES,
    },
    "CollateralVault": {
        "deposit": PLEDGER,
        "withdraw": WITHDRAWER,
        "open_sale": ANYONE,
        "close_sale": ANYONE,
        "buy": ANYONE,
        "seize": ANYONE,
        "list_token": OWNER,
        "set_haircut": OWNER,
        "set_cap": LOWERS,
        "withdraw_fund": OWNER,
        "transfer_ownership": OWNER,
    },
    "MarginLens": {},
    "Timelock": {
        "schedule": PROPOSER,
        "schedule_batch": PROPOSER,
        "cancel": CANCELLER,
        "execute": EXECUTOR,
        "execute_batch": EXECUTOR,
        "update_delay": ITSELF,
        "grantRole": ITSELF,
        "revokeRole": ITSELF,
        "set_role_admin": ITSELF,
        "renounceRole": MEMBER,
    },
}

#: what takes ether with a call: an operation may pay with it
PAYABLE = {("Timelock", "execute"), ("Timelock", "execute_batch")}


def changing(name: str) -> set[str]:
    """State-changing functions in a contract's ABI."""
    return {
        entry["name"]
        for entry in load(name).abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
