"""What a trial asks of a machine, and the real one: arming there, and ending the trial later."""

from __future__ import annotations

import time
from pathlib import Path

from warmboot.core.errors import WarmbootError
from warmboot.core.hints import Protocol
from warmboot.core.host.systemd import SKIP_AUTO_KEXEC, systemctl
from warmboot.core.load.syscalls import reboot_through_firmware
from warmboot.core.plan.trial.trial import CHECK_UNIT, UNIT, WatchdogUse
from warmboot.core.restart import shutdown
from warmboot.core.restart.execute import end_by_systemd
from warmboot.core.restart.trial.watchdog import HeldWatchdog, load_again, stop_watchdog
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_STOP_SECONDS = 60.0


class Timer(NamedTuple):
    """The dead-man timer of the running system; `active` is None where systemd does not say.

    `ends` in seconds since the epoch, if known.
    """

    active: bool | None
    ends: float | None = None


class Held(Protocol):
    """A watchdog that is held: it stops when it is closed, unless it was armed."""

    def keep_alive(self) -> None: ...

    def arm(self) -> None: ...

    def disarm(self) -> None: ...

    def close(self) -> None: ...


class TrialHost(Protocol):
    """What a machine does for a trial; every method raises WarmbootError."""

    def hold(self, use: WatchdogUse) -> Held:
        """Start a watchdog, in a way that stops it with this process; see also load_again."""

    def load_again(self, modules: tuple[str, ...]) -> bool:
        """Load modules of watchdogs, and their core, as the system does; False where they are so.

        `hold` loads them otherwise, and may end, or be killed, while they are out.
        """

    def timer(self) -> Timer:
        """Return how the dead-man timer of the running system stands."""

    def stop_watchdog(self, module: str) -> None:
        """Stop the watchdog that counted through the jump."""

    def stop_timer(self) -> None:
        """Stop the dead-man timer; once this returns it does not fire."""

    def restart(self) -> None:
        """Restart through firmware, at once but in order."""


class RealTrialHost:
    """The machine warmboot runs on."""

    def hold(self, use: WatchdogUse) -> Held:
        """See TrialHost."""
        return HeldWatchdog(use)

    def load_again(self, modules: tuple[str, ...]) -> bool:
        """See TrialHost."""
        return load_again(modules)

    def timer(self) -> Timer:
        """Ask systemd; see TrialHost."""
        names = "ActiveState,ActiveEnterTimestampMonotonic,RuntimeMaxUSec"
        fields = _fields(systemctl("show", UNIT, f"--property={names}"))
        state = fields.get("ActiveState")
        active = None if state is None else state in ("active", "activating", "deactivating")
        started = fields.get("ActiveEnterTimestampMonotonic", "")
        limit = _seconds(fields.get("RuntimeMaxUSec", ""))
        if not active or not started.isdigit() or limit is None:
            return Timer(active)
        left = int(started) / 1e6 + limit - time.clock_gettime(time.CLOCK_MONOTONIC)
        return Timer(True, time.time() + left)

    def stop_watchdog(self, module: str) -> None:
        """See TrialHost."""
        stop_watchdog(module)

    def stop_timer(self) -> None:
        """Stop the check before what it would stop."""
        for unit in (CHECK_UNIT, UNIT):
            answer = systemctl("stop", unit, timeout=_STOP_SECONDS)
            missing = answer is not None and "not loaded" in answer[1]
            if answer is None or (answer[0] != 0 and not missing):
                said = "no answer from systemd" if answer is None else printable(answer[1], 200)
                raise WarmbootError(
                    f"{unit} could not be stopped: {said}",
                    hint=f"It still restarts the machine. Try systemctl stop {unit}.",
                )
        # A busy machine may take long for that, too.
        answer = systemctl("show", UNIT, "--property=ActiveState,Result", timeout=_STOP_SECONDS)
        fields = _fields(answer)
        if fields.get("Result") == "timeout":
            raise WarmbootError(
                "The time was over before: the dead-man timer restarts the machine now",
                hint="It comes back in the old kernel. Try it again, with a longer --trial.",
            )
        if fields.get("ActiveState") not in ("inactive", "failed"):
            state = printable(fields.get("ActiveState", "not known"), 40)
            raise WarmbootError(
                f"{UNIT} was told to stop, but is {state}", hint=f"Try systemctl stop {UNIT}."
            )

    def restart(self) -> None:
        """See TrialHost; what is staged is not started by it."""
        if not Path("/run/systemd/system").is_dir():
            shutdown.tell(shutdown.end_everything())
            try:
                reboot_through_firmware()
            except OSError as error:
                raise WarmbootError(f"The restart failed: {error.strerror}") from error
        end_by_systemd("reboot", "Try reboot --force.", {SKIP_AUTO_KEXEC: "1"})


def _fields(answer: tuple[int, str] | None) -> dict[str, str]:
    """Return the properties that ``systemctl show`` printed, none where it gave no answer."""
    lines = answer[1].splitlines() if answer and answer[0] == 0 else ()
    return dict(line.partition("=")[::2] for line in lines)


def _seconds(text: str) -> float | None:
    """Return what ``10min 30s`` of systemctl(1) is in seconds, None for anything else."""
    units = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}
    total = 0.0
    for part in text.split():
        number = part.rstrip("usmindh")
        unit = units.get(part[len(number) :])
        if unit is None or not number.replace(".", "", 1).isdigit():
            return None
        total += float(number) * unit
    return total if text.split() else None
