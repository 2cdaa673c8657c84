"""Boot loader configuration and initrds as fuzz targets: what `warmboot list` and inspect read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from warmboot.core.boot import bls_format as bls
from warmboot.core.boot.cmdline import compare, parse
from warmboot.core.boot.cmdline_context import CmdlineContext
from warmboot.core.boot.extlinux_format import parse_menu
from warmboot.core.boot.filesystems import Place
from warmboot.core.boot.glob_match import fits
from warmboot.core.boot.grub.default import Expand, positions, started
from warmboot.core.boot.grub.environment import parse_environment
from warmboot.core.boot.grub.files import Facts
from warmboot.core.boot.grub.menu import read_menu
from warmboot.core.boot.raspberry_pi_format import configuration, read_settings
from warmboot.core.boot.root import Text
from warmboot.core.boot.sources.limine import parse_menu as parse_limine
from warmboot.core.boot.sources.refind import parse_stanzas
from warmboot.core.boot.sources.systemd_boot import default_patterns
from warmboot.core.errors import WarmbootError
from warmboot.core.images import BytesView
from warmboot.core.payload.initrd import is_initrd, read_initrd
from warmboot.core.plan.checks.command_line import COMMAND_LINE, CmdlineSubject

LIMIT = 4 << 20
MARK = b"boot:"
#: Instead of the number of a target: a menu of GRUB in which every entry is to be found.
VALID_MENU = 255
#: What looks like a blank somewhere, and is none to a boot loader.
ODD_BLANKS = "\u00a0\u3000\u2028\x0b\x0c\x1c\x85"
_SOUND = re.compile(f"(menuentry a[{ODD_BLANKS}]\\d {{ linux /k x[{ODD_BLANKS}]y\n}}\n?)+")


class _SameFile:
    """Files of which each has the same text, so often as it may be read at all."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.left = 8

    def read(self, place: Place, *, menu: bool = False) -> str | None:
        del place
        self.left -= 1
        return None if menu or self.left < 0 else self.text

    def facts(self, place: Place) -> Facts | None:
        return Facts(False, len(self.text), len(place.path))

    def names(self, place: Place) -> Sequence[str]:
        del place
        return ["a", "b"]

    def identity(self, place: Place) -> str:
        return place.path

    def uuid(self, place: Place) -> str | None:
        del place
        return None


def _grub(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    parse_environment(text)
    menu = read_menu(text, "/boot/grub", _SameFile(text))
    rows = Expand()(menu.items)
    list(positions(rows, Expand()))
    started(rows, menu.default, Expand(), by_id=bool(len(text) % 2))


def _extlinux(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    assert parse_menu(text, lambda _: Text(text)).default is not text


def _other_menus(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    parse_limine(text)
    parse_stanzas(text)
    configuration(read_settings(text, {"a": text, "b": "[pi4]"}.get), ("pi4", "cm4"))


def _entry(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    fields = bls.parse_fields(text)
    bls.parse_entry("x+1-2.conf", fields, source="x", locate=str, variables={"a": "b"})
    default_patterns(text, "x")
    fits(text[:300], text[300:600])


def _line(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    compare(text, text[: len(text) // 2])
    known = CmdlineContext(nodes=frozenset({"/dev/a"}), machine="x86_64")
    list(COMMAND_LINE.run(CmdlineSubject(parse(text), known)))


def _initrd(data: bytes) -> None:
    view = BytesView(data)
    is_initrd(view)
    read_initrd(view, limit=LIMIT).describe()


def _valid_menu(data: bytes) -> None:
    """Read a menu that was made to be sound; a refusal, or a lost entry, is a fault."""
    text = data.decode("utf-8", "replace")
    if not _SOUND.fullmatch(text):
        return  # changed by mutation, so it need not be sound any more
    try:
        menu = read_menu(text, "/boot/grub", _SameFile(""))
    except WarmbootError as error:
        raise AssertionError(f"a sound menu is refused: {error.message}") from error
    if len(menu.items) != text.count("menuentry a"):
        raise AssertionError("an entry of a sound menu is lost")


TARGETS: tuple[Callable[[bytes], None], ...] = (
    _grub,
    _extlinux,
    _entry,
    _line,
    _initrd,
    _other_menus,
)


def read_configuration(data: bytes) -> None:
    """Read what stands behind the mark; its first byte chooses what as. Only our errors pass."""
    if not data:
        return
    if data[0] == VALID_MENU:
        _valid_menu(data[1:])
        return
    try:
        TARGETS[data[0] % len(TARGETS)](data[1:])
    except WarmbootError:
        return


def configuration_seeds(archives: list[bytes]) -> dict[str, bytes]:
    """Return one small sound input for each target, and the `archives` for that of initrds."""
    texts = (
        (
            'set a="b $c"\nif [ -f /x ]; then source /x; fi\nfunction f { a=$1; }\nf "q r"\n'
            "submenu s { menuentry 'x' --id y { linux (hd0)/k $a ro\ninitrd /i /j } }\nblscfg\n"
        ),
        "default a\nlabel a\nlinux /k\ninitrd /i,/j\nappend ro\nfdt /t\ninclude x\n",
        "title x\nlinux /k\ninitrd /i\noptions $a ro\ndevicetree-overlay /o\nprofile 1\n",
        'root=UUID=1 "a b" dyndbg="x y" console=ttyS0,1 crashkernel=1G-:2M -- s',
    )
    found = {f"boot-{n}": MARK + bytes([n]) + text.encode() for n, text in enumerate(texts)}
    for number, archive in enumerate(archives):
        found[f"initrd-{number}"] = MARK + bytes([len(TARGETS) - 1]) + archive
    return found
