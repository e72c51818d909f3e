# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Price oracle
@license MIT
@notice Prices of up to 16 markets from Chainlink feeds, with the status of each (docs/SPEC.md, section 5).
        Prices are quote per base in WAD.
@dev A market's hot word has a bit each for "has a reference feed" and "there is a sequencer feed": a market without
     them reads neither word. Checkpoints are the samples of the averages, too: each price counts from its checkpoint
     to the next one, for at most SPAN seconds, so that a late sample alone moves nothing.
@custom:security Every price of the engine comes from here: a feed that lies moves money. The owner (governance
        behind a delay) chooses the feeds; anyone may store a checkpoint, of a fresh price only. `quotes` never
        reverts because of a feed: one that reverts, returns too little or nonsense, or has no code is INVALID. A
        reference feed that fails is left out, so that it cannot freeze a market; a sequencer feed that fails is one
        that is down.
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
GRACE_MAX: constant(uint256) = 86_400
# 1e-9
DIVERGENCE_UNIT: constant(uint256) = 10**9
# a price counts for at most this long after its checkpoint, seconds
SPAN: constant(uint256) = 900
# a point of the averages is kept from each of these, seconds
BUCKET: constant(uint256) = 600
POINTS: constant(uint256) = 8
HOUR: constant(uint256) = 3_600

FRESH: constant(uint256) = 0
STALE: constant(uint256) = 1
DIVERGED: constant(uint256) = 2
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

# whether prices stand still: not asked yet, or as a feed of a sequencer says it
RUNNING: constant(uint256) = 0
HALTED: constant(uint256) = 1
UNKNOWN: constant(uint256) = 2

# flags of a market's word
FLAGS_SHIFT: constant(uint256) = 232
HAS_REFERENCE: constant(uint256) = 1 << 232
HAS_SEQUENCER: constant(uint256) = 1 << 233

MASK_3: constant(uint256) = 2**3 - 1
MASK_8: constant(uint256) = 2**8 - 1
MASK_16: constant(uint256) = 2**16 - 1
MASK_24: constant(uint256) = 2**24 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_104: constant(uint256) = 2**104 - 1
MASK_160: constant(uint256) = 2**160 - 1

# hot, one word a market; zero: no feed
#   feed 160 | decimals 8 << 160 | heartbeat 24 << 168 (seconds) | gap 32 << 192 (1e-9) | ceiling 8 << 224 (bits)
#   | has a reference 1 << 232 | there is a sequencer 1 << 233
configs: uint256[16]
# cold, one word a market: last price that was fresh at a checkpoint 96 (WAD) | time 32 << 96 (seconds)
#   | seconds that count in the sum, modulo 2**16, << 128 | number of the newest point 3 << 144
#   | sum of price * seconds, modulo 2**104, << 152
checkpoints: uint256[16]
# one word a market with a reference feed: feed 160 | decimals 8 << 160 | heartbeat 24 << 168 (seconds)
#   | largest divergence 32 << 192 (1e-9)
references: uint256[16]
# feed 160 | grace 32 << 160 (seconds); zero: the chain has no sequencer
sequencer: uint256
# 8 words a market, a ring: the sum 104 | seconds that count 16 << 104 | time 32 << 120, as a checkpoint left them
points: uint256[16 * POINTS]


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
            prices in WAD. `other` is the reference feed's price when both are fresh, else `price` again. STALE: the
            feed's last answer, also while the sequencer is down; INVALID: the checkpoint.
    """
    assert mask < 2**16, "oracle: no feed"
    words: uint256[16] = empty(uint256[16])
    halted: uint256 = UNKNOWN
    rest: uint256 = mask
    for _: uint256 in range(MARKETS):
        if rest == 0:
            break
        lowest: uint256 = rest & unsafe_sub(0, rest)
        rest ^= lowest
        market: uint256 = (BIT_INDEX >> unsafe_mul(5, lowest % 19)) & 31
        config: uint256 = self.configs[market]
        price: uint256 = 0
        status: uint256 = 0
        price, status = self._read(config)
        if (config >> FLAGS_SHIFT) | status == FRESH:
            words[market] = price << 96 | price
        else:
            if halted == UNKNOWN and config & HAS_SEQUENCER != 0:
                halted = self._halted(self.sequencer)
            words[market] = self._judge(market, config, price, status, halted)
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
def reference(market: uint256) -> IPriceOracle.Reference:
    """
    @notice Reference feed of a market.
    @param market 0 to 15, with a feed.
    @return Units as in the struct; all zero without one.
    """
    assert market < MARKETS and self.configs[market] != 0, "oracle: no feed"
    word: uint256 = self.references[market]
    return IPriceOracle.Reference(
        feed=convert(word & MASK_160, address),
        decimals=(word >> 160) & MASK_8,
        heartbeat=(word >> 168) & MASK_24,
        divergence=word >> 192,
    )


@external
@view
def sequencer_feed() -> (address, uint256, bool):
    """
    @notice Uptime feed of the chain's sequencer.
    @return The feed, zero without one.
    @return Grace in seconds.
    @return Whether prices stand still because of it.
    """
    word: uint256 = self.sequencer
    if word == 0:
        return empty(address), 0, False
    return convert(word & MASK_160, address), word >> 160, self._halted(word) == HALTED


@external
@view
def average(market: uint256) -> IPriceOracle.Average:
    """
    @notice Time-weighted price of a market over at least its last hour, from its checkpoints (LIQ-9). A price counts
            from its checkpoint to the next one, for at most 900 seconds; the time after that is not covered.
    @dev The sums are kept modulo a power of two: between two points in the ring lie at most 600 + 900 covered seconds
         and 12,000 in all, so that differences are below 2**14 and 2**103.
    @param market 0 to 15, with a feed.
    @return See `Average`. The youngest point at least an hour of covered time back, else the oldest of the 8 there are;
            the price is zero when no time is covered.
    """
    assert market < MARKETS and self.configs[market] != 0, "oracle: no feed"
    total: uint256 = 0
    covered: uint256 = 0
    total, covered = self._sums(market)
    head: uint256 = (self.checkpoints[market] >> 144) & MASK_3
    a: IPriceOracle.Average = empty(IPriceOracle.Average)
    for i: uint256 in range(POINTS):
        point: uint256 = self.points[market * POINTS + (head + POINTS - i) % POINTS]
        if point == 0:
            break
        a.covered = unsafe_sub(covered, (point >> 104) & MASK_16) & MASK_16
        a.since = point >> 120
        if a.covered != 0:
            # rounds down
            a.price = (unsafe_sub(total, point & MASK_104) & MASK_104) // a.covered
        if a.covered >= HOUR:
            break
    return a


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
    return IPriceOracle.Checkpoint(price=word & MASK_96, time=(word >> 96) & MASK_32)


@external
def checkpoint(mask: uint256):
    """
    @notice Store the price of every FRESH feed in a mask, by anyone; the others keep what they have. It is a sample
            of the market's average.
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

    assert (
        convert(feed, uint256) != self.references[market] & MASK_160
    ), "oracle: reference is the feed"

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
        | before & HAS_REFERENCE
    )
    if self.sequencer != 0:
        config |= HAS_SEQUENCER
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


@external
def set_reference(market: uint256, feed: address, heartbeat: uint256, divergence: uint256):
    """
    @notice Set or remove a market's reference feed, by the owner. It must be fresh, and the market not DIVERGED with
            it: a reference of something else would freeze the market at once.
    @param market 0 to 15, with a feed.
    @param feed Chainlink AggregatorV3 with at most 18 decimals, another one than the market's; zero: none from now on,
           the rest must be zero then.
    @param heartbeat Seconds an answer stays fresh, 1 to 30 days.
    @param divergence Largest difference of the two prices in parts of the smaller one, 1e-9, 1 to 1e9.
    """
    ownable._check_owner()
    assert market < MARKETS, "oracle: market out of range"
    config: uint256 = self.configs[market]
    assert config != 0, "oracle: no feed"
    if feed == empty(address):
        assert heartbeat == 0 and divergence == 0, "oracle: reference is zero"
        self.configs[market] = config & ~HAS_REFERENCE
        self.references[market] = 0
        log IPriceOracle.ReferenceUpdated(
            market=market, feed=feed, decimals=0, heartbeat=0, divergence=0
        )
        return
    assert convert(feed, uint256) != config & MASK_160, "oracle: reference is the feed"
    assert heartbeat >= 1 and heartbeat <= HEARTBEAT_MAX, "oracle: heartbeat out of range"
    assert divergence >= 1 and divergence <= DIVERGENCE_UNIT, "oracle: divergence out of range"
    found: bool = False
    decimals: uint256 = 0
    found, decimals = self._decimals(feed)
    assert found, "oracle: reference is not fresh"
    assert decimals <= DECIMALS_MAX, "oracle: decimals out of range"
    word: uint256 = (
        convert(feed, uint256) | decimals << 160 | heartbeat << 168 | divergence << 192
    )
    price: uint256 = 0
    status: uint256 = 0
    price, status = self._read(self._reference_config(word, config))
    assert status == FRESH, "oracle: reference is not fresh"
    self.references[market] = word
    config |= HAS_REFERENCE
    self.configs[market] = config
    price, status = self._quote(market, config)
    assert status != DIVERGED, "oracle: reference diverges"
    log IPriceOracle.ReferenceUpdated(
        market=market, feed=feed, decimals=decimals, heartbeat=heartbeat, divergence=divergence
    )


@external
def set_sequencer(feed: address, grace: uint256):
    """
    @notice Set or remove the uptime feed of the chain's sequencer, by the owner; it must have been up for the grace.
    @param feed Chainlink L2 uptime feed (answer 0: up since `startedAt`); zero: none from now on, grace zero.
    @param grace Seconds after the sequencer came back in which every market is still STALE, 1 second to 1 day.
    """
    ownable._check_owner()
    word: uint256 = 0
    if feed == empty(address):
        assert grace == 0, "oracle: sequencer is zero"
    else:
        assert grace >= 1 and grace <= GRACE_MAX, "oracle: grace out of range"
        word = convert(feed, uint256) | grace << 160
        assert self._halted(word) == RUNNING, "oracle: sequencer is not up"
    self.sequencer = word
    for market: uint256 in range(MARKETS):
        config: uint256 = self.configs[market]
        if config != 0:
            config &= ~HAS_SEQUENCER
            self.configs[market] = config if word == 0 else config | HAS_SEQUENCER
    log IPriceOracle.SequencerUpdated(feed=feed, grace=grace)


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
    @notice Store a fresh price, WAD, as the market's checkpoint; the one before has counted until now. The first
            checkpoint in each BUCKET of time leaves a point, so that 8 points always reach an hour back.
    """
    word: uint256 = self.checkpoints[market]
    total: uint256 = 0
    covered: uint256 = 0
    total, covered = self._sums(market)
    head: uint256 = (word >> 144) & MASK_3
    if block.timestamp // BUCKET != ((word >> 96) & MASK_32) // BUCKET:
        head = (head + 1) % POINTS
        self.points[market * POINTS + head] = total | covered << 104 | block.timestamp << 120
    self.checkpoints[market] = (
        price | block.timestamp << 96 | covered << 128 | head << 144 | total << 152
    )
    log IPriceOracle.CheckpointStored(market=market, price=price)


@internal
@view
def _sums(market: uint256) -> (uint256, uint256):
    """
    @notice Sum of price * seconds modulo 2**104 and the seconds that count modulo 2**16, up to now.
    """
    word: uint256 = self.checkpoints[market]
    if word == 0:
        return 0, 0
    counts: uint256 = min(block.timestamp - ((word >> 96) & MASK_32), SPAN)
    # price <= 2**89: no overflow
    total: uint256 = ((word >> 152) + (word & MASK_96) * counts) & MASK_104
    return total, ((word >> 128) + counts) & MASK_16


@internal
@view
def _halted(word: uint256) -> uint256:
    """
    @notice Whether a sequencer is down, came back less than its grace ago, or its feed says nothing that makes sense.
    @param word As in `sequencer`.
    """
    success: bool = False
    response: Bytes[96] = b""
    success, response = raw_call(
        convert(word & MASK_160, address),
        method_id("latestRoundData()"),
        max_outsize=96,
        is_static_call=True,
        revert_on_failure=False,
    )
    if success and len(response) == 96:
        # 0: up, 1: down, since `startedAt`
        answer: uint256 = extract32(response, 32, output_type=uint256)
        since: uint256 = extract32(response, 64, output_type=uint256)
        if answer == 0 and since != 0 and since <= block.timestamp:
            if block.timestamp - since >= word >> 160:
                return RUNNING
    return HALTED


@internal
@pure
def _reference_config(word: uint256, config: uint256) -> uint256:
    """
    @notice A reference feed as `_read` wants it: the market's ceiling holds for it, too.
    """
    return (word & (2**192 - 1)) | (config & (MASK_8 << 224))


@internal
@view
def _judge(
    market: uint256, config: uint256, price: uint256, status: uint256, halted: uint256
) -> uint256:
    """
    @notice The quote's word of a market, from what its own feed says.
    @param halted What the sequencer's feed said, for a market with that flag.
    """
    if status == INVALID:
        stored: uint256 = self.checkpoints[market] & MASK_96
        return INVALID << 192 | stored << 96 | stored
    if status == FRESH:
        if config & HAS_SEQUENCER != 0 and halted == HALTED:
            return STALE << 192 | price << 96 | price
        if config & HAS_REFERENCE != 0:
            word: uint256 = self.references[market]
            other: uint256 = 0
            other_status: uint256 = 0
            other, other_status = self._read(self._reference_config(word, config))
            # one that says nothing is left out
            if other_status == FRESH:
                low: uint256 = min(price, other)
                result: uint256 = other << 96 | price
                # prices <= 2**89, divergence < 2**32: no overflow
                if (max(price, other) - low) * DIVERGENCE_UNIT > (word >> 192) * low:
                    result |= DIVERGED << 192
                return result
    return status << 192 | price << 96 | price


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
    @notice Price in WAD and status of a market.
    """
    price: uint256 = 0
    status: uint256 = 0
    price, status = self._read(config)
    halted: uint256 = UNKNOWN
    if config & HAS_SEQUENCER != 0:
        halted = self._halted(self.sequencer)
    word: uint256 = self._judge(market, config, price, status, halted)
    return word & MASK_96, word >> 192


@internal
@view
def _read(config: uint256) -> (uint256, uint256):
    """
    @notice Read a feed: price in WAD and status, FRESH, STALE or INVALID; the price of an INVALID one is zero.
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
        round_id: uint256 = 0
        # as unsigned, so that a negative answer is above every ceiling
        answer: uint256 = 0
        started_at: uint256 = 0
        updated_at: uint256 = 0
        answered_in: uint256 = 0
        round_id, answer, started_at, updated_at, answered_in = abi_decode(
            response, (uint256, uint256, uint256, uint256, uint256)
        )
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
    return 0, INVALID
