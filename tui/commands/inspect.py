"""``warmboot inspect``: what is inside an image or an initrd, checked by unpacking it."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import Fact
from warmboot.core.images.authenticode import describe_signature
from warmboot.core.payload.inspection import InitrdInspection, Inspection
from warmboot.core.session import open_images
from warmboot.tui.commands import output
from warmboot.tui.commands.progress import ProgressLine
from warmboot.tui.present.facts import payload_facts

if TYPE_CHECKING:
    from warmboot.core.session.images import Images


def run(options: argparse.Namespace) -> int:
    """Print the header and, unless asked not to, unpack the payload and print what came out."""
    images = open_images(options.root)
    name = options.image or options.selector
    if options.initrd:
        found = images.inspect_initrds(name, quick=options.quick)
        return _show_initrds(images, found, options)
    with ProgressLine() as progress:
        image = images.inspect(name, quick=options.quick, report=progress.report)
    if isinstance(image, InitrdInspection):
        return _show_initrds(images, [image], options)
    if options.json:
        from warmboot.tui.present.answers.inspect import inspect_image_answer

        output.write_json(inspect_image_answer(image, simulated=images.simulated))
        return ExitCode.OK
    output.banner(images)
    output.write_facts(_facts(image))
    return ExitCode.OK


def _facts(found: Inspection) -> list[Fact]:
    facts = [Fact("File", found.path), *found.image.describe()]
    facts += payload_facts(found.payload, found.image) if found.payload else ()
    facts += found.parser.describe() if found.parser is not None else ()
    return [*facts, *map(describe_signature, found.signatures)]


def _show_initrds(
    images: Images, found: list[InitrdInspection], options: argparse.Namespace
) -> int:
    if options.json:
        from warmboot.tui.present.answers.inspect import inspect_initrds_answer

        output.write_json(inspect_initrds_answer(found, simulated=images.simulated))
        return ExitCode.OK
    output.banner(images)
    for number, one in enumerate(found):
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
