"""The step that cannot be taken back: from a staged kernel to the jump into it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from warmboot.core.debug import debug
from warmboot.core.enumeration import StrEnum
from warmboot.core.errors import WarmbootError
from warmboot.core.host import Host
from warmboot.core.host.jobs import Job, read_jobs
from warmboot.core.host.systemd import systemctl
from warmboot.core.load.loader import Loader
from warmboot.core.load.syscalls import reboot_through_firmware
from warmboot.core.programs import find_program, run
from warmboot.core.restart import shutdown
from warmboot.core.text import printable

_SYSTEMCTL_TIMEOUT = 60
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
    over. Raises Refused where the kernel refuses the jump, WarmbootError where systemd does. Where
    all processes were ended before, the machine then restarts through firmware.
    """
    debug("restart: %s", method)
    if method is RestartMethod.SYSTEMD:
        end_by_systemd("kexec", _WITHOUT)
        jobs = read_jobs(Path("/"))
        if last is not None:
            last()
        return jobs
    if method is RestartMethod.PROCESSES:
        shutdown.tell(shutdown.end_everything())
    if last is not None:
        last()
    try:
        loader.execute()
    except WarmbootError as error:
        if method is RestartMethod.PROCESSES:
            _through_firmware(error)
        raise
    return ()


def _through_firmware(error: WarmbootError) -> None:
    """Restart where the jump was refused and nothing runs any more: sshd does not, either.

    systemd does the same (systemd-shutdown(8)). Returns where that is refused too.
    """
    shutdown.say(f"{error.message}. It restarts through firmware.")
    with contextlib.suppress(OSError):
        reboot_through_firmware()


def end_by_systemd(verb: str, hint: str, more: Mapping[str, str] | None = None) -> None:
    """Have ``systemctl VERB`` end the system: ``kexec``, or ``reboot``. It does so in its own time.

    `more` is added to systemctl's environment. Raises WarmbootError with `hint` where systemd does
    not do it.
    """
    program = find_program("systemctl") or "/usr/bin/systemctl"
    try:
        # Without logind it would wait until the shutdown ends it.
        words = [program, "--no-block", verb]
        code, _, said = run(words, _SYSTEMCTL_TIMEOUT, more=more, own_session=True)
    except TimeoutError as error:
        code, said = -signal.SIGKILL, str(error)
    except OSError as error:
        raise WarmbootError(f"systemctl {verb} could not be run: {error}", hint=hint) from error
    debug("systemctl %s ended with %d", verb, code)
    if code != 0 and not stopping(unanswered=code < 0):
        reason = printable(said.strip()[-400:]) or f"exit {code}"
        raise WarmbootError(f"systemctl {verb} failed: {reason}", hint=hint)


def stopping(*, unanswered: bool) -> bool:
    """Whether systemd ends the system, though systemctl did not say that it does.

    It may be ended by the very shutdown that it asked for. A systemd that answers says whether it
    stops; for one that gives no answer `unanswered` is returned: it is past its jobs already where
    systemctl was ended from outside. To take back then what is staged would send the machine to the
    firmware.
    """
    answer = systemctl("show", "--property=SystemState", timeout=_SYSTEMCTL_TIMEOUT)
    if answer is None or answer[0] != 0:
        return unanswered
    return answer[1].strip() == "SystemState=stopping"
