"""Checks of a chosen image and of what is to be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warmboot.core.bpf.abi import Dialect
from warmboot.core.host import Host
from warmboot.core.images import Architecture, BootImage
from warmboot.core.images.bzimage import (
    LOADED_HIGH,
    XLF_5LEVEL,
    XLF_CAN_BE_LOADED_ABOVE_4G,
    XLF_KERNEL_64,
    BzImage,
)
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.kexec.architecture import COMMAND_LINE_SIZE, X86_CMDLINE_RESERVE
from warmboot.core.kexec.checks.base import Check, Result, check, fail, passed, warn
from warmboot.core.kexec.checks.policy import memory_load_barred, signature_rule, signed_way
from warmboot.core.text import plural, printable, size

if TYPE_CHECKING:
    from warmboot.core.host.surroundings import Surroundings

_PAGES = {"4 KiB": 4096, "16 KiB": 16384, "64 KiB": 65536}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be staged, before it is judged. Sizes in bytes.

    `as_is`: the kernel gets the file itself. `file_load`: by kexec_file_load(2), else by
    kexec_load(2). `route_missing` says why there is no way at all. `borrowed_cmdline`: the
    command line is that of another system. `around` is None where it was not read. `panic`: the
    kernel is to run after a crash of the running one. `signed`: the image carries a signature,
    None where nobody looked. `dialect`: of the kernel's parser interface, where it is used;
    `copied`: its parser copies what was unpacked before, if it was packed.
    """

    image: BootImage
    host: Host
    architecture: Architecture | None
    as_is: bool
    file_load: bool
    route_missing: str | None
    cmdline: str
    initrd_bytes: int
    devicetree: str | None
    borrowed_cmdline: bool
    around: Surroundings | None
    panic: bool = False
    signed: bool | None = None
    dialect: Dialect | None = None
    copied: bool = False

    @property
    def kernel(self) -> BootImage:
        """The kernel itself: what a UKI holds, else the image."""
        inner = self.image.linux if isinstance(self.image, Uki) else None
        return inner or self.image

    @property
    def kernel_bytes(self) -> int:
        """What the kernel takes in memory, as far as the headers say."""
        kernel = self.kernel
        declared = kernel.stream.declared if kernel.stream else None
        return max(kernel.memory_size or 0, declared or 0, kernel.file_size)


@check("architecture", "Is the image for this machine?", "the image's header, uname(2)")
def architecture(draft: Draft) -> Result:
    """An image of another architecture is refused, or worse, started."""
    image, mine = draft.image, draft.architecture
    if image.architecture is None and image.stream is not None:
        return passed(
            "Only unpacking tells which machine the image is for; it is checked before the call"
        )
    if image.architecture is not None and image.architecture is mine:
        return passed(f"The image is for {mine}, as is this machine")
    return fail(
        f"The image is for {image.architecture or 'an unknown architecture'}, "
        f"this machine is {mine or printable(draft.host.machine)}",
        "Choose a kernel built for this machine.",
    )


@check("route", "Is there a way to load this image?", "the image's format, CONFIG_KEXEC_*")
def route(draft: Draft) -> Result:
    """Formats differ in what the kernel takes and what can be made of them."""
    if draft.route_missing is None:
        return passed("There is a way to hand this image over")
    return fail(
        f"There is no way to load this image: {draft.route_missing}",
        "Choose another kernel, or reboot through firmware.",
    )


@check("kexec-file", "Does the kernel have the call the plan needs?", "CONFIG_KEXEC_FILE")
def kexec_file(draft: Draft) -> Result | None:
    """kexec_file_load(2) is ENOSYS without it."""
    if not draft.file_load or draft.host.option("KEXEC_FILE") is None:
        return None
    if draft.host.option("KEXEC_FILE"):
        return passed("The kernel has kexec_file_load(2)")
    return fail(
        f"The running kernel {printable(draft.host.release)} was built without CONFIG_KEXEC_FILE",
        "Use kexec-tools (kexec -c -l), or reboot through firmware.",
    )


@check("bzimage", "Has the x86 kernel all that kexec needs?", "setup header, la57 in /proc/cpuinfo")
def bzimage(draft: Draft) -> Result | None:
    """What bzImage64_probe() asks for: ENOEXEC where it is missing."""
    kernel = draft.kernel
    if not isinstance(kernel, BzImage):
        return None
    five_level = draft.around is not None and draft.around.five_level_paging
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


@check(
    "arm64-image",
    "Does the Image fit these processors?",
    "byte order and page size in the header, getpagesize(2)",
    forceable=True,
)
def arm64_image(draft: Draft) -> Result | None:
    """What image_load() of arm64 asks the processors for: EINVAL where they lack it."""
    kernel = draft.kernel
    if not isinstance(kernel, RawImage) or kernel.architecture is not Architecture.ARM64:
        return None
    if kernel.big_endian:
        return fail(
            "The kernel is big endian; few processors run both byte orders",
            "Choose a little-endian kernel.",
        )
    pages = _PAGES.get(kernel.page_size)
    if pages is not None and pages != draft.host.page_size:
        return warn(
            f"The kernel has pages of {kernel.page_size}, "
            f"the running one of {size(draft.host.page_size)}",
            "The processors must support them; some programs and swap areas do not.",
        )
    return passed(f"Little endian, pages of {kernel.page_size}")


@check(
    "signature",
    "Will the image be let in?",
    "lockdown, efivars, CONFIG_KEXEC_SIG_FORCE, /sys/kernel/security/ima/policy",
)
def signature(draft: Draft) -> Result:
    """Said before anything is tried: an unpacked kernel carries no signature."""
    host = draft.host
    ima_appraises = draft.around.ima_appraises if draft.around else None
    rule = signature_rule(host, ima_appraises)
    if rule is None:
        return passed("No signature is asked for")
    if not draft.file_load:
        if memory_load_barred(host, ima_appraises):
            text = f"kexec_load(2) is not permitted: {rule.cause}"
            return fail(text, signed_way(host))
        return warn(f"kexec_load(2) carries no signature, and {rule.cause}", signed_way(host))
    if draft.as_is and not (rule.in_file and draft.signed is False):
        return warn(
            f"The image must be signed by a key this machine trusts: {rule.cause}",
            "If staging is refused, choose a signed kernel or reboot through firmware.",
        )
    what = "The image" if draft.as_is else "An unpacked kernel"
    text = f"{what} carries no signature, and {rule.cause}"
    return fail(text, signed_way(host)) if rule.enforced else warn(text, signed_way(host))


@check("command-line", "Does the command line fit?", "COMMAND_LINE_SIZE, cmdline_size (x86)")
def command_line(draft: Draft) -> Result:
    """Longer than the new kernel reads is EINVAL, or silently cut."""
    length = len(draft.cmdline.encode("utf-8", "surrogateescape")) + 1
    limit = COMMAND_LINE_SIZE.get(draft.architecture, 2048) if draft.architecture else 2048
    if isinstance(draft.kernel, BzImage) and draft.kernel.cmdline_size:
        limit = draft.kernel.cmdline_size - X86_CMDLINE_RESERVE
    if length > limit:
        text = f"The command line is {length} bytes long; the kernel takes {limit}"
        return fail(text, "Shorten it.")
    if "\0" in draft.cmdline or "\n" in draft.cmdline:
        return fail("The command line holds a line end or a NUL", "Remove it.")
    if draft.borrowed_cmdline:
        return warn(
            "The command line is that of the system running now, not of the one in --root",
            "Check root= before you stage.",
        )
    if not draft.cmdline.strip():
        return warn(
            "The command line is empty: the new kernel will know no root= and no console=",
            "Give one with --cmdline or --reuse-cmdline.",
        )
    return passed(f"{length} of {limit} bytes used")


@check("initrd", "Is there an initrd?", "the entry, the UKI's .initrd section, --initrd")
def initrd(draft: Draft) -> Result:
    """Most distribution kernels cannot mount their root without one."""
    if draft.initrd_bytes:
        return passed(f"An initrd of {size(draft.initrd_bytes)}")
    return warn(
        "There is no initrd: the kernel must find its root file system by itself",
        "Name one with --initrd if this kernel needs it.",
    )


@check("devicetree", "Can the device tree be passed on?", "devicetree of the entry", forceable=True)
def devicetree(draft: Draft) -> Result | None:
    """A device tree is never dropped silently."""
    if draft.devicetree is None:
        return None
    return fail(
        f"The entry wants the device tree {draft.devicetree}, which this loader cannot pass on",
        "The new kernel would get the device tree in use now.",
    )


@check(
    "memory",
    "Is there memory for everything at once?",
    "MemAvailable in /proc/meminfo, the image's header",
    forceable=True,
)
def memory(draft: Draft) -> Result:
    """The kernel's segments, its copy of both files, and what is unpacked or joined here."""
    # A crash kernel's segments have their own place; see crash_memory.
    copies = draft.image.file_size if draft.as_is else 2 * draft.kernel_bytes
    initrds = 3 if isinstance(draft.image, Uki) and not draft.as_is else 2
    needed = copies + initrds * draft.initrd_bytes
    if not draft.panic:
        needed += draft.kernel_bytes
    available = draft.host.memory_available
    if available is None:
        return passed(f"About {size(needed)} will be used")
    if needed < available:
        return passed(f"{size(needed)} needed, {size(available)} available")
    return fail(
        f"{size(needed)} needed, only {size(available)} available",
        "Free memory, or use a smaller initrd. Swap does not count.",
    )


@check(
    "memory-place",
    "Is there a piece of memory large enough?",
    "System RAM in /proc/iomem",
    forceable=True,
)
def memory_place(draft: Draft) -> Result | None:
    """Kernel and initrd each need one piece: EADDRNOTAVAIL where there is none."""
    largest = draft.around.largest_memory if draft.around else None
    if largest is None or draft.panic:
        return None
    piece = max(draft.kernel_bytes, draft.initrd_bytes)
    if piece < largest:
        return passed(f"{size(piece)} in one piece, of at most {size(largest)}")
    return fail(
        f"{size(piece)} are needed in one piece; the largest here is {size(largest)}",
        "Use a smaller initrd, or reboot through firmware.",
    )


@check(
    "crash-memory",
    "Is there memory kept for a crash kernel?",
    "kexec_crash_size, crashkernel= in /proc/cmdline",
)
def crash_memory(draft: Draft) -> Result | None:
    """A crash kernel runs in memory set apart at boot: EADDRNOTAVAIL without it."""
    if not draft.panic:
        return None
    kept = draft.host.crash_size or 0
    needed = draft.kernel_bytes + draft.initrd_bytes
    if kept == 0:
        return fail(
            "No memory is kept for a crash kernel",
            "Boot with crashkernel=256M (or more) on the command line.",
        )
    if needed > kept:
        return fail(
            f"{size(needed)} needed, only {size(kept)} kept for a crash kernel",
            "Use a smaller initrd, or a larger crashkernel= at boot.",
        )
    return passed(f"{size(needed)} needed, {size(kept)} kept for a crash kernel")


@check(
    "crash-load-limit",
    "Does the kernel allow another crash kernel?",
    "/proc/sys/kernel/kexec_load_limit_panic",
)
def crash_load_limit(draft: Draft) -> Result | None:
    """Crash kernels have a limit of their own."""
    limit = draft.host.load_limit_panic
    if not draft.panic or limit is None or limit < 0:
        return None
    if limit == 0:
        return fail(
            "The limit of crash kernels is used up (kexec_load_limit_panic is 0)",
            "Only a reboot through firmware resets it.",
        )
    return passed(f"The kernel allows {plural(limit, 'more crash kernel')}")


@check("crash-staged", "Is a crash kernel staged already?", "/sys/kernel/kexec_crash_loaded")
def crash_staged(draft: Draft) -> Result | None:
    """There is room for one."""
    if not draft.panic:
        return None
    if not draft.host.crash_staged:
        return passed("No crash kernel is staged")
    return warn(
        "Another crash kernel is staged already; it will be replaced",
        "Until the new one is in place, a crash finds the other.",
    )


IMAGE: tuple[Check[Draft], ...] = (
    architecture,
    route,
    kexec_file,
    bzimage,
    arm64_image,
    signature,
    command_line,
    initrd,
    devicetree,
    memory,
    memory_place,
    crash_memory,
    crash_load_limit,
    crash_staged,
)
