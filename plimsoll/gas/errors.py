"""What can go wrong while gas is measured. Every message says what to do next."""

from __future__ import annotations


class GasError(Exception):
    """Base of everything this package raises on purpose."""


class NodeError(GasError):
    """Anvil is missing, does not start, or refuses a request."""


class RowError(GasError):
    """There is no such row, or its preparation did not lead where it should."""
