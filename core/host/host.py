"""One value with everything a plan needs to know of the machine.

Every fact is read from a file below a prefix: ``/`` for the machine itself, a directory for a
simulated one. Nothing here needs root; what cannot be read is None. These are read at every start
and must stay cheap; what takes longer is in surroundings.py.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from warmboot.core.host.config import read_config
from warmboot.core.host.files import read_int, read_seconds, read_text
from warmboot.core.host.memory import read_memory_available
from warmboot.core.host.security import read_capabilities, read_efi_flag, read_lockdown
from warmboot.core.host.sessions import Session, read_sessions, remote_login
from warmboot.core.host.virtualization import read_container
from warmboot.core.rooted import rooted
from warmboot.core.values import dataclass

_PROGRAMS = ("usr/sbin", "sbin", "usr/local/sbin", "usr/bin", "bin")


@dataclass(frozen=True)
class Host:
    """Facts about the running machine; see proc(5), Documentation/admin-guide/sysctl/kernel.rst.

    Times in seconds, memory in bytes. `machine` is what ``uname -m`` prints. `load_limit` is the
    number of loads the kernel still allows, -1 for no limit (`load_limit_panic`: of crash
    kernels). `lockdown` is ``none``, ``integrity`` or ``confidentiality``; None where the kernel
    has no lockdown. `privileged` is CAP_SYS_BOOT in effect, `privilege_reachable` whether the
    bounding set lets root have it, `log_readable` whether the kernel log may be read.
    `crash_size` is the memory reserved for a crash kernel. `container` is the kind of container
    this is, None on a machine of its own. `kexec_tools` is the path of kexec(8). `remote` is where
    the login that uses this program comes from over the network; see remote_login.
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
    config: Mapping[str, str] | None
    privilege_reachable: bool = True
    log_readable: bool = True
    load_limit_panic: int | None = None
    crash_size: int | None = None
    setup_mode: bool | None = None
    container: str | None = None
    kexec_tools: str | None = None
    remote: str | None = None

    def option(self, name: str) -> bool | None:
        """Whether a build option is on (y or m); None where the configuration is not readable."""
        if self.config is None:
            return None
        return self.config.get(name) in ("y", "m")


def read_host(prefix: Path) -> Host:
    """Read all facts of the machine below `prefix`."""
    prefix = rooted(prefix)
    proc, sys = prefix / "proc", prefix / "sys"
    kernel = proc / "sys/kernel"
    real = prefix == Path("/")
    sessions = read_sessions(prefix)
    release = os.uname().release if real else read_text(kernel / "osrelease", 256) or "unknown"
    capabilities = read_capabilities(read_text(proc / "self/status", 1 << 16))
    return Host(
        prefix=prefix,
        name=os.uname().nodename if real else read_text(kernel / "hostname", 256) or "unknown",
        machine=os.uname().machine if real else read_text(kernel / "arch", 64) or "unknown",
        release=release,
        boot_id=read_text(kernel / "random/boot_id", 64),
        cmdline=read_text(proc / "cmdline") or "",
        uptime=read_seconds(proc / "uptime"),
        memory_available=read_memory_available(prefix),
        page_size=os.sysconf("SC_PAGE_SIZE"),
        privileged=capabilities.boot,
        staged=read_staged(prefix),
        crash_staged=_flag(sys, "crash_loaded"),
        load_disabled=read_int(kernel / "kexec_load_disabled") == 1,
        load_limit=read_int(kernel / "kexec_load_limit_reboot"),
        lockdown=read_lockdown(sys),
        secure_boot=read_efi_flag(sys, "SecureBoot"),
        systemd=(prefix / "run/systemd/system").is_dir(),
        sessions=sessions,
        config=read_config(prefix, release),
        privilege_reachable=capabilities.boot_reachable,
        log_readable=capabilities.syslog or read_int(kernel / "dmesg_restrict") == 0,
        load_limit_panic=read_int(kernel / "kexec_load_limit_panic"),
        crash_size=_kexec_number(sys, "crash_size"),
        setup_mode=read_efi_flag(sys, "SetupMode"),
        container=read_container(prefix),
        kexec_tools=find_program(prefix, "kexec"),
        remote=remote_login(prefix, sessions),
    )


def read_staged(prefix: Path) -> bool | None:
    """Whether a kernel is staged for execution now; None where the kernel has no kexec."""
    return _flag(prefix / "sys", "loaded")


def find_program(prefix: Path, name: str) -> str | None:
    """Return the path of a system program, looked for where root's PATH leads."""
    for folder in _PROGRAMS:
        path = prefix / folder / name
        if _is_program(path):
            return str(path)
    return None


def _is_program(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _kexec_number(sys: Path, name: str) -> int | None:
    """Read a kexec file where it lives today or where newer kernels put it."""
    for path in (sys / f"kernel/kexec_{name}", sys / f"kernel/kexec/{name}"):
        value = read_int(path)
        if value is not None:
            return value
    return None


def _flag(sys: Path, name: str) -> bool | None:
    value = _kexec_number(sys, name)
    return None if value is None else value == 1
