"""The answer of ``warmboot status``."""

from __future__ import annotations

from typing import Annotated, Literal

from warmboot.core.host import Host
from warmboot.core.session.status import Status
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.host import HostFields, host_fields
from warmboot.tui.present.answers.objects.status import StatusFields, status_fields


class StatusAnswer(Answer, StatusFields):
    """What is staged, what is set, and what the machine allows."""

    command: Annotated[Literal["status"], "the command that answers"]
    host: Annotated[HostFields, "the machine"]


def status_answer(host: Host, status: Status, *, simulated: bool) -> StatusAnswer:
    """Return the answer."""
    return {
        "schema": SCHEMA,
        "command": "status",
        "simulated": simulated,
        "host": host_fields(host),
        **status_fields(status),
    }
