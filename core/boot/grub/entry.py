"""The lines of a GRUB menu, and what each of them would start."""

from __future__ import annotations

from collections.abc import Mapping

from warmboot.core.boot.entry import Kind
from warmboot.core.boot.filesystems import Place
from warmboot.core.values import NamedTuple, dataclass, field, replace

#: Commands that start something which is no Linux kernel, in the words of a message.
OTHERS = {
    "multiboot": "Xen or another multiboot kernel",
    "multiboot2": "Xen or another multiboot kernel",
    "xen_hypervisor": "Xen",
    "chainloader": "another boot loader",
    "ntldr": "Windows",
    "appleloader": "another boot loader",
    "pxechainloader": "another boot loader",
    "freedos": "FreeDOS",
    "plan9": "Plan 9",
    "truecrypt": "TrueCrypt",
    "kfreebsd": "FreeBSD",
    "knetbsd": "NetBSD",
    "kopenbsd": "OpenBSD",
    "xnu_kernel": "macOS",
    "xnu_kernel64": "macOS",
    "xnu_resume": "macOS",
    "legacy_kernel": "what an old menu names",
    "exit": "the firmware's next choice",
    "fwsetup": "the firmware's set-up",
    "halt": "nothing, it turns the machine off",
    "reboot": "nothing, it restarts the machine",
}


@dataclass(frozen=True)
class Load:
    """What an entry's commands have loaded so far.

    `command` is the one that named `kernel`; `options` are words. A path is None where only GRUB
    knows it.
    """

    command: str
    kernel: Place | None = None
    options: tuple[str, ...] = ()
    initrds: tuple[Place, ...] = ()
    devicetree: Place | None = None

    @property
    def linux(self) -> bool:
        """Whether it is a Linux kernel, as far as its command says."""
        return self.command == "linux"


@dataclass(frozen=True)
class BlsRequest:
    """What a blscfg command shows: the entries of a folder, or one file, as `shown` says.

    `shown` is "all", "default" or "non-default". `variables` are what the entries may name. `kind`
    is that of unified kernel images for GRUB's command uki.
    """

    variables: Mapping[str, str]
    place: Place | None = None
    shown: str = "all"
    kind: Kind = Kind.BLS


class Reading(NamedTuple):
    """A file that is being read: its name, and the variables as they were at its start."""

    name: str
    values: dict[str, str]


@dataclass
class Item:
    """A line of a menu: an entry, a submenu (`children`), or the place of BLS entries (`bls`).

    `certain` is False where only GRUB knows whether, or in which place, the line is there.
    `body` is in braces, and empty once it was followed, when `read` is True. `users` are those that
    may start it beside the superusers, None where everybody may; `reading` are the files that it
    stands in.
    `default` is what the submenu's own variable of that name says. `problem` says why the entry
    cannot be told, or cannot be started; `notes` what was left out because only GRUB knows it.
    """

    title: str
    id: str | None = None
    arguments: tuple[str, ...] = ()
    body: str = ""
    children: list[Item] | None = None
    bls: BlsRequest | None = None
    certain: bool = True
    default: str | None = None
    load: Load | None = None
    read: bool = False
    users: str | None = None
    reading: tuple[Reading, ...] = ()
    problem: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Its id, which is its title where it has none of its own."""
        return self.title if self.id is None else self.id

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes and len(self.notes) < 20:
            self.notes.append(text)

    def doubt(self, text: str) -> None:
        """State a problem where there is none yet."""
        self.problem = self.problem or text


def either(item: Item | None, first: Load | None, second: Load | None) -> Load | None:
    """Return what is loaded after one of two ways, whichever GRUB takes; `item` hears of doubt."""
    if first == second or second is None:
        result = first
    elif first is None:
        result = second
    else:
        result = _both(item, first, second)
    if item is not None and first != second and (first is None or second is None):
        item.note("GRUB decides when it runs whether it loads this kernel")
    return result


def _both(item: Item | None, first: Load, second: Load) -> Load:
    one_sided = replace(first, initrds=()) == replace(second, initrds=())
    if item is not None:
        if one_sided and not (first.initrds and second.initrds):
            item.note("GRUB decides when it runs whether it loads an initrd")
        else:
            item.doubt("GRUB decides between several kernels or initrds when it runs")
    return first if first.initrds or not one_sided else second
