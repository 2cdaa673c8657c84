"""The entries of rEFInd: stanzas of refind.conf, and kernels with options of refind_linux.conf.

Source: rEFInd's documentation, "Configuring the Boot Manager" and "Methods of Booting Linux".
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from warmboot.core.boot import version_order
from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.filesystems import By, Spec
from warmboot.core.boot.kernel_filenames import (
    for_debuggers,
    kernel_name,
    matching_initrd,
    release_in_path,
    version_in_path,
)
from warmboot.core.boot.root import Text, join
from warmboot.core.boot.search import MENU_LIMIT, Search, cut_short
from warmboot.core.boot.sources.source import Source
from warmboot.core.errors import WarmbootError
from warmboot.core.images.identify import outline
from warmboot.core.images.pe import PeProgram
from warmboot.core.text import lines, plural, printable
from warmboot.core.values import dataclass, field, replace

_CONFIGURATIONS = (
    "EFI/refind/refind.conf",
    "EFI/BOOT/refind.conf",
    "EFI/Microsoft/Boot/refind.conf",
)
_STANZAS = 256
_INCLUDES = 16
_TITLE, _VALUE = 512, 65536  # characters
_KERNELS = 64
_LINES = 16


@dataclass
class Stanza:
    """One menuentry, or a submenuentry with what it takes over from the entry around it."""

    title: str
    loader: str | None = None
    initrds: list[str] = field(default_factory=list)
    options: str = ""
    volume: str | None = None
    disabled: bool = False


def parse_stanzas(text: str) -> list[Stanza]:
    """Return the entries that refind.conf writes out, in their order."""
    found: list[Stanza] = []
    entry: Stanza | None = None
    sub: Stanza | None = None
    for line in lines(text):
        words = split_line(line)
        if not words:
            continue
        key, values = words[0].lower(), [word for word in words[1:] if word != "{"]
        if key == "menuentry" and entry is None and len(found) < _STANZAS:
            entry = Stanza(values[0][:_TITLE] if values else "")
            found.append(entry)
        elif key == "submenuentry" and entry is not None and len(found) < _STANZAS:
            title = values[0][:_TITLE] if values else ""
            sub = replace(entry, title=f"{entry.title} > {title}")
            sub.initrds = list(entry.initrds)
            found.append(sub)
        elif key == "}":
            entry, sub = (entry, None) if sub is not None else (None, None)
        elif (stanza := sub or entry) is not None:
            _set(stanza, key, values)
    return found


def split_line(line: str) -> list[str]:
    """Return the words of a line: quotes keep blanks together, # starts a comment outside them."""
    words: list[str] = []
    word: str | None = None
    quoted = False
    position = 0
    while position < len(line):
        char = line[position]
        position += 1
        if quoted:
            if char == '"' and line[position : position + 1] == '"':  # "" is a quote in quotes
                position += 1
            elif char == '"':
                quoted = False
                continue
            word = (word or "") + char
        elif char == '"':
            quoted, word = True, word or ""
        elif char == "#":
            break
        elif char in " \t\r=,":
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + char
    return [*words, *([] if word is None else [word])]


def _set(stanza: Stanza, key: str, values: list[str]) -> None:
    value = values[0][:_VALUE] if values else ""
    if key == "loader":
        stanza.loader = value or None
    elif key == "initrd":
        stanza.initrds = [value] if value else []
    elif key == "options":
        stanza.options = value
    elif key == "add_options":
        stanza.options = f"{stanza.options} {value}".strip()[:_VALUE]
    elif key == "volume":
        stanza.volume = value
    elif key == "disabled":
        stanza.disabled = True


def find(search: Search) -> Iterator[Found]:
    """Yield the entries that rEFInd is told of, and those it makes of kernels with options."""
    present = False
    for base in search.places:
        for name in _CONFIGURATIONS:
            path = f"{base}/{name}"
            text = search.root.read_text(path, MENU_LIMIT)
            if text is None or search.known(path):
                continue
            present = True
            text = _with_included(search, posixpath.dirname(path), text)
            stanzas = [one for one in parse_stanzas(text) if not one.disabled]
            for number, stanza in enumerate(stanzas):
                entry = _entry(search, base, printable(f"{path}#{number}"), stanza)
                yield replace(entry, problem=text.cut) if text.cut else entry
            yield SearchedPlace(printable(path), plural(len(stanzas), "entry", "entries"))
            if text.cut:
                yield SearchedPlace(printable(path), text.cut, notice=True)
    for folder in dict.fromkeys(("/boot", *search.places)):
        path = f"{folder}/refind_linux.conf"
        text = search.root.read_text(path)
        if text is None or search.known(path):
            continue
        present = True
        choices = [words for line in text.split("\n") if len(words := split_line(line)) == 2]
        yield from cut_short(path, len(choices), _LINES, "lines")
        kernels = _kernel_names(search, folder)
        yield from cut_short(folder, len(kernels), _KERNELS, "kernels")
        entries = list(_kernels(search, folder, kernels[:_KERNELS], choices[:_LINES]))
        yield from (replace(one, problem=text.cut) if text.cut else one for one in entries)
        yield SearchedPlace(printable(path), plural(len(entries), "entry", "entries"))
        if text.cut:
            yield SearchedPlace(printable(path), text.cut, notice=True)
    if present:  # what it starts by itself is what it started last, which only it knows
        yield LoaderDefault(BootLoader.REFIND)


def _with_included(search: Search, folder: str, text: Text) -> Text:
    """Return a configuration with the files that it includes in their places, one level deep."""
    lines: list[str] = []
    cut = text.cut
    included, size = 0, len(text)
    for line in text.split("\n"):
        words = split_line(line) if line.lstrip()[:7].lower() == "include" else []
        if len(words) != 2 or words[0].lower() != "include":
            lines.append(line)
            continue
        included += 1
        path = join(folder, words[1].replace("\\", "/"))
        left = MENU_LIMIT - size
        more = search.root.read_text(path, left) if included <= _INCLUDES and left > 0 else None
        if more is None:
            cut = cut or f"{printable(words[1], 80)}, which it includes, cannot be read"
        else:
            cut = cut or more.cut
            size += len(more)
            lines += more.split("\n")
    return Text("\n".join(lines), cut)


def _entry(search: Search, base: str, source: str, stanza: Stanza) -> Entry:
    def place(path: str) -> str:
        if stanza.volume is not None:
            specs = [Spec(by, stanza.volume) for by in (By.LABEL, By.PARTLABEL, By.PARTUUID)]
            found = search.on_volume(specs, base, _slashed(path))
            if found is not None:
                return printable(found)
            elsewhere.append(
                f"its files lie on the volume {stanza.volume}, which is not known here"
            )
        return printable(search.locate(base, _slashed(path)))

    elsewhere: list[str] = []
    kernel = place(stanza.loader) if stanza.loader else ""
    words, named = _without_initrds(stanza.options)
    initrds = tuple(place(path) for path in (*stanza.initrds, *named))
    return Entry(
        id=printable(stanza.title) or "untitled",
        title=printable(stanza.title) or "untitled",
        kind=Kind.REFIND,
        kernel=kernel,
        version=version_in_path(kernel),
        initrds=initrds,
        cmdline=printable(words, 65536),
        sources=(source,),
        problem=_problem(search, elsewhere, kernel),
        initrd_reason="named by the menu entry" if initrds else None,
    )


def _problem(search: Search, elsewhere: list[str], kernel: str) -> str | None:
    if not kernel:
        return "it names no loader that kexec could start"
    if elsewhere:
        return printable(elsewhere[0], 200)
    try:
        with search.root.open(kernel) as file:
            program = isinstance(outline(file.view), PeProgram)
    except WarmbootError as error:
        return error.message
    return f"{kernel} is an EFI program and no kernel; kexec cannot start it" if program else None


def _kernel_names(search: Search, folder: str) -> list[str]:
    """Return the kernels of a folder, newest first."""
    names = frozenset(search.names(folder))
    kernels = [
        name for name in names if kernel_name(name) is not None and not for_debuggers(name, names)
    ]
    return sorted(kernels, key=lambda n: version_order.key(kernel_name(n) or ""), reverse=True)


def _kernels(
    search: Search, folder: str, kernels: Sequence[str], choices: Sequence[Sequence[str]]
) -> Iterator[Entry]:
    """Yield an entry for each kernel of a folder and each line of options."""
    names = frozenset(search.names(folder))
    for name in kernels:
        stem = kernel_name(name) or ""
        path = f"{folder}/{name}"
        for number, (label, options) in enumerate(choices):
            text, named = _without_initrds(options.replace("%v", stem).replace("%%", "%"))
            initrds = tuple(printable(search.locate(folder, _slashed(one))) for one in named)
            initrds = initrds or matching_initrd(names, folder, stem)
            yield Entry(
                id=printable(f"{name}@{number}" if number else name),
                title=printable(f"{name}: {label}"),
                kind=Kind.REFIND,
                kernel=path,
                version=release_in_path(path),
                initrds=initrds,
                cmdline=printable(text, 65536),
                sources=(printable(f"{folder}/refind_linux.conf#{name}#{number}"),),
                initrd_reason="has the kernel's name"
                if initrds and not named
                else "named by the options"
                if initrds
                else None,
            )


def _without_initrds(options: str) -> tuple[str, list[str]]:
    """Return options without the words that name initrds for the EFI stub, and those initrds."""
    words = options.split(" ")
    named = {word: None for word in words if word.startswith("initrd=")}
    left = " ".join(word for word in words if word not in named).strip()
    return left, [word[7:] for word in named if len(word) > 7]


def _slashed(path: str) -> str:
    return posixpath.join("/", path.replace("\\", "/"))


SOURCE = Source((Kind.REFIND,), BootLoader.REFIND, find)
