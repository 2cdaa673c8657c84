"""Whether the kernel gets exactly the bytes that were looked at."""

from __future__ import annotations

from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.image import needed_memory
from warmboot.core.plan.checks.subject import PlanSubject
from warmboot.core.plan.route import Strategy
from warmboot.core.text import size

SEALED: Group[PlanSubject] = Group()


@SEALED.check(
    "sealed",
    "Does the kernel get the bytes that were looked at?",
    "MemAvailable in /proc/meminfo, IMA's policy, --sha256",
)
def sealed(subject: PlanSubject) -> Result | None:
    """Whoever has a file mapped can change it, and no time of the file tells.

    So kernel and initrd are held by a lease that keeps writers waiting, or copied into memory files
    that are sealed (memfd_create(2)), and read, hashed and handed over so. Where neither can be,
    the digest is not known. A digest that was asked for is kept by a copy only.
    """
    plan = subject.plan
    if plan.strategy is Strategy.NONE:
        return None
    why = _why_not(subject)
    if why is None:
        return passed("Kernel and initrd are held or copied before they are read")
    if plan.request.sha256 is not None:
        return fail(
            f"{why}, so it cannot be promised that the kernel has the digest of --sha256",
            "Free memory, or stage without --sha256.",
        )
    return warn(
        f"{why}, so the files are handed over as they stand on disk",
        "Where somebody could change one meanwhile, what the kernel got is recorded as not known.",
    )


def _why_not(subject: PlanSubject) -> str | None:
    plan, available = subject.plan, subject.host.memory_available
    if plan.strategy is Strategy.AS_IS and subject.live and subject.live.ima_appraises:
        return "IMA judges a file by an attribute that no copy of it has"
    copies = 0
    if plan.strategy is Strategy.AS_IS or plan.strategy.by_parser:
        copies += plan.image.file_size
    if len(plan.files.initrds or ()) == 1:
        copies += plan.initrd_bytes
    needed = needed_memory(subject) + copies
    if available is None or needed < available:
        return None
    return f"There is no memory to copy kernel and initrd before ({size(needed)} needed)"
