"""Files written for a test, and what the simulated kernel wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def put(root: Path, name: str, content: bytes | str = b"") -> Path:
    """Write a file below `root`, with the folders above it, and return its path."""
    path = root / name.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def loaded(root: Path) -> str:
    """Return what /sys/kernel/kexec_loaded says: "1" where a kernel is staged."""
    return (root / "sys/kernel/kexec_loaded").read_text().strip()


def held(root: Path) -> dict[str, Any]:
    """Return what the simulated kernel was given and would start."""
    record = json.loads((root / ".warmboot-kernel/staged.json").read_text())
    assert isinstance(record, dict)
    return record
