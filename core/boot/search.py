"""What every part of the search needs: the root, its folders, and where paths lead in it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from warmboot.core.architecture import Architecture
from warmboot.core.boot import boot_partitions
from warmboot.core.boot.entry import Entry, Found, SearchedPlace
from warmboot.core.boot.filesystems import FileSystems, Place, Spec
from warmboot.core.boot.grub.menu_paths import MENU_LIMIT, menu_paths
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.mounts import read_slots
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import WarmbootError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import BootImage
from warmboot.core.images.identify import outline, stated_release
from warmboot.core.images.uki import Outline
from warmboot.core.text import plural, printable

if TYPE_CHECKING:
    from warmboot.core.boot.grub.installed import InstalledMenu
    from warmboot.core.boot.listed_entry import Headers
    from warmboot.core.images.devicetree import Board

_GRUB_FOLDERS = ("/boot/grub2", "/boot/grub")

__all__ = ["MENU_LIMIT", "Search"]

Maker = Callable[[str, str], Iterator[Entry] | Entry | None]


def cut_short(place: str, count: int, most: int, what: str) -> Iterator[SearchedPlace]:
    """Yield what is to be said of a place where only `most` of its `count` things are looked at."""
    if count > most:
        result = f"only {most} of its {count} {what} are looked at"
        yield SearchedPlace(printable(place), result, notice=True)


class Search:
    """One search of a root; remembers what it has read."""

    def __init__(
        self,
        root: BootRoot,
        running: Running | None,
        machine: Architecture | None = None,
        headers: Headers | None = None,
    ) -> None:
        self.root = root
        self.running = running
        self._headers = headers
        #: What the kernels have to be for, None where that is not known.
        self.machine = machine
        self.places = boot_partitions.boot_places(root)
        self.found: list[Entry] = []
        #: What the headers of kernels say that were read, by their paths; None where they do not.
        self._releases: dict[str, str | None] = {}
        self._names: dict[str, list[str]] = {}
        self._lowered: dict[str, frozenset[str]] = {}
        self._seen: set[tuple[int, int]] = set()

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

    def outline(self, path: str) -> BootImage | Outline:
        """Return what the header of an image says; raises WarmbootError."""
        with self.root.open(path) as file:
            found = outline(file.view)
            if self._headers is not None:
                self._headers.keep(path, file, found)
            return found

    def release(self, path: str) -> str | None:
        """Return the release that a kernel's header states, read once.

        None where it states none, or cannot be read; what is wrong shows when it is examined.
        """
        if path not in self._releases:
            try:
                self._releases[path] = self._stated(path)
            except WarmbootError:
                self._releases[path] = None
        return self._releases[path]

    def _stated(self, path: str) -> str | None:
        if self._headers is not None:  # they are wanted anyway
            return self.outline(path).release
        with self.root.open(path) as file:
            return stated_release(file.view)

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
        `base`, or is part of the root itself.
        """
        return self.filesystems.beside(base, path)

    def on_volume(self, names: Sequence[Spec], base: str, path: str) -> str | None:
        """Return the path in the root of a file on a file system that has one of these names.

        None where none of them is mounted here, or not the part that the file lies in.
        """
        known = self.filesystems.known_as(names)
        if known is None:
            return None
        return self.filesystems.locate(base, Place(known, path)).path

    @functools.cached_property
    def filesystems(self) -> FileSystems:
        """What is mounted in the root, and where a boot loader's paths lead."""
        prefix = self.running.prefix if self.running is not None else Path("/")
        return FileSystems(self.root, read_slots(self.root, prefix), self.places)

    @functools.cached_property
    def grub_menus(self) -> tuple[InstalledMenu, ...]:
        """The menus of GRUB, followed once for all that ask about them."""
        if not any(self.root.exists(path) for path in menu_paths(self.root, self.places)):
            return ()
        from warmboot.core.boot.grub.installed import read_menus

        return tuple(read_menus(self.root, self.places, self.filesystems))

    @functools.cached_property
    def board(self) -> Board | None:
        """The board that runs, None where the root is another system's, or there is no tree."""
        if self.running is None:
            return None
        from warmboot.core.boot.board import running_board  # few layouts have a file for each

        return running_board(self.running.prefix)

    @functools.cached_property
    def boot_names(self) -> frozenset[str]:
        """The names in /boot."""
        return frozenset(self.names("/boot"))

    @functools.cached_property
    def grub_shows_entries(self) -> bool:
        """Whether GRUB shows the boot loader entries, by its own rules."""
        if not self.grub_menus:
            return False
        from warmboot.core.boot.grub.installed import shows_entries

        return shows_entries(self.grub_menus)

    @property
    def grub_followed(self) -> bool:
        """Whether the menus of GRUB that are here could be followed, so that they tell all."""
        return not any(installed.cut for installed in self.grub_menus)

    @functools.cached_property
    def grubenv(self) -> dict[str, str]:
        """GRUB's variables as boot loader entries see them: kept over a restart, or set by a menu.

        A value may hold marks of what only a running GRUB knows (warmboot.core.boot.grub.values).
        Empty where nothing says that GRUB shows boot loader entries.
        """
        kept: dict[str, str] = {}
        for folder in _GRUB_FOLDERS:
            text = self.root.read_text(f"{folder}/grubenv")
            if text is not None:
                from warmboot.core.boot.grub.environment import parse_environment

                kept = parse_environment(text)
                break
        if not self.grub_menus:
            return kept
        from warmboot.core.boot.grub.installed import kept_variables

        return {**kept, **kept_variables(self.grub_menus)}
