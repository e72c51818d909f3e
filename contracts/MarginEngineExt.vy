# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Margin engine, second code contract
@license MIT
@notice Custody, settlement, resolve, administration and views of the engine. `MarginEngine` runs this code on its own
        storage; called directly it has an empty ledger of its own and no power over the engine's.
@custom:security Shares the storage layout of `MarginEngine`: same modules, same order. A test compares the two.
"""
from snekmate.auth import ownable

from .interfaces import IMarginEngine
from .modules import accounts
from .modules import bankruptcy
from .modules import claims
from .modules import custody
from .modules import ledger
from .modules import listing
from .modules import refusal
from .modules import rewards
from .modules import settlement
from .modules import valuation

initializes: ownable
initializes: ledger
initializes: valuation[ledger := ledger]
initializes: accounts[ledger := ledger]
initializes: rewards[ledger := ledger]
initializes: claims[ledger := ledger]
initializes: settlement[claims := claims, ledger := ledger, valuation := valuation]
initializes: bankruptcy[claims := claims, ledger := ledger, rewards := rewards, settlement := settlement, valuation := valuation]
initializes: custody[ledger := ledger, ownable := ownable, valuation := valuation]
initializes: listing[custody := custody, ledger := ledger, valuation := valuation]

# renounce_ownership is left out: an engine without an owner could not list or wind down a market
exports: (ownable.owner, ownable.transfer_ownership)

FUND: constant(uint256) = 1
TREASURY: constant(uint256) = 2
MASK_104: constant(uint256) = 2**104 - 1
MASK_60: constant(uint256) = 2**60 - 1
MASK_20: constant(uint256) = 2**20 - 1
MASK_16: constant(uint256) = 2**16 - 1


@deploy
def __init__(token: address, decimals: uint8, oracle: address, risk: address):
    """
    @param token The quote token.
    @param decimals Its decimals, 2 to 18.
    @param oracle The price oracle.
    @param risk The risk model.
    """
    ownable.__init__()
    valuation.__init__(oracle, risk)
    custody.__init__(token, decimals)


# ------------------------------------------------------------------ custody


@external
def deposit(account: uint256, amount: uint256):
    """
    @notice Pay quote tokens into an account; anyone may, for any account with an owner.
    @param account The account to credit.
    @param amount Token units, taken from the caller.
    """
    custody._deposit(account, amount)


@external
def withdraw(account: uint256, amount: uint256, receiver: address):
    """
    @notice Take cash out; for the account's owner. A flat account needs no oracle (LED-6), one with a live position
            keeps its initial margin.
    @param account The account.
    @param amount Token units.
    @param receiver Who gets them.
    """
    custody._withdraw(account, amount, receiver)


@external
def set_operator(operator: address, approved: bool):
    """
    @notice Let `operator` trade, liquidate and cancel for all the caller's accounts; never withdraw.
    @param operator Who.
    @param approved Whether from now on.
    """
    accounts._set_operator(operator, approved)


# --------------------------------------------------------------- settlement


@external
def touch(account: uint256):
    """
    @notice Mark every leg of an account that has a fresh price; anyone may, for anyone.
    @param account The account.
    """
    a: uint256 = 0
    b: uint256[16] = empty(uint256[16])
    c: uint256 = 0
    a, b, c = settlement._touch(account, settlement._account_quotes(account))


@external
def settle(account: uint256):
    """
    @notice Mark an account, pay its claims from the markets' cash, then its arrears from its own (LED-3).
    @param account The account; anyone may, for anyone.
    """
    settlement._settle(account, settlement._account_quotes(account))


@external
def resolve(account: uint256, market: uint256, keeper: uint256):
    """
    @notice Meet the arrears of one leg of a bankrupt account and close its position at the mark (LIQ-4).
    @param account The bankrupt account.
    @param market The market of the leg.
    @param keeper The account that is credited with the reward.
    """
    bankruptcy._resolve(account, market, keeper)


@external
def cover(market: uint256) -> uint256:
    """
    @notice Let the fund pay a market's shortfall as far as its cash and the market's allowance reach.
    @param market The market.
    @return What it paid, quote WAD.
    """
    if market >= 16:
        refusal._because("trading: market not listed")
    paid: uint256 = settlement._cover(market)
    if paid == 0:
        refusal._because("cover: nothing to pay")
    return paid


# ----------------------------------------------------------- administration


@external
def list_market(market: uint256, config: IMarginEngine.MarketConfig, allowance_cap: uint256):
    """
    @notice List a market; the fund's account gives its dust buffer. For the owner.
    @param market Its number, 0 to 15.
    @param config Its configuration.
    @param allowance_cap What the fund may pay for it in a day, quote WAD.
    """
    ownable._check_owner()
    listing._list(market, config, allowance_cap)


@external
def set_market(market: uint256, config: IMarginEngine.MarketConfig):
    """
    @notice Change a listed market's configuration. For the owner.
    @param market The market.
    @param config The new configuration.
    """
    ownable._check_owner()
    listing._update(market, config)


@external
def set_allowance(market: uint256, cap: uint256):
    """
    @notice Change what the fund may pay for a market in a day. For the owner.
    @param market The market.
    @param cap Quote WAD; what is left of today's is kept up to it.
    """
    ownable._check_owner()
    if market >= 16:
        refusal._because("trading: market not listed")
    listing._set_allowance(market, cap, settlement._allowance(market))


@external
def set_reward(rule: IMarginEngine.RewardRule):
    """
    @notice Change how keepers are paid (LIQ-5). For the owner.
    @param rule The rule.
    """
    ownable._check_owner()
    listing._set_reward(rule)


@external
def set_fund(fund: address):
    """
    @notice Name the contract that holds the fund's account, once. For the owner.
    @param fund The insurance fund.
    """
    ownable._check_owner()
    listing._set_fund(fund)


# -------------------------------------------------------------------- views


@external
@view
def health(account: uint256) -> IMarginEngine.Health:
    """
    @notice Equity and margin of an account at the prices of now; dead legs at their last good price.
    @param account The account.
    @return See `Health`.
    """
    return valuation._health(account)


@external
@view
def wallet(account: uint256) -> (uint256, uint256, uint256):
    """
    @notice An account's own word.
    @param account The account.
    @return Cash (quote WAD), bitmap of markets held, time of the last reward.
    """
    if account == TREASURY:
        return ledger.wallets[FUND] >> 152, 0, 0
    word: uint256 = ledger.wallets[account]
    rewarded: uint256 = 0 if account == FUND else (word >> 120) & (2**32 - 1)
    return word & MASK_104, (word >> 104) & MASK_16, rewarded


@external
@view
def position(account: uint256, market: uint256) -> IMarginEngine.PositionState:
    """
    @notice A leg as it is recorded, with its live size.
    @param account The account.
    @param market The market, 0 to 15.
    @return See `PositionState`.
    """
    snap: uint256 = ledger.positions[account][market * 2]
    profit: int256 = convert(convert(ledger.positions[account][market * 2 + 1], bytes32), int256)
    size: int256 = 0
    ignored: int256 = 0
    # the size does not depend on the price
    size, ignored = ledger._value(account, market, 0)
    return IMarginEngine.PositionState(
        basis=(convert(convert(snap, bytes32), int256) << 152) >> 152,
        a_snap=(snap >> 104) & MASK_60,
        k_snap=(profit << 104) >> 104,
        epoch=(snap >> 164) & MASK_20,
        pnl=profit >> 152,
        size=size,
    )


@external
@view
def market_state(market: uint256) -> IMarginEngine.MarketState:
    """
    @notice A market as it is recorded.
    @param market The market, 0 to 15.
    @return See `MarketState`; all zero where nothing is listed.
    """
    b: ledger.Book = ledger._load_book(market, 0)
    return IMarginEngine.MarketState(
        long_a=b.long_a,
        long_k0=b.long_k0,
        short_a=b.short_a,
        short_k0=b.short_k0,
        epoch=b.epoch,
        oi=b.oi,
        cash=b.cash,
        shortfall=ledger.shortfalls[market],
        allowance=settlement._allowance(market),
        allowance_cap=ledger.allowances[market] & MASK_104,
        config=listing._unpack(b.config),
    )


@external
@view
def closing_k(market: uint256, epoch: uint256, is_long: bool) -> int256:
    """
    @notice K at which one side's epoch closed.
    @param market The market.
    @param epoch The epoch.
    @param is_long Which side.
    @return K, 1e36.
    """
    return ledger.closing_k[(epoch << 8) | (market << 1) | convert(is_long, uint256)]


@external
@view
def fund_state() -> (uint256, uint256, uint256):
    """
    @notice What the insurance fund's shares stand on.
    @return Cash, claims, and what it owes to all markets' shortfalls; quote WAD.
    """
    word: uint256 = ledger.wallets[FUND]
    claims_sum: uint256 = 0
    for market: uint256 in range(16):
        if (word >> (104 + market)) & 1 == 1:
            claims_sum += convert(
                convert(convert(ledger.positions[FUND][market * 2 + 1], bytes32), int256) >> 152, uint256
            )
    return word & MASK_104, claims_sum, ledger.total_shortfall


@external
@view
def filled(order_hash: bytes32) -> uint256:
    """
    @notice How much of an order is filled.
    @param order_hash Its digest.
    @return Size, WAD; 2**256 - 1 when cancelled.
    """
    return ledger.filled[order_hash]


@external
@view
def min_salt(account: uint256) -> uint256:
    """
    @notice The smallest salt of an account's orders that is valid.
    @param account The account.
    @return The salt.
    """
    return ledger.min_salts[account]


@external
@view
def is_operator(owner: address, operator: address) -> bool:
    """
    @notice Whether `operator` may trade for the owner's accounts.
    @param owner The owner.
    @param operator The operator.
    @return Whether it may.
    """
    return ledger.operators[owner][operator]


@external
@view
def reward_rule() -> IMarginEngine.RewardRule:
    """
    @notice How keepers are paid.
    @return The rule.
    """
    word: uint256 = ledger.reward_rule
    return IMarginEngine.RewardRule(
        minimum=(word & (2**64 - 1)) * 10**9,
        cap=((word >> 64) & (2**64 - 1)) * 10**9,
        gas_units=(word >> 192) & (2**24 - 1),
        premium=(word >> 216) & (2**16 - 1),
        native_price=((word >> 128) & (2**64 - 1)) * 10**9,
        interval=word >> 232,
    )


@external
@view
def addresses() -> (address, address, address, address):
    """
    @notice The contracts this engine works with.
    @return Token, oracle, risk model, fund.
    """
    return custody.TOKEN.address, valuation.ORACLE.address, valuation.RISK.address, ledger.fund
