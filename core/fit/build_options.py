"""Build options that matter for a machine that is to come back as it was, and what they mean.

Sources: the Kconfig help of each option; systemd's README (what systemd needs of a kernel).
"""

from __future__ import annotations

from collections.abc import Mapping

from warmboot.core.enumeration import StrEnum
from warmboot.core.host.config import BuildOptions
from warmboot.core.values import NamedTuple


class Turn(StrEnum):
    """What has to happen to an option for its sentence to be true."""

    LOST = "lost"
    GAINED = "gained"
    CHANGED = "changed"


class Row(NamedTuple):
    """An option, the turn that matters, and what is then so, as a sentence.

    Where several names stand in a row, having one of them is enough.
    """

    names: tuple[str, ...]
    turn: Turn
    meaning: str


class OptionDifference(NamedTuple):
    """An option that differs in a way that matters; values are None where it is not set."""

    name: str
    old: str | None
    new: str | None
    turn: Turn
    meaning: str


def _lost(names: str, meaning: str) -> Row:
    return Row(tuple(names.split()), Turn.LOST, meaning)


def _gained(name: str, meaning: str) -> Row:
    return Row((name,), Turn.GAINED, meaning)


def _changed(name: str, meaning: str) -> Row:
    return Row((name,), Turn.CHANGED, meaning)


#: In the order of how much they matter.
ROWS = (
    _lost("KEXEC KEXEC_FILE", "From that kernel you cannot kexec again, only reboot."),
    _lost("MODULES", "It loads no modules at all."),
    _lost("BLK_DEV_INITRD", "It unpacks no initrd."),
    _lost("DEVTMPFS", "It makes no device nodes: systemd does not start without them."),
    _lost("CGROUPS", "systemd does not start without control groups."),
    _lost("UNIX", "It has no local sockets: hardly any service starts."),
    _lost("INOTIFY_USER", "systemd and udev do not start without inotify."),
    _lost("FHANDLE", "systemd and udev do not work without file handles."),
    _lost("TMPFS", "/run and /dev/shm cannot be mounted as systemd needs them."),
    _lost("INET", "It has no network."),
    _lost("IPV6", "It has no IPv6: addresses and routes of it do not come back."),
    _lost("PACKET", "DHCP clients do not get an address without packet sockets."),
    _lost("NETFILTER", "It has no firewall: rules do not load, and every port is open."),
    _lost("NF_TABLES", "nftables rules do not load: ports that they close are open."),
    _lost("BPF_SYSCALL", "BPF programs do not load: address filters of services, CNI plugins."),
    _lost("SECCOMP_FILTER", "Services run without their system call filters, or not at all."),
    _lost("MEMCG", "Memory limits of services and containers do not hold."),
    _lost("NAMESPACES", "Containers and sandboxed services do not start."),
    _lost("USER_NS", "Rootless containers and browser sandboxes do not start."),
    _lost("OVERLAY_FS", "Containers on overlayfs do not start."),
    _lost("BRIDGE", "Bridges for virtual machines and containers cannot be made."),
    _lost("TUN", "VPNs and virtual machines do not get their tun and tap interfaces."),
    _lost("WIREGUARD", "WireGuard tunnels do not come up."),
    _lost("KVM", "Virtual machines do not start, or run without acceleration."),
    _lost("SECURITY_SELINUX", "SELinux policy is not enforced; files get no labels meanwhile."),
    _lost("SECURITY_APPARMOR", "AppArmor profiles are not enforced."),
    _changed("LSM", "Other security modules are at work by default."),
    _lost("SECURITY_LOCKDOWN_LSM", "Lockdown does not protect that kernel from root."),
    _gained("KEXEC_SIG_FORCE", "From that kernel only signed images can be started by kexec."),
    _gained("MODULE_SIG_FORCE", "Modules without a signature are not loaded (DKMS among them)."),
    _lost("WATCHDOG", "No watchdog guards it."),
    _lost("SWAP", "It does not use swap."),
    _lost("AUTOFS_FS AUTOFS4_FS", "Automatic mounts of systemd do not work."),
    _lost("EFIVAR_FS", "Firmware's variables cannot be read or set: no bootctl, no efibootmgr."),
    _lost("TCG_TPM", "The TPM is not seen: what it unlocks stays locked."),
    _lost("IA32_EMULATION COMPAT", "Programs for 32 bits do not run."),
    _lost("ARM64_4K_PAGES", "Memory pages have another size: swap, Btrfs and some programs mind."),
    _lost("ARM64_16K_PAGES", "Memory pages have another size: swap, Btrfs and some programs mind."),
    _lost("ARM64_64K_PAGES", "Memory pages have another size: swap, Btrfs and some programs mind."),
    _lost("PPC_64K_PAGES", "Memory pages have another size: swap, Btrfs and some programs mind."),
    _lost("PREEMPT_RT", "It is not a real-time kernel."),
)


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[OptionDifference, ...]:
    """Return what matters of how the options of `new` differ from those of `old`."""
    if isinstance(old, BuildOptions) and old.same_as(new):
        return ()
    found = []
    for names, turn, meaning in ROWS:
        before = next((name for name in names if name in old), None)
        after = next((name for name in names if name in new), None)
        if turn is Turn.CHANGED:
            applies = before is not None and after is not None and old[before] != new[after]
        elif turn is Turn.LOST:
            applies = before is not None and after is None
        else:
            applies = before is None and after is not None
        if applies:
            name = before or after or names[0]
            found.append(OptionDifference(name, old.get(name), new.get(name), turn, meaning))
    return tuple(found)


def count(old: Mapping[str, str], new: Mapping[str, str]) -> int:
    """Return how many options differ, those that hardly matter too."""
    before, after = dict(old.items()), dict(new.items())
    return sum(before.get(name) != after.get(name) for name in before.keys() | after.keys())
