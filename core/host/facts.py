"""One value with everything a plan needs to know of the machine.

Every fact is read from a file below a prefix: ``/`` for the machine itself, a directory for a
simulated one. Nothing here needs root; what cannot be read is None.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from warmboot.core.host.config import read_config
from warmboot.core.host.files import read_int, read_text
from warmboot.core.host.sessions import Session, read_sessions

_CAP_SYS_BOOT = 22
_SECURE_BOOT = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@dataclass(frozen=True, slots=True)
class Host:
    """Facts about the running machine; see proc(5), Documentation/admin-guide/sysctl/kernel.rst.

    Times in seconds, memory in bytes. `machine` is what ``uname -m`` prints. `load_limit` is the
    number of loads the kernel still allows, -1 for no limit. `lockdown` is ``none``,
    ``integrity`` or ``confidentiality``; None where the kernel has no lockdown.
    """

    prefix: Path
    name: str
    machine: str
    release: str
    boot_id: str | None
    cmdline: str
    uptime: float | None
    memory_available: int | None
    page_size: int
    privileged: bool
    staged: bool | None
    crash_staged: bool | None
    load_disabled: bool
    load_limit: int | None
    lockdown: str | None
    secure_boot: bool | None
    systemd: bool
    sessions: tuple[Session, ...]
    config: dict[str, str] | None

    def option(self, name: str) -> bool | None:
        """Whether a build option is on (y or m); None where the configuration is not readable."""
        if self.config is None:
            return None
        return self.config.get(name) in ("y", "m")


def read_host(prefix: Path) -> Host:
    """Read all facts of the machine below `prefix`."""
    proc, sys = prefix / "proc", prefix / "sys"
    kernel = proc / "sys/kernel"
    real = prefix == Path("/")
    release = os.uname().release if real else read_text(kernel / "osrelease") or "unknown"
    return Host(
        prefix=prefix,
        name=os.uname().nodename if real else read_text(kernel / "hostname") or "unknown",
        machine=os.uname().machine if real else read_text(kernel / "arch") or "unknown",
        release=release,
        boot_id=read_text(kernel / "random/boot_id"),
        cmdline=read_text(proc / "cmdline") or "",
        uptime=_first_number(read_text(proc / "uptime")),
        memory_available=_memory_available(read_text(proc / "meminfo")),
        page_size=os.sysconf("SC_PAGE_SIZE"),
        privileged=_privileged(read_text(proc / "self/status")),
        staged=read_staged(prefix),
        crash_staged=_flag(sys, "crash_loaded"),
        load_disabled=read_int(kernel / "kexec_load_disabled") == 1,
        load_limit=read_int(kernel / "kexec_load_limit_reboot"),
        lockdown=_lockdown(read_text(sys / "kernel/security/lockdown")),
        secure_boot=_secure_boot(sys),
        systemd=(prefix / "run/systemd/system").is_dir(),
        sessions=read_sessions(prefix),
        config=read_config(prefix, release),
    )


def read_staged(prefix: Path) -> bool | None:
    """Whether a kernel is staged for execution now; None where the kernel has no kexec."""
    return _flag(prefix / "sys", "loaded")


def _flag(sys: Path, name: str) -> bool | None:
    """Read a kexec flag where it lives today or where newer kernels put it."""
    for path in (sys / f"kernel/kexec_{name}", sys / f"kernel/kexec/{name}"):
        value = read_int(path)
        if value is not None:
            return value == 1
    return None


def _first_number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text.split()[0])
    except (ValueError, IndexError):
        return None


def _memory_available(text: str | None) -> int | None:
    for line in (text or "").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable" and value.split()[:1] and value.split()[0].isdigit():
            return int(value.split()[0]) * 1024
    return None


def _privileged(status: str | None) -> bool:
    for line in (status or "").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            try:
                return bool(int(value, 16) >> _CAP_SYS_BOOT & 1)
            except ValueError:
                return False
    return False


def _lockdown(text: str | None) -> str | None:
    if text is None:
        return None
    for word in text.split():
        if word.startswith("[") and word.endswith("]"):
            return word[1:-1]
    return None


def _secure_boot(sys: Path) -> bool | None:
    """Read the firmware variable: four bytes of attributes, then the value."""
    try:
        with (sys / "firmware/efi/efivars" / _SECURE_BOOT).open("rb") as file:
            raw = file.read(5)
    except OSError:
        return None
    return len(raw) == 5 and raw[4] == 1
