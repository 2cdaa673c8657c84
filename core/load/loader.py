"""The one interface to a kernel that can be asked to load another one."""

from __future__ import annotations

from enum import IntFlag

from warmboot.core.architecture import Architecture
from warmboot.core.hints import Protocol
from warmboot.core.plan.request import Call
from warmboot.core.text import printable
from warmboot.core.values import dataclass


class LoadFlags(IntFlag):
    """Flags of kexec_file_load(2); source: include/uapi/linux/kexec.h."""

    NONE = 0
    UNLOAD = 0x1
    ON_CRASH = 0x2
    NO_INITRAMFS = 0x4
    DEBUG = 0x8


@dataclass(frozen=True)
class LoadRequest:
    """The arguments of one load. `cmdline` is without the NUL that the call adds and counts.

    `devicetree_fd` is an open device tree, None for the one of the running kernel;
    kexec_file_load(2) takes none. `by_parser`: the kernel runs a parser program over it.
    `architecture` is the kernel's, `elf` whether it is known to be an ELF one. `file_call`:
    kexec_file_load(2) has not proven to be missing, so that kexec-tools may use it.
    """

    kernel_fd: int
    kernel_name: str
    initrd_fd: int | None
    initrd_name: str | None
    cmdline: str
    flags: LoadFlags = LoadFlags.NONE
    call: Call = Call.FILE
    devicetree_fd: int | None = None
    devicetree_name: str | None = None
    by_parser: bool = False
    architecture: Architecture | None = None
    elf: bool = False
    file_call: bool = True

    @property
    def call_flags(self) -> LoadFlags:
        """The flags of the call: without an initrd the kernel wants to be told so."""
        return self.flags | (LoadFlags.NO_INITRAMFS if self.initrd_fd is None else 0)

    @property
    def panic(self) -> bool:
        """Whether the kernel is the one to run after a crash."""
        return LoadFlags.ON_CRASH in self.flags

    @property
    def cmdline_bytes(self) -> bytes:
        """The command line as the call takes it, its NUL included."""
        return self.cmdline.encode("utf-8", "surrogateescape") + b"\0"

    def describe(self) -> str:
        """Return the exact call, in the form strace(1) would show it.

        For kexec_load(2) what goes into the segments; their places are chosen in the call.
        """
        if self.call is Call.TOOLS:
            return self._describe_tools()
        line = f'{len(self.cmdline_bytes)}, "{printable(self.cmdline, 8192)}"'
        if self.call is Call.LOAD:
            parts = [f"kernel {self.kernel_fd}<{printable(self.kernel_name)}>"]
            if self.initrd_fd is not None:
                parts.append(f"initrd {self.initrd_fd}<{printable(self.initrd_name or '')}>")
            facts = self.architecture.facts if self.architecture is not None else None
            text = f"command line {line}"
            if facts is not None and facts.tree_goes_along:
                tree = printable(self.devicetree_name or "/sys/firmware/fdt")
                text = f"device tree <{tree}> with {text}"
            flags = hex(facts.kexec_arch or 0) if facts is not None else "0"
            return f"kexec_load(…, [{', '.join([*parts, text])}], {flags})"
        initrd = (
            "-1"
            if self.initrd_fd is None
            else f"{self.initrd_fd}<{printable(self.initrd_name or '')}>"
        )
        flags = "|".join(f"KEXEC_FILE_{flag.name}" for flag in LoadFlags if flag in self.call_flags)
        return (
            f"kexec_file_load({self.kernel_fd}<{printable(self.kernel_name)}>, {initrd}, "
            f"{line}, {flags or '0'})"
        )

    def _describe_tools(self) -> str:
        import shlex

        words = ["kexec", "--load-panic" if self.panic else "--load", self.kernel_name]
        if self.initrd_fd is not None:
            words.append(f"--initrd={self.initrd_name}")
        if self.devicetree_fd is not None:
            words.append(f"--dtb={self.devicetree_name}")
        words.append(f"--command-line={self.cmdline}")
        return printable(shlex.join(words), 16384)


class Loader(Protocol):
    """A kernel, real or simulated. Every method raises Refused where the kernel says no."""

    name: str
    simulated: bool

    def load(self, request: LoadRequest) -> None:
        """Stage the kernel of `request`; what was staged before is replaced."""

    def loaded(self) -> bool:
        """Whether a kernel is staged now."""

    def unload(self, *, panic: bool = False) -> None:
        """Take the staged kernel, or the crash kernel, out again."""

    def execute(self) -> None:
        """Jump into the staged kernel; on a real machine this does not return."""
