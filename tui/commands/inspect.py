"""``warmboot inspect``: what is inside an image, checked by unpacking it."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.images import Fact, identify
from warmboot.core.images.authenticode import describe_signature, signatures_of
from warmboot.core.kexec import open_machine
from warmboot.core.payload import MemFile, unpack
from warmboot.core.payload.initrd import is_initrd
from warmboot.core.text import printable
from warmboot.tui import output
from warmboot.tui.commands import initrd
from warmboot.tui.commands.images import open_named
from warmboot.tui.facts import payload_facts
from warmboot.tui.progress import ProgressLine


def run(options: argparse.Namespace) -> int:
    """Print the header and, unless asked not to, unpack the payload and print what came out."""
    machine = open_machine(options.root)
    if options.initrd:
        return initrd.show_entry(machine, options)
    with open_named(machine, options.image) as file:
        if is_initrd(file.view):
            return initrd.show_file(machine, file, options)
        image = identify(file.view)
        payload = None
        if image.stream is not None and not options.quick:
            with ProgressLine() as progress, MemFile("warmboot-inspect") as memory:
                payload = unpack(file.view, image.stream, memory, report=progress.report)
        signatures = () if options.quick else signatures_of(file.view)
        path = printable(file.name)
    if options.json:
        fields = {"path": path, "image": image, "payload": payload, "signatures": signatures}
        output.write_json("inspect", machine, fields)
        return ExitCode.OK
    output.banner(machine)
    facts = [
        Fact("File", path),
        *image.describe(),
        *(payload_facts(payload, image) if payload else ()),
    ]
    output.write_facts([*facts, *map(describe_signature, signatures)])
    return ExitCode.OK
