"""``warmboot inspect``: what is inside an image, checked by unpacking it."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.images import BootImage, Fact, identify
from warmboot.core.images.authenticode import describe_signature, signatures_of
from warmboot.core.kexec import open_machine
from warmboot.core.payload import MemFile, Payload, unpack
from warmboot.core.text import printable, size
from warmboot.tui import output
from warmboot.tui.commands.images import open_named
from warmboot.tui.progress import ProgressLine


def run(options: argparse.Namespace) -> int:
    """Print the header and, unless asked not to, unpack the payload and print what came out."""
    machine = open_machine(options.root)
    with open_named(machine, options.image) as file:
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
    facts = [Fact("File", path), *image.describe(), *payload_facts(image, payload)]
    output.write_facts([*facts, *map(describe_signature, signatures)])
    return ExitCode.OK


def payload_facts(image: BootImage, payload: Payload | None) -> list[Fact]:
    """Return the lines about an unpacked payload."""
    if payload is None:
        return []
    inside = payload.image.format.value if payload.image else "not a format warmboot knows"
    facts = [
        Fact("Unpacked", f"{size(payload.size)} ({payload.size} bytes), all checks passed"),
        Fact("Inside", inside),
        Fact("SHA-256 inside", payload.sha256),
    ]
    if payload.release and payload.release != image.release:
        facts.append(Fact("Kernel release", payload.release))
    if payload.config is not None:
        count = sum(line.startswith("CONFIG_") for line in payload.config.splitlines())
        facts.append(Fact("Build options", f"embedded, {count} set; --json has them"))
    if payload.banner and payload.banner != image.banner:
        facts.append(Fact("Banner", payload.banner))
    return facts
