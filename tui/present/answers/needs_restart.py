"""The answer of ``warmboot needs-restart``."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.session.needs_restart import NeedsRestart, Why
from warmboot.tui.present.answers.declare import SCHEMA, Answer


class ReasonFields(TypedDict):
    """A reason for a restart."""

    why: Annotated[Why, "its name"]
    text: Annotated[str, "the reason in words"]
    entry: Annotated[str | None, "id of the entry that it speaks of; null without one"]


class NeedsRestartAnswer(Answer):
    """Whether the machine should be restarted."""

    command: Annotated[Literal["needs-restart"], "the command that answers"]
    needed: Annotated[bool, "whether there is a reason for a restart"]
    running: Annotated[str, "release of the running kernel"]
    newest: Annotated[
        str | None,
        "the newest release of that flavour which can be started here; null where none states it",
    ]
    default: Annotated[
        str | None, "the release that the boot loader would start; null where it is not known"
    ]
    reasons: Annotated[list[ReasonFields], "the reasons; empty where there are none"]


def needs_restart_answer(found: NeedsRestart, *, simulated: bool) -> NeedsRestartAnswer:
    """Return the answer."""
    reasons = found.reasons
    return {
        "schema": SCHEMA,
        "command": "needs-restart",
        "simulated": simulated,
        "needed": bool(reasons),
        "running": found.running,
        "newest": found.newest,
        "default": found.default,
        "reasons": [{"why": r.why, "text": r.text, "entry": r.entry} for r in reasons],
    }
