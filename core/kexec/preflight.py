"""Checks before anything is tried: each has a name, a verdict, what it saw and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from warmboot.core.host import Host
from warmboot.core.images import Architecture, BootImage
from warmboot.core.images.bzimage import (
    LOADED_HIGH,
    XLF_CAN_BE_LOADED_ABOVE_4G,
    XLF_KERNEL_64,
    BzImage,
)
from warmboot.core.images.uki import Uki
from warmboot.core.kexec.architecture import COMMAND_LINE_SIZE, X86_CMDLINE_RESERVE
from warmboot.core.text import plural, printable, size


class Verdict(StrEnum):
    """What a check says: fine, think about it, or no."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: `check` is its name, `text` the evidence, `hint` the remedy."""

    check: str
    verdict: Verdict
    text: str
    hint: str | None = None


def preflight(
    image: BootImage,
    host: Host,
    architecture: Architecture | None,
    *,
    handed_over_as_is: bool,
    route_missing: str | None,
    cmdline: str,
    initrd_bytes: int,
    devicetree: str | None,
    borrowed_cmdline: bool,
) -> tuple[Finding, ...]:
    """Run every check and return the findings in the order a person would ask."""
    return (
        _privilege(host),
        *_switched_off(host),
        _architecture(image, architecture, host),
        _route(route_missing),
        *_bzimage(image),
        _signature(host, handed_over_as_is),
        _cmdline(image, architecture, cmdline, borrowed_cmdline),
        *_initrd(initrd_bytes),
        *_devicetree(devicetree),
        _memory(image, host, initrd_bytes),
        *_staged(host),
    )


def _finding(check: str, good: bool, fine: str, bad: str, hint: str | None = None) -> Finding:
    if good:
        return Finding(check, Verdict.PASS, fine)
    return Finding(check, Verdict.FAIL, bad, hint)


def _privilege(host: Host) -> Finding:
    return _finding(
        "privilege",
        host.privileged,
        "May load kernels (CAP_SYS_BOOT)",
        "This user may not load kernels (CAP_SYS_BOOT is missing)",
        "Run warmboot as root: sudo warmboot.",
    )


def _switched_off(host: Host) -> Iterator[Finding]:
    if host.staged is None:
        yield Finding(
            "kexec",
            Verdict.FAIL,
            f"The running kernel {printable(host.release)} has no kexec at all",
            "It was built without CONFIG_KEXEC_CORE. Reboot through firmware.",
        )
    yield _finding(
        "kexec-enabled",
        not host.load_disabled,
        "kexec is not switched off",
        "kexec is switched off (kexec_load_disabled is 1)",
        "Only a reboot through firmware switches it on again.",
    )
    if host.load_limit is not None and host.load_limit >= 0:
        yield _finding(
            "load-limit",
            host.load_limit > 0,
            f"The kernel allows {plural(host.load_limit, 'more load')}; an unload counts too",
            "The limit of loads is used up (kexec_load_limit_reboot is 0)",
            "Only a reboot through firmware resets it.",
        )
    if host.option("KEXEC_FILE") is False:
        yield Finding(
            "kexec-file",
            Verdict.FAIL,
            f"The running kernel {printable(host.release)} was built without CONFIG_KEXEC_FILE",
            "Use kexec-tools (kexec -c -l), or reboot through firmware.",
        )


def _architecture(image: BootImage, architecture: Architecture | None, host: Host) -> Finding:
    if image.architecture is None and image.stream is not None:
        text = "Only unpacking tells which machine the image is for; it is checked before the call"
        return Finding("architecture", Verdict.PASS, text)
    return _finding(
        "architecture",
        image.architecture is not None and image.architecture is architecture,
        f"The image is for {architecture}, as is this machine",
        f"The image is for {image.architecture or 'an unknown architecture'}, "
        f"this machine is {architecture or host.machine}",
        "Choose a kernel built for this machine.",
    )


def _route(missing: str | None) -> Finding:
    return _finding(
        "route",
        missing is None,
        "There is a way to hand this image over",
        f"There is no way to load this image: {missing}",
        "Choose another kernel, or reboot through firmware.",
    )


def _bzimage(image: BootImage) -> Iterator[Finding]:
    kernel = image.linux if isinstance(image, Uki) else image
    if not isinstance(kernel, BzImage):
        return
    lacks = []
    if kernel.protocol < 0x20C:
        lacks.append("boot protocol 2.12")
    if not kernel.loadflags & LOADED_HIGH:
        lacks.append("LOADED_HIGH")
    if not kernel.xloadflags & XLF_KERNEL_64:
        lacks.append("a 64-bit entry point")
    if not kernel.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G:
        lacks.append("loading above 4 GiB")
    yield _finding(
        "bzimage",
        not lacks,
        "The bzImage has all that kexec needs",
        f"The bzImage lacks {', '.join(lacks)}",
        "It is too old or 32-bit only. Choose another kernel.",
    )


def _signature(host: Host, as_is: bool) -> Finding:
    enforced = host.option("KEXEC_SIG_FORCE") is True
    locked = host.lockdown not in (None, "none")
    if not (enforced or locked or host.secure_boot):
        return Finding("signature", Verdict.PASS, "No signature is asked for")
    cause = (
        "the kernel is locked down" if locked else
        "the kernel takes signed images only" if enforced else
        "secure boot is on"
    )  # fmt: skip
    if as_is:
        return Finding(
            "signature",
            Verdict.WARN,
            f"The image must be signed by a key this machine trusts: {cause}",
            "If staging is refused, choose a signed kernel or reboot through firmware.",
        )
    verdict = Verdict.FAIL if locked or enforced else Verdict.WARN
    return Finding(
        "signature",
        verdict,
        f"An unpacked kernel carries no signature, and {cause}",
        "Choose a signed kernel that is loaded as it is, or reboot through firmware.",
    )


def _cmdline(
    image: BootImage, architecture: Architecture | None, cmdline: str, borrowed: bool
) -> Finding:
    kernel = image.linux if isinstance(image, Uki) else image
    length = len(cmdline.encode("utf-8", "surrogateescape")) + 1
    limit = COMMAND_LINE_SIZE.get(architecture, 2048) if architecture else 2048
    if isinstance(kernel, BzImage) and kernel.cmdline_size:
        limit = kernel.cmdline_size - X86_CMDLINE_RESERVE
    if length > limit:
        text = f"The command line is {length} bytes long; the kernel takes {limit}"
        return Finding("command-line", Verdict.FAIL, text, "Shorten it.")
    if "\0" in cmdline or "\n" in cmdline:
        text = "The command line holds a line end or a NUL"
        return Finding("command-line", Verdict.FAIL, text, "Remove it.")
    if borrowed:
        return Finding(
            "command-line",
            Verdict.WARN,
            "The command line is that of the system running now, not of the one in --root",
            "Check root= before you stage.",
        )
    if not cmdline.strip():
        return Finding(
            "command-line",
            Verdict.WARN,
            "The command line is empty: the new kernel will know no root= and no console=",
            "Give one with --cmdline or --reuse-cmdline.",
        )
    return Finding("command-line", Verdict.PASS, f"{length} of {limit} bytes used")


def _initrd(initrd_bytes: int) -> Iterator[Finding]:
    if initrd_bytes == 0:
        yield Finding(
            "initrd",
            Verdict.WARN,
            "There is no initrd: the kernel must find its root file system by itself",
            "Name one with --initrd if this kernel needs it.",
        )


def _devicetree(devicetree: str | None) -> Iterator[Finding]:
    if devicetree is not None:
        yield Finding(
            "devicetree",
            Verdict.FAIL,
            f"The entry wants the device tree {devicetree}, which this loader cannot pass on",
            "The new kernel would get the device tree in use now. "
            "Name kernel and initrd with --kernel and --initrd to accept that.",
        )


def _memory(image: BootImage, host: Host, initrd_bytes: int) -> Finding:
    kernel = image.memory_size or image.file_size
    # The kernel's copy and our own unpacked one exist together for a moment.
    needed = 2 * kernel + initrd_bytes
    if host.memory_available is None:
        return Finding("memory", Verdict.PASS, f"About {size(needed)} will be used")
    return _finding(
        "memory",
        needed < host.memory_available,
        f"{size(needed)} needed, {size(host.memory_available)} available",
        f"{size(needed)} needed, only {size(host.memory_available)} available",
        "Free memory, or use a smaller initrd. Swap does not count.",
    )


def _staged(host: Host) -> Iterator[Finding]:
    if host.staged:
        yield Finding(
            "staged",
            Verdict.WARN,
            "Another kernel is staged already; it will be replaced",
        )
