"""A simulated kernel: a directory that answers kexec requests as a kernel of its kind would.

It stands on the sandbox's own /proc and /sys files: what they say of the machine decides what it
refuses. It is never asked to please: each check follows kernel/kexec_file.c and the loader of
its architecture (arch/x86/kernel/kexec-bzimage64.c, arch/arm64/kernel/kexec_image.c, …).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

from warmboot.core.architecture import Architecture, of_machine
from warmboot.core.bpf.detect import detect
from warmboot.core.errors import ImageError, WarmbootError, space_hint
from warmboot.core.host import Host, read_host, read_staged
from warmboot.core.host.files import read_int, read_text
from warmboot.core.images import BootImage, FileView, View, identify
from warmboot.core.images.bzimage import (
    LOADED_HIGH,
    XLF_CAN_BE_LOADED_ABOVE_4G,
    XLF_KERNEL_64,
    BzImage,
)
from warmboot.core.images.elf import ElfKernel
from warmboot.core.images.rawimage import RawImage
from warmboot.core.load import errnos
from warmboot.core.load.loader import LoadFlags, LoadRequest
from warmboot.core.payload.scan import KernelScanner
from warmboot.core.plan.request import Call
from warmboot.core.rooted import rooted
from warmboot.core.sandbox.kernel_answer import KernelErrno
from warmboot.core.sandbox.kernel_keyring import check_memory_load, check_signature
from warmboot.core.sandbox.kernel_parsers import UNWRAP
from warmboot.core.sandbox.trial_host import begin
from warmboot.core.statefile import read_state, replace_state
from warmboot.core.typed import json_object, typed
from warmboot.core.values import dataclass

_STATE = ".warmboot-kernel"
_BZIMAGE_FLAGS = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G
_CHUNK = 1 << 20
_STAGED_LIMIT = 1 << 20  # bytes


@dataclass(frozen=True)
class _Record:
    """What of a staged kernel decides how the machine comes up in it."""

    release: str
    cmdline: str


class Simulator:
    """The kernel of the sandbox directory `prefix`."""

    name = "simulated kexec_file_load(2)"
    simulated = True

    def __init__(self, prefix: Path) -> None:
        self._prefix = rooted(prefix)
        self._state = self._prefix / _STATE

    def load(self, request: LoadRequest) -> None:
        """Stage a kernel in the sandbox; raises Refused with the errno a kernel would give."""
        try:
            record = self._load(request)
        except KernelErrno as answer:
            raise errnos.refusal(answer.code, errnos.LOAD, "Staging") from answer
        panic = bool(request.flags & LoadFlags.ON_CRASH)
        self._write_state("crash.json" if panic else "staged.json", record)
        self._set_loaded(True, panic=panic)

    def loaded(self) -> bool:
        """Read the sandbox's kexec_loaded."""
        return bool(read_staged(self._prefix))

    def unload(self, *, panic: bool = False) -> None:
        """Take the staged kernel, or the crash kernel, out; raises Refused."""
        try:
            self._permit(read_host(self._prefix), panic=panic)
        except KernelErrno as answer:
            raise errnos.refusal(answer.code, errnos.LOAD, "Unloading") from answer
        self._set_loaded(False, panic=panic)

    def execute(self) -> None:
        """Let the sandbox machine come up in what is staged; raises NothingStaged."""
        host = read_host(self._prefix)
        if not host.privileged:
            raise errnos.refusal(errno.EPERM, errnos.EXECUTE, "The restart")
        if not self.loaded():
            raise errnos.refusal(errno.EINVAL, errnos.EXECUTE, "The restart")
        record, raw = self._staged()
        kernel = self._prefix / "proc/sys/kernel"
        _replace(kernel / "osrelease", record.release + "\n")
        _replace(kernel / "random/boot_id", str(uuid.uuid4()) + "\n")
        _replace(self._prefix / "proc/cmdline", record.cmdline + "\n")
        _replace(self._prefix / "proc/uptime", "4.00 4.00\n")
        self._set_loaded(False)
        self._set_loaded(False, panic=True)
        self._write_state("booted.json", raw)
        begin(self._prefix)

    def _staged(self) -> tuple[_Record, dict[str, object]]:
        """Return what is staged; raises WarmbootError where its file is not as it was written."""
        try:
            raw = json_object(read_state(self._state / "staged.json", _STAGED_LIMIT) or b"")
        except OSError:
            raw = None
        record = typed(_Record, raw)
        if record is None or raw is None:
            raise WarmbootError(
                "The file of what is staged in this simulated machine is damaged",
                hint="Stage it again.",
            )
        return record, raw

    def _load(self, request: LoadRequest) -> dict[str, object]:
        host = read_host(self._prefix)
        panic = bool(request.flags & LoadFlags.ON_CRASH)
        self._permit(host, panic=panic)
        if int(request.flags) & ~int(LoadFlags.DEBUG | LoadFlags.ON_CRASH):
            raise KernelErrno(errno.EINVAL)
        if request.call is Call.LOAD:
            check_memory_load(host)
        if host.option("KEXEC_FILE" if request.call is Call.FILE else "KEXEC") is False:
            raise KernelErrno(errno.ENOSYS)
        view = _open(request.kernel_fd)
        initrd = _open(request.initrd_fd) if request.initrd_fd is not None else None
        if initrd is not None and not initrd.size:
            raise KernelErrno(errno.EINVAL)  # kernel_read_file() takes no empty file
        with ExitStack() as held:
            accepted = self._accept(request, view, initrd, host, held)
        if request.call is Call.LOAD:
            self._place(request, host)
        return accepted

    def _place(self, request: LoadRequest, host: Host) -> None:
        """Give everything a place in this machine's memory, and let its kernel judge that."""
        from warmboot.core.load.kexec_load.layout import lay_out
        from warmboot.core.sandbox.kernel_segments import check_segments

        architecture = of_machine(host.machine)
        if architecture is not None:
            iomem = read_text(self._prefix / "proc/iomem") or ""
            check_segments(lay_out(host, request), architecture, iomem)

    def _accept(
        self, request: LoadRequest, view: View, initrd: View | None, host: Host, held: ExitStack
    ) -> dict[str, object]:
        """Take the files as the kernel of this machine does; return what is staged."""
        architecture = of_machine(host.machine)
        dialect = detect(self._prefix, host.config).dialect
        given = view
        cmdline = request.cmdline_bytes
        if dialect is not None:
            unwrap = UNWRAP[dialect]
            found = unwrap(view, initrd, host, held)
            view, initrd = found.kernel, found.initrd
            cmdline = cmdline if found.cmdline is None else found.cmdline
        image = _probe(view, architecture)
        if dialect is None:
            check_signature(view, host)
        _check_cmdline(cmdline, image, architecture)
        _check_memory(image, view, initrd, host, panic=bool(request.flags & LoadFlags.ON_CRASH))
        digest, scanned = _digest(given)
        if view is not given:
            scanned = _digest(view)[1]
        return {
            "kernel": request.kernel_name,
            "sha256": digest,
            "release": image.release or scanned or "unknown",
            "initrd_sha256": _digest(initrd)[0] if initrd else None,
            "cmdline": cmdline[:-1].decode("utf-8", "surrogateescape"),
            "unpacked_by_kernel": dialect is not None,
            "at": time.time(),
        }

    def _permit(self, host: Host, *, panic: bool) -> None:
        """kexec_load_permitted(): privilege, the switch, and a limit that every call uses up."""
        limit = host.load_limit_panic if panic else host.load_limit
        if not host.privileged or host.load_disabled or limit == 0:
            raise KernelErrno(errno.EPERM)
        if limit is not None and limit > 0:
            name = f"kexec_load_limit_{'panic' if panic else 'reboot'}"
            _replace(self._prefix / "proc/sys/kernel" / name, f"{limit - 1}\n")

    def _set_loaded(self, loaded: bool, *, panic: bool = False) -> None:
        name = "kexec_crash_loaded" if panic else "kexec_loaded"
        path = self._prefix / "sys/kernel" / name
        if read_int(path) != int(loaded):  # a load that replaces another takes effect by one write
            _replace(path, f"{int(loaded)}\n")

    def _write_state(self, name: str, record: dict[str, object]) -> None:
        _replace(self._state / name, json.dumps(record, indent=1) + "\n")


def _open(fd: int) -> View:
    try:
        return FileView(fd, os.fstat(fd).st_size)
    except OSError as error:
        raise KernelErrno(errno.EBADF) from error


def _probe(view: View, architecture: Architecture | None) -> BootImage:
    """Find the loader for an image: x86 answers ENOEXEC to a stranger, the others EINVAL."""
    stranger = architecture.facts.wrong_format if architecture else errno.EINVAL
    try:
        image = identify(view)
    except ImageError as error:
        raise KernelErrno(stranger) from error
    if image.architecture is not architecture:
        raise KernelErrno(stranger)
    if architecture is Architecture.X86_64:
        if not isinstance(image, BzImage) or not _bootable(image):
            raise KernelErrno(errno.ENOEXEC)
    elif not _loadable(image) or (isinstance(image, RawImage) and _overflows(image, view)):
        raise KernelErrno(errno.EINVAL)
    return image


def _loadable(image: BootImage) -> bool:
    """Outside x86: an ELF kernel (not on arm64), or an Image that states its size."""
    if isinstance(image, ElfKernel):
        return image.architecture is not Architecture.ARM64
    return isinstance(image, RawImage) and not image.big_endian and bool(image.memory_size)


def _overflows(image: RawImage, view: View) -> bool:
    """sanity_check_segment_list(): a file must not be larger than the memory that it asks for."""
    return image.memory_size is not None and view.size > image.memory_size


def _bootable(image: BzImage) -> bool:
    return (
        image.protocol >= 0x20C
        and bool(image.loadflags & LOADED_HIGH)
        and image.xloadflags & _BZIMAGE_FLAGS == _BZIMAGE_FLAGS
    )


def _check_cmdline(cmdline: bytes, image: BootImage, architecture: Architecture | None) -> None:
    limit = architecture.facts.command_line_limits(None)[1] if architecture else 2048
    if isinstance(image, BzImage):
        limit = (image.cmdline_size or 255) - Architecture.X86_64.facts.command_line_reserve
    if len(cmdline) > limit or not cmdline.endswith(b"\0"):
        raise KernelErrno(errno.EINVAL)


def _check_memory(
    image: BootImage, view: View, initrd: View | None, host: Host, *, panic: bool
) -> None:
    """A crash kernel goes into memory of its own: EADDRNOTAVAIL where that is too small."""
    needed = (image.memory_size or view.size) + (initrd.size if initrd else 0)
    if panic:
        if needed > (host.crash_size or 0):
            raise KernelErrno(errno.EADDRNOTAVAIL)
        return
    if host.memory_available is not None and needed > host.memory_available:
        raise KernelErrno(errno.ENOMEM)


def _digest(view: View) -> tuple[str, str | None]:
    """Return the SHA-256 of everything in `view` and the kernel release found in it."""
    digest = hashlib.sha256()
    scanner = KernelScanner()
    buffer = bytearray(_CHUNK)
    window = memoryview(buffer)
    position = 0
    while count := view.readinto(position, window):
        digest.update(window[:count])
        scanner.feed(buffer, count)
        position += count
    return digest.hexdigest(), scanner.release


def _replace(path: Path, text: str) -> None:
    """Write a file so that readers see the old text or the new, never a part."""
    try:
        replace_state(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise WarmbootError(
            f"The simulated machine could not be written: {path}: {error.strerror}",
            hint=space_hint(error, "Make the sandbox anew, or correct what stands there."),
        ) from error
