"""extlinux.conf and syslinux.cfg: menus of SYSLINUX and of U-Boot's distro boot.

Source: SYSLINUX configuration file format; U-Boot doc/develop/distro.rst and the Generic
distribution configuration concept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

_LABELS = 1000
_INCLUDES = 16
_KERNEL = ("linux", "kernel", "fit")


@dataclass(slots=True)
class Label:
    """One LABEL of a menu; paths as the file writes them. `tree_folder` is FDTDIR."""

    name: str
    title: str | None = None
    kernel: str | None = None
    initrds: list[str] = field(default_factory=list)
    append: str | None = None
    tree: str | None = None
    tree_folder: str | None = None
    overlays: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ExtlinuxMenu:
    """The labels of a menu in order, and the name of the one it starts by itself."""

    labels: list[Label] = field(default_factory=list)
    default: str | None = None
    append: str | None = None
    included: int = 0


def parse_menu(text: str, include: Callable[[str], str | None]) -> ExtlinuxMenu:
    """Return what a menu says; `include` returns the text of an included file, None without one."""
    menu = ExtlinuxMenu()
    _read(menu, text, include)
    for label in menu.labels:
        _finish(label, menu.append)
    return menu


def _read(menu: ExtlinuxMenu, text: str, include: Callable[[str], str | None]) -> None:
    for line in text.splitlines():
        key, value = _split(line)
        if key == "menu":
            key, value = _split(value)
            key = f"menu {key}"
        if key in ("include", "menu include") and value and menu.included < _INCLUDES:
            menu.included += 1
            included = include(value.split()[0])
            if included is not None:
                _read(menu, included, include)
        elif key == "label" and value and len(menu.labels) < _LABELS:
            menu.labels.append(Label(value))
        elif key == "default" and value:
            menu.default = value
        elif key == "append" and not menu.labels:
            menu.append = value
        elif menu.labels:
            _set(menu, menu.labels[-1], key, value)


def _split(line: str) -> tuple[str, str]:
    words = line.strip().split(None, 1)
    if not words or words[0].startswith("#"):
        return "", ""
    return words[0].lower(), words[1].strip() if len(words) > 1 else ""


def _set(menu: ExtlinuxMenu, label: Label, key: str, value: str) -> None:
    if key == "menu default":
        menu.default = label.name
    elif key == "menu label":
        label.title = value.replace("^", "", 1)
    elif key in _KERNEL and value:
        label.kernel = value.split("#", 1)[0]
    elif key == "initrd":
        label.initrds = [name for name in value.split(",") if name]
    elif key == "append":
        label.append = value
    elif key in ("fdt", "devicetree"):
        label.tree = value or None
    elif key in ("fdtdir", "devicetreedir"):
        label.tree_folder = value or None
    elif key in ("fdtoverlays", "devicetree-overlay"):
        label.overlays = value.split()


def _finish(label: Label, append: str | None) -> None:
    """Fill in what is stated once for all, and take SYSLINUX's initrd= out of the options."""
    text = append if label.append is None else label.append
    words = [] if text is None or text == "-" else text.split(" ")
    named = [word for word in words if word.startswith("initrd=")]
    if named and not label.initrds:
        label.initrds = [name for word in named for name in word[7:].split(",") if name]
    label.append = " ".join(word for word in words if word not in named).strip()
