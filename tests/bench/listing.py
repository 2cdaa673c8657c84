"""A root with 200 entries, listed from headers only, against bootctl(1) on the same entries."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from row import Row
from start import BARE, COMMAND, times

from warmboot.core.boot.find import discover, find_entries
from warmboot.core.boot.root import BootRoot
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.uki import build_uki

ENTRIES = 200
MANY = (1_000, 10_000)
_TOKEN = "3d1f2a7b9c4e4d5f8a6b7c8d9e0f1a2b"
_PLAIN = 5.0  # times a stat(2) and a read of 4 KiB for each file
_RELAXED = {"SYSTEMD_RELAX_ESP_CHECKS": "1", "SYSTEMD_RELAX_XBOOTLDR_CHECKS": "1"}

Ratio = Callable[[Callable[[], object], Callable[[], object]], float]


def listing(folder: Path, ratio: Ratio) -> Iterator[Row]:
    """Yield the rows for type 1 entries, for UKIs, for the first entry of all, and for many."""
    root = folder / "type1"
    with _partition(root / "boot") as reason:
        files = list(_type_1(root, ENTRIES))
        yield from _against_bootctl("BLS entries", root, ratio, reason, (1.5, None))
        found = ratio(lambda: _list(root), lambda: _read(files))
        yield Row(f"list {ENTRIES} BLS entries", "`stat` + 4 KiB read", found, _PLAIN)
        found = ratio(lambda: next(iter(discover(BootRoot(root)))), lambda: _list(root))
        yield Row(f"first of {ENTRIES} entries", "all of them", found, 0.2)
    root = folder / "ukis"
    with _partition(root / "boot") as reason:
        images = list(_ukis(root))
        yield from _against_bootctl("UKIs", root, ratio, reason, (1.0, 2.0))
        found = ratio(lambda: _list(root), lambda: _read(images))
        yield Row(f"list {ENTRIES} UKIs", "`stat` + 4 KiB read", found)
    yield _many(folder)


def _many(folder: Path) -> Row:
    """Return how much longer ten times as many entries take, each listed by a process."""
    spent = []
    for count in MANY:
        root = folder / f"type1-{count}"
        for _ in _type_1(root, count):
            pass
        spent += times([(*COMMAND, "--root", str(root), "list")], 3)
    few, many = MANY
    return Row(f"list {many} BLS entries", f"{few} of them", spent[1] / spent[0], 20.0)


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


def _against_bootctl(
    what: str,
    root: Path,
    ratio: Ratio,
    reason: str | None,
    bounds: tuple[float, float | None],
) -> Iterator[Row]:
    """Yield the time over that of bootctl, without Python's start and with it."""
    tool = "`bootctl list --json=short`"
    actions = {
        f"list {ENTRIES} {what}": lambda: _list(root),
        f"… {what} with Python's start": lambda: _command(root),
    }
    for (name, action), bound in zip(actions.items(), bounds, strict=True):
        found = None if reason else ratio(action, lambda: _bootctl(root / "boot"))
        yield Row(name, tool, found, bound, text=reason or "")
    found = None if reason else ratio(_bare, lambda: _bootctl(root / "boot"))
    yield Row(f"… {what}: Python's start by itself", tool, found, text=reason or "")


def _bare() -> None:
    subprocess.run(BARE, check=True)


def _command(root: Path) -> None:
    command = [*COMMAND, "--root", str(root), "list", "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    if done.stdout.count(b'"id"') < ENTRIES:
        raise SystemExit("the command lists too few entries")


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


def _type_1(root: Path, count: int) -> Iterator[Path]:
    kernel = build_bzimage("6.1.0", body_size=4096)
    for number in range(count):
        release = f"6.1.{number}"
        text = (
            f"title Linux {release}\nversion {release}\nsort-key linux\nmachine-id {_TOKEN}\n"
            f"linux /{_TOKEN}/{release}/linux\ninitrd /{_TOKEN}/{release}/initrd\n"
            "options root=UUID=2b1de7a4-5c3f-4e0a-9d57-0f6a1c2b3d4e ro quiet\n"
        )
        for name, content in (
            (f"boot/{_TOKEN}/{release}/linux", kernel + bytes(number % ENTRIES)),
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
