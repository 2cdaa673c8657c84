"""The answer of ``warmboot confirm``."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal
from warmboot.core.host import Host
from warmboot.tui.present.answers.declare import SCHEMA, Answer


class ConfirmAnswer(Answer):
    """A restart on trial that was confirmed, or is being taken back."""

    command: Annotated[Literal["confirm"], "the command that answers"]
    host: Annotated[str, "name of the machine"]
    release: Annotated[str, "release of the kernel that runs when this is printed"]
    trial: Annotated[str, "name of the trial"]
    reverted: Annotated[bool, "whether the machine goes back; else the new system stays"]


def confirm_answer(host: Host, trial: str, *, reverted: bool, simulated: bool) -> ConfirmAnswer:
    """Return the answer; `host` is the machine as it is now."""
    return {
        "schema": SCHEMA,
        "command": "confirm",
        "simulated": simulated,
        "host": host.name,
        "release": host.release,
        "trial": trial,
        "reverted": reverted,
    }
