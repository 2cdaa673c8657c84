"""The parser's own code, run on the running kernel over an image, without any kexec.

The code is that of the parsers, compiled as a program that may be run at will. Where the kernel
or the user's rights do not allow that, a model in Python stands in for it, and says so.
"""

from __future__ import annotations

import errno
import mmap
import struct
from collections.abc import Callable

from warmboot.core.bpf import bpf_syscall
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.parsers import Parser
from warmboot.core.bpf.refusal import Outcome, Refusal
from warmboot.core.bpf.replay import may_trace
from warmboot.core.errors import ImageError, WarmbootError
from warmboot.core.hints import Self, TypeVar
from warmboot.core.images import BytesView, View
from warmboot.core.images.bpfobject import ParserObject

Seen = TypeVar("Seen")

_CONTEXT = struct.Struct("<QIIII")  # struct rehearsal of source/rehearsal.c
_CHUNK = 4096
_MAPS = 9  # the image, then those that every parser has
_IMAGE, _RING = 0, 1  # places of two of them


class CannotRehearse(WarmbootError):
    """The running kernel does not run the program; the message says why."""


class LoadedRehearsal:
    """A parser's rehearsal, loaded: takes one image after the other of up to `room` bytes."""

    def __init__(self, parser: Parser, room: int) -> None:
        view = BytesView(parser.content)
        found = ParserObject.parse(view)
        data, code = view.read(*found.data, "opts_data"), view.read(*found.code, "opts_insn")
        self._facts = facts_of(parser.recipe.dialect)
        self._chunks = max(1, -(-room // _CHUNK))
        try:
            self._loaded = bpf_syscall.load(data, code, _MAPS, entries={_IMAGE: self._chunks})
        except bpf_syscall.LoadError as error:
            raise _refused(error) from error
        size = self._chunks * _CHUNK
        self._image = mmap.mmap(self._loaded.maps[_IMAGE], size)
        self._ring = bpf_syscall.Ring(self._loaded.maps[_RING], parser.recipe.sizes.ring)

    def run(self, view: View) -> Outcome:
        """Run the program on an image; raises ImageError where the image is too large."""
        return Outcome(*self.each(view, self._facts.decode))

    def each(
        self, view: View, see: Callable[[memoryview], Seen]
    ) -> tuple[tuple[Seen, ...], Refusal | None]:
        """Run the program on an image; return what `see` makes of each record, and the refusal.

        A record is gone when `see` returns. Raises ImageError where the image is too large.
        """
        if view.size > self._chunks * _CHUNK:
            raise ImageError(f"The image of {view.size} bytes does not fit this rehearsal")
        self._fill(view)
        commands = []
        for step in range(self._facts.most_commands):
            context = bytearray(_CONTEXT.pack(view.size, step, 0, 0, 0))
            self._loaded.run(context)
            _, _, refusal, length, unreadable = _CONTEXT.unpack(context)
            if length:
                (record,) = self._ring.take()
                commands.append(see(record))
                record.release()
                self._ring.free()
            if refusal or unreadable:
                return tuple(commands), Refusal(refusal or Refusal.UNREADABLE)
        return tuple(commands), None

    def _fill(self, view: View) -> None:
        with memoryview(self._image) as window:
            position = 0
            while position < view.size:
                count = view.readinto(position, window[position : view.size])
                if count == 0:
                    raise ImageError("The file became shorter while it was read", offset=position)
                position += count

    def close(self) -> None:
        """Give everything back to the kernel."""
        self._ring.close()
        self._image.close()
        self._loaded.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refused(error: bpf_syscall.LoadError) -> CannotRehearse:
    if error.code in (errno.EPERM, errno.EACCES) and not (error.log and may_trace()):
        return CannotRehearse(
            "This user may not load BPF programs", hint="Run warmboot as root (sudo warmboot)."
        )
    if error.code == errno.ENOMEM:
        return CannotRehearse("There is too little memory to run the program")
    if error.code in (errno.ENOSYS, errno.EINVAL) and error.step != "the loader program":
        return CannotRehearse(f"The running kernel does not run this kind of program: {error}")
    last = error.log.splitlines()[-1:] or [str(error)]
    return CannotRehearse(f"The running kernel refuses the program: {last[0]}")
