"""Where GRUB's menus lie. Most of what follows them is not loaded where there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmboot.core.boot.root import BootRoot

#: Bytes of a boot loader's menu that are read.
MENU_LIMIT = 4 << 20
#: Where GRUB is installed to, and has its menu unless it lies on an EFI system partition.
MENUS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
#: Folders of an EFI system partition that are looked into.
EFI_FOLDERS = 64


def menu_paths(root: BootRoot, places: Sequence[str]) -> Iterator[str]:
    """Yield the paths that a menu may have in a root with these boot partitions."""
    yield from MENUS
    for base in places:
        try:
            names = root.names(f"{base}/EFI")
        except (OSError, ValueError):
            continue
        yield from (f"{base}/EFI/{name}/grub.cfg" for name in names[:EFI_FOLDERS])
