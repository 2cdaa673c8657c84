"""Processor architectures: one record for each, the only place that knows their names and numbers.

Sources: uname(2), the Debian port names, PE Format ("Machine types"), elf(5), U-Boot's image.h,
the kernel's system call tables, include/uapi/linux/kexec.h, arch/*/include/uapi/asm/setup.h.
"""

from __future__ import annotations

import errno

from warmboot.core.enumeration import StrEnum
from warmboot.core.expression import expression
from warmboot.core.values import NamedTuple


class Architecture(StrEnum):
    """Instruction set of a kernel or a machine, by the names operators use."""

    X86 = "x86"
    X86_64 = "x86-64"
    ARM = "arm"
    ARM64 = "arm64"
    RISCV64 = "riscv64"
    LOONGARCH64 = "loongarch64"
    S390X = "s390x"
    PPC64LE = "ppc64le"

    @property
    def facts(self) -> ArchitectureFacts:
        """What is known of this architecture."""
        return _FACTS[self]


class ArchitectureFacts(NamedTuple):
    """What differs between architectures; None and () where there is nothing of the kind.

    `machines` are the names that ``uname -m`` prints. `efi` is the name in the file names of EFI
    boot loaders, which boot loader entries use too. `elf` is e_machine and the bits.
    `accepts` names the formats (see warmboot.core.images.Format) that kexec_file_load(2) takes as
    they are, `wrong_format` the errno it answers with to any other; `image_by_file` is the first
    kernel (major and minor) whose call takes an Image, where some take ELF kernels only.
    `kexec_arch` is KEXEC_ARCH_*.
    `command_line_size` is COMMAND_LINE_SIZE in bytes, the NUL included; `command_line_grew` the
    first kernel (major and minor) with a larger one, and that; `command_line_reserve` the bytes
    of it that a kexec needs for itself. `page_sizes` in bytes.
    `serial_console` is the usual value of console= for the first serial port, `serial_drivers` the
    names of ports that belong to these machines only. `verify_option` is the build option that
    lets the kernel check a PE signature in kexec_file_load(2). `placed_here`: warmboot places the
    segments of kexec_load(2) itself; see warmboot.core.load.kexec_load. `tree_goes_along`: a device
    tree is one of them.
    """

    machines: tuple[str, ...]
    debian: str
    elf: tuple[int, int]
    command_line_size: int
    efi: str | None = None
    pe: int | None = None
    uboot: int | None = None
    accepts: tuple[str, ...] = ()
    wrong_format: int = errno.EINVAL
    image_by_file: tuple[int, int] | None = None
    kexec_file_load: int | None = None
    kexec_load: int | None = None
    kexec_arch: int | None = None
    bpf: int | None = None
    command_line_reserve: int = 0
    command_line_grew: tuple[tuple[int, int], int] | None = None
    page_sizes: tuple[int, ...] = (4096,)
    serial_console: str | None = None
    serial_drivers: tuple[str, ...] = ()
    verify_option: str | None = None
    placed_here: bool = False
    tree_goes_along: bool = False

    def command_line_limits(self, release: str | None) -> tuple[int, int]:
        """Return how long a command line a kernel of this release takes at least and at most, in
        bytes, the NUL included; the two differ only where the release does not tell."""
        if self.command_line_grew is None:
            return self.command_line_size, self.command_line_size
        since, grown = self.command_line_grew
        version = kernel_version(release)
        if version is None:
            return self.command_line_size, grown
        size = grown if version >= since else self.command_line_size
        return size, size


def kernel_version(release: str | None) -> tuple[int, int] | None:
    """Return major and minor number of a kernel release, None where it does not begin with them."""
    found = _VERSION.match(release or "")
    return (int(found[1]), int(found[2])) if found else None


_VERSION = expression(r"(\d{1,4})\.(\d{1,4})")
_FACTS = {
    Architecture.X86: ArchitectureFacts(
        machines=("i686", "i586", "i486", "i386"),
        debian="i386",
        elf=(3, 32),
        command_line_size=2048,
        efi="ia32",
        pe=0x014C,
        uboot=3,
        wrong_format=errno.ENOEXEC,
        serial_console="ttyS0,115200",
    ),
    Architecture.X86_64: ArchitectureFacts(
        machines=("x86_64",),
        debian="amd64",
        elf=(62, 64),
        command_line_size=2048,
        efi="x64",
        pe=0x8664,
        uboot=24,
        accepts=("bzImage",),
        wrong_format=errno.ENOEXEC,
        kexec_file_load=320,
        kexec_load=246,
        kexec_arch=62 << 16,
        bpf=321,
        command_line_reserve=30,  # MAX_ELFCOREHDR_STR_LEN, arch/x86/kernel/kexec-bzimage64.c
        serial_console="ttyS0,115200",
        verify_option="KEXEC_BZIMAGE_VERIFY_SIG",
    ),
    Architecture.ARM: ArchitectureFacts(
        machines=("armv7l", "armv8l", "armv6l"),
        debian="armhf",
        elf=(40, 32),
        command_line_size=1024,
        efi="arm",
        pe=0x01C2,
        uboot=2,
        serial_console="ttyAMA0,115200",
        serial_drivers=("ttyAMA",),
    ),
    Architecture.ARM64: ArchitectureFacts(
        machines=("aarch64",),
        debian="arm64",
        elf=(183, 64),
        command_line_size=2048,
        efi="aa64",
        pe=0xAA64,
        uboot=22,
        accepts=("Image",),
        kexec_file_load=294,
        kexec_load=104,
        kexec_arch=183 << 16,
        bpf=280,
        page_sizes=(4096, 16384, 65536),
        serial_console="ttyAMA0,115200",
        serial_drivers=("ttyAMA",),
        verify_option="KEXEC_IMAGE_VERIFY_SIG",
        placed_here=True,
        tree_goes_along=True,
    ),
    Architecture.RISCV64: ArchitectureFacts(
        machines=("riscv64",),
        debian="riscv64",
        elf=(243, 64),
        command_line_size=1024,
        command_line_grew=((7, 1), 2048),
        efi="riscv64",
        pe=0x5064,
        uboot=26,
        accepts=("Image", "ELF"),
        image_by_file=(6, 16),  # arch/riscv/kernel/kexec_image.c
        kexec_file_load=294,
        kexec_load=104,
        kexec_arch=243 << 16,
        bpf=280,
        serial_console="ttyS0,115200",
        placed_here=True,
        tree_goes_along=True,
    ),
    Architecture.LOONGARCH64: ArchitectureFacts(
        machines=("loongarch64",),
        debian="loong64",
        elf=(258, 64),
        command_line_size=4096,
        command_line_reserve=56,  # "kexec_file initrd=ADDRESS,SIZE " in front of it
        efi="loongarch64",
        pe=0x6264,
        accepts=("Image", "ELF"),
        kexec_file_load=294,
        kexec_load=104,
        kexec_arch=258 << 16,
        bpf=280,
        page_sizes=(4096, 16384, 65536),
        serial_console="ttyS0,115200",
        placed_here=True,
    ),
    Architecture.S390X: ArchitectureFacts(
        machines=("s390x",),
        debian="s390x",
        elf=(22, 64),
        command_line_size=4096,
        kexec_file_load=381,
        kexec_load=277,
        kexec_arch=22 << 16,
        bpf=351,
    ),
    Architecture.PPC64LE: ArchitectureFacts(
        machines=("ppc64le",),
        debian="ppc64el",
        elf=(21, 64),
        command_line_size=2048,
        accepts=("ELF",),
        kexec_file_load=382,
        kexec_load=268,
        kexec_arch=21 << 16,
        bpf=361,
        page_sizes=(4096, 65536),
        serial_console="hvc0",
    ),
}

_BY_MACHINE = {name: arch for arch, facts in _FACTS.items() for name in facts.machines}
_BY_PE = {facts.pe: arch for arch, facts in _FACTS.items() if facts.pe is not None}
_BY_EFI = {facts.efi: arch for arch, facts in _FACTS.items() if facts.efi is not None}
_BY_ELF = {facts.elf: arch for arch, facts in _FACTS.items()}
_BY_UBOOT = {facts.uboot: arch for arch, facts in _FACTS.items() if facts.uboot is not None}


def of_machine(machine: str) -> Architecture | None:
    """Return the architecture that ``uname -m`` calls `machine`, None for one not known here."""
    return _BY_MACHINE.get(machine)


def of_pe(number: int) -> Architecture | None:
    """Return the architecture of a PE file's Machine field, None for one not known here."""
    return _BY_PE.get(number)


def of_efi(name: str) -> Architecture | None:
    """Return the architecture that EFI calls `name` (``x64``, in any case), None for another."""
    return _BY_EFI.get(name.lower())


def of_elf(machine: int, bits: int, *, big_endian: bool = False) -> Architecture | None:
    """Return the architecture of an ELF file's e_machine, class and byte order, or None."""
    found = _BY_ELF.get((machine, bits))
    return found if big_endian is (found is Architecture.S390X) else None


def of_uboot(number: int) -> Architecture | None:
    """Return the architecture of a U-Boot image's ih_arch, None for one not known here."""
    return _BY_UBOOT.get(number)
