"""A folder of signed orders, one JSON file each, named by its digest.

A file's time is when the order came, which decides between equal prices. Files are written beside
the target and renamed, so that a reader never sees half of one; files that are no orders are
reported by name and left alone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct

from plimsoll.protocol.errors import OrderError
from plimsoll.protocol.orders import Domain, SignedOrder

#: An order is about 500 bytes; nothing larger is read.
MAX_BYTES = 16_384


class StoreError(Exception):
    """A folder of orders cannot be used. The message says what to do next."""


class Verdict(StrEnum):
    """What can be said of an order's signature without a chain."""

    VERIFIED = "verified"  # the key of the account's owner
    UNVERIFIED = "unverified"  # another key's, or no key's: an operator, a smart wallet, or nobody


@dataclass(frozen=True, slots=True)
class Stored:
    """An order in a folder; `received` is in nanoseconds since 1970."""

    signed: SignedOrder
    received: int
    path: Path


@dataclass(frozen=True, slots=True)
class Problem:
    """A file (or an entry of a board) that is no order, and why."""

    name: str
    reason: str


def signed_by(signed: SignedOrder, domain: Domain) -> Verdict:
    """Say whether the key of the account's owner signed the order."""
    if signed.order.account >> 96 and signed.signer(domain) == signed.order.maker:
        return Verdict.VERIFIED
    return Verdict.UNVERIFIED


def check(signed: SignedOrder, domain: Domain, now: int | None) -> Verdict:
    """Return what is known of an order's signature.

    Raises OrderError when it can never be filled: it has expired at `now` (None: not looked at), or
    its account has no owner.
    """
    if not signed.order.account >> 96:
        raise OrderError("order.account: a house account has no owner who could sign")
    if now is not None and signed.order.expiry < now:
        raise OrderError(
            f"the order has expired ({now - signed.order.expiry} s ago); sign one with a later "
            "expiry"
        )
    return signed_by(signed, domain)


def withdrawal_signer(digest: bytes, signature: bytes) -> str | None:
    """Return who signed the message that takes an order off a board; None when nobody did."""
    message = encode_defunct(text=withdrawal_text(digest))
    try:
        return str(EthAccount.recover_message(message, signature=signature))
    except (ValueError, TypeError):
        return None


def withdrawal_text(digest: bytes) -> str:
    """The text to sign (EIP-191) to take an order off a board; it stays valid on chain."""
    return f"Plimsoll: take order 0x{digest.hex()} off the board"


class OrderStore:
    """The folder. Several processes may use it at once."""

    def __init__(self, folder: Path | str, domain: Domain, *, create: bool = False) -> None:
        """Open a folder; `create` makes it. Raises StoreError when there is none."""
        self.folder = Path(folder)
        self.domain = domain
        if create:
            self.folder.mkdir(parents=True, exist_ok=True)
        if not self.folder.is_dir():
            raise StoreError(
                f"{self.folder.name}: no such folder; make it, or name the one that "
                "`plimsoll orders serve --store` uses"
            )

    def path_of(self, digest: bytes) -> Path:
        """Return where an order of this digest stands."""
        return self.folder / f"{digest.hex()}.json"

    def add(self, signed: SignedOrder) -> tuple[Path, bool]:
        """Keep an order; return its file and whether it is new."""
        path = self.path_of(signed.order.digest(self.domain))
        if path.exists():
            return path, False
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".tmp-")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(signed.to_json() + "\n")
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return path, True

    def remove(self, digest: bytes) -> bool:
        """Drop an order; say whether it was there under its own name."""
        path = self.path_of(digest)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def files(self) -> Iterator[os.DirEntry[str]]:
        """Yield what may be orders: regular `.json` files whose name has no dot in front."""
        with os.scandir(self.folder) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(".json") and not name.startswith(".") and entry.is_file():
                    yield entry

    def read_file(self, path: Path, size: int) -> SignedOrder:
        """Read one file. Raises OrderError with what is wrong (without the file's name)."""
        if size > MAX_BYTES:
            raise OrderError(f"is {size:,} bytes long, an order is at most {MAX_BYTES:,}")
        try:
            return SignedOrder.from_json(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise OrderError("is no text") from None
        except OSError as error:
            raise OrderError(f"cannot be read: {error.strerror}") from None

    def read(self) -> tuple[list[Stored], list[Problem]]:
        """Return all orders and all files that are none."""
        found, problems = [], []
        for entry in self.files():
            try:
                status = entry.stat()
                signed = self.read_file(Path(entry.path), status.st_size)
            except OSError:
                continue  # gone meanwhile
            except OrderError as error:
                problems.append(Problem(entry.name, str(error)))
                continue
            found.append(Stored(signed, status.st_mtime_ns, Path(entry.path)))
        return found, problems
