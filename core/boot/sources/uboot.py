"""Scripts of U-Boot (boot.scr): the kernel that one starts, where it names just one.

Armbian's and flash-kernel's scripts are such. What they make of the command line and the device
tree is known to U-Boot alone, so an entry has none of its own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from warmboot.core.boot.cmdline import split_words
from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.kernel_filenames import kernel_name, version_in_path
from warmboot.core.boot.root import join
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.boot.uboot_script import HERE, environment, loaded_files
from warmboot.core.errors import WarmbootError
from warmboot.core.images.uboot import script_of
from warmboot.core.text import printable

_SCRIPTS = ("boot.scr.uimg", "boot.scr")
_ENVIRONMENTS = ("armbianEnv.txt", "uEnv.txt")
#: Parts of names that no kernel has.
_NO_KERNEL = ("dtb", "fdt", "overlay", "initrd", "ramdisk", "initramfs", ".scr", ".txt", "env")
_INITRDS = ("uinitrd", "initrd", "initramfs", "uinitramfs")
NOTE = (
    "U-Boot's script makes its command line and device tree when it runs; warmboot does not run it"
)


def find(search: Search) -> Iterator[Found]:
    """Yield the entry of the first script that is found, unless a menu comes before it."""
    if any(entry.kind is Kind.EXTLINUX for entry in search.found):
        return  # distro boot looks for one first
    for base in dict.fromkeys(("/boot", "/boot/firmware", *search.places)):
        for name in _SCRIPTS:
            path = join(base, name)
            if search.may_hold(base, name) and search.root.exists(path) and not search.known(path):
                yield from _script(search, base, path)
                return


def _script(search: Search, base: str, path: str) -> Iterator[Found]:
    try:
        with search.root.open(path) as file:
            script = script_of(file.view)
    except WarmbootError as error:
        yield SearchedPlace(printable(path), error.message, notice=True)
        return
    variables = _environment(search, base, script)
    files = loaded_files(script, variables)
    other = [word for word in files.unknown if not any(part in word.lower() for part in _NO_KERNEL)]
    kernels, initrds = _there(search, base, files.names)
    if len(kernels) != 1:
        named = "it names several kernels"
        what = named if kernels else "none of the kernels that it may start is here"
        what = f"U-Boot runs it; {what}, so what it starts is not known"
        yield SearchedPlace(printable(path), what, notice=True)
        return
    (kernel,) = kernels
    found = initrds if len(initrds) == 1 else ()
    yield Entry(
        id=posixpath.basename(path),
        title=printable(f"U-Boot: {posixpath.basename(kernel)}"),
        kind=Kind.UBOOT,
        kernel=printable(kernel),
        version=version_in_path(kernel),
        initrds=tuple(map(printable, found)),
        sources=(printable(path),),
        initrd_reason="named by U-Boot's script" if found else None,
        notes=(NOTE, *_notes(search, variables, len(initrds))),
    )
    yield SearchedPlace(printable(path), "1 entry")
    if other:
        names = printable(", ".join(other), 100)
        what = f"it may start another kernel, by a name that only U-Boot knows: {names}"
        yield SearchedPlace(printable(path), what, notice=True)
    yield LoaderDefault(BootLoader.UBOOT, () if other else (printable(path),))


def _there(
    search: Search, base: str, names: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the kernels and the initrds of these names that are here, each file once."""
    kernels: dict[tuple[int, int], str] = {}
    initrds: dict[tuple[int, int], str] = {}
    for name in names:
        place = _place(search, base, name)
        last = posixpath.basename(place)
        if kernel_name(last) is not None:
            found = kernels
        elif last.lower().startswith(_INITRDS):
            found = initrds
        else:
            continue
        try:
            identity = search.root.identity(place)
        except (OSError, ValueError):
            continue
        found.setdefault((identity.device, identity.inode), place)
    return tuple(kernels.values()), tuple(initrds.values())


def _environment(search: Search, base: str, script: str) -> Mapping[str, str]:
    """Return the variables of the file beside the script that it takes them from, if it does."""
    for name in _ENVIRONMENTS if "env import" in script else ():
        if name not in script:
            continue
        text = search.root.read_text(join(base, name))
        if text is not None and not text.cut:
            return environment(text)
    return {}


def _place(search: Search, base: str, name: str) -> str:
    """Return where a file of the script is: beside it, or on its file system."""
    if name.startswith(HERE):
        return join(base, name.replace(HERE, ""))
    return search.locate(base, "/" + name.lstrip("/"))


def _notes(search: Search, variables: Mapping[str, str], initrds: int) -> Iterator[str]:
    if initrds > 1:
        yield "the script names several initrds, so which one it loads is not known"
    overlays = [
        name for key in ("overlays", "user_overlays") for name in variables.get(key, "").split()
    ]
    if overlays:
        names = printable(" ".join(overlays), 200)
        yield f"U-Boot puts overlays into the device tree: {names}; the running tree has its own"
    if search.running is None:
        return
    now = frozenset(split_words(search.running.cmdline))
    lost = [word for word in split_words(variables.get("extraargs", "")) if word not in now]
    if lost:
        words = printable(" ".join(lost), 200)
        yield f"the running command line lacks what U-Boot would add now: {words}"


SOURCE = Source((Kind.UBOOT,), BootLoader.UBOOT, find)
