"""Checks of the running kernel and of what this process may ask of it."""

from __future__ import annotations

from warmboot.core.host import Host
from warmboot.core.host.virtualization import MOUNTS_APART
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.policy import signature_rule, signed_way
from warmboot.core.plan.way import read_dialect
from warmboot.core.text import plural, printable, size

MACHINE = Group[Host]()


@MACHINE.check(
    "privilege",
    "May this process load kernels?",
    "CapEff, CapBnd in /proc/self/status",
    rule="without CAP_SYS_BOOT every call is EPERM (kernel/kexec.c, kexec_load_permitted)",
)
def privilege(host: Host) -> Result:
    """CAP_SYS_BOOT, without which every call is EPERM."""
    if host.privileged:
        return passed("This user may load kernels (CAP_SYS_BOOT)")
    text = "This user may not load kernels (CAP_SYS_BOOT is missing)"
    if not host.privilege_reachable:
        return fail(
            f"{text}, and not even root may: it is outside the bounding set",
            "Run warmboot outside of this container or service.",
        )
    return fail(text, "Run warmboot as root: sudo warmboot.")


@MACHINE.check(
    "container",
    "Is this the machine itself, not a container on it?",
    "/run/systemd/container, /run/host/container-manager, /proc/1/environ, /proc/self/ns, "
    "/proc/1/ns, /proc/1/cgroup, /proc/vz, /.dockerenv",
)
def container(host: Host) -> Result:
    """A restart would take the machine below, with all that others run on it."""
    if host.container is None:
        return passed("This is not a container")
    if host.container == MOUNTS_APART:
        return warn(
            "This process sees other file systems than process 1: a service of its own, or a "
            "container with the machine's processes",
            "In a container, run warmboot on the machine itself: its kernel would be replaced.",
        )
    return fail(
        f"This is a container ({printable(host.container, 64)}): "
        "kexec would restart the machine it runs on",
        "Run warmboot on the machine itself.",
    )


@MACHINE.check(
    "kexec",
    "Does the running kernel have kexec?",
    "/sys/kernel/kexec_loaded, or kexec/loaded",
    rule="/sys/kernel/kexec_loaded is there with CONFIG_KEXEC_CORE (kernel/ksysfs.c)",
)
def kexec(host: Host) -> Result:
    """CONFIG_KEXEC_CORE."""
    if host.staged is not None:
        return passed(f"The running kernel {printable(host.release)} has kexec")
    if host.option("KEXEC_CORE"):
        return fail("The kernel has kexec, but /sys does not show it", "Mount sysfs on /sys.")
    return fail(
        f"The running kernel {printable(host.release)} has no kexec at all",
        "It was built without CONFIG_KEXEC_CORE. Reboot through firmware.",
    )


@MACHINE.check(
    "kexec-enabled",
    "Is kexec switched on?",
    "/proc/sys/kernel/kexec_load_disabled",
    rule="kexec_load_disabled makes every call EPERM and cannot be reset (kernel/kexec_core.c)",
)
def enabled(host: Host) -> Result:
    """The switch goes one way only."""
    if not host.load_disabled:
        return passed("kexec is not switched off")
    return fail(
        "kexec is switched off (kexec_load_disabled is 1)",
        "Only a reboot through firmware switches it on again.",
    )


@MACHINE.check(
    "load-limit",
    "Does the kernel allow another load?",
    "/proc/sys/kernel/kexec_load_limit_reboot",
    for_crash=False,
    rule="every load and unload counts, and at 0 all are EPERM (kernel/kexec_core.c, "
    "kexec_load_permitted)",
)
def load_limit(host: Host) -> Result | None:
    """Every load and unload, failed ones too, uses one up."""
    if host.load_limit is None:
        return None
    if host.load_limit < 0:
        return passed("Loads are not limited")
    if host.load_limit == 0:
        return fail(
            "The limit of loads is used up (kexec_load_limit_reboot is 0)",
            "Only a reboot through firmware resets it.",
        )
    if host.load_limit == 1:
        return warn(
            "The kernel allows 1 more load; what is staged then cannot be unloaded",
            "Choose with care: a refused load uses it up too.",
        )
    return passed(f"The kernel allows {plural(host.load_limit, 'more load')}; an unload counts too")


@MACHINE.check(
    "kexec-calls",
    "Which calls load kernels here?",
    "CONFIG_KEXEC, CONFIG_KEXEC_FILE",
    rule="a call that was not built in is ENOSYS (kernel/Kconfig.kexec)",
)
def calls(host: Host) -> Result | None:
    """kexec_file_load(2) takes files and checks signatures; kexec_load(2) takes memory."""
    file_load, load = host.option("KEXEC_FILE"), host.option("KEXEC")
    dialect = read_dialect(host)
    spoken = f", dialect {dialect}" if dialect else ""
    bpf = f"; BPF parsers for images{spoken}" if dialect or host.option("KEXEC_BPF") else ""
    if file_load is None and load is None:
        return passed(f"The kernel's build options are not readable{bpf}")
    if file_load:
        return passed(f"kexec_file_load(2){' and kexec_load(2)' if load else ''}{bpf}")
    if load:
        tools = f"; {printable(host.kexec_tools)} is there" if host.kexec_tools else ""
        return warn(
            f"kexec_load(2) only (no CONFIG_KEXEC_FILE){tools}",
            "This call checks no signature; a locked-down kernel refuses it.",
        )
    return fail(
        f"The running kernel {printable(host.release)} was built without "
        "CONFIG_KEXEC and CONFIG_KEXEC_FILE",
        "Reboot through firmware.",
    )


@MACHINE.check(
    "signature-policy",
    "Which images does the kernel accept?",
    "/sys/kernel/security/lockdown, SecureBoot and SetupMode in efivars, CONFIG_KEXEC_SIG_FORCE",
    rule="the rules of the check signature, for an image that has none (kernel/kexec_file.c)",
)
def signature_policy(host: Host) -> Result:
    """Says before any image is chosen that an unpacked one will be refused."""
    rule = signature_rule(host, None)
    if rule is None:
        return passed(f"Unsigned images are accepted ({_secure_boot(host)})")
    outcome = "will be refused" if rule.enforced else "may be refused"
    return warn(
        f"An image that is unpacked or split {outcome}: {rule.cause} ({_secure_boot(host)})",
        signed_way(host, read_dialect(host)),
    )


def _secure_boot(host: Host) -> str:
    if host.secure_boot is None:
        return "secure boot unknown"
    if host.secure_boot:
        return "secure boot on"
    return "secure boot in setup mode" if host.setup_mode else "secure boot off"


@MACHINE.check("crash-kernel", "Is a crash kernel ready?", "kexec_crash_loaded, kexec_crash_size")
def crash_kernel(host: Host) -> Result | None:
    """Stated, not judged: the next kernel has to load its own."""
    if host.crash_staged is None:
        return None
    kept = (
        f"{size(host.crash_size)} reserved for it"
        if host.crash_size
        else "no memory is reserved for it"
    )
    if host.crash_staged:
        return passed(f"A crash kernel is loaded ({kept}); it ends with the running kernel")
    return passed(f"No crash kernel is loaded; {kept}")


@MACHINE.check(
    "staged",
    "Is a kernel staged already?",
    "/sys/kernel/kexec_loaded",
    for_crash=False,
    rule="a load that succeeds replaces what is staged (kernel/kexec_file.c)",
)
def staged(host: Host) -> Result | None:
    """There is room for one; a load that succeeds replaces it."""
    if host.staged is None:
        return None
    if not host.staged:
        return passed("Nothing is staged")
    return warn(
        "Another kernel is staged already; it will be replaced",
        "warmboot status shows what it is.",
    )


@MACHINE.check(
    "kernel-log",
    "Can the kernel log be read?",
    "CapEff, kernel.dmesg_restrict",
    rule="kernel.dmesg_restrict wants CAP_SYSLOG (kernel/printk/printk.c)",
)
def kernel_log(host: Host) -> Result:
    """What the kernel logs at a refusal is often the only reason it gives."""
    if host.log_readable:
        return passed("The kernel log can be read")
    return warn(
        "The kernel log cannot be read (CAP_SYSLOG is missing, dmesg_restrict is set)",
        "After a refusal, read dmesg as root.",
    )
