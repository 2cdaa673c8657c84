"""Programs that a test runs, and the folders it reads from."""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests/data"


def needs_tool(name: str) -> str:
    """Return the path of a program; skip the test, naming it, where the machine has none."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs the program {name}")
    return path


def needs_gnu_c_library() -> ctypes.CDLL:
    """Return the C library where it is GNU's; elsewhere a test is skipped, in CI it fails."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        pytest.skip("needs the GNU C library")
    return library
