# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Margin engine, fifth code contract
@license MIT
@notice Administration of the engine and views of its configuration. Reached through the other four, on the engine's
        storage; called directly it has an empty ledger of its own and no power over the engine's.
@custom:security Every function that changes something is for the owner, `restrict_market` for the guardian too, who can
        only tighten what may be opened. Shares the storage layout of `MarginEngine`:
        same modules, same order. A test compares them.
"""
from snekmate.auth import ownable

from .interfaces import IMarginEngine
from .modules import custody
from .modules import delisting
from .modules import freezes
from .modules import ledger
from .modules import listing
from .modules import margin_calls
from .modules import reasons
from .modules import refusal
from .modules import settlement
from .modules import synchronisation
from .modules import valuation

initializes: ownable
initializes: ledger
initializes: valuation[ledger := ledger]
initializes: margin_calls[ledger := ledger, valuation := valuation]
initializes: synchronisation[ledger := ledger, valuation := valuation]
initializes: settlement[ledger := ledger, margin_calls := margin_calls, valuation := valuation]
initializes: custody[ledger := ledger, ownable := ownable, valuation := valuation]
initializes: freezes[ledger := ledger]
initializes: delisting[freezes := freezes, ledger := ledger, valuation := valuation]
initializes: listing[
    custody := custody, ledger := ledger, synchronisation := synchronisation, valuation := valuation
]

# renounce_ownership is left out: an engine without an owner could not list or wind down a market
exports: (ownable.owner, ownable.transfer_ownership)

MASK_104: constant(uint256) = 2**104 - 1


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
def announce_delisting(market: uint256, time: uint256):
    """
    @notice Fix when a market ends (LIQ-9); from now on it only reduces. For the owner.
    @param market The market.
    @param time Second of its end, a day to 180 days ahead.
    """
    ownable._check_owner()
    delisting._announce(market, time)


@external
def cancel_delisting(market: uint256):
    """
    @notice Take an announced end back. For the owner.
    @param market The market.
    """
    ownable._check_owner()
    delisting._cancel(market)


@external
def delist(market: uint256):
    """
    @notice End a market whose time has come, at its average price over the last hour (LIQ-9); anyone may.
    @param market The market.
    """
    delisting._delist(market)


@external
def delist_at(market: uint256, price: uint256):
    """
    @notice End a market whose time has come and whose feed is not fresh (LIQ-9). For the owner.
    @param market The market.
    @param price WAD, within a tenth of the last good price.
    """
    ownable._check_owner()
    delisting._delist_at(market, price)


@external
def set_allowance(market: uint256, cap: uint256):
    """
    @notice Change what the fund may pay for a market in a day. For the owner.
    @param market The market.
    @param cap Quote WAD; what is left of today's is kept up to it.
    """
    ownable._check_owner()
    if not ledger._is_listed(market):
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
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
    @notice Name the contract that holds the fund's account; another one only while that account is empty. For the owner.
    @param fund The insurance fund.
    """
    ownable._check_owner()
    listing._set_fund(fund)


@external
def set_vault(vault: address):
    """
    @notice Name the contract that holds other collateral, once (LIQ-7). For the owner.
    @param vault The vault, built for this engine.
    """
    ownable._check_owner()
    listing._set_vault(vault)


@external
def set_guardian(guardian: address):
    """
    @notice Name who may restrict markets at once. For the owner.
    @param guardian Who; zero: nobody.
    """
    ownable._check_owner()
    listing._set_guardian(guardian)


@external
def restrict_market(market: uint256, halvings: uint256, reduce_only: bool):
    """
    @notice Tighten what may be opened in a market, at once: the guardian may only tighten, the owner may take it back too.
            Reductions, liquidation, withdrawals and prices are left as they are (MRG-5).
    @param market The market.
    @param halvings The caps on open interest and on a position's notional are divided by two as often, at most 15.
    @param reduce_only Whether nothing new may be opened; beside the configuration's own.
    """
    is_owner: bool = msg.sender == ownable.owner
    if not is_owner and msg.sender != ledger.guardian:
        refusal._because(refusal.LISTING_NOT_OWNER_NOR_GUARDIAN)
    listing._restrict(market, halvings, reduce_only, is_owner)


# -------------------------------------------------------------------- views


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
        config=listing._unpack(ledger.books[market * 4 + 3], ledger.windows[market]),
    )


@external
@view
@reentrant
def reason(code: uint256) -> String[32]:
    """
    @notice The text of a refusal, which the engine asks itself for. Without the lock, which is held then.
    @param code Its number.
    @return The text; empty for a number that is none.
    """
    return reasons._text(code)


@external
@view
def delisting_of(market: uint256) -> (uint256, bool):
    """
    @notice When a market ends.
    @param market The market, 0 to 15.
    @return Second, zero when none is announced; whether it has ended.
    """
    word: uint256 = ledger.delistings[market]
    return word & (2**40 - 1), word >> 40 != 0


@external
@view
def market_extra(market: uint256) -> IMarginEngine.MarketExtra:
    """
    @notice What moves beside a market's ledger.
    @param market The market, 0 to 15.
    @return See `MarketExtra`.
    """
    b: ledger.Book = ledger._load_book(market, 0)
    window: uint256 = ledger.windows[market]
    freeze: uint256 = ledger.freezes[market * 5]
    return IMarginEngine.MarketExtra(
        premium=(convert(convert(b.tail, bytes32), int256) << 224) >> 224,
        folded=b.long_tail >> 6,
        bucket=b.long_tail & 63,
        sync_mark=b.short_tail >> 6,
        width=(b.tail >> 32) & 255,
        wait=b.tail >> 40,
        window_taken=window & MASK_104,
        window_start=(window >> 104) & (2**40 - 1),
        frozen_until=freeze & (2**40 - 1),
        frozen_epoch=freeze >> 40,
        left_long=ledger.freezes[market * 5 + 1] & MASK_104,
        left_short=ledger.freezes[market * 5 + 2] & MASK_104,
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
def restriction(market: uint256) -> (uint256, bool):
    """
    @notice What the guardian has tightened in a market.
    @param market The market, 0 to 15.
    @return How often its caps are halved, and whether only reductions are allowed; the configuration's own is in
            `market_state`.
    """
    word: uint256 = ledger.books[market * 4 + 3]
    return word >> 252, (word >> 250) & 1 == 1


@external
@view
def guardian() -> address:
    """
    @notice Who may restrict markets at once.
    @return Zero: nobody.
    """
    return ledger.guardian


@external
@view
def addresses() -> (address, address, address, address, address):
    """
    @notice The contracts this engine works with.
    @return Token, oracle, risk model, fund, vault.
    """
    return (
        custody.TOKEN.address,
        valuation.ORACLE.address,
        valuation.RISK.address,
        ledger.fund,
        ledger.vault,
    )
