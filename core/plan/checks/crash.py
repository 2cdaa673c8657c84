"""Checks of a crash kernel: it has memory, a limit and a place of its own."""

from __future__ import annotations

from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.subject import PlanSubject
from warmboot.core.text import plural, size

CRASH = Group[PlanSubject]()


@CRASH.check(
    "crash-memory",
    "Is there memory kept for a crash kernel?",
    "kexec_crash_size, crashkernel= in /proc/cmdline",
    rule="EADDRNOTAVAIL where the crash kernel does not fit its region (kernel/kexec_file.c)",
)
def crash_memory(subject: PlanSubject) -> Result | None:
    """A crash kernel runs in memory set apart at boot: EADDRNOTAVAIL without it."""
    if not subject.plan.request.panic:
        return None
    kept = subject.host.crash_size or 0
    needed = subject.kernel_bytes + subject.plan.initrd_bytes
    if kept == 0:
        return fail(
            "No memory is kept for a crash kernel",
            "Boot with crashkernel=256M (or more) on the command line.",
        )
    if needed > kept:
        return fail(
            f"{size(needed)} needed, only {size(kept)} kept for a crash kernel",
            "Use a smaller initrd, or a larger crashkernel= at boot.",
        )
    return passed(f"{size(needed)} needed, {size(kept)} kept for a crash kernel")


@CRASH.check(
    "crash-load-limit",
    "Does the kernel allow another crash kernel?",
    "/proc/sys/kernel/kexec_load_limit_panic",
    rule="kexec_load_limit_panic counts crash kernels apart (kernel/kexec_core.c)",
)
def crash_load_limit(subject: PlanSubject) -> Result | None:
    """Crash kernels have a limit of their own."""
    limit = subject.host.load_limit_panic
    if not subject.plan.request.panic or limit is None or limit < 0:
        return None
    if limit == 0:
        return fail(
            "The limit of crash kernels is used up (kexec_load_limit_panic is 0)",
            "Only a reboot through firmware resets it.",
        )
    return passed(f"The kernel allows {plural(limit, 'more crash kernel')}")


@CRASH.check(
    "crash-staged",
    "Is a crash kernel staged already?",
    "/sys/kernel/kexec_crash_loaded",
    rule="a load that succeeds replaces the crash kernel; the old one is unloaded first "
    "(kernel/kexec_file.c)",
)
def crash_staged(subject: PlanSubject) -> Result | None:
    """There is room for one."""
    if not subject.plan.request.panic:
        return None
    if not subject.host.crash_staged:
        return passed("No crash kernel is staged")
    return warn(
        "Another crash kernel is staged already; it will be replaced",
        "Until the new one is in place, a crash finds the other.",
    )
