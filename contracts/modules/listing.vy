# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Listing
@license MIT
@notice What the owner sets: markets, allowances, the keeper's reward, the fund's contract (MRG-6, section 7), and what the
        guardian may tighten at once (MRG-5).
@custom:security Every value has a range; listing checks it against the risk model and the oracle. The guardian's bits stand
        beside the owner's configuration, so that neither overwrites the other's: sizes of dust (LED-8) and the
        liquidator's maximum follow the owner's caps, whatever the guardian does.
"""
from ..interfaces import ICollateralVault
from ..interfaces import IMarginEngine
from ..interfaces import IPriceOracle
from ..interfaces import IRiskModel
from . import custody
from . import ledger
from . import refusal
from . import settlement
from . import synchronisation
from . import valuation

uses: custody
uses: ledger
uses: synchronisation
uses: valuation

WAD: constant(uint256) = 10**18
UNIT: constant(uint256) = 10**12
MASK_104: constant(uint256) = 2**104 - 1
MASK_96: constant(uint256) = 2**96 - 1
A_ONE: constant(uint256) = 10**18
FUND: constant(uint256) = 1
# the guardian's part of a configuration word: reduce-only, halvings
GUARDIANS: constant(uint256) = 244 << 248
HALVINGS_MAX: constant(uint256) = 15


@internal
@view
def _pack(config: IMarginEngine.MarketConfig) -> uint256:
    """
    @notice A market's configuration as one word; every value checked against its range.
    """
    if config.oi_cap < 1 or config.oi_cap >= 2**96:
        refusal._because(refusal.LISTING_OI_CAP_OUT_OF_RANGE)
    if (
        config.min_notional < 10**16
        or config.min_notional % 10**16 != 0
        or config.min_notional // 10**16 >= 2**32
    ):
        refusal._because(refusal.LISTING_MIN_NOTIONAL_OFF_RANGE)
    if (
        config.max_notional < config.min_notional
        or config.max_notional % WAD != 0
        or config.max_notional > 10**30
    ):
        refusal._because(refusal.LISTING_MAX_NOTIONAL_OFF_RANGE)
    if config.band < 1 or config.band > 50_000:
        refusal._because(refusal.LISTING_BAND_OUT_OF_RANGE)
    if (
        config.penalty_max < 1
        or config.penalty_max > 50_000
        or config.penalty_min > config.penalty_max
    ):
        refusal._because(refusal.LISTING_PENALTY_OUT_OF_RANGE)
    if config.maker_fee > 10_000 or config.taker_fee > 10_000:
        refusal._because(refusal.LISTING_FEE_OUT_OF_RANGE)
    if config.takeover_share > 15:
        refusal._because(refusal.LISTING_TAKEOVER_SHARE_TOO_HIGH)
    flags: uint256 = 3 if config.reduce_only else 1
    return (
        config.oi_cap
        | ((config.min_notional // 10**16) << 96)
        | ((config.max_notional // WAD) << 128)
        | (config.band << 168)
        | (config.penalty_min << 184)
        | (config.penalty_max << 200)
        | (config.maker_fee << 216)
        | (config.taker_fee << 232)
        | (flags << 248)
    )


@internal
@pure
def _unpack(word: uint256, window: uint256) -> IMarginEngine.MarketConfig:
    return IMarginEngine.MarketConfig(
        oi_cap=word & MASK_96,
        min_notional=((word >> 96) & (2**32 - 1)) * 10**16,
        max_notional=((word >> 128) & (2**40 - 1)) * WAD,
        band=(word >> 168) & (2**16 - 1),
        penalty_min=(word >> 184) & (2**16 - 1),
        penalty_max=(word >> 200) & (2**16 - 1),
        maker_fee=(word >> 216) & (2**16 - 1),
        taker_fee=(word >> 232) & (2**16 - 1),
        reduce_only=(word >> 248) & 2 != 0,
        takeover_share=window >> 144,
    )


@internal
@view
def _check_limits(market: uint256, config: IMarginEngine.MarketConfig, price: uint256):
    """
    @notice The listing check of MRG-6 and the bounds of LED-9.
    """
    limits: IRiskModel.Limits = staticcall valuation.RISK.limits(market)
    if config.penalty_max * 10**7 > limits.penalty_cap:
        refusal._because(refusal.LISTING_PENALTY_ABOVE_RISK_CAP)
    # a market that only reduces may outgrow its depth; it must still be possible to set it so
    if not config.reduce_only and config.oi_cap * price > limits.share * limits.depth * (
        WAD * WAD // UNIT
    ):
        refusal._because(refusal.LISTING_OI_CAP_ABOVE_DEPTH)
    feed: IPriceOracle.Feed = staticcall valuation.ORACLE.feed(market)
    if feed.gap > limits.g:
        refusal._because(refusal.LISTING_FEEDS_GAP_ABOVE_RISKS)
    # largest size at the highest price the feed may name
    if config.oi_cap << feed.ceiling > WAD << 100:
        refusal._because(refusal.LISTING_OI_CAP_OUT_OF_RANGE)


@internal
def _list(market: uint256, config: IMarginEngine.MarketConfig, allowance_cap: uint256):
    if market >= 16:
        refusal._because(refusal.LISTING_MARKET_ABOVE_FIFTEEN)
    if ledger.books[market * 4 + 3] != 0:
        refusal._because(refusal.LISTING_MARKET_IS_LISTED)
    quote: uint256 = valuation._quotes(1 << market)[market]
    if not valuation._fresh(quote):
        refusal._because(refusal.TRADING_NO_FRESH_PRICE)
    price: uint256 = valuation._price(quote)
    word: uint256 = self._pack(config)
    self._check_limits(market, config, price)

    # after deleveraging the two sides' sizes differ by rounding (LED-5); rounds up
    buffer: uint256 = max(self._dust_buffer(config.oi_cap, price), ledger._ceil_div(price, 10**6))
    self._take_from_fund(buffer)
    custody._probe(ledger._ceil_div(buffer, custody.SCALE))
    b: ledger.Book = ledger._load_book(market, price)
    b.long_a = A_ONE
    b.short_a = A_ONE
    b.epoch = 1
    b.cash = buffer
    b = synchronisation._marked(b)
    ledger._store_side(b, True)
    ledger._store_side(b, False)
    ledger._store_book(b)
    self._set_config(market, word)
    self._set_share(market, config.takeover_share)
    self._set_allowance(market, allowance_cap, allowance_cap)
    log IMarginEngine.MarketListed(market=market, price=price, buffer=buffer)


@internal
@pure
def _dust_buffer(oi_cap: uint256, price: uint256) -> uint256:
    """
    @notice 1e-10 of the open-interest cap's notional, quote WAD, rounded up.
    """
    return ledger._ceil_div(oi_cap * price, 10**28)


@internal
def _take_from_fund(amount: uint256):
    fund: uint256 = ledger.wallets[FUND]
    if fund & MASK_104 < amount:
        refusal._because(refusal.LISTING_FUND_BELOW_BUFFER)
    ledger._set_wallet(FUND, fund - amount)


@internal
def _update(market: uint256, config: IMarginEngine.MarketConfig):
    if not ledger._is_listed(market):
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    # what ends, or has ended, opens no more (LIQ-9)
    if ledger.delistings[market] != 0 and not config.reduce_only:
        refusal._because(refusal.LISTING_MARKET_IS_DELISTED)
    word: uint256 = self._pack(config)
    # a dead feed does not keep the owner from winding a market down: its last good price stands
    price: uint256 = valuation._price(valuation._quotes(1 << market)[market])
    self._check_limits(market, config, price)
    # a higher cap needs a larger dust buffer
    had: uint256 = self._dust_buffer(ledger.books[market * 4 + 3] & MASK_96, price)
    needs: uint256 = self._dust_buffer(config.oi_cap, price)
    b: ledger.Book = ledger._load_book(market, 0)
    if needs > had:
        self._take_from_fund(needs - had)
        b.cash += needs - had
        ledger._store_book(b)
    # an operation that was announced before the guardian stepped in does not undo what he did; a frozen market stays so
    word |= ledger.books[market * 4 + 3] & (GUARDIANS | (ledger.FROZEN_FLAG << 248))
    self._set_config(market, word)
    self._set_share(market, config.takeover_share)
    b.config = word
    b = ledger._crowded(b)
    if b.changed != 0:
        ledger._store_side(b, True)
        ledger._store_side(b, False)


@internal
def _set_share(market: uint256, share: uint256):
    """
    @notice Set what called accounts may lose in a window, in 16ths of the open interest (LIQ-6).
    """
    window: uint256 = (ledger.windows[market] & (2**144 - 1)) | (share << 144)
    ledger.windows[market] = window
    log IMarginEngine.WindowUpdated(market=market, window=window)


@internal
def _restrict(market: uint256, halvings: uint256, reduce_only: bool, may_loosen: bool):
    """
    @notice Halve a market's caps for new risk, or allow none; at once, no oracle is asked.
    """
    if not ledger._is_listed(market):
        refusal._because(refusal.TRADING_MARKET_NOT_LISTED)
    if halvings > HALVINGS_MAX:
        refusal._because(refusal.LISTING_HALVINGS_OUT_OF_RANGE)
    word: uint256 = ledger.books[market * 4 + 3]
    stopped: bool = (word >> 250) & 1 == 1
    if not may_loosen and (halvings < word >> 252 or (stopped and not reduce_only)):
        refusal._because(refusal.LISTING_GUARDIAN_ONLY_TIGHTENS)
    stop: uint256 = 4 if reduce_only else 0
    self._set_config(market, (word & ~GUARDIANS) | (halvings << 252) | (stop << 248))


@internal
def _set_guardian(guardian: address):
    ledger.guardian = guardian
    log IMarginEngine.GuardianUpdated(guardian=guardian)


@internal
def _set_vault(vault: address):
    if ledger.vault != empty(address):
        refusal._because(refusal.LISTING_VAULT_IS_SET)
    if not vault.is_contract or staticcall ICollateralVault(vault).engine() != self:
        refusal._because(refusal.LISTING_NOT_THIS_ENGINES_VAULT)
    ledger.vault = vault
    log IMarginEngine.VaultUpdated(vault=vault)


@internal
def _set_config(market: uint256, word: uint256):
    ledger.books[market * 4 + 3] = word
    log IMarginEngine.MarketUpdated(market=market, config=word)


@internal
def _set_allowance(market: uint256, cap: uint256, available: uint256):
    if cap >= 2**103:
        refusal._because(refusal.LISTING_ALLOWANCE_OUT_OF_RANGE)
    word: uint256 = cap | (min(available, cap) << 104) | (block.timestamp << 208)
    ledger.allowances[market] = word
    log IMarginEngine.AllowanceUpdated(market=market, allowance=word)


@internal
def _set_reward(rule: IMarginEngine.RewardRule):
    if rule.minimum > rule.cap or rule.cap // 10**9 >= 2**64:
        refusal._because(refusal.LISTING_REWARD_OUT_OF_RANGE)
    if rule.minimum % 10**9 != 0 or rule.cap % 10**9 != 0:
        refusal._because(refusal.LISTING_REWARD_NOT_IN_1E9)
    if rule.native_price % 10**9 != 0 or rule.native_price // 10**9 >= 2**64:
        refusal._because(refusal.LISTING_NATIVE_PRICE_OFF_RANGE)
    if rule.gas_units >= 2**24 or rule.premium > 50_000:
        refusal._because(refusal.LISTING_GAS_OUT_OF_RANGE)
    if rule.interval < 60 or rule.interval > 604_800:
        refusal._because(refusal.LISTING_INTERVAL_OUT_OF_RANGE)
    word: uint256 = (
        (rule.minimum // 10**9)
        | ((rule.cap // 10**9) << 64)
        | ((rule.native_price // 10**9) << 128)
        | (rule.gas_units << 192)
        | (rule.premium << 216)
        | (rule.interval << 232)
    )
    ledger.reward_rule = word
    log IMarginEngine.RewardRuleUpdated(rule=word)


@internal
def _set_fund(fund: address):
    # another contract may take over only an account with nothing in it: no cash, no claims
    if ledger.fund != empty(address) and ledger.wallets[FUND] & (2**120 - 1) != 0:
        refusal._because(refusal.LISTING_FUND_IS_SET)
    if fund == empty(address):
        refusal._because(refusal.LISTING_FUND_IS_ZERO)
    ledger.fund = fund
    log IMarginEngine.FundUpdated(fund=fund)
