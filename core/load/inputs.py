"""What goes into the call as descriptors: kernel, initrd, device tree. Made in memory only."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from warmboot.core.errors import Blocked, ImageError
from warmboot.core.host.config import BuildOptions
from warmboot.core.images import BootImage, BytesView, FileView, ImageFile, View
from warmboot.core.images.uki import Uki
from warmboot.core.load.lease import Leases
from warmboot.core.payload.memfile import MemFile
from warmboot.core.plan.boot_files import BootFiles
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.route import Strategy, accepted_formats
from warmboot.core.plan.unpackable import lacks
from warmboot.core.progress import Cancel, Phase, Progress, Report, Reporter
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_CHUNK = 1024 * 1024
#: Zeros between initrds: an lz4 stream ends with four of them (lib/decompress_unlz4.c).
_APART = 4
_PIECE = 8 * _CHUNK


class KernelInput(NamedTuple):
    """What goes into the call in the kernel's place; `parsers` are the objects that run for it.

    `release` is what the image's headers say, None where they do not; `banner`: that in the
    kernel's banner is to be looked for. `unpacked` is the kernel's size as the parsers leave it
    (bytes), `decompressor` what the kernel takes to unpack the payload itself, beside the output.
    """

    fd: int
    release: str | None
    banner: bool = False
    parsers: tuple[View, ...] = ()
    unpacked: int = 0
    decompressor: int = 0


def open_kernel(
    plan: Plan, files: BootFiles, held: ExitStack, report: Report, cancel: Cancel
) -> KernelInput:
    """Make the kernel ready to be handed over, by the plan's strategy.

    Raises ImageError where it proves damaged, Blocked where it is not for this machine, Cancelled.
    """
    image = files.image
    view: View = files.kernel.view
    if plan.strategy is Strategy.AS_IS:
        bare = image.stream is None and image.release is None
        return KernelInput(files.kernel.fd, image.release, bare)
    release = image.release
    if isinstance(image, Uki):
        if image.linux is None:
            raise Blocked("The kernel inside the UKI is of an unknown format")
        section = image.linux_section
        view = view.part(section.offset, section.size, ".linux section")
        image = image.linux
    memory = held.enter_context(MemFile("warmboot-kernel"))
    if image.stream is not None and image.format not in accepted_formats(plan.architecture):
        from warmboot.core.payload.unpack import decompress, identify_payload

        decompress(view, image.stream, memory, report=report, cancel=cancel)
        check_inner(plan, identify_payload(memory), memory.size)
    else:
        copy_all(view, memory, Phase.READ, report, cancel)
        memory.seal()
        release = image.release or release
    return KernelInput(memory.fd, release, banner=True)


def fix_kernel(
    plan: Plan,
    files: BootFiles,
    held: ExitStack,
    leases: Leases,
    report: Report,
    cancel: Cancel,
) -> BootFiles:
    """Return the files with a kernel that nobody changes, where the kernel reads the file itself.

    That is the file held by a lease, or a sealed copy. Whatever is read, judged and handed over
    from here on is that. Where there is neither a lease nor, by the plan, room for a copy, the file
    stays as it is. Raises ImageError where it changed, Cancelled.
    """
    kernel, by_parser = files.kernel, plan.strategy.by_parser
    if plan.strategy is not Strategy.AS_IS and not by_parser:
        return files
    fd = kernel.fd
    if by_parser or not leases.hold(kernel):
        if not plan.sealed:
            return files
        memory = held.enter_context(MemFile("warmboot-kernel"))
        _copy_file(kernel, memory, Phase.READ, report, cancel)
        memory.seal()
        fd = memory.fd
    return files.with_kernel(ImageFile(fd, kernel.name, kernel.identity))


class Joined(NamedTuple):
    """All initrds behind one descriptor, None without any; `name` is what to call them.

    `own` is how many bytes are what would be handed over without our own archive behind it.
    """

    fd: int | None
    name: str | None
    own: int


def join_initrds(
    plan: Plan,
    files: BootFiles,
    held: ExitStack,
    leases: Leases,
    report: Report,
    cancel: Cancel,
    warnings: list[str],
    segment: bytes = b"",
) -> Joined:
    """Return all initrds, joined in a sealed copy in memory.

    A single one is handed over itself where a lease holds it, or where the plan says that there is
    no room for a copy. `segment` is an archive of our own that goes behind them. `warnings` gets
    what the kernel does not mind. Raises ImageError where it would lack files.
    """
    chosen, parts = files.initrds, files.parts
    if chosen is None and parts is not None:
        found = [_Initrd(part.section.name, files.part(part)) for part in parts.initrds]
        name = f"{plan.files.kernel} {' '.join(dict.fromkeys(one.name for one in found))}"
    else:
        found = [_initrd_of(file) for file in chosen or ()]
        name = " + ".join(plan.files.initrds or [printable(one.name) for one in found])
    if segment:
        found.append(_Initrd("the trial's own archive", BytesView(segment)))
    if not found:
        return Joined(None, None, 0)
    know_options(files, [one.view for one in found], cancel)
    alone = found[0].file if len(found) == 1 else None
    if alone is not None and (leases.hold(alone) or not plan.sealed):
        report(Progress(Phase.CHECK, 0, 0))
        # What was read before it was held does not count.
        view = FileView(alone.fd, alone.view.size)
        content = check_initrd(view, alone.name, files, warnings, cancel)
        check_room(plan, content, warnings)
        return Joined(alone.fd, name, view.size)
    memory = held.enter_context(MemFile("warmboot-initrd"))
    starts = []
    for one in found:
        starts.append(memory.size)
        if one.file is not None:
            _copy_file(one.file, memory, Phase.INITRD, report, cancel)
        else:
            copy_all(one.view, memory, Phase.INITRD, report, cancel)
        if len(found) > 1:
            memory.write(bytes(_APART + -memory.size % 4))
    memory.seal()
    report(Progress(Phase.CHECK, 0, 0))
    whole = memory.view()
    content = 0
    for one, start in zip(found, starts, strict=True):
        part = whole.part(start, one.view.size, "initrd")
        content += check_initrd(part, one.name, files, warnings, cancel)
    check_room(plan, content, warnings)
    own = memory.size
    if segment:  # as they are without it: several are padded, one by itself is not
        own = starts[-1] if len(found) > 2 else found[0].view.size * (len(found) - 1)
    return Joined(memory.fd, name, own)


class _Initrd(NamedTuple):
    """One initrd; `file` where it is the whole of a file."""

    name: str
    view: View
    file: ImageFile | None = None


def _initrd_of(file: ImageFile) -> _Initrd:
    """Return an initrd as the kernel has to get it: without what only U-Boot reads."""
    from warmboot.core.images.uboot import unwrapped

    view = unwrapped(file.view, printable(file.name))
    return _Initrd(file.name, view, file if view is file.view else None)


def know_options(files: BootFiles, initrds: Iterable[View], cancel: Cancel) -> None:
    """Look for the new kernel's build options inside of it, where no file says and they matter."""
    from warmboot.core.payload.initrd import form_of

    if files.options is not None or all(form_of(view.head(16))[0] is None for view in initrds):
        return
    from warmboot.core.payload.examine import embedded_options

    text = embedded_options(files.kernel.view, files.image, cancel)
    files.options = None if text is None else BuildOptions(text)


def check_room(plan: Plan, content: int, warnings: list[str]) -> None:
    """Refuse initrds whose content does not fit the new kernel's memory: it would panic."""
    room, files = plan.room, plan.initrd_bytes
    if room is None:
        return
    lacking = room.lacking(files, content)
    if lacking is None and room.beside_kernel(files) is None:  # else memory-limit has said it
        lacking = room.beside_kernel(files, content)
    if lacking is None:
        return
    if lacking.certain:
        raise ImageError(lacking.text, hint="Use a smaller initrd.")
    warnings.append(lacking.text)


def check_initrd(
    view: View, name: str, files: BootFiles, warnings: list[str], cancel: Cancel
) -> int:
    """Refuse an initrd of which the new kernel would lack files: it would start, and find no root.

    Returns how many bytes the kernel makes of it. A file of no known form is left to the kernel,
    which takes file system images too.
    """
    from warmboot.core.payload.initrd import read_initrd

    found = read_initrd(view, cancel=cancel)
    shown = printable(name)
    if found.problem is not None and not found.unknown and found.size:
        raise ImageError(
            f"The initrd {shown} is damaged, or not for the kernel: {found.problem}",
            hint="Make it again (update-initramfs, dracut, mkinitcpio), or choose another one.",
        )
    for certain, text in lacks(found.needs, files.options, files.release):
        if certain:
            hint = "Compress the initrd in another way, or choose another kernel."
            raise ImageError(f"{text} ({shown})", hint=hint)
        warnings.append(f"{text} ({shown})")
    warnings += [f"The initrd {shown}: {text}" for text in found.warnings]
    return found.unpacked


def open_devicetree(
    plan: Plan, files: BootFiles, held: ExitStack, report: Report, cancel: Cancel
) -> int | None:
    """Return the descriptor of the device tree to hand over, its overlays applied in order, and
    what firmware says of this machine in it.

    Raises ImageError where it is none, or an overlay does not fit it.
    """
    if plan.devicetree is None:
        return None
    from warmboot.core.load.kexec_load.devicetree import LIMIT, check_tree, completed, with_overlay

    view = files.devicetree_view
    if view is None:
        raise Blocked(f"The device tree {plan.devicetree} is not among the files that are open")
    tree = view.head(LIMIT + 1)
    check_tree(tree, plan.devicetree)
    for overlay in files.overlays:
        cancel.check()
        tree = with_overlay(tree, overlay.view.head(LIMIT + 1), printable(overlay.name))
    if files.prefix is not None:
        tree = completed(tree, plan.devicetree, files.prefix)
    memory = held.enter_context(MemFile("warmboot-devicetree"))
    copy_all(BytesView(tree), memory, Phase.READ, report, cancel)
    memory.seal()
    return memory.fd


def check_inner(plan: Plan, inner: BootImage | None, unpacked: int) -> None:
    """Refuse before the call what the kernel would refuse in it, or worse, would start.

    Raises Blocked, ImageError.
    """
    if inner is None or inner.format not in accepted_formats(plan.architecture):
        shown = inner.format if inner else "no boot image that warmboot knows"
        raise Blocked(f"What the image unpacks to is {shown}; this kernel cannot load it")
    if inner.architecture is not plan.architecture:
        raise Blocked(
            f"The image unpacks to a kernel for {inner.architecture}, "
            f"this machine is {plan.architecture}",
            hint="Choose a kernel built for this machine.",
        )
    if inner.memory_size is not None and unpacked > inner.memory_size:
        raise ImageError(
            f"The kernel unpacks to {unpacked} bytes but its own header states {inner.memory_size}",
            hint="The file is corrupt. Install the kernel again or choose another one.",
        )


def _copy_file(
    file: ImageFile, memory: MemFile, phase: Phase, report: Report, cancel: Cancel
) -> None:
    """Append all of a file to `memory`; raises ImageError, Cancelled."""
    total = file.view.size
    reporter = Reporter(report, phase, total)
    position = 0
    while position < total:
        cancel.check()
        count = memory.take(file.fd, position, min(_PIECE, total - position))
        if count == 0:
            raise _shorter(position)
        position += count
        reporter.advance(position)
    reporter.finish()


def _shorter(position: int) -> ImageError:
    return ImageError(
        "The file became shorter while it was read",
        offset=position,
        hint="Something else is writing to it. Try again when it has finished.",
    )


def copy_all(view: View, memory: MemFile, phase: Phase, report: Report, cancel: Cancel) -> None:
    """Append all of `view` to `memory`; raises ImageError, Cancelled."""
    reporter = Reporter(report, phase, view.size)
    buffer = memoryview(bytearray(min(_CHUNK, max(view.size, 1))))
    position = 0
    while position < view.size:
        cancel.check()
        count = view.readinto(position, buffer)
        if count == 0:
            raise _shorter(position)
        memory.write(buffer[:count])
        position += count
        reporter.advance(position)
    reporter.finish()
