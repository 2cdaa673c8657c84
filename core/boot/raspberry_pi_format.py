"""config.txt of a Raspberry Pi: what its firmware starts, on which board.

Source: Raspberry Pi documentation, "config.txt" (boot options, conditional filters).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from warmboot.core.expression import expression
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.values import NamedTuple, dataclass, field

if TYPE_CHECKING:
    from warmboot.core.images.devicetree import Board

#: Kernels that the firmware takes without a word about it, by the board, and their initrds.
KERNELS = {
    "kernel_2712.img": "initramfs_2712", "kernel8.img": "initramfs8",
    "kernel7l.img": "initramfs7l", "kernel7.img": "initramfs7", "kernel.img": "initramfs",
}  # fmt: skip
_ZERO, _ONE, _TWO, _THREE, _FOUR, _FIVE = ("pi0", "pi1", "pi2", "pi3", "pi4", "pi5")
#: The filters that count on a board, its generation first, by its name in the device tree.
_MODELS = {
    "model-a": (_ONE,), "model-b": (_ONE,), "compute-module": (_ONE,), "model-zero": (_ZERO,),
    "model-zero-w": (_ZERO, "pi0w"), "model-zero-2-w": (_ZERO, "pi0w", "pi02"),
    "2-model-b": (_TWO,), "3-model-b": (_THREE,), "3-compute-module": (_THREE,),
    "3-model-a-plus": (_THREE, "pi3+"), "3-model-b-plus": (_THREE, "pi3+"), "4-model-b": (_FOUR,),
    "400": (_FOUR, "pi400"), "4-compute-module": (_FOUR, "cm4"),
    "4-compute-module-s": (_FOUR, "cm4s"), "5-model-b": (_FIVE,), "500": (_FIVE, "pi500"),
    "5-compute-module": (_FIVE, "cm5"),
}  # fmt: skip
_ALIKE = {"model-a-plus": "model-a", "model-b-plus": "model-b", "model-b-rev2": "model-b",
          "2-model-b-rev2": "2-model-b"}  # fmt: skip
_MODEL = expression(r"(?:pi|cm)[0-9][a-z0-9+]*")
_DEPTH, _INCLUDES = 8, 8
_DECIDING = (
    "kernel", "initramfs", "ramfsfile", "auto_initramfs", "cmdline", "os_prefix", "arm_64bit",
)  # fmt: skip


class Setting(NamedTuple):
    """A line that decides what is started; with no key, a filter for the lines behind it."""

    key: str | None
    value: str


Model = tuple[str, ...]
Include = Callable[[str], str | None]


@dataclass
class Configuration:
    """What config.txt says for one board; `conditional`: some of it counts on what only the
    firmware knows (a monitor, a pin, a serial number). `wide` is ``arm_64bit``, None where it is
    not said. `prefix` stands before the names of files, unless these start with a slash.
    """

    kernel: str | None = None
    initramfs: tuple[str, ...] = ()
    own_initramfs: bool = False
    cmdline: str = "cmdline.txt"
    prefix: str = ""
    wide: bool | None = None
    conditional: bool = False

    def path(self, name: str) -> str:
        """Return the path of a file on the firmware's partition, without a slash in front."""
        return name.lstrip("/") if name.startswith("/") else self.prefix + name


def models(board: Board | None) -> tuple[Model, ...]:
    """Return the filters of a board; those of each board where it is not known."""
    names = board.compatible if board is not None else ()
    for name in names:
        plain = name.removeprefix("raspberrypi,")
        found = _MODELS.get(_ALIKE.get(plain, plain)) if plain != name else None
        if found is not None:
            return (found,)
    return tuple(dict.fromkeys(_MODELS.values()))


def usual_kernels(model: Model, *, wide: bool | None) -> tuple[str, ...]:
    """Return what the firmware of a board starts where `kernel` is not said, best first."""
    if _FIVE in model:
        return ("kernel_2712.img", "kernel8.img")
    if wide or (wide is None and _FOUR in model):
        return ("kernel8.img",)
    if _FOUR in model:
        return ("kernel7l.img",)
    single = _ONE in model or (_ZERO in model and "pi02" not in model)
    return ("kernel.img",) if single else ("kernel7.img",)


def read_settings(text: str, include: Include = lambda _: None) -> list[Setting]:
    """Return the lines of config.txt that decide what is started, and the filters between them.

    `include` returns the text of an included file, None without one.
    """
    found: list[Setting] = []
    for line in _lines(text, include, [_INCLUDES], 0):
        if line.startswith("[") and line.endswith("]"):
            found.append(Setting(None, line[1:-1].strip().lower()))
            continue
        key, equals, value = line.partition("=")
        if not equals:
            key, _, value = line.partition(" ")
        key = key.strip().lower()
        if key in _DECIDING:
            found.append(Setting(key, value.strip()))
    return found


def configuration(
    settings: Sequence[Setting], model: Model = (), *, tryboot: bool = False
) -> Configuration:
    """Return what counts on a board, with `tryboot` after a restart that asked for a try."""
    found, filters = Configuration(), _Filters(model, tryboot)
    for key, value in settings:
        if key is None:
            filters.read(value)
            continue
        counts = filters.counts()
        if counts is None:
            found.conditional = True
        elif counts:
            _set(found, key, value)
    return found


@dataclass
class _Filters:
    """The filters that are on: those of one kind replace each other, those of others add up."""

    model: Model
    tryboot: bool
    kinds: dict[str, bool | None] = field(default_factory=dict)

    def read(self, name: str) -> None:
        if name == "all":
            self.kinds.clear()
        elif name == "none":
            self.kinds["none"] = False
        elif name == "tryboot":
            self.kinds["tryboot"] = self.tryboot
        elif _MODEL.fullmatch(name):
            self.kinds["model"] = name in self.model
        elif name.startswith("board-type"):
            self.kinds["model"] = None
        else:
            self.kinds["other"] = None

    def counts(self) -> bool | None:
        """Whether what follows counts, None where only the firmware knows."""
        values = self.kinds.values()
        return False if False in values else None if None in values else True


def _lines(text: str, include: Include, left: list[int], depth: int) -> Iterator[str]:
    """Yield the lines of a file, and those of included files in their place."""
    for raw in text.split("\n"):
        line = raw.partition("#")[0].strip()
        word, _, name = line.partition(" ")
        if word.lower() != "include":
            yield line
        elif depth < _DEPTH and left[0] > 0:
            left[0] -= 1
            yield from _lines(include(name.strip()) or "", include, left, depth + 1)


def _set(found: Configuration, key: str, value: str) -> None:
    if key == "kernel":
        found.kernel = value or None
    elif key in ("initramfs", "ramfsfile"):
        words = value.split()
        found.initramfs = tuple(name for name in words[0].split(",") if name) if words else ()
    elif key == "auto_initramfs":
        found.own_initramfs = value == "1"
    elif key == "cmdline":
        found.cmdline = value or "cmdline.txt"
    elif key == "os_prefix":
        found.prefix = value
    elif key == "arm_64bit":
        found.wide = value not in ("", "0")
