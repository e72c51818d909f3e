"""Signed orders at rest: a folder of JSON files, a small loopback board, and a book over either.

The folder is the interface: one signed order a file, written by anyone who may write there. The
board puts HTTP in front of a folder. `OrderBook` reads a folder, a board or a list, and tells a
keeper which orders can still be used.
"""

from plimsoll.orders.board import Board, BoardError
from plimsoll.orders.book import Entry, Offer, OrderBook, OrderSourceError, OrderState, as_book
from plimsoll.orders.store import OrderStore, Problem, StoreError, Verdict, check, signed_by

__all__ = [
    "Board",
    "BoardError",
    "Entry",
    "Offer",
    "OrderBook",
    "OrderSourceError",
    "OrderState",
    "OrderStore",
    "Problem",
    "StoreError",
    "Verdict",
    "as_book",
    "check",
    "signed_by",
]
