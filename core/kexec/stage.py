"""From a plan to a staged kernel. Everything up to the one system call can be cancelled."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from warmboot.core.bpf.abi import Dialect
from warmboot.core.errors import Blocked, ImageError, NotPermitted
from warmboot.core.host import Host
from warmboot.core.kexec.descriptors import (
    Kernel,
    join_initrds,
    open_devicetree,
    open_kernel,
)
from warmboot.core.kexec.loader import Call, Loader, LoadFlags, LoadRequest
from warmboot.core.kexec.plan import Plan
from warmboot.core.payload.follow import Follower, follow_file
from warmboot.core.progress import Cancel, Phase, Progress, Report, ignore

if TYPE_CHECKING:
    from warmboot.core.kexec.selection import Selection


@dataclass(frozen=True, slots=True)
class Staged:
    """What is staged: recorded in the journal and shown until it is executed or unloaded.

    `sha256` is of the bytes the kernel was given, None where the file did not stay the same until
    it was known; `at` seconds since the epoch, `boot_id` that of the boot during which it was
    staged. `panic`: it runs after a crash.
    """

    entry: str | None
    kernel: str
    initrds: tuple[str, ...]
    release: str | None
    cmdline: str
    strategy: str
    loader: str
    sha256: str | None
    at: float
    boot_id: str | None
    panic: bool = False


class Prepared:
    """Open descriptors ready for the call; closing them gives all memory back.

    Digests are computed when they are asked for: no call waits for them.
    """

    def __init__(
        self,
        plan: Plan,
        selection: Selection,
        request: LoadRequest,
        kernel: Kernel,
        held: ExitStack,
    ) -> None:
        self.plan = plan
        self.request = request
        self.parsers = kernel.parsers
        self._kernel = kernel
        self._selection = selection
        self._held = held

    @cached_property
    def _followers(self) -> list[Follower]:
        """Those that read the kernel and, where there is one, the initrd; both at once."""
        found = [follow_file(self._kernel.fd, banner=self._kernel.banner)]
        if self.request.initrd_fd is not None:
            found.append(follow_file(self.request.initrd_fd))
        return [self._held.enter_context(follower) for follower in found]

    @property
    def sha256(self) -> str:
        """The digest of the kernel's bytes, in hex; waits for it. Raises ImageError."""
        return self._followers[0].finish()

    @property
    def initrd_sha256(self) -> str | None:
        """The digest of all initrds as they are handed over; None where there is none to read."""
        try:
            return self._followers[1].finish() if len(self._followers) > 1 else None
        except ImageError:
            return None

    @property
    def release(self) -> str | None:
        """The kernel's release by its banner, else by its header; complete once `sha256` is."""
        return self._followers[0].scanner.release or self._kernel.release

    def unchanged(self) -> None:
        """Raise ImageError where a chosen file changed since it was opened."""
        self._selection.unchanged()

    def read_the_same(self) -> None:
        """Raise ImageError where a file changed that the kernel itself reads in the call."""
        self._selection.unchanged((self.request.kernel_fd, self.request.initrd_fd))

    def close(self) -> None:
        """Close the memory files; the selection's own files stay open."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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


def prepare(
    plan: Plan,
    selection: Selection,
    *,
    report: Report = ignore,
    cancel: Cancel | None = None,
    previewed: str | None = None,
) -> Prepared:
    """Do everything before the call: unpack, join and check, in memory only.

    `previewed` is the SHA-256 of the kernel that was looked at before, in hex. Raises ImageError
    where the image proves damaged or another than that, Blocked where what came out is not for
    this machine, Cancelled.
    """
    cancel = cancel or Cancel()
    with ExitStack() as failing:
        held = failing.enter_context(ExitStack())
        kernel = open_kernel(plan, selection, held, report, cancel)
        initrd_fd, initrd_name = join_initrds(plan, selection, held, report, cancel)
        if plan.dialect is Dialect.V7:
            from warmboot.core.kexec.parsed import envelop

            initrd_fd = envelop(plan, selection, initrd_fd, held, cancel)
            initrd_name = "kernel, initrd and command line"
        tree_fd = open_devicetree(plan, selection, held, report, cancel)
        request = LoadRequest(
            kernel_fd=kernel.fd,
            kernel_name=plan.choices.kernel,
            initrd_fd=initrd_fd,
            initrd_name=initrd_name,
            cmdline=plan.choices.cmdline.text,
            flags=LoadFlags.ON_CRASH if plan.choices.panic else LoadFlags.NONE,
            call=plan.call or Call.FILE,
            devicetree_fd=tree_fd,
            devicetree_name=plan.devicetree,
        )
        prepared = Prepared(plan, selection, request, kernel, held)
        if previewed is not None and previewed.lower() != prepared.sha256:
            raise ImageError(
                f"The kernel is not the one that was looked at: its SHA-256 is {prepared.sha256}",
                hint="It was replaced meanwhile. Look at it again, then stage it.",
            )
        failing.pop_all()  # from here on the caller closes it
        return prepared


def commit(prepared: Prepared, loader: Loader, host: Host, *, report: Report = ignore) -> Staged:
    """Make the one call. Not to be cancelled: it takes effect wholly or not at all.

    Raises ImageError where a chosen file changed meanwhile, Refused where the kernel says no,
    Blocked where a parser would not work in it.
    """
    prepared.unchanged()
    if prepared.parsers and not loader.simulated:
        from warmboot.core.kexec.parsed import try_parsers

        try_parsers(prepared.parsers)
    report(Progress(Phase.LOAD, 0, 1))
    loader.load(prepared.request)
    report(Progress(Phase.LOAD, 1, 1))
    plan, sha256 = prepared.plan, _digest(prepared)
    return Staged(
        entry=plan.choices.entry,
        kernel=plan.choices.kernel,
        initrds=plan.choices.initrds or (),
        release=prepared.release,
        cmdline=plan.choices.cmdline.text,
        strategy=plan.strategy,
        loader=plan.loader,
        sha256=sha256,
        at=time.time(),
        boot_id=host.boot_id,
        panic=plan.choices.panic,
    )


def _digest(prepared: Prepared) -> str | None:
    """Return the digest of what the kernel was given; None where a file changed meanwhile."""
    try:
        sha256 = prepared.sha256
        prepared.read_the_same()
    except ImageError:
        return None
    return sha256
