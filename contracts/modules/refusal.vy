# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Refusal
@license MIT
@notice One place that reverts with a reason. An `assert` with a reason is 124 bytes of code, a call of this 75; with
        some ninety of them that decides whether the engine fits below EIP-170's 24,576 bytes.
@custom:security Always reverts.
"""


@internal
@pure
def _because(reason: String[32]):
    raise reason
