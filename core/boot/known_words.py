"""Words of kernel command lines that are often wanted, each with a line that says what it does.

Sources: K is Documentation/admin-guide/kernel-parameters.txt of the kernel, S systemd(1) and
kernel-command-line(7), I initramfs-tools(7), D dracut.cmdline(7), N Documentation/admin-guide/nfs/
nfsroot.rst, W systemd.net-naming-scheme(7), M modprobe(8), P plymouth(8), B biosdevname(1), V
Documentation/watchdog/watchdog-parameters.rst.
"""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot.cmdline import parse
from warmboot.core.values import NamedTuple


class KnownWord(NamedTuple):
    """A word as it is typed, with ``=`` where a value follows; what it does, and who says so."""

    name: str
    text: str
    source: str


_SOURCES = {
    "K": "kernel-parameters.txt", "S": "kernel-command-line(7)", "I": "initramfs-tools(7)",
    "D": "dracut.cmdline(7)", "N": "nfsroot.rst", "W": "systemd.net-naming-scheme(7)",
    "M": "modprobe(8)", "P": "plymouth(8)", "B": "biosdevname(1)", "V": "watchdog-parameters.rst",
}  # fmt: skip

_TABLE = """\
K acpi= | off, noirq, rsdt, …: how far firmware's ACPI tables are used
K apparmor= | 0 switches AppArmor off, 1 on
K audit= | 0 switches the kernel's audit off
B biosdevname= | 0: network cards are not named by biosdevname
I boot= | local or nfs: where the initrd looks for the root file system
I break= | the initrd stops at a shell on the console: top, modules, premount, mount, bottom
K cgroup_disable= | a controller that is not to be there, as memory
K clocksource= | the clock that the kernel goes by, as tsc or hpet
K console= | where messages go, as ttyS0,115200n8; the last one is /dev/console
K crashkernel= | memory kept for a crash kernel, as 256M
K debug | all messages of the kernel, debugging ones too, go to the console
K earlycon | messages before the console's driver is there, by what firmware says
K earlycon= | messages before the console's driver is there, as uart8250,io,0x3f8
S emergency | systemd stops at a root shell, with nothing mounted but the root
S fsck.mode= | auto, force or skip: whether file systems are checked
S fsck.repair= | preen, yes or no: what a check may repair
K hung_task_panic= | 1: a task that hangs for long makes the kernel panic
K ignore_loglevel | all messages go to the console, whatever loglevel says
K init= | the program that the kernel starts in place of init
K initcall_blacklist= | functions of the kernel that are not called at its start
K intel_iommu= | on or off: Intel's IOMMU
K iommu= | off, pt, soft, …: how DMA of devices is translated
N ip= | addresses for the network in the initrd, as dhcp or ADDRESS::GATEWAY:MASK:NAME:CARD:off
K ipv6.disable= | 1: there is no IPv6 at all
K isolcpus= | processors that the scheduler leaves alone
K kvm-arm.mode= | none, nvhe or protected: how KVM runs on arm64
K loglevel= | 0 to 7: messages below this number go to the console
K lsm= | the security modules, in their order
K maxcpus= | how many processors are started
K mem= | memory above this is not used
K memtest= | patterns that memory is tested with at the start
K mitigations= | auto, auto,nosmt or off: mitigations of processor faults
M modprobe.blacklist= | modules that are not loaded for devices by themselves
K module_blacklist= | modules that are never loaded
S net.ifnames= | 0: network cards keep the kernel's names (eth0)
W net.naming_scheme= | the version of systemd's names for network cards
N nfsroot= | the root file system on an NFS server, as SERVER:/PATH
K noapic | the IOAPIC is not used (x86)
K nokaslr | the kernel's address is not random
K nomodeset | no kernel graphics drivers: what firmware set up stays
K noresume | a hibernated system on swap is not resumed
K nosmp | one processor only
K nosmt | no simultaneous multithreading
K oops= | panic: an oops makes the kernel panic
K panic= | seconds until a kernel that panicked restarts; without it, it stays as it is
K panic_on_warn= | 1: a warning makes the kernel panic
K pci= | how PCI is set up, as noaer or nomsi
P plymouth.enable= | 0: no splash screen
K printk.devkmsg= | on, off or ratelimit: messages that programs may log
K quiet | few messages go to the console
D rd.auto | dracut sets up every RAID, LUKS and LVM volume that it finds
D rd.break | the initrd stops at a shell on the console before it switches to the system
D rd.debug | dracut logs each step
D rd.driver.blacklist= | modules that the initrd does not load for devices
D rd.emergency= | reboot, poweroff or halt: what dracut does in place of a shell
D rd.luks.uuid= | the encrypted volume that the initrd unlocks
D rd.lvm.lv= | the logical volume that the initrd activates
D rd.md.uuid= | the array that the initrd assembles
D rd.neednet= | 1: the initrd brings the network up
D rd.retry= | seconds until dracut's queue gives a device up
D rd.shell= | 0: no shell where the initrd fails
D rd.timeout= | seconds until systemd in the initrd gives a device up; 0: never
S rd.systemd.unit= | the unit that systemd starts inside the initrd
K rdinit= | the program that the kernel starts in the initrd
K reboot= | how the machine restarts, as efi, acpi, pci or warm
S rescue | systemd stops at a root shell with local file systems
K resume= | the swap space that holds a hibernated system
K resume_offset= | where in it the swap file begins, in pages
K ro | the root file system is mounted read-only first
K root= | the root file system: a device, UUID=, PARTUUID= or LABEL=
K rootdelay= | seconds to wait before the root file system is mounted
K rootflags= | mount options of the root file system
K rootfstype= | types of the root file system to try
K rootwait | waits until the root file system's device is there, for ever
K rw | the root file system is mounted writable
K security= | the security module, as apparmor or selinux
K selinux= | 0 switches SELinux off
S single | init starts for one user: a root shell
K softlockup_panic= | 1: a processor that is stuck makes the kernel panic
P splash | a splash screen in place of messages
K swiotlb= | size of the buffers for devices that reach little memory
S systemd.crash_reboot= | 1: the machine restarts where systemd itself crashes
S systemd.debug_shell | a root shell on tty9, without a password
S systemd.firstboot= | no: nothing is asked at the first start
S systemd.journald.forward_to_console= | 1: the journal goes to the console, too
S systemd.log_level= | debug, info, notice, …: how much systemd logs
S systemd.log_target= | console, journal, kmsg, …: where systemd logs
S systemd.machine_id= | the machine ID, in place of /etc/machine-id
S systemd.mask= | a unit that is not started
S systemd.show_status= | 1: each unit that starts is shown on the console
S systemd.unit= | the unit that systemd starts, as rescue.target or multi-user.target
S systemd.volatile= | yes, state or overlay: what is forgotten at the next start
S systemd.wants= | a unit that is started beside the others
K threadirqs | interrupts are handled in threads
K transparent_hugepage= | always, madvise or never
K usbcore.autosuspend= | seconds until an idle USB device sleeps; -1 for never
K video= | mode of a screen, as HDMI-A-1:1920x1080@60
V watchdog.handle_boot_enabled= | 0: a watchdog that runs already is not fed by the kernel
V watchdog.open_timeout= | seconds in which a program has to take a running watchdog over
V watchdog.stop_on_reboot= | 0: watchdogs go on counting through a restart
"""


def _rows() -> dict[str, KnownWord]:
    found: dict[str, KnownWord] = {}
    for row in _TABLE.splitlines():
        head, _, text = row.partition(" | ")
        source, _, name = head.partition(" ")
        found.setdefault(name, KnownWord(name, text, _SOURCES[source]))
    return found


#: Every known word by its name, ``=`` included where a value follows.
KNOWN_WORDS = _rows()


def known_word(text: str) -> KnownWord | None:
    """Return what is known of a word of a command line, None for nothing."""
    word = next(iter(parse(text)), None)
    if word is None:
        return None
    names = (f"{word.name}=", word.name) if word.value is not None else (word.name, f"{word.name}=")
    same = (found for name in names for found in _BY_KEY.get(name.replace("-", "_"), ()))
    return next(same, None)


def completions(begun: str, limit: int = 8) -> Sequence[KnownWord]:
    """Return the known words that begin as `begun` does, at most `limit`; none for no letters."""
    if not begun or "=" in begun:
        return ()
    key = begun.replace("-", "_")
    found = [word for name, word in KNOWN_WORDS.items() if name.replace("-", "_").startswith(key)]
    return tuple(found[:limit])


_BY_KEY: dict[str, list[KnownWord]] = {}
for _name, _word in KNOWN_WORDS.items():
    _BY_KEY.setdefault(_name.replace("-", "_"), []).append(_word)
