# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Reasons
@license MIT
@notice The texts of the engine's refusals.
"""
from . import refusal


@internal
@pure
def _text(code: uint256) -> String[32]:
    """
    @notice The text of a reason; empty for a number that is none.
    """
    if code == refusal.ARREARS_ALREADY_NOTED:
        return "arrears: already noted"
    if code == refusal.ARREARS_NONE:
        return "arrears: there are none"
    if code == refusal.ARREARS_NOT_FOR_A_DAY:
        return "arrears: not noted for a day"
    if code == refusal.ARREARS_NO_CLAIMS:
        return "arrears: no claims"
    if code == refusal.COLLATERAL_NOT_THE_VAULT:
        return "collateral: not the vault"
    if code == refusal.COVER_NOTHING_TO_PAY:
        return "cover: nothing to pay"
    if code == refusal.CUSTODY_A_LEG_IS_NOT_FRESH:
        return "custody: a leg is not fresh"
    if code == refusal.CUSTODY_ABOVE_CASH:
        return "custody: above cash"
    if code == refusal.CUSTODY_ACCOUNT_IS_LOCKED:
        return "custody: account is locked"
    if code == refusal.CUSTODY_AMOUNT_IS_ZERO:
        return "custody: amount is zero"
    if code == refusal.CUSTODY_BAD_RECEIVER:
        return "custody: bad receiver"
    if code == refusal.CUSTODY_BELOW_INITIAL_MARGIN:
        return "custody: below initial margin"
    if code == refusal.CUSTODY_NO_SUCH_ACCOUNT:
        return "custody: no such account"
    if code == refusal.CUSTODY_NOT_THE_OWNER:
        return "custody: not the owner"
    if code == refusal.CUSTODY_TRANSFER_FAILED:
        return "custody: transfer failed"
    if code == refusal.DELISTING_ALREADY_ANNOUNCED:
        return "delisting: already announced"
    if code == refusal.DELISTING_FEED_IS_FRESH:
        return "delisting: feed is fresh"
    if code == refusal.DELISTING_HOUR_NOT_COVERED:
        return "delisting: hour not covered"
    if code == refusal.DELISTING_NOT_ANNOUNCED:
        return "delisting: not announced"
    if code == refusal.DELISTING_PRICE_OUT_OF_RANGE:
        return "delisting: price out of range"
    if code == refusal.DELISTING_TIME_OUT_OF_RANGE:
        return "delisting: time out of range"
    if code == refusal.DELISTING_TOO_EARLY:
        return "delisting: too early"
    if code == refusal.LEDGER_CASH_OUT_OF_RANGE:
        return "ledger: cash out of range"
    if code == refusal.LEDGER_MARKET_OUT_OF_RANGE:
        return "ledger: market out of range"
    if code == refusal.LEDGER_PNL_OUT_OF_RANGE:
        return "ledger: pnl out of range"
    if code == refusal.LIQUIDATION_ABOVE_POSITION:
        return "liquidation: above position"
    if code == refusal.LIQUIDATION_ACCOUNT_BANKRUPT:
        return "liquidation: account bankrupt"
    if code == refusal.LIQUIDATION_ACCOUNT_IS_HEALTHY:
        return "liquidation: account is healthy"
    if code == refusal.LIQUIDATION_CURE_WINDOW:
        return "liquidation: cure window"
    if code == refusal.LIQUIDATION_HEALTH_MUST_RISE:
        return "liquidation: health must rise"
    if code == refusal.LIQUIDATION_KEEPER_HAS_NO_OWNER:
        return "liquidation: keeper has no owner"
    if code == refusal.LIQUIDATION_KEEPER_TAKES_PART:
        return "liquidation: keeper takes part"
    if code == refusal.LIQUIDATION_LEAVES_TOO_LITTLE:
        return "liquidation: leaves too little"
    if code == refusal.LIQUIDATION_LOSS_EXCEEDS_CASH:
        return "liquidation: loss exceeds cash"
    if code == refusal.LIQUIDATION_NO_MARGIN_CALL:
        return "liquidation: no margin call"
    if code == refusal.LIQUIDATION_NOT_YOUR_ACCOUNT:
        return "liquidation: not your account"
    if code == refusal.LIQUIDATION_ORDER_ON_WRONG_SIDE:
        return "liquidation: order on wrong side"
    if code == refusal.LIQUIDATION_SAME_ACCOUNT:
        return "liquidation: same account"
    if code == refusal.LIQUIDATION_SIZE_IS_ZERO:
        return "liquidation: size is zero"
    if code == refusal.LIQUIDATION_SLICE_TOO_LARGE:
        return "liquidation: slice too large"
    if code == refusal.LIQUIDATION_WINDOW_IS_USED_UP:
        return "liquidation: window is used up"
    if code == refusal.LIQUIDATION_WORSE_THAN_TAKEOVER:
        return "liquidation: worse than takeover"
    if code == refusal.LISTING_ALLOWANCE_OUT_OF_RANGE:
        return "listing: allowance out of range"
    if code == refusal.LISTING_BAND_OUT_OF_RANGE:
        return "listing: band out of range"
    if code == refusal.LISTING_FEE_OUT_OF_RANGE:
        return "listing: fee out of range"
    if code == refusal.LISTING_FEEDS_GAP_ABOVE_RISKS:
        return "listing: feed's gap above risk's"
    if code == refusal.LISTING_FUND_BELOW_BUFFER:
        return "listing: fund below buffer"
    if code == refusal.LISTING_FUND_IS_SET:
        return "listing: fund is set"
    if code == refusal.LISTING_FUND_IS_ZERO:
        return "listing: fund is zero"
    if code == refusal.LISTING_GAS_OUT_OF_RANGE:
        return "listing: gas out of range"
    if code == refusal.LISTING_GUARDIAN_ONLY_TIGHTENS:
        return "listing: guardian only tightens"
    if code == refusal.LISTING_HALVINGS_OUT_OF_RANGE:
        return "listing: halvings out of range"
    if code == refusal.LISTING_INTERVAL_OUT_OF_RANGE:
        return "listing: interval out of range"
    if code == refusal.LISTING_MARKET_ABOVE_FIFTEEN:
        return "listing: market above fifteen"
    if code == refusal.LISTING_MARKET_IS_DELISTED:
        return "listing: market is delisted"
    if code == refusal.LISTING_MARKET_IS_LISTED:
        return "listing: market is listed"
    if code == refusal.LISTING_MAX_NOTIONAL_OFF_RANGE:
        return "listing: max notional off range"
    if code == refusal.LISTING_MIN_NOTIONAL_OFF_RANGE:
        return "listing: min notional off range"
    if code == refusal.LISTING_NATIVE_PRICE_OFF_RANGE:
        return "listing: native price off range"
    if code == refusal.LISTING_NOT_OWNER_NOR_GUARDIAN:
        return "listing: not owner nor guardian"
    if code == refusal.LISTING_OI_CAP_ABOVE_DEPTH:
        return "listing: oi cap above depth"
    if code == refusal.LISTING_OI_CAP_OUT_OF_RANGE:
        return "listing: oi cap out of range"
    if code == refusal.LISTING_PENALTY_ABOVE_RISK_CAP:
        return "listing: penalty above risk cap"
    if code == refusal.LISTING_PENALTY_OUT_OF_RANGE:
        return "listing: penalty out of range"
    if code == refusal.LISTING_REWARD_NOT_IN_1E9:
        return "listing: reward not in 1e9"
    if code == refusal.LISTING_REWARD_OUT_OF_RANGE:
        return "listing: reward out of range"
    if code == refusal.LISTING_TAKEOVER_SHARE_TOO_HIGH:
        return "listing: takeover share too high"
    if code == refusal.LISTING_TOKEN_LIES:
        return "listing: token lies"
    if code == refusal.LISTING_TOKEN_REFUSES:
        return "listing: token refuses"
    if code == refusal.LISTING_TOKEN_TAKES_A_FEE:
        return "listing: token takes a fee"
    if code == refusal.LISTING_VAULT_IS_SET:
        return "listing: vault is set"
    if code == refusal.LISTING_NOT_THIS_ENGINES_VAULT:
        return "listing: not this engine's vault"
    if code == refusal.MARGIN_CALL_ALREADY_CALLED:
        return "margin call: already called"
    if code == refusal.ORDERS_CANCELLED:
        return "orders: cancelled"
    if code == refusal.ORDERS_EXPIRED:
        return "orders: expired"
    if code == refusal.ORDERS_NOT_YOURS:
        return "orders: not yours"
    if code == refusal.ORDERS_OVERFILLED:
        return "orders: overfilled"
    if code == refusal.ORDERS_SALT_NOT_RAISED:
        return "orders: salt not raised"
    if code == refusal.ORDERS_SIZE_IS_ZERO:
        return "orders: size is zero"
    if code == refusal.ORDERS_SIZE_OUT_OF_RANGE:
        return "orders: size out of range"
    if code == refusal.ORDERS_WRONG_SIGNATURE:
        return "orders: wrong signature"
    if code == refusal.ORDERS_WRONG_TAKER:
        return "orders: wrong taker"
    if code == refusal.RECLAIM_ACCOUNT_IS_NOT_LOCKED:
        return "reclaim: account is not locked"
    if code == refusal.RECLAIM_NOTHING_TO_DO:
        return "reclaim: nothing to do"
    if code == refusal.RESOLVE_ACCOUNT_IS_SOLVENT:
        return "resolve: account is solvent"
    if code == refusal.RESOLVE_KEEPER_UNFIT:
        return "resolve: keeper unfit"
    if code == refusal.RESOLVE_NOTHING_TO_DO:
        return "resolve: nothing to do"
    if code == refusal.RESOLVE_COLLATERAL_FIRST:
        return "resolve: collateral first"
    if code == refusal.THAW_MARKET_IS_NOT_FROZEN:
        return "thaw: market is not frozen"
    if code == refusal.THAW_TOO_EARLY:
        return "thaw: too early"
    if code == refusal.TRADING_A_LEG_IS_NOT_FRESH:
        return "trading: a leg is not fresh"
    if code == refusal.TRADING_ABOVE_MAXIMUM:
        return "trading: above maximum"
    if code == refusal.TRADING_ACCOUNT_IS_LOCKED:
        return "trading: account is locked"
    if code == refusal.TRADING_BELOW_INITIAL_MARGIN:
        return "trading: below initial margin"
    if code == refusal.TRADING_BELOW_MINIMUM:
        return "trading: below minimum"
    if code == refusal.TRADING_EQUITY_BELOW_ZERO:
        return "trading: equity below zero"
    if code == refusal.TRADING_FEE_EXCEEDS_CASH:
        return "trading: fee exceeds cash"
    if code == refusal.TRADING_HEALTH_FALLS:
        return "trading: health falls"
    if code == refusal.TRADING_LOSS_EXCEEDS_CASH:
        return "trading: loss exceeds cash"
    if code == refusal.TRADING_LOSS_WITH_A_STALE_LEG:
        return "trading: loss with a stale leg"
    if code == refusal.TRADING_MARKET_IS_FROZEN:
        return "trading: market is frozen"
    if code == refusal.TRADING_MARKET_IS_WORN_OUT:
        return "trading: market is worn out"
    if code == refusal.TRADING_MARKET_NOT_LISTED:
        return "trading: market not listed"
    if code == refusal.TRADING_MARKET_ONLY_REDUCES:
        return "trading: market only reduces"
    if code == refusal.TRADING_MARKET_OUT_OF_SYNC:
        return "trading: market out of sync"
    if code == refusal.TRADING_NO_FRESH_PRICE:
        return "trading: no fresh price"
    if code == refusal.TRADING_NOT_YOUR_ACCOUNT:
        return "trading: not your account"
    if code == refusal.TRADING_OPEN_INTEREST_CAP:
        return "trading: open interest cap"
    if code == refusal.TRADING_ORDER_IS_YOUR_OWN:
        return "trading: order is your own"
    if code == refusal.TRADING_ORDER_ONLY_REDUCES:
        return "trading: order only reduces"
    if code == refusal.TRADING_PRICE_OUTSIDE_BAND:
        return "trading: price outside band"
    if code == refusal.TRADING_TOO_MANY_MARKETS:
        return "trading: too many markets"
    return ""
