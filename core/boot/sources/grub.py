"""The entries of GRUB's menus, and what GRUB starts by itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.filesystems import Located, Place
from warmboot.core.boot.grub.bls import BlsExpand
from warmboot.core.boot.grub.default import Row, positions, started
from warmboot.core.boot.grub.entry import OTHERS, Item, Load
from warmboot.core.boot.grub.installed import InstalledMenu, subvolume
from warmboot.core.boot.grub.menu import GrubMenu, loader_words
from warmboot.core.boot.kernel_filenames import version_in_path
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import plural, printable


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of each grub.cfg, and what it starts by itself."""
    for installed in search.grub_menus:
        name = printable(installed.path)
        if installed.menu is None:
            what = f"cannot be followed: {installed.fault}"
            yield SearchedPlace(name, what, notice=True)
        else:
            yield from _Reader(search, installed, installed.menu).found()


@dataclass(slots=True)
class _Reader:
    """Makes entries of one menu."""

    search: Search
    installed: InstalledMenu
    menu: GrubMenu

    def found(self) -> Iterator[Found]:
        """Yield the entries, the place, and what is started."""
        name = printable(self.installed.path)
        expand = self._expand()
        rows = expand(self.menu.items)
        count = 0
        for position, row in positions(rows, expand):
            if row.item is not None and row.item.children is None:
                count += 1
                yield self._entry(position, row.item)
        if self.installed.cut:
            yield SearchedPlace(name, self.installed.cut, notice=True)
        elif self.menu.items:
            yield SearchedPlace(name, plural(count, "entry", "entries"))
        else:
            yield SearchedPlace(name, "no menu in it")
        if rows:
            yield self._preference()

    def _expand(self) -> BlsExpand:
        return BlsExpand(self.search.found, lambda place: self._locate(place, None).path)

    def _locate(self, place: Place, inner: str | None) -> Located:
        return self.search.filesystems.locate(self.installed.base, place, inner)

    def _preference(self) -> LoaderDefault:
        now = self._started(self.menu)
        later = now if self.installed.later is None else self._started(self.installed.later)
        order = [row.source for row in self._rows(self.menu) if row.source]
        once = now if now != later else None
        return LoaderDefault(BootLoader.GRUB, (later,) if later else (), once, tuple(order))

    def _rows(self, menu: GrubMenu) -> list[Row]:
        return self._expand()(menu.items)

    def _started(self, menu: GrubMenu) -> str | None:
        rows = self._rows(menu)
        by_id = any(row.source for row in rows)
        if self.installed.cut:
            return None
        position = started(rows, menu.default, self._expand(), by_id=by_id)
        if position is None or position.startswith("/"):
            return position
        return printable(f"{self.installed.path}#{position}")

    def _entry(self, position: str, item: Item) -> Entry:
        load = item.load or Load("")
        inner = subvolume(load.options)
        kernel, problem = self._file("kernel", load.kernel, inner)
        initrds = []
        for place in load.initrds:
            path, missing = self._file("initrd", place, inner)
            initrds.append(printable(path))
            problem = problem or missing
        tree, missing = self._file("device tree", load.devicetree, inner)
        problem = _not_linux(item, load) or item.problem or problem or missing or self.installed.cut
        title = printable(item.title) or "untitled"
        return Entry(
            id=printable(item.id or "") or title,
            title=title,
            kind=Kind.GRUB,
            kernel=kernel,
            version=version_in_path(kernel) if load.linux else None,
            initrds=tuple(initrds),
            cmdline=printable(loader_words(load.options), 65536),
            devicetree=printable(tree) if tree else None,
            sources=(printable(f"{self.installed.path}#{position}"),),
            problem=problem and printable(problem),
            initrd_reason="named by the menu entry" if initrds else None,
            notes=tuple(printable(note) for note in item.notes),
        )

    def _file(self, what: str, place: Place | None, inner: str | None) -> tuple[str, str | None]:
        """Return the path of a file in the root, and why there is none, if so.

        A file that is elsewhere gets no path that could be taken for one of this root.
        """
        if place is None:
            return "", None
        path, problem = self._locate(place, inner)
        if path is None:
            elsewhere = f"({printable(place.spec.value, 200)}){posixpath.normpath(place.path)}"
            return elsewhere, f"its {what} {problem}"
        return path, None


def _not_linux(item: Item, load: Load) -> str | None:
    """Return why an entry starts nothing that kexec can, None where it starts a Linux kernel."""
    if load.command in OTHERS:
        what = OTHERS[load.command]
        if load.kernel is not None and "xen" in posixpath.basename(load.kernel.path).lower():
            what = "Xen"
        return f"starts {what} ({load.command}), which kexec cannot"
    if not load.linux:
        return None if item.problem else "starts no kernel"
    name = posixpath.basename(load.kernel.path) if load.kernel is not None else ""
    return "starts memtest, which is no Linux" if name.startswith("memtest") else None


SOURCE = Source((Kind.GRUB,), BootLoader.GRUB, find)
