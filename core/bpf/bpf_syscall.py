"""bpf(2) of the running kernel, as much of it as loading and running a parser needs.

Source: bpf(2), include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
from contextlib import ExitStack

from warmboot.core.architecture import of_machine
from warmboot.core.closing import Closing
from warmboot.core.debug import debug, failure

_MAP_CREATE, _MAP_UPDATE, _PROG_LOAD, _TEST_RUN, _TRACEPOINT_OPEN = 0, 2, 5, 10, 17
_ARRAY, _SYSCALL_PROGRAM, _SLEEPABLE = 2, 31, 1 << 4
_LOADER_CONTEXT = struct.Struct("<IIIIQ")  # struct bpf_loader_ctx
_MAP_SLOT = struct.Struct("<iIQ")  # struct bpf_map_desc
_PROGRAM_SLOT = struct.Struct("<i")  # struct bpf_prog_desc
_LOG = 1 << 20
_RECORD_HEADER = 8  # BPF_RINGBUF_HDR_SZ
_BUSY, _DISCARDED = 1 << 31, 1 << 30

_libc = ctypes.CDLL(None, use_errno=True)


class LoadError(Exception):
    """The kernel took neither maps nor program: at which step, the errno, and its own log."""

    def __init__(self, step: str, code: int, log: str) -> None:
        super().__init__(f"{step}: {os.strerror(code)}")
        self.step = step
        self.code = code
        self.log = log


class Loaded(Closing):
    """What a light skeleton made in the kernel: descriptors of its maps and of its program."""

    def __init__(self, maps: tuple[int, ...], program: int) -> None:
        self.maps = maps
        self.program = program

    def attach(self) -> int:
        """Attach the program to what its section names; the descriptor detaches when closed.

        Raises OSError.
        """
        return _call(_TRACEPOINT_OPEN, struct.pack("<QI4x", 0, self.program))

    def run(self, context: bytearray) -> int:
        """Run a `syscall` program once on `context`, which it may change; raises OSError."""
        return _test_run(self.program, context)

    def close(self) -> None:
        """Give everything back."""
        for fd in (*self.maps, self.program):
            if fd > 0:
                os.close(fd)
        self.maps, self.program = (), -1


def load(data: bytes, code: bytes, maps: int, *, entries: dict[int, int] | None = None) -> Loaded:
    """Do with a light skeleton's arrays what the kernel does: the loader program makes it all.

    `maps` is their number (one program beside them); `entries` changes the number of elements of
    a map, by its place. Raises LoadError.
    """
    with ExitStack() as held:
        blob = _step("the map for the skeleton's data", _array_map, data)
        held.callback(os.close, blob)
        loader = _load_loader(code, blob)
        held.callback(os.close, loader)
        log = ctypes.create_string_buffer(_LOG)
        used = _LOADER_CONTEXT.size + maps * _MAP_SLOT.size + _PROGRAM_SLOT.size
        context = bytearray(used)
        _LOADER_CONTEXT.pack_into(context, 0, used, 0, 1, len(log), ctypes.addressof(log))
        for place, count in (entries or {}).items():
            at = _LOADER_CONTEXT.size + place * _MAP_SLOT.size
            _MAP_SLOT.pack_into(context, at, 0, count, 0)
        answer = _step("the loader program's run", _test_run, loader, context)
        if answer < 0:
            raise LoadError("the loader program", -answer, _text(log))
        at = _LOADER_CONTEXT.size
        found = [_MAP_SLOT.unpack_from(context, at + n * _MAP_SLOT.size)[0] for n in range(maps)]
        (program,) = _PROGRAM_SLOT.unpack_from(context, at + maps * _MAP_SLOT.size)
        return Loaded(tuple(found), program)


def _step(name: str, action: object, *arguments: object) -> int:
    try:
        return int(action(*arguments))  # type: ignore[operator]
    except OSError as error:
        raise LoadError(name, error.errno or 0, "") from error


def _array_map(data: bytes) -> int:
    fd = _call(_MAP_CREATE, struct.pack("<7I16s", _ARRAY, 4, len(data), 1, 0, 0, 0, b"warmboot"))
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(data, len(data))
    try:
        attributes = struct.pack("<I4xQQQ", fd, ctypes.addressof(key), ctypes.addressof(value), 0)
        _call(_MAP_UPDATE, attributes)
    except OSError:
        os.close(fd)
        raise
    return fd


def _load_loader(code: bytes, blob: int) -> int:
    instructions = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(_LOG)
    maps = (ctypes.c_int * 1)(blob)
    attributes = bytearray(128)
    struct.pack_into(
        "<IIQQIIQII16s", attributes, 0,
        _SYSCALL_PROGRAM, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(licence),
        1, len(log), ctypes.addressof(log), 0, _SLEEPABLE, b"warmboot",
    )  # fmt: skip
    struct.pack_into("<Q", attributes, 120, ctypes.addressof(maps))
    try:
        return _call(_PROG_LOAD, bytes(attributes))
    except OSError as error:
        raise LoadError("the loader program's load", error.errno or 0, _text(log)) from error


def _test_run(program: int, context: bytearray) -> int:
    """Run a `syscall` program; it reads and changes `context`. Returns what it returned."""
    shared = ctypes.create_string_buffer(bytes(context), len(context))
    attributes = bytearray(80)
    struct.pack_into("<I", attributes, 0, program)
    struct.pack_into("<IIQ", attributes, 40, len(context), 0, ctypes.addressof(shared))
    buffer = ctypes.create_string_buffer(bytes(attributes), len(attributes))
    if _libc.syscall(_number(), _TEST_RUN, buffer, len(attributes)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    context[:] = shared.raw
    return int(struct.unpack_from("<i", buffer.raw, 4)[0])


def _call(command: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    answer = int(_libc.syscall(_number(), command, buffer, len(attributes)))
    if answer < 0:
        error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        failure(f"bpf({command})", error)
        raise error
    debug("bpf(%d) = %d", command, answer)
    return answer


def _number() -> int:
    architecture = of_machine(os.uname().machine)
    number = architecture.facts.bpf if architecture else None
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return number


def _text(log: ctypes.Array[ctypes.c_char]) -> str:
    return log.value.decode("utf-8", "replace").strip()


class Ring:
    """The reading end of a ring buffer map: `size` bytes of records."""

    def __init__(self, fd: int, size: int) -> None:
        self._page = mmap.PAGESIZE
        self._size = size
        self._read = mmap.mmap(fd, self._page)
        self._data = mmap.mmap(fd, self._page + 2 * size, prot=mmap.PROT_READ, offset=self._page)

    def take(self) -> list[memoryview]:
        """Return the records that are there; they hold until `free`."""
        (position,) = struct.unpack_from("<Q", self._read, 0)
        (end,) = struct.unpack_from("<Q", self._data, 0)
        records = []
        while position < end:
            at = self._page + position % self._size
            (header,) = struct.unpack_from("<I", self._data, at)
            if header & _BUSY:
                break
            length = header & ~_DISCARDED
            if not header & _DISCARDED:
                begin = at + _RECORD_HEADER
                records.append(memoryview(self._data)[begin : begin + length])
            position += (length + _RECORD_HEADER + 7) // 8 * 8
        self._next = position
        return records

    def free(self) -> None:
        """Give the records that were taken back to the kernel."""
        struct.pack_into("<Q", self._read, 0, self._next)

    def close(self) -> None:
        """End the mapping; no record may be in use."""
        self._read.close()
        self._data.close()
