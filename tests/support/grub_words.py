"""Words of GRUB's language, made by chance: quotes, escapes, variables, parameters."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

_PLAIN = (
    "a",
    "bc",
    "ro",
    "quiet",
    "x=1",
    "k.v",
    "a#b",
    "p%q",
    "é",
    "u~v",
    "w:z",
    "c,d",
    "(e)",
    "a-b",
)
_INSIDE = ("a b", "c", "", "  d", "e;f", "{g}", "h|i", "#j", "k'l", "m=n", "s*", "o?")


@dataclass
class Scope:
    """What a piece of script may name: variables, and how many parameters there are."""

    names: list[str] = field(default_factory=list)
    parameters: int | None = None
    depth: int = 0
    entry: bool = False
    loop: bool = False

    def inner(self, **changes: bool | int | None) -> Scope:
        result = Scope(list(self.names), self.parameters, self.depth + 1, self.entry, self.loop)
        for name, value in changes.items():
            setattr(result, name, value)
        return result


class Words:
    """Makes words from a random source, and notes which constructs are in them."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.seen: set[str] = set()
        self.files: dict[str, str] = {}
        self.functions: list[str] = []
        self.number = 0
        self.leaks = self.maybe(30)

    def one(self, *choices: str) -> str:
        return self.chance.choice(choices)

    def maybe(self, percent: int) -> bool:
        return self.chance.randrange(100) < percent

    def use(self, name: str) -> None:
        self.seen.add(name)

    def fresh(self, start: str) -> str:
        self.number += 1
        return f"{start}{self.number}"

    def word(self, scope: Scope) -> str:
        """Return a word of one to three pieces."""
        count = self.chance.choice((1, 1, 1, 2, 2, 3))
        return "".join(self._piece(scope) for _ in range(count))

    def words(self, scope: Scope, least: int = 0, most: int = 3) -> str:
        return " ".join(self.word(scope) for _ in range(self.chance.randint(least, most)))

    def _piece(self, scope: Scope) -> str:
        kinds: list[Callable[[Scope], str]] = [
            self._plain, self._single, self._double, self._escape, self._variable, self._variable,
            self._parameter, self._translated, self._continued,
        ]  # fmt: skip
        return self.chance.choice(kinds)(scope)

    def _plain(self, scope: Scope) -> str:
        del scope
        text = self.chance.choice(_PLAIN)
        if "#" in text:
            self.use("hash in a word")
        return text

    def _single(self, scope: Scope) -> str:
        del scope
        self.use("single quotes")
        if self.maybe(15):
            self.use("quote over two lines")
            return "'a\nb'" if self.maybe(50) else "'a\n#gone\nb'"
        text = self.chance.choice(_INSIDE).replace("'", '"')
        return f"'{text}$x\\'" if self.maybe(25) else f"'{text}'"

    def _double(self, scope: Scope) -> str:
        self.use("double quotes")
        parts = [self.chance.choice(_INSIDE)]
        if self.maybe(30):
            self.use("escape in quotes")
            parts.append(self.one("\\$", '\\"', "\\\\", "\\n", "\\\n", "\\x20"))
        if self.maybe(50):
            parts.append(self._variable(scope))
        if self.maybe(40) and scope.parameters is not None:
            parts.append(self._quoted_parameter())
        return '"' + "".join(parts) + '"'

    def _quoted_parameter(self) -> str:
        name = self.one("@", "*", "#", "1", "2", "{3}")
        self.use({"@": "quoted $@", "*": "quoted $*", "#": "$#"}.get(name, "parameter"))
        return f"${name}"

    def _escape(self, scope: Scope) -> str:
        del scope
        self.use("escape outside quotes")
        return self.one(
            "\\ ", "\\$", "\\;", "\\\\", "\\a", "\\{", "\\#", "\\'", '\\"', "\\x20", "\\*"
        )

    def _variable(self, scope: Scope) -> str:
        name = self.chance.choice([*scope.names, "unset_one"])
        if name == "unset_one":
            self.use("unset variable")
        if self.maybe(60):
            self.use("${a}b")
            return f"${{{name}}}" + self.one("", "z", "9")
        return f"${name}"

    def _parameter(self, scope: Scope) -> str:
        if scope.parameters is None:
            return self._plain(scope)
        name = self.one("1", "2", "3", "10", "@", "*", "#", "{1}", "{11}")
        said = {"@": "bare $@", "*": "bare $*", "#": "$#", "10": "$10", "{11}": "$10"}
        self.use(said.get(name, "parameter"))
        return f"${name}"

    def _translated(self, scope: Scope) -> str:
        self.use('$"text"')
        name = self.chance.choice([*scope.names, "unset_one"])
        return self.one('$"a b"', f'$"c ${name} d"', f'$"e${{{name}}}f"', '$"g\\$h"')

    def _continued(self, scope: Scope) -> str:
        del scope
        self.use("continued line in a word")
        return "q\\\nr"
