"""Which watchdog goes on counting through the jump, and resets a kernel that hangs early.

By default none does: the kernel's reboot notifier stops them, unless watchdog.stop_on_reboot=0
(drivers/watchdog/watchdog_core.c). The rows are what was measured, or read in Linux 6.12.
"""

from __future__ import annotations

from collections.abc import Mapping

from warmboot.core.host.hardware import Watchdog, WatchdogCore
from warmboot.core.plan.trial.trial import SHORTEST, WatchdogUse
from warmboot.core.values import NamedTuple

#: Seconds that stopping this system and the jump may take, before the new system's time begins.
BEFORE = 180
#: The option of a kernel whose /sys/class/watchdog says whether one counts.
_SHOWN = "WATCHDOG_SYSFS"


class Driver(NamedTuple):
    """What is known of a driver; `longest` timeout in seconds, `option` builds it into a kernel.

    `identity` is what its watchdogs call themselves.

    `words` keep a new kernel's driver from stopping the watchdog, or from serving it for ever.
    `stops`: a driver that is built in does so whatever the words say. `why_not`: it is of no use.
    """

    longest: int
    option: str
    identity: str = ""
    words: tuple[str, ...] = ()
    stops: bool = False
    why_not: str | None = None


def _blacklist(module: str) -> tuple[str, ...]:
    return (f"modprobe.blacklist={module}",)


_SHORT = "it counts {} at most without being served, which no boot is certain to take less than"
DRIVERS: Mapping[str, Driver] = {
    "i6300esb": Driver(2046, "I6300ESB_WDT", "i6300ESB timer", _blacklist("i6300esb"), stops=True),
    "sp5100_tco": Driver(
        65535, "SP5100_TCO", "SP5100 TCO timer", _blacklist("sp5100_tco"), stops=True
    ),
    # 614 s for version 2, which takes twice the time to bite, 1023 s for version 3
    "iTCO_wdt": Driver(614, "ITCO_WDT", "iTCO_wdt", ("watchdog.handle_boot_enabled=0",)),
    "softdog": Driver(65535, "SOFT_WATCHDOG", why_not="it is a part of the kernel that ends"),
    "ib700wdt": Driver(30, "IB700_WDT", why_not="its driver stops it at every shutdown"),
    "bcm2835_wdt": Driver(16, "BCM2835_WDT", why_not=_SHORT.format("16 s")),
    "sbsa_gwdt": Driver(60, "ARM_SBSA_WATCHDOG", why_not=_SHORT.format("about a minute")),
}


class Judged(NamedTuple):
    """The watchdog that is to be used, or why there is none."""

    use: WatchdogUse | None
    why_not: str


def choose_watchdog(
    watchdogs: tuple[Watchdog, ...],
    core: WatchdogCore,
    seconds: int,
    options: Mapping[str, str] | None,
) -> Judged:
    """Return the first watchdog that covers `seconds` of trial; `options` build the new kernel."""
    if not watchdogs:
        return Judged(None, "this machine shows no watchdog (/sys/class/watchdog)")
    reasons = []
    for dog in watchdogs:
        why_not = _obstacle(dog, core, seconds, options)
        if why_not is None and not core.goes_on:
            why_not = _cannot_reload(watchdogs, core)
        if why_not is None and dog.module is not None:
            words = DRIVERS[dog.module].words
            others = [name for name in core.users if name != dog.module]
            reload = () if core.goes_on else (dog.module, *others)
            return Judged(WatchdogUse(dog.name, dog.module, seconds + BEFORE, reload, words), "")
        reasons.append(f"{dog.module or dog.identity or dog.name}: {why_not}")
    return Judged(None, "; ".join(reasons))


def _obstacle(
    dog: Watchdog, core: WatchdogCore, seconds: int, options: Mapping[str, str] | None
) -> str | None:
    driver = DRIVERS.get(dog.module or "")
    if driver is None:
        return "it was not measured whether it goes on counting through a kexec"
    if driver.why_not is not None:
        return driver.why_not
    if dog.locked:
        return "nowayout is set: once armed it could not be stopped, not even on a failure"
    if dog.armed:
        return "another program holds it (systemd: RuntimeWatchdogSec=), and stops it at the kexec"
    longest = dog.longest or driver.longest
    if seconds + BEFORE > longest:
        room = longest - BEFORE
        fits = f"; --trial {room}s fits" if room >= SHORTEST else ""
        return (
            f"it counts {longest} s at most, and {seconds} s of trial with {BEFORE} s for the "
            f"way there need {seconds + BEFORE} s{fits}"
        )
    if options is None:
        return None
    if options.get(_SHOWN, "n") == "n":
        return f"the new kernel could not show that it is stopped (CONFIG_{_SHOWN} is not set)"
    built = options.get(driver.option, "n")
    if built == "n":
        return f"the new kernel has no driver to stop it with (CONFIG_{driver.option} is not set)"
    if driver.stops and built == "y":
        return f"the new kernel has its driver built in (CONFIG_{driver.option}=y), and stops it"
    return None


def _cannot_reload(watchdogs: tuple[Watchdog, ...], core: WatchdogCore) -> str | None:
    """Why the modules cannot be loaded anew with stop_on_reboot=0, None where they can."""
    if not core.module:
        return (
            "the watchdog core is built into this kernel and stops it at the kexec; boot this "
            "kernel with watchdog.stop_on_reboot=0 on its command line first"
        )
    idle = {dog.module for dog in watchdogs if not dog.armed}
    others = [name for name in core.users if name not in idle or name in core.busy]
    if others:
        return f"the watchdog core cannot be loaded anew while {', '.join(others)} uses it"
    return None
