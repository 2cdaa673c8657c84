"""The evidence for a bug report, as one JSON text without secrets."""

from __future__ import annotations

import json
import os
import time

from warmboot.core.host import Host
from warmboot.core.plan.request import PlanRequest
from warmboot.core.record import report
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.tui.present.plain import plain
from warmboot.tui.present.schema import SCHEMA

_HOST_FIELDS = (
    "name",
    "machine",
    "release",
    "cmdline",
    "uptime",
    "privileged",
    "crash_staged",
    "load_disabled",
    "load_limit",
    "lockdown",
    "secure_boot",
    "systemd",
    "sessions",
    "privilege_reachable",
    "log_readable",
    "load_limit_panic",
    "crash_size",
    "setup_mode",
    "container",
    "kexec_tools",
)


def collect(session: Session, request: PlanRequest | None) -> str:
    """Return the evidence as text, redacted; `request` adds its plan, or why there is none."""
    found = session.evidence(request)
    plan: object = found.plan
    if found.problem is not None:
        plan = {"problem": found.problem.message, "hint": found.problem.hint}
    value = plain(
        {
            "schema": SCHEMA,
            "command": "evidence",
            "simulated": session.simulated,
            "at": time.time(),
            "versions": report.versions(session.host.prefix),
            "host": host_fields(session.host),
            "config": session.host.config,
            "status": status_fields(found.status),
            "plan": plan,
            "journal": found.journal,
            "kernel_log": found.kernel_log,
        }
    )
    connection = os.environ.get("SSH_CONNECTION", "").split()
    addresses = report.addresses_of(value) | {word for word in connection if not word.isdigit()}
    return json.dumps(report.redact(value, addresses), indent=1) + "\n"


def host_fields(host: Host) -> dict[str, object]:
    """Return the facts of the machine that an answer in JSON holds."""
    return {name: getattr(host, name) for name in _HOST_FIELDS}


def status_fields(status: Status) -> dict[str, object]:
    """Return a status as an answer in JSON holds it."""
    return status._asdict()
