"""Version order of the UAPI group's Version Format Specification, and flavours of kernels."""

from __future__ import annotations

import functools
import sys

from warmboot.core.expression import expression

_TOKEN = expression(r"[0-9]+|[a-zA-Z]+|[~^.-]")
#: What the parts of a version begin with in a key, oldest first; letters and digits come after all.
_SEPARATORS = {"~": "\0", "-": "\2", "^": "\3", ".": "\4"}
_END, _WORD, _NUMBER = "\1", "\5", "\6"

#: Parts of a release that say which build it is, not which flavour: release candidates, releases of
#: a distribution (deb13, bpo, fc40, el9_4, amzn2023, Gentoo's r1), commits.
_BUILD = expression(
    r"(?:rc|deb|bpo|fc|el|amzn|mga|git|ubuntu|pve)[0-9_]*|g[0-9a-f]{7,40}|[0-9]{8}git[0-9a-f]*|r[0-9]{1,3}|dirty|rpt"
)
#: Words that distributions put a build number behind: arch1, zen1, rt30, hardened2, rpi8.
_NUMBERED = expression(r"(arch|zen|rt|hardened|lts|cachyos|gentoo|xanmod|rpi)[0-9]+")
#: Models that a flavour is named after by number alone (Raspberry Pi 5).
_MODELS = frozenset(("2712",))

#: The parts that a flavour is looked for in, and what stands between them.
_PARTS = expression(r"[^-+.~]+|[-+.~]")
_TO_DASHES = str.maketrans("+.~", "---")

ReleaseKey = tuple[str, int, str]


def compare(left: str, right: str) -> int:
    """Return a negative number, 0 or a positive one where `left` is older, equal or newer."""
    if left == right:
        return 0
    a, b = key(left), key(right)
    return (a > b) - (a < b)


@functools.lru_cache(1024)
def key(text: str) -> str:
    """Return a text that sorts as versions do; characters without a meaning are left out.

    Numbers compare by their digits, of any length: no conversion that could be made slow.
    """
    parts = [
        _SEPARATORS.get(token) or (_WORD + token if token.isalpha() else _number(token))
        for token in _TOKEN.findall(text)
    ]
    return "".join((*parts, _END))


def _number(token: str) -> str:
    digits = token.lstrip("0")
    return f"{_NUMBER}{chr(min(len(digits), sys.maxunicode))}{digits}"


@functools.lru_cache(1024)
def flavour(release: str) -> tuple[str, ...]:
    """Return what a kernel release says of how it was built, without its version.

    ``6.1.0-18-rt-amd64`` is of the flavour (rt, amd64), ``6.6.51-v8`` of (v8), and
    ``6.5.6-300.fc39.x86_64+debug`` of (x86_64, debug). Names as of Debian, Ubuntu, Fedora, RHEL,
    openSUSE, Arch, Alpine and Raspberry Pi OS.
    """
    words: list[str] = []
    for word in release[:256].translate(_TO_DASHES).split("-"):
        if word not in _MODELS and (not word or word.replace("_", "").isdigit()):
            continue
        numbered = _NUMBERED.fullmatch(word)
        name = numbered[1] if numbered else word
        if not _BUILD.fullmatch(name) and name not in words:
            words.append(name)
    return tuple(words)


@functools.lru_cache(1024)
def release_key(release: str) -> ReleaseKey:
    """Return a value that sorts kernel releases by age, whatever flavour they are of.

    The version counts first, without the words of the flavour; of one version the plain one is
    greater than its flavours.
    """
    named = frozenset(flavour(release))
    kept = []
    for part in _PARTS.findall(release[:256]):
        numbered = _NUMBERED.fullmatch(part)
        if numbered and numbered[1] in named:
            kept.append(part.removeprefix(numbered[1]))
        else:
            kept.append("" if part in named else part)
    return key("".join(kept).rstrip("-+.~")), -len(named), key(release)


def newer(release: str, running: str) -> bool:
    """Whether a kernel release is an update of `running`: later, and of the same flavour.

    The same version in another flavour is none, nor is a later one: their numbers do not compare.
    """
    return compare(release, running) > 0 and flavour(release) == flavour(running)
