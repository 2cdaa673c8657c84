"""Checks of a command line against the machine it is for; what cannot be known is not guessed at.

The machine that runs may not see what the new system will: most of what they find is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.architecture import Architecture, of_machine
from warmboot.core.boot.cmdline import Word, WordGroup
from warmboot.core.boot.cmdline_context import CmdlineContext
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.crashkernel import reserve
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

#: Words that may be given again: each of them counts.
_COLLECTED = frozenset((
    "console", "earlycon", "crashkernel", "module_blacklist", "dyndbg", "initcall_blacklist",
    "cryptdevice", "memmap", "mem", "video", "ip", "nfsaddrs", "blacklist", "modprobe_blacklist",
    "hugepages", "hugepagesz", "pci", "rootdelay", "cgroup_disable", "ifname", "bond", "bridge",
    "vlan", "team", "nameserver", "BOOT_IMAGE", "initrd", "hash", "isolcpus", "trace_event",
    "kunit_filter", "acpi", "usbcore.quirks", "fsck.mode", "security", "lsm",
))  # fmt: skip
_COLLECTED_BELOW = ("rd.", "luks.", "systemd.", "acpi_", "mount.", "cxl.", "ima_", "iscsi_")
#: Words that say the opposite of each other, under one name.
_ALIKE = {"ro": "ro or rw", "rw": "ro or rw"}


class CmdlineSubject(NamedTuple):
    """The words of a command line, and what they can be compared with.

    `memory` is that of the machine in bytes, None where it is not known. `running` are the words of
    the running kernel's command line; `remote` is where the operator's login comes from over the
    network, None for a local one. `release` is of the kernel that reads the words, None where that
    is not known.
    """

    words: tuple[Word, ...]
    context: CmdlineContext
    memory: int | None = None
    running: tuple[Word, ...] = ()
    remote: str | None = None
    release: str | None = None

    def last(self, name: str) -> Word | None:
        """Return the last word of this name: the one that counts."""
        return next((word for word in reversed(self.kernel_words) if word.key == name), None)

    @property
    def kernel_words(self) -> tuple[Word, ...]:
        """The words that are the kernel's, without those of init."""
        return tuple(word for word in self.words if word.group is not WordGroup.INIT)


COMMAND_LINE = Group[CmdlineSubject]()


@COMMAND_LINE.check(
    "command-line-root",
    "Does root= name a device that exists?",
    "root= on the command line, /dev and /dev/disk",
    forceable=True,
)
def root(subject: CmdlineSubject) -> Result | None:
    """Without its root file system the new kernel panics, or its initrd waits for ever."""
    word = subject.last("root")
    if word is None:
        finders = ("ostree", "zfs", "nfsroot", "init")
        if any(other.key in finders for other in subject.kernel_words):
            return None
        return warn(
            "There is no root=: only an initrd that finds the root file system itself will work",
            "Add root=UUID=… (findmnt -no UUID /).",
        )
    if not word.value:
        return fail("root= names nothing", "Write root=UUID=… (findmnt -no UUID /).")
    known = subject.context.exists(word.value)
    value = printable(word.value)
    if known is False:
        return warn(
            f"This machine has no {value} now, which root= names",
            "Compare with lsblk -o NAME,UUID,PARTUUID,LABEL. A volume that is still locked, or "
            "that the initrd activates, does not show yet.",
        )
    return passed(f"root= names {value}" + (", which is there" if known else ""))


@COMMAND_LINE.check(
    "command-line-repeated",
    "Is a word given twice with different values?",
    "the command line",
    rule="parse_args() takes words in their order, so that the last one counts (kernel/params.c)",
)
def repeated(subject: CmdlineSubject) -> Iterator[Result]:
    """Of most words the last one counts, and the ones before it are for nothing."""
    given: dict[str, list[Word]] = {}
    for word in subject.kernel_words:
        below = word.key.startswith(_COLLECTED_BELOW) and word.key != "systemd.unit"
        if word.key not in _COLLECTED and not below:
            given.setdefault(_ALIKE.get(word.key, word.key), []).append(word)
    for words in given.values():
        values = dict.fromkeys(word.text for word in words)
        if len(values) > 1:
            yield warn(
                f"{words[0].key}= is given {len(values)} times, differently: "
                f"{printable(', '.join(values), 200)}"
                if words[0].value is not None
                else f"These contradict each other: {printable(', '.join(values), 200)}",
                f"The last one counts ({printable(words[-1].text, 80)}). Keep one of them.",
            )


@COMMAND_LINE.check(
    "command-line-console",
    "Is each console named once, and correctly?",
    "console=, uname(2)",
    rule="the last console= becomes /dev/console (Documentation/admin-guide/serial-console.rst)",
)
def consoles(subject: CmdlineSubject) -> Iterator[Result]:
    """The last console= gets init's output; a port that is not there stays silent."""
    values = [word.value or "" for word in subject.kernel_words if word.key == "console"]
    names = [value.split(",")[0] for value in values]
    for name in sorted({name for name in names if names.count(name) > 1}):
        speeds = {value for value in values if value.split(",")[0] == name}
        what = f"differently: {', '.join(sorted(speeds))}" if len(speeds) > 1 else "twice"
        yield warn(printable(f"console={name} is given {what}"), "Keep one of them.")
    machine = subject.context.machine
    mine = of_machine(machine or "")
    for name in dict.fromkeys(name for name in names if machine and _foreign_port(name, mine)):
        right = mine.facts.serial_console if mine else None
        yield warn(
            printable(f"console={name} is unusual on {machine}"),
            f"Its first serial port is {right.split(',')[0]} on most machines." if right else None,
        )


@COMMAND_LINE.check(
    "command-line-resume",
    "Does resume= name swap space?",
    "resume=, /dev, /proc/swaps",
    rule="resume= names where the image is looked for (kernel/power/hibernate.c)",
)
def resume(subject: CmdlineSubject) -> Result | None:
    """The new system would wait for a device that is not there."""
    word, context = subject.last("resume"), subject.context
    if word is None or not word.value or subject.last("noresume"):
        return None
    if context.exists(word.value) is False:
        return warn(
            printable(f"This machine has no {word.value}, which resume= names"),
            "The new system would wait for it. Remove resume=, or add noresume.",
        )
    if context.swaps is None or subject.last("resume_offset") is not None:
        return None
    real = context.real(word.value)
    if not real.startswith("/dev/") or real in context.swaps:
        return None
    return warn(
        printable(f"resume={word.value} is not swap space in use now"),
        "Compare with swapon --show. Hibernation will not find its image there.",
    )


@COMMAND_LINE.check(
    "command-line-crashkernel",
    "Will the new kernel keep memory for crash dumps?",
    "crashkernel=, /sys/kernel/kexec_crash_size, MemTotal",
    for_crash=False,
    rule="the last value without a suffix counts, else the last ,high; what is malformed keeps "
    "nothing (kernel/crash_reserve.c)",
)
def crashkernel(subject: CmdlineSubject) -> Iterator[Result]:
    """Memory for a crash kernel is set apart at boot only."""
    values = [word.value or "" for word in subject.kernel_words if word.key == "crashkernel"]
    found = reserve(values, subject.memory, subject.release)
    shown = printable(" ".join(f"crashkernel={value}" for value in values), 200)
    if found.problem is not None:
        auto = "auto" in values
        yield warn(
            f"{shown} keeps no memory: {found.problem}",
            "Only kernels of RHEL and CentOS 7 and 8 know auto. Give a size: crashkernel=256M."
            if auto
            else "For example crashkernel=256M, or crashkernel=1G-4G:192M,4G-:256M.",
        )
    elif found.known and not found.size and subject.context.crash_reserved:
        yield warn(
            "Memory is reserved for crash dumps now; the new kernel will reserve none",
            "Add crashkernel= as the running command line has it.",
        )


@COMMAND_LINE.check(
    "command-line-luks",
    "Does something name the encrypted volume that root= is on?",
    "root=, rd.luks.*, cryptdevice=, device-mapper UUIDs",
)
def luks(subject: CmdlineSubject) -> Result | None:
    """Whoever unlocks the volume must know which one."""
    word = subject.last("root")
    value = (word.value if word else None) or ""
    encrypted = subject.context.real(value) in subject.context.encrypted if value else False
    mapper = value.startswith(("/dev/mapper/luks-", "/dev/mapper/crypt"))
    if not encrypted and not mapper:
        return None
    if any(
        other.key.startswith(("rd.luks", "luks.")) or other.key in ("cryptdevice", "cryptroot")
        for other in subject.kernel_words
    ):
        return None
    return warn(
        "The root file system is encrypted, and nothing here names the volume to unlock",
        "That is right where the initrd's own crypttab does; else add rd.luks.uuid= or "
        "cryptdevice=.",
    )


@COMMAND_LINE.check(
    "command-line-machine-id",
    "Is systemd.machine_id= that of the root?",
    "systemd.machine_id=, /etc/machine-id",
)
def machine_id(subject: CmdlineSubject) -> Result | None:
    """The entry may be another system's."""
    word, own = subject.last("systemd.machine_id"), subject.context.machine_id
    if word is None or not word.value or word.value == "firmware" or own is None:
        return None
    if word.value.replace("-", "").lower() == own.lower():
        return None
    return warn(
        "systemd.machine_id= is not the machine ID of this root "
        f"({printable(word.value, 40)}, not {printable(own, 40)})",
        "The entry may be another system's. Check root=.",
    )


def _foreign_port(name: str, mine: Architecture | None) -> bool:
    """Whether a serial port's name belongs to machines of other architectures only."""
    return any(
        name.startswith(driver)
        for other in Architecture
        for driver in other.facts.serial_drivers
        if mine is None or driver not in mine.facts.serial_drivers
    )
