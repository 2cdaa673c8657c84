"""Kernel command lines, split as the kernel does it (lib/cmdline.c, next_arg)."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence

from warmboot.core.boot.root import BootRoot
from warmboot.core.enumeration import StrEnum
from warmboot.core.expression import expression
from warmboot.core.values import dataclass

#: What boot loaders add for themselves, and a kexec on LoongArch; it would lie after a kexec.
_LOADER_WORDS = ("BOOT_IMAGE", "initrd", "kexec", "kexec_file")
#: The first of the words that a restart on trial adds; the last part of its value says how many
#: follow. They are about that restart alone.
TRIAL = "warmboot.trial"
#: What a kexec on LoongArch puts in front of the line (arch/loongarch/kernel/machine_kexec_file.c).
_KEXEC = expression(r"kexec(?:_file)?[ ]+(?:initrd=0x[0-9a-f]+,0x[0-9a-f]+[ ]+)?")
_WORD = expression(r"[^ \t\n\v\f\r]+")
_BLANK = " \t\n\v\f\r"  # what the kernel's isspace() knows of ASCII


class WordGroup(StrEnum):
    """What a parameter is about, for a person who looks for it."""

    ROOT = "root file system"
    CONSOLE = "console and messages"
    SYSTEMD = "systemd"
    INITRD = "initrd"
    RECOVERY = "panic and crash"
    MODULE = "module option"
    LOADER = "from the boot loader"
    INIT = "arguments of init"
    OTHER = "other"


_GROUPS = {
    WordGroup.ROOT: (
        "root", "rootfstype", "rootflags", "rootdelay", "rootwait", "ro", "rw", "resume",
        "resume_offset", "ostree", "zfs", "cryptdevice", "nfsroot",
    ),
    WordGroup.CONSOLE: (
        "console", "earlycon", "earlyprintk", "quiet", "loglevel", "debug", "splash", "nomodeset",
        "ignore_loglevel", "keep_bootcon", "plymouth.enable", "fbcon", "video", "printk.time",
    ),
    WordGroup.RECOVERY: ("panic", "oops", "crashkernel", "panic_on_oops", "panic_print",
                     "softlockup_panic", "hung_task_panic"),
    WordGroup.SYSTEMD: ("init", "single", "emergency", "rescue", "S", "s", "1", "3", "5"),
    WordGroup.LOADER: _LOADER_WORDS,
}  # fmt: skip
_BY_NAME = {name.replace("-", "_"): group for group, names in _GROUPS.items() for name in names}
_BY_PREFIX = {
    "systemd.": WordGroup.SYSTEMD,
    "rd.": WordGroup.INITRD,
    "mount.usr": WordGroup.ROOT,
    "luks.": WordGroup.ROOT,
}


@dataclass(frozen=True)
class Word:
    """One word of a command line.

    `text` is the word as it stands there; `name` and `value` are what the kernel makes of it: the
    quotes round the value, or round the whole word, are gone. `value` is None without ``=``.
    """

    text: str
    name: str
    value: str | None
    group: WordGroup

    @property
    def key(self) -> str:
        """The name as the kernel compares it: ``-`` and ``_`` are the same (parameq)."""
        return self.name.replace("-", "_")


def parse(text: str) -> tuple[Word, ...]:
    """Return the words of a command line, those of init (behind ``--``) too, but not the ``--``."""
    words = []
    init = False
    for raw in split_words(text):
        if raw == "--" and not init:
            init = True
            continue
        words.append(_word(raw, init=init))
    return tuple(words)


def last_value(words: Sequence[Word], key: str) -> str | None:
    """Return what a word says, None without it: where it stands several times, the last counts."""
    return next((word.value for word in reversed(words) if word.key == key), None)


def root_word(text: str) -> str | None:
    """Return what root= of a command line names, None where there is none."""
    return last_value(parse(text), "root")


def _word(raw: str, *, init: bool) -> Word:
    quoted = raw.startswith('"')
    inner = raw[1:] if quoted else raw
    name, equals, value = inner.partition("=")
    if equals and value.startswith('"'):
        value = value[1:].removesuffix('"')
    elif equals and quoted:
        value = value.removesuffix('"')
    elif quoted:
        name = name.removesuffix('"')
    if init:
        return Word(raw, name, value if equals else None, WordGroup.INIT)
    return Word(raw, name, value if equals else None, _group(name.replace("-", "_")))


def _group(key: str) -> WordGroup:
    if key in _BY_NAME:
        return _BY_NAME[key]
    for prefix, group in _BY_PREFIX.items():
        if key.startswith(prefix):
            return group
    return WordGroup.MODULE if "." in key else WordGroup.OTHER


def split_words(text: str) -> list[str]:
    """Split at blanks that are not between double quotes; the quotes stay part of the word."""
    if '"' not in text:
        return _WORD.findall(text)
    return [part for part in _outside_quotes(text) if part]


def _outside_quotes(text: str) -> Iterator[str]:
    start = 0
    quoted = False
    for position, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char in _BLANK and not quoted:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def reusable(running: str) -> str:
    """Return the running command line without what the boot loader, or a trial, had put into it.

    Everything behind ``--`` belongs to init and stays as it is.
    """
    kept: list[str] = []
    words = split_words(running)
    passed_over = 0
    for position, word in enumerate(words):
        name, _, value = word.partition("=")
        if word == "--":
            kept.extend(words[position:])
            break
        if name == TRIAL:
            count = value.rpartition(",")[2]
            passed_over = (
                int(count) if count.isascii() and count.isdigit() and count[3:] == "" else 0
            )
        elif passed_over:
            passed_over -= 1
        elif name not in _LOADER_WORDS:
            kept.append(word)
    return " ".join(kept)


def without_kexec(running: str) -> str:
    """Return the running command line without what a kexec on LoongArch added to it.

    kexec-tools puts the initrd's place at its end instead, in decimal.
    """
    found = _KEXEC.match(running)
    line = running[found.end() :] if found else running
    if not found or "initrd=" in found[0]:
        return line
    before, _, place = line.rstrip().rpartition(" initrd=")
    address, _, size = place.partition(",")
    return before if before and address.isdecimal() and size.isdecimal() else line


def append(base: str, extra: str) -> str:
    """Return `base` with the words of `extra` behind its kernel parameters.

    They go before a ``--``: behind it they would be arguments of init.
    """
    words = split_words(base)
    place = words.index("--") if "--" in words else len(words)
    return " ".join([*words[:place], *split_words(extra), *words[place:]])


class Change(StrEnum):
    """How a parameter differs between two command lines."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Difference:
    """One parameter in two command lines: `old` and `new` are its words, None where absent."""

    change: Change
    name: str
    old: str | None
    new: str | None


def compare(old: str, new: str) -> tuple[Difference, ...]:
    """Return what `new` makes of `old`, in the order of `new`, what is removed at the end.

    What boot loaders add counts in neither. A name that stands once on either side with another
    value is changed; where it stands several times (console=), words are added and removed.
    """
    before, after = dict(enumerate(parse(reusable(old)))), parse(reusable(new))
    same: dict[tuple[object, ...], deque[int]] = defaultdict(deque)
    for number, word in before.items():
        same[*_name(word), word.value].append(number)
    result: list[Difference | None] = []
    for word in after:
        numbers = same[*_name(word), word.value]
        if not numbers:
            result.append(None)
            continue
        other = before.pop(numbers.popleft())
        result.append(Difference(Change.SAME, word.name, other.text, word.text))
    left: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, word in before.items():
        left[_name(word)].append(number)
    lonely = Counter(_name(w) for w, found in zip(after, result, strict=True) if found is None)
    differences: list[Difference] = []
    for word, found in zip(after, result, strict=True):
        numbers_left = left[_name(word)]
        if found is not None:
            differences.append(found)
        elif len(numbers_left) == 1 == lonely[_name(word)]:
            other = before.pop(numbers_left.pop())
            differences.append(Difference(Change.CHANGED, word.name, other.text, word.text))
        else:
            differences.append(Difference(Change.ADDED, word.name, None, word.text))
    removed = (Difference(Change.REMOVED, w.name, w.text, None) for w in before.values())
    return (*differences, *removed)


def _name(word: Word) -> tuple[object, ...]:
    """Return what makes two words settings of the same thing."""
    return word.key, word.group is WordGroup.INIT


def installed(root: BootRoot) -> str | None:
    """Return the command line that kernel-install(8) writes into new entries, None without one.

    Looked at in order: /etc/kernel/cmdline, /usr/lib/kernel/cmdline.
    """
    for name in ("/etc/kernel/cmdline", "/usr/lib/kernel/cmdline"):
        text = root.read_text(name)
        if text is not None and not text.cut:
            return " ".join(split_words(text))
    return None
