"""Images that the kernel unpacks itself, by parsers: made ready, checked wholly, and tried first.

A kernel of dialect v6 checks next to nothing: a damaged payload crashes it, a
parser that does not load makes it loop. So everything is unpacked and checked here before, and
every parser is loaded and attached as the kernel will do it. None of this can be forced away.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from warmboot.core.bpf.abi import SECTION, Dialect
from warmboot.core.bpf.call_files import build_call_files
from warmboot.core.bpf.call_memory import CallMemory, rings_of, wait_for_memory
from warmboot.core.bpf.carried import check_carried, runs_carried
from warmboot.core.bpf.container import build_container
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.parsers import parser_for
from warmboot.core.bpf.replay import replay
from warmboot.core.errors import Blocked, ImageError
from warmboot.core.host.memory import read_memory_available
from warmboot.core.images import BootImage, BytesView, FileView, View, identify, pe
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.images.zboot import Zboot
from warmboot.core.load.inputs import KernelInput, check_inner, copy_all
from warmboot.core.load.loader import LoadRequest
from warmboot.core.payload.codecs import kernel_memory
from warmboot.core.payload.examine import examine, kernel_inside
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import unpack
from warmboot.core.plan.boot_files import BootFiles
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.route import Strategy
from warmboot.core.progress import Cancel, Phase, Report
from warmboot.core.text import size
from warmboot.core.values import NamedTuple

_CHUNK = 1 << 20


def hand_over(
    plan: Plan, boot: BootFiles, held: ExitStack, report: Report, cancel: Cancel
) -> KernelInput:
    """Make the kernel's file ready; raises ImageError, Blocked, NotFound, Cancelled."""
    view: View = boot.kernel.view
    image = boot.image
    if plan.strategy is Strategy.COPY:
        return _copied(plan, view, image, held, report, cancel)
    checked = _check_payload(plan, view, image, report, cancel)
    if plan.dialect is not None and facts_of(plan.dialect).whole:
        objects = _parsers(image, boot.initrd_bytes)
        memory = held.enter_context(MemFile("warmboot-parsers"))
        memory.write(
            build_container(objects[:1], build_container(objects[1:]) if objects[1:] else None)
        )
        memory.seal()
        return _given(memory.fd, checked, tuple(map(BytesView, objects)))
    whole = not isinstance(image, Uki)
    view, inner = kernel_inside(view, image)
    if inner is None:
        raise Blocked("The kernel inside the UKI is of an unknown format")
    if runs_carried(inner):
        check_carried(inner)
        section = pe.parse_headers(view).find(SECTION)
        parser = view.part(section.offset, section.size, SECTION) if section else view
        if whole:
            return _given(boot.kernel.fd, checked, (parser,))
        memory = held.enter_context(MemFile("warmboot-kernel"))
        copy_all(view, memory, Phase.READ, report, cancel)
        memory.seal()
        return _given(memory.fd, checked, (parser,))
    content = parser_for(inner, Dialect.V6).content
    files = build_call_files(view, inner, Dialect.V6, (content,), cancel=cancel)
    held.callback(files.close)
    return _given(files.kernel.fd, checked, (BytesView(content),))


def _given(fd: int, checked: _Checked, parsers: tuple[View, ...]) -> KernelInput:
    return KernelInput(
        fd,
        checked.release,
        parsers=parsers,
        unpacked=checked.size,
        decompressor=checked.decompressor,
    )


def _copied(
    plan: Plan, view: View, image: BootImage, held: ExitStack, report: Report, cancel: Cancel
) -> KernelInput:
    """Put a parser that copies it around an Image, which is unpacked before where it is packed."""
    view, inner = kernel_inside(view, image)
    release = image.release
    if inner is not None and inner.stream is not None:
        memory = held.enter_context(MemFile("warmboot-kernel"))
        payload = unpack(view, inner.stream, memory, report=report, cancel=cancel)
        view = _without_padding(memory.view(), cancel)
        inner = identify(view) if payload.image is not None else None
        release = payload.release or release
    elif inner is not None:
        seen = examine(view, inner, report=report, cancel=cancel)
        release = (seen and seen.release) or release
    check_inner(plan, inner, view.size)
    if not isinstance(inner, RawImage):
        raise Blocked("There is no parser that copies what the image holds")
    content = parser_for(inner, Dialect.V6).content
    files = build_call_files(view, inner, Dialect.V6, (content,), cancel=cancel)
    held.callback(files.close)
    unpacked = max(view.size, inner.memory_size or 0)
    return KernelInput(files.kernel.fd, release, parsers=(BytesView(content),), unpacked=unpacked)


def _without_padding(view: View, cancel: Cancel) -> View:
    """Leave the zeros behind the last section of an Image away.

    The payload of a zboot ends in them, up to the size in memory that the loader makes room for.
    Behind the last section the parser finds its place.
    """
    try:
        sections = pe.parse_headers(view).sections
    except ImageError:
        return view
    end = max((section.offset + section.raw_size for section in sections), default=view.size)
    for position in range(end, view.size, _CHUNK):
        cancel.check()
        if any(view.read(position, min(_CHUNK, view.size - position), "padding")):
            return view
    return view.part(0, min(end, view.size), "Image")


def envelop(
    plan: Plan, boot: BootFiles, initrd_fd: int | None, held: ExitStack, cancel: Cancel
) -> int:
    """Return what goes into the call in the initrd's place for dialect v7: all but the parsers."""
    image = boot.image
    if initrd_fd is None and isinstance(image, Uki) and image.initrd_section is not None:
        raise Blocked(
            "The kernel would use the UKI's own initrd, and none was chosen",
            hint="Choose the UKI's initrd, or another one.",
        )
    if len(boot.addons) > 1:
        raise Blocked(
            "The kernel's parser interface takes one add-on of a UKI, not more",
            hint="Name the one to use with --addon, or none with --no-addons.",
        )
    initrd = None if initrd_fd is None else FileView(initrd_fd, os.fstat(initrd_fd).st_size)
    files = build_call_files(
        boot.kernel.view,
        boot.image,
        Dialect.V7,
        _parsers(boot.image, boot.initrd_bytes)[:1],
        initrd=initrd,
        addon=boot.addons[0].view if len(boot.addons) == 1 else None,
        cmdline=plan.cmdline.text,
        cancel=cancel,
    )
    held.callback(files.close)
    if files.initrd is None:
        raise Blocked("There is no envelope for this image")
    return files.initrd.fd


def try_parsers(kernel: KernelInput, call: LoadRequest, dialect: Dialect, prefix: Path) -> None:
    """Try every parser on the running kernel, then count memory; raises Blocked.

    These are the last checks before the call: from there on the kernel checks nothing any more.
    """

    def available() -> int | None:
        return read_memory_available(prefix)

    before = available()
    for parser in kernel.parsers:
        result = replay(parser)
        if not result.fine:
            raise Blocked(
                f"The parser would not work in this kernel: {result.text}",
                hint="Nothing was tried. warmboot bpf rehearse shows more.",
            )
    free = wait_for_memory(before, available)
    needed = memory_of_call(kernel, call, dialect).needed
    if free is not None and needed > free:
        raise Blocked(
            f"Unpacking in the kernel takes up to {size(needed)}; {size(free)} are free",
            hint="Nothing was tried. Free memory; swap does not count.",
        )


def memory_of_call(kernel: KernelInput, call: LoadRequest, dialect: Dialect) -> CallMemory:
    """Return what a call takes, from what really goes into it."""
    whole = facts_of(dialect).whole
    initrd = 0 if call.initrd_fd is None else os.fstat(call.initrd_fd).st_size
    return CallMemory(
        rings=rings_of(kernel.parsers),
        kernel_file=os.fstat(call.kernel_fd).st_size,
        initrd_file=initrd,
        kernel=kernel.unpacked,
        initrd=initrd,
        initrd_copies=2 if whole else 1,
        decompressor=kernel.decompressor,
    )


class _Checked(NamedTuple):
    """What a payload proved to be: its release, its size in memory, and what unpacking it takes
    beside that (bytes)."""

    release: str | None
    size: int
    decompressor: int = 0


def _check_payload(
    plan: Plan, view: View, image: BootImage, report: Report, cancel: Cancel
) -> _Checked:
    """Unpack the whole payload and judge it, as the kernel will not."""
    view, inner = kernel_inside(view, image)
    if inner is None or inner.stream is None:
        check_inner(plan, inner, 0)
        read = examine(view, inner, report=report, cancel=cancel) if inner else None
        in_memory = (inner.memory_size or 0) if inner else 0
        return _Checked(read.release if read else None, max(in_memory, view.size))
    with MemFile("warmboot-check") as memory:
        payload = unpack(view, inner.stream, memory, report=report, cancel=cancel, alone=True)
        check_inner(plan, payload.image, memory.size)
        in_memory = (payload.image.memory_size or 0) if payload.image else 0
        largest = max(in_memory, memory.size)
    taken = kernel_memory(view, inner.stream)
    return _Checked(payload.release or image.release, largest, taken)


def _parsers(image: BootImage, initrd_bytes: int) -> list[bytes]:
    """Return the parsers for dialect v7: of the image, then of a zboot inside a UKI."""
    found = [parser_for(image, Dialect.V7, initrd_bytes).content]
    inner = image.linux if isinstance(image, Uki) else None
    if isinstance(inner, Zboot):
        found.append(parser_for(inner, Dialect.V7, 0, inner=True).content)
    return found
