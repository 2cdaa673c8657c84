"""Layouts of file systems made by chance: every path of a menu leads where GRUB's would.

The model knows which file system lies under each path and writes the menu from that: what is on a
file system or in a subvolume that is not mounted must never be found here.
"""

from __future__ import annotations

import posixpath
import random
from pathlib import Path
from typing import NamedTuple

import pytest
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.find import find_entries
from warmboot.core.boot.root import BootRoot

LAYOUTS = 120
_FOLDERS = (
    "/boot",
    "/boot/sub/folder",
    "/.snapshots/3/snapshot/boot",
    "/kernels/one",
    "/boot/efi/x",
)
_STRANGE = "9f9f9f9f-0000-4000-8000-000000000009"


class Mount(NamedTuple):
    """A line of fstab: `inside` is what stands in front of its paths for GRUB."""

    place: str
    uuid: str
    kind: str
    inside: str = ""
    options: str = "defaults"
    source: str | None = None

    def line(self) -> str:
        source = f"UUID={self.uuid}" if self.source is None else self.source
        return f"{source} {self.place} {self.kind} {self.options} 0 0\n"


class Layout:
    """File systems, and entries of a menu with where their kernels are; None for nowhere here."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.kind = self.chance.choice(("ext4", "xfs", "btrfs", "btrfs", "zfs"))
        self.mounts = [self._root()]
        self._more()
        self.mounts.sort(key=lambda mount: len(mount.place), reverse=True)
        self.root = self.mounts[-1]
        self.text = ""
        self.expected: dict[str, str | None] = {}

    def uuid(self) -> str:
        return (
            f"{self.chance.getrandbits(32):08x}-0000-4000-8000-{self.chance.getrandbits(40):012x}"
        )

    def _root(self) -> Mount:
        uuid = self.uuid()
        if self.kind == "btrfs":
            name = self.chance.choice(("@", "root", "@/.snapshots/1/snapshot", "sub/vol"))
            return Mount("/", uuid, "btrfs", f"/{name}", f"subvol={self.slash()}{name}")
        if self.kind == "zfs":
            return Mount("/", uuid, "zfs", "/ROOT/os@", source="rpool/ROOT/os")
        lvm = self.chance.random() < 0.3
        return Mount("/", uuid, self.kind, source="/dev/mapper/vg-root" if lvm else None)

    def slash(self) -> str:
        return self.chance.choice(("", "/"))

    def _more(self) -> None:
        root = self.mounts[0]
        boot = self.chance.random()
        if boot < 0.4:
            self.mounts.append(Mount("/boot", self.uuid(), self.chance.choice(("ext4", "vfat"))))
        elif boot < 0.6 and self.kind == "btrfs":
            self.mounts.append(
                Mount("/boot", root.uuid, "btrfs", "/@boot", "rw,subvol=@boot,noatime")
            )
        if self.chance.random() < 0.5:
            self.mounts.append(Mount("/boot/efi", self.uuid(), "vfat"))
        if self.kind == "btrfs" and self.chance.random() < 0.7:
            name = self.chance.choice(("@snapshots", "@/.snapshots"))
            self.mounts.append(
                Mount("/.snapshots", root.uuid, "btrfs", f"/{name}", f"subvol={name}")
            )

    def covering(self, path: str) -> Mount:
        return next(
            m for m in self.mounts if m.place == "/" or f"{path}/".startswith(f"{m.place}/")
        )

    def add(self, uuid: str, path: str, expected: str | None) -> None:
        title = f"e{len(self.expected)}"
        self.expected[title] = expected
        flags = f" rootflags=subvol={self.root.inside[1:]}" if self.kind == "btrfs" else ""
        self.text += (
            f"menuentry {title} {{\nsearch --no-floppy --fs-uuid --set=root {uuid}\n"
            f"linux {path} root=/dev/x{flags} {title}\n}}\n"
        )

    def build(self, root: Path) -> None:
        """Write the files, and the menu with entries for them and for what is elsewhere."""
        for number, folder in enumerate(self.chance.sample(_FOLDERS, 4)):
            path = f"{folder}/vmlinuz-6.{number}"
            put(root, path[1:], kernel(f"6.{number}"))
            mount = self.covering(path)
            on_it = mount.inside + (path if mount.place == "/" else path[len(mount.place) :])
            self.add(mount.uuid, on_it, path)
            self.add(_STRANGE, on_it, None)
            if mount.inside:
                inner = on_it[len(mount.inside) :]
                self.add(mount.uuid, f"/other-volume{inner}", None)
            hidden = self.root.inside + path
            if mount is not self.root and mount.uuid != self.root.uuid:
                self.add(self.root.uuid, hidden, None)
        put(root, "etc/fstab", "".join(mount.line() for mount in reversed(self.mounts)))
        put(root, "boot/grub/grub.cfg", self.text)


@pytest.mark.parametrize("batch", range(4))
def test_generated_layouts(tmp_path: Path, batch: int) -> None:
    for seed in range(batch, LAYOUTS, 4):
        layout = Layout(seed)
        root = tmp_path / str(seed)
        root.mkdir()
        layout.build(root)
        found = {entry.title: entry for entry in find_entries(BootRoot(root)).entries}
        told = {
            title: None if found[title].problem else posixpath.normpath(found[title].kernel)
            for title in layout.expected
        }
        assert told == layout.expected, (
            f"seed {seed}\n{(root / 'etc/fstab').read_text()}{layout.text}"
        )
        assert not any("/boot/boot" in (entry.problem or "") for entry in found.values())
