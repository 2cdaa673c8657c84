"""``warmboot inspect``: what is inside an image, checked by unpacking it."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.images import Fact, identify
from warmboot.core.images.authenticode import describe_signature, signatures_of
from warmboot.core.images.bpfobject import carried_parser
from warmboot.core.kexec import open_machine
from warmboot.core.payload.examine import examine
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
        if not options.quick:
            with ProgressLine() as progress:
                payload = examine(file.view, image, report=progress.report)
        parser = carried_parser(file.view)
        signatures = () if options.quick else signatures_of(file.view)
        path = printable(file.name)
    if options.json:
        fields = {"path": path, "image": image, "payload": payload, "signatures": signatures}
        fields["parser"] = parser
        output.write_json("inspect", machine, fields)
        return ExitCode.OK
    output.banner(machine)
    facts = [
        Fact("File", path),
        *image.describe(),
        *(payload_facts(payload, image) if payload else ()),
    ]
    facts += parser.describe() if parser is not None else ()
    output.write_facts([*facts, *map(describe_signature, signatures)])
    return ExitCode.OK
