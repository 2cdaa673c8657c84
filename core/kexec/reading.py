"""Copying what is to be staged into memory, and judging what came out of it."""

from __future__ import annotations

from warmboot.core.errors import Blocked, ImageError
from warmboot.core.images import BootImage, View
from warmboot.core.kexec.architecture import ACCEPTED
from warmboot.core.kexec.plan import Plan
from warmboot.core.payload.memfile import MemFile
from warmboot.core.progress import Cancel, Phase, Report, Reporter

_CHUNK = 1024 * 1024


def accepted(plan: Plan) -> tuple[str, ...]:
    """Return the formats that the kernel of the plan's machine starts as they are."""
    return ACCEPTED.get(plan.architecture, ()) if plan.architecture else ()


def check_inner(plan: Plan, inner: BootImage | None, unpacked: int) -> None:
    """Refuse before the call what the kernel would refuse in it, or worse, would start."""
    if inner is None or inner.format not in accepted(plan):
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


def copy_all(view: View, memory: MemFile, phase: Phase, report: Report, cancel: Cancel) -> None:
    """Append all of `view` to `memory`; raises ImageError, Cancelled."""
    reporter = Reporter(report, phase, view.size)
    buffer = memoryview(bytearray(min(_CHUNK, max(view.size, 1))))
    position = 0
    while position < view.size:
        cancel.check()
        count = view.readinto(position, buffer)
        if count == 0:
            raise ImageError(
                "The file became shorter while it was read",
                offset=position,
                hint="Something else is writing to it. Try again when it has finished.",
            )
        memory.write(buffer[:count])
        position += count
        reporter.advance(position)
    reporter.finish()
