"""The answer of a command that failed."""

from __future__ import annotations

from warmboot.core.errors import Refused, WarmbootError
from warmboot.core.hints import Annotated, TypedDict
from warmboot.tui.present.answers.declare import SCHEMA, Answer


class ErrorFields(TypedDict):
    """What went wrong."""

    message: Annotated[str, "what is wrong"]
    hint: Annotated[str | None, "what to do next; null where that is not known"]
    exit_code: Annotated[int, "how the process ends; see EXIT STATUS in warmboot(8)"]
    kernel_log: Annotated[list[str], "what the kernel logged while it refused"]


class ErrorAnswer(Answer):
    """A command that failed, whichever it was."""

    error: Annotated[ErrorFields, "what went wrong"]


def error_answer(error: WarmbootError, *, simulated: bool) -> ErrorAnswer:
    """Return the answer."""
    return {
        "schema": SCHEMA,
        "simulated": simulated,
        "error": {
            "message": error.message,
            "hint": error.hint,
            "exit_code": int(error.exit_code),
            "kernel_log": list(error.log) if isinstance(error, Refused) else [],
        },
    }
