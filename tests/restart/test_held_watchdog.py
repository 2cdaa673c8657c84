"""A watchdog that is held: whichever call fails, it does not count on, and its modules come back.

The device and modprobe are models of what the kernel does (drivers/watchdog/watchdog_dev.c): an
open starts it, a close stops it where the last write had a V in it.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from warmboot.core.errors import WarmbootError
from warmboot.core.host.hardware import Watchdog
from warmboot.core.plan.trial.trial import WatchdogUse
from warmboot.core.restart.trial import watchdog
from warmboot.core.restart.trial.watchdog import HeldWatchdog, load_again, stop_watchdog

FD = 77
RELOAD = WatchdogUse("watchdog0", "i6300esb", 300, ("i6300esb", "iTCO_wdt"), ())
AS_IT_IS = WatchdogUse("watchdog0", "i6300esb", 300, (), ())
_GETSUPPORT, _SETTIMEOUT = 0x80285700, 0xC0045706


class Kernel:
    """The device and the modules; the call number `fault`, counted from 1, fails."""

    def __init__(self, fault: int = 0, longest: int = 2046) -> None:
        self.calls, self.fault, self.longest = 0, fault, longest
        self.open = self.running = self.release = False
        self.loaded = {"watchdog": True, "i6300esb": True, "iTCO_wdt": True}
        self.stops_on_reboot = True

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.fault:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def os_open(self, path: str, flags: int) -> int:
        del flags
        self._call()
        assert path == "/dev/watchdog0"
        assert not self.open
        self.open = self.running = True
        self.release = False
        return FD

    def os_write(self, fd: int, data: bytes) -> int:
        assert fd == FD
        self._call()
        self.release = b"V" in data
        return len(data)

    def os_close(self, fd: int) -> None:
        assert fd == FD
        assert self.open
        self.open = False
        self.running = self.running and not self.release

    def ioctl(self, fd: int, request: int, argument: bytes) -> bytes:
        assert fd == FD
        self._call()
        if request == _GETSUPPORT:
            return struct.pack("<II32s", 0x8180, 0, b"i6300ESB timer")
        if request == _SETTIMEOUT:
            (asked,) = struct.unpack("<i", argument)
            return struct.pack("<i", min(asked, self.longest))
        return argument

    def modprobe(self, *words: str) -> None:
        self.calls += 1
        if self.calls == self.fault:
            raise WarmbootError("modprobe failed")
        if words[0] == "-r":
            assert not self.open
            assert words[1] != "watchdog" or not any(
                there for name, there in self.loaded.items() if name != "watchdog"
            ), "it is in use"
            self.loaded[words[1]] = False
            return
        if not self.loaded["watchdog"]:
            self.loaded["watchdog"] = True
            self.stops_on_reboot = "stop_on_reboot=0" not in words
        self.loaded[words[0]] = True

    def read_int(self, path: object) -> int | None:
        """stop_on_reboot: -1 where nobody set it (drivers/watchdog/watchdog_core.c)."""
        del path
        return (-1 if self.stops_on_reboot else 0) if self.loaded["watchdog"] else None


class Folders:
    """/sys/module."""

    def __init__(self, loaded: dict[str, bool]) -> None:
        self._loaded = loaded

    def __truediv__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(is_dir=lambda: self._loaded[name])


def put_in(monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> None:
    calls = {"open": kernel.os_open, "write": kernel.os_write, "close": kernel.os_close}
    flags = {"O_WRONLY": os.O_WRONLY, "O_CLOEXEC": os.O_CLOEXEC}
    there = SimpleNamespace(exists=lambda path: path == "/dev/watchdog0")
    monkeypatch.setattr(watchdog, "os", SimpleNamespace(**calls, **flags, path=there))
    monkeypatch.setattr(watchdog, "fcntl", SimpleNamespace(ioctl=kernel.ioctl))
    monkeypatch.setattr(watchdog, "_modprobe", kernel.modprobe)
    monkeypatch.setattr(watchdog, "read_int", kernel.read_int)
    monkeypatch.setattr(watchdog, "_LOADED", Folders(kernel.loaded))
    dog = Watchdog("watchdog0", "", False, 30, "i6300esb")
    monkeypatch.setattr(watchdog, "read_watchdogs", lambda _: (dog,))


def as_before(kernel: Kernel) -> bool:
    return (
        not kernel.running
        and not kernel.open
        and all(kernel.loaded.values())
        and kernel.stops_on_reboot
    )


def put_back(use: WatchdogUse) -> None:
    """What a trial does that fails, where modules were to be loaded anew."""
    if use.reload:
        load_again(use.reload)


@pytest.mark.parametrize("use", [RELOAD, AS_IT_IS], ids=["loaded anew", "as it is"])
def test_whichever_call_fails_nothing_is_armed(
    monkeypatch: pytest.MonkeyPatch, use: WatchdogUse
) -> None:
    for fault in range(1, 50):
        kernel = Kernel(fault)
        put_in(monkeypatch, kernel)
        try:
            held = HeldWatchdog(use)
            states = [(kernel.running, kernel.release)]
            held.arm()
        except WarmbootError:
            if kernel.open:
                held.close()
            kernel.fault = 0
            put_back(use)
            assert as_before(kernel), f"call {fault} failed"
            continue
        assert fault > kernel.calls, "no call failed any more"
        held.close()
        states.append((kernel.running, kernel.release))
        assert states == [(True, True), (True, False)], "with this process it ends; armed, not"
        assert kernel.stops_on_reboot is not bool(use.reload)
        return
    pytest.fail("it never came to an end")


@pytest.mark.parametrize("use", [RELOAD, AS_IT_IS], ids=["loaded anew", "as it is"])
def test_what_was_armed_can_be_taken_back(
    monkeypatch: pytest.MonkeyPatch, use: WatchdogUse
) -> None:
    kernel = Kernel()
    put_in(monkeypatch, kernel)
    held = HeldWatchdog(use)
    held.arm()
    held.disarm()
    held.close()
    put_back(use)
    assert as_before(kernel)


def test_a_watchdog_that_takes_less_time_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(longest=120)
    put_in(monkeypatch, kernel)
    with pytest.raises(WarmbootError, match="it takes 120 s, not 300 s"):
        HeldWatchdog(RELOAD)
    put_back(RELOAD)
    assert as_before(kernel)


@pytest.mark.parametrize("core", [True, False, None], ids=["as usual", "loaded anew", "taken out"])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("other", [True, False])
def test_whatever_a_kill_left_the_modules_are_loaded_again(
    monkeypatch: pytest.MonkeyPatch, core: bool | None, own: bool, other: bool
) -> None:
    if core is None and (own or other):
        return  # those use it
    kernel = Kernel()
    put_in(monkeypatch, kernel)
    kernel.loaded.update({"watchdog": core is not None, "i6300esb": own, "iTCO_wdt": other})
    kernel.stops_on_reboot = core is not False
    well = as_before(kernel)
    assert load_again(RELOAD.reload) is not well
    assert as_before(kernel)
    assert well is (kernel.calls == 0), "what is well is left alone"
    assert load_again(RELOAD.reload) is False


def test_modules_that_cannot_be_loaded_again_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    put_in(monkeypatch, kernel)
    kernel.stops_on_reboot = False

    def in_use(*words: str) -> None:
        raise WarmbootError(f"modprobe {' '.join(words)} failed: in use")

    monkeypatch.setattr(watchdog, "_modprobe", in_use)
    with pytest.raises(WarmbootError, match=r"i6300esb, iTCO_wdt\) could not be loaded as before"):
        load_again(RELOAD.reload)


@pytest.mark.parametrize("others", [(), (Watchdog("watchdog1", "", True, 30, "softdog"),)])
def test_a_driver_that_shows_no_watchdog_has_not_stopped_it(
    monkeypatch: pytest.MonkeyPatch, others: tuple[Watchdog, ...]
) -> None:
    """Its module loads also where the registers are somebody else's: it counts on."""
    put_in(monkeypatch, Kernel())
    monkeypatch.setattr(watchdog, "read_watchdogs", lambda _: others)
    monkeypatch.setattr(watchdog, "_WAIT", 0.0)
    with pytest.raises(WarmbootError, match="its driver finds none in this system"):
        stop_watchdog("i6300esb")


def test_one_that_shows_it_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    put_in(monkeypatch, kernel)
    dog = Watchdog("watchdog0", "", False, 30, "i6300esb")
    answers: Iterator[tuple[Watchdog, ...]] = iter([(), (), (dog,)])
    monkeypatch.setattr(watchdog, "read_watchdogs", lambda _: next(answers, (dog,)))
    stop_watchdog("i6300esb")
    assert kernel.calls == 3, "modprobe, open and write"
    assert not kernel.running
