"""An event loop for kernels without sockets.

asyncio wakes itself through a socket pair. A rescue kernel built without CONFIG_NET has no sockets
at all, so there a pipe does the same.
"""

from __future__ import annotations

import asyncio
import os
import socket


class _PipeEnd:
    """One end of a pipe, with the few methods asyncio uses of its wake-up sockets."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def recv(self, count: int) -> bytes:
        return os.read(self._fd, count)

    def send(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def close(self) -> None:
        os.close(self._fd)


class PipeEventLoop(asyncio.SelectorEventLoop):
    """A selector event loop that needs no sockets."""

    _ssock: _PipeEnd
    _csock: _PipeEnd
    _internal_fds: int

    def _make_self_pipe(self) -> None:
        read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._ssock, self._csock = _PipeEnd(read), _PipeEnd(write)
        self._internal_fds += 1
        self._add_reader(read, self._read_from_self)  # type: ignore[attr-defined]


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an ordinary event loop where the kernel has sockets, else one that needs none."""
    try:
        for end in socket.socketpair():
            end.close()
    except OSError:
        return PipeEventLoop()
    return asyncio.new_event_loop()
