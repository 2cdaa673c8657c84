"""The BTF of a kernel, as far as a program that looks for a few types needs one.

Source: Documentation/bpf/btf.rst.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

_INT, _PTR, _STRUCT, _FUNC, _FUNC_PROTO = 1, 2, 4, 12, 13

#: Functions and structs (members, bytes) of a kernel with CONFIG_KEXEC_BPF, by dialect.
_FUNCTIONS = (
    "kexec_image_parser_anchor",
    "bpf_get_parser_context",
    "bpf_buffer_parser",
    "bpf_put_parser_context",
)
_CONTEXT = ("kdump", "kernel", "kernel_sz", "initrd", "initrd_sz", "cmdline", "cmdline_sz")
_STRUCTS: Mapping[str, Mapping[str, tuple[Sequence[str], int]]] = {
    "v6": {
        "cmd_hdr": (("cmd", "subcmd", "payload_len"), 8),
        "kexec_context": (_CONTEXT, 56),
    },
    "v7": {
        "cmd_hdr": (("cmd", "subcmd", "pipeline_flag", "payload_len", "num_chunks"), 10),
        "kexec_context": (
            (*_CONTEXT, "parsed", "parsing_buf", "parsing_buf_sz", "next_parsing_buf"),
            440,
        ),
    },
}


def build_kernel_btf(dialect: str | None) -> bytes:
    """Return the BTF of a kernel of this dialect ("v6", "v7"), or of one without the interface."""
    if dialect is None:
        return build_btf(("do_kexec_load",), {"kimage": (("entry", "head"), 4096)})
    return build_btf(_FUNCTIONS, _STRUCTS[dialect])


def build_btf(functions: Sequence[str], structs: Mapping[str, tuple[Sequence[str], int]]) -> bytes:
    """Return BTF with these functions and structs; each struct is (member names, bytes)."""
    strings = bytearray(b"\0")

    def name(text: str) -> int:
        pattern = b"\0" + text.encode() + b"\0"
        found = strings.find(pattern)
        if found < 0:
            found = len(strings) - 1
            strings.extend(pattern[1:])
        return found + 1

    types = struct.pack("<IIII", name("int"), _INT << 24, 4, 32)  # type 1
    types += struct.pack("<III", 0, _FUNC_PROTO << 24, 1)  # type 2
    types += struct.pack("<III", 0, _PTR << 24, 1)  # type 3
    for text, (members, size) in structs.items():
        types += struct.pack("<III", name(text), _STRUCT << 24 | len(members), size)
        for number, member in enumerate(members):
            types += struct.pack("<III", name(member), 1, number * 32)
    for text in functions:
        types += struct.pack("<III", name(text), _FUNC << 24, 2)
    return _join(types, bytes(strings))


def _join(types: bytes, strings: bytes) -> bytes:
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    return header + types + strings
