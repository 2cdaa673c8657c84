"""Menus and scripts of boot loaders that warmboot does not read: they are named.

What a script of U-Boot starts only U-Boot knows; the others are of loaders that few still have.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.entry import Found, Kind, SearchedPlace
from warmboot.core.boot.root import join
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple


class _Unread(NamedTuple):
    """A loader's files: in the folders of boot partitions, or at paths of the root.

    Entries of one of the kinds in `unless` are what is started instead.
    """

    loader: str
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    unless: tuple[Kind, ...] = ()


_UNREAD = (
    _Unread(
        "U-Boot", ("boot.scr", "boot.scr.uimg", "uEnv.txt", "armbianEnv.txt", "uboot.env"),
        unless=(Kind.EXTLINUX, Kind.UBOOT),
    ),
    _Unread("the EFI shell", ("startup.nsh",)),
    _Unread("ELILO", ("EFI/BOOT/elilo.conf", "EFI/elilo/elilo.conf"), ("/etc/elilo.conf",)),
    _Unread(
        "GRUB Legacy", paths=("/boot/grub/menu.lst", "/boot/grub/grub.conf"), unless=(Kind.GRUB,)
    ),
    _Unread("LILO", paths=("/etc/lilo.conf",)),
    _Unread("kboot", ("kboot.conf", "kboot.cnf"), ("/etc/kboot.conf", "/kboot.conf")),
    _Unread("yaboot", ("yaboot.conf", "etc/yaboot.conf"), ("/etc/yaboot.conf",)),
    _Unread("zipl", paths=("/etc/zipl.conf",), unless=(Kind.BLS,)),
)  # fmt: skip


def find(search: Search) -> Iterator[Found]:
    """Yield the files, unless the same loader has a menu that was read."""
    kinds = {entry.kind for entry in search.found}
    for one in _UNREAD:
        if kinds.intersection(one.unless):
            continue
        for path in (*_in_places(search, one.names), *one.paths):
            try:
                if not search.root.exists(path) or search.known(path):
                    continue
            except (OSError, ValueError):
                continue
            what = f"{one.loader} reads it; warmboot does not, so what it starts may be missing"
            yield SearchedPlace(printable(path), f"{what} here", notice=True)


def _in_places(search: Search, names: tuple[str, ...]) -> Iterator[str]:
    for base in dict.fromkeys(("/boot/firmware", *search.places)):
        for name in names:
            if search.may_hold(base, name.partition("/")[0]):
                yield join(base, name)


SOURCE = Source((), None, find)
