"""Which program made an initrd, by files that only initrds of that kind have."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.enumeration import StrEnum


class Initramfs(StrEnum):
    """What made an initrd."""

    INITRAMFS_TOOLS = "initramfs-tools"
    DRACUT = "dracut"
    MKINITCPIO = "mkinitcpio"
    OTHER = "of another kind"
    NONE = "none"


_SIGNS = {
    "conf/initramfs.conf": Initramfs.INITRAMFS_TOOLS,
    "lib/dracut-lib.sh": Initramfs.DRACUT,
    "lib/dracut/build-parameter.txt": Initramfs.DRACUT,
    "init_functions": Initramfs.MKINITCPIO,
}


def made_by(paths: Iterable[str]) -> Initramfs:
    """Return the kind of an initrd with these files; OTHER where none of them tells."""
    kinds = (_SIGNS.get(path.removeprefix("usr/")) for path in paths)
    return next((kind for kind in kinds if kind is not None), Initramfs.OTHER)
