"""A root with 200 entries, listed from headers only, against bootctl(1) on the same entries."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from warmboot.core.boot import BootRoot
from warmboot.core.boot.find import discover, find_entries
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.uki import build_uki

ENTRIES = 200
_TOKEN = "3d1f2a7b9c4e4d5f8a6b7c8d9e0f1a2b"
_BOUND = 1.50  # times what bootctl takes, as a process
_PLAIN = 5.0  # times a stat(2) and a read of 4 KiB for each file
_RELAXED = {"SYSTEMD_RELAX_ESP_CHECKS": "1", "SYSTEMD_RELAX_XBOOTLDR_CHECKS": "1"}

Ratio = Callable[[Callable[[], object], Callable[[], object]], float]


def listing(folder: Path, ratio: Ratio) -> Iterator[str]:
    """Yield the lines for type 1 entries, for UKIs, and for the first entry of all."""
    root = folder / "type1"
    with _partition(root / "boot") as reason:
        files = list(_type_1(root))
        yield _against_bootctl("BLS entries", root, ratio, reason)
        found = ratio(lambda: _list(root), lambda: _read(files))
        bound = f"\u2264 {_PLAIN:.2f}"
        yield f"| list {ENTRIES} BLS entries | `stat` + 4 KiB read | {found:.2f} | {bound} |"
        found = ratio(lambda: next(iter(discover(BootRoot(root)))), lambda: _list(root))
        yield f"| first of {ENTRIES} entries | all of them | {found:.2f} | < 0.20 |"
    root = folder / "ukis"
    with _partition(root / "boot") as reason:
        images = list(_ukis(root))
        yield _against_bootctl("UKIs", root, ratio, reason)
        found = ratio(lambda: _list(root), lambda: _read(images))
        yield f"| list {ENTRIES} UKIs | `stat` + 4 KiB read | {found:.2f} | |"


@contextlib.contextmanager
def _partition(place: Path) -> Iterator[str | None]:
    """Mount a file system at `place`, as bootctl wants one; yield why it cannot be asked."""
    place.mkdir(parents=True)
    if shutil.which("bootctl") is None:
        yield "not installed"
        return
    command = ["mount", "-t", "tmpfs", "none", str(place)]
    mount = subprocess.run(command, capture_output=True, check=False)
    if mount.returncode != 0:
        yield "no right to mount"
        return
    try:
        (place / "EFI").mkdir()
        yield None
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _against_bootctl(what: str, root: Path, ratio: Ratio, reason: str | None) -> str:
    measured = reason or f"{ratio(lambda: _list(root), lambda: _bootctl(root / 'boot')):.2f}"
    bound = f"\u2264 {_BOUND:.2f}"
    return f"| list {ENTRIES} {what} | `bootctl list --json=short` | {measured} | {bound} |"


def _bootctl(partition: Path) -> None:
    command = ["bootctl", f"--esp-path={partition}", "list", "--json=short"]
    done = subprocess.run(command, env=os.environ | _RELAXED, capture_output=True, check=True)
    found = done.stdout.count(b'"id"')
    if found < ENTRIES:  # it may add the firmware's own
        raise SystemExit(f"bootctl finds {found} entries instead of {ENTRIES}")


def _list(root: Path) -> None:
    found = len(find_entries(BootRoot(root)).entries)
    if found != ENTRIES:
        raise SystemExit(f"{found} entries instead of {ENTRIES}")


def _read(files: list[Path]) -> None:
    for path in files:
        path.stat()
        with path.open("rb") as file:
            file.read(4096)


def _type_1(root: Path) -> Iterator[Path]:
    kernel = build_bzimage("6.1.0", body_size=4096)
    for number in range(ENTRIES):
        release = f"6.1.{number}"
        text = (
            f"title Linux {release}\nversion {release}\nsort-key linux\nmachine-id {_TOKEN}\n"
            f"linux /{_TOKEN}/{release}/linux\ninitrd /{_TOKEN}/{release}/initrd\n"
            "options root=UUID=2b1de7a4-5c3f-4e0a-9d57-0f6a1c2b3d4e ro quiet\n"
        )
        for name, content in (
            (f"boot/{_TOKEN}/{release}/linux", kernel + bytes(number)),
            (f"boot/{_TOKEN}/{release}/initrd", b"070701" + bytes(4096)),
            (f"boot/loader/entries/{_TOKEN}-{release}.conf", text.encode()),
        ):
            yield _put(root / name, content)


def _ukis(root: Path) -> Iterator[Path]:
    kernel = build_bzimage("6.1.0", body_size=4096)
    for number in range(ENTRIES):
        uki = build_uki(
            arch="x86-64",
            linux=kernel,
            initrd=bytes(number + 1),
            cmdline="root=gpt-auto quiet\n",
            osrel=f'PRETTY_NAME="Particle OS {number}"\n',
            uname=f"6.1.{number}",
        )
        yield _put(root / f"boot/EFI/Linux/particle_{number}.efi", uki)


def _put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
