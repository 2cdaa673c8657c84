"""Checks before anything is tried: each has a name, a verdict, what it saw and what to do."""

from warmboot.core.kexec.checks.base import Check, Finding, Verdict
from warmboot.core.kexec.checks.registry import (
    all_checks,
    examine_machine,
    forced_checks,
    preflight,
)

__all__ = [
    "Check",
    "Finding",
    "Verdict",
    "all_checks",
    "examine_machine",
    "forced_checks",
    "preflight",
]
