"""A patch on contracts/, applied to a copy of them.

The head of a patch says what the patch does, and in a line `Roots: A, B` which contracts are built
with it; all other contracts of a test stay the project's own. Storage layouts must not change.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from plimsoll.evm.artifacts import roots
from plimsoll.rules.table import PROJECT, RulesError


class PatchError(RulesError):
    """A patch cannot be used. The message says why and how to make it anew."""


def roots_of(patch: Path) -> list[str]:
    """Return the roots that the head of a patch names. Raises PatchError without them."""
    found = re.search(r"^Roots: (.+)$", patch.read_text(), re.MULTILINE)
    if found is None:
        raise PatchError(f"{patch.name} has no line `Roots:` that names what is built with it")
    return found[1].split(", ")


def plant(patch: Path, folder: Path, project: Path = PROJECT) -> Path:
    """Copy contracts/ into `folder`, apply a patch, keep of the roots only those it names.

    Returns the copy. Raises PatchError when the patch does not apply, or names a root that there
    is not.
    """
    contracts = folder / "contracts"
    shutil.copytree(project / "contracts", contracts)
    done = subprocess.run(
        ["git", "apply", "--verbose", str(patch.resolve())],
        cwd=folder,
        # a repository around the folder would make git look for the files there
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "Applied patch" not in done.stderr:
        raise PatchError(
            f"{patch.name} does not apply. Make it anew: keep its head, do the change that the "
            f"head describes in contracts/, put the output of `git diff contracts` below the head "
            f"and take the change back with `git checkout contracts`. git says:\n"
            f"{done.stderr.strip()}"
        )
    known = roots(contracts)
    wanted = roots_of(patch)
    if missing := sorted(set(wanted) - set(known)):
        raise PatchError(f"{patch.name} names roots that there are not: {', '.join(missing)}")
    for name in set(known) - set(wanted):
        known[name].unlink()
    return contracts


def function_text(file: Path, function: str) -> str:
    """Return the source of a function, decorators aside. Raises RulesError when it has none."""
    text = file.read_text()
    found = re.search(rf"^def {function}\(.*?(?=^[@#\w]|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise RulesError(f"{file.name} has no function {function}")
    return found[0].strip()
