"""The interface between a kernel with CONFIG_KEXEC_BPF and the parser program, as facts.

Two dialects exist; neither is in a released kernel, so what the running one speaks is detected,
never assumed. Here is what both have; warmboot.core.bpf.dialects has what differs. Source: the
series "kexec: Use BPF lskel to enable kexec to load PE format boot image" (v6 and v7).
"""

from __future__ import annotations

from warmboot.core.enumeration import IntEnum, StrEnum
from warmboot.core.images import bpfobject, carried
from warmboot.core.values import dataclass

#: The function that the parser attaches to, and what it calls.
ANCHOR = bpfobject.ANCHOR
KFUNCS = ("bpf_get_parser_context", "bpf_buffer_parser", "bpf_put_parser_context")

#: The section of the PE file, and the two symbols of the object inside it.
SECTION = carried.SECTION
DATA_SYMBOL = bpfobject.DATA_SYMBOL
CODE_SYMBOL = bpfobject.CODE_SYMBOL

#: The maps of a parser in the order of the skeleton that is compiled into the kernel.
MAPS = (
    "ringbuf_1",
    "ringbuf_2",
    "ringbuf_3",
    "ringbuf_4",
    ".rodata",
    ".data",
    ".rodata.str1.1",
    ".bss",
)

#: Rings are never smaller: a kernel with 64 KiB pages takes no less.
SMALLEST_RING = 65536

#: The kernel decompresses no more than this, in bytes.
DECOMPRESS_LIMIT = 512 << 20


class Dialect(StrEnum):
    """Dialects of the interface, by their names."""

    V6 = "v6"
    V7 = "v7"


class Action(StrEnum):
    """What a command asks for."""

    DONE = "DONE"
    DECOMPRESS = "DECOMPRESS"
    COPY = "COPY"
    VERIFY_SIG = "VERIFY_SIG"


class Target(IntEnum):
    """Which buffer of the kernel a command's result replaces (subcommand)."""

    NONE = 0
    KERNEL = 1
    INITRD = 2
    CMDLINE = 3


@dataclass(frozen=True)
class Command:
    """One command as the kernel receives it, its payload apart.

    `fill` is the pipeline flag FILL: the result is also input of the next layer.
    """

    action: Action
    target: Target
    payload: bytes
    fill: bool = False


class Kind(IntEnum):
    """What a parser of ours does."""

    ZBOOT = 1
    COPY = 2
    UKI = 3
    INNER = 4  # a zboot that stood in a signed image, which was verified


#: First bytes of the `.rodata` of every parser of ours; see there.
IDENTITY = bpfobject.IDENTITY
IDENTITY_MAGIC = bpfobject.IDENTITY_MAGIC
