"""GRUB's state while a script is followed: variables, devices, what is loaded, what is in doubt."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot.filesystems import By, Place, Spec
from warmboot.core.boot.grub.budget import Budget
from warmboot.core.boot.grub.entry import Item, Load, Reading, either
from warmboot.core.boot.grub.files import Files, UndecidedError
from warmboot.core.boot.grub.script import Node
from warmboot.core.boot.grub.values import (
    Variables,
    device,
    device_number,
    is_known,
    shown,
    unknown,
    unknown_names,
)
from warmboot.core.boot.grub.wildcard import fits, matches
from warmboot.core.errors import WarmbootError
from warmboot.core.values import dataclass

#: openSUSE's GRUB: paths on Btrfs start at a subvolume, the default one or $btrfs_subvol.
_RELATIVE = "btrfs_relative_path"
_DEVICES = 4000
_NOTES = 20
#: Set by GRUB itself when it runs; anything else that is not set is empty.
_RUNTIME = ("grub_platform", "grub_cpu", "cmdpath", "lockdown", "secureboot", "shim_lock")
_FEATURES = (
    "chainloader_bpb", "ntldr", "platform_search_hint", "default_font_path", "all_video_module",
    "menuentry_id", "menuentry_options", "200_final", "nativedisk_cmd", "timeout_style",
)  # fmt: skip
_EXPORTED = ("root", "prefix", "cmdpath", "pager", "color_normal", "color_highlight",
             "grub_cpu", "grub_platform", "config_file", "config_directory")  # fmt: skip

#: The answer of a command: 0 is success, None is known to GRUB alone.
Status = int | None


@dataclass(frozen=True)
class Snapshot:
    """What differs between two ways through a script."""

    variables: Variables
    load: Load | None
    parameters: list[str] | None
    status: Status
    left: tuple[bool, int]


class Machine:
    """What GRUB knows, as far as it is certain."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.budget = Budget()
        self.variables = Variables()
        self.functions: dict[str, tuple[Node, ...]] = {}
        self.parameters: list[str] | None = None
        self.devices: list[Spec] = []
        self.numbers: dict[Spec, int] = {}
        self.loops_named: dict[str, Spec] = {}
        #: Environment blocks as this pass has changed them, by file.
        self.blocks: dict[str, dict[str, str]] = {}
        self.changed = False
        self.extracting = False
        self.items: list[Item] = []
        #: Whether GRUB comes to the menu at hand when nobody chooses.
        self.by_itself = True
        #: Menus that configfile shows instead, with their defaults.
        self.nested: list[tuple[list[Item], str]] = []
        self.added = self.included = self.followed = 0
        self.item: Item | None = None
        #: The files that are being read, the outermost first, each with the variables it found.
        self.reading: tuple[Reading, ...] = ()
        #: What is not in the menu, and why.
        self.notes: list[str] = []
        self.load: Load | None = None
        self.status: Status = 0
        self.loops = 0
        self.breaks = 0
        self.continuing = False
        self.returning = False
        #: Inside something that may not be executed, or behind something that may have left.
        self.unsure = 0
        self.may_have_returned = False
        self.may_have_broken = False
        #: A pattern fitted several files, which GRUB takes in the order of their folder.
        self.several = False
        self.unordered = 0
        self.depth = 0

    def prepare(self, folder: str, platform: str | None) -> None:
        """Set what GRUB sets before it reads a configuration in `folder`, a path of the root."""
        menu, tree = self.add_device(Spec(By.MENU, "")), self.add_device(Spec(By.ROOT, ""))
        for name in _RUNTIME:
            self.variables.set(name, unknown(name))
        for name in _FEATURES:
            self.variables.set(f"feature_{name}", "y")
        if platform is not None:
            self.variables.set("grub_platform", platform)
        self.variables.set("root", menu)
        self.variables.set("prefix", f"({tree}){folder}")
        self.variables.exported |= {*_EXPORTED, *(f"feature_{name}" for name in _FEATURES)}

    def add_device(self, spec: Spec) -> str:
        """Return the name of a device that is described so."""
        if spec not in self.numbers:
            if len(self.devices) >= _DEVICES:
                raise WarmbootError("The GRUB configuration names too many file systems")
            self.numbers[spec] = len(self.devices)
            self.devices.append(spec)
        return device(self.numbers[spec])

    def place(self, path: str) -> Place:
        """Return where a path of the script leads; raise UndecidedError where only GRUB knows."""
        name, rest = self.variables.get("root"), path
        if path.startswith("("):
            name, _, rest = path[1:].partition(")")
        if not is_known(rest):
            raise UndecidedError(", ".join(unknown_names(rest)))
        spec = self.device(name)
        if self.variables.get(_RELATIVE) not in ("y", "yes", "1"):
            return Place(spec, rest)
        subvolume = self.variables.get("btrfs_subvol")
        if not is_known(subvolume):
            raise UndecidedError("$btrfs_subvol")
        if subvolume:
            return Place(spec, "/" + subvolume.strip("/") + rest)
        return Place(spec, rest, relative=True)

    def device(self, name: str) -> Spec:
        """Return what a device's name means; raise UndecidedError where only GRUB knows."""
        number = device_number(name)
        if number is not None:
            return self.devices[number]
        if not is_known(name):
            raise UndecidedError(", ".join(unknown_names(name)))
        if name.startswith("lvm/"):  # as Linux names its device file
            return Spec(By.NODE, f"/dev/mapper/{name[4:]}")
        return self.loops_named.get(name) or Spec(By.DEVICE, name)

    def glob(self, pattern: str) -> Sequence[str]:
        """Return the paths that a pattern fits, in an order that only GRUB knows.

        One that starts with ``*`` or ``?`` fits devices, which only GRUB knows too.
        """
        self.budget.step(50)
        if pattern[0] in "*?":
            self.several = self.several or fits("(hd0)", pattern) or "/" in pattern
            return ()
        try:
            found = matches(pattern, lambda folder: self.files.names(self.place(folder)))
        except UndecidedError as error:
            self.undecided(f"which files {shown(pattern)} means cannot be told: {error}")
            return ()
        self.budget.step(len(found))
        self.several = self.several or len(found) > 1
        return found

    def set(self, name: str, value: str) -> None:
        """Set a variable, to something unknown where it may keep its value."""
        old = self.variables.get(name)
        if self.weak and old != value:
            value = unknown(name)
        self.variables.set(name, value)

    @property
    def weak(self) -> bool:
        """Whether what comes now may be left out, because something may have left before."""
        return self.may_have_returned or self.may_have_broken

    @property
    def certain(self) -> bool:
        """Whether what comes now is executed for certain, and in this order."""
        return not (self.unsure or self.weak or self.unordered)

    def doubt(self, names: str) -> None:
        """State in the entry at hand what only GRUB knows."""
        if self.item is not None:
            self.item.doubt(f"GRUB decides {names} when it runs")

    def undecided(self, what: str) -> None:
        """State in the entry at hand, or else of the menu, what is not followed."""
        if self.item is not None:
            self.item.doubt(what)
        elif what not in self.notes and len(self.notes) < _NOTES:
            self.notes.append(what)

    def words_known(self, words: Sequence[str]) -> list[str]:
        """Return the words that are known; the entry at hand notes what was left out."""
        lost = [name for word in words for name in unknown_names(word)]
        if lost and self.item is not None:
            names = ", ".join(dict.fromkeys(lost))
            self.item.note(f"left out, because GRUB decides {names} when it runs")
        return [word for word in words if is_known(word)]

    def snapshot(self) -> Snapshot:
        parameters = None if self.parameters is None else list(self.parameters)
        left = (self.returning, self.breaks)
        return Snapshot(self.variables.copy(), self.load, parameters, self.status, left)

    def restore(self, state: Snapshot) -> None:
        self.variables.values = dict(state.variables.values)
        self.variables.exported = set(state.variables.exported)
        self.variables.length = state.variables.length
        self.load, self.parameters, self.status = state.load, state.parameters, state.status
        self.returning, self.breaks = state.left

    def join(self, one: Snapshot, other: Snapshot) -> Status:
        """Go on with what two ways have in common; `other` is the one that was gone last."""
        self.variables.join(one.variables)
        self.load = either(self.item, one.load, other.load)
        if one.parameters != other.parameters:
            names = max(one.parameters or [], other.parameters or [], key=len)
            self.parameters = [unknown(str(index + 1)) for index in range(len(names))]
        if one.left != other.left:
            self.may_have_returned = self.may_have_returned or one.left[0] != other.left[0]
            self.may_have_broken = self.may_have_broken or one.left[1] != other.left[1]
            self.returning = one.left[0] and other.left[0]
            self.breaks = min(one.left[1], other.left[1])
        return one.status if one.status == other.status else None
