"""The list is the one that systemd makes of the same files: ids, order, default, command lines."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from warmboot.core.boot.entry import Kind
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.root import BootRoot

from .bootctl import listed
from .loader_trees import Tree

pytestmark = pytest.mark.timeout(600)  # seconds, downloads included

TREES = 300


class Line(NamedTuple):
    """What both say of an entry."""

    id: str
    title: str
    version: str | None
    sort_key: str | None
    profile: int
    cmdline: tuple[str, ...]
    default: bool


@pytest.fixture
def other_file_system() -> Iterator[Path]:
    """A folder on another file system than the one that tests write to."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def words(line: str) -> tuple[str, ...]:
    """The words of a command line; bootctl reads add-ons as the folder has them, not by name."""
    found = line.split()
    added = [word for word in found if word.startswith("addon=")]
    return (*(word for word in found if word not in added), *sorted(added))


def systemd(entries: list[dict[str, Any]]) -> list[Line]:
    """What systemd says."""
    found = []
    for entry in entries:
        # Its command line of a type 1 entry has the add-ons in it, which only a UKI's stub reads.
        line = entry.get("cmdline" if entry["type"] == "type2" else "options") or ""
        found.append(
            Line(
                entry["id"],
                entry.get("title") or entry["id"],
                entry.get("version"),
                entry.get("sortKey"),
                entry.get("profile", 0),
                words(line),
                entry["isDefault"],
            )
        )
    return found


def ours(root: Path) -> list[Line]:
    """What warmboot says."""
    return [
        Line(
            entry.id.rpartition("#")[0] or entry.id,  # two of one name are told apart
            entry.title,
            entry.version,
            entry.sort_key,
            entry.profile,
            words(entry.cmdline or ""),
            entry.default,
        )
        for entry in find_entries(BootRoot(root)).entries
        if entry.kind in (Kind.BLS, Kind.UKI)
    ]


@pytest.mark.parametrize("first", range(0, TREES, 50))
def test_systemd_lists_the_same(tmp_path: Path, other_file_system: Path, first: int) -> None:
    count = 0
    for seed in range(first, first + 50):
        tree = Tree(seed)
        root, xbootldr = tmp_path / str(seed), other_file_system / str(seed)
        tree.write(root / "efi", root / "boot")
        shutil.copytree(root / "boot", xbootldr)
        expected = systemd(listed(root / "efi", xbootldr))
        assert ours(root) == expected, f"seed {seed}"
        count += len(expected)
        shutil.rmtree(root)
    assert count > 100
