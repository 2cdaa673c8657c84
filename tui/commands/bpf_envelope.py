"""``warmboot bpf envelope``: a boot image with a parser in it, or the containers of dialect v7."""

from __future__ import annotations

import argparse
from pathlib import Path

from warmboot.core.bpf.builder import Built
from warmboot.core.errors import ExitCode, WrongArgument
from warmboot.core.images import Fact
from warmboot.core.images.authenticode import describe_signature
from warmboot.core.session import Session, open_session
from warmboot.core.text import printable, size
from warmboot.tui.commands import output


def run(options: argparse.Namespace) -> int:
    """Build what the dialect wants; nothing appears where a check fails."""
    session = open_session(options.root)
    output.target(options)
    if options.dialect == "v7":
        return _containers(options, session)
    if options.initrd or options.cmdline is not None or options.container:
        raise WrongArgument("--initrd, --cmdline and --container are for --dialect v7")
    if len(options.parser) > 1:
        raise WrongArgument("Dialect v6 takes one --parser OBJ, or none for one that fits")
    built = session.parsers.envelop(
        options.image,
        options.parser[0] if options.parser else None,
        options.output,
        replace=options.replace,
        key=options.sign,
    )
    if options.json:
        from warmboot.tui.present.answers.bpf_envelope import with_parser_answer

        output.write_json(with_parser_answer(options.output, built, simulated=session.simulated))
        return ExitCode.OK
    with output.about(options.output):
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


def _containers(options: argparse.Namespace, session: Session) -> int:
    if options.sign or options.replace:
        raise WrongArgument(
            "--sign and --replace are for --dialect v6; v7 leaves the image as it is"
        )
    if bool(options.parser) != bool(options.container):
        raise WrongArgument("--parser and --container go together in dialect v7")
    count, container = session.parsers.contain(
        options.image,
        options.output,
        initrd=options.initrd,
        cmdline=options.cmdline,
        parsers=options.parser,
        container=options.container,
    )
    if options.json:
        from warmboot.tui.present.answers.bpf_envelope import containers_answer

        made, simulated = options.container, session.simulated
        output.write_json(containers_answer(options.output, made, simulated=simulated))
        return ExitCode.OK
    lines = [Fact("Envelope", f"{printable(str(options.output))}, {size(count)}")]
    if container is not None:
        lines.append(Fact("Parsers", f"{printable(str(options.container))}, {size(container)}"))
    with output.about(options.output):
        output.write_facts(lines)
    return ExitCode.OK
