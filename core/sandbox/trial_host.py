"""A trial on a simulated machine: its watchdog, its dead-man timer, and its firmware.

What the new system would do is told by its command line: a root file system that this machine does
not have, or an init that is not there, ends it; nobody's confirming does, in time.
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from pathlib import Path

from warmboot.core.boot.cmdline import parse
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import WarmbootError
from warmboot.core.host import read_host
from warmboot.core.host.files import names, read_int, read_text
from warmboot.core.plan.trial.trial import CHECK_UNIT, CONFIRMED, OneShot, WatchdogUse, read_mark
from warmboot.core.plan.trial.unit import JOURNAL
from warmboot.core.restart.trial.host import Held, Timer
from warmboot.core.restart.trial.one_shot import take_back
from warmboot.core.rooted import rooted
from warmboot.core.sandbox.marker import TRIAL
from warmboot.core.statefile import open_state, read_state, remove_state, replace_state
from warmboot.core.typed import json_object, typed
from warmboot.core.values import asdict, dataclass, replace

_LIMIT = 1 << 16
#: Of the core of watchdogs, while its module is loaded.
_PARAMETER = "sys/module/watchdog/parameters/stop_on_reboot"
_CHECK_SECONDS = 5
#: What of a health check says that a simulated system, which is always well, passes it.
_PASSES = ("/dev/tcp/", "ping -c1", "is-system-running", "(true)")


@dataclass(frozen=True)
class _Trial:
    """The trial that the machine is on. `ends` and `checked` in seconds since the epoch."""

    id: str
    ends: float
    checked: float | None = None
    stopped: bool = False


class SimulatedTrialHost:
    """The machine of the sandbox directory `prefix`."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = rooted(prefix)

    def hold(self, use: WatchdogUse) -> Held:
        """See TrialHost."""
        if use.reload:
            _take_out_core(self._prefix)
            _write(self._prefix / _PARAMETER, "0\n")
        return _Held(self._prefix)

    def load_again(self, modules: tuple[str, ...]) -> bool:
        """See TrialHost."""
        del modules
        if read_int(self._prefix / _PARAMETER) == 1:
            return False
        _load_core(self._prefix)
        return True

    def timer(self) -> Timer:
        """See TrialHost."""
        found = _read(self._prefix)
        return Timer(False) if found is None or found.stopped else Timer(True, found.ends)

    def stop_watchdog(self, module: str) -> None:
        """See TrialHost."""
        del module
        _set_watchdogs(self._prefix, "inactive")

    def stop_timer(self) -> None:
        """See TrialHost."""
        found = _read(self._prefix)
        if found is not None:
            _save(self._prefix, replace(found, stopped=True))

    def restart(self) -> None:
        """See TrialHost."""
        reset(self._prefix)


class _Held:
    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._armed = False

    def keep_alive(self) -> None:
        return

    def arm(self) -> None:
        self._armed = True

    def disarm(self) -> None:
        self._armed = False

    def close(self) -> None:
        if not self._armed:
            _set_watchdogs(self._prefix, "inactive")


def begin(prefix: Path) -> None:
    """Let the system that has just started be on trial, where its command line says so."""
    prefix = rooted(prefix)
    _load_core(prefix)
    cmdline = read_host(prefix).cmdline
    mark = read_mark(cmdline)
    if mark is None:
        return
    now = time.time()
    checked = now + _CHECK_SECONDS if _passes(cmdline) else None
    _save(prefix, _Trial(mark.id, now + mark.seconds, checked))
    if mark.watchdog is not None:
        _set_watchdogs(prefix, "active")
    if not _has_root(prefix, cmdline):
        reset(prefix)
    elif not _has_init(prefix, cmdline):
        init = next(w.value for w in parse(cmdline) if w.key == "init")
        said = f"Kernel panic - not syncing: Requested init {init} failed (error -2)."
        record = f"Panic#1 Part1\n<0>[    3.141592] {said}\n"
        _write(prefix / "sys/fs/pstore/dmesg-efi_pstore-1", record)
        reset(prefix)


def settle(prefix: Path) -> None:
    """Let what was due on a simulated machine have happened: a health check, or a timer."""
    prefix = rooted(prefix)
    found = _read(prefix)
    if found is None or found.stopped:
        return
    now = time.time()
    if found.checked is not None and found.checked <= now:
        _set_watchdogs(prefix, "inactive")
        _save(prefix, replace(found, stopped=True))
        _note(prefix, "confirmed", found, found.checked, by="health check")
        _write(prefix / CONFIRMED.lstrip("/"), f"{found.id}\n")
    elif found.ends <= now:
        _note(prefix, "expired", found, found.ends)
        reset(prefix)


def reset(prefix: Path) -> None:
    """Let firmware start what it would: the boot loader's next entry, or its default.

    Raises WarmbootError where it would start nothing.
    """
    root, host = BootRoot(Path(str(prefix))), read_host(prefix)
    running = Running.read(prefix, host.release, host.cmdline)
    entries = find_entries(root, running).entries
    chosen = [entry for entry in entries if entry.next] or [e for e in entries if e.default]
    if not chosen or chosen[0].release is None:
        raise WarmbootError(
            "The simulated machine's boot loader has nothing to start", hint="Make a new sandbox."
        )
    for kind in (OneShot.LOADER_ENTRY, OneShot.BOOT_NEXT):
        take_back(root, prefix, kind)
    if read_text(prefix / "boot/grub/grubenv") is not None:
        take_back(root, prefix, OneShot.GRUB)
    kernel = prefix / "proc/sys/kernel"
    _write(kernel / "osrelease", f"{chosen[0].release}\n")
    _write(kernel / "random/boot_id", f"{uuid.uuid4()}\n")
    _write(prefix / "proc/cmdline", f"{chosen[0].cmdline or ''}\n")
    _write(prefix / "proc/uptime", "4.00 4.00\n")
    _write(prefix / "sys/kernel/kexec_loaded", "0\n")
    _load_core(prefix)
    _set_watchdogs(prefix, "inactive")
    for path in (prefix / TRIAL, prefix / CONFIRMED.lstrip("/")):
        try:
            remove_state(path)
        except OSError:
            continue


def _has_root(prefix: Path, cmdline: str) -> bool:
    """Whether root= names the disk that the machine's own root file system is on, or no disk."""
    wanted = [word.value or "" for word in parse(cmdline) if word.key == "root"]
    if not wanted or not wanted[-1].startswith("/dev/"):
        return True
    mounts = (
        line.split() for line in (read_text(prefix / "proc/self/mountinfo") or "").split("\n")
    )
    return any(len(f) > 8 and f[4] == "/" and f[8] == wanted[-1] for f in mounts)


def _has_init(prefix: Path, cmdline: str) -> bool:
    wanted = [word.value or "" for word in parse(cmdline) if word.key == "init"]
    return not wanted or (prefix / wanted[-1].lstrip("/")).exists()


def _passes(cmdline: str) -> bool:
    """Whether there is a health check that a system which is well passes."""
    for word in parse(cmdline):
        name, _, text = (word.value or "").rpartition(":")
        if name == f"systemd.extra-unit.{CHECK_UNIT}":
            script = base64.b64decode(text).decode("utf-8", "replace")
            return any(sign in script for sign in _PASSES)
    return False


def _take_out_core(prefix: Path) -> None:
    try:
        remove_state(prefix / _PARAMETER)
    except FileNotFoundError:
        return
    except OSError as error:
        raise WarmbootError(
            f"The simulated machine could not be written: {error.strerror}"
        ) from error


def _load_core(prefix: Path) -> None:
    if (prefix / "sys/module/watchdog").is_dir():
        _write(prefix / _PARAMETER, "1\n")


def _set_watchdogs(prefix: Path, state: str) -> None:
    folder = prefix / "sys/class/watchdog"
    for name in names(folder):
        _write(folder / name / "state", f"{state}\n")


def _note(prefix: Path, event: str, trial: _Trial, at: float, **more: str) -> None:
    """Add a line to warmboot's journal, as the units of a trial do."""
    line = {"event": event, "trial": trial.id, **more, "at": at}
    try:
        fd = open_state(prefix / JOURNAL.lstrip("/"), os.O_WRONLY | os.O_APPEND)
    except OSError:
        return
    try:
        os.write(fd, json.dumps(line).encode() + b"\n")
    finally:
        os.close(fd)


def _read(prefix: Path) -> _Trial | None:
    try:
        return typed(_Trial, json_object(read_state(prefix / TRIAL, _LIMIT) or b""))
    except OSError:
        return None


def _save(prefix: Path, trial: _Trial) -> None:
    _write(prefix / TRIAL, json.dumps(asdict(trial)) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        replace_state(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise WarmbootError(
            f"The simulated machine could not be written: {path}: {error.strerror}"
        ) from error
