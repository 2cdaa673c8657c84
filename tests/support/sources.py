"""The files of the source tree, as they stand."""

from __future__ import annotations

import os
import subprocess

from support.tools import ROOT

_MADE = frozenset((".git", ".venv", ".cache", "build", "dist", "__pycache__"))


def source_files() -> set[str]:
    """Return the paths of what git knows below the tree; without git, of what nothing here made."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others"]
    done = subprocess.run([*command, "--exclude-standard"], capture_output=True, check=False)
    if done.returncode == 0:  # a repository, and this user's
        names = filter(None, os.fsdecode(done.stdout).split("\0"))
        return {name for name in names if (ROOT / name).is_file()}
    found = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _MADE and "_cache" not in name]
        found |= {os.path.relpath(os.path.join(folder, name), ROOT) for name in files}
    return found
