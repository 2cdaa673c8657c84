"""A list that reads each kernel once says what reading each header by itself says."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.uki import build_addon, build_uki
from warmboot.core.sandbox.tree import create_sandbox
from warmboot.core.session import Session, open_session

KERNEL = build_bzimage("6.1.0", body_size=4096)
UKI = build_uki(
    arch="x86-64", linux=KERNEL, cmdline="quiet", osrel='PRETTY_NAME="An OS"\n', uname="6.1.0"
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with every kind of entry, and beside them UKIs, whole and in pieces."""
    root = tmp_path / "machine"
    create_sandbox(root)
    folder = root / "boot/EFI/Linux"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {
        "whole.efi": UKI,
        "cut.efi": UKI[: len(UKI) // 2],
        "headers.efi": UKI[:3000],
        "no-kernel.efi": UKI.replace(KERNEL[:4096], bytes(4096)),
        "section.efi": UKI.replace(b".uname\0\0", b".sbat\0\0\0"),
        "addon.efi": build_addon(arch="x86-64", cmdline="more"),
        "empty.efi": b"",
    }.items():
        (folder / name).write_bytes(content)
    (folder / "link.efi").symlink_to("whole.efi")
    (folder / "nowhere.efi").symlink_to("gone.efi")
    (folder / "pipe.efi").mkdir()
    return root


def test_rows_are_what_each_header_says(machine: Path) -> None:
    session = open_session(machine)
    listing, rows = session.rows()
    assert listing == session.entries()
    assert rows == tuple(session.header(entry) for entry in listing.entries)
    assert sum(row.image is None for row in rows) > 2
    assert sum(row.image is not None for row in rows) > 5


def test_a_uki_is_opened_once(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    plain = os.open

    def watched(*given: object, **named: object) -> int:
        fd = plain(*given, **named)  # type: ignore[arg-type]
        if str(given[0]).startswith("/proc/self/fd/"):
            opened.append(os.fstat(fd).st_ino)
        return fd

    session: Session = open_session(machine)
    monkeypatch.setattr(os, "open", watched)
    session.rows()
    wanted = (machine / "boot/EFI/Linux/section.efi").stat().st_ino
    assert Counter(opened)[wanted] == 1
