"""A root with 200 entries, listed from headers only, against reading the start of each file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from warmboot.core.boot import BootRoot
from warmboot.core.boot.find import discover, find_entries
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.uki import build_uki

ENTRIES = 200
_TOKEN = "3d1f2a7b9c4e4d5f8a6b7c8d9e0f1a2b"
_BOUND = 5.0  # times a stat(2) and a read of 4 KiB for each file

Ratio = Callable[[Callable[[], object], Callable[[], object]], float]


def listing(folder: Path, ratio: Ratio) -> Iterator[str]:
    """Yield a line each for type 1 entries, for UKIs, and for the first entry of all."""
    root = folder / "type1"
    files = list(_type_1(root))
    mine, theirs = (lambda: _list(root)), (lambda: _read(files))
    bound = f"\u2264 {_BOUND:.2f}"
    found = ratio(mine, theirs)
    yield f"| list {ENTRIES} BLS entries | `stat` + 4 KiB read | {found:.2f} | {bound} |"
    found = ratio(lambda: next(iter(discover(BootRoot(root)))), mine)
    yield f"| first of {ENTRIES} entries | all of them | {found:.2f} | < 0.20 |"
    unified = folder / "ukis"
    images = list(_ukis(unified))
    found = ratio(lambda: _list(unified), lambda: _read(images))
    yield f"| list {ENTRIES} UKIs | `stat` + 4 KiB read | {found:.2f} | {bound} |"


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
