"""The answer of ``warmboot bpf envelope``."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.builder import Built
from warmboot.core.bpf.envelope import EnvelopeReport
from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.payload import SignatureFields, signature_fields


class EnvelopeReportFields(TypedDict):
    """What became of the file."""

    size: Annotated[int, "its bytes"]
    parser_offset: Annotated[int, "where the parser stands in it"]
    parser_address: Annotated[int, "where the parser goes in memory"]
    parser_size: Annotated[int, "bytes of the parser"]
    moved: Annotated[int, "how far all content moved back; 0 where it did not"]
    payload_offset: Annotated[
        int | None, "where the payload stands now, as a zboot header says; null for other images"
    ]
    certificates: Annotated[int, "bytes of signatures that were left out"]
    replaced: Annotated[int, "bytes of the parser that was taken out; 0 without"]
    trailing: Annotated[int, "bytes behind the sections, which are kept"]


class BuiltFields(TypedDict):
    """An image with a parser in it."""

    report: Annotated[EnvelopeReportFields, "what became of the file"]
    warnings: Annotated[list[str], "what there is to think about"]
    signature: Annotated[SignatureFields | None, "the new signature; null without --sign"]


class BpfEnvelopeAnswer(Answer):
    """An image with a parser in it, or the containers of dialect v7."""

    command: Annotated[Literal["bpf envelope"], "the command that answers"]
    output: Annotated[str, "path of the file"]
    dialect: Annotated[Dialect, "dialect of the interface"]
    container: Annotated[str | None, "path of the container of parsers; null without"]
    built: Annotated[BuiltFields | None, "what was built; null in dialect v7"]


def with_parser_answer(output: Path, built: Built, *, simulated: bool) -> BpfEnvelopeAnswer:
    """Return the answer of dialect v6; `output` is where the image went."""
    return {
        "schema": SCHEMA,
        "command": "bpf envelope",
        "simulated": simulated,
        "output": str(output),
        "dialect": Dialect.V6,
        "container": None,
        "built": _built(built),
    }


def containers_answer(
    output: Path, container: Path | None, *, simulated: bool
) -> BpfEnvelopeAnswer:
    """Return the answer of dialect v7; `output` and `container` are where the results went."""
    return {
        "schema": SCHEMA,
        "command": "bpf envelope",
        "simulated": simulated,
        "output": str(output),
        "dialect": Dialect.V7,
        "container": str(container) if container is not None else None,
        "built": None,
    }


def _built(built: Built) -> BuiltFields:
    signature = built.signature
    return {
        "report": _report(built.report),
        "warnings": list(built.warnings),
        "signature": signature_fields(signature) if signature is not None else None,
    }


def _report(report: EnvelopeReport) -> EnvelopeReportFields:
    return {
        "size": report.size,
        "parser_offset": report.parser_offset,
        "parser_address": report.parser_address,
        "parser_size": report.parser_size,
        "moved": report.moved,
        "payload_offset": report.payload_offset,
        "certificates": report.certificates,
        "replaced": report.replaced,
        "trailing": report.trailing,
    }
