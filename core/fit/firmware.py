"""Firmware files that drivers ask for, and whether they are where the driver will look.

A module names them in its .modinfo section (MODULE_FIRMWARE in include/linux/module.h); where they
are looked for: Documentation/driver-api/firmware/fw_search_path.rst.
"""

from __future__ import annotations

from collections.abc import Callable

from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import ImageError, WarmbootError
from warmboot.core.expression import expression
from warmboot.core.fit.initrd_contents import InitrdContents
from warmboot.core.fit.module_index import Module, ModuleIndex
from warmboot.core.images import Method, View
from warmboot.core.payload.codecs import Source, decoder_for
from warmboot.core.values import NamedTuple

_FILE = 64 << 20  # bytes of a module's file; real ones have at most some
_CONTENT = 256 << 20
_NAMES = 256
_FIRMWARE = expression(rb"\0firmware=([^\0]{1,255})\0")
_PACKED = {".xz": Method.XZ, ".zst": Method.ZSTD, ".gz": Method.GZIP}
_SUFFIXES = ("", ".xz", ".zst")


class MissingFirmware(NamedTuple):
    """A driver that finds none of the files it may ask for, where the running kernel's found some.

    `in_initrd`: it is loaded from the initrd, and looks for them there.
    """

    module: str
    files: tuple[str, ...]
    in_initrd: bool


def named_firmware(root: BootRoot, index: ModuleIndex, module: Module) -> tuple[str, ...]:
    """Return the firmware files that an installed or a built-in module names.

    None are known of a module that cannot be read.
    """
    if module.path is None:
        return index.firmware(module)
    try:
        with root.open(f"/usr/lib/modules/{index.release}/{module.path}") as file:
            content = _content(file.view, module.path)
    except WarmbootError:
        return ()
    # A name may end where the next begins: each NUL is the end of one and the start of another.
    found = _FIRMWARE.findall(content.replace(b"\0", b"\0\0"))
    return tuple(dict.fromkeys(name.decode("utf-8", "replace") for name in found[:_NAMES]))


def installed(root: BootRoot, release: str) -> Callable[[str], bool]:
    """Return what tells whether a firmware file is installed for a kernel release."""
    parts = ("", "/updates", f"/{release}", f"/updates/{release}")
    folders = [f"/usr/lib/firmware{part}/" for part in parts]
    return lambda name: any(
        root.exists(f"{folder}{name}{suffix}") for folder in folders for suffix in _SUFFIXES
    )


def inside(initrd: InitrdContents) -> Callable[[str], bool]:
    """Return what tells whether a firmware file is in an initrd."""
    return lambda name: initrd.has(*(f"lib/firmware/{name}{suffix}" for suffix in _SUFFIXES))


def _content(view: View, path: str) -> bytes:
    """Return the ELF file of a module; raises ImageError where it cannot be unpacked."""
    if view.size > _FILE:
        raise ImageError("The module is larger than any real one")
    method = _PACKED.get("." + path.rpartition(".")[2])
    if method is None:
        return view.read(0, view.size, "module")
    content = bytearray()
    for piece in decoder_for(method)(Source(view, 0, view.size)):
        content += piece
        if len(content) > _CONTENT:
            raise ImageError("The module is larger than any real one")
    return bytes(content)
