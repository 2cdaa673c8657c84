"""The plan: what would be done, why, and what stands against it. Pure; nothing is tried."""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.errors import Blocked, NotPermitted
from warmboot.core.fit.kernel_fit import KernelFit
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import BootImage
from warmboot.core.plan.boot_files import FileNames
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.command_line import CommandLine
from warmboot.core.plan.loader_choice import OtherLoader
from warmboot.core.plan.request import Call, PlanRequest
from warmboot.core.plan.route import Alternative, Strategy, keeps_signature
from warmboot.core.plan.unpackable import Room
from warmboot.core.values import dataclass

if TYPE_CHECKING:
    from warmboot.core.bpf.abi import Dialect


@dataclass(frozen=True)
class Plan:
    """Everything that staging will do. `steps` are sentences in order; `findings` the checks.

    `entry` is the id of the entry it is for, None for a kernel given by its path. `devicetree` is
    the one handed over, None where the kernel gets that of the running one. `call` is how the
    kernel is handed over, None where it cannot be loaded; `loader` its name as a person should see
    it (a simulated one says so). `dialect` is that of the kernel's parser interface where the
    kernel is to unpack the image itself, else None. `initrd_bytes` counts what a UKI carries too.
    `room` is the memory in which the new kernel unpacks initrds, None where it is not known.
    `fit` is how the kernel serves what the machine needs, None where that was not looked at.
    """

    request: PlanRequest
    entry: str | None
    files: FileNames
    cmdline: CommandLine
    image: BootImage
    architecture: Architecture | None
    loader: str
    call: Call | None
    why_loader: str
    other_loaders: tuple[OtherLoader, ...]
    devicetree: str | None
    strategy: Strategy
    why: str
    dialect: Dialect | None
    alternatives: tuple[Alternative, ...]
    steps: tuple[str, ...]
    initrd_bytes: int
    room: Room | None = None
    findings: tuple[Finding, ...] = ()
    fit: KernelFit | None = None

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that forbid staging: fails that the operator did not force."""
        fails = (f for f in self.findings if f.verdict is Verdict.FAIL)
        return tuple(f for f in fails if not (f.forceable and f.check in self.request.forced))

    @property
    def forced(self) -> tuple[str, ...]:
        """The names of the checks that fail and that staging goes on against."""
        fails = {f.check for f in self.findings if f.verdict is Verdict.FAIL and f.forceable}
        return tuple(name for name in self.request.forced if name in fails)

    @property
    def sealed(self) -> bool:
        """Whether files that no lease holds are copied and sealed; see the check sealed."""
        return all(f.verdict is Verdict.PASS for f in self.findings if f.check == "sealed")

    @property
    def signature_kept(self) -> bool:
        """Whether the kernel sees the file as it was signed."""
        return keeps_signature(self.strategy, self.image, self.dialect)


def check(plan: Plan, *, rehearsal: bool = False) -> None:
    """Raise Blocked or NotPermitted where the plan's findings forbid staging.

    Fails that the operator forced do not. A rehearsal (dry run) does not need the privilege to
    load.
    """
    failures = [f for f in plan.failures if not (rehearsal and f.check == "privilege")]
    if not failures:
        return
    first = failures[0]
    if first.check == "privilege":
        raise NotPermitted(first.text, hint=first.hint)
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    hint = first.hint
    if all(f.forceable for f in failures):
        names = " ".join(f"--force {f.check}" for f in failures)
        hint = f"{hint or ''} To go on all the same: {names}.".lstrip()
    raise Blocked(f"{first.text}{more}", hint=hint)
