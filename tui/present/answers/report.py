"""The answer of ``warmboot report``."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.hints import Annotated, Literal
from warmboot.tui.present.answers.declare import SCHEMA, Answer


class ReportAnswer(Answer):
    """Where the evidence for a bug report is."""

    command: Annotated[Literal["report"], "the command that answers"]
    path: Annotated[str, "path of the file"]
    size: Annotated[int, "its bytes"]


def report_answer(path: Path, size: int, *, simulated: bool) -> ReportAnswer:
    """Return the answer; `size` in bytes."""
    return {
        "schema": SCHEMA,
        "command": "report",
        "simulated": simulated,
        "path": str(path),
        "size": size,
    }
