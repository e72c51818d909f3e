# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Broken aggregator for tests
@license MIT
@notice A feed that answers `latestRoundData` and `decimals` with any bytes, or reverts.
@custom:security For tests only: anyone sets what it says.
"""
# first four bytes of the calldata => what is returned
responses: HashMap[bytes4, Bytes[320]]
# first four bytes of the calldata => whether it reverts, with the response as data
reverts: HashMap[bytes4, bool]


@external
def set_response(selector: bytes4, response: Bytes[320], reverts: bool):
    """
    @notice Set what a function answers.
    @param selector First four bytes of the calldata.
    @param response Raw return data.
    @param reverts Whether it reverts with that data.
    """
    self.responses[selector] = response
    self.reverts[selector] = reverts


@external
@view
@raw_return
def __default__() -> Bytes[320]:
    """
    @notice Answer as set; nothing was set: an empty answer.
    @return Raw return data.
    """
    selector: bytes4 = convert(slice(msg.data, 0, 4), bytes4)
    if self.reverts[selector]:
        raw_revert(self.responses[selector])
    return self.responses[selector]
