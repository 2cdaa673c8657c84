"""The answer of ``warmboot sandbox``."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.hints import Annotated, Literal
from warmboot.tui.present.answers.declare import SCHEMA, Answer


class SandboxAnswer(Answer):
    """A simulated machine."""

    command: Annotated[Literal["sandbox"], "the command that answers"]
    path: Annotated[str, "its folder"]
    created: Annotated[bool, "whether it is new"]


def sandbox_answer(path: Path, *, created: bool, simulated: bool) -> SandboxAnswer:
    """Return the answer."""
    return {
        "schema": SCHEMA,
        "command": "sandbox",
        "simulated": simulated,
        "path": str(path),
        "created": created,
    }
