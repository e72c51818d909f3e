# pragma version 0.4.3
# @notice One function for each thing that the embedded chain has to get right.

from modules import tally

initializes: tally
exports: tally.total


event Stored:
    who: indexed(address)
    label: indexed(String[32])
    number: uint256
    offset: int128


struct Point:
    x: uint256
    y: int128
    owner: address


struct Named:
    point: Point
    title: String[32]


LIMIT: immutable(uint256)

number: public(uint256)
numbers: public(HashMap[address, uint256])
door: transient(uint256)


@deploy
def __init__(number: uint256, limit: uint256):
    LIMIT = limit
    self.number = number


@external
def store(number: uint256, label: String[32] = "plain", offset: int128 = -3) -> uint256:
    assert number <= LIMIT, "probe: above the limit"
    self.number = number
    self.numbers[msg.sender] = number
    log Stored(who=msg.sender, label=label, number=number, offset=offset)
    return number


@external
def clear():
    self.number = 0


@external
def count(by: uint256):
    tally._count(by)


@external
def knock() -> uint256:
    before: uint256 = self.door
    self.door = 1
    return before


@external
def overflow() -> uint256:
    return max_value(uint256) + self.number


@external
def spin():
    for i: uint256 in range(10_000_000):
        self.number += 1


@external
@payable
def pay() -> uint256:
    return msg.value


@external
@view
def surroundings() -> (uint256, uint256, uint256, uint256, address):
    return chain.id, block.timestamp, block.number, block.basefee, msg.sender


@external
@view
def mirror(point: Point) -> Point:
    return point


@external
@view
def mirror_named(named: Named) -> Named:
    return named


@external
@view
def mirror_points(points: DynArray[Point, 4]) -> DynArray[Point, 4]:
    return points


@external
@view
def mirror_all(
    small: int8, flag: bool, word: bytes32, tag: bytes4, row: int16[3], text: Bytes[64]
) -> (int8, bool, bytes32, bytes4, int16[3], Bytes[64]):
    return small, flag, word, tag, row, text


@external
@view
def signer(digest: bytes32, v: uint256, r: uint256, s: uint256) -> address:
    return ecrecover(digest, v, r, s)
