"""A project in small: a specification with a table, contracts, tests, patches."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import CONTRACT, TESTS, patch_of


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project, with an empty table and no patches."""
    for folder in ("contracts", "tests/rules", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "contracts" / "Box.vy").write_text(CONTRACT)
    (tmp_path / "tests" / "test_box.py").write_text(TESTS)
    # ape's plugin starts a node
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:ape_test\n")
    (tmp_path / "docs" / "SPEC.md").write_text("## 11. Where each rule is held\n\n")
    return tmp_path


@pytest.fixture
def add_rule(project: Path) -> Callable[..., None]:
    """Write a row of the table and, given the lines that it changes, its patch."""

    def add(
        rule: str,
        test: str,
        change: tuple[str, str] | None = None,
        *,
        function: str = "_add",
        root: str = "Box",
    ) -> None:
        with (project / "docs" / "SPEC.md").open("a") as page:
            page.write(f"| {rule} | `Box.vy` `{function}` | `{test}` |\n")
        if change is not None:
            patch = project / "tests" / "rules" / f"{rule}.patch"
            patch.write_text(patch_of(*change, root=root))

    return add
