"""Commands that look for file systems, ask about them, and read what GRUB keeps over a restart."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot.filesystems import By, Place, Spec
from warmboot.core.boot.grub.environment import parse_environment
from warmboot.core.boot.grub.files import UndecidedError
from warmboot.core.boot.grub.options import parse_options
from warmboot.core.boot.grub.regexp import search_groups
from warmboot.core.boot.grub.run import Handler, Run
from warmboot.core.boot.grub.state import Status
from warmboot.core.boot.grub.values import is_known, unknown

_HINTS = ("hint", "hint-ieee1275", "hint-bios", "hint-baremetal", "hint-efi", "hint-arc")
#: The last one is of Fedora's GRUB.
_WITHOUT = ("no-floppy", "efidisk-only", "cryptodisk-only", "root-dev-only")
_BY = {"fs-uuid": By.UUID, "label": By.LABEL, "file": By.FILE, "part-uuid": By.PARTUUID}


def _search(run: Run, words: Sequence[str]) -> Status:
    """Find a file system; the variable keeps its value where there is none."""
    options = parse_options(
        words, ("set", *_HINTS), (*_WITHOUT, *_BY),
        {"f": "file", "l": "label", "u": "fs-uuid", "p": "part-uuid", "s": "set", "n": "no-floppy",
         "h": "hint"},
    )  # fmt: skip
    if options is None:
        # --set without a value may stand last, or in front of another option.
        words = [word for word in words if word not in ("--set", "-s")]
        options = parse_options(
            words, ("set", *_HINTS), (*_WITHOUT, *_BY),
            {"f": "file", "l": "label", "u": "fs-uuid", "n": "no-floppy"},
        )  # fmt: skip
        if options is None:
            return _set_to_unknown(run, words)
        options.values.setdefault("set", ["root"])
    name = options.last("set")
    by = next((_BY[key] for key in _BY if key in options.values), None)
    if by is None or not options.words:
        return 18
    variable = name or (options.words[1] if len(options.words) > 1 else None)
    return _found(run, by, options.words[0], variable)


def _set_to_unknown(run: Run, words: Sequence[str]) -> Status:
    """Take what a search with options of another GRUB finds for unknown."""
    names = [word.partition("=")[2] for word in words if word.startswith(("--set=", "-s="))]
    for name in names or ["root"]:
        if is_known(name):
            run.set(name, unknown(name))
    return None


def _found(run: Run, by: By, value: str, variable: str | None) -> Status:
    if variable is not None and not is_known(variable):
        return None
    if not is_known(value):
        if variable:
            run.set(variable, unknown(variable))
        return None
    spec = Spec(by, value)
    status = _is_here(run, spec)
    if variable:
        run.set(variable, run.add_device(spec))
    return status


def _is_here(run: Run, spec: Spec) -> Status:
    """Return success where a search is sure to find something; a disk may be elsewhere."""
    run.budget.step(20)
    try:
        there = run.files.facts(Place(spec, spec.value if spec.by is By.FILE else "/"))
    except UndecidedError:
        return None
    return 0 if there is not None else None


def _search_for(by: By) -> Handler:
    """Return search.fs_uuid and the like: a value, a variable, hints."""

    def search(run: Run, words: list[str]) -> Status:
        words = [word for word in words if word != "--no-floppy"]
        if not words:
            return 18
        variable = words[1] if len(words) > 1 and not words[1].startswith("--") else None
        return _found(run, by, words[0], variable)

    return search


def _probe(run: Run, words: Sequence[str]) -> Status:
    asked = ("driver", "partmap", "fs", "fs-uuid", "label", "part-uuid")
    options = parse_options(
        words, ("set",), asked,
        {"s": "set", "d": "driver", "p": "partmap", "f": "fs", "u": "fs-uuid", "l": "label"},
    )  # fmt: skip
    variable = options.last("set") if options is not None else None
    if options is None or variable is None or not options.words or not is_known(variable):
        return None
    value = None
    try:
        value = _answer(run, options.words[0].strip("()"), options.values)
    except UndecidedError:
        value = None
    run.variables.set(variable, unknown(variable) if value is None else value)
    return None if value is None else 0


def _answer(run: Run, name: str, asked: dict[str, list[str]]) -> str | None:
    spec = run.device(name)
    if "fs-uuid" in asked:
        return spec.value if spec.by is By.UUID else run.files.uuid(Place(spec, "/"))
    for key, by in (("label", By.LABEL), ("part-uuid", By.PARTUUID)):
        if key in asked and spec.by is by:
            return spec.value
    return None


def _regexp(run: Run, words: Sequence[str]) -> Status:
    options = parse_options(words, ("set",), (), {"s": "set"})
    if options is None or len(options.words) != 2:
        return 18
    pattern, text = options.words
    run.budget.step(20)
    groups = None
    known = is_known(pattern) and is_known(text)
    if known:
        groups = search_groups(pattern, text, run.budget)
        known = groups is not None
    for one in options.values.get("set", []):
        number, colon, variable = one.rpartition(":")
        index = int(number) if number.isdecimal() and len(number) < 4 else 1 if not colon else None
        if index is None or not is_known(variable):
            continue
        if not known:
            run.variables.set(variable, unknown(variable))
        elif groups and index < len(groups) and groups[index] is not None:
            run.set(variable, groups[index] or "")
    if not known:
        return None
    return 0 if groups else 1


def _block(run: Run, file: str | None) -> tuple[str, dict[str, str]]:
    """Return the name of an environment block and its variables; raise UndecidedError."""
    place = run.place(file or run.variables.get("prefix") + "/grubenv")
    if place.spec.by is By.IMAGE:
        raise UndecidedError(place.spec.words())
    name = run.files.identity(place)
    if name not in run.blocks:
        run.blocks[name] = parse_environment(run.files.read(place) or "")
        run.budget.step(len(run.blocks[name]))
    return name, run.blocks[name]


def _load_env(run: Run, words: Sequence[str]) -> Status:
    options = parse_options(words, ("file",), ("skip-sig",), {"f": "file", "s": "skip-sig"})
    if options is None:
        return None
    try:
        _, block = _block(run, options.last("file"))
    except UndecidedError:
        return None
    names = [name for name in options.words if is_known(name)]
    for name, value in block.items():
        if not options.words or name in names:
            run.set(name, value)
    return 0


def _save_env(run: Run, words: Sequence[str]) -> Status:
    """Note what would be kept, for the restart after the next one."""
    options = parse_options(words, ("file",), (), {"f": "file"})
    if options is None or not run.certain or run.item is not None:
        return None
    try:
        _, block = _block(run, options.last("file"))
    except UndecidedError:
        return None
    for name in options.words:
        value = run.variables.values.get(name)
        if not is_known(name):
            continue
        run.changed = run.changed or block.get(name) != value
        if value is None:
            block.pop(name, None)
        else:
            block[name] = value
    return None


COMMANDS: dict[str, Handler] = {
    "search": _search,
    "search.file": _search_for(By.FILE),
    "search.fs_uuid": _search_for(By.UUID),
    "search.fs_label": _search_for(By.LABEL),
    "search.part_uuid": _search_for(By.PARTUUID),
    "search.part_label": _search_for(By.PARTLABEL),
    "probe": _probe,
    "regexp": _regexp,
    "load_env": _load_env,
    "save_env": _save_env,
}
