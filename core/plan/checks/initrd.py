"""Checks of the initrds: does the new kernel find an archive in them that it can unpack?"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.images.compression import decompressor_option
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.subject import PlanSubject
from warmboot.core.plan.unpackable import lacks
from warmboot.core.text import size

INITRD = Group[PlanSubject]()


@INITRD.check(
    "initrd",
    "Is there an initrd that the new kernel can unpack?",
    "the entry, the UKI's .initrd section, --initrd; CONFIG_BLK_DEV_INITRD and CONFIG_RD_* of the "
    "new kernel (/boot/config-RELEASE, /usr/lib/modules/RELEASE/config, its own embedded options)",
    rule="an empty file is EINVAL (fs/kernel_read_file.c); what does not begin as an archive or in "
    "one of seven compressed forms is not unpacked (init/initramfs.c, lib/decompress.c, "
    "usr/Kconfig)",
)
def initrd(subject: PlanSubject) -> Iterator[Result]:
    """Most distribution kernels cannot mount their root without one."""
    heads = subject.context.initrds
    empty = [head.name for head in heads if not head.size]
    if empty and len(empty) == len(heads):
        yield fail(
            f"The initrd {empty[0]} is empty: the kernel refuses it",
            "Make it again (update-initramfs, dracut, mkinitcpio), or use --no-initrd.",
        )
        return
    if empty:
        yield warn(f"The initrd {empty[0]} is empty", "Make it again if this kernel needs it.")
    for head in heads:
        if head.problem is not None and head.size:
            text = f"The kernel will find no archive in the initrd {head.name}: {head.problem}"
            if head.strange:
                text += "; it will most likely panic"
            yield (warn if head.strange else fail)(text, "Make it again, or choose another one.")
    if not any(head.problem for head in heads):
        yield _size_of_initrd(subject)
    yield from _unpackable(subject)


def _unpackable(subject: PlanSubject) -> Iterator[Result]:
    """Compare how initrds are compressed with what the new kernel was built to unpack."""
    options = subject.context.kernel_options
    if not subject.context.initrds:
        return
    methods = {head.method for head in subject.context.initrds if head.method is not None}
    needs = [decompressor_option(method) for method in sorted(methods)]
    found = tuple(lacks(needs, options, subject.plan.files.release))
    for certain, text in found:
        hint = "Compress the initrd in another way, or choose another kernel."
        yield (fail if certain else warn)(text, hint)
    if options is None and methods and not found:
        yield warn(
            f"Whether the new kernel can unpack {' and '.join(sorted(methods))} is not known yet",
            f"It must have CONFIG_{', CONFIG_'.join(needs)}; staging looks for that inside of it.",
        )


def _size_of_initrd(subject: PlanSubject) -> Result:
    if subject.plan.initrd_bytes:
        return passed(f"An initrd of {size(subject.plan.initrd_bytes)}")
    return warn(
        "There is no initrd: the kernel must find its root file system by itself",
        "Name one with --initrd if this kernel needs it.",
    )
