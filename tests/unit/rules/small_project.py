"""The files of a project in small, and patches on its contract."""

import textwrap

CONTRACT = """\
# pragma version 0.4.3

total: public(uint256)


@external
def add(amount: uint256):
    self._add(amount)


@internal
def _add(amount: uint256):
    assert amount != 0, "box: nothing to add"
    self.total += amount
"""

TESTS = """\
import os
from pathlib import Path

import pytest
from plimsoll.evm import Chain, Revert, load

OWN = Path(__file__).parents[1] / "contracts"


def make():
    patched = "PLIMSOLL_CONTRACTS" in os.environ
    return Chain().deploy(load("Box", contracts_dir=None if patched else OWN))


def test_value():
    box = make()
    box.add(2)
    assert box.total() == 2


def test_asleep():
    make()


def test_broken():
    assert make().total() == 1
"""

#: the ways in which a test can end
ENDINGS = """\
import pytest
from plimsoll.evm import CallFailed, Revert


def revert():
    raise Revert("Box", "add", b"", 0)


@pytest.fixture
def broken_before():
    assert False


@pytest.fixture
def broken_after():
    yield
    assert False


def test_passes(): ...


def test_asserts():
    assert 1 + 1 == 3, "told"


@pytest.mark.parametrize("ends", [True, False])
def test_misses_a_refusal(ends):
    with pytest.raises(Revert):
        if ends:
            revert()


def test_meets_a_refusal():
    revert()


def test_asserts_and_is_broken_after(broken_after):
    assert 1 == 2


def test_broken_before(broken_before): ...


def test_broken_after(broken_after): ...


def test_no_such_fixture(nothing): ...


def test_otherwise():
    {}["key"]


def test_halts():
    raise CallFailed("told", contract="Box", function="add", gas_used=0)


def test_skipped():
    pytest.skip("no node")
"""

#: old and new line of a patch
ADD = ("    self.total += amount", "    self.total += 1")
VIEW = ("    self._add(amount)", "    self._add(amount + 0)")


def patch_of(old: str, new: str, root: str = "Box") -> str:
    """A patch that changes one line of the contract."""
    lines = CONTRACT.splitlines()
    at = lines.index(old) if old in lines else 1
    # git wants what follows, unless the file ends there
    length = 3 if at + 1 < len(lines) else 2
    head = textwrap.dedent(f"""\
        Changes a line.
        Roots: {root}

        --- a/contracts/Box.vy
        +++ b/contracts/Box.vy
        @@ -{at},{length} +{at},{length} @@
        """)
    below = f" {lines[at + 1]}\n" if length == 3 else ""
    return f"{head} {lines[at - 1]}\n-{old}\n+{new}\n{below}"
