"""The answer of ``warmboot status``."""

from __future__ import annotations

from warmboot.core.bpf.abi import Dialect
from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.host import HostFields, host_fields
from warmboot.tui.present.answers.objects.status import StatusFields, status_fields


class ParserInterfaceFields(TypedDict):
    """The running kernel's interface for BPF parsers."""

    offered: Annotated[bool | None, "whether it has one; null where nothing says"]
    dialect: Annotated[
        Dialect | None, "dialect of the interface; null without one, or where it cannot be told"
    ]
    evidence: Annotated[list[str], "what that was told by, in words"]


class StatusAnswer(Answer, StatusFields):
    """What is staged, what is set, and what the machine allows."""

    command: Annotated[Literal["status"], "the command that answers"]
    host: Annotated[HostFields, "the machine"]
    parser_interface: Annotated[
        ParserInterfaceFields, "whether the running kernel unpacks images by parsers"
    ]


def status_answer(session: Session, status: Status) -> StatusAnswer:
    """Return the answer."""
    interface = session.parser_interface
    return {
        "schema": SCHEMA,
        "command": "status",
        "simulated": session.simulated,
        "host": host_fields(session.host),
        "parser_interface": {
            "offered": interface.offered,
            "dialect": interface.dialect,
            "evidence": list(interface.evidence),
        },
        **status_fields(status),
    }
