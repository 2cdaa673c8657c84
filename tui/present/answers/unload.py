"""The answer of ``warmboot unload``."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal
from warmboot.tui.present.answers.declare import SCHEMA, Answer


class UnloadAnswer(Answer):
    """What is left after a kernel was taken out."""

    command: Annotated[Literal["unload"], "the command that answers"]
    staged: Annotated[bool | None, "whether a kernel is staged; null where that is not known"]


def unload_answer(staged: bool | None, *, simulated: bool) -> UnloadAnswer:
    """Return the answer."""
    return {"schema": SCHEMA, "command": "unload", "simulated": simulated, "staged": staged}
