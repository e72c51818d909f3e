"""The board over loopback: what it takes, what it refuses, and that it stays up."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_defunct

from plimsoll.orders import Board, BoardError, OrderBook
from plimsoll.orders.board import Limits
from plimsoll.orders.store import withdrawal_text
from plimsoll.protocol.orders import Domain, SignedOrder

JSON = {"Content-Type": "application/json"}
Answer = tuple[int, dict[str, Any]]


class Client:
    """Plain HTTP to a board."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        host, port = self.board.address
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def post(self, signed: SignedOrder | str | bytes, query: str = "") -> Answer:
        body = signed.to_json() if isinstance(signed, SignedOrder) else signed
        return self.ask("POST", "/orders" + query, body, **JSON)

    def get(self, query: str = "") -> Answer:
        return self.ask("GET", "/orders" + query)

    def raw(self, text: bytes) -> bytes:
        with socket.create_connection(self.board.address, timeout=5) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(65_536)


@pytest.fixture
def clock() -> list[int]:
    return [1_000]


@pytest.fixture
def board(tmp_path: Path, domain: Domain, clock: list[int]) -> Iterator[Board]:
    limits = Limits(per_account=6, unverified_per_account=2, unverified=4, total=10)
    with Board(tmp_path / "orders", domain, limits=limits, clock=lambda: clock[0]) as running:
        yield running


@pytest.fixture
def client(board: Board) -> Client:
    return Client(board)


# ---- taking and giving ---------------------------------------------------------------------------


def test_post_and_get(client: Client, make, domain: Domain) -> None:
    signed = make(market=2)
    status, told = client.post(signed)
    digest = "0x" + signed.order.digest(domain).hex()
    assert status == 201
    assert (told["hash"], told["verified"], told["known"]) == (digest, True, False)
    status, page = client.get()
    assert (status, page["total"], page["next"]) == (200, 1, None)
    shown = page["orders"][0]
    assert shown["hash"] == digest
    back = SignedOrder.from_dict({"order": shown["order"], "signature": shown["signature"]})
    assert back == signed
    assert client.ask("GET", f"/orders/{digest}")[1]["hash"] == digest
    assert client.ask("GET", "/health") == (200, {"orders": 1})


def test_filters_and_pages(client: Client, make, stranger) -> None:
    orders = [make(market=m) for m in (0, 0, 1)] + [make(by=stranger, market=1)]
    for signed in orders:
        client.post(signed)
    assert client.get("?market=0")[1]["total"] == 2
    account = orders[3].order.account
    assert client.get(f"?account={account}")[1]["total"] == 1
    assert client.get(f"?account={account:#x}&market=0")[1]["total"] == 0
    first = client.get("?limit=3")[1]
    assert (len(first["orders"]), first["next"]) == (3, 3)
    assert len(client.get("?limit=3&offset=3")[1]["orders"]) == 1
    assert client.get("?market=x")[0] == 400
    assert client.get("?market=-1")[0] == 400


def test_posting_twice_gives_no_second_token(client: Client, make) -> None:
    signed = make()
    assert "token" in client.post(signed)[1]
    status, told = client.post(signed)
    assert (status, told["known"]) == (200, True)
    assert "token" not in told


def test_one_connection_serves_many_requests(client: Client, make) -> None:
    host, port = client.board.address
    connection = http.client.HTTPConnection(host, port, timeout=5)
    for _ in range(3):
        connection.request("POST", "/orders", make().to_json(), JSON)
        answer = connection.getresponse()
        assert answer.status == 201
        answer.read()
    connection.close()


# ---- taking back ---------------------------------------------------------------------------------


def test_delete_with_the_token(client: Client, make) -> None:
    told = client.post(make())[1]
    path = f"/orders/{told['hash']}"
    assert client.ask("DELETE", path)[0] == 403
    assert client.ask("DELETE", path, Authorization="Bearer wrong")[0] == 403
    assert client.ask("DELETE", path, Authorization="Bearer ä".encode().decode("latin1"))[0] == 403
    assert client.ask("DELETE", path, Authorization=f"Bearer {told['token']}")[0] == 200
    assert client.ask("DELETE", path)[0] == 404
    assert client.get()[1]["total"] == 0


def test_delete_with_the_owners_signature(client: Client, make, maker, stranger, domain) -> None:
    signed = make()
    path = f"/orders/{client.post(signed)[1]['hash']}"
    message = encode_defunct(text=withdrawal_text(signed.order.digest(domain)))
    for who, status in ((stranger, 403), (maker, 200)):
        signature = "0x" + bytes(who.key.sign_message(message).signature).hex()
        assert client.ask("DELETE", path, json.dumps({"signature": signature}))[0] == status


@pytest.mark.parametrize("body", ["", "{", "[]", '{"signature": 5}', '{"signature": "0xzz"}'])
def test_delete_with_nonsense(client: Client, make, body: str) -> None:
    path = f"/orders/{client.post(make())[1]['hash']}"
    assert client.ask("DELETE", path, body)[0] in (400, 403)
    assert client.get()[1]["total"] == 1


# ---- refusing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "signed order is an object"),
        ("null", "signed order is an object"),
        ('{"order": {}, "signature": "0x"}', "lacks account"),
        ('{"order": {"acount": 1}, "signature": "0x"}', "no field acount"),
        (b"\xff\xff", "no UTF-8"),
        ("[" * 8_000, "nested too deeply"),
        ("[" * 4_000 + "]" * 4_000, "nested too deeply"),
        ("9" * 8_000, "no JSON"),
    ],
    ids=lambda value: value[:12] if len(value) > 99 else None,
)
def test_malformed_posts(client: Client, body: str | bytes, words: str) -> None:
    status, told = client.post(body)
    assert status == 400
    assert words in told["error"]


@pytest.mark.parametrize("field", ["account", "market", "size", "price", "expiry", "salt"])
def test_malformed_fields(client: Client, make, field: str) -> None:
    for value in (1.5, "1e3", None, [], True, "0x1", str(2**256), "-" * 9, ""):
        data = make().to_dict()
        data["order"][field] = value
        status, told = client.post(json.dumps(data))
        assert status == 400
        assert field in told["error"]


def test_a_wrong_signature(client: Client, make, stranger) -> None:
    status, told = client.post(make(key=stranger))
    assert status == 400
    assert "unverified=1" in told["error"]
    changed = make().to_dict()
    changed["order"]["price"] = "1"
    assert client.post(json.dumps(changed))[0] == 400


def test_unverified_on_purpose(client: Client, make, stranger) -> None:
    status, told = client.post(make(key=stranger), "?unverified=1")
    assert (status, told["verified"]) == (201, False)
    assert client.get()[1]["orders"][0]["verified"] is False


def test_a_verified_signature_replaces_one_that_is_not(client: Client, make, stranger) -> None:
    signed = make()
    client.post(SignedOrder(signed.order, make(key=stranger).signature), "?unverified=1")
    assert client.post(signed)[0] == 201
    page = client.get()[1]
    assert [row["verified"] for row in page["orders"]] == [True]
    assert page["orders"][0]["signature"] == signed.to_dict()["signature"]


def test_an_expired_order(client: Client, make, clock: list[int]) -> None:
    assert client.post(make(expiry=999))[0] == 400
    assert client.post(make(expiry=1_000))[0] == 201
    clock[0] = 1_001
    assert client.get()[1]["total"] == 0


def test_too_many_of_one_account(client: Client, make, stranger, clock: list[int]) -> None:
    for _ in range(6):
        assert client.post(make(expiry=1_005))[0] == 201
    status, told = client.post(make())
    assert status == 429
    assert "take some back" in told["error"]
    assert client.post(make(by=stranger))[0] == 201
    clock[0] = 1_006  # those have expired: there is room again
    assert client.post(make())[0] == 201


def test_unverified_orders_use_up_no_places(client: Client, make, maker, stranger) -> None:
    found = [client.post(make(key=stranger), "?unverified=1")[0] for _ in range(4)]
    assert found == [201, 201, 429, 429]
    assert [client.post(make())[0] for _ in range(6)] == [201] * 6


def test_a_full_board(client: Client, make, people) -> None:
    for n in range(10):
        assert client.post(make(by=people.account(n)))[0] == 201
    status, told = client.post(make())
    assert (status, told["error"]) == (429, "the board is full; try again later")


def test_huge_posts_are_not_read(client: Client) -> None:
    head = b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = client.raw(head + b"Content-Length: 99999999999\r\n\r\n{")
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b" 411 " in client.raw(head + b"\r\n")
    assert b" 411 " in client.raw(head + b"Content-Length: -5\r\n\r\n")
    assert b" 411 " in client.raw(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert b" 400 " in client.raw(head + b"Content-Length: 50\r\n\r\n{")
    assert client.get()[0] == 200


def test_other_paths_and_methods(client: Client) -> None:
    assert client.ask("GET", "/")[0] == 404
    assert client.ask("GET", "/orders/0x12")[0] == 404
    assert client.ask("GET", "/orders/" + "0" * 64)[0] == 404
    assert client.ask("POST", "/elsewhere", "{}", **JSON)[0] == 404
    assert b" 501 " in client.raw(b"PUT /orders HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b" 400 " in client.raw(b"nonsense\r\n\r\n")


def test_browsers_do_not_get_through(client: Client, make) -> None:
    body = make().to_json()
    assert client.ask("POST", "/orders", body, **{"Content-Type": "text/plain"})[0] == 415
    assert client.ask("GET", "/orders", Host="attacker.example")[0] == 403
    assert client.ask("GET", "/orders", Host="127.0.0.1:80")[0] == 200
    assert client.ask("GET", "/orders", Host="[::1]:80")[0] == 200


def test_hosts(tmp_path: Path, domain: Domain) -> None:
    with pytest.raises(BoardError, match="reached from other machines"):
        Board(tmp_path, domain, host="0.0.0.0")
    Board(tmp_path, domain, host="0.0.0.0", allow_remote=True).stop()


def test_a_port_that_is_taken(board: Board, tmp_path: Path, domain: Domain) -> None:
    with pytest.raises(BoardError, match="choose another"):
        Board(tmp_path, domain, port=board.address[1])


# ---- many at once, restarts, the folder ----------------------------------------------------------


def test_concurrent_posts(tmp_path: Path, domain: Domain, make, people) -> None:
    orders = [make(by=people.account(n % 4)) for n in range(60)]
    with Board(tmp_path, domain, limits=Limits(per_account=10)) as board:
        client = Client(board)
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(client.post, [*orders, *orders]))
        statuses = [status for status, _ in found]
        # ten places for each of four accounts; what came twice is known or refused again
        assert statuses.count(201) == 40
        assert set(statuses) <= {200, 201, 429}
        assert client.get()[1]["total"] == 40
        assert len(list(tmp_path.glob("*.json"))) == 40
        assert not list(tmp_path.glob(".tmp*"))


def test_a_restart_keeps_orders_and_tokens(tmp_path: Path, domain: Domain, make) -> None:
    with Board(tmp_path, domain) as board:
        first = Client(board).post(make())[1]
        Client(board).post(make())
    (tmp_path / "junk.json").write_text("junk")
    with Board(tmp_path, domain) as board:
        client = Client(board)
        assert client.get()[1]["total"] == 2
        assert [p.name for p in board.problems] == ["junk.json"]
        path = f"/orders/{first['hash']}"
        assert client.ask("DELETE", path, Authorization=f"Bearer {first['token']}")[0] == 200
    assert (tmp_path / ".board-secret").stat().st_mode & 0o077 == 0


def test_what_is_deleted_from_the_folder_is_gone(board: Board, client: Client, make) -> None:
    client.post(make())
    for file in board.store.folder.glob("*.json"):
        file.unlink()
    assert client.get()[1]["total"] == 0


def test_a_book_reads_a_board(board: Board, client: Client, make, domain: Domain) -> None:
    orders = [make() for _ in range(5)]
    for signed in orders:
        client.post(signed)
    book = OrderBook(board.url, domain)
    book.refresh()
    assert [offer.signed for offer in book.offers(0, True, 0, per_maker=9)] == orders


def test_a_book_does_not_trust_a_board(
    client: Client, make, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = make()
    client.post(signed)
    good = client.get()[1]["orders"][0]
    rows = [good, {"hash": "0x1"}, 5, {**good, "order": {}}, {**good, "received": "soon"}]
    monkeypatch.setattr(
        client.board, "get", lambda query: {"orders": rows, "total": 5, "next": None}
    )
    book = OrderBook(client.board.url, domain)
    book.refresh()
    assert len(book) == 1
    assert len(book.problems) == 4
