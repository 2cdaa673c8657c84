"""``warmboot extract``: the kernel out of an image, into a file that is whole or not there."""

from __future__ import annotations

import argparse
import sys

from warmboot.core.errors import ExitCode
from warmboot.core.session import open_images
from warmboot.core.text import size
from warmboot.tui.commands import output
from warmboot.tui.commands.progress import ProgressLine


def run(options: argparse.Namespace) -> int:
    """Unpack and check in memory, then write the result in one go."""
    images = open_images(options.root)
    target = output.target(options)
    with ProgressLine() as progress:
        found = images.extract(options.image, target, examined=options.json, report=progress.report)
    if options.json:
        from warmboot.tui.present.answers.extract import extract_answer

        output.write_json(extract_answer(found, options.output, simulated=images.simulated))
    elif sys.stdout.isatty() and not output.streams(target):
        output.write_lines([f"{options.output}: {size(found.size)}"])
    return ExitCode.OK
