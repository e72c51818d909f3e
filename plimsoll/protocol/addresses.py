"""Addresses as people write them."""

from __future__ import annotations

import re
from typing import Any

from eth_utils.address import to_checksum_address

ZERO_ADDRESS = "0x" + "00" * 20
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def checked_address(value: Any) -> str:
    """Return a checksummed address. Raises ValueError for what is none, and for one whose capital
    letters do not checksum (eth_utils' `is_address` no longer looks at them)."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ValueError(f"{value!r} is no address: 0x and 40 hex digits")
    address = str(to_checksum_address(value))
    digits = value[2:]
    if value != address and digits not in (digits.lower(), digits.upper()):
        raise ValueError(f"{value!r} has a typing error: its capital letters do not checksum")
    return address
