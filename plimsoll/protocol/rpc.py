"""JSON-RPC to a node of this machine: one connection that stays open, many requests in a post.

For local nodes, where a request costs less than the machinery that web3 puts around it.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from plimsoll.protocol.errors import BackendError

#: requests in a post, and how long an answer may take, seconds
_BATCH = 200
_TIMEOUT = 60.0

Request = tuple[str, Sequence[Any]]


class RpcError(BackendError):
    """The node refused a request; `told` is what it said, `data` a revert's, where it has some."""

    def __init__(self, method: str, error: Any) -> None:
        fields = error if isinstance(error, dict) else {}
        self.told = str(fields.get("message", error))
        data = fields.get("data")
        self.data = bytes.fromhex(data[2:]) if isinstance(data, str) else b""
        super().__init__(f"the node refused {method}: {self.told}")


class Rpc:
    """A node behind an `http://` address."""

    def __init__(self, url: str, *, timeout: float = _TIMEOUT) -> None:
        """Connect with the first request. Raises ValueError for another kind of address."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is not http://HOST:PORT")
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port or 80, timeout=timeout
        )
        self._path = parts.path or "/"

    def __call__(self, method: str, *params: Any) -> Any:
        """Return the result of one request. Raises RpcError, or BackendError without an answer."""
        return self.many([(method, params)])[0]

    def many(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results, in order. Raises the first RpcError, or BackendError."""
        found = self.answers(requests)
        for answer in found:
            if isinstance(answer, RpcError):
                raise answer
        return found

    def answers(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results in order, in the place of a refused one its RpcError.

        Raises BackendError when the node does not answer.
        """
        found: list[Any] = []
        for at in range(0, len(requests), _BATCH):
            found += self._post(requests[at : at + _BATCH])
        return found

    def _post(self, requests: Sequence[Request]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
            for number, (method, params) in enumerate(requests)
        ]
        try:
            self._connection.request(
                "POST", self._path, json.dumps(body), {"Content-Type": "application/json"}
            )
            answers = json.loads(self._connection.getresponse().read())
            by_id = {int(answer["id"]): answer for answer in answers}
            return [
                RpcError(method, by_id[number]["error"])
                if "error" in by_id[number]
                else by_id[number]["result"]
                for number, (method, _) in enumerate(requests)
            ]
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            self._connection.close()  # the next request connects anew
            raise BackendError(
                f"the node does not answer {requests[0][0]}: {error or type(error).__name__}; see "
                "whether it still runs"
            ) from error

    def close(self) -> None:
        """Close the connection; another request opens it again."""
        self._connection.close()
