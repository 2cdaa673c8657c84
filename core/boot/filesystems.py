"""Which file systems are mounted below a boot root, and where in it a boot loader's path leads.

A boot loader names a file system by UUID, label, partition or device, and a path on it. What is
mounted comes from mountinfo, where the root is a mount point, else from the root's /etc/fstab.
Where neither tells, the menu's own entries do: the file system of the first entry whose kernel is
here is taken for this one, and another one for another. Nothing is cut off a path until something
fits: a subvolume is where mountinfo or fstab says that it is mounted.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from warmboot.core.boot.root import BootRoot, join
from warmboot.core.enumeration import StrEnum
from warmboot.core.expression import expression
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple, dataclass, field


class By(StrEnum):
    """What a file system is named by."""

    UUID = "UUID"
    LABEL = "LABEL"
    PARTUUID = "PARTUUID"
    PARTLABEL = "PARTLABEL"
    NODE = "device file"
    DEVICE = "GRUB's device"
    FILE = "a file on it"
    IMAGE = "an image of it"
    MENU = "the menu on it"
    ROOT = "this root"


class Spec(NamedTuple):
    """A file system, as a boot loader or a command line names it."""

    by: By
    value: str

    def words(self) -> str:
        """Return how it is called in a message."""
        value = printable(self.value, 200)
        return {
            By.UUID: f"the file system {value}",
            By.LABEL: f"the file system labelled {value}",
            By.PARTUUID: f"the partition {value}",
            By.PARTLABEL: f"the partition named {value}",
            By.DEVICE: f"GRUB's device {value}",
            By.FILE: f"a file system that holds {value}",
            By.IMAGE: f"the image {value}",
        }.get(self.by, f"the file system {value}")


class Place(NamedTuple):
    """A path on a file system.

    `relative`: where that is Btrfs, the path starts at its default subvolume, which is the root
    that is mounted, and not at its top (openSUSE's GRUB).
    """

    spec: Spec
    path: str
    relative: bool = False


@dataclass
class Slot:
    """A file system in its place of the root.

    `inside` is the folder of the file system that stands there, None where that is not known
    (a subvolume). `names` are what it is known by. `assumed` is True where nothing says that a
    file system of its own is mounted there.
    """

    place: str
    type: str = ""
    inside: str | None = "/"
    names: dict[By, set[str]] = field(default_factory=dict)
    assumed: bool = False

    def is_called(self, spec: Spec) -> bool:
        """Whether it is known by this name."""
        return normal(spec) in self.names.get(spec.by, ())

    def may_be(self, spec: Spec) -> bool:
        """Whether it is known by no other name of this kind."""
        return not self.names.get(spec.by)

    def call(self, spec: Spec) -> None:
        """Note that it is known by this name."""
        self.names.setdefault(spec.by, set()).add(normal(spec))


#: Devices of GRUB that are the network, or something in memory.
_NO_DISK = expression(r"(?:https?|tftp|pxe|net|efinet|ofnet|memdisk|proc|cbfs)")
_LETTERS = expression(r",[a-z]+(?=[0-9])")


def normal(spec: Spec) -> str:
    """Return a name in the form in which two are compared."""
    if spec.by in (By.UUID, By.PARTUUID):
        return spec.value.lower()
    if spec.by is By.DEVICE:
        return _LETTERS.sub(",", spec.value)
    return spec.value


class Located(NamedTuple):
    """Where in the root a path leads; or, with `path` None, why that is nowhere.

    `note` says what nothing here bears out.
    """

    path: str | None
    problem: str | None = None
    note: str | None = None


class FileSystems:
    """The file systems of one root; learns from what a menu says of those that nothing names."""

    def __init__(self, root: BootRoot, slots: Sequence[Slot], places: Sequence[str]) -> None:
        self.root = root
        self.slots = list(slots)
        known = {slot.place for slot in self.slots}
        if "/" not in known:  # nothing says what is mounted: what is customary may be
            for place in (*places, "/"):
                if place not in known:
                    self.slots.append(Slot(place, inside="/", assumed=True))
        self.slots.sort(key=lambda slot: len(slot.place), reverse=True)
        #: Names that a menu alone gives to a file system which is known by others.
        self.adopted: dict[Spec, str] = {}
        #: Whether what was found last for a boot loader below a folder started at the root.
        self.from_root: dict[str, bool] = {}

    def covering(self, path: str) -> Slot:
        """Return the file system that a path of the root lies on, as far as is known."""
        for slot in self.slots:
            if not slot.assumed and is_below(path, slot.place):
                return slot
        return self.slots[-1]

    def beside(self, base: str, path: str) -> str:
        """Return what `path` means to a boot loader whose files lie below `base`.

        It starts at the file system that holds them: mounted at `base`, or part of the root.
        Where it cannot be known which, existence decides between the two.
        """
        path = posixpath.normpath("/" + path.lstrip("/"))
        slot = self.covering(base)
        candidates = [join(base, path), path]
        if not slot.assumed and slot.place != base and slot.place == "/":
            candidates.reverse()
        inner = below(path, slot.inside or "/") if slot.inside != "/" else None
        if inner is not None:
            candidates.insert(0, join(slot.place, inner))
        for candidate in candidates:
            if self.root.exists(candidate):
                self.from_root[base] = candidate == path
                return self._undoubled(base, path, candidate)
        return path if is_below(path, base) or self.from_root.get(base) else candidates[0]

    def _undoubled(self, base: str, path: str, found: str) -> str:
        """Return the plain name of a file that a link /boot/boot -> . leads to."""
        if is_below(path, base) and found != path and self.root.exists(path):
            return path
        return found

    def locate(self, base: str, place: Place, subvolume: str | None = None) -> Located:
        """Return where a path leads that a menu below `base` names.

        `subvolume` is the one that the entry names as its root, which tells what a path that
        starts with it means.
        """
        spec, path, relative = place
        never = _never_here(spec, path)
        if never is not None:
            return Located(None, never)
        path = posixpath.normpath("/" + path.lstrip("/"))
        if spec.by is By.ROOT:
            return Located(path)
        if spec.by is By.MENU:
            return Located(self.beside(base, path))
        if spec.by is By.FILE:
            return self._with_file(base, spec, path)
        called = [slot for slot in self.slots if slot.is_called(spec)]
        if called and relative:
            called.sort(key=lambda slot: slot.place != "/")
            if called[0].type in ("btrfs", "") and called[0].place == "/":
                return Located(path)
        if called:
            return self._inside(called, spec, path, subvolume)._replace(note=self._adopted(spec))
        return self._unnamed(base, spec, path, subvolume)

    def known_as(self, specs: Sequence[Spec]) -> Spec | None:
        """Return the first of these names that something mounted here is called by, or None."""
        return next((one for one in specs if any(s.is_called(one) for s in self.slots)), None)

    def _adopted(self, spec: Spec) -> str | None:
        """Return what is to be said of a file system that is called so by the menu alone."""
        place = self.adopted.get(Spec(spec.by, normal(spec)))
        if place is None:
            return None
        return f"{spec.words()} is taken for the one at {place}, which nothing else says"

    def _inside(
        self, slots: Sequence[Slot], spec: Spec, path: str, subvolume: str | None
    ) -> Located:
        """Find a path on a file system that is mounted, in whole or in parts."""
        hidden = None
        for slot in sorted(slots, key=lambda slot: len(slot.inside or ""), reverse=True):
            for inner in self._parts(slot, path, subvolume):
                found = join(slot.place, inner)
                if self._is_on(found, slots):
                    return Located(found)
                hidden = self.covering(found).place
        if hidden is not None:
            what = f"lies on {spec.words()}, under what is mounted at {printable(hidden)}"
            return Located(None, what)
        what = f"lies on {spec.words()}, in a part of it that is not mounted here"
        return Located(None, what)

    def _parts(self, slot: Slot, path: str, subvolume: str | None) -> list[str]:
        """Return what a path on a file system is below the place where a part of it is mounted."""
        if slot.inside is None:
            own = None if subvolume is None else below(path, "/" + subvolume.strip("/"))
            return [path] if own is None or slot.place != "/" else [own]
        inner = below(path, slot.inside)
        return [] if inner is None else [inner]

    def _is_on(self, path: str, slots: Sequence[Slot]) -> bool:
        covering = self.covering(path)
        return covering.assumed or covering in slots

    def _with_file(self, base: str, spec: Spec, path: str) -> Located:
        """Find a path on the file system that holds a file: GRUB takes the first disk with it."""
        wanted = posixpath.normpath("/" + spec.value.lstrip("/"))
        found = self.beside(base, wanted)
        if self.root.exists(found) and found.endswith(wanted):
            above = found[: len(found) - len(wanted)] or "/"
            return Located(join(above, path))
        return Located(None, f"lies on {spec.words()}, which is not mounted here")

    def _unnamed(self, base: str, spec: Spec, path: str, subvolume: str | None) -> Located:
        """Find a path on a file system that nothing names: by what it may be, and what is there."""
        customary = ("/", "/boot", "/boot/efi", "/efi", base)
        open_slots = [s for s in self.slots if s.place in customary and s.may_be(spec)]
        for slot in self._preferred(open_slots, base, path):
            for inner in self._parts(slot, path, subvolume) or [path]:
                found = join(slot.place, inner)
                if self.root.exists(found) and self._is_on(found, [slot]):
                    return Located(self._undoubled(slot.place, path, found))
        # Where another one is known by such a name, this one is taken for another.
        if not open_slots or any(slot.names.get(spec.by) for slot in self.slots):
            return Located(None, f"lies on {spec.words()}, which is not mounted here")
        if any(is_below(path, slot.place) for slot in open_slots if slot.place == "/boot"):
            return Located(path)
        likely = [slot for slot in open_slots if slot.place in ("/", base)]
        slot = next(iter(self._preferred(likely or open_slots, base, path)))
        return Located(path if is_below(path, slot.place) else join(slot.place, path))

    @staticmethod
    def _preferred(slots: Sequence[Slot], base: str, path: str) -> list[Slot]:
        """Return the file systems in the order in which a menu's path may mean them."""
        whole = is_below(path, "/boot")
        return sorted(
            slots,
            key=lambda slot: (slot.place != "/") if whole else (slot.place != base),
        )

    def learn(self, base: str, place: Place, subvolume: str | None, roots: Sequence[Spec]) -> bool:
        """Take an entry's kernel that is here as proof of what its file system is.

        `roots` are what its command line names as the root. Returns whether the kernel is here.
        """
        spec = place.spec
        found = self.locate(base, place, subvolume)
        if found.path is None or not self.root.exists(found.path):
            return False
        named = spec.by in (By.UUID, By.LABEL, By.PARTUUID, By.PARTLABEL, By.DEVICE)
        if named and not any(slot.is_called(spec) for slot in self.slots):
            slot = self._holder(found.path, place.path)
            if slot.names and not slot.assumed and spec.by is not By.DEVICE:
                self.adopted[Spec(spec.by, normal(spec))] = slot.place
            slot.call(spec)
            slot.assumed = False
            if slot.place == "/":
                self._no_more_assumed(found.path)
        root = self.slots[-1]
        for one in roots:
            if root.may_be(one) and not any(slot.is_called(one) for slot in self.slots):
                root.call(one)
        return True

    def _holder(self, found: str, path: str) -> Slot:
        """Return the file system in whose place a path of it was found."""
        path = posixpath.normpath("/" + path.lstrip("/"))
        for slot in self.slots:
            if is_below(found, slot.place) and join(slot.place, path) == found:
                return slot
        return self.covering(found)

    def _no_more_assumed(self, path: str) -> None:
        """A path that starts at the root shows that no other file system lies on its way."""
        self.slots = [s for s in self.slots if not (s.assumed and is_below(path, s.place))]

    def uuid(self, base: str, spec: Spec) -> str | None:
        """Return the UUID of a file system, None where none or several are known."""
        if spec.by is By.UUID:
            return spec.value
        slots = [slot for slot in self.slots if slot.is_called(spec)]
        if spec.by is By.MENU:
            slots = [self.covering(base)]
        names = {name for slot in slots for name in slot.names.get(By.UUID, ())}
        return names.pop() if len(names) == 1 else None


def _never_here(spec: Spec, path: str) -> str | None:
    """Return why a path leads to no file of any file system that is mounted."""
    if not path.startswith("/"):
        return f"{printable(path)} has no folder in its name: GRUB reads no such"
    if spec.by is By.IMAGE:
        return f"lies in {spec.words()}, which is not looked into"
    if spec == (By.DEVICE, ""):
        return "lies on no device: the variable with its name is not set"
    if spec.by is By.DEVICE and _NO_DISK.match(spec.value):
        return f"lies on {spec.words()}, which is no disk of this machine"
    return None


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder, or leads to something in it."""
    return folder in ("/", path) or path.startswith(folder + "/")


def below(path: str, folder: str) -> str | None:
    """Return what a path is inside a folder, None where it is not in it."""
    if not is_below(path, folder):
        return None
    return path if folder == "/" else path[len(folder) :] or "/"
