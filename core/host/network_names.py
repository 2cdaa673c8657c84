"""How network cards got their names, and which they will have with other words.

Sources: Documentation/ABI/testing/sysfs-class-net (name_assign_type); systemd.link(5) and
systemd.net-naming-scheme(7); what udev keeps below /run/udev/data.
"""

from __future__ import annotations

import posixpath
from pathlib import Path

from warmboot.core.host.devices import Sysfs
from warmboot.core.host.files import names, read_text
from warmboot.core.values import NamedTuple

_CARDS = 64
_ENUMERATED, _RENAMED = "1", "4"  # NET_NAME_* in include/uapi/linux/netdevice.h
#: In the order of NamePolicy= in systemd's 99-default.link.
_POLICY = ("FROM_DATABASE", "ONBOARD", "SLOT", "PATH")
_LINK_FOLDERS = ("etc/", "run/", "usr/", "lib/")


class Card(NamedTuple):
    """A network card and its name.

    `enumerated`: the kernel counted it (eth0), in the order in which it found the cards; None where
    that is not known. `predictable` is the name by which udev's policy calls it, None where udev
    has none for it. `by_policy`: it was renamed by that policy, which net.ifnames=0 switches off.
    """

    name: str
    enumerated: bool | None
    predictable: str | None
    by_policy: bool

    def renamed(self, *, policy_before: bool, policy_after: bool) -> str | None:
        """Return the name it will have, "" for one that the kernel counts; None if it keeps its.

        The two say whether udev's policy is at work in the running system and in the new one.
        """
        if self.by_policy and policy_before and not policy_after:
            return ""
        counted = self.enumerated and not policy_before and policy_after
        if counted and self.predictable not in (None, self.name):
            return self.predictable
        return None


def read_cards(prefix: Path) -> tuple[Card, ...]:
    """Return the cards of the machine below `prefix`, by name; nothing virtual is among them."""
    sysfs = Sysfs(prefix)
    found = []
    for name in names(prefix / "sys/class/net")[:_CARDS]:
        folder = sysfs.folder(f"sys/class/net/{name}")
        if folder is not None and not folder.startswith("sys/devices/virtual/"):
            found.append(_card(prefix, sysfs, folder, name))
    return tuple(found)


def _card(prefix: Path, sysfs: Sysfs, folder: str, name: str) -> Card:
    kind, index = sysfs.text(f"{folder}/name_assign_type"), sysfs.text(f"{folder}/ifindex") or ""
    known: dict[str, str] = {}
    if index.isascii() and index.isdigit():
        lines = (read_text(prefix / "run/udev/data" / f"n{index}", 1 << 14) or "").splitlines()
        pairs = (line[2:].partition("=") for line in lines if line.startswith("E:"))
        known = {key: value for key, _, value in pairs}
    offered = [v for part in _POLICY if (v := known.get(f"ID_NET_NAME_{part}"))]
    predictable = known.get("ID_NET_NAME") or next(iter(offered), None)
    # A name that udev found but did not give stands in ID_NET_NAME too, after a rename by hand.
    by_policy = kind == _RENAMED and name in (*offered, known.get("ID_NET_NAME_MAC"))
    by_policy = by_policy and not _fixed(prefix, known.get("ID_NET_LINK_FILE", ""), name)
    enumerated = None if kind is None else kind == _ENUMERATED
    return Card(name, enumerated, predictable, by_policy)


def _fixed(prefix: Path, link: str, name: str) -> bool:
    """Whether a .link file gives just this name, whatever the policy."""
    path = posixpath.normpath(link).lstrip("/")
    if not path.startswith(_LINK_FOLDERS):
        return False
    text = read_text(prefix / path, 1 << 14) or ""
    return any(line.replace(" ", "") == f"Name={name}" for line in text.splitlines())
