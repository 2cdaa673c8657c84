"""What stands for or against a crash kernel: the memory kept for it, and the loads allowed.

Source: Documentation/admin-guide/kdump/kdump.rst, Documentation/admin-guide/sysctl/kernel.rst.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.host import Host
from warmboot.core.kexec.checks import Finding, Verdict
from warmboot.core.text import plural, size

#: Checks of the kernel for a restart that say nothing about a crash kernel.
NOT_FOR_PANIC = ("load-limit", "staged", "memory")


def crash_findings(host: Host, needed: int) -> Iterator[Finding]:
    """Judge staging a crash kernel that takes `needed` bytes with its initrd."""
    kept = host.crash_size or 0
    if kept == 0:
        yield Finding(
            "crash-memory",
            Verdict.FAIL,
            "No memory is kept for a crash kernel (kexec_crash_size is 0)",
            "Add crashkernel=256M to the kernel command line and reboot.",
        )
    elif needed > kept:
        yield Finding(
            "crash-memory",
            Verdict.FAIL,
            f"{size(kept)} are kept for a crash kernel; this one needs {size(needed)}",
            "Use a smaller initrd, or raise crashkernel= on the command line and reboot.",
        )
    else:
        text = f"{size(kept)} are kept for a crash kernel, {size(needed)} needed at least"
        yield Finding("crash-memory", Verdict.PASS, text)
    limit = host.load_limit_panic
    if limit is not None and limit >= 0:
        yield Finding(
            "crash-load-limit",
            Verdict.PASS if limit else Verdict.FAIL,
            f"The kernel allows {plural(limit, 'more load')} of a crash kernel; an unload counts",
            None if limit else "Only a reboot through firmware resets it.",
        )
    if host.crash_staged:
        yield Finding(
            "crash-staged",
            Verdict.WARN,
            "Another crash kernel is staged already; it will be replaced",
            "Until this one is in its place, a crash finds the other.",
        )
