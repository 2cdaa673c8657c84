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

#: What stands for the folder that the script itself lies in, as distro boot sets ``prefix``.
HERE = "\0"
_COMMANDS = 20_000  # that are looked at
_MEANINGS = 64  # of one word
_FILES = 500
_MADE = 2 << 20  # characters of all values and names
_LENGTH = 4096  # of a word, in characters
_WORD = expression(r"""(?:[^\s;&|'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+|[;\n]|&&|\|\|""")
_VARIABLE = expression(r"\$\{(\w+)\}|\$(\w+)")
_QUOTES = expression(r"'([^']*)'|\"((?:[^\"\\]|\\[\s\S])*)\"|\\\n|\\([\s\S])")
_ENDS = (";", "\n", "&&", "||", "if", "then", "elif", "else", "fi", "do", "done", "while", "until")
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


def loaded_files(script: str, imported: Mapping[str, str]) -> list[str]:
    """Return the files that a script may load, as it names them, each once, no more than it may.

    `imported` are variables that it takes from a file; its own values for them are the defaults.
    What only U-Boot knows is in none of the names.
    """
    known: dict[str, list[str]] = {name: [value] for name, value in imported.items()}
    known["prefix"] = [HERE]
    fixed = frozenset(known)
    named: dict[str, None] = {}
    made = 0
    for words in commands(script):
        if words[:2] == ["env", "set"]:
            del words[0]
        found: list[str] = []
        if words[0] in _SETS and len(words) > 1 and words[1] not in fixed:
            found = meanings(" ".join(words[2:]), known)
            values = known.setdefault(words[1], [])
            values += [value for value in found if value not in values]
            del values[_MEANINGS:]
        elif words[0] in _LOADS and len(words) > 4:
            found = meanings(words[4], known)
            named |= dict.fromkeys(found)
        made += sum(map(len, found))
        if made > _MADE or len(named) > _FILES:
            break
    return list(named)[:_FILES]


def commands(script: str) -> Iterator[list[str]]:
    """Yield the words of each command, without quotes; of more than a script has only the first."""
    words: list[str] = []
    count = 0
    joined = script.replace("\\\n", "")
    text = "\n".join(line for line in lines(joined) if not line.lstrip().startswith("#"))
    for found in _WORD.finditer(text + "\n"):
        word = found[0]
        if word not in _ENDS:
            if len(word) <= _LENGTH:
                words.append(_QUOTES.sub(lambda part: part[1] or part[2] or part[3] or "", word))
            continue
        if words:
            yield words
            count += 1
            words = []
        if count >= _COMMANDS:
            return


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
