"""How long a machine will be away, by how long it was before; what no record tells is not known.

Sources: warmboot's journal; ACPI's table of firmware times (Documentation/ABI/testing/
sysfs-firmware-acpi) and the boot loader's own (https://systemd.io/BOOT_LOADER_INTERFACE); systemd
(org.freedesktop.systemd1(5), FinishTimestampMonotonic).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from warmboot.core.boot.loadervars import read_loader_variables
from warmboot.core.host import Host
from warmboot.core.host.files import read_int
from warmboot.core.host.systemd import systemctl
from warmboot.core.record.history import Ending, Step
from warmboot.core.values import NamedTuple

_LAST = 3
_FIRMWARE = "sys/firmware/acpi/fpdt/boot/exitbootservice_end_ns"
_LONGEST = 86400.0  # seconds; more is no time that a start takes
_FINISHED = "FinishTimestampMonotonic"


class Forecast(NamedTuple):
    """What is known of how long a restart takes, in seconds.

    `kexec` are the last times from a restart by kexec to the start of the kernel that came up, the
    newest last. `startup` is how long after its kernel the running system had started everything.
    `firmware` is what firmware and boot loader took when they last started this machine, which a
    kexec saves. None where no record tells.
    """

    kexec: tuple[float, ...] = ()
    startup: float | None = None
    firmware: float | None = None


def read_forecast(steps: Iterable[Step], host: Host) -> Forecast:
    """Return it from a machine's history, oldest step first, and from what runs there now."""
    times = [step.away for step in steps if step.ending is Ending.ARRIVED]
    kexec = tuple(away for away in times if away is not None)[-_LAST:]
    return Forecast(kexec, _startup(host), _firmware(host.prefix))


def _startup(host: Host) -> float | None:
    if host.prefix != Path("/") or not host.systemd:
        return None
    answer = systemctl("show", f"--property={_FINISHED}")
    name, _, value = (answer[1] if answer and answer[0] == 0 else "").strip().partition("=")
    return _seconds(value, 1e-6) if name == _FINISHED else None


def _firmware(prefix: Path) -> float | None:
    nanoseconds = read_int(prefix / _FIRMWARE)
    by_table = None if nanoseconds is None else _seconds(str(nanoseconds), 1e-9)
    return by_table or _seconds(read_loader_variables(prefix).started or "", 1e-6)


def _seconds(text: str, unit: float) -> float | None:
    """Return a time since the start, None for what is none: not a number, zero, or over a day."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    found = int(text) * unit
    return found if 0 < found <= _LONGEST else None
