"""Checks for kernels that unpack images themselves; none can be forced, a mistake is fatal."""

from __future__ import annotations

from warmboot.core.bpf.abi import DECOMPRESS_LIMIT, Dialect
from warmboot.core.bpf.sizes import kind_of, sizes_for, sizes_of
from warmboot.core.errors import ImageError
from warmboot.core.images import Method
from warmboot.core.plan.checks.base import Group, Result, fail, passed
from warmboot.core.plan.checks.subject import PlanSubject
from warmboot.core.text import size

PARSER = Group[PlanSubject]()
_ZSTD_WINDOW = 128 << 20
_ELSEWHERE = "Stage without parsers where kexec_load(2) is allowed: --loader load."


@PARSER.check(
    "parser-attach",
    "Can parsers be attached?",
    "CONFIG_BPF_SYSCALL, CONFIG_FUNCTION_TRACER",
    rule="a parser is attached by the function tracer (patches for CONFIG_KEXEC_BPF)",
)
def parser_attach(subject: PlanSubject) -> Result | None:
    """Without the function tracer the kernel would loop; the replay before the call proves it."""
    if subject.plan.dialect is None:
        return None
    lacking = [n for n in ("BPF_SYSCALL", "FUNCTION_TRACER") if subject.host.option(n) is False]
    if lacking:
        return fail(
            f"This kernel cannot attach parsers: it lacks CONFIG_{' and CONFIG_'.join(lacking)}",
            _ELSEWHERE,
        )
    return passed(
        f"The kernel unpacks images by parsers of dialect {subject.plan.dialect}; "
        "each is loaded and attached once before the call"
    )


@PARSER.check(
    "parser-decompressor",
    "Can the kernel unpack the payload?",
    "the payload, CONFIG_RD_* options",
    rule="at most 512 MiB, by the decompressors that CONFIG_RD_* builds in (patches for "
    "CONFIG_KEXEC_BPF, lib/decompress.c)",
)
def parser_decompressor(subject: PlanSubject) -> Result | None:
    """A kernel without the decompressor loops, or crashes."""
    stream = subject.kernel.stream
    if subject.plan.dialect is None or stream is None:
        return None
    if subject.copied:
        return passed(f"The {stream.method} payload is unpacked here, not by the kernel")
    if stream.declared is not None and stream.declared > DECOMPRESS_LIMIT:
        return fail(
            f"The kernel unpacks no more than {size(DECOMPRESS_LIMIT)}", "Choose a smaller kernel."
        )
    return passed(f"The kernel can unpack {stream.method}; all of it is checked here before")


@PARSER.check("parser-memory", "Is there memory for unpacking?", "MemAvailable in /proc/meminfo")
def parser_memory(subject: PlanSubject) -> Result | None:
    """Ring buffer, packed and unpacked kernel exist together, and zstd needs its window."""
    if subject.plan.dialect is None or subject.host.memory_available is None:
        return None
    image = subject.plan.image if subject.plan.dialect is Dialect.V7 else subject.kernel
    try:
        if subject.copied:
            ring = sizes_for(subject.kernel_bytes).ring
        else:
            ring = sizes_of(image, subject.plan.dialect, subject.plan.initrd_bytes).ring
    except ImageError as error:
        return fail(error.message, "Choose a smaller kernel.")
    stream = subject.kernel.stream
    window = _ZSTD_WINDOW if stream is not None and stream.method is Method.ZSTD else 0
    needed = (
        ring
        + 2 * image.file_size
        + 2 * subject.kernel_bytes
        + 2 * subject.plan.initrd_bytes
        + window
    )
    if needed > subject.host.memory_available:
        return fail(
            f"Unpacking in the kernel takes up to {size(needed)}; "
            f"{size(subject.host.memory_available)} are free",
            "Free memory. Swap does not count.",
        )
    return passed(f"Unpacking in the kernel takes up to {size(needed)}, which is free")


@PARSER.check("parser-kind", "Is there a parser for the image?", "the image's format")
def parser_kind(subject: PlanSubject) -> Result | None:
    """Only some formats can be taken apart."""
    if subject.plan.dialect is None:
        return None
    if subject.copied:
        return passed("There is a parser that copies an Image")
    image = subject.plan.image if subject.plan.dialect is Dialect.V7 else subject.kernel
    try:
        return passed(f"There is a parser for {kind_of(image).name.lower()} images")
    except ImageError as error:
        return fail(error.message, error.hint or "")
