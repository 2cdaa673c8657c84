"""From a plan to a staged kernel. Everything up to the one system call can be cancelled."""

from __future__ import annotations

import errno
import os
import time
from contextlib import ExitStack

from warmboot.core.bpf.dialects import facts_of
from warmboot.core.debug import debug, step
from warmboot.core.errors import ImageError, Refused, WarmbootError
from warmboot.core.host import Host
from warmboot.core.load.inputs import (
    Joined,
    KernelInput,
    fix_kernel,
    join_initrds,
    open_devicetree,
    open_kernel,
)
from warmboot.core.load.lease import Leases
from warmboot.core.load.loader import Loader, LoadFlags, LoadRequest
from warmboot.core.load.prepared import Prepared
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

_PIECE = 1 << 20  # bytes


def prepare(
    plan: Plan,
    files: BootFiles,
    *,
    report: Report = ignore,
    cancel: Cancel | None = None,
    previewed: str | None = None,
    previewed_initrd: str | None = None,
    segment: bytes = b"",
    exact: bool = False,
) -> Prepared:
    """Do everything before the call: unpack, join and check, in memory only.

    `previewed` is the SHA-256 of the kernel that was looked at before, in hex, beside the one that
    the plan's request states, and `previewed_initrd` that of all initrds as they were handed over
    then. `segment` is an archive that goes behind the initrds. Where a digest is stated, or
    `exact`, kernel and initrd are copied: what is promised to have a digest is read once. Raises
    ImageError where the image proves damaged or another one, Blocked where what came out is not for
    this machine, Cancelled.
    """
    cancel = cancel or Cancel()
    wanted = [one for one in (plan.request.sha256, previewed) if one]
    with ExitStack() as failing:
        held = failing.enter_context(ExitStack())
        exact = exact or bool(wanted) or previewed_initrd is not None
        leases = held.enter_context(Leases(allowed=not exact))
        warnings: list[str] = []
        with step("kernel"):
            opened, files = files, fix_kernel(plan, files, held, leases, report, cancel)
            kernel = _open_kernel(plan, files, held, report, cancel)
        with step("initrd"):
            joined = join_initrds(plan, files, held, leases, report, cancel, warnings, segment)
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
        prepared = Prepared(plan, opened, request, kernel, held, leases)
        prepared.warnings = tuple(warnings)
        if wanted:
            prepared.digests(report, cancel)
        for one in wanted:
            _check_digest(prepared, one)
        failing.pop_all()  # from here on the caller closes it
        return prepared


def commit(prepared: Prepared, loader: Loader, host: Host, *, report: Report = ignore) -> Staged:
    """Make the one call. Not to be cancelled: it takes effect wholly or not at all.

    What nobody can change is digested after the call; where that fails, or somebody began to write
    to a file that a lease holds, it is staged, and its digest is not known. Raises ImageError where
    a chosen file changed before, Refused where the kernel says no, Blocked where a parser would not
    work in it, WarmbootError where a file cannot be read.
    """
    prepared.unchanged()
    if prepared.kernel.parsers and not loader.simulated:
        from warmboot.core.load.bpf_handover import try_parsers

        if prepared.plan.dialect is not None:
            try_parsers(prepared.kernel, prepared.request, prepared.plan.dialect, host.prefix)
    plan = prepared.plan
    if prepared.fixed:
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
    known = prepared.is_fixed(prepared.request.kernel_fd) and prepared.unread is None
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
