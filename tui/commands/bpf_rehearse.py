"""``warmboot bpf rehearse``: what the parser would tell the kernel about an image."""

from __future__ import annotations

import argparse

from warmboot.core.bpf.workbench import ImageRehearsal
from warmboot.core.errors import ExitCode
from warmboot.core.images import Fact
from warmboot.core.session import open_session
from warmboot.tui.commands import output


def run(options: argparse.Namespace) -> int:
    """Show what the kernel would be told about an image. Exit 4 where the parser refuses it."""
    session = open_session(options.root)
    path, found = session.parsers.rehearse(options.image, options.dialect)
    if options.json:
        from warmboot.tui.present.answers.bpf_rehearse import bpf_rehearse_answer

        output.write_json(bpf_rehearse_answer(path, found, simulated=session.simulated))
    else:
        output.write_facts(_facts(path, found))
        output.write_lines(
            f"{number}. {line.action} {line.target.lower()}: {line.payload_size} bytes, "
            f"SHA-256 {line.sha256}{', for the next layer too' if line.fill else ''}"
            for number, line in enumerate(found.commands, 1)
        )
    return ExitCode.OK if found.refusal is None else ExitCode.BAD_IMAGE


def _facts(path: str, found: ImageRehearsal) -> list[Fact]:
    recipe, why = found.parser.recipe, found.why_modelled
    about = f"dialect {recipe.dialect}, for {recipe.kind.name.lower()}, {found.parser.origin}"
    ran = "the parser's own code, on this machine's kernel"
    refusal = found.refusal
    return [
        Fact("Image", path),
        Fact("Parser", about),
        Fact("Rehearsed by", ran if why is None else f"not the parser's own code: {why}"),
        Fact("This kernel", found.replay.text),
        Fact("Verdict", "handed over" if refusal is None else f"refused: {refusal}"),
    ]
