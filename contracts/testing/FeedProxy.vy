# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Feed proxy for tests
@license MIT
@notice What stands in front of a Chainlink aggregator: one slot with its address, calls handed on.
@custom:security For tests only: anyone changes the aggregator.
"""
from ..interfaces import IAggregatorV3

implements: IAggregatorV3

# the feed behind it
aggregator: public(address)


@deploy
def __init__(aggregator: address):
    """
    @notice Stands in front of an aggregator.
    @param aggregator Chainlink AggregatorV3.
    """
    self.aggregator = aggregator


@external
@view
@reentrant
def decimals() -> uint8:
    """
    @notice Decimals of the answer.
    @return The aggregator's.
    """
    return staticcall IAggregatorV3(self.aggregator).decimals(skip_contract_check=True)


@external
@view
@reentrant
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice The aggregator's latest round.
    @return Round id.
    @return Answer, scaled by 10**decimals.
    @return Started at, seconds.
    @return Updated at, seconds.
    @return Round in which the answer was found.
    """
    return staticcall IAggregatorV3(self.aggregator).latestRoundData(skip_contract_check=True)


@external
def set_aggregator(aggregator: address):
    """
    @notice Put another aggregator behind it.
    @param aggregator Chainlink AggregatorV3, or none.
    """
    self.aggregator = aggregator
