"""Checks for kernels that unpack images themselves; none can be forced, a mistake is fatal."""

from __future__ import annotations

from warmboot.core.bpf.dialects import facts_of
from warmboot.core.errors import ImageError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.subject import PlanSubject
from warmboot.core.text import size

if TYPE_CHECKING:  # few kernels have the interface: what it takes is loaded for those
    from warmboot.core.bpf.call_memory import CallMemory

PARSER = Group[PlanSubject]()
_ELSEWHERE = "Stage without parsers where kexec_load(2) is allowed: --loader load."
_COPIED = "There is a parser that copies an Image"


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
    if subject.host.lockdown == "confidentiality":
        return fail(
            "The kernel is locked down (confidentiality): parsers may not read its memory",
            "Reboot through firmware.",
        )
    lacking = [n for n in ("BPF_SYSCALL", "FUNCTION_TRACER") if subject.host.option(n) is False]
    if lacking:
        return fail(
            f"This kernel cannot attach parsers: it lacks CONFIG_{' and CONFIG_'.join(lacking)}",
            "Reboot through firmware." if subject.host.option("KEXEC") is False else _ELSEWHERE,
        )
    return passed(
        f"The kernel unpacks images by parsers of dialect {subject.plan.dialect}; "
        "each is loaded and attached once before the call"
    )


@PARSER.check(
    "parser-decompressor",
    "Can the kernel unpack the payload?",
    "the payload, CONFIG_RD_* options",
    rule="at most 512 MiB, by the decompressors that CONFIG_RD_* builds in and what they take: "
    "checks, windows, filters (patches for CONFIG_KEXEC_BPF, lib/decompress*.c)",
)
def parser_decompressor(subject: PlanSubject) -> Result | None:
    """A kernel without the decompressor loops, or crashes."""
    stream = subject.kernel.stream
    if subject.plan.dialect is None or stream is None:
        return None
    if subject.copied:
        why = subject.context.payload_refused
        because = f": {why[0].lower()}{why[1:]}" if why else ""
        return passed(f"The {stream.method} payload is unpacked here, not by the kernel{because}")
    from warmboot.core.bpf.abi import DECOMPRESS_LIMIT

    if stream.declared is not None and stream.declared > DECOMPRESS_LIMIT:
        return fail(
            f"The kernel unpacks no more than {size(DECOMPRESS_LIMIT)}", "Choose a smaller kernel."
        )
    return passed(f"The kernel can unpack {stream.method}; all of it is checked here before")


@PARSER.check(
    "parser-memory",
    "Is there memory for unpacking?",
    "MemAvailable in /proc/meminfo, memory.max and memory.high of the control groups",
)
def parser_memory(subject: PlanSubject) -> Result | None:
    """Ring buffer, packed and unpacked kernel exist together, and what unpacks needs a window."""
    available = subject.host.memory_available
    if subject.plan.dialect is None or available is None:
        return None
    try:
        memory = _memory(subject)
    except ImageError as error:
        return fail(error.message, "Choose a smaller kernel.")
    # What warmboot itself holds in memory meanwhile: the files as they go into the call.
    needed = memory.needed + memory.kernel_file + memory.initrd_file
    if needed > available:
        return fail(
            f"Unpacking in the kernel takes up to {size(needed)}; {size(available)} are free",
            "Free memory. Swap does not count.",
        )
    return passed(f"Unpacking in the kernel takes up to {size(needed)}, which is free")


def _memory(subject: PlanSubject) -> CallMemory:
    """Return what the call takes, by headers alone; raises ImageError."""
    from warmboot.core.bpf.call_memory import BESIDE, CallMemory
    from warmboot.core.bpf.sizes import sizes_for, sizes_of
    from warmboot.core.images.bpfobject import LARGEST

    plan, kernel = subject.plan, subject.kernel
    facts = facts_of(plan.dialect) if plan.dialect is not None else None
    if subject.copied or plan.dialect is None or facts is None:
        ring, layers = sizes_for(subject.kernel_bytes).ring, 1
    else:
        image = plan.image if facts.whole else kernel
        ring = sizes_of(image, plan.dialect, plan.initrd_bytes).ring
        layers = 2 if facts.whole and image is not kernel else 1
    whole = facts is not None and facts.whole
    return CallMemory(
        rings=layers * (ring + BESIDE),
        kernel_file=LARGEST
        if whole
        else subject.kernel_bytes
        if subject.copied
        else kernel.file_size,
        initrd_file=plan.initrd_bytes + (plan.image.file_size if whole else 0),
        kernel=subject.kernel_bytes,
        initrd=plan.initrd_bytes,
        initrd_copies=2 if whole else 1,
        decompressor=0 if subject.copied else subject.context.decompressor,
    )


@PARSER.check("parser-kind", "Is there a parser for the image?", "the image's format")
def parser_kind(subject: PlanSubject) -> Result | None:
    """Parsers exist for some formats only."""
    if subject.plan.dialect is None:
        return None
    from warmboot.core.bpf.carried import check_carried, runs_carried
    from warmboot.core.bpf.sizes import kind_of

    if subject.copied:
        return _signature_lost() if subject.plan.files.signed else passed(_COPIED)
    whole = facts_of(subject.plan.dialect).whole
    image = subject.plan.image if whole else subject.kernel
    try:
        if not whole and runs_carried(image):
            check_carried(image)
            return passed("The image carries its parser")
        if not whole and subject.plan.files.signed:
            return _signature_lost()
        return passed(f"There is a parser for {kind_of(image).name.lower()} images")
    except ImageError as error:
        return fail(error.message, error.hint or "")


def _signature_lost() -> Result:
    return warn(
        "The image is signed; a parser is put into a copy of it, and that is not",
        "Where the kernel wants signatures, choose an image that carries its parser and was signed "
        "with it: warmboot bpf envelope --sign.",
    )
