"""The evidence for a bug report, as one JSON text without secrets."""

from __future__ import annotations

import json
import os

from warmboot.core.plan.request import PlanRequest
from warmboot.core.record import report
from warmboot.core.session import Session
from warmboot.tui.present.answers.evidence import evidence_answer


def collect(session: Session, request: PlanRequest | None) -> str:
    """Return the evidence as text, redacted; `request` adds its plan, or why there is none."""
    value = evidence_answer(session, session.evidence(request))
    connection = os.environ.get("SSH_CONNECTION", "").split()
    addresses = report.addresses_of(value) | {word for word in connection if not word.isdigit()}
    return json.dumps(report.redact(value, addresses), indent=1) + "\n"
