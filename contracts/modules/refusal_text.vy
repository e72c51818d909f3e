# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Refusal with its text
@license MIT
@notice One place that reverts with a reason, for contracts that stand alone: an `assert` with a reason is 124 bytes of code, a
        call of this 75. The engine's code contracts share the shorter `refusal.vy`.
@custom:security Always reverts.
"""


@internal
@pure
def _because(reason: String[32]):
    raise reason
