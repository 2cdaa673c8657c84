"""What the firmware of a Raspberry Pi starts: config.txt and cmdline.txt."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.raspberry_pi_format import (
    KERNELS,
    Configuration,
    configuration,
    models,
    read_settings,
    usual_kernels,
)
from warmboot.core.boot.root import Text
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import plural, printable
from warmboot.core.values import NamedTuple, dataclass, field

_FOLDER = "/boot/firmware"
_NOTE = "the firmware hands over its device tree and adds words to the command line"
_SOME = "the firmware takes this file on some boards only"
_OTHER = "the firmware takes another file on this board"
_TRIED = "the firmware takes it only where a restart asks for what is to be tried (tryboot)"


class _Start(NamedTuple):
    """What may be started: paths on the firmware's partition, which `line` is a file of too."""

    kernel: str
    initrds: tuple[str, ...]
    line: str


@dataclass
class _Firmware:
    """A config.txt and the folder that its partition is mounted at.

    `usual` is what each board starts by itself, None where that cannot be told; `others` what lies
    there for other boards; `tried` what is started after a restart that asks for it.
    """

    search: Search
    base: str
    text: Text
    usual: list[_Start | None] = field(default_factory=list)
    others: list[_Start] = field(default_factory=list)
    tried: list[_Start] = field(default_factory=list)
    conditional: bool = False
    passes_on: str | None = None

    def read(self) -> None:
        """Follow config.txt for each board that this may be."""
        settings = read_settings(self.text, self._include)
        for model in models(self.search.board):
            for tryboot in (False, True):
                found = configuration(settings, model, tryboot=tryboot)
                if not tryboot:
                    self.conditional |= found.conditional
                names = self._names(found, usual_kernels(model, wide=found.wide))
                starts = [start for name in names if (start := self._start(found, name))]
                if tryboot:
                    self.tried += starts[:1]
                    continue
                certain = bool(starts) and not found.conditional and names[0] is not None
                self.usual.append(starts[0] if certain else None)
                self.others += starts

    def _include(self, name: str) -> str | None:
        return self.search.root.read_text(f"{self.base}/{name}")

    def _names(self, found: Configuration, usual: tuple[str, ...]) -> list[str | None]:
        """Return kernels, first the one that is started, or None where that is not there."""
        first = (found.kernel,) if found.kernel else usual
        if found.prefix and not any(self._exists(found.path(name)) for name in first):
            found.prefix = ""  # as the firmware does
        if found.kernel:
            return [found.kernel]
        there = [name for name in KERNELS if self._exists(found.path(name))]
        chosen = next((name for name in usual if name in there), None)
        return [chosen, *(name for name in there if name != chosen)]

    def _exists(self, path: str) -> bool:
        return self.search.root.exists(f"{self.base}/{path}")

    def _start(self, found: Configuration, name: str | None) -> _Start | None:
        if name is None:
            return None
        if "u-boot" in name.lower():
            self.passes_on = name
            return None
        initrds = tuple(map(found.path, found.initramfs))
        if not initrds and found.own_initramfs and name in KERNELS:
            own = found.path(KERNELS[name])
            initrds = (own,) if self._exists(own) else ()
        return _Start(found.path(name), initrds, found.path(found.cmdline))

    def entry(self, number: int, start: _Start, notes: tuple[str, ...]) -> Entry:
        """Return the entry of something that may be started."""
        line = self.search.root.read_text(f"{self.base}/{start.line}")
        kernel = f"{self.base}/{start.kernel}"
        return Entry(
            id=printable(kernel.removeprefix("/boot/")),
            title=printable(f"Raspberry Pi: {start.kernel}"),
            kind=Kind.PI,
            kernel=kernel,
            initrds=tuple(printable(f"{self.base}/{initrd}") for initrd in start.initrds),
            cmdline=None if line is None else printable(line.partition("\n")[0].strip(), 65536),
            sources=(printable(f"{self.base}/config.txt#{number}"),),
            initrd_reason="named by config.txt" if start.initrds else None,
            notes=(_NOTE, *notes),
            problem=self.text.cut or (line.cut if line is not None else None),
        )


def find(search: Search) -> Iterator[Found]:
    """Yield the kernels that a config.txt starts; one without a command line is another's."""
    for base in dict.fromkeys((_FOLDER, *search.places)):
        path = f"{base}/config.txt"
        if not search.may_hold(base, "config.txt"):
            continue
        text = search.root.read_text(path)
        if text is None or search.known(path):
            continue
        firmware = _Firmware(search, base, text)
        firmware.read()
        if firmware.passes_on is not None:
            what = f"it starts {printable(firmware.passes_on, 80)}, which reads a menu of its own"
            yield SearchedPlace(printable(path), what)
        yield from _found(firmware, path)


def _found(firmware: _Firmware, path: str) -> Iterator[Found]:
    root = firmware.search.root
    listed = list(dict.fromkeys((*filter(None, firmware.usual), *firmware.others, *firmware.tried)))
    listed = [start for start in listed if root.exists(f"{firmware.base}/{start.line}")]
    if not listed:
        return
    alike = set(firmware.usual)
    chosen = alike.pop() if len(alike) == 1 else None
    entries = []
    for number, start in enumerate(listed):
        if start == chosen:
            notes: tuple[str, ...] = ()
        elif start in firmware.others:
            notes = (_OTHER if chosen is not None else _SOME,)
        else:
            notes = (_TRIED,)
        entries.append(firmware.entry(number, start, notes))
    yield from entries
    yield SearchedPlace(printable(path), plural(len(entries), "entry", "entries"))
    if firmware.text.cut:
        yield SearchedPlace(printable(path), firmware.text.cut, notice=True)
    if firmware.conditional:
        what = "parts of it count by what only the firmware knows; they are not read"
        yield SearchedPlace(printable(path), what, notice=True)
    default = entries[listed.index(chosen)].sources if chosen in listed else ()
    yield LoaderDefault(BootLoader.PI, () if firmware.text.cut else default)


SOURCE = Source((Kind.PI,), BootLoader.PI, find)
