"""What the kernel makes of crashkernel=: how much memory it keeps for a crash kernel.

Sources: kernel/crash_reserve.c; memparse() in lib/cmdline.c;
Documentation/admin-guide/kdump/kdump.rst describes the forms.
"""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.architecture import kernel_version
from warmboot.core.expression import expression
from warmboot.core.values import NamedTuple

_SUFFIXES = (",high", ",low", ",cma")
#: Kernels before take a value with ,cma for one without a suffix, and for malformed.
CMA_SINCE = (6, 17)
_STEP = 128 << 20  # the memory that there is counts in steps of this
_NUMBER = expression(r"0[xX][0-9a-fA-F]+|[0-9]+")
_DIGITS = 64  # more than any number has
_UNITS = "KMGTPE"
_LONG = (1 << 64) - 1


class Reserved(NamedTuple):
    """What is kept for a crash kernel, in bytes: `size`, and `low` of it below 4 GiB.

    `low` is None where the kernel chooses. `problem` is why nothing is kept, though it was wanted;
    `known` is False where that depends on the memory, which is not known.
    """

    size: int
    low: int | None = None
    problem: str | None = None
    known: bool = True


class Malformed(ValueError):
    """The kernel does not understand it, and says so in its log only."""


def reserve(values: Sequence[str], memory: int | None, release: str | None = None) -> Reserved:
    """Return what the kernel `release` keeps, given every crashkernel= of its line in order.

    `memory` is what there is in all, in bytes, None where it is not known. The last value without
    a suffix wins; only where there is none does the last ``,high`` count, and ``,low`` with it.
    """
    version = kernel_version(release)
    cma = version is None or version >= CMA_SINCE
    plain = [value for value in values if not value.endswith(_SUFFIXES if cma else _SUFFIXES[:2])]
    if plain and plain[-1].endswith(",cma"):
        return Reserved(0, problem=f"Linux knows ,cma since {CMA_SINCE[0]}.{CMA_SINCE[1]} only")
    try:
        if plain:
            return _plain(plain[-1], memory)
        high, low = (_last(values, suffix) for suffix in _SUFFIXES[:2])
        if high is None:
            alone = low is not None
            problem = "crashkernel=…,low counts only beside a crashkernel=…,high" if alone else None
            return Reserved(0, problem=problem)
        size = _whole(high)
        if not size:
            return Reserved(0, problem="crashkernel=0,high keeps nothing")
        return _fits(Reserved(size, None if low is None else _whole(low)), memory)
    except Malformed as error:
        return Reserved(0, problem=str(error))


def _last(values: Sequence[str], suffix: str) -> str | None:
    found = [value.removesuffix(suffix) for value in values if value.endswith(suffix)]
    return found[-1] if found else None


def _plain(value: str, memory: int | None) -> Reserved:
    if ":" in value:
        return _ranges(value, memory)
    size, rest = memparse(value)
    if rest and not rest.startswith("@"):
        raise Malformed(f"{rest[0]!r} does not belong behind the size")
    return _fits(Reserved(size), memory)


def _ranges(value: str, memory: int | None) -> Reserved:
    """The form START-[END]:SIZE,…[@OFFSET]: the first range that fits counts."""
    total = None if memory is None else -(-memory // _STEP) * _STEP
    at, known = 0, True
    while True:
        start, at = _number(value, at)
        at = _expect(value, at, "-")
        end = None
        if not value.startswith(":", at):
            end, at = _number(value, at)
            if end <= start:
                raise Malformed("a range ends where it starts, or before")
        at = _expect(value, at, ":")
        size, at = _number(value, at)
        if total is not None and size >= total:
            raise Malformed("it is more than the memory that there is")
        if total is None:
            known = False
        elif start <= total and (end is None or total < end):
            offset = value.find("@", at)
            if size and offset >= 0:
                _number(value, offset + 1)
            return _fits(Reserved(size), memory)
        if not value.startswith(",", at):
            return Reserved(0, known=known)
        at += 1


def _fits(found: Reserved, memory: int | None) -> Reserved:
    if memory is not None and found.size >= memory:
        return Reserved(0, problem="it is as much as the memory that there is, or more")
    return found


def _whole(text: str) -> int:
    size, rest = memparse(text)
    if rest:
        raise Malformed(f"{rest[0]!r} does not belong behind the size")
    return size


def _expect(text: str, at: int, mark: str) -> int:
    if not text.startswith(mark, at):
        raise Malformed(f"{mark!r} is missing in a range")
    return at + 1


def memparse(text: str) -> tuple[int, str]:
    """Read a size: decimal, octal (0…) or hexadecimal (0x…), and a unit of K to E.

    Returns it in bytes and what stands behind it; raises Malformed where no number does.
    """
    value, at = _number(text, 0)
    return value, text[at:]


def _number(text: str, at: int) -> tuple[int, int]:
    """Read the size at a place of the text; return it and where it ends."""
    found = _NUMBER.match(text, at, at + _DIGITS)
    if found is None:
        raise Malformed("it is no size")
    digits = found[0]
    octal = digits.startswith("0") and digits[1:2].isdigit()
    if octal:  # up to the first digit that is none
        digits = digits[: len(digits) - len(digits.lstrip("01234567"))] or digits
    value = int(digits, 8 if octal else 0)
    at += len(digits)
    unit = _UNITS.find(text[at : at + 1].upper()) if text[at : at + 1] else -1
    if unit < 0:
        return value & _LONG, at
    return value << 10 * (unit + 1) & _LONG, at + 1
