"""``warmboot bpf build``: the parser for an image, in a file."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.images import Fact
from warmboot.core.images.bpfobject import describe_parser
from warmboot.core.session import open_session
from warmboot.core.text import printable, size
from warmboot.tui.commands import output


def run(options: argparse.Namespace) -> int:
    """Write the parser for an image, whole or not at all."""
    session = open_session(options.root)
    target = output.target(options)
    built = session.parsers.build(options.image, options.dialect, target)
    if options.json:
        from warmboot.tui.present.answers.bpf_build import bpf_build_answer

        output.write_json(bpf_build_answer(built, options.output, simulated=session.simulated))
        return ExitCode.OK
    with output.about(target):
        output.write_facts(
            [
                Fact("Written", f"{printable(str(target))}, {size(built.size)}"),
                Fact("Origin", built.origin),
                *describe_parser(built.parser),
            ]
        )
    return ExitCode.OK
