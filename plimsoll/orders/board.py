"""A small order board: HTTP and JSON in front of a folder of signed orders.

    POST   /orders                 a signed order; answers its hash and a token for taking it back
    GET    /orders?market=&account=&limit=&offset=
    GET    /orders/HASH
    DELETE /orders/HASH            with `Authorization: Bearer TOKEN`, or a body
                                   {"signature": "0x.."} of the owner over `withdrawal_text`
                                   (EIP-191)
    GET    /health

Taking an order off a board does not cancel it: whoever has copied it can still fill it until
`cancel_order` or its expiry. The board answers only requests that name it by a loopback name, so
that no web page reaches it under a name of its own (DNS rebinding), and only posts in JSON, so that
a browser asks first (and is not answered).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import json
import os
import secrets
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from plimsoll.orders.store import (
    MAX_BYTES,
    OrderStore,
    Problem,
    Verdict,
    check,
    signed_by,
    withdrawal_signer,
)
from plimsoll.protocol.errors import OrderError
from plimsoll.protocol.orders import Domain, SignedOrder

_PAGE = 1_000
_SOCKET_TIMEOUT = 10.0
_SECRET = ".board-secret"


class BoardError(Exception):
    """The board cannot be started. The message says what to do next."""


class Reply(Exception):  # noqa: N818, an answer, not a fault
    """An answer other than 200."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the board takes. Orders that are not verified have a limit of their own, so that nobody
    uses up an account's places with orders that its owner never signed.
    """

    body: int = MAX_BYTES
    per_account: int = 256
    unverified_per_account: int = 8
    unverified: int = 1_000
    total: int = 20_000


@dataclass(frozen=True, slots=True)
class _Item:
    signed: SignedOrder
    received: int
    verdict: Verdict
    path: Path


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Board:
    """The board over a folder. `start` serves in a thread, `serve_forever` in this one."""

    def __init__(
        self,
        folder: Path | str,
        domain: Domain,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
        clock: Callable[[], int] | None = lambda: int(time.time()),
        allow_remote: bool = False,
    ) -> None:
        """Bind the port (0: any that is free).

        `clock` tells whether an order has expired; None takes it whatever its expiry, for chains
        with a time of their own. Raises BoardError for a host that others reach unless
        `allow_remote`, or when the port is taken.
        """
        if not allow_remote and not is_loopback(host):
            raise BoardError(
                f"{host} is reached from other machines; the board has neither accounts nor TLS. "
                "Use 127.0.0.1, or name the host on purpose"
            )
        self.store = OrderStore(folder, domain, create=True)
        self.domain = domain
        self.limits = limits or Limits()
        self.clock = clock
        self.local_only = is_loopback(host)
        self._lock = threading.Lock()
        self._secret = _secret(self.store.folder)
        self._items: dict[bytes, _Item] = {}
        self._places: Counter[tuple[int, Verdict]] = Counter()
        self._unverified = 0
        #: files that are no orders, as of the start
        self.problems: list[Problem] = []
        self._load()
        handler = type("Handler", (_Handler,), {"board": self})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise BoardError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; "
                "stop what uses the port, or choose another with --port"
            ) from None
        self._thread: threading.Thread | None = None

    # ---- life ------------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    @property
    def url(self) -> str:
        """What a client asks."""
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> Board:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.serve_forever, daemon=True, name="board")
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve until `stop` is called from another thread."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Stop serving and free the port."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def shutdown(self) -> None:
        """Ask `serve_forever` to return; from a thread other than its own."""
        self._server.shutdown()

    def __enter__(self) -> Board:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    # ---- what it holds ---------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many orders it holds."""
        return len(self._items)

    def _load(self) -> None:
        stored, self.problems = self.store.read()
        for item in sorted(stored, key=lambda item: item.received):
            digest = item.signed.order.digest(self.domain)
            if digest not in self._items:
                verdict = signed_by(item.signed, self.domain)
                self._keep(digest, _Item(item.signed, item.received, verdict, item.path))

    def _keep(self, digest: bytes, item: _Item) -> None:
        self._items[digest] = item
        self._places[item.signed.order.account, item.verdict] += 1
        self._unverified += item.verdict is Verdict.UNVERIFIED

    def _drop(self, digest: bytes) -> None:
        item = self._items.pop(digest)
        self._places[item.signed.order.account, item.verdict] -= 1
        self._unverified -= item.verdict is Verdict.UNVERIFIED
        with contextlib.suppress(FileNotFoundError):
            item.path.unlink()

    def _sweep(self) -> None:
        """Drop what has expired, and what was deleted from the folder."""
        now = self.clock() if self.clock else None
        for digest, item in list(self._items.items()):
            expired = now is not None and item.signed.order.expiry < now
            if expired or not item.path.exists():
                self._drop(digest)

    # ---- requests --------------------------------------------------------------------------------

    def post(self, body: bytes, unverified: bool) -> tuple[HTTPStatus, dict[str, Any]]:
        """Take an order. Raises Reply when it is refused."""
        try:
            signed = SignedOrder.from_json(body.decode())
            verdict = check(signed, self.domain, self.clock() if self.clock else None)
        except UnicodeDecodeError:
            raise Reply(HTTPStatus.BAD_REQUEST, "the body is no UTF-8 text") from None
        except OrderError as error:
            raise Reply(HTTPStatus.BAD_REQUEST, str(error)) from None
        if verdict is Verdict.UNVERIFIED and not unverified:
            raise Reply(
                HTTPStatus.BAD_REQUEST,
                f"the signature is not of {signed.order.maker}'s key for this engine and chain; "
                "sign the order again. For a smart wallet's (ERC-1271) or an operator's signature "
                "post to /orders?unverified=1",
            )
        order = signed.order
        digest = order.digest(self.domain)
        answer = {"hash": "0x" + digest.hex(), "verified": verdict is Verdict.VERIFIED}
        with self._lock:
            known = self._items.get(digest)
            if known and (known.verdict is verdict or known.verdict is Verdict.VERIFIED):
                # no token: an order is public, and only who brought it may take it back
                return HTTPStatus.OK, {**answer, "known": True}
            self._sweep_if_full(order.account, verdict)
            if known:  # a verified signature takes the place of one that is not
                self._drop(digest)
            path, _ = self.store.add(signed)
            self._keep(digest, _Item(signed, path.stat().st_mtime_ns, verdict, path))
        return HTTPStatus.CREATED, {**answer, "known": False, "token": self._token(digest)}

    def _sweep_if_full(self, account: int, verdict: Verdict) -> None:
        most = (
            self.limits.per_account
            if verdict is Verdict.VERIFIED
            else self.limits.unverified_per_account
        )
        for last in (False, True):
            full = self._places[account, verdict] >= most
            crowded = len(self._items) >= self.limits.total
            doubtful = verdict is Verdict.UNVERIFIED and self._unverified >= self.limits.unverified
            if not (full or crowded or doubtful):
                return
            if not last:
                self._sweep()
            elif full:
                raise Reply(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"the account has {most} {verdict} orders here already; take some back first",
                )
            else:
                raise Reply(HTTPStatus.TOO_MANY_REQUESTS, "the board is full; try again later")

    def get(self, query: dict[str, str]) -> dict[str, Any]:
        """Return a page of orders. Raises Reply for a query that makes no sense."""
        market, account = _number(query, "market"), _number(query, "account")
        limit = min(_number(query, "limit") or _PAGE, _PAGE)
        offset = _number(query, "offset") or 0
        with self._lock:
            if offset == 0:
                self._sweep()
            chosen = [
                (digest, item)
                for digest, item in self._items.items()
                if market in (None, item.signed.order.market)
                and account in (None, item.signed.order.account)
            ]
        page = chosen[offset : offset + limit]
        more = offset + limit < len(chosen)
        return {
            "orders": [_shown(digest, item) for digest, item in page],
            "total": len(chosen),
            "next": offset + limit if more else None,
        }

    def get_one(self, digest: bytes) -> dict[str, Any]:
        """Return one order. Raises Reply when it is not here."""
        item = self._items.get(digest)
        if item is None:
            raise Reply(HTTPStatus.NOT_FOUND, "no such order here")
        return _shown(digest, item)

    def delete(self, digest: bytes, token: str | None, body: bytes) -> dict[str, Any]:
        """Drop an order for who posted or signed it. Raises Reply."""
        item = self._items.get(digest)
        if item is None:
            raise Reply(HTTPStatus.NOT_FOUND, "no such order here")
        allowed = token is not None and hmac.compare_digest(
            token.encode(), self._token(digest).encode()
        )
        if not allowed and body:
            try:
                signature = bytes.fromhex(json.loads(body)["signature"].removeprefix("0x"))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise Reply(
                    HTTPStatus.BAD_REQUEST, 'the body is not {"signature": "0x..."}'
                ) from None
            allowed = withdrawal_signer(digest, signature) == item.signed.order.maker
        if not allowed:
            raise Reply(
                HTTPStatus.FORBIDDEN,
                "take it back with the token that posting it gave, or with the owner's signature",
            )
        with self._lock:
            if digest in self._items:
                self._drop(digest)
        return {"hash": "0x" + digest.hex(), "removed": True}

    def _token(self, digest: bytes) -> str:
        return hmac.new(self._secret, digest, hashlib.sha256).hexdigest()


def _shown(digest: bytes, item: _Item) -> dict[str, Any]:
    return {
        "hash": "0x" + digest.hex(),
        "received": str(item.received),
        "verified": item.verdict is Verdict.VERIFIED,
        **item.signed.to_dict(),
    }


def _secret(folder: Path) -> bytes:
    """Return the key that tokens are made with; it is kept with the orders."""
    path = folder / _SECRET
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
    secret = path.read_bytes()
    if len(secret) != 32:
        raise BoardError(f"{_SECRET} in the store is damaged; delete it, old tokens end with it")
    return secret


def _number(query: dict[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        value = int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise Reply(HTTPStatus.BAD_REQUEST, f"{name} is no number: {text[:80]!r}")
    return value


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    """One connection. `board` is set on a subclass."""

    board: Board
    timeout = _SOCKET_TIMEOUT
    protocol_version = "HTTP/1.1"
    server_version = "plimsoll"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer GET."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Answer POST."""
        self._answer(self._post)

    def do_DELETE(self) -> None:
        """Answer DELETE."""
        self._answer(self._delete)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the base class's name
        """Keep quiet: what matters is answered."""

    def _get(self, path: str, query: dict[str, str]) -> tuple[HTTPStatus, dict[str, Any]]:
        if path == "/health":
            return HTTPStatus.OK, {"orders": len(self.board)}
        if path == "/orders":
            return HTTPStatus.OK, self.board.get(query)
        return HTTPStatus.OK, self.board.get_one(_digest(path))

    def _post(self, path: str, query: dict[str, str]) -> tuple[HTTPStatus, dict[str, Any]]:
        if path != "/orders":
            raise Reply(HTTPStatus.NOT_FOUND, "post to /orders")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind != "application/json":
            raise Reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")
        return self.board.post(self._body(), query.get("unverified") == "1")

    def _delete(self, path: str, query: dict[str, str]) -> tuple[HTTPStatus, dict[str, Any]]:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        digest = _digest(path)
        body = self._body() if self.headers.get("Content-Length") else b""
        return HTTPStatus.OK, self.board.delete(
            digest, token.strip() if scheme.lower() == "bearer" else None, body
        )

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdecimal():
            self.close_connection = True
            raise Reply(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length")
        if int(length) > self.board.limits.body:
            self.close_connection = True
            raise Reply(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"an order is at most {self.board.limits.body:,} bytes",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            raise Reply(HTTPStatus.BAD_REQUEST, "the body ended early")
        return body

    def _answer(
        self, work: Callable[[str, dict[str, str]], tuple[HTTPStatus, dict[str, Any]]]
    ) -> None:
        try:
            self._check_host()
            parts = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(parts.query, max_num_fields=16))
            status, content = work(parts.path.rstrip("/"), query)
        except Reply as reply:
            status, content = reply.status, {"error": str(reply)}
        except ValueError as error:
            status, content = HTTPStatus.BAD_REQUEST, {"error": f"malformed request: {error}"}
        except TimeoutError:
            self.close_connection = True
            return
        except OSError as error:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            content = {"error": f"the store cannot be written: {error.strerror}"}
        if status >= HTTPStatus.BAD_REQUEST:
            self.close_connection = True  # what is left of the body is not read
        raw = json.dumps(content).encode()
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("X-Content-Type-Options", "nosniff")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(raw)

    def _check_host(self) -> None:
        if not self.board.local_only:
            return
        host = urllib.parse.urlsplit("//" + self.headers.get("Host", "")).hostname
        if not host or not is_loopback(host):
            raise Reply(HTTPStatus.FORBIDDEN, "this board answers to loopback names only")


def _digest(path: str) -> bytes:
    head, _, text = path.rpartition("/")
    try:
        digest = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        digest = b""
    if head != "/orders" or len(digest) != 32:
        raise Reply(HTTPStatus.NOT_FOUND, "there is /orders, /orders/HASH and /health")
    return digest
