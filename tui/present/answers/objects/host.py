"""The machine in JSON."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.host import Host
from warmboot.core.host.sessions import Session


class LoginFields(TypedDict):
    """Somebody who is logged in."""

    user: Annotated[str, "name of the user"]
    terminal: Annotated[str, "the terminal; empty without"]
    remote: Annotated[str, "the host they come from; empty without"]
    own: Annotated[bool, "whether it is the login that asks"]


class HostFields(TypedDict):
    """Facts of the machine."""

    name: Annotated[str, "its name"]
    machine: Annotated[str, "what uname -m prints"]
    release: Annotated[str, "release of the running kernel"]
    cmdline: Annotated[str, "command line of the running kernel"]
    boot_id: Annotated[str | None, "names the boot it is in; null where not known"]
    uptime: Annotated[float | None, "seconds since it started; null where not known"]
    privileged: Annotated[bool, "whether this process may load kernels and restart"]
    privilege_reachable: Annotated[bool, "whether root may, here"]
    crash_staged: Annotated[bool | None, "whether a crash kernel is; null where not known"]
    crash_size: Annotated[int | None, "bytes kept for a crash kernel; null where not known"]
    load_disabled: Annotated[bool, "whether kexec is switched off until the next boot"]
    load_limit: Annotated[
        int | None, "loads and unloads still allowed, -1 for no limit; null where not stated"
    ]
    load_limit_panic: Annotated[int | None, "the same, of crash kernels"]
    lockdown: Annotated[str | None, "the kernel's lockdown; null where it has none"]
    secure_boot: Annotated[bool | None, "whether secure boot is on; null where not known"]
    setup_mode: Annotated[bool | None, "whether secure boot has no keys; null where not known"]
    systemd: Annotated[bool, "whether systemd runs it"]
    container: Annotated[str | None, "the kind of container this is; null for a machine"]
    sessions: Annotated[list[LoginFields], "who is logged in"]
    log_readable: Annotated[bool, "whether this process may read the kernel's log"]
    kexec_tools: Annotated[str | None, "path of kexec(8); null where it is not installed"]


def host_fields(host: Host) -> HostFields:
    """Return the facts of a machine as answers hold them."""
    return {
        "name": host.name,
        "machine": host.machine,
        "release": host.release,
        "cmdline": host.cmdline,
        "boot_id": host.boot_id,
        "uptime": host.uptime,
        "privileged": host.privileged,
        "privilege_reachable": host.privilege_reachable,
        "crash_staged": host.crash_staged,
        "crash_size": host.crash_size,
        "load_disabled": host.load_disabled,
        "load_limit": host.load_limit,
        "load_limit_panic": host.load_limit_panic,
        "lockdown": host.lockdown,
        "secure_boot": host.secure_boot,
        "setup_mode": host.setup_mode,
        "systemd": host.systemd,
        "container": host.container,
        "sessions": [_login(session) for session in host.sessions],
        "log_readable": host.log_readable,
        "kexec_tools": host.kexec_tools,
    }


def _login(session: Session) -> LoginFields:
    return {
        "user": session.user,
        "terminal": session.terminal,
        "remote": session.remote,
        "own": session.own,
    }
