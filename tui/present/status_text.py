"""How the machine stands, in words: what is staged, what is set, what the last restart did."""

from __future__ import annotations

from warmboot.core.bpf.detect import Detection
from warmboot.core.host import Host
from warmboot.core.host.hardware import Watchdog
from warmboot.core.host.systemd import SKIP_AUTO_KEXEC
from warmboot.core.images import Fact
from warmboot.core.plan.staged import Staged
from warmboot.core.session.status import Status
from warmboot.core.text import clock, printable
from warmboot.tui.present.trial_text import outcome_facts


def staged_text(staged: bool | None, what: Staged | None) -> str:
    """Return what is staged in a few words."""
    if staged is None:
        return "this kernel has no kexec"
    if not staged:
        return "nothing"
    if what is None:
        return "a kernel that was not staged by warmboot"
    return printable(what.release or what.kernel)


def status_facts(status: Status) -> list[Fact]:
    """Return what `warmboot status` says before the facts of the machine."""
    what = status.what
    if status.interrupted:
        name = printable(status.interrupted)
        text = f"not known: {name} was interrupted. Stage or unload again"
        if status.holder is not None:
            text = f"not known yet: {name} is under way"
        facts = [Fact("Staged", text)]
    elif status.staged and what is None and not status.readable:
        facts = [Fact("Staged", "a kernel; root can see which")]
    else:
        facts = [Fact("Staged", staged_text(status.staged, what))]
    if not status.readable:
        facts.append(Fact("Restart scheduled", "not known: root can see it"))
    if what is not None:
        facts += [
            Fact("Kernel", printable(what.kernel)),
            Fact("Initrd", printable(" + ".join(what.initrds)) or "none, or inside the image"),
            Fact("Command line", printable(what.cmdline, 8192) or "(empty)"),
            Fact("Staged at", clock(what.at)),
        ]
    if status.reboot_is_kexec:
        facts.append(Fact("systemctl reboot", reboot_text()))
    if status.countdown is not None:
        left = max(0, round(status.countdown.left()))
        facts.append(Fact("Restart scheduled", f"{clock(status.countdown.at)}, in {left} s"))
    if status.attempt is not None:
        said = f"{clock(status.attempt.at)}: {printable(status.attempt.text)}"
        facts.append(Fact("Restart", said))
    if status.holder is not None:
        name = printable(status.holder.command)
        facts.append(Fact("Running command", f"{name} (process {status.holder.pid})"))
    facts += [Fact("Records", printable(problem)) for problem in status.problems]
    facts += _arrival_facts(status)
    facts += outcome_facts(status)
    facts += [Fact("Watchdog", _watchdog_text(dog)) for dog in status.watchdogs]
    return facts


def reboot_text() -> str:
    """Return the warning that a reboot has become a kexec."""
    return (
        "starts the staged kernel too, as systemd does since 2023; "
        f"{SKIP_AUTO_KEXEC}=1 or warmboot unload prevents it"
    )


def _arrival_facts(status: Status) -> list[Fact]:
    arrival = status.last_restart
    if arrival is None:
        return []
    expected = printable(arrival.expected.release or arrival.expected.kernel)
    verdict = f"came up in {expected}" if arrival.arrived else f"{expected} is not running"
    away = "" if arrival.away is None else f", away {arrival.away:.0f} s until the kernel started"
    return [
        Fact("Last restart", f"{clock(arrival.at)}: {verdict} ({printable(arrival.text)}){away}"),
        Fact("Previous kernel", printable(arrival.before or "not known")),
    ]


def _watchdog_text(dog: Watchdog) -> str:
    armed = "armed" if dog.armed else "not armed"
    armed += ", reset this machine before this boot" if dog.fired else ""
    limit = "" if dog.timeout is None else f", {dog.timeout} s"
    return f"{dog.name} {dog.identity}: {armed}{limit}"


def host_facts(host: Host, interface: Detection) -> list[Fact]:
    """Return what `warmboot status` says of the machine."""

    def known(value: bool | None) -> str:
        return "not known" if value is None else "yes" if value else "no"

    limit = "not stated" if host.load_limit is None else f"{host.load_limit}, unloading counts too"
    return [
        Fact("Host", printable(host.name)),
        Fact("Running kernel", printable(f"{host.release} ({host.machine})")),
        Fact("May load kernels", known(host.privileged)),
        Fact("kexec switched off", known(host.load_disabled)),
        Fact("Loads left", "no limit" if host.load_limit == -1 else limit),
        Fact("BPF parsers", _interface_text(interface)),
        Fact("Lockdown", printable(host.lockdown or "none")),
        Fact("Secure boot", known(host.secure_boot)),
        Fact("Container", printable(host.container or "no")),
        Fact("Crash kernel", _crash_kernel(host)),
        Fact("kexec-tools", printable(host.kexec_tools or "not found")),
    ]


def _interface_text(interface: Detection) -> str:
    if interface.dialect is not None:
        return f"the kernel unpacks images by them, dialect {interface.dialect}"
    if interface.offered is None:
        return "not known: " + "; ".join(interface.evidence)
    if interface.offered:
        return "of an unknown dialect, not used: " + "; ".join(interface.evidence)
    return "none: this kernel has no interface for them"


def _crash_kernel(host: Host) -> str:
    if host.crash_staged:
        return "loaded"
    return "not loaded; memory is reserved" if host.crash_size else "none, and no memory reserved"
