"""From a plan to a staged kernel. Everything up to the one system call can be cancelled."""

from __future__ import annotations

import errno
import os
import time
from contextlib import ExitStack

from warmboot.core.bpf.dialects import facts_of
from warmboot.core.closing import Closing
from warmboot.core.debug import debug, step
from warmboot.core.errors import ImageError, Refused, WarmbootError
from warmboot.core.host import Host
from warmboot.core.load.inputs import (
    Joined,
    KernelInput,
    join_initrds,
    open_devicetree,
    open_kernel,
    seal_kernel,
)
from warmboot.core.load.loader import Loader, LoadFlags, LoadRequest
from warmboot.core.payload.follow import Follower, follow_file
from warmboot.core.payload.memfile import is_sealed
from warmboot.core.plan.boot_files import BootFiles
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.loader_choice import next_loader
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.request import Call
from warmboot.core.plan.staged import Staged
from warmboot.core.plan.way import is_elf
from warmboot.core.progress import Cancel, Phase, Progress, Report, ignore
from warmboot.core.values import replace

_WAIT = 0.1  # seconds between two looks at a digest
_PIECE = 1 << 20  # bytes


class Prepared(Closing):
    """Open descriptors ready for the call; closing them gives all memory back.

    `warnings` are what only reading everything told; the plan's findings have them too. `unread` is
    what was in the way of reading what was staged once more.

    Digests are computed when one is asked for, each on a core of its own, and waited for. What is
    sealed cannot change, so that may be after the call.
    """

    def __init__(
        self,
        plan: Plan,
        files: BootFiles,
        request: LoadRequest,
        kernel: KernelInput,
        held: ExitStack,
    ) -> None:
        self.plan = plan
        self.request = request
        self.kernel = kernel
        self.warnings: tuple[str, ...] = ()
        self._files = files
        self._waiting: list[Follower] = []
        self.unread: WarmbootError | None = None
        self._held = held

    def ready(self) -> None:
        """Have a thread wait for each digest; raises WarmbootError where none is to be had."""
        if not self._waiting:
            request, follow = self.request, self._held.enter_context
            made = [follow(follow_file(request.kernel_fd, banner=self.kernel.banner, later=True))]
            if request.initrd_fd is not None:
                made.append(follow(follow_file(request.initrd_fd, later=True)))
            self._waiting = made

    def _reading(self) -> list[Follower]:
        """Have the kernel and, where there is one, the initrd read; return who does."""
        self.ready()
        for follower in self._waiting:
            follower.begin()
        return self._waiting

    @property
    def sealed(self) -> bool:
        """Whether nobody can change the kernel or the initrd any more."""
        request = self.request
        return is_sealed(request.kernel_fd) and (
            request.initrd_fd is None or is_sealed(request.initrd_fd)
        )

    @property
    def sha256(self) -> str:
        """The digest of the kernel's bytes, in hex; waits for it.

        Raises ImageError, and WarmbootError where something else was in the way.
        """
        if self.unread is not None:
            raise self.unread
        return self._reading()[0].finish()

    @property
    def initrd_sha256(self) -> str | None:
        """The digest of all initrds as they are handed over.

        None where there are none, or where somebody could have changed them meanwhile. Raises as
        `sha256` does.
        """
        fd = self.request.initrd_fd
        if fd is None or not is_sealed(fd) or self.unread is not None:
            return None
        return self._reading()[1].finish()

    @property
    def digest(self) -> str | None:
        """What tells this plan from every other: SHA-256 of all that the kernel is to be given.

        That is the kernel's and the initrds' bytes, the device tree's path, the command line, the
        call, and whether it is for a crash. None where a part could still be changed by somebody,
        or could not be read once it was staged. Waits for the digests; raises as `sha256` does.
        """
        request = self.request
        if not self.sealed or self.unread is not None:
            return None
        parts = {
            "kernel": self.sha256,
            "initrd": self.initrd_sha256,
            "devicetree": self.plan.devicetree,
            "overlays": self.plan.files.overlays,
            "cmdline": request.cmdline,
            "call": request.call,
            "panic": self.plan.request.panic,
        }
        import hashlib  # slow to load, and not needed for the call
        import json

        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def release(self) -> str | None:
        """The kernel's release by its banner, else by its header; complete once `sha256` is."""
        found = self._waiting[0].scanner.release if self._waiting else None
        return found or self.kernel.release

    def digests(self, report: Report = ignore, cancel: Cancel | None = None) -> None:
        """Wait until all digests are known, and say how far they are.

        Raises Cancelled, and as `sha256` does.
        """
        followers = self._reading()
        total = sum(follower.size for follower in followers)
        while any(follower.busy(_WAIT) for follower in followers):
            done = sum(follower.done for follower in followers)
            report(Progress(Phase.DIGEST, done, total))
            if cancel is not None:
                cancel.check()
        _ = self.sha256, self.initrd_sha256

    def afterwards(self, report: Report = ignore) -> None:
        """Wait for the digests of what is staged, and keep what was in the way: see `unread`."""
        try:
            self.digests(report)
        except WarmbootError as error:
            self.unread = error

    def unchanged(self) -> None:
        """Raise ImageError where a chosen file changed since it was opened."""
        self._files.unchanged()

    def close(self) -> None:
        """Close the memory files; the boot files themselves stay open."""
        self._held.close()


def prepare(
    plan: Plan,
    files: BootFiles,
    *,
    report: Report = ignore,
    cancel: Cancel | None = None,
    previewed: str | None = None,
    previewed_initrd: str | None = None,
    segment: bytes = b"",
) -> Prepared:
    """Do everything before the call: unpack, join and check, in memory only.

    `previewed` is the SHA-256 of the kernel that was looked at before, in hex, beside the one that
    the plan's request states, and `previewed_initrd` that of all initrds as they were handed over
    then. `segment` is an archive that goes behind the initrds. Raises
    ImageError where the image proves damaged or another one, Blocked where what came out is not for
    this machine, Cancelled.
    """
    cancel = cancel or Cancel()
    with ExitStack() as failing:
        held = failing.enter_context(ExitStack())
        warnings: list[str] = []
        with step("kernel"):
            opened, files = files, seal_kernel(plan, files, held, report, cancel)
            kernel = _open_kernel(plan, files, held, report, cancel)
        with step("initrd"):
            joined = join_initrds(plan, files, held, report, cancel, warnings, segment)
            initrd_fd, initrd_name = joined.fd, joined.name
        enveloped = plan.dialect is not None and facts_of(plan.dialect).whole
        if previewed_initrd is not None and not enveloped:
            _check_initrd(joined, previewed_initrd, cancel)
        if plan.dialect is not None and enveloped:
            report(Progress(Phase.CHECK, 0, 0))
            from warmboot.core.load.bpf_handover import envelop

            initrd_fd = envelop(plan, files, initrd_fd, held, cancel)
            initrd_name = "kernel, initrd and command line"
        tree_fd = open_devicetree(plan, files, held, report, cancel)
        request = LoadRequest(
            kernel_fd=kernel.fd,
            kernel_name=plan.files.kernel,
            initrd_fd=initrd_fd,
            initrd_name=initrd_name,
            cmdline=plan.cmdline.text,
            flags=LoadFlags.ON_CRASH if plan.request.panic else LoadFlags.NONE,
            call=plan.call or Call.FILE,
            devicetree_fd=tree_fd,
            devicetree_name=plan.devicetree,
            by_parser=bool(kernel.parsers),
            architecture=plan.architecture,
            elf=is_elf(plan.image),
        )
        noted = [Finding("initrd", Verdict.WARN, text) for text in warnings]
        plan = replace(plan, findings=(*plan.findings, *noted))
        prepared = Prepared(plan, opened, request, kernel, held)
        prepared.warnings = tuple(warnings)
        wanted = [one for one in (plan.request.sha256, previewed) if one]
        if wanted:
            prepared.digests(report, cancel)
        for one in wanted:
            _check_digest(prepared, one)
        failing.pop_all()  # from here on the caller closes it
        return prepared


def commit(prepared: Prepared, loader: Loader, host: Host, *, report: Report = ignore) -> Staged:
    """Make the one call. Not to be cancelled: it takes effect wholly or not at all.

    What is sealed is digested after the call; where that fails, it is staged, and its digest is not
    known. Raises ImageError where a chosen file changed meanwhile, Refused where the kernel says
    no, Blocked where a parser would not work in it, WarmbootError where a file cannot be read.
    """
    prepared.unchanged()
    if prepared.kernel.parsers and not loader.simulated:
        from warmboot.core.load.bpf_handover import try_parsers

        if prepared.plan.dialect is not None:
            try_parsers(prepared.kernel, prepared.request, prepared.plan.dialect, host.prefix)
    plan = prepared.plan
    if prepared.sealed:
        prepared.ready()  # what it takes is there; the content is final, and is read after the call
    else:
        with step("digest"):
            prepared.digests(report)  # what cannot be read fails before the call
    report(Progress(Phase.LOAD, 0, 0))
    with step("the call"):
        call = _load(prepared, loader, host)
    report(Progress(Phase.LOAD, 1, 1))
    with step("digest"):
        prepared.afterwards(report)
    known = is_sealed(prepared.request.kernel_fd) and prepared.unread is None
    return Staged(
        entry=plan.entry,
        kernel=plan.files.kernel,
        initrds=plan.files.initrds or (),
        release=prepared.release,
        cmdline=plan.cmdline.text,
        strategy=plan.strategy,
        loader=plan.loader.replace(prepared.request.call, call),
        sha256=prepared.sha256 if known else None,
        at=time.time(),
        boot_id=host.boot_id,
        panic=plan.request.panic,
        trial=plan.request.trial,
        plan=prepared.digest,
    )


def _load(prepared: Prepared, loader: Loader, host: Host) -> Call:
    """Make the call, and the next one where the kernel turns out not to have it.

    Returns the one that served. Raises Refused, WarmbootError; the message names both calls.
    """
    request, plan = prepared.request, prepared.plan
    try:
        loader.load(request)
    except Refused as error:
        devicetree = request.devicetree_fd is not None
        other = next_loader(
            host, plan.architecture, panic=request.panic, devicetree=devicetree, elf=request.elf
        )
        missing = error.errno == errno.ENOSYS and request.call is Call.FILE
        if not missing or other is None or plan.request.loader is not None or request.by_parser:
            raise
        debug("%s is missing, %s is tried", request.call, other)
        try:
            loader.load(replace(request, call=other, file_call=False))
        except WarmbootError as second:
            second.message = f"No {request.call} here, so {other} was tried. {second.message}"
            raise
        return other
    return request.call


def _open_kernel(
    plan: Plan, files: BootFiles, held: ExitStack, report: Report, cancel: Cancel
) -> KernelInput:
    if plan.strategy.by_parser:
        from warmboot.core.load.bpf_handover import hand_over  # few kernels have the interface

        return hand_over(plan, files, held, report, cancel)
    return open_kernel(plan, files, held, report, cancel)


def _check_digest(prepared: Prepared, wanted: str) -> None:
    if wanted == prepared.plan.request.sha256 and not is_sealed(prepared.request.kernel_fd):
        raise ImageError(
            "It cannot be promised that the kernel has the digest of --sha256: its file stays open "
            "to changes",
            hint="Free memory, or stage without --sha256.",
        )
    if wanted.lower() != prepared.sha256:
        raise ImageError(
            f"The kernel is not the one that was looked at: its SHA-256 is {prepared.sha256}",
            hint="It was replaced meanwhile. Look at it again, then stage it.",
        )


def _check_initrd(joined: Joined, wanted: str, cancel: Cancel) -> None:
    """Raise ImageError where the initrds are not those of before."""
    import hashlib

    digest, at = hashlib.sha256(), 0
    while joined.fd is not None and at < joined.own:
        cancel.check()
        part = os.pread(joined.fd, min(_PIECE, joined.own - at), at)
        if not part:
            break
        digest.update(part)
        at += len(part)
    if digest.hexdigest() != wanted.lower():
        raise ImageError(
            f"The initrd is not the one that was staged: its SHA-256 is {digest.hexdigest()}",
            hint="It was made again meanwhile. Stage it anew, and look at the plan.",
        )
