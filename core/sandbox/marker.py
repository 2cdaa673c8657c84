"""The file that makes a directory a sandbox: a simulated machine, not a real system."""

from __future__ import annotations

import json
from pathlib import Path

MARKER = ".warmboot-sandbox"
_VERSION = 1


def is_sandbox(path: Path) -> bool:
    """Whether `path` holds a simulated machine. The root of the file system never does."""
    if path.resolve() == Path("/"):
        return False
    try:
        content = json.loads((path / MARKER).read_bytes()[:4096])
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("warmboot-sandbox") == _VERSION


def write_marker(path: Path) -> None:
    """Make `path` a sandbox."""
    text = json.dumps({"warmboot-sandbox": _VERSION, "note": "simulated machine; safe to delete"})
    (path / MARKER).write_text(text + "\n")
