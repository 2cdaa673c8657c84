"""Checks of what goes on around the kernel: who is there, what is at work, what may be lost."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.architecture import Architecture, of_machine
from warmboot.core.host import Host
from warmboot.core.host.hardware import watchdogs_go_on
from warmboot.core.host.live_state import LiveState
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.text import plural, printable
from warmboot.core.values import NamedTuple

_SHOWN = 4
_BOOT_SECONDS = 60  # less than this is soon over while a kernel starts
_QUIET_DISPLAYS = frozenset(
    ("virtio_gpu", "virtio-pci", "bochs-drm", "bochs", "qxl", "cirrus", "simple-framebuffer",
     "simpledrm", "efifb", "EFI VGA", "hyperv_drm", "vesafb", "VESA VGA")
)  # fmt: skip


class LiveSubject(NamedTuple):
    """The machine and what goes on on it; `cmdline` that of the plan, None without a plan.

    `panic`: a crash kernel is planned. `fit`: whether the kernel fits was judged, and with it who
    unlocks the root.
    """

    host: Host
    live: LiveState
    cmdline: str | None
    panic: bool = False
    fit: bool = False


LIVE = Group[LiveSubject]()


@LIVE.check(
    "processors",
    "Can all processors but one be stopped?",
    "enable-method in the device tree, /sys/devices/system/cpu/possible, CONFIG_HOTPLUG_CPU",
    for_crash=False,
    rule="cpus_are_stuck_in_kernel() is EBUSY (arch/arm64/kernel/machine_kexec.c)",
)
def processors(subject: LiveSubject) -> Result | None:
    """cpus_are_stuck_in_kernel() of arm64: EBUSY at every load."""
    if of_machine(subject.host.machine) is not Architecture.ARM64:
        return None
    cpus = subject.live.processors
    why = None
    if "kvm-arm.mode=protected" in subject.host.cmdline.split():
        why = "protected KVM holds them (kvm-arm.mode=protected)"
    elif cpus.possible == 1:
        return passed("There is one processor only")
    elif cpus.spin_table:
        why = "firmware starts them by spin-table"
    elif cpus.possible is not None and subject.host.option("HOTPLUG_CPU") is False:
        why = "the kernel was built without CONFIG_HOTPLUG_CPU"
    if why is None:
        return passed("The processors can be stopped")
    return fail(f"The other processors cannot be stopped: {why}", "Reboot through firmware.")


@LIVE.check(
    "ima",
    "Does IMA appraise kernels?",
    "/sys/kernel/security/ima/policy, CONFIG_IMA_ARCH_POLICY",
    rule="func=KEXEC_KERNEL_CHECK appraises kernels (Documentation/ABI/testing/ima_policy)",
)
def ima(subject: LiveSubject) -> Result | None:
    """A memory copy has no security.ima attribute to appraise."""
    if subject.live.ima_appraises:
        return warn(
            "IMA's policy requires a signature on every kernel that kexec loads",
            "Choose a signed kernel that is loaded as it is, or reboot through firmware.",
        )
    if subject.live.ima_appraises is None:
        return None
    return passed("IMA's policy requires nothing of kernels")


@LIVE.check(
    "display", "Will the screen work afterwards?", "/sys/class/drm/*/device/driver, /proc/fb"
)
def display(subject: LiveSubject) -> Result:
    """Graphics drivers that firmware did not set up anew may leave a dark console."""
    drivers = [name for name in subject.live.displays if name not in _QUIET_DISPLAYS]
    if not drivers:
        place = subject.live.hypervisor
        where = f"; this is a virtual machine on {place}" if place else ""
        return passed(f"No graphics card that firmware has to set up{where}")
    return warn(
        f"The screen may stay dark: {_some(drivers)} starts without firmware's help",
        "Make sure that you can log in over the network or a serial line. nomodeset on the command "
        "line may help.",
    )


@LIVE.check(
    "encryption", "Who unlocks the encrypted root?", "/sys/dev/block, LUKS2 header, /etc/crypttab"
)
def encryption(subject: LiveSubject) -> Result | None:
    """A passphrase prompt nobody sees ends a remote restart."""
    if subject.fit:
        return None
    crypt = subject.live.encryption
    if crypt is None:
        return passed("The root file system is not on dm-crypt, as far as can be seen")
    name = printable(crypt.name, 64)
    if crypt.tpm2:
        return warn(
            f"The root file system is on {name} (dm-crypt), unlocked by the TPM",
            "The TPM's registers keep the values of this boot; be ready to type the passphrase.",
        )
    return warn(
        f"The root file system is on {name} (dm-crypt): the new kernel may ask for its passphrase",
        "Make sure that you can reach the console, or that the initrd unlocks it.",
    )


@LIVE.check(
    "hibernation",
    "Does swap hold a hibernated system?",
    "/sys/power/resume, /proc/swaps, the first page of swap",
    forceable=True,
    for_crash=False,
    rule="a kernel that finds the image resumes it unless noresume (kernel/power/hibernate.c)",
)
def hibernation(subject: LiveSubject) -> Result:
    """A new kernel that resumes it writes old memory over changed file systems."""
    found = subject.live.hibernation
    if found.device is None and not found.readable:
        return warn(
            "Swap could not be read, so it is not known whether it holds a hibernated system",
            "Run warmboot as root, or add noresume to the command line.",
        )
    if found.device is None:
        return passed("No hibernated system was found on swap")
    device = printable(found.device, 128)
    if subject.cmdline is not None and "noresume" in subject.cmdline.split():
        return passed(f"{device} holds a hibernated system; noresume leaves it alone")
    return fail(
        f"{device} holds a hibernated system; a kernel that resumes it destroys data",
        "Add noresume (--append noresume), or recreate the swap area with mkswap.",
    )


@LIVE.check("sessions", "Who else is logged in?", "/run/systemd/sessions, utmp(5)", for_crash=False)
def sessions(subject: LiveSubject) -> Result:
    """Their work ends with the running kernel."""
    others = [session for session in subject.host.sessions if not session.own]
    if not others:
        return passed("Nobody else is logged in")
    shown = (
        f"{session.user} on {session.terminal or '?'}"
        + (f" from {session.remote}" if session.remote else "")
        for session in others
    )
    return warn(
        f"{plural(len(others), 'other login')}: {_some(shown)}",
        "Their sessions end with the restart. Warn them first.",
    )


@LIVE.check(
    "inhibitors", "Does a program inhibit the shutdown?", "/run/systemd/inhibit", for_crash=False
)
def inhibitors(subject: LiveSubject) -> Result:
    """systemctl kexec refuses while a program blocks the shutdown."""
    holding = [lock for lock in subject.live.inhibitors if lock.holds_shutdown]
    if not holding:
        return passed("No program inhibits the shutdown")
    shown = (f"{lock.who} ({lock.why})" if lock.why else lock.who for lock in holding)
    return warn(f"The shutdown is inhibited by {_some(shown)}", "Wait until it is done.")


@LIVE.check("jobs", "Does systemd have jobs under way?", "systemctl list-jobs", for_crash=False)
def jobs(subject: LiveSubject) -> Result:
    """A unit that starts or stops now holds the restart up."""
    running = subject.live.jobs
    if not running:
        return passed("systemd has no job under way")
    shown = (f"{job.unit} ({job.type})" for job in running)
    return warn(f"systemd has {plural(len(running), 'job')} under way: {_some(shown)}", "Wait.")


@LIVE.check(
    "mounts", "Are network or FUSE file systems mounted?", "/proc/self/mountinfo", for_crash=False
)
def mounts(subject: LiveSubject) -> Result:
    """They hold unsaved data, and can hold up a shutdown when the network goes first."""
    busy = [mount for mount in subject.live.mounts if mount.busy]
    if not busy:
        return passed("No network or FUSE file system is mounted")
    shown = (f"{mount.point} ({mount.type})" for mount in busy)
    return warn(
        f"{plural(len(busy), 'network or FUSE file system')} mounted: {_some(shown)}",
        "Unmount them, or restart through systemd, which does; not with --now.",
    )


@LIVE.check(
    "raid", "Is a RAID array being rebuilt?", "/sys/block/md*/md/sync_action", for_crash=False
)
def raid(subject: LiveSubject) -> Result:
    """A clean restart loses nothing, but the array has no spare until it is done."""
    if not subject.live.resyncs:
        return passed("No RAID array is being rebuilt")
    shown = (f"{resync.array} ({resync.action})" for resync in subject.live.resyncs)
    return warn(
        f"RAID arrays are being synchronised: {_some(shown)}",
        "Wait until it is done. Otherwise it continues, or starts again, after the restart.",
    )


@LIVE.check(
    "guests",
    "Do virtual machines or containers run here?",
    "/run/systemd/machines, names of processes",
    for_crash=False,
)
def guests(subject: LiveSubject) -> Result:
    """They end with their host."""
    running = subject.live.guests
    if not running:
        return passed("No virtual machine or container was found")
    shown = (guest.name for guest in running)
    kinds = {guest.kind for guest in running}
    kind = kinds.pop() if len(kinds) == 1 else "guest"
    return warn(
        f"{plural(len(running), kind)} running: {_some(shown)}",
        "They end with the restart. Stop or move them first.",
    )


@LIVE.check(
    "package-manager",
    "Is a package manager running?",
    "locks of dpkg, apt, rpm and apk in /proc/locks, of pacman and zypper",
    forceable=True,
)
def package_manager(subject: LiveSubject) -> Result:
    """Kernel and initrd may be half written, and a restart would cut the update off."""
    busy = subject.live.updates.busy
    if not busy:
        return passed("No package manager is running")
    return fail(
        f"{_some(busy)} is running: the kernel or initrd may be half written",
        "Wait until it has finished.",
    )


@LIVE.check(
    "updates",
    "Are updates unfinished or waiting for a restart?",
    "/run/reboot-required, /var/lib/dpkg, /usr/lib/modules",
)
def updates(subject: LiveSubject) -> Result:
    """An initrd that is yet to be made is the old one; a newer kernel waits to be chosen."""
    found = subject.live.updates
    if found.unfinished:
        return warn(
            printable("; ".join(found.unfinished), 400),
            "Run dpkg --configure -a: the initrd may be an old one until then.",
        )
    notes = []
    if found.restart_wanted:
        notes.append("updates wait for a restart")
    release = subject.host.release
    if found.modules and release not in found.modules:
        notes.append(f"the modules of the running kernel {printable(release)} are gone")
    if found.modules:
        from warmboot.core.boot.version_order import newer

        later = [name for name in found.modules if newer(name, release)]
        if later:
            notes.append(f"newer kernels are installed: {_some(later)}")
    text = "; ".join(notes)
    return passed(f"{text[0].upper()}{text[1:]}" if text else "No update is waiting")


@LIVE.check(
    "watchdog",
    "Is a watchdog armed, and what becomes of it?",
    "/sys/class/watchdog/*/state, watchdog.stop_on_reboot",
    rule="the kernel stops watchdogs at a restart, by a reboot notifier, unless "
    "watchdog.stop_on_reboot=0 (drivers/watchdog/watchdog_core.c); after a crash it does not",
)
def watchdog(subject: LiveSubject) -> Result:
    """One that goes on counting resets a machine whose new kernel hangs, or is slow."""
    armed = [dog for dog in subject.live.watchdogs if dog.armed]
    if not armed:
        return passed("No watchdog is armed")
    shown = _some(
        f"{dog.identity or dog.name}{f', {dog.timeout} s' if dog.timeout else ''}" for dog in armed
    )
    if subject.panic:
        return passed(f"A watchdog is armed and goes on counting after a crash: {shown}")
    if not watchdogs_go_on(subject.host.prefix, subject.host.cmdline):
        return passed(
            f"A watchdog is armed ({shown}). With most drivers the kernel stops it at the restart, "
            "so it does not guard the start of the new one; exec --trial makes one that does"
        )
    from warmboot.core.plan.trial.watchdog import DRIVERS  # hardly any machine comes this far

    rows = [DRIVERS.get(dog.module or "") for dog in armed]
    reasons = [row.why_not for row in rows if row is not None and row.why_not]
    if len(reasons) == len(armed):
        return passed(f"A watchdog is armed ({shown}), but does not guard a restart: {reasons[0]}")
    text = f"A watchdog is armed and goes on counting through the restart: {shown}"
    short = [dog for dog in armed if dog.timeout is not None and dog.timeout < _BOOT_SECONDS]
    if not short:
        return passed(text)
    return warn(text, f"The new kernel must take it over within {short[0].timeout} s.")


def _some(items: Iterable[str]) -> str:
    """Return the first items as printable text, and how many there are more."""
    shown = [printable(item, 100) for item in items]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
