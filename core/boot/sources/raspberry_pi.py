"""What the firmware of a Raspberry Pi starts: config.txt and cmdline.txt.

Source: Raspberry Pi documentation, "config.txt" (boot options, conditional filters).
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import plural, printable
from warmboot.core.values import dataclass, replace

_FOLDER = "/boot/firmware"
#: Kernels that the firmware takes without a word about it, by the board, and their initrds.
_KERNELS = {
    "kernel_2712.img": "initramfs_2712", "kernel8.img": "initramfs8",
    "kernel7l.img": "initramfs7l", "kernel7.img": "initramfs7", "kernel.img": "initramfs",
}  # fmt: skip
_NOTE = "the firmware hands over its device tree and adds words to the command line"
_DECIDING = ("kernel", "initramfs", "auto_initramfs", "cmdline", "os_prefix", "include")


@dataclass(slots=True)
class Configuration:
    """What config.txt says for every board; `conditional`: some counts on some boards only."""

    kernel: str | None = None
    initramfs: tuple[str, ...] = ()
    own_initramfs: bool = False
    cmdline: str = "cmdline.txt"
    prefix: str = ""
    conditional: bool = False


def parse_configuration(text: str) -> Configuration:
    """Return the settings that decide what is started."""
    found = Configuration()
    everywhere = True
    for raw in text.split("\n"):
        line = raw.partition("#")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            everywhere = line[1:-1].strip().lower() == "all"
            continue
        key, equals, value = line.partition("=")
        if not equals:
            key, _, value = line.partition(" ")
        key, value = key.strip().lower(), value.strip()
        if key not in _DECIDING:
            continue
        if not everywhere or key == "include":
            found.conditional = True
        else:
            _set(found, key, value)
    return found


def _set(found: Configuration, key: str, value: str) -> None:
    if key == "kernel":
        found.kernel = value or None
    elif key == "initramfs":
        words = value.split()
        found.initramfs = tuple(name for name in words[0].split(",") if name) if words else ()
    elif key == "auto_initramfs":
        found.own_initramfs = value == "1"
    elif key == "cmdline":
        found.cmdline = value or found.cmdline
    elif key == "os_prefix":
        found.prefix = value


def find(search: Search) -> Iterator[Found]:
    """Yield the kernels that a config.txt starts."""
    for base in dict.fromkeys((_FOLDER, *search.places)):
        path = f"{base}/config.txt"
        if not search.may_hold(base, "config.txt") or not search.may_hold(base, "cmdline.txt"):
            continue
        text = search.root.read_text(path)
        if text is None or search.known(path):
            continue
        configuration = parse_configuration(text)
        entries = list(_entries(search, base, path, configuration))
        yield from (replace(one, problem=text.cut) if text.cut else one for one in entries)
        yield SearchedPlace(printable(path), plural(len(entries), "entry", "entries"))
        if text.cut:
            yield SearchedPlace(printable(path), text.cut, notice=True)
        if configuration.conditional:
            what = "parts of it count on some boards only, or are in other files; they are not read"
            yield SearchedPlace(printable(path), what, notice=True)
        certain = len(entries) == 1 and not configuration.conditional
        yield LoaderDefault(BootLoader.PI, entries[0].sources if certain else ())


def _entries(search: Search, base: str, path: str, configuration: Configuration) -> Iterator[Entry]:
    def place(name: str) -> str:
        return f"{base}/{configuration.prefix}{name}"

    named = configuration.kernel
    for number, name in enumerate((named,) if named else _KERNELS):
        if not named and not search.root.exists(place(name)):
            continue
        initrds = configuration.initramfs
        if not initrds and configuration.own_initramfs:
            initrds = (_KERNELS[name],) if name in _KERNELS else ()
        line = search.root.read_text(place(configuration.cmdline))
        notes = (_NOTE,) if named else (_NOTE, "the firmware takes this file on some boards only")
        yield Entry(
            id=printable(f"{base}/{configuration.prefix}{name}".removeprefix("/boot/")),
            title=printable(f"Raspberry Pi: {name}"),
            kind=Kind.PI,
            kernel=place(name),
            initrds=tuple(printable(place(initrd)) for initrd in initrds),
            cmdline=None if line is None else printable(line.partition("\n")[0].strip(), 65536),
            sources=(printable(f"{path}#{number}"),),
            initrd_reason="named by config.txt" if initrds else None,
            notes=notes,
            problem=line.cut if line is not None else None,
        )


SOURCE = Source((Kind.PI,), BootLoader.PI, find)
