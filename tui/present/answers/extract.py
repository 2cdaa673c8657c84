"""The answer of ``warmboot extract``."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal
from warmboot.core.payload.inspection import Extraction
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.payload import PayloadFields, payload_fields


class ExtractAnswer(Answer):
    """A kernel that was unpacked into a file."""

    command: Annotated[Literal["extract"], "the command that answers"]
    path: Annotated[str, "path of the image"]
    output: Annotated[str, "path of the new file"]
    payload: Annotated[PayloadFields | None, "the kernel; null where it was not looked into"]


def extract_answer(found: Extraction, output: str, *, simulated: bool) -> ExtractAnswer:
    """Return the answer; `output` is where the kernel went."""
    payload = found.payload
    return {
        "schema": SCHEMA,
        "command": "extract",
        "simulated": simulated,
        "path": found.path,
        "output": output,
        "payload": payload_fields(payload) if payload is not None else None,
    }
