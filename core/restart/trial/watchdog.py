"""A hardware watchdog that counts through the jump; see Documentation/watchdog/watchdog-api.rst.

Until it is armed for good it is held in a way that disarms it with the end of this process, however
that ends: the magic character was written, and the kernel stops a watchdog whose file is closed
after it (watchdog_release() in drivers/watchdog/watchdog_dev.c).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.host.files import read_int
from warmboot.core.host.hardware import Watchdog, read_watchdogs
from warmboot.core.plan.trial.trial import WatchdogUse
from warmboot.core.programs import find_program, run
from warmboot.core.text import printable

# include/uapi/linux/watchdog.h
_GETSUPPORT, _KEEPALIVE, _SETTIMEOUT = 0x80285700, 0x80045705, 0xC0045706
_MAGICCLOSE = 0x0100
_RELEASE, _KEEP = b"V", b"\0"
_SECONDS = 20.0
_WAIT = 5.0
_LOADED = Path("/sys/module")
_PARAMETER = _LOADED / "watchdog/parameters/stop_on_reboot"


class HeldWatchdog:
    """A watchdog that is running and will be stopped, unless `arm` is called.

    Modules that it loads anew stay so until `load_again`, whatever comes of it.
    """

    def __init__(self, use: WatchdogUse) -> None:
        self._use = use
        self._fd = -1
        self._armed = False
        try:
            if use.reload:
                self._reload()
            self._open()
        except BaseException:
            self.close()
            raise

    def _reload(self) -> None:
        """Load the modules anew, so that the kernel does not stop watchdogs when it restarts."""
        for module in (*self._use.reload, "watchdog"):
            _modprobe("-r", module)
        _modprobe("watchdog", "stop_on_reboot=0")
        for module in self._use.reload:  # its own first, so that it has the same name again
            _modprobe(module)
        if read_int(_PARAMETER) != 0:
            raise _failed(self._use, "stop_on_reboot is not 0 after the module was loaded anew")

    def _open(self) -> None:
        path = f"/dev/{self._name()}"
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            os.write(self._fd, _RELEASE)
            info = struct.unpack("<II32s", fcntl.ioctl(self._fd, _GETSUPPORT, bytes(40)))
            if not info[0] & _MAGICCLOSE:
                raise _failed(self._use, "its driver stops it when its file is closed")
            answer = fcntl.ioctl(self._fd, _SETTIMEOUT, struct.pack("<i", self._use.timeout))
        except OSError as error:
            raise _failed(self._use, error.strerror or "not known") from error
        timeout = struct.unpack("<i", answer)[0]
        debug("%s: %d s", path, timeout)
        if timeout < self._use.timeout:
            raise _failed(self._use, f"it takes {timeout} s, not {self._use.timeout} s")

    def keep_alive(self) -> None:
        """Have it count from the beginning; raises WarmbootError."""
        try:
            fcntl.ioctl(self._fd, _KEEPALIVE, bytes(4))
        except OSError as error:
            raise _failed(self._use, error.strerror or "not known") from error

    def _name(self) -> str:
        """Return the watchdog's name; loaded anew, it may have another one than before."""
        if not self._use.reload:
            return self._use.name
        for dog in _shown(self._use.module):
            return dog.name
        raise _failed(self._use, "it is gone after its module was loaded anew")

    def arm(self) -> None:
        """Have it count from now on, whatever becomes of this process; raises WarmbootError."""
        self.keep_alive()
        try:
            os.write(self._fd, _KEEP)
        except OSError as error:
            raise _failed(self._use, error.strerror or "not known") from error
        self._armed = True

    def disarm(self) -> None:
        """Have it stopped with this process after all."""
        self._armed = False
        with contextlib.suppress(OSError):
            os.write(self._fd, _RELEASE)

    def close(self) -> None:
        """Let go of it: one that is not armed stops."""
        if self._fd >= 0:
            if not self._armed:  # it was released already, unless that failed
                self.disarm()
            os.close(self._fd)
            self._fd = -1


def load_again(modules: Sequence[str]) -> bool:
    """Load modules of watchdogs, and their core, as the system does.

    False where they are loaded so. Raises WarmbootError where they cannot be.
    """
    if _as_the_system_does(modules):
        return False
    for words in (*(("-r", module) for module in (*modules, "watchdog")), *((m,) for m in modules)):
        with contextlib.suppress(WarmbootError):
            _modprobe(*words)
    if not _as_the_system_does(modules):
        raise WarmbootError(
            f"The watchdog's modules ({', '.join(modules)}) could not be loaded as before",
            hint="Close what holds the watchdog: modprobe cannot take them out while it is open.",
        )
    return True


def _as_the_system_does(modules: Sequence[str]) -> bool:
    loaded = all((_LOADED / module).is_dir() for module in modules)
    return loaded and read_int(_PARAMETER) not in (None, 0)


def stop_watchdog(module: str) -> None:
    """Load the driver that was kept out, and stop every watchdog it has; raises WarmbootError."""
    _modprobe(module)
    found = _shown(module)
    if not found:
        raise _still_counts(module, "its driver finds none in this system")
    for dog in found:
        try:
            fd = os.open(f"/dev/{dog.name}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, _RELEASE)
            finally:
                os.close(fd)
        except OSError as error:
            raise _still_counts(module, error.strerror or "not known") from error
        if any(one.armed for one in read_watchdogs(Path("/")) if one.name == dog.name):
            raise _still_counts(module, "it is still active")


def _shown(module: str) -> list[Watchdog]:
    """Return the watchdogs of a module that was just loaded, none where it shows none in time."""
    deadline = time.monotonic() + _WAIT
    while True:
        dogs = (dog for dog in read_watchdogs(Path("/")) if dog.module == module)
        found = [dog for dog in dogs if os.path.exists(f"/dev/{dog.name}")]
        if found or time.monotonic() >= deadline:
            return found
        time.sleep(0.05)


def _modprobe(*words: str) -> None:
    program = find_program("modprobe")
    if program is None:
        raise WarmbootError("modprobe could not be run: it is not installed")
    try:
        done = run([program, *words], _SECONDS)
    except OSError as error:
        raise WarmbootError(f"modprobe could not be run: {error}") from error
    if done.code != 0:
        said = printable(done.errors.strip()[-300:])
        raise WarmbootError(f"modprobe {' '.join(words)} failed: {said}")


def _failed(use: WatchdogUse, why: str) -> WarmbootError:
    return WarmbootError(
        f"The watchdog {use.name} ({use.module}) could not be armed: {why}",
        hint="warmboot doctor says how it stands.",
    )


def _still_counts(module: str, why: str) -> WarmbootError:
    return WarmbootError(
        f"The watchdog of {module} could not be stopped: {why}",
        hint="It goes on counting, and resets the machine. Close what holds it, then try again.",
    )
