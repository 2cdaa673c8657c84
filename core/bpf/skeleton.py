"""The two arrays of a light skeleton, read out of the C header that bpftool writes."""

from __future__ import annotations

import re

from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression

_BLANK = expression(r"\s*")
_LITERAL = expression(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PIECE = expression(r"\\x([0-9A-Fa-f]{1,2})|\\([0-7]{1,3})|\\(.)|([^\\]+)", re.DOTALL)
_PLAIN = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11, "\\": 92, '"': 34, "'": 39}


def read_arrays(header: str) -> tuple[bytes, bytes]:
    """Return opts_data and opts_insn of `bpftool gen skeleton -L`; raises WarmbootError.

    bpftool up to 7.1 writes them as ``opts.data = (void *)"…"``, later ones as
    ``static const char opts_data[] … = "…"``.
    """
    return _array(header, "data", "data"), _array(header, "insn", "insns")


def _array(header: str, name: str, field: str) -> bytes:
    for start in (f"opts.{field} = (void *)", f"opts_{name}[]"):
        at = header.find(start) + len(start)
        if at < len(start):
            continue
        if start.endswith("[]"):
            at = header.find("=", at, header.find(";", at)) + 1
        found = _BLANK.match(header, at)
        if at > 0 and found is not None and header.startswith(('"', "\\\n"), found.end()):
            return _bytes(header, found.end())
    raise WarmbootError(
        f"bpftool's skeleton has no array opts_{name}",
        hint="This bpftool is not known to warmboot. Versions 7.1 to 7.8 are.",
    )


def _bytes(header: str, at: int) -> bytes:
    """Return the value of the string literals that stand behind each other from `at`."""
    out = bytearray()
    while (literal := _LITERAL.match(header, at)) is not None:
        for code, octal, plain, text in _PIECE.findall(literal[1].replace("\\\n", "")):
            if text:
                out += text.encode("latin-1")
            else:
                out.append(int(code, 16) if code else int(octal, 8) if octal else _PLAIN[plain])
        blank = _BLANK.match(header, literal.end())
        at = blank.end() if blank else literal.end()
    return bytes(out)
