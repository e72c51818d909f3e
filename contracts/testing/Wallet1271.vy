# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Smart wallet for tests
@license MIT
@notice A wallet that signs by ERC-1271 with its owner's key, calls what its owner tells it to, and can be told to
        answer wrongly.
@custom:security For tests only: anyone sets how it answers; only the owner moves what it holds.
"""
MAGIC: constant(bytes4) = 0x1626ba7e

# how isValidSignature answers
VALID: constant(uint256) = 0
WRONG: constant(uint256) = 1
REVERTS: constant(uint256) = 2
REENTERS: constant(uint256) = 3

# whose key signs, and who may execute
owner: public(immutable(address))

# 0 to 3, see above
mode: public(uint256)
# what mode 3 calls
target: public(address)
# with which calldata
data: public(Bytes[4096])
# whether such a call has succeeded
reentered: public(bool)
# how often the owner has called something through the wallet
executed: public(uint256)


@deploy
@payable
def __init__(owner_: address):
    """
    @notice Answers truthfully at first.
    @param owner_ Whose key signs, and who may execute.
    """
    owner = owner_


@external
@reentrant
def isValidSignature(hash: bytes32, signature: Bytes[1024]) -> bytes4:
    """
    @notice ERC-1271. Not a view, so that mode 3 can try a call that writes; callers ask it statically.
    @param hash What was signed.
    @param signature r, s, v of the owner.
    @return The magic value for a signature of the owner, but never in mode 1. Mode 3 answers like mode 0; when its
            re-entrant call succeeds, `reentered` says so, and a static caller sees a revert.
    """
    mode: uint256 = self.mode
    assert mode != REVERTS, "wallet: told to revert"
    if mode == WRONG or not self._signed(hash, signature):
        return 0xffffffff
    if mode == REENTERS and raw_call(
        self.target, self.data, max_outsize=0, revert_on_failure=False
    ):
        self.reentered = True
    return MAGIC


@external
def set_mode(mode: uint256):
    """
    @notice Choose how isValidSignature answers.
    @param mode 0 truthfully, 1 wrongly, 2 reverts, 3 tries a re-entrant call.
    """
    assert mode <= REENTERS, "wallet: unknown mode"
    self.mode = mode


@external
def set_call(target: address, data: Bytes[4096]):
    """
    @notice Choose what mode 3 calls.
    @param target Contract.
    @param data Calldata.
    """
    self.target = target
    self.data = data


@external
@payable
@reentrant
def execute(target: address, data: Bytes[4096], amount: uint256 = 0) -> Bytes[4096]:
    """
    @notice Call anything, by the owner; a revert of the target comes through.
    @param target Contract.
    @param data Calldata.
    @param amount Ether to send, in wei.
    @return What the target returned.
    """
    assert msg.sender == owner, "wallet: caller is not the owner"
    self.executed += 1
    return raw_call(target, data, max_outsize=4096, value=amount)


@internal
@view
def _signed(hash: bytes32, signature: Bytes[1024]) -> bool:
    """
    @notice Whether 65 bytes are the owner's signature of a hash.
    """
    if len(signature) != 65:
        return False
    signer: address = ecrecover(
        hash,
        convert(slice(signature, 64, 1), uint256),
        extract32(signature, 0, output_type=uint256),
        extract32(signature, 32, output_type=uint256),
    )
    return signer != empty(address) and signer == owner
