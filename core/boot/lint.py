"""Checks of a command line against the machine it is for: small, pure, one finding each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from warmboot.core.boot.cmdline import Group, Word, parse
from warmboot.core.boot.devices import Devices
from warmboot.core.text import printable

_TAGS = {
    "UUID": "by-uuid", "PARTUUID": "by-partuuid", "LABEL": "by-label", "PARTLABEL": "by-partlabel",
    "ID": "by-id",
}  # fmt: skip
_ELSEWHERE = ("zfs", "nfs", "live:", "nbd", "iscsi", "gpt-auto", "tmpfs", "overlay", "fstab",
              "dissect", "bind:", "mtd", "ubi", "cifs", "smb", "off")  # fmt: skip
_NUMBER = re.compile(r"[0-9a-fA-F]{3,8}|\d+:\d+")
_SIZE = re.compile(r"\d+[KMGTkmgt]?(@\d+[KMGTkmgt]?)?(,(high|low|cma))?")
_RANGE = re.compile(r"\d+[KMGTkmgt]?-(\d+[KMGTkmgt]?)?:\d+[KMGTkmgt]?")


class Level(StrEnum):
    """How much a finding weighs: the words that a plan's checks use."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Remark:
    """One finding about a command line: `check` names it, `text` says what, `hint` what next."""

    check: str
    level: Level
    text: str
    hint: str | None = None


def lint(cmdline: str, devices: Devices) -> tuple[Remark, ...]:
    """Return what is to be said of a command line; what cannot be known is not guessed at."""
    words = tuple(word for word in parse(cmdline) if word.group is not Group.INIT)
    checks = (_root, _consoles, _resume, _crashkernel, _crypt, _machine_id)
    return tuple(remark for check in checks for remark in check(words, devices))


def _warn(check: str, text: str, hint: str | None = None) -> Remark:
    return Remark(check, Level.WARN, printable(text), hint)


def _last(words: tuple[Word, ...], name: str) -> Word | None:
    """Return the last word of this name: the one that counts."""
    return next((word for word in reversed(words) if word.key == name), None)


def _root(words: tuple[Word, ...], devices: Devices) -> Iterator[Remark]:
    root = _last(words, "root")
    if root is None:
        if any(word.key in ("ostree", "zfs", "nfsroot", "init") for word in words):
            return
        yield _warn(
            "root",
            "There is no root=: only an initrd that finds the root file system itself will work",
            "Add root=UUID=… (findmnt -no UUID /).",
        )
        return
    if not root.value:
        hint = "Write root=UUID=… (findmnt -no UUID /)."
        yield Remark("root", Level.FAIL, "root= names nothing", hint)
    elif _exists(root.value, devices) is False:
        yield _warn(
            "root",
            f"This machine has no {root.value} now, which root= names",
            "Compare with lsblk -o NAME,UUID,PARTUUID,LABEL. A volume that is still locked, or "
            "that the initrd activates, does not show yet.",
        )
    else:
        known = _exists(root.value, devices)
        text = f"root= names {root.value}" + (", which is there" if known else "")
        yield Remark("root", Level.PASS, printable(text))


def _exists(value: str, devices: Devices) -> bool | None:
    """Whether a device is there; None where that cannot be told."""
    tag, equals, name = value.partition("=")
    if equals and tag.upper() in _TAGS:
        links = devices.links.get(_TAGS[tag.upper()])
        name = name.strip('"').split("/PARTNROFF=")[0]
        if links is None:
            return None
        return name in links or name.lower() in {link.lower() for link in links}
    if value.startswith("/dev/disk/"):
        kind, _, rest = value.removeprefix("/dev/disk/").partition("/")
        links = devices.links.get(kind)
        return None if links is None or not rest else rest in links
    if value.startswith("/dev/") and value != "/dev/nfs" and devices.nodes is not None:
        return value in devices.nodes
    if value.lower().startswith(_ELSEWHERE) or _NUMBER.fullmatch(value):
        return None
    return None


def _consoles(words: tuple[Word, ...], devices: Devices) -> Iterator[Remark]:
    consoles = [word.value or "" for word in words if word.key == "console"]
    names = [value.split(",")[0] for value in consoles]
    for name in sorted({name for name in names if names.count(name) > 1}):
        speeds = {value for value in consoles if value.split(",")[0] == name}
        what = f"differently: {', '.join(sorted(speeds))}" if len(speeds) > 1 else "twice"
        yield _warn("console", f"console={name} is given {what}", "Keep one of them.")
    serial = [name for name in names if name[3:4].isupper()]
    wrong = [name for name in serial if devices.machine and not _fits(name, devices.machine)]
    for name in dict.fromkeys(wrong):
        right = serial_console(devices.machine or "")
        yield _warn(
            "console",
            f"console={name} is unusual on {devices.machine}",
            f"Its first serial port is {right.split(',')[0]} on most machines." if right else None,
        )


def serial_console(machine: str) -> str | None:
    """Return the usual value of console= for the first serial port, by what uname -m prints."""
    if machine in ("x86_64", "i686", "i386", "riscv64", "loongarch64", "ppc64le"):
        return "hvc0" if machine == "ppc64le" else "ttyS0,115200"
    return "ttyAMA0,115200" if machine in ("aarch64", "armv7l") else None


def _fits(name: str, machine: str) -> bool:
    """ttyAMA is the PL011 of Arm machines; the other drivers are used on several."""
    return not name.startswith("ttyAMA") or machine in ("aarch64", "armv7l", "armv6l")


def _resume(words: tuple[Word, ...], devices: Devices) -> Iterator[Remark]:
    resume = _last(words, "resume")
    if resume is None or not resume.value or _last(words, "noresume"):
        return
    if _exists(resume.value, devices) is False:
        hint = "The new system would wait for it. Remove resume=, or add noresume."
        yield _warn("resume", f"This machine has no {resume.value}, which resume= names", hint)
    elif devices.swaps is not None and _last(words, "resume_offset") is None:
        real = devices.real(resume.value)
        if real.startswith("/dev/") and real not in devices.swaps:
            hint = "Compare with swapon --show. Hibernation will not find its image there."
            yield _warn("resume", f"resume={resume.value} is no swap space in use now", hint)


def _crashkernel(words: tuple[Word, ...], devices: Devices) -> Iterator[Remark]:
    values = [word.value or "" for word in words if word.key == "crashkernel"]
    for value in values:
        parts = [part.split("@")[0] for part in value.split(",")] if ":" in value else [value]
        good = all(_RANGE.fullmatch(part) or _SIZE.fullmatch(part) for part in parts)
        if not good and value != "auto":
            yield _warn(
                "crashkernel",
                f"crashkernel={value} is no size the kernel understands",
                "For example crashkernel=256M, or crashkernel=1G-4G:192M,4G-:256M.",
            )
    if not values and devices.crash_reserved:
        yield _warn(
            "crashkernel",
            "Memory is reserved for crash dumps now; the new kernel will reserve none",
            "Add crashkernel= as the running command line has it.",
        )


def _crypt(words: tuple[Word, ...], devices: Devices) -> Iterator[Remark]:
    root = _last(words, "root")
    value = (root.value if root else None) or ""
    encrypted = devices.real(value) in devices.encrypted if value else False
    mapper = value.startswith(("/dev/mapper/luks-", "/dev/mapper/crypt"))
    if not encrypted and not mapper:
        return
    unlocks = any(
        word.key.startswith(("rd.luks", "luks.")) or word.key in ("cryptdevice", "cryptroot")
        for word in words
    )
    if not unlocks:
        yield _warn(
            "luks",
            "The root file system is encrypted, and nothing here names the volume to unlock",
            "That is right where the initrd's own crypttab does; else add rd.luks.uuid= or "
            "cryptdevice=.",
        )


def _machine_id(words: tuple[Word, ...], devices: Devices) -> Iterator[Remark]:
    word = _last(words, "systemd.machine_id")
    if word is None or not word.value or word.value == "firmware" or devices.machine_id is None:
        return
    if word.value.replace("-", "").lower() != devices.machine_id.lower():
        yield _warn(
            "machine-id",
            "systemd.machine_id= is not the machine ID of this root "
            f"({word.value[:40]}, not {devices.machine_id})",
            "The entry may be another system's. Check root=.",
        )
