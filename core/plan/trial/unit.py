"""The dead-man timer: a unit that restarts the new system unless it is stopped in time.

Nothing is installed for it. systemd 256 and later takes the unit as a credential on the command
line (systemd.system-credentials(7), systemd.extra-unit.*); for older ones a small archive behind
the initrd puts it into /run, which survives the change of the root.
"""

from __future__ import annotations

from enum import Enum

from warmboot.core.fit.initramfs import Initramfs
from warmboot.core.payload.cpio_writer import Node, build_cpio
from warmboot.core.plan.trial.target import TargetSystem
from warmboot.core.plan.trial.trial import CHECK_UNIT, CONFIRMED, UNIT
from warmboot.core.plan.trial.watchdog import DRIVERS
from warmboot.core.values import NamedTuple

#: Where the units note what became of the trial.
JOURNAL = "/var/lib/warmboot/journal.jsonl"
_FIRST_CREDENTIAL = 256
_FIRST_REBOOT_IMMEDIATE = 240
_FOLDER = "/run/systemd/system"
_FILE = 0o100644
# IgnoreOnIsolate and the @ let it pass from the initrd into the system, and through emergency mode;
# FailureAction=reboot-immediate does not turn into a kexec, as systemctl reboot would. Confirmed,
# it must not start again: "systemctl default" would do that, as the default target wants it.
_DEAD_MAN = """\
[Unit]
ConditionPathExists=!{confirmed}
DefaultDependencies=no
IgnoreOnIsolate=yes
FailureAction=reboot-immediate
[Service]
RuntimeMaxSec={seconds}
TimeoutStopSec=20
{before}ExecStart=@sleep @wb inf
ExecStopPost=-/bin/sh -c {stopped}
"""
_CHECK = """\
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh -c {script}
"""
_COPY = f"mkdir -p {_FOLDER};cp /etc/systemd/system/warmboot-*.service {_FOLDER}"
# The scripts of initramfs-tools read this file again and again (call_scripts in its functions);
# klibc has cat, and no cp.
_PARAM_CONF = f"""\
[ -e {_FOLDER}/{UNIT} ]||{{
mkdir -p {_FOLDER}
for unit in /warmboot/*;do cat "$unit" >"{_FOLDER}/${{unit##*/}}";done
}}
"""


class Way(Enum):
    """How the unit gets there."""

    CREDENTIAL = "by a credential on the command line (systemd {})"
    PARAM_CONF = "by an archive behind the initrd (initramfs-tools, systemd {})"
    INITRD_UNIT = "by an archive behind the initrd (dracut, systemd {})"


class Carried(NamedTuple):
    """The words and the archive that bring the units into the new system."""

    words: tuple[str, ...]
    segment: bytes


def way_of(target: TargetSystem) -> tuple[Way | None, str]:
    """Return how the unit gets into a system, or None and why it does not."""
    version = target.root_systemd
    if not target.root_known:
        return None, "its root file system is not the one that runs now, so it was not looked at"
    if version is None:
        return None, "there is no systemd on its root file system"
    if version >= _FIRST_CREDENTIAL:
        return Way.CREDENTIAL, ""
    if version < _FIRST_REBOOT_IMMEDIATE:
        return None, f"its systemd {version} is older than {_FIRST_REBOOT_IMMEDIATE}"
    if target.initramfs is Initramfs.INITRAMFS_TOOLS:
        return Way.PARAM_CONF, ""
    if target.initramfs is Initramfs.DRACUT and target.initrd_systemd:
        return Way.INITRD_UNIT, ""
    kind = "there is no initrd"
    if target.initramfs is not Initramfs.NONE:
        kind = f"its initrd is {target.initramfs}"
    return None, f"systemd {version} takes no unit from the command line, and {kind}"


def carry(
    way: Way, target: TargetSystem, trial: str, seconds: int, check: str | None, disarm: str
) -> Carried:
    """Return what brings the units of a trial there.

    `check` is shell that confirms once it succeeds, None without one; `disarm` what stops the
    watchdog then ("" without one).
    """
    before = f"ExecStartPre=-/bin/sh -c {quoted(_COPY)}\n" if way is Way.INITRD_UNIT else ""
    units = {UNIT: dead_man(trial, seconds, before)}
    if check is not None:
        units[CHECK_UNIT] = check_unit(trial, check, disarm)
    wants = [f"systemd.wants={name}" for name in units]
    if way is not Way.PARAM_CONF and target.initrd_systemd:
        wants.insert(0, f"rd.systemd.wants={UNIT}")
    if way is Way.CREDENTIAL:
        credentials = [
            f"systemd.set_credential_binary=systemd.extra-unit.{name}:{_base64(text)}"
            for name, text in units.items()
        ]
        return Carried((*credentials, *wants), b"")
    folder = "etc/systemd/system" if way is Way.INITRD_UNIT else "warmboot"
    files = {f"{folder}/{name}": Node(text.encode(), _FILE) for name, text in units.items()}
    if way is Way.PARAM_CONF:
        files["conf/param.conf"] = Node(_PARAM_CONF.encode(), _FILE)
    return Carried(tuple(wants), build_cpio(files))


def dead_man(trial: str, seconds: int, before: str = "") -> str:
    """Return the unit that restarts the system after `seconds`, and notes so where it can."""
    noted = f'[ "$SERVICE_RESULT" = timeout ]&&{_note("expired", trial)};sync'
    return _DEAD_MAN.format(
        confirmed=CONFIRMED, seconds=seconds, before=before, stopped=quoted(noted)
    )


def check_unit(trial: str, check: str, disarm: str) -> str:
    """Return the unit that confirms: the watchdog first, for one that stays would fire later."""
    stop = f"{disarm}&&" if disarm else ""
    done = f"mkdir -p {CONFIRMED.rpartition('/')[0]};echo {trial}>{CONFIRMED}"
    by = _note("confirmed", trial, ',"by":"health check"')
    script = f"until {check};do sleep 3;done;{stop}systemctl stop {UNIT}&&{{ {done};{by};sync;}}"
    return _CHECK.format(script=quoted(script))


def disarm_script(module: str) -> str:
    """Return shell that stops a watchdog whose driver was kept out of the new kernel.

    It fails where the driver shows none there.
    """
    driver = DRIVERS[module]
    shown = f'modprobe {module}&&grep -q "{driver.identity}" /sys/class/watchdog/*/identity'
    if driver.stops:
        return shown  # loading it stopped it
    same = f'[ "$(cat $w/identity)" = "{driver.identity}" ]'
    stop = f"if {same};then echo V>/dev/${{w##*/}}||exit 1;fi"
    return f"{shown}&&for w in /sys/class/watchdog/*;do {stop};done"


def quoted(script: str) -> str:
    """Return shell as one word of a unit's command; source: systemd.service(5), "COMMAND LINES"."""
    for char, instead in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        script = script.replace(char, instead)
    return f'"{script}"'


def _note(event: str, trial: str, more: str = "") -> str:
    """Return shell that adds a line to warmboot's journal, where this system has it."""
    # As short as can be: it has to fit on the command line, twice.
    return f'echo \'{{"event":"{event}","trial":"{trial}"{more},"at":\'$(date +%s)\'}}\'>>{JOURNAL}'


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()
