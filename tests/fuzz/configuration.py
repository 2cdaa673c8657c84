"""Boot loader configuration and initrds as fuzz targets: what `warmboot list` and inspect read."""

from __future__ import annotations

from collections.abc import Callable

from warmboot.core.boot import bls_format as bls
from warmboot.core.boot.cmdline import compare, parse
from warmboot.core.boot.cmdline_context import CmdlineContext
from warmboot.core.boot.grub.environment import parse_environment
from warmboot.core.boot.grub.menu import Files, positions, read_menu, resolve
from warmboot.core.boot.root import Text
from warmboot.core.boot.sources.extlinux import parse_menu
from warmboot.core.errors import WarmbootError
from warmboot.core.images import BytesView
from warmboot.core.payload.initrd import is_initrd, read_initrd
from warmboot.core.plan.checks.command_line import COMMAND_LINE, CmdlineSubject

LIMIT = 4 << 20
MARK = b"boot:"
#: Instead of the number of a target: a menu of GRUB in which every entry is to be found.
VALID_MENU = 255


def _grub(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    environment = parse_environment(text)
    menu = read_menu(text, "/boot/grub", environment, Files(lambda _: text, lambda _: True))
    positions(menu.items, ["/x.conf"])
    resolve(menu.items, menu.default or "0", ["/x.conf"])


def _extlinux(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    parse_menu(text, lambda _: Text(text))


def _entry(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    fields = bls.parse_fields(text)
    bls.parse_entry("x+1-2.conf", fields, source="x", locate=str, variables={"a": "b"})
    bls.default_patterns(text)


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
    if not text.startswith("menuentry a") or text.count("{") != text.count("\n}"):
        return  # changed by mutation, so it need not be sound any more
    try:
        menu = read_menu(text, "/boot/grub", {}, Files(lambda _: None, lambda _: False))
    except WarmbootError as error:
        raise AssertionError(f"a sound menu is refused: {error.message}") from error
    if len(menu.items) != text.count("menuentry a"):
        raise AssertionError("an entry of a sound menu is lost")


TARGETS: tuple[Callable[[bytes], None], ...] = (_grub, _extlinux, _entry, _line, _initrd)


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
