"""The answer of ``warmboot wait``."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal
from warmboot.core.record.arrival import Seen
from warmboot.tui.present.answers.declare import SCHEMA, Answer


class WaitAnswer(Answer):
    """A machine that is back."""

    command: Annotated[Literal["wait"], "the command that answers"]
    meant: Annotated[bool, "whether what runs is what was meant"]
    release: Annotated[str, "release of the kernel that runs"]
    boot_id: Annotated[str | None, "names the boot it is in; null where not known"]
    away: Annotated[float | None, "seconds that it was away; null where not known"]
    text: Annotated[str, "what was compared, in words"]


def wait_answer(seen: Seen, *, meant: bool, simulated: bool) -> WaitAnswer:
    """Return the answer."""
    return {
        "schema": SCHEMA,
        "command": "wait",
        "simulated": simulated,
        "meant": meant,
        "release": seen.release,
        "boot_id": seen.boot_id,
        "away": seen.away,
        "text": seen.text,
    }
