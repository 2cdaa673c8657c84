"""Words and variables of a GRUB script, some of which only a running GRUB knows.

What is not known stands in a value as a mark between two NULs, which no file can bring in: a
script's NULs are dropped when it is read. So a value can be put together, passed on and printed
with what is unknown still in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from warmboot.core.boot.grub.budget import LONGEST, MANY_VARIABLES, Budget
from warmboot.core.boot.grub.lexer import Part, Word
from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression
from warmboot.core.values import dataclass, field

_MARK = expression("\0([^\0]*)\0")
_GLOB = expression(r"[*?]")
_BLANKS = str.maketrans("\t\n\r", "   ")
_SPECIAL = "#*@"
_INSERTED = expression(r"\\(.)|\$(?:\{([^}]{0,64})\}|([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#]))")


def unknown(name: str) -> str:
    """Return a value that only GRUB knows; `name` is what it is called when that is said."""
    return f"\0?{name}\0"


def device(number: int) -> str:
    """Return the name of a device that a search has found: a place in the list of devices."""
    return f"\0@{number}\0"


def is_known(value: str) -> bool:
    """Whether a value holds no mark."""
    return "\0" not in value


def is_decided(value: str) -> bool:
    """Whether only GRUB knows nothing of a value, but what it calls a device."""
    return "\0?" not in value


def unknown_names(value: str) -> list[str]:
    """Return what GRUB decides of a value, as it is said: ``$name``."""
    return [
        f"${name[1:]}" if name.startswith("?") else "the name of a device"
        for name in _MARK.findall(value)
    ]


def device_number(value: str) -> int | None:
    """Return which device a value names, None where it names none that a search has found."""
    found = _MARK.fullmatch(value)
    return int(found[1][1:]) if found and found[1].startswith("@") else None


def shown(value: str) -> str:
    """Return a value with its marks as text, for titles and messages."""
    return _MARK.sub(lambda found: "$" + (found[1][1:] if found[1][0] == "?" else "root"), value)


def outside(value: str) -> str:
    """Return what is known of a value: the text round its marks."""
    return _MARK.sub("", value)


def same(left: str, right: str) -> bool | None:
    """Whether two values are equal, None where what only GRUB knows decides that."""
    if is_known(left) and is_known(right):
        return left == right
    if left == right and is_decided(left):
        return True
    first, second = left.partition("\0")[0], right.partition("\0")[0]
    head = min(len(first), len(second))
    if first[:head] != second[:head]:
        return False
    if is_known(left) and len(left) < len(second):
        return False
    if is_known(right) and len(right) < len(first):
        return False
    last, other = left.rpartition("\0")[2], right.rpartition("\0")[2]
    tail = min(len(last), len(other))
    return False if tail and last[-tail:] != other[-tail:] else None


@dataclass
class Variables:
    """GRUB's environment in one context; `exported` are seen in the contexts opened in it."""

    values: dict[str, str] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    length: int = 0

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    def set(self, name: str, value: str) -> None:
        """Set a variable; raise WarmbootError where all together grow too long."""
        if name == "root" and value.startswith("(") and value.endswith(")"):
            value = value[1:-1]
        self.length += len(value) + len(name) - len(self.values.get(name, ""))
        if self.length > MANY_VARIABLES or len(value) > LONGEST:
            raise WarmbootError("The variables of the GRUB configuration are too long")
        self.values[name] = value

    def unset(self, name: str) -> None:
        self.length -= len(self.values.pop(name, ""))
        self.exported.discard(name)

    def copy(self) -> Variables:
        return Variables(dict(self.values), set(self.exported), self.length)

    def inner(self) -> Variables:
        """Return the environment of a new context, which sees what is exported."""
        kept = {name: self.values[name] for name in self.exported if name in self.values}
        return Variables(kept, set(self.exported), sum(map(len, kept.values())))

    def join(self, other: Variables) -> None:
        """Make this the environment after one of two ways, whichever GRUB takes."""
        for name in self.values.keys() | other.values.keys():
            if self.values.get(name) != other.values.get(name):
                self.values[name] = unknown(name)
        self.exported |= other.exported
        self.length = sum(map(len, self.values)) + sum(map(len, self.values.values()))


Glob = Callable[[str], Sequence[str]]


class _Arguments:
    """Words in the making. A slot that nothing was put into is no word."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.done: list[tuple[str, str]] = []
        self.parts: list[str] | None = None
        self.quoted: list[bool] = []
        self.wild = False

    def next(self) -> None:
        if self.parts is not None:
            value = "".join(self.parts)
            self.budget.make(len(value))
            self.done.append((value, self._pattern(self.parts) if self.wild else ""))
        self.parts, self.quoted, self.wild = None, [], False

    def _pattern(self, parts: Sequence[str]) -> str:
        return "".join(
            _GLOB.sub(r"\\\g<0>", text.replace("\\", "\\\\")) if quoted else text
            for text, quoted in zip(parts, self.quoted, strict=True)
        )

    def add(self, text: str, *, quoted: bool) -> None:
        """Put text into the slot; outside quotes ``*`` and ``?`` stand for names of files."""
        self.budget.make(len(text))
        if self.parts is None:
            self.parts = []
        self.parts.append(text)
        wild = not quoted and _GLOB.search(text) is not None
        self.wild = self.wild or wild
        self.quoted.append(not wild)


def expand(
    words: Sequence[Word],
    variables: Mapping[str, str],
    parameters: Sequence[str] | None,
    budget: Budget,
    glob: Glob,
) -> list[str]:
    """Return the arguments that words become; `parameters` are ``$1`` and so on, None without.

    `glob` returns the paths that a pattern with ``*`` and ``?`` fits; none leave it as it is.
    Raises WarmbootError where they grow too long.
    """
    arguments = _Arguments(budget)
    for word in words:
        arguments.next()
        for part, text in word:
            _add(arguments, part, text, variables, parameters)
    arguments.next()
    result: list[str] = []
    for value, pattern in arguments.done:
        found = glob(pattern) if pattern and is_decided(value) else ()
        result.extend(found or [value])
    return result


def _add(
    arguments: _Arguments,
    part: Part,
    text: str,
    variables: Mapping[str, str],
    parameters: Sequence[str] | None,
) -> None:
    if part is Part.TEXT:
        escaped = text.startswith("\\")
        arguments.add(text[1:] if escaped else text, quoted=escaped)
    elif part is Part.QUOTED:
        arguments.add(text, quoted=True)
    elif part is Part.TRANSLATED:
        arguments.add(_insert(text, variables, parameters), quoted=True)
    else:
        quoted = part is Part.QUOTED_VARIABLE
        values = _values(text, variables, parameters, quoted=quoted)
        if not quoted:
            values = [word for value in values for word in _split(value)]
        for index, value in enumerate(values):
            if index:
                arguments.next()
            arguments.add(value, quoted=quoted)


def _split(value: str) -> list[str]:
    """Split at what GRUB takes for a blank, which is less than what Python does."""
    return [word for word in value.translate(_BLANKS).split(" ") if word]


def _values(
    name: str, variables: Mapping[str, str], parameters: Sequence[str] | None, *, quoted: bool
) -> Sequence[str]:
    """Return the words that a variable stands for; an empty variable is none."""
    if not (name.isdecimal() or name in _SPECIAL):
        value = variables.get(name, "")
        return [value] if value else []
    if parameters is None:
        return []
    if name == "#":
        return [str(len(parameters))]
    if name == "*" and quoted:
        return [" ".join(parameters)]
    if name in _SPECIAL:
        return parameters
    number = int(name) if len(name) < 9 else 0
    return [parameters[number - 1]] if 0 < number <= len(parameters) else []


def _insert(text: str, variables: Mapping[str, str], parameters: Sequence[str] | None) -> str:
    """Put variables into a text that may be translated; the parameters are none of them."""

    def replace(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1] if found[1] in "\\$" else found[0]
        name = found[2] if found[2] is not None else found[3]
        return str(len(parameters or ())) if name == "#" else variables.get(name, "")

    return _INSERTED.sub(replace, text)
