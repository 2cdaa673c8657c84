"""Whether an entry can be started here: in one phrase before any plan is made, and by its plan."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.architecture import of_machine
from warmboot.core.boot.entry import Entry
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.boot.merge import missing_files
from warmboot.core.boot.root import BootRoot
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.host import Host
from warmboot.core.images import BootImage
from warmboot.core.images.uboot import UImage
from warmboot.core.plan.route import Strategy
from warmboot.core.plan.way import Wanted, choose_way
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:
    from warmboot.core.bpf.abi import Dialect
    from warmboot.core.fit.kernel_fit import KernelFit
    from warmboot.core.plan.checks.base import Finding
    from warmboot.core.plan.context import PlanContext
    from warmboot.core.progress import Cancel


class Obstacle(NamedTuple):
    """Why an entry cannot be started here: in a phrase, and in few words for a column."""

    text: str
    brief: str


class Standing(NamedTuple):
    """What the checks of an entry's plan say against it on this machine, now.

    `fails` forbid staging, those of the entry itself first; that this user may not load kernels is
    none of them, as that is said once and for all. `notes` are warnings about the entry, not those
    about the machine, which are the same for every entry. `brief` says the first fail in few words.
    `fit` is how the kernel serves what the machine needs, None where that was not judged.
    """

    fails: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    brief: str | None
    fit: KernelFit | None = None


#: The fails that a list shows, in few words; others go by the name of their check.
_BRIEF = {
    "architecture": "other machine",
    "route": "format not loadable",
    "kexec-file": "no call loads it",
    "bzimage": "lacks what kexec needs",
    "arm64-image": "big endian",
    "signature": "unsigned",
    "command-line": "line too long",
    "initrd": "initrd unusable",
    "memory": "too little memory",
    "container": "in a container",
    "kexec": "no kexec here",
    "kexec-enabled": "kexec is off",
    "kexec-calls": "no kexec here",
    "load-limit": "loads used up",
    "hibernation": "hibernated system",
    "sealed": "sealed away",
    "root-drivers": "lacks root driver",
    "network-drivers": "lacks network driver",
    "root-unlock": "nobody unlocks root",
}


def with_obstacle(
    row: ListedEntry, root: BootRoot, host: Host, dialect: Dialect | None
) -> ListedEntry:
    """Return the row with why its entry cannot be started on this machine, where that is so."""
    against = obstacle(row, root, host, dialect)
    return row if against is None else row._replace(obstacle=against.text, brief=against.brief)


def obstacle(
    row: ListedEntry, root: BootRoot, host: Host, dialect: Dialect | None
) -> Obstacle | None:
    """Return why the entry cannot be started on this machine, None where nothing is known against.

    The checks of a plan say more; this is what its files and their headers tell, and the way that
    a plan would take. `dialect` is what the running kernel's parser interface speaks.
    """
    if row.problem is not None:
        gone = row.problem.endswith("is not there")
        damaged = row.entry.problem is None
        return Obstacle(
            row.problem, "files missing" if gone else "unreadable" if damaged else "not by kexec"
        )
    if row.image is not None:
        against = _image(row.image, row.entry, host, dialect)
        if against is not None:
            return against
    missing = next(missing_files(row.entry, root), None)
    return None if missing is None else Obstacle(missing, "files missing")


def _image(image: BootImage, entry: Entry, host: Host, dialect: Dialect | None) -> Obstacle | None:
    mine = of_machine(host.machine)
    if image.architecture is not None and image.architecture is not mine:
        text = f"it is for {image.architecture}, this machine is {mine or host.machine}"
        return Obstacle(text, f"for {image.architecture}")
    if isinstance(image, UImage):
        text = f"it is wrapped for U-Boot ({image.holds}), which kexec cannot load"
        return Obstacle(text, "wrapped for U-Boot")
    wanted = Wanted(entry.devicetree)
    route = choose_way(image, wanted, host, mine, dialect).route
    if route.strategy is not Strategy.NONE:
        return None
    return Obstacle(route.why, "format not loadable")


def judge(
    entry: Entry, root: BootRoot, context: PlanContext, cancel: Cancel | None = None
) -> Standing:
    """Return how an entry stands by its plan; raises WarmbootError where there can be none."""
    from warmboot.core.plan.boot_files import BootFiles
    from warmboot.core.plan.planner import plan_files
    from warmboot.core.plan.request import PlanRequest

    request = PlanRequest(entry=entry.id)
    with BootFiles.open(root, request, entry, context.host.prefix, cancel) as files:
        plan = plan_files(request, files, context)
        return standing(plan.findings)._replace(fit=plan.fit)


def standing(findings: Iterable[Finding]) -> Standing:
    """Return how an entry stands by the findings of its plan."""
    from warmboot.core.plan.checks.base import Verdict
    from warmboot.core.plan.checks.registry import about_entry

    fails = [f for f in findings if f.verdict is Verdict.FAIL and f.check != "privilege"]
    fails.sort(key=lambda finding: not about_entry(finding))
    notes = [f for f in findings if f.verdict is Verdict.WARN and about_entry(f)]
    brief = None
    if fails:
        name = fails[0].check
        brief = _BRIEF.get(name, name.replace("-", " "))
    return Standing(tuple(fails), tuple(notes), brief)
