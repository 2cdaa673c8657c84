"""Whether this machine should be restarted, and why: what runs against what is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.version_order import key, newer
from warmboot.core.enumeration import StrEnum
from warmboot.core.errors import WarmbootError, WrongArgument
from warmboot.core.host import Host
from warmboot.core.host.mounts import read_mounts
from warmboot.core.host.updates import Updates, read_updates
from warmboot.core.payload.inspection import Inspection
from warmboot.core.session.machine import Machine
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple


class Why(StrEnum):
    """Reasons for a restart, by the names that scripts may rely on."""

    NEWER = "newer-installed"
    OTHER_DEFAULT = "other-default"
    REBUILT = "same-release-rebuilt"
    MODULES_GONE = "modules-gone"
    PACKAGES = "packages-ask"


class Reason(NamedTuple):
    """One reason; `entry` is the id of the entry that it speaks of, None without one."""

    why: Why
    text: str
    entry: str | None = None


class NeedsRestart(NamedTuple):
    """What runs, what would be started by itself, what is newest, and the reasons for a restart.

    `newest` is the release of the newest kernel of the running one's flavour that can be started
    here, None where none states its release; `default` that of the boot loader's next choice.
    """

    running: str
    newest: str | None
    default: str | None
    reasons: tuple[Reason, ...]


def needs_restart(
    machine: Machine, rows: Sequence[ListedEntry], inspect: Callable[[str], object]
) -> NeedsRestart:
    """Judge a machine by its entries; `inspect` looks into the kernel of the entry with an id.

    Raises WrongArgument for the root of another system, of which nothing runs here.
    """
    if machine.foreign_root:
        raise WrongArgument(
            "What runs here says nothing of another system's root",
            hint="Leave --root out, or ask on that system.",
        )
    prefix = machine.host.prefix
    updates = read_updates(prefix, read_mounts(prefix))
    return judge(rows, machine.host, updates, lambda entry: _rebuilt(machine.host, entry, inspect))


def judge(
    rows: Sequence[ListedEntry],
    host: Host,
    updates: Updates,
    rebuilt: Callable[[Entry], bool],
) -> NeedsRestart:
    """Judge the entries `rows` against the machine.

    `rebuilt` tells of an entry for the running release whether its kernel is another build; it is
    asked of the likeliest one only, as it may have to unpack it.
    """
    usable = [row for row in rows if row.obstacle is None and _release(row)]
    newest = _newest(usable, host.release)
    chosen = _chosen(rows)
    reasons: list[Reason] = []
    if newest is not None:
        text = f"{printable(_release(newest))} is installed, {printable(host.release)} runs"
        reasons.append(Reason(Why.NEWER, text, newest.entry.id))
    default = _release(chosen) if chosen is not None else None
    if chosen is not None and default and default != host.release:
        text = f"The boot loader would start {printable(default)}"
        reasons.append(Reason(Why.OTHER_DEFAULT, text, chosen.entry.id))
    same = _same(usable, host.release)
    if same is not None and rebuilt(same.entry):
        text = f"The installed {printable(host.release)} is another build than the one that runs"
        reasons.append(Reason(Why.REBUILT, text, same.entry.id))
    if updates.modules and host.release not in updates.modules:
        text = f"The modules of the running kernel {printable(host.release)} are gone"
        reasons.append(Reason(Why.MODULES_GONE, text))
    if updates.restart_wanted:
        reasons.append(Reason(Why.PACKAGES, "A package asked for a restart (/run/reboot-required)"))
    best = newest or same
    return NeedsRestart(host.release, _release(best) if best else None, default, tuple(reasons))


def _rebuilt(host: Host, entry: Entry, inspect: Callable[[str], object]) -> bool:
    """Whether an entry's kernel is another build than the one that runs, where both are known.

    Source: the banner of init/version.c ends in what ``uname -v`` prints.
    """
    build = Running.read(host.prefix, host.release, host.cmdline).build
    if build is None:
        return False
    try:
        found = inspect(entry.id)
    except WarmbootError:
        return False  # a check of its own says that an image is damaged
    payload = found.payload if isinstance(found, Inspection) else None
    banner = payload.banner if payload is not None else None
    return banner is not None and build not in banner


def _release(row: ListedEntry) -> str:
    return row.entry.release or (row.image.release if row.image else None) or ""


def _newest(rows: Sequence[ListedEntry], running: str) -> ListedEntry | None:
    later = [row for row in rows if newer(_release(row), running)]
    return max(later, key=lambda row: key(_release(row)), default=None)


def _chosen(rows: Sequence[ListedEntry]) -> ListedEntry | None:
    """Return what starts next: what is chosen for once, else the default."""
    once = next((row for row in rows if row.entry.next), None)
    return once or next((row for row in rows if row.entry.default), None)


def _same(rows: Sequence[ListedEntry], running: str) -> ListedEntry | None:
    """Return the entry for the running release that is likeliest what runs."""
    same = [row for row in rows if _release(row) == running]
    marked = [row for row in same if row.entry.running] or [r for r in same if r.entry.default]
    return next(iter(marked or same), None)
