"""From a plan to a staged kernel. Everything up to the one system call can be cancelled."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from warmboot.core.bpf.abi import Dialect
from warmboot.core.errors import Blocked, ImageError, NotPermitted
from warmboot.core.host import Host
from warmboot.core.images import ImageFile, View
from warmboot.core.images.uki import Uki
from warmboot.core.kexec.loader import Call, Loader, LoadFlags, LoadRequest
from warmboot.core.kexec.parsed import envelop, hand_over, try_parsers
from warmboot.core.kexec.plan import Plan, Strategy
from warmboot.core.kexec.reading import accepted, check_inner, read_all
from warmboot.core.kexec.selection import Selection
from warmboot.core.payload import MemFile, examine, unpack
from warmboot.core.payload.initrd import is_initrd, read_initrd
from warmboot.core.progress import Cancel, Phase, Progress, Report, ignore
from warmboot.core.text import printable


@dataclass(frozen=True, slots=True)
class Staged:
    """What is staged: recorded in the journal and shown until it is executed or unloaded.

    `sha256` is of the bytes the kernel was given, `at` seconds since the epoch, `boot_id` that of
    the boot during which it was staged. `panic`: it runs after a crash.
    """

    entry: str | None
    kernel: str
    initrds: tuple[str, ...]
    release: str | None
    cmdline: str
    strategy: str
    loader: str
    sha256: str
    at: float
    boot_id: str | None
    panic: bool = False


class Prepared:
    """Open descriptors ready for the call; closing them gives all memory back."""

    def __init__(
        self,
        plan: Plan,
        selection: Selection,
        request: LoadRequest,
        release: str | None,
        sha256: str,
        held: ExitStack,
        parsers: tuple[View, ...] = (),
    ) -> None:
        self.parsers = parsers
        self.plan = plan
        self.request = request
        self.release = release
        self.sha256 = sha256
        self._selection = selection
        self._held = held

    def unchanged(self) -> None:
        """Raise ImageError where a chosen file changed since it was opened."""
        self._selection.unchanged()

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
    with ExitStack() as held:
        parsers: tuple[View, ...] = ()
        if plan.strategy is Strategy.PARSER:
            parsed = hand_over(plan, selection, held, report, cancel)
            kernel_fd, release, sha256 = parsed.kernel_fd, parsed.release, parsed.sha256
            parsers = parsed.parsers
        else:
            kernel_fd, release, sha256 = _kernel(plan, selection, held, report, cancel)
        if previewed is not None and previewed.lower() != sha256:
            raise ImageError(
                f"The kernel is not the one that was looked at: its SHA-256 is {sha256}",
                hint="It was replaced meanwhile. Look at it again, then stage it.",
            )
        initrd_fd, initrd_name = join_initrds(plan, selection, held, report, cancel)
        if plan.dialect is Dialect.V7:
            initrd_fd = envelop(plan, selection, initrd_fd, held, cancel)
            initrd_name = "kernel, initrd and command line"
        tree_fd = _devicetree(plan, selection, held, report, cancel)
        request = LoadRequest(
            kernel_fd=kernel_fd,
            kernel_name=plan.choices.kernel,
            initrd_fd=initrd_fd,
            initrd_name=initrd_name,
            cmdline=plan.choices.cmdline.text,
            flags=LoadFlags.ON_CRASH if plan.choices.panic else LoadFlags.NONE,
            call=plan.call or Call.FILE,
            devicetree_fd=tree_fd,
            devicetree_name=plan.devicetree,
        )
        return Prepared(plan, selection, request, release, sha256, held.pop_all(), parsers)


def commit(prepared: Prepared, loader: Loader, host: Host, *, report: Report = ignore) -> Staged:
    """Make the one call. Not to be cancelled: it takes effect wholly or not at all.

    Raises ImageError where a chosen file changed meanwhile, Refused where the kernel says no,
    Blocked where a parser would not work in it.
    """
    prepared.unchanged()
    if prepared.parsers and not loader.simulated:
        try_parsers(prepared.parsers)
    report(Progress(Phase.LOAD, 0, 1))
    loader.load(prepared.request)
    report(Progress(Phase.LOAD, 1, 1))
    plan = prepared.plan
    return Staged(
        entry=plan.choices.entry,
        kernel=plan.choices.kernel,
        initrds=plan.choices.initrds or (),
        release=prepared.release,
        cmdline=plan.choices.cmdline.text,
        strategy=plan.strategy,
        loader=plan.loader,
        sha256=prepared.sha256,
        at=time.time(),
        boot_id=host.boot_id,
        panic=plan.choices.panic,
    )


def _kernel(
    plan: Plan, selection: Selection, held: ExitStack, report: Report, cancel: Cancel
) -> tuple[int, str | None, str]:
    """Return the descriptor to hand over, the kernel's release and the SHA-256 of its bytes."""
    image = selection.image
    view: View = selection.kernel.view
    if plan.strategy is Strategy.AS_IS:
        seen = examine(view, image, report=report, cancel=cancel) if image.stream is None else None
        if seen is not None:
            return selection.kernel.fd, image.release or seen.release, seen.sha256
        digest = read_all(view, Phase.VERIFY, report, cancel)
        return selection.kernel.fd, image.release, digest
    release = image.release
    if isinstance(image, Uki):
        if image.linux is None:
            raise Blocked("The kernel inside the UKI is of no known format")
        section = image.linux_section
        view = view.part(section.offset, section.size, ".linux section")
        image = image.linux
    memory = held.enter_context(MemFile("warmboot-kernel"))
    if image.stream is not None and image.format not in accepted(plan):
        payload = unpack(view, image.stream, memory, report=report, cancel=cancel)
        check_inner(plan, payload.image, memory.size)
        return memory.fd, payload.release or release, payload.sha256
    sha256 = read_all(view, Phase.READ, report, cancel, memory)
    memory.seal()
    return memory.fd, image.release or release, sha256


def join_initrds(
    plan: Plan, selection: Selection, held: ExitStack, report: Report, cancel: Cancel
) -> tuple[int | None, str | None]:
    """Return one descriptor for all initrds: the file itself, or a joined copy in memory."""
    files, unified = selection.initrds, selection.unified
    if files is None and unified is not None:
        if not unified.initrds:
            return None, None
        memory = held.enter_context(MemFile("warmboot-initrd"))
        for part in unified.initrds:
            memory.write(bytes(-memory.size % 4))
            read_all(selection.part(part), Phase.INITRD, report, cancel, memory)
        memory.seal()
        names = dict.fromkeys(part.section.name for part in unified.initrds)
        return memory.fd, f"{plan.choices.kernel} {' '.join(names)}"
    if not files:
        return None, None
    for file in files:
        _check_initrd(file, cancel)
    if len(files) == 1:
        return files[0].fd, plan.choices.initrds[0] if plan.choices.initrds else files[0].name
    memory = held.enter_context(MemFile("warmboot-initrd"))
    for file in files:
        read_all(file.view, Phase.INITRD, report, cancel, memory)
        memory.write(bytes(-memory.size % 4))
    memory.seal()
    return memory.fd, " + ".join(plan.choices.initrds or ())


def _check_initrd(file: ImageFile, cancel: Cancel) -> None:
    """Refuse an initrd that is cut off or damaged: the new kernel would start, and find no root.

    A file of no known form is left to the kernel, which takes file system images too.
    """
    if not is_initrd(file.view):
        return
    problem = read_initrd(file.view, cancel=cancel).problem
    if problem is not None:
        raise ImageError(
            f"The initrd {printable(file.name)} is damaged: {problem}",
            hint="Make it again (update-initramfs, dracut, mkinitcpio), or choose another one.",
        )


def _devicetree(
    plan: Plan, selection: Selection, held: ExitStack, report: Report, cancel: Cancel
) -> int | None:
    """Return the descriptor of the device tree to hand over; raises ImageError where it is none."""
    if plan.devicetree is None:
        return None
    from warmboot.core.kexec.load.devicetree import LIMIT, check_tree

    if selection.devicetree is not None:
        view: View = selection.devicetree.view
        fd = selection.devicetree.fd
    elif selection.unified is not None and selection.unified.devicetree is not None:
        view = selection.part(selection.unified.devicetree)
        memory = held.enter_context(MemFile("warmboot-devicetree"))
        read_all(view, Phase.READ, report, cancel, memory)
        memory.seal()
        fd = memory.fd
    else:
        raise Blocked(f"The device tree {plan.devicetree} is not among the files that are open")
    check_tree(view.head(LIMIT + 1), plan.devicetree)
    return fd
