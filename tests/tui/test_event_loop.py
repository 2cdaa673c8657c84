"""The event loop where the kernel has no sockets."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import threading

import pytest

from warmboot.tui.event_loop import PipeEventLoop, new_event_loop


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer as a kernel without CONFIG_NET does."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(socket, "socketpair", refuse)
    monkeypatch.setattr(socket, "socket", refuse)


def test_an_ordinary_loop_where_there_are_sockets() -> None:
    loop = new_event_loop()
    assert not isinstance(loop, PipeEventLoop)
    loop.close()


@pytest.mark.usefixtures("no_sockets")
def test_threads_and_signals_wake_the_loop() -> None:
    before = len(os.listdir("/proc/self/fd"))
    loop = new_event_loop()
    assert isinstance(loop, PipeEventLoop)

    async def work() -> list[str]:
        seen: asyncio.Queue[str] = asyncio.Queue()
        loop.add_signal_handler(signal.SIGUSR1, seen.put_nowait, "signal")
        first = await loop.run_in_executor(None, lambda: "executor")
        threading.Thread(target=loop.call_soon_threadsafe, args=(seen.put_nowait, "thread")).start()
        second = await asyncio.wait_for(seen.get(), 10)
        os.kill(os.getpid(), signal.SIGUSR1)
        third = await asyncio.wait_for(seen.get(), 10)
        loop.remove_signal_handler(signal.SIGUSR1)
        await loop.shutdown_default_executor()
        return [first, second, third]

    try:
        assert loop.run_until_complete(work()) == ["executor", "thread", "signal"]
    finally:
        loop.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("no_sockets")
def test_many_wake_ups_do_not_block() -> None:
    loop = new_event_loop()
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    async def work() -> None:
        for _ in range(100_000):  # more than a pipe takes
            loop.call_soon_threadsafe(count)
        while counted < 100_000:
            await asyncio.sleep(0)

    try:
        loop.run_until_complete(asyncio.wait_for(work(), 60))
    finally:
        loop.close()
