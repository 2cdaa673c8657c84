"""The step that cannot be taken back: from a staged kernel to the jump into it."""

from __future__ import annotations

import os
import subprocess
from enum import StrEnum
from pathlib import Path

from warmboot.core.errors import WarmbootError
from warmboot.core.host import Host
from warmboot.core.host.jobs import Job, read_jobs
from warmboot.core.kexec import errnos, shutdown, syscalls

_SYSTEMCTL_TIMEOUT = 60
_TARGET = "kexec.target"
_WITHOUT = "warmboot exec --now restarts without systemd (services are not stopped)."


class Way(StrEnum):
    """How the running system ends."""

    SYSTEMD = "systemd"
    PROCESSES = "processes"
    AT_ONCE = "at once"
    SIMULATED = "simulated"

    @property
    def text(self) -> str:
        """What happens, for the operator."""
        return _TEXT[self]


_TEXT = {
    Way.SYSTEMD: "systemctl kexec: services are stopped in order",
    Way.PROCESSES: "all processes are ended, disks synced and unmounted, then the jump",
    Way.AT_ONCE: "at once, after syncing the disks; no service is stopped",
    Way.SIMULATED: "simulated: the sandbox comes up in what is staged",
}


def choose_way(host: Host, *, simulated: bool, now: bool) -> Way:
    """Return how the system would end."""
    if simulated:
        return Way.SIMULATED
    if now:
        return Way.AT_ONCE
    return Way.SYSTEMD if host.systemd else Way.PROCESSES


def carry_out(way: Way) -> tuple[Job, ...]:
    """End the system and jump; returns only where systemd does it in its own time.

    Raises Refused where the kernel refuses the jump, WarmbootError where systemd does.
    """
    if way is Way.SYSTEMD:
        return _systemctl()
    if way is Way.PROCESSES:
        shutdown.end_everything()
    jump()
    return ()


def jump() -> None:
    """Sync the disks and call reboot(2); returns only by raising Refused or NothingStaged."""
    os.sync()
    try:
        syscalls.reboot_kexec()
    except OSError as error:
        raise errnos.refusal(error.errno or 0, errnos.EXECUTE, "The restart") from error


def _systemctl() -> tuple[Job, ...]:
    try:
        done = subprocess.run(
            ["systemctl", "kexec"],
            capture_output=True,
            text=True,
            timeout=_SYSTEMCTL_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WarmbootError(f"systemctl kexec could not be run: {error}", hint=_WITHOUT) from error
    jobs = read_jobs(Path("/"))
    # It may be ended by the very shutdown that it asked for; the job says that it was heard.
    if done.returncode != 0 and not any(job.unit == _TARGET for job in jobs):
        reason = done.stderr.strip() or f"exit {done.returncode}"
        raise WarmbootError(f"systemctl kexec failed: {reason}", hint=_WITHOUT)
    return jobs
