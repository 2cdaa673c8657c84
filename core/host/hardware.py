"""Processors, displays, watchdogs and memory areas: what hardware a restart meets."""

from __future__ import annotations

import re
from pathlib import Path

from warmboot.core.host.files import names, number, read_int, read_text
from warmboot.core.rooted import link_target
from warmboot.core.text import printable
from warmboot.core.values import dataclass

_IOMEM = 1 << 20
#: Drivers whose watchdogs have no device that could be asked for its driver, by their identity.
_IDENTITIES = {"Software Watchdog": "softdog", "i6300ESB timer": "i6300esb"}
_CARD_RESET = 0x20


@dataclass(frozen=True)
class Watchdog:
    """A watchdog. `timeout` in seconds, None where the driver does not tell.

    `module` is its driver's, None where that cannot be told; `longest` the longest timeout that the
    driver states. `locked`: it cannot be stopped any more (nowayout). `fired`: it reset the machine
    before this boot (WDIOF_CARDRESET of bootstatus; include/uapi/linux/watchdog.h).
    """

    name: str
    identity: str
    armed: bool
    timeout: int | None
    module: str | None = None
    longest: int | None = None
    locked: bool = False
    fired: bool = False


@dataclass(frozen=True)
class Processors:
    """`possible`: how many the kernel can ever have; `spin_table`: ones that cannot be stopped."""

    possible: int | None
    spin_table: bool


def read_memory(prefix: Path) -> int | None:
    """Return MemTotal of /proc/meminfo in bytes: a little less than there is."""
    for line in (read_text(prefix / "proc/meminfo", 1 << 12) or "").splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal":
            kibibytes = number(value.removesuffix("kB"))
            return None if kibibytes is None else kibibytes << 10
    return None


def read_watchdogs(prefix: Path) -> tuple[Watchdog, ...]:
    """Return those of /sys/class/watchdog; see Documentation/ABI/testing/sysfs-class-watchdog.

    Drivers without that interface are not seen.
    """
    folder = prefix / "sys/class/watchdog"
    found = []
    for name in names(folder):
        state = read_text(folder / name / "state", 32)
        if state is not None:
            found.append(_watchdog(folder / name, state == "active"))
    return tuple(found)


def _watchdog(folder: Path, armed: bool) -> Watchdog:
    identity = printable(read_text(folder / "identity", 128) or "", 80)
    module = _IDENTITIES.get(identity) or link_target(folder / "device/driver/module")
    return Watchdog(
        name=printable(folder.name),
        identity=identity,
        armed=armed,
        timeout=read_int(folder / "timeout"),
        module=module and printable(module),
        longest=read_int(folder / "max_timeout"),
        locked=read_int(folder / "nowayout") == 1,
        fired=bool((read_int(folder / "bootstatus") or 0) & _CARD_RESET),
    )


@dataclass(frozen=True)
class WatchdogCore:
    """What the drivers of watchdogs share. `goes_on`: it does not stop them at a restart.

    `module`: it can be taken out and loaded anew, unlike one that is built in. `users` are the
    modules that use it, `busy` those of them that cannot be taken out now: a program has the
    watchdog open, or it was running when the driver came to it.
    """

    goes_on: bool
    module: bool
    users: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()


def read_watchdog_core(prefix: Path, cmdline: str) -> WatchdogCore:
    """Read /sys/module/watchdog; see Documentation/ABI/testing/sysfs-module."""
    folder = prefix / "sys/module/watchdog"
    users = tuple(printable(name) for name in names(folder / "holders"))
    return WatchdogCore(
        goes_on=watchdogs_go_on(prefix, cmdline),
        module=read_text(folder / "initstate", 32) == "live",
        users=users,
        busy=tuple(one for one in users if read_int(folder.parent / one / "refcnt")),
    )


def watchdogs_go_on(prefix: Path, cmdline: str) -> bool:
    """Whether the running kernel was told not to stop watchdogs when it restarts.

    Source: stop_on_reboot in drivers/watchdog/watchdog_core.c; it cannot be changed while it runs.
    """
    value = read_int(prefix / "sys/module/watchdog/parameters/stop_on_reboot")
    if value is not None:
        return value == 0
    words = [w for w in cmdline.split() if w.startswith("watchdog.stop_on_reboot=")]
    return bool(words) and words[-1].partition("=")[2] == "0"


def read_displays(prefix: Path) -> tuple[str, ...]:
    """Return the drivers of the graphics cards, and of frame buffers that have no card."""
    folder = prefix / "sys/class/drm"
    cards = [name for name in names(folder) if re.fullmatch(r"card[0-9]+", name)]
    drivers = [link_target(folder / name / "device/driver") or "unknown" for name in cards]
    if not drivers:
        lines = (read_text(prefix / "proc/fb", 4096) or "").splitlines()
        drivers = [line.partition(" ")[2].strip() or "unknown" for line in lines]
    return tuple(dict.fromkeys(drivers))


def read_processors(prefix: Path) -> Processors:
    """Read /sys/devices/system/cpu/possible and the device tree's enable-method of each CPU."""
    tree = prefix / "sys/firmware/devicetree/base/cpus"
    methods = {
        (read_text(tree / name / "enable-method", 64) or "").rstrip("\0")
        for name in names(tree)
        if name.startswith("cpu@")
    }
    text = read_text(prefix / "sys/devices/system/cpu/possible", 64)
    last = re.fullmatch(r"(?:[0-9]+-)?([0-9]{1,6})", text or "")
    return Processors(int(last[1]) + 1 if last else None, "spin-table" in methods)


def read_largest_memory(prefix: Path) -> int | None:
    """Return the size of the largest piece of RAM in /proc/iomem, in bytes.

    None where the kernel hides the addresses (from everybody but root).
    """
    largest = 0
    for line in (read_text(prefix / "proc/iomem", _IOMEM) or "").splitlines():
        match = re.fullmatch(r"([0-9a-f]{1,16})-([0-9a-f]{1,16}) : System RAM", line)
        if match:
            largest = max(largest, int(match[2], 16) - int(match[1], 16) + 1)
    return largest if largest > 1 else None
