"""Checks of a chosen image and of what is to be done with it."""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.images.bzimage import (
    LOADED_HIGH,
    XLF_5LEVEL,
    XLF_CAN_BE_LOADED_ABOVE_4G,
    XLF_KERNEL_64,
    BzImage,
)
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.policy import (
    Rule,
    cannot_verify,
    memory_load_barred,
    signature_rule,
    signed_way,
)
from warmboot.core.plan.checks.subject import PlanSubject
from warmboot.core.plan.command_line import command_line_limits
from warmboot.core.plan.route import Strategy
from warmboot.core.text import printable, size

_PAGES = {"4 KiB": 4096, "16 KiB": 16384, "64 KiB": 65536}


IMAGE = Group[PlanSubject]()


@IMAGE.check(
    "architecture",
    "Is the image for this machine?",
    "the image's header, uname(2)",
    rule="another machine's image is ENOEXEC on x86, else EINVAL (arch/*/kernel/kexec_image.c, "
    "kexec-bzimage64.c)",
)
def architecture(subject: PlanSubject) -> Result:
    """An image of another architecture is refused, or worse, started."""
    image, mine = subject.plan.image, subject.plan.architecture
    if image.architecture is None and image.stream is not None:
        return passed(
            "Only unpacking tells which machine the image is for; it is checked before the call"
        )
    if image.architecture is not None and image.architecture is mine:
        return passed(f"The image is for {mine}, as is this machine")
    return fail(
        f"The image is for {image.architecture or 'an unknown architecture'}, "
        f"this machine is {mine or printable(subject.host.machine)}",
        "Choose a kernel built for this machine.",
    )


@IMAGE.check(
    "route",
    "Can this image be loaded?",
    "the image's format, CONFIG_KEXEC_*",
    rule="each architecture has loaders for few formats (kexec_file_loaders in arch/*/kernel)",
)
def route(subject: PlanSubject) -> Result:
    """Formats differ in what the kernel takes and what can be made of them."""
    if subject.plan.strategy is not Strategy.NONE:
        return passed("This image can be loaded")
    return fail(
        f"This image cannot be loaded: {subject.plan.why}",
        "Choose another kernel, or reboot through firmware.",
    )


@IMAGE.check(
    "kexec-file",
    "Does the kernel have the call the plan needs?",
    "CONFIG_KEXEC_FILE",
    rule="kexec_file_load(2) is ENOSYS without CONFIG_KEXEC_FILE (kernel/sys_ni.c)",
)
def kexec_file(subject: PlanSubject) -> Result | None:
    """kexec_file_load(2) is ENOSYS without it."""
    if not subject.file_load or subject.host.option("KEXEC_FILE") is None:
        return None
    if subject.host.option("KEXEC_FILE"):
        return passed("The kernel has kexec_file_load(2)")
    return fail(
        f"The running kernel {printable(subject.host.release)} was built without CONFIG_KEXEC_FILE",
        "Use kexec-tools (kexec -c -l), or reboot through firmware.",
    )


@IMAGE.check(
    "bzimage",
    "Does the x86 kernel have all that kexec needs?",
    "setup header, la57 in /proc/cpuinfo",
    rule="bzImage64_probe() answers ENOEXEC (arch/x86/kernel/kexec-bzimage64.c)",
)
def bzimage(subject: PlanSubject) -> Result | None:
    """What bzImage64_probe() asks for: ENOEXEC where it is missing."""
    kernel = subject.kernel
    if not isinstance(kernel, BzImage):
        return None
    five_level = subject.live is not None and subject.live.five_level_paging
    wants = (
        (kernel.protocol >= 0x20C, "boot protocol 2.12"),
        (kernel.loadflags & LOADED_HIGH, "LOADED_HIGH"),
        (kernel.xloadflags & XLF_KERNEL_64, "a 64-bit entry point"),
        (kernel.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G, "loading above 4 GiB"),
        (not five_level or kernel.xloadflags & XLF_5LEVEL, "5-level paging, in use here"),
    )
    lacks = [what for there, what in wants if not there]
    if not lacks:
        return passed("The bzImage has all that kexec needs")
    return fail(
        f"The bzImage lacks {', '.join(lacks)}",
        "It is too old or 32-bit only. Choose another kernel.",
    )


@IMAGE.check(
    "arm64-image",
    "Does the Image fit these processors?",
    "byte order and page size in the header, getpagesize(2)",
    forceable=True,
    rule="image_load() answers EINVAL where the processors lack byte order or page size "
    "(arch/arm64/kernel/kexec_image.c)",
)
def arm64_image(subject: PlanSubject) -> Result | None:
    """What image_load() of arm64 asks the processors for: EINVAL where they lack it."""
    kernel = subject.kernel
    if not isinstance(kernel, RawImage) or kernel.architecture is not Architecture.ARM64:
        return None
    if kernel.big_endian:
        return fail(
            "The kernel is big endian; few processors run both byte orders",
            "Choose a little-endian kernel.",
        )
    pages = _PAGES.get(kernel.page_size)
    if pages is not None and pages != subject.host.page_size:
        return warn(
            f"The kernel has pages of {kernel.page_size}, "
            f"the running one of {size(subject.host.page_size)}",
            "The processors must support them; some programs and swap areas do not.",
        )
    return passed(f"Little endian, pages of {kernel.page_size}")


@IMAGE.check(
    "signature",
    "Is the image signed as the kernel requires?",
    "lockdown, efivars, CONFIG_KEXEC_SIG_FORCE, /sys/kernel/security/ima/policy",
    rule="KEXEC_VERIFY_SIG, KEXEC_SIG_FORCE, IMA_ARCH_POLICY with secure boot, lockdown and "
    "IMA's policy (kernel/kexec_file.c, kernel/kexec.c, "
    "security/integrity/ima/ima_main.c)",
)
def signature(subject: PlanSubject) -> Result:
    """Said before anything is tried: an unpacked kernel carries no signature."""
    host = subject.host
    ima_appraises = subject.live.ima_appraises if subject.live else None
    rule = signature_rule(host, ima_appraises)
    way = signed_way(host, subject.context.dialect)
    if not subject.file_load:
        barred = memory_load_barred(host, ima_appraises)
        if barred is not None:
            return fail(f"kexec_load(2) is not permitted: {barred.cause}", way)
        if rule is None:
            return passed("No signature is required")
        return warn(f"kexec_load(2) carries no signature, and {rule.cause}", way)
    if rule is None:
        return passed("No signature is required")
    beside = subject.plan.signature_kept and not rule.in_file
    if beside or (subject.signed_bytes is not False and rule.in_file):
        if rule.in_file and rule.enforced and subject.plan.dialect is None and cannot_verify(host):
            return fail(f"The kernel refuses signed images too: {rule.cause}", way)
        return _must_be_trusted(rule)
    what = "The image" if subject.plan.signature_kept else "An unpacked kernel"
    text = f"{what} carries no signature, and {rule.cause}"
    return fail(text, way) if rule.enforced else warn(text, way)


def _must_be_trusted(rule: Rule) -> Result:
    return warn(
        f"The image must be signed by a key this machine trusts: {rule.cause}",
        "If staging is refused, choose a signed kernel or reboot through firmware.",
    )


@IMAGE.check(
    "command-line",
    "Does the command line fit?",
    "COMMAND_LINE_SIZE, cmdline_size (x86)",
    rule="longer than COMMAND_LINE_SIZE, or cmdline_size on x86, is EINVAL "
    "(arch/x86/kernel/kexec-bzimage64.c, kernel/kexec_file.c)",
)
def command_line(subject: PlanSubject) -> Result:
    """Longer than the new kernel reads is EINVAL, or silently cut."""
    length = len(subject.plan.cmdline.text.encode("utf-8", "surrogateescape")) + 1
    mine = subject.plan.architecture
    facts = mine.facts if mine else None
    least, limit = command_line_limits(subject.kernel, mine, subject.plan.files.release)
    if length > limit:
        text = f"The command line is {length} bytes long; the kernel takes {limit}"
        return fail(text, "Shorten it.")
    if length > least and facts is not None and facts.command_line_grew is not None:
        (major, minor), _ = facts.command_line_grew
        return warn(
            f"The command line is {length} bytes long; before {major}.{minor} kernels take "
            f"{least}, and the release of this one is not known",
            "Shorten it, or make sure that the kernel is new enough: it would cut the line.",
        )
    if "\0" in subject.plan.cmdline.text or "\n" in subject.plan.cmdline.text:
        return fail("The command line holds a newline or a NUL", "Remove it.")
    if subject.borrowed_cmdline:
        return warn(
            "The command line is that of the system running now, not of the one in --root",
            "Check root= before you stage.",
        )
    if not subject.plan.cmdline.text.strip():
        return warn(
            "The command line is empty: the new kernel will know no root= and no console=",
            "Give one with --cmdline or --reuse-cmdline.",
        )
    return passed(f"{length} of {limit} bytes used")


@IMAGE.check(
    "devicetree",
    "Can the device tree be passed on?",
    "devicetree of the entry",
    forceable=True,
    rule="kexec_file_load(2) hands on the device tree in use, and takes no other "
    "(drivers/of/kexec.c)",
)
def devicetree(subject: PlanSubject) -> Result | None:
    """A device tree is never dropped silently."""
    if subject.devicetree_not_passed is None:
        return None
    return fail(
        f"The entry wants the device tree {subject.devicetree_not_passed}, "
        "which this loader cannot pass on",
        "The new kernel would get the device tree in use now.",
    )


@IMAGE.check(
    "board",
    "Is the device tree for this board?",
    "compatible in the device tree, and in /sys/firmware/devicetree/base",
    forceable=True,
    rule="the kernel drives what its tree describes, whatever there is (drivers/of/platform.c)",
)
def board(subject: PlanSubject) -> Result | None:
    """Another board's tree is seldom survived: ports, clocks and memory lie elsewhere."""
    if subject.context.boards is None:
        return None
    tree, running = (board.compatible for board in subject.context.boards)
    named, here = printable(tree[0], 64), printable(running[0], 64)
    if tree[0] in running or running[0] in tree:
        return passed(f"The device tree is for {named}, as is this machine")
    shared = [name for name in tree if name in running]
    text = f"The device tree is for {named}, this machine is {here}"
    if shared:
        chip = printable(shared[0], 64)
        return warn(f"{text}, both with {chip}", "Make sure that it is what you want.")
    return fail(text, "Choose a device tree made for this board.")


def needed_memory(subject: PlanSubject) -> int:
    """Return the bytes that staging takes: what is unpacked or joined here, and the kernel's own.

    Copies that are made only where there is room (see the check sealed) are not counted.
    """
    # A crash kernel's segments have their own place; see crash_memory.
    copies = (
        subject.plan.image.file_size if subject.plan.signature_kept else 2 * subject.kernel_bytes
    )
    initrds = 3 if isinstance(subject.plan.image, Uki) and not subject.plan.signature_kept else 2
    needed = copies + initrds * subject.plan.initrd_bytes
    return needed if subject.plan.request.panic else needed + subject.kernel_bytes


@IMAGE.check(
    "memory",
    "Is there memory for everything at once?",
    "MemAvailable in /proc/meminfo, the image's header",
    forceable=True,
    rule="ENOMEM where pages run out (kernel/kexec_core.c); how much is needed is an estimate",
)
def memory(subject: PlanSubject) -> Result:
    """The kernel's segments, its copy of both files, and what is unpacked or joined here."""
    needed = needed_memory(subject)
    available = subject.host.memory_available
    if available is None:
        return passed(f"About {size(needed)} will be used")
    if needed < available:
        return passed(f"{size(needed)} needed, {size(available)} available")
    return fail(
        f"{size(needed)} needed, only {size(available)} available",
        "Free memory, or use a smaller initrd. Swap does not count.",
    )


@IMAGE.check(
    "memory-place",
    "Is there a piece of memory large enough?",
    "System RAM in /proc/iomem",
    forceable=True,
    rule="EADDRNOTAVAIL where no hole is large enough (kernel/kexec_file.c, kexec_locate_mem_hole)",
)
def memory_place(subject: PlanSubject) -> Result | None:
    """Kernel and initrd each need one piece: EADDRNOTAVAIL where there is none."""
    largest = subject.live.largest_memory if subject.live else None
    if largest is None or subject.plan.request.panic:
        return None
    piece = max(subject.kernel_bytes, subject.plan.initrd_bytes)
    if piece < largest:
        return passed(f"{size(piece)} in one piece, of at most {size(largest)}")
    return fail(
        f"{size(piece)} are needed in one piece; the largest here is {size(largest)}",
        "Use a smaller initrd, or reboot through firmware.",
    )


@IMAGE.check(
    "memory-limit",
    "Does mem= leave the new kernel enough?",
    "mem=, the image's header, MemTotal in /proc/meminfo",
    rule="nothing above mem= is used; an initrd that finds no place below it is a panic "
    "(arch/x86/kernel/setup.c, relocate_initrd)",
)
def memory_limit(subject: PlanSubject) -> Result | None:
    """Staging judges again with what the initrds unpack to."""
    room = subject.plan.room
    if room is None or not room.kernel:
        return None
    initrds = subject.plan.initrd_bytes
    lacking = room.lacking(initrds) or room.beside_kernel(initrds)
    if lacking is None:
        return passed(f"mem= leaves {size(room.memory)}")
    hint = "Give a larger mem=, or leave it out."
    return (fail if lacking.certain else warn)(lacking.text, hint)
