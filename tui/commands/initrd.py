"""``warmboot inspect`` of initrds: what they hold, and whether it belongs to the kernel."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from warmboot.core.boot import Entry
from warmboot.core.boot.choose import choose
from warmboot.core.boot.find import find_entries
from warmboot.core.errors import ExitCode, NotFound, WarmbootError
from warmboot.core.images import Fact, ImageFile, identify
from warmboot.core.kexec import Machine
from warmboot.core.payload.initrd import Initrd, mismatch, read_initrd
from warmboot.core.text import printable
from warmboot.tui import output


@dataclass(frozen=True, slots=True)
class Shown:
    """An initrd, and a warning where it does not fit the kernel."""

    path: str
    initrd: Initrd
    warning: str | None


def show_file(machine: Machine, file: ImageFile, options: argparse.Namespace) -> int:
    """Print what an initrd file holds."""
    initrd = read_initrd(file.view, whole=not options.quick)
    return _show(machine, [Shown(printable(file.name), initrd, None)], options)


def show_entry(machine: Machine, options: argparse.Namespace) -> int:
    """Print what the initrds of an entry hold; raises NotFound where it has none."""
    entry = choose(find_entries(machine.root), options.image)
    if not entry.initrds:
        hint = "warmboot inspect without --initrd shows its kernel."
        raise NotFound(f"The entry {entry.id} names no initrd", hint=hint)
    release = entry.version or _release(machine, entry)
    shown = []
    for path in entry.initrds:
        with machine.root.open(path) as file:
            initrd = read_initrd(file.view, whole=not options.quick)
        shown.append(Shown(printable(path), initrd, mismatch(initrd, release)))
    return _show(machine, shown, options)


def _release(machine: Machine, entry: Entry) -> str | None:
    try:
        with machine.root.open(entry.kernel) as file:
            return identify(file.view).release
    except WarmbootError:
        return None


def _show(machine: Machine, shown: list[Shown], options: argparse.Namespace) -> int:
    if options.json:
        output.write_json("inspect", machine, {"initrds": shown})
        return ExitCode.OK
    output.banner(machine)
    for number, one in enumerate(shown):
        if number:
            output.write_lines([""])
        facts = [Fact("File", one.path), *one.initrd.describe()]
        if one.warning:
            facts.append(Fact("WARNING", one.warning))
        output.write_facts(facts)
        for part, segment in enumerate(one.initrd.segments, 1):
            if segment.names:
                output.write_lines(["", f"The first files of archive {part}:"])
                output.write_lines(f"  {name}" for name in segment.names)
    return ExitCode.OK
