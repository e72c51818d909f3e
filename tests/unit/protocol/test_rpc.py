"""JSON-RPC in batches: order, refusals, and a node that is not there or talks nonsense."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from plimsoll.protocol.errors import BackendError
from plimsoll.protocol.rpc import Rpc, RpcError


class Node(HTTPServer):
    """Answers `double` with twice its number, backwards as a node may; refuses all else."""

    posts: list[int]
    says: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Node

    def do_POST(self) -> None:
        requests = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posts.append(len(requests))
        answers = [{"jsonrpc": "2.0", "id": one["id"], **self.answer(one)} for one in requests]
        text = self.server.says or json.dumps(answers[::-1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "double":
            return {"result": 2 * request["params"][0]}
        return {"error": {"code": 3, "message": f"no {request['method']} here"}}

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node(("127.0.0.1", 0), Handler)
    node.posts = []
    thread = threading.Thread(target=node.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield node
    node.shutdown()
    thread.join()
    node.server_close()


@pytest.fixture
def rpc(node: Node) -> Iterator[Rpc]:
    rpc = Rpc(node.url, timeout=5)
    yield rpc
    rpc.close()


def test_many_keeps_the_order_and_splits_long_posts(node: Node, rpc: Rpc) -> None:
    assert rpc.many([("double", [number]) for number in range(450)]) == list(range(0, 900, 2))
    assert node.posts == [200, 200, 50]
    assert rpc.many([]) == []
    assert rpc("double", 21) == 42


def test_a_refusal_says_what_the_node_said(rpc: Rpc) -> None:
    with pytest.raises(RpcError, match="refused eth_nothing: no eth_nothing here") as caught:
        rpc("eth_nothing")
    assert caught.value.told == "no eth_nothing here"
    with pytest.raises(RpcError, match="no second here"):
        rpc.many([("double", [1]), ("second", []), ("third", [])])


def test_answers_has_a_refusal_in_its_place(rpc: Rpc) -> None:
    first, second, third = rpc.answers([("double", [1]), ("no", []), ("double", [3])])
    assert (first, third) == (2, 6)
    assert isinstance(second, RpcError)


@pytest.mark.parametrize("nonsense", ["<html>", "{}", "[]", "[1]", '[{"id": 0}]', '{"error": {}}'])
def test_nonsense_is_no_answer_and_the_next_request_is_made_anew(
    node: Node, rpc: Rpc, nonsense: str
) -> None:
    node.says = nonsense
    with pytest.raises(BackendError, match="does not answer double") as caught:
        rpc("double", 1)
    assert not isinstance(caught.value, RpcError)
    node.says = None
    assert rpc("double", 1) == 2


def test_nobody_there(node: Node) -> None:
    with Node(("127.0.0.1", 0), Handler) as other:
        url = other.url
    with pytest.raises(BackendError, match="does not answer double"):
        Rpc(url, timeout=5)("double", 1)


@pytest.mark.parametrize("url", ["https://node.example", "127.0.0.1:8545", "auto", "ws://a:1", ""])
def test_reverts_another_kind_of_address(url: str) -> None:
    with pytest.raises(ValueError, match="is not http://"):
        Rpc(url)
