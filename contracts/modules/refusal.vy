# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Refusal
@license MIT
@notice One place that reverts with a reason, given by its number; the texts stand in `reasons.vy`, in the last of the engine's
        code contracts. An `assert` with a reason is 124 bytes of code, a call of this a dozen; with more than a hundred of
        them that decides whether the engine fits below EIP-170's 24,576 bytes.
@dev The text comes from the running contract itself, which forwards the question, so no address is needed. While a contract
     is being constructed it cannot be asked: constructors use `assert`.
@custom:security Always reverts.
"""


interface Reasons:
    def reason(code: uint256) -> String[32]: view


ARREARS_ALREADY_NOTED: constant(uint256) = 1
ARREARS_NONE: constant(uint256) = 2
ARREARS_NOT_FOR_A_DAY: constant(uint256) = 3
ARREARS_NO_CLAIMS: constant(uint256) = 4
COLLATERAL_NOT_THE_VAULT: constant(uint256) = 5
COVER_NOTHING_TO_PAY: constant(uint256) = 6
CUSTODY_A_LEG_IS_NOT_FRESH: constant(uint256) = 7
CUSTODY_ABOVE_CASH: constant(uint256) = 8
CUSTODY_ACCOUNT_IS_LOCKED: constant(uint256) = 9
CUSTODY_AMOUNT_IS_ZERO: constant(uint256) = 10
CUSTODY_BAD_RECEIVER: constant(uint256) = 11
CUSTODY_BELOW_INITIAL_MARGIN: constant(uint256) = 12
CUSTODY_NO_SUCH_ACCOUNT: constant(uint256) = 13
CUSTODY_NOT_THE_OWNER: constant(uint256) = 14
CUSTODY_TRANSFER_FAILED: constant(uint256) = 15
DELISTING_ALREADY_ANNOUNCED: constant(uint256) = 16
DELISTING_FEED_IS_FRESH: constant(uint256) = 17
DELISTING_HOUR_NOT_COVERED: constant(uint256) = 18
DELISTING_NOT_ANNOUNCED: constant(uint256) = 19
DELISTING_PRICE_OUT_OF_RANGE: constant(uint256) = 20
DELISTING_TIME_OUT_OF_RANGE: constant(uint256) = 21
DELISTING_TOO_EARLY: constant(uint256) = 22
LEDGER_CASH_OUT_OF_RANGE: constant(uint256) = 23
LEDGER_MARKET_OUT_OF_RANGE: constant(uint256) = 24
LEDGER_PNL_OUT_OF_RANGE: constant(uint256) = 25
LIQUIDATION_ABOVE_POSITION: constant(uint256) = 26
LIQUIDATION_ACCOUNT_BANKRUPT: constant(uint256) = 27
LIQUIDATION_ACCOUNT_IS_HEALTHY: constant(uint256) = 28
LIQUIDATION_CURE_WINDOW: constant(uint256) = 29
LIQUIDATION_HEALTH_MUST_RISE: constant(uint256) = 30
LIQUIDATION_KEEPER_HAS_NO_OWNER: constant(uint256) = 31
LIQUIDATION_KEEPER_TAKES_PART: constant(uint256) = 32
LIQUIDATION_LEAVES_TOO_LITTLE: constant(uint256) = 33
LIQUIDATION_LOSS_EXCEEDS_CASH: constant(uint256) = 34
LIQUIDATION_NO_MARGIN_CALL: constant(uint256) = 35
LIQUIDATION_NOT_YOUR_ACCOUNT: constant(uint256) = 36
LIQUIDATION_ORDER_ON_WRONG_SIDE: constant(uint256) = 37
LIQUIDATION_SAME_ACCOUNT: constant(uint256) = 38
LIQUIDATION_SIZE_IS_ZERO: constant(uint256) = 39
LIQUIDATION_SLICE_TOO_LARGE: constant(uint256) = 40
LIQUIDATION_WINDOW_IS_USED_UP: constant(uint256) = 41
LIQUIDATION_WORSE_THAN_TAKEOVER: constant(uint256) = 42
LISTING_ALLOWANCE_OUT_OF_RANGE: constant(uint256) = 43
LISTING_BAND_OUT_OF_RANGE: constant(uint256) = 44
LISTING_FEE_OUT_OF_RANGE: constant(uint256) = 45
LISTING_FEEDS_GAP_ABOVE_RISKS: constant(uint256) = 46
LISTING_FUND_BELOW_BUFFER: constant(uint256) = 47
LISTING_FUND_IS_SET: constant(uint256) = 48
LISTING_FUND_IS_ZERO: constant(uint256) = 49
LISTING_GAS_OUT_OF_RANGE: constant(uint256) = 50
LISTING_GUARDIAN_ONLY_TIGHTENS: constant(uint256) = 51
LISTING_HALVINGS_OUT_OF_RANGE: constant(uint256) = 52
LISTING_INTERVAL_OUT_OF_RANGE: constant(uint256) = 53
LISTING_MARKET_ABOVE_FIFTEEN: constant(uint256) = 54
LISTING_MARKET_IS_DELISTED: constant(uint256) = 55
LISTING_MARKET_IS_LISTED: constant(uint256) = 56
LISTING_MAX_NOTIONAL_OFF_RANGE: constant(uint256) = 57
LISTING_MIN_NOTIONAL_OFF_RANGE: constant(uint256) = 58
LISTING_NATIVE_PRICE_OFF_RANGE: constant(uint256) = 59
LISTING_NOT_OWNER_NOR_GUARDIAN: constant(uint256) = 60
LISTING_OI_CAP_ABOVE_DEPTH: constant(uint256) = 61
LISTING_OI_CAP_OUT_OF_RANGE: constant(uint256) = 62
LISTING_PENALTY_ABOVE_RISK_CAP: constant(uint256) = 63
LISTING_PENALTY_OUT_OF_RANGE: constant(uint256) = 64
LISTING_REWARD_NOT_IN_1E9: constant(uint256) = 65
LISTING_REWARD_OUT_OF_RANGE: constant(uint256) = 66
LISTING_TAKEOVER_SHARE_TOO_HIGH: constant(uint256) = 67
LISTING_TOKEN_LIES: constant(uint256) = 68
LISTING_TOKEN_REFUSES: constant(uint256) = 69
LISTING_TOKEN_TAKES_A_FEE: constant(uint256) = 70
LISTING_VAULT_IS_SET: constant(uint256) = 71
LISTING_NOT_THIS_ENGINES_VAULT: constant(uint256) = 72
MARGIN_CALL_ALREADY_CALLED: constant(uint256) = 73
ORDERS_CANCELLED: constant(uint256) = 74
ORDERS_EXPIRED: constant(uint256) = 75
ORDERS_NOT_YOURS: constant(uint256) = 76
ORDERS_OVERFILLED: constant(uint256) = 77
ORDERS_SALT_NOT_RAISED: constant(uint256) = 78
ORDERS_SIZE_IS_ZERO: constant(uint256) = 79
ORDERS_SIZE_OUT_OF_RANGE: constant(uint256) = 80
ORDERS_WRONG_SIGNATURE: constant(uint256) = 81
ORDERS_WRONG_TAKER: constant(uint256) = 82
RECLAIM_ACCOUNT_IS_NOT_LOCKED: constant(uint256) = 83
RECLAIM_NOTHING_TO_DO: constant(uint256) = 84
RESOLVE_ACCOUNT_IS_SOLVENT: constant(uint256) = 85
RESOLVE_KEEPER_UNFIT: constant(uint256) = 86
RESOLVE_NOTHING_TO_DO: constant(uint256) = 87
RESOLVE_COLLATERAL_FIRST: constant(uint256) = 88
THAW_MARKET_IS_NOT_FROZEN: constant(uint256) = 89
THAW_TOO_EARLY: constant(uint256) = 90
TRADING_A_LEG_IS_NOT_FRESH: constant(uint256) = 91
TRADING_ABOVE_MAXIMUM: constant(uint256) = 92
TRADING_ACCOUNT_IS_LOCKED: constant(uint256) = 93
TRADING_BELOW_INITIAL_MARGIN: constant(uint256) = 94
TRADING_BELOW_MINIMUM: constant(uint256) = 95
TRADING_EQUITY_BELOW_ZERO: constant(uint256) = 96
TRADING_FEE_EXCEEDS_CASH: constant(uint256) = 97
TRADING_HEALTH_FALLS: constant(uint256) = 98
TRADING_LOSS_EXCEEDS_CASH: constant(uint256) = 99
TRADING_LOSS_WITH_A_STALE_LEG: constant(uint256) = 100
TRADING_MARKET_IS_FROZEN: constant(uint256) = 101
TRADING_MARKET_IS_WORN_OUT: constant(uint256) = 102
TRADING_MARKET_NOT_LISTED: constant(uint256) = 103
TRADING_MARKET_ONLY_REDUCES: constant(uint256) = 104
TRADING_MARKET_OUT_OF_SYNC: constant(uint256) = 105
TRADING_NO_FRESH_PRICE: constant(uint256) = 106
TRADING_NOT_YOUR_ACCOUNT: constant(uint256) = 107
TRADING_OPEN_INTEREST_CAP: constant(uint256) = 108
TRADING_ORDER_IS_YOUR_OWN: constant(uint256) = 109
TRADING_ORDER_ONLY_REDUCES: constant(uint256) = 110
TRADING_PRICE_OUTSIDE_BAND: constant(uint256) = 111
TRADING_TOO_MANY_MARKETS: constant(uint256) = 112


@internal
@view
def _because(code: uint256):
    raise staticcall Reasons(self).reason(code)
