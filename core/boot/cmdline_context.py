"""What a command line can be compared with: block devices, swap space, the machine ID."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from warmboot.core.boot.root import BootRoot
from warmboot.core.rooted import link_target, list_folder, rooted
from warmboot.core.values import dataclass, field

_MANY = 4096
_DEPTH = 2
_LIMIT = 65536
_MACHINE_ID = 32
_TAGS = {"UUID": "by-uuid", "PARTUUID": "by-partuuid", "LABEL": "by-label",
         "PARTLABEL": "by-partlabel", "ID": "by-id"}  # fmt: skip


@dataclass(frozen=True)
class CmdlineContext:
    """Facts for lint; None where they cannot be read.

    `links` maps a folder of /dev/disk (``by-uuid``) to its names and what they lead to; `nodes`
    are the paths below /dev. `swaps` and `encrypted` (dm-crypt) are device paths. `machine` is
    what ``uname -m`` prints, `machine_id` that of the boot root.
    """

    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    nodes: frozenset[str] | None = None
    swaps: frozenset[str] | None = None
    encrypted: frozenset[str] = frozenset()
    machine: str | None = None
    machine_id: str | None = None
    crash_reserved: bool = False

    def real(self, value: str) -> str:
        """Return the device path that a value such as ``UUID=…`` or ``/dev/mapper/x`` leads to."""
        tag, equals, name = value.partition("=")
        if equals:
            return self.links.get(_TAGS.get(tag.upper(), ""), {}).get(name, value)
        if value.startswith("/dev/disk/"):
            kind, _, rest = value.removeprefix("/dev/disk/").partition("/")
            return self.links.get(kind, {}).get(rest, value)
        return self.links.get("mapper", {}).get(os.path.basename(value), value) if (
            value.startswith("/dev/mapper/")
        ) else value  # fmt: skip

    def exists(self, value: str) -> bool | None:
        """Whether the device that root= or resume= names is there; None where it cannot be told."""
        tag, equals, name = value.partition("=")
        if equals and tag.upper() in _TAGS:
            links = self.links.get(_TAGS[tag.upper()])
            name = name.strip('"').split("/PARTNROFF=")[0]
            if links is None:
                return None
            return name in links or name.lower() in {link.lower() for link in links}
        if value.startswith("/dev/disk/"):
            kind, _, rest = value.removeprefix("/dev/disk/").partition("/")
            links = self.links.get(kind)
            return None if links is None or not rest else rest in links
        if value.startswith("/dev/") and value != "/dev/nfs" and self.nodes is not None:
            return value in self.nodes
        return None


def read_cmdline_context(
    prefix: Path, root: BootRoot, machine: str | None = None
) -> CmdlineContext:
    """Read the facts of the machine below `prefix`, and the machine ID of `root`."""
    prefix = rooted(prefix)
    dev = prefix / "dev"
    disk = dev / "disk"
    links: dict[str, Mapping[str, str]] = {}
    for name in _names(disk) or ():
        if name.startswith("by-"):
            links[name] = _links(disk / name)
    if (dev / "mapper").is_dir():
        links["mapper"] = _links(dev / "mapper")
    nodes = _nodes(dev)
    machine_id = (root.read_text("/etc/machine-id", 64) or "").strip()
    return CmdlineContext(
        links=links,
        nodes=nodes or None,
        swaps=_swaps(prefix / "proc/swaps"),
        encrypted=frozenset(_encrypted(prefix / "sys/block")),
        machine=machine,
        machine_id=machine_id if len(machine_id) == _MACHINE_ID else None,
        crash_reserved=(_text(prefix / "sys/kernel/kexec_crash_size") or "0").strip() != "0",
    )


def _names(folder: Path) -> list[str] | None:
    try:
        return sorted(name for name, _ in list_folder(folder))[:_MANY]
    except (OSError, ValueError):
        return None


def _links(folder: Path) -> dict[str, str]:
    """Return what each link of a folder leads to, as a path below /dev; ``\\x20`` is undone."""
    found = {}
    for name in _names(folder) or ():
        target = link_target(folder / name)
        if target is not None:
            found[_unescape(name)] = f"/dev/{target}"
    return found


def _unescape(name: str) -> str:
    parts = name.split("\\x")
    out = [parts[0]]
    for part in parts[1:]:
        try:
            out.append(chr(int(part[:2], 16)) + part[2:])
        except ValueError:
            out.append("\\x" + part)
    return "".join(out)


def _nodes(dev: Path) -> frozenset[str]:
    """Return the paths below /dev, two levels deep: /dev/sda2, /dev/mapper/x, /dev/vg/lv."""
    found: list[str] = []
    folders = [(dev, "/dev")]
    for _ in range(_DEPTH):
        deeper = []
        for folder, shown in folders:
            for name, is_folder in _entries(folder):
                found.append(f"{shown}/{name}")
                if is_folder:
                    deeper.append((folder / name, f"{shown}/{name}"))
        folders = deeper
    return frozenset(found)


def _entries(folder: Path) -> list[tuple[str, bool]]:
    try:
        return sorted(list_folder(folder))[:_MANY]
    except (OSError, ValueError):
        return []


def _swaps(path: Path) -> frozenset[str] | None:
    text = _text(path)
    if text is None:
        return None
    return frozenset(line.split()[0] for line in text.splitlines() if line.startswith("/"))


def _encrypted(block: Path) -> list[str]:
    """Return the device-mapper devices that dm-crypt made, by the UUID that cryptsetup gives."""
    found = []
    for name in _names(block) or ():
        uuid = _text(block / name / "dm/uuid") if name.startswith("dm-") else None
        if uuid and uuid.startswith("CRYPT-"):
            found.append(f"/dev/{name}")
    return found


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_LIMIT).decode("utf-8", "backslashreplace")
    except (OSError, ValueError):
        return None
