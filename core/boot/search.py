"""What every part of the search needs: the root, its folders, and where paths lead in it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from warmboot.core.architecture import Architecture
from warmboot.core.boot import boot_partitions
from warmboot.core.boot.entry import Entry, Found, SearchedPlace
from warmboot.core.boot.grub.environment import parse_environment
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot, join
from warmboot.core.text import plural, printable

#: Bytes of a boot loader's menu that are read.
MENU_LIMIT = 4 << 20
_STRIPPED = 3  # leading folders of a path that may be a subvolume's or a dataset's name
_GRUB_FOLDERS = ("/boot/grub2", "/boot/grub")

Maker = Callable[[str, str], Iterator[Entry] | Entry | None]


class Search:
    """One search of a root; remembers what it has read."""

    def __init__(
        self, root: BootRoot, running: Running | None, machine: Architecture | None = None
    ) -> None:
        self.root = root
        self.running = running
        #: What the kernels have to be for, None where that is not known.
        self.machine = machine
        self.places = boot_partitions.boot_places(root)
        self.found: list[Entry] = []
        self._names: dict[str, list[str]] = {}
        self._lowered: dict[str, frozenset[str]] = {}
        self._seen: set[tuple[int, int]] = set()
        #: Where a folder that a boot loader names was found before.
        self._led: dict[tuple[str, str], str] = {}

    def folder(self, folder: str, ending: str, make: Maker) -> Iterator[Found]:
        """Yield what `make` finds in each name of a folder that ends so, then the place."""
        try:
            names = self._names[folder] = self.root.names(folder)
            if self.known(folder):
                return
        except (OSError, ValueError) as error:
            absent = isinstance(error, FileNotFoundError | NotADirectoryError)
            result = "not there" if absent else "cannot be read"
            yield SearchedPlace(printable(folder), result)
            return
        count = 0
        for name in names:
            if not name.endswith(ending):
                continue
            made = make(folder, name)
            for entry in () if made is None else (made,) if isinstance(made, Entry) else made:
                count += 1
                yield entry
        result = plural(count, "entry", "entries") if count else "empty"
        yield SearchedPlace(printable(folder), result)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, asked for once; none where it cannot be listed."""
        if folder not in self._names:
            try:
                self._names[folder] = self.root.names(folder)
            except (OSError, ValueError):
                self._names[folder] = []
        return self._names[folder]

    def may_hold(self, folder: str, name: str) -> bool:
        """Whether a folder lists `name`, in whatever case: on FAT the case does not matter."""
        if folder not in self._lowered:
            self._lowered[folder] = frozenset(other.lower() for other in self.names(folder))
        return name.lower() in self._lowered[folder]

    def known(self, path: str) -> bool:
        """Whether a folder or file was read before under another name (/efi -> /boot/efi).

        Raises OSError where it is not there.
        """
        identity = self.root.identity(path)
        file = (identity.device, identity.inode)
        known = file in self._seen
        self._seen.add(file)
        return known

    def locate(self, base: str, path: str) -> str:
        """Return the path in the root that a boot loader's `path` means.

        It starts at the file system that holds the boot loader's files, which is mounted at
        `base`, or is part of the root itself; a subvolume or dataset may stand in front. The
        path below `base` where none of these is there.
        """
        folder, _, name = path.rpartition("/")
        if (base, folder) in self._led:  # an initrd lies where the kernel does
            return join(self._led[base, folder], name)
        parts = [part for part in path.split("/") if part]
        for skip in range(min(_STRIPPED, len(parts) - 1) + 1 if parts else 0):
            inside = "/".join(parts[skip:])
            for above in (base, "/"):
                candidate = join(above, inside)
                if self.root.exists(candidate):
                    self._led[base, folder] = candidate.rpartition("/")[0] or "/"
                    return candidate
        return join(base, path)

    @functools.cached_property
    def boot_names(self) -> frozenset[str]:
        """The names in /boot."""
        return frozenset(self.names("/boot"))

    @functools.cached_property
    def grubenv(self) -> dict[str, str]:
        """The variables that GRUB keeps over a restart."""
        for folder in _GRUB_FOLDERS:
            text = self.root.read_text(f"{folder}/grubenv")
            if text is not None:
                return parse_environment(text)
        return {}
