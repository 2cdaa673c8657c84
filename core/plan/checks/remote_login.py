"""Whether a login over the network will be possible after the restart, judged by words alone.

Sources: systemd(1), kernel-command-line(7), systemd-debug-generator(8); init/main.c (init=,
rdinit=); initramfs-tools(7) (break=); dracut.cmdline(7) (rd.break, ip=, bond= and the like);
systemd.net-naming-scheme(7).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from warmboot.core.boot.cmdline import Word, WordGroup
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.command_line import CmdlineSubject
from warmboot.core.text import printable

#: Units that systemd is told to start, and that start no service to log in by.
_SHELL_UNITS = ("rescue", "emergency", "runlevel1", "poweroff", "halt", "reboot", "shutdown",
                "initrd", "exit", "kexec", "sysinit", "basic")  # fmt: skip
_ENDINGS = (".target", ".service")
#: Words for rescue or emergency, which init reads out of the kernel's words and its own.
_SINGLE = ("single", "s", "S", "1", "rescue", "emergency", "-b", "-s")
_SHELLS = ("sh", "bash", "dash", "ash", "busybox", "zsh", "ksh", "mksh", "sulogin", "sash")
#: Words that stop the initrd at a shell on the console.
_BREAKS = ("break", "rd.break", "rd.systemd.unit", "systemd.confirm_spawn")
_SERVERS = ("ssh", "sshd", "sshd@", "dropbear", "network", "networking", "NetworkManager",
            "systemd-networkd", "network-online", "multi-user")  # fmt: skip
#: Words that bring the network up, or give its cards their names.
_NETWORK = ("ip", "nfsaddrs", "ifname", "bond", "bridge", "team", "vlan", "nameserver", "rd.route",
            "rd.neednet", "BOOTIF", "net.ifnames", "biosdevname", "net.naming_scheme",
            "network_config", "cloud_init", "ds", "ipv6.disable", "rd.znet")  # fmt: skip
#: Those of them that change what is there, where the running line does without.
_NAMING = ("ifname", "net.ifnames", "biosdevname", "net.naming_scheme", "ipv6.disable")

REMOTE_LOGIN = Group[CmdlineSubject]()


@REMOTE_LOGIN.check(
    "remote-login",
    "Will you be able to log in over the network again?",
    "your own login, the command line, that of the running kernel",
    forceable=True,
    for_crash=False,
)
def remote_login(subject: CmdlineSubject) -> Iterator[Result]:
    """A machine that nobody can reach stays in the shell that it was sent to."""
    if subject.remote is None:
        return
    known = {word.text for word in subject.running}  # with those somebody logged in
    words = [word for word in subject.words if word.text not in known]
    shut = [printable(word.text, 80) for word in words if _shuts_out(word)]
    if shut:
        yield fail(
            f"You are logged in from {printable(subject.remote, 80)}; with {_listed(shut)} nobody "
            "can log in over the network after the restart",
            "Leave it out, unless you can reach the console (serial line, IPMI, hypervisor).",
        )
    missing, added = _network_changes(subject)
    if missing:
        yield warn(
            f"The running command line has {_listed(missing)} for the network; this one does not",
            "You are logged in over that network. Keep these words, or have a console at hand.",
        )
    if added:
        yield warn(
            f"{_listed(added)} is new here, and may give network cards other names or addresses",
            "You are logged in over the network. Leave it out, or have a console at hand.",
        )
    if not shut and not missing and not added:
        yield passed("Nothing on the command line keeps you from logging in over the network")


def _shuts_out(word: Word) -> bool:
    """Whether a word leads to a shell on the console, or leaves out what lets people in."""
    name, value = word.key, word.value or ""
    if word.value is None and word.name in _SINGLE:
        return True
    if word.group is WordGroup.INIT:
        return False
    if name in ("init", "rdinit"):
        return os.path.basename(value) in _SHELLS
    unit = next((value.removesuffix(end) for end in _ENDINGS if value.endswith(end)), value)
    if name == "systemd.unit":
        return unit in _SHELL_UNITS
    if name == "systemd.mask":
        return unit.removesuffix(".socket") in _SERVERS
    if name == "rd.systemd.unit":
        return unit in _SHELL_UNITS and unit != "initrd"
    return name in _BREAKS and value not in ("0", "no", "false", "off")


def _network_changes(subject: CmdlineSubject) -> tuple[list[str], list[str]]:
    """Return the network's words of the running line that are not here, and new ones."""
    old = [word for word in subject.running if _is_network(word)]
    new = [word for word in subject.kernel_words if _is_network(word)]
    before, after = {word.text for word in old}, {word.text for word in new}
    keys = {word.key for word in old}
    added = (w.text for w in new if w.key in _NAMING and w.key not in keys)
    missing = (text for text in before if text not in after)
    return [printable(text, 80) for text in sorted(missing)], [printable(t, 80) for t in added]


def _is_network(word: Word) -> bool:
    return word.key in _NETWORK and word.group is not WordGroup.INIT


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(words[:4])
    return f"{shown} and {len(words) - 4} more" if len(words) > 4 else shown
