"""The one interface to a kernel that can be asked to load another one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Protocol

from warmboot.core.text import printable


class LoadFlags(IntFlag):
    """Flags of kexec_file_load(2); source: include/uapi/linux/kexec.h."""

    NONE = 0
    UNLOAD = 0x1
    ON_CRASH = 0x2
    NO_INITRAMFS = 0x4
    DEBUG = 0x8


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """The arguments of one load. `cmdline` is without the NUL that the call adds and counts."""

    kernel_fd: int
    kernel_name: str
    initrd_fd: int | None
    initrd_name: str | None
    cmdline: str
    flags: LoadFlags = LoadFlags.NONE

    @property
    def call_flags(self) -> LoadFlags:
        """The flags of the call: without an initrd the kernel wants to be told so."""
        return self.flags | (LoadFlags.NO_INITRAMFS if self.initrd_fd is None else 0)

    @property
    def cmdline_bytes(self) -> bytes:
        """The command line as the call takes it, its NUL included."""
        return self.cmdline.encode("utf-8", "surrogateescape") + b"\0"

    def describe(self) -> str:
        """Return the exact call, in the form strace(1) would show it."""
        initrd = (
            "-1"
            if self.initrd_fd is None
            else f"{self.initrd_fd}<{printable(self.initrd_name or '')}>"
        )
        flags = "|".join(f"KEXEC_FILE_{flag.name}" for flag in LoadFlags if flag in self.call_flags)
        return (
            f"kexec_file_load({self.kernel_fd}<{printable(self.kernel_name)}>, {initrd}, "
            f'{len(self.cmdline_bytes)}, "{printable(self.cmdline, 8192)}", {flags or "0"})'
        )


class Loader(Protocol):
    """A kernel, real or simulated. Every method raises Refused where the kernel says no."""

    name: str
    simulated: bool

    def load(self, request: LoadRequest) -> None:
        """Stage the kernel of `request`; what was staged before is replaced."""

    def loaded(self) -> bool:
        """Whether a kernel is staged now."""

    def unload(self) -> None:
        """Take the staged kernel out again."""

    def execute(self) -> None:
        """Jump into the staged kernel; on a real machine this does not return."""
