"""Kernel command lines, taken apart as the kernel does it (lib/cmdline.c, next_arg)."""

from __future__ import annotations

#: What boot loaders add for themselves; it would lie after a kexec.
_LOADER_WORDS = ("BOOT_IMAGE", "initrd")


def split_words(text: str) -> list[str]:
    """Split at blanks that are not between double quotes; the quotes stay part of the word."""
    words: list[str] = []
    word = ""
    quoted = False
    for char in text:
        if char == '"':
            quoted = not quoted
        if char.isspace() and not quoted:
            if word:
                words.append(word)
            word = ""
        else:
            word += char
    if word:
        words.append(word)
    return words


def reusable(running: str) -> str:
    """Return the running command line without what the boot loader had put into it.

    Everything behind ``--`` belongs to init and stays as it is.
    """
    kept: list[str] = []
    words = split_words(running)
    for position, word in enumerate(words):
        if word == "--":
            kept.extend(words[position:])
            break
        if word.split("=", 1)[0] not in _LOADER_WORDS:
            kept.append(word)
    return " ".join(kept)


def append(base: str, extra: str) -> str:
    """Return `base` with the words of `extra` behind its kernel parameters.

    They go before a ``--``: behind it they would be arguments of init.
    """
    words = split_words(base)
    place = words.index("--") if "--" in words else len(words)
    return " ".join([*words[:place], *split_words(extra), *words[place:]])
