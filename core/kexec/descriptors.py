"""What goes into the call as descriptors: kernel, initrd, device tree. Made in memory only."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warmboot.core.errors import Blocked, ImageError
from warmboot.core.images import ImageFile, View
from warmboot.core.images.uki import Uki
from warmboot.core.kexec.plan import Plan, Strategy
from warmboot.core.kexec.reading import accepted, check_inner, copy_all
from warmboot.core.payload.memfile import MemFile
from warmboot.core.progress import Cancel, Phase, Report
from warmboot.core.text import printable

if TYPE_CHECKING:
    from warmboot.core.kexec.selection import Selection


@dataclass(frozen=True, slots=True)
class Kernel:
    """What goes into the call in the kernel's place; `parsers` are the objects that run for it.

    `release` is what the image's headers say, None where they do not; `banner`: that in the
    kernel's banner is to be looked for.
    """

    fd: int
    release: str | None
    banner: bool = False
    parsers: tuple[View, ...] = ()


def open_kernel(
    plan: Plan, selection: Selection, held: ExitStack, report: Report, cancel: Cancel
) -> Kernel:
    """Make the kernel ready to be handed over, by the plan's strategy.

    Raises ImageError where it proves damaged, Blocked where it is not for this machine, Cancelled.
    """
    if plan.strategy.by_parser:
        from warmboot.core.kexec.parsed import hand_over

        return hand_over(plan, selection, held, report, cancel)
    image = selection.image
    view: View = selection.kernel.view
    if plan.strategy is Strategy.AS_IS:
        bare = image.stream is None and image.release is None
        return Kernel(selection.kernel.fd, image.release, bare)
    release = image.release
    if isinstance(image, Uki):
        if image.linux is None:
            raise Blocked("The kernel inside the UKI is of no known format")
        section = image.linux_section
        view = view.part(section.offset, section.size, ".linux section")
        image = image.linux
    memory = held.enter_context(MemFile("warmboot-kernel"))
    if image.stream is not None and image.format not in accepted(plan):
        from warmboot.core.payload.unpack import decompress, identify_payload

        decompress(view, image.stream, memory, report=report, cancel=cancel)
        check_inner(plan, identify_payload(memory), memory.size)
    else:
        copy_all(view, memory, Phase.READ, report, cancel)
        memory.seal()
        release = image.release or release
    return Kernel(memory.fd, release, banner=True)


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
            copy_all(selection.part(part), memory, Phase.INITRD, report, cancel)
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
        copy_all(file.view, memory, Phase.INITRD, report, cancel)
        memory.write(bytes(-memory.size % 4))
    memory.seal()
    return memory.fd, " + ".join(plan.choices.initrds or ())


def _check_initrd(file: ImageFile, cancel: Cancel) -> None:
    """Refuse an initrd that is cut off or damaged: the new kernel would start, and find no root.

    A file of no known form is left to the kernel, which takes file system images too.
    """
    from warmboot.core.payload.initrd import is_initrd, read_initrd

    if not is_initrd(file.view):
        return
    problem = read_initrd(file.view, cancel=cancel).problem
    if problem is not None:
        raise ImageError(
            f"The initrd {printable(file.name)} is damaged: {problem}",
            hint="Make it again (update-initramfs, dracut, mkinitcpio), or choose another one.",
        )


def open_devicetree(
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
        copy_all(view, memory, Phase.READ, report, cancel)
        memory.seal()
        fd = memory.fd
    else:
        raise Blocked(f"The device tree {plan.devicetree} is not among the files that are open")
    check_tree(view.head(LIMIT + 1), plan.devicetree)
    return fd
