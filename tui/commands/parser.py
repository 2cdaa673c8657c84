"""``warmboot bpf build`` and ``warmboot bpf rehearse``: parsers made, tried and explained."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass

from warmboot.core.bpf import model
from warmboot.core.bpf.abi import Command, Dialect
from warmboot.core.bpf.outfile import OutFile
from warmboot.core.bpf.parsers import Parser, parser_for
from warmboot.core.bpf.rehearse import CannotRehearse, rehearse
from warmboot.core.bpf.replay import Replay, replay
from warmboot.core.errors import ExitCode
from warmboot.core.images import BytesView, Fact, identify
from warmboot.core.images.bpfobject import ParserObject, describe_parser
from warmboot.core.kexec import open_machine
from warmboot.core.text import printable, size
from warmboot.tui import output
from warmboot.tui.commands.images import open_named


def build(options: argparse.Namespace) -> int:
    """Write the parser for an image, whole or not at all."""
    machine = open_machine(options.root)
    with open_named(machine, options.image) as file:
        parser = parser_for(identify(file.view), Dialect(options.dialect))
    with OutFile(options.output) as out:
        out.write(parser.content)
        out.commit()
    found = ParserObject.parse(BytesView(parser.content))
    if options.json:
        fields = {"output": options.output, "origin": parser.origin, "parser": found}
        output.write_json("bpf build", machine, fields)
        return ExitCode.OK
    output.write_facts(
        [
            Fact("Written", f"{printable(str(options.output))}, {size(len(parser.content))}"),
            Fact("Origin", parser.origin),
            *describe_parser(found),
        ]
    )
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class Line:
    """One command as the kernel would receive it; sizes in bytes."""

    action: str
    target: str
    payload_size: int
    sha256: str
    fill: bool


def run_rehearsal(options: argparse.Namespace) -> int:
    """Show what the kernel would be told about an image. Exit 4 where the parser refuses it."""
    machine = open_machine(options.root)
    dialect = Dialect(options.dialect)
    with open_named(machine, options.image) as file:
        image = identify(file.view)
        parser = parser_for(image, dialect)
        why = None
        try:
            outcome = rehearse(file.view, parser_for(image, dialect, rehearsal=True))
        except CannotRehearse as error:
            why = error.message
            recipe = parser.recipe
            outcome = model.run(file.view, dialect, recipe.kind, recipe.sizes.record)
        path = printable(file.name)
    loading = replay(BytesView(parser.content))
    lines = [_line(command) for command in outcome.commands]
    refusal = outcome.refusal.text if outcome.refusal is not None else None
    if options.json:
        fields = {"path": path, "dialect": dialect, "modelled": why is not None, "why": why}
        fields |= {"commands": lines, "refusal": refusal, "replay": loading}
        output.write_json("bpf rehearse", machine, fields)
    else:
        output.write_facts(_describe(path, parser, why, loading, refusal))
        output.write_lines(
            f"{number}. {line.action} {line.target.lower()}: {line.payload_size} bytes, "
            f"SHA-256 {line.sha256}{', for the next layer too' if line.fill else ''}"
            for number, line in enumerate(lines, 1)
        )
    return ExitCode.OK if outcome.refusal is None else ExitCode.BAD_IMAGE


def _line(command: Command) -> Line:
    return Line(
        command.action,
        command.target.name,
        len(command.payload),
        hashlib.sha256(command.payload).hexdigest(),
        command.fill,
    )


def _describe(
    path: str, parser: Parser, why: str | None, loading: Replay, refusal: str | None
) -> list[Fact]:
    recipe = parser.recipe
    ran = "the parser's own code, on this machine's kernel"
    return [
        Fact("Image", path),
        Fact(
            "Parser", f"dialect {recipe.dialect}, for {recipe.kind.name.lower()}, {parser.origin}"
        ),
        Fact("Rehearsed by", ran if why is None else f"a model, not the program: {why}"),
        Fact("This kernel", loading.text),
        Fact("Verdict", "handed over" if refusal is None else f"refused: {refusal}"),
    ]
