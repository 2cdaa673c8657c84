"""Programs of SYSLINUX (COM32 modules) that lead to a kernel, a menu or another label.

Source: SYSLINUX's documentation of its modules (doc/menu.txt; the usage of whichsys.c32,
ifcpu64.c32, linux.c32 and config.c32).
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Sequence

from warmboot.core.values import NamedTuple

#: What else a program starts, in the words of a message.
OTHERS = {
    "chain.c32": "another disk or boot loader", "mboot.c32": "Xen or another multiboot kernel",
    "pxechn.c32": "another network boot program", "reboot.c32": "a restart",
    "poweroff.c32": "switching off", "hdt.c32": "a list of the hardware",
    "whichsys.c32": "it chooses by the medium", "ifcpu64.c32": "it chooses by the processor",
}  # fmt: skip
_MENUS = ("menu.c32", "vesamenu.c32", "config.c32")
_ENDING = ".c32"
#: The words of whichsys.c32, for ISOLINUX, PXELINUX and SYSLINUX or EXTLINUX.
MEDIA = ("-iso-", "-pxe-", "-sys-")


class Lead(NamedTuple):
    """Where a program leads: to menus, by their `files`, or to one of the labels in `labels`."""

    files: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def program_name(path: str) -> str:
    """Return the name of a program, "" for other files."""
    name = posixpath.basename(path.replace("\\", "/")).lower()
    return name if name.endswith(_ENDING) else ""


def is_program(command: str) -> bool:
    """Whether DEFAULT names a program, as menus were started before there was UI."""
    return command.split(maxsplit=1)[0].lower().endswith((".c32", ".com", ".cbt"))


def lead(program: str, words: Sequence[str], media: Collection[str]) -> Lead | None:
    """Return where a program with these words leads, None where it starts something itself.

    `media` are those of `MEDIA` that may hold for the loader. A processor has 64 bits.
    """
    if program in _MENUS:  # without a file, or with ~, a menu shows itself again
        files = [word for word in words if word != "~" and not word.startswith("-")]
        return Lead(tuple(files[:1] if program == "config.c32" else files))
    if program == "whichsys.c32":
        choices = _choices(words)
        return Lead(labels=tuple(dict.fromkeys(choices.get(medium, "") for medium in media)))
    if program == "ifcpu64.c32":
        return Lead(labels=(" ".join(words).partition(" -- ")[0],))
    return None


def _choices(words: Sequence[str]) -> dict[str, str]:
    """Return the command for each medium."""
    found: dict[str, list[str]] = {}
    here: list[str] = []
    for word in words:
        if word in MEDIA:
            here = found[word] = []
        else:
            here.append(word)
    return {medium: " ".join(command) for medium, command in found.items()}
