# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Aggregator for tests
@license MIT
@notice A feed shaped like Chainlink's: three slots read per answer, decimals fixed at creation. `latestRoundData`
        and `decimals` answer as in `IAggregatorV3`; anyone may set what they say.
@dev `latestRoundData` hands back raw words, so that it can hand back too few of them; read it through the ABI of
     `IAggregatorV3`, this contract's own calls it bytes.
@custom:security For tests only: anyone sets the price.
"""
# what latestRoundData does
NORMAL: constant(uint256) = 0
REVERTS: constant(uint256) = 1
SHORT: constant(uint256) = 2

MASK_80: constant(uint256) = 2**80 - 1

DECIMALS: immutable(uint8)

# latest round id 80 | answered in round 80 << 80 | mode 8 << 160
round_word: uint256
# price scaled by 10**decimals
answer: public(int256)
# started at 128 (seconds) | updated at 128 << 128 (seconds)
time_word: uint256


@deploy
def __init__(decimals_: uint8, initial_answer: int256):
    """
    @notice Starts in round 1, updated now.
    @param decimals_ Decimals of the answer.
    @param initial_answer Price scaled by 10**decimals.
    """
    DECIMALS = decimals_
    self.round_word = 1 | 1 << 80
    self.answer = initial_answer
    self.time_word = block.timestamp | block.timestamp << 128


@external
@view
def decimals() -> uint8:
    """
    @notice Decimals of the answer.
    @return As at creation.
    """
    return DECIMALS


@external
@view
@raw_return
def latestRoundData() -> Bytes[160]:
    """
    @notice The latest round.
    @return Five words: round id, answer, started at, updated at, answered in round; two words in mode 2.
    """
    word: uint256 = self.round_word
    mode: uint256 = word >> 160
    assert mode != REVERTS, "aggregator: told to revert"
    if mode == SHORT:
        return abi_encode(word & MASK_80, self.answer)
    times: uint256 = self.time_word
    return abi_encode(
        word & MASK_80, self.answer, times & (2**128 - 1), times >> 128, (word >> 80) & MASK_80
    )


@external
def set_answer(answer: int256):
    """
    @notice A new round with this answer, updated now.
    @param answer Price scaled by 10**decimals.
    """
    word: uint256 = self.round_word
    round_id: uint256 = (word & MASK_80) + 1
    self.round_word = round_id | round_id << 80 | (word >> 160) << 160
    self.answer = answer
    self.time_word = block.timestamp | block.timestamp << 128


@external
def set_updated_at(updated_at: uint256):
    """
    @notice Change when the latest round was updated, and nothing else.
    @param updated_at Seconds, below 2**128.
    """
    assert updated_at < 2**128, "aggregator: time too large"
    self.time_word = (self.time_word & (2**128 - 1)) | updated_at << 128


@external
def set_answered_in_round(answered_in_round: uint80):
    """
    @notice Change the round in which the latest answer was found, and nothing else.
    @param answered_in_round Round id.
    """
    word: uint256 = self.round_word
    self.round_word = (
        (word & MASK_80) | convert(answered_in_round, uint256) << 80 | (word >> 160) << 160
    )


@external
def set_round(round_id: uint80, answer: int256, updated_at: uint256, answered_in_round: uint80):
    """
    @notice Set the latest round as a whole.
    @param round_id Round id.
    @param answer Price scaled by 10**decimals.
    @param updated_at Seconds, below 2**128; also when it started.
    @param answered_in_round Round id.
    """
    assert updated_at < 2**128, "aggregator: time too large"
    self.round_word = (
        convert(round_id, uint256)
        | convert(answered_in_round, uint256) << 80
        | (self.round_word >> 160) << 160
    )
    self.answer = answer
    self.time_word = updated_at | updated_at << 128


@external
def set_mode(mode: uint256):
    """
    @notice Choose what latestRoundData does.
    @param mode 0 answers, 1 reverts, 2 returns two words only.
    """
    assert mode <= SHORT, "aggregator: unknown mode"
    self.round_word = (self.round_word & (2**160 - 1)) | mode << 160
