"""Which files a script of U-Boot names, told from its text alone; nothing of it is run.

Which of its branches U-Boot takes depends on what it finds and on variables of the board. So all
are looked at, and each file that one of them may load is named.

Sources: U-Boot's documentation, doc/usage/cmdline.rst (the shell), cmd/load, cmd/env, environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from warmboot.core.expression import expression
from warmboot.core.text import lines
from warmboot.core.values import NamedTuple

#: What stands for the folder that the script itself lies in, as distro boot sets ``prefix``.
HERE = "\0"
_COMMANDS = 20_000  # that are looked at
_MEANINGS = 64  # of one word
_FILES = 500
_MADE = 2 << 20  # characters of all values and names
_LENGTH = 4096  # of a word, in characters
_BETWEEN = " \t\n;&|"
_PLAIN = expression(r"""[^ \t\n;&|'"\\]+""")
_INSIDE = expression(r"""(?:[^"\\]|\\[\s\S])*""")
_ESCAPED = expression(r"\\([\s\S])")
_VARIABLE = expression(r"\$\{(\w+)\}|\$(\w+)")
_JOIN = "&"  # && and ||
_ENDS = (";", _JOIN, "if", "then", "elif", "else", "fi", "do", "done", "while", "until")
_SETS = ("setenv", "set")
_LOADS = ("load", "ext2load", "ext4load", "fatload", "sysload", "fsload")


def environment(text: str) -> dict[str, str]:
    """Return the variables of a text that ``env import -t`` takes, a line for each."""
    found = {}
    for line in lines(text):
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = value.rstrip("\r")
    return found


class Files(NamedTuple):
    """What a script may load: names that are known, each once, and `unknown` ones as they stand."""

    names: tuple[str, ...]
    unknown: tuple[str, ...]


def loaded_files(script: str, imported: Mapping[str, str]) -> Files:
    """Return the files that a script may load, as it names them.

    `imported` are variables that it takes from a file; its own values for them are the defaults.
    """
    known: dict[str, list[str]] = {name: [value] for name, value in imported.items()}
    known["prefix"] = [HERE]
    fixed = frozenset(known)
    named: dict[str, None] = {}
    unknown: dict[str, None] = {}
    made = 0
    for words, certain in commands(script):
        if words[:2] == ["env", "set"]:
            del words[0]
        found: list[str] = []
        if words[0] in _SETS and len(words) > 1 and words[1] not in fixed:
            found = meanings(" ".join(words[2:]), known)
            values = known.setdefault(words[1], [] if certain else [""])
            values += [value for value in found if value not in values]
            del values[_MEANINGS:]
        elif words[0] in _LOADS and len(words) > 4:
            found = meanings(words[4], known)
            named |= dict.fromkeys(found)
            if not found:
                unknown[words[4]] = None
        elif words[0] == "for" and len(words) > 3:
            values = known.setdefault(words[1], [])
            values += [part for word in words[3:] for one in meanings(word, known)
                       for part in one.split()]  # fmt: skip
            del values[_MEANINGS:]
            found = values
        made += sum(map(len, found))
        if made > _MADE or len(named) > _FILES or len(unknown) > _FILES:
            return Files(tuple(named)[:_FILES], ("and more",))
    return Files(tuple(named), tuple(unknown))


def commands(script: str) -> Iterator[tuple[list[str], bool]]:
    """Yield the words of each command, without quotes, and whether it runs whatever U-Boot finds.

    Of more commands than a script has only the first are yielded.
    """
    words: list[str] = []
    count = depth = 0
    joined = False
    for word in _words(script):
        if word not in _ENDS:
            words.append(word)
            continue
        if words:
            yield words, depth == 0 and not joined
            words = []
            count += 1
            joined = False
        joined = joined or word == _JOIN
        depth += (word in ("if", "do")) - (word in ("fi", "done"))
        if count >= _COMMANDS:
            return


def _words(script: str) -> Iterator[str]:
    """Yield the words of a script, a mark for each end of a command, up to a quote without end."""
    word: str | None = None
    at = 0
    text = script + "\n"
    while at < len(text):
        char = text[at]
        if char in _BETWEEN or (char == "#" and word is None):
            if word is not None:
                yield word[:_LENGTH]
            word = None
            if char not in " \t#":
                yield _JOIN if char in "&|" else ";"
            at = text.index("\n", at) if char == "#" else at + 1
            continue
        if text.startswith("\\\n", at):  # a line that goes on
            at += 2
            continue
        part, at = _part(text, at)
        if at < 0:
            return
        word = (word or "") + part if len(word or "") < _LENGTH else word


def _part(text: str, at: int) -> tuple[str, int]:
    """Return a part of a word without its quotes, and where it ends, -1 where a quote does not."""
    char = text[at]
    if char == "\\":
        return text[at + 1], at + 2
    if char == "'":
        end = text.find("'", at + 1)
        return text[at + 1 : end], end + 1 or -1
    if char == '"':
        found = _INSIDE.match(text, at + 1)
        end = found.end() if found is not None else at + 1
        closed = text.startswith('"', end)
        return _ESCAPED.sub(r"\1", text[at + 1 : end]), end + 1 if closed else -1
    found = _PLAIN.match(text, at)
    return (found[0], found.end()) if found is not None else (char, at + 1)


def meanings(word: str, known: Mapping[str, list[str]]) -> list[str]:
    """Return what a word may stand for; nothing where a variable in it is not known."""
    parts: list[list[str]] = []
    end = 0
    for found in _VARIABLE.finditer(word):
        parts += [[word[end : found.start()]], known.get(found[1] or found[2], [])]
        end = found.end()
        if len(parts) > _MEANINGS:
            return []
    choices = product(*parts, [word[end:]])
    made = ["".join(choice) for choice, _ in zip(choices, range(_MEANINGS), strict=False)]
    return [text for text in made if len(text) <= _LENGTH]
