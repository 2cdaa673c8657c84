"""``warmboot bpf envelope``: a boot image with a parser in it, or the containers of dialect v7."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.builder import (
    Built,
    SigningKey,
    build_container_file,
    build_envelope_file,
    build_file,
    read_parser,
)
from warmboot.core.errors import ExitCode, WarmbootError
from warmboot.core.images import Fact, ImageFile
from warmboot.core.images.authenticode import describe_signature
from warmboot.core.kexec import Machine, open_machine
from warmboot.core.text import printable, size
from warmboot.tui import output
from warmboot.tui.commands.images import open_named


class UsageError(WarmbootError):
    """Options that do not go together."""

    exit_code = ExitCode.USAGE


def run(options: argparse.Namespace) -> int:
    """Build what the dialect wants; nothing appears where a check fails."""
    machine = open_machine(options.root)
    if options.dialect == Dialect.V7:
        return _seventh(options, machine)
    if options.initrd or options.cmdline is not None or options.container:
        raise UsageError("--initrd, --cmdline and --container are for --dialect v7")
    if len(options.parser) != 1:
        raise UsageError("One --parser OBJ is needed")
    key = SigningKey(*options.sign) if options.sign else None
    with open_named(machine, options.image) as file:
        parser = read_parser(options.parser[0])
        built = build_file(file, parser, options.output, replace=options.replace, key=key)
    if options.json:
        fields = {"output": options.output, "dialect": "v6", "container": None, "built": built}
        output.write_json("bpf envelope", machine, fields)
        return ExitCode.OK
    output.write_facts(_describe(options.output, built))
    output.write_lines(f"warning: {text}" for text in built.warnings)
    return ExitCode.OK


def _describe(target: Path, built: Built) -> list[Fact]:
    report = built.report
    facts = [
        Fact("Written", f"{printable(str(target))}, {size(report.size)}"),
        Fact("Parser", f"{size(report.parser_size)} at {report.parser_offset:#x}"),
        Fact("Address", f"{report.parser_address:#x} in memory"),
    ]
    if report.moved:
        facts.append(Fact("Moved", f"all content by {report.moved:#x} bytes"))
    if report.replaced:
        facts.append(Fact("Replaced", f"a parser of {size(report.replaced)}"))
    if built.signature is not None:
        facts.append(describe_signature(built.signature))
    facts.append(Fact("Checked", "all else is byte for byte the original"))
    return facts


def _seventh(options: argparse.Namespace, machine: Machine) -> int:
    if options.sign or options.replace:
        raise UsageError("--sign and --replace are for --dialect v6; v7 leaves the image as it is")
    if bool(options.parser) != bool(options.container):
        raise UsageError("--parser and --container go together in dialect v7")
    with ExitStack() as held:
        parsers = [read_parser(path) for path in options.parser]
        file = held.enter_context(open_named(machine, options.image))
        initrd = held.enter_context(ImageFile.open(options.initrd)) if options.initrd else None
        count = build_envelope_file(file, options.output, initrd=initrd, cmdline=options.cmdline)
        container = build_container_file(parsers, options.container) if options.container else None
    if options.json:
        fields = {"output": options.output, "dialect": "v7", "built": None}
        output.write_json("bpf envelope", machine, {**fields, "container": options.container})
        return ExitCode.OK
    lines = [Fact("Envelope", f"{printable(str(options.output))}, {size(count)}")]
    if container is not None:
        lines.append(Fact("Parsers", f"{printable(str(options.container))}, {size(container)}"))
    output.write_facts(lines)
    return ExitCode.OK
