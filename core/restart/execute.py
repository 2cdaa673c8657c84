"""The step that cannot be taken back: from a staged kernel to the jump into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from warmboot.core.debug import debug
from warmboot.core.enumeration import StrEnum
from warmboot.core.errors import WarmbootError
from warmboot.core.host import Host
from warmboot.core.host.jobs import Job, read_jobs
from warmboot.core.host.systemd import is_stopping
from warmboot.core.load.loader import Loader
from warmboot.core.programs import find_program, run
from warmboot.core.restart import shutdown

_SYSTEMCTL_TIMEOUT = 60
_TARGET = "kexec.target"
_WITHOUT = "warmboot exec --now restarts without systemd (services are not stopped)."


class RestartMethod(StrEnum):
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
    RestartMethod.SYSTEMD: "systemctl kexec: services are stopped in order",
    RestartMethod.PROCESSES: "all processes are ended, disks synced and unmounted, then the jump",
    RestartMethod.AT_ONCE: "at once, after syncing the disks; no service is stopped",
    RestartMethod.SIMULATED: "simulated: the sandbox comes up in what is staged",
}


def choose_method(host: Host, *, simulated: bool, now: bool) -> RestartMethod:
    """Return how the system would end."""
    if simulated:
        return RestartMethod.SIMULATED
    if now:
        return RestartMethod.AT_ONCE
    return RestartMethod.SYSTEMD if host.systemd else RestartMethod.PROCESSES


def carry_out(
    method: RestartMethod, loader: Loader, last: Callable[[], None] | None = None
) -> tuple[Job, ...]:
    """End the system and jump; returns on a simulated machine, or where systemd does it in
    its own time.

    `last` is called when nothing is left but the jump: right before it, or once systemd has taken
    over. Raises Refused where the kernel refuses the jump, WarmbootError where systemd does.
    """
    debug("restart: %s", method)
    if method is RestartMethod.SYSTEMD:
        jobs = _systemctl()
        if last is not None:
            last()
        return jobs
    if method is RestartMethod.PROCESSES:
        shutdown.tell(shutdown.end_everything())
    if last is not None:
        last()
    loader.execute()
    return ()


def _systemctl() -> tuple[Job, ...]:
    try:
        program = find_program("systemctl") or "/usr/bin/systemctl"
        # Without logind it would wait until the shutdown ends it, and call that a failure.
        done = run([program, "--no-block", "kexec"], _SYSTEMCTL_TIMEOUT, own_session=True)
    except OSError as error:
        raise WarmbootError(f"systemctl kexec could not be run: {error}", hint=_WITHOUT) from error
    debug("systemctl kexec ended with %d", done.code)
    jobs = read_jobs(Path("/"))
    # It may be ended by the very shutdown that it asked for; the job says that it was heard.
    heard = any(job.unit == _TARGET for job in jobs)
    if done.code != 0 and not heard and not is_stopping(_SYSTEMCTL_TIMEOUT):
        reason = done.errors.strip() or f"exit {done.code}"
        raise WarmbootError(f"systemctl kexec failed: {reason}", hint=_WITHOUT)
    return jobs
