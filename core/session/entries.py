"""What is installed below the boot root of a machine, for a list and for whoever names an entry."""

from __future__ import annotations

from warmboot.core.architecture import of_machine
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot
from warmboot.core.debug import step
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.host.state import STATE

if TYPE_CHECKING:
    from warmboot.core.boot.entry import Listing
    from warmboot.core.boot.listed_entry import Headers, ListedEntry
    from warmboot.core.bpf.abi import Dialect
    from warmboot.core.session.machine import Machine


def find(machine: Machine, root: BootRoot, headers: Headers | None = None) -> Listing:
    """Return what is installed below `root`; `headers` keeps those that are read on the way."""
    running, host = None, machine.host
    if not machine.foreign_root:
        running = Running.read(host.prefix, host.release, host.cmdline, _started(machine))
    with step("search for entries"):
        return find_entries(root, running, of_machine(host.machine), headers)


def rows(machine: Machine, dialect: Dialect | None) -> tuple[Listing, tuple[ListedEntry, ...]]:
    """Return what is installed with its headers, and what stands against each entry.

    `dialect` is what the running kernel's parser interface speaks. Never raises for a bad file.
    """
    from warmboot.core.boot.listed_entry import Headers
    from warmboot.core.plan.startable import with_obstacle

    headers = Headers()
    with machine.root.held() as root:
        listing = find(machine, root, headers)
        found = [headers.row(root, entry) for entry in listing.entries]
        return listing, tuple(with_obstacle(row, root, machine.host, dialect) for row in found)


def _started(machine: Machine) -> str | None:
    """Return the entry that this boot was started into by warmboot, None where it was not."""
    if not (machine.host.prefix / STATE).is_dir():
        return None
    from warmboot.core.record.outcome import last_restart

    outcome = last_restart(machine.journal.lines(), machine.host)
    return outcome.expected.entry if outcome is not None and outcome.arrived else None
