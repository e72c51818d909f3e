# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Accounts
@license MIT
@notice Who owns an account and who may trade for it. An account id is owner << 96 | index (MRG-7).
@custom:security Withdrawals are for the owner alone; an approved operator may trade, liquidate and cancel.
"""
from ..interfaces import IMarginEngine
from . import ledger

uses: ledger


@internal
@pure
def _owner_of(account: uint256) -> address:
    return convert(account >> 96, address)


@internal
@view
def _acts_for(account: uint256, actor: address) -> bool:
    """
    @notice Whether `actor` owns the account or is approved by its owner. The house accounts have no owner.
    """
    owner: address = self._owner_of(account)
    return owner != empty(address) and (actor == owner or ledger.operators[owner][actor])


@internal
def _set_operator(operator: address, approved: bool):
    ledger.operators[msg.sender][operator] = approved
    log IMarginEngine.OperatorSet(owner=msg.sender, operator=operator, approved=approved)
