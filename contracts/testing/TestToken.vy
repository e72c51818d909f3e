# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Token for tests
@license MIT
@notice A minimal ERC-20 of 2 to 18 decimals that anyone may mint. An allowance of 2**256 - 1 is infinite: it is
        not lowered, so that a transfer writes two balances and nothing else.
@custom:security For tests only: anyone mints. It calls nobody, so it needs no lock; a lock would also make every
        transfer in the gas table dearer than a plain token's.
"""
event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256


event Approval:
    owner: indexed(address)
    spender: indexed(address)
    amount: uint256


# the number of decimals, 2 to 18
decimals: public(immutable(uint8))

# token units
balanceOf: public(HashMap[address, uint256])
# owner => spender => token units
allowance: public(HashMap[address, HashMap[address, uint256]])
# token units
totalSupply: public(uint256)


@deploy
def __init__(decimals_: uint8):
    """
    @notice Nobody has any yet.
    @param decimals_ 2 to 18.
    """
    assert decimals_ >= 2 and decimals_ <= 18, "token: decimals out of range"
    decimals = decimals_


@external
@pure
def name() -> String[10]:
    """
    @notice Name of the token.
    @return Always the same.
    """
    return "Test Token"


@external
@pure
def symbol() -> String[4]:
    """
    @notice Symbol of the token.
    @return Always the same.
    """
    return "TEST"


@external
def mint(receiver: address, amount: uint256):
    """
    @notice Make tokens, by anyone.
    @param receiver Who gets them.
    @param amount Token units.
    """
    self._mint(receiver, amount)


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Let somebody move the caller's tokens.
    @param spender Who may.
    @param amount Token units, 2**256 - 1 for ever.
    @return Always true.
    """
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, amount=amount)
    return True


@external
def transfer(receiver: address, amount: uint256) -> bool:
    """
    @notice Move the caller's tokens.
    @param receiver Who gets them.
    @param amount Token units.
    @return Always true.
    """
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    """
    @notice Move tokens of an owner who allowed it.
    @param sender The owner.
    @param receiver Who gets them.
    @param amount Token units.
    @return Always true.
    """
    self._spend(sender, amount)
    self._move(sender, receiver, amount)
    return True


@internal
def _mint(receiver: address, amount: uint256):
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, amount=amount)


@internal
def _spend(owner: address, amount: uint256):
    """
    @notice Lower the caller's allowance, unless it is infinite.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "token: allowance too small"
        self.allowance[owner][msg.sender] = unsafe_sub(allowed, amount)


@internal
def _move(sender: address, receiver: address, amount: uint256):
    balance: uint256 = self.balanceOf[sender]
    assert balance >= amount, "token: balance too small"
    self.balanceOf[sender] = unsafe_sub(balance, amount)
    # below the total supply, which did not overflow
    self.balanceOf[receiver] = unsafe_add(self.balanceOf[receiver], amount)
    log Transfer(sender=sender, receiver=receiver, amount=amount)
