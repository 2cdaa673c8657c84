"""The file of evidence that ``warmboot report`` writes, before secrets are taken out."""

from __future__ import annotations

import time

from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.record.report import Versions, read_versions
from warmboot.core.session import Evidence, Session
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.host import HostFields, host_fields
from warmboot.tui.present.answers.objects.journal import JournalFields, journal_fields
from warmboot.tui.present.answers.objects.plan import PlanFields, plan_fields
from warmboot.tui.present.answers.objects.status import StatusFields, status_fields


class VersionsFields(TypedDict):
    """Versions of what takes part."""

    warmboot: Annotated[str, "that of warmboot"]
    python: Annotated[str, "that of Python"]
    systemd: Annotated[int | None, "that of systemd; null without"]


class ProblemFields(TypedDict):
    """Why something could not be done."""

    message: Annotated[str, "what is wrong"]
    hint: Annotated[str | None, "what to do about it; null where that is not known"]


class EvidenceAnswer(Answer):
    """The file that report writes. Passwords, keys and addresses are taken out."""

    command: Annotated[Literal["evidence"], "the kind of the file"]
    at: Annotated[float, "when it was written"]
    versions: Annotated[VersionsFields, "the versions"]
    host: Annotated[HostFields, "the machine"]
    config: Annotated[
        dict[str, str] | None,
        "build options of the running kernel, without CONFIG_; null where they cannot be read",
    ]
    status: Annotated[StatusFields, "how it stands"]
    plan: Annotated[PlanFields | None, "the plan for the entry; null where none was named"]
    problem: Annotated[
        ProblemFields | None, "why there is no plan for the entry; null where there is one"
    ]
    journal: Annotated[list[JournalFields], "the last lines of the journal, oldest first"]
    kernel_log: Annotated[list[str], "the last lines of the kernel's log"]


def evidence_answer(session: Session, found: Evidence) -> EvidenceAnswer:
    """Return all that `found` and the machine tell. It holds secrets: redact it."""
    plan, problem, host = found.plan, found.problem, session.host
    return {
        "schema": SCHEMA,
        "command": "evidence",
        "simulated": session.simulated,
        "at": time.time(),
        "versions": _versions(read_versions(host.prefix)),
        "host": host_fields(host),
        "config": dict(host.config) if host.config is not None else None,
        "status": status_fields(found.status),
        "plan": plan_fields(plan) if plan is not None else None,
        "problem": (
            {"message": problem.message, "hint": problem.hint} if problem is not None else None
        ),
        "journal": [journal_fields(line) for line in found.journal],
        "kernel_log": list(found.kernel_log),
    }


def _versions(versions: Versions) -> VersionsFields:
    return {
        "warmboot": versions.warmboot,
        "python": versions.python,
        "systemd": versions.systemd,
    }
