"""The answer of ``warmboot bpf build``."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.bpf.workbench import BuiltParser
from warmboot.core.hints import Annotated, Literal
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.parser_image import (
    ParserObjectFields,
    parser_object_fields,
)


class BpfBuildAnswer(Answer):
    """A parser in a file."""

    command: Annotated[Literal["bpf build"], "the command that answers"]
    output: Annotated[str, "path of the file"]
    origin: Annotated[str, "what made it: tools on this machine, or it came with warmboot"]
    parser: Annotated[ParserObjectFields, "the parser"]


def bpf_build_answer(built: BuiltParser, output: Path, *, simulated: bool) -> BpfBuildAnswer:
    """Return the answer; `output` is where the parser went."""
    return {
        "schema": SCHEMA,
        "command": "bpf build",
        "simulated": simulated,
        "output": str(output),
        "origin": built.origin,
        "parser": parser_object_fields(built.parser),
    }
