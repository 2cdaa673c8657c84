"""``warmboot cmdline``: a command line taken apart, compared and checked."""

from __future__ import annotations

import argparse

from warmboot.core.boot import Entry
from warmboot.core.boot.choose import choose
from warmboot.core.boot.cmdline import (
    Change,
    append,
    compare,
    installed,
    parse,
    reusable,
)
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.presets import (
    Preset,
    active,
    apply,
)
from warmboot.core.errors import ExitCode
from warmboot.core.kexec import CommandLine, Machine, Selection, choose_cmdline, open_machine
from warmboot.core.kexec.plan import Origin
from warmboot.core.kexec.review import remarks
from warmboot.core.text import printable
from warmboot.tui import output
from warmboot.tui.asked import chosen_presets, installed_line, presets_of

_MARKS = {Change.SAME: " ", Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}


def run(options: argparse.Namespace) -> int:
    """Print the words, what they change of the running ones, and what is to be said of them."""
    machine = open_machine(options.root)
    listing = find_entries(machine.root, machine.running())
    entry = choose(listing, options.entry) if options.entry is not None else None
    line = _line(machine, entry, options)
    differences = compare(machine.host.cmdline, line.text)
    said = remarks(machine, line.text)
    presets = presets_of(machine)
    if options.json:
        fields = {
            "entry": entry.id if entry else None,
            "cmdline": line,
            "running": machine.host.cmdline,
            "installed": installed(machine.root),
            "words": parse(line.text),
            "differences": differences,
            "remarks": said,
            "presets": [{"preset": one, "active": active(line.text, one)} for one in presets],
        }
        output.write_json("cmdline", machine, fields)
        return ExitCode.OK
    output.banner(machine)
    output.write_lines([printable(line.text, 8192) or "(empty)", f"  {line.origin.value}", ""])
    groups = {word.text: word.group.value for word in parse(line.text)}
    rows = []
    for one in differences:
        text = one.new if one.new is not None else one.old or ""
        was = f"  (was {one.old})" if one.change is Change.CHANGED else ""
        rows.append((_MARKS[one.change], groups.get(text, ""), printable(f"{text}{was}")))
    output.write_lines(output.table(rows) if rows else [])
    output.write_lines(["", "+ new  - gone  ~ changed, compared with the running kernel's", ""])
    for remark in said:
        output.write_lines([f"{remark.level.upper()} {remark.check}: {remark.text}"])
        output.write_lines([f"     {remark.hint}"] if remark.hint else [])
    names = [f"{one.name}{'*' if active(line.text, one) else ''}" for one in presets]
    output.write_lines([f"presets: {' '.join(names)}   (* in use)"])
    return ExitCode.OK


def _line(machine: Machine, entry: Entry | None, options: argparse.Namespace) -> CommandLine:
    presets = chosen_presets(machine, options)
    own = installed_line(machine, options, entry)
    if entry is None:
        text = options.cmdline
        origin = Origin.TYPED if text is not None else Origin.RUNNING
        if text is None and own is not None:
            text, origin = own, Origin.INSTALLED
        text = reusable(machine.host.cmdline) if text is None else text
        return _changed(CommandLine(text, origin), presets, options.append)
    with Selection.open(machine.root, entry, None, ()) as selection:
        return choose_cmdline(
            entry,
            selection.image,
            machine.host,
            typed=options.cmdline,
            extra=options.append,
            reuse=options.reuse_cmdline,
            installed=own,
            presets=presets,
        )


def _changed(line: CommandLine, presets: tuple[Preset, ...], extra: str | None) -> CommandLine:
    text = line.text
    for preset in presets:
        text = apply(text, preset)
    return CommandLine(append(text, extra) if extra else text, line.origin)
