# pragma version 0.4.3
# @notice Calls another contract, for the gas of an address touched for the first time.

interface Probe:
    def store(number: uint256) -> uint256: nonpayable
    def clear(): nonpayable


event Called:
    target: indexed(address)


@external
def store(target: address, number: uint256) -> uint256:
    log Called(target=target)
    return extcall Probe(target).store(number)


@external
def clear(target: address):
    extcall Probe(target).clear()


@external
@view
def name() -> String[16]:
    return "caller"
