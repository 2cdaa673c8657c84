"""The GRUB menus of a boot root: which files they are, how their paths lead to files, what runs."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Mapping, Sequence

from warmboot.core.boot.entry import Kind
from warmboot.core.boot.filesystems import By, FileSystems, Located, Place, Spec
from warmboot.core.boot.grub.entry import Item
from warmboot.core.boot.grub.files import Facts, UndecidedError
from warmboot.core.boot.grub.menu import GrubMenu, read_menu
from warmboot.core.boot.grub.menu_paths import MENU_LIMIT, menu_paths
from warmboot.core.boot.mounts import spec_of
from warmboot.core.boot.root import BootRoot, Text
from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression
from warmboot.core.values import dataclass

_NAMES = 2000
_LOOKS = 5000  # at files
_MAY_BE_RAID = expression(r"/dev/(?:md|dm-|mapper/)")
_PLATFORMS = ("pc", "efi", "emu", "xen", "xen_pvh", "ieee1275", "coreboot", "uboot", "qemu",
              "arc", "multiboot", "loongson")  # fmt: skip


@dataclass(frozen=True)
class InstalledMenu:
    """One grub.cfg. `base` is the folder its own file system may be mounted at.

    `later` is the menu of the start after the next one, where that differs. `cut` says what is
    missing where not all of the file was read or followed; what its lines mean is then not known.
    """

    path: str
    base: str
    menu: GrubMenu
    later: GrubMenu | None = None
    cut: str | None = None


def read_menus(
    root: BootRoot, places: Sequence[str], filesystems: FileSystems
) -> Iterator[InstalledMenu]:
    """Yield the menus of a root, each file once; never raises for what is in them."""
    seen: set[tuple[int, int]] = set()
    for path in menu_paths(root, places):
        text = root.read_text(path, MENU_LIMIT)
        if text is None or not _new(root, path, seen):
            continue
        yield _read_menu(root, path, text, filesystems, seen)


def _new(root: BootRoot, path: str, seen: set[tuple[int, int]]) -> bool:
    try:
        identity = root.identity(path)
    except (OSError, ValueError):
        return False
    file = (identity.device, identity.inode)
    if file in seen:
        return False
    seen.add(file)
    return True


def _read_menu(
    root: BootRoot, path: str, text: Text, filesystems: FileSystems, seen: set[tuple[int, int]]
) -> InstalledMenu:
    folder = posixpath.dirname(path)
    base = "/boot" if folder in ("/boot/grub", "/boot/grub2") else folder.partition("/EFI/")[0]
    files = _RootFiles(root, base, filesystems, set(seen))
    platform = "efi" if "/EFI/" in folder else _platform(root, folder)
    menu = read_menu(text, folder, files, platform=platform)
    later = None
    if menu.changed:
        files = _RootFiles(root, base, filesystems, seen)
        later = read_menu(text, folder, files, platform=platform, blocks=menu.blocks)
    fault = menu.fault or (later.fault if later is not None else None)
    seen |= files.seen
    for item in _all(menu.items):
        _learn(base, item, filesystems)
    return InstalledMenu(path, base, menu, later, text.cut or fault)


def _platform(root: BootRoot, folder: str) -> str | None:
    """Return GRUB's platform where the folders of its modules leave one choice."""
    try:
        names = root.names(folder)
    except (OSError, ValueError):
        return None
    found = {
        platform
        for name in names
        for cpu, _, platform in [name.partition("-")]
        if platform in _PLATFORMS and cpu.isidentifier()
    }
    return found.pop() if len(found) == 1 else None


def _all(items: Sequence[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from _all(item.children or ())


def _learn(base: str, item: Item, filesystems: FileSystems) -> None:
    """Let the file systems know where an entry's kernel is."""
    load = item.load
    if load is not None and load.linux and load.kernel is not None and item.certain:
        filesystems.learn(base, load.kernel, subvolume(load.options), roots(load.options))


def roots(options: Sequence[str]) -> list[Spec]:
    """Return what a command line names as the root file system."""
    named = [word[5:] for word in options if word.startswith("root=")]
    return [spec for spec in map(spec_of, named) if spec is not None]


def subvolume(options: Sequence[str]) -> str | None:
    """Return the subvolume that a command line names as the root, None without one."""
    for word in options:
        if word.startswith("rootflags="):
            for flag in word[10:].split(","):
                if flag.startswith("subvol="):
                    return flag[7:].strip("/\"'") or None
    return None


class _RootFiles:
    """How a menu's script sees the files of a root (see `Files`)."""

    def __init__(
        self, root: BootRoot, base: str, filesystems: FileSystems, seen: set[tuple[int, int]]
    ) -> None:
        self.root = root
        self.base = base
        self.filesystems = filesystems
        self.seen = seen
        self.looked = 0

    def _path(self, place: Place) -> str:
        self.looked += 1
        if self.looked > _LOOKS:
            raise WarmbootError("The GRUB configuration looks at too many files")
        spec = place.spec
        if not place.path.startswith("/"):
            place = place._replace(path="/" + place.path)
        if spec.by is By.IMAGE:
            raise UndecidedError(f"in {spec.words()}, which is not looked into")
        found: Located = self.filesystems.locate(self.base, place)
        if found.path is None:
            raise UndecidedError(found.problem or "")
        return found.path

    def read(self, place: Place, *, menu: bool = False) -> str | None:
        path = place.path if place.spec.by is By.IMAGE and not menu else self._path(place)
        if menu and not _new(self.root, path, self.seen):
            return None
        text = self.root.read_text(path, MENU_LIMIT)
        if text is not None and text.cut:
            raise UndecidedError(text.cut)
        return text

    def facts(self, place: Place) -> Facts | None:
        if place.spec.by is By.DEVICE and not place.path.strip("/"):
            return self._device(place.spec)
        return facts_of(self.root, self._path(place))

    def _device(self, spec: Spec) -> Facts | None:
        """Return what ``test -e (md/boot)`` asks: whether there is such a disk, whatever is on it.

        A RAID is not there where no file system here may lie on one; of others nothing is known.
        """
        slots = [slot for slot in self.filesystems.slots if not slot.assumed]
        if any(slot.is_called(spec) for slot in slots):
            return Facts(folder=True, size=0, changed=None)
        nodes = [slot.names.get(By.NODE) for slot in slots if slot.place in ("/", "/boot")]
        plain = all(names and not any(map(_MAY_BE_RAID.match, names)) for names in nodes)
        if spec.value.startswith("md") and nodes and plain:
            return None
        raise UndecidedError(f"whether there is {spec.words()}")

    def names(self, place: Place) -> Sequence[str]:
        path = self._path(place)
        try:
            names = self.root.names(path)
        except (OSError, ValueError):
            return ()
        if len(names) > _NAMES:
            raise UndecidedError(f"it holds {len(names)} files, more than are looked at")
        return names

    def identity(self, place: Place) -> str:
        if place.spec.by is By.IMAGE:
            return f"{place.spec.value}:{place.path}"
        return self._path(place)

    def uuid(self, place: Place) -> str | None:
        return self.filesystems.uuid(self.base, place.spec)


def facts_of(root: BootRoot, path: str) -> Facts | None:
    """Return what a file of a root is, None where there is none."""
    try:
        fd = root.find(path)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(fd)
    finally:
        os.close(fd)
    return Facts(stat.S_ISDIR(status.st_mode), status.st_size, int(status.st_mtime))


def shows_entries(menus: Sequence[InstalledMenu]) -> bool:
    """Whether one of the menus shows boot loader entries (blscfg)."""
    return any(_is_blscfg(item) for installed in menus for item in _all(installed.menu.items))


def kept_variables(menus: Sequence[InstalledMenu]) -> Mapping[str, str]:
    """Return GRUB's variables as the first blscfg of the menus sees them; none without one."""
    for installed in menus:
        for item in _all(installed.menu.items):
            if item.bls is not None and _is_blscfg(item):
                return item.bls.variables
    return {}


def _is_blscfg(item: Item) -> bool:
    return item.bls is not None and item.bls.kind is Kind.BLS
