"""The folder of signed orders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plimsoll.orders import OrderStore, StoreError, Verdict, check, signed_by
from plimsoll.orders.store import MAX_BYTES
from plimsoll.protocol.errors import OrderError
from plimsoll.protocol.orders import Domain, SignedOrder


def test_add_read_remove(tmp_path: Path, make, domain: Domain) -> None:
    store = OrderStore(tmp_path / "orders", domain, create=True)
    signed = make()
    path, new = store.add(signed)
    assert new
    assert path.name == signed.order.digest(domain).hex() + ".json"
    assert store.add(signed) == (path, False)
    assert [item.signed for item in store.read()[0]] == [signed]
    assert store.remove(signed.order.digest(domain))
    assert not store.remove(signed.order.digest(domain))
    assert store.read() == ([], [])
    assert list(store.folder.iterdir()) == []


def test_no_folder(tmp_path: Path, domain: Domain) -> None:
    with pytest.raises(StoreError, match="no such folder"):
        OrderStore(tmp_path / "nowhere", domain)


def test_junk_is_named_and_skipped(tmp_path: Path, make, domain: Domain) -> None:
    store = OrderStore(tmp_path, domain)
    good, _ = store.add(make())
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "deep.json").write_text("[" * 10_000)
    (tmp_path / "long.json").write_text(" " * (MAX_BYTES + 1))
    (tmp_path / "fields.json").write_text('{"order": {"size": "1"}, "signature": "0x"}')
    (tmp_path / "half.json").write_text(good.read_text()[:200])
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / ".hidden.json").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    found, problems = store.read()
    assert len(found) == 1
    told = {problem.name: problem.reason for problem in problems}
    assert set(told) == {
        f"{name}.json" for name in ("empty", "binary", "list", "deep", "long", "fields", "half")
    }
    assert "16,384" in told["long.json"]
    assert "lacks account" in told["fields.json"]


def test_a_file_with_any_name_counts(tmp_path: Path, make, domain: Domain) -> None:
    signed = make()
    (tmp_path / "from-a-friend.json").write_text(signed.to_json())
    assert [item.signed for item in OrderStore(tmp_path, domain).read()[0]] == [signed]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path, make, domain: Domain) -> None:
    store = OrderStore(tmp_path, domain)
    path, _ = store.add(make())
    path.chmod(0)
    assert "cannot be read" in store.read()[1][0].reason


def test_whose_key_signed(make, maker, stranger, domain: Domain) -> None:
    assert signed_by(make(), domain) is Verdict.VERIFIED
    assert signed_by(make(key=stranger), domain) is Verdict.UNVERIFIED
    other = Domain(domain.chain_id + 1, domain.engine)
    assert signed_by(make(), other) is Verdict.UNVERIFIED
    assert signed_by(SignedOrder(make().order, b""), domain) is Verdict.UNVERIFIED


def test_check_refuses_what_can_never_be_filled(make, domain: Domain) -> None:
    with pytest.raises(OrderError, match="has expired"):
        check(make(expiry=99), domain, 100)
    assert check(make(expiry=100), domain, 100) is Verdict.VERIFIED
    assert check(make(expiry=99), domain, None) is Verdict.VERIFIED
    with pytest.raises(OrderError, match="house account"):
        check(make(account=1), domain, 0)
