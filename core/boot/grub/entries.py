"""The entries of one of GRUB's menus, and what GRUB starts by itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.filesystems import Located, Place
from warmboot.core.boot.grub.bls import BlsExpand
from warmboot.core.boot.grub.default import Row, fallbacks, positions, started
from warmboot.core.boot.grub.entry import OTHERS, Item, Load
from warmboot.core.boot.grub.installed import InstalledMenu, subvolume
from warmboot.core.boot.grub.menu import GrubMenu, loader_words
from warmboot.core.boot.kernel_filenames import version_in_path
from warmboot.core.boot.search import Search
from warmboot.core.text import plural, printable
from warmboot.core.values import dataclass, field


@dataclass
class MenuReader:
    """Makes entries of one menu."""

    search: Search
    installed: InstalledMenu
    menu: GrubMenu
    #: Entries by their sources.
    made: dict[str, Entry] = field(default_factory=dict)

    def found(self) -> Iterator[Found]:
        """Yield the entries, the place, and what is started."""
        name = printable(self.installed.path)
        expand = self._expand()
        rows = expand(self.menu.items)
        count = left = 0
        for position, row in positions(rows, expand):
            if row.item is None or not row.item.read:
                left += row.item is not None
            elif row.item.children is None:
                count += 1
                entry = self._entry(position, row.item)
                self.made[entry.sources[0]] = entry
                yield entry
            elif row.item.problem:
                what = f"{row.item.title}: {row.item.problem}"
                yield SearchedPlace(name, printable(what, 300), notice=True)
        for note in self.menu.notes:
            what = f"entries may be missing: {note}"
            yield SearchedPlace(name, printable(what, 300), notice=True)
        if left:
            what = f"too long to be listed as a whole: {left} of its entries or submenus left out"
            yield SearchedPlace(name, what, notice=True)
        if self.installed.cut:
            yield SearchedPlace(name, printable(self.installed.cut, 300), notice=True)
        elif self.menu.items:
            yield SearchedPlace(name, plural(count, "entry", "entries"))
        else:
            yield SearchedPlace(name, "no menu in it")
        if rows:
            yield from self._preference()

    def _expand(self) -> BlsExpand:
        return BlsExpand(self.search.found, lambda place: self._locate(place, None).path)

    def _locate(self, place: Place, inner: str | None) -> Located:
        return self.search.filesystems.locate(self.installed.base, place, inner)

    def _preference(self) -> Iterator[Found]:
        now = self._started(self.menu)
        later = now if self.installed.later is None else self._started(self.installed.later)
        order = [row.source for row in self._rows(self.menu) if row.source]
        once = now if now != later else None
        yield LoaderDefault(BootLoader.GRUB, (later,) if later else (), once, tuple(order))
        if later is not None and self._made_of(later) is None:
            what = "what it starts by itself is not among the entries that are listed"
            yield SearchedPlace(printable(self.installed.path), what, notice=True)
        failing = self._made_of(self._by_default(self.menu) or "")
        if failing is not None and now != failing.sources[0]:
            instead = "what cannot be told" if now is None else f"its fallback {self._title(now)}"
            what = f"its default {failing.title} cannot be started: GRUB goes on with {instead}"
            yield SearchedPlace(printable(self.installed.path), printable(what, 300), notice=True)

    def _rows(self, menu: GrubMenu) -> list[Row]:
        return self._expand()(menu.items)

    def _started(self, menu: GrubMenu) -> str | None:
        """Return the source of what GRUB starts: the default, or a fallback where that fails."""
        default = self._by_default(menu)
        if default is None or not self._fails(default) or menu.fallback == "":
            return default
        if menu.fallback is None:
            return None
        rows = self._rows(menu)
        for index in fallbacks(rows, menu.fallback):
            source = self._source(started(rows, str(index), self._expand(), by_id=False))
            if source is None or not self._fails(source):
                return source
        return default

    def _made_of(self, source: str) -> Entry | None:
        """Return the entry of a source: of this menu, or a boot loader entry that it shows."""
        if source in self.made:
            return self.made[source]
        return next((e for e in self.search.found if e.sources[:1] == (source,)), None)

    def _title(self, source: str) -> str:
        entry = self._made_of(source)
        return source if entry is None else entry.title

    def _fails(self, source: str) -> bool:
        """Whether an entry is sure to fail in GRUB: its kernel is not where it ought to be."""
        entry = self._made_of(source)
        if entry is None or entry.problem or not entry.kernel.startswith("/"):
            return False
        return not self.search.root.exists(entry.kernel)

    def _by_default(self, menu: GrubMenu) -> str | None:
        rows = self._rows(menu)
        by_id = any(row.source for row in rows)
        if self.installed.cut:
            return None
        return self._source(started(rows, menu.default, self._expand(), by_id=by_id))

    def _source(self, position: str | None) -> str | None:
        """Return the source of the entry at a position of the menu."""
        if position is None or position.startswith("/"):
            return position
        return printable(f"{self.installed.path}#{position}")

    def _entry(self, position: str, item: Item) -> Entry:
        load = item.load or Load("")
        inner = subvolume(load.options)
        notes = list(item.notes)
        kernel, problem = self._file("kernel", load.kernel, inner, notes)
        initrds = []
        for place in load.initrds:
            path, missing = self._file("initrd", place, inner, notes)
            initrds.append(printable(path))
            problem = problem or missing
        tree, missing = self._file("device tree", load.devicetree, inner, notes)
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
            notes=tuple(printable(note) for note in notes),
        )

    def _file(
        self, what: str, place: Place | None, inner: str | None, notes: list[str]
    ) -> tuple[str, str | None]:
        """Return the path of a file in the root, and why there is none, if so.

        A file that is elsewhere gets no path that could be taken for one of this root. What is
        said of the place is added to `notes`.
        """
        if place is None:
            return "", None
        path, problem, note = self._locate(place, inner)
        if note is not None and note not in notes:
            notes.append(note)
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
