"""Checks of what goes on around the kernel: who is there, what is at work, what may be lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from warmboot.core.boot.version import compare
from warmboot.core.host import Host
from warmboot.core.host.surroundings import Surroundings
from warmboot.core.images import Architecture
from warmboot.core.kexec.architecture import MACHINES
from warmboot.core.kexec.checks.base import Check, Result, check, fail, passed, warn
from warmboot.core.text import plural, printable

_SHOWN = 4
_QUIET_DISPLAYS = frozenset(
    ("virtio_gpu", "virtio-pci", "bochs-drm", "bochs", "qxl", "cirrus", "simple-framebuffer",
     "simpledrm", "efifb", "EFI VGA", "hyperv_drm", "vesafb", "VESA VGA")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """The machine and its surroundings; `cmdline` that of the plan, None without a plan."""

    host: Host
    around: Surroundings
    cmdline: str | None


@check(
    "processors",
    "Can all processors but one be stopped?",
    "enable-method in the device tree, /sys/devices/system/cpu/possible, CONFIG_HOTPLUG_CPU",
)
def processors(scene: Scene) -> Result | None:
    """cpus_are_stuck_in_kernel() of arm64: EBUSY at every load."""
    if MACHINES.get(scene.host.machine) is not Architecture.ARM64:
        return None
    cpus = scene.around.processors
    why = None
    if "kvm-arm.mode=protected" in scene.host.cmdline.split():
        why = "protected KVM holds them (kvm-arm.mode=protected)"
    elif cpus.possible == 1:
        return passed("There is one processor only")
    elif cpus.spin_table:
        why = "firmware starts them by spin-table"
    elif cpus.possible is not None and scene.host.option("HOTPLUG_CPU") is False:
        why = "the kernel was built without CONFIG_HOTPLUG_CPU"
    if why is None:
        return passed("The processors can be stopped")
    return fail(f"The other processors cannot be stopped: {why}", "Reboot through firmware.")


@check(
    "ima",
    "Does IMA appraise kernels?",
    "/sys/kernel/security/ima/policy, CONFIG_IMA_ARCH_POLICY",
)
def ima(scene: Scene) -> Result | None:
    """A memory copy has no security.ima attribute to appraise."""
    if scene.around.ima_appraises:
        return warn(
            "IMA's policy wants a signature on every kernel that kexec loads",
            "Choose a signed kernel that is loaded as it is, or reboot through firmware.",
        )
    if scene.around.ima_appraises is None:
        return None
    return passed("IMA's policy asks nothing of kernels")


@check("display", "Will the screen work afterwards?", "/sys/class/drm/*/device/driver, /proc/fb")
def display(scene: Scene) -> Result:
    """Graphics drivers that firmware did not set up anew may leave a dark console."""
    drivers = [name for name in scene.around.displays if name not in _QUIET_DISPLAYS]
    if not drivers:
        place = scene.around.hypervisor
        where = f"; this is a virtual machine on {place}" if place else ""
        return passed(f"No graphics card that firmware has to set up{where}")
    return warn(
        f"The screen may stay dark: {_some(drivers)} starts without firmware's help",
        "Have a network or serial way in. nomodeset on the command line may help.",
    )


@check("encryption", "Who opens the encrypted root?", "/sys/dev/block, LUKS2 header, /etc/crypttab")
def encryption(scene: Scene) -> Result:
    """A passphrase prompt nobody sees ends a remote restart."""
    crypt = scene.around.encryption
    if crypt is None:
        return passed("The root file system is not on dm-crypt, as far as can be seen")
    name = printable(crypt.name, 64)
    if crypt.tpm2:
        return warn(
            f"The root file system is on {name} (dm-crypt), opened by the TPM",
            "The TPM's registers keep the values of this boot; be ready to type the passphrase.",
        )
    return warn(
        f"The root file system is on {name} (dm-crypt): the new kernel may ask for its passphrase",
        "Have a way to the console, or an initrd that opens it.",
    )


@check(
    "hibernation",
    "Does swap hold a hibernated system?",
    "/sys/power/resume, /proc/swaps, the first page of swap",
    forceable=True,
)
def hibernation(scene: Scene) -> Result:
    """A new kernel that resumes it writes old memory over changed file systems."""
    found = scene.around.hibernation
    if found.device is None and not found.readable:
        return warn(
            "Swap could not be looked at: whether it holds a hibernated system is not known",
            "Run warmboot as root, or add noresume to the command line.",
        )
    if found.device is None:
        return passed("No hibernated system was found on swap")
    device = printable(found.device, 128)
    if scene.cmdline is not None and "noresume" in scene.cmdline.split():
        return passed(f"{device} holds a hibernated system; noresume leaves it alone")
    return fail(
        f"{device} holds a hibernated system; a kernel that resumes it destroys data",
        "Add noresume (--append noresume), or make the swap area anew with mkswap.",
    )


@check("sessions", "Who else is logged in?", "/run/systemd/sessions, utmp(5)")
def sessions(scene: Scene) -> Result:
    """Their work ends with the running kernel."""
    others = [session for session in scene.host.sessions if not session.own]
    if not others:
        return passed("Nobody else is logged in")
    shown = (
        f"{session.user} on {session.terminal or '?'}"
        + (f" from {session.remote}" if session.remote else "")
        for session in others
    )
    return warn(
        f"{plural(len(others), 'other login')}: {_some(shown)}",
        "They end with the restart. Tell them before.",
    )


@check("inhibitors", "Does a program hold the shutdown?", "/run/systemd/inhibit")
def inhibitors(scene: Scene) -> Result:
    """systemctl kexec refuses while a program blocks the shutdown."""
    holding = [lock for lock in scene.around.inhibitors if lock.holds_shutdown]
    if not holding:
        return passed("No program holds the shutdown")
    shown = (f"{lock.who} ({lock.why})" if lock.why else lock.who for lock in holding)
    return warn(f"The shutdown is held by {_some(shown)}", "Wait until it is done.")


@check("jobs", "Is systemd at work?", "systemctl list-jobs")
def jobs(scene: Scene) -> Result:
    """A unit that starts or stops now holds the restart up."""
    running = scene.around.jobs
    if not running:
        return passed("systemd has no job under way")
    shown = (f"{job.unit} ({job.type})" for job in running)
    return warn(f"systemd has {plural(len(running), 'job')} under way: {_some(shown)}", "Wait.")


@check("mounts", "Are network or FUSE file systems mounted?", "/proc/self/mountinfo")
def mounts(scene: Scene) -> Result:
    """They hold unsaved data, and can hold up a shutdown when the network goes first."""
    busy = [mount for mount in scene.around.mounts if mount.busy]
    if not busy:
        return passed("No network or FUSE file system is mounted")
    shown = (f"{mount.point} ({mount.type})" for mount in busy)
    return warn(
        f"{plural(len(busy), 'network or FUSE file system')} mounted: {_some(shown)}",
        "Unmount them, or restart through systemd, which does; not with --now.",
    )


@check("raid", "Is a RAID array being rebuilt?", "/sys/block/md*/md/sync_action")
def raid(scene: Scene) -> Result:
    """A clean restart loses nothing, but the array has no spare until it is done."""
    if not scene.around.resyncs:
        return passed("No RAID array is being rebuilt")
    shown = (f"{resync.array} ({resync.action})" for resync in scene.around.resyncs)
    return warn(
        f"RAID at work: {_some(shown)}",
        "Wait for it; else it goes on, or starts again, after the restart.",
    )


@check(
    "guests",
    "Do virtual machines or containers run here?",
    "/run/systemd/machines, names of processes",
)
def guests(scene: Scene) -> Result:
    """They end with their host."""
    running = scene.around.guests
    if not running:
        return passed("No virtual machine or container was found")
    shown = (guest.name for guest in running)
    kinds = {guest.kind for guest in running}
    kind = kinds.pop() if len(kinds) == 1 else "guest"
    return warn(
        f"{plural(len(running), kind)} running: {_some(shown)}",
        "They end with the restart. Stop or move them before.",
    )


@check(
    "package-manager",
    "Is a package manager at work?",
    "locks of dpkg, apt, rpm and apk in /proc/locks, of pacman and zypper",
    forceable=True,
)
def package_manager(scene: Scene) -> Result:
    """Kernel and initrd may be half written, and a restart would cut the update off."""
    busy = scene.around.updates.busy
    if not busy:
        return passed("No package manager is at work")
    return fail(
        f"{_some(busy)} is at work: kernel or initrd may be half written",
        "Wait until it has finished.",
    )


@check(
    "updates",
    "Are updates unfinished or waiting for a restart?",
    "/run/reboot-required, /var/lib/dpkg, /usr/lib/modules",
)
def updates(scene: Scene) -> Result:
    """An initrd that is yet to be made is the old one; a newer kernel waits to be chosen."""
    found = scene.around.updates
    if found.unfinished:
        return warn(
            printable("; ".join(found.unfinished), 400),
            "Run dpkg --configure -a: the initrd may be an old one until then.",
        )
    notes = []
    if found.restart_wanted:
        notes.append("updates wait for a restart")
    release = scene.host.release
    if found.modules and release not in found.modules:
        notes.append(f"the modules of the running kernel {printable(release)} are gone")
    newer = [name for name in found.modules if compare(name, release) > 0]
    if newer:
        notes.append(f"newer kernels are installed: {_some(newer)}")
    text = "; ".join(notes)
    return passed(f"{text[0].upper()}{text[1:]}" if text else "No update waits")


@check("watchdog", "Is a watchdog armed?", "/sys/class/watchdog/*/state")
def watchdog(scene: Scene) -> Result:
    """It stays armed across the restart: it resets a machine whose new kernel hangs."""
    armed = scene.around.watchdogs
    if not armed:
        return passed("No watchdog is armed")
    shown = (
        f"{dog.identity or dog.name}{f', {dog.timeout} s' if dog.timeout else ''}" for dog in armed
    )
    return passed(f"A watchdog is armed and stays so: {_some(shown)}")


def _some(items: Iterable[str]) -> str:
    """Return the first items as printable text, and how many there are more."""
    shown = [printable(item, 100) for item in items]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


AROUND: tuple[Check[Scene], ...] = (
    processors,
    ima,
    display,
    encryption,
    hibernation,
    sessions,
    inhibitors,
    jobs,
    mounts,
    raid,
    guests,
    package_manager,
    updates,
    watchdog,
)
