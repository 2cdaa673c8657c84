"""What goes on around the kernel: read on demand, just before a decision."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.guests import Guest, read_guests
from warmboot.core.host.hardware import (
    Processors,
    Watchdog,
    read_displays,
    read_largest_memory,
    read_processors,
    read_watchdogs,
)
from warmboot.core.host.jobs import Inhibitor, Job, read_inhibitors, read_jobs
from warmboot.core.host.mounts import Mount, read_mounts
from warmboot.core.host.security import read_ima_appraises
from warmboot.core.host.storage import (
    Encryption,
    Hibernation,
    Resync,
    read_encryption,
    read_hibernation,
    read_resyncs,
)
from warmboot.core.host.updates import Updates, read_updates
from warmboot.core.host.virtualization import read_cpu_flags, read_hypervisor
from warmboot.core.rooted import rooted
from warmboot.core.values import dataclass


@dataclass(frozen=True)
class LiveState:
    """Facts that take longer to read than a start of the program should wait for.

    `hypervisor` is what runs this machine, None on hardware. `five_level_paging`: x86 page tables
    have five levels now. `ima_appraises`: IMA wants signed kernels; None where unreadable.
    `largest_memory` is the largest piece of RAM in bytes, None where unreadable.
    """

    hypervisor: str | None
    five_level_paging: bool
    processors: Processors
    largest_memory: int | None
    ima_appraises: bool | None
    displays: tuple[str, ...]
    watchdogs: tuple[Watchdog, ...]
    mounts: tuple[Mount, ...]
    encryption: Encryption | None
    hibernation: Hibernation
    resyncs: tuple[Resync, ...]
    guests: tuple[Guest, ...]
    inhibitors: tuple[Inhibitor, ...]
    jobs: tuple[Job, ...]
    updates: Updates


def read_live_state(prefix: Path) -> LiveState:
    """Read all of it below `prefix`; takes some milliseconds, and systemd's answer on top."""
    prefix = rooted(prefix)
    mounts = read_mounts(prefix)
    return LiveState(
        hypervisor=read_hypervisor(prefix),
        five_level_paging="la57" in read_cpu_flags(prefix),
        processors=read_processors(prefix),
        largest_memory=read_largest_memory(prefix),
        ima_appraises=read_ima_appraises(prefix / "sys"),
        displays=read_displays(prefix),
        watchdogs=read_watchdogs(prefix),
        mounts=mounts,
        encryption=read_encryption(prefix, mounts),
        hibernation=read_hibernation(prefix),
        resyncs=read_resyncs(prefix),
        guests=read_guests(prefix),
        inhibitors=read_inhibitors(prefix),
        jobs=tuple(job for job in read_jobs(prefix) if job.state == "running"),
        updates=read_updates(prefix, mounts),
    )
