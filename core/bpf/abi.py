"""The interface between a kernel with CONFIG_KEXEC_BPF and the parser program, as facts.

Two dialects exist; neither is in a released kernel, so what the running one speaks is detected,
never assumed. Source: the series "kexec: Use BPF lskel to enable kexec to load PE format boot
image" (revisions 6 and 7).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from warmboot.core.images import bpfobject

#: The function that the parser attaches to, and what it calls.
ANCHOR = "kexec_image_parser_anchor"
KFUNCS = ("bpf_get_parser_context", "bpf_buffer_parser", "bpf_put_parser_context")

#: The section of the PE file, and the two symbols of the object inside it.
SECTION = bpfobject.SECTION
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
    """Revision of the interface."""

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


#: Action → number, by dialect.
ACTIONS = {
    Dialect.V6: {Action.DECOMPRESS: 0x1, Action.COPY: 0x2},
    Dialect.V7: {
        Action.DONE: 0x1,
        Action.DECOMPRESS: 0x2,
        Action.COPY: 0x3,
        Action.VERIFY_SIG: 0x4,
    },
}

#: struct cmd_hdr (packed, little endian): v6 cmd, subcmd, payload_len;
#: v7 cmd, subcmd, pipeline_flag, payload_len, num_chunks.
HEADERS = {Dialect.V6: struct.Struct("<HHI"), Dialect.V7: struct.Struct("<HBBIH")}


@dataclass(frozen=True, slots=True)
class Command:
    """One command as the kernel receives it, its payload apart.

    `fill` is the pipeline flag FILL of v7: the result is also input of the next layer.
    """

    action: Action
    target: Target
    payload: bytes
    fill: bool = False

    def encode(self, dialect: Dialect) -> bytes:
        """Return header and payload; raises KeyError for an action the dialect lacks."""
        number = ACTIONS[dialect][self.action]
        header = HEADERS[dialect]
        if dialect is Dialect.V6:
            return header.pack(number, self.target, len(self.payload)) + self.payload
        return header.pack(number, self.target, self.fill, len(self.payload), 0) + self.payload


class Kind(IntEnum):
    """What a parser of ours does."""

    ZBOOT = 1
    COPY = 2
    UKI = 3


#: First bytes of the `.rodata` of every parser of ours; see there.
IDENTITY = bpfobject.IDENTITY
IDENTITY_MAGIC = bpfobject.IDENTITY_MAGIC
