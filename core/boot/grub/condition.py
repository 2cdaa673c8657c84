"""GRUB's ``test`` and ``[``: true, false, or known to GRUB alone (None).

Source: GRUB manual, "test". The operands are read from left to right, so ``-a`` binds no closer
than a blank does, and a word that is no operator is true where it is not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warmboot.core.boot.grub.files import Facts, UndecidedError
from warmboot.core.boot.grub.values import is_known, outside, same

Look = Callable[[str], Facts | None]
_DEPTH = 20
_ORDER: dict[str, Callable[[bytes, bytes], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
}
_FILES = ("-d", "-e", "-f", "-s")
_STRINGS = ("-n", "-z")
_EQUAL = ("=", "==", "!=")
_PREFIXED = ("-pgt", "-plt")
_TIMES = ("-nt", "-ot")


def evaluate(words: Sequence[str], look: Look) -> bool | None:
    """Return what ``test`` answers to its arguments; `look` tells what a file is.

    `look` raises UndecidedError where only GRUB can tell.
    """
    words = words[:-1] if words[-1:] == ["]"] else words
    return _Test(words, look).run(0)


class _Test:
    def __init__(self, words: Sequence[str], look: Look) -> None:
        self.words = words
        self.look = look
        self.at = 0

    def run(self, depth: int) -> bool | None:
        """Read to the end, or to the bracket that closes this part."""
        either: bool | None = False
        every: bool | None = True
        invert = False
        while self.at < len(self.words):
            word = self.words[self.at]
            length, answer = self._operator()
            self.at += length or 1
            if length == 0:
                if word == ")":
                    break
                if word == "!":
                    invert = not invert
                    continue
                if word == "-a":
                    continue
                if word == "-o":
                    either, every = _or(either, every), True
                    continue
                if word == "(":
                    answer = self.run(depth + 1) if depth < _DEPTH else None
                else:
                    answer = _filled(word)
            if invert and answer is not None:
                answer = not answer
            invert = False
            every = _and(every, answer)
        return _or(either, every)

    def _operator(self) -> tuple[int, bool | None]:
        """Return how many words the test that starts here has, 0 without one, and its answer."""
        left, *rest = self.words[self.at : self.at + 3]
        if len(rest) == 2 and _is_binary(rest[0]):
            return 3, self._binary(left, *rest)
        if rest and left in _STRINGS:
            filled = _filled(rest[0])
            return 2, filled if left == "-n" or filled is None else not filled
        if rest and left in _FILES:
            return 2, self._file(left, rest[0])
        return 0, None

    def _binary(self, left: str, operator: str, right: str) -> bool | None:
        if operator in _EQUAL:
            equal = same(left, right)
            return equal if operator != "!=" or equal is None else not equal
        if operator.startswith(_TIMES):
            return self._newer(left, operator, right)
        if not (is_known(left) and is_known(right)):
            return None
        if operator in _ORDER:
            return _ORDER[operator](_bytes(left), _bytes(right))
        if operator in _NUMBERS:
            return _compare(_NUMBERS[operator], left, right)
        return _behind_prefix(operator, left, right)

    def _file(self, operator: str, path: str) -> bool | None:
        try:
            facts = self.look(path)
        except UndecidedError:
            return None
        if facts is None:
            return False
        if operator == "-s":
            return not facts.folder and facts.size > 0
        return operator == "-e" or facts.folder is (operator == "-d")

    def _newer(self, left: str, operator: str, right: str) -> bool | None:
        try:
            first, second = self.look(left), self.look(right)
        except UndecidedError:
            return None
        if first is None or second is None:
            there, gone = (first, second) if operator.startswith("-nt") else (second, first)
            return there is not None and gone is None
        bias = number(operator[3:])
        if bias is None or first.changed is None or second.changed is None:
            return None if bias is None else False
        apart = first.changed + bias - second.changed
        return apart > 0 if operator.startswith("-nt") else apart < 0


def _is_binary(word: str) -> bool:
    return word in (*_EQUAL, *_ORDER, *_NUMBERS, *_PREFIXED) or word.startswith(_TIMES)


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def _filled(word: str) -> bool | None:
    """Whether a word is not empty; a device's name never is."""
    return True if outside(word) or "\0@" in word else False if is_known(word) else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _compare(how: Callable[[int, int], bool], left: str, right: str) -> bool | None:
    first, second = number(left), number(right)
    return None if first is None or second is None else how(first, second)


def number(text: str) -> int | None:
    """Return the number that a word starts with as C writes it, 0 without one; None: too large."""
    negative = text.startswith("-")
    digits = text[1:] if negative else text
    digits = digits.lstrip(" \t\n\r")
    base = 10
    if digits[:2] in ("0x", "0X"):
        base, digits = 16, digits[2:]
    elif digits[:1] == "0" and digits[1:2] in tuple("01234567"):
        base = 8
    valid = "0123456789abcdef"[:base]
    end = 0
    while end < len(digits) and digits[end].lower() in valid and end < 20:
        end += 1
    value = int(digits[:end] or "0", base)
    if value >= 1 << 31:
        return None
    return -value if negative else value


def _behind_prefix(operator: str, left: str, right: str) -> bool | None:
    """Compare the numbers where two words differ: ``vmlinuz-2 -plt vmlinuz-11``."""
    at = 0
    while at < min(len(left), len(right)) and left[at] == right[at]:
        at += 1
    if at > 0:
        at -= 1
        while at > 0 and left[at : at + 1].isdecimal() and left[at].isascii():
            at -= 1
        at += 1
    first, second = number(left[at:].lstrip("-")), number(right[at:].lstrip("-"))
    if left[at : at + 1] == "-":
        first = 0
    if right[at : at + 1] == "-":
        second = 0
    if first is None or second is None:
        return None
    return first > second if operator == "-pgt" else first < second
