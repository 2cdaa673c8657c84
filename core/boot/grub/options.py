"""Options of GRUB's commands, in the order and the forms that GRUB takes them.

Source: GRUB manual, "The list of command-line and menu entry commands".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warmboot.core.values import dataclass, field


@dataclass
class Options:
    """Values by the long name of each option ("" for one without a value), and the other words."""

    values: dict[str, list[str]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def last(self, name: str) -> str | None:
        """Return the value that counts, None without one."""
        return self.values[name][-1] if name in self.values else None


def parse_options(
    words: Sequence[str],
    with_value: Sequence[str],
    without: Sequence[str] = (),
    short: Mapping[str, str] | None = None,
    *,
    lenient: bool = False,
) -> Options | None:
    """Return a command's options, None where GRUB refuses them.

    `short` gives the long names of one-letter options. `lenient` commands take an option that
    they do not know for a word.
    """
    result = Options()
    short = short or {}
    waiting = list(reversed(words))
    while waiting:
        word = waiting.pop()
        if word == "--":
            result.words += reversed(waiting)
            break
        if not word.startswith("-") or word == "-":
            result.words.append(word)
            continue
        name, equals, value = word.partition("=")
        long = name[2:] if name.startswith("--") else short.get(name[1:], "")
        if long in without:
            result.values.setdefault(long, []).append("")
        elif long in with_value:
            if not equals:
                if not waiting:
                    return None
                value = waiting.pop()
            result.values.setdefault(long, []).append(value)
        elif lenient or "\0" in name:
            result.words.append(word)
        else:
            return None
    return result
