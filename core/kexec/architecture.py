"""What each architecture's kernel accepts; facts from arch/*/kernel and Documentation/arch."""

from __future__ import annotations

from warmboot.core.host import Host
from warmboot.core.images import Architecture, BootImage, Format, Method

#: ``uname -m`` → architecture.
MACHINES = {
    "x86_64": Architecture.X86_64,
    "i686": Architecture.X86,
    "i586": Architecture.X86,
    "aarch64": Architecture.ARM64,
    "armv7l": Architecture.ARM,
    "armv8l": Architecture.ARM,
    "riscv64": Architecture.RISCV64,
    "loongarch64": Architecture.LOONGARCH64,
    "s390x": Architecture.S390X,
    "ppc64le": Architecture.PPC64LE,
}

#: Formats that kexec_file_load(2) takes as they are.
ACCEPTED = {
    Architecture.X86_64: (Format.BZIMAGE,),
    Architecture.ARM64: (Format.IMAGE,),
    Architecture.RISCV64: (Format.IMAGE, Format.ELF),
    Architecture.LOONGARCH64: (Format.IMAGE, Format.ELF),
    Architecture.PPC64LE: (Format.ELF,),
}

#: The decompressors that a parser may ask for, by the option that builds each; usr/Kconfig.
DECOMPRESSORS = {
    Method.GZIP: "RD_GZIP",
    Method.ZSTD: "RD_ZSTD",
    Method.LZ4: "RD_LZ4",
    Method.XZ: "RD_XZ",
    Method.LZMA: "RD_LZMA",
    Method.LZO: "RD_LZO",
    Method.BZIP2: "RD_BZIP2",
}


def lacks_decompressor(host: Host, kernel: BootImage) -> bool:
    """Whether the running kernel is known to be unable to unpack the payload of `kernel`."""
    stream = kernel.stream
    return stream is not None and host.option(DECOMPRESSORS[stream.method]) is False


#: COMMAND_LINE_SIZE in bytes, the NUL included. Source: arch/*/include/uapi/asm/setup.h.
COMMAND_LINE_SIZE = {
    Architecture.X86: 2048,
    Architecture.X86_64: 2048,
    Architecture.ARM: 1024,
    Architecture.ARM64: 2048,
    Architecture.RISCV64: 1024,
    Architecture.LOONGARCH64: 4096,
    Architecture.S390X: 4096,
    Architecture.PPC64LE: 2048,
}

#: Bytes that x86 keeps free behind the command line (kexec-bzimage64.c, MAX_ELFCOREHDR_STR_LEN).
X86_CMDLINE_RESERVE = 30
