"""Inputs that are nearly right: menus, entries, archives and images, made by rules from a seed.

Mutation of bytes seldom makes a menu that sets a variable and uses it. What is made here is sound
but for what a person with ill will would put in: doubling variables, one word ten thousand times,
blanks that are none, names of files without end, sizes that do not fit.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable

from configuration import MARK, ODD_BLANKS, VALID_MENU

from warmboot.core.payload.cpio_writer import build_cpio
from warmboot.core.sandbox.builders.pe import PeSection, build_certificate, build_pe

_WORDS = ("quiet", "ro", "root=UUID=1", "$v1", "${v2}", "/vmlinuz", "a'b", 'x"y z"', "--id", "1")
_REPEATED = ("$", "${v", "a=", "'", '"', "\\", "{", "}", "[ ", "1.1", "menuentry ", "\n", " ", "#")


def _word(random_: random.Random) -> str:
    word = random_.choice(_WORDS)
    return word + random_.choice(ODD_BLANKS) * (random_.random() < 0.1)


def _line(random_: random.Random) -> str:
    return " ".join(_word(random_) for _ in range(random_.randrange(6)))


def _grub(random_: random.Random) -> bytes:
    """A menu of GRUB: variables, functions, submenus; sometimes one that is wholly valid."""
    lines: list[str] = []
    if random_.random() < 0.3:
        return _valid_grub(random_)
    if random_.random() < 0.2:
        count = random_.randrange(10, 40)
        doubled = [f"set v{n + 1}=${{v{n}}}${{v{n}}}" for n in range(count)]
        return MARK + b"\0" + "\n".join(["set v0=xxxxxxxx", *doubled]).encode()
    for number in range(random_.randrange(1, 60)):
        source = random_.randrange(number + 1)
        lines.append(
            random_.choice(
                (
                    f"set v{number + 1}=${{v{number}}}${{v{number}}}",
                    f"set v{number + 1}=${{v{source}}}x",
                    f"if [ {_line(random_)} ]; then {_line(random_)}; fi",
                    f"function f{number} {{ f{source} ; f{source} ; }}",
                    f"submenu '{number}' {{ {_line(random_)}",
                    f"menuentry {number} {{ linux /k $v{number}\ninitrd /i }}",
                    "source ${prefix}/custom.cfg; for x in 1 2 3; do set y=$y$x; done }",
                )
            )
        )
    return MARK + b"\0" + "\n".join(lines).encode()


def _valid_grub(random_: random.Random) -> bytes:
    """One entry for each number, with odd blanks inside of words: every one is to be found."""
    lines = []
    for number in range(random_.randrange(1, 9)):
        odd = random_.choice(ODD_BLANKS)
        lines.append(f"menuentry a{odd}{number} {{ linux /k x{odd}y\n}}")
    return MARK + bytes([VALID_MENU]) + "\n".join(lines).encode()


def _bls(random_: random.Random) -> bytes:
    keys = ("title", "version", "linux", "initrd", "options", "devicetree-overlay", "sort-key")
    lines = [
        f"{random_.choice(keys)} {_line(random_)}" * random_.choice((1, 1, 900)) for _ in range(12)
    ]
    return MARK + b"\2" + "\n".join(lines).encode()


def _extlinux(random_: random.Random) -> bytes:
    keys = ("label", "linux", "initrd", "append", "fdt", "include", "menu label", "default", "menu")
    lines = [f"{random_.choice(keys)} {_line(random_)}" for _ in range(random_.randrange(200))]
    return MARK + b"\1" + "\n".join(lines).encode()


def _repeated(random_: random.Random) -> bytes:
    """One piece of text very often, for each reader of text."""
    start = random_.choice(("", "set a=", "linux ", "default ", "append ", "menuentry 'x' {"))
    count = random_.choice((10, 1000, 8000))
    text = start + random_.choice((*_REPEATED, *_WORDS, *ODD_BLANKS)) * count
    made: bytes = MARK + bytes([random_.randrange(4)]) + text.encode()
    return made


def _cpio(random_: random.Random) -> bytes:
    names = ["init", "usr/lib/modules/6.1/a.ko", "x" * random_.choice((3, 4000)), "lib/modules/7/b"]
    files = {name: bytes(random_.randrange(50)) for name in names if random_.random() < 0.8}
    archive: bytes = build_cpio(files) * random_.choice((1, 1, 30))
    cut = random_.choice((len(archive), random_.randrange(len(archive) + 1)))
    return MARK + b"\4" + archive[:cut]


def _pe(random_: random.Random) -> bytes:
    names = (".linux", ".initrd", ".cmdline", ".osrel", ".uname", ".bpf", ".profile", ".text")
    sections = [
        PeSection(random_.choice(names), random_.randbytes(random_.choice((1, 40, 3000))))
        for _ in range(random_.randrange(1, 40))
    ]
    image = bytearray(build_pe("arm64", sections))
    image += build_certificate(random_.randbytes(60)) * random_.randrange(3)
    for _ in range(random_.randrange(4)):
        image[random_.randrange(min(len(image), 1024))] = random_.randrange(256)
    return bytes(image)


def _kernel(random_: random.Random) -> bytes:
    """What is found in a kernel by its marks, in a gzip stream (method 0)."""
    part = random_.choice(
        (b"1", b"1.", b"Linux version 1.1 (", b"IKCFG_ST", b"IKCFG_STIKCFG_ED", b"(")
    )
    text = random_.choice((b"", b"Linux version 1.", b"IKCFG_ST")) + part * 20_000
    return b"\0" + gzip.compress(text, 1)


GRAMMARS: tuple[Callable[[random.Random], bytes], ...] = (
    _grub, _bls, _extlinux, _repeated, _cpio, _pe, _kernel,
)  # fmt: skip


def generate(seed: int) -> bytes:
    """Return the input that belongs to a seed."""
    random_ = random.Random(seed)
    return random_.choice(GRAMMARS)(random_)
