"""Words that are put into a command line, and taken out again, with one key.

The configuration files (warmboot.core.configfile) add to the built-in ones or replace them::

    [preset.rescue]
    title = "Rescue shell"
    add = "systemd.unit=rescue.target"
    remove = "quiet splash"
"""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.architecture import of_machine
from warmboot.core.boot.cmdline import Word, append, parse, split_words
from warmboot.core.configfile import ConfigFile, read_config
from warmboot.core.errors import NotFound, WarmbootError
from warmboot.core.expression import expression
from warmboot.core.hints import Any
from warmboot.core.text import printable
from warmboot.core.values import dataclass

_NAME = expression(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Preset:
    """A change to a command line.

    `add` are words to be there, `remove` the names (``quiet``) or words (``console=tty0``) not to
    be there.
    """

    name: str
    title: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def built_in(machine: str) -> tuple[Preset, ...]:
    """Return the presets that need no configuration; `machine` is what ``uname -m`` prints."""
    architecture = of_machine(machine)
    serial = architecture.facts.serial_console if architecture else None
    port = (Preset("serial", "Serial console", ("console=tty0", f"console={serial}")),)
    return (
        Preset("rescue", "Rescue: a root shell, few services", ("systemd.unit=rescue.target",)),
        Preset("init-shell", "A shell instead of init", ("init=/bin/sh", "rw"), ("ro",)),
        Preset("nomodeset", "No kernel graphics drivers", ("nomodeset",), ("splash",)),
        *(port if serial else ()),
        Preset(
            "safety-net",
            "Back through firmware if the kernel dies early",
            (
                "panic=30",
                "oops=panic",
                "softlockup_panic=1",
                "hung_task_panic=1",
                "systemd.crash_reboot=1",
                "rd.shell=0",
                "rd.emergency=reboot",
            ),
        ),
    )


def apply(cmdline: str, preset: Preset) -> str:
    """Return `cmdline` with a preset's words behind its others: the last of a name counts."""
    unwanted = {_mark(word) for word in preset.add}
    kept = _without(cmdline, lambda word: _removed(word, preset) or _mark(word.text) in unwanted)
    return append(kept, " ".join(preset.add))


def active(cmdline: str, preset: Preset) -> bool:
    """Whether a preset's words are all there, and what it takes out is not."""
    words = _kernel_words(cmdline)
    marks = {_mark(word.text) for word in words}
    there = all(_mark(word) in marks for word in preset.add)
    return there and not any(_removed(word, preset) for word in words)


def remove(cmdline: str, preset: Preset, base: str = "") -> str:
    """Return `cmdline` without a preset's words.

    What it had taken out, or what it shares with `base`, the command line it was applied to,
    comes back from there.
    """
    added = {_mark(word) for word in preset.add}
    original = _kernel_words(base)
    kept = {_mark(word.text) for word in original}
    without = _without(cmdline, lambda word: _mark(word.text) in added - kept)
    there = {_mark(word.text) for word in _kernel_words(without)}
    back = [word.text for word in original if _removed(word, preset)]
    return append(without, " ".join(word for word in back if _mark(word) not in there))


def find_preset(presets: Sequence[Preset], name: str) -> Preset:
    """Return the preset called `name`; raise NotFound, naming those there are."""
    for preset in presets:
        if preset.name == name:
            return preset
    names = ", ".join(preset.name for preset in presets)
    raise NotFound(f"No preset is called {printable(name)}", hint=f"There are: {names}.")


def read_presets(machine: str, files: Sequence[ConfigFile]) -> tuple[Preset, ...]:
    """Return the built-in presets and those of the configuration files; files need not exist.

    Raises WarmbootError for a file that cannot be read or holds something else.
    """
    presets = {preset.name: preset for preset in built_in(machine)}
    for file in files:
        for preset in _from_file(file):
            presets[preset.name] = preset
    return tuple(presets.values())


def _from_file(file: ConfigFile) -> list[Preset]:
    shown = printable(str(file.path))
    table = read_config(file).get("preset", {})
    if not isinstance(table, dict):
        raise WarmbootError(f"{shown}: preset is not a table", hint="Write [preset.NAME].")
    return [_preset(shown, name, fields) for name, fields in table.items()]


def _preset(shown: str, name: str, fields: Any) -> Preset:
    where = f"{shown}: preset {printable(name, 40)}"
    if not _NAME.fullmatch(name):
        hint = "Use lower-case letters, digits and hyphens."
        raise WarmbootError(f"{where} has no usable name", hint=hint)
    allowed = {"title", "add", "remove"}
    if not isinstance(fields, dict) or set(fields) - allowed:
        raise WarmbootError(f"{where}: only title, add and remove are known")
    values = {key: fields.get(key, "") for key in allowed}
    for key, value in values.items():
        if isinstance(value, list) and key != "title" and all(isinstance(v, str) for v in value):
            values[key] = " ".join(value)
        elif not isinstance(value, str):
            raise WarmbootError(f"{where}: {key} is not text")
    if any("\0" in value or "\n" in value for value in values.values()):
        raise WarmbootError(f"{where}: a newline or a NUL cannot be part of a command line")
    title = printable(values["title"], 80) or name
    add, taken = tuple(split_words(values["add"])), tuple(split_words(values["remove"]))
    if "--" in add or not (add or taken):
        raise WarmbootError(f"{where} adds nothing that could be a kernel parameter")
    return Preset(name, title, add, taken)


def _removed(word: Word, preset: Preset) -> bool:
    named = {_mark(name) for name in preset.remove}
    return _mark(word.text) in named or (word.key, None) in named


def _mark(text: str) -> tuple[str, str | None]:
    """Return what makes two words the same to the kernel: name and value."""
    (word, *_) = parse(text) or (None,)
    return (word.key, word.value) if word else ("", None)


def _kernel_words(cmdline: str) -> tuple[Word, ...]:
    words = split_words(cmdline)
    end = words.index("--") if "--" in words else len(words)
    return parse(" ".join(words[:end]))


def _without(cmdline: str, unwanted: Any) -> str:
    words = split_words(cmdline)
    end = words.index("--") if "--" in words else len(words)
    kept = [word.text for word in parse(" ".join(words[:end])) if not unwanted(word)]
    return " ".join([*kept, *words[end:]])
