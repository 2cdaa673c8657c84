"""What became of the last restart on trial: under way, confirmed, or the machine came back."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.boot.cmdline import root_word
from warmboot.core.boot.cmdline_context import read_cmdline_context
from warmboot.core.boot.root import BootRoot
from warmboot.core.enumeration import StrEnum
from warmboot.core.host import Host
from warmboot.core.host.boot_time import read_boot_time
from warmboot.core.host.files import read_text
from warmboot.core.host.hardware import read_watchdogs
from warmboot.core.host.last_words import BootBefore, LastWords, read_journal, read_panic
from warmboot.core.host.mount_count import MountCount, only_this_system
from warmboot.core.plan.staged import Staged
from warmboot.core.plan.trial.trial import CONFIRMED, Mark, read_mark
from warmboot.core.record.journal import Line
from warmboot.core.rooted import rooted
from warmboot.core.text import clock, printable
from warmboot.core.typed import is_number, typed
from warmboot.core.values import dataclass, field

_CLOCK = 60.0  # seconds that the clock may be set back at boot


class TrialState(StrEnum):
    """How a trial stands."""

    PENDING = "to be confirmed"
    CONFIRMED = "confirmed"
    RETURNED = "came back"


class Cause(StrEnum):
    """Why a machine came back."""

    ASKED = "asked"
    DEAD_MAN = "not confirmed in time"
    PANIC = "panic"
    WATCHDOG = "watchdog"
    BEFORE_ROOT = "before its root was mounted"
    ROOT_ABSENT = "its root is not here"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class TrialOutcome:
    """A trial, `state` and `text` saying how it stands. Times in seconds since the epoch.

    `at` is when the old system was left, None where this system has no record of it. `release` is
    the kernel that was tried. `by` and `confirmed_at` are set where it is confirmed, `cause` where
    the machine came back; `away` is how long it was gone then, in seconds. `last_words` are the new
    system's, None where nothing has them.
    """

    id: str
    state: TrialState
    text: str
    at: float | None
    release: str | None
    by: str | None = None
    confirmed_at: float | None = None
    cause: Cause | None = None
    away: float | None = None
    last_words: LastWords | None = None


#: What ends a trial, as the journal has it: the first of them counts.
_ENDS = ("confirmed", "expired", "reverting")


@dataclass
class _Known:
    """What the journal says of the last trial; `ends` are the lines that end it.

    `root` is what root= was to be, `mounts` how often that was mounted before, None for neither.
    `later` are the boots after it that wrote lines, in order, with the kernels that ran.
    """

    id: str
    at: float
    boot: str | None
    release: str | None
    root: str | None
    mounts: MountCount | None
    ends: list[Line] = field(default_factory=list)
    later: dict[str, object] = field(default_factory=dict)

    def another_between(self, boot_id: str | None) -> bool:
        """Whether the boot `boot_id` came after another one than that of the trial itself."""
        others = [release for boot, release in self.later.items() if boot != boot_id]
        own = bool(others) and (others[0] == self.release or None in (others[0], self.release))
        return len(others) > own

    def ended_by(self, event: str) -> Line | None:
        """Return the line that ended it, where it is of this kind; a later one came too late."""
        return self.ends[0] if self.ends and self.ends[0]["event"] == event else None

    @property
    def confirmed(self) -> Line | None:
        return self.ended_by("confirmed")

    @property
    def expired(self) -> Line | None:
        return self.ended_by("expired")

    @property
    def asked(self) -> Line | None:
        return self.ended_by("reverting")


def last_trial(lines: Iterable[Line], host: Host) -> TrialOutcome | None:
    """Return the last trial, None where there is none that this boot or the last one was about."""
    mark = read_mark(host.cmdline)
    if mark is not None:
        return _in_new_system(mark, _known(lines, mark.id), host)
    known = _known(lines)
    if known is None or known.boot == host.boot_id or known.confirmed is not None:
        return None
    return None if known.another_between(host.boot_id) else _came_back(known, host)


def ending_of_trial(lines: Iterable[Line]) -> str | None:
    """Return what a restart's own lines say of the trial it was, in words; None where it was none.

    A panic and a watchdog write no line.
    """
    known = _known(lines)
    if known is None:
        return None
    if known.confirmed is not None:
        return f"on trial, confirmed by {_who(known.confirmed)}"
    if known.asked is not None:
        return f"on trial, taken back by {_who(known.asked)}"
    return "on trial, not confirmed in time" if known.expired is not None else "on trial"


def _known(lines: Iterable[Line], only: str | None = None) -> _Known | None:
    """Return the last restart if it was on trial; with `only`, that trial, whatever came later."""
    found: _Known | None = None
    armed: Line = {}
    for line in lines:
        event, name = line.get("event"), line.get("trial")
        if event == "arming":
            armed = line
        elif event == "executing" and only in (None, name):
            found = _begun(line, armed if armed.get("trial") == name else {})
        elif found is not None:
            found = _after(found, line)
    return found


def _after(found: _Known, line: Line) -> _Known | None:
    """Return what is known of a trial after one more line; None where it did not take place."""
    event, boot = line.get("event"), line.get("boot_id")
    failed = line.get("step") if event in ("failed", "refused") else None
    if isinstance(boot, str) and boot != found.boot:
        found.later.setdefault(boot, line.get("release"))
    elif failed == "executing":
        return None
    if failed == "reverting":
        found.ends = [one for one in found.ends if one["event"] != "reverting"]
    elif event in _ENDS and line.get("trial") == found.id:
        found.ends.append(line)
    return found


def _begun(line: Line, armed: Line) -> _Known | None:
    name, at, boot = line.get("trial"), line.get("at"), line.get("boot_id")
    if not isinstance(name, str) or not isinstance(at, int | float):
        return None
    staged, plan = Staged.read(line.get("staged")), armed.get("trial_plan")
    return _Known(
        id=name,
        at=at,
        boot=str(boot) if boot else None,
        release=staged.release if staged else None,
        root=root_word(staged.cmdline) if staged else None,
        mounts=typed(MountCount, plan.get("root_mounts")) if isinstance(plan, dict) else None,
    )


def _in_new_system(mark: Mark, known: _Known | None, host: Host) -> TrialOutcome:
    """Return how it stands in a system whose command line says that it is on trial.

    It may be that of an earlier boot, taken over into another entry: its timer runs again, and what
    was confirmed then does not count. A health check writes no boot, but a note that goes with it.
    """
    at = known.at if known else None
    line = known.confirmed if known else None
    note = read_text(rooted(host.prefix) / CONFIRMED.lstrip("/"), 64) or ""
    noted, _, how = printable(note).partition(" ")
    if line is not None and line.get("boot_id") not in (host.boot_id, None):
        line = None
    if noted == mark.id or (line is not None and line.get("boot_id") is not None):
        by = _who(line) if line is not None else how.removeprefix("by ") or "health check"
        when = line.get("at") if line is not None else None
        moment = float(when) if is_number(when) and isinstance(when, int | float) else None
        shown = "" if moment is None else f" at {clock(moment)}"
        text = f"confirmed by {by}{shown}"
        return TrialOutcome(mark.id, TrialState.CONFIRMED, text, at, host.release, by, moment)
    text = "not confirmed yet: warmboot confirm keeps it, warmboot confirm --revert goes back"
    return TrialOutcome(mark.id, TrialState.PENDING, text, at, host.release)


def _came_back(known: _Known, host: Host) -> TrialOutcome:
    started = read_boot_time(host.prefix)
    away = None if started is None or started < known.at - _CLOCK else max(0.0, started - known.at)
    panic = read_panic(host.prefix, known.at - _CLOCK)
    fired = [dog for dog in read_watchdogs(host.prefix) if dog.fired]
    before = BootBefore(panic)
    if panic is None and started is not None:
        before = read_journal(host.prefix, known.at, started, known.boot)
    if known.asked is not None:
        cause, text = Cause.ASKED, f"warmboot confirm --revert, by {_who(known.asked)}"
    elif known.expired is not None:
        cause, text = Cause.DEAD_MAN, "nobody confirmed it in time: the dead-man timer restarted it"
    elif panic is not None:
        cause, text = Cause.PANIC, f"the new kernel panicked ({panic.place})"
    elif fired:
        name = printable(fired[0].module or fired[0].identity or fired[0].name, 64)
        cause, text = Cause.WATCHDOG, f"the watchdog {name} reset the machine (bootstatus)"
    else:
        cause, text = _without_a_record(known, host, before)
    return TrialOutcome(
        known.id,
        TrialState.RETURNED,
        text,
        known.at,
        known.release,
        cause=cause,
        away=away,
        last_words=before.words,
    )


def _without_a_record(known: _Known, host: Host, before: BootBefore) -> tuple[Cause, str]:
    """Return how far the new system came, where nothing noted what ended it, and how that is known.

    A panic that pstore did not get is of this kind, and what an initrd does that finds no root.
    """
    none = "no watchdog fired, pstore has no panic, and the dead-man timer noted nothing"
    if before.words is not None:
        return Cause.UNKNOWN, (
            f"no record says why: {none}. It came as far as its journal, whose last words are kept"
        )
    if known.mounts is not None and only_this_system(known.mounts, host.prefix):
        return Cause.BEFORE_ROOT, (
            "it ended before it mounted its root file system for writing, which has counted no "
            f"mount but this system's since. What ended it is not recorded: {none}"
        )
    if known.root is not None and _is_absent(known.root, host):
        return Cause.ROOT_ABSENT, (
            f"root={printable(known.root, 100)} names no device that is here now. What ended it is "
            f"not recorded: {none}"
        )
    if before.is_left:
        return Cause.UNKNOWN, (
            f"no record says why: {none}. The journal goes from the system that was left to this "
            "one: the new one ended before it wrote any, or seconds later"
        )
    return Cause.UNKNOWN, (
        f"no record says why: {none}. A panic, or an initrd that found no root file system, leaves "
        "no more than that"
    )


def _is_absent(root: str, host: Host) -> bool:
    """Whether a root= names a device that is not here, though that of this system's own is found.

    What only the new system unlocks or assembles is not here either.
    """
    here, own = read_cmdline_context(host.prefix, BootRoot(host.prefix)), root_word(host.cmdline)
    return here.exists(root) is False and own is not None and here.exists(own) is True


def _who(line: Line) -> str:
    """Return who wrote a line: the health check, or a user and where they came from."""
    by = line.get("by")
    if isinstance(by, str):
        return printable(by, 40)
    uid, sudo, remote = line.get("uid"), line.get("sudo_uid"), line.get("ssh_connection")
    who = "root" if uid == 0 else f"uid {printable(str(uid), 12)}"
    if isinstance(sudo, str):
        who += f" (uid {printable(sudo, 12)} by sudo)"
    if isinstance(remote, str) and remote.split():
        who += f" from {printable(remote.split()[0], 64)}"
    return who
