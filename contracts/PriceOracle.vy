# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Price oracle
@license MIT
@notice Prices of up to 16 markets from Chainlink feeds, with the status of each (docs/SPEC.md, section 5).
        Prices are quote per base in WAD.
@dev Where the reference feed, DIVERGED and the sequencer feed go: a word a market of its own,
     `references: uint256[16]` = feed 160 | decimals 8 << 160 | heartbeat 24 << 168 | largest divergence 32 << 192
     (1e-9), with bit 232 of the market's word in `configs` to say that there is one, so that a market without one
     never reads it; `_quote` then fills `other` and turns FRESH into DIVERGED. The sequencer feed and its grace are
     one word more, read once in `quotes`, which turns FRESH into STALE. The quote's word does not change.
@custom:security Every price of the engine comes from here: a feed that lies moves money. The owner (governance
        behind a delay) chooses the feeds; anyone may store a checkpoint, of a fresh price only. `quotes` never
        reverts because of a feed: one that reverts, returns too little or nonsense, or has no code is INVALID.
        Out of scope: a feed that burns all gas it is given takes 63/64 of the caller's with it. A caller who sends
        too little gas for a feed does not get it taken for INVALID: what is left then is 1/64 of one read (which is
        about 10,000 cold, less warm) and does not pay for the rest of `quotes`; a feed of more than 100,000 gas
        would break that, do not list one.
"""
from snekmate.auth import ownable
from .interfaces import IPriceOracle

implements: IPriceOracle

initializes: ownable

# renounce_ownership is left out on purpose: a feed that is shut down has to be replaced
exports: (ownable.owner, ownable.transfer_ownership)

MARKETS: constant(uint256) = 16
# UNIT (1e12) to the 1e-9 of the configuration word
GAP_STEP: constant(uint256) = 10**3
CEILING_MAX: constant(uint256) = 89
HEARTBEAT_MAX: constant(uint256) = 30 * 86_400
DECIMALS_MAX: constant(uint256) = 18

FRESH: constant(uint256) = 0
STALE: constant(uint256) = 1
INVALID: constant(uint256) = 3

# 2**m modulo 19 differs for m = 0 to 15: m stands at bit 5 * (2**m % 19)
BIT_INDEX: constant(uint256) = (
    (0 << 5 * 1)
    | (1 << 5 * 2)
    | (2 << 5 * 4)
    | (3 << 5 * 8)
    | (4 << 5 * 16)
    | (5 << 5 * 13)
    | (6 << 5 * 7)
    | (7 << 5 * 14)
    | (8 << 5 * 9)
    | (9 << 5 * 18)
    | (10 << 5 * 17)
    | (11 << 5 * 15)
    | (12 << 5 * 11)
    | (13 << 5 * 3)
    | (14 << 5 * 6)
    | (15 << 5 * 12)
)

MASK_8: constant(uint256) = 2**8 - 1
MASK_24: constant(uint256) = 2**24 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_160: constant(uint256) = 2**160 - 1

# hot, one word a market; zero: no feed
#   feed 160 | decimals 8 << 160 | heartbeat 24 << 168 (seconds) | gap 32 << 192 (1e-9) | ceiling 8 << 224 (bits)
#   | 24 bits free, the first of them for the reference feed
configs: uint256[16]
# cold, one word a market: last price that was fresh at a checkpoint 96 (WAD) | time 40 << 96 (seconds)
#   | 120 bits free, of which 96 for the reference feed's price
checkpoints: uint256[16]


@deploy
def __init__():
    """
    @notice The deployer owns it; no market has a feed.
    """
    ownable.__init__()


@external
@view
@reentrant
def quotes(mask: uint256) -> uint256[16]:
    """
    @notice Quotes of the markets in a mask. Without the lock: it writes nothing and feeds are called statically.
    @param mask Bit m for market m; each needs a feed.
    @return One word at each market's index, zero where the mask has no bit: status << 192 | other << 96 | price,
            prices in WAD. `other` is the reference feed's price, `price` again without one. STALE: the feed's last
            answer; INVALID: the checkpoint.
    """
    assert mask < 2**16, "oracle: no feed"
    words: uint256[16] = empty(uint256[16])
    rest: uint256 = mask
    for _: uint256 in range(MARKETS):
        if rest == 0:
            break
        lowest: uint256 = rest & unsafe_sub(0, rest)
        rest ^= lowest
        market: uint256 = (BIT_INDEX >> (5 * (lowest % 19))) & 31
        price: uint256 = 0
        status: uint256 = 0
        price, status = self._quote(market, self.configs[market])
        words[market] = status << 192 | price << 96 | price
    return words


@external
@view
def quote(market: uint256) -> (uint256, uint256):
    """
    @notice Quote of one market.
    @param market 0 to 15, with a feed.
    @return Price in WAD, as in `quotes`.
    @return Status.
    """
    assert market < MARKETS, "oracle: no feed"
    return self._quote(market, self.configs[market])


@external
@view
def gap(market: uint256) -> uint256:
    """
    @notice Move a market's feed may make between two answers.
    @param market 0 to 15, with a feed.
    @return In UNIT (1e12).
    """
    return self._feed(market).gap


@external
@view
def feed(market: uint256) -> IPriceOracle.Feed:
    """
    @notice Feed of a market.
    @param market 0 to 15, with a feed.
    @return Units as in the struct.
    """
    return self._feed(market)


@external
@view
def last_good(market: uint256) -> IPriceOracle.Checkpoint:
    """
    @notice Price a market falls back on when its feed is INVALID.
    @param market 0 to 15; all zero without a feed.
    @return Price in WAD and the second at which it was stored.
    """
    assert market < MARKETS, "oracle: no feed"
    word: uint256 = self.checkpoints[market]
    return IPriceOracle.Checkpoint(price=word & MASK_96, time=word >> 96)


@external
def checkpoint(mask: uint256):
    """
    @notice Store the price of every FRESH feed in a mask, by anyone; the others keep what they have.
    @param mask Bit m for market m; each needs a feed.
    """
    assert mask < 2**16, "oracle: no feed"
    for market: uint256 in range(MARKETS):
        if (mask >> market) & 1 == 1:
            price: uint256 = 0
            status: uint256 = 0
            price, status = self._quote(market, self.configs[market])
            if status == FRESH:
                self._store(market, price)


@external
def set_feed(market: uint256, feed: address, heartbeat: uint256, gap: uint256, ceiling: uint256):
    """
    @notice Set a market's feed, by the owner; it must be FRESH, and its price becomes the checkpoint.
    @dev A ceiling may be lowered but never raised: the bound of every product in the engine rests on the one the
         market was listed with (LED-9).
    @param market 0 to 15.
    @param feed Chainlink AggregatorV3 with at most 18 decimals.
    @param heartbeat Seconds an answer stays fresh, 1 to 30 days.
    @param gap Move the feed may make between two answers, UNIT (1e12), a multiple of 1e3, at most 1e12.
    @param ceiling Prices above 2**ceiling (WAD) are INVALID, at most 89.
    """
    ownable._check_owner()
    assert market < MARKETS, "oracle: market out of range"
    assert feed != empty(address), "oracle: feed is zero"
    assert heartbeat >= 1 and heartbeat <= HEARTBEAT_MAX, "oracle: heartbeat out of range"
    assert gap <= 10**12 and gap % GAP_STEP == 0, "oracle: gap out of range"
    assert ceiling <= CEILING_MAX, "oracle: ceiling out of range"
    before: uint256 = self.configs[market]
    assert before == 0 or ceiling <= (before >> 224) & MASK_8, "oracle: ceiling may not rise"

    found: bool = False
    decimals: uint256 = 0
    found, decimals = self._decimals(feed)
    assert found, "oracle: feed is not fresh"
    assert decimals <= DECIMALS_MAX, "oracle: decimals out of range"
    config: uint256 = (
        convert(feed, uint256)
        | decimals << 160
        | heartbeat << 168
        | (gap // GAP_STEP) << 192
        | ceiling << 224
    )
    price: uint256 = 0
    status: uint256 = 0
    price, status = self._quote(market, config)
    assert status == FRESH, "oracle: feed is not fresh"
    assert price < 1 << ceiling, "oracle: price at the ceiling"

    self.configs[market] = config
    log IPriceOracle.FeedUpdated(
        market=market, feed=feed, decimals=decimals, heartbeat=heartbeat, gap=gap, ceiling=ceiling
    )
    self._store(market, price)


@internal
@view
def _feed(market: uint256) -> IPriceOracle.Feed:
    """
    @notice Unpack a market's configuration.
    """
    assert market < MARKETS, "oracle: no feed"
    config: uint256 = self.configs[market]
    assert config != 0, "oracle: no feed"
    return IPriceOracle.Feed(
        feed=convert(config & MASK_160, address),
        decimals=(config >> 160) & MASK_8,
        heartbeat=(config >> 168) & MASK_24,
        gap=((config >> 192) & MASK_32) * GAP_STEP,
        ceiling=(config >> 224) & MASK_8,
    )


@internal
def _store(market: uint256, price: uint256):
    """
    @notice Store a fresh price, WAD, as the market's checkpoint.
    """
    self.checkpoints[market] = price | block.timestamp << 96
    log IPriceOracle.CheckpointStored(market=market, price=price)


@internal
@view
def _decimals(feed: address) -> (bool, uint256):
    """
    @notice Ask a feed for its decimals. A call that fails or returns less than a word gives False.
    """
    success: bool = False
    response: Bytes[32] = b""
    success, response = raw_call(
        feed, method_id("decimals()"), max_outsize=32, is_static_call=True, revert_on_failure=False
    )
    if not success or len(response) != 32:
        return False, 0
    return True, convert(response, uint256)


@internal
@view
def _quote(market: uint256, config: uint256) -> (uint256, uint256):
    """
    @notice Read a feed: price in WAD and status.
    """
    assert config != 0, "oracle: no feed"
    feed: address = convert(config & MASK_160, address)
    success: bool = False
    response: Bytes[160] = b""
    success, response = raw_call(
        feed,
        method_id("latestRoundData()"),
        max_outsize=160,
        is_static_call=True,
        revert_on_failure=False,
    )
    if success and len(response) == 160:
        round_id: uint256 = extract32(response, 0, output_type=uint256)
        # as unsigned, so that a negative answer is above every ceiling
        answer: uint256 = extract32(response, 32, output_type=uint256)
        updated_at: uint256 = extract32(response, 96, output_type=uint256)
        answered_in: uint256 = extract32(response, 128, output_type=uint256)
        ceiling: uint256 = 1 << ((config >> 224) & MASK_8)
        # ids are uint80: anything larger is not a round
        if (
            answer != 0
            and answer <= ceiling
            and updated_at != 0
            and updated_at <= block.timestamp
            and answered_in >= round_id
            and answered_in < 2**80
        ):
            decimals: uint256 = (config >> 160) & MASK_8
            # answer <= 2**89 and the factor <= 1e18: no overflow
            price: uint256 = unsafe_mul(answer, 10**unsafe_sub(18, decimals))
            if price <= ceiling:
                success, answer = self._decimals(feed)
                if success and answer == decimals:
                    if unsafe_sub(block.timestamp, updated_at) > (config >> 168) & MASK_24:
                        return price, STALE
                    return price, FRESH
    return self.checkpoints[market] & MASK_96, INVALID
