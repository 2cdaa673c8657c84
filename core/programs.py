"""Programs of the system: where they are looked for, and what they are told of our surroundings.

As root nothing that a user sets decides which program runs, or what it reads: PATH and the like
come along with sudo -E and su.
"""

from __future__ import annotations

import os
import shutil

#: Folders that only root writes to, in this order; the last is NixOS'.
FOLDERS = (
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/run/current-system/sw/bin",
)
_KEPT = ("LANG", "LANGUAGE", "TERM", "TZ")
_KEPT_AS_USER = ("HOME", "LOGNAME", "TMPDIR", "USER", "XDG_RUNTIME_DIR")


def find_program(name: str) -> str | None:
    """Return the path of a program, None where it is not installed.

    Root's are looked for in FOLDERS only, a user's where PATH leads too.
    """
    folders = list(FOLDERS)
    if os.geteuid() != 0:
        folders = [*filter(os.path.isabs, os.environ.get("PATH", "").split(":")), *folders]
    return shutil.which(name, path=":".join(folders))


def environment() -> dict[str, str]:
    """Return the environment of programs that we run."""
    kept = _KEPT if os.geteuid() == 0 else (*_KEPT, *_KEPT_AS_USER)
    found = {name: os.environ[name] for name in kept if name in os.environ}
    found |= {name: text for name, text in os.environ.items() if name.startswith("LC_")}
    return {**found, "PATH": ":".join(FOLDERS)}
