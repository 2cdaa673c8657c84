"""Plan, stage and execute: the way from a chosen image to a running kernel."""

from warmboot.core.kexec.checks import Finding, Verdict
from warmboot.core.kexec.loader import Loader, LoadFlags, LoadRequest
from warmboot.core.kexec.machine import Executed, Machine, Status, open_machine
from warmboot.core.kexec.plan import Choices, CommandLine, Origin, Plan, Strategy, make_plan
from warmboot.core.kexec.selection import Selection, choose_cmdline
from warmboot.core.kexec.stage import Prepared, Staged, check, prepare

__all__ = [
    "Choices",
    "CommandLine",
    "Executed",
    "Finding",
    "LoadFlags",
    "LoadRequest",
    "Loader",
    "Machine",
    "Origin",
    "Plan",
    "Prepared",
    "Selection",
    "Staged",
    "Status",
    "Strategy",
    "Verdict",
    "check",
    "choose_cmdline",
    "make_plan",
    "open_machine",
    "prepare",
]
